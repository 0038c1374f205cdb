/* SPDX-License-Identifier: Apache-2.0 */
/* undo: puts back what one action did. */
#include "cli/carry.h"

static const struct option options[] = {{"dry-run", no_argument, NULL, OPT_DRY_RUN},
                                        {"yes", optional_argument, NULL, OPT_YES},
                                        {"operator-timeout", required_argument, NULL, OPT_OPERATOR_TIMEOUT},
                                        {"give-up", no_argument, NULL, OPT_GIVE_UP},
                                        {0}};

/* -1: help was printed. */
static int take_options(struct uh_carry *c, int argc, char **argv) {
  int option, code = 0;
  while (code == 0 && (option = uh_cli_option(c->cli, argc, argv)) != -1) {
    if (option == UH_OPT_DONE) return -1;
    code = option == UH_OPT_BAD ? 64 : uh_carry_option(c, option);
  }
  if (code) return code;
  if (argc - optind != 1)
    return argc == optind
               ? uh_cli_usage(c->cli, "say which ACTION: by its id, or its number as `unhybrid status` shows it")
               : uh_cli_usage(c->cli, "'%s' is too much: one ACTION at a time", argv[optind + 1]);
  return uh_carry_options_done(c);
}

static int no_action(const struct uh_carry *c, const struct uh_plan *plan, const char *text) {
  const char *near = uh_carry_nearest(c, plan, text);
  if (near) return uh_cli_usage(c->cli, "there is no action '%s'; did you mean %s?", text, near);
  return uh_cli_usage(c->cli, "there is no action '%s': `unhybrid journal show` names those that were carried out",
                      text);
}

static int run(struct uh_cli *cli, int argc, char **argv) {
  UH_CLEANUP(uh_carry_clear) struct uh_carry c = {.cli = cli};
  struct uh_err err = UH_ERR_INIT;
  int code = take_options(&c, argc, argv);
  if (code) return code < 0 ? 0 : code;
  const char *text = argv[optind];
  if (uh_carry_open(&c, false, &err) < 0) return uh_cli_fail(cli, &err);
  const struct uh_plan *plan = c.history ? uh_history_last_plan(c.history) : NULL;
  const char *action = uh_carry_find(&c, plan, text);
  if (!action) return no_action(&c, plan, text);
  if (uh_carry_newest(&c, &err) < 0) return uh_cli_fail(cli, &err);
  return uh_carry_out(&c, NULL, action);
}

const struct uh_command uh_cmd_undo = {
    .name = "undo",
    .summary = "put back what one action of a cleanup did",
    .usage = "ACTION [--dry-run] [--yes[=new-object]] [--operator-timeout DUR] [--give-up]",
    .help =
        "Puts the object back as it was before the action, from the journal, and reads\n"
        "it again. An object that was removed is made anew: it has another GUID and new\n"
        "times, and what referred to it is put back too where it can be. What cannot be\n"
        "undone is refused, with what a person can do instead. ACTION: its id, or its\n"
        "number in the last plan (C-03.2), as `unhybrid status` shows both.\n\n"
        "      --dry-run          says what would be sent; nothing that writes is sent\n"
        "      --yes              ask nobody\n"
        "      --yes=new-object   also make an entry of Active Directory anew, of which\n"
        "                         nothing is left to bring it back from: it has another\n"
        "                         GUID and another SID\n"
        "      --operator-timeout DUR  how long to wait for what a person has to run\n"
        "      --give-up          an undo that was begun and cannot be finished: nothing more\n"
        "                         is sent, the object stays as it is now, and the cleanup\n"
        "                         can go on\n",
    .options = options,
    .shorts = "",
    .run = run,
};
