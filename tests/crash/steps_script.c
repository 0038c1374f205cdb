/* SPDX-License-Identifier: Apache-2.0 */
#include "steps_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "case/facts.h"

static const struct {
  const char *side, *kind, *guid, *name, *json;
} objects[] = {
    {"on-premises", "SendConnector", GUID_SEND, "Outbound to Office 365",
     "{\"Name\":\"Outbound to Office 365\",\"Enabled\":true,\"AddressSpaces\":[\"smtp:x.mail.onmicrosoft.com;1\"],"
     "\"Fqdn\":\"mail.contoso.com\",\"WhenChanged\":\"2026-11-01T00:00:00Z\"}"},
    {"on-premises", "OrganizationRelationship", GUID_RELATIONSHIP, "Partners",
     "{\"Name\":\"Partners\",\"DomainNames\":[\"partner.com\",\"x.mail.onmicrosoft.com\"],\"Enabled\":true}"},
    {"on-premises", "RemoteDomain", GUID_DOMAIN, "Hybrid Domain",
     "{\"Name\":\"Hybrid Domain\",\"TargetDeliveryDomain\":true,\"TrustedMailInboundEnabled\":true,"
     "\"DomainName\":\"x.mail.onmicrosoft.com\"}"},
    {"cloud", "InboundConnector", GUID_INBOUND, "Inbound from contoso",
     "{\"Name\":\"Inbound from contoso\",\"Enabled\":true,\"ConnectorSource\":\"HybridWizard\",\"ConnectorType\":\"OnPremises\",\"SenderDomains\":[\"smtp:*;1\"],"
     "\"TlsSenderCertificateName\":\"mail.contoso.com\"}"},
    {"on-premises", "SettingOverride", GUID_OVERRIDE, "Hybrid application",
     "{\"Name\":\"Hybrid application\",\"SectionName\":\"ExchangeOnpremAsThirdPartyAppId\"}"},
    {"cloud", "GraphApplication", GUID_APPLICATION, "ExchangeServerApp",
     "{\"displayName\":\"ExchangeServerApp\",\"appId\":\"33333333-0000-4000-8000-000000000001\"}"},
    {"cloud", "IntraOrganizationConnector", GUID_CONNECTOR, "HybridIOC",
     "{\"Name\":\"HybridIOC\",\"Enabled\":true,\"TargetAddressDomains\":[\"contoso.com\"]}"},
    {"cloud", "OrganizationRelationship", GUID_APPROVED, "Whose is it",
     "{\"Name\":\"Whose is it\",\"DomainNames\":[\"contoso.com\"],\"Enabled\":true,\"ArchiveAccessEnabled\":true}"},
};
enum { OBJECTS = sizeof objects / sizeof *objects };

#define SERVICES "CN=Services,CN=Configuration,DC=contoso,DC=com"
#define ORGANIZATION "CN=Contoso,CN=Microsoft Exchange," SERVICES
#define CONNECTIONS "CN=Connections,CN=Routing Group," ORGANIZATION
#define LINKS "otherWellKnownObjects"
#define LINK_GONE "B:32:1A9E39D35ABE5747B979FFC0C6E5EA26:CN=Deleted Group,CN=Deleted Objects,DC=contoso,DC=com"
#define LINK_KEPT "B:32:8DBC06C41AE9D34FAA6D0A98FD7F5E34:CN=Somebody,DC=contoso,DC=com"
#define DESCRIPTOR "\"nTSecurityDescriptor\":[\"O:BAD:(A;;GA;;;BA)\"]"
/* Those above come before those below. Of some the directory keeps nothing once they are deleted, and what they name
 * comes back after them. */
static const struct {
  const char *guid, *dn, *class, *json;
  bool expunged;
} entries[] = {
    {GUID_TREE, CONNECTIONS, "msExchConnectors",
     "{\"cn\":[\"Connections\"],\"objectClass\":[\"top\",\"msExchConnectors\"],\"description\":[\"all of them\"],"
     "\"seeAlso\":[\"CN=Inner," CONNECTIONS "\"]," DESCRIPTOR "}",
     false},
    {GUID_TREE_INNER, "CN=Inner," CONNECTIONS, "msExchContainer",
     "{\"cn\":[\"Inner\"],\"objectClass\":[\"top\",\"msExchContainer\"],\"description\":[\"within\"]," DESCRIPTOR "}",
     false},
    {GUID_TREE_LEAF, "CN=Hybrid," CONNECTIONS, "msExchRoutingSMTPConnector",
     "{\"cn\":[\"Hybrid\"],\"objectClass\":[\"top\",\"msExchRoutingSMTPConnector\"],"
     "\"msExchSmtpSmartHost\":[\"x.mail.protection.outlook.com\"],\"msExchHomeRoutingGroup\":[\"CN=Deep,CN=Inner," CONNECTIONS
     "\"],\"homeMTA\":[\"CN=Deep,CN=Inner," CONNECTIONS "\"]," DESCRIPTOR "}",
     true},
    {GUID_TREE_DEEP, "CN=Deep,CN=Inner," CONNECTIONS, "msExchRoutingSMTPConnector",
     "{\"cn\":[\"Deep\"],\"objectClass\":[\"top\",\"msExchRoutingSMTPConnector\"],\"routingList\":[\"SMTP:*;1\"]," DESCRIPTOR
     "}",
     false},
    {GUID_POINT, "CN=EX01,CN=Autodiscover,CN=Protocols,CN=EX01,CN=Servers," ORGANIZATION, "serviceConnectionPoint",
     "{\"cn\":[\"EX01\"],\"objectClass\":[\"top\",\"serviceConnectionPoint\"],"
     "\"serviceBindingInformation\":[\"https://ex01.contoso.com/autodiscover/autodiscover.xml\"]," DESCRIPTOR "}",
     true},
    {GUID_LINKS, "CN=Microsoft Exchange," SERVICES, "msExchConfigurationContainer",
     "{\"cn\":[\"Microsoft Exchange\"],\"objectClass\":[\"top\",\"msExchConfigurationContainer\"],"
     "\"" LINKS "\":[\"" LINK_GONE "\",\"" LINK_KEPT "\"]}",
     false},
};
enum { TREE = 0, BELOW = 3, POINT = 1 + BELOW, LINKED, ENTRIES = sizeof entries / sizeof *entries };

bool steps_entries;

void steps_objects(struct world_script *s) {
  for (int i = 0; i < OBJECTS; i++)
    world_add(s, objects[i].side, objects[i].kind, objects[i].guid, objects[i].name, objects[i].json);
  for (int i = 0; steps_entries && i < ENTRIES; i++)
    world_entry(s, entries[i].guid, entries[i].dn, entries[i].class, entries[i].json)->expunged = entries[i].expunged;
}

/* ---- steps ---- */

static int act(struct uh_step_run *run, int object, enum uh_owner owner, struct uh_action action, struct uh_err *err) {
  action.subject = (struct uh_subject){.side = objects[object].side,
                                       .kind = objects[object].kind,
                                       .guid = objects[object].guid,
                                       .name = objects[object].name};
  action.why = "it belongs to the script";
  action.effect = "nothing that anybody would miss";
  return uh_step_owner(run, &action.subject, owner, err, "the script says so") < 0 ? -1
                                                                                   : uh_step_action(run, &action, err);
}

static const struct uh_argument disabled[] = {{.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false}, {0}};
static const struct uh_expect is_disabled[] = {
    {UH_EXPECT_VALUE, {.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false}, NULL}, {0}};
static const struct uh_expect is_absent[] = {{UH_EXPECT_ABSENT, {0}, NULL}, {0}};

static int disable(struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_change changes[] = {{"Set-SendConnector", NULL, "Outbound to Office 365", disabled}, {0}};
  return act(run, 0, UH_OWNER_HYBRID,
             (struct uh_action){.verb = UH_VERB_DISABLE,
                                .executor = UH_BY_EXCHANGE_SERVER,
                                .reversible = UH_REVERSIBLE,
                                .changes = changes,
                                .expect = is_disabled,
                                .observe = true},
             err);
}

static int reduce(struct uh_step_run *run, struct uh_err *err) {
  static const char *const left[] = {"partner.com"};
  static const struct uh_argument arguments[] = {{.name = "DomainNames", .type = UH_VALUE_TEXTS, .texts = {left, 1}},
                                                 {0}};
  static const struct uh_change changes[] = {{"Set-OrganizationRelationship", NULL, "Partners", arguments}, {0}};
  static const struct uh_expect expect[] = {
      {UH_EXPECT_LACKS, {.name = "DomainNames", .type = UH_VALUE_TEXT, .text = "x.mail.onmicrosoft.com"}, NULL}, {0}};
  return act(run, 1, UH_OWNER_SHARED,
             (struct uh_action){.verb = UH_VERB_REDUCE,
                                .executor = UH_BY_EXCHANGE_SERVER,
                                .reversible = UH_REVERSIBLE,
                                .changes = changes,
                                .expect = expect},
             err);
}

static int set(struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_argument first[] = {{.name = "TargetDeliveryDomain", .type = UH_VALUE_BOOL, .yes = false},
                                             {0}};
  static const struct uh_argument second[] = {
      {.name = "TrustedMailInboundEnabled", .type = UH_VALUE_BOOL, .yes = false}, {0}};
  static const struct uh_change changes[] = {
      {"Set-RemoteDomain", NULL, "Hybrid Domain", first}, {"Set-RemoteDomain", NULL, "Hybrid Domain", second}, {0}};
  static const struct uh_expect expect[] = {
      {UH_EXPECT_VALUE, {.name = "TargetDeliveryDomain", .type = UH_VALUE_BOOL, .yes = false}, NULL},
      {UH_EXPECT_VALUE, {.name = "TrustedMailInboundEnabled", .type = UH_VALUE_BOOL, .yes = false}, NULL},
      {0}};
  return act(run, 2, UH_OWNER_HYBRID,
             (struct uh_action){.verb = UH_VERB_SET,
                                .executor = UH_BY_EXCHANGE_SERVER,
                                .reversible = UH_REVERSIBLE,
                                .changes = changes,
                                .expect = expect},
             err);
}

/* What was disabled goes; and one that is disabled and removed by one action. */
static int delete (struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_change send[] = {{"Remove-SendConnector", NULL, "Outbound to Office 365", NULL}, {0}};
  static const struct uh_change inbound[] = {{"Set-InboundConnector", NULL, "Inbound from contoso", disabled},
                                             {"Remove-InboundConnector", NULL, "Inbound from contoso", NULL},
                                             {0}};
  struct uh_action action = {.verb = UH_VERB_REMOVE,
                             .executor = UH_BY_EXCHANGE_SERVER,
                             .reversible = UH_REVERSIBLE_NEW,
                             .changes = send,
                             .expect = is_absent};
  if (act(run, 0, UH_OWNER_HYBRID, action, err) < 0) return -1;
  action.executor = UH_BY_EXCHANGE_ONLINE;
  action.changes = inbound;
  return act(run, 3, UH_OWNER_HYBRID, action, err);
}

static int undo_delete(struct uh_undo *undo, struct uh_err *err) {
  static const struct uh_undo_parameter send[] = {{"Name", NULL, UH_VALUE_TEXT, false},
                                                  {"AddressSpaces", NULL, UH_VALUE_TEXTS, false},
                                                  {"Fqdn", NULL, UH_VALUE_TEXT, false},
                                                  {"Enabled", NULL, UH_VALUE_BOOL, true},
                                                  {0}};
  static const struct uh_undo_parameter inbound[] = {{"Name", NULL, UH_VALUE_TEXT, false},
                                                     {"SenderDomains", NULL, UH_VALUE_TEXTS, false},
                                                     {"TlsSenderCertificateName", NULL, UH_VALUE_TEXT, false},
                                                     {"ConnectorSource", NULL, UH_VALUE_TEXT, false},
                                                     {"ConnectorType", NULL, UH_VALUE_TEXT, false},
                                                     {"Enabled", NULL, UH_VALUE_BOOL, true},
                                                     {0}};
  if (strcmp(uh_undo_subject(undo)->kind, "SendConnector") == 0)
    return uh_undo_create(undo, "New-SendConnector", "Set-SendConnector", send, NULL, err);
  return uh_undo_create(undo, "New-InboundConnector", "Set-InboundConnector", inbound, NULL, err);
}

static int person(struct uh_step_run *run, struct uh_err *err) {
  return act(run, 4, UH_OWNER_HYBRID,
             (struct uh_action){.verb = UH_VERB_REMOVE,
                                .executor = UH_BY_OPERATOR,
                                .reversible = UH_REVERSIBLE_BY_OPERATOR,
                                .commands = "Remove-SettingOverride 'Hybrid application'",
                                .where = "in Exchange Management Shell",
                                .undo = "New-SettingOverride, with the values of the before-image",
                                .expect = is_absent},
             err);
}

static int graph(struct uh_step_run *run, struct uh_err *err) {
  uint8_t id[UH_GUID_SIZE];
  if (!uh_guid_parse(GUID_APPLICATION, id)) return -1;
  const struct uh_graph_change change = {
      .action = UH_GRAPH_DELETE, .kind = UH_GRAPH_APPLICATION, .id = id, .name = "ExchangeServerApp"};
  return act(run, 5, UH_OWNER_HYBRID,
             (struct uh_action){.verb = UH_VERB_REMOVE,
                                .executor = UH_BY_GRAPH,
                                .reversible = UH_REVERSIBLE,
                                .graph = &change,
                                .expect = is_absent},
             err);
}

/* One that may be somebody else's. approval NULL: nobody is asked. */
static int remove_whole(struct uh_step_run *run, const char *approval, struct uh_err *err) {
  static const struct uh_change changes[] = {{"Remove-OrganizationRelationship", NULL, "Whose is it", NULL}, {0}};
  return act(run, 7, UH_OWNER_HYBRID,
             (struct uh_action){.verb = UH_VERB_REMOVE,
                                .executor = UH_BY_EXCHANGE_ONLINE,
                                .reversible = UH_REVERSIBLE_NEW,
                                .changes = changes,
                                .expect = is_absent,
                                .approval = approval},
             err);
}

static int approve(struct uh_step_run *run, struct uh_err *err) {
  return remove_whole(run, "Is it yours?", err);
}

static int irreversible(struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_change changes[] = {{"Remove-IntraOrganizationConnector", NULL, "HybridIOC", NULL}, {0}};
  return act(run, 6, UH_OWNER_HYBRID,
             (struct uh_action){.verb = UH_VERB_REMOVE,
                                .executor = UH_BY_EXCHANGE_ONLINE,
                                .reversible = UH_IRREVERSIBLE,
                                .changes = changes,
                                .undo = "nothing can put it back",
                                .expect = is_absent},
             err);
}

/* Two parts of one object, each with a person's approval; and the object itself, without. */
static int parts(struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_argument closed[] = {{.name = "ArchiveAccessEnabled", .type = UH_VALUE_BOOL, .yes = false},
                                              {0}};
  static const struct uh_expect is_closed[] = {
      {UH_EXPECT_VALUE, {.name = "ArchiveAccessEnabled", .type = UH_VALUE_BOOL, .yes = false}, NULL}, {0}};
  static const struct uh_change off[] = {{"Set-OrganizationRelationship", NULL, "Whose is it", disabled}, {0}};
  static const struct uh_change less[] = {{"Set-OrganizationRelationship", NULL, "Whose is it", closed}, {0}};
  struct uh_action action = {.verb = UH_VERB_REDUCE,
                             .part = "enabled",
                             .executor = UH_BY_EXCHANGE_ONLINE,
                             .reversible = UH_REVERSIBLE,
                             .changes = off,
                             .expect = is_disabled,
                             .approval = "Is it yours?"};
  if (act(run, 7, UH_OWNER_HYBRID, action, err) < 0) return -1;
  action.part = "archive";
  action.changes = less;
  action.expect = is_closed;
  return act(run, 7, UH_OWNER_HYBRID, action, err);
}
static int whole(struct uh_step_run *run, struct uh_err *err) {
  return remove_whole(run, NULL, err);
}

/* What a person prepares, and what it is for. */
static int export(struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_change changes[] = {{"Remove-IntraOrganizationConnector", NULL, "HybridIOC", NULL}, {0}};
  struct uh_action action = {.verb = UH_VERB_DO,
                             .part = "export",
                             .executor = UH_BY_OPERATOR,
                             .reversible = UH_REVERSIBLE_BY_OPERATOR,
                             .commands = "Export-It",
                             .undo = "delete the file",
                             .expect = is_disabled};
  if (act(run, 6, UH_OWNER_HYBRID, action, err) < 0) return -1;
  return act(run, 6, UH_OWNER_HYBRID,
             (struct uh_action){.verb = UH_VERB_REMOVE,
                                .executor = UH_BY_EXCHANGE_ONLINE,
                                .reversible = UH_IRREVERSIBLE,
                                .changes = changes,
                                .undo = "nothing can put it back",
                                .expect = is_absent},
             err);
}

/* One with nothing to do stands between what wants approval, and what has to come behind it. */
static int between(struct uh_step_run *run, struct uh_err *err) {
  (void)run, (void)err;
  return 0;
}
static int behind(struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_change changes[] = {{"Remove-IntraOrganizationConnector", NULL, "HybridIOC", NULL}, {0}};
  return act(run, 6, UH_OWNER_HYBRID,
             (struct uh_action){.verb = UH_VERB_REMOVE,
                                .executor = UH_BY_EXCHANGE_ONLINE,
                                .reversible = UH_REVERSIBLE_NEW,
                                .changes = changes,
                                .expect = is_absent},
             err);
}

static int act_on_entry(struct uh_step_run *run, int entry, struct uh_directory_change change,
                        const struct uh_expect *expect, struct uh_err *err) {
  uint8_t guid[UH_GUID_SIZE];
  const struct uh_subject subject = {"on-premises", UH_DIRECTORY_ENTRY, entries[entry].guid, entries[entry].dn, NULL,
                                     NULL};
  if (!uh_guid_parse(entries[entry].guid, guid)) return -1;
  change.guid = guid;
  change.dn = entries[entry].dn;
  change.object_class = entries[entry].class;
  const struct uh_action action = {.subject = subject,
                                   .verb = change.action == UH_DIRECTORY_DELETE ? UH_VERB_REMOVE : UH_VERB_REDUCE,
                                   .executor = UH_BY_DIRECTORY,
                                   .reversible = UH_REVERSIBLE,
                                   .directory = &change,
                                   .expect = expect,
                                   .why = "it belongs to the script",
                                   .effect = "nothing that anybody would miss"};
  return uh_step_owner(run, &subject, UH_OWNER_HYBRID, err, "the script says so") < 0
             ? -1
             : uh_step_action(run, &action, err);
}

/* A tree, a single entry, and some values of one that stays. */
static int entry(struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_bytes gone = {LINK_GONE, sizeof LINK_GONE - 1};
  static const struct uh_directory_edit edit = {UH_DIRECTORY_TAKE_VALUES, LINKS, &gone, 1};
  static const struct uh_expect is_taken[] = {
      {UH_EXPECT_LACKS, {.name = LINKS, .type = UH_VALUE_TEXT, .text = LINK_GONE}, NULL}, {0}};
  uint8_t tree[BELOW][UH_GUID_SIZE];
  for (int i = 0; i < BELOW; i++)
    if (!uh_guid_parse(entries[TREE + 1 + i].guid, tree[i])) return -1;
  if (!steps_entries) return 0;
  const struct uh_directory_change one = {.action = UH_DIRECTORY_DELETE},
                                   all = {.action = UH_DIRECTORY_DELETE,
                                          .tree = (const uint8_t(*)[UH_GUID_SIZE])tree,
                                          .n_tree = BELOW},
                                   some = {.action = UH_DIRECTORY_MODIFY, .edits = &edit, .n_edits = 1};
  if (act_on_entry(run, POINT, one, is_absent, err) < 0 || act_on_entry(run, TREE, all, is_absent, err) < 0) return -1;
  return act_on_entry(run, LINKED, some, is_taken, err);
}

/* As many as the facts hold, for plans of any length. */
static int many(struct uh_step_run *run, struct uh_err *err) {
  static const struct uh_change changes[] = {{"Remove-RemoteDomain", NULL, NULL, NULL}, {0}};
  struct uh_query *q UH_CLEANUP(uh_query_freep) = NULL;
  int r;
  if (uh_step_query(run, "SELECT guid, name FROM configuration WHERE kind = 'RemoteDomain' AND name LIKE 'many %'", &q,
                    err) < 0)
    return -1;
  while ((r = uh_query_next(q, err)) > 0) {
    struct uh_action action = {.subject = {.side = "on-premises",
                                           .kind = "RemoteDomain",
                                           .guid = uh_query_text(q, 0),
                                           .name = uh_query_text(q, 1)},
                               .verb = UH_VERB_REMOVE,
                               .executor = UH_BY_EXCHANGE_SERVER,
                               .reversible = UH_REVERSIBLE_NEW,
                               .changes = changes,
                               .expect = is_absent,
                               .why = "it is one of many",
                               .effect = "nothing"};
    if (uh_step_owner(run, &action.subject, UH_OWNER_HYBRID, err, "the script says so") < 0 ||
        uh_step_action(run, &action, err) < 0)
      return -1;
  }
  return r;
}

static const struct uh_follows after_disable[] = {{"disable", "it is disabled first"}, {0}};
static const struct uh_follows after_parts[] = {{"parts", "all of them first", true}, {0}};
static const struct uh_follows after_between[] = {{"between", "it is behind", true}, {0}};
static const struct uh_follows after_all[] = {
    {"delete", "it is last"}, {"person", "it is last"}, {"graph", "it is last"}, {"entry", "it is last"}, {0}};

#define STEP(name, ...)                                                                                         \
  &(const struct uh_step) {                                                                                     \
    .id = #name, .title = "The step " #name, .requirement = "C-00", .needs = "", .checks = "script." #name,     \
    .discover = name, .effect = "none", .undo_limits = "", .reference = "", .explain = "A step of the script.", \
    __VA_ARGS__                                                                                                 \
  }
const struct uh_step *const script_steps[] = {
    STEP(disable, .mends = "script.flag"),
    STEP(reduce),
    STEP(set),
    STEP(delete, .follows = after_disable, .undo = undo_delete),
    STEP(person),
    STEP(graph),
    STEP(entry, .undo = uh_undo_by_engine),
    STEP(approve),
    STEP(irreversible, .follows = after_all),
    STEP(many),
    STEP(parts, .opt_in = true), /* these only where they are named: the crash runs have enough */
    STEP(whole, .opt_in = true),
    STEP(export, .opt_in = true),
    STEP(between, .opt_in = true, .follows = after_parts),
    STEP(behind, .opt_in = true, .follows = after_between),
    NULL,
};

/* ---- the registry ---- */

size_t uh_step_count(void) {
  return sizeof script_steps / sizeof *script_steps - 1;
}
const struct uh_step *uh_step_at(size_t i) {
  return i < uh_step_count() ? script_steps[i] : NULL;
}
const struct uh_step *uh_step_find(const char *id) {
  for (size_t i = 0; script_steps[i]; i++)
    if (strcmp(script_steps[i]->id, id) == 0) return script_steps[i];
  return NULL;
}
const char *uh_step_nearest(const char *id) {
  (void)id;
  return NULL;
}

/* ---- facts, and the plan ---- */

int steps_many;

static int write_entries(struct uh_facts *facts, struct uh_err *err) {
  struct uh_rows *rows = NULL;
  uint8_t guid[UH_GUID_SIZE];
  if (uh_rows_open(facts, UH_T_directory_entry, &rows, err) < 0) return -1;
  for (int i = 0; i < ENTRIES; i++) {
    if (!uh_guid_parse(entries[i].guid, guid)) return -1;
    uh_rows_begin(rows);
    uh_rows_str(rows, UH_COL_directory_entry_area, "configuration");
    uh_rows_str(rows, UH_COL_directory_entry_context, "CN=Configuration,DC=contoso,DC=com");
    uh_rows_blob(rows, UH_COL_directory_entry_guid, guid, sizeof guid);
    uh_rows_str(rows, UH_COL_directory_entry_dn, entries[i].dn);
    uh_rows_str(rows, UH_COL_directory_entry_class, entries[i].class);
    uh_rows_str(rows, UH_COL_directory_entry_json, entries[i].json);
    if (uh_rows_end(rows, err) < 0) return -1;
  }
  return uh_rows_close(rows, err);
}

static int write_objects(struct uh_facts *facts, struct uh_err *err) {
  struct uh_rows *rows = NULL;
  if (uh_rows_open(facts, UH_T_object, &rows, err) < 0) return -1;
  for (int i = 0; i < OBJECTS; i++) {
    bool cloud = strcmp(objects[i].side, "cloud") == 0;
    uh_rows_begin(rows);
    uh_rows_str(rows, UH_COL_object_source, cloud ? "exchange-online" : "exchange-server");
    uh_rows_str(rows, UH_COL_object_side, objects[i].side);
    uh_rows_str(rows, UH_COL_object_kind, objects[i].kind);
    uh_rows_str(rows, UH_COL_object_identity, objects[i].guid);
    uh_rows_str(rows, UH_COL_object_name, objects[i].name);
    uh_rows_str(rows, UH_COL_object_guid, objects[i].guid);
    uh_rows_str(rows, UH_COL_object_json, objects[i].json);
    if (uh_rows_end(rows, err) < 0) return -1;
  }
  for (int i = 0; i < steps_many; i++) {
    char guid[UH_GUID_TEXT], name[32], json[120];
    (void)snprintf(guid, sizeof guid, "44444444-0000-4000-8000-%012d", i);
    (void)snprintf(name, sizeof name, "many %d", i);
    (void)snprintf(json, sizeof json, "{\"Name\":\"many %d\",\"DomainName\":\"m%d.contoso.com\"}", i, i);
    uh_rows_begin(rows);
    uh_rows_str(rows, UH_COL_object_source, "exchange-server");
    uh_rows_str(rows, UH_COL_object_side, "on-premises");
    uh_rows_str(rows, UH_COL_object_kind, "RemoteDomain");
    uh_rows_str(rows, UH_COL_object_identity, guid);
    uh_rows_str(rows, UH_COL_object_name, name);
    uh_rows_str(rows, UH_COL_object_guid, guid);
    uh_rows_str(rows, UH_COL_object_json, json);
    if (uh_rows_end(rows, err) < 0) return -1;
  }
  return uh_rows_close(rows, err);
}

static int write_rows(struct uh_facts *facts, struct uh_err *err) {
  if (write_objects(facts, err) < 0 || (steps_entries && write_entries(facts, err) < 0)) return -1;
  return uh_facts_finish(facts, err);
}

static int write_facts(const char *path, struct uh_err *err) {
  struct uh_facts *facts = NULL;
  (void)unlink(path);
  if (uh_facts_create(path, &facts, err) < 0) return -1;
  int rc = write_rows(facts, err);
  uh_facts_free(facts);
  return rc;
}

static const char anchors[] =
    "{\"" UH_ANCHOR_ORGANIZATION "\":[\"" SCRIPT_ORGANIZATION "\"],\"" UH_ANCHOR_ROUTING_DOMAIN
    "\":[\"x.mail.onmicrosoft.com\"],\"" UH_ANCHOR_HYBRID_DOMAIN
    "\":[\"contoso.com\"],\"" UH_ANCHOR_DEDICATED_APPLICATION "\":[\"33333333-0000-4000-8000-000000000001\"]}";

struct uh_plan *steps_plan(const char *facts_path, const char *const *only) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_anchors *known = NULL;
  struct uh_plan *plan = NULL;
  char text[1200];
  if (write_facts(facts_path, &err) < 0 || uh_anchors_from_json(anchors, &known, &err) < 0) {
    fprintf(stderr, "facts: %s\n", uh_err_text(&err, text, sizeof text));
    exit(1);
  }
  struct uh_plan_options options = {.facts = facts_path,
                                    .known = known,
                                    .can = {true, true, true, true, true},
                                    .now = INT64_C(1800000000),
                                    .only = only,
                                    .steps = script_steps,
                                    .organization = "contoso"};
  int rc = uh_plan_make(&options, &plan, &err);
  uh_anchors_free(known);
  (void)unlink(facts_path);
  if (rc == 0) return plan;
  fprintf(stderr, "plan: %s\n", uh_err_text(&err, text, sizeof text));
  exit(1);
}
