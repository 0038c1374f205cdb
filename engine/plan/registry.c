/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that there are, in the order of cleanup/meson.build. */
#include <string.h>

#include "builtin_steps.h"
#include "case/config.h"
#include "plan/plan.h"

enum { STEPS_MAX = 64 };

size_t uh_step_count(void) {
  size_t n = 0;
  while (uh_builtin_steps[n]) n++;
  return n;
}

const struct uh_step *uh_step_at(size_t i) {
  return i < uh_step_count() ? uh_builtin_steps[i] : NULL;
}

const struct uh_step *uh_step_find(const char *id) {
  for (const struct uh_step *const *step = uh_builtin_steps; *step; step++)
    if (strcmp((*step)->id, id) == 0) return *step;
  return NULL;
}

const char *uh_step_nearest(const char *id) {
  const char *names[STEPS_MAX] = {NULL};
  size_t n = 0;
  for (; n < STEPS_MAX && uh_builtin_steps[n]; n++) names[n] = uh_builtin_steps[n]->id;
  return uh_nearest_word(id, names, n);
}
