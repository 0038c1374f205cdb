/* SPDX-License-Identifier: Apache-2.0 */
/* Edge Transport servers: their subscription is taken away before the connectors are counted. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* ServerRole is a number or words. */
#define ROLE "prop(json, 'ServerRole')"
#define IS_EDGE                                                    \
  "CASE WHEN typeof(" ROLE ") = 'integer' THEN " ROLE " & 64 <> 0" \
  " ELSE coalesce(has_word(" ROLE ", 'Edge'), " UH_SQL_TRUE("IsEdgeServer") ") END"

/* One row for each server, whoever listed it. */
static const char server_sql[] =
    "WITH listed AS ("
    "  SELECT lower(name) AS key, max(name) AS name,"
    "    max(nullif(lower(guid), '')) AS guid,"
    "    max(" IS_EDGE ") AS edge,"
    "    max(prop(json, 'Fqdn')) AS fqdn"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind = 'ExchangeServer'"
    "   GROUP BY lower(name)),"
    " source AS ("
    "  SELECT lower(value) AS server, group_concat(name, ', ') AS connectors"
    "   FROM object, json_each(prop_list(object.json, 'SourceTransportServers'))"
    "   WHERE side = 'on-premises' AND kind = 'SendConnector'"
    "   GROUP BY lower(value))"
    " SELECT edge AS violated,"
    "  coalesce(guid, key) AS key,"
    "  guid,"
    "  'server' AS kind,"
    "  name AS object,"
    "  'This Edge server is subscribed to the organisation'"
    "   || coalesce(' and is a source of the send connectors ' || connectors, '') || '.' AS message,"
    "  json_object("
    "    'IsEdgeServer', bool_json(edge),"
    "    'Fqdn', coalesce(fqdn, ''),"
    "    'send connectors', coalesce(connectors, '')) AS evidence,"
    "  " "''" " AS command"
    " FROM listed LEFT JOIN source ON source.server = listed.key";
static const char subscription_sql[] =
    "SELECT 1 AS violated," UH_SQL_OBJECT_WHO
    "  'edge subscription' AS kind,"
    "  'This Edge server is subscribed to the organisation.' AS message,"
    "  json_object('Site', coalesce(prop(json, 'Site'), '')) AS evidence,"
    "  " "''" " AS command"
    " FROM object"
    " WHERE side = 'on-premises' AND kind = 'EdgeSubscription'";
/* An export of the subscriptions adds to what the list of servers shows; without it that list is enough. */
static const struct uh_rule subscription[] = {{"on-premises", "on-premises:ExchangeServer", server_sql},
                                              {"on-premises", "on-premises:ExchangeServer", subscription_sql},
                                              {0}};
/* clang-format on */

static const struct uh_check checks[] = {
    {.id = "edge.subscription",
     .title = "No Edge server is subscribed",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-21",
     .rules = subscription,
     .remedy =
         "Move the mail that goes through the Edge server first. Then remove its subscription "
         "(Remove-EdgeSubscription, Exchange Management Shell), before the send connectors are looked at: those whose only source it was go with "
         "it. A new subscription needs the Hybrid Configuration Wizard again.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-edgesubscription",
     .explain = "Server objects with the Edge role, which a subscription makes, and exported Edge subscriptions. An "
                "Edge server that is not subscribed leaves no trace in the organisation and is not seen."},
    {0}};
UH_CHECK_MODULE(edge, checks);
