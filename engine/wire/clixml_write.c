/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/clixml_write.h"

#include <string.h>

/* ---- text ---- */

static void escape_unit(struct uh_str *out, unsigned unit) {
  uh_str_addf(out, "_x%04X_", unit);
}

/* The code point at s, whose bytes are known to be UTF-8. Returns its length. */
static size_t code_point(const unsigned char *s, uint32_t *ret) {
  size_t n = s[0] < 0x80 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
  uint32_t c = n == 1 ? s[0] : s[0] & (0xFFu >> (n + 1));
  for (size_t i = 1; i < n; i++) c = c << 6 | (s[i] & 0x3Fu);
  *ret = c;
  return n;
}

static bool begins_escape(const char *s, size_t n) {
  return n >= 2 && s[0] == '_' && (s[1] == 'x' || s[1] == 'X');
}

static void put_escaped(struct uh_clixml_writer *w, const char *s, size_t n) {
  if (!uh_utf8_valid(s, n)) {
    w->bad_text = true;
    return;
  }
  while (n > 0) {
    uint32_t c;
    size_t len = code_point((const unsigned char *)s, &c);
    if (c < 0x20 || (c >= 0x7F && c <= 0x9F) || begins_escape(s, n) || c == 0xFFFE || c == 0xFFFF) {
      escape_unit(w->out, c);
    } else if (c > 0xFFFF) {
      escape_unit(w->out, 0xD800u + ((c - 0x10000u) >> 10));
      escape_unit(w->out, 0xDC00u + ((c - 0x10000u) & 0x3FFu));
    } else if (c == '<') {
      uh_str_add(w->out, "&lt;");
    } else if (c == '>') {
      uh_str_add(w->out, "&gt;");
    } else if (c == '&') {
      uh_str_add(w->out, "&amp;");
    } else if (c == '"') {
      uh_str_add(w->out, "&quot;");
    } else {
      uh_str_addn(w->out, s, len);
    }
    s += len;
    n -= len;
  }
}

static void put_name(struct uh_clixml_writer *w, const char *name) {
  if (!name) return;
  uh_str_add(w->out, " N=\"");
  put_escaped(w, name, strlen(name));
  uh_str_addc(w->out, '"');
}

static void put_primitive(struct uh_clixml_writer *w, const char *tag, const char *name, const char *s, size_t n) {
  uh_str_addf(w->out, "<%s", tag);
  put_name(w, name);
  uh_str_addc(w->out, '>');
  put_escaped(w, s, n);
  uh_str_addf(w->out, "</%s>", tag);
}

void uh_clixml_put_text(struct uh_clixml_writer *w, const char *name, const char *text, size_t n) {
  put_primitive(w, "S", name, text, n);
}

/* ---- other primitives ---- */

void uh_clixml_put_bool(struct uh_clixml_writer *w, const char *name, bool value) {
  put_primitive(w, "B", name, value ? "true" : "false", value ? 4 : 5);
}

static void put_number(struct uh_clixml_writer *w, const char *tag, const char *name, int64_t value) {
  char text[24];
  int n = snprintf(text, sizeof text, "%lld", (long long)value);
  put_primitive(w, tag, name, text, (size_t)n);
}

void uh_clixml_put_i32(struct uh_clixml_writer *w, const char *name, int32_t value) {
  put_number(w, "I32", name, value);
}

void uh_clixml_put_i64(struct uh_clixml_writer *w, const char *name, int64_t value) {
  put_number(w, "I64", name, value);
}

void uh_clixml_put_guid(struct uh_clixml_writer *w, const char *name, const uint8_t guid[UH_GUID_SIZE]) {
  char text[UH_GUID_TEXT];
  put_primitive(w, "G", name, uh_guid_text(guid, text), UH_GUID_TEXT - 1);
}

void uh_clixml_put_version(struct uh_clixml_writer *w, const char *name, const char *version) {
  put_primitive(w, "Version", name, version, strlen(version));
}

void uh_clixml_put_nil(struct uh_clixml_writer *w, const char *name) {
  uh_str_add(w->out, "<Nil");
  put_name(w, name);
  uh_str_add(w->out, "/>");
}

/* ---- objects ---- */

static void put_types(struct uh_clixml_writer *w, const char *types) {
  for (unsigned i = 0; i < w->types_n; i++)
    if (w->types[i] == types) {
      uh_str_addf(w->out, "<TNRef RefId=\"%u\"/>", i);
      return;
    }
  unsigned id = w->types_n;
  if (id < UH_CLIXML_WRITE_TYPES) w->types[w->types_n++] = types;
  uh_str_addf(w->out, "<TN RefId=\"%u\">", id);
  while (*types) {
    size_t n = strcspn(types, "\n");
    put_primitive(w, "T", NULL, types, n);
    types += n + (types[n] ? 1 : 0);
  }
  uh_str_add(w->out, "</TN>");
}

void uh_clixml_begin(struct uh_clixml_writer *w, const char *name, const char *types) {
  uh_str_add(w->out, "<Obj");
  put_name(w, name);
  uh_str_addf(w->out, " RefId=\"%u\">", w->objects++);
  if (types) put_types(w, types);
}

void uh_clixml_end(struct uh_clixml_writer *w) {
  uh_str_add(w->out, "</Obj>");
}

void uh_clixml_put_enum(struct uh_clixml_writer *w, const char *name, const char *types, const char *text,
                        int32_t value) {
  uh_clixml_begin(w, name, types);
  put_primitive(w, "ToString", NULL, text, strlen(text));
  uh_clixml_put_i32(w, NULL, value);
  uh_clixml_end(w);
}

void uh_clixml_open_element(struct uh_clixml_writer *w, const char *element) {
  uh_str_addf(w->out, "<%s>", element);
}

void uh_clixml_close_element(struct uh_clixml_writer *w, const char *element) {
  uh_str_addf(w->out, "</%s>", element);
}
