/* SPDX-License-Identifier: Apache-2.0 */
/* The container of Exchange's system objects, in each domain that was prepared. */
#include <stdio.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql_directory.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */
#define KNOWN_BELOW \
  "(lower(below.class) LIKE 'msexch%'" \
  " OR (lower(below.class) = 'group' AND lower(below.name) GLOB 'exchange install domain servers*')" \
  " OR (lower(below.class) = 'container' AND lower(below.name) = 'monitoring mailboxes')" \
  " OR (lower(below.class) = 'user' AND (lower(below.name) GLOB 'healthmailbox*' OR lower(below.name) GLOB 'systemmailbox{*')))"
static const char sql[] =
    UH_SQL_STEP_ENTRIES ","
    " judged AS ("
    "  SELECT *, " UH_SQL_STEP_RECIPIENT_BELOW("entry.dn") " AS recipient,"
    "    (SELECT min(below.dn) FROM entry AS below"
    "      WHERE " UH_SQL_STEP_BELOW("below.dn", "entry.dn") " AND NOT " KNOWN_BELOW ") AS other,"
    "    (SELECT count(*) FROM entry AS below WHERE " UH_SQL_STEP_BELOW("below.dn", "entry.dn") ") AS n"
    "   FROM entry"
    "   WHERE lower(class) = 'msexchsystemobjectscontainer'"
    "     AND lower(dn) LIKE 'cn=microsoft exchange system objects,dc=%')"
    " SELECT " UH_SQL_STEP_ENTRY("judged") ","
    "  CASE WHEN recipient IS NOT NULL OR other IS NOT NULL THEN 'tenant' ELSE 'hybrid' END AS owner,"
    "  CASE WHEN recipient IS NOT NULL THEN 'a recipient stands in it: ' || recipient"
    "    WHEN other IS NOT NULL THEN 'it holds what Setup does not make: ' || other"
    "    ELSE 'no Exchange server is left, and none of the ' || n || ' objects below it is a mailbox or a public folder' END AS reason,"
    "  dn, class, n"
    " FROM judged"
    " ORDER BY dn";
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { BELOW = UH_ROW_OWN + 2 };
  int64_t n = 0;
  char question[700];
  (void)uh_query_int(row->query, BELOW, &n);
  uh_print(question, sizeof question,
           "%.*s goes, with %lld objects below it. Whether anything still needs it is told differently. Shall "
           "it?",
           UH_HEAD(row->subject.name, 400), (long long)n);
  const struct uh_action words = {.why = row->reason,
                                  .effect = "The domain counts as one that was not prepared for Exchange.",
                                  .approval = question};
  return uh_step_delete_entry(run, row, &words, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  if (uh_step_obstacles(run, UH_SQL_STEP_SERVER_ENTRIES, err) < 0) return -1;
  return uh_step_each(run, sql, act, err);
}

UH_STEP(system_objects_container) = {
    .id = "system-objects-container",
    .title = "Delete the container of Exchange's system objects",
    .requirement = "O-A6",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows = (const struct uh_follows[]){{"system-account", "accounts in it are judged one by one first", true}, {0}},
    .needs = UH_STEP_ENTRY_NEEDS,
    .checks = UH_STEP_ENTRY_CHECKS,
    .opt_in = true,
    .discover = discover,
    .undo = uh_undo_by_engine,
    .effect = "The domain counts as one that was not prepared for Exchange.",
    .undo_limits = "The objects come back with their GUIDs; where the directory keeps no tombstones they are new ones.",
    .reference = "https://learn.microsoft.com/exchange/plan-and-deploy/active-directory/ad-changes",
    .explain =
        "CN=Microsoft Exchange System Objects of each domain. Whether it should stay is told differently. It stays while "
        "a mail-enabled public folder (they hold addresses, and may still be synchronised), a mailbox or anything that "
        "Setup does not make stands in it. Every object that goes with it is listed in the plan by its GUID; one that has come "
        "since stops the deletion."};
