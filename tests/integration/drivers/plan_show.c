/* SPDX-License-Identifier: Apache-2.0 */
/* plan_show FORMAT: the hostile plan of tests/unit/plan_example.h, rendered to standard output. */
#include <locale.h>
#include <stdio.h>

#include "../../unit/plan_example.h"

static int put(void *user, const void *data, size_t n, struct uh_err *err) {
  (void)user;
  return fwrite(data, 1, n, stdout) == n ? 0 : uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot write");
}

int main(int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_report_sink sink = {.write = put};
  const struct uh_plan_format *format = argc == 2 ? uh_plan_format_find(argv[1]) : NULL;
  (void)setlocale(LC_CTYPE, "C.UTF-8");
  if (!format) return 64;
  return format->render(&example, &(struct uh_plan_report_options){.verbose = true}, &sink, &err) < 0;
}
