/* SPDX-License-Identifier: Apache-2.0 */
/* The Exchange Management Tools: who manages recipients with them alone may power the server off, and never uninstall.
 */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

static const char group_sql[] =
    "SELECT 1 AS violated," UH_SQL_OBJECT_WHO
    "  'group' AS kind,"
    "  'The group of those who manage recipients with the Management Tools alone exists'"
    "   || CASE json_array_length(prop_list(json, 'Members'))"
    "     WHEN 0 THEN ', without members.'"
    "     WHEN 1 THEN ' and has a member.'"
    "     ELSE coalesce(' and has ' || json_array_length(prop_list(json, 'Members')) || ' members.', '.') END AS message,"
    "  json_object("
    "    'members', json_array_length(prop_list(json, 'Members')),"
    "    'distinguishedName', identity) AS evidence,"
    "  '' AS command"
    " FROM object"
    " WHERE side = 'on-premises' AND kind = 'ManagementToolsGroup'";
/*
 * Exchange finds its security groups by GUID in otherWellKnownObjects, whatever they are called. After
 * CleanupActiveDirectoryEMT.ps1 they are gone: no value is left, or one that leads to the deleted objects. Where no
 * server is left either, it was the uninstall that took them, or a sweep: the tools' own way leaves the server's object.
 * Whoever sees no server and cannot know that there is none does not know whose way it was: an account that read through
 * one of these groups sees neither.
 */
static const char cleanup_sql[] =
    "WITH expected(guid, name) AS (VALUES"
    "  ('C262A929D691B74A9E068728F8F842EA', 'Organization Management'),"
    "  ('A7D2016C83F003458132789EEB127B84', 'Exchange Servers'),"
    "  ('EA876A58DB6DD04C9006939818F800EB', 'Exchange Trusted Subsystem'),"
    "  ('4C17D0117EBE6642AFAEE03BC66D381F', 'Exchange Windows Permissions')),"
    " container AS ("
    "  SELECT *, nullif(prop_list(json, 'OtherWellKnownObjects'), '[]') AS known"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind = 'ExchangeContainer'),"
    " looked AS ("
    "  SELECT *,"
    "    CASE WHEN EXISTS (SELECT 1 FROM object AS server"
    "      WHERE server.side = 'on-premises' AND server.kind = 'ExchangeServer') THEN 0"
    "     WHEN " UH_SQL_COMPLETE("on-premises", "ExchangeServer") " THEN 1 END AS uninstalled,"
    "    (SELECT group_concat(expected.name, ', ')"
    "      FROM expected"
    "      WHERE NOT EXISTS (SELECT 1 FROM json_each(known)"
    "        WHERE value LIKE 'B:32:' || expected.guid || ':%' AND value NOT LIKE '%\\0ADEL:%')) AS missing"
    "   FROM container)"
    " SELECT CASE WHEN uninstalled = 1 THEN 0"
    "   WHEN known IS NOT NULL AND missing IS NULL THEN 0"
    "   WHEN known IS NOT NULL AND uninstalled = 0 THEN 1 END AS violated," UH_SQL_OBJECT_WHO
    "  'container' AS kind,"
    "  'Security groups of Exchange are gone, as after CleanupActiveDirectoryEMT.ps1: ' || missing || '.' AS message,"
    "  CASE WHEN known IS NULL THEN json_object('otherWellKnownObjects', NULL)"
    "    WHEN uninstalled IS NULL THEN json_object('missing', missing, 'whether an Exchange server is left', NULL)"
    "    ELSE json_object('missing', missing, 'otherWellKnownObjects', json_array_length(known)) END AS evidence,"
    "  '' AS command"
    " FROM looked";
static const char stated_sql[] =
    "SELECT 1 AS violated,"
    "  'tools.in-use' AS key,"
    "  'organization' AS kind,"
    "  coalesce((SELECT nullif(organization, '') FROM observation), 'organization') AS object,"
    "  'It was stated that recipients are managed with the Exchange Management Tools.' AS message,"
    "  json_object('stated', value) AS evidence,"
    "  '' AS command"
    " FROM attestation"
    " WHERE fact = 'tools.in-use' AND object = '' AND value = 'yes'";
static const struct uh_rule in_use[] = {{"on-premises", "on-premises:ManagementToolsGroup", group_sql},
                                        {"on-premises", "on-premises:ExchangeContainer", cleanup_sql},
                                        {"on-premises", NULL, stated_sql},
                                        {0}};
/* clang-format on */

static const struct uh_attestable attests[] = {
    {.fact = "tools.in-use",
     .question = "Are recipients managed with the Exchange Management Tools, without a running server (yes or no)?",
     .how = "Ask those who create mailboxes and groups. On each computer from which they do: where "
            "Get-PSSnapin -Registered *RecipientManagement* shows a snap-in, the tools are installed; scripts and "
            "scheduled tasks that load it (Add-PSSnapin *RecipientManagement) use them.",
     .values = "no|yes"},
    {0}};

static const struct uh_check checks[] = {
    {.id = "tools.in-use",
     .title = "Recipients are not managed with the Exchange Management Tools",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-13",
     .rules = in_use,
     .blind_spot = "the Management Tools are a snap-in on administrators' computers, which no source sees",
     .attests = attests,
     .remedy = "Decide which way it is. If recipients stay managed on premises with the tools, power the last server "
               "off and never uninstall it: the uninstall takes away what the tools need. If they are managed in the "
               "cloud, remove the tools from the administrators' computers, and the group Recipient Management EMT. "
               "Where CleanupActiveDirectoryEMT.ps1 has been run, a regular uninstall is likely to fail.",
     .reference = "https://learn.microsoft.com/exchange/manage-hybrid-exchange-recipients-with-management-tools",
     .explain = "The group Recipient Management EMT, which Add-PermissionForEMT.ps1 makes, in every domain, and the "
                "security groups of Exchange, which CleanupActiveDirectoryEMT.ps1 deletes (looked for by their "
                "GUIDs). Domain administrators need neither to use the tools, so that nothing is found proves "
                "nothing: somebody has to state it. Where this is all that stands in the way, the verdict is "
                "shutdown-only: the server may be powered off."},
    {0}};
UH_CHECK_MODULE(tools, checks);
