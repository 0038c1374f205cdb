/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between two facts files, object by object: recipients of both kinds, configuration objects, answers of
 * DNS. Objects are told by GUID, where there is none by name. SQLite sorts the keys of both files and looks for pairs
 * that differ; only those are read into memory, one at a time.
 */
#include <string.h>

#include <unhybrid/sql.h>
#include <unhybrid/text.h>

#include "case/facts.h"
#include "rules/diff_private.h"

/* One table of the facts. Expressions are over its t_ table, whose values are NULL or '' where there is none. */
struct kind_of_row {
  enum uh_table_id table;
  const char *key;                           /* the object, unique among those of its kind */
  const char *source, *side, *kind, *object; /* what a person calls it */
  const char *set, *part;                    /* which set has to be complete for a missing row to be gone */
  const char *differs;                       /* a and b are the rows before and after; NULL: any column */
};

#define GUID_OR(name) "CASE length(guid) WHEN 16 THEN guid_text(guid) ELSE 'name:' || lower(" name ") END"
/* A question is the same whoever answers it; records come in any order, with times to live that run down. */
#define ANSWERS(row)                                                                                    \
  "(SELECT group_concat(v, char(10)) FROM (SELECT json_remove(value, '$.ttl') AS v FROM json_each(" row \
  ".answers) ORDER BY 1))"

static const struct kind_of_row kinds[] = {
    {UH_T_directory_recipient, GUID_OR("dn"), "'directory'", "'on-premises'",
     "coalesce(nullif(class, ''), 'recipient')", "coalesce(nullif(mail, ''), nullif(name, ''), dn)", "'Recipient'",
     "domain", NULL},
    {UH_T_exchange_recipient,
     "source || '/' || kind || iif(listing = '', '', '/' || listing) || '/' || " GUID_OR("coalesce(identity, '')"),
     "source", "side", "kind || iif(listing = '', '', '/' || listing)",
     "coalesce(nullif(primary_address, ''), nullif(name, ''), nullif(identity, ''), '')",
     "kind || iif(listing = '', '', '/' || listing)", "NULL", NULL},
    {UH_T_object,
     "source || '/' || kind || iif(listing = '', '', '/' || listing) || '/'"
     " || CASE guid WHEN '' THEN 'name:' || lower(identity) ELSE lower(guid) END",
     "source", "side", "kind", "coalesce(nullif(name, ''), identity)", "kind", "NULL",
     "a.json IS NOT b.json OR a.name IS NOT b.name"},
    {UH_T_directory_entry, "context || '/' || area || '/' || " GUID_OR("dn"), "'directory'", "'on-premises'",
     "area || '/' || class", "dn", "iif(area = 'recipients', 'RecipientMark', 'DirectoryEntry')", "context",
     "a.json IS NOT b.json OR a.dn IS NOT b.dn"},
    {UH_T_dns, "view || '/' || domain || '/' || role || '/' || name || '/' || type", "'dns'", "'dns'", "'DNS record'",
     "name || ' ' || type || ' (' || view || ')'", "view", "NULL",
     "a.outcome IS NOT b.outcome OR " ANSWERS("a") " IS NOT " ANSWERS("b")},
};

/* Facts of an earlier version lack a table: 1 both have it, 0 not. */
static int in_both(struct uh_diff *d, enum uh_table_id table, struct uh_err *err) {
  UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL;
  if (uh_diff_prepare(d, &st, err,
                      "SELECT (SELECT count(*) FROM before.sqlite_master WHERE name = 't_%s')"
                      " + (SELECT count(*) FROM after.sqlite_master WHERE name = 't_%s')",
                      uh_table_name(table), uh_table_name(table)) < 0)
    return -1;
  return sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int(st, 0) == 2 : uh_diff_fail(d, err);
}

/* ---- keys ---- */

static int make_keys(struct uh_diff *d, const struct kind_of_row *k, struct uh_err *err) {
  static const char *const names[] = {"before", "after"};
  for (int i = 0; i < 2; i++) {
    UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL;
    char make[160];
    (void)snprintf(make, sizeof make,
                   "DROP TABLE IF EXISTS main.key_%s;"
                   "CREATE TABLE main.key_%s(key TEXT PRIMARY KEY, fact INTEGER) WITHOUT ROWID",
                   names[i], names[i]);
    if (uh_diff_exec(d, make, err) < 0 ||
        uh_diff_prepare(d, &st, err,
                        "INSERT OR IGNORE INTO main.key_%s SELECT %s AS key, fact FROM %s.t_%s ORDER BY 1, 2", names[i],
                        k->key, names[i], uh_table_name(k->table)) < 0)
      return -1;
    if (sqlite3_step(st) != SQLITE_DONE) return uh_diff_fail(d, err);
  }
  return 0;
}

/* ---- what was read ---- */

/* 1 where an observation read all of a set, 0 where not; part NULL: every part of it. */
static int set_complete(struct uh_diff *d, int after, const char *source, const char *side, const char *set,
                        const char *part, struct uh_err *err) {
  sqlite3_stmt **st = &d->set_complete[after];
  if (!*st &&
      uh_diff_prepare(d, st, err,
                      "SELECT min(state = 'complete') FROM %s.t_set WHERE source = ?1 AND side = ?2 AND name = ?3"
                      " AND (?4 IS NULL OR part IN ('', ?4))",
                      after ? "after" : "before") < 0)
    return -1;
  const char *const texts[] = {source, side, set, part};
  for (int i = 0; i < 4; i++) {
    if (texts[i])
      sqlite3_bind_text(*st, i + 1, texts[i], -1, SQLITE_TRANSIENT);
    else
      sqlite3_bind_null(*st, i + 1);
  }
  int rc = sqlite3_step(*st), complete = rc == SQLITE_ROW && sqlite3_column_int(*st, 0) == 1;
  sqlite3_reset(*st);
  return rc == SQLITE_ROW ? complete : uh_diff_fail(d, err);
}

/* ---- changes ---- */

struct row {
  const char *source, *side, *kind, *key, *object;
  bool alarm;
};

static int put_change(struct uh_diff *d, enum uh_change change, const struct row *r, const char *properties,
                      struct uh_err *err) {
  if (!d->put && uh_diff_prepare(d, &d->put, err, "INSERT INTO object_change VALUES(?,?,?,?,?,?,?,?)") < 0) return -1;
  const char *const texts[] = {r->source, r->side, r->kind, r->key, r->object, properties};
  sqlite3_bind_int(d->put, 1, (int)change);
  for (int i = 0; i < 6; i++) sqlite3_bind_text(d->put, i + 2, texts[i] ? texts[i] : "", -1, SQLITE_TRANSIENT);
  sqlite3_bind_int(d->put, 8, r->alarm);
  int rc = sqlite3_step(d->put);
  sqlite3_reset(d->put);
  return rc == SQLITE_DONE ? 0 : uh_diff_fail(d, err);
}

static const char *text(sqlite3_stmt *st, int i) {
  return (const char *)sqlite3_column_text(st, i);
}

/* Rows of one observation whose key the other does not have. */
static int only_in(struct uh_diff *d, const struct kind_of_row *k, int after, struct uh_err *err) {
  static const char *const names[] = {"before", "after"};
  UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL;
  int rc, result = 0;
  if (uh_diff_prepare(d, &st, err,
                      "SELECT %s, %s, %s, k.key, %s, %s, %s FROM main.key_%s AS k JOIN %s.t_%s AS r ON r.fact = k.fact"
                      " WHERE NOT EXISTS (SELECT 1 FROM main.key_%s AS o WHERE o.key = k.key)",
                      k->source, k->side, k->kind, k->object, k->set, k->part, names[after], names[after],
                      uh_table_name(k->table), names[!after]) < 0)
    return -1;
  while (result == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    struct row r = {text(st, 0), text(st, 1), text(st, 2), text(st, 3), text(st, 4)};
    int seen = set_complete(d, !after, r.source, r.side, text(st, 5), text(st, 6), err);
    if (seen < 0) return -1;
    enum uh_change change =
        after ? (seen ? UH_DIFF_NEW : UH_DIFF_NOT_SEEN_BEFORE) : (seen ? UH_DIFF_GONE : UH_DIFF_NOT_SEEN);
    result = put_change(d, change, &r, "{}", err);
  }
  return result < 0 || rc == SQLITE_DONE ? result : uh_diff_fail(d, err);
}

/*
 * A recipient that lost every attribute falls out of the second snapshot's filter, and looks as one whose account was
 * deleted: an entry that is not read says nothing. Both are an alarm, for the first is the worst that Setup can do.
 * No alarm: Exchange's own mailboxes, which are disabled before the uninstall, and what moved to another domain.
 */
static int mark_unseated(struct uh_diff *d, struct uh_err *err) {
  UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL;
  if (uh_diff_prepare(
          d, &st, err,
          "UPDATE object_change SET alarm = 1 WHERE change = %d AND source = 'directory' AND key IN ("
          " SELECT k.key FROM main.key_before AS k JOIN before.t_directory_entry AS r ON r.fact = k.fact"
          "  WHERE r.area = 'recipients' AND (r.guid IS NULL OR ("
          "   r.guid NOT IN (SELECT guid FROM after.t_directory_entry WHERE area = 'recipients' AND guid IS NOT NULL)"
          "   AND r.guid NOT IN (SELECT guid FROM before.t_directory_recipient WHERE guid IS NOT NULL"
          "    AND recipient_type_details & (" UH_SQL_SYSTEM_MAILBOXES " | " UH_SQL_DISCOVERY_MAILBOX ")))))",
          UH_DIFF_GONE) < 0)
    return -1;
  if (sqlite3_step(st) != SQLITE_DONE) return uh_diff_fail(d, err);
  d->head.unseated = sqlite3_changes64(d->db);
  return 0;
}

/* ---- the columns of recipients ---- */

#define COLUMNS_MAX 80
struct columns {
  const struct uh_column *v[COLUMNS_MAX];
  int n;
};

/* Those that both files have: a program may have learnt to read more since. */
static int common_columns(struct uh_diff *d, enum uh_table_id table, struct columns *ret, struct uh_err *err) {
  UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL;
  int n;
  const struct uh_column *all = uh_table_columns(table, &n);
  if (uh_diff_prepare(d, &st, err,
                      "SELECT (SELECT count(*) FROM pragma_table_info('t_%s', 'before') WHERE name = ?1)"
                      " + (SELECT count(*) FROM pragma_table_info('t_%s', 'after') WHERE name = ?1)",
                      uh_table_name(table), uh_table_name(table)) < 0)
    return -1;
  ret->n = 0;
  for (int i = 0; i < n && ret->n < COLUMNS_MAX; i++) {
    sqlite3_bind_text(st, 1, all[i].name, -1, SQLITE_STATIC);
    if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0) == 2) ret->v[ret->n++] = &all[i];
    sqlite3_reset(st);
  }
  return 0;
}

/* "a.mail, a.mail_state": the value's state is 0 where it is a key. */
static void add_columns(struct uh_str *sql, const struct columns *c, char row) {
  for (int i = 0; i < c->n; i++) {
    uh_str_addf(sql, "%s%c.%s, ", i ? ", " : "", row, c->v[i]->name);
    if (c->v[i]->asked)
      uh_str_addf(sql, "%c.%s_state", row, c->v[i]->name);
    else
      uh_str_addc(sql, '0');
  }
}

static json_t *column_value(sqlite3_stmt *st, int i, const struct uh_column *c) {
  int state = sqlite3_column_int(st, i + 1);
  if (state == UH_NONE) return json_null();
  if (state != UH_VALUE) return uh_diff_answer((enum uh_answer)state);
  const char *bytes = sqlite3_column_blob(st, i);
  size_t n = (size_t)sqlite3_column_bytes(st, i);
  char guid[UH_GUID_TEXT];
  if (c->type == 'I') return json_integer(sqlite3_column_int64(st, i));
  if (c->type == 'B')
    return n == UH_GUID_SIZE ? json_string(uh_guid_text((const uint8_t *)bytes, guid)) : json_string("");
  json_t *list = c->type == 'J' && bytes ? json_loadb(bytes, n, JSON_ALLOW_NUL, NULL) : NULL;
  return list ? list : uh_diff_text(bytes ? bytes : "", n);
}

static json_t *recipient_properties(sqlite3_stmt *st, int first, const struct columns *c, bool *ret_seen) {
  json_t *properties = json_object();
  int half = first + 2 * c->n, rc = 0;
  for (int i = 0; rc == 0 && i < c->n; i++)
    rc = uh_diff_compare_values(properties, c->v[i]->name, column_value(st, first + 2 * i, c->v[i]),
                                column_value(st, half + 2 * i, c->v[i]), ret_seen);
  if (rc == 0) return properties;
  json_decref(properties);
  return NULL;
}

/* ---- the columns of DNS ---- */

static int column_of(const struct columns *c, const char *name) {
  int i = 0;
  while (i < c->n && strcmp(c->v[i]->name, name) != 0) i++;
  return 2 * i;
}

/* What a resolver did not tell is no answer. */
static json_t *dns_value(const char *outcome, const char *answers) {
  if (strcmp(outcome, "answer") != 0 && strcmp(outcome, "nodata") != 0 && strcmp(outcome, "nxdomain") != 0)
    return uh_diff_answer(strcmp(outcome, "refused") == 0 ? UH_REFUSED : UH_TIMEOUT);
  json_t *value = json_object(), *records = json_loads(answers, JSON_ALLOW_NUL, NULL), *record;
  size_t i;
  json_array_foreach(records, i, record)(void) json_object_del(record, "ttl");
  (void)json_object_set_new(value, "outcome", json_string(outcome));
  (void)json_object_set_new(value, "records", records ? records : json_array());
  return value;
}

static json_t *dns_properties(sqlite3_stmt *st, int first, const struct columns *c, bool *ret_seen) {
  json_t *properties = json_object(), *values[2];
  for (int i = 0; i < 2; i++) {
    const char *outcome = text(st, first + 2 * c->n * i + column_of(c, "outcome"));
    const char *answers = text(st, first + 2 * c->n * i + column_of(c, "answers"));
    values[i] = dns_value(outcome ? outcome : "", answers ? answers : "[]");
  }
  if (uh_diff_compare_values(properties, "answer", values[0], values[1], ret_seen) == 0) return properties;
  json_decref(properties);
  return NULL;
}

/* ---- pairs that differ ---- */

/* Rows that both have and that are not the same: what they are called, then the columns of both. */
static int differing(struct uh_diff *d, const struct kind_of_row *k, const struct columns *c, sqlite3_stmt **ret_st,
                     struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str a = {0}, b = {0};
  add_columns(&a, c, 'a');
  add_columns(&b, c, 'b');
  if (!uh_str_text(&a) || !uh_str_text(&b)) return uh_fail_nomem(err);
  /* What names the row is read from the later one: an inner query knows no other. */
  return uh_diff_prepare(
      d, ret_st, err,
      "SELECT (SELECT %s FROM after.t_%s WHERE fact = b.fact), (SELECT %s FROM after.t_%s WHERE fact = b.fact),"
      " (SELECT %s FROM after.t_%s WHERE fact = b.fact), y.key, (SELECT %s FROM after.t_%s WHERE fact = b.fact), %s, %s"
      " FROM main.key_after AS y JOIN main.key_before AS x ON x.key = y.key"
      " JOIN after.t_%s AS b ON b.fact = y.fact JOIN before.t_%s AS a ON a.fact = x.fact"
      " WHERE %s%s%s%s%s",
      k->source, uh_table_name(k->table), k->side, uh_table_name(k->table), k->kind, uh_table_name(k->table), k->object,
      uh_table_name(k->table), a.s, b.s, uh_table_name(k->table), uh_table_name(k->table),
      k->differs ? k->differs : "(", k->differs ? "" : a.s, k->differs ? "" : ") IS NOT (", k->differs ? "" : b.s,
      k->differs ? "" : ")");
}

enum { NAMES = 5 };

static json_t *properties_of(sqlite3_stmt *st, const struct kind_of_row *k, const struct columns *c, bool *ret_seen) {
  if (k->table == UH_T_dns) return dns_properties(st, NAMES, c, ret_seen);
  if (k->table != UH_T_object && k->table != UH_T_directory_entry) return recipient_properties(st, NAMES, c, ret_seen);
  int json = NAMES + column_of(c, "json");
  const char *before = text(st, json), *after = text(st, json + 2 * c->n);
  return (k->table == UH_T_object ? uh_diff_properties : uh_diff_attributes)(before ? before : "{}",
                                                                             after ? after : "{}", ret_seen);
}

/* An uninstall that takes an attribute from a recipient takes mail from somebody. */
static bool lost_something(const char *kind, const json_t *properties) {
  const char *name;
  json_t *pair;
  if (strncmp(kind, "recipients/", 11) != 0) return false;
  json_object_foreach((json_t *)properties, name, pair) if (json_is_null(json_object_get(pair, "new"))) return true;
  return false;
}

/* Values that only one observation obtained are no change of the object: it says which one did not. */
static enum uh_change kind_of_change(const json_t *properties, bool seen) {
  const char *name;
  json_t *value;
  if (seen) return UH_DIFF_CHANGED;
  json_object_foreach((json_t *)properties, name,
                      value) if (!uh_diff_obtained(json_object_get(value, "new"))) return UH_DIFF_NOT_SEEN;
  return UH_DIFF_NOT_SEEN_BEFORE;
}

static int changed(struct uh_diff *d, const struct kind_of_row *k, struct uh_err *err) {
  UH_CLEANUP(uh_diff_finalizep) sqlite3_stmt *st = NULL;
  struct columns c;
  int rc, result = 0;
  if (common_columns(d, k->table, &c, err) < 0 || differing(d, k, &c, &st, err) < 0) return -1;
  while (result == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    struct row r = {text(st, 0), text(st, 1), text(st, 2), text(st, 3), text(st, 4)};
    bool seen = false;
    json_t *properties = properties_of(st, k, &c, &seen);
    r.alarm = properties && k->table == UH_T_directory_entry && lost_something(r.kind, properties);
    char *dump = properties ? json_dumps(properties, JSON_ENSURE_ASCII | JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    if (!dump)
      result = uh_fail_nomem(err);
    else if (json_object_size(properties) == 0)
      result = 0;
    else
      result = put_change(d, kind_of_change(properties, seen), &r, dump, err);
    if (dump && r.alarm) d->head.lost++;
    free(dump);
    json_decref(properties);
  }
  return result < 0 || rc == SQLITE_DONE ? result : uh_diff_fail(d, err);
}

int uh_diff_compare_objects(struct uh_diff *d, struct uh_err *err) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    const struct kind_of_row *k = &kinds[i];
    int both = in_both(d, k->table, err);
    if (both < 0) return -1;
    if (!both) continue;
    if (make_keys(d, k, err) < 0 || only_in(d, k, 0, err) < 0 || only_in(d, k, 1, err) < 0 || changed(d, k, err) < 0)
      return -1;
    if (k->table == UH_T_directory_entry && mark_unseated(d, err) < 0) return -1;
  }
  return uh_diff_exec(d, "DROP TABLE main.key_before; DROP TABLE main.key_after", err);
}
