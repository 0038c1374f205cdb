/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts that Setup made for itself, once they are no mailboxes any more. */
#include <stdio.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql_directory.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* What Setup calls them: a word, then a GUID that is the same everywhere. The first of system mailboxes differs in its
 * second half. That of a monitoring mailbox is made anew each time, and has 32 digits. */
#define HEX "[0-9a-f]"
#define HEX4 HEX HEX HEX HEX
#define HEX32 HEX4 HEX4 HEX4 HEX4 HEX4 HEX4 HEX4 HEX4
#define KNOWN                                                                                                       \
  "(lower(name) IN ('systemmailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}',"                                         \
  " 'systemmailbox{e0dc1c29-89c3-4034-b678-e6c29d823ed9}', 'systemmailbox{d0e409a0-af9b-4720-92fe-aac869b0d201}',"  \
  " 'systemmailbox{2ce34405-31be-455d-89d7-a7c7da7a0daa}', 'systemmailbox{8cc370d3-822a-4ab8-a926-bb94bd0641a9}',"  \
  " 'systemmailbox{b963af59-3975-4f92-9d58-ad0b1fe3a1a3}', 'migration.8f3e7716-2011-43e4-96b1-aba62d229136',"       \
  " 'federatedemail.4c1f4d8b-8179-4148-93bf-00a95fa1e042', 'discoverysearchmailbox {d919ba05-46a6-415f-80ad-7e09334bb852}')" \
  " OR lower(name) GLOB 'systemmailbox{1f05a927-" HEX4 "-" HEX4 "-" HEX4 "-" HEX4 HEX4 HEX4 "}')"
static const char sql[] =
    UH_SQL_STEP_ENTRIES ","
    " account AS ("
    "  SELECT *, " UH_SQL_STEP_MAILBOX_ATTRIBUTES("entry.json") " AS mailbox,"
    "    CAST(prop_list(json, 'userAccountControl') ->> 0 AS INTEGER) & 2 AS disabled,"
    "    " KNOWN " AS known,"
    "    lower(name) GLOB 'healthmailbox" HEX32 "' AS monitoring,"
    "    " UH_SQL_STEP_WITHIN("dn", ",CN=Microsoft Exchange System Objects,DC=") " AS system_place"
    "   FROM entry"
    "   WHERE lower(class) = 'user'"
    "     AND (lower(name) GLOB 'systemmailbox{*' OR lower(name) GLOB 'discoverysearchmailbox*' OR lower(name) GLOB 'federatedemail.*'"
    "       OR lower(name) GLOB 'migration.*' OR lower(name) GLOB 'healthmailbox*')),"
    " judged AS ("
    "  SELECT *, CASE WHEN mailbox <> '[]' THEN 'server'"
    "    WHEN NOT (known OR monitoring OR (system_place AND lower(name) GLOB 'systemmailbox{*')) THEN 'tenant'"
    "    ELSE 'hybrid' END AS owner,"
    "    known AND NOT coalesce(disabled, 0) AS enabled"
    "   FROM account)"
    " SELECT " UH_SQL_STEP_ENTRY("judged") ", owner,"
    "  CASE WHEN mailbox <> '[]' THEN 'it still is a mailbox, and its mailbox is nobody''s to take away from here: '"
    "      || (SELECT group_concat(value, ', ') FROM json_each(mailbox)) || ' is set'"
    "    WHEN owner = 'tenant' THEN 'it is called as one of Setup''s accounts, but has none of their identifiers'"
    "    WHEN monitoring THEN 'it is an account of monitoring, and no mailbox any more'"
    "    ELSE 'it is an account that Setup made for itself, and no mailbox any more' END AS reason,"
    "  dn, class, enabled"
    " FROM judged"
    " ORDER BY dn";
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { ENABLED = UH_ROW_OWN + 2 };
  int64_t enabled = 0;
  char question[600];
  uh_print(question, sizeof question,
           "Setup makes the account %.*s disabled, and it is enabled: somebody may use it. Shall it go?",
           UH_HEAD(row->subject.name, 300));
  const struct uh_action words = {
      .why = row->reason,
      .effect = "Nothing that is left uses the account.",
      .approval = uh_query_int(row->query, ENABLED, &enabled) && !enabled ? NULL : question};
  return uh_step_delete_entry(run, row, &words, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  if (uh_step_obstacles(run, UH_SQL_STEP_SERVER_ENTRIES, err) < 0) return -1;
  return uh_step_each(run, sql, act, err);
}

UH_STEP(system_account) = {
    .id = "system-account",
    .title = "Delete the accounts that Setup made for itself",
    .requirement = "O-A7",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows = (const struct uh_follows[]){{0}},
    .needs = UH_STEP_ENTRY_NEEDS,
    .checks = UH_STEP_ENTRY_CHECKS,
    .discover = discover,
    .undo = uh_undo_by_engine,
    .effect = "Nothing that is left uses these accounts.",
    .undo_limits =
        "The account comes back with its GUID and its SID, without its password and, unless the recycle bin "
        "is on, without its memberships; where the directory keeps no tombstone it is a new one.",
    .reference = "https://learn.microsoft.com/exchange/architecture/mailbox-servers/recreate-arbitration-mailboxes",
    .explain =
        "SystemMailbox{..}, DiscoverySearchMailbox {..}, FederatedEmail.., Migration.. by the GUIDs that Setup gives "
        "them in every organisation, SystemMailbox{..} of databases where they stand below CN=Microsoft Exchange System "
        "Objects, and HealthMailbox with its 32 digits. Never one that has homeMDB, msExchMailboxGuid, "
        "msExchHomeServerName or an archive: its mailbox was not disabled, and what became of it is not known. Never one "
        "that is only called so. One that Setup makes disabled and that is enabled is asked for.\n"
        "Monitoring accounts may be protected from accidental deletion: the directory then refuses, the account stays, "
        "and the failure names the right that is missing. Nothing else of recipients is ever touched."};
