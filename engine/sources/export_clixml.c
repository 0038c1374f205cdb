/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a CLIXML file to records. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sources/export_private.h"

#define JSON_DEPTH 4                     /* of values that Exchange nests */
#define BYTES_MAX ((size_t)64 * 1024)    /* base64 of one byte array; certificates fit, photographs need not */
#define NESTED_MAX ((size_t)1024 * 1024) /* JSON of one nested value */

struct export_clixml {
  struct export_file *file;
  struct uh_clixml *reader;
  bool recipient; /* only known properties of it are kept, and none of them is secret */
  struct uh_str json;
};

/* ---- nested values ---- */

static bool add_json(struct uh_str *out, const struct uh_clixml_value *v, int depth);

static bool add_members(struct uh_str *out, const struct uh_clixml_value *v, int depth) {
  struct uh_clixml_walk walk = {0};
  const struct uh_clixml_value *member;
  const char *name;
  bool any = false;
  uh_str_addc(out, '{');
  while ((member = uh_clixml_next_property(v, &walk, &name))) {
    if (uh_secret_name(name) || export_is_noise(name)) continue;
    size_t before = out->len;
    if (any) uh_str_addc(out, ',');
    uh_json_string(out, name, strlen(name));
    uh_str_addc(out, ':');
    if (add_json(out, member, depth - 1))
      any = true;
    else if (!out->failed)
      out->s[out->len = before] = '\0'; /* not obtained: as if it were not there */
  }
  uh_str_addc(out, '}');
  return true;
}

static bool add_entries(struct uh_str *out, const struct uh_clixml_value *v, int depth) {
  const struct uh_clixml_value *at = NULL, *key = NULL, *value;
  const char *text;
  size_t n;
  bool any = false;
  uh_str_addc(out, '{');
  while ((value = uh_clixml_next(v, &at, &key))) {
    if (uh_clixml_text(key, &text, &n) != UH_VALUE) return false;
    if (uh_secret_name(text)) continue;
    if (any) uh_str_addc(out, ',');
    any = true;
    uh_json_string(out, text, n);
    uh_str_addc(out, ':');
    if (!add_json(out, value, depth - 1)) return false;
  }
  uh_str_addc(out, '}');
  return true;
}

static bool add_elements(struct uh_str *out, const struct uh_clixml_value *v, int depth) {
  const struct uh_clixml_value *at = NULL, *value;
  bool any = false;
  uh_str_addc(out, '[');
  while ((value = uh_clixml_next(v, &at, NULL))) {
    if (any) uh_str_addc(out, ',');
    any = true;
    if (!add_json(out, value, depth - 1)) return false;
  }
  uh_str_addc(out, ']');
  return true;
}

/* false: it was not obtained, or lies too deep; out then holds the beginning of it. */
static bool add_json(struct uh_str *out, const struct uh_clixml_value *v, int depth) {
  const char *text;
  size_t n;
  int64_t number;
  bool yes;
  enum uh_clixml_kind kind = uh_clixml_kind(v);
  if (depth <= 0 || out->len > NESTED_MAX) return false;
  switch (kind) {
    case UH_CLIXML_LOST:
    case UH_CLIXML_SECRET: return false;
    case UH_CLIXML_NIL: uh_str_add(out, "null"); return true;
    case UH_CLIXML_LIST: return add_elements(out, v, depth);
    case UH_CLIXML_DICTIONARY: return add_entries(out, v, depth);
    case UH_CLIXML_BOOL:
      if (uh_clixml_bool(v, &yes) != UH_VALUE) return false;
      uh_str_add(out, yes ? "true" : "false");
      return true;
    case UH_CLIXML_INT:
      if (uh_clixml_int(v, &number) == UH_VALUE) {
        uh_str_addf(out, "%lld", (long long)number);
        return true;
      }
      break;
    default: break;
  }
  enum uh_answer answer = uh_clixml_text(v, &text, &n);
  if (answer == UH_VALUE)
    uh_json_string(out, text, n);
  else if (answer == UH_NONE)
    uh_str_add(out, "null");
  else
    return kind == UH_CLIXML_OBJECT && add_members(out, v, depth);
  return true;
}

static void put_nested(struct export_clixml *x, const char *name, const struct uh_clixml_value *v) {
  uh_str_reset(&x->json);
  bool whole = add_json(&x->json, v, JSON_DEPTH);
  if (whole && uh_str_text(&x->json))
    uh_record_json(x->file->writer, name, x->json.s);
  else
    uh_record_answer(x->file->writer, name, UH_NOT_ASKED);
}

/* ---- properties ---- */

/* Exchange's lists are lists of things with a name. One element without, and the whole is told as it is nested. */
static void put_list(struct export_clixml *x, const char *name, const struct uh_clixml_value *list) {
  struct uh_record_writer *w = x->file->writer;
  const struct uh_clixml_value *at = NULL, *v;
  const char *text;
  size_t n;
  while ((v = uh_clixml_next(list, &at, NULL)))
    if (uh_clixml_text(v, &text, &n) != UH_VALUE) {
      put_nested(x, name, list);
      return;
    }
  at = NULL;
  uh_record_list_begin(w, name);
  while ((v = uh_clixml_next(list, &at, NULL)))
    if (uh_clixml_text(v, &text, &n) == UH_VALUE) uh_record_list_item(w, text, n);
  uh_record_list_end(w);
}

static void put_text(struct export_clixml *x, const char *name, const struct uh_clixml_value *v) {
  const char *text;
  size_t n;
  switch (uh_clixml_text(v, &text, &n)) {
    case UH_VALUE: uh_record_text(x->file->writer, name, text, n); break;
    case UH_NONE: uh_record_none(x->file->writer, name); break;
    default: put_nested(x, name, v); break;
  }
}

static void put_property(struct export_clixml *x, const char *name, const struct uh_clixml_value *v) {
  struct uh_record_writer *w = x->file->writer;
  const char *text;
  int64_t number;
  bool yes;
  size_t n;
  switch (uh_clixml_kind(v)) {
    case UH_CLIXML_LOST: uh_record_answer(w, name, UH_NOT_ASKED); return;
    case UH_CLIXML_SECRET: return;
    case UH_CLIXML_NIL: uh_record_none(w, name); return;
    case UH_CLIXML_BOOL:
      if (uh_clixml_bool(v, &yes) == UH_VALUE)
        uh_record_bool(w, name, yes);
      else
        uh_record_answer(w, name, UH_NOT_ASKED);
      return;
    case UH_CLIXML_INT:
      if (uh_clixml_int(v, &number) != UH_VALUE) break;
      uh_record_int(w, name, number);
      return;
    case UH_CLIXML_BYTES:
      if (uh_clixml_text(v, &text, &n) == UH_VALUE && n > BYTES_MAX) {
        uh_record_answer(w, name, UH_NOT_ASKED);
        return;
      }
      break;
    case UH_CLIXML_LIST: put_list(x, name, v); return;
    case UH_CLIXML_DICTIONARY: put_nested(x, name, v); return;
    default: break;
  }
  put_text(x, name, v);
}

static int put_object(struct export_clixml *x, const struct uh_clixml_value *object, struct uh_err *err) {
  struct export_file *f = x->file;
  struct uh_clixml_walk walk = {0};
  const struct uh_clixml_value *v;
  const char *name;
  switch (uh_clixml_kind(object)) {
    case UH_CLIXML_NIL: return 0; /* a cmdlet that gave nothing */
    case UH_CLIXML_OBJECT: break;
    case UH_CLIXML_LOST: export_lacks(f, "an object that an earlier one refers to is not known"); return 0;
    default: export_lacks(f, "it holds values that are no objects: export the cmdlet's own output"); return 0;
  }
  uh_record_begin(f->writer);
  while ((v = uh_clixml_next_property(object, &walk, &name)))
    if (x->recipient ? uh_record_wants(f->writer, name, strlen(name)) : !uh_secret_name(name) && !export_is_noise(name))
      put_property(x, name, v);
  return export_record_end(f, err);
}

/* Export-Clixml -InputObject (Get-...) makes one list of them all. */
static int put_all(struct export_clixml *x, const struct uh_clixml_value *list, struct uh_err *err) {
  const struct uh_clixml_value *at = NULL, *v;
  while ((v = uh_clixml_next(list, &at, NULL)))
    if (put_object(x, v, err) < 0) return -1;
  return 0;
}

int export_clixml_put(struct export_clixml *x, const struct uh_clixml_value *object, struct uh_err *err) {
  return uh_clixml_kind(object) == UH_CLIXML_LIST ? put_all(x, object, err) : put_object(x, object, err);
}

static int on_object(void *user, const struct uh_clixml_value *object, const char *stream, struct uh_err *err) {
  struct export_clixml *x = user;
  const char *text;
  size_t n;
  if (*stream && strcasecmp(stream, "output") != 0) {
    bool error = strcasecmp(stream, "Error") == 0;
    if ((error || strcasecmp(stream, "Warning") == 0) && uh_clixml_text(object, &text, &n) == UH_VALUE)
      export_warning(x->file, text, n, error);
    else if (error)
      export_warning(x->file, "an error", 8, true);
    return 0;
  }
  return export_clixml_put(x, object, err);
}

int export_clixml_begin(struct export_file *f, struct export_clixml **ret, struct uh_err *err) {
  struct export_clixml *x = calloc(1, sizeof *x);
  if (!x) return uh_fail_nomem(err);
  x->file = f;
  x->recipient = uh_record_is_recipient(f->name->noun);
  *ret = x;
  return 0;
}

static bool wanted(void *user, const char *name, size_t n) {
  return uh_record_wants(((struct export_clixml *)user)->file->writer, name, n);
}

int export_clixml_open(struct export_file *f, struct export_clixml **ret, struct uh_err *err) {
  UH_CLEANUP(export_clixml_freep) struct export_clixml *x = NULL;
  if (export_clixml_begin(f, &x, err) < 0 || !x) return -1;
  if (uh_clixml_open(on_object, x, &x->reader, err) < 0) return -1;
  if (x->recipient) uh_clixml_choose(x->reader, wanted, x);
  *ret = UH_TAKE(x);
  return 0;
}

int export_clixml_feed(struct export_clixml *x, const void *data, size_t n, struct uh_err *err) {
  return uh_clixml_feed(x->reader, data, n, err);
}

int export_clixml_finish(struct export_clixml *x, struct uh_err *err) {
  return uh_clixml_finish(x->reader, err);
}

void export_clixml_freep(struct export_clixml **x) {
  if (!*x) return;
  uh_clixml_free((*x)->reader);
  uh_str_clear(&(*x)->json);
  free(*x);
}
