/* SPDX-License-Identifier: Apache-2.0 */
#include "storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

enum { FILES = 8, NAME = 200, SECTOR = 512 };

struct op { /* a change that no sync has carried to the disk yet, in the order made */
  struct op *next;
  bool truncate;
  size_t at, n;
  unsigned char data[];
};
struct content {
  unsigned char *data;
  size_t size;
};
struct file {
  char name[NAME];
  bool named, named_on_disk; /* the directory's entry */
  struct content seen, disk;
  struct op *first, *last;
};
struct handle {
  sqlite3_file base;
  struct file *file;
  bool sync_directory; /* a new rollback journal: its first sync also syncs the directory, as the unix layer does */
};
struct storage_state {
  struct file files[FILES];
};

static struct file files[FILES];
static enum storage_fault armed;
static long fault_call, calls;
static bool fired, dead;

uint64_t storage_random(uint64_t *state) {
  uint64_t x = *state += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

/* ---- contents ---- */

static void die(const char *why) {
  fprintf(stderr, "storage: %s\n", why);
  abort();
}

static void set_size(struct content *c, size_t size) {
  if (size > c->size) {
    c->data = realloc(c->data, size);
    if (!c->data) die("out of memory");
    memset(c->data + c->size, 0, size - c->size);
  }
  c->size = size;
}
static void put(struct content *c, const void *data, size_t n, size_t at) {
  if (at + n > c->size) set_size(c, at + n);
  if (n) memcpy(c->data + at, data, n);
}
static void copy(struct content *to, const struct content *from) {
  to->size = 0;
  put(to, from->data ? from->data : (const void *)"", from->size, 0);
}
static void drop_ops(struct file *f) {
  for (struct op *op = f->first, *next; op; op = next) {
    next = op->next;
    free(op);
  }
  f->first = f->last = NULL;
}
static void clear(struct file *f) {
  drop_ops(f);
  free(f->seen.data);
  free(f->disk.data);
  memset(f, 0, sizeof *f);
}

static void log_op(struct file *f, bool truncate, const void *data, size_t n, size_t at) {
  struct op *op = malloc(sizeof *op + n);
  if (!op) die("out of memory");
  *op = (struct op){.truncate = truncate, .at = at, .n = n};
  if (n) memcpy(op->data, data, n);
  if (f->last)
    f->last->next = op;
  else
    f->first = op;
  f->last = op;
}

/* A sync carries everything to the disk. */
static void sync_file(struct file *f) {
  for (const struct op *op = f->first; op; op = op->next)
    if (op->truncate)
      set_size(&f->disk, op->at);
    else
      put(&f->disk, op->data, op->n, op->at);
  drop_ops(f);
}
static void sync_directory(void) {
  for (int i = 0; i < FILES; i++) files[i].named_on_disk = files[i].named;
}

static struct file *find(const char *name, bool create) {
  for (int i = 0; i < FILES; i++)
    if (files[i].name[0] && strcmp(files[i].name, name) == 0) return &files[i];
  for (int i = 0; create && i < FILES; i++)
    if (!files[i].name[0]) {
      if (strlen(name) >= NAME) die("name too long");
      snprintf(files[i].name, NAME, "%s", name);
      return &files[i];
    }
  return NULL;
}

/* ---- faults ---- */

/* Every call that could touch the disk passes here. SQLITE_OK: go on. `as` is what this call says when it fails. */
static int enter(int as) {
  if (dead) return as;
  if (armed == STORAGE_FINE || ++calls != fault_call) return SQLITE_OK;
  bool fits = armed == STORAGE_POWER || armed == STORAGE_EIO || (armed == STORAGE_SYNC && as == SQLITE_IOERR_FSYNC) ||
              ((armed == STORAGE_FULL || armed == STORAGE_SHORT) && as == SQLITE_IOERR_WRITE);
  if (!fits) {
    fault_call++; /* the next call that it fits */
    return SQLITE_OK;
  }
  fired = true;
  if (armed == STORAGE_POWER) dead = true;
  return armed == STORAGE_FULL ? SQLITE_FULL : as;
}

void storage_arm(enum storage_fault fault, long call) {
  armed = fault;
  fault_call = call;
  calls = 0;
  fired = dead = false;
}
long storage_calls(void) {
  return calls;
}
bool storage_fired(void) {
  return fired;
}
void storage_kill(void) {
  dead = fired = true;
}
void storage_revive(void) {
  storage_arm(STORAGE_FINE, 0);
}

void storage_reset(void) {
  for (int i = 0; i < FILES; i++) clear(&files[i]);
  storage_arm(STORAGE_FINE, 0);
}

/* ---- after the power cut ---- */

static void survive(struct file *f, uint64_t *random) {
  for (const struct op *op = f->first; op; op = op->next) {
    uint64_t dice = storage_random(random) % 4;
    if (dice == 0) continue; /* lost */
    if (op->truncate) {
      set_size(&f->disk, op->at);
      continue;
    }
    size_t n = op->n;
    if (dice == 1 && n > SECTOR) n = (size_t)(storage_random(random) % (n / SECTOR)) * SECTOR; /* torn */
    if (n) put(&f->disk, op->data, n, op->at);
  }
  drop_ops(f);
}

void storage_restart(uint64_t seed) {
  uint64_t random = seed;
  for (int i = 0; i < FILES; i++) {
    struct file *f = &files[i];
    if (!f->name[0]) continue;
    survive(f, &random);
    if (f->named != f->named_on_disk && storage_random(&random) % 2) f->named_on_disk = f->named;
    f->named = f->named_on_disk;
    if (!f->named) {
      clear(f);
      continue;
    }
    copy(&f->seen, &f->disk);
  }
  storage_arm(STORAGE_FINE, 0);
}

struct storage_state *storage_save(void) {
  struct storage_state *s = calloc(1, sizeof *s);
  if (!s) die("out of memory");
  for (int i = 0; i < FILES; i++) {
    struct file *f = &s->files[i];
    memcpy(f->name, files[i].name, NAME);
    f->named = f->named_on_disk = files[i].named;
    copy(&f->seen, &files[i].seen);
    copy(&f->disk, &files[i].seen);
  }
  return s;
}
void storage_load(const struct storage_state *s) {
  storage_arm(STORAGE_FINE, 0);
  for (int i = 0; i < FILES; i++) {
    drop_ops(&files[i]);
    memcpy(files[i].name, s->files[i].name, NAME);
    files[i].named = files[i].named_on_disk = s->files[i].named;
    copy(&files[i].seen, &s->files[i].seen);
    copy(&files[i].disk, &s->files[i].disk);
  }
}
bool storage_is(const struct storage_state *s) {
  for (int i = 0; i < FILES; i++) {
    const struct file *now = &files[i], *then = &s->files[i];
    if (now->named != then->named) return false;
    if (!now->named) continue;
    if (strcmp(now->name, then->name) != 0 || now->seen.size != then->seen.size) return false;
    if (now->seen.size && memcmp(now->seen.data, then->seen.data, now->seen.size) != 0) return false;
  }
  return true;
}
void storage_state_free(struct storage_state *s) {
  for (int i = 0; s && i < FILES; i++) clear(&s->files[i]);
  free(s);
}

unsigned char *storage_bytes(const char *name, size_t *ret_size) {
  struct file *f = find(name, false);
  if (!f || !f->named) return NULL;
  *ret_size = f->seen.size;
  return f->seen.data;
}

void storage_cut(const char *name, size_t size) {
  struct file *f = find(name, false);
  if (!f || !f->named || size > f->seen.size) die("nothing to cut");
  drop_ops(f);
  set_size(&f->seen, size);
  copy(&f->disk, &f->seen);
}

/* ---- SQLite's methods ---- */

static int x_close(sqlite3_file *file) {
  (void)file;
  return SQLITE_OK;
}
static int x_read(sqlite3_file *file, void *data, int n, sqlite3_int64 at) {
  const struct content *c = &((struct handle *)file)->file->seen;
  int rc = enter(SQLITE_IOERR_READ);
  if (rc != SQLITE_OK) return rc;
  size_t have = (size_t)at < c->size ? c->size - (size_t)at : 0;
  size_t take = have < (size_t)n ? have : (size_t)n;
  if (take) memcpy(data, c->data + at, take);
  memset((char *)data + take, 0, (size_t)n - take);
  return take == (size_t)n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}
static int x_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at) {
  struct file *f = ((struct handle *)file)->file;
  int rc = enter(SQLITE_IOERR_WRITE);
  size_t part = (size_t)n;
  if (rc != SQLITE_OK && armed == STORAGE_SHORT && !dead) part /= 2;
  if (rc != SQLITE_OK && (armed != STORAGE_SHORT || dead)) return rc;
  put(&f->seen, data, part, (size_t)at);
  log_op(f, false, data, part, (size_t)at);
  return rc;
}
static int x_truncate(sqlite3_file *file, sqlite3_int64 size) {
  struct file *f = ((struct handle *)file)->file;
  int rc = enter(SQLITE_IOERR_TRUNCATE);
  if (rc != SQLITE_OK) return rc;
  set_size(&f->seen, (size_t)size);
  log_op(f, true, NULL, 0, (size_t)size);
  return SQLITE_OK;
}
static int x_sync(sqlite3_file *file, int flags) {
  struct handle *h = (struct handle *)file;
  (void)flags;
  int rc = enter(SQLITE_IOERR_FSYNC);
  if (rc != SQLITE_OK) return rc;
  sync_file(h->file);
  if (!h->sync_directory) return SQLITE_OK;
  rc = enter(SQLITE_IOERR_DIR_FSYNC);
  if (rc != SQLITE_OK) return rc;
  sync_directory();
  h->sync_directory = false;
  return SQLITE_OK;
}
static int x_size(sqlite3_file *file, sqlite3_int64 *ret) {
  int rc = enter(SQLITE_IOERR_FSTAT);
  if (rc == SQLITE_OK) *ret = (sqlite3_int64)((struct handle *)file)->file->seen.size;
  return rc;
}
static int x_lock(sqlite3_file *file, int level) {
  (void)file;
  (void)level;
  return SQLITE_OK;
}
static int x_reserved(sqlite3_file *file, int *ret) {
  (void)file;
  *ret = 0;
  return SQLITE_OK;
}
static int x_control(sqlite3_file *file, int op, void *argument) {
  (void)file;
  (void)op;
  (void)argument;
  return SQLITE_NOTFOUND;
}
static int x_sector(sqlite3_file *file) {
  (void)file;
  return SECTOR;
}
static int x_device(sqlite3_file *file) {
  (void)file;
  return 0; /* promises nothing */
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_size,
    .xLock = x_lock,
    .xUnlock = x_lock,
    .xCheckReservedLock = x_reserved,
    .xFileControl = x_control,
    .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_device,
};

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags) {
  struct handle *h = (struct handle *)file;
  (void)vfs;
  h->base.pMethods = NULL;
  int rc = enter(SQLITE_CANTOPEN);
  if (rc != SQLITE_OK) return rc;
  struct file *f = find(name, true);
  if (!f) die("too many files");
  if (!f->named && !(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
  if (!f->named) { /* a new file of an old name holds nothing of it */
    f->named = true;
    set_size(&f->seen, 0);
    if (!f->named_on_disk) { /* its end had reached the disk: this one begins empty there, too */
      set_size(&f->disk, 0);
      drop_ops(f);
    } else { /* after a power cut the old one may be back */
      log_op(f, true, NULL, 0, 0);
    }
    h->sync_directory = (flags & SQLITE_OPEN_MAIN_JOURNAL) != 0;
  } else {
    h->sync_directory = false;
  }
  h->file = f;
  h->base.pMethods = &methods;
  if (ret_flags) *ret_flags = flags;
  return SQLITE_OK;
}
static int x_delete(sqlite3_vfs *vfs, const char *name, int directory) {
  (void)vfs;
  struct file *f = find(name, false);
  int rc = enter(SQLITE_IOERR_DELETE);
  if (rc != SQLITE_OK) return rc;
  if (!f || !f->named) return SQLITE_IOERR_DELETE_NOENT;
  f->named = false;
  if (!directory) return SQLITE_OK;
  rc = enter(SQLITE_IOERR_DIR_FSYNC);
  if (rc == SQLITE_OK) sync_directory();
  return rc;
}
static int x_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret) {
  const struct file *f = find(name, false);
  (void)vfs;
  (void)flags;
  int rc = enter(SQLITE_IOERR_ACCESS);
  *ret = f && f->named && !(flags == SQLITE_ACCESS_EXISTS && f->seen.size == 0);
  return rc;
}
static int x_full(sqlite3_vfs *vfs, const char *name, int n, char *ret) {
  (void)vfs;
  snprintf(ret, (size_t)n, "%s", name);
  return SQLITE_OK;
}
static int x_random(sqlite3_vfs *vfs, int n, char *ret) {
  static uint64_t state = 1;
  (void)vfs;
  for (int i = 0; i < n; i++) ret[i] = (char)storage_random(&state);
  return n;
}
static int x_sleep(sqlite3_vfs *vfs, int microseconds) {
  (void)vfs;
  return microseconds;
}
static int x_time(sqlite3_vfs *vfs, double *ret) {
  (void)vfs;
  *ret = 2461371.5;
  return SQLITE_OK;
}
static int x_last_error(sqlite3_vfs *vfs, int n, char *text) {
  (void)vfs;
  (void)n;
  (void)text;
  return 0;
}

void storage_register(void) {
  static sqlite3_vfs vfs = {
      .iVersion = 1,
      .szOsFile = sizeof(struct handle),
      .mxPathname = NAME - 1,
      .zName = STORAGE_NAME,
      .xOpen = x_open,
      .xDelete = x_delete,
      .xAccess = x_access,
      .xFullPathname = x_full,
      .xRandomness = x_random,
      .xSleep = x_sleep,
      .xCurrentTime = x_time,
      .xGetLastError = x_last_error,
  };
  /* Locks and statistics are for threads and people, of which there are none here. */
  if (sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) != SQLITE_OK ||
      sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) != SQLITE_OK)
    die("SQLite has begun already");
  sqlite3_vfs_register(&vfs, 0);
}
