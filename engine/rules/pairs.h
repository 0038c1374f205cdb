/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_PAIRS_H
#define UH_PAIRS_H
/* The view unsettled_mailbox (docs/facts.md): cloud-managed mailboxes beside their objects in Active Directory. */
#include <unhybrid/base.h>

#define UH_PAIRS_VIEW "unsettled_mailbox"

struct sqlite3;
/* Finds the pairs and makes the view. Memory does not grow with the organisation but for one bit a mailbox. */
int uh_pairs_make(struct sqlite3 *db, struct uh_err *err);
#endif
