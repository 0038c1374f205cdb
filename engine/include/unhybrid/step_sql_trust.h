/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_STEP_SQL_TRUST_H
#define UNHYBRID_STEP_SQL_TRUST_H
/*
 * Whose the objects are by which Exchange Server trusts Microsoft: token services and federation trusts. For the steps
 * that remove them with its cmdlets, and for the sweep, which finds their entries when there are none any more.
 */
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * Own columns: is_default, application. What kind of token service it is, is told by the type; Active Directory has it
 * as a number whose meaning is not documented, so there the host that its metadata comes from tells. Whose tenant it
 * leads to is told by the realm, or, where none was filled in yet, by the metadata's address.
 */
#define UH_SQL_STEP_AUTH_SERVER                                                                                     \
  "WITH tenant(id) AS ("                                                                                            \
  "  SELECT (SELECT lower(value) FROM anchor WHERE anchor.name = 'tenant-id' LIMIT 1)),"                            \
  " own(domain) AS ("                                                                                               \
  "  SELECT lower(value) FROM anchor WHERE anchor.name IN ('tenant-initial-domain', 'tenant-routing-domain')),"     \
  " server AS ("                                                                                                    \
  "  SELECT side, kind, guid, name, lower(prop(json, 'Type')) AS type, lower(prop(json, 'Realm')) AS realm,"        \
  "    lower(prop(json, 'AuthMetadataUrl')) AS url, prop(json, 'ApplicationIdentifier') AS application,"            \
  "    " UH_SQL_TRUE("IsDefaultAuthorizationEndpoint") " AS is_default"                                             \
  "   FROM configuration"                                                                                           \
  "   WHERE side = 'on-premises' AND kind = 'AuthServer'),"                                                         \
  " typed AS ("                                                                                                     \
  "  SELECT *, CASE"                                                                                                \
  "    WHEN type IN ('microsoftacs', 'azuread') THEN 1"                                                             \
  "    WHEN type <> '' AND type GLOB '[a-z]*' THEN 0"                                                               \
  "    WHEN url LIKE 'https://accounts.accesscontrol.%' OR url LIKE 'https://login.windows.net/%'"                  \
  "      OR url LIKE 'https://login.microsoftonline.%' OR url LIKE 'https://login.partner.microsoftonline.cn/%'"    \
  "      OR url LIKE 'https://login.chinacloudapi.cn/%' THEN 1"                                                     \
  "    WHEN url IS NOT NULL AND type IS NOT NULL THEN 0 END AS microsofts,"                                         \
  "    iif(realm <> '', realm = tenant.id OR realm IN (SELECT domain FROM own),"                                    \
  "      iif(instr(url, '/' || tenant.id || '/') > 0, 1,"                                                           \
  "        iif(EXISTS (SELECT 1 FROM own WHERE instr(url, '/' || domain || '/') > 0), 1, NULL))) AS ours,"          \
  "    tenant.id AS tenant_id"                                                                                      \
  "   FROM server, tenant)"                                                                                         \
  " SELECT side, kind, guid, name,"                                                                                 \
  "  CASE WHEN microsofts IS NULL THEN NULL WHEN NOT microsofts THEN 'server'"                                      \
  "    WHEN tenant_id IS NULL THEN NULL WHEN ours THEN 'hybrid' WHEN ours = 0 THEN 'partner' END AS owner,"         \
  "  CASE WHEN microsofts IS NULL THEN 'Type or AuthMetadataUrl was not obtained'"                                  \
  "    WHEN NOT microsofts THEN 'it is another kind of token service (' || coalesce(nullif(type, ''), url) || ')'"  \
  "    WHEN tenant_id IS NULL THEN 'the tenant''s id is not known'"                                                 \
  "    WHEN ours AND realm <> '' THEN 'it issues Microsoft''s tokens of this tenant: Realm is ' || realm"           \
  "    WHEN ours THEN 'it issues Microsoft''s tokens of this tenant: ' || url"                                      \
  "    WHEN ours = 0 THEN 'it issues tokens of another tenant: Realm is ' || realm"                                 \
  "    ELSE 'neither Realm nor AuthMetadataUrl tells which tenant it is of' END AS reason,"                         \
  "  is_default, application"                                                                                       \
  " FROM typed"
#define UH_SQL_STEP_AUTH_SERVER_NEEDS "on-premises:AuthServer"

/*
 * The trust that the federated organisation uses is told by its link: a distinguished name from Active Directory, a
 * path from a cmdlet; both end in the trust's name. The only trust there is is that one.
 */
#define UH_SQL_STEP_FEDERATION_TRUST                                                                                \
  "WITH link AS MATERIALIZED ("                                                                                     \
  "  SELECT DISTINCT prop(json, 'DelegationTrustLink') AS link"                                                     \
  "   FROM object"                                                                                                  \
  "   WHERE side = 'on-premises' AND kind = 'FederatedOrganizationIdentifier'),"                                    \
  " trust AS ("                                                                                                     \
  "  SELECT side, kind, guid, name, json, count(*) OVER () AS trusts,"                                              \
  "    EXISTS (SELECT 1 FROM link WHERE lower(link) IN (lower(configuration.name), lower(identity),"                \
  "      lower(prop(json, 'DistinguishedName')))"                                                                   \
  "      OR lower(substr(link, -length(configuration.name) - 1)) IN ('/' || lower(configuration.name),"             \
  "        '\\' || lower(configuration.name))) AS used,"                                                            \
  "    EXISTS (SELECT 1 FROM link WHERE link IS NULL) AS untold"                                                    \
  "   FROM configuration"                                                                                           \
  "   WHERE side = 'on-premises' AND kind = 'FederationTrust')"                                                     \
  " SELECT side, kind, guid, name,"                                                                                 \
  "  CASE WHEN used OR trusts = 1 THEN 'hybrid' WHEN NOT untold THEN 'partner' END AS owner,"                       \
  "  CASE WHEN used THEN 'the federated organisation uses it, and nothing but the hybrid deployment uses federation'"\
  "    WHEN trusts = 1 THEN 'it is the only trust, and nothing but the hybrid deployment uses federation'"          \
  "    WHEN untold THEN 'which of ' || trusts || ' trusts the federated organisation uses was not obtained'"        \
  "    ELSE 'the federated organisation uses another trust: who made this one, and what for, only its makers know' END"\
  "   AS reason"                                                                                                    \
  " FROM trust"
#define UH_SQL_STEP_FEDERATION_TRUST_NEEDS "on-premises:FederationTrust,on-premises:FederatedOrganizationIdentifier"
/* clang-format on */
#endif
