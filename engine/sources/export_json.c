/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a JSON file to records: what the admin API answers, or an array as ConvertTo-Json writes it. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "sources/export_private.h"
#include "wire/json_stream.h"
#include "wire/utf16.h"

#define PIECE_BYTES ((size_t)64 * 1024)

struct export_json {
  struct export_file *file;
  struct uh_json_stream *stream;
  struct uh_str scratch;
  int64_t line;
  bool begun, wide;
  uint8_t head[4];
  size_t head_n;
  struct uh_utf16 utf16;
  char *wide_buf;
};

/* ---- one object ---- */

static bool unwanted(const char *name) {
  return uh_secret_name(name) || export_is_noise(name);
}

static void on_text(void *user, const char *name, const char *text, size_t n) {
  if (!unwanted(name)) uh_record_text(((struct export_json *)user)->file->writer, name, text, n);
}
static void on_integer(void *user, const char *name, int64_t value) {
  if (!unwanted(name)) uh_record_int(((struct export_json *)user)->file->writer, name, value);
}
static void on_boolean(void *user, const char *name, bool value) {
  if (!unwanted(name)) uh_record_bool(((struct export_json *)user)->file->writer, name, value);
}
static void on_null(void *user, const char *name) {
  if (!unwanted(name)) uh_record_none(((struct export_json *)user)->file->writer, name);
}

static void json_freep(char **text) {
  free(*text);
}

static void on_json(void *user, const char *name, const char *text) {
  struct uh_record_writer *w = ((struct export_json *)user)->file->writer;
  if (unwanted(name)) return;
  if (!uh_secret_name(text)) {
    uh_record_json(w, name, text);
    return;
  }
  /* The word stands somewhere in it: only what has been taken apart may be kept. */
  UH_CLEANUP(json_freep) char *clean = uh_secret_clean(text);
  if (clean)
    uh_record_json(w, name, clean);
  else
    uh_record_answer(w, name, UH_NOT_ASKED);
}

/* A list whose name must not be kept is begun under no name: what is not begun takes no items. */
static void on_list_begin(void *user, const char *name) {
  if (!unwanted(name)) uh_record_list_begin(((struct export_json *)user)->file->writer, name);
}
static void on_list_item(void *user, const char *text, size_t n) {
  uh_record_list_item(((struct export_json *)user)->file->writer, text, n);
}
static void on_list_end(void *user) {
  uh_record_list_end(((struct export_json *)user)->file->writer);
}

static const struct uh_json_visitor visitor = {on_text,       on_integer,   on_boolean,  on_null,
                                               on_list_begin, on_list_item, on_list_end, on_json};

static int on_object(void *user, const char *text, size_t n, struct uh_err *err) {
  struct export_json *x = user;
  uh_record_begin(x->file->writer);
  if (uh_json_walk(text, n, &visitor, x, &x->scratch, err) < 0) {
    uh_record_drop(x->file->writer);
    return -1;
  }
  return export_record_end(x->file, err);
}

/* ---- the file ---- */

int export_json_open(struct export_file *f, struct export_json **ret, struct uh_err *err) {
  UH_CLEANUP(export_json_freep) struct export_json *x = calloc(1, sizeof *x);
  if (!x) return uh_fail_nomem(err);
  x->file = f;
  x->line = 1;
  if (uh_json_stream_open(on_object, x, &x->stream, err) < 0) return -1;
  *ret = UH_TAKE(x);
  return 0;
}

static int at_line(const struct export_json *x, const struct uh_err *from, struct uh_err *err) {
  uh_fail(err, from->cls, "line %lld: %s", (long long)x->line, from->what);
  return -1;
}

/* Line by line, so that what is broken can be found. */
static int push(struct export_json *x, const char *s, size_t n, struct uh_err *err) {
  struct uh_err said = UH_ERR_INIT;
  while (n > 0) {
    const char *newline = memchr(s, '\n', n);
    size_t part = newline ? (size_t)(newline - s) + 1 : n;
    if (uh_json_stream_push(x->stream, s, part, &said) < 0) return at_line(x, &said, err);
    if (newline) x->line++;
    s += part;
    n -= part;
  }
  return 0;
}

static int decode(struct export_json *x, const uint8_t *s, size_t n, struct uh_err *err) {
  if (!x->wide) return push(x, (const char *)s, n, err);
  while (n > 0) {
    size_t part = n > PIECE_BYTES ? PIECE_BYTES : n;
    size_t len = uh_utf16_decode(&x->utf16, s, part, x->wide_buf);
    if (push(x, x->wide_buf, len, err) < 0) return -1;
    s += part;
    n -= part;
  }
  return 0;
}

static int begin(struct export_json *x, struct uh_err *err) {
  size_t skip;
  x->begun = true;
  x->wide = uh_utf16_begins(x->head, x->head_n, &x->utf16, &skip);
  if (x->wide) {
    x->wide_buf = malloc(UH_UTF16_ROOM(PIECE_BYTES));
    if (!x->wide_buf) return uh_fail_nomem(err);
  }
  return decode(x, x->head + skip, x->head_n - skip, err);
}

int export_json_feed(struct export_json *x, const void *data, size_t n, struct uh_err *err) {
  const uint8_t *s = data;
  if (!x->begun) {
    size_t part = sizeof x->head - x->head_n < n ? sizeof x->head - x->head_n : n;
    memcpy(x->head + x->head_n, s, part);
    x->head_n += part;
    s += part;
    n -= part;
    if (x->head_n < sizeof x->head) return 0;
    if (begin(x, err) < 0) return -1;
  }
  return decode(x, s, n, err);
}

static bool has_member(const struct uh_json_stream *stream, const char *name) {
  return uh_json_stream_member(stream, name) != NULL;
}

/* ConvertTo-Json writes one object without brackets. */
static int read_single(struct export_json *x, struct uh_err *err) {
  struct uh_str text UH_CLEANUP(uh_str_clear) = {0};
  if (!has_member(x->stream, "Identity") && !has_member(x->stream, "Guid") && !has_member(x->stream, "Name"))
    return uh_fail(err, UH_ERR_DATA, "line %lld: neither an array of objects nor an answer with \"value\"",
                   (long long)x->line);
  uh_json_stream_rest(x->stream, &text);
  if (!uh_str_text(&text)) return uh_fail_nomem(err);
  return on_object(x, text.s, text.len, err);
}

static void read_warnings(struct export_json *x) {
  static const char *const members[] = {"@adminapi.warnings", "adminapi.warnings", "warnings"};
  for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
    const char *text = uh_json_stream_member(x->stream, members[i]);
    UH_CLEANUP(json_decrefp) json_t *list = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    json_t *warning;
    size_t k;
    json_array_foreach(list, k, warning) if (json_is_string(warning))
        export_warning(x->file, json_string_value(warning), json_string_length(warning), false);
  }
}

int export_json_finish(struct export_json *x, struct uh_err *err) {
  struct uh_err said = UH_ERR_INIT;
  char rest[8];
  if (!x->begun && begin(x, err) < 0) return -1;
  size_t n = uh_utf16_finish(&x->utf16, rest);
  if (n && push(x, rest, n, err) < 0) return -1;
  if (uh_json_stream_end(x->stream, &said) < 0) return at_line(x, &said, err);
  if (has_member(x->stream, "error")) return uh_fail(err, UH_ERR_DATA, "the file holds an error instead of an answer");
  if (has_member(x->stream, "@odata.nextLink"))
    export_lacks(x->file, "it is one page, and more follow (@odata.nextLink)");
  read_warnings(x);
  return uh_json_stream_listed(x->stream) ? 0 : read_single(x, err);
}

void export_json_freep(struct export_json **x) {
  if (!*x) return;
  uh_json_stream_free((*x)->stream);
  uh_str_clear(&(*x)->scratch);
  free((*x)->wide_buf);
  free(*x);
}
