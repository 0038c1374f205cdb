/* SPDX-License-Identifier: Apache-2.0 */
/* The token services that Exchange Server trusts for the tenant. */
#include <unhybrid/step.h>
#include <unhybrid/step_sql_trust.h>

static const char servers_sql[] = UH_SQL_STEP_AUTH_SERVER " ORDER BY name, guid";

static int set(struct uh_step_run *run, const struct uh_step_row *row, const char *part,
               const struct uh_argument arguments[2], const char *why, const char *effect, struct uh_err *err) {
  const struct uh_change changes[] = {{.cmdlet = "Set-AuthServer", .arguments = arguments}, {0}};
  const struct uh_expect expect[] = {{.what = UH_EXPECT_VALUE, .value = arguments[0]}, {0}};
  const struct uh_action action = {.subject = row->subject,
                                   .verb = UH_VERB_SET,
                                   .part = part,
                                   .executor = UH_BY_EXCHANGE_SERVER,
                                   .reversible = UH_REVERSIBLE,
                                   .changes = changes,
                                   .expect = expect,
                                   .why = why,
                                   .effect = effect};
  return uh_step_action(run, &action, err);
}

static int remove_it(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  const struct uh_action words = {
      .effect =
          "The servers trust no token of the tenant any more: neither Exchange Online's calls nor its users' "
          "tokens (Hybrid Modern Authentication)."};
  return uh_step_remove(run, row, "Remove-AuthServer", &words, err);
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { IS_DEFAULT = UH_ROW_OWN, APPLICATION };
  static const struct uh_argument no_default[] = {
      {.name = "IsDefaultAuthorizationEndpoint", .type = UH_VALUE_BOOL, .yes = false}, {0}};
  static const struct uh_argument no_application[] = {{.name = "ApplicationIdentifier", .type = UH_VALUE_NULL}, {0}};
  int64_t is_default = 0;
  if (uh_query_int(row->query, IS_DEFAULT, &is_default) && is_default &&
      set(run, row, "IsDefaultAuthorizationEndpoint", no_default,
          "It is where the servers send clients to sign in (Hybrid Modern Authentication); that ends before it goes.",
          "Clients sign in to the servers with passwords again, where somebody still does.", err) < 0)
    return -1;
  const char *application = uh_query_text(row->query, APPLICATION);
  /* Some name a service of Microsoft's here, which is none of the hybrid deployment's making. */
  if (application && *application && uh_step_is_anchor(run, UH_ANCHOR_DEDICATED_APPLICATION, application) &&
      set(run, row, "ApplicationIdentifier", no_application,
          "The servers call themselves by this application; that ends before the application goes.",
          "The servers no longer call Exchange Online as the dedicated application.", err) < 0)
    return -1;
  return remove_it(run, row, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, servers_sql, act, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  static const struct uh_undo_parameter parameters[] = {{"Name", NULL, UH_VALUE_TEXT, false},
                                                        {"AuthMetadataUrl", NULL, UH_VALUE_TEXT, false},
                                                        {"Type", NULL, UH_VALUE_TEXT, false},
                                                        {"ApplicationIdentifier", NULL, UH_VALUE_TEXT, false},
                                                        {"DomainName", NULL, UH_VALUE_TEXTS, false},
                                                        {"Enabled", NULL, UH_VALUE_BOOL, false},
                                                        {"IsDefaultAuthorizationEndpoint", NULL, UH_VALUE_BOOL, true},
                                                        {0}};
  if (uh_undo_verb(undo) != UH_VERB_REMOVE) return 1;
  return uh_undo_create(undo, "New-AuthServer", "Set-AuthServer", parameters, NULL, err);
}

UH_STEP(auth_server) = {
    .id = "auth-server",
    .title = "Remove the authorization servers of the tenant",
    .requirement = "C-09",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"intra-organization-connector",
                                            "these connectors ask with tokens that the authorization servers issue"},
                                           {"service-principal-credential",
                                            "Microsoft's order: the credentials in the tenant first, then what is on "
                                            "premises"},
                                           {"setting-override", "it makes the servers use ApplicationIdentifier"},
                                           {0}},
    .needs = UH_SQL_STEP_AUTH_SERVER_NEEDS,
    .checks = "mailbox.on-premises",
    .discover = discover,
    .undo = undo,
    .effect = "The servers trust no token of the tenant any more; Hybrid Modern Authentication ends.",
    .undo_limits =
        "The object is a new one; Exchange fetches certificates and endpoints anew from the metadata's address.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-authserver",
    .explain =
        "The hybrid deployment's are those of type MicrosoftACS and AzureAD that lead to this tenant: by Realm, or by the "
        "metadata's address where Realm is empty. The wizard names them ACS - <guid> and EvoSts - <guid>, the manual "
        "procedure WindowsAzureACS and evoSTS; names decide nothing, and several of one type can be there. Those of another "
        "tenant, of AD FS and all other types stay and go with the server.\n"
        "One that is the default authorization endpoint is switched off for that first, and one with an "
        "ApplicationIdentifier loses it first, as Microsoft's script for the dedicated application leaves both behind. "
        "That ApplicationIdentifier can be cleared with $null is not documented. Exchange may need an hour to notice: do "
        "not judge by functional tests too early. Turning off Hybrid Modern Authentication while mailboxes are on "
        "premises would lock their users out; the gate sees to that."};
