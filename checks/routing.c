/* SPDX-License-Identifier: Apache-2.0 */
/* Mail routing: what still goes through the on-premises server, or would be lost without it. */
#include <unhybrid/check.h>

#define OBJECT_WHO \
  " CASE guid WHEN '' THEN name ELSE lower(guid) END AS key, nullif(lower(guid),'') AS guid, name AS object,"
#define DOMAIN_WHO                                                                                                  \
  " CASE guid WHEN '' THEN name ELSE lower(guid) END AS key, nullif(lower(guid),'') AS guid, 'accepted domain' AS " \
  "kind,"                                                                                                           \
  " coalesce(nullif(prop(json,'DomainName'),''), name) AS object,"
#define IS(property) "(lower(prop(json,'" property "')) IN ('1', 'true'))"
/* <tenant>.mail.onmicrosoft.com and its counterparts in the sovereign clouds. */
#define TENANT_MAIL(d)                                                               \
  "(" d " LIKE '%.mail.onmicrosoft.com' OR " d " LIKE '%.mail.onmicrosoft.us' OR " d \
  " LIKE '%.mail.partner.onmschina.cn')"

/* ---- routing.centralized ---- */
/* AD holds a number: which of the bits 128 and 256 is Centralized is not known, so either counts. */
#define FEATURES "prop(json,'Features')"
static const char centralized_hybrid[] =
    "SELECT CASE WHEN typeof(" FEATURES ") = 'integer' THEN " FEATURES " & 384 <> 0 ELSE " FEATURES
    " LIKE '%centralized%' END AS violated," OBJECT_WHO
    " 'hybrid configuration' AS kind, 'The hybrid configuration has the feature of centralized mail transport.' AS "
    "message,"
    " json_object('Features', " FEATURES
    ") AS evidence,"
    " coalesce('Set-HybridConfiguration -Features ' || (SELECT group_concat(ps_quote(value, ''), ',') FROM "
    "json_each(prop_list(object.json,'Features'))"
    "  WHERE typeof(" FEATURES
    ") <> 'integer' AND value NOT LIKE '%centralized%'), '') AS command"
    " FROM object WHERE side = 'on-premises' AND kind = 'HybridConfiguration'";
static const char centralized_connector[] = "SELECT " IS("Enabled") " AND " IS(
    "RouteAllMessagesViaOnPremises") " AS violated," OBJECT_WHO
                                     " 'outbound connector' AS kind,"
                                     " 'Everything that Exchange Online sends leaves through the on-premises server "
                                     "(RouteAllMessagesViaOnPremises).' AS message,"
                                     " json_object('Enabled', prop(json,'Enabled'), 'RouteAllMessagesViaOnPremises', "
                                     "prop(json,'RouteAllMessagesViaOnPremises'),"
                                     "  'SmartHosts', json(prop_list(json,'SmartHosts')), 'listing', listing) AS "
                                     "evidence,"
                                     " 'Set-OutboundConnector -Identity ' || ps_quote(name, guid) || ' "
                                     "-RouteAllMessagesViaOnPremises $false' AS command"
                                     " FROM object WHERE side = 'cloud' AND kind = 'OutboundConnector'";
static const struct uh_rule centralized[] = {{"on-premises", "on-premises:HybridConfiguration", centralized_hybrid},
                                             {"cloud", "cloud:OutboundConnector", centralized_connector},
                                             {0}};

/* ---- routing.outbound-connector ---- */
static const char outbound_sql[] =
    "WITH rule AS (SELECT name, guid, json, nullif(prop(json,'RouteMessageOutboundConnector'), '') AS target, "
    "prop(json,'RouteMessageOutboundConnector') IS NULL AS untold,"
    "   lower(prop(json,'State')) <> 'disabled' AS active FROM object WHERE side = 'cloud' AND kind = 'TransportRule'),"
    " routed AS (SELECT rule.*, max(c.name) AS connector, max(has_word(prop(c.json,'ConnectorType'), 'OnPremises')) AS "
    "on_premises FROM rule"
    "  LEFT JOIN object c ON c.side = 'cloud' AND c.kind = 'OutboundConnector' AND (lower(c.name) = lower(target) OR "
    "lower(c.identity) = lower(target) OR lower(c.guid) = lower(target))"
    "  GROUP BY rule.name, rule.guid, rule.json)"
    " SELECT CASE WHEN untold THEN NULL WHEN target IS NULL THEN 0 ELSE active AND on_premises END AS "
    "violated," OBJECT_WHO
    " 'transport rule' AS kind,"
    " 'This rule sends messages through ' || target || ', a connector to the on-premises server.' AS message,"
    " CASE WHEN target IS NOT NULL AND connector IS NULL THEN json_object('the outbound connector ' || target, NULL)"
    "  ELSE json_object('RouteMessageOutboundConnector', prop(json,'RouteMessageOutboundConnector'), 'State', "
    "prop(json,'State'),"
    "   'ConnectorType', CASE WHEN connector IS NULL THEN '' WHEN on_premises THEN 'OnPremises' WHEN on_premises = 0 "
    "THEN 'Partner' END) END AS evidence,"
    " 'Set-TransportRule -Identity ' || ps_quote(name, guid) || ' -RouteMessageOutboundConnector $null' AS command "
    "FROM routed";
static const struct uh_rule outbound[] = {{"cloud", "cloud:TransportRule,cloud:OutboundConnector", outbound_sql}, {0}};

/* ---- accepted domains ---- */
static const char accepted_sql[] =
    "SELECT has_word(prop(json,'DomainType'), 'InternalRelay') AS violated," DOMAIN_WHO
    " 'Exchange Online sends mail for unknown recipients of this domain on (InternalRelay): without the server it "
    "loops or waits.' AS message,"
    " json_object('DomainType', prop(json,'DomainType')) AS evidence,"
    " 'Set-AcceptedDomain -Identity ' || ps_quote(name, guid) || ' -DomainType Authoritative' AS command"
    " FROM object WHERE side = 'cloud' AND kind = 'AcceptedDomain'";
static const struct uh_rule accepted[] = {{"cloud", "cloud:AcceptedDomain", accepted_sql}, {0}};

/*
 * Addresses of AD in domains of type InternalRelay that no recipient in Exchange Online has: their mail gets there only
 * through the relay. Exchange's own mailboxes are never synchronised: system attendant, system, arbitration, discovery,
 * monitoring, audit log, aux audit log.
 */
#define OWN_MAILBOX                                                                                                    \
  "(recipient_type_details & 75317091786752 OR dn LIKE 'CN=HealthMailbox%' OR dn LIKE 'CN=SystemMailbox%' OR dn LIKE " \
  "'CN=PublicFolderMailboxes.%')"
#define RELAY                                                                                                      \
  "WITH relay AS MATERIALIZED (SELECT DISTINCT domain_key(coalesce(nullif(prop(json,'DomainName'),''), name)) AS " \
  "domain FROM object"                                                                                             \
  "  WHERE side = 'cloud' AND kind = 'AcceptedDomain' AND has_word(prop(json,'DomainType'), 'InternalRelay'))"
/* Most addresses are told apart by their text; the key, which is dear, decides about the others. */
#define IN_RELAY                                                                                      \
  "EXISTS (SELECT 1 FROM relay WHERE (a.value LIKE '%@' || domain || '%' OR a.value GLOB '*[^ -~]*')" \
  " AND domain_of(a.value) = domain)"
static const char relay_sql[] = RELAY
    ", there AS MATERIALIZED (SELECT address_key(a.value) AS address"
    "  FROM exchange_recipient r, json_each(r.addresses) a WHERE EXISTS (SELECT 1 FROM relay) AND r.side = 'cloud'"
    "  AND r.listing NOT IN ('SoftDeletedMailbox', 'InactiveMailboxOnly') AND " IN_RELAY
    "), missing AS (SELECT r.fact, group_concat(DISTINCT address_key(a.value)) AS addresses"
    "  FROM directory_recipient r, json_each(r.addresses) a WHERE EXISTS (SELECT 1 FROM relay) AND " IN_RELAY
    "  AND address_key(a.value) NOT IN (SELECT address FROM there) GROUP BY r.fact),"
    /* A recipient in the cloud whose addresses were not obtained may have the missing one. */
    " untold(cloud) AS MATERIALIZED (SELECT EXISTS (SELECT 1 FROM exchange_recipient"
    "  WHERE side = 'cloud' AND addresses IS NULL AND EXISTS (SELECT 1 FROM relay)))"
    " SELECT CASE WHEN missing.addresses IS NOT NULL AND NOT untold.cloud THEN 1 END AS violated,"
    " guid_text(guid) AS key, guid_text(guid) AS guid, 'recipient' AS kind,"
    " coalesce(nullif(mail,''), missing.addresses, nullif(name,''), dn) AS object,"
    " 'No recipient in Exchange Online has ' || missing.addresses ||"
    "  ': mail for it gets there only through the relay.' AS message,"
    " CASE WHEN r.addresses IS NULL THEN json_object('proxyAddresses', NULL)"
    "  WHEN untold.cloud THEN json_object('EmailAddresses of a recipient in Exchange Online', NULL)"
    "  ELSE json_object('missing', missing.addresses, 'msExchRecipientTypeDetails', recipient_type_details,"
    "   'distinguishedName', dn) END AS evidence, '' AS command"
    " FROM directory_recipient r LEFT JOIN missing ON missing.fact = r.fact, untold"
    " WHERE EXISTS (SELECT 1 FROM relay) AND (missing.addresses IS NOT NULL OR r.addresses IS NULL)"
    "  AND NOT coalesce(" OWN_MAILBOX ", 0)";
static const struct uh_rule relay_recipients[] = {
    {"on-premises", "on-premises:Recipient,cloud:AcceptedDomain", relay_sql}, {0}};

static const char unverified_sql[] =
    "WITH verified AS MATERIALIZED (SELECT domain_key(coalesce(nullif(prop(json,'DomainName'),''), name)) AS domain "
    "FROM object WHERE side = 'cloud' AND kind = 'AcceptedDomain'),"
    " local AS (SELECT *, lower(ltrim(coalesce(nullif(prop(json,'DomainName'),''), name), '*.')) AS domain FROM object "
    "WHERE side = 'on-premises' AND kind = 'AcceptedDomain')"
    " SELECT domain <> '' AND coalesce(nullif(domain_key(domain),''), domain) NOT IN (SELECT domain FROM verified) AS "
    "violated," DOMAIN_WHO
    " 'This on-premises accepted domain is none of the tenant: nobody receives its mail after the uninstall.' AS "
    "message,"
    " json_object('DomainName', coalesce(prop(json,'DomainName'), name), 'DomainType', "
    "coalesce(prop(json,'DomainType'),'')) AS evidence, '' AS command FROM local";
static const struct uh_rule unverified[] = {{"on-premises", "on-premises:AcceptedDomain", unverified_sql}, {0}};

/* ---- routing.send-connector ---- */
/* The domain of an address space such as "smtp:contoso.mail.onmicrosoft.com;1". */
#define SPACE_REST "substr(value, instr(value, ':') + 1) || ';'"
#define SPACE_DOMAIN "substr(" SPACE_REST ", 1, instr(" SPACE_REST ", ';') - 1)"
/* Qualified: json_each has a column of the name json itself. */
#define SPACES "prop_list(object.json,'AddressSpaces')"
#define EVERY_SPACE(predicate)                                                                               \
  "CASE WHEN " SPACES " IS NOT NULL THEN " SPACES " <> '[]' AND NOT EXISTS (SELECT 1 FROM json_each(" SPACES \
  ") WHERE NOT (" predicate ")) END"
static const char send_sql[] =
    "SELECT CASE WHEN lower(prop(json,'Enabled')) NOT IN ('1', 'true') THEN 0"
    "  WHEN kind = 'DeliveryAgentConnector' AND " EVERY_SPACE("value LIKE 'MOBILE:%'") " THEN 0"
    "  WHEN kind = 'SendConnector' AND " EVERY_SPACE(TENANT_MAIL(SPACE_DOMAIN)) " AND (" IS("CloudServicesMailEnabled") " OR prop(json,'TlsDomain') LIKE 'mail.protection.%') THEN 0"
    "  WHEN " SPACES " IS NULL OR prop(json,'Enabled') IS NULL THEN NULL"
    "  WHEN kind = 'SendConnector' AND " EVERY_SPACE(TENANT_MAIL(SPACE_DOMAIN)) " AND (prop(json,'CloudServicesMailEnabled') IS NULL OR prop(json,'TlsDomain') IS NULL) THEN NULL"
    "  ELSE 1 END AS violated," OBJECT_WHO
    " CASE kind WHEN 'SendConnector' THEN 'send connector' WHEN 'ForeignConnector' THEN 'foreign connector' ELSE 'delivery agent connector' END AS kind,"
    " 'Mail for ' || coalesce((SELECT group_concat(value, ', ') FROM json_each(" SPACES ")), 'no address space') || ' still leaves through this connector' ||"
    "  coalesce(' to ' || (SELECT nullif(group_concat(value, ', '), '') FROM json_each(prop_list(object.json,'SmartHosts'))), '') || '.' AS message,"
    " json_object('Enabled', prop(json,'Enabled'), 'AddressSpaces', json(" SPACES "), 'CloudServicesMailEnabled', coalesce(prop(json,'CloudServicesMailEnabled'),''),"
    "  'TlsDomain', coalesce(prop(json,'TlsDomain'),''), 'identity', identity) AS evidence,"
    " CASE kind WHEN 'SendConnector' THEN 'Set-SendConnector -Identity ' || ps_quote(name, guid) || ' -Enabled $false' ELSE '' END AS command"
    " FROM object WHERE side = 'on-premises' AND kind IN ('SendConnector', 'ForeignConnector', 'DeliveryAgentConnector')";
static const struct uh_rule send[] = {
    {"on-premises", "on-premises:SendConnector,on-premises:ForeignConnector,on-premises:DeliveryAgentConnector",
     send_sql},
    {0}};

/*
 * Outside the tenant's own domains, which the accepted domains in Exchange Online tell. While none is known the shape
 * of the address has to do; while not all are known, one of the right shape cannot be told to be another tenant's.
 */
#define OUTSIDE(address) \
  "CASE WHEN NOT " TENANT_MAIL(address) " THEN 1 WHEN NOT EXISTS (SELECT 1 FROM tenant) THEN 0" \
  "  WHEN EXISTS (SELECT 1 FROM tenant WHERE " address " LIKE '%@' || domain) THEN 0 WHEN (SELECT every FROM complete) THEN 1 END"
#define TENANT \
  "WITH tenant AS MATERIALIZED (SELECT DISTINCT lower(coalesce(nullif(prop(json,'DomainName'),''), name)) AS domain " \
  "FROM object" \
  "  WHERE side = 'cloud' AND kind = 'AcceptedDomain' AND " TENANT_MAIL("coalesce(nullif(prop(json,'DomainName'),''), name)") ")," \
  " complete(every) AS MATERIALIZED (SELECT EXISTS (SELECT 1 FROM \"set\" WHERE side = 'cloud' AND name = 'AcceptedDomain'" \
  "  GROUP BY source HAVING min(state = 'complete'))) "
/* ---- routing.address: remote user 2^31, room 2^33, equipment 2^34, shared 2^35, team 2^38, group 2^43 ---- */
static const char address_directory[] =
    TENANT "SELECT CASE WHEN recipient_type_details IS NULL AND lower(class) IN ('group','contact','publicfolder','msexchdynamicdistributionlist') THEN 0"
    "  WHEN recipient_type_details & 9133247954944 = 0 THEN 0"
    "  WHEN recipient_type_details IS NOT NULL AND target_address IS NOT NULL THEN " OUTSIDE("target_address") " END AS violated,"
    " guid_text(guid) AS key, guid_text(guid) AS guid, 'remote mailbox' AS kind, coalesce(nullif(mail,''), nullif(name,''), dn) AS object,"
    " CASE target_address WHEN '' THEN 'This remote mailbox has no remote routing address.'"
    "  ELSE 'The remote routing address of this mailbox is ' || target_address || ', outside the tenant''s own domain.' END AS message,"
    " json_object('targetAddress', target_address, 'msExchRecipientTypeDetails', recipient_type_details) AS evidence, '' AS command"
    " FROM directory_recipient WHERE violated IS NOT FALSE";
static const char address_export[] =
    TENANT "SELECT CASE WHEN remote_routing_address IS NOT NULL THEN " OUTSIDE("remote_routing_address") " END AS violated,"
    " coalesce(nullif(guid_text(guid),''), nullif(lower(primary_address),''), nullif(identity,''), name) AS key, nullif(guid_text(guid),'') AS guid,"
    " 'remote mailbox' AS kind, coalesce(nullif(primary_address,''), nullif(name,''), identity) AS object,"
    " CASE remote_routing_address WHEN '' THEN 'This remote mailbox has no remote routing address.'"
    "  ELSE 'The remote routing address of this mailbox is ' || remote_routing_address || ', outside the tenant''s own domain.' END AS message,"
    " json_object('RemoteRoutingAddress', remote_routing_address) AS evidence, '' AS command"
    " FROM exchange_recipient WHERE side = 'on-premises' AND kind = 'RemoteMailbox' AND violated IS NOT FALSE";
static const struct uh_rule address[] = {
    {"on-premises", "on-premises:Recipient|on-premises:RemoteMailbox,cloud:AcceptedDomain", address_directory},
    {"on-premises", "on-premises:Recipient|on-premises:RemoteMailbox,cloud:AcceptedDomain", address_export},
    {0}};

#define TRANSPORT "https://learn.microsoft.com/exchange/transport-options"
#define DOMAINS \
  "https://learn.microsoft.com/exchange/mail-flow-best-practices/manage-accepted-domains/manage-accepted-domains"
static const struct uh_check checks[] = {
    {.id = "routing.centralized",
     .title = "Exchange Online does not send through the on-premises server",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-14",
     .rules = centralized,
     .remedy = "Switch RouteAllMessagesViaOnPremises off, watch mail leave directly, and run the Hybrid Configuration "
               "Wizard without centralized mail "
               "transport or take the feature off the hybrid configuration.",
     .reference = TRANSPORT,
     .explain = "The feature Centralized in the hybrid configuration on premises, and RouteAllMessagesViaOnPremises on "
                "an enabled outbound connector "
                "in Exchange Online. A disabled connector is no finding. All four listings of Get-OutboundConnector "
                "have to be complete: the plain one "
                "hides test-mode and rule-scoped connectors."},
    {.id = "routing.outbound-connector",
     .title = "No transport rule sends messages to the on-premises server",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-14",
     .rules = outbound,
     .remedy = "Change the rule so that it needs no connector to the on-premises server, or remove it.",
     .reference = "https://learn.microsoft.com/exchange/mail-flow-best-practices/use-connectors-to-configure-mail-flow/"
                  "conditional-mail-routing",
     .explain = "Transport rules in Exchange Online with RouteMessageOutboundConnector whose connector has the type "
                "OnPremises. Disabled rules and "
                "connectors to partners are no finding. A rule whose connector was not read cannot be judged."},
    {.id = "routing.accepted-domain",
     .title = "No accepted domain in Exchange Online relays to the on-premises server",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-14",
     .rules = accepted,
     .remedy = "Bring every address of the domain into Exchange Online (routing.relay-recipients names the missing "
               "ones), then make the domain "
               "Authoritative.",
     .reference = DOMAINS,
     .explain = "Accepted domains in Exchange Online of type InternalRelay. Mail for recipients that Exchange Online "
                "does not know is sent on through a "
                "connector; without the server it loops or waits."},
    {.id = "routing.relay-recipients",
     .title = "Every address of a relayed domain exists in Exchange Online",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-14",
     .rules = relay_recipients,
     .applies = RELAY " SELECT CASE WHEN EXISTS (SELECT 1 FROM relay) THEN 1"
                      "  WHEN EXISTS (SELECT 1 FROM object WHERE side = 'cloud' AND kind = 'AcceptedDomain' AND "
                      "prop(json,'DomainType') IS NULL) THEN NULL ELSE 0 END",
     .applies_needs = "cloud:AcceptedDomain",
     .absence_needs = "cloud:Mailbox,cloud:Recipient",
     .remedy = "Synchronise the object, or create a recipient with this address in Exchange Online, or decide that the "
               "address may go; then make the "
               "domain Authoritative.",
     .reference = DOMAINS,
     .explain = "For every accepted domain of type InternalRelay in Exchange Online: the addresses of objects in "
                "Active Directory that no recipient in "
                "Exchange Online has. Dynamic groups are among them, because they are never synchronised. Exchange's "
                "own mailboxes (system, "
                "arbitration, monitoring, audit log, discovery) are left out. The check does not apply where no domain "
                "relays. While the "
                "recipients in Exchange Online were not read completely nothing can be concluded from an address that "
                "was not found."},
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
                "compared as contoso.com; the domain * is "
                "left out."},
    {.id = "routing.send-connector",
     .title = "No send connector on premises is in use",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-14",
     .rules = send,
     .remedy = "Find out who sends through it (message tracking), move that to Exchange Online, disable the connector, "
               "watch, then remove it.",
     .reference = "https://learn.microsoft.com/exchange/mail-flow/connectors/send-connectors",
     .explain =
         "Enabled send, foreign and delivery agent connectors. The connector that the Hybrid Configuration Wizard made "
         "is no finding, whatever "
         "its name: all its address spaces are the tenant's *.mail.onmicrosoft.com and it is marked for cloud "
         "services; with any further "
         "address space it counts. Nor is the delivery agent that every organisation has for text messages (MOBILE)."},
    {.id = "routing.address",
     .title = "Every remote mailbox is routed to the tenant",
     .severity = UH_INFO,
     .purposes = UH_BEFORE,
     .requirements = "P-14",
     .rules = address,
     .remedy = "Nothing to do where the MX record already leads to Exchange Online. Before, correct the remote routing "
               "address.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/set-remotemailbox",
     .explain =
         "targetAddress of remote mailboxes: an address in the tenant's own domain *.mail.onmicrosoft.com, one of "
         "the accepted domains in Exchange Online, is expected. That of another tenant is a finding."},
    {0}};
UH_CHECK_MODULE(routing, checks);
