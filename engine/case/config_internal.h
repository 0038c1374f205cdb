/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CONFIG_INTERNAL_H
#define UH_CONFIG_INTERNAL_H
/*
 * How a configuration is loaded: the schema (one table, libcyaml's) drives two passes over the same bytes. The first
 * walks libyaml's events, says what is wrong with line and remedy and notes on which line each key stands; the second
 * is libcyaml's typed loading. Then the meaning is examined (config_check.c).
 */
#include <cyaml/cyaml.h>
#include <unhybrid/base.h>

#include "case/config.h"

#define UH_CONFIG_MAX_BYTES ((size_t)1024 * 1024)
#define UH_CONFIG_MAX_TEXT 4096
#define UH_CONFIG_MAX_ITEMS 4096
#define UH_CONFIG_MAX_WINDOW_DAYS 3650
#define UH_CONFIG_PATH_SIZE 128

/* The line on which a key ("directory.url") or an element ("dns.public[0]") stands. */
struct uh_mark {
  char path[UH_CONFIG_PATH_SIZE];
  unsigned line;
};
struct uh_marks {
  const char *file;
  struct uh_mark *v;
  size_t n, cap;
};

const cyaml_schema_value_t *uh_config_schema(void);

/* The first pass. 0, or -1 with err (UH_ERR_CONFIG). */
int uh_config_walk(const char *data, size_t size, struct uh_marks *marks, struct uh_err *err);

/* The line of a key, or of the nearest enclosing key that stands in the file; 0 where nothing is known. */
unsigned uh_mark_line(const struct uh_marks *marks, const char *path);
bool uh_mark_present(const struct uh_marks *marks, const char *path);

/* Examines what was loaded: companions, shapes, secrets. Makes paths absolute and fills in defaults. */
int uh_config_check(struct uh_config *config, const struct uh_marks *marks, struct uh_err *err);

/* Whether a secret could be read from here, without keeping it: existence, kind, mode, size, environment. */
int uh_secret_check(const char *path, struct uh_err *err);
#endif
