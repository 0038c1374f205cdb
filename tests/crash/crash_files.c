/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of our own (plans, exports) while every write, sync and rename fails once: a file is there in full, the old or
 * the new one, a failure is said, and nothing is left lying about.
 *
 *   crash_files PRELOAD.so     starts itself anew with it
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case/case.h"
#include "preload.h"
#include "steps_script.h"

enum { BIG = 300000 };

static __typeof__(&preload_arm) arm;
static __typeof__(&preload_fired) was_fired;
static char dir[] = "/tmp/unhybrid-files-XXXXXX", path[80];
static int states, failures;
static struct uh_plan *plan;
static char big[BIG];

static void expect(bool truth, const char *what, enum preload_call call, int fault, int n) {
  if (truth) return;
  failures++;
  fprintf(stderr, "FAILED: %s: call %d, fault %d, place %d\n", what, call, fault, n);
}

static char *read_all(size_t *ret_n) {
  FILE *file = fopen(path, "r");
  if (!file) return NULL;
  char *data = malloc(2 * BIG);
  if (!data) abort();
  *ret_n = fread(data, 1, 2 * BIG, file);
  fclose(file);
  return data;
}

static int entries(void) {
  int n = 0;
  DIR *d = opendir(dir);
  for (const struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
  if (d) closedir(d);
  return n;
}

static int save_plan(struct uh_err *err) {
  return uh_plan_save(plan, path, err);
}
/* In pieces, as exports are written. */
static int save_export(struct uh_err *err) {
  struct uh_file *file = NULL;
  if (uh_file_create(path, &file, err) < 0) return -1;
  for (size_t at = 0; at < BIG; at += 7000)
    if (uh_file_write(file, big + at, BIG - at < 7000 ? BIG - at : 7000, err) < 0) {
      uh_file_abandon(file);
      return -1;
    }
  return uh_file_commit(file, err);
}

static bool is(const char *data, size_t n, const char *wanted, size_t n_wanted) {
  return data && n == n_wanted && memcmp(data, wanted, n) == 0;
}

/* One save with one fault. False: the fault was not reached. */
static bool one(int (*save)(struct uh_err *err), bool before, enum preload_call call, int fault, int n,
                const char *wanted, size_t n_wanted) {
  static const char old[] = "what stood there before";
  struct uh_err err = UH_ERR_INIT;
  size_t size = 0;
  (void)unlink(path);
  FILE *file = before ? fopen(path, "w") : NULL;
  if (file) {
    fputs(old, file);
    fclose(file);
  }
  arm(call, fault, n);
  int rc = save(&err);
  bool fired = was_fired();
  arm(PRELOAD_NOTHING, 0, 0);
  char *data = read_all(&size);
  bool whole = is(data, size, wanted, n_wanted);
  bool untouched = before ? is(data, size, old, sizeof old - 1) : !data;
  if (fired) {
    bool harmless = fault == 0 || fault == EINTR; /* the rest is written by the next call */
    states++;
    expect(rc == 0 ? whole : whole || untouched, "the file is not whole", call, fault, n);
    expect(!harmless || call != PRELOAD_WRITE || rc == 0, "a short write ends it", call, fault, n);
    expect(harmless || rc < 0, "a failure is not said", call, fault, n);
    expect(rc == 0 || (err.cls == UH_ERR_CANNOT_WRITE && *err.what && *err.where),
           "the error does not say what and where", call, fault, n);
    expect(entries() == (data ? 1 : 0), "a part of a file is left", call, fault, n);
  }
  free(data);
  return fired;
}

static void all(int (*save)(struct uh_err *err)) {
  static const int faults[] = {EIO, ENOSPC, EDQUOT, EINTR, 0};
  struct uh_err err = UH_ERR_INIT;
  size_t n_wanted = 0;
  (void)unlink(path);
  if (save(&err) < 0) exit(1);
  char *wanted = read_all(&n_wanted);
  for (int call = PRELOAD_WRITE; call <= PRELOAD_RENAME; call++)
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++)
      for (int before = 0; before < 2; before++) {
        if (call != PRELOAD_WRITE && (faults[f] == 0 || faults[f] == EINTR)) continue;
        for (int n = 1; one(save, before == 1, (enum preload_call)call, faults[f], n, wanted, n_wanted);) n++;
      }
  free(wanted);
}

int main(int argc, char **argv) {
  *(void **)&arm = dlsym(RTLD_DEFAULT, "preload_arm");
  *(void **)&was_fired = dlsym(RTLD_DEFAULT, "preload_fired");
  if (!arm || !was_fired) {
    if (argc != 2 || getenv("LD_PRELOAD")) return 64;
    setenv("LD_PRELOAD", argv[1], 1);
    execv("/proc/self/exe", argv);
    return 70;
  }
  if (!mkdtemp(dir)) return 73;
  snprintf(path, sizeof path, "%s/facts", dir);
  plan = steps_plan(path, NULL);
  for (int i = 0; i < BIG; i++) big[i] = (char)('a' + i % 23);
  snprintf(path, sizeof path, "%s/plan.json", dir);
  all(save_plan);
  all(save_export);
  (void)unlink(path);
  expect(rmdir(dir) == 0, "something is left", 0, 0, 0);
  uh_plan_free(plan);
  printf("files: %d states, %d failures\n", states, failures);
  return failures || states < 50 ? 1 : 0;
}
