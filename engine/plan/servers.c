/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is an Exchange server left? Before the uninstall there has to be one, after it none: which checks count depends on
 * it. A server that is listed need not exist: one of whose name there is no computer account in the whole forest is a
 * ghost, on which nobody can run anything. Edge servers are members of no domain.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <unhybrid/sql.h>

#include "case/facts.h"
#include "plan/plan_internal.h"

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */
#define SERVERS                                                                                                    \
  "WITH searched(all_of_it) AS ("                                                                                  \
  "  SELECT count(*) > 0 AND coalesce(min(state = 'complete'), 0) FROM \"set\""                                    \
  "   WHERE source = 'directory' AND side = 'on-premises' AND name = 'ExchangeComputer'),"                         \
  " listed AS ("                                                                                                   \
  "  SELECT max(name) AS name, max(rtrim(lower(prop(json, 'Fqdn')), '.')) AS fqdn,"                                \
  "    coalesce(max(lower(prop(json, 'IsEdgeServer')) IN ('1', 'true')), 1) AS edge"                               \
  "   FROM object WHERE side = 'on-premises' AND kind = 'ExchangeServer' GROUP BY coalesce(lower(name), guid)),"   \
  " server AS ("                                                                                                   \
  "  SELECT *, coalesce(all_of_it AND NOT edge AND fqdn <> '' AND NOT " UH_SQL_HAS_ACCOUNT("name", "fqdn") ", 0) AS ghost" \
  "   FROM listed, searched)"

/* clang-format on */

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

static void copy(char *to, size_t size, sqlite3_stmt *st, int column) {
  const char *text = (const char *)sqlite3_column_text(st, column);
  uh_print(to, size, "%s", text ? text : "");
}

int uh_servers_count(sqlite3 *db, struct uh_servers *ret, struct uh_err *err) {
  UH_CLEANUP(stp) sqlite3_stmt *st = NULL;
  static const char sql[] = SERVERS
      " SELECT count(*) FILTER (WHERE NOT ghost), count(*) FILTER (WHERE ghost),"
      "  max(name) FILTER (WHERE NOT ghost), group_concat(name, ', ') FILTER (WHERE ghost),"
      /* Somebody ran the cmdlets that told these servers: one of them lives, whatever its name is. */
      "  EXISTS (SELECT 1 FROM \"set\" WHERE source = 'exchange-server' AND state = 'complete')"
      " FROM (SELECT * FROM server ORDER BY name)";
  *ret = (struct uh_servers){0};
  if (ask(db, sql, &st, err) < 0) return -1;
  ret->left = sqlite3_column_int64(st, 0);
  ret->ghosts = sqlite3_column_int64(st, 1);
  copy(ret->name, sizeof ret->name, st, 2);
  copy(ret->ghost_names, sizeof ret->ghost_names, st, 3);
  ret->answers = sqlite3_column_int(st, 4) != 0;
  return 0;
}

int uh_servers_left(const char *facts, char *why, size_t size, struct uh_err *err) {
  UH_CLEANUP(dbp) sqlite3 *db = NULL;
  UH_CLEANUP(stp) sqlite3_stmt *sets = NULL;
  struct uh_servers s;
  if (uh_facts_open(facts, &db, err) < 0 || uh_servers_count(db, &s, err) < 0 ||
      ask(db,
          "SELECT count(*) FROM (SELECT 1 FROM \"set\" WHERE side = 'on-premises' AND name = 'ExchangeServer'"
          /* An export says what was, not what is. */
          " AND source IN ('directory', 'exchange-server') GROUP BY source HAVING min(state = 'complete'))",
          &sets, err) < 0)
    return -1;
  if (s.left) {
    uh_print(why, size, "%.*s%s is still there", UH_HEAD(*s.name ? s.name : "a server", 200),
             s.left > 1 ? ", and not alone," : "");
    return UH_SERVERS_SOME;
  }
  if (s.ghosts && s.answers) {
    uh_print(why, size, "an Exchange server answers, and no computer account has the name of any that is listed (%.*s)",
             UH_HEAD(s.ghost_names, 200));
    return UH_SERVERS_UNKNOWN;
  }
  if (sqlite3_column_int64(sets, 0)) return UH_SERVERS_NONE;
  uh_print(why, size,
           "whether an Exchange server is left is not known: no source read all of on-premises:ExchangeServer");
  return UH_SERVERS_UNKNOWN;
}
