/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_BASE64_H
#define UH_BASE64_H
/* Base64 (RFC 4648, with padding), over OpenSSL. */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

void uh_base64_add(struct uh_str *out, const void *data, size_t size);
/* Appends the bytes that text stands for. White space is skipped; anything else that does not belong is refused:
 * false, nothing appended. */
bool uh_base64_decode(struct uh_str *out, const char *text, size_t size);
#endif
