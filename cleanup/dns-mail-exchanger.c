/* SPDX-License-Identifier: Apache-2.0 */
/* Mail exchangers that are gone, beside others that take the domain's mail. */
#include <unhybrid/step_dns.h>
#include <unhybrid/step_sql_dns.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* The only exchanger of a domain is none that goes: its mail needs another one first, and dns.mx says so. */
static const char sql[] =
    UH_SQL_STEP_DNS ","
    " exchanger AS ("
    "  SELECT record_set.view, record_set.name, record_set.type, record_set.told, outcome, records, record.value AS data,"
    "    rtrim(substr(record.value, instr(record.value, ' ') + 1), '.') AS host"
    "   FROM record_set LEFT JOIN json_each(record_set.records) AS record"
    "   WHERE record_set.type = 'MX'),"
    " placed AS ("
    "  SELECT exchanger.*, iif(" UH_SQL_STEP_MICROSOFT("exchanger.host") " OR exchanger.host LIKE '%.mx.microsoft', 0, led.old) AS old,"
    "    led.leads"
    "   FROM exchanger LEFT JOIN led ON led.view = exchanger.view AND led.name = exchanger.host),"
    " judged AS ("
    "  SELECT view, name, type, told, outcome, records, max(old) AS old, group_concat(iif(old, host, NULL), ', ') AS words,"
    "    group_concat(iif(old, leads, NULL), ', ') AS leads, json_group_array(data) FILTER (WHERE old) AS gone,"
    "    group_concat(iif(host <> '' AND old IS NULL, host, NULL), ', ') AS unknown, name IN (SELECT name FROM theirs) AS others"
    "   FROM placed GROUP BY view, name)"
    " SELECT view, name, type,"
    "  CASE WHEN others THEN 'other-forest' WHEN NOT told OR unknown IS NOT NULL THEN NULL WHEN gone = records THEN 'tenant' ELSE 'shared' END AS owner,"
    "  CASE WHEN others THEN 'the domain is another forest''s'"
    "    WHEN NOT told THEN " UH_SQL_STEP_DNS_UNTOLD
    "    WHEN unknown IS NOT NULL THEN 'where ' || unknown || ' leads was not told'"
    "    WHEN gone = records THEN 'in the ' || view || ' view all its mail goes to servers that are gone (' || words"
    "      || '): it needs another exchanger first, the check dns.mx says which'"
    "    ELSE 'in the ' || view || ' view mail goes to ' || words || ' too, by which servers that are gone were reached ('"
    "      || " UH_SQL_STEP_DNS_LEADS " || ')' END AS reason,"
    "  records, gone, '[]' AS added, NULL AS terms,"
    "  iif(old = 2, " UH_SQL_STEP_DNS_QUESTION("'the exchanger ' || words", "leads") ", NULL) AS question"
    " FROM judged WHERE NOT told OR unknown IS NOT NULL OR gone <> '[]' ORDER BY view, name";
/* clang-format on */

static int discover(struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_action words = {.effect = "Senders do not try this exchanger any more."};
  return uh_step_each_record(run, sql, &words, err);
}

UH_STEP(dns_mail_exchanger) = {
    .id = "dns-mail-exchanger",
    .title = "Take mail exchangers that are gone out of DNS",
    .requirement = "O-16",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows = (const struct uh_follows[]){{0}},
    .needs = UH_SQL_STEP_DNS_NEEDS,
    .checks = "",
    .mends = "dns.mx",
    .discover = discover,
    .effect = "Mail is delivered to the exchangers that are left.",
    .undo_by = "person",
    .undo_limits = "A person puts the records back.",
    .reference = "https://learn.microsoft.com/microsoft-365/enterprise/external-domain-name-system-records",
    .explain =
        "The MX records of every accepted domain, in both views. One of several goes where it leads to an address by which "
        "the servers were reached, or names a server and leads nowhere: mail that found the others busy waits there. Where "
        "it is the only one nothing is planned: the domain needs another exchanger first, and the check dns.mx says so. "
        "A person changes the zone; it is done when every name server that the configuration names for the view shows it."};
