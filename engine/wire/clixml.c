/* SPDX-License-Identifier: Apache-2.0 */
/* The reader: the scanner of XML below, trees of one top-level object above. */
#include "wire/clixml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "wire/clixml_private.h"
#include "wire/xml_scan.h"

#define NAMESPACE "http://schemas.microsoft.com/powershell/2004/04"
#define FEED_BYTES ((size_t)64 * 1024)
#define HEAD_BYTES 64 /* enough for a byte order mark and "#< CLIXML" in UTF-16 */

/* What the children and the text of an open element mean. */
enum mode {
  MODE_OBJS,
  MODE_OBJECT,
  MODE_LIST,
  MODE_DICTIONARY,
  MODE_ENTRY,
  MODE_MEMBERS, /* Props or MS */
  MODE_TYPES,
  MODE_TEXT,   /* a primitive, T or ToString */
  MODE_NOTHING /* Nil, Ref, TNRef, and what is not kept: text is dropped, elements in it too */
};
struct frame {
  enum mode mode;
  uint8_t tag;
  bool top;                          /* of a top-level object */
  struct uh_clixml_value *node;      /* the value that this element is, or belongs to */
  struct uh_clixml_value **tail;     /* where the next child goes */
  struct uh_clixml_value *key, *val; /* of an entry */
};

struct uh_clixml {
  uh_clixml_object_fn object;
  void *user;
  bool (*wanted)(void *user, const char *name, size_t n); /* NULL: everything */
  void *wanted_user;
  struct uh_xml *xml;
  struct uh_err err;
  struct frame stack[UH_CLIXML_MAX_DEPTH];
  char stream[33]; /* of the top-level value being read */
  unsigned depth;  /* open elements */
  bool finished;
  int64_t count;
  struct arena arena, shared; /* of recent objects; of types and small copies */
  struct ids objects, types;
  struct types *open_types;
  struct type **types_tail;
  struct {
    char *s;
    size_t n, cap;
  } text;
  /* the encoding */
  bool started, wide;
  uint8_t head[HEAD_BYTES];
  size_t head_n;
  struct uh_utf16 utf16;
  char *wide_buf;
  uint8_t tags[256], tags_next[TAG_MAX]; /* by tag_slot */
};

/* ---- failing ---- */

static void UH_PRINTF(2, 3) reject(struct uh_clixml *r, const char *fmt, ...) {
  char what[400];
  va_list ap;
  va_start(ap, fmt);
  uh_vprint(what, sizeof what, fmt, ap);
  va_end(ap);
  if (r->err.cls != UH_ERR_NONE) return;
  int64_t line, column;
  uh_xml_place(r->xml, &line, &column);
  uh_fail(&r->err, UH_ERR_DATA, "line %lld, column %lld: %s", (long long)line, (long long)column, what);
  uh_xml_stop(r->xml);
}

static void reject_memory(struct uh_clixml *r, bool shared) {
  const struct arena *a = shared ? &r->shared : &r->arena;
  if (a->limit - a->object_bytes < a->limit / 4)
    reject(r, shared ? "more than %d MiB of type names" : "an object takes more than %d MiB", (int)(a->limit >> 20));
  else
    uh_fail_nomem(&r->err);
  uh_xml_stop(r->xml);
}

/* ---- tags ---- */

static const char *const tag_names[TAG_MAX] = {[TAG_S] = "S",
                                               [TAG_C] = "C",
                                               [TAG_B] = "B",
                                               [TAG_By] = "By",
                                               [TAG_SB] = "SB",
                                               [TAG_U16] = "U16",
                                               [TAG_I16] = "I16",
                                               [TAG_U32] = "U32",
                                               [TAG_I32] = "I32",
                                               [TAG_U64] = "U64",
                                               [TAG_I64] = "I64",
                                               [TAG_Sg] = "Sg",
                                               [TAG_Db] = "Db",
                                               [TAG_D] = "D",
                                               [TAG_DT] = "DT",
                                               [TAG_TS] = "TS",
                                               [TAG_G] = "G",
                                               [TAG_BA] = "BA",
                                               [TAG_URI] = "URI",
                                               [TAG_XD] = "XD",
                                               [TAG_SBK] = "SBK",
                                               [TAG_Version] = "Version",
                                               [TAG_SemanticVersion] = "SemanticVersion",
                                               [TAG_SS] = "SS",
                                               [TAG_PR] = "PR",
                                               [TAG_Nil] = "Nil",
                                               [TAG_Obj] = "Obj",
                                               [TAG_Ref] = "Ref",
                                               [TAG_Objs] = "Objs",
                                               [TAG_TN] = "TN",
                                               [TAG_TNRef] = "TNRef",
                                               [TAG_T] = "T",
                                               [TAG_ToString] = "ToString",
                                               [TAG_Props] = "Props",
                                               [TAG_MS] = "MS",
                                               [TAG_LST] = "LST",
                                               [TAG_IE] = "IE",
                                               [TAG_QUE] = "QUE",
                                               [TAG_STK] = "STK",
                                               [TAG_DCT] = "DCT",
                                               [TAG_En] = "En"};

static unsigned tag_slot(const char *name, size_t n) {
  return ((unsigned)n * 32 + (unsigned char)name[0] + (unsigned char)name[n - 1] * 5u) & 0xffu;
}

static void index_tags(struct uh_clixml *r) {
  for (unsigned i = 1; i < TAG_MAX; i++) {
    if (!tag_names[i]) continue;
    uint8_t *slot = &r->tags[tag_slot(tag_names[i], strlen(tag_names[i]))];
    r->tags_next[i] = *slot;
    *slot = (uint8_t)i;
  }
}

static enum tag tag_of(const struct uh_clixml *r, const char *name, size_t n) {
  for (unsigned i = n ? r->tags[tag_slot(name, n)] : 0; i; i = r->tags_next[i])
    if (strncmp(tag_names[i], name, n) == 0 && !tag_names[i][n]) return (enum tag)i;
  return TAG_UNKNOWN;
}

struct attributes {
  const char *name, *id, *stream, *version;
  size_t name_n, id_n, stream_n, version_n;
};

static bool is_attribute(const struct uh_xml_attribute *a, const char *name, size_t n) {
  return a->name_n == n && memcmp(a->name, name, n) == 0;
}

static struct attributes attributes_of(const struct uh_xml_attribute *a, unsigned n) {
  struct attributes out = {0};
  for (const struct uh_xml_attribute *end = a + n; a < end; a++) {
    if (is_attribute(a, "N", 1)) {
      out.name = a->value;
      out.name_n = a->value_n;
    } else if (is_attribute(a, "RefId", 5)) {
      out.id = a->value;
      out.id_n = a->value_n;
    } else if (is_attribute(a, "S", 1)) {
      out.stream = a->value;
      out.stream_n = a->value_n;
    } else if (is_attribute(a, "Version", 7)) {
      out.version = a->value;
      out.version_n = a->value_n;
    }
  }
  return out;
}

/* ---- making values ---- */

static char *take_text(struct arena *a, const char *s, size_t n, bool decode, uint32_t *ret_n) {
  if (n > UH_CLIXML_MAX_TEXT) return NULL;
  if (!decode || !memchr(s, '_', n)) {
    *ret_n = (uint32_t)n;
    return arena_text(a, s, n);
  }
  char *room = arena_room(a, n + 1);
  if (!room) return NULL;
  size_t used = clixml_decode(s, n, room);
  room[used] = '\0';
  arena_shrink(a, room, n + 1, used + 1);
  *ret_n = (uint32_t)used;
  return room;
}

static struct uh_clixml_value *make_value(struct uh_clixml *r, enum tag tag, const struct attributes *a, bool named) {
  bool object = tag == TAG_Obj || tag == TAG_Ref;
  struct uh_clixml_value *v = arena_take(&r->arena, object ? sizeof(struct object) : sizeof *v);
  if (v) {
    v->tag = (uint8_t)tag;
    if (named && a->name) v->name = take_text(&r->arena, a->name, a->name_n, true, &v->name_n);
    if (!named || !a->name || v->name) return v;
  }
  reject_memory(r, false);
  return NULL;
}

static struct uh_clixml_value *remember(struct uh_clixml *r, const struct id_entry *e) {
  if (e->object == ID_FOREVER || e->object == r->arena.object) return e->thing;
  if (r->shared.object_bytes > UH_CLIXML_MAX_SHARED / 2) return NULL; /* the rest is for types */
  struct uh_clixml_value *kept = clixml_copy(&r->shared, e->thing);
  char *id = kept ? arena_text(&r->shared, e->id, e->id_n) : NULL;
  if (!id) return NULL; /* no room: not obtained */
  if (ids_put(&r->objects, r->arena.alive, id, e->id_n, ID_FOREVER, kept) < 0) return NULL;
  return kept;
}

static void resolve(struct uh_clixml *r, struct object *ref, const struct attributes *a) {
  const struct id_entry *e = a->id ? ids_get(&r->objects, r->arena.alive, a->id, a->id_n) : NULL;
  if (!e) return;
  ref->base = r->depth <= 1 ? e->thing : remember(r, e); /* a top-level Ref is looked at at once */
}

static void register_object(struct uh_clixml *r, struct object *o, const struct attributes *a) {
  if (!a->id) return;
  o->id = take_text(&r->arena, a->id, a->id_n, false, &o->id_n);
  if (!o->id || ids_put(&r->objects, r->arena.alive, o->id, o->id_n, r->arena.object, o) < 0) reject_memory(r, false);
}

/* ---- elements ---- */

static struct frame *push(struct uh_clixml *r, enum mode mode, enum tag tag, struct uh_clixml_value *node) {
  struct frame *f = &r->stack[r->depth++];
  *f = (struct frame){.mode = mode, .tag = (uint8_t)tag, .node = node};
  r->text.n = 0;
  return f;
}

static bool is_dropped(enum tag tag, const struct attributes *a) {
  static const char name[] = "SerializationData";
  return tag == TAG_BA && a->name_n == sizeof name - 1 && memcmp(a->name, name, sizeof name - 1) == 0;
}

static void attach(struct frame *parent, struct uh_clixml_value *v, const struct attributes *a) {
  if (parent->mode == MODE_ENTRY) {
    bool key = a->name_n == 3 && strncasecmp(a->name, "Key", 3) == 0;
    struct uh_clixml_value **place = key ? &parent->key : &parent->val;
    if (!*place) *place = v;
  } else if (parent->mode == MODE_OBJECT) {
    struct object *o = as_object(parent->node);
    if (!o->base) o->base = v;
  } else if (parent->tail) {
    *parent->tail = v;
    parent->tail = &v->next;
  }
}

/* A property that nobody reads. An object may be referred to, so it is kept. */
static bool is_unwanted(const struct uh_clixml *r, const struct frame *parent, enum tag tag,
                        const struct attributes *a) {
  if (!r->wanted || !parent->top || tag == TAG_Obj) return false;
  return !r->wanted(r->wanted_user, a->name, a->name_n);
}

static void start_value(struct uh_clixml *r, enum tag tag, const struct attributes *a) {
  struct frame *parent = r->depth ? &r->stack[r->depth - 1] : NULL;
  bool members = parent && parent->mode == MODE_MEMBERS;
  if ((members && (!a->name || is_unwanted(r, parent, tag, a))) || is_dropped(tag, a) || tag == TAG_PR) {
    /* Nothing can ask for a property without name; SerializationData is never looked into. */
    (void)push(r, MODE_NOTHING, tag, NULL);
    uh_xml_skip(r->xml);
    return;
  }
  struct uh_clixml_value *v = make_value(r, tag, a, members);
  if (!v) return;
  if (parent && parent->mode != MODE_OBJS)
    attach(parent, v, a);
  else
    (void)snprintf(r->stream, sizeof r->stream, "%.*s", (int)(a->stream_n < 32 ? a->stream_n : 32),
                   a->stream ? a->stream : "");
  if (tag == TAG_Obj) {
    push(r, MODE_OBJECT, tag, v)->top = !parent || parent->mode == MODE_OBJS;
    register_object(r, as_object(v), a);
  } else if (tag == TAG_Ref) {
    (void)push(r, MODE_NOTHING, tag, v);
    resolve(r, as_object(v), a);
  } else {
    (void)push(r, tag == TAG_Nil || tag == TAG_SS ? MODE_NOTHING : MODE_TEXT, tag, v);
  }
}

static void start_types(struct uh_clixml *r, enum tag tag, const struct attributes *a, struct object *o) {
  if (tag == TAG_TNRef) {
    const struct id_entry *e = a->id ? ids_get(&r->types, 0, a->id, a->id_n) : NULL;
    if (e) o->types = e->thing; /* an unknown id: the type is not known, the values are */
    (void)push(r, MODE_NOTHING, tag, NULL);
    return;
  }
  struct types *types = arena_take(&r->shared, sizeof *types);
  char *id = types && a->id ? arena_text(&r->shared, a->id, a->id_n) : NULL;
  if (!types || (a->id && !id) || (id && ids_put(&r->types, 0, id, a->id_n, ID_FOREVER, types) < 0)) {
    reject_memory(r, true);
    return;
  }
  o->types = types;
  r->open_types = types;
  r->types_tail = &types->first;
  (void)push(r, MODE_TYPES, tag, NULL);
}

static void start_in_object(struct uh_clixml *r, struct frame *f, enum tag tag, const struct attributes *a) {
  struct object *o = as_object(f->node);
  struct frame *in;
  switch (tag) {
    case TAG_TN:
    case TAG_TNRef: start_types(r, tag, a, o); return;
    case TAG_ToString: (void)push(r, MODE_TEXT, tag, f->node); return;
    case TAG_Props:
    case TAG_MS:
      if (r->wanted && !f->top && f->node->text) {
        (void)push(r, MODE_NOTHING, tag, NULL);
        uh_xml_skip(r->xml);
        return;
      }
      in = push(r, MODE_MEMBERS, tag, f->node);
      in->top = f->top;
      in->tail = tag == TAG_Props ? &o->props : &o->ms;
      while (*in->tail) in->tail = &(*in->tail)->next;
      return;
    case TAG_LST:
    case TAG_IE:
    case TAG_QUE:
    case TAG_STK:
    case TAG_DCT:
      in = push(r, tag == TAG_DCT ? MODE_DICTIONARY : MODE_LIST, tag, f->node);
      if (o->v.container) { /* a second one: the first counts */
        in->mode = MODE_NOTHING;
        uh_xml_skip(r->xml);
        return;
      }
      o->v.container = (uint8_t)tag;
      in->tail = &o->items;
      return;
    default: break;
  }
  if (tag > TAG_UNKNOWN && tag < TAG_VALUES)
    start_value(r, tag, a);
  else
    reject(r, "<%s> does not belong in <Obj>", tag_names[tag] ? tag_names[tag] : "?");
}

/* The namespace that the root element is in, by its own declarations: "xmlns", or "xmlns:p" where it is <p:Objs>. */
static bool is_foreign(const char *name, size_t prefix_n, const struct uh_xml_attribute *a, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    bool declares = prefix_n ? a[i].name_n == 6 + prefix_n && memcmp(a[i].name, "xmlns:", 6) == 0 &&
                                   memcmp(a[i].name + 6, name, prefix_n) == 0
                             : is_attribute(&a[i], "xmlns", 5);
    if (declares) return a[i].value_n != sizeof NAMESPACE - 1 || memcmp(a[i].value, NAMESPACE, a[i].value_n) != 0;
  }
  return false;
}

static void start_root(struct uh_clixml *r, enum tag tag, const char *name, size_t n, const struct attributes *a) {
  if (tag > TAG_UNKNOWN && tag < TAG_VALUES) {
    start_value(r, tag, a);
  } else if (tag != TAG_Objs) {
    reject(r, "not CLIXML: the root element is <%.*s>", UH_HEAD(name, (int)(n < 40 ? n : 40)));
  } else if (a->version && (a->version_n < 2 || memcmp(a->version, "1.", 2) != 0)) {
    reject(r, "CLIXML of version %.*s is not known", UH_HEAD(a->version, (int)(a->version_n < 20 ? a->version_n : 20)));
  } else {
    (void)push(r, MODE_OBJS, tag, NULL);
  }
}

static void start_child(struct uh_clixml *r, enum tag tag, const char *name, size_t n, const struct attributes *a) {
  struct frame *f = &r->stack[r->depth - 1];
  bool value = tag > TAG_UNKNOWN && tag < TAG_VALUES;
  switch (f->mode) {
    case MODE_OBJECT: start_in_object(r, f, tag, a); return;
    case MODE_MEMBERS:
      if (tag == TAG_MS) { /* a set of names of properties */
        (void)push(r, MODE_NOTHING, tag, NULL);
        uh_xml_skip(r->xml);
        return;
      }
      break;
    case MODE_DICTIONARY:
      if (tag == TAG_En) {
        (void)push(r, MODE_ENTRY, tag, f->node);
        return;
      }
      value = false;
      break;
    case MODE_TYPES:
      if (tag == TAG_T) {
        (void)push(r, MODE_TEXT, tag, NULL);
        return;
      }
      value = false;
      break;
    case MODE_TEXT:
    case MODE_NOTHING: value = false; break;
    case MODE_OBJS:
    case MODE_LIST:
    case MODE_ENTRY: break;
  }
  if (value)
    start_value(r, tag, a);
  else
    reject(r, "<%.*s> does not belong in <%s>", UH_HEAD(name, (int)(n < 40 ? n : 40)), tag_names[f->tag]);
}

static void on_start(void *user, const char *name, size_t n, const struct uh_xml_attribute *attributes,
                     unsigned attributes_n) {
  struct uh_clixml *r = user;
  if (r->err.cls != UH_ERR_NONE) return;
  const char *colon = memchr(name, ':', n);
  size_t prefix_n = colon ? (size_t)(colon - name) : 0, skip = colon ? prefix_n + 1 : 0;
  struct attributes a = attributes_of(attributes, attributes_n);
  enum tag tag = tag_of(r, name + skip, n - skip);
  if (r->depth > 0)
    start_child(r, tag, name + skip, n - skip, &a);
  else
    start_root(r, is_foreign(name, prefix_n, attributes, attributes_n) ? TAG_UNKNOWN : tag, name + skip, n - skip, &a);
}

/* ---- ends ---- */

static bool is_escaped(unsigned tag) {
  return tag == TAG_S || tag == TAG_T || tag == TAG_ToString || tag == TAG_URI || tag == TAG_XD || tag == TAG_SBK;
}

static void end_type(struct uh_clixml *r) {
  struct type *t = arena_take(&r->shared, sizeof *t + r->text.n + 1);
  if (!t) {
    reject_memory(r, true);
    return;
  }
  (void)clixml_decode(r->text.s ? r->text.s : "", r->text.n, t->name);
  *r->types_tail = t;
  r->types_tail = &t->next;
  r->open_types->n++;
}

static void end_text(struct uh_clixml *r, const struct frame *f) {
  if (f->tag == TAG_T) {
    end_type(r);
    return;
  }
  struct uh_clixml_value *v = f->node;
  v->text = take_text(&r->arena, r->text.s ? r->text.s : "", r->text.n, is_escaped(f->tag), &v->text_n);
  if (!v->text) reject_memory(r, false);
}

static void end_entry(struct uh_clixml *r, const struct frame *f) {
  static const struct attributes none;
  struct frame *dictionary = &r->stack[r->depth - 1];
  if (!f->key) return;
  struct uh_clixml_value *val = f->val;
  if (!val) val = make_value(r, TAG_Ref, &none, false); /* an entry without value: lost */
  if (!val) return;
  *dictionary->tail = f->key;
  f->key->next = val;
  dictionary->tail = &val->next;
}

static void deliver(struct uh_clixml *r, const struct uh_clixml_value *v) {
  const struct uh_clixml_value *object = v;
  if (v->tag == TAG_Ref && ((const struct object *)(const void *)v)->base)
    object = ((const struct object *)(const void *)v)->base;
  r->count++;
  if (r->object(r->user, object, r->stream, &r->err) < 0) {
    if (r->err.cls == UH_ERR_NONE)
      uh_fail(&r->err, UH_ERR_INTERNAL, "the reader of an object stopped without a reason");
    uh_xml_stop(r->xml);
  }
  arena_object(&r->arena, UH_CLIXML_REMEMBER);
}

static void on_end(void *user) {
  struct uh_clixml *r = user;
  if (r->err.cls != UH_ERR_NONE || r->depth == 0) return;
  struct frame f = r->stack[--r->depth];
  if (f.mode == MODE_TEXT) end_text(r, &f);
  if (f.mode == MODE_ENTRY) end_entry(r, &f);
  if (r->err.cls != UH_ERR_NONE || f.mode == MODE_OBJS || !f.node) return;
  bool value = f.tag < TAG_VALUES;
  if (value && (r->depth == 0 || (r->depth == 1 && r->stack[0].mode == MODE_OBJS))) deliver(r, f.node);
}

static void on_text(void *user, const char *s, size_t len) {
  struct uh_clixml *r = user;
  if (r->err.cls != UH_ERR_NONE || r->depth == 0 || r->stack[r->depth - 1].mode != MODE_TEXT) return;
  if (len > UH_CLIXML_MAX_TEXT - r->text.n) {
    reject(r, "a text is longer than %zu MiB", UH_CLIXML_MAX_TEXT >> 20);
    return;
  }
  if (len > r->text.cap - r->text.n) {
    size_t cap = (r->text.n + len) * 2;
    char *grown = realloc(r->text.s, cap);
    if (!grown) {
      uh_fail_nomem(&r->err);
      uh_xml_stop(r->xml);
      return;
    }
    r->text.s = grown;
    r->text.cap = cap;
  }
  memcpy(r->text.s + r->text.n, s, len);
  r->text.n += len;
}

/* ---- opening, feeding ---- */

void uh_clixml_choose(struct uh_clixml *r, bool (*wanted)(void *user, const char *name, size_t n), void *user) {
  r->wanted = wanted;
  r->wanted_user = user;
}

int uh_clixml_open(uh_clixml_object_fn object, void *user, struct uh_clixml **ret_reader, struct uh_err *err) {
  UH_CLEANUP(uh_clixml_freep) struct uh_clixml *r = calloc(1, sizeof *r);
  if (!r) return uh_fail_nomem(err);
  r->err = UH_ERR_INIT;
  r->object = object;
  r->user = user;
  arena_init(&r->arena, UH_CLIXML_MAX_OBJECT);
  arena_init(&r->shared, UH_CLIXML_MAX_SHARED);
  index_tags(r);
  static const struct uh_xml_handler handler = {.start = on_start, .end = on_end, .text = on_text};
  r->xml = uh_xml_open(&handler, r, UH_CLIXML_MAX_DEPTH);
  if (!r->xml) return uh_fail_nomem(err);
  *ret_reader = UH_TAKE(r);
  return 0;
}

static int give_error(struct uh_clixml *r, struct uh_err *err) {
  if (err && err->cls == UH_ERR_NONE) *err = r->err;
  return -1;
}

static int parse(struct uh_clixml *r, const char *s, size_t n, bool last) {
  int rc = n ? uh_xml_feed(r->xml, s, n) : 0;
  if (rc == 0 && last) rc = uh_xml_finish(r->xml);
  if (rc == 0 || r->err.cls != UH_ERR_NONE) return rc;
  const char *said = uh_xml_error(r->xml);
  if (!said) return uh_fail_nomem(&r->err);
  reject(r, "%s: %s", uh_xml_is_cut(r->xml) ? "cut off here" : "not well-formed", said);
  return -1;
}

static int decode(struct uh_clixml *r, const uint8_t *s, size_t n) {
  if (!r->wide) return n ? parse(r, (const char *)s, n, false) : 0;
  while (n > 0) {
    size_t part = n > FEED_BYTES ? FEED_BYTES : n;
    size_t len = uh_utf16_decode(&r->utf16, s, part, r->wide_buf);
    if (len && parse(r, r->wide_buf, len, false) < 0) return -1;
    s += part;
    n -= part;
  }
  return 0;
}

/* Byte order mark, encoding and the line "#< CLIXML" of powershell.exe -OutputFormat XML. */
static int begin(struct uh_clixml *r) {
  static const char line[] = "#< CLIXML";
  const uint8_t *h = r->head;
  size_t n = r->head_n, skip = 0;
  char text[UH_UTF16_ROOM(HEAD_BYTES)];
  r->started = true;
  r->wide = uh_utf16_begins(h, n, &r->utf16, &skip);
  if (!r->wide) {
    size_t at = skip;
    if (n - at >= sizeof line - 1 && memcmp(h + at, line, sizeof line - 1) == 0) {
      at += sizeof line - 1;
      while (at < n && h[at] != '<' && strchr("\r\n \t", h[at])) at++;
    }
    return decode(r, h + at, n - at);
  }
  r->wide_buf = malloc(UH_UTF16_ROOM((size_t)FEED_BYTES));
  if (!r->wide_buf) return uh_fail_nomem(&r->err);
  size_t len = uh_utf16_decode(&r->utf16, h + skip, n - skip, text), at = 0;
  if (len >= sizeof line - 1 && memcmp(text, line, sizeof line - 1) == 0) at = sizeof line - 1;
  while (at && at < len && strchr("\r\n \t", text[at])) at++;
  return len > at ? parse(r, text + at, len - at, false) : 0;
}

int uh_clixml_feed(struct uh_clixml *r, const void *data, size_t n, struct uh_err *err) {
  const uint8_t *s = data;
  if (r->err.cls != UH_ERR_NONE) return give_error(r, err);
  if (!r->started) {
    size_t part = n < HEAD_BYTES - r->head_n ? n : HEAD_BYTES - r->head_n;
    memcpy(r->head + r->head_n, s, part);
    r->head_n += part;
    s += part;
    n -= part;
    if (r->head_n < HEAD_BYTES) return 0;
    if (begin(r) < 0) return give_error(r, err);
  }
  return n > 0 && decode(r, s, n) < 0 ? give_error(r, err) : 0;
}

int uh_clixml_finish(struct uh_clixml *r, struct uh_err *err) {
  char rest[8];
  if (r->err.cls != UH_ERR_NONE) return give_error(r, err);
  if (r->finished) return 0;
  r->finished = true;
  if (!r->started && begin(r) < 0) return give_error(r, err);
  size_t n = uh_utf16_finish(&r->utf16, rest);
  return parse(r, rest, n, true) < 0 ? give_error(r, err) : 0;
}

int64_t uh_clixml_count(const struct uh_clixml *r) {
  return r->count;
}
int64_t uh_clixml_line(const struct uh_clixml *r) {
  int64_t line, column;
  uh_xml_place(r->xml, &line, &column);
  return line;
}

struct uh_clixml *uh_clixml_free(struct uh_clixml *r) {
  if (!r) return NULL;
  uh_xml_free(r->xml);
  arena_clear(&r->arena);
  arena_clear(&r->shared);
  ids_clear(&r->objects);
  ids_clear(&r->types);
  free(r->text.s);
  free(r->wide_buf);
  free(r);
  return NULL;
}

void uh_clixml_freep(struct uh_clixml **reader) {
  (void)uh_clixml_free(*reader);
}
