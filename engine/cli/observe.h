/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CLI_OBSERVE_H
#define UH_CLI_OBSERVE_H
/* One observation of everything, into a new facts file of the case: audit and cleanup make the same. */
#include "cli/cli.h"
#include "cli/progress.h"
#include "plan/plan.h"
#include "sources/source.h"

/* Shows how far it is. Ctrl-C ends it (summary.interrupted). Free the path. */
int uh_cli_observe(struct uh_cli *cli, const struct uh_config *config, const struct uh_case *held, char **ret_facts,
                   struct uh_observation_summary *ret_summary, struct uh_err *err);
/* snapshot: what Exchange's setup may remove or change is read too (sets DirectoryEntry, RecipientMark). known: by what
 * the journal knows the servers, which nothing else tells once they are gone; DNS is asked for their names. */
int uh_cli_observe_with(struct uh_cli *cli, const struct uh_config *config, const struct uh_case *held,
                        enum uh_snapshot snapshot, const struct uh_anchors *UH_NULLABLE known, char **ret_facts,
                        struct uh_observation_summary *ret_summary, struct uh_err *err);
/* Shows what a service asks of a person who signs in by device code: its own words where they say all that is needed.
 * They are shown, never believed. */
void uh_cli_sign_in(const struct uh_cli *cli, struct uh_progress *UH_NULLABLE progress, const char *message,
                    const char *uri, const char *code);
/* Reports what kept a cut off observation from being whole, and gives 130. */
int uh_cli_interrupted(const struct uh_cli *cli, const char *facts);
#endif
