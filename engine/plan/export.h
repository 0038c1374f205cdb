/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_PLAN_EXPORT_H
#define UH_PLAN_EXPORT_H
/*
 * Step 0: before anything is deleted, what an undo by hand would need is written from the run's own facts into the
 * case, exports/step-0/: one JSON file for each kind of configuration and side, the recipients' attributes in Active
 * Directory as LDIF, the public certificates, and MANIFEST.json, which names each file with its SHA-256, its number of
 * rows, where it comes from and how complete that is. All of it is read back and compared before the directory gets its
 * name; so where exports/step-0/ is, it is whole. A later run, with other facts, makes step-0-2; nothing is
 * overwritten.
 */
#include "plan/plan.h"

#define UH_EXPORT_DIR "exports"
#define UH_EXPORT_STEP0 "step-0"

/*
 * For a run that is going to write; a dry run does not call it. The facts are finished and were observed in full: a set
 * that has to be exported and was not read in full is UH_ERR_UNAVAILABLE, and names the set. ret_manifest_hash: SHA-256
 * of MANIFEST.json in hex, for the journal's ANCHOR record. Called again for the same facts it compares what is there
 * and gives the same hash.
 */
int uh_export_step0(const char *facts, const char *case_dir, const struct uh_anchors *anchors,
                    char ret_manifest_hash[65], struct uh_err *err);
/* Reads the manifest of a directory that uh_export_step0 made and compares every file: UH_ERR_DATA names the first that
 * is not as it was written. */
int uh_export_verify(const char *dir, char ret_manifest_hash[65], struct uh_err *err);
#endif
