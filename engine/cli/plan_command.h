/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_PLAN_COMMAND_H
#define UH_PLAN_COMMAND_H
/* cleanup and sweep: both observe, plan, show, and carry out. */
#include "cli/carry.h"

enum { OPT_PLAN = 1000, OPT_SAVE_PLAN, OPT_ONLY, OPT_UNTIL, OPT_FORMAT, OPT_REPLAN };
#define UH_PLAN_COMMAND_OPTIONS                                                                           \
  UH_CARRY_OPTIONS, {"plan", required_argument, NULL, OPT_PLAN},                                          \
      {"save-plan", required_argument, NULL, OPT_SAVE_PLAN}, {"only", required_argument, NULL, OPT_ONLY}, \
      {"until", required_argument, NULL, OPT_UNTIL}, {"replan", no_argument, NULL, OPT_REPLAN},           \
      {"format", required_argument, NULL, OPT_FORMAT}, {                                                  \
    "output", required_argument, NULL, 'o'                                                                \
  }
#define UH_PLAN_COMMAND_HELP                                                            \
  UH_CARRY_HELP                                                                         \
  "      --only STEP,..     these steps alone; what follows a step left out waits\n"    \
  "      --until STEP       up to this step, and no further (`unhybrid steps list`)\n"  \
  "      --save-plan FILE   write the plan, to be looked at and applied later\n"        \
  "      --plan FILE        exactly that plan; one that was edited, is for another\n"   \
  "                         organisation, was carried out or is stale is refused\n"     \
  "      --replan           make a new plan although an earlier one is not finished;\n" \
  "                         what that one left in doubt is looked at first\n"           \
  "      --format F         of the plan: table (default), dot, json or html\n"          \
  "  -o, --output FILE      the plan into a file\n"
/* after: the uninstall is over; where a server is left, that is said and nothing is done. Gives the exit code. */
int uh_plan_command(struct uh_cli *cli, int argc, char **argv, bool after);
#endif
