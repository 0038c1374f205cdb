/* SPDX-License-Identifier: Apache-2.0 */
#include "report/lines.h"

#include <string.h>

void uh_lines_spaces(struct uh_str *out, size_t n) {
  while (n--) uh_str_addc(out, ' ');
}

static size_t character(const char *p) {
  size_t n = 1;
  while (((unsigned char)p[n] & 0xC0) == 0x80) n++;
  return n;
}

/* Cuts escaped text at so many columns, at the edge of a character, with what combines with it kept together. */
static void cut(struct uh_str *text, size_t columns) {
  if (text->failed || uh_text_width(text->len ? text->s : "") <= columns) return;
  char one[8];
  size_t at = 0, used = 0;
  while (at < text->len) {
    size_t n = character(text->s + at);
    if (n >= sizeof one) break;
    memcpy(one, text->s + at, n);
    one[n] = '\0';
    used += uh_text_width(one);
    if (used > columns - 3) break;
    at += n;
  }
  text->len = at;
  uh_str_add(text, "...");
}

static size_t width_of(const char *p, size_t n) {
  struct uh_str word = {0};
  uh_str_addn(&word, p, n);
  size_t width = uh_str_text(&word) ? uh_text_width(word.s ? word.s : "") : n;
  uh_str_clear(&word);
  return width;
}

void uh_lines_wrap(struct uh_str *out, size_t width, size_t at, size_t indent, const char *text) {
  bool begun = false;
  for (const char *p = text + strspn(text, " "); *p;) {
    size_t n = strcspn(p, " "), columns = width_of(p, n);
    if (begun && at + 1 + columns > width) {
      uh_str_addc(out, '\n');
      uh_lines_spaces(out, indent);
      at = indent;
    } else if (begun) {
      uh_str_addc(out, ' ');
      at++;
    }
    uh_str_addn(out, p, n);
    at += columns;
    begun = true;
    p += n + strspn(p + n, " ");
  }
  uh_str_addc(out, '\n');
}

void uh_lines_outside(struct uh_str *line, const char *text, size_t columns) {
  struct uh_str clean = {0};
  uh_terminal_text(&clean, text, strlen(text));
  cut(&clean, columns);
  if (clean.failed)
    line->failed = true;
  else
    uh_str_addn(line, clean.s ? clean.s : "", clean.len);
  uh_str_clear(&clean);
}

void uh_lines_put(struct uh_str *out, size_t width, size_t indent, size_t hang, struct uh_str *line) {
  if (line->failed)
    out->failed = true;
  else if (line->len) {
    uh_lines_spaces(out, indent);
    uh_lines_wrap(out, width, indent, indent + hang, line->s);
  }
  uh_str_clear(line);
}
