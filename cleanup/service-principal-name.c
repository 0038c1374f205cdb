/* SPDX-License-Identifier: Apache-2.0 */
/* Host names of servers that are gone, among the names of Exchange Online's principal. */
#include <stdio.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * Own columns: ours, asked: names as they are written. What the OAuth procedure registers is https://host/, and nothing
 * else is taken for a host's name. ours: a host by which the servers were reached, or autodiscover in a domain of this
 * organisation. asked: it stands in a domain of this organisation, and nothing says what it was.
 */
static const char sql[] =
    UH_SQL_STEP_PLACES ","
    " principal AS MATERIALIZED ("
    "  SELECT side, kind, guid, name, prop_list(json, 'servicePrincipalNames') AS names, count(*) OVER () AS principals"
    "   FROM configuration"
    "   WHERE side = 'cloud' AND kind = 'GraphServicePrincipal'"
    "     AND lower(prop(json, 'appId')) = '00000002-0000-0ff1-ce00-000000000000'),"
    " host AS MATERIALIZED ("
    "  SELECT value, " UH_SQL_STEP_HOST("value") " AS host FROM principal, json_each(names)"
    "   WHERE lower(value) IN ('https://' || host, 'https://' || host || '/')"
    "     AND instr(host, '.') > 0 AND host NOT GLOB '*[^a-z0-9.-]*'),"
    " told AS MATERIALIZED ("
    "  SELECT value, host,"
    "    " UH_SQL_STEP_SERVER("host") " OR EXISTS (SELECT 1 FROM place WHERE mine AND host = 'autodiscover.' || domain) AS served,"
    "    EXISTS (SELECT 1 FROM place WHERE mine AND (host = domain OR host LIKE '%.' || domain)) AS mine,"
    /* A domain that both claim is theirs too: their servers may be behind the host. */
    "    EXISTS (SELECT 1 FROM claimed WHERE NOT mine AND domain <> '' AND (host = domain OR host LIKE '%.' || domain)) AS theirs"
    "   FROM host WHERE NOT " UH_SQL_STEP_MICROSOFT("host") "),"
    " judged AS ("
    "  SELECT *, (SELECT json_group_array(value) FROM told WHERE served AND NOT theirs) AS ours,"
    "    (SELECT json_group_array(value) FROM told WHERE mine AND NOT served AND NOT theirs) AS asked,"
    "    (SELECT json_group_array(value) FROM told WHERE theirs) AS others"
    "   FROM principal)"
    " SELECT side, kind, guid, name,"
    "  CASE WHEN principals > 1 OR names IS NULL OR untold.holder THEN NULL"
    "    WHEN ours = '[]' AND asked = '[]' THEN 'tenant' ELSE 'shared' END AS owner,"
    "  CASE WHEN principals > 1 THEN 'the tenant shows it ' || principals || ' times'"
    "    WHEN names IS NULL THEN 'servicePrincipalNames was not obtained'"
    "    WHEN untold.holder THEN 'what an OnPremisesOrganization names was not obtained'"
    "    WHEN ours = '[]' AND asked = '[]' THEN 'it is Microsoft''s, and none of its names is of this organisation'"
    "    ELSE 'it is Microsoft''s and stays; only names of hosts that are gone go' END"
    "    || iif(others = '[]', '', '; another forest''s stay: ' || " UH_SQL_STEP_WORDS("others") ") AS reason,"
    "  ours, asked"
    " FROM judged, untold";
/* clang-format on */

#define UNDO                                                                                                       \
  "Connect-MgGraph -Scopes Application.ReadWrite.All, then Update-MgServicePrincipal with -ServicePrincipalNames " \
  "of all names that the exported before-image shows."

static int take_names(struct uh_step_run *run, const struct uh_step_row *row, const struct uh_step_list *names,
                      const char *part, const char *approval, struct uh_err *err) {
  struct uh_expect expect[UH_STEP_LIST_MAX + 1];
  uint8_t id[UH_GUID_SIZE];
  if (names->n == 0) return 0;
  if (!row->subject.guid || !uh_guid_parse(row->subject.guid, id))
    return uh_fail(err, UH_ERR_DATA, "the principal of Exchange Online has no id");
  const struct uh_graph_change change = {.action = UH_GRAPH_REMOVE_NAMES,
                                         .kind = UH_GRAPH_SERVICE_PRINCIPAL,
                                         .id = id,
                                         .name = row->subject.name,
                                         .names = names->v,
                                         .n_names = names->n};
  uh_step_expect_lacks("servicePrincipalNames", names, expect);
  const struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_REDUCE,
      .part = part,
      .executor = UH_BY_GRAPH,
      .reversible = UH_REVERSIBLE_BY_OPERATOR,
      .undo = UNDO,
      .graph = &change,
      .expect = expect,
      .why =
          "Tokens for Exchange Online are issued for these host names, behind which no server of this organisation "
          "is any more.",
      .effect = "Nobody gets a token for these addresses any more (Hybrid Modern Authentication against them).",
      .approval = approval};
  return uh_step_action(run, &action, err);
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { OURS = UH_ROW_OWN, ASKED };
  struct uh_step_list ours UH_CLEANUP(uh_step_list_clear) = {0}, asked UH_CLEANUP(uh_step_list_clear) = {0};
  char question[900];
  if (uh_step_list_read(row->query, OURS, &ours, err) < 0 || uh_step_list_read(row->query, ASKED, &asked, err) < 0 ||
      take_names(run, row, &ours, NULL, NULL, err) < 0)
    return -1;
  for (size_t i = 0; i < asked.n; i++) {
    const struct uh_step_list one = {&asked.v[i], 1};
    uh_print(question, sizeof question,
             "Exchange Online's principal has the name %.*s, in a domain of this organisation; nothing says "
             "which server it was. Is nothing of yours behind it any more, so that it can go?",
             UH_HEAD(asked.v[i], 500));
    if (take_names(run, row, &one, asked.v[i], question, err) < 0) return -1;
  }
  return 0;
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, sql, act, err);
}

UH_STEP(service_principal_name) = {
    .id = "service-principal-name",
    .title = "Take host names of servers that are gone out of Exchange Online's principal",
    .requirement = "O-09",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows = (const struct uh_follows[]){{0}},
    .needs = "cloud:GraphServicePrincipal," UH_SQL_STEP_PLACES_NEEDS,
    .checks = "",
    .discover = discover,
    .effect = "Nobody gets a token for the addresses of the servers that are gone.",
    .undo_by = "person",
    .undo_limits = "A person adds the names again; nothing else of the principal changes.",
    .reference =
        "https://learn.microsoft.com/exchange/configure-oauth-authentication-between-exchange-and-exchange-"
        "online-organizations-exchange-2013-help",
    .explain =
        "The manual OAuth procedure and Hybrid Modern Authentication put the servers' addresses (https://mail.contoso.com/) among "
        "the servicePrincipalNames of Microsoft's principal of Exchange Online. They show up nowhere in the admin "
        "centers. Those go by whose host the servers were reached, as the journal or the directory tells, and "
        "autodiscover in this organisation's domains. Other hosts in its domains go only when a person approves each. "
        "Names in another forest's hybrid domains stay, also where this organisation has the domain too, for that forest's servers may "
        "use them; names of another form stay too, as do Microsoft's own and the principal itself."};
