/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_STATUS_APPROVAL_H
#define UH_STATUS_APPROVAL_H
/*
 * Which actions wait for a person's approval, for `status`: those that the last plan left out for want of it; and, once
 * that plan is finished and everything was observed after it, those that would be planned now (the uninstall).
 */
#include "cli/status_cleanup.h"

struct uh_approvals {
  struct uh_plan *UH_NULLABLE next; /* the plan that would be made now */
};
/* facts NULL: none that can be judged. options: accounts, organisation, tenant, tools, now. */
int uh_approvals_read(const struct uh_cleanup_status *cleanup, const char *UH_NULLABLE facts, int64_t observed_at,
                      const struct uh_plan_options *options, struct uh_approvals *ret, struct uh_err *err);
void uh_approvals_clear(struct uh_approvals *approvals);
/* The member "approval", with a comma before it. */
void uh_approvals_json(struct uh_str *out, const struct uh_approvals *approvals,
                       const struct uh_cleanup_status *cleanup);
void uh_approvals_text(struct uh_str *out, const struct uh_approvals *approvals,
                       const struct uh_cleanup_status *cleanup, bool verbose);
#endif
