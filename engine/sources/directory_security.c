/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security descriptors, read with strict bounds: every offset and length comes from the directory. Layout:
 * MS-DTYP 2.4.6 (descriptor), 2.4.5 (ACL), 2.4.4 (ACE), 2.4.2 (SID).
 */
#include "sources/directory.h"

enum {
  CONTROL_DACL_PRESENT = 0x0004,
  CONTROL_SELF_RELATIVE = 0x8000,
  ACE_INHERIT_ONLY = 0x08,
  OBJECT_TYPE_PRESENT = 0x1,
  INHERITED_TYPE_PRESENT = 0x2,
  SID_MAX_SUB = 15,
};
#define RIGHT_CONTROL_ACCESS 0x00000100u /* ADS_RIGHT_DS_CONTROL_ACCESS */
#define RIGHT_GENERIC_ALL 0x10000000u

static uint16_t u16(const uint8_t *p) {
  return (uint16_t)(p[0] | p[1] << 8);
}
static uint32_t u32(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void uh_sids_clear(struct uh_sids *sids) {
  free(sids->v);
  *sids = (struct uh_sids){0};
}

bool uh_sids_has(const struct uh_sids *sids, const char *sid) {
  for (size_t i = 0; i < sids->n; i++)
    if (strcmp(sids->v[i], sid) == 0) return true;
  return false;
}

static bool add_sid(struct uh_sids *sids, const char *sid) {
  if (uh_sids_has(sids, sid)) return true;
  if (sids->n >= UH_SIDS_MAX) return false;
  void *p = reallocarray(sids->v, sids->n + 1, sizeof *sids->v);
  if (!p) return false;
  sids->v = p;
  (void)snprintf(sids->v[sids->n++], UH_SID_TEXT, "%s", sid);
  return true;
}

static bool sid_text(const uint8_t *p, size_t n, char text[UH_SID_TEXT]) {
  if (n < 8 || p[0] != 1 || p[1] > SID_MAX_SUB || n < 8 + 4u * p[1]) return false;
  uint64_t authority = 0;
  for (int i = 2; i < 8; i++) authority = authority << 8 | p[i];
  int len = snprintf(text, UH_SID_TEXT, "S-1-%llu", (unsigned long long)authority);
  for (unsigned i = 0; i < p[1]; i++)
    len += snprintf(text + len, UH_SID_TEXT - (size_t)len, "-%u", u32(p + 8 + (size_t)4 * i));
  return true;
}

bool uh_sid_text(const void *sid, size_t n, char text[UH_SID_TEXT]) {
  return sid_text(sid, n, text);
}

struct ace {
  bool grants, denies; /* it speaks of the right */
  char sid[UH_SID_TEXT];
};

/* One ACE of its declared size. False: malformed. */
static bool read_ace(const uint8_t *p, size_t n, const uint8_t right[UH_GUID_SIZE], struct ace *ret) {
  uint8_t type = p[0];
  bool object = type == 5 || type == 6 || type == 11 || type == 12; /* allowed, denied, and both with a condition */
  bool denied = type == 1 || type == 6 || type == 10 || type == 12;
  bool plain = type == 0 || type == 1 || type == 9 || type == 10;
  *ret = (struct ace){0};
  if (!object && !plain) return true; /* audit, alarm, label: grants nothing */
  if (n < 8) return false;
  uint32_t mask = u32(p + 4);
  size_t at = 8;
  bool speaks = true;
  if (object) {
    if (n < 12) return false;
    uint32_t flags = u32(p + 8);
    at = 12;
    if (flags & OBJECT_TYPE_PRESENT) {
      if (n < at + UH_GUID_SIZE) return false;
      speaks = memcmp(p + at, right, UH_GUID_SIZE) == 0;
      at += UH_GUID_SIZE;
    }
    if (flags & INHERITED_TYPE_PRESENT) at += UH_GUID_SIZE;
  }
  if (at > n || !sid_text(p + at, n - at, ret->sid)) return false;
  if ((p[1] & ACE_INHERIT_ONLY) || !speaks || !(mask & (RIGHT_CONTROL_ACCESS | RIGHT_GENERIC_ALL))) return true;
  ret->denies = denied;
  ret->grants = !denied;
  return true;
}

static int read_acl(const uint8_t *acl, size_t n, const uint8_t right[UH_GUID_SIZE], struct uh_sids *granted) {
  struct uh_sids denied UH_CLEANUP(uh_sids_clear) = {0};
  if (n < 8 || (acl[0] != 2 && acl[0] != 4)) return -1;
  size_t size = u16(acl + 2), at = 8;
  unsigned count = u16(acl + 4);
  if (size < 8 || size > n) return -1;
  for (unsigned i = 0; i < count; i++) {
    struct ace ace;
    if (size - at < 4) return -1;
    size_t ace_size = u16(acl + at + 2);
    if (ace_size < 4 || ace_size > size - at || !read_ace(acl + at, ace_size, right, &ace)) return -1;
    at += ace_size;
    if (ace.denies && !add_sid(&denied, ace.sid)) return -1;
    if (ace.grants && !uh_sids_has(&denied, ace.sid) && !add_sid(granted, ace.sid)) return -1;
  }
  return 0;
}

int uh_security_holders(const void *descriptor, size_t n, const uint8_t right[UH_GUID_SIZE], struct uh_sids *ret_sids) {
  const uint8_t *p = descriptor;
  *ret_sids = (struct uh_sids){0};
  if (n < 20 || p[0] != 1 || !(u16(p + 2) & CONTROL_SELF_RELATIVE)) return -1;
  if (!(u16(p + 2) & CONTROL_DACL_PRESENT)) return 1;
  uint32_t dacl = u32(p + 16);
  if (dacl == 0) return add_sid(ret_sids, "S-1-1-0") ? 0 : -1; /* a NULL DACL allows everything to everyone */
  struct uh_sids granted = {0};
  if (dacl < 20 || dacl > n || read_acl(p + dacl, n - dacl, right, &granted) < 0) {
    uh_sids_clear(&granted);
    return -1;
  }
  *ret_sids = granted;
  return 0;
}

/* ---- every entry ---- */

enum { ACE_CONTAINER_INHERIT = 0x02, ACE_INHERITED = 0x10 };

/* 1 it allows or denies, 0 it is of another kind, -1 malformed. */
static int plain_entry(const uint8_t *p, size_t n, struct uh_security_entry *ret) {
  uint8_t type = p[0];
  bool object = type == 5 || type == 6 || type == 11 || type == 12;
  if (!object && type != 0 && type != 1 && type != 9 && type != 10) return 0;
  size_t at = 8;
  if (n < at) return -1;
  ret->denies = type == 1 || type == 6 || type == 10 || type == 12;
  ret->inherited = p[1] & ACE_INHERITED;
  ret->below = p[1] & ACE_CONTAINER_INHERIT;
  ret->mask = u32(p + 4);
  if (object) {
    if (n < 12) return -1;
    uint32_t flags = u32(p + 8);
    at = 12;
    if (flags & OBJECT_TYPE_PRESENT) at += UH_GUID_SIZE;
    if (flags & INHERITED_TYPE_PRESENT) at += UH_GUID_SIZE;
  }
  return at <= n && sid_text(p + at, n - at, ret->sid) ? 1 : -1;
}

static int each_entry(const uint8_t *acl, size_t n, int (*each)(void *, const struct uh_security_entry *), void *user) {
  if (n < 8 || (acl[0] != 2 && acl[0] != 4)) return -1;
  size_t size = u16(acl + 2), at = 8;
  if (size < 8 || size > n) return -1;
  for (unsigned i = 0, count = u16(acl + 4); i < count; i++) {
    struct uh_security_entry e = {0};
    if (size - at < 4) return -1;
    size_t ace_size = u16(acl + at + 2);
    if (ace_size < 4 || ace_size > size - at) return -1;
    int kind = plain_entry(acl + at, ace_size, &e);
    if (kind < 0 || (kind > 0 && each(user, &e) < 0)) return -1;
    at += ace_size;
  }
  return 0;
}

int uh_security_each(const void *descriptor, size_t n, int (*each)(void *user, const struct uh_security_entry *entry),
                     void *user) {
  const uint8_t *p = descriptor;
  if (n < 20 || p[0] != 1 || !(u16(p + 2) & CONTROL_SELF_RELATIVE)) return -1;
  if (!(u16(p + 2) & CONTROL_DACL_PRESENT)) return 1;
  uint32_t dacl = u32(p + 16);
  if (dacl == 0) return 0;
  return dacl < 20 || dacl > n ? -1 : each_entry(p + dacl, n - dacl, each, user);
}
