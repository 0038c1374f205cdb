/* SPDX-License-Identifier: Apache-2.0 */
/* Where Outlook is sent to look for its server: DNS for everyone, service connection points for domain members. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

#define CLOUD_HOST(host)                                                                               \
  "(" host " IN ('outlook.com', 'outlook.office365.com') OR " host " LIKE 'autodiscover%.outlook.com'" \
  " OR " host " LIKE 'autodiscover%.office365.us' OR " host " LIKE 'autodiscover%.partner.outlook.cn')"

/*
 * record: one row for each record of a question that concerns autodiscover, or one without a record. what: 'name' is
 * autodiscover.<domain>, 'srv' the SRV record, 'root' the address of the domain itself, which Outlook asks too.
 * found: one row for each domain.
 */
#define RECORDS(view)                                                                                                  \
  "WITH networks(list) AS ("                                                                                           \
  "  SELECT json_group_array(value) FROM setting WHERE name = 'mail_flow.onprem_networks'),"                           \
  " record AS ("                                                                                                       \
  "  SELECT d.domain, d.outcome, " UH_SQL_DNS_BY_WILDCARD("d") " AS by_wildcard,"                                      \
  "    CASE WHEN d.type = 'SRV' THEN 'srv' WHEN d.name = d.domain THEN 'root' ELSE 'name' END AS what,"                \
  "    json_extract(a.value, '$.type') AS type,"                                                                       \
  "    rtrim(lower(" UH_SQL_DNS_DATA "), '.') AS data"                                                                 \
  "   FROM dns d LEFT JOIN json_each(d.answers) a"                                                                     \
  "   WHERE d.view = '" view "' AND d.role <> 'wildcard' AND NOT " UH_SQL_TENANT_DOMAIN("d.domain")                    \
  "     AND (d.type = 'SRV' OR d.name = 'autodiscover.' || d.domain"                                                   \
  "       OR ('" view "' = 'public' AND d.name = d.domain AND d.type IN ('A', 'AAAA')))),"                             \
  " judged_record AS ("                                                                                                \
  "  SELECT *, " CLOUD_HOST("data") " AS in_cloud, " UH_SQL_DNS_TOLD("outcome") " AS told FROM record),"               \
  " found AS ("                                                                                                        \
  "  SELECT domain,"                                                                                                   \
  "    coalesce(max(what = 'name' AND type = 'CNAME' AND in_cloud), 0) AS cloud,"                                      \
  "    max(what = 'name' AND by_wildcard) AS by_wildcard,"                                                             \
  "    group_concat(DISTINCT CASE WHEN what = 'name' AND type = 'CNAME' AND NOT in_cloud THEN data END) AS aliases,"   \
  "    group_concat(DISTINCT CASE WHEN what = 'name' AND type IN ('A', 'AAAA') THEN data END) AS addresses,"           \
  "    group_concat(DISTINCT CASE WHEN what = 'srv' AND type = 'SRV' AND data <> '' AND NOT in_cloud THEN data END)"   \
  "     AS services,"                                                                                                  \
  "    group_concat(DISTINCT CASE WHEN what = 'root' AND in_networks(data, (SELECT list FROM networks)) THEN data END)"\
  "     AS root,"                                                                                                      \
  "    min(CASE WHEN what = 'name' AND NOT told THEN outcome END) AS name_failure,"                                    \
  "    min(CASE WHEN what <> 'name' AND NOT told THEN outcome END) AS other_failure"                                   \
  "   FROM judged_record"                                                                                              \
  "   GROUP BY domain"                                                                                                 \
  "   HAVING max(what IN ('name', 'srv')))"
/* The finding is true for a client all the same; what mends it is another record than the one that answers. */
#define BY_WILDCARD                                                                                                \
  "iif(by_wildcard, ' A wildcard (*.' || domain || ', or one above it) answers, or a record of its own that says the"\
  " same: an alias of its own for Exchange Online mends it, whatever the wildcard says.', '')"
#define DNS(view)                                                                                                  \
  RECORDS(view)                                                                                                    \
  ", judged AS ("                                                                                                  \
  "  SELECT *, CASE"                                                                                               \
  "    WHEN services IS NOT NULL OR root IS NOT NULL THEN 1"                                                       \
  "    WHEN NOT cloud AND (aliases IS NOT NULL OR addresses IS NOT NULL) THEN 1"                                   \
  "    WHEN other_failure IS NULL AND (cloud OR name_failure IS NULL) THEN 0 END AS violated"                      \
  "   FROM found)"                                                                                                 \
  " SELECT violated,"                                                                                              \
  "  '" view ":' || domain AS key,"                                                                                \
  "  'domain' AS kind,"                                                                                            \
  "  domain AS object,"                                                                                            \
  "  CASE"                                                                                                         \
  "    WHEN NOT cloud AND aliases IS NOT NULL"                                                                     \
  "      THEN 'In the " view " view autodiscover.' || domain || ' leads to ' || aliases"                           \
  "        || ' instead of autodiscover.outlook.com.' || " BY_WILDCARD                                             \
  "    WHEN NOT cloud AND addresses IS NOT NULL"                                                                   \
  "      THEN 'In the " view " view autodiscover.' || domain || ' has the address ' || addresses"                  \
  "        || ' instead of an alias to autodiscover.outlook.com.' || " BY_WILDCARD                                 \
  "    WHEN services IS NOT NULL"                                                                                  \
  "      THEN 'In the " view " view the SRV record _autodiscover._tcp.' || domain || ' names ' || services || '.'" \
  "    ELSE 'The domain itself has the on-premises address ' || root"                                              \
  "      || ', where Outlook asks for autodiscover too.' END AS message,"                                          \
  "  CASE WHEN violated IS NULL"                                                                                   \
  "    THEN json_object('autodiscover records of ' || domain || ' in the " view " view ('"                         \
  "      || coalesce(name_failure, other_failure) || ')', NULL)"                                                   \
  "    ELSE json_patch(json_object("                                                                               \
  "      'view', '" view "',"                                                                                      \
  "      'aliases', aliases,"                                                                                      \
  "      'addresses', addresses,"                                                                                  \
  "      'SRV', services,"                                                                                         \
  "      'domain address', root),"                                                                                 \
  "      iif(NOT cloud AND by_wildcard, json_object('wildcard', '*.' || domain), '{}')) END AS evidence,"          \
  "  '' AS command"                                                                                                \
  " FROM judged"
static const struct uh_rule dns[] = {
    {"dns", "dns:public", DNS("public")}, {"dns", "dns:internal", DNS("internal")}, {0}};

/* The host of a URL: between "://" and the next "/" or ":". */
#define URL_REST "substr(lower(url), instr(url, '://') + 3) || '/'"
#define URL_HOST "rtrim(substr(" URL_REST ", 1, instr(" URL_REST ", '/') - 1), ':0123456789')"
#define POINT_WHO                         \
  "  lower(name) AS key,"                 \
  "  nullif(lower(guid), '') AS guid,"    \
  "  'service connection point' AS kind," \
  "  name AS object,"
static const char scp_directory[] =
    "WITH point AS ("
    "  SELECT name, guid, identity, prop_list(json, 'serviceBindingInformation') AS urls"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind = 'AutodiscoverServiceConnectionPoint'),"
    " judged AS ("
    "  SELECT *, ("
    "    SELECT group_concat(url, ', ') FROM (SELECT value AS url FROM json_each(point.urls))"
    "     WHERE url LIKE 'http%' AND NOT " CLOUD_HOST(URL_HOST) ") AS wrong"
    "   FROM point)"
    " SELECT CASE WHEN urls IS NOT NULL THEN wrong IS NOT NULL END AS violated," POINT_WHO
    "  'Domain members are sent to ' || wrong || ' for autodiscover.' AS message,"
    "  json_object('serviceBindingInformation', json(urls), 'identity', identity) AS evidence,"
    "  'Set-ClientAccessService -Identity ' || ps_quote(name, '') || ' -AutoDiscoverServiceInternalUri $null'"
    "   AS command"
    " FROM judged";
static const char scp_export[] =
    "WITH point AS ("
    "  SELECT name, guid, prop(json, 'AutoDiscoverServiceInternalUri') AS url"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind IN ('ClientAccessService', 'ClientAccessServer'))"
    " SELECT url <> '' AND NOT " CLOUD_HOST(URL_HOST) " AS violated," POINT_WHO
    "  'Domain members are sent to ' || url || ' for autodiscover.' AS message,"
    "  json_object('AutoDiscoverServiceInternalUri', url) AS evidence,"
    "  'Set-ClientAccessService -Identity ' || ps_quote(name, guid) || ' -AutoDiscoverServiceInternalUri $null'"
    "   AS command"
    " FROM point";
#define SCP_NEEDS "on-premises:AutodiscoverServiceConnectionPoint|on-premises:ClientAccessService"
static const struct uh_rule scp[] = {
    {"on-premises", SCP_NEEDS, scp_directory}, {"on-premises", SCP_NEEDS, scp_export}, {0}};
/* clang-format on */

static const struct uh_check checks[] = {
    {.id = "autodiscover.dns",
     .title = "Autodiscover in DNS leads to Exchange Online",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-11",
     .rules = dns,
     .remedy = "In public and internal DNS make autodiscover.<domain> an alias (CNAME) of autodiscover.outlook.com, "
               "and remove address and SRV records that name the on-premises server.",
     .reference = "https://learn.microsoft.com/microsoft-365/enterprise/external-domain-name-system-records",
     .explain =
         "For every accepted domain and view: autodiscover.<domain> (an alias of autodiscover.outlook.com or "
         "of its counterpart in a sovereign cloud is expected, also at the end of a chain), the SRV record "
         "_autodiscover._tcp, and in the public view the address of the domain itself where it lies in "
         "mail_flow.onprem_networks, because Outlook asks there too. An address record for "
         "autodiscover.<domain> is a finding wherever it points: Exchange Online has no fixed address. "
         "Records that do not exist are no finding. What a wildcard record answers is one, as a client follows it: "
         "the evidence says so. Whether a web server answers under such an address is not "
         "tried."},
    {.id = "autodiscover.scp",
     .title = "No service connection point sends domain members to the on-premises server",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-11",
     .rules = scp,
     .remedy = "Clear AutoDiscoverServiceInternalUri of every server in the Exchange Management Shell before it is "
               "taken down. Where the server is gone already, delete its service connection point object (ADSI Edit).",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/set-clientaccessservice",
     .explain = "Objects of class serviceConnectionPoint with one of the two autodiscover keywords, or an export of "
                "Get-ClientAccessService. A URL that leads to Exchange Online is no finding, nor is the pointer "
                "object CN=Microsoft Exchange Online that the preparation of Active Directory makes, nor a pointer "
                "to another forest (LDAP://)."},
    {0}};
UH_CHECK_MODULE(autodiscover, checks);
