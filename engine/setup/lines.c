/* SPDX-License-Identifier: Apache-2.0 */
#include "setup/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = UH_LINE_MAX + UH_UTF16_ROOM(UH_LINES_CHUNK) };

static int cannot_read(const struct uh_lines *lines, struct uh_err *err) {
  (void)uh_fail(err, UH_ERR_DATA, "cannot be read: %s", strerror(errno));
  uh_err_where(err, "%s", lines->path);
  return -1;
}

int uh_lines_open(const char *path, struct uh_lines *ret, struct uh_err *err) {
  *ret = (struct uh_lines){.fd = -1, .path = path};
  ret->fd = open(path, O_RDONLY | O_CLOEXEC);
  if (ret->fd < 0) return cannot_read(ret, err);
  (void)posix_fadvise(ret->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  ret->raw = malloc(UH_LINES_CHUNK);
  ret->text = malloc(ROOM);
  if (ret->raw && ret->text) return 0;
  uh_lines_close(ret);
  return uh_fail_nomem(err);
}

void uh_lines_close(struct uh_lines *lines) {
  if (lines->fd >= 0) (void)close(lines->fd);
  lines->fd = -1;
  free(UH_TAKE(lines->raw));
  free(UH_TAKE(lines->text));
}

/* Puts the next piece of the file behind what is still there. */
static int fill(struct uh_lines *l, struct uh_err *err) {
  memmove(l->text, l->text + l->from, l->to - l->from);
  l->to -= l->from;
  l->from = 0;
  ssize_t got;
  do got = read(l->fd, l->raw, UH_LINES_CHUNK);
  while (got < 0 && errno == EINTR);
  if (got < 0) return cannot_read(l, err);
  size_t skip = 0;
  if (!l->begun) l->wide = uh_utf16_begins(l->raw, (size_t)got, &l->utf16, &skip);
  l->begun = true;
  l->end = got == 0;
  if (l->wide) {
    l->to += l->end ? uh_utf16_finish(&l->utf16, l->text + l->to)
                    : uh_utf16_decode(&l->utf16, l->raw + skip, (size_t)got - skip, l->text + l->to);
  } else {
    memcpy(l->text + l->to, l->raw + skip, (size_t)got - skip);
    l->to += (size_t)got - skip;
  }
  return 0;
}

static int hand_out(struct uh_lines *l, size_t n, const char **ret_line, size_t *ret_n) {
  *ret_line = l->text + l->from;
  *ret_n = n && l->text[l->from + n - 1] == '\r' ? n - 1 : n;
  return 1;
}

int uh_lines_next(struct uh_lines *l, const char **ret_line, size_t *ret_n, struct uh_err *err) {
  for (;;) {
    const char *begin = l->text + l->from, *end = memchr(begin, '\n', l->to - l->from);
    size_t n = end ? (size_t)(end - begin) : l->to - l->from;
    if (!end && !l->end && n < UH_LINE_MAX) {
      if (fill(l, err) < 0) return -1;
      continue;
    }
    if (!end && n == 0) return 0;
    bool skipped = l->skipping;
    l->skipping = !end && !l->end; /* the rest of a line that is too long */
    if (!skipped) {
      int r = hand_out(l, n < UH_LINE_MAX ? n : UH_LINE_MAX, ret_line, ret_n);
      l->from += end ? n + 1 : n;
      return r;
    }
    l->from += end ? n + 1 : n;
  }
}
