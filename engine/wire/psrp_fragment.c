/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragments: 21 bytes of header, big-endian: object id (8), fragment id (8), flags (1), length (4). Together an
 * object's fragments are a message: 40 bytes of header, little-endian, and CLIXML.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "wire/psrp_private.h"

enum { FLAG_START = 1, FLAG_END = 2 };
#define TO_SERVER 2u

struct psrp_object {
  struct psrp_object *next;
  uint64_t id, fragment; /* the next one */
  uint64_t at;           /* where it began */
  char *data;
  size_t n, cap;
};

/* ---- ours ---- */

static void put_be(struct uh_str *out, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; i--) uh_str_addc(out, (char)(value >> (8 * i)));
}

static void put_le32(struct uh_str *out, uint32_t value) {
  for (int i = 0; i < 4; i++) uh_str_addc(out, (char)(value >> (8 * i)));
}

void psrp_put_message(struct uh_str *out, uint64_t object, size_t size, uint32_t type, const uint8_t pool[UH_GUID_SIZE],
                      const uint8_t *pipeline, const char *body, size_t n) {
  static const uint8_t none[UH_GUID_SIZE];
  struct uh_str whole UH_CLEANUP(uh_str_clear) = {0};
  put_le32(&whole, TO_SERVER);
  put_le32(&whole, type);
  uh_str_addn(&whole, (const char *)pool, UH_GUID_SIZE);
  uh_str_addn(&whole, (const char *)(pipeline ? pipeline : none), UH_GUID_SIZE);
  uh_str_addn(&whole, body, n);
  if (whole.failed) {
    out->failed = true;
    return;
  }
  uint64_t fragment = 0;
  for (size_t at = 0; at < whole.len; fragment++) {
    size_t part = whole.len - at < size - PSRP_FRAGMENT_HEADER ? whole.len - at : size - PSRP_FRAGMENT_HEADER;
    put_be(out, object, 8);
    put_be(out, fragment, 8);
    uh_str_addc(out, (char)((at == 0 ? FLAG_START : 0) | (at + part == whole.len ? FLAG_END : 0)));
    put_be(out, part, 4);
    uh_str_addn(out, whole.s + at, part);
    at += part;
  }
}

static uint64_t get_be(const uint8_t *s, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | s[i];
  return value;
}

static uint32_t get_le32(const uint8_t *s) {
  return (uint32_t)s[0] | (uint32_t)s[1] << 8 | (uint32_t)s[2] << 16 | (uint32_t)s[3] << 24;
}

size_t psrp_fragment_length(const char *s, size_t n) {
  return n < PSRP_FRAGMENT_HEADER ? 0 : PSRP_FRAGMENT_HEADER + (size_t)get_be((const uint8_t *)s + 17, 4);
}

/* ---- the server's ---- */

struct fragment {
  uint64_t object, id;
  unsigned flags;
  const uint8_t *blob;
  size_t n;
  uint64_t at; /* where its header begins in the stream */
};

static int UH_PRINTF(3, 4) bad(uint64_t at, struct uh_err *err, const char *fmt, ...) {
  char what[300];
  va_list ap;
  va_start(ap, fmt);
  uh_vprint(what, sizeof what, fmt, ap);
  va_end(ap);
  if (err && err->cls == UH_ERR_NONE) err->answer = UH_TIMEOUT;
  return uh_fail(err, UH_ERR_UNAVAILABLE, "byte %llu of the server's stream: %s", (unsigned long long)at, what);
}

static void forget(struct psrp_joiner *j, struct psrp_object *o) {
  struct psrp_object **link = &j->objects;
  while (*link && *link != o) link = &(*link)->next;
  if (*link) *link = o->next;
  j->held -= o->n;
  j->n--;
  free(o->data);
  free(o);
}

void psrp_joiner_clear(struct psrp_joiner *j) {
  while (j->objects) forget(j, j->objects);
  *j = (struct psrp_joiner){.max = j->max};
}

static struct psrp_object *find(const struct psrp_joiner *j, uint64_t id) {
  struct psrp_object *o = j->objects;
  while (o && o->id != id) o = o->next;
  return o;
}

static int begin(struct psrp_joiner *j, const struct fragment *f, struct psrp_object **ret, struct uh_err *err) {
  if (f->object <= j->last)
    return bad(f->at, err, "object %llu begins after object %llu: repeated, or out of order",
               (unsigned long long)f->object, (unsigned long long)j->last);
  if (f->id != 0)
    return bad(f->at, err, "object %llu begins with fragment %llu", (unsigned long long)f->object,
               (unsigned long long)f->id);
  if (j->n >= UH_PSRP_MAX_OPEN) return bad(f->at, err, "more than %d objects are unfinished", UH_PSRP_MAX_OPEN);
  struct psrp_object *o = calloc(1, sizeof *o);
  if (!o) return uh_fail_nomem(err);
  o->id = f->object;
  o->at = f->at;
  o->next = j->objects;
  j->objects = o;
  j->n++;
  j->last = f->object;
  *ret = o;
  return 0;
}

static int grow(struct psrp_joiner *j, struct psrp_object *o, const struct fragment *f, struct uh_err *err) {
  if (f->n > j->max - j->held)
    return bad(f->at, err, "object %llu is larger than %zu MiB", (unsigned long long)o->id, j->max >> 20);
  if (f->n > o->cap - o->n) {
    size_t cap = (o->n + f->n) * 2;
    char *data = realloc(o->data, cap);
    if (!data) return uh_fail_nomem(err);
    o->data = data;
    o->cap = cap;
  }
  if (f->n) memcpy(o->data + o->n, f->blob, f->n);
  o->n += f->n;
  j->held += f->n;
  return 0;
}

static int deliver(const struct psrp_object *o, psrp_message_fn message, void *user, struct uh_err *err) {
  const uint8_t *s = (const uint8_t *)o->data;
  if (o->n < PSRP_MESSAGE_HEADER)
    return bad(o->at, err, "object %llu has %zu bytes, and a message's header has %zu", (unsigned long long)o->id, o->n,
               PSRP_MESSAGE_HEADER);
  struct psrp_message m = {
      .type = get_le32(s + 4), .body = o->data + PSRP_MESSAGE_HEADER, .n = o->n - PSRP_MESSAGE_HEADER, .at = o->at};
  memcpy(m.pipeline, s + 24, sizeof m.pipeline);
  if (get_le32(s) == TO_SERVER) return bad(o->at, err, "a message for the server came back");
  return message(user, &m, err);
}

static int take(struct psrp_joiner *j, const struct fragment *f, psrp_message_fn message, void *user,
                struct uh_err *err) {
  if (f->object == 0) return bad(f->at, err, "a fragment of object 0");
  struct psrp_object *o = find(j, f->object);
  bool starts = f->flags & FLAG_START;
  if (starts && o)
    return bad(f->at, err, "object %llu begins a second time before its end", (unsigned long long)f->object);
  if (!starts && !o)
    return bad(f->at, err, "fragment %llu of object %llu, whose beginning did not come", (unsigned long long)f->id,
               (unsigned long long)f->object);
  if (starts && begin(j, f, &o, err) < 0) return -1;
  if (!o) return -1; /* begin() made it */
  if (f->id != o->fragment)
    return bad(f->at, err, "fragment %llu of object %llu came where %llu was due", (unsigned long long)f->id,
               (unsigned long long)f->object, (unsigned long long)o->fragment);
  if (grow(j, o, f, err) < 0) return -1;
  o->fragment++;
  if (!(f->flags & FLAG_END)) return 0;
  int rc = deliver(o, message, user, err);
  forget(j, o);
  return rc;
}

int psrp_join(struct psrp_joiner *j, const void *data, size_t n, psrp_message_fn message, void *user,
              struct uh_err *err) {
  const uint8_t *s = data;
  while (n > 0) {
    if (n < PSRP_FRAGMENT_HEADER)
      return bad(j->at, err, "%zu bytes are no fragment: its header alone has %zu", n, PSRP_FRAGMENT_HEADER);
    struct fragment f = {.object = get_be(s, 8),
                         .id = get_be(s + 8, 8),
                         .flags = s[16],
                         .n = (size_t)get_be(s + 17, 4),
                         .blob = s + PSRP_FRAGMENT_HEADER,
                         .at = j->at};
    if (f.n > n - PSRP_FRAGMENT_HEADER)
      return bad(f.at, err, "a fragment says that it has %zu bytes, and %zu came", f.n, n - PSRP_FRAGMENT_HEADER);
    size_t whole = PSRP_FRAGMENT_HEADER + f.n;
    j->at += whole;
    if (take(j, &f, message, user, err) < 0) return -1;
    s += whole;
    n -= whole;
  }
  return 0;
}
