/* SPDX-License-Identifier: Apache-2.0 */
/* The servers: exactly one may be left, and it has to be a real one. */
#include <unhybrid/check.h>

/*
 * One row for each server that is listed, whoever listed it. A server whose computer account does not exist is a ghost;
 * that is concluded only where all computer accounts were searched. Edge servers are members of no domain.
 */
#define ROLE "prop(json,'ServerRole')"
#define EDGE                                                                                    \
  "CASE WHEN typeof(" ROLE ") = 'integer' THEN " ROLE " & 64 <> 0 ELSE coalesce(has_word(" ROLE \
  ", 'Edge'), lower(prop(json,'IsEdgeServer')) IN ('1', 'true')) END"
#define MAILBOX                                                                                \
  "CASE WHEN typeof(" ROLE ") = 'integer' THEN " ROLE " & 2 <> 0 ELSE coalesce(has_word(" ROLE \
  ", 'Mailbox'), lower(prop(json,'IsMailboxServer')) IN ('1', 'true')) END"
/* Some source is configured and read all of the set. */
#define COMPLETE(set)                                                         \
  "EXISTS (SELECT 1 FROM \"set\" WHERE side = 'on-premises' AND name = '" set \
  "'"                                                                         \
  " GROUP BY source HAVING min(state = 'complete'))"
#define SERVERS                                                                                                       \
  "WITH computer AS MATERIALIZED (SELECT rtrim(lower(prop(json,'DNSHostName')), '.') AS fqdn FROM object WHERE side " \
  "= 'on-premises' AND kind = 'ExchangeComputer'),"                                                                   \
  " listed AS (SELECT lower(name) AS key, max(name) AS name, max(nullif(lower(guid),'')) AS guid, "                   \
  "max(rtrim(lower(prop(json,'Fqdn')), '.')) AS fqdn,"                                                                \
  "   max(" EDGE ") AS edge, max(" MAILBOX ") AS mailbox, max(" ROLE                                                  \
  ") AS role FROM object WHERE side = 'on-premises' AND kind = 'ExchangeServer' GROUP BY lower(name)),"               \
  " server AS (SELECT *, fqdn IN (SELECT fqdn FROM computer) AS found FROM listed),"                                  \
  " judged AS (SELECT *, coalesce(found, 0) OR coalesce(edge, 0) OR fqdn IS NULL OR NOT " COMPLETE(                   \
      "ExchangeComputer") " AS counts FROM server) "
static const char last_sql[] = SERVERS
    "SELECT CASE WHEN NOT counts THEN 0 WHEN (SELECT sum(counts) FROM judged) > 1 THEN 1 ELSE NOT mailbox END AS "
    "violated,"
    " coalesce(guid, key) AS key, guid, 'server' AS kind, name AS object,"
    " CASE WHEN (SELECT sum(counts) FROM judged) > 1 THEN 'This is one of ' || (SELECT sum(counts) FROM judged) || ' "
    "Exchange servers: ' ||"
    "   (SELECT group_concat(name, ', ') FROM (SELECT name FROM judged WHERE counts ORDER BY name)) || '.'"
    "  ELSE 'The only Exchange server has no mailbox role (' || coalesce(role, 'role not obtained') || ').' END AS "
    "message,"
    " json_object('ServerRole', role, 'Fqdn', coalesce(fqdn, '')) AS evidence, '' AS command FROM judged"
    " UNION ALL SELECT 1, 'organization', NULL, 'organization', coalesce((SELECT nullif(organization, '') FROM "
    "observation), 'organization'),"
    " CASE WHEN EXISTS (SELECT 1 FROM listed) THEN 'No Exchange server is left: none of those listed has a computer "
    "account.'"
    "  ELSE 'No Exchange server is listed in Active Directory: there is none to uninstall.' END, "
    "json_object('servers', (SELECT count(*) FROM listed)), ''"
    " WHERE " COMPLETE("ExchangeServer") " AND NOT EXISTS (SELECT 1 FROM judged WHERE counts)";
static const struct uh_rule last[] = {{"on-premises", "on-premises:ExchangeServer", last_sql}, {0}};

static const char ghost_sql[] = SERVERS
    "SELECT CASE WHEN found OR edge THEN 0 WHEN fqdn IS NULL OR edge IS NULL THEN NULL ELSE 1 END AS violated,"
    " coalesce(guid, key) AS key, guid, 'server' AS kind, name AS object,"
    " 'This server is listed, and no computer account has its name ' || fqdn || '.' AS message,"
    " json_object('Fqdn', fqdn, 'ServerRole', role) AS evidence, '' AS command FROM judged";
static const struct uh_rule ghost[] = {{"on-premises", "on-premises:ExchangeServer", ghost_sql}, {0}};

#define MEMBERS "prop_list(object.json,'Servers')"
static const char dag_sql[] =
    "SELECT " MEMBERS
    " <> '[]' AS violated, CASE guid WHEN '' THEN name ELSE lower(guid) END AS key, nullif(lower(guid),'') AS guid,"
    " 'database availability group' AS kind, name AS object,"
    " 'This database availability group still has members: ' || (SELECT group_concat(value, ', ') FROM "
    "json_each(" MEMBERS
    ")) || '.' AS message,"
    " json_object('Servers', json(" MEMBERS
    ")) AS evidence,"
    " (SELECT group_concat('Remove-DatabaseAvailabilityGroupServer -Identity ' || ps_quote(name, guid) || ' "
    "-MailboxServer ' || ps_quote(value, ''), '; ') FROM json_each(" MEMBERS
    ")) AS command"
    " FROM object WHERE side = 'on-premises' AND kind = 'DatabaseAvailabilityGroup'";
static const struct uh_rule dag[] = {{"on-premises", "on-premises:DatabaseAvailabilityGroup", dag_sql}, {0}};

static const struct uh_check checks[] = {
    {.id = "server.last",
     .title = "Exactly one Exchange server is left, with the mailbox role",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-29",
     .rules = last,
     .remedy = "Uninstall the other servers first, Edge servers too (remove their subscription). Everything that "
               "concerns the whole organisation is "
               "done with the last one only.",
     .reference = "https://learn.microsoft.com/exchange/plan-and-deploy/deploy-new-installations/uninstall-exchange",
     .explain = "The server objects of the organisation. A server without a computer account does not count "
                "(server.ghost names it), as long as all "
                "computer accounts could be searched. Edge servers and servers without the mailbox role count as "
                "servers. No server at all is a "
                "finding of its own: there is nothing to uninstall, and the cleanup needs another way."},
    {.id = "server.ghost",
     .title = "Every Exchange server that is listed exists",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-29",
     .rules = ghost,
     .absence_needs = "on-premises:ExchangeComputer",
     .remedy = "Make sure that the server is gone for good, then delete its object below CN=Servers in the "
               "configuration partition (ADSI Edit).",
     .reference =
         "https://learn.microsoft.com/exchange/troubleshoot/move-or-migrate-mailboxes/hcw-invalidsmtpdomainname-error",
     .explain = "Servers whose FQDN is that of no computer account in the forest. Edge servers are left out: they are "
                "members of no domain."},
    {.id = "server.dag",
     .title = "No server is a member of a database availability group",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-29",
     .rules = dag,
     .remedy = "Remove the database copies and the members from the group, then the group.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-databaseavailabilitygroupserver",
     .explain = "Database availability groups with members. A group without members does not hinder the uninstall."},
    {0}};
UH_CHECK_MODULE(server, checks);
