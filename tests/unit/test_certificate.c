/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from a certificate's bytes: names as Windows writes them, the thumbprint, the times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "sources/certificate.h"

/* Fabrikam's auth certificate in the lab. */
#define PLAIN                                                                                                    \
  "MIIBajCCARCgAwIBAgIUN8dIKV3Q68tARIMuzEgNsukccd0wCgYIKoZIzj0EAwIwNTEzMDEGA1UEAwwqTWljcm9zb2Z0IEV4Y2hhbmdlIFNl" \
  "cnZlciBBdXRoIENlcnRpZmljYXRlMB4XDTI0MDYwMTAwMDAwMFoXDTI5MDYwMTAwMDAwMFowNTEzMDEGA1UEAwwqTWljcm9zb2Z0IEV4Y2hh" \
  "bmdlIFNlcnZlciBBdXRoIENlcnRpZmljYXRlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1ns8UxxgLoZLC+tcxKHnc+TXpkIJengcOghW" \
  "xouYmPswS3j+ioaO09RBEuAZNzpxM3G+8OBSM6D2Hx0TOjF8/jAKBggqhkjOPQQDAgNIADBFAiB9j68obp+N3Q6/KO8dr8ghe/VXYPFEsNNI" \
  "qYFdvsbRkgIhAKFHFi24tceijGsS8BkZJfRs+USj2GqHQe8+iiHgsCQ+"
/* Everything that names can hold: two values in one part, quotes, a leading blank, a NUL, a type of no name; a time
 * after 2049. */
#define STRANGE                                                                                                          \
  "MIIBuTCCAWCgAwIBAgIDCrHCMAoGCCqGSM49BAMCMGMxCzAJBgNVBAYTAlVTMRgwFgYDVQQKDA9EaWdpQ2VydCwgIkluYyIxGTAXBgNVBAsMEHd3dy5k" \
  "aWdpY2VydC5jb20xHzAdBgNVBAMMFkdlb1RydXN0IFRMUyBSU0EgQ0EgRzEwIBcNMjQwNjAxMDAwMDAwWhgPMjA1NjAyMDMwNDA1MDZaMGYxDzANBgNV" \
  "BAgMBkJheWVybjERMA8GA1UECgwIIE3DvGxsZXIxNDAYBgNVBAMMEW1haWwALmNvbnRvc28uY29tMBgGCSqGSIb3DQEJARYLYUBiLmV4YW1wbGUxCjAI" \
  "BgMqAwQMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS7JT8vUuofSu/GOvBjkq9IG/DkCQj4XLsf5nafFZ7m7w07JlPxpQprLfrY6eurV7k/HP8A" \
  "OsZKqBWRx7DkpapQMAoGCCqGSM49BAMCA0cAMEQCIFevzXic/s/n8Y7aAjxQ0pTZc2GQPM3KhzvhDdVHA1C7AiA3U99QKDObqBCR9vzyo8P6DaHnEF1X" \
  "ms0oqDHMFQxmdQ=="

static void plain(void **state) {
  (void)state;
  struct uh_certificate c UH_CLEANUP(uh_certificate_clear) = {0};
  assert_true(uh_certificate_read(PLAIN, strlen(PLAIN), &c));
  assert_string_equal(c.thumbprint, "8C397043FAD2EED71433C26B07CE8AA41AC5EF9A");
  assert_string_equal(c.subject.s, "CN=Microsoft Exchange Server Auth Certificate");
  assert_string_equal(c.issuer.s, c.subject.s);
  assert_string_equal(c.not_before, "2024-06-01T00:00:00Z");
  assert_string_equal(c.not_after, "2029-06-01T00:00:00Z");
}

static void strange(void **state) {
  (void)state;
  struct uh_certificate c UH_CLEANUP(uh_certificate_clear) = {0};
  assert_true(uh_certificate_read(STRANGE, strlen(STRANGE), &c));
  assert_string_equal(c.thumbprint, "ADE5F63AFA67123EF16D7DFC5B68EA8B01A2E0DD");
  assert_string_equal(c.issuer.s, "CN=GeoTrust TLS RSA CA G1, OU=www.digicert.com, O=\"DigiCert, \"\"Inc\"\"\", C=US");
  assert_string_equal(c.subject.s,
                      "OID.1.2.3.4=x, E=a@b.example + CN=mail\xEF\xBF\xBD.contoso.com, O=\" M\xC3\xBCller\", S=Bayern");
  assert_string_equal(c.serial.s, "0AB1C2");
  assert_string_equal(c.not_after, "2056-02-03T04:05:06Z");
}

static void no_certificate(void **state) {
  (void)state;
  static const char *const texts[] = {"", "MIIB", "no base64 at all!", "AAAA", PLAIN "AAAA"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct uh_certificate c UH_CLEANUP(uh_certificate_clear) = {0};
    assert_false(uh_certificate_read(texts[i], strlen(texts[i]), &c));
  }
  struct uh_certificate c UH_CLEANUP(uh_certificate_clear) = {0};
  assert_false(uh_certificate_read(PLAIN, strlen(PLAIN) - 8, &c)); /* cut */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(plain), cmocka_unit_test(strange),
                                     cmocka_unit_test(no_certificate)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
