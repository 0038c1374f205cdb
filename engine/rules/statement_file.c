/* SPDX-License-Identifier: Apache-2.0 */
/* Reading waivers and attestations. libyaml's documents keep the line of every node, so each complaint has a place. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yaml.h>

#include <unhybrid/text.h>

#include "case/config.h"
#include "rules/statement_text.h"

enum { DEPTH_MAX = 16 };

/* ---- the keys of an entry ---- */

enum key { K_SUBJECT, K_OBJECT, K_TEXT, K_NOTE, K_APPROVER, K_FROM, K_UNTIL, K_EVIDENCE, K_MAX };
struct key_name {
  const char *name; /* NULL: entries of this kind have none */
  bool needed;
};
static const struct key_name keys[2][K_MAX] = {
    [UH_WAIVER] = {{"finding", true},
                   {NULL, false},
                   {"reason", true},
                   {NULL, false},
                   {"approver", true},
                   {"from", true},
                   {"until", true},
                   {"evidence", true}},
    [UH_ATTESTATION] = {{"fact", true},
                        {"object", false},
                        {"value", true},
                        {"note", false},
                        {"approver", true},
                        {"from", true},
                        {"until", true},
                        {"evidence", true}},
};

const char *uh_statement_kind_name(enum uh_statement_kind kind) {
  return kind == UH_WAIVER ? "waiver" : "attestation";
}
const char *uh_statement_list_name(enum uh_statement_kind kind) {
  return kind == UH_WAIVER ? "waivers" : "attestations";
}

static const char **field(struct uh_statement *s, enum key key) {
  switch (key) {
    case K_SUBJECT: return &s->subject;
    case K_OBJECT: return &s->object;
    case K_TEXT: return &s->text;
    case K_NOTE: return &s->note;
    case K_APPROVER: return &s->approver;
    default: return &s->evidence;
  }
}

static void entry_clear(struct uh_statement *s) {
  for (int k = 0; k < K_MAX; k++)
    if (k != K_FROM && k != K_UNTIL) free((char *)(uintptr_t)*field(s, (enum key)k));
}

struct uh_statements *uh_statements_free(struct uh_statements *s) {
  if (!s) return NULL;
  for (size_t i = 0; i < s->n; i++) entry_clear(&s->v[i]);
  free(s->v);
  free(s->path);
  free(s);
  return NULL;
}
void uh_statements_freep(struct uh_statements **s) {
  *s = uh_statements_free(*s);
}

/* ---- one entry ---- */

struct reader {
  enum uh_statement_kind kind;
  const char *path;
  yaml_document_t *doc;
  struct uh_err *err;
};

static unsigned line_of(const yaml_node_t *node) {
  return node ? (unsigned)node->start_mark.line + 1 : 1;
}

#define complain(r, node, ...) \
  (uh_fail((r)->err, UH_ERR_CONFIG, __VA_ARGS__), uh_err_where((r)->err, "%s:%u", (r)->path, line_of(node)), -1)

/* The last line that a value takes. A block of text ends where the next line begins. */
static unsigned last_line_of(const yaml_node_t *node) {
  const yaml_mark_t *end = &node->end_mark;
  return (unsigned)end->line + (end->column > 0 || end->line == node->start_mark.line ? 1 : 0);
}

/* NULL where it is no text, or a NUL would end it early. */
static const char *scalar(const yaml_node_t *node) {
  if (!node || node->type != YAML_SCALAR_NODE) return NULL;
  const char *text = (const char *)node->data.scalar.value;
  return strlen(text) == node->data.scalar.length ? text : NULL;
}

static bool is_blank(const char *text) {
  return text[strspn(text, " \t\r\n")] == '\0';
}

static int fail_unknown_key(const struct reader *r, const yaml_node_t *node, const char *name) {
  const char *words[K_MAX];
  struct uh_str known = {0};
  size_t n = 0;
  for (int k = 0; k < K_MAX; k++)
    if (keys[r->kind][k].name) {
      uh_str_addf(&known, "%s%s", n ? ", " : "", keys[r->kind][k].name);
      words[n++] = keys[r->kind][k].name;
    }
  const char *nearest = name ? uh_nearest_word(name, words, n) : NULL;
  (void)complain(r, node, "unknown key \"%.*s\" in %s %s", UH_HEAD(name ? name : "?", 60),
                 r->kind == UH_WAIVER ? "a" : "an", uh_statement_kind_name(r->kind));
  if (nearest) uh_err_remedy(r->err, "did you mean \"%s\"?", nearest);
  uh_err_remedy(r->err, "known here: %s", uh_str_text(&known) ? uh_str_text(&known) : "");
  uh_str_clear(&known);
  return -1;
}

static int read_keys(const struct reader *r, const yaml_node_t *map, const yaml_node_t *values[K_MAX]) {
  if (map->type != YAML_MAPPING_NODE)
    return complain(r, map, "%s is a section of keys", uh_statement_kind_name(r->kind));
  for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
    const yaml_node_t *name_node = yaml_document_get_node(r->doc, p->key);
    const yaml_node_t *value = yaml_document_get_node(r->doc, p->value);
    const char *name = scalar(name_node), *text = scalar(value);
    int k = 0;
    while (name && k < K_MAX && (!keys[r->kind][k].name || strcmp(keys[r->kind][k].name, name) != 0)) k++;
    if (!name || k == K_MAX) return fail_unknown_key(r, name_node, name);
    if (values[k]) return complain(r, name_node, "%s stands twice in one entry", name);
    if (!text) return complain(r, value, "%s has to be text, in one piece", name);
    if (strlen(text) > UH_STATEMENT_TEXT_MAX)
      return complain(r, value, "%s is longer than %d bytes", name, UH_STATEMENT_TEXT_MAX);
    values[k] = value;
  }
  return 0;
}

static int fail_missing(const struct reader *r, const yaml_node_t *map, enum key key) {
  const char *kind = uh_statement_kind_name(r->kind);
  if (key == K_APPROVER) {
    (void)complain(r, map, "the %s names no approver", kind);
    uh_err_remedy(r->err, "name the person who answers for it");
  } else if (key == K_EVIDENCE) {
    (void)complain(r, map, "the %s says not what evidence it accepted", kind);
    uh_err_remedy(r->err, "let `unhybrid %s add` write the entry", r->kind == UH_WAIVER ? "waive" : "attest");
  } else {
    (void)complain(r, map, "the %s has no %s", kind, keys[r->kind][key].name);
  }
  return -1;
}

static int read_time(const struct reader *r, const yaml_node_t *node, const char *name, int64_t *ret) {
  const char *text = scalar(node) ? scalar(node) : "";
  enum uh_time_kind kind = uh_time_parse(text, ret);
  if (kind == UH_TIME_OK) return 0;
  (void)complain(r, node, "%s %s: %.*s", name, kind == UH_TIME_NO_ZONE ? "says no time zone" : "is no time",
                 UH_HEAD(text, 40));
  uh_err_remedy(r->err, "write date, time and offset, as in 2026-11-22T19:00:00+01:00");
  return -1;
}

static bool evidence_valid(const char *text) {
  return strncmp(text, "sha256:", 7) == 0 && strlen(text) == UH_EVIDENCE_TEXT - 1 &&
         strspn(text + 7, "0123456789abcdef") == 64;
}

static int read_entry(const struct reader *r, const yaml_node_t *map, struct uh_statement *s) {
  const yaml_node_t *values[K_MAX] = {0};
  if (read_keys(r, map, values) < 0) return -1;
  s->line = line_of(map);
  s->last_line = s->line;
  for (int k = 0; k < K_MAX; k++) {
    const char *text = values[k] ? scalar(values[k]) : "";
    if (keys[r->kind][k].needed && is_blank(text)) return fail_missing(r, values[k] ? values[k] : map, (enum key)k);
    if (values[k] && last_line_of(values[k]) > s->last_line) s->last_line = last_line_of(values[k]);
    if (k == K_FROM || k == K_UNTIL) continue;
    char *copy = strdup(text);
    if (!copy) return uh_fail_nomem(r->err);
    *field(s, (enum key)k) = copy;
  }
  if (read_time(r, values[K_FROM], "from", &s->from) < 0 || read_time(r, values[K_UNTIL], "until", &s->until) < 0)
    return -1;
  if (s->from >= s->until)
    return complain(r, values[K_UNTIL], "until is not after from: the %s would never hold",
                    uh_statement_kind_name(r->kind));
  if (!evidence_valid(s->evidence))
    return complain(r, values[K_EVIDENCE], "evidence is \"sha256:\" and 64 hexadecimal digits");
  return 0;
}

/* ---- the file ---- */

static int read_list(const struct reader *r, const yaml_node_t *list, struct uh_statements *s) {
  size_t n = (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
  if (n > UH_STATEMENTS_MAX)
    return complain(r, list, "more than %d %s in one file", UH_STATEMENTS_MAX, uh_statement_list_name(r->kind));
  s->v = calloc(n ? n : 1, sizeof *s->v);
  if (!s->v) return uh_fail_nomem(r->err);
  for (size_t i = 0; i < n; i++) {
    s->n = i + 1; /* an entry that is half read is freed too */
    if (read_entry(r, yaml_document_get_node(r->doc, list->data.sequence.items.start[i]), &s->v[i]) < 0) return -1;
  }
  return 0;
}

/* Nothing at all, or one key with the list; what stands behind it may be nothing too. */
static int read_root(const struct reader *r, struct uh_statements *s, struct uh_statement_place *place) {
  const char *wanted = uh_statement_list_name(r->kind);
  const yaml_node_t *root = yaml_document_get_root_node(r->doc);
  if (!root || (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0)) return 0;
  if (root->type != YAML_MAPPING_NODE) return complain(r, root, "the file holds one key, \"%s\"", wanted);
  for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top; p++) {
    const yaml_node_t *name_node = yaml_document_get_node(r->doc, p->key);
    const yaml_node_t *list = yaml_document_get_node(r->doc, p->value);
    const char *name = scalar(name_node);
    if (!name || strcmp(name, wanted) != 0) {
      (void)complain(r, name_node, "unknown key \"%.*s\"", UH_HEAD(name ? name : "?", 60));
      uh_err_remedy(r->err, "the file holds one key, \"%s\"", wanted);
      return -1;
    }
    if (place->key_line) return complain(r, name_node, "%s stands twice", wanted);
    place->key_line = line_of(name_node);
    if (list->type == YAML_SCALAR_NODE && list->data.scalar.length == 0) continue;
    if (list->type != YAML_SEQUENCE_NODE) return complain(r, list, "%s has to be a list", wanted);
    place->column = (unsigned)list->start_mark.column;
    place->flow = list->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE;
    if (read_list(r, list, s) < 0) return -1;
  }
  return 0;
}

static int fail_yaml(const yaml_parser_t *parser, const char *path, struct uh_err *err) {
  if (parser->error == YAML_MEMORY_ERROR) return uh_fail_nomem(err);
  if (parser->error == YAML_READER_ERROR) {
    (void)uh_fail(err, UH_ERR_CONFIG, "the file is not UTF-8 text");
    uh_err_where(err, "%s", path);
    return -1;
  }
  (void)uh_fail(err, UH_ERR_CONFIG, "not valid YAML: %s%s%s", parser->context ? parser->context : "",
                parser->context ? ", " : "", parser->problem ? parser->problem : "unreadable");
  uh_err_where(err, "%s:%zu", path, parser->problem_mark.line + 1);
  uh_err_remedy(err, "look at this line and the one before it");
  return -1;
}

/* The document has been read: a second one would hold entries that nobody sees. */
static int only_one(yaml_parser_t *parser, const char *path, struct uh_err *err) {
  yaml_document_t next;
  if (!yaml_parser_load(parser, &next)) return fail_yaml(parser, path, err);
  const yaml_node_t *root = yaml_document_get_root_node(&next);
  unsigned line = line_of(root);
  yaml_document_delete(&next);
  if (!root) return 0;
  (void)uh_fail(err, UH_ERR_CONFIG, "the file holds more than one YAML document");
  uh_err_where(err, "%s:%u", path, line);
  uh_err_remedy(err, "take out the line \"---\"");
  return -1;
}

static int parse(yaml_parser_t *parser, struct uh_statements *s, struct uh_statement_place *place, struct uh_err *err) {
  yaml_document_t doc;
  if (!yaml_parser_load(parser, &doc)) return fail_yaml(parser, s->path, err);
  const struct reader r = {.kind = s->kind, .path = s->path, .doc = &doc, .err = err};
  bool any = yaml_document_get_root_node(&doc) != NULL;
  int rc = read_root(&r, s, place);
  yaml_document_delete(&doc);
  return rc == 0 && any ? only_one(parser, s->path, err) : rc;
}

/* libyaml takes quadratic time for deep nesting, and an entry has none: looked at first, event by event. */
static int look_at_depth(yaml_parser_t *parser, const char *path, struct uh_err *err) {
  unsigned depth = 0;
  for (bool more = true; more;) {
    yaml_event_t event;
    if (!yaml_parser_parse(parser, &event)) return fail_yaml(parser, path, err);
    depth += event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT;
    depth -= event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
    more = event.type != YAML_STREAM_END_EVENT;
    size_t line = event.start_mark.line + 1;
    yaml_event_delete(&event);
    if (depth <= DEPTH_MAX) continue;
    (void)uh_fail(err, UH_ERR_CONFIG, "lists and sections stand deeper in each other than any key needs");
    uh_err_where(err, "%s:%zu", path, line);
    return -1;
  }
  return 0;
}

static int with_parser(const char *text, size_t n, struct uh_statements *s, struct uh_statement_place *place,
                       struct uh_err *err) {
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser)) return uh_fail_nomem(err);
  yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
  int rc = place ? parse(&parser, s, place, err) : look_at_depth(&parser, s->path, err);
  yaml_parser_delete(&parser);
  return rc;
}

int uh_statements_parse_place(enum uh_statement_kind kind, const char *path, const char *text, size_t n,
                              struct uh_statements **ret, struct uh_statement_place *ret_place, struct uh_err *err) {
  UH_CLEANUP(uh_statements_freep) struct uh_statements *s = calloc(1, sizeof *s);
  struct uh_statement_place place = {0};
  if (!s || !(s->path = strdup(path))) return uh_fail_nomem(err);
  s->kind = kind;
  if (with_parser(text, n, s, NULL, err) < 0 || with_parser(text, n, s, &place, err) < 0) return -1;
  *ret_place = place;
  *ret = UH_TAKE(s);
  return 0;
}

int uh_statements_parse(enum uh_statement_kind kind, const char *path, const char *text, size_t n,
                        struct uh_statements **ret, struct uh_err *err) {
  struct uh_statement_place place;
  return uh_statements_parse_place(kind, path, text, n, ret, &place, err);
}

/* ---- bytes ---- */

static void closep(int *fd) {
  if (*fd >= 0) (void)close(*fd);
}

static int fail_read(const char *path, const char *why, struct uh_err *err) {
  (void)uh_fail(err, UH_ERR_CONFIG, "cannot read the file: %s", why);
  uh_err_where(err, "%s", path);
  return -1;
}

int uh_statements_read(const char *path, struct uh_str *text, bool *ret_absent, struct uh_err *err) {
  UH_CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat st;
  char buffer[8192];
  if (fd < 0 && errno == ENOENT) {
    *ret_absent = true;
    return 0;
  }
  if (fd < 0 || fstat(fd, &st) < 0) return fail_read(path, strerror(errno), err);
  if (!S_ISREG(st.st_mode)) return fail_read(path, "it is no regular file", err);
  for (;;) {
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_read(path, strerror(errno), err);
    if (n == 0) break;
    uh_str_addn(text, buffer, (size_t)n);
    if (text->len > UH_STATEMENTS_BYTES) return fail_read(path, "it is larger than 1 MiB", err);
  }
  *ret_absent = false;
  return text->failed ? uh_fail_nomem(err) : 0;
}

int uh_statements_load(enum uh_statement_kind kind, const char *path, struct uh_statements **ret, struct uh_err *err) {
  struct uh_str text = {0};
  bool absent = false;
  int rc = uh_statements_read(path, &text, &absent, err);
  if (rc == 0) rc = uh_statements_parse(kind, path, uh_str_text(&text), text.len, ret, err);
  if (rc == 0) (*ret)->absent = absent;
  uh_str_clear(&text);
  return rc;
}
