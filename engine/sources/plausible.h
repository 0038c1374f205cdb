/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_PLAUSIBLE_H
#define UH_PLAUSIBLE_H
#include <unhybrid/base.h>

/* True where a list of this set has at least one object in every tenant or organisation: why that is so, and the right
 * that is missing where none is shown. */
bool uh_never_empty(const char *side, const char *set, const char **ret_always, const char **ret_right);
#endif
