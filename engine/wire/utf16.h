/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_UTF16_H
#define UH_UTF16_H
/*
 * UTF-16, as Windows PowerShell writes it into files, to UTF-8, in pieces of any size. A surrogate without its other
 * half becomes U+FFFD.
 */
#include <unhybrid/base.h>

struct uh_utf16 {
  bool big;
  bool half; /* a byte waits for the next piece */
  uint8_t byte;
  uint16_t high; /* a high surrogate waits */
};
#define UH_UTF16_ROOM(n) ((n)*2 + 8) /* bytes that n bytes of UTF-16 take at most as UTF-8 */
size_t uh_utf16_decode(struct uh_utf16 *u, const uint8_t *s, size_t n, char *out); /* bytes written */
size_t uh_utf16_finish(struct uh_utf16 *u, char *out);                             /* at most 3 bytes */

/* What a text file begins with. A byte order mark is *ret_skip bytes long. Without one, a zero byte beside an ASCII
 * character tells. false: UTF-8. */
bool uh_utf16_begins(const uint8_t *s, size_t n, struct uh_utf16 *ret_utf16, size_t *ret_skip);

size_t uh_utf8_put(uint32_t c, char out[4]); /* a code point that is no surrogate; bytes written */
#endif
