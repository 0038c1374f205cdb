/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_WSMAN_AUTH_H
#define UH_WSMAN_AUTH_H
/*
 * A signed-in connection to a WSMan server: SOAP text in, SOAP text out. Over http everything is sealed with the
 * Kerberos session's key (the server offers the scheme Kerberos, or Negotiate); over https TLS carries it, and the
 * Kerberos sign-in is bound to that TLS channel. Basic goes over https alone. What comes back over http unsealed is not
 * the server's word: nobody vouches for it.
 *
 * A session that was lost or is about to expire is replaced by a new connection with a new sign-in before a request
 * goes out. A request that may have reached the server is never repeated here.
 */
#include "wire/psrp.h"

#define UH_WSMAN_URL_MAX 300

enum uh_wsman_auth { UH_WSMAN_KERBEROS, UH_WSMAN_BASIC };
struct uh_wsman_login_options {
  const char *url;
  const char *UH_NULLABLE ca_file;
  enum uh_wsman_auth auth;
  const char *UH_NULLABLE user, *password; /* Kerberos: NULL takes the ticket cache */
  const char *UH_NULLABLE keytab;
  /* Hosts beside the url's own to which a redirect may lead. They outlive the login. */
  char *const *UH_NULLABLE redirect_hosts;
  size_t n_redirect_hosts;
};
struct uh_wsman_login;
/* What is wrong with url and auth, without asking anybody (UH_ERR_CONFIG). */
int uh_wsman_login_check(const struct uh_wsman_login_options *options, struct uh_err *err);
/* Gets the credentials; talks to a KDC where there is a password or keytab, not to the server yet. */
int uh_wsman_login_open(const struct uh_wsman_login_options *options, struct uh_wsman_login **ret_login,
                        struct uh_err *err);
struct uh_wsman_login *uh_wsman_login_free(struct uh_wsman_login *UH_NULLABLE login);
void uh_wsman_login_freep(struct uh_wsman_login **login);

struct uh_wsman_reply {
  long status;        /* 200, or 500 with a fault */
  struct uh_str soap; /* plain text */
  char server[128];   /* X-FEServer: which front end answered; may be empty */
};
void uh_wsman_reply_clear(struct uh_wsman_reply *reply);
/* 0: SOAP came back. -1: err; call->sent says whether the server may have seen the request. */
int uh_wsman_login_post(struct uh_wsman_login *login, struct uh_psrp_call *call, const char *soap, size_t size,
                        struct uh_wsman_reply *ret_reply, struct uh_err *err);
/* Where the last request was redirected to, which is a failure of its own; "". */
const char *uh_wsman_login_redirect(const struct uh_wsman_login *login);
/* From now on the server at this URL is meant, with the same credentials: the url's own host or one of redirect_hosts,
 * and never http after https. Else it is refused (-1). */
int uh_wsman_login_move(struct uh_wsman_login *login, const char *url, struct uh_err *err);
int64_t uh_wsman_login_count(const struct uh_wsman_login *login); /* sign-ins so far */
#endif
