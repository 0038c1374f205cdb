/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP relay: devices and applications that send through the on-premises server. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* Every receive connector with its lists. The command names it by SERVER\NAME where that is known: names repeat. */
#define CONNECTORS                                                                                \
  "WITH connector AS ("                                                                           \
  "  SELECT *, " UH_SQL_TRUE("Enabled") " AS enabled,"                                            \
  "    prop(json, 'AuthMechanism') AS auth,"                                                      \
  "    prop(json, 'TransportRole') AS role,"                                                      \
  "    prop_list(json, 'Bindings') AS bindings,"                                                  \
  "    prop_list(json, 'RemoteIPRanges') AS ranges,"                                              \
  "    prop_list(json, 'AnyRecipientFor') AS any_recipient_for"                                   \
  "   FROM object"                                                                                \
  "   WHERE side = 'on-premises' AND kind = 'ReceiveConnector'),"                                 \
  " receiver AS ("                                                                                \
  "  SELECT *, (SELECT nullif(group_concat(value, ', '), '') FROM json_each(ranges)) AS senders," \
  "    'Set-ReceiveConnector -Identity '"                                                         \
  "      || ps_quote(CASE WHEN identity LIKE '%\\%' THEN identity"                                \
  "                   ELSE coalesce(nullif(lower(guid), ''), name) END, guid)"                    \
  "      || ' -Enabled $false' AS disable"                                                        \
  "   FROM connector)"

/* ---- relay.receive-connector: S-1-5-7 is ANONYMOUS LOGON ---- */
#define ANYONE "has_word(any_recipient_for, 'S-1-5-7')"
static const char receive_sql[] = CONNECTORS
    " SELECT enabled AND (" ANYONE " OR has_word(auth, 'ExternalAuthoritative')) AS violated," UH_SQL_OBJECT_WHO
    "  'receive connector' AS kind,"
    "  CASE WHEN " ANYONE
    "    THEN 'This connector relays to any recipient for anyone from '"
    "    ELSE 'This connector trusts every sender (ExternalAuthoritative) and relays from ' END"
    "   || coalesce(senders, 'the addresses that it serves') || '.' AS message,"
    "  json_object("
    "    'Enabled', prop_json(json, 'Enabled'),"
    "    'AnyRecipientFor', json(any_recipient_for),"
    "    'AuthMechanism', prop_json(json, 'AuthMechanism'),"
    "    'RemoteIPRanges', json(coalesce(ranges, '[]')),"
    "    'identity', identity) AS evidence,"
    "  disable AS command"
    " FROM receiver";
static const struct uh_rule receive[] = {{"on-premises", "on-premises:ReceiveConnector", receive_sql}, {0}};

/*
 * ---- relay.custom-connector: the five shapes that Setup makes ----
 * Role and port, every address of the server, all of IPv4 and IPv6 allowed, these ways to log on and no other.
 */
#define ROLE(name) "has_word(role, '" name "')"
#define AUTH(name) "has_word(auth, '" name "')"
#define EVERY_BINDING(port)                                             \
  "(bindings <> '[]' AND NOT EXISTS (SELECT 1 FROM json_each(bindings)" \
  " WHERE value NOT IN ('0.0.0.0:" port "', '[::]:" port "')))"
#define SHAPE                                                                                            \
  "(" AUTH("Tls") " AND " AUTH("Integrated") " AND " AUTH("BasicAuth") " AND " AUTH("BasicAuthRequireTLS") \
  "     AND NOT " AUTH("ExternalAuthoritative")                                                          \
  "     AND (" AUTH("ExchangeServer") " AND " ROLE("HubTransport")                                       \
  "         AND (" EVERY_BINDING("2525") " OR " EVERY_BINDING("465") ")"                                 \
  "       OR " AUTH("ExchangeServer") " AND " ROLE("FrontendTransport")                                  \
  "         AND (" EVERY_BINDING("25") " OR " EVERY_BINDING("717") ")"                                   \
  "       OR NOT " AUTH("ExchangeServer") " AND " ROLE("FrontendTransport") " AND " EVERY_BINDING("587") "))"
/*
 * All of IPv4 is a range that holds its first and last address; IPv6 is narrowed where some range of it is named and
 * none is all.
 */
#define RANGE(is) "EXISTS (SELECT 1 FROM json_each(ranges) WHERE " is ")"
#define HOLDS(first, last) "in_networks('" first "', json_array(value)) AND in_networks('" last "', json_array(value))"
#define OPEN_TO_ALL                                                                                            \
  "CASE WHEN ranges IS NOT NULL THEN"                                                                          \
  "     " RANGE("value NOT LIKE '%:%' AND " HOLDS("0.0.0.0", "255.255.255.255"))                               \
  "     AND (NOT " RANGE("value LIKE '%:%'")                                                                   \
  "       OR " RANGE("value LIKE '%:%' AND " HOLDS("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")) ") END"
static const char custom_sql[] = CONNECTORS
    ", shaped AS ("
    "  SELECT *, " SHAPE " AS by_setup,"
    "    " OPEN_TO_ALL " AS open_to_all"
    "   FROM receiver)"
    " SELECT enabled AND NOT (by_setup AND open_to_all) AS violated," UH_SQL_OBJECT_WHO
    "  'receive connector' AS kind,"
    "  CASE WHEN NOT open_to_all THEN 'This connector serves chosen senders: ' || coalesce(senders, 'none') || '.'"
    "    ELSE 'This connector is none of the five that Setup makes: '"
    "      || coalesce((SELECT group_concat(value, ', ') FROM json_each(bindings)), '') || '.' END AS message,"
    "  json_object("
    "    'Enabled', prop_json(json, 'Enabled'),"
    "    'AuthMechanism', prop_json(json, 'AuthMechanism'),"
    "    'TransportRole', prop_json(json, 'TransportRole'),"
    "    'Bindings', json(bindings),"
    "    'RemoteIPRanges', json(ranges),"
    "    'identity', identity) AS evidence,"
    "  disable AS command"
    " FROM shaped";
static const struct uh_rule custom[] = {{"on-premises", "on-premises:ReceiveConnector", custom_sql}, {0}};

/* ---- relay.inbound-connector ---- */
static const char inbound_sql[] =
    "WITH connector AS ("
    "  SELECT *, prop_list(json, 'SenderIPAddresses') AS senders,"
    "    prop(json, 'ConnectorSource') AS source_of_it"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'InboundConnector')"
    " SELECT " UH_SQL_TRUE("Enabled")
    "   AND has_word(prop(json, 'ConnectorType'), 'OnPremises')"
    "   AND (lower(source_of_it) <> 'hybridwizard' OR senders <> '[]') AS violated," UH_SQL_OBJECT_WHO
    "  'inbound connector' AS kind,"
    "  CASE WHEN senders <> '[]'"
    "    THEN 'This connector lets ' || (SELECT group_concat(value, ', ') FROM json_each(senders))"
    "      || ' send as the organisation by address alone.'"
    "    ELSE 'This connector from on premises was not made by the Hybrid Configuration Wizard (ConnectorSource '"
    "      || coalesce(nullif(source_of_it, ''), 'not given') || ').' END AS message,"
    "  json_object("
    "    'Enabled', prop_json(json, 'Enabled'),"
    "    'ConnectorType', prop_json(json, 'ConnectorType'),"
    "    'ConnectorSource', source_of_it,"
    "    'SenderIPAddresses', json(senders),"
    "    'TlsSenderCertificateName', coalesce(prop(json, 'TlsSenderCertificateName'), '')) AS evidence,"
    "  'Set-InboundConnector -Identity ' || ps_quote(name, guid) || ' -Enabled $false' AS command"
    " FROM connector";
static const struct uh_rule inbound[] = {{"cloud", "cloud:InboundConnector", inbound_sql}, {0}};

/*
 * ---- relay.traffic: what somebody looked at who says that nothing is sent ----
 * A new connector, one that was enabled again, or other addresses that it serves, are new ways in.
 */
#define SORTED(list) \
  "(SELECT group_concat(value) FROM (SELECT value FROM json_each(prop_list(object.json, '" list "')) ORDER BY value))"
static const char ways_in[] =
    "SELECT DISTINCT coalesce(nullif(lower(guid), ''), name) AS connector, " UH_SQL_TRUE("Enabled") " AS enabled,"
    "  " SORTED("Bindings") " AS bindings, " SORTED("RemoteIPRanges") " AS ranges"
    " FROM object"
    " WHERE side = 'on-premises' AND kind = 'ReceiveConnector'";
static const struct uh_attestable no_traffic[] = {
    {.fact = "relay.no-traffic",
     .question = "Does nothing but Exchange Online and the servers themselves send mail through the on-premises servers "
                 "any more?",
     .how = "Turn on protocol logging (Set-ReceiveConnector -ProtocolLoggingLevel Verbose) on every receive connector, "
            "let at least 30 days pass, month-end included, then look through the SMTP receive logs of the front end "
            "and hub services, and through Get-MessageTrackingLog -EventId RECEIVE -Source SMTP, for client addresses "
            "other than those of Exchange Online and of the servers. Ask the owners of printers, scanners, monitoring "
            "and line-of-business applications where they send to.",
     .values = "yes",
     .basis = ways_in,
     .basis_needs = "on-premises:ReceiveConnector"},
    {0}};
/* clang-format on */

#define ALLOW_RELAY "https://learn.microsoft.com/exchange/mail-flow/connectors/allow-anonymous-relay"
static const struct uh_check checks[] = {
    {.id = "relay.receive-connector",
     .title = "No receive connector relays for devices or applications",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-15",
     .rules = receive,
     .remedy = "Find the senders in the protocol log of the connector over weeks (monthly jobs too), move each to "
               "another way of sending, then disable the connector in the Exchange Management Shell and watch.",
     .reference = ALLOW_RELAY,
     .explain = "Enabled receive connectors on which ANONYMOUS LOGON (S-1-5-7) has the right "
                "ms-Exch-SMTP-Accept-Any-Recipient, or whose AuthMechanism has ExternalAuthoritative. Rights are "
                "compared by SID, never by name. The rights stand in the connector's access control list, which an "
                "export of Get-ReceiveConnector does not hold: such a connector cannot be judged. What the Hybrid "
                "Configuration Wizard changes on the default front end connector (TlsDomainCapabilities, "
                "certificate) is no finding."},
    {.id = "relay.custom-connector",
     .title = "No receive connector was made for special senders",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-15",
     .rules = custom,
     .remedy = "Find out from the protocol log whether anything still uses it; disable it in the Exchange Management "
               "Shell, watch, then remove it. Never remove a default connector.",
     .reference = "https://learn.microsoft.com/exchange/mail-flow/connectors/receive-connectors",
     .explain = "Enabled receive connectors that differ from the five of Setup in role, port, authentication or in "
                "the addresses they serve (IPv4 or IPv6 ranges narrowed). Names play no part: they are translated "
                "and can be changed."},
    {.id = "relay.inbound-connector",
     .title = "No inbound connector in Exchange Online serves on-premises senders",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-15",
     .rules = inbound,
     .remedy = "Find out who sends through it (message trace by connector). Keep it for devices that stay, as a "
               "connector of their own; else disable it in Exchange Online PowerShell, watch, then remove it. "
               "Removing it while it is used gives 550 5.7.64 TenantAttribution.",
     .reference = "https://learn.microsoft.com/exchange/troubleshoot/email-delivery/ndr/relay-access-denied-smtp",
     .explain = "Enabled inbound connectors of type OnPremises that the Hybrid Configuration Wizard did not make "
                "(ConnectorSource), or that know their senders by address. The wizard's own connector, which knows "
                "the server by its certificate, is no finding: the cleanup removes it. Connectors of partners are no "
                "finding."},
    {.id = "relay.traffic",
     .title = "Nothing sends through the on-premises server any more",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-15",
     .never_fails = true,
     .blind_spot = "no source of this version sees the traffic: devices reach internal recipients through the "
                   "default connectors, which no configuration shows",
     .attests = no_traffic,
     .remedy = "Look through the SMTP receive protocol logs (front end and hub) and the message tracking logs over "
               "at least 30 days, month-end included, for clients other than Exchange Online and the servers "
               "themselves.",
     .reference = "https://learn.microsoft.com/exchange/mail-flow/connectors/protocol-logging",
     .explain = "Never passes by itself. That no connector relays does not mean that nobody sends: the default "
                "connectors accept mail for internal recipients from everyone. Only logs over a window that holds "
                "the weekly and monthly jobs show it."},
    {0}};
UH_CHECK_MODULE(relay, checks);
