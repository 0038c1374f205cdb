/* SPDX-License-Identifier: Apache-2.0 */
#include "executors/directory_left.h"

#include <stdlib.h>
#include <strings.h>

#define META_DATA "replPropertyMetaData"

bool uh_directory_is_descriptor(const struct uh_directory_edit *e) {
  return strcasecmp(e->attribute, UH_DIRECTORY_DESCRIPTOR) == 0;
}

static int search_one(struct uh_ldap *ldap, const char *dn, const char *const *attributes, unsigned security_parts,
                      int (*entry)(void *user, const struct uh_ldap_entry *entry, struct uh_err *err), void *user,
                      struct uh_err *err) {
  struct uh_ldap_search search = {.base = dn,
                                  .scope = UH_LDAP_BASE,
                                  .filter = "(objectClass=*)",
                                  .attributes = attributes,
                                  .security_parts = security_parts,
                                  .entry = entry,
                                  .user = user};
  struct uh_ldap_outcome outcome;
  int r = uh_ldap_search(ldap, &search, &outcome, err);
  if (r < 0) return -1;
  if (r == 0 && outcome.entries == 1 && !outcome.damaged) return 0;
  (void)uh_fail(err, UH_ERR_UNAVAILABLE, "what is there could not be read in full");
  uh_err_where(err, "%s", dn);
  return -1;
}

/* ---- values ---- */

static bool has_value(const struct uh_ldap_attribute *attribute, const struct uh_bytes *value) {
  for (size_t i = 0; i < attribute->n; i++)
    if (attribute->values[i].size == value->size && memcmp(attribute->values[i].data, value->data, value->size) == 0)
      return true;
  return false;
}

static enum uh_directory_left compare(const struct uh_ldap_attribute *UH_NULLABLE is,
                                      const struct uh_directory_edit *e) {
  if (!is) return e->n ? UH_LEFT_ABSENT : UH_LEFT_SAME;
  if (is->truncated || is->n != e->n) return UH_LEFT_OTHER;
  for (size_t i = 0; i < e->n; i++)
    if (!has_value(is, &e->values[i])) return UH_LEFT_OTHER;
  return UH_LEFT_SAME;
}

struct comparing {
  const struct uh_directory_edit *edits;
  size_t n;
  enum uh_directory_left *ret;
};

static int on_object(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct comparing *c = user;
  (void)err;
  for (size_t i = 0; i < c->n; i++) c->ret[i] = compare(uh_ldap_get(entry, c->edits[i].attribute), &c->edits[i]);
  return 0;
}

int uh_directory_left(struct uh_ldap *ldap, const char *dn, const struct uh_directory_edit *edits, size_t n,
                      enum uh_directory_left ret[], struct uh_err *err) {
  UH_CLEANUP(uh_freep) const char **names = calloc(n + 2, sizeof *names);
  struct comparing c = {edits, n, ret};
  unsigned parts = 0;
  if (!names) return uh_fail_nomem(err);
  names[0] = "objectGUID"; /* an empty list would ask for everything */
  for (size_t i = 0; i < n; i++) {
    names[1 + i] = edits[i].attribute;
    if (uh_directory_is_descriptor(&edits[i])) parts = UH_DIRECTORY_EVERY_PART;
  }
  return search_one(ldap, dn, names, parts, on_object, &c, err);
}

/* ---- who wrote last ---- */

static uint64_t little_endian(const uint8_t *bytes, size_t n) {
  uint64_t value = 0;
  while (n--) value = value << 8 | bytes[n];
  return value;
}

/* A header of version, nothing, number and nothing, then of each attribute: its number, a version, the time, who wrote
 * it, that one's USN, and the USN here ([MS-DRSR] 5.166, as the directory stores it). */
int uh_directory_written_find(const void *data, size_t size, uint32_t attribute, struct uh_directory_written *ret) {
  enum { HEADER = 16, EACH = 48, NUMBER = 8, TIME = 8, USN_HERE = 40 };
  const uint8_t *bytes = data;
  if (size < HEADER || little_endian(bytes, 4) != 1) return -1;
  uint64_t n = little_endian(bytes + NUMBER, 4);
  if (n > (size - HEADER) / EACH) return -1;
  for (const uint8_t *one = bytes + HEADER; n--; one += EACH) {
    if (little_endian(one, 4) != attribute) continue;
    *ret = (struct uh_directory_written){little_endian(one + TIME, 8), little_endian(one + USN_HERE, 8)};
    return 1;
  }
  return 0;
}

struct writings {
  bool told;
  struct uh_directory_written descriptor, began;
};

static int on_meta_data(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  enum { OBJECT_CLASS = 0, IS_DELETED = 0x20030, DESCRIPTOR = 0x20119 };
  struct writings *w = user;
  const struct uh_ldap_value *v = uh_ldap_first(entry, META_DATA);
  (void)err;
  if (!v || uh_directory_written_find(v->data, v->size, DESCRIPTOR, &w->descriptor) != 1) return 0;
  int came_back = uh_directory_written_find(v->data, v->size, IS_DELETED, &w->began);
  w->told =
      came_back == 1 || (came_back == 0 && uh_directory_written_find(v->data, v->size, OBJECT_CLASS, &w->began) == 1);
  return 0;
}

int uh_directory_descriptor_untouched(struct uh_ldap *ldap, const char *dn, bool *ret_untouched, struct uh_err *err) {
  static const char *const attributes[] = {META_DATA, NULL};
  struct writings w = {0};
  if (search_one(ldap, dn, attributes, 0, on_meta_data, &w, err) < 0) return -1;
  if (!w.told) {
    (void)uh_fail(err, UH_ERR_UNAVAILABLE, "the directory does not tell when its security descriptor was written last");
    uh_err_where(err, "%s", dn);
    uh_err_remedy(err,
                  "the operator's account has to read " META_DATA "; or set the one of the case's exports by hand");
    return -1;
  }
  *ret_untouched = w.descriptor.usn <= w.began.usn && w.descriptor.seconds <= w.began.seconds;
  return 0;
}
