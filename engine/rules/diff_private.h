/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_DIFF_PRIVATE_H
#define UH_DIFF_PRIVATE_H
#include <jansson.h>
#include <sqlite3.h>

#include "rules/diff.h"

struct uh_diff {
  sqlite3 *db; /* private; the two facts files are attached as before and after */
  struct uh_results *results[2];
  struct uh_diff_head head;
  sqlite3_stmt *put, *set_complete[2];
};

int uh_diff_fail(struct uh_diff *d, struct uh_err *err);
int uh_diff_exec(struct uh_diff *d, const char *sql, struct uh_err *err);
/* A statement from a format of sqlite3_mprintf. */
int uh_diff_prepare(struct uh_diff *d, sqlite3_stmt **ret_st, struct uh_err *err, const char *fmt, ...);
void uh_diff_finalizep(sqlite3_stmt **st);

/* Compares recipients, configuration objects and DNS records; fills the table object_change. */
int uh_diff_compare_objects(struct uh_diff *d, struct uh_err *err);

/* The differences of two configuration objects, without the properties that change by themselves. The caller frees;
 * an empty object where there are none. seen[0]: some value was obtained before and after and differs. */
json_t *uh_diff_properties(const char *before, const char *after, bool *ret_seen);
/* Of two entries of a directory; an attribute that is absent has no value. */
json_t *uh_diff_attributes(const char *before, const char *after, bool *ret_seen);
/* Writes down what a property was and is, where that differs. Takes the values over; NULL among them: no memory. */
int uh_diff_compare_values(json_t *properties, const char *name, json_t *before, json_t *after, bool *ret_seen);
/* {"@answer": ".."}: a value that was not obtained. */
json_t *uh_diff_answer(enum uh_answer answer);
bool uh_diff_obtained(const json_t *value);
json_t *uh_diff_text(const char *text, size_t n); /* whatever bytes it holds */
#endif
