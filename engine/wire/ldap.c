/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ldap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sasl/sasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "wire/ldap_private.h"

#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"
#define MAX_DOMAIN_HOSTS 16
/* How long one read on the socket may block. libldap reads a TLS record with a blocking call, so without this a peer
 * that stops in the middle of a record would hold us for ever. */
#define SOCKET_SLICE_SECONDS 2
/* libldap reads each message with three system calls; a buffer between it and the socket takes many messages with one.
 * It stands one level above the transport, which libldap puts in after the callback. */
#define READ_AHEAD 65536 /* bytes */

double uh_ldap_clock(void) {
  struct timespec ts;
  (void)clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

bool uh_ldap_is_stopped(const struct uh_ldap *ldap) {
  return ldap->stopped && ldap->stopped(ldap->stopped_user);
}

int uh_ldap_interrupted(const struct uh_ldap *ldap, struct uh_err *err) {
  (void)uh_fail(err, UH_ERR_INTERRUPTED, "interrupted while reading from the directory");
  uh_err_where(err, "%s", ldap->host);
  return -1;
}

int uh_ldap_backoff(const struct uh_ldap *ldap, int tries, struct uh_err *err) {
  for (int slices = 1 << tries; slices > 0; slices--) {
    if (uh_ldap_is_stopped(ldap)) return uh_ldap_interrupted(ldap, err);
    (void)nanosleep(&(struct timespec){.tv_nsec = 125 * 1000000L}, NULL);
  }
  return 0;
}

/* ---- errors ---- */

/* The reason that AD gives for a refused login stands behind "data " in hexadecimal; the rest of the text varies. */
static const struct {
  unsigned code;
  const char *what, *remedy;
} bind_reasons[] = {
    {0x525, "the user does not exist", "check directory.user"},
    {0x52e, "wrong user name or password", "check directory.user and the password file"},
    {0x530, "the account may not log on at this hour", "use another account, or change its logon hours"},
    {0x531, "the account may not log on from this machine", "use another account, or change its workstations"},
    {0x532, "the account's password has expired", "set a new password and put it into the password file"},
    {0x533, "the account is disabled", "enable the account, or use another"},
    {0x701, "the account has expired", "extend the account, or use another"},
    {0x773, "the account must change its password first", "set a new password and put it into the password file"},
    {0x775, "the account is locked out", "unlock the account, or wait until the lockout ends"},
};

static int bind_reason(const char *text) {
  const char *data = text ? strstr(text, "data ") : NULL;
  if (!data) return -1;
  char *end = NULL;
  unsigned long code = strtoul(data + 5, &end, 16);
  if (end == data + 5) return -1;
  for (size_t i = 0; i < sizeof bind_reasons / sizeof *bind_reasons; i++)
    if (bind_reasons[i].code == code) return (int)i;
  return -1;
}

/* The server's text goes into an error line: one line, printable, short. */
static void tidy(const char *text, char *out, size_t size) {
  size_t n = 0;
  for (; text && *text && n + 1 < size; text++) out[n++] = (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text;
  while (n > 0 && out[n - 1] == ' ') n--;
  out[n] = 0;
}

struct meaning {
  enum uh_err_class cls;
  enum uh_answer answer;
  const char *what, *remedy;
};

static struct meaning meaning_of(int code, const char *text) {
  static const char rights[] = "give the account read access, or use another account";
  switch (code) {
    case LDAP_INVALID_CREDENTIALS: {
      int i = bind_reason(text);
      if (i >= 0) return (struct meaning){UH_ERR_DENIED, UH_REFUSED, bind_reasons[i].what, bind_reasons[i].remedy};
      return (struct meaning){UH_ERR_DENIED, UH_REFUSED, "the login was refused",
                              "check directory.user and the password file"};
    }
    case LDAP_STRONG_AUTH_REQUIRED:
    case LDAP_CONFIDENTIALITY_REQUIRED:
      return (struct meaning){UH_ERR_DENIED, UH_REFUSED, "the server demands signing or encryption",
                              "use ldaps://, or ldap:// with security: sealed and bind: gssapi"};
    case LDAP_INAPPROPRIATE_AUTH:
    case LDAP_AUTH_METHOD_NOT_SUPPORTED:
    case LDAP_AUTH_UNKNOWN:
      return (struct meaning){UH_ERR_DENIED, UH_REFUSED, "the server does not take this way of logging in",
                              "change directory.bind"};
    case LDAP_INSUFFICIENT_ACCESS:
      return (struct meaning){UH_ERR_DENIED, UH_REFUSED, "the account may not read this", rights};
    case LDAP_OPERATIONS_ERROR:
      if (text && (strstr(text, "000004DC") || strstr(text, "without authentication")))
        return (struct meaning){UH_ERR_DENIED, UH_REFUSED, "the server wants a login first",
                                "check directory.bind and directory.user"};
      break;
    case LDAP_UNWILLING_TO_PERFORM:
      if (text && strstr(text, "Sign or Seal"))
        return (struct meaning){UH_ERR_DENIED, UH_REFUSED, "the server does not take sealing inside TLS",
                                "use ldaps:// without security: sealed"};
      return (struct meaning){UH_ERR_UNAVAILABLE, UH_REFUSED, "the server is unwilling to answer this", ""};
    case LDAP_BUSY:
      return (struct meaning){UH_ERR_UNAVAILABLE, UH_TIMEOUT, "the server is busy",
                              "try again later, or name another domain controller"};
    case LDAP_UNAVAILABLE:
      return (struct meaning){UH_ERR_UNAVAILABLE, UH_TIMEOUT, "the server is not available",
                              "try again later, or name another domain controller"};
    case LDAP_SIZELIMIT_EXCEEDED:
      return (struct meaning){UH_ERR_UNAVAILABLE, UH_REFUSED, "the server cut the answer at its size limit",
                              "raise the server's limit for this account, or use another account"};
    case LDAP_TIMELIMIT_EXCEEDED:
      return (struct meaning){UH_ERR_UNAVAILABLE, UH_TIMEOUT, "the server cut the answer at its time limit",
                              "try again when the server has less to do"};
    case LDAP_ADMINLIMIT_EXCEEDED:
      return (struct meaning){UH_ERR_UNAVAILABLE, UH_REFUSED, "the server cut the answer at an administrative limit",
                              "raise the server's limit for this account"};
    case LDAP_REFERRAL:
      return (struct meaning){UH_ERR_UNAVAILABLE, UH_NOT_ASKED, "the server does not hold this part of the directory",
                              "name a server that does"};
    case LDAP_UNAVAILABLE_CRITICAL_EXTENSION:
      return (struct meaning){UH_ERR_UNAVAILABLE, UH_REFUSED, "the server does not know a control that is needed", ""};
    case LDAP_SERVER_DOWN:
    case LDAP_CONNECT_ERROR:
      return (struct meaning){UH_ERR_UNAVAILABLE, UH_TIMEOUT, "the connection failed",
                              "check directory.url, the network and the server"};
    case LDAP_TIMEOUT:
      return (struct meaning){UH_ERR_UNAVAILABLE, UH_TIMEOUT, "the server did not answer in time",
                              "try again, or name another domain controller"};
    case LDAP_DECODING_ERROR:
      return (struct meaning){UH_ERR_UNAVAILABLE, UH_TIMEOUT, "the server's answer could not be decoded", ""};
    case LDAP_NO_MEMORY: return (struct meaning){UH_ERR_INTERNAL, UH_NOT_ASKED, "out of memory", ""};
    default: break;
  }
  return (struct meaning){UH_ERR_UNAVAILABLE, UH_TIMEOUT, "", ""};
}

int uh_ldap_result_error(const char *host, const char *doing, int code, const char *text, struct uh_err *err) {
  if (!err || err->cls != UH_ERR_NONE) return -1;
  struct meaning m = meaning_of(code, text);
  char tidied[200];
  tidy(text, tidied, sizeof tidied);
  const char *what = *m.what ? m.what : ldap_err2string(code);
  (void)uh_fail(err, m.cls, "%s: %s (LDAP %d%s%s)", doing, what, code, *tidied ? ": " : "", tidied);
  err->answer = m.answer;
  uh_err_where(err, "%s", host);
  if (*m.remedy) uh_err_remedy(err, "%s", m.remedy);
  return -1;
}

int uh_ldap_local_error(const struct uh_ldap *ldap, const char *doing, int code, struct uh_err *err) {
  char *text UH_CLEANUP(uh_freep) = NULL;
  if (code == 0) (void)ldap_get_option(ldap->ld, LDAP_OPT_RESULT_CODE, &code);
  (void)ldap_get_option(ldap->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
  if (code == 0) code = LDAP_SERVER_DOWN;
  return uh_ldap_result_error(ldap->host, doing, code, text, err);
}

/* ---- addresses ---- */

bool uh_ldap_is_loopback(const char *host) {
  struct in_addr v4;
  if (strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || strcmp(host, "[::1]") == 0) return true;
  return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

struct url {
  bool tls;
  char host[256]; /* without brackets */
  int port;
};

static int url_read(const char *text, struct url *ret_url, struct uh_err *err) {
  LDAPURLDesc *desc = NULL;
  if (text && ldap_url_parse(text, &desc) == LDAP_URL_SUCCESS) {
    bool tls = strcasecmp(desc->lud_scheme, "ldaps") == 0;
    bool good = (tls || strcasecmp(desc->lud_scheme, "ldap") == 0) && desc->lud_host && *desc->lud_host &&
                strlen(desc->lud_host) < sizeof ret_url->host;
    if (good) {
      *ret_url = (struct url){.tls = tls, .port = desc->lud_port};
      (void)snprintf(ret_url->host, sizeof ret_url->host, "%s", desc->lud_host);
      if (ret_url->port == 0) ret_url->port = tls ? LDAPS_PORT : LDAP_PORT;
    }
    ldap_free_urldesc(desc);
    if (good) return 0;
  }
  (void)uh_fail(err, UH_ERR_CONFIG, "'%.*s' is not a directory's URL", UH_HEAD(text ? text : "", 200));
  uh_err_remedy(err, "write ldaps://HOST or ldap://HOST");
  return -1;
}

int uh_ldap_url_port(const char *url) {
  struct url u;
  return url_read(url, &u, NULL) == 0 ? u.port : -1;
}

int uh_ldap_url_for(const char *url, const char *host, char **ret_url, struct uh_err *err) {
  struct url u;
  if (url_read(url, &u, err) < 0) return -1;
  char text[600];
  const char *colon = strchr(host, ':');
  bool bare_v6 = colon && strchr(colon + 1, ':') && *host != '[';
  bool has_port = colon && !bare_v6 && (*host != '[' || strstr(host, "]:"));
  int n = has_port ? snprintf(text, sizeof text, "%s://%s", u.tls ? "ldaps" : "ldap", host)
                   : snprintf(text, sizeof text, "%s://%s%s%s:%d", u.tls ? "ldaps" : "ldap", bare_v6 ? "[" : "", host,
                              bare_v6 ? "]" : "", u.port);
  if (n < 0 || (size_t)n >= sizeof text || url_read(text, &u, NULL) < 0)
    return uh_fail(err, UH_ERR_DATA, "'%.*s' is not a host name", UH_HEAD(host, 200));
  char *copy = strdup(text);
  if (!copy) return uh_fail_nomem(err);
  *ret_url = copy;
  return 0;
}

int uh_ldap_domain_hosts(const char *domain, char ***ret_hosts, size_t *ret_n, struct uh_err *err) {
  char *list = NULL;
  *ret_hosts = NULL;
  *ret_n = 0;
  if (ldap_domain2hostlist(domain, &list) != LDAP_SUCCESS || !list) return 0;
  char **hosts = calloc(MAX_DOMAIN_HOSTS, sizeof *hosts);
  size_t n = 0;
  for (const char *p = list; hosts && *p && n < MAX_DOMAIN_HOSTS;) {
    size_t len = strcspn(p, " ");
    size_t name = strcspn(p, ": "); /* the port of the record is the plain one; the scheme's own is used */
    if (name > 0) {
      hosts[n] = strndup(p, name);
      if (!hosts[n]) break;
      n++;
    }
    p += len + (p[len] ? 1 : 0);
  }
  ldap_memfree(list);
  if (!hosts) return uh_fail_nomem(err);
  *ret_hosts = hosts;
  *ret_n = n;
  return 0;
}

static int try_host(const struct uh_ldap_options *options, const char *host,
                    int (*try_one)(void *user, const struct uh_ldap_options *options, struct uh_err *err), void *user,
                    struct uh_err *err) {
  struct uh_ldap_options there = *options;
  char *url UH_CLEANUP(uh_freep) = NULL;
  if (uh_ldap_url_for(options->url, host, &url, err) < 0) return -1;
  there.url = url;
  return try_one(user, &there, err);
}

int uh_ldap_try_domain(const struct uh_ldap_options *options, const char *domain,
                       int (*try_one)(void *user, const struct uh_ldap_options *options, struct uh_err *err),
                       void *user, struct uh_err *err) {
  char **hosts = NULL;
  size_t n = 0;
  int result = -1;
  if (!strchr(domain, ':') && uh_ldap_domain_hosts(domain, &hosts, &n, err) < 0) return -1;
  for (size_t i = 0; i < n; i++) {
    struct uh_err one = UH_ERR_INIT;
    bool stopped = options->stopped && options->stopped(options->stopped_user);
    if (result < 0 && i < UH_LDAP_DOMAIN_TRIED && !stopped) {
      result = try_host(options, hosts[i], try_one, user, &one);
      if (result < 0 && err->cls == UH_ERR_NONE) *err = one;
    }
    free(hosts[i]);
  }
  free(hosts);
  return result < 0 ? try_host(options, domain, try_one, user, err) : result;
}

bool uh_ldap_is_catalogue(const char *url) {
  int port = uh_ldap_url_port(url);
  return port == UH_LDAP_CATALOGUE_PORT || port == UH_LDAP_CATALOGUE_TLS_PORT;
}

/* ---- connecting ---- */

static int check(const struct uh_ldap_options *o, struct url *ret_url, struct uh_err *err) {
  struct url u;
  if (url_read(o->url, &u, err) < 0) return -1;
  if (u.tls && o->protection != UH_LDAP_PROTECT_TLS) {
    (void)uh_fail(err, UH_ERR_CONFIG, "ldaps:// is TLS: it goes neither with security: sealed nor with plain");
    uh_err_remedy(err, "take security away, or write ldap://");
    return -1;
  }
  if (o->protection == UH_LDAP_PROTECT_SEALED && !o->gssapi) {
    (void)uh_fail(err, UH_ERR_CONFIG, "security: sealed needs bind: gssapi");
    uh_err_remedy(err, "use ldaps://, or bind: gssapi");
    return -1;
  }
  if (!o->gssapi && o->protection == UH_LDAP_PROTECT_NONE && !uh_ldap_is_loopback(u.host)) {
    (void)uh_fail(err, UH_ERR_CONFIG, "a simple bind to %s without TLS would show the password to the network", u.host);
    uh_err_remedy(err, "use ldaps://, or ldap:// without security: plain (StartTLS)");
    return -1;
  }
  /* An empty password is a login that always succeeds, as nobody (RFC 4513 5.1.2). */
  if (!o->gssapi && (!o->user || !*o->user || !o->password || !*o->password)) {
    (void)uh_fail(err, UH_ERR_CONFIG, "a simple bind needs a user and a password that is not empty");
    uh_err_remedy(err, "set directory.user and directory.password_file");
    return -1;
  }
  *ret_url = u;
  return 0;
}

int uh_ldap_options_check(const struct uh_ldap_options *options, struct uh_err *err) {
  struct url u;
  return check(options, &u, err);
}

/*
 * While libldap connects, shakes hands and logs in it blocks in its own loops. A watcher looks for the wish to stop and
 * then shuts the socket, so that whatever waits on it ends at once. Before there is a socket, attempts are kept short.
 */
#define CONNECT_SLICE_SECONDS 2
#define WATCH_MS 200

struct uh_ldap_watch {
  const struct uh_ldap *ldap;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t over;
  int fd; /* -1: none yet */
  bool done;
};

static void *watch_main(void *user) {
  struct uh_ldap_watch *w = user;
  (void)pthread_mutex_lock(&w->lock);
  while (!w->done) {
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WATCH_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) until.tv_sec++, until.tv_nsec -= 1000000000L;
    (void)pthread_cond_timedwait(&w->over, &w->lock, &until);
    if (!w->done && w->fd >= 0 && uh_ldap_is_stopped(w->ldap)) (void)shutdown(w->fd, SHUT_RDWR);
  }
  (void)pthread_mutex_unlock(&w->lock);
  return NULL;
}

static void watch_end(struct uh_ldap *l) {
  struct uh_ldap_watch *w = l->watch;
  if (!w) return;
  (void)pthread_mutex_lock(&w->lock);
  w->done = true;
  (void)pthread_cond_signal(&w->over);
  (void)pthread_mutex_unlock(&w->lock);
  (void)pthread_join(w->thread, NULL);
  (void)pthread_cond_destroy(&w->over);
  (void)pthread_mutex_destroy(&w->lock);
  free(w);
  l->watch = NULL;
}

static int watch_begin(struct uh_ldap *l, struct uh_err *err) {
  struct uh_ldap_watch *w = calloc(1, sizeof *w);
  if (!w) return uh_fail_nomem(err);
  w->ldap = l;
  w->fd = -1;
  (void)pthread_mutex_init(&w->lock, NULL);
  (void)pthread_cond_init(&w->over, NULL);
  if (pthread_create(&w->thread, NULL, watch_main, w) != 0) {
    free(w);
    return uh_fail(err, UH_ERR_INTERNAL, "cannot start a thread");
  }
  l->watch = w;
  return 0;
}

static void watch_socket(const struct uh_ldap *l, int fd) {
  if (!l->watch) return;
  (void)pthread_mutex_lock(&l->watch->lock);
  l->watch->fd = fd;
  (void)pthread_mutex_unlock(&l->watch->lock);
}

static int on_connected(LDAP *ld, Sockbuf *sb, LDAPURLDesc *srv, struct sockaddr *addr, struct ldap_conncb *ctx) {
  (void)srv, (void)addr;
  struct uh_ldap *l = ctx->lc_arg;
  /* libldap would connect again by itself when a connection is lost, without a login. To an anonymous client AD looks
   * empty: that must never pass for an answer. */
  if (l->bound) return -1;
  /* From here on TLS may take its time. */
  struct timeval network = {.tv_sec = l->connect_seconds};
  (void)ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &network);
  l->reached = true;
  int fd = -1, ahead = READ_AHEAD;
  ber_len_t max = UH_LDAP_MAX_MESSAGE;
  (void)ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &max);
  (void)ber_sockbuf_add_io(sb, &ber_sockbuf_io_readahead, LBER_SBIOD_LEVEL_PROVIDER + 1, &ahead);
  if (ber_sockbuf_ctrl(sb, LBER_SB_OPT_GET_FD, &fd) == 1 && fd >= 0) {
    struct timeval slice = {.tv_sec = SOCKET_SLICE_SECONDS}, send = {.tv_sec = UH_LDAP_OPERATION_SECONDS};
    watch_socket(l, fd);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send, sizeof send);
  }
  return 0;
}

static void on_closed(LDAP *ld, Sockbuf *sb, struct ldap_conncb *ctx) {
  (void)ld, (void)sb;
  watch_socket(ctx->lc_arg, -1);
}

/* Everything that ldap.conf, ~/.ldaprc and the environment could have changed and that an answer depends on is set
 * here. */
static int set_options(struct uh_ldap *l, const struct uh_ldap_options *o, struct uh_err *err) {
  int version = LDAP_VERSION3, zero = 0, never = LDAP_DEREF_NEVER, idle = 60, probes = 3, interval = 10;
  l->connect_seconds = o->connect_seconds > 0 ? o->connect_seconds : UH_LDAP_CONNECT_SECONDS;
  struct timeval network = {.tv_sec = l->connect_seconds < CONNECT_SLICE_SECONDS ? l->connect_seconds
                                                                                 : CONNECT_SLICE_SECONDS};
  struct timeval operation = {.tv_sec = UH_LDAP_OPERATION_SECONDS};
  l->callbacks = (struct ldap_conncb){.lc_add = on_connected, .lc_del = on_closed, .lc_arg = l};
  bool ok = ldap_set_option(l->ld, LDAP_OPT_PROTOCOL_VERSION, &version) == 0 &&
            ldap_set_option(l->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == 0 &&
            ldap_set_option(l->ld, LDAP_OPT_RESTART, LDAP_OPT_ON) == 0 &&
            ldap_set_option(l->ld, LDAP_OPT_SIZELIMIT, &zero) == 0 &&
            ldap_set_option(l->ld, LDAP_OPT_TIMELIMIT, &zero) == 0 &&
            ldap_set_option(l->ld, LDAP_OPT_DEREF, &never) == 0 &&
            ldap_set_option(l->ld, LDAP_OPT_NETWORK_TIMEOUT, &network) == 0 &&
            ldap_set_option(l->ld, LDAP_OPT_TIMEOUT, &operation) == 0 &&
            ldap_set_option(l->ld, LDAP_OPT_CONNECT_CB, &l->callbacks) == 0 &&
            ldap_set_option(l->ld, LDAP_OPT_X_SASL_NOCANON, LDAP_OPT_ON) == 0;
  (void)ldap_set_option(l->ld, LDAP_OPT_X_KEEPALIVE_IDLE, &idle);
  (void)ldap_set_option(l->ld, LDAP_OPT_X_KEEPALIVE_PROBES, &probes);
  (void)ldap_set_option(l->ld, LDAP_OPT_X_KEEPALIVE_INTERVAL, &interval);
  return ok ? 0 : uh_ldap_local_error(l, "set up", LDAP_LOCAL_ERROR, err);
}

static int set_tls(struct uh_ldap *l, const struct uh_ldap_options *o, struct uh_err *err) {
  int demand = LDAP_OPT_X_TLS_DEMAND, minimum = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, client = 0;
  const char *ca = o->ca_file;
  char *configured UH_CLEANUP(uh_freep) = NULL;
  if (!ca) {
    (void)ldap_get_option(l->ld, LDAP_OPT_X_TLS_CACERTFILE, &configured);
    if (!configured && access(SYSTEM_CA_FILE, R_OK) == 0) ca = SYSTEM_CA_FILE;
  } else if (access(ca, R_OK) != 0) {
    (void)uh_fail(err, UH_ERR_CONFIG, "the certificates in %.*s cannot be read: %s", UH_HEAD(ca, 200), strerror(errno));
    uh_err_remedy(err, "check directory.ca_file");
    return -1;
  }
  if (ca && ldap_set_option(l->ld, LDAP_OPT_X_TLS_CACERTFILE, ca) != 0)
    return uh_ldap_local_error(l, "load certificates", LDAP_LOCAL_ERROR, err);
  if (ldap_set_option(l->ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) != 0 ||
      ldap_set_option(l->ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &minimum) != 0 ||
      ldap_set_option(l->ld, LDAP_OPT_X_TLS_NEWCTX, &client) != 0) {
    (void)uh_fail(err, UH_ERR_CONFIG, "TLS could not be set up%s%.*s", ca ? " with " : "", UH_HEAD(ca ? ca : "", 200));
    uh_err_remedy(err, "check that directory.ca_file holds PEM certificates");
    return -1;
  }
  return 0;
}

static int open_connection(struct uh_ldap *l, const struct uh_ldap_options *o, const struct url *u,
                           struct uh_err *err) {
  double began = uh_ldap_clock(), tried;
  int rc;
  do { /* a name or a refusal is answered at once; what takes a whole slice is silence */
    tried = uh_ldap_clock();
    rc = ldap_connect(l->ld);
  } while (rc != LDAP_SUCCESS && !l->reached && !uh_ldap_is_stopped(l) &&
           uh_ldap_clock() - tried > CONNECT_SLICE_SECONDS - 0.5 && uh_ldap_clock() - began < l->connect_seconds - 0.5);
  bool start_tls = rc == LDAP_SUCCESS && !u->tls && o->protection == UH_LDAP_PROTECT_TLS;
  if (start_tls) {
    l->requests++;
    rc = ldap_start_tls_s(l->ld, NULL, NULL);
  }
  if (rc == LDAP_SUCCESS) return 0;
  char *text UH_CLEANUP(uh_freep) = NULL;
  (void)ldap_get_option(l->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
  if (start_tls && rc > 0)
    uh_err_remedy(err, "use ldaps://, or security: sealed with bind: gssapi");
  else if ((u->tls || start_tls) && text && *text) /* the network was there, TLS was not */
    uh_err_remedy(err,
                  "check that the server speaks TLS, that directory.ca_file holds its issuer and that the URL names it "
                  "as its certificate does");
  return uh_ldap_local_error(l, start_tls ? "StartTLS" : "connect", rc, err);
}

/* The Kerberos library knows who we are: every question is answered with the default. */
static int no_questions(LDAP *ld, unsigned flags, void *defaults, void *in) {
  (void)ld, (void)flags, (void)defaults;
  for (sasl_interact_t *i = in; i->id != SASL_CB_LIST_END; i++) {
    i->result = i->defresult ? i->defresult : "";
    i->len = (unsigned)strlen(i->result);
  }
  return LDAP_SUCCESS;
}

static int bind_gssapi(struct uh_ldap *l, const struct uh_ldap_options *o, struct uh_err *err) {
  /* AD takes either TLS or a SASL layer, never both; with TLS the channel is bound to the certificate instead. */
  const char *props =
      o->protection == UH_LDAP_PROTECT_TLS ? "noanonymous,noplain,maxssf=0" : "noanonymous,noplain,minssf=56";
  if (o->protection == UH_LDAP_PROTECT_NONE) props = "noanonymous,noplain";
  int endpoint = LDAP_OPT_X_SASL_CBINDING_TLS_ENDPOINT;
  if (ldap_set_option(l->ld, LDAP_OPT_X_SASL_SECPROPS, props) != 0 ||
      (o->protection == UH_LDAP_PROTECT_TLS && ldap_set_option(l->ld, LDAP_OPT_X_SASL_CBINDING, &endpoint) != 0))
    return uh_ldap_local_error(l, "set up Kerberos", LDAP_LOCAL_ERROR, err);
  l->requests++;
  int rc = ldap_sasl_interactive_bind_s(l->ld, NULL, "GSSAPI", NULL, NULL, LDAP_SASL_QUIET, no_questions, NULL);
  if (rc == LDAP_SUCCESS) return 0;
  if (rc == LDAP_LOCAL_ERROR || rc == LDAP_AUTH_UNKNOWN) {
    char *text UH_CLEANUP(uh_freep) = NULL;
    char tidied[300];
    (void)ldap_get_option(l->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
    tidy(text, tidied, sizeof tidied);
    (void)uh_fail(err, UH_ERR_DENIED, "Kerberos login: %s", *tidied ? tidied : ldap_err2string(rc));
    if (err) err->answer = UH_REFUSED;
    uh_err_where(err, "%s", l->host);
    uh_err_remedy(err, "get a ticket with kinit, and name the server by its full DNS name");
    return -1;
  }
  return uh_ldap_local_error(l, "Kerberos login", rc, err);
}

static int bind_simple(struct uh_ldap *l, const struct uh_ldap_options *o, struct uh_err *err) {
  for (int tries = 1;; tries++) {
    struct berval cred = {.bv_val = (char *)(uintptr_t)o->password, .bv_len = strlen(o->password)};
    l->requests++;
    int rc = ldap_sasl_bind_s(l->ld, o->user, LDAP_SASL_SIMPLE, &cred, NULL, NULL, NULL);
    if (rc == LDAP_SUCCESS) return 0;
    if (rc != LDAP_BUSY || tries == UH_LDAP_BUSY_TRIES) return uh_ldap_local_error(l, "login", rc, err);
    if (uh_ldap_backoff(l, tries, err) < 0) return -1;
  }
}

int uh_ldap_connect(const struct uh_ldap_options *o, struct uh_ldap **ret_ldap, struct uh_err *err) {
  struct url u;
  if (check(o, &u, err) < 0) return -1;
  struct uh_ldap *l UH_CLEANUP(uh_ldap_freep) = calloc(1, sizeof *l);
  if (!l) return uh_fail_nomem(err);
  bool v6 = strchr(u.host, ':') != NULL;
  (void)snprintf(l->host, sizeof l->host, "%s%s%s:%d", v6 ? "[" : "", u.host, v6 ? "]" : "", u.port);
  l->silence_seconds = o->silence_seconds > 0 ? o->silence_seconds : UH_LDAP_SILENCE_SECONDS;
  l->stopped = o->stopped;
  l->stopped_user = o->stopped_user;
  char uri[320];
  (void)snprintf(uri, sizeof uri, "%s://%s", u.tls ? "ldaps" : "ldap", l->host);
  int rc = ldap_initialize(&l->ld, uri);
  if (rc != LDAP_SUCCESS) return uh_ldap_result_error(l->host, "connect", rc, NULL, err);
  if (set_options(l, o, err) < 0) return -1;
  if (o->protection == UH_LDAP_PROTECT_TLS && set_tls(l, o, err) < 0) return -1;
  if (uh_ldap_is_stopped(l)) return uh_ldap_interrupted(l, err);
  if (l->stopped && watch_begin(l, err) < 0) return -1;
  struct uh_err why = UH_ERR_INIT;
  int r = open_connection(l, o, &u, &why);
  if (r == 0) r = o->gssapi ? bind_gssapi(l, o, &why) : bind_simple(l, o, &why);
  watch_end(l);
  if (r < 0 && uh_ldap_is_stopped(l)) return uh_ldap_interrupted(l, err);
  if (r < 0) {
    if (err && err->cls == UH_ERR_NONE) *err = why;
    return -1;
  }
  l->bound = true;
  l->guarded = o->protection != UH_LDAP_PROTECT_NONE;
  *ret_ldap = UH_TAKE(l);
  return 0;
}

struct uh_ldap *uh_ldap_free(struct uh_ldap *l) {
  if (!l) return NULL;
  if (l->ld) (void)ldap_unbind_ext_s(l->ld, NULL, NULL);
  uh_ldap_scratch_free(l->scratch);
  free(l);
  return NULL;
}

void uh_ldap_freep(struct uh_ldap **ldap) {
  *ldap = uh_ldap_free(*ldap);
}
const char *uh_ldap_host(const struct uh_ldap *ldap) {
  return ldap->host;
}
int64_t uh_ldap_requests(const struct uh_ldap *ldap) {
  return ldap->requests;
}
