/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/run.h"

#include <stdarg.h>

int uh_run_stop(struct uh_run *run, int exit_code, const char *fmt, ...) {
  if (run->stopped) return -1;
  run->stopped = true;
  /* What Ctrl-C cut off was not seen or not determined for no other reason. */
  bool cut_off = exit_code >= 1 && exit_code <= 3 && uh_run_cancelled(run);
  run->exit_code = cut_off ? uh_err_exit_code(UH_ERR_INTERRUPTED) : exit_code;
  va_list args;
  char *text = NULL;
  va_start(args, fmt);
  if (vasprintf(&text, fmt, args) < 0) text = NULL;
  va_end(args);
  uh_str_reset(&run->why);
  if (cut_off) uh_str_add(&run->why, "interrupted: ");
  uh_str_add(&run->why, text ? text : "out of memory");
  free(text);
  return -1;
}

int uh_run_stop_err(struct uh_run *run, const struct uh_err *err, const char *during) {
  char text[1200];
  return uh_run_stop(run, uh_err_exit_code(err->cls), "%s: %s", during, uh_err_text(err, text, sizeof text));
}

void uh_run_tell(const struct uh_run *run, const struct uh_event *event) {
  if (run->o->guide && run->o->guide->tell) run->o->guide->tell(run->o->guide->user, event);
}

const struct uh_plan_step *uh_run_step(const struct uh_run *run, const struct uh_planned *action) {
  for (size_t i = 0; run->plan && i < uh_plan_step_count(run->plan); i++) {
    const struct uh_plan_step *step = uh_plan_step_at(run->plan, i);
    if (strcmp(step->step->id, action->step) == 0) return step;
  }
  return NULL;
}

void uh_run_result(const struct uh_run *run, const struct uh_planned *action, enum uh_action_state state,
                   const char *why) {
  struct uh_event event = {
      .type = UH_EVENT_RESULT, .action = action, .step = uh_run_step(run, action), .state = state, .why = why};
  uh_run_tell(run, &event);
}
