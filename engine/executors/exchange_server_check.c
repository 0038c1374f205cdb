/* SPDX-License-Identifier: Apache-2.0 */
/* What may be sent to Exchange Server: a closed list. */
#include "executors/exchange_server_private.h"

static const struct uh_writing_cmdlet cmdlets[] = {
#include "executors/exchange_server_cmdlets.h"
};

const struct uh_writing_cmdlet *uh_writing_cmdlet(const char *name) {
  return uh_writing_cmdlet_find(cmdlets, sizeof cmdlets / sizeof *cmdlets, name);
}

int uh_exchange_server_check(const struct uh_change *change, struct uh_err *err) {
  return uh_change_check(uh_writing_cmdlet(change->cmdlet), change, err);
}

bool uh_exchange_server_by_guid(const char *cmdlet) {
  const struct uh_writing_cmdlet *c = uh_writing_cmdlet(cmdlet);
  return c && c->by_guid;
}
