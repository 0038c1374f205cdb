/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: none may be left in an on-premises database, and none may be stuck in synchronisation. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

static const char on_premises_directory[] =
    "SELECT CASE WHEN archive_database IS NULL AND " UH_SQL_NO_MAILBOX " THEN 0"
    "   ELSE archive_database <> '' END AS violated," UH_SQL_DIRECTORY_WHO
    "  'archive' AS kind,"
    "  'This archive is on premises, in the database ' || rdn(archive_database) || '.' AS message,"
    "  json_object("
    "    'msExchArchiveDatabaseLink', archive_database,"
    "    'msExchArchiveGUID', guid_text(archive_guid),"
    "    'msExchRecipientTypeDetails', recipient_type_details) AS evidence,"
    "  '' AS command"
    " FROM local_recipient"
    " WHERE violated IS NOT FALSE";
/* ArchiveStatus is Active where the archive is in Exchange Online already. */
static const char on_premises_export[] =
    "SELECT CASE"
    "   WHEN lower(archive_status) = 'active' THEN 0"
    "   WHEN archive_status IS NULL AND (listing = 'Archive' OR archive_guid NOT IN (x'', zeroblob(16))) THEN NULL"
    "   WHEN listing = 'Archive' THEN 1"
    "   WHEN lower(archive_status) = 'hostedpending' THEN 0"
    "   ELSE archive_guid NOT IN (x'', zeroblob(16)) END AS violated," UH_SQL_EXCHANGE_WHO
    "  'archive' AS kind,"
    "  'This on-premises mailbox has an archive on premises.' AS message,"
    "  json_object("
    "    'ArchiveGuid', guid_text(archive_guid),"
    "    'ArchiveStatus', archive_status,"
    "    'listing', listing) AS evidence,"
    "  '' AS command"
    " FROM exchange_recipient"
    " WHERE side = 'on-premises' AND kind = 'Mailbox'";
#define ARCHIVE_NEEDS "on-premises:Recipient|on-premises:Mailbox/Archive|on-premises:Mailbox"
static const struct uh_rule on_premises[] = {
    {"on-premises", ARCHIVE_NEEDS, on_premises_directory}, {"on-premises", ARCHIVE_NEEDS, on_premises_export}, {0}};

/* An error of a service that is marked as resolved is history. */
static const char provisioning_error[] =
    "WITH told AS ("
    "  SELECT *, prop_list(json, 'onPremisesProvisioningErrors') AS synchronisation,"
    "    prop_list(json, 'serviceProvisioningErrors') AS service"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'GraphProvisioningError')"
    " SELECT CASE"
    "   WHEN synchronisation <> '[]' THEN 1"
    "   WHEN EXISTS (SELECT 1 FROM json_each(service) WHERE NOT coalesce(json_extract(value, '$.isResolved'), 0))"
    "     THEN 1"
    "   WHEN synchronisation IS NOT NULL AND service IS NOT NULL THEN 0 END AS violated,"
    "  CASE guid WHEN '' THEN name ELSE lower(guid) END AS key,"
    "  nullif(lower(guid), '') AS guid,"
    "  'recipient' AS kind,"
    "  coalesce(nullif(prop(told.json, 'mail'), ''), nullif(prop(told.json, 'userPrincipalName'), ''),"
    "    nullif(name, ''), identity) AS object,"
    "  CASE WHEN synchronisation <> '[]'"
    "    THEN 'Synchronisation of this object fails with '"
    "      || coalesce(json_extract(synchronisation, '$[0].category'), 'an error')"
    "      || coalesce(' in ' || json_extract(synchronisation, '$[0].propertyCausingError'), '')"
    "      || coalesce(' (value ' || json_extract(synchronisation, '$[0].value') || ')', '') || '.'"
    "    ELSE 'The service ' || coalesce(json_extract(service, '$[0].serviceInstance'), '(no name given)')"
    "      || ' reports a provisioning error of this object that is not resolved.' END AS message,"
    "  json_object("
    "    'onPremisesProvisioningErrors', json(synchronisation),"
    "    'serviceProvisioningErrors', json(service)) AS evidence,"
    "  '' AS command"
    " FROM told";
static const struct uh_rule provisioning[] = {{"cloud", "cloud:GraphProvisioningError", provisioning_error}, {0}};
/* clang-format on */

static const struct uh_check checks[] = {
    {.id = "archive.on-premises",
     .title = "No archive mailbox is on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-02",
     .rules = on_premises,
     .remedy = "Move the archive to Exchange Online, with its primary mailbox, or with -ArchiveOnly where the "
               "primary is there already.",
     .reference = "https://learn.microsoft.com/exchange/hybrid-deployment/create-cloud-based-archive",
     .explain = "Every object with msExchArchiveDatabaseLink, whatever its type: an archive may be on premises "
                "although the primary mailbox is in Exchange Online (then mailbox.hidden-reference names the object "
                "too, because no list of mailboxes shows it). An archive in Exchange Online of an on-premises "
                "mailbox is no finding: the mailbox is one."},
    {.id = "archive.provisioning-error",
     .title = "No synchronised object has a provisioning error",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-02",
     .rules = provisioning,
     .remedy = "Repair the object on premises while Exchange Server still runs, for an archive with "
               "Set-RemoteMailbox -ArchiveGuid (Exchange Management Shell), and let the directory synchronise. After "
               "the uninstall there is no supported way to do so.",
     .reference =
         "https://learn.microsoft.com/exchange/troubleshoot/administration/validation-errors-for-mailbox-archive-guid",
     .explain = "Users for whom Microsoft Graph lists onPremisesProvisioningErrors or serviceProvisioningErrors, "
                "mismatched archive GUIDs among them. Errors that are marked as resolved are no finding."},
    {0}};
UH_CHECK_MODULE(archive, checks);
