/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The views that steps read beside the facts' own, and the image of one object. Several sources may show one object;
 * a step sees it once, and what a plan keeps of it is what each of them said.
 */
#include "plan/plan_internal.h"

#include <sqlite3.h>
#include <unhybrid/step_sql_dns.h>

#include "rules/shared.h"

/* How rich a source is. What a live cmdlet says comes first, then what it said when somebody exported it. */
#define RANK                                                                \
  "CASE source WHEN 'exchange-server' THEN 1 WHEN 'exchange-online' THEN 1" \
  " WHEN 'graph' THEN 1 WHEN 'exchange-export' THEN 2"                      \
  " WHEN 'exchange-online-export' THEN 2 ELSE 3 END"

static int fail_sql(sqlite3 *db, const char *doing, struct uh_err *err) {
  return uh_fail(err, UH_ERR_DATA, "cannot %s the facts: %s", doing, sqlite3_errmsg(db));
}

static bool is_made(sqlite3 *db, const char *view) {
  sqlite3_stmt *st = NULL;
  bool made = sqlite3_prepare_v2(db, "SELECT 1 FROM temp.sqlite_schema WHERE name = ?", -1, &st, NULL) == SQLITE_OK &&
              sqlite3_bind_text(st, 1, view, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW;
  sqlite3_finalize(st);
  return made;
}

int uh_configuration_make(sqlite3 *db, struct uh_err *err) {
  static const char sql[] =
      "CREATE TEMP TABLE " UH_SHARED
      "place(fact INTEGER PRIMARY KEY, side TEXT, kind TEXT, guid TEXT, rank INTEGER);"
      "INSERT INTO temp." UH_SHARED "place SELECT fact, side, kind, lower(trim(guid, '{}')), " RANK
      " FROM main.object;"
      "CREATE INDEX temp." UH_SHARED "place_of ON " UH_SHARED
      "place(side, kind, guid, rank);"
      "CREATE TEMP TABLE " UH_SHARED
      "configuration(fact INTEGER PRIMARY KEY);"
      /* With a GUID: the richest row of each. Without one nothing tells two rows apart: all of the richest source. */
      "INSERT INTO temp." UH_SHARED
      "configuration"
      " SELECT fact FROM (SELECT fact, row_number() OVER (PARTITION BY side, kind, guid ORDER BY rank, fact) AS place"
      "  FROM temp." UH_SHARED
      "place WHERE guid <> '') WHERE place = 1"
      " UNION ALL"
      " SELECT fact FROM (SELECT fact, rank, min(rank) OVER (PARTITION BY side, kind) AS best"
      "  FROM temp." UH_SHARED
      "place WHERE guid = '') WHERE rank = best;"
      "CREATE TEMP VIEW configuration AS"
      " SELECT source, side, kind, listing, identity, name, lower(trim(guid, '{}')) AS guid, json"
      "  FROM main.object WHERE fact IN (SELECT fact FROM temp." UH_SHARED "configuration);";
  if (is_made(db, "configuration")) return 0;
  return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail_sql(db, "arrange", err);
}

int uh_anchor_view_make(sqlite3 *db, const struct uh_anchors *anchors, struct uh_err *err) {
  static const char make[] =
      "DROP VIEW IF EXISTS temp.anchor; DROP TABLE IF EXISTS temp." UH_SHARED "anchor; CREATE TEMP TABLE " UH_SHARED
      "anchor(name TEXT, value TEXT);"
      "CREATE TEMP VIEW anchor AS SELECT name, value FROM temp." UH_SHARED "anchor;";
  sqlite3_stmt *st = NULL;
  if (sqlite3_exec(db, make, NULL, NULL, NULL) != SQLITE_OK ||
      sqlite3_prepare_v2(db, UH_ANCHOR_INSERT, -1, &st, NULL) != SQLITE_OK)
    return fail_sql(db, "arrange", err);
  int rc = SQLITE_DONE;
  const char *name, *value;
  for (size_t i = 0; rc == SQLITE_DONE && (name = uh_anchors_at(anchors, i, &value)) != NULL; i++) {
    sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, value, -1, SQLITE_STATIC);
    rc = sqlite3_step(st);
    sqlite3_reset(st);
  }
  sqlite3_finalize(st);
  return rc == SQLITE_DONE ? 0 : fail_sql(db, "arrange", err);
}

/* ---- the image of one object ---- */

/* Whether a row without a GUID is the one that the match means. What the row does not tell is no match. */
static bool matches(const json_t *row, const struct uh_argument *match) {
  const json_t *properties = json_object_get(row, "json");
  for (const struct uh_argument *a = match; a && a->name; a++) {
    json_t *wanted = uh_argument_value_encode(a);
    bool same = wanted && uh_values_mean_the_same(uh_property(properties, a->name), wanted);
    json_decref(wanted);
    if (!same) return false;
  }
  return match && match->name;
}

static json_t *row_of(sqlite3_stmt *st) {
  static const char *const names[] = {"source", "side", "kind", "identity", "name", "guid"};
  json_t *row = json_object();
  bool good = row != NULL;
  for (int i = 0; good && i < 6; i++)
    good = json_object_set_new(row, names[i], json_string((const char *)sqlite3_column_text(st, i))) == 0;
  json_t *properties = json_loads((const char *)sqlite3_column_text(st, 6), JSON_ALLOW_NUL, NULL);
  if (good && json_object_set_new(row, "json", properties ? properties : json_object()) == 0) return row;
  json_decref(row);
  return NULL;
}

/* Of the directory itself: what a snapshot kept. */
static int add_entry(sqlite3 *db, const struct uh_subject *s, json_t *rows) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(db,
                              "SELECT 'directory', 'on-premises', 'DirectoryEntry', dn, rdn(dn), guid_text(guid), json"
                              " FROM main.directory_entry WHERE guid = guid_blob(?1) AND area <> 'recipients' LIMIT 1",
                              -1, &st, NULL);
  if (rc != SQLITE_OK) return rc;
  sqlite3_bind_text(st, 1, s->guid ? s->guid : "", -1, SQLITE_TRANSIENT);
  rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) rc = json_array_append_new(rows, row_of(st)) == 0 ? SQLITE_DONE : SQLITE_NOMEM;
  sqlite3_finalize(st);
  return rc;
}

/* Of DNS: the set of records that the match names. */
static int add_record(sqlite3 *db, const struct uh_subject *s, json_t *rows) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(db,
                              "SELECT 'dns', 'dns', 'DnsRecord', name || ' ' || type, name, '', json FROM"
                              " (" UH_SQL_DNS_OBJECT("main.dns") ")",
                              -1, &st, NULL);
  if (rc != SQLITE_OK) return rc;
  int i = 0;
  for (const struct uh_argument *a = s->match; a && a->name && i < 3; a++)
    sqlite3_bind_text(st, ++i, a->text, -1, SQLITE_TRANSIENT);
  rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) rc = json_array_append_new(rows, row_of(st)) == 0 ? SQLITE_DONE : SQLITE_NOMEM;
  sqlite3_finalize(st);
  return rc;
}

static int prepare(sqlite3 *db, sqlite3_stmt **st) {
  static const char sql[] =
      "SELECT o.source, o.side, o.kind, o.identity, o.name, lower(trim(o.guid, '{}')), o.json"
      " FROM temp." UH_SHARED
      "place p JOIN main.object o ON o.fact = p.fact"
      " WHERE p.side = ?1 AND p.kind = ?2 AND p.guid = lower(trim(?3, '{}')) ORDER BY p.rank, p.fact";
  return *st ? sqlite3_reset(*st) : sqlite3_prepare_v2(db, sql, -1, st, NULL);
}

static int add_rows(sqlite3_stmt *st, const struct uh_subject *s, json_t *rows) {
  bool by_guid = s->guid && *s->guid;
  int rc = SQLITE_ROW;
  sqlite3_bind_text(st, 1, s->side, -1, SQLITE_TRANSIENT);
  sqlite3_bind_text(st, 2, s->kind, -1, SQLITE_TRANSIENT);
  sqlite3_bind_text(st, 3, by_guid ? s->guid : "", -1, SQLITE_TRANSIENT);
  while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
    json_t *row = row_of(st);
    bool good = row && (!(by_guid || matches(row, s->match)) || json_array_append(rows, row) == 0);
    json_decref(row);
    if (!good) return SQLITE_NOMEM;
  }
  return rc;
}

int uh_configuration_image(sqlite3 *db, sqlite3_stmt **st, const struct uh_subject *s, json_t **ret_image,
                           struct uh_err *err) {
  json_t *rows = json_array();
  int rc = rows ? prepare(db, st) : SQLITE_NOMEM;
  if (rc == SQLITE_OK) {
    rc = strcmp(s->kind, UH_DIRECTORY_ENTRY) == 0 ? add_entry(db, s, rows)
         : strcmp(s->kind, UH_DNS_RECORD) == 0    ? add_record(db, s, rows)
                                                  : add_rows(*st, s, rows);
  }
  *ret_image = NULL;
  if (rc == SQLITE_DONE && json_array_size(rows)) {
    *ret_image = json_pack("{s:O}", "rows", rows);
    if (!*ret_image) rc = SQLITE_NOMEM;
  }
  json_decref(rows);
  if (*st) (void)sqlite3_reset(*st);
  return rc == SQLITE_DONE ? 0 : rc == SQLITE_NOMEM ? uh_fail_nomem(err) : fail_sql(db, "read", err);
}
