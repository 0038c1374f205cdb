/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CLI_STATED_H
#define UH_CLI_STATED_H
/* What a person stated by which a plan tells what is this organisation's. */
#include "plan/plan.h"
#include "rules/rules.h"

struct uh_cli_stated {
  struct uh_stated *v;
  size_t n;
};
/* What counts; and what was observed otherwise, so that the plan says so. Free with uh_cli_stated_clear(). */
int uh_cli_stated_read(struct uh_results *results, struct uh_cli_stated *ret, struct uh_err *err);
void uh_cli_stated_clear(struct uh_cli_stated *stated);
/* As plans take it; it lives as long as the other. */
struct uh_stated_list uh_cli_stated_list(const struct uh_cli_stated *stated);
#endif
