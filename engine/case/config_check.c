/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration means: companions, shapes, secrets. The words are right already (config_yaml.c). */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <unhybrid/text.h>

#include "case/config_internal.h"

#define ORGANIZATION_MAX 100
#define DEFAULT_WINDOW_DAYS 30

struct check {
  struct uh_config *config;
  const struct uh_marks *marks;
  struct uh_err *err;
};

/* A key's name: "directory.url" from "directory" and "url". */
struct name {
  char s[UH_CONFIG_PATH_SIZE];
};
static struct name key(const char *section, const char *member) {
  struct name n;
  (void)snprintf(n.s, sizeof n.s, "%s%s%s", section, *section ? "." : "", member);
  return n;
}

static int at(const struct check *c, const char *path) {
  unsigned line = uh_mark_line(c->marks, path);
  if (line) uh_err_where(c->err, "%s:%u", c->marks->file, line);
  uh_err_where(c->err, "%s", c->marks->file);
  return -1;
}

static int UH_PRINTF(4, 5) refuse(const struct check *c, const char *path, const char *remedy, const char *fmt, ...) {
  char what[sizeof c->err->what];
  va_list ap;
  va_start(ap, fmt);
  uh_vprint(what, sizeof what, fmt, ap);
  va_end(ap);
  uh_fail(c->err, UH_ERR_CONFIG, "%s", what);
  if (remedy) uh_err_remedy(c->err, "%s", remedy);
  return at(c, path);
}

/* ---- files ---- */

static int make_absolute(const struct check *c, char **path) {
  if (!*path || (*path)[0] == '/') return 0;
  char *absolute = NULL;
  const char *dir = strcmp(c->config->dir, "/") == 0 ? "" : c->config->dir;
  if (asprintf(&absolute, "%s/%s", dir, *path) < 0) return uh_fail_nomem(c->err);
  free(*path);
  *path = absolute;
  return 0;
}

static int check_paths(const struct check *c, struct uh_strings *list) {
  for (unsigned i = 0; i < list->n; i++)
    if (make_absolute(c, &list->v[i]) < 0) return -1;
  return 0;
}

static int check_secret(const struct check *c, const char *path, char **file, bool environment) {
  struct uh_err err = UH_ERR_INIT;
  if (!*file) return 0;
  bool env = strncmp(*file, "env:", 4) == 0;
  if (env && !environment) return refuse(c, path, "name a file", "%s cannot come from the environment", path);
  if (!env && make_absolute(c, file) < 0) return -1;
  if (uh_secret_check(*file, &err) == 0) return 0;
  return refuse(c, path, err.remedy[0] ? err.remedy : NULL, "%s: %s", path, err.what);
}

static int check_ca_file(const struct check *c, const char *path, char **file) {
  struct stat st;
  if (!*file) return 0;
  if (make_absolute(c, file) < 0) return -1;
  if (stat(*file, &st) < 0 || access(*file, R_OK) < 0)
    return refuse(c, path, "name a PEM file with the certificate authority's certificates", "%s: cannot read %s: %s",
                  path, *file, strerror(errno));
  if (!S_ISREG(st.st_mode)) return refuse(c, path, NULL, "%s: %s is not a regular file", path, *file);
  return 0;
}

/* ---- addresses and names ---- */

static bool parse_port(const char *text, unsigned *ret_port) {
  size_t n = strlen(text);
  if (n == 0 || n > 5 || strspn(text, "0123456789") != n) return false;
  unsigned long port = strtoul(text, NULL, 10);
  if (port < 1 || port > 65535) return false;
  *ret_port = (unsigned)port;
  return true;
}

/* 4 or 6, 0 where the text is no address. bytes: 16. */
static int parse_address(const char *text, uint8_t bytes[16]) {
  if (inet_pton(AF_INET, text, bytes) == 1) return 4;
  return inet_pton(AF_INET6, text, bytes) == 1 ? 6 : 0;
}

static bool host_valid(const char *host) {
  size_t n = strlen(host), label = 0;
  if (n == 0 || n > 253) return false;
  for (size_t i = 0; i < n; i++) {
    unsigned char ch = (unsigned char)host[i];
    if (ch == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (isalnum(ch) || ch == '-' || ch == '_' || ch >= 0x80) {
      if (++label > 63) return false;
    } else {
      return false;
    }
  }
  return true;
}

static bool is_loopback(const char *host) {
  uint8_t a[16];
  static const uint8_t one[16] = {[15] = 1};
  int family = parse_address(host, a);
  if (family == 4) return a[0] == 127;
  if (family == 6) return memcmp(a, one, sizeof one) == 0;
  return strcasecmp(host, "localhost") == 0;
}

struct url {
  char scheme[8];
  char host[256];
  unsigned port; /* 0: the scheme's */
  const char *rest;
};

static bool split_host(const char *text, size_t n, struct url *u) {
  char host[300];
  uint8_t bytes[16];
  if (n == 0 || n >= sizeof host) return false;
  memcpy(host, text, n);
  host[n] = '\0';
  char *name = host, *after;
  if (host[0] == '[') {
    char *close = strchr(host, ']');
    if (!close) return false;
    *close = '\0';
    name = host + 1;
    after = close + 1;
    if (parse_address(name, bytes) != 6) return false;
  } else {
    after = strchr(host, ':');
    if (!after) after = host + n;
  }
  if (*after == ':') {
    if (!parse_port(after + 1, &u->port)) return false;
  } else if (*after) {
    return false;
  }
  if (name == host) *after = '\0';
  if (name == host && !host_valid(name)) return false;
  return (size_t)snprintf(u->host, sizeof u->host, "%s", name) < sizeof u->host;
}

/* scheme://host[:port][rest]; no user, no spaces. */
static bool split_url(const char *text, struct url *u) {
  const char *colon = strstr(text, "://");
  *u = (struct url){0};
  if (!colon || (size_t)(colon - text) >= sizeof u->scheme || strpbrk(text, " \\<>\"")) return false;
  for (size_t i = 0; i < (size_t)(colon - text); i++) u->scheme[i] = (char)tolower((unsigned char)text[i]);
  const char *authority = colon + 3;
  size_t n = strcspn(authority, "/?#");
  if (memchr(authority, '@', n) || !split_host(authority, n, u)) return false;
  u->rest = authority + n;
  return true;
}

static bool is_guid(const char *s) {
  static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  size_t i = 0;
  for (; shape[i]; i++)
    if (shape[i] == '-' ? s[i] != '-' : !isxdigit((unsigned char)s[i])) return false;
  return s[i] == '\0';
}

/* ---- sections ---- */

static int check_organization(const struct check *c) {
  const char *name = c->config->organization;
  if (!name) return refuse(c, "organization", "add the line \"organization: NAME\"", "organization is missing");
  if (strlen(name) > ORGANIZATION_MAX || strchr(name, '/') || name[0] == '.' || name[0] == '-' || name[0] == ' ')
    return refuse(c, "organization", "use letters and digits, as in contoso",
                  "organization names a directory: no slash, no leading dot, dash or space, at most %d bytes",
                  ORGANIZATION_MAX);
  return 0;
}

static int check_tenant(const struct check *c) {
  const char *tenant = c->config->tenant;
  if (!tenant || is_guid(tenant)) return 0;
  if (host_valid(tenant) && strchr(tenant, '.') && tenant[strlen(tenant) - 1] != '.') return 0;
  return refuse(c, "tenant", "for instance contoso.onmicrosoft.com, or the Directory (tenant) ID that Entra shows",
                "tenant is neither an id nor a domain");
}

static int check_credentials(const struct check *c, const char *section, struct uh_credentials *cr) {
  if (!cr) return 0;
  const struct {
    const char *name;
    bool set;
  } ways[] = {{"certificate", cr->certificate},
              {"secret_file", cr->secret_file},
              {"federated_token_file", cr->federated_token_file},
              {"managed_identity", cr->managed_identity},
              {"device_code", cr->device_code}};
  const char *first = NULL;
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    if (!ways[i].set) continue;
    if (first)
      return refuse(c, key(section, ways[i].name).s, "keep one of the two", "%s holds two ways to sign in, %s and %s",
                    section, first, ways[i].name);
    first = ways[i].name;
  }
  if (!first)
    return refuse(
        c, section,
        "give one of certificate, secret_file, federated_token_file, managed_identity: true, device_code: true",
        "%s holds no way to sign in", section);
  if (!cr->client_id && !cr->managed_identity)
    return refuse(c, section, "give the Application (client) ID that Entra shows", "%s.%s needs %s.client_id", section,
                  first, section);
  if (cr->client_id && !is_guid(cr->client_id))
    return refuse(c, key(section, "client_id").s, "give the Application (client) ID that Entra shows",
                  "%s.client_id is not an id", section);
  if (!c->config->tenant)
    return refuse(c, section, "add the line \"tenant: ID or domain\"", "%s needs tenant", section);
  if (check_secret(c, key(section, "certificate").s, &cr->certificate, false) < 0) return -1;
  if (check_secret(c, key(section, "secret_file").s, &cr->secret_file, true) < 0) return -1;
  return check_secret(c, key(section, "federated_token_file").s, &cr->federated_token_file, true);
}

static int check_ldap_url(const struct check *c, const char *section, const struct uh_directory_config *d,
                          struct url *u) {
  static const char *const shape = "write ldaps://HOST[:PORT] or ldap://HOST[:PORT]";
  struct name url = key(section, "url");
  if (!d->url) return refuse(c, section, shape, "%s.url is missing", section);
  if (!split_url(d->url, u) || (strcmp(u->scheme, "ldap") != 0 && strcmp(u->scheme, "ldaps") != 0))
    return refuse(c, url.s, shape, "%s is not an LDAP address of a domain controller", url.s);
  if (*u->rest && strcmp(u->rest, "/") != 0)
    return refuse(c, url.s, shape, "%s holds more than a host and a port", url.s);
  return 0;
}

static int check_bind(const struct check *c, const char *section, const struct uh_directory_config *d,
                      const struct url *u) {
  bool ldaps = strcmp(u->scheme, "ldaps") == 0, local = is_loopback(u->host);
  struct name security = key(section, "security"), bind = key(section, "bind");
  if (ldaps && d->security != UH_LDAP_TLS)
    return refuse(c, security.s, "leave security out, or use ldap://",
                  "ldaps:// is TLS from the first byte, %s says otherwise", security.s);
  if (d->bind == UH_BIND_SIMPLE) {
    if (!d->user || !d->password_file)
      return refuse(c, bind.s, "give both, or use bind: gssapi", "%s: simple needs %s.%s", bind.s, section,
                    d->user ? "password_file" : "user");
    if (d->security != UH_LDAP_TLS && !local)
      return refuse(c, bind.s, "use ldaps://, or ldap:// without security (StartTLS)",
                    "%s: simple without TLS would send the password in the clear", bind.s);
  } else if (d->password_file && !d->user) {
    return refuse(c, key(section, "password_file").s, "add user", "%s.password_file needs %s.user", section, section);
  }
  if (d->security == UH_LDAP_SEALED && d->bind != UH_BIND_GSSAPI)
    return refuse(c, security.s, "use bind: gssapi", "%s: sealed needs %s: gssapi", security.s, bind.s);
  if (d->security == UH_LDAP_PLAIN && !local)
    return refuse(c, security.s, "use security: tls or sealed",
                  "%s: plain is allowed on loopback only, anyone on the way could read and change answers", security.s);
  return 0;
}

static int check_directory(const struct check *c, const char *section, struct uh_directory_config *d) {
  struct url u;
  if (!d) return 0;
  if (check_ldap_url(c, section, d, &u) < 0 || check_bind(c, section, d, &u) < 0) return -1;
  if (check_secret(c, key(section, "password_file").s, &d->password_file, true) < 0) return -1;
  return check_ca_file(c, key(section, "ca_file").s, &d->ca_file);
}

static int check_exchange_login(const struct check *c, const char *section, const struct uh_exchange_config *x) {
  static const char *const needs_url[] = {"auth", "user", "password_file", "keytab", "ca_file", "redirect_hosts"};
  for (size_t i = 0; !x->url && i < sizeof needs_url / sizeof *needs_url; i++)
    if (uh_mark_present(c->marks, key(section, needs_url[i]).s))
      return refuse(c, key(section, needs_url[i]).s, "add url: http://HOST/PowerShell/", "%s.%s needs %s.url", section,
                    needs_url[i], section);
  if (x->auth == UH_EXCHANGE_BASIC && (!x->user || !x->password_file))
    return refuse(c, key(section, "auth").s, "give both, or use auth: kerberos", "%s.auth: basic needs %s.%s", section,
                  section, x->user ? "password_file" : "user");
  if (x->password_file && !x->user)
    return refuse(c, key(section, "password_file").s, "add user", "%s.password_file needs %s.user", section, section);
  if (x->keytab && (!x->user || x->password_file))
    return refuse(c, key(section, "keytab").s, "give user and one of the two",
                  "%s.keytab needs %s.user, and no password_file", section, section);
  if (x->keytab && x->auth == UH_EXCHANGE_BASIC)
    return refuse(c, key(section, "keytab").s, "use auth: kerberos", "%s.keytab is for Kerberos", section);
  return 0;
}

static int check_redirect_hosts(const struct check *c, const char *section, const struct uh_exchange_config *x) {
  char name[UH_CONFIG_PATH_SIZE];
  struct name list = key(section, "redirect_hosts");
  for (unsigned i = 0; i < x->redirect_hosts.n; i++) {
    const char *host = x->redirect_hosts.v[i];
    (void)snprintf(name, sizeof name, "%.*s[%u]", (int)sizeof name - 16, list.s, i);
    if (!host_valid(host))
      return refuse(c, name, "write names as ex02.contoso.com, without scheme and port",
                    "\"%.*s\" in %s is not a host name", UH_HEAD(host, 100), list.s);
  }
  return 0;
}

static int check_exchange(const struct check *c, const char *section, struct uh_exchange_config *x) {
  struct url u;
  if (!x) return 0;
  struct name url = key(section, "url");
  if (!x->url && !x->export_dir)
    return refuse(c, section, "give url: http://HOST/PowerShell/, or export: DIRECTORY",
                  "%s has neither url nor export", section);
  if (check_exchange_login(c, section, x) < 0) return -1;
  if (x->url && (!split_url(x->url, &u) || (strcmp(u.scheme, "http") != 0 && strcmp(u.scheme, "https") != 0) ||
                 strpbrk(u.rest, "#")))
    return refuse(c, url.s, "write http://HOST/PowerShell/ or https://HOST/PowerShell/, without user or password",
                  "%s is not an address of Exchange's PowerShell", url.s);
  if (x->url && x->auth == UH_EXCHANGE_BASIC && strcmp(u.scheme, "https") != 0)
    return refuse(c, key(section, "auth").s, "use https:// in url, or auth: kerberos",
                  "%s.auth: basic over http would send the password in the clear", section);
  if (check_secret(c, key(section, "password_file").s, &x->password_file, true) < 0) return -1;
  if (check_secret(c, key(section, "keytab").s, &x->keytab, false) < 0) return -1;
  if (check_redirect_hosts(c, section, x) < 0) return -1;
  if (check_ca_file(c, key(section, "ca_file").s, &x->ca_file) < 0) return -1;
  return make_absolute(c, &x->export_dir);
}

static int inherit(const struct check *c, char **to, const char *from) {
  if (*to || !from) return 0;
  *to = strdup(from);
  return *to ? 0 : uh_fail_nomem(c->err);
}

static int inherit_list(const struct check *c, struct uh_strings *to, const struct uh_strings *from) {
  if (to->n || !from->n) return 0;
  to->v = calloc(from->n, sizeof *to->v);
  if (!to->v) return uh_fail_nomem(c->err);
  for (; to->n < from->n; to->n++) {
    to->v[to->n] = strdup(from->v[to->n]);
    if (!to->v[to->n]) return uh_fail_nomem(c->err);
  }
  return 0;
}

/* The operator's sections say who; where and how stand in the sections for reading, unless said anew. */
static int check_operator(const struct check *c) {
  struct uh_operator_config *o = c->config->operator_;
  if (!o) return 0;
  const struct uh_directory_config *d = c->config->directory;
  const struct uh_exchange_config *x = c->config->exchange;
  if (o->directory && d) {
    if (!uh_mark_present(c->marks, "operator.directory.bind")) o->directory->bind = d->bind;
    if (!uh_mark_present(c->marks, "operator.directory.security") && !o->directory->url)
      o->directory->security = d->security;
    if (inherit(c, &o->directory->url, d->url) < 0 || inherit(c, &o->directory->ca_file, d->ca_file) < 0) return -1;
  }
  if (o->exchange && x) {
    if (!uh_mark_present(c->marks, "operator.exchange.auth")) o->exchange->auth = x->auth;
    if (inherit(c, &o->exchange->url, x->url) < 0 || inherit(c, &o->exchange->ca_file, x->ca_file) < 0) return -1;
    if (inherit_list(c, &o->exchange->redirect_hosts, &x->redirect_hosts) < 0) return -1;
  }
  if (check_credentials(c, "operator.credentials", o->credentials) < 0) return -1;
  if (check_directory(c, "operator.directory", o->directory) < 0) return -1;
  return check_exchange(c, "operator.exchange", o->exchange);
}

static int check_exchange_online(const struct check *c) {
  struct uh_exchange_online_config *x = c->config->exchange_online;
  if (!x) return 0;
  if (!x->export_dir)
    return refuse(c, "exchange_online", "give export: DIRECTORY, or take the section out",
                  "exchange_online.export is missing");
  return make_absolute(c, &x->export_dir);
}

static int check_servers(const struct check *c, const char *list_name, const struct uh_strings *list) {
  for (unsigned i = 0; i < list->n; i++) {
    struct url u = {0};
    uint8_t bytes[16];
    char name[UH_CONFIG_PATH_SIZE];
    const char *text = list->v[i];
    (void)snprintf(name, sizeof name, "%s[%u]", list_name, i);
    if (parse_address(text, bytes)) continue;
    if (split_host(text, strlen(text), &u) && parse_address(u.host, bytes)) continue;
    return refuse(c, name, "write 192.0.2.53, 192.0.2.53:5353, 2001:db8::53 or [2001:db8::53]:5353",
                  "\"%.*s\" in %s is not the address of a DNS server", UH_HEAD(text, 100), list_name);
  }
  return 0;
}

static int check_network(const struct check *c, const char *name, const char *text) {
  char address[64];
  uint8_t bytes[16];
  unsigned long bits = 0;
  size_t n = strcspn(text, "/");
  int family = 0;
  if (n < sizeof address) {
    memcpy(address, text, n);
    address[n] = '\0';
    family = parse_address(address, bytes);
  }
  unsigned long max = family == 4 ? 32 : 128;
  bits = max;
  if (family && text[n]) {
    const char *prefix = text + n + 1;
    size_t digits = strlen(prefix);
    if (digits == 0 || digits > 3 || strspn(prefix, "0123456789") != digits)
      family = 0;
    else if ((bits = strtoul(prefix, NULL, 10)) > max)
      family = 0;
  }
  if (!family)
    return refuse(c, name, "write 203.0.113.0/24, 203.0.113.7 or 2001:db8::/32", "\"%.*s\" in %s is not an IP network",
                  UH_HEAD(text, 100), "mail_flow.onprem_networks");
  for (unsigned long i = bits; i < max; i++)
    if (bytes[i / 8] & (0x80u >> (i % 8)))
      return refuse(c, name, "write the network's first address, as in 203.0.113.0/24",
                    "\"%.*s\" in %s has bits set behind its prefix", UH_HEAD(text, 100), "mail_flow.onprem_networks");
  return 0;
}

static int check_mail_flow(const struct check *c) {
  const struct uh_mail_flow_config *m = c->config->mail_flow;
  char name[UH_CONFIG_PATH_SIZE];
  if (!m) return 0;
  for (unsigned i = 0; i < m->gateways.n; i++) {
    const char *text = m->gateways.v[i];
    (void)snprintf(name, sizeof name, "mail_flow.gateways[%u]", i);
    const char *host = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
    if (!host_valid(host))
      return refuse(c, name, "write mx.example.net or *.example.net",
                    "\"%.*s\" in mail_flow.gateways is not a host name", UH_HEAD(text, 100));
  }
  for (unsigned i = 0; i < m->onprem_networks.n; i++) {
    (void)snprintf(name, sizeof name, "mail_flow.onprem_networks[%u]", i);
    if (check_network(c, name, m->onprem_networks.v[i]) < 0) return -1;
  }
  return 0;
}

static int check_relays(const struct check *c) {
  struct uh_relays_config *r = c->config->relays;
  if (!r) return 0;
  if (!uh_mark_present(c->marks, "relays.window_days")) r->window_days = DEFAULT_WINDOW_DAYS;
  if (r->window_days < 1 || r->window_days > UH_CONFIG_MAX_WINDOW_DAYS)
    return refuse(c, "relays.window_days", NULL, "relays.window_days is from 1 to %d", UH_CONFIG_MAX_WINDOW_DAYS);
  if (check_paths(c, &r->smtp_logs) < 0 || check_paths(c, &r->tracking_logs) < 0) return -1;
  return check_paths(c, &r->iis_logs);
}

static int check_writeback(const struct check *c) {
  const struct uh_writeback_config *w = c->config->writeback;
  char name[UH_CONFIG_PATH_SIZE];
  uint8_t guid[UH_GUID_SIZE];
  if (!w) return 0;
  for (unsigned i = 0; i < w->templates.n; i++) {
    const char *text = w->templates.v[i];
    (void)snprintf(name, sizeof name, "writeback.templates[%u]", i);
    if (!*text || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") != strlen(text))
      return refuse(c, name, "write the beginning of a job's templateId, letters and digits",
                    "\"%.*s\" in writeback.templates is not the id of a template", UH_HEAD(text, 100));
  }
  for (unsigned i = 0; i < w->application_templates.n; i++) {
    (void)snprintf(name, sizeof name, "writeback.application_templates[%u]", i);
    if (!uh_guid_parse(w->application_templates.v[i], guid))
      return refuse(c, name, NULL, "\"%.*s\" in writeback.application_templates is not a GUID",
                    UH_HEAD(w->application_templates.v[i], 100));
  }
  if (uh_mark_present(c->marks, "writeback.limit") && w->limit < 1)
    return refuse(c, "writeback.limit", NULL, "writeback.limit is 1 or more");
  return 0;
}

static int check_duration(const struct check *c, const char *path, const char *text, int64_t least, int64_t most,
                          const char *range) {
  int64_t seconds;
  if (!text) return 0;
  if (!uh_duration_parse(text, &seconds))
    return refuse(c, path, "write a whole number and s, m, h or d: 7d, 90m", "\"%.*s\" in %s is no duration",
                  UH_HEAD(text, 100), path);
  return seconds >= least && seconds <= most ? 0 : refuse(c, path, NULL, "%s is %s", path, range);
}

static int check_durations(const struct check *c) {
  enum { DAY = 86400 };
  const struct uh_pauses_config *p = c->config->pauses;
  const struct uh_replication_config *r = c->config->replication;
  if (p && check_duration(c, "pauses.observe", p->observe, 0, INT64_C(366) * DAY, "at most 366d") < 0) return -1;
  if (r && (check_duration(c, "replication.directory", r->directory, 1, INT64_C(7) * DAY, "from 1s to 7d") < 0 ||
            check_duration(c, "replication.cloud", r->cloud, 1, INT64_C(7) * DAY, "from 1s to 7d") < 0))
    return -1;
  /* An audit's facts count for a day: no gate may be content with less. */
  return check_duration(c, "fresh_for", c->config->fresh_for, 60, DAY, "from 1m to 1d");
}

static int check_endpoint(const struct check *c, const char *path, char *url) {
  struct url u;
  if (!url) return 0;
  bool ok = split_url(url, &u);
  if (!ok || strcmp(u.scheme, "https") != 0)
    return refuse(c, path, "write https://HOST[:PORT]", "%s must be an https:// address without user or password",
                  path);
  if (strpbrk(u.rest, "?#"))
    return refuse(c, path, "write https://HOST[:PORT]", "%s must not hold a query or a fragment", path);
  size_t n = strlen(url);
  while (n > 0 && url[n - 1] == '/') url[--n] = '\0'; /* paths are put behind it */
  return 0;
}

static int check_endpoints(const struct check *c) {
  struct uh_endpoints_config *e = c->config->endpoints;
  if (!e) return 0;
  if (check_endpoint(c, "endpoints.login", e->login) < 0 || check_endpoint(c, "endpoints.graph", e->graph) < 0)
    return -1;
  if (check_endpoint(c, "endpoints.exchange_online", e->exchange_online) < 0) return -1;
  return check_ca_file(c, "endpoints.ca_file", &e->ca_file);
}

int uh_config_check(struct uh_config *config, const struct uh_marks *marks, struct uh_err *err) {
  const struct check c = {.config = config, .marks = marks, .err = err};
  if (check_organization(&c) < 0 || check_tenant(&c) < 0) return -1;
  if (check_credentials(&c, "credentials", config->credentials) < 0) return -1;
  if (check_directory(&c, "directory", config->directory) < 0) return -1;
  if (check_exchange(&c, "exchange", config->exchange) < 0 || check_exchange_online(&c) < 0) return -1;
  if (check_operator(&c) < 0) return -1;
  if (config->dns && (check_servers(&c, "dns.public", &config->dns->public_servers) < 0 ||
                      check_servers(&c, "dns.internal", &config->dns->internal_servers) < 0))
    return -1;
  if (check_mail_flow(&c) < 0 || check_relays(&c) < 0 || check_writeback(&c) < 0 || check_endpoints(&c) < 0) return -1;
  if (check_durations(&c) < 0) return -1;
  if (make_absolute(&c, &config->waivers) < 0 || make_absolute(&c, &config->attestations) < 0) return -1;
  return check_paths(&c, &config->rules);
}
