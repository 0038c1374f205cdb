/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a file is an exported private key, as far as that shows without its password. */
#include "plan/key_file.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>

static void pkcs12_freep(PKCS12 **p12) {
  PKCS12_free(*p12);
}

const char *uh_key_file_wrong(const uint8_t *bytes, size_t n) {
  const unsigned char *end = bytes;
  if (n == 0) return "it is empty";
  if (n > UH_KEY_FILE_MAX) return "it is larger than 1 MiB, and no exported key is";
  UH_CLEANUP(pkcs12_freep) PKCS12 *p12 = d2i_PKCS12(NULL, &end, (long)n);
  ERR_clear_error();
  if (!p12) return "it is no PKCS#12 file, or not all of one";
  if ((size_t)(end - bytes) != n) return "something follows the PKCS#12 file in it";
  return PKCS12_mac_present(p12) ? NULL : "it has no MAC, by which a damaged file would show";
}
