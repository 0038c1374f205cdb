/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/left.h"

#include <unhybrid/text.h>

#include "report/lines.h"

#define FAMILY "left."
enum { CHECKS_MAX = 256, FOUND_SHOWN = 5, INDENT = 2, INNER = 4 };

struct telling {
  struct uh_results *results;
  struct uh_str *out;
  size_t width, settled;
  bool verbose;
  struct uh_err *err;
};

static void put(struct telling *t, size_t indent, struct uh_str *line) {
  uh_lines_put(t->out, t->width, indent, 2, line);
}

static void outside(struct uh_str *line, const char *text) {
  uh_terminal_text(line, text, strlen(text));
}

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
  if (t->verbose) put(t, INNER, &line);
  uh_str_clear(&line);
  return 0;
}

static int tell_question(void *user, const struct uh_result_attestable *a) {
  struct telling *t = user;
  struct uh_str line = {0};
  outside(&line, a->how);
  put(t, INNER, &line);
  uh_str_add(&line, "unhybrid attest add ");
  outside(&line, a->fact);
  uh_str_add(&line, " yes --approver \"$USER\" --days 90");
  put(t, INNER, &line);
  return 0;
}

static int tell_check(void *user, const struct uh_result_check *c) {
  struct telling *t = user;
  struct uh_str line = {0};
  bool found = strcmp(c->status, "fail") == 0, unknown = strcmp(c->status, "unknown") == 0;
  if (strncmp(c->id, FAMILY, sizeof FAMILY - 1) != 0) return 0; /* that others were not asked is no news */
  t->settled += !found && !unknown;
  if (!found && !unknown) return 0;
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
  if (found) return 0;
  if (uh_results_unknowns(t->results, c->index, tell_unknown, t, t->err) < 0) return -1;
  return t->verbose ? uh_results_attestables(t->results, c->index, tell_question, t, t->err) : 0;
}

static size_t family(const char *ids[CHECKS_MAX + 1]) {
  size_t n = 0;
  for (size_t i = 0; i < uh_check_count() && n < CHECKS_MAX; i++) {
    const struct uh_check *check = uh_check_at(i);
    if (strncmp(check->id, FAMILY, sizeof FAMILY - 1) == 0) ids[n++] = check->id;
  }
  ids[n] = NULL;
  return n;
}

int uh_cli_left_text(const char *facts, const struct uh_judge_options *how, size_t width, bool verbose,
                     struct uh_str *out, struct uh_err *err) {
  UH_CLEANUP(uh_results_freep) struct uh_results *results = NULL;
  const char *ids[CHECKS_MAX + 1];
  struct uh_judge_options o = *how;
  struct uh_str line = {0};
  if (!family(ids)) return 0;
  o.purpose = UH_AFTER;
  o.only = ids;
  o.skip = NULL;
  if (uh_judge(facts, &o, &results, err) < 0) return -1;
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
