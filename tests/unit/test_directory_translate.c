/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From LDAP to Exchange's words, and security descriptors from bytes that were written by hand after MS-DTYP: what each
 * test proves is in its name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "sources/directory.h"

/* ---- entries made by hand ---- */

#define V(text) \
  { text, sizeof(text) - 1 }
#define A(name_, ...)                                                                       \
  {                                                                                         \
    .name = name_, .values = (const struct uh_ldap_value[]){__VA_ARGS__},                   \
    .n = sizeof((const struct uh_ldap_value[]){__VA_ARGS__}) / sizeof(struct uh_ldap_value) \
  }
#define SERVERS                                                                                        \
  "CN=Servers,CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups,CN=Contoso," \
  "CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=contoso,DC=com"
#define ENTRY(dn_, ...)                                                                                   \
  &(const struct uh_ldap_entry) {                                                                         \
    .dn = dn_, .dn_size = sizeof(dn_) - 1, .attributes = (const struct uh_ldap_attribute[]){__VA_ARGS__}, \
    .n = sizeof((const struct uh_ldap_attribute[]){__VA_ARGS__}) / sizeof(struct uh_ldap_attribute)       \
  }

static const struct uh_directory_context nothing_known;

static json_t *translate(const char *kind, const struct uh_ldap_entry *entry,
                         const struct uh_directory_context *context) {
  struct uh_str json UH_CLEANUP(uh_str_clear) = {0};
  const struct uh_kind *k = uh_directory_kind(kind);
  assert_non_null(k);
  uh_directory_translate(k, entry, context ? context : &nothing_known, &json);
  json_error_t error;
  json_t *object = json_loads(uh_str_text(&json), 0, &error);
  if (!object) fail_msg("%s: %s", error.text, json.s);
  return object;
}

static void text_is(json_t *object, const char *property, const char *value) {
  json_t *v = json_object_get(object, property);
  if (!v || !json_is_string(v)) fail_msg("%s is no text", property);
  assert_string_equal(json_string_value(v), value);
}

static void list_is(json_t *object, const char *property, const char *const *values) {
  json_t *v = json_object_get(object, property);
  size_t n = 0;
  assert_true(json_is_array(v));
  for (; values[n]; n++) assert_string_equal(json_string_value(json_array_get(v, n)), values[n]);
  assert_int_equal(json_array_size(v), n);
}
#define LIST_IS(object, property, ...) list_is(object, property, (const char *const[]){__VA_ARGS__, NULL})

static void is_null(json_t *object, const char *property) {
  assert_true(json_is_null(json_object_get(object, property)));
}
static void is_left_out(json_t *object, const char *property) {
  assert_null(json_object_get(object, property));
}
static void bool_is(json_t *object, const char *property, bool value) {
  json_t *v = json_object_get(object, property);
  assert_true(json_is_boolean(v));
  assert_int_equal(json_is_true(v), value);
}

/* ---- names ---- */

static void dn_values(void **state) {
  (void)state;
  static const struct {
    const char *dn;
    unsigned index;
    const char *value; /* NULL: none */
  } t[] = {
      {"CN=EX01,CN=Servers,DC=x", 0, "EX01"},
      {"CN=EX01,CN=Servers,DC=x", 1, "Servers"},
      {"CN=EX01,CN=Servers,DC=x", 3, NULL},
      {"cn=Smith\\, John,ou=x", 0, "Smith, John"},
      {"cn=Smith\\, John,ou=x", 1, "x"},
      {"CN=EX01\\0ADEL:6f9619ff-8b86,CN=Deleted Objects", 0, "EX01\nDEL:6f9619ff-8b86"},
      {"CN=\\C3\\84rzte,DC=x", 0, "\xc3\x84rzte"},
      {"CN=\"a,b\",DC=x", 0, "a,b"},
      {"CN = spaced , DC = x", 0, "spaced"},
      {"CN = spaced , DC = x", 1, "x"},
      {"", 0, NULL},
      {"novalue", 0, NULL},
      {"CN=trailing\\", 0, "trailing\\"},
      {"CN=half\\4", 0, "half4"},
      {"CN=a\\00b,DC=x", 0,
       "a\xEF\xBF\xBD"
       "b"}, /* as the facts hold a NUL */
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    struct uh_str out UH_CLEANUP(uh_str_clear) = {0};
    assert_int_equal(uh_dn_value(t[i].dn, strlen(t[i].dn), t[i].index, &out), t[i].value != NULL);
    if (t[i].value) assert_string_equal(uh_str_text(&out), t[i].value);
  }
  assert_true(uh_dn_same("CN=A, DC=B", 10, "cn=a,dc=b", 9));
  assert_false(uh_dn_same("CN=A,DC=B", 9, "CN=A,DC=BC", 10));
  assert_false(uh_dn_same("CN=AA,DC=B", 10, "CN=A,DC=B", 9));
}

static void server_of_a_dn(void **state) {
  (void)state;
  struct uh_str out UH_CLEANUP(uh_str_clear) = {0};
  static const char connector[] = "CN=Relay,CN=SMTP Receive Connectors,CN=Protocols,CN=EX01,cn=servers,CN=x";
  static const char itself[] = "CN=EX02," SERVERS;
  static const char none[] = "CN=DB01,CN=Databases,CN=x";
  assert_true(uh_dn_server(connector, sizeof connector - 1, &out));
  assert_string_equal(uh_str_text(&out), "EX01");
  uh_str_reset(&out);
  assert_true(uh_dn_server(itself, sizeof itself - 1, &out));
  assert_string_equal(uh_str_text(&out), "EX02");
  assert_false(uh_dn_server(none, sizeof none - 1, &out));
}

static void numbers(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool good;
    int64_t value;
  } t[] = {{"0", true, 0},
           {"2147483648", true, 2147483648},
           {"-2147483642", true, -2147483642},
           {"9223372036854775807", true, INT64_MAX},
           {"-9223372036854775808", true, INT64_MIN},
           {"9223372036854775808", false, 0},
           {"", false, 0},
           {"-", false, 0},
           {"1 ", false, 0},
           {"0x10", false, 0},
           {"99999999999999999999", false, 0}};
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    int64_t value = 0;
    struct uh_ldap_value v = {t[i].text, strlen(t[i].text)};
    assert_int_equal(uh_directory_int(&v, &value), t[i].good);
    if (t[i].good) assert_true(value == t[i].value);
  }
}

/* Values of real property bags (facts: AD 1.4 and 1.15). */
static void versions(void **state) {
  (void)state;
  struct uh_str out UH_CLEANUP(uh_str_clear) = {0};
  static const struct {
    int64_t value;
    const char *text;
  } t[] = {{4535486012416, "0.1 (8.0.535.0)"},
           {44220983382016, "0.10 (14.0.100.0)"},
           {88218628259840, "0.20 (15.0.0.0)"},
           {1126140425011200, "1.0 (14.0.0.0)"},
           {1130555651391488, "1.1 (15.0.0.0)"}};
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    uh_str_reset(&out);
    uh_exchange_version(t[i].value, &out);
    if (i != 3 && i != 4)
      assert_string_equal(uh_str_text(&out), t[i].text);
    else
      assert_memory_equal(uh_str_text(&out), t[i].text, 8);
  }
  uh_str_reset(&out);
  assert_true(uh_server_version("Version 15.2 (Build 30986.5)", &out));
  assert_string_equal(uh_str_text(&out), "Version 15.2 (Build 986.5)");
  assert_false(uh_server_version("15.2", &out));
}

/* ---- objects ---- */

static void receive_connector(void **state) {
  (void)state;
  json_t *o =
      translate("ReceiveConnector",
                ENTRY("CN=Relay\\, old,CN=SMTP Receive Connectors,CN=Protocols,CN=EX01," SERVERS,
                      A("msExchSmtpReceiveBindings", V("0.0.0.0:25"), V("[::]:25")),
                      A("msExchSmtpReceiveRemoteIPRanges", V("10.0.0.0/8")),
                      A("msExchSMTPReceiveInboundSecurityFlag", V("63")), A("msExchSmtpReceiveRole", V("16384"))),
                NULL);
  text_is(o, "Name", "Relay, old");
  text_is(o, "Server", "EX01");
  text_is(o, "AuthMechanism", "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer, ExternalAuthoritative");
  text_is(o, "TransportRole", "FrontendTransport");
  text_is(o, "ProtocolLoggingLevel", "None");
  LIST_IS(o, "Bindings", "0.0.0.0:25", "[::]:25");
  bool_is(o, "Enabled", true); /* AD stores it only when FALSE */
  is_null(o, "TlsDomainCapabilities");
  is_left_out(o, "AnyRecipientFor"); /* no descriptor was read: not obtained, not nobody */
  is_left_out(o, "AnonymousCanSubmit");
  json_decref(o);
  o = translate(
      "ReceiveConnector",
      ENTRY("CN=x," SERVERS, A("msExchSmtpReceiveEnabled", V("FALSE")),
            A("msExchSMTPReceiveInboundSecurityFlag", V("97")), A("msExchSmtpReceiveProtocolLoggingLevel", V("1"))),
      NULL);
  bool_is(o, "Enabled", false);
  text_is(o, "AuthMechanism", "Tls, ExternalAuthoritative, 64"); /* a bit without a word is not lost */
  text_is(o, "ProtocolLoggingLevel", "Verbose");
  json_decref(o);
}

static void send_connector(void **state) {
  (void)state;
  json_t *o = translate("SendConnector",
                        ENTRY("CN=Outbound to Office 365 - 1,CN=Connections,CN=x",
                              A("routingList", V("smtp:contoso.mail.onmicrosoft.com;1")),
                              A("msExchSmtpSmartHost", V("[10.0.0.1],relay.example; other.example ")),
                              A("msExchSourceBridgeheadServersDN", V("CN=1,CN=SMTP,CN=Protocols,CN=EX01," SERVERS),
                                V("CN=1\\0ADEL:4b,CN=Deleted Objects,CN=Configuration,DC=x")),
                              A("homeMTA", V("CN=Microsoft MTA,CN=EX01," SERVERS)),
                              A("msExchSmtpSendFlags", V("131104")), A("msExchSmtpSendPort", V("25"))),
                        NULL);
  LIST_IS(o, "AddressSpaces", "smtp:contoso.mail.onmicrosoft.com;1");
  LIST_IS(o, "SmartHosts", "[10.0.0.1]", "relay.example", "other.example");
  LIST_IS(o, "SourceTransportServers", "EX01", "1\nDEL:4b");
  text_is(o, "HomeMtaServerId", "EX01");
  bool_is(o, "CloudServicesMailEnabled", true);
  bool_is(o, "DNSRoutingEnabled", false);
  bool_is(o, "Enabled", true);
  assert_int_equal(json_integer_value(json_object_get(o, "Port")), 25);
  json_decref(o);
}

static void hybrid_configuration(void **state) {
  (void)state;
  static const char dn[] = "CN=Hybrid Configuration,CN=Hybrid Configuration,CN=Contoso,CN=Microsoft Exchange";
  json_t *o =
      translate("HybridConfiguration",
                ENTRY("CN=Hybrid Configuration,CN=Hybrid Configuration", A("msExchCoexistenceFeatureFlags", V("639")),
                      A("msExchCoexistenceTransportServers", V("CN=EX01," SERVERS)),
                      A("msExchCoexistenceFrontendTransportServers", V("CN=EX02," SERVERS)),
                      A("msExchCoexistenceDomains", V("autod:contoso.com"))),
                NULL);
  (void)dn;
  LIST_IS(o, "Features", "FreeBusy", "MoveMailbox", "Mailtips", "MessageTracking", "OwaRedirection", "OnlineArchive",
          "SecureMail", "Photos");
  bool_is(o, "CentralizedTransport", false);
  LIST_IS(o, "SendingTransportServers", "EX01");
  LIST_IS(o, "ReceivingTransportServers", "EX02");
  json_decref(o);
  const char *const centralized[] = {"128", "256", "895"};
  for (size_t i = 0; i < 3; i++) {
    struct uh_ldap_value v = {centralized[i], 3};
    struct uh_ldap_attribute a = {.name = "msExchCoexistenceFeatureFlags", .values = &v, .n = 1};
    o = translate("HybridConfiguration", &(struct uh_ldap_entry){.dn = "CN=x", .dn_size = 4, .attributes = &a, .n = 1},
                  NULL);
    bool_is(o, "CentralizedTransport", true);
    json_decref(o);
  }
  o = translate("HybridConfiguration", ENTRY("CN=x", A("cn", V("x"))), NULL);
  is_left_out(o, "CentralizedTransport");
  is_null(o, "Features");
  json_decref(o);
}

static void server(void **state) {
  (void)state;
  const struct uh_kind *k = uh_directory_kind("ExchangeServer");
  const struct uh_ldap_entry *e =
      ENTRY("CN=EX01," SERVERS, A("objectClass", V("top"), V("server"), V("msExchExchangeServer")),
            A("msExchCurrentServerRoles", V("16423")),
            A("networkAddress", V("netbios:EX01"), V("ncacn_ip_tcp:ex01.contoso.com")),
            A("serialNumber", V("Version 15.2 (Build 30986.5)")),
            A("msExchServerSite", V("CN=HQ,CN=Sites,CN=Configuration,DC=x")), A("msExchVersion", V("4535486012416")));
  assert_true(k->belongs(e));
  json_t *o = translate("ExchangeServer", e, NULL);
  text_is(o, "Fqdn", "ex01.contoso.com");
  text_is(o, "Domain", "contoso.com");
  text_is(o, "ServerRole", "Mailbox, ClientAccess, HubTransport, FrontendTransport");
  text_is(o, "AdminDisplayVersion", "Version 15.2 (Build 986.5)");
  text_is(o, "Site", "HQ");
  text_is(o, "ExchangeVersion", "0.1 (8.0.535.0)");
  bool_is(o, "IsEdgeServer", false);
  is_null(o, "DatabaseAvailabilityGroup");
  json_decref(o);
  o = translate("ExchangeServer", ENTRY("CN=EX01," SERVERS, A("versionNumber", V("1942127578"))), NULL);
  text_is(o, "AdminDisplayVersion", "Version 15.2 (Build 986)");
  is_null(o, "Fqdn");
  json_decref(o);
  /* The role settings below a server are of a subclass: counting them would hide the last server. */
  assert_false(k->belongs(
      ENTRY("CN=Frontend,CN=Transport Configuration,CN=EX01," SERVERS,
            A("objectClass", V("top"), V("server"), V("msExchExchangeServer"), V("msExchExchangeTransportServer")))));
  assert_true(k->belongs(ENTRY("cn=EX08," SERVERS, A("objectClass", V("msExchExchangeServer")))));
}

static void small_kinds(void **state) {
  (void)state;
  json_t *o = translate(
      "AcceptedDomain",
      ENTRY("CN=x", A("msExchAcceptedDomainName", V("contoso.com")), A("msExchAcceptedDomainFlags", V("12"))), NULL);
  text_is(o, "DomainType", "Authoritative");
  bool_is(o, "Default", true);
  bool_is(o, "AddressBookEnabled", true);
  json_decref(o);
  o = translate("AcceptedDomain", ENTRY("CN=x", A("msExchAcceptedDomainFlags", V("2"))), NULL);
  text_is(o, "DomainType", "InternalRelay");
  json_decref(o);
  o = translate("AuthConfig", ENTRY("CN=x", A("msExchAuthCertificateThumbprint", V("2:BC6B"), V("0:E1BD"))), NULL);
  text_is(o, "CurrentCertificateThumbprint", "E1BD");
  text_is(o, "NextCertificateThumbprint", "BC6B");
  is_null(o, "PreviousCertificateThumbprint");
  json_decref(o);
  o = translate("SettingOverride",
                ENTRY("CN=x", A("msExchConfigurationXML",
                                V("<S CN=\"Global\" SN=\"Third\" R=\"a &amp; b\"><Ps><P>Enabled=true</P></Ps></S>"))),
                NULL);
  text_is(o, "ComponentName", "Global");
  text_is(o, "Reason", "a & b");
  LIST_IS(o, "Parameters", "Enabled=true");
  json_decref(o);
  o = translate("SettingOverride", ENTRY("CN=x", A("msExchConfigurationXML", V("<S CN="))), NULL);
  is_left_out(o, "ComponentName");
  json_decref(o);
  o = translate(
      "SettingOverride",
      ENTRY("CN=x",
            A("msExchConfigurationXML",
              V("<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><S CN=\"G\"><Ps><P>&e;</P></Ps></S>"))),
      NULL);
  LIST_IS(o, "Parameters", ""); /* an entity of the document is never followed */
  json_decref(o);
  o = translate("AutodiscoverServiceConnectionPoint",
                ENTRY("CN=EX01,CN=Autodiscover,CN=Protocols,CN=EX01," SERVERS,
                      A("keywords", V("77378f46-2c66-4aa9-a6a6-3e7a48b19596"), V("Site=HQ")),
                      A("serviceBindingInformation", V("https://mail.contoso.com/autodiscover/autodiscover.xml"))),
                NULL);
  text_is(o, "Kind", "url"); /* GUIDs are compared without case */
  text_is(o, "Server", "EX01");
  text_is(o, "ServiceBindingInformation", "https://mail.contoso.com/autodiscover/autodiscover.xml");
  json_decref(o);
  o = translate("WebServicesVirtualDirectory",
                ENTRY("CN=EWS,CN=HTTP,CN=Protocols,CN=EX01," SERVERS, A("msExchMRSProxyFlags", V("1")),
                      A("msExchInternalAuthenticationMethods", V("1170"))),
                NULL);
  bool_is(o, "MRSProxyEnabled", true);
  LIST_IS(o, "InternalAuthenticationMethods", "Ntlm", "WindowsIntegrated", "WSSecurity", "OAuth");
  json_decref(o);
  o = translate("MoveRequest", ENTRY("CN=x", A("msExchMailboxMoveStatus", V("98"))), NULL);
  text_is(o, "Status", "98"); /* a state without a name is shown as it is */
  json_decref(o);
}

static void rules_by_container(void **state) {
  (void)state;
  const struct uh_ldap_entry *t =
      ENTRY("CN=a,cn=TransportVersioned,CN=Rules,CN=x", A("objectClass", V("msExchTransportRule")));
  const struct uh_ldap_entry *j =
      ENTRY("CN=a,CN=JournalingVersioned,CN=Rules,CN=x", A("objectClass", V("msExchTransportRule")));
  assert_true(uh_directory_kind("TransportRule")->belongs(t) && !uh_directory_kind("TransportRule")->belongs(j));
  assert_true(uh_directory_kind("JournalRule")->belongs(j) && !uh_directory_kind("JournalRule")->belongs(t));
}

static void members_without_back_links(void **state) {
  (void)state;
  struct uh_directory_server servers[] = {
      {.name = (char *)(uintptr_t) "EX01", .group = (char *)(uintptr_t) "CN=DAG01,CN=x"},
      {.name = (char *)(uintptr_t) "EX02", .group = (char *)(uintptr_t) "CN=DAG02,CN=x"},
      {.name = (char *)(uintptr_t) "EX03"}};
  struct uh_directory_context context = {.servers = servers, .servers_n = 3};
  json_t *o = translate("DatabaseAvailabilityGroup", ENTRY("cn=dag01,cn=x", A("cn", V("DAG01"))), &context);
  LIST_IS(o, "Servers", "EX01");
  json_decref(o);
  o = translate("DatabaseAvailabilityGroup",
                ENTRY("cn=dag01,cn=x", A("msExchMDBAvailabilityGroupBL", V("CN=EX09," SERVERS))), &context);
  LIST_IS(o, "Servers", "EX09");
  json_decref(o);
}

/* Names are hostile: quotes, control characters and bytes that are no UTF-8 must leave the JSON whole. */
static void hostile_values(void **state) {
  (void)state;
  json_t *o = translate(
      "SendConnector",
      ENTRY("CN=a\\\"b\\1B[2J\xff\xe2\x80\xae", A("routingList", V("\"},{\"x\":1"), V("\x01\xc3\x28"))), NULL);
  assert_non_null(json_object_get(o, "Name"));
  assert_int_equal(json_array_size(json_object_get(o, "AddressSpaces")), 2);
  json_decref(o);
  /* Numbers that are none, GUIDs of another size, booleans of another word: not obtained. */
  o = translate("SendConnector",
                ENTRY("CN=x", A("msExchSmtpSendFlags", V("many")), A("objectGUID", V("short")),
                      A("msExchSmtpSendEnabled", V("maybe"))),
                NULL);
  is_left_out(o, "CloudServicesMailEnabled");
  is_left_out(o, "Guid");
  is_left_out(o, "Enabled");
  json_decref(o);
}

static void secrets_are_never_asked_for(void **state) {
  (void)state;
  const char *list[UH_KIND_ATTRIBUTES];
  for (const struct uh_kind *k = uh_directory_kinds; k->kind; k++) {
    assert_int_equal(uh_kind_attributes(k, list), 0);
    for (size_t i = 0; list[i]; i++) assert_false(uh_directory_is_secret(list[i]));
  }
  for (int gc = 0; gc < 2; gc++)
    for (const char *const *a = uh_recipient_attributes(gc); *a; a++) assert_false(uh_directory_is_secret(*a));
  static const char *const secrets[] = {"msExchSmtpOutboundSecurityPassword",
                                        "MSEXCHSECURITYPASSWORD",
                                        "msExchFedOrgPrivCertificate",
                                        "msExchFedOrgNextPrivCertificate",
                                        "msExchAuthAppSecret",
                                        "msExchAvailabilityUserPassword",
                                        "msExchEdgeSyncCredential",
                                        "unicodePwd",
                                        "msDS-ManagedPassword",
                                        "*"};
  for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
    struct uh_property properties[] = {{secrets[i], "X", UH_P_TEXT}, {NULL, NULL, UH_P_TEXT}};
    assert_true(uh_directory_is_secret(secrets[i]));
    assert_int_equal(uh_kind_attributes(&(struct uh_kind){.kind = "X", .properties = properties}, list), -1);
  }
}

/* A global catalogue answers "none" for what it does not hold; so those attributes are not asked for there. */
static void catalogue_is_asked_for_what_it_holds(void **state) {
  (void)state;
  static const char *const not_in_pas[] = {
      "msExchRemoteRecipientType", "msExchArchiveGUID",     "msExchArchiveStatus",     "msExchArchiveDatabaseLink",
      "msExchMailboxMoveStatus",   "mS-DS-ConsistencyGuid", "msExchLitigationHoldDate"};
  for (const char *const *a = uh_recipient_attributes(true); *a; a++)
    for (size_t i = 0; i < sizeof not_in_pas / sizeof *not_in_pas; i++) assert_string_not_equal(*a, not_in_pas[i]);
  for (size_t i = 0; i < sizeof not_in_pas / sizeof *not_in_pas; i++)
    assert_null(strstr(uh_recipient_filter_gc, not_in_pas[i]));
}

/* ---- security descriptors ---- */

/* bd919c7c-2d79-4950-bc9c-e16fd99285e8 in AD's order */
#define RIGHT 0x7c, 0x9c, 0x91, 0xbd, 0x79, 0x2d, 0x50, 0x49, 0xbc, 0x9c, 0xe1, 0x6f, 0xd9, 0x92, 0x85, 0xe8
#define OTHER 0x7c, 0x9c, 0x91, 0xbd, 0x79, 0x2d, 0x50, 0x49, 0xbc, 0x9c, 0xe1, 0x6f, 0xd9, 0x92, 0x85, 0xe9
#define ANONYMOUS 1, 1, 0, 0, 0, 0, 0, 5, 7, 0, 0, 0 /* S-1-5-7 */
#define USERS 1, 1, 0, 0, 0, 0, 0, 5, 11, 0, 0, 0    /* S-1-5-11 */
#define DOMAIN_SID                                                                                                   \
  1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 0xbc, 0x19, 0xdc, 0x3b, 0x03, 0x4d, 0x2b, 0x46, 0xc2, 0xb8, 0xa6, 0x28, 0x5e, \
      4, 0, 0 /* S-1-5-21-1004280252-1177242883-682014914-1118 */
#define HEADER 1, 0, 0x04, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0
#define ACL(size, count) 4, 0, size, 0, count, 0, 0, 0
#define OBJECT_ACE(type, flags, size, mask0, mask1, objects) type, flags, size, 0, mask0, mask1, 0, 0, objects, 0, 0, 0

static const uint8_t right[UH_GUID_SIZE] = {RIGHT};

static int holders(const uint8_t *sd, size_t n, char *out, size_t size) {
  struct uh_sids sids UH_CLEANUP(uh_sids_clear) = {0};
  int result = uh_security_holders(sd, n, right, &sids);
  out[0] = 0;
  for (size_t i = 0; i < sids.n; i++)
    (void)snprintf(out + strlen(out), size - strlen(out), "%s%s", i ? " " : "", sids.v[i]);
  return result;
}
#define HOLDERS_ARE(expected, ...)                                      \
  do {                                                                  \
    const uint8_t sd_[] = {__VA_ARGS__};                                \
    char text_[1000];                                                   \
    assert_int_equal(holders(sd_, sizeof sd_, text_, sizeof text_), 0); \
    assert_string_equal(text_, expected);                               \
  } while (0)

static void who_holds_a_right(void **state) {
  (void)state;
  /* The documented recipe of an anonymous relay: one object ACE for this right. */
  HOLDERS_ARE("S-1-5-7", HEADER, ACL(48, 1), OBJECT_ACE(5, 0, 40, 0, 1, 1), RIGHT, ANONYMOUS);
  /* Another right, another mask bit, inherit-only: nobody. */
  HOLDERS_ARE("", HEADER, ACL(48, 1), OBJECT_ACE(5, 0, 40, 0, 1, 1), OTHER, ANONYMOUS);
  HOLDERS_ARE("", HEADER, ACL(48, 1), OBJECT_ACE(5, 0, 40, 0x30, 0, 1), RIGHT, ANONYMOUS);
  HOLDERS_ARE("", HEADER, ACL(48, 1), OBJECT_ACE(5, 8, 40, 0, 1, 1), RIGHT, ANONYMOUS);
  /* All extended rights: an object ACE without type, a plain ACE with the control-access bit, one with GENERIC_ALL. */
  HOLDERS_ARE("S-1-5-7", HEADER, ACL(32, 1), OBJECT_ACE(5, 0, 24, 0, 1, 0), ANONYMOUS);
  HOLDERS_ARE("S-1-5-11", HEADER, ACL(28, 1), 0, 0, 20, 0, 0, 1, 0, 0, USERS);
  HOLDERS_ARE("S-1-5-11", HEADER, ACL(28, 1), 0, 0, 20, 0, 0, 0, 0, 0x10, USERS);
  HOLDERS_ARE("", HEADER, ACL(28, 1), 0, 0, 20, 0, 0xff, 0, 0, 0, USERS);
  /* Two object types: the inherited one stands between. */
  HOLDERS_ARE("S-1-5-7", HEADER, ACL(64, 1), OBJECT_ACE(5, 0, 56, 0, 1, 3), RIGHT, OTHER, ANONYMOUS);
  /* A long SID. */
  HOLDERS_ARE("S-1-5-21-1004280252-1177242883-682014914-1118", HEADER, ACL(64, 1), OBJECT_ACE(5, 0, 56, 0, 1, 1), RIGHT,
              DOMAIN_SID);
  /* A denial before the grant wins, one behind it does not (the order of a canonical ACL). */
  HOLDERS_ARE("", HEADER, ACL(88, 2), OBJECT_ACE(6, 0, 40, 0, 1, 1), RIGHT, ANONYMOUS, OBJECT_ACE(5, 0, 40, 0, 1, 1),
              RIGHT, ANONYMOUS);
  HOLDERS_ARE("S-1-5-7", HEADER, ACL(88, 2), OBJECT_ACE(5, 0, 40, 0, 1, 1), RIGHT, ANONYMOUS,
              OBJECT_ACE(6, 0, 40, 0, 1, 1), RIGHT, ANONYMOUS);
  HOLDERS_ARE("S-1-5-7", HEADER, ACL(88, 2), OBJECT_ACE(6, 0, 40, 0, 1, 1), RIGHT, USERS, OBJECT_ACE(5, 0, 40, 0, 1, 1),
              RIGHT, ANONYMOUS);
  /* The same holder twice is one holder; an audit ACE grants nothing; an empty DACL allows nobody. */
  HOLDERS_ARE("S-1-5-11", HEADER, ACL(48, 2), 0, 0, 20, 0, 0, 1, 0, 0, USERS, 0, 0, 20, 0, 0, 1, 0, 0, USERS);
  HOLDERS_ARE("", HEADER, ACL(28, 1), 2, 0, 20, 0, 0, 1, 0, 0, USERS);
  HOLDERS_ARE("", HEADER, ACL(8, 0));
  /* A NULL DACL allows everything to everyone. */
  HOLDERS_ARE("S-1-1-0", 1, 0, 0x04, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

static void descriptor_without_dacl_is_not_obtained(void **state) {
  (void)state;
  const uint8_t sd[] = {1, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  char text[100];
  assert_int_equal(holders(sd, sizeof sd, text, sizeof text), 1);
}

static int note_entry(void *user, const struct uh_security_entry *e) {
  char *text = user;
  size_t n = strlen(text);
  (void)snprintf(text + n, 1000 - n, "%s%s%s%s:%x ", e->denies ? "deny" : "allow", e->inherited ? "/inherited" : "",
                 e->below ? "/below" : "", e->sid + strlen("S-1-5"), e->mask);
  return 0;
}

static void each_entry_of_a_list(void **state) {
  (void)state;
  const uint8_t sd[] = {HEADER, ACL(88, 3), OBJECT_ACE(6, 2, 40, 0x40, 0, 1),
                        RIGHT,  ANONYMOUS,  1,
                        0x12,   20,         0,
                        0,      0,          1,
                        0,      USERS,      2 /* of an audit */,
                        0,      20,         0,
                        0,      0,          1,
                        0,      USERS};
  const uint8_t none[] = {1, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const uint8_t null[] = {1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  char text[1000] = "";
  assert_int_equal(uh_security_each(sd, sizeof sd, note_entry, text), 0);
  assert_string_equal(text, "deny/below-7:40 deny/inherited/below-11:10000 ");
  assert_int_equal(uh_security_each(none, sizeof none, note_entry, text), 1);
  assert_int_equal(uh_security_each(null, sizeof null, note_entry, text), 0);
  for (size_t n = 0; n < sizeof sd; n++) assert_int_equal(uh_security_each(sd, n, note_entry, (char[1000]){0}), -1);
}

/* Every cut and every byte turned: never a read outside (the sanitizers watch), never a holder out of a cut descriptor.
 */
static void damaged_descriptors(void **state) {
  (void)state;
  const uint8_t whole[] = {
      HEADER, ACL(88, 2), OBJECT_ACE(5, 0, 40, 0, 1, 1), RIGHT, ANONYMOUS, OBJECT_ACE(5, 0, 40, 0, 1, 3), RIGHT, USERS};
  char text[1000];
  for (size_t n = 0; n <= sizeof whole; n++) {
    uint8_t *cut = malloc(n ? n : 1);
    memcpy(cut, whole, n);
    assert_int_equal(holders(cut, n, text, sizeof text), -1);
    assert_string_equal(text, "");
    free(cut);
  }
  const uint8_t good[] = {
      HEADER, ACL(88, 2), OBJECT_ACE(5, 0, 40, 0, 1, 1), RIGHT, ANONYMOUS, OBJECT_ACE(5, 0, 40, 0, 1, 1), RIGHT, USERS};
  for (size_t i = 0; i < sizeof good; i++)
    for (unsigned b = 0; b < 256; b++) {
      uint8_t *turned = malloc(sizeof good);
      memcpy(turned, good, sizeof good);
      turned[i] = (uint8_t)b;
      (void)holders(turned, sizeof good, text, sizeof text);
      free(turned);
    }
}

static void holders_reach_the_connector(void **state) {
  (void)state;
  static const uint8_t sd[] = {HEADER, ACL(48, 1), OBJECT_ACE(5, 0, 40, 0, 1, 1), RIGHT, ANONYMOUS};
  struct uh_directory_context context = {
      .any_recipient_known = true, .any_recipient = {RIGHT}, .submit_known = true, .submit = {OTHER}};
  const struct uh_ldap_value value = {(const char *)sd, sizeof sd};
  const struct uh_ldap_attribute a = {.name = "nTSecurityDescriptor", .values = &value, .n = 1};
  json_t *o = translate("ReceiveConnector",
                        &(struct uh_ldap_entry){.dn = "CN=x", .dn_size = 4, .attributes = &a, .n = 1}, &context);
  LIST_IS(o, "AnyRecipientFor", "S-1-5-7");
  bool_is(o, "AnonymousCanSubmit", false);
  json_decref(o);
  context.any_recipient_known = false;
  o = translate("ReceiveConnector", &(struct uh_ldap_entry){.dn = "CN=x", .dn_size = 4, .attributes = &a, .n = 1},
                &context);
  is_left_out(o, "AnyRecipientFor");
  json_decref(o);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dn_values),
      cmocka_unit_test(server_of_a_dn),
      cmocka_unit_test(numbers),
      cmocka_unit_test(versions),
      cmocka_unit_test(receive_connector),
      cmocka_unit_test(send_connector),
      cmocka_unit_test(hybrid_configuration),
      cmocka_unit_test(server),
      cmocka_unit_test(small_kinds),
      cmocka_unit_test(rules_by_container),
      cmocka_unit_test(members_without_back_links),
      cmocka_unit_test(hostile_values),
      cmocka_unit_test(secrets_are_never_asked_for),
      cmocka_unit_test(catalogue_is_asked_for_what_it_holds),
      cmocka_unit_test(who_holds_a_right),
      cmocka_unit_test(descriptor_without_dacl_is_not_obtained),
      cmocka_unit_test(each_entry_of_a_list),
      cmocka_unit_test(damaged_descriptors),
      cmocka_unit_test(holders_reach_the_connector),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
