/* SPDX-License-Identifier: Apache-2.0 */
/* The servers: exactly one may be left, and it has to be a real one. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * judged: one row for each server that is listed, whoever listed it. A server whose computer account does not exist is
 * a ghost and does not count; that is concluded only where all computer accounts were searched. Edge servers are
 * members of no domain; one whose role was not told may be one of them (counts is NULL then). ServerRole is a number in
 * Active Directory (2 mailbox, 64 Edge) and words in an export.
 */
#define ROLE "prop(json, 'ServerRole')"
#define HAS_ROLE(bit, word)                                             \
  "CASE WHEN typeof(" ROLE ") = 'integer' THEN " ROLE " & " bit " <> 0" \
  " ELSE coalesce(has_word(" ROLE ", '" word "'), " UH_SQL_TRUE("Is" word "Server") ") END"
#define SERVERS                                                                 \
  "WITH listed AS ("                                                            \
  "  SELECT lower(name) AS key, max(name) AS name,"                             \
  "    max(nullif(lower(guid), '')) AS guid,"                                   \
  "    max(rtrim(lower(prop(json, 'Fqdn')), '.')) AS fqdn,"                     \
  "    max(" HAS_ROLE("64", "Edge") ") AS edge,"                                \
  "    max(" HAS_ROLE("2", "Mailbox") ") AS mailbox,"                           \
  "    max(" ROLE ") AS role"                                                   \
  "   FROM object"                                                              \
  "   WHERE side = 'on-premises' AND kind = 'ExchangeServer'"                   \
  "   GROUP BY lower(name)),"                                                   \
  " server AS ("                                                                \
  "  SELECT *, " UH_SQL_HAS_ACCOUNT("name", "fqdn") " AS found FROM listed),"   \
  " judged AS ("                                                                \
  "  SELECT *, found IS NOT FALSE OR edge OR fqdn IS NULL"                      \
  "    OR NOT " UH_SQL_COMPLETE("on-premises", "ExchangeComputer") " AS counts" \
  "   FROM server) "
/* That there is no other server, or none at all, is known once all of them were read. Whether the only one exists is
 * known only where its name and those of the computer accounts are. */
static const char last_sql[] = SERVERS
    ", total(servers, names, complete) AS ("
    "  SELECT count(*), group_concat(name, ', '), " UH_SQL_COMPLETE("on-premises", "ExchangeServer")
    "   FROM (SELECT name FROM judged WHERE counts ORDER BY name))"
    " SELECT CASE"
    "   WHEN counts IS NULL THEN NULL"
    "   WHEN NOT counts THEN 0"
    "   WHEN servers > 1 THEN 1"
    "   WHEN mailbox THEN CASE WHEN coalesce(edge, 0) OR (found IS NOT NULL AND fqdn IS NOT NULL) THEN 0 END"
    "   WHEN complete THEN NOT mailbox END AS violated,"
    "  coalesce(guid, key) AS key,"
    "  guid,"
    "  'server' AS kind,"
    "  name AS object,"
    "  CASE WHEN servers > 1 THEN 'This is one of ' || servers || ' Exchange servers: ' || names || '.'"
    "    ELSE 'The only Exchange server has no mailbox role (' || coalesce(role, 'role not obtained') || ').' END"
    "   AS message,"
    "  CASE WHEN fqdn IS NOT NULL AND found IS NULL THEN json_object('the name of a computer account', NULL)"
    "    ELSE json_object('ServerRole', role, 'Fqdn', fqdn) END AS evidence,"
    "  '' AS command"
    " FROM judged, total"
    " UNION ALL"
    " SELECT 1,"
    "  'organization',"
    "  NULL,"
    "  'organization',"
    "  coalesce((SELECT nullif(organization, '') FROM observation), 'organization'),"
    "  CASE WHEN EXISTS (SELECT 1 FROM listed)"
    "    THEN 'No Exchange server is left: none of those listed has a computer account.'"
    "    ELSE 'No Exchange server is listed in Active Directory: there is none to uninstall.' END,"
    "  json_object('servers', (SELECT count(*) FROM listed)),"
    "  ''"
    " FROM total"
    " WHERE complete AND servers = 0 AND NOT EXISTS (SELECT 1 FROM judged WHERE counts IS NULL)";
static const struct uh_rule last[] = {{"on-premises", "on-premises:ExchangeServer", last_sql}, {0}};

static const char ghost_sql[] = SERVERS
    "SELECT CASE"
    "   WHEN found OR edge THEN 0"
    "   WHEN fqdn IS NOT NULL AND edge IS NOT NULL AND found IS NOT NULL THEN 1 END AS violated,"
    "  coalesce(guid, key) AS key,"
    "  guid,"
    "  'server' AS kind,"
    "  name AS object,"
    "  'This server is listed, and no computer account has its name ' || fqdn || '.' AS message,"
    "  CASE WHEN fqdn IS NOT NULL AND found IS NULL THEN json_object('the name of a computer account', NULL)"
    "    ELSE json_object('Fqdn', fqdn, 'ServerRole', role) END AS evidence,"
    "  '' AS command"
    " FROM judged";
static const struct uh_rule ghost[] = {{"on-premises", "on-premises:ExchangeServer", ghost_sql}, {0}};

static const char dag_sql[] =
    "WITH availability_group AS ("
    "  SELECT *, prop_list(json, 'Servers') AS members"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind = 'DatabaseAvailabilityGroup')"
    " SELECT members <> '[]' AS violated," UH_SQL_OBJECT_WHO
    "  'database availability group' AS kind,"
    "  'This database availability group still has members: '"
    "   || (SELECT group_concat(value, ', ') FROM json_each(members)) || '.' AS message,"
    "  json_object('Servers', json(members)) AS evidence,"
    "  (SELECT group_concat('Remove-DatabaseAvailabilityGroupServer -Identity ' || ps_quote(name, guid)"
    "      || ' -MailboxServer ' || ps_quote(value, ''), '; ')"
    "    FROM json_each(members)) AS command"
    " FROM availability_group";
static const struct uh_rule dag[] = {{"on-premises", "on-premises:DatabaseAvailabilityGroup", dag_sql}, {0}};

/* After the uninstall. */
static const char gone_sql[] =
    "SELECT 1 AS violated,"
    "  coalesce(max(nullif(lower(guid), '')), lower(name)) AS key,"
    "  max(nullif(lower(guid), '')) AS guid,"
    "  'server' AS kind,"
    "  max(name) AS object,"
    "  'The object of this Exchange server is still there.' AS message,"
    "  json_object('identity', max(identity)) AS evidence,"
    "  '' AS command"
    " FROM object"
    " WHERE side = 'on-premises' AND kind = 'ExchangeServer'"
    " GROUP BY lower(name)";
static const struct uh_rule gone[] = {{"on-premises", "on-premises:ExchangeServer", gone_sql}, {0}};
static const char hybrid_sql[] =
    "SELECT 1 AS violated," UH_SQL_OBJECT_WHO
    "  'hybrid configuration' AS kind,"
    "  'The hybrid configuration is still in Active Directory, and no server can remove it.' AS message,"
    "  json_object('identity', max(identity)) AS evidence,"
    "  '' AS command"
    " FROM object"
    " WHERE side = 'on-premises' AND kind = 'HybridConfiguration'"
    " GROUP BY lower(guid)";
static const struct uh_rule hybrid[] = {{"on-premises", "on-premises:HybridConfiguration", hybrid_sql}, {0}};
/* clang-format on */

static const struct uh_check checks[] = {
    {.id = "server.last",
     .title = "Exactly one Exchange server is left, with the mailbox role",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-29",
     .rules = last,
     .remedy = "Uninstall the other servers first, Edge servers too (remove their subscription). Everything that "
               "concerns the whole organisation is done with the last one only.",
     .reference = "https://learn.microsoft.com/exchange/plan-and-deploy/deploy-new-installations/uninstall-exchange",
     .explain = "The server objects of the organisation. A server without a computer account does not count "
                "(server.ghost names it), as long as all computer accounts could be searched. Edge servers and "
                "servers without the mailbox role count as servers. No server at all is a finding of its own: there "
                "is nothing to uninstall, and the cleanup needs another way."},
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
     .explain =
         "Servers of which no computer account in the forest has the FQDN, or the short name. Edge servers are left out: they "
         "are members of no domain."},
    {.id = "server.dag",
     .title = "No server is a member of a database availability group",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-29",
     .rules = dag,
     .remedy = "In the Exchange Management Shell remove the database copies first, then the members, then the group.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-databaseavailabilitygroupserver",
     .explain = "Database availability groups with members. A group without members does not hinder the uninstall."},
    {.id = "server.gone",
     .title = "No Exchange server is left in Active Directory",
     .severity = UH_BLOCKER,
     .purposes = UH_AFTER,
     .requirements = "O-A1",
     .rules = gone,
     .remedy = "Uninstall it with Setup. Where the machine is gone for good, delete its object below CN=Servers in the "
               "configuration partition (ADSI Edit); until then nothing else of Exchange is deleted there.",
     .reference = "https://learn.microsoft.com/exchange/plan-and-deploy/deploy-new-installations/uninstall-exchange",
     .explain = "Every server's object, Edge servers' and those of machines that are gone included. None counts only "
                "where the directory was seen in full, or the organisation is known to be gone."},
    {.id = "server.hybrid-gone",
     .title = "No hybrid configuration outlived the server",
     .severity = UH_WARNING,
     .purposes = UH_AFTER,
     .requirements = "O-A10",
     .rules = hybrid,
     .remedy = "unhybrid sweep --only hybrid-object deletes it.",
     .reference = "https://learn.microsoft.com/exchange/hybrid-deployment/decommission-last-exchange-server",
     .explain = "The object of class msExchCoexistenceRelationship. What of the deployment is left in Exchange Online, "
                "and whose it is, the plan of unhybrid sweep --dry-run says."},
    {0}};
UH_CHECK_MODULE(server, checks);
