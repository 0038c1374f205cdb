/* SPDX-License-Identifier: Apache-2.0 */
/* Moves and migrations: nothing may be on its way, and nothing left over on premises. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* The status is text, or an object that holds it. */
#define TEXT_OF(value)                                                  \
  "CASE WHEN json_valid(" value ") AND json_type(" value ") = 'object'" \
  " THEN json_extract(" value ", '$.Value') ELSE " value " END"
#define STATUS "coalesce(" TEXT_OF("prop(json, 'Status')") ", " TEXT_OF("prop(json, 'MoveStatus')") ")"

static const char request_object[] =
    "WITH request AS ("
    "  SELECT *, " STATUS " AS status"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind = 'MoveRequest')"
    " SELECT 1 AS violated," UH_SQL_OBJECT_WHO
    "  'move request' AS kind,"
    "  'A move request' || coalesce(' with the status ' || nullif(status, ''), '') || ' still exists on premises.'"
    "   AS message,"
    "  json_object("
    "    'Status', status,"
    "    'BatchName', prop(json, 'BatchName'),"
    "    'identity', identity) AS evidence,"
    "  CASE WHEN status LIKE 'Completed%' THEN 'Remove-MoveRequest -Identity ' || ps_quote(name, guid) ELSE '' END"
    "   AS command"
    " FROM request";
/* 10 Completed, 11 CompletedWithWarning; every other number is on its way or failed. */
static const char request_directory[] =
    "SELECT CASE WHEN move_status IS NULL AND " UH_SQL_NO_MAILBOX " THEN 0"
    "   ELSE move_status <> 0 END AS violated," UH_SQL_DIRECTORY_WHO
    "  'move request' AS kind,"
    "  CASE move_status"
    "    WHEN 1 THEN 'A move of this mailbox is in progress: its request'"
    "    WHEN 10 THEN 'A completed move of this mailbox'"
    "    WHEN 11 THEN 'A move of this mailbox that was completed with warnings'"
    "    WHEN 99 THEN 'A failed move of this mailbox'"
    "    ELSE 'A move of this mailbox (status ' || move_status || ')' END || ' still exists'"
    "   || coalesce(' in the batch ' || nullif(move_batch, ''), '') || '.' AS message,"
    "  json_object("
    "    'msExchMailboxMoveStatus', move_status,"
    "    'msExchMailboxMoveBatchName', coalesce(move_batch, '')) AS evidence,"
    "  CASE WHEN move_status IN (10, 11) THEN 'Remove-MoveRequest -Identity ' || " UH_SQL_DIRECTORY_ID " ELSE '' END"
    "   AS command"
    " FROM local_recipient"
    " WHERE violated IS NOT FALSE";
static const struct uh_rule request[] = {
    {"on-premises", "on-premises:MoveRequest", request_object},
    {"on-premises", "on-premises:Recipient|on-premises:Mailbox+on-premises:MoveRequest", request_directory},
    {0}};

#define OPEN(noun, what, command)                                                                                  \
  "WITH migration AS ("                                                                                            \
  "  SELECT *, " STATUS " AS status"                                                                               \
  "   FROM object"                                                                                                 \
  "   WHERE side = 'cloud' AND kind = '" noun "')"                                                                 \
  " SELECT status NOT LIKE 'Completed%' AND status NOT LIKE 'Remov%' AS violated," UH_SQL_OBJECT_WHO               \
  "  '" what "' AS kind,"                                                                                          \
  "  'This " what " is not finished: its status is ' || coalesce(nullif(status, ''), '(none)') || '.' AS message," \
  "  json_object("                                                                                                 \
  "    'Status', status,"                                                                                          \
  "    'finished', (SELECT count(*) FROM migration WHERE status LIKE 'Completed%')) AS evidence,"                  \
  "  " command " AS command"                                                                                       \
  " FROM migration"
#define COMPLETE_BATCH \
  "CASE WHEN status LIKE 'Synced%' THEN 'Complete-MigrationBatch -Identity ' || ps_quote(name, guid) ELSE '' END"
static const struct uh_rule batch[] = {
    {"cloud", "cloud:MigrationBatch", OPEN("MigrationBatch", "migration batch", COMPLETE_BATCH)},
    {"cloud", "cloud:MoveRequest", OPEN("MoveRequest", "move request", "''")},
    {0}};

/*
 * Virtual directories of all servers have the same name, so the command names them by GUID or full identity. It is
 * offered only where no user's mailbox can be left to move (bits as in mailbox.on-premises), because
 * moves go through the proxy.
 */
static const char mrs_proxy_sql[] =
    "SELECT " UH_SQL_TRUE("MRSProxyEnabled") " AS violated," UH_SQL_OBJECT_WHO
    "  'virtual directory' AS kind,"
    "  'The mailbox replication proxy is still on at ' || coalesce(nullif(identity, ''), name) || '.' AS message,"
    "  json_object("
    "    'MRSProxyEnabled', prop_json(json, 'MRSProxyEnabled'),"
    "    'identity', identity) AS evidence,"
    "  CASE WHEN " UH_SQL_COMPLETE("on-premises", "Recipient")
    "    AND NOT EXISTS (SELECT 1 FROM local_recipient WHERE (recipient_type_details & 161628209283135) IS NOT 0)"
    "    THEN 'Set-WebServicesVirtualDirectory -Identity '"
    "      || ps_quote(coalesce(nullif(lower(guid), ''), nullif(identity, ''), name), guid)"
    "      || ' -MRSProxyEnabled $false'"
    "    ELSE '' END AS command"
    " FROM object"
    " WHERE side = 'on-premises' AND kind = 'WebServicesVirtualDirectory'";
static const struct uh_rule mrs_proxy[] = {{"on-premises", "on-premises:WebServicesVirtualDirectory", mrs_proxy_sql},
                                           {0}};
/* clang-format on */

static const struct uh_check checks[] = {
    {.id = "migration.move-request",
     .title = "No move request is left on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-16",
     .rules = request,
     .remedy = "Let running moves finish or cancel them, then remove every request, the completed ones too, in the "
               "Exchange Management Shell: Get-MoveRequest -ResultSize Unlimited, Remove-MoveRequest (first with "
               "-WhatIf).",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-moverequest",
     .explain = "Move requests on premises, whatever their status, and recipients that carry a move status in Active "
                "Directory: what remains blocks the uninstall. Import, export and public folder migration requests "
                "are objects of the same class and count too."},
    {.id = "migration.batch",
     .title = "No migration to Exchange Online is open",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-16",
     .rules = batch,
     .remedy = "Complete or remove the batch or move request in Exchange Online PowerShell. Look at the mailboxes of "
               "failed ones: they may still be on premises.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/get-migrationbatch",
     .explain = "Migration batches and move requests in Exchange Online that are neither completed nor being "
                "removed; a stopped, failed or synced one is open. Completed ones are counted in the evidence and "
                "are no finding."},
    {.id = "migration.mrs-proxy",
     .title = "The mailbox replication proxy is off",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-16",
     .rules = mrs_proxy,
     .remedy = "Turn it off in the Exchange Management Shell after the last move, not before: moves go through it, "
               "and it lets the service in from outside.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/set-webservicesvirtualdirectory",
     .explain = "MRSProxyEnabled of the EWS virtual directories."},
    {0}};
UH_CHECK_MODULE(migration, checks);
