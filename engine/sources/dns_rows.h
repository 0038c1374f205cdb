/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_DNS_ROWS_H
#define UH_DNS_ROWS_H
#include "case/facts.h"
#include "wire/dns.h"

/* A row of table dns. */
struct uh_dns_row {
  const char *view, *domain, *role, *name, *server, *answers, *detail;
  uint16_t type;
  enum uh_dns_outcome outcome;
};
int uh_dns_row_write(struct uh_rows *rows, const struct uh_dns_row *row, struct uh_err *err);
#endif
