/* SPDX-License-Identifier: Apache-2.0 */
/* Whose tickets are used: those of a cache that stands there, or of one in memory that a password or keytab fills. */
#include <ctype.h>
#include <gssapi/gssapi_krb5.h>
#include <strings.h>

#include "wire/gssapi_private.h"

#define USER_MAX 512

struct uh_gss_credentials *uh_gss_credentials_free(struct uh_gss_credentials *c) {
  OM_uint32 minor;
  if (!c) return NULL;
  if (c->cred) (void)gss_release_cred(&minor, &c->cred);
  if (c->ccache) (void)krb5_cc_destroy(c->krb5, c->ccache);
  if (c->krb5) krb5_free_context(c->krb5);
  free(c);
  return NULL;
}
void uh_gss_credentials_freep(struct uh_gss_credentials **credentials) {
  *credentials = uh_gss_credentials_free(*credentials);
}

static int failed(struct uh_gss_credentials *c, struct uh_err *err, const char *doing, krb5_error_code code) {
  const char *text = krb5_get_error_message(c->krb5, code);
  (void)uh_gss_krb5_error(err, doing, (uint32_t)code, text);
  krb5_free_error_message(c->krb5, text);
  return -1;
}

/* A realm is written in capitals, and people write it as they like. */
static bool with_realm(const char *user, char ret_name[USER_MAX]) {
  if (strlen(user) >= USER_MAX) return false;
  (void)snprintf(ret_name, USER_MAX, "%s", user);
  for (char *p = strrchr(ret_name, '@'); p && *p; p++) *p = (char)toupper((unsigned char)*p);
  return true;
}

/* name@domain is tried as name@DOMAIN: in most forests that is the realm. Only where no such realm or account is
 * found is it asked for as a user principal name in the default realm. A wrong password is never sent twice. */
static int parse_user(struct uh_gss_credentials *c, const char *user, bool upn, krb5_principal *ret,
                      struct uh_err *err) {
  char name[USER_MAX];
  if (!with_realm(user, name)) return uh_fail(err, UH_ERR_CONFIG, "the user name is too long");
  krb5_error_code code =
      krb5_parse_name_flags(c->krb5, upn ? user : name, upn ? KRB5_PRINCIPAL_PARSE_ENTERPRISE : 0, ret);
  return code ? failed(c, err, "reading the user's name", code) : 0;
}

static krb5_error_code ask(struct uh_gss_credentials *c, const struct uh_gss_identity *id, krb5_principal who, bool upn,
                           krb5_creds *ret_creds) {
  krb5_get_init_creds_opt *options = NULL;
  krb5_keytab keytab = NULL;
  krb5_error_code code = krb5_get_init_creds_opt_alloc(c->krb5, &options);
  if (code) return code;
  krb5_get_init_creds_opt_set_canonicalize(options, upn);
  krb5_get_init_creds_opt_set_forwardable(options, 0);
  if (id->password)
    code = krb5_get_init_creds_password(c->krb5, ret_creds, who, id->password, NULL, NULL, 0, NULL, options);
  else if (!(code = krb5_kt_resolve(c->krb5, id->keytab, &keytab)))
    code = krb5_get_init_creds_keytab(c->krb5, ret_creds, who, keytab, 0, NULL, options);
  if (keytab) (void)krb5_kt_close(c->krb5, keytab);
  krb5_get_init_creds_opt_free(c->krb5, options);
  return code;
}

/* The user's domain is not the default realm: as a user principal name the name may mean something else. */
static bool is_foreign(struct uh_gss_credentials *c, const char *user) {
  char *realm = NULL;
  const char *at = strrchr(user, '@');
  bool foreign = at && krb5_get_default_realm(c->krb5, &realm) == 0 && strcasecmp(at + 1, realm) != 0;
  krb5_free_default_realm(c->krb5, realm);
  return foreign;
}

static bool nowhere(krb5_error_code code) {
  return code == KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN || code == KRB5_REALM_UNKNOWN || code == KRB5_KDC_UNREACH ||
         code == KRB5KDC_ERR_WRONG_REALM || code == KRB5_KT_NOTFOUND;
}

static krb5_error_code keep(struct uh_gss_credentials *c, krb5_creds *creds) {
  krb5_error_code code = krb5_cc_new_unique(c->krb5, "MEMORY", NULL, &c->ccache);
  if (!code) code = krb5_cc_initialize(c->krb5, c->ccache, creds->client);
  return code ? code : krb5_cc_store_cred(c->krb5, c->ccache, creds);
}

static int fill(struct uh_gss_credentials *c, const struct uh_gss_identity *id, bool upn, bool *ret_nowhere,
                struct uh_err *err) {
  krb5_principal who = NULL;
  krb5_creds creds = {0};
  char doing[160];
  if (parse_user(c, id->user, upn, &who, err) < 0) return -1;
  (void)snprintf(doing, sizeof doing, "signing in to Kerberos as %.*s", UH_HEAD(id->user, 100));
  krb5_error_code code = ask(c, id, who, upn, &creds);
  *ret_nowhere = nowhere(code);
  if (!code) code = keep(c, &creds);
  krb5_free_cred_contents(c->krb5, &creds);
  krb5_free_principal(c->krb5, who);
  return code ? failed(c, err, doing, code) : 0;
}

static int acquire(struct uh_gss_credentials *c, const struct uh_gss_identity *id, struct uh_err *err) {
  gss_OID_desc spnego = {6, (void *)(uintptr_t) "\x2b\x06\x01\x05\x05\x02"};
  gss_OID_desc both[2] = {*gss_mech_krb5, spnego};
  gss_OID_set_desc mechanisms = {2, both};
  OM_uint32 minor = 0, minor2, major;
  gss_name_t who = GSS_C_NO_NAME;
  if (c->ccache) {
    char name[256];
    (void)snprintf(name, sizeof name, "MEMORY:%s", krb5_cc_get_name(c->krb5, c->ccache));
    gss_key_value_element_desc element = {"ccache", name};
    gss_key_value_set_desc store = {1, &element};
    major = gss_acquire_cred_from(&minor, who, 0, &mechanisms, GSS_C_INITIATE, &store, &c->cred, NULL, NULL);
  } else {
    char user[USER_MAX] = "";
    if (id->user && !with_realm(id->user, user)) return uh_fail(err, UH_ERR_CONFIG, "the user name is too long");
    gss_buffer_desc text = {strlen(user), user};
    major = id->user ? gss_import_name(&minor, &text, GSS_C_NT_USER_NAME, &who) : GSS_S_COMPLETE;
    if (!GSS_ERROR(major)) major = gss_acquire_cred(&minor, who, 0, &mechanisms, GSS_C_INITIATE, &c->cred, NULL, NULL);
    (void)gss_release_name(&minor2, &who);
  }
  /* SPNEGO may choose Kerberos alone: what else is installed here does not prove who the server is. */
  gss_OID_set_desc kerberos = {1, both};
  if (!GSS_ERROR(major)) major = gss_set_neg_mechs(&minor, c->cred, &kerberos);
  return GSS_ERROR(major) ? uh_gss_error(err, "looking for a Kerberos ticket", major, minor) : 0;
}

int uh_gss_credentials_open(const struct uh_gss_identity *id, struct uh_gss_credentials **ret, struct uh_err *err) {
  UH_CLEANUP(uh_gss_credentials_freep) struct uh_gss_credentials *c = calloc(1, sizeof *c);
  if (!c) return uh_fail_nomem(err);
  if ((id->password || id->keytab) && !id->user) {
    uh_fail(err, UH_ERR_CONFIG, "a password or keytab without a user");
    uh_err_remedy(err, "add user: name@domain");
    return -1;
  }
  krb5_error_code code = krb5_init_context(&c->krb5);
  if (code) return uh_gss_krb5_error(err, "setting up Kerberos", (uint32_t)code, "krb5_init_context failed");
  if (id->password || id->keytab) {
    struct uh_err first = UH_ERR_INIT, second = UH_ERR_INIT;
    bool none = false, unused;
    if (fill(c, id, false, &none, &first) < 0 &&
        (!none || !is_foreign(c, id->user) || fill(c, id, true, &unused, &second) < 0)) {
      /* What the account's own realm says counts, unless there is none. */
      if (err && err->cls == UH_ERR_NONE) *err = none && second.cls == UH_ERR_DENIED ? second : first;
      return -1;
    }
  }
  if (acquire(c, id, err) < 0) return -1;
  *ret = UH_TAKE(c);
  return 0;
}
