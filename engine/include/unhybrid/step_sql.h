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
#define UH_SQL_STEP_DOMAIN(entry) \
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
 * place: where a domain is: in this organisation, or another forest's; what both claim stands in neither.
 * untold: an OnPremisesOrganization of which somebody did not tell what it names, or whose it is.
 */
#define UH_SQL_STEP_PLACES                                                                                          \
  "WITH ours(guid) AS MATERIALIZED ("                                                                               \
  "  SELECT (SELECT lower(value) FROM anchor WHERE name = 'organization-guid' AND value <> '' LIMIT 1)),"           \
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
  " untold(holder, inbound, outbound, relationship) AS MATERIALIZED ("                                              \
  "  SELECT coalesce(max(prop(json, 'OrganizationGuid') IS NULL OR prop(json, 'HybridDomains') IS NULL), 0),"       \
  "    coalesce(max(prop(json, 'InboundConnector') IS NULL), 0),"                                                   \
  "    coalesce(max(prop(json, 'OutboundConnector') IS NULL), 0),"                                                  \
  "    coalesce(max(prop(json, 'OrganizationRelationship') IS NULL), 0)"                                            \
  "   FROM configuration"                                                                                           \
  "   WHERE side = 'cloud' AND kind = 'OnPremisesOrganization')"
#define UH_SQL_STEP_PLACES_NEEDS \
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
  " thing AS ("                                                                                                     \
  "  SELECT side, kind, guid, name, json, prop_list(json, 'TargetAddressDomains') AS domains,"                      \
  "    coalesce(prop(json, 'DiscoveryEndpoint'), '') AS endpoint,"                                                  \
  "    " UH_SQL_STEP_HOST("coalesce(prop(json, 'DiscoveryEndpoint'), '')") " AS endpoint_host,"                     \
  "    " UH_SQL_STEP_HOST("coalesce(prop(json, 'TargetSharingEpr'), '')") " AS sharing_host,"                       \
  "    prop(json, 'DiscoveryEndpoint') IS NULL AS endpoint_untold"                                                  \
  "   FROM configuration"                                                                                           \
  "   WHERE kind = 'IntraOrganizationConnector'),"                                                                  \
  " led AS ("                                                                                                       \
  "  SELECT *, " UH_SQL_STEP_MICROSOFT("endpoint_host") " OR " UH_SQL_STEP_MICROSOFT("sharing_host") " AS to_microsoft,"      \
  "    " UH_SQL_STEP_AGENT("sharing_host") " OR " UH_SQL_STEP_AGENT("endpoint_host") " AS to_agent"                           \
  "   FROM thing),"                                                                                                 \
  " sorted AS ("                                                                                                    \
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
  " judged AS ("                                                                                                    \
  "  SELECT *, CASE"                                                                                                \
  "    WHEN domains IS NULL OR domains = '[]' THEN NULL"                                                            \
  "    WHEN side = 'on-premises' AND rest = '[]' THEN 'hybrid'"                                                     \
  "    WHEN side = 'on-premises' AND (" UH_SQL_STEP_TENANT_UNTOLD " OR endpoint_untold) THEN NULL"                  \
  "    WHEN side = 'on-premises' AND gone <> '[]' THEN 'shared'"                                                    \
  "    WHEN side = 'on-premises' AND rest = " UH_SQL_STEP_SOME("domains", UH_SQL_STEP_IN_TENANT) " THEN 'other-forest'" \
  "    WHEN side = 'on-premises' AND " UH_SQL_STEP_TENANTS("rest") " THEN 'cross-tenant'"                           \
  "    WHEN side = 'on-premises' THEN 'partner'"                                                                    \
  "    WHEN ours.guid IS NULL OR untold.holder THEN NULL"                                                           \
  "    WHEN rest = '[]' THEN 'hybrid'"                                                                              \
  "    WHEN gone = '[]' AND theirs = rest THEN 'other-forest'"                                                   \
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
  "    WHEN ours.guid IS NULL THEN 'the GUID of this Exchange organisation is not known'"                           \
  "    WHEN untold.holder THEN 'what an OnPremisesOrganization names was not obtained'"                             \
  "    ELSE 'the tenant''s domains ' || " UH_SQL_STEP_WORDS("nobodys") " || ' are neither this organisation''s nor another''s'" \
  "    END AS reason,"                                                                                              \
  "  CASE WHEN prop(json, 'Enabled') = '' THEN 1 ELSE " UH_SQL_TRUE("Enabled") " END AS enabled,"                   \
  "  gone, rest"                                                                                                    \
  " FROM judged, ours, untold"                                                                                      \
  " ORDER BY side, name, guid"
#define UH_SQL_STEP_INTRA_NEEDS \
  "on-premises:IntraOrganizationConnector,cloud:IntraOrganizationConnector," UH_SQL_STEP_PLACES_NEEDS
/* clang-format on */

#endif
