/* SPDX-License-Identifier: Apache-2.0 */
/* Distinguished names (RFC 4514), as far as they are looked into. */
#include "wire/ldap_names.h"

#include <strings.h>

/* The end of the component that starts at i: the separator's place, or n. */
static size_t component_end(const char *dn, size_t n, size_t i) {
  bool quoted = false;
  for (; i < n; i++) {
    if (dn[i] == '\\')
      i++;
    else if (dn[i] == '"')
      quoted = !quoted;
    else if ((dn[i] == ',' || dn[i] == ';') && !quoted)
      return i;
  }
  return n;
}

static bool component(const char *dn, size_t n, unsigned index, size_t *ret_start, size_t *ret_end) {
  size_t start = 0;
  for (;; index--) {
    while (start < n && dn[start] == ' ') start++;
    if (start >= n) return false;
    size_t end = component_end(dn, n, start);
    if (index == 0) {
      *ret_start = start;
      *ret_end = end;
      return true;
    }
    start = end + 1;
  }
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool uh_dn_value(const char *dn, size_t n, unsigned index, struct uh_str *out) {
  size_t at, end;
  if (!component(dn, n, index, &at, &end)) return false;
  const char *equals = memchr(dn + at, '=', end - at);
  if (!equals) return false;
  at = (size_t)(equals - dn) + 1;
  while (at < end && dn[at] == ' ') at++;
  while (end > at && dn[end - 1] == ' ' && !(end - at >= 2 && dn[end - 2] == '\\')) end--;
  for (; at < end; at++) {
    if (dn[at] == '"') continue;
    if (dn[at] != '\\' || at + 1 >= end)
      uh_str_addc(out, dn[at]);
    else if (at + 2 < end && hex(dn[at + 1]) >= 0 && hex(dn[at + 2]) >= 0) {
      char byte = (char)(hex(dn[at + 1]) * 16 + hex(dn[at + 2]));
      uh_str_addn(out, byte ? &byte : "\xEF\xBF\xBD", byte ? 1 : 3); /* as the facts hold a NUL */
      at += 2;
    } else
      uh_str_addc(out, dn[++at]);
  }
  return true;
}

const char *uh_dn_parent(const char *dn, size_t n, unsigned count) {
  size_t start, end;
  return component(dn, n, count, &start, &end) ? dn + start : "";
}

static bool is_servers(const char *dn, size_t start, size_t end) {
  static const char rdn[] = "CN=Servers";
  return end - start == sizeof rdn - 1 && strncasecmp(dn + start, rdn, sizeof rdn - 1) == 0;
}

bool uh_dn_server(const char *dn, size_t n, struct uh_str *out) {
  size_t start, end;
  for (unsigned i = 1; component(dn, n, i, &start, &end); i++)
    if (is_servers(dn, start, end)) return uh_dn_value(dn, n, i - 1, out);
  return false;
}

bool uh_dn_same(const char *a, size_t a_size, const char *b, size_t b_size) {
  size_t i = 0, j = 0;
  for (;; i++, j++) {
    while (i < a_size && a[i] == ' ' && (i == 0 || a[i - 1] == ',')) i++;
    while (j < b_size && b[j] == ' ' && (j == 0 || b[j - 1] == ',')) j++;
    if (i >= a_size || j >= b_size) return i >= a_size && j >= b_size;
    char x = a[i], y = b[j];
    if (x >= 'A' && x <= 'Z') x = (char)(x + 32);
    if (y >= 'A' && y <= 'Z') y = (char)(y + 32);
    if (x != y) return false;
  }
}
