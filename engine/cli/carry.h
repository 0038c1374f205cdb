/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CARRY_H
#define UH_CARRY_H
/* What cleanup, resume and undo share: their options, the case under lock, the journal, the world, the run and its end.
 */
#include "case/journal.h"
#include "cli/cli.h"
#include "cli/talk.h"
#include "plan/execute.h"
#include "plan/world.h"

enum { UH_CARRY_APPROVE_MAX = 64 }; /* times that --approve is said */

struct uh_carry {
  struct uh_cli *cli;
  /* options */
  bool dry, yes, irreversible, pause_between;
  bool anew;                                 /* an undo: --yes=new-object */
  bool give_up;                              /* an undo: --give-up */
  const char *approve[UH_CARRY_APPROVE_MAX]; /* as they were typed */
  size_t n_approve;
  int64_t operator_timeout;
  /* opened */
  bool guided;
  struct uh_config *config;
  struct uh_judge_options how;
  struct uh_case *held;
  struct uh_journal *UH_NULLABLE journal;   /* NULL: there is none */
  struct uh_history *UH_NULLABLE history;   /* of the journal */
  struct uh_judge_known *UH_NULLABLE known; /* by the plan's anchors */
  struct uh_world *UH_NULLABLE world;
  char *UH_NULLABLE facts; /* the observation that the gate compares with */
  struct uh_talk talk;
  const char **approved;                      /* action ids, NULL-terminated */
  bool observed_now;                          /* this run made them */
  bool begins;                                /* the plan is a new one: step 0 comes first */
  const struct uh_plan *UH_NULLABLE exported; /* whose anchors step 0 exports */
};
void uh_carry_clear(struct uh_carry *c);

/* ---- options ---- */

enum { OPT_DRY_RUN = 1200, OPT_YES, OPT_PAUSE_BETWEEN, OPT_APPROVE, OPT_OPERATOR_TIMEOUT, OPT_GIVE_UP };
#define UH_CARRY_OPTIONS                                                                                            \
  {"dry-run", no_argument, NULL, OPT_DRY_RUN}, {"yes", optional_argument, NULL, OPT_YES},                           \
      {"pause-between", no_argument, NULL, OPT_PAUSE_BETWEEN}, {"approve", required_argument, NULL, OPT_APPROVE}, { \
    "operator-timeout", required_argument, NULL, OPT_OPERATOR_TIMEOUT                                               \
  }
#define UH_CARRY_HELP                                                                         \
  "      --dry-run          everything up to the first change; nothing that writes is sent\n" \
  "      --yes              ask nobody. What cannot be undone is left, unless it is\n"        \
  "                         --yes=irreversible\n"                                             \
  "      --approve ID,..    with --yes: these actions, which want a person's approval, too\n" \
  "      --pause-between    ask (or, with --yes, stop) between one step and the next\n"       \
  "      --operator-timeout DUR  how long to wait for what a person has to run: 30m, 2h;\n"   \
  "                         0 (default): stop there, exit 3\n"
/* 0 taken, 1 it is none of these, 64 after a reported usage error. */
int uh_carry_option(struct uh_carry *c, int option);
/* Whether somebody is there to be asked, where somebody has to be. 0, or 64 after a report. */
int uh_carry_options_done(struct uh_carry *c);

/* ---- opening ---- */

/* Configuration, case, its lock; the journal where there is one. create: the case may be new. */
int uh_carry_open(struct uh_carry *c, bool create, struct uh_err *err);
/* The newest observation, for comparing; there may be none. */
int uh_carry_newest(struct uh_carry *c, struct uh_err *err);

/* ---- naming actions ---- */

/* The action that a person means: by its id, or its number ("C-03.2") in the plan. NULL: there is none. */
const char *UH_NULLABLE uh_carry_find(const struct uh_carry *c, const struct uh_plan *UH_NULLABLE plan,
                                      const char *text);
const char *UH_NULLABLE uh_carry_nearest(const struct uh_carry *c, const struct uh_plan *UH_NULLABLE plan,
                                         const char *text);

/* Finds what --approve named in the plan: 0, or 64 after a report. */
int uh_carry_approve(struct uh_carry *c, const struct uh_plan *plan);

/* ---- the run ---- */

/* Whose an object is the checks can tell by the plan's anchors also when what told them is gone. */
int uh_carry_judge_by(struct uh_carry *c, const struct uh_plan *UH_NULLABLE plan, struct uh_err *err);
/* Carries a plan out, or one undo (action), or only looks (dry); says how it ended; gives the exit code. */
int uh_carry_out(struct uh_carry *c, const struct uh_plan *UH_NULLABLE plan, const char *UH_NULLABLE undo);
/* Which executors have an account that may write. */
void uh_carry_accounts(const struct uh_config *config, struct uh_plan_options *options);
#endif
