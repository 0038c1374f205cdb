/* SPDX-License-Identifier: Apache-2.0 */
/* Where the world, and the inside, deliver mail of each accepted domain. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

#define CLOUD_HOST                                                           \
  "(host LIKE '%.mail.protection.outlook.com' OR host LIKE '%.mx.microsoft'" \
  " OR host LIKE '%.mail.protection.office365.us' OR host LIKE '%.mail.protection.partner.outlook.cn')"

/*
 * home: names with an address in the on-premises networks. own: the domain's own addresses. exchanger: one row for each
 * exchanger of a domain, or one without. placed tells each: 'home' has an address in the on-premises networks, whatever
 * its name; 'null' is the dot that says that the domain takes no mail (RFC 7505). untold: exchangers whose addresses
 * were not obtained: they may be at home. mail: one row for each domain.
 */
#define MAIL(view)                                                                                                     \
  "WITH networks(list) AS ("                                                                                           \
  "  SELECT json_group_array(value) FROM setting WHERE name = 'mail_flow.onprem_networks'),"                           \
  " home AS MATERIALIZED ("                                                                                            \
  "  SELECT DISTINCT d.domain, d.name"                                                                                 \
  "   FROM dns d, json_each(d.answers) a"                                                                              \
  "   WHERE d.view = '" view "' AND d.type IN ('A', 'AAAA')"                                                           \
  "     AND in_networks(" UH_SQL_DNS_DATA ", (SELECT list FROM networks)) = 1),"                                       \
  " untold AS MATERIALIZED ("                                                                                          \
  "  SELECT domain, name FROM dns WHERE view = '" view "' AND role = 'exchanger'"                                      \
  "   GROUP BY domain, name, type HAVING NOT max" UH_SQL_DNS_TOLD("outcome") "),"                                      \
  " own AS MATERIALIZED ("                                                                                             \
  "  SELECT d.domain, min" UH_SQL_DNS_TOLD("d.outcome") " AS clean,"                                                   \
  "    group_concat(" UH_SQL_DNS_DATA ", ', ') AS addresses"                                                           \
  "   FROM dns d LEFT JOIN json_each(d.answers) a ON json_extract(a.value, '$.type') IN ('A', 'AAAA')"                 \
  "   WHERE d.view = '" view "' AND d.name = d.domain AND d.type IN ('A', 'AAAA')"                                     \
  "   GROUP BY d.domain),"                                                                                             \
  " exchanger AS ("                                                                                                    \
  "  SELECT d.domain, d.outcome, rtrim(lower(" UH_SQL_DNS_DATA "), '.') AS host"                                       \
  "   FROM dns d LEFT JOIN json_each(d.answers) a ON json_extract(a.value, '$.type') = 'MX'"                           \
  "   WHERE d.view = '" view "' AND d.role = 'mx' AND d.type = 'MX' AND NOT " UH_SQL_TENANT_DOMAIN("d.domain") "),"    \
  " placed AS ("                                                                                                       \
  "  SELECT domain, outcome, host, CASE"                                                                               \
  "    WHEN host IS NULL THEN 'none'"                                                                                  \
  "    WHEN host = '' THEN 'null'"                                                                                     \
  "    WHEN EXISTS (SELECT 1 FROM home WHERE home.domain = exchanger.domain AND home.name = host) THEN 'home'"         \
  "    WHEN EXISTS (SELECT 1 FROM setting WHERE name = 'mail_flow.gateways' AND host GLOB lower(value)) THEN 'gateway'"\
  "    WHEN " CLOUD_HOST " THEN 'cloud'"                                                                               \
  "    ELSE 'other' END AS place,"                                                                                     \
  "    EXISTS (SELECT 1 FROM untold WHERE untold.domain = exchanger.domain AND untold.name = host) AS untold"          \
  "   FROM exchanger),"                                                                                                \
  " mail AS ("                                                                                                         \
  "  SELECT p.domain,"                                                                                                 \
  "    count(host) AS hosts,"                                                                                          \
  "    max(place = 'home') AS home,"                                                                                   \
  "    max(place IN ('home', 'other')) AS wrong,"                                                                      \
  "    max(place = 'gateway') AS gateway,"                                                                             \
  "    group_concat(CASE WHEN untold AND place IN ('gateway', 'cloud') THEN host END, ', ') AS untold,"                \
  "    group_concat(host, ', ') AS all_hosts,"                                                                         \
  "    group_concat(CASE WHEN place IN ('home', 'other') THEN host END, ', ') AS wrong_hosts,"                         \
  "    group_concat(CASE WHEN place = 'gateway' THEN host END, ', ') AS gateway_hosts,"                                \
  "    max" UH_SQL_DNS_TOLD("outcome") " AS clean,"                                                                    \
  "    min(CASE WHEN NOT " UH_SQL_DNS_TOLD("outcome") " THEN outcome END) AS failure,"                                 \
  "    max(outcome = 'nxdomain') AS missing,"                                                                          \
  "    own.clean AS own_clean,"                                                                                        \
  "    own.addresses AS own_addresses"                                                                                 \
  "   FROM placed p LEFT JOIN own ON own.domain = p.domain"                                                            \
  "   GROUP BY p.domain) "
#define WHO(view)                   \
  "  '" view ":' || domain AS key," \
  "  'domain' AS kind,"             \
  "  domain AS object,"
#define EVIDENCE(view)                                                                                    \
  "  CASE"                                                                                                \
  "    WHEN NOT clean THEN json_object("                                                                  \
  "      'the MX records of ' || domain || ' in the " view " view (' || failure || ')', NULL)"            \
  "    WHEN untold IS NOT NULL AND NOT wrong"                                                             \
  "      THEN json_object('the addresses of ' || untold || ' in the " view " view', NULL)"                \
  "    WHEN hosts = 0 AND NOT coalesce(own_clean, 0) AND own_addresses IS NULL AND '" view "' = 'public'" \
  "      THEN json_object('the addresses of ' || domain || ', which has no MX record', NULL)"             \
  "    ELSE json_object("                                                                                 \
  "      'view', '" view "',"                                                                             \
  "      'MX', all_hosts,"                                                                                \
  "      'addresses', own_addresses) END AS evidence,"

/* Without an MX record mail goes to the domain's own address (RFC 5321 5.1). Inside, a zone without one is usual. */
#define MX(view, implicit)                                                                                       \
  MAIL(view)                                                                                                     \
  "SELECT CASE"                                                                                                  \
  "   WHEN wrong THEN 1"                                                                                         \
  "   WHEN NOT clean OR untold IS NOT NULL THEN NULL"                                                            \
  "   WHEN hosts OR missing OR NOT " implicit " THEN 0"                                                          \
  "   WHEN own_addresses IS NOT NULL THEN 1"                                                                     \
  "   WHEN own_clean THEN 0 END AS violated," WHO(view)                                                          \
  "  CASE"                                                                                                       \
  "    WHEN home THEN 'Mail is delivered on premises: the " view " MX record names ' || wrong_hosts || '.'"      \
  "    WHEN wrong THEN 'The " view " MX record names ' || wrong_hosts"                                           \
  "      || ', which is neither Exchange Online nor a configured gateway.'"                                      \
  "    ELSE 'There is no MX record, so mail is delivered to the domain''s own address ' || own_addresses || '.'" \
  "    END AS message," EVIDENCE(view)                                                                           \
  "  '' AS command"                                                                                              \
  " FROM mail"
static const struct uh_rule mx[] = {
    {"dns", "dns:public", MX("public", "1")}, {"dns", "dns:internal", MX("internal", "0")}, {0}};

#define GATEWAY(view)                                                         \
  MAIL(view)                                                                  \
  "SELECT CASE"                                                               \
  "   WHEN gateway THEN 1"                                                    \
  "   WHEN clean THEN 0 END AS violated," WHO(view)                           \
  "  'Mail passes the gateway ' || gateway_hosts || ' first (" view " view):" \
  " where it goes next is not visible in DNS.' AS message," EVIDENCE(view)    \
  "  '' AS command"                                                           \
  " FROM mail"
static const struct uh_rule gateway[] = {
    {"dns", "dns:public", GATEWAY("public")}, {"dns", "dns:internal", GATEWAY("internal")}, {0}};
/* clang-format on */

static const struct uh_check checks[] = {
    {.id = "dns.mx",
     .title = "Mail of every accepted domain is delivered to Exchange Online",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-10",
     .rules = mx,
     .remedy = "Point the MX record at the host that the Microsoft 365 admin center shows for the domain, in public "
               "and internal DNS. Name a filter service that stands in front under mail_flow.gateways.",
     .reference = "https://learn.microsoft.com/microsoft-365/enterprise/external-domain-name-system-records",
     .explain = "The MX records of every accepted domain in both views. Expected are *.mail.protection.outlook.com, "
                "*.mx.microsoft and their counterparts in the sovereign clouds, or a gateway named in the "
                "configuration. An exchanger with an address in mail_flow.onprem_networks (IPv4 or IPv6) counts "
                "whatever its name. In the public view a domain without an MX record counts where it has an address, "
                "because mail then goes there; without any address, or with a null MX, it takes no mail, which is "
                "fine. Inside, a zone without MX records is fine. A server failure, a refusal or a timeout is no "
                "answer: the domain cannot be judged. Names of the tenant below onmicrosoft.com are left out."},
    {.id = "dns.mx-gateway",
     .title = "No third-party gateway stands in front of Exchange Online",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-10",
     .rules = gateway,
     .remedy = "Make sure in the gateway's own settings that it delivers to Exchange Online and not to the "
               "on-premises server.",
     .reference =
         "https://learn.microsoft.com/exchange/mail-flow-best-practices/manage-mail-flow-using-third-party-cloud",
     .explain = "Domains whose MX record names a host under mail_flow.gateways. DNS cannot tell where the gateway "
                "delivers."},
    {0}};
UH_CHECK_MODULE(dns_mx, checks);
