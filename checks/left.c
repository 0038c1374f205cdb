/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stays behind and no step takes away: a person looks at it, once the last server is gone. What a source shows is
 * found; what none shows is a question, with the command that answers it. Nothing here stands in the way of anything.
 */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* Who has the rights of an Exchange server: members of its groups that are neither groups of Exchange themselves nor
 * accounts that Setup made. An entry may stand in several areas. */
static const char computer_sql[] =
    "WITH holder AS ("
    "  SELECT guid, max(dn) AS dn, rdn(max(dn)) AS name, max(json) AS json"
    "   FROM directory_entry"
    "   WHERE area = 'security-groups' AND lower(class) = 'group'"
    "   GROUP BY guid),"
    " membership AS ("
    "  SELECT lower(member.value) AS key, max(member.value) AS dn, group_concat(DISTINCT holder.name) AS groups"
    "   FROM holder, json_each(prop_list(holder.json, 'member')) AS member"
    "   WHERE lower(holder.name) IN ('exchange servers', 'exchange trusted subsystem', 'managed availability servers', 'exchange windows permissions')"
    "     AND NOT EXISTS (SELECT 1 FROM holder AS own WHERE lower(own.dn) = lower(member.value))"
    "     AND instr(lower(member.value), ',cn=microsoft exchange system objects,') = 0"
    "   GROUP BY lower(member.value))"
    " SELECT 1 AS violated, key, 'member' AS kind, dn AS object,"
    "  'It still has the rights of an Exchange server, as a member of ' || groups || '.' AS message,"
    "  json_object('member of', groups) AS evidence,"
    "  'Get-ADObject -Identity ' || ps_quote(dn, '') || ' -Properties servicePrincipalName,memberOf,lastLogonTimestamp' AS command"
    " FROM membership";
static const struct uh_rule computer[] = {{"on-premises", "on-premises:DirectoryEntry", computer_sql}, {0}};
static const struct uh_attestable computer_attests[] = {
    {.fact = "left.computer-account",
     .question = "Has somebody looked at the computer accounts of the servers that are gone, at the objects of availability groups, and at an "
                 "alternate service account (yes)?",
     .how = "In each domain: Get-ADComputer -Filter 'servicePrincipalName -like \"exchangeMDB/*\"'; setspn -Q http/<host> for every host by which "
            "the servers were reached shows an alternate service account. Delete the account of a machine that is gone, take Exchange's names from "
            "that of one that stays (setspn -D); an availability group's object goes with its members.",
     .values = "yes"},
    {0}};

/* Rights that Exchange's groups hold, and nobody any more. */
static const char permission_sql[] =
    "WITH entry AS ("
    "  SELECT name, prop(json, 'Object') AS holder, prop(json, 'Trustee') AS sid, prop(json, 'Name') AS trustee, json"
    "   FROM object WHERE side = 'on-premises' AND kind = 'DirectoryPermission')"
    " SELECT CASE WHEN trustee IS NOT NULL THEN 1 END AS violated, lower(name) AS key, 'access control entry' AS kind,"
    "  iif(trustee <> '', rdn(trustee), sid) || ' on ' || holder AS object,"
    "  iif(trustee = '', 'Nothing that the account sees has this SID any more, and it still has rights there.',"
    "    'This group of Exchange has rights there.') AS message,"
    "  json_object('Trustee', sid, 'Name', trustee, 'Rights', prop_json(json, 'Rights'), 'Denied', prop_json(json, 'Denied'),"
    "    'Entries', prop_json(json, 'Entries')) AS evidence,"
    "  'dsacls ' || ps_quote(holder, '') AS command"
    " FROM entry";
static const struct uh_rule permission[] = {{"on-premises", "on-premises:DirectoryPermission", permission_sql}, {0}};

/* Every tenant has its own federation, and its domains in it. */
static const char federation_sql[] =
    "WITH accepted AS ("
    "  SELECT domain_key(coalesce(nullif(prop(json, 'DomainName'), ''), name)) AS domain FROM object WHERE side = 'cloud' AND kind = 'AcceptedDomain'),"
    " named AS ("
    "  SELECT guid, name, value AS domain, domain_key(value) AS key"
    "   FROM object, json_each(prop_list(object.json, 'Domains'))"
    "   WHERE side = 'cloud' AND kind = 'FederatedOrganizationIdentifier'"
    "  UNION ALL SELECT guid, name, NULL, lower(name) FROM object"
    "   WHERE side = 'cloud' AND kind = 'FederatedOrganizationIdentifier' AND prop_list(object.json, 'Domains') IS NULL)"
    " SELECT NOT (" UH_SQL_TENANT_DOMAIN("domain") " OR key IN (SELECT domain FROM accepted)) AS violated, key, 'federated domain' AS kind, coalesce(domain, name) AS object,"
    "  'Exchange Online federates this domain, which is no accepted domain of the tenant.' AS message,"
    "  json_object('Domains', domain) AS evidence,"
    "  'Get-FederatedOrganizationIdentifier -IncludeExtendedDomainInfo' AS command"
    " FROM named";
static const struct uh_rule federation[] = {{"cloud", "cloud:FederatedOrganizationIdentifier", federation_sql}, {0}};

/* Which Exchange organisation this is. What Active Directory or the journal tells decides; where neither does, a
 * person's word. It is asked for while the tenant has organisations of which one may be this. */
#define ORGANIZATIONS                                                                                               \
  "WITH told(guid) AS MATERIALIZED ("                                                                               \
  "  SELECT trim(lower(guid), '{}') FROM object WHERE side = 'on-premises' AND kind = 'OrganizationConfig' AND guid <> ''" \
  "  UNION SELECT trim(lower(value), '{}') FROM known WHERE name = 'organization-guid'),"                           \
  " holder AS ("                                                                                                    \
  "  SELECT guid, name, trim(lower(prop(json, 'OrganizationGuid')), '{}') AS organization,"                         \
  "    prop(json, 'OrganizationName') AS title, prop_list(json, 'HybridDomains') AS domains"                        \
  "   FROM object WHERE side = 'cloud' AND kind = 'OnPremisesOrganization')"
static const char organization_sql[] =
    ORGANIZATIONS ","
    " word AS (SELECT DISTINCT trim(lower(object), '{}') AS guid FROM attestation WHERE fact = 'left.organization')"
    " SELECT NOT EXISTS (SELECT 1 FROM told) AND (SELECT count(*) FROM word) <> 1 AS violated,"
    "  lower(coalesce(nullif(guid, ''), name)) AS key, nullif(lower(guid), '') AS guid, 'OnPremisesOrganization' AS kind,"
    "  'OrganizationGuid ' || coalesce(nullif(organization, ''), iif(organization = '', '(none)', '(not obtained)'))"
    "    || ', OrganizationName ' || coalesce(nullif(title, ''), iif(title = '', '(none)', '(not obtained)')) || ', HybridDomains '"
    "    || iif(domains IS NULL, '(not obtained)', coalesce((SELECT group_concat(value, ', ') FROM json_each(domains)), '(none)')) AS object,"
    "  'nothing tells the GUID of this Exchange organisation, and so not whether it is its own' AS message,"
    "  json_object('OrganizationGuid', organization, 'OrganizationName', title, 'HybridDomains', json(domains)) AS evidence, '' AS command"
    " FROM holder";
static const char organization_observed_sql[] =
    ORGANIZATIONS ","
    " other(value) AS (SELECT (SELECT 'no, it is ' || max(guid) FROM told))"
    " SELECT guid AS object, 'yes' AS value FROM told"
    " UNION SELECT organization, other.value FROM holder, other WHERE organization <> '' AND organization NOT IN (SELECT guid FROM told)"
    " UNION SELECT '', value FROM other";
#define ORGANIZATION_NEEDS "cloud:OnPremisesOrganization,on-premises:OrganizationConfig"
static const struct uh_rule organization[] = {{"cloud", ORGANIZATION_NEEDS, organization_sql}, {0}};
static const struct uh_attestable organization_attests[] = {
    {.fact = "left.organization",
     .question = "Is this the GUID of this Exchange organisation, whose servers are gone (yes)?",
     .how = "In what was kept: an export of Get-OrganizationConfig | fl Guid, the objectGUID of the organisation's container in a backup of Active "
            "Directory, the log of the Hybrid Configuration Wizard. Compare the hybrid domains of each OnPremisesOrganization with the domains that this "
            "organisation had. That there is only one proves nothing: it may be another forest's.",
     .values = "yes",
     .object = "Exchange organisation",
     .guid = true,
     .observed = organization_observed_sql,
     .basis_needs = ORGANIZATION_NEEDS},
    {0}};

/* Credentials of Exchange Online's principal, by the thumbprint of their certificate. What the auth configuration tells
 * decides; where it tells nothing any more, a person's word does. */
#define CREDENTIALS                                                                                                 \
  "WITH principal AS ("                                                                                             \
  "  SELECT prop_list(json, 'keyCredentials') AS credentials FROM object"                                           \
  "   WHERE side = 'cloud' AND kind = 'GraphServicePrincipal'"                                                      \
  "     AND lower(prop(json, 'appId')) = '00000002-0000-0ff1-ce00-000000000000'),"                                  \
  " credential AS ("                                                                                                \
  "  SELECT json_extract(k.value, '$.keyId') AS id, json_extract(k.value, '$.displayName') AS title,"               \
  "    json_extract(k.value, '$.endDateTime') AS ends,"                                                             \
  "    upper(coalesce(json_extract(k.value, '$.thumbprint'), iif(length(json_extract(k.value, '$.customKeyIdentifier')) = 40," \
  "      json_extract(k.value, '$.customKeyIdentifier'), ''))) AS mark"                                             \
  "   FROM principal, json_each(principal.credentials) AS k),"                                                      \
  " told AS ("                                                                                                      \
  "  SELECT upper(t.value) AS mark FROM object AS a, json_each(json_array(prop(a.json, 'CurrentCertificateThumbprint')," \
  "    prop(a.json, 'NextCertificateThumbprint'), prop(a.json, 'PreviousCertificateThumbprint'))) AS t"             \
  "   WHERE a.side = 'on-premises' AND a.kind = 'AuthConfig' AND t.value <> ''"                                     \
  "  UNION SELECT upper(value) FROM known WHERE name = 'auth-certificate')"
static const char credential_sql[] =
    CREDENTIALS ","
    " word AS (SELECT upper(object) AS mark, value FROM attestation WHERE fact = 'left.credential')"
    " SELECT CASE WHEN EXISTS (SELECT 1 FROM told) OR EXISTS (SELECT 1 FROM word WHERE value = 'yes') OR mark IN (SELECT mark FROM word) THEN 0 END AS violated,"
    "  coalesce(nullif(lower(id), ''), mark) AS key, 'credential' AS kind, trim(coalesce(title, '') || ' ' || mark) AS object,"
    "  'Whose this credential of Exchange Online''s principal is, nothing tells: no thumbprint of an auth certificate is known any more.' AS message,"
    "  json_object('Thumbprint', mark, 'DisplayName', title, 'EndDateTime', ends) AS evidence, '' AS command"
    " FROM credential"
    " UNION ALL SELECT NULL, 'keyCredentials', 'service principal', 'Office 365 Exchange Online', 'Its credentials were not obtained.', '{}', ''"
    "  FROM principal WHERE credentials IS NULL"
    " UNION ALL SELECT NULL, lower(coalesce(nullif(guid, ''), name)), 'service principal', name, 'Its appId was not obtained.', '{}', ''"
    "  FROM object WHERE side = 'cloud' AND kind = 'GraphServicePrincipal' AND prop(json, 'appId') IS NULL";
static const char credential_observed_sql[] =
    CREDENTIALS
    " SELECT DISTINCT mark AS object, CASE WHEN EXISTS (SELECT 1 FROM told) THEN iif(mark IN (SELECT mark FROM told), 'yes', 'no') END AS value"
    "  FROM credential WHERE mark <> ''";
static const char credential_basis_sql[] = CREDENTIALS " SELECT id, mark FROM credential";
static const struct uh_rule credential[] = {
    {"cloud", "cloud:GraphServicePrincipal,on-premises:AuthConfig", credential_sql}, {0}};
static const struct uh_attestable credential_attests[] = {
    {.fact = "left.credential",
     .question = "Is this the thumbprint of an auth certificate of this organisation (yes), or of somebody else's (no)?",
     .how = "In what was kept of the servers: an export of Get-AuthConfig | fl *Thumbprint, the certificate store of a backup, the log of the "
            "Hybrid Configuration Wizard, a .cer file (certutil -dump). The name Microsoft Exchange Server Auth Certificate proves nothing: every "
            "organisation's is called so.",
     .values = "yes|no",
     .object = "credential",
     .observed = credential_observed_sql,
     .basis = credential_basis_sql,
     .basis_needs = "cloud:GraphServicePrincipal,on-premises:AuthConfig"},
    {0}};

/* Errors of provisioning that name the hidden objects. */
static const char public_folder_sql[] =
    "SELECT CASE WHEN lower(coalesce(prop_json(json, 'onPremisesProvisioningErrors'), '') || coalesce(prop_json(json, 'serviceProvisioningErrors'), '')) LIKE '%publicfolder\\_%' ESCAPE '\\' THEN 1"
    "   WHEN prop(json, 'onPremisesProvisioningErrors') IS NOT NULL AND prop(json, 'serviceProvisioningErrors') IS NOT NULL THEN 0 END AS violated,"
    "  lower(coalesce(nullif(guid, ''), name)) AS key, nullif(lower(guid), '') AS guid,"
    "  'provisioning error' AS kind, name AS object,"
    "  'Its address is held by an object of a public folder that nobody sees in Exchange Online.' AS message,"
    "  json_object('onPremisesProvisioningErrors', prop_json(json, 'onPremisesProvisioningErrors'),"
    "    'serviceProvisioningErrors', prop_json(json, 'serviceProvisioningErrors')) AS evidence,"
    "  'Get-ADSyncToolsAadObject -SyncObjectType PublicFolder' AS command"
    " FROM object"
    " WHERE side = 'cloud' AND kind = 'GraphProvisioningError'";
static const struct uh_rule public_folder[] = {{"cloud", "cloud:GraphProvisioningError", public_folder_sql}, {0}};
static const struct uh_attestable public_folder_attests[] = {
    {.fact = "left.public-folder",
     .question = "Is no object of a synchronised public folder left in Entra ID (yes)?",
     .how = "On the computer of Entra Connect: Get-ADSyncToolsAadObject -SyncObjectType PublicFolder. Remove-ADSyncToolsAadObject removes one; "
            "where Entra Connect is gone already only Microsoft's support can.",
     .values = "yes"},
    {0}};
/* clang-format on */

/* A rule that looks at nothing: what the check asks for no source shows. */
static const struct uh_rule nothing[] = {
    {"on-premises", NULL,
     "SELECT NULL AS violated, '' AS key, '' AS kind, '' AS object, '' AS message, '{}' AS evidence, '' AS command"
     " WHERE 0"},
    {0}};

#define ASKED(name, question_, how_)                     \
  static const struct uh_attestable name##_attests[] = { \
      {.fact = "left." name##_FACT, .question = question_, .how = how_, .values = "yes"}, {0}}
#define permission_FACT "permission"
#define sync_rights_FACT "sync-rights"
#define connector_group_FACT "connector-group"
#define migration_account_FACT "migration-account"
#define recipient_FACT "recipient"
#define gateway_key_FACT "gateway-key"
#define policy_FACT "policy"
#define witness_FACT "witness"

ASKED(
    permission,
    "Has somebody looked at the entries of Exchange's groups, and of groups that are gone, in the access control lists of each "
    "domain and of AdminSDHolder (yes)?",
    "In each domain: (Get-Acl 'AD:\\DC=contoso,DC=com').Access and (Get-Acl 'AD:\\CN=AdminSDHolder,CN=System,DC=contoso,"
    "DC=com').Access, not inherited, of identities named Exchange.., Organization Management or S-1-5-21-... Export the list "
    "before anything goes (dsacls <DN> > file); where the groups stay, their entries stay too. And in the Default Domain Controllers "
    "Policy: who may \"manage auditing and security log\".");
ASKED(
    sync_rights,
    "Is it decided what becomes of Entra Connect's option \"Exchange hybrid deployment\", and of the rights of its connector "
    "account (yes)?",
    "In the wizard of Entra Connect, View or export current configuration. Writeback needs both: leave them on while any is used, "
    "and where nobody has decided.");
ASKED(
    connector_group, "Is no group of Application Proxy connectors left that was made for the Hybrid Agent (yes)?",
    "Invoke-MgGraphRequest -Uri '/beta/onPremisesPublishingProfiles/applicationProxy/connectorGroups', or Entra admin center, Application "
    "proxy: \"Default group for Exchange Online\". Other connectors use Application Proxy too: only an empty group goes.");
ASKED(
    migration_account,
    "Are the accounts and roles that were made for migrations looked after: the credential of the endpoints, members of "
    "role groups (yes)?",
    "Exchange Online PowerShell: Get-ManagementRoleAssignment -Role Migration -GetEffectiveUsers; in Active Directory the account that "
    "the migration endpoints named. Disable what nobody else uses.");
ASKED(
    recipient,
    "Do the mail contacts and mail users that were synchronised from sources that are gone have somebody who maintains them "
    "(yes)?",
    "Exchange Online PowerShell: Get-MailContact -ResultSize Unlimited | Where-Object IsDirSynced, and Get-MailUser likewise. Move the "
    "source of authority of those that stay (the checks soa.contact and soa.mail-user name them); they are not removed here.");
ASKED(
    gateway_key, "Is every DKIM key of a gateway on the premises gone from DNS that signs no mail any more (yes)?",
    "A selector stands in the header DKIM-Signature (s=) of mail that the gateway signed: then dig <selector>._domainkey.<domain> TXT. "
    "Nothing lists selectors; keep the record for some days after the last signature.");
ASKED(
    policy, "Do group policies, logon scripts, monitoring and backup jobs name no server that is gone (yes)?",
    "Search the group policies for the servers' names and for Outlook's Autodiscover settings (ExcludeScpLookup, PreferLocalXML), and "
    "the consoles of monitoring and backup for their jobs.");
ASKED(
    witness,
    "Are witness folders of availability groups, and certificates on load balancers and other servers, gone where nothing uses "
    "them (yes)?",
    "The witness server's share DAGFileShareWitnesses, and Exchange Trusted Subsystem among its local administrators; the "
    "certificate stores of load balancers and reverse proxies.");

#define DECOMMISSION "https://techcommunity.microsoft.com/blog/exchange/decommissioning-exchange-server-2016/4214475"
#define BY_STATEMENT(word, name, words, requirement, what)                                                           \
  {                                                                                                                  \
    .id = "left." word, .title = words, .severity = UH_INFO, .purposes = UH_AFTER, .requirements = requirement,      \
    .rules = nothing, .blind_spot = "no source shows it: a person looks", .attests = name##_attests, .remedy = what, \
    .reference = DECOMMISSION,                                                                                       \
    .explain =                                                                                                       \
        "No source of this program sees it. Somebody looks, decides what stays, and states that it was done: "       \
        "`unhybrid attest add`. Nothing is removed by this program."                                                 \
  }

static const struct uh_check checks[] = {
    {.id = "left.computer-account",
     .title = "No account has the rights of an Exchange server",
     .severity = UH_INFO,
     .purposes = UH_AFTER,
     .requirements = "O-A8",
     .rules = computer,
     .blind_spot =
         "accounts that are in none of Exchange's groups (availability groups, alternate service accounts) are not told by anything",
     .attests = computer_attests,
     .remedy =
         "Delete the account where its machine is gone; take it out of the groups where the machine stays and is no "
         "Exchange server any more. This program does neither.",
     .reference = DECOMMISSION,
     .explain =
         "Members of Exchange Servers, Exchange Trusted Subsystem, Managed Availability Servers and Exchange Windows Permissions that are no "
         "groups of Exchange's own, from a snapshot (audit --snapshot, sweep): the uninstall takes a server's account out, a forced removal does not. "
         "An account that nothing of this names a person has to look for."},
    {.id = "left.permission",
     .title = "Nobody has rights on the domains and AdminSDHolder for Exchange's sake",
     .severity = UH_INFO,
     .purposes = UH_AFTER,
     .requirements = "O-A9",
     .rules = permission,
     .blind_spot = "entries of other domains' groups, and rights that group policies give, are not told apart",
     .attests = permission_attests,
     .remedy =
         "Where the groups stay, their entries stay. Else export the list (dsacls <DN> > file) before an entry is "
         "taken out of it; what this program takes out is nothing.",
     .reference = DECOMMISSION,
     .explain =
         "From a snapshot (audit --snapshot, sweep): explicit entries in the access control lists of each domain and of its AdminSDHolder, of "
         "groups below OU=Microsoft Exchange Security Groups and older ones of Exchange's, and of SIDs of the domain that nothing has any "
         "more (their names are gone: whether they were Exchange's nobody can tell). Inherited entries are another object's. What was granted "
         "to whom is in the evidence."},
    {.id = "left.federation",
     .title = "Exchange Online federates the tenant's own domains alone",
     .severity = UH_INFO,
     .purposes = UH_AFTER,
     .requirements = "O-14",
     .rules = federation,
     .absence_needs = "cloud:AcceptedDomain",
     .remedy =
         "Find out who registered the domain, and for which sharing (the command is for Exchange Online PowerShell). "
         "Every tenant's FederatedOrganizationIdentifier with its own domain stays.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/get-federatedorganizationidentifier",
     .explain =
         "The domains that FederatedOrganizationIdentifier names in Exchange Online. Names below onmicrosoft.com, and the "
         "tenant's accepted domains, are normal and stay. The trust itself is Microsoft's, and is never touched."},
    {.id = "left.organization",
     .title = "It is known which Exchange organisation of the tenant is this one",
     .severity = UH_INFO,
     .purposes = UH_AFTER,
     .requirements = "O-05",
     .rules = organization,
     .never_fails = true,
     .attests = organization_attests,
     .remedy =
         "State the GUID of this organisation; then `unhybrid sweep` can tell what in the tenant is its own. Never "
         "state one that is only likely.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/get-onpremisesorganization",
     .explain =
         "By the GUID of the Exchange organisation everything in the tenant is told apart from what belongs to another forest. "
         "Active Directory or Get-OrganizationConfig tells it, and the journal keeps it. Where the organisation was gone before this program "
         "first looked, nothing tells it, and nothing of the tenant goes. Then every OnPremisesOrganization of the tenant is listed, with its "
         "OrganizationGuid, OrganizationName and hybrid domains; none is chosen, even where there is only one. A person may state the GUID "
         "(left.organization, with the GUID as the object), also one that the tenant does not show. The plan, its actions and the journal say by "
         "whose word; it holds as long as the statement does, and against what was observed, or what the journal tells, it is an error that names "
         "both. All other gates stay as they are. It is not asked where Active Directory was not read in full."},
    {.id = "left.credential",
     .title = "It is known whose each credential of Exchange Online's principal is",
     .severity = UH_INFO,
     .purposes = UH_AFTER,
     .requirements = "O-07",
     .rules = credential,
     .never_fails = true,
     .attests = credential_attests,
     .remedy =
         "State of each thumbprint whether it is an auth certificate of this organisation; then `unhybrid sweep` takes these out, and "
         "asks for every other one.",
     .reference = "https://microsoft.github.io/CSS-Exchange/Hybrid/ConfigureExchangeHybridApplication/",
     .explain =
         "By the thumbprints that the auth configuration tells, a cleanup knows this organisation's credentials; it keeps them in "
         "the journal. Where the servers, and that configuration with them, are gone and no journal has them, nothing tells it any more, and "
         "none goes. Then a person may state it of a thumbprint that the principal has (left.credential, with the thumbprint as "
         "the object). The plan shows by whose word; a word against what was observed, or what the journal tells, is an error that names "
         "both. Names and ends of certificates are alike in every organisation, and decide nothing."},
    BY_STATEMENT("sync-rights", sync_rights, "It is decided about the synchronisation's hybrid option", "O-17",
                 "Leave the option and the rights on while attributes are written back, and where nobody has decided."),
    BY_STATEMENT("connector-group", connector_group, "No connector group of the Hybrid Agent is left", "O-18",
                 "Remove the group in the Entra admin center once it is empty."),
    BY_STATEMENT("migration-account", migration_account, "Accounts and roles for migrations were looked at", "O-19",
                 "Disable accounts that nobody else uses, and take them out of their role groups."),
    BY_STATEMENT("recipient", recipient, "Recipients from sources that are gone are maintained by somebody", "O-20",
                 "Move their source of authority; they stay."),
    {.id = "left.public-folder",
     .title = "No hidden object of a public folder is left in Entra ID",
     .severity = UH_INFO,
     .purposes = UH_AFTER,
     .requirements = "O-21",
     .rules = public_folder,
     .blind_spot = "Exchange Online shows none of them, and Graph only those that are in another object's way",
     .attests = public_folder_attests,
     .remedy =
         "Remove-ADSyncToolsAadObject on the computer of Entra Connect, before that goes; later only Microsoft's support can.",
     .reference = "https://learn.microsoft.com/troubleshoot/exchange/email-alias/proxy-address-being-used",
     .explain =
         "Errors of provisioning that Graph shows and that name PublicFolder_<GUID>: mail-enabled public folders that were "
         "synchronised once hold addresses, invisible in Exchange Online. Without such an error one may be there all the same: that a person states."},
    BY_STATEMENT("gateway-key", gateway_key, "DKIM keys of gateways on the premises were looked at", "O-16",
                 "Take the selector's record out of DNS some days after its last signature."),
    BY_STATEMENT("policy", policy, "Policies, scripts, monitoring and backup name no server that is gone", "O-A11",
                 "Take the servers' names out."),
    BY_STATEMENT("witness", witness, "Witness folders and certificates elsewhere were looked at", "O-A13",
                 "Remove what nothing uses any more."),
    {0}};
UH_CHECK_MODULE(left, checks);
