/* SPDX-License-Identifier: Apache-2.0 */
/* cleanup: plans the removal of the hybrid deployment and carries it out. */
#include "cli/plan_command.h"

static const struct option options[] = {UH_PLAN_COMMAND_OPTIONS, {0}};

static int run(struct uh_cli *cli, int argc, char **argv) {
  return uh_plan_command(cli, argc, argv, false);
}

const struct uh_command uh_cmd_cleanup = {
    .name = "cleanup",
    .summary = "plan the removal of the hybrid deployment and carry it out",
    .usage = "--dry-run | [--yes[=irreversible]] [--plan FILE] [--save-plan FILE] [--only STEP,..] [--until STEP]",
    .help =
        "Observes, plans what of the hybrid deployment goes and in which order, shows\n"
        "it, and carries it out, action by action: what must be true is observed again,\n"
        "the object is exported, changed, and read again by another way. At a terminal\n"
        "you are led through it and asked each time; nothing is done that you did not\n"
        "say yes to. It can be interrupted at any time; `unhybrid resume` goes on.\n\n" UH_PLAN_COMMAND_HELP,
    .options = options,
    .shorts = "o:",
    .run = run,
};
