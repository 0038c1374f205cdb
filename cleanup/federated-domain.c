/* SPDX-License-Identifier: Apache-2.0 */
/* The domains that the organisation has registered with Microsoft's federation gateway. */
#include <stdio.h>
#include <string.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql_federation.h>
#include <unhybrid/text.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * Own columns: domain, is_namespace. Two places tell that a domain is federated: its own link, and the list of the
 * federated organisation, which Active Directory computes from the links and some sources therefore show as empty. The
 * account namespace is FYDIBOHF25SPDLT.<domain> where the wizard chose it, or a domain as it is.
 */
#define DOMAIN "domain_key(iif(prop(json, 'DomainName') = '', name, prop(json, 'DomainName')))"
#define HOLDER "FROM object WHERE side = 'on-premises' AND kind = 'FederatedOrganizationIdentifier'"
static const char domains_sql[] =
    "WITH listed AS MATERIALIZED ("
    "  SELECT domain_key(entry.value) AS domain"
    "   FROM object, json_each(prop_list(object.json, 'Domains')) AS entry"
    "   WHERE side = 'on-premises' AND kind = 'FederatedOrganizationIdentifier'),"
    " namespace AS MATERIALIZED ("
    "  SELECT DISTINCT domain_key(prop(json, 'AccountNamespace')) AS whole"
    "   " HOLDER " AND prop(json, 'AccountNamespace') <> ''),"
    " namespace_domain AS MATERIALIZED ("
    "  SELECT whole AS domain FROM namespace"
    "  UNION SELECT substr(whole, instr(whole, '.') + 1) FROM namespace WHERE whole LIKE 'fydibohf25spdlt.%'),"
    " accepted AS ("
    "  SELECT side, kind, guid, name, " DOMAIN " AS domain,"
    "    (SELECT max(prop(o.json, 'FederatedOrganizationLink') <> '') FROM object AS o"
    "      WHERE o.side = 'on-premises' AND o.kind = 'AcceptedDomain'"
    "        AND lower(trim(o.guid, '{}')) = configuration.guid) AS linked"
    "   FROM configuration"
    "   WHERE side = 'on-premises' AND kind = 'AcceptedDomain'),"
    " judged AS ("
    "  SELECT *, domain IN (SELECT domain FROM namespace_domain) AS is_namespace,"
    "    CASE WHEN linked OR domain IN (SELECT domain FROM listed) THEN 1"
    "      WHEN linked = 0 THEN 0"
    /* Nobody told the link; a list that names others is the whole list. */
    "      WHEN EXISTS (SELECT 1 FROM listed) THEN 0"
    "      WHEN NOT EXISTS (SELECT 1 FROM namespace) THEN 0 END AS federated"
    "   FROM accepted)"
    " SELECT side, kind, guid, name,"
    "  CASE federated WHEN 1 THEN 'shared' WHEN 0 THEN 'server' END AS owner,"
    "  CASE federated"
    "    WHEN 1 THEN 'it is registered with the federation gateway' || iif(is_namespace, ', as the account namespace', '')"
    "      || '; the domain itself stays'"
    "    WHEN 0 THEN 'it is not registered with the federation gateway'"
    "    ELSE 'FederatedOrganizationLink was not obtained' END AS reason,"
    "  domain, coalesce(is_namespace, 0) AS is_namespace"
    " FROM judged"
    " ORDER BY is_namespace, domain";

/* An account namespace that is no accepted domain, nor made from a federated one: nothing else would release it. */
static const char namespace_sql[] =
    "SELECT side, kind, guid, name, 'shared' AS owner,"
    "  'Setup makes it in every organisation; its account namespace ' || prop(json, 'AccountNamespace')"
    "    || ' is registered with the federation gateway' AS reason,"
    "  prop(json, 'AccountNamespace') AS namespace"
    " FROM configuration"
    " WHERE side = 'on-premises' AND kind = 'FederatedOrganizationIdentifier'"
    "  AND prop(json, 'AccountNamespace') <> ''"
    "  AND NOT EXISTS (SELECT 1 FROM configuration AS a WHERE a.side = 'on-premises' AND a.kind = 'AcceptedDomain'"
    "    AND domain_key(iif(prop(a.json, 'DomainName') = '', a.name, prop(a.json, 'DomainName')))"
    "      IN (domain_key(prop(configuration.json, 'AccountNamespace')),"
    "        iif(lower(prop(configuration.json, 'AccountNamespace')) LIKE 'fydibohf25spdlt.%',"
    "          domain_key(substr(prop(configuration.json, 'AccountNamespace'), 17)), '')))";

static const char federated_sql[] =
    "SELECT EXISTS (SELECT 1 FROM object WHERE side = 'on-premises' AND kind = 'FederationTrust')"
    " OR EXISTS (SELECT 1 " HOLDER " AND (prop(json, 'AccountNamespace') <> '' OR prop_list(json, 'Domains') <> '[]'))"
    " OR EXISTS (SELECT 1 FROM object WHERE side = 'on-premises' AND kind = 'AcceptedDomain'"
    "  AND prop(json, 'FederatedOrganizationLink') <> '')";
/* clang-format on */

/* The certificate that Exchange speaks to the gateway with, where it has ended. */
struct expired {
  char thumbprint[64], ended[64]; /* "": it has not */
};

static int find_expired(struct uh_step_run *run, struct expired *ret_expired, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  *ret_expired = (struct expired){0};
  if (uh_step_query(run, UH_SQL_STEP_FEDERATION_EXPIRED, &query, err) < 0) return -1;
  uh_query_bind_int(query, 1, uh_step_now(run));
  int r = uh_query_next(query, err);
  if (r <= 0) return r;
  const char *thumbprint = uh_query_text(query, 0), *ended = uh_query_text(query, 1);
  uh_print(ret_expired->thumbprint, sizeof ret_expired->thumbprint, "%s", thumbprint ? thumbprint : "");
  uh_print(ret_expired->ended, sizeof ret_expired->ended, "%s", ended ? ended : "");
  return 0;
}

/* -Force is asked for only where the gateway cannot release the domain any more, and only with a person's word. */
static int release(struct uh_step_run *run, const struct uh_step_row *row, const char *domain,
                   const struct uh_expect *expect, struct uh_err *err) {
  struct expired expired;
  char why[512], question[512];
  if (find_expired(run, &expired, err) < 0) return -1;
  const bool forced = expired.thumbprint[0];
  const struct uh_argument plain[] = {{.name = "DomainName", .type = UH_VALUE_TEXT, .text = domain}, {0}};
  const struct uh_argument force[] = {{.name = "DomainName", .type = UH_VALUE_TEXT, .text = domain},
                                      {.name = "Force", .type = UH_VALUE_BOOL, .yes = true},
                                      {0}};
  const struct uh_change changes[] = {{.cmdlet = "Remove-FederatedDomain", .arguments = forced ? force : plain}, {0}};
  uh_print(why, sizeof why, "%.*s: the registration has to go before the federation trust can.",
           UH_HEAD(row->reason, 300));
  uh_print(question, sizeof question,
           "The federation certificate %.*s ended on %.*s, so that the gateway refuses to release %.*s (1007 "
           "AccessDenied). Is it to go with -Force, which leaves it claimed at the gateway?",
           UH_HEAD(expired.thumbprint, 40), UH_HEAD(expired.ended, 40), UH_HEAD(domain, 200));
  const struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_REDUCE,
      .part = domain,
      .executor = UH_BY_EXCHANGE_SERVER,
      .reversible = UH_REVERSIBLE_BY_OPERATOR,
      .changes = changes,
      .expect = expect,
      .why = why,
      .effect =
          "Other organisations can no longer share with this organisation's servers, nor ask them for free/busy, "
          "under this domain.",
      .undo =
          "While the trust stands: Get-FederatedDomainProof, publish the TXT record that it shows, then "
          "Add-FederatedDomain; for the account namespace Set-FederatedOrganizationIdentifier with "
          "-AccountNamespace, -DelegationFederationTrust and -Enabled $true. The gateway may refuse the same name "
          "within a day (MaxUriReached).",
      .approval = forced ? question : NULL};
  return uh_step_action(run, &action, err);
}

static int release_domain(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { DOMAIN_KEY = UH_ROW_OWN };
  static const struct uh_expect expect[] = {
      {.what = UH_EXPECT_VALUE, .value = {.name = "FederatedOrganizationLink", .type = UH_VALUE_NULL}}, {0}};
  const char *domain = uh_query_text(row->query, DOMAIN_KEY);
  if (!domain || !*domain) return uh_fail(err, UH_ERR_DATA, "an accepted domain without a name is federated");
  return release(run, row, domain, expect, err);
}

static int release_namespace(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { NAMESPACE = UH_ROW_OWN };
  static const struct uh_expect expect[] = {
      {.what = UH_EXPECT_VALUE, .value = {.name = "AccountNamespace", .type = UH_VALUE_NULL}}, {0}};
  const char *namespace = uh_query_text(row->query, NAMESPACE);
  return release(run, row, namespace ? namespace : "", expect, err);
}

/* 0: nothing was ever registered, or all of it is gone. */
static int is_federated(struct uh_step_run *run, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int64_t yes = 0;
  if (uh_step_query(run, federated_sql, &query, err) < 0 || uh_query_next(query, err) < 0) return -1;
  return uh_query_int(query, 0, &yes) && yes == 0 ? 0 : 1;
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  int r = is_federated(run, err);
  if (r <= 0) return r;
  if ((r = uh_step_need(run, "on-premises:ExchangeCertificate", err)) <= 0) return r;
  if (uh_step_note(
          run, err,
          "If the gateway answers 1007 AccessDenied though the federation certificate is valid, the clock of the "
          "server may be five minutes off: mend that and resume.") < 0)
    return -1;
  if (uh_step_obstacles(run, UH_SQL_STEP_FEDERATION, err) < 0 ||
      uh_step_each(run, domains_sql, release_domain, err) < 0)
    return -1;
  return uh_step_each(run, namespace_sql, release_namespace, err);
}

/* The trust stands as long as its own step has not been done; which one it is, the server tells. */
static int undo(struct uh_undo *undo, struct uh_err *err) {
  struct uh_str commands UH_CLEANUP(uh_str_clear) = {0}, name UH_CLEANUP(uh_str_clear) = {0};
  bool holder = strcmp(uh_undo_subject(undo)->kind, "FederatedOrganizationIdentifier") == 0;
  const char *domain = uh_undo_text(undo, holder ? "AccountNamespace" : "DomainName");
  if (!domain || !*domain) domain = uh_undo_subject(undo)->name;
  if (!uh_powershell_quote(&name, domain, strlen(domain)) || !uh_str_text(&name))
    return uh_fail(err, UH_ERR_DATA, "the name of the domain cannot be written in a command");
  if (holder)
    uh_str_addf(
        &commands,
        "Set-FederatedOrganizationIdentifier -AccountNamespace %s -DelegationFederationTrust (Get-FederationTrust "
        "| Select-Object -First 1).Name -Enabled $true",
        uh_str_text(&name));
  else
    uh_str_addf(
        &commands,
        "(Get-FederatedDomainProof -DomainName %s).Proof  # publish this text as a TXT record of the domain first\n"
        "Add-FederatedDomain -DomainName %s\n"
        "# Where it was the account namespace, with no domain federated, instead of Add-FederatedDomain:\n"
        "# Set-FederatedOrganizationIdentifier -AccountNamespace %s -DelegationFederationTrust "
        "(Get-FederationTrust | Select-Object -First 1).Name -Enabled $true",
        uh_str_text(&name), uh_str_text(&name), uh_str_text(&name));
  if (!uh_str_text(&commands)) return uh_fail_nomem(err);
  return uh_undo_commands(undo, uh_str_text(&commands), "in Exchange Management Shell", err);
}

UH_STEP(federated_domain) = {
    .id = "federated-domain",
    .title = "Release the domains that are registered with the federation gateway",
    .requirement = "C-07",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"organization-relationship",
                                            "relationships ask under these domains, with "
                                            "tokens of the gateway"},
                                           {0}},
    .needs = "on-premises:FederatedOrganizationIdentifier," UH_SQL_STEP_FEDERATION_NEEDS,
    .checks = "mailbox.on-premises,sharing.partner,sharing.policy",
    .discover = discover,
    .undo = undo,
    .effect =
        "No other organisation shares with this organisation's servers any more. Sharing through Exchange Online "
        "has its own federation, and stays.",
    .undo_by = "person",
    .undo_limits = "A person proves the domain to the gateway again with a new TXT record.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-federateddomain",
    .explain =
        "Only organisations with Exchange 2010, or made hybrid before March 2020, have a federation trust: none is a "
        "normal state. Which domains are registered is told by the federated organisation's list and by each accepted "
        "domain's own link; the list is computed, and empty where only Active Directory was read. The account namespace "
        "(FYDIBOHF25SPDLT.<domain>) goes last, because the gateway keeps all others under it.\n"
        "Nothing is done while anything else uses federation: an organization relationship with a domain that is not "
        "the tenant's, one that leads to another Exchange organisation, or a sharing policy that names another "
        "organisation. Those that are switched off do not count, nor do Anonymous and * in a sharing policy.\n"
        "-Force is used in one case alone: the current federation certificate has ended, so that the gateway cannot "
        "release the domain; each such domain needs approval, and stays claimed at the gateway (an inference). The same "
        "1007 AccessDenied comes where the server's clock is five minutes off; so look at the clock first. Where a next "
        "certificate is valid, Set-FederationTrust -PublishFederationCertificate may spare -Force. Where no server has "
        "the certificate, no federation cmdlet works, and the step is blocked with the documented repair.\n"
        "Federated identity domains of Entra ID (AD FS) are something else, and are never touched."};
