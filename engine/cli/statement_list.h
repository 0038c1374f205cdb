/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_STATEMENT_LIST_H
#define UH_STATEMENT_LIST_H
#include "cli/cli.h"

/* The configuration names a file of this kind. */
int uh_cli_list_statements(struct uh_cli *cli, enum uh_statement_kind kind, const struct uh_config *config, bool json,
                           struct uh_err *err);
#endif
