/* SPDX-License-Identifier: Apache-2.0 */
#include "executors/directory_controllers.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "case/config.h"
#include "wire/ldap_names.h"

#define CONTEXTS_MAX 2000
#define PAGE 1000
/* Who knows this control knows <GUID=..> too; what a server calls itself proves nothing. */
#define OID_SHOW_DELETED "1.2.840.113556.1.4.417"

static void hang_up(struct uh_directory_controller *c) {
  c->ldap = uh_ldap_free(c->ldap);
  for (size_t i = 0; i < c->n_contexts; i++) free(c->contexts[i]);
  free(c->contexts);
  free(c->configuration);
  free(c->domain);
  *c = (struct uh_directory_controller){0};
}

void uh_directory_controllers_clear(struct uh_directory_controllers *cs) {
  hang_up(&cs->configured);
  for (size_t i = 0; i < UH_DIRECTORY_DOMAINS_HELD; i++) hang_up(&cs->others[i]);
}

/* ---- what a controller holds ---- */

static bool same(const char *a, const char *b) {
  return uh_dn_same(a, strlen(a), b, strlen(b));
}

static bool is_domain_component(const char *dn) {
  return strncasecmp(dn, "DC=", 3) == 0;
}

/* "CN=a,DC=b,DC=c": "DC=b,DC=c". "": it stands in no domain. */
static const char *domain_of(const char *dn) {
  size_t n = strlen(dn);
  const char *found = dn + n;
  for (unsigned i = 0;; i++) {
    const char *rest = uh_dn_parent(dn, n, i);
    if (!*rest) return found;
    if (!is_domain_component(rest))
      found = dn + n;
    else if (!*found)
      found = rest;
  }
}

/* What stands in a child domain has the parent's name at its end too: a context above its own domain proves nothing. */
const char *uh_directory_context_of(const struct uh_directory_controller *c, const char *dn) {
  const char *domain = domain_of(dn);
  for (unsigned i = 0;; i++) {
    const char *rest = uh_dn_parent(dn, strlen(dn), i);
    for (size_t k = 0; *rest && k < c->n_contexts; k++)
      if (same(rest, c->contexts[k])) return c->contexts[k];
    if (!*rest || rest == domain) return NULL;
  }
}

static bool holds(const struct uh_directory_controller *c, const char *dn) {
  return uh_directory_context_of(c, dn) != NULL;
}

/* A global catalogue has a part of every domain, and may name them among what it holds: of the domains a controller
 * holds its own one in full. */
static bool in_full(const struct uh_directory_controller *c, const char *context,
                    const struct uh_ldap_value *UH_NULLABLE own) {
  return !c->active_directory || !own || !is_domain_component(context) || same(context, own->data);
}

static int take_contexts(struct uh_directory_controller *c, const struct uh_ldap_attribute *contexts,
                         const struct uh_ldap_value *UH_NULLABLE own, struct uh_err *err) {
  if (contexts->truncated || contexts->n > CONTEXTS_MAX)
    return uh_fail(err, UH_ERR_DATA, "the parts that it holds cannot all be told");
  c->contexts = calloc(contexts->n, sizeof *c->contexts);
  if (!c->contexts) return uh_fail_nomem(err);
  for (size_t i = 0; i < contexts->n; i++) {
    if (!in_full(c, contexts->values[i].data, own)) continue;
    c->contexts[c->n_contexts] = strdup(contexts->values[i].data);
    if (!c->contexts[c->n_contexts]) return uh_fail_nomem(err);
    c->n_contexts++;
  }
  return 0;
}

static int on_root(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct uh_directory_controller *c = user;
  const struct uh_ldap_attribute *contexts = uh_ldap_get(entry, "namingContexts");
  const struct uh_ldap_attribute *controls = uh_ldap_get(entry, "supportedControl");
  const struct uh_ldap_value *host = uh_ldap_first(entry, "dnsHostName");
  const struct uh_ldap_value *configuration = uh_ldap_first(entry, "configurationNamingContext");
  for (size_t i = 0; controls && i < controls->n; i++)
    c->active_directory = c->active_directory || strcmp(controls->values[i].data, OID_SHOW_DELETED) == 0;
  uh_print(c->server, sizeof c->server, "%s", host ? host->data : uh_ldap_host(c->ldap));
  if (configuration && !(c->configuration = strdup(configuration->data))) return uh_fail_nomem(err);
  return contexts ? take_contexts(c, contexts, uh_ldap_first(entry, "defaultNamingContext"), err) : 0;
}

static int read_root(struct uh_directory_controller *c, struct uh_err *err) {
  static const char *const attributes[] = {"namingContexts",       "supportedControl",           "dnsHostName",
                                           "defaultNamingContext", "configurationNamingContext", NULL};
  struct uh_ldap_search search = {.base = "",
                                  .scope = UH_LDAP_BASE,
                                  .filter = "(objectClass=*)",
                                  .attributes = attributes,
                                  .entry = on_root,
                                  .user = c};
  struct uh_ldap_outcome outcome;
  int r = uh_ldap_search(c->ldap, &search, &outcome, err);
  if (r < 0) return -1;
  if (r == 0 && c->n_contexts > 0) return 0;
  (void)uh_fail(err, UH_ERR_UNAVAILABLE, "the directory names no part of itself that it holds");
  uh_err_where(err, "%s", uh_ldap_host(c->ldap));
  return -1;
}

/* ---- connecting ---- */

static int connect_to(const struct uh_ldap_options *options, struct uh_directory_controller *c, struct uh_err *err) {
  if (uh_ldap_connect(options, &c->ldap, err) == 0 && read_root(c, err) == 0) return 0;
  hang_up(c);
  return -1;
}

/* *ret_password is the caller's, and lives as long as ret's options do. */
static int options_of(const struct uh_directory_controllers *cs, struct uh_ldap_options *ret, char **ret_password,
                      struct uh_err *err) {
  const struct uh_directory_config *who = cs->options->config->operator_->directory,
                                   *where = cs->options->config->directory;
  const struct uh_directory_config *how = who->url ? who : where;
  if (uh_ldap_is_catalogue(how->url)) {
    (void)uh_fail(err, UH_ERR_CONFIG, "a global catalogue takes no changes: it knows only a part of each domain");
    uh_err_where(err, "%s", how->url);
    uh_err_remedy(err, "give operator.directory.url of the configuration a controller's ordinary port (389, 636)");
    return -1;
  }
  if (who->bind == UH_BIND_SIMPLE && who->password_file && uh_secret_read(who->password_file, ret_password, err) < 0)
    return -1;
  *ret = (struct uh_ldap_options){.url = how->url,
                                  .protection = who->security == UH_LDAP_SEALED  ? UH_LDAP_PROTECT_SEALED
                                                : who->security == UH_LDAP_PLAIN ? UH_LDAP_PROTECT_NONE
                                                                                 : UH_LDAP_PROTECT_TLS,
                                  .gssapi = who->bind == UH_BIND_GSSAPI,
                                  .user = who->user,
                                  .password = *ret_password,
                                  .ca_file = who->ca_file ? who->ca_file : how->ca_file,
                                  .stopped = cs->options->cancelled,
                                  .stopped_user = cs->options->cancel_user};
  return 0;
}

static int on_nothing(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  (void)user, (void)entry, (void)err;
  return 0;
}

/* A controller closes what was idle for a while (Active Directory: MaxConnIdleTime, 15 minutes), and a question to a
 * person may stand for longer. That is found out by a read, not by the change. */
static bool works(const struct uh_directory_controller *c) {
  static const char *const none[] = {"1.1", NULL};
  struct uh_ldap_search search = {
      .base = "", .scope = UH_LDAP_BASE, .filter = "(objectClass=*)", .attributes = none, .entry = on_nothing};
  struct uh_ldap_outcome outcome;
  struct uh_err ignored = UH_ERR_INIT; /* connecting anew has its own */
  return c->ldap && !uh_ldap_is_broken(c->ldap) && uh_ldap_search(c->ldap, &search, &outcome, &ignored) >= 0;
}

static int connect_configured(struct uh_directory_controllers *cs, struct uh_err *err) {
  UH_CLEANUP(uh_secret_freep) char *password = NULL;
  struct uh_ldap_options options;
  if (works(&cs->configured)) return 0;
  hang_up(&cs->configured);
  if (options_of(cs, &options, &password, err) < 0) return -1;
  return connect_to(&options, &cs->configured, err);
}

/* ---- another domain's ---- */

struct looking { /* for a controller of a domain */
  const char *domain;
  char dns_root[256];
  struct uh_directory_controller *controller;
  struct uh_str tried; /* URLs */
};

static void looking_clear(struct looking *l) {
  uh_str_clear(&l->tried);
}

static int on_cross_ref(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct looking *l = user;
  const struct uh_ldap_value *nc = uh_ldap_first(entry, "nCName"), *root = uh_ldap_first(entry, "dnsRoot");
  (void)err;
  if (nc && root && root->size < sizeof l->dns_root && same(nc->data, l->domain))
    (void)snprintf(l->dns_root, sizeof l->dns_root, "%s", root->data);
  return 0;
}

/* Every controller has the configuration, and in it a crossRef for each domain of the forest. */
static int find_domain(const struct uh_directory_controller *configured, struct looking *l, struct uh_err *err) {
  static const char *const attributes[] = {"nCName", "dnsRoot", NULL};
  UH_CLEANUP(uh_str_clear) struct uh_str base = {0};
  uh_str_addf(&base, "CN=Partitions,%s", configured->configuration ? configured->configuration : "");
  if (!uh_str_text(&base)) return uh_fail_nomem(err);
  struct uh_ldap_search search = {.base = base.s,
                                  .scope = UH_LDAP_ONE,
                                  .filter = "(objectClass=crossRef)",
                                  .attributes = attributes,
                                  .page_size = PAGE,
                                  .entry = on_cross_ref,
                                  .user = l};
  struct uh_ldap_outcome outcome;
  if (configured->configuration && uh_ldap_search(configured->ldap, &search, &outcome, err) < 0) return -1;
  if (*l->dns_root) return 0;
  (void)uh_fail(err, UH_ERR_DATA, "no crossRef below CN=Partitions that the account sees says where it is");
  uh_err_where(err, "%s", uh_ldap_host(configured->ldap));
  return -1;
}

static int try_controller(void *user, const struct uh_ldap_options *options, struct uh_err *err) {
  struct looking *l = user;
  uh_str_addf(&l->tried, "%s%s", l->tried.len ? ", " : "", options->url);
  if (connect_to(options, l->controller, err) < 0) return -1;
  if (holds(l->controller, l->domain)) return 0;
  (void)uh_fail(err, UH_ERR_UNAVAILABLE, "%.*s answers, and does not hold it",
                UH_HEAD(uh_ldap_host(l->controller->ldap), 100));
  hang_up(l->controller);
  return -1;
}

/* Never "it is not there": nobody who would know has been asked. */
static int nobody(const struct looking *l, const struct uh_err *why, struct uh_err *err) {
  if (why->cls == UH_ERR_INTERRUPTED) {
    *err = *why;
    return -1;
  }
  (void)uh_fail(err, why->cls, "no controller of the domain %.*s could be asked: %.*s", UH_HEAD(l->domain, 150),
                UH_HEAD(why->what, 250));
  err->answer = why->answer;
  uh_err_where(err, "%s", l->tried.len ? uh_str_or(&l->tried, "") : why->where);
  uh_err_remedy(err,
                "let a controller of %.*s be found in DNS and reached from here, and let operator.directory's account "
                "sign in to it; then try again",
                UH_HEAD(*l->dns_root ? l->dns_root : l->domain, 90));
  return -1;
}

static int connect_domain(struct uh_directory_controllers *cs, struct looking *l, struct uh_err *err) {
  UH_CLEANUP(uh_secret_freep) char *password = NULL;
  struct uh_ldap_options options;
  if (find_domain(&cs->configured, l, err) < 0 || options_of(cs, &options, &password, err) < 0) return -1;
  return uh_ldap_try_domain(&options, l->dns_root, try_controller, l, err);
}

/* The place of the domain's connection: the one that it has, else a free one, else that which was taken first. */
static struct uh_directory_controller *place_of(struct uh_directory_controllers *cs, const char *domain) {
  for (size_t i = 0; i < UH_DIRECTORY_DOMAINS_HELD; i++)
    if (cs->others[i].domain && same(cs->others[i].domain, domain)) return &cs->others[i];
  for (size_t i = 0; i < UH_DIRECTORY_DOMAINS_HELD; i++)
    if (!cs->others[i].domain) return &cs->others[i];
  return &cs->others[cs->replaced++ % UH_DIRECTORY_DOMAINS_HELD];
}

static int controller_of_domain(struct uh_directory_controllers *cs, const char *domain,
                                const struct uh_directory_controller **ret, struct uh_err *err) {
  UH_CLEANUP(looking_clear) struct looking l = {.domain = domain, .controller = place_of(cs, domain)};
  struct uh_err why = UH_ERR_INIT;
  *ret = l.controller;
  if (l.controller->domain && same(l.controller->domain, domain) && works(l.controller)) return 0;
  hang_up(l.controller);
  if (connect_domain(cs, &l, &why) < 0) return nobody(&l, &why, err);
  l.controller->domain = strdup(domain);
  return l.controller->domain ? 0 : uh_fail_nomem(err);
}

int uh_directory_controller_of(struct uh_directory_controllers *cs, const char *dn,
                               const struct uh_directory_controller **ret, struct uh_err *err) {
  const char *domain = domain_of(dn);
  if (connect_configured(cs, err) < 0) return -1;
  *ret = &cs->configured;
  return holds(&cs->configured, dn) ? 0 : controller_of_domain(cs, *domain ? domain : dn, ret, err);
}
