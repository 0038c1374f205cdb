/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: built-in checks in the order of checks/meson.build, then those of rule packs and plugins as loaded. */
#include <strings.h>

#include "builtin_checks.h"
#include "rules/loading.h"
#include "rules/rules.h"

static const struct uh_check **extra; /* loaded at start, before any thread; the loader owns what it points to */
static size_t extra_count;

static const struct uh_check *builtin_at(size_t *i) {
  for (size_t m = 0; uh_builtin_modules[m]; m++)
    for (const struct uh_check *c = uh_builtin_modules[m]->checks; c->id; c++)
      if ((*i)-- == 0) return c;
  return NULL;
}

const struct uh_check *uh_check_at(size_t i) {
  const struct uh_check *c = builtin_at(&i);
  if (c) return c;
  return i < extra_count ? extra[i] : NULL;
}

size_t uh_check_count(void) {
  size_t n = 0;
  while (uh_check_at(n)) n++;
  return n;
}

/* "family.name" of lower-case letters, digits and hyphens. */
static bool id_is_good(const char *id) {
  size_t family = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-");
  if (family == 0 || id[family] != '.') return false;
  const char *name = id + family + 1;
  return *name && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

int uh_checks_add(const struct uh_check *check, struct uh_err *err) {
  if (!id_is_good(check->id))
    return uh_fail(err, UH_ERR_CONFIG, "\"%s\" is no id of a check: family.name expected", check->id);
  if (strncmp(check->id, "requirement.", 12) == 0 || strncmp(check->id, "selection.", 10) == 0)
    return uh_fail(err, UH_ERR_CONFIG, "the id \"%s\" is reserved", check->id);
  if (uh_check_find(check->id)) return uh_fail(err, UH_ERR_CONFIG, "there is a check \"%s\" already", check->id);
  const struct uh_check **more = realloc(extra, (extra_count + 1) * sizeof(const struct uh_check *));
  if (!more) return uh_fail_nomem(err);
  extra = more;
  extra[extra_count++] = check;
  return 0;
}

void uh_checks_forget(void) {
  free(extra);
  extra = NULL;
  extra_count = 0;
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
