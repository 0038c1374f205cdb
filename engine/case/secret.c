/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets come from files that only their owner can read, or from the environment ("env:NAME"). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case/config_internal.h"

#define SECRET_MAX_BYTES ((size_t)64 * 1024)
#define ENV_PREFIX "env:"

static void closep(int *fd) {
  if (*fd >= 0) (void)close(*fd);
}

static const char *environment_name(const char *path) {
  size_t n = strlen(ENV_PREFIX);
  return strncmp(path, ENV_PREFIX, n) == 0 ? path + n : NULL;
}

static const char *from_environment(const char *name, struct uh_err *err) {
  const char *value = getenv(name);
  if (value && *value && strlen(value) <= SECRET_MAX_BYTES) return value;
  uh_fail(err, UH_ERR_CONFIG, "the environment variable %s %s", name,
          !value    ? "is not set"
          : !*value ? "is empty"
                    : "is longer than 64 KiB");
  uh_err_remedy(err, "set it for this program, or name a file instead");
  return NULL;
}

static int open_secret(const char *path, int *ret_fd, size_t *ret_size, struct uh_err *err) {
  /* O_NONBLOCK: a FIFO in its place must not make us wait. */
  UH_CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) < 0) {
    uh_fail(err, UH_ERR_CONFIG, "cannot read the secret file %s: %s", path, strerror(errno));
    uh_err_remedy(err, "check that it exists and that this account may read it");
    return -1;
  }
  if (!S_ISREG(st.st_mode)) return uh_fail(err, UH_ERR_CONFIG, "the secret file %s is not a regular file", path);
  if (st.st_mode & (S_IRWXG | S_IRWXO)) {
    uh_fail(err, UH_ERR_CONFIG, "group or others can get at the secret file %s (mode %04o)", path,
            (unsigned)st.st_mode & 07777);
    uh_err_remedy(err, "chmod 600 %s", path);
    return -1;
  }
  if (st.st_size < 0 || (size_t)st.st_size > SECRET_MAX_BYTES)
    return uh_fail(err, UH_ERR_CONFIG, "the secret file %s is larger than 64 KiB", path);
  if (st.st_size == 0) return uh_fail(err, UH_ERR_CONFIG, "the secret file %s is empty", path);
  *ret_size = (size_t)st.st_size;
  *ret_fd = uh_take_fd(&fd);
  return 0;
}

int uh_secret_check(const char *path, struct uh_err *err) {
  const char *name = environment_name(path);
  if (name) return from_environment(name, err) ? 0 : -1;
  UH_CLEANUP(closep) int fd = -1;
  size_t size;
  return open_secret(path, &fd, &size, err);
}

static int read_secret(const char *path, char **ret_secret, struct uh_err *err) {
  UH_CLEANUP(closep) int fd = -1;
  size_t size = 0, len = 0;
  if (open_secret(path, &fd, &size, err) < 0) return -1;
  UH_CLEANUP(uh_secret_freep) char *secret = calloc(1, size + 1);
  if (!secret) return uh_fail_nomem(err);
  while (len < size) {
    ssize_t n = read(fd, secret + len, size - len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return uh_fail(err, UH_ERR_CONFIG, "cannot read the secret file %s: %s", path, strerror(errno));
    if (n == 0) break;
    len += (size_t)n;
  }
  if (memchr(secret, '\0', len)) return uh_fail(err, UH_ERR_CONFIG, "the secret file %s holds a zero byte", path);
  if (len > 0 && secret[len - 1] == '\n') secret[--len] = '\0';
  if (len > 0 && secret[len - 1] == '\r') secret[--len] = '\0';
  if (len == 0) return uh_fail(err, UH_ERR_CONFIG, "the secret file %s is empty", path);
  *ret_secret = UH_TAKE(secret);
  return 0;
}

int uh_secret_read(const char *path, char **ret_secret, struct uh_err *err) {
  const char *name = environment_name(path);
  if (!name) return read_secret(path, ret_secret, err);
  const char *value = from_environment(name, err);
  if (!value) return -1;
  char *copy = strdup(value);
  if (!copy) return uh_fail_nomem(err);
  *ret_secret = copy;
  return 0;
}

void uh_secret_free(char *secret) {
  if (!secret) return;
  explicit_bzero(secret, strlen(secret));
  free(secret);
}

void uh_secret_freep(char **secret) {
  uh_secret_free(*secret);
}
