/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_DNS_DOMAINS_H
#define UH_DNS_DOMAINS_H
#include "sources/source.h"

/* Leaves of these keys what DNS is to be asked for, sorted and unique. *.x becomes x; `*` and what Microsoft gave
 * (x.onmicrosoft.com) are left out. Wildcards are noted. */
void uh_dns_domains_to_ask(struct uh_observe *observe, struct uh_names *domains);
#endif
