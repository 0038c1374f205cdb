/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/start.h"

enum { EVIDENCE_TOLD = 6, FINDINGS = 1000, TITLE = 13 };
static const char tools_check[] = "tools.in-use";

/* ---- the management tools ---- */

static int take_message(void *user, const struct uh_result_finding *f) {
  struct uh_str *out = user;
  size_t n = strlen(f->message);
  if (out->len || *f->waived_by) return 0;
  if (n && f->message[n - 1] == '.') n--;
  uh_str_addf(out, "%s: %.*s", f->object, (int)n, f->message);
  return 0;
}

static int take_index(void *user, const struct uh_result_check *check) {
  if (strcmp(check->id, tools_check) == 0) *(int64_t *)user = check->index;
  return 0;
}

int uh_cli_tools_of(const char *facts, const struct uh_judge_options *how, struct uh_str *out,
                    struct uh_cli_stated *ret_stated, struct uh_err *err) {
  static const char *const only[] = {tools_check, NULL};
  UH_CLEANUP(uh_results_freep) struct uh_results *results = NULL;
  int64_t index = -1;
  struct uh_judge_options options = *how;
  options.only = only;
  options.skip = NULL;
  options.now = uh_cli_now();
  if (uh_judge(facts, &options, &results, err) < 0 || uh_results_checks(results, take_index, &index, err) < 0)
    return -1;
  if (index >= 0 && uh_results_findings(results, index, FINDINGS, take_message, out, err) < 0) return -1;
  return ret_stated ? uh_cli_stated_read(results, ret_stated, err) : 0;
}

/* ---- json ---- */

static void point_json(struct uh_str *out, enum uh_start start, const struct uh_start_point *p) {
  uh_str_addf(out, "{\"id\": \"%s\"", uh_start_id(start));
  uh_cli_json_member(out, "text", uh_start_text(start));
  uh_cli_json_member(out, "next", uh_start_next(start));
  uh_str_add(out, ", \"evidence\": [");
  for (size_t i = 0; i < p->n; i++) {
    uh_str_add(out, i ? ", " : "");
    uh_json_string(out, p->evidence[i], strlen(p->evidence[i]));
  }
  uh_str_add(out, "]}");
}

void uh_cli_start_json(struct uh_str *out, const struct uh_starts *starts) {
  bool first = true;
  uh_str_add(out, ",\n \"start\": [");
  for (int i = 0; i < UH_STARTS; i++) {
    if (!starts->v[i].n) continue;
    uh_str_add(out, first ? "\n  " : ",\n  ");
    point_json(out, (enum uh_start)i, &starts->v[i]);
    first = false;
  }
  uh_str_addc(out, ']');
}

/* ---- terminal ---- */

static void point_text(struct uh_str *out, const char *title, enum uh_start start, const struct uh_start_point *p,
                       bool verbose) {
  size_t shown = verbose || p->n <= EVIDENCE_TOLD ? p->n : EVIDENCE_TOLD;
  uh_str_addf(out, "%-*s%s: %s\n", TITLE, title, uh_start_id(start), uh_start_text(start));
  for (size_t i = 0; i < shown; i++) {
    uh_str_addf(out, "%-*s  ", TITLE, "");
    uh_terminal_text(out, p->evidence[i], strlen(p->evidence[i]));
    uh_str_addc(out, '\n');
  }
  if (shown < p->n) uh_str_addf(out, "%-*s  and %zu more (-v)\n", TITLE, "", p->n - shown);
  if (start != UH_START_SERVER || verbose) uh_str_addf(out, "%-*s  %s\n", TITLE, "", uh_start_next(start));
}

void uh_cli_start_text(struct uh_str *out, const struct uh_starts *starts, bool verbose) {
  const char *title = "Start";
  for (int i = 0; i < UH_STARTS; i++) {
    if (!starts->v[i].n) continue;
    point_text(out, title, (enum uh_start)i, &starts->v[i], verbose);
    title = "";
  }
}
