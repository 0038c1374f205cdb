/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status_approval.h"

enum { SHOWN = 12 };

void uh_approvals_clear(struct uh_approvals *a) {
  a->next = uh_plan_free(a->next);
}

static bool is_open(const struct uh_cleanup_status *s) {
  const struct uh_plan *open = s->history ? uh_history_open_plan(s->history) : NULL;
  return open && s->plan && strcmp(uh_plan_id(open), uh_plan_id(s->plan)) == 0;
}

int uh_approvals_read(const struct uh_cleanup_status *cleanup, const char *facts, int64_t observed_at,
                      const struct uh_plan_options *options, struct uh_approvals *ret, struct uh_err *err) {
  struct uh_plan_options o = *options;
  *ret = (struct uh_approvals){0};
  /* What was done after the observation would be planned once more. */
  if (!facts || !cleanup->plan || is_open(cleanup) || uh_history_changed_at(cleanup->history) > observed_at) return 0;
  o.facts = facts;
  o.known = uh_history_anchors(cleanup->history);
  return uh_plan_make(&o, &ret->next, err);
}

/* ---- which ---- */

static const struct uh_plan *plan_of(const struct uh_approvals *a, const struct uh_cleanup_status *s) {
  return a->next ? a->next : s->plan;
}

static bool waits(const struct uh_approvals *a, const struct uh_cleanup_status *s, const struct uh_planned *p) {
  const struct uh_history_action *known = s->history ? uh_history_action(s->history, p->id) : NULL;
  if (!p->action.approval) return false;
  return a->next ? !known || known->state != UH_ACTION_VERIFIED : known && known->unapproved;
}

static size_t count(const struct uh_approvals *a, const struct uh_cleanup_status *s) {
  const struct uh_plan *plan = plan_of(a, s);
  size_t n = 0;
  for (size_t i = 0; plan && i < uh_plan_count(plan); i++) n += waits(a, s, uh_plan_at(plan, i));
  return n;
}

/* ---- json ---- */

void uh_approvals_json(struct uh_str *out, const struct uh_approvals *a, const struct uh_cleanup_status *s) {
  const struct uh_plan *plan = plan_of(a, s);
  struct uh_plan_numbers numbers = {{NULL}, {0}};
  char number[UH_PLAN_NUMBER];
  bool first = true;
  uh_str_add(out, ",\n \"approval\": [");
  for (size_t i = 0; plan && i < uh_plan_count(plan); i++) {
    const struct uh_planned *p = uh_plan_at(plan, i);
    (void)uh_plan_number(&numbers, p, number);
    if (!waits(a, s, p)) continue;
    uh_str_addf(out, "%s\n  {\"number\": \"%s\"", first ? "" : ",", number);
    uh_cli_json_member(out, "action", p->id);
    uh_cli_json_member(out, "step", p->step);
    uh_cli_json_member(out, "question", p->action.approval);
    uh_str_addc(out, '}');
    first = false;
  }
  uh_str_addc(out, ']');
}

/* ---- terminal ---- */

/* The steps of what waits, each once: what --approve takes. */
static void add_steps(struct uh_str *out, const struct uh_approvals *a, const struct uh_cleanup_status *s) {
  const struct uh_plan *plan = plan_of(a, s);
  const char *last = "";
  for (size_t i = 0; plan && i < uh_plan_count(plan); i++) {
    const struct uh_planned *p = uh_plan_at(plan, i);
    if (!waits(a, s, p) || strcmp(p->step, last) == 0) continue;
    uh_str_addf(out, "%s%s", *last ? "," : "", p->step);
    last = p->step;
  }
}

void uh_approvals_text(struct uh_str *out, const struct uh_approvals *a, const struct uh_cleanup_status *s,
                       bool verbose) {
  const struct uh_plan *plan = plan_of(a, s);
  struct uh_plan_numbers numbers = {{NULL}, {0}};
  char number[UH_PLAN_NUMBER];
  size_t n = count(a, s), told = 0;
  if (!n) return;
  uh_str_addf(
      out, "%-13s%zu action%s for a person's approval: at a terminal `unhybrid %s` asks for each, unattended it is\n",
      "Approval", n, n == 1 ? " waits" : "s wait", a->next ? "cleanup" : "cleanup --replan");
  uh_str_addf(out, "%-13s--approve ", "");
  add_steps(out, a, s);
  uh_str_addc(out, '\n');
  for (size_t i = 0; i < uh_plan_count(plan); i++) {
    const struct uh_planned *p = uh_plan_at(plan, i);
    (void)uh_plan_number(&numbers, p, number);
    if (!waits(a, s, p) || (!verbose && told >= SHOWN)) continue;
    uh_str_addf(out, "%-13s  %s ", "", number);
    uh_terminal_text(out, p->id, strlen(p->id));
    uh_str_addc(out, '\n');
    told++;
  }
  if (told < n) uh_str_addf(out, "%-13s  and %zu more (-v)\n", "", n - told);
}
