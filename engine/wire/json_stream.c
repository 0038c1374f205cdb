/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/json_stream.h"

#include <errno.h>
#include <jansson.h>

/* Where the reader stands at the top level. */
enum place { START, KEY_OR_END, KEY, COLON, VALUE, COMMA_OR_END, ITEM_OR_END, ITEM, ITEM_COMMA_OR_END, OVER };

struct member {
  char *name, *json;
};

struct uh_json_stream {
  uh_json_element_fn element;
  void *user;
  enum place place;
  bool object, listed, failed; /* top level is an object; its listing was seen */
  bool in_listing;
  /* the value that is being collected: a key, a member's value or an element */
  struct uh_str text;
  bool collecting, in_string, escaped, scalar;
  int depth;
  char *key;
  struct member *members;
  size_t n_members, members_bytes;
  int64_t elements;
  unsigned bom;
};

int uh_json_stream_open(uh_json_element_fn element, void *user, struct uh_json_stream **ret_stream,
                        struct uh_err *err) {
  struct uh_json_stream *s = calloc(1, sizeof *s);
  if (!s) return uh_fail_nomem(err);
  s->element = element;
  s->user = user;
  *ret_stream = s;
  return 0;
}

void uh_json_stream_reset(struct uh_json_stream *s) {
  for (size_t i = 0; i < s->n_members; i++) {
    free(s->members[i].name);
    free(s->members[i].json);
  }
  free(s->members);
  free(s->key);
  uh_str_reset(&s->text);
  *s = (struct uh_json_stream){.element = s->element, .user = s->user, .text = s->text};
}

struct uh_json_stream *uh_json_stream_free(struct uh_json_stream *s) {
  if (!s) return NULL;
  uh_json_stream_reset(s);
  uh_str_clear(&s->text);
  free(s);
  return NULL;
}

static int broken(struct uh_json_stream *s, struct uh_err *err, const char *why) {
  s->failed = true;
  return uh_fail(err, UH_ERR_UNAVAILABLE, "the answer is not JSON: %s", why);
}

const char *uh_json_stream_member(const struct uh_json_stream *s, const char *name) {
  for (size_t i = 0; i < s->n_members; i++)
    if (strcmp(s->members[i].name, name) == 0) return s->members[i].json;
  return NULL;
}

bool uh_json_stream_string(const struct uh_json_stream *s, const char *name, struct uh_str *ret_text) {
  const char *json = uh_json_stream_member(s, name);
  if (!json) return false;
  json_t *v = json_loads(json, JSON_DECODE_ANY, NULL);
  bool ok = json_is_string(v);
  if (ok) uh_str_addn(ret_text, json_string_value(v), json_string_length(v));
  json_decref(v);
  return ok && !ret_text->failed;
}

void uh_json_stream_rest(const struct uh_json_stream *s, struct uh_str *out) {
  uh_str_addc(out, '{');
  for (size_t i = 0; i < s->n_members; i++) {
    if (i) uh_str_addc(out, ',');
    uh_json_string(out, s->members[i].name, strlen(s->members[i].name));
    uh_str_addc(out, ':');
    uh_str_add(out, s->members[i].json);
  }
  uh_str_addc(out, '}');
}

bool uh_json_stream_listed(const struct uh_json_stream *s) {
  return s->listed;
}
int64_t uh_json_stream_elements(const struct uh_json_stream *s) {
  return s->elements;
}

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int keep_member(struct uh_json_stream *s, struct uh_err *err) {
  if (uh_json_stream_member(s, s->key) || (s->listed && strcmp(s->key, "value") == 0))
    return broken(s, err, "a member stands twice");
  s->members_bytes += s->text.len + strlen(s->key);
  if (s->members_bytes > UH_JSON_MEMBERS_MAX) return broken(s, err, "its frame is too large");
  json_t *v = json_loadb(s->text.s, s->text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  if (!v) return broken(s, err, "a member of its frame is malformed");
  json_decref(v);
  struct member *grown = realloc(s->members, (s->n_members + 1) * sizeof *grown);
  if (!grown) return uh_fail_nomem(err);
  s->members = grown;
  grown[s->n_members] = (struct member){.name = s->key, .json = strdup(s->text.s)};
  s->key = NULL;
  if (!grown[s->n_members++].json) return uh_fail_nomem(err);
  return 0;
}

/* An escaped NUL becomes U+FFFD: whoever takes the text for a C string, SQLite's JSON functions among them, would read
 * another, shorter name. */
static void without_nul(struct uh_str *text) {
  static const char nul[] = "\\u0000";
  for (char *p = text->s, *end = text->s + text->len;
       (p = memmem(p, (size_t)(end - p), nul, sizeof nul - 1)) != NULL;) {
    size_t before = 0; /* backslashes: an odd number of them escapes this one */
    while (p - before > text->s && p[-1 - (ptrdiff_t)before] == '\\') before++;
    if (before % 2 == 0) memcpy(p, "\\ufffd", sizeof nul - 1);
    p += sizeof nul - 1;
  }
}

/* A collected value is whole. */
static int collected(struct uh_json_stream *s, struct uh_err *err) {
  s->collecting = false;
  if (s->text.failed) return uh_fail_nomem(err);
  if (s->text.len) without_nul(&s->text);
  int r = 0;
  if (s->place == KEY) {
    json_t *v = json_loadb(s->text.s, s->text.len, JSON_DECODE_ANY, NULL);
    free(s->key);
    s->key = json_is_string(v) ? strdup(json_string_value(v)) : NULL;
    json_decref(v);
    if (!s->key) return broken(s, err, "a member's name is malformed");
    s->place = COLON;
  } else if (s->in_listing) {
    s->place = ITEM_COMMA_OR_END;
    s->elements++;
    if (s->element && s->element(s->user, s->text.s, s->text.len, err) != 0) r = -1;
  } else {
    s->place = COMMA_OR_END;
    r = keep_member(s, err);
  }
  uh_str_reset(&s->text);
  if (r != 0) s->failed = true;
  return r;
}

static void collect(struct uh_json_stream *s, enum place place) {
  s->place = place;
  s->collecting = true;
  s->in_string = s->escaped = s->scalar = false;
  s->depth = 0;
  uh_str_reset(&s->text);
}

/* How far the string reaches within [p, end): behind its closing quote (in_string is off then), or end. */
static const char *through_string(struct uh_json_stream *s, const char *p, const char *end) {
  while (p < end) {
    if (s->escaped) {
      s->escaped = false;
      p++;
      continue;
    }
    while (p < end && *p != '"' && *p != '\\') p++;
    if (p == end) break;
    if (*p++ == '"') {
      s->in_string = false;
      break;
    }
    s->escaped = true;
  }
  return p;
}

/* Takes bytes of the value that is being collected. Returns where it stopped, NULL on failure. */
static const char *take_value(struct uh_json_stream *s, const char *p, const char *end, struct uh_err *err) {
  const char *from = p;
  bool whole = false;
  while (p < end && !whole) {
    if (s->in_string) {
      p = through_string(s, p, end);
      whole = !s->in_string && s->depth == 0;
      continue;
    }
    char c = *p;
    if (s->scalar) {
      if (is_space(c) || c == ',' || c == ']' || c == '}') {
        whole = true;
        break; /* not ours */
      }
      p++;
      continue;
    }
    p++;
    if (c == '"') {
      s->in_string = true;
    } else if (c == '{' || c == '[') {
      if (++s->depth > UH_JSON_DEPTH_MAX) return broken(s, err, "nested too deep"), NULL;
    } else if (c == '}' || c == ']') {
      if (s->depth == 0) return broken(s, err, "a bracket closes nothing"), NULL;
      whole = --s->depth == 0;
    } else if (s->depth == 0) {
      s->scalar = true;
    }
  }
  if (s->text.len + (size_t)(p - from) > UH_JSON_ELEMENT_MAX) return broken(s, err, "one element is too large"), NULL;
  uh_str_addn(&s->text, from, (size_t)(p - from));
  if (whole && collected(s, err) != 0) return NULL;
  return p;
}

static bool begins_value(char c) {
  return c == '"' || c == '{' || c == '[' || c == '-' || (c >= '0' && c <= '9') || c == 't' || c == 'f' || c == 'n';
}

static int begin_value(struct uh_json_stream *s, char c, bool *ret_reuse, struct uh_err *err) {
  if (c == '[' && s->key && strcmp(s->key, "value") == 0) {
    if (s->listed || uh_json_stream_member(s, "value")) return broken(s, err, "a member stands twice");
    s->listed = s->in_listing = true;
    s->place = ITEM_OR_END;
    return 0;
  }
  if (!begins_value(c)) return broken(s, err, "a value is missing");
  collect(s, VALUE);
  *ret_reuse = true;
  return 0;
}

/* One byte between values. *ret_reuse: the byte begins a value and belongs to it. */
static int step(struct uh_json_stream *s, char c, bool *ret_reuse, struct uh_err *err) {
  *ret_reuse = false;
  switch (s->place) {
    case START:
      s->object = c == '{';
      if (c == '[') s->listed = s->in_listing = true;
      if (c != '{' && c != '[') return broken(s, err, "it does not begin as JSON does");
      s->place = c == '{' ? KEY_OR_END : ITEM_OR_END;
      return 0;
    case KEY_OR_END:
    case KEY:
      if (c == '}' && s->place == KEY_OR_END) {
        s->place = OVER;
        return 0;
      }
      if (c != '"') return broken(s, err, "a member's name is missing");
      collect(s, KEY);
      *ret_reuse = true;
      return 0;
    case COLON:
      if (c != ':') return broken(s, err, "a colon is missing");
      s->place = VALUE;
      return 0;
    case VALUE: return begin_value(s, c, ret_reuse, err);
    case COMMA_OR_END:
      if (c != ',' && c != '}') return broken(s, err, "a comma is missing");
      s->place = c == ',' ? KEY : OVER;
      return 0;
    case ITEM_OR_END:
    case ITEM_COMMA_OR_END:
      if (c == ']') {
        s->in_listing = false;
        s->place = s->object ? COMMA_OR_END : OVER;
        return 0;
      }
      if (s->place == ITEM_COMMA_OR_END) {
        if (c != ',') return broken(s, err, "a comma is missing");
        s->place = ITEM;
        return 0;
      }
      if (!begins_value(c)) return broken(s, err, "an element is missing");
      collect(s, ITEM);
      *ret_reuse = true;
      return 0;
    case ITEM:
      if (!begins_value(c)) return broken(s, err, "an element is missing");
      collect(s, ITEM);
      *ret_reuse = true;
      return 0;
    case OVER: break;
  }
  return broken(s, err, "something follows its end");
}

int uh_json_stream_push(struct uh_json_stream *s, const char *data, size_t n, struct uh_err *err) {
  static const char bom[] = "\xEF\xBB\xBF";
  if (s->failed) return uh_fail(err, UH_ERR_UNAVAILABLE, "the answer is not JSON");
  const char *p = data, *end = data + n;
  while (p < end && s->place == START && s->bom < 3 && *p == bom[s->bom]) s->bom++, p++;
  while (p < end) {
    if (s->collecting) {
      p = take_value(s, p, end, err);
      if (!p) return -1;
      continue;
    }
    if (is_space(*p)) {
      p++;
      continue;
    }
    bool reuse;
    if (step(s, *p, &reuse, err) != 0) return -1;
    if (!reuse) p++;
  }
  return 0;
}

int uh_json_stream_end(struct uh_json_stream *s, struct uh_err *err) {
  if (s->failed) return uh_fail(err, UH_ERR_UNAVAILABLE, "the answer is not JSON");
  if (s->place != OVER) return broken(s, err, "it is cut off");
  return 0;
}

/* ---- one element ---- */

struct walk {
  const char *p, *end;
  struct uh_str *scratch;
};

static void spaces(struct walk *w) {
  while (w->p < w->end && is_space(*w->p)) w->p++;
}

static int hex4(const char *p) {
  int v = 0;
  for (int i = 0; i < 4; i++) {
    char c = p[i];
    int d = c >= '0' && c <= '9'   ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                   : -1;
    if (d < 0) return -1;
    v = v * 16 + d;
  }
  return v;
}

static void add_code_point(struct uh_str *out, unsigned c) {
  char b[4];
  size_t n = 0;
  if (c < 0x80) {
    b[n++] = (char)c;
  } else if (c < 0x800) {
    b[n++] = (char)(0xC0 | (c >> 6));
    b[n++] = (char)(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    b[n++] = (char)(0xE0 | (c >> 12));
    b[n++] = (char)(0x80 | ((c >> 6) & 0x3F));
    b[n++] = (char)(0x80 | (c & 0x3F));
  } else {
    b[n++] = (char)(0xF0 | (c >> 18));
    b[n++] = (char)(0x80 | ((c >> 12) & 0x3F));
    b[n++] = (char)(0x80 | ((c >> 6) & 0x3F));
    b[n++] = (char)(0x80 | (c & 0x3F));
  }
  uh_str_addn(out, b, n);
}

/* A four-digit escape, with its second half where it is a surrogate. A lone surrogate, which Windows names may hold,
 * becomes U+FFFD. p stands behind the u. */
static bool unicode_escape(struct walk *w) {
  if (w->end - w->p < 4) return false;
  int c = hex4(w->p);
  if (c < 0) return false;
  w->p += 4;
  if (c >= 0xD800 && c < 0xDC00 && w->end - w->p >= 6 && w->p[0] == '\\' && w->p[1] == 'u') {
    int low = hex4(w->p + 2);
    if (low >= 0xDC00 && low < 0xE000) {
      w->p += 6;
      add_code_point(w->scratch, 0x10000u + (((unsigned)c - 0xD800u) << 10) + ((unsigned)low - 0xDC00u));
      return true;
    }
  }
  add_code_point(w->scratch, c >= 0xD800 && c < 0xE000 ? 0xFFFDu : (unsigned)c);
  return true;
}

/* Decodes the string at p (its opening quote) behind what scratch holds, adds a NUL. *ret_at: where it begins there. */
static bool string(struct walk *w, size_t *ret_at, size_t *ret_n) {
  if (w->p >= w->end || *w->p++ != '"') return false;
  *ret_at = w->scratch->len;
  for (;;) {
    const char *from = w->p;
    while (w->p < w->end && *w->p != '"' && *w->p != '\\' && (unsigned char)*w->p >= 0x20) w->p++;
    uh_str_addn(w->scratch, from, (size_t)(w->p - from));
    if (w->p >= w->end || (unsigned char)*w->p < 0x20) return false;
    if (*w->p++ == '"') break;
    if (w->p >= w->end) return false;
    switch (*w->p++) {
      case '"': uh_str_addc(w->scratch, '"'); break;
      case '\\': uh_str_addc(w->scratch, '\\'); break;
      case '/': uh_str_addc(w->scratch, '/'); break;
      case 'b': uh_str_addc(w->scratch, '\b'); break;
      case 'f': uh_str_addc(w->scratch, '\f'); break;
      case 'n': uh_str_addc(w->scratch, '\n'); break;
      case 'r': uh_str_addc(w->scratch, '\r'); break;
      case 't': uh_str_addc(w->scratch, '\t'); break;
      case 'u':
        if (!unicode_escape(w)) return false;
        break;
      default: return false;
    }
  }
  *ret_n = w->scratch->len - *ret_at;
  uh_str_addc(w->scratch, '\0');
  return !w->scratch->failed && uh_utf8_valid(w->scratch->s + *ret_at, *ret_n);
}

static bool digits(struct walk *w) {
  const char *from = w->p;
  while (w->p < w->end && *w->p >= '0' && *w->p <= '9') w->p++;
  return w->p > from;
}

/* *ret_integer: it is an integer that fits. */
static bool number(struct walk *w, bool *ret_integer, int64_t *ret_value) {
  const char *from = w->p;
  *ret_integer = true;
  if (w->p < w->end && *w->p == '-') w->p++;
  const char *first = w->p;
  if (!digits(w) || (*first == '0' && w->p - first > 1)) return false;
  if (w->p < w->end && *w->p == '.') {
    *ret_integer = false;
    w->p++;
    if (!digits(w)) return false;
  }
  if (w->p < w->end && (*w->p == 'e' || *w->p == 'E')) {
    *ret_integer = false;
    w->p++;
    if (w->p < w->end && (*w->p == '+' || *w->p == '-')) w->p++;
    if (!digits(w)) return false;
  }
  if (w->p - from > 20) *ret_integer = false;
  if (*ret_integer) {
    char text[24];
    memcpy(text, from, (size_t)(w->p - from));
    text[w->p - from] = '\0';
    errno = 0;
    *ret_value = strtoll(text, NULL, 10);
    *ret_integer = errno == 0;
  }
  return true;
}

static bool word(struct walk *w, const char *text) {
  size_t n = strlen(text);
  if ((size_t)(w->end - w->p) < n || memcmp(w->p, text, n) != 0) return false;
  w->p += n;
  return true;
}

/* Checks any value and leaves p behind it. Depth is bounded, so the recursion is. */
static bool any_value(struct walk *w, int depth) {
  size_t at, n, mark = w->scratch->len;
  bool integer;
  int64_t value;
  spaces(w);
  if (w->p >= w->end || depth > UH_JSON_DEPTH_MAX) return false;
  char open = *w->p;
  if (open == '"') {
    bool ok = string(w, &at, &n);
    w->scratch->len = mark;
    return ok;
  }
  if (open == 't') return word(w, "true");
  if (open == 'f') return word(w, "false");
  if (open == 'n') return word(w, "null");
  if (open != '{' && open != '[') return number(w, &integer, &value);
  char close = open == '{' ? '}' : ']';
  w->p++;
  spaces(w);
  if (w->p < w->end && *w->p == close) {
    w->p++;
    return true;
  }
  for (;;) {
    spaces(w);
    if (open == '{') {
      if (!string(w, &at, &n)) return false;
      w->scratch->len = mark;
      spaces(w);
      if (w->p >= w->end || *w->p++ != ':') return false;
    }
    if (!any_value(w, depth + 1)) return false;
    spaces(w);
    if (w->p >= w->end) return false;
    char c = *w->p++;
    if (c == close) return true;
    if (c != ',') return false;
  }
}

/* A list whose items are all strings, in a first pass that only looks. */
static bool is_string_list(struct walk *w) {
  const char *p = w->p + 1;
  bool all = true;
  for (bool in = false; p < w->end; p++) {
    if (in) {
      if (*p == '\\')
        p++;
      else if (*p == '"')
        in = false;
    } else if (*p == '"') {
      in = true;
    } else if (*p == ']') {
      return all;
    } else if (*p != ',' && !is_space(*p)) {
      return false;
    }
  }
  return false;
}

static bool string_list(struct walk *w, const char *name, const struct uh_json_visitor *v, void *user) {
  size_t mark = w->scratch->len;
  if (v->list_begin) v->list_begin(user, name);
  w->p++;
  spaces(w);
  if (w->p < w->end && *w->p == ']') {
    w->p++;
  } else {
    for (;;) {
      size_t at, n;
      spaces(w);
      if (!string(w, &at, &n)) return false;
      if (v->list_item) v->list_item(user, w->scratch->s + at, n);
      w->scratch->len = mark;
      spaces(w);
      if (w->p >= w->end) return false;
      char c = *w->p++;
      if (c == ']') break;
      if (c != ',') return false;
    }
  }
  if (v->list_end) v->list_end(user);
  return true;
}

static bool property(struct walk *w, const struct uh_json_visitor *v, void *user) {
  size_t name_at, name_n, at, n;
  w->scratch->len = 0;
  spaces(w);
  if (!string(w, &name_at, &name_n)) return false;
  spaces(w);
  if (w->p >= w->end || *w->p++ != ':') return false;
  spaces(w);
  if (w->p >= w->end) return false;
  /* The scratch buffer may move while it grows: the name's address is taken anew each time. */
  const char *from = w->p;
  bool integer;
  int64_t value;
  switch (*w->p) {
    case '"':
      if (!string(w, &at, &n)) return false;
      if (v->text) v->text(user, w->scratch->s + name_at, w->scratch->s + at, n);
      return true;
    case 't':
    case 'f':
      if (!word(w, *w->p == 't' ? "true" : "false")) return false;
      if (v->boolean) v->boolean(user, w->scratch->s + name_at, *from == 't');
      return true;
    case 'n':
      if (!word(w, "null")) return false;
      if (v->null) v->null(user, w->scratch->s + name_at);
      return true;
    case '[':
      if (is_string_list(w)) {
        char name[256];
        if (name_n >= sizeof name) return false; /* no property of any service has such a name */
        memcpy(name, w->scratch->s + name_at, name_n + 1);
        return string_list(w, name, v, user);
      }
      break;
    case '{': break;
    default:
      if (!number(w, &integer, &value)) return false;
      if (integer) {
        if (v->integer) v->integer(user, w->scratch->s + name_at, value);
        return true;
      }
      w->p = from;
      break;
  }
  if (!any_value(w, 1)) return false;
  size_t json_at = w->scratch->len;
  uh_str_addn(w->scratch, from, (size_t)(w->p - from));
  uh_str_addc(w->scratch, '\0');
  if (w->scratch->failed) return false;
  if (v->json) v->json(user, w->scratch->s + name_at, w->scratch->s + json_at);
  return true;
}

int uh_json_walk(const char *text, size_t n, const struct uh_json_visitor *visitor, void *user, struct uh_str *scratch,
                 struct uh_err *err) {
  struct walk w = {text, text + n, scratch};
  uh_str_reset(scratch);
  spaces(&w);
  bool ok = w.p < w.end && *w.p++ == '{';
  spaces(&w);
  if (ok && w.p < w.end && *w.p == '}') {
    w.p++;
  } else {
    while (ok) {
      ok = property(&w, visitor, user);
      if (!ok) break;
      spaces(&w);
      if (w.p >= w.end) {
        ok = false;
        break;
      }
      char c = *w.p++;
      if (c == '}') break;
      ok = c == ',';
    }
  }
  spaces(&w);
  if (ok && w.p == w.end) return 0;
  return uh_fail(err, UH_ERR_UNAVAILABLE, "an element of the answer is not JSON");
}
