/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan that is none: the accessors of plan.h over a table, so that renderings can be shown whatever a plan may hold,
 * also what no discovery would make. Names are as hostile as a directory allows. For one program each.
 */
#include <string.h>

#include <unhybrid/text.h>

#include "report/plan_report.h"

#define RLO "\xE2\x80\xAE"
#define HOSTILE "\"}]; x -> y <script>alert(1)</script> & \\N \\l \x1b]0;pwned\x07 " RLO "txt.exe '\n\xFF"

struct uh_plan {
  size_t n, steps;
  const struct uh_planned *v;
  const struct uh_plan_step *step;
};

#define GUID_A "11111111-aaaa-4444-8888-000000000001"
#define GUID_B "22222222-bbbb-4444-8888-000000000002"
#define GUID_C "33333333-cccc-4444-8888-000000000003"

static const struct uh_follows after_flags[] = {{"flags",
                                                 "what is switched off first shows in time who still needs it"},
                                                {0}},
                               after_connectors[] = {
                                   {"connectors", "a certificate that a connector names \"cannot\" be removed"},
                                   {"flags", "so says the guide & we agree"},
                                   {0}};
static const struct uh_step example_steps[] = {
    {.id = "flags", .title = "Switch off first", .requirement = "C-00", .checks = "mailbox.location,relay.connector"},
    {.id = "connectors", .title = "Remove the connectors", .requirement = "C-03", .follows = after_flags},
    {.id = "federation", .title = "Remove the federation trust", .requirement = "C-07", .follows = after_flags},
    {.id = "certificates", .title = "Remove certificates", .requirement = "C-08", .follows = after_connectors},
    {.id = "agent", .title = "Unregister the agent", .requirement = "C-10"},
    {.id = "endpoints",
     .title = "Remove the migration endpoints",
     .requirement = "C-11",
     .phase = UH_PHASE_AFTER_UNINSTALL}};

static const struct uh_argument thumbprint[] = {{.name = "Thumbprint", .type = UH_VALUE_TEXT, .text = "0A1B" RLO},
                                                {.name = "Server", .type = UH_VALUE_TEXT, .text = "EX01"},
                                                {0}};
static const struct uh_expect gone[] = {{.what = UH_EXPECT_ABSENT}, {0}};

static const struct uh_planned example_actions[] = {
    {.id = "flags/disable/" GUID_A,
     .number = 1,
     .step = "flags",
     .requirement = "C-00",
     .step_title = "Switch off first",
     .action = {.subject = {"on-premises", "SendConnector", GUID_A, "Outbound to Office 365", NULL},
                .verb = UH_VERB_DISABLE,
                .executor = UH_BY_EXCHANGE_SERVER,
                .reversible = UH_REVERSIBLE,
                .expect = gone,
                .why = "It is the way into the tenant.",
                .effect = "Mail to the tenant is not sent.",
                .observe = true},
     .owner = UH_OWNER_HYBRID,
     .owner_reason = "TlsDomain is mail.protection.outlook.com"},
    {.id = "connectors/remove/" GUID_A,
     .number = 2,
     .step = "connectors",
     .requirement = "C-03",
     .action = {.subject = {"on-premises", "SendConnector", GUID_A, "Outbound to Office 365", NULL},
                .verb = UH_VERB_REMOVE,
                .executor = UH_BY_EXCHANGE_SERVER,
                .reversible = UH_REVERSIBLE_NEW,
                .expect = gone,
                .why = "It was switched off and nobody missed it.",
                .effect = "Mail to the tenant is not sent."},
     .owner = UH_OWNER_HYBRID,
     .owner_reason = "TlsDomain is mail.protection.outlook.com"},
    {.id = "connectors/reduce/" GUID_B,
     .number = 3,
     .step = "connectors",
     .requirement = "C-03",
     .action = {.subject = {"on-premises", "SendConnector", GUID_B, HOSTILE, NULL},
                .verb = UH_VERB_REDUCE,
                .executor = UH_BY_EXCHANGE_SERVER,
                .reversible = UH_REVERSIBLE,
                .expect = gone,
                .why = "It also carries " HOSTILE,
                .effect = "Less is sent over it."},
     .owner = UH_OWNER_SHARED,
     .owner_reason = "another address space: " HOSTILE},
    {.id = "certificates/remove/thumbprint-0a1b",
     .number = 4,
     .step = "certificates",
     .requirement = "C-08",
     .action = {.subject = {"on-premises", "ExchangeCertificate", "", "CN=Federation", thumbprint},
                .verb = UH_VERB_REMOVE,
                .executor = UH_BY_OPERATOR,
                .reversible = UH_IRREVERSIBLE,
                .expect = gone,
                .commands = "Remove-ExchangeCertificate -Thumbprint 0A1B\n# second line " RLO "\n",
                .where = "in Exchange Management Shell on EX01",
                .why = "The trust is gone.",
                .effect = "Nothing.",
                .undo = "the private key is nowhere else",
                .approval = "Is the certificate " HOSTILE " used by nobody else?"},
     .owner = UH_OWNER_HYBRID,
     .owner_reason = "it is the federation certificate"}};

static const struct uh_plan_object example_objects[] = {
    {"on-premises", "SendConnector", GUID_A, "Outbound to Office 365", "TlsDomain", UH_OWNER_HYBRID},
    {"on-premises", "SendConnector", GUID_B, HOSTILE, "two address spaces", UH_OWNER_SHARED},
    {"on-premises", "SendConnector", GUID_C, "To the partner", "its address space is " HOSTILE, UH_OWNER_PARTNER}};
static const char *const example_notes[] = {"a note about " HOSTILE};

static const struct uh_plan_step example_plan_steps[] = {
    {.step = &example_steps[0], .state = UH_STEP_ACTIONS, .why = "", .first = 0, .n = 1},
    {.step = &example_steps[1],
     .state = UH_STEP_ACTIONS,
     .why = "",
     .first = 1,
     .n = 2,
     .objects = 3,
     .v = example_objects,
     .n_notes = 1,
     .notes = example_notes},
    {.step = &example_steps[2],
     .state = UH_STEP_NOTHING,
     .why = "",
     .first = 3,
     .objects = 2,
     .v = example_objects + 1},
    {.step = &example_steps[3], .state = UH_STEP_ACTIONS, .why = "", .first = 3, .n = 1},
    {.step = &example_steps[4],
     .state = UH_STEP_BLOCKED,
     .why = "the agent " HOSTILE " still carries mailbox moves",
     .first = 4},
    {.step = &example_steps[5], .state = UH_STEP_SKIPPED, .why = "servers are left", .first = 4}};

static struct uh_plan example = {.n = 4, .v = example_actions, .steps = 6, .step = example_plan_steps};

const char *uh_plan_id(const struct uh_plan *plan) {
  (void)plan;
  return "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
}
const char *uh_plan_organization(const struct uh_plan *plan) {
  (void)plan;
  return "northwind " HOSTILE;
}
const char *uh_plan_tenant(const struct uh_plan *plan) {
  (void)plan;
  return "11111111-2222-3333-4444-555555555555";
}
size_t uh_plan_count(const struct uh_plan *plan) {
  return plan->n;
}
const struct uh_planned *uh_plan_at(const struct uh_plan *plan, size_t i) {
  return &plan->v[i];
}
size_t uh_plan_step_count(const struct uh_plan *plan) {
  return plan->steps;
}
const struct uh_plan_step *uh_plan_step_at(const struct uh_plan *plan, size_t i) {
  return &plan->step[i];
}
int uh_planned_commands(const struct uh_planned *action, struct uh_str *out, struct uh_err *err) {
  (void)err;
  uh_str_add(out, action->action.commands ? action->action.commands : "Remove-SendConnector -Identity 1 # " HOSTILE);
  return 0;
}
int uh_plan_json(const struct uh_plan *plan, struct uh_str *out, struct uh_err *err) {
  (void)plan, (void)err;
  uh_str_add(out, "{\"schema\": \"unhybrid/plan/1\", \"organization\": ");
  uh_json_string(out, HOSTILE, sizeof HOSTILE - 1);
  uh_str_add(out, ", \"name\": \"" RLO "\"}");
  return 0;
}
