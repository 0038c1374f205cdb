/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has rights of his own on a domain and on AdminSDHolder: explicit entries of their access control lists for
 * Exchange's groups, and for accounts of the domain that are not there any more. Objects of the kind
 * DirectoryPermission: Object, Trustee (the SID), Name (whose it is; "" where nothing has that SID, absent where that
 * cannot be told), Rights, Denies, Entries.
 */
#include "sources/directory_snapshot.h"

#include <strings.h>

#define SET "DirectoryPermission"
#define GROUPS ",OU=Microsoft Exchange Security Groups,"
enum { DACL = 4, TRUSTEES_MAX = 512, NAME_MAX_TEXT = 2048 };

struct trustee {
  char sid[UH_SID_TEXT];
  uint32_t allowed, denied;
  int64_t entries;
  bool told; /* whose SID it is, or that it is nobody's */
  char name[NAME_MAX_TEXT];
};

struct reading {
  struct uh_directory *d;
  struct uh_ldap *ldap;
  struct uh_rows *rows;
  const char *object;
  char own[UH_SID_TEXT]; /* of the domain */
  struct trustee *v;
  size_t n;
  bool told; /* the access control list was given */
  int64_t written;
};

static void reading_clear(struct reading *r) {
  free(r->v);
}

/* ---- the list ---- */

static struct trustee *trustee_of(struct reading *r, const char *sid) {
  for (size_t i = 0; i < r->n; i++)
    if (strcmp(r->v[i].sid, sid) == 0) return &r->v[i];
  if (r->n == TRUSTEES_MAX) return NULL;
  struct trustee *more = reallocarray(r->v, r->n + 1, sizeof *more);
  if (!more) return NULL;
  r->v = more;
  r->v[r->n] = (struct trustee){0};
  (void)snprintf(r->v[r->n].sid, sizeof r->v[r->n].sid, "%s", sid);
  return &r->v[r->n++];
}

static int on_ace(void *user, const struct uh_security_entry *e) {
  struct reading *r = user;
  if (e->inherited || strncmp(e->sid, "S-1-5-21-", 9) != 0) return 0; /* what Windows knows itself is none of these */
  struct trustee *t = trustee_of(r, e->sid);
  if (!t) return -1;
  if (e->denies)
    t->denied |= e->mask;
  else
    t->allowed |= e->mask;
  t->entries++;
  return 0;
}

static int on_object(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct reading *r = user;
  const struct uh_ldap_value *descriptor = uh_ldap_first(entry, "nTSecurityDescriptor");
  const struct uh_ldap_value *sid = uh_ldap_first(entry, "objectSid");
  (void)err;
  if (sid && !uh_sid_text(sid->data, sid->size, r->own)) r->own[0] = '\0';
  r->told = descriptor && uh_security_each(descriptor->data, descriptor->size, on_ace, r) == 0;
  return 0;
}

/* ---- whose ---- */

struct named {
  char *name;
  size_t size;
  bool told;
};

static int on_trustee(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct named *t = user;
  (void)err;
  t->told = entry->dn_size < t->size;
  (void)snprintf(t->name, t->size, "%.*s", (int)entry->dn_size, entry->dn);
  return 0;
}

int uh_directory_sid_name(struct uh_ldap *ldap, const char *sid, char *name, size_t size, bool *ret_told,
                          struct uh_err *err) {
  static const char *const attributes[] = {"objectClass", NULL};
  struct named named = {name, size, false};
  char base[UH_SID_TEXT + 8];
  struct uh_ldap_outcome outcome;
  name[0] = '\0';
  (void)snprintf(base, sizeof base, "<SID=%s>", sid);
  const struct uh_ldap_search search = {.base = base,
                                        .scope = UH_LDAP_BASE,
                                        .filter = "(objectClass=*)",
                                        .attributes = attributes,
                                        .entry = on_trustee,
                                        .user = &named};
  int result = uh_ldap_search(ldap, &search, &outcome, err);
  *ret_told = named.told;
  return result < 0 ? -1 : 0;
}

/* Another domain's SIDs are not known here: that one is not found says nothing of those. */
static bool is_of_domain(const struct reading *r, const char *sid) {
  size_t n = strlen(r->own);
  return n && strncmp(sid, r->own, n) == 0 && sid[n] == '-';
}

static int resolve(const struct reading *r, struct trustee *t, struct uh_err *err) {
  if (uh_directory_sid_name(r->ldap, t->sid, t->name, sizeof t->name, &t->told, err) < 0) return -1;
  if (!t->told && is_of_domain(r, t->sid)) t->told = true;
  return 0;
}

static bool is_exchanges(const char *dn) {
  static const char *const names[] = {"CN=Exchange Enterprise Servers,", "CN=Exchange Domain Servers,",
                                      "CN=Exchange Install Domain Servers,", "CN=Exchange Services,"};
  if (strcasestr(dn, GROUPS)) return true;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strncasecmp(dn, names[i], strlen(names[i])) == 0) return true;
  return false;
}

/* ---- rows ---- */

void uh_directory_add_rights(struct uh_str *json, uint32_t mask) {
  static const struct {
    uint32_t bit;
    const char *name;
  } rights[] = {{0x1, "CreateChild"},           {0x2, "DeleteChild"},
                {0x4, "ListChildren"},          {0x8, "Self"},
                {0x10, "ReadProperty"},         {0x20, "WriteProperty"},
                {0x40, "DeleteTree"},           {0x80, "ListObject"},
                {0x100, "ExtendedRight"},       {0x10000, "Delete"},
                {0x20000, "ReadControl"},       {0x40000, "WriteDacl"},
                {0x80000, "WriteOwner"},        {0x10000000, "GenericAll"},
                {0x20000000, "GenericExecute"}, {0x40000000, "GenericWrite"},
                {0x80000000, "GenericRead"}};
  bool any = false;
  uh_str_addc(json, '[');
  for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
    if (!(mask & rights[i].bit)) continue;
    uh_str_addf(json, "%s\"%s\"", any ? "," : "", rights[i].name);
    any = true;
  }
  uh_str_addc(json, ']');
}

static int write_trustee(struct reading *r, const struct trustee *t, struct uh_err *err) {
  struct uh_str json UH_CLEANUP(uh_str_clear) = {0}, name UH_CLEANUP(uh_str_clear) = {0};
  uh_str_add(&json, "{\"Object\":");
  uh_json_string(&json, r->object, strlen(r->object));
  uh_str_addf(&json, ",\"Trustee\":\"%s\",\"Entries\":%lld,\"Rights\":", t->sid, (long long)t->entries);
  uh_directory_add_rights(&json, t->allowed);
  uh_str_add(&json, ",\"Denied\":");
  uh_directory_add_rights(&json, t->denied);
  if (t->told) {
    uh_str_add(&json, ",\"Name\":");
    uh_json_string(&json, t->name, strlen(t->name));
  }
  uh_str_addc(&json, '}');
  uh_str_addf(&name, "%s on %s", t->sid, r->object);
  if (!uh_str_text(&json) || !uh_str_text(&name)) return uh_fail_nomem(err);
  uh_rows_begin(r->rows);
  uh_rows_str(r->rows, UH_COL(object, source), uh_source_directory.id);
  uh_rows_str(r->rows, UH_COL(object, side), "on-premises");
  uh_rows_str(r->rows, UH_COL(object, kind), SET);
  uh_rows_str(r->rows, UH_COL(object, identity), name.s);
  uh_rows_str(r->rows, UH_COL(object, name), name.s);
  uh_rows_str(r->rows, UH_COL(object, guid), "");
  uh_rows_text(r->rows, UH_COL(object, json), json.s, json.len);
  r->written++;
  return uh_rows_end(r->rows, err);
}

/* One object's list. 0 read, 1 it was not given, -1. */
static int read_object(struct reading *r, const char *dn, struct uh_err *err) {
  static const char *const attributes[] = {"nTSecurityDescriptor", "objectSid", NULL};
  struct uh_ldap_outcome outcome;
  r->object = dn;
  r->n = 0;
  r->told = false;
  const struct uh_ldap_search search = {.base = dn,
                                        .scope = UH_LDAP_BASE,
                                        .filter = "(objectClass=*)",
                                        .attributes = attributes,
                                        .security_parts = DACL,
                                        .entry = on_object,
                                        .user = r};
  if (uh_ldap_search(r->ldap, &search, &outcome, err) < 0) return -1;
  if (!r->told) return 1;
  for (size_t i = 0; i < r->n; i++) {
    if (resolve(r, &r->v[i], err) < 0) return -1;
    const struct trustee *t = &r->v[i];
    if (t->told && *t->name && !is_exchanges(t->name)) continue;
    if (write_trustee(r, t, err) < 0) return -1;
  }
  return 0;
}

int uh_directory_permissions(struct uh_directory *d, const char *nc, struct uh_ldap *ldap, struct uh_err *err) {
  struct reading r UH_CLEANUP(reading_clear) = {.d = d, .ldap = ldap};
  char holder[1200];
  (void)snprintf(holder, sizeof holder, "CN=AdminSDHolder,CN=System,%s", nc);
  if (uh_rows_open(uh_observe_facts(d->observe), UH_T_object, &r.rows, err) < 0) return -1;
  const char *const objects[] = {nc, holder};
  const char *lacking = NULL;
  int result = 0;
  for (size_t i = 0; i < 2 && result >= 0; i++) {
    result = read_object(&r, objects[i], err);
    if (result > 0 && !lacking) lacking = objects[i];
  }
  if (uh_rows_close(r.rows, err) < 0) result = -1;
  if (result < 0) return -1;
  uh_observe_counted(d->observe, r.written, 0);
  if (lacking)
    uh_observe_set(d->observe, "on-premises", SET, nc, "not-configured", UH_REFUSED, r.written,
                   "the directory does not show the access control list of %.*s to this account",
                   UH_HEAD(lacking, 300));
  else
    uh_observe_set(d->observe, "on-premises", SET, nc, "complete", UH_VALUE, r.written, "%s", "");
  return 0;
}
