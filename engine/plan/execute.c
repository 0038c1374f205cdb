/* SPDX-License-Identifier: Apache-2.0 */
/* A run: from the gate to the last record. */
#include "plan/run.h"

static void run_clear(struct uh_run *run) {
  uh_hold_close(run);
  uh_history_free(run->h);
  uh_str_clear(&run->why);
}

/* ---- before anything is written ---- */

static int refuse_doubt(const struct uh_run *run, const struct uh_plan *open, struct uh_err *err) {
  for (size_t i = 0; i < uh_history_count(run->h); i++) {
    const struct uh_history_entry *e = uh_history_entry_at(run->h, i);
    if (!uh_history_in_doubt(e) && e->is.state != UH_ACTION_UNDO_BEGUN) continue;
    if (e->planned && e->planned->action.executor == UH_BY_OPERATOR && e->is.state == UH_ACTION_BEGUN) continue;
    bool undo = e->is.state == UH_ACTION_UNDO_BEGUN;
    (void)uh_fail(err, UH_ERR_USAGE,
                  undo ? "putting %s back was begun, and is not finished"
                       : "%s was begun under another plan, and what became of it is not known",
                  e->is.id);
    if (undo)
      uh_err_remedy(err, "finish putting it back with `unhybrid undo %s`, or leave it as it is: with --give-up",
                    e->is.id);
    else
      uh_err_remedy(err, "finish %s with `unhybrid resume` first", open ? uh_plan_id(open) : "it");
    return -1;
  }
  return 0;
}

/* While nothing changes the same plan is made again. What was skipped in it, or put back, may be done after all. */
static bool is_carried_out(const struct uh_run *run) {
  if (!uh_history_finished(run->h, uh_plan_id(run->o->plan))) return false;
  for (size_t i = 0; i < uh_plan_count(run->o->plan); i++) {
    const struct uh_history_entry *e = uh_history_entry(run->h, uh_plan_at(run->o->plan, i)->id);
    if (e && (e->is.state == UH_ACTION_SKIPPED || e->is.state == UH_ACTION_UNDONE)) return false;
  }
  return true;
}

/* new: the plan is not the one that the journal has open. */
static int look_at_options(struct uh_run *run, bool *ret_new, struct uh_err *err) {
  const struct uh_execute_options *o = run->o;
  const struct uh_plan *open = uh_history_open_plan(run->h);
  bool same = open && strcmp(uh_plan_id(open), uh_plan_id(o->plan)) == 0;
  if (!o->dry && !o->journal) return uh_fail(err, UH_ERR_INTERNAL, "a run needs a journal");
  if (!o->dry && !o->yes && !(o->guide && o->guide->ask))
    return uh_fail(err, UH_ERR_USAGE, "nobody is there to ask, and nobody said --yes");
  if (is_carried_out(run)) {
    (void)uh_fail(err, UH_ERR_USAGE, "the plan %s is finished", uh_plan_id(o->plan));
    uh_err_remedy(err, "plan anew with `unhybrid cleanup --dry-run`");
    return -1;
  }
  if (!uh_anchors_get(uh_plan_anchors(o->plan), UH_ANCHOR_ORGANIZATION, 0)) {
    (void)uh_fail(err, UH_ERR_DATA, "the plan does not tell which Exchange organisation it is for");
    uh_err_remedy(err,
                  "run `unhybrid audit` with the directory or Exchange Server, then plan anew; where the organisation "
                  "is gone from both, a person states its GUID: `unhybrid checks explain left.organization`");
    return -1;
  }
  if (!same && refuse_doubt(run, open, err) < 0) return -1;
  *ret_new = !same;
  return 0;
}

/* ---- the run ---- */

/* Pauses that an earlier plan began hold here, too. */
static int hold_earlier(struct uh_run *run) {
  for (size_t i = 0; i < uh_history_count(run->h); i++) {
    const struct uh_history_entry *e = uh_history_entry_at(run->h, i);
    if (e->is.state != UH_ACTION_WAITS || e->is.until <= uh_run_now(run) || run->o->pause_observe <= 0) continue;
    if (!e->planned || uh_plan_find(run->plan, e->is.id)) continue;
    if (uh_hold_add(run, e->planned, UH_HOLD_LEFT, true, false) < 0) return -1;
  }
  return 0;
}

static int settle_doubts(struct uh_run *run) {
  for (size_t i = 0; i < uh_plan_count(run->plan); i++)
    if (uh_run_settle_action(run, uh_plan_at(run->plan, i)) < 0) return -1;
  return 0;
}

static bool is_to_do(const struct uh_run *run, const struct uh_planned *a) {
  const struct uh_history_entry *e = uh_history_entry(run->h, a->id);
  const char *because;
  if (uh_hold_of(run, a, &because)) return false;
  return !e || e->is.state == UH_ACTION_PLANNED || e->is.state == UH_ACTION_FAILED || uh_history_in_doubt(e);
}

/* --pause-between: after a step that did something, a person says whether to go on. */
static int pause_between(struct uh_run *run, const struct uh_planned *a) {
  if (!run->o->pause_between || run->o->dry || !is_to_do(run, a)) return 0;
  const char *last = run->last_step;
  run->last_step = a->step;
  if (!last || strcmp(last, a->step) == 0) return 0;
  if (!run->o->guide || !run->o->guide->ask) return uh_run_stop(run, 3, "a pause between steps, before %s", a->step);
  struct uh_event event = {.type = UH_EVENT_STEP, .step = uh_run_step(run, a)};
  enum uh_choice choice = UH_CHOICE_STOP;
  struct uh_err err = UH_ERR_INIT;
  char reason[512] = "";
  if (run->o->guide->ask(run->o->guide->user, &event, false, &choice, reason, sizeof reason, &err) < 0)
    return uh_run_stop_err(run, &err, a->step);
  return choice == UH_CHOICE_YES ? 0 : uh_run_stop(run, 3, "stopped by %s before %s", run->o->person, a->step);
}

static int run_actions(struct uh_run *run) {
  for (size_t i = 0; i < uh_plan_count(run->plan); i++) {
    const struct uh_planned *a = uh_plan_at(run->plan, i);
    if (uh_run_cancelled(run)) return uh_run_stop(run, 130, "interrupted before %s", a->id);
    if (pause_between(run, a) < 0 || uh_run_action(run, a) < 0) return -1;
  }
  return 0;
}

/* ---- how it ended ---- */

static void count(const struct uh_run *run, struct uh_execute_result *r) {
  for (size_t i = 0; i < uh_plan_count(run->plan); i++) {
    const struct uh_history_entry *e = uh_history_entry(run->h, uh_plan_at(run->plan, i)->id);
    enum uh_action_state state = e ? e->is.state : UH_ACTION_PLANNED;
    bool pause = state == UH_ACTION_WAITS && e->is.until;
    if (pause && (!r->paused_until || e->is.until < r->paused_until)) r->paused_until = e->is.until;
    r->paused += pause;
    r->done += state == UH_ACTION_VERIFIED;
    r->skipped += state == UH_ACTION_SKIPPED || state == UH_ACTION_UNDONE;
    r->failed += state == UH_ACTION_FAILED;
    r->doubt += uh_history_in_doubt(e) || state == UH_ACTION_UNDO_BEGUN;
  }
  r->left = uh_plan_count(run->plan) - r->done - r->skipped;
}

/* What nobody stopped and is not done: the first reason that there is. */
static void say_what_is_left(struct uh_run *run) {
  const struct uh_execute_result *r = run->r;
  char until[UH_TIME_TEXT];
  for (size_t i = 0; i < uh_plan_count(run->plan); i++) {
    const struct uh_planned *a = uh_plan_at(run->plan, i);
    const struct uh_history_entry *e = uh_history_entry(run->h, a->id);
    enum uh_action_state state = e ? e->is.state : UH_ACTION_PLANNED;
    if (state == UH_ACTION_WAITS && e->is.until)
      (void)uh_run_stop(run, 3, "an observation pause until %s", uh_time_text(r->paused_until, until));
    else if (state == UH_ACTION_WAITS)
      (void)uh_run_stop(run, 3, "a person has to do %s", a->id);
    else if (state == UH_ACTION_FAILED || state == UH_ACTION_DOUBT)
      (void)uh_run_stop(run, 3, "%s: %s", a->id, e->is.why);
    else if (state == UH_ACTION_UNDO_BEGUN)
      (void)uh_run_stop(run, 3, "putting %s back was not finished: `unhybrid undo %s`", a->id, a->id);
  }
  for (size_t i = 0; i < uh_plan_step_count(run->plan); i++) {
    const struct uh_plan_step *step = uh_plan_step_at(run->plan, i);
    if (step->state == UH_STEP_UNKNOWN || step->state == UH_STEP_BLOCKED)
      (void)uh_run_stop(run, 3, "%s: %s", step->step->id, step->why);
  }
  if (r->left) (void)uh_run_stop(run, 3, "%zu actions are left", r->left);
}

/* Which actions are held back, a line for each step, and which are in doubt. */
static void add_held(const struct uh_run *run, struct uh_str *body) {
  const char *because, *last = NULL;
  size_t n = 0;
  uh_str_add(body, ",\"held\":[");
  for (size_t i = 0; run->holds && i < uh_plan_count(run->plan); i++) {
    const struct uh_planned *a = uh_plan_at(run->plan, i);
    const struct uh_history_entry *e = uh_history_entry(run->h, a->id);
    if (e && e->is.state != UH_ACTION_PLANNED) continue;
    if (!uh_hold_of(run, a, &because) || (last && strcmp(last, a->step) == 0)) continue;
    uh_str_addf(body, "%s{", n++ ? "," : "");
    uh_json_member(body, "step", a->step);
    uh_json_member(body, "because", because);
    uh_str_addc(body, '}');
    last = a->step;
  }
  uh_str_addc(body, ']');
}

enum { DOUBTS_SHOWN = 1000 };

static void add_doubts(const struct uh_run *run, struct uh_str *body) {
  size_t n = 0;
  uh_str_add(body, ",\"in_doubt\":[");
  for (size_t i = 0; i < uh_history_count(run->h) && n < DOUBTS_SHOWN; i++) {
    const struct uh_history_entry *e = uh_history_entry_at(run->h, i);
    if (!uh_history_in_doubt(e)) continue;
    if (n++) uh_str_addc(body, ',');
    uh_json_string(body, e->is.id, strlen(e->is.id));
  }
  uh_str_addc(body, ']');
}

static int write_stopped(struct uh_run *run) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  char head[UH_JOURNAL_HASH_TEXT];
  (void)uh_journal_head(run->o->journal, head);
  uh_str_addf(&body, "{\"exit\":%d,\"left\":%zu", run->exit_code, run->r->left);
  uh_json_member(&body, "plan", uh_plan_id(run->plan));
  uh_json_member(&body, "why", uh_str_or(&run->why, ""));
  uh_json_member(&body, "head", head);
  add_held(run, &body);
  add_doubts(run, &body);
  uh_str_addc(&body, '}');
  return uh_run_record(run, UH_RECORD_STOPPED, "", &body, NULL, 0);
}

static int write_closed(struct uh_run *run) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  char head[UH_JOURNAL_HASH_TEXT];
  (void)uh_journal_head(run->o->journal, head);
  uh_str_addf(&body, "{\"done\":%zu,\"skipped\":%zu", run->r->done, run->r->skipped);
  uh_json_member(&body, "plan", uh_plan_id(run->plan));
  uh_json_member(&body, "head", head);
  uh_str_addc(&body, '}');
  return uh_run_record(run, UH_RECORD_CLOSED, "", &body, NULL, 0);
}

/* Nothing more is written to a journal that broke; to one on a full disk, these words alone. */
static void write_end(struct uh_run *run, bool finished) {
  if (run->o->dry || uh_journal_broken(run->o->journal)) return;
  if (finished) {
    (void)write_closed(run);
    return;
  }
  bool stopped = run->stopped;
  int exit_code = run->exit_code;
  run->stopped = false;
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  uh_str_add(&why, uh_str_or(&run->why, ""));
  if (write_stopped(run) < 0 && exit_code != 73) return; /* the journal's failure is the reason now */
  run->stopped = stopped;
  run->exit_code = exit_code;
  uh_str_reset(&run->why);
  uh_str_add(&run->why, uh_str_or(&why, ""));
}

static void name_doubts(struct uh_run *run) {
  size_t n = 0;
  for (size_t i = 0; i < uh_history_count(run->h); i++) {
    const struct uh_history_entry *e = uh_history_entry_at(run->h, i);
    if (!uh_history_in_doubt(e)) continue;
    uh_str_addf(&run->why, "%s%s", n++ ? ", " : "; in doubt: ", e->is.id);
  }
}

static void end(struct uh_run *run) {
  struct uh_execute_result *r = run->r;
  count(run, r);
  /* Steps that could not be planned are no part of what this plan can finish. */
  bool finished = !run->stopped && r->left == 0;
  if (!run->stopped && !run->o->dry) say_what_is_left(run);
  write_end(run, finished);
  if (run->stopped && run->exit_code == 73) name_doubts(run);
  r->exit_code = run->stopped ? run->exit_code : 0;
  uh_print(r->stopped, sizeof r->stopped, "%s", run->stopped ? uh_str_or(&run->why, "") : "");
  if (run->o->journal) (void)uh_journal_head(run->o->journal, r->head);
  if (!run->stopped) return;
  struct uh_event event = {.type = UH_EVENT_STOP, .why = uh_str_or(&run->why, ""), .until = r->paused_until};
  uh_run_tell(run, &event);
}

static bool is_over(const struct uh_history_entry *UH_NULLABLE e) {
  return e &&
         (e->is.state == UH_ACTION_VERIFIED || e->is.state == UH_ACTION_SKIPPED || e->is.state == UH_ACTION_UNDONE);
}

/*
 * The uninstall takes away what the audit looks for: databases, system mailboxes, in the end the server. Once it has
 * begun, and nothing that comes before it is left, the checks that its steps name are the gate.
 */
static bool uninstall_has_begun(const struct uh_run *run) {
  bool begun = false;
  for (size_t i = 0; i < uh_history_count(run->h); i++) {
    const struct uh_history_entry *e = uh_history_entry_at(run->h, i);
    bool touched = e->begun || e->is.state == UH_ACTION_VERIFIED;
    begun =
        begun || (e->planned && e->planned->phase == UH_PHASE_UNINSTALL && touched && e->is.state != UH_ACTION_UNDONE);
  }
  for (size_t i = 0; begun && i < uh_plan_count(run->plan); i++) {
    const struct uh_planned *a = uh_plan_at(run->plan, i);
    if (a->phase == UH_PHASE_BEFORE_UNINSTALL && !a->action.approval && !is_over(uh_history_entry(run->h, a->id)))
      return false;
  }
  return begun;
}

static int gate_of_all(struct uh_run *run) {
  return uninstall_has_begun(run) ? 0 : uh_run_gate(run, NULL, NULL, false);
}

/* The rest of a tree. Where it does not go, either, that is the reason, and not what the audit cannot see for it. */
static int finish_tree(struct uh_run *run, const struct uh_planned *a) {
  if (uh_run_action(run, a) < 0) return -1;
  const struct uh_history_entry *e = uh_history_entry(run->h, a->id);
  if (e && e->is.state == UH_ACTION_VERIFIED) return 0;
  return uh_run_stop(run, 3, "%s: a part of it is gone, and the rest is not: %s", a->id, e ? e->is.why : "");
}

/* The whole audit cannot be determined while a tree that it looks into is gone in part: the rest of that goes first. */
static int finish_trees(struct uh_run *run) {
  for (size_t i = 0; i < uh_plan_count(run->plan); i++) {
    const struct uh_planned *a = uh_plan_at(run->plan, i);
    int half_gone = uh_tree_half_gone(run, a);
    if (half_gone < 0 || (half_gone && finish_tree(run, a) < 0)) return -1;
  }
  return 0;
}

/* What an undo by hand would need. */
static int export_first(struct uh_run *run) {
  struct uh_err err = UH_ERR_INIT;
  if (run->o->dry || !run->o->export_first || run->o->export_first(run->o->user, run->manifest, &err) == 0) return 0;
  return uh_run_stop_err(run, &err, "nothing is begun, as step 0 could not be exported");
}

static int go(struct uh_run *run, bool new, bool *ret_opened) {
  /* A plan that the gate refuses leaves no trace: it would stand in the way of the next one. */
  if (new &&gate_of_all(run) < 0) return -1;
  if (new &&export_first(run) < 0) return -1;
  *ret_opened = true;
  if (uh_run_record_opened(run, new ? "cleanup" : "resume") < 0) return -1;
  if (new &&uh_run_record_plan(run) < 0) return -1;
  if (settle_doubts(run) < 0) return -1;
  if (!new &&finish_trees(run) < 0) return -1;
  if (!new &&gate_of_all(run) < 0) return -1;
  return run_actions(run);
}

int uh_execute(const struct uh_execute_options *o, struct uh_execute_result *ret_result, struct uh_err *err) {
  struct uh_execute_result result = {0};
  struct uh_run run UH_CLEANUP(run_clear) = {.o = o, .w = o->world, .plan = o->plan, .r = &result};
  bool new = true, opened = false;
  if (o->journal ? uh_history_read(o->journal, &run.h, err) < 0 : !(run.h = uh_history_new()))
    return o->journal ? -1 : uh_fail_nomem(err);
  if (look_at_options(&run, &new, err) < 0 || uh_hold_open(&run, err) < 0) return -1;
  if (hold_earlier(&run) == 0) (void)go(&run, new, &opened);
  if (!opened) { /* the gate: nothing stands in the journal */
    count(&run, &result);
    result.exit_code = run.exit_code;
    uh_print(result.stopped, sizeof result.stopped, "%s", uh_str_or(&run.why, ""));
    if (o->journal) (void)uh_journal_head(o->journal, result.head);
    struct uh_event event = {.type = UH_EVENT_STOP, .why = uh_str_or(&run.why, "")};
    uh_run_tell(&run, &event);
  } else {
    end(&run);
  }
  *ret_result = result;
  return 0;
}
