/* SPDX-License-Identifier: Apache-2.0 */
/* The security groups of Exchange. */
#include <stdio.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql_directory.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* Setup's groups by the identifiers under which CN=Microsoft Exchange links them, which stay when one is renamed. */
static const char sql[] =
    UH_SQL_STEP_ENTRIES ","
    " known(guid, name) AS (VALUES"
    "  ('C262A929D691B74A9E068728F8F842EA', 'Organization Management'),"
    "  ('DB72C41D49580A4DB304FE6981E56297', 'Recipient Management'),"
    "  ('1A9E39D35ABE5747B979FFC0C6E5EA26', 'View-Only Organization Management'),"
    "  ('45FA417B3574DC4E929BC4B059699792', 'Public Folder Management'),"
    "  ('E80CDFB75697934981C898B4DBC5A0C6', 'UM Management'),"
    "  ('B3DDC6BE2A3BE84B97EB2DCE9477E389', 'Help Desk'),"
    "  ('BEA432C94E1D254EAF99B40573360D5B', 'Records Management'),"
    "  ('C67FDE2E8339674490FBAFDCA3DFDC95', 'Discovery Management'),"
    "  ('4DB8E7754EB6C1439565612E69A80A4F', 'Server Management'),"
    "  ('D1281926D1F55B44866D1D6B5BD87A09', 'Delegated Setup'),"
    "  ('03B709F451F3BF4388E33495369B6771', 'Hygiene Management'),"
    "  ('B30A449BA9B420458C4BB22F33C52766', 'Compliance Management'),"
    "  ('776B176BD3CB2A4DA7829EA963693013', 'Security Reader'),"
    "  ('03D7F0316EF4B3498AC434B6E16F09D9', 'Security Administrator'),"
    "  ('A7D2016C83F003458132789EEB127B84', 'Exchange Servers'),"
    "  ('EA876A58DB6DD04C9006939818F800EB', 'Exchange Trusted Subsystem'),"
    "  ('02522ECF9985984A9232056FC704CC8B', 'Managed Availability Servers'),"
    "  ('4C17D0117EBE6642AFAEE03BC66D381F', 'Exchange Windows Permissions'),"
    "  ('9C5B963F67F14A4B936CB8EFB19C4784', 'ExchangeLegacyInterop')),"
    " link(guid, dn) AS MATERIALIZED ("
    "  SELECT upper(substr(value, 6, 32)), lower(substr(value, 39))"
    "   FROM entry, json_each(prop_list(entry.json, 'otherWellKnownObjects'))"
    "   WHERE lower(entry.class) = 'msexchconfigurationcontainer' AND value LIKE 'B:32:%'),"
    " judged AS ("
    "  SELECT entry.*,"
    "    (SELECT known.name FROM link, known WHERE link.guid = known.guid AND link.dn = lower(entry.dn) LIMIT 1) AS linked,"
    "    EXISTS (SELECT 1 FROM known WHERE lower(known.name) = lower(entry.name)) AS called,"
    "    EXISTS (SELECT 1 FROM link) AS links,"
    "    coalesce(json_array_length(prop_list(entry.json, 'member')), 0) AS members"
    "   FROM entry"
    "   WHERE lower(class) = 'group' AND entry.areas LIKE '%security-groups%')"
    " SELECT " UH_SQL_STEP_ENTRY("judged") ","
    "  CASE WHEN linked IS NOT NULL OR (called AND NOT links) THEN 'hybrid' ELSE 'tenant' END AS owner,"
    "  CASE WHEN linked IS NOT NULL THEN 'CN=Microsoft Exchange links it as ' || linked || ', and no Exchange server is left to use it'"
    "    WHEN called AND NOT links THEN 'it is called as one of Setup''s groups and stands in their place, and nothing links it any more'"
    "    ELSE 'it is none of the groups that Setup makes' END AS reason,"
    "  dn, class, members"
    " FROM judged"
    " ORDER BY dn";
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { MEMBERS = UH_ROW_OWN + 2 };
  int64_t members = 0;
  char question[700];
  (void)uh_query_int(row->query, MEMBERS, &members);
  uh_print(question, sizeof question,
           "The security group %.*s has %lld members, and may have been given rights outside Exchange, which "
           "nothing here can see. Shall it go?",
           UH_HEAD(row->subject.name, 400), (long long)members);
  const struct uh_action words = {
      .why = row->reason,
      .effect = "Rights that were given to the group end; its entries in access control lists show a bare SID.",
      .approval = question};
  return uh_step_delete_entry(run, row, &words, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  if (uh_step_obstacles(run, UH_SQL_STEP_SERVER_ENTRIES, err) < 0) return -1;
  return uh_step_each(run, sql, act, err);
}

UH_STEP(security_group) = {
    .id = "security-group",
    .title = "Delete the security groups of Exchange",
    .requirement = "O-A4",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows = (const struct uh_follows[]){{"service-connection-point", "what surely is of no use goes first"}, {0}},
    .needs = UH_STEP_ENTRY_NEEDS,
    .checks = UH_STEP_ENTRY_CHECKS,
    .opt_in = true,
    .discover = discover,
    .undo = uh_undo_by_engine,
    .effect = "Rights of Exchange's groups in the domain end.",
    .undo_limits =
        "The group comes back with its GUID and its SID, so that rights given to it hold again; its members "
        "only with the recycle bin, or from the before-image. Where the directory keeps no tombstone it is "
        "a new group, with another SID.",
    .reference = "https://learn.microsoft.com/exchange/plan-and-deploy/active-directory/ad-changes",
    .explain =
        "Whether an uninstall of the last server leaves the groups is told differently. They hold far-reaching rights "
        "in the domain (Exchange Windows Permissions, Exchange Trusted Subsystem), which is a reason to delete them; "
        "Exchange's management tools, and whoever was given rights through them, are reasons not to. A group is Setup's "
        "where otherWellKnownObjects of CN=Microsoft Exchange links it under one of Setup's identifiers, whatever it is "
        "called; where no link is left, by its name and its place. Others in the same place stay, and so does the "
        "organizational unit. The entries that stay in access control lists (on the domain, AdminSDHolder) are not "
        "cleaned: a person does that."};
