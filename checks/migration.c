/* SPDX-License-Identifier: Apache-2.0 */
/* Moves and migrations: nothing may be on its way, and nothing left over on premises. */
#include <unhybrid/check.h>

#define OBJECT_WHO \
  " CASE guid WHEN '' THEN name ELSE lower(guid) END AS key, nullif(lower(guid),'') AS guid, name AS object,"
/* The status is text, or an object that holds it. */
#define TEXT_OF(value)                                                                           \
  "CASE WHEN json_valid(" value ") AND json_type(" value ") = 'object' THEN json_extract(" value \
  ", '$.Value') ELSE " value " END"
#define STATUS "coalesce(" TEXT_OF("prop(json,'Status')") ", " TEXT_OF("prop(json,'MoveStatus')") ")"

static const char request_object[] =
    "SELECT 1 AS violated," OBJECT_WHO
    " 'move request' AS kind,"
    " 'A move request' || coalesce(' with the status ' || nullif(" STATUS
    ", ''), '') || ' still exists on premises.' AS message,"
    " json_object('Status', " STATUS
    ", 'BatchName', prop(json,'BatchName'), 'identity', identity) AS evidence,"
    " CASE WHEN " STATUS
    " LIKE 'Completed%' THEN 'Remove-MoveRequest -Identity ' || ps_quote(name, guid) ELSE '' END AS command"
    " FROM object WHERE side = 'on-premises' AND kind = 'MoveRequest'";
/* 10 Completed, 11 CompletedWithWarning; every other number is on its way or failed. */
static const char request_directory[] =
    "SELECT CASE WHEN move_status IS NULL AND lower(class) IN "
    "('group','contact','publicfolder','msexchdynamicdistributionlist') THEN 0"
    "  ELSE move_status <> 0 END AS violated, guid_text(guid) AS key, guid_text(guid) AS guid, 'move request' AS kind,"
    " coalesce(nullif(mail,''), nullif(name,''), dn) AS object,"
    " CASE move_status WHEN 10 THEN 'A completed move of this mailbox' WHEN 11 THEN 'A move of this mailbox that was "
    "completed with warnings'"
    "  WHEN 1 THEN 'A move of this mailbox is in progress: its request' WHEN 99 THEN 'A failed move of this mailbox'"
    "  ELSE 'A move of this mailbox (status ' || move_status || ')' END || ' still exists' || coalesce(' in the batch "
    "' || nullif(move_batch, ''), '') || '.' AS message,"
    " json_object('msExchMailboxMoveStatus', move_status, 'msExchMailboxMoveBatchName', coalesce(move_batch, '')) AS "
    "evidence,"
    " CASE WHEN move_status IN (10, 11) THEN 'Remove-MoveRequest -Identity ' || ps_quote(coalesce(nullif(mail,''), "
    "guid_text(guid)), guid_text(guid)) ELSE '' END AS command"
    " FROM directory_recipient WHERE violated IS NOT FALSE";
static const struct uh_rule request[] = {
    {"on-premises", "on-premises:MoveRequest", request_object},
    {"on-premises", "on-premises:Recipient|on-premises:Mailbox+on-premises:MoveRequest", request_directory},
    {0}};

#define OPEN(kind_, what, command)                                                                             \
  "SELECT " STATUS " NOT LIKE 'Completed%' AND " STATUS " NOT LIKE 'Remov%' AS violated," OBJECT_WHO " '" what \
  "' AS kind,"                                                                                                 \
  " 'This " what " is not finished: its status is ' || coalesce(nullif(" STATUS                                \
  ", ''), '(none)') || '.' AS message,"                                                                        \
  " json_object('Status', " STATUS                                                                             \
  ", 'finished', (SELECT count(*) FROM object f WHERE f.side = 'cloud' AND f.kind = '" kind_                   \
  "'"                                                                                                          \
  "  AND coalesce(prop(f.json,'Status'), prop(f.json,'MoveStatus')) LIKE '%Completed%')) AS evidence," command \
  " AS command FROM object WHERE side = 'cloud' AND kind = '" kind_ "'"
static const struct uh_rule batch[] = {
    {"cloud", "cloud:MigrationBatch",
     OPEN("MigrationBatch", "migration batch",
          "CASE WHEN " STATUS
          " LIKE 'Synced%' THEN 'Complete-MigrationBatch -Identity ' || ps_quote(name, guid) ELSE '' END")},
    {"cloud", "cloud:MoveRequest", OPEN("MoveRequest", "move request", "''")},
    {0}};

/* Virtual directories of all servers have the same name, so the command names them by GUID or full identity. */
static const char mrs_proxy_sql[] =
    "SELECT lower(prop(json,'MRSProxyEnabled')) IN ('1', 'true') AS violated," OBJECT_WHO
    " 'virtual directory' AS kind,"
    " 'The mailbox replication proxy is still on at ' || coalesce(nullif(identity, ''), name) || '.' AS message,"
    " json_object('MRSProxyEnabled', prop(json,'MRSProxyEnabled'), 'identity', identity) AS evidence,"
    " 'Set-WebServicesVirtualDirectory -Identity ' || ps_quote(coalesce(nullif(lower(guid),''), nullif(identity,''), "
    "name), guid) || ' -MRSProxyEnabled $false' AS command"
    " FROM object WHERE side = 'on-premises' AND kind = 'WebServicesVirtualDirectory'";
static const struct uh_rule mrs_proxy[] = {{"on-premises", "on-premises:WebServicesVirtualDirectory", mrs_proxy_sql},
                                           {0}};

static const struct uh_check checks[] = {
    {.id = "migration.move-request",
     .title = "No move request is left on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-16",
     .rules = request,
     .remedy = "Let running moves finish or cancel them, then remove every request, the completed ones too: "
               "Get-MoveRequest -ResultSize Unlimited, "
               "Remove-MoveRequest (first with -WhatIf).",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-moverequest",
     .explain = "Move requests on premises, whatever their status, and recipients that carry a move status in Active "
                "Directory: what remains blocks "
                "the uninstall. Import, export and public folder migration requests are objects of the same class and "
                "count too."},
    {.id = "migration.batch",
     .title = "No migration to Exchange Online is open",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-16",
     .rules = batch,
     .remedy = "Complete or remove the batch or move request in Exchange Online. Look at the mailboxes of failed ones: "
               "they may still be on premises.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/get-migrationbatch",
     .explain = "Migration batches and move requests in Exchange Online that are neither completed nor being removed; "
                "a stopped, failed or synced one is "
                "open. Completed ones are counted in the evidence and are no finding."},
    {.id = "migration.mrs-proxy",
     .title = "The mailbox replication proxy is off",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-16",
     .rules = mrs_proxy,
     .remedy = "Turn it off after the last move: it lets the service in from outside.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/set-webservicesvirtualdirectory",
     .explain = "MRSProxyEnabled of the EWS virtual directories."},
    {0}};
UH_CHECK_MODULE(migration, checks);
