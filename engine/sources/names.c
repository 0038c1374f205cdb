/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/names.h"

#include <stdlib.h>
#include <string.h>

void uh_names_clear(struct uh_names *names) {
  for (size_t i = 0; i < names->n; i++) free(names->v[i]);
  free(names->v);
  *names = (struct uh_names){0};
}

int uh_names_add(struct uh_names *names, const char *name, struct uh_err *err) {
  if (names->n == names->capacity) {
    size_t capacity = names->capacity ? names->capacity * 2 : 64;
    char **v = reallocarray(names->v, capacity, sizeof *v);
    if (!v) return uh_fail_nomem(err);
    names->v = v;
    names->capacity = capacity;
  }
  if (!(names->v[names->n] = strdup(name))) return uh_fail_nomem(err);
  names->n++;
  return 0;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

void uh_names_sort(struct uh_names *names) {
  size_t kept = 0;
  if (names->n > 1) qsort(names->v, names->n, sizeof *names->v, by_text);
  for (size_t i = 0; i < names->n; i++) {
    if (kept && strcmp(names->v[i], names->v[kept - 1]) == 0)
      free(names->v[i]);
    else
      names->v[kept++] = names->v[i];
  }
  names->n = kept;
}
