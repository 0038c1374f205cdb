/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_EXCHANGE_ONLINE_PRIVATE_H
#define UH_EXCHANGE_ONLINE_PRIVATE_H
#include "executors/change_check.h"

const struct uh_writing_cmdlet *UH_NULLABLE uh_online_cmdlet(const char *name);
#endif
