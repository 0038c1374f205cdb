/* SPDX-License-Identifier: Apache-2.0 */
/* Public folders that Exchange Online looks for on the server. */
#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */
static const char sql[] =
    "WITH config AS ("
    "  SELECT *, lower(prop(json, 'PublicFoldersEnabled')) AS enabled,"
    "    prop_list(json, 'RemotePublicFolderMailboxes') AS mailboxes"
    "   FROM configuration"
    "   WHERE side = 'cloud' AND kind = 'OrganizationConfig')"
    " SELECT side, kind, guid, name,"
    "  CASE WHEN enabled = 'remote' OR mailboxes <> '[]' THEN 'shared'"
    "    WHEN enabled IS NOT NULL AND mailboxes IS NOT NULL THEN 'tenant' END AS owner,"
    "  CASE WHEN enabled = 'remote' THEN 'it is the tenant''s own; PublicFoldersEnabled is Remote, and leads to the server that goes'"
    "    WHEN mailboxes <> '[]' THEN 'it is the tenant''s own; it names public folder mailboxes on premises: '"
    "      || " UH_SQL_STEP_WORDS("mailboxes")
    "    WHEN enabled IS NULL THEN 'PublicFoldersEnabled was not obtained'"
    "    WHEN mailboxes IS NULL THEN 'RemotePublicFolderMailboxes was not obtained'"
    "    ELSE 'PublicFoldersEnabled is ' || prop(json, 'PublicFoldersEnabled') END AS reason,"
    "  enabled = 'remote'"
    " FROM config"
    " ORDER BY name";
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { REMOTE = UH_ROW_OWN };
  int64_t remote = 0;
  (void)uh_query_int(row->query, REMOTE, &remote);
  const struct uh_argument arguments[] = {
      {.name = "RemotePublicFolderMailboxes", .type = UH_VALUE_NULL},
      {.name = remote ? "PublicFoldersEnabled" : NULL, .type = UH_VALUE_TEXT, .text = "Local"},
      {0}};
  const struct uh_change changes[] = {{.cmdlet = "Set-OrganizationConfig", .arguments = arguments}, {0}};
  const struct uh_expect expect[] = {
      {.what = UH_EXPECT_VALUE, .value = arguments[0]},
      {.what = remote ? UH_EXPECT_VALUE : UH_EXPECT_END,
       .value = {.name = "PublicFoldersEnabled", .type = UH_VALUE_TEXT, .text = "Local"}},
      {.what = UH_EXPECT_END}};
  const struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_SET,
      .executor = UH_BY_EXCHANGE_ONLINE,
      .reversible = UH_REVERSIBLE,
      .changes = changes,
      .expect = expect,
      .why = row->reason,
      .effect =
          "Outlook does not show the public folders on the server any more, but those of the tenant, where there "
          "are any.",
      .observe = true};
  return uh_step_action(run, &action, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, sql, act, err);
}

UH_STEP(public_folders_remote) = {
    .id = "public-folders-remote",
    .title = "Stop Exchange Online from looking for public folders on the server",
    .requirement = "C-00",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{0}},
    .needs = "cloud:OrganizationConfig",
    .checks = "public-folder.on-premises",
    .mends = "public-folder.remote",
    .discover = discover,
    .effect = "People in the cloud do not see the public folders on premises any more.",
    .undo_limits = "Nothing: the old values are set again.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/set-organizationconfig",
    .explain =
        "PublicFoldersEnabled of the organization configuration in Exchange Online is Remote, or it names mailboxes "
        "on premises (RemotePublicFolderMailboxes). It is changed only while the check public-folder.on-premises "
        "passes: while a public folder is left on the server people may need it, and Microsoft says not to go on then. "
        "It becomes Local, which is what a tenant has from the start; None, which hides the tenant's own folders too, "
        "is a person's choice. That Remote can be taken back so is an inference from the parameters."};
