/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves what a cleanup never touches, rule by rule: each with an action that only this rule forbids, and with the same
 * action on what it may do. What was not told is not allowed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan.h"

#define OURS "7a1c2e4f-5b6d-4c3a-9e8f-0f0000000001"
#define AUTH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define FEDERATION "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define APPLICATION "50000000-0000-0000-0000-000000000001"
#define AGENT "50000000-0000-0000-0000-000000000002"
#define EXCHANGE_ONLINE "00000002-0000-0ff1-ce00-000000000000"

static const char anchors_json[] =
    "{\"organization-guid\": [\"" OURS
    "\"],"
    "\"hybrid-domain\": [\"contoso.com\", \"both.example\"], \"accepted-domain\": [\"contoso.net\"],"
    "\"tenant-routing-domain\": [\"contoso.mail.onmicrosoft.com\"],"
    "\"tenant-initial-domain\": [\"contoso.onmicrosoft.com\"],"
    "\"other-hybrid-domain\": [\"labs.example\", \"both.example\"],"
    "\"inbound-connector\": [\"Ours in\"], \"outbound-connector\": [\"Ours out\"],"
    "\"organization-relationship\": [\"Ours\", \"Both\"],"
    "\"other-inbound-connector\": [\"Theirs in\"], \"other-outbound-connector\": [\"Theirs out\"],"
    "\"other-organization-relationship\": [\"Theirs\", \"Both\"],"
    "\"auth-certificate\": [\"" AUTH "\"], \"federation-certificate\": [\"" FEDERATION
    "\"],"
    "\"tls-certificate\": [\"<I>CN=ca<S>CN=mail.contoso.com\"],"
    "\"dedicated-application\": [\"" APPLICATION "\"], \"hybrid-agent\": [\"" AGENT "\"]}";

/* One action on one object. What is left out: a removal of what is ours. */
struct attempt {
  const char *rule; /* what the refusal says; NULL: it is allowed */
  const char *side, *kind, *name, *json;
  enum uh_verb verb;
  enum uh_owner owner;
  const char *cmdlet, *flag, *commands, *approval;
  const struct uh_graph_change *graph;
  enum uh_phase phase;
};

static int attempt(const struct attempt *a, const char *image, struct uh_err *err) {
  struct uh_anchors *anchors = NULL;
  const struct uh_argument arguments[] = {{.name = a->flag, .type = UH_VALUE_BOOL, .yes = true}, {0}};
  const struct uh_change changes[] = {{.cmdlet = a->cmdlet, .arguments = arguments}, {0}};
  const struct uh_planned planned = {.id = "the-action",
                                     .owner = a->owner,
                                     .phase = a->phase,
                                     .action = {.subject = {a->side, a->kind, "", a->name, NULL},
                                                .verb = a->verb,
                                                .changes = a->cmdlet ? changes : NULL,
                                                .commands = a->commands,
                                                .approval = a->approval,
                                                .graph = a->graph}};
  assert_int_equal(uh_anchors_from_json(anchors_json, &anchors, err), 0);
  int rc = uh_planned_allowed(&planned, anchors, image, err);
  uh_anchors_free(anchors);
  return rc;
}

static void check(const struct attempt *v, size_t n) {
  for (size_t i = 0; i < n; i++) {
    char image[1024];
    struct uh_err err = UH_ERR_INIT;
    (void)snprintf(image, sizeof image,
                   "{\"rows\": [{\"source\": \"s\", \"name\": \"%s\", \"identity\": \"\", \"json\": %s}]}", v[i].name,
                   v[i].json ? v[i].json : "{}");
    int rc = attempt(&v[i], image, &err);
    if (!v[i].rule && rc < 0) fail_msg("%zu: %s", i, err.what);
    if (v[i].rule && rc == 0) fail_msg("%zu: allowed", i);
    if (v[i].rule && (err.cls != UH_ERR_INTERNAL || !strstr(err.what, v[i].rule))) fail_msg("%zu: %s", i, err.what);
  }
}
#define CHECK(v) check(v, sizeof(v) / sizeof *(v))

#define CLOUD(the_kind, the_name, the_json) .side = "cloud", .kind = the_kind, .name = the_name, .json = the_json
#define LOCAL(the_kind, the_name, the_json) .side = "on-premises", .kind = the_kind, .name = the_name, .json = the_json

static void only_what_is_the_deployments(void **state) {
  (void)state;
  static const struct attempt v[] = {
      {NULL, LOCAL("FederationTrust", "a", NULL)},
      {"only what is of this organisation's", LOCAL("FederationTrust", "a", NULL), .owner = UH_OWNER_PARTNER},
      {"only what is of this organisation's", LOCAL("FederationTrust", "a", NULL), .owner = UH_OWNER_UNKNOWN},
      {NULL, LOCAL("FederationTrust", "a", NULL), .owner = UH_OWNER_SHARED, .verb = UH_VERB_REDUCE},
      {"reduced, never removed", LOCAL("FederationTrust", "a", NULL), .owner = UH_OWNER_SHARED},
      {"is Microsoft's", CLOUD("FederationTrust", "a", NULL), .verb = UH_VERB_SET},
  };
  CHECK(v);
}

static void no_recipient(void **state) {
  (void)state;
  static const struct attempt v[] = {
      {"cmdlet of a recipient", LOCAL("HybridConfiguration", "a", NULL), .cmdlet = "Remove-RemoteMailbox"},
      {"cmdlet of a recipient", LOCAL("HybridConfiguration", "a", NULL), .cmdlet = "Set-MailUser"},
      {"cmdlet of a recipient", LOCAL("Mailbox", "a", NULL), .cmdlet = "Disable-Mailbox"},
      {"cmdlet of a recipient", LOCAL("Mailbox", "a", NULL), .cmdlet = "Set-Mailbox", .flag = "Arbitration"},
      {NULL, LOCAL("Mailbox", "a", NULL), .cmdlet = "Disable-Mailbox", .flag = "Arbitration"},
      {"cmdlet of a recipient", LOCAL("DistributionGroup", "a", NULL), .commands = "# look"},
      {NULL, LOCAL("DistributionGroup", "a", NULL), .commands = "# look", .verb = UH_VERB_DO},
      {"removes or disables a recipient", LOCAL("X", "a", NULL), .commands = "disable-remotemailbox a",
       .verb = UH_VERB_DO},
  };
  CHECK(v);
}

static void no_domain_no_policy_no_receive_connector(void **state) {
  (void)state;
  static const struct attempt v[] = {
      {"email address policies stay", LOCAL("EmailAddressPolicy", "a", NULL), .verb = UH_VERB_SET},
      {"accepted domains stay", CLOUD("AcceptedDomain", "a", "{\"DomainName\": \"contoso.com\"}")},
      {"accepted domains stay", CLOUD("GraphDomain", "contoso.com", NULL)},
      {NULL, CLOUD("AcceptedDomain", "a", "{\"DomainName\": \"contoso.com\"}"), .verb = UH_VERB_SET},
      {"another forest", CLOUD("AcceptedDomain", "a", "{\"DomainName\": \"labs.example\"}"), .verb = UH_VERB_SET},
      {"receive connectors go with their server", LOCAL("ReceiveConnector", "Default EX01", NULL)},
      {NULL, LOCAL("ReceiveConnector", "Default EX01", NULL), .verb = UH_VERB_REDUCE},
      {"nobody is told to remove domains", LOCAL("X", "a", NULL), .commands = "Remove-AcceptedDomain contoso.com",
       .verb = UH_VERB_DO},
  };
  CHECK(v);
}

#define WIZARD "{\"ConnectorSource\": \"HybridWizard\", \"ConnectorType\": \"OnPremises\"}"
#define PERSON "{\"ConnectorSource\": \"AdminUI\", \"ConnectorType\": \"OnPremises\"}"
static void connectors_of_others(void **state) {
  (void)state;
  static const struct attempt v[] = {
      {NULL, CLOUD("InboundConnector", "any", WIZARD)},
      {NULL, CLOUD("InboundConnector", "ours IN", PERSON)},
      {"neither the Hybrid Configuration Wizard made", CLOUD("InboundConnector", "any", PERSON),
       .verb = UH_VERB_DISABLE},
      /* The outbound connector's name does not stand for an inbound one. */
      {"neither the Hybrid Configuration Wizard made", CLOUD("InboundConnector", "Ours out", PERSON)},
      {"neither the Hybrid Configuration Wizard made",
       CLOUD("OutboundConnector", "any", "{\"ConnectorType\": \"OnPremises\"}")},
      {"partners and gateways", CLOUD("OutboundConnector", "Ours out",
                                      "{\"ConnectorSource\": \"HybridWizard\", \"ConnectorType\": \"Partner\"}")},
      {"partners and gateways", CLOUD("OutboundConnector", "Ours out", "{\"ConnectorSource\": \"HybridWizard\"}")},
      {"another forest's OnPremisesOrganization names", CLOUD("InboundConnector", "THEIRS in", WIZARD),
       .verb = UH_VERB_DISABLE},
      {"another forest's OnPremisesOrganization names", CLOUD("OutboundConnector", "Theirs out", WIZARD)},
      {NULL, LOCAL("SendConnector", "a", "{\"AddressSpaces\": [\"smtp:contoso.mail.onmicrosoft.com;1\"]}")},
      {"carries mail anywhere but to the tenant",
       LOCAL("SendConnector", "a", "{\"AddressSpaces\": [\"smtp:contoso.mail.onmicrosoft.com;1\", \"smtp:*;1\"]}")},
      {"carries mail anywhere but to the tenant", LOCAL("SendConnector", "a", "{\"AddressSpaces\": []}")},
      {"carries mail anywhere but to the tenant", LOCAL("SendConnector", "a", "{}")},
      {NULL, LOCAL("SendConnector", "a", "{\"AddressSpaces\": [\"smtp:*;1\"]}"), .verb = UH_VERB_REDUCE},
  };
  CHECK(v);
}

static void relationships_of_others(void **state) {
  (void)state;
  static const struct attempt v[] = {
      {NULL, CLOUD("OrganizationRelationship", "Ours", "{\"DomainNames\": [\"Contoso.COM\", \"contoso.net\"]}")},
      {NULL, LOCAL("OrganizationRelationship", "a", "{\"DomainNames\": [\"contoso.mail.onmicrosoft.com\"]}")},
      {"has domains of others",
       CLOUD("OrganizationRelationship", "Ours", "{\"DomainNames\": [\"contoso.com\", \"partner.example\"]}")},
      {"has domains of others", CLOUD("OrganizationRelationship", "Ours", "{}")},
      {NULL, CLOUD("OrganizationRelationship", "Ours", "{\"DomainNames\": [\"contoso.com\", \"partner.example\"]}"),
       .verb = UH_VERB_REDUCE},
      {"move between tenants", CLOUD("OrganizationRelationship", "Ours",
                                     "{\"DomainNames\": [\"contoso.com\"], \"MailboxMoveCapability\": \"Inbound\"}")},
      {"move between tenants",
       CLOUD("OrganizationRelationship", "Ours",
             "{\"DomainNames\": [\"contoso.com\"], \"OAuthApplicationId\": \"" APPLICATION "\"}")},
      {NULL,
       CLOUD(
           "OrganizationRelationship", "Ours",
           "{\"DomainNames\": [\"contoso.com\"], \"MailboxMoveCapability\": \"None\", \"OAuthApplicationId\": null}")},
      {"another forest's OnPremisesOrganization names", CLOUD("OrganizationRelationship", "Theirs", "{}"),
       .verb = UH_VERB_DISABLE},
      {"another forest's OnPremisesOrganization names",
       CLOUD("OrganizationRelationship", "Both", "{\"DomainNames\": [\"contoso.com\"]}")},
      {NULL, CLOUD("OrganizationRelationship", "Both", "{\"DomainNames\": [\"contoso.com\", \"labs.example\"]}"),
       .verb = UH_VERB_REDUCE},
      {"hybrid domains of another forest",
       CLOUD("OrganizationRelationship", "a", "{\"DomainNames\": [\"labs.example\"]}"), .verb = UH_VERB_DISABLE},
      {"hybrid domains of another forest",
       CLOUD("IntraOrganizationConnector", "a", "{\"TargetAddressDomains\": [\"contoso.com\", \"labs.example\"]}")},
      {NULL,
       CLOUD("IntraOrganizationConnector", "a", "{\"TargetAddressDomains\": [\"contoso.com\", \"both.example\"]}")},
  };
  CHECK(v);
}

static void spaces_policies_and_remote_domains(void **state) {
  (void)state;
  static const struct attempt v[] = {
      {NULL, LOCAL("AvailabilityAddressSpace", "a",
                   "{\"ForestName\": \"contoso.mail.onmicrosoft.com\", \"AccessMethod\": \"InternalProxy\"}")},
      {"OrgWideFBToken",
       LOCAL("AvailabilityAddressSpace", "a",
             "{\"ForestName\": \"contoso.mail.onmicrosoft.com\", \"AccessMethod\": \"OrgWideFBToken\"}")},
      {"OrgWideFBToken", LOCAL("AvailabilityAddressSpace", "a",
                               "{\"ForestName\": \"contoso.mail.onmicrosoft.com\", \"AccessMethod\": 5}")},
      {"OrgWideFBToken", LOCAL("AvailabilityAddressSpace", "a", "{\"ForestName\": \"contoso.mail.onmicrosoft.com\"}")},
      {"for partners", LOCAL("AvailabilityAddressSpace", "a",
                             "{\"ForestName\": \"partner.example\", \"AccessMethod\": \"OrgWideFB\"}")},
      {"default sharing policy", LOCAL("SharingPolicy", "a", "{\"Default\": true}")},
      {"default sharing policy", LOCAL("SharingPolicy", "a", "{}")},
      {NULL, LOCAL("SharingPolicy", "a", "{\"Default\": false}")},
      {"for all domains", CLOUD("RemoteDomain", "Default", "{\"DomainName\": \"*\"}")},
      {"for all domains", CLOUD("RemoteDomain", "Default", "{}")},
      {NULL, CLOUD("RemoteDomain", "Hybrid Domain - contoso.com", "{\"DomainName\": \"contoso.com\"}")},
  };
  CHECK(v);
}

static void other_organizations_and_endpoints(void **state) {
  (void)state;
  static const struct attempt v[] = {
      {NULL,
       CLOUD("OnPremisesOrganization", "a", "{\"OrganizationGuid\": \"{7A1C2E4F-5B6D-4C3A-9E8F-0F0000000001}\"}")},
      {"OrganizationGuid is this organisation's",
       CLOUD("OnPremisesOrganization", "a", "{\"OrganizationGuid\": \"" APPLICATION "\"}")},
      {"OrganizationGuid is this organisation's",
       CLOUD("OnPremisesOrganization", "a", "{\"OrganizationGuid\": \"damaged\"}")},
      {"OrganizationGuid is this organisation's", CLOUD("OnPremisesOrganization", "a", "{}")},
      {NULL, CLOUD("MigrationEndpoint", "a", "{\"EndpointType\": \"ExchangeRemoteMove\"}")},
      {NULL, CLOUD("MigrationEndpoint", "a", "{\"EndpointType\": 10}")},
      {"endpoints of other types", CLOUD("MigrationEndpoint", "a", "{\"EndpointType\": \"IMAP\"}")},
      {"endpoints of other types", CLOUD("MigrationEndpoint", "a", "{}")},
  };
  CHECK(v);
}

static void what_other_products_use(void **state) {
  (void)state;
  static const uint8_t id[UH_GUID_SIZE] = {1};
  static const struct uh_graph_change
      delete_application = {.action = UH_GRAPH_DELETE, .kind = UH_GRAPH_APPLICATION, .id = id},
      delete_principal = {.action = UH_GRAPH_DELETE, .kind = UH_GRAPH_SERVICE_PRINCIPAL, .id = id},
      keys = {.action = UH_GRAPH_REMOVE_KEYS, .kind = UH_GRAPH_SERVICE_PRINCIPAL, .id = id};
  const struct attempt v[] = {
      {NULL, LOCAL("AuthServer", "a", "{\"Type\": \"AzureAD\"}")},
      {NULL, LOCAL("AuthServer", "a", "{\"Type\": 4}")},
      {"authorization servers of other", LOCAL("AuthServer", "a", "{\"Type\": \"ADFS\"}"), .verb = UH_VERB_SET},
      {"authorization servers of other", LOCAL("AuthServer", "a", "{}")},
      {NULL, LOCAL("PartnerApplication", "a", "{\"ApplicationIdentifier\": \"" EXCHANGE_ONLINE "\"}"),
       .verb = UH_VERB_DISABLE},
      {"partner applications of other",
       LOCAL("PartnerApplication", "a", "{\"ApplicationIdentifier\": \"" EXCHANGE_ONLINE "\"}")},
      {"partner applications of other",
       LOCAL("PartnerApplication", "a", "{\"ApplicationIdentifier\": \"" APPLICATION "\"}"), .verb = UH_VERB_DISABLE},
      {NULL, LOCAL("SettingOverride", "a", "{\"SectionName\": \"ExchangeOnpremAsThirdPartyAppId\"}")},
      {"setting overrides", LOCAL("SettingOverride", "a", "{\"SectionName\": \"Other\"}")},
      {NULL, CLOUD("GraphServicePrincipal", "a", "{\"appId\": \"" EXCHANGE_ONLINE "\"}"), .graph = &keys,
       .verb = UH_VERB_REDUCE},
      {"other workloads", CLOUD("GraphServicePrincipal", "a", "{\"appId\": \"" AGENT "\"}"), .graph = &keys,
       .verb = UH_VERB_REDUCE},
      {"other workloads", CLOUD("GraphServicePrincipal", "a", "{}"), .graph = &keys, .verb = UH_VERB_REDUCE},
      {"service principals stay", CLOUD("GraphServicePrincipal", "a", "{\"appId\": \"" EXCHANGE_ONLINE "\"}"),
       .graph = &delete_principal},
      {NULL, CLOUD("GraphApplication", "a", "{\"appId\": \"" APPLICATION "\"}"), .graph = &delete_application},
      {"other workloads", CLOUD("GraphApplication", "a", "{\"appId\": \"" AGENT "\"}"), .graph = &delete_application},
      {NULL, CLOUD("GraphProxyPrincipal", "a", "{\"appId\": \"" AGENT "\"}"), .commands = "x"},
      {"other workloads", CLOUD("GraphProxyPrincipal", "a", "{\"appId\": \"" APPLICATION "\"}"), .commands = "x"},
  };
  CHECK(v);
}

#define CERTIFICATE(thumbprint, subject, services)                                         \
  "{\"Thumbprint\": \"" thumbprint "\", \"Issuer\": \"CN=ca\", \"Subject\": \"CN=" subject \
  "\", \"Services\": " services "}"
#define OTHER "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"
static void certificates_that_serve_other_things(void **state) {
  (void)state;
  static const struct attempt v[] = {
      {NULL, LOCAL("ExchangeCertificate", "a", CERTIFICATE(FEDERATION, "Federation", "\"None\""))},
      {NULL, LOCAL("ExchangeCertificate", "a", CERTIFICATE(OTHER, "mail.contoso.com", "\"SMTP\""))},
      {"neither the federation's nor", LOCAL("ExchangeCertificate", "a", CERTIFICATE(OTHER, "other", "\"SMTP\""))},
      {"auth certificate stays", LOCAL("ExchangeCertificate", "a", CERTIFICATE(AUTH, "mail.contoso.com", "\"SMTP\""))},
      {"other services use",
       LOCAL("ExchangeCertificate", "a", CERTIFICATE(OTHER, "mail.contoso.com", "\"IIS, SMTP\""))},
      {"other services use", LOCAL("ExchangeCertificate", "a", CERTIFICATE(OTHER, "mail.contoso.com", "4"))},
      {NULL, LOCAL("ExchangeCertificate", "a", CERTIFICATE(OTHER, "mail.contoso.com", "4")), .approval = "Is it?"},
      {NULL, LOCAL("ExchangeCertificate", "a", CERTIFICATE(FEDERATION, "Federation", "4"))},
  };
  CHECK(v);
}

/* The uninstall acts on accounts as the directory has them: of which kind the mailbox is decides, not what the step
 * says.
 */
#define ACCOUNT(type, ...)                                                                                    \
  .side = "on-premises", .kind = UH_DIRECTORY_ENTRY, .name = "a",                                             \
  .json = "{\"msExchRecipientTypeDetails\": [" type "], \"homeMDB\": [\"CN=DB\"]}", .owner = UH_OWNER_SERVER, \
  __VA_ARGS__
static void of_mailboxes_only_exchanges_own(void **state) {
  (void)state;
  static const struct attempt v[] = {
      {NULL, ACCOUNT("\"8388608\"", .cmdlet = "Disable-Mailbox", .phase = UH_PHASE_UNINSTALL)},
      {NULL, ACCOUNT("\"4398046511104\"", .cmdlet = "Disable-Mailbox", .phase = UH_PHASE_UNINSTALL)},
      {NULL, ACCOUNT("\"549755813888\"", .cmdlet = "Remove-Mailbox", .phase = UH_PHASE_UNINSTALL)},
      {"cmdlet of a recipient", ACCOUNT("\"1\"", .cmdlet = "Disable-Mailbox", .phase = UH_PHASE_UNINSTALL)},
      {"cmdlet of a recipient", ACCOUNT("\"68719476736\"", .cmdlet = "Remove-Mailbox", .phase = UH_PHASE_UNINSTALL)},
      {"cmdlet of a recipient", ACCOUNT("", .cmdlet = "Remove-Mailbox", .phase = UH_PHASE_UNINSTALL)},
      {"cmdlet of a recipient", ACCOUNT("\"8388608\"", .cmdlet = "Set-Mailbox", .phase = UH_PHASE_UNINSTALL)},
      {"only what is of this", ACCOUNT("\"8388608\"", .cmdlet = "Disable-Mailbox")},
  };
  CHECK(v);
}

/* Before anybody has looked, what is asked is examined, and what is told by names; an image without a row is no look.
 */
static void what_nobody_looked_at_is_examined_by_what_is_asked(void **state) {
  (void)state;
  struct uh_err err = UH_ERR_INIT;
  const struct attempt mine = {NULL, CLOUD("InboundConnector", "any", NULL)};
  assert_int_equal(attempt(&mine, NULL, &err), 0);
  assert_int_equal(attempt(&mine, "{\"rows\": []}", &err), 0);
  const struct attempt theirs = {NULL, CLOUD("InboundConnector", "Theirs in", NULL)};
  assert_int_equal(attempt(&theirs, NULL, &err), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_what_is_the_deployments),
      cmocka_unit_test(no_recipient),
      cmocka_unit_test(no_domain_no_policy_no_receive_connector),
      cmocka_unit_test(connectors_of_others),
      cmocka_unit_test(relationships_of_others),
      cmocka_unit_test(of_mailboxes_only_exchanges_own),
      cmocka_unit_test(spaces_policies_and_remote_domains),
      cmocka_unit_test(other_organizations_and_endpoints),
      cmocka_unit_test(what_other_products_use),
      cmocka_unit_test(certificates_that_serve_other_things),
      cmocka_unit_test(what_nobody_looked_at_is_examined_by_what_is_asked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
