/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of the hybrid deployment in Active Directory when no cmdlet can exist any more. */
#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>
#include <unhybrid/step_sql_directory.h>
#include <unhybrid/step_sql_trust.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * Whose each object is, is told as before the uninstall; here its entry in the directory is looked for by GUID. An
 * object that serves others too would be reduced by a cmdlet, which nobody can run any more: it stays.
 */
#define SWEPT(statement)                                                                                            \
  UH_SQL_STEP_ENTRIES                                                                                               \
  " SELECT " UH_SQL_STEP_ENTRY("entry") ","                                                                         \
  "  iif(told.owner = 'shared', 'server', told.owner) AS owner,"                                                    \
  "  told.kind || ': ' || told.reason"                                                                              \
  "    || iif(told.owner = 'shared', '; no cmdlet is left that would reduce it, and it is not deleted', '') AS reason," \
  "  entry.dn, entry.class"                                                                                         \
  " FROM (" statement ") AS told JOIN entry ON entry.guid = told.guid"                                              \
  " WHERE told.side = 'on-premises' AND " UH_SQL_STEP_EXCHANGE("entry.dn")                                          \
  " ORDER BY entry.dn"
static const char hybrid_configuration[] = SWEPT(
    "SELECT side, kind, guid, 'hybrid' AS owner, 'it is the hybrid configuration that the wizard went by' AS reason"
    " FROM configuration WHERE kind = 'HybridConfiguration'");
static const char setting_override[] = SWEPT(
    "SELECT side, kind, guid,"
    "  CASE lower(prop(json, 'ComponentName')) = 'global' AND lower(prop(json, 'SectionName')) = 'exchangeonpremasthirdpartyappid'"
    "    WHEN 1 THEN 'hybrid' WHEN 0 THEN 'server' END AS owner,"
    "  coalesce('it sets ' || prop(json, 'ComponentName') || ', ' || prop(json, 'SectionName'),"
    "    'ComponentName or SectionName was not obtained') AS reason"
    " FROM configuration WHERE kind = 'SettingOverride'");
static const char *const statements[] = {hybrid_configuration,
                                         SWEPT(UH_SQL_STEP_INTRA),
                                         SWEPT(UH_SQL_STEP_RELATIONSHIP),
                                         SWEPT(UH_SQL_STEP_SEND),
                                         SWEPT(UH_SQL_STEP_SPACE),
                                         SWEPT(UH_SQL_STEP_REMOTE_DOMAIN),
                                         setting_override,
                                         SWEPT(UH_SQL_STEP_AUTH_SERVER),
                                         SWEPT(UH_SQL_STEP_FEDERATION_TRUST)};
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  const struct uh_action words = {
      .why = row->reason,
      .effect = "Nothing: no server is left that would read it. A wizard that is run again finds nothing of it."};
  return uh_step_delete_entry(run, row, &words, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  if (uh_step_obstacles(run, UH_SQL_STEP_SERVER_ENTRIES, err) < 0) return -1;
  for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
    if (uh_step_each(run, statements[i], act, err) < 0) return -1;
  return 0;
}

UH_STEP(hybrid_object) = {
    .id = "hybrid-object",
    .title = "Delete what is left of the hybrid deployment in Active Directory",
    .requirement = "O-A10",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows = (const struct uh_follows[]){{"service-connection-point", "clients first, then what only servers read"},
                                           {0}},
    .needs = UH_STEP_ENTRY_NEEDS ",on-premises:HybridConfiguration,on-premises:SettingOverride," UH_SQL_STEP_INTRA_NEEDS
                                 ",on-premises:OrganizationRelationship,cloud:OrganizationRelationship"
                                 ",on-premises:SendConnector,on-premises:AvailabilityAddressSpace"
                                 ",cloud:AvailabilityAddressSpace,on-premises:RemoteDomain,cloud:RemoteDomain"
                                 "," UH_SQL_STEP_AUTH_SERVER_NEEDS "," UH_SQL_STEP_FEDERATION_TRUST_NEEDS,
    .checks = UH_STEP_ENTRY_CHECKS,
    .discover = discover,
    .undo = uh_undo_by_engine,
    .effect = "Nothing: no server is left that reads these objects.",
    .undo_limits = "The object comes back with its GUID; where the directory keeps no tombstone it is a new one.",
    .reference = "https://learn.microsoft.com/exchange/hybrid-deployment/decommission-last-exchange-server",
    .explain =
        "The hybrid configuration, intra-organization connectors, organization relationships, send connectors, "
        "availability address spaces, remote domains, the tenant's authorization servers, the federation trust and the "
        "setting override of the dedicated application, where the uninstall or somebody's own removal left them. Whose "
        "each is, is told exactly as the steps before the uninstall tell it. With a server they are removed by its "
        "cmdlets, and this step has nothing to do; without one their entries are deleted. Those of partners, other "
        "tenants and other forests stay, those that also serve others too, and so do partner applications, which Setup "
        "made and not the wizard. The trust goes as an entry alone: Microsoft's gateway is not told, as nobody is left "
        "who could. Recipients are never touched."};
