/* SPDX-License-Identifier: Apache-2.0 */
/* SPF records that let the addresses of servers that are gone send mail. */
#include <unhybrid/step_dns.h>
#include <unhybrid/step_sql_dns.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * policy: SPF records of the accepted domains, and of what they include below one. term: its words, with place; address:
 * of ip4 and ip6, without a prefix that means one address alone; a network keeps its prefix. of: 1 an address of the servers, or a name
 * that leads to them; 2 asked; 'wide' a network that holds one; 'used' an address of a name that stays; 'home' an
 * address of the premises that was no server's.
 */
#define ONE_ADDRESS(text) "iif(" text " LIKE '%/32' AND instr(" text ", ':') = 0, substr(" text ", 1, length(" text ") - 3)," \
  " iif(" text " LIKE '%/128', substr(" text ", 1, length(" text ") - 4), " text "))"
static const char sql[] =
    UH_SQL_STEP_DNS ","
    " policy AS MATERIALIZED ("
    "  SELECT record_set.view, record_set.name, record_set.type, told, outcome, records, text.value AS text,"
    "    count(*) OVER (PARTITION BY record_set.view, record_set.name) AS policies"
    "   FROM record_set LEFT JOIN json_each(records) AS text ON " UH_SQL_DNS_IS_SPF("text.value")
    "   WHERE record_set.type = 'TXT' AND (record_set.name IN (SELECT name FROM domain)"
    "     OR record_set.name IN (SELECT name FROM dns WHERE role = 'spf-include')"
    "       AND EXISTS (SELECT 1 FROM domain WHERE record_set.name LIKE '%.' || domain.name))"
    "    AND (NOT told OR text.value IS NOT NULL)),"
    " word AS MATERIALIZED ("
    "  SELECT view, name, word.key AS place, word.value AS term, ltrim(lower(word.value), '+?~') AS bare"
    "   FROM policy, " UH_SQL_DNS_WORDS("policy.text") " AS word WHERE policy.text IS NOT NULL AND word.value <> ''),"
    " term AS MATERIALIZED ("
    "  SELECT *, " ONE_ADDRESS("substr(bare, 5)") " AS address, iif(bare LIKE 'a:%', substr(bare, 3), '') AS target"
    "   FROM word),"
    " placed AS MATERIALIZED ("
    "  SELECT term.*, CASE"
    "    WHEN bare LIKE 'a:%' THEN led.old"
    "    WHEN bare NOT LIKE 'ip4:%' AND bare NOT LIKE 'ip6:%' THEN 0"
    "    WHEN EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'server-address' AND in_networks(anchor.value, json_array(address)) = 1)"
    "      THEN CASE WHEN instr(address, '/') THEN 'wide'"
    "        WHEN EXISTS (SELECT 1 FROM found JOIN led AS other ON other.view = found.view AND other.name = found.name"
    "          WHERE other.old IS NOT 1 AND other.old IS NOT 2 AND in_networks(found.address, json_array(term.address)) = 1) THEN 'used'"
    "        ELSE 1 END"
    "    WHEN in_networks(substr(address, 1, instr(address || '/', '/') - 1), list) = 1 THEN iif(addresses, 'home', iif(instr(address, '/'), 'wide', 2))"
    "    ELSE 0 END AS of"
    "   FROM term, knows, networks LEFT JOIN led ON led.view = term.view AND led.name = term.target),"
    " judged AS ("
    "  SELECT policy.*, name IN (SELECT name FROM theirs) OR EXISTS (SELECT 1 FROM theirs WHERE policy.name LIKE '%.' || theirs.name) AS others,"
    "    text GLOB '*[^ -~]*' AS odd,"
    "    (SELECT json_group_array(term) FROM placed AS p WHERE p.view = policy.view AND p.name = policy.name AND p.of IN (1, 2)) AS terms,"
    "    (SELECT group_concat(term, ', ') FROM placed AS p WHERE p.view = policy.view AND p.name = policy.name AND p.of IN (1, 2)) AS words,"
    "    (SELECT max(of = 2) FROM placed AS p WHERE p.view = policy.view AND p.name = policy.name) AS asks,"
    "    (SELECT group_concat(term, ' ') FROM (SELECT term FROM placed AS p WHERE p.view = policy.view AND p.name = policy.name"
    "      AND p.of IS NOT 1 AND p.of IS NOT 2 ORDER BY place)) AS rest,"
    "    (SELECT group_concat(term || CASE of WHEN 'wide' THEN ' holds addresses of the premises and others'"
    "        WHEN 'used' THEN ' is the address of a name too that leads to no server'"
    "        ELSE ' lies in mail_flow.onprem_networks, and was no server''s' END, '; ')"
    "      FROM placed AS p WHERE p.view = policy.view AND p.name = policy.name AND p.of IN ('wide', 'used', 'home')) AS stays"
    "   FROM policy)"
    " SELECT view, name, 'SPF' AS type,"
    "  CASE WHEN NOT told THEN NULL WHEN others THEN 'other-forest' WHEN words IS NULL OR policies > 1 OR odd THEN 'tenant' ELSE 'shared' END AS owner,"
    "  CASE WHEN NOT told THEN " UH_SQL_STEP_DNS_UNTOLD
    "    WHEN others THEN 'the domain is another forest''s'"
    "    WHEN policies > 1 THEN 'it has ' || policies || ' SPF records, which receivers take for an error: the check dns.spf'"
    "    WHEN odd THEN 'its SPF record holds what no SPF record may hold: look yourself'"
    "    WHEN words IS NULL THEN 'look yourself whether it is still right: ' || stays"
    "    ELSE 'in the ' || view || ' view its SPF record lets ' || words || ' send, addresses of servers that are gone'"
    "      || coalesce('; look yourself: ' || stays, '') END AS reason,"
    "  iif(text IS NULL, '[]', json_array(text)) AS records, iif(words IS NULL OR policies > 1 OR odd, '[]', json_array(text)) AS gone, iif(words IS NULL, '[]', json_array('TXT ' || rest)) AS added, terms,"
    "  iif(asks, 'The SPF record of ' || name || ' lets ' || words || ' send. No observation from before the uninstall says whether that was a server''s"
    " address. Does nothing of yours send from there any more?', NULL) AS question"
    " FROM judged WHERE NOT told OR words IS NOT NULL OR stays IS NOT NULL ORDER BY view, name";
/* clang-format on */

static int discover(struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_action words = {
      .effect = "Receivers do not take mail from these addresses for this domain's any more."};
  return uh_step_each_record(run, sql, &words, err);
}

UH_STEP(dns_sender_policy) = {
    .id = "dns-sender-policy",
    .title = "Take addresses of servers that are gone out of SPF records",
    .requirement = "O-16",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows = (const struct uh_follows[]){{0}},
    .needs = UH_SQL_STEP_DNS_NEEDS,
    .checks = "",
    .discover = discover,
    .effect = "Nobody sends in the domain's name from the old addresses.",
    .undo_by = "person",
    .undo_limits = "A person puts the record back as it was.",
    .reference = "https://learn.microsoft.com/defender-office-365/email-authentication-spf-configure",
    .explain =
        "The SPF record of every accepted domain, and those below one that it includes, in both views. Words that go: ip4 and "
        "ip6 of one address that was a server's while it was there, and a: of a name that leads to one. Shown and left are "
        "networks that hold such an address and others, addresses that a name has too which stays (a relay behind the same "
        "address), and addresses in mail_flow.onprem_networks that were no server's. mx, ptr and exists are not followed. A "
        "person changes the zone; it is done when every name server that the configuration names for the view shows a record "
        "without these words, whatever else it says by then."};
