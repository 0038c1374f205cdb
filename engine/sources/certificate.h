/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CERTIFICATE_H
#define UH_CERTIFICATE_H
#include <unhybrid/text.h>

/* What a certificate says of itself, written as .NET writes it ("CN=.., O=.."), so that it compares with what Exchange
 * stores. Zero-initialise; free with uh_certificate_clear(). */
struct uh_certificate {
  char thumbprint[41]; /* SHA-1, upper-case hex */
  struct uh_str subject, issuer, serial;
  char not_before[UH_TIME_TEXT], not_after[UH_TIME_TEXT]; /* "" where the certificate's own is no time */
};
void uh_certificate_clear(struct uh_certificate *certificate);
/* der_base64: a certificate's DER. false: it is none, or memory ran out; nothing is told then. */
bool uh_certificate_read(const char *der_base64, size_t n, struct uh_certificate *ret_certificate);
#endif
