/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In most organisations nearly every recipient is settled, and a dozen checks look for the few that are not. They are
 * found in one pass, by the first check that asks, and kept as row numbers in a temporary table.
 */
#include "rules/shared.h"

#include <sqlite3.h>

#include "rules/pairs.h"
#include "rules/rules.h"

/*
 * What a view leaves out has to be plainly satisfied for every check that reads it: a value that was not obtained keeps
 * a row in. The bits of msExchRecipientTypeDetails: every kind of mailbox on premises, with public folder mailboxes,
 * mail-enabled public folders (2^12) and dynamic groups (2^11).
 */
#define ON_PREMISES_BITS "237151459506239"
static const struct {
  const char *view, *table, *rows;
} shared[] = {
    {"local_recipient", "directory_recipient",
     "recipient_type_details IS NULL"
     " OR recipient_type_details & " ON_PREMISES_BITS " OR (home_mdb <> '') IS NOT FALSE"
     " OR (archive_database <> '') IS NOT FALSE"
     " OR (move_status <> 0) IS NOT FALSE"
     " OR class IS NULL"
     " OR class COLLATE NOCASE IN ('publicFolder', 'msExchDynamicDistributionList')"},
    {"synced_recipient", "exchange_recipient",
     "side = 'cloud'"
     " AND (kind = 'MailPublicFolder'"
     "   OR is_dir_synced IS NOT 0 AND (kind <> 'Mailbox' OR is_cloud_managed IS NOT 1))"},
};
enum { SHARED = sizeof shared / sizeof *shared };
_Static_assert(SHARED < 8 * sizeof(unsigned), "a bit for each view, and for pairs");

static int make(sqlite3 *db, int i, struct uh_err *err) {
  char *sql = sqlite3_mprintf(
      "CREATE TEMP TABLE " UH_SHARED
      "%s(fact INTEGER PRIMARY KEY);"
      "INSERT INTO temp." UH_SHARED
      "%s SELECT fact FROM main.%s WHERE %s;"
      /* IN rather than a join: for a join SQLite reads the whole large table, to make a Bloom filter of it. */
      "CREATE TEMP VIEW %s AS SELECT * FROM main.%s WHERE fact IN (SELECT fact FROM temp." UH_SHARED "%s);",
      shared[i].view, shared[i].view, shared[i].table, shared[i].rows, shared[i].view, shared[i].table, shared[i].view);
  if (!sql) return uh_fail_nomem(err);
  int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
  sqlite3_free(sql);
  return rc == SQLITE_OK ? 0 : uh_fail(err, UH_ERR_INTERNAL, "%s: %s", shared[i].view, sqlite3_errmsg(db));
}

int uh_shared_for(sqlite3 *db, const char *sql, unsigned *made, struct uh_err *err) {
  for (int i = 0; i < SHARED; i++) {
    if (*made & 1U << i || !strstr(sql, shared[i].view)) continue;
    if (make(db, i, err) < 0) return -1;
    *made |= 1U << i;
  }
  if (*made & 1U << SHARED || !strstr(sql, UH_PAIRS_VIEW)) return 0;
  if (uh_pairs_make(db, err) < 0) return -1;
  *made |= 1U << SHARED;
  return 0;
}

int uh_shared_attestations(sqlite3 *db, struct uh_err *err) {
  static const char sql[] =
      "CREATE TEMP TABLE " UH_SHARED
      "attestation(fact TEXT, object TEXT, value TEXT, since INTEGER);"
      "CREATE TEMP VIEW attestation AS SELECT fact, object, value, since FROM temp." UH_SHARED "attestation;";
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK) return 0;
  return uh_fail(err, UH_ERR_INTERNAL, "attestation: %s", sqlite3_errmsg(db));
}

bool uh_shared_reads_known(const char *sql) {
  return sql && strstr(sql, "FROM known");
}

int uh_shared_known(sqlite3 *db, const struct uh_judge_known *known, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_exec(db,
                        "CREATE TEMP TABLE " UH_SHARED
                        "known(name TEXT, value TEXT);"
                        "CREATE TEMP VIEW known AS SELECT name, value FROM temp." UH_SHARED "known;",
                        NULL, NULL, NULL);
  if (rc == SQLITE_OK && known)
    rc = sqlite3_prepare_v2(db, "INSERT INTO temp." UH_SHARED "known VALUES(?, ?)", -1, &st, NULL);
  for (; rc == SQLITE_OK && known && known->name; known++) {
    sqlite3_bind_text(st, 1, known->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, known->value, -1, SQLITE_STATIC);
    rc = sqlite3_step(st) == SQLITE_DONE ? sqlite3_reset(st) : SQLITE_ERROR;
  }
  sqlite3_finalize(st);
  return rc == SQLITE_OK ? 0 : uh_fail(err, UH_ERR_INTERNAL, "known: %s", sqlite3_errmsg(db));
}

bool uh_shared_is(const char *name) {
  static const char *const views[] = {"attestation", "known", UH_PAIRS_VIEW, "configuration", "anchor"};
  for (size_t i = 0; i < sizeof views / sizeof *views; i++)
    if (sqlite3_stricmp(name, views[i]) == 0) return true;
  if (strncmp(name, UH_SHARED, sizeof UH_SHARED - 1) == 0) return true;
  for (int i = 0; i < SHARED; i++)
    if (sqlite3_stricmp(name, shared[i].view) == 0) return true;
  return false;
}
