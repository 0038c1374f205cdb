/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that there are, in the order of cleanup/meson.build. */
#include <string.h>

#include "builtin_steps.h"
#include "case/config.h"
#include "plan/plan.h"

enum { STEPS = sizeof uh_builtin_steps / sizeof *uh_builtin_steps - 1 };

size_t uh_step_count(void) {
  return STEPS;
}

const struct uh_step *uh_step_at(size_t i) {
  return i < STEPS ? uh_builtin_steps[i] : NULL;
}

const struct uh_step *uh_step_find(const char *id) {
  const struct uh_step *step;
  for (size_t i = 0; (step = uh_step_at(i)) != NULL; i++)
    if (strcmp(step->id, id) == 0) return step;
  return NULL;
}

const char *uh_step_nearest(const char *id) {
  const char *names[STEPS + 1] = {NULL};
  for (size_t i = 0; i < STEPS; i++) names[i] = uh_builtin_steps[i]->id;
  return uh_nearest_word(id, names, STEPS);
}
