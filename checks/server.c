/* SPDX-License-Identifier: Apache-2.0 */
#include <unhybrid/check.h>

static const struct uh_check checks[] = {{0}};
UH_CHECK_MODULE(server, checks);
