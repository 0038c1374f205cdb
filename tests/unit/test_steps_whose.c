/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves of each step of C-00 to C-06 and C-12 whose it takes an object to be, and what it does with it: one object at
 * a time in an organisation that shares its tenant with another forest. The names lie on purpose: what is the hybrid
 * deployment's has a name that no wizard gives, and what is not has the wizard's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <unhybrid/text.h>

#include "case/facts.h"
#include "plan/plan.h"

#define OURS "7a1c2e4f-5b6d-4c3a-9e8f-0f0000000001"
#define THEIRS "7a1c2e4f-5b6d-4c3a-9e8f-0f00000000aa"
#define OBJECT "30000000-0000-4000-8000-000000000001"
#define AGENT "c2e8a4d6-1b3f-4a5c-8d7e-0f0000000031"
#define AGENT_URL "https://" AGENT ".resource.mailboxmigration.his.msappproxy.net/EWS/Exchange.asmx"
#define WIZARD " - 11111111-2222-4333-8444-555555555555"

#define DECLARE(name) extern const struct uh_step uh_step_##name
DECLARE(centralized_mail);
DECLARE(accepted_domain_type);
DECLARE(public_folders_remote);
DECLARE(soft_disable);
DECLARE(hybrid_configuration);
DECLARE(intra_organization_connector);
DECLARE(send_connector);
DECLARE(receive_connector);
DECLARE(cloud_connector);
DECLARE(organization_relationship);
DECLARE(availability_address_space);
DECLARE(remote_domain);
DECLARE(mrs_proxy);
DECLARE(on_premises_organization);
static const struct uh_step *const all_steps[] = {&uh_step_centralized_mail,
                                                  &uh_step_accepted_domain_type,
                                                  &uh_step_public_folders_remote,
                                                  &uh_step_soft_disable,
                                                  &uh_step_hybrid_configuration,
                                                  &uh_step_intra_organization_connector,
                                                  &uh_step_send_connector,
                                                  &uh_step_receive_connector,
                                                  &uh_step_cloud_connector,
                                                  &uh_step_organization_relationship,
                                                  &uh_step_availability_address_space,
                                                  &uh_step_remote_domain,
                                                  &uh_step_mrs_proxy,
                                                  &uh_step_on_premises_organization};
enum { STEPS = sizeof all_steps / sizeof *all_steps };

/* ---- facts ---- */

struct object {
  const char *side, *kind, *name, *json;
};

/* Contoso, and another forest with labs.example; nobody.example is the tenant's, and in neither. */
static const struct object base[] = {
    {"on-premises", "AcceptedDomain", "contoso.com", "{\"DomainName\": \"contoso.com\"}"},
    {"on-premises", "AcceptedDomain", "local.example", "{\"DomainName\": \"local.example\"}"},
    {"cloud", "AcceptedDomain", "a", "{\"DomainName\": \"contoso.com\", \"DomainType\": \"Authoritative\"}"},
    {"cloud", "AcceptedDomain", "b",
     "{\"DomainName\": \"contoso.onmicrosoft.com\", \"DomainType\": \"Authoritative\", \"InitialDomain\": true}"},
    {"cloud", "AcceptedDomain", "c",
     "{\"DomainName\": \"contoso.mail.onmicrosoft.com\", \"DomainType\": \"Authoritative\"}"},
    {"cloud", "AcceptedDomain", "d", "{\"DomainName\": \"labs.example\", \"DomainType\": \"Authoritative\"}"},
    {"cloud", "AcceptedDomain", "e", "{\"DomainName\": \"nobody.example\", \"DomainType\": \"Authoritative\"}"},
    {"on-premises", "HybridConfiguration", "Hybrid Configuration",
     "{\"Domains\": [\"autod:contoso.com\"], \"TlsCertificateName\": \"<I>CN=CA<S>CN=mail.contoso.com\","
     " \"OnPremisesSmartHost\": \"smtp.gate.example\"}"},
    {"cloud", "OnPremisesOrganization", "same",
     "{\"OrganizationGuid\": \"" OURS "\", \"HybridDomains\": [\"contoso.com\"], \"InboundConnector\": \"Lunch in\","
     " \"OutboundConnector\": \"Lunch out\", \"OrganizationRelationship\": \"Lunch\"}"},
    {"cloud", "OnPremisesOrganization", "same",
     "{\"OrganizationGuid\": \"" THEIRS "\", \"HybridDomains\": [\"labs.example\"], \"InboundConnector\": \"Labs in\","
     " \"OutboundConnector\": \"Labs out\", \"OrganizationRelationship\": \"Labs\"}"},
    {"on-premises", "IntraOrganizationConnector", "leads through the agent",
     "{\"TargetAddressDomains\": [\"contoso.mail.onmicrosoft.com\"], \"DiscoveryEndpoint\": null, \"Enabled\": true,"
     " \"TargetSharingEpr\": \"" AGENT_URL "\"}"},
};
enum { BASE = sizeof base / sizeof *base };

static char folder[] = "/tmp/unhybrid-whose-XXXXXX", facts_path[64];

static void put_object(struct uh_rows *rows, const struct object *o, const char *guid) {
  struct uh_err err = UH_ERR_INIT;
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(object, source), strcmp(o->side, "cloud") == 0 ? "exchange-online" : "exchange-server");
  uh_rows_str(rows, UH_COL(object, side), o->side);
  uh_rows_str(rows, UH_COL(object, kind), o->kind);
  uh_rows_str(rows, UH_COL(object, identity), o->name);
  uh_rows_str(rows, UH_COL(object, name), o->name);
  uh_rows_str(rows, UH_COL(object, guid), guid);
  uh_rows_str(rows, UH_COL(object, json), o->json);
  assert_int_equal(uh_rows_end(rows, &err), 0);
}

static void put_set(struct uh_rows *rows, const char *set, const char *state) {
  struct uh_err err = UH_ERR_INIT;
  const char *colon = strchr(set, ':');
  assert_non_null(colon);
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(set, source), "exchange-server");
  uh_rows_text(rows, UH_COL(set, side), set, (size_t)(colon - set));
  uh_rows_str(rows, UH_COL(set, name), colon + 1);
  uh_rows_str(rows, UH_COL(set, state), state);
  uh_rows_str(rows, UH_COL(set, why), "");
  uh_rows_int(rows, UH_COL(set, observed_at), 2000);
  assert_int_equal(uh_rows_end(rows, &err), 0);
}

/* Every set that some step needs, once. calls back with each. */
static void each_need(const struct uh_step *const *steps, size_t n, void (*call)(void *user, const char *set),
                      void *user) {
  char all[8000] = ",on-premises:ExchangeServer,on-premises:Recipient,cloud:Mailbox,cloud:Recipient,", item[200];
  size_t len = strlen(all);
  for (size_t i = 0; i < n; i++) {
    const char *p = steps[i]->needs;
    while (*p) {
      size_t k = strcspn(p, ",");
      (void)snprintf(item, sizeof item, ",%.*s,", (int)k, p);
      if (!strstr(all, item)) len += (size_t)snprintf(all + len, sizeof all - len, "%s", item + 1);
      p += k + (p[k] == ',');
    }
  }
  char *save = NULL;
  for (char *set = strtok_r(all, ",", &save); set; set = strtok_r(NULL, ",", &save)) call(user, set);
}

struct sets {
  struct uh_rows *rows;
  const char *lacking;
};
static void put_each(void *user, const char *set) {
  const struct sets *s = user;
  put_set(s->rows, set, s->lacking && strcmp(s->lacking, set) == 0 ? "partial" : "complete");
}

/* The organisation, with these objects more; the one with the number `without` of base left out. */
static struct uh_facts *begin_facts(const struct object *v, size_t n, const char *lacking, bool server) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_facts *facts = NULL;
  struct uh_rows *rows = NULL;
  char guid[UH_GUID_TEXT];
  (void)snprintf(facts_path, sizeof facts_path, "%s/f.db", folder);
  unlink(facts_path);
  assert_int_equal(uh_facts_create_scratch(facts_path, &facts, &err), 0);
  assert_int_equal(uh_rows_open(facts, UH_T_observation, &rows, &err), 0);
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(observation, organization), "contoso");
  uh_rows_int(rows, UH_COL(observation, ended_at), 2000);
  assert_int_equal(uh_rows_end(rows, &err), 0);
  assert_int_equal(uh_rows_close(rows, &err), 0);
  assert_int_equal(uh_rows_open(facts, UH_T_object, &rows, &err), 0);
  put_object(rows, &(struct object){"on-premises", "OrganizationConfig", "Contoso", "{}"}, OURS);
  if (server) put_object(rows, &(struct object){"on-premises", "ExchangeServer", "EX01", "{}"}, THEIRS);
  for (size_t i = 0; i < BASE; i++) {
    (void)snprintf(guid, sizeof guid, "20000000-0000-4000-8000-0000000000%02zu", i);
    put_object(rows, &base[i], guid);
  }
  for (size_t i = 0; i < n; i++) {
    (void)snprintf(guid, sizeof guid, "30000000-0000-4000-8000-0000000000%02zu", i + 1);
    put_object(rows, &v[i], guid);
  }
  assert_int_equal(uh_rows_close(rows, &err), 0);
  assert_int_equal(uh_rows_open(facts, UH_T_set, &rows, &err), 0);
  each_need(all_steps, STEPS, put_each, &(struct sets){rows, lacking});
  assert_int_equal(uh_rows_close(rows, &err), 0);
  return facts;
}

static void end_facts(struct uh_facts *facts) {
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_facts_finish(facts, &err), 0);
  uh_facts_free(facts);
}

static int discover_nothing(struct uh_step_run *run, struct uh_err *err) {
  (void)run, (void)err;
  return 0;
}

/* The step alone; what it asks to come after does nothing here. */
static struct uh_plan *make(const struct uh_step *step) {
  static const struct uh_follows nothing[] = {{0}};
  static const struct uh_step before = {.id = "soft-disable",
                                        .title = "x",
                                        .requirement = "C-00",
                                        .needs = "",
                                        .checks = "",
                                        .follows = nothing,
                                        .discover = discover_nothing,
                                        .effect = "",
                                        .undo_limits = "",
                                        .reference = "",
                                        .explain = ""};
  bool first = step == &uh_step_soft_disable;
  struct uh_step alone = *step;
  struct uh_plan *plan = NULL;
  struct uh_err err = UH_ERR_INIT;
  char text[1200];
  alone.follows = (const struct uh_follows[]){{first ? NULL : "soft-disable", "x"}, {0}};
  const struct uh_plan_options options = {
      .facts = facts_path,
      .organization = "contoso",
      .now = 2000,
      .can = {true, true, true},
      .steps = (const struct uh_step *const[]){&alone, first ? NULL : &before, NULL}};
  if (uh_plan_make(&options, &plan, &err) < 0) fail_msg("%s: %s", step->id, uh_err_text(&err, text, sizeof text));
  return plan;
}

/* ---- one object, one verdict ---- */

struct verdict {
  struct object object;
  enum uh_owner owner;
  const char *UH_NULLABLE action; /* what its commands say; NULL: there is none */
};

static const struct uh_plan_step *tested(const struct uh_plan *plan) {
  return uh_plan_step_at(plan, uh_plan_step_count(plan) - 1);
}

static const struct uh_plan_object *find_object(const struct uh_plan *plan, const char *guid) {
  const struct uh_plan_step *s = tested(plan);
  for (size_t i = 0; i < s->objects; i++)
    if (strcmp(s->v[i].guid, guid) == 0) return &s->v[i];
  return NULL;
}

static const struct uh_planned *find_action(const struct uh_plan *plan, const char *guid) {
  for (size_t i = 0; i < uh_plan_count(plan); i++)
    if (strcmp(uh_plan_at(plan, i)->action.subject.guid, guid) == 0) return uh_plan_at(plan, i);
  return NULL;
}

static void look(const struct uh_step *step, const struct verdict *v) {
  struct uh_str commands UH_CLEANUP(uh_str_clear) = {0};
  struct uh_err err = UH_ERR_INIT;
  end_facts(begin_facts(&v->object, 1, NULL, step->phase != UH_PHASE_AFTER_UNINSTALL));
  struct uh_plan *plan = make(step);
  const struct uh_plan_step *s = tested(plan);
  const struct uh_plan_object *o = find_object(plan, OBJECT);
  const struct uh_planned *a = find_action(plan, OBJECT);
  if (!o) fail_msg("%s, \"%s\": nothing is said of it (%s)", step->id, v->object.name, s->why);
  if (o->owner != v->owner)
    fail_msg("%s, \"%s\" %s: %s, because %s; %s expected", step->id, v->object.name, v->object.json,
             uh_owner_name(o->owner), o->reason, uh_owner_name(v->owner));
  if (!*o->reason) fail_msg("%s, \"%s\": no reason", step->id, v->object.name);
  if ((v->owner == UH_OWNER_UNKNOWN) != (s->state == UH_STEP_UNKNOWN))
    fail_msg("%s, \"%s\": the step's state is %d: %s", step->id, v->object.name, (int)s->state, s->why);
  if (!a != !v->action) fail_msg("%s, \"%s\": %s action (%s)", step->id, v->object.name, a ? "an" : "no", o->reason);
  if (a && uh_planned_commands(a, &commands, &err) < 0) fail_msg("%s: %s", step->id, err.what);
  if (a && !strstr(uh_str_or(&commands, ""), v->action))
    fail_msg("%s, \"%s\": %s", step->id, v->object.name, uh_str_or(&commands, ""));
  uh_plan_free(plan);
}

static void look_at_all(const struct uh_step *step, const struct verdict *v, size_t n) {
  for (size_t i = 0; i < n; i++) look(step, &v[i]);
}
#define LOOK(step, table) look_at_all(&step, table, sizeof(table) / sizeof *(table))

/* ---- C-02 ---- */

#define INTRA(side, name, json) \
  { side, "IntraOrganizationConnector", name, json }
static const struct verdict intra[] = {
    {INTRA("on-premises", "Lunch",
           "{\"TargetAddressDomains\": [\"Contoso.mail.onmicrosoft.com\"], \"Enabled\": true,"
           " \"DiscoveryEndpoint\": \"https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc\"}"),
     UH_OWNER_HYBRID, "Remove-IntraOrganizationConnector"},
    {INTRA("on-premises", "Lunch",
           "{\"TargetAddressDomains\": [\"contoso.com\"], \"Enabled\": false,"
           " \"DiscoveryEndpoint\": \"https://outlook.office365.com/autodiscover/autodiscover.svc\"}"),
     UH_OWNER_HYBRID, "Remove-IntraOrganizationConnector"},
    /* A host that ends like Microsoft's, in a path. */
    {INTRA("on-premises", "HybridIOC" WIZARD,
           "{\"TargetAddressDomains\": [\"labs.example\"],"
           " \"DiscoveryEndpoint\": \"https://mail.labs.example/x.outlook.com/\"}"),
     UH_OWNER_FOREST, NULL},
    {INTRA("on-premises", "HybridIOC" WIZARD,
           "{\"TargetAddressDomains\": [\"adatum.example\"],"
           " \"DiscoveryEndpoint\": \"https://mail.adatum.example/autodiscover/autodiscover.svc\"}"),
     UH_OWNER_PARTNER, NULL},
    {INTRA("on-premises", "HybridIOC" WIZARD,
           "{\"TargetAddressDomains\": [\"tailspin.mail.onmicrosoft.com\"],"
           " \"DiscoveryEndpoint\": \"https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc\"}"),
     UH_OWNER_CROSS_TENANT, NULL},
    {INTRA("on-premises", "Lunch",
           "{\"TargetAddressDomains\": [\"contoso.mail.onmicrosoft.com\", \"adatum.example\"],"
           " \"DiscoveryEndpoint\": \"https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc\"}"),
     UH_OWNER_SHARED, "-TargetAddressDomains @('adatum.example')"},
    {INTRA("on-premises", "HybridIOC" WIZARD, "{\"DiscoveryEndpoint\": \"https://autodiscover-s.outlook.com/\"}"),
     UH_OWNER_UNKNOWN, NULL},
    {INTRA("cloud", "Lunch",
           "{\"TargetAddressDomains\": [\"contoso.com\", \"local.example\"],"
           " \"DiscoveryEndpoint\": \"https://mail.contoso.com/autodiscover/autodiscover.svc\"}"),
     UH_OWNER_HYBRID, "Remove-IntraOrganizationConnector"},
    {INTRA("cloud", "HybridIOC" WIZARD,
           "{\"TargetAddressDomains\": [\"labs.example\"],"
           " \"DiscoveryEndpoint\": \"https://mail.contoso.com/autodiscover/autodiscover.svc\"}"),
     UH_OWNER_FOREST, NULL},
    {INTRA("cloud", "Lunch",
           "{\"TargetAddressDomains\": [\"contoso.com\", \"labs.example\"],"
           " \"DiscoveryEndpoint\": \"https://mail.contoso.com/autodiscover/autodiscover.svc\"}"),
     UH_OWNER_SHARED, "-TargetAddressDomains @('labs.example')"},
    {INTRA("cloud", "HybridIOC" WIZARD,
           "{\"TargetAddressDomains\": [\"adatum.example\"],"
           " \"DiscoveryEndpoint\": \"https://mail.adatum.example/autodiscover/autodiscover.svc\"}"),
     UH_OWNER_PARTNER, NULL},
    {INTRA("cloud", "HybridIOC" WIZARD,
           "{\"TargetAddressDomains\": [\"tailspin.onmicrosoft.com\"],"
           " \"DiscoveryEndpoint\": \"https://outlook.office365.com/\"}"),
     UH_OWNER_CROSS_TENANT, NULL},
    /* The tenant's, and nobody's: unless it leads through our agent. */
    {INTRA("cloud", "HybridIOC" WIZARD,
           "{\"TargetAddressDomains\": [\"nobody.example\"], \"DiscoveryEndpoint\": null}"),
     UH_OWNER_UNKNOWN, NULL},
    {INTRA("cloud", "Lunch",
           "{\"TargetAddressDomains\": [\"nobody.example\"], \"DiscoveryEndpoint\": null,"
           " \"TargetSharingEpr\": \"" AGENT_URL "\"}"),
     UH_OWNER_HYBRID, "Remove-IntraOrganizationConnector"},
};
static void intra_organization_connectors(void **state) {
  (void)state;
  LOOK(uh_step_intra_organization_connector, intra);
}

/* ---- C-05 ---- */

#define RELATIONSHIP(side, name, json) \
  { side, "OrganizationRelationship", name, json }
#define STILL "\"MailboxMoveCapability\": \"None\", \"OAuthApplicationId\": null, \"MailboxMoveEnabled\": false"
static const struct verdict relationship[] = {
    {RELATIONSHIP("on-premises", "Dinner",
                  "{\"DomainNames\": [\"contoso.mail.onmicrosoft.com\"], \"TargetApplicationUri\": \"outlook.com\","
                  " \"MailboxMoveEnabled\": true}"),
     UH_OWNER_HYBRID, "Remove-OrganizationRelationship"},
    {RELATIONSHIP("on-premises", "Dinner",
                  "{\"DomainNames\": [\"contoso.com\"], \"TargetApplicationUri\": \"outlook.com\"}"),
     UH_OWNER_HYBRID, "Remove-OrganizationRelationship"},
    {RELATIONSHIP("on-premises", "On-premises to O365" WIZARD,
                  "{\"DomainNames\": [\"labs.example\"], \"TargetApplicationUri\": \"FYDIBOHF25SPDLT.labs.example\"}"),
     UH_OWNER_FOREST, NULL},
    {RELATIONSHIP("on-premises", "On-premises to O365" WIZARD,
                  "{\"DomainNames\": [\"adatum.example\"], \"TargetApplicationUri\": \"outlook.com\"}"),
     UH_OWNER_PARTNER, NULL},
    {RELATIONSHIP("on-premises", "On-premises to O365" WIZARD,
                  "{\"DomainNames\": [\"tailspin.onmicrosoft.com\"], \"TargetApplicationUri\": \"outlook.com\"}"),
     UH_OWNER_CROSS_TENANT, NULL},
    {RELATIONSHIP("on-premises", "Dinner",
                  "{\"DomainNames\": [\"contoso.mail.onmicrosoft.com\", \"adatum.example\"],"
                  " \"TargetApplicationUri\": \"outlook.com\"}"),
     UH_OWNER_SHARED, "-DomainNames @('adatum.example')"},
    {RELATIONSHIP("on-premises", "On-premises to O365" WIZARD, "{\"TargetApplicationUri\": \"outlook.com\"}"),
     UH_OWNER_UNKNOWN, NULL},
    {RELATIONSHIP("on-premises", "On-premises to O365" WIZARD, "{\"DomainNames\": [\"contoso.com\"]}"),
     UH_OWNER_UNKNOWN, NULL},
    /* OnPremisesOrganization names it. The wizard switches moves on. */
    {RELATIONSHIP("cloud", "lunch",
                  "{\"DomainNames\": [\"contoso.com\"], \"MailboxMoveCapability\": \"None\","
                  " \"OAuthApplicationId\": null, \"MailboxMoveEnabled\": true}"),
     UH_OWNER_HYBRID, "Remove-OrganizationRelationship"},
    {RELATIONSHIP("cloud", "Lunch", "{\"DomainNames\": [\"contoso.com\", \"adatum.example\"], " STILL "}"),
     UH_OWNER_SHARED, "-DomainNames @('adatum.example')"},
    /* Named, and for moves between tenants all the same. */
    {RELATIONSHIP("cloud", "Lunch",
                  "{\"DomainNames\": [\"contoso.com\"], \"MailboxMoveCapability\": \"RemoteOutbound\","
                  " \"OAuthApplicationId\": null, \"MailboxMoveEnabled\": true}"),
     UH_OWNER_CROSS_TENANT, NULL},
    {RELATIONSHIP("cloud", "Labs", "{\"DomainNames\": [\"labs.example\"], " STILL "}"), UH_OWNER_FOREST, NULL},
    {RELATIONSHIP("cloud", "Dinner", "{\"DomainNames\": [\"contoso.com\"], " STILL "}"), UH_OWNER_HYBRID,
     "Remove-OrganizationRelationship"},
    {RELATIONSHIP("cloud", "O365 to On-premises" WIZARD, "{\"DomainNames\": [\"labs.example\"], " STILL "}"),
     UH_OWNER_FOREST, NULL},
    {RELATIONSHIP("cloud", "O365 to On-premises" WIZARD, "{\"DomainNames\": [\"adatum.example\"], " STILL "}"),
     UH_OWNER_PARTNER, NULL},
    {RELATIONSHIP("cloud", "O365 to On-premises" WIZARD,
                  "{\"DomainNames\": [\"adatum.example\"], \"MailboxMoveCapability\": null,"
                  " \"OAuthApplicationId\": null, \"MailboxMoveEnabled\": true}"),
     UH_OWNER_CROSS_TENANT, NULL},
    {RELATIONSHIP("cloud", "O365 to On-premises" WIZARD, "{\"DomainNames\": [\"nobody.example\"], " STILL "}"),
     UH_OWNER_UNKNOWN, NULL},
    {RELATIONSHIP("cloud", "Dinner",
                  "{\"DomainNames\": [\"contoso.com\"], \"OAuthApplicationId\": null, \"MailboxMoveEnabled\": false}"),
     UH_OWNER_UNKNOWN, NULL},
};
static void organization_relationships(void **state) {
  (void)state;
  LOOK(uh_step_organization_relationship, relationship);
}

/* ---- C-03 ---- */

#define SEND(name, json) \
  { "on-premises", "SendConnector", name, json }
static const struct verdict send[] = {
    {SEND("Post",
          "{\"AddressSpaces\": [\"smtp:contoso.mail.onmicrosoft.com;1\"], \"CloudServicesMailEnabled\": true,"
          " \"TlsDomain\": \"mail.protection.outlook.com\", \"Enabled\": true}"),
     UH_OWNER_HYBRID, "Remove-SendConnector"},
    {SEND("Post", "{\"AddressSpaces\": [\"SMTP:*.contoso.mail.onmicrosoft.com;5\"], \"Enabled\": false}"),
     UH_OWNER_HYBRID, "Remove-SendConnector"},
    {SEND("Post",
          "{\"AddressSpaces\": [\"smtp:contoso.mail.onmicrosoft.com;1\", \"smtp:groups.contoso.com;1\"],"
          " \"CloudServicesMailEnabled\": true, \"TlsCertificateName\": \"<I>CN=CA<S>CN=mail.contoso.com\"}"),
     UH_OWNER_SHARED, "-AddressSpaces @('smtp:groups.contoso.com;1')"},
    /* Everything to Exchange Online: a smart host, not the wizard's. */
    {SEND(
         "Outbound to Office 365" WIZARD,
         "{\"AddressSpaces\": [\"SMTP:*;1\"], \"CloudServicesMailEnabled\": true,"
         " \"TlsDomain\": \"mail.protection.outlook.com\", \"SmartHosts\": [\"contoso-com.mail.protection.outlook.com\"]}"),
     UH_OWNER_SERVER, NULL},
    {SEND("Outbound to Office 365" WIZARD, "{\"AddressSpaces\": [\"smtp:tailspin.mail.onmicrosoft.com;1\"]}"),
     UH_OWNER_CROSS_TENANT, NULL},
    {SEND("Outbound to Office 365", "{\"AddressSpaces\": [\"smtp:adatum.example;1\"]}"), UH_OWNER_SERVER, NULL},
    {SEND("Outbound to Office 365" WIZARD, "{\"AddressSpaces\": []}"), UH_OWNER_SERVER, NULL},
    {SEND("Outbound to Office 365" WIZARD, "{\"CloudServicesMailEnabled\": true}"), UH_OWNER_UNKNOWN, NULL},
};
#define RECEIVE(json) \
  { "on-premises", "ReceiveConnector", "Default Frontend EX01", json }
static const struct verdict receive[] = {
    {RECEIVE("{\"TlsDomainCapabilities\": [\"mail.protection.outlook.com:AcceptCloudServicesMail\"],"
             " \"TlsCertificateName\": \"<I>CN=CA<S>CN=mail.contoso.com\"}"),
     UH_OWNER_SHARED, "-TlsDomainCapabilities $null -TlsCertificateName $null"},
    {RECEIVE("{\"TlsDomainCapabilities\": [\"mail.protection.outlook.com:AcceptCloudServicesMail\","
             " \"adatum.example:AcceptOorgProtocol\"], \"TlsCertificateName\": null}"),
     UH_OWNER_SHARED, "-TlsDomainCapabilities @('adatum.example:AcceptOorgProtocol')"},
    {RECEIVE("{\"TlsDomainCapabilities\": [], \"TlsCertificateName\": \"<I>CN=CA<S>CN=mail.contoso.com\"}"),
     UH_OWNER_SERVER, NULL},
    {RECEIVE("{\"TlsDomainCapabilities\": [\"adatum.example:AcceptOorgProtocol\"]}"), UH_OWNER_SERVER, NULL},
    {RECEIVE("{\"Fqdn\": \"mail.contoso.com\"}"), UH_OWNER_UNKNOWN, NULL},
};
static void connectors_on_premises(void **state) {
  (void)state;
  LOOK(uh_step_send_connector, send);
  LOOK(uh_step_receive_connector, receive);
}

/* ---- C-04 ---- */

#define CONNECTOR(direction, name, json) \
  { "cloud", direction "boundConnector", name, json }
#define WIZARDS "\"ConnectorType\": \"OnPremises\", \"ConnectorSource\": \"HybridWizard\", \"Enabled\": true"
#define PERSONS "\"ConnectorType\": \"OnPremises\", \"ConnectorSource\": \"AdminUI\", \"Enabled\": true"
#define NO_GATEWAY "\"EFSkipIPs\": [], \"EFSkipMailGateway\": [], \"EFSkipLastIP\": false"
#define TO_US "\"TlsSenderCertificateName\": \"<I>CN=CA<S>CN=mail.contoso.com, O=Contoso\""
static const struct verdict connector[] = {
    {CONNECTOR("In", "Lunch in", "{" WIZARDS ", " NO_GATEWAY ", \"TlsSenderCertificateName\": null}"), UH_OWNER_HYBRID,
     "Remove-InboundConnector"},
    {CONNECTOR("In", "Dinner", "{" WIZARDS ", " NO_GATEWAY ", " TO_US "}"), UH_OWNER_HYBRID, "Remove-InboundConnector"},
    {CONNECTOR("In", "Dinner", "{" WIZARDS ", " NO_GATEWAY ", \"TlsSenderCertificateName\": \"*.contoso.com\"}"),
     UH_OWNER_HYBRID, "Remove-InboundConnector"},
    /* Another domain that only ends in ours. */
    {CONNECTOR("In", "Inbound from" WIZARD,
               "{" WIZARDS ", " NO_GATEWAY ", \"TlsSenderCertificateName\": \"CN=mail.notcontoso.com\"}"),
     UH_OWNER_UNKNOWN, NULL},
    {CONNECTOR("In", "Labs in", "{" WIZARDS ", " NO_GATEWAY ", " TO_US "}"), UH_OWNER_FOREST, NULL},
    {CONNECTOR("In", "Inbound from" WIZARD,
               "{" WIZARDS ", " NO_GATEWAY ", \"TlsSenderCertificateName\": \"CN=mail.labs.example\"}"),
     UH_OWNER_FOREST, NULL},
    {CONNECTOR("In", "Inbound from" WIZARD, "{" PERSONS ", " NO_GATEWAY ", " TO_US "}"), UH_OWNER_TENANT, NULL},
    /* Named, but a person made it; named, but a partner's: the guide never removes either. */
    {CONNECTOR("In", "Lunch in", "{" PERSONS ", " NO_GATEWAY ", " TO_US "}"), UH_OWNER_TENANT, NULL},
    {CONNECTOR("In", "Lunch in",
               "{\"ConnectorType\": \"Partner\", \"ConnectorSource\": \"HybridWizard\", " NO_GATEWAY "}"),
     UH_OWNER_UNKNOWN, NULL},
    {CONNECTOR("In", "Inbound from" WIZARD,
               "{\"ConnectorType\": \"Partner\", \"ConnectorSource\": \"AdminUI\", " NO_GATEWAY ", " TO_US "}"),
     UH_OWNER_PARTNER, NULL},
    /* A gateway stands before it; whether one does was not obtained. */
    {CONNECTOR("In", "Lunch in",
               "{" WIZARDS ", \"EFSkipIPs\": [\"198.51.100.7\"], \"EFSkipMailGateway\": [], \"EFSkipLastIP\": false}"),
     UH_OWNER_SHARED, NULL},
    {CONNECTOR("In", "Lunch in", "{" WIZARDS ", \"EFSkipIPs\": [], \"EFSkipMailGateway\": [], \"EFSkipLastIP\": true}"),
     UH_OWNER_SHARED, NULL},
    {CONNECTOR("In", "Lunch in", "{" WIZARDS ", " TO_US "}"), UH_OWNER_UNKNOWN, NULL},
    {CONNECTOR("In", "Lunch in", "{\"ConnectorType\": \"OnPremises\", " NO_GATEWAY "}"), UH_OWNER_UNKNOWN, NULL},
    {CONNECTOR("Out", "Lunch out", "{" WIZARDS ", \"RecipientDomains\": [\"contoso.com\"], \"SmartHosts\": [\"x\"]}"),
     UH_OWNER_HYBRID, "Remove-OutboundConnector"},
    /* What the wizard makes for centralized transport. */
    {CONNECTOR("Out", "Lunch out", "{" WIZARDS ", \"RecipientDomains\": [\"*\"], \"SmartHosts\": [\"x\"]}"),
     UH_OWNER_HYBRID, "Remove-OutboundConnector"},
    {CONNECTOR("Out", "Lunch out",
               "{" WIZARDS ", \"RecipientDomains\": [\"contoso.com\", \"mill.example\"], \"SmartHosts\": [\"x\"]}"),
     UH_OWNER_SHARED, NULL},
    {CONNECTOR("Out", "Dinner",
               "{" WIZARDS ", \"RecipientDomains\": [\"contoso.com\"], \"SmartHosts\": [\"smtp.gate.example\"]}"),
     UH_OWNER_HYBRID, "Remove-OutboundConnector"},
    {CONNECTOR("Out", "Outbound to" WIZARD,
               "{" WIZARDS ", \"RecipientDomains\": [\"contoso.com\"], \"SmartHosts\": [\"mail.labs.example\"]}"),
     UH_OWNER_FOREST, NULL},
    {CONNECTOR("Out", "Outbound to" WIZARD,
               "{" WIZARDS ", \"RecipientDomains\": [\"contoso.com\"],"
               " \"SmartHosts\": [\"mail.labs.example\", \"mail.contoso.com\"]}"),
     UH_OWNER_SHARED, NULL},
    {CONNECTOR("Out", "Outbound to" WIZARD,
               "{" WIZARDS ", \"RecipientDomains\": [\"contoso.com\"], \"SmartHosts\": [\"203.0.113.5\"]}"),
     UH_OWNER_UNKNOWN, NULL},
};
static void connectors_in_the_cloud(void **state) {
  (void)state;
  LOOK(uh_step_cloud_connector, connector);
}

static void a_connector_that_a_rule_sends_through_stays(void **state) {
  static const struct object v[] = {
      CONNECTOR("Out", "Lunch out", "{" WIZARDS ", \"RecipientDomains\": [\"contoso.com\"], \"SmartHosts\": [\"x\"]}"),
      {"cloud", "TransportRule", "Copy", "{\"State\": \"Enabled\", \"RouteMessageOutboundConnector\": \"LUNCH OUT\"}"}};
  (void)state;
  end_facts(begin_facts(v, 2, NULL, true));
  struct uh_plan *plan = make(&uh_step_cloud_connector);
  assert_int_equal(uh_plan_count(plan), 0);
  assert_int_equal(find_object(plan, OBJECT)->owner, UH_OWNER_SHARED);
  assert_non_null(strstr(find_object(plan, OBJECT)->reason, "the transport rule Copy sends messages through it"));
  assert_non_null(strstr(tested(plan)->notes[0], "Lunch out stays"));
  uh_plan_free(plan);
}

/* ---- C-06, C-01, C-12 ---- */

#define SPACE(side, forest, method) \
  { side, "AvailabilityAddressSpace", forest, "{\"ForestName\": \"" forest "\", \"AccessMethod\": \"" method "\"}" }
static const struct verdict space[] = {
    {SPACE("on-premises", "contoso.mail.onmicrosoft.com", "InternalProxy"), UH_OWNER_HYBRID,
     "Remove-AvailabilityAddressSpace"},
    {SPACE("on-premises", "contoso.mail.onmicrosoft.com", "OrgWideFBToken"), UH_OWNER_PARTNER, NULL},
    {SPACE("on-premises", "tailspin.mail.onmicrosoft.com", "InternalProxy"), UH_OWNER_CROSS_TENANT, NULL},
    {SPACE("on-premises", "labs.example", "OrgWideFB"), UH_OWNER_PARTNER, NULL},
    {SPACE("cloud", "contoso.com", "InternalProxy"), UH_OWNER_HYBRID, "Remove-AvailabilityAddressSpace"},
    {SPACE("cloud", "contoso.com", "OrgWideFBToken"), UH_OWNER_PARTNER, NULL},
    {SPACE("cloud", "labs.example", "InternalProxy"), UH_OWNER_FOREST, NULL},
    {SPACE("cloud", "adatum.example", "InternalProxy"), UH_OWNER_PARTNER, NULL},
    {SPACE("cloud", "nobody.example", "InternalProxy"), UH_OWNER_UNKNOWN, NULL},
    {{"on-premises", "AvailabilityAddressSpace", "x", "{\"AccessMethod\": \"InternalProxy\"}"}, UH_OWNER_UNKNOWN, NULL},
};
#define DOMAIN(side, domain, rest) \
  { side, "RemoteDomain", "Hybrid Domain - x", "{\"DomainName\": \"" domain "\"" rest "}" }
#define NEITHER ", \"TargetDeliveryDomain\": false, \"TrustedMailInboundEnabled\": false"
#define DELIVERS ", \"TargetDeliveryDomain\": true, \"TrustedMailInboundEnabled\": false"
#define TRUSTS ", \"TargetDeliveryDomain\": false, \"TrustedMailInboundEnabled\": true"
static const struct verdict remote[] = {
    {DOMAIN("on-premises", "contoso.mail.onmicrosoft.com", DELIVERS), UH_OWNER_HYBRID, "Remove-RemoteDomain"},
    {DOMAIN("on-premises", "contoso.onmicrosoft.com", TRUSTS), UH_OWNER_HYBRID, "Remove-RemoteDomain"},
    /* Active Directory alone shows neither. */
    {DOMAIN("on-premises", "contoso.onmicrosoft.com", ""), UH_OWNER_HYBRID, "Remove-RemoteDomain"},
    {DOMAIN("on-premises", "contoso.onmicrosoft.com", NEITHER), UH_OWNER_SERVER, NULL},
    {DOMAIN("on-premises", "adatum.example", TRUSTS), UH_OWNER_SERVER, NULL},
    {DOMAIN("on-premises", "*", TRUSTS), UH_OWNER_SERVER, NULL},
    {DOMAIN("cloud", "contoso.com", TRUSTS), UH_OWNER_HYBRID, "Remove-RemoteDomain"},
    {DOMAIN("cloud", "contoso.com", NEITHER), UH_OWNER_TENANT, NULL},
    {DOMAIN("cloud", "contoso.com", ""), UH_OWNER_UNKNOWN, NULL},
    {DOMAIN("cloud", "labs.example", TRUSTS), UH_OWNER_FOREST, NULL},
    {DOMAIN("cloud", "*", TRUSTS), UH_OWNER_TENANT, NULL},
};
#define EWS(json) \
  { "on-premises", "WebServicesVirtualDirectory", "EWS (Default Web Site)", json }
static const struct verdict proxy[] = {
    {EWS("{\"MRSProxyEnabled\": true}"), UH_OWNER_SHARED, "-MRSProxyEnabled:$false"},
    {EWS("{\"MRSProxyEnabled\": false}"), UH_OWNER_SERVER, NULL},
    {EWS("{}"), UH_OWNER_UNKNOWN, NULL},
};
static const struct verdict configuration[] = {
    /* A second one: the cmdlet could take either. */
    {{"on-premises", "HybridConfiguration", "Other", "{}"}, UH_OWNER_UNKNOWN, NULL},
};
static const struct verdict holder[] = {
    {{"cloud", "OnPremisesOrganization", OURS, "{\"OrganizationGuid\": \"0a1c2e4f-5b6d-4c3a-9e8f-0f00000000bb\"}"},
     UH_OWNER_FOREST,
     NULL},
    {{"cloud", "OnPremisesOrganization", "x", "{\"OrganizationGuid\": \"{" OURS "}\"}"}, UH_OWNER_UNKNOWN, NULL},
    {{"cloud", "OnPremisesOrganization", "x", "{}"}, UH_OWNER_UNKNOWN, NULL},
};
static void the_rest(void **state) {
  (void)state;
  LOOK(uh_step_availability_address_space, space);
  LOOK(uh_step_remote_domain, remote);
  LOOK(uh_step_mrs_proxy, proxy);
  LOOK(uh_step_hybrid_configuration, configuration);
  LOOK(uh_step_on_premises_organization, holder);
}

/* Of base itself: ours goes, the other forest's stays, and neither before the server is gone. */
static void the_organization_goes_last_and_by_its_guid(void **state) {
  (void)state;
  end_facts(begin_facts(NULL, 0, NULL, true));
  struct uh_plan *plan = make(&uh_step_on_premises_organization);
  assert_int_equal(uh_plan_count(plan), 0);
  assert_int_equal(tested(plan)->state, UH_STEP_SKIPPED);
  uh_plan_free(plan);
  end_facts(begin_facts(NULL, 0, NULL, false));
  plan = make(&uh_step_on_premises_organization);
  assert_int_equal(uh_plan_count(plan), 1);
  assert_non_null(find_action(plan, "20000000-0000-4000-8000-000000000008"));
  uh_plan_free(plan);
}

static void the_hybrid_configuration_goes_without_a_name(void **state) {
  struct uh_str commands UH_CLEANUP(uh_str_clear) = {0};
  struct uh_err err = UH_ERR_INIT;
  (void)state;
  end_facts(begin_facts(NULL, 0, NULL, true));
  struct uh_plan *plan = make(&uh_step_hybrid_configuration);
  assert_int_equal(uh_plan_count(plan), 1);
  assert_null(uh_plan_at(plan, 0)->action.changes[0].guid);
  assert_int_equal(uh_planned_commands(uh_plan_at(plan, 0), &commands, &err), 0);
  assert_null(strstr(uh_str_or(&commands, ""), "-Identity"));
  uh_plan_free(plan);
}

/* ---- C-00 ---- */

static const struct verdict flags[] = {
    {CONNECTOR("Out", "Lunch out",
               "{" WIZARDS ", \"RecipientDomains\": [\"*\"], \"SmartHosts\": [\"x\"],"
               " \"RouteAllMessagesViaOnPremises\": true}"),
     UH_OWNER_HYBRID, "-RouteAllMessagesViaOnPremises:$false -RecipientDomains @('contoso.com')"},
    {CONNECTOR("Out", "Lunch out",
               "{" WIZARDS ", \"RecipientDomains\": [\"contoso.com\"], \"SmartHosts\": [\"x\"],"
               " \"RouteAllMessagesViaOnPremises\": true}"),
     UH_OWNER_HYBRID, "-RouteAllMessagesViaOnPremises:$false"},
    {CONNECTOR("Out", "Lunch out",
               "{" WIZARDS ", \"RecipientDomains\": [\"contoso.com\"], \"SmartHosts\": [\"x\"],"
               " \"RouteAllMessagesViaOnPremises\": false}"),
     UH_OWNER_HYBRID, NULL},
    /* It serves something else, too: nothing is turned off or narrowed for that. */
    {CONNECTOR("Out", "Lunch out",
               "{" WIZARDS ", \"RecipientDomains\": [\"*\", \"adatum.example\"], \"SmartHosts\": [\"x\"],"
               " \"RouteAllMessagesViaOnPremises\": true}"),
     UH_OWNER_SHARED, NULL},
    {CONNECTOR("Out", "Lunch out",
               "{" WIZARDS ", \"RecipientDomains\": [\"*\", \"adatum.example\"], \"SmartHosts\": [\"x\"],"
               " \"RouteAllMessagesViaOnPremises\": false}"),
     UH_OWNER_SHARED, NULL},
    {CONNECTOR("Out", "Labs out",
               "{" WIZARDS ", \"RecipientDomains\": [\"*\"], \"SmartHosts\": [\"x\"],"
               " \"RouteAllMessagesViaOnPremises\": true}"),
     UH_OWNER_FOREST, NULL},
    {CONNECTOR("Out", "Outbound to" WIZARD,
               "{" PERSONS ", \"RecipientDomains\": [\"*\"], \"SmartHosts\": [\"mail.contoso.com\"],"
               " \"RouteAllMessagesViaOnPremises\": true}"),
     UH_OWNER_TENANT, NULL},
};
#define CONFIG(json) \
  { "cloud", "OrganizationConfig", "contoso.onmicrosoft.com", json }
static const struct verdict folders[] = {
    {CONFIG("{\"PublicFoldersEnabled\": \"Remote\", \"RemotePublicFolderMailboxes\": [\"PF1\"]}"), UH_OWNER_SHARED,
     "-RemotePublicFolderMailboxes $null -PublicFoldersEnabled 'Local'"},
    {CONFIG("{\"PublicFoldersEnabled\": \"None\", \"RemotePublicFolderMailboxes\": [\"PF1\"]}"), UH_OWNER_SHARED,
     "-RemotePublicFolderMailboxes $null"},
    {CONFIG("{\"PublicFoldersEnabled\": \"Local\", \"RemotePublicFolderMailboxes\": []}"), UH_OWNER_TENANT, NULL},
    {CONFIG("{\"RemotePublicFolderMailboxes\": []}"), UH_OWNER_UNKNOWN, NULL},
};
static const struct verdict off[] = {
    {SEND("Post", "{\"AddressSpaces\": [\"smtp:contoso.mail.onmicrosoft.com;1\"], \"Enabled\": true}"), UH_OWNER_HYBRID,
     "Set-SendConnector"},
    {SEND("Post", "{\"AddressSpaces\": [\"smtp:contoso.mail.onmicrosoft.com;1\"], \"Enabled\": false}"),
     UH_OWNER_HYBRID, NULL},
    /* Others use it, too: it stays on. */
    {SEND(
         "Post",
         "{\"AddressSpaces\": [\"smtp:contoso.mail.onmicrosoft.com;1\", \"smtp:adatum.example;1\"], \"Enabled\": true}"),
     UH_OWNER_SHARED, NULL},
    {CONNECTOR("In", "Lunch in", "{" WIZARDS ", " NO_GATEWAY ", \"TlsSenderCertificateName\": null}"), UH_OWNER_HYBRID,
     "Set-InboundConnector"},
    {RELATIONSHIP("cloud", "Lunch", "{\"DomainNames\": [\"contoso.com\"], \"Enabled\": true, " STILL "}"),
     UH_OWNER_HYBRID, "Set-OrganizationRelationship"},
    {INTRA("cloud", "Dinner",
           "{\"TargetAddressDomains\": [\"contoso.com\"], \"Enabled\": true, \"DiscoveryEndpoint\": null}"),
     UH_OWNER_HYBRID, "Set-IntraOrganizationConnector"},
};
static void the_flags(void **state) {
  (void)state;
  LOOK(uh_step_centralized_mail, flags);
  LOOK(uh_step_public_folders_remote, folders);
  LOOK(uh_step_soft_disable, off);
}

static void what_is_switched_off_is_watched_and_then_removed(void **state) {
  static const struct object v[] = {
      SEND("Post", "{\"AddressSpaces\": [\"smtp:contoso.mail.onmicrosoft.com;1\"], \"Enabled\": true}")};
  struct uh_plan *plan = NULL;
  struct uh_err err = UH_ERR_INIT;
  (void)state;
  end_facts(begin_facts(v, 1, NULL, true));
  struct uh_step first = uh_step_soft_disable, second = uh_step_send_connector;
  first.follows = (const struct uh_follows[]){{0}};
  second.follows = (const struct uh_follows[]){{"soft-disable", "x"}, {0}};
  const struct uh_plan_options options = {.facts = facts_path,
                                          .organization = "contoso",
                                          .now = 2000,
                                          .can = {true, true, true},
                                          .steps = (const struct uh_step *const[]){&second, &first, NULL}};
  assert_int_equal(uh_plan_make(&options, &plan, &err), 0);
  const struct uh_planned *a = uh_plan_find(plan, "soft-disable/disable/on-premises/SendConnector/" OBJECT);
  const struct uh_planned *b = uh_plan_find(plan, "send-connector/remove/on-premises/SendConnector/" OBJECT);
  assert_non_null(a);
  assert_non_null(b);
  assert_true(a->action.observe && a->number < b->number);
  /* The removal expects what the switching off leaves. */
  assert_string_not_equal(a->fingerprint, b->fingerprint);
  uh_plan_free(plan);
}

/* ---- accepted domains ---- */

#define RELAY(domain, rest) \
  { "cloud", "AcceptedDomain", "relay", "{\"DomainName\": \"" domain "\", \"DomainType\": \"InternalRelay\"" rest "}" }
#define ALONE ", \"MatchSubDomains\": false"
static const struct verdict relay[] = {
    {RELAY("local.example", ALONE), UH_OWNER_SHARED, "-DomainType 'Authoritative'"},
    {RELAY("labs.example", ALONE), UH_OWNER_FOREST, NULL},
    {RELAY("adatum.example", ALONE), UH_OWNER_TENANT, NULL},
    {RELAY("local.example", ", \"MatchSubDomains\": true"), UH_OWNER_TENANT, NULL},
    {RELAY("local.example", ""), UH_OWNER_UNKNOWN, NULL},
    {{"cloud", "AcceptedDomain", "relay", "{\"DomainName\": \"local.example\"}"}, UH_OWNER_UNKNOWN, NULL},
};
static void relayed_domains(void **state) {
  (void)state;
  LOOK(uh_step_accepted_domain_type, relay);
}

static void a_domain_that_has_to_relay_does(void **state) {
  static const struct object v[] = {
      RELAY("local.example", ALONE),
      CONNECTOR("Out", "To the mainframe",
                "{\"ConnectorType\": \"OnPremises\", \"ConnectorSource\": \"AdminUI\", \"Enabled\": true,"
                " \"RecipientDomains\": [\"local.example\"]}")};
  (void)state;
  end_facts(begin_facts(v, 2, NULL, true));
  struct uh_plan *plan = make(&uh_step_accepted_domain_type);
  assert_int_equal(uh_plan_count(plan), 0);
  assert_int_equal(find_object(plan, OBJECT)->owner, UH_OWNER_TENANT);
  assert_non_null(strstr(find_object(plan, OBJECT)->reason, "To the mainframe"));
  uh_plan_free(plan);
}

struct recipient {
  const char *dn, *class, *UH_NULLABLE addresses, *target;
  int64_t type;
};

static void put_recipients(struct uh_facts *facts, const struct recipient *v, size_t n) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_rows *rows = NULL;
  assert_int_equal(uh_rows_open(facts, UH_T_directory_recipient, &rows, &err), 0);
  for (size_t i = 0; i < n; i++) {
    uint8_t guid[UH_GUID_SIZE] = {(uint8_t)(i + 1), (uint8_t)(i >> 8)};
    uh_rows_begin(rows);
    uh_rows_str(rows, UH_COL(directory_recipient, domain), "DC=contoso");
    uh_rows_str(rows, UH_COL(directory_recipient, via), "dc");
    uh_rows_blob(rows, UH_COL(directory_recipient, guid), guid, sizeof guid);
    uh_rows_str(rows, UH_COL(directory_recipient, dn), v[i].dn);
    uh_rows_str(rows, UH_COL(directory_recipient, class), v[i].class);
    uh_rows_int(rows, UH_COL(directory_recipient, recipient_type_details), v[i].type);
    if (v[i].addresses) uh_rows_str(rows, UH_COL(directory_recipient, addresses), v[i].addresses);
    uh_rows_str(rows, UH_COL(directory_recipient, target_address), v[i].target);
    assert_int_equal(uh_rows_end(rows, &err), 0);
  }
  assert_int_equal(uh_rows_close(rows, &err), 0);
}

static void put_cloud(struct uh_facts *facts, const char *listing, const char *addresses) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_rows *rows = NULL;
  assert_int_equal(uh_rows_open(facts, UH_T_exchange_recipient, &rows, &err), 0);
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(exchange_recipient, side), "cloud");
  uh_rows_str(rows, UH_COL(exchange_recipient, source), "exchange-online");
  uh_rows_str(rows, UH_COL(exchange_recipient, kind), "Mailbox");
  uh_rows_str(rows, UH_COL(exchange_recipient, listing), listing);
  uh_rows_str(rows, UH_COL(exchange_recipient, addresses), addresses);
  assert_int_equal(uh_rows_end(rows, &err), 0);
  assert_int_equal(uh_rows_close(rows, &err), 0);
}

/* What the step says of these recipients; NULL: it goes on. */
static void recipients_give(const struct recipient *v, size_t n, const char *UH_NULLABLE blocked) {
  static const struct object domain[] = {RELAY("local.example", ALONE)};
  struct uh_facts *facts = begin_facts(domain, 1, NULL, true);
  put_recipients(facts, v, n);
  put_cloud(facts, "", "[\"SMTP:ada@contoso.com\", \"smtp:ADA@local.example\"]");
  put_cloud(facts, "SoftDeletedMailbox", "[\"SMTP:gone@local.example\"]");
  end_facts(facts);
  struct uh_plan *plan = make(&uh_step_accepted_domain_type);
  const struct uh_plan_step *s = tested(plan);
  assert_int_equal(uh_plan_count(plan), blocked ? 0 : 1);
  if (blocked && (s->state != UH_STEP_BLOCKED || !strstr(s->why, blocked))) fail_msg("%d: %s", (int)s->state, s->why);
  uh_plan_free(plan);
}

static void every_address_of_a_relayed_domain_has_to_be_there(void **state) {
  static const struct recipient known = {"CN=Ada", "user", "[\"SMTP:ada@contoso.com\", \"smtp:ada@LOCAL.example\"]", "",
                                         2147483648};
  static const struct recipient missing[] = {
      {"CN=B", "user", "[\"SMTP:b@contoso.com\", \"smtp:second@local.example\"]", "", 2147483648},
      {"CN=C", "contact", "[\"SMTP:c@contoso.com\"]", "SMTP:third@local.example", 64},
      {"CN=D", "msExchDynamicDistributionList", "[\"SMTP:dynamic@local.example\"]", "", 0},
      {"CN=E", "publicFolder", "[\"SMTP:folder@local.example\"]", "", 0},
      {"CN=F", "group", "[\"SMTP:gone@local.example\"]", "", 256}};
  static const char *const says[] = {"second@local.example", "third@local.example", "dynamic@local.example",
                                     "folder@local.example", "gone@local.example"};
  (void)state;
  recipients_give(&known, 1, NULL);
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) recipients_give(&missing[i], 1, says[i]);
  /* Exchange's own, and one that another domain only resembles, are none. */
  recipients_give(&(struct recipient){"CN=HealthMailbox1", "user", "[\"SMTP:h@local.example\"]", "", 0}, 1, NULL);
  recipients_give(&(struct recipient){"CN=G", "user", "[\"SMTP:g@local.example.net\", \"X500:/o=x@local.example\"]", "",
                                      2147483648},
                  1, NULL);
  recipients_give(&(struct recipient){"CN=H", "user", NULL, "", 2147483648}, 1, "were not obtained");
}

static void the_first_twenty_are_named_and_all_are_counted(void **state) {
  struct recipient v[30];
  char addresses[30][64];
  (void)state;
  for (size_t i = 0; i < 30; i++) {
    (void)snprintf(addresses[i], sizeof addresses[i], "[\"SMTP:m%02zu@local.example\"]", i);
    v[i] = (struct recipient){"CN=M", "user", addresses[i], "", 2147483648};
  }
  recipients_give(v, 30, "30 addresses");
  recipients_give(v, 30, "m19@local.example, ..");
}

/* ---- truth ---- */

struct lacking {
  const struct uh_step *step;
  size_t looked;
};
static void lacks(void *user, const char *set) {
  struct lacking *l = user;
  char need[200], all[4000];
  (void)snprintf(need, sizeof need, ",%s,", set);
  (void)snprintf(all, sizeof all, ",%s,", l->step->needs);
  if (!strstr(all, need)) return;
  end_facts(begin_facts(NULL, 0, set, l->step->phase != UH_PHASE_AFTER_UNINSTALL));
  struct uh_plan *plan = make(l->step);
  if (tested(plan)->state != UH_STEP_UNKNOWN || uh_plan_count(plan) != 0)
    fail_msg("%s acts although %s is partial", l->step->id, set);
  uh_plan_free(plan);
  l->looked++;
}

static void nothing_is_done_while_a_needed_set_is_not_complete(void **state) {
  (void)state;
  for (size_t i = 0; i < STEPS; i++) {
    struct lacking l = {all_steps[i], 0};
    each_need(&all_steps[i], 1, lacks, &l);
    assert_true(l.looked > 0);
  }
}

static int set_up(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}
static int tear_down(void **state) {
  (void)state;
  unlink(facts_path);
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(intra_organization_connectors),
                                     cmocka_unit_test(organization_relationships),
                                     cmocka_unit_test(connectors_on_premises),
                                     cmocka_unit_test(connectors_in_the_cloud),
                                     cmocka_unit_test(a_connector_that_a_rule_sends_through_stays),
                                     cmocka_unit_test(the_rest),
                                     cmocka_unit_test(the_organization_goes_last_and_by_its_guid),
                                     cmocka_unit_test(the_hybrid_configuration_goes_without_a_name),
                                     cmocka_unit_test(the_flags),
                                     cmocka_unit_test(what_is_switched_off_is_watched_and_then_removed),
                                     cmocka_unit_test(relayed_domains),
                                     cmocka_unit_test(a_domain_that_has_to_relay_does),
                                     cmocka_unit_test(every_address_of_a_relayed_domain_has_to_be_there),
                                     cmocka_unit_test(the_first_twenty_are_named_and_all_are_counted),
                                     cmocka_unit_test(nothing_is_done_while_a_needed_set_is_not_complete)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
