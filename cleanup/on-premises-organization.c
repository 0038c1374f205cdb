/* SPDX-License-Identifier: Apache-2.0 */
/* OnPremisesOrganization, by which Exchange Online knows this organisation: the last of the cloud's objects. */
#include <string.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  const struct uh_action words = {
      .effect =
          "Exchange Online knows of no hybrid deployment with this organisation any more; that is what Microsoft's "
          "reference warns of, and what is wanted here."};
  return uh_step_remove(run, row, "Remove-OnPremisesOrganization", &words, err);
}

/* By whose word it is known, and that the tenant knows no such organisation. */
static int note_stated(struct uh_step_run *run, const char *organization, struct uh_err *err) {
  const char *word = uh_step_anchor(run, UH_ANCHOR_ORGANIZATION_STATED);
  if (!word) return 0;
  if (uh_step_note(run, err, "This Exchange organisation is %s: stated by %s, as nothing observed tells it.",
                   organization, word + strlen(organization) + 1) < 0)
    return -1;
  if (uh_step_anchor(run, UH_ANCHOR_CLOUD_ORGANIZATION)) return 0;
  return uh_step_note(run, err,
                      "No OnPremisesOrganization of the tenant has the GUID %s: see whether that is the one that was "
                      "meant. `unhybrid checks explain left.organization` says how to find out.",
                      organization);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  const char *organization = uh_step_anchor(run, UH_ANCHOR_ORGANIZATION);
  if (!organization)
    return uh_step_blocked(run, err,
                           "the GUID of this Exchange organisation is not known, and nothing else tells which "
                           "OnPremisesOrganization is its own; where the organisation is gone from Active Directory, "
                           "`unhybrid audit --purpose after` lists which there are, and a person states the GUID: "
                           "`unhybrid attest add left.organization yes --object GUID --approver \"$USER\" --days 7`");
  if (note_stated(run, organization, err) < 0) return -1;
  return uh_step_each(run, UH_SQL_STEP_HOLDER, act, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  static const struct uh_undo_parameter parameters[] = {{"Name", NULL, UH_VALUE_TEXT, false},
                                                        {"HybridDomains", NULL, UH_VALUE_TEXTS, false},
                                                        {"InboundConnector", NULL, UH_VALUE_TEXT, false},
                                                        {"OrganizationGuid", NULL, UH_VALUE_TEXT, false},
                                                        {"OutboundConnector", NULL, UH_VALUE_TEXT, false},
                                                        {"OrganizationName", NULL, UH_VALUE_TEXT, false},
                                                        {"OrganizationRelationship", NULL, UH_VALUE_TEXT, false},
                                                        {"Comment", NULL, UH_VALUE_TEXT, false},
                                                        {0}};
  if (uh_undo_verb(undo) != UH_VERB_REMOVE) return 1;
  /* Its links are empty by now: what they named went first. */
  if (uh_undo_assume(undo, "InboundConnector", uh_undo_anchor(undo, UH_ANCHOR_INBOUND), err) < 0 ||
      uh_undo_assume(undo, "OutboundConnector", uh_undo_anchor(undo, UH_ANCHOR_OUTBOUND), err) < 0 ||
      uh_undo_assume(undo, "OrganizationRelationship", uh_undo_anchor(undo, UH_ANCHOR_RELATIONSHIP), err) < 0)
    return -1;
  return uh_undo_create(undo, "New-OnPremisesOrganization", "Set-OnPremisesOrganization", parameters, NULL, err);
}

UH_STEP(on_premises_organization) = {
    .id = "on-premises-organization",
    .title = "Remove the OnPremisesOrganization of this organisation",
    .requirement = "C-12",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows =
        (const struct uh_follows[]){
            {"cloud-connector", "it names the connectors: while they are there it tells whose they are"},
            {"organization-relationship", "it names the relationship: while that is there it tells whose it is"},
            {"intra-organization-connector", "its hybrid domains tell whose the connector is"},
            {"availability-address-space", "its hybrid domains tell whose the address space is"},
            {"remote-domain", "its hybrid domains tell whose the remote domain is"},
            {"migration-endpoint", "its hybrid domains tell whose server the endpoint leads to"},
            {0}},
    .needs = UH_SQL_STEP_HOLDER_NEEDS,
    .checks = "",
    .discover = discover,
    .undo = undo,
    .effect = "Exchange Online knows of no hybrid deployment with this organisation any more.",
    .undo_limits =
        "The object is a new one, with a new GUID and new times. It can only be made while the two "
        "connectors that it named exist: put these, and the relationship, back first.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-onpremisesorganization",
    .explain =
        "The OnPremisesOrganization whose OrganizationGuid is the objectGUID of this Exchange organisation, as the "
        "facts, the journal's anchors, or where these do not, a person's word (left.organization) tell it; its name is free, and two forests can have the same "
        "OrganizationName. Those of other forests stay. More than one with this GUID is not supported by Microsoft: "
        "the step is unknown then.\n"
        "It goes last of all in the cloud, because it is what tells which of the other objects are this organisation's. "
        "Microsoft's reference has the cmdlet for broken deployments, under its support's direction, and warns that it "
        "ends the hybrid deployment, which is what is wanted here. Whether Microsoft's own guide has this step is not "
        "known."};
