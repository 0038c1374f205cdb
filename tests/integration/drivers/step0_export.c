/* SPDX-License-Identifier: Apache-2.0 */
/* step0_export FACTS CASE: exports step 0 and prints the manifest's hash. step0_export verify DIR: compares one. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "plan/export.h"

static void close_db(sqlite3 **db) {
  (void)sqlite3_close(*db);
}

static int export(const char *facts, const char *case_dir, char hash[65], struct uh_err *err) {
  UH_CLEANUP(close_db) sqlite3 *db = NULL;
  UH_CLEANUP(uh_anchors_freep) struct uh_anchors *anchors = NULL;
  if (uh_facts_open(facts, &db, err) < 0 || uh_anchors_read(db, NULL, (struct uh_stated_list){0}, &anchors, err) < 0)
    return -1;
  return uh_export_step0(facts, case_dir, anchors, hash, err);
}

int main(int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  char hash[65], text[1200];
  if (argc != 3) return 64;
  int r = strcmp(argv[1], "verify") == 0 ? uh_export_verify(argv[2], hash, &err) : export(argv[1], argv[2], hash, &err);
  if (r < 0) {
    (void)fprintf(stderr, "%s\n", uh_err_text(&err, text, sizeof text));
    return uh_err_exit_code(err.cls);
  }
  (void)puts(hash);
  return 0;
}
