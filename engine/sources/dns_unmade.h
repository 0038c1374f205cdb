/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_DNS_UNMADE_H
#define UH_DNS_UNMADE_H
#include "wire/dns.h"

#define UH_DNS_UNMADE_TEXT (UH_DNS_NAME_TEXT + 64)

/* The name that nobody makes beside this one (<unhybrid/sql.h>). False: the name has nothing above it. */
bool uh_dns_unmade(const char *name, char ret_unmade[UH_DNS_UNMADE_TEXT]);

/* The reply found what a wildcard may have made up: an answer for a name that people make, of a type that leads
 * somewhere. */
bool uh_dns_may_be_wildcard(const struct uh_dns_reply *reply);
#endif
