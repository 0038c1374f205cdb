/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CLI_START_H
#define UH_CLI_START_H
/* Where a case begins, for `status`; and whether it is on the management tools' way, for plans too. */
#include <unhybrid/text.h>

#include "cli/cli.h"
#include "cli/stated.h"
#include "plan/start.h"

/* How the check tools.in-use knows from an observation, as of now, that the tools are used: its first finding that is
 * not waived. Empty: it does not say so. And what was stated for plans. how: a purpose that has the check, and the
 * statements. */
int uh_cli_tools_of(const char *facts, const struct uh_judge_options *how, struct uh_str *out,
                    struct uh_cli_stated *UH_NULLABLE ret_stated, struct uh_err *err);
/* The member "start" of the document, with a comma before it. */
void uh_cli_start_json(struct uh_str *out, const struct uh_starts *starts);
void uh_cli_start_text(struct uh_str *out, const struct uh_starts *starts, bool verbose);
#endif
