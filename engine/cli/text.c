/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of our own text, for commands that explain. */
#include <string.h>

#include <unhybrid/text.h>

#include "cli/cli.h"

int uh_cli_print(struct uh_cli *cli, struct uh_str *out) {
  struct uh_err err = UH_ERR_INIT;
  int r = uh_str_text(out) ? uh_cli_stdout.write(NULL, uh_str_text(out), out->len, &err) : uh_fail_nomem(&err);
  uh_str_clear(out);
  if (r == 0) r = uh_cli_flush(&err);
  return r < 0 ? uh_cli_fail(cli, &err) : 0;
}

void uh_cli_json_member(struct uh_str *out, const char *name, const char *value) {
  uh_str_addf(out, ", \"%s\": ", name);
  uh_json_string(out, value ? value : "", value ? strlen(value) : 0);
}

void uh_cli_json_or_null(struct uh_str *out, const char *name, const char *value) {
  uh_str_addf(out, ", \"%s\": ", name);
  if (value && *value)
    uh_json_string(out, value, strlen(value));
  else
    uh_str_add(out, "null");
}

void uh_cli_json_words(struct uh_str *out, const char *name, const char *list) {
  uh_str_addf(out, ", \"%s\": [", name);
  for (const char *p = list ? list : ""; *p;) {
    size_t n = strcspn(p, ",");
    if (p != list) uh_str_add(out, ", ");
    uh_json_string(out, p, n);
    p += n + (p[n] == ',');
  }
  uh_str_addc(out, ']');
}

void uh_cli_paragraph(struct uh_str *out, const char *title, const char *text, size_t width) {
  size_t column = 0;
  if (!text || !*text) return;
  uh_str_addf(out, "\n%s\n", title);
  for (const char *p = text; *p;) {
    size_t n = strcspn(p, " \n");
    if (n && column && column + 1 + n > width) uh_str_addc(out, '\n'), column = 0;
    if (n) uh_str_addf(out, "%s%.*s", column ? " " : "  ", (int)n, p), column += n + (column ? 1 : 2);
    p += n;
    if (*p == '\n') uh_str_addc(out, '\n'), column = 0;
    p += *p != '\0';
  }
  if (column) uh_str_addc(out, '\n');
}
