/* SPDX-License-Identifier: Apache-2.0 */
/* The setting override by which Exchange servers call themselves by the dedicated hybrid application. */
#include <unhybrid/step.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */
static const char overrides_sql[] =
    "WITH setting AS ("
    "  SELECT side, kind, guid, name, lower(prop(json, 'ComponentName')) AS component,"
    "    lower(prop(json, 'SectionName')) AS section"
    "   FROM configuration"
    "   WHERE side = 'on-premises' AND kind = 'SettingOverride'),"
    " judged AS ("
    "  SELECT *, component = 'global' AND section = 'exchangeonpremasthirdpartyappid' AS ours FROM setting)"
    " SELECT side, kind, guid, name,"
    "  CASE ours WHEN 1 THEN 'hybrid' WHEN 0 THEN 'server' END AS owner,"
    "  CASE ours"
    "    WHEN 1 THEN 'it makes the servers call Exchange Online as the dedicated hybrid application"
    " (Global, ExchangeOnpremAsThirdPartyAppId)'"
    "    WHEN 0 THEN 'it sets something else: ' || component || ', ' || section"
    "    ELSE 'ComponentName or SectionName was not obtained' END AS reason"
    " FROM judged"
    " ORDER BY name, guid";
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  const struct uh_action words = {
      .effect =
          "The servers no longer call Exchange Online as the dedicated application; it can take an hour until they "
          "notice, unless the services are restarted."};
  return uh_step_remove(run, row, "Remove-SettingOverride", &words, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, overrides_sql, act, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  static const struct uh_undo_parameter parameters[] = {{"Name", NULL, UH_VALUE_TEXT, false},
                                                        {"Component", "ComponentName", UH_VALUE_TEXT, false},
                                                        {"Section", "SectionName", UH_VALUE_TEXT, false},
                                                        {"Parameters", NULL, UH_VALUE_TEXTS, false},
                                                        {"Reason", NULL, UH_VALUE_TEXT, false},
                                                        {"MinVersion", NULL, UH_VALUE_TEXT, false},
                                                        {"MaxVersion", NULL, UH_VALUE_TEXT, false},
                                                        {"Server", NULL, UH_VALUE_TEXTS, false},
                                                        {0}};
  if (uh_undo_verb(undo) != UH_VERB_REMOVE) return 1;
  return uh_undo_create(undo, "New-SettingOverride", NULL, parameters, NULL, err);
}

UH_STEP(setting_override) = {
    .id = "setting-override",
    .title = "Remove the setting override of the dedicated hybrid application",
    .requirement = "C-09",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows =
        (const struct uh_follows[]){
            {"intra-organization-connector", "the servers call Exchange Online only for what these connectors ask"},
            {"service-principal-credential",
             "Microsoft's order: the credentials in the tenant first, then what is on premises"},
            {0}},
    .needs = "on-premises:SettingOverride",
    .checks = "mailbox.on-premises",
    .discover = discover,
    .undo = undo,
    .effect = "The servers no longer use the dedicated hybrid application.",
    .undo_limits = "The override is a new object, and its ModifiedBy names who put it back.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-settingoverride",
    .explain =
        "The override is the one of component Global and section ExchangeOnpremAsThirdPartyAppId, whatever it is "
        "called (Microsoft's script calls it EnableExchangeHybrid3PAppFeature), and whether it switches the "
        "feature on or off. All other overrides stay and go with the server. The script's -DeleteApplication "
        "leaves it behind. Which class in Active Directory holds overrides is not verified: where only Active "
        "Directory was read and shows no component, the step is unknown."};
