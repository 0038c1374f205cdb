/* SPDX-License-Identifier: Apache-2.0 */
/* The mailboxes that Exchange itself works with. */
#include <stdio.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql_uninstall.h>
#include <unhybrid/text.h>

static const char sql[] = UH_SQL_OWN_MAILBOXES("8388608", "it is the arbitration mailbox");
static const char stray_sql[] = UH_SQL_STRAY_MAILBOX("8388608", "an arbitration mailbox");

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { DN = UH_ROW_OWN };
  static const struct uh_argument arguments[] = {
      {.name = "Arbitration", .type = UH_VALUE_BOOL, .yes = true},
      {.name = "DisableArbitrationMailboxWithOABsAllowed", .type = UH_VALUE_BOOL, .yes = true},
      {.name = "DisableLastArbitrationMailboxAllowed", .type = UH_VALUE_BOOL, .yes = true},
      {0}};
  const struct uh_change changes[] = {{.cmdlet = "Disable-Mailbox", .arguments = arguments}, {0}};
  const struct uh_expect expect[] = {{.what = UH_EXPECT_VALUE, .value = {.name = "homeMDB", .type = UH_VALUE_NULL}},
                                     {0}};
  struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_DISABLE,
      .executor = UH_BY_EXCHANGE_SERVER,
      .reversible = UH_REVERSIBLE_BY_OPERATOR,
      .changes = changes,
      .expect = expect,
      .why = row->reason,
      .effect =
          "Admin center, offline address books, moderation, migration and the search of the audit log do not work any more.",
      .undo = "Setup /PrepareAD makes the account anew where it is gone, then Enable-Mailbox -Arbitration.",
      .approval = UH_POINT_OF_NO_RETURN "Is the uninstall to go on now, with Setup right after it?"};
  action.subject.dn = uh_query_text(row->query, DN);
  return uh_step_action(run, &action, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, sql, act, err) < 0 ? -1 : uh_step_obstacles(run, stray_sql, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  struct uh_str commands UH_CLEANUP(uh_str_clear) = {0};
  const struct uh_subject *subject = uh_undo_subject(undo);
  uh_str_addf(&commands, "Enable-Mailbox -Identity %s -Arbitration\n", subject->guid ? subject->guid : "");
  if (!uh_str_text(&commands)) return uh_fail(err, UH_ERR_INTERNAL, "out of memory");
  return uh_undo_commands(undo, uh_str_text(&commands), "in Exchange Management Shell", err);
}

UH_STEP(arbitration_mailbox) = {
    .id = "arbitration-mailbox",
    .title = "Disable the arbitration mailboxes",
    .requirement = "U-01",
    .phase = UH_PHASE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"aux-audit-log-mailbox",
                                            "cmdlets rest on arbitration mailboxes: they go last"},
                                           {0}},
    .needs = UH_SQL_OWN_NEEDS,
    .checks = UH_UNINSTALL_CHECKS,
    .discover = discover,
    .undo = undo,
    .effect =
        "Admin center, offline address books, moderation, migration and the search of the audit log do not work any more.",
    .undo_by = "person",
    .undo_limits =
        "An empty mailbox: what stood in it stays in the database for as long as that keeps deleted mailboxes, and while the database is there.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/disable-mailbox",
    .explain =
        "Mailboxes of the type ArbitrationMailbox whose accounts Setup made: Disable-Mailbox with the switches for the last one "
        "and for those that make offline address books. Remove-Mailbox would delete the account with it, and is not used: the "
        "accounts stay, and the sweep looks at them. After this step cmdlets and the admin center that rest on these mailboxes "
        "fail, so Setup follows at once."};
