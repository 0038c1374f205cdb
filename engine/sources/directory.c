/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Active Directory as a source: connect, look where things are, read the configuration, read every domain. What was not
 * seen in full is reported as such, set by set; nothing is judged.
 */
#include "sources/directory_snapshot.h"

#include <stdio.h>
#include <strings.h>

#define SIDE "on-premises"
enum { PARTITIONS_MAX = 2000 };

bool uh_directory_wants(const struct uh_directory *d, const char *set) {
  return uh_observe_wants(d->observe, SIDE, set);
}

static bool stopped(void *user) {
  return uh_observe_stopped(user);
}

/* ---- reporting ---- */

void uh_directory_report(struct uh_directory *d, const char *set, const char *part, int result, int64_t objects,
                         int64_t unreadable, const struct uh_err *err) {
  char text[900];
  bool configuration = strcmp(set, "Recipient") != 0 && strcmp(set, "ExchangeComputer") != 0 &&
                       strcmp(set, "ManagementToolsGroup") != 0 && strcmp(set, "ExpandedGroup") != 0 &&
                       strcmp(set, "MonitoringPermission") != 0;
  if (result < 0) {
    enum uh_answer answer = err->answer == UH_VALUE || err->answer == UH_NONE ? UH_NOT_ASKED : err->answer;
    uh_observe_set(d->observe, SIDE, set, part, objects > 0 ? "partial" : "failed", answer, objects, "%s",
                   uh_err_text(err, text, sizeof text));
  } else if (configuration && !d->sane) {
    uh_observe_set(d->observe, SIDE, set, part, objects > 0 ? "partial" : "failed", UH_REFUSED, objects, "%s", d->why);
  } else if (result == UH_LDAP_NO_OBJECT) {
    uh_observe_set(d->observe, SIDE, set, part, "failed", UH_REFUSED, objects,
                   "the place where these objects stand is not visible: "
                   "insufficient directory rights");
  } else if (unreadable > 0) {
    uh_observe_set(d->observe, SIDE, set, part, "partial", UH_REFUSED, objects,
                   "%lld objects hide their class or GUID: insufficient directory rights", (long long)unreadable);
  } else {
    uh_observe_set(d->observe, SIDE, set, part, "complete", UH_VALUE, objects, "%s", "");
  }
}

/* ---- the connection to the configured server ---- */

static int connect_again(struct uh_directory *d, struct uh_err *err) {
  if (d->ldap) return 0;
  if (d->reconnects++ >= UH_DIRECTORY_RECONNECTS) {
    (void)uh_fail(err, UH_ERR_UNAVAILABLE, "the connection to the directory was lost too often");
    if (err) err->answer = UH_TIMEOUT;
    return -1;
  }
  return uh_ldap_connect(&d->options, &d->ldap, err);
}

int uh_directory_search(struct uh_directory *d, const struct uh_ldap_search *search,
                        struct uh_ldap_outcome *ret_outcome, struct uh_err *err) {
  struct uh_err local = UH_ERR_INIT;
  *ret_outcome = (struct uh_ldap_outcome){0};
  if (connect_again(d, err) < 0) return -1;
  int64_t before = uh_ldap_requests(d->ldap);
  int result = uh_ldap_search(d->ldap, search, ret_outcome, &local);
  uh_observe_counted(d->observe, 0, uh_ldap_requests(d->ldap) - before);
  if (uh_ldap_is_broken(d->ldap)) d->ldap = uh_ldap_free(d->ldap);
  if (result < 0 && err && err->cls == UH_ERR_NONE) *err = local;
  return result;
}

/* ---- where things are ---- */

static char *copy_value(const struct uh_ldap_value *v) {
  return v ? strndup(v->data, v->size) : NULL;
}

static int on_root_dse(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct uh_directory *d = user;
  const struct uh_ldap_attribute *contexts = uh_ldap_get(entry, "namingContexts");
  d->configuration_nc = copy_value(uh_ldap_first(entry, "configurationNamingContext"));
  d->schema_nc = copy_value(uh_ldap_first(entry, "schemaNamingContext"));
  d->default_nc = copy_value(uh_ldap_first(entry, "defaultNamingContext"));
  if (!contexts) return 0;
  d->naming_contexts = calloc(contexts->n, sizeof *d->naming_contexts);
  if (!d->naming_contexts) return uh_fail_nomem(err);
  for (size_t i = 0; i < contexts->n; i++) {
    char *nc = copy_value(&contexts->values[i]);
    if (!nc) return uh_fail_nomem(err);
    d->naming_contexts[d->naming_contexts_n++] = nc;
  }
  return 0;
}

static int read_root_dse(struct uh_directory *d, struct uh_err *err) {
  static const char *const attributes[] = {"configurationNamingContext", "schemaNamingContext", "defaultNamingContext",
                                           "namingContexts", NULL};
  struct uh_ldap_outcome outcome;
  struct uh_ldap_search search = {.base = "",
                                  .scope = UH_LDAP_BASE,
                                  .filter = "(objectClass=*)",
                                  .attributes = attributes,
                                  .entry = on_root_dse,
                                  .user = d};
  if (uh_directory_search(d, &search, &outcome, err) < 0) return -1;
  if (d->configuration_nc && d->schema_nc) return 0;
  (void)uh_fail(
      err, UH_ERR_DATA,
      "the server is no Active Directory domain controller: its rootDSE names no configuration naming context");
  uh_err_where(err, "%s", d->options.url);
  uh_err_remedy(err, "name a domain controller of the forest in directory.url");
  return -1;
}

static int on_schema(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  (void)err;
  *(bool *)user = entry->n > 0;
  return 0;
}

static int look(struct uh_directory *d, const char *base, const char *attribute, bool *ret_seen, struct uh_err *err) {
  const char *const attributes[] = {attribute, NULL};
  struct uh_ldap_outcome outcome;
  struct uh_ldap_search search = {.base = base,
                                  .scope = UH_LDAP_BASE,
                                  .filter = "(objectClass=*)",
                                  .attributes = attributes,
                                  .entry = on_schema,
                                  .user = ret_seen};
  *ret_seen = false;
  return uh_directory_search(d, &search, &outcome, err) < 0 ? -1 : 0;
}

/* In a forest whose schema was never extended every filter with an Exchange attribute matches nothing, without an
 * error: it would look like a forest without Exchange. So this is asked first. */
static int check_schema(struct uh_directory *d, struct uh_err *err) {
  char base[1200];
  bool extended, visible;
  (void)snprintf(base, sizeof base, "CN=ms-Exch-Schema-Version-Pt,%s", d->schema_nc);
  if (look(d, base, "rangeUpper", &extended, err) < 0) return -1;
  if (extended) return 0;
  if (look(d, d->schema_nc, "objectClass", &visible, err) < 0) return -1;
  if (visible) {
    (void)uh_fail(err, UH_ERR_DATA, "the schema of this forest is not extended for Exchange (no rangeUpper on %.*s)",
                  UH_HEAD(base, 300));
    uh_err_remedy(err, "name a domain controller of the forest that holds the Exchange organisation");
  } else {
    (void)uh_fail(err, UH_ERR_DENIED, "the account does not even see the schema: insufficient directory rights");
    uh_err_remedy(err, "use an account that may read the directory, as every ordinary domain user may");
  }
  err->answer = UH_REFUSED;
  uh_err_where(err, "%s", d->options.url);
  return -1;
}

/* ---- the forest's domains ---- */

struct partitions {
  struct uh_directory *d;
  struct uh_rows *rows;
  int64_t unreadable;
};

static void partitions_clear(struct partitions *p) {
  (void)uh_rows_close(p->rows, NULL);
}

static int add_partition(struct uh_directory *d, const char *nc, struct uh_err *err) {
  if (d->partitions_n >= PARTITIONS_MAX)
    return uh_fail(err, UH_ERR_DATA, "more than %d naming contexts in the forest", PARTITIONS_MAX);
  char **v = reallocarray(d->partitions, d->partitions_n + 1, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  d->partitions = v;
  if (!(v[d->partitions_n] = strdup(nc))) return uh_fail_nomem(err);
  d->partitions_n++;
  return 0;
}

static int add_domain(struct uh_directory *d, const char *nc, const struct uh_ldap_value *root,
                      const struct uh_ldap_value *netbios, struct uh_err *err) {
  if (d->domains_n >= UH_DIRECTORY_DOMAINS_MAX)
    return uh_fail(err, UH_ERR_DATA, "more than %d domains in the forest", UH_DIRECTORY_DOMAINS_MAX);
  struct uh_directory_domain *v = reallocarray(d->domains, d->domains_n + 1, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  d->domains = v;
  v[d->domains_n++] = (struct uh_directory_domain){strdup(nc), copy_value(root), copy_value(netbios)};
  return v[d->domains_n - 1].nc ? 0 : uh_fail_nomem(err);
}

static const struct uh_property domain_properties[] = {{"dnsRoot", "DnsRoot", UH_P_TEXT},
                                                       {"nETBIOSName", "NetBIOSName", UH_P_TEXT},
                                                       {"nCName", "NamingContext", UH_P_TEXT},
                                                       {NULL, NULL, UH_P_TEXT}};
static const struct uh_kind domain_kind = {.kind = "Domain", .properties = domain_properties};

static int on_cross_ref(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct partitions *p = user;
  const struct uh_ldap_value *nc = uh_ldap_first(entry, "nCName"), *flags = uh_ldap_first(entry, "systemFlags");
  const struct uh_ldap_value *root = uh_ldap_first(entry, "dnsRoot"), *guid = uh_ldap_first(entry, "objectGUID");
  int64_t bits = 0;
  char text[UH_GUID_TEXT] = "";
  if (!nc || !flags || !uh_directory_int(flags, &bits)) {
    p->unreadable += nc ? 0 : 1; /* a crossRef to another forest has no systemFlags: it is no domain of ours */
    return 0;
  }
  if (add_partition(p->d, nc->data, err) < 0) return -1;
  if (!(bits & 2)) return 0; /* 2: the naming context is a domain */
  if (add_domain(p->d, nc->data, root, uh_ldap_first(entry, "nETBIOSName"), err) < 0) return -1;
  struct uh_str json UH_CLEANUP(uh_str_clear) = {0};
  uh_directory_translate(&domain_kind, entry, &p->d->context, &json);
  if (!uh_str_text(&json)) return uh_fail_nomem(err);
  if (guid && guid->size == UH_GUID_SIZE) (void)uh_guid_text((const uint8_t *)guid->data, text);
  uh_rows_begin(p->rows);
  uh_rows_str(p->rows, UH_COL(object, source), uh_source_directory.id);
  uh_rows_str(p->rows, UH_COL(object, side), SIDE);
  uh_rows_str(p->rows, UH_COL(object, kind), "Domain");
  uh_rows_text(p->rows, UH_COL(object, identity), nc->data, nc->size);
  uh_rows_str(p->rows, UH_COL(object, name), root ? root->data : nc->data);
  uh_rows_str(p->rows, UH_COL(object, guid), text);
  uh_rows_text(p->rows, UH_COL(object, json), json.s, json.len);
  return uh_rows_end(p->rows, err);
}

/* Every naming context has its crossRef. One that the server holds and no crossRef names: crossRefs are hidden. */
static const char *hidden_context(const struct uh_directory *d) {
  for (size_t i = 0; i < d->naming_contexts_n; i++) {
    const char *nc = d->naming_contexts[i];
    bool named = false;
    for (size_t k = 0; k < d->partitions_n && !named; k++)
      named = uh_dn_same(nc, strlen(nc), d->partitions[k], strlen(d->partitions[k]));
    if (!named) return nc;
  }
  return NULL;
}

static void report_domains(struct uh_directory *d, int result, int64_t unreadable, const char *hidden,
                           const struct uh_err *err) {
  if (!uh_directory_wants(d, "Domain")) return;
  if (result == 0 && hidden) {
    uh_observe_set(d->observe, SIDE, "Domain", "", "partial", UH_REFUSED, (int64_t)d->domains_n,
                   "the server holds %.*s, and the account sees no crossRef of it below CN=Partitions: insufficient "
                   "directory rights; give it Read on CN=Partitions and everything below",
                   UH_HEAD(hidden, 200));
    return;
  }
  bool sane = d->sane;
  d->sane = true; /* partitions belong to AD itself: Exchange's container says nothing of the right to see them */
  uh_directory_report(d, "Domain", "", result, (int64_t)d->domains_n, unreadable, err);
  d->sane = sane;
}

static int read_domains(struct uh_directory *d, struct uh_err *err) {
  const char *attributes[UH_KIND_ATTRIBUTES];
  struct partitions p UH_CLEANUP(partitions_clear) = {.d = d};
  struct uh_ldap_outcome outcome;
  struct uh_err why = UH_ERR_INIT;
  static const char *const more[] = {"systemFlags", NULL};
  struct uh_kind asked = domain_kind;
  asked.more = more;
  char base[1200];
  (void)snprintf(base, sizeof base, "CN=Partitions,%s", d->configuration_nc);
  if (uh_kind_attributes(&asked, attributes) < 0) return uh_fail(err, UH_ERR_INTERNAL, "crossRef: attributes");
  if (uh_rows_open(uh_observe_facts(d->observe), UH_T_object, &p.rows, err) < 0) return -1;
  struct uh_ldap_search search = {.base = base,
                                  .scope = UH_LDAP_ONE,
                                  .filter = "(objectClass=crossRef)",
                                  .attributes = attributes,
                                  .page_size = UH_LDAP_PAGE_SIZE,
                                  .entry = on_cross_ref,
                                  .user = &p};
  int result = uh_directory_search(d, &search, &outcome, &why);
  if (uh_rows_close(UH_TAKE(p.rows), err) < 0) return -1;
  if (why.cls == UH_ERR_INTERRUPTED) {
    *err = why;
    return -1;
  }
  if (result == 0 && d->domains_n == 0) {
    result = UH_LDAP_NO_OBJECT;
    p.unreadable++;
  }
  const char *hidden = hidden_context(d);
  report_domains(d, result, p.unreadable, hidden, &why);
  if (result == 0 && p.unreadable == 0 && !hidden) return 0;
  /* Not all domains are known: what is known is read all the same. */
  static const char *const of_domains[] = {"Recipient",     "ExchangeComputer",     "ManagementToolsGroup",
                                           "ExpandedGroup", "MonitoringPermission", "DirectoryEntry"};
  for (size_t i = 0; i < sizeof of_domains / sizeof *of_domains; i++)
    if (uh_directory_wants(d, of_domains[i]))
      uh_observe_set(d->observe, SIDE, of_domains[i], "", "failed", UH_REFUSED, 0,
                     "the list of the forest's domains could not be read in full");
  return d->domains_n == 0 && d->default_nc ? add_domain(d, d->default_nc, NULL, NULL, err) : 0;
}

/* ---- the source ---- */

static void directory_clear(struct uh_directory *d) {
  d->ldap = uh_ldap_free(d->ldap);
  uh_secret_free(d->password);
  free(d->configuration_nc);
  free(d->schema_nc);
  free(d->default_nc);
  free(d->organization);
  for (size_t i = 0; i < d->naming_contexts_n; i++) free(d->naming_contexts[i]);
  for (size_t i = 0; i < d->partitions_n; i++) free(d->partitions[i]);
  for (size_t i = 0; i < d->domains_n; i++) {
    free(d->domains[i].nc);
    free(d->domains[i].dns_root);
    free(d->domains[i].netbios);
  }
  for (size_t i = 0; i < d->servers_n; i++) {
    free(d->servers[i].name);
    free(d->servers[i].fqdn);
    free(d->servers[i].group);
  }
  free(d->naming_contexts);
  free(d->partitions);
  free(d->domains);
  free(d->servers);
}

static int prepare(struct uh_directory *d, const struct uh_directory_config *config, struct uh_err *err) {
  d->options = (struct uh_ldap_options){
      .url = config->url,
      .protection = config->security == UH_LDAP_SEALED  ? UH_LDAP_PROTECT_SEALED
                    : config->security == UH_LDAP_PLAIN ? UH_LDAP_PROTECT_NONE
                                                        : UH_LDAP_PROTECT_TLS,
      .gssapi = config->bind == UH_BIND_GSSAPI,
      .user = config->user,
      .ca_file = config->ca_file,
      .stopped = stopped,
      .stopped_user = d->observe,
  };
  if (config->bind == UH_BIND_SIMPLE && config->password_file) {
    if (uh_secret_read(config->password_file, &d->password, err) < 0) return -1;
    d->options.password = d->password;
  }
  d->gc = uh_ldap_is_catalogue(config->url);
  return 0;
}

static int observe(struct uh_observe *o, struct uh_err *err) {
  struct uh_directory d UH_CLEANUP(directory_clear) = {.observe = o, .sane = true};
  if (prepare(&d, uh_observe_config(o)->directory, err) < 0) return -1;
  if (uh_ldap_connect(&d.options, &d.ldap, err) < 0) return -1;
  uh_observe_counted(o, 0, uh_ldap_requests(d.ldap));
  if (read_root_dse(&d, err) < 0 || check_schema(&d, err) < 0) return -1;
  if (read_domains(&d, err) < 0) return -1;
  /* A configuration that cannot be read leaves the recipients to be read, and the other way round. */
  struct uh_err objects = UH_ERR_INIT;
  int result = uh_directory_objects(&d, &objects);
  if (result < 0 && (objects.cls == UH_ERR_INTERRUPTED || uh_facts_broken(uh_observe_facts(o)))) {
    *err = objects;
    return -1;
  }
  if (uh_directory_snapshot_configuration(&d, err) < 0 || uh_directory_recipients(&d, err) < 0) return -1;
  if (result < 0) *err = objects; /* the sets that were not reported carry this reason */
  return result;
}

static const char *not_configured(const struct uh_config *config) {
  return config->directory ? NULL : "no directory section";
}

const struct uh_source uh_source_directory = {
    .id = "directory",
    .not_configured = not_configured,
    .sets = SIDE
    ":Domain " SIDE ":Recipient " SIDE ":OrganizationConfig " SIDE ":ExchangeServer " SIDE ":MailboxDatabase " SIDE
    ":PublicFolderDatabase " SIDE ":DatabaseAvailabilityGroup " SIDE ":ReceiveConnector " SIDE ":SendConnector " SIDE
    ":ForeignConnector " SIDE ":DeliveryAgentConnector " SIDE ":AcceptedDomain " SIDE ":RemoteDomain " SIDE
    ":HybridConfiguration " SIDE ":IntraOrganizationConnector " SIDE ":OrganizationRelationship " SIDE
    ":FederationTrust " SIDE ":FederatedOrganizationIdentifier " SIDE ":AuthConfig " SIDE ":AuthServer " SIDE
    ":PartnerApplication " SIDE ":SettingOverride " SIDE ":AvailabilityAddressSpace " SIDE ":EmailAddressPolicy " SIDE
    ":AutodiscoverServiceConnectionPoint " SIDE ":MoveRequest " SIDE ":TransportRule " SIDE ":JournalRule " SIDE
    ":WebServicesVirtualDirectory " SIDE ":RoleAssignment " SIDE ":ExchangeComputer " SIDE ":TransportConfig " SIDE
    ":SharingPolicy " SIDE ":UMIPGateway " SIDE ":UMAutoAttendant " SIDE ":ExchangeContainer " SIDE
    ":ManagementToolsGroup " SIDE ":ExpandedGroup " SIDE ":MonitoringPermission " SIDE ":DirectoryEntry " SIDE
    ":RecipientMark " SIDE ":DirectoryPermission",
    .observe = observe,
};
