/* SPDX-License-Identifier: Apache-2.0 */
/* The partner application by which Exchange Server lets Exchange Online in. */
#include <unhybrid/sql.h>
#include <unhybrid/step.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* Own column: enabled. */
static const char applications_sql[] =
    "WITH application AS ("
    "  SELECT side, kind, guid, name, lower(prop(json, 'ApplicationIdentifier')) AS id,"
    "    " UH_SQL_TRUE("Enabled") " AS enabled"
    "   FROM configuration"
    "   WHERE side = 'on-premises' AND kind = 'PartnerApplication'),"
    " judged AS ("
    "  SELECT *, id = '00000002-0000-0ff1-ce00-000000000000' AS exchange_online FROM application)"
    " SELECT side, kind, guid, name,"
    "  CASE WHEN exchange_online THEN iif(enabled IS NULL, NULL, 'shared') WHEN exchange_online = 0 THEN 'server' END AS owner,"
    "  CASE WHEN exchange_online AND enabled IS NULL THEN 'Enabled was not obtained'"
    "    WHEN exchange_online AND NOT enabled THEN 'it stands for Exchange Online, and is switched off'"
    "    WHEN exchange_online THEN 'it stands for Exchange Online; Setup makes it in every organisation, so it stays'"
    "    WHEN exchange_online = 0 THEN 'it stands for another product (' || id || ')'"
    "    ELSE 'ApplicationIdentifier was not obtained' END AS reason,"
    "  enabled"
    " FROM judged"
    " ORDER BY name, guid";
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { ENABLED = UH_ROW_OWN };
  static const struct uh_argument off[] = {{.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false}, {0}};
  static const struct uh_change changes[] = {{.cmdlet = "Set-PartnerApplication", .arguments = off}, {0}};
  static const struct uh_expect expect[] = {
      {.what = UH_EXPECT_VALUE, .value = {.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false}}, {0}};
  int64_t enabled = 0;
  if (!uh_query_int(row->query, ENABLED, &enabled) || !enabled) return 0;
  const struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_DISABLE,
      .executor = UH_BY_EXCHANGE_SERVER,
      .reversible = UH_REVERSIBLE,
      .changes = changes,
      .expect = expect,
      .why = row->reason,
      .effect = "Exchange Online can no longer call this organisation's servers with OAuth."};
  return uh_step_action(run, &action, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, applications_sql, act, err);
}

UH_STEP(partner_application) = {
    .id = "partner-application",
    .title = "Switch off the partner application that stands for Exchange Online",
    .requirement = "C-09",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"intra-organization-connector",
                                            "the cloud's connector asks the servers through it until it is gone"},
                                           {0}},
    .needs = "on-premises:PartnerApplication",
    .checks = "mailbox.on-premises",
    .discover = discover,
    .effect = "Exchange Online can no longer call this organisation's servers with OAuth.",
    .undo_limits = "None: it is switched on again.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/set-partnerapplication",
    .explain =
        "Setup makes a partner application with Exchange Online's application id (00000002-0000-0ff1-ce00-..) in "
        "every organisation, and the manual OAuth procedure only switches it on: so it is switched off, never "
        "removed. That is not needed before the uninstall (an inference). Partner applications of SharePoint, "
        "Skype and others stay; those in Exchange Online are of other workloads, and never looked at."};
