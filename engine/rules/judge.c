/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging: facts in, results out. A check's statements see the facts through views, may make temporary tables, and can
 * change nothing else. A check that breaks is unknown, never a pass, and never takes the others with it.
 */
#include <strings.h>

#include <jansson.h>
#include <sqlite3.h>

#include <unhybrid/text.h>

#include "case/facts.h"
#include "rules/judging.h"
#include "rules/shared.h"

int64_t uh_check_now(const struct uh_check_run *run) {
  return run->judge->now;
}
int64_t uh_check_fresh_for(const struct uh_check_run *run) {
  return run->judge->fresh_for;
}

/* ---- sets ---- */

struct lacking {
  struct uh_check_run *run;
  bool any;
  char why[512];
};

static int report_lacking(void *user, const char *set, const char *state, const char *why, struct uh_err *err) {
  struct lacking *l = user;
  if (!l->any) uh_print(l->why, sizeof l->why, "%s is %s", set, state);
  l->any = true;
  return uh_results_put_unknown(l->run->judge->results, l->run->index, set, state, why, err);
}

static int check_needs(struct uh_check_run *run, const char *needs, struct lacking *l, struct uh_err *err) {
  l->run = run;
  return uh_sets_lacking(run->judge, needs, report_lacking, l, err);
}

int uh_check_need(struct uh_check_run *run, const char *needs, struct uh_err *err) {
  struct lacking l = {0};
  return check_needs(run, needs, &l, err);
}

int uh_set_lacking(struct uh_check_run *run, const char *set, const char *state, struct uh_err *err,
                   const char *why_fmt, ...) {
  char why[512];
  va_list ap;
  va_start(ap, why_fmt);
  uh_vprint(why, sizeof why, why_fmt, ap);
  va_end(ap);
  return uh_results_put_unknown(run->judge->results, run->index, set, state, why, err);
}

/* ---- objects ---- */

static int put(struct uh_check_run *run, const struct uh_object *o, enum uh_truth truth, const char *message,
               const char *evidence, const char *command, struct uh_err *err) {
  char why[600];
  if (truth == UH_TRUTH_VIOLATED && run->absence_lacking) {
    uh_print(why, sizeof why, "not found in what was searched, but %s", run->absence_why);
    return uh_results_put_object(run->judge->results, run->index, o, UH_TRUTH_UNJUDGED, why, evidence, NULL, err);
  }
  if (truth == UH_TRUTH_VIOLATED && run->check->never_fails) truth = UH_TRUTH_UNJUDGED;
  return uh_results_put_object(run->judge->results, run->index, o, truth, message, evidence, command, err);
}

int uh_violated(struct uh_check_run *run, const struct uh_object *object, const char *evidence_json,
                const char *command, struct uh_err *err, const char *message_fmt, ...) {
  char *message = NULL;
  va_list ap;
  va_start(ap, message_fmt);
  int n = vasprintf(&message, message_fmt, ap);
  va_end(ap);
  if (n < 0) return uh_fail_nomem(err);
  int rc = put(run, object, UH_TRUTH_VIOLATED, message, evidence_json, command, err);
  free(message);
  return rc;
}

int uh_cannot_judge(struct uh_check_run *run, const struct uh_object *object, struct uh_err *err, const char *why_fmt,
                    ...) {
  char *why = NULL;
  va_list ap;
  va_start(ap, why_fmt);
  int n = vasprintf(&why, why_fmt, ap);
  va_end(ap);
  if (n < 0) return uh_fail_nomem(err);
  int rc = put(run, object, UH_TRUTH_UNJUDGED, why, NULL, NULL, err);
  free(why);
  return rc;
}

int uh_satisfied(struct uh_check_run *run, const struct uh_object *object, struct uh_err *err) {
  return put(run, object, UH_TRUTH_SATISFIED, NULL, NULL, NULL, err);
}

/* ---- rules: SQL ---- */

enum column { C_VIOLATED, C_KEY, C_KIND, C_OBJECT, C_MESSAGE, C_EVIDENCE, C_COMMAND, C_GUID, C_SIDE, C_MAX };
static const char *const column_names[C_MAX] = {"violated", "key",     "kind", "object", "message",
                                                "evidence", "command", "guid", "side"};

static int find_columns(sqlite3_stmt *st, int columns[C_MAX], struct uh_err *err) {
  for (int c = 0; c < C_MAX; c++) {
    columns[c] = -1;
    for (int i = 0; i < sqlite3_column_count(st); i++)
      if (strcasecmp(sqlite3_column_name(st, i), column_names[c]) == 0) columns[c] = i;
    if (columns[c] < 0 && c <= C_EVIDENCE)
      return uh_fail(err, UH_ERR_INTERNAL, "the rule gives no column \"%s\"", column_names[c]);
  }
  return 0;
}

static const char *column_text(sqlite3_stmt *st, const int columns[C_MAX], enum column c) {
  return columns[c] < 0 ? NULL : (const char *)sqlite3_column_text(st, columns[c]);
}

/* "not obtained: RecipientTypeDetails, homeMDB": the values that the rule read and nobody had, from its evidence. */
static void describe_missing(const char *evidence, char *out, size_t size) {
  json_t *e = evidence ? json_loads(evidence, 0, NULL) : NULL;
  const char *key;
  json_t *v;
  size_t at = 0;
  (void)snprintf(out, size, "a value that this check reads was not obtained");
  json_object_foreach(e, key, v) {
    /* The first reason is told, however long it is. */
    if (!json_is_null(v) || (at && at + strlen(key) + 24 >= size)) continue;
    at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "not obtained: ", key);
    if (at >= size) break;
  }
  json_decref(e);
}

static int take_row(struct uh_check_run *run, const struct uh_rule *rule, sqlite3_stmt *st, const int columns[C_MAX],
                    struct uh_err *err) {
  const char *side = column_text(st, columns, C_SIDE);
  struct uh_object o = {.side = side ? side : rule->side,
                        .key = column_text(st, columns, C_KEY),
                        .kind = column_text(st, columns, C_KIND),
                        .object = column_text(st, columns, C_OBJECT),
                        .guid = column_text(st, columns, C_GUID)};
  const char *message = column_text(st, columns, C_MESSAGE), *evidence = column_text(st, columns, C_EVIDENCE);
  /* An object that has lost its key still is an object: it must not vanish. */
  if (!o.key || !*o.key) o.key = o.object && *o.object ? o.object : "(no key)";
  if (sqlite3_column_type(st, columns[C_VIOLATED]) == SQLITE_NULL) {
    char why[1000];
    describe_missing(evidence, why, sizeof why);
    return put(run, &o, UH_TRUTH_UNJUDGED, why, evidence, NULL, err);
  }
  if (sqlite3_column_int(st, columns[C_VIOLATED]) == 0) return put(run, &o, UH_TRUTH_SATISFIED, NULL, NULL, NULL, err);
  return put(run, &o, UH_TRUTH_VIOLATED, message && *message ? message : run->check->title, evidence,
             column_text(st, columns, C_COMMAND), err);
}

static int run_rule(struct uh_check_run *run, const struct uh_rule *rule, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  int columns[C_MAX], rc = SQLITE_DONE, result = 0;
  if (uh_judge_prepare(run->judge, rule->sql, &st, err) < 0) return -1;
  if (find_columns(st, columns, err) < 0) {
    sqlite3_finalize(st);
    return -1;
  }
  while (result == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) result = take_row(run, rule, st, columns, err);
  if (result == 0 && rc != SQLITE_DONE)
    result = uh_fail(err, UH_ERR_INTERNAL, "SQL: %s", sqlite3_errmsg(run->judge->db));
  sqlite3_finalize(st);
  return result;
}

/* ---- one check ---- */

/* 1 applies, 0 does not, -1 cannot be told (written down as lacking), -2 failed. */
static int applies(struct uh_check_run *run, struct uh_err *err) {
  const struct uh_check *check = run->check;
  if (!check->applies) return 1;
  sqlite3_stmt *st = NULL;
  struct lacking l = {0};
  if (check_needs(run, check->applies_needs, &l, err) < 0) return -2;
  if (uh_judge_prepare(run->judge, check->applies, &st, err) < 0) return -2;
  int rc = sqlite3_step(st);
  int result = rc == SQLITE_DONE                           ? 0
               : rc != SQLITE_ROW                          ? -2
               : sqlite3_column_type(st, 0) == SQLITE_NULL ? -1
                                                           : sqlite3_column_int(st, 0) != 0;
  if (result == -2) uh_fail(err, UH_ERR_INTERNAL, "SQL: %s", sqlite3_errmsg(run->judge->db));
  sqlite3_finalize(st);
  if (result == -1 &&
      uh_set_lacking(run, "check:applies", "unjudged", err, "whether this check applies could not be told") < 0)
    return -2;
  /* "There is none of it" counts only where all of it was looked at. */
  return result == 0 && l.any ? -1 : result;
}

static bool reads_known(const struct uh_check *check) {
  bool reads = uh_shared_reads_known(check->applies);
  for (const struct uh_rule *rule = check->rules; !reads && rule && rule->sql; rule++)
    reads = uh_shared_reads_known(rule->sql);
  return reads;
}

/* What the journal would tell may be otherwise than what is seen. */
static int need_known(struct uh_check_run *run, struct uh_err *err) {
  const char *why = run->judge->options->known_lacking;
  if (!why || !reads_known(run->check)) return 0;
  return uh_set_lacking(run, "check:journal", "failed", err, "what the journal of the case tells is not known: %s",
                        why);
}

static int run_check(struct uh_check_run *run, int *ret_applies, struct uh_err *err) {
  const struct uh_check *check = run->check;
  struct lacking absence = {0};
  if (need_known(run, err) < 0) return -1;
  if (check->absence_needs) {
    if (check_needs(run, check->absence_needs, &absence, err) < 0) return -1;
    run->absence_lacking = absence.any;
    uh_print(run->absence_why, sizeof run->absence_why, "%s", absence.why);
  }
  for (const struct uh_rule *rule = check->rules; rule && rule->sql; rule++) {
    struct lacking l = {0};
    if (run_rule(run, rule, err) < 0 || check_needs(run, rule->needs, &l, err) < 0) return -1;
  }
  if (check->run && check->run(run, err) < 0) return -1;
  *ret_applies = applies(run, err);
  return *ret_applies == -2 ? -1 : 0;
}

static void drop_temporary_tables(struct judge *j) {
  char *names[64];
  int n = 0;
  sqlite3_stmt *st = NULL;
  if (sqlite3_prepare_v2(j->db,
                         "SELECT name FROM sqlite_temp_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                         " AND name NOT LIKE '" UH_SHARED "%'",
                         -1, &st, NULL) == SQLITE_OK)
    while (n < 64 && sqlite3_step(st) == SQLITE_ROW) {
      names[n] = strdup((const char *)sqlite3_column_text(st, 0));
      if (names[n]) n++;
    }
  sqlite3_finalize(st);
  for (int i = 0; i < n; i++) {
    char *sql = sqlite3_mprintf("DROP TABLE temp.\"%w\"", names[i]);
    if (sql) sqlite3_exec(j->db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    free(names[i]);
  }
}

struct counts {
  int64_t violated, waived, unjudged, lacking;
};

static int count(struct judge *j, int64_t index, struct counts *n, struct uh_err *err) {
  n->violated = uh_results_count_objects(j->results, index, UH_TRUTH_VIOLATED);
  n->waived = uh_results_count_waived(j->results, index);
  n->unjudged = uh_results_count_objects(j->results, index, UH_TRUTH_UNJUDGED);
  n->lacking = uh_results_count_lacking(j->results, index);
  return n->violated < 0 || n->waived < 0 || n->unjudged < 0 || n->lacking < 0
             ? uh_fail(err, UH_ERR_INTERNAL, "results cannot be counted")
             : 0;
}

/* What the objects say. A waiver takes a violation away and nothing else: what is unknown stays so. */
static enum uh_status status_of(const struct counts *n, int does_apply) {
  if (n->violated > n->waived) return UH_FAIL;
  /* What does not apply needs no set but those that say so, and applies() has looked at them. */
  if (n->unjudged > 0 || (n->lacking > 0 && does_apply != 0)) return UH_UNKNOWN;
  if (n->waived > 0) return UH_WAIVED;
  return does_apply == 0 ? UH_NOT_APPLICABLE : UH_PASS;
}

static int judge_check(struct judge *j, const struct uh_check *check, int64_t index, struct uh_err *err) {
  struct uh_check_run run = {.judge = j, .check = check, .index = index};
  struct uh_err own = UH_ERR_INIT;
  struct counts n;
  int does_apply = 1;
  if (run_check(&run, &does_apply, &own) < 0) {
    /* A check that breaks says so and is unknown; the others go on. */
    if (own.cls != UH_ERR_INTERNAL) {
      if (err) *err = own;
      return -1;
    }
    if (uh_results_put_unknown(j->results, index, "check:itself", "failed", own.what, err) < 0) return -1;
  }
  drop_temporary_tables(j);
  if (uh_waivers_apply(j, check, index, err) < 0 || count(j, index, &n, err) < 0) return -1;
  if (n.violated > 0) uh_attestation_contradict(j, check);
  enum uh_status status = status_of(&n, does_apply);
  bool blind = (status == UH_PASS || status == UH_WAIVED) && check->blind_spot && !uh_attested(j, check->attests);
  if (blind) {
    status = UH_UNKNOWN;
    n.lacking = 1;
    if (uh_results_put_unknown(j->results, index, "check:blind-spot", "not-observed", check->blind_spot, err) < 0)
      return -1;
  }
  if (status == UH_UNKNOWN && uh_attestables_tell(j, check, index, blind, err) < 0) return -1;
  return uh_results_put_check(j->results, index, check->id, check->title, check->severity, status, check->requirements,
                              check->remedy, check->reference, n.unjudged == 0 && n.lacking == 0, err);
}

/* ---- all of them ---- */

static bool in_list(const char *const *list, const char *id) {
  for (; list && *list; list++)
    if (strcmp(*list, id) == 0) return true;
  return false;
}

/* Results that stand for what was not judged, so that no verdict forgets it. */
static int put_absent(struct judge *j, int64_t index, const char *id, const char *title, const char *requirements,
                      const char *set, const char *why, const char *remedy, const char *reference, struct uh_err *err) {
  if (uh_results_put_unknown(j->results, index, set, "not-observed", why, err) < 0) return -1;
  return uh_results_put_check(j->results, index, id, title, UH_BLOCKER, UH_UNKNOWN, requirements, remedy, reference,
                              false, err);
}

static int judge_all(struct judge *j, struct uh_err *err) {
  const struct uh_judge_options *o = j->options;
  const bool gate = o->purpose == UH_GATE;
  /* A step names the checks that it needs: those are judged whatever audit they belong to, and leave nothing out. */
  const unsigned purposes = gate && o->only ? UH_BEFORE | UH_AFTER | UH_GATE | UH_SETUP
                            : gate          ? UH_BEFORE | UH_GATE
                                            : (unsigned)o->purpose;
  int64_t index = 0;
  bool left_out = false;
  const struct uh_check *check;
  for (size_t i = 0; (check = uh_check_at(i)) != NULL; i++) {
    if (!(check->purposes & purposes)) continue;
    if ((o->only && !in_list(o->only, check->id)) || in_list(o->skip, check->id)) {
      left_out = left_out || (check->severity == UH_BLOCKER && !gate);
      continue;
    }
    if (judge_check(j, check, index++, err) < 0) return -1;
  }
  if (left_out && put_absent(j, index++, "selection.left-out", "Every blocker was judged", "P-30", "check:selection",
                             "blockers were left out with --only or --skip", "Run the audit without --only and --skip.",
                             "", err) < 0)
    return -1;
  if (o->only || !(purposes & UH_BEFORE)) return 0;
  for (size_t i = 0; i < uh_requirement_count(); i++) {
    const struct uh_requirement *r = uh_requirement_at(i);
    char id[32];
    if (r->severity != UH_BLOCKER || uh_requirement_examined(r->id)) continue;
    (void)snprintf(id, sizeof id, "requirement.%s", r->id);
    if (in_list(o->skip, id)) continue;
    if (put_absent(j, index++, id, r->title, r->id, "check:none", "no check of this version examines this requirement",
                   "Make sure of it by hand, with the guide.", r->reference, err) < 0)
      return -1;
  }
  return 0;
}

static int copy_sources(struct judge *j, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(
      j->db,
      "SELECT id, state, detail, objects, milliseconds, requests, cpu_milliseconds, answer, error_class"
      " FROM t_source ORDER BY fact",
      -1, &st, NULL);
  int result = rc == SQLITE_OK ? 0 : uh_fail(err, UH_ERR_DATA, "cannot read the facts: %s", sqlite3_errmsg(j->db));
  while (result == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    struct uh_result_source s = {.id = (const char *)sqlite3_column_text(st, 0),
                                 .state = (const char *)sqlite3_column_text(st, 1),
                                 .detail = (const char *)sqlite3_column_text(st, 2),
                                 .objects = sqlite3_column_int64(st, 3),
                                 .milliseconds = sqlite3_column_int64(st, 4),
                                 .requests = sqlite3_column_int64(st, 5),
                                 .cpu_milliseconds = sqlite3_column_int64(st, 6),
                                 .answer = sqlite3_column_int(st, 7),
                                 .error_class = sqlite3_column_int(st, 8)};
    result = uh_results_put_source(j->results, &s, err);
  }
  if (result == 0 && rc != SQLITE_DONE)
    result = uh_fail(err, UH_ERR_DATA, "cannot read the facts: %s", sqlite3_errmsg(j->db));
  sqlite3_finalize(st);
  if (result < 0) return -1;
  if (sqlite3_prepare_v2(j->db, "SELECT source, text FROM t_notice", -1, &st, NULL) != SQLITE_OK)
    return uh_fail(err, UH_ERR_DATA, "cannot read the facts: %s", sqlite3_errmsg(j->db));
  while (result == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW)
    result = uh_results_put_notice(j->results, (const char *)sqlite3_column_text(st, 0),
                                   (const char *)sqlite3_column_text(st, 1), err);
  if (result == 0 && rc != SQLITE_DONE)
    result = uh_fail(err, UH_ERR_DATA, "cannot read the facts: %s", sqlite3_errmsg(j->db));
  sqlite3_finalize(st);
  return result;
}

static int read_head(struct judge *j, const char *facts_path, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  if (sqlite3_prepare_v2(j->db, "SELECT organization, tenant, started_at, ended_at, interrupted FROM t_observation", -1,
                         &st, NULL) != SQLITE_OK ||
      sqlite3_step(st) != SQLITE_ROW) {
    sqlite3_finalize(st);
    uh_fail(err, UH_ERR_DATA, "the facts say nothing of the observation they come from");
    uh_err_where(err, "%s", facts_path);
    return -1;
  }
  int64_t started = sqlite3_column_int64(st, 2), ended = sqlite3_column_int64(st, 3);
  int64_t observed = ended ? ended : started;
  j->now = j->options->now ? j->options->now : observed;
  const char *purpose = j->options->purpose == UH_GATE ? "gate" : j->options->purpose == UH_AFTER ? "after" : "before";
  int rc = uh_results_set_head(j->results, (const char *)sqlite3_column_text(st, 0),
                               (const char *)sqlite3_column_text(st, 1), purpose, facts_path, observed, j->now,
                               ended == 0 || sqlite3_column_int(st, 4) != 0, err);
  sqlite3_finalize(st);
  return rc;
}

/* Opens the facts and reads what they say of themselves. */
static int begin(struct judge *j, const char *facts_path, struct uh_err *err) {
  if (uh_facts_open(facts_path, &j->db, err) < 0) return -1;
  /* SQLite makes these table-valued functions known at their first use, by a statement that the authorizer refuses. */
  sqlite3_exec(j->db, "SELECT 1 FROM json_each('[]'), json_tree('[]')", NULL, NULL, NULL);
  if (uh_results_new(&j->results, err) < 0 || uh_shared_attestations(j->db, err) < 0 ||
      uh_shared_known(j->db, j->options->known, err) < 0)
    return -1;
  return read_head(j, facts_path, err);
}

static void end(struct judge *j) {
  (void)uh_results_free(j->results);
  sqlite3_close(j->db);
  uh_worth_free(j);
}

#define JUDGE(o) \
  { .options = (o), .fresh_for = (o)->fresh_for ? (o)->fresh_for : UH_FRESH_FOR_DEFAULT }

int uh_judge(const char *facts_path, const struct uh_judge_options *options, struct uh_results **ret_results,
             struct uh_err *err) {
  UH_CLEANUP(end) struct judge j = JUDGE(options);
  if (begin(&j, facts_path, err) < 0 || copy_sources(&j, err) < 0 || uh_attestations_judge(&j, err) < 0 ||
      judge_all(&j, err) < 0 || uh_statements_tell(&j, err) < 0 || uh_results_conclude(j.results, err) < 0)
    return -1;
  *ret_results = UH_TAKE(j.results);
  return 0;
}

int uh_judge_evidence(const char *facts_path, const struct uh_judge_options *options, const struct uh_statement *what,
                      char ret_evidence[UH_EVIDENCE_TEXT], int64_t *ret_observed_at, struct uh_err *err) {
  UH_CLEANUP(end) struct judge j = JUDGE(options);
  if (begin(&j, facts_path, err) < 0 || uh_attestation_evidence(&j, what, ret_evidence, err) < 0) return -1;
  *ret_observed_at = uh_results_head(j.results)->observed_at;
  return 0;
}
