/* SPDX-License-Identifier: Apache-2.0 */
/* Accepted domains that Exchange Online relays to the server become its own. */
#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * judged: accepted domains in Exchange Online, with domain and owner: "shared" is one that only the hybrid deployment
 * makes a relay. onward: a connector that is not the wizard's takes the domain's mail on to another system, so the
 * domain has to go on relaying.
 */
#define JUDGED                                                                                                      \
  UH_SQL_STEP_PLACES ","                                                                                            \
  " thing AS MATERIALIZED ("                                                                                        \
  "  SELECT side, kind, guid, name, lower(prop(json, 'DomainType')) AS type,"                                       \
  "    domain_key(iif(prop(json, 'DomainName') = '', name, prop(json, 'DomainName'))) AS domain,"                   \
  "    " UH_SQL_TRUE("MatchSubDomains") " AS subdomains"                                                            \
  "   FROM configuration"                                                                                           \
  "   WHERE side = 'cloud' AND kind = 'AcceptedDomain'),"                                                           \
  " led AS MATERIALIZED ("                                                                                          \
  "  SELECT *, iif(domain IN (SELECT domain FROM own), 1, (SELECT mine FROM place WHERE place.domain = thing.domain)) AS mine," \
  "    (SELECT min(c.name) FROM configuration AS c"                                                                 \
  "      WHERE c.side = 'cloud' AND c.kind = 'OutboundConnector' AND lower(prop(c.json, 'ConnectorSource')) IS NOT 'hybridwizard'" \
  "        AND prop(c.json, 'Enabled') IS NOT 0 AND NOT " UH_SQL_STEP_NAMED("outbound-connector", "c")              \
  "        AND EXISTS (SELECT 1 FROM json_each(prop_list(c.json, 'RecipientDomains')) AS entry"                     \
  "          WHERE " UH_SQL_STEP_DOMAIN("entry.value") " = thing.domain)) AS onward"                                \
  "   FROM thing),"                                                                                                 \
  " judged AS MATERIALIZED ("                                                                                       \
  "  SELECT *, CASE"                                                                                                \
  "    WHEN type IS NULL OR domain IS NULL THEN NULL"                                                               \
  "    WHEN type <> 'internalrelay' THEN 'tenant'"                                                                  \
  "    WHEN ours.organization_guid IS NULL OR untold.holder THEN NULL"                                              \
  "    WHEN mine = 0 THEN 'other-forest'"                                                                           \
  "    WHEN mine IS NULL OR onward IS NOT NULL OR subdomains THEN 'tenant'"                                         \
  "    WHEN subdomains = 0 THEN 'shared' END AS owner"                                                              \
  "   FROM led, ours, untold)"
static const char domains_sql[] = JUDGED
    " SELECT side, kind, guid, name, owner,"
    "  CASE"
    "    WHEN domain IS NULL THEN 'DomainName was not obtained'"
    "    WHEN type IS NULL THEN 'DomainType was not obtained'"
    "    WHEN type <> 'internalrelay' THEN 'it is no relay'"
    "    WHEN owner = 'shared' THEN 'Exchange Online sends mail for its unknown recipients to the server that goes (InternalRelay)'"
    "    WHEN owner = 'other-forest' THEN 'another forest''s OnPremisesOrganization has it as a hybrid domain'"
    "    WHEN owner = 'tenant' AND onward IS NOT NULL THEN 'the connector ' || onward || ' takes its mail on to another system'"
    "    WHEN owner = 'tenant' AND subdomains THEN 'it relays for all its subdomains (MatchSubDomains): a person has to decide'"
    "    WHEN owner = 'tenant' THEN 'it relays, but is none of this organisation''s domains'"
    "    WHEN ours.organization_guid IS NULL THEN 'the GUID of this Exchange organisation is not known'"
    "    WHEN untold.holder THEN 'what an OnPremisesOrganization names was not obtained'"
    "    ELSE 'MatchSubDomains was not obtained' END AS reason"
    " FROM judged, ours, untold"
    " ORDER BY name, guid";

/*
 * Addresses of those domains in Active Directory, secondary ones and those that a contact leads to included, that no
 * recipient in Exchange Online has. One pass over each side; only addresses of those domains are kept.
 */
static const char missing_sql[] = JUDGED
    ", relay(domain) AS MATERIALIZED (SELECT DISTINCT domain FROM judged WHERE owner = 'shared'),"
    " there(address) AS MATERIALIZED ("
    "  SELECT address_key(a.value)"
    "   FROM exchange_recipient r, json_each(r.addresses) a"
    "   WHERE r.side = 'cloud' AND r.listing NOT IN ('SoftDeletedMailbox', 'InactiveMailboxOnly')"
    "     AND " UH_SQL_IN_RELAY "),"
    " here(address) AS MATERIALIZED ("
    "  SELECT address_key(a.value)"
    "   FROM directory_recipient r, json_each(r.addresses) a"
    "   WHERE " UH_SQL_IN_RELAY " AND NOT " UH_SQL_OWN_MAILBOX
    "  UNION"
    "  SELECT address_key(a.value)"
    "   FROM (SELECT target_address AS value, dn, recipient_type_details FROM directory_recipient"
    "     WHERE target_address <> '') AS a"
    "   WHERE " UH_SQL_IN_RELAY " AND NOT " UH_SQL_OWN_MAILBOX "),"
    " missing(address) AS MATERIALIZED (SELECT address FROM here WHERE address NOT IN (SELECT address FROM there))"
    " SELECT (SELECT count(*) FROM missing),"
    "  (SELECT group_concat(address, ', ') FROM (SELECT address FROM missing ORDER BY address LIMIT 20)),"
    "  (SELECT count(*) FROM directory_recipient"
    "    WHERE (addresses IS NULL OR target_address IS NULL) AND NOT " UH_SQL_OWN_MAILBOX "),"
    "  (SELECT count(*) FROM exchange_recipient WHERE side = 'cloud' AND addresses IS NULL)";
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  const struct uh_argument arguments[] = {{.name = "DomainType", .type = UH_VALUE_TEXT, .text = "Authoritative"}, {0}};
  const struct uh_change changes[] = {{.cmdlet = "Set-AcceptedDomain", .arguments = arguments}, {0}};
  const struct uh_expect expect[] = {{.what = UH_EXPECT_VALUE, .value = arguments[0]}, {0}};
  const struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_SET,
      .executor = UH_BY_EXCHANGE_ONLINE,
      .reversible = UH_REVERSIBLE,
      .changes = changes,
      .expect = expect,
      .why = row->reason,
      .effect = "Mail to an address of this domain that Exchange Online does not know is refused at once."};
  return uh_step_action(run, &action, err);
}

static int any_relay(struct uh_step_run *run, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  if (uh_step_query(run, JUDGED " SELECT 1 FROM judged WHERE owner = 'shared' LIMIT 1", &query, err) < 0) return -1;
  return uh_query_next(query, err);
}

/* Whoever would not be reached any more stops the step. */
static int look_for_missing(struct uh_step_run *run, struct uh_err *err) {
  enum { MISSING, FIRST, UNTOLD_HERE, UNTOLD_THERE };
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int64_t missing = 0, here = 0, there = 0;
  if (uh_step_query(run, missing_sql, &query, err) < 0) return -1;
  int r = uh_query_next(query, err);
  if (r <= 0) return r;
  (void)uh_query_int(query, MISSING, &missing);
  (void)uh_query_int(query, UNTOLD_HERE, &here);
  (void)uh_query_int(query, UNTOLD_THERE, &there);
  const char *first = uh_query_text(query, FIRST);
  if (missing && there)
    return uh_step_blocked(run, err,
                           "no recipient in Exchange Online is seen for %lld addresses of relayed domains, but of %lld "
                           "recipients there the addresses were not obtained: %s%s",
                           (long long)missing, (long long)there, first ? first : "", missing > 20 ? ", .." : "");
  if (missing)
    return uh_step_blocked(run, err,
                           "%lld addresses of relayed domains are in Active Directory, and on no recipient in Exchange "
                           "Online: %s%s",
                           (long long)missing, first ? first : "", missing > 20 ? ", .." : "");
  if (here)
    return uh_step_blocked(run, err,
                           "the addresses of %lld objects in Active Directory were not obtained: whether Exchange "
                           "Online knows them cannot be told",
                           (long long)here);
  return 0;
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  if (uh_step_each(run, domains_sql, act, err) < 0) return -1;
  int r = any_relay(run, err);
  if (r <= 0) return r;
  r = uh_step_need(run, "on-premises:Recipient,cloud:Mailbox,cloud:Recipient", err);
  return r > 0 ? look_for_missing(run, err) : r;
}

UH_STEP(accepted_domain_type) = {
    .id = "accepted-domain-type",
    .title = "Make Exchange Online the end of the way for the relayed domains",
    .requirement = "C-00",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"centralized-mail", "the way out is settled before the way in"}, {0}},
    .needs = UH_SQL_STEP_PLACES_NEEDS ",cloud:OutboundConnector",
    .checks = "routing.relay-recipients,mailbox.on-premises,dns.mx,forest.organization",
    .mends = "routing.accepted-domain",
    .discover = discover,
    .effect = "Mail for recipients that Exchange Online does not know is refused instead of sent to the server.",
    .undo_limits = "Nothing: the old type is set again. Mail that was refused meanwhile is with its senders.",
    .reference =
        "https://learn.microsoft.com/exchange/mail-flow-best-practices/manage-accepted-domains/"
        "manage-accepted-domains",
    .explain =
        "Accepted domains in Exchange Online of type InternalRelay that are hybrid domains or accepted domains of this "
        "organisation. Before one becomes Authoritative every address of it in Active Directory - of mailboxes, mail "
        "users, contacts, groups, dynamic groups and mail-enabled public folders, secondary addresses and target "
        "addresses too - has to be on a recipient in Exchange Online: what is not there would be refused. The first "
        "twenty that are missing are named, and the step is blocked. Exchange's own mailboxes do not count.\n"
        "Left alone: domains of another forest; domains whose mail a connector that is not the wizard's takes on to "
        "another system, because they have to relay; and domains that stand for their subdomains (MatchSubDomains). "
        "The check routing.accepted-domain goes on naming these."};
