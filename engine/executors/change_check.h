/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CHANGE_CHECK_H
#define UH_CHANGE_CHECK_H
#include "executors/executors.h"

struct uh_writing_cmdlet {
  const char *name;
  bool by_guid;           /* Identity names the object; false: the cmdlet takes none, or is addressed by `needs` */
  bool domain_controller; /* takes -DomainController */
  const char *needs;      /* "Name", "Thumbprint Server" */
  const char *parameters; /* "Enabled:b SmartHosts:l" */
  const char *UH_NULLABLE role; /* of Exchange Online, that holds the cmdlet */
};
const struct uh_writing_cmdlet *UH_NULLABLE uh_writing_cmdlet_find(const struct uh_writing_cmdlet *list, size_t n,
                                                                   const char *name);
/* cmdlet NULL: the change names one that is not in the list. */
int uh_change_check(const struct uh_writing_cmdlet *UH_NULLABLE cmdlet, const struct uh_change *change,
                    struct uh_err *err);
/* The argument's value as JSON. */
void uh_argument_json(struct uh_str *out, const struct uh_argument *argument);
#endif
