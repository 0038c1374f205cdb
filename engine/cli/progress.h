/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_PROGRESS_H
#define UH_PROGRESS_H
/* One line on standard error that says how far each source is; only where that is a terminal. */
#include "cli/cli.h"

struct uh_progress;
/* NULL where there is nothing to show it on, or without memory; the other calls take NULL. */
struct uh_progress *UH_NULLABLE uh_progress_new(const struct uh_cli *cli);
/* For uh_observation_options: called from the sources' threads. */
void uh_progress_tell(void *progress, const char *source, int64_t objects, const char *state);
/* A message in the middle of it: the line makes room. progress may be NULL. */
void uh_progress_say(struct uh_progress *UH_NULLABLE progress, const struct uh_cli *cli, const char *text);
void uh_progress_freep(struct uh_progress **progress); /* wipes the line */
#endif
