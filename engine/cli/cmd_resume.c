/* SPDX-License-Identifier: Apache-2.0 */
/* resume: goes on with a cleanup that was interrupted, or that waits. */
#include <stdio.h>
#include <string.h>
#include <unhybrid/text.h>

#include "cli/carry.h"

static const struct option options[] = {UH_CARRY_OPTIONS, {0}};

static int take_options(struct uh_carry *c, int argc, char **argv) {
  int option, code = 0;
  while (code == 0 && (option = uh_cli_option(c->cli, argc, argv)) != -1) {
    if (option == UH_OPT_DONE) return -1;
    code = option == UH_OPT_BAD ? 64 : uh_carry_option(c, option);
  }
  if (code == 0 && optind < argc)
    code = uh_cli_usage(c->cli, "'%s' is too much: resume takes options only", argv[optind]);
  return code ? code : uh_carry_options_done(c);
}

/* A plan whose actions are all done is finished; what it could not tell, or had to leave, is not done with it. */
static size_t add_left(const struct uh_plan *last, struct uh_str *out) {
  size_t left = 0;
  for (size_t i = 0; last && i < uh_plan_step_count(last); i++) {
    const struct uh_plan_step *step = uh_plan_step_at(last, i);
    if (step->state != UH_STEP_UNKNOWN && step->state != UH_STEP_BLOCKED) continue;
    uh_str_addf(out, "  %s: ", step->step->id);
    uh_terminal_text(out, step->why, strlen(step->why));
    uh_str_addc(out, '\n');
    left++;
  }
  return left;
}

/* An undo that was begun is finished by itself. */
static size_t add_undos(const struct uh_history *h, struct uh_str *out) {
  size_t n = 0;
  for (size_t i = 0; h && i < uh_history_count(h); i++) {
    const struct uh_history_action *a = uh_history_at(h, i);
    if (a->state != UH_ACTION_UNDO_BEGUN) continue;
    uh_str_add(out, "  unhybrid undo ");
    uh_terminal_text(out, a->id, strlen(a->id));
    uh_str_addc(out, '\n');
    n++;
  }
  return n;
}

static int nothing_to_resume(const struct uh_carry *c) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_str steps UH_CLEANUP(uh_str_clear) = {0};
  struct uh_str undos UH_CLEANUP(uh_str_clear) = {0};
  size_t begun = add_undos(c->history, &undos);
  if (begun) {
    if (!c->cli->quiet)
      (void)printf("Nothing to resume, but what was being put back is not; --give-up leaves it as it is:\n%s",
                   uh_str_or(&undos, ""));
    return uh_cli_flush(&err) < 0 ? uh_cli_fail(c->cli, &err) : 3;
  }
  size_t left = add_left(c->history ? uh_history_last_plan(c->history) : NULL, &steps);
  if (!c->cli->quiet && left)
    (void)printf("Nothing to resume, but the last plan left steps open; `unhybrid cleanup` plans them anew:\n%s",
                 uh_str_or(&steps, ""));
  else if (!c->cli->quiet)
    (void)printf("Nothing to resume: %s.\n",
                 c->journal ? "the last plan was carried out in full" : "no cleanup was begun in this case");
  if (uh_cli_flush(&err) < 0) return uh_cli_fail(c->cli, &err);
  return left ? 3 : 0;
}

static int run(struct uh_cli *cli, int argc, char **argv) {
  UH_CLEANUP(uh_carry_clear) struct uh_carry c = {.cli = cli};
  struct uh_err err = UH_ERR_INIT;
  int code = take_options(&c, argc, argv);
  if (code) return code < 0 ? 0 : code;
  if (uh_carry_open(&c, false, &err) < 0) return uh_cli_fail(cli, &err);
  const struct uh_plan *plan = c.history ? uh_history_open_plan(c.history) : NULL;
  if (!plan) return nothing_to_resume(&c);
  if (uh_carry_newest(&c, &err) < 0) return uh_cli_fail(cli, &err);
  return uh_carry_out(&c, plan, NULL);
}

const struct uh_command uh_cmd_resume = {
    .name = "resume",
    .summary = "go on with a cleanup that was interrupted, or that waits",
    .usage = "--dry-run | [--yes[=irreversible]] [--approve ID,..] [--operator-timeout DUR]",
    .help =
        "Goes on with the plan that the journal holds: what is done is not done again;\n"
        "what was begun when the run ended is looked at first, until replication has\n"
        "settled, and never sent again blindly. At a terminal you are asked before each\n"
        "action; `unhybrid status` says what is left and what it waits for.\n\n" UH_CARRY_HELP,
    .options = options,
    .shorts = "",
    .run = run,
};
