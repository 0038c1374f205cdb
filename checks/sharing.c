/* SPDX-License-Identifier: Apache-2.0 */
/* Sharing with other organisations: who still comes through the server, and what of it belongs to nobody but partners.
 */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * tenant: the tenant's own domains; one whose name nobody told is NULL and makes "not in it" unknown. related: every
 * organization relationship with what is known of its domains: others are those that are none of the tenant's. forest: it
 * names no tenant, and leads to another Exchange organisation whose domains the tenant has too.
 */
#define TENANT                                                                                                      \
  "WITH tenant AS MATERIALIZED ("                                                                                   \
  "  SELECT DISTINCT domain_key(iif(prop(json, 'DomainName') = '', name, prop(json, 'DomainName'))) AS domain"      \
  "   FROM object"                                                                                                  \
  "   WHERE side = 'cloud' AND kind = 'AcceptedDomain')"
#define APPLICATION "prop(json, 'TargetApplicationUri')"
#define MICROSOFT(uri)                                                                              \
  "(" uri " LIKE '%outlook.com' OR " uri " LIKE '%office365.us' OR " uri " LIKE '%partner.outlook.cn')"
#define RELATED                                                                                                     \
  TENANT ","                                                                                                        \
  " related AS ("                                                                                                   \
  "  SELECT *, prop_list(json, 'DomainNames') AS domains,"                                                          \
  "    CASE WHEN prop(json, 'Enabled') = '' THEN 1 ELSE " UH_SQL_TRUE("Enabled") " END AS enabled,"                 \
  "    (SELECT group_concat(value, ', ') FROM json_each(prop_list(object.json, 'DomainNames'))"                     \
  "      WHERE domain_key(value) NOT IN (SELECT domain FROM tenant)) AS others,"                                    \
  "    EXISTS (SELECT 1 FROM json_each(prop_list(object.json, 'DomainNames'))"                                      \
  "      WHERE (domain_key(value) NOT IN (SELECT domain FROM tenant)) IS NULL) AS doubt,"                           \
  "    side = 'on-premises' AND prop_list(json, 'DomainNames') <> '[]'"                                             \
  "      AND NOT EXISTS (SELECT 1 FROM json_each(prop_list(object.json, 'DomainNames'))"                            \
  "        WHERE " UH_SQL_TENANT_DOMAIN("domain_key(value)") ")"                                                     \
  "      AND " APPLICATION " <> '' AND NOT " MICROSOFT(APPLICATION) " AS forest"                                    \
  "   FROM object"                                                                                                  \
  "   WHERE kind = 'OrganizationRelationship')"
#define DOUBT                                                                                                       \
  "CASE"                                                                                                            \
  " WHEN domains IS NULL THEN json_object('DomainNames', NULL)"                                                     \
  " WHEN enabled IS NULL THEN json_object('Enabled', NULL)"                                                         \
  " WHEN others IS NULL AND forest IS NULL THEN json_object('TargetApplicationUri', NULL)"                          \
  " WHEN others IS NULL AND doubt THEN json_object('name of an accepted domain in Exchange Online', NULL) END"

/* ---- sharing.partner ---- */
static const char partner_sql[] = RELATED
    ", counterpart AS ("
    "  SELECT r.fact, max(c.name) AS name"
    "   FROM related r, json_each(r.domains) b, related c, json_each(c.domains) a"
    "   WHERE r.side = 'on-premises' AND c.side = 'cloud' AND c.enabled"
    "     AND domain_key(a.value) = domain_key(b.value) AND domain_key(b.value) NOT IN (SELECT domain FROM tenant)"
    "   GROUP BY r.fact),"
    " judged AS ("
    "  SELECT related.*, counterpart.name AS there"
    "   FROM related LEFT JOIN counterpart ON counterpart.fact = related.fact"
    "   WHERE side = 'on-premises')"
    " SELECT CASE"
    "   WHEN NOT enabled THEN 0"
    "   WHEN others IS NOT NULL OR forest THEN enabled"
    "   WHEN enabled AND domains IS NOT NULL AND NOT doubt AND NOT forest THEN 0 END AS violated," UH_SQL_OBJECT_WHO
    "  'organization relationship' AS kind,"
    "  'This organisation shares with ' || coalesce(others, (SELECT group_concat(value, ', ') FROM json_each(domains))"
    "      || ' (' || " APPLICATION " || ')') || ' through its servers; in Exchange Online '"
    "    || coalesce('the relationship ' || there || ' is there for it.', 'no relationship with it was seen.')"
    "   AS message,"
    "  coalesce(" DOUBT ", json_object("
    "    'DomainNames', json(domains),"
    "    'Enabled', bool_json(enabled),"
    "    'TargetApplicationUri', coalesce(prop(json, 'TargetApplicationUri'), ''),"
    "    'relationship in Exchange Online', coalesce(there, ''))) AS evidence,"
    "  CASE WHEN there IS NOT NULL"
    "    THEN 'Set-OrganizationRelationship -Identity ' || ps_quote(name, guid) || ' -Enabled $false'"
    "    ELSE '' END AS command"
    " FROM judged";
static const struct uh_rule partner[] = {{"on-premises", "on-premises:OrganizationRelationship", partner_sql}, {0}};

/* ---- sharing.policy ---- */
/* An entry is "domain:actions"; "Anonymous" and "*" name nobody and stand in the policy that Setup makes. */
#define ENTRY "iif(instr(value, ':'), substr(value, 1, instr(value, ':') - 1), value)"
#define NAMED                                                                                 \
  "(SELECT group_concat(DISTINCT " ENTRY ") FROM json_each(prop_list(object.json, 'Domains'))" \
  " WHERE lower(" ENTRY ") NOT IN ('anonymous', '*', ''))"
static const char policy_sql[] =
    "WITH policy AS ("
    "  SELECT *, prop_list(json, 'Domains') AS domains, " NAMED " AS named,"
    "    CASE WHEN prop(json, 'Enabled') = '' THEN 1 ELSE " UH_SQL_TRUE("Enabled") " END AS enabled"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind = 'SharingPolicy')"
    " SELECT enabled AND iif(domains IS NULL, NULL, named IS NOT NULL) AS violated," UH_SQL_OBJECT_WHO
    "  'sharing policy' AS kind,"
    "  'This policy lets people share with ' || named || '.' AS message,"
    "  json_object('Domains', json(domains), 'Enabled', bool_json(enabled)) AS evidence,"
    "  '' AS command"
    " FROM policy";
static const struct uh_rule policy[] = {{"on-premises", "on-premises:SharingPolicy", policy_sql}, {0}};

/* ---- sharing.known ---- */
/*
 * Each relationship is hybrid, of a partner, or between tenants. What decides is what it does and who names it, never
 * its name: in Exchange Online mailbox moves between tenants first, then which OnPremisesOrganization names it (the one
 * with this organisation's GUID, or another), then its domains.
 */
static const char known_local[] = RELATED
    ", classed AS ("
    "  SELECT *, CASE"
    "    WHEN domains IS NULL OR (others IS NULL AND (doubt OR forest IS NULL)) THEN NULL"
    "    WHEN domains = '[]' THEN 'partner'"
    "    WHEN others IS NULL THEN iif(forest, 'partner', 'hybrid')"
    "    WHEN NOT EXISTS (SELECT 1 FROM json_each(domains)"
    "      WHERE domain_key(value) NOT IN (SELECT domain FROM tenant) AND NOT " UH_SQL_TENANT_DOMAIN("domain_key(value)") ")"
    "      THEN 'cross-tenant'"
    "    ELSE 'partner' END AS class"
    "   FROM related"
    "   WHERE side = 'on-premises')"
    " SELECT class IS NOT NULL OR NULL AS violated," UH_SQL_OBJECT_WHO
    "  'organization relationship' AS kind,"
    "  CASE class"
    "    WHEN 'hybrid' THEN 'Hybrid, because all its domains are the tenant''s: the cleanup takes it away.'"
    "    WHEN 'cross-tenant' THEN 'With another tenant, whose domains it names (' || others || '): it goes with the server.'"
    "    ELSE 'With a partner, because ' || iif(forest, 'it leads to ' || " APPLICATION ","
    "      'of its domains ' || coalesce(others, '(none)')) || ': it goes with the server.' END"
    "   AS message,"
    "  CASE WHEN class IS NULL THEN " DOUBT
    "    ELSE json_object("
    "      'class', class,"
    "      'DomainNames', json(domains),"
    "      'Enabled', bool_json(enabled)) END AS evidence,"
    "  '' AS command"
    " FROM classed";
static const char known_cloud[] = RELATED
    ", ours(guid) AS MATERIALIZED ("
    "  SELECT CASE WHEN count(DISTINCT lower(guid)) = 1 THEN max(lower(guid)) END"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind = 'OrganizationConfig' AND guid <> ''),"
    " claim AS ("
    "  SELECT lower(prop(json, 'OrganizationRelationship')) AS target,"
    "    coalesce(nullif(prop(json, 'OrganizationName'), ''), name) AS owner,"
    "    lower(prop(json, 'OrganizationGuid')) = ours.guid AS mine"
    "   FROM object, ours"
    "   WHERE side = 'cloud' AND kind = 'OnPremisesOrganization'),"
    " claimed AS ("
    "  SELECT related.*,"
    "    (SELECT max(mine) FROM claim WHERE target IN (lower(related.name), lower(related.identity), lower(related.guid)))"
    "      AS mine,"
    "    (SELECT max(owner) FROM claim WHERE NOT mine"
    "      AND target IN (lower(related.name), lower(related.identity), lower(related.guid))) AS owner,"
    "    EXISTS (SELECT 1 FROM claim WHERE target IN (lower(related.name), lower(related.identity), lower(related.guid)))"
    "      AS named,"
    "    EXISTS (SELECT 1 FROM claim WHERE target IS NULL) AS untold,"
    "    lower(prop(json, 'MailboxMoveCapability')) NOT IN ('', 'none') OR prop(json, 'OAuthApplicationId') <> '' AS moves"
    "   FROM related"
    "   WHERE side = 'cloud'),"
    " classed AS ("
    "  SELECT *, CASE"
    "    WHEN moves THEN 'cross-tenant'"
    "    WHEN mine THEN 'hybrid'"
    "    WHEN moves IS NULL OR (named AND mine IS NULL) OR (NOT named AND untold) THEN NULL"
    "    WHEN named THEN 'hybrid of another organization'"
    "    WHEN domains IS NULL OR (others IS NULL AND doubt) THEN NULL"
    "    WHEN domains = '[]' THEN 'partner'"
    "    WHEN others IS NULL THEN 'hybrid'"
    "    WHEN " UH_SQL_TRUE("MailboxMoveEnabled") " THEN 'cross-tenant'"
    "    WHEN prop(json, 'MailboxMoveEnabled') IS NULL THEN NULL"
    "    ELSE 'partner' END AS class"
    "   FROM claimed)"
    " SELECT class IS NOT NULL OR NULL AS violated," UH_SQL_OBJECT_WHO
    "  'organization relationship' AS kind,"
    "  CASE class"
    "    WHEN 'hybrid' THEN CASE WHEN mine THEN 'Hybrid, because this organisation''s OnPremisesOrganization names it'"
    "      ELSE 'Hybrid, because all its domains are the tenant''s own' END || ': the cleanup takes it away.'"
    "    WHEN 'hybrid of another organization'"
    "      THEN 'Hybrid of ' || owner || ', whose OnPremisesOrganization names it: it is left alone.'"
    "    WHEN 'cross-tenant' THEN CASE"
    "      WHEN moves THEN 'Between tenants, because it serves mailbox moves ('"
    "        || coalesce(nullif(prop(json, 'MailboxMoveCapability'), ''), 'OAuthApplicationId') || ')'"
    "      ELSE 'Between tenants, because mailboxes may move and ' || others || ' is none of the tenant''s domains' END"
    "      || ': it is left alone.'"
    "    ELSE 'With a partner, because of its domains ' || coalesce(others, '(none)') || ': it stays.' END AS message,"
    "  CASE WHEN class IS NULL AND moves IS NULL"
    "      THEN json_object('MailboxMoveCapability', NULL, 'OAuthApplicationId', NULL)"
    "    WHEN class IS NULL AND (named OR untold) THEN json_object('the OnPremisesOrganization that names it', NULL)"
    "    WHEN class IS NULL THEN coalesce(" DOUBT ", json_object('MailboxMoveEnabled', NULL))"
    "    ELSE json_object("
    "      'class', class,"
    "      'DomainNames', json(domains),"
    "      'Enabled', bool_json(enabled),"
    "      'MailboxMoveCapability', prop(json, 'MailboxMoveCapability')) END AS evidence,"
    "  '' AS command"
    " FROM classed";
static const char known_policy[] =
    "WITH policy AS ("
    "  SELECT *, prop_list(json, 'Domains') AS domains, " NAMED " AS named"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'SharingPolicy')"
    " SELECT iif(domains IS NULL, NULL, named IS NOT NULL) AS violated," UH_SQL_OBJECT_WHO
    "  'sharing policy' AS kind,"
    "  'This policy lets people share with ' || named || ': it stays.' AS message,"
    "  json_object('Domains', json(domains)) AS evidence,"
    "  '' AS command"
    " FROM policy";
#define SPACE(of)                                                                                                  \
  TENANT ","                                                                                                       \
  " space AS ("                                                                                                    \
  "  SELECT *, domain_key(prop(json, 'ForestName')) AS forest"                                                     \
  "   FROM object"                                                                                                 \
  "   WHERE side = '" of "' AND kind = 'AvailabilityAddressSpace'),"                                               \
  " judged AS ("                                                                                                   \
  "  SELECT *, iif(forest IS NULL, NULL, forest NOT IN (SELECT domain FROM tenant)) AS other FROM space)"          \
  " SELECT other AS violated," UH_SQL_OBJECT_WHO                                                                   \
  "  'availability address space' AS kind,"                                                                        \
  "  'Free and busy times of ' || prop(json, 'ForestName') || ' are looked up there: it is no hybrid object.'"     \
  "   AS message,"                                                                                                 \
  "  CASE WHEN forest IS NULL THEN json_object('ForestName', NULL)"                                                \
  "    WHEN other IS NULL THEN json_object('name of an accepted domain in Exchange Online', NULL)"                 \
  "    ELSE json_object("                                                                                          \
  "      'ForestName', prop(json, 'ForestName'),"                                                                  \
  "      'AccessMethod', coalesce(prop(json, 'AccessMethod'), '')) END AS evidence,"                               \
  "  '' AS command"                                                                                                \
  " FROM judged"
static const struct uh_rule known[] = {
    {"on-premises", "on-premises:OrganizationRelationship,cloud:AcceptedDomain", known_local},
    {"cloud",
     "cloud:OrganizationRelationship,cloud:OnPremisesOrganization,cloud:AcceptedDomain,on-premises:OrganizationConfig",
     known_cloud},
    {"cloud", "cloud:SharingPolicy", known_policy},
    {"on-premises", "on-premises:AvailabilityAddressSpace,cloud:AcceptedDomain", SPACE("on-premises")},
    {"cloud", "cloud:AvailabilityAddressSpace,cloud:AcceptedDomain", SPACE("cloud")},
    {0}};
/* clang-format on */

#define RELATIONSHIPS \
  "https://learn.microsoft.com/exchange/sharing/organization-relationships/organization-relationships"
static const struct uh_check checks[] = {
    {.id = "sharing.partner",
     .title = "No other organisation shares with this one through its servers",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-23",
     .rules = partner,
     .absence_needs = "cloud:AcceptedDomain",
     .remedy = "Make the relationship in Exchange Online (New-OrganizationRelationship), let the partner point theirs "
               "to the tenant and test both directions, then disable the one on premises (Exchange Management "
               "Shell). With the federation trust "
               "and its domains gone, partners who still ask the old place get nothing.",
     .reference = RELATIONSHIPS,
     .explain = "Enabled organization relationships on premises with a domain that is none of the tenant's accepted "
                "domains. That with the tenant itself is no finding, nor is a disabled one. Whether the partner uses "
                "it is not seen from here: what they may ask for stands in the relationship, so it counts. Without "
                "any relationship or sharing policy that names them nobody gets anything through the federation "
                "trust, so the trust itself is no finding."},
    {.id = "sharing.policy",
     .title = "No sharing policy on premises names another organisation",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-23",
     .rules = policy,
     .remedy = "Make the policy in Exchange Online PowerShell (New-SharingPolicy, then Set-Mailbox -SharingPolicy) for "
               "those who need it; the one on premises goes with the server.",
     .reference = "https://learn.microsoft.com/exchange/sharing/sharing-policies/sharing-policies",
     .explain = "Enabled sharing policies on premises with entries for certain domains. Entries for everyone (* and "
                "Anonymous) stand in the default policy of every organisation and are no finding."},
    {.id = "sharing.known",
     .title = "Whom the organisation shares with, and what is hybrid of it",
     .severity = UH_INFO,
     .purposes = UH_BEFORE,
     .requirements = "P-23",
     .rules = known,
     .absence_needs = "cloud:AcceptedDomain,cloud:OnPremisesOrganization",
     .remedy = "Nothing to do. Look whether each is what you think it is: the cleanup takes away what is hybrid, and "
               "nothing else.",
     .reference = RELATIONSHIPS,
     .explain = "Every organization relationship of both sides, classified as hybrid, hybrid of another organisation "
                "that uses the same tenant, cross-tenant or partner, each with the reason; sharing policies in "
                "Exchange Online that name domains, and availability address spaces that are not the tenant's. "
                "Microsoft moves sharing between tenants to cross-tenant access policies until April 2027: what is "
                "called partner or cross-tenant here has that date, whatever becomes of the server."},
    {0}};
UH_CHECK_MODULE(sharing, checks);
