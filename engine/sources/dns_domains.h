/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_DNS_DOMAINS_H
#define UH_DNS_DOMAINS_H
#include "sources/source.h"

/* Leaves in domains (n keys, each owned) what DNS is to be asked for, sorted and unique, and returns how many; the
 * others are freed. *.x becomes x; `*` and what Microsoft gave (x.onmicrosoft.com) are left out. Wildcards are noted.
 */
size_t uh_dns_domains_to_ask(struct uh_observe *observe, char **domains, size_t n);
#endif
