/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_STATUS_CLEANUP_H
#define UH_STATUS_CLEANUP_H
/* Where the cleanup of a case stands, from its journal alone: for `status`. */
#include <unhybrid/text.h>

#include "cli/carry.h"

struct uh_cleanup_status {
  struct uh_journal *UH_NULLABLE journal; /* NULL: nothing was begun, or see err */
  struct uh_history *UH_NULLABLE history;
  struct uh_err err;                      /* the journal cannot be read */
  const struct uh_plan *UH_NULLABLE plan; /* the last one */
  struct uh_talk names;                   /* its actions' numbers */
};
/* -1: out of memory. A journal that is damaged is in err, and what it leaves in doubt was told on standard error. */
int uh_cleanup_status_read(const struct uh_cli *cli, const struct uh_case *held, struct uh_cleanup_status *ret,
                           struct uh_err *err);
void uh_cleanup_status_clear(struct uh_cleanup_status *s);
/* An action of this case was begun at some time. */
bool uh_cleanup_status_begun(const struct uh_cleanup_status *s);
/* Members of the document, each with a comma before it. */
void uh_cleanup_status_json(struct uh_str *out, const struct uh_cleanup_status *s);
void uh_cleanup_status_text(struct uh_str *out, const struct uh_cleanup_status *s, bool verbose);
#endif
