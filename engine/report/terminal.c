/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report for a person at a terminal: the verdict first, then what could not be observed, then what stands in the
 * way and what to do about it. Every name passes uh_terminal_text before it is measured or printed.
 */
#include <unhybrid/text.h>

#include "report/lines.h"
#include "report/report.h"

enum {
  FLUSH_AT = 16 * 1024,
  WIDTH_DEFAULT = 80,
  WIDTH_MIN = 40,
  WIDTH_MAX = 120, /* longer lines are hard to read */
  TEXT_MAX = 600,  /* columns of one text; the JSON report has all of it */
  NAME_MAX_COLUMNS = 150,
  SHOWN = 5, /* findings of a check, unless verbose */
  SHOWN_OF_INFO = 2,
  EXAMPLES = 3,    /* objects that could not be judged */
  STATEMENTS = 20, /* waivers and attestations */
};

#define BOLD "\033[1m"
#define RED "\033[1;31m"
#define YELLOW "\033[33m"
#define GREEN "\033[1;32m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

struct screen {
  struct uh_results *results;
  const struct uh_report_options *options;
  const struct uh_report_sink *sink;
  struct uh_err *err;
  struct uh_str out;
  size_t width;
  /* what is being looked for while checks are walked through */
  const char *severity, *status;
  bool examined;         /* checks of this version; false: requirements that none examines */
  const char *heading;   /* printed before the first match */
  int64_t matched, left; /* matched so far; findings or objects that may still be shown */
  int64_t blockers_failed, blockers_unknown;
  bool remedy_helps; /* a violation was seen, or the check can never tell */
  const char *group; /* set of the unknown entry whose objects are listed */
};

static void screen_clear(struct screen *s) {
  uh_str_clear(&s->out);
}

static int flush(struct screen *s, size_t at) {
  return uh_report_flush(s->sink, &s->out, at, s->err);
}

static void color(struct screen *s, const char *code) {
  if (s->options->color) uh_str_add(&s->out, code);
}

static void spaces(struct screen *s, size_t n) {
  uh_lines_spaces(&s->out, n);
}

static void wrap(struct screen *s, size_t at, size_t indent, const char *text) {
  uh_lines_wrap(&s->out, s->width, at, indent, text);
}

static void add_outside(struct uh_str *line, const char *text) {
  uh_lines_outside(line, text, TEXT_MAX);
}

static void add_name(struct uh_str *line, const char *name) {
  uh_lines_outside(line, name, NAME_MAX_COLUMNS);
}

static void put_line(struct screen *s, size_t indent, size_t hang, struct uh_str *line) {
  uh_lines_put(&s->out, s->width, indent, hang, line);
}

static const char *plural(int64_t n) {
  return n == 1 ? "" : "s";
}

/* ---- the first line ---- */

static int count_blockers(void *user, const struct uh_result_check *c) {
  struct screen *s = user;
  if (strcmp(c->severity, "blocker") != 0) return 0;
  s->blockers_failed += strcmp(c->status, "fail") == 0;
  s->blockers_unknown += strcmp(c->status, "unknown") == 0;
  return 0;
}

static void say_verdict(struct screen *s, struct uh_str *line) {
  const struct uh_results_head *h = uh_results_head(s->results);
  bool after = strcmp(h->purpose, "after") == 0;
  long long failed = (long long)s->blockers_failed, unknown = (long long)s->blockers_unknown;
  switch (h->verdict) {
    case UH_READY:
      uh_str_add(line, after ? "Nothing that blocks is left over."
                             : "Nothing stands against removing the last Exchange Server.");
      break;
    case UH_BLOCKED:
      uh_str_addf(line, "%lld blocker%s in the way", failed, failed == 1 ? " stands" : "s stand");
      if (unknown) uh_str_addf(line, ", %lld more %s undecided", unknown, unknown == 1 ? "is" : "are");
      uh_str_addc(line, '.');
      break;
    case UH_UNDETERMINED: uh_str_addf(line, "No blocker was seen, but %lld could not be decided.", unknown); break;
    case UH_SHUTDOWN_ONLY:
      uh_str_add(line, "The last server may be powered off, but never uninstalled: the management tools are in use.");
      break;
  }
}

static int verdict_line(struct screen *s) {
  const struct uh_results_head *h = uh_results_head(s->results);
  static const char *const colors[] = {GREEN, RED, YELLOW, YELLOW};
  struct uh_str line = {0};
  if (uh_results_checks(s->results, count_blockers, s, s->err) < 0) return -1;
  uh_lines_outside(&line, h->organization, s->width);
  uh_str_addf(&line, ": %s. ", uh_verdict_name(h->verdict));
  say_verdict(s, &line);
  color(s, colors[h->verdict]);
  put_line(s, 0, 2, &line);
  color(s, PLAIN);
  return 0;
}

static void when_line(struct screen *s) {
  const struct uh_results_head *h = uh_results_head(s->results);
  char observed[UH_TIME_TEXT], judged[UH_TIME_TEXT];
  struct uh_str line = {0};
  uh_str_addf(&line, "Observed %s", uh_time_text(h->observed_at, observed));
  if (h->judged_at != h->observed_at) uh_str_addf(&line, ", judged %s", uh_time_text(h->judged_at, judged));
  if (*h->tenant) {
    uh_str_add(&line, ", tenant ");
    add_outside(&line, h->tenant);
  }
  uh_str_addc(&line, '.');
  color(s, DIM);
  put_line(s, 0, 2, &line);
  color(s, PLAIN);
}

static void heading(struct screen *s, const char *text) {
  uh_str_addc(&s->out, '\n');
  color(s, BOLD);
  wrap(s, 0, 0, text);
  color(s, PLAIN);
}

/* ---- what could not be observed ---- */

struct absent {
  struct uh_str names;
};

static void once_heading(struct screen *s) {
  if (s->matched++ == 0) heading(s, s->heading);
}

static int each_lacking_source(void *user, const struct uh_result_source *src) {
  struct screen *s = user;
  struct uh_str line = {0};
  if (strcmp(src->state, "failed") != 0 && strcmp(src->state, "partial") != 0) return 0;
  once_heading(s);
  uh_str_addf(&line, "%s %s", src->id, src->state);
  if (*src->detail) {
    uh_str_add(&line, ": ");
    add_outside(&line, src->detail);
  }
  put_line(s, 2, 2, &line);
  return flush(s, FLUSH_AT);
}

static int each_absent_source(void *user, const struct uh_result_source *src) {
  struct absent *a = user;
  if (strcmp(src->state, "not-configured") != 0) return 0;
  uh_str_addf(&a->names, "%s%s", a->names.len ? ", " : "Not configured, so not asked: ", src->id);
  return 0;
}

/* No lack by itself: export files stand in for live services, and the checks that miss a source say so. */
static int absent_sources(struct screen *s) {
  struct absent a = {0};
  int r = uh_results_sources(s->results, each_absent_source, &a, s->err);
  if (a.names.len) uh_str_addc(&a.names, '.');
  color(s, DIM);
  put_line(s, 0, 2, &a.names);
  color(s, PLAIN);
  return r;
}

static int each_complete_source(void *user, const struct uh_result_source *src) {
  struct screen *s = user;
  struct uh_str line = {0};
  if (strcmp(src->state, "complete") != 0) return 0;
  once_heading(s);
  uh_str_addf(&line, "%s: %lld object%s in %lld.%01lld s, %lld request%s", src->id, (long long)src->objects,
              plural(src->objects), (long long)(src->milliseconds / 1000), (long long)(src->milliseconds % 1000 / 100),
              (long long)src->requests, plural(src->requests));
  put_line(s, 2, 2, &line);
  return flush(s, FLUSH_AT);
}

static int sources(struct screen *s) {
  s->heading = "Could not be observed in full";
  s->matched = 0;
  if (uh_results_head(s->results)->interrupted) {
    struct uh_str line = {0};
    once_heading(s);
    uh_str_add(&line, "The observation was cut off: what is missing may hold more.");
    put_line(s, 2, 2, &line);
  }
  if (uh_results_sources(s->results, each_lacking_source, s, s->err) < 0) return -1;
  if (!s->options->verbose) return 0;
  s->heading = "Observed";
  s->matched = 0;
  return uh_results_sources(s->results, each_complete_source, s, s->err);
}

/* ---- checks ---- */

static int each_finding(void *user, const struct uh_result_finding *f) {
  struct screen *s = user;
  struct uh_str line = {0};
  uh_str_add(&line, "- ");
  add_name(&line, f->object);
  uh_str_add(&line, ": ");
  add_outside(&line, f->message);
  put_line(s, 4, 2, &line);
  if (*f->waived_by) {
    char until[UH_TIME_TEXT];
    uh_str_add(&line, "waived by ");
    add_name(&line, f->waived_by);
    uh_str_addf(&line, " until %s: ", uh_time_text(f->waived_until, until));
    add_outside(&line, f->waived_for);
    put_line(s, 8, 2, &line);
  } else if (*f->command) { /* not wrapped: it is there to be copied */
    color(s, DIM);
    spaces(s, 8);
    uh_terminal_text(&s->out, f->command, strlen(f->command));
    color(s, PLAIN);
    uh_str_addc(&s->out, '\n');
  }
  return flush(s, FLUSH_AT);
}

struct unknowns {
  struct screen *screen;
  struct uh_str names;
  int64_t index;
};

static int each_example(void *user, const struct uh_result_object *o) {
  struct unknowns *un = user;
  struct screen *s = un->screen;
  size_t side = strlen(o->side);
  bool same =
      strncmp(s->group, o->side, side) == 0 && s->group[side] == ':' && strcmp(s->group + side + 1, o->kind) == 0;
  if (!same || s->left == 0) return 0;
  s->left--;
  uh_str_add(&un->names, un->names.len ? ", " : "");
  add_name(&un->names, o->object);
  return 0;
}

static int unjudged_line(struct unknowns *un, const struct uh_result_unknown *u) {
  struct screen *s = un->screen;
  struct uh_str line = {0};
  const char *kind = strchr(u->set, ':');
  s->group = u->set;
  s->left = s->options->verbose ? INT64_MAX : EXAMPLES;
  uh_str_reset(&un->names);
  if (uh_results_unjudged(s->results, un->index, 0, each_example, un, s->err) < 0) return -1;
  uh_str_addf(&line, "? %lld %.*s ", (long long)u->objects, kind ? (int)(kind - u->set) : 0, u->set);
  add_outside(&line, kind ? kind + 1 : "object");
  uh_str_addf(&line, "%s cannot be judged: ", u->objects == 1 ? "" : " objects");
  add_outside(&line, u->why);
  if (un->names.len) uh_str_addf(&line, " (%s%s)", un->names.s, s->left == 0 && u->objects > EXAMPLES ? ", .." : "");
  put_line(s, 4, 2, &line);
  return 0;
}

static int each_unknown(void *user, const struct uh_result_unknown *u) {
  struct unknowns *un = user;
  struct screen *s = un->screen;
  if (u->objects > 0) return unjudged_line(un, u) < 0 ? -1 : flush(s, FLUSH_AT);
  struct uh_str line = {0};
  uh_str_add(&line, "? ");
  if (strcmp(u->set, "check:blind-spot") == 0) s->remedy_helps = true;
  if (strncmp(u->set, "check:", 6) != 0) {
    uh_str_addf(&line, "%s %s", u->set, u->state);
    if (*u->why) uh_str_add(&line, ": ");
  }
  add_outside(&line, u->why);
  put_line(s, 4, 2, &line);
  return flush(s, FLUSH_AT);
}

static int unknowns(struct screen *s, const struct uh_result_check *c) {
  struct unknowns un = {.screen = s, .index = c->index};
  int r = uh_results_unknowns(s->results, c->index, each_unknown, &un, s->err);
  uh_str_clear(&un.names);
  return r;
}

static void check_title(struct screen *s, const struct uh_result_check *c) {
  struct uh_str line = {0};
  bool fail = strcmp(c->status, "fail") == 0, unknown = strcmp(c->status, "unknown") == 0;
  uh_str_addc(&s->out, '\n');
  spaces(s, 2);
  color(s, fail ? (strcmp(c->severity, "blocker") == 0 ? RED : YELLOW) : unknown ? YELLOW : GREEN);
  uh_str_add(&s->out, c->id);
  color(s, PLAIN);
  uh_str_addf(&line, "(%s)", c->requirements);
  for (size_t i = 0; i < line.len; i++)
    if (line.s[i] == ',') line.s[i] = ' ';
  if (c->findings) uh_str_addf(&line, ": %s%lld found", c->complete ? "" : "at least ", (long long)c->findings);
  if (c->waived) uh_str_addf(&line, ", %lld waived", (long long)c->waived);
  uh_str_addc(&s->out, ' ');
  if (line.failed)
    s->out.failed = true;
  else
    wrap(s, 2 + strlen(c->id) + 1, 4, line.s);
  uh_str_clear(&line);
  uh_str_add(&line, "Should be: ");
  add_outside(&line, c->title);
  put_line(s, 4, 2, &line);
}

static int show_findings(struct screen *s, const struct uh_result_check *c) {
  int64_t shown = strcmp(c->severity, "info") == 0 ? SHOWN_OF_INFO : SHOWN;
  int64_t limit = s->options->limit > 0 ? s->options->limit : s->options->verbose ? 0 : shown;
  if (uh_results_findings(s->results, c->index, limit, each_finding, s, s->err) < 0) return -1;
  if (limit && c->findings > limit) uh_str_addf(&s->out, "    - and %lld more\n", (long long)(c->findings - limit));
  return 0;
}

static int each_attestable(void *user, const struct uh_result_attestable *a) {
  struct screen *s = user;
  struct uh_str line = {0};
  uh_str_add(&line, "To state: ");
  add_outside(&line, a->question);
  put_line(s, 4, 10, &line);
  uh_str_add(&line, "How to find out: ");
  add_outside(&line, a->how);
  put_line(s, 4, 17, &line);
  color(s, DIM);
  spaces(s, 8);
  uh_terminal_text(&s->out, a->command, strlen(a->command));
  color(s, PLAIN);
  uh_str_addc(&s->out, '\n');
  return flush(s, FLUSH_AT);
}

static void show_remedy(struct screen *s, const struct uh_result_check *c) {
  struct uh_str line = {0};
  if (*c->remedy) {
    uh_str_add(&line, "To do: ");
    add_outside(&line, c->remedy);
    put_line(s, 4, 7, &line);
  }
  if (*c->reference) {
    color(s, DIM);
    uh_str_addf(&s->out, "    %s\n", c->reference);
    color(s, PLAIN);
  }
}

/* A requirement that no check of this version examines stands in the results as a check of this family. */
static bool is_unexamined(const struct uh_result_check *c) {
  return strcmp(c->family, "requirement") == 0;
}

static int each_check(void *user, const struct uh_result_check *c) {
  struct screen *s = user;
  if ((s->severity && strcmp(c->severity, s->severity) != 0) || strcmp(c->status, s->status) != 0 ||
      is_unexamined(c) == s->examined)
    return 0;
  once_heading(s);
  if (!s->examined) {
    struct uh_str line = {0};
    uh_str_addf(&line, "%s ", c->requirements);
    add_outside(&line, c->title);
    put_line(s, 2, 5, &line);
    return flush(s, FLUSH_AT);
  }
  check_title(s, c);
  bool fail = strcmp(c->status, "fail") == 0;
  s->remedy_helps = fail || s->options->verbose;
  if (c->findings && show_findings(s, c) < 0) return -1;
  if (unknowns(s, c) < 0) return -1;
  if (uh_results_attestables(s->results, c->index, each_attestable, s, s->err) < 0) return -1;
  if (s->remedy_helps) show_remedy(s, c);
  return flush(s, FLUSH_AT);
}

static int section(struct screen *s, const char *title, const char *severity, const char *status) {
  s->heading = title;
  s->severity = severity;
  s->status = status;
  s->matched = 0;
  return uh_results_checks(s->results, each_check, s, s->err);
}

static int each_quiet_check(void *user, const struct uh_result_check *c) {
  struct screen *s = user;
  struct uh_str line = {0};
  if (strcmp(c->status, s->status) != 0) return 0;
  once_heading(s);
  uh_str_addf(&line, "%s: ", c->id);
  add_outside(&line, c->title);
  put_line(s, 2, 2, &line);
  return flush(s, FLUSH_AT);
}

static int all_checks(struct screen *s) {
  s->examined = true;
  if (section(s, "Blockers", "blocker", "fail") < 0 || section(s, "Undecided blockers", "blocker", "unknown") < 0)
    return -1;
  s->examined = false;
  if (section(s, "Blockers that no check of this version examines: make sure by hand", "blocker", "unknown") < 0)
    return -1;
  s->examined = true;
  if (section(s, "Warnings", "warning", "fail") < 0 || section(s, "Undecided warnings", "warning", "unknown") < 0 ||
      section(s, "Information", "info", "fail") < 0 || section(s, "Undecided information", "info", "unknown") < 0 ||
      section(s, "Waived", NULL, "waived") < 0)
    return -1;
  if (!s->options->verbose) return 0;
  static const char *const rest[][2] = {{"Passed", "pass"}, {"Not applicable", "not-applicable"}};
  for (size_t i = 0; i < 2; i++) {
    s->heading = rest[i][0];
    s->status = rest[i][1];
    s->matched = 0;
    if (uh_results_checks(s->results, each_quiet_check, s, s->err) < 0) return -1;
  }
  return 0;
}

/* ---- the end ---- */

/* Those that do not count come first. */
static int each_statement(void *user, const struct uh_result_statement *st) {
  struct screen *s = user;
  struct uh_str line = {0};
  char until[UH_TIME_TEXT];
  once_heading(s);
  if (s->matched > STATEMENTS && !s->options->verbose) return 0;
  uh_str_addf(&line, "%s ", uh_statement_kind_name(st->kind));
  add_name(&line, st->subject);
  if (*st->object) uh_str_add(&line, " of "), add_name(&line, st->object);
  uh_str_add(&line, st->kind == UH_WAIVER ? ": " : " = ");
  add_outside(&line, st->text);
  uh_str_add(&line, " (");
  add_name(&line, st->approver);
  uh_str_addf(&line, ", until %s)", uh_time_text(st->until, until));
  put_line(s, 2, 2, &line);
  if (st->counts) return flush(s, FLUSH_AT);
  color(s, YELLOW);
  uh_str_add(&line, "does not count, ");
  uh_str_addf(&line, "%s: ", st->state);
  add_outside(&line, st->why);
  uh_str_add(&line, " (");
  add_name(&line, st->file);
  uh_str_addf(&line, ":%lld)", (long long)st->line);
  put_line(s, 4, 2, &line);
  color(s, PLAIN);
  return flush(s, FLUSH_AT);
}

static int statements(struct screen *s) {
  s->heading = "Waivers and attestations";
  s->matched = 0;
  if (uh_results_statements(s->results, each_statement, s, s->err) < 0) return -1;
  if (s->matched > STATEMENTS && !s->options->verbose)
    uh_str_addf(&s->out, "  and %lld more\n", (long long)(s->matched - STATEMENTS));
  return 0;
}

static int each_notice(void *user, const char *source, const char *text) {
  struct screen *s = user;
  struct uh_str line = {0};
  if (strcmp(source, "waivers") == 0 || strcmp(source, "attestations") == 0) return 0; /* told already */
  once_heading(s);
  if (s->matched > SHOWN && !s->options->verbose) return 0;
  uh_str_addf(&line, "%s: ", source);
  add_outside(&line, text);
  put_line(s, 2, 2, &line);
  return flush(s, FLUSH_AT);
}

static int notices(struct screen *s) {
  s->heading = "Notices";
  s->matched = 0;
  if (uh_results_notices(s->results, each_notice, s, s->err) < 0) return -1;
  if (s->matched > SHOWN && !s->options->verbose)
    uh_str_addf(&s->out, "  and %lld more\n", (long long)(s->matched - SHOWN));
  return 0;
}

static void summary(struct screen *s) {
  static const char *const names[] = {"passed", "failed", "unknown", "waived", "not applicable"};
  const struct uh_results_head *h = uh_results_head(s->results);
  struct uh_str line = {0};
  int64_t checks = 0;
  for (int i = 0; i < 5; i++) checks += h->count[i];
  uh_str_addf(&line, "Verdict: %s. %lld checks:", uh_verdict_name(h->verdict), (long long)checks);
  const char *separator = " ";
  for (int i = 0; i < 5; i++) {
    if (!h->count[i]) continue;
    uh_str_addf(&line, "%s%lld %s", separator, (long long)h->count[i], names[i]);
    separator = ", ";
  }
  uh_str_addc(&line, '.');
  uh_str_addc(&s->out, '\n');
  put_line(s, 0, 2, &line);
}

static int render(struct uh_results *results, const struct uh_report_options *options,
                  const struct uh_report_sink *sink, struct uh_err *err) {
  size_t width = options->width ? options->width : WIDTH_DEFAULT;
  UH_CLEANUP(screen_clear)
  struct screen s = {.results = results,
                     .options = options,
                     .sink = sink,
                     .err = err,
                     .width = width < WIDTH_MIN   ? WIDTH_MIN
                              : width > WIDTH_MAX ? WIDTH_MAX
                                                  : width};
  if (verdict_line(&s) < 0) return -1;
  if (options->quiet) return flush(&s, 0);
  when_line(&s);
  if (absent_sources(&s) < 0 || sources(&s) < 0 || all_checks(&s) < 0 || statements(&s) < 0 || notices(&s) < 0)
    return -1;
  summary(&s);
  return flush(&s, 0);
}

const struct uh_report_format uh_report_terminal = {.name = "terminal", .extension = "txt", .render = render};
