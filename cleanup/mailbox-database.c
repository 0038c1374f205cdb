/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox databases, empty by now. */
#include <unhybrid/step.h>
#include <unhybrid/step_sql_uninstall.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* Own column: file. */
static const char sql[] =
    "SELECT side, kind, guid, name, 'server' AS owner, 'it is a database of the last server' AS reason,"
    "  coalesce(nullif(prop(json, 'EdbFilePath'), ''), '') AS file"
    " FROM configuration"
    " WHERE side = 'on-premises' AND kind = 'MailboxDatabase'"
    " ORDER BY name, guid";
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { FILE_PATH = UH_ROW_OWN };
  static const struct uh_change changes[] = {{.cmdlet = "Remove-MailboxDatabase"}, {0}};
  static const struct uh_expect expect[] = {{.what = UH_EXPECT_ABSENT}, {0}};
  const struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_REMOVE,
      .executor = UH_BY_EXCHANGE_SERVER,
      .reversible = UH_IRREVERSIBLE,
      .changes = changes,
      .expect = expect,
      .why = row->reason,
      .effect = "Nothing can be in this database any more; the mailboxes that were disabled in it are not found again.",
      .undo = "The object names files that are bound to it: a new database cannot take them over as they were",
      .approval = UH_POINT_OF_NO_RETURN "Is this database to go, with what disabled mailboxes are still kept in it?"};
  const char *file = uh_query_text(row->query, FILE_PATH);
  if (uh_step_action(run, &action, err) < 0) return -1;
  return uh_step_note(
      run, err,
      "The files of %s stay on the server's disk%s%s, and so do its logs: delete them when nobody needs "
      "them.",
      row->subject.name, file && *file ? ", " : "", file ? file : "");
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, sql, act, err);
}

UH_STEP(mailbox_database) = {
    .id = "mailbox-database",
    .title = "Remove the mailbox databases",
    .requirement = "U-18",
    .phase = UH_PHASE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"arbitration-mailbox", "a database with mailboxes is not removed", true},
                                           {0}},
    .needs = "on-premises:MailboxDatabase,on-premises:ExchangeServer",
    .checks = UH_UNINSTALL_CHECKS ",setup.mailbox",
    .discover = discover,
    .effect = "No database is left; their files stay on disk.",
    .undo_by = "nobody",
    .undo_limits = "Nothing brings a database back but a restore of Active Directory and of its files.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-mailboxdatabase",
    .explain =
        "Every mailbox database, by GUID. Setup may take an empty one with it, but says of one that is not empty only "
        "that there is something in it: removed one by one, what is wrong has a name. Before the first of them all "
        "recipients are read again, and whatever still refers to a database is named (setup.mailbox). "
        "Remove-MailboxDatabase takes the object alone: database and log files stay on disk. Passive copies have to be "
        "gone (server.dag)."};
