/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Setup looks at before it uninstalls the last server. The steps of the uninstall alone ask: until then nearly all
 * of this is as it has to be the other way round. What only the server itself shows a person has to state, and the
 * statement counts for a day: queues fill, and updates want reboots.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unhybrid/build.h>
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

enum { HOUR = 3600, STATED_HOURS = 24 };

/* ---- what is stated ---- */

static int stated(struct uh_check_run *run, const char *fact, const char *why, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  char set[80];
  uh_print(set, sizeof set, "attestation:%s", fact);
  if (uh_query_open(run, "SELECT 1 FROM attestation WHERE fact = ? AND object = '' AND value = 'yes'", &query, err) < 0)
    return -1;
  uh_query_bind_text(query, 1, fact);
  int rc = uh_query_next(query, err);
  if (rc != 0) return rc < 0 ? -1 : 0;
  return uh_set_lacking(run, set, "not-observed", err, "%s, and nobody stated it in the last %d hours", why,
                        STATED_HOURS);
}

#define STATED(name, why)                                         \
  static int name(struct uh_check_run *run, struct uh_err *err) { \
    return stated(run, "setup." #name, why, err);                 \
  }                                                               \
  static const struct uh_attestable name##_attests[]
/* Who states it has to have seen these servers, today. */
#define OF_THE_SERVERS                                                                  \
  .momentary = true, .counts_for = (int64_t)STATED_HOURS * HOUR,                        \
  .basis =                                                                              \
      "SELECT DISTINCT lower(name), lower(guid) FROM object WHERE side = 'on-premises'" \
      " AND kind = 'ExchangeServer'",                                                   \
  .basis_needs = "on-premises:ExchangeServer"

STATED(queue, "queues are seen on the server alone") = {
    {.fact = "setup.queue",
     .question = "Are the transport queues of the last server empty (yes)?",
     .how = "In the Exchange Management Shell: Get-Queue -Server <name> | Where-Object MessageCount -gt 0. Wait, "
            "Retry-Queue, or look with Get-Message what is left and decide about it.",
     .values = "yes",
     OF_THE_SERVERS},
    {0}};
STATED(rights, "whose account Setup will be run with is not known here") = {
    {.fact = "setup.rights",
     .question = "Is the account that will run Setup a member of Organization Management, and an administrator of the "
                 "server (yes)?",
     .how = "On the server, signed in with that account: whoami /groups shows Organization Management. Setup wants "
            "rights in the whole organisation; a delegated installer may not uninstall.",
     .values = "yes",
     OF_THE_SERVERS},
    {0}};

/* A condition of one row: 1 it holds, 0 it does not, -1. */
static int holds(struct uh_check_run *run, const char *sql, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int64_t value = 0;
  if (uh_query_open(run, sql, &query, err) < 0 || uh_query_next(query, err) < 0) return -1;
  return uh_query_int(query, 0, &value) && value;
}

/* Seen where the directory was searched in full; else somebody has to state it. */
static int expansion(struct uh_check_run *run, struct uh_err *err) {
  static const char sql[] =
      "SELECT lower(guid), coalesce(nullif(prop(json, 'PrimarySmtpAddress'), ''), name), prop(json, 'ExpansionServer'),"
      " json_object('msExchExpansionServerName', prop(json, 'ExpansionServer'), 'distinguishedName', identity), guid"
      " FROM object WHERE side = 'on-premises' AND kind = 'ExpandedGroup' AND prop(json, 'ExpansionServer') IS NOT ''";
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int rc;
  if (uh_query_open(run, sql, &query, err) < 0) return -1;
  while ((rc = uh_query_next(query, err)) > 0) {
    const char *server = uh_query_text(query, 2), *name = server ? strstr(server, "/cn=Servers/cn=") : NULL;
    const struct uh_object o = {.side = "on-premises",
                                .key = uh_query_text(query, 0),
                                .kind = "group",
                                .object = uh_query_text(query, 1),
                                .guid = uh_query_text(query, 4)};
    if (uh_violated(run, &o, uh_query_text(query, 3), NULL, err, "This group is expanded by the server %.*s.",
                    UH_HEAD(name     ? name + strlen("/cn=Servers/cn=")
                            : server ? server
                                     : "that it names",
                            200)) < 0)
      return -1;
  }
  int complete = rc < 0 ? -1 : holds(run, "SELECT " UH_SQL_COMPLETE("on-premises", "ExpandedGroup"), err);
  if (complete != 0) return complete < 0 ? -1 : 0;
  return stated(run, "setup.expansion", "which groups name a server that expands them was not read in full", err);
}
static const struct uh_attestable expansion_attests[] = {
    {.fact = "setup.expansion",
     .question = "Does no distribution group name a server that expands it (yes)?",
     .how =
         "In the Exchange Management Shell: Set-ADServerSettings -ViewEntireForest $true, for without it the server's "
         "own domain alone is searched; then Get-DistributionGroup -ResultSize Unlimited | Where-Object "
         "ExpansionServer, and Get-DynamicDistributionGroup likewise. Clear it with Set-DistributionGroup "
         "-ExpansionServer $null.",
     .values = "yes",
     OF_THE_SERVERS},
    {0}};
STATED(interrupted, "what an earlier run of Setup left stands in the server's registry") = {
    {.fact = "setup.interrupted",
     .question = "Has no earlier uninstall of the server broken off half-way (yes)?",
     .how = "On the server: the keys below HKLM\\SOFTWARE\\Microsoft\\ExchangeServer\\v15 hold no value Watermark or "
            "Action, and C:\\ExchangeSetupLogs\\ExchangeSetup.log ends with no failed uninstall (unhybrid setup-log "
            "reads it). One that broke off has to be finished first, with the same command.",
     .values = "yes",
     OF_THE_SERVERS},
    {0}};
STATED(reboot, "only the server knows whether it waits for a reboot") = {
    {.fact = "setup.reboot",
     .question = "Has the server been rebooted, and is no reboot pending (yes)?",
     .how = "On the server: Test-Path 'HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based "
            "Servicing\\RebootPending' and '...\\WindowsUpdate\\Auto Update\\RebootRequired' say False, and "
            "PendingFileRenameOperations below HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager is empty.",
     .values = "yes",
     OF_THE_SERVERS},
    {0}};
STATED(processes, "only the server shows which programs hold Exchange's files") = {
    {.fact = "setup.processes",
     .question = "Is every Exchange Management Shell closed, and is nothing else holding Exchange's files: antivirus, "
                 "backup and monitoring stopped (yes)?",
     .how =
         "On the server: Get-Process | Where-Object { $_.Modules.FileName -like \"$env:ExchangeInstallPath*\" } lists "
         "what holds files beside Exchange's own services. Stop the antivirus for the time of the uninstall.",
     .values = "yes",
     OF_THE_SERVERS},
    {0}};

/*
 * A denial counts unless the group is allowed to delete subtrees, with what stands below the container, before it in
 * the list: that is Microsoft's remedy, as explicit entries stand before inherited ones (KB 3046530).
 */
#define DENIALS                                                                                                        \
  "WITH entry AS (SELECT name, prop(json, 'Object') AS container, prop(json, 'Trustee') AS sid, prop(json, 'Name') AS" \
  "  trustee, prop(json, 'Place') AS place, prop(json, 'Denied') AS denied, prop(json, 'Below') AS below, json"        \
  "  FROM object WHERE side = 'on-premises' AND kind = 'MonitoringPermission'),"                                       \
  " denial AS (SELECT * FROM entry AS e WHERE denied IS NOT 0 AND NOT EXISTS (SELECT 1 FROM entry AS a,"               \
  "  json_each(prop_list(a.json, 'Rights')) AS held WHERE a.container = e.container AND a.sid = e.sid AND"             \
  "  a.denied = 0 AND a.below AND a.place < e.place AND held.value IN ('DeleteTree', 'GenericAll')))"

static int monitoring(struct uh_check_run *run, struct uh_err *err) {
  static const char sql[] = DENIALS
      " SELECT lower(name), container, json_object('Trustee', sid, 'Name', trustee, 'Denied',"
      "  prop_json(json, 'Rights'), 'Inherited', iif(prop(json, 'Inherited'), 'yes', 'no'), 'Place in the list', place),"
      "  'dsacls ' || ps_quote(container, '') FROM denial WHERE trustee IS NOT NULL AND denied = 1 ORDER BY container, place";
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int rc;
  if (uh_query_open(run, sql, &query, err) < 0) return -1;
  while ((rc = uh_query_next(query, err)) > 0) {
    const struct uh_object o = {.side = "on-premises",
                                .key = uh_query_text(query, 0),
                                .kind = "access control entry",
                                .object = uh_query_text(query, 1)};
    if (uh_violated(run, &o, uh_query_text(query, 2), uh_query_text(query, 3), err,
                    "Exchange Servers are denied to delete accounts here: they stay behind, without mailboxes.") < 0)
      return -1;
  }
  int seen = rc < 0 ? -1
                    : holds(run,
                            DENIALS " SELECT " UH_SQL_COMPLETE(
                                "on-premises", "MonitoringPermission") " AND NOT EXISTS (SELECT 1 FROM denial WHERE"
                                                                       " trustee IS NULL OR denied IS NULL)",
                            err);
  if (seen != 0) return seen < 0 ? -1 : 0;
  return stated(run, "setup.monitoring",
                "the access control list of Monitoring Mailboxes, or whom it denies to delete, is not shown", err);
}
static const struct uh_attestable monitoring_attests[] = {
    {.fact = "setup.monitoring",
     .question = "May Exchange Servers delete the accounts in Monitoring Mailboxes, or will left-over accounts be "
                 "deleted afterwards (yes)?",
     .how = "In each domain with Exchange: dsacls \"CN=Monitoring Mailboxes,CN=Microsoft Exchange System "
            "Objects,<domain>\" shows no Deny for Exchange Servers that is inherited. With one, accounts "
            "HealthMailbox* stay behind, without mailboxes; unhybrid sweep finds them.",
     .values = "yes",
     OF_THE_SERVERS},
    {0}};

/* ---- the build ---- */

/*
 * Servers that ever had the security update of January 2023 cannot be uninstalled until they have that of June 2023 or
 * a later one (KB5025312). Every cumulative update after Exchange 2019 CU13 holds the mend. What
 * Active Directory and Get-ExchangeServer show is the cumulative update: a security update may be there unseen. So
 * below these it cannot be told. The builds are those of CSS-Exchange's Get-ExchangeBuildVersionInformation.ps1; that
 * June 2023 is the first update with the mend stands in its list of emerging issues. Exchange 2019 CU11 got none.
 */
static const struct uh_build mended[] = {
    {15, 1, 2507, 27}, /* 2016 CU23, June 2023 */
    {15, 2, 1118, 30}, /* 2019 CU12, June 2023 */
    {15, 2, 1258, 16}, /* 2019 CU13, June 2023 */
};
static const struct uh_build since = {15, 2, 1544, 4}; /* 2019 CU14, and all later ones */

static bool later(const struct uh_build *b, const struct uh_build *than) {
  if (b->major != than->major) return b->major > than->major;
  if (b->minor != than->minor) return b->minor > than->minor;
  if (b->build != than->build) return b->build > than->build;
  return b->revision >= than->revision;
}

static bool is_mended(const struct uh_build *b) {
  for (size_t i = 0; i < sizeof mended / sizeof *mended; i++)
    if (b->major == mended[i].major && b->minor == mended[i].minor && b->build == mended[i].build &&
        b->revision >= mended[i].revision)
      return true;
  return later(b, &since);
}

static int build(struct uh_check_run *run, struct uh_err *err) {
  static const char sql[] =
      "SELECT lower(name), max(name), max(lower(guid)), max(prop(json, 'AdminDisplayVersion')) FROM object"
      " WHERE side = 'on-premises' AND kind = 'ExchangeServer' GROUP BY lower(name) ORDER BY 1";
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  bool unsure = false;
  int rc;
  if (uh_check_need(run, "on-premises:ExchangeServer", err) < 0 || uh_query_open(run, sql, &query, err) < 0) return -1;
  while ((rc = uh_query_next(query, err)) > 0) {
    const char *version = uh_query_text(query, 3);
    struct uh_build b;
    if (version && uh_build_read(version, &b) && is_mended(&b)) continue;
    unsure = true;
  }
  if (rc < 0) return -1;
  return unsure
             ? stated(run, "setup.build", "the build that is shown does not tell which security update is there", err)
             : 0;
}

static const struct uh_attestable build_attests[] = {
    {.fact = "setup.build",
     .question = "Has the last server the security update of June 2023 or a later one (yes)?",
     .how = "On the server: (Get-Command ExSetup.exe).FileVersionInfo.FileVersion shows 15.01.2507.027 or later, "
            "15.02.1118.030, 15.02.1258.016, or a later cumulative update. Without it a server that had the update of "
            "January 2023 cannot be uninstalled: the object couldn't be found on the domain controller.",
     .values = "yes",
     OF_THE_SERVERS},
    {0}};

/* ---- what the directory shows ---- */

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* Monitoring mailboxes are made anew every hour; Setup minds none. */
static const char mailbox_sql[] =
    "SELECT CASE WHEN recipient_type_details = 549755813888 THEN 0"
    "   ELSE home_mdb <> '' OR archive_database <> '' END AS violated," UH_SQL_DIRECTORY_WHO
    "  CASE recipient_type_details"
    "    WHEN 8388608 THEN 'arbitration mailbox'"
    "    WHEN 4398046511104 THEN 'audit log mailbox'"
    "    WHEN 70368744177664 THEN 'aux audit log mailbox'"
    "    WHEN 536870912 THEN 'discovery mailbox'"
    "    WHEN 68719476736 THEN 'public folder mailbox'"
    "    ELSE 'recipient' END AS kind,"
    "  CASE WHEN home_mdb <> '' THEN 'It is still in the database ' || rdn(home_mdb)"
    "    ELSE 'Its archive is still in the database ' || rdn(archive_database) END || '.' AS message,"
    "  json_object("
    "    'msExchRecipientTypeDetails', recipient_type_details,"
    "    'homeMDB', home_mdb,"
    "    'msExchArchiveDatabaseLink', archive_database,"
    "    'distinguishedName', dn) AS evidence,"
    "  '' AS command"
    " FROM local_recipient"
    " WHERE violated IS NOT FALSE";
static const struct uh_rule mailbox[] = {{"on-premises", "on-premises:Recipient", mailbox_sql}, {0}};

#define CONNECTOR_NEEDS "on-premises:SendConnector,on-premises:ForeignConnector,on-premises:DeliveryAgentConnector"
static const char connector_sql[] =
    "SELECT CASE WHEN prop_list(object.json, 'SourceTransportServers') IS NOT NULL"
    "   THEN json_array_length(prop_list(object.json, 'SourceTransportServers')) > 0 END AS violated," UH_SQL_OBJECT_WHO
    "  CASE kind WHEN 'SendConnector' THEN 'send connector' WHEN 'ForeignConnector' THEN 'foreign connector'"
    "    ELSE 'delivery agent connector' END AS kind,"
    "  'This connector names a server that it sends through, and there is no other to name.' AS message,"
    "  json_object('SourceTransportServers', prop_json(object.json, 'SourceTransportServers')) AS evidence,"
    "  'Remove-' || kind || ' -Identity ' || ps_quote(name, guid) AS command"
    " FROM object"
    " WHERE side = 'on-premises' AND kind IN ('SendConnector', 'ForeignConnector', 'DeliveryAgentConnector')";
static const struct uh_rule connector[] = {{"on-premises", CONNECTOR_NEEDS, connector_sql}, {0}};
/* clang-format on */

#define DOCUMENTED "https://learn.microsoft.com/exchange/plan-and-deploy/deployment-ref/ms-exch-setupreadiness-"
#define DECOMMISSION "https://techcommunity.microsoft.com/blog/exchange/decommissioning-exchange-server-2016/4214475"
#define BY_STATEMENT(check, words, id_, what, link)                                                           \
  {                                                                                                           \
    .id = "setup." #check, .title = words, .severity = UH_BLOCKER, .purposes = UH_SETUP, .requirements = id_, \
    .run = check, .never_fails = true, .attests = check##_attests, .remedy = what, .reference = link,         \
    .explain =                                                                                                \
        "No source of this program sees it: somebody looks, and states it. The statement is bound to the "    \
        "servers that there are, and counts for a day. Asked by the steps of the uninstall alone."            \
  }

static const struct uh_check checks[] = {
    {.id = "setup.mailbox",
     .title = "No mailbox of any kind, and no reference to one, is in a database",
     .severity = UH_BLOCKER,
     .purposes = UH_SETUP,
     .requirements = "U-01",
     .rules = mailbox,
     .remedy = "Disable or move what is named. Exchange's own mailboxes go by the steps of the uninstall; of an object "
               "that is no mailbox clear homeMDB or msExchArchiveDatabaseLink, after an export of its attributes.",
     .reference = DOCUMENTED "unwillingtoremovemailboxdatabase",
     .explain =
         "What Setup's rule UnwillingToRemoveMailboxDatabase and Remove-MailboxDatabase count, with the objects that "
         "their messages leave out: homeMDB and msExchArchiveDatabaseLink of every object of the forest. Monitoring "
         "mailboxes are left out: Setup minds none, and managed availability makes them again. Read anew, all "
         "recipients, before the databases go and before Setup."},
    {.id = "setup.connector",
     .title = "No connector sends through the server",
     .severity = UH_BLOCKER,
     .purposes = UH_SETUP,
     .requirements = "U-02,U-09",
     .rules = connector,
     .remedy = "Remove the connector: the last server has no other to hand it to. Whatever it carries has to leave by "
               "another way first.",
     .reference = DECOMMISSION,
     .explain = "Send, foreign and delivery agent connectors with a source server (Setup's rule "
                "ServerIsSourceForSendConnector). Those of the hybrid deployment are gone by then; what is left is "
                "somebody's, so a person removes it."},
    {.id = "setup.expansion",
     .title = "No group is expanded by the server",
     .severity = UH_BLOCKER,
     .purposes = UH_SETUP,
     .requirements = "U-03",
     .run = expansion,
     .attests = expansion_attests,
     .remedy = "Clear it: Set-DistributionGroup or Set-DynamicDistributionGroup, -ExpansionServer $null.",
     .reference = DECOMMISSION,
     .explain =
         "Groups and dynamic distribution groups with msExchExpansionServerName, in every domain of the forest "
         "(Setup's rules ServerIsGroupExpansionServer and ServerIsDynamicGroupExpansionServer): with the last server "
         "gone there is none to name. Where a domain could not be searched in full somebody looks, and states it for a "
         "day; what was seen counts whatever was stated. Asked by the steps of the uninstall alone."},
    BY_STATEMENT(queue, "The transport queues are empty", "U-04", "Let the queues drain, and state it.", DECOMMISSION),
    {.id = "setup.rights",
     .title = "Setup is run with an account that may",
     .severity = UH_BLOCKER,
     .purposes = UH_SETUP,
     .requirements = "U-05",
     .run = rights,
     .never_fails = true,
     .attests = rights_attests,
     .remedy = "Use an account of Organization Management, and state it.",
     .reference = DECOMMISSION,
     .explain =
         "A person signs in at the server and chooses the account: it need not be one that this program's configuration "
         "names, and what Active Directory says of those proves nothing of it. Nor does it show who is an administrator "
         "of the server, or with which groups a session was begun; whoami /groups does. So whoever runs Setup states "
         "it. The statement is bound to the servers that there are, and counts for a day. Asked by the steps of the "
         "uninstall alone."},
    BY_STATEMENT(interrupted, "No earlier uninstall broke off", "U-06",
                 "Finish the uninstall that broke off, and state that none is left.", DECOMMISSION),
    BY_STATEMENT(processes, "Nothing holds Exchange's files", "U-10,U-19",
                 "Close shells and stop antivirus, backup and monitoring, and state it.", DECOMMISSION),
    BY_STATEMENT(reboot, "No reboot is pending", "U-11", "Reboot the server, and state it.",
                 DOCUMENTED "rebootpending"),
    {.id = "setup.build",
     .title = "The server can be uninstalled: it has not the defect of January 2023",
     .severity = UH_BLOCKER,
     .purposes = UH_SETUP,
     .requirements = "U-16",
     .run = build,
     .never_fails = true,
     .attests = build_attests,
     .remedy = "Install the security update of June 2023 or a later one, and state it.",
     .reference = "https://support.microsoft.com/help/5025312",
     .explain = "Exchange 2019 CU14 and everything later has the mend. Of older servers only the cumulative update is "
                "shown, not the security update: then somebody has to state that it is that of June 2023 or later."},
    {.id = "setup.monitoring",
     .title = "Monitoring mailboxes can be deleted, or left-overs are known of",
     .severity = UH_BLOCKER,
     .purposes = UH_SETUP,
     .requirements = "U-17",
     .run = monitoring,
     .attests = monitoring_attests,
     .remedy =
         "Allow Exchange Servers \"Delete subtree\" on the container and all that stands below it, and wait until it is "
         "replicated. Or accept it (unhybrid waive): the accounts HealthMailbox* that stay the sweep deletes.",
     .reference = "https://learn.microsoft.com/troubleshoot/exchange/administration/"
                  "remove-mailboxdatabase-cannot-remove-health-mailboxes",
     .explain =
         "Entries that deny Exchange Servers to delete, explicit or inherited, in the access control list of "
         "CN=Monitoring Mailboxes,CN=Microsoft Exchange System Objects of each domain. One that stands behind an entry "
         "by which the group may delete subtrees, below the container too, does no harm and is none. What is denied to "
         "others whom a server belongs to (Everyone, say) is not looked at, nor are the accounts' own lists. Where the "
         "directory shows no list somebody looks, and states it for a day; what was seen counts whatever was stated. "
         "Asked by the steps of the uninstall alone."},
    {0}};
UH_CHECK_MODULE(setup, checks);
