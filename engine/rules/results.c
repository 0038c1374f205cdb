/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/results.h"

#include <sqlite3.h>

#include <unhybrid/text.h>

struct uh_results {
  sqlite3 *db;
  sqlite3_stmt *put_object;
  struct uh_results_head head;
  char *organization, *tenant, *purpose, *facts_path;
};

const char *uh_verdict_name(enum uh_verdict v) {
  static const char *const names[] = {"ready", "blocked", "undetermined", "shutdown-only"};
  return names[v];
}
const char *uh_status_name(enum uh_status s) {
  static const char *const names[] = {"pass", "fail", "unknown", "waived", "not-applicable"};
  return names[s];
}
const char *uh_severity_name(enum uh_severity s) {
  static const char *const names[] = {"info", "warning", "blocker"};
  return names[s];
}
int uh_verdict_exit_code(enum uh_verdict v) {
  return v == UH_READY ? 0 : v == UH_UNDETERMINED ? 2 : 1;
}

static int fail_db(struct uh_results *r, struct uh_err *err) {
  int code = sqlite3_errcode(r->db);
  if (code == SQLITE_NOMEM) return uh_fail_nomem(err);
  if (code == SQLITE_FULL || code == SQLITE_IOERR)
    return uh_fail(err, UH_ERR_CANNOT_WRITE, "no room for the results in the temporary directory: %s",
                   sqlite3_errmsg(r->db));
  return uh_fail(err, UH_ERR_INTERNAL, "results: %s", sqlite3_errmsg(r->db));
}

static int exec(struct uh_results *r, const char *sql, struct uh_err *err) {
  return sqlite3_exec(r->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail_db(r, err);
}

static const char schema[] =
    "PRAGMA journal_mode=OFF; PRAGMA cache_size=-4096; PRAGMA temp_store=FILE;"
    "CREATE TABLE source(id TEXT, state TEXT, detail TEXT, objects, milliseconds, requests, cpu_milliseconds, answer, "
    "error_class);"
    "CREATE TABLE notice(source TEXT, text TEXT);"
    "CREATE TABLE result(idx INTEGER PRIMARY KEY, id TEXT, title TEXT, severity INTEGER, status INTEGER, requirements "
    "TEXT,"
    " remedy TEXT, reference TEXT, complete INTEGER, findings INTEGER, unknowns INTEGER, waived INTEGER);"
    "CREATE TABLE lacking(idx INTEGER, name TEXT, state TEXT, why TEXT, PRIMARY KEY(idx, name)) WITHOUT ROWID;"
    "CREATE TABLE object(idx INTEGER, side TEXT, key TEXT, truth INTEGER, kind TEXT, object TEXT, guid TEXT, message "
    "TEXT,"
    " evidence TEXT, command TEXT, PRIMARY KEY(idx, side, key)) WITHOUT ROWID;"
    "CREATE TABLE statement(kind INTEGER, number INTEGER, file TEXT, line INTEGER, subject TEXT, object TEXT, text TEXT,"
    " note TEXT, approver TEXT, evidence TEXT, \"from\" INTEGER, until INTEGER, check_id TEXT, state TEXT, why TEXT,"
    " counts INTEGER, PRIMARY KEY(kind, number)) WITHOUT ROWID;"
    "CREATE TABLE waived(idx INTEGER, side TEXT, key TEXT, statement INTEGER, PRIMARY KEY(idx, side, key)) WITHOUT ROWID;"
    "CREATE TABLE attestable(idx INTEGER, fact TEXT, object TEXT, question TEXT, how TEXT, \"values\" TEXT, command TEXT);"
    "BEGIN;";

int uh_results_new(struct uh_results **ret_results, struct uh_err *err) {
  struct uh_results *r = calloc(1, sizeof *r);
  if (!r) return uh_fail_nomem(err);
  /* The empty name is a private database that SQLite keeps in memory up to its cache and then in a deleted file. */
  if (sqlite3_open_v2("", &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
          SQLITE_OK ||
      exec(r, schema, err) < 0 ||
      sqlite3_prepare_v2(
          r->db,
          "INSERT INTO object(idx, side, key, truth, kind, object, guid, message, evidence, command)"
          " VALUES(?,?,?,?,?,?,?,?,?,?) ON CONFLICT(idx, side, key) DO UPDATE SET truth = excluded.truth,"
          " kind = excluded.kind, object = excluded.object, guid = excluded.guid, message = excluded.message,"
          " evidence = excluded.evidence, command = excluded.command WHERE excluded.truth < object.truth",
          -1, &r->put_object, NULL) != SQLITE_OK) {
    fail_db(r, err);
    uh_results_free(r);
    return -1;
  }
  *ret_results = r;
  return 0;
}

struct uh_results *uh_results_free(struct uh_results *r) {
  if (!r) return NULL;
  sqlite3_finalize(r->put_object);
  sqlite3_close(r->db);
  free(r->organization);
  free(r->tenant);
  free(r->purpose);
  free(r->facts_path);
  free(r);
  return NULL;
}
void uh_results_freep(struct uh_results **r) {
  *r = uh_results_free(*r);
}

const struct uh_results_head *uh_results_head(const struct uh_results *r) {
  return &r->head;
}

int uh_results_set_head(struct uh_results *r, const char *organization, const char *tenant, const char *purpose,
                        const char *facts_path, int64_t observed_at, int64_t judged_at, bool interrupted,
                        struct uh_err *err) {
  r->organization = strdup(organization);
  r->tenant = strdup(tenant);
  r->purpose = strdup(purpose);
  r->facts_path = strdup(facts_path);
  if (!r->organization || !r->tenant || !r->purpose || !r->facts_path) return uh_fail_nomem(err);
  r->head = (struct uh_results_head){.organization = r->organization,
                                     .tenant = r->tenant,
                                     .purpose = r->purpose,
                                     .facts_path = r->facts_path,
                                     .observed_at = observed_at,
                                     .judged_at = judged_at,
                                     .interrupted = interrupted};
  return 0;
}

/* One statement with text and integer parameters: "t" text, "i" int64. */
static int run(struct uh_results *r, struct uh_err *err, const char *sql, const char *types, ...) {
  sqlite3_stmt *st = NULL;
  va_list ap;
  if (sqlite3_prepare_v2(r->db, sql, -1, &st, NULL) != SQLITE_OK) return fail_db(r, err);
  va_start(ap, types);
  for (int i = 1; *types; types++, i++) {
    if (*types == 't') {
      const char *text = va_arg(ap, const char *);
      sqlite3_bind_text(st, i, text ? text : "", -1, SQLITE_STATIC);
    } else {
      sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
    }
  }
  va_end(ap);
  int rc = sqlite3_step(st);
  int result = rc == SQLITE_DONE ? 0 : fail_db(r, err);
  sqlite3_finalize(st);
  return result;
}

int uh_results_put_source(struct uh_results *r, const struct uh_result_source *s, struct uh_err *err) {
  return run(r, err, "INSERT INTO source VALUES(?,?,?,?,?,?,?,?,?)", "tttiiiiii", s->id, s->state, s->detail,
             s->objects, s->milliseconds, s->requests, s->cpu_milliseconds, (int64_t)s->answer,
             (int64_t)s->error_class);
}

int uh_results_put_notice(struct uh_results *r, const char *source, const char *text, struct uh_err *err) {
  return run(r, err, "INSERT INTO notice VALUES(?,?)", "tt", source, text);
}

int uh_results_put_object(struct uh_results *r, int64_t check_index, const struct uh_object *o, enum uh_truth truth,
                          const char *message, const char *evidence, const char *command, struct uh_err *err) {
  sqlite3_stmt *st = r->put_object;
  sqlite3_bind_int64(st, 1, check_index);
  sqlite3_bind_text(st, 2, o->side, -1, SQLITE_STATIC);
  sqlite3_bind_text(st, 3, o->key, -1, SQLITE_STATIC);
  sqlite3_bind_int(st, 4, (int)truth);
  sqlite3_bind_text(st, 5, o->kind ? o->kind : "", -1, SQLITE_STATIC);
  sqlite3_bind_text(st, 6, o->object ? o->object : "", -1, SQLITE_STATIC);
  sqlite3_bind_text(st, 7, o->guid ? o->guid : "", -1, SQLITE_STATIC);
  sqlite3_bind_text(st, 8, message ? message : "", -1, SQLITE_STATIC);
  sqlite3_bind_text(st, 9, evidence ? evidence : "{}", -1, SQLITE_STATIC);
  sqlite3_bind_text(st, 10, command ? command : "", -1, SQLITE_STATIC);
  int rc = sqlite3_step(st);
  sqlite3_reset(st);
  return rc == SQLITE_DONE ? 0 : fail_db(r, err);
}

int uh_results_put_unknown(struct uh_results *r, int64_t check_index, const char *set, const char *state,
                           const char *why, struct uh_err *err) {
  return run(r, err, "INSERT OR IGNORE INTO lacking VALUES(?,?,?,?)", "ittt", check_index, set, state, why);
}

static int64_t count(struct uh_results *r, const char *sql, int64_t a, int64_t b) {
  sqlite3_stmt *st = NULL;
  int64_t n = -1;
  if (sqlite3_prepare_v2(r->db, sql, -1, &st, NULL) == SQLITE_OK) {
    sqlite3_bind_int64(st, 1, a);
    if (sqlite3_bind_parameter_count(st) > 1) sqlite3_bind_int64(st, 2, b);
    if (sqlite3_step(st) == SQLITE_ROW) n = sqlite3_column_int64(st, 0);
  }
  sqlite3_finalize(st);
  return n;
}

int64_t uh_results_count_objects(struct uh_results *r, int64_t check_index, enum uh_truth truth) {
  return count(r, "SELECT count(*) FROM object WHERE idx = ? AND truth = ?", check_index, truth);
}
int64_t uh_results_count_waived(struct uh_results *r, int64_t check_index) {
  return count(r, "SELECT count(*) FROM waived WHERE idx = ?", check_index, 0);
}
int64_t uh_results_count_lacking(struct uh_results *r, int64_t check_index) {
  return count(r, "SELECT count(*) FROM lacking WHERE idx = ?", check_index, 0);
}

int uh_results_put_check(struct uh_results *r, int64_t index, const char *id, const char *title,
                         enum uh_severity severity, enum uh_status status, const char *requirements, const char *remedy,
                         const char *reference, bool complete, struct uh_err *err) {
  return run(r, err, "INSERT INTO result VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", "ittiitttiiii", index, id, title,
             (int64_t)severity, (int64_t)status, requirements, remedy, reference, (int64_t)complete,
             uh_results_count_objects(r, index, UH_TRUTH_VIOLATED),
             uh_results_count_objects(r, index, UH_TRUTH_UNJUDGED), uh_results_count_waived(r, index));
}

int uh_results_conclude(struct uh_results *r, struct uh_err *err) {
  if (exec(r, "COMMIT", err) < 0) return -1;
  for (int s = 0; s < 5; s++) r->head.count[s] = count(r, "SELECT count(*) FROM result WHERE status = ?", s, 0);
  int64_t failed = count(r, "SELECT count(*) FROM result WHERE severity = ? AND status = ?", UH_BLOCKER, UH_FAIL);
  int64_t unknown = count(r, "SELECT count(*) FROM result WHERE severity = ? AND status = ?", UH_BLOCKER, UH_UNKNOWN);
  int64_t other = count(r, "SELECT count(*) FROM result WHERE severity = ? AND status = ? AND requirements <> 'P-13'",
                        UH_BLOCKER, UH_FAIL);
  if (failed < 0 || unknown < 0 || other < 0) return fail_db(r, err);
  r->head.verdict = failed && other == 0 && unknown == 0 ? UH_SHUTDOWN_ONLY
                    : failed                             ? UH_BLOCKED
                    : unknown                            ? UH_UNDETERMINED
                                                         : UH_READY;
  return 0;
}

/* ---- iteration ---- */

struct cursor {
  sqlite3_stmt *st;
};

static int open_cursor(struct uh_results *r, const char *sql, int64_t a, int64_t b, struct cursor *c,
                       struct uh_err *err) {
  if (sqlite3_prepare_v2(r->db, sql, -1, &c->st, NULL) != SQLITE_OK) return fail_db(r, err);
  int n = sqlite3_bind_parameter_count(c->st);
  if (n > 0) sqlite3_bind_int64(c->st, 1, a);
  if (n > 1) sqlite3_bind_int64(c->st, 2, b);
  return 0;
}
static void close_cursor(struct cursor *c) {
  sqlite3_finalize(c->st);
}
static const char *text(struct cursor *c, int i) {
  const char *s = (const char *)sqlite3_column_text(c->st, i);
  return s ? s : "";
}
static int64_t number(struct cursor *c, int i) {
  return sqlite3_column_int64(c->st, i);
}

/* 1 a row, 0 the end, -1 failed. */
static int next(struct uh_results *r, struct cursor *c, struct uh_err *err) {
  int rc = sqlite3_step(c->st);
  return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : fail_db(r, err);
}

int uh_results_sources(struct uh_results *r, int (*each)(void *, const struct uh_result_source *), void *user,
                       struct uh_err *err) {
  UH_CLEANUP(close_cursor) struct cursor c = {0};
  int rc;
  if (open_cursor(r, "SELECT * FROM source ORDER BY rowid", 0, 0, &c, err) < 0) return -1;
  while ((rc = next(r, &c, err)) > 0) {
    struct uh_result_source s = {.id = text(&c, 0),
                                 .state = text(&c, 1),
                                 .detail = text(&c, 2),
                                 .objects = number(&c, 3),
                                 .milliseconds = number(&c, 4),
                                 .requests = number(&c, 5),
                                 .cpu_milliseconds = number(&c, 6),
                                 .answer = (int)number(&c, 7),
                                 .error_class = (int)number(&c, 8)};
    if (each(user, &s) < 0) return -1;
  }
  return rc;
}

int uh_results_notices(struct uh_results *r, int (*each)(void *, const char *, const char *), void *user,
                       struct uh_err *err) {
  UH_CLEANUP(close_cursor) struct cursor c = {0};
  int rc;
  if (open_cursor(r, "SELECT source, text FROM notice ORDER BY source, text", 0, 0, &c, err) < 0) return -1;
  while ((rc = next(r, &c, err)) > 0)
    if (each(user, text(&c, 0), text(&c, 1)) < 0) return -1;
  return rc;
}

int uh_results_checks(struct uh_results *r, int (*each)(void *, const struct uh_result_check *), void *user,
                      struct uh_err *err) {
  UH_CLEANUP(close_cursor) struct cursor c = {0};
  int rc;
  if (open_cursor(
          r,
          "SELECT idx, id, CASE instr(id, '.') WHEN 0 THEN id ELSE substr(id, 1, instr(id, '.') - 1) END, "
          "title, severity,"
          " status, requirements, remedy, reference, findings, unknowns, complete, waived FROM result ORDER BY idx",
          0, 0, &c, err) < 0)
    return -1;
  while ((rc = next(r, &c, err)) > 0) {
    struct uh_result_check check = {.index = number(&c, 0),
                                    .id = text(&c, 1),
                                    .family = text(&c, 2),
                                    .title = text(&c, 3),
                                    .severity = uh_severity_name((enum uh_severity)number(&c, 4)),
                                    .status = uh_status_name((enum uh_status)number(&c, 5)),
                                    .requirements = text(&c, 6),
                                    .remedy = text(&c, 7),
                                    .reference = text(&c, 8),
                                    .findings = number(&c, 9),
                                    .unknowns = number(&c, 10),
                                    .complete = number(&c, 11) != 0,
                                    .waived = number(&c, 12)};
    if (each(user, &check) < 0) return -1;
  }
  return rc;
}

int uh_results_findings(struct uh_results *r, int64_t check_index, int64_t limit,
                        int (*each)(void *, const struct uh_result_finding *), void *user, struct uh_err *err) {
  UH_CLEANUP(close_cursor) struct cursor c = {0};
  int rc;
  if (open_cursor(r,
                  "SELECT (SELECT id FROM result WHERE result.idx = object.idx) || '/' || side || '/' || key, side, "
                  "object.kind, object.object, message, object.evidence, command, guid, approver, text, until"
                  " FROM object LEFT JOIN waived USING (idx, side, key)"
                  " LEFT JOIN statement ON statement.kind = 0 AND number = waived.statement"
                  " WHERE idx = ?1 AND truth = 1 ORDER BY side, key LIMIT ?2",
                  check_index, limit > 0 ? limit : -1, &c, err) < 0)
    return -1;
  while ((rc = next(r, &c, err)) > 0) {
    struct uh_result_finding f = {.key = text(&c, 0),
                                  .side = text(&c, 1),
                                  .kind = text(&c, 2),
                                  .object = text(&c, 3),
                                  .message = text(&c, 4),
                                  .evidence_json = text(&c, 5),
                                  .command = text(&c, 6),
                                  .guid = text(&c, 7),
                                  .waived_by = text(&c, 8),
                                  .waived_for = text(&c, 9),
                                  .waived_until = number(&c, 10)};
    if (each(user, &f) < 0) return -1;
  }
  return rc;
}

int uh_results_commands(struct uh_results *r, int64_t check_index, int64_t limit, int (*each)(void *, const char *),
                        void *user, struct uh_err *err) {
  UH_CLEANUP(close_cursor) struct cursor c = {0};
  int rc;
  if (open_cursor(r,
                  "SELECT command, min(place) FROM (SELECT command, waived.statement IS NULL AS open,"
                  "  row_number() OVER (ORDER BY side, key) AS place"
                  "  FROM object LEFT JOIN waived USING (idx, side, key)"
                  "  WHERE idx = ?1 AND truth = 1 ORDER BY side, key LIMIT ?2)"
                  " WHERE command <> '' AND open GROUP BY command ORDER BY 2",
                  check_index, limit > 0 ? limit : -1, &c, err) < 0)
    return -1;
  while ((rc = next(r, &c, err)) > 0)
    if (each(user, text(&c, 0)) < 0) return -1;
  return rc;
}

int uh_results_unknowns(struct uh_results *r, int64_t check_index,
                        int (*each)(void *, const struct uh_result_unknown *), void *user, struct uh_err *err) {
  UH_CLEANUP(close_cursor) struct cursor c = {0};
  int rc;
  if (open_cursor(
          r,
          "SELECT name, state, why, 0 FROM lacking WHERE idx = ?1 UNION ALL"
          " SELECT side || ':' || kind, 'unjudged', min(message), count(*) FROM object WHERE idx = ?1 AND truth = 3"
          " GROUP BY side, kind",
          check_index, 0, &c, err) < 0)
    return -1;
  while ((rc = next(r, &c, err)) > 0) {
    struct uh_result_unknown u = {
        .set = text(&c, 0), .state = text(&c, 1), .why = text(&c, 2), .objects = number(&c, 3)};
    if (each(user, &u) < 0) return -1;
  }
  return rc;
}

int uh_results_unjudged(struct uh_results *r, int64_t check_index, int64_t limit,
                        int (*each)(void *, const struct uh_result_object *), void *user, struct uh_err *err) {
  UH_CLEANUP(close_cursor) struct cursor c = {0};
  int rc;
  if (open_cursor(r,
                  "SELECT key, side, kind, object, message FROM object WHERE idx = ?1 AND truth = 3 ORDER BY side, key "
                  "LIMIT ?2",
                  check_index, limit > 0 ? limit : -1, &c, err) < 0)
    return -1;
  while ((rc = next(r, &c, err)) > 0) {
    struct uh_result_object o = {
        .key = text(&c, 0), .side = text(&c, 1), .kind = text(&c, 2), .object = text(&c, 3), .why = text(&c, 4)};
    if (each(user, &o) < 0) return -1;
  }
  return rc;
}

/* ---- statements of persons ---- */

int uh_results_waive(struct uh_results *r, int64_t check_index, const char *side, const char *key, int64_t statement,
                     struct uh_err *err) {
  return run(r, err, "INSERT INTO waived VALUES(?,?,?,?)", "itti", check_index, side, key, statement);
}

int uh_results_put_statement(struct uh_results *r, int64_t number, const struct uh_result_statement *s,
                             struct uh_err *err) {
  return run(r, err, "INSERT INTO statement VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
             "iititttttt"
             "iittti",
             (int64_t)s->kind, number, s->file, s->line, s->subject, s->object, s->text, s->note, s->approver,
             s->evidence, s->from, s->until, s->check, s->state, s->why, (int64_t)s->counts);
}

int uh_results_put_attestable(struct uh_results *r, int64_t check_index, const struct uh_result_attestable *a,
                              struct uh_err *err) {
  return run(r, err, "INSERT INTO attestable VALUES(?,?,?,?,?,?,?)", "itttttt", check_index, a->fact, a->object,
             a->question, a->how, a->values, a->command);
}

int uh_results_object_evidence(struct uh_results *r, int64_t check_index, const char *side, const char *key,
                               char **ret_json, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  if (sqlite3_prepare_v2(r->db, "SELECT evidence FROM object WHERE idx = ? AND side = ? AND key = ? AND truth = 1", -1,
                         &st, NULL) != SQLITE_OK)
    return fail_db(r, err);
  sqlite3_bind_int64(st, 1, check_index);
  sqlite3_bind_text(st, 2, side, -1, SQLITE_STATIC);
  sqlite3_bind_text(st, 3, key, -1, SQLITE_STATIC);
  int rc = sqlite3_step(st);
  int result = rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : fail_db(r, err);
  if (result == 1 && !(*ret_json = strdup((const char *)sqlite3_column_text(st, 0)))) result = uh_fail_nomem(err);
  sqlite3_finalize(st);
  return result;
}

int64_t uh_results_index(struct uh_results *r, const char *check) {
  sqlite3_stmt *st = NULL;
  int64_t index = -1;
  if (sqlite3_prepare_v2(r->db, "SELECT idx FROM result WHERE id = ?", -1, &st, NULL) == SQLITE_OK) {
    sqlite3_bind_text(st, 1, check, -1, SQLITE_STATIC);
    if (sqlite3_step(st) == SQLITE_ROW) index = sqlite3_column_int64(st, 0);
  }
  sqlite3_finalize(st);
  return index;
}

int uh_results_statements(struct uh_results *r, int (*each)(void *, const struct uh_result_statement *), void *user,
                          struct uh_err *err) {
  UH_CLEANUP(close_cursor) struct cursor c = {0};
  int rc;
  if (open_cursor(r,
                  "SELECT kind, file, subject, object, text, note, approver, evidence, check_id, state, why, line,"
                  " \"from\", until, counts FROM statement ORDER BY counts, kind, number",
                  0, 0, &c, err) < 0)
    return -1;
  while ((rc = next(r, &c, err)) > 0) {
    struct uh_result_statement s = {.kind = (enum uh_statement_kind)number(&c, 0),
                                    .file = text(&c, 1),
                                    .subject = text(&c, 2),
                                    .object = text(&c, 3),
                                    .text = text(&c, 4),
                                    .note = text(&c, 5),
                                    .approver = text(&c, 6),
                                    .evidence = text(&c, 7),
                                    .check = text(&c, 8),
                                    .state = text(&c, 9),
                                    .why = text(&c, 10),
                                    .line = number(&c, 11),
                                    .from = number(&c, 12),
                                    .until = number(&c, 13),
                                    .counts = number(&c, 14) != 0};
    if (each(user, &s) < 0) return -1;
  }
  return rc;
}

int uh_results_attestables(struct uh_results *r, int64_t check_index,
                           int (*each)(void *, const struct uh_result_attestable *), void *user, struct uh_err *err) {
  UH_CLEANUP(close_cursor) struct cursor c = {0};
  int rc;
  if (open_cursor(
          r, "SELECT fact, object, question, how, \"values\", command FROM attestable WHERE idx = ? ORDER BY rowid",
          check_index, 0, &c, err) < 0)
    return -1;
  while ((rc = next(r, &c, err)) > 0) {
    struct uh_result_attestable a = {.fact = text(&c, 0),
                                     .object = text(&c, 1),
                                     .question = text(&c, 2),
                                     .how = text(&c, 3),
                                     .values = text(&c, 4),
                                     .command = text(&c, 5)};
    if (each(user, &a) < 0) return -1;
  }
  return rc;
}
