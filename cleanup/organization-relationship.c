/* SPDX-License-Identifier: Apache-2.0 */
/* Organization relationships, by which each side shares with the other. */
#include <string.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

static int remove_it(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  const struct uh_action words = {
      .effect = "Free/busy, MailTips and the redirection of Outlook on the web to the other side stop.",
      .after = "soft-disable"};
  return uh_step_remove(run, row, "Remove-OrganizationRelationship", &words, err);
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { ENABLED = UH_ROW_OWN, GONE, REST };
  struct uh_step_list gone UH_CLEANUP(uh_step_list_clear) = {0}, rest UH_CLEANUP(uh_step_list_clear) = {0};
  if (row->owner == UH_OWNER_HYBRID) return remove_it(run, row, err);
  if (uh_step_list_read(row->query, GONE, &gone, err) < 0 || uh_step_list_read(row->query, REST, &rest, err) < 0)
    return -1;
  /* Two organisations name it, and all its domains are of both: nothing can be taken out for one alone. */
  if (gone.n == 0 || rest.n == 0)
    return uh_step_note(run, err, "The organization relationship %s stays: %s.", row->subject.name, row->reason);
  /* Takes the hybrid domains out and leaves the partner's. */
  return uh_step_reduce(run, row, "Set-OrganizationRelationship", "DomainNames", &gone, &rest,
                        "Nothing is shared about these domains any more; with the other domains it is as before.", err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, UH_SQL_STEP_RELATIONSHIP, act, err);
}

#define BOTH                                                                                                        \
  {"Name", NULL, UH_VALUE_TEXT, false}, {"DomainNames", NULL, UH_VALUE_TEXTS, false},                               \
      {"Enabled", NULL, UH_VALUE_BOOL, false}, {"ArchiveAccessEnabled", NULL, UH_VALUE_BOOL, false},                \
      {"DeliveryReportEnabled", NULL, UH_VALUE_BOOL, false}, {"FreeBusyAccessEnabled", NULL, UH_VALUE_BOOL, false}, \
      {"FreeBusyAccessLevel", NULL, UH_VALUE_TEXT, false}, {"FreeBusyAccessScope", NULL, UH_VALUE_TEXT, false},     \
      {"MailTipsAccessEnabled", NULL, UH_VALUE_BOOL, false}, {"MailTipsAccessLevel", NULL, UH_VALUE_TEXT, false},   \
      {"MailTipsAccessScope", NULL, UH_VALUE_TEXT, false}, {"MailboxMoveEnabled", NULL, UH_VALUE_BOOL, false},      \
      {"OrganizationContact", NULL, UH_VALUE_TEXT, false}, {"PhotosEnabled", NULL, UH_VALUE_BOOL, false},           \
      {"TargetApplicationUri", NULL, UH_VALUE_TEXT, false}, {"TargetAutodiscoverEpr", NULL, UH_VALUE_TEXT, false},  \
      {"TargetOwaURL", NULL, UH_VALUE_TEXT, false}, {                                                               \
    "TargetSharingEpr", NULL, UH_VALUE_TEXT, false                                                                  \
  }

static int undo(struct uh_undo *undo, struct uh_err *err) {
  static const struct uh_undo_parameter local[] = {BOTH, {0}};
  static const struct uh_undo_parameter cloud[] = {BOTH,
                                                   {"MailboxMoveCapability", NULL, UH_VALUE_TEXT, false},
                                                   {"MailboxMovePublishedScopes", NULL, UH_VALUE_TEXTS, false},
                                                   {"OAuthApplicationId", NULL, UH_VALUE_TEXT, false},
                                                   {0}};
  if (uh_undo_verb(undo) != UH_VERB_REMOVE) return 1;
  bool in_cloud = strcmp(uh_undo_subject(undo)->side, "cloud") == 0;
  if (in_cloud && uh_undo_named_by_organization(undo, "OrganizationRelationship", UH_ANCHOR_RELATIONSHIP, err) < 0)
    return -1;
  return uh_undo_create(undo, "New-OrganizationRelationship", "Set-OrganizationRelationship", in_cloud ? cloud : local,
                        NULL, err);
}

UH_STEP(organization_relationship) = {
    .id = "organization-relationship",
    .title = "Remove the organization relationships of the hybrid deployment",
    .requirement = "C-05",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"intra-organization-connector",
                                            "Exchange asks by intra-organization connector first: with that gone it "
                                            "falls back to the relationship, the other way round it waits"},
                                           {"soft-disable", "what is disabled first shows whom it is missed by"},
                                           {0}},
    .needs = UH_SQL_STEP_RELATIONSHIP_NEEDS,
    .checks = "sharing.partner,mailbox.on-premises,archive.on-premises,forest.organization,forest.object",
    .discover = discover,
    .undo = undo,
    .effect = "Free/busy, MailTips and the redirection of Outlook on the web between the two sides stop.",
    .undo_limits =
        "The relationship is a new object, with a new GUID and new times. A domain stands in one "
        "relationship only: where another has taken it meanwhile, the undo fails and says so. "
        "OnPremisesOrganization, while it is there, is made to name it again.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-organizationrelationship",
    .explain =
        "On premises a relationship is the hybrid deployment's when all its domains are the tenant's names at "
        "Microsoft, or domains of the tenant that it looks for at Microsoft (TargetApplicationUri, "
        "TargetAutodiscoverEpr, TargetOwaURL or TargetSharingEpr). In Exchange Online it is when the "
        "OnPremisesOrganization with this organisation's GUID names it, or when all its domains are this "
        "organisation's. Where it names a partner's domains beside, the hybrid ones are taken out.\n"
        "Never touched: relationships with partners; those for mailbox moves between tenants (MailboxMoveCapability, "
        "OAuthApplicationId, or MailboxMoveEnabled with domains that are not the tenant's); those that another forest's "
        "OnPremisesOrganization names. Microsoft moves sharing between tenants to cross-tenant access policies until "
        "April 2027.\n"
        "Exchange Online can hold a relationship that it cannot read any more (ManagementObjectNotFoundException): "
        "the listing fails then and the step is unknown; only Microsoft's support mends that. Where the relationships "
        "stand in Active Directory is not documented: they are found by class."};
