/* SPDX-License-Identifier: Apache-2.0 */
/* Several organisations may share one tenant: what belongs to this one is decided by GUID, and the rest is left alone.
 */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * ours: the GUID of this forest's Exchange organisation; NULL while it is not known, or two sources say different ones.
 * Where the organisation is gone, the journal knows it.
 * holder: the OnPremisesOrganization objects of the tenant; mine: the GUID is ours, whatever the name says.
 */
#define HOLDERS                                                                                                     \
  "WITH ours(guid) AS MATERIALIZED ("                                                                               \
  "  SELECT CASE count(DISTINCT lower(guid)) WHEN 1 THEN max(lower(guid))"                                          \
  "    WHEN 0 THEN (SELECT lower(max(value)) FROM known WHERE name = 'organization-guid') END"                      \
  "   FROM object"                                                                                                  \
  "   WHERE side = 'on-premises' AND kind = 'OrganizationConfig' AND guid <> ''),"                                  \
  " holder AS MATERIALIZED ("                                                                                       \
  "  SELECT object.*, trim(lower(prop(json, 'OrganizationGuid')), '{}') = ours.guid AS mine,"                       \
  "    coalesce(nullif(prop(json, 'OrganizationName'), ''), name) AS organization,"                                 \
  "    prop_list(json, 'HybridDomains') AS domains"                                                                 \
  "   FROM object, ours"                                                                                            \
  "   WHERE side = 'cloud' AND kind = 'OnPremisesOrganization')"

/* ---- forest.organization ---- */
static const char organization_sql[] = HOLDERS
    /* Two sources may both show the same object. */
    ", total(own) AS (SELECT count(DISTINCT CASE guid WHEN '' THEN name ELSE lower(guid) END) FROM holder WHERE mine)"
    " SELECT CASE WHEN mine IS NULL THEN NULL ELSE mine AND total.own > 1 END AS violated,"
    "  CASE holder.guid WHEN '' THEN name ELSE lower(holder.guid) END AS key,"
    "  nullif(lower(holder.guid), '') AS guid,"
    "  name AS object,"
    "  'on-premises organization' AS kind,"
    "  'This is one of ' || total.own || ' OnPremisesOrganization objects with the GUID of this organisation.' AS message,"
    "  CASE"
    "    WHEN ours.guid IS NULL THEN json_object('GUID of the Exchange organisation', NULL)"
    "    WHEN mine IS NULL THEN json_object('OrganizationGuid', NULL)"
    "    ELSE json_object('OrganizationGuid', prop(json, 'OrganizationGuid'), 'OrganizationName', organization) END"
    "   AS evidence,"
    "  '' AS command"
    " FROM holder, total, ours";
/* While others are in the tenant and none is ours, nobody can say what of the hybrid objects is. */
static const char none_sql[] = HOLDERS
    " SELECT CASE"
    "   WHEN NOT EXISTS (SELECT 1 FROM holder) THEN 0"
    "   WHEN EXISTS (SELECT 1 FROM holder WHERE mine) THEN 0"
    "   WHEN NOT EXISTS (SELECT 1 FROM holder WHERE mine IS NULL) THEN 1 END AS violated,"
    "  'organization' AS key,"
    "  'organization' AS kind,"
    "  coalesce((SELECT nullif(organization, '') FROM observation), 'organization') AS object,"
    "  'None of the ' || (SELECT count(DISTINCT CASE guid WHEN '' THEN name ELSE lower(guid) END) FROM holder) || ' OnPremisesOrganization objects in the tenant has this"
    " organisation''s GUID ' || ours.guid || ': which hybrid objects there are its own cannot be told.' AS message,"
    "  CASE"
    "    WHEN ours.guid IS NULL THEN json_object('GUID of the Exchange organisation', NULL)"
    "    WHEN EXISTS (SELECT 1 FROM holder WHERE mine IS NULL) THEN json_object('OrganizationGuid', NULL)"
    "    ELSE json_object("
    "      'guid', ours.guid,"
    "      'others', (SELECT json_group_array(prop(json, 'OrganizationGuid')) FROM holder)) END AS evidence,"
    "  '' AS command"
    " FROM ours"
    " WHERE EXISTS (SELECT 1 FROM object WHERE side = 'on-premises' AND kind = 'HybridConfiguration')";
#define ORGANIZATION_NEEDS "on-premises:OrganizationConfig,cloud:OnPremisesOrganization"
static const struct uh_rule organization[] = {
    {"cloud", ORGANIZATION_NEEDS, organization_sql},
    {"on-premises", ORGANIZATION_NEEDS ",on-premises:HybridConfiguration", none_sql},
    {0}};

/* ---- forest.object ---- */
/*
 * claim: what a holder names. place: whose a domain is: a hybrid domain of one holder is that holder's; one of several
 * is nobody's; any other accepted domain on premises is ours. thing: the hybrid objects of the tenant, with the names
 * that show where they lead. Certificates are named "<I>issuer<S>CN=mail.contoso.com, O=..", or by a plain host name.
 */
#define AFTER(text, mark) "iif(instr(" text ", '" mark "'), substr(" text ", instr(" text ", '" mark "') + length('" mark "')), " text ")"
#define BEFORE(text, mark) "iif(instr(" text ", '" mark "'), substr(" text ", 1, instr(" text ", '" mark "') - 1), " text ")"
#define CERTIFICATE "replace(prop(json, 'TlsSenderCertificateName'), 'cn=', 'CN=')"
#define SUBJECT AFTER(CERTIFICATE, "<S>")
#define COMMON_NAME AFTER(SUBJECT, "CN=")
#define CERTIFICATE_HOST "ltrim(trim(" BEFORE(COMMON_NAME, ",") "), '*.')"
#define THINGS HOLDERS                                                                                              \
  ", claim AS MATERIALIZED ("                                                                                       \
  "  SELECT 'InboundConnector' AS kind, lower(prop(json, 'InboundConnector')) AS target, organization, mine FROM holder"  \
  "  UNION ALL"                                                                                                     \
  "  SELECT 'OutboundConnector', lower(prop(json, 'OutboundConnector')), organization, mine FROM holder"            \
  "  UNION ALL"                                                                                                     \
  "  SELECT 'OrganizationRelationship', lower(prop(json, 'OrganizationRelationship')), organization, mine"          \
  "   FROM holder),"                                                                                                \
  " hybrid_domain AS ("                                                                                             \
  "  SELECT domain_key(iif(a.value LIKE 'autod:%', substr(a.value, 7), a.value)) AS domain, mine, organization, guid"  \
  "   FROM holder, json_each(domains) a),"                                                                          \
  " place AS MATERIALIZED ("                                                                                        \
  "  SELECT domain, max(mine) AS mine, max(organization) AS organization"                                           \
  "   FROM hybrid_domain WHERE domain <> '' GROUP BY domain HAVING count(DISTINCT guid) = 1"                        \
  "  UNION ALL"                                                                                                     \
  "  SELECT domain_key(ltrim(iif(prop(json, 'DomainName') = '', name, prop(json, 'DomainName')), '*.')), 1, ''"     \
  "   FROM object"                                                                                                  \
  "   WHERE side = 'on-premises' AND kind = 'AcceptedDomain'"                                                       \
  "     AND (domain_key(ltrim(iif(prop(json, 'DomainName') = '', name, prop(json, 'DomainName')), '*.'))"           \
  "       NOT IN (SELECT domain FROM hybrid_domain)) IS NOT 0"                                                     \
  "  UNION"                                                                                                         \
  "  SELECT domain_key(value), 1, '' FROM known"                                                                    \
  "   WHERE name = 'accepted-domain' AND (domain_key(value) NOT IN (SELECT domain FROM hybrid_domain)) IS NOT 0),"  \
  " tenant AS MATERIALIZED ("                                                                                       \
  "  SELECT DISTINCT domain_key(iif(prop(json, 'DomainName') = '', name, prop(json, 'DomainName'))) AS domain"      \
  "   FROM object"                                                                                                  \
  "   WHERE side = 'cloud' AND kind = 'AcceptedDomain'),"                                                           \
  " thing AS ("                                                                                                     \
  "  SELECT *, CASE kind"                                                                                           \
  "    WHEN 'InboundConnector' THEN json_array(" CERTIFICATE_HOST ")"                                               \
  "    WHEN 'OutboundConnector' THEN prop_list(json, 'SmartHosts')"                                                 \
  "    WHEN 'OrganizationRelationship' THEN prop_list(json, 'DomainNames')"                                         \
  "    WHEN 'IntraOrganizationConnector' THEN prop_list(json, 'TargetAddressDomains')"                              \
  "    ELSE json_array(prop(json, 'RemoteServer')) END AS hosts"                                                    \
  "   FROM object"                                                                                                  \
  "   WHERE side = 'cloud' AND kind IN ('InboundConnector', 'OutboundConnector', 'OrganizationRelationship',"       \
  "     'IntraOrganizationConnector', 'MigrationEndpoint')),"                                                       \
  " named AS ("                                                                                                     \
  "  SELECT thing.*,"                                                                                               \
  "    count(CASE WHEN claim.mine THEN 1 END) AS by_us,"                                                            \
  "    count(CASE WHEN NOT claim.mine THEN 1 END) AS by_others,"                                                    \
  "    count(claim.kind) AS claims,"                                                                                \
  "    max(CASE WHEN NOT claim.mine THEN claim.organization END) AS other"                                          \
  "   FROM thing LEFT JOIN claim ON claim.kind = thing.kind AND claim.target <> ''"                                 \
  "     AND claim.target IN (lower(thing.name), lower(thing.identity), lower(thing.guid))"                          \
  "   GROUP BY thing.fact),"                                                                                        \
  " led AS ("                                                                                                       \
  "  SELECT named.*,"                                                                                               \
  "    (SELECT count(*) FROM json_each(named.hosts) a, place WHERE place.mine"                                      \
  "      AND (domain_key(a.value) = place.domain OR lower(a.value) LIKE '%.' || place.domain)) AS to_us,"           \
  "    (SELECT max(place.organization) FROM json_each(named.hosts) a, place WHERE NOT place.mine"                   \
  "      AND (domain_key(a.value) = place.domain OR lower(a.value) LIKE '%.' || place.domain)) AS to_other,"        \
  /* 2 a domain that is none of the tenant's, 1 one of which that is not known */                                   \
  "    (SELECT max(CASE domain_key(a.value) NOT IN (SELECT domain FROM tenant) WHEN 1 THEN 2 WHEN 0 THEN 0 ELSE 1 END)" \
  "      FROM json_each(named.hosts) a) AS outside"               \
  "   FROM named),"                                                                                                 \
  /* What is hybrid at all: made by the wizard, or named by a holder, or about the tenant's own domains. */         \
  " judged AS ("                                                                                                    \
  "  SELECT *, CASE"                                                                                                \
  "    WHEN claims THEN 1"                                                                                          \
  "    WHEN kind IN ('InboundConnector', 'OutboundConnector') THEN lower(prop(json, 'ConnectorSource')) = 'hybridwizard'"  \
  "    WHEN kind = 'OrganizationRelationship'"                                                                      \
  "      THEN CASE WHEN hosts = '[]' OR outside = 2 THEN 0 WHEN outside = 0 THEN 1 END"                             \
  "    WHEN kind = 'MigrationEndpoint' THEN lower(prop(json, 'EndpointType')) IN ('exchangeremotemove', '10')"      \
  "    ELSE 1 END AS hybrid,"                                                                                       \
  "    CASE"                                                                                                        \
  "      WHEN by_us AND by_others THEN 'shared'"                                                                    \
  "      WHEN by_us AND claims = by_us THEN 'ours'"                                                                 \
  "      WHEN by_others AND claims = by_others THEN 'other'"                                                        \
  "      WHEN claims OR hosts IS NULL OR hosts = '[null]' THEN NULL"                                                \
  "      WHEN to_us AND to_other IS NOT NULL THEN 'shared'"                                                         \
  "      WHEN to_us THEN 'ours'"                                                                                    \
  "      WHEN to_other IS NOT NULL THEN 'other'"                                                                    \
  /* The Hybrid Agent's address says nothing of the place; where all holders are ours it is. */                     \
  "      WHEN hosts LIKE '%.msappproxy.net\"%' AND NOT EXISTS (SELECT 1 FROM holder WHERE mine IS NOT 1) THEN 'ours'" \
  "      WHEN EXISTS (SELECT 1 FROM claim WHERE target IS NULL)"                                                    \
  "        OR EXISTS (SELECT 1 FROM holder WHERE mine IS NULL OR domains IS NULL)"                                  \
  "        OR EXISTS (SELECT 1 FROM place WHERE domain IS NULL) THEN NULL"                                          \
  "      ELSE 'nobody' END AS owner,"                                                                               \
  "    coalesce(other, to_other) AS organization,"                                                                  \
  "    CASE kind"                                                                                                   \
  "      WHEN 'InboundConnector' THEN 'inbound connector'"                                                          \
  "      WHEN 'OutboundConnector' THEN 'outbound connector'"                                                        \
  "      WHEN 'OrganizationRelationship' THEN 'organization relationship'"                                          \
  "      WHEN 'IntraOrganizationConnector' THEN 'intra-organization connector'"                                     \
  "      ELSE 'migration endpoint' END AS what"                                                                     \
  "   FROM led)"
static const char object_sql[] = THINGS
    " SELECT CASE"
    "   WHEN NOT hybrid THEN 0"
    "   WHEN owner IN ('ours', 'other') THEN 0"
    "   WHEN owner IS NOT NULL THEN hybrid END AS violated," UH_SQL_OBJECT_WHO
    "  what AS kind,"
    "  CASE owner WHEN 'shared'"
    "    THEN 'This organisation and ' || organization || ' both use this object: taking it away for one takes it from the other.'"
    "    ELSE 'No OnPremisesOrganization names this hybrid object, and it leads to no domain of this organisation ('"
    "      || coalesce((SELECT nullif(group_concat(value, ', '), '') FROM json_each(hosts)), 'nowhere') || ').' END"
    "   AS message,"
    "  CASE WHEN hybrid IS NULL THEN json_object("
    "      CASE kind WHEN 'MigrationEndpoint' THEN 'EndpointType' WHEN 'OrganizationRelationship' THEN 'DomainNames'"
    "        ELSE 'ConnectorSource' END, NULL)"
    "    WHEN owner IS NULL THEN json_object('whose it is', NULL)"
    "    ELSE json_object("
    "      'owner', owner,"
    "      'leads to', json(hosts),"
    "      'named by', by_us + by_others) END AS evidence,"
    "  '' AS command"
    " FROM judged";
#define OBJECT_NEEDS                                                                                                \
  ORGANIZATION_NEEDS                                                                                                \
  ",cloud:InboundConnector,cloud:OutboundConnector,cloud:OrganizationRelationship,cloud:IntraOrganizationConnector" \
  ",cloud:MigrationEndpoint,cloud:AcceptedDomain,on-premises:AcceptedDomain"
static const struct uh_rule objects[] = {{"cloud", OBJECT_NEEDS, object_sql}, {0}};

/* ---- forest.other ---- */
static const char other_holder[] = HOLDERS
    " SELECT NOT mine AS violated,"
    "  CASE holder.guid WHEN '' THEN name ELSE lower(holder.guid) END AS key,"
    "  nullif(lower(holder.guid), '') AS guid,"
    "  name AS object,"
    "  'on-premises organization' AS kind,"
    "  'This is the organisation ' || organization || ', by its GUID another one: it is left alone.' AS message,"
    "  CASE"
    "    WHEN ours.guid IS NULL THEN json_object('GUID of the Exchange organisation', NULL)"
    "    WHEN mine IS NULL THEN json_object('OrganizationGuid', NULL)"
    "    ELSE json_object("
    "      'OrganizationGuid', prop(json, 'OrganizationGuid'),"
    "      'OrganizationName', organization,"
    "      'HybridDomains', json(domains)) END AS evidence,"
    "  '' AS command"
    " FROM holder, ours";
static const char other_object[] = THINGS
    " SELECT CASE WHEN NOT hybrid THEN 0 WHEN owner IS NULL THEN NULL ELSE hybrid AND owner = 'other' END AS violated,"
    UH_SQL_OBJECT_WHO
    "  what AS kind,"
    "  'This is an object of the organisation ' || organization || ', ' || iif(claims, 'which names it',"
    "    'to whose domains it leads') || ': it is left alone.' AS message,"
    "  CASE WHEN hybrid IS NULL OR owner IS NULL THEN json_object('whose it is', NULL)"
    "    ELSE json_object('owner', organization, 'leads to', json(hosts)) END AS evidence,"
    "  '' AS command"
    " FROM judged";
static const struct uh_rule other[] = {{"cloud", ORGANIZATION_NEEDS, other_holder},
                                       {"cloud", OBJECT_NEEDS, other_object},
                                       {0}};
/* ---- forest.tenant ---- */
/*
 * One organisation may use several tenants, and only one is looked at. elsewhere: remote mailboxes whose target address
 * is below a tenant's name that is not this tenant's (none of these two was told: they stay in). there: mailboxes here.
 * A stale address alone proves nothing: who has a mailbox here is here.
 */
#define TENANT_NAME "domain_key(iif(prop(json, 'DomainName') = '', name, prop(json, 'DomainName')))"
static const char tenant_sql[] =
    "WITH tenant AS MATERIALIZED ("
    "  SELECT DISTINCT " TENANT_NAME " AS domain"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'AcceptedDomain'"
    "     AND (" UH_SQL_TENANT_DOMAIN(TENANT_NAME) ") IS NOT FALSE),"
    " elsewhere AS MATERIALIZED ("
    "  SELECT guid, coalesce(nullif(mail, ''), nullif(name, ''), dn) AS who, mail, mailbox_guid, target_address,"
    "    recipient_type_details, domain_of(target_address) AS domain"
    "   FROM directory_recipient"
    "   WHERE recipient_type_details & 9133247954944 IS NOT 0"
    "     AND NOT (recipient_type_details IS NULL AND coalesce(" UH_SQL_NO_MAILBOX ", 0))"
    "     AND (" UH_SQL_TENANT_DOMAIN("target_address") ") IS NOT FALSE"
    "     AND NOT EXISTS (SELECT 1 FROM tenant WHERE target_address LIKE '%@' || domain)),"
    " there AS MATERIALIZED ("
    "  SELECT exchange_guid, address_key(primary_address) AS address"
    "   FROM exchange_recipient"
    "   WHERE side = 'cloud' AND kind = 'Mailbox' AND listing = '' AND EXISTS (SELECT 1 FROM elsewhere)),"
    " judged AS ("
    "  SELECT *, CASE WHEN mailbox_guid IN (x'', zeroblob(16)) THEN 0"
    "      ELSE mailbox_guid IN (SELECT exchange_guid FROM there) END"
    "    OR address_key(mail) IN (SELECT address FROM there WHERE address IS NOT '') AS here"
    "   FROM elsewhere),"
    " told AS ("
    "  SELECT *, CASE WHEN here THEN 0"
    "    WHEN here = 0 AND recipient_type_details IS NOT NULL AND domain NOT IN (SELECT domain FROM tenant) THEN 1 END AS away"
    "   FROM judged)"
    " SELECT 1 AS violated,"
    "  domain AS key,"
    "  NULL AS guid,"
    "  'tenant' AS kind,"
    "  domain AS object,"
    "  count(*) || iif(count(*) = 1, ' remote mailbox leads', ' remote mailboxes lead') || ' to another tenant and'"
    "    || iif(count(*) = 1, ' has', ' have') || ' no mailbox in this one, for instance ' || min(who) || '.' AS message,"
    "  json_object('targetAddress', '@' || domain, 'remote mailboxes', count(*)) AS evidence,"
    "  '' AS command"
    " FROM told"
    " WHERE away"
    " GROUP BY domain"
    " UNION ALL"
    " SELECT NULL,"
    "  guid_text(guid),"
    "  guid_text(guid),"
    "  'remote mailbox',"
    "  who,"
    "  '',"
    "  CASE"
    "    WHEN target_address IS NULL OR recipient_type_details IS NULL"
    "      THEN json_object('targetAddress', target_address, 'msExchRecipientTypeDetails', recipient_type_details)"
    "    WHEN here IS NULL THEN json_object('whether it has a mailbox in this tenant', NULL)"
    "    ELSE json_object('name of an accepted domain in Exchange Online', NULL) END,"
    "  ''"
    " FROM told"
    " WHERE away IS NULL";
static const struct uh_rule tenant[] = {{"on-premises", "on-premises:Recipient", tenant_sql}, {0}};
/* clang-format on */

#define FORESTS "https://learn.microsoft.com/exchange/hybrid-deployment/hybrid-with-multiple-forests"
static const struct uh_check checks[] = {
    {.id = "forest.organization",
     .title = "Which OnPremisesOrganization is this organisation's is known",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-27",
     .rules = organization,
     .absence_needs = "cloud:OnPremisesOrganization",
     .remedy = "Compare the GUIDs: Get-OrganizationConfig | fl Guid in the Exchange Management Shell of each forest, "
               "Get-OnPremisesOrganization | fl Name,OrganizationGuid in Exchange Online PowerShell. Where this "
               "organisation's is missing, run the Hybrid Configuration Wizard of this forest once more, or find out "
               "by hand what is its own, before anything is taken away.",
     .reference = FORESTS,
     .explain = "Each Exchange organisation that uses the tenant has an OnPremisesOrganization object there. Its "
                "OrganizationGuid, the GUID of the organisation's object in Active Directory, tells them apart; names "
                "play no part. Two with this organisation's GUID, or none beside others, are a finding. A tenant "
                "without any is none: then nobody else claims to use it."},
    {.id = "forest.object",
     .title = "Whose each hybrid object in the cloud is, is known",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-27",
     .rules = objects,
     .absence_needs = "cloud:OnPremisesOrganization,on-premises:AcceptedDomain",
     .remedy = "Find out who uses the object: mail trace by connector, the certificate, the host. Where two "
               "organisations share one, give the other its own first (its Hybrid Configuration Wizard makes it). "
               "What nobody uses can be removed by hand.",
     .reference = FORESTS,
     .explain = "Connectors that the Hybrid Configuration Wizard made, organization relationships about the tenant's "
                "own domains, intra-organization connectors and migration endpoints for remote moves. One belongs to "
                "the organisation whose OnPremisesOrganization names it; else to that whose domains its hosts, "
                "certificate or target domains are in. Claimed by two, or by nobody, it is a finding: the cleanup "
                "would take away what another forest lives on, or leave what is forgotten."},
    {.id = "forest.tenant",
     .title = "No remote mailbox of this organisation is in another tenant",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-27",
     .rules = tenant,
     .absence_needs = "cloud:AcceptedDomain,cloud:Mailbox",
     .remedy = "One Exchange organisation can be hybrid with several tenants: audit each with a configuration of its "
               "own, and remove the server when all are ready; then accept the finding with a waiver. Where the "
               "mailbox is gone, clear the object (Disable-RemoteMailbox, Exchange Management Shell).",
     .reference = FORESTS,
     .explain = "Remote mailboxes in Active Directory whose targetAddress is below the onmicrosoft.com name (or its "
                "counterpart in a sovereign cloud) of another tenant, and of which this tenant has no mailbox, by "
                "mailbox GUID and primary address: who manages them is not seen here. One finding for each name. A "
                "target address in a domain of one's own that another tenant has is not recognised."},
    {.id = "forest.other",
     .title = "What belongs to other organisations that use the tenant",
     .severity = UH_INFO,
     .purposes = UH_BEFORE,
     .requirements = "P-27",
     .rules = other,
     .absence_needs = "cloud:OnPremisesOrganization",
     .remedy = "Nothing to do: the cleanup touches none of these. Tell those who run the other organisation.",
     .reference = FORESTS,
     .explain = "OnPremisesOrganization objects with another GUID, and the hybrid objects that are theirs, decided as "
                "in forest.object."},
    {0}};
UH_CHECK_MODULE(forest, checks);
