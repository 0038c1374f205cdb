/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that facts arrive as they were given, from several threads, with their states; and that a full disk shows. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "case/facts.h"

static char dir[64], file[96];

static int setup(void **state) {
  (void)state;
  (void)snprintf(dir, sizeof dir, "/tmp/unhybrid-facts-XXXXXX");
  assert_non_null(mkdtemp(dir));
  (void)snprintf(file, sizeof file, "%s/facts.db", dir);
  return 0;
}
static int teardown(void **state) {
  (void)state;
  unlink(file);
  char journal[128];
  (void)snprintf(journal, sizeof journal, "%s-journal", file);
  unlink(journal);
  return rmdir(dir);
}

static int64_t number(sqlite3 *db, const char *sql) {
  sqlite3_stmt *st = NULL;
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(st), SQLITE_ROW);
  int64_t n = sqlite3_column_type(st, 0) == SQLITE_NULL ? -999 : sqlite3_column_int64(st, 0);
  sqlite3_finalize(st);
  return n;
}

struct job {
  struct uh_facts *facts;
  int from, to;
};

static void *fill(void *user) {
  struct job *job = user;
  struct uh_err err = UH_ERR_INIT;
  struct uh_rows *rows = NULL;
  if (uh_rows_open(job->facts, UH_T_directory_recipient, &rows, &err) < 0) return job;
  for (int i = job->from; i < job->to; i++) {
    uint8_t guid[16] = {0};
    memcpy(guid, &i, sizeof i);
    uh_rows_begin(rows);
    if (i % 100 == 99) {
      uh_rows_drop(rows);
      continue;
    }
    uh_rows_str(rows, UH_COL(directory_recipient, domain), "DC=contoso,DC=com");
    uh_rows_blob(rows, UH_COL(directory_recipient, guid), guid, sizeof guid);
    uh_rows_text(rows, UH_COL(directory_recipient, name), "na\0me", 5);
    uh_rows_int(rows, UH_COL(directory_recipient, recipient_type_details), 4398046511104);
    uh_rows_answer(rows, UH_COL(directory_recipient, home_mdb), UH_NONE);
    uh_rows_answer(rows, UH_COL(directory_recipient, mail), UH_REFUSED);
    uh_rows_answer(rows, UH_COL(directory_recipient, addresses), UH_NONE);
    if (uh_rows_end(rows, &err) < 0) break;
  }
  return uh_rows_close(rows, &err) < 0 ? job : NULL;
}

static void rows_from_four_threads_arrive_with_their_states(void **state) {
  (void)state;
  enum { N = 40000 };
  struct uh_err err = UH_ERR_INIT;
  struct uh_facts *facts = NULL;
  assert_int_equal(uh_facts_create(file, &facts, &err), 0);
  pthread_t threads[4];
  struct job jobs[4];
  for (int i = 0; i < 4; i++) {
    jobs[i] = (struct job){facts, i * N / 4, (i + 1) * N / 4};
    assert_int_equal(pthread_create(&threads[i], NULL, fill, &jobs[i]), 0);
  }
  for (int i = 0; i < 4; i++) {
    void *failed = NULL;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  assert_int_equal(uh_facts_finish(facts, &err), 0);
  uh_facts_free(facts);
  struct stat st;
  assert_int_equal(stat(file, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  sqlite3 *db = NULL;
  assert_int_equal(uh_facts_open(file, &db, &err), 0);
  assert_int_equal(number(db, "SELECT count(*) FROM directory_recipient"), N - N / 100);
  assert_int_equal(number(db, "SELECT count(DISTINCT guid) FROM directory_recipient"), N - N / 100);
  assert_int_equal(
      number(db,
             "SELECT count(*) FROM directory_recipient WHERE name = 'na' || char(65533) || 'me' AND home_mdb "
             "= '' AND mail IS NULL"
             " AND addresses = '[]' AND alias IS NULL AND recipient_type_details = 4398046511104"),
      N - N / 100);
  assert_int_equal(number(db, "SELECT min(mail_state) * 10 + min(alias_state) FROM t_directory_recipient"),
                   UH_REFUSED * 10 + UH_NOT_ASKED);
  sqlite3_close(db);
}

static void an_object_given_twice_counts_once(void **state) {
  (void)state;
  struct uh_err err = UH_ERR_INIT;
  struct uh_facts *facts = NULL;
  struct uh_rows *rows = NULL;
  static const uint8_t guid[16] = {7};
  assert_int_equal(uh_facts_create(file, &facts, &err), 0);
  assert_int_equal(uh_rows_open(facts, UH_T_exchange_recipient, &rows, &err), 0);
  for (int i = 0; i < 5; i++) {
    uh_rows_begin(rows);
    uh_rows_str(rows, UH_COL(exchange_recipient, side), i == 4 ? "on-premises" : "cloud");
    uh_rows_str(rows, UH_COL(exchange_recipient, kind), "Mailbox");
    if (i < 2 || i == 4) uh_rows_blob(rows, UH_COL(exchange_recipient, guid), guid, 16); /* rows 2, 3: no guid */
    assert_int_equal(uh_rows_end(rows, &err), 0);
  }
  assert_int_equal(uh_rows_close(rows, &err), 0);
  assert_int_equal(uh_facts_finish(facts, &err), 0);
  uh_facts_free(facts);
  sqlite3 *db = NULL;
  assert_int_equal(uh_facts_open(file, &db, &err), 0);
  assert_int_equal(number(db, "SELECT count(*) FROM exchange_recipient WHERE side = 'cloud' AND guid IS NOT NULL"), 1);
  assert_int_equal(number(db, "SELECT count(*) FROM exchange_recipient"), 4);
  sqlite3_close(db);
}

static void a_full_disk_is_cannot_write_and_nobody_hangs(void **state) {
  (void)state;
  struct uh_err err = UH_ERR_INIT;
  struct uh_facts *facts = NULL;
  struct rlimit old, small = {.rlim_cur = 600 * 1024};
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  small.rlim_max = old.rlim_max;
  assert_int_equal(uh_facts_create(file, &facts, &err), 0);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  struct job job = {facts, 0, 200000};
  void *failed = fill(&job);
  int rc = uh_facts_finish(facts, &err);
  setrlimit(RLIMIT_FSIZE, &old);
  assert_ptr_equal(failed, &job);
  assert_int_equal(rc, -1);
  assert_int_equal(err.cls, UH_ERR_CANNOT_WRITE);
  uh_facts_free(facts);
}

static void a_stranger_is_refused(void **state) {
  (void)state;
  struct uh_err err = UH_ERR_INIT;
  sqlite3 *db = NULL;
  FILE *f = fopen(file, "w");
  (void)fputs("not a database, not at all, whatever it may look like to somebody in a hurry", f);
  (void)fclose(f);
  assert_int_equal(uh_facts_open(file, &db, &err), -1);
  assert_int_equal(err.cls, UH_ERR_DATA);
  struct uh_facts *facts = NULL;
  err = UH_ERR_INIT;
  assert_int_equal(uh_facts_create(file, &facts, &err), -1); /* never overwritten */
  assert_int_equal(err.cls, UH_ERR_CANNOT_WRITE);
}

static void functions_are_three_valued(void **state) {
  (void)state;
  struct uh_err err = UH_ERR_INIT;
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
  assert_int_equal(uh_facts_functions(db, &err), 0);
  static const struct {
    const char *sql;
    int64_t expected;
  } cases[] = {
      {"SELECT prop('{\"A\":true}', 'a')", 1},
      {"SELECT prop('{\"A\":null}', 'A') = ''", 1},
      {"SELECT prop('{}', 'A')", -999},
      {"SELECT json_object('a', prop_json('{\"A\":true}', 'a')) = '{\"a\":true}'", 1},
      {"SELECT json_object('a', prop_json('{\"A\":[\"x\",1]}', 'A')) = '{\"a\":[\"x\",1]}'", 1},
      {"SELECT json_object('a', prop_json('{\"A\":null}', 'A')) = '{\"a\":\"\"}'", 1},
      {"SELECT json_object('a', prop_json('{}', 'A')) = '{\"a\":null}'", 1},
      {"SELECT json_array(bool_json(1), bool_json('False'), bool_json(NULL), bool_json(7)) = '[true,false,null,7]'", 1},
      {"SELECT prop('{\"A\":1,\"B\":\"x\\u0000y\"}', 'A')", 1}, /* a NUL takes nothing else with it */
      {"SELECT prop('{\"A\":{\"@answer\":\"refused\"}}', 'A')", -999},
      {"SELECT prop_list('{\"A\":\"x\"}', 'A') = '[\"x\"]'", 1},
      {"SELECT prop_list('{\"A\":\"\"}', 'A') = '[]'", 1},
      {"SELECT has_word('Tls, Integrated, ExternalAuthoritative', 'externalauthoritative')", 1},
      {"SELECT has_word('Tls, Integrated', 'ExternalAuthoritative')", 0},
      {"SELECT has_word('[\"a\",\"B\"]', 'b')", 1},
      {"SELECT has_word(NULL, 'b')", -999},
      {"SELECT has_address('[\"X500:/o=x\",\"smtp:Ada@Contoso.COM\"]', 'ada@contoso.com')", 1},
      {"SELECT has_address('[\"SMTP:ada@contoso.com.example\",\"smtp:xada@contoso.com\"]', 'ada@contoso.com')", 0},
      {"SELECT has_address('[\"SIP:ada@contoso.com\"]', 'ada@contoso.com')", 0},
      {"SELECT has_address('[\"smtp:ada@BÜCHER.example\"]', address_key('ada@bücher.example'))", 1},
      {"SELECT has_address('[\"smtp:ada\\u0040contoso.com\"]', 'ada@contoso.com')", 1},
      {"SELECT has_address('[\"smtp:a\"]', '')", 0},
      {"SELECT has_address('[]', 'ada@contoso.com')", 0},
      {"SELECT has_address('not JSON: \u00e9', 'ada@contoso.com')", 0},
      {"SELECT has_address(NULL, 'ada@contoso.com')", -999},
      {"SELECT has_address('[]', NULL)", -999},
      {"SELECT in_networks('203.0.113.9', '[\"203.0.113.0/24\"]')", 1},
      {"SELECT in_networks('203.0.114.9', '[\"203.0.113.0/24\", \"10.0.0.1-10.0.0.9\"]')", 0},
      {"SELECT in_networks('2001:db8::7', '[\"2001:db8::/32\"]')", 1},
      {"SELECT in_networks('10.0.0.5', '[\"10.0.0.1-10.0.0.9\"]')", 1},
      {"SELECT in_networks('::ffff:10.0.0.5', '[\"10.0.0.0/8\"]')", 1},
      {"SELECT in_networks('not an address', '[\"10.0.0.0/8\"]')", -999},
      {"SELECT in_networks('10.0.0.5', '[\"0.0.0.0/0\"]')", 1},
      {"SELECT in_networks('2001:db8::7', '[\"0.0.0.0/0\"]')", 0},
      {"SELECT guid_text(guid_blob('4f1c0c0e-0000-4000-8000-000000000001')) = '4f1c0c0e-0000-4000-8000-000000000001'",
       1},
      {"SELECT guid_text(NULL)", -999},
      {"SELECT ps_quote('a''b', '') = '''a''''b'''", 1},
      {"SELECT ps_quote(char(8238) || 'x', 'g') = '''g'''", 1},
      {"SELECT ps_quote(char(8238) || 'x', '')", -999},
      {"SELECT rdn('CN=DB01,CN=Databases,DC=x') = 'DB01'", 1},
      {"SELECT rdn('CN=A\\2C B\\, C,DC=x') = 'A, B, C'", 1},
      {"SELECT rdn('plain') = 'plain'", 1},
      {"SELECT rdn(NULL)", -999},
      {"SELECT time_text('20250310101500.0Z') = '2025-03-10T10:15:00Z'", 1},
      {"SELECT time_text('soon') = 'soon'", 1},
      {"SELECT domain_of('SMTP:Ada@Contoso.COM') = 'contoso.com'", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (number(db, cases[i].sql) != cases[i].expected) fail_msg("%s", cases[i].sql);
  sqlite3_close(db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(rows_from_four_threads_arrive_with_their_states, setup, teardown),
      cmocka_unit_test_setup_teardown(an_object_given_twice_counts_once, setup, teardown),
      cmocka_unit_test_setup_teardown(a_full_disk_is_cannot_write_and_nobody_hangs, setup, teardown),
      cmocka_unit_test_setup_teardown(a_stranger_is_refused, setup, teardown),
      cmocka_unit_test(functions_are_three_valued),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
