/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two judgements: verdict, checks, findings, and what was read. */
#include "rules/diff.h"

#include <string.h>

#include <unhybrid/text.h>

#include "case/facts.h"
#include "rules/diff_private.h"

static const char *const change_names[] = {"new", "gone", "changed", "not-seen", "not-seen-before"};
static const char *const sides[] = {"before", "after"};

const char *uh_change_name(enum uh_change change) {
  return change_names[change];
}

int uh_diff_fail(struct uh_diff *d, struct uh_err *err) {
  int code = sqlite3_errcode(d->db);
  if (code == SQLITE_NOMEM) return uh_fail_nomem(err);
  if (code == SQLITE_FULL || code == SQLITE_IOERR)
    return uh_fail(err, UH_ERR_CANNOT_WRITE, "no room for the comparison in the temporary directory: %s",
                   sqlite3_errmsg(d->db));
  return uh_fail(err, code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? UH_ERR_DATA : UH_ERR_INTERNAL,
                 "the facts cannot be compared: %s", sqlite3_errmsg(d->db));
}

int uh_diff_exec(struct uh_diff *d, const char *sql, struct uh_err *err) {
  return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : uh_diff_fail(d, err);
}

int uh_diff_prepare(struct uh_diff *d, sqlite3_stmt **ret_st, struct uh_err *err, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  char *sql = sqlite3_vmprintf(fmt, ap);
  va_end(ap);
  if (!sql) return uh_fail_nomem(err);
  int rc = sqlite3_prepare_v2(d->db, sql, -1, ret_st, NULL);
  sqlite3_free(sql);
  return rc == SQLITE_OK ? 0 : uh_diff_fail(d, err);
}

void uh_diff_finalizep(sqlite3_stmt **st) {
  sqlite3_finalize(*st);
  *st = NULL;
}

/* ---- opening ---- */

/* A path as SQLite's URI: read only, whatever the name holds. */
static int attach(struct uh_diff *d, const char *path, const char *name, struct uh_err *err) {
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-";
  UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL;
  UH_CLEANUP(uh_str_clear) struct uh_str uri = {0};
  uh_str_add(&uri, "file:");
  for (const char *p = path; *p; p++) {
    if (strchr(plain, *p))
      uh_str_addc(&uri, *p);
    else
      uh_str_addf(&uri, "%%%02x", (unsigned)(unsigned char)*p);
  }
  uh_str_add(&uri, "?mode=ro");
  if (!uh_str_text(&uri)) return uh_fail_nomem(err);
  if (uh_diff_prepare(d, &st, err, "ATTACH ?1 AS %s", name) < 0) return -1;
  sqlite3_bind_text(st, 1, uri.s, -1, SQLITE_STATIC);
  return sqlite3_step(st) == SQLITE_DONE ? 0 : uh_diff_fail(d, err);
}

static const char schema[] =
    "PRAGMA main.journal_mode=OFF; PRAGMA main.cache_size=-4096; PRAGMA temp_store=FILE;"
    "CREATE TABLE checked(id TEXT, after INTEGER, place INTEGER, title TEXT, severity TEXT, status TEXT, findings,"
    " complete, PRIMARY KEY(id, after)) WITHOUT ROWID;"
    "CREATE TABLE found(key TEXT, after INTEGER, id TEXT, side TEXT, kind TEXT, object TEXT, message TEXT,"
    " evidence TEXT, PRIMARY KEY(key, after)) WITHOUT ROWID;"
    "CREATE TABLE unjudged(key TEXT, after INTEGER, PRIMARY KEY(key, after)) WITHOUT ROWID;"
    "CREATE TABLE finding_change(change INTEGER, key TEXT, id TEXT, side TEXT, kind TEXT, object TEXT, message_before,"
    " message_after, evidence_before, evidence_after);"
    "CREATE TABLE object_change(change INTEGER, source TEXT, side TEXT, kind TEXT, key TEXT, object TEXT,"
    " properties TEXT, alarm INTEGER DEFAULT 0);";

static int open_diff(const char *const paths[2], struct uh_diff **ret, struct uh_err *err) {
  UH_CLEANUP(uh_diff_freep) struct uh_diff *d = calloc(1, sizeof *d);
  if (!d) return uh_fail_nomem(err);
  if (sqlite3_open_v2("", &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI,
                      NULL) != SQLITE_OK)
    return uh_diff_fail(d, err);
  if (uh_facts_functions(d->db, err) < 0) return -1;
  for (int i = 0; i < 2; i++)
    if (attach(d, paths[i], sides[i], err) < 0) return -1;
  if (uh_diff_exec(d, schema, err) < 0 || uh_diff_exec(d, "BEGIN", err) < 0) return -1;
  *ret = UH_TAKE(d);
  return 0;
}

struct uh_diff *uh_diff_free(struct uh_diff *d) {
  if (!d) return NULL;
  sqlite3_finalize(d->put);
  for (int i = 0; i < 2; i++) {
    sqlite3_finalize(d->set_complete[i]);
    (void)uh_results_free(d->results[i]);
  }
  sqlite3_close(d->db);
  free(d);
  return NULL;
}
void uh_diff_freep(struct uh_diff **d) {
  *d = uh_diff_free(*d);
}
const struct uh_diff_head *uh_diff_head(const struct uh_diff *d) {
  return &d->head;
}

/* ---- the two judgements into tables ---- */

struct copy {
  struct uh_diff *d;
  struct uh_err *err;
  int after;
  const struct uh_result_check *check;
  sqlite3_stmt *checked, *found, *unjudged;
};

static void copy_clear(struct copy *c) {
  sqlite3_finalize(c->checked);
  sqlite3_finalize(c->found);
  sqlite3_finalize(c->unjudged);
}

static void bind_text(sqlite3_stmt *st, int i, const char *text) {
  sqlite3_bind_text(st, i, text, -1, SQLITE_TRANSIENT);
}

static int step(struct copy *c, sqlite3_stmt *st) {
  int rc = sqlite3_step(st);
  sqlite3_reset(st);
  return rc == SQLITE_DONE ? 0 : uh_diff_fail(c->d, c->err);
}

static int copy_finding(void *user, const struct uh_result_finding *f) {
  struct copy *c = user;
  const char *const texts[] = {f->key, NULL, c->check->id, f->side, f->kind, f->object, f->message, f->evidence_json};
  for (int i = 0; i < 8; i++)
    if (texts[i]) bind_text(c->found, i + 1, texts[i]);
  sqlite3_bind_int(c->found, 2, c->after);
  return step(c, c->found);
}

static int copy_unjudged(void *user, const struct uh_result_object *o) {
  struct copy *c = user;
  UH_CLEANUP(uh_str_clear) struct uh_str key = {0};
  uh_str_addf(&key, "%s/%s/%s", c->check->id, o->side, o->key);
  if (!uh_str_text(&key)) return uh_fail_nomem(c->err);
  bind_text(c->unjudged, 1, key.s);
  sqlite3_bind_int(c->unjudged, 2, c->after);
  return step(c, c->unjudged);
}

static int copy_check(void *user, const struct uh_result_check *check) {
  struct copy *c = user;
  struct uh_results *results = c->d->results[c->after];
  c->check = check;
  bind_text(c->checked, 1, check->id);
  sqlite3_bind_int(c->checked, 2, c->after);
  sqlite3_bind_int64(c->checked, 3, check->index);
  bind_text(c->checked, 4, check->title);
  bind_text(c->checked, 5, check->severity);
  bind_text(c->checked, 6, check->status);
  sqlite3_bind_int64(c->checked, 7, check->findings);
  sqlite3_bind_int(c->checked, 8, check->complete);
  if (step(c, c->checked) < 0 || uh_results_findings(results, check->index, 0, copy_finding, c, c->err) < 0) return -1;
  return uh_results_unjudged(results, check->index, 0, copy_unjudged, c, c->err);
}

static int copy_results(struct uh_diff *d, int after, struct uh_err *err) {
  UH_CLEANUP(copy_clear) struct copy c = {.d = d, .err = err, .after = after};
  if (uh_diff_prepare(d, &c.checked, err, "INSERT OR IGNORE INTO checked VALUES(?,?,?,?,?,?,?,?)") < 0 ||
      uh_diff_prepare(d, &c.found, err, "INSERT OR IGNORE INTO found VALUES(?,?,?,?,?,?,?,?)") < 0 ||
      uh_diff_prepare(d, &c.unjudged, err, "INSERT OR IGNORE INTO unjudged VALUES(?,?)") < 0)
    return -1;
  return uh_results_checks(d->results[after], copy_check, &c, err);
}

/* ---- findings ---- */

/* A finding that one judgement does not have: it was there to be seen, or the check could not see it. */
#define MISSING_IN(other, seen, unseen)                                                                       \
  "CASE WHEN EXISTS (SELECT 1 FROM unjudged AS u WHERE u.key = f.key AND u.after = " #other                   \
  ")"                                                                                                         \
  "  OR (SELECT complete FROM checked AS c WHERE c.id = f.id AND c.after = " #other ") IS NOT 1 THEN " unseen \
  " ELSE " seen " END"
static const char finding_sql[] =
    /* enum uh_change: 0 new, 1 gone, 2 changed, 3 not seen, 4 not seen before */
    "INSERT INTO finding_change"
    " SELECT " MISSING_IN(0, "0", "4") ", key, id, side, kind, object, NULL, message, NULL, evidence FROM found AS f"
    "  WHERE after = 1 AND NOT EXISTS (SELECT 1 FROM found AS o WHERE o.key = f.key AND o.after = 0);"
    "INSERT INTO finding_change"
    " SELECT " MISSING_IN(1, "1", "3") ", key, id, side, kind, object, message, NULL, evidence, NULL FROM found AS f"
    "  WHERE after = 0 AND NOT EXISTS (SELECT 1 FROM found AS o WHERE o.key = f.key AND o.after = 1);";

static const char pairs_sql[] =
    "SELECT f.key, f.id, f.side, f.kind, f.object, o.message, f.message, o.evidence, f.evidence"
    " FROM found AS f JOIN found AS o ON o.key = f.key AND o.after = 0"
    " WHERE f.after = 1 AND (o.message IS NOT f.message OR o.evidence IS NOT f.evidence)"
    /* What this check says of an observation is its time, which always differs. */
    "  AND f.id <> 'freshness.observation'";

/* Equal but for an age ("88 hours", "3 days"), which grows by itself. */
static bool same_message(const char *a, const char *b) {
  static const char digits[] = "0123456789";
  while (*a && *b) {
    size_t n = strspn(a, digits), m = strspn(b, digits);
    if (n && m) {
      const char *unit = a + n;
      bool age = strncmp(unit, " hour", 5) == 0 || strncmp(unit, " day", 4) == 0;
      if (!age && (n != m || strncmp(a, b, n) != 0)) return false;
      a += n;
      b += m;
    } else if (*a++ != *b++) {
      return false;
    }
  }
  return *a == *b;
}

/* 1 they differ, 0 not, -1 no memory. */
static int finding_differs(sqlite3_stmt *st) {
  const char *texts[4];
  bool seen = false;
  for (int i = 0; i < 4; i++) {
    texts[i] = (const char *)sqlite3_column_text(st, 5 + i);
    if (!texts[i]) texts[i] = i < 2 ? "" : "{}";
  }
  if (!same_message(texts[0], texts[1])) return 1;
  json_t *properties = uh_diff_properties(texts[2], texts[3], &seen);
  int differs = !properties ? -1 : json_object_size(properties) > 0;
  json_decref(properties);
  return differs;
}

static int compare_findings(struct uh_diff *d, struct uh_err *err) {
  UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL, *put = NULL;
  int rc;
  if (uh_diff_exec(d, finding_sql, err) < 0 || uh_diff_prepare(d, &st, err, "%s", pairs_sql) < 0 ||
      uh_diff_prepare(d, &put, err, "INSERT INTO finding_change VALUES(%d,?,?,?,?,?,?,?,?,?)", UH_DIFF_CHANGED) < 0)
    return -1;
  while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
    int differs = finding_differs(st);
    if (differs < 0) return uh_fail_nomem(err);
    if (!differs) continue;
    for (int i = 0; i < 9; i++) sqlite3_bind_value(put, i + 1, sqlite3_column_value(st, i));
    if (sqlite3_step(put) != SQLITE_DONE) return uh_diff_fail(d, err);
    sqlite3_reset(put);
  }
  return rc == SQLITE_DONE ? 0 : uh_diff_fail(d, err);
}

/* Checks and sets side by side; where one stands on one side only the other side's columns are NULL. */
#define CHECKS                                                                                 \
  "SELECT id, max(title), max(severity), max(CASE after WHEN 0 THEN status END) AS s0,"        \
  " max(CASE after WHEN 1 THEN status END) AS s1, max(CASE after WHEN 0 THEN findings END),"   \
  " max(CASE after WHEN 1 THEN findings END), max(CASE after WHEN 0 THEN complete END) AS c0," \
  " max(CASE after WHEN 1 THEN complete END) AS c1, max(place) AS place"                       \
  " FROM checked GROUP BY id HAVING s0 IS NOT s1 OR c0 IS NOT c1"
#define SETS                                                                          \
  "SELECT source, side, name, part, max(CASE after WHEN 0 THEN state END) AS s0,"     \
  " max(CASE after WHEN 1 THEN state END) AS s1, max(CASE after WHEN 1 THEN why END)" \
  " FROM (SELECT 0 AS after, source, side, name, part, state, why FROM before.t_set"  \
  "  UNION ALL SELECT 1, source, side, name, part, state, why FROM after.t_set)"      \
  " GROUP BY source, side, name, part HAVING coalesce(s0, 'not-configured') <> coalesce(s1, 'not-configured')"

static int64_t count(struct uh_diff *d, const char *sql, struct uh_err *err) {
  UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL;
  if (uh_diff_prepare(d, &st, err, "%s", sql) < 0) return -1;
  if (sqlite3_step(st) != SQLITE_ROW) return uh_diff_fail(d, err);
  return sqlite3_column_int64(st, 0);
}

static int count_changes(struct uh_diff *d, const char *table, int64_t counts[UH_DIFF_CHANGES], struct uh_err *err) {
  UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL;
  int rc;
  if (uh_diff_prepare(d, &st, err, "SELECT change, count(*) FROM %s GROUP BY change", table) < 0) return -1;
  while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
    counts[sqlite3_column_int(st, 0)] = sqlite3_column_int64(st, 1);
    d->head.any = true;
  }
  return rc == SQLITE_DONE ? 0 : uh_diff_fail(d, err);
}

static int conclude(struct uh_diff *d, struct uh_err *err) {
  struct uh_diff_head *h = &d->head;
  h->any = h->before->verdict != h->after->verdict;
  if ((h->checks = count(d, "SELECT count(*) FROM (" CHECKS ")", err)) < 0 ||
      (h->sets = count(d, "SELECT count(*) FROM (" SETS ")", err)) < 0 ||
      count_changes(d, "finding_change", h->findings, err) < 0 ||
      count_changes(d, "object_change", h->objects, err) < 0)
    return -1;
  h->any = h->any || h->checks || h->sets;
  return uh_diff_exec(d, "COMMIT", err);
}

/* ---- all of it ---- */

static int judge_both(struct uh_diff *d, const char *const paths[2], const struct uh_judge_options *how,
                      struct uh_err *err) {
  struct uh_judge_options own_time = *how;
  own_time.now = 0;
  for (int i = 0; i < 2; i++)
    if (uh_judge(paths[i], &own_time, &d->results[i], err) < 0) return -1;
  const struct uh_results_head *b = uh_results_head(d->results[0]), *a = uh_results_head(d->results[1]);
  d->head.before = b;
  d->head.after = a;
  bool tenants = *b->tenant && *a->tenant && strcmp(b->tenant, a->tenant) != 0;
  if (strcmp(b->organization, a->organization) == 0 && !tenants) return 0;
  (void)uh_fail(err, UH_ERR_DATA, "these are observations of two organisations: %.*s (tenant %.*s) and %.*s (%.*s)",
                UH_HEAD(b->organization, 100), UH_HEAD(*b->tenant ? b->tenant : "not named", 60),
                UH_HEAD(a->organization, 100), UH_HEAD(*a->tenant ? a->tenant : "not named", 60));
  uh_err_where(err, "%s", paths[1]);
  uh_err_remedy(err, "compare two observations of one case");
  return -1;
}

/* Facts that are none have to be refused before SQLite is asked to attach them. */
static int look_at(const char *path, struct uh_err *err) {
  sqlite3 *db = NULL;
  if (uh_facts_open(path, &db, err) < 0) return -1;
  sqlite3_close(db);
  return 0;
}

int uh_diff(const char *old_facts, const char *new_facts, const struct uh_judge_options *how, struct uh_diff **ret_diff,
            struct uh_err *err) {
  const char *const paths[2] = {old_facts, new_facts};
  UH_CLEANUP(uh_diff_freep) struct uh_diff *d = NULL;
  if (look_at(paths[0], err) < 0 || look_at(paths[1], err) < 0 || open_diff(paths, &d, err) < 0 || !d ||
      judge_both(d, paths, how, err) < 0)
    return -1;
  for (int i = 0; i < 2; i++)
    if (copy_results(d, i, err) < 0) return -1;
  if (compare_findings(d, err) < 0 || uh_diff_compare_objects(d, err) < 0 || conclude(d, err) < 0) return -1;
  *ret_diff = UH_TAKE(d);
  return 0;
}

/* ---- iteration ---- */

static const char *text(sqlite3_stmt *st, int i) {
  return (const char *)sqlite3_column_text(st, i);
}

int uh_diff_checks(struct uh_diff *d, int (*each)(void *, const struct uh_diff_check *), void *user,
                   struct uh_err *err) {
  UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL;
  int rc;
  if (uh_diff_prepare(d, &st, err, "%s", CHECKS " ORDER BY place") < 0) return -1;
  while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
    struct uh_diff_check c = {.id = text(st, 0),
                              .title = text(st, 1),
                              .severity = text(st, 2),
                              .status = {text(st, 3), text(st, 4)},
                              .findings = {sqlite3_column_int64(st, 5), sqlite3_column_int64(st, 6)},
                              .complete = {sqlite3_column_int(st, 7) == 1, sqlite3_column_int(st, 8) == 1}};
    if (each(user, &c) < 0) return -1;
  }
  return rc == SQLITE_DONE ? 0 : uh_diff_fail(d, err);
}

int uh_diff_sets(struct uh_diff *d, int (*each)(void *, const struct uh_diff_set *), void *user, struct uh_err *err) {
  UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL;
  int rc;
  if (uh_diff_prepare(d, &st, err, "%s", SETS " ORDER BY side, name, source, part") < 0) return -1;
  while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
    struct uh_diff_set s = {.source = text(st, 0),
                            .side = text(st, 1),
                            .name = text(st, 2),
                            .part = text(st, 3),
                            .state = {text(st, 4), text(st, 5)},
                            .why = text(st, 6) ? text(st, 6) : ""};
    if (each(user, &s) < 0) return -1;
  }
  return rc == SQLITE_DONE ? 0 : uh_diff_fail(d, err);
}

int uh_diff_findings(struct uh_diff *d, enum uh_change change, int64_t limit,
                     int (*each)(void *, const struct uh_diff_finding *), void *user, struct uh_err *err) {
  UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL;
  int rc;
  if (uh_diff_prepare(d, &st, err,
                      "SELECT f.key, f.id, f.side, f.kind, f.object, message_before, message_after, evidence_before,"
                      " evidence_after FROM finding_change AS f WHERE change = %d"
                      " ORDER BY (SELECT max(place) FROM checked WHERE checked.id = f.id), f.id, f.key LIMIT %lld",
                      (int)change, (long long)(limit > 0 ? limit : -1)) < 0)
    return -1;
  while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
    struct uh_diff_finding f = {.change = change,
                                .key = text(st, 0),
                                .check = text(st, 1),
                                .side = text(st, 2),
                                .kind = text(st, 3),
                                .object = text(st, 4),
                                .message = {text(st, 5), text(st, 6)},
                                .evidence_json = {text(st, 7), text(st, 8)}};
    if (each(user, &f) < 0) return -1;
  }
  return rc == SQLITE_DONE ? 0 : uh_diff_fail(d, err);
}

static int objects(struct uh_diff *d, enum uh_change change, const char *also, int64_t limit,
                   int (*each)(void *, const struct uh_diff_object *), void *user, struct uh_err *err) {
  UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL;
  int rc;
  if (uh_diff_prepare(d, &st, err,
                      "SELECT source, side, kind, key, object, properties, alarm FROM object_change WHERE change = %d%s"
                      " ORDER BY side, kind, object, key LIMIT %lld",
                      (int)change, also, (long long)(limit > 0 ? limit : -1)) < 0)
    return -1;
  while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
    struct uh_diff_object o = {.change = change,
                               .alarm = sqlite3_column_int(st, 6) == 1,
                               .source = text(st, 0),
                               .side = text(st, 1),
                               .kind = text(st, 2),
                               .key = text(st, 3),
                               .object = text(st, 4),
                               .properties_json = text(st, 5)};
    if (each(user, &o) < 0) return -1;
  }
  return rc == SQLITE_DONE ? 0 : uh_diff_fail(d, err);
}

int uh_diff_objects(struct uh_diff *d, enum uh_change change, int64_t limit,
                    int (*each)(void *, const struct uh_diff_object *), void *user, struct uh_err *err) {
  return objects(d, change, "", limit, each, user, err);
}

int uh_diff_alarms(struct uh_diff *d, enum uh_change change, int64_t limit,
                   int (*each)(void *, const struct uh_diff_object *), void *user, struct uh_err *err) {
  return objects(d, change, " AND alarm", limit, each, user, err);
}
