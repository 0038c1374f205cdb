/* SPDX-License-Identifier: Apache-2.0 */
/* What receivers look up about our mail: SPF, DKIM, MTA-STS. All of it in the public view. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

#define FAILED(outcome) "(NOT " UH_SQL_DNS_TOLD(outcome) ")"
/* A domain that takes mail is taken to send mail. NULL: not known. */
#define SENDS                                                                                               \
  "(SELECT CASE"                                                                                            \
  "       WHEN max(json_extract(a.value, '$.type') = 'MX' AND " UH_SQL_DNS_DATA " NOT IN ('', '.')) THEN 1" \
  "       WHEN max(NOT " FAILED("m.outcome") ") THEN 0 END"                                                 \
  "      FROM dns m LEFT JOIN json_each(m.answers) a"                                                       \
  "      WHERE m.domain = judged.domain AND m.view = 'public' AND m.role = 'mx')"
#define WHO                       \
  "  'public:' || domain AS key," \
  "  'domain' AS kind,"           \
  "  domain AS object,"

/*
 * Every SPF text of a domain, its includes' too, word by word. json_quote makes any text safe to cut into a JSON array.
 * An ip4 or ip6 mechanism and a network overlap where one holds the other's first address.
 */
#define QUOTED "substr(json_quote(text), 2, length(json_quote(text)) - 2)"
#define WITHOUT_LENGTH(network) "substr(" network ", 1, instr(" network " || '/', '/') - 1)"
static const char spf_sql[] =
    "WITH networks(list) AS ("
    "  SELECT json_group_array(value) FROM setting WHERE name = 'mail_flow.onprem_networks'),"
    " record AS ("
    "  SELECT d.domain, d.role, d.outcome, d.name, " UH_SQL_DNS_DATA " AS text"
    "   FROM dns d LEFT JOIN json_each(d.answers) a"
    "     ON json_extract(a.value, '$.type') = 'TXT' AND " UH_SQL_DNS_DATA " LIKE 'v=spf1%'"
    "   WHERE d.view = 'public' AND d.role IN ('spf', 'spf-include') AND NOT " UH_SQL_TENANT_DOMAIN("d.domain") "),"
    " word AS ("
    "  SELECT record.domain, ltrim(lower(w.value), '+?~') AS word"
    "   FROM record, json_each('[\"' || replace(" QUOTED ", ' ', '\",\"') || '\"]') w"
    "   WHERE text IS NOT NULL),"
    " mechanism AS ("
    "  SELECT domain, word, substr(word, 5) AS address"
    "   FROM word"
    "   WHERE word LIKE 'ip4:%' OR word LIKE 'ip6:%'),"
    " local AS ("
    "  SELECT domain, group_concat(DISTINCT word) AS words"
    "   FROM mechanism"
    "   WHERE in_networks(" WITHOUT_LENGTH("address") ", (SELECT list FROM networks))"
    "     OR EXISTS (SELECT 1 FROM setting"
    "       WHERE name = 'mail_flow.onprem_networks' AND in_networks(" WITHOUT_LENGTH("value") ", json_array(address)))"
    "   GROUP BY domain),"
    " cloud AS ("
    "  SELECT DISTINCT domain"
    "   FROM word"
    "   WHERE replace(word, 'redirect=', 'include:') IN ('include:spf.protection.outlook.com',"
    "     'include:spf.protection.office365.us', 'include:spf.protection.partner.outlook.cn')),"
    " judged AS ("
    "  SELECT record.domain,"
    "    count(DISTINCT CASE WHEN role = 'spf' THEN text END) AS texts,"
    "    max(CASE WHEN role = 'spf' THEN text END) AS text,"
    "    min(CASE WHEN role = 'spf' AND " FAILED("outcome") " THEN outcome END) AS failure,"
    "    min(CASE WHEN role = 'spf-include' AND name NOT LIKE '%.protection.outlook.com' AND " FAILED("outcome")
    "      THEN name || ' ' || outcome END) AS include_failure,"
    "    local.words AS local,"
    "    cloud.domain IS NOT NULL AS cloud"
    "   FROM record"
    "   LEFT JOIN local ON local.domain = record.domain"
    "   LEFT JOIN cloud ON cloud.domain = record.domain"
    "   GROUP BY record.domain),"
    " told AS ("
    "  SELECT *, CASE"
    "    WHEN texts > 1 OR local IS NOT NULL THEN 1"
    "    WHEN texts = 0 AND failure IS NOT NULL THEN NULL"
    "    WHEN texts = 0 THEN " SENDS
    "    WHEN lower(trim(text)) = 'v=spf1 -all' THEN 0"
    "    WHEN include_failure IS NOT NULL THEN NULL"
    "    ELSE NOT cloud END AS violated"
    "   FROM judged)"
    " SELECT violated," WHO
    "  CASE"
    "    WHEN texts > 1 THEN 'The domain publishes ' || texts || ' SPF records, which receivers take for an error.'"
    "    WHEN local IS NOT NULL THEN 'The SPF record still names the on-premises address ' || local || '.'"
    "    WHEN texts = 0 THEN 'The domain takes mail and publishes no SPF record.'"
    "    ELSE 'The SPF record does not include spf.protection.outlook.com.' END AS message,"
    "  CASE WHEN violated IS NULL"
    "    THEN json_object(coalesce("
    "      'SPF record of ' || domain || ' (' || coalesce(failure, include_failure) || ')',"
    "      'MX records of ' || domain), NULL)"
    "    ELSE json_object('SPF', text, 'on-premises', local) END AS evidence,"
    "  '' AS command"
    " FROM told";
static const struct uh_rule spf[] = {{"dns", "dns:public", spf_sql}, {0}};

/* Both selectors have to be aliases into Microsoft's zones. */
static const char dkim_dns[] =
    "WITH selector AS ("
    "  SELECT d.domain, d.role,"
    "    max(CASE WHEN " FAILED("d.outcome") " THEN d.outcome END) AS failure,"
    "    coalesce(max(json_extract(a.value, '$.type') = 'CNAME'"
    "      AND (" UH_SQL_TENANT_DOMAIN(UH_SQL_DNS_DATA) " OR " UH_SQL_DNS_DATA " LIKE '%.dkim.mail.microsoft')), 0)"
    "     AS good"
    "   FROM dns d LEFT JOIN json_each(d.answers) a"
    "   WHERE d.view = 'public' AND d.role IN ('dkim1', 'dkim2') AND NOT " UH_SQL_TENANT_DOMAIN("d.domain")
    "   GROUP BY d.domain, d.role),"
    " judged AS ("
    "  SELECT domain,"
    "    max(NOT good AND failure IS NULL) AS bad,"
    "    max(CASE WHEN NOT good THEN failure END) AS failure,"
    "    group_concat(CASE WHEN NOT good AND failure IS NULL THEN replace(role, 'dkim', 'selector') END, ' and ')"
    "     AS selectors"
    "   FROM selector"
    "   GROUP BY domain),"
    " told AS ("
    "  SELECT *, CASE"
    "    WHEN bad THEN " SENDS
    "    WHEN failure IS NULL THEN 0 END AS violated"
    "   FROM judged)"
    " SELECT violated," WHO
    "  'The domain takes mail, and ' || selectors || ' of DKIM in its zone is no alias of Exchange Online''s key.'"
    "   AS message,"
    "  CASE WHEN violated IS NULL"
    "    THEN json_object(coalesce("
    "      'DKIM selectors of ' || domain || ' (' || failure || ')',"
    "      'MX records of ' || domain), NULL)"
    "    ELSE json_object('missing', selectors) END AS evidence,"
    "  '' AS command"
    " FROM told"
    " WHERE violated IS NOT FALSE";
/* The same finding as that of DNS, seen from the other end: hence its key and side. Neither end says "satisfied": what
 * one could not tell would give way to it. */
static const char dkim_cloud[] =
    "WITH signing AS ("
    "  SELECT *, coalesce(nullif(prop(json, 'Domain'), ''), name) AS domain"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'DkimSigningConfig')"
    " SELECT CASE WHEN " UH_SQL_TENANT_DOMAIN("domain") " THEN 0 ELSE NOT " UH_SQL_TRUE("Enabled") " END AS violated,"
    "  'public:' || domain_key(domain) AS key,"
    "  'dns' AS side,"
    "  'domain' AS kind,"
    "  domain_key(domain) AS object,"
    "  'Exchange Online does not sign the mail of ' || domain || ' with DKIM.' AS message,"
    "  json_object("
    "    'Enabled', prop_json(json, 'Enabled'),"
    "    'Status', prop(json, 'Status')) AS evidence,"
    "  'Set-DkimSigningConfig -Identity ' || ps_quote(domain, guid) || ' -Enabled $true' AS command"
    " FROM signing"
    " WHERE violated IS NOT FALSE";
static const struct uh_rule dkim[] = {
    {"dns", "dns:public", dkim_dns}, {"cloud", "cloud:DkimSigningConfig", dkim_cloud}, {0}};

static const char policy_sql[] =
    "WITH judged AS ("
    "  SELECT d.domain,"
    "    max(CASE WHEN " UH_SQL_DNS_DATA " LIKE 'v=STSv1%' THEN " UH_SQL_DNS_DATA " END) AS text,"
    "    max(CASE WHEN " FAILED("d.outcome") " THEN d.outcome END) AS failure"
    "   FROM dns d LEFT JOIN json_each(d.answers) a ON json_extract(a.value, '$.type') = 'TXT'"
    "   WHERE d.view = 'public' AND d.role = 'mta-sts'"
    "   GROUP BY d.domain)"
    " SELECT CASE"
    "   WHEN text IS NOT NULL THEN 1"
    "   WHEN failure IS NULL THEN 0 END AS violated," WHO
    "  'The domain publishes an MTA-STS policy, and its file has to name the MX host of Exchange Online.' AS message,"
    "  CASE WHEN text IS NULL AND failure IS NOT NULL"
    "    THEN json_object('MTA-STS record of ' || domain || ' (' || failure || ')', NULL)"
    "    ELSE json_object('TXT', text) END AS evidence,"
    "  '' AS command"
    " FROM judged";
static const struct uh_rule policy[] = {{"dns", "dns:public", policy_sql}, {0}};
/* clang-format on */

static const struct uh_check checks[] = {
    {.id = "dns.spf",
     .title = "SPF names Exchange Online and no on-premises address",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-12",
     .rules = spf,
     .remedy = "Publish one SPF record with include:spf.protection.outlook.com, and take the on-premises addresses "
               "out when nothing sends from them any more.",
     .reference = "https://learn.microsoft.com/defender-office-365/email-authentication-spf-configure",
     .explain = "The SPF record of every accepted domain in public DNS, with its includes. Findings: no record on a "
                "domain that takes mail, more than one, none of the words that bring in Exchange Online, or an ip4 "
                "or ip6 mechanism that touches mail_flow.onprem_networks. 'v=spf1 -all' says that the domain sends "
                "nothing and is fine. Mechanisms a, mx and exists are not followed."},
    {.id = "dns.dkim",
     .title = "Exchange Online signs with DKIM",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-12",
     .rules = dkim,
     .remedy = "Publish both selector records that Get-DkimSigningConfig shows, then enable signing (Exchange Online "
               "PowerShell), before an on-premises signing gateway goes.",
     .reference = "https://learn.microsoft.com/defender-office-365/email-authentication-dkim-configure",
     .explain = "The records selector1 and selector2 below _domainkey of every domain that takes mail: aliases into "
                "the tenant's or Microsoft's zone are expected. And the signing configuration in Exchange Online: "
                "enabled. Domains that take no mail are left out."},
    {.id = "dns.policy",
     .title = "No MTA-STS policy has to be looked at",
     .severity = UH_INFO,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-12",
     .rules = policy,
     .remedy = "Read https://mta-sts.<domain>/.well-known/mta-sts.txt and make sure that it names the MX host, "
               "before the MX record changes.",
     .reference = "https://www.rfc-editor.org/rfc/rfc8461",
     .explain = "Domains with an MTA-STS record. The policy itself is a file on a web server, which is not fetched: "
                "if it does not name the MX host of Exchange Online, senders that obey it deliver nothing."},
    {0}};
UH_CHECK_MODULE(dns_sender, checks);
