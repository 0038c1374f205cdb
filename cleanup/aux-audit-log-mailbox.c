/* SPDX-License-Identifier: Apache-2.0 */
/* The second mailbox of audit logs, which articles forget. */
#include <stdio.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql_uninstall.h>
#include <unhybrid/text.h>

static const char sql[] = UH_SQL_OWN_MAILBOXES("70368744177664", "it is the second mailbox of the audit log");
static const char stray_sql[] = UH_SQL_STRAY_MAILBOX("70368744177664", "an aux audit log mailbox");

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { DN = UH_ROW_OWN };
  const struct uh_change changes[] = {{.cmdlet = "Disable-Mailbox"}, {0}};
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
      .effect = "The audit log of the server cannot be searched any more.",
      .undo = "No cmdlet is documented that makes this mailbox again; its account stays.",
      .approval = UH_POINT_OF_NO_RETURN "Is the audit log of the server exported, or not needed?"};
  action.subject.dn = uh_query_text(row->query, DN);
  return uh_step_action(run, &action, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, sql, act, err) < 0 ? -1 : uh_step_obstacles(run, stray_sql, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  struct uh_str commands UH_CLEANUP(uh_str_clear) = {0};
  const struct uh_subject *subject = uh_undo_subject(undo);
  uh_str_addf(&commands, "# No cmdlet is documented that makes an aux audit log mailbox again. Its account stays: %s\n",
              subject->guid ? subject->guid : "");
  if (!uh_str_text(&commands)) return uh_fail(err, UH_ERR_INTERNAL, "out of memory");
  return uh_undo_commands(undo, uh_str_text(&commands), "in Exchange Management Shell", err);
}

UH_STEP(aux_audit_log_mailbox) = {
    .id = "aux-audit-log-mailbox",
    .title = "Disable the aux audit log mailbox",
    .requirement = "U-01",
    .phase = UH_PHASE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"audit-log-mailbox", "the documented order"}, {0}},
    .needs = UH_SQL_OWN_NEEDS,
    .checks = UH_UNINSTALL_CHECKS,
    .discover = discover,
    .undo = undo,
    .effect = "The audit log of the server cannot be searched any more.",
    .undo_by = "person",
    .undo_limits =
        "An empty mailbox: what stood in it stays in the database for as long as that keeps deleted mailboxes, and while the database is there.",
    .reference = "https://learn.microsoft.com/troubleshoot/exchange/administration/error-remove-a-mailbox-database",
    .explain =
        "A mailbox of the type AuxAuditLogMailbox whose account Setup made: Disable-Mailbox, the account stays. Only Get-Mailbox "
        "-AuxAuditLog lists it; with it in a database the database cannot be removed."};
