/* SPDX-License-Identifier: Apache-2.0 */
/* What a run does and refuses, against the scripted world of tests/crash: the journal is in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../crash/steps_script.h"
#include "../crash/storage.h"
#include "plan/execute.h"

static struct world_script script;
static struct uh_plan *plan;
static struct uh_execute_result result;
static struct uh_err err;

static int make_plan(void **state) {
  char facts[] = "/tmp/unhybrid-execute-XXXXXX";
  (void)state;
  int fd = mkstemp(facts);
  if (fd < 0) return -1;
  close(fd);
  storage_register();
  plan = steps_plan(facts, NULL);
  return 0;
}
static int free_plan(void **state) {
  (void)state;
  uh_plan_free(plan);
  storage_reset();
  return 0;
}
static int fresh(void **state) {
  (void)state;
  storage_reset();
  world_begin(&script, WORLD_CALM, 1);
  steps_objects(&script);
  return 0;
}
static int leave(void **state) {
  (void)state;
  world_end(&script);
  return 0;
}

static struct uh_journal *open_journal(void) {
  struct uh_journal_options options = {.dir = "case", .create = true, .vfs = STORAGE_NAME};
  struct uh_journal *journal = NULL;
  struct uh_err why = UH_ERR_INIT;
  if (uh_journal_open(&options, &journal, &why) < 0) fail_msg("%s", why.what);
  return journal;
}

/* -1: refused, else the exit code. What is not set is unattended, with a plan of all steps. */
static int run(struct uh_execute_options options, const char *undo) {
  struct uh_journal *journal = open_journal();
  options.world = &script.world;
  options.journal = journal;
  if (!options.plan) options.plan = plan;
  options.person = "ada@lab";
  options.version = "0";
  err = UH_ERR_INIT;
  result = (struct uh_execute_result){0};
  int rc = undo ? uh_undo_action(&options, undo, &result, &err) : uh_execute(&options, &result, &err);
  uh_journal_free(journal);
  return rc < 0 ? -1 : result.exit_code;
}
static const struct uh_execute_options all = {.yes = true, .irreversible = true};

static const struct uh_planned *action_of(const char *step) {
  for (size_t i = 0; i < uh_plan_count(plan); i++)
    if (strcmp(uh_plan_at(plan, i)->step, step) == 0) return uh_plan_at(plan, i);
  fail_msg("no action of %s", step);
  return NULL;
}

static enum uh_action_state state_of(const char *id, char why[400]) {
  struct uh_journal *journal = open_journal();
  struct uh_history *history = NULL;
  struct uh_err e = UH_ERR_INIT;
  if (uh_history_read(journal, &history, &e) < 0) fail_msg("%s", e.what);
  const struct uh_history_action *a = uh_history_action(history, id);
  enum uh_action_state state = a ? a->state : UH_ACTION_PLANNED;
  if (why) (void)snprintf(why, 400, "%s", a ? a->why : "");
  uh_history_free(history);
  uh_journal_free(journal);
  return state;
}

static int64_t records(void) {
  char head[UH_JOURNAL_HASH_TEXT];
  struct uh_journal *journal = open_journal();
  int64_t n = uh_journal_head(journal, head);
  uh_journal_free(journal);
  return n;
}

static int requests(const char *guid) {
  int n = 0;
  for (int i = 0; i < script.n_log; i++) n += strcmp(script.log[i].guid, guid) == 0;
  return n;
}

/* ---- the gate ---- */

static void test_gate(void **state) {
  static const struct {
    enum uh_verdict verdict;
    int exit_code;
  } cases[] = {{UH_BLOCKED, 1}, {UH_SHUTDOWN_ONLY, 1}, {UH_UNDETERMINED, 2}};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    script.verdict = cases[i].verdict;
    assert_int_equal(run(all, NULL), cases[i].exit_code);
    assert_int_equal(script.n_log, 0);
    assert_int_equal(records(), 0); /* an open plan would stand in the way of the next one */
  }
}

static int exports;
static bool disk_full;
static int export_step0(void *user, char ret_manifest[65], struct uh_err *why) {
  (void)user;
  exports++;
  if (disk_full) return uh_fail(why, UH_ERR_CANNOT_WRITE, "no space left on device");
  assert_int_equal(script.n_log, 0);
  (void)snprintf(ret_manifest, 65, "%064d", 7);
  return 0;
}

/* Without step 0 nothing is begun, though the gate is open; a plan that the gate refuses, and a look, export nothing.
 */
static void test_export_first(void **state) {
  struct uh_execute_options options = all;
  (void)state;
  options.export_first = export_step0;
  exports = 0;
  script.verdict = UH_BLOCKED;
  assert_int_equal(run(options, NULL), 1);
  script.verdict = UH_READY;
  options.dry = true;
  (void)run(options, NULL);
  options.dry = false;
  assert_int_equal(exports, 0);
  disk_full = true;
  assert_int_equal(run(options, NULL), 73);
  assert_non_null(strstr(result.stopped, "no space left"));
  assert_int_equal(exports, 1);
  assert_int_equal(script.n_log, 0);
  assert_int_equal(records(), 0);
  disk_full = false;
  (void)run(options, NULL);
  assert_int_equal(exports, 2);
  assert_true(script.n_log > 0);
  (void)run(options, NULL); /* the journal has the plan by now */
  assert_int_equal(exports, 2);
}

static void close_gate_later(struct world_script *s, const char *name) {
  if (strcmp(name, "after-verified") == 0) s->verdict = UH_BLOCKED;
}

/* The checks of a step are looked at anew right before it, not remembered. */
static void test_gate_before_step(void **state) {
  (void)state;
  script.at = close_gate_later;
  assert_int_equal(run(all, NULL), 1);
  assert_int_equal(script.n_log, 1);
  assert_non_null(strstr(result.stopped, "blocked"));
  script.verdict = UH_READY;
  script.at = NULL;
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  assert_int_equal(run(all, NULL), 0);
}

static void open_when_disabled(struct world_script *s, const char *name) {
  if (strcmp(name, "after-verified") != 0) return;
  s->failing = NULL;
  s->verdict = UH_READY;
}

/* What the plan itself puts right first does not close the gate before that; it is asked again right after, and nothing
 * else is done before it is open. */
static void test_mended(void **state) {
  (void)state;
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  script.verdict = UH_BLOCKED;
  script.failing = "script.other";
  assert_int_equal(run(all, NULL), 1);
  assert_int_equal(script.n_log, 0);
  script.failing = "script.flag";
  script.verdict = UH_SHUTDOWN_ONLY;
  assert_int_equal(run(all, NULL), 1);
  script.verdict = UH_BLOCKED;
  script.open_steps = true;
  assert_int_equal(run(all, NULL), 1); /* it was mended, and the audit still says no */
  assert_int_equal(script.n_log, 1);
  assert_int_equal(requests(GUID_SEND), 1);
  script.at = open_when_disabled;
  script.verdict = UH_READY;
  script.failing = NULL;
  assert_int_equal(run(all, NULL), 0);
}

/* ---- a dry run ---- */

static void test_dry(void **state) {
  struct uh_execute_options dry = {.dry = true, .yes = true};
  (void)state;
  assert_int_equal(run(dry, NULL), 0);
  assert_int_equal(script.n_log, 0);
  assert_int_equal(records(), 0);
  dry.world = &script.world;
  dry.plan = plan;
  dry.person = dry.version = "";
  assert_int_equal(uh_execute(&dry, &result, &err), 0); /* without any journal */
  assert_int_equal(result.exit_code, 0);
}

/* ---- somebody else ---- */

static void test_third_hand(void **state) {
  struct world_object *send = world_find(&script, GUID_SEND);
  (void)state;
  world_change(
      &script, send,
      "{\"Name\":\"Outbound to Office 365\",\"Enabled\":true,\"AddressSpaces\":[\"smtp:x.mail.onmicrosoft.com;1\"],"
      "\"Fqdn\":\"other.contoso.com\"}");
  assert_int_equal(run(all, NULL), 3);
  assert_non_null(strstr(result.stopped, "Fqdn"));
  assert_non_null(strstr(result.stopped, "other.contoso.com"));
  assert_int_equal(requests(GUID_SEND), 0);
}

/* The look before an action is answered by a replica that has not got what another one has shown to be done already. */
static void test_replica_behind(void **state) {
  (void)state;
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  script.before_behind = true;
  script.behind_ms = WORLD_SETTLES * 500;
  assert_int_equal(run(all, NULL), 0);
  assert_int_equal(requests(GUID_SEND), 2);
  assert_null(world_truth(world_find(&script, GUID_SEND)));
}

static void put_back(void *user, const struct uh_event *event) {
  struct world_object *send = world_find(&script, GUID_SEND);
  (void)user;
  if (event->type == UH_EVENT_RESULT && event->state == UH_ACTION_VERIFIED &&
      strcmp(event->action->step, "disable") == 0)
    world_change(&script, send, send->v[0].json);
}

/* What looks as it did before may be somebody's work: that is said once every replica has to have the change. */
static void test_put_back_at_once(void **state) {
  const struct uh_guide guide = {.tell = put_back};
  struct uh_execute_options options = all;
  (void)state;
  options.guide = &guide;
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  int64_t begun = script.now_ms;
  assert_int_equal(run(options, NULL), 3);
  assert_non_null(strstr(result.stopped, "somebody else has changed it"));
  assert_true(script.now_ms - begun >= WORLD_SETTLES * 1000);
  assert_int_equal(requests(GUID_SEND), 1);
}

/* What the plan itself did to it is no drift, and times change by themselves; anything else is. */
static void test_soft_disabled(void **state) {
  struct uh_execute_options pause = all;
  struct world_object *send = world_find(&script, GUID_SEND);
  (void)state;
  pause.pause_observe = 3600;
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  assert_int_equal(run(pause, NULL), 3);
  assert_true(result.paused_until > script.now_ms / 1000);
  assert_int_equal(requests(GUID_SEND), 1);
  assert_int_equal(run(pause, NULL), 3); /* the pause is in the journal, not in the process */
  assert_int_equal(requests(GUID_SEND), 1);
  script.world.wait(script.world.user, 3700 * 1000);
  char *disabled = strdup(world_truth(send));
  char *changed = strdup(disabled), *fqdn = strstr(changed, "mail.contoso.com");
  assert_non_null(fqdn);
  fqdn[0] = 'x';
  world_change(&script, send, changed);
  assert_int_equal(run(pause, NULL), 3);
  assert_non_null(strstr(result.stopped, "Fqdn"));
  assert_int_equal(requests(GUID_SEND), 1);
  world_change(&script, send, disabled);
  assert_int_equal(run(pause, NULL), 0);
  assert_null(world_truth(send));
  free(disabled);
  free(changed);
}

/* Somebody needed it in the pause, and switched it on again: it is told what to do, and what is put back stays. */
static void test_switched_on_again(void **state) {
  struct uh_execute_options pause = all;
  struct world_object *send = world_find(&script, GUID_SEND);
  const char *disable = action_of("disable")->id;
  (void)state;
  pause.pause_observe = 3600;
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  char *enabled = strdup(world_truth(send));
  assert_int_equal(run(pause, NULL), 3);
  world_change(&script, send, enabled);
  script.world.wait(script.world.user, 3700 * 1000);
  assert_int_equal(run(pause, NULL), 3);
  assert_non_null(strstr(result.stopped, "unhybrid undo disable/"));
  assert_int_equal(run(all, disable), 0);
  assert_int_equal(requests(GUID_SEND), 1); /* it is so already: nothing is sent */
  (void)run(pause, NULL);
  assert_non_null(world_truth(send));
  assert_int_equal(state_of(disable, NULL), UH_ACTION_UNDONE);
  assert_int_equal(state_of(action_of("delete")->id, NULL), UH_ACTION_SKIPPED);
  free(enabled);
}

static void test_absent(void **state) {
  const struct uh_planned *a = action_of("graph");
  (void)state;
  world_change(&script, world_find(&script, GUID_APPLICATION), NULL);
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  assert_int_equal(run(all, NULL), 0);
  assert_int_equal(requests(GUID_APPLICATION), 0);
  assert_int_equal(state_of(a->id, NULL), UH_ACTION_VERIFIED);
  assert_int_equal(run(all, a->id), -1);
  assert_non_null(strstr(err.what, "nothing was changed"));
}

/* ---- people ---- */

static const char *skip_step;
static int answer(void *user, const struct uh_event *event, bool typed, enum uh_choice *ret_choice, char *reason,
                  size_t size, struct uh_err *e) {
  int *typed_n = user;
  (void)e;
  *typed_n += typed;
  bool skip = skip_step && event->action && strcmp(event->action->step, skip_step) == 0;
  *ret_choice = skip ? UH_CHOICE_SKIP : UH_CHOICE_YES;
  if (skip) (void)snprintf(reason, size, "still in use");
  return 0;
}

/* An empty answer that is none: what the plan saw is not gone because one look does not show it. */
static void test_absent_once(void **state) {
  (void)state;
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  script.blind = 1;
  assert_int_equal(run(all, NULL), 3);
  assert_non_null(strstr(result.stopped, "does not agree"));
  assert_non_null(strstr(result.stopped, uh_plan_at(plan, 0)->id));
  assert_int_equal(script.n_log, 0);
  assert_int_equal(state_of(uh_plan_at(plan, 0)->id, NULL), UH_ACTION_PLANNED);
  assert_int_equal(run(all, NULL), 0);
  assert_int_equal(state_of(uh_plan_at(plan, 0)->id, NULL), UH_ACTION_VERIFIED);
  assert_true(requests(uh_plan_at(plan, 0)->action.subject.guid) > 0);
}

/* Skipping a step skips what follows it, with the reason; what does not follow it goes on. */
static void test_skip(void **state) {
  int typed = 0;
  const struct uh_guide guide = {.user = &typed, .ask = answer};
  struct uh_execute_options guided = {.guide = &guide};
  char why[400];
  (void)state;
  skip_step = "disable";
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  assert_int_equal(run(guided, NULL), 0);
  assert_int_equal(state_of(action_of("disable")->id, why), UH_ACTION_SKIPPED);
  assert_string_equal(why, "still in use");
  assert_int_equal(state_of(action_of("delete")->id, why), UH_ACTION_SKIPPED);
  assert_non_null(strstr(why, "disable/"));
  assert_int_equal(state_of(action_of("irreversible")->id, why), UH_ACTION_SKIPPED); /* follows `delete` */
  assert_int_equal(state_of(action_of("graph")->id, why), UH_ACTION_VERIFIED);
  assert_int_equal(requests(GUID_SEND) + requests(GUID_INBOUND) + requests(GUID_CONNECTOR), 0);
  assert_int_equal(typed, 1); /* the approval */
  /* The same plan is made again while nothing changes: what was skipped may be done after all, and then it is finished.
   */
  skip_step = NULL;
  assert_int_equal(run(guided, NULL), 0);
  assert_int_equal(state_of(action_of("disable")->id, why), UH_ACTION_VERIFIED);
  assert_int_equal(state_of(action_of("delete")->id, why), UH_ACTION_VERIFIED);
  assert_int_equal(run(guided, NULL), -1);
  assert_int_equal(err.cls, UH_ERR_USAGE); /* finished */
}

static void test_consent(void **state) {
  struct uh_execute_options yes = {.yes = true};
  const char *approved[] = {NULL, NULL};
  char why[400];
  (void)state;
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  assert_int_equal(run((struct uh_execute_options){0}, NULL), -1);
  assert_int_equal(err.cls, UH_ERR_USAGE);
  assert_int_equal(run(yes, NULL), 3);
  assert_non_null(strstr(result.stopped, "--yes=irreversible"));
  assert_int_equal(result.left, 1);
  assert_int_equal(requests(GUID_CONNECTOR), 0);
  assert_int_equal(state_of(action_of("approve")->id, why), UH_ACTION_SKIPPED);
  assert_non_null(strstr(why, "--approve"));
  yes.irreversible = true;
  approved[0] = action_of("approve")->id;
  yes.approved = approved;
  assert_int_equal(run(yes, NULL), 0);
  assert_null(world_truth(world_find(&script, GUID_APPROVED)));
}

static struct uh_plan *plan_of(const char *const *only) {
  char facts[] = "/tmp/unhybrid-execute-XXXXXX";
  int fd = mkstemp(facts);
  assert_true(fd >= 0);
  close(fd);
  return steps_plan(facts, only);
}

/* An approval is for one part: the other part of the same object does not wait for it. What would take all of the
 * object does, says so, and goes once both are approved. */
static void test_parts(void **state) {
  const char *const only[] = {"parts", "whole", "person", NULL};
  struct uh_plan *own = plan_of(only);
  const char *enabled = uh_plan_at(own, 1)->id, *archive = uh_plan_at(own, 2)->id, *whole = uh_plan_at(own, 3)->id;
  const char *one[] = {archive, NULL}, *both[] = {enabled, archive, NULL};
  struct uh_execute_options yes = {.yes = true, .plan = own, .approved = one};
  char why[400];
  (void)state;
  assert_string_equal(uh_plan_at(own, 3)->step, "whole");
  assert_int_equal(run(yes, NULL), 3); /* the person's part */
  assert_int_equal(state_of(enabled, why), UH_ACTION_SKIPPED);
  assert_int_equal(state_of(archive, NULL), UH_ACTION_VERIFIED);
  assert_int_equal(state_of(whole, why), UH_ACTION_SKIPPED);
  assert_non_null(strstr(why, "nobody has approved parts/"));
  assert_int_equal(requests(GUID_APPROVED), 1);
  assert_int_equal(run(yes, NULL), 3);
  assert_int_equal(requests(GUID_APPROVED), 1);
  yes.approved = both;
  assert_int_equal(run(yes, NULL), 3);
  assert_int_equal(requests(GUID_APPROVED), 3);
  assert_null(world_truth(world_find(&script, GUID_APPROVED)));
  assert_int_equal(state_of(whole, NULL), UH_ACTION_VERIFIED);
  uh_plan_free(own);
}

/* Where the order is what counts, what nobody approved holds what has to come behind it, over a step with nothing to
 * do, and goes on in its order once it is approved. */
static void test_behind(void **state) {
  const char *const only[] = {"parts", "between", "behind", NULL};
  const char *both[] = {"parts", NULL};
  struct uh_plan *own = plan_of(only);
  struct uh_execute_options yes = {.yes = true, .plan = own};
  const char *behind = uh_plan_at(own, 2)->id;
  char why[400];
  (void)state;
  assert_string_equal(uh_plan_at(own, 2)->step, "behind");
  for (int i = 0; i < 2; i++) {
    assert_int_equal(run(yes, NULL), 0);
    assert_int_equal(state_of(behind, why), UH_ACTION_SKIPPED);
    assert_non_null(strstr(why, "which nobody has approved (--approve parts/"));
    assert_int_equal(script.n_log, 0);
  }
  yes.approved = both;
  assert_int_equal(run(yes, NULL), 0);
  assert_int_equal(script.n_log, 3);
  assert_string_equal(script.log[2].guid, GUID_CONNECTOR);
  uh_plan_free(own);
}

/* Nobody is sent to export what is not going to be removed. */
static void test_for_nothing(void **state) {
  const char *const only[] = {"export", NULL};
  struct uh_plan *own = plan_of(only);
  struct uh_execute_options yes = {.yes = true, .plan = own};
  const char *export = uh_plan_at(own, 0)->id;
  (void)state;
  assert_int_equal(run(yes, NULL), 3);
  assert_non_null(strstr(result.stopped, "--yes=irreversible"));
  assert_int_equal(state_of(export, NULL), UH_ACTION_PLANNED);
  yes.irreversible = true;
  assert_int_equal(run(yes, NULL), 3);
  assert_int_equal(state_of(export, NULL), UH_ACTION_WAITS);
  uh_plan_free(own);
}

static void test_person(void **state) {
  (void)state;
  assert_int_equal(run(all, NULL), 3);
  assert_non_null(strstr(result.stopped, "a person has to do person/"));
  assert_int_equal(requests(GUID_CONNECTOR), 0); /* it follows */
  assert_null(world_truth(world_find(&script, GUID_APPLICATION)));
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  assert_int_equal(run(all, NULL), 0);
}

/* ---- before-images ---- */

struct exports {
  char *first; /* image of the first action, whose export failed */
  int n;
};
static int export_later(void *user, const struct uh_planned *action, const char *image, struct uh_err *e) {
  struct exports *x = user;
  if (strcmp(action->id, action_of("disable")->id) != 0) return 0;
  if (++x->n > 1) {
    assert_string_equal(image, x->first);
    return 0;
  }
  x->first = strdup(image);
  return uh_fail(e, UH_ERR_CANNOT_WRITE, "the disk is full");
}

/* Nothing is sent before its image is exported; a second try exports the image of the first. */
static void test_export(void **state) {
  struct exports x = {0};
  struct uh_execute_options options = all;
  (void)state;
  options.export_image = export_later;
  options.user = &x;
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  assert_int_equal(run(options, NULL), 73);
  assert_int_equal(requests(GUID_SEND), 0);
  assert_int_equal(state_of(action_of("disable")->id, NULL), UH_ACTION_FAILED);
  assert_int_equal(run(options, NULL), 0);
  assert_int_equal(x.n, 2);
  free(x.first);
}

/* ---- what stands at a question ---- */

static const char *meanwhile; /* what the send connector becomes while the question about it stands */
static int64_t stands_seconds;
static enum uh_verdict found_then;

static int answer_late(void *user, const struct uh_event *event, bool typed, enum uh_choice *ret, char *reason,
                       size_t size, struct uh_err *e) {
  (void)user, (void)typed, (void)reason, (void)size, (void)e;
  *ret = UH_CHOICE_YES;
  if (strcmp(event->action->action.subject.guid, GUID_SEND) != 0) return 0;
  if (meanwhile) world_change(&script, world_find(&script, GUID_SEND), meanwhile);
  script.now_ms += stands_seconds * 1000;
  script.verdict = found_then;
  return 0;
}

/* What somebody did to the object, or to what the gate asks for, while a person was asked is seen before anything is
 * sent. */
static void test_changed_at_the_question(void **state) {
  const struct uh_guide guide = {.ask = answer_late};
  const struct uh_execute_options options = {.guide = &guide};
  UH_CLEANUP(uh_freep) char *theirs = strdup(world_truth(world_find(&script, GUID_SEND)));
  char *name = strstr(theirs, "smtp");
  (void)state;
  assert_non_null(name);
  name[0] = 'X';
  stands_seconds = 1;
  found_then = UH_READY;
  meanwhile = theirs;
  assert_int_equal(run(options, NULL), 3);
  assert_non_null(strstr(result.stopped, "somebody else has changed it"));
  assert_int_equal(script.n_log, 0);
}

static void test_gate_after_a_long_question(void **state) {
  const struct uh_guide guide = {.ask = answer_late};
  const struct uh_execute_options options = {.guide = &guide};
  (void)state;
  meanwhile = NULL;
  stands_seconds = 3600;
  found_then = UH_BLOCKED;
  assert_int_equal(run(options, NULL), 1);
  assert_non_null(strstr(result.stopped, "blocked"));
  assert_int_equal(script.n_log, 0);
}

/* ---- interrupted ---- */

static void cancel(void *user, const struct uh_event *event) {
  (void)user;
  if (event->type == UH_EVENT_WAITING) script.cancelled = true;
}

static void cancel_after_gate(void *user, const struct uh_event *event) {
  (void)user;
  if (event->type == UH_EVENT_STEP && event->step) script.cancelled = true;
}

static int cut_off_gate(void *user, const char *checks, bool irreversible, struct uh_gate *ret_gate, struct uh_err *e) {
  (void)user, (void)irreversible, (void)e;
  *ret_gate = (struct uh_gate){.verdict = checks ? UH_UNDETERMINED : UH_READY};
  script.cancelled = checks != NULL;
  return 0;
}

/* Ctrl-C while the gate or the object is looked at: what was cut off is not reported as a gate that could not tell, or
 * as work that was left. */
static void test_cancelled_while_looking(void **state) {
  const struct uh_guide guide = {.tell = cancel_after_gate};
  struct uh_execute_options options = all;
  const struct uh_world usual = script.world;
  (void)state;
  options.guide = &guide;
  assert_int_equal(run(options, NULL), 130);
  assert_non_null(strstr(result.stopped, "interrupted: "));
  assert_int_equal(script.n_log, 0);
  script.cancelled = false;
  script.world.gate = cut_off_gate;
  assert_int_equal(run(all, NULL), 130);
  assert_non_null(strstr(result.stopped, "interrupted: "));
  assert_int_equal(script.n_log, 0);
  script.cancelled = false;
  script.world = usual;
}

static void test_cancelled(void **state) {
  const struct uh_guide guide = {.tell = cancel};
  struct uh_execute_options options = all;
  const char *const only[] = {"reduce", NULL};
  (void)state;
  options.guide = &guide;
  script.mood = WORLD_LAGS;
  assert_int_equal(run(options, NULL), 130);
  assert_int_equal(result.doubt, 1);
  assert_int_equal(state_of(action_of("disable")->id, NULL), UH_ACTION_DOUBT);
  assert_int_equal(requests(GUID_SEND), 1);
  script.cancelled = false;
  struct uh_plan *other = plan_of(only);
  options.plan = other;
  assert_int_equal(run(options, NULL), -1); /* another plan has to wait until that is known */
  assert_int_equal(err.cls, UH_ERR_USAGE);
  uh_plan_free(other);
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  assert_int_equal(run(all, NULL), 0);
  assert_int_equal(requests(GUID_SEND), 2);
}

/* ---- undo ---- */

static void test_undo_refused(void **state) {
  (void)state;
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  assert_int_equal(run(all, action_of("disable")->id), -1);
  assert_non_null(strstr(err.what, "knows no action"));
  assert_int_equal(run(all, NULL), 0);
  assert_int_equal(run(all, action_of("irreversible")->id), -1);
  assert_int_equal(err.cls, UH_ERR_USAGE);
  assert_non_null(strstr(err.what, "nothing can put it back"));
  assert_int_equal(run(all, action_of("approve")->id), -1);
  assert_non_null(strstr(err.what, "never done"));
  assert_int_equal(run(all, action_of("disable")->id), -1); /* it is deleted: that comes first */
  assert_non_null(strstr(err.what, "later"));
  int before = script.n_log;
  struct uh_execute_options dry = all;
  dry.dry = true;
  int64_t n = records();
  assert_int_equal(run(dry, action_of("delete")->id), 0);
  assert_int_equal(script.n_log, before);
  assert_int_equal(records(), n);
}

/* With a plan of one action, which takes a domain out of a list. Free the plan. */
static struct uh_execute_options only_reduce(struct uh_plan **ret_plan) {
  static const char *const only[] = {"reduce", NULL};
  struct uh_execute_options options = all;
  options.plan = *ret_plan = plan_of(only);
  return options;
}

/* A replica that has not got the action yet shows the object as it was: that is no undo that somebody did. */
static void test_undo_while_it_lags(void **state) {
  struct world_object *relationship = world_find(&script, GUID_RELATIONSHIP);
  struct uh_plan *part;
  const struct uh_execute_options options = only_reduce(&part);
  (void)state;
  char *before = strdup(world_truth(relationship));
  script.before_behind = true;
  script.behind_ms = WORLD_SETTLES * 500;
  assert_int_equal(run(options, NULL), 0);
  assert_string_not_equal(world_truth(relationship), before);
  assert_int_equal(run(options, action_of("reduce")->id), 0);
  assert_int_equal(requests(GUID_RELATIONSHIP), 2);
  assert_int_equal(state_of(action_of("reduce")->id, NULL), UH_ACTION_UNDONE);
  assert_non_null(strstr(world_truth(relationship), "x.mail.onmicrosoft.com"));
  uh_plan_free(part);
  free(before);
}

/* The list would get its former values as a whole: what somebody put into it since is not thrown away. */
static void test_undo_of_a_list_with_more(void **state) {
  struct world_object *relationship = world_find(&script, GUID_RELATIONSHIP);
  struct uh_plan *part;
  const struct uh_execute_options options = only_reduce(&part);
  (void)state;
  assert_int_equal(run(options, NULL), 0);
  char *left = strdup(world_truth(relationship));
  world_change(&script, relationship,
               "{\"Name\":\"Partners\",\"Enabled\":true,\"DomainNames\":[\"partner.com\",\"new.com\"]}");
  assert_int_equal(run(options, action_of("reduce")->id), 3);
  assert_non_null(strstr(result.stopped, "new.com"));
  assert_int_equal(requests(GUID_RELATIONSHIP), 1);
  world_change(&script, relationship, left);
  assert_int_equal(run(options, action_of("reduce")->id), 0);
  assert_int_equal(requests(GUID_RELATIONSHIP), 2);
  uh_plan_free(part);
  free(left);
}

/* The earlier action's undo finds the object under the GUID that the later one's gave it. */
static void test_undo_chain(void **state) {
  (void)state;
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  assert_int_equal(run(all, NULL), 0);
  assert_int_equal(run(all, action_of("delete")->id), 0);
  assert_int_equal(run(all, action_of("disable")->id), 0);
  const struct world_object *new = &script.objects[script.n_objects - 1];
  assert_string_equal(new->name, "Outbound to Office 365");
  assert_non_null(strstr(world_truth(new), "\"Enabled\": true") ? world_truth(new)
                                                                : strstr(world_truth(new), "\"Enabled\":true"));
  assert_int_equal(run(all, action_of("disable")->id), -1);
  assert_non_null(strstr(err.what, "already"));
}

/* A third hand made another of the name meanwhile: it is left alone. */
static void test_undo_name_taken(void **state) {
  (void)state;
  world_change(&script, world_find(&script, GUID_OVERRIDE), NULL);
  assert_int_equal(run(all, NULL), 0);
  world_add(&script, "on-premises", "SendConnector", "55555555-0000-4000-8000-000000000001", "Outbound to Office 365",
            "{\"Name\":\"Outbound to Office 365\",\"Enabled\":true}");
  int before = script.n_log;
  assert_int_equal(run(all, action_of("delete")->id), 3);
  assert_non_null(strstr(result.stopped, "already"));
  assert_int_equal(script.n_log, before);
}

/* ---- a tree of the directory ---- */

static int changes_left;
static void die(struct world_script *s) {
  s->dead = true;
  storage_kill();
}
static void die_before_change(struct world_script *s, const char *name) {
  if (strcmp(name, "before-directory") == 0 && changes_left-- == 0) die(s);
}
static void die_half_back(struct world_script *s, const char *name) {
  if (strcmp(name, "half-back") == 0 && changes_left-- == 0) die(s);
}
static void die_after_change(struct world_script *s, const char *name) {
  if (strcmp(name, "after-directory") == 0 && changes_left-- == 0) die(s);
}

/* Dies there, and is started again. */
static void run_and_die(void (*at)(struct world_script *script, const char *name), int after,
                        struct uh_execute_options options, const char *undo) {
  changes_left = after;
  script.at = at;
  (void)run(options, undo);
  script.at = NULL;
  assert_true(script.dead);
  script.dead = false;
  storage_revive();
}

static struct uh_plan *plan_entries(void) {
  char facts[] = "/tmp/unhybrid-execute-XXXXXX";
  const char *const only[] = {"entry", NULL};
  int fd = mkstemp(facts);
  assert_true(fd >= 0);
  close(fd);
  steps_entries = true;
  struct uh_plan *entries = steps_plan(facts, only);
  steps_objects(&script);
  steps_entries = false;
  return entries;
}

static void expect_tree(bool there) {
  static const char *const guids[] = {GUID_TREE, GUID_TREE_INNER, GUID_TREE_LEAF, GUID_TREE_DEEP};
  for (size_t i = 0; i < sizeof guids / sizeof *guids; i++)
    assert_true((world_standing(&script, world_find(&script, guids[i])->dn) != NULL) == there);
}

static char *world_before; /* the world that an undo is to bring back */

/* The entries are gone, and nothing else is in the world. What is put back is the action on the one of that GUID. */
static const char *delete_entries(struct uh_plan **ret_plan, struct uh_execute_options *options, const char *guid) {
  const char *id = NULL;
  world_end(&script);
  world_begin(&script, WORLD_CALM, 1);
  *ret_plan = plan_entries();
  *options = all;
  options->plan = *ret_plan;
  options->anew = true;
  world_before = world_text(&script);
  for (size_t i = 0; i < uh_plan_count(*ret_plan); i++)
    if (strcmp(uh_plan_at(*ret_plan, i)->action.subject.guid, guid) == 0) id = uh_plan_at(*ret_plan, i)->id;
  assert_non_null(id);
  assert_int_equal(run(*options, NULL), 0);
  assert_null(world_standing(&script, world_find(&script, guid)->dn));
  return id;
}

/* All that was deleted is back as it was. */
static void expect_back(struct uh_plan *entries, struct uh_execute_options options) {
  for (size_t i = uh_plan_count(entries); i-- > 0;) {
    const char *id = uh_plan_at(entries, i)->id;
    if (state_of(id, NULL) != UH_ACTION_UNDONE) assert_int_equal(run(options, id), 0);
  }
  char *now = world_text(&script);
  assert_string_equal(now, world_before);
  free(now);
}

static void leave_entries(struct uh_plan *entries) {
  free(world_before);
  uh_plan_free(entries);
}

/* An undo that ended after the first of a tree's objects: the next one brings back the rest, and does not take the top
 * for the whole. */
static void test_undo_tree(void **state) {
  struct uh_execute_options options;
  struct uh_plan *entries;
  (void)state;
  const char *id = delete_entries(&entries, &options, GUID_TREE);
  expect_tree(false);
  run_and_die(die_before_change, 1, options, id);
  assert_non_null(world_truth(world_find(&script, GUID_TREE)));
  assert_null(world_truth(world_find(&script, GUID_TREE_INNER)));
  assert_int_equal(state_of(id, NULL), UH_ACTION_UNDO_BEGUN);
  assert_int_equal(run(options, id), 0);
  expect_tree(true);
  expect_back(entries, options);
  leave_entries(entries);
}

#define INNER                                                                                               \
  "CN=Inner,CN=Connections,CN=Routing Group,CN=Contoso,CN=Microsoft Exchange,CN=Services,CN=Configuration," \
  "DC=contoso,DC=com"

static void keep_why(void *user, const struct uh_event *event) {
  struct uh_str *said = user;
  if (event->type == UH_EVENT_RESULT && event->why) uh_str_add(said, event->why);
}

/* What it named cannot be named any more: all else of it comes back, and that is told. */
static void test_undo_names_what_is_gone(void **state) {
  struct uh_str said = {0};
  const struct uh_guide guide = {.tell = keep_why, .user = &said};
  struct uh_execute_options options;
  struct uh_plan *entries;
  (void)state;
  const char *id = delete_entries(&entries, &options, GUID_TREE);
  world_find(&script, GUID_TREE_LEAF)->expunged = false;
  script.nowhere = INNER;
  options.guide = &guide;
  assert_int_equal(run(options, id), 0);
  expect_tree(true);
  const char *top = world_truth(world_find(&script, GUID_TREE));
  assert_null(strstr(top, "seeAlso"));
  assert_non_null(strstr(top, "all of them"));
  assert_non_null(strstr(uh_str_text(&said), "not set, for what they named is not there: seeAlso"));
  uh_str_clear(&said);
  leave_entries(entries);
}

/* Killed between an object's coming back and its security descriptor: the next try sets it, of each of the tree's. */
static void test_undo_half_back(void **state) {
  enum { BACK = 3 }; /* of the tree, from tombstones */
  (void)state;
  for (int i = 0; i < BACK; i++) {
    struct uh_execute_options options;
    struct uh_plan *entries;
    const char *id = delete_entries(&entries, &options, GUID_TREE);
    run_and_die(die_half_back, i, options, id);
    assert_int_equal(run(options, id), 0);
    expect_back(entries, options);
    leave_entries(entries);
    (void)leave(NULL), (void)fresh(NULL);
  }
}

static void expect_left_alone(struct uh_execute_options options, const char *id, struct world_object *o,
                              const char *theirs) {
  world_change(&script, o, theirs);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(run(options, id), 3);
    assert_non_null(strstr(result.stopped, "left alone"));
    assert_string_equal(world_truth(o), theirs);
  }
}

/* What nothing is left of cannot come back without consent to a new object: the undo may be given up, and then it was
 * none. It may be begun again. */
static void test_undo_given_up(void **state) {
  const char *const others[] = {"set", NULL};
  struct uh_execute_options options;
  struct uh_plan *entries, *other = plan_of(others);
  (void)state;
  const char *id = delete_entries(&entries, &options, GUID_POINT);
  struct uh_execute_options give_up = options, more = options;
  give_up.give_up = true;
  more.plan = other;
  assert_int_equal(run(give_up, id), -1); /* none was begun */
  assert_non_null(strstr(err.what, "nothing to give up"));
  options.anew = false;
  assert_int_equal(run(options, id), 3);
  assert_int_equal(state_of(id, NULL), UH_ACTION_UNDO_BEGUN);
  assert_int_equal(run(more, NULL), -1);
  assert_non_null(strstr(err.what, "is not finished"));
  int sent = script.n_log;
  assert_int_equal(run(give_up, id), 0);
  assert_int_equal(script.n_log, sent);
  assert_int_equal(state_of(id, NULL), UH_ACTION_VERIFIED);
  assert_int_not_equal(run(more, NULL), -1);
  options.anew = true;
  assert_int_equal(run(options, id), 0);
  assert_non_null(world_standing(&script, world_find(&script, GUID_POINT)->dn));
  uh_plan_free(other);
  leave_entries(entries);
}

/* Of a tree a part was back: it stays, and does not count as deleted. */
static void test_undo_given_up_in_part(void **state) {
  struct uh_execute_options options;
  struct uh_plan *entries;
  (void)state;
  const char *id = delete_entries(&entries, &options, GUID_TREE);
  run_and_die(die_before_change, 1, options, id);
  options.give_up = true;
  int sent = script.n_log;
  assert_int_equal(run(options, id), 0);
  assert_int_equal(script.n_log, sent);
  assert_int_equal(state_of(id, NULL), UH_ACTION_UNDONE);
  assert_non_null(world_truth(world_find(&script, GUID_TREE)));
  leave_entries(entries);
}

/* What somebody wrote meanwhile is not written over: neither the descriptor, nor one beside another change of theirs.
 */
static void test_undo_half_back_third_hand(void **state) {
  static const char *const theirs[] = {
      "{\"cn\":[\"Connections\"],\"description\":[\"all of them\"],\"nTSecurityDescriptor\":[\"D:(A;;GA;;;THEIRS)\"],"
      "\"objectClass\":[\"top\",\"msExchConnectors\"],\"seeAlso\":[\"" INNER "\"]}",
      "{\"cn\":[\"Connections\"],\"description\":[\"theirs\"],\"nTSecurityDescriptor\":[\"D:(A;;GA;;;NEW)\"],"
      "\"objectClass\":[\"top\",\"msExchConnectors\"],\"seeAlso\":[\"" INNER "\"]}"};
  (void)state;
  for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++) {
    struct uh_execute_options options;
    struct uh_plan *entries;
    const char *id = delete_entries(&entries, &options, GUID_TREE);
    run_and_die(die_half_back, 0, options, id);
    expect_left_alone(options, id, world_find(&script, GUID_TREE), theirs[i]);
    leave_entries(entries);
    (void)leave(NULL), (void)fresh(NULL);
  }
}

/* Of the single entry nothing is kept: it is a new one. Killed after each of its requests, the next try goes on with
 * that one; with somebody's own it does not. */
static void test_undo_anew_half_done(void **state) {
  enum { REQUESTS = 3 }; /* it is looked for, made, and gets its descriptor */
  struct uh_execute_options options;
  struct uh_plan *entries;
  (void)state;
  for (int i = 0; i < REQUESTS; i++) {
    const char *id = delete_entries(&entries, &options, GUID_POINT);
    run_and_die(die_after_change, i, options, id);
    assert_int_equal(run(options, id), 0);
    expect_back(entries, options);
    leave_entries(entries);
    (void)leave(NULL), (void)fresh(NULL);
  }
  const char *id = delete_entries(&entries, &options, GUID_POINT);
  run_and_die(die_before_change, 0, options, id);
  const struct world_object *was = world_find(&script, GUID_POINT);
  struct world_object *other = world_entry(&script, "55555555-0000-4000-8000-000000000002", was->dn, was->class, "{}");
  expect_left_alone(options, id, other, "{\"cn\":[\"EX01\"],\"objectClass\":[\"top\",\"serviceConnectionPoint\"]}");
  leave_entries(entries);
}

/* Once all of the tree stand there, the service fails a few times. */
static void fail_once_made(struct world_script *s, const char *name) {
  if (strcmp(name, "before-directory") != 0 || changes_left <= 0 || s->trouble > 0) return;
  if (!world_standing(s, world_find(s, GUID_TREE_LEAF)->dn) || !world_truth(world_find(s, GUID_TREE_DEEP))) return;
  changes_left--;
  s->mood = WORLD_FAILS;
  s->trouble = 1;
}

/* A service that says no to a link for a while is no reason to leave it out. */
static void test_undo_anew_where_it_fails(void **state) {
  enum { SEEDS = 20, RUNS = 20, FAILURES = 6 };
  (void)state;
  for (int seed = 1; seed <= SEEDS; seed++) {
    struct uh_execute_options options;
    struct uh_plan *entries;
    int exit_code = -1;
    const char *id = delete_entries(&entries, &options, GUID_TREE);
    script.seed = (uint64_t)seed;
    script.trouble = 0;
    script.at = fail_once_made;
    changes_left = FAILURES;
    for (int i = 0; i < RUNS && exit_code != 0; i++) exit_code = run(options, id);
    assert_int_equal(exit_code, 0);
    script.at = NULL;
    script.mood = WORLD_CALM;
    expect_back(entries, options);
    leave_entries(entries);
    (void)leave(NULL), (void)fresh(NULL);
  }
}

/* An edit of an entry is one request: what stands there after a crash is as the action left it, or somebody's. */
static void test_undo_edit_third_hand(void **state) {
  struct uh_execute_options options;
  struct uh_plan *entries;
  const char *id = NULL;
  (void)state;
  (void)delete_entries(&entries, &options, GUID_TREE);
  struct world_object *o = world_find(&script, GUID_LINKS);
  for (size_t i = 0; i < uh_plan_count(entries); i++)
    if (strcmp(uh_plan_at(entries, i)->action.subject.guid, GUID_LINKS) == 0) id = uh_plan_at(entries, i)->id;
  run_and_die(die_before_change, 0, options, id);
  json_t *theirs = json_loads(o->v[0].json, 0, NULL);
  assert_int_equal(json_array_append_new(json_object_get(theirs, "otherWellKnownObjects"), json_string("theirs")), 0);
  char *text = json_dumps(theirs, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref(theirs);
  world_change(&script, o, text);
  assert_int_equal(run(options, id), 3);
  assert_non_null(strstr(result.stopped, "somebody else has changed it"));
  assert_string_equal(world_truth(o), text);
  free(text);
  leave_entries(entries);
}

/* Begun, and killed before anything of the tree was gone. */
static void begin_tree(struct uh_execute_options options, int seed) {
  world_end(&script);
  storage_reset();
  world_begin(&script, WORLD_CALM, (uint64_t)seed);
  steps_entries = true;
  steps_objects(&script);
  steps_entries = false;
  changes_left = 1; /* the single entry goes before the tree */
  script.at = die_before_change;
  (void)run(options, NULL);
  script.at = NULL;
  script.dead = false;
  storage_revive();
  script.tree = (int)(world_find(&script, GUID_TREE) - script.objects) + 1;
}

/* The checks cannot tell anything while a part of a tree is gone, so the rest goes first, and then they are asked; also
 * when a service fails meanwhile, or is not reached. While nothing of it is gone, they are asked before it. */
static void test_half_a_tree(void **state) {
  enum { SEEDS = 20, RUNS = 8 };
  struct uh_execute_options options = all;
  (void)state;
  struct uh_plan *entries = plan_entries();
  options.plan = entries;
  begin_tree(options, 1);
  script.verdict = UH_UNDETERMINED;
  assert_int_equal(run(options, NULL), 2);
  expect_tree(true);
  for (int seed = 1; seed <= SEEDS; seed++) {
    int exit_code = -1;
    begin_tree(options, seed);
    world_change(&script, world_find(&script, GUID_TREE_DEEP), NULL);
    script.mood = WORLD_FAILS;
    for (int i = 0; i < RUNS && exit_code != 0; i++) exit_code = run(options, NULL);
    assert_int_equal(exit_code, 0);
    expect_tree(false);
  }
  uh_plan_free(entries);
}

/* ---- many ---- */

static void test_many(void **state) {
  const char *const only[] = {"many", NULL};
  struct uh_execute_options options = all;
  struct timespec from, to;
  (void)state;
  steps_many = 10000;
  struct uh_plan *big = plan_of(only);
  steps_many = 0;
  assert_int_equal(uh_plan_count(big), 10000);
  options.plan = big;
  clock_gettime(CLOCK_MONOTONIC, &from);
  assert_int_equal(run(options, NULL), 0); /* none of them is in this world: each is done already */
  clock_gettime(CLOCK_MONOTONIC, &to);
  assert_int_equal(result.done, 10000);
  assert_int_equal(records(), 10000 + 4); /* opened, anchor, planned, closed: one for each change of state */
  print_message("10,000 actions in %.1f s\n",
                (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
  uh_plan_free(big);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, leave)
  const struct CMUnitTest tests[] = {
      CASE(test_gate),
      CASE(test_export_first),
      CASE(test_gate_before_step),
      CASE(test_mended),
      CASE(test_dry),
      CASE(test_third_hand),
      CASE(test_replica_behind),
      CASE(test_put_back_at_once),
      CASE(test_soft_disabled),
      CASE(test_switched_on_again),
      CASE(test_absent),
      CASE(test_absent_once),
      CASE(test_skip),
      CASE(test_consent),
      CASE(test_parts),
      CASE(test_behind),
      CASE(test_for_nothing),
      CASE(test_person),
      CASE(test_changed_at_the_question),
      CASE(test_gate_after_a_long_question),
      CASE(test_cancelled),
      CASE(test_cancelled_while_looking),
      CASE(test_undo_refused),
      CASE(test_undo_while_it_lags),
      CASE(test_undo_of_a_list_with_more),
      CASE(test_undo_chain),
      CASE(test_undo_name_taken),
      CASE(test_undo_tree),
      CASE(test_undo_names_what_is_gone),
      CASE(test_undo_half_back),
      CASE(test_undo_half_back_third_hand),
      CASE(test_undo_given_up),
      CASE(test_undo_given_up_in_part),
      CASE(test_undo_anew_half_done),
      CASE(test_undo_anew_where_it_fails),
      CASE(test_undo_edit_third_hand),
      CASE(test_half_a_tree),
      CASE(test_export),
      CASE(test_many),
  };
  return cmocka_run_group_tests(tests, make_plan, free_plan);
}
