/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that Exchange shows by their bytes alone. */
#include "sources/certificate.h"

#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <unhybrid/base.h>

#define TEXT_MAX ((size_t)64 * 1024)

static void x509_freep(X509 **certificate) {
  X509_free(*certificate);
}

void uh_certificate_clear(struct uh_certificate *c) {
  uh_str_clear(&c->subject);
  uh_str_clear(&c->issuer);
  uh_str_clear(&c->serial);
}

/* ---- names as CertNameToStr writes them, most specific part first ---- */

/* Windows' words where they are not OpenSSL's. */
static const struct {
  int nid;
  const char *word;
} words[] = {{NID_stateOrProvinceName, "S"},
             {NID_pkcs9_emailAddress, "E"},
             {NID_givenName, "G"},
             {NID_surname, "SN"},
             {NID_serialNumber, "SERIALNUMBER"},
             {NID_streetAddress, "STREET"},
             {NID_title, "T"},
             {NID_initials, "I"},
             {NID_commonName, "CN"},
             {NID_organizationName, "O"},
             {NID_organizationalUnitName, "OU"},
             {NID_localityName, "L"},
             {NID_countryName, "C"},
             {NID_domainComponent, "DC"},
             {NID_description, "Description"},
             {NID_dnQualifier, "dnQualifier"}};

static void add_type(struct uh_str *out, const ASN1_OBJECT *type) {
  int nid = OBJ_obj2nid(type);
  char oid[128];
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (words[i].nid == nid) {
      uh_str_add(out, words[i].word);
      return;
    }
  (void)OBJ_obj2txt(oid, sizeof oid, type, 1);
  uh_str_addf(out, "OID.%s", oid);
}

static bool needs_quotes(const char *text, size_t n) {
  if (n == 0) return true;
  if (text[0] == ' ' || text[n - 1] == ' ') return true;
  for (size_t i = 0; i < n; i++)
    if (text[i] && strchr(",+=\"\n<>#;", text[i])) return true;
  return false;
}

static bool add_value(struct uh_str *out, const ASN1_STRING *value) {
  unsigned char *text = NULL;
  int n = ASN1_STRING_to_UTF8(&text, value);
  if (n < 0) return false;
  bool quoted = needs_quotes((const char *)text, (size_t)n);
  if (quoted) uh_str_addc(out, '"');
  for (int i = 0; i < n; i++) {
    if (text[i] == '"') uh_str_addc(out, '"');
    uh_str_addn(out, text[i] ? (const char *)text + i : "\xEF\xBF\xBD", text[i] ? 1 : 3); /* as facts hold a NUL */
  }
  if (quoted) uh_str_addc(out, '"');
  OPENSSL_free(text);
  return true;
}

static bool add_name(struct uh_str *out, const X509_NAME *name) {
  int n = X509_NAME_entry_count(name);
  for (int i = n - 1; i >= 0; i--) {
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
    const X509_NAME_ENTRY *before = i < n - 1 ? X509_NAME_get_entry(name, i + 1) : NULL;
    if (before) uh_str_add(out, X509_NAME_ENTRY_set(before) == X509_NAME_ENTRY_set(entry) ? " + " : ", ");
    add_type(out, X509_NAME_ENTRY_get_object(entry));
    uh_str_addc(out, '=');
    if (!add_value(out, X509_NAME_ENTRY_get_data(entry))) return false;
  }
  return true;
}

/* ---- the rest ---- */

static bool add_serial(struct uh_str *out, const X509 *certificate) {
  const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
  const unsigned char *bytes = serial ? ASN1_STRING_get0_data(serial) : NULL;
  for (int i = 0; bytes && i < ASN1_STRING_length(serial); i++) uh_str_addf(out, "%02X", bytes[i]);
  return bytes != NULL;
}

static void time_of(const ASN1_TIME *time, char text[UH_TIME_TEXT]) {
  struct tm tm;
  text[0] = '\0';
  if (!time || ASN1_TIME_to_tm(time, &tm) != 1) return;
  (void)uh_time_text((int64_t)timegm(&tm), text);
}

static bool digest_of(const unsigned char *der, size_t n, char text[41]) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(der, n, digest, &size, EVP_sha1(), NULL) != 1 || size != 20) return false;
  for (unsigned i = 0; i < size; i++) (void)snprintf(text + (size_t)2 * i, 3, "%02X", digest[i]);
  return true;
}

static unsigned char *decode(const char *text, size_t n, size_t *ret_n) {
  unsigned char *out = n > 0 && n <= TEXT_MAX && n % 4 == 0 ? malloc(n + 1) : NULL;
  int got = out ? EVP_DecodeBlock(out, (const unsigned char *)text, (int)n) : -1;
  for (size_t i = n; got > 0 && i > 0 && text[i - 1] == '='; i--) got--;
  if (got <= 0) {
    free(out);
    return NULL;
  }
  *ret_n = (size_t)got;
  return out;
}

bool uh_certificate_read(const char *der_base64, size_t n, struct uh_certificate *ret) {
  size_t size = 0;
  unsigned char *der UH_CLEANUP(uh_freep) = decode(der_base64, n, &size);
  const unsigned char *at = der;
  X509 *certificate UH_CLEANUP(x509_freep) = der ? d2i_X509(NULL, &at, (long)size) : NULL;
  if (!certificate || at != der + size) return false;
  if (!digest_of(der, size, ret->thumbprint) || !add_name(&ret->subject, X509_get_subject_name(certificate)) ||
      !add_name(&ret->issuer, X509_get_issuer_name(certificate)) || !add_serial(&ret->serial, certificate))
    return false;
  time_of(X509_get0_notBefore(certificate), ret->not_before);
  time_of(X509_get0_notAfter(certificate), ret->not_after);
  return uh_str_text(&ret->subject) && uh_str_text(&ret->issuer) && uh_str_text(&ret->serial);
}
