/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/dns_rows.h"

int uh_dns_row_write(struct uh_rows *r, const struct uh_dns_row *row, struct uh_err *err) {
  uh_rows_begin(r);
  uh_rows_str(r, UH_COL(dns, view), row->view);
  uh_rows_str(r, UH_COL(dns, server), row->server);
  uh_rows_str(r, UH_COL(dns, domain), row->domain);
  uh_rows_str(r, UH_COL(dns, role), row->role);
  uh_rows_str(r, UH_COL(dns, name), row->name);
  uh_rows_str(r, UH_COL(dns, type), uh_dns_type_name(row->type));
  uh_rows_str(r, UH_COL(dns, outcome), uh_dns_outcome_name(row->outcome));
  uh_rows_str(r, UH_COL(dns, answers), row->answers);
  uh_rows_str(r, UH_COL(dns, detail), row->detail);
  return uh_rows_end(r, err);
}
