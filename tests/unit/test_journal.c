/* SPDX-License-Identifier: Apache-2.0 */
/* The journal on a real file system: what it takes, gives back, and refuses. Crashes are in tests/crash. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "case/journal.h"

static char dir[64];

static int make_dir(void **state) {
  (void)state;
  snprintf(dir, sizeof dir, "%s", "/tmp/unhybrid-journal-XXXXXX");
  return mkdtemp(dir) ? 0 : -1;
}
static int remove_dir(void **state) {
  static const char *const names[] = {"journal.db", "journal.db-journal", "journal.reserve", "target"};
  char path[128];
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", dir, names[i]);
    (void)unlink(path);
  }
  return rmdir(dir);
}

static int open_as(bool create, bool read_only, struct uh_journal **ret, struct uh_err *err) {
  struct uh_journal_options options = {.dir = dir, .create = create, .read_only = read_only};
  return uh_journal_open(&options, ret, err);
}

static void append(struct uh_journal *journal, enum uh_record_type type, const char *action, const char *body,
                   const void *image, size_t size) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_record record = {
      .at = 1800000000, .type = type, .action = action, .body = body, .image = image, .image_size = size};
  if (uh_journal_append(journal, &record, &err) < 0) fail_msg("%s", err.what);
}

/* SQL as somebody else would run it on the file. */
static int tamper(const char *sql) {
  sqlite3 *db = NULL;
  char path[128];
  snprintf(path, sizeof path, "%s/journal.db", dir);
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
  sqlite3_close(db);
  return rc;
}

static void fill(void) {
  struct uh_journal *journal = NULL;
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(open_as(true, false, &journal, &err), 0);
  append(journal, UH_RECORD_OPENED, "", "{}", NULL, 0);
  append(journal, UH_RECORD_BEGUN, "C-02/1", "{\"name\":\"HybridIOC\"}", "before\0image", 12);
  append(journal, UH_RECORD_BEGUN, "C-02/2", "{}", "", 0);
  uh_journal_free(journal);
}

struct seen {
  int n;
  char text[3][64];
  size_t size[3];
  bool image[3];
};
static int see(void *user, const struct uh_record *r, struct uh_err *err) {
  struct seen *seen = user;
  (void)err;
  if (r->image_size) assert_memory_equal(r->image, "before\0image", 12);
  snprintf(seen->text[seen->n], 64, "%lld %s %s", (long long)r->seq, uh_record_type_name(r->type), r->action);
  seen->image[seen->n] = r->image != NULL;
  seen->size[seen->n++] = r->image_size;
  return 0;
}

static void test_reads_back(void **state) {
  struct uh_journal *journal = NULL;
  struct uh_err err = UH_ERR_INIT;
  struct seen seen = {0};
  char head[UH_JOURNAL_HASH_TEXT];
  struct stat st;
  (void)state;
  fill();
  assert_int_equal(open_as(false, true, &journal, &err), 0);
  assert_int_equal(uh_journal_head(journal, head), 3);
  assert_int_equal(strlen(head), 64);
  assert_int_equal(uh_journal_read(journal, 2, see, &seen, &err), 0);
  assert_int_equal(seen.n, 2);
  assert_string_equal(seen.text[0], "2 begun C-02/1");
  assert_int_equal(seen.size[0], 12);
  assert_true(seen.image[1]); /* an empty image is not "no image" */
  struct uh_record record = {.type = UH_RECORD_CLOSED, .action = "", .body = "{}"};
  assert_int_equal(uh_journal_append(journal, &record, &err), -1);
  uh_journal_free(journal);
  char path[128];
  snprintf(path, sizeof path, "%s/journal.db", dir);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_none(void **state) {
  struct uh_journal *journal = NULL;
  struct uh_err err = UH_ERR_INIT;
  (void)state;
  assert_int_equal(open_as(false, true, &journal, &err), -1);
  assert_int_equal(err.cls, UH_ERR_DATA);
  assert_non_null(strstr(err.what, "no journal"));
}

/* Somebody with an SQL client cannot change a record by mistake. */
static void test_triggers(void **state) {
  (void)state;
  fill();
  assert_int_not_equal(tamper("UPDATE record SET body = '{}' WHERE seq = 2"), SQLITE_OK);
  assert_int_not_equal(tamper("DELETE FROM record WHERE seq = 3"), SQLITE_OK);
  assert_int_not_equal(
      tamper(
          "INSERT OR REPLACE INTO record SELECT 3, at, type, action, 'x', image, previous, hash FROM record WHERE seq = 2"),
      SQLITE_OK);
  assert_int_not_equal(
      tamper("INSERT INTO record SELECT 9, at, type, action, body, image, previous, hash FROM record WHERE seq = 2"),
      SQLITE_OK);
}

/* And who means it is found out: the record is named. */
static void test_tampering(void **state) {
  static const struct {
    const char *sql, *what;
  } cases[] = {
      {"DROP TRIGGER record_stays", "table"},
      {"CREATE TABLE other(x)", "table"},
      {"DROP TRIGGER record_stays; UPDATE record SET body = '{\"name\":\"Other\"}' WHERE seq = 2;"
       "CREATE TRIGGER record_stays BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'a record is never changed'); END",
       "record 2"},
      {"DROP TRIGGER record_stays; UPDATE record SET image = NULL WHERE seq = 3;"
       "CREATE TRIGGER record_stays BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'a record is never changed'); END",
       "record 3"},
      {"DROP TRIGGER record_remains; DELETE FROM record WHERE seq = 1;"
       "CREATE TRIGGER record_remains BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'a record is never removed'); END",
       "record 1"},
      {"PRAGMA user_version = 2", "version"},
      {"PRAGMA application_id = 7", "no journal of unhybrid"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct uh_journal *journal = NULL;
    struct uh_err err = UH_ERR_INIT;
    fill();
    assert_int_equal(tamper(cases[i].sql), SQLITE_OK);
    assert_int_equal(open_as(true, false, &journal, &err), -1);
    assert_int_equal(err.cls, UH_ERR_DATA);
    if (!strstr(err.what, cases[i].what)) fail_msg("%zu: %s", i, err.what);
    assert_int_equal(remove_dir(NULL), 0);
    assert_int_equal(make_dir(NULL), 0);
  }
}

/* One bit in the schema makes a leaf of the table its root: the first records alone, and a chain that holds. */
static void test_other_root(void **state) {
  struct uh_journal *journal = NULL;
  struct uh_err err = UH_ERR_INIT;
  char body[2000];
  (void)state;
  (void)snprintf(body, sizeof body, "\"%01500d\"", 0);
  assert_int_equal(open_as(true, false, &journal, &err), 0);
  for (int i = 0; i < 10; i++) append(journal, UH_RECORD_OPENED, "", body, NULL, 0);
  uh_journal_free(journal);
  assert_int_equal(
      tamper(
          "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'record' AND rootpage = 2"),
      SQLITE_OK);
  assert_int_equal(open_as(false, true, &journal, &err), -1);
  assert_int_equal(err.cls, UH_ERR_DATA);
  assert_non_null(strstr(err.what, "table"));
}

/* One bit in a leaf, and it counts one record less than it holds: a shorter journal, whose chain holds. */
static void test_fewer_cells(void **state) {
  enum { PAGE = 4096, COUNT = 4 };
  struct uh_journal *journal = NULL;
  struct uh_err err = UH_ERR_INIT;
  char path[128];
  (void)state;
  fill();
  snprintf(path, sizeof path, "%s/journal.db", dir);
  FILE *file = fopen(path, "r+");
  assert_non_null(file);
  assert_int_equal(fseek(file, PAGE + COUNT, SEEK_SET), 0); /* of the table's first page, the low byte */
  assert_int_equal(fgetc(file), 3);
  assert_int_equal(fseek(file, PAGE + COUNT, SEEK_SET), 0);
  assert_int_equal(fputc(2, file), 2);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(open_as(false, true, &journal, &err), -1);
  assert_int_equal(err.cls, UH_ERR_DATA);
  assert_non_null(strstr(err.what, "pages"));
}

/* A cut tail leaves a chain that holds: only the head tells, which is why it is printed. */
static void test_cut_tail(void **state) {
  struct uh_journal *journal = NULL;
  struct uh_err err = UH_ERR_INIT;
  char before[UH_JOURNAL_HASH_TEXT], after[UH_JOURNAL_HASH_TEXT];
  (void)state;
  fill();
  assert_int_equal(open_as(false, true, &journal, &err), 0);
  assert_int_equal(uh_journal_head(journal, before), 3);
  uh_journal_free(journal);
  assert_int_equal(
      tamper(
          "DROP TRIGGER record_remains; DELETE FROM record WHERE seq = 3; CREATE TRIGGER record_remains BEFORE DELETE ON"
          " record BEGIN SELECT RAISE(ABORT, 'a record is never removed'); END"),
      SQLITE_OK);
  assert_int_equal(open_as(false, true, &journal, &err), 0);
  assert_int_equal(uh_journal_head(journal, after), 2);
  assert_string_not_equal(before, after);
  uh_journal_free(journal);
}

static void test_no_file(void **state) {
  struct uh_journal *journal = NULL;
  struct uh_err err = UH_ERR_INIT;
  char path[128], target[128];
  (void)state;
  snprintf(path, sizeof path, "%s/journal.db", dir);
  snprintf(target, sizeof target, "%s/target", dir);
  assert_int_equal(symlink(target, path), 0);
  assert_int_equal(open_as(true, false, &journal, &err), -1);
  assert_int_equal(err.cls, UH_ERR_DATA);
  assert_int_equal(access(target, F_OK), -1);
}

static void test_too_large(void **state) {
  struct uh_journal *journal = NULL;
  struct uh_err err = UH_ERR_INIT;
  char *body = malloc(UH_JOURNAL_BODY_MAX + 2), head[UH_JOURNAL_HASH_TEXT];
  (void)state;
  assert_non_null(body);
  memset(body, 'x', UH_JOURNAL_BODY_MAX + 1);
  body[UH_JOURNAL_BODY_MAX + 1] = '\0';
  assert_int_equal(open_as(true, false, &journal, &err), 0);
  struct uh_record record = {.type = UH_RECORD_ANCHOR, .action = "", .body = body};
  assert_int_equal(uh_journal_append(journal, &record, &err), -1);
  assert_int_equal(uh_journal_head(journal, head), 0);
  assert_false(uh_journal_broken(journal));
  uh_journal_free(journal);
  free(body);
}

/* Lets go a while after it was started. */
static void *end_reading(void *db) {
  const struct timespec while_ = {.tv_nsec = 200000000};
  (void)nanosleep(&while_, NULL);
  (void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
  return NULL;
}

/* Somebody looks at the journal while a run writes it: the run waits, and is not in doubt afterwards. */
static void test_reader_in_the_way(void **state) {
  struct uh_journal *journal = NULL;
  struct uh_err err = UH_ERR_INIT;
  char path[128], head[UH_JOURNAL_HASH_TEXT];
  pthread_t thread;
  sqlite3 *db = NULL;
  (void)state;
  fill();
  assert_int_equal(open_as(false, false, &journal, &err), 0);
  snprintf(path, sizeof path, "%s/journal.db", dir);
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM record", NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(pthread_create(&thread, NULL, end_reading, db), 0);
  append(journal, UH_RECORD_APPLIED, "C-02/1", "{}", NULL, 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_false(uh_journal_broken(journal));
  assert_int_equal(uh_journal_head(journal, head), 4);
  sqlite3_close(db);
  uh_journal_free(journal);
}

int main(void) {
#define ON_DISK(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
  const struct CMUnitTest tests[] = {ON_DISK(test_reads_back), ON_DISK(test_none),
                                     ON_DISK(test_triggers),   ON_DISK(test_tampering),
                                     ON_DISK(test_other_root), ON_DISK(test_fewer_cells),
                                     ON_DISK(test_cut_tail),   ON_DISK(test_no_file),
                                     ON_DISK(test_too_large),  ON_DISK(test_reader_in_the_way)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
