/* SPDX-License-Identifier: Apache-2.0 */
/* The container of the Exchange organisation. */
#include <stdio.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql_directory.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */
static const char sql[] =
    UH_SQL_STEP_ENTRIES ","
    " judged AS ("
    "  SELECT *, " UH_SQL_STEP_RECIPIENT_BELOW("entry.dn") " AS recipient,"
    "    (SELECT count(*) FROM entry AS below WHERE " UH_SQL_STEP_BELOW("below.dn", "entry.dn") ") AS n,"
    "    (SELECT group_concat(words, ', ') FROM (SELECT count(*) || ' of ' || below.class AS words FROM entry AS below"
    "      WHERE " UH_SQL_STEP_BELOW("below.dn", "entry.dn") " GROUP BY below.class ORDER BY count(*) DESC, below.class LIMIT 12)) AS classes,"
    "    (SELECT count(*) FROM entry AS o WHERE lower(o.class) = 'msexchorganizationcontainer') AS organizations"
    "   FROM entry"
    "   WHERE lower(class) = 'msexchorganizationcontainer')"
    " SELECT " UH_SQL_STEP_ENTRY("judged") ","
    "  CASE WHEN organizations > 1 THEN NULL WHEN recipient IS NOT NULL THEN 'tenant' ELSE 'hybrid' END AS owner,"
    "  CASE WHEN organizations > 1 THEN 'a forest has one Exchange organisation, and here are ' || organizations"
    "    WHEN recipient IS NOT NULL THEN 'a recipient stands in it: ' || recipient"
    "    ELSE 'no Exchange server is left that reads it; below it are ' || n || ' objects' END AS reason,"
    "  dn, class, n, classes"
    " FROM judged"
    " ORDER BY dn";
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { BELOW = UH_ROW_OWN + 2, CLASSES };
  int64_t n = 0;
  char question[800];
  const char *classes = uh_query_text(row->query, CLASSES);
  (void)uh_query_int(row->query, BELOW, &n);
  uh_print(question, sizeof question,
           "%.*s goes, with all %lld objects below it: address lists, policies, roles, accepted domains, and "
           "what else the organisation was. Microsoft does that by hand, as a last resort. Shall it?",
           UH_HEAD(row->subject.name, 300), (long long)n);
  const struct uh_action words = {
      .why = row->reason,
      .effect =
          "There is no Exchange organisation in this forest any more. Exchange's management tools cannot work, and "
          "a new server begins with a new organisation.",
      .approval = question};
  if (classes && uh_step_note(run, err, "Below %s go: %s.", row->subject.name, classes) < 0) return -1;
  return uh_step_delete_entry(run, row, &words, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  if (uh_step_obstacles(run, UH_SQL_STEP_SERVER_ENTRIES, err) < 0) return -1;
  return uh_step_each(run, sql, act, err);
}

UH_STEP(organization_container) = {
    .id = "organization-container",
    .title = "Delete the container of the Exchange organisation",
    .requirement = "O-A1",
    .phase = UH_PHASE_AFTER_UNINSTALL,
    .follows =
        (const struct uh_follows[]){
            {"hybrid-object", "what is the hybrid deployment's is removed one by one, and can be put back so"},
            {"service-connection-point", "what surely is of no use goes first", true},
            {"system-account", "an account that still is a mailbox is seen before its organisation is gone"},
            {"well-known-object", "its container is put in order while it is there"},
            {0}},
    .needs = UH_STEP_ENTRY_NEEDS,
    .checks = UH_STEP_ENTRY_CHECKS,
    .opt_in = true,
    .discover = discover,
    .undo = uh_undo_by_engine,
    .effect = "There is no Exchange organisation in this forest any more.",
    .undo_limits =
        "The objects come back one by one, with their GUIDs; attributes that a tombstone does not keep come "
        "from the before-image. Links that led to them from elsewhere come back only with the recycle bin. "
        "Be sure of the backup of the configuration partition.",
    .reference = "https://learn.microsoft.com/exchange/plan-and-deploy/deploy-new-installations/uninstall-exchange",
    .explain =
        "The one object of class msExchOrganizationContainer below CN=Microsoft Exchange,CN=Services, with everything below "
        "it. Whether an uninstall of the last server takes it is told differently, and nothing needs it to go: an empty "
        "organisation does no harm. It is left while a server's object is in the forest, while something of a "
        "recipient stands in it, and where there is more than one. Every object that goes is listed in the plan by its "
        "GUID; one that has come since stops the deletion, and more than 16384 are not taken. CN=Microsoft Exchange "
        "itself stays, and so do the schema and every attribute of recipients."};
