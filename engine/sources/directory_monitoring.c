/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeps Exchange Servers from deleting monitoring mailboxes: the entries of the container Monitoring Mailboxes
 * that speak of deleting, of those who are denied any of it. Objects of the kind MonitoringPermission, one per entry:
 * Object, Trustee (the SID), Name (its DN; absent where it is not told), Place in the list, Denied, Inherited, Below
 * (what stands below the container inherits it), Rights. Of others than Exchange's group nothing is kept.
 */
#include <strings.h>

#include "sources/directory_snapshot.h"

#define SET "MonitoringPermission"
#define CONTAINER "CN=Monitoring Mailboxes,CN=Microsoft Exchange System Objects,"
#define GROUP "CN=Exchange Servers,OU=Microsoft Exchange Security Groups,"
/* The link to that group, which follows it when it is renamed or moved. */
#define EXCHANGE "CN=Microsoft Exchange,CN=Services,"
#define LINKS "otherWellKnownObjects"
#define LINK "B:32:A7D2016C83F003458132789EEB127B84:"
enum { DACL = 4, NAME_SIZE = 2048 };
#define DELETING \
  (0x2u /* DeleteChild */ | 0x40u /* DeleteTree */ | 0x10000u /* Delete */ | 0x10000000u /* GenericAll */)

struct listed {
  struct uh_security_entry e;
  int64_t place;
};
struct list {
  struct listed *v;
  size_t n, capacity;
  int64_t place;
  bool told; /* the access control list was given, and understood */
};

static void list_clear(struct list *list) {
  free(list->v);
}

static int on_ace(void *user, const struct uh_security_entry *e) {
  struct list *list = user;
  list->place++;
  if (!(e->mask & DELETING)) return 0;
  if (list->n == list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 32;
    struct listed *more = reallocarray(list->v, capacity, sizeof *more);
    if (!more) return -1;
    list->v = more;
    list->capacity = capacity;
  }
  list->v[list->n++] = (struct listed){*e, list->place};
  return 0;
}

static int on_container(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct list *list = user;
  const struct uh_ldap_value *descriptor = uh_ldap_first(entry, "nTSecurityDescriptor");
  (void)err;
  list->told = descriptor && uh_security_each(descriptor->data, descriptor->size, on_ace, list) == 0;
  return 0;
}

/* ---- whose ---- */

struct whose {
  bool told;
  char name[NAME_SIZE];
};

/* The group stands in the forest's root domain, which another domain's controller does not hold. */
static int resolve(struct uh_directory *d, struct uh_ldap *ldap, const char *sid, struct whose *ret,
                   struct uh_err *err) {
  ret->told = false;
  if (uh_directory_sid_name(ldap, sid, ret->name, sizeof ret->name, &ret->told, err) < 0) return -1;
  if (ret->told || !d->ldap || uh_ldap_is_broken(d->ldap)) return 0;
  return uh_directory_sid_name(d->ldap, sid, ret->name, sizeof ret->name, &ret->told, err);
}

static bool denied_before(const struct list *list, size_t i) {
  for (size_t k = 0; k < i; k++)
    if (list->v[k].e.denies && strcmp(list->v[k].e.sid, list->v[i].e.sid) == 0) return true;
  return false;
}

/* ---- Exchange's group ---- */

static int on_exchange(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  char *group = user;
  const struct uh_ldap_attribute *links = uh_ldap_get(entry, LINKS);
  (void)err;
  for (size_t i = 0; links && i < links->n; i++) {
    const struct uh_ldap_value *v = &links->values[i];
    if (v->size <= strlen(LINK) || strncasecmp(v->data, LINK, strlen(LINK)) != 0) continue;
    (void)snprintf(group, NAME_SIZE, "%.*s", (int)(v->size - strlen(LINK)), v->data + strlen(LINK));
  }
  return 0;
}

/* Where it is now, whatever it is called; "" where the directory does not tell: then nobody but who has the name that
 * Setup gave it is told to be that group, and nobody told to be another. */
static int find_group(struct uh_directory *d, char group[NAME_SIZE], struct uh_err *err) {
  static const char *const attributes[] = {LINKS, NULL};
  struct uh_ldap_outcome outcome;
  char dn[1200];
  *group = 0;
  if (!d->ldap || uh_ldap_is_broken(d->ldap) || !d->configuration_nc) return 0;
  (void)snprintf(dn, sizeof dn, EXCHANGE "%s", d->configuration_nc);
  const struct uh_ldap_search search = {.base = dn,
                                        .scope = UH_LDAP_BASE,
                                        .filter = "(objectClass=*)",
                                        .attributes = attributes,
                                        .entry = on_exchange,
                                        .user = group};
  return uh_ldap_search(d->ldap, &search, &outcome, err) < 0 ? -1 : 0;
}

static bool is_group(const char *name, const char *group) {
  return strcasecmp(name, group) == 0 || strncasecmp(name, GROUP, strlen(GROUP)) == 0;
}

/* ---- rows ---- */

static int write_entry(struct uh_rows *rows, const char *dn, const struct listed *one, const struct whose *whose,
                       struct uh_err *err) {
  struct uh_str json UH_CLEANUP(uh_str_clear) = {0}, name UH_CLEANUP(uh_str_clear) = {0};
  uh_str_add(&json, "{\"Object\":");
  uh_json_string(&json, dn, strlen(dn));
  uh_str_addf(&json,
              ",\"Trustee\":\"%s\",\"Place\":%lld,\"Denied\":%s,\"Inherited\":%s,\"Below\":%s,\"Rights\":", one->e.sid,
              (long long)one->place, one->e.denies ? "true" : "false", one->e.inherited ? "true" : "false",
              one->e.below ? "true" : "false");
  uh_directory_add_rights(&json, one->e.mask);
  if (whose->told) {
    uh_str_add(&json, ",\"Name\":");
    uh_json_string(&json, whose->name, strlen(whose->name));
  }
  uh_str_addc(&json, '}');
  uh_str_addf(&name, "%s, entry %lld on %s", one->e.sid, (long long)one->place, dn);
  if (!uh_str_text(&json) || !uh_str_text(&name)) return uh_fail_nomem(err);
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(object, source), uh_source_directory.id);
  uh_rows_str(rows, UH_COL(object, side), "on-premises");
  uh_rows_str(rows, UH_COL(object, kind), SET);
  uh_rows_str(rows, UH_COL(object, identity), name.s);
  uh_rows_str(rows, UH_COL(object, name), name.s);
  uh_rows_str(rows, UH_COL(object, guid), "");
  uh_rows_text(rows, UH_COL(object, json), json.s, json.len);
  return uh_rows_end(rows, err);
}

static int write_of(struct uh_rows *rows, const char *dn, const struct list *list, size_t first,
                    const struct whose *whose, int64_t *written, struct uh_err *err) {
  for (size_t i = 0; i < list->n; i++) {
    if (strcmp(list->v[i].e.sid, list->v[first].e.sid) != 0) continue;
    if (write_entry(rows, dn, &list->v[i], whose, err) < 0) return -1;
    (*written)++;
  }
  return 0;
}

/* All that the list says of each who is denied something. */
static int write_denied(struct uh_directory *d, struct uh_ldap *ldap, const char *dn, const struct list *list,
                        struct uh_rows *rows, int64_t *written, struct uh_err *err) {
  char group[NAME_SIZE];
  if (list->n && find_group(d, group, err) < 0) return -1;
  for (size_t i = 0; i < list->n; i++) {
    const struct uh_security_entry *e = &list->v[i].e;
    struct whose whose;
    /* What Windows knows itself is no group of Exchange. */
    if (!e->denies || denied_before(list, i) || strncmp(e->sid, "S-1-5-21-", 9) != 0) continue;
    if (resolve(d, ldap, e->sid, &whose, err) < 0) return -1;
    if (whose.told && !is_group(whose.name, group)) {
      if (*group) continue;
      whose.told = false; /* it may be that group by another name */
    }
    if (write_of(rows, dn, list, i, &whose, written, err) < 0) return -1;
  }
  return 0;
}

static int write_rows(struct uh_directory *d, struct uh_ldap *ldap, const char *dn, const struct list *list,
                      int64_t *written, struct uh_err *err) {
  struct uh_rows *rows = NULL;
  if (uh_rows_open(uh_observe_facts(d->observe), UH_T_object, &rows, err) < 0) return -1;
  int result = write_denied(d, ldap, dn, list, rows, written, err);
  return uh_rows_close(rows, err) < 0 ? -1 : result;
}

int uh_directory_monitoring(struct uh_directory *d, const char *nc, struct uh_ldap *ldap, struct uh_err *err) {
  static const char *const attributes[] = {"nTSecurityDescriptor", NULL};
  struct list list UH_CLEANUP(list_clear) = {0};
  struct uh_ldap_outcome outcome;
  char dn[1200];
  int64_t written = 0;
  (void)snprintf(dn, sizeof dn, CONTAINER "%s", nc);
  const struct uh_ldap_search search = {.base = dn,
                                        .scope = UH_LDAP_BASE,
                                        .filter = "(objectClass=*)",
                                        .attributes = attributes,
                                        .security_parts = DACL,
                                        .entry = on_container,
                                        .user = &list};
  int result = uh_ldap_search(ldap, &search, &outcome, err);
  if (result < 0 || (list.told && write_rows(d, ldap, dn, &list, &written, err) < 0)) return -1;
  uh_observe_counted(d->observe, written, 0);
  if (list.told || result == UH_LDAP_NO_OBJECT)
    uh_observe_set(d->observe, "on-premises", SET, nc, "complete", UH_VALUE, written, "%s", "");
  else
    uh_observe_set(d->observe, "on-premises", SET, nc, "not-configured", UH_REFUSED, 0,
                   "the directory does not show the access control list of %.*s to this account", UH_HEAD(dn, 300));
  return 0;
}
