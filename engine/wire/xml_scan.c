/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/xml_scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/utf16.h"

#define JOIN_BYTES ((size_t)4096) /* taken at a time to complete a token that was cut */
#define END_TAG_MAX ((size_t)512) /* a name and what may follow it */
#define REFERENCE_MAX 16u         /* "&#x0010FFFF;" with room */

enum inside { IN_CONTENT, IN_COMMENT, IN_INSTRUCTION, IN_CDATA };

struct name {
  uint8_t n;
  char s[UH_XML_NAME_MAX];
};

struct uh_xml {
  struct uh_xml_handler handler;
  void *user;
  enum inside inside;
  bool seen, over, stopped, cut;
  unsigned depth, max_depth, skip; /* skip: depth of the element whose content is not told; 0 none */
  char error[200];
  int64_t line;         /* of the first byte of `now` */
  size_t column;        /* bytes before it in its line */
  const char *now, *at; /* what is being scanned, and where */
  char *held;           /* a token whose end has not come */
  size_t held_n, held_cap;
  char *scratch; /* decoded values of one tag */
  size_t scratch_n, scratch_cap;
  struct uh_xml_attribute attributes[UH_XML_ATTRIBUTES_MAX];
  struct name names[];
};

/* What a byte of text may be: 0 plain, 1 to be looked at, 2 white space that is plain in text. */
static const uint8_t classes[256] = {
    [0x00 ... 0x08] = 1, ['\t'] = 2, ['\n'] = 2, [0x0B ... 0x0C] = 1, ['\r'] = 1,         [0x0E ... 0x1F] = 1,
    [' '] = 2,           ['&'] = 1,  [']'] = 1,  ['<'] = 1,           [0x80 ... 0xFF] = 1};

struct uh_xml *uh_xml_open(const struct uh_xml_handler *handler, void *user, unsigned max_depth) {
  struct uh_xml *x = malloc(sizeof *x + max_depth * sizeof *x->names);
  if (!x) return NULL;
  memset(x, 0, offsetof(struct uh_xml, attributes));
  x->handler = *handler;
  x->user = user;
  x->max_depth = max_depth;
  x->line = 1;
  return x;
}

struct uh_xml *uh_xml_free(struct uh_xml *x) {
  if (!x) return NULL;
  free(x->held);
  free(x->scratch);
  free(x);
  return NULL;
}

void uh_xml_skip(struct uh_xml *x) {
  if (!x->skip) x->skip = x->depth;
}
void uh_xml_stop(struct uh_xml *x) {
  x->stopped = true;
}
const char *uh_xml_error(const struct uh_xml *x) {
  return x->error[0] ? x->error : NULL;
}
bool uh_xml_is_cut(const struct uh_xml *x) {
  return x->cut;
}

static size_t newlines(const char *s, size_t n) {
  size_t count = 0;
  const char *end = s + n;
  for (const char *p = s; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++) count++;
  return count;
}

static size_t column_after(const char *s, size_t n, size_t before) {
  const char *last = n ? memrchr(s, '\n', n) : NULL;
  return last ? (size_t)(s + n - last) - 1 : before + n;
}

void uh_xml_place(const struct uh_xml *x, int64_t *ret_line, int64_t *ret_column) {
  size_t n = x->now ? (size_t)(x->at - x->now) : 0;
  *ret_line = x->line + (n ? (int64_t)newlines(x->now, n) : 0);
  *ret_column = (int64_t)(n ? column_after(x->now, n, x->column) : x->column) + 1;
}

/* ---- failing: what to say, at the place that is being read ---- */

#define WAIT 1 /* the token's end has not come */

static int UH_PRINTF(2, 3) bad(struct uh_xml *x, const char *fmt, ...) {
  va_list ap;
  x->stopped = true;
  if (x->error[0]) return -1;
  va_start(ap, fmt);
  uh_vprint(x->error, sizeof x->error, fmt, ap);
  va_end(ap);
  return -1;
}

static int no_memory(struct uh_xml *x) {
  x->stopped = true;
  return -1;
}

/* ---- characters ---- */

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_char(uint32_t c) {
  return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0xD800) || (c >= 0xE000 && c < 0xFFFE) ||
         (c >= 0x10000 && c <= 0x10FFFF);
}

/* Length of the character at s, 0 where it is no UTF-8 or not allowed in XML. */
static size_t character(const char *text, size_t n) {
  const unsigned char *s = (const unsigned char *)text;
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (s[0] < 0x80) return is_char(s[0]) ? 1 : 0;
  size_t len = s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
  if (len == 0 || len > n) return 0;
  uint32_t c = s[0] & (0xFFu >> (len + 1));
  for (size_t i = 1; i < len; i++) {
    if ((s[i] & 0xC0) != 0x80) return 0;
    c = c << 6 | (s[i] & 0x3Fu);
  }
  return c >= least[len] && is_char(c) ? len : 0;
}

/* A reference at s ("&lt;", "&#x41;") to a character, its length in *ret_n. 0: it is none (the error is set). */
static uint32_t reference(struct uh_xml *x, const char *s, size_t n, size_t *ret_n) {
  static const struct {
    const char *name;
    char c;
  } known[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
  const char *end = memchr(s, ';', n < REFERENCE_MAX ? n : REFERENCE_MAX);
  if (!end) {
    (void)bad(x, "an & that begins no reference");
    return 0;
  }
  *ret_n = (size_t)(end - s) + 1;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strlen(known[i].name) == *ret_n && memcmp(known[i].name, s, *ret_n) == 0) return (unsigned char)known[i].c;
  if (s[1] != '#') {
    (void)bad(x, "the entity %.*s is not known", (int)*ret_n, s);
    return 0;
  }
  bool hex = s[2] == 'x';
  const char *digits = s + (hex ? 3 : 2);
  uint32_t c = 0;
  bool ok = digits < end;
  for (; ok && digits < end; digits++) {
    int low = *digits | 0x20;
    unsigned d = *digits >= '0' && *digits <= '9'  ? (unsigned)(*digits - '0')
                 : hex && low >= 'a' && low <= 'f' ? (unsigned)(low - 'a' + 10)
                                                   : 99;
    ok = d < 99 && c <= 0x10FFFF;
    c = c * (hex ? 16 : 10) + d;
  }
  if (ok && is_char(c)) return c;
  (void)bad(x, "the character reference %.*s is not allowed", (int)*ret_n, s);
  return 0;
}

/* ---- text ---- */

static void tell_text(struct uh_xml *x, const char *s, size_t n) {
  if (n && !x->stopped) x->handler.text(x->user, s, n);
}

/* One thing in text that is not plain. Returns how many bytes it took, 0 when it is not allowed. */
static size_t odd_text(struct uh_xml *x, const char *s, size_t n, bool cdata) {
  char utf8[4];
  size_t len = 0;
  if (*s == '&' && !cdata) {
    uint32_t c = reference(x, s, n, &len);
    if (!c) return 0;
    tell_text(x, utf8, uh_utf8_put(c, utf8));
    return len;
  }
  if (*s == '\r') { /* alone or before a newline, it is one newline */
    tell_text(x, "\n", 1);
    return n > 1 && s[1] == '\n' ? 2 : 1;
  }
  bool stray_end = *s == ']' && !cdata && n > 2 && s[1] == ']' && s[2] == '>';
  len = stray_end ? 0 : character(s, n);
  if (!len) {
    (void)bad(x, stray_end ? "]]> stands in text" : "a byte 0x%02x that is no character here", (unsigned char)*s);
    return 0;
  }
  tell_text(x, s, len);
  return len;
}

static int text(struct uh_xml *x, const char *s, size_t n, bool cdata) {
  if (x->depth == 0) {
    for (size_t i = 0; i < n; i++)
      if (!is_space(s[i])) return bad(x, "text outside of the root element");
    return 0;
  }
  while (n > 0 && !x->stopped) {
    size_t plain = 0;
    while (plain < n && classes[(unsigned char)s[plain]] != 1) plain++;
    tell_text(x, s, plain);
    s += plain;
    n -= plain;
    if (n == 0) break;
    x->at = s;
    size_t len = odd_text(x, s, n, cdata);
    if (!len) return -1;
    s += len;
    n -= len;
  }
  return x->stopped ? -1 : 0;
}

/* How much of a run without end can be told already: what may be the beginning of something waits. */
static size_t safe_length(const char *s, size_t n) {
  size_t safe = n;
  for (size_t back = 1; back <= REFERENCE_MAX && back <= n; back++) {
    const char *p = s + n - back;
    bool begins = *p == '&'    ? !memchr(p, ';', back)
                  : *p == '\r' ? back == 1
                  : *p == ']'  ? back == 1 || (back == 2 && p[1] == ']')
                               : (unsigned char)*p >= 0xC0 && back <= 3;
    if (begins) safe = n - back;
  }
  return safe;
}

static int run_of_text(struct uh_xml *x, const char *s, size_t n, bool last, size_t *ret_n) {
  const char *end = memchr(s, '<', n);
  size_t len = end ? (size_t)(end - s) : last ? n : safe_length(s, n);
  if (len == 0) return WAIT;
  *ret_n = len;
  return x->skip ? 0 : text(x, s, len, false);
}

/* ---- tags ---- */

/* What a byte may be in a name: 1 anywhere, 2 not at its beginning, 4 a part of a character beyond ASCII. */
static const uint8_t name_classes[256] = {['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['_'] = 1, [':'] = 1,
                                          ['0' ... '9'] = 2, ['-'] = 2,         ['.'] = 2, [0x80 ... 0xFF] = 4};

static size_t name_length(const char *s, const char *end) {
  const char *p = s;
  if (p < end && name_classes[(unsigned char)*p] != 2)
    while (p < end && name_classes[(unsigned char)*p]) p++;
  return (size_t)(p - s);
}

static char *scratch_room(struct uh_xml *x, size_t n) {
  if (n > x->scratch_cap) { /* before the first value of a tag: nothing points into it yet */
    char *grown = realloc(x->scratch, n);
    if (!grown) return NULL;
    x->scratch = grown;
    x->scratch_cap = n;
  }
  return x->scratch + x->scratch_n;
}

/* Decodes a value that is not plain. rest: bytes from here to the tag's end, which all values together stay below. */
static int odd_value(struct uh_xml *x, struct uh_xml_attribute *a, size_t rest) {
  char *out = x->scratch_n == 0 ? scratch_room(x, rest + 8) : x->scratch + x->scratch_n;
  if (!out) return no_memory(x);
  const char *s = a->value;
  size_t n = a->value_n, used = 0;
  while (n > 0) {
    size_t len = 1;
    if (*s == '&') {
      uint32_t c = reference(x, s, n, &len);
      if (!c) return -1;
      used += uh_utf8_put(c, out + used);
    } else if (is_space(*s)) {
      if (*s == '\r' && n > 1 && s[1] == '\n') len = 2;
      out[used++] = ' ';
    } else {
      len = *s == '<' ? 0 : character(s, n);
      if (!len) return bad(x, "a byte 0x%02x that may not stand in an attribute", (unsigned char)*s);
      memcpy(out + used, s, len);
      used += len;
    }
    s += len;
    n -= len;
  }
  a->value = out;
  a->value_n = used;
  x->scratch_n += used;
  return 0;
}

static bool is_plain_value(const struct uh_xml_attribute *a) {
  for (size_t i = 0; i < a->value_n; i++)
    if (classes[(unsigned char)a->value[i]] && a->value[i] != ' ' && a->value[i] != ']') return false;
  return true;
}

static int valid_name(struct uh_xml *x, const char *s, size_t n) {
  for (size_t i = 0, len = 1; i < n; i += len) {
    if (name_classes[(unsigned char)s[i]] != 4) {
      len = 1;
      continue;
    }
    len = character(s + i, n - i);
    if (!len) return bad(x, "a name that is not UTF-8");
  }
  return 0;
}

/* Reads one attribute at *at. WAIT: the tag's end has not come. */
static int attribute(struct uh_xml *x, const char **at, const char *end, unsigned *n) {
  const char *s = *at;
  size_t len = name_length(s, end);
  if (len == 0) return bad(x, "a character 0x%02x that does not belong in a tag", (unsigned char)*s);
  struct uh_xml_attribute a = {.name = s, .name_n = len};
  for (s += len; s < end && is_space(*s);) s++;
  if (s == end) return WAIT;
  if (*s++ != '=') return bad(x, "an attribute without a value");
  while (s < end && is_space(*s)) s++;
  if (s == end) return WAIT;
  char quote = *s++;
  if (quote != '"' && quote != '\'') return bad(x, "an attribute's value without quotes");
  a.value = s;
  s = memchr(s, quote, (size_t)(end - s));
  if (!s) return WAIT;
  a.value_n = (size_t)(s - a.value);
  if (*n >= UH_XML_ATTRIBUTES_MAX) return bad(x, "more than %u attributes", UH_XML_ATTRIBUTES_MAX);
  for (unsigned i = 0; i < *n; i++)
    if (x->attributes[i].name_n == len && memcmp(x->attributes[i].name, a.name, len) == 0)
      return bad(x, "an attribute that stands there twice");
  x->attributes[(*n)++] = a;
  *at = s + 1;
  return 0;
}

static int decode_attributes(struct uh_xml *x, unsigned n, const char *end) {
  x->scratch_n = 0;
  for (unsigned i = 0; i < n; i++) {
    struct uh_xml_attribute *a = &x->attributes[i];
    if (valid_name(x, a->name, a->name_n) < 0) return -1;
    if (!is_plain_value(a) && odd_value(x, a, (size_t)(end - a->value)) < 0) return -1;
  }
  return 0;
}

static int begin_element(struct uh_xml *x, const char *name, size_t n, unsigned attributes) {
  if (x->over) return bad(x, "something stands after the end of the root element");
  if (n > UH_XML_NAME_MAX) return bad(x, "a name of more than %u bytes", UH_XML_NAME_MAX);
  if (x->depth >= x->max_depth) return bad(x, "more than %u elements stand in each other", x->max_depth);
  struct name *top = &x->names[x->depth++];
  memcpy(top->s, name, n);
  top->n = (uint8_t)n;
  x->seen = true;
  if (!x->skip) x->handler.start(x->user, name, n, x->attributes, attributes);
  return x->stopped ? -1 : 0;
}

static int end_element(struct uh_xml *x) {
  if (x->skip == x->depth) x->skip = 0;
  x->depth--;
  if (x->depth == 0) x->over = true;
  if (!x->skip) x->handler.end(x->user);
  return x->stopped ? -1 : 0;
}

static int start_tag(struct uh_xml *x, const char *s, size_t n, size_t *ret_n) {
  const char *end = s + n, *name = s + 1, *p = name;
  unsigned attributes = 0;
  size_t len = name_length(name, end);
  if (len == 0) return bad(x, "a < that begins no tag");
  for (p += len; p < end;) {
    const char *before = p;
    while (p < end && is_space(*p)) p++;
    if (p == end) break;
    bool empty = *p == '/';
    if (empty && p + 1 == end) break;
    if (empty && p[1] != '>') return bad(x, "a / in the middle of a tag");
    if (empty || *p == '>') {
      const char *close = p;
      *ret_n = (size_t)(p - s) + (empty ? 2 : 1);
      if (valid_name(x, name, len) < 0 || (!x->skip && decode_attributes(x, attributes, close) < 0)) return -1;
      if (begin_element(x, name, len, attributes) < 0) return -1;
      return empty ? end_element(x) : 0;
    }
    if (p == before) return bad(x, "a character 0x%02x that does not belong in a tag", (unsigned char)*p);
    int rc = attribute(x, &p, end, &attributes);
    if (rc == WAIT) break;
    if (rc < 0) return -1;
  }
  return n > UH_XML_TAG_MAX ? bad(x, "a tag of more than %zu KiB", UH_XML_TAG_MAX >> 10) : WAIT;
}

static int end_tag(struct uh_xml *x, const char *s, size_t n, size_t *ret_n) {
  const char *close = memchr(s, '>', n < END_TAG_MAX ? n : END_TAG_MAX);
  if (!close) return n < END_TAG_MAX ? WAIT : bad(x, "an end tag without end");
  if (x->depth == 0) return bad(x, "an end tag without its beginning");
  const struct name *top = &x->names[x->depth - 1];
  const char *name = s + 2, *end = close;
  while (end > name && is_space(end[-1])) end--;
  if ((size_t)(end - name) != top->n || memcmp(name, top->s, top->n) != 0)
    return bad(x, "</%.*s> ends <%.*s>", UH_HEAD(name, (int)(end - name < 40 ? end - name : 40)),
               UH_HEAD(top->s, top->n < 40 ? top->n : 40));
  *ret_n = (size_t)(close - s) + 1;
  return end_element(x);
}

/* ---- what begins with <! and <? ---- */

static bool begins(const char *s, size_t n, const char *with, bool *ret_short) {
  size_t len = strlen(with);
  if (n < len && memcmp(s, with, n) == 0) *ret_short = true;
  return n >= len && memcmp(s, with, len) == 0;
}

static int declaration(struct uh_xml *x, const char *s, size_t n, size_t *ret_n) {
  bool too_short = false;
  *ret_n = 4;
  if (begins(s, n, "<!--", &too_short)) {
    x->inside = IN_COMMENT;
  } else if (begins(s, n, "<![CDATA[", &too_short)) {
    if (x->depth == 0) return bad(x, "text outside of the root element");
    x->inside = IN_CDATA;
    *ret_n = 9;
  } else if (begins(s, n, "<!DOCTYPE", &too_short)) {
    return bad(x, "a DOCTYPE does not belong here and is refused");
  } else {
    return too_short ? WAIT : bad(x, "a < that begins no tag");
  }
  return 0;
}

/* In a comment and the like: to its end. */
static int pass_over(struct uh_xml *x, const char *s, size_t n, size_t *ret_n) {
  const char *mark = x->inside == IN_COMMENT ? "-->" : x->inside == IN_CDATA ? "]]>" : "?>";
  size_t len = strlen(mark);
  const char *end = memmem(s, n, mark, len);
  bool cdata = x->inside == IN_CDATA && !x->skip;
  size_t told = end ? (size_t)(end - s) : safe_length(s, n);
  if (!end && !cdata) told = n < len ? 0 : n - len + 1;
  if (end) x->inside = IN_CONTENT;
  if (cdata && told && text(x, s, told, true) < 0) return -1;
  *ret_n = told + (end ? len : 0);
  return *ret_n ? 0 : WAIT;
}

/* ---- the document ---- */

static int token(struct uh_xml *x, const char *s, size_t n, bool last, size_t *ret_n) {
  if (x->inside != IN_CONTENT) return pass_over(x, s, n, ret_n);
  if (*s != '<') return run_of_text(x, s, n, last, ret_n);
  if (n < 2) return WAIT;
  switch (s[1]) {
    case '/': return end_tag(x, s, n, ret_n);
    case '!': return declaration(x, s, n, ret_n);
    case '?':
      x->inside = IN_INSTRUCTION;
      *ret_n = 2;
      return 0;
    default: return start_tag(x, s, n, ret_n);
  }
}

/* As many tokens as are complete; *ret_n: the bytes they took. */
static int scan(struct uh_xml *x, const char *s, size_t n, bool last, size_t *ret_n) {
  size_t done = 0;
  int rc = 0;
  x->now = s;
  while (done < n && rc == 0) {
    size_t len = 0;
    x->at = s + done;
    rc = token(x, s + done, n - done, last, &len);
    if (rc == 0) done += len;
  }
  if (rc < 0) return -1; /* the place stays where it is */
  x->line += (int64_t)newlines(s, done);
  x->column = column_after(s, done, x->column);
  x->now = NULL;
  *ret_n = done;
  return 0;
}

static int hold(struct uh_xml *x, const char *s, size_t n) {
  if (n > x->held_cap - x->held_n) {
    size_t cap = (x->held_n + n) * 2;
    char *grown = realloc(x->held, cap);
    if (!grown) return no_memory(x);
    x->held = grown;
    x->held_cap = cap;
  }
  if (n) memcpy(x->held + x->held_n, s, n);
  x->held_n += n;
  return 0;
}

int uh_xml_feed(struct uh_xml *x, const char *data, size_t n) {
  while (n > 0 && !x->stopped) {
    size_t done, part = x->held_n == 0 ? n : n < JOIN_BYTES ? n : JOIN_BYTES;
    if (x->held_n == 0) {
      if (scan(x, data, n, false, &done) < 0) return -1;
      return hold(x, data + done, n - done);
    }
    if (hold(x, data, part) < 0 || scan(x, x->held, x->held_n, false, &done) < 0) return -1;
    size_t left = x->held_n - done;
    data += part;
    n -= part;
    if (left <= part && done > 0) { /* what is left came with this piece: it is read where it stands */
      data -= left;
      n += left;
      x->held_n = 0;
      if (n == left) return hold(x, data, n);
    } else {
      memmove(x->held, x->held + done, left);
      x->held_n = left;
    }
  }
  return x->stopped ? -1 : 0;
}

int uh_xml_finish(struct uh_xml *x) {
  size_t done = 0;
  if (x->stopped) return -1;
  if (x->held_n && scan(x, x->held, x->held_n, true, &done) < 0) return -1;
  if (x->held_n == done && x->over && x->inside == IN_CONTENT) return 0;
  x->cut = true;
  return bad(x, x->seen ? "the document ends too soon" : "there is nothing in it");
}
