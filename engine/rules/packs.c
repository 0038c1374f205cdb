/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule packs: YAML files of SQL checks. The format is documented in docs/rule-packs.md. libyaml's documents keep the
 * line of every node, so that each complaint names its place.
 */
#include <errno.h>
#include <sys/stat.h>

#include <yaml.h>

#include "rules/loading.h"

enum { PACK_BYTES_MAX = 1024 * 1024, PACK_CHECKS_MAX = 1000 };

struct packed_check {
  struct uh_check check;
  struct uh_rule rules[2];
  struct packed_check *next;
};
static struct packed_check *loaded;

enum key {
  K_ID,
  K_TITLE,
  K_SEVERITY,
  K_PURPOSE,
  K_REQUIREMENTS,
  K_SIDE,
  K_NEEDS,
  K_ABSENCE_NEEDS,
  K_APPLIES,
  K_APPLIES_NEEDS,
  K_SQL,
  K_REMEDY,
  K_REFERENCE,
  K_EXPLAIN,
  K_MAX
};
static const struct {
  const char *name;
  bool needed;
} keys[K_MAX] = {
    [K_ID] = {"id", true},
    [K_TITLE] = {"title", true},
    [K_SEVERITY] = {"severity", true},
    [K_PURPOSE] = {"purpose", false},
    [K_REQUIREMENTS] = {"requirements", false},
    [K_SIDE] = {"side", true},
    [K_NEEDS] = {"needs", true},
    [K_ABSENCE_NEEDS] = {"absence_needs", false},
    [K_APPLIES] = {"applies", false},
    [K_APPLIES_NEEDS] = {"applies_needs", false},
    [K_SQL] = {"sql", true},
    [K_REMEDY] = {"remedy", true},
    [K_REFERENCE] = {"reference", false},
    [K_EXPLAIN] = {"explain", false},
};

static void packed_free(struct packed_check *p) {
  if (!p) return;
  const struct uh_check *c = &p->check;
  const char *const strings[] = {
      c->id,     c->title,     c->requirements, c->applies,       c->applies_needs,  c->absence_needs,
      c->remedy, c->reference, c->explain,      p->rules[0].side, p->rules[0].needs, p->rules[0].sql};
  for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) free((char *)(uintptr_t)strings[i]);
  free(p);
}

void uh_packs_unload(void) {
  while (loaded) {
    struct packed_check *next = loaded->next;
    packed_free(loaded);
    loaded = next;
  }
}

#define complain(err, path, node, ...)         \
  (uh_fail((err), UH_ERR_CONFIG, __VA_ARGS__), \
   uh_err_where((err), "%s:%zu", (path), (node) ? (node)->start_mark.line + 1 : (size_t)1), -1)

static const char *scalar(const yaml_node_t *n) {
  /* A NUL inside would end the text before its end. */
  if (n->type != YAML_SCALAR_NODE || strlen((const char *)n->data.scalar.value) != n->data.scalar.length) return NULL;
  return (const char *)n->data.scalar.value;
}

static int read_values(yaml_document_t *doc, yaml_node_t *map, const char *path, const char *values[K_MAX],
                       struct uh_err *err) {
  if (map->type != YAML_MAPPING_NODE) return complain(err, path, map, "a check is a mapping");
  for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
    yaml_node_t *name_node = yaml_document_get_node(doc, p->key), *value_node = yaml_document_get_node(doc, p->value);
    const char *name = scalar(name_node), *value = scalar(value_node);
    int k = 0;
    while (name && k < K_MAX && strcmp(keys[k].name, name) != 0) k++;
    if (!name || k == K_MAX)
      return complain(err, path, name_node, "unknown key \"%.*s\" in a check", UH_HEAD(name ? name : "?", 60));
    if (values[k]) return complain(err, path, name_node, "the key \"%s\" stands twice", name);
    if (!value) return complain(err, path, value_node, "\"%s\" has to be text", name);
    values[k] = value;
  }
  for (int k = 0; k < K_MAX; k++)
    if (keys[k].needed && (!values[k] || !*values[k]))
      return complain(err, path, map, "the check has no \"%s\"", keys[k].name);
  return 0;
}

static int read_severity(const char *text, enum uh_severity *ret) {
  static const char *const names[] = {"info", "warning", "blocker"};
  for (int i = 0; i < 3; i++)
    if (strcmp(text, names[i]) == 0) {
      *ret = (enum uh_severity)i;
      return 0;
    }
  return -1;
}

static char *copy(const char *text, bool *lost) {
  char *s = text ? strdup(text) : NULL;
  if (text && !s) *lost = true;
  return s;
}

static int add_check(yaml_document_t *doc, yaml_node_t *node, const char *path, struct uh_err *err) {
  const char *v[K_MAX] = {0};
  enum uh_severity severity;
  if (read_values(doc, node, path, v, err) < 0) return -1;
  if (read_severity(v[K_SEVERITY], &severity) < 0)
    return complain(err, path, node, "severity \"%.*s\" is not one of info, warning, blocker",
                    UH_HEAD(v[K_SEVERITY], 40));
  const char *purpose = v[K_PURPOSE] ? v[K_PURPOSE] : "before";
  unsigned purposes = strcmp(purpose, "before") == 0  ? UH_BEFORE
                      : strcmp(purpose, "after") == 0 ? UH_AFTER
                      : strcmp(purpose, "both") == 0  ? UH_BEFORE | UH_AFTER
                                                      : 0;
  if (!purposes)
    return complain(err, path, node, "purpose \"%.*s\" is not one of before, after, both", UH_HEAD(purpose, 40));
  if (!strchr(v[K_NEEDS], ':'))
    return complain(err, path, node, "needs \"%.*s\" names no set: side:Name expected", UH_HEAD(v[K_NEEDS], 80));
  struct packed_check *p = calloc(1, sizeof *p);
  bool lost = false;
  if (!p) return uh_fail_nomem(err);
  p->check = (struct uh_check){.id = copy(v[K_ID], &lost),
                               .title = copy(v[K_TITLE], &lost),
                               .severity = severity,
                               .purposes = purposes,
                               .requirements = copy(v[K_REQUIREMENTS] ? v[K_REQUIREMENTS] : "", &lost),
                               .rules = p->rules,
                               .applies = copy(v[K_APPLIES], &lost),
                               .applies_needs = copy(v[K_APPLIES_NEEDS], &lost),
                               .absence_needs = copy(v[K_ABSENCE_NEEDS], &lost),
                               .remedy = copy(v[K_REMEDY], &lost),
                               .reference = copy(v[K_REFERENCE] ? v[K_REFERENCE] : "", &lost),
                               .explain = copy(v[K_EXPLAIN] ? v[K_EXPLAIN] : "", &lost)};
  p->rules[0] = (struct uh_rule){copy(v[K_SIDE], &lost), copy(v[K_NEEDS], &lost), copy(v[K_SQL], &lost)};
  if (lost || uh_checks_add(&p->check, err) < 0) {
    uh_err_where(err, "%s:%zu", path, node->start_mark.line + 1);
    packed_free(p);
    return lost ? uh_fail_nomem(err) : -1;
  }
  p->next = loaded;
  loaded = p;
  return 0;
}

static int add_checks(yaml_document_t *doc, const char *path, struct uh_err *err) {
  yaml_node_t *root = yaml_document_get_root_node(doc);
  if (!root || root->type != YAML_MAPPING_NODE)
    return complain(err, path, root, "a rule pack is a mapping with the key \"checks\"");
  bool any = false;
  for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top; p++) {
    yaml_node_t *name_node = yaml_document_get_node(doc, p->key), *list = yaml_document_get_node(doc, p->value);
    const char *name = scalar(name_node);
    if (!name || strcmp(name, "checks") != 0)
      return complain(err, path, name_node, "unknown key \"%.*s\" in a rule pack", UH_HEAD(name ? name : "?", 60));
    if (any || list->type != YAML_SEQUENCE_NODE) return complain(err, path, name_node, "\"checks\" has to be one list");
    any = true;
    if (list->data.sequence.items.top - list->data.sequence.items.start > PACK_CHECKS_MAX)
      return complain(err, path, list, "more checks than a rule pack may hold");
    for (yaml_node_item_t *i = list->data.sequence.items.start; i < list->data.sequence.items.top; i++)
      if (add_check(doc, yaml_document_get_node(doc, *i), path, err) < 0) return -1;
  }
  return any ? 0 : complain(err, path, root, "the rule pack has no \"checks\"");
}

static int load_document(FILE *file, const char *path, struct uh_err *err) {
  yaml_parser_t parser;
  yaml_document_t doc;
  int rc = -1;
  if (!yaml_parser_initialize(&parser)) return uh_fail_nomem(err);
  yaml_parser_set_input_file(&parser, file);
  if (yaml_parser_load(&parser, &doc)) {
    rc = add_checks(&doc, path, err);
    yaml_document_delete(&doc);
  } else {
    uh_fail(err, UH_ERR_CONFIG, "no YAML: %s", parser.problem ? parser.problem : "it cannot be read");
    uh_err_where(err, "%s:%zu", path, parser.problem_mark.line + 1);
  }
  yaml_parser_delete(&parser);
  return rc;
}

int uh_pack_load(const char *path, struct uh_err *err) {
  struct stat st;
  FILE *file = fopen(path, "re");
  if (!file || fstat(fileno(file), &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > PACK_BYTES_MAX) {
    uh_fail(err, UH_ERR_CONFIG, "cannot read the rule pack: %s",
            !file ? strerror(errno) : "not a file of at most 1 MiB");
    uh_err_where(err, "%s", path);
    if (file) (void)fclose(file);
    return -1;
  }
  int rc = load_document(file, path, err);
  (void)fclose(file);
  return rc;
}
