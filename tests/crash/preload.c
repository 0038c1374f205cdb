/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands before libc (LD_PRELOAD) and lets one of its calls fail: the n-th write, fsync or rename from when it was
 * armed. A program that was started with it finds preload_arm() by dlsym().
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "preload.h"

static enum preload_call armed;
static int fault, countdown;
static bool fired;

void preload_arm(enum preload_call call, int error, int n) {
  armed = call;
  fault = error;
  countdown = n;
  fired = false;
}
bool preload_fired(void) {
  return fired;
}

static bool meets(enum preload_call call) {
  if (call != armed || countdown <= 0 || --countdown) return false;
  fired = true;
  return true;
}

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t n) {
  if (!meets(PRELOAD_WRITE)) return REAL(write)(fd, data, n);
  if (fault == 0) return REAL(write)(fd, data, n > 1 ? n / 2 : n); /* a short write is no error */
  errno = fault;
  return -1;
}
int fsync(int fd) {
  if (!meets(PRELOAD_FSYNC)) return REAL(fsync)(fd);
  errno = fault;
  return -1;
}
int rename(const char *from, const char *to) {
  if (!meets(PRELOAD_RENAME)) return REAL(rename)(from, to);
  errno = fault;
  return -1;
}
