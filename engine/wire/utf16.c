/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/utf16.h"

#include <endian.h>
#include <string.h>

#define REPLACEMENT 0xFFFDu

size_t uh_utf8_put(uint32_t c, char out[4]) {
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

static bool is_high(uint32_t c) {
  return c >= 0xD800 && c < 0xDC00;
}
static bool is_low(uint32_t c) {
  return c >= 0xDC00 && c < 0xE000;
}
static uint32_t join(uint32_t high, uint32_t low) {
  return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

static size_t utf16_unit(struct uh_utf16 *u, uint16_t c, char *out) {
  size_t len = 0;
  if (u->high) {
    uint16_t high = u->high;
    u->high = 0;
    if (is_low(c)) return uh_utf8_put(join(high, c), out);
    len = uh_utf8_put(REPLACEMENT, out);
  }
  if (is_high(c)) {
    u->high = c;
    return len;
  }
  return len + uh_utf8_put(is_low(c) ? REPLACEMENT : c, out + len);
}

/* ASCII goes four characters at a time: a log is little else. Gives how many. */
static size_t utf16_plain(const uint8_t *s, size_t n, char *out) {
  size_t done = 0;
  for (; 2 * done + 8 <= n; done += 4) {
    uint64_t four;
    memcpy(&four, s + 2 * done, sizeof four);
    four = le64toh(four);
    if (four & 0xFF80FF80FF80FF80u) break;
    for (unsigned k = 0; k < 4; k++) out[done + k] = (char)(four >> (16 * k));
  }
  return done;
}

size_t uh_utf16_decode(struct uh_utf16 *u, const uint8_t *s, size_t n, char *out) {
  size_t len = 0, i = 0;
  if (u->half && n > 0) {
    unsigned c = u->big ? (unsigned)u->byte << 8 | s[0] : (unsigned)s[0] << 8 | u->byte;
    u->half = false;
    len += utf16_unit(u, (uint16_t)c, out);
    i = 1;
  }
  for (; i + 1 < n; i += 2) {
    if (!u->big && !u->high) {
      size_t plain = utf16_plain(s + i, n - i, out + len);
      len += plain;
      i += 2 * plain;
      if (i + 1 >= n) break;
    }
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

size_t uh_utf16_finish(struct uh_utf16 *u, char *out) {
  bool broken = u->half || u->high;
  u->half = false;
  u->high = 0;
  return broken ? uh_utf8_put(REPLACEMENT, out) : 0;
}

bool uh_utf16_begins(const uint8_t *s, size_t n, struct uh_utf16 *ret, size_t *ret_skip) {
  *ret = (struct uh_utf16){0};
  *ret_skip = n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  if (n < 2) return false;
  bool mark = (s[0] == 0xff && s[1] == 0xfe) || (s[0] == 0xfe && s[1] == 0xff);
  if (!mark && (s[0] == 0) == (s[1] == 0)) return false;
  ret->big = mark ? s[0] == 0xfe : s[0] == 0;
  if (mark) *ret_skip = 2;
  return true;
}
