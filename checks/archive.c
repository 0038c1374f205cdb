/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: none may be left in an on-premises database, and none may be stuck in synchronisation. */
#include <unhybrid/check.h>

static const char on_premises_directory[] =
    "SELECT CASE WHEN archive_database IS NULL AND lower(class) IN "
    "('group','contact','publicfolder','msexchdynamicdistributionlist') THEN 0"
    "  ELSE archive_database <> '' END AS violated, guid_text(guid) AS key, guid_text(guid) AS guid, 'archive' AS kind,"
    " coalesce(nullif(mail,''), nullif(name,''), dn) AS object,"
    " 'This archive is on premises, in the database ' || rdn(archive_database) || '.' AS message,"
    " json_object('msExchArchiveDatabaseLink', archive_database, 'msExchArchiveGUID', guid_text(archive_guid),"
    "  'msExchRecipientTypeDetails', recipient_type_details) AS evidence, '' AS command"
    " FROM directory_recipient WHERE violated IS NOT FALSE";
/* ArchiveStatus is Active where the archive is in Exchange Online already. */
static const char on_premises_export[] =
    "SELECT CASE WHEN lower(archive_status) = 'active' THEN 0 WHEN listing = 'Archive' THEN 1 WHEN "
    "lower(archive_status) = 'hostedpending' THEN 0"
    "  ELSE archive_guid NOT IN (x'', zeroblob(16)) END AS violated,"
    " coalesce(nullif(guid_text(guid),''), nullif(lower(primary_address),''), nullif(identity,''), name) AS key,"
    " nullif(guid_text(guid),'') AS guid, 'archive' AS kind, coalesce(nullif(primary_address,''), nullif(name,''), "
    "identity) AS object,"
    " 'This on-premises mailbox has an archive on premises.' AS message,"
    " json_object('ArchiveGuid', guid_text(archive_guid), 'ArchiveStatus', archive_status, 'listing', listing) AS "
    "evidence, '' AS command"
    " FROM exchange_recipient WHERE side = 'on-premises' AND kind = 'Mailbox'";
static const struct uh_rule on_premises[] = {
    {"on-premises", "on-premises:Recipient|on-premises:Mailbox/Archive|on-premises:Mailbox", on_premises_directory},
    {"on-premises", "on-premises:Recipient|on-premises:Mailbox/Archive|on-premises:Mailbox", on_premises_export},
    {0}};

/* An error of a service that is marked as resolved is history. */
static const char provisioning_error[] =
    "SELECT CASE WHEN prop_list(json,'onPremisesProvisioningErrors') NOT IN ('[]') THEN 1"
    "  WHEN EXISTS (SELECT 1 FROM json_each(prop_list(object.json,'serviceProvisioningErrors'))"
    "    WHERE coalesce(json_extract(value,'$.isResolved'), 0) NOT IN (1)) THEN 1"
    "  WHEN prop_list(json,'onPremisesProvisioningErrors') IS NULL OR prop_list(json,'serviceProvisioningErrors') IS "
    "NULL THEN NULL"
    "  ELSE 0 END AS violated, CASE guid WHEN '' THEN name ELSE lower(guid) END AS key, nullif(lower(guid),'') AS "
    "guid, 'recipient' AS kind,"
    " coalesce(nullif(prop(json,'mail'),''), nullif(prop(json,'userPrincipalName'),''), nullif(name,''), identity) AS "
    "object,"
    " CASE WHEN prop_list(json,'onPremisesProvisioningErrors') NOT IN ('[]') THEN 'Synchronisation of this object "
    "fails with ' ||"
    "    coalesce(json_extract(prop_list(json,'onPremisesProvisioningErrors'),'$[0].category'), 'an error') ||"
    "    coalesce(' in ' || json_extract(prop_list(json,'onPremisesProvisioningErrors'),'$[0].propertyCausingError'), "
    "'') ||"
    "    coalesce(' (value ' || json_extract(prop_list(json,'onPremisesProvisioningErrors'),'$[0].value') || ')', '') "
    "|| '.'"
    "  WHEN prop_list(json,'serviceProvisioningErrors') NOT IN ('[]') THEN 'The service ' ||"
    "    coalesce(json_extract(prop_list(json,'serviceProvisioningErrors'),'$[0].serviceInstance'), '(no name given)') "
    "|| ' reports a provisioning error of this object that is not resolved.' END AS message,"
    " json_object('onPremisesProvisioningErrors', json(prop_list(json,'onPremisesProvisioningErrors')),"
    "  'serviceProvisioningErrors', json(prop_list(json,'serviceProvisioningErrors'))) AS evidence, '' AS command"
    " FROM object WHERE side = 'cloud' AND kind = 'GraphProvisioningError'";
static const struct uh_rule provisioning[] = {{"cloud", "cloud:GraphProvisioningError", provisioning_error}, {0}};

static const struct uh_check checks[] = {
    {.id = "archive.on-premises",
     .title = "No archive mailbox is on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-02",
     .rules = on_premises,
     .remedy = "Move the archive to Exchange Online, with its primary mailbox, or with -ArchiveOnly where the primary "
               "is there already.",
     .reference = "https://learn.microsoft.com/exchange/hybrid-deployment/create-cloud-based-archive",
     .explain = "Every object with msExchArchiveDatabaseLink, whatever its type: an archive may be on premises "
                "although the primary mailbox is in "
                "Exchange Online (then mailbox.hidden-reference names the object too, because no list of mailboxes "
                "shows it). An archive in Exchange "
                "Online of an on-premises mailbox is no finding: the mailbox is one."},
    {.id = "archive.provisioning-error",
     .title = "No synchronised object has a provisioning error",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-02",
     .rules = provisioning,
     .remedy = "Repair the object on premises while Exchange Server still runs, for an archive with Set-RemoteMailbox "
               "-ArchiveGuid, and let the "
               "directory synchronise. After the uninstall there is no supported way to do so.",
     .reference =
         "https://learn.microsoft.com/exchange/troubleshoot/administration/validation-errors-for-mailbox-archive-guid",
     .explain = "Users for whom Microsoft Graph lists onPremisesProvisioningErrors or serviceProvisioningErrors, "
                "mismatched archive GUIDs among "
                "them. Errors that are marked as resolved are no finding."},
    {0}};
UH_CHECK_MODULE(archive, checks);
