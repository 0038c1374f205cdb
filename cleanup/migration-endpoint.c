/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints in Exchange Online through which mailboxes were moved from this organisation. */
#include <stdio.h>
#include <string.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * Own column: remote. A host is this organisation's when it is one of its servers' or its Hybrid Agent's, or when it
 * lies in a hybrid domain that no other organisation in the tenant has.
 */
#define LIES_IN(anchor_name)                                                                                        \
  "EXISTS (SELECT 1 FROM anchor WHERE anchor.name = '" anchor_name "' AND anchor.value <> ''"                       \
  "  AND (host = lower(anchor.value) OR host LIKE '%.' || lower(anchor.value)))"
static const char endpoints_sql[] =
    "WITH endpoint AS ("
    "  SELECT side, kind, guid, name, lower(prop(json, 'EndpointType')) AS type, prop(json, 'RemoteServer') AS remote,"
    "    domain_key(prop(json, 'RemoteServer')) AS host,"
    "    coalesce(prop(json, 'RemoteTenant'), '') || coalesce(prop(json, 'ApplicationId'), '') AS tenant"
    "   FROM configuration"
    "   WHERE side = 'cloud' AND kind = 'MigrationEndpoint'),"
    " led AS ("
    "  SELECT *,"
    "    " UH_SQL_STEP_AGENT("host") " AS agent, " UH_SQL_STEP_SERVER("host") " AS server,"
    "    " LIES_IN("hybrid-domain") " AS in_ours, " LIES_IN("other-hybrid-domain") " AS in_theirs,"
    "    host LIKE '%.msappproxy.net' AS proxy, " UH_SQL_STEP_MICROSOFT("host") " AS microsoft"
    "   FROM endpoint),"
    " judged AS ("
    "  SELECT *, CASE"
    "    WHEN type IS NULL OR type = '' THEN NULL"
    "    WHEN type <> 'exchangeremotemove' THEN 'tenant'"
    "    WHEN tenant <> '' OR microsoft THEN 'cross-tenant'"
    "    WHEN host IS NULL OR host = '' THEN NULL"
    "    WHEN agent OR server THEN 'hybrid'"
    "    WHEN in_ours AND NOT in_theirs THEN 'hybrid'"
    "    WHEN in_theirs AND NOT in_ours THEN 'other-forest'"
    "    WHEN proxy AND EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'hybrid-agent')"
    "      AND EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'other-organization') THEN 'other-forest'"
    "    END AS owner"
    "   FROM led)"
    " SELECT side, kind, guid, name, owner,"
    "  CASE"
    "    WHEN type IS NULL OR type = '' THEN 'EndpointType was not obtained'"
    "    WHEN owner = 'tenant' THEN 'it is for another kind of migration (' || type || ')'"
    "    WHEN owner = 'cross-tenant' THEN 'it moves mailboxes between tenants'"
    "    WHEN host IS NULL OR host = '' THEN 'RemoteServer was not obtained'"
    "    WHEN agent THEN 'mailboxes were moved through it from this organisation''s Hybrid Agent, ' || host"
    "    WHEN server THEN 'mailboxes were moved through it from this organisation''s server, ' || host"
    "    WHEN owner = 'hybrid' THEN 'its host lies in a hybrid domain of this organisation alone: ' || host"
    "    WHEN owner = 'other-forest' THEN 'it leads to another forest: ' || host"
    "    ELSE 'nothing tells whose host ' || host || ' is' END AS reason,"
    "  coalesce(remote, '') AS remote"
    " FROM judged"
    " ORDER BY name, guid";

/* Batches of any state: Exchange Online keeps an endpoint while one names it. */
static const char batches_sql[] =
    "SELECT group_concat(name, ', '), max(source IS NULL OR target IS NULL) FROM ("
    "  SELECT name, lower(prop(json, 'SourceEndpoint')) AS source, lower(prop(json, 'TargetEndpoint')) AS target"
    "   FROM configuration"
    "   WHERE side = 'cloud' AND kind = 'MigrationBatch')"
    " WHERE source IN (lower(?1), lower(?2)) OR target IN (lower(?1), lower(?2)) OR source IS NULL OR target IS NULL";
/* clang-format on */

/* 1: nothing uses it. */
static int is_free(struct uh_step_run *run, const struct uh_subject *endpoint, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int64_t untold = 0;
  if (uh_step_query(run, batches_sql, &query, err) < 0) return -1;
  uh_query_bind_text(query, 1, endpoint->name);
  uh_query_bind_text(query, 2, endpoint->guid ? endpoint->guid : "");
  if (uh_query_next(query, err) < 0) return -1;
  const char *batches = uh_query_text(query, 0);
  if (!batches || !*batches) return 1;
  if (uh_query_int(query, 1, &untold) && untold)
    return uh_step_owner(run, endpoint, UH_OWNER_UNKNOWN, err, "which endpoint these batches use was not obtained: %s",
                         batches);
  return uh_step_blocked(run, err,
                         "migration batches still use the endpoint %s, also when they are finished: %s; remove "
                         "them first (Remove-MigrationBatch), with their reports saved",
                         endpoint->name, batches);
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  static const struct uh_change changes[] = {{.cmdlet = "Remove-MigrationEndpoint"}, {0}};
  static const struct uh_expect expect[] = {{.what = UH_EXPECT_ABSENT}, {0}};
  int r = is_free(run, &row->subject, err);
  if (r <= 0) return r;
  const struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_REMOVE,
      .executor = UH_BY_EXCHANGE_ONLINE,
      .reversible = UH_REVERSIBLE_BY_OPERATOR,
      .changes = changes,
      .expect = expect,
      .why = row->reason,
      .effect = "No mailbox can be moved from or to this organisation's servers through it, which are gone.",
      .undo =
          "New-MigrationEndpoint -ExchangeRemoteMove with the name, the host and a credential of the organisation; it "
          "works only while a server answers there."};
  return uh_step_action(run, &action, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, endpoints_sql, act, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  struct uh_str commands UH_CLEANUP(uh_str_clear) = {0};
  const char *name = uh_undo_text(undo, "Name"), *remote = uh_undo_text(undo, "RemoteServer");
  if (!name || !remote) return uh_fail(err, UH_ERR_DATA, "the before-image does not tell the endpoint's name and host");
  uh_str_add(&commands, "New-MigrationEndpoint -ExchangeRemoteMove -Name ");
  bool quoted = uh_powershell_quote(&commands, name, strlen(name));
  uh_str_add(&commands, " -RemoteServer ");
  quoted = quoted && uh_powershell_quote(&commands, remote, strlen(remote));
  uh_str_add(&commands, " -Credentials (Get-Credential)");
  if (!quoted) return uh_fail(err, UH_ERR_DATA, "the endpoint's name cannot be written in a command");
  if (!uh_str_text(&commands)) return uh_fail_nomem(err);
  return uh_undo_commands(undo, uh_str_text(&commands), "in Exchange Online PowerShell", err);
}

UH_STEP(migration_endpoint) = {
    .id = "migration-endpoint",
    .title = "Remove the migration endpoints that led to this organisation's servers",
    .requirement = "C-11",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows = (const struct uh_follows[]){{0}},
    .needs = "cloud:MigrationEndpoint,cloud:MigrationBatch",
    .checks = "migration.batch",
    .discover = discover,
    .undo = undo,
    .effect = "No mailbox can be moved from or to this organisation's servers any more.",
    .undo_by = "person",
    .undo_limits = "A person makes it anew, with a credential; it is another object.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-migrationendpoint",
    .explain =
        "Only endpoints of type ExchangeRemoteMove whose host is a server of this organisation, its Hybrid Agent, or lies in "
        "a hybrid domain of this organisation alone. The wizard names them Hybrid Migration Endpoint - .., which decides "
        "nothing. Endpoints for IMAP, Google and public folders, those between tenants and those of another forest stay. Where "
        "a host is nobody's that is known, the step is unknown.\n"
        "An endpoint that a batch names, also a finished one, stays until the batch is removed: Exchange Online refuses, and "
        "a batch's report goes with it, so that is a person's decision."};
