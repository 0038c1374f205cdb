/* SPDX-License-Identifier: Apache-2.0 */
/* The first pass over a configuration: shape, known keys and words, each refusal with its line. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "case/config_internal.h"

#define ANCHORS "YAML anchors and aliases (& and *) are not allowed"
#define ANCHORS_REMEDY "write the value out, or put it in quotes if the sign belongs to it"

struct walk {
  yaml_parser_t parser;
  const char *data;
  size_t size;
  struct uh_marks *marks;
  struct uh_err *err;
  char path[UH_CONFIG_PATH_SIZE];
};

static int walk_value(struct walk *w, const yaml_event_t *event, const cyaml_schema_value_t *schema);

static void walk_cleanup(struct walk *w) {
  yaml_parser_delete(&w->parser);
}
static void event_cleanup(yaml_event_t *event) {
  yaml_event_delete(event);
}

static unsigned line_of(const yaml_event_t *event) {
  return (unsigned)event->start_mark.line + 1;
}

/* Optimal string alignment distance of short words; more than the limit where a word is long. */
static size_t distance(const char *a, const char *b) {
  enum { MAX = 48 };
  size_t la = strlen(a), lb = strlen(b), d[MAX + 1][MAX + 1];
  if (la > MAX || lb > MAX) return SIZE_MAX;
  for (size_t i = 0; i <= la; i++) d[i][0] = i;
  for (size_t j = 0; j <= lb; j++) d[0][j] = j;
  for (size_t i = 1; i <= la; i++)
    for (size_t j = 1; j <= lb; j++) {
      size_t same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]) ? 0 : 1;
      size_t best = d[i - 1][j - 1] + same;
      if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
      if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
        best = d[i - 2][j - 2] + 1;
      d[i][j] = best;
    }
  return d[la][lb];
}

const char *uh_nearest_word(const char *word, const char *const *words, size_t n) {
  const char *nearest = NULL;
  size_t best = SIZE_MAX;
  for (size_t i = 0; i < n; i++) {
    size_t d = distance(word, words[i]);
    if (d < best) {
      best = d;
      nearest = words[i];
    }
  }
  size_t allowed = strlen(word) / 3 + 1;
  return best <= allowed ? nearest : NULL;
}

static int add_mark(struct walk *w, unsigned line) {
  struct uh_marks *m = w->marks;
  if (m->n == m->cap) {
    size_t cap = m->cap ? m->cap * 2 : 64;
    struct uh_mark *v = reallocarray(m->v, cap, sizeof *v);
    if (!v) return uh_fail_nomem(w->err);
    m->v = v;
    m->cap = cap;
  }
  struct uh_mark *mark = &m->v[m->n++];
  (void)snprintf(mark->path, sizeof mark->path, "%s", w->path);
  mark->line = line;
  return 0;
}

bool uh_mark_present(const struct uh_marks *marks, const char *path) {
  for (size_t i = 0; i < marks->n; i++)
    if (strcmp(marks->v[i].path, path) == 0) return true;
  return false;
}

unsigned uh_mark_line(const struct uh_marks *marks, const char *path) {
  char key[UH_CONFIG_PATH_SIZE];
  (void)snprintf(key, sizeof key, "%s", path);
  for (;;) {
    for (size_t i = 0; i < marks->n; i++)
      if (strcmp(marks->v[i].path, key) == 0) return marks->v[i].line;
    char *dot = strrchr(key, '.');
    if (!dot) return 0;
    *dot = '\0';
  }
}

static int fail_at(struct walk *w, unsigned line) {
  uh_err_where(w->err, "%s:%u", w->marks->file, line);
  return -1;
}

static bool tab_indents(const struct walk *w, size_t line) {
  const char *p = w->data, *end = w->data + w->size;
  for (; line > 0 && p < end; line--) {
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    if (!newline) return false;
    p = newline + 1;
  }
  while (p < end && *p == ' ') p++;
  return p < end && *p == '\t';
}

/* What libyaml says, in our words where people meet it most. */
static int fail_parser(struct walk *w) {
  const yaml_parser_t *p = &w->parser;
  if (p->error == YAML_MEMORY_ERROR) return uh_fail_nomem(w->err);
  size_t line = p->problem_mark.line + 1;
  if (p->error == YAML_READER_ERROR) {
    line = 1;
    for (size_t i = 0; i < p->problem_offset && i < w->size; i++)
      if (w->data[i] == '\n') line++;
    uh_fail(w->err, UH_ERR_CONFIG, "the file is not UTF-8 text (%s)", p->problem ? p->problem : "unreadable bytes");
    uh_err_remedy(w->err, "save it as UTF-8");
  } else if (tab_indents(w, p->problem_mark.line)) {
    uh_fail(w->err, UH_ERR_CONFIG, "a tab stands where YAML wants spaces");
    uh_err_remedy(w->err, "indent with spaces");
  } else if (p->context && (strstr(p->context, "an alias") || strstr(p->context, "an anchor"))) {
    /* A host pattern without quotes, as people write it: [*.example.net]. */
    uh_fail(w->err, UH_ERR_CONFIG, ANCHORS);
    uh_err_remedy(w->err, ANCHORS_REMEDY);
  } else {
    uh_fail(w->err, UH_ERR_CONFIG, "not valid YAML: %s%s%s", p->context ? p->context : "", p->context ? ", " : "",
            p->problem ? p->problem : "unreadable");
    uh_err_remedy(w->err, "look at this line and the one before it");
  }
  return fail_at(w, (unsigned)line);
}

static int next_event(struct walk *w, yaml_event_t *event) {
  if (!yaml_parser_parse(&w->parser, event)) return fail_parser(w);
  const yaml_char_t *anchor = NULL, *tag = NULL;
  switch (event->type) {
    case YAML_ALIAS_EVENT: anchor = event->data.alias.anchor; break;
    case YAML_SCALAR_EVENT:
      anchor = event->data.scalar.anchor;
      tag = event->data.scalar.tag;
      break;
    case YAML_SEQUENCE_START_EVENT:
      anchor = event->data.sequence_start.anchor;
      tag = event->data.sequence_start.tag;
      break;
    case YAML_MAPPING_START_EVENT:
      anchor = event->data.mapping_start.anchor;
      tag = event->data.mapping_start.tag;
      break;
    default: break;
  }
  if (!anchor && !tag) return 0;
  uh_fail(w->err, UH_ERR_CONFIG, anchor ? ANCHORS : "YAML tags (!) are not allowed");
  uh_err_remedy(w->err, anchor ? ANCHORS_REMEDY : "put the value in quotes if the sign belongs to it");
  return fail_at(w, line_of(event));
}

static size_t field_count(const cyaml_schema_field_t *fields) {
  size_t n = 0;
  while (fields[n].key) n++;
  return n;
}

/* "url, bind or user" of at most 16 words. */
static const char *one_of(const char *const *words, size_t n, char *buf, size_t size) {
  size_t len = 0;
  buf[0] = '\0';
  for (size_t i = 0; i < n; i++) {
    const char *between = i == 0 ? "" : i + 1 == n ? " or " : ", ";
    int r = snprintf(buf + len, size - len, "%s%s", between, words[i]);
    if (r < 0 || (size_t)r >= size - len) return buf;
    len += (size_t)r;
  }
  return buf;
}

#define MAX_WORDS 32
static size_t field_words(const cyaml_schema_field_t *fields, const char *words[MAX_WORDS]) {
  size_t n = field_count(fields);
  if (n > MAX_WORDS) n = MAX_WORDS;
  for (size_t i = 0; i < n; i++) words[i] = fields[i].key;
  return n;
}

/* A key or word as a person may see it in a message: short, without control characters. */
static const char *shown(const char *text, char buf[64]) {
  size_t i = 0;
  for (; text[i] && i < 60; i++) {
    unsigned char c = (unsigned char)text[i];
    buf[i] = c < 0x20 || c == 0x7f ? '?' : text[i];
  }
  while (i > 0 && text[i] && ((unsigned char)buf[i - 1] & 0x80)) i--; /* do not cut within a character */
  buf[i] = '\0';
  return buf;
}

static int fail_unknown_key(struct walk *w, const yaml_event_t *event, const cyaml_schema_field_t *fields) {
  const char *words[MAX_WORDS];
  char list[192], name[64];
  size_t n = field_words(fields, words);
  const char *key = (const char *)event->data.scalar.value;
  const char *nearest = uh_nearest_word(key, words, n);
  uh_fail(w->err, UH_ERR_CONFIG, "unknown key \"%s\" in %s%s", shown(key, name),
          w->path[0] ? "section " : "the configuration", w->path);
  if (nearest) uh_err_remedy(w->err, "did you mean \"%s\"?", nearest);
  uh_err_remedy(w->err, "known here: %s", one_of(words, n, list, sizeof list));
  return fail_at(w, line_of(event));
}

static int fail_kind(struct walk *w, const yaml_event_t *event, const cyaml_schema_value_t *schema) {
  const char *words[MAX_WORDS];
  char list[160];
  const char *got = event->type == YAML_MAPPING_START_EVENT    ? "a section"
                    : event->type == YAML_SEQUENCE_START_EVENT ? "a list"
                                                               : "a single value";
  const char *name = w->path[0] ? w->path : "the configuration";
  if (schema->type == CYAML_MAPPING) {
    size_t n = field_words(schema->mapping.fields, words);
    uh_fail(w->err, UH_ERR_CONFIG, "%s must be a section of keys, not %s", name, got);
    uh_err_remedy(w->err, "known there: %s", one_of(words, n, list, sizeof list));
  } else if (schema->type == CYAML_SEQUENCE) {
    uh_fail(w->err, UH_ERR_CONFIG, "%s must be a list, not %s", name, got);
    uh_err_remedy(w->err, "write it in brackets: [\"...\"]");
  } else {
    uh_fail(w->err, UH_ERR_CONFIG, "%s must be a single value, not %s", name, got);
  }
  return fail_at(w, line_of(event));
}

static bool is_null(const yaml_event_t *event) {
  const char *text = (const char *)event->data.scalar.value;
  if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return event->data.scalar.length == 0;
  return !*text || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0;
}

static int fail_empty(struct walk *w, const yaml_event_t *event) {
  uh_fail(w->err, UH_ERR_CONFIG, "%s has no value", w->path);
  uh_err_remedy(w->err, "give one, or take the line out");
  return fail_at(w, line_of(event));
}

static int check_text(struct walk *w, const yaml_event_t *event) {
  const unsigned char *text = event->data.scalar.value;
  size_t n = event->data.scalar.length;
  if (n > UH_CONFIG_MAX_TEXT) {
    uh_fail(w->err, UH_ERR_CONFIG, "%s is longer than %d bytes", w->path, UH_CONFIG_MAX_TEXT);
    return fail_at(w, line_of(event));
  }
  for (size_t i = 0; i < n; i++)
    if (text[i] < 0x20 || text[i] == 0x7f) {
      uh_fail(w->err, UH_ERR_CONFIG, "%s holds a control character", w->path);
      if (event->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE)
        uh_err_remedy(w->err, "in double quotes a backslash begins an escape: use single quotes");
      return fail_at(w, line_of(event));
    }
  return 0;
}

static int check_enum(struct walk *w, const yaml_event_t *event, const cyaml_schema_value_t *schema) {
  const char *words[MAX_WORDS] = {NULL}, *text = (const char *)event->data.scalar.value;
  char list[160], name[64];
  size_t n = schema->enumeration.count < MAX_WORDS ? schema->enumeration.count : MAX_WORDS;
  for (size_t i = 0; i < n; i++) {
    words[i] = schema->enumeration.strings[i].str;
    if (strcmp(words[i], text) == 0) return 0;
  }
  const char *nearest = uh_nearest_word(text, words, n);
  uh_fail(w->err, UH_ERR_CONFIG, "%s cannot be \"%s\": it is %s", w->path, shown(text, name),
          one_of(words, n, list, sizeof list));
  if (nearest) uh_err_remedy(w->err, "did you mean \"%s\"?", nearest);
  return fail_at(w, line_of(event));
}

static int check_scalar(struct walk *w, const yaml_event_t *event, const cyaml_schema_value_t *schema) {
  const char *text = (const char *)event->data.scalar.value;
  char name[64];
  if (is_null(event)) return fail_empty(w, event);
  if (check_text(w, event) < 0) return -1;
  if (schema->type == CYAML_ENUM) return check_enum(w, event, schema);
  if (schema->type == CYAML_BOOL && strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
    uh_fail(w->err, UH_ERR_CONFIG, "%s is true or false, not \"%s\"", w->path, shown(text, name));
    return fail_at(w, line_of(event));
  }
  if (schema->type == CYAML_UINT &&
      (strspn(text, "0123456789") != strlen(text) || strlen(text) > 9 || (text[0] == '0' && text[1]))) {
    uh_fail(w->err, UH_ERR_CONFIG, "%s is a whole number, not \"%s\"", w->path, shown(text, name));
    return fail_at(w, line_of(event));
  }
  return 0;
}

static int walk_sequence(struct walk *w, const cyaml_schema_value_t *schema) {
  size_t len = strlen(w->path);
  for (unsigned i = 0;; i++) {
    UH_CLEANUP(event_cleanup) yaml_event_t event = {0};
    if (next_event(w, &event) < 0) return -1;
    if (event.type == YAML_SEQUENCE_END_EVENT) return 0;
    if (i >= schema->sequence.max) {
      uh_fail(w->err, UH_ERR_CONFIG, "%s has more than %u entries", w->path, schema->sequence.max);
      return fail_at(w, line_of(&event));
    }
    (void)snprintf(w->path + len, sizeof w->path - len, "[%u]", i);
    if (add_mark(w, line_of(&event)) < 0 || walk_value(w, &event, schema->sequence.entry) < 0) return -1;
    w->path[len] = '\0';
  }
}

static const cyaml_schema_field_t *find_field(const cyaml_schema_field_t *fields, const char *key) {
  for (; fields->key; fields++)
    if (strcmp(fields->key, key) == 0) return fields;
  return NULL;
}

static int walk_field(struct walk *w, const yaml_event_t *key, const cyaml_schema_field_t *fields) {
  if (key->type != YAML_SCALAR_EVENT) {
    uh_fail(w->err, UH_ERR_CONFIG, "a key must be a plain word");
    return fail_at(w, line_of(key));
  }
  const cyaml_schema_field_t *field = find_field(fields, (const char *)key->data.scalar.value);
  if (!field || strlen(field->key) != key->data.scalar.length) return fail_unknown_key(w, key, fields);
  size_t len = strlen(w->path);
  (void)snprintf(w->path + len, sizeof w->path - len, "%s%s", len ? "." : "", field->key);
  if (uh_mark_present(w->marks, w->path)) {
    uh_fail(w->err, UH_ERR_CONFIG, "%s stands twice, first on line %u", w->path, uh_mark_line(w->marks, w->path));
    uh_err_remedy(w->err, "keep one of the two");
    return fail_at(w, line_of(key));
  }
  if (add_mark(w, line_of(key)) < 0) return -1;
  UH_CLEANUP(event_cleanup) yaml_event_t value = {0};
  if (next_event(w, &value) < 0 || walk_value(w, &value, &field->value) < 0) return -1;
  w->path[len] = '\0';
  return 0;
}

static int walk_mapping(struct walk *w, const cyaml_schema_value_t *schema) {
  for (;;) {
    UH_CLEANUP(event_cleanup) yaml_event_t key = {0};
    if (next_event(w, &key) < 0) return -1;
    if (key.type == YAML_MAPPING_END_EVENT) return 0;
    if (walk_field(w, &key, schema->mapping.fields) < 0) return -1;
  }
}

static int walk_value(struct walk *w, const yaml_event_t *event, const cyaml_schema_value_t *schema) {
  bool container = schema->type == CYAML_MAPPING || schema->type == CYAML_SEQUENCE;
  if (container && event->type == YAML_SCALAR_EVENT && is_null(event) && w->path[0]) return fail_empty(w, event);
  switch (schema->type) {
    case CYAML_MAPPING:
      return event->type == YAML_MAPPING_START_EVENT ? walk_mapping(w, schema) : fail_kind(w, event, schema);
    case CYAML_SEQUENCE:
      return event->type == YAML_SEQUENCE_START_EVENT ? walk_sequence(w, schema) : fail_kind(w, event, schema);
    default: return event->type == YAML_SCALAR_EVENT ? check_scalar(w, event, schema) : fail_kind(w, event, schema);
  }
}

static int walk_document(struct walk *w) {
  UH_CLEANUP(event_cleanup) yaml_event_t stream = {0}, begin = {0}, value = {0}, end = {0}, last = {0};
  if (next_event(w, &stream) < 0 || next_event(w, &begin) < 0) return -1;
  if (begin.type != YAML_DOCUMENT_START_EVENT) {
    uh_fail(w->err, UH_ERR_CONFIG, "the file is empty");
    uh_err_remedy(w->err, "it needs at least \"organization: NAME\"");
    return fail_at(w, 1);
  }
  if (next_event(w, &value) < 0 || walk_value(w, &value, uh_config_schema()) < 0) return -1;
  if (next_event(w, &end) < 0 || next_event(w, &last) < 0) return -1;
  if (last.type == YAML_STREAM_END_EVENT) return 0;
  uh_fail(w->err, UH_ERR_CONFIG, "the file holds more than one YAML document");
  uh_err_remedy(w->err, "take out the line \"---\"");
  return fail_at(w, line_of(&last));
}

int uh_config_walk(const char *data, size_t size, struct uh_marks *marks, struct uh_err *err) {
  UH_CLEANUP(walk_cleanup) struct walk w = {.data = data, .size = size, .marks = marks, .err = err};
  if (!yaml_parser_initialize(&w.parser)) return uh_fail_nomem(err);
  yaml_parser_set_input_string(&w.parser, (const unsigned char *)data, size);
  return walk_document(&w);
}
