/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP relay: devices and applications that send through the on-premises server. */
#include <unhybrid/check.h>

#define OBJECT_WHO \
  " CASE guid WHEN '' THEN name ELSE lower(guid) END AS key, nullif(lower(guid),'') AS guid, name AS object,"
#define ENABLED "(lower(prop(json,'Enabled')) IN ('1', 'true'))"
#define AUTH "prop(json,'AuthMechanism')"
#define RANGES "prop_list(object.json,'RemoteIPRanges')"
#define RANGES_TEXT "coalesce((SELECT group_concat(value, ', ') FROM json_each(" RANGES ")), '')"
#define CONNECTOR_EVIDENCE                                                         \
  " json_object('Enabled', prop(json,'Enabled'), 'AuthMechanism', " AUTH           \
  ", 'TransportRole', prop(json,'TransportRole'),"                                 \
  "  'Bindings', json(prop_list(json,'Bindings')), 'RemoteIPRanges', json(" RANGES \
  "), 'identity', identity) AS evidence,"
#define DISABLE                                                                                      \
  "'Set-ReceiveConnector -Identity ' || ps_quote(CASE WHEN identity LIKE '%\\%' THEN identity ELSE " \
  "coalesce(nullif(lower(guid),''), name) END, guid) || ' -Enabled $false'"

/* ---- relay.receive-connector: S-1-5-7 is ANONYMOUS LOGON ---- */
#define ANYONE "has_word(prop_list(json,'AnyRecipientFor'), 'S-1-5-7')"
#define EXTERNAL "has_word(" AUTH ", 'ExternalAuthoritative')"
static const char receive_sql[] =
    "SELECT " ENABLED " AND (" ANYONE " OR " EXTERNAL ") AS violated," OBJECT_WHO
    " 'receive connector' AS kind,"
    " CASE WHEN " ANYONE
    " THEN 'This connector relays to any recipient for anyone from ' ELSE 'This connector trusts every sender "
    "(ExternalAuthoritative) and relays from ' END"
    "  || coalesce(nullif(" RANGES_TEXT
    ", ''), 'the addresses that it serves') || '.' AS message,"
    " json_object('Enabled', prop(json,'Enabled'), 'AnyRecipientFor', json(prop_list(json,'AnyRecipientFor')), "
    "'AuthMechanism', " AUTH
    ","
    "  'RemoteIPRanges', json(coalesce(" RANGES ", '[]')), 'identity', identity) AS evidence," DISABLE
    " AS command"
    " FROM object WHERE side = 'on-premises' AND kind = 'ReceiveConnector'";
static const struct uh_rule receive[] = {{"on-premises", "on-premises:ReceiveConnector", receive_sql}, {0}};

/*
 * ---- relay.custom-connector: the five shapes that Setup makes ----
 * Role and port, every address of the server, all of IPv4 and IPv6 allowed, these ways to log on and no other.
 */
#define ROLE(name) "has_word(prop(json,'TransportRole'), '" name "')"
#define EVERY_BINDING(port)                                                                                         \
  "(prop_list(json,'Bindings') <> '[]' AND NOT EXISTS (SELECT 1 FROM json_each(prop_list(object.json,'Bindings')) " \
  "WHERE "                                                                                                          \
  "value NOT IN ('0.0.0.0:" port "', '[::]:" port "')))"
#define COMMON_AUTH                                                                    \
  "(has_word(" AUTH ", 'Tls') AND has_word(" AUTH ", 'Integrated') AND has_word(" AUTH \
  ", 'BasicAuth') AND has_word(" AUTH                                                  \
  ", 'BasicAuthRequireTLS')"                                                           \
  " AND NOT has_word(" AUTH ", 'ExternalAuthoritative'))"
#define SHAPE \
  "(" COMMON_AUTH " AND ((has_word(" AUTH ", 'ExchangeServer') AND ((" ROLE("HubTransport")                           \
      " AND (" EVERY_BINDING("2525") " OR " EVERY_BINDING("465") ")) OR (" ROLE("FrontendTransport") " AND ("         \
  EVERY_BINDING("25") " OR " EVERY_BINDING("717") ")))) OR (NOT has_word(" AUTH ", 'ExchangeServer') AND "            \
  ROLE("FrontendTransport") " AND " EVERY_BINDING("587") ")))"
/* All of IPv4 is a range that holds its first and last address; IPv6 is narrowed where some range of it is named and
 * none is all. */
#define FULL(mark, first, last)                                                        \
  "EXISTS (SELECT 1 FROM json_each(" RANGES ") WHERE " mark " AND in_networks('" first \
  "', json_array(value)) AND in_networks('" last "', json_array(value)))"
#define OPEN_TO_ALL                                                                                                  \
  "CASE WHEN " RANGES " IS NOT NULL THEN " FULL("value NOT LIKE '%:%'", "0.0.0.0", "255.255.255.255") " AND (" FULL( \
      "value LIKE '%:%'",                                                                                            \
      "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") " OR NOT EXISTS (SELECT 1 FROM json_each(" RANGES             \
                                                       ") WHERE value LIKE '%:%')) END"
static const char custom_sql[] =
    "SELECT " ENABLED " AND NOT (" SHAPE " AND " OPEN_TO_ALL ") AS violated," OBJECT_WHO
    " 'receive connector' AS kind,"
    " CASE WHEN NOT " OPEN_TO_ALL " THEN 'This connector serves chosen senders: ' || coalesce(nullif(" RANGES_TEXT
    ", ''), 'none') || '.'"
    "  ELSE 'This connector is none of the five that Setup makes: ' || coalesce((SELECT group_concat(value, ', ') FROM "
    "json_each(prop_list(object.json,'Bindings'))), '') || '.' END AS message," CONNECTOR_EVIDENCE DISABLE
    " AS command FROM object WHERE side = 'on-premises' AND kind = 'ReceiveConnector'";
static const struct uh_rule custom[] = {{"on-premises", "on-premises:ReceiveConnector", custom_sql}, {0}};

/* ---- relay.inbound-connector ---- */
#define SENDERS "prop_list(object.json,'SenderIPAddresses')"
#define BY_WIZARD "(lower(prop(json,'ConnectorSource')) = 'hybridwizard')"
static const char inbound_sql[] =
    "SELECT " ENABLED " AND has_word(prop(json,'ConnectorType'), 'OnPremises') AND (NOT " BY_WIZARD " OR " SENDERS
    " <> '[]') AS violated," OBJECT_WHO
    " 'inbound connector' AS kind,"
    " CASE WHEN " SENDERS
    " <> '[]' THEN 'This connector lets ' || (SELECT group_concat(value, ', ') FROM json_each(" SENDERS
    ")) || ' send as the organisation by address alone.'"
    "  ELSE 'This connector from on premises was not made by the Hybrid Configuration Wizard (ConnectorSource ' || "
    "coalesce(nullif(prop(json,'ConnectorSource'),''), 'not given') || ').' END AS message,"
    " json_object('Enabled', prop(json,'Enabled'), 'ConnectorType', prop(json,'ConnectorType'), 'ConnectorSource', "
    "prop(json,'ConnectorSource'),"
    "  'SenderIPAddresses', json(" SENDERS
    "), 'TlsSenderCertificateName', coalesce(prop(json,'TlsSenderCertificateName'),'')) AS evidence,"
    " 'Set-InboundConnector -Identity ' || ps_quote(name, guid) || ' -Enabled $false' AS command"
    " FROM object WHERE side = 'cloud' AND kind = 'InboundConnector'";
static const struct uh_rule inbound[] = {{"cloud", "cloud:InboundConnector", inbound_sql}, {0}};

#define ALLOW_RELAY "https://learn.microsoft.com/exchange/mail-flow/connectors/allow-anonymous-relay"
static const struct uh_check checks[] = {
    {.id = "relay.receive-connector",
     .title = "No receive connector relays for devices or applications",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-15",
     .rules = receive,
     .remedy = "Find the senders in the protocol log of the connector over weeks (monthly jobs too), move each to "
               "another way of sending, then disable "
               "the connector and watch.",
     .reference = ALLOW_RELAY,
     .explain = "Enabled receive connectors on which ANONYMOUS LOGON (S-1-5-7) has the right "
                "ms-Exch-SMTP-Accept-Any-Recipient, or whose "
                "AuthMechanism has ExternalAuthoritative. Rights are compared by SID, never by name. The rights stand "
                "in the connector's access "
                "control list, which an export of Get-ReceiveConnector does not hold: such a connector cannot be "
                "judged. What the Hybrid "
                "Configuration Wizard changes on the default front end connector (TlsDomainCapabilities, certificate) "
                "is no finding."},
    {.id = "relay.custom-connector",
     .title = "No receive connector was made for special senders",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-15",
     .rules = custom,
     .remedy = "Find out from the protocol log whether anything still uses it; disable it, watch, then remove it. "
               "Never remove a default connector.",
     .reference = "https://learn.microsoft.com/exchange/mail-flow/connectors/receive-connectors",
     .explain = "Enabled receive connectors that differ from the five of Setup in role, port, authentication or in the "
                "addresses they serve (IPv4 or "
                "IPv6 ranges narrowed). Names play no part: they are translated and can be changed."},
    {.id = "relay.inbound-connector",
     .title = "No inbound connector in Exchange Online serves on-premises senders",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-15",
     .rules = inbound,
     .remedy = "Find out who sends through it (message trace by connector). Keep it for devices that stay, as a "
               "connector of their own; else disable it, "
               "watch, then remove it. Removing it while it is used gives 550 5.7.64 TenantAttribution.",
     .reference = "https://learn.microsoft.com/exchange/troubleshoot/email-delivery/ndr/relay-access-denied-smtp",
     .explain = "Enabled inbound connectors of type OnPremises that the Hybrid Configuration Wizard did not make "
                "(ConnectorSource), or that know their "
                "senders by address. The wizard's own connector, which knows the server by its certificate, is no "
                "finding: the cleanup removes it. "
                "Connectors of partners are no finding."},
    {.id = "relay.traffic",
     .title = "Nothing sends through the on-premises server any more",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-15",
     .blind_spot = "no source of this version sees the traffic: devices reach internal recipients through the default "
                   "connectors, which no "
                   "configuration shows",
     .remedy = "Look through the SMTP receive protocol logs (front end and hub) and the message tracking logs over at "
               "least 30 days, month-end "
               "included, for clients other than Exchange Online and the servers themselves.",
     .reference = "https://learn.microsoft.com/exchange/mail-flow/connectors/protocol-logging",
     .explain = "Never passes by itself. That no connector relays does not mean that nobody sends: the default "
                "connectors accept mail for internal "
                "recipients from everyone. Only logs over a window that holds the weekly and monthly jobs show it."},
    {0}};
UH_CHECK_MODULE(relay, checks);
