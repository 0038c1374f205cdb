/* SPDX-License-Identifier: Apache-2.0 */
/* Links of the Exchange container to groups that were deleted. */
#include <unhybrid/step.h>
#include <unhybrid/step_sql_directory.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */
/* The directory keeps the name of what a link leads to; once that is deleted, its name is one among the deleted ones. */
#define DELETED "value LIKE '%\\0ADEL:%'"
static const char sql[] =
    UH_SQL_STEP_ENTRIES ","
    " container AS ("
    "  SELECT *, coalesce(prop_list(json, 'otherWellKnownObjects'), '[]') AS links"
    "   FROM entry"
    "   WHERE lower(class) = 'msexchconfigurationcontainer'"
    "     AND lower(dn) LIKE 'cn=microsoft exchange,cn=services,cn=configuration,dc=%'),"
    " sorted AS ("
    "  SELECT *, (SELECT json_group_array(value) FROM json_each(links) WHERE " DELETED ") AS gone,"
    "    (SELECT json_group_array(value) FROM json_each(links) WHERE NOT " DELETED ") AS rest,"
    "    EXISTS (SELECT 1 FROM json_each(links) WHERE type <> 'text') AS unread"
    "   FROM container)"
    " SELECT " UH_SQL_STEP_ENTRY("sorted") ","
    "  CASE WHEN unread THEN NULL WHEN gone = '[]' THEN 'server' ELSE 'shared' END AS owner,"
    "  CASE WHEN unread THEN 'a value of otherWellKnownObjects cannot be read'"
    "    WHEN gone = '[]' THEN 'it has ' || json_array_length(rest) || ' links, none of them to a deleted object'"
    "    ELSE json_array_length(gone) || ' of its links lead to deleted groups: Setup and PrepareAD fail over them; '"
    "      || json_array_length(rest) || ' others stay' END AS reason,"
    "  dn, class, gone, rest"
    " FROM sorted"
    " ORDER BY dn";
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { GONE = UH_ROW_OWN + 2, REST };
  struct uh_step_list gone UH_CLEANUP(uh_step_list_clear) = {0};
  struct uh_step_list rest UH_CLEANUP(uh_step_list_clear) = {0};
  const struct uh_action words = {.why = row->reason,
                                  .effect = "Nothing: what these links lead to has been deleted before."};
  if (uh_step_list_read(row->query, GONE, &gone, err) < 0 || uh_step_list_read(row->query, REST, &rest, err) < 0)
    return -1;
  return uh_step_take_values(run, row, "otherWellKnownObjects", &gone, &rest, &words, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  if (uh_step_obstacles(run, UH_SQL_STEP_SERVER_ENTRIES, err) < 0) return -1;
  return uh_step_each(run, sql, act, err);
}

UH_STEP(well_known_object) = {
    .id = "well-known-object",
    .title = "Take links to deleted groups out of the Exchange container",
    .requirement = "O-A5",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows = (const struct uh_follows[]){{0}},
    .needs = UH_STEP_ENTRY_NEEDS,
    .checks = UH_STEP_ENTRY_CHECKS,
    .discover = discover,
    .undo = uh_undo_by_engine,
    .effect = "Nothing: only links to what is deleted go.",
    .undo_limits =
        "A directory does not let a link be written that leads to a deleted object; an undo is refused then, "
        "and there is nothing to put back.",
    .reference = "https://microsoft.github.io/CSS-Exchange/Setup/SetupAssist/",
    .explain =
        "otherWellKnownObjects of CN=Microsoft Exchange,CN=Services holds one link for each of Exchange's security "
        "groups. A value whose name is among the deleted objects (\\0ADEL:) goes; every other stays, whatever it is: the "
        "attribute is written with these alone, since no directory takes one out by the name of what was deleted. "
        "A sweep that deletes the groups itself leaves their links to the next."};
