/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes that hold what eDiscovery found. */
#include <stdio.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql_uninstall.h>
#include <unhybrid/text.h>

static const char sql[] = UH_SQL_OWN_MAILBOXES("536870912", "it is the mailbox of eDiscovery searches");
static const char stray_sql[] = UH_SQL_STRAY_MAILBOX("536870912", "a discovery mailbox");

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
      .effect = "Results of eDiscovery searches that were copied there are gone with it.",
      .undo = "Enable-Mailbox -Discovery on the account; what stood in it is not there.",
      .approval = UH_POINT_OF_NO_RETURN "Are the search results in this discovery mailbox exported, or not needed?"};
  action.subject.dn = uh_query_text(row->query, DN);
  return uh_step_action(run, &action, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, sql, act, err) < 0 ? -1 : uh_step_obstacles(run, stray_sql, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  struct uh_str commands UH_CLEANUP(uh_str_clear) = {0};
  const struct uh_subject *subject = uh_undo_subject(undo);
  uh_str_addf(&commands, "Enable-Mailbox -Identity %s -Discovery\n", subject->guid ? subject->guid : "");
  if (!uh_str_text(&commands)) return uh_fail(err, UH_ERR_INTERNAL, "out of memory");
  return uh_undo_commands(undo, uh_str_text(&commands), "in Exchange Management Shell", err);
}

UH_STEP(discovery_mailbox) = {
    .id = "discovery-mailbox",
    .title = "Disable the discovery mailbox",
    .requirement = "U-01",
    .phase = UH_PHASE_UNINSTALL,
    .needs = UH_SQL_OWN_NEEDS,
    .checks = UH_UNINSTALL_CHECKS,
    .discover = discover,
    .undo = undo,
    .effect = "Results of eDiscovery searches that were copied there are gone with it.",
    .undo_by = "person",
    .undo_limits =
        "An empty mailbox: what stood in it stays in the database for as long as that keeps deleted mailboxes, and while the database is there.",
    .reference = UH_DECOMMISSION,
    .explain =
        "A mailbox of the type DiscoveryMailbox whose account Setup made (DiscoverySearchMailbox {..}): Disable-Mailbox, the "
        "account stays. Another one of that type somebody made: it blocks, and a person looks whose it is. The mailbox of the "
        "built-in administrator is a mailbox like any other, and blocks the whole cleanup (mailbox.on-premises).\n"
        "The uninstall begins with it, when every step of the cleanup is done: nothing of this phase is planned before."};
