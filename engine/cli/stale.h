/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_STALE_H
#define UH_STALE_H
/* What has moved since a plan was saved. */
#include <unhybrid/text.h>

#include "plan/plan.h"

/* Lines for people, harmless: objects of the old plan that are gone, have changed, and what a plan made now would do
 * beside it. Nothing is added where nothing has moved. */
int uh_stale_text(const struct uh_plan *old, const struct uh_plan *now, struct uh_str *out, struct uh_err *err);
#endif
