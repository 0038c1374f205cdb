/* SPDX-License-Identifier: Apache-2.0 */
/* Source of authority: who manages the Exchange attributes of synchronised recipients. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* ---- mailboxes: what Exchange makes for itself is nobody's to manage ---- */
#define TRANSFERABLE \
  "lower(recipient_type_details) IN ('usermailbox', 'sharedmailbox', 'roommailbox', 'equipmentmailbox')"
static const char mailbox_sql[] =
    "SELECT is_dir_synced = 1"
    "   AND is_cloud_managed = 0"
    "   AND lower(recipient_type_details) NOT IN ('discoverymailbox', 'groupmailbox', 'publicfoldermailbox',"
    "     'arbitrationmailbox', 'monitoringmailbox', 'auditlogmailbox', 'auxauditlogmailbox') AS violated," UH_SQL_EXCHANGE_WHO
    "  'mailbox' AS kind,"
    "  'The Exchange attributes of this synchronised mailbox are still managed on premises.' AS message,"
    "  json_object("
    "    'IsDirSynced', bool_json(is_dir_synced),"
    "    'IsExchangeCloudManaged', bool_json(is_cloud_managed),"
    "    'RecipientTypeDetails', recipient_type_details) AS evidence,"
    "  iif(" TRANSFERABLE ", 'Set-Mailbox -Identity ' || " UH_SQL_EXCHANGE_ID " || ' -IsExchangeCloudManaged $true', '') AS command"
    " FROM synced_recipient"
    " WHERE kind = 'Mailbox' AND listing = '' AND violated IS NOT FALSE";
static const struct uh_rule mailbox[] = {{"cloud", "cloud:Mailbox", mailbox_sql}, {0}};

static const char inactive_sql[] =
    "SELECT is_dir_synced = 1 AND is_cloud_managed = 0 AS violated," UH_SQL_EXCHANGE_WHO
    "  CASE listing WHEN 'InactiveMailboxOnly' THEN 'inactive mailbox' ELSE 'soft-deleted mailbox' END AS kind,"
    "  'This deleted mailbox would come back managed on premises if it is restored.' AS message,"
    "  json_object("
    "    'IsDirSynced', bool_json(is_dir_synced),"
    "    'IsExchangeCloudManaged', bool_json(is_cloud_managed),"
    "    'listing', listing) AS evidence,"
    "  '' AS command"
    " FROM synced_recipient"
    " WHERE kind = 'Mailbox' AND listing IN ('SoftDeletedMailbox', 'InactiveMailboxOnly')";
static const struct uh_rule inactive[] = {
    {"cloud", "cloud:Mailbox/SoftDeletedMailbox,cloud:Mailbox/InactiveMailboxOnly", inactive_sql}, {0}};

/* ---- the tenant's default for new objects ---- */
#define FLAG UH_SQL_TRUE("BlockExchangeProvisioningFromOnPremEnabled")
static const char default_sql[] =
    "SELECT NOT " FLAG " AS violated," UH_SQL_OBJECT_WHO
    "  'organization configuration' AS kind,"
    "  'New synchronised mailboxes start with their Exchange attributes managed on premises.' AS message,"
    "  json_object("
    "    'BlockExchangeProvisioningFromOnPremEnabled', prop_json(json, 'BlockExchangeProvisioningFromOnPremEnabled'))"
    "   AS evidence,"
    "  'Set-OrganizationConfig -ExchangeAttributesCloudManagedByDefault' AS command"
    " FROM object"
    " WHERE side = 'cloud' AND kind = 'OrganizationConfig'";
static const struct uh_rule default_rules[] = {{"cloud", "cloud:OrganizationConfig", default_sql}, {0}};

/*
 * against: what stands against setting the flag, in one row. User mailboxes by the same bits as in mailbox.on-premises.
 * One that is seen decides; else one that cannot be told makes it unknown. Nothing is searched while the flag is off.
 */
#define STATUS                                                                                \
  "CASE WHEN json_valid(prop(json, 'Status')) AND json_type(prop(json, 'Status')) = 'object'" \
  " THEN json_extract(prop(json, 'Status'), '$.Value')"                                       \
  " ELSE coalesce(prop(json, 'Status'), prop(json, 'MoveStatus')) END"
static const char early_sql[] =
    "WITH config AS MATERIALIZED ("
    "  SELECT name, guid, " FLAG " AS flag"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'OrganizationConfig'),"
    " mailbox AS MATERIALIZED ("
    "  SELECT total(recipient_type_details & 161628209283135 <> 0) AS seen,"
    "    total(recipient_type_details IS NULL AND NOT coalesce(" UH_SQL_NO_MAILBOX ", 0)) AS untold"
    "   FROM local_recipient"
    "   WHERE EXISTS (SELECT 1 FROM config WHERE flag IS NOT 0)),"
    " exported AS MATERIALIZED ("
    "  SELECT total(lower(recipient_type_details) IN"
    "    ('usermailbox', 'linkedmailbox', 'sharedmailbox', 'legacymailbox', 'roommailbox', 'equipmentmailbox',"
    "     'linkedroommailbox')) AS seen,"
    "    total(recipient_type_details IS NULL AND listing IN ('', 'Archive')) AS untold"
    "   FROM exchange_recipient"
    "   WHERE side = 'on-premises' AND kind = 'Mailbox'),"
    " migration AS MATERIALIZED ("
    "  SELECT total(status NOT LIKE 'Completed%' AND status NOT LIKE 'Remov%') AS seen,"
    "    total(status IS NULL) AS untold"
    "   FROM (SELECT " STATUS " AS status FROM object"
    "          WHERE side = 'cloud' AND kind IN ('MigrationBatch', 'MoveRequest'))),"
    " against AS ("
    "  SELECT config.*,"
    "    CAST(max(mailbox.seen, exported.seen) AS INTEGER) AS mailboxes,"
    "    CAST(migration.seen AS INTEGER) AS migrations,"
    "    mailbox.untold + exported.untold + migration.untold AS untold"
    "   FROM config, mailbox, exported, migration)"
    " SELECT CASE"
    "   WHEN flag = 0 THEN 0"
    "   WHEN mailboxes OR migrations THEN iif(flag, 1, NULL)"
    "   WHEN untold = 0 AND flag IS NOT NULL THEN 0 END AS violated," UH_SQL_OBJECT_WHO
    "  'organization configuration' AS kind,"
    "  'New synchronised objects are managed in the cloud, which blocks moving mailboxes, while ' || CASE"
    "    WHEN mailboxes"
    "    THEN mailboxes || iif(mailboxes = 1, ' mailbox is', ' mailboxes are') || ' on premises'"
    "    ELSE migrations || iif(migrations = 1, ' migration is', ' migrations are') || ' open' END || '.' AS message,"
    "  CASE"
    "    WHEN flag IS NULL THEN json_object('BlockExchangeProvisioningFromOnPremEnabled', NULL)"
    "    WHEN NOT mailboxes AND NOT migrations"
    "      THEN json_object('the recipient type of every object, the status of every migration', NULL)"
    "    ELSE json_object("
    "      'BlockExchangeProvisioningFromOnPremEnabled', bool_json(flag),"
    "      'mailboxes on premises', mailboxes,"
    "      'open migrations', migrations) END AS evidence,"
    "  'Set-OrganizationConfig -ExchangeAttributesServerManagedByDefault' AS command"
    " FROM against";
static const struct uh_rule early[] = {
    {"cloud",
     "cloud:OrganizationConfig,on-premises:Recipient|on-premises:Mailbox,cloud:MigrationBatch,cloud:MoveRequest",
     early_sql},
    {0}};

/* ---- groups, contacts, mail users: object by object in Entra ID ---- */
#define SYNCED(noun, types, what, command)                                                              \
  "SELECT CASE"                                                                                         \
  "   WHEN kind = '" noun "' OR lower(recipient_type_details) IN (" types ") THEN is_dir_synced = 1"    \
  "   WHEN recipient_type_details IS NULL THEN nullif(is_dir_synced, 1)"                                \
  "   ELSE 0 END AS violated," UH_SQL_EXCHANGE_WHO                                                      \
  "  '" what "' AS kind,"                                                                               \
  "  'This " what " is still synchronised from on premises and can be changed only there.' AS message," \
  "  json_object("                                                                                      \
  "    'IsDirSynced', bool_json(is_dir_synced),"                                                        \
  "    'RecipientTypeDetails', recipient_type_details,"                                                 \
  "    'ExternalDirectoryObjectId', coalesce(external_id, '')) AS evidence,"                            \
  "  " command " AS command"                                                                            \
  " FROM synced_recipient"                                                                              \
  " WHERE kind IN ('Recipient', '" noun "') AND violated IS NOT FALSE"
#define TRANSFER(path)                                                    \
  "coalesce('Invoke-MgGraphRequest -Method PATCH -Uri ''/v1.0/" path "/'" \
  "   || nullif(guid_text(guid_blob(external_id)), '')"                   \
  "   || '/onPremisesSyncBehavior'' -Body ''{\"isCloudManaged\": true}''', '')"
#define GROUP_TYPES \
  "'mailuniversaldistributiongroup', 'mailuniversalsecuritygroup', 'mailnonuniversalgroup', 'roomlist'"
static const struct uh_rule group[] = {
    {"cloud", "cloud:Recipient|cloud:DistributionGroup",
     SYNCED("DistributionGroup", GROUP_TYPES, "group", TRANSFER("groups"))},
    {0}};
static const struct uh_rule contact[] = {
    {"cloud", "cloud:Recipient|cloud:MailContact",
     SYNCED("MailContact", "'mailcontact', 'mailforestcontact'", "mail contact", TRANSFER("contacts"))},
    {0}};
/* A mail user may stand for a mailbox that is still to be moved: no command for it. */
static const struct uh_rule mail_user[] = {
    {"cloud", "cloud:Recipient|cloud:MailUser",
     SYNCED("MailUser", "'mailuser', 'guestmailuser'", "mail user", "''")},
    {0}};

/* Exchange's own group for public folder mailboxes goes with the organisation. */
static const char dynamic_directory[] =
    "SELECT CASE"
    "   WHEN name LIKE 'PublicFolderMailboxes.%' OR dn LIKE 'CN=PublicFolderMailboxes.%' THEN 0"
    "   WHEN class IS NULL THEN nullif(recipient_type_details, 0) & 2048 <> 0"
    "   ELSE lower(class) = 'msexchdynamicdistributionlist' END AS violated," UH_SQL_DIRECTORY_WHO
    "  'dynamic distribution group' AS kind,"
    "  'This dynamic distribution group exists on premises only and disappears with the server.' AS message,"
    "  json_object("
    "    'objectClass', class,"
    "    'msExchRecipientTypeDetails', recipient_type_details,"
    "    'distinguishedName', dn) AS evidence,"
    "  '' AS command"
    " FROM local_recipient"
    " WHERE violated IS NOT FALSE";
static const char dynamic_export[] =
    "SELECT coalesce(name, '') NOT LIKE 'PublicFolderMailboxes.%'"
    "   AND coalesce(identity, '') NOT LIKE '%PublicFolderMailboxes.%' AS violated," UH_SQL_EXCHANGE_WHO
    "  'dynamic distribution group' AS kind,"
    "  'This dynamic distribution group exists on premises only and disappears with the server.' AS message,"
    "  json_object('Identity', identity) AS evidence,"
    "  '' AS command"
    " FROM exchange_recipient"
    " WHERE side = 'on-premises' AND kind = 'DynamicDistributionGroup'";
#define DYNAMIC_NEEDS "on-premises:Recipient|on-premises:DynamicDistributionGroup"
static const struct uh_rule dynamic_group[] = {
    {"on-premises", DYNAMIC_NEEDS, dynamic_directory}, {"on-premises", DYNAMIC_NEEDS, dynamic_export}, {0}};
/* clang-format on */

#define CLOUD_MANAGED \
  "https://learn.microsoft.com/exchange/hybrid-deployment/enable-exchange-attributes-cloud-management"
#define GROUP_SOA "https://learn.microsoft.com/entra/identity/hybrid/how-to-group-source-of-authority-configure"
#define OBJECT_REMEDY                                                                                                 \
  "Transfer the object's source of authority to Entra ID (isCloudManaged in onPremisesSyncBehavior, Microsoft Graph " \
  "PowerShell; nested groups from the innermost outwards), or delete the object on premises and create it anew in "   \
  "Exchange Online."
static const struct uh_check checks[] = {
    {.id = "soa.mailbox",
     .title = "Every synchronised mailbox is managed in the cloud",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-05",
     .rules = mailbox,
     .remedy = "Export the attributes, let a synchronisation cycle and a day pass after the last change on premises, "
               "then set IsExchangeCloudManaged in Exchange Online PowerShell and read it back: without the right "
               "role the command may do nothing and say nothing.",
     .reference = CLOUD_MANAGED,
     .explain = "Mailboxes in Exchange Online with IsDirSynced and without IsExchangeCloudManaged. The transfer is "
                "documented for user, shared, room and equipment mailboxes; any other type (linked for instance) is a "
                "finding without a command. Cloud-only mailboxes and those that Exchange makes for itself (discovery, "
                "groups) are no finding. Where the service did not give the property the mailbox cannot be judged."},
    {.id = "soa.inactive",
     .title = "No deleted mailbox would come back managed on premises",
     .severity = UH_INFO,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-05",
     .rules = inactive,
     .remedy = "Keep the list. After restoring such a mailbox set IsExchangeCloudManaged on it.",
     .reference = CLOUD_MANAGED,
     .explain = "Soft-deleted and inactive mailboxes in Exchange Online with IsDirSynced and without "
                "IsExchangeCloudManaged. Restoring one attaches it again to a synchronised object that nobody can "
                "manage any more."},
    {.id = "soa.default",
     .title = "New synchronised mailboxes are managed in the cloud by default",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-06",
     .rules = default_rules,
     .remedy = "When every mailbox has been migrated, set the default for the tenant in Exchange Online PowerShell, "
               "and change the scripts that create mailboxes with Enable-RemoteMailbox or New-RemoteMailbox.",
     .reference = CLOUD_MANAGED,
     .explain = "BlockExchangeProvisioningFromOnPremEnabled in the organization configuration of Exchange Online; "
                "the property's name is known from the community, the switches from the reference. Where the "
                "property is missing the check is unknown. Do not set it before the migration is complete: see "
                "soa.default-early."},
    {.id = "soa.default-early",
     .title = "The tenant's default is not set while mailboxes are still to be moved",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-06",
     .rules = early,
     .applies = "SELECT max(" FLAG ") FROM object WHERE side = 'cloud' AND kind = 'OrganizationConfig'",
     .applies_needs = "cloud:OrganizationConfig",
     .remedy = "Set the default back in Exchange Online PowerShell, finish the migration, then set it again.",
     .reference = CLOUD_MANAGED,
     .explain = "The tenant-wide default is meant for organisations that have finished migrating: with it new "
                "synchronised users appear without a mail user in Exchange Online, and their mailboxes cannot be "
                "moved. A finding where the flag is on and a user mailbox is on premises, or a migration batch or "
                "move request is not finished."},
    {.id = "soa.group",
     .title = "No group in Exchange Online is synchronised from on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-07",
     .rules = group,
     .remedy = OBJECT_REMEDY,
     .reference = GROUP_SOA,
     .explain = "Distribution groups, mail-enabled security groups and room lists in Exchange Online with "
                "IsDirSynced. After the uninstall their mail attributes could be changed by unsupported means only. "
                "Microsoft 365 groups and groups made in the cloud are no finding."},
    {.id = "soa.contact",
     .title = "No mail contact in Exchange Online is synchronised from on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-07",
     .rules = contact,
     .remedy = OBJECT_REMEDY,
     .reference = GROUP_SOA,
     .explain = "Mail contacts in Exchange Online with IsDirSynced. The management of Exchange attributes in the "
                "cloud covers mailboxes only; contacts need a transfer object by object."},
    {.id = "soa.mail-user",
     .title = "No mail user in Exchange Online is synchronised from on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-07",
     .rules = mail_user,
     .remedy = "A mail user that stands for a mailbox on premises goes when that mailbox is moved. For any other, "
               "transfer the source of authority of the user to Entra ID (isCloudManaged in onPremisesSyncBehavior), "
               "or delete it on premises and create it anew in Exchange Online.",
     .reference = "https://learn.microsoft.com/entra/identity/hybrid/user-source-of-authority-overview",
     .explain = "Mail users in Exchange Online with IsDirSynced, those included that stand for mailboxes still on "
                "premises."},
    {.id = "soa.dynamic-group",
     .title = "No dynamic distribution group is on premises",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-07",
     .rules = dynamic_group,
     .remedy = "Create the group anew in Exchange Online PowerShell with New-DynamicDistributionGroup and a filter "
               "that works there, then remove it on premises.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/new-dynamicdistributiongroup",
     .explain = "Dynamic groups are never synchronised: those on premises disappear with the server. Exchange's own "
                "group PublicFolderMailboxes.<guid> is no finding. Whether a group of the same address exists in "
                "Exchange Online already is not looked at."},
    {0}};
UH_CHECK_MODULE(soa, checks);
