/* SPDX-License-Identifier: Apache-2.0 */
/* The application in Entra ID by which this organisation's servers call Exchange Online. */
#include <stdio.h>

#include <unhybrid/step.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * full_access: it asks for Exchange Online's role full_access_as_app. Microsoft's script names the application by the
 * organisation's GUID, and lets people choose another name; either way the servers' ApplicationIdentifier says which it
 * is. The name counts only together with the role.
 */
static const char applications_sql[] =
    "WITH ours(guid) AS ("
    "  SELECT (SELECT lower(value) FROM anchor WHERE anchor.name = 'organization-guid' LIMIT 1)),"
    " application AS ("
    "  SELECT side, kind, guid, name, lower(prop(json, 'appId')) AS id, lower(prop(json, 'displayName')) AS title,"
    "    prop(json, 'requiredResourceAccess') AS access"
    "   FROM configuration"
    "   WHERE side = 'cloud' AND kind = 'GraphApplication'),"
    " judged AS ("
    "  SELECT application.*, ours.guid AS organization,"
    "    lower(access) LIKE '%dc890d15-9560-4a4c-9b7f-a736ec74ec40%' AS full_access,"
    "    title = 'exchangeserverapp-' || ours.guid AS named,"
    "    title LIKE 'exchangeserverapp-%' AS script,"
    "    EXISTS (SELECT 1 FROM configuration AS a WHERE a.side = 'on-premises' AND a.kind = 'AuthServer'"
    "      AND lower(prop(a.json, 'ApplicationIdentifier')) = application.id AND application.id <> '') AS used,"
    "    EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'dedicated-application'"
    "      AND lower(anchor.value) = application.id) AS anchored"
    "   FROM application, ours)"
    " SELECT side, kind, guid, name,"
    "  CASE WHEN id IS NULL OR title IS NULL THEN NULL"
    "    WHEN used THEN 'hybrid'"
    "    WHEN named AND full_access IS NULL THEN NULL"
    "    WHEN (named OR anchored) AND full_access THEN 'hybrid'"
    "    WHEN script AND organization IS NULL THEN NULL"
    "    WHEN script AND NOT named AND NOT anchored THEN 'other-forest'"
    "    ELSE 'tenant' END AS owner,"
    "  CASE WHEN id IS NULL OR title IS NULL THEN 'appId or displayName was not obtained'"
    "    WHEN used THEN 'an authorization server of this organisation names it as ApplicationIdentifier'"
    "    WHEN named AND full_access IS NULL THEN 'requiredResourceAccess was not obtained'"
    "    WHEN named AND full_access THEN 'it has this organisation''s GUID in its name, and asks for full_access_as_app'"
    "    WHEN anchored AND full_access THEN 'this organisation''s servers called themselves by it, and it asks for full_access_as_app'"
    "    WHEN script AND organization IS NULL THEN 'the GUID of this Exchange organisation is not known'"
    "    WHEN script AND NOT named AND NOT anchored THEN 'it is another Exchange organisation''s, by the GUID in its name'"
    "    WHEN named THEN 'it is named as Microsoft''s script would, but does not ask for full_access_as_app: somebody else made it'"
    "    WHEN full_access THEN 'it asks for full_access_as_app, but no server of this organisation names it:"
    " backup and migration products do the same'"
    "    ELSE 'it stands behind Application Proxy: see hybrid-agent' END AS reason,"
    /* Another organisation's servers cannot be seen from here: by the name alone they would have their own. */
    "  iif(named, NULL, (SELECT group_concat(value, ', ') FROM anchor WHERE anchor.name = 'other-organization')) AS others, id"
    " FROM judged"
    " ORDER BY name, guid";
/* clang-format on */

/* Its principal in the tenant goes with it, and what was granted to that. No source shows principals but Exchange
 * Online's own and those behind Application Proxy, so a person is told how to see it. */
static int note_principal(struct uh_step_run *run, const struct uh_step_row *row, const char *UH_NULLABLE app,
                          struct uh_err *err) {
  uint8_t guid[UH_GUID_SIZE];
  char text[UH_GUID_TEXT];
  if (!app || !uh_guid_parse(app, guid)) return 0;
  return uh_step_note(
      run, err,
      "That the principal of %s went with it is not read back. Once the application is gone, this shows "
      "none: Get-MgServicePrincipal -Filter \"appId eq '%s'\"",
      row->subject.name, uh_guid_text(guid, text));
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { OTHERS = UH_ROW_OWN, APP };
  uint8_t id[UH_GUID_SIZE];
  char question[600];
  const char *others = uh_query_text(row->query, OTHERS);
  uh_print(question, sizeof question,
           "Other Exchange organisations use the tenant (%.*s), and nothing here tells by which application their "
           "servers call. Is it none of theirs?",
           UH_HEAD(others ? others : "", 300));
  if (!uh_guid_parse(row->subject.guid ? row->subject.guid : "", id))
    return uh_fail(err, UH_ERR_DATA, "an application in Entra ID has no id");
  const struct uh_graph_change change = {
      .action = UH_GRAPH_DELETE, .kind = UH_GRAPH_APPLICATION, .id = id, .name = row->subject.name};
  const struct uh_expect expect[] = {{.what = UH_EXPECT_ABSENT}, {0}};
  const struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_REMOVE,
      .executor = UH_BY_GRAPH,
      .reversible = UH_REVERSIBLE,
      .graph = &change,
      .expect = expect,
      .why = row->reason,
      .effect = "Nobody can call Exchange Online as this application any more, with full access to every mailbox.",
      .approval = others ? question : NULL};
  if (note_principal(run, row, uh_query_text(row->query, APP), err) < 0) return -1;
  return uh_step_action(run, &action, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, applications_sql, act, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  const struct uh_subject *subject = uh_undo_subject(undo);
  uint8_t id[UH_GUID_SIZE];
  if (uh_undo_verb(undo) != UH_VERB_REMOVE) return 1;
  if (!uh_guid_parse(subject->guid ? subject->guid : "", id))
    return uh_fail(err, UH_ERR_DATA, "an application in Entra ID has no id");
  const struct uh_graph_change change = {
      .action = UH_GRAPH_RESTORE, .kind = UH_GRAPH_APPLICATION, .id = id, .name = subject->name};
  const struct uh_expect same = {
      .what = UH_EXPECT_VALUE, .value = {.name = "appId", .type = UH_VALUE_TEXT, .text = uh_undo_text(undo, "appId")}};
  if (!same.value.text) return uh_fail(err, UH_ERR_DATA, "the before-image does not tell the application's appId");
  if (uh_undo_graph(undo, &change, err) < 0) return -1;
  return uh_undo_expect(undo, &same, err);
}

UH_STEP(dedicated_application) = {
    .id = "dedicated-application",
    .title = "Delete the dedicated hybrid application",
    .requirement = "C-09",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"setting-override",
                                            "it makes the servers use the application: they would ask in "
                                            "vain, again and again"},
                                           {"auth-server",
                                            "its ApplicationIdentifier makes the servers use the application"},
                                           {0}},
    .needs = "cloud:GraphApplication,on-premises:AuthServer",
    .checks = "mailbox.on-premises,forest.organization",
    .discover = discover,
    .undo = undo,
    .effect = "Servers cannot call Exchange Online as the dedicated application any more.",
    .undo_limits =
        "It comes back out of the directory's bin, with its credentials, as long as it is kept there (about 30 "
        "days, not verified). Look whether its principal and the consent for full_access_as_app came back; "
        "else run Microsoft's script again.",
    .reference = "https://microsoft.github.io/CSS-Exchange/Hybrid/ConfigureExchangeHybridApplication/",
    .explain =
        "It is the application that an authorization server of this organisation names as ApplicationIdentifier, or the one "
        "with this organisation's GUID in its name (ExchangeServerApp-<guid>) that asks for Exchange Online's role "
        "full_access_as_app. The name alone is not enough, and neither is the role: backup and migration products ask for "
        "it too. One with another GUID in its name is another forest's. Microsoft's script with -DeleteApplication does "
        "the same, and leaves the setting override and ApplicationIdentifier behind; here they go first.\n"
        "Where other Exchange organisations use the tenant too, one whose name has not this organisation's GUID needs "
        "approval: they may call by the same one.\n"
        "What was granted to it goes with its principal, which Entra ID deletes with the application. That it is gone is not "
        "read back: the plan shows the command with which a person sees it. Applications behind Application Proxy are looked at in "
        "hybrid-agent."};
