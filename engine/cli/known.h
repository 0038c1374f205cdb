/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CLI_KNOWN_H
#define UH_CLI_KNOWN_H
/* What the anchors tell that checks may read: in the view known (docs/facts.md). */
#include "cli/cli.h"
#include "plan/execute.h"

/* The value in place i of an anchor; NULL past the end. */
typedef const char *uh_anchor_values(const struct uh_anchors *anchors, const char *name, size_t i);
/* For struct uh_judge_options; free it. The strings are the anchors'. */
int uh_cli_known_list(const struct uh_anchors *UH_NULLABLE anchors, uh_anchor_values *values,
                      struct uh_judge_known **ret_list, struct uh_err *err);

/* What the journal of a case has, but for what was only stated: that is judged anew. */
struct uh_cli_known {
  struct uh_history *UH_NULLABLE history;
  struct uh_judge_known *UH_NULLABLE list;
  struct uh_err err; /* the journal cannot be read */
};
/* -1: out of memory. A journal that is damaged is in err, and what it leaves in doubt was told on standard error. */
int uh_cli_known_read(const struct uh_cli *cli, const struct uh_case *held, struct uh_cli_known *ret,
                      struct uh_err *err);
void uh_cli_known_clear(struct uh_cli_known *known);
/* Judging reads it. It has to live as long. */
void uh_cli_known_use(const struct uh_cli_known *known, struct uh_judge_options *how);
#endif
