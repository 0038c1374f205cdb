/* SPDX-License-Identifier: Apache-2.0 */
/* Is an Exchange server left? Before the uninstall there has to be one, after it none: which checks count depends on
 * it. */
#include <sqlite3.h>
#include <stdio.h>

#include "case/facts.h"
#include "plan/plan.h"

static int ask(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct uh_err *err) {
  if (sqlite3_prepare_v2(db, sql, -1, ret, NULL) != SQLITE_OK)
    return uh_fail(err, UH_ERR_INTERNAL, "cannot read the facts: %s", sqlite3_errmsg(db));
  return sqlite3_step(*ret) == SQLITE_ROW
             ? 0
             : uh_fail(err, UH_ERR_INTERNAL, "cannot read the facts: %s", sqlite3_errmsg(db));
}

static void dbp(sqlite3 **db) {
  (void)sqlite3_close(*db);
}
static void stp(sqlite3_stmt **st) {
  (void)sqlite3_finalize(*st);
}

int uh_servers_left(const char *facts, char *why, size_t size, struct uh_err *err) {
  UH_CLEANUP(dbp) sqlite3 *db = NULL;
  UH_CLEANUP(stp) sqlite3_stmt *servers = NULL, *sets = NULL;
  if (uh_facts_open(facts, &db, err) < 0 ||
      ask(db,
          "SELECT count(DISTINCT lower(guid)), max(name) FROM object"
          " WHERE side = 'on-premises' AND kind = 'ExchangeServer'",
          &servers, err) < 0 ||
      ask(db,
          "SELECT count(*) FROM (SELECT 1 FROM \"set\" WHERE side = 'on-premises' AND name = 'ExchangeServer'"
          /* An export says what was, not what is. */
          " AND source IN ('directory', 'exchange-server') GROUP BY source HAVING min(state = 'complete'))",
          &sets, err) < 0)
    return -1;
  int64_t n = sqlite3_column_int64(servers, 0);
  const char *name = (const char *)sqlite3_column_text(servers, 1);
  if (n) {
    (void)snprintf(why, size, "%.200s%s is still there", name && *name ? name : "a server",
                   n > 1 ? ", and not alone," : "");
    return UH_SERVERS_SOME;
  }
  if (sqlite3_column_int64(sets, 0)) return UH_SERVERS_NONE;
  (void)snprintf(why, size,
                 "whether an Exchange server is left is not known: no source read all of on-premises:ExchangeServer");
  return UH_SERVERS_UNKNOWN;
}
