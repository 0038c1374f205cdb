/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_REPORT_H
#define UH_REPORT_H
/*
 * Reports render results; they compute nothing. All formats come from one result model. A report to a file appears
 * there only when it is complete.
 */
#include <unhybrid/base.h>

#include "rules/rules.h"

struct uh_str;

struct uh_report_sink { /* where bytes go */
  int (*write)(void *user, const void *data, size_t n, struct uh_err *err);
  void *user;
};
struct uh_str;
/* Hands on what has gathered and empties it, once there are at least `at` bytes (0: whatever there is). Reports a
 * string that ran out of memory, too. */
int uh_report_flush(const struct uh_report_sink *sink, struct uh_str *out, size_t at, struct uh_err *err);

struct uh_report_options {
  int64_t limit;  /* findings shown per check, 0 = the format's own rule (json: all; terminal: 5) */
  bool color;     /* terminal */
  unsigned width; /* terminal columns; 0 = 80 */
  bool verbose;   /* terminal: every finding, passing checks too */
  bool quiet;     /* terminal: the verdict line alone */
};
struct uh_report_format {
  const char *name;      /* "terminal", "json" */
  const char *extension; /* "txt", "json" */
  int (*render)(struct uh_results *results, const struct uh_report_options *options, const struct uh_report_sink *sink,
                struct uh_err *err);
};
extern const struct uh_report_format uh_report_terminal, uh_report_json;
extern const struct uh_report_format *const uh_report_formats[]; /* ends with NULL */
const struct uh_report_format *UH_NULLABLE uh_report_format_find(const char *name);
/* One waiver or attestation as a JSON object, in reports and in the lists of `waive` and `attest`. */
void uh_json_statement(struct uh_str *out, const struct uh_result_statement *s);
#endif
