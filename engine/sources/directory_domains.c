/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domains of the forest: each has its own connection, to the configured server where that one holds it, else to a
 * controller of that domain, and where none can be reached to the configured server's global catalogue, which holds
 * less.
 */
#include <stdio.h>
#include <strings.h>

#include "sources/directory_snapshot.h"

enum { FQDNS_AT_ONCE = 50 };

struct part { /* one domain while it is read */
  struct uh_directory *d;
  const struct uh_directory_domain *domain;
  struct uh_ldap *ldap;
  bool gc;
  struct uh_recipient_reader reader;
  struct uh_rows *objects;
  int64_t computers, computers_unreadable, groups, groups_unreadable, expanded, expanded_unreadable, counted;
  int64_t unknown_references;
  char reference[160];
};

static void part_clear(struct part *p) {
  p->ldap = uh_ldap_free(p->ldap);
  (void)uh_rows_close(p->reader.rows, NULL);
  (void)uh_rows_close(p->objects, NULL);
  uh_str_clear(&p->reader.list);
}

static bool held_here(const struct uh_directory *d, const char *nc) {
  for (size_t i = 0; i < d->naming_contexts_n; i++)
    if (uh_dn_same(d->naming_contexts[i], strlen(d->naming_contexts[i]), nc, strlen(nc))) return true;
  return false;
}

/* ---- connecting ---- */

static int connect_to(void *user, const struct uh_ldap_options *options, struct uh_err *err) {
  struct part *p = user;
  return uh_ldap_connect(options, &p->ldap, err);
}

static int connect_gc(const struct uh_directory *d, struct part *p, struct uh_err *err) {
  struct uh_ldap_options options = d->options;
  char *url UH_CLEANUP(uh_freep) = NULL;
  char host[400];
  const char *colon = strrchr(uh_ldap_host(d->ldap), ':');
  bool tls = strncasecmp(d->options.url, "ldaps", 5) == 0;
  if (!colon) return -1;
  (void)snprintf(host, sizeof host, "%.*s:%d", (int)(colon - uh_ldap_host(d->ldap)), uh_ldap_host(d->ldap),
                 tls ? UH_LDAP_CATALOGUE_TLS_PORT : UH_LDAP_CATALOGUE_PORT);
  p->gc = true;
  if (uh_ldap_url_for(d->options.url, host, &url, err) < 0) return -1;
  options.url = url;
  return connect_to(p, &options, err);
}

static int connect_domain(struct uh_directory *d, struct part *p, struct uh_err *err) {
  const char *root = p->domain->dns_root;
  if (!root || !*root)
    return uh_fail(err, UH_ERR_DATA, "the crossRef of %.*s names no dnsRoot", UH_HEAD(p->domain->nc, 200));
  return uh_ldap_try_domain(&d->options, root, connect_to, p, err);
}

static int connect_part(struct part *p, struct uh_err *err) {
  struct uh_directory *d = p->d;
  if (d->gc) {
    p->gc = true;
    return uh_ldap_connect(&d->options, &p->ldap, err);
  }
  if (held_here(d, p->domain->nc)) return uh_ldap_connect(&d->options, &p->ldap, err);
  if (connect_domain(d, p, err) == 0) return 0;
  if (uh_observe_stopped(d->observe) || !d->ldap) return -1;
  return connect_gc(d, p, NULL); /* what kept us from the domain's own controllers stays the reason */
}

/* ---- recipients ---- */

static int on_recipient(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct part *p = user;
  if (uh_recipient_write(&p->reader, entry, err) < 0) return -1;
  if (p->reader.written - p->counted >= 1000) {
    uh_observe_counted(p->d->observe, p->reader.written - p->counted, 0);
    p->counted = p->reader.written;
  }
  return 0;
}

/* "ldap://contoso.com/CN=Configuration,DC=contoso,DC=com": a part of the forest that is read by itself is no loss. */
static void on_reference(void *user, const char *url) {
  struct part *p = user;
  const char *scheme = strstr(url, "://");
  const char *dn = scheme ? strchr(scheme + 3, '/') : NULL;
  if (dn) {
    dn++;
    size_t n = strcspn(dn, "?");
    for (size_t i = 0; i < p->d->partitions_n; i++)
      if (uh_dn_same(p->d->partitions[i], strlen(p->d->partitions[i]), dn, n)) return;
  }
  if (p->unknown_references++ == 0) (void)snprintf(p->reference, sizeof p->reference, "%s", url);
}

/* AD hides what may not be read. The domain's own root is the least that must be visible. */
static int on_root(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  (void)err;
  *(bool *)user = uh_ldap_get(entry, "objectClass") != NULL;
  return 0;
}

static int root_visible(struct part *p, bool *ret_visible, struct uh_err *err) {
  static const char *const attributes[] = {"objectClass", NULL};
  struct uh_ldap_outcome outcome;
  *ret_visible = false;
  struct uh_ldap_search search = {.base = p->domain->nc,
                                  .scope = UH_LDAP_BASE,
                                  .filter = "(objectClass=*)",
                                  .attributes = attributes,
                                  .entry = on_root,
                                  .user = ret_visible};
  return uh_ldap_search(p->ldap, &search, &outcome, err);
}

/* A domain without recipients is an ordinary thing; one without krbtgt, the account that every domain has, is not. */
static int accounts_visible(struct part *p, bool *ret_visible, struct uh_err *err) {
  static const char *const attributes[] = {"objectClass", NULL};
  struct uh_ldap_outcome outcome;
  *ret_visible = false;
  struct uh_ldap_search search = {.base = p->domain->nc,
                                  .scope = UH_LDAP_SUBTREE,
                                  .filter = "(&(objectClass=user)(sAMAccountName=krbtgt))",
                                  .attributes = attributes,
                                  .page_size = UH_LDAP_PAGE_SIZE,
                                  .entry = on_root,
                                  .user = ret_visible};
  return uh_ldap_search(p->ldap, &search, &outcome, err);
}

static void report_recipients(struct part *p, int result, const struct uh_err *err) {
  struct uh_directory *d = p->d;
  const char *nc = p->domain->nc;
  int64_t n = p->reader.written;
  char text[900];
  if (result < 0 || p->reader.unreadable > 0) {
    uh_directory_report(d, "Recipient", nc, result, n, p->reader.unreadable, err);
  } else if (result == UH_LDAP_NO_OBJECT) {
    uh_observe_set(
        d->observe, "on-premises", "Recipient", nc, "failed", UH_REFUSED, n,
        "the account sees not one account of the domain: insufficient directory rights (it needs Read on every object "
        "below %s, as an ordinary domain user has it), or the server does not hold the domain",
        nc);
  } else if (p->unknown_references > 0) {
    uh_observe_set(d->observe, "on-premises", "Recipient", nc, "partial", UH_NOT_ASKED, n,
                   "%lld parts lie elsewhere and were not read, first %s", (long long)p->unknown_references,
                   p->reference);
  } else if (p->gc) {
    uh_observe_set(d->observe, "on-premises", "Recipient", nc, "partial", UH_NOT_ASKED, n,
                   "read from a global catalogue, which holds neither archives nor moves nor holds: objects that have "
                   "nothing else were "
                   "not listed%s%s",
                   err->what[0] ? "; the domain itself: " : "",
                   err->what[0] ? uh_err_text(err, text, sizeof text) : "");
  } else {
    uh_observe_set(d->observe, "on-premises", "Recipient", nc, "complete", UH_VALUE, n, "%s", "");
  }
  if (p->reader.odd > 0)
    uh_observe_notice(d->observe, "%s: %lld values that should be numbers are none and count as not obtained", nc,
                      (long long)p->reader.odd);
}

static int read_recipients(struct part *p, struct uh_err *err) {
  struct uh_ldap_outcome outcome;
  bool visible;
  p->reader.domain = p->domain->nc;
  p->reader.gc = p->gc;
  int result = root_visible(p, &visible, err);
  if (result != 0 || !visible) return result < 0 ? -1 : UH_LDAP_NO_OBJECT;
  if (uh_rows_open(uh_observe_facts(p->d->observe), UH_T_directory_recipient, &p->reader.rows, err) < 0) return -1;
  struct uh_ldap_search search = {.base = p->domain->nc,
                                  .scope = UH_LDAP_SUBTREE,
                                  .filter = p->gc ? uh_recipient_filter_gc : uh_recipient_filter,
                                  .attributes = uh_recipient_attributes(p->gc),
                                  .page_size = UH_LDAP_PAGE_SIZE,
                                  .entry = on_recipient,
                                  .reference = on_reference,
                                  .user = p};
  result = uh_ldap_search(p->ldap, &search, &outcome, err);
  if (uh_rows_close(UH_TAKE(p->reader.rows), err) < 0) result = -1;
  uh_observe_counted(p->d->observe, p->reader.written - p->counted, 0);
  if (result != 0 || p->reader.written > 0) return result;
  result = accounts_visible(p, &visible, err);
  return result == 0 && !visible ? UH_LDAP_NO_OBJECT : result;
}

/* ---- computer accounts of the servers ---- */

static const struct uh_property computer[] = {{"dNSHostName", "DNSHostName", UH_P_TEXT},
                                              {"sAMAccountName", "SamAccountName", UH_P_TEXT},
                                              {"userAccountControl", "UserAccountControl", UH_P_INT},
                                              {"pwdLastSet", "PwdLastSet", UH_P_TEXT},
                                              {"lastLogonTimestamp", "LastLogonTimestamp", UH_P_TEXT},
                                              {"operatingSystem", "OperatingSystem", UH_P_TEXT},
                                              {"servicePrincipalName", "ServicePrincipalNames", UH_P_LIST},
                                              {NULL, NULL, UH_P_TEXT}};

static void computer_extra(const struct uh_ldap_entry *entry, const struct uh_directory_context *context,
                           struct uh_str *json) {
  const struct uh_ldap_value *control = uh_ldap_first(entry, "userAccountControl");
  int64_t value;
  (void)context;
  if (control && uh_directory_int(control, &value)) uh_str_addf(json, ",\"Enabled\":%s", value & 2 ? "false" : "true");
}

static const struct uh_kind computer_kind = {
    .kind = "ExchangeComputer", .properties = computer, .extra = computer_extra};

static int write_object(struct part *p, const struct uh_kind *kind, const struct uh_ldap_entry *entry,
                        int64_t *unreadable, struct uh_err *err) {
  struct uh_str json UH_CLEANUP(uh_str_clear) = {0}, name UH_CLEANUP(uh_str_clear) = {0};
  const struct uh_ldap_value *guid = uh_ldap_first(entry, "objectGUID");
  char text[UH_GUID_TEXT] = "";
  if (guid && guid->size == UH_GUID_SIZE)
    (void)uh_guid_text((const uint8_t *)guid->data, text);
  else
    (*unreadable)++;
  uh_directory_translate(kind, entry, &p->d->context, &json);
  (void)uh_dn_value(entry->dn, entry->dn_size, 0, &name);
  if (!uh_str_text(&json)) return uh_fail_nomem(err);
  uh_rows_begin(p->objects);
  uh_rows_str(p->objects, UH_COL(object, source), uh_source_directory.id);
  uh_rows_str(p->objects, UH_COL(object, side), "on-premises");
  uh_rows_str(p->objects, UH_COL(object, kind), kind->kind);
  uh_rows_text(p->objects, UH_COL(object, identity), entry->dn, entry->dn_size);
  uh_rows_str(p->objects, UH_COL(object, name), uh_str_text(&name));
  uh_rows_str(p->objects, UH_COL(object, guid), text);
  uh_rows_text(p->objects, UH_COL(object, json), json.s, json.len);
  return uh_rows_end(p->objects, err);
}

static int on_computer(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct part *p = user;
  p->computers++;
  return write_object(p, &computer_kind, entry, &p->computers_unreadable, err);
}

/* By its name in DNS; and by its short name, as the other may have changed, or be hidden. */
static bool add_server(struct uh_str *filter, const struct uh_directory_server *server) {
  if (!server->fqdn || !*server->fqdn) return false;
  uh_str_add(filter, "(dNSHostName=");
  uh_ldap_filter_value(filter, server->fqdn, strlen(server->fqdn));
  uh_str_add(filter, ")(sAMAccountName=");
  uh_ldap_filter_value(filter, server->name, strlen(server->name));
  uh_str_add(filter, "$)");
  return true;
}

static int read_computers(struct part *p, struct uh_err *err) {
  const char *attributes[UH_KIND_ATTRIBUTES];
  struct uh_ldap_outcome outcome;
  int result = 0;
  if (uh_kind_attributes(&computer_kind, attributes) < 0)
    return uh_fail(err, UH_ERR_INTERNAL, "computer accounts: attributes");
  if (uh_rows_open(uh_observe_facts(p->d->observe), UH_T_object, &p->objects, err) < 0) return -1;
  for (size_t i = 0; i < p->d->servers_n && result == 0;) {
    struct uh_str filter UH_CLEANUP(uh_str_clear) = {0};
    unsigned n = 0;
    uh_str_add(&filter, "(&(objectClass=computer)(|");
    for (; i < p->d->servers_n && n < FQDNS_AT_ONCE; i++) {
      n += add_server(&filter, &p->d->servers[i]);
    }
    uh_str_add(&filter, "))");
    if (n == 0) break;
    struct uh_ldap_search search = {.base = p->domain->nc,
                                    .scope = UH_LDAP_SUBTREE,
                                    .filter = uh_str_text(&filter),
                                    .attributes = attributes,
                                    .page_size = UH_LDAP_PAGE_SIZE,
                                    .entry = on_computer,
                                    .user = p};
    result = search.filter ? uh_ldap_search(p->ldap, &search, &outcome, err) : uh_fail_nomem(err);
  }
  if (uh_rows_close(UH_TAKE(p->objects), err) < 0) result = -1;
  return result;
}

static void report_computers(struct part *p, int result, const struct uh_err *err) {
  if (result == 0 && p->computers_unreadable == 0 && !p->d->servers_complete)
    uh_observe_set(p->d->observe, "on-premises", "ExchangeComputer", p->domain->nc, "partial", UH_NOT_ASKED,
                   p->computers, "the list of Exchange servers is not complete");
  else
    uh_directory_report(p->d, "ExchangeComputer", p->domain->nc, result, p->computers, p->computers_unreadable, err);
}

/* ---- the group of those who manage recipients with the Exchange Management Tools alone ---- */

static const struct uh_property group[] = {{"sAMAccountName", "SamAccountName", UH_P_TEXT},
                                           {"member", "Members", UH_P_LIST, 0, NULL, "[]"},
                                           {NULL, NULL, UH_P_TEXT}};
static const struct uh_kind group_kind = {.kind = "ManagementToolsGroup", .properties = group};

static int on_group(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct part *p = user;
  p->groups++;
  return write_object(p, &group_kind, entry, &p->groups_unreadable, err);
}

/* Those that a filter finds, of one kind. */
static int read_some(struct part *p, const struct uh_kind *kind, const char *filter,
                     int (*on_entry)(void *, const struct uh_ldap_entry *, struct uh_err *), struct uh_err *err) {
  const char *attributes[UH_KIND_ATTRIBUTES];
  struct uh_ldap_outcome outcome;
  bool visible;
  int result = root_visible(p, &visible, err);
  if (result != 0 || !visible) return result < 0 ? -1 : UH_LDAP_NO_OBJECT;
  if (uh_kind_attributes(kind, attributes) < 0) return uh_fail(err, UH_ERR_INTERNAL, "groups: attributes");
  if (uh_rows_open(uh_observe_facts(p->d->observe), UH_T_object, &p->objects, err) < 0) return -1;
  struct uh_ldap_search search = {.base = p->domain->nc,
                                  .scope = UH_LDAP_SUBTREE,
                                  .filter = filter,
                                  .attributes = attributes,
                                  .page_size = UH_LDAP_PAGE_SIZE,
                                  .entry = on_entry,
                                  .user = p};
  result = uh_ldap_search(p->ldap, &search, &outcome, err);
  if (uh_rows_close(UH_TAKE(p->objects), err) < 0) result = -1;
  return result;
}

/* The script Add-PermissionForEMT.ps1 makes it. */
static int read_groups(struct part *p, struct uh_err *err) {
  static const char filter[] =
      "(&(objectClass=group)(|(cn=Recipient Management EMT)(sAMAccountName=Recipient Management EMT)))";
  return read_some(p, &group_kind, filter, on_group, err);
}

static void report_groups(struct part *p, int result, const struct uh_err *err) {
  uh_directory_report(p->d, "ManagementToolsGroup", p->domain->nc, result, p->groups, p->groups_unreadable, err);
}

/* ---- groups that a server of their own expands ---- */

/* msExchExpansionServerName is the server's legacyExchangeDN. */
static const struct uh_property expanded[] = {{"msExchExpansionServerName", "ExpansionServer", UH_P_TEXT},
                                              {"mail", "PrimarySmtpAddress", UH_P_TEXT},
                                              {"objectClass", "ObjectClass", UH_P_LIST},
                                              {NULL, NULL, UH_P_TEXT}};
static const struct uh_kind expanded_kind = {.kind = "ExpandedGroup", .properties = expanded};

static int on_expanded(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct part *p = user;
  p->expanded++;
  return write_object(p, &expanded_kind, entry, &p->expanded_unreadable, err);
}

static int read_expanded(struct part *p, struct uh_err *err) {
  return read_some(p, &expanded_kind, "(msExchExpansionServerName=*)", on_expanded, err);
}

static void report_expanded(struct part *p, int result, const struct uh_err *err) {
  uh_directory_report(p->d, "ExpandedGroup", p->domain->nc, result, p->expanded, p->expanded_unreadable, err);
}

/* ---- who may delete monitoring mailboxes ---- */

/* Where the domain's root is seen a container that is not seen is none: not each domain has Exchange. */
static int read_monitoring(struct part *p, struct uh_err *err) {
  bool visible;
  int result = root_visible(p, &visible, err);
  if (result != 0 || !visible) return result < 0 ? -1 : UH_LDAP_NO_OBJECT;
  return uh_directory_monitoring(p->d, p->domain->nc, p->ldap, err);
}
static void report_monitoring(struct part *p, int result, const struct uh_err *err) {
  if (result != 0) uh_directory_report(p->d, "MonitoringPermission", p->domain->nc, result, 0, 0, err);
}

/* ---- a snapshot ---- */

static int read_snapshot(struct part *p, struct uh_err *err) {
  return uh_directory_snapshot_domain(p->d, p->domain->nc, p->ldap, p->gc, err);
}
static int read_marks(struct part *p, struct uh_err *err) {
  return uh_directory_snapshot_recipients(p->d, p->domain->nc, p->ldap, p->gc, err);
}

static int read_permissions(struct part *p, struct uh_err *err) {
  return uh_directory_permissions(p->d, p->domain->nc, p->ldap, err);
}
static void report_permissions(struct part *p, int result, const struct uh_err *err) {
  if (result < 0) uh_directory_report(p->d, "DirectoryPermission", p->domain->nc, result, 0, 0, err);
}

/* What was read has been reported by then, with its number of objects. */
static void report_snapshot(struct part *p, int result, const struct uh_err *err) {
  if (result < 0) uh_directory_report(p->d, "DirectoryEntry", p->domain->nc, result, 0, 0, err);
}
static void report_marks(struct part *p, int result, const struct uh_err *err) {
  if (result < 0) uh_directory_report(p->d, "RecipientMark", p->domain->nc, result, 0, 0, err);
}

/* ---- one domain, all domains ---- */

static bool broken_off(const struct uh_directory *d) {
  return uh_observe_stopped(d->observe) || uh_facts_broken(uh_observe_facts(d->observe));
}

/* A set besides the recipients: connects again where the connection broke meanwhile. */
static void read_more(struct part *p, const char *set, int connected, const struct uh_err *why,
                      int (*read)(struct part *, struct uh_err *),
                      void (*report)(struct part *, int, const struct uh_err *), struct uh_err *own) {
  if (!uh_directory_wants(p->d, set) || broken_off(p->d)) return;
  if (p->ldap && uh_ldap_is_broken(p->ldap)) {
    p->ldap = uh_ldap_free(p->ldap);
    connected = connect_part(p, own);
  }
  int result = connected < 0 || !p->ldap ? -1 : read(p, own);
  report(p, result, result < 0 && own->cls == UH_ERR_NONE ? why : own);
}

/* Of the domains; a single entry is read elsewhere. */
static bool wants_snapshot(const struct uh_directory *d) {
  const uint8_t *guid;
  const char *dn;
  return uh_directory_wants(d, "DirectoryEntry") && !uh_observe_entry(d->observe, &guid, &dn);
}

static int read_domain(struct uh_directory *d, const struct uh_directory_domain *domain, struct uh_err *err) {
  struct part p UH_CLEANUP(part_clear) = {.d = d, .domain = domain};
  struct uh_err why = UH_ERR_INIT, computers_why = UH_ERR_INIT, groups_why = UH_ERR_INIT, snapshot_why = UH_ERR_INIT,
                expanded_why = UH_ERR_INIT, monitoring_why = UH_ERR_INIT;
  int connected = connect_part(&p, &why);
  if (uh_directory_wants(d, "Recipient")) {
    int result = connected == 0 ? read_recipients(&p, &why) : connected;
    report_recipients(&p, result, &why);
  }
  read_more(&p, "ExchangeComputer", connected, &why, read_computers, report_computers, &computers_why);
  read_more(&p, "ManagementToolsGroup", connected, &why, read_groups, report_groups, &groups_why);
  read_more(&p, "ExpandedGroup", connected, &why, read_expanded, report_expanded, &expanded_why);
  read_more(&p, "MonitoringPermission", connected, &why, read_monitoring, report_monitoring, &monitoring_why);
  if (wants_snapshot(d))
    read_more(&p, "DirectoryEntry", connected, &why, read_snapshot, report_snapshot, &snapshot_why);
  read_more(&p, "DirectoryPermission", connected, &why, read_permissions, report_permissions, &snapshot_why);
  read_more(&p, "RecipientMark", connected, &why, read_marks, report_marks, &snapshot_why);
  if (p.ldap) uh_observe_counted(d->observe, 0, uh_ldap_requests(p.ldap));
  if (!broken_off(d)) return 0;
  const struct uh_err *first = why.cls != UH_ERR_NONE              ? &why
                               : computers_why.cls != UH_ERR_NONE  ? &computers_why
                               : groups_why.cls != UH_ERR_NONE     ? &groups_why
                               : expanded_why.cls != UH_ERR_NONE   ? &expanded_why
                               : monitoring_why.cls != UH_ERR_NONE ? &monitoring_why
                                                                   : &snapshot_why;
  if (err->cls == UH_ERR_NONE) *err = *first;
  (void)uh_fail(err, UH_ERR_INTERRUPTED, "interrupted while reading from the directory");
  return -1;
}

int uh_directory_recipients(struct uh_directory *d, struct uh_err *err) {
  if (!uh_directory_wants(d, "Recipient") && !uh_directory_wants(d, "ExchangeComputer") &&
      !uh_directory_wants(d, "ManagementToolsGroup") && !uh_directory_wants(d, "ExpandedGroup") &&
      !uh_directory_wants(d, "MonitoringPermission") && !wants_snapshot(d) && !uh_directory_wants(d, "RecipientMark") &&
      !uh_directory_wants(d, "DirectoryPermission"))
    return 0;
  for (size_t i = 0; i < d->domains_n; i++)
    if (read_domain(d, &d->domains[i], err) < 0) return -1;
  return 0;
}
