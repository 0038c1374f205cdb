/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wsman_auth.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <strings.h>

#include "wire/base64.h"
#include "wire/gssapi_context.h"
#include "wire/http.h"
#include "wire/http_single.h"
#include "wire/multipart.h"

#define SOAP_TYPE "application/soap+xml;charset=UTF-8"
#define LEGS_MAX 6          /* round trips of one sign-in */
#define EXPIRES_SECONDS 120 /* so long before its end a session is replaced */
#define HOST_MAX 256

struct uh_wsman_login {
  bool https;
  char host[HOST_MAX];
  char origin[UH_HTTP_ORIGIN_MAX];
  enum uh_wsman_auth auth;
  struct uh_http_single *http;
  struct uh_gss_credentials *credentials;
  struct uh_gss *gss; /* the connection's session */
  enum uh_gss_mechanism mechanism;
  struct uh_str basic; /* the header line, with its secret */
  char *ca_file;
  char *const *redirect_hosts;
  size_t n_redirect_hosts;
  char first_host[HOST_MAX], redirect[UH_WSMAN_URL_MAX];
  int64_t sign_ins;
};

void uh_wsman_reply_clear(struct uh_wsman_reply *reply) {
  uh_str_clear(&reply->soap);
  *reply = (struct uh_wsman_reply){0};
}

struct uh_wsman_login *uh_wsman_login_free(struct uh_wsman_login *l) {
  if (!l) return NULL;
  uh_gss_free(l->gss);
  uh_gss_credentials_free(l->credentials);
  uh_http_single_free(l->http);
  uh_http_str_wipe(&l->basic);
  free(l->ca_file);
  free(l);
  return NULL;
}
void uh_wsman_login_freep(struct uh_wsman_login **login) {
  *login = uh_wsman_login_free(*login);
}
int64_t uh_wsman_login_count(const struct uh_wsman_login *login) {
  return login->sign_ins;
}

int uh_wsman_login_check(const struct uh_wsman_login_options *o, struct uh_err *err) {
  char origin[UH_HTTP_ORIGIN_MAX];
  if (!uh_http_origin(o->url, origin))
    return uh_fail(err, UH_ERR_CONFIG, "%.*s is no http or https URL, or holds a user name", UH_HEAD(o->url, 200));
  bool https = strncmp(origin, "https:", 6) == 0;
  if (o->auth == UH_WSMAN_BASIC && !https) {
    uh_fail(err, UH_ERR_CONFIG, "Basic over http would send the password in the clear");
    uh_err_remedy(err, "use https://, or auth: kerberos, which encrypts over http too");
    return -1;
  }
  if (o->auth == UH_WSMAN_BASIC && (!o->user || !o->password))
    return uh_fail(err, UH_ERR_CONFIG, "Basic needs a user and a password_file");
  if (o->auth == UH_WSMAN_BASIC && strchr(o->user, ':'))
    return uh_fail(err, UH_ERR_CONFIG, "a user name for Basic cannot hold a colon");
  const char *host = strstr(origin, "//") + 2;
  bool literal = *host == '[' || !host[strspn(host, "0123456789.:")];
  if (o->auth == UH_WSMAN_KERBEROS && literal) {
    uh_fail(err, UH_ERR_CONFIG, "Kerberos needs the server's name, not its address");
    uh_err_remedy(err, "use the server's full name in the url");
    return -1;
  }
  return 0;
}

/* "http://ex01.contoso.com:80" -> the host without its port. */
static void host_of(const char origin[UH_HTTP_ORIGIN_MAX], char ret_host[HOST_MAX]) {
  const char *host = strstr(origin, "//") + 2;
  size_t n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
  (void)snprintf(ret_host, HOST_MAX, "%.*s", (int)(n < HOST_MAX ? n : 0), host);
}

/* The server that is meant: a connection to be, and its name. */
static int aim(struct uh_wsman_login *l, const char *url, struct uh_err *err) {
  struct uh_http_single_options http = {.url = url, .ca_file = l->ca_file};
  UH_CLEANUP(uh_http_single_freep) struct uh_http_single *fresh = NULL;
  if (uh_http_single_open(&http, &fresh, err) < 0) return -1;
  (void)uh_http_origin(url, l->origin);
  l->https = strncmp(l->origin, "https:", 6) == 0;
  host_of(l->origin, l->host);
  uh_http_single_free(l->http);
  l->http = UH_TAKE(fresh);
  l->gss = uh_gss_free(l->gss);
  return 0;
}

const char *uh_wsman_login_redirect(const struct uh_wsman_login *l) {
  return l->redirect;
}

static bool may_go_to(const struct uh_wsman_login *l, const char *host) {
  if (strcasecmp(host, l->first_host) == 0) return true;
  for (size_t i = 0; i < l->n_redirect_hosts; i++)
    if (strcasecmp(host, l->redirect_hosts[i]) == 0) return true;
  return false;
}

int uh_wsman_login_move(struct uh_wsman_login *l, const char *url, struct uh_err *err) {
  char origin[UH_HTTP_ORIGIN_MAX], host[HOST_MAX];
  if (!uh_http_origin(url, origin))
    return uh_fail(err, UH_ERR_DATA, "the server redirects to %.*s, which is no URL", UH_HEAD(url, 200));
  host_of(origin, host);
  if (l->https && strncmp(origin, "https:", 6) != 0)
    return uh_fail(err, UH_ERR_UNAVAILABLE, "the server redirects from https to %.*s, and is not followed",
                   UH_HEAD(url, 200));
  if (may_go_to(l, host)) return aim(l, url, err);
  uh_fail(err, UH_ERR_UNAVAILABLE, "the server redirects to %.*s, and is not followed", UH_HEAD(url, 200));
  uh_err_remedy(err, "if that is the right server, name it in the url, or its host in redirect_hosts");
  return -1;
}

static void set_basic(struct uh_wsman_login *l, const struct uh_wsman_login_options *o) {
  struct uh_str both = {0};
  uh_str_addf(&both, "%s:%s", o->user, o->password);
  uh_str_add(&l->basic, "Authorization: Basic ");
  uh_base64_add(&l->basic, both.s ? both.s : "", both.len);
  l->basic.failed = l->basic.failed || both.failed;
  uh_http_str_wipe(&both);
}

int uh_wsman_login_open(const struct uh_wsman_login_options *o, struct uh_wsman_login **ret, struct uh_err *err) {
  if (uh_wsman_login_check(o, err) < 0) return -1;
  UH_CLEANUP(uh_wsman_login_freep) struct uh_wsman_login *l = calloc(1, sizeof *l);
  if (!l) return uh_fail_nomem(err);
  l->auth = o->auth;
  l->redirect_hosts = o->redirect_hosts;
  l->n_redirect_hosts = o->n_redirect_hosts;
  l->ca_file = o->ca_file ? strdup(o->ca_file) : NULL;
  if (o->ca_file && !l->ca_file) return uh_fail_nomem(err);
  if (aim(l, o->url, err) < 0) return -1;
  memcpy(l->first_host, l->host, sizeof l->host);
  if (l->auth == UH_WSMAN_BASIC) {
    set_basic(l, o);
    if (l->basic.failed) return uh_fail_nomem(err);
  } else {
    struct uh_gss_identity who = {.user = o->user, .password = o->password, .keytab = o->keytab};
    if (uh_gss_credentials_open(&who, &l->credentials, err) < 0) {
      uh_err_where(err, "%s", l->origin);
      return -1;
    }
  }
  *ret = UH_TAKE(l);
  return 0;
}

/* ---- what an HTTP reply that carries no SOAP means ---- */

static void offered(const struct uh_http_single_reply *reply, struct uh_str *out) {
  const char *line;
  for (unsigned i = 0; i < 16 && (line = uh_http_single_header(reply, "WWW-Authenticate", i)); i++) {
    if (out->len) uh_str_add(out, ", ");
    uh_str_addn(out, line, strcspn(line, " ,"));
  }
  if (!out->len) uh_str_add(out, "nothing");
}

static int denied(const struct uh_wsman_login *l, const struct uh_http_single_reply *reply, const char *what,
                  const char *remedy, struct uh_err *err) {
  struct uh_str list = {0};
  offered(reply, &list);
  uh_fail(err, UH_ERR_DENIED, "%s (HTTP %ld; the server offers %.*s)", what, reply->status,
          UH_HEAD(list.s ? list.s : "", 100));
  uh_str_clear(&list);
  uh_err_where(err, "%s", l->origin);
  uh_err_remedy(err, "%s", remedy);
  if (err && err->answer == UH_NOT_ASKED) err->answer = UH_REFUSED;
  return -1;
}

static int unavailable(const struct uh_wsman_login *l, enum uh_err_class cls, const char *what, long status,
                       const char *remedy, struct uh_err *err) {
  uh_fail(err, cls, "%s (HTTP %ld)", what, status);
  uh_err_where(err, "%s", l->origin);
  uh_err_remedy(err, "%s", remedy);
  if (err && err->answer == UH_NOT_ASKED && cls == UH_ERR_UNAVAILABLE) err->answer = UH_TIMEOUT;
  return -1;
}

static int status_error(struct uh_wsman_login *l, const struct uh_http_single_reply *reply, struct uh_err *err) {
  const char *location = uh_http_single_header(reply, "Location", 0);
  if (reply->status >= 300 && reply->status < 400) {
    (void)snprintf(l->redirect, sizeof l->redirect, "%s",
                   location && strlen(location) < sizeof l->redirect ? location : "");
    uh_fail(err, UH_ERR_UNAVAILABLE, "the server redirects to %.*s, and is not followed",
            UH_HEAD(location ? location : "?", 200));
    uh_err_where(err, "%s", l->origin);
    uh_err_remedy(err, "if that is the right server, name it in the url");
    return -1;
  }
  switch (reply->status) {
    case 401:
      return denied(l, reply, "the server does not accept the sign-in",
                    l->auth == UH_WSMAN_BASIC
                        ? "check user and password, and that Basic is enabled for the PowerShell virtual directory"
                        : "check that the account may use remote PowerShell, and the server's SPN HTTP/host",
                    err);
    case 403:
      return denied(l, reply, "the server refuses access",
                    "check the account's rights: RemotePowerShellEnabled, client access rules", err);
    case 404:
      return unavailable(l, UH_ERR_CONFIG, "there is no remote PowerShell at this URL", reply->status,
                         "the url is http://SERVER/PowerShell/", err);
    case 411:
    case 413:
      return unavailable(l, UH_ERR_UNAVAILABLE, "the request is too large for the server", reply->status, "", err);
    case 503:
      return unavailable(l, UH_ERR_UNAVAILABLE, "the server's remote PowerShell is not running", reply->status,
                         "look at the application pool MSExchangePowerShellFrontEndAppPool, and try again", err);
    default: return unavailable(l, UH_ERR_UNAVAILABLE, "the reply is not SOAP", reply->status, "check the url", err);
  }
}

/* ---- the sign-in ---- */

static int post(struct uh_wsman_login *l, struct uh_psrp_call *call, const char *const *headers, const char *body,
                size_t size, bool may_connect, struct uh_http_single_reply *ret_reply, struct uh_err *err) {
  struct uh_http_single_request q = {.headers = headers,
                                     .body = body,
                                     .body_size = size,
                                     .may_connect = may_connect,
                                     .deadline_ms = call->deadline_ms,
                                     .cancelled = call->cancelled,
                                     .cancel_user = call->cancel_user};
  return uh_http_single_post(l->http, &q, ret_reply, err);
}

static const char *scheme_of(enum uh_gss_mechanism mechanism) {
  return mechanism == UH_GSS_SPNEGO ? "Negotiate" : "Kerberos";
}

/* The rest of a challenge of this scheme ("" without token), NULL where it is not offered. */
static const char *challenge(const struct uh_http_single_reply *reply, const char *scheme) {
  size_t n = strlen(scheme);
  const char *line;
  for (unsigned i = 0; i < 16 && (line = uh_http_single_header(reply, "WWW-Authenticate", i)); i++)
    for (const char *p = line; p; p = strchr(p, ',')) {
      p += strspn(p, ", \t");
      if (strncasecmp(p, scheme, n) == 0 && (!p[n] || p[n] == ' ' || p[n] == ',')) return p + n + strspn(p + n, " ");
      if (!*p) break;
    }
  return NULL;
}

static int choose(struct uh_wsman_login *l, const struct uh_http_single_reply *reply, struct uh_err *err) {
  if (reply->status != 401) {
    if (reply->status >= 300 && reply->status != 500) return status_error(l, reply, err);
    return unavailable(l, UH_ERR_UNAVAILABLE, "the server asks for no sign-in", reply->status,
                       "check the url: this is not remote PowerShell, or something stands in front of it", err);
  }
  if (challenge(reply, "Kerberos"))
    l->mechanism = UH_GSS_KERBEROS;
  else if (challenge(reply, "Negotiate"))
    l->mechanism = UH_GSS_SPNEGO;
  else
    return denied(l, reply, "the server offers no Kerberos",
                  "check the url and the virtual directory, or use auth: basic over https", err);
  return 0;
}

/* RFC 5929: the certificate's hash, by the hash function of its signature, but SHA-256 for the old ones. false: the
 * certificate has none that is defined. */
static bool binding_of(const char *pem, unsigned char *ret, size_t room, size_t *ret_size) {
  static const char prefix[] = "tls-server-end-point:";
  int digest = 0, key = 0;
  unsigned n = 0;
  BIO *bio = BIO_new_mem_buf(pem, -1);
  X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
  bool ok = cert && X509_get_signature_info(cert, &digest, &key, NULL, NULL) == 1 && digest;
  const EVP_MD *md = digest == NID_md5 || digest == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(digest);
  ok = ok && md && sizeof prefix - 1 + (size_t)EVP_MD_get_size(md) <= room &&
       X509_digest(cert, md, ret + sizeof prefix - 1, &n) == 1;
  if (ok) memcpy(ret, prefix, sizeof prefix - 1);
  *ret_size = sizeof prefix - 1 + n;
  X509_free(cert);
  BIO_free(bio);
  return ok;
}

static int open_session(struct uh_wsman_login *l, struct uh_err *err) {
  unsigned char binding[128];
  struct uh_gss_target target = {.host = l->host, .mechanism = l->mechanism};
  const char *pem = uh_http_single_certificate(l->http);
  if (l->https && pem && binding_of(pem, binding, sizeof binding, &target.binding_size)) target.binding = binding;
  l->gss = uh_gss_free(l->gss);
  return uh_gss_open(l->credentials, &target, &l->gss, err);
}

/* The server's token of a challenge, decoded. */
static int token_of(const struct uh_wsman_login *l, const struct uh_http_single_reply *reply, struct uh_str *ret_token,
                    struct uh_err *err) {
  const char *text = challenge(reply, scheme_of(l->mechanism));
  uh_str_reset(ret_token);
  if (!text || !*text) return 0;
  size_t n = strcspn(text, ", ");
  if (n > UH_GSS_TOKEN_MAX || !uh_base64_decode(ret_token, text, n))
    return uh_fail(err, UH_ERR_DATA, "the server's sign-in token is not base64, or too long");
  return 0;
}

/* One round trip with our token. 1: established. */
static int leg(struct uh_wsman_login *l, struct uh_psrp_call *call, struct uh_str *token, bool may_connect,
               struct uh_err *err) {
  struct uh_http_single_reply reply = {0};
  struct uh_str ours = {0}, line = {0};
  const char *headers[] = {NULL, "Content-Type: " SOAP_TYPE, "Accept-Encoding: identity", NULL};
  int r = uh_gss_step(l->gss, token->s, token->len, &ours, err);
  if (r == 1 && !ours.len) return uh_str_clear(&ours), 1; /* the server's last token asked for no answer */
  if (r >= 0) {
    uh_str_addf(&line, "Authorization: %s ", scheme_of(l->mechanism));
    uh_base64_add(&line, ours.s ? ours.s : "", ours.len);
    headers[0] = uh_str_text(&line);
    int posted = headers[0] ? post(l, call, headers, NULL, 0, may_connect, &reply, err) : uh_fail_nomem(err);
    if (posted < 0 || token_of(l, &reply, token, err) < 0) r = -1;
    /* Without an answer's token nobody has proven anything. With one, even a refusal says why. */
    if ((r == 0 && !token->len) || (r == 1 && reply.status == 401)) r = status_error(l, &reply, err);
    if (r == 0 && reply.status != 401) {
      r = uh_gss_step(l->gss, token->s, token->len, &ours, err);
      if (r == 0) r = denied(l, &reply, "the sign-in did not come to its end", "", err);
    }
  }
  uh_http_str_wipe(&line);
  uh_http_str_wipe(&ours);
  uh_http_single_reply_clear(&reply);
  return r;
}

static int legs(struct uh_wsman_login *l, struct uh_psrp_call *call, struct uh_err *err) {
  struct uh_str token = {0};
  int r = 0;
  for (int i = 0; r == 0 && i < LEGS_MAX; i++) r = leg(l, call, &token, i == 0, err); /* it may have closed after 401 */
  uh_http_str_wipe(&token);
  return r == 1 ? 0 : r < 0 ? -1 : uh_fail(err, UH_ERR_DENIED, "the sign-in does not end");
}

static int sign_in(struct uh_wsman_login *l, struct uh_psrp_call *call, struct uh_err *err) {
  static const char *const headers[] = {"Content-Type: " SOAP_TYPE, "Accept-Encoding: identity", NULL};
  struct uh_http_single_reply reply = {0};
  uh_http_single_hang_up(l->http);
  l->gss = uh_gss_free(l->gss);
  int r = post(l, call, headers, NULL, 0, true, &reply, err);
  if (r == 0) r = choose(l, &reply, err);
  uh_http_single_reply_clear(&reply);
  if (r < 0 || open_session(l, err) < 0) return -1;
  r = legs(l, call, err);
  if (r == 0) l->sign_ins++;
  if (r < 0) {
    l->gss = uh_gss_free(l->gss);
    uh_err_where(err, "%s", l->origin);
  }
  return r;
}

/* ---- requests ---- */

static int soap_of_sealed(struct uh_wsman_login *l, struct uh_http_single_reply *reply, const char *protocol,
                          struct uh_wsman_reply *ret, struct uh_err *err) {
  struct uh_multipart part;
  const char *type = uh_http_single_header(reply, "Content-Type", 0);
  if (uh_multipart_read(type ? type : "", protocol, reply->body.s ? reply->body.s : (char[1]){0}, reply->body.len,
                        &part, err) < 0 ||
      uh_gss_unseal(l->gss, part.header, part.header_size, part.data, part.data_size, err) < 0) {
    uh_err_where(err, "%s", l->origin);
    l->gss = uh_gss_free(l->gss); /* whatever comes next in this session is out of order */
    return -1;
  }
  size_t n = part.length;
  while (n && (unsigned char)part.data[n - 1] < '\t') n--; /* RC4's padding is counted as text */
  uh_str_addn(&ret->soap, part.data, n);
  return ret->soap.failed ? uh_fail_nomem(err) : 0;
}

static int soap_of(struct uh_wsman_login *l, struct uh_http_single_reply *reply, const char *protocol,
                   struct uh_wsman_reply *ret, struct uh_err *err) {
  const char *type = uh_http_single_header(reply, "Content-Type", 0),
             *server = uh_http_single_header(reply, "X-FEServer", 0);
  uh_wsman_reply_clear(ret);
  ret->status = reply->status;
  (void)snprintf(ret->server, sizeof ret->server, "%s", server ? server : "");
  if (uh_http_single_header(reply, "Content-Encoding", 0) &&
      strcasecmp(uh_http_single_header(reply, "Content-Encoding", 0), "identity") != 0)
    return unavailable(l, UH_ERR_DATA, "the reply is compressed, which was not asked for", reply->status, "", err);
  if (protocol && uh_multipart_is(type)) return soap_of_sealed(l, reply, protocol, ret, err);
  bool soap = type && strncasecmp(type, "application/soap+xml", 20) == 0 && reply->status < 600;
  if (soap && !protocol && (reply->status == 200 || reply->status >= 400)) {
    ret->soap = reply->body;
    reply->body = (struct uh_str){0};
    return 0;
  }
  if (reply->status == 401 && l->gss) {
    l->gss = uh_gss_free(l->gss);
    return unavailable(l, UH_ERR_UNAVAILABLE, "the server does not know the sign-in any more", reply->status,
                       "run again", err);
  }
  if (soap && reply->status != 401) {
    l->gss = uh_gss_free(l->gss);
    return unavailable(l, UH_ERR_DENIED, "the reply is not encrypted: it may be anybody's", reply->status,
                       "use https, or the server itself without anything in between", err);
  }
  return status_error(l, reply, err);
}

/* The protocol by which messages are sealed; NULL: TLS carries them. */
static const char *sealing(const struct uh_wsman_login *l) {
  if (l->https) return NULL;
  return l->mechanism == UH_GSS_SPNEGO ? UH_MULTIPART_SPNEGO : UH_MULTIPART_KERBEROS;
}

static bool session_stands(const struct uh_wsman_login *l) {
  return l->auth == UH_WSMAN_BASIC || (uh_gss_established(l->gss) && !uh_gss_expires(l->gss, EXPIRES_SECONDS));
}

/* Sends one request; a reply came (0), or not (-1). */
static int send_once(struct uh_wsman_login *l, struct uh_psrp_call *call, const char *soap, size_t size,
                     const char *protocol, struct uh_http_single_reply *reply, struct uh_err *err) {
  struct uh_str type = {0}, body = {0}, sealed = {0}, line = {0};
  size_t header = 0;
  const char *headers[] = {NULL, "Accept-Encoding: identity", l->basic.len ? l->basic.s : NULL, NULL};
  int r = 0;
  if (protocol) {
    r = uh_gss_seal(l->gss, soap, size, &sealed, &header, err);
    if (r == 0) r = uh_multipart_write(protocol, sealed.s, sealed.len, header, &type, &body, err);
  }
  uh_str_addf(&line, "Content-Type: %s", protocol ? uh_str_text(&type) : SOAP_TYPE);
  headers[0] = uh_str_text(&line);
  if (r == 0 && !headers[0]) r = uh_fail_nomem(err);
  if (r == 0)
    r = post(l, call, headers, protocol ? body.s : soap, protocol ? body.len : size, l->auth == UH_WSMAN_BASIC, reply,
             err);
  uh_str_clear(&type);
  uh_str_clear(&body);
  uh_str_clear(&sealed);
  uh_str_clear(&line);
  return r;
}

/* Over https a 401 is the server's word that it did nothing; over http it may be anybody's. */
static bool not_taken(const struct uh_wsman_login *l, int r, const struct uh_http_single_reply *reply) {
  if (r < 0) return reply->lost && !reply->sent;
  return reply->status == 401 && l->https;
}

int uh_wsman_login_post(struct uh_wsman_login *l, struct uh_psrp_call *call, const char *soap, size_t size,
                        struct uh_wsman_reply *ret_reply, struct uh_err *err) {
  UH_CLEANUP(uh_http_single_reply_clear) struct uh_http_single_reply reply = {0};
  struct uh_err first = UH_ERR_INIT;
  int r = 0;
  l->redirect[0] = '\0';
  for (int i = 0; i < 2; i++) {
    first = UH_ERR_INIT;
    if (!session_stands(l) && sign_in(l, call, err) < 0) return -1;
    r = send_once(l, call, soap, size, sealing(l), &reply, &first);
    bool again = not_taken(l, r, &reply) && l->auth != UH_WSMAN_BASIC && first.cls != UH_ERR_INTERRUPTED;
    if (r < 0 || again) l->gss = uh_gss_free(l->gss); /* the connection is gone, or in the middle of something */
    if (r < 0 && reply.sent) call->sent = true;
    if (r == 0) call->sent = true;
    if (!again) break;
  }
  if (r == 0) r = soap_of(l, &reply, sealing(l), ret_reply, &first);
  if (r < 0 && err && err->cls == UH_ERR_NONE) *err = first;
  return r;
}
