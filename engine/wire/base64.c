/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/base64.h"

#include <ctype.h>
#include <openssl/evp.h>

#define PIECE 3072 /* bytes at once, a multiple of 3 */

void uh_base64_add(struct uh_str *out, const void *data, size_t size) {
  unsigned char text[PIECE / 3 * 4 + 1];
  const unsigned char *p = data;
  while (size) {
    size_t n = size < PIECE ? size : PIECE;
    int written = EVP_EncodeBlock(text, p, (int)n);
    uh_str_addn(out, (const char *)text, (size_t)written);
    p += n;
    size -= n;
  }
  explicit_bzero(text, sizeof text);
}

static bool is_digit(char c) {
  return isalnum((unsigned char)c) || c == '+' || c == '/';
}

bool uh_base64_decode(struct uh_str *out, const char *text, size_t size) {
  unsigned char quad[4], bytes[3];
  size_t n = 0, pads = 0, before = out->len;
  bool good = true;
  for (size_t i = 0; i < size && good; i++) {
    char c = text[i];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (c == '=')
      good = n >= 2 && ++pads <= 2; /* only in the last quad's third and fourth place */
    else
      good = is_digit(c) && !pads;
    quad[n++] = (unsigned char)c;
    if (n < 4 || !good) continue;
    good = EVP_DecodeBlock(bytes, quad, 4) == 3;
    if (good) uh_str_addn(out, (const char *)bytes, 3 - pads);
    n = 0;
  }
  if (good && n == 0 && !out->failed) return true;
  if (out->s && out->len > before) {
    out->len = before;
    out->s[before] = '\0';
  }
  return false;
}
