/* SPDX-License-Identifier: Apache-2.0 */
/* Differences for a person: what became of the verdict, then what stands in the way now, then every object. */
#include <jansson.h>

#include <unhybrid/text.h>

#include "report/diff.h"

enum { FLUSH_AT = 16 * 1024, SHOWN = 5, VALUE_MAX = 200 /* bytes of a value; JSON has all of it */ };

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

struct screen {
  struct uh_diff *diff;
  const struct uh_report_options *options;
  const struct uh_report_sink *sink;
  struct uh_err *err;
  struct uh_str out;
  int64_t shown;
};

static void screen_clear(struct screen *s) {
  uh_str_clear(&s->out);
}

static int flush(struct screen *s, size_t at) {
  return uh_report_flush(s->sink, &s->out, at, s->err);
}

static void outside(struct screen *s, const char *text) {
  size_t n = strlen(text), shown = n;
  if (n > VALUE_MAX && !s->options->verbose)
    for (shown = VALUE_MAX; shown && ((unsigned char)text[shown] & 0xC0) == 0x80;) shown--;
  uh_terminal_text(&s->out, text, shown);
  if (shown < n) uh_str_add(&s->out, "...");
}

static void heading(struct screen *s, const char *text) {
  uh_str_addf(&s->out, "\n%s%s%s\n\n", s->options->color ? BOLD : "", text, s->options->color ? PLAIN : "");
}

static int64_t limit(const struct screen *s) {
  return s->options->limit ? s->options->limit : s->options->verbose ? 0 : SHOWN;
}

static void rest(struct screen *s, int64_t all) {
  if (all > s->shown) uh_str_addf(&s->out, "  and %lld more\n", (long long)(all - s->shown));
}

/* ---- the parts ---- */

static void observed(struct screen *s, const char *name, const struct uh_results_head *h) {
  const char *slash = strrchr(h->facts_path, '/');
  char when[UH_TIME_TEXT];
  uh_str_addf(&s->out, "%s  %s  %-13s ", name, uh_time_text(h->observed_at, when), uh_verdict_name(h->verdict));
  outside(s, slash ? slash + 1 : h->facts_path);
  uh_str_add(&s->out, h->interrupted ? "  (cut off)\n" : "\n");
}

static int each_check(void *user, const struct uh_diff_check *c) {
  struct screen *s = user;
  uh_str_addf(&s->out, "  %s (%s): ", c->id, c->severity);
  for (int i = 0; i < 2; i++) {
    uh_str_addf(&s->out, "%s%s", i ? " -> " : "", c->status[i] ? c->status[i] : "not judged");
    if (c->status[i] && c->findings[i])
      uh_str_addf(&s->out, ", %s%lld found", c->complete[i] ? "" : "at least ", (long long)c->findings[i]);
    else if (c->status[i] && !c->complete[i] && strcmp(c->status[i], "unknown") != 0)
      uh_str_add(&s->out, ", not in full");
  }
  uh_str_addc(&s->out, '\n');
  return flush(s, FLUSH_AT);
}

static int each_set(void *user, const struct uh_diff_set *set) {
  struct screen *s = user;
  uh_str_add(&s->out, "  ");
  outside(s, set->side);
  uh_str_addc(&s->out, ':');
  outside(s, set->name);
  if (*set->part) uh_str_addc(&s->out, ' ');
  outside(s, set->part);
  uh_str_addf(&s->out, " (%s): %s -> %s", set->source, set->state[0] ? set->state[0] : "not asked for",
              set->state[1] ? set->state[1] : "not asked for");
  if (*set->why) uh_str_add(&s->out, ": ");
  outside(s, set->why);
  uh_str_addc(&s->out, '\n');
  return flush(s, FLUSH_AT);
}

static int each_finding(void *user, const struct uh_diff_finding *f) {
  struct screen *s = user;
  s->shown++;
  uh_str_addf(&s->out, "  %s  ", f->check);
  outside(s, f->object);
  uh_str_add(&s->out, "\n      ");
  if (f->message[0] && f->message[1] && strcmp(f->message[0], f->message[1]) != 0) {
    uh_str_add(&s->out, "was: ");
    outside(s, f->message[0]);
    uh_str_add(&s->out, "\n      is:  ");
  }
  outside(s, f->message[1] ? f->message[1] : f->message[0]);
  if (f->message[0] && f->message[1] && strcmp(f->message[0], f->message[1]) == 0) {
    uh_str_add(&s->out, "\n      was: ");
    outside(s, f->evidence_json[0] ? f->evidence_json[0] : "");
    uh_str_add(&s->out, "\n      is:  ");
    outside(s, f->evidence_json[1] ? f->evidence_json[1] : "");
  }
  uh_str_addc(&s->out, '\n');
  return flush(s, FLUSH_AT);
}

static void value(struct screen *s, const json_t *v) {
  const char *answer = json_string_value(json_object_get(v, "@answer"));
  if (answer) {
    uh_str_addf(&s->out, "(%s)", answer);
  } else if (json_is_null(v) || (json_is_string(v) && !*json_string_value(v))) {
    uh_str_add(&s->out, "none");
  } else if (json_is_string(v)) {
    outside(s, json_string_value(v));
  } else {
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    outside(s, text ? text : "");
    if (!text) s->out.failed = true;
    free(text);
  }
}

static int each_object(void *user, const struct uh_diff_object *o) {
  struct screen *s = user;
  json_t *properties = json_loads(o->properties_json, JSON_ALLOW_NUL, NULL), *pair;
  const char *name;
  s->shown++;
  uh_str_add(&s->out, "  ");
  outside(s, o->side);
  uh_str_addc(&s->out, ' ');
  outside(s, o->kind);
  uh_str_add(&s->out, "  ");
  outside(s, o->object);
  uh_str_addc(&s->out, '\n');
  json_object_foreach(properties, name, pair) {
    uh_str_add(&s->out, "      ");
    outside(s, name);
    uh_str_add(&s->out, ": ");
    value(s, json_object_get(pair, "old"));
    uh_str_add(&s->out, " -> ");
    value(s, json_object_get(pair, "new"));
    uh_str_addc(&s->out, '\n');
  }
  json_decref(properties);
  return flush(s, FLUSH_AT);
}

/* ---- all of it ---- */

static const char *const finding_headings[] = {"New findings", "Findings that are gone", "Findings that have changed",
                                               "Findings of before that could not be looked at this time",
                                               "Findings that nobody could look for before"};
static const char *const object_headings[] = {"New objects", "Objects that are gone", "Objects that have changed",
                                              "Not seen this time: whether they are gone or have changed is not known",
                                              "Not seen before: whether they are new or have changed is not known"};

static int findings(struct screen *s, const struct uh_diff_head *h) {
  for (int i = 0; i < UH_DIFF_CHANGES; i++) {
    if (!h->findings[i]) continue;
    heading(s, finding_headings[i]);
    s->shown = 0;
    if (uh_diff_findings(s->diff, (enum uh_change)i, limit(s), each_finding, s, s->err) < 0) return -1;
    rest(s, h->findings[i]);
  }
  return 0;
}

static int objects(struct screen *s, const struct uh_diff_head *h) {
  for (int i = 0; i < UH_DIFF_CHANGES; i++) {
    if (!h->objects[i]) continue;
    heading(s, object_headings[i]);
    s->shown = 0;
    if (uh_diff_objects(s->diff, (enum uh_change)i, limit(s), each_object, s, s->err) < 0) return -1;
    rest(s, h->objects[i]);
  }
  return 0;
}

static int each_alarm(void *user, const struct uh_diff_object *o) {
  struct screen *s = user;
  s->shown++;
  uh_str_add(&s->out, "  ");
  outside(s, o->object);
  uh_str_addc(&s->out, '\n');
  return flush(s, FLUSH_AT);
}

static int alarm(struct screen *s, enum uh_change change, int64_t n, const char *what) {
  const struct uh_report_options *o = s->options;
  if (!n) return 0;
  uh_str_addf(&s->out, "%s%sALARM%s: %lld %s.\n", o->quiet ? "" : "\n", o->color ? BOLD : "", o->color ? PLAIN : "",
              (long long)n, what);
  s->shown = 0;
  if (o->quiet) return 0;
  if (uh_diff_alarms(s->diff, change, limit(s), each_alarm, s, s->err) < 0) return -1;
  rest(s, n);
  return 0;
}

static void last_line(struct screen *s, const struct uh_diff_head *h) {
  int64_t findings = 0, objects = 0;
  for (int i = 0; i < UH_DIFF_CHANGES; i++) {
    findings += h->findings[i];
    objects += h->objects[i];
  }
  const char *before = uh_verdict_name(h->before->verdict), *after = uh_verdict_name(h->after->verdict);
  if (!h->any)
    uh_str_addf(&s->out, "%sNo difference. Verdict: %s.\n", s->options->quiet ? "" : "\n", after);
  else
    uh_str_addf(&s->out, "%sVerdict: %s -> %s. Differences: %lld checks, %lld sets, %lld findings, %lld objects.\n",
                s->options->quiet ? "" : "\n", before, after, (long long)h->checks, (long long)h->sets,
                (long long)findings, (long long)objects);
}

int uh_diff_render_terminal(struct uh_diff *diff, const struct uh_report_options *options,
                            const struct uh_report_sink *sink, struct uh_err *err) {
  UH_CLEANUP(screen_clear) struct screen s = {.diff = diff, .options = options, .sink = sink, .err = err};
  const struct uh_diff_head *h = uh_diff_head(diff);
  if (!options->quiet) {
    outside(&s, h->after->organization);
    uh_str_add(&s.out, "\n\n");
    observed(&s, "Old", h->before);
    observed(&s, "New", h->after);
    if (h->checks) heading(&s, "Checks whose status has changed");
    if (uh_diff_checks(diff, each_check, &s, err) < 0) return -1;
    if (h->sets) heading(&s, "What was read, and what was not");
    if (uh_diff_sets(diff, each_set, &s, err) < 0) return -1;
    if (findings(&s, h) < 0 || objects(&s, h) < 0) return -1;
  }
  if (alarm(&s, UH_DIFF_CHANGED, h->lost, "recipients have lost an attribute of Exchange's") < 0 ||
      alarm(&s, UH_DIFF_GONE, h->unseated,
            "recipients are none any more, or were deleted; look whether their accounts are still there") < 0)
    return -1;
  last_line(&s, h);
  return flush(&s, 0);
}
