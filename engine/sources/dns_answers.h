/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_DNS_ANSWERS_H
#define UH_DNS_ANSWERS_H
#include <unhybrid/text.h>

#include "wire/dns.h"

/* Adds the JSON array that stands in the column `answers` of table dns; its shape is told in sources/dns.c. */
void uh_dns_answers_json(struct uh_str *out, const struct uh_dns_record *records, size_t n);
#endif
