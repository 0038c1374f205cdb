/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows travel in batches: a source fills slots in a batch of its own, the writer thread binds them. The file is written
 * in few, large transactions and indexed at the end; SQLite then takes rows faster than any service gives them.
 */
#include "case/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include <unhybrid/text.h>

enum {
  BATCH_BYTES = 256 * 1024,    /* handed over when this full */
  QUEUE_MAX = 6,               /* batches waiting; a source that is faster waits */
  COMMIT_EVERY = 512,          /* batches per transaction: a cut-off run keeps most of what it saw */
  APPLICATION_ID = 0x75686661, /* "uhfa" */
};

/* ---- the schema, as data ---- */

#define TYPE_TEXT 'T'
#define TYPE_INTEGER 'I'
#define TYPE_BLOB 'B'
#define TYPE_JSON 'J'
#define ASKED_KEY false
#define ASKED_ASKED true
#define COLUMN_ROW(n, t, k) {#n, TYPE_##t, ASKED_##k},
#define COLUMN_ARRAY(table) static const struct uh_column columns_##table[] = {UH_TABLE_##table(COLUMN_ROW)};
UH_TABLES(COLUMN_ARRAY)

static const struct {
  const char *name;
  const struct uh_column *columns;
  int count;
} tables[UH_T_MAX] = {
#define TABLE_ROW(table) {#table, columns_##table, (int)(sizeof columns_##table / sizeof *columns_##table)},
    UH_TABLES(TABLE_ROW)};

const char *uh_table_name(enum uh_table_id table) {
  return (unsigned)table < UH_T_MAX ? tables[table].name : NULL;
}

const struct uh_column *uh_table_columns(enum uh_table_id table, int *ret_count) {
  if ((unsigned)table >= UH_T_MAX) return NULL;
  *ret_count = tables[table].count;
  return tables[table].columns;
}

static const char *sql_type(char type) {
  return type == 'I' ? "INTEGER" : type == 'B' ? "BLOB" : "TEXT";
}
static const char *empty_of(char type) {
  return type == 'I' ? "0" : type == 'B' ? "x''" : type == 'J' ? "'[]'" : "''";
}

static char *create_table_sql(int t) {
  sqlite3_str *s = sqlite3_str_new(NULL);
  sqlite3_str_appendf(s, "CREATE TABLE t_%s(fact INTEGER PRIMARY KEY", tables[t].name);
  for (int i = 0; i < tables[t].count; i++) {
    const struct uh_column *c = &tables[t].columns[i];
    if (c->asked)
      sqlite3_str_appendf(s, ", %s %s, %s_state INTEGER NOT NULL DEFAULT %d", c->name, sql_type(c->type), c->name,
                          UH_NOT_ASKED);
    else
      sqlite3_str_appendf(s, ", %s %s NOT NULL DEFAULT %s", c->name, sql_type(c->type), empty_of(c->type));
  }
  sqlite3_str_appendall(s, ");");
  sqlite3_str_appendf(s, "CREATE VIEW \"%s\" AS SELECT fact", tables[t].name);
  for (int i = 0; i < tables[t].count; i++) {
    const struct uh_column *c = &tables[t].columns[i];
    if (c->asked)
      sqlite3_str_appendf(s, ", CASE %s_state WHEN 0 THEN %s WHEN 1 THEN %s END AS %s", c->name, c->name,
                          empty_of(c->type), c->name);
    else
      sqlite3_str_appendf(s, ", %s", c->name);
  }
  sqlite3_str_appendf(s, " FROM t_%s;", tables[t].name);
  return sqlite3_str_finish(s);
}

static char *insert_sql(int t) {
  sqlite3_str *s = sqlite3_str_new(NULL);
  sqlite3_str *v = sqlite3_str_new(NULL);
  sqlite3_str_appendf(s, "INSERT INTO t_%s(", tables[t].name);
  for (int i = 0; i < tables[t].count; i++) {
    const struct uh_column *c = &tables[t].columns[i];
    sqlite3_str_appendf(s, "%s%s", i ? ", " : "", c->name);
    sqlite3_str_appendf(v, "%s?", i ? ", " : "");
    if (c->asked) {
      sqlite3_str_appendf(s, ", %s_state", c->name);
      sqlite3_str_appendall(v, ", ?");
    }
  }
  char *values = sqlite3_str_finish(v);
  sqlite3_str_appendf(s, ") VALUES(%s)", values ? values : "");
  sqlite3_free(values);
  return sqlite3_str_finish(s);
}

/* ---- batches ---- */

enum slot_kind { SLOT_UNSET, SLOT_TEXT, SLOT_BLOB, SLOT_INT, SLOT_ANSWER };

struct slot {
  uint32_t kind;
  uint32_t size;
  int64_t value; /* integer, answer, or the offset of the bytes in the batch */
};

struct batch {
  enum uh_table_id table;
  uint8_t *data;
  size_t size, capacity;
  size_t *rows; /* offsets of the first slot of each complete row */
  size_t count, rows_capacity;
  int (*call)(sqlite3 *db, void *user, struct uh_err *err); /* instead of rows: run this on the writer's connection */
  void *call_user;
  struct uh_err *call_err;
  int call_result;
  bool call_done;
};

static struct batch *batch_free(struct batch *b) {
  if (!b) return NULL;
  free(b->data);
  free(b->rows);
  free(b);
  return NULL;
}

/* Space for n bytes at 8-byte alignment; the offset, or SIZE_MAX without memory. */
static size_t batch_reserve(struct batch *b, size_t n) {
  size_t at = (b->size + 7) & ~(size_t)7;
  if (at + n > b->capacity) {
    size_t capacity = b->capacity ? b->capacity : BATCH_BYTES + 4096;
    while (capacity < at + n) capacity *= 2;
    uint8_t *data = realloc(b->data, capacity);
    if (!data) return SIZE_MAX;
    b->data = data;
    b->capacity = capacity;
  }
  b->size = at + n;
  return at;
}

struct uh_facts {
  sqlite3 *db;
  sqlite3_stmt *insert[UH_T_MAX];
  pthread_t writer;
  pthread_mutex_t lock;
  pthread_cond_t room, work, called;
  struct batch *queue[QUEUE_MAX];
  int head, used;
  bool closing, running, scratch;
  atomic_bool broken;
  atomic_llong cpu_ms;
  struct uh_err error; /* the writer's first failure; read after join or under lock */
  int batches_in_transaction;
};

struct uh_rows {
  struct uh_facts *facts;
  enum uh_table_id table;
  struct batch *batch;
  size_t row; /* offset of the row that was begun, SIZE_MAX: none */
  bool failed;
};

static int fail_sqlite(sqlite3 *db, struct uh_err *err, const char *doing) {
  int code = sqlite3_errcode(db);
  if (code == SQLITE_NOMEM) return uh_fail_nomem(err);
  if (code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_READONLY || code == SQLITE_CANTOPEN ||
      code == SQLITE_PERM) {
    uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot %s the facts file: %s", doing, sqlite3_errmsg(db));
    uh_err_remedy(err, "free space or choose another case directory with -C");
    return -1;
  }
  return uh_fail(err, UH_ERR_INTERNAL, "cannot %s the facts file: %s", doing, sqlite3_errmsg(db));
}

static int exec(struct uh_facts *facts, const char *sql, const char *doing, struct uh_err *err) {
  if (sqlite3_exec(facts->db, sql, NULL, NULL, NULL) == SQLITE_OK) return 0;
  return fail_sqlite(facts->db, err, doing);
}

/* ---- the writer thread ---- */

static int bind_row(sqlite3_stmt *st, const struct batch *b, size_t row) {
  const struct slot *slots = (const struct slot *)(const void *)(b->data + row);
  const struct uh_column *columns = tables[b->table].columns;
  int at = 1, rc = SQLITE_OK;
  for (int i = 0; i < tables[b->table].count && rc == SQLITE_OK; i++) {
    const struct slot *s = &slots[i];
    bool asked = columns[i].asked;
    switch (s->kind) {
      case SLOT_TEXT:
        rc = sqlite3_bind_text(st, at++, (const char *)b->data + s->value, (int)s->size, SQLITE_STATIC);
        break;
      case SLOT_BLOB: rc = sqlite3_bind_blob(st, at++, b->data + s->value, (int)s->size, SQLITE_STATIC); break;
      case SLOT_INT: rc = sqlite3_bind_int64(st, at++, s->value); break;
      default:
        if (asked)
          rc = sqlite3_bind_null(st, at++);
        else if (columns[i].type == 'T')
          rc = sqlite3_bind_text(st, at++, "", 0, SQLITE_STATIC);
        else if (columns[i].type == 'I')
          rc = sqlite3_bind_int(st, at++, 0);
        else
          rc = sqlite3_bind_zeroblob(st, at++, 0);
    }
    if (!asked || rc != SQLITE_OK) continue;
    int state = s->kind == SLOT_ANSWER ? (int)s->value : s->kind == SLOT_UNSET ? UH_NOT_ASKED : UH_VALUE;
    rc = sqlite3_bind_int(st, at++, state);
  }
  return rc;
}

static int write_batch(struct uh_facts *facts, const struct batch *b, struct uh_err *err) {
  sqlite3_stmt *st = facts->insert[b->table];
  for (size_t i = 0; i < b->count; i++) {
    if (bind_row(st, b, b->rows[i]) != SQLITE_OK) return fail_sqlite(facts->db, err, "write");
    int rc = sqlite3_step(st);
    if (rc != SQLITE_DONE) {
      fail_sqlite(facts->db, err, "write");
      sqlite3_reset(st);
      return -1;
    }
    sqlite3_reset(st);
  }
  if (++facts->batches_in_transaction < COMMIT_EVERY) return 0;
  facts->batches_in_transaction = 0;
  return exec(facts, "COMMIT; BEGIN IMMEDIATE", "write", err);
}

static void note_cpu(struct uh_facts *facts) {
  struct timespec ts;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts) == 0)
    atomic_store(&facts->cpu_ms, (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static struct batch *take_batch(struct uh_facts *facts) {
  pthread_mutex_lock(&facts->lock);
  while (!facts->used && !facts->closing) pthread_cond_wait(&facts->work, &facts->lock);
  struct batch *b = NULL;
  if (facts->used) {
    b = facts->queue[facts->head];
    facts->head = (facts->head + 1) % QUEUE_MAX;
    facts->used--;
    pthread_cond_broadcast(&facts->room);
  }
  pthread_mutex_unlock(&facts->lock);
  return b;
}

static void *writer_main(void *user) {
  struct uh_facts *facts = user;
  for (struct batch *b; (b = take_batch(facts)) != NULL;) {
    struct uh_err err = UH_ERR_INIT;
    if (b->call) {
      int result = atomic_load(&facts->broken)
                       ? uh_fail(b->call_err, UH_ERR_CANNOT_WRITE, "the facts file cannot be written")
                       : b->call(facts->db, b->call_user, b->call_err);
      pthread_mutex_lock(&facts->lock);
      b->call_result = result;
      b->call_done = true;
      pthread_cond_broadcast(&facts->called);
      pthread_mutex_unlock(&facts->lock);
      continue; /* the caller frees it */
    }
    /* After a failure the queue is still drained, so that no source waits forever. */
    if (!atomic_load(&facts->broken) && write_batch(facts, b, &err) < 0) {
      pthread_mutex_lock(&facts->lock);
      facts->error = err;
      pthread_mutex_unlock(&facts->lock);
      atomic_store(&facts->broken, true);
    }
    batch_free(b);
    note_cpu(facts);
  }
  note_cpu(facts);
  return NULL;
}

static void push_batch(struct uh_facts *facts, struct batch *b) {
  pthread_mutex_lock(&facts->lock);
  while (facts->used == QUEUE_MAX) pthread_cond_wait(&facts->room, &facts->lock);
  facts->queue[(facts->head + facts->used) % QUEUE_MAX] = b;
  facts->used++;
  pthread_cond_signal(&facts->work);
  pthread_mutex_unlock(&facts->lock);
}

int uh_facts_call(struct uh_facts *facts, int (*call)(struct sqlite3 *db, void *user, struct uh_err *err), void *user,
                  struct uh_err *err) {
  struct batch b = {.call = call, .call_user = user, .call_err = err};
  push_batch(facts, &b);
  pthread_mutex_lock(&facts->lock);
  while (!b.call_done) pthread_cond_wait(&facts->called, &facts->lock);
  pthread_mutex_unlock(&facts->lock);
  return b.call_result;
}

/* ---- opening and finishing ---- */

static int create_schema(struct uh_facts *facts, struct uh_err *err) {
  /* The file is new: nothing in it has to be journalled for long, and it can always be observed again. */
  char head[256];
  (void)snprintf(head, sizeof head,
                 "PRAGMA page_size=8192; PRAGMA journal_mode=DELETE; PRAGMA synchronous=%s; PRAGMA cache_size=-2048;"
                 "PRAGMA application_id=%d; PRAGMA user_version=%d; BEGIN IMMEDIATE;",
                 facts->scratch ? "OFF" : "NORMAL", APPLICATION_ID, UH_SCHEMA_VERSION);
  if (exec(facts, head, "create", err) < 0) return -1;
  for (int t = 0; t < UH_T_MAX; t++) {
    char *sql = create_table_sql(t);
    int rc = sql ? exec(facts, sql, "create", err) : uh_fail_nomem(err);
    sqlite3_free(sql);
    if (rc < 0) return -1;
    char *insert = insert_sql(t);
    if (!insert) return uh_fail_nomem(err);
    rc = sqlite3_prepare_v2(facts->db, insert, -1, &facts->insert[t], NULL);
    sqlite3_free(insert);
    if (rc != SQLITE_OK) return fail_sqlite(facts->db, err, "create");
  }
  return exec(facts, "COMMIT; BEGIN IMMEDIATE", "create", err);
}

static int create(const char *path, bool scratch, struct uh_facts **ret_facts, struct uh_err *err) {
  int fd = open(path, O_CREAT | O_EXCL | O_CLOEXEC | O_RDWR | O_NOFOLLOW, 0600);
  if (fd < 0) {
    uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot create the facts file: %s", strerror(errno));
    uh_err_where(err, "%s", path);
    return -1;
  }
  close(fd);
  struct uh_facts *facts = calloc(1, sizeof *facts);
  if (!facts) return uh_fail_nomem(err);
  facts->error = UH_ERR_INIT;
  facts->scratch = scratch;
  pthread_mutex_init(&facts->lock, NULL);
  pthread_cond_init(&facts->room, NULL);
  pthread_cond_init(&facts->work, NULL);
  pthread_cond_init(&facts->called, NULL);
  int rc = sqlite3_open_v2(path, &facts->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  if (rc != SQLITE_OK || create_schema(facts, err) < 0) {
    if (rc != SQLITE_OK) fail_sqlite(facts->db, err, "create");
    uh_err_where(err, "%s", path);
    uh_facts_free(facts);
    unlink(path);
    return -1;
  }
  if (pthread_create(&facts->writer, NULL, writer_main, facts) != 0) {
    uh_facts_free(facts);
    return uh_fail(err, UH_ERR_INTERNAL, "cannot start the facts writer");
  }
  facts->running = true;
  *ret_facts = facts;
  return 0;
}

int uh_facts_create(const char *path, struct uh_facts **ret_facts, struct uh_err *err) {
  return create(path, false, ret_facts, err);
}
int uh_facts_create_scratch(const char *path, struct uh_facts **ret_facts, struct uh_err *err) {
  return create(path, true, ret_facts, err);
}

static void stop_writer(struct uh_facts *facts) {
  if (!facts->running) return;
  pthread_mutex_lock(&facts->lock);
  facts->closing = true;
  pthread_cond_broadcast(&facts->work);
  pthread_mutex_unlock(&facts->lock);
  pthread_join(facts->writer, NULL);
  facts->running = false;
}

struct uh_facts *uh_facts_free(struct uh_facts *facts) {
  if (!facts) return NULL;
  stop_writer(facts);
  for (int t = 0; t < UH_T_MAX; t++) sqlite3_finalize(facts->insert[t]);
  sqlite3_close(facts->db);
  pthread_mutex_destroy(&facts->lock);
  pthread_cond_destroy(&facts->room);
  pthread_cond_destroy(&facts->work);
  pthread_cond_destroy(&facts->called);
  free(facts);
  return NULL;
}

/*
 * An object that two partitions of a listing both returned counts once. Duplicates are rare, so the index is made
 * unique first, and rows are only looked at when that fails: two listings may well show one object (then the wider
 * index is unique), or a row came twice (then the later ones go). Rows without a guid stay: they cannot be told apart.
 */
static int index_recipients(struct uh_facts *facts, struct uh_err *err) {
  static const char *const unique[] = {
      "CREATE UNIQUE INDEX exchange_recipient_guid ON t_exchange_recipient(guid) WHERE guid_state = 0",
      "CREATE UNIQUE INDEX exchange_recipient_guid ON t_exchange_recipient(guid, side, kind, listing, source) WHERE "
      "guid_state = 0",
  };
  static const char remove_later_ones[] =
      "CREATE INDEX exchange_recipient_twice ON t_exchange_recipient(guid, side, kind, listing, source, fact) WHERE "
      "guid_state = 0;"
      "DELETE FROM t_exchange_recipient WHERE guid_state = 0 AND EXISTS (SELECT 1 FROM t_exchange_recipient AS first"
      " INDEXED BY exchange_recipient_twice WHERE first.guid_state = 0 AND first.guid = t_exchange_recipient.guid"
      " AND first.side = t_exchange_recipient.side AND first.kind = t_exchange_recipient.kind"
      " AND first.listing = t_exchange_recipient.listing AND first.source = t_exchange_recipient.source"
      " AND first.fact < t_exchange_recipient.fact);"
      "DROP INDEX exchange_recipient_twice;";
  for (int i = 0; i < 2; i++) {
    int rc = sqlite3_exec(facts->db, unique[i], NULL, NULL, NULL);
    if (rc == SQLITE_OK) return 0;
    if (rc != SQLITE_CONSTRAINT) return fail_sqlite(facts->db, err, "index");
  }
  /* The counts that were told while they were read follow. */
  static const char count_again[] =
      "CREATE TEMP TABLE fewer AS SELECT s.fact AS fact, s.source AS source, max(0, s.objects - (SELECT count(*) FROM"
      " t_exchange_recipient AS r WHERE r.source = s.source AND r.side = s.side AND r.kind ="
      " substr(s.name, 1, length(r.kind)) AND r.kind || iif(r.listing = '', '', '/' || r.listing) = s.name)) AS n"
      " FROM t_set AS s WHERE s.part = '' AND EXISTS (SELECT 1 FROM t_exchange_recipient AS r WHERE"
      " r.source = s.source AND r.side = s.side AND r.kind || iif(r.listing = '', '', '/' || r.listing) = s.name);"
      "UPDATE t_source SET objects = objects - coalesce((SELECT sum(n) FROM fewer WHERE source = id), 0);"
      "UPDATE t_set SET objects = objects - coalesce((SELECT n FROM fewer WHERE fewer.fact = t_set.fact), 0);"
      "DROP TABLE fewer;";
  if (exec(facts, remove_later_ones, "index", err) < 0 || exec(facts, count_again, "index", err) < 0) return -1;
  return exec(facts, unique[1], "index", err);
}

int uh_facts_finish(struct uh_facts *facts, struct uh_err *err) {
  stop_writer(facts);
  if (atomic_load(&facts->broken)) {
    if (err && err->cls == UH_ERR_NONE) *err = facts->error;
    return -1;
  }
  if (facts->scratch) return exec(facts, "COMMIT", "finish", err);
  if (index_recipients(facts, err) < 0) return -1;
  if (exec(facts,
           /* Few or none beside a whole tenant's recipients, and a dozen checks look for them. */
           "CREATE INDEX exchange_recipient_local ON t_exchange_recipient(kind) WHERE side = 'on-premises';"
           "CREATE INDEX object_kind ON t_object(side, kind);"
           "CREATE INDEX dns_domain ON t_dns(domain, view, role);"
           "CREATE INDEX set_name ON t_set(side, name);"
           "COMMIT; PRAGMA analysis_limit=400; ANALYZE;",
           "finish", err) < 0)
    return -1;
  note_cpu(facts);
  return 0;
}

bool uh_facts_broken(const struct uh_facts *facts) {
  return atomic_load(&facts->broken);
}
int64_t uh_facts_writer_cpu_ms(const struct uh_facts *facts) {
  return atomic_load(&facts->cpu_ms);
}

/* ---- rows ---- */

int uh_rows_open(struct uh_facts *facts, enum uh_table_id table, struct uh_rows **ret_rows, struct uh_err *err) {
  struct uh_rows *rows = calloc(1, sizeof *rows);
  if (!rows) return uh_fail_nomem(err);
  rows->facts = facts;
  rows->table = table;
  rows->row = SIZE_MAX;
  *ret_rows = rows;
  return 0;
}

void uh_rows_begin(struct uh_rows *rows) {
  rows->failed = false;
  rows->row = SIZE_MAX;
  if (!rows->batch) {
    rows->batch = calloc(1, sizeof *rows->batch);
    if (!rows->batch) {
      rows->failed = true;
      return;
    }
    rows->batch->table = rows->table;
  }
  size_t bytes = (size_t)tables[rows->table].count * sizeof(struct slot);
  rows->row = batch_reserve(rows->batch, bytes);
  if (rows->row == SIZE_MAX) {
    rows->failed = true;
    return;
  }
  memset(rows->batch->data + rows->row, 0, bytes);
}

static void set_slot(struct uh_rows *rows, int column, enum slot_kind kind, const void *data, size_t n, int64_t value) {
  if (rows->failed || rows->row == SIZE_MAX || column < 0 || column >= tables[rows->table].count) return;
  if (kind == SLOT_TEXT || kind == SLOT_BLOB) {
    if (n > INT32_MAX) {
      rows->failed = true;
      return;
    }
    size_t at = batch_reserve(rows->batch, n);
    if (at == SIZE_MAX) {
      rows->failed = true;
      return;
    }
    if (n) memcpy(rows->batch->data + at, data, n);
    value = (int64_t)at;
  }
  struct slot *s = (struct slot *)(void *)(rows->batch->data + rows->row) + column;
  *s = (struct slot){.kind = kind, .size = (uint32_t)n, .value = value};
}

static void text_with_nul(struct uh_rows *rows, int column, const char *text, size_t n) {
  struct uh_str s UH_CLEANUP(uh_str_clear) = {0};
  for (size_t i = 0; i < n; i++) {
    if (text[i])
      uh_str_addc(&s, text[i]);
    else
      uh_str_add(&s, "\xEF\xBF\xBD");
  }
  if (s.failed)
    rows->failed = true;
  else
    set_slot(rows, column, SLOT_TEXT, s.s, s.len, 0);
}
void uh_rows_text(struct uh_rows *rows, int column, const char *text, size_t n) {
  if (n && memchr(text, '\0', n))
    text_with_nul(rows, column, text, n);
  else
    set_slot(rows, column, SLOT_TEXT, text, n, 0);
}
void uh_rows_str(struct uh_rows *rows, int column, const char *text) {
  set_slot(rows, column, SLOT_TEXT, text ? text : "", text ? strlen(text) : 0, 0);
}
void uh_rows_blob(struct uh_rows *rows, int column, const void *data, size_t n) {
  set_slot(rows, column, SLOT_BLOB, data, n, 0);
}
void uh_rows_int(struct uh_rows *rows, int column, int64_t value) {
  set_slot(rows, column, SLOT_INT, NULL, 0, value);
}
void uh_rows_answer(struct uh_rows *rows, int column, enum uh_answer answer) {
  set_slot(rows, column, SLOT_ANSWER, NULL, 0, answer);
}

void uh_rows_drop(struct uh_rows *rows) {
  if (rows->row != SIZE_MAX && rows->batch) rows->batch->size = rows->row;
  rows->row = SIZE_MAX;
}

static void hand_over(struct uh_rows *rows) {
  struct batch *b = UH_TAKE(rows->batch);
  if (!b) return;
  if (b->count == 0)
    batch_free(b);
  else
    push_batch(rows->facts, b);
}

static int broken_error(struct uh_facts *facts, struct uh_err *err) {
  pthread_mutex_lock(&facts->lock);
  if (err && err->cls == UH_ERR_NONE) *err = facts->error;
  pthread_mutex_unlock(&facts->lock);
  return -1;
}

int uh_rows_end(struct uh_rows *rows, struct uh_err *err) {
  struct batch *b = rows->batch;
  if (rows->failed || !b || rows->row == SIZE_MAX) {
    uh_rows_drop(rows);
    return uh_fail_nomem(err);
  }
  if (b->count == b->rows_capacity) {
    size_t capacity = b->rows_capacity ? b->rows_capacity * 2 : 512;
    size_t *offsets = realloc(b->rows, capacity * sizeof *offsets);
    if (!offsets) {
      uh_rows_drop(rows);
      return uh_fail_nomem(err);
    }
    b->rows = offsets;
    b->rows_capacity = capacity;
  }
  b->rows[b->count++] = rows->row;
  rows->row = SIZE_MAX;
  if (b->size >= BATCH_BYTES) hand_over(rows);
  return atomic_load(&rows->facts->broken) ? broken_error(rows->facts, err) : 0;
}

int uh_rows_close(struct uh_rows *rows, struct uh_err *err) {
  if (!rows) return 0;
  struct uh_facts *facts = rows->facts;
  uh_rows_drop(rows);
  hand_over(rows);
  free(rows);
  return atomic_load(&facts->broken) ? broken_error(facts, err) : 0;
}

/* ---- reading ---- */

static int read_pragma(sqlite3 *db, const char *sql, int64_t *ret) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) *ret = sqlite3_column_int64(st, 0);
  sqlite3_finalize(st);
  return rc == SQLITE_ROW ? 0 : -1;
}

int uh_facts_open(const char *path, struct sqlite3 **ret_db, struct uh_err *err) {
  sqlite3 *db = NULL;
  int64_t id = 0, version = 0;
  int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
  if (rc == SQLITE_OK && read_pragma(db, "SELECT count(*) FROM sqlite_schema", &id) < 0 &&
      sqlite3_extended_errcode(db) == SQLITE_READONLY_ROLLBACK) {
    /* The run was killed: SQLite has to take its last, unfinished transaction back before anybody can read. */
    sqlite3_close(db);
    rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  }
  if (rc != SQLITE_OK || read_pragma(db, "PRAGMA application_id", &id) < 0 ||
      read_pragma(db, "PRAGMA user_version", &version) < 0) {
    uh_fail(err, UH_ERR_DATA, "cannot read the facts: %s", sqlite3_errmsg(db));
    uh_err_where(err, "%s", path);
    uh_err_remedy(err, "observe again with `unhybrid audit`");
    sqlite3_close(db);
    return -1;
  }
  if (id != APPLICATION_ID || version != UH_SCHEMA_VERSION) {
    if (id != APPLICATION_ID)
      uh_fail(err, UH_ERR_DATA, "this is no facts file of unhybrid");
    else
      uh_fail(err, UH_ERR_DATA, "the facts have version %lld, this program reads version %d", (long long)version,
              UH_SCHEMA_VERSION);
    uh_err_where(err, "%s", path);
    uh_err_remedy(err, "observe again with `unhybrid audit`");
    sqlite3_close(db);
    return -1;
  }
  sqlite3_exec(db, "PRAGMA cache_size=-2048; PRAGMA temp_store=FILE; PRAGMA trusted_schema=ON", NULL, NULL, NULL);
  if (uh_facts_functions(db, err) < 0) {
    sqlite3_close(db);
    return -1;
  }
  *ret_db = db;
  return 0;
}
