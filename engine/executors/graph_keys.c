/* SPDX-License-Identifier: Apache-2.0 */
/* Whose certificate a credential of Entra is. */
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <strings.h>

#include <unhybrid/graph_writer.h>

#define KEY_MAX ((size_t)64 * 1024) /* base64 of a certificate */
#define DAY_S 86400
#define DIGITS ((size_t)UH_SHA1_SIZE * 2)

/* The bytes of base64 without line breaks; -1: it is none, or longer than room. */
static long decoded(const char *text, unsigned char *out, size_t room) {
  size_t n = strlen(text), pad = 0;
  if (n == 0 || n % 4 || n / 4 * 3 > room) return -1;
  while (pad < 2 && text[n - 1 - pad] == '=') pad++;
  for (size_t i = 0; i < n - pad; i++)
    if (!isalnum((unsigned char)text[i]) && text[i] != '+' && text[i] != '/') return -1;
  int got = EVP_DecodeBlock(out, (const unsigned char *)text, (int)n);
  return got < (long)pad ? -1 : got - (long)pad;
}

static void hex_of(const uint8_t sha1[UH_SHA1_SIZE], char ret[UH_SHA1_SIZE * 2 + 1]) {
  for (size_t i = 0; i < UH_SHA1_SIZE; i++) (void)snprintf(ret + 2 * i, 3, "%02X", sha1[i]);
}

/* 1 it is a certificate, and *ret_sha1 its thumbprint; 0 it is none. */
static bool thumbprint(const char *key, uint8_t ret_sha1[UH_SHA1_SIZE]) {
  size_t room = strnlen(key, KEY_MAX + 1);
  unsigned char *der = room <= KEY_MAX ? malloc(room + 4) : NULL;
  long n = der ? decoded(key, der, room + 3) : -1;
  const unsigned char *at = der;
  X509 *certificate = n > 0 ? d2i_X509(NULL, &at, n) : NULL;
  unsigned size = 0;
  bool ok = certificate && at == der + n && EVP_Digest(der, (size_t)n, ret_sha1, &size, EVP_sha1(), NULL) == 1 &&
            size == UH_SHA1_SIZE;
  X509_free(certificate);
  free(der);
  return ok;
}

static enum uh_key_match by_identifier(const char *identifier, const struct uh_certificate_mark *c) {
  char hex[UH_SHA1_SIZE * 2 + 1];
  unsigned char bytes[64];
  hex_of(c->sha1, hex);
  if (strcasecmp(identifier, hex) == 0) return UH_KEY_BY_IDENTIFIER;
  long n = decoded(identifier, bytes, sizeof bytes - 1);
  bool raw = n == UH_SHA1_SIZE && memcmp(bytes, c->sha1, UH_SHA1_SIZE) == 0;
  bool digits = n == (long)DIGITS && strncasecmp((const char *)bytes, hex, DIGITS) == 0;
  return raw || digits ? UH_KEY_BY_IDENTIFIER_BYTES : UH_KEY_NO_MATCH;
}

enum uh_key_match uh_key_match(const struct uh_key_credential *key, const struct uh_certificate_mark *c) {
  uint8_t told[UH_SHA1_SIZE];
  if (key->key && thumbprint(key->key, told))
    return memcmp(told, c->sha1, UH_SHA1_SIZE) == 0 ? UH_KEY_BY_KEY : UH_KEY_NO_MATCH;
  enum uh_key_match match = key->custom_key_identifier ? by_identifier(key->custom_key_identifier, c) : UH_KEY_NO_MATCH;
  if (match != UH_KEY_NO_MATCH) return match;
  bool subject = key->display_name && c->subject && *c->subject && strcasecmp(key->display_name, c->subject) == 0;
  int64_t apart = key->ends - c->not_after;
  return subject && key->ends && c->not_after && apart > -DAY_S && apart < DAY_S ? UH_KEY_HINT : UH_KEY_NO_MATCH;
}
