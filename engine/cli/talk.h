/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_TALK_H
#define UH_TALK_H
/*
 * What a run of a plan says, and asks. Unattended it is one line for each event on standard error, or one JSON object.
 * At a terminal a person is led through it (guide_terminal.c). Names and texts of services are hostile: nothing of them
 * reaches the terminal unescaped.
 */
#include "cli/cli.h"
#include "plan/execute.h"
#include "report/plan_report.h"

struct uh_talk {
  const struct uh_cli *cli;
  const struct uh_plan *UH_NULLABLE plan;
  bool guided, dry, pauses;       /* pauses: an observation pause takes any time */
  char (*labels)[UH_PLAN_NUMBER]; /* "C-03.2", by the action's place in the plan */
  /* So that waiting is said once, and drawn as one line: */
  const struct uh_planned *UH_NULLABLE waits;
  enum uh_event_type waits_for;
  bool drawn;
};
/* plan NULL: an undo, of one action. */
int uh_talk_open(struct uh_talk *talk, const struct uh_cli *cli, const struct uh_plan *UH_NULLABLE plan, bool guided,
                 bool dry, struct uh_err *err);
void uh_talk_clear(struct uh_talk *talk);
struct uh_guide uh_talk_guide(struct uh_talk *talk);
/* "C-03.2", else "". */
/* What is run: the action's own commands, or what puts it back. */
int uh_talk_commands(const struct uh_event *event, struct uh_str *out, struct uh_err *err);
const char *uh_talk_label(const struct uh_talk *talk, const struct uh_planned *UH_NULLABLE action);
void uh_talk_wipe(struct uh_talk *talk); /* the progress line, before anything else is printed */

/* ---- guide_terminal.c ---- */

int uh_guide_ask(void *user, const struct uh_event *event, bool typed, enum uh_choice *ret_choice, char *reason,
                 size_t size, struct uh_err *err);
void uh_guide_tell(struct uh_talk *talk, const struct uh_event *event);
/* What the gate of a step, or of the run, says: what is in the way, and what is not as it was at the audit. */
bool uh_guide_has_moved(const struct uh_gate_check *check); /* is not as it was at the audit */
bool uh_guide_in_the_way(const struct uh_gate_check *check);
/* shut: with each finding that is in the way, and what to do about it. */
void uh_guide_gate(struct uh_str *out, size_t width, const struct uh_gate *gate, bool shut, bool verbose);
#endif
