/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report.h"

const struct uh_report_format *const uh_report_formats[] = {&uh_report_terminal, &uh_report_json, NULL};

const struct uh_report_format *uh_report_format_find(const char *name) {
  for (size_t i = 0; uh_report_formats[i]; i++)
    if (strcmp(uh_report_formats[i]->name, name) == 0) return uh_report_formats[i];
  return NULL;
}
