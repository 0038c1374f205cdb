/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the steps. A cleanup in a wrong order cuts mail off, so whatever is doubtful about it is an error: a
 * cycle, a step that is followed and not there, one that follows a later phase. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

struct order {
  const struct uh_step *const *steps;
  size_t n;
  bool *placed;
  struct uh_err *err;
};

static size_t index_of(const struct order *o, const char *id) {
  size_t i = 0;
  while (i < o->n && strcmp(o->steps[i]->id, id) != 0) i++;
  return i;
}

/* The first step that this one follows and that is not placed yet; n where there is none. */
static size_t waits_for(const struct order *o, size_t i) {
  for (const struct uh_follows *f = o->steps[i]->follows; f && f->step; f++) {
    size_t at = index_of(o, f->step);
    if (!o->placed[at]) return at;
  }
  return o->n;
}

static int look_at(const struct order *o, size_t i) {
  const struct uh_step *step = o->steps[i];
  if (index_of(o, step->id) != i) return uh_fail(o->err, UH_ERR_INTERNAL, "there are two steps of the id %s", step->id);
  for (const struct uh_follows *f = step->follows; f && f->step; f++) {
    size_t at = index_of(o, f->step);
    if (at == o->n)
      return uh_fail(o->err, UH_ERR_INTERNAL, "the step %s follows %s, which is not there", step->id, f->step);
    if (o->steps[at]->phase > step->phase)
      return uh_fail(o->err, UH_ERR_INTERNAL, "the step %s (%s) follows %s, which belongs to a later phase (%s)",
                     step->id, uh_phase_name(step->phase), f->step, uh_phase_name(o->steps[at]->phase));
  }
  return 0;
}

/* Every step that is left waits for another that is left: who goes from one to the next comes round. */
static int fail_with_cycle(const struct order *o) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  size_t at = 0;
  while (o->placed[at]) at++;
  for (size_t i = 0; i < o->n; i++) at = waits_for(o, at); /* after n moves it is on the circle */
  size_t first = at;
  for (size_t i = waits_for(o, at); i != at; i = waits_for(o, i))
    if (i < first) first = i;
  uh_str_add(&text, o->steps[first]->id);
  for (size_t i = waits_for(o, first);; i = waits_for(o, i)) {
    uh_str_addf(&text, " -> %s", o->steps[i]->id);
    if (i == first) break;
  }
  return uh_fail(o->err, UH_ERR_INTERNAL, "steps follow each other in a circle: %s", uh_str_or(&text, "out of memory"));
}

/* Of those that wait for nothing the one of the earliest phase, then the first of the registry: so no phase begins
 * while a step of an earlier one is left, whatever stands first in the registry. */
static size_t next(const struct order *o) {
  size_t best = o->n;
  for (size_t i = 0; i < o->n; i++) {
    if (o->placed[i] || waits_for(o, i) < o->n) continue;
    if (best == o->n || o->steps[i]->phase < o->steps[best]->phase) best = i;
  }
  return best;
}

int uh_order_steps(const struct uh_step *const *steps, size_t n, const struct uh_step **ret_ordered,
                   struct uh_err *err) {
  UH_CLEANUP(uh_freep) bool *placed = calloc(n + 1, sizeof *placed);
  UH_CLEANUP(uh_freep) const struct uh_step **ordered = calloc(n + 1, sizeof(const struct uh_step *));
  struct order o = {.steps = steps, .n = n, .placed = placed, .err = err};
  if (!placed || !ordered) return uh_fail_nomem(err);
  for (size_t i = 0; i < n; i++)
    if (look_at(&o, i) < 0) return -1;
  for (size_t done = 0; done < n; done++) {
    size_t at = next(&o);
    if (at == n) return fail_with_cycle(&o);
    placed[at] = true;
    ordered[done] = steps[at];
  }
  for (size_t i = 0; i < n; i++) ret_ordered[i] = ordered[i]; /* untouched on failure, and may be `steps` itself */
  return 0;
}
