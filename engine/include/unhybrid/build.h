/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_BUILD_H
#define UNHYBRID_BUILD_H
/* The build of an Exchange server, as AdminDisplayVersion has it: "Version 15.2 (Build 1544.4)". */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct uh_build {
  int major, minor, build, revision;
};

/* False: the text is no such version, and *ret is not told. */
static inline bool uh_build_read(const char *text, struct uh_build *ret) {
  enum { PART_MAX = 0xffff };
  static const char *const before[] = {"Version ", ".", " (Build ", "."};
  int *const parts[] = {&ret->major, &ret->minor, &ret->build, &ret->revision};
  for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
    size_t n = strlen(before[i]);
    if (strncmp(text, before[i], n) != 0 || text[n] < '0' || text[n] > '9') return false;
    char *end;
    long value = strtol(text + n, &end, 10);
    if (value > PART_MAX) return false;
    *parts[i] = (int)value;
    text = end;
  }
  return true;
}
#endif
