/* SPDX-License-Identifier: Apache-2.0 */
/* Files that appear only when they are complete. */
#include "case/case.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <libgen.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unhybrid/text.h>

enum { BUFFER = 64 * 1024 };

struct uh_file {
  char *path;
  char *temporary; /* NULL: written to directly */
  int fd;
  size_t used;
  char buffer[BUFFER];
};

static int fail_write(const char *path, const char *what, int error, struct uh_err *err) {
  (void)uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot %s: %s", what, strerror(error));
  uh_err_where(err, "%s", path);
  if (error == ENOSPC || error == EDQUOT) uh_err_remedy(err, "make room and run again");
  return -1;
}

struct uh_file *uh_file_abandon(struct uh_file *file) {
  if (!file) return NULL;
  if (file->fd >= 0) (void)close(file->fd);
  if (file->temporary) (void)unlink(file->temporary);
  free(file->temporary);
  free(file->path);
  free(file);
  return NULL;
}

void uh_file_abandonp(struct uh_file **file) {
  *file = uh_file_abandon(*file);
}

/* ".NAME.PID-COUNT.tmp" beside the file, so that the rename stays within one file system. */
static char *temporary_name(const char *path) {
  static atomic_uint count;
  struct uh_str name = {0};
  const char *slash = strrchr(path, '/');
  size_t dir = slash ? (size_t)(slash - path) + 1 : 0;
  uh_str_addn(&name, path, dir);
  uh_str_addf(&name, ".%.*s.%ld-%u.tmp", UH_HEAD(path + dir, 200), (long)getpid(), atomic_fetch_add(&count, 1));
  return uh_str_take(&name);
}

/* What a case keeps itself is written by nobody who was told a place to write to: the journal has every before-image.
 */
static int refuse_own(const char *path, struct uh_err *err) {
  static const char *const own[] = {"journal.db*", "journal.reserve", "lock", "facts-*.db*"};
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  struct uh_str mark UH_CLEANUP(uh_str_clear) = {0};
  bool is = false;
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) is = is || fnmatch(own[i], name, 0) == 0;
  if (!is) return 0;
  uh_str_addn(&mark, path, (size_t)(name - path));
  uh_str_add(&mark, "case.yaml");
  if (!uh_str_text(&mark)) return uh_fail_nomem(err);
  if (access(mark.s, F_OK) < 0) return 0;
  (void)uh_fail(err, UH_ERR_USAGE, "this file belongs to the case, and is not written over");
  uh_err_where(err, "%s", path);
  uh_err_remedy(err, "name another place");
  return -1;
}

int uh_file_create(const char *path, struct uh_file **ret_file, struct uh_err *err) {
  struct stat st;
  if (refuse_own(path, err) < 0) return -1;
  bool exists = stat(path, &st) == 0;
  size_t n = strlen(path);
  if (!n || path[n - 1] == '/' || (exists && S_ISDIR(st.st_mode))) return fail_write(path, "write", EISDIR, err);
  UH_CLEANUP(uh_file_abandonp) struct uh_file *file = calloc(1, sizeof *file);
  if (!file) return uh_fail_nomem(err);
  file->fd = -1;
  file->path = strdup(path);
  if (!file->path) return uh_fail_nomem(err);
  if (exists && !S_ISREG(st.st_mode)) {
    file->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  } else {
    UH_CLEANUP(uh_freep) char *temporary = temporary_name(path);
    if (!temporary) return uh_fail_nomem(err);
    file->fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file->fd >= 0) file->temporary = UH_TAKE(temporary);
  }
  if (file->fd < 0) return fail_write(path, "create the file", errno, err);
  *ret_file = UH_TAKE(file);
  return 0;
}

int uh_file_mode(struct uh_file *file, unsigned mode, struct uh_err *err) {
  return fchmod(file->fd, mode & 0777) < 0 ? fail_write(file->path, "set the mode", errno, err) : 0;
}

static int write_all(struct uh_file *file, const char *data, size_t n, struct uh_err *err) {
  while (n) {
    ssize_t done = write(file->fd, data, n);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return fail_write(file->path, "write", errno, err);
    data += done;
    n -= (size_t)done;
  }
  return 0;
}

static int flush(struct uh_file *file, struct uh_err *err) {
  size_t n = file->used;
  file->used = 0;
  return write_all(file, file->buffer, n, err);
}

int uh_file_write(struct uh_file *file, const void *data, size_t n, struct uh_err *err) {
  if (n > BUFFER - file->used && flush(file, err) < 0) return -1;
  if (n > BUFFER) return write_all(file, data, n, err);
  memcpy(file->buffer + file->used, data, n);
  file->used += n;
  return 0;
}

/* The rename itself is durable only when the directory is. A file system that cannot sync directories says EINVAL. */
static int sync_directory(const char *path, struct uh_err *err) {
  UH_CLEANUP(uh_freep) char *copy = strdup(path);
  if (!copy) return uh_fail_nomem(err);
  int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno == EACCES ? 0 : fail_write(path, "sync the directory", errno, err);
  int r = fsync(fd) < 0 && errno != EINVAL ? fail_write(path, "sync the directory", errno, err) : 0;
  (void)close(fd);
  return r;
}

int uh_file_commit(struct uh_file *file_to_free, struct uh_err *err) {
  UH_CLEANUP(uh_file_abandonp) struct uh_file *file = file_to_free;
  if (flush(file, err) < 0) return -1;
  if (!file->temporary) { /* a device or a pipe: nothing to sync or to rename */
    int fd = file->fd;
    file->fd = -1;
    return close(fd) < 0 ? fail_write(file->path, "write", errno, err) : 0;
  }
  if (fsync(file->fd) < 0) return fail_write(file->path, "write", errno, err);
  if (rename(file->temporary, file->path) < 0) return fail_write(file->path, "put the file in its place", errno, err);
  free(UH_TAKE(file->temporary));
  return sync_directory(file->path, err);
}
