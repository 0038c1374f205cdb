/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves the truth per object of the rule engine with checks of its own: what is seen counts, what was not obtained is
 * unknown and never a pass, and no check can change the facts or look behind the views.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "case/facts.h"
#include "rules/rules.h"

static const struct uh_check *the_checks; /* the registry of this test */

const struct uh_check *uh_check_at(size_t i) {
  for (const struct uh_check *c = the_checks; c && c->id; c++)
    if (i-- == 0) return c;
  return NULL;
}
bool uh_requirement_examined(const char *id) {
  (void)id;
  return true;
}

#define MANAGED                                                                                                      \
  "SELECT (is_dir_synced AND NOT is_cloud_managed) AS violated, guid_text(guid) AS key, 'mailbox' AS kind, name AS " \
  "object,"                                                                                                          \
  " 'not managed' AS message, json_object('is_dir_synced', is_dir_synced, 'is_cloud_managed', is_cloud_managed) AS " \
  "evidence,"                                                                                                        \
  " 'Set-Mailbox -Identity ' || ps_quote(name, guid_text(guid)) AS command FROM exchange_recipient"
#define NOT_FALSE MANAGED " WHERE (is_dir_synced AND NOT is_cloud_managed) IS NOT FALSE"

static const struct uh_rule managed_rules[] = {{"cloud", "cloud:Mailbox", NOT_FALSE}, {0}};
static const struct uh_rule merging_rules[] = {{"cloud", "cloud:Mailbox", MANAGED}, {0}};
static const struct uh_rule either_rules[] = {{"cloud", "cloud:Nothing|cloud:Mailbox+cloud:Recipient", NOT_FALSE}, {0}};
static const struct uh_rule broken_rules[] = {{"cloud", "cloud:Mailbox", "SELECT nonsense FROM exchange_recipient"},
                                              {0}};
static const struct uh_rule behind_rules[] = {{"cloud", "cloud:Mailbox",
                                               "SELECT 0 AS violated, '' AS key, '' AS kind, '' AS object, '' AS "
                                               "message, '' AS evidence FROM t_exchange_recipient"},
                                              {0}};
static const struct uh_rule nothing_rules[] = {{"cloud", "cloud:Mailbox", NOT_FALSE " AND 0"}, {0}};

static int writes(struct uh_check_run *run, struct uh_err *err) {
  struct uh_err denied = UH_ERR_INIT;
  assert_int_equal(uh_check_exec(run, "DELETE FROM t_exchange_recipient", &denied), -1);
  denied = UH_ERR_INIT;
  assert_int_equal(uh_check_exec(run, "ATTACH 'x' AS y", &denied), -1);
  /* What checks share is changed by none of them. */
  static const char *const shared[] = {"DROP VIEW temp.local_recipient", "DELETE FROM temp.uh_shared_local_recipient",
                                       "DROP TABLE temp.uh_shared_local_recipient",
                                       "CREATE TEMP VIEW synced_recipient AS SELECT 1"};
  for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
    denied = UH_ERR_INIT;
    assert_int_equal(uh_check_exec(run, shared[i], &denied), -1);
  }
  assert_int_equal(
      uh_check_exec(run, "CREATE TEMP TABLE mine(a); INSERT INTO mine VALUES(1); CREATE INDEX temp.mine_a ON mine(a)",
                    err),
      0);
  struct uh_query *q = NULL;
  int64_t n = 0;
  assert_int_equal(uh_query_open(run, "SELECT count(*) FROM mine", &q, err), 0);
  assert_int_equal(uh_query_next(q, err), 1);
  assert_true(uh_query_int(q, 0, &n));
  assert_int_equal(n, 1);
  uh_query_free(q);
  assert_int_equal(uh_setting_count(run, "mail_flow.gateways"), 1);
  assert_string_equal(uh_setting(run, "mail_flow.gateways", 0), "*.pphosted.com");
  return 0;
}

/* ---- facts of one mailbox, with what the case under test wants ---- */

struct world {
  enum uh_answer managed; /* UH_VALUE: false */
  bool satisfied_by_other, violated;
  const char *mailbox_set, *recipient_set;
  int64_t observed_at;
  struct uh_statement *waiver, *attestation;
  size_t waivers, attestations;
};

static void put_mailbox(struct uh_facts *facts, const char *source, enum uh_answer answer, int64_t managed) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_rows *rows = NULL;
  static const uint8_t guid[16] = {1, 2, 3};
  assert_int_equal(uh_rows_open(facts, UH_T_exchange_recipient, &rows, &err), 0);
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(exchange_recipient, side), "cloud");
  uh_rows_str(rows, UH_COL(exchange_recipient, source), source);
  uh_rows_str(rows, UH_COL(exchange_recipient, kind), "Mailbox");
  uh_rows_blob(rows, UH_COL(exchange_recipient, guid), guid, sizeof guid);
  uh_rows_str(rows, UH_COL(exchange_recipient, name), "Ada O'Brien");
  uh_rows_int(rows, UH_COL(exchange_recipient, is_dir_synced), 1);
  if (answer == UH_VALUE)
    uh_rows_int(rows, UH_COL(exchange_recipient, is_cloud_managed), managed);
  else
    uh_rows_answer(rows, UH_COL(exchange_recipient, is_cloud_managed), answer);
  assert_int_equal(uh_rows_end(rows, &err), 0);
  assert_int_equal(uh_rows_close(rows, &err), 0);
}

static void put_set(struct uh_facts *facts, const char *name, const char *state, int64_t observed_at) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_rows *rows = NULL;
  if (!state) return;
  assert_int_equal(uh_rows_open(facts, UH_T_set, &rows, &err), 0);
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(set, source), "exchange-online");
  uh_rows_str(rows, UH_COL(set, side), "cloud");
  uh_rows_str(rows, UH_COL(set, name), name);
  uh_rows_str(rows, UH_COL(set, state), state);
  uh_rows_str(rows, UH_COL(set, why), "because");
  uh_rows_int(rows, UH_COL(set, observed_at), observed_at);
  assert_int_equal(uh_rows_end(rows, &err), 0);
  assert_int_equal(uh_rows_close(rows, &err), 0);
}

static void put_head(struct uh_facts *facts) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_rows *rows = NULL;
  assert_int_equal(uh_rows_open(facts, UH_T_observation, &rows, &err), 0);
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(observation, organization), "contoso");
  uh_rows_int(rows, UH_COL(observation, started_at), 1000);
  uh_rows_int(rows, UH_COL(observation, ended_at), 2000);
  assert_int_equal(uh_rows_end(rows, &err), 0);
  assert_int_equal(uh_rows_close(rows, &err), 0);
  assert_int_equal(uh_rows_open(facts, UH_T_setting, &rows, &err), 0);
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(setting, name), "mail_flow.gateways");
  uh_rows_str(rows, UH_COL(setting, value), "*.pphosted.com");
  assert_int_equal(uh_rows_end(rows, &err), 0);
  assert_int_equal(uh_rows_close(rows, &err), 0);
}

struct seen {
  char status[16], severity[16];
  char stated[64]; /* what each statement is worth, and a blank */
  int64_t findings, waived, unknowns, lacking, attestables;
  bool complete;
  char command[200], why[300], set[100], set_state[40];
  enum uh_verdict verdict;
};

static int each_finding(void *user, const struct uh_result_finding *f) {
  (void)snprintf(((struct seen *)user)->command, 200, "%s", f->command);
  return 0;
}
static int each_unknown(void *user, const struct uh_result_unknown *u) {
  struct seen *s = user;
  if (u->objects == 0) {
    s->lacking++;
    (void)snprintf(s->set, sizeof s->set, "%s", u->set);
    (void)snprintf(s->set_state, sizeof s->set_state, "%s", u->state);
  } else {
    (void)snprintf(s->why, sizeof s->why, "%s", u->why);
  }
  return 0;
}
static struct uh_results *the_results;
static int each_attestable(void *user, const struct uh_result_attestable *a) {
  (void)a;
  ((struct seen *)user)->attestables++;
  return 0;
}
static int each_statement(void *user, const struct uh_result_statement *s) {
  struct seen *seen = user;
  size_t at = strlen(seen->stated);
  (void)snprintf(seen->stated + at, sizeof seen->stated - at, "%s ", s->state);
  return 0;
}
static int each_check(void *user, const struct uh_result_check *c) {
  struct seen *s = user;
  struct uh_err err = UH_ERR_INIT;
  (void)snprintf(s->status, sizeof s->status, "%s", c->status);
  (void)snprintf(s->severity, sizeof s->severity, "%s", c->severity);
  s->findings = c->findings;
  s->waived = c->waived;
  s->unknowns = c->unknowns;
  s->complete = c->complete;
  assert_int_equal(uh_results_findings(the_results, c->index, 0, each_finding, s, &err), 0);
  assert_int_equal(uh_results_attestables(the_results, c->index, each_attestable, s, &err), 0);
  return uh_results_unknowns(the_results, c->index, each_unknown, s, &err);
}

static struct seen judge(const struct uh_check *checks, const struct world *w) {
  char path[] = "/tmp/unhybrid-judge-XXXXXX";
  struct uh_err err = UH_ERR_INIT;
  struct uh_facts *facts = NULL;
  struct seen seen = {0};
  assert_non_null(mkdtemp(path));
  char file[64];
  (void)snprintf(file, sizeof file, "%s/f.db", path);
  assert_int_equal(uh_facts_create(file, &facts, &err), 0);
  put_head(facts);
  put_mailbox(facts, "exchange-online", w->managed, !w->violated);
  if (w->satisfied_by_other) put_mailbox(facts, "exchange-online-export", UH_VALUE, 1);
  put_set(facts, "Mailbox", w->mailbox_set, w->observed_at ? w->observed_at : 2000);
  put_set(facts, "Recipient", w->recipient_set, 2000);
  assert_int_equal(uh_facts_finish(facts, &err), 0);
  uh_facts_free(facts);
  the_checks = checks;
  static char name[] = "w.yaml";
  const struct uh_statements waivers = {.kind = UH_WAIVER, .path = name, .v = w->waiver, .n = w->waivers};
  const struct uh_statements stated = {.kind = UH_ATTESTATION, .path = name, .v = w->attestation, .n = w->attestations};
  struct uh_judge_options options = {.purpose = UH_BEFORE, .now = 2000, .statements = {&waivers, &stated}};
  for (size_t i = 0; i < w->attestations; i++) { /* as `attest add` does; what is not given is told by the program */
    int64_t when;
    struct uh_err none = UH_ERR_INIT;
    if (!*w->attestation[i].evidence)
      (void)uh_judge_evidence(file, &options, &w->attestation[i], (char *)(uintptr_t)w->attestation[i].evidence, &when,
                              &none);
  }
  assert_int_equal(uh_judge(file, &options, &the_results, &err), 0);
  assert_int_equal(uh_results_checks(the_results, each_check, &seen, &err), 0);
  assert_int_equal(uh_results_statements(the_results, each_statement, &seen, &err), 0);
  seen.verdict = uh_results_head(the_results)->verdict;
  the_results = uh_results_free(the_results);
  unlink(file);
  rmdir(path);
  return seen;
}

#define CHECK(...)            \
  (const struct uh_check[]) { \
    {.id = "soa.mailbox",     \
     .title = "managed",      \
     .severity = UH_BLOCKER,  \
     .purposes = UH_BEFORE,   \
     .requirements = "P-05",  \
     .remedy = "",            \
     .reference = "",         \
     __VA_ARGS__},            \
    {                         \
      0                       \
    }                         \
  }

static void a_violation_counts_whatever_is_missing(void **state) {
  (void)state;
  struct seen s = judge(CHECK(.rules = managed_rules), &(struct world){.violated = true, .mailbox_set = "complete"});
  assert_string_equal(s.status, "fail");
  assert_true(s.complete);
  assert_int_equal(s.verdict, UH_BLOCKED);
  assert_string_equal(s.command, "Set-Mailbox -Identity 'Ada O''Brien'");
  s = judge(CHECK(.rules = managed_rules), &(struct world){.violated = true, .mailbox_set = "partial"});
  assert_string_equal(s.status, "fail");
  assert_false(s.complete);
}

static void no_violation_in_a_complete_set_passes(void **state) {
  (void)state;
  struct seen s = judge(CHECK(.rules = managed_rules), &(struct world){.mailbox_set = "complete"});
  assert_string_equal(s.status, "pass");
  assert_int_equal(s.verdict, UH_READY);
}

static void a_lacking_set_is_unknown(void **state) {
  (void)state;
  static const char *const lacking[][2] = {
      {"partial", "partial"}, {"failed", "failed"}, {"not-configured", "not-configured"}, {NULL, "not-observed"}};
  for (int i = 0; i < 4; i++) {
    struct seen s = judge(CHECK(.rules = managed_rules), &(struct world){.mailbox_set = lacking[i][0]});
    assert_string_equal(s.status, "unknown");
    assert_string_equal(s.set, "cloud:Mailbox");
    assert_string_equal(s.set_state, lacking[i][1]);
    assert_int_equal(s.verdict, UH_UNDETERMINED);
  }
}

static void an_old_set_is_stale(void **state) {
  (void)state;
  struct seen s =
      judge(CHECK(.rules = managed_rules), &(struct world){.mailbox_set = "complete", .observed_at = 2000 - 25 * 3600});
  assert_string_equal(s.status, "unknown");
  assert_string_equal(s.set_state, "stale");
}

static void a_value_not_obtained_is_unknown_and_named(void **state) {
  (void)state;
  for (int answer = UH_REFUSED; answer <= UH_NOT_ASKED; answer++) {
    struct seen s = judge(CHECK(.rules = managed_rules),
                          &(struct world){.managed = (enum uh_answer)answer, .mailbox_set = "complete"});
    assert_string_equal(s.status, "unknown");
    assert_int_equal(s.unknowns, 1);
    assert_string_equal(s.why, "not obtained: is_cloud_managed");
    assert_int_equal(s.verdict, UH_UNDETERMINED);
  }
  /* "There is none" is an answer: a mailbox without the flag is not managed. */
  struct seen s = judge(CHECK(.rules = managed_rules), &(struct world){.managed = UH_NONE, .mailbox_set = "complete"});
  assert_string_equal(s.status, "fail");
}

static void another_source_may_satisfy_what_one_cannot_judge(void **state) {
  (void)state;
  struct seen s = judge(CHECK(.rules = merging_rules),
                        &(struct world){.managed = UH_REFUSED, .satisfied_by_other = true, .mailbox_set = "complete"});
  assert_string_equal(s.status, "pass");
  s = judge(CHECK(.rules = merging_rules),
            &(struct world){.violated = true, .satisfied_by_other = true, .mailbox_set = "complete"});
  assert_string_equal(s.status, "fail");
}

static void one_complete_alternative_is_enough(void **state) {
  (void)state;
  struct seen s =
      judge(CHECK(.rules = either_rules), &(struct world){.mailbox_set = "complete", .recipient_set = "complete"});
  assert_string_equal(s.status, "pass");
  s = judge(CHECK(.rules = either_rules), &(struct world){.mailbox_set = "complete", .recipient_set = "partial"});
  assert_string_equal(s.status, "unknown");
  assert_string_equal(s.set, "cloud:Recipient");
}

static void absence_needs_a_complete_search(void **state) {
  (void)state;
  struct seen s = judge(CHECK(.rules = managed_rules, .absence_needs = "cloud:Recipient"),
                        &(struct world){.violated = true, .mailbox_set = "complete", .recipient_set = "partial"});
  assert_string_equal(s.status, "unknown");
  assert_int_equal(s.findings, 0);
  assert_int_equal(s.unknowns, 1);
  s = judge(CHECK(.rules = managed_rules, .absence_needs = "cloud:Recipient"),
            &(struct world){.violated = true, .mailbox_set = "complete", .recipient_set = "complete"});
  assert_string_equal(s.status, "fail");
}

static void what_never_fails_cannot_judge(void **state) {
  (void)state;
  struct seen s = judge(CHECK(.rules = managed_rules, .never_fails = true),
                        &(struct world){.violated = true, .mailbox_set = "complete", .recipient_set = "complete"});
  assert_string_equal(s.status, "unknown");
  assert_int_equal(s.findings, 0);
  assert_int_equal(s.unknowns, 1);
}

static void a_check_may_not_apply(void **state) {
  (void)state;
  struct seen s = judge(CHECK(.rules = nothing_rules, .applies = "SELECT 0", .applies_needs = "cloud:Mailbox"),
                        &(struct world){.mailbox_set = "complete"});
  assert_string_equal(s.status, "not-applicable");
  s = judge(CHECK(.rules = nothing_rules, .applies = "SELECT 0", .applies_needs = "cloud:Recipient"),
            &(struct world){.mailbox_set = "complete"});
  assert_string_equal(s.status, "unknown");
  /* What it would have looked at plays no part then, unless it cannot be told that it does not apply. */
  s = judge(CHECK(.rules = nothing_rules, .applies = "SELECT 0"), &(struct world){.recipient_set = "complete"});
  assert_string_equal(s.status, "not-applicable");
  s = judge(CHECK(.rules = nothing_rules, .applies = "SELECT 1"), &(struct world){.recipient_set = "complete"});
  assert_string_equal(s.status, "unknown");
  s = judge(CHECK(.rules = nothing_rules, .applies = "SELECT NULL"), &(struct world){.mailbox_set = "complete"});
  assert_string_equal(s.status, "unknown");
}

static void a_blind_spot_never_passes(void **state) {
  (void)state;
  struct seen s = judge(CHECK(.rules = nothing_rules, .blind_spot = "nobody reads the logs"),
                        &(struct world){.mailbox_set = "complete"});
  assert_string_equal(s.status, "unknown");
}

static void a_check_that_breaks_is_unknown(void **state) {
  (void)state;
  struct seen s = judge(CHECK(.rules = broken_rules), &(struct world){.mailbox_set = "complete"});
  assert_string_equal(s.status, "unknown");
  assert_string_equal(s.set, "check:itself");
}

static void a_check_cannot_look_behind_the_views_nor_write(void **state) {
  (void)state;
  struct seen s = judge(CHECK(.rules = behind_rules), &(struct world){.mailbox_set = "complete"});
  assert_string_equal(s.status, "unknown");
  s = judge(CHECK(.run = writes), &(struct world){.mailbox_set = "complete"});
  assert_string_equal(s.status, "pass");
}

static void only_p13_is_shutdown_only(void **state) {
  (void)state;
  struct uh_check checks[] = {{.id = "a.b",
                               .title = "t",
                               .severity = UH_BLOCKER,
                               .purposes = UH_BEFORE,
                               .requirements = "P-13",
                               .rules = managed_rules},
                              {0}};
  assert_int_equal(judge(checks, &(struct world){.violated = true, .mailbox_set = "complete"}).verdict,
                   UH_SHUTDOWN_ONLY);
  struct uh_check two[] = {checks[0],
                           {.id = "a.c",
                            .title = "t",
                            .severity = UH_BLOCKER,
                            .purposes = UH_BEFORE,
                            .requirements = "P-05",
                            .rules = broken_rules},
                           {0}};
  assert_int_equal(judge(two, &(struct world){.violated = true, .mailbox_set = "complete"}).verdict, UH_BLOCKED);
}

/* ---- statements ---- */

static char ada[] = "Ada", nothing[] = "";
#define KEY "soa.mailbox/cloud/00030201-0000-0000-0000-000000000000"
/* Of the mailbox above, with IsExchangeCloudManaged false: printed by `unhybrid waive add`, and by any other SHA-256.
 */
static char mailbox_evidence[] = "sha256:6d4544bdbcfdd18784148b0cc866556ca75eb23905057dd4e29927ff2e78da32";

static struct uh_statement stated(char *subject, char *text, char *evidence) {
  return (struct uh_statement){.line = 2,
                               .subject = subject,
                               .object = nothing,
                               .text = text,
                               .note = nothing,
                               .approver = ada,
                               .evidence = evidence,
                               .from = 2000,
                               .until = 2001};
}

static void a_waived_blocker_is_not_failed(void **state) {
  (void)state;
  char key[] = KEY, why[] = "it may stay";
  struct uh_statement w = stated(key, why, mailbox_evidence);
  struct world world = {.violated = true, .mailbox_set = "complete", .waiver = &w, .waivers = 1};
  struct seen s = judge(CHECK(.rules = managed_rules), &world);
  assert_string_equal(s.stated, "counts ");
  assert_string_equal(s.status, "waived");
  assert_int_equal(s.findings, 1);
  assert_int_equal(s.waived, 1);
  assert_int_equal(s.verdict, UH_READY);
  /* Its first second counts, the one that it ends with does not. */
  w.from = 2001, w.until = 3000;
  s = judge(CHECK(.rules = managed_rules), &world);
  assert_string_equal(s.stated, "future ");
  assert_string_equal(s.status, "fail");
  w.from = 1000, w.until = 2000;
  s = judge(CHECK(.rules = managed_rules), &world);
  assert_string_equal(s.stated, "expired ");
  assert_int_equal(s.verdict, UH_BLOCKED);
  w = stated(key, why, mailbox_evidence);
  world.violated = false; /* solved */
  s = judge(CHECK(.rules = managed_rules), &world);
  assert_string_equal(s.stated, "unmatched ");
  assert_string_equal(s.status, "pass");
}

static int broken(struct uh_check_run *run, struct uh_err *err) {
  return uh_check_exec(run, "SELECT nonsense", err);
}

static void a_waiver_hides_no_unknown(void **state) {
  (void)state;
  char key[] = KEY, why[] = "it may stay";
  struct uh_statement w = stated(key, why, mailbox_evidence);
  struct seen s = judge(CHECK(.rules = managed_rules),
                        &(struct world){.violated = true, .mailbox_set = "partial", .waiver = &w, .waivers = 1});
  assert_string_equal(s.status, "unknown");
  assert_int_equal(s.waived, 1);
  assert_int_equal(s.verdict, UH_UNDETERMINED);
  s = judge(CHECK(.rules = managed_rules, .blind_spot = "nobody reads the logs"),
            &(struct world){.violated = true, .mailbox_set = "complete", .waiver = &w, .waivers = 1});
  assert_string_equal(s.status, "unknown");
  assert_string_equal(s.set, "check:blind-spot");
  s = judge(CHECK(.run = broken, .rules = managed_rules),
            &(struct world){.violated = true, .mailbox_set = "complete", .waiver = &w, .waivers = 1});
  assert_string_equal(s.status, "unknown");
}

static const struct uh_attestable quiet[] = {
    {.fact = "logs.quiet", .question = "Is it quiet?", .how = "Listen.", .values = "yes|no"}, {0}};
static const struct uh_attestable bound[] = {{.fact = "logs.quiet",
                                              .question = "Is it quiet?",
                                              .how = "Listen.",
                                              .values = "yes",
                                              .basis = "SELECT name, is_cloud_managed FROM exchange_recipient",
                                              .basis_needs = "cloud:Mailbox"},
                                             {0}};
static const struct uh_attestable bad_basis[] = {
    {.fact = "logs.quiet", .question = "Is it quiet?", .how = "Listen.", .values = "yes", .basis = "SELECT nonsense"},
    {0}};
static const struct uh_attestable behind[] = {{.fact = "logs.quiet",
                                               .question = "Is it quiet?",
                                               .how = "Listen.",
                                               .values = "yes",
                                               .basis = "SELECT name FROM t_exchange_recipient"},
                                              {0}};
#define BLIND(...) CHECK(.rules = managed_rules, .blind_spot = "nobody reads the logs", .attests = __VA_ARGS__)

static void an_attestation_closes_a_blind_spot_and_nothing_else(void **state) {
  (void)state;
  char fact[] = "logs.quiet", yes[] = "yes", no[] = "no", maybe[] = "maybe", evidence[UH_EVIDENCE_TEXT] = "";
  struct uh_statement a = stated(fact, yes, evidence);
  struct world world = {.mailbox_set = "complete"};
  struct seen s = judge(BLIND(quiet), &world);
  assert_string_equal(s.status, "unknown");
  assert_int_equal(s.attestables, 1);
  world.attestation = &a, world.attestations = 1;
  s = judge(BLIND(quiet), &world);
  assert_string_equal(s.stated, "counts ");
  assert_string_equal(s.status, "pass");
  assert_int_equal(s.attestables, 0);
  world.violated = true;
  s = judge(BLIND(quiet), &world);
  assert_string_equal(s.stated, "contradicted ");
  assert_string_equal(s.status, "fail");
  world.violated = false, world.mailbox_set = "partial";
  s = judge(BLIND(quiet), &world);
  assert_string_equal(s.status, "unknown");
  world.mailbox_set = "complete", world.managed = UH_REFUSED;
  s = judge(BLIND(quiet), &world);
  assert_string_equal(s.status, "unknown");
  world.managed = UH_VALUE;
  a.text = no; /* may be said, and closes nothing */
  s = judge(BLIND(quiet), &world);
  assert_string_equal(s.stated, "counts ");
  assert_string_equal(s.status, "unknown");
  a.text = maybe;
  s = judge(BLIND(quiet), &world);
  assert_string_equal(s.stated, "refused ");
  assert_string_equal(s.status, "unknown");
}

static void an_attestation_is_bound_to_what_there_was(void **state) {
  (void)state;
  char fact[] = "logs.quiet", yes[] = "yes", evidence[UH_EVIDENCE_TEXT] = "";
  struct uh_statement a = stated(fact, yes, evidence);
  struct world world = {.mailbox_set = "complete", .attestation = &a, .attestations = 1};
  struct seen s = judge(BLIND(bound), &world);
  assert_string_equal(s.stated, "counts ");
  s = judge(BLIND(bound), &world); /* another observation of the same */
  assert_string_equal(s.stated, "counts ");
  world.satisfied_by_other = true; /* one row more */
  s = judge(BLIND(bound), &world);
  assert_string_equal(s.stated, "lapsed ");
  assert_string_equal(s.status, "unknown");
  assert_int_equal(s.attestables, 1);
  world.satisfied_by_other = false, world.mailbox_set = "failed";
  s = judge(BLIND(bound), &world);
  assert_string_equal(s.stated, "unverified ");
  world.mailbox_set = "complete", world.observed_at = 2000 - 25 * 3600; /* too long ago to compare with */
  s = judge(BLIND(bound), &world);
  assert_string_equal(s.stated, "unverified ");
}

static void a_basis_that_breaks_settles_nothing(void **state) {
  (void)state;
  char fact[] = "logs.quiet", yes[] = "yes";
  const struct uh_attestable *broken_ones[] = {bad_basis, behind};
  for (int i = 0; i < 2; i++) {
    struct uh_statement a = stated(fact, yes, mailbox_evidence);
    struct seen s =
        judge(BLIND(broken_ones[i]), &(struct world){.mailbox_set = "complete", .attestation = &a, .attestations = 1});
    assert_string_equal(s.stated, "unverified ");
    assert_string_equal(s.status, "unknown");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_waived_blocker_is_not_failed),
      cmocka_unit_test(a_waiver_hides_no_unknown),
      cmocka_unit_test(an_attestation_closes_a_blind_spot_and_nothing_else),
      cmocka_unit_test(an_attestation_is_bound_to_what_there_was),
      cmocka_unit_test(a_basis_that_breaks_settles_nothing),
      cmocka_unit_test(a_violation_counts_whatever_is_missing),
      cmocka_unit_test(no_violation_in_a_complete_set_passes),
      cmocka_unit_test(a_lacking_set_is_unknown),
      cmocka_unit_test(an_old_set_is_stale),
      cmocka_unit_test(a_value_not_obtained_is_unknown_and_named),
      cmocka_unit_test(another_source_may_satisfy_what_one_cannot_judge),
      cmocka_unit_test(one_complete_alternative_is_enough),
      cmocka_unit_test(absence_needs_a_complete_search),
      cmocka_unit_test(what_never_fails_cannot_judge),
      cmocka_unit_test(a_check_may_not_apply),
      cmocka_unit_test(a_blind_spot_never_passes),
      cmocka_unit_test(a_check_that_breaks_is_unknown),
      cmocka_unit_test(a_check_cannot_look_behind_the_views_nor_write),
      cmocka_unit_test(only_p13_is_shutdown_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
