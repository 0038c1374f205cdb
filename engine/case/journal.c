/* SPDX-License-Identifier: Apache-2.0 */
#include "case/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <sqlite3.h>

#include <unhybrid/text.h>

enum {
  APPLICATION_ID = 0x75686a6e, /* "uhjn" */
  VERSION = 1,
  WAIT_MS = 5000,       /* a reader may meet a writer's commit, and a commit somebody who looks */
  RESERVE = 256 * 1024, /* bytes: room for SQLite's rollback journal and a few pages */
};

struct uh_journal {
  sqlite3 *db;
  sqlite3_stmt *insert, *select;
  char *path, *reserve; /* reserve NULL: none is kept */
  bool broken, full;
  int64_t seq;
  uint8_t hash[UH_JOURNAL_HASH];
};

static const char *const type_names[UH_RECORD_TYPES] = {
    [UH_RECORD_OPENED] = "opened",   [UH_RECORD_ANCHOR] = "anchor",         [UH_RECORD_PLANNED] = "planned",
    [UH_RECORD_BEGUN] = "begun",     [UH_RECORD_APPLIED] = "applied",       [UH_RECORD_VERIFIED] = "verified",
    [UH_RECORD_FAILED] = "failed",   [UH_RECORD_SKIPPED] = "skipped",       [UH_RECORD_DOUBT] = "in-doubt",
    [UH_RECORD_UNDONE] = "undone",   [UH_RECORD_UNDO_BEGUN] = "undo-begun", [UH_RECORD_PAUSED] = "paused",
    [UH_RECORD_STOPPED] = "stopped", [UH_RECORD_CLOSED] = "closed",
};

const char *uh_record_type_name(enum uh_record_type type) {
  return (unsigned)type < UH_RECORD_TYPES ? type_names[type] : "?";
}

static int type_of(const char *name) {
  for (int i = 0; i < UH_RECORD_TYPES; i++)
    if (strcmp(type_names[i], name) == 0) return i;
  return -1;
}

/* ---- the schema ---- */

static const char table_sql[] =
    "CREATE TABLE record(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL,"
    " body TEXT NOT NULL, image BLOB, previous BLOB NOT NULL, hash BLOB NOT NULL) STRICT";
static const char *const trigger_sql[] = {
    "CREATE TRIGGER record_follows BEFORE INSERT ON record WHEN new.seq <> coalesce((SELECT max(seq) FROM record), 0) + 1"
    " OR (new.seq > 1 AND new.previous <> (SELECT hash FROM record WHERE seq = new.seq - 1))"
    " BEGIN SELECT RAISE(ABORT, 'a record follows the last one'); END",
    "CREATE TRIGGER record_stays BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'a record is never changed'); END",
    "CREATE TRIGGER record_remains BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'a record is never removed'); END",
};
enum { TRIGGERS = sizeof trigger_sql / sizeof *trigger_sql, TABLE_ROOT = 2 };

/* ---- errors ---- */

static int fail_at(const struct uh_journal *j, enum uh_err_class cls, struct uh_err *err, const char *what) {
  (void)uh_fail(err, cls, "%s", what);
  uh_err_where(err, "%s", j->path);
  return -1;
}

static int fail_damaged(const struct uh_journal *j, struct uh_err *err, const char *what) {
  (void)fail_at(j, UH_ERR_DATA, err, what);
  uh_err_remedy(err, "nothing was changed; put the journal back from a copy of the case");
  return -1;
}

/* What SQLite said while reading. */
static int fail_read(const struct uh_journal *j, struct uh_err *err) {
  char text[300];
  int rc = sqlite3_extended_errcode(j->db);
  if (rc == SQLITE_NOMEM) return uh_fail_nomem(err);
  uh_print(text, sizeof text, "the journal cannot be read: %.*s", UH_HEAD(sqlite3_errmsg(j->db), 200));
  if (rc == SQLITE_READONLY_ROLLBACK || rc == SQLITE_READONLY_RECOVERY || rc == SQLITE_READONLY_CANTINIT) {
    (void)fail_at(j, UH_ERR_CANNOT_WRITE, err, "the last write to the journal was cut off");
    uh_err_remedy(err, "`unhybrid resume` puts it in order");
    return -1;
  }
  switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: return fail_damaged(j, err, text);
    default: return fail_at(j, UH_ERR_CANNOT_WRITE, err, text);
  }
}

/* ---- hashes ---- */

static void put_u64(uint8_t out[8], uint64_t n) {
  for (int i = 7; i >= 0; i--, n >>= 8) out[i] = (uint8_t)n;
}

static bool add_part(EVP_MD_CTX *md, const void *data, size_t n) {
  uint8_t length[8];
  put_u64(length, n);
  return EVP_DigestUpdate(md, length, sizeof length) == 1 && (n == 0 || EVP_DigestUpdate(md, data, n) == 1);
}

static void md_freep(EVP_MD_CTX **md) {
  EVP_MD_CTX_free(*md);
}

/* Every part with its length before it, so that no two records give the same bytes. */
static int hash_of(const uint8_t previous[UH_JOURNAL_HASH], const struct uh_record *r, uint8_t ret[UH_JOURNAL_HASH],
                   struct uh_err *err) {
  UH_CLEANUP(md_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
  uint8_t numbers[17];
  unsigned n = 0;
  put_u64(numbers, (uint64_t)r->seq);
  put_u64(numbers + 8, (uint64_t)r->at);
  numbers[16] = r->image != NULL;
  const char *type = uh_record_type_name(r->type);
  if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1 || !add_part(md, previous, UH_JOURNAL_HASH) ||
      !add_part(md, numbers, sizeof numbers) || !add_part(md, type, strlen(type)) ||
      !add_part(md, r->action, strlen(r->action)) || !add_part(md, r->body, strlen(r->body)) ||
      !add_part(md, r->image, r->image ? r->image_size : 0) || EVP_DigestFinal_ex(md, ret, &n) != 1)
    return uh_fail(err, UH_ERR_INTERNAL, "SHA-256 is not to be had");
  return 0;
}

/* For every record that is read: printf would take longer than the hash itself. */
static void hash_text(const uint8_t hash[UH_JOURNAL_HASH], char ret[UH_JOURNAL_HASH_TEXT]) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < UH_JOURNAL_HASH; i++) {
    ret[2 * i] = digits[hash[i] >> 4];
    ret[2 * i + 1] = digits[hash[i] & 15];
  }
  ret[UH_JOURNAL_HASH_TEXT - 1] = '\0';
}

/* ---- reading ---- */

static int fail_record(const struct uh_journal *j, int64_t seq, const char *why, struct uh_err *err) {
  char text[200];
  uh_print(text, sizeof text, "record %lld of the journal is damaged: %s", (long long)seq, why);
  return fail_damaged(j, err, text);
}

static bool is_hash(sqlite3_stmt *st, int column) {
  return sqlite3_column_type(st, column) == SQLITE_BLOB && sqlite3_column_bytes(st, column) == UH_JOURNAL_HASH;
}

/* The row that stands in the statement; expected: its number. Strings live until the next step. */
static int take_record(struct uh_journal *j, sqlite3_stmt *st, int64_t expected,
                       const uint8_t previous[UH_JOURNAL_HASH], struct uh_record *ret, struct uh_err *err) {
  uint8_t hash[UH_JOURNAL_HASH] = {0};
  struct uh_record r = {.seq = sqlite3_column_int64(st, 0), .at = sqlite3_column_int64(st, 1)};
  const char *type = (const char *)sqlite3_column_text(st, 2);
  r.action = (const char *)sqlite3_column_text(st, 3);
  r.body = (const char *)sqlite3_column_text(st, 4);
  if (r.seq != expected) return fail_record(j, expected, "it is missing", err);
  if (!type || !r.action || !r.body || type_of(type) < 0) return fail_record(j, expected, "it is no record", err);
  if (strlen(r.action) != (size_t)sqlite3_column_bytes(st, 3) || strlen(r.body) != (size_t)sqlite3_column_bytes(st, 4))
    return fail_record(j, expected, "a NUL stands in it", err);
  r.type = (enum uh_record_type)type_of(type);
  if (sqlite3_column_type(st, 5) != SQLITE_NULL) {
    r.image_size = (size_t)sqlite3_column_bytes(st, 5);
    r.image = r.image_size ? sqlite3_column_blob(st, 5) : "";
    if (!r.image) return fail_read(j, err);
  }
  if (!is_hash(st, 6) || !is_hash(st, 7) || memcmp(sqlite3_column_blob(st, 6), previous, UH_JOURNAL_HASH) != 0)
    return fail_record(j, expected, "it does not follow the one before", err);
  if (hash_of(previous, &r, hash, err) < 0) return -1;
  if (memcmp(sqlite3_column_blob(st, 7), hash, UH_JOURNAL_HASH) != 0)
    return fail_record(j, expected, "it is not as it was written", err);
  hash_text(hash, r.hash);
  *ret = r;
  return 0;
}

struct stop_reading {
  sqlite3_stmt *st;
};
static void stop_reading(struct stop_reading *s) {
  sqlite3_reset(s->st);
}

/* All records from the first on, each examined; those from `from` on are handed over. */
static int walk(struct uh_journal *j, int64_t from,
                int (*each)(void *user, const struct uh_record *record, struct uh_err *err), void *user,
                int64_t *ret_seq, uint8_t ret_hash[UH_JOURNAL_HASH], struct uh_err *err) {
  uint8_t previous[UH_JOURNAL_HASH] = {0};
  int64_t seq = 0;
  int rc;
  UH_CLEANUP(stop_reading) struct stop_reading reading = {j->select};
  while ((rc = sqlite3_step(reading.st)) == SQLITE_ROW) {
    struct uh_record r = {0};
    if (take_record(j, reading.st, seq + 1, previous, &r, err) < 0) return -1;
    memcpy(previous, sqlite3_column_blob(reading.st, 7), UH_JOURNAL_HASH);
    seq = r.seq;
    if (each && seq >= from && each(user, &r, err) < 0) return -1;
  }
  if (rc != SQLITE_DONE) return fail_read(j, err);
  *ret_seq = seq;
  memcpy(ret_hash, previous, UH_JOURNAL_HASH);
  return 0;
}

int uh_journal_read(struct uh_journal *j, int64_t from,
                    int (*each)(void *user, const struct uh_record *record, struct uh_err *err), void *user,
                    struct uh_err *err) {
  int64_t seq;
  uint8_t hash[UH_JOURNAL_HASH];
  return walk(j, from, each, user, &seq, hash, err);
}

int64_t uh_journal_head(const struct uh_journal *j, char ret_hash[UH_JOURNAL_HASH_TEXT]) {
  hash_text(j->hash, ret_hash);
  return j->seq;
}

/* ---- opening ---- */

static int run_sql(struct uh_journal *j, const char *sql, struct uh_err *err) {
  return sqlite3_exec(j->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail_read(j, err);
}

static int number_of(struct uh_journal *j, const char *pragma, int64_t *ret, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(j->db, pragma, -1, &st, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) *ret = sqlite3_column_int64(st, 0);
  sqlite3_finalize(st);
  return rc == SQLITE_ROW ? 0 : fail_read(j, err);
}

static int make_schema(struct uh_journal *j, struct uh_err *err) {
  char sql[200];
  (void)snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, VERSION);
  if (run_sql(j, "BEGIN IMMEDIATE", err) < 0 || run_sql(j, table_sql, err) < 0) return -1;
  for (int i = 0; i < TRIGGERS; i++)
    if (run_sql(j, trigger_sql[i], err) < 0) return -1;
  return run_sql(j, sql, err) < 0 ? -1 : run_sql(j, "COMMIT", err);
}

/*
 * Table and triggers stand there word for word, and nothing else. The table is made first and never moves: with another
 * root, one of its own pages, it would be a shorter journal whose chain holds.
 */
static int look_at_schema(struct uh_journal *j, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  int seen = 0, strange = 0, rc;
  if (sqlite3_prepare_v2(j->db, "SELECT sql, rootpage FROM sqlite_schema", -1, &st, NULL) != SQLITE_OK)
    return fail_read(j, err);
  while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
    const char *sql = (const char *)sqlite3_column_text(st, 0);
    bool known = sql && strcmp(sql, table_sql) == 0 && sqlite3_column_int64(st, 1) == TABLE_ROOT;
    for (int i = 0; i < TRIGGERS && sql; i++) known = known || strcmp(sql, trigger_sql[i]) == 0;
    seen++;
    strange += !known;
  }
  sqlite3_finalize(st);
  if (rc != SQLITE_DONE) return fail_read(j, err);
  return seen == 1 + TRIGGERS && !strange ? 0 : fail_damaged(j, err, "the journal's table is not as it was made");
}

static int look_at_version(struct uh_journal *j, struct uh_err *err) {
  int64_t application = 0, version = 0;
  if (number_of(j, "PRAGMA application_id", &application, err) < 0) return -1;
  if (application != APPLICATION_ID) return fail_damaged(j, err, "the file is no journal of unhybrid");
  if (number_of(j, "PRAGMA user_version", &version, err) < 0) return -1;
  if (version == VERSION) return 0;
  (void)fail_at(j, UH_ERR_DATA, err, "the journal is of another version of unhybrid");
  uh_err_remedy(err, "use the version that wrote it, or a newer one");
  return -1;
}

/* A text that tells of a page that could not be read says nothing of what stands on it. */
static bool is_unread(const char *text) {
  static const char mark[] = "error code=";
  const char *code = strstr(text, mark);
  return code && (strtol(code + sizeof mark - 1, NULL, 10) & 0xff) != SQLITE_CORRUPT;
}

/*
 * Every page is used, and all of it: a page that counts one cell less than it holds would be a shorter journal, whose
 * chain holds. Asked after the records were read, for those are named when something is wrong with them.
 */
static int look_at_pages(struct uh_journal *j, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  char why[300] = "";
  int rc = sqlite3_prepare_v2(j->db, "PRAGMA quick_check(1)", -1, &st, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(st);
  const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
  bool good = text && strcmp(text, "ok") == 0, unread = text && is_unread(text);
  uh_print(why, sizeof why, "the journal's pages are not as they were written: %.*s", UH_HEAD(text ? text : "", 200));
  sqlite3_finalize(st);
  if (!text) return fail_read(j, err);
  if (good) return 0;
  return unread ? fail_at(j, UH_ERR_CANNOT_WRITE, err, "the journal cannot be read") : fail_damaged(j, err, why);
}

static int prepare(struct uh_journal *j, struct uh_err *err) {
  if (sqlite3_prepare_v2(j->db, "INSERT INTO record VALUES(?,?,?,?,?,?,?,?)", -1, &j->insert, NULL) != SQLITE_OK ||
      sqlite3_prepare_v2(j->db, "SELECT seq, at, type, action, body, image, previous, hash FROM record ORDER BY seq",
                         -1, &j->select, NULL) != SQLITE_OK)
    return fail_read(j, err);
  return 0;
}

/* Room for the last words when the disk is full. Without it the journal works all the same. */
static void hold_reserve(const struct uh_journal *j) {
  int fd = j->reserve ? open(j->reserve, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
  if (fd < 0) return;
  if (posix_fallocate(fd, 0, RESERVE) != 0) (void)unlink(j->reserve);
  (void)close(fd);
}

static int open_db(struct uh_journal *j, const struct uh_journal_options *o, struct uh_err *err) {
  int flags =
      o->read_only || o->damaged ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | (o->create ? SQLITE_OPEN_CREATE : 0);
  if (!o->vfs) {
    struct stat st;
    if (lstat(j->path, &st) == 0 && !S_ISREG(st.st_mode))
      return fail_damaged(j, err, "the journal is no ordinary file");
    int fd =
        o->read_only || o->damaged || !o->create ? -1 : open(j->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) (void)close(fd);
    if (access(j->path, F_OK) < 0)
      return errno == ENOENT && !o->create
                 ? fail_at(j, UH_ERR_DATA, err, "there is no journal: no cleanup was begun here")
                 : fail_at(j, UH_ERR_CANNOT_WRITE, err, strerror(errno));
  }
  int rc = sqlite3_open_v2(j->path, &j->db, flags | SQLITE_OPEN_NOMUTEX, o->vfs);
  if (!j->db) return uh_fail_nomem(err);
  if (rc != SQLITE_OK) return fail_read(j, err);
  (void)sqlite3_extended_result_codes(j->db, 1);
  (void)sqlite3_busy_timeout(j->db, WAIT_MS);
  sqlite3_db_config(j->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(j->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  return run_sql(j,
                 "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA; PRAGMA fullfsync = 1;"
                 "PRAGMA cell_size_check = 1; PRAGMA mmap_size = 0",
                 err);
}

/* Empty, as a create that was cut off leaves it, counts as not there. */
static int open_schema(struct uh_journal *j, const struct uh_journal_options *o, struct uh_err *err) {
  int64_t pages = 0;
  if (number_of(j, "PRAGMA page_count", &pages, err) < 0) return -1;
  if (pages > 0) return look_at_version(j, err) < 0 ? -1 : look_at_schema(j, err);
  if (!o->create || o->read_only) return fail_at(j, UH_ERR_DATA, err, "there is no journal: no cleanup was begun here");
  return make_schema(j, err);
}

int uh_journal_open(const struct uh_journal_options *o, struct uh_journal **ret_journal, struct uh_err *err) {
  UH_CLEANUP(uh_journal_freep) struct uh_journal *j = calloc(1, sizeof *j);
  if (!j) return uh_fail_nomem(err);
  if (asprintf(&j->path, "%s/journal.db", o->dir) < 0) j->path = NULL;
  bool reserves = !o->vfs && !o->read_only && !o->damaged;
  if (reserves && asprintf(&j->reserve, "%s/journal.reserve", o->dir) < 0) j->reserve = NULL;
  if (!j->path || (reserves && !j->reserve)) return uh_fail_nomem(err);
  if (open_db(j, o, err) < 0) return -1;
  if (!o->damaged && open_schema(j, o, err) < 0) return -1;
  if (prepare(j, err) < 0) return -1;
  if (!o->damaged && (walk(j, 0, NULL, NULL, &j->seq, j->hash, err) < 0 || look_at_pages(j, err) < 0)) return -1;
  hold_reserve(j);
  *ret_journal = UH_TAKE(j);
  return 0;
}

struct uh_journal *uh_journal_free(struct uh_journal *j) {
  if (!j) return NULL;
  sqlite3_finalize(j->insert);
  sqlite3_finalize(j->select);
  sqlite3_close(j->db);
  free(j->path);
  free(j->reserve);
  free(j);
  return NULL;
}
void uh_journal_freep(struct uh_journal **journal) {
  *journal = uh_journal_free(*journal);
}

/* ---- writing ---- */

bool uh_journal_broken(const struct uh_journal *j) {
  return j->broken;
}

static int look_at_record(const struct uh_record *r, struct uh_err *err) {
  if ((unsigned)r->type >= UH_RECORD_TYPES || !r->action || !r->body)
    return uh_fail(err, UH_ERR_INTERNAL, "the journal was given no record");
  if (strlen(r->body) > UH_JOURNAL_BODY_MAX || (r->image && r->image_size > UH_JOURNAL_IMAGE_MAX))
    return uh_fail(err, UH_ERR_INTERNAL, "a record of the journal is too large");
  return 0;
}

/* A full disk, a file that others hold: clean refusals, SQLite has rolled back. Any other failure may have left
 * anything. */
static int fail_write(struct uh_journal *j, struct uh_err *err) {
  int rc = sqlite3_extended_errcode(j->db);
  char text[300];
  uh_print(text, sizeof text, "cannot write the journal: %.*s", UH_HEAD(sqlite3_errmsg(j->db), 200));
  if ((rc & 0xff) == SQLITE_FULL && sqlite3_get_autocommit(j->db)) {
    j->full = true;
    (void)fail_at(j, UH_ERR_CANNOT_WRITE, err, text);
    uh_err_remedy(err, "make room, then run `unhybrid resume`");
    return -1;
  }
  if ((rc & 0xff) == SQLITE_BUSY && sqlite3_get_autocommit(j->db)) {
    (void)fail_at(j, UH_ERR_CANNOT_WRITE, err, "another program holds the journal, and nothing was written");
    uh_err_remedy(err, "end what has %s open, then run `unhybrid resume`", j->path);
    return -1;
  }
  j->broken = true;
  (void)fail_at(j, UH_ERR_CANNOT_WRITE, err, text);
  uh_err_remedy(err,
                "nothing more is written; look after the disk, then run `unhybrid resume`: it looks before it acts");
  return -1;
}

static int insert(struct uh_journal *j, const struct uh_record *r, const uint8_t hash[UH_JOURNAL_HASH],
                  struct uh_err *err) {
  sqlite3_stmt *st = j->insert;
  sqlite3_bind_int64(st, 1, r->seq);
  sqlite3_bind_int64(st, 2, r->at);
  sqlite3_bind_text(st, 3, uh_record_type_name(r->type), -1, SQLITE_STATIC);
  sqlite3_bind_text(st, 4, r->action, -1, SQLITE_STATIC);
  sqlite3_bind_text(st, 5, r->body, -1, SQLITE_STATIC);
  if (r->image)
    sqlite3_bind_blob64(st, 6, r->image, r->image_size, SQLITE_STATIC);
  else
    sqlite3_bind_null(st, 6);
  sqlite3_bind_blob(st, 7, j->hash, UH_JOURNAL_HASH, SQLITE_STATIC);
  sqlite3_bind_blob(st, 8, hash, UH_JOURNAL_HASH, SQLITE_STATIC);
  int rc = sqlite3_step(st);
  int result = rc == SQLITE_DONE ? 0 : fail_write(j, err);
  sqlite3_reset(st);
  sqlite3_clear_bindings(st);
  return result;
}

int uh_journal_append(struct uh_journal *j, const struct uh_record *record, struct uh_err *err) {
  uint8_t hash[UH_JOURNAL_HASH];
  struct uh_record r = *record;
  if (look_at_record(record, err) < 0) return -1;
  if (j->broken)
    return fail_at(j, UH_ERR_CANNOT_WRITE, err, "the journal failed before; nothing more is written to it");
  if (j->full && record->type != UH_RECORD_STOPPED)
    return fail_at(j, UH_ERR_CANNOT_WRITE, err, "the disk is full; nothing new is begun");
  if (j->full && j->reserve) (void)unlink(j->reserve);
  r.seq = j->seq + 1;
  if (hash_of(j->hash, &r, hash, err) < 0 || insert(j, &r, hash, err) < 0) return -1;
  j->seq = r.seq;
  memcpy(j->hash, hash, sizeof hash);
  return 0;
}
