/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs for the federation gateway that stand in DNS. */
#include <unhybrid/step_dns.h>
#include <unhybrid/step_sql_dns.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* The cmdlet that shows a proof went with the server: its form alone tells it, so a person decides about each. */
#define LOOKS_LIKE_ONE(text) \
  "(length(" text ") BETWEEN 40 AND 400 AND length(" text ") % 4 = 0 AND rtrim(" text ", '=') NOT GLOB '*[^A-Za-z0-9+/]*'" \
  " AND length(" text ") - length(rtrim(" text ", '=')) <= 2)"
static const char sql[] =
    UH_SQL_STEP_DNS ","
    " federated(name) AS (SELECT DISTINCT value FROM anchor WHERE anchor.name = 'federated-domain'),"
    " proof AS ("
    "  SELECT record_set.*, record_set.name IN (SELECT name FROM theirs) AS others,"
    "    (SELECT json_group_array(text.value) FROM json_each(records) AS text WHERE " LOOKS_LIKE_ONE("text.value") ") AS gone"
    "   FROM record_set JOIN federated ON federated.name = record_set.name"
    "   WHERE record_set.type = 'TXT')"
    " SELECT view, name, type,"
    "  CASE WHEN NOT told THEN NULL WHEN others THEN 'other-forest' ELSE 'shared' END AS owner,"
    "  CASE WHEN NOT told THEN " UH_SQL_STEP_DNS_UNTOLD
    "    WHEN others THEN 'the domain is another forest''s'"
    "    ELSE 'it was registered with the federation gateway, and the ' || view || ' view has texts of the form of a proof for it' END AS reason,"
    "  records, gone, '[]' AS added, NULL AS terms,"
    "  'The ' || view || ' view has for ' || name || ' what looks like a proof for the federation gateway: ' || " UH_SQL_STEP_WORDS("gone")
    "    || '. Get-FederatedDomainProof showed it while a server was there. Did somebody put it there for that, and for nothing else?' AS question"
    " FROM proof WHERE NOT told OR gone <> '[]' ORDER BY view, name";
/* clang-format on */

static int discover(struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_action words = {
      .effect = "Nothing: the federation gateway asks for it only when a domain is registered."};
  return uh_step_each_record(run, sql, &words, err);
}

UH_STEP(dns_federation_proof) = {
    .id = "dns-federation-proof",
    .title = "Take proofs for the federation gateway out of DNS",
    .requirement = "O-16",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows = (const struct uh_follows[]){{0}},
    .needs = UH_SQL_STEP_DNS_NEEDS,
    .checks = "",
    .discover = discover,
    .effect = "Nobody can use the record to register the domain again.",
    .undo_by = "person",
    .undo_limits = "A person puts the record back.",
    .reference = "https://learn.microsoft.com/exchange/remove-a-federation-trust-exchange-2013-help",
    .explain =
        "TXT records of the domains that were registered with the federation gateway, as the journal or the directory tells. "
        "What form a proof has is documented nowhere but as a secure string, and the cmdlet that shows it is gone with the "
        "server: looked for are texts of base64 alone, without a word before them that says whose they are, and each wants a "
        "person's approval. Everything else in the record set stays."};
