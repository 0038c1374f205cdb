/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_STATEMENT_TEXT_H
#define UH_STATEMENT_TEXT_H
/* The text of a file of statements: what reading (statement_file.c) and changing it (statement_edit.c) share. */
#include <unhybrid/text.h>

#include "rules/statements.h"

/* Where the list stands. */
struct uh_statement_place {
  unsigned key_line; /* of the key "waivers" or "attestations", from 1; 0: the file holds nothing */
  unsigned column;   /* of the dashes */
  bool flow;         /* written in brackets */
};
const char *uh_statement_list_name(enum uh_statement_kind kind); /* "waivers", "attestations" */
int uh_statements_parse_place(enum uh_statement_kind kind, const char *path, const char *text, size_t n,
                              struct uh_statements **ret, struct uh_statement_place *ret_place, struct uh_err *err);
/* The bytes of the file; none where there is no such file (*ret_absent). */
int uh_statements_read(const char *path, struct uh_str *text, bool *ret_absent, struct uh_err *err);
#endif
