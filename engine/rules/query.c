/* SPDX-License-Identifier: Apache-2.0 */
/* What checks and steps may read of the facts, and how: through views, by statements that change nothing else. */
#include <sqlite3.h>

#include "rules/judging.h"
#include "rules/shared.h"

struct uh_query {
  sqlite3_stmt *st;
  struct judge *judge;
};

int uh_judge_authorize(void *user, int action, const char *a, const char *b, const char *db, const char *view) {
  (void)user;
  (void)b;
  bool temp = db && strcmp(db, "temp") == 0;
  if (temp && a && action != SQLITE_READ && uh_shared_is(a)) return SQLITE_DENY;
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
    case SQLITE_TRANSACTION:
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_VIEW:
    case SQLITE_DROP_TEMP_TABLE:
    case SQLITE_DROP_TEMP_INDEX:
    case SQLITE_DROP_TEMP_VIEW: return SQLITE_OK;
    /* The tables behind the views hold values without their states: only a view may look there. */
    case SQLITE_READ: return a && strncmp(a, "t_", 2) == 0 && !view && !temp ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
    case SQLITE_REINDEX: return temp ? SQLITE_OK : SQLITE_DENY;
    default: return SQLITE_DENY;
  }
}

int uh_judge_prepare(struct judge *j, const char *sql, sqlite3_stmt **ret, struct uh_err *err) {
  if (uh_shared_for(j->db, sql, &j->shared, err) < 0) return -1;
  sqlite3_set_authorizer(j->db, uh_judge_authorize, NULL);
  int rc = sqlite3_prepare_v2(j->db, sql, -1, ret, NULL);
  sqlite3_set_authorizer(j->db, NULL, NULL);
  return rc == SQLITE_OK ? 0 : uh_fail(err, UH_ERR_INTERNAL, "SQL: %s", sqlite3_errmsg(j->db));
}

int uh_judge_query(struct judge *j, const char *sql, struct uh_query **ret_query, struct uh_err *err) {
  struct uh_query *q = calloc(1, sizeof *q);
  if (!q) return uh_fail_nomem(err);
  q->judge = j;
  if (uh_judge_prepare(j, sql, &q->st, err) < 0) {
    free(q);
    return -1;
  }
  *ret_query = q;
  return 0;
}

int uh_query_open(struct uh_check_run *run, const char *sql, struct uh_query **ret_query, struct uh_err *err) {
  return uh_judge_query(run->judge, sql, ret_query, err);
}

struct uh_query *uh_query_free(struct uh_query *q) {
  if (q) sqlite3_finalize(q->st);
  free(q);
  return NULL;
}
void uh_query_freep(struct uh_query **q) {
  *q = uh_query_free(*q);
}
void uh_query_bind_text(struct uh_query *q, int index, const char *text) {
  sqlite3_bind_text(q->st, index, text, -1, SQLITE_TRANSIENT);
}
void uh_query_bind_int(struct uh_query *q, int index, int64_t value) {
  sqlite3_bind_int64(q->st, index, value);
}
void uh_query_rewind(struct uh_query *q) {
  sqlite3_reset(q->st);
}

int uh_query_next(struct uh_query *q, struct uh_err *err) {
  int rc = sqlite3_step(q->st);
  if (rc == SQLITE_ROW) return 1;
  return rc == SQLITE_DONE ? 0 : uh_fail(err, UH_ERR_INTERNAL, "SQL: %s", sqlite3_errmsg(q->judge->db));
}

const char *uh_query_text(struct uh_query *q, int column) {
  return (const char *)sqlite3_column_text(q->st, column);
}

bool uh_query_int(struct uh_query *q, int column, int64_t *ret_value) {
  if (sqlite3_column_type(q->st, column) == SQLITE_NULL) return false;
  *ret_value = sqlite3_column_int64(q->st, column);
  return true;
}

int uh_check_exec(struct uh_check_run *run, const char *sql, struct uh_err *err) {
  if (uh_shared_for(run->judge->db, sql, &run->judge->shared, err) < 0) return -1;
  for (const char *tail = sql; *tail;) {
    sqlite3_stmt *st = NULL;
    sqlite3_set_authorizer(run->judge->db, uh_judge_authorize, NULL);
    int rc = sqlite3_prepare_v2(run->judge->db, tail, -1, &st, &tail);
    sqlite3_set_authorizer(run->judge->db, NULL, NULL);
    if (rc == SQLITE_OK && st)
      while ((rc = sqlite3_step(st)) == SQLITE_ROW) continue;
    sqlite3_finalize(st);
    if (rc != SQLITE_OK && rc != SQLITE_DONE)
      return uh_fail(err, UH_ERR_INTERNAL, "SQL: %s", sqlite3_errmsg(run->judge->db));
  }
  return 0;
}

static sqlite3_stmt *setting_statement(struct uh_check_run *run, const char *sql, const char *name) {
  sqlite3_stmt *st = NULL;
  if (sqlite3_prepare_v2(run->judge->db, sql, -1, &st, NULL) != SQLITE_OK) return NULL;
  sqlite3_bind_text(st, 1, name, -1, SQLITE_TRANSIENT);
  return st;
}

size_t uh_setting_count(struct uh_check_run *run, const char *name) {
  sqlite3_stmt *st = setting_statement(run, "SELECT count(*) FROM t_setting WHERE name = ?", name);
  size_t n = st && sqlite3_step(st) == SQLITE_ROW ? (size_t)sqlite3_column_int64(st, 0) : 0;
  sqlite3_finalize(st);
  return n;
}

const char *uh_setting(struct uh_check_run *run, const char *name, size_t i) {
  sqlite3_stmt *st = setting_statement(run, "SELECT value FROM t_setting WHERE name = ?1 AND position = ?2", name);
  run->setting[0] = '\0';
  if (st) {
    sqlite3_bind_int64(st, 2, (int64_t)i);
    if (sqlite3_step(st) == SQLITE_ROW)
      (void)snprintf(run->setting, sizeof run->setting, "%s", (const char *)sqlite3_column_text(st, 0));
  }
  sqlite3_finalize(st);
  return run->setting;
}
