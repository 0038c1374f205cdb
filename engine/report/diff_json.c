/* SPDX-License-Identifier: Apache-2.0 */
/* Differences as JSON (docs/schema/diff.schema.json), written as they are read. */
#include <jansson.h>

#include <unhybrid/text.h>

#include "report/diff.h"

enum { FLUSH_AT = 32 * 1024 };

struct writer {
  struct uh_diff *diff;
  const struct uh_report_sink *sink;
  struct uh_err *err;
  struct uh_str out;
  bool first; /* nothing stands in the current array yet */
};

static void writer_clear(struct writer *w) {
  uh_str_clear(&w->out);
}

static int flush(struct writer *w, size_t at) {
  return uh_report_flush(w->sink, &w->out, at, w->err);
}

static void string(struct writer *w, const char *s) {
  if (s)
    uh_json_string(&w->out, s, strlen(s));
  else
    uh_str_add(&w->out, "null");
}

static void member(struct writer *w, const char *name, const char *s) {
  uh_str_addf(&w->out, ", \"%s\": ", name);
  string(w, s);
}

/* JSON that SQL made, with everything escaped that could steer a terminal. */
static void member_json(struct writer *w, const char *name, const char *text) {
  uh_str_addf(&w->out, ", \"%s\": ", name);
  json_t *tree = text ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;
  char *clean = json_is_object(tree) ? json_dumps(tree, JSON_ENSURE_ASCII) : NULL;
  if (clean)
    uh_str_add(&w->out, clean);
  else
    string(w, text);
  free(clean);
  json_decref(tree);
}

static void element(struct writer *w) {
  uh_str_add(&w->out, w->first ? "\n  {" : ",\n  {");
  w->first = false;
}

/* ---- the parts ---- */

static void judged(struct writer *w, const char *name, const struct uh_results_head *h, const char *after) {
  const char *slash = strrchr(h->facts_path, '/');
  char when[UH_TIME_TEXT];
  uh_str_addf(&w->out, " \"%s\": {\"facts\": ", name);
  string(w, slash ? slash + 1 : h->facts_path);
  member(w, "observed_at", uh_time_text(h->observed_at, when));
  member(w, "verdict", uh_verdict_name(h->verdict));
  uh_str_addf(&w->out, ", \"interrupted\": %s, \"summary\": {", h->interrupted ? "true" : "false");
  for (int s = UH_PASS; s <= UH_NOT_APPLICABLE; s++)
    uh_str_addf(&w->out, "%s\"%s\": %lld", s ? ", " : "", uh_status_name((enum uh_status)s), (long long)h->count[s]);
  uh_str_addf(&w->out, "}}%s", after);
}

static void counts(struct writer *w, const char *name, const int64_t n[UH_DIFF_CHANGES]) {
  uh_str_addf(&w->out, ", \"%s\": {", name);
  for (int i = 0; i < UH_DIFF_CHANGES; i++)
    uh_str_addf(&w->out, "%s\"%s\": %lld", i ? ", " : "", uh_change_name((enum uh_change)i), (long long)n[i]);
  uh_str_addc(&w->out, '}');
}

static void check_side(struct writer *w, const char *name, const struct uh_diff_check *c, int i) {
  uh_str_addf(&w->out, ", \"%s\": ", name);
  if (!c->status[i]) {
    uh_str_add(&w->out, "null");
    return;
  }
  uh_str_add(&w->out, "{\"status\": ");
  string(w, c->status[i]);
  uh_str_addf(&w->out, ", \"count\": %lld, \"complete\": %s}", (long long)c->findings[i],
              c->complete[i] ? "true" : "false");
}

static int each_check(void *user, const struct uh_diff_check *c) {
  struct writer *w = user;
  element(w);
  uh_str_add(&w->out, "\"id\": ");
  string(w, c->id);
  member(w, "title", c->title);
  member(w, "severity", c->severity);
  check_side(w, "old", c, 0);
  check_side(w, "new", c, 1);
  uh_str_addc(&w->out, '}');
  return flush(w, FLUSH_AT);
}

static int each_set(void *user, const struct uh_diff_set *s) {
  struct writer *w = user;
  element(w);
  uh_str_add(&w->out, "\"source\": ");
  string(w, s->source);
  member(w, "side", s->side);
  member(w, "set", s->name);
  member(w, "part", s->part);
  member(w, "old", s->state[0]);
  member(w, "new", s->state[1]);
  member(w, "why", s->why);
  uh_str_addc(&w->out, '}');
  return flush(w, FLUSH_AT);
}

static int each_finding(void *user, const struct uh_diff_finding *f) {
  static const char *const names[] = {"old", "new"};
  struct writer *w = user;
  element(w);
  uh_str_add(&w->out, "\"change\": ");
  string(w, uh_change_name(f->change));
  member(w, "key", f->key);
  member(w, "check", f->check);
  member(w, "side", f->side);
  member(w, "kind", f->kind);
  member(w, "object", f->object);
  for (int i = 0; i < 2; i++) {
    uh_str_addf(&w->out, ",\n   \"%s\": ", names[i]);
    if (!f->message[i]) {
      uh_str_add(&w->out, "null");
      continue;
    }
    uh_str_add(&w->out, "{\"message\": ");
    string(w, f->message[i]);
    member_json(w, "evidence", f->evidence_json[i]);
    uh_str_addc(&w->out, '}');
  }
  uh_str_addc(&w->out, '}');
  return flush(w, FLUSH_AT);
}

static int each_object(void *user, const struct uh_diff_object *o) {
  struct writer *w = user;
  element(w);
  uh_str_add(&w->out, "\"change\": ");
  string(w, uh_change_name(o->change));
  member(w, "source", o->source);
  member(w, "side", o->side);
  member(w, "kind", o->kind);
  member(w, "key", o->key);
  member(w, "object", o->object);
  uh_str_addf(&w->out, ", \"alarm\": %s", o->alarm ? "true" : "false");
  member_json(w, "properties", o->properties_json);
  uh_str_addc(&w->out, '}');
  return flush(w, FLUSH_AT);
}

static void begin_array(struct writer *w, const char *name) {
  uh_str_addf(&w->out, ",\n \"%s\": [", name);
  w->first = true;
}

static void head(struct writer *w) {
  const struct uh_diff_head *h = uh_diff_head(w->diff);
  uh_str_add(&w->out, "{\"schema\": \"unhybrid/diff/1\"");
  member(w, "program", UNHYBRID_VERSION);
  member(w, "organization", h->after->organization);
  member(w, "tenant", *h->after->tenant ? h->after->tenant : NULL);
  uh_str_addf(&w->out, ", \"differences\": %s,\n", h->any ? "true" : "false");
  judged(w, "old", h->before, ",\n");
  judged(w, "new", h->after, ",\n");
  uh_str_addf(&w->out, " \"summary\": {\"checks\": %lld, \"sets\": %lld", (long long)h->checks, (long long)h->sets);
  counts(w, "findings", h->findings);
  counts(w, "objects", h->objects);
  uh_str_addf(&w->out, ", \"recipients_that_lost_an_attribute\": %lld, \"recipients_no_longer_or_deleted\": %lld}",
              (long long)h->lost, (long long)h->unseated);
}

int uh_diff_render_json(struct uh_diff *diff, const struct uh_report_options *options,
                        const struct uh_report_sink *sink, struct uh_err *err) {
  UH_CLEANUP(writer_clear) struct writer w = {.diff = diff, .sink = sink, .err = err};
  head(&w);
  begin_array(&w, "checks");
  if (uh_diff_checks(diff, each_check, &w, err) < 0) return -1;
  uh_str_addc(&w.out, ']');
  begin_array(&w, "sets");
  if (uh_diff_sets(diff, each_set, &w, err) < 0) return -1;
  uh_str_addc(&w.out, ']');
  begin_array(&w, "findings");
  for (int i = 0; i < UH_DIFF_CHANGES; i++)
    if (uh_diff_findings(diff, (enum uh_change)i, options->limit, each_finding, &w, err) < 0) return -1;
  uh_str_addc(&w.out, ']');
  begin_array(&w, "objects");
  for (int i = 0; i < UH_DIFF_CHANGES; i++)
    if (uh_diff_objects(diff, (enum uh_change)i, options->limit, each_object, &w, err) < 0) return -1;
  uh_str_add(&w.out, "]}\n");
  return flush(&w, 0);
}
