/* SPDX-License-Identifier: Apache-2.0 */
/* What must not go on because something before it did not come to its end. */
#include "plan/run.h"

#include <strings.h>

int uh_hold_open(struct uh_run *run, struct uh_err *err) {
  size_t n = uh_plan_step_count(run->plan);
  run->holds = calloc(n ? n : 1, sizeof *run->holds);
  if (!run->holds) return uh_fail_nomem(err);
  for (size_t i = 0; i < n; i++) {
    const struct uh_plan_step *step = uh_plan_step_at(run->plan, i);
    if (step->state != UH_STEP_UNKNOWN && step->state != UH_STEP_BLOCKED) continue;
    run->holds[i].follows = UH_HOLD_LEFT;
    run->holds[i].because = step->step->id;
  }
  return 0;
}

void uh_hold_close(struct uh_run *run) {
  free(run->holds);
  free(run->subjects);
}

static size_t index_of(const struct uh_run *run, const char *id) {
  size_t n = uh_plan_step_count(run->plan), i = 0;
  while (i < n && strcmp(uh_plan_step_at(run->plan, i)->step->id, id) != 0) i++;
  return i;
}

/* A step is held back by those that it follows, and by those that these follow. The plan has them in order: what stands
 * before has come to its end, and its answer is kept. */
static enum uh_hold hold_of_step(const struct uh_run *run, size_t i, const char **ret_because) {
  const struct uh_step *step = uh_plan_step_at(run->plan, i)->step;
  struct uh_step_hold *own = &run->holds[i];
  for (const struct uh_follows *f = step->follows; !own->asked && f && f->step; f++) {
    size_t before = index_of(run, f->step);
    if (before >= i) continue;
    const struct uh_step_hold *hold = &run->holds[before];
    enum uh_hold found = hold->follows;
    const char *because = hold->because;
    if (!found) found = hold_of_step(run, before, &because);
    if (!found && f->all && hold->unapproved) {
      found = UH_HOLD_BEHIND;
      because = hold->unapproved;
    }
    if (found == UH_HOLD_NONE || own->inherited == UH_HOLD_LEFT) continue;
    own->inherited = found;
    own->inherited_because = because;
  }
  own->asked = true;
  if (own->inherited) *ret_because = own->inherited_because;
  return own->inherited;
}

static bool text_same(const char *a, const char *b) {
  return strcmp(a ? a : "", b ? b : "") == 0;
}

bool uh_subject_same(const struct uh_subject *a, const struct uh_subject *b) {
  bool guids = a->guid && *a->guid && b->guid && *b->guid;
  if (strcmp(a->side, b->side) != 0 || strcmp(a->kind, b->kind) != 0) return false;
  if (guids) return strcasecmp(a->guid, b->guid) == 0;
  if ((a->guid && *a->guid) || (b->guid && *b->guid)) return false;
  const struct uh_argument *x = a->match, *y = b->match;
  for (; x && y && x->name && y->name; x++, y++)
    if (!text_same(x->name, y->name) || x->type != y->type || x->type != UH_VALUE_TEXT || !text_same(x->text, y->text))
      return false;
  return !(x && x->name) && !(y && y->name) && (a->match || text_same(a->name, b->name));
}

/* What a person has not approved stays. A removal would take it along; a change of another part, or by another step,
 * would not. */
static bool undermines(const struct uh_planned *later, const struct uh_planned *earlier) {
  const char *a = later->action.part, *b = earlier->action.part;
  if (later->action.verb == UH_VERB_REMOVE) return true;
  return strcmp(later->step, earlier->step) == 0 && !(a && b && strcmp(a, b) != 0);
}

static bool holds(const struct uh_subject_hold *s, const struct uh_planned *action) {
  return uh_subject_same(&s->action->action.subject, &action->action.subject) &&
         (s->hold != UH_HOLD_UNAPPROVED || undermines(action, s->action));
}

enum uh_hold uh_hold_of(const struct uh_run *run, const struct uh_planned *action, const char **ret_because) {
  size_t i = index_of(run, action->step);
  for (size_t k = 0; k < run->n_subjects; k++)
    if (holds(&run->subjects[k], action)) {
      *ret_because = run->subjects[k].action->id;
      return run->subjects[k].hold;
    }
  if (i == uh_plan_step_count(run->plan)) return UH_HOLD_NONE;
  if (run->holds[i].rest) {
    *ret_because = run->holds[i].because;
    return run->holds[i].rest;
  }
  return hold_of_step(run, i, ret_because);
}

int uh_hold_add(struct uh_run *run, const struct uh_planned *action, enum uh_hold hold, bool follows, bool rest) {
  size_t i = index_of(run, action->step);
  if (run->n_subjects == run->cap_subjects) {
    size_t cap = run->cap_subjects ? run->cap_subjects * 2 : 16;
    struct uh_subject_hold *subjects = reallocarray(run->subjects, cap, sizeof *subjects);
    if (!subjects) return uh_run_stop(run, 70, "out of memory");
    run->subjects = subjects;
    run->cap_subjects = cap;
  }
  run->subjects[run->n_subjects++] = (struct uh_subject_hold){action, hold};
  if (i == uh_plan_step_count(run->plan)) return 0;
  struct uh_step_hold *step = &run->holds[i];
  if (hold == UH_HOLD_UNAPPROVED && !step->unapproved) step->unapproved = action->id;
  if (!(follows || rest)) return 0;
  /* Waiting outweighs skipping: what was skipped would be lost for good. */
  if (follows && step->follows != UH_HOLD_LEFT) step->follows = hold;
  if (rest && step->rest != UH_HOLD_LEFT) step->rest = hold;
  if (!step->because || hold == UH_HOLD_LEFT) step->because = action->id;
  return 0;
}
