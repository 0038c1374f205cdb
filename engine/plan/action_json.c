/* SPDX-License-Identifier: Apache-2.0 */
/* An action as it stands in a plan's document, and back. */
#include "plan/plan_internal.h"

static const char *const value_types[] = {"null", "text", "bool", "number", "guid", "texts"};
static const char *const expectations[] = {"end", "absent", "value", "lacks", "file"};
static const char *const edit_types[] = {"take", "give", "replace"};
static const char *const graph_kinds[] = {"application", "service-principal"};
static const char *const key_reasons[] = {"ours", "expired", "named"};
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- out ---- */

static bool put(json_t *object, const char *name, json_t *value) {
  return value && json_object_set_new(object, name, value) == 0;
}
static bool put_text(json_t *object, const char *name, const char *text) {
  return put(object, name, json_string(text));
}
/* What is not there has no member. */
static bool put_optional(json_t *object, const char *name, const char *text) {
  return !text || put_text(object, name, text);
}
static bool put_guid(json_t *object, const char *name, const uint8_t *guid) {
  char text[UH_GUID_TEXT];
  return !guid || put_text(object, name, uh_guid_text(guid, text));
}
static json_t *finish(json_t *value, bool good) {
  if (!good) json_decref(value);
  return good ? value : NULL;
}

static json_t *encode_texts(const char *const *v, size_t n) {
  json_t *list = json_array();
  bool good = list != NULL;
  for (size_t i = 0; good && i < n; i++) good = json_array_append_new(list, json_string(v[i])) == 0;
  return finish(list, good);
}

json_t *uh_argument_value_encode(const struct uh_argument *a) {
  char guid[UH_GUID_TEXT];
  switch (a->type) {
    case UH_VALUE_NULL: return json_null();
    case UH_VALUE_TEXT: return json_string(a->text);
    case UH_VALUE_BOOL: return json_boolean(a->yes);
    case UH_VALUE_NUMBER: return json_integer(a->number);
    case UH_VALUE_GUID: return json_string(uh_guid_text(a->guid, guid));
    case UH_VALUE_TEXTS: return encode_texts(a->texts.v, a->texts.n);
  }
  return NULL;
}

static bool encode_value(json_t *object, const struct uh_argument *a) {
  return put_text(object, "type", value_types[a->type]) && put(object, "value", uh_argument_value_encode(a));
}

static json_t *encode_arguments(const struct uh_argument *v) {
  json_t *list = json_array();
  bool good = list != NULL;
  for (; good && v && v->name; v++) {
    json_t *one = json_object();
    good = json_array_append(list, one) == 0 && put_text(one, "name", v->name) && encode_value(one, v);
    json_decref(one);
  }
  return finish(list, good);
}

json_t *uh_subject_encode(const struct uh_subject *s) {
  json_t *o = json_object();
  bool good = put_text(o, "side", s->side) && put_text(o, "kind", s->kind) &&
              put_text(o, "guid", s->guid ? s->guid : "") && put_text(o, "name", s->name ? s->name : "") &&
              (!s->match || put(o, "match", encode_arguments(s->match))) && put_optional(o, "dn", s->dn);
  return finish(o, good);
}

static json_t *encode_changes(const struct uh_change *v) {
  json_t *list = json_array();
  bool good = list != NULL;
  for (; good && v && v->cmdlet; v++) {
    json_t *one = json_object();
    good = json_array_append(list, one) == 0 && put_text(one, "cmdlet", v->cmdlet) && put_guid(one, "guid", v->guid) &&
           put_optional(one, "name", v->name) && put(one, "arguments", encode_arguments(v->arguments));
    json_decref(one);
  }
  return finish(list, good);
}

static json_t *encode_keys(const struct uh_graph_change *g) {
  json_t *list = json_array();
  bool good = list != NULL;
  for (size_t i = 0; good && i < g->n_keys; i++) {
    json_t *one = json_object();
    good = json_array_append(list, one) == 0 && put_guid(one, "key_id", g->keys[i].key_id) &&
           put_text(one, "reason", key_reasons[g->keys[i].reason]);
    json_decref(one);
  }
  return finish(list, good);
}

static json_t *encode_certificates(const struct uh_graph_change *g) {
  json_t *list = json_array();
  bool good = list != NULL;
  for (size_t i = 0; good && i < g->n_certificates; i++) {
    const struct uh_certificate_mark *c = &g->certificates[i];
    char hex[2 * UH_SHA1_SIZE + 1];
    for (size_t k = 0; k < UH_SHA1_SIZE; k++) uh_print(hex + 2 * k, 3, "%02X", c->sha1[k]);
    json_t *one = json_object();
    good = json_array_append(list, one) == 0 && put_text(one, "sha1", hex) &&
           put_optional(one, "subject", c->subject) && put(one, "not_after", json_integer(c->not_after));
    json_decref(one);
  }
  return finish(list, good);
}

static json_t *encode_graph(const struct uh_graph_change *g) {
  json_t *o = json_object();
  bool good = put_text(o, "action", uh_graph_action_name(g->action)) && put_text(o, "kind", graph_kinds[g->kind]) &&
              put_guid(o, "id", g->id) && put_optional(o, "name", g->name) && put(o, "keys", encode_keys(g)) &&
              put(o, "certificates", encode_certificates(g)) && put(o, "names", encode_texts(g->names, g->n_names));
  return finish(o, good);
}

static json_t *encode_guids(const uint8_t (*guids)[UH_GUID_SIZE], size_t n) {
  json_t *list = json_array();
  char text[UH_GUID_TEXT];
  bool good = list != NULL;
  for (size_t i = 0; good && i < n; i++)
    good = json_array_append_new(list, json_string(uh_guid_text(guids[i], text))) == 0;
  return finish(list, good);
}

/* A plan edits with texts alone; bytes come from a before-image, which an undo reads. */
static json_t *encode_edits(const struct uh_directory_change *d) {
  json_t *list = json_array();
  bool good = list != NULL;
  for (size_t i = 0; good && i < d->n_edits; i++) {
    const struct uh_directory_edit *e = &d->edits[i];
    json_t *one = json_object(), *values = json_array();
    for (size_t k = 0; values && k < e->n; k++)
      if (json_array_append_new(values, json_stringn(e->values[k].data, e->values[k].size)) < 0) good = false;
    good = good && json_array_append(list, one) == 0 && put_text(one, "type", edit_types[e->type]) &&
           put_text(one, "attribute", e->attribute) && put(one, "values", json_incref(values));
    json_decref(values);
    json_decref(one);
  }
  return finish(list, good);
}

static json_t *encode_directory(const struct uh_directory_change *d) {
  json_t *o = json_object();
  bool good = put_text(o, "action", uh_directory_action_name(d->action)) && put_guid(o, "guid", d->guid) &&
              put_text(o, "dn", d->dn) && put_text(o, "class", d->object_class) &&
              put(o, "below", encode_guids(d->tree, d->n_tree)) && put(o, "edits", encode_edits(d));
  return finish(o, good);
}

static json_t *encode_expect(const struct uh_expect *v) {
  json_t *list = json_array();
  bool good = list != NULL;
  for (; good && v && v->what != UH_EXPECT_END; v++) {
    json_t *one = json_object();
    good = json_array_append(list, one) == 0 && put_text(one, "what", expectations[v->what]);
    if (good && (v->what != UH_EXPECT_ABSENT || v->value.name))
      good = put_optional(one, "property", v->value.name) && encode_value(one, &v->value) &&
             put_optional(one, "member", v->member);
    json_decref(one);
  }
  return finish(list, good);
}

json_t *uh_action_encode(const struct uh_action *a) {
  json_t *o = json_object();
  bool good = put(o, "subject", uh_subject_encode(&a->subject)) && put_text(o, "verb", uh_verb_name(a->verb)) &&
              put_text(o, "executor", uh_executor_name(a->executor)) &&
              put_text(o, "reversible", uh_reversible_name(a->reversible)) &&
              put(o, "expect", encode_expect(a->expect)) && put_text(o, "why", a->why) &&
              put_text(o, "effect", a->effect) && put(o, "observe", json_boolean(a->observe)) &&
              put_optional(o, "part", a->part) && put_optional(o, "commands", a->commands) &&
              put_optional(o, "where", a->where) && put_optional(o, "undo", a->undo) &&
              put_optional(o, "approval", a->approval) && put_optional(o, "after", a->after);
  if (good && a->changes) good = put(o, "changes", encode_changes(a->changes));
  if (good && a->graph) good = put(o, "graph", encode_graph(a->graph));
  if (good && a->directory) good = put(o, "directory", encode_directory(a->directory));
  return finish(o, good);
}

/* ---- in ---- */

static int wrong(const char *what, struct uh_err *err) {
  return uh_fail(err, UH_ERR_DATA, "\"%.*s\" is missing, or not as a plan has it", UH_HEAD(what, 60));
}

int uh_member_text(const json_t *object, const char *name, bool optional, const char **ret_text, struct uh_err *err) {
  const json_t *v = json_object_get(object, name);
  *ret_text = json_string_value(v);
  return *ret_text || (optional && !v) ? 0 : wrong(name, err);
}
#define TEXT(name, to) uh_member_text(o, name, false, &(to), err) < 0
#define OPTIONAL(name, to) uh_member_text(o, name, true, &(to), err) < 0

static int word(const json_t *object, const char *name, const char *const *words, size_t n, int *ret,
                struct uh_err *err) {
  const char *text = json_string_value(json_object_get(object, name));
  for (size_t i = 0; text && i < n; i++)
    if (strcmp(text, words[i]) == 0) {
      *ret = (int)i;
      return 0;
    }
  return wrong(name, err);
}

/* A list of at most `max`; *ret_n its length. An absent list is none where it may be. */
static int list_of(const json_t *object, const char *name, size_t max, bool optional, const json_t **ret, size_t *ret_n,
                   struct uh_err *err) {
  const json_t *v = json_object_get(object, name);
  *ret = v;
  *ret_n = json_array_size(v);
  return (!v && optional) || (json_is_array(v) && *ret_n <= max) ? 0 : wrong(name, err);
}

static int guid_of(struct uh_arena *arena, const json_t *object, const char *name, bool optional, const uint8_t **ret,
                   struct uh_err *err) {
  const json_t *v = json_object_get(object, name);
  const char *text = json_string_value(v);
  uint8_t *guid;
  *ret = NULL;
  if (!v && optional) return 0;
  guid = uh_arena_get(arena, 1, UH_GUID_SIZE);
  if (!guid) return uh_fail_nomem(err);
  *ret = guid;
  return text && uh_guid_parse(text, guid) ? 0 : wrong(name, err);
}

static int texts_of(struct uh_arena *arena, const json_t *object, const char *name, const char *const **ret_v,
                    size_t *ret_n, struct uh_err *err) {
  const json_t *list;
  if (list_of(object, name, UH_PLAN_TEXTS_MAX, false, &list, ret_n, err) < 0) return -1;
  const char **v = uh_arena_get(arena, *ret_n + 1, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  for (size_t i = 0; i < *ret_n; i++)
    if (!(v[i] = json_string_value(json_array_get(list, i)))) return wrong(name, err);
  *ret_v = v;
  return 0;
}

static int decode_value(struct uh_arena *arena, const json_t *o, struct uh_argument *a, struct uh_err *err) {
  const json_t *v = json_object_get(o, "value");
  int type = 0;
  if (word(o, "type", value_types, COUNT(value_types), &type, err) < 0) return -1;
  a->type = (enum uh_value_type)type;
  switch (a->type) {
    case UH_VALUE_NULL: return 0;
    case UH_VALUE_TEXT: return TEXT("value", a->text) ? -1 : 0;
    case UH_VALUE_BOOL: a->yes = json_is_true(v); return json_is_boolean(v) ? 0 : wrong("value", err);
    case UH_VALUE_NUMBER: a->number = json_integer_value(v); return json_is_integer(v) ? 0 : wrong("value", err);
    case UH_VALUE_GUID: return guid_of(arena, o, "value", false, &a->guid, err);
    case UH_VALUE_TEXTS: return texts_of(arena, o, "value", &a->texts.v, &a->texts.n, err);
  }
  return -1;
}

static int decode_arguments(struct uh_arena *arena, const json_t *object, const char *name, bool optional,
                            const struct uh_argument **ret, struct uh_err *err) {
  const json_t *list;
  size_t n;
  *ret = NULL;
  if (list_of(object, name, UH_CHANGE_ARGUMENTS_MAX, optional, &list, &n, err) < 0) return -1;
  if (!list) return 0;
  struct uh_argument *v = uh_arena_get(arena, n + 1, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  for (size_t i = 0; i < n; i++) {
    const json_t *o = json_array_get(list, i);
    if (TEXT("name", v[i].name) || decode_value(arena, o, &v[i], err) < 0) return -1;
  }
  *ret = v;
  return 0;
}

static int decode_subject(struct uh_arena *arena, const json_t *o, struct uh_subject *s, struct uh_err *err) {
  return TEXT("side", s->side) || TEXT("kind", s->kind) || TEXT("guid", s->guid) || TEXT("name", s->name) ||
                 decode_arguments(arena, o, "match", true, &s->match, err) < 0 || OPTIONAL("dn", s->dn)
             ? -1
             : 0;
}

static int decode_changes(struct uh_arena *arena, const json_t *object, const struct uh_change **ret,
                          struct uh_err *err) {
  enum { CHANGES_MAX = 64 };
  const json_t *list;
  size_t n;
  if (list_of(object, "changes", CHANGES_MAX, true, &list, &n, err) < 0) return -1;
  if (!list) return 0;
  struct uh_change *v = uh_arena_get(arena, n + 1, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  for (size_t i = 0; i < n; i++) {
    const json_t *o = json_array_get(list, i);
    if (TEXT("cmdlet", v[i].cmdlet) || OPTIONAL("name", v[i].name) ||
        guid_of(arena, o, "guid", true, &v[i].guid, err) < 0 ||
        decode_arguments(arena, o, "arguments", false, &v[i].arguments, err) < 0)
      return -1;
  }
  *ret = v;
  return 0;
}

static int decode_keys(struct uh_arena *arena, const json_t *object, struct uh_graph_change *g, struct uh_err *err) {
  const json_t *list;
  if (list_of(object, "keys", UH_PLAN_TEXTS_MAX, false, &list, &g->n_keys, err) < 0) return -1;
  struct uh_key_removal *v = uh_arena_get(arena, g->n_keys, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  for (size_t i = 0; i < g->n_keys; i++) {
    const json_t *o = json_array_get(list, i);
    const uint8_t *id = NULL;
    int reason = 0;
    if (guid_of(arena, o, "key_id", false, &id, err) < 0 ||
        word(o, "reason", key_reasons, COUNT(key_reasons), &reason, err) < 0 || !id)
      return -1;
    memcpy(v[i].key_id, id, UH_GUID_SIZE);
    v[i].reason = (enum uh_key_reason)reason;
  }
  g->keys = v;
  return 0;
}

static bool hex_bytes(const char *text, uint8_t *out, size_t n) {
  if (!text || strlen(text) != 2 * n || strspn(text, "0123456789ABCDEF") != 2 * n) return false;
  for (size_t i = 0; i < n; i++) {
    char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
    out[i] = (uint8_t)strtoul(digits, NULL, 16);
  }
  return true;
}

static int decode_certificates(struct uh_arena *arena, const json_t *object, struct uh_graph_change *g,
                               struct uh_err *err) {
  const json_t *list;
  if (list_of(object, "certificates", UH_PLAN_TEXTS_MAX, false, &list, &g->n_certificates, err) < 0) return -1;
  struct uh_certificate_mark *v = uh_arena_get(arena, g->n_certificates, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  for (size_t i = 0; i < g->n_certificates; i++) {
    const json_t *o = json_array_get(list, i), *not_after = json_object_get(o, "not_after");
    if (OPTIONAL("subject", v[i].subject)) return -1;
    if (!hex_bytes(json_string_value(json_object_get(o, "sha1")), v[i].sha1, UH_SHA1_SIZE)) return wrong("sha1", err);
    if (!json_is_integer(not_after)) return wrong("not_after", err);
    v[i].not_after = json_integer_value(not_after);
  }
  g->certificates = v;
  return 0;
}

static int decode_graph(struct uh_arena *arena, const json_t *object, const struct uh_graph_change **ret,
                        struct uh_err *err) {
  const json_t *o = json_object_get(object, "graph");
  const char *action = "";
  int kind = 0;
  if (!o) return 0;
  struct uh_graph_change *g = uh_arena_get(arena, 1, sizeof *g);
  if (!g) return uh_fail_nomem(err);
  if (TEXT("action", action) || OPTIONAL("name", g->name) ||
      word(o, "kind", graph_kinds, COUNT(graph_kinds), &kind, err) < 0 ||
      guid_of(arena, o, "id", false, &g->id, err) < 0 || decode_keys(arena, o, g, err) < 0 ||
      decode_certificates(arena, o, g, err) < 0 || texts_of(arena, o, "names", &g->names, &g->n_names, err) < 0)
    return -1;
  int which = UH_WORD_OF(uh_graph_action_name, enum uh_graph_action, UH_GRAPH_RESTORE + 1, action);
  if (which < 0) return wrong("action", err);
  g->action = (enum uh_graph_action)which;
  g->kind = (enum uh_graph_kind)kind;
  *ret = g;
  return 0;
}

static int decode_below(struct uh_arena *arena, const json_t *o, struct uh_directory_change *d, struct uh_err *err) {
  const json_t *list;
  if (list_of(o, "below", UH_DIRECTORY_TREE_MAX, false, &list, &d->n_tree, err) < 0) return -1;
  uint8_t(*v)[UH_GUID_SIZE] = uh_arena_get(arena, d->n_tree, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  for (size_t i = 0; i < d->n_tree; i++) {
    const char *text = json_string_value(json_array_get(list, i));
    if (!text || !uh_guid_parse(text, v[i])) return wrong("below", err);
  }
  d->tree = (const uint8_t(*)[UH_GUID_SIZE])v;
  return 0;
}

static int decode_edit(struct uh_arena *arena, const json_t *o, struct uh_directory_edit *e, struct uh_err *err) {
  const char *const *texts = NULL;
  int type = 0;
  if (word(o, "type", edit_types, COUNT(edit_types), &type, err) < 0 || TEXT("attribute", e->attribute) ||
      texts_of(arena, o, "values", &texts, &e->n, err) < 0)
    return -1;
  struct uh_bytes *v = uh_arena_get(arena, e->n, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  for (size_t i = 0; texts && i < e->n; i++) v[i] = (struct uh_bytes){texts[i], strlen(texts[i])};
  e->type = (enum uh_directory_edit_type)type;
  e->values = v;
  return 0;
}

static int decode_directory(struct uh_arena *arena, const json_t *object, const struct uh_directory_change **ret,
                            struct uh_err *err) {
  const json_t *o = json_object_get(object, "directory"), *list;
  const char *action = "";
  if (!o) return 0;
  struct uh_directory_change *d = uh_arena_get(arena, 1, sizeof *d);
  if (!d) return uh_fail_nomem(err);
  if (TEXT("action", action) || TEXT("dn", d->dn) || TEXT("class", d->object_class) ||
      guid_of(arena, o, "guid", false, &d->guid, err) < 0 || decode_below(arena, o, d, err) < 0 ||
      list_of(o, "edits", UH_DIRECTORY_EDITS_MAX, false, &list, &d->n_edits, err) < 0)
    return -1;
  struct uh_directory_edit *edits = uh_arena_get(arena, d->n_edits, sizeof *edits);
  if (!edits) return uh_fail_nomem(err);
  for (size_t i = 0; i < d->n_edits; i++)
    if (decode_edit(arena, json_array_get(list, i), &edits[i], err) < 0) return -1;
  int which = UH_WORD_OF(uh_directory_action_name, enum uh_directory_action, UH_DIRECTORY_MODIFY + 1, action);
  if (which < 0) return wrong("action", err);
  if (d->n_tree && which != UH_DIRECTORY_DELETE) return wrong("below", err);
  d->action = (enum uh_directory_action)which;
  d->edits = edits;
  *ret = d;
  return 0;
}

static int decode_expect(struct uh_arena *arena, const json_t *object, const struct uh_expect **ret,
                         struct uh_err *err) {
  enum { EXPECT_MAX = 256 };
  const json_t *list;
  size_t n;
  if (list_of(object, "expect", EXPECT_MAX, false, &list, &n, err) < 0) return -1;
  struct uh_expect *v = uh_arena_get(arena, n + 1, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  for (size_t i = 0; i < n; i++) {
    const json_t *o = json_array_get(list, i);
    int what = 0;
    if (word(o, "what", expectations, COUNT(expectations), &what, err) < 0) return -1;
    if (what == UH_EXPECT_END) return wrong("what", err);
    v[i].what = (enum uh_expectation)what;
    if (v[i].what == UH_EXPECT_ABSENT && !json_object_get(o, "property")) continue;
    if (OPTIONAL("property", v[i].value.name) || OPTIONAL("member", v[i].member) ||
        decode_value(arena, o, &v[i].value, err) < 0)
      return -1;
    if (v[i].what != UH_EXPECT_FILE && !v[i].value.name) return wrong("property", err);
  }
  *ret = v;
  return 0;
}

/* What is looked at, shown and exported is the subject; what is sent has to be about that very object, and go the way
 * that is shown. */
static int check_way(const struct uh_action *a, struct uh_err *err) {
  char guid[UH_GUID_TEXT];
  const struct uh_directory_change *d = a->directory;
  bool person = a->executor == UH_BY_OPERATOR; /* runs by hand what nobody has an account for */
  if (!person &&
      ((a->executor == UH_BY_GRAPH) != (a->graph != NULL) || (a->executor == UH_BY_DIRECTORY) != (d != NULL)))
    return wrong("executor", err);
  if (d && (strcmp(a->subject.kind, UH_DIRECTORY_ENTRY) != 0 ||
            strcasecmp(a->subject.guid, uh_guid_text(d->guid, guid)) != 0))
    return wrong("subject", err);
  return 0;
}

int uh_action_decode(struct uh_arena *arena, const json_t *o, struct uh_action *a, struct uh_err *err) {
  const char *verb = "", *executor = "", *reversible = "";
  if (decode_subject(arena, json_object_get(o, "subject"), &a->subject, err) < 0 || TEXT("verb", verb) ||
      TEXT("executor", executor) || TEXT("reversible", reversible) || TEXT("why", a->why) ||
      TEXT("effect", a->effect) || OPTIONAL("part", a->part) || OPTIONAL("commands", a->commands) ||
      OPTIONAL("where", a->where) || OPTIONAL("undo", a->undo) || OPTIONAL("approval", a->approval) ||
      OPTIONAL("after", a->after) || decode_changes(arena, o, &a->changes, err) < 0 ||
      decode_graph(arena, o, &a->graph, err) < 0 || decode_directory(arena, o, &a->directory, err) < 0 ||
      decode_expect(arena, o, &a->expect, err) < 0)
    return -1;
  int v = UH_WORD_OF(uh_verb_name, enum uh_verb, UH_VERB_DO + 1, verb);
  int e = UH_WORD_OF(uh_executor_name, enum uh_executor, UH_BY_OPERATOR + 1, executor);
  int r = UH_WORD_OF(uh_reversible_name, enum uh_reversible, UH_IRREVERSIBLE + 1, reversible);
  if (v < 0 || e < 0 || r < 0) return wrong(v < 0 ? "verb" : e < 0 ? "executor" : "reversible", err);
  a->verb = (enum uh_verb)v;
  a->executor = (enum uh_executor)e;
  a->reversible = (enum uh_reversible)r;
  a->observe = json_is_true(json_object_get(o, "observe"));
  return check_way(a, err);
}
