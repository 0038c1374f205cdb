/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a case begins. Nothing here decides about any object: the steps do that, by the same statements. This tells a
 * person what they have before them, and by what it is seen.
 */
#include "plan/start.h"

#include <sqlite3.h>

#include <unhybrid/step_sql.h>
#include <unhybrid/text.h>

#include "plan/plan_internal.h"

enum { EVIDENCE_MAX = 1000 };

static const struct {
  const char *id, *text, *next;
} points[UH_STARTS] = {
    [UH_START_SERVER] = {"server", "An Exchange server is there.",
                         "`unhybrid cleanup` takes the hybrid deployment apart; then Exchange is uninstalled."},
    [UH_START_SILENT_SERVER] = {"silent-server", "Whether the server still lives is doubtful.",
                                "Where the machine is gone for good, delete its computer account: then it counts as "
                                "gone. Where it lives, let it answer."},
    [UH_START_SERVER_GONE] =
        {"server-gone", "No Exchange server is left.",
         "`unhybrid sweep` removes what is left in Exchange Online, Entra ID and Active Directory. "
         "Setup is not run, and what only Exchange's own cmdlets could change stays."},
    [UH_START_GHOST] =
        {"ghost-server", "A server is listed that does not exist any more.",
         "It counts as no server. Delete its object below CN=Servers (ADSI Edit), once its machine is known "
         "to be gone for good: until then nothing else of Exchange is deleted in Active Directory."},
    [UH_START_TOOLS] =
        {"management-tools", "Recipients are managed with the Exchange Management Tools.",
         "The last server may be powered off, and is never uninstalled. `unhybrid cleanup` takes the "
         "hybrid deployment apart on both sides. Never removed are Exchange's organisation, its server's "
         "object, databases, system mailboxes, security groups and containers in Active Directory."},
    [UH_START_HALF] =
        {"half-done", "Part of the hybrid deployment was removed already, and not by this case.",
         "What is absent counts as done. What is left is planned as ever; what cannot be told any more by "
         "what is left, the plan names, with its remedy."},
    [UH_START_OTHERS] = {"leftovers", "Things are there that another tool, a script or an earlier wizard left.",
                         "`unhybrid cleanup --dry-run` says of each whose it is, and whether it goes or stays."},
    [UH_START_UNKNOWN] = {"unknown", "Not all that tells where the case stands could be looked at.",
                          "See that these sets can be read; until then nothing is concluded from what was not seen."},
};

const char *uh_start_id(enum uh_start start) {
  return points[start].id;
}
const char *uh_start_text(enum uh_start start) {
  return points[start].text;
}
const char *uh_start_next(enum uh_start start) {
  return points[start].next;
}

/* ---- the list ---- */

void uh_starts_clear(struct uh_starts *starts) {
  for (size_t i = 0; i < UH_STARTS; i++) {
    for (size_t k = 0; k < starts->v[i].n; k++) free(starts->v[i].evidence[k]);
    free(starts->v[i].evidence);
    starts->v[i] = (struct uh_start_point){0};
  }
}

static int add(struct uh_starts *starts, enum uh_start start, const char *evidence, struct uh_err *err) {
  struct uh_start_point *p = &starts->v[start];
  for (size_t i = 0; i < p->n; i++)
    if (strcmp(p->evidence[i], evidence) == 0) return 0;
  if (p->n == EVIDENCE_MAX) return 0;
  char **v = reallocarray(p->evidence, p->n + 1, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  p->evidence = v;
  if (!(v[p->n] = strdup(evidence))) return uh_fail_nomem(err);
  p->n++;
  return 0;
}

/* ---- statements: one column, the evidence. ?1 is now ---- */

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

#define COMPUTER(column)                                                                                            \
  "(SELECT " column " FROM object AS c WHERE c.side = 'on-premises' AND c.kind = 'ExchangeComputer'"                \
  "   AND (rtrim(lower(prop(c.json, 'DNSHostName')), '.') = server.fqdn"                                            \
  "    OR lower(prop(c.json, 'SamAccountName')) = lower(server.name) || '$'))"
#define LISTED                                                                                                      \
  "WITH server AS MATERIALIZED ("                                                                                   \
  "  SELECT max(name) AS name, max(rtrim(lower(prop(json, 'Fqdn')), '.')) AS fqdn"                                  \
  "   FROM object WHERE side = 'on-premises' AND kind = 'ExchangeServer' GROUP BY lower(name)),"                    \
  " answers(yes) AS ("                                                                                              \
  "  SELECT EXISTS (SELECT 1 FROM \"set\" WHERE source = 'exchange-server' AND state = 'complete')),"               \
  " account AS MATERIALIZED ("                                                                                      \
  "  SELECT server.name, server.fqdn, " COMPUTER("count(*)") " AS accounts,"                                        \
  "    " COMPUTER("max(prop(c.json, 'Enabled') IN (1, 'true'))") " AS enabled,"                                     \
  "    " COMPUTER("max(CAST(nullif(prop(c.json, 'LastLogonTimestamp'), '') AS INTEGER) / 10000000 - 11644473600)") " AS last_logon," \
  "    answers.yes AS answers"                                                                                      \
  "   FROM server, answers),"                                                                                       \
  " judged AS ("                                                                                                    \
  "  SELECT *, NOT answers AND (enabled = 0 OR last_logon < ?1 - 86400 * 60) AS silent FROM account WHERE accounts > 0)"
static const char server_sql[] = LISTED
    " SELECT name || ' has the computer account ' || fqdn"
    "   || coalesce(', which signed in last on ' || strftime('%Y-%m-%d', last_logon, 'unixepoch'), '')"
    "   || iif(answers, ', and Exchange''s own cmdlets were answered', ', but Exchange''s own cmdlets were not asked, or not answered')"
    " FROM judged WHERE silent IS NOT 1 ORDER BY name";
static const char silent_sql[] = LISTED
    " SELECT name || ': its computer account ' || fqdn"
    "   || iif(enabled = 0, ' is disabled', ' signed in last on ' || strftime('%Y-%m-%d', last_logon, 'unixepoch'))"
    "   || ', and Exchange''s own cmdlets were not answered'"
    " FROM judged WHERE silent ORDER BY name";

/* While the organisation is there, what is absent was taken away; when it is gone, it went with it. */
#define ORGANIZED "EXISTS (SELECT 1 FROM configuration WHERE side = 'on-premises' AND kind = 'OrganizationConfig')"
#define OF_DEPLOYMENT(statement) "SELECT side, kind, name FROM (" statement ") WHERE owner IN ('hybrid', 'shared')"
#define DEPLOYMENT                                                                                                  \
  "(" OF_DEPLOYMENT(UH_SQL_STEP_INTRA) " UNION ALL " OF_DEPLOYMENT(UH_SQL_STEP_RELATIONSHIP)                        \
  " UNION ALL " OF_DEPLOYMENT(UH_SQL_STEP_SEND) " UNION ALL " OF_DEPLOYMENT(UH_SQL_STEP_CONNECTOR) ")"
#define DEPLOYMENT_NEEDS                                                                                            \
  UH_SQL_STEP_INTRA_NEEDS "," UH_SQL_STEP_RELATIONSHIP_NEEDS "," UH_SQL_STEP_SEND_NEEDS "," UH_SQL_STEP_CONNECTOR_NEEDS
static const char no_configuration_sql[] =
    "SELECT 'the hybrid configuration is not there, and of what the wizard made beside it '"
    "   || count(*) || iif(count(*) = 1, ' object is, ', ' objects are, for instance ') || min(kind || ' ' || name)"
    " FROM " DEPLOYMENT
    " WHERE NOT EXISTS (SELECT 1 FROM configuration WHERE kind = 'HybridConfiguration') AND " ORGANIZED
    " HAVING count(*) > 0";
#define ONE_SIDED(what, statement)                                                                                  \
  "SELECT '" what " ' || name || iif(side = 'cloud', ' is in Exchange Online, and none on premises leads back',"    \
  "   ' is on premises, and none in Exchange Online leads back')"                                                   \
  " FROM (SELECT side, name, count(*) FILTER (WHERE side = 'cloud') OVER () AS there,"                              \
  "   count(*) FILTER (WHERE side <> 'cloud') OVER () AS here"                                                      \
  "   FROM (" statement ") WHERE owner IN ('hybrid', 'shared'))"                                                    \
  " WHERE (there = 0 OR here = 0) AND " ORGANIZED " ORDER BY name"
static const char intra_sql[] = ONE_SIDED("the intra-organization connector", UH_SQL_STEP_INTRA);
static const char relationship_sql[] = ONE_SIDED("the organization relationship", UH_SQL_STEP_RELATIONSHIP);
#define MINE                                                                                                        \
  "(trim(lower(prop(holder.json, 'OrganizationGuid')), '{}') = (SELECT value FROM anchor WHERE name = 'organization-guid'))"
static const char no_holder_sql[] =
    "SELECT 'no OnPremisesOrganization in the tenant has this organisation''s GUID, and '"
    "   || count(*) || iif(count(*) = 1, ' object there is', ' objects there are') || ' the deployment''s, for instance ' || min(kind || ' ' || name)"
    " FROM " DEPLOYMENT
    " WHERE side = 'cloud' AND NOT EXISTS (SELECT 1 FROM configuration AS holder"
    "   WHERE side = 'cloud' AND kind = 'OnPremisesOrganization' AND " MINE " IS NOT 0)"
    " HAVING count(*) > 0";
#define DANGLES(property, noun, words)                                                                              \
  "SELECT 'OnPremisesOrganization names the " words " ' || prop(holder.json, '" property "') || ', and it is not there'" \
  " FROM configuration AS holder"                                                                                   \
  " WHERE side = 'cloud' AND kind = 'OnPremisesOrganization' AND " MINE                                             \
  "  AND prop(holder.json, '" property "') <> ''"                                                                   \
  "  AND NOT EXISTS (SELECT 1 FROM configuration AS named WHERE named.side = 'cloud' AND named.kind = '" noun "'"   \
  "    AND lower(prop(holder.json, '" property "')) IN (lower(named.name), lower(named.identity), lower(named.guid)))"
static const char inbound_sql[] = DANGLES("InboundConnector", "InboundConnector", "inbound connector");
static const char outbound_sql[] = DANGLES("OutboundConnector", "OutboundConnector", "outbound connector");
static const char named_relationship_sql[] = DANGLES("OrganizationRelationship", "OrganizationRelationship", "organization relationship");

#define SWITCHED_OFF(statement)                                                                                     \
  "SELECT kind || ' ' || name || iif(side = 'cloud', ' (Exchange Online)', ' (on premises)') || ' is the deployment''s, and switched off'" \
  " FROM (" statement ") WHERE owner IN ('hybrid', 'shared') AND enabled = 0 ORDER BY side, name"
static const char intra_off_sql[] = SWITCHED_OFF(UH_SQL_STEP_INTRA);
static const char relationship_off_sql[] = SWITCHED_OFF(UH_SQL_STEP_RELATIONSHIP);
static const char send_off_sql[] = SWITCHED_OFF(UH_SQL_STEP_SEND);
static const char connector_off_sql[] = SWITCHED_OFF(UH_SQL_STEP_CONNECTOR);

/* Whoever else is in the tenant may have them. */
#define ALONE "NOT EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'other-organization')"
static const char wizards_sql[] =
    "SELECT kind || ' ' || name || ' was made by a wizard, and it is not known for whom: ' || reason"
    " FROM (" UH_SQL_STEP_CONNECTOR ") WHERE owner IS NULL ORDER BY kind, name";
static const char other_guid_sql[] =
    "WITH here(domain) AS MATERIALIZED ("
    "  SELECT domain_key(ltrim(coalesce(nullif(prop(json, 'DomainName'), ''), name), '*.')) FROM configuration"
    "   WHERE side = 'on-premises' AND kind = 'AcceptedDomain')"
    " SELECT 'OnPremisesOrganization ' || holder.name || ' has another organisation''s GUID ' || prop(holder.json, 'OrganizationGuid')"
    "   || ', and all its domains are accepted here: ' || " UH_SQL_STEP_WORDS("prop_list(holder.json, 'HybridDomains')")
    "   || '. It and what it names count as another forest''s, and stay. Where that organisation is gone for good, a person removes'"
    "   || ' this object in Exchange Online (Remove-OnPremisesOrganization): whose the rest is, is told by where it leads then'"
    " FROM configuration AS holder"
    " WHERE side = 'cloud' AND kind = 'OnPremisesOrganization' AND " MINE " = 0"
    "  AND prop_list(holder.json, 'HybridDomains') <> '[]'"
    "  AND NOT EXISTS (SELECT 1 FROM json_each(prop_list(holder.json, 'HybridDomains')) AS entry"
    "    WHERE " UH_SQL_STEP_DOMAIN("entry.value") " NOT IN (SELECT domain FROM here WHERE domain IS NOT NULL))";
/* Identifiers of older uploads are written in several ways; what is none of them by itself the step compares. */
#define CREDENTIAL_MARK                                                                                             \
  "upper(coalesce(json_extract(k.value, '$.thumbprint'),"                                                           \
  " iif(length(json_extract(k.value, '$.customKeyIdentifier')) = 40"                                                \
  "  AND json_extract(k.value, '$.customKeyIdentifier') NOT GLOB '*[^0-9A-Fa-f]*', json_extract(k.value, '$.customKeyIdentifier'), '')))"
static const char credential_sql[] =
    "SELECT 'Exchange Online''s principal has the credential ' || coalesce(json_extract(k.value, '$.displayName'), '') || ' ('"
    "   || coalesce(json_extract(k.value, '$.keyId'), '') || '), '"
    "   || iif(" CREDENTIAL_MARK " = '', 'of which no thumbprint is told: the plan says whether it can be known', 'which is no auth certificate''s that is known here')"
    " FROM configuration AS p, json_each(prop_list(p.json, 'keyCredentials')) AS k"
    " WHERE p.side = 'cloud' AND p.kind = 'GraphServicePrincipal'"
    "  AND lower(prop(p.json, 'appId')) = '00000002-0000-0ff1-ce00-000000000000' AND " ALONE
    "  AND " CREDENTIAL_MARK " NOT IN (SELECT upper(value) FROM anchor WHERE name = 'auth-certificate')";
#define APPLICATION "lower(prop(server.json, 'ApplicationIdentifier'))"
static const char application_sql[] =
    "SELECT 'the authorization server ' || server.name || ' names the application ' || " APPLICATION
    "   || ', which the tenant does not have'"
    " FROM configuration AS server"
    " WHERE side = 'on-premises' AND kind = 'AuthServer' AND " APPLICATION " <> ''"
    "  AND " APPLICATION " NOT LIKE '0000000%-0000-0ff1-ce00-000000000000'"
    "  AND " APPLICATION " <> '00000001-0000-0000-c000-000000000000'"
    "  AND NOT EXISTS (SELECT 1 FROM configuration AS a WHERE a.side = 'cloud' AND a.kind = 'GraphApplication'"
    "    AND lower(prop(a.json, 'appId')) = " APPLICATION ")";
static const char override_sql[] =
    "SELECT 'the setting override ' || name || ' tells servers to call by a dedicated application, and no authorization server names one'"
    " FROM configuration AS o"
    " WHERE side = 'on-premises' AND kind = 'SettingOverride'"
    "  AND lower(prop(json, 'ComponentName')) = 'global' AND lower(prop(json, 'SectionName')) = 'exchangeonpremasthirdpartyappid'"
    "  AND NOT EXISTS (SELECT 1 FROM configuration AS server WHERE server.side = 'on-premises' AND server.kind = 'AuthServer'"
    "    AND (" APPLICATION " NOT LIKE '0000000%-0000-0ff1-ce00-000000000000' AND " APPLICATION " <> '') IS NOT 0)";
static const char agent_sql[] =
    "SELECT 'the application ' || name || ' behind Application Proxy is a Hybrid Agent''s, and nothing leads through it'"
    " FROM configuration"
    " WHERE side = 'cloud' AND kind = 'GraphProxyPrincipal' AND " ALONE
    "  AND lower(prop(json, 'homepage')) LIKE 'https://%.resource.mailboxmigration.his.msappproxy.net%'"
    "  AND NOT EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'hybrid-agent' AND lower(anchor.value) = lower(prop(json, 'appId')))";
/* What leads through an agent is found where it stands; the tenant's application, by which Microsoft's proxy lets it in, not. */
static const char no_agent_sql[] =
    "SELECT 'objects of the deployment lead through the Hybrid Agent ' || lower(value) || ', and the tenant has no application of it'"
    " FROM anchor"
    " WHERE name = 'hybrid-agent' AND NOT EXISTS (SELECT 1 FROM configuration AS p"
    "   WHERE p.side = 'cloud' AND p.kind = 'GraphProxyPrincipal'"
    "    AND (lower(prop(p.json, 'appId')) = lower(anchor.value)) IS NOT 0)";
static const char groups_sql[] =
    "SELECT 'otherWellKnownObjects of ' || container.name || ' still points to '"
    "   || count(*) || iif(count(*) = 1, ' group that was deleted', ' groups that were deleted')"
    " FROM object AS container, json_each(prop_list(container.json, 'OtherWellKnownObjects')) AS known"
    " WHERE container.side = 'on-premises' AND container.kind = 'ExchangeContainer' AND known.value LIKE '%\\0ADEL:%'"
    " GROUP BY container.fact";
/* clang-format on */

/* journal: what the case did itself looks the same, so once it has begun this says nothing. */
static const struct look {
  enum uh_start start;
  bool journal;
  const char *needs, *sql;
} looks[] = {
    {UH_START_SERVER, false, "on-premises:ExchangeServer", server_sql},
    {UH_START_SILENT_SERVER, false, "on-premises:ExchangeServer", silent_sql},
    {UH_START_HALF, true, "on-premises:HybridConfiguration," DEPLOYMENT_NEEDS, no_configuration_sql},
    {UH_START_HALF, true, UH_SQL_STEP_INTRA_NEEDS, intra_sql},
    {UH_START_HALF, true, UH_SQL_STEP_RELATIONSHIP_NEEDS, relationship_sql},
    {UH_START_HALF, true, DEPLOYMENT_NEEDS, no_holder_sql},
    {UH_START_HALF, true, "cloud:OnPremisesOrganization,cloud:InboundConnector", inbound_sql},
    {UH_START_HALF, true, "cloud:OnPremisesOrganization,cloud:OutboundConnector", outbound_sql},
    {UH_START_HALF, true, "cloud:OnPremisesOrganization,cloud:OrganizationRelationship", named_relationship_sql},
    {UH_START_OTHERS, true, UH_SQL_STEP_INTRA_NEEDS, intra_off_sql},
    {UH_START_OTHERS, true, UH_SQL_STEP_RELATIONSHIP_NEEDS, relationship_off_sql},
    {UH_START_OTHERS, true, UH_SQL_STEP_SEND_NEEDS, send_off_sql},
    {UH_START_OTHERS, true, UH_SQL_STEP_CONNECTOR_NEEDS, connector_off_sql},
    {UH_START_OTHERS, false, UH_SQL_STEP_CONNECTOR_NEEDS, wizards_sql},
    {UH_START_OTHERS, false, "cloud:OnPremisesOrganization,on-premises:AcceptedDomain", other_guid_sql},
    {UH_START_OTHERS, false, "cloud:GraphServicePrincipal,on-premises:AuthConfig,cloud:OnPremisesOrganization",
     credential_sql},
    {UH_START_OTHERS, true, "on-premises:AuthServer,cloud:GraphApplication", application_sql},
    {UH_START_OTHERS, true, "on-premises:SettingOverride,on-premises:AuthServer", override_sql},
    {UH_START_OTHERS, true, "cloud:GraphProxyPrincipal,cloud:OnPremisesOrganization", agent_sql},
    {UH_START_OTHERS, true, "cloud:GraphProxyPrincipal", no_agent_sql},
    {UH_START_OTHERS, true, "on-premises:ExchangeContainer", groups_sql},
};

/* ---- looking ---- */

static int tell_unknown(void *user, const char *set, const char *state, const char *why, struct uh_err *err) {
  char text[1000];
  uh_print(text, sizeof text, "%s is %s%s%.*s", set, state, *why ? ": " : "", UH_HEAD(why, 700));
  return add(user, UH_START_UNKNOWN, text, err);
}

static int look(struct judge *judge, const struct look *l, struct uh_starts *ret, struct uh_err *err) {
  struct uh_query *q UH_CLEANUP(uh_query_freep) = NULL;
  char why[400];
  int r;
  /* What is there is seen all the same; that something is not, only in what was read in full. */
  if (uh_sets_lacking(judge, l->needs, tell_unknown, ret, err) < 0) return -1;
  int lacking = uh_judge_lacking(judge, l->needs, why, sizeof why, err);
  bool concludes_from_absence = l->start == UH_START_HALF || l->start == UH_START_OTHERS;
  if (lacking != 0 && (lacking < 0 || concludes_from_absence)) return lacking < 0 ? -1 : 0;
  if (uh_judge_query(judge, l->sql, &q, err) < 0) return -1;
  uh_query_bind_int(q, 1, judge->now);
  while ((r = uh_query_next(q, err)) > 0) {
    const char *evidence = uh_query_text(q, 0);
    if (evidence && add(ret, l->start, evidence, err) < 0) return -1;
  }
  return r;
}

static int look_at_servers(const struct uh_start_options *o, sqlite3 *db, struct uh_starts *ret, struct uh_err *err) {
  struct uh_servers servers;
  char why[600], text[900];
  if (uh_servers_count(db, &servers, err) < 0) return -1;
  int left = uh_servers_left(o->facts, why, sizeof why, err);
  if (left < 0) return -1;
  if (left == UH_SERVERS_UNKNOWN && add(ret, UH_START_UNKNOWN, why, err) < 0) return -1;
  if (servers.ghosts) {
    uh_print(text, sizeof text, "listed without a computer account in the forest: %s", servers.ghost_names);
    if (add(ret, UH_START_GHOST, text, err) < 0) return -1;
  }
  if (left != UH_SERVERS_NONE) return 0;
  return add(ret, UH_START_SERVER_GONE,
             servers.ghosts ? "Active Directory lists no Exchange server that has a computer account"
                            : "Active Directory was searched in full, and lists no Exchange server",
             err);
}

static void dbp(sqlite3 **db) {
  (void)sqlite3_close(*db);
}

static int find(const struct uh_start_options *o, struct uh_starts *ret, struct uh_err *err) {
  UH_CLEANUP(uh_anchors_freep) struct uh_anchors *anchors = NULL;
  UH_CLEANUP(dbp) sqlite3 *db = NULL;
  if (uh_facts_open(o->facts, &db, err) < 0) return -1;
  struct judge judge = {.db = db, .now = o->now, .fresh_for = INT64_MAX / 2};
  if (o->tools && add(ret, UH_START_TOOLS, o->tools, err) < 0) return -1;
  /* SQLite makes these known at their first use, by a statement that a step may not run. */
  sqlite3_exec(db, "SELECT 1 FROM json_each('[]'), json_tree('[]')", NULL, NULL, NULL);
  if (look_at_servers(o, db, ret, err) < 0 || uh_anchors_read(db, o->known, o->stated, &anchors, err) < 0) return -1;
  for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
    if (!(o->begun && looks[i].journal) && look(&judge, &looks[i], ret, err) < 0) return -1;
  return 0;
}

int uh_starts_find(const struct uh_start_options *options, struct uh_starts *ret, struct uh_err *err) {
  struct uh_starts starts = {0};
  if (find(options, &starts, err) < 0) {
    uh_starts_clear(&starts);
    return -1;
  }
  *ret = starts;
  return 0;
}
