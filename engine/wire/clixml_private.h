/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CLIXML_PRIVATE_H
#define UH_CLIXML_PRIVATE_H
#include "wire/clixml.h"
#include "wire/utf16.h"

enum tag { /* X(name): the elements of CLIXML; the primitives first, see is_primitive */
           TAG_UNKNOWN = 0,
           TAG_S,
           TAG_C,
           TAG_B,
           TAG_By,
           TAG_SB,
           TAG_U16,
           TAG_I16,
           TAG_U32,
           TAG_I32,
           TAG_U64,
           TAG_I64,
           TAG_Sg,
           TAG_Db,
           TAG_D,
           TAG_DT,
           TAG_TS,
           TAG_G,
           TAG_BA,
           TAG_URI,
           TAG_XD,
           TAG_SBK,
           TAG_Version,
           TAG_SemanticVersion,
           TAG_SS,
           TAG_PRIMITIVES, /* end of the primitives */
           TAG_PR,
           TAG_Nil,
           TAG_Obj,
           TAG_Ref,
           TAG_VALUES, /* end of the values */
           TAG_Objs,
           TAG_TN,
           TAG_TNRef,
           TAG_T,
           TAG_ToString,
           TAG_Props,
           TAG_MS,
           TAG_LST,
           TAG_IE,
           TAG_QUE,
           TAG_STK,
           TAG_DCT,
           TAG_En,
           TAG_MAX
};

struct types {
  unsigned n;
  struct type {
    struct type *next;
    char name[]; /* NUL-terminated */
  } * first;
};

/* A value. Those with TAG_Obj and TAG_Ref are allocated as struct object. A Ref's target stands in base. */
struct uh_clixml_value {
  struct uh_clixml_value *next;
  const char *name; /* NULL: none */
  const char *text; /* primitive: decoded; object: ToString; NULL: none */
  uint32_t name_n, text_n;
  uint8_t tag;
  uint8_t container; /* object: TAG_LST..TAG_DCT, 0 none */
  bool cut;          /* object: a small copy, what it lacks was not kept */
};
struct object {
  struct uh_clixml_value v;
  struct uh_clixml_value *props, *ms, *items, *base; /* a dictionary's items: key, value, key, value.. (never NULL) */
  const struct types *types;
  const char *id;
  uint32_t id_n;
};

static inline bool is_object(const struct uh_clixml_value *v) {
  return v->tag == TAG_Obj || v->tag == TAG_Ref;
}
static inline struct object *as_object(struct uh_clixml_value *v) {
  return (struct object *)(void *)v;
}

/* ---- memory: chunks in the order of their making; the oldest are let go between objects ---- */
struct chunk;
struct arena {
  struct chunk *oldest, *newest, *spare;
  size_t held;         /* bytes of all chunks */
  size_t object_bytes; /* taken since arena_object() */
  size_t limit;        /* of object_bytes */
  uint64_t object;     /* number of the object being made, from 1 */
  uint64_t alive;      /* objects from this number on are still there */
};
void arena_init(struct arena *a, size_t limit);
void *arena_take(struct arena *a, size_t n);                /* zeroed, aligned; NULL: no memory, or over the limit */
char *arena_text(struct arena *a, const char *s, size_t n); /* a copy with NUL */
char *arena_room(struct arena *a, size_t n);                /* n bytes, not zeroed, not aligned */
void arena_shrink(struct arena *a, const char *room, size_t n, size_t used); /* gives back the end of the last room */
void arena_object(struct arena *a, size_t remember);                         /* the object is over */
void arena_clear(struct arena *a);

/* A small copy of a value of an earlier object, for good. What does not fit is marked as cut, or lost. NULL: no room.
 */
struct uh_clixml_value *clixml_copy(struct arena *shared, const struct uh_clixml_value *v);

/* ---- ids: strings to things, of objects that are still there ---- */
#define ID_FOREVER UINT64_MAX
struct id_entry {
  uint64_t hash;   /* 0: free */
  uint64_t object; /* number of its top-level object, or ID_FOREVER */
  const char *id;
  void *thing;
  uint32_t id_n;
};
struct ids {
  struct id_entry *v;
  size_t size, used;
};
int ids_put(struct ids *ids, uint64_t alive, const char *id, size_t n, uint64_t object, void *thing);
const struct id_entry *ids_get(const struct ids *ids, uint64_t alive, const char *id, size_t n);
void ids_clear(struct ids *ids);

/* ---- text ---- */
#define REPLACEMENT 0xFFFDu
/* _xHHHH_ and _xHHHHHHHH_ decoded in one pass (.NET XmlConvert.DecodeName); out has room for n bytes. Returns bytes. */
size_t clixml_decode(const char *s, size_t n, char *out);
#endif
