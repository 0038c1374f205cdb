/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "wire/clixml_private.h"

#define REPLACEMENT 0xFFFDu

static size_t put_utf8(uint32_t c, char *out) {
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    out[0] = (char)(0xC0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3F));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (char)(0xE0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3F));
    out[2] = (char)(0x80 | (c & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | c >> 18);
  out[1] = (char)(0x80 | (c >> 12 & 0x3F));
  out[2] = (char)(0x80 | (c >> 6 & 0x3F));
  out[3] = (char)(0x80 | (c & 0x3F));
  return 4;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Length of the escape at s (7 or 11), 0 where there is none. */
static size_t escape_at(const char *s, size_t n, uint32_t *ret) {
  if (n < 7 || s[0] != '_' || (s[1] | 0x20) != 'x') return 0;
  uint32_t c = 0;
  size_t i = 2;
  for (; i < n && i < 10; i++) {
    int d = hex_digit(s[i]);
    if (d < 0) break;
    c = c << 4 | (uint32_t)d;
  }
  if ((i != 6 && i != 10) || i >= n || s[i] != '_') return 0;
  if (c > 0x10FFFF) return 0;
  *ret = c;
  return i + 1;
}

static bool is_high(uint32_t c) {
  return c >= 0xD800 && c < 0xDC00;
}
static bool is_low(uint32_t c) {
  return c >= 0xDC00 && c < 0xE000;
}
static uint32_t join(uint32_t high, uint32_t low) {
  return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

size_t clixml_decode(const char *s, size_t n, char *out) {
  size_t len = 0;
  while (n > 0) {
    const char *mark = memchr(s, '_', n);
    size_t plain = mark ? (size_t)(mark - s) : n;
    memcpy(out + len, s, plain);
    len += plain;
    s += plain;
    n -= plain;
    if (n == 0) break;
    uint32_t c, low;
    size_t used = escape_at(s, n, &c), more;
    if (used == 0) {
      out[len++] = '_';
      used = 1;
    } else if (is_high(c) && (more = escape_at(s + used, n - used, &low)) != 0 && is_low(low)) {
      len += put_utf8(join(c, low), out + len);
      used += more;
    } else {
      len += put_utf8(is_high(c) || is_low(c) ? REPLACEMENT : c, out + len);
    }
    s += used;
    n -= used;
  }
  return len;
}

static size_t utf16_unit(struct utf16 *u, uint16_t c, char *out) {
  size_t len = 0;
  if (u->high) {
    uint16_t high = u->high;
    u->high = 0;
    if (is_low(c)) return put_utf8(join(high, c), out);
    len = put_utf8(REPLACEMENT, out);
  }
  if (is_high(c)) {
    u->high = c;
    return len;
  }
  return len + put_utf8(is_low(c) ? REPLACEMENT : c, out + len);
}

size_t utf16_decode(struct utf16 *u, const uint8_t *s, size_t n, char *out) {
  size_t len = 0, i = 0;
  if (u->half && n > 0) {
    unsigned c = u->big ? (unsigned)u->byte << 8 | s[0] : (unsigned)s[0] << 8 | u->byte;
    u->half = false;
    len += utf16_unit(u, (uint16_t)c, out);
    i = 1;
  }
  for (; i + 1 < n; i += 2) {
    unsigned c = u->big ? (unsigned)s[i] << 8 | s[i + 1] : (unsigned)s[i + 1] << 8 | s[i];
    if (c < 0x80 && !u->high)
      out[len++] = (char)c;
    else
      len += utf16_unit(u, (uint16_t)c, out + len);
  }
  if (i < n) {
    u->half = true;
    u->byte = s[i];
  }
  return len;
}

size_t utf16_finish(struct utf16 *u, char *out) {
  bool broken = u->half || u->high;
  u->half = false;
  u->high = 0;
  return broken ? put_utf8(REPLACEMENT, out) : 0;
}
