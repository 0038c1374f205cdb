/* SPDX-License-Identifier: Apache-2.0 */
/* Two processes race for a case a thousand times: each time one of them has it, and the other is told who. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case/case.h"

enum { ROUNDS = 1000, RUNNERS = 2 };

struct runner {
  pid_t pid;
  int out, in; /* a byte each way: go, what came of it, let go, done */
};

static char dir[] = "/tmp/unhybrid-lock-XXXXXX";

static bool put(int fd, char c) {
  return write(fd, &c, 1) == 1;
}
static char get(int fd) {
  char c;
  return read(fd, &c, 1) == 1 ? c : 0;
}

/* Tries once, and holds what it got until it is told to let go. W won, L lost to the rival, ? anything else. */
static bool play(int in, int out, const char *rival) {
  struct uh_case *c = NULL;
  struct uh_err err = UH_ERR_INIT;
  char result = '?';
  if (uh_case_open(dir, NULL, false, &c, &err) == 0) {
    if (uh_case_lock(c, "race", &err) == 0)
      result = 'W';
    else if (err.cls == UH_ERR_BUSY && strstr(err.what, rival))
      result = 'L';
  }
  if (result == '?') fprintf(stderr, "%s (not process %s)\n", err.what, rival);
  bool good = put(out, result) && get(in) == 'r';
  uh_case_free(c);
  return good && put(out, 'd');
}

static void run(int in, int out, pid_t rival_of_second) {
  char rival[32];
  pid_t pid = rival_of_second;
  if (!pid && read(in, &pid, sizeof pid) != sizeof pid) _exit(1);
  snprintf(rival, sizeof rival, "process %ld ", (long)pid);
  while (get(in) == 'g')
    if (!play(in, out, rival)) _exit(1);
  _exit(0);
}

static void start(struct runner *r, pid_t rival) {
  int there[2], back[2];
  if (pipe(there) < 0 || pipe(back) < 0) exit(73);
  r->pid = fork();
  if (r->pid < 0) exit(73);
  if (r->pid == 0) {
    close(there[1]); /* its end shows when the race is over */
    close(back[0]);
    run(there[0], back[1], rival);
  }
  r->out = there[1];
  r->in = back[0];
}

int main(void) {
  struct runner r[RUNNERS];
  struct uh_case *c = NULL;
  struct uh_err err = UH_ERR_INIT;
  int won[RUNNERS] = {0}, failures = 0;
  char path[64];
  if (!mkdtemp(dir)) return 73;
  if (uh_case_open(dir, "race", true, &c, &err) < 0) {
    fprintf(stderr, "%s\n", err.what);
    return 1;
  }
  uh_case_free(c);
  start(&r[0], 0);
  start(&r[1], r[0].pid);
  if (write(r[0].out, &r[1].pid, sizeof r[1].pid) != sizeof r[1].pid) return 73;
  for (int round = 0; round < ROUNDS; round++) {
    char got[RUNNERS];
    for (int i = 0; i < RUNNERS; i++) (void)put(r[(i + round) % RUNNERS].out, 'g');
    for (int i = 0; i < RUNNERS; i++) got[i] = get(r[i].in);
    for (int i = 0; i < RUNNERS; i++) won[i] += got[i] == 'W';
    if (got[0] + got[1] != 'W' + 'L') {
      fprintf(stderr, "FAILED: round %d: %c and %c\n", round, got[0], got[1]);
      if (++failures > 20) break;
    }
    for (int i = 0; i < RUNNERS; i++) (void)put(r[i].out, 'r');
    for (int i = 0; i < RUNNERS; i++) (void)get(r[i].in);
  }
  for (int i = 0; i < RUNNERS; i++) close(r[i].out);
  for (int i = 0; i < RUNNERS; i++) (void)waitpid(r[i].pid, NULL, 0);
  static const char *const left[] = {"lock", "case.yaml", "exports", "reports"};
  for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
    snprintf(path, sizeof path, "%s/%s", dir, left[i]);
    (void)remove(path);
  }
  (void)rmdir(dir);
  printf("lock: %d rounds, won %d and %d, %d failures\n", ROUNDS, won[0], won[1], failures);
  return failures ? 1 : 0;
}
