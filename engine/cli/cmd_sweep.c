/* SPDX-License-Identifier: Apache-2.0 */
/* sweep: finds and removes what is left once the last server is gone. */
#include "cli/plan_command.h"

static const struct option options[] = {UH_PLAN_COMMAND_OPTIONS, {0}};

static int run(struct uh_cli *cli, int argc, char **argv) {
  return uh_plan_command(cli, argc, argv, true);
}

const struct uh_command uh_cmd_sweep = {
    .name = "sweep",
    .summary = "after the uninstall: find and remove what is left",
    .usage = "--dry-run | [--yes[=irreversible]] [--plan FILE] [--save-plan FILE] [--only STEP,..] [--until STEP]",
    .help =
        "Once no Exchange server is left: observes, plans what is orphaned in Exchange\n"
        "Online, Entra, Active Directory and DNS, shows it, and carries it out as\n"
        "`cleanup` does, with the same journal, dry run, gate and undo. While a server is\n"
        "left it does nothing.\n\n" UH_PLAN_COMMAND_HELP,
    .options = options,
    .shorts = "o:",
    .run = run,
};
