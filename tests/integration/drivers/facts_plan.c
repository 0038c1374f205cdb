/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the plan of one step, by itself, from a facts file, and prints it: for tests of steps.
 * Usage: facts_plan FILE STEP NOW [ANCHORS [named]]; ANCHORS is a JSON object, as the journal has them; named: --only
 * names the step.
 */
#include <stdio.h>
#include <stdlib.h>

#include "plan/plan.h"

/* The others are not chosen, and what follows what is not chosen is not planned: here the step stands alone. */
static int plan(char **argv, bool named, const struct uh_anchors *known, struct uh_str *out, struct uh_err *err) {
  const struct uh_step *step = uh_step_find(argv[2]);
  UH_CLEANUP(uh_plan_freep) struct uh_plan *made = NULL;
  if (!step) return uh_fail(err, UH_ERR_USAGE, "there is no step %s", argv[2]);
  const struct uh_follows none[] = {{0}};
  struct uh_step alone = *step;
  alone.follows = none;
  const struct uh_step *steps[] = {&alone, NULL};
  const char *const only[] = {argv[2], NULL};
  const struct uh_plan_options options = {.facts = argv[1],
                                          .known = known,
                                          .only = named ? only : NULL,
                                          .can = {true, true, true, true, true},
                                          .now = strtoll(argv[3], NULL, 10),
                                          .steps = steps,
                                          .organization = "contoso"};
  if (uh_plan_make(&options, &made, err) < 0) return -1;
  return uh_plan_json(made, out, err);
}

int main(int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  UH_CLEANUP(uh_anchors_freep) struct uh_anchors *known = NULL;
  struct uh_str out UH_CLEANUP(uh_str_clear) = {0};
  int rc = argc < 4 ? uh_fail(&err, UH_ERR_USAGE, "usage: facts_plan FILE STEP NOW [ANCHORS [named]]") : 0;
  if (rc == 0 && argc > 4) rc = uh_anchors_from_json(argv[4], &known, &err);
  if (rc == 0) rc = plan(argv, argc > 5, known, &out, &err);
  if (rc == 0) (void)puts(uh_str_or(&out, ""));
  char text[1024];
  if (rc < 0) (void)fprintf(stderr, "%s\n", uh_err_text(&err, text, sizeof text));
  return rc < 0 ? uh_err_exit_code(err.cls) : 0;
}
