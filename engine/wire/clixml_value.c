/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a value in the type that one wants, whatever shape it came in. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "wire/clixml_private.h"

#define WRAPPERS 8 /* objects within objects that a primitive may stand in */

static const struct object *object_of(const struct uh_clixml_value *v) {
  return (const struct object *)(const void *)v;
}

/* What a Ref refers to; NULL where it was lost. A Ref's target is never a Ref. */
static const struct uh_clixml_value *target(const struct uh_clixml_value *v) {
  return v && v->tag == TAG_Ref ? object_of(v)->base : v;
}

static const struct uh_clixml_value *unwrap(const struct uh_clixml_value *v) {
  v = target(v);
  for (int i = 0; i < WRAPPERS && v && v->tag == TAG_Obj && object_of(v)->base && object_of(v)->base->tag == TAG_Obj;
       i++)
    v = object_of(v)->base;
  return v;
}

enum uh_clixml_kind uh_clixml_kind(const struct uh_clixml_value *v) {
  v = target(v);
  if (!v) return UH_CLIXML_LOST;
  switch (v->tag) {
    case TAG_Nil: return UH_CLIXML_NIL;
    case TAG_B: return UH_CLIXML_BOOL;
    case TAG_By:
    case TAG_SB:
    case TAG_U16:
    case TAG_I16:
    case TAG_U32:
    case TAG_I32:
    case TAG_U64:
    case TAG_I64: return UH_CLIXML_INT;
    case TAG_Sg:
    case TAG_Db:
    case TAG_D: return UH_CLIXML_REAL;
    case TAG_G: return UH_CLIXML_GUID;
    case TAG_BA: return UH_CLIXML_BYTES;
    case TAG_SS: return UH_CLIXML_SECRET;
    case TAG_Obj:
      if (v->container) return v->container == TAG_DCT ? UH_CLIXML_DICTIONARY : UH_CLIXML_LIST;
      return UH_CLIXML_OBJECT;
    default: return UH_CLIXML_TEXT;
  }
}

const char *uh_clixml_type(const struct uh_clixml_value *v, unsigned i) {
  static const char prefix[] = "Deserialized.";
  v = target(v);
  if (!v || v->tag != TAG_Obj || !object_of(v)->types) return "";
  const struct type *t = object_of(v)->types->first;
  for (; t && i > 0; i--) t = t->next;
  if (!t) return "";
  return strncmp(t->name, prefix, sizeof prefix - 1) == 0 ? t->name + sizeof prefix - 1 : t->name;
}

static const struct uh_clixml_value *find(const struct uh_clixml_value *list, const char *name, size_t n) {
  for (; list; list = list->next)
    if (list->name_n == n && ((list->name[0] ^ name[0]) | 0x20) == 0x20 && strncasecmp(list->name, name, n) == 0)
      return list;
  return NULL;
}

const struct uh_clixml_value *uh_clixml_property(const struct uh_clixml_value *v, const char *name) {
  v = unwrap(v);
  if (!v || v->tag != TAG_Obj) return NULL;
  size_t n = strlen(name);
  const struct uh_clixml_value *found = find(object_of(v)->ms, name, n);
  return found ? found : find(object_of(v)->props, name, n);
}

const struct uh_clixml_value *uh_clixml_next_property(const struct uh_clixml_value *v, struct uh_clixml_walk *w,
                                                      const char **ret_name) {
  if (w->part == 0) {
    w->object = unwrap(v);
    if (!w->object || w->object->tag != TAG_Obj) return NULL;
    w->part = 1;
    w->at = object_of(w->object)->ms;
  } else if (w->at) {
    w->at = w->at->next;
  }
  for (;;) {
    if (!w->at && w->part == 1) {
      w->part = 2;
      w->at = object_of(w->object)->props;
    }
    if (!w->at) return NULL;
    if (w->part == 1 || !find(object_of(w->object)->ms, w->at->name, w->at->name_n)) break;
    w->at = w->at->next;
  }
  *ret_name = w->at->name;
  return w->at;
}

static bool is_list(const struct uh_clixml_value *v) {
  return v->tag == TAG_Obj && v->container;
}

/* A list with one element and that element are the same to who wants a single value. */
static const struct uh_clixml_value *single(const struct uh_clixml_value *v) {
  v = unwrap(v);
  for (int i = 0; i < WRAPPERS && v && is_list(v) && !v->text && v->container != TAG_DCT; i++) {
    const struct uh_clixml_value *first = object_of(v)->items;
    if (!first || first->next) return v;
    v = unwrap(first);
  }
  return v;
}

/* Null, or a list that was read whole and is empty. */
static bool is_none(const struct uh_clixml_value *v) {
  return v->tag == TAG_Nil || (is_list(v) && !object_of(v)->items && !v->text);
}

enum uh_answer uh_clixml_text(const struct uh_clixml_value *v, const char **ret_text, size_t *ret_n) {
  v = single(v);
  if (!v) return UH_NOT_ASKED;
  if (is_none(v)) return UH_NONE;
  if (!v->text && v->tag == TAG_Obj) v = object_of(v)->base;
  if (!v || !v->text) return v && v->tag == TAG_Nil ? UH_NONE : UH_NOT_ASKED;
  *ret_text = v->text;
  if (ret_n) *ret_n = v->text_n;
  return UH_VALUE;
}

/* The primitive that a value is or stands for: an enum's number, a boxed value; else the value's own text. */
static const struct uh_clixml_value *primitive(const struct uh_clixml_value *v) {
  v = single(v);
  if (v && v->tag == TAG_Obj && object_of(v)->base) return target(object_of(v)->base);
  return v;
}

enum uh_answer uh_clixml_bool(const struct uh_clixml_value *v, bool *ret) {
  v = primitive(v);
  if (!v) return UH_NOT_ASKED;
  if (is_none(v)) return UH_NONE;
  if (!v->text) return UH_NOT_ASKED;
  bool yes = strcasecmp(v->text, "true") == 0 || (v->tag == TAG_B && strcmp(v->text, "1") == 0);
  bool no = strcasecmp(v->text, "false") == 0 || (v->tag == TAG_B && strcmp(v->text, "0") == 0);
  if (!yes && !no) return UH_NOT_ASKED;
  *ret = yes;
  return UH_VALUE;
}

static bool parse_int(const char *text, int64_t *ret) {
  char *end;
  if (!isdigit((unsigned char)text[text[0] == '-' ? 1 : 0])) return false;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (errno || *end) return false;
  *ret = value;
  return true;
}

/* "36 MB (37,748,736 bytes)" */
static bool parse_size(const char *text, int64_t *ret) {
  const char *open = strrchr(text, '(');
  char digits[24];
  size_t n = 0;
  if (!open || !isdigit((unsigned char)text[0])) return false;
  for (open++; isdigit((unsigned char)*open) || *open == ','; open++)
    if (*open != ',') {
      if (n + 1 >= sizeof digits) return false;
      digits[n++] = *open;
    }
  digits[n] = '\0';
  return strcmp(open, " bytes)") == 0 && n > 0 && parse_int(digits, ret);
}

enum uh_answer uh_clixml_int(const struct uh_clixml_value *v, int64_t *ret) {
  v = primitive(v);
  if (!v) return UH_NOT_ASKED;
  if (is_none(v)) return UH_NONE;
  return v->text && (parse_int(v->text, ret) || parse_size(v->text, ret)) ? UH_VALUE : UH_NOT_ASKED;
}

/* Text to the byte order of AD: the first three groups are little-endian. */
static bool parse_guid(const char *text, size_t n, uint8_t out[16]) {
  static const uint8_t place[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  uint8_t guid[16];
  size_t digits = 0;
  if (n == 38 && text[0] == '{' && text[37] == '}') {
    text++;
    n = 36;
  }
  if (n != 36) return false;
  for (size_t i = 0; i < n; i++) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return false;
    if (dash) continue;
    int c = text[i] | 0x20;
    if (!isxdigit((unsigned char)text[i])) return false;
    unsigned d = (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    uint8_t *byte = &guid[place[digits / 2]];
    *byte = (uint8_t)(digits % 2 ? *byte | d : d << 4);
    digits++;
  }
  memcpy(out, guid, sizeof guid);
  return true;
}

enum uh_answer uh_clixml_guid(const struct uh_clixml_value *v, uint8_t ret_guid[16]) {
  const char *text;
  size_t n;
  v = primitive(v);
  enum uh_answer answer = uh_clixml_text(v, &text, &n);
  if (answer != UH_VALUE) return answer;
  return parse_guid(text, n, ret_guid) ? UH_VALUE : UH_NOT_ASKED;
}

const struct uh_clixml_value *uh_clixml_next(const struct uh_clixml_value *list, const struct uh_clixml_value **at,
                                             const struct uh_clixml_value **ret_key) {
  const struct uh_clixml_value *v = unwrap(list);
  if (ret_key) *ret_key = NULL;
  if (!v || v->tag == TAG_Nil) return NULL;
  if (!is_list(v)) return *at ? NULL : (*at = v);
  const struct uh_clixml_value *next = *at ? (*at)->next : object_of(v)->items;
  if (next && v->container == TAG_DCT) {
    if (ret_key) *ret_key = next;
    next = next->next;
  }
  return *at = next;
}

size_t uh_clixml_length(const struct uh_clixml_value *list) {
  const struct uh_clixml_value *at = NULL;
  size_t n = 0;
  while (uh_clixml_next(list, &at, NULL)) n++;
  return n;
}
