/* SPDX-License-Identifier: Apache-2.0 */
/* The case directory: private, one organisation, one holder; files appear whole or not at all. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "case/case.h"

static char base[] = "/tmp/unhybrid-test-case-XXXXXX";

static char *in_base(const char *name) {
  static char paths[4][256];
  static int turn;
  char *path = paths[turn++ % 4];
  (void)snprintf(path, sizeof paths[0], "%s/%s", base, name);
  return path;
}

static void put(const char *path, const char *text) {
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

static int entries(const char *dir) {
  DIR *d = opendir(dir);
  int n = -2;
  assert_non_null(d);
  while (readdir(d)) n++;
  (void)closedir(d);
  return n;
}

static mode_t mode_of(const char *path) {
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  return st.st_mode & 0777;
}

static void test_create_and_reopen(void **state) {
  (void)state;
  struct uh_case *c;
  struct uh_err err = UH_ERR_INIT;
  char *dir = in_base("contoso.case");
  char yaml[300];
  (void)umask(0);
  assert_int_equal(uh_case_open(dir, "Contoso: \"#1\" M\xC3\xBCller", true, &c, &err), 0);
  (void)umask(022);
  assert_string_equal(c->dir, dir);
  assert_int_equal(mode_of(dir), 0700);
  (void)snprintf(yaml, sizeof yaml, "%s/case.yaml", dir);
  assert_int_equal(mode_of(yaml), 0600);
  assert_int_equal(entries(dir), 1);
  uh_case_free(c);
  assert_int_equal(chmod(dir, 0755), 0);
  assert_int_equal(uh_case_open(dir, NULL, false, &c, &err), 0);
  assert_string_equal(c->organization, "Contoso: \"#1\" M\xC3\xBCller");
  assert_int_equal(mode_of(dir), 0755); /* reading changes nothing */
  uh_case_free(c);
  assert_int_equal(uh_case_open(dir, "Contoso: \"#1\" M\xC3\xBCller", true, &c, &err), 0);
  assert_int_equal(mode_of(dir), 0700);
  uh_case_free(c);
}

static void test_refusals(void **state) {
  (void)state;
  struct uh_case *c = NULL;
  static const struct {
    const char *dir, *yaml, *organization;
    bool create;
    enum uh_err_class cls;
  } rows[] = {
      {"none", NULL, "contoso", false, UH_ERR_DATA},
      {"empty", "", "contoso", false, UH_ERR_CONFIG},
      {"other", "format: 1\norganization: fabrikam\n", "contoso", true, UH_ERR_CONFIG},
      {"newer", "format: 2\norganization: contoso\nmore: [1, 2]\n", "contoso", true, UH_ERR_CONFIG},
      {"damaged", "format: 1\norganization: [", "contoso", true, UH_ERR_CONFIG},
      {"half", "format: 1\n", "contoso", true, UH_ERR_CONFIG},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct uh_err err = UH_ERR_INIT;
    if (rows[i].yaml) {
      char yaml[300];
      assert_int_equal(mkdir(in_base(rows[i].dir), 0700), 0);
      (void)snprintf(yaml, sizeof yaml, "%s/case.yaml", in_base(rows[i].dir));
      put(yaml, rows[i].yaml);
    }
    assert_int_equal(uh_case_open(in_base(rows[i].dir), rows[i].organization, rows[i].create, &c, &err), -1);
    assert_int_equal(err.cls, rows[i].cls);
    assert_true(err.what[0] && err.where[0]);
  }
  struct uh_err err = UH_ERR_INIT; /* somebody's home is not made a case */
  assert_int_equal(mkdir(in_base("home"), 0755), 0);
  put(in_base("home/letter.txt"), "dear");
  assert_int_equal(uh_case_open(in_base("home"), "contoso", true, &c, &err), -1);
  assert_int_equal(err.cls, UH_ERR_CONFIG);
  assert_int_equal(mode_of(in_base("home")), 0755);
  assert_null(c);
}

static void test_lock(void **state) {
  (void)state;
  struct uh_case *first, *second;
  struct uh_err err = UH_ERR_INIT;
  char pid[64], mark = 0;
  int ready[2], stop[2], status;
  assert_int_equal(pipe(ready) | pipe(stop), 0);
  pid_t child = fork();
  if (child == 0) { /* holds the lock until told */
    if (uh_case_open(in_base("locked"), "contoso", true, &first, NULL) < 0 || uh_case_lock(first, "audit", NULL) < 0)
      _exit(1);
    if (write(ready[1], "r", 1) != 1 || read(stop[0], &mark, 1) != 1) _exit(1);
    uh_case_free(first);
    _exit(0);
  }
  assert_int_equal(read(ready[0], &mark, 1), 1);
  assert_int_equal(uh_case_open(in_base("locked"), "contoso", true, &second, &err), 0);
  assert_int_equal(uh_case_lock(second, "cleanup", &err), -1);
  assert_int_equal(err.cls, UH_ERR_BUSY);
  (void)snprintf(pid, sizeof pid, "process %d ", (int)child);
  assert_non_null(strstr(err.what, pid));
  assert_non_null(strstr(err.what, "running audit, since 20"));
  assert_int_equal(write(stop[1], "s", 1), 1);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  err = UH_ERR_INIT;
  assert_int_equal(uh_case_lock(second, "cleanup", &err), 0);
  assert_int_equal(uh_case_lock(second, "cleanup", &err), 0);
  assert_int_equal(mode_of(in_base("locked/lock")), 0600);
  uh_case_free(second);
  for (int i = 0; i < 2; i++) (void)close(ready[i]), (void)close(stop[i]);
}

static void test_lock_of_the_dead(void **state) {
  (void)state;
  struct uh_case *c;
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_case_open(in_base("dead"), "contoso", true, &c, &err), 0);
  put(in_base("dead/lock"), "pid: 1\nuser: \x1b[2Jroot\n");
  assert_int_equal(uh_case_lock(c, "audit", &err), 0); /* the text alone holds nothing */
  uh_case_free(c);
}

static void test_facts_names(void **state) {
  (void)state;
  struct uh_case *c;
  struct uh_err err = UH_ERR_INIT;
  char **paths, *path;
  size_t n;
  assert_int_equal(uh_case_open(in_base("facts"), "contoso", true, &c, &err), 0);
  assert_int_equal(uh_case_list_facts(c, &paths, &n, &err), 0);
  assert_int_equal(n, 0);
  free(paths);
  for (int i = 0; i < 11; i++) {
    assert_int_equal(uh_case_new_facts(c, 1795374000, &path, &err), 0);
    put(path, "");
    free(path);
  }
  assert_int_equal(uh_case_new_facts(c, 1795374000 - 86400, &path, &err), 0);
  put(path, "");
  free(path);
  static const char *const others[] = {"facts-20261122T190000Z.db-journal", "facts-x.db", "facts-20261122T190000Z-.db",
                                       "facts-20261122T190000Z-02.db", "xfacts-20261122T190000Z.db"};
  char other[300];
  for (size_t i = 0; i < 5; i++) {
    (void)snprintf(other, sizeof other, "%s/%s", c->dir, others[i]);
    put(other, "");
  }
  assert_int_equal(uh_case_list_facts(c, &paths, &n, &err), 0);
  assert_int_equal(n, 12);
  assert_string_equal(strrchr(paths[0], '/'), "/facts-20261121T190000Z.db");
  assert_string_equal(strrchr(paths[1], '/'), "/facts-20261122T190000Z.db");
  assert_string_equal(strrchr(paths[2], '/'), "/facts-20261122T190000Z-2.db");
  assert_string_equal(strrchr(paths[11], '/'), "/facts-20261122T190000Z-11.db");
  for (size_t i = 0; i < n; i++) free(paths[i]);
  free(paths);
  uh_case_free(c);
}

static void test_file_systems(void **state) {
  (void)state;
  assert_string_equal(uh_fs_doubtful(0x01021997), "9p");
  assert_string_equal(uh_fs_doubtful(0x6969), "NFS");
  assert_string_equal(uh_fs_doubtful((unsigned long)(long)(int)0xFF534D42), "SMB"); /* sign-extended on some machines */
  assert_string_equal(uh_fs_doubtful(0x65735546), "FUSE");
  assert_null(uh_fs_doubtful(0xEF53));
  assert_null(uh_fs_doubtful(0x01021994));
}

static void test_file_whole_or_not(void **state) {
  (void)state;
  struct uh_err err = UH_ERR_INIT;
  struct uh_file *file;
  char *path, text[16] = "";
  assert_int_equal(mkdir(in_base("files"), 0700), 0);
  path = in_base("files/report.json");
  put(path, "old");
  assert_int_equal(uh_file_create(path, &file, &err), 0);
  static char big[200000];
  memset(big, 'x', sizeof big);
  assert_int_equal(uh_file_write(file, "new", 3, &err), 0);
  assert_int_equal(uh_file_write(file, big, sizeof big, &err), 0);
  FILE *f = fopen(path, "r");
  assert_non_null(fgets(text, sizeof text, f));
  assert_string_equal(text, "old"); /* not before it is complete */
  (void)fclose(f);
  assert_int_equal(uh_file_commit(file, &err), 0);
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_size, 3 + sizeof big);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal(entries(in_base("files")), 1);
  assert_int_equal(uh_file_create(path, &file, &err), 0);
  assert_int_equal(uh_file_write(file, "x", 1, &err), 0);
  uh_file_abandon(file);
  assert_int_equal(entries(in_base("files")), 1);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_size, 3 + sizeof big);
}

/* The file size limit stands in for a full disk: write() fails half-way. */
static void test_file_no_room(void **state) {
  (void)state;
  struct uh_err err = UH_ERR_INIT;
  struct uh_file *file;
  struct rlimit old, small;
  static char big[100000];
  assert_int_equal(mkdir(in_base("full"), 0700), 0);
  (void)signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  small = (struct rlimit){.rlim_cur = 70000, .rlim_max = old.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  assert_int_equal(uh_file_create(in_base("full/report.json"), &file, &err), 0);
  int r = uh_file_write(file, big, sizeof big, &err);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  assert_int_equal(r, -1);
  assert_int_equal(err.cls, UH_ERR_CANNOT_WRITE);
  uh_file_abandon(file);
  assert_int_equal(entries(in_base("full")), 0);
}

static void test_file_odd_places(void **state) {
  (void)state;
  struct uh_file *file = NULL;
  static const char *const bad[] = {"/proc/nothing/here", "/dev/null/x", "", "full/"};
  for (size_t i = 0; i < 4; i++) {
    struct uh_err err = UH_ERR_INIT;
    assert_int_equal(uh_file_create(bad[i], &file, &err), -1);
    assert_int_equal(err.cls, UH_ERR_CANNOT_WRITE);
  }
  struct uh_err err = UH_ERR_INIT;
  struct stat st;
  assert_int_equal(uh_file_create("/dev/full", &file, &err), 0); /* a device is written to, never replaced */
  assert_int_equal(uh_file_write(file, "x", 1, &err), 0);
  assert_int_equal(uh_file_commit(file, &err), -1);
  assert_int_equal(err.cls, UH_ERR_CANNOT_WRITE);
  assert_int_equal(stat("/dev/full", &st), 0);
  assert_true(S_ISCHR(st.st_mode));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_create_and_reopen),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_lock),
      cmocka_unit_test(test_lock_of_the_dead),
      cmocka_unit_test(test_facts_names),
      cmocka_unit_test(test_file_systems),
      cmocka_unit_test(test_file_whole_or_not),
      cmocka_unit_test(test_file_no_room),
      cmocka_unit_test(test_file_odd_places),
  };
  if (!mkdtemp(base)) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  pid_t child = fork();
  if (child == 0) {
    (void)execlp("rm", "rm", "-rf", base, (char *)NULL);
    _exit(127);
  }
  (void)waitpid(child, NULL, 0);
  return failed;
}
