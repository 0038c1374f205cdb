/* SPDX-License-Identifier: Apache-2.0 */
/* The signed client assertion, and what Entra ID's refusals mean. */
#include "wire/oauth.h"

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define ASSERTION_LIFE_S 540

void uh_oauth_base64url(struct uh_str *out, const void *data, size_t n) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const uint8_t *p = data;
  for (size_t i = 0; i < n; i += 3) {
    unsigned v = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
    uh_str_addc(out, digits[v >> 18]);
    uh_str_addc(out, digits[(v >> 12) & 63]);
    if (i + 1 < n) uh_str_addc(out, digits[(v >> 6) & 63]);
    if (i + 2 < n) uh_str_addc(out, digits[v & 63]);
  }
}

static int sign_ps256(EVP_PKEY *key, const char *data, size_t n, struct uh_str *out, struct uh_err *err) {
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  EVP_PKEY_CTX *p = NULL;
  unsigned char signature[1024];
  size_t size = sizeof signature;
  bool ok = ctx && EVP_DigestSignInit(ctx, &p, EVP_sha256(), NULL, key) == 1 &&
            EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST) == 1 &&
            EVP_DigestSign(ctx, signature, &size, (const unsigned char *)data, n) == 1;
  EVP_MD_CTX_free(ctx);
  ERR_clear_error();
  if (!ok)
    return uh_fail(err, UH_ERR_CONFIG,
                   "the certificate's private key cannot sign (RSA of at most 8192 bits is needed)");
  uh_oauth_base64url(out, signature, size);
  return 0;
}

static int no_password(char *buf, int size, int rwflag, void *user) {
  (void)buf;
  (void)size;
  (void)rwflag;
  (void)user;
  return 0; /* an encrypted key is refused; nothing asks at a terminal */
}

static int read_pem(const char *pem, X509 **ret_certificate, EVP_PKEY **ret_key, struct uh_err *err) {
  BIO *a = BIO_new_mem_buf(pem, -1), *b = BIO_new_mem_buf(pem, -1);
  *ret_certificate = a ? PEM_read_bio_X509(a, NULL, no_password, NULL) : NULL;
  *ret_key = b ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL) : NULL;
  BIO_free(a);
  BIO_free(b);
  ERR_clear_error();
  if (!*ret_certificate) return uh_fail(err, UH_ERR_CONFIG, "the certificate file holds no certificate in PEM form");
  if (!*ret_key)
    return uh_fail(err, UH_ERR_CONFIG, "the certificate file holds no unencrypted private key in PEM form");
  if (EVP_PKEY_get_base_id(*ret_key) != EVP_PKEY_RSA || EVP_PKEY_get_size(*ret_key) > 1024)
    return uh_fail(err, UH_ERR_CONFIG, "the certificate's key is not RSA");
  if (X509_check_private_key(*ret_certificate, *ret_key) != 1) {
    ERR_clear_error();
    return uh_fail(err, UH_ERR_CONFIG, "certificate and private key do not belong together");
  }
  return 0;
}

static int assertion(X509 *certificate, EVP_PKEY *key, const char *client_id, const char *audience, int64_t now,
                     struct uh_str *jwt, struct uh_err *err) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  if (X509_digest(certificate, EVP_sha256(), digest, &n) != 1) return uh_fail(err, UH_ERR_INTERNAL, "no SHA-256");
  struct uh_str header UH_CLEANUP(uh_str_clear) = {0}, claims UH_CLEANUP(uh_str_clear) = {0};
  uh_str_add(&header, "{\"alg\":\"PS256\",\"typ\":\"JWT\",\"x5t#S256\":\"");
  uh_oauth_base64url(&header, digest, n);
  uh_str_add(&header, "\"}");
  char id[UH_GUID_TEXT];
  uh_http_new_guid(id);
  uh_str_add(&claims, "{\"aud\":");
  uh_json_string(&claims, audience, strlen(audience));
  uh_str_add(&claims, ",\"iss\":");
  uh_json_string(&claims, client_id, strlen(client_id));
  uh_str_add(&claims, ",\"sub\":");
  uh_json_string(&claims, client_id, strlen(client_id));
  uh_str_addf(&claims, ",\"jti\":\"%s\",\"nbf\":%lld,\"iat\":%lld,\"exp\":%lld}", id, (long long)now, (long long)now,
              (long long)now + ASSERTION_LIFE_S);
  if (!uh_str_text(&header) || !uh_str_text(&claims)) return uh_fail_nomem(err);
  size_t from = jwt->len;
  uh_oauth_base64url(jwt, header.s, header.len);
  uh_str_addc(jwt, '.');
  uh_oauth_base64url(jwt, claims.s, claims.len);
  if (jwt->failed) return uh_fail_nomem(err);
  struct uh_str signature UH_CLEANUP(uh_str_clear) = {0};
  if (sign_ps256(key, jwt->s + from, jwt->len - from, &signature, err) != 0) return -1;
  uh_str_addc(jwt, '.');
  uh_str_add(jwt, uh_str_text(&signature) ? signature.s : "");
  return jwt->failed || signature.failed ? uh_fail_nomem(err) : 0;
}

int uh_oauth_assertion(const char *pem, const char *client_id, const char *audience, int64_t now,
                       struct uh_str *ret_jwt, struct uh_err *err) {
  X509 *certificate = NULL;
  EVP_PKEY *key = NULL;
  int r = read_pem(pem, &certificate, &key, err);
  if (r == 0 && X509_cmp_time(X509_get0_notAfter(certificate), &(time_t){(time_t)now}) < 0) {
    r = uh_fail(err, UH_ERR_CONFIG, "the certificate has expired");
    uh_err_remedy(err, "renew it and add the new one to the app registration");
  }
  if (r == 0) r = assertion(certificate, key, client_id, audience, now, ret_jwt, err);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return r;
}

/* Numbers and their meaning: Microsoft Entra documentation, reference-error-codes. */
static const struct refusal {
  int code;
  enum uh_oauth_refusal what;
  enum uh_err_class cls;
  const char *text, *remedy;
} refusals[] = {
    {700027, UH_OAUTH_ROTATION, UH_ERR_DENIED, "the certificate is not registered with the app, or not yet",
     "upload the certificate to the app registration; a new one takes some minutes to arrive"},
    {7000222, UH_OAUTH_FINAL, UH_ERR_DENIED, "the client secret has expired",
     "create a new secret, or better a certificate, in the app registration"},
    {7000215, UH_OAUTH_FINAL, UH_ERR_DENIED, "the client secret is wrong",
     "the file must hold the secret's value, not its id"},
    {7000218, UH_OAUTH_FINAL, UH_ERR_DENIED, "the app needs a secret or certificate",
     "allow public client flows for device code sign-in, or give a certificate"},
    {7000112, UH_OAUTH_FINAL, UH_ERR_DENIED, "the app is disabled in this tenant", "enable the enterprise application"},
    {700016, UH_OAUTH_FINAL, UH_ERR_DENIED, "the app is not known in this tenant", "check client_id and tenant"},
    {700022, UH_OAUTH_FINAL, UH_ERR_INTERNAL, "several resources were asked for at once", ""},
    {90002, UH_OAUTH_FINAL, UH_ERR_DENIED, "the tenant was not found", "check tenant and cloud"},
    {900023, UH_OAUTH_FINAL, UH_ERR_DENIED, "the tenant is no id or domain", "check tenant"},
    {90038, UH_OAUTH_FINAL, UH_ERR_DENIED, "the tenant lives in another cloud", "check cloud"},
    {900382, UH_OAUTH_FINAL, UH_ERR_DENIED, "the tenant lives in another cloud", "check cloud"},
    {900432, UH_OAUTH_FINAL, UH_ERR_DENIED, "the tenant lives in another cloud", "check cloud"},
    {50012, UH_OAUTH_FINAL, UH_ERR_DENIED, "the client assertion was not accepted",
     "check the certificate and this host's clock"},
    {500133, UH_OAUTH_FINAL, UH_ERR_DENIED, "the client assertion is outside its time", "set this host's clock"},
    {500011, UH_OAUTH_FINAL, UH_ERR_DENIED, "the service is not known in this tenant",
     "check cloud; the tenant needs the service's enterprise application"},
    {70011, UH_OAUTH_FINAL, UH_ERR_DENIED, "the scope is not valid", "check cloud and endpoints"},
    {53003, UH_OAUTH_FINAL, UH_ERR_DENIED, "Conditional Access blocks the sign-in",
     "exclude the app or this network from the policy, or use another way to sign in"},
    {53000, UH_OAUTH_FINAL, UH_ERR_DENIED, "Conditional Access asks for a compliant device",
     "use an app registration with a certificate"},
    {50076, UH_OAUTH_FINAL, UH_ERR_DENIED, "multi-factor authentication is needed", "sign in by device code"},
    {50079, UH_OAUTH_FINAL, UH_ERR_DENIED, "multi-factor authentication must be set up first",
     "set it up, then sign in by device code"},
    {50158, UH_OAUTH_FINAL, UH_ERR_DENIED, "an external challenge is needed", "sign in by device code"},
    {50173, UH_OAUTH_FINAL, UH_ERR_DENIED, "the sign-in was revoked", "sign in again"},
    {65001, UH_OAUTH_FINAL, UH_ERR_DENIED, "consent is missing",
     "let an administrator consent to the app's permissions"},
    {700082, UH_OAUTH_FINAL, UH_ERR_DENIED, "the sign-in has expired", "sign in again"},
    {700021, UH_OAUTH_FINAL, UH_ERR_DENIED, "the federated token matches no credential of the app",
     "compare issuer, subject and audience with the federated credential"},
    {700213, UH_OAUTH_FINAL, UH_ERR_DENIED, "the federated token's subject matches no credential of the app",
     "compare the subject with the federated credential"},
    {50196, UH_OAUTH_TRANSIENT, UH_ERR_UNAVAILABLE, "the token service saw a request loop", ""},
    {90033, UH_OAUTH_TRANSIENT, UH_ERR_UNAVAILABLE, "the token service is disturbed", ""},
    {90006, UH_OAUTH_TRANSIENT, UH_ERR_UNAVAILABLE, "the token service is disturbed", ""},
    {90024, UH_OAUTH_TRANSIENT, UH_ERR_UNAVAILABLE, "the token service is disturbed", ""},
    {90055, UH_OAUTH_TRANSIENT, UH_ERR_UNAVAILABLE, "the tenant asks for too many tokens", ""},
    {90090, UH_OAUTH_TRANSIENT, UH_ERR_UNAVAILABLE, "the token service is disturbed", ""},
    {70016, UH_OAUTH_PENDING, UH_ERR_DENIED, "nobody has signed in yet", "sign in with the code shown"},
    {70019, UH_OAUTH_FINAL, UH_ERR_DENIED, "the code has expired", "run again and sign in in time"},
};
static const struct {
  const char *name;
  enum uh_oauth_refusal what;
  enum uh_err_class cls;
  const char *text, *remedy;
} errors[] = {
    {"authorization_pending", UH_OAUTH_PENDING, UH_ERR_DENIED, "nobody has signed in yet",
     "sign in with the code shown"},
    {"slow_down", UH_OAUTH_SLOW_DOWN, UH_ERR_DENIED, "nobody has signed in yet", "sign in with the code shown"},
    {"authorization_declined", UH_OAUTH_FINAL, UH_ERR_DENIED, "the sign-in was declined", "run again and accept"},
    {"access_denied", UH_OAUTH_FINAL, UH_ERR_DENIED, "the sign-in was declined", "run again and accept"},
    {"expired_token", UH_OAUTH_FINAL, UH_ERR_DENIED, "the code has expired", "run again and sign in in time"},
    {"bad_verification_code", UH_OAUTH_FINAL, UH_ERR_DENIED, "the code is not known", "run again"},
    {"temporarily_unavailable", UH_OAUTH_TRANSIENT, UH_ERR_UNAVAILABLE, "the token service is disturbed", ""},
    {"invalid_client", UH_OAUTH_FINAL, UH_ERR_DENIED, "the app's secret or certificate was not accepted",
     "check credentials"},
    {"unauthorized_client", UH_OAUTH_FINAL, UH_ERR_DENIED, "the app may not sign in this way",
     "check the app registration"},
    {"invalid_grant", UH_OAUTH_FINAL, UH_ERR_DENIED, "the sign-in is not valid any more", "sign in again"},
    {"interaction_required", UH_OAUTH_FINAL, UH_ERR_DENIED, "a person has to sign in", "sign in by device code"},
    {"invalid_resource", UH_OAUTH_FINAL, UH_ERR_DENIED, "the service is not known in this tenant", "check cloud"},
};

/* "AADSTS700027: ..." where error_codes is missing. */
static int code_of(const json_t *body) {
  json_t *codes = json_object_get(body, "error_codes");
  json_t *first = json_array_get(codes, 0);
  if (json_is_integer(first)) return (int)json_integer_value(first);
  const char *text = json_string_value(json_object_get(body, "error_description"));
  text = text ? strstr(text, "AADSTS") : NULL;
  return text ? (int)strtol(text + 6, NULL, 10) : 0;
}

static void keep_id(const json_t *body, struct uh_err *err) {
  const char *id = json_string_value(json_object_get(body, "correlation_id"));
  uint8_t guid[UH_GUID_SIZE];
  if (err && id && uh_guid_parse(id, guid)) {
    char text[UH_GUID_TEXT];
    (void)snprintf(err->request_id, sizeof err->request_id, "%s", uh_guid_text(guid, text));
  }
}

enum uh_oauth_refusal uh_oauth_refused(long status, const char *body, struct uh_err *err) {
  json_t *j = json_loads(body, 0, NULL);
  const char *name = json_string_value(json_object_get(j, "error"));
  int code = code_of(j);
  enum uh_oauth_refusal what = status == 408 || status == 429 || status >= 500 ? UH_OAUTH_TRANSIENT : UH_OAUTH_FINAL;
  if (err) err->answer = what == UH_OAUTH_TRANSIENT ? UH_TIMEOUT : UH_REFUSED;
  keep_id(j, err);
  bool known = false;
  for (size_t i = 0; !known && code && i < sizeof refusals / sizeof *refusals; i++) {
    if (refusals[i].code != code) continue;
    known = true;
    what = refusals[i].what;
    if (err && what == UH_OAUTH_TRANSIENT) err->answer = UH_TIMEOUT;
    (void)uh_fail(err, refusals[i].cls, "no token: %s (AADSTS%d)", refusals[i].text, code);
    uh_err_remedy(err, "%s", refusals[i].remedy);
  }
  for (size_t i = 0; !known && name && i < sizeof errors / sizeof *errors; i++) {
    if (strcmp(errors[i].name, name) != 0) continue;
    known = true;
    what = errors[i].what;
    if (err && what == UH_OAUTH_TRANSIENT) err->answer = UH_TIMEOUT;
    if (code)
      (void)uh_fail(err, errors[i].cls, "no token: %s (AADSTS%d)", errors[i].text, code);
    else
      (void)uh_fail(err, errors[i].cls, "no token: %s", errors[i].text);
    uh_err_remedy(err, "%s", errors[i].remedy);
  }
  if (!known) {
    struct uh_str shown UH_CLEANUP(uh_str_clear) = {0};
    if (name) uh_terminal_text(&shown, name, strnlen(name, 60));
    (void)uh_fail(err, what == UH_OAUTH_TRANSIENT ? UH_ERR_UNAVAILABLE : UH_ERR_DENIED, "no token: HTTP %ld %s%s",
                  status, shown.s ? shown.s : "", code ? " with a number that is not known" : "");
    if (code) uh_err_remedy(err, "look up AADSTS%d", code);
  }
  json_decref(j);
  return what;
}
