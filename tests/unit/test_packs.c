/* SPDX-License-Identifier: Apache-2.0 */
/* Proves that a rule pack is read as written, and that each mistake in one is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rules/rules.h"

static char path[64];

static int load(const char *text, struct uh_err *err) {
  (void)snprintf(path, sizeof path, "/tmp/unhybrid-pack-XXXXXX");
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
  int rc = uh_checks_load(path, err);
  unlink(path);
  return rc;
}

#define GOOD                   \
  "checks:\n"                  \
  "  - id: contoso.vip\n"      \
  "    title: a title\n"       \
  "    severity: warning\n"    \
  "    side: cloud\n"          \
  "    needs: cloud:Mailbox\n" \
  "    remedy: do it\n"

static void a_pack_is_read(void **state) {
  (void)state;
  struct uh_err err = UH_ERR_INIT;
  size_t before = uh_check_count();
  assert_int_equal(load(GOOD "    purpose: both\n    sql: |\n      SELECT 1\n      AS violated\n", &err), 0);
  assert_int_equal(uh_check_count(), before + 1);
  const struct uh_check *c = uh_check_find("contoso.vip");
  assert_non_null(c);
  assert_string_equal(c->rules[0].sql, "SELECT 1\nAS violated\n");
  assert_int_equal(c->purposes, UH_BEFORE | UH_AFTER);
  assert_ptr_equal(uh_check_at(before), c);
  assert_string_equal(uh_check_nearest("contoso.vap"), "contoso.vip");
  /* The same id again is refused. */
  assert_int_equal(load(GOOD "    sql: SELECT 1\n", &err), -1);
  assert_non_null(strstr(err.what, "already"));
  uh_checks_unload();
  assert_null(uh_check_find("contoso.vip"));
}

static void mistakes_are_refused_with_their_line(void **state) {
  (void)state;
  static const struct {
    const char *text, *what;
    int line;
  } cases[] = {
      {GOOD, "no \"sql\"", 2},
      {GOOD "    sql: x\n    sequel: y\n", "unknown key \"sequel\"", 9},
      {GOOD "    sql: x\n    title: again\n", "stands twice", 9},
      {GOOD "    sql: [x]\n", "has to be text", 8},
      {"checks:\n  - id: BAD\n    title: t\n    severity: warning\n    side: cloud\n    needs: a:b\n    remedy: r\n    "
       "sql: x\n",
       "no id of a check", 2},
      {"checks:\n  - id: a.b\n    title: t\n    severity: fatal\n    side: cloud\n    needs: a:b\n    remedy: r\n    "
       "sql: x\n",
       "severity", 2},
      {"checks:\n  - id: requirement.p\n    title: t\n    severity: info\n    side: cloud\n    needs: a:b\n    remedy: "
       "r\n    sql: x\n",
       "reserved", 2},
      {"rules: []\n", "unknown key \"rules\"", 1},
      {"- a\n", "mapping", 1},
      {"checks: [\n", "no YAML", 2},
      {"", "mapping", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct uh_err err = UH_ERR_INIT;
    char where[80];
    assert_int_equal(load(cases[i].text, &err), -1);
    (void)snprintf(where, sizeof where, "%s:%d", path, cases[i].line);
    if (!strstr(err.what, cases[i].what) || strcmp(err.where, where) != 0)
      fail_msg("case %zu: %s: %s", i, err.where, err.what);
    assert_int_equal(err.cls, UH_ERR_CONFIG);
    uh_checks_unload();
  }
}

static void a_plugin_that_others_can_change_is_refused(void **state) {
  (void)state;
  struct uh_err err = UH_ERR_INIT;
  char file[] = "/tmp/unhybrid-plugin-XXXXXX.so";
  int fd = mkstemps(file, 3);
  assert_true(fd >= 0);
  assert_int_equal(fchmod(fd, 0666), 0);
  assert_int_equal(uh_checks_load(file, &err), -1);
  assert_non_null(strstr(err.what, "others than you"));
  err = UH_ERR_INIT;
  assert_int_equal(fchmod(fd, 0600), 0);
  assert_int_equal(uh_checks_load(file, &err), -1);
  assert_non_null(strstr(err.what, "cannot load"));
  close(fd);
  unlink(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_pack_is_read),
      cmocka_unit_test(mistakes_are_refused_with_their_line),
      cmocka_unit_test(a_plugin_that_others_can_change_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
