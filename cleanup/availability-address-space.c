/* SPDX-License-Identifier: Apache-2.0 */
/* Availability address spaces for the other side of the hybrid deployment. */
#include <string.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  const struct uh_action words = {.effect = "Free/busy of that domain is not looked up on the other side any more."};
  return uh_step_remove(run, row, "Remove-AvailabilityAddressSpace", &words, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, UH_SQL_STEP_SPACE, act, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  static const struct uh_undo_parameter local[] = {
      {"ForestName", NULL, UH_VALUE_TEXT, false},        {"AccessMethod", NULL, UH_VALUE_TEXT, false},
      {"ProxyUrl", NULL, UH_VALUE_TEXT, false},          {"TargetAutodiscoverEpr", NULL, UH_VALUE_TEXT, false},
      {"UseServiceAccount", NULL, UH_VALUE_BOOL, false}, {0}};
  static const struct uh_undo_parameter cloud[] = {{"ForestName", NULL, UH_VALUE_TEXT, false},
                                                   {"AccessMethod", NULL, UH_VALUE_TEXT, false},
                                                   {"TargetAutodiscoverEpr", NULL, UH_VALUE_TEXT, false},
                                                   {"TargetServiceEpr", NULL, UH_VALUE_TEXT, false},
                                                   {"TargetTenantId", NULL, UH_VALUE_TEXT, false},
                                                   {0}};
  if (uh_undo_verb(undo) != UH_VERB_REMOVE) return 1;
  bool in_cloud = strcmp(uh_undo_subject(undo)->side, "cloud") == 0;
  return uh_undo_create(undo, "Add-AvailabilityAddressSpace", NULL, in_cloud ? cloud : local, "ForestName", err);
}

UH_STEP(availability_address_space) = {
    .id = "availability-address-space",
    .title = "Remove the availability address spaces for the other side",
    .requirement = "C-06",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"organization-relationship",
                                            "free/busy by the relationship falls back to the address space, not back"},
                                           {0}},
    .needs = UH_SQL_STEP_SPACE_NEEDS,
    .checks = "mailbox.on-premises,archive.on-premises",
    .discover = discover,
    .undo = undo,
    .effect = "The last way by which the two sides ask each other for free/busy is gone.",
    .undo_limits =
        "The address space is a new object, with a new GUID and new times. A credential that it had cannot "
        "be read and so not be put back; the wizard's has none. In Exchange Online UseServiceAccount cannot "
        "be given.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-availabilityaddressspace",
    .explain =
        "On premises the address space whose ForestName is one of the tenant's own names at Microsoft, in Exchange "
        "Online one whose ForestName is a hybrid domain or accepted domain of this organisation. Never touched: those "
        "with the access method OrgWideFBToken, by which other organisations share, those of partners, and those that "
        "lead to another forest of the tenant. There is no New-AvailabilityAddressSpace: the undo runs "
        "Add-AvailabilityAddressSpace."};
