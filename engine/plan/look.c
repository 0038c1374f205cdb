/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at one object again. The audit's own sources do it, asked for the one set alone, into a file that is read and
 * removed: so what a step found, what is verified and what the next audit says can never be three opinions.
 *
 * Before an action the richest source is asked, as the before-image has to hold all that a person needs to put the
 * object back. Afterwards another way than the executor's where there is one: what a cmdlet removed is looked for in
 * Active Directory itself. "It is not there" counts only where that source had shown this very object while it was
 * there: else it might never have been able to.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unhybrid/step_sql_dns.h>
#include <unhybrid/text.h>

#include "case/facts.h"
#include "plan/key_file.h"
#include "plan/world_private.h"

/* From rich to poor. Files that somebody exported once say nothing of now. */
static const char *const live[] = {"exchange-server", "directory", "exchange-online", "graph", "dns"};
enum { LIVE = sizeof live / sizeof *live, ROWS_MAX = 10000 };

static bool knows(const struct uh_world_state *w, const char *source, const char *side, const char *kind) {
  return uh_source_configured(w->options.config, source) && uh_source_fills(source, side, kind);
}

static const char *richest(const struct uh_world_state *w, const char *side, const char *kind) {
  for (size_t i = 0; i < LIVE; i++)
    if (knows(w, live[i], side, kind)) return live[i];
  return NULL;
}

/* ---- which object is meant ---- */

struct wanted {
  const char *side, *kind;
  const char *UH_NULLABLE guid;
  const struct uh_argument *UH_NULLABLE match; /* ends with name NULL */
  const char *UH_NULLABLE dn;                  /* of an entry of the directory: where it was */
  const struct uh_expect *UH_NULLABLE expect;  /* of the action */
};

static bool is_entry(const struct wanted *what) {
  return strcmp(what->kind, UH_DIRECTORY_ENTRY) == 0;
}

static bool is_record(const struct wanted *what) {
  return strcmp(what->kind, UH_DNS_RECORD) == 0;
}

/* A match of a set of records: View, Name, Type, in this order, all of them texts. */
static bool question_of(const struct wanted *what, struct uh_dns_question *ret) {
  static const char *const names[] = {"View", "Name", "Type"};
  const char **const places[] = {&ret->view, &ret->name, &ret->type};
  const struct uh_argument *a = what->match;
  for (size_t i = 0; i < 3; i++, a++) {
    if (!a || !a->name || strcmp(a->name, names[i]) != 0 || a->type != UH_VALUE_TEXT) return false;
    *places[i] = a->text;
  }
  if (strcmp(ret->type, "SPF") == 0) ret->type = "TXT";
  return true;
}

static bool text_is(const json_t *value, const char *text) {
  return json_is_string(value) && strcasecmp(json_string_value(value), text) == 0;
}

static bool list_is(const json_t *value, const struct uh_argument *a) {
  if (json_array_size(value) != a->texts.n) return false;
  for (size_t i = 0; i < a->texts.n; i++)
    if (!text_is(json_array_get(value, i), a->texts.v[i])) return false;
  return true;
}

static bool value_is(const json_t *value, const struct uh_argument *a) {
  char guid[UH_GUID_TEXT];
  switch (a->type) {
    case UH_VALUE_NULL: return json_is_null(value);
    case UH_VALUE_TEXT: return text_is(value, a->text);
    case UH_VALUE_BOOL: return json_is_boolean(value) && json_is_true(value) == a->yes;
    case UH_VALUE_NUMBER: return json_is_integer(value) && json_integer_value(value) == a->number;
    case UH_VALUE_GUID: return text_is(value, uh_guid_text(a->guid, guid));
    case UH_VALUE_TEXTS: return json_is_array(value) && list_is(value, a);
  }
  return false;
}

static bool is_wanted(const struct wanted *what, const char *guid, const json_t *properties) {
  if (what->guid) return strcasecmp(guid, what->guid) == 0;
  for (const struct uh_argument *a = what->match; a && a->name; a++)
    if (!value_is(json_object_get(properties, a->name), a)) return false;
  return true;
}

/* ---- reading what a source gave ---- */

struct seeing {
  json_t *rows;
  size_t found; /* in the source that was asked */
  bool complete;
  bool by_wildcard; /* every name server says of a set of records what it says of a name that nobody made */
  struct uh_err why;
};

static const char *column(sqlite3_stmt *st, int i) {
  const char *text = (const char *)sqlite3_column_text(st, i);
  return text ? text : "";
}

static int add_row(struct seeing *s, const struct wanted *what, const char *source, sqlite3_stmt *st,
                   struct uh_err *err) {
  json_t *properties = json_loads(column(st, 4), JSON_ALLOW_NUL, NULL);
  if (!json_is_object(properties)) {
    json_decref(properties);
    return uh_fail(err, UH_ERR_INTERNAL, "the facts hold an object that is no JSON");
  }
  if (!is_wanted(what, column(st, 3), properties)) {
    json_decref(properties);
    return 0;
  }
  s->found++;
  json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "source", source, "side", what->side, "kind",
                          what->kind, "listing", column(st, 0), "identity", column(st, 1), "name", column(st, 2),
                          "guid", column(st, 3), "json", properties);
  return row && json_array_append_new(s->rows, row) == 0 ? 0 : uh_fail_nomem(err);
}

static int prepare(sqlite3 *db, const char *sql, const struct wanted *what, const char *source, sqlite3_stmt **ret,
                   struct uh_err *err) {
  if (sqlite3_prepare_v2(db, sql, -1, ret, NULL) != SQLITE_OK)
    return uh_fail(err, UH_ERR_INTERNAL, "cannot read the facts: %s", sqlite3_errmsg(db));
  sqlite3_bind_text(*ret, 1, source, -1, SQLITE_STATIC);
  sqlite3_bind_text(*ret, 2, what->side, -1, SQLITE_STATIC);
  sqlite3_bind_text(*ret, 3, what->kind, -1, SQLITE_STATIC);
  return 0;
}

/* The entry's row, with all that stands below it. */
static int read_entry(sqlite3 *db, const struct wanted *what, const char *source, struct seeing *s,
                      struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  json_t *below = json_array();
  int rc = SQLITE_DONE, result = below ? 0 : uh_fail_nomem(err);
  if (result == 0)
    result = prepare(db,
                     "SELECT '', dn, rdn(dn), guid_text(guid), json, area, class FROM t_directory_entry"
                     " WHERE ?1 <> '' AND ?2 <> '' AND ?3 <> '' ORDER BY area = 'below', length(dn), fact",
                     what, source, &st, err);
  while (result == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    if (strcmp(column(st, 5), "below") != 0) {
      result = add_row(s, what, source, st, err);
      continue;
    }
    json_t *one = json_pack("{s:s, s:s, s:s, s:o?}", "dn", column(st, 1), "guid", column(st, 3), "class", column(st, 6),
                            "json", json_loads(column(st, 4), JSON_ALLOW_NUL, NULL));
    if (!one || json_array_append_new(below, one) < 0) result = uh_fail_nomem(err);
  }
  if (result == 0 && rc != SQLITE_DONE)
    result = uh_fail(err, UH_ERR_INTERNAL, "cannot read the facts: %s", sqlite3_errmsg(db));
  sqlite3_finalize(st);
  if (result == 0 && s->found && json_object_set(json_array_get(s->rows, json_array_size(s->rows) - 1), "below", below))
    result = uh_fail_nomem(err);
  json_decref(below);
  return result;
}

static int step_rows(sqlite3 *db, sqlite3_stmt *st, const struct wanted *what, const char *source, struct seeing *s,
                     struct uh_err *err) {
  int rc = SQLITE_DONE, result = 0;
  while (result == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) result = add_row(s, what, source, st, err);
  if (result == 0 && rc != SQLITE_DONE)
    result = uh_fail(err, UH_ERR_INTERNAL, "cannot read the facts: %s", sqlite3_errmsg(db));
  return result;
}

static void bind_question(sqlite3_stmt *st, const struct uh_dns_question *q, const char *type) {
  sqlite3_bind_text(st, 1, q->view, -1, SQLITE_STATIC);
  sqlite3_bind_text(st, 2, q->name, -1, SQLITE_STATIC);
  sqlite3_bind_text(st, 3, type, -1, SQLITE_STATIC);
}

/* One server that did not tell what it says of the other name leaves the records a name's own. */
static int read_wildcard(sqlite3 *db, const struct uh_dns_question *q, struct seeing *s, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  if (sqlite3_prepare_v2(
          db,
          "SELECT count(*) > 0 AND min(EXISTS (SELECT 1 FROM t_dns AS unmade"
          " WHERE unmade.server = asked.server AND " UH_SQL_DNS_SAME_UNMADE(
              "asked") "))"
                       " FROM t_dns AS asked WHERE role = 'question' AND view = ?1 AND name = ?2 AND type = ?3",
          -1, &st, NULL) != SQLITE_OK)
    return uh_fail(err, UH_ERR_INTERNAL, "cannot read the facts: %s", sqlite3_errmsg(db));
  bind_question(st, q, q->type);
  int rc = sqlite3_step(st);
  s->by_wildcard = rc == SQLITE_ROW && sqlite3_column_int(st, 0);
  sqlite3_finalize(st);
  return rc == SQLITE_ROW ? 0 : uh_fail(err, UH_ERR_INTERNAL, "cannot read the facts: %s", sqlite3_errmsg(db));
}

/* All servers told the same, or the set is not complete: then the row of one stands for what they tell. */
static int read_record(sqlite3 *db, const struct wanted *what, const char *source, struct seeing *s,
                       struct uh_err *err) {
  struct uh_dns_question q;
  sqlite3_stmt *st = NULL;
  if (!question_of(what, &q)) return uh_fail(err, UH_ERR_INTERNAL, "no question of DNS");
  if (sqlite3_prepare_v2(db, "SELECT '', name || ' ' || type, name, '', json FROM (" UH_SQL_DNS_OBJECT("t_dns") ")", -1,
                         &st, NULL) != SQLITE_OK)
    return uh_fail(err, UH_ERR_INTERNAL, "cannot read the facts: %s", sqlite3_errmsg(db));
  bind_question(st, &q, what->match[2].text);
  int result = step_rows(db, st, what, source, s, err);
  sqlite3_finalize(st);
  return result < 0 ? -1 : read_wildcard(db, &q, s, err);
}

static int read_rows(sqlite3 *db, const struct wanted *what, const char *source, struct seeing *s, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  int rc = SQLITE_DONE, result = 0;
  if (prepare(db,
              "SELECT listing, identity, name, guid, json FROM t_object WHERE source = ? AND side = ? AND kind = ?"
              " ORDER BY fact",
              what, source, &st, err) < 0)
    return -1;
  while (result == 0 && s->found < ROWS_MAX && (rc = sqlite3_step(st)) == SQLITE_ROW)
    result = add_row(s, what, source, st, err);
  if (result == 0 && rc != SQLITE_DONE)
    result = uh_fail(err, UH_ERR_INTERNAL, "cannot read the facts: %s", sqlite3_errmsg(db));
  sqlite3_finalize(st);
  return result;
}

/* Was the set read in full? If not, s->why says what was in the way. */
static int read_set(sqlite3 *db, const struct wanted *what, const char *source, struct seeing *s, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  size_t parts = 0;
  int rc;
  if (prepare(db,
              "SELECT s.state, s.why, coalesce((SELECT error_class FROM t_source WHERE id = s.source), 0) FROM t_set AS"
              " s WHERE s.source = ? AND s.side = ? AND s.name = ?",
              what, source, &st, err) < 0)
    return -1;
  s->complete = true;
  while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
    parts++;
    if (strcmp(column(st, 0), "complete") == 0 || !s->complete) continue;
    s->complete = false;
    enum uh_err_class cls = (enum uh_err_class)sqlite3_column_int(st, 2);
    (void)uh_fail(&s->why, cls == UH_ERR_NONE ? UH_ERR_UNAVAILABLE : cls, "%s of %s is %s: %s", what->kind, source,
                  column(st, 0), column(st, 1));
  }
  sqlite3_finalize(st);
  if (rc != SQLITE_DONE) return uh_fail(err, UH_ERR_INTERNAL, "cannot read the facts: %s", sqlite3_errmsg(db));
  if (parts) return 0;
  s->complete = false;
  (void)uh_fail(&s->why, UH_ERR_UNAVAILABLE, "%s says nothing of %s", source, what->kind);
  return 0;
}

/* The first domain controller that answers is the one that everything in this run is asked of and told to. */
static void learn_controller(struct uh_world_state *w, sqlite3 *db) {
  sqlite3_stmt *st = NULL;
  if (w->controller[0]) return;
  if (sqlite3_prepare_v2(db,
                         "SELECT json ->> '$.OriginatingServer' FROM t_object WHERE source = 'exchange-server' AND"
                         " json ->> '$.OriginatingServer' <> '' LIMIT 1",
                         -1, &st, NULL) == SQLITE_OK &&
      sqlite3_step(st) == SQLITE_ROW)
    uh_print(w->controller, sizeof w->controller, "%s", column(st, 0));
  sqlite3_finalize(st);
}

static void dbp(sqlite3 **db) {
  (void)sqlite3_close(*db);
}

/* Asks one source for the set and adds the rows of the object. */
static int ask(struct uh_world_state *w, const struct wanted *what, const char *source, struct seeing *s,
               struct uh_err *err) {
  UH_CLEANUP(uh_world_removep) char *path = NULL;
  UH_CLEANUP(dbp) sqlite3 *db = NULL;
  struct uh_str set UH_CLEANUP(uh_str_clear) = {0};
  struct uh_observation_summary summary;
  uh_str_addf(&set, "%s:%s", what->side, what->kind);
  if (!uh_str_text(&set)) return uh_fail_nomem(err);
  const char *const sets[] = {set.s, NULL}, *const sources[] = {source, NULL};
  struct uh_observation_options how = {.only_sets = sets, .only_sources = sources, .scratch = true};
  uint8_t guid[UH_GUID_SIZE];
  struct uh_dns_question question;
  if (is_entry(what)) {
    if (!what->dn || !what->guid || !uh_guid_parse(what->guid, guid))
      return uh_fail(err, UH_ERR_INTERNAL, "an entry of the directory without its GUID or its name");
    how.entry = guid;
    how.entry_dn = what->dn;
  }
  if (is_record(what)) {
    if (!question_of(what, &question)) return uh_fail(err, UH_ERR_INTERNAL, "no question of DNS");
    how.dns_question = &question;
  }
  s->found = 0;
  s->by_wildcard = false;
  s->why = UH_ERR_INIT;
  if (uh_world_scratch(w, &path, err) < 0 || uh_world_observe(w, &how, path, &summary, err) < 0) return -1;
  if (uh_facts_open(path, &db, err) < 0) return -1;
  learn_controller(w, db);
  return (is_entry(what)    ? read_entry
          : is_record(what) ? read_record
                            : read_rows)(db, what, source, s, err) < 0 ||
                 read_set(db, what, source, s, err) < 0
             ? -1
             : 0;
}

/* ---- what that comes to ---- */

static bool is_ambiguous(const struct wanted *what, const struct seeing *s) {
  return !what->guid && s->found > 1;
}

/* Does the set of records hold one of the texts? */
static bool holds_one(const json_t *rows, const struct uh_argument *texts) {
  const json_t *row, *one;
  size_t i, k;
  json_array_foreach(rows, i, row) {
    json_array_foreach(json_object_get(json_object_get(row, "json"), texts->name), k, one) {
      for (size_t n = 0; n < texts->texts.n; n++)
        if (text_is(one, texts->texts.v[n])) return true;
    }
  }
  return false;
}

/* What goes is not there any more, and what answers in its place answers for every name there (RFC 4592). */
static bool is_gone_below_wildcard(const struct wanted *what, const struct seeing *s) {
  const struct uh_expect *e = what->expect;
  if (!is_record(what) || !s->by_wildcard || !s->found) return false;
  while (e && e->what != UH_EXPECT_END && e->what != UH_EXPECT_ABSENT) e++;
  if (!e || e->what == UH_EXPECT_END || !e->value.name || e->value.type != UH_VALUE_TEXTS) return false;
  return !holds_one(s->rows, &e->value);
}

static void conclude(const struct wanted *what, struct seeing *s, struct uh_look *look) {
  if (is_gone_below_wildcard(what, s)) {
    s->found = 0;
    (void)json_array_clear(s->rows);
  }
  look->seen = s->found ? UH_SEEN_THERE : s->complete ? UH_SEEN_ABSENT : UH_SEEN_UNKNOWN;
  /* Of a tree that was read in part the image would lack what goes with it; what one name server tells, another may
   * not. */
  if ((is_entry(what) || is_record(what)) && !s->complete) look->seen = UH_SEEN_UNKNOWN;
  look->why = UH_ERR_INIT;
  if (is_ambiguous(what, s)) {
    look->seen = UH_SEEN_UNKNOWN;
    (void)uh_fail(&s->why, UH_ERR_DATA, "%zu objects of the kind %s are as the plan describes the one that it means",
                  s->found, what->kind);
  }
  if (look->seen == UH_SEEN_UNKNOWN) look->why = s->why;
}

/* Had Active Directory shown this object when the plan was made? */
static bool directory_showed(struct uh_world_state *w, const struct wanted *what) {
  sqlite3_stmt *st = NULL;
  bool shown = false;
  if (!what->guid || !w->options.facts || is_entry(what)) return is_entry(what);
  if (!w->facts && uh_facts_open(w->options.facts, &w->facts, NULL) < 0) return false;
  if (sqlite3_prepare_v2(w->facts,
                         "SELECT 1 FROM t_object WHERE source = 'directory' AND side = ? AND kind = ? AND guid = ?"
                         " COLLATE NOCASE",
                         -1, &st, NULL) == SQLITE_OK) {
    sqlite3_bind_text(st, 1, what->side, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, what->kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, what->guid, -1, SQLITE_STATIC);
    shown = sqlite3_step(st) == SQLITE_ROW;
  }
  sqlite3_finalize(st);
  return shown;
}

static int look_by(struct uh_world_state *w, const struct wanted *what, const char *source, struct seeing *s,
                   struct uh_look *look, struct uh_err *err) {
  if (ask(w, what, source, s, err) < 0) return -1;
  conclude(what, s, look);
  return 0;
}

/* A removal that was asked of Exchange Server is looked for in Active Directory; where that cannot tell, by the cmdlet.
 */
static int look_for_absence(struct uh_world_state *w, const struct wanted *what, const char *first, struct seeing *s,
                            struct uh_look *look, struct uh_err *err) {
  bool by_directory = knows(w, "directory", what->side, what->kind);
  if (by_directory && look_by(w, what, "directory", s, look, err) < 0) return -1;
  if (by_directory && (look->seen == UH_SEEN_THERE || strcmp(first, "directory") == 0)) return 0;
  if (by_directory && look->seen == UH_SEEN_ABSENT && directory_showed(w, what)) return 0;
  return look_by(w, what, first, s, look, err);
}

/* Properties that a cmdlet changed are read by the cmdlet, for it alone gives all of them, and in Active Directory. */
static int look_for_values(struct uh_world_state *w, const struct wanted *what, const char *first, struct seeing *s,
                           struct uh_look *look, struct uh_err *err) {
  if (look_by(w, what, first, s, look, err) < 0) return -1;
  if (strcmp(first, "exchange-server") != 0 || look->seen != UH_SEEN_THERE) return 0;
  if (!knows(w, "directory", what->side, what->kind)) return 0;
  struct uh_look second = {.why = UH_ERR_INIT};
  return look_by(w, what, "directory", s, &second, err);
}

/* ---- files that a person puts into the case ---- */

/* All of a file that is no longer than an exported key may be, and one byte more where it is. */
static int read_bytes(int fd, uint8_t *bytes, size_t room, size_t *ret_n) {
  ssize_t n = 0;
  size_t all = 0;
  while (all < room && (n = read(fd, bytes + all, room - all)) != 0) {
    if (n < 0 && errno != EINTR) return -1;
    if (n > 0) all += (size_t)n;
  }
  *ret_n = all;
  return 0;
}

/* What a file that stands there is worth: its size, else a text that says why it does not count. */
static json_t *worth(int fd, const char *name, const struct stat *st) {
  const char *dot = strrchr(name, '.');
  if (!S_ISREG(st->st_mode)) return json_string("it is no plain file");
  if (st->st_size == 0) return json_string("it is empty");
  if (!dot || strcasecmp(dot, ".pfx") != 0) return json_integer((json_int_t)st->st_size);
  size_t room = UH_KEY_FILE_MAX + 1, n = 0;
  UH_CLEANUP(uh_freep) uint8_t *bytes = malloc(room);
  if (!bytes) return NULL;
  if (read_bytes(fd, bytes, room, &n) < 0) return json_sprintf("it cannot be read: %s", strerror(errno));
  const char *wrong = uh_key_file_wrong(bytes, n);
  return wrong ? json_string(wrong) : json_integer((json_int_t)n);
}

/* NULL: it is not there, or memory ran out. */
static json_t *look_at_file(const struct uh_world_state *w, const char *name) {
  struct uh_str path UH_CLEANUP(uh_str_clear) = {0};
  struct stat st;
  if (!*name || name[0] == '.' || strchr(name, '/')) return NULL; /* a plan file is not to look anywhere else */
  uh_str_addf(&path, "%s/exports/%s", w->options.held->dir, name);
  if (!uh_str_text(&path)) return NULL;
  int fd = open(path.s, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return NULL;
  if (fd < 0) return json_sprintf("it cannot be read: %s", strerror(errno));
  json_t *told = fstat(fd, &st) == 0 ? worth(fd, name, &st) : json_sprintf("it cannot be read: %s", strerror(errno));
  (void)close(fd);
  return told;
}

static json_t *files_of(const struct uh_world_state *w, const struct uh_expect *expect) {
  json_t *files = json_object(), *told;
  for (const struct uh_expect *e = expect; files && e && e->what != UH_EXPECT_END; e++)
    if (e->what == UH_EXPECT_FILE && e->value.text && (told = look_at_file(w, e->value.text)))
      (void)json_object_set_new(files, e->value.text, told);
  return files;
}

static bool expects(const struct uh_expect *expect, enum uh_expectation what) {
  for (; expect && expect->what != UH_EXPECT_END; expect++)
    if (expect->what == what) return true;
  return false;
}

/* ---- the whole ---- */

static int write_image(struct uh_world_state *w, json_t *rows, json_t *files, struct uh_look *look,
                       struct uh_err *err) {
  char when[UH_TIME_TEXT];
  json_t *image = json_pack("{s:s, s:O}", "observed_at", uh_time_text(uh_world_now(w), when), "rows", rows);
  if (image && json_object_size(files)) (void)json_object_set(image, "files", files);
  look->image = image ? json_dumps(image, JSON_COMPACT) : NULL;
  json_decref(image);
  return look->image ? 0 : uh_fail_nomem(err);
}

static int look_at(struct uh_world_state *w, const struct uh_planned *action, enum uh_look_path path,
                   const struct wanted *what, struct seeing *s, struct uh_look *look, struct uh_err *err) {
  const char *first = richest(w, what->side, what->kind);
  const char *planned = action->fingerprint_source;
  const struct uh_expect *expect = action->action.expect;
  if (uh_set_grows(what->side, what->kind) || !first) {
    look->seen = UH_SEEN_UNKNOWN;
    (void)uh_fail(&look->why, UH_ERR_UNAVAILABLE, "no source that is configured shows a single object of the kind %s",
                  what->kind);
    return 0;
  }
  if (path == UH_LOOK_BEFORE && planned && *planned && knows(w, planned, what->side, what->kind))
    return look_by(w, what, planned, s, look, err);
  if (path == UH_LOOK_BEFORE) return look_by(w, what, first, s, look, err);
  if (expects(expect, UH_EXPECT_ABSENT)) return look_for_absence(w, what, first, s, look, err);
  return look_for_values(w, what, first, s, look, err);
}

static void jsonp(json_t **json) {
  json_decref(*json);
}

int uh_world_look(void *user, const struct uh_planned *action, enum uh_look_path path, struct uh_look *ret_look,
                  struct uh_err *err) {
  struct uh_world_state *w = user;
  const struct uh_subject *subject = &action->action.subject;
  const struct wanted what = {.side = subject->side,
                              .kind = subject->kind,
                              .guid = subject->guid && *subject->guid ? subject->guid : NULL,
                              .match = subject->match,
                              .dn = action->action.directory ? action->action.directory->dn : subject->dn,
                              .expect = action->action.expect};
  UH_CLEANUP(jsonp) json_t *rows = json_array();
  UH_CLEANUP(jsonp) json_t *files = files_of(w, action->action.expect);
  struct seeing s = {.rows = rows, .why = UH_ERR_INIT};
  *ret_look = (struct uh_look){.why = UH_ERR_INIT};
  if (!rows || !files) return uh_fail_nomem(err);
  if (look_at(w, action, path, &what, &s, ret_look, err) < 0 || write_image(w, rows, files, ret_look, err) < 0) {
    uh_look_clear(ret_look);
    return -1;
  }
  return 0;
}

int uh_world_find(void *user, const char *side, const char *kind, const char *property, const char *value,
                  struct uh_look *ret_look, struct uh_err *err) {
  const struct uh_argument match[] = {{.name = property, .type = UH_VALUE_TEXT, .text = value}, {.name = NULL}};
  const struct uh_planned action = {.action = {.subject = {.side = side, .kind = kind, .name = value, .match = match}}};
  return uh_world_look(user, &action, UH_LOOK_BEFORE, ret_look, err);
}
