/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_SHARED_H
#define UH_SHARED_H
/* Temporary views that many checks read: docs/facts.md says what each holds. */
#include <unhybrid/base.h>

#define UH_SHARED "uh_shared_" /* their tables begin with it */

struct sqlite3;
struct uh_judge_known;
/* The view attestation(fact, object, value, since), empty; its rows go into temp.uh_shared_attestation. */
int uh_shared_attestations(struct sqlite3 *db, struct uh_err *err);
/* The view known(name, value) with these rows; NULL: none. */
int uh_shared_known(struct sqlite3 *db, const struct uh_judge_known *UH_NULLABLE known, struct uh_err *err);
/* Whether a statement reads it. */
bool uh_shared_reads_known(const char *UH_NULLABLE sql);
/* Makes the views that a statement names and that are not there yet; *made remembers them. */
int uh_shared_for(struct sqlite3 *db, const char *sql, unsigned *made, struct uh_err *err);
/* A name that checks may neither change nor drop. */
bool uh_shared_is(const char *name);
#endif
