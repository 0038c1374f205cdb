/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves how a plan is made, with steps of its own over small facts: what is not known is never acted on, nothing acts
 * on what is not the hybrid deployment's, choosing never changes the order, and a plan that was saved is the plan that
 * was made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "case/facts.h"
#include "plan/plan.h"

#include "small_facts.h"

/* The promise is of a release build; what looks at every access may take longer. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SLOWER 10
#else
#define SLOWER 1
#endif

#define OURS "7a1c2e4f-5b6d-4c3a-9e8f-0f0000000001"
#define THEIRS "7a1c2e4f-5b6d-4c3a-9e8f-0f00000000aa"
#define SEND "10000000-0000-0000-0000-000000000001"

/* ---- facts ---- */

#define CONNECTOR(source, enabled)                                                                                                           \
  {                                                                                                                                          \
    source, "on-premises", "SendConnector", "Outbound to Office 365", SEND,                                                                  \
        "{\"Enabled\": " enabled                                                                                                             \
        ", \"AddressSpaces\": [\"smtp:contoso.mail.onmicrosoft.com;1\", \"smtp:*.contoso.mail.onmicrosoft.com;1\"], \"WhenChanged\": \"x\"}" \
  }
static const struct row plain_rows[] = {
    {"directory", "on-premises", "OrganizationConfig", "contoso", OURS, "{}"},
    {"exchange-online", "cloud", "AcceptedDomain", "routing", "40000000-0000-0000-0000-000000000001",
     "{\"DomainName\": \"contoso.mail.onmicrosoft.com\"}"},
    CONNECTOR("directory", "false"),
    CONNECTOR("exchange-server", "true"),
    {"exchange-server", "on-premises", "ExchangeServer", "EX01", "20000000-0000-0000-0000-000000000001", "{}"},
};

static void plain_facts(const char *state, bool server) {
  struct uh_facts *facts = begin_facts();
  put_rows(facts, plain_rows, server ? 5 : 4);
  put_set(facts, &(struct set){"on-premises", "SendConnector", state});
  put_set(facts, &(struct set){"on-premises", "ExchangeServer", "complete"});
  end_facts(facts);
}

/* ---- steps ---- */

static const struct uh_expect disabled[] = {
    {.what = UH_EXPECT_VALUE, .value = {.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false}}, {0}};
static const struct uh_expect gone[] = {{.what = UH_EXPECT_ABSENT}, {0}};
static const struct uh_subject connector = {"on-premises", "SendConnector", SEND, "Outbound to Office 365", NULL};
static enum uh_owner the_owner;
static const char *the_after;
static int64_t the_now = 2000;
static bool has_account = true;
static const char *by_hand; /* what a person would run; NULL: cmdlets of the server */

static int ask(struct uh_step_run *run, const struct uh_subject *s, enum uh_verb verb, struct uh_err *err) {
  const struct uh_argument off[] = {{.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false}, {0}};
  const struct uh_change disable[] = {{.cmdlet = "Set-SendConnector", .arguments = off}, {0}};
  const struct uh_change remove[] = {{.cmdlet = "Remove-SendConnector"}, {0}};
  bool removes = verb == UH_VERB_REMOVE;
  const struct uh_action action = {.subject = *s,
                                   .verb = verb,
                                   .executor = by_hand ? UH_BY_OPERATOR : UH_BY_EXCHANGE_SERVER,
                                   .reversible = removes ? UH_REVERSIBLE_NEW : UH_REVERSIBLE,
                                   .changes = by_hand   ? NULL
                                              : removes ? remove
                                                        : disable,
                                   .commands = by_hand,
                                   .expect = removes ? gone : disabled,
                                   .why = "it is of the hybrid deployment",
                                   .effect = "no mail goes through it",
                                   .after = the_after,
                                   .observe = !removes};
  return uh_step_action(run, &action, err);
}

static int discover_freeze(struct uh_step_run *run, struct uh_err *err) {
  if (uh_step_owner(run, &connector, the_owner, err, "because of %s", "the test") < 0) return -1;
  return the_owner == UH_OWNER_UNKNOWN ? 0 : ask(run, &connector, UH_VERB_DISABLE, err);
}
static int discover_remove(struct uh_step_run *run, struct uh_err *err) {
  if (uh_step_owner(run, &connector, UH_OWNER_HYBRID, err, "because") < 0 || uh_step_note(run, err, "a note") < 0)
    return -1;
  the_after = "freeze";
  int rc = ask(run, &connector, UH_VERB_REMOVE, err);
  the_after = NULL;
  return rc;
}
static int discover_nothing(struct uh_step_run *run, struct uh_err *err) {
  (void)run;
  (void)err;
  return 0;
}
static int discover_again(struct uh_step_run *run, struct uh_err *err) {
  return discover_freeze(run, err) < 0 || ask(run, &connector, UH_VERB_DISABLE, err) < 0 ? -1 : 0;
}
static int discover_unsaid(struct uh_step_run *run, struct uh_err *err) {
  return ask(run, &connector, UH_VERB_DISABLE, err);
}
static int discover_remove_shared(struct uh_step_run *run, struct uh_err *err) {
  if (uh_step_owner(run, &connector, UH_OWNER_SHARED, err, "because") < 0) return -1;
  return ask(run, &connector, UH_VERB_REMOVE, err);
}
static int discover_blocked(struct uh_step_run *run, struct uh_err *err) {
  return discover_freeze(run, err) < 0 ? -1 : uh_step_blocked(run, err, "%d addresses have no recipient", 12);
}
static int discover_absent(struct uh_step_run *run, struct uh_err *err) {
  const struct uh_subject other = {"on-premises", "SendConnector", "10000000-0000-0000-0000-00000000ffff", "no", NULL};
  if (uh_step_owner(run, &other, UH_OWNER_HYBRID, err, "because") < 0) return -1;
  return ask(run, &other, UH_VERB_DISABLE, err);
}
/* What Graph left out of its answer. */
static int discover_nameless(struct uh_step_run *run, struct uh_err *err) {
  const struct uh_subject told = {"on-premises", "SendConnector", NULL, "Outbound", NULL};
  if (uh_step_owner(run, &told, UH_OWNER_HYBRID, err, "because") < 0) return -1;
  return ask(run, &told, UH_VERB_DISABLE, err);
}
static char seen_source[64];
static int64_t seen_rows;
static int discover_views(struct uh_step_run *run, struct uh_err *err) {
  struct uh_query *q UH_CLEANUP(uh_query_freep) = NULL;
  if (uh_step_query(run, "SELECT count(*), max(source) FROM configuration WHERE kind = 'SendConnector'", &q, err) < 0 ||
      uh_query_next(q, err) != 1)
    return -1;
  (void)uh_query_int(q, 0, &seen_rows);
  (void)snprintf(seen_source, sizeof seen_source, "%s", uh_query_text(q, 1));
  static const char *const refused[] = {"DROP VIEW temp.configuration", "DELETE FROM temp.uh_shared_anchor",
                                        "SELECT * FROM t_object", "DELETE FROM main.t_object"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    struct uh_err denied = UH_ERR_INIT;
    struct uh_query *no = NULL;
    assert_int_equal(uh_step_query(run, refused[i], &no, &denied), -1);
  }
  assert_string_equal(uh_step_anchor(run, UH_ANCHOR_ORGANIZATION), OURS);
  return 0;
}

static const struct uh_follows after_freeze[] = {{"freeze", "it is watched first"}, {0}};
static const struct uh_follows after_removal[] = {{"removal", "it is the last"}, {0}};
#define STEP(the_id, the_phase, the_follows, the_discover)                                                         \
  {                                                                                                                \
    .id = the_id, .title = "Title of " the_id, .requirement = "C-99", .phase = the_phase, .follows = the_follows,  \
    .needs = "on-premises:SendConnector", .checks = "", .discover = the_discover, .effect = "", .undo_limits = "", \
    .reference = "", .explain = ""                                                                                 \
  }
static const struct uh_step freeze = STEP("freeze", UH_PHASE_BEFORE_UNINSTALL, NULL, discover_freeze);
static const struct uh_step removal = STEP("removal", UH_PHASE_BEFORE_UNINSTALL, after_freeze, discover_remove);
static const struct uh_step last = STEP("last", UH_PHASE_BEFORE_UNINSTALL, after_removal, discover_nothing);
static const struct uh_step sweep = STEP("sweep", UH_PHASE_AFTER_UNINSTALL, NULL, discover_nothing);
static const struct uh_step again = STEP("again", UH_PHASE_BEFORE_UNINSTALL, NULL, discover_again);
static const struct uh_step unsaid = STEP("unsaid", UH_PHASE_BEFORE_UNINSTALL, NULL, discover_unsaid);
static const struct uh_step remove_shared = STEP("freeze", UH_PHASE_BEFORE_UNINSTALL, NULL, discover_remove_shared);
static const struct uh_step blocked = STEP("freeze", UH_PHASE_BEFORE_UNINSTALL, NULL, discover_blocked);
static const struct uh_step absent = STEP("absent", UH_PHASE_BEFORE_UNINSTALL, NULL, discover_absent);
static const struct uh_step nameless = STEP("freeze", UH_PHASE_BEFORE_UNINSTALL, NULL, discover_nameless);
static const struct uh_step views = STEP("views", UH_PHASE_BEFORE_UNINSTALL, NULL, discover_views);

/* The registry of this test. */
static const struct uh_step *const registry[] = {&freeze, &removal, &last, &sweep, NULL};
size_t uh_step_count(void) {
  return sizeof registry / sizeof *registry - 1;
}
const struct uh_step *uh_step_at(size_t i) {
  return registry[i];
}
const struct uh_step *uh_step_find(const char *id) {
  for (size_t i = 0; registry[i]; i++)
    if (strcmp(registry[i]->id, id) == 0) return registry[i];
  return NULL;
}
const char *uh_step_nearest(const char *id) {
  (void)id;
  return "freeze";
}

#define OPTIONS(...)          \
  (&(struct uh_plan_options){ \
      .facts = facts_path, .organization = "contoso", .now = the_now, .can = {has_account, true, true}, __VA_ARGS__})
#define STEPS(...)                           \
  .steps = (const struct uh_step *const[]) { \
    __VA_ARGS__, NULL                        \
  }

static struct uh_plan *make(const struct uh_plan_options *options) {
  struct uh_plan *plan = NULL;
  struct uh_err err = UH_ERR_INIT;
  char text[1200];
  if (uh_plan_make(options, &plan, &err) < 0) fail_msg("%s", uh_err_text(&err, text, sizeof text));
  return plan;
}

static void fails(const struct uh_plan_options *options, enum uh_err_class cls, const char *text) {
  struct uh_plan *plan = NULL;
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_plan_make(options, &plan, &err), -1);
  if (err.cls != cls || !strstr(err.what, text)) fail_msg("%d: %s", err.cls, err.what);
}

/* ---- proofs ---- */

static void actions_stand_in_the_order_of_the_steps(void **state) {
  (void)state;
  plain_facts("complete", true);
  the_owner = UH_OWNER_HYBRID;
  struct uh_plan *plan = make(OPTIONS(STEPS(&removal, &sweep, &freeze)));
  assert_int_equal(uh_plan_count(plan), 2);
  const struct uh_planned *first = uh_plan_at(plan, 0), *second = uh_plan_at(plan, 1);
  assert_string_equal(first->id, "freeze/disable/on-premises/SendConnector/" SEND);
  assert_string_equal(second->id, "removal/remove/on-premises/SendConnector/" SEND);
  assert_int_equal(second->number, 2);
  assert_true(first->action.observe);
  assert_string_equal(second->action.after, "freeze");
  assert_ptr_equal(uh_plan_find(plan, second->id), second);
  assert_string_equal(uh_anchors_get(uh_plan_anchors(plan), UH_ANCHOR_ORGANIZATION, 0), OURS);
  /* The subject's GUID stands in the change that said none. */
  uint8_t guid[UH_GUID_SIZE];
  assert_true(uh_guid_parse(SEND, guid));
  assert_memory_equal(first->action.changes[0].guid, guid, UH_GUID_SIZE);
  assert_string_equal(uh_plan_step_at(plan, 1)->notes[0], "a note");
  assert_string_equal(uh_plan_step_at(plan, 1)->v[0].reason, "because");
  uh_plan_free(plan);
}

static void a_lacking_set_makes_the_step_unknown_and_stops_what_follows(void **state) {
  (void)state;
  plain_facts("partial", true);
  the_owner = UH_OWNER_HYBRID;
  struct uh_plan *plan = make(OPTIONS(STEPS(&freeze)));
  assert_int_equal(uh_plan_count(plan), 0);
  assert_int_equal(uh_plan_step_at(plan, 0)->state, UH_STEP_UNKNOWN);
  assert_string_equal(uh_plan_step_at(plan, 0)->why,
                      "on-premises:SendConnector is partial (exchange-server: the answer broke off)");
  uh_plan_free(plan);
}

static void an_object_that_cannot_be_told_makes_the_step_unknown(void **state) {
  (void)state;
  plain_facts("complete", true);
  the_owner = UH_OWNER_UNKNOWN;
  struct uh_plan *plan = make(OPTIONS(STEPS(&freeze, &removal, &last)));
  assert_int_equal(uh_plan_count(plan), 0);
  assert_int_equal(uh_plan_step_at(plan, 0)->state, UH_STEP_UNKNOWN);
  assert_non_null(strstr(uh_plan_step_at(plan, 0)->why, "because of the test"));
  assert_int_equal(uh_plan_step_at(plan, 1)->state, UH_STEP_SKIPPED);
  assert_string_equal(uh_plan_step_at(plan, 1)->why, "follows freeze, which is not carried out");
  /* What has nothing to do does not wait for anything. */
  assert_int_equal(uh_plan_step_at(plan, 2)->state, UH_STEP_NOTHING);
  uh_plan_free(plan);
}

static void a_blocked_step_does_nothing(void **state) {
  (void)state;
  plain_facts("complete", true);
  the_owner = UH_OWNER_HYBRID;
  struct uh_plan *plan = make(OPTIONS(STEPS(&blocked)));
  assert_int_equal(uh_plan_count(plan), 0);
  assert_int_equal(uh_plan_step_at(plan, 0)->state, UH_STEP_BLOCKED);
  assert_string_equal(uh_plan_step_at(plan, 0)->why, "12 addresses have no recipient");
  uh_plan_free(plan);
  plan = make(OPTIONS(STEPS(&nameless))); /* nothing tells it from another: no action, and no fault of the step's */
  assert_int_equal(uh_plan_count(plan), 0);
  assert_int_equal(uh_plan_step_at(plan, 0)->state, UH_STEP_UNKNOWN);
  assert_non_null(strstr(uh_plan_step_at(plan, 0)->why, "its id was not obtained"));
  uh_plan_free(plan);
}

static void choosing_never_changes_the_order(void **state) {
  (void)state;
  plain_facts("complete", true);
  the_owner = UH_OWNER_HYBRID;
  /* What is left out takes with it what follows it, also where that was chosen. */
  struct uh_plan *plan = make(OPTIONS(STEPS(&freeze, &removal), .only = (const char *const[]){"removal", NULL}));
  assert_int_equal(uh_plan_count(plan), 0);
  assert_string_equal(uh_plan_step_at(plan, 0)->why, "not chosen");
  assert_string_equal(uh_plan_step_at(plan, 1)->why, "follows freeze, which is not carried out");
  uh_plan_free(plan);
  plan = make(OPTIONS(STEPS(&freeze, &removal), .until = "freeze"));
  assert_int_equal(uh_plan_count(plan), 1);
  assert_int_equal(uh_plan_step_at(plan, 1)->state, UH_STEP_SKIPPED);
  assert_string_equal(uh_plan_step_at(plan, 1)->why, "comes after the step that --until names");
  uh_plan_free(plan);
  fails(OPTIONS(STEPS(&freeze), .until = "freezer"), UH_ERR_USAGE, "there is no step \"freezer\"");
}

static void what_comes_after_the_uninstall_waits_for_the_servers_to_go(void **state) {
  (void)state;
  plain_facts("complete", true);
  struct uh_plan *plan = make(OPTIONS(STEPS(&sweep)));
  assert_int_equal(uh_plan_step_at(plan, 0)->state, UH_STEP_SKIPPED);
  assert_string_equal(uh_plan_step_at(plan, 0)->why, "waits for the uninstall: EX01 is still there");
  uh_plan_free(plan);
  plain_facts("complete", false);
  plan = make(OPTIONS(STEPS(&sweep)));
  assert_int_equal(uh_plan_step_at(plan, 0)->state, UH_STEP_NOTHING);
  uh_plan_free(plan);
  /* The sweep's plan leaves the steps before it out, and may still name one that came before. */
  the_owner = UH_OWNER_HYBRID;
  static const struct uh_step late = STEP("late", UH_PHASE_AFTER_UNINSTALL, NULL, discover_remove);
  plan = make(OPTIONS(STEPS(&freeze, &late), .server_gone_only = true));
  assert_int_equal(uh_plan_step_count(plan), 1);
  /* Nobody can run the cmdlets of a server that is gone: that is said, and not planned. */
  assert_int_equal(uh_plan_count(plan), 0);
  assert_int_equal(uh_plan_step_at(plan, 0)->n_notes, 2);
  assert_non_null(strstr(uh_plan_step_at(plan, 0)->notes[1], "no server is left"));
  uh_plan_free(plan);
  by_hand = "x";
  plan = make(OPTIONS(STEPS(&freeze, &late), .server_gone_only = true));
  by_hand = NULL;
  assert_int_equal(uh_plan_count(plan), 1);
  uh_plan_free(plan);
  /* Nobody looked for servers: that none was seen proves nothing. */
  struct uh_facts *facts = begin_facts();
  put_set(facts, &(struct set){"on-premises", "SendConnector", "complete"});
  end_facts(facts);
  plan = make(OPTIONS(STEPS(&sweep), .server_gone_only = true));
  assert_int_equal(uh_plan_step_at(plan, 0)->state, UH_STEP_SKIPPED);
  assert_non_null(strstr(uh_plan_step_at(plan, 0)->why, "on-premises:ExchangeServer is not-observed"));
  uh_plan_free(plan);
}

static void a_wrong_step_is_refused(void **state) {
  (void)state;
  plain_facts("complete", true);
  the_owner = UH_OWNER_HYBRID;
  fails(OPTIONS(STEPS(&again)), UH_ERR_INTERNAL, "twice");
  fails(OPTIONS(STEPS(&unsaid)), UH_ERR_INTERNAL, "it was not said whose it is");
  fails(OPTIONS(STEPS(&remove_shared)), UH_ERR_INTERNAL, "reduced, never removed");
  fails(OPTIONS(STEPS(&absent)), UH_ERR_INTERNAL, "what the facts do not show");
  the_owner = UH_OWNER_PARTNER;
  fails(OPTIONS(STEPS(&freeze)), UH_ERR_INTERNAL, "not the hybrid deployment's");
}

static void a_step_sees_each_object_once_and_changes_nothing(void **state) {
  (void)state;
  plain_facts("complete", true);
  struct uh_plan *plan = make(OPTIONS(STEPS(&views)));
  assert_int_equal(seen_rows, 1);
  assert_string_equal(seen_source, "exchange-server");
  uh_plan_free(plan);
}

static void an_action_expects_what_the_plan_itself_did_before(void **state) {
  (void)state;
  plain_facts("complete", true);
  the_owner = UH_OWNER_HYBRID;
  struct uh_plan *plan = make(OPTIONS(STEPS(&freeze, &removal)));
  const struct uh_planned *first = uh_plan_at(plan, 0), *second = uh_plan_at(plan, 1);
  struct uh_err err = UH_ERR_INIT;
  struct uh_str text = {0};
  char hex[65];
  assert_string_equal(first->fingerprint_source, "exchange-server");
  assert_string_not_equal(first->fingerprint, second->fingerprint);
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(uh_planned_fingerprint(uh_plan_at(plan, i), uh_plan_image(plan, i), hex, &err), 0);
    assert_string_equal(hex, uh_plan_at(plan, i)->fingerprint);
  }
  assert_int_equal(uh_planned_drift(second, uh_plan_image(plan, 1), uh_plan_image(plan, 0), &text, &err), 0);
  assert_string_equal(uh_str_text(&text), "Enabled: false -> true");
  uh_str_clear(&text);
  uh_plan_free(plan);
}

static char *json_of(const struct uh_plan *plan) {
  struct uh_str text = {0};
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_plan_json(plan, &text, &err), 0);
  return uh_str_take(&text);
}

static void refuses(const char *json, const char *text) {
  struct uh_plan *plan = NULL;
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_plan_from_json(json, strlen(json), &plan, &err), -1);
  if (err.cls != UH_ERR_DATA || !strstr(err.what, text)) fail_msg("%d: %s", err.cls, err.what);
}

static void a_saved_plan_is_the_plan_that_was_made(void **state) {
  (void)state;
  plain_facts("complete", true);
  the_owner = UH_OWNER_HYBRID;
  struct uh_plan *plan = make(OPTIONS(STEPS(&freeze, &removal))), *loaded = NULL;
  struct uh_err err = UH_ERR_INIT;
  char path[80];
  (void)snprintf(path, sizeof path, "%s/p.json", folder);
  assert_int_equal(uh_plan_save(plan, path, &err), 0);
  assert_int_equal(uh_plan_load(path, &loaded, &err), 0);
  char *made = json_of(plan), *read = json_of(loaded);
  assert_string_equal(made, read);
  assert_string_equal(uh_plan_id(plan), uh_plan_id(loaded));
  assert_string_equal(uh_plan_at(loaded, 0)->action.changes[0].arguments[0].name, "Enabled");
  assert_int_equal(uh_plan_at(loaded, 1)->action.expect[0].what, UH_EXPECT_ABSENT);
  /* The same facts at another time: the same plan. */
  the_now = 2500;
  struct uh_plan *later = make(OPTIONS(STEPS(&freeze, &removal)));
  the_now = 2000;
  assert_string_equal(uh_plan_id(plan), uh_plan_id(later));
  uh_plan_free(later);
  char *edited = strstr(made, "Set-SendConnector");
  assert_non_null(edited);
  edited[0] = 'X';
  refuses(made, "was changed after it was made");
  refuses("{\"schema\": \"unhybrid/plan/2\"}", "of the version \"unhybrid/plan/2\"");
  refuses("{\"schema\": \"unhybrid/report/1\"}", "this is no plan");
  refuses("[1, 2", "no JSON at line 1");
  free(made);
  free(read);
  unlink(path);
  uh_plan_free(loaded);
  uh_plan_free(plan);
}

static void without_an_account_a_person_runs_the_same_command(void **state) {
  (void)state;
  plain_facts("complete", true);
  the_owner = UH_OWNER_HYBRID;
  has_account = false;
  struct uh_plan *plan = make(OPTIONS(STEPS(&freeze)));
  has_account = true;
  struct uh_str text = {0};
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_plan_at(plan, 0)->action.executor, UH_BY_OPERATOR);
  assert_int_equal(uh_planned_commands(uh_plan_at(plan, 0), &text, &err), 0);
  assert_string_equal(uh_str_text(&text), "Set-SendConnector -Identity '" SEND
                                          "' -Enabled:$false -Confirm:$false"
                                          "  # Outbound to Office 365\n");
  assert_string_equal(uh_plan_at(plan, 0)->action.where, "in Exchange Management Shell");
  uh_str_clear(&text);
  uh_plan_free(plan);
}

/* ---- many ---- */

enum { MANY = 10000 };
static void guid_of(int i, char text[UH_GUID_TEXT]) {
  (void)snprintf(text, UH_GUID_TEXT, "30000000-0000-0000-0000-%012d", i);
}
static int discover_many(struct uh_step_run *run, struct uh_err *err) {
  for (int i = 0; i < MANY; i++) {
    char guid[UH_GUID_TEXT];
    guid_of(i, guid);
    const struct uh_subject s = {"on-premises", "SendConnector", guid, "one of many", NULL};
    if (uh_step_owner(run, &s, UH_OWNER_HYBRID, err, "because") < 0 || ask(run, &s, UH_VERB_DISABLE, err) < 0)
      return -1;
  }
  return 0;
}
static const struct uh_step many = STEP("many", UH_PHASE_BEFORE_UNINSTALL, NULL, discover_many);

/* None is left only where a set was read in full; one whose GUID nobody told is one. */
static void servers_left(void **state) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_rows *rows = NULL;
  char why[200];
  (void)state;
  struct uh_facts *facts = begin_facts();
  put_set(facts, &(struct set){"on-premises", "ExchangeServer", "partial"});
  end_facts(facts);
  assert_int_equal(uh_servers_left(facts_path, why, sizeof why, &err), UH_SERVERS_UNKNOWN);
  facts = begin_facts();
  put_set(facts, &(struct set){"on-premises", "ExchangeServer", "complete"});
  end_facts(facts);
  assert_int_equal(uh_servers_left(facts_path, why, sizeof why, &err), UH_SERVERS_NONE);
  facts = begin_facts();
  put_set(facts, &(struct set){"on-premises", "ExchangeServer", "complete"});
  assert_int_equal(uh_rows_open(facts, UH_T_object, &rows, &err), 0);
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(object, source), "exports");
  uh_rows_str(rows, UH_COL(object, side), "on-premises");
  uh_rows_str(rows, UH_COL(object, kind), "ExchangeServer");
  uh_rows_str(rows, UH_COL(object, name), "EX1");
  assert_int_equal(uh_rows_end(rows, &err), 0);
  assert_int_equal(uh_rows_close(rows, &err), 0);
  end_facts(facts);
  assert_int_equal(uh_servers_left(facts_path, why, sizeof why, &err), UH_SERVERS_SOME);
  assert_non_null(strstr(why, "EX1"));
}

static void ten_thousand_actions_are_planned_in_time(void **state) {
  (void)state;
  struct uh_facts *facts = begin_facts();
  struct row *rows = calloc(MANY, sizeof *rows);
  char(*guids)[UH_GUID_TEXT] = calloc(MANY, sizeof *guids);
  assert_non_null(rows);
  assert_non_null(guids);
  for (int i = 0; i < MANY; i++) {
    guid_of(i, guids[i]);
    rows[i] = (struct row)CONNECTOR("exchange-server", "true");
    rows[i].guid = guids[i];
  }
  put_rows(facts, rows, MANY);
  put_set(facts, &(struct set){"on-premises", "SendConnector", "complete"});
  end_facts(facts);
  double best = 1e9;
  struct uh_plan *plan = NULL;
  for (int i = 0; i < 3; i++) { /* other processes share the processor's caches: the best of three */
    uh_plan_free(plan);
    clock_t begin = clock();
    plan = make(OPTIONS(STEPS(&many)));
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    if (seconds < best) best = seconds;
  }
  assert_int_equal(uh_plan_count(plan), MANY);
  assert_non_null(uh_plan_find(plan, uh_plan_at(plan, MANY - 1)->id));
  print_message("%d actions in %.2f s of processor time\n", MANY, best);
  /* Under a second on an idle processor; what is proved here, on one that others use too, is that it does not grow with
   * the square of the actions. */
  assert_true(best < 3.0 * SLOWER);
  uh_plan_free(plan);
  free(rows);
  free(guids);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(actions_stand_in_the_order_of_the_steps),
      cmocka_unit_test(a_lacking_set_makes_the_step_unknown_and_stops_what_follows),
      cmocka_unit_test(an_object_that_cannot_be_told_makes_the_step_unknown),
      cmocka_unit_test(a_blocked_step_does_nothing),
      cmocka_unit_test(choosing_never_changes_the_order),
      cmocka_unit_test(what_comes_after_the_uninstall_waits_for_the_servers_to_go),
      cmocka_unit_test(a_wrong_step_is_refused),
      cmocka_unit_test(a_step_sees_each_object_once_and_changes_nothing),
      cmocka_unit_test(an_action_expects_what_the_plan_itself_did_before),
      cmocka_unit_test(a_saved_plan_is_the_plan_that_was_made),
      cmocka_unit_test(without_an_account_a_person_runs_the_same_command),
      cmocka_unit_test(servers_left),
      cmocka_unit_test(ten_thousand_actions_are_planned_in_time),
  };
  if (!mkdtemp(folder)) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(facts_path);
  rmdir(folder);
  return failed;
}
