/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/left.h"

#include <unhybrid/text.h>

#include "report/lines.h"

#define FAMILY "left."
enum { CHECKS_MAX = 256, FOUND_SHOWN = 5, INDENT = 2, INNER = 4 };

struct telling {
  struct uh_results *results;
  struct uh_str *out;
  size_t width, settled, told;
  bool verbose, first;
  struct uh_err *err;
};

static void put(struct telling *t, size_t indent, struct uh_str *line) {
  uh_lines_put(t->out, t->width, indent, 2, line);
}

static void outside(struct uh_str *line, const char *text) {
  uh_terminal_text(line, text, strlen(text));
}

static bool is_left(const struct uh_result_check *c) {
  return strncmp(c->id, FAMILY, sizeof FAMILY - 1) == 0;
}

static bool is_settled(const struct uh_result_check *c) {
  return strcmp(c->status, "fail") != 0 && strcmp(c->status, "unknown") != 0;
}

/* ---- for people ---- */

static int tell_finding(void *user, const struct uh_result_finding *f) {
  struct telling *t = user;
  struct uh_str line = {0};
  uh_str_add(&line, "- ");
  outside(&line, f->object);
  uh_str_add(&line, ": ");
  outside(&line, f->message);
  put(t, INNER, &line);
  return 0;
}

static int tell_unknown(void *user, const struct uh_result_unknown *u) {
  struct telling *t = user;
  struct uh_str line = {0};
  uh_str_add(&line, "not seen: ");
  if (*u->set) outside(&line, u->set);
  if (*u->set && *u->why) uh_str_add(&line, ", ");
  outside(&line, u->why);
  put(t, INNER, &line);
  return 0;
}

static int tell_object(void *user, const struct uh_result_object *o) {
  struct telling *t = user;
  struct uh_str line = {0};
  uh_str_add(&line, "- ");
  outside(&line, o->object);
  put(t, INNER, &line);
  return 0;
}

static int tell_question(void *user, const struct uh_result_attestable *a) {
  struct telling *t = user;
  struct uh_str line = {0};
  outside(&line, a->how);
  put(t, INNER, &line);
  outside(&line, a->command);
  put(t, INNER, &line);
  return 0;
}

static int tell_check(void *user, const struct uh_result_check *c) {
  struct telling *t = user;
  struct uh_str line = {0};
  bool found = strcmp(c->status, "fail") == 0;
  if (!is_left(c)) return 0; /* that others were not asked is no news */
  t->settled += is_settled(c);
  if (is_settled(c)) return 0;
  uh_str_addf(&line, "%s ", c->requirements);
  outside(&line, c->title);
  if (found)
    uh_str_addf(&line, ": %lld found%s", (long long)c->findings, c->complete ? "" : ", and not all was seen");
  else
    uh_str_add(&line, ": not known");
  uh_str_addf(&line, " (%s)", c->id);
  put(t, INDENT, &line);
  if (uh_results_findings(t->results, c->index, t->verbose ? 0 : FOUND_SHOWN, tell_finding, t, t->err) < 0) return -1;
  if (!t->verbose && c->findings > FOUND_SHOWN) {
    uh_str_addf(&line, "- and %lld more", (long long)c->findings - FOUND_SHOWN);
    put(t, INNER, &line);
  }
  if (found || !t->verbose) return 0;
  if (uh_results_unknowns(t->results, c->index, tell_unknown, t, t->err) < 0 ||
      uh_results_unjudged(t->results, c->index, 0, tell_object, t, t->err) < 0)
    return -1;
  return uh_results_attestables(t->results, c->index, tell_question, t, t->err);
}

int uh_cli_left_text(struct uh_results *results, size_t width, bool verbose, struct uh_str *out, struct uh_err *err) {
  struct uh_str line = {0};
  struct telling t = {.results = results, .out = out, .width = width ? width : 80, .verbose = verbose, .err = err};
  uh_str_add(out, "\nA person looks at\n\n");
  if (uh_results_checks(results, tell_check, &t, err) < 0) return -1;
  if (t.settled) {
    uh_str_addf(&line, "%zu more %s settled.", t.settled, t.settled == 1 ? "is" : "are");
    put(&t, INDENT, &line);
  }
  uh_str_add(
      &line,
      "`unhybrid checks explain ID` says how to find out, `unhybrid attest add` states that somebody looked; nothing of this is "
      "removed by this program.");
  put(&t, INDENT, &line);
  return uh_str_text(out) ? 0 : uh_fail_nomem(err);
}

/* ---- for programs ---- */

static void begin(struct telling *t) {
  uh_str_add(t->out, t->first ? "\n    {" : ",\n    {");
  t->first = false;
}

/* The first member of an object. */
static void lead(struct telling *t, const char *name, const char *value) {
  uh_str_addf(t->out, "\"%s\": ", name);
  uh_json_string(t->out, value, strlen(value));
}

static int finding_json(void *user, const struct uh_result_finding *f) {
  struct telling *t = user;
  begin(t);
  lead(t, "object", f->object);
  uh_cli_json_member(t->out, "message", f->message);
  uh_cli_json_member(t->out, "command", f->command);
  uh_str_addc(t->out, '}');
  return 0;
}

static int unknown_json(void *user, const struct uh_result_unknown *u) {
  struct telling *t = user;
  begin(t);
  lead(t, "set", u->set);
  uh_cli_json_member(t->out, "why", u->why);
  uh_str_addc(t->out, '}');
  return 0;
}

static int question_json(void *user, const struct uh_result_attestable *a) {
  struct telling *t = user;
  begin(t);
  lead(t, "fact", a->fact);
  uh_cli_json_member(t->out, "object", a->object);
  uh_cli_json_member(t->out, "question", a->question);
  uh_cli_json_member(t->out, "how", a->how);
  uh_cli_json_member(t->out, "command", a->command);
  uh_str_addc(t->out, '}');
  return 0;
}

static int lists_json(struct telling *t, const struct uh_result_check *c) {
  t->first = true;
  uh_str_add(t->out, ",\n   \"findings\": [");
  if (uh_results_findings(t->results, c->index, 0, finding_json, t, t->err) < 0) return -1;
  t->first = true;
  uh_str_add(t->out, "],\n   \"not_seen\": [");
  if (uh_results_unknowns(t->results, c->index, unknown_json, t, t->err) < 0) return -1;
  t->first = true;
  uh_str_add(t->out, "],\n   \"attest\": [");
  if (uh_results_attestables(t->results, c->index, question_json, t, t->err) < 0) return -1;
  uh_str_addc(t->out, ']');
  return 0;
}

static int check_json(void *user, const struct uh_result_check *c) {
  struct telling *t = user;
  if (!is_left(c)) return 0;
  t->settled += is_settled(c);
  if (is_settled(c)) return 0;
  uh_str_add(t->out, t->told++ ? ",\n  {" : "\n  {");
  lead(t, "id", c->id);
  uh_cli_json_member(t->out, "requirement", c->requirements);
  uh_cli_json_member(t->out, "title", c->title);
  uh_cli_json_member(t->out, "status", c->status);
  uh_str_addf(t->out, ", \"count\": %lld, \"complete\": %s", (long long)c->findings, c->complete ? "true" : "false");
  if (lists_json(t, c) < 0) return -1;
  uh_str_addc(t->out, '}');
  return 0;
}

int uh_cli_left_json(struct uh_results *results, struct uh_str *out, struct uh_err *err) {
  struct telling t = {.results = results, .out = out, .err = err};
  uh_str_add(out, "{\"checks\": [");
  if (uh_results_checks(results, check_json, &t, err) < 0) return -1;
  uh_str_addf(out, "],\n  \"settled\": %zu}", t.settled);
  return uh_str_text(out) ? 0 : uh_fail_nomem(err);
}

/* ---- judging ---- */

static void family(const char *ids[CHECKS_MAX + 1]) {
  size_t n = 0;
  for (size_t i = 0; i < uh_check_count() && n < CHECKS_MAX; i++) {
    const struct uh_check *check = uh_check_at(i);
    if (strncmp(check->id, FAMILY, sizeof FAMILY - 1) == 0) ids[n++] = check->id;
  }
  ids[n] = NULL;
}

int uh_cli_left_judge(const char *facts, const struct uh_judge_options *how, struct uh_results **ret_results,
                      struct uh_err *err) {
  const char *ids[CHECKS_MAX + 1];
  struct uh_judge_options o = *how;
  family(ids);
  o.purpose = UH_AFTER;
  o.only = ids;
  o.skip = NULL;
  return uh_judge(facts, &o, ret_results, err);
}
