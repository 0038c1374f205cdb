/* SPDX-License-Identifier: Apache-2.0 */
/* Public folders: none left on premises, none used from the cloud, none half synchronised. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

static const char mailbox_directory[] =
    "SELECT CASE WHEN recipient_type_details IS NULL AND " UH_SQL_NO_MAILBOX " THEN 0"
    "   ELSE recipient_type_details & 68719476736 <> 0 END AS violated," UH_SQL_DIRECTORY_WHO
    "  'public folder mailbox' AS kind,"
    "  'This public folder mailbox is on premises.' AS message,"
    "  json_object("
    "    'msExchRecipientTypeDetails', recipient_type_details,"
    "    'homeMDB', home_mdb) AS evidence,"
    "  '' AS command"
    " FROM local_recipient"
    " WHERE violated IS NOT FALSE";
static const char mailbox_export[] =
    "SELECT CASE"
    "   WHEN listing = 'PublicFolder' THEN 1"
    "   WHEN recipient_type_details IS NULL AND listing NOT IN ('', 'Archive') THEN 0"
    "   ELSE lower(recipient_type_details) = 'publicfoldermailbox' END AS violated," UH_SQL_EXCHANGE_WHO
    "  'public folder mailbox' AS kind,"
    "  'This public folder mailbox is on premises.' AS message,"
    "  json_object("
    "    'RecipientTypeDetails', recipient_type_details,"
    "    'Database', database_name) AS evidence,"
    "  '' AS command"
    " FROM exchange_recipient"
    " WHERE side = 'on-premises' AND kind = 'Mailbox' AND violated IS NOT FALSE";
static const char database[] =
    "SELECT 1 AS violated," UH_SQL_OBJECT_WHO
    "  'public folder database' AS kind,"
    "  'This public folder database of Exchange 2010 still exists.' AS message,"
    "  json_object('Name', name, 'Identity', identity) AS evidence,"
    "  '' AS command"
    " FROM object"
    " WHERE side = 'on-premises' AND kind = 'PublicFolderDatabase'";
#define MAILBOX_NEEDS "on-premises:Recipient|on-premises:Mailbox/PublicFolder"
static const struct uh_rule on_premises[] = {{"on-premises", MAILBOX_NEEDS, mailbox_directory},
                                             {"on-premises", MAILBOX_NEEDS, mailbox_export},
                                             {"on-premises", "on-premises:PublicFolderDatabase", database},
                                             {0}};

/* While the setting is Remote a command would take the folders away from their users: none is offered. */
static const char remote_config[] =
    "WITH config AS ("
    "  SELECT *, lower(prop(json, 'PublicFoldersEnabled')) = 'remote' AS in_use,"
    "    prop_list(json, 'RemotePublicFolderMailboxes') AS mailboxes"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'OrganizationConfig')"
    " SELECT in_use OR mailboxes <> '[]' AS violated," UH_SQL_OBJECT_WHO
    "  'organization configuration' AS kind,"
    "  CASE WHEN in_use"
    "    THEN 'Users in Exchange Online use public folders that are on premises: PublicFoldersEnabled is Remote.'"
    "    ELSE 'Exchange Online still names the on-premises public folder mailboxes '"
    "      || (SELECT group_concat(value, ', ') FROM json_each(mailboxes)) || '.' END AS message,"
    "  json_object("
    "    'PublicFoldersEnabled', prop(json, 'PublicFoldersEnabled'),"
    "    'RemotePublicFolderMailboxes', json(mailboxes)) AS evidence,"
    "  CASE WHEN in_use = 0 THEN 'Set-OrganizationConfig -RemotePublicFolderMailboxes $null' ELSE '' END AS command"
    " FROM config";
static const struct uh_rule remote[] = {{"cloud", "cloud:OrganizationConfig", remote_config}, {0}};

/* A folder that was mail-enabled in Exchange Online has no external address; one that a script synchronised has. */
static const char mail_cloud[] =
    "SELECT external_address <> '' OR is_dir_synced = 1 AS violated," UH_SQL_EXCHANGE_WHO
    "  'mail-enabled public folder' AS kind,"
    "  'This mail-enabled public folder was synchronised from on premises'"
    "   || coalesce(': mail for it is sent on to ' || nullif(external_address, ''), '') || '.' AS message,"
    "  json_object("
    "    'ExternalEmailAddress', external_address,"
    "    'IsDirSynced', bool_json(is_dir_synced)) AS evidence,"
    "  '' AS command"
    " FROM synced_recipient"
    " WHERE kind = 'MailPublicFolder'";
static const char mail_directory[] =
    "SELECT CASE WHEN class IS NULL THEN nullif(recipient_type_details, 0) & 4096 <> 0"
    "   ELSE lower(class) = 'publicfolder' END AS violated," UH_SQL_DIRECTORY_WHO
    "  'mail-enabled public folder' AS kind,"
    "  'This mail-enabled public folder is still in Active Directory.' AS message,"
    "  json_object("
    "    'objectClass', class,"
    "    'msExchRecipientTypeDetails', recipient_type_details,"
    "    'distinguishedName', dn) AS evidence,"
    "  '' AS command"
    " FROM local_recipient"
    " WHERE violated IS NOT FALSE";
static const char mail_export[] =
    "SELECT 1 AS violated," UH_SQL_EXCHANGE_WHO
    "  'mail-enabled public folder' AS kind,"
    "  'This mail-enabled public folder is still on premises.' AS message,"
    "  json_object('Identity', identity) AS evidence,"
    "  '' AS command"
    " FROM exchange_recipient"
    " WHERE side = 'on-premises' AND kind = 'MailPublicFolder'";
#define MAIL_NEEDS "on-premises:Recipient|on-premises:MailPublicFolder"
static const struct uh_rule mail_enabled[] = {{"cloud", "cloud:MailPublicFolder", mail_cloud},
                                              {"on-premises", MAIL_NEEDS, mail_directory},
                                              {"on-premises", MAIL_NEEDS, mail_export},
                                              {0}};
/* clang-format on */

static const struct uh_check checks[] = {
    {.id = "public-folder.on-premises",
     .title = "No public folder is on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-04",
     .rules = on_premises,
     .remedy = "Migrate the public folders to Exchange Online, or, where nobody needs them, export and remove them; "
               "then remove the public folder mailboxes and databases.",
     .reference = "https://learn.microsoft.com/exchange/collaboration/public-folders/migrate-to-exchange-online",
     .explain = "Public folder mailboxes in all domains of the forest, and public folder databases of Exchange 2010. "
                "The dynamic group PublicFolderMailboxes.<guid> that Exchange makes for itself is no finding."},
    {.id = "public-folder.remote",
     .title = "Exchange Online uses no public folders that are on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-04",
     .rules = remote,
     .remedy = "Migrate the public folders. When nobody uses those on premises any more, in Exchange Online "
               "PowerShell: Set-OrganizationConfig with PublicFoldersEnabled Local and RemotePublicFolderMailboxes "
               "$null.",
     .reference = "https://learn.microsoft.com/exchange/hybrid-deployment/set-up-modern-hybrid-public-folders",
     .explain = "PublicFoldersEnabled and RemotePublicFolderMailboxes of the organization configuration in Exchange "
                "Online. Either of them is a finding. Local and None are fine."},
    {.id = "public-folder.mail-enabled",
     .title = "No mail-enabled public folder object is left behind",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-04",
     .rules = mail_enabled,
     .remedy = "Stop the scheduled tasks that run the Sync-MailPublicFolders scripts. When the folder has been "
               "migrated or is not needed, note its addresses and remove the object: Disable-MailPublicFolder in the "
               "Exchange Management Shell, Remove-SyncMailPublicFolder in Exchange Online PowerShell. Objects named "
               "PublicFolder_<GUID> that exist in Entra ID alone (Get-ADSyncToolsAadObject) have to go while Entra "
               "Connect still runs.",
     .reference = "https://learn.microsoft.com/exchange/troubleshoot/email-alias/proxy-address-being-used",
     .explain = "Mail-enabled public folders in Active Directory, and those in Exchange Online that were "
                "synchronised from there (they have an external address): they go on accepting mail and route it on "
                "premises. Folders that were mail-enabled in Exchange Online are no finding. Objects that exist in "
                "Entra ID alone are not seen."},
    {0}};
UH_CHECK_MODULE(public_folder, checks);
