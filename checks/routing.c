/* SPDX-License-Identifier: Apache-2.0 */
/* Mail routing: what still goes through the on-premises server, or would be lost without it. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

#define DOMAIN_NAME "coalesce(nullif(prop(json, 'DomainName'), ''), name)"
/* To compare: the name is a person's choice and stands in only where the service says that there is no other. */
#define DOMAIN_TOLD "iif(prop(json, 'DomainName') = '', name, prop(json, 'DomainName'))"
/* <tenant>.mail.onmicrosoft.com and its counterparts in the sovereign clouds. */
#define TENANT_MAIL(domain)                                                              \
  "(" domain " LIKE '%.mail.onmicrosoft.com' OR " domain " LIKE '%.mail.onmicrosoft.us'" \
  " OR " domain " LIKE '%.mail.partner.onmschina.cn')"

/* ---- routing.centralized ---- */
/* AD holds a number: which of the bits 128 and 256 is Centralized is not known, so either counts. */
static const char centralized_hybrid[] =
    "WITH hybrid AS ("
    "  SELECT *, prop(json, 'Features') AS features,"
    "    typeof(prop(json, 'Features')) = 'integer' AS as_number"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind = 'HybridConfiguration')"
    " SELECT CASE WHEN as_number THEN features & 384 <> 0"
    "   ELSE features LIKE '%centralized%' END AS violated," UH_SQL_OBJECT_WHO
    "  'hybrid configuration' AS kind,"
    "  'The hybrid configuration has the feature of centralized mail transport.' AS message,"
    "  json_object('Features', prop_json(json, 'Features')) AS evidence,"
    "  coalesce('Set-HybridConfiguration -Features ' || ("
    "     SELECT group_concat(ps_quote(value, ''), ',')"
    "      FROM json_each(prop_list(hybrid.json, 'Features'))"
    "      WHERE NOT as_number AND value NOT LIKE '%centralized%'), '') AS command"
    " FROM hybrid";
static const char centralized_connector[] =
    "SELECT " UH_SQL_TRUE("Enabled") " AND " UH_SQL_TRUE("RouteAllMessagesViaOnPremises") " AS violated,"
    UH_SQL_OBJECT_WHO
    "  'outbound connector' AS kind,"
    "  'Everything that Exchange Online sends leaves through the on-premises server (RouteAllMessagesViaOnPremises).'"
    "   AS message,"
    "  json_object("
    "    'Enabled', prop_json(json, 'Enabled'),"
    "    'RouteAllMessagesViaOnPremises', prop_json(json, 'RouteAllMessagesViaOnPremises'),"
    "    'SmartHosts', json(prop_list(json, 'SmartHosts')),"
    "    'listing', listing) AS evidence,"
    "  'Set-OutboundConnector -Identity ' || ps_quote(name, guid) || ' -RouteAllMessagesViaOnPremises $false'"
    "   AS command"
    " FROM object"
    " WHERE side = 'cloud' AND kind = 'OutboundConnector'";
static const struct uh_rule centralized[] = {{"on-premises", "on-premises:HybridConfiguration", centralized_hybrid},
                                             {"cloud", "cloud:OutboundConnector", centralized_connector},
                                             {0}};

/* ---- routing.outbound-connector ---- */
static const char outbound_sql[] =
    "WITH rule AS ("
    "  SELECT name, guid, json,"
    "    nullif(prop(json, 'RouteMessageOutboundConnector'), '') AS target,"
    "    prop(json, 'RouteMessageOutboundConnector') IS NULL AS untold,"
    "    lower(prop(json, 'State')) <> 'disabled' AS active"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'TransportRule'),"
    " routed AS ("
    "  SELECT rule.*, max(c.name) AS connector,"
    "    max(has_word(prop(c.json, 'ConnectorType'), 'OnPremises')) AS on_premises,"
    "    max(prop_list(c.json, 'SmartHosts')) AS hosts"
    "   FROM rule"
    "   LEFT JOIN object c ON c.side = 'cloud' AND c.kind = 'OutboundConnector'"
    "     AND lower(target) IN (lower(c.name), lower(c.identity), lower(c.guid))"
    "   GROUP BY rule.name, rule.guid, rule.json)"
    " SELECT CASE"
    "   WHEN untold THEN NULL"
    "   WHEN target IS NULL THEN 0"
    "   ELSE active AND on_premises END AS violated," UH_SQL_OBJECT_WHO
    "  'transport rule' AS kind,"
    "  'This rule sends messages through ' || target || ', a connector to the on-premises server.' AS message,"
    "  CASE WHEN target IS NOT NULL AND connector IS NULL THEN json_object('the outbound connector ' || target, NULL)"
    "    ELSE json_object("
    "      'RouteMessageOutboundConnector', prop(json, 'RouteMessageOutboundConnector'),"
    "      'State', prop(json, 'State'),"
    "      'SmartHosts', json(coalesce(hosts, '[]')),"
    "      'ConnectorType', CASE"
    "        WHEN connector IS NULL THEN ''"
    "        WHEN on_premises THEN 'OnPremises'"
    "        WHEN on_premises = 0 THEN 'Partner' END) END AS evidence,"
    "  'Set-TransportRule -Identity ' || ps_quote(name, guid) || ' -RouteMessageOutboundConnector $null' AS command"
    " FROM routed";
static const struct uh_rule outbound[] = {{"cloud", "cloud:TransportRule,cloud:OutboundConnector", outbound_sql}, {0}};

/* ---- routing.recipient-domain ---- */
/*
 * others: domains that the connector takes mail for and that are none of the tenant's: the wizard's own takes only the
 * hybrid domains. theirs: an OnPremisesOrganization with another GUID names it, so it leads to another forest's server.
 */
#define OTHER_DOMAIN "coalesce(nullif(domain_key(value), ''), value) NOT IN (SELECT domain FROM own)"
static const char recipient_domain_sql[] =
    "WITH own AS MATERIALIZED ("
    "  SELECT domain_key(" DOMAIN_TOLD ") AS domain"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'AcceptedDomain'),"
    " ours(guid) AS MATERIALIZED ("
    "  SELECT CASE WHEN count(DISTINCT lower(guid)) = 1 THEN max(lower(guid)) END"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind = 'OrganizationConfig' AND guid <> ''),"
    " holder AS MATERIALIZED ("
    "  SELECT lower(prop(json, 'OutboundConnector')) AS target,"
    "    trim(lower(prop(json, 'OrganizationGuid')), '{}') <> ours.guid AS another"
    "   FROM object, ours"
    "   WHERE side = 'cloud' AND kind = 'OnPremisesOrganization'),"
    " connector AS ("
    "  SELECT *, prop_list(json, 'RecipientDomains') AS domains,"
    "    prop_list(json, 'SmartHosts') AS hosts,"
    "    " UH_SQL_TRUE("Enabled") " AND has_word(prop(json, 'ConnectorType'), 'OnPremises')"
    "      AND NOT " UH_SQL_TRUE("TestMode") " AND NOT " UH_SQL_TRUE("IsTransportRuleScoped")
    "      AND NOT " UH_SQL_TRUE("RouteAllMessagesViaOnPremises") " AS in_use"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'OutboundConnector'),"
    " looked AS ("
    "  SELECT *,"
    "    (SELECT group_concat(value, ', ') FROM json_each(domains) WHERE " OTHER_DOMAIN ") AS others,"
    "    EXISTS (SELECT 1 FROM json_each(domains) WHERE (" OTHER_DOMAIN ") IS NULL) AS doubt,"
    "    CASE WHEN hosts IS NOT NULL THEN hosts <> '[]' AND NOT EXISTS ("
    "      SELECT 1 FROM json_each(hosts) AS host WHERE NOT EXISTS ("
    "       SELECT 1 FROM setting"
    "        WHERE setting.name = 'mail_flow.gateways' AND lower(host.value) GLOB lower(setting.value))) END AS to_gateway,"
    "    (SELECT max(CASE WHEN named AND another THEN 2 WHEN (named AND another) IS NULL THEN 1 ELSE 0 END)"
    "      FROM (SELECT target IN (lower(connector.name), lower(connector.identity), lower(connector.guid)) AS named, another"
    "             FROM holder)) AS theirs"
    "   FROM connector)"
    " SELECT CASE"
    "   WHEN NOT in_use OR to_gateway OR theirs = 2 THEN 0"
    "   WHEN domains IS NOT NULL AND others IS NULL AND NOT doubt THEN 0"
    "   WHEN in_use AND others IS NOT NULL AND NOT to_gateway AND theirs IS NOT 1 THEN 1 END AS violated," UH_SQL_OBJECT_WHO
    "  'outbound connector' AS kind,"
    "  'Exchange Online sends mail for ' || others || ' through the on-premises server with this connector.' AS message,"
    "  CASE"
    "    WHEN in_use IS NULL THEN json_object("
    "      'Enabled', prop_json(json, 'Enabled'), 'ConnectorType', prop_json(json, 'ConnectorType'),"
    "      'TestMode', prop_json(json, 'TestMode'), 'IsTransportRuleScoped', prop_json(json, 'IsTransportRuleScoped'),"
    "      'RouteAllMessagesViaOnPremises', prop_json(json, 'RouteAllMessagesViaOnPremises'))"
    "    WHEN others IS NULL AND doubt THEN json_object('name of an accepted domain in Exchange Online', NULL)"
    "    WHEN theirs = 1 THEN json_object('whether another organisation''s OnPremisesOrganization names it', NULL)"
    "    ELSE json_object('RecipientDomains', json(domains), 'SmartHosts', json(hosts)) END AS evidence,"
    "  '' AS command"
    " FROM looked";
static const struct uh_rule recipient_domain[] = {
    {"cloud", "cloud:OutboundConnector", recipient_domain_sql}, {0}};

/* ---- accepted domains ---- */
#define DOMAIN_WHO                                             \
  "  CASE guid WHEN '' THEN name ELSE lower(guid) END AS key," \
  "  nullif(lower(guid), '') AS guid,"                         \
  "  'accepted domain' AS kind,"                               \
  "  " DOMAIN_NAME " AS object,"
static const char accepted_sql[] =
    "SELECT has_word(prop(json, 'DomainType'), 'InternalRelay') AS violated," DOMAIN_WHO
    "  'Exchange Online sends mail for unknown recipients of this domain on (InternalRelay):"
    " without the server it loops or waits.' AS message,"
    "  json_object('DomainType', prop(json, 'DomainType')) AS evidence,"
    "  '' AS command"
    " FROM object"
    " WHERE side = 'cloud' AND kind = 'AcceptedDomain'";
static const struct uh_rule accepted[] = {{"cloud", "cloud:AcceptedDomain", accepted_sql}, {0}};

/*
 * Addresses of AD in domains of type InternalRelay that no recipient in Exchange Online has: their mail gets there only
 * through the relay. Exchange's own mailboxes are never synchronised: system attendant, system, arbitration, discovery,
 * monitoring, audit log, aux audit log.
 */
#define RELAY                                               \
  "WITH relay AS MATERIALIZED ("                            \
  "  SELECT DISTINCT domain_key(" DOMAIN_TOLD ") AS domain" \
  "   FROM object"                                          \
  "   WHERE side = 'cloud' AND kind = 'AcceptedDomain' AND has_word(prop(json, 'DomainType'), 'InternalRelay'))"
static const char relay_sql[] = RELAY
    ", there AS MATERIALIZED ("
    "  SELECT address_key(a.value) AS address"
    "   FROM exchange_recipient r, json_each(r.addresses) a"
    "   WHERE EXISTS (SELECT 1 FROM relay)"
    "     AND r.side = 'cloud' AND r.listing NOT IN ('SoftDeletedMailbox', 'InactiveMailboxOnly')"
    "     AND " UH_SQL_IN_RELAY "),"
    " missing AS ("
    "  SELECT r.fact, group_concat(DISTINCT address_key(a.value)) AS addresses"
    "   FROM directory_recipient r, json_each(r.addresses) a"
    "   WHERE EXISTS (SELECT 1 FROM relay)"
    "     AND " UH_SQL_IN_RELAY " AND address_key(a.value) NOT IN (SELECT address FROM there)"
    "   GROUP BY r.fact),"
    /* A recipient in the cloud whose addresses were not obtained may have the missing one. */
    " untold(cloud) AS MATERIALIZED ("
    "  SELECT EXISTS (SELECT 1 FROM exchange_recipient"
    "    WHERE side = 'cloud' AND addresses IS NULL AND EXISTS (SELECT 1 FROM relay)))"
    " SELECT CASE"
    "   WHEN recipient_type_details IS NULL AND NOT coalesce(" UH_SQL_NO_MAILBOX ", 0) THEN NULL"
    "   WHEN missing.addresses IS NOT NULL AND NOT untold.cloud THEN 1 END AS violated,"
    "  guid_text(guid) AS key,"
    "  guid_text(guid) AS guid,"
    "  'recipient' AS kind,"
    "  coalesce(nullif(mail, ''), missing.addresses, nullif(name, ''), dn) AS object,"
    "  'No recipient in Exchange Online has ' || missing.addresses"
    "   || ': mail for it gets there only through the relay.' AS message,"
    "  CASE"
    "    WHEN r.addresses IS NULL THEN json_object('proxyAddresses', NULL)"
    "    WHEN recipient_type_details IS NULL THEN json_object('msExchRecipientTypeDetails', NULL)"
    "    WHEN untold.cloud THEN json_object('EmailAddresses of a recipient in Exchange Online', NULL)"
    "    ELSE json_object("
    "      'missing', missing.addresses,"
    "      'msExchRecipientTypeDetails', recipient_type_details,"
    "      'distinguishedName', dn) END AS evidence,"
    "  '' AS command"
    " FROM directory_recipient r LEFT JOIN missing ON missing.fact = r.fact, untold"
    " WHERE EXISTS (SELECT 1 FROM relay)"
    "   AND (missing.addresses IS NOT NULL OR r.addresses IS NULL)"
    "   AND NOT " UH_SQL_OWN_MAILBOX;
static const char relay_applies[] = RELAY
    " SELECT CASE"
    "   WHEN EXISTS (SELECT 1 FROM relay) THEN 1"
    "   WHEN EXISTS (SELECT 1 FROM object"
    "     WHERE side = 'cloud' AND kind = 'AcceptedDomain' AND prop(json, 'DomainType') IS NULL) THEN NULL"
    "   ELSE 0 END";
/* A domain of which nobody told whether it relays, or which one it is. */
static const char relay_untold[] =
    "SELECT NULL AS violated," DOMAIN_WHO
    "  '' AS message,"
    "  json_object("
    "    'DomainType', prop(json, 'DomainType'),"
    "    'DomainName', prop(json, 'DomainName')) AS evidence"
    " FROM object"
    " WHERE side = 'cloud' AND kind = 'AcceptedDomain' AND (prop(json, 'DomainType') IS NULL"
    "   OR (prop(json, 'DomainName') IS NULL AND has_word(prop(json, 'DomainType'), 'InternalRelay')))";
static const struct uh_rule relay_recipients[] = {
    {"on-premises", "on-premises:Recipient,cloud:AcceptedDomain", relay_sql},
    {"cloud", "cloud:AcceptedDomain", relay_untold},
    {0}};

static const char unverified_sql[] =
    "WITH verified AS MATERIALIZED ("
    "  SELECT domain_key(" DOMAIN_TOLD ") AS domain"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'AcceptedDomain'),"
    " local AS ("
    "  SELECT *, lower(ltrim(" DOMAIN_TOLD ", '*.')) AS domain"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind = 'AcceptedDomain')"
    " SELECT domain <> ''"
    "   AND coalesce(nullif(domain_key(domain), ''), domain) NOT IN (SELECT domain FROM verified)"
    "   AS violated," DOMAIN_WHO
    "  'This on-premises accepted domain is none of the tenant: nobody receives its mail after the uninstall.'"
    "   AS message,"
    "  json_object("
    "    'DomainName', prop(json, 'DomainName'),"
    "    'DomainType', coalesce(prop(json, 'DomainType'), '')) AS evidence,"
    "  '' AS command"
    " FROM local";
static const struct uh_rule unverified[] = {{"on-premises", "on-premises:AcceptedDomain", unverified_sql}, {0}};

/* ---- routing.send-connector ---- */
#define EVERY_SPACE(is)                              \
  "CASE WHEN spaces IS NOT NULL THEN spaces <> '[]'" \
  " AND NOT EXISTS (SELECT 1 FROM json_each(spaces) WHERE NOT (" is ")) END"
static const char send_sql[] =
    "WITH connector AS ("
    "  SELECT *, " UH_SQL_TRUE("Enabled") " AS enabled,"
    "    prop_list(json, 'AddressSpaces') AS spaces,"
    "    prop_list(json, 'SmartHosts') AS hosts,"
    "    " UH_SQL_TRUE("CloudServicesMailEnabled") " OR prop(json, 'TlsDomain') LIKE 'mail.protection.%' AS for_cloud"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind IN ('SendConnector', 'ForeignConnector', 'DeliveryAgentConnector')),"
    " sender AS ("
    "  SELECT *,"
    "    " EVERY_SPACE("value LIKE 'MOBILE:%'") " AS for_phones,"
    "    " EVERY_SPACE(TENANT_MAIL(UH_SQL_SPACE_DOMAIN("value"))) " AS for_tenant"
    "   FROM connector)"
    " SELECT CASE"
    "   WHEN NOT enabled THEN 0"
    "   WHEN kind = 'DeliveryAgentConnector' AND for_phones THEN 0"
    "   WHEN kind = 'SendConnector' AND for_tenant AND for_cloud THEN 0"
    "   WHEN spaces IS NULL OR enabled IS NULL THEN NULL"
    "   WHEN kind = 'SendConnector' AND for_tenant AND for_cloud IS NULL THEN NULL"
    "   ELSE 1 END AS violated," UH_SQL_OBJECT_WHO
    "  CASE kind"
    "    WHEN 'SendConnector' THEN 'send connector'"
    "    WHEN 'ForeignConnector' THEN 'foreign connector'"
    "    ELSE 'delivery agent connector' END AS kind,"
    "  'Mail for ' || coalesce((SELECT group_concat(value, ', ') FROM json_each(spaces)), 'no address space')"
    "   || ' still leaves through this connector'"
    "   || coalesce(' to ' || (SELECT nullif(group_concat(value, ', '), '') FROM json_each(hosts)), '') || '.'"
    "   AS message,"
    "  json_object("
    "    'Enabled', prop_json(json, 'Enabled'),"
    "    'AddressSpaces', json(spaces),"
    "    'CloudServicesMailEnabled', iif(prop(json, 'CloudServicesMailEnabled') IS NULL, '',"
    "      prop_json(json, 'CloudServicesMailEnabled')),"
    "    'TlsDomain', coalesce(prop(json, 'TlsDomain'), ''),"
    "    'identity', identity) AS evidence,"
    "  CASE kind WHEN 'SendConnector' THEN 'Set-SendConnector -Identity ' || ps_quote(name, guid) || ' -Enabled $false'"
    "    ELSE '' END AS command"
    " FROM sender";
static const struct uh_rule send[] = {
    {"on-premises", "on-premises:SendConnector,on-premises:ForeignConnector,on-premises:DeliveryAgentConnector",
     send_sql},
    {0}};

/* ---- routing.address ---- */
/*
 * Outside the tenant's own domains, which the accepted domains in Exchange Online tell. While none is known the shape
 * of the address has to do; while not all are known, one of the right shape cannot be told to be another tenant's.
 */
#define TENANT                                                                             \
  "WITH tenant AS MATERIALIZED ("                                                          \
  "  SELECT DISTINCT lower(" DOMAIN_NAME ") AS domain"                                     \
  "   FROM object"                                                                         \
  "   WHERE side = 'cloud' AND kind = 'AcceptedDomain' AND " TENANT_MAIL(DOMAIN_NAME) ")," \
  " known(some, every) AS MATERIALIZED ("                                                  \
  "  SELECT EXISTS (SELECT 1 FROM tenant), " UH_SQL_COMPLETE("cloud", "AcceptedDomain")     \
  "    AND NOT EXISTS (SELECT 1 FROM object"                                                \
  "      WHERE side = 'cloud' AND kind = 'AcceptedDomain' AND prop(json, 'DomainName') IS NULL)) "
#define OUTSIDE(address)                                                                \
  "CASE"                                                                                \
  "    WHEN EXISTS (SELECT 1 FROM tenant WHERE " address " LIKE '%@' || domain) THEN 0" \
  "    WHEN NOT " TENANT_MAIL(address) " THEN 1"                                        \
  "    WHEN NOT (SELECT some FROM known) THEN 0"                                        \
  "    WHEN (SELECT every FROM known) THEN 1 END"
#define OUTSIDE_MESSAGE(address)                                                         \
  "  CASE " address " WHEN '' THEN 'This remote mailbox has no remote routing address.'" \
  "    ELSE 'The remote routing address of this mailbox is ' || " address                \
  "      || ', outside the tenant''s own domain.' END AS message,"
/* Remote user 2^31, room 2^33, equipment 2^34, shared 2^35, team 2^38, group 2^43. */
static const char address_directory[] = TENANT
    "SELECT CASE"
    "   WHEN recipient_type_details & 9133247954944 = 0 THEN 0"
    "   WHEN recipient_type_details IS NULL THEN CASE WHEN " UH_SQL_NO_MAILBOX " THEN 0 END"
    "   WHEN target_address IS NOT NULL THEN " OUTSIDE("target_address") " END AS violated," UH_SQL_DIRECTORY_WHO
    "  'remote mailbox' AS kind," OUTSIDE_MESSAGE("target_address")
    "  json_object("
    "    'targetAddress', target_address,"
    "    'msExchRecipientTypeDetails', recipient_type_details) AS evidence,"
    "  '' AS command"
    " FROM directory_recipient"
    " WHERE violated IS NOT FALSE";
static const char address_export[] = TENANT
    "SELECT CASE WHEN remote_routing_address IS NOT NULL THEN " OUTSIDE("remote_routing_address")
    "   END AS violated," UH_SQL_EXCHANGE_WHO
    "  'remote mailbox' AS kind," OUTSIDE_MESSAGE("remote_routing_address")
    "  json_object('RemoteRoutingAddress', remote_routing_address) AS evidence,"
    "  '' AS command"
    " FROM exchange_recipient"
    " WHERE side = 'on-premises' AND kind = 'RemoteMailbox' AND violated IS NOT FALSE";
#define ADDRESS_NEEDS "on-premises:Recipient|on-premises:RemoteMailbox,cloud:AcceptedDomain"
static const struct uh_rule address[] = {
    {"on-premises", ADDRESS_NEEDS, address_directory}, {"on-premises", ADDRESS_NEEDS, address_export}, {0}};
/* clang-format on */

#define TRANSPORT "https://learn.microsoft.com/exchange/transport-options"
#define CONDITIONAL_ROUTING                                                                              \
  "https://learn.microsoft.com/exchange/mail-flow-best-practices/use-connectors-to-configure-mail-flow/" \
  "conditional-mail-routing"
#define DOMAINS \
  "https://learn.microsoft.com/exchange/mail-flow-best-practices/manage-accepted-domains/manage-accepted-domains"
static const struct uh_check checks[] = {
    {.id = "routing.centralized",
     .title = "Exchange Online does not send through the on-premises server",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-14",
     .rules = centralized,
     .remedy = "In Exchange Online PowerShell switch RouteAllMessagesViaOnPremises off, watch mail leave directly, "
               "and run the Hybrid Configuration Wizard without centralized mail transport or take the feature off "
               "the hybrid configuration (Exchange Management Shell).",
     .reference = TRANSPORT,
     .explain = "The feature Centralized in the hybrid configuration on premises, and RouteAllMessagesViaOnPremises "
                "on an enabled outbound connector in Exchange Online. A disabled connector is no finding. All four "
                "listings of Get-OutboundConnector have to be complete: the plain one hides test-mode and "
                "rule-scoped connectors."},
    {.id = "routing.outbound-connector",
     .title = "No transport rule sends messages to the on-premises server",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-14",
     .rules = outbound,
     .remedy = "In Exchange Online PowerShell change the rule so that it needs no connector to the on-premises "
               "server, or remove it.",
     .reference = CONDITIONAL_ROUTING,
     .explain = "Transport rules in Exchange Online with RouteMessageOutboundConnector whose connector has the type "
                "OnPremises. Disabled rules and connectors to partners are no finding. A rule whose connector was "
                "not read cannot be judged."},
    {.id = "routing.recipient-domain",
     .title = "No outbound connector takes mail for other domains to the on-premises server",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-14",
     .rules = recipient_domain,
     .absence_needs = "cloud:AcceptedDomain,cloud:OnPremisesOrganization",
     .remedy = "Find out where the mail goes from the on-premises server, give Exchange Online a way of its own there "
               "(a connector to that host, or MX), then take the domain off the connector in Exchange Online "
               "PowerShell (Set-OutboundConnector -RecipientDomains).",
     .reference = CONDITIONAL_ROUTING,
     .explain = "Enabled outbound connectors of type OnPremises in Exchange Online with a recipient domain that is no "
                "accepted domain there: a partner's, one of an application behind the server, or * for everything. "
                "What the wizard makes takes the hybrid domains alone, whose mail stays in Exchange Online. No "
                "finding: connectors in test mode, those of transport rules (routing.outbound-connector) and of "
                "centralized mail transport (routing.centralized), those whose smart hosts are all in "
                "mail_flow.gateways, and those that another organisation's OnPremisesOrganization names. Whether a "
                "smart host that is no gateway is the server or something behind it is not seen."},
    {.id = "routing.accepted-domain",
     .title = "No accepted domain in Exchange Online relays to the on-premises server",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-14",
     .rules = accepted,
     .remedy = "Bring every address of the domain into Exchange Online first: routing.relay-recipients names the "
               "missing ones, and mail for them is refused afterwards. Then make the domain Authoritative in "
               "Exchange Online PowerShell (Set-AcceptedDomain -DomainType Authoritative).",
     .reference = DOMAINS,
     .explain = "Accepted domains in Exchange Online of type InternalRelay. Mail for recipients that Exchange Online "
                "does not know is sent on through a connector; without the server it loops or waits."},
    {.id = "routing.relay-recipients",
     .title = "Every address of a relayed domain exists in Exchange Online",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-14",
     .rules = relay_recipients,
     .applies = relay_applies,
     .applies_needs = "cloud:AcceptedDomain",
     .absence_needs = "cloud:Mailbox,cloud:Recipient",
     .remedy = "Synchronise the object, or create a recipient with this address in Exchange Online, or decide that "
               "the address may go; then make the domain Authoritative.",
     .reference = DOMAINS,
     .explain = "For every accepted domain of type InternalRelay in Exchange Online: the addresses of objects in "
                "Active Directory that no recipient in Exchange Online has. Dynamic groups are among them, because "
                "they are never synchronised. Exchange's own mailboxes (system, arbitration, monitoring, audit log, "
                "discovery) are left out. The check does not apply where no domain relays. While the recipients in "
                "Exchange Online were not read completely nothing can be concluded from an address that was not "
                "found."},
    {.id = "routing.unverified-domain",
     .title = "Every on-premises accepted domain is one of the tenant",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-14",
     .rules = unverified,
     .absence_needs = "cloud:AcceptedDomain",
     .remedy = "Verify the domain in the tenant, or make sure that no mail is sent to it.",
     .reference = DOMAINS,
     .explain = "Accepted domains on premises that are no accepted domain in Exchange Online. *.contoso.com is "
                "compared as contoso.com; the domain * is left out."},
    {.id = "routing.send-connector",
     .title = "No send connector on premises is in use",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-14",
     .rules = send,
     .remedy = "Find out who sends through it (message tracking), move that to Exchange Online, disable the "
               "connector in the Exchange Management Shell, watch, then remove it.",
     .reference = "https://learn.microsoft.com/exchange/mail-flow/connectors/send-connectors",
     .explain = "Enabled send, foreign and delivery agent connectors. The connector that the Hybrid Configuration "
                "Wizard made is no finding, whatever its name: all its address spaces are the tenant's "
                "*.mail.onmicrosoft.com and it is marked for cloud services; with any further address space it "
                "counts. Nor is the delivery agent that every organisation has for text messages (MOBILE)."},
    {.id = "routing.address",
     .title = "Every remote mailbox is routed to the tenant",
     .severity = UH_INFO,
     .purposes = UH_BEFORE,
     .requirements = "P-14",
     .rules = address,
     .remedy = "Nothing to do where the MX record already leads to Exchange Online. Before, correct the remote "
               "routing address.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/set-remotemailbox",
     .explain = "targetAddress of remote mailboxes: an address in the tenant's own domain *.mail.onmicrosoft.com, "
                "one of the accepted domains in Exchange Online, is expected. That of another tenant is a finding."},
    {0}};
UH_CHECK_MODULE(routing, checks);
