/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CLI_LEFT_H
#define UH_CLI_LEFT_H
/* What stays behind and no step takes away: the checks of the family `left`, for people. */
#include "cli/cli.h"
#include "rules/rules.h"

/* Judges them alone. how: with whose statements. */
int uh_cli_left_judge(const char *facts, const struct uh_judge_options *how, struct uh_results **ret_results,
                      struct uh_err *err);
/* Adds a paragraph of lines no wider than `width`: what was found, what a person has to look at and how; what was found
 * to be gone, or stated, is only counted. results: of the time after the uninstall, other checks are passed over. */
int uh_cli_left_text(struct uh_results *results, size_t width, bool verbose, struct uh_str *out, struct uh_err *err);
/* The same as a JSON object, with all that was found. */
int uh_cli_left_json(struct uh_results *results, struct uh_str *out, struct uh_err *err);
#endif
