/* SPDX-License-Identifier: Apache-2.0 */
/* Names and addresses of servers that are gone. */
#include <unhybrid/step_dns.h>
#include <unhybrid/step_sql_dns.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * autodiscover.<domain> is dns-autodiscover's. needed: a domain's mail goes to this name alone. gone: of several
 * addresses those that were a server's.
 */
static const char sql[] =
    UH_SQL_STEP_DNS ","
    " named AS ("
    "  SELECT record_set.*, led.old, led.leads, led.is_gateway, led.to_microsoft,"
    "    record_set.name IN (SELECT name FROM domain) AS is_domain,"
    "    (SELECT min(mx.name) FROM record_set AS mx WHERE mx.view = record_set.view AND mx.type = 'MX' AND mx.told"
    "      AND mx.records <> '[]' AND NOT EXISTS (SELECT 1 FROM json_each(mx.records) AS other"
    "       WHERE lower(other.value) NOT LIKE '% ' || replace(replace(record_set.name, '\\', '\\\\'), '_', '\\_') || '.' ESCAPE '\\')) AS needed,"
    "    (SELECT json_group_array(value) FROM json_each(record_set.records) AS own"
    "      WHERE EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'server-address' AND anchor.value = own.value)) AS known"
    "   FROM record_set JOIN host ON host.name = record_set.name"
    "    LEFT JOIN led ON led.view = record_set.view AND led.name = record_set.name"
    "   WHERE type IN ('A', 'AAAA', 'CNAME') AND (NOT record_set.told OR records <> '[]')"
    "     AND record_set.name NOT IN (SELECT name FROM dns WHERE role = 'autodiscover')),"
    " judged AS ("
    "  SELECT *, CASE"
    "    WHEN NOT told OR old IS NULL THEN NULL"
    "    WHEN is_domain OR is_gateway OR to_microsoft OR needed IS NOT NULL OR by_wildcard THEN 'tenant'"
    "    WHEN old > 0 THEN 'hybrid'"
    "    WHEN known <> '[]' THEN iif(known = records, 'hybrid', 'shared')"
    "    ELSE 'tenant' END AS owner"
    "   FROM named)"
    " SELECT view, name, type, owner,"
    "  CASE WHEN NOT told THEN " UH_SQL_STEP_DNS_UNTOLD
    "    WHEN old IS NULL THEN 'where it leads was not told'"
    "    WHEN is_domain THEN 'servers were reached by it, and it is a domain''s own address: look yourself what answers there'"
    "    WHEN is_gateway THEN 'it is named under mail_flow.gateways'"
    "    WHEN to_microsoft THEN 'it leads to Exchange Online'"
    "    WHEN needed IS NOT NULL THEN 'all mail of ' || needed || ' goes there: it needs another exchanger first, the check dns.mx says which'"
    "    WHEN by_wildcard THEN " UH_SQL_STEP_DNS_BY_WILDCARD " || " UH_SQL_STEP_DNS_WILDCARD_LEADS
    "    WHEN owner = 'shared' THEN 'in the ' || view || ' view it has addresses of servers that are gone, and others'"
    "    WHEN owner = 'tenant' THEN 'servers were reached by it, but in the ' || view || ' view it leads to ' || " UH_SQL_STEP_DNS_LEADS
    "      || ', which was none''s address while they were there: it is used for something else'"
    "    WHEN old = 2 THEN 'servers that are gone were reached by it; in the ' || view || ' view it leads to ' || " UH_SQL_STEP_DNS_LEADS
    "      || " UH_SQL_STEP_DNS_BESIDE
    "    ELSE 'servers that are gone were reached by it, in the ' || view || ' view at ' || " UH_SQL_STEP_DNS_LEADS
    "      || " UH_SQL_STEP_DNS_BESIDE " END AS reason,"
    "  records, iif(owner = 'shared', known, records) AS gone, '[]' AS added, NULL AS terms,"
    "  iif(old = 2, " UH_SQL_STEP_DNS_QUESTION("name || ' ' || type", "leads") ", NULL) AS question"
    " FROM judged ORDER BY view, name, type";
/* clang-format on */

static int discover(struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_action words = {.effect = "The name leads nowhere any more."};
  return uh_step_each_record(run, sql, &words, err);
}

UH_STEP(dns_host) = {
    .id = "dns-host",
    .title = "Take names of servers that are gone out of DNS",
    .requirement = "O-16",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows = (const struct uh_follows[]){{"dns-autodiscover", "autodiscover records lead to these names"},
                                           {"dns-mail-exchanger", "MX records lead to these names"},
                                           {"dns-sender-policy", "SPF records name these names"},
                                           {0}},
    .needs = UH_SQL_STEP_DNS_NEEDS,
    .checks = "",
    .discover = discover,
    .effect = "Nobody reaches what may get the old addresses later by the servers' names.",
    .undo_by = "person",
    .undo_limits = "A person puts the records back.",
    .reference = "https://learn.microsoft.com/exchange/hybrid-deployment/decommission-last-exchange-server",
    .explain =
        "A, AAAA and CNAME records, in both views, of the host names by which servers were reached: their own, and those of "
        "their virtual directories, as the journal or the directory tells. Such a record goes where it leads to an address "
        "that these names had in an observation while a server was there. One that leads elsewhere by now is used for something else and "
        "stays; of several addresses those of the servers go. Where no such observation is known, or the address lies in "
        "mail_flow.onprem_networks and was not seen then, a person has to approve each. Names of domains, gateways, and of "
        "the only mail exchanger of a domain stay. So does a name that answers what a name beside it answers that nobody made: "
        "a wildcard record answers both, or the name's own record says the same and could go without a change. A person "
        "changes the zone; it is done when every name server that the configuration names for the view shows it: that there "
        "is nothing by this name, or what a wildcard answers and none of the records that go. Where a name server does not "
        "tell what a wildcard answers, there has to be nothing."};
