/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the configuration objects. One search for each kind, so that each set is complete or not by itself.
 *
 * Missing rights look like an empty answer, not like an error (facts: AD 1.16). So three things that every organisation
 * has must be seen first: the organisation with its objectVersion, an accepted domain, the RBAC container. While one of
 * them is hidden from the account no set counts as complete, and none as empty.
 */
#include <stdarg.h>
#include <strings.h>

#include "sources/directory.h"

struct reader {
  struct uh_directory *d;
  const struct uh_kind *kind;
  struct uh_rows *rows;
  struct uh_str json, name;
  int64_t written, unreadable;
};

static void reader_clear(struct reader *r) {
  (void)uh_rows_close(r->rows, NULL);
  uh_str_clear(&r->json);
  uh_str_clear(&r->name);
}

/* Servers are remembered: their computer accounts are looked for in the domains. */
static int remember_server(struct uh_directory *d, const struct uh_ldap_entry *entry, struct uh_err *err) {
  static const char tcp[] = "ncacn_ip_tcp:";
  struct uh_str name UH_CLEANUP(uh_str_clear) = {0};
  if (d->servers_n >= UH_DIRECTORY_SERVERS_MAX)
    return uh_fail(err, UH_ERR_DATA, "more than %d Exchange servers", UH_DIRECTORY_SERVERS_MAX);
  struct uh_directory_server *v = reallocarray(d->servers, d->servers_n + 1, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  d->servers = v;
  v += d->servers_n;
  *v = (struct uh_directory_server){0};
  (void)uh_dn_value(entry->dn, entry->dn_size, 0, &name);
  const struct uh_ldap_attribute *a = uh_ldap_get(entry, "networkAddress");
  for (size_t i = 0; a && i < a->n && !v->fqdn; i++)
    if (strncasecmp(a->values[i].data, tcp, sizeof tcp - 1) == 0 && strlen(a->values[i].data) == a->values[i].size)
      v->fqdn = strdup(a->values[i].data + sizeof tcp - 1);
  const struct uh_ldap_value *group = uh_ldap_first(entry, "msExchMDBAvailabilityGroupLink");
  if (group) v->group = strndup(group->data, group->size);
  v->name = strdup(uh_str_text(&name) ? uh_str_text(&name) : "");
  if (!v->name) {
    free(v->fqdn);
    free(v->group);
    return uh_fail_nomem(err);
  }
  d->servers_n++;
  d->context.servers = d->servers;
  d->context.servers_n = d->servers_n;
  return 0;
}

static int write_row(struct uh_rows *rows, const char *kind, const struct uh_ldap_entry *entry, const char *name,
                     const struct uh_str *json, struct uh_err *err) {
  const struct uh_ldap_value *guid = uh_ldap_first(entry, "objectGUID");
  char text[UH_GUID_TEXT] = "";
  if (!uh_str_text(json)) return uh_fail_nomem(err);
  if (guid && guid->size == UH_GUID_SIZE) (void)uh_guid_text((const uint8_t *)guid->data, text);
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(object, source), uh_source_directory.id);
  uh_rows_str(rows, UH_COL(object, side), "on-premises");
  uh_rows_str(rows, UH_COL(object, kind), kind);
  uh_rows_text(rows, UH_COL(object, identity), entry->dn, entry->dn_size);
  uh_rows_str(rows, UH_COL(object, name), name);
  uh_rows_str(rows, UH_COL(object, guid), text);
  uh_rows_text(rows, UH_COL(object, json), json->s, json->len);
  return uh_rows_end(rows, err);
}

static int on_object(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct reader *r = user;
  if (!uh_ldap_get(entry, "objectClass") || !uh_ldap_get(entry, "objectGUID")) r->unreadable++;
  if (r->kind->belongs && !r->kind->belongs(entry)) return 0;
  r->written++;
  if (r->kind->count_only) return 0;
  if (strcmp(r->kind->kind, "ExchangeServer") == 0 && remember_server(r->d, entry, err) < 0) return -1;
  uh_directory_translate(r->kind, entry, &r->d->context, &r->json);
  uh_str_reset(&r->name);
  (void)uh_dn_value(entry->dn, entry->dn_size, 0, &r->name);
  return write_row(r->rows, r->kind->kind, entry, uh_str_text(&r->name), &r->json, err);
}

/* One kind. Returns what the search returned; the rows are handed over. */
static int read_kind(struct uh_directory *d, const struct uh_kind *kind, int64_t *ret_written, int64_t *ret_unreadable,
                     struct uh_err *err) {
  struct reader r UH_CLEANUP(reader_clear) = {.d = d, .kind = kind};
  const char *attributes[UH_KIND_ATTRIBUTES];
  struct uh_ldap_outcome outcome;
  *ret_written = *ret_unreadable = 0;
  if (uh_kind_attributes(kind, attributes) < 0)
    return uh_fail(err, UH_ERR_INTERNAL, "the attributes of %s are not to be asked for", kind->kind);
  const char *base = kind->base == UH_BELOW_ORGANIZATION ? d->organization : d->configuration_nc;
  if (!base) return d->organization_gone ? 0 : UH_LDAP_NO_OBJECT;
  if (uh_rows_open(uh_observe_facts(d->observe), UH_T_object, &r.rows, err) < 0) return -1;
  struct uh_ldap_search search = {.base = base,
                                  .scope = UH_LDAP_SUBTREE,
                                  .filter = kind->filter,
                                  .attributes = attributes,
                                  .page_size = UH_LDAP_PAGE_SIZE,
                                  .security_parts = kind->security_parts,
                                  .entry = on_object,
                                  .user = &r};
  int result = uh_directory_search(d, &search, &outcome, err);
  if (uh_rows_close(UH_TAKE(r.rows), err) < 0) result = -1;
  *ret_written = r.written;
  *ret_unreadable = r.unreadable;
  uh_observe_counted(d->observe, r.written, 0);
  return result;
}

/* ---- what must be seen ---- */

struct finding {
  char *dn;
  bool version;
  int64_t n;
};

static int on_organization(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct finding *f = user;
  f->n++;
  if (f->dn) return 0;
  f->dn = strndup(entry->dn, entry->dn_size);
  f->version = uh_ldap_get(entry, "objectVersion") != NULL;
  return f->dn ? 0 : uh_fail_nomem(err);
}

static int find_organization(struct uh_directory *d, struct finding *f, struct uh_err *err) {
  static const char *const attributes[] = {"objectClass", "objectVersion", NULL};
  char base[1200];
  struct uh_ldap_outcome outcome;
  (void)snprintf(base, sizeof base, "CN=Services,%s", d->configuration_nc);
  struct uh_ldap_search search = {.base = base,
                                  .scope = UH_LDAP_SUBTREE,
                                  .filter = "(objectClass=msExchOrganizationContainer)",
                                  .attributes = attributes,
                                  .page_size = UH_LDAP_PAGE_SIZE,
                                  .entry = on_organization,
                                  .user = f};
  return uh_directory_search(d, &search, &outcome, err);
}

static int on_any(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  (void)entry, (void)err;
  (*(int64_t *)user)++;
  return 0;
}

static bool rbac_container_seen(struct uh_directory *d) {
  static const char *const attributes[] = {"objectClass", NULL};
  char base[1400];
  int64_t n = 0;
  struct uh_ldap_outcome outcome;
  (void)snprintf(base, sizeof base, "CN=RBAC,%s", d->organization);
  struct uh_ldap_search search = {.base = base,
                                  .scope = UH_LDAP_BASE,
                                  .filter = "(objectClass=*)",
                                  .attributes = attributes,
                                  .entry = on_any,
                                  .user = &n};
  return uh_directory_search(d, &search, &outcome, NULL) == 0 && n > 0;
}

static int on_right(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct uh_directory_context *c = user;
  const struct uh_ldap_value *guid = uh_ldap_first(entry, "rightsGuid");
  struct uh_str name UH_CLEANUP(uh_str_clear) = {0};
  (void)err;
  if (!guid || !uh_dn_value(entry->dn, entry->dn_size, 0, &name) || !uh_str_text(&name)) return 0;
  if (strcasecmp(name.s, "ms-Exch-SMTP-Accept-Any-Recipient") == 0)
    c->any_recipient_known = uh_guid_parse(guid->data, c->any_recipient);
  if (strcasecmp(name.s, "ms-Exch-SMTP-Submit") == 0) c->submit_known = uh_guid_parse(guid->data, c->submit);
  return 0;
}

static void find_rights(struct uh_directory *d) {
  static const char *const attributes[] = {"cn", "rightsGuid", NULL};
  char base[1200];
  struct uh_ldap_outcome outcome;
  (void)snprintf(base, sizeof base, "CN=Extended-Rights,%s", d->configuration_nc);
  struct uh_ldap_search search = {
      .base = base,
      .scope = UH_LDAP_SUBTREE,
      .attributes = attributes,
      .page_size = UH_LDAP_PAGE_SIZE,
      .entry = on_right,
      .user = &d->context,
      .filter = "(&(objectClass=controlAccessRight)(|(cn=ms-Exch-SMTP-Accept-Any-Recipient)(cn=ms-Exch-SMTP-Submit)))"};
  (void)uh_directory_search(d, &search, &outcome, NULL);
  if (!d->context.any_recipient_known && uh_directory_wants(d, "ReceiveConnector"))
    uh_observe_notice(
        d->observe,
        "the extended right ms-Exch-SMTP-Accept-Any-Recipient was not found in %s: who may relay through a "
        "receive connector cannot be told",
        base);
}

static void __attribute__((format(printf, 2, 3))) not_sane(struct uh_directory *d, const char *fmt, ...) {
  va_list ap;
  d->sane = false;
  if (d->why[0]) return;
  va_start(ap, fmt);
  uh_vprint(d->why, sizeof d->why, fmt, ap);
  va_end(ap);
}

/* How many objects a filter finds; -1 not told. */
static int64_t count(struct uh_directory *d, const char *base, enum uh_ldap_scope scope, const char *filter) {
  static const char *const attributes[] = {"objectClass", NULL};
  struct uh_ldap_outcome outcome;
  int64_t n = 0;
  struct uh_ldap_search search = {.base = base,
                                  .scope = scope,
                                  .filter = filter,
                                  .attributes = attributes,
                                  .page_size = UH_LDAP_PAGE_SIZE,
                                  .entry = on_any,
                                  .user = &n};
  return uh_directory_search(d, &search, &outcome, NULL) == 0 ? n : -1;
}

static bool held_here(const struct uh_directory *d, const char *nc) {
  for (size_t i = 0; i < d->naming_contexts_n; i++)
    if (strcasecmp(d->naming_contexts[i], nc) == 0) return true;
  return false;
}

/*
 * The organisation's container goes with the last server, or somebody hides it: to this account both look the same. It
 * counts as gone only where a second witness agrees. The account sees what else stands below CN=Services, which every
 * forest has, and in no domain of the forest does a computer still answer for an Exchange service.
 */
static bool organization_gone(struct uh_directory *d) {
  static const char spns[] =
      "(&(objectClass=computer)(|(servicePrincipalName=exchangeMDB/*)(servicePrincipalName=exchangeRFR/*)"
      "(servicePrincipalName=exchangeAB/*)))";
  char base[1200];
  (void)snprintf(base, sizeof base, "CN=Services,%s", d->configuration_nc);
  if (count(d, base, UH_LDAP_ONE, "(&(objectClass=*)(!(cn=Microsoft Exchange*)))") <= 0) return false;
  for (size_t i = 0; i < d->domains_n; i++)
    if (!held_here(d, d->domains[i].nc) || count(d, d->domains[i].nc, UH_LDAP_SUBTREE, spns) != 0) return false;
  return d->domains_n > 0;
}

static void take_for_gone(struct uh_directory *d, const char *what) {
  d->organization_gone = true;
  uh_observe_organization_gone(d->observe);
  uh_observe_notice(d->observe,
                    "%s below CN=Services,%s, and no computer of the forest answers for an Exchange service: it counts "
                    "as removed",
                    what, d->configuration_nc);
}

/* Nothing but its container, or some of what stood in it, was left behind: no organisation is without a domain, and
 * none works without a server. */
static bool only_remains(struct uh_directory *d) {
  return count(d, d->organization, UH_LDAP_SUBTREE, "(objectClass=msExchExchangeServer)") == 0 && organization_gone(d);
}

static int look_at_organization(struct uh_directory *d, struct uh_err *err) {
  struct finding f = {0};
  d->sane = true;
  int result = find_organization(d, &f, err);
  d->organization = f.dn;
  if (result < 0) return -1;
  if (!f.dn && organization_gone(d))
    take_for_gone(d, "no Exchange organisation stands");
  else if (!f.dn)
    not_sane(
        d,
        "the account sees no Exchange organisation below CN=Services,%.*s: insufficient directory rights, "
        "or Exchange was never installed, or it was removed and a computer still has the servicePrincipalName of an "
        "Exchange service",
        UH_HEAD(d->configuration_nc, 200));
  else if (!f.version)
    not_sane(d, "the account sees no objectVersion on the Exchange organisation: insufficient directory rights");
  else if (f.n > 1)
    not_sane(d, "%lld Exchange organisations are seen, a forest has one", (long long)f.n);
  return 0;
}

/* ---- where there is nothing ---- */

/* The containers that Setup makes, whatever stands in them: an empty one is a fact, one that is not visible is none.
 * Their names are neither translated nor changed. */
static const struct {
  const char *kind, *container;
} containers[] = {
    {"ExchangeServer", "Servers"},
    {"MailboxDatabase", "Databases"},
    {"PublicFolderDatabase", "Databases"},
    {"DatabaseAvailabilityGroup", "Database Availability Groups"},
    {"ReceiveConnector", "SMTP Receive Connectors"},
    {"SendConnector", "Connections"},
    {"ForeignConnector", "Connections"},
    {"DeliveryAgentConnector", "Connections"},
    {"HybridConfiguration", "Hybrid Configuration"},
    {"OrganizationRelationship", "Federation"},
    {"FederationTrust", "Federation Trusts"},
    {"AuthConfig", "Auth Configuration"},
    {"AuthServer", "Auth Configuration"},
    {"PartnerApplication", "Auth Configuration"},
    {"SettingOverride", "Global Settings"},
    {"AvailabilityAddressSpace", "Availability Configuration"},
    {"EmailAddressPolicy", "Recipient Policies"},
    {"TransportRule", "Rules"},
    {"JournalRule", "Rules"},
};

static const char *container_of(const char *kind) {
  for (size_t i = 0; i < sizeof containers / sizeof *containers; i++)
    if (strcmp(containers[i].kind, kind) == 0) return containers[i].container;
  return NULL;
}

/* 1 where the container is hidden from the account, 0 where it is seen or none is known, -1 failed. */
static int container_hidden(struct uh_directory *d, const char *name, struct uh_err *err) {
  static const char *const attributes[] = {"objectClass", NULL};
  struct uh_str filter UH_CLEANUP(uh_str_clear) = {0};
  struct uh_ldap_outcome outcome;
  int64_t n = 0;
  if (!name || !d->organization || d->organization_gone) return 0;
  uh_str_addf(&filter, "(cn=%s)", name);
  struct uh_ldap_search search = {.base = d->organization,
                                  .scope = UH_LDAP_SUBTREE,
                                  .filter = uh_str_text(&filter),
                                  .attributes = attributes,
                                  .page_size = UH_LDAP_PAGE_SIZE,
                                  .entry = on_any,
                                  .user = &n};
  if (!search.filter) return uh_fail_nomem(err);
  return uh_directory_search(d, &search, &outcome, err) < 0 ? -1 : n == 0;
}

/* Receive connectors stand below their server: where no server is left there is no container of theirs either. */
static bool goes_with_the_server(struct uh_directory *d, const char *kind) {
  return strcmp(kind, "ReceiveConnector") == 0 && d->organization &&
         count(d, d->organization, UH_LDAP_SUBTREE, "(objectClass=msExchExchangeServer)") == 0 &&
         container_hidden(d, "Servers", NULL) == 0;
}

/* Reports a set that was searched. An empty one counts only where the container that would hold its objects is seen. */
static void report_kind(struct uh_directory *d, const char *kind, int result, int64_t written, int64_t unreadable,
                        struct uh_err *why) {
  const char *container = container_of(kind);
  int hidden = result == 0 && written == 0 && d->sane ? container_hidden(d, container, why) : 0;
  if (hidden > 0 && goes_with_the_server(d, kind)) hidden = 0;
  if (hidden > 0)
    uh_observe_set(d->observe, "on-premises", kind, "", "failed", UH_REFUSED, 0,
                   "neither such an object nor the container CN=%s that would hold it is visible: insufficient "
                   "directory rights; give the account Read on everything below %s",
                   container, d->organization);
  else
    uh_directory_report(d, kind, "", hidden < 0 ? -1 : result, written, unreadable, why);
}

/* ---- all of it ---- */

static bool wants_any(const struct uh_directory *d) {
  for (const struct uh_kind *k = uh_directory_kinds; k->kind; k++)
    if (uh_directory_wants(d, k->kind)) return true;
  return uh_directory_wants(d, "ExchangeComputer");
}

enum { PROOFS = 3 };

static void judge_sight(struct uh_directory *d, bool no_domain, bool no_role) {
  if (no_domain && only_remains(d)) {
    take_for_gone(d, "only remains of an Exchange organisation, without a domain and without a server, stand");
    return;
  }
  if (no_domain) not_sane(d, "the account sees no accepted domain: insufficient directory rights");
  if (no_role && !rbac_container_seen(d))
    not_sane(d, "the account sees no RBAC container in the Exchange organisation: insufficient directory rights");
}

/* The kinds that prove the account's sight are read before any set is reported, whether they are wanted or not. */
static int read_proofs(struct uh_directory *d, struct uh_err *err) {
  struct {
    int result;
    int64_t written, unreadable;
    struct uh_err err;
  } proof[PROOFS];
  for (int i = 0; i < PROOFS; i++) {
    const struct uh_kind *k = &uh_directory_kinds[i];
    proof[i].err = UH_ERR_INIT;
    proof[i].result = read_kind(d, k, &proof[i].written, &proof[i].unreadable, &proof[i].err);
    if (proof[i].err.cls == UH_ERR_INTERRUPTED || uh_facts_broken(uh_observe_facts(d->observe))) {
      *err = proof[i].err;
      return -1;
    }
  }
  if (d->organization) judge_sight(d, proof[1].result == 0 && proof[1].written == 0, proof[2].written == 0);
  for (int i = 0; i < PROOFS; i++)
    if (uh_directory_wants(d, uh_directory_kinds[i].kind))
      uh_directory_report(d, uh_directory_kinds[i].kind, "", proof[i].result, proof[i].written, proof[i].unreadable,
                          &proof[i].err);
  return 0;
}

int uh_directory_objects(struct uh_directory *d, struct uh_err *err) {
  if (!wants_any(d)) return 0;
  if (look_at_organization(d, err) < 0) return -1;
  find_rights(d);
  if (read_proofs(d, err) < 0) return -1;
  for (const struct uh_kind *k = uh_directory_kinds + PROOFS; k->kind; k++) {
    bool servers = strcmp(k->kind, "ExchangeServer") == 0;
    if (!uh_directory_wants(d, k->kind) && !(servers && uh_directory_wants(d, "ExchangeComputer"))) continue;
    struct uh_err why = UH_ERR_INIT;
    int64_t written, unreadable;
    int result = read_kind(d, k, &written, &unreadable, &why);
    if (servers) d->servers_complete = result == 0 && unreadable == 0 && d->sane;
    if (uh_directory_wants(d, k->kind)) report_kind(d, k->kind, result, written, unreadable, &why);
    if (why.cls == UH_ERR_INTERRUPTED || uh_facts_broken(uh_observe_facts(d->observe))) {
      *err = why;
      return -1;
    }
  }
  return 0;
}
