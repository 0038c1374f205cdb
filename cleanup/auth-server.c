/* SPDX-License-Identifier: Apache-2.0 */
/* The token services that Exchange Server trusts for the tenant. */
#include <unhybrid/sql.h>
#include <unhybrid/step.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * Own columns: is_default, application. What kind of token service it is, is told by the type; Active Directory has it
 * as a number whose meaning is not documented, so there the host that its metadata comes from tells. Whose tenant it
 * leads to is told by the realm, or, where none was filled in yet, by the metadata's address.
 */
static const char servers_sql[] =
    "WITH tenant(id) AS ("
    "  SELECT (SELECT lower(value) FROM anchor WHERE anchor.name = 'tenant-id' LIMIT 1)),"
    " own(domain) AS ("
    "  SELECT lower(value) FROM anchor WHERE anchor.name IN ('tenant-initial-domain', 'tenant-routing-domain')),"
    " server AS ("
    "  SELECT side, kind, guid, name, lower(prop(json, 'Type')) AS type, lower(prop(json, 'Realm')) AS realm,"
    "    lower(prop(json, 'AuthMetadataUrl')) AS url, prop(json, 'ApplicationIdentifier') AS application,"
    "    " UH_SQL_TRUE("IsDefaultAuthorizationEndpoint") " AS is_default"
    "   FROM configuration"
    "   WHERE side = 'on-premises' AND kind = 'AuthServer'),"
    " typed AS ("
    "  SELECT *, CASE"
    "    WHEN type IN ('microsoftacs', 'azuread') THEN 1"
    "    WHEN type <> '' AND type GLOB '[a-z]*' THEN 0"
    "    WHEN url LIKE 'https://accounts.accesscontrol.%' OR url LIKE 'https://login.windows.net/%'"
    "      OR url LIKE 'https://login.microsoftonline.%' OR url LIKE 'https://login.partner.microsoftonline.cn/%'"
    "      OR url LIKE 'https://login.chinacloudapi.cn/%' THEN 1"
    "    WHEN url IS NOT NULL AND type IS NOT NULL THEN 0 END AS microsofts,"
    "    iif(realm <> '', realm = tenant.id OR realm IN (SELECT domain FROM own),"
    "      iif(instr(url, '/' || tenant.id || '/') > 0, 1,"
    "        iif(EXISTS (SELECT 1 FROM own WHERE instr(url, '/' || domain || '/') > 0), 1, NULL))) AS ours,"
    "    tenant.id AS tenant_id"
    "   FROM server, tenant)"
    " SELECT side, kind, guid, name,"
    "  CASE WHEN microsofts IS NULL THEN NULL WHEN NOT microsofts THEN 'server'"
    "    WHEN tenant_id IS NULL THEN NULL WHEN ours THEN 'hybrid' WHEN ours = 0 THEN 'partner' END AS owner,"
    "  CASE WHEN microsofts IS NULL THEN 'Type or AuthMetadataUrl was not obtained'"
    "    WHEN NOT microsofts THEN 'it is another kind of token service (' || coalesce(nullif(type, ''), url) || ')'"
    "    WHEN tenant_id IS NULL THEN 'the tenant''s id is not known'"
    "    WHEN ours AND realm <> '' THEN 'it issues Microsoft''s tokens of this tenant: Realm is ' || realm"
    "    WHEN ours THEN 'it issues Microsoft''s tokens of this tenant: ' || url"
    "    WHEN ours = 0 THEN 'it issues tokens of another tenant: Realm is ' || realm"
    "    ELSE 'neither Realm nor AuthMetadataUrl tells which tenant it is of' END AS reason,"
    "  is_default, application"
    " FROM typed"
    " ORDER BY name, guid";
/* clang-format on */

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
  static const struct uh_undo_parameter parameters[] = {{"Name", UH_VALUE_TEXT, NULL, false},
                                                        {"AuthMetadataUrl", UH_VALUE_TEXT, NULL, false},
                                                        {"Type", UH_VALUE_TEXT, NULL, false},
                                                        {"ApplicationIdentifier", UH_VALUE_TEXT, NULL, false},
                                                        {"DomainName", UH_VALUE_TEXTS, NULL, false},
                                                        {"Enabled", UH_VALUE_BOOL, NULL, false},
                                                        {"IsDefaultAuthorizationEndpoint", UH_VALUE_BOOL, NULL, true},
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
    .needs = "on-premises:AuthServer",
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
