/* SPDX-License-Identifier: Apache-2.0 */
/* The Hybrid Agent's application behind Application Proxy. */
#include <stdio.h>
#include <string.h>

#include <unhybrid/step.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* Own column: id. The agent's id is the GUID in its host name, which the objects that led through it told; it is not the
 * id that Get-HybridAgent shows. */
static const char principals_sql[] =
    "WITH principal AS ("
    "  SELECT side, kind, guid, name, lower(prop(json, 'appId')) AS id, lower(prop(json, 'homepage')) AS page"
    "   FROM configuration"
    "   WHERE side = 'cloud' AND kind = 'GraphProxyPrincipal'),"
    " judged AS ("
    "  SELECT *,"
    "    EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'hybrid-agent' AND lower(anchor.value) = id) AS ours,"
    "    page LIKE 'https://%.resource.mailboxmigration.his.msappproxy.net%'"
    "      OR page LIKE 'https://' || id || '.%.msappproxy.net%' AS agent,"
    "    EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'other-organization') AS shared"
    "   FROM principal)"
    " SELECT side, kind, guid, name,"
    "  CASE WHEN id IS NULL THEN NULL WHEN ours THEN 'hybrid'"
    "    WHEN agent AND shared THEN 'other-forest' WHEN agent THEN NULL ELSE 'tenant' END AS owner,"
    "  CASE WHEN id IS NULL THEN 'appId was not obtained'"
    "    WHEN ours THEN 'it is this organisation''s Hybrid Agent: objects of the hybrid deployment led through ' || id"
    "    WHEN agent AND shared THEN 'it is a Hybrid Agent, but nothing of this organisation led through it'"
    "    WHEN agent THEN 'it is a Hybrid Agent, and nothing told led through it: whose it is, nothing says'"
    "    ELSE 'it is behind Application Proxy, and no Hybrid Agent' END AS reason,"
    "  id"
    " FROM judged"
    " ORDER BY name, guid";

static const char gone_sql[] =
    "SELECT value FROM anchor WHERE name = 'hybrid-agent'"
    "  AND NOT EXISTS (SELECT 1 FROM configuration AS p WHERE p.side = 'cloud' AND p.kind = 'GraphProxyPrincipal'"
    "    AND lower(prop(p.json, 'appId')) = lower(anchor.value))"
    " ORDER BY value";

static const char endpoints_sql[] =
    "SELECT group_concat(name, ', ') FROM configuration"
    " WHERE side = 'cloud' AND kind = 'MigrationEndpoint' AND EXISTS (SELECT 1 FROM anchor"
    "   WHERE anchor.name = 'hybrid-agent' AND instr(lower(prop(json, 'RemoteServer')), lower(anchor.value) || '.') = 1)";
/* clang-format on */

#define UNINSTALL                                                                                                     \
  "on each machine that has it, uninstall Microsoft Hybrid Service (Programs and Features) and see that the service " \
  "mshybridsvc is gone; other connectors of Application Proxy, and pass-through authentication, stay"

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { ID = UH_ROW_OWN };
  const char *id = uh_query_text(row->query, ID);
  uint8_t guid[UH_GUID_SIZE];
  char text[UH_GUID_TEXT], commands[700];
  if (!id || !uh_guid_parse(id, guid)) return uh_fail(err, UH_ERR_DATA, "the Hybrid Agent's application has no id");
  uh_print(commands, sizeof commands,
           "Import-Module 'C:\\Program Files\\Microsoft Hybrid Service\\HybridManagement.psm1'\n"
           "Remove-HybridApplication -appId %s -UserPrincipalName (Read-Host 'Administrator of the tenant')\n"
           "# Then " UNINSTALL ".",
           uh_guid_text(guid, text));
  static const struct uh_expect expect[] = {{.what = UH_EXPECT_ABSENT}, {0}};
  const struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_REMOVE,
      .executor = UH_BY_OPERATOR,
      .reversible = UH_REVERSIBLE_BY_OPERATOR,
      .commands = commands,
      .where = "in Windows PowerShell, elevated, on the machine that has the Hybrid Agent",
      .expect = expect,
      .why = row->reason,
      .effect =
          "Exchange Online reaches this organisation's servers through the agent no more: mailbox moves and free/busy "
          "that still lead through it fail.",
      .undo =
          "Run the Hybrid Configuration Wizard and choose the modern topology: it registers a new agent, with another "
          "GUID and another host name."};
  return uh_step_action(run, &action, err);
}

/* The application is gone, the software may not be: no source sees it. */
static int note_gone(struct uh_step_run *run, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int r;
  if (uh_step_query(run, gone_sql, &query, err) < 0) return -1;
  while ((r = uh_query_next(query, err)) > 0)
    if (uh_step_note(run, err, "The Hybrid Agent's application %s is not in the tenant any more; " UNINSTALL,
                     uh_query_text(query, 0)) < 0)
      return -1;
  return r;
}

/* They stay until the server is gone, and lead nowhere meanwhile. */
static int note_endpoints(struct uh_step_run *run, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  if (uh_step_query(run, endpoints_sql, &query, err) < 0) return -1;
  int r = uh_query_next(query, err);
  const char *names = r > 0 ? uh_query_text(query, 0) : NULL;
  if (r < 0 || !names || !*names) return r < 0 ? -1 : 0;
  return uh_step_note(run, err,
                      "Migration endpoints that lead through the Hybrid Agent, and go after the uninstall: %s", names);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  if (uh_step_each(run, principals_sql, act, err) < 0 || note_endpoints(run, err) < 0) return -1;
  return note_gone(run, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  return uh_undo_commands(
      undo,
      "# Run the Hybrid Configuration Wizard and choose the modern topology. It registers a new Hybrid "
      "Agent, with another GUID and another host name; connectors, relationships and endpoints have to "
      "be led to that.",
      "on the Exchange server", err);
}

UH_STEP(hybrid_agent) = {
    .id = "hybrid-agent",
    .title = "Remove the Hybrid Agent",
    .requirement = "C-10",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows =
        (const struct uh_follows[]){
            {"intra-organization-connector", "its TargetSharingEpr leads through the agent, and tells its GUID"},
            {"organization-relationship", "its TargetSharingEpr leads through the agent, and tells its GUID"},
            {"service-principal-credential", "Microsoft's order: OAuth before the Hybrid Agent"},
            {0}},
    .needs = "cloud:GraphProxyPrincipal",
    .checks = "mailbox.on-premises,migration.batch",
    .discover = discover,
    .undo = undo,
    .effect = "Exchange Online reaches this organisation's servers through the agent no more.",
    .undo_by = "person",
    .undo_limits = "Another agent, with another GUID and host name.",
    .reference = "https://learn.microsoft.com/exchange/hybrid-deployment/hybrid-agent",
    .explain =
        "Only organisations made hybrid the modern way have one; none is a normal state. Its application's id is the GUID in "
        "<guid>.resource.mailboxmigration.his.msappproxy.net, to which TargetSharingEpr of relationships and connectors and "
        "RemoteServer of migration endpoints lead; it is kept as an anchor, as these objects go first. (The id that "
        "Get-HybridAgent shows is another one.) Agents of another forest, pass-through authentication and what else stands "
        "behind Application Proxy stay.\n"
        "A person removes it with the agent's own module, which signs in interactively; that module builds on retired "
        "components and may fail on new machines (an inference): the wizard's classic mode removes the agent too, though it is "
        "known to hang. It is done when Entra ID does not show the application's principal any more. That the software is "
        "uninstalled no source sees: a second agent stays inactive in the tenant for some time. The agents' connector group "
        "can be removed in the portal when it is empty."};
