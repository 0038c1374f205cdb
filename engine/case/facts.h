/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_FACTS_H
#define UH_FACTS_H
/*
 * The facts of one observation: one SQLite file. Sources hand rows over in batches from their own threads; one writer
 * thread puts them into the file; indexes are made after loading. Memory does not grow with the organisation.
 */
#include <unhybrid/base.h>

#include "case/schema.h"

enum uh_table_id {
#define UH_X(table) UH_T_##table,
  UH_TABLES(UH_X)
#undef UH_X
      UH_T_MAX
};
#define UH_DECLARE_COLUMNS_(table) enum { UH_TABLE_##table(UH_COLUMN_##table) UH_COL_##table##_MAX };
#define UH_COLUMN_directory_recipient(n, t, k) UH_COL_directory_recipient_##n,
#define UH_COLUMN_exchange_recipient(n, t, k) UH_COL_exchange_recipient_##n,
#define UH_COLUMN_object(n, t, k) UH_COL_object_##n,
#define UH_COLUMN_directory_entry(n, t, k) UH_COL_directory_entry_##n,
#define UH_COLUMN_dns(n, t, k) UH_COL_dns_##n,
#define UH_COLUMN_set(n, t, k) UH_COL_set_##n,
#define UH_COLUMN_source(n, t, k) UH_COL_source_##n,
#define UH_COLUMN_observation(n, t, k) UH_COL_observation_##n,
#define UH_COLUMN_setting(n, t, k) UH_COL_setting_##n,
#define UH_COLUMN_notice(n, t, k) UH_COL_notice_##n,
UH_TABLES(UH_DECLARE_COLUMNS_)
#define UH_CUSTOM_ATTRIBUTES 15 /* extensionAttribute1.., CustomAttribute1.. */

struct uh_facts;

/* Creates the file (0600, must not exist) and starts the writer thread. */
int uh_facts_create(const char *path, struct uh_facts **ret_facts, struct uh_err *err);
/* For facts that are read once and removed: nothing is synced, no index is made, rows are not told apart. */
int uh_facts_create_scratch(const char *path, struct uh_facts **ret_facts, struct uh_err *err);
/* Waits for the writer, makes indexes, ANALYZE, closes. Reports the first write error (UH_ERR_CANNOT_WRITE). */
int uh_facts_finish(struct uh_facts *facts, struct uh_err *err);
/* Stops without finishing; keeps what was committed. NULL is fine. */
struct uh_facts *uh_facts_free(struct uh_facts *UH_NULLABLE facts);
/* A write has failed (full disk): sources should stop. Safe from any thread. */
bool uh_facts_broken(const struct uh_facts *facts);
/* CPU milliseconds of the writer thread so far (after uh_facts_finish: all). */
int64_t uh_facts_writer_cpu_ms(const struct uh_facts *facts);

/* Rows of one table, built by one thread. Columns not set: KEY '' or 0, ASKED not asked. */
struct uh_rows;
int uh_rows_open(struct uh_facts *facts, enum uh_table_id table, struct uh_rows **ret_rows, struct uh_err *err);
void uh_rows_begin(struct uh_rows *rows);
/* A NUL in the text stands in the facts as U+FFFD: SQL functions would end the text there, and name another object. */
void uh_rows_text(struct uh_rows *rows, int column, const char *text, size_t n);
void uh_rows_str(struct uh_rows *rows, int column, const char *UH_NULLABLE text); /* NULL: as '' */
void uh_rows_blob(struct uh_rows *rows, int column, const void *data, size_t n);
void uh_rows_int(struct uh_rows *rows, int column, int64_t value);
void uh_rows_answer(struct uh_rows *rows, int column, enum uh_answer answer); /* anything but UH_VALUE */
/* Completes the row. Blocks while the writer is behind. -1: the facts file is broken, stop. */
int uh_rows_end(struct uh_rows *rows, struct uh_err *err);
void uh_rows_drop(struct uh_rows *rows); /* forget the row that was begun */
/* Hands over what is left and frees. NULL is fine. */
int uh_rows_close(struct uh_rows *UH_NULLABLE rows, struct uh_err *err);

/* Runs a function on the writer's own connection, after everything handed over before it. For reading back what this
 * observation already wrote. Blocks until done; returns what the function returned. */
struct sqlite3;
int uh_facts_call(struct uh_facts *facts, int (*call)(struct sqlite3 *db, void *user, struct uh_err *err), void *user,
                  struct uh_err *err);

/* The columns of a table, for tests and generic writers: name, type letter T/I/B/J, asked. NULL past the end. */
struct uh_column {
  const char *name;
  char type;
  bool asked;
};
const char *uh_table_name(enum uh_table_id table);
const struct uh_column *uh_table_columns(enum uh_table_id table, int *ret_count);

/* Does a property or an attribute of that name hold a secret (*Password*, *PrivateKey*, unicodePwd..)? Such are never
 * asked for, and where they come unasked they are not kept: not in facts, journal, exports, reports or logs. */
bool uh_secret_name(const char *name);
/* Takes members of such names away, however deep they lie. */
struct json_t;
void uh_secret_drop(struct json_t *value);
/* The same for a value as JSON text. NULL: it is none, or there is no memory; keep nothing of it then. */
char *UH_OWN UH_NULLABLE uh_secret_clean(const char *json);

/* Opens a finished (or cut off) facts file for reading: checks application id and version (UH_ERR_DATA otherwise),
 * adds the SQL functions of docs/facts.md. The connection is the caller's (sqlite3 *). */
int uh_facts_open(const char *path, struct sqlite3 **ret_db, struct uh_err *err);
/* SQL functions: prop(json, name), prop_list(json, name), has_word(text, word), address_key(t), domain_key(t),
 * domain_of(address), guid_text(blob), guid_blob(text), ps_quote(name, guid), show(text), in_networks(address, json),
 * rdn(dn), time_text(t) */
int uh_facts_functions(struct sqlite3 *db, struct uh_err *err);
#endif
