/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration objects: which class, which attributes, which of Exchange's properties. Objects are found by class,
 * never by path: containers can be renamed, and more than one administrative group may exist. Names and encodings are
 * those of real property bags (facts: AD); where the meaning of a bit is not known, no property is made of it.
 */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <strings.h>

#include "sources/directory.h"

#define END \
  { NULL, NULL, UH_P_TEXT }
#define MAX_XML (1u << 20)

static bool has_class(const struct uh_ldap_entry *entry, const char *class) {
  const struct uh_ldap_attribute *a = uh_ldap_get(entry, "objectClass");
  for (size_t i = 0; a && i < a->n; i++)
    if (strcasecmp(a->values[i].data, class) == 0) return true;
  return false;
}

static bool has_value(const struct uh_ldap_entry *entry, const char *attribute, const char *value) {
  const struct uh_ldap_attribute *a = uh_ldap_get(entry, attribute);
  for (size_t i = 0; a && i < a->n; i++)
    if (strcasecmp(a->values[i].data, value) == 0) return true;
  return false;
}

static void add_key(struct uh_str *json, const char *property) {
  uh_str_addf(json, ",\"%s\":", property);
}

static void add_text(struct uh_str *json, const char *property, const char *text, size_t n) {
  add_key(json, property);
  uh_json_string(json, text, n);
}

static void add_server(const struct uh_ldap_entry *entry, const struct uh_directory_context *context,
                       struct uh_str *json) {
  struct uh_str name UH_CLEANUP(uh_str_clear) = {0};
  (void)context;
  if (uh_dn_server(entry->dn, entry->dn_size, &name)) add_text(json, "Server", name.s ? name.s : "", name.len);
}

static bool parent_starts(const struct uh_ldap_entry *entry, const char *rdn) {
  return strncasecmp(uh_dn_parent(entry->dn, entry->dn_size, 1), rdn, strlen(rdn)) == 0;
}

/* ---- organisation, servers, databases ---- */

static const struct uh_property organization[] = {{"adminDisplayName", "AdminDisplayName", UH_P_TEXT},
                                                  {"objectVersion", "ObjectVersion", UH_P_INT},
                                                  {"msExchMixedMode", "IsMixedMode", UH_P_BOOL},
                                                  {"msExchProductID", "ProductID", UH_P_TEXT},
                                                  {"legacyExchangeDN", "LegacyExchangeDN", UH_P_TEXT},
                                                  {"msExchAuthPolicyLink", "DefaultAuthenticationPolicy", UH_P_NAME},
                                                  END};

/* Bit 1 is set on every server of 2016 and later; what it is called is not known, so it is left out of the words. */
static const struct uh_word server_roles[] = {{2, "Mailbox"},
                                              {4, "ClientAccess"},
                                              {16, "UnifiedMessaging"},
                                              {32, "HubTransport"},
                                              {64, "Edge"},
                                              {16384, "FrontendTransport"},
                                              {0, NULL}};
static const struct uh_property server[] = {{"msExchCurrentServerRoles", "ServerRole", UH_P_FLAGS, ~1, server_roles},
                                            {"msExchCurrentServerRoles", "ServerRoleBits", UH_P_INT},
                                            {"msExchCurrentServerRoles", "IsEdgeServer", UH_P_BIT, 64},
                                            {"msExchCurrentServerRoles", "IsMailboxServer", UH_P_BIT, 2},
                                            {"msExchServerSite", "Site", UH_P_NAME},
                                            {"msExchMDBAvailabilityGroupLink", "DatabaseAvailabilityGroup", UH_P_NAME},
                                            {"legacyExchangeDN", "ExchangeLegacyDN", UH_P_TEXT},
                                            {"msExchProductID", "ProductID", UH_P_TEXT},
                                            {"msExchInternetWebProxy", "InternetWebProxy", UH_P_TEXT},
                                            {"msExchComponentStates", "ComponentStates", UH_P_LIST},
                                            END};
static const char *const server_more[] = {"networkAddress", "serialNumber", "versionNumber", NULL};

/* msExchExchangeTransportServer (role settings below a server) is a subclass: it is no server. */
static bool is_server(const struct uh_ldap_entry *entry) {
  if (has_class(entry, "msExchExchangeTransportServer")) return false;
  return uh_ldap_get(entry, "msExchCurrentServerRoles") || parent_starts(entry, "CN=Servers,");
}

static void add_version(const struct uh_ldap_entry *entry, struct uh_str *json) {
  struct uh_str text UH_CLEANUP(uh_str_clear) = {0};
  const struct uh_ldap_attribute *serial = uh_ldap_get(entry, "serialNumber");
  const struct uh_ldap_value *number = uh_ldap_first(entry, "versionNumber");
  int64_t v;
  bool known = false;
  for (size_t i = 0; serial && i < serial->n && !known; i++) known = uh_server_version(serial->values[i].data, &text);
  if (!known && number && uh_directory_int(number, &v)) {
    uh_str_addf(&text, "Version %u.%u (Build %u)", (unsigned)(v >> 22 & 63), (unsigned)(v >> 16 & 63),
                (unsigned)(v & 0x7fff));
    known = true;
  }
  if (known)
    add_text(json, "AdminDisplayVersion", text.s ? text.s : "", text.len);
  else
    uh_str_add(json, ",\"AdminDisplayVersion\":null");
}

static void server_extra(const struct uh_ldap_entry *entry, const struct uh_directory_context *context,
                         struct uh_str *json) {
  static const char tcp[] = "ncacn_ip_tcp:";
  const struct uh_ldap_attribute *a = uh_ldap_get(entry, "networkAddress");
  const struct uh_ldap_value *fqdn = NULL;
  (void)context;
  for (size_t i = 0; a && i < a->n && !fqdn; i++)
    if (strncasecmp(a->values[i].data, tcp, sizeof tcp - 1) == 0) fqdn = &a->values[i];
  if (fqdn) {
    const char *name = fqdn->data + sizeof tcp - 1, *dot = strchr(name, '.');
    add_text(json, "Fqdn", name, fqdn->size - (sizeof tcp - 1));
    if (dot)
      add_text(json, "Domain", dot + 1, strlen(dot + 1));
    else
      uh_str_add(json, ",\"Domain\":null");
  } else {
    uh_str_add(json, ",\"Fqdn\":null,\"Domain\":null");
  }
  add_version(entry, json);
}

#define DATABASE                                                                                \
  {"msExchOwningServer", "Server", UH_P_SERVER}, {"msExchOwningServer", "ServerDN", UH_P_TEXT}, \
      {"msExchMasterServerOrAvailabilityGroup", "MasterServerOrAvailabilityGroup", UH_P_NAME},  \
      {"msExchEDBFile", "EdbFilePath", UH_P_TEXT}, {                                            \
    "legacyExchangeDN", "ExchangeLegacyDN", UH_P_TEXT                                           \
  }
static const struct uh_property mailbox_database[] = {DATABASE,
                                                      {"msExchRestore", "Recovery", UH_P_BOOL, 0, NULL, "false"},
                                                      {"msExchHomePublicMDB", "PublicFolderDatabase", UH_P_NAME},
                                                      END};
static const struct uh_property public_database[] = {
    DATABASE, {"msExchOwningPFTree", "PublicFolderHierarchy", UH_P_NAME}, END};
static const struct uh_property availability_group[] = {
    {"msExchFileShareWitness", "WitnessServer", UH_P_TEXT},
    {"msExchFileShareWitnessDirectory", "WitnessDirectory", UH_P_TEXT},
    {"msExchMDBAvailabilityGroupIPv4Addresses", "DatabaseAvailabilityGroupIpv4Addresses", UH_P_LIST},
    {"msExchStartedMailboxServers", "StartedMailboxServers", UH_P_LIST},
    {"msExchStoppedMailboxServers", "StoppedMailboxServers", UH_P_LIST},
    END};

static const char *const group_more[] = {"msExchMDBAvailabilityGroupBL", NULL};

/* The back link is computed by the server; where it is not, the members' own links say the same. */
static void group_extra(const struct uh_ldap_entry *entry, const struct uh_directory_context *c, struct uh_str *json) {
  const struct uh_ldap_attribute *a = uh_ldap_get(entry, "msExchMDBAvailabilityGroupBL");
  bool any = false;
  add_key(json, "Servers");
  for (size_t i = 0; a && i < a->n; i++) {
    struct uh_str name UH_CLEANUP(uh_str_clear) = {0};
    if (!uh_dn_value(a->values[i].data, a->values[i].size, 0, &name)) continue;
    uh_str_addc(json, any ? ',' : '[');
    uh_json_string(json, name.s ? name.s : "", name.len);
    any = true;
  }
  for (size_t i = 0; !a && i < c->servers_n; i++) {
    const char *group = c->servers[i].group;
    if (!group || !uh_dn_same(group, strlen(group), entry->dn, entry->dn_size)) continue;
    uh_str_addc(json, any ? ',' : '[');
    uh_json_string(json, c->servers[i].name, strlen(c->servers[i].name));
    any = true;
  }
  uh_str_add(json, any ? "]" : "[]");
}

/* ---- mail flow ---- */

static const struct uh_word receive_auth[] = {{1, "Tls"},
                                              {2, "Integrated"},
                                              {4, "BasicAuth"},
                                              {8, "BasicAuthRequireTLS"},
                                              {16, "ExchangeServer"},
                                              {32, "ExternalAuthoritative"},
                                              {0, NULL}};
static const struct uh_word transport_roles[] = {
    {32, "HubTransport"}, {16384, "FrontendTransport"}, {2, "Mailbox"}, {0, NULL}};
static const struct uh_word logging_levels[] = {{0, "None"}, {1, "Verbose"}, {0, NULL}};
static const struct uh_property receive_connector[] = {
    {"msExchSmtpReceiveBindings", "Bindings", UH_P_LIST},
    {"msExchSmtpReceiveRemoteIPRanges", "RemoteIPRanges", UH_P_LIST},
    {"msExchSMTPReceiveInboundSecurityFlag", "AuthMechanism", UH_P_FLAGS, 0, receive_auth, "\"None\""},
    {"msExchSmtpReceiveRole", "TransportRole", UH_P_FLAGS, 0, transport_roles},
    {"msExchSmtpReceiveEnabled", "Enabled", UH_P_ENABLED},
    {"msExchSMTPReceiveConnectorFQDN", "Fqdn", UH_P_TEXT},
    {"msExchSmtpTLSCertificate", "TlsCertificateName", UH_P_TEXT},
    {"msExchSmtpReceiveTlsDomainCapabilities", "TlsDomainCapabilities", UH_P_LIST},
    {"msExchSmtpReceiveProtocolLoggingLevel", "ProtocolLoggingLevel", UH_P_WORD, 0, logging_levels, "\"None\""},
    END};

static void add_holders(struct uh_str *json, const char *property, const struct uh_sids *sids) {
  add_key(json, property);
  uh_str_addc(json, '[');
  for (size_t i = 0; i < sids->n; i++) uh_str_addf(json, "%s\"%s\"", i ? "," : "", sids->v[i]);
  uh_str_addc(json, ']');
}

/* Who may do what stands in the ACL alone. While it, or the right's GUID, could not be read, the properties are left
 * out. */
static void receive_extra(const struct uh_ldap_entry *entry, const struct uh_directory_context *c,
                          struct uh_str *json) {
  const struct uh_ldap_value *sd = uh_ldap_first(entry, "nTSecurityDescriptor");
  struct uh_sids sids UH_CLEANUP(uh_sids_clear) = {0};
  add_server(entry, c, json);
  if (sd && c->any_recipient_known && uh_security_holders(sd->data, sd->size, c->any_recipient, &sids) == 0)
    add_holders(json, "AnyRecipientFor", &sids);
  uh_sids_clear(&sids);
  if (sd && c->submit_known && uh_security_holders(sd->data, sd->size, c->submit, &sids) == 0) {
    add_key(json, "AnonymousCanSubmit");
    uh_str_add(json, uh_sids_has(&sids, "S-1-5-7") ? "true" : "false");
  }
}

static const struct uh_word send_types[] = {{0, "Default"}, {0, NULL}};
static const struct uh_property send_connector[] = {
    {"routingList", "AddressSpaces", UH_P_LIST},
    {"msExchSmtpSmartHost", "SmartHosts", UH_P_SPLIT},
    {"msExchSourceBridgeheadServersDN", "SourceTransportServers", UH_P_SERVERS},
    {"homeMTA", "HomeMtaServerId", UH_P_SERVER},
    {"msExchSmtpSendFlags", "CloudServicesMailEnabled", UH_P_BIT, 0x20000},
    {"msExchSmtpSendTlsDomain", "TlsDomain", UH_P_TEXT},
    {"msExchSmtpTLSCertificate", "TlsCertificateName", UH_P_TEXT},
    {"msExchSMTPSendConnectorFQDN", "Fqdn", UH_P_TEXT},
    {"msExchSmtpSendPort", "Port", UH_P_INT},
    {"msExchSmtpSendType", "ConnectorType", UH_P_WORD, 0, send_types},
    {"msExchSmtpSendEnabled", "Enabled", UH_P_ENABLED},
    END};

static void send_extra(const struct uh_ldap_entry *entry, const struct uh_directory_context *context,
                       struct uh_str *json) {
  (void)context;
  add_key(json, "DNSRoutingEnabled");
  uh_str_add(json, uh_ldap_get(entry, "msExchSmtpSmartHost") ? "false" : "true");
}

static const struct uh_property other_connector[] = {
    {"routingList", "AddressSpaces", UH_P_LIST},
    {"msExchSourceBridgeheadServersDN", "SourceTransportServers", UH_P_SERVERS},
    {"homeMTA", "HomeMtaServerId", UH_P_SERVER},
    {"deliveryMechanism", "DeliveryMechanism", UH_P_INT},
    {"msExchSmtpSendEnabled", "Enabled", UH_P_ENABLED},
    {"objectClass", "ObjectClass", UH_P_LIST},
    END};

/* Every gateway that is no send connector and no delivery agent; old connectors are foreign ones too. */
static bool is_foreign(const struct uh_ldap_entry *entry) {
  return !has_class(entry, "msExchRoutingSMTPConnector") && !has_class(entry, "msExchDeliveryAgentConnector");
}

static const struct uh_word domain_types[] = {
    {0, "Authoritative"}, {1, "ExternalRelay"}, {2, "InternalRelay"}, {0, NULL}};
static const struct uh_property accepted_domain[] = {
    {"msExchAcceptedDomainName", "DomainName", UH_P_TEXT},
    {"msExchAcceptedDomainFlags", "DomainType", UH_P_WORD, 3, domain_types, "\"Authoritative\""},
    {"msExchAcceptedDomainFlags", "Default", UH_P_BIT, 4},
    {"msExchAcceptedDomainFlags", "AddressBookEnabled", UH_P_BIT, 8},
    {"msExchFedAcceptedDomainLink", "FederatedOrganizationLink", UH_P_NAME},
    END};
static const struct uh_property remote_domain[] = {{"domainName", "DomainName", UH_P_TEXT}, END};

static bool below_rules(const struct uh_ldap_entry *entry, const char *container) {
  return parent_starts(entry, container);
}
static bool is_journal_rule(const struct uh_ldap_entry *entry) {
  return below_rules(entry, "CN=Journal");
}
static bool is_transport_rule(const struct uh_ldap_entry *entry) {
  return below_rules(entry, "CN=Transport");
}
static const struct uh_property rule[] = {{"msExchTransportRulePriority", "Priority", UH_P_INT},
                                          {"msExchTransportRuleVersion", "RuleVersion", UH_P_TEXT},
                                          END};
static const char *const journal_more[] = {"msExchTransportRuleXml", NULL};
static const struct uh_property transport[] = {{"msExchJournalingReportNDRTo", "JournalingReportNdrTo", UH_P_TEXT},
                                               END};

/* ---- hybrid ---- */

static const struct uh_word hybrid_features[] = {
    {1, "FreeBusy"},       {2, "MoveMailbox"}, {4, "Mailtips"}, {8, "MessageTracking"},     {16, "OwaRedirection"},
    {32, "OnlineArchive"}, {64, "SecureMail"}, {512, "Photos"}, {128 | 256, "Centralized"}, {0, NULL}};
static const struct uh_property hybrid[] = {
    {"msExchCoexistenceDomains", "Domains", UH_P_LIST},
    {"msExchCoexistenceFeatureFlags", "Features", UH_P_FLAG_LIST, 0, hybrid_features},
    /* Which of the two bits it is could not be found out; neither is seen without it. Without flags nothing is said. */
    {"msExchCoexistenceFeatureFlags", "CentralizedTransport", UH_P_BIT, 128 | 256, NULL, ""},
    {"msExchCoexistenceFrontendTransportServers", "ReceivingTransportServers", UH_P_SERVERS},
    {"msExchCoexistenceTransportServers", "SendingTransportServers", UH_P_SERVERS},
    {"msExchCoexistenceEdgeTransportServers", "EdgeTransportServers", UH_P_SERVERS},
    {"msExchCoexistenceServers", "ClientAccessServers", UH_P_SERVERS},
    {"msExchCoexistenceOnPremisesSmartHost", "OnPremisesSmartHost", UH_P_TEXT},
    {"msExchCoexistenceSecureMailCertificateThumbprint", "TlsCertificateName", UH_P_TEXT},
    {"msExchCoexistenceExternalIPAddresses", "ExternalIPAddresses", UH_P_LIST},
    {"msExchManagementSettings", "ServiceInstance", UH_P_INT},
    END};
static const struct uh_property intra_connector[] = {{"msExchFedDomainNames", "TargetAddressDomains", UH_P_LIST},
                                                     {"msExchFedTargetAutodiscoverEPR", "DiscoveryEndpoint", UH_P_TEXT},
                                                     {"msExchFedIsEnabled", "Enabled", UH_P_BOOL},
                                                     END};
static const struct uh_property relationship[] = {
    {"msExchFedDomainNames", "DomainNames", UH_P_LIST},
    {"msExchFedIsEnabled", "Enabled", UH_P_BOOL},
    {"msExchFedEnabledActions", "EnabledActions", UH_P_LIST},
    {"msExchFedTargetApplicationURI", "TargetApplicationUri", UH_P_TEXT},
    {"msExchFedTargetAutodiscoverEPR", "TargetAutodiscoverEpr", UH_P_TEXT},
    {"msExchFedTargetSharingEPR", "TargetSharingEpr", UH_P_TEXT},
    {"msExchFedTargetOWAURL", "TargetOwaURL", UH_P_TEXT},
    {"msExchFedOrgAdminContact", "OrganizationContact", UH_P_TEXT},
    END};
static const struct uh_property sharing_policy[] = {{"msExchSharingPolicyDomains", "Domains", UH_P_LIST, 0, NULL, "[]"},
                                                    {"msExchSharingPolicyIsEnabled", "Enabled", UH_P_BOOL},
                                                    END};
static const struct uh_property federation_trust[] = {
    {"msExchFedApplicationURI", "ApplicationUri", UH_P_TEXT},
    {"msExchFedApplicationId", "ApplicationIdentifier", UH_P_TEXT},
    {"msExchFedTokenIssuerURI", "TokenIssuerUri", UH_P_TEXT},
    {"msExchFedMetadataEPR", "TokenIssuerMetadataEpr", UH_P_TEXT},
    {"msExchFedProvisioningProvider", "NamespaceProvisioner", UH_P_TEXT},
    END};
static const struct uh_property federated_organization[] = {
    {"msExchFedAccountNamespace", "AccountNamespace", UH_P_TEXT},
    {"msExchFedDelegationTrust", "DelegationTrustLink", UH_P_TEXT},
    {"msExchFedAcceptedDomainBL", "Domains", UH_P_NAMES},
    {"msExchFedIsEnabled", "Enabled", UH_P_BOOL},
    {"msExchFedOrgAdminContact", "OrganizationContact", UH_P_TEXT},
    END};

static const struct uh_property auth_config[] = {
    {"msExchAuthApplicationIdentifier", "ServiceName", UH_P_TEXT},
    {"msExchAuthRealm", "Realm", UH_P_TEXT},
    {"msExchAuthNextEffectiveDate", "NextCertificateEffectiveDate", UH_P_TEXT},
    END};
static const char *const auth_config_more[] = {"msExchAuthCertificateThumbprint", NULL};

/* "0:THUMBPRINT" is the current one, "1:" the previous, "2:" the next. */
static void auth_config_extra(const struct uh_ldap_entry *entry, const struct uh_directory_context *context,
                              struct uh_str *json) {
  static const char *const property[] = {"CurrentCertificateThumbprint", "PreviousCertificateThumbprint",
                                         "NextCertificateThumbprint"};
  const struct uh_ldap_attribute *a = uh_ldap_get(entry, "msExchAuthCertificateThumbprint");
  (void)context;
  for (int k = 0; k < 3; k++) {
    const struct uh_ldap_value *found = NULL;
    for (size_t i = 0; a && i < a->n; i++)
      if (a->values[i].size > 2 && a->values[i].data[0] == '0' + k && a->values[i].data[1] == ':')
        found = &a->values[i];
    if (found)
      add_text(json, property[k], found->data + 2, found->size - 2);
    else
      uh_str_addf(json, ",\"%s\":null", property[k]);
  }
}

static const struct uh_property auth_server[] = {
    {"msExchAuthAuthServerType", "Type", UH_P_INT},
    {"msExchAuthIssuerName", "IssuerIdentifier", UH_P_TEXT},
    {"msExchAuthIssuingUrl", "TokenIssuingEndpoint", UH_P_TEXT},
    {"msExchAuthMetadataUrl", "AuthMetadataUrl", UH_P_TEXT},
    {"msExchAuthAuthorizationUrl", "AuthorizationEndpoint", UH_P_TEXT},
    {"msExchAuthRealm", "Realm", UH_P_TEXT},
    {"msExchAuthApplicationIdentifier", "ApplicationIdentifier", UH_P_TEXT},
    {"msExchCoexistenceDomains", "DomainName", UH_P_LIST},
    END};
static const struct uh_property partner_application[] = {
    {"msExchAuthApplicationIdentifier", "ApplicationIdentifier", UH_P_TEXT},
    {"msExchAuthFlags", "Enabled", UH_P_BIT, 1},
    {"msExchAuthFlags", "UseAuthServer", UH_P_BIT, 2},
    {"msExchAuthFlags", "AcceptSecurityIdentifierInformation", UH_P_BIT, 4},
    {"msExchAuthLinkedAccount", "LinkedAccount", UH_P_TEXT},
    END};

static const struct uh_property none[] = {END};
static const char *const override_more[] = {"msExchConfigurationXML", NULL};

static void add_xml_attribute(struct uh_str *json, const char *property, const xmlNode *node, const char *name) {
  xmlChar *text = xmlGetNoNsProp(node, (const xmlChar *)name);
  if (text)
    add_text(json, property, (const char *)text, strlen((const char *)text));
  else
    uh_str_addf(json, ",\"%s\":null", property);
  xmlFree(text);
}

static bool add_parameters(struct uh_str *json, const xmlNode *node, bool any) {
  for (; node; node = node->next) {
    if (node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, "P") == 0) {
      xmlChar *text = xmlNodeGetContent(node);
      uh_str_addc(json, any ? ',' : '[');
      uh_json_string(json, text ? (const char *)text : "", text ? strlen((const char *)text) : 0);
      xmlFree(text);
      any = true;
    } else if (node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, "Ps") == 0) {
      any = add_parameters(json, node->children, any);
    }
  }
  return any;
}

/* <S CN="component" SN="section" R="reason"><Ps><P>key=value</P></Ps></S>; no entity or network is ever followed. */
static void override_extra(const struct uh_ldap_entry *entry, const struct uh_directory_context *context,
                           struct uh_str *json) {
  const struct uh_ldap_value *v = uh_ldap_first(entry, "msExchConfigurationXML");
  (void)context;
  if (!v || v->size == 0 || v->size > MAX_XML) return;
  xmlDoc *doc =
      xmlReadMemory(v->data, (int)v->size, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
  const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
  if (root) {
    add_xml_attribute(json, "ComponentName", root, "CN");
    add_xml_attribute(json, "SectionName", root, "SN");
    add_xml_attribute(json, "ModifiedBy", root, "MB");
    add_xml_attribute(json, "Reason", root, "R");
    add_key(json, "Parameters");
    uh_str_add(json, add_parameters(json, root->children, false) ? "]" : "[]");
  }
  xmlFreeDoc(doc);
}

/* The address among the arguments of a journal rule's action. */
static xmlChar *journal_address(const xmlNode *action) {
  for (const xmlNode *n = action ? action->children : NULL; n; n = n->next) {
    if (n->type != XML_ELEMENT_NODE || strcasecmp((const char *)n->name, "argument") != 0) continue;
    xmlChar *value = xmlGetNoNsProp(n, (const xmlChar *)"value");
    if (value && strchr((const char *)value, '@')) return value;
    xmlFree(value);
  }
  return NULL;
}

/* The first element of that name at most depth levels down. */
static const xmlNode *element(const xmlNode *node, const char *name, unsigned depth) {
  for (; node; node = node->next) {
    if (node->type != XML_ELEMENT_NODE) continue;
    if (strcasecmp((const char *)node->name, name) == 0) return node;
    const xmlNode *below = depth ? element(node->children, name, depth - 1) : NULL;
    if (below) return below;
  }
  return NULL;
}

/* <rule enabled="false">..<action><argument value="address"/></action></rule>; a rule that does not say so is on. The
 * form is known from others' programs only: what does not fit it is left out, as not obtained. */
static void journal_extra(const struct uh_ldap_entry *entry, const struct uh_directory_context *context,
                          struct uh_str *json) {
  enum { DEPTH = 4 };
  const struct uh_ldap_value *v = uh_ldap_first(entry, "msExchTransportRuleXml");
  (void)context;
  if (!v || v->size == 0 || v->size > MAX_XML) return;
  xmlDoc *doc =
      xmlReadMemory(v->data, (int)v->size, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
  const xmlNode *found = doc ? element(xmlDocGetRootElement(doc), "rule", 1) : NULL;
  xmlChar *enabled = found ? xmlGetNoNsProp(found, (const xmlChar *)"enabled") : NULL;
  xmlChar *address = found ? journal_address(element(found->children, "action", DEPTH)) : NULL;
  if (found) {
    add_key(json, "Enabled");
    uh_str_add(json, enabled && strcasecmp((const char *)enabled, "false") == 0 ? "false" : "true");
  }
  if (address) add_text(json, "JournalEmailAddress", (const char *)address, strlen((const char *)address));
  xmlFree(enabled);
  xmlFree(address);
  xmlFreeDoc(doc);
}

static const struct uh_property address_space[] = {
    {"msExchAvailabilityForestName", "ForestName", UH_P_TEXT},
    {"msExchAvailabilityAccessMethod", "AccessMethod", UH_P_INT},
    {"msExchAvailabilityUserName", "UserName", UH_P_TEXT},
    {"msExchAvailabilityUseServiceAccount", "UseServiceAccount", UH_P_BOOL},
    {"msExchFedTargetAutodiscoverEPR", "TargetAutodiscoverEpr", UH_P_TEXT},
    END};
static const struct uh_property address_policy[] = {
    {"msExchPolicyOrder", "Priority", UH_P_INT},
    {"gatewayProxy", "EnabledEmailAddressTemplates", UH_P_LIST},
    {"disabledGatewayProxy", "DisabledEmailAddressTemplates", UH_P_LIST},
    {"msExchQueryFilter", "RecipientFilter", UH_P_TEXT},
    {"purportedSearch", "LdapRecipientFilter", UH_P_TEXT},
    END};

/* ---- unified messaging: what the numbers of its states mean is not known, so they stay numbers ---- */

static const struct uh_property um_gateway[] = {
    {"msExchUMIPGatewayAddress", "Address", UH_P_TEXT}, {"msExchUMIPGatewayStatus", "Status", UH_P_INT}, END};
static const struct uh_property um_attendant[] = {{"msExchUMAutoAttendantFlags", "Status", UH_P_INT},
                                                  {"msExchUMAutoAttendantDialPlanLink", "UMDialPlan", UH_P_NAME},
                                                  END};

/* "B:32:GUID:DN" of the security groups and containers that Exchange finds by GUID. */
static const struct uh_property container[] = {
    {"otherWellKnownObjects", "OtherWellKnownObjects", UH_P_LIST, 0, NULL, "[]"}, END};

/* ---- clients, moves ---- */

#define SCP_URL "77378F46-2C66-4aa9-A6A6-3E7A48B19596"
#define SCP_POINTER "67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68"
static const struct uh_property connection_point[] = {
    {"serviceBindingInformation", "ServiceBindingInformation", UH_P_TEXTS},
    {"keywords", "Keywords", UH_P_LIST},
    {"serviceDNSName", "ServiceDNSName", UH_P_TEXT},
    {"serviceClassName", "ServiceClassName", UH_P_TEXT},
    END};
static void connection_point_extra(const struct uh_ldap_entry *entry, const struct uh_directory_context *context,
                                   struct uh_str *json) {
  add_text(json, "Kind", has_value(entry, "keywords", SCP_URL) ? "url" : "pointer",
           has_value(entry, "keywords", SCP_URL) ? 3 : 7);
  add_server(entry, context, json);
}

static const struct uh_word move_states[] = {
    {1, "InProgress"}, {10, "Completed"}, {11, "CompletedWithWarning"}, {99, "Failed"}, {0, NULL}};
static const struct uh_property move_request[] = {{"msExchMailboxMoveStatus", "Status", UH_P_WORD, 0, move_states},
                                                  {"msExchMailboxMoveBatchName", "BatchName", UH_P_TEXT},
                                                  {"msExchMailboxMoveRemoteHostName", "RemoteHostName", UH_P_TEXT},
                                                  {"msExchMailboxMoveFlags", "Flags", UH_P_INT},
                                                  {"msExchMRSRequestType", "RequestType", UH_P_INT},
                                                  {"msExchMailboxMoveSourceMDBLink", "SourceDatabase", UH_P_NAME},
                                                  {"msExchMailboxMoveTargetMDBLink", "TargetDatabase", UH_P_NAME},
                                                  {"displayName", "DisplayName", UH_P_TEXT},
                                                  END};

static const struct uh_word authentication_methods[] = {
    {1, "Basic"},      {2, "Ntlm"},         {4, "Fba"},          {8, "Digest"},        {16, "WindowsIntegrated"},
    {32, "LiveIdFba"}, {64, "LiveIdBasic"}, {128, "WSSecurity"}, {256, "Certificate"}, {512, "NegoEx"},
    {1024, "OAuth"},   {2048, "Adfs"},      {4096, "Kerberos"},  {8192, "Negotiate"},  {16384, "LiveIdNegotiate"},
    {0, NULL}};
static const struct uh_property web_services[] = {
    {"msExchInternalHostName", "InternalUrl", UH_P_TEXT},
    {"msExchExternalHostName", "ExternalUrl", UH_P_TEXT},
    {"msExchMRSProxyFlags", "MRSProxyEnabled", UH_P_BIT, 1},
    {"msExchInternalAuthenticationMethods", "InternalAuthenticationMethods", UH_P_FLAG_LIST, 0, authentication_methods},
    {"msExchExternalAuthenticationMethods", "ExternalAuthenticationMethods", UH_P_FLAG_LIST, 0, authentication_methods},
    {"msExchMetabasePath", "MetabasePath", UH_P_TEXT},
    END};

/* The first three prove that the account sees what it must; directory_objects.c relies on their order. */
const struct uh_kind uh_directory_kinds[] = {
    {"OrganizationConfig", "(objectClass=msExchOrganizationContainer)", UH_BELOW_ORGANIZATION, organization},
    {"AcceptedDomain", "(objectClass=msExchAcceptedDomain)", UH_BELOW_ORGANIZATION, accepted_domain},
    {"RoleAssignment", "(objectClass=msExchRoleAssignment)", UH_BELOW_ORGANIZATION, none, .count_only = true},
    {"ExchangeServer", "(objectClass=msExchExchangeServer)", UH_BELOW_ORGANIZATION, server, server_more,
     .belongs = is_server, .extra = server_extra},
    {"MailboxDatabase", "(objectClass=msExchPrivateMDB)", UH_BELOW_ORGANIZATION, mailbox_database},
    {"PublicFolderDatabase", "(objectClass=msExchPublicMDB)", UH_BELOW_ORGANIZATION, public_database},
    {"DatabaseAvailabilityGroup", "(objectClass=msExchMDBAvailabilityGroup)", UH_BELOW_ORGANIZATION, availability_group,
     group_more, .extra = group_extra},
    {"ReceiveConnector", "(objectClass=msExchSmtpReceiveConnector)", UH_BELOW_ORGANIZATION, receive_connector,
     .security_parts = 4, .extra = receive_extra},
    {"SendConnector", "(objectClass=msExchRoutingSMTPConnector)", UH_BELOW_ORGANIZATION, send_connector,
     .extra = send_extra},
    {"ForeignConnector", "(|(objectClass=mailGateway)(objectClass=msExchConnector))", UH_BELOW_ORGANIZATION,
     other_connector, .belongs = is_foreign},
    {"DeliveryAgentConnector", "(objectClass=msExchDeliveryAgentConnector)", UH_BELOW_ORGANIZATION, other_connector},
    {"RemoteDomain", "(objectClass=msExchDomainContentConfig)", UH_BELOW_ORGANIZATION, remote_domain},
    {"HybridConfiguration", "(objectClass=msExchCoexistenceRelationship)", UH_BELOW_ORGANIZATION, hybrid},
    {"IntraOrganizationConnector", "(objectClass=msExchIntraOrganizationConnector)", UH_BELOW_ORGANIZATION,
     intra_connector},
    {"OrganizationRelationship", "(objectClass=msExchFedSharingRelationship)", UH_BELOW_ORGANIZATION, relationship},
    {"FederationTrust", "(objectClass=msExchFedTrust)", UH_BELOW_ORGANIZATION, federation_trust},
    {"FederatedOrganizationIdentifier", "(objectClass=msExchFedOrgId)", UH_BELOW_ORGANIZATION, federated_organization},
    {"AuthConfig", "(objectClass=msExchAuthAuthConfig)", UH_BELOW_ORGANIZATION, auth_config, auth_config_more,
     .extra = auth_config_extra},
    {"AuthServer", "(objectClass=msExchAuthAuthServer)", UH_BELOW_ORGANIZATION, auth_server},
    {"PartnerApplication", "(objectClass=msExchAuthPartnerApplication)", UH_BELOW_ORGANIZATION, partner_application},
    {"SettingOverride", "(objectClass=msExchConfigSettings)", UH_BELOW_ORGANIZATION, none, override_more,
     .extra = override_extra},
    {"AvailabilityAddressSpace", "(objectClass=msExchAvailabilityAddressSpace)", UH_BELOW_ORGANIZATION, address_space},
    {"EmailAddressPolicy", "(objectClass=msExchRecipientPolicy)", UH_BELOW_ORGANIZATION, address_policy},
    {"AutodiscoverServiceConnectionPoint",
     "(&(objectClass=serviceConnectionPoint)(|(keywords=" SCP_URL ")(keywords=" SCP_POINTER ")))",
     UH_BELOW_CONFIGURATION, connection_point, .extra = connection_point_extra},
    {"MoveRequest", "(objectClass=msExchMRSRequest)", UH_BELOW_ORGANIZATION, move_request},
    {"TransportRule", "(objectClass=msExchTransportRule)", UH_BELOW_ORGANIZATION, rule, .belongs = is_transport_rule},
    {"JournalRule", "(objectClass=msExchTransportRule)", UH_BELOW_ORGANIZATION, rule, journal_more,
     .belongs = is_journal_rule, .extra = journal_extra},
    {"TransportConfig", "(objectClass=msExchTransportSettings)", UH_BELOW_ORGANIZATION, transport},
    {"SharingPolicy", "(objectClass=msExchSharingPolicy)", UH_BELOW_ORGANIZATION, sharing_policy},
    {"UMIPGateway", "(objectClass=msExchUMIPGateway)", UH_BELOW_ORGANIZATION, um_gateway},
    {"UMAutoAttendant", "(objectClass=msExchUMAutoAttendant)", UH_BELOW_ORGANIZATION, um_attendant},
    {"ExchangeContainer", "(objectClass=msExchConfigurationContainer)", UH_BELOW_CONFIGURATION, container},
    {"WebServicesVirtualDirectory", "(objectClass=msExchWebServicesVirtualDirectory)", UH_BELOW_ORGANIZATION,
     web_services, .extra = add_server},
    {NULL, NULL, UH_BELOW_ORGANIZATION, NULL},
};

const struct uh_kind *uh_directory_kind(const char *kind) {
  for (const struct uh_kind *k = uh_directory_kinds; k->kind; k++)
    if (strcmp(k->kind, kind) == 0) return k;
  return NULL;
}
