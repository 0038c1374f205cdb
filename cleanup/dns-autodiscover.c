/* SPDX-License-Identifier: Apache-2.0 */
/* Records by which Outlook still looks for servers that are gone. */
#include <unhybrid/step_dns.h>
#include <unhybrid/step_sql_dns.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* The name that the worldwide cloud has; of the others the admin center tells it. */
#define INSTEAD                                                                                                        \
  "iif(EXISTS (SELECT 1 FROM anchor WHERE anchor.name IN ('tenant-initial-domain', 'tenant-routing-domain')"           \
  "  AND (value LIKE '%.onmicrosoft.us' OR value LIKE '%.onmschina.cn')), '[]', '[\"CNAME autodiscover.outlook.com.\"]')"
/* Whoever asks for autodiscover.<domain> gets one of three types; the alias to Exchange Online comes in with the first
 * of them that goes. */
static const char names_sql[] =
    UH_SQL_STEP_DNS ","
    " autodiscover AS ("
    "  SELECT record_set.*, led.old, led.leads, dns.domain,"
    "    record_set.name IN (SELECT 'autodiscover.' || name FROM theirs) AS others,"
    "    record_set.type = 'CNAME' OR record_set.type = 'A' AND records <> '[]' OR NOT EXISTS (SELECT 1 FROM record_set AS a"
    "      WHERE a.view = record_set.view AND a.name = record_set.name AND a.type = 'A' AND a.records <> '[]') AS first"
    "   FROM record_set"
    "    JOIN (SELECT DISTINCT name, domain FROM dns WHERE role = 'autodiscover') AS dns ON dns.name = record_set.name"
    "    LEFT JOIN led ON led.view = record_set.view AND led.name = record_set.name"
    "   WHERE NOT record_set.told OR records <> '[]' AND old IS NOT 0)"
    " SELECT view, name, type,"
    "  CASE WHEN others THEN 'other-forest' WHEN told AND old IS NOT NULL THEN iif(by_wildcard, 'tenant', 'hybrid') END AS owner,"
    "  CASE WHEN others THEN 'the domain is another forest''s'"
    "    WHEN NOT told THEN " UH_SQL_STEP_DNS_UNTOLD
    "    WHEN old IS NULL THEN 'where it leads was not told'"
    "    WHEN by_wildcard THEN " UH_SQL_STEP_DNS_BY_WILDCARD " || " UH_SQL_STEP_DNS_WILDCARD_LEADS
    "      || '; with a record of its own for Exchange Online it would lead there'"
    "    ELSE 'in the ' || view || ' view ' || name || ' leads to ' || " UH_SQL_STEP_DNS_LEADS " || ', by which servers that are gone were reached'"
    "      || " UH_SQL_STEP_DNS_BESIDE " END AS reason,"
    "  records, records AS gone, iif(first, " INSTEAD ", '[]') AS added, NULL AS terms,"
    "  iif(old = 2, " UH_SQL_STEP_DNS_QUESTION("name || ' ' || type", "leads") ", NULL) AS question"
    " FROM autodiscover ORDER BY view, name, type";

static const char services_sql[] =
    UH_SQL_STEP_DNS ","
    " service AS ("
    "  SELECT record_set.view, record_set.name, record_set.type, record_set.told, outcome, records, by_wildcard, record.value AS data, led.old, led.leads,"
    "    dns.domain IN (SELECT name FROM theirs) AS others"
    "   FROM record_set"
    "    JOIN (SELECT DISTINCT name, domain FROM dns WHERE role = 'autodiscover-srv') AS dns ON dns.name = record_set.name"
    "    LEFT JOIN json_each(record_set.records) AS record"
    "    LEFT JOIN led ON led.view = record_set.view"
    "      AND record.value LIKE '% ' || replace(replace(led.name, '\\', '\\\\'), '_', '\\_') || '.' ESCAPE '\\'),"
    " judged AS ("
    "  SELECT view, name, type, told, outcome, records, by_wildcard, others, max(old) AS old, group_concat(iif(old, data, NULL), ', ') AS words,"
    "    group_concat(iif(old, leads, NULL), ', ') AS leads, json_group_array(data) FILTER (WHERE old) AS gone,"
    "    group_concat(iif(old IS NULL AND data NOT LIKE '% .', data, NULL), ', ') AS unknown"
    "   FROM service GROUP BY view, name, type)"
    " SELECT view, name, type,"
    "  CASE WHEN others THEN 'other-forest' WHEN NOT told OR unknown IS NOT NULL THEN NULL WHEN by_wildcard THEN 'tenant' WHEN gone = records THEN 'hybrid' ELSE 'shared' END AS owner,"
    "  CASE WHEN others THEN 'the domain is another forest''s'"
    "    WHEN NOT told THEN " UH_SQL_STEP_DNS_UNTOLD
    "    WHEN unknown IS NOT NULL THEN 'where ' || unknown || ' leads was not told'"
    "    WHEN by_wildcard THEN " UH_SQL_STEP_DNS_BY_WILDCARD " || ' (' || words || ')' || " UH_SQL_STEP_DNS_WILDCARD_LEADS
    "    ELSE 'in the ' || view || ' view it names ' || words || ', by which servers that are gone were reached ('"
    "      || " UH_SQL_STEP_DNS_LEADS " || ')' END AS reason,"
    "  records, gone, '[]' AS added, NULL AS terms,"
    "  iif(old = 2, " UH_SQL_STEP_DNS_QUESTION("words", "leads") ", NULL) AS question"
    " FROM judged WHERE NOT told OR unknown IS NOT NULL OR gone <> '[]' ORDER BY view, name";
/* clang-format on */

static int discover(struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_action names = {
      .effect = "Outlook asks Exchange Online, and not an address behind which no server is any more."};
  static const struct uh_action services = {.effect = "Outlook does not ask the host of this service record any more."};
  if (uh_step_each_record(run, names_sql, &names, err) < 0) return -1;
  return uh_step_each_record(run, services_sql, &services, err);
}

UH_STEP(dns_autodiscover) = {
    .id = "dns-autodiscover",
    .title = "Take autodiscover records that lead to servers that are gone out of DNS",
    .requirement = "O-16",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows = (const struct uh_follows[]){{0}},
    .needs = UH_SQL_STEP_DNS_NEEDS,
    .checks = "",
    .mends = "autodiscover.dns",
    .discover = discover,
    .effect = "Outlook finds mailboxes in Exchange Online.",
    .undo_by = "person",
    .undo_limits = "A person puts the records back.",
    .reference = "https://learn.microsoft.com/microsoft-365/enterprise/external-domain-name-system-records",
    .explain =
        "autodiscover.<domain> (CNAME, A, AAAA) and the service record _autodiscover._tcp.<domain> of every accepted domain, "
        "in both views. A record goes where it leads to an address by which the servers were reached while they were there, "
        "or to the name of one that has no address any more. Records that lead elsewhere, and to Exchange Online, stay. "
        "In the place of autodiscover.<domain> comes the alias that Exchange Online wants. A name that answers what a name "
        "beside it answers that nobody made stays: a wildcard record answers both. A person changes the zone; it is "
        "done when every name server that the configuration names for the view shows it: that there is nothing, or what a "
        "wildcard answers and none of the records that go."};
