/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "builtin_checks.h"
#include "rules/rules.h"

/* The built-in modules one after the other, without building a table at run time. */
const struct uh_check *uh_check_at(size_t i) {
  for (size_t m = 0; uh_builtin_modules[m]; m++)
    for (const struct uh_check *c = uh_builtin_modules[m]->checks; c->id; c++)
      if (i-- == 0) return c;
  return NULL;
}

size_t uh_check_count(void) {
  size_t n = 0;
  for (size_t m = 0; uh_builtin_modules[m]; m++)
    for (const struct uh_check *c = uh_builtin_modules[m]->checks; c->id; c++) n++;
  return n;
}

const struct uh_check *uh_check_find(const char *id) {
  const struct uh_check *c;
  for (size_t i = 0; (c = uh_check_at(i)) != NULL; i++)
    if (strcmp(c->id, id) == 0) return c;
  return NULL;
}

/* Edit distance, bounded to short words: ids are. */
static size_t distance(const char *a, const char *b) {
  enum { MAX = 64 };
  size_t n = strlen(a), m = strlen(b), row[MAX + 1];
  if (n > MAX || m > MAX) return MAX;
  for (size_t j = 0; j <= m; j++) row[j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t change = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      size_t best = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;
      row[j] = change < best ? change : best;
    }
  }
  return row[m];
}

const char *uh_check_nearest(const char *id) {
  const struct uh_check *c;
  const char *best = NULL;
  size_t best_distance = (size_t)-1;
  for (size_t i = 0; (c = uh_check_at(i)) != NULL; i++) {
    size_t d = distance(id, c->id);
    if (d < best_distance) {
      best_distance = d;
      best = c->id;
    }
  }
  return best;
}

static bool list_has(const char *list, const char *id) {
  size_t n = strlen(id);
  for (const char *p = list; p && *p;) {
    size_t len = strcspn(p, ",");
    if (len == n && strncmp(p, id, n) == 0) return true;
    p += len + (p[len] == ',');
  }
  return false;
}

bool uh_requirement_examined(const char *id) {
  const struct uh_check *c;
  for (size_t i = 0; (c = uh_check_at(i)) != NULL; i++)
    if (list_has(c->requirements, id)) return true;
  return false;
}
