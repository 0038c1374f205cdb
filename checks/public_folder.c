/* SPDX-License-Identifier: Apache-2.0 */
/* Public folders: none left on premises, none used from the cloud, none half synchronised. */
#include <unhybrid/check.h>

#define EXPORT_WHO                                                                                              \
  " coalesce(nullif(guid_text(guid),''), nullif(lower(primary_address),''), nullif(identity,''), name) AS key," \
  " nullif(guid_text(guid),'') AS guid, coalesce(nullif(primary_address,''), nullif(name,''), identity) AS object,"
#define OBJECT_WHO \
  " CASE guid WHEN '' THEN name ELSE lower(guid) END AS key, nullif(lower(guid),'') AS guid, name AS object,"

static const char mailbox_directory[] =
    "SELECT CASE WHEN recipient_type_details IS NULL AND lower(class) IN "
    "('group','contact','publicfolder','msexchdynamicdistributionlist') THEN 0"
    "  ELSE recipient_type_details & 68719476736 <> 0 END AS violated, guid_text(guid) AS key, guid_text(guid) AS guid,"
    " 'public folder mailbox' AS kind, coalesce(nullif(mail,''), nullif(name,''), dn) AS object,"
    " 'This public folder mailbox is on premises.' AS message,"
    " json_object('msExchRecipientTypeDetails', recipient_type_details, 'homeMDB', home_mdb) AS evidence, '' AS command"
    " FROM directory_recipient WHERE violated IS NOT FALSE";
static const char mailbox_export[] =
    "SELECT CASE WHEN listing = 'PublicFolder' THEN 1 WHEN recipient_type_details IS NULL THEN 0"
    "  ELSE lower(recipient_type_details) = 'publicfoldermailbox' END AS violated," EXPORT_WHO
    " 'public folder mailbox' AS kind,"
    " 'This public folder mailbox is on premises.' AS message,"
    " json_object('RecipientTypeDetails', recipient_type_details, 'Database', database_name) AS evidence, '' AS command"
    " FROM exchange_recipient WHERE side = 'on-premises' AND kind = 'Mailbox' AND violated";
static const char database[] = "SELECT 1 AS violated," OBJECT_WHO
                               " 'public folder database' AS kind,"
                               " 'This public folder database of Exchange 2010 still exists.' AS message, "
                               "json_object('Name', name, 'Identity', identity) AS evidence, '' AS command"
                               " FROM object WHERE side = 'on-premises' AND kind = 'PublicFolderDatabase'";
#define MAILBOX_NEEDS "on-premises:Recipient|on-premises:Mailbox/PublicFolder"
static const struct uh_rule on_premises[] = {{"on-premises", MAILBOX_NEEDS, mailbox_directory},
                                             {"on-premises", MAILBOX_NEEDS, mailbox_export},
                                             {"on-premises", "on-premises:PublicFolderDatabase", database},
                                             {0}};

static const char remote_config[] =
    "SELECT lower(prop(json,'PublicFoldersEnabled')) = 'remote' OR prop_list(json,'RemotePublicFolderMailboxes') <> "
    "'[]' AS violated," OBJECT_WHO
    " 'organization configuration' AS kind,"
    " CASE WHEN lower(prop(json,'PublicFoldersEnabled')) = 'remote' THEN 'Users in Exchange Online use public folders "
    "that are on premises: PublicFoldersEnabled is Remote.'"
    "  ELSE 'Exchange Online still names the on-premises public folder mailboxes '"
    "   || (SELECT group_concat(value, ', ') FROM json_each(prop_list(object.json,'RemotePublicFolderMailboxes')))"
    "   || '.' END AS message,"
    " json_object('PublicFoldersEnabled', prop(json,'PublicFoldersEnabled'), 'RemotePublicFolderMailboxes', "
    "json(prop_list(json,'RemotePublicFolderMailboxes'))) AS evidence,"
    " 'Set-OrganizationConfig -PublicFoldersEnabled Local -RemotePublicFolderMailboxes $null' AS command"
    " FROM object WHERE side = 'cloud' AND kind = 'OrganizationConfig'";
static const struct uh_rule remote[] = {{"cloud", "cloud:OrganizationConfig", remote_config}, {0}};

/* A folder that was mail-enabled in Exchange Online has no external address; one that a script synchronised has. */
static const char mail_cloud[] =
    "SELECT external_address <> '' OR is_dir_synced = 1 AS violated," EXPORT_WHO
    " 'mail-enabled public folder' AS kind,"
    " 'This mail-enabled public folder was synchronised from on premises' || coalesce(': mail for it is sent on to ' "
    "|| nullif(external_address, ''), '') || '.' AS message,"
    " json_object('ExternalEmailAddress', external_address, 'IsDirSynced', is_dir_synced) AS evidence,"
    " 'Remove-SyncMailPublicFolder -Identity ' || ps_quote(coalesce(nullif(primary_address,''), guid_text(guid)), "
    "guid_text(guid)) AS command"
    " FROM exchange_recipient WHERE side = 'cloud' AND kind = 'MailPublicFolder'";
static const char mail_directory[] =
    "SELECT CASE WHEN class IS NULL THEN recipient_type_details & 4096 <> 0 ELSE lower(class) = 'publicfolder' END AS "
    "violated,"
    " guid_text(guid) AS key, guid_text(guid) AS guid, 'mail-enabled public folder' AS kind, coalesce(nullif(mail,''), "
    "nullif(name,''), dn) AS object,"
    " 'This mail-enabled public folder is still in Active Directory.' AS message,"
    " json_object('objectClass', class, 'msExchRecipientTypeDetails', recipient_type_details, 'distinguishedName', dn) "
    "AS evidence,"
    " 'Disable-MailPublicFolder -Identity ' || ps_quote(coalesce(nullif(mail,''), guid_text(guid)), guid_text(guid)) "
    "AS command"
    " FROM directory_recipient WHERE violated IS NOT FALSE";
static const char mail_export[] =
    "SELECT 1 AS violated," EXPORT_WHO
    " 'mail-enabled public folder' AS kind, 'This mail-enabled public folder is still on premises.' AS message,"
    " json_object('Identity', identity) AS evidence,"
    " 'Disable-MailPublicFolder -Identity ' || ps_quote(coalesce(nullif(primary_address,''), guid_text(guid)), "
    "guid_text(guid)) AS command"
    " FROM exchange_recipient WHERE side = 'on-premises' AND kind = 'MailPublicFolder'";
#define MAIL_NEEDS "on-premises:Recipient|on-premises:MailPublicFolder"
static const struct uh_rule mail_enabled[] = {{"cloud", "cloud:MailPublicFolder", mail_cloud},
                                              {"on-premises", MAIL_NEEDS, mail_directory},
                                              {"on-premises", MAIL_NEEDS, mail_export},
                                              {0}};

static const struct uh_check checks[] = {
    {.id = "public-folder.on-premises",
     .title = "No public folder is on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-04",
     .rules = on_premises,
     .remedy = "Migrate the public folders to Exchange Online, or, where nobody needs them, export and remove them; "
               "then remove the public folder "
               "mailboxes and databases.",
     .reference = "https://learn.microsoft.com/exchange/collaboration/public-folders/migrate-to-exchange-online",
     .explain = "Public folder mailboxes in all domains of the forest, and public folder databases of Exchange 2010. "
                "The dynamic group "
                "PublicFolderMailboxes.<guid> that Exchange makes for itself is no finding."},
    {.id = "public-folder.remote",
     .title = "Exchange Online uses no public folders that are on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-04",
     .rules = remote,
     .remedy = "Migrate the public folders. Where nobody uses them, set PublicFoldersEnabled to Local and "
               "RemotePublicFolderMailboxes to nothing.",
     .reference = "https://learn.microsoft.com/exchange/hybrid-deployment/set-up-modern-hybrid-public-folders",
     .explain = "PublicFoldersEnabled and RemotePublicFolderMailboxes of the organization configuration in Exchange "
                "Online. Either of them is a "
                "finding. Local and None are fine."},
    {.id = "public-folder.mail-enabled",
     .title = "No mail-enabled public folder object is left behind",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-04",
     .rules = mail_enabled,
     .remedy = "Remove the object when its folder has been migrated or is not needed. Stop the scheduled tasks that "
               "run the Sync-MailPublicFolders "
               "scripts first. Objects named PublicFolder_<GUID> that exist in Entra ID alone "
               "(Get-ADSyncToolsAadObject) have to go while "
               "Entra Connect still runs.",
     .reference = "https://learn.microsoft.com/exchange/troubleshoot/email-alias/proxy-address-being-used",
     .explain = "Mail-enabled public folders in Active Directory, and those in Exchange Online that were synchronised "
                "from there (they have an "
                "external address): they go on accepting mail and route it on premises. Folders that were mail-enabled "
                "in Exchange Online are no "
                "finding. Objects that exist in Entra ID alone are not seen."},
    {0}};
UH_CHECK_MODULE(public_folder, checks);
