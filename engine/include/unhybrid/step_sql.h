/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_STEP_SQL_H
#define UNHYBRID_STEP_SQL_H
/*
 * Whose is it? The classification of the hybrid deployment's objects, for the steps of the cleanup and for the sweep:
 * one statement for each kind, to be walked with uh_step_each. Their columns are side, kind, guid, name, owner, reason,
 * then those that stand at each.
 *
 * What decides is what an object does, where it leads and who names it; a name never does. Where something that would
 * decide was not obtained, owner is NULL. Anchors stand for what OnPremisesOrganization and HybridConfiguration said,
 * also when these are gone.
 */
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* A domain's key, of an entry that may stand for its subdomains too ("*.contoso.com") or lead Autodiscover
 * ("autod:contoso.com"). */
#define UH_SQL_STEP_DOMAIN(entry)                                                                                   \
  "domain_key(ltrim(iif(" entry " LIKE 'autod:%', substr(" entry ", 7), " entry "), '*.'))"
/* The host of a URL, in lower case; '' where there is none. */
#define UH_SQL_STEP_AFTER_SCHEME(url) "substr(" url ", instr(" url ", '://') + 3) || '/'"
#define UH_SQL_STEP_HOST(url)                                                                                       \
  "iif(instr(" url ", '://') = 0, '', lower(substr(" UH_SQL_STEP_AFTER_SCHEME(url) ", 1,"                           \
  " instr(replace(" UH_SQL_STEP_AFTER_SCHEME(url) ", ':', '/'), '/') - 1)))"
/* A host is Exchange Online's, in every Microsoft cloud. */
#define UH_SQL_STEP_MICROSOFT(host)                                                                                 \
  "(" host " = 'outlook.com' OR " host " LIKE '%.outlook.com' OR " host " LIKE '%.office365.com'"                   \
  " OR " host " LIKE 'outlook.office.com' OR " host " LIKE '%.office365.us' OR " host " LIKE '%.partner.outlook.cn'" \
  " OR " host " = 'partner.outlook.cn')"
/* A host is the address of this organisation's Hybrid Agent; is one of its servers'. */
#define UH_SQL_STEP_AGENT(host)                                                                                     \
  "EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'hybrid-agent' AND anchor.value <> ''"                          \
  "   AND instr(" host ", lower(anchor.value) || '.') > 0)"
#define UH_SQL_STEP_SERVER(host)                                                                                    \
  "EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'server-host' AND lower(anchor.value) = " host " AND " host " <> '')"
/* The row of a table is named by a value of this anchor. */
#define UH_SQL_STEP_NAMED(anchor_name, row)                                                                         \
  "EXISTS (SELECT 1 FROM anchor WHERE anchor.name = '" anchor_name "' AND anchor.value <> ''"                       \
  "   AND lower(anchor.value) IN (lower(" row ".name), lower(" row ".identity), lower(" row ".guid)))"

/*
 * ours: the organisation's GUID, without which nothing in the tenant can be told to be its own.
 * tenant: the tenant's accepted domains; NULL for one whose name nobody told. own: its names at Microsoft, under which
 * no other tenant's mail arrives. claimed: hybrid domains; mine of this organisation, not mine of another forest's.
 * place: where a domain is: in this organisation, or another forest's; what both claim stands in neither, but in both.
 * untold: an OnPremisesOrganization of which somebody did not tell what it names, or whose it is.
 */
#define UH_SQL_STEP_PLACES                                                                                          \
  "WITH ours(organization_guid) AS MATERIALIZED ("                                                                  \
  "  SELECT (SELECT trim(lower(value), '{}') FROM anchor WHERE name = 'organization-guid' AND value <> '' LIMIT 1))," \
  " tenant(domain) AS MATERIALIZED ("                                                                               \
  "  SELECT DISTINCT domain_key(iif(prop(json, 'DomainName') = '', name, prop(json, 'DomainName')))"                \
  "   FROM configuration"                                                                                           \
  "   WHERE side = 'cloud' AND kind = 'AcceptedDomain'),"                                                           \
  " own(domain) AS MATERIALIZED ("                                                                                  \
  "  SELECT domain_key(value) FROM anchor WHERE name IN ('tenant-routing-domain', 'tenant-initial-domain')"         \
  "  UNION"                                                                                                         \
  "  SELECT domain FROM tenant WHERE " UH_SQL_TENANT_DOMAIN("domain") "),"                                          \
  " claimed(domain, mine) AS MATERIALIZED ("                                                                        \
  "  SELECT DISTINCT " UH_SQL_STEP_DOMAIN("value") ", name = 'hybrid-domain'"                                       \
  "   FROM anchor"                                                                                                  \
  "   WHERE name IN ('hybrid-domain', 'other-hybrid-domain')),"                                                     \
  " place(domain, mine) AS MATERIALIZED ("                                                                          \
  "  SELECT domain, max(mine) FROM claimed WHERE domain <> '' GROUP BY domain HAVING count(*) = 1"                  \
  "  UNION"                                                                                                         \
  "  SELECT " UH_SQL_STEP_DOMAIN("iif(prop(json, 'DomainName') = '', name, prop(json, 'DomainName'))") " AS local, 1" \
  "   FROM configuration"                                                                                           \
  "   WHERE side = 'on-premises' AND kind = 'AcceptedDomain' AND local <> ''"                                       \
  "     AND local NOT IN (SELECT domain FROM claimed) AND local NOT IN (SELECT domain FROM own)),"                  \
  " both(domain) AS MATERIALIZED ("                                                                                 \
  "  SELECT domain FROM claimed WHERE domain <> '' GROUP BY domain HAVING count(*) > 1),"                           \
  " untold(holder, inbound, outbound, relationship) AS MATERIALIZED ("                                              \
  "  SELECT coalesce(max(prop(json, 'OrganizationGuid') IS NULL OR prop(json, 'HybridDomains') IS NULL), 0),"       \
  "    coalesce(max(prop(json, 'InboundConnector') IS NULL), 0),"                                                   \
  "    coalesce(max(prop(json, 'OutboundConnector') IS NULL), 0),"                                                  \
  "    coalesce(max(prop(json, 'OrganizationRelationship') IS NULL), 0)"                                            \
  "   FROM configuration"                                                                                           \
  "   WHERE side = 'cloud' AND kind = 'OnPremisesOrganization')"
#define UH_SQL_STEP_BOTH(domain)                                                                                    \
  "'this organisation has the domain ' || " domain " || ', and the OnPremisesOrganization of another GUID names it too'"
#define UH_SQL_STEP_PLACES_NEEDS                                                                                    \
  "cloud:AcceptedDomain,on-premises:AcceptedDomain,cloud:OnPremisesOrganization"

/* Of a list of domains: which of them satisfy a condition on `key`, in the order written, as JSON; and as a text. */
#define UH_SQL_STEP_SOME(list, condition)                                                                           \
  "(SELECT json_group_array(value) FROM (SELECT entry.value, " UH_SQL_STEP_DOMAIN("entry.value") " AS key"          \
  "   FROM json_each(" list ") AS entry) WHERE " condition ")"
#define UH_SQL_STEP_WORDS(list) "(SELECT group_concat(value, ', ') FROM json_each(" list "))"
/* Every domain of a list belongs to some tenant at Microsoft. */
#define UH_SQL_STEP_TENANTS(list)                                                                                   \
  "(" list " <> '[]' AND NOT EXISTS (SELECT 1 FROM json_each(" list ") AS entry"                                    \
  "   WHERE NOT " UH_SQL_TENANT_DOMAIN(UH_SQL_STEP_DOMAIN("entry.value")) "))"
#define UH_SQL_STEP_IN_TENANT "key IN (SELECT domain FROM tenant WHERE domain IS NOT NULL)"
#define UH_SQL_STEP_IN_OWN "key IN (SELECT domain FROM own)"
#define UH_SQL_STEP_MINE "key IN (SELECT domain FROM place WHERE mine)"
#define UH_SQL_STEP_THEIRS "key IN (SELECT domain FROM place WHERE NOT mine)"
/* A domain that is not the tenant's, or one that nobody can tell not to be. */
#define UH_SQL_STEP_TENANT_UNTOLD "EXISTS (SELECT 1 FROM tenant WHERE domain IS NULL)"

/*
 * ---- intra-organization connectors ----
 * Own columns: enabled (1, 0, NULL), gone and rest: the domains that are the hybrid deployment's, and the others.
 * On premises the connector leads to the tenant: its domains are the tenant's names at Microsoft, or accepted domains
 * of the tenant that are looked for at Microsoft. In the cloud it leads to this organisation: its domains are here.
 */
#define UH_SQL_STEP_INTRA                                                                                           \
  UH_SQL_STEP_PLACES ","                                                                                            \
  " thing AS MATERIALIZED ("                                                                                        \
  "  SELECT side, kind, guid, name, json, prop_list(json, 'TargetAddressDomains') AS domains,"                      \
  "    coalesce(prop(json, 'DiscoveryEndpoint'), '') AS endpoint,"                                                  \
  "    " UH_SQL_STEP_HOST("coalesce(prop(json, 'DiscoveryEndpoint'), '')") " AS endpoint_host,"                     \
  "    " UH_SQL_STEP_HOST("coalesce(prop(json, 'TargetSharingEpr'), '')") " AS sharing_host,"                       \
  "    prop(json, 'DiscoveryEndpoint') IS NULL AS endpoint_untold"                                                  \
  "   FROM configuration"                                                                                           \
  "   WHERE kind = 'IntraOrganizationConnector'),"                                                                  \
  " led AS MATERIALIZED ("                                                                                          \
  "  SELECT *, " UH_SQL_STEP_MICROSOFT("endpoint_host") " OR " UH_SQL_STEP_MICROSOFT("sharing_host") " AS to_microsoft," \
  "    " UH_SQL_STEP_AGENT("sharing_host") " OR " UH_SQL_STEP_AGENT("endpoint_host") " AS to_agent"                 \
  "   FROM thing),"                                                                                                 \
  " sorted AS MATERIALIZED ("                                                                                       \
  "  SELECT *, CASE side"                                                                                           \
  "      WHEN 'cloud' THEN " UH_SQL_STEP_SOME("domains", UH_SQL_STEP_MINE)                                          \
  "      ELSE " UH_SQL_STEP_SOME("domains", UH_SQL_STEP_IN_OWN " OR (to_microsoft AND " UH_SQL_STEP_IN_TENANT ")")  \
  "    END AS gone,"                                                                                                \
  "    CASE side"                                                                                                   \
  "      WHEN 'cloud' THEN " UH_SQL_STEP_SOME("domains", "NOT " UH_SQL_STEP_MINE)                                   \
  "      ELSE " UH_SQL_STEP_SOME("domains", "NOT (" UH_SQL_STEP_IN_OWN " OR (to_microsoft AND " UH_SQL_STEP_IN_TENANT "))") \
  "    END AS rest,"                                                                                                \
  "    " UH_SQL_STEP_SOME("domains", UH_SQL_STEP_THEIRS) " AS theirs,"                                              \
  /* Domains of the tenant that neither this organisation nor another forest has. */                                \
  "    " UH_SQL_STEP_SOME("domains", UH_SQL_STEP_IN_TENANT " AND key NOT IN (SELECT domain FROM place)") " AS nobodys" \
  "   FROM led),"                                                                                                   \
  " judged AS MATERIALIZED ("                                                                                       \
  "  SELECT *, CASE"                                                                                                \
  "    WHEN domains IS NULL OR domains = '[]' THEN NULL"                                                            \
  "    WHEN side = 'on-premises' AND rest = '[]' THEN 'hybrid'"                                                     \
  "    WHEN side = 'on-premises' AND (" UH_SQL_STEP_TENANT_UNTOLD " OR endpoint_untold) THEN NULL"                  \
  "    WHEN side = 'on-premises' AND gone <> '[]' THEN 'shared'"                                                    \
  "    WHEN side = 'on-premises' AND rest = " UH_SQL_STEP_SOME("domains", UH_SQL_STEP_IN_TENANT) " THEN 'other-forest'" \
  "    WHEN side = 'on-premises' AND " UH_SQL_STEP_TENANTS("rest") " THEN 'cross-tenant'"                           \
  "    WHEN side = 'on-premises' THEN 'partner'"                                                                    \
  "    WHEN ours.organization_guid IS NULL OR untold.holder THEN NULL"                                              \
  "    WHEN rest = '[]' THEN 'hybrid'"                                                                              \
  "    WHEN gone = '[]' AND theirs = rest THEN 'other-forest'"                                                      \
  "    WHEN gone = '[]' AND to_agent THEN 'hybrid'"                                                                 \
  "    WHEN nobodys <> '[]' OR " UH_SQL_STEP_TENANT_UNTOLD " THEN NULL"                                             \
  "    WHEN gone <> '[]' THEN 'shared'"                                                                             \
  "    WHEN theirs <> '[]' THEN 'other-forest'"                                                                     \
  "    WHEN " UH_SQL_STEP_TENANTS("rest") " THEN 'cross-tenant'"                                                    \
  "    ELSE 'partner' END AS owner"                                                                                 \
  "   FROM sorted, ours, untold)"                                                                                   \
  " SELECT side, kind, guid, name, owner,"                                                                          \
  "  CASE"                                                                                                          \
  "    WHEN domains IS NULL THEN 'TargetAddressDomains was not obtained'"                                           \
  "    WHEN domains = '[]' THEN 'it names no domain: where it leads cannot be told'"                                \
  "    WHEN owner = 'hybrid' AND side = 'on-premises' THEN 'all that it looks up is the tenant''s: ' || " UH_SQL_STEP_WORDS("gone") \
  "    WHEN owner = 'hybrid' AND gone = '[]' THEN 'it leads through this organisation''s Hybrid Agent (' || sharing_host || ')'" \
  "    WHEN owner = 'hybrid' THEN 'its domains are this organisation''s: ' || " UH_SQL_STEP_WORDS("gone")           \
  "    WHEN owner = 'shared' THEN 'beside ' || " UH_SQL_STEP_WORDS("gone") " || ' it looks up ' || " UH_SQL_STEP_WORDS("rest") \
  "      || ', which is not of this hybrid deployment'"                                                             \
  "    WHEN owner = 'other-forest' AND side = 'on-premises' THEN 'it looks for domains of the tenant, ' || " UH_SQL_STEP_WORDS("rest") \
  "      || ', at another Exchange organisation (' || endpoint || ')'"                                              \
  "    WHEN owner = 'other-forest' THEN 'another forest''s OnPremisesOrganization has its domains: ' || " UH_SQL_STEP_WORDS("theirs") \
  "    WHEN owner = 'cross-tenant' THEN 'it leads to another tenant: ' || " UH_SQL_STEP_WORDS("rest")               \
  "    WHEN owner = 'partner' THEN 'its domains are none of the tenant''s: ' || " UH_SQL_STEP_WORDS("rest")         \
  "    WHEN side = 'on-premises' AND endpoint_untold THEN 'DiscoveryEndpoint was not obtained'"                     \
  "    WHEN " UH_SQL_STEP_TENANT_UNTOLD " THEN 'the name of an accepted domain in Exchange Online was not obtained'" \
  "    WHEN ours.organization_guid IS NULL THEN 'the GUID of this Exchange organisation is not known'"              \
  "    WHEN untold.holder THEN 'what an OnPremisesOrganization names was not obtained'"                             \
  "    ELSE 'the tenant''s domains ' || " UH_SQL_STEP_WORDS("nobodys") " || ' are neither this organisation''s alone nor another''s alone'" \
  "    END AS reason,"                                                                                              \
  "  CASE WHEN prop(json, 'Enabled') = '' THEN 1 ELSE " UH_SQL_TRUE("Enabled") " END AS enabled,"                   \
  "  gone, rest"                                                                                                    \
  " FROM judged, ours, untold"                                                                                      \
  " ORDER BY side, name, guid"
#define UH_SQL_STEP_INTRA_NEEDS                                                                                     \
  "on-premises:IntraOrganizationConnector,cloud:IntraOrganizationConnector," UH_SQL_STEP_PLACES_NEEDS

/*
 * ---- organization relationships ----
 * Own columns: enabled, gone, rest. On premises as above. In the cloud mailbox moves between tenants come first, then
 * which OnPremisesOrganization names the relationship, then its domains. MailboxMoveEnabled alone says nothing of a
 * relationship that is the hybrid deployment's: the wizard sets it.
 */
#define UH_SQL_STEP_RELATIONSHIP                                                                                    \
  UH_SQL_STEP_PLACES ","                                                                                            \
  " thing AS MATERIALIZED ("                                                                                        \
  "  SELECT side, kind, guid, name, identity, json, prop_list(json, 'DomainNames') AS domains,"                     \
  "    coalesce(prop(json, 'TargetApplicationUri'), '') AS application,"                                            \
  "    prop(json, 'TargetApplicationUri') IS NULL AND prop(json, 'TargetAutodiscoverEpr') IS NULL AS target_untold," \
  "    " UH_SQL_STEP_HOST("coalesce(prop(json, 'TargetAutodiscoverEpr'), '')") " AS autodiscover_host,"             \
  "    " UH_SQL_STEP_HOST("coalesce(prop(json, 'TargetOwaURL'), '')") " AS owa_host,"                               \
  "    " UH_SQL_STEP_HOST("coalesce(prop(json, 'TargetSharingEpr'), '')") " AS sharing_host,"                       \
  /* Of the cloud alone: on premises there is neither. */                                                           \
  "    side = 'cloud' AND (lower(prop(json, 'MailboxMoveCapability')) NOT IN ('', 'none')"                          \
  "      OR prop(json, 'OAuthApplicationId') <> '') AS moves,"                                                      \
  "    iif(side = 'cloud', " UH_SQL_TRUE("MailboxMoveEnabled") ", 0) AS move_enabled"                               \
  "   FROM configuration"                                                                                           \
  "   WHERE kind = 'OrganizationRelationship'),"                                                                    \
  " led AS MATERIALIZED ("                                                                                          \
  "  SELECT *, (lower(application) IN ('outlook.com', 'http://outlook.com/', 'https://outlook.com/')"               \
  "      OR lower(application) LIKE '%.office365.us' OR lower(application) LIKE '%partner.outlook.cn')"             \
  "      OR " UH_SQL_STEP_MICROSOFT("autodiscover_host") " OR " UH_SQL_STEP_MICROSOFT("owa_host")                   \
  "      OR " UH_SQL_STEP_MICROSOFT("sharing_host") " AS to_microsoft,"                                             \
  "    " UH_SQL_STEP_AGENT("sharing_host") " AS to_agent,"                                                          \
  "    side = 'cloud' AND " UH_SQL_STEP_NAMED("organization-relationship", "thing") " AS by_us,"                    \
  "    side = 'cloud' AND " UH_SQL_STEP_NAMED("other-organization-relationship", "thing") " AS by_others"           \
  "   FROM thing),"                                                                                                 \
  " sorted AS MATERIALIZED ("                                                                                       \
  "  SELECT *, CASE"                                                                                                \
  "      WHEN side = 'cloud' AND by_us THEN " UH_SQL_STEP_SOME("domains", UH_SQL_STEP_IN_TENANT " AND NOT " UH_SQL_STEP_THEIRS) \
  "      WHEN side = 'cloud' THEN " UH_SQL_STEP_SOME("domains", UH_SQL_STEP_MINE)                                   \
  "      ELSE " UH_SQL_STEP_SOME("domains", UH_SQL_STEP_IN_OWN " OR (to_microsoft AND " UH_SQL_STEP_IN_TENANT ")")  \
  "    END AS gone,"                                                                                                \
  "    CASE"                                                                                                        \
  "      WHEN side = 'cloud' AND by_us THEN " UH_SQL_STEP_SOME("domains", "NOT (" UH_SQL_STEP_IN_TENANT " AND NOT " UH_SQL_STEP_THEIRS ")") \
  "      WHEN side = 'cloud' THEN " UH_SQL_STEP_SOME("domains", "NOT " UH_SQL_STEP_MINE)                            \
  "      ELSE " UH_SQL_STEP_SOME("domains", "NOT (" UH_SQL_STEP_IN_OWN " OR (to_microsoft AND " UH_SQL_STEP_IN_TENANT "))") \
  "    END AS rest,"                                                                                                \
  "    " UH_SQL_STEP_SOME("domains", UH_SQL_STEP_THEIRS) " AS theirs,"                                              \
  "    " UH_SQL_STEP_SOME("domains", UH_SQL_STEP_IN_TENANT) " AS tenants,"                                          \
  "    " UH_SQL_STEP_SOME("domains", UH_SQL_STEP_IN_TENANT " AND key NOT IN (SELECT domain FROM place)") " AS nobodys" \
  "   FROM led),"                                                                                                   \
  " judged AS MATERIALIZED ("                                                                                       \
  "  SELECT *, CASE"                                                                                                \
  "    WHEN moves THEN 'cross-tenant'"                                                                              \
  "    WHEN domains IS NULL OR moves IS NULL THEN NULL"                                                             \
  "    WHEN by_us AND by_others THEN 'shared'"                                                                      \
  "    WHEN by_us AND ours.organization_guid IS NOT NULL THEN CASE"                                                 \
  "      WHEN rest = '[]' THEN 'hybrid'"                                                                            \
  "      WHEN " UH_SQL_STEP_TENANT_UNTOLD " THEN NULL ELSE 'shared' END"                                            \
  "    WHEN by_others AND ours.organization_guid IS NOT NULL THEN 'other-forest'"                                   \
  "    WHEN domains = '[]' THEN 'partner'"                                                                          \
  "    WHEN side = 'on-premises' AND rest = '[]' THEN 'hybrid'"                                                     \
  "    WHEN side = 'on-premises' AND (" UH_SQL_STEP_TENANT_UNTOLD " OR target_untold) THEN NULL"                    \
  "    WHEN side = 'on-premises' AND gone <> '[]' THEN 'shared'"                                                    \
  "    WHEN side = 'on-premises' AND tenants = rest AND (application <> '' OR autodiscover_host <> ''"              \
  "      OR sharing_host <> '') THEN 'other-forest'"                                                                \
  "    WHEN side = 'on-premises' AND tenants = rest THEN NULL"                                                      \
  "    WHEN side = 'on-premises' AND " UH_SQL_STEP_TENANTS("rest") " THEN 'cross-tenant'"                           \
  "    WHEN side = 'on-premises' THEN 'partner'"                                                                    \
  "    WHEN ours.organization_guid IS NULL OR untold.holder OR untold.relationship THEN NULL"                       \
  "    WHEN rest = '[]' THEN 'hybrid'"                                                                              \
  "    WHEN gone = '[]' AND theirs = rest THEN 'other-forest'"                                                      \
  "    WHEN gone = '[]' AND tenants = '[]' AND to_agent THEN NULL"                                                  \
  "    WHEN nobodys <> '[]' OR " UH_SQL_STEP_TENANT_UNTOLD " THEN iif(to_agent AND tenants = rest, 'hybrid', NULL)" \
  "    WHEN gone <> '[]' THEN 'shared'"                                                                             \
  "    WHEN theirs <> '[]' THEN 'other-forest'"                                                                     \
  "    WHEN move_enabled OR " UH_SQL_STEP_TENANTS("rest") " THEN 'cross-tenant'"                                    \
  "    WHEN move_enabled IS NULL THEN NULL"                                                                         \
  "    ELSE 'partner' END AS owner"                                                                                 \
  "   FROM sorted, ours, untold)"                                                                                   \
  " SELECT side, kind, guid, name, owner,"                                                                          \
  "  CASE"                                                                                                          \
  "    WHEN moves THEN 'it serves mailbox moves between tenants ('"                                                 \
  "      || iif(prop(json, 'OAuthApplicationId') <> '', 'OAuthApplicationId', 'MailboxMoveCapability') || ')'"      \
  "    WHEN moves IS NULL THEN 'MailboxMoveCapability or OAuthApplicationId was not obtained'"                      \
  "    WHEN domains IS NULL THEN 'DomainNames was not obtained'"                                                    \
  "    WHEN by_us AND by_others THEN 'this organisation''s OnPremisesOrganization names it, and another forest''s too'" \
  "    WHEN owner = 'hybrid' AND by_us THEN 'this organisation''s OnPremisesOrganization names it, and its domains are the tenant''s'" \
  "    WHEN owner = 'shared' AND by_us THEN 'this organisation''s OnPremisesOrganization names it, but it serves '" \
  "      || " UH_SQL_STEP_WORDS("rest") " || ' too'"                                                                \
  "    WHEN owner = 'other-forest' AND by_others THEN 'another forest''s OnPremisesOrganization names it'"          \
  "    WHEN domains = '[]' THEN 'it names no domain: the wizard''s always does'"                                    \
  "    WHEN owner = 'hybrid' AND side = 'on-premises' THEN 'it is about the tenant alone: ' || " UH_SQL_STEP_WORDS("gone") \
  "    WHEN owner = 'hybrid' AND gone = '[]' THEN 'it leads through this organisation''s Hybrid Agent (' || sharing_host || ')'" \
  "    WHEN owner = 'hybrid' THEN 'it is about this organisation''s domains alone: ' || " UH_SQL_STEP_WORDS("gone") \
  "    WHEN owner = 'shared' THEN 'beside ' || " UH_SQL_STEP_WORDS("gone") " || ' it is about ' || " UH_SQL_STEP_WORDS("rest") \
  "      || ', which is not of this hybrid deployment'"                                                             \
  "    WHEN owner = 'other-forest' AND side = 'on-premises' THEN 'it looks for domains of the tenant, '"            \
  "      || " UH_SQL_STEP_WORDS("rest") " || ', at another Exchange organisation'"                                  \
  "    WHEN owner = 'other-forest' THEN 'another forest''s OnPremisesOrganization has its domains: ' || " UH_SQL_STEP_WORDS("theirs") \
  "    WHEN owner = 'cross-tenant' AND move_enabled THEN 'mailboxes may move, and ' || " UH_SQL_STEP_WORDS("rest")  \
  "      || ' is none of the tenant''s domains'"                                                                    \
  "    WHEN owner = 'cross-tenant' THEN 'it is about another tenant: ' || " UH_SQL_STEP_WORDS("rest")               \
  "    WHEN owner = 'partner' THEN 'its domains are none of the tenant''s: ' || " UH_SQL_STEP_WORDS("rest")         \
  "    WHEN ours.organization_guid IS NULL AND side = 'cloud' THEN 'the GUID of this Exchange organisation is not known'" \
  "    WHEN side = 'cloud' AND (untold.holder OR untold.relationship) THEN 'what an OnPremisesOrganization names was not obtained'" \
  "    WHEN " UH_SQL_STEP_TENANT_UNTOLD " THEN 'the name of an accepted domain in Exchange Online was not obtained'" \
  "    WHEN side = 'on-premises' AND target_untold THEN 'TargetApplicationUri was not obtained'"                    \
  "    WHEN side = 'on-premises' THEN 'it is about domains of the tenant, ' || " UH_SQL_STEP_WORDS("rest")          \
  "      || ', and leads nowhere'"                                                                                  \
  "    WHEN tenants = '[]' AND to_agent THEN 'it leads through this organisation''s Hybrid Agent, but its domains are none of the tenant''s: '" \
  "      || " UH_SQL_STEP_WORDS("rest")                                                                             \
  "    WHEN nobodys <> '[]' THEN 'the tenant''s domains ' || " UH_SQL_STEP_WORDS("nobodys")                         \
  "      || ' are neither this organisation''s alone nor another''s alone'"                                                     \
  "    ELSE 'MailboxMoveEnabled was not obtained' END AS reason,"                                                   \
  "  CASE WHEN prop(json, 'Enabled') = '' THEN 1 ELSE " UH_SQL_TRUE("Enabled") " END AS enabled,"                   \
  "  gone, rest"                                                                                                    \
  " FROM judged, ours, untold"                                                                                      \
  " ORDER BY side, name, guid"
#define UH_SQL_STEP_RELATIONSHIP_NEEDS                                                                              \
  "on-premises:OrganizationRelationship,cloud:OrganizationRelationship," UH_SQL_STEP_PLACES_NEEDS

/*
 * ---- send connectors ----
 * Own columns: enabled, gone and rest: address spaces as they are written. A connector's address spaces say where it leads: those in the tenant's own names at
 * Microsoft are the hybrid deployment's, whoever made it. One that takes "*" to Exchange Online is a smart host for
 * the internet, not the wizard's.
 */
#define UH_SQL_STEP_SEND                                                                                            \
  UH_SQL_STEP_PLACES ","                                                                                            \
  " thing AS MATERIALIZED ("                                                                                        \
  "  SELECT side, kind, guid, name, json, prop_list(json, 'AddressSpaces') AS spaces,"                              \
  "    " UH_SQL_TRUE("CloudServicesMailEnabled") " AS for_cloud,"                                                   \
  "    prop(json, 'TlsDomain') LIKE 'mail.protection.%' AS tls_microsoft"                                           \
  "   FROM configuration"                                                                                           \
  "   WHERE side = 'on-premises' AND kind = 'SendConnector'),"                                                      \
  " sorted AS MATERIALIZED ("                                                                                       \
  "  SELECT *,"                                                                                                     \
  "    (SELECT json_group_array(value) FROM (SELECT entry.value, domain_key(ltrim(" UH_SQL_SPACE_DOMAIN("entry.value") ", '*.')) AS key" \
  "      FROM json_each(spaces) AS entry) WHERE " UH_SQL_STEP_IN_OWN ") AS gone,"                                   \
  "    (SELECT json_group_array(value) FROM (SELECT entry.value, domain_key(ltrim(" UH_SQL_SPACE_DOMAIN("entry.value") ", '*.')) AS key" \
  "      FROM json_each(spaces) AS entry) WHERE NOT " UH_SQL_STEP_IN_OWN ") AS rest,"                               \
  "    (SELECT json_group_array(value) FROM (SELECT entry.value, domain_key(ltrim(" UH_SQL_SPACE_DOMAIN("entry.value") ", '*.')) AS key" \
  "      FROM json_each(spaces) AS entry) WHERE " UH_SQL_TENANT_DOMAIN("key") ") AS tenants"                        \
  "   FROM thing),"                                                                                                 \
  " judged AS MATERIALIZED ("                                                                                       \
  "  SELECT *, CASE"                                                                                                \
  "    WHEN spaces IS NULL OR NOT EXISTS (SELECT 1 FROM own) THEN NULL"                                             \
  "    WHEN gone <> '[]' AND rest = '[]' THEN 'hybrid'"                                                             \
  "    WHEN gone <> '[]' THEN 'shared'"                                                                             \
  "    WHEN spaces = '[]' THEN 'server'"                                                                            \
  "    WHEN tenants = rest THEN 'cross-tenant'"                                                                     \
  "    ELSE 'server' END AS owner"                                                                                  \
  "   FROM sorted)"                                                                                                 \
  " SELECT side, kind, guid, name, owner,"                                                                          \
  "  CASE"                                                                                                          \
  "    WHEN spaces IS NULL THEN 'AddressSpaces was not obtained'"                                                   \
  "    WHEN owner IS NULL THEN 'the tenant''s own domains at Microsoft are not known'"                              \
  "    WHEN owner = 'hybrid' THEN 'all its address spaces are the tenant''s own: ' || " UH_SQL_STEP_WORDS("gone")   \
  "      || CASE WHEN for_cloud THEN ', and CloudServicesMailEnabled is true'"                                      \
  "        WHEN tls_microsoft THEN ', and TlsDomain is ' || prop(json, 'TlsDomain') ELSE '' END"                    \
  "    WHEN owner = 'shared' THEN 'beside ' || " UH_SQL_STEP_WORDS("gone") " || ' it carries mail for ' || " UH_SQL_STEP_WORDS("rest") \
  "    WHEN spaces = '[]' THEN 'it carries no mail, and goes with the server'"                                      \
  "    WHEN owner = 'cross-tenant' THEN 'it carries mail to another tenant, ' || " UH_SQL_STEP_WORDS("rest")        \
  "      || ', and goes with the server'"                                                                           \
  "    WHEN for_cloud OR tls_microsoft THEN 'it leads to Exchange Online, but carries ' || " UH_SQL_STEP_WORDS("rest") \
  "      || ' and not the tenant''s routing domain: a smart host and not the wizard''s, it goes with the server'"   \
  "    ELSE 'it carries mail for ' || " UH_SQL_STEP_WORDS("rest") " || ', not for the tenant, and goes with the server'" \
  "    END AS reason,"                                                                                              \
  "  " UH_SQL_TRUE("Enabled") " AS enabled, gone, rest"                                                             \
  " FROM judged"                                                                                                    \
  " ORDER BY name, guid"
#define UH_SQL_STEP_SEND_NEEDS "on-premises:SendConnector," UH_SQL_STEP_PLACES_NEEDS

/*
 * ---- connectors in Exchange Online ----
 * Own columns: enabled; of outbound ones everything_through: RouteAllMessagesViaOnPremises, and every_domain: "*" is
 * among RecipientDomains. Who names a connector decides first, then whether the wizard made it (ConnectorSource) and
 * where it leads: an inbound one by its certificate's host, an outbound one by its smart hosts. One that no
 * OnPremisesOrganization names, and that a person made, stays, whatever it is called and wherever it leads.
 * serves: what else it is used for; then it stays, though the wizard made it.
 */
#define UH_SQL_STEP_CERTIFICATE_HOST(certificate)                                                                   \
  "(SELECT ltrim(trim(iif(instr(cn, ','), substr(cn, 1, instr(cn, ',') - 1), cn)), '*.') FROM"                      \
  " (SELECT iif(instr(subject, 'cn='), substr(subject, instr(subject, 'cn=') + 3), subject) AS cn FROM"             \
  "  (SELECT iif(instr(text, '<s>'), substr(text, instr(text, '<s>') + 3), text) AS subject FROM"                   \
  "   (SELECT lower(" certificate ") AS text))))"
/* How many of the hosts stand in a domain that is, or is not, this organisation's; or are its servers. */
#define UH_SQL_STEP_HOSTS_IN(mine)                                                                                  \
  "(SELECT count(*) FROM json_each(hosts) AS host WHERE EXISTS (SELECT 1 FROM place WHERE " mine                    \
  "   AND (domain_key(host.value) = place.domain OR lower(host.value) LIKE '%.' || place.domain)))"
#define UH_SQL_STEP_HOSTS_OURS                                                                                      \
  "(SELECT count(*) FROM json_each(hosts) AS host WHERE " UH_SQL_STEP_SERVER("lower(host.value)")                   \
  "   OR EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'smart-host' AND lower(host.value) = anchor.value)"       \
  "   OR EXISTS (SELECT 1 FROM setting WHERE setting.name = 'mail_flow.onprem_networks'"                            \
  "     AND in_networks(trim(host.value, '[]'), json_array(setting.value))))"
#define UH_SQL_STEP_CONNECTOR                                                                                       \
  UH_SQL_STEP_PLACES ","                                                                                            \
  " thing AS MATERIALIZED ("                                                                                        \
  "  SELECT side, kind, guid, name, identity, listing, json,"                                                       \
  "    lower(prop(json, 'ConnectorType')) AS type, lower(prop(json, 'ConnectorSource')) AS origin,"                 \
  "    CASE kind WHEN 'InboundConnector' THEN"                                                                      \
  "      iif(prop(json, 'TlsSenderCertificateName') IS NULL, NULL,"                                                 \
  "        json_array(" UH_SQL_STEP_CERTIFICATE_HOST("prop(configuration.json, 'TlsSenderCertificateName')") "))"   \
  "      ELSE prop_list(json, 'SmartHosts') END AS hosts,"                                                          \
  "    iif(kind = 'InboundConnector', untold.inbound, untold.outbound) OR untold.holder AS untold"                  \
  "   FROM configuration, untold"                                                                                   \
  "   WHERE side = 'cloud' AND kind IN ('InboundConnector', 'OutboundConnector')),"                                 \
  " led AS MATERIALIZED ("                                                                                          \
  "  SELECT *,"                                                                                                     \
  "    CASE kind WHEN 'InboundConnector' THEN " UH_SQL_STEP_NAMED("inbound-connector", "thing")                     \
  "      ELSE " UH_SQL_STEP_NAMED("outbound-connector", "thing") " END AS by_us,"                                   \
  "    CASE kind WHEN 'InboundConnector' THEN " UH_SQL_STEP_NAMED("other-inbound-connector", "thing")               \
  "      ELSE " UH_SQL_STEP_NAMED("other-outbound-connector", "thing") " END AS by_others,"                         \
  "    " UH_SQL_STEP_HOSTS_IN("place.mine") " + " UH_SQL_STEP_HOSTS_OURS " AS to_us,"                               \
  "    " UH_SQL_STEP_HOSTS_IN("NOT place.mine") " AS to_others,"                                                    \
  /* An inbound connector that looks behind a gateway (Enhanced Filtering) serves the gateway. */                   \
  "    CASE kind WHEN 'InboundConnector' THEN CASE"                                                                 \
  "      WHEN prop_list(json, 'EFSkipIPs') <> '[]' THEN 'its EFSkipIPs name a gateway: '"                           \
  "        || " UH_SQL_STEP_WORDS("prop_list(thing.json, 'EFSkipIPs')")                                             \
  "      WHEN prop_list(json, 'EFSkipMailGateway') <> '[]' THEN 'its EFSkipMailGateway names a gateway: '"          \
  "        || " UH_SQL_STEP_WORDS("prop_list(thing.json, 'EFSkipMailGateway')")                                     \
  "      WHEN " UH_SQL_TRUE("EFSkipLastIP") " THEN 'EFSkipLastIP is set: a gateway stands before it'"               \
  "      WHEN prop(json, 'EFSkipIPs') IS NOT NULL AND prop(json, 'EFSkipMailGateway') IS NOT NULL"                  \
  "        AND prop(json, 'EFSkipLastIP') IS NOT NULL THEN '' END"                                                  \
  "    ELSE coalesce("                                                                                              \
  "      (SELECT 'the transport rule ' || rule.name || ' sends messages through it' FROM configuration AS rule"     \
  "        WHERE rule.side = 'cloud' AND rule.kind = 'TransportRule'"                                               \
  "          AND lower(prop(rule.json, 'State')) IS NOT 'disabled'"                                                 \
  "          AND prop(rule.json, 'RouteMessageOutboundConnector') <> ''"                                            \
  "          AND lower(prop(rule.json, 'RouteMessageOutboundConnector'))"                                           \
  "            IN (lower(thing.name), lower(thing.identity), thing.guid) ORDER BY rule.name LIMIT 1),"              \
  "      (SELECT 'it leads to the gateway ' || host.value FROM json_each(thing.hosts) AS host, setting"             \
  "        WHERE setting.name = 'mail_flow.gateways' AND lower(host.value) GLOB lower(setting.value) LIMIT 1),"     \
  "      (SELECT 'it carries mail for ' || group_concat(value, ', ') || ', none of the tenant''s domains'"          \
  "        FROM (SELECT entry.value, " UH_SQL_STEP_DOMAIN("entry.value") " AS key"                                  \
  "          FROM json_each(prop_list(thing.json, 'RecipientDomains')) AS entry)"                                   \
  "        WHERE value <> '*' AND key NOT IN (SELECT domain FROM tenant) HAVING count(*) > 0),"                     \
  "      CASE WHEN hosts IS NOT NULL AND prop(json, 'RecipientDomains') IS NOT NULL"                                \
  "        AND NOT " UH_SQL_STEP_TENANT_UNTOLD                                                                      \
  "        AND NOT EXISTS (SELECT 1 FROM configuration AS rule WHERE rule.side = 'cloud' AND rule.kind = 'TransportRule'" \
  "          AND prop(rule.json, 'RouteMessageOutboundConnector') IS NULL) THEN '' END) END AS serves"              \
  "   FROM thing),"                                                                                                 \
  " judged AS MATERIALIZED ("                                                                                       \
  "  SELECT *, CASE"                                                                                                \
  "    WHEN ours.organization_guid IS NULL OR type IS NULL OR origin IS NULL THEN NULL"                             \
  "    WHEN by_us AND by_others THEN 'shared'"                                                                      \
  "    WHEN by_us AND type <> 'onpremises' THEN NULL"                                                               \
  "    WHEN by_us AND origin <> 'hybridwizard' THEN 'tenant'"                                                       \
  "    WHEN by_us AND serves <> '' THEN 'shared'"                                                                   \
  "    WHEN by_us THEN iif(serves = '', 'hybrid', NULL)"                                                            \
  "    WHEN by_others THEN 'other-forest'"                                                                          \
  "    WHEN type <> 'onpremises' THEN 'partner'"                                                                    \
  "    WHEN origin <> 'hybridwizard' THEN 'tenant'"                                                                 \
  "    WHEN untold THEN NULL"                                                                                       \
  "    WHEN to_us AND to_others THEN 'shared'"                                                                      \
  "    WHEN to_others THEN 'other-forest'"                                                                          \
  "    WHEN to_us AND serves <> '' THEN 'shared'"                                                                   \
  "    WHEN to_us AND serves = '' THEN 'hybrid' END AS owner"                                                       \
  "   FROM led, ours)"                                                                                              \
  " SELECT side, kind, guid, name, owner,"                                                                          \
  "  CASE"                                                                                                          \
  "    WHEN ours.organization_guid IS NULL THEN 'the GUID of this Exchange organisation is not known'"              \
  "    WHEN type IS NULL THEN 'ConnectorType was not obtained'"                                                     \
  "    WHEN origin IS NULL THEN 'ConnectorSource was not obtained'"                                                 \
  "    WHEN by_us AND by_others THEN 'this organisation''s OnPremisesOrganization names it, and another forest''s too'" \
  "    WHEN by_us AND type <> 'onpremises' THEN 'this organisation''s OnPremisesOrganization names it, but ConnectorType is '" \
  "      || prop(json, 'ConnectorType') || ': correct one of them'"                                                 \
  "    WHEN by_us AND origin <> 'hybridwizard' THEN 'this organisation''s OnPremisesOrganization names it, but a person made it (ConnectorSource is '" \
  "      || prop(json, 'ConnectorSource') || '): look yourself whether anything else needs it'"                     \
  "    WHEN by_us AND serves <> '' THEN 'this organisation''s OnPremisesOrganization names it, but ' || serves"     \
  "    WHEN by_us AND serves IS NULL THEN 'what else it serves was not obtained ('"                                 \
  "      || iif(kind = 'InboundConnector', 'EFSkipIPs, EFSkipLastIP', 'RecipientDomains, SmartHosts, transport rules') || ')'" \
  "    WHEN by_us THEN 'ConnectorSource is HybridWizard, and this organisation''s OnPremisesOrganization names it'" \
  "    WHEN by_others THEN 'another forest''s OnPremisesOrganization names it'"                                     \
  "    WHEN type <> 'onpremises' THEN 'ConnectorType is ' || prop(json, 'ConnectorType')"                           \
  "    WHEN origin <> 'hybridwizard' THEN 'ConnectorSource is ' || prop(json, 'ConnectorSource')"                   \
  "      || ', and no OnPremisesOrganization names it: a person made it'"                                           \
  "    WHEN untold THEN 'what an OnPremisesOrganization names was not obtained'"                                    \
  "    WHEN to_us AND to_others THEN 'it leads to this organisation and to another forest: ' || " UH_SQL_STEP_WORDS("hosts") \
  "    WHEN to_others THEN 'it leads to another forest''s domains: ' || " UH_SQL_STEP_WORDS("hosts")                \
  "    WHEN to_us AND serves <> '' THEN 'it leads to this organisation (' || " UH_SQL_STEP_WORDS("hosts") " || '), but ' || serves" \
  "    WHEN to_us AND serves IS NULL THEN 'what else it serves was not obtained ('"                                 \
  "      || iif(kind = 'InboundConnector', 'EFSkipIPs, EFSkipLastIP', 'RecipientDomains, SmartHosts, transport rules') || ')'" \
  "    WHEN to_us THEN 'ConnectorSource is HybridWizard, and it leads to this organisation: ' || " UH_SQL_STEP_WORDS("hosts") \
  "      || iif(listing = '', '', ' (only the listing ' || listing || ' shows it)')"                                \
  "    WHEN hosts IS NULL THEN iif(kind = 'InboundConnector', 'TlsSenderCertificateName', 'SmartHosts') || ' was not obtained'" \
  "    ELSE 'the wizard made it, but no OnPremisesOrganization names it, and it leads to none of this organisation''s domains ('" \
  "      || coalesce(nullif(" UH_SQL_STEP_WORDS("hosts") ", ''), 'nowhere') || ')' END AS reason,"                  \
  "  " UH_SQL_TRUE("Enabled") " AS enabled,"                                                                        \
  "  " UH_SQL_TRUE("RouteAllMessagesViaOnPremises") " AS everything_through,"                                       \
  "  EXISTS (SELECT 1 FROM json_each(prop_list(judged.json, 'RecipientDomains')) WHERE value = '*') AS every_domain" \
  " FROM judged, ours"                                                                                              \
  " ORDER BY kind, name, guid"
#define UH_SQL_STEP_CONNECTOR_NEEDS                                                                                 \
  "cloud:InboundConnector,cloud:OutboundConnector,cloud:TransportRule," UH_SQL_STEP_PLACES_NEEDS

/*
 * ---- availability address spaces ----
 * Own columns: forest. The deployment's is that for the other side: on premises for the tenant's names, in the cloud
 * for this organisation's domains. OrgWideFBToken is how organisations that are not one share free/busy: it stays.
 */
#define UH_SQL_STEP_SPACE                                                                                           \
  UH_SQL_STEP_PLACES ","                                                                                            \
  " thing AS MATERIALIZED ("                                                                                        \
  "  SELECT side, kind, guid, name, json, " UH_SQL_STEP_DOMAIN("prop(json, 'ForestName')") " AS forest,"            \
  "    lower(prop(json, 'AccessMethod')) AS method"                                                                 \
  "   FROM configuration"                                                                                           \
  "   WHERE kind = 'AvailabilityAddressSpace'),"                                                                    \
  " led AS MATERIALIZED ("                                                                                          \
  "  SELECT *, forest IN (SELECT domain FROM own) AS to_tenant,"                                                    \
  "    (SELECT mine FROM place WHERE place.domain = forest) AS mine,"                                               \
  "    forest IN (SELECT domain FROM tenant WHERE domain IS NOT NULL) AS in_tenant"                                 \
  "   FROM thing),"                                                                                                 \
  " judged AS MATERIALIZED ("                                                                                       \
  "  SELECT *, CASE"                                                                                                \
  "    WHEN forest IS NULL OR method IS NULL THEN NULL"                                                             \
  "    WHEN method = 'orgwidefbtoken' THEN 'partner'"                                                               \
  "    WHEN side = 'on-premises' AND to_tenant THEN 'hybrid'"                                                       \
  "    WHEN side = 'on-premises' AND " UH_SQL_TENANT_DOMAIN("forest") " THEN 'cross-tenant'"                        \
  "    WHEN side = 'on-premises' THEN 'partner'"                                                                    \
  "    WHEN ours.organization_guid IS NULL OR untold.holder THEN NULL"                                              \
  "    WHEN mine THEN 'hybrid'"                                                                                     \
  "    WHEN mine = 0 THEN 'other-forest'"                                                                           \
  "    WHEN in_tenant THEN NULL"                                                                                    \
  "    ELSE 'partner' END AS owner"                                                                                 \
  "   FROM led, ours, untold)"                                                                                      \
  " SELECT side, kind, guid, name, owner,"                                                                          \
  "  CASE"                                                                                                          \
  "    WHEN forest IS NULL THEN 'ForestName was not obtained'"                                                      \
  "    WHEN method IS NULL THEN 'AccessMethod was not obtained'"                                                    \
  "    WHEN method = 'orgwidefbtoken' THEN 'AccessMethod is OrgWideFBToken: it serves another organisation'"        \
  "    WHEN owner = 'hybrid' AND side = 'on-premises' THEN 'ForestName is the tenant''s own domain ' || forest"     \
  "    WHEN owner = 'hybrid' THEN 'ForestName is this organisation''s domain ' || forest"                           \
  "    WHEN owner = 'other-forest' THEN 'another forest''s OnPremisesOrganization has its domain ' || forest"       \
  "    WHEN owner = 'cross-tenant' THEN 'ForestName is another tenant''s domain ' || forest"                        \
  "    WHEN owner = 'partner' THEN 'ForestName ' || forest || ' is not the other side of this hybrid deployment'"   \
  "    WHEN ours.organization_guid IS NULL THEN 'the GUID of this Exchange organisation is not known'"              \
  "    WHEN untold.holder THEN 'what an OnPremisesOrganization names was not obtained'"                             \
  "    WHEN forest IN (SELECT domain FROM both) THEN " UH_SQL_STEP_BOTH("forest")                                   \
  "    ELSE 'the tenant''s domain ' || forest || ' is neither this organisation''s nor another''s' END AS reason,"  \
  "  forest"                                                                                                        \
  " FROM judged, ours, untold"                                                                                      \
  " ORDER BY side, name, guid"
#define UH_SQL_STEP_SPACE_NEEDS                                                                                     \
  "on-premises:AvailabilityAddressSpace,cloud:AvailabilityAddressSpace," UH_SQL_STEP_PLACES_NEEDS

/*
 * ---- remote domains ----
 * Own columns: none. The wizard makes, on premises, those for the tenant's names (mail for one is delivered there,
 * TargetDeliveryDomain; mail from the other is trusted), and in the cloud those for this organisation's domains. One
 * that does neither is a person's settings for a domain.
 */
#define UH_SQL_STEP_REMOTE_DOMAIN                                                                                   \
  UH_SQL_STEP_PLACES ","                                                                                            \
  " thing AS MATERIALIZED ("                                                                                        \
  "  SELECT side, kind, guid, name, json, prop(json, 'DomainName') = '*' AS is_default,"                            \
  "    " UH_SQL_STEP_DOMAIN("prop(json, 'DomainName')") " AS domain,"                                               \
  "    " UH_SQL_TRUE("TargetDeliveryDomain") " AS delivers, " UH_SQL_TRUE("TrustedMailInboundEnabled") " AS trusts" \
  "   FROM configuration"                                                                                           \
  "   WHERE kind = 'RemoteDomain'),"                                                                                \
  " led AS MATERIALIZED ("                                                                                          \
  "  SELECT *, domain IN (SELECT domain FROM own) AS to_tenant,"                                                    \
  "    (SELECT mine FROM place WHERE place.domain = thing.domain) AS mine"                                          \
  "   FROM thing),"                                                                                                 \
  " judged AS MATERIALIZED ("                                                                                       \
  "  SELECT *, CASE"                                                                                                \
  "    WHEN domain IS NULL THEN NULL"                                                                               \
  "    WHEN is_default THEN iif(side = 'cloud', 'tenant', 'server')"                                                \
  "    WHEN side = 'on-premises' AND to_tenant AND delivers = 0 AND trusts = 0 THEN 'server'"                       \
  "    WHEN side = 'on-premises' AND to_tenant THEN 'hybrid'"                                                       \
  "    WHEN side = 'on-premises' THEN 'server'"                                                                     \
  "    WHEN ours.organization_guid IS NULL OR untold.holder THEN NULL"                                              \
  "    WHEN domain IN (SELECT domain FROM both) AND (delivers = 0 AND trusts = 0) IS NOT 1 THEN NULL"               \
  "    WHEN mine = 0 THEN 'other-forest'"                                                                           \
  "    WHEN mine IS NULL OR (delivers = 0 AND trusts = 0) THEN 'tenant'"                                            \
  "    WHEN delivers OR trusts THEN 'hybrid' END AS owner"                                                          \
  "   FROM led, ours, untold)"                                                                                      \
  " SELECT side, kind, guid, name, owner,"                                                                          \
  "  CASE"                                                                                                          \
  "    WHEN domain IS NULL THEN 'DomainName was not obtained'"                                                      \
  "    WHEN is_default THEN 'it is about all domains, and stands in every organisation'"                            \
  "    WHEN owner = 'hybrid' THEN iif(side = 'cloud', 'it is about this organisation''s domain ', 'it is about the tenant''s own domain ')" \
  "      || domain || CASE WHEN delivers THEN ', and TargetDeliveryDomain is true'"                                 \
  "        WHEN trusts THEN ', and TrustedMailInboundEnabled is true' ELSE '' END"                                  \
  "    WHEN owner = 'server' AND to_tenant THEN 'it is about the tenant''s domain ' || domain"                      \
  "      || ', but neither delivers there nor trusts it: a person''s settings, they go with the server'"            \
  "    WHEN owner = 'server' THEN 'it is about ' || domain || ', not about the tenant, and goes with the server'"   \
  "    WHEN owner = 'other-forest' THEN 'another forest''s OnPremisesOrganization has its domain ' || domain"       \
  "    WHEN owner = 'tenant' AND mine IS NULL THEN 'its domain ' || domain || ' is none of this organisation''s'"   \
  "    WHEN owner = 'tenant' THEN 'it neither delivers to ' || domain || ' nor trusts it: a person''s settings'"    \
  "    WHEN ours.organization_guid IS NULL THEN 'the GUID of this Exchange organisation is not known'"              \
  "    WHEN untold.holder THEN 'what an OnPremisesOrganization names was not obtained'"                             \
  "    WHEN domain IN (SELECT domain FROM both) THEN " UH_SQL_STEP_BOTH("domain")                                   \
  "    ELSE 'TargetDeliveryDomain or TrustedMailInboundEnabled was not obtained' END AS reason"                     \
  " FROM judged, ours, untold"                                                                                      \
  " ORDER BY side, name, guid"
#define UH_SQL_STEP_REMOTE_DOMAIN_NEEDS "on-premises:RemoteDomain,cloud:RemoteDomain," UH_SQL_STEP_PLACES_NEEDS

/*
 * ---- OnPremisesOrganization ----
 * Own columns: none. Its OrganizationGuid alone says whose it is.
 */
#define UH_SQL_STEP_HOLDER                                                                                          \
  "WITH ours(organization_guid) AS MATERIALIZED ("                                                                  \
  "  SELECT (SELECT trim(lower(value), '{}') FROM anchor WHERE name = 'organization-guid' AND value <> '' LIMIT 1))," \
  " thing AS MATERIALIZED ("                                                                                        \
  "  SELECT side, kind, configuration.guid, name, json, trim(lower(prop(json, 'OrganizationGuid')), '{}') AS organization," \
  "    ours.organization_guid AS own"                                                                               \
  "   FROM configuration, ours"                                                                                     \
  "   WHERE side = 'cloud' AND kind = 'OnPremisesOrganization'),"                                                   \
  " counted AS (SELECT *, count(*) OVER (PARTITION BY organization) AS alike FROM thing)"                           \
  " SELECT side, kind, guid, name,"                                                                                 \
  "  CASE"                                                                                                          \
  "    WHEN own IS NULL OR organization IS NULL OR organization = '' THEN NULL"                                     \
  "    WHEN organization <> own THEN 'other-forest'"                                                                \
  "    WHEN alike = 1 THEN 'hybrid' END AS owner,"                                                                  \
  "  CASE"                                                                                                          \
  "    WHEN own IS NULL THEN 'the GUID of this Exchange organisation is not known'"                                 \
  "    WHEN organization IS NULL THEN 'OrganizationGuid was not obtained'"                                          \
  "    WHEN organization = '' THEN 'it has no OrganizationGuid: whose it is cannot be told'"                        \
  "    WHEN organization <> own THEN 'its OrganizationGuid ' || organization || ' is another organisation''s'"      \
  "    WHEN alike = 1 THEN 'its OrganizationGuid is this Exchange organisation''s'"                                 \
  "    ELSE 'it is one of ' || alike || ' with this organisation''s OrganizationGuid' END AS reason"                \
  " FROM counted"                                                                                                   \
  " ORDER BY name, guid"
#define UH_SQL_STEP_HOLDER_NEEDS "cloud:OnPremisesOrganization"
/* clang-format on */

#endif
