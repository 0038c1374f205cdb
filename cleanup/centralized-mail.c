/* SPDX-License-Identifier: Apache-2.0 */
/* Centralized mail transport: everything that Exchange Online sends leaves through the server. It ends first. */
#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

/* The domains of which the wizard makes a connector without centralized transport. */
static const char domains_sql[] =
    "SELECT json_group_array(domain) FROM (SELECT DISTINCT " UH_SQL_STEP_DOMAIN("value") " AS domain FROM anchor"
    " WHERE name = 'hybrid-domain' ORDER BY domain) WHERE domain <> ''";

static int read_domains(struct uh_step_run *run, struct uh_step_list *domains, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  if (uh_step_query(run, domains_sql, &query, err) < 0) return -1;
  int r = uh_query_next(query, err);
  return r > 0 ? uh_step_list_read(query, 0, domains, err) : r;
}

static int narrow(struct uh_step_run *run, const struct uh_step_row *row, const struct uh_step_list *domains,
                  struct uh_err *err) {
  const struct uh_argument arguments[] = {
      {.name = "RouteAllMessagesViaOnPremises", .type = UH_VALUE_BOOL, .yes = false},
      {.name = domains->n ? "RecipientDomains" : NULL, .type = UH_VALUE_TEXTS, .texts = {domains->v, domains->n}},
      {0}};
  const struct uh_change changes[] = {{.cmdlet = "Set-OutboundConnector", .arguments = arguments}, {0}};
  /* The list as it is set, not that * is out of it: later actions on the connector, and an undo, start from it. */
  const struct uh_expect expect[] = {{.what = UH_EXPECT_VALUE, .value = arguments[0]},
                                     {.what = domains->n ? UH_EXPECT_VALUE : UH_EXPECT_END, .value = arguments[1]},
                                     {.what = UH_EXPECT_END}};
  const struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_SET,
      .executor = UH_BY_EXCHANGE_ONLINE,
      .reversible = UH_REVERSIBLE,
      .changes = changes,
      .expect = expect,
      .why = row->reason,
      .effect =
          "Mail from the cloud to the internet leaves Exchange Online directly: what the server or a gateway "
          "behind it did to it (disclaimers, filters, archives, allowed addresses) is not done any more.",
      .observe = true};
  return uh_step_action(run, &action, err);
}

/* To change it for one is to change it for the other: a gateway's mail, or another forest's. */
static int leave(struct uh_step_run *run, const struct uh_step_row *row, bool through, struct uh_err *err) {
  if (!through)
    return uh_step_note(run, err, "The connector %s goes on taking mail for every domain (*): %s.", row->subject.name,
                        row->reason);
  return uh_step_blocked(run, err,
                         "everything that Exchange Online sends leaves through the connector %s, and it is not this "
                         "deployment's alone: %s. Whoever knows both has to end that by hand "
                         "(Set-OutboundConnector -RouteAllMessagesViaOnPremises $false)",
                         row->subject.name, row->reason);
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { ENABLED = UH_ROW_OWN, EVERYTHING_THROUGH, EVERY_DOMAIN };
  struct uh_step_list domains UH_CLEANUP(uh_step_list_clear) = {0};
  int64_t through = 0, every = 0, enabled = 1;
  (void)uh_query_int(row->query, ENABLED, &enabled);
  (void)uh_query_int(row->query, EVERYTHING_THROUGH, &through);
  (void)uh_query_int(row->query, EVERY_DOMAIN, &every);
  if (!through && !every) return 0;
  if (row->owner == UH_OWNER_SHARED) return leave(run, row, through && enabled, err);
  if (!every) return narrow(run, row, &domains, err);
  if (read_domains(run, &domains, err) < 0) return -1;
  if (domains.n == 0)
    return uh_step_blocked(run, err,
                           "the connector %s takes mail for every domain (*) to the server, and the hybrid domains to "
                           "narrow it to are not known: set its RecipientDomains by hand",
                           row->subject.name);
  return narrow(run, row, &domains, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, UH_SQL_STEP_CONNECTOR, act, err);
}

UH_STEP(centralized_mail) = {
    .id = "centralized-mail",
    .title = "Let Exchange Online send directly, not through the server",
    .requirement = "C-00",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{0}},
    .needs = UH_SQL_STEP_CONNECTOR_NEEDS,
    .checks = "forest.organization,forest.object",
    .mends = "routing.centralized,routing.recipient-domain",
    .discover = discover,
    .effect = "Mail from the cloud to the internet does not pass the server any more.",
    .undo_limits = "Nothing: the old values are set again.",
    .reference = "https://learn.microsoft.com/exchange/transport-options",
    .explain =
        "Outbound connectors in Exchange Online that are the hybrid deployment's (`unhybrid steps explain "
        "cloud-connector` says how they are told apart) and have RouteAllMessagesViaOnPremises. The wizard gives such "
        "a connector the recipient domain *, which would go on taking everything to the server: it is narrowed to the "
        "hybrid domains in the same command. A connector that a person made, or another forest's, stays as it is; "
        "where one has the switch, the check routing.centralized fails and names it. The feature's name in "
        "HybridConfiguration goes with that object.\n"
        "SPF has to name Exchange Online before (the check dns.spf says). Then the cleanup pauses, so that mail can be "
        "watched.\n"
        "One that serves something else too - another forest, a third-party gateway (mail_flow.gateways), a transport "
        "rule, domains that are not the tenant's - is not changed: while everything leaves through it the step is "
        "blocked, and a person ends that by hand."};
