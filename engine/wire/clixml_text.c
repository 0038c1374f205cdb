/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unhybrid/text.h>

#include "wire/clixml_private.h"

/* Length of the escape at s (7 or 11), 0 where there is none. */
static size_t escape_at(const char *s, size_t n, uint32_t *ret) {
  if (n < 7 || s[0] != '_' || (s[1] | 0x20) != 'x') return 0;
  uint32_t c = 0;
  size_t i = 2;
  for (; i < n && i < 10; i++) {
    int d = uh_hex_digit(s[i]);
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
      len += uh_utf8_put(join(c, low), out + len);
      used += more;
    } else {
      len += uh_utf8_put(is_high(c) || is_low(c) ? REPLACEMENT : c, out + len);
    }
    s += used;
    n -= used;
  }
  return len;
}
