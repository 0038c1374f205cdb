/* SPDX-License-Identifier: Apache-2.0 */
/* Everything of the hybrid deployment that can be switched off is switched off, and watched, before it is removed. */
#include <stdio.h>
#include <string.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

/* What does not work any more, by kind. */
static const char *effect_of(const char *kind) {
  static const struct {
    const char *kind, *effect;
  } effects[] = {
      {"IntraOrganizationConnector", "Free/busy and MailTips are not asked of the other side with OAuth any more."},
      {"OrganizationRelationship", "Free/busy and MailTips are not shared with the other side any more."},
      {"SendConnector", "The server does not send to the tenant by this connector any more."},
      {"InboundConnector", "Exchange Online does not trust mail from the server any more, and relays nothing for it."},
      {"OutboundConnector", "Exchange Online does not send to the server by this connector any more."}};
  for (size_t i = 0; i < sizeof effects / sizeof *effects; i++)
    if (strcmp(effects[i].kind, kind) == 0) return effects[i].effect;
  return "";
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { ENABLED = UH_ROW_OWN };
  char cmdlet[64];
  int64_t enabled;
  /* What others use too stays on; the step that removes takes out what is the hybrid deployment's. */
  if (row->owner != UH_OWNER_HYBRID) return 0;
  if (uh_query_int(row->query, ENABLED, &enabled) && !enabled) return 0;
  uh_print(cmdlet, sizeof cmdlet, "Set-%s", row->subject.kind);
  const struct uh_argument arguments[] = {{.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false}, {0}};
  const struct uh_change changes[] = {{.cmdlet = cmdlet, .arguments = arguments}, {0}};
  const struct uh_expect expect[] = {{.what = UH_EXPECT_VALUE, .value = arguments[0]}, {0}};
  const struct uh_action action = {.subject = row->subject,
                                   .verb = UH_VERB_DISABLE,
                                   .executor = UH_BY_SIDE(row->subject.side),
                                   .reversible = UH_REVERSIBLE,
                                   .changes = changes,
                                   .expect = expect,
                                   .why = row->reason,
                                   .effect = effect_of(row->subject.kind),
                                   .observe = true};
  return uh_step_action(run, &action, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  static const char *const statements[] = {UH_SQL_STEP_INTRA, UH_SQL_STEP_RELATIONSHIP, UH_SQL_STEP_SEND,
                                           UH_SQL_STEP_CONNECTOR};
  for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
    if (uh_step_each(run, statements[i], act, err) < 0) return -1;
  return 0;
}

UH_STEP(soft_disable) = {
    .id = "soft-disable",
    .title = "Switch the hybrid connectors and relationships off, and watch",
    .requirement = "C-00",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows =
        (const struct uh_follows[]){
            {"centralized-mail", "a connector that everything leaves through cannot be switched off first"},
            {"accepted-domain-type", "mail for unknown recipients of a relayed domain would wait for a connector"},
            {"public-folders-remote", "public folders are reached over what is switched off here"},
            {0}},
    .needs = UH_SQL_STEP_INTRA_NEEDS "," UH_SQL_STEP_RELATIONSHIP_NEEDS "," UH_SQL_STEP_SEND_NEEDS
                                     "," UH_SQL_STEP_CONNECTOR_NEEDS,
    .checks =
        "dns.mx,mailbox.on-premises,archive.on-premises,public-folder.on-premises,public-folder.remote,"
        "routing.accepted-domain,routing.outbound-connector,routing.recipient-domain,relay.receive-connector,"
        "relay.inbound-connector,relay.traffic,journal.target,sharing.partner,forest.organization,forest.object",
    .discover = discover,
    .effect = "Free/busy and mail between the two sides stop, and come back with one command.",
    .undo_limits = "Nothing: what was enabled is enabled again.",
    .reference = "https://learn.microsoft.com/exchange/decommission-on-premises-exchange",
    .explain =
        "Intra-organization connectors and organization relationships of both sides, the send connectors to the "
        "tenant, and the inbound and outbound connectors in Exchange Online, as the steps that remove them tell them "
        "apart: `unhybrid steps explain` with their ids says how. What is used by others too stays on. What is off "
        "already stays off.\n"
        "Then the cleanup pauses (pauses.observe): whoever still needs one of them speaks up while it is there to be "
        "switched on again. Microsoft describes that for intra-organization connectors; for the others it is an "
        "inference from their having the same switch. The steps that remove act on the same objects, and expect them "
        "as this one left them."};
