/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_PLAN_EXPORT_PRIVATE_H
#define UH_PLAN_EXPORT_PRIVATE_H
/* What the parts of step 0 share: one file that is written, counted and hashed as it goes. */
#include <openssl/evp.h>
#include <sqlite3.h>

#include <unhybrid/text.h>

#include "case/case.h"
#include "plan/export.h"

struct export_out {
  struct uh_file *file;
  EVP_MD_CTX *md;
  struct uh_str text; /* gathered, not written yet */
  int64_t rows, bytes;
  char name[256]; /* below the directory */
  char sha256[65];
};
int export_out_open(struct export_out *out, const char *dir, const char *name, struct uh_err *err);
int export_out_flush(struct export_out *out, size_t at, struct uh_err *err);
int export_out_close(struct export_out *out, struct uh_err *err); /* flushes, syncs; the hash is there then */
void export_out_clear(struct export_out *out);

/* SHA-256 and size of a file. */
int export_hash_file(const char *path, char ret_hex[65], int64_t *ret_bytes, struct uh_err *err);
int export_sql(sqlite3 *db, const char *sql, sqlite3_stmt **ret_st, struct uh_err *err);

/* Each writes one file. `about`: members of a JSON object, or for LDIF sentences. */
int export_objects(sqlite3 *db, const char *dir, const char *side, const char *kind, const char *about,
                   struct export_out *out, struct uh_err *err);
int export_recipients(sqlite3 *db, const char *dir, struct export_out *out, struct uh_err *err);
/* Calls each for every certificate written, each once; how many rows had no bytes. */
int export_certificates(sqlite3 *db, const char *dir,
                        int (*each)(void *user, const struct export_out *out, struct uh_err *err), void *user,
                        int64_t *ret_without, struct uh_err *err);
#endif
