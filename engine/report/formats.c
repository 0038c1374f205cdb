/* SPDX-License-Identifier: Apache-2.0 */
#include <unhybrid/text.h>

#include "report/report.h"

const struct uh_report_format *const uh_report_formats[] = {&uh_report_terminal, &uh_report_json, NULL};

const struct uh_report_format *uh_report_format_find(const char *name) {
  for (size_t i = 0; uh_report_formats[i]; i++)
    if (strcmp(uh_report_formats[i]->name, name) == 0) return uh_report_formats[i];
  return NULL;
}

int uh_report_flush(const struct uh_report_sink *sink, struct uh_str *out, size_t at, struct uh_err *err) {
  if (out->failed) return uh_fail_nomem(err);
  if (out->len < at || !out->len) return 0;
  int r = sink->write(sink->user, out->s, out->len, err);
  uh_str_reset(out);
  return r;
}
