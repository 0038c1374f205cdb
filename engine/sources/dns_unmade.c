/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/dns_unmade.h"

#include <stdio.h>
#include <string.h>
#include <unhybrid/sql.h>

bool uh_dns_unmade(const char *name, char ret_unmade[UH_DNS_UNMADE_TEXT]) {
  const char *dot = strchr(name, '.');
  if (!dot || !dot[1]) return false;
  int n = snprintf(ret_unmade, UH_DNS_UNMADE_TEXT, "%s%s", UH_DNS_UNMADE_LABEL, dot);
  return n > 0 && n < UH_DNS_UNMADE_TEXT;
}

bool uh_dns_may_be_wildcard(const struct uh_dns_reply *reply) {
  if (reply->outcome != UH_DNS_ANSWER) return false;
  return reply->type == UH_DNS_CNAME || reply->type == UH_DNS_A || reply->type == UH_DNS_AAAA ||
         reply->type == UH_DNS_SRV;
}
