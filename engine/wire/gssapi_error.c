/* SPDX-License-Identifier: Apache-2.0 */
/* Kerberos' and GSSAPI's codes, told to people: what is wrong, whose it is, what to do. */
#include <gssapi/gssapi_krb5.h>

#include "wire/gssapi_private.h"

#define TEXT_MAX 300

struct meaning {
  uint32_t code;
  enum uh_err_class cls;
  const char *what;
  const char *remedy;
};
#define CODE(name) ((uint32_t)(name))

static const struct meaning meanings[] = {
    {CODE(KRB5KDC_ERR_PREAUTH_FAILED), UH_ERR_DENIED, "the password or key is wrong",
     "check the account and its password file or keytab"},
    {CODE(KRB5KRB_AP_ERR_BAD_INTEGRITY), UH_ERR_DENIED, "the password or key is wrong",
     "check the account and its password file or keytab"},
    {CODE(KRB5_PREAUTH_FAILED), UH_ERR_DENIED, "the password or key is wrong",
     "check the account and its password file or keytab"},
    {CODE(KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN), UH_ERR_DENIED, "the realm knows no such account",
     "give the user as name@REALM, or as its user principal name"},
    {CODE(KRB5KDC_ERR_CLIENT_REVOKED), UH_ERR_DENIED, "the account is disabled, locked or expired",
     "look at the account in Active Directory"},
    {CODE(KRB5KDC_ERR_KEY_EXP), UH_ERR_DENIED, "the account's password has expired", "set a new password"},
    {CODE(KRB5KRB_AP_ERR_SKEW), UH_ERR_DENIED,
     "this machine's clock differs from the other's by more than Kerberos allows",
     "set the clock (chrony, ntpd), by the domain controllers' time"},
    {CODE(KRB5_KDCREP_SKEW), UH_ERR_DENIED, "this machine's clock differs from the KDC's by more than Kerberos allows",
     "set the clock (chrony, ntpd), by the domain controllers' time"},
    {CODE(KRB5KRB_AP_ERR_TKT_NYV), UH_ERR_DENIED, "the ticket is not valid yet: a clock is wrong",
     "set the clock (chrony, ntpd), by the domain controllers' time"},
    {CODE(KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN), UH_ERR_DENIED, "the realm knows no such service name",
     "use the server's own full name in the URL, or give the shared name's HTTP/ SPN to the account that answers (setspn)"},
    {CODE(KRB5_ERR_HOST_REALM_UNKNOWN), UH_ERR_DENIED, "the realm of the server is not known",
     "use the server's full name, or map its domain in krb5.conf"},
    {CODE(KRB5KRB_AP_ERR_TKT_EXPIRED), UH_ERR_DENIED, "the ticket has expired", "get a new one: kinit"},
    {CODE(KRB5KRB_AP_ERR_NOT_US), UH_ERR_DENIED, "the server holds no key for the name that was asked for",
     "check the SPN HTTP/host: it must belong to the account that answers, and to no other (setspn -X)"},
    {CODE(KRB5KRB_AP_ERR_MODIFIED), UH_ERR_DENIED,
     "the server could not read the ticket: its SPN belongs to another account",
     "check the SPN HTTP/host: it must belong to the account that answers, and to no other (setspn -X)"},
    {CODE(KRB5_FCC_NOFILE), UH_ERR_DENIED, "there is no Kerberos ticket",
     "get one (kinit), or name a password_file or keytab"},
    {CODE(KRB5_CC_NOTFOUND), UH_ERR_DENIED, "there is no Kerberos ticket",
     "get one (kinit), or name a password_file or keytab"},
    {CODE(KRB5_CC_NOT_KTYPE), UH_ERR_DENIED, "the ticket's encryption type is not supported",
     "allow AES for the account"},
    {CODE(KRB5_KT_NOTFOUND), UH_ERR_DENIED, "the keytab holds no key of this user", "look into it: klist -k -e FILE"},
    {CODE(KRB5KDC_ERR_ETYPE_NOSUPP), UH_ERR_DENIED, "client and realm have no encryption type in common",
     "allow AES for the account, or look at permitted_enctypes in krb5.conf"},
    {CODE(KRB5KDC_ERR_POLICY), UH_ERR_DENIED, "the realm's policy refuses this", "look at the account's logon rights"},
    {CODE(KRB5_KDC_UNREACH), UH_ERR_UNAVAILABLE, "no KDC of the realm answers",
     "check the network, the DNS records _kerberos._tcp.REALM, or krb5.conf"},
    {CODE(KRB5_REALM_UNKNOWN), UH_ERR_UNAVAILABLE, "no KDC is known for the realm",
     "check the DNS records _kerberos._tcp.REALM, or name the KDCs in krb5.conf"},
    {CODE(KRB5_REALM_CANT_RESOLVE), UH_ERR_UNAVAILABLE, "the realm's KDC has no address", "check DNS, or krb5.conf"},
    {CODE(KRB5_CONFIG_NODEFREALM), UH_ERR_CONFIG, "this machine has no default realm",
     "set default_realm in krb5.conf"},
    {CODE(KRB5_CONFIG_CANTOPEN), UH_ERR_CONFIG, "krb5.conf cannot be read", "check its mode, and KRB5_CONFIG"},
    {CODE(KRB5_CONFIG_BADFORMAT), UH_ERR_CONFIG, "krb5.conf is damaged", "mend it"},
};

int uh_gss_krb5_error(struct uh_err *err, const char *doing, uint32_t code, const char *text) {
  if (!err || err->cls != UH_ERR_NONE) return -1;
  for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
    const struct meaning *m = &meanings[i];
    if (m->code != code) continue;
    (void)uh_fail(err, m->cls, "%s: %s (%.*s)", doing, m->what, UH_HEAD(text, TEXT_MAX));
    uh_err_remedy(err, "%s", m->remedy);
    err->answer = m->cls == UH_ERR_DENIED ? UH_REFUSED : m->cls == UH_ERR_UNAVAILABLE ? UH_TIMEOUT : UH_NOT_ASKED;
    return -1;
  }
  (void)uh_fail(err, UH_ERR_DENIED, "%s: %.*s", doing, UH_HEAD(text, TEXT_MAX));
  err->answer = UH_REFUSED;
  return -1;
}

/* The first message of a status value; what GSSAPI has no words for is a number. */
static void status_text(OM_uint32 code, int type, char text[TEXT_MAX]) {
  OM_uint32 minor = 0, more = 0;
  gss_buffer_desc said = GSS_C_EMPTY_BUFFER;
  if (gss_display_status(&minor, code, type, GSS_C_NO_OID, &more, &said) == GSS_S_COMPLETE && said.length)
    uh_print(text, TEXT_MAX, "%.*s", (int)said.length, (char *)said.value);
  else
    (void)snprintf(text, TEXT_MAX, "code %lu", (unsigned long)code);
  (void)gss_release_buffer(&minor, &said);
}

int uh_gss_error(struct uh_err *err, const char *doing, OM_uint32 major, OM_uint32 minor) {
  char text[TEXT_MAX];
  if (minor && GSS_CALLING_ERROR(major) == 0) {
    status_text(minor, GSS_C_MECH_CODE, text);
    return uh_gss_krb5_error(err, doing, minor, text);
  }
  status_text(major, GSS_C_GSS_CODE, text);
  if (GSS_ROUTINE_ERROR(major) == GSS_S_CREDENTIALS_EXPIRED || GSS_ROUTINE_ERROR(major) == GSS_S_CONTEXT_EXPIRED)
    return uh_gss_krb5_error(err, doing, CODE(KRB5KRB_AP_ERR_TKT_EXPIRED), text);
  return uh_gss_krb5_error(err, doing, 0, text);
}
