/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves: the client assertion is what Entra ID documents and its signature holds; refusals are told apart by number;
 * no secret reaches an error text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "wire/oauth.h"

static EVP_PKEY *key;
static X509 *certificate;
static char *pem;

static X509 *self_signed(EVP_PKEY *k, long days) {
  X509 *x = X509_new();
  X509_gmtime_adj(X509_getm_notBefore(x), -86400 * 2);
  X509_gmtime_adj(X509_getm_notAfter(x), 86400 * days);
  X509_set_pubkey(x, k);
  X509_NAME *name = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"unhybrid", -1, -1, 0);
  X509_set_issuer_name(x, name);
  assert_true(X509_sign(x, k, EVP_sha256()) > 0);
  return x;
}

static char *as_pem(EVP_PKEY *k, X509 *x) {
  BIO *b = BIO_new(BIO_s_mem());
  if (k) assert_int_equal(PEM_write_bio_PrivateKey(b, k, NULL, NULL, 0, NULL, NULL), 1);
  if (x) assert_int_equal(PEM_write_bio_X509(b, x), 1);
  char *data;
  long n = BIO_get_mem_data(b, &data);
  char *text = strndup(data, (size_t)n);
  BIO_free(b);
  return text;
}

static int setup(void **state) {
  (void)state;
  key = EVP_RSA_gen(2048);
  certificate = self_signed(key, 30);
  pem = as_pem(key, certificate);
  return 0;
}
static int teardown(void **state) {
  (void)state;
  EVP_PKEY_free(key);
  X509_free(certificate);
  free(pem);
  return 0;
}

static size_t decode(const char *p, size_t n, unsigned char *out, size_t size) {
  char padded[4096];
  size_t m = 0;
  assert_true(n + 4 < sizeof padded && size >= n);
  for (size_t i = 0; i < n; i++) padded[m++] = p[i] == '-' ? '+' : p[i] == '_' ? '/' : p[i];
  size_t pad = (4 - m % 4) % 4;
  for (size_t i = 0; i < pad; i++) padded[m++] = '=';
  int got = EVP_DecodeBlock(out, (const unsigned char *)padded, (int)m);
  assert_true(got >= 0);
  return (size_t)got - pad;
}

static json_t *part(const char *from, const char *to) {
  unsigned char raw[4096];
  size_t n = decode(from, (size_t)(to - from), raw, sizeof raw);
  json_t *j = json_loadb((const char *)raw, n, 0, NULL);
  assert_non_null(j);
  return j;
}

static void assertion_is_what_is_documented(void **state) {
  (void)state;
  struct uh_str jwt = {0};
  struct uh_err err = UH_ERR_INIT;
  const char *audience = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token";
  int64_t now = (int64_t)time(NULL);
  assert_int_equal(uh_oauth_assertion(pem, "66666666-7777-8888-9999-000000000000", audience, now, &jwt, &err), 0);
  assert_null(strchr(jwt.s, '='));
  const char *dot = strchr(jwt.s, '.'), *dot2 = strchr(dot + 1, '.');
  json_t *header = part(jwt.s, dot), *claims = part(dot + 1, dot2);
  assert_string_equal(json_string_value(json_object_get(header, "alg")), "PS256");
  unsigned char digest[32], named[64];
  assert_int_equal(X509_digest(certificate, EVP_sha256(), digest, NULL), 1);
  const char *x5t = json_string_value(json_object_get(header, "x5t#S256"));
  assert_int_equal(decode(x5t, strlen(x5t), named, sizeof named), 32);
  assert_memory_equal(named, digest, 32);
  assert_string_equal(json_string_value(json_object_get(claims, "aud")), audience);
  assert_string_equal(json_string_value(json_object_get(claims, "iss")), "66666666-7777-8888-9999-000000000000");
  assert_string_equal(json_string_value(json_object_get(claims, "sub")), "66666666-7777-8888-9999-000000000000");
  assert_int_equal(json_integer_value(json_object_get(claims, "nbf")), now);
  assert_in_range(json_integer_value(json_object_get(claims, "exp")), now + 300, now + 600);
  uint8_t guid[UH_GUID_SIZE];
  assert_true(uh_guid_parse(json_string_value(json_object_get(claims, "jti")), guid));
  /* The signature, verified by OpenSSL with the public key of the certificate. */
  unsigned char signature[1024];
  size_t n = decode(dot2 + 1, strlen(dot2 + 1), signature, sizeof signature);
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  EVP_PKEY_CTX *p;
  assert_int_equal(EVP_DigestVerifyInit(ctx, &p, EVP_sha256(), NULL, X509_get0_pubkey(certificate)), 1);
  assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING), 1);
  assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(p, 32), 1);
  assert_int_equal(EVP_DigestVerify(ctx, signature, n, (const unsigned char *)jwt.s, (size_t)(dot2 - jwt.s)), 1);
  EVP_MD_CTX_free(ctx);
  json_decref(header);
  json_decref(claims);
  uh_str_clear(&jwt);
}

static void refuse(const char *text, const char *why) {
  struct uh_str jwt = {0};
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_oauth_assertion(text, "c", "a", (int64_t)time(NULL), &jwt, &err), -1);
  assert_int_equal(err.cls, UH_ERR_CONFIG);
  if (!strstr(err.what, why)) fail_msg("%s", err.what);
  assert_null(strstr(err.what, "PRIVATE"));
  uh_str_clear(&jwt);
}

static void certificates_that_cannot_serve(void **state) {
  (void)state;
  EVP_PKEY *other = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256");
  X509 *old = self_signed(key, -1), *elliptic = self_signed(ec, 30);
  char *texts[] = {as_pem(key, NULL), as_pem(NULL, certificate), as_pem(other, certificate), as_pem(key, old),
                   as_pem(ec, elliptic)};
  const char *whys[] = {"no certificate", "no unencrypted private key", "do not belong together", "expired", "not RSA"};
  for (size_t i = 0; i < 5; i++) {
    refuse(texts[i], whys[i]);
    free(texts[i]);
  }
  refuse("", "no certificate");
  EVP_PKEY_free(other);
  EVP_PKEY_free(ec);
  X509_free(old);
  X509_free(elliptic);
}

static void refusals(void **state) {
  (void)state;
  static const struct {
    long status;
    const char *body;
    enum uh_oauth_refusal what;
    enum uh_err_class cls;
    enum uh_answer answer;
    const char *said;
  } cases[] = {
      {401, "{\"error\":\"invalid_client\",\"error_codes\":[700027]}", UH_OAUTH_ROTATION, UH_ERR_DENIED, UH_REFUSED,
       "AADSTS700027"},
      {401, "{\"error\":\"invalid_client\",\"error_codes\":[7000222]}", UH_OAUTH_FINAL, UH_ERR_DENIED, UH_REFUSED,
       "secret has expired"},
      {401, "{\"error\":\"invalid_client\",\"error_codes\":[7000215]}", UH_OAUTH_FINAL, UH_ERR_DENIED, UH_REFUSED,
       "secret is wrong"},
      {400, "{\"error\":\"unauthorized_client\",\"error_codes\":[700016]}", UH_OAUTH_FINAL, UH_ERR_DENIED, UH_REFUSED,
       "not known in this tenant"},
      {400, "{\"error\":\"invalid_request\",\"error_codes\":[90002]}", UH_OAUTH_FINAL, UH_ERR_DENIED, UH_REFUSED,
       "tenant was not found"},
      {400, "{\"error\":\"invalid_grant\",\"error_codes\":[53003]}", UH_OAUTH_FINAL, UH_ERR_DENIED, UH_REFUSED,
       "Conditional Access"},
      {400, "{\"error\":\"interaction_required\",\"error_codes\":[50076]}", UH_OAUTH_FINAL, UH_ERR_DENIED, UH_REFUSED,
       "multi-factor"},
      {400, "{\"error\":\"invalid_request\",\"error_description\":\"AADSTS90002: Tenant\"}", UH_OAUTH_FINAL,
       UH_ERR_DENIED, UH_REFUSED, "AADSTS90002"},
      {400, "{\"error\":\"x\",\"error_codes\":[50196]}", UH_OAUTH_TRANSIENT, UH_ERR_UNAVAILABLE, UH_TIMEOUT, "loop"},
      {400, "{\"error\":\"temporarily_unavailable\"}", UH_OAUTH_TRANSIENT, UH_ERR_UNAVAILABLE, UH_TIMEOUT, "disturbed"},
      {503, "<html>", UH_OAUTH_TRANSIENT, UH_ERR_UNAVAILABLE, UH_TIMEOUT, "503"},
      {400, "{\"error\":\"authorization_pending\",\"error_codes\":[70016]}", UH_OAUTH_PENDING, UH_ERR_DENIED,
       UH_REFUSED, "signed in"},
      {400, "{\"error\":\"slow_down\"}", UH_OAUTH_SLOW_DOWN, UH_ERR_DENIED, UH_REFUSED, "signed in"},
      {400, "{\"error\":\"\\u001b[31mx\",\"error_codes\":[1]}", UH_OAUTH_FINAL, UH_ERR_DENIED, UH_REFUSED, "HTTP 400"},
      {400, "", UH_OAUTH_FINAL, UH_ERR_DENIED, UH_REFUSED, "HTTP 400"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct uh_err err = UH_ERR_INIT;
    assert_int_equal(uh_oauth_refused(cases[i].status, cases[i].body, &err), cases[i].what);
    if (err.cls != cases[i].cls || err.answer != cases[i].answer || !strstr(err.what, cases[i].said))
      fail_msg("%zu: class %d answer %d: %s", i, err.cls, err.answer, err.what);
    assert_null(strchr(err.what, '\x1b'));
  }
}

static void base64url(void **state) {
  (void)state;
  static const char *const expected[] = {"", "-w", "-_8", "-_-_"};
  static const unsigned char bytes[] = {0xfb, 0xff, 0xbf};
  for (size_t n = 0; n <= 3; n++) {
    struct uh_str s = {0};
    uh_oauth_base64url(&s, bytes, n);
    assert_string_equal(uh_str_text(&s), expected[n]);
    uh_str_clear(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(assertion_is_what_is_documented),
      cmocka_unit_test(certificates_that_cannot_serve),
      cmocka_unit_test(refusals),
      cmocka_unit_test(base64url),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
