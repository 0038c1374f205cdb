/* SPDX-License-Identifier: Apache-2.0 */
/* The trust between Exchange Server and Microsoft's federation gateway. */
#include <string.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql_federation.h>
#include <unhybrid/step_sql_trust.h>

static const char trusts_sql[] = UH_SQL_STEP_FEDERATION_TRUST " ORDER BY name, guid";

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

static const char domains_sql[] =
    "SELECT group_concat(domain, ', ') FROM ("
    "  SELECT domain_key(entry.value) AS domain"
    "   FROM object, json_each(prop_list(object.json, 'Domains')) AS entry"
    "   WHERE side = 'on-premises' AND kind = 'FederatedOrganizationIdentifier'"
    "  UNION SELECT domain_key(prop(json, 'DomainName'))"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind = 'AcceptedDomain' AND prop(json, 'FederatedOrganizationLink') <> ''"
    "  ORDER BY 1) WHERE domain NOT LIKE 'fydibohf25spdlt.%'";
/* clang-format on */

static int note_records(struct uh_step_run *run, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  if (uh_step_query(run, domains_sql, &query, err) < 0) return -1;
  int r = uh_query_next(query, err);
  const char *domains = r > 0 ? uh_query_text(query, 0) : NULL;
  if (r < 0 || !domains || !*domains) return r < 0 ? -1 : 0;
  return uh_step_note(run, err,
                      "Once the trust is gone, the TXT records in public DNS by which these domains were proved to the "
                      "federation gateway can go too: %s",
                      domains);
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  const struct uh_change changes[] = {{.cmdlet = "Remove-FederationTrust"}, {0}};
  const struct uh_expect expect[] = {{.what = UH_EXPECT_ABSENT}, {0}};
  const struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_REMOVE,
      .executor = UH_BY_EXCHANGE_SERVER,
      .reversible = UH_IRREVERSIBLE,
      .changes = changes,
      .expect = expect,
      .why = row->reason,
      .effect =
          "Federated sharing of this organisation's servers ends with all other organisations, not with the tenant "
          "alone.",
      .undo =
          "A new trust is another one: New-FederationTrust needs a valid federation certificate and gets a new "
          "application identifier, every domain has to be proved with a new TXT record, and the gateway may refuse "
          "the same names within a day (MaxUriReached)."};
  if (note_records(run, err) < 0) return -1;
  return uh_step_action(run, &action, err);
}

static int any(struct uh_step_run *run, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  if (uh_step_query(run, "SELECT 1 FROM object WHERE side = 'on-premises' AND kind = 'FederationTrust' LIMIT 1", &query,
                    err) < 0)
    return -1;
  return uh_query_next(query, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  int r = any(run, err);
  if (r <= 0) return r;
  if ((r = uh_step_need(run, "on-premises:ExchangeCertificate", err)) <= 0) return r;
  if (uh_step_obstacles(run, UH_SQL_STEP_FEDERATION, err) < 0) return -1;
  return uh_step_each(run, trusts_sql, act, err);
}

UH_STEP(federation_trust) = {
    .id = "federation-trust",
    .title = "Remove the federation trust",
    .requirement = "C-07",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"federated-domain",
                                            "a trust under which domains are registered cannot be "
                                            "removed cleanly",
                                            true},
                                           {0}},
    .needs = "on-premises:FederatedOrganizationIdentifier," UH_SQL_STEP_FEDERATION_NEEDS,
    .checks = "mailbox.on-premises,sharing.partner,sharing.policy",
    .discover = discover,
    .effect = "Federated sharing of this organisation's servers ends with every other organisation.",
    .undo_by = "nobody",
    .undo_limits = "It cannot be put back: a new trust has another application identifier, and new proofs.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-federationtrust",
    .explain =
        "The trust with Microsoft's gateway (mostly called Microsoft Federation Gateway; the name decides nothing) is "
        "the one that the federated organisation uses, or the only one. It serves every organisation alike, so it goes "
        "only where no relationship, no sharing policy and no partner uses it: see federated-domain. Other trusts stay "
        "and go with the server.\n"
        "Without the certificate that the trust names, no federation cmdlet works: the step is then blocked with the "
        "documented repair. It is irreversible in practice. The trust in Exchange Online is Microsoft's, exists in "
        "every tenant, and is never touched. Names and values of the certificate fields in newer versions are not "
        "verified: where none can be read, a note says so and Exchange itself decides."};
