/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an action (design section 5). */
#include "plan/run.h"

enum {
  ANSWER_SECONDS = 60, /* for so long a gate that was observed before a question still counts after it */
  ATTEMPTS = 3,        /* of one action in one run, each only after it was seen that the one before did nothing */
  LOOK_AGAIN = 2       /* what was seen is older than what is known */
};

struct life {
  const struct uh_planned *a;
  const struct uh_plan_step *step;
  struct uh_look before;
  bool asked;    /* a person said yes in this run */
  bool answered; /* ... right now: what was seen before the question is old */
  bool accepted; /* a person said yes to an object that somebody else has changed */
};

static void life_clear(struct life *l) {
  uh_look_clear(&l->before);
}

static struct uh_history_entry *entry_of(const struct uh_run *run, const struct uh_planned *a) {
  return uh_history_entry(run->h, a->id);
}

/* ---- the gate ---- */

static void list_checks(const struct uh_gate *gate, const char *status, struct uh_str *out) {
  size_t shown = 0;
  for (size_t i = 0; i < gate->n; i++) {
    const struct uh_gate_check *c = &gate->v[i];
    if (c->severity != UH_BLOCKER || strcmp(c->status, status) != 0) continue;
    uh_str_addf(out, "%s%s", shown++ ? ", " : "", c->id);
    if (*c->detail) uh_str_addf(out, " (%s)", c->detail);
  }
}

static bool named(const char *UH_NULLABLE list, const char *id) {
  size_t n = strlen(id);
  for (const char *p = list ? list : ""; *p; p += strcspn(p, ","), p += *p == ',')
    if (strcspn(p, ",") == n && strncmp(p, id, n) == 0) return true;
  return false;
}

/* Has the step anything left that it may still do? */
static bool is_ahead(const struct uh_run *run, const struct uh_plan_step *s) {
  for (size_t i = s->first; i < s->first + s->n; i++) {
    const struct uh_history_entry *e = entry_of(run, uh_plan_at(run->plan, i));
    if (!e ||
        (e->is.state != UH_ACTION_VERIFIED && e->is.state != UH_ACTION_SKIPPED && e->is.state != UH_ACTION_UNDONE))
      return true;
  }
  return false;
}

/* A step of this plan has something to do, and makes the check pass. */
static bool will_be_mended(const struct uh_run *run, const char *check) {
  for (size_t i = 0; i < uh_plan_step_count(run->plan); i++) {
    const struct uh_plan_step *s = uh_plan_step_at(run->plan, i);
    if (s->state == UH_STEP_ACTIONS && named(s->step->mends, check) && is_ahead(run, s)) return true;
  }
  return false;
}

/* What fails is what this very plan is still to put right, or none of its business. Once the former is done the whole
 * audit is asked again, see gate_step(). */
static bool only_what_may_fail(const struct uh_run *run, const struct uh_gate *gate, bool *ret_mended) {
  size_t passed_over = 0;
  *ret_mended = false;
  for (size_t i = 0; i < gate->n; i++) {
    const struct uh_gate_check *c = &gate->v[i];
    bool fails = strcmp(c->status, "fail") == 0;
    if (c->severity != UH_BLOCKER || (!fails && strcmp(c->status, "unknown") != 0)) continue;
    bool over = fails && uh_plan_passes_over(run->plan, c->id);
    passed_over += over;
    if (over) continue;
    if (!fails || gate->verdict != UH_BLOCKED || !will_be_mended(run, c->id)) return false;
    *ret_mended = true;
  }
  return *ret_mended || passed_over > 0;
}

static bool is_shut(struct uh_run *run, const struct uh_plan_step *step, const struct uh_gate *gate) {
  bool mended = false;
  if (gate->verdict == UH_READY) return false;
  if (step || gate->verdict == UH_UNDETERMINED || !only_what_may_fail(run, gate, &mended)) return true;
  run->gate_owed = mended;
  return false;
}

static int stop_at(struct uh_run *run, const struct uh_plan_step *step, const struct uh_gate *gate) {
  struct uh_str list UH_CLEANUP(uh_str_clear) = {0};
  const char *before = step ? step->step->id : "the cleanup";
  bool undetermined = gate->verdict == UH_UNDETERMINED;
  list_checks(gate, undetermined ? "unknown" : "fail", &list);
  return uh_run_stop(run, undetermined ? 2 : 1, "the gate before %s: %s: %s", before,
                     undetermined ? "not everything could be determined" : "blocked", uh_str_or(&list, ""));
}

int uh_run_gate(struct uh_run *run, const struct uh_plan_step *step, const char *checks, bool irreversible) {
  struct uh_gate gate UH_CLEANUP(uh_gate_clear) = {0};
  struct uh_err err = UH_ERR_INIT;
  if (run->w->gate(run->w->user, checks, irreversible, &gate, &err) < 0) return uh_run_stop_err(run, &err, "the gate");
  bool shut = is_shut(run, step, &gate);
  struct uh_event event = {.type = UH_EVENT_STEP, .step = step, .gate = &gate, .shut = shut};
  uh_run_tell(run, &event);
  return shut ? stop_at(run, step, &gate) : 0;
}

/*
 * A step's checks are observed anew right before its first action, after a wait, and before what cannot be undone. Not
 * before the rest of a tree: the gate was open when its deletion began, what is left of it tells the checks nothing any
 * more, and something new in it would be no part of what was listed, which the executor refuses to delete.
 */
static int gate_step(struct uh_run *run, const struct life *l) {
  int half_gone = uh_tree_half_gone(run, l->a);
  if (half_gone) return half_gone < 0 ? -1 : 0;
  bool irreversible = l->a->action.reversible == UH_IRREVERSIBLE;
  bool same = run->gated && strcmp(run->gated, l->a->step) == 0;
  bool mends = l->step && l->step->step->mends && *l->step->step->mends;
  if (run->gate_owed && !same && !mends && !run->o->dry) {
    run->gate_owed = false; /* unless something that mends is still ahead */
    if (uh_run_gate(run, NULL, NULL, irreversible) < 0) return -1;
  }
  if (same && (run->gated_irreversible || !irreversible)) return 0;
  const char *checks = l->step ? l->step->step->checks : NULL;
  if (checks && *checks && uh_run_gate(run, l->step, checks, irreversible) < 0) return -1;
  run->gated = l->a->step;
  run->gated_irreversible = irreversible;
  return 0;
}

/* ---- how it ends ---- */

/* An observation pause follows what this program did itself. */
static int pause_after(struct uh_run *run, const struct uh_planned *a) {
  const struct uh_history_entry *e = entry_of(run, a);
  if (!a->action.observe || run->o->pause_observe <= 0 || !e || !e->undoable || e->observed) return 0;
  int64_t until = e->at + run->o->pause_observe;
  if (until <= uh_run_now(run)) return 0;
  if (uh_run_record_paused(run, a->id, until, "an observation pause follows") < 0) return -1;
  struct uh_event event = {.type = UH_EVENT_PAUSE, .action = a, .step = uh_run_step(run, a), .until = until};
  uh_run_tell(run, &event);
  return uh_hold_add(run, a, UH_HOLD_LEFT, true, false);
}

static int verified(struct uh_run *run, const struct uh_planned *a, const char *how) {
  if (uh_run_record_text(run, UH_RECORD_VERIFIED, a->id, "how", how) < 0) return -1;
  uh_run_result(run, a, UH_ACTION_VERIFIED, how);
  return pause_after(run, a);
}

/* rest: what is left of its step waits too. */
static int failed(struct uh_run *run, const struct uh_planned *a, const char *why, bool sent, bool rest) {
  if (uh_run_record_failed(run, a->id, why, sent) < 0) return -1;
  uh_run_result(run, a, UH_ACTION_FAILED, why);
  return uh_hold_add(run, a, UH_HOLD_LEFT, true, rest);
}

/* An entry of the directory that is protected: nothing was done to it, and it says nothing of the next, which is
 * deleted by itself. */
static bool is_protected(const struct uh_planned *a, const struct uh_sent *sent) {
  return a->action.executor == UH_BY_DIRECTORY && sent->refused;
}

static int doubt(struct uh_run *run, const struct uh_planned *a, const char *why) {
  const struct uh_history_entry *e = entry_of(run, a);
  bool known = e && e->is.state == UH_ACTION_DOUBT;
  if (!known && uh_run_record_text(run, UH_RECORD_DOUBT, a->id, "why", why) < 0) return -1;
  uh_run_result(run, a, UH_ACTION_DOUBT, why);
  return uh_hold_add(run, a, UH_HOLD_LEFT, true, true);
}

static int hold_skipped(struct uh_run *run, const struct uh_planned *a, enum uh_skip by) {
  return uh_hold_add(run, a, by == UH_SKIP_APPROVAL ? UH_HOLD_UNAPPROVED : UH_HOLD_SKIP, by == UH_SKIP_PERSON, false);
}

static int skipped(struct uh_run *run, const struct uh_planned *a, const char *why, enum uh_skip by) {
  if (uh_run_record_skipped(run, a->id, why, by) < 0) return -1;
  uh_run_result(run, a, UH_ACTION_SKIPPED, why);
  return hold_skipped(run, a, by);
}

static int interrupted(struct uh_run *run, const struct uh_planned *a) {
  return uh_run_stop(run, 130, "interrupted at %s", a->id);
}

/* ---- asking ---- */

static bool is_approved(const struct uh_run *run, const struct uh_planned *a) {
  for (size_t i = 0; run->o->approved && run->o->approved[i]; i++)
    if (strcmp(run->o->approved[i], a->id) == 0 || strcmp(run->o->approved[i], a->step) == 0) return true;
  return false;
}

/* 1 yes, 0 skipped. */
static int ask(struct uh_run *run, const struct life *l, const char *why, bool typed) {
  struct uh_event event = {
      .type = UH_EVENT_BEGIN, .action = l->a, .step = l->step, .image = l->before.image, .why = why};
  enum uh_choice choice = UH_CHOICE_STOP;
  char reason[512] = "";
  struct uh_err err = UH_ERR_INIT;
  if (run->o->guide->ask(run->o->guide->user, &event, typed, &choice, reason, sizeof reason, &err) < 0)
    return uh_run_stop_err(run, &err, l->a->id);
  if (uh_run_cancelled(run)) return interrupted(run, l->a);
  if (choice == UH_CHOICE_STOP) return uh_run_stop(run, 3, "stopped by %s before %s", run->o->person, l->a->id);
  if (choice == UH_CHOICE_YES) return 1;
  return skipped(run, l->a, *reason ? reason : "no reason was given", UH_SKIP_PERSON);
}

static int leave_to_approve(struct uh_run *run, const struct uh_planned *a) {
  char why[600];
  uh_print(why, sizeof why, "a person has to approve it (--approve %.*s)", UH_HEAD(a->id, 400));
  return skipped(run, a, why, UH_SKIP_APPROVAL);
}

/* 1 it may be done, 0 it is left out. */
static int consent(struct uh_run *run, struct life *l) {
  const struct uh_action *action = &l->a->action;
  bool guided = run->o->guide && run->o->guide->ask && !run->o->dry;
  bool approve = action->approval && !is_approved(run, l->a);
  bool irreversible = action->reversible == UH_IRREVERSIBLE && !run->o->irreversible;
  if (l->asked) return 1;
  if (guided && (approve || irreversible || !run->o->yes)) {
    int r = ask(run, l, NULL, approve || action->reversible == UH_IRREVERSIBLE);
    l->asked = l->answered = r == 1;
    return r;
  }
  if (approve) return leave_to_approve(run, l->a);
  if (irreversible && !run->o->dry)
    return uh_run_stop(run, 3, "%s cannot be undone, and nobody has agreed to that (--yes=irreversible)", l->a->id);
  struct uh_event event = {.type = UH_EVENT_BEGIN, .action = l->a, .step = l->step, .image = l->before.image};
  uh_run_tell(run, &event);
  l->asked = true;
  return 1;
}

/* ---- up to `begun` ---- */

/* In a dry run what the plan does before this action has not been done. */
static bool is_touched_before(const struct uh_run *run, const struct uh_planned *a) {
  for (size_t i = 0; i < uh_plan_count(run->plan); i++) {
    const struct uh_planned *other = uh_plan_at(run->plan, i);
    if (other == a) return false;
    if (uh_subject_same(&other->action.subject, &a->action.subject)) return true;
  }
  return false;
}

/* Thinks of actions of the plan on the same object as done: of those before `a` that are in the state, or of those
 * behind it. *ret: a new image, NULL where there is none. */
static int think(const struct uh_run *run, const struct uh_planned *a, bool before, enum uh_action_state state,
                 const char *image, char **ret, struct uh_err *err) {
  char *now = NULL;
  size_t at = (size_t)(a->number - 1), from = before ? 0 : at + 1, to = before ? at : uh_plan_count(run->plan);
  for (size_t i = from; i < to; i++) {
    const struct uh_planned *other = uh_plan_at(run->plan, i);
    if (!uh_subject_same(&other->action.subject, &a->action.subject)) continue;
    const struct uh_history_entry *e = entry_of(run, other);
    UH_CLEANUP(uh_freep) char *last = NULL;
    if (!e || e->is.state != state) continue;
    last = now;
    if (uh_planned_apply(other, last ? last : image, &now, err) < 0) return -1;
  }
  *ret = now;
  return 0;
}

/* A plan was fingerprinted as if all goes in its order. What was skipped before this action is thought of as done to
 * the object as it is, and what was done already of that which comes behind it, as done to the object as it was planned
 * on: so only what somebody else did shows. 1 the same, 0 drift, and what it is. */
static int same_as_planned(const struct uh_run *run, const struct life *l, struct uh_str *drift, struct uh_err *err) {
  UH_CLEANUP(uh_freep) char *thought = NULL;
  UH_CLEANUP(uh_freep) char *expected = NULL;
  char hash[65], wanted[65];
  const char *planned = uh_plan_image(run->plan, (size_t)(l->a->number - 1));
  if (think(run, l->a, true, UH_ACTION_SKIPPED, l->before.image, &thought, err) < 0 ||
      (planned && think(run, l->a, false, UH_ACTION_VERIFIED, planned, &expected, err) < 0))
    return -1;
  const char *image = thought ? thought : l->before.image;
  if (uh_planned_fingerprint(l->a, image, hash, err) < 0 ||
      (expected && uh_planned_fingerprint(l->a, expected, wanted, err) < 0))
    return -1;
  if (strcmp(hash, expected ? wanted : l->a->fingerprint) == 0) return 1;
  if (expected) planned = expected;
  if (!planned || uh_planned_drift(l->a, planned, image, drift, err) < 0) uh_str_reset(drift);
  return 0;
}

/* It was begun in an earlier run: what it changed itself is no drift. */
static int examine_again(struct uh_run *run, const struct life *l, const char *begun_on) {
  struct uh_str out UH_CLEANUP(uh_str_clear) = {0};
  struct uh_err err = UH_ERR_INIT;
  int same = uh_image_same(l->a, begun_on, l->before.image, &err);
  if (same == 1) return 1;
  if (same < 0) return uh_run_stop_err(run, &err, l->a->id);
  if (uh_planned_drift(l->a, begun_on, l->before.image, &out, &err) < 0) uh_str_reset(&out);
  return uh_run_stop(run, 3, "%s: somebody else has changed it since it was begun: %s", l->a->id, uh_str_or(&out, ""));
}

/* Does the look show the object as it was before an earlier action of the plan, although that was seen to be done? Then
 * a replica answered that has not got it yet. Until when that may be; 0: it is none. */
static int64_t lags_until(const struct uh_run *run, const struct life *l) {
  char seen[65], before[65];
  struct uh_err err = UH_ERR_INIT;
  if (uh_planned_fingerprint(l->a, l->before.image, seen, &err) < 0) return 0;
  for (size_t i = 0; i + 1 < (size_t)l->a->number; i++) {
    const struct uh_planned *other = uh_plan_at(run->plan, i);
    if (!uh_subject_same(&other->action.subject, &l->a->action.subject)) continue;
    const struct uh_history_entry *e = entry_of(run, other);
    if (!e || !e->begun || e->is.state != UH_ACTION_VERIFIED || !e->is.image) continue;
    int64_t until = uh_run_settled_at(run, other, e->at);
    if (uh_run_now(run) >= until || uh_planned_fingerprint(l->a, e->is.image, before, &err) < 0) continue;
    if (strcmp(seen, before) == 0) return until;
  }
  return 0;
}

/* 1 it is as it was planned on, LOOK_AGAIN. */
static int examine_first(struct uh_run *run, const struct life *l) {
  struct uh_str drift UH_CLEANUP(uh_str_clear) = {0};
  struct uh_err err = UH_ERR_INIT;
  int same = same_as_planned(run, l, &drift, &err);
  if (same == 1) return 1;
  if (same == 0 && lags_until(run, l)) return LOOK_AGAIN;
  if (same < 0) return uh_run_stop(run, 3, "%s: it cannot be told whether it has changed: %s", l->a->id, err.what);
  return uh_run_stop(run, 3, "%s: somebody else has changed it since it was planned: %s", l->a->id,
                     uh_str_or(&drift, ""));
}

/* The object is there. 1 it is as it was planned on, 0 what is wanted is so already, LOOK_AGAIN. */
static int examine(struct uh_run *run, const struct life *l) {
  const struct uh_history_entry *e = entry_of(run, l->a);
  struct uh_str out UH_CLEANUP(uh_str_clear) = {0};
  struct uh_err err = UH_ERR_INIT;
  if (l->a->action.verb != UH_VERB_REMOVE &&
      uh_planned_satisfied(l->a, UH_EXPECT_END, true, l->before.image, &out, &err) == 1)
    return verified(run, l->a, "it was so already");
  if (l->accepted || !*l->a->fingerprint || (run->o->dry && is_touched_before(run, l->a))) return 1;
  return e && e->begun && e->is.image ? examine_again(run, l, e->is.image) : examine_first(run, l);
}

/* It was there when the plan was made. That it is gone is believed when another look does not show it, either: a
 * service that answers with an empty list says no more than that. */
static int gone_before(struct uh_run *run, const struct life *l) {
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  int64_t until = uh_run_now(run) + run->w->settles(run->w->user, l->a->action.executor);
  int how = run->o->dry ? UH_SETTLED_DONE : uh_settle(run, l->a, until, &why);
  switch (how) {
    case UH_SETTLED_DONE: return verified(run, l->a, "it was not there");
    case UH_SETTLED_CANCELLED: return interrupted(run, l->a);
    case UH_SETTLED_UNCHANGED:
    case UH_SETTLED_UNSEEN:
    case UH_SETTLED_CHANGED: break;
    default: return -1;
  }
  return uh_run_stop(run, 3, "%s: one look does not show the object, and another does not agree: %s", l->a->id,
                     uh_str_or(&why, ""));
}

/* 1 go on, 0 the action has come to its end, LOOK_AGAIN. */
static int look_once(struct uh_run *run, struct life *l) {
  struct uh_err err = UH_ERR_INIT;
  char text[1200];
  bool person = l->a->action.verb == UH_VERB_DO;
  uh_look_clear(&l->before);
  if (uh_look(run, l->a, UH_LOOK_BEFORE, &l->before) < 0) return -1;
  if (l->before.seen == UH_SEEN_UNKNOWN && !person)
    return uh_run_stop(run, 3, "%s: the object cannot be seen: %s", l->a->id,
                       uh_err_text(&l->before.why, text, sizeof text));
  if (l->before.seen == UH_SEEN_ABSENT && !person) return gone_before(run, l);
  if (l->before.image && uh_planned_allowed(l->a, uh_plan_anchors(run->plan), l->before.image, &err) < 0)
    return uh_run_stop_err(run, &err, l->a->id);
  return l->before.seen == UH_SEEN_THERE ? examine(run, l) : 1;
}

static int look_before(struct uh_run *run, struct life *l) {
  int64_t milliseconds = 0;
  int r;
  while ((r = look_once(run, l)) == LOOK_AGAIN) {
    int64_t until = lags_until(run, l);
    struct uh_event event = {.type = UH_EVENT_WAITING,
                             .action = l->a,
                             .step = l->step,
                             .why = "a server answered that has not got the change before",
                             .until = until - uh_run_now(run)};
    uh_run_tell(run, &event);
    if (!uh_settle_wait(run, until, &milliseconds) && uh_run_cancelled(run)) return interrupted(run, l->a);
  }
  return r;
}

/* What was sent before may still be on its way, in this plan or an earlier one. */
static int wait_for_earlier(struct uh_run *run, const struct uh_planned *a) {
  const struct uh_history_entry *e = entry_of(run, a);
  int64_t milliseconds = 0;
  if (!e || !e->sent || run->o->dry || a->action.executor == UH_BY_OPERATOR) return 0;
  int64_t until = uh_run_settled_at(run, a, e->is.begun_at);
  while (uh_run_now(run) < until)
    if (!uh_settle_wait(run, until, &milliseconds) && uh_run_cancelled(run)) return interrupted(run, a);
  return 0;
}

/* A question may stand for hours. The object is looked at again, and the gate too where nobody could say that it was
 * just observed: neither was right before the action any more, and the first look's image is not what will go. */
static int look_after_answer(struct uh_run *run, struct life *l, int64_t since) {
  l->answered = false;
  if (uh_run_now(run) - since > ANSWER_SECONDS) {
    run->gated = NULL;
    if (gate_step(run, l) < 0) return -1;
  }
  return look_before(run, l);
}

static int prepare(struct uh_run *run, struct life *l) {
  struct uh_err err = UH_ERR_INIT;
  bool guided = run->o->guide && run->o->guide->ask && !run->o->dry;
  /* What nobody can approve now asks for no gate: that of the uninstall wants much which is not so before. */
  if (l->a->phase == UH_PHASE_UNINSTALL && l->a->action.approval && !guided && !is_approved(run, l->a))
    return leave_to_approve(run, l->a);
  if (gate_step(run, l) < 0) return -1;
  if (uh_planned_allowed(l->a, uh_plan_anchors(run->plan), NULL, &err) < 0) return uh_run_stop_err(run, &err, l->a->id);
  if (wait_for_earlier(run, l->a) < 0) return -1;
  int r = look_before(run, l);
  if (r != 1) return r;
  int64_t since = uh_run_now(run);
  r = consent(run, l);
  if (r == 1 && l->answered) r = look_after_answer(run, l, since);
  return r == 1 && uh_run_cancelled(run) ? interrupted(run, l->a) : r;
}

static int begin(struct uh_run *run, const struct life *l) {
  const struct uh_history_entry *e = entry_of(run, l->a);
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  struct uh_err err = UH_ERR_INIT;
  /* A second try keeps the image of the first: the object may carry a part of the action's own changes by now. */
  const char *image = e && e->begun && e->is.image && !l->accepted ? e->is.image : l->before.image;
  uh_str_addc(&body, '{');
  uh_json_member(&body, "plan", uh_plan_id(run->plan));
  uh_json_member(&body, "verb", uh_verb_name(l->a->action.verb));
  uh_json_member(&body, "name", l->a->action.subject.name);
  uh_json_member(&body, "person", run->o->person);
  if (l->a->action.approval) uh_json_member(&body, "approved", l->a->action.approval);
  uh_str_addc(&body, '}');
  if (uh_run_record(run, UH_RECORD_BEGUN, l->a->id, &body, image, image ? strlen(image) : 0) < 0) return -1;
  e = entry_of(run, l->a); /* the history has taken the image in, and let go of the one it had */
  image = e ? e->is.image : NULL;
  if (!image || !run->o->export_image || run->o->export_image(run->o->user, l->a, image, &err) == 0) return 0;
  char text[1200];
  if (uh_run_record_failed(run, l->a->id, uh_err_text(&err, text, sizeof text), false) < 0) return -1;
  return uh_run_stop_err(run, &err, "the before-image could not be exported");
}

/* ---- after it was sent ---- */

/* 1 it may be sent again, 0 it has come to its end, or rests in doubt. */
static int settled(struct uh_run *run, struct life *l, int how, const char *why) {
  switch (how) {
    case UH_SETTLED_DONE: return verified(run, l->a, "it was read again, and is done");
    case UH_SETTLED_UNCHANGED: return 1;
    case UH_SETTLED_UNSEEN: return doubt(run, l->a, why);
    case UH_SETTLED_CANCELLED: return doubt(run, l->a, why) < 0 ? -1 : interrupted(run, l->a);
    case UH_SETTLED_CHANGED: break;
    default: return -1;
  }
  if (doubt(run, l->a, why) < 0) return -1;
  if (!run->o->guide || !run->o->guide->ask)
    return uh_run_stop(run, 3, "%s was begun, is not done, and somebody else has changed the object: %s", l->a->id,
                       why);
  int r = ask(run, l, why, true);
  l->accepted = l->asked = r == 1;
  return r;
}

static int settle_earlier(struct uh_run *run, struct life *l) {
  const struct uh_history_entry *e = entry_of(run, l->a);
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  int how = uh_settle(run, l->a, uh_run_settled_at(run, l->a, e->is.begun_at), &why);
  return settled(run, l, how, uh_str_or(&why, ""));
}

/* The service said no, or failed on the way. What is there decides; what is not there yet may still come, so that a
 * later try waits until that has settled (wait_for_earlier). */
static int after_failure(struct uh_run *run, const struct life *l, const struct uh_sent *sent) {
  struct uh_str what UH_CLEANUP(uh_str_clear) = {0};
  int done = uh_look_done(run, l->a, &what);
  if (done < 0) return -1;
  if (done == 1) return verified(run, l->a, "the service reported a failure; it was read again, and is done");
  bool protected = is_protected(l->a, sent), reached = sent->outcome != UH_CHANGE_NOT_SENT && !protected;
  return failed(run, l->a, uh_str_or(&sent->why, ""), reached, !protected);
}

static int after_success(struct uh_run *run, struct life *l, const struct uh_sent *sent) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  uh_str_addf(&body, "{\"results\":[%s]}", uh_str_or(&sent->results, ""));
  if (uh_run_record(run, UH_RECORD_APPLIED, l->a->id, &body, NULL, 0) < 0) return -1;
  const struct uh_history_entry *e = entry_of(run, l->a);
  int how = uh_settle(run, l->a, uh_run_settled_at(run, l->a, e->is.begun_at), &why);
  int r = settled(run, l, how, uh_str_or(&why, ""));
  if (r != 1) return r;
  struct uh_str text UH_CLEANUP(uh_str_clear) = {0};
  uh_str_addf(&text, "the service said that it is done, and it is not: %s", uh_str_or(&why, ""));
  return failed(run, l->a, uh_str_or(&text, ""), true, true);
}

/* 1 try again, 0 it has come to its end. */
static int carry_out(struct uh_run *run, struct life *l, bool again) {
  struct uh_sent sent UH_CLEANUP(uh_sent_clear) = {0};
  if (uh_send_action(run, l->a, again, &sent) < 0) return -1;
  switch (sent.outcome) {
    case UH_CHANGE_APPLIED: return after_success(run, l, &sent);
    case UH_CHANGE_NOT_SENT:
      if (!sent.not_found) return failed(run, l->a, uh_str_or(&sent.why, ""), false, !is_protected(l->a, &sent));
      return after_failure(run, l, &sent);
    case UH_CHANGE_FAILED: return after_failure(run, l, &sent);
    case UH_CHANGE_UNKNOWN:
    case UH_CHANGE_RECORDED: break;
  }
  if (uh_run_record_text(run, UH_RECORD_DOUBT, l->a->id, "why", uh_str_or(&sent.why, "")) < 0) return -1;
  return settle_earlier(run, l);
}

/* ---- what a person does ---- */

/* Said before anybody waits: `status` shows meanwhile, and after a kill, what a person has to do. */
static int record_waits(struct uh_run *run, const struct life *l) {
  const struct uh_history_entry *e = entry_of(run, l->a);
  if (!e || e->is.state == UH_ACTION_WAITS) return 0;
  return uh_run_record_paused(run, l->a->id, 0, "a person has to do it");
}

static int wait_for_person(struct uh_run *run, const struct life *l) {
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  int64_t until = uh_run_now(run) + run->o->operator_timeout, milliseconds = 0;
  struct uh_event event = {.type = UH_EVENT_OPERATOR, .action = l->a, .step = l->step, .until = until};
  uh_run_tell(run, &event);
  for (;;) {
    int done = uh_look_done(run, l->a, &why);
    if (done < 0) return -1;
    if (done == 1) return verified(run, l->a, "it was seen to be done");
    if (record_waits(run, l) < 0) return -1;
    if (!uh_settle_wait(run, until, &milliseconds)) break;
    run->gated = NULL; /* time has passed */
  }
  uh_run_result(run, l->a, UH_ACTION_WAITS, uh_str_or(&why, ""));
  if (uh_run_cancelled(run)) return interrupted(run, l->a);
  /* Records of one kind are each by itself: whoever edits a zone is told of all of them. */
  bool rest = strcmp(l->a->action.subject.kind, UH_DNS_RECORD) != 0;
  return uh_hold_add(run, l->a, UH_HOLD_LEFT, true, rest);
}

/* It was begun in an earlier run: a person may have done it, or half of it. */
static int person_again(struct uh_run *run, const struct life *l) {
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  int done = uh_look_done(run, l->a, &why);
  if (done < 0) return -1;
  if (done == 1) return verified(run, l->a, "it was seen to be done");
  if (gate_step(run, l) < 0) return -1;
  return wait_for_person(run, l);
}

/* ---- an action, whatever an earlier run made of it ---- */

static int live(struct uh_run *run, struct life *l) {
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    const struct uh_history_entry *e = entry_of(run, l->a);
    bool again = e && e->begun;
    int r;
    if (again && l->a->action.executor == UH_BY_OPERATOR) return run->o->dry ? 0 : person_again(run, l);
    if (again && e->sent && !run->o->dry && (r = settle_earlier(run, l)) != 1) return r;
    if ((r = prepare(run, l)) != 1 || run->o->dry) return r == 1 ? 0 : r;
    if (begin(run, l) < 0) return -1;
    if (l->a->action.executor == UH_BY_OPERATOR) return wait_for_person(run, l);
    if ((r = carry_out(run, l, again)) != 1) return r;
    l->accepted = false;
  }
  return failed(run, l->a, "it was sent several times without an answer, and nothing came of it", true, true);
}

static int pause_over(struct uh_run *run, const struct uh_planned *a, const struct uh_history_entry *e) {
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  if (run->o->pause_observe > 0 && e->is.until > uh_run_now(run)) {
    struct uh_event event = {.type = UH_EVENT_PAUSE, .action = a, .step = uh_run_step(run, a), .until = e->is.until};
    uh_run_tell(run, &event);
    return uh_hold_add(run, a, UH_HOLD_LEFT, true, false);
  }
  int done = uh_look_done(run, a, &why);
  if (done < 0) return -1;
  if (done == 1) return verified(run, a, "the observation pause is over");
  return uh_run_stop(
      run, 3,
      "%s: it was done, and after the pause it is so no more: %s. Where somebody needs it, `unhybrid undo "
      "%s` leaves it, and all that builds on it, as it is now; else have it set again, and resume",
      a->id, uh_str_or(&why, ""), a->id);
}

/* What was skipped in an earlier run for a reason that may be no more: nobody was there to approve it, or what it
 * follows was skipped, which somebody has approved by now. */
static bool may_go_now(const struct uh_run *run, const struct uh_planned *a, const struct uh_history_entry *e) {
  const char *because;
  if (e->skip == UH_SKIP_FOLLOWS) return uh_hold_of(run, a, &because) == UH_HOLD_NONE;
  if (e->skip != UH_SKIP_APPROVAL) return false;
  if (!a->action.approval) return true; /* it was another's that was missing: is_wanted() looks */
  return is_approved(run, a) || (run->o->guide && run->o->guide->ask && !run->o->dry);
}

/* Nobody is there to approve it, and nobody did: no gate has to be open for what is left out. */
static bool is_left_out(const struct uh_run *run, const struct uh_planned *a, const struct uh_history_entry *e) {
  bool guided = run->o->guide && run->o->guide->ask;
  return a->action.approval && !guided && !run->o->dry && !is_approved(run, a) && !(e && e->begun);
}

static int held_back(struct uh_run *run, const struct uh_planned *a, bool left_out, bool *ret_held) {
  const char *because = "";
  char why[1000];
  enum uh_hold hold = uh_hold_of(run, a, &because);
  *ret_held = hold != UH_HOLD_NONE;
  if (hold == UH_HOLD_BEHIND && left_out) return leave_to_approve(run, a); /* that is what it lacks, too */
  if (hold == UH_HOLD_UNAPPROVED)
    uh_print(why, sizeof why, "nobody has approved %.*s, and this would take the same away (--approve %.*s)",
             UH_HEAD(because, 450), UH_HEAD(because, 450));
  else if (hold == UH_HOLD_BEHIND)
    uh_print(why, sizeof why, "it follows %.*s, which nobody has approved (--approve %.*s)", UH_HEAD(because, 450),
             UH_HEAD(because, 450));
  else if (hold == UH_HOLD_SKIP)
    uh_print(why, sizeof why, "it follows %.*s, which was skipped", UH_HEAD(because, 500));
  else
    return 0;
  return skipped(run, a, why, UH_SKIP_FOLLOWS);
}

/* What a person prepares - the export of a certificate with its key - is for one action on the same object. Nobody is
 * sent to do it where that one is not to be done. NULL: it prepares nothing. */
static const struct uh_planned *prepared_for(const struct uh_run *run, const struct uh_planned *a) {
  if (a->action.verb != UH_VERB_DO) return NULL;
  for (size_t i = (size_t)a->number; i < uh_plan_count(run->plan); i++) {
    const struct uh_planned *next = uh_plan_at(run->plan, i);
    if (strcmp(next->step, a->step) == 0 && uh_subject_same(&next->action.subject, &a->action.subject)) return next;
  }
  return NULL;
}

/* 1 it may be asked for, 0 it is left out. At a terminal a person says for each. */
static int is_wanted(struct uh_run *run, const struct uh_planned *a) {
  const struct uh_planned *next = prepared_for(run, a);
  char why[600];
  if (!next || run->o->dry || (run->o->guide && run->o->guide->ask)) return 1;
  if (next->action.approval && !is_approved(run, next)) {
    uh_print(why, sizeof why, "it prepares %.*s, which a person has to approve", UH_HEAD(next->id, 400));
    return skipped(run, a, why, UH_SKIP_APPROVAL);
  }
  if (next->action.reversible == UH_IRREVERSIBLE && !run->o->irreversible)
    return uh_run_stop(run, 3, "%s cannot be undone, and nobody has agreed to that (--yes=irreversible): %s waits",
                       next->id, a->id);
  return 1;
}

int uh_run_action(struct uh_run *run, const struct uh_planned *a) {
  struct life l UH_CLEANUP(life_clear) = {.a = a, .step = uh_run_step(run, a), .before = {.why = UH_ERR_INIT}};
  const struct uh_history_entry *e = entry_of(run, a);
  enum uh_action_state state = e ? e->is.state : UH_ACTION_PLANNED;
  bool held = false;
  if (state == UH_ACTION_VERIFIED) return pause_after(run, a);
  if (state == UH_ACTION_UNDONE) return uh_hold_add(run, a, UH_HOLD_SKIP, true, false);
  if (state == UH_ACTION_UNDO_BEGUN) return uh_hold_add(run, a, UH_HOLD_LEFT, true, true);
  if (state == UH_ACTION_SKIPPED && !may_go_now(run, a, e)) return hold_skipped(run, a, e->skip);
  if (state == UH_ACTION_WAITS && e->is.until) return pause_over(run, a, e);
  bool left_out = is_left_out(run, a, e);
  if (held_back(run, a, left_out, &held) < 0 || held) return run->stopped ? -1 : 0;
  if (left_out) return leave_to_approve(run, a);
  int wanted = e && e->begun ? 1 : is_wanted(run, a);
  return wanted == 1 ? live(run, &l) : wanted;
}

int uh_run_settle_action(struct uh_run *run, const struct uh_planned *a) {
  struct life l UH_CLEANUP(life_clear) = {.a = a, .step = uh_run_step(run, a), .before = {.why = UH_ERR_INIT}};
  const struct uh_history_entry *e = entry_of(run, a);
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  if (!uh_history_in_doubt(e) || a->action.executor == UH_BY_OPERATOR || run->o->dry) return 0;
  int how = uh_settle(run, a, uh_run_settled_at(run, a, e->is.begun_at), &why);
  if (how == UH_SETTLED_CHANGED) return 0; /* stops, or asks, when its turn comes */
  return settled(run, &l, how, uh_str_or(&why, "")) < 0 ? -1 : 0;
}
