/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_SETUP_LINES_H
#define UH_SETUP_LINES_H
/* The lines of a text file as UTF-8, whatever its encoding and size. */
#include <unhybrid/base.h>

#include "wire/utf16.h"

enum { UH_LINE_MAX = 64 * 1024, UH_LINES_CHUNK = 256 * 1024 };
struct uh_lines {
  int fd;
  const char *path;
  struct uh_utf16 utf16;
  bool begun, wide, end, skipping;
  uint8_t *raw;
  char *text;
  size_t from, to; /* what is not handed out yet */
};
int uh_lines_open(const char *path, struct uh_lines *ret_lines, struct uh_err *err);
void uh_lines_close(struct uh_lines *lines);
/* 1 a line, without its end; 0 no more; -1. Not NUL-terminated; lives until the next call. What is longer than
 * UH_LINE_MAX is cut. */
int uh_lines_next(struct uh_lines *lines, const char **ret_line, size_t *ret_n, struct uh_err *err);
#endif
