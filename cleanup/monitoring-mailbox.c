/* SPDX-License-Identifier: Apache-2.0 */
/* The mailboxes by which managed availability watches the server. */
#include <stdio.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql_uninstall.h>
#include <unhybrid/text.h>

static const char sql[] = UH_SQL_OWN_MAILBOXES("549755813888", "it is the mailbox of managed availability");
static const char stray_sql[] = UH_SQL_STRAY_MAILBOX("549755813888", "a monitoring mailbox");

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { DN = UH_ROW_OWN };
  const struct uh_change changes[] = {{.cmdlet = "Remove-Mailbox"}, {0}};
  const struct uh_expect expect[] = {{.what = UH_EXPECT_ABSENT}, {0}};
  struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_REMOVE,
      .executor = UH_BY_EXCHANGE_SERVER,
      .reversible = UH_REVERSIBLE_BY_OPERATOR,
      .changes = changes,
      .expect = expect,
      .why = row->reason,
      .effect = "Managed availability does not test mail flow and sign-in any more, until it makes the mailboxes anew.",
      .undo =
          "Nothing has to be done: managed availability makes monitoring mailboxes anew, within hours, for as long as the server runs.",
      .approval = UH_POINT_OF_NO_RETURN "Is the uninstall to begin now?"};
  action.subject.dn = uh_query_text(row->query, DN);
  return uh_step_action(run, &action, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, sql, act, err) < 0 ? -1 : uh_step_obstacles(run, stray_sql, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  struct uh_str commands UH_CLEANUP(uh_str_clear) = {0};
  const struct uh_subject *subject = uh_undo_subject(undo);
  uh_str_addf(
      &commands,
      "# Managed availability makes the mailbox anew by itself; Restart-Service MSExchangeHM makes it hurry. It was %s.\n",
      subject->guid ? subject->guid : "");
  if (!uh_str_text(&commands)) return uh_fail(err, UH_ERR_INTERNAL, "out of memory");
  return uh_undo_commands(undo, uh_str_text(&commands), "in Exchange Management Shell", err);
}

UH_STEP(monitoring_mailbox) = {
    .id = "monitoring-mailbox",
    .title = "Remove the monitoring mailboxes",
    .requirement = "U-01",
    .phase = UH_PHASE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"discovery-mailbox", "what people may still want is looked at first"}, {0}},
    .needs = UH_SQL_OWN_NEEDS,
    .checks = UH_UNINSTALL_CHECKS,
    .discover = discover,
    .undo = undo,
    .effect = "Managed availability does not test mail flow and sign-in any more, until it makes the mailboxes anew.",
    .undo_by = "person",
    .undo_limits = "New mailboxes, with other names and accounts.",
    .reference =
        "https://learn.microsoft.com/troubleshoot/exchange/administration/remove-mailboxdatabase-cannot-remove-health-mailboxes",
    .explain =
        "Accounts HealthMailbox.. of the type MonitoringMailbox: Remove-Mailbox, which deletes the account, too. Managed "
        "availability makes anew, every hour, what is missing: so this is done right before the rest, and one that came again "
        "does not stand in the way (setup.mailbox leaves it out). An account that is protected from accidental deletion, or "
        "that Exchange Servers are denied to delete (setup.monitoring), stays; what is left of it the sweep finds."};
