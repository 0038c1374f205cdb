/* SPDX-License-Identifier: Apache-2.0 */
/* Service connection points of servers that are gone: they still send Outlook to them. */
#include <stdio.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>
#include <unhybrid/step_sql_directory.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * Own columns: asked. One that stands elsewhere than below the organisation was put there by a person: it is this
 * organisation's where it leads to one of its servers, and asked for where it leads into one of its domains.
 */
#define HAS(keyword) \
  "EXISTS (SELECT 1 FROM json_each(keywords) AS word WHERE lower(word.value) = lower('" keyword "'))"
static const char sql[] =
    UH_SQL_STEP_ENTRIES ","
    " point AS ("
    "  SELECT *, prop_list(json, 'keywords') AS keywords,"
    "    coalesce((SELECT group_concat(value, ', ') FROM json_each(prop_list(entry.json, 'serviceBindingInformation'))), 'nowhere') AS leads,"
    "    " UH_SQL_STEP_EXCHANGE("dn") " AS inside"
    "   FROM entry"
    "   WHERE lower(class) = 'serviceconnectionpoint'),"
    " led AS ("
    "  SELECT *, EXISTS (SELECT 1 FROM json_each(prop_list(point.json, 'serviceBindingInformation')) AS binding"
    "      WHERE " UH_SQL_STEP_SERVER(UH_SQL_STEP_HOST("binding.value")) ") AS to_server,"
    "    EXISTS (SELECT 1 FROM json_each(prop_list(point.json, 'serviceBindingInformation')) AS binding"
    "      WHERE binding.value LIKE 'ldap%' AND NOT " UH_SQL_STEP_MICROSOFT(UH_SQL_STEP_HOST("binding.value")) ") AS to_forest,"
    "    EXISTS (SELECT 1 FROM json_each(prop_list(point.json, 'serviceBindingInformation')) AS binding, anchor"
    "      WHERE anchor.name IN ('accepted-domain', 'hybrid-domain')"
    "       AND '.' || " UH_SQL_STEP_HOST("binding.value") " LIKE '%.' || " UH_SQL_STEP_DOMAIN("anchor.value") ") AS into_domain"
    "   FROM point),"
    " sorted AS ("
    "  SELECT *, " HAS("77378F46-2C66-4aa9-A6A6-3E7A48B19596") " AS of_server, " HAS("67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68") " AS pointer"
    "   FROM led),"
    " judged AS ("
    "  SELECT *, CASE"
    "    WHEN keywords IS NULL THEN iif(inside, NULL, 'tenant')"
    "    WHEN pointer THEN iif(to_forest, 'other-forest', 'tenant')"
    "    WHEN of_server AND (inside OR to_server OR into_domain) THEN 'hybrid'"
    "    WHEN of_server THEN 'other-forest'"
    "    ELSE 'tenant' END AS owner"
    "   FROM sorted)"
    " SELECT " UH_SQL_STEP_ENTRY("judged") ", owner,"
    "  CASE"
    "    WHEN owner IS NULL THEN 'it has no keywords: whether it is one of Autodiscover cannot be told'"
    "    WHEN pointer THEN 'it is no server''s, but a pointer to ' || leads"
    "    WHEN owner = 'hybrid' THEN 'the server ' || name || ' is gone, and this still sends Outlook to ' || leads"
    "    WHEN of_server THEN 'it does not stand in this organisation''s part of the directory, and leads to ' || leads"
    "    ELSE 'it is not one of Autodiscover' END AS reason,"
    "  dn, class, NOT (inside OR to_server) AS asked"
    " FROM judged"
    " ORDER BY dn";
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { ASKED = UH_ROW_OWN + 2 };
  int64_t asked = 0;
  char question[600];
  uh_print(
      question, sizeof question,
      "The service connection point %.*s was put there by a person, and leads into a domain of this "
      "organisation, to a host that is not known as one of its servers. Is nothing there any more, so that it can go?",
      UH_HEAD(row->subject.name, 300));
  const struct uh_action words = {
      .why = row->reason,
      .approval = uh_query_int(row->query, ASKED, &asked) && !asked ? NULL : question,
      .effect = "Outlook inside the domain does not ask this address any more, and goes on to DNS."};
  return uh_step_delete_entry(run, row, &words, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  if (uh_step_obstacles(run, UH_SQL_STEP_SERVER_ENTRIES, err) < 0) return -1;
  return uh_step_each(run, sql, act, err);
}

UH_STEP(service_connection_point) = {
    .id = "service-connection-point",
    .title = "Delete the service connection points of servers that are gone",
    .requirement = "O-A3",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows = (const struct uh_follows[]){{0}},
    .needs = UH_STEP_ENTRY_NEEDS,
    .checks = UH_STEP_ENTRY_CHECKS,
    .discover = discover,
    .undo = uh_undo_by_engine,
    .effect = "Outlook inside the domain finds mailboxes by DNS alone.",
    .undo_limits = "The object comes back with its GUID; where the directory keeps no tombstone it is a new one.",
    .reference = "https://learn.microsoft.com/exchange/architecture/client-access/autodiscover",
    .explain =
        "Every server registers itself for Outlook (keyword 77378F46-2C66-4aa9-A6A6-3E7A48B19596); the uninstall takes "
        "that away, a forced removal does not, and Outlook then asks for passwords of a server that is not there. "
        "Deleted are those below CN=Microsoft Exchange, once no Exchange server is left in the forest, and those that somebody "
        "put elsewhere and that lead to one of the servers' hosts; into another host of this organisation's domains, when "
        "a person approves it. Pointers "
        "(67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68), to Exchange Online or to another forest, stay, and so does every "
        "service connection point that is not one of Autodiscover."};
