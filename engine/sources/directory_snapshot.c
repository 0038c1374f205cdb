/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot of what Exchange's setup may take away: the Exchange part of the configuration partition, service
 * connection points, the security groups, the system objects of each domain, and a mark of every Exchange attribute of
 * every recipient. Two snapshots tell what an uninstall removed, left and changed; nobody has documented it.
 *
 * Of configuration objects every attribute is kept but those that hold secrets; what setup changes is not known
 * beforehand, so this is the one place where attributes are not asked for by name. Of recipients those are asked for
 * that Exchange's schema gives them (snapshot_attributes.h), and a mark of 64 bits of each is kept: it tells whether a
 * value is still the same, not what it is. Memory for an entry is kept from one to the next, but for sorting values.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sources/directory_snapshot.h"
#include "sources/snapshot_attributes.h"
#include "wire/base64.h"

#define SET "DirectoryEntry"
#define COL(name) UH_COL(directory_entry, name)
#define MARK 8          /* bytes of a value's hash that are kept */
#define VALUE_MAX 4096u /* bytes of a value that is kept as text; of a longer one its mark */
#define EVERY_PART 7u   /* of a security descriptor: owner, group, DACL */
#define KEYWORDS "(|(keywords=77378F46-2C66-4aa9-A6A6-3E7A48B19596)(keywords=67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68))"

/* Change by themselves, or with every replication. */
static const char *const restless[] = {"whenChanged", "uSNChanged", "uSNCreated", "dSCorePropagationData",
                                       "replUpToDateVector", "msExchCanaryData0", "msExchCanaryData1",
                                       "msExchCanaryData2", "lastLogonTimestamp", "logonCount", "lastLogon",
                                       "badPwdCount", "badPasswordTime", "objectGUID", "distinguishedName",
                                       /* Kept by the directory for itself, also when an object comes back */
                                       "lastKnownParent", "adminCount", "operatorCount"};

struct snapshot_run {
  struct uh_directory *d;
  struct uh_rows *rows;
  const char *set, *area, *context;
  bool marks_only, whole;            /* whole: bytes too, not only their mark */
  const uint8_t *UH_NULLABLE wanted; /* the entry that is meant; what else comes stands below it */
  int64_t written, unreadable;
  struct uh_str json;
  size_t *order; /* attributes by name */
  size_t order_cap;
  EVP_MD *md;
  EVP_MD_CTX *digest;
};

static bool is_restless(const char *name) {
  for (size_t i = 0; i < sizeof restless / sizeof *restless; i++)
    if (strcasecmp(restless[i], name) == 0) return true;
  return uh_secret_name(name);
}

/* ---- one attribute ---- */

static bool mark(struct snapshot_run *s, const void *data, size_t n, uint8_t ret[EVP_MAX_MD_SIZE]) {
  unsigned size = 0;
  return EVP_DigestInit_ex2(s->digest, s->md, NULL) == 1 && EVP_DigestUpdate(s->digest, data, n) == 1 &&
         EVP_DigestFinal_ex(s->digest, ret, &size) == 1 && size >= MARK;
}

static void add_hex(struct uh_str *out, const uint8_t *bytes) {
  static const char digits[] = "0123456789abcdef";
  char hex[2 * MARK];
  for (size_t i = 0; i < MARK; i++) {
    hex[2 * i] = digits[bytes[i] >> 4];
    hex[2 * i + 1] = digits[bytes[i] & 15];
  }
  uh_str_addn(out, hex, sizeof hex);
}

/* Values have no order: the marks of all are added up. */
static bool add_mark(struct snapshot_run *s, const struct uh_ldap_attribute *a) {
  uint8_t sum[MARK] = {0}, hash[EVP_MAX_MD_SIZE];
  for (size_t i = 0; i < a->n; i++) {
    if (!mark(s, a->values[i].data, a->values[i].size, hash)) return false;
    unsigned carry = 0;
    for (size_t k = 0; k < MARK; k++) {
      carry += (unsigned)sum[k] + hash[k];
      sum[k] = (uint8_t)carry;
      carry >>= 8;
    }
  }
  uh_str_addc(&s->json, '"');
  add_hex(&s->json, sum);
  uh_str_addc(&s->json, '"');
  return true;
}

static int by_text(const void *a, const void *b) {
  const struct uh_ldap_value *x = *(const struct uh_ldap_value *const *)a, *y = *(const struct uh_ldap_value *const *)b;
  int c = memcmp(x->data, y->data, x->size < y->size ? x->size : y->size);
  return c ? c : (x->size > y->size) - (x->size < y->size);
}

static bool is_text(const struct uh_ldap_value *v) {
  return v->size <= VALUE_MAX && !memchr(v->data, 0, v->size) && uh_utf8_valid(v->data, v->size);
}

static bool add_value(struct snapshot_run *s, const struct uh_ldap_value *v) {
  uint8_t hash[EVP_MAX_MD_SIZE];
  if (is_text(v)) {
    uh_json_string(&s->json, v->data, v->size);
    return true;
  }
  if (!mark(s, v->data, v->size, hash)) return false;
  uh_str_addf(&s->json, "{\"bytes\":%zu,\"mark\":\"", v->size);
  add_hex(&s->json, hash);
  uh_str_addc(&s->json, '"');
  if (s->whole) {
    uh_str_add(&s->json, ",\"base64\":\"");
    uh_base64_add(&s->json, v->data, v->size);
    uh_str_addc(&s->json, '"');
  }
  uh_str_addc(&s->json, '}');
  return true;
}

static bool add_values(struct snapshot_run *s, const struct uh_ldap_attribute *a) {
  UH_CLEANUP(uh_freep) const struct uh_ldap_value **sorted = reallocarray(NULL, a->n, sizeof(struct uh_ldap_value *));
  if (!sorted) return false;
  for (size_t i = 0; i < a->n; i++) sorted[i] = &a->values[i];
  qsort(sorted, a->n, sizeof(struct uh_ldap_value *), by_text);
  bool fine = true;
  uh_str_addc(&s->json, '[');
  for (size_t i = 0; i < a->n && fine; i++) {
    if (i) uh_str_addc(&s->json, ',');
    fine = add_value(s, sorted[i]);
  }
  uh_str_addc(&s->json, ']');
  return fine;
}

/* ---- one entry ---- */

static int by_name(const void *a, const void *b, void *attributes) {
  const struct uh_ldap_attribute *v = attributes;
  return strcasecmp(v[*(const size_t *)a].name, v[*(const size_t *)b].name);
}

static bool sort_attributes(struct snapshot_run *s, const struct uh_ldap_entry *entry) {
  if (entry->n > s->order_cap) {
    size_t *grown = reallocarray(s->order, entry->n, sizeof *grown);
    if (!grown) return false;
    s->order = grown;
    s->order_cap = entry->n;
  }
  for (size_t i = 0; i < entry->n; i++) s->order[i] = i;
  if (entry->n) qsort_r(s->order, entry->n, sizeof *s->order, by_name, (void *)(uintptr_t)entry->attributes);
  return true;
}

/* In the order of the names, so that equal objects have equal texts. */
static bool add_attributes(struct snapshot_run *s, const struct uh_ldap_entry *entry, bool *ret_whole) {
  bool first = true;
  *ret_whole = true;
  if (!sort_attributes(s, entry)) return false;
  uh_str_reset(&s->json);
  uh_str_addc(&s->json, '{');
  for (size_t i = 0; i < entry->n; i++) {
    const struct uh_ldap_attribute *a = &entry->attributes[s->order[i]];
    if (a->truncated) *ret_whole = false;
    if (a->truncated || is_restless(a->name)) continue;
    if (s->marks_only && (strcasecmp(a->name, "objectClass") == 0)) continue;
    if (!first) uh_str_addc(&s->json, ',');
    first = false;
    uh_json_string(&s->json, a->name, strlen(a->name));
    uh_str_addc(&s->json, ':');
    if (!(s->marks_only ? add_mark(s, a) : add_values(s, a))) return false;
  }
  uh_str_addc(&s->json, '}');
  return uh_str_text(&s->json) != NULL;
}

static int on_entry(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct snapshot_run *s = user;
  const struct uh_ldap_value *guid = uh_ldap_first(entry, "objectGUID");
  const struct uh_ldap_attribute *classes = uh_ldap_get(entry, "objectClass");
  bool whole;
  if (!add_attributes(s, entry, &whole)) return uh_fail_nomem(err);
  bool readable = guid && guid->size == UH_GUID_SIZE && classes && whole;
  if (!readable) s->unreadable++;
  uh_rows_begin(s->rows);
  bool other = s->wanted && (!guid || guid->size != UH_GUID_SIZE || memcmp(guid->data, s->wanted, UH_GUID_SIZE) != 0);
  uh_rows_str(s->rows, COL(area), other ? "below" : s->area);
  uh_rows_str(s->rows, COL(context), s->context);
  if (guid && guid->size == UH_GUID_SIZE) uh_rows_blob(s->rows, COL(guid), guid->data, guid->size);
  uh_rows_text(s->rows, COL(dn), entry->dn, entry->dn_size);
  if (classes)
    uh_rows_text(s->rows, COL(class), classes->values[classes->n - 1].data, classes->values[classes->n - 1].size);
  uh_rows_text(s->rows, COL(json), s->json.s, s->json.len);
  if (uh_rows_end(s->rows, err) < 0) return -1;
  s->written++;
  return 0;
}

/* ---- a search, an area ---- */

static void snapshot_clear(struct snapshot_run *s) {
  (void)uh_rows_close(s->rows, NULL);
  uh_str_clear(&s->json);
  free(s->order);
  EVP_MD_CTX_free(s->digest);
  EVP_MD_free(s->md);
}

static int prepare(struct snapshot_run *s, struct uh_err *err) {
  s->md = EVP_MD_fetch(NULL, "SHA256", NULL);
  s->digest = EVP_MD_CTX_new();
  if (!s->md || !s->digest) return uh_fail_nomem(err);
  return uh_rows_open(uh_observe_facts(s->d->observe), UH_T_directory_entry, &s->rows, err);
}

static const char *const everything[] = {"*", "objectGUID", "nTSecurityDescriptor", NULL};
static const char *const of_recipients[] = {"objectGUID", "objectClass", UH_SNAPSHOT_ATTRIBUTES, NULL};

/* A base that is not there holds nothing: which of these are there differs from one organisation to the next. */
static int read_below(struct snapshot_run *s, struct uh_ldap *ldap, const char *area, const char *base,
                      const char *filter, struct uh_err *err) {
  struct uh_ldap_outcome outcome;
  s->area = area;
  s->marks_only = strcmp(area, "recipients") == 0;
  struct uh_ldap_search search = {.base = base,
                                  .scope = UH_LDAP_SUBTREE,
                                  .filter = filter,
                                  .attributes = s->marks_only ? of_recipients : everything,
                                  .page_size = UH_LDAP_PAGE_SIZE,
                                  .security_parts = s->marks_only ? 0 : EVERY_PART,
                                  .entry = on_entry,
                                  .user = s};
  int result = ldap ? uh_ldap_search(ldap, &search, &outcome, err) : uh_directory_search(s->d, &search, &outcome, err);
  s->unreadable += result == 0 ? outcome.damaged : 0;
  return result == UH_LDAP_NO_OBJECT ? 0 : result;
}

/* Their own rows are closed by then; a failure to write is told by the next who writes. */
static int finish(struct snapshot_run *s, const char *part, int result, const struct uh_err *why) {
  struct uh_err closing = UH_ERR_INIT;
  if (uh_rows_close(UH_TAKE(s->rows), &closing) < 0) result = -1;
  uh_directory_report(s->d, s->set, part, result, s->written, s->unreadable, why->cls == UH_ERR_NONE ? &closing : why);
  uh_observe_counted(s->d->observe, s->written, 0);
  return result;
}

/* ---- one entry ---- */

/* The longest naming context that the configured server holds and the name ends in. */
static const char *context_of(const struct uh_directory *d, const char *dn) {
  const char *best = NULL;
  size_t n = strlen(dn);
  for (size_t i = 0; i < d->naming_contexts_n; i++) {
    size_t length = strlen(d->naming_contexts[i]);
    if (length >= n || strcasecmp(dn + n - length, d->naming_contexts[i]) != 0 || dn[n - length - 1] != ',') continue;
    if (!best || length > strlen(best)) best = d->naming_contexts[i];
  }
  return best;
}

struct place {
  const uint8_t *guid;
  char dn[2048];
  int64_t n;
};

static int on_place(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct place *p = user;
  const struct uh_ldap_value *guid = uh_ldap_first(entry, "objectGUID");
  if (!guid || guid->size != UH_GUID_SIZE || memcmp(guid->data, p->guid, UH_GUID_SIZE) != 0) return 0;
  /* Below a name that was cut stands nothing: the entry would look deleted. */
  if (entry->dn_size >= sizeof p->dn) return uh_fail(err, UH_ERR_DATA, "the entry's name is too long");
  (void)snprintf(p->dn, sizeof p->dn, "%s", entry->dn);
  p->n++;
  return 0;
}

/* Where it is now, which need not be where it was: n 0, it is not there. */
static int find_place(struct uh_directory *d, const char *context, struct place *p, struct uh_err *err) {
  static const char *const attributes[] = {"objectGUID", NULL};
  struct uh_str filter UH_CLEANUP(uh_str_clear) = {0};
  struct uh_ldap_outcome outcome;
  uh_str_add(&filter, "(objectGUID=");
  uh_ldap_filter_value(&filter, p->guid, UH_GUID_SIZE);
  uh_str_addc(&filter, ')');
  struct uh_ldap_search search = {.base = context,
                                  .scope = UH_LDAP_SUBTREE,
                                  .filter = uh_str_text(&filter),
                                  .attributes = attributes,
                                  .page_size = UH_LDAP_PAGE_SIZE,
                                  .entry = on_place,
                                  .user = p};
  return search.filter ? uh_directory_search(d, &search, &outcome, err) : uh_fail_nomem(err);
}

static int snapshot_entry(struct uh_directory *d, const uint8_t *guid, const char *dn, struct uh_err *err) {
  const char *context = context_of(d, dn);
  UH_CLEANUP(snapshot_clear)
  struct snapshot_run s = {.d = d, .set = SET, .context = context, .whole = true, .wanted = guid};
  struct place place = {.guid = guid};
  struct uh_err why = UH_ERR_INIT;
  if (!context) {
    uh_observe_set(d->observe, "on-premises", SET, "", "failed", UH_NOT_ASKED, 0, "the server does not hold %.*s",
                   UH_HEAD(dn, 500));
    return 0;
  }
  if (prepare(&s, err) < 0) return -1;
  int result = find_place(d, context, &place, &why);
  if (result == 0 && place.n) result = read_below(&s, NULL, "entry", place.dn, "(objectClass=*)", &why);
  (void)finish(&s, context, result, &why);
  return 0;
}

int uh_directory_snapshot_configuration(struct uh_directory *d, struct uh_err *err) {
  static const char *const containers[] = {"CN=Microsoft Exchange,CN=Services,",
                                           "CN=Microsoft Exchange Autodiscover,CN=Services,"};
  UH_CLEANUP(snapshot_clear) struct snapshot_run s = {.d = d, .set = SET, .context = d->configuration_nc};
  char base[1200];
  const uint8_t *guid;
  const char *dn;
  if (!uh_directory_wants(d, SET)) return 0;
  if (uh_observe_entry(d->observe, &guid, &dn)) return snapshot_entry(d, guid, dn, err);
  if (prepare(&s, err) < 0) return -1;
  int result = 0;
  struct uh_err why = UH_ERR_INIT;
  for (size_t i = 0; i < 2 && result == 0; i++) {
    (void)snprintf(base, sizeof base, "%s%s", containers[i], d->configuration_nc);
    result = read_below(&s, NULL, "configuration", base, "(objectClass=*)", &why);
  }
  if (result == 0)
    result = read_below(&s, NULL, "connection-points", d->configuration_nc,
                        "(&(objectClass=serviceConnectionPoint)" KEYWORDS ")", &why);
  (void)finish(&s, d->configuration_nc, result, &why);
  if (why.cls != UH_ERR_INTERRUPTED && !uh_facts_broken(uh_observe_facts(d->observe))) return 0;
  *err = why;
  return -1;
}

static int domain_areas(struct snapshot_run *s, struct uh_ldap *ldap, const char *nc, struct uh_err *err) {
  static const struct {
    const char *area, *container;
  } areas[] = {{"security-groups", "OU=Microsoft Exchange Security Groups,"},
               {"system-objects", "CN=Microsoft Exchange System Objects,"}};
  char base[1200];
  int result = 0;
  for (size_t i = 0; i < sizeof areas / sizeof *areas && result == 0; i++) {
    (void)snprintf(base, sizeof base, "%s%s", areas[i].container, nc);
    result = read_below(s, ldap, areas[i].area, base, "(objectClass=*)", err);
  }
  return result;
}

/* The accounts that setup makes elsewhere: below CN=Users, whatever the system mailboxes are called there. */
static int domain_accounts(struct snapshot_run *s, struct uh_ldap *ldap, const char *nc, struct uh_err *err) {
  static const char filter[] =
      "(&(objectClass=user)(|(cn=SystemMailbox{*)(cn=DiscoverySearchMailbox*)(cn=FederatedEmail.*)(cn=Migration.*)"
      "(cn=HealthMailbox*)))";
  return read_below(s, ldap, "accounts", nc, filter, err);
}

static int no_catalogue(struct uh_err *err) {
  return uh_fail(err, UH_ERR_UNAVAILABLE, "a global catalogue does not hold all attributes");
}

int uh_directory_snapshot_domain(struct uh_directory *d, const char *nc, struct uh_ldap *ldap, bool gc,
                                 struct uh_err *err) {
  UH_CLEANUP(snapshot_clear) struct snapshot_run s = {.d = d, .context = nc, .set = SET};
  if (gc) return no_catalogue(err);
  if (prepare(&s, err) < 0) return -1;
  int result = domain_areas(&s, ldap, nc, err);
  if (result == 0) result = domain_accounts(&s, ldap, nc, err);
  return finish(&s, nc, result, err);
}

int uh_directory_snapshot_recipients(struct uh_directory *d, const char *nc, struct uh_ldap *ldap, bool gc,
                                     struct uh_err *err) {
  UH_CLEANUP(snapshot_clear) struct snapshot_run s = {.d = d, .context = nc, .set = "RecipientMark"};
  if (gc) return no_catalogue(err);
  if (prepare(&s, err) < 0) return -1;
  int result = read_below(&s, ldap, "recipients", nc, uh_recipient_filter, err);
  return finish(&s, nc, result, err);
}
