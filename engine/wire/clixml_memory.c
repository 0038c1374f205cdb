/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "wire/clixml_private.h"

#define CHUNK_BYTES ((size_t)256 * 1024)
#define ALIGNMENT 8u
#define COPY_BYTES 8192 /* of one value that a later object refers to */
#define COPY_DEPTH 3

struct chunk {
  struct chunk *next;
  uint64_t last_object; /* the newest object that has something here */
  size_t used, size;
  _Alignas(16) char data[];
};

void arena_init(struct arena *a, size_t limit) {
  *a = (struct arena){.limit = limit, .object = 1, .alive = 1};
}

static struct chunk *chunk_new(struct arena *a, size_t n) {
  struct chunk *c = a->spare;
  if (n <= CHUNK_BYTES && c) {
    a->spare = NULL;
  } else {
    size_t size = n > CHUNK_BYTES ? n : CHUNK_BYTES;
    c = malloc(sizeof *c + size);
    if (!c) return NULL;
    c->size = size;
  }
  c->next = NULL;
  c->used = 0;
  a->held += c->size;
  if (a->newest)
    a->newest->next = c;
  else
    a->oldest = c;
  a->newest = c;
  return c;
}

static char *take(struct arena *a, size_t n, size_t align) {
  struct chunk *c = a->newest;
  if (n > a->limit - a->object_bytes) return NULL;
  size_t at = c ? (c->used + align - 1) & ~(align - 1) : 0;
  if (!c || at > c->size || n > c->size - at) {
    c = chunk_new(a, n);
    if (!c) return NULL;
    at = 0;
  }
  c->used = at + n;
  c->last_object = a->object;
  a->object_bytes += n;
  return c->data + at;
}

void *arena_take(struct arena *a, size_t n) {
  char *p = take(a, n, ALIGNMENT);
  if (p) memset(p, 0, n);
  return p;
}

char *arena_room(struct arena *a, size_t n) {
  return take(a, n, 1);
}

void arena_shrink(struct arena *a, const char *room, size_t n, size_t used) {
  struct chunk *c = a->newest;
  if (room + n != c->data + c->used) return;
  c->used -= n - used;
  a->object_bytes -= n - used;
}

char *arena_text(struct arena *a, const char *s, size_t n) {
  char *p = arena_room(a, n + 1);
  if (!p) return NULL;
  memcpy(p, s, n);
  p[n] = '\0';
  return p;
}

/* An object that lost a part is forgotten as a whole: whoever points into it does so through ids, which ask `alive`. */
void arena_object(struct arena *a, size_t remember) {
  while (a->oldest != a->newest && a->held > remember) {
    struct chunk *c = a->oldest;
    a->oldest = c->next;
    a->held -= c->size;
    a->alive = c->last_object + 1;
    if (!a->spare && c->size == CHUNK_BYTES)
      a->spare = c;
    else
      free(c);
  }
  if (a->newest && a->held > remember) { /* one chunk larger than all that may be kept */
    free(a->newest);
    a->oldest = a->newest = NULL;
    a->held = 0;
    a->alive = a->object + 1;
  }
  a->object++;
  a->object_bytes = 0;
}

void arena_clear(struct arena *a) {
  for (struct chunk *c = a->oldest, *next; c; c = next) {
    next = c->next;
    free(c);
  }
  free(a->spare);
  *a = (struct arena){0};
}

/* Ids are mostly numbers in a row: those become neighbours in the table, and stay in the cache. The seed keeps numbers
 * that were chosen for it from meeting all in one place. */
static uint64_t number_hash(const char *s, size_t n) {
  static const char seed;
  uint64_t value = 0;
  for (size_t i = 0; i < n; i++) {
    if (s[i] < '0' || s[i] > '9') return 0;
    value = value * 10 + (uint64_t)(s[i] - '0');
  }
  return 1 + value + (value >> 10) * (((uint64_t)(uintptr_t)&seed * 0x9E3779B97F4A7C15u) | 1u);
}

static uint64_t hash_of(const char *s, size_t n) {
  uint64_t number = n <= 9 ? number_hash(s, n) : 0;
  if (number) return number;
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 1099511628211u;
  h ^= h >> 29;
  return h ? h : 1;
}

static bool alive_entry(const struct id_entry *e, uint64_t alive) {
  return e->object >= alive;
}

static struct id_entry *find(const struct ids *ids, uint64_t alive, uint64_t hash, const char *id, size_t n) {
  size_t mask = ids->size - 1;
  for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
    struct id_entry *e = &ids->v[i];
    if (e->hash == 0) return e;
    if (e->hash == hash && alive_entry(e, alive) && e->id_n == n && memcmp(e->id, id, n) == 0) return e;
  }
}

/* Grows only where what is alive needs it: ids of forgotten objects go. A quarter full, so that it is not soon again.
 */
static int rehash(struct ids *ids, uint64_t alive) {
  size_t living = 0, size = 256;
  for (size_t i = 0; i < ids->size; i++)
    if (ids->v[i].hash && alive_entry(&ids->v[i], alive)) living++;
  while (size < living * 4) size *= 2;
  struct ids new = {.v = calloc(size, sizeof *new.v), .size = size, .used = living};
  if (!new.v) return -1;
  for (size_t i = 0; i < ids->size; i++) {
    const struct id_entry *e = &ids->v[i];
    if (!e->hash || !alive_entry(e, alive)) continue;
    size_t at = (size_t)e->hash & (size - 1);
    while (new.v[at].hash) at = (at + 1) & (size - 1);
    new.v[at] = *e;
  }
  free(ids->v);
  *ids = new;
  return 0;
}

int ids_put(struct ids *ids, uint64_t alive, const char *id, size_t n, uint64_t object, void *thing) {
  if ((ids->used + 1) * 4 > ids->size * 3 && rehash(ids, alive) < 0) return -1;
  uint64_t hash = hash_of(id, n);
  struct id_entry *e = find(ids, alive, hash, id, n);
  if (e->hash == 0) ids->used++;
  *e = (struct id_entry){.hash = hash, .object = object, .id = id, .id_n = (uint32_t)n, .thing = thing};
  return 0;
}

const struct id_entry *ids_get(const struct ids *ids, uint64_t alive, const char *id, size_t n) {
  if (ids->size == 0) return NULL;
  const struct id_entry *e = find(ids, alive, hash_of(id, n), id, n);
  return e->hash ? e : NULL;
}

void ids_clear(struct ids *ids) {
  free(ids->v);
  *ids = (struct ids){0};
}

/* A small copy of a value of an earlier object, for good. What does not fit is marked as cut, or lost. */
static struct uh_clixml_value *copy_value(struct arena *shared, const struct uh_clixml_value *v, int depth,
                                          size_t *left);

static bool copy_list(struct arena *shared, const struct uh_clixml_value *from, struct uh_clixml_value **to, int depth,
                      size_t *left) {
  for (; from; from = from->next) {
    struct uh_clixml_value *one = copy_value(shared, from, depth, left);
    if (!one) return false;
    *to = one;
    to = &one->next;
  }
  return true;
}

static bool copy_text(struct arena *shared, const char *s, uint32_t n, const char **ret, size_t *left) {
  if (!s) return true;
  if ((size_t)n + 1 > *left) return false;
  *left -= (size_t)n + 1;
  *ret = arena_text(shared, s, n);
  return *ret != NULL;
}

static void copy_object(struct arena *shared, struct object *to, const struct object *from, int depth, size_t *left) {
  to->types = from->types;
  to->v.container = from->v.container;
  to->v.cut = from->v.cut || depth <= 0;
  if (depth <= 0) return;
  const struct uh_clixml_value *target = from->base;
  if (from->v.tag == TAG_Ref) {
    to->base = target ? copy_value(shared, target, depth - 1, left) : NULL;
    return;
  }
  bool whole = !target || copy_list(shared, target, &to->base, depth, left);
  if (!copy_list(shared, from->items, &to->items, depth - 1, left)) {
    to->items = NULL; /* half a list would look like a whole one */
    to->v.container = 0;
    whole = false;
  }
  whole = copy_list(shared, from->props, &to->props, depth - 1, left) && whole;
  whole = copy_list(shared, from->ms, &to->ms, depth - 1, left) && whole;
  if (!whole) to->v.cut = true;
}

static struct uh_clixml_value *copy_value(struct arena *shared, const struct uh_clixml_value *v, int depth,
                                          size_t *left) {
  size_t size = is_object(v) ? sizeof(struct object) : sizeof *v;
  if (size > *left) return NULL;
  *left -= size;
  struct uh_clixml_value *to = arena_take(shared, size);
  if (!to) return NULL;
  to->tag = v->tag;
  to->name_n = v->name_n;
  to->text_n = v->text_n;
  if (!copy_text(shared, v->name, v->name_n, &to->name, left) ||
      !copy_text(shared, v->text, v->text_n, &to->text, left))
    return NULL;
  if (is_object(v)) copy_object(shared, as_object(to), (const struct object *)(const void *)v, depth, left);
  if (is_object(v) && to->cut && to->container && !as_object(to)->items) to->container = 0;
  return to;
}

struct uh_clixml_value *clixml_copy(struct arena *shared, const struct uh_clixml_value *v) {
  size_t left = COPY_BYTES;
  return copy_value(shared, v, COPY_DEPTH, &left);
}
