/* SPDX-License-Identifier: Apache-2.0 */
/* The container of Autodiscover's pointers. */
#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>
#include <unhybrid/step_sql_directory.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */
static const char sql[] =
    UH_SQL_STEP_ENTRIES ","
    " judged AS ("
    "  SELECT *,"
    "    EXISTS (SELECT 1 FROM entry AS o WHERE lower(o.class) = 'msexchorganizationcontainer') AS organization,"
    "    (SELECT min(below.dn) FROM entry AS below"
    "      WHERE " UH_SQL_STEP_BELOW("below.dn", "entry.dn")
    "       AND (lower(below.class) <> 'serviceconnectionpoint'"
    "         OR EXISTS (SELECT 1 FROM json_each(prop_list(below.json, 'serviceBindingInformation')) AS b WHERE b.value LIKE 'ldap%'"
    "           AND NOT " UH_SQL_STEP_MICROSOFT(UH_SQL_STEP_HOST("b.value")) "))) AS other"
    "   FROM entry"
    "   WHERE lower(dn) LIKE 'cn=microsoft exchange autodiscover,cn=services,cn=configuration,dc=%')"
    " SELECT " UH_SQL_STEP_ENTRY("judged") ","
    "  CASE WHEN organization THEN 'tenant' WHEN other IS NOT NULL THEN 'other-forest' ELSE 'hybrid' END AS owner,"
    "  CASE WHEN organization THEN 'the organisation container is still there, and with it this stays: its pointer helps Outlook to find Exchange Online'"
    "    WHEN other IS NOT NULL THEN 'it holds what is not this organisation''s: ' || other"
    "    ELSE 'the Exchange organisation is gone, and nothing but pointers stands in it' END AS reason,"
    "  dn, class"
    " FROM judged"
    " ORDER BY dn";
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  const struct uh_action words = {
      .why = row->reason,
      .effect = "Outlook inside the domain is not told any more where Exchange Online is; it asks DNS.",
      .approval =
          "The container of Autodiscover's service connection points goes, with its pointer to Exchange "
          "Online. Microsoft names that as a part of the forced removal alone. Shall it?"};
  return uh_step_delete_entry(run, row, &words, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  if (uh_step_obstacles(run, UH_SQL_STEP_SERVER_ENTRIES, err) < 0) return -1;
  return uh_step_each(run, sql, act, err);
}

UH_STEP(autodiscover_container) = {
    .id = "autodiscover-container",
    .title = "Delete the container of Autodiscover's service connection points",
    .requirement = "O-A2",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows =
        (const struct uh_follows[]){{"service-connection-point", "what is a server's in it is told apart first", true},
                                    {"organization-container", "it stays as long as the organisation does", true},
                                    {0}},
    .needs = UH_STEP_ENTRY_NEEDS,
    .checks = UH_STEP_ENTRY_CHECKS,
    .opt_in = true,
    .discover = discover,
    .undo = uh_undo_by_engine,
    .effect = "Outlook inside the domain finds mailboxes by DNS alone.",
    .undo_limits = "The objects come back with their GUIDs; where the directory keeps no tombstones they are new ones.",
    .reference = "https://learn.microsoft.com/exchange/architecture/client-access/autodiscover",
    .explain =
        "CN=Microsoft Exchange Autodiscover below CN=Services. It is kept while the organisation container is there, so "
        "a sweep that deletes that container leaves this one for the next. With pointers to other forests (LDAP "
        "addresses) or anything that is no service connection point in it, it stays for good."};
