/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stale.h"

#include <string.h>

static void add_line(struct uh_str *out, const struct uh_planned *p, const char *what) {
  uh_str_add(out, "  ");
  uh_terminal_text(out, p->id, strlen(p->id));
  uh_str_addf(out, "\n    %s ", p->action.subject.kind);
  uh_terminal_text(out, p->action.subject.name, strlen(p->action.subject.name));
  uh_str_add(out, ": ");
  uh_terminal_text(out, what, strlen(what));
  uh_str_addc(out, '\n');
}

static const char *image_of(const struct uh_plan *plan, const struct uh_planned *p) {
  return uh_plan_image(plan, (size_t)p->number - 1);
}

static int add_changed(struct uh_str *out, const struct uh_plan *old, const struct uh_planned *a,
                       const struct uh_plan *now, const struct uh_planned *b, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str drift = {0};
  const char *before = image_of(old, a), *after = image_of(now, b);
  if (strcmp(a->fingerprint, b->fingerprint) == 0) return 0;
  if (before && after && uh_planned_drift(a, before, after, &drift, err) < 0) return -1;
  add_line(out, a, drift.len ? uh_str_or(&drift, "it has changed") : "it has changed");
  return 0;
}

int uh_stale_text(const struct uh_plan *old, const struct uh_plan *now, struct uh_str *out, struct uh_err *err) {
  for (size_t i = 0; i < uh_plan_count(old); i++) {
    const struct uh_planned *a = uh_plan_at(old, i), *b = uh_plan_find(now, a->id);
    if (!b)
      add_line(out, a, "it is gone, or nothing is to be done with it any more");
    else if (add_changed(out, old, a, now, b, err) < 0)
      return -1;
  }
  for (size_t i = 0; i < uh_plan_count(now); i++)
    if (!uh_plan_find(old, uh_plan_at(now, i)->id))
      add_line(out, uh_plan_at(now, i), "it is not in the plan, and would be now");
  return out->failed ? uh_fail_nomem(err) : 0;
}
