/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_EXCHANGE_SERVER_PRIVATE_H
#define UH_EXCHANGE_SERVER_PRIVATE_H
#include "executors/executors.h"

struct uh_writing_cmdlet {
  const char *name;
  bool by_guid;           /* Identity names the object; false: the cmdlet takes none, or is addressed by `needs` */
  bool domain_controller; /* takes -DomainController */
  const char *needs;      /* "Name", "Thumbprint Server" */
  const char *parameters; /* "Enabled:b SmartHosts:l" */
};
const struct uh_writing_cmdlet *UH_NULLABLE uh_writing_cmdlet(const char *name);
#endif
