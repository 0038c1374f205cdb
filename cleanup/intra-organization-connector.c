/* SPDX-License-Identifier: Apache-2.0 */
/* Intra-organization connectors, by which each side asks the other for free/busy with OAuth. */
#include <string.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

static int remove_it(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  const struct uh_action words = {
      .effect = "This side no longer asks the other for free/busy, MailTips and photos with OAuth.",
      .after = "soft-disable"};
  return uh_step_remove(run, row, "Remove-IntraOrganizationConnector", &words, err);
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { ENABLED = UH_ROW_OWN, GONE, REST };
  struct uh_step_list gone UH_CLEANUP(uh_step_list_clear) = {0}, rest UH_CLEANUP(uh_step_list_clear) = {0};
  if (row->owner == UH_OWNER_HYBRID) return remove_it(run, row, err);
  if (uh_step_list_read(row->query, GONE, &gone, err) < 0 || uh_step_list_read(row->query, REST, &rest, err) < 0)
    return -1;
  /* Takes the hybrid domains out and leaves the others, which somebody else put there. */
  return uh_step_reduce(run, row, "Set-IntraOrganizationConnector", "TargetAddressDomains", &gone, &rest,
                        "This side no longer asks the other for free/busy of these domains with "
                        "OAuth; what it asks of the connector's other domains stays.",
                        err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, UH_SQL_STEP_INTRA, act, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  static const struct uh_undo_parameter local[] = {{"Name", NULL, UH_VALUE_TEXT, false},
                                                   {"DiscoveryEndpoint", NULL, UH_VALUE_TEXT, false},
                                                   {"TargetAddressDomains", NULL, UH_VALUE_TEXTS, false},
                                                   {"Enabled", NULL, UH_VALUE_BOOL, false},
                                                   {0}};
  static const struct uh_undo_parameter cloud[] = {{"Name", NULL, UH_VALUE_TEXT, false},
                                                   {"DiscoveryEndpoint", NULL, UH_VALUE_TEXT, false},
                                                   {"TargetAddressDomains", NULL, UH_VALUE_TEXTS, false},
                                                   {"TargetSharingEpr", NULL, UH_VALUE_TEXT, false},
                                                   {"Enabled", NULL, UH_VALUE_BOOL, false},
                                                   {0}};
  if (uh_undo_verb(undo) != UH_VERB_REMOVE) return 1;
  bool in_cloud = strcmp(uh_undo_subject(undo)->side, "cloud") == 0;
  return uh_undo_create(undo, "New-IntraOrganizationConnector", "Set-IntraOrganizationConnector",
                        in_cloud ? cloud : local, NULL, err);
}

UH_STEP(intra_organization_connector) = {
    .id = "intra-organization-connector",
    .title = "Remove the intra-organization connectors of the hybrid deployment",
    .requirement = "C-02",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"hybrid-configuration",
                                            "an accidental run of the wizard would make the connector again"},
                                           {"soft-disable", "what is disabled first shows whom it is missed by"},
                                           {0}},
    .needs = UH_SQL_STEP_INTRA_NEEDS,
    .checks = "mailbox.on-premises,mailbox.hidden-reference,archive.on-premises,forest.organization,forest.object",
    .discover = discover,
    .undo = undo,
    .effect = "Free/busy, MailTips, photos and delegate features between mailboxes on premises and in the cloud stop.",
    .undo_limits = "The connector is a new object, with a new GUID and new times.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-intraorganizationconnector",
    .explain =
        "A connector on premises is the hybrid deployment's when all its domains are the tenant's names at Microsoft, "
        "or domains of the tenant that it looks for at Microsoft. One in Exchange Online is when all its domains are "
        "hybrid domains or accepted domains of this organisation, or when it leads through this organisation's Hybrid "
        "Agent. Where only some are, these are taken out and the others stay. Connectors to partners, to other "
        "tenants, and those of another forest that uses the tenant stay. How the connector is called never matters: "
        "connectors made by hand for OAuth have other names than the wizard's. The two sides need not have the same "
        "GUID in their names.\n"
        "They go before the organization relationships, because Exchange prefers them: without them it falls back to "
        "the relationship instead of waiting for an answer (an inference, not Microsoft's word)."};
