/* SPDX-License-Identifier: Apache-2.0 */
/* Where mailboxes are: none of the users' may be left on premises, and nothing may hold on to a database. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * msExchRecipientTypeDetails, sums of single bits.
 * USERS: user 1, linked 2, shared 4, legacy 8, room 16, equipment 32, group 2^40, linked room 2^41, scheduling 2^44,
 * supervisory review 2^47. KNOWN: every value that has a name (2^0 to 2^48 without 2^26 and 2^27).
 */
#define USERS "161628209283135"
#define SYSTEM UH_SQL_SYSTEM_MAILBOXES
#define DISCOVERY UH_SQL_DISCOVERY_MAILBOX
#define TEAM "137438953472"
#define ANY_ON_PREMISES "237151459500095"
#define KNOWN "562949752094719"

#define USER_TYPES                                                           \
  "('usermailbox', 'linkedmailbox', 'sharedmailbox', 'legacymailbox',"       \
  " 'roommailbox', 'equipmentmailbox', 'groupmailbox', 'linkedroommailbox'," \
  " 'schedulingmailbox', 'supervisoryreviewpolicymailbox')"
#define OTHER_TYPES                                                                  \
  "('arbitrationmailbox', 'discoverymailbox', 'publicfoldermailbox', 'teammailbox'," \
  " 'monitoringmailbox', 'auditlogmailbox', 'auxauditlogmailbox', 'systemmailbox',"  \
  " 'systemattendantmailbox', 'remoteusermailbox', 'remotesharedmailbox',"           \
  " 'remoteroommailbox', 'remoteequipmentmailbox', 'remoteteammailbox', 'remotegroupmailbox')"

#define DIRECTORY_EVIDENCE                                    \
  "  json_object("                                            \
  "    'msExchRecipientTypeDetails', recipient_type_details," \
  "    'homeMDB', home_mdb,"                                  \
  "    'distinguishedName', dn) AS evidence,"
#define EXPORT_EVIDENCE                                 \
  "  json_object("                                      \
  "    'RecipientTypeDetails', recipient_type_details," \
  "    'Database', database_name,"                      \
  "    'listing', listing) AS evidence,"
/* ", in the database DB01." or the full stop alone. */
#define IN_DATABASE(name) "coalesce(', in the database ' || nullif(" name ", ''), '') || '.'"

/* ---- mailbox.on-premises ---- */
/* Where a move leads to: one migration endpoint, one routing domain. With none or several nobody can tell which. */
#define MOVE_TARGET                                                                              \
  "WITH endpoint AS MATERIALIZED ("                                                              \
  "  SELECT max(host) AS host FROM ("                                                            \
  "    SELECT nullif(prop(json, 'RemoteServer'), '') AS host FROM object"                        \
  "     WHERE side = 'cloud' AND kind = 'MigrationEndpoint'"                                     \
  "       AND coalesce(prop(json, 'EndpointType'), '') LIKE '%RemoteMove%')"                     \
  "   HAVING count(DISTINCT host) = 1),"                                                         \
  " routing AS MATERIALIZED ("                                                                   \
  "  SELECT max(domain) AS domain FROM ("                                                        \
  "    SELECT lower(coalesce(nullif(prop(json, 'DomainName'), ''), name)) AS domain FROM object" \
  "     WHERE side = 'cloud' AND kind = 'AcceptedDomain')"                                       \
  "   WHERE domain LIKE '%.mail.onmicrosoft.com' OR domain LIKE '%.mail.onmicrosoft.us'"         \
  "     OR domain LIKE '%.mail.partner.onmschina.cn'"                                            \
  "   HAVING count(DISTINCT domain) = 1) "
#define MOVE(id)                                                                   \
  "'New-MoveRequest -Identity ' || " id " || ' -Remote -RemoteHostName '"          \
  "    || (SELECT ps_quote(host, '') FROM endpoint)"                               \
  "    || ' -TargetDeliveryDomain ' || (SELECT ps_quote(domain, '') FROM routing)" \
  "    || ' -RemoteCredential (Get-Credential)'"

static const char on_premises_directory[] = MOVE_TARGET
    "SELECT CASE"
    "   WHEN recipient_type_details IS NULL THEN CASE WHEN " UH_SQL_NO_MAILBOX " THEN 0 END"
    "   WHEN recipient_type_details & " USERS " THEN 1"
    "   WHEN recipient_type_details <> 0 AND recipient_type_details & " KNOWN " = 0 THEN home_mdb <> ''"
    "   ELSE 0 END AS violated," UH_SQL_DIRECTORY_WHO
    "  'mailbox' AS kind,"
    "  CASE WHEN recipient_type_details & " KNOWN " = 0"
    "    THEN 'An object of the unknown recipient type ' || recipient_type_details || ' has a mailbox'"
    "    ELSE 'This ' || CASE recipient_type_details"
    "      WHEN 1 THEN 'user'"
    "      WHEN 2 THEN 'linked'"
    "      WHEN 4 THEN 'shared'"
    "      WHEN 8 THEN 'legacy'"
    "      WHEN 16 THEN 'room'"
    "      WHEN 32 THEN 'equipment'"
    "      WHEN 1099511627776 THEN 'group'"
    "      WHEN 2199023255552 THEN 'linked room'"
    "      WHEN 17592186044416 THEN 'scheduling'"
    "      WHEN 140737488355328 THEN 'supervisory review'"
    "      ELSE 'unknown kind of' END || ' mailbox is on premises'"
    "    END || " IN_DATABASE("rdn(home_mdb)") " AS message," DIRECTORY_EVIDENCE
    "  CASE WHEN recipient_type_details & " USERS " THEN " MOVE(UH_SQL_DIRECTORY_ID) " ELSE '' END AS command"
    " FROM local_recipient"
    " WHERE violated IS NOT FALSE";
/* Also returns the objects that an export shows to be no mailbox and whose type the directory would not tell. */
static const char on_premises_export[] = MOVE_TARGET
    "SELECT CASE"
    "   WHEN recipient_type_details IS NULL"
    "     THEN CASE WHEN kind <> 'Mailbox' OR listing NOT IN ('', 'Archive') THEN 0 END"
    "   WHEN lower(recipient_type_details) IN " USER_TYPES " THEN kind IN ('Mailbox', 'Recipient')"
    "   ELSE kind = 'Mailbox' AND listing = '' AND lower(recipient_type_details) NOT IN " OTHER_TYPES
    "   END AS violated," UH_SQL_EXCHANGE_WHO
    "  'mailbox' AS kind,"
    "  'This mailbox of type ' || recipient_type_details || ' is on premises' || " IN_DATABASE("database_name")
    "   AS message," EXPORT_EVIDENCE
    "  " MOVE(UH_SQL_EXCHANGE_ID) " AS command"
    " FROM exchange_recipient"
    " WHERE side = 'on-premises' AND (violated IS NOT FALSE"
    "   OR guid IN (SELECT guid FROM local_recipient WHERE recipient_type_details IS NULL))";
static const struct uh_rule on_premises[] = {
    {"on-premises", "on-premises:Recipient|on-premises:Mailbox", on_premises_directory},
    {"on-premises", "on-premises:Recipient|on-premises:Mailbox", on_premises_export},
    {0}};

/* ---- mailbox.hidden-reference: Setup's own mailboxes stay until the end and hold a database legitimately ---- */
#define SYSTEM_NAME                                             \
  "(dn LIKE 'CN=HealthMailbox%' OR dn LIKE 'CN=SystemMailbox%'" \
  " OR alias LIKE 'HealthMailbox%' OR alias LIKE 'SystemMailbox%')"
static const char hidden_reference[] =
    "SELECT CASE"
    "   WHEN " SYSTEM_NAME " THEN 0"
    "   WHEN recipient_type_details & " ANY_ON_PREMISES " THEN 0"
    "   WHEN alias IS NULL AND (home_mdb <> '' OR archive_database <> '') THEN NULL"
    "   WHEN recipient_type_details <> 0 AND recipient_type_details & " KNOWN " = 0"
    "    THEN archive_database <> '' AND home_mdb = ''"
    "   WHEN recipient_type_details IS NULL AND (home_mdb <> '' OR archive_database <> '') THEN NULL"
    "   WHEN recipient_type_details IS NULL AND " UH_SQL_NO_MAILBOX " THEN 0"
    "   ELSE home_mdb <> '' OR archive_database <> '' END AS violated," UH_SQL_DIRECTORY_WHO
    "  'recipient' AS kind,"
    "  'This object is no mailbox that Get-Mailbox lists, and ' || CASE WHEN home_mdb <> ''"
    "    THEN 'still refers to the database ' || rdn(home_mdb)"
    "    ELSE 'its archive is still in the database ' || rdn(archive_database) END || '.' AS message,"
    "  json_object("
    "    'msExchRecipientTypeDetails', recipient_type_details,"
    "    'homeMDB', home_mdb,"
    "    'msExchArchiveDatabaseLink', archive_database,"
    "    'mailNickname', alias,"
    "    'userAccountControl', account_control,"
    "    'distinguishedName', dn) AS evidence,"
    "  '' AS command"
    " FROM local_recipient"
    " WHERE violated IS NOT FALSE";
static const struct uh_rule hidden[] = {{"on-premises", "on-premises:Recipient", hidden_reference}, {0}};

/* ---- mailbox.hold: "-mbx..." in a list of holds says that the mailbox is excluded from a policy ---- */
#define HELD_BY(list)                                                                                \
  "CASE WHEN " list " IN ('', '[]') THEN 0"                                                          \
  "   WHEN " list " IS NOT NULL THEN EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(" list ")" \
  "     THEN " list " ELSE json_array(" list ") END) WHERE value NOT LIKE '-%') END"
#define HOLDS(list) "(SELECT group_concat(value, ', ') FROM json_each(" list ") WHERE value NOT LIKE '-%')"
static const char hold_directory[] =
    "SELECT (recipient_type_details & " ANY_ON_PREMISES " <> 0)"
    "   AND (litigation_hold <> '' OR " HELD_BY("hold_policies") ") AS violated," UH_SQL_DIRECTORY_WHO
    "  'mailbox' AS kind,"
    "  'This on-premises mailbox is under ' || CASE WHEN litigation_hold <> ''"
    "    THEN 'litigation hold since ' || time_text(litigation_hold)"
    "    ELSE 'the hold ' || " HOLDS("hold_policies") " END || '.' AS message,"
    "  json_object("
    "    'msExchRecipientTypeDetails', recipient_type_details,"
    "    'msExchLitigationHoldDate', litigation_hold,"
    "    'msExchUserHoldPolicies', json(hold_policies)) AS evidence,"
    "  '' AS command"
    " FROM local_recipient"
    " WHERE violated IS NOT FALSE AND NOT (recipient_type_details IS NULL AND coalesce(" UH_SQL_NO_MAILBOX ", 0))";
static const char hold_export[] =
    "SELECT litigation_hold = 1 OR " HELD_BY("in_place_holds") " AS violated," UH_SQL_EXCHANGE_WHO
    "  'mailbox' AS kind,"
    "  'This on-premises mailbox is under ' || CASE WHEN litigation_hold THEN 'litigation hold'"
    "    ELSE 'the hold ' || " HOLDS("in_place_holds") " END || '.' AS message,"
    "  json_object("
    "    'LitigationHoldEnabled', bool_json(litigation_hold),"
    "    'InPlaceHolds', iif(json_valid(in_place_holds), json(in_place_holds), in_place_holds)) AS evidence,"
    "  '' AS command"
    " FROM exchange_recipient"
    " WHERE side = 'on-premises' AND kind = 'Mailbox'";
static const struct uh_rule hold[] = {{"on-premises", "on-premises:Recipient|on-premises:Mailbox", hold_directory},
                                      {"on-premises", "on-premises:Recipient|on-premises:Mailbox", hold_export},
                                      {0}};

/* ---- one rule pair for a kind of mailbox: its bits in AD, its names in an export ---- */
#define TYPED_DIRECTORY(mask, what)                                                                     \
  "SELECT CASE WHEN recipient_type_details IS NULL AND " UH_SQL_NO_MAILBOX " THEN 0"                    \
  "   ELSE recipient_type_details & " mask " <> 0 END AS violated," UH_SQL_DIRECTORY_WHO                \
  "  '" what "' AS kind,"                                                                               \
  "  'This " what " is on premises' || " IN_DATABASE("rdn(home_mdb)") " AS message," DIRECTORY_EVIDENCE \
  "  '' AS command"                                                                                     \
  " FROM local_recipient"                                                                               \
  " WHERE violated IS NOT FALSE"
#define TYPED_EXPORT(is, what)                                                                               \
  "SELECT CASE " is                                                                                          \
  "   WHEN recipient_type_details IS NULL AND kind <> 'Mailbox' THEN 0 END AS violated," UH_SQL_EXCHANGE_WHO \
  "  '" what "' AS kind,"                                                                                    \
  "  'This " what " is on premises' || " IN_DATABASE("database_name") " AS message," EXPORT_EVIDENCE         \
  "  '' AS command"                                                                                          \
  " FROM exchange_recipient"                                                                                 \
  " WHERE side = 'on-premises' AND violated IS NOT FALSE"
#define TYPE_IN(types) "WHEN recipient_type_details IS NOT NULL THEN lower(recipient_type_details) IN (" types ")"
static const struct uh_rule site[] = {
    {"on-premises", "on-premises:Recipient|on-premises:SiteMailbox", TYPED_DIRECTORY(TEAM, "site mailbox")},
    {"on-premises", "on-premises:Recipient|on-premises:SiteMailbox",
     TYPED_EXPORT("WHEN kind = 'SiteMailbox' THEN 1 " TYPE_IN("'teammailbox'"), "site mailbox")},
    {0}};
static const struct uh_rule discovery[] = {
    {"on-premises", "on-premises:Recipient|on-premises:Mailbox", TYPED_DIRECTORY(DISCOVERY, "discovery mailbox")},
    {"on-premises", "on-premises:Recipient|on-premises:Mailbox",
     TYPED_EXPORT(TYPE_IN("'discoverymailbox'"), "discovery mailbox")},
    {0}};
#define SYSTEM_NEEDS \
  "on-premises:Recipient|on-premises:Mailbox/Arbitration+on-premises:Mailbox/AuditLog+on-premises:Mailbox/Monitoring"
#define SYSTEM_TYPES                                              \
  "'arbitrationmailbox', 'monitoringmailbox', 'auditlogmailbox'," \
  " 'auxauditlogmailbox', 'systemmailbox', 'systemattendantmailbox'"
static const struct uh_rule system_mailboxes[] = {
    {"on-premises", SYSTEM_NEEDS, TYPED_DIRECTORY(SYSTEM, "system mailbox")},
    {"on-premises", SYSTEM_NEEDS, TYPED_EXPORT(TYPE_IN(SYSTEM_TYPES), "system mailbox")},
    {0}};
/* clang-format on */

#define GUIDE "https://learn.microsoft.com/exchange/hybrid-deployment/decommission-last-exchange-server"
static const struct uh_check checks[] = {
    {.id = "mailbox.on-premises",
     .title = "No user, shared, room, equipment or linked mailbox is on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-01",
     .rules = on_premises,
     .remedy = "Move each mailbox to Exchange Online, from Exchange Online PowerShell: New-MoveRequest, or for many "
               "New-MigrationBatch with a migration endpoint, and wait until the move is complete. Disable the "
               "built-in administrator's mailbox instead of moving it (Disable-Mailbox, Exchange Management Shell).",
     .reference = GUIDE,
     .explain = "Looks at the recipient type of every object in all domains of the forest "
                "(msExchRecipientTypeDetails), or at an export of Get-Mailbox. Remote mailboxes are in Exchange "
                "Online already and are no finding; system, discovery, site and public folder mailboxes have checks "
                "of their own. The mailbox of the built-in administrator counts: it has to be disabled. A type that "
                "has no known name counts where the object has a database. An object whose type was not obtained "
                "cannot be judged. An export alone may miss other domains (Set-ADServerSettings -ViewEntireForest) "
                "and results cut at 1000."},
    {.id = "mailbox.hidden-reference",
     .title = "No object that is no mailbox still refers to a mailbox database",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-01",
     .rules = hidden,
     .remedy = "Find out what the object is. If its mailbox is in Exchange Online, clear homeMDB or "
               "msExchArchiveDatabaseLink of the object after an export of its attributes; if an archive is still "
               "there, move it first. The database cannot be removed before.",
     .reference = "https://learn.microsoft.com/exchange/troubleshoot/administration/error-remove-a-mailbox-database",
     .explain = "homeMDB or msExchArchiveDatabaseLink set on an object that Get-Mailbox does not list: a remote "
                "mailbox, a user without a mailbox, an object without a type. Such references block the removal of "
                "the database although Get-Mailbox is empty. HealthMailbox and SystemMailbox objects are excluded. "
                "Only Active Directory shows this; no export does. The global catalogue does not hold the archive "
                "link: objects seen only there cannot be judged."},
    {.id = "mailbox.hold",
     .title = "No on-premises mailbox is under a hold",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-01",
     .rules = hold,
     .remedy = "Ask whoever ordered the hold. Move the mailbox (the hold goes with it, check it in Exchange Online), "
               "or lift the hold with the written consent of the owner, in the Exchange Management Shell: "
               "Set-Mailbox -LitigationHoldEnabled $false, or Set-MailboxSearch -InPlaceHoldEnabled $false.",
     .reference = "https://learn.microsoft.com/exchange/policy-and-compliance/holds/holds",
     .explain = "Litigation hold and in-place holds of mailboxes that are on premises. A hold blocks the removal of "
                "the database, and the data is legal evidence. The same attributes on remote mailboxes are written "
                "back from Exchange Online and are no finding; entries that begin with a minus sign exclude the "
                "mailbox from a policy and are no hold."},
    {.id = "mailbox.site",
     .title = "No site mailbox is on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-03",
     .rules = site,
     .remedy = "Export what is needed from the site mailbox, then remove it in the Exchange Management Shell; look "
               "at Get-SiteMailbox -DeletedSiteMailbox too. Exchange Online has no site mailboxes: use Microsoft 365 "
               "groups.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/get-sitemailbox",
     .explain = "Mailboxes of type TeamMailbox. Get-Mailbox does not list them unless asked for the type, so an "
                "export of Get-Mailbox alone does not show that there are none."},
    {.id = "mailbox.discovery",
     .title = "No discovery mailbox is on premises",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-03",
     .rules = discovery,
     .remedy = "Export the search results that are still needed, then disable the mailbox with Disable-Mailbox in "
               "the Exchange Management Shell.",
     .reference =
         "https://learn.microsoft.com/exchange/policy-and-compliance/ediscovery/delete-and-re-create-mailboxes",
     .explain = "Mailboxes of type DiscoveryMailbox hold results of eDiscovery searches. Every organisation has one "
                "from Setup; it is disabled, not moved."},
    {.id = "mailbox.system",
     .title = "System mailboxes are gone",
     .severity = UH_INFO,
     .purposes = UH_BEFORE,
     .requirements = "P-03",
     .rules = system_mailboxes,
     .remedy = "Nothing to do now. As the last step before the uninstall, in the Exchange Management Shell: "
               "Get-Mailbox -Arbitration, -AuditLog and -AuxAuditLog piped to Disable-Mailbox, Get-Mailbox "
               "-Monitoring piped to Remove-Mailbox.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/disable-mailbox",
     .explain = "Arbitration, monitoring, audit log and aux audit log mailboxes. They are expected until the end: "
                "they serve the address book, the admin center and the audit log, and disabling them early breaks "
                "other cmdlets. They are listed so that the last step is known."},
    {0}};
UH_CHECK_MODULE(mailbox, checks);
