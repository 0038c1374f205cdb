/* SPDX-License-Identifier: Apache-2.0 */
/* What an undoing sends: said by the step, or read from the action's own changes. Nothing is sent here. */
#include "plan/undo.h"

#include <inttypes.h>
#include <strings.h>

#include "executors/executors.h"
#include "plan/plan_internal.h"

enum { OPS_MAX = 64, EXPECT_MAX = 200 };

static void *keep(struct uh_undo *u, void *memory) {
  if (!memory) return NULL;
  if (u->n_kept == u->cap_kept) {
    size_t cap = u->cap_kept ? u->cap_kept * 2 : 64;
    void **kept = reallocarray(u->kept, cap, sizeof(void *));
    if (!kept) {
      free(memory);
      return NULL;
    }
    u->kept = kept;
    u->cap_kept = cap;
  }
  u->kept[u->n_kept++] = memory;
  return memory;
}
static void *keep_new(struct uh_undo *u, size_t n, size_t size) {
  return keep(u, calloc(n ? n : 1, size));
}
static const char *keep_text(struct uh_undo *u, const char *text) {
  return text ? keep(u, strdup(text)) : NULL;
}

void *uh_undo_keep(struct uh_undo *u, size_t n, size_t size) {
  return keep_new(u, n, size);
}

/* Every object of a tree is one, so there may be many; the caller's own pieces count for one each. */
int uh_undo_add(struct uh_undo *u, const struct uh_undo_op *op, struct uh_err *err) {
  if (u->n_ops >= OPS_MAX && (u->n_ops & (u->n_ops - 1)) == 0) {
    struct uh_undo_op *grown = keep_new(u, u->n_ops * 2, sizeof *grown);
    if (!grown) return uh_fail_nomem(err);
    memcpy(grown, u->ops, u->n_ops * sizeof *grown);
    u->ops = grown;
  }
  u->ops[u->n_ops++] = *op;
  return 0;
}

int uh_undo_open(struct uh_undo *u, const struct uh_planned *a, const char *image, const char *guid,
                 const struct uh_anchors *anchors, struct uh_err *err) {
  json_error_t why;
  *u = (struct uh_undo){.a = a, .image = json_loads(image, JSON_ALLOW_NUL, &why), .anchors = anchors};
  if (!u->image) return uh_fail(err, UH_ERR_DATA, "the before-image of %s is no JSON: %s", a->id, why.text);
  u->guid = keep_text(u, guid ? guid : "");
  u->ops = keep_new(u, OPS_MAX, sizeof *u->ops);
  u->expect = keep_new(u, EXPECT_MAX + 1, sizeof *u->expect);
  return u->guid && u->ops && u->expect ? 0 : uh_fail_nomem(err);
}

void uh_undo_clear(struct uh_undo *u) {
  json_decref(u->image);
  json_decref(u->assumed);
  for (size_t i = 0; i < u->n_kept; i++) free(u->kept[i]);
  free(u->kept);
  uh_str_clear(&u->commands);
  uh_str_clear(&u->where);
}

/* ---- the before-image ---- */

const struct uh_subject *uh_undo_subject(const struct uh_undo *u) {
  return &u->a->action.subject;
}
enum uh_verb uh_undo_verb(const struct uh_undo *u) {
  return u->a->action.verb;
}

/* The richest source comes first; one that did not obtain the property leaves it to the next. */
static const json_t *told_of(const struct uh_undo *u, const char *name) {
  size_t i;
  const json_t *row;
  json_array_foreach(json_object_get(u->image, "rows"), i, row) {
    const json_t *value = uh_property(json_object_get(row, "json"), name);
    if (value) return value;
  }
  return NULL;
}

static const json_t *property_of(const struct uh_undo *u, const char *name) {
  const json_t *told = told_of(u, name), *assumed = json_object_get(u->assumed, name);
  const char *text = json_string_value(told);
  return assumed && (!told || json_is_null(told) || (text && !*text)) ? assumed : told;
}

int uh_undo_assume(struct uh_undo *u, const char *property, const char *text, struct uh_err *err) {
  if (!text || !*text) return 0;
  if (!u->assumed && !(u->assumed = json_object())) return uh_fail_nomem(err);
  return json_object_set_new(u->assumed, property, json_string(text)) < 0 ? uh_fail_nomem(err) : 0;
}

const char *uh_undo_anchor(const struct uh_undo *u, const char *name) {
  return u->anchors ? uh_anchors_get(u->anchors, name, 0) : NULL;
}

/* No command can hold a NUL, and what stands before it would be another value. */
static const char *whole_text(const json_t *value) {
  const char *text = json_string_value(value);
  return text && strlen(text) == json_string_length(value) ? text : NULL;
}

const char *uh_undo_text(struct uh_undo *u, const char *name) {
  const json_t *value = property_of(u, name);
  char number[32];
  if (json_is_string(value)) return whole_text(value);
  if (json_is_boolean(value)) return json_is_true(value) ? "True" : "False";
  if (!json_is_integer(value)) return NULL;
  uh_print(number, sizeof number, "%" PRId64, (int64_t)json_integer_value(value));
  return keep_text(u, number);
}

bool uh_undo_bool(struct uh_undo *u, const char *name, bool *ret_value) {
  const json_t *value = property_of(u, name);
  const char *text = json_string_value(value);
  if (json_is_boolean(value)) {
    *ret_value = json_is_true(value);
    return true;
  }
  if (!text || (strcasecmp(text, "true") != 0 && strcasecmp(text, "false") != 0)) return false;
  *ret_value = strcasecmp(text, "true") == 0;
  return true;
}

bool uh_undo_list(struct uh_undo *u, const char *name, const char *const **ret_v, size_t *ret_n) {
  const json_t *value = property_of(u, name);
  bool one = json_is_string(value);
  if (!one && !json_is_array(value)) return false;
  size_t n = one ? 1 : json_array_size(value);
  const char **v = keep_new(u, n, sizeof(char *));
  for (size_t i = 0; v && i < n; i++) {
    v[i] = whole_text(one ? value : json_array_get(value, i));
    if (!v[i]) return false;
  }
  if (!v) return false;
  *ret_v = v;
  *ret_n = n;
  return true;
}

/* The property as a parameter of that type. False: there was none, or it was not obtained. */
static bool take_value(struct uh_undo *u, const char *property, enum uh_value_type type, struct uh_argument *ret) {
  const char *text = uh_undo_text(u, property);
  const json_t *value = property_of(u, property);
  char *end = NULL;
  uint8_t *guid;
  ret->type = type;
  switch (type) {
    case UH_VALUE_TEXT: ret->text = text; return text && *text;
    case UH_VALUE_BOOL: return uh_undo_bool(u, property, &ret->yes);
    case UH_VALUE_NUMBER:
      if (!text || !*text) return false;
      ret->number = strtoll(text, &end, 10);
      return *end == 0;
    case UH_VALUE_GUID:
      guid = keep_new(u, 1, UH_GUID_SIZE);
      ret->guid = guid;
      return guid && text && uh_guid_parse(text, guid);
    case UH_VALUE_TEXTS: {
      const char *const *v = NULL;
      if (!value || !uh_undo_list(u, property, &v, &ret->texts.n)) return false;
      ret->texts.v = v;
      return ret->texts.n > 0;
    }
    case UH_VALUE_NULL: break;
  }
  return false;
}

/* ---- copies of what a step says ---- */

static int copy_argument(struct uh_undo *u, const struct uh_argument *from, struct uh_argument *to,
                         struct uh_err *err) {
  *to = *from;
  to->name = keep_text(u, from->name);
  if (!to->name) return uh_fail_nomem(err);
  if (from->type == UH_VALUE_TEXT && !(to->text = keep_text(u, from->text))) return uh_fail_nomem(err);
  if (from->type == UH_VALUE_GUID) {
    uint8_t *guid = keep_new(u, 1, UH_GUID_SIZE);
    if (!guid) return uh_fail_nomem(err);
    memcpy(guid, from->guid, UH_GUID_SIZE);
    to->guid = guid;
  }
  if (from->type != UH_VALUE_TEXTS) return 0;
  const char **v = keep_new(u, from->texts.n, sizeof(char *));
  if (!v) return uh_fail_nomem(err);
  for (size_t i = 0; i < from->texts.n; i++)
    if (!(v[i] = keep_text(u, from->texts.v[i]))) return uh_fail_nomem(err);
  to->texts.v = v;
  return 0;
}

static bool takes_guid(const struct uh_undo *u, const char *cmdlet) {
  return u->a->action.executor == UH_BY_EXCHANGE_ONLINE ? uh_exchange_online_by_guid(cmdlet)
                                                        : uh_exchange_server_by_guid(cmdlet);
}

/* The identity where the change says none: the object as it is now. On the new one it is filled in when that is known.
 */
static int add_change(struct uh_undo *u, const char *cmdlet, const uint8_t *guid, const struct uh_argument *arguments,
                      bool on_new, struct uh_err *err) {
  if (u->n_ops == OPS_MAX) return uh_fail(err, UH_ERR_INTERNAL, "an undo of more than %d changes", OPS_MAX);
  struct uh_undo_op *op = &u->ops[u->n_ops];
  op->on_new = on_new;
  op->change =
      (struct uh_change){.cmdlet = keep_text(u, cmdlet), .name = u->a->action.subject.name, .arguments = arguments};
  if (!op->change.cmdlet) return uh_fail_nomem(err);
  if (!on_new && (guid || (*u->guid && takes_guid(u, cmdlet)))) {
    uint8_t *bytes = keep_new(u, 1, UH_GUID_SIZE);
    if (!bytes) return uh_fail_nomem(err);
    if (guid)
      memcpy(bytes, guid, UH_GUID_SIZE);
    else if (!uh_guid_parse(u->guid, bytes))
      return uh_fail(err, UH_ERR_INTERNAL, "%s: the object's GUID is none", u->a->id);
    op->change.guid = bytes;
  }
  u->n_ops++;
  return 0;
}

static int add_expect(struct uh_undo *u, const struct uh_expect *expect, struct uh_err *err) {
  if (u->n_expect == EXPECT_MAX)
    return uh_fail(err, UH_ERR_INTERNAL, "an undo expects more than %d values", EXPECT_MAX);
  struct uh_expect *e = &u->expect[u->n_expect];
  e->what = expect->what;
  e->member = keep_text(u, expect->member);
  if (expect->value.name && copy_argument(u, &expect->value, &e->value, err) < 0) return -1;
  u->n_expect++;
  return 0;
}

static int expect_value(struct uh_undo *u, const char *property, const struct uh_argument *value, struct uh_err *err) {
  struct uh_expect e = {.what = UH_EXPECT_VALUE, .value = *value};
  e.value.name = property;
  return add_expect(u, &e, err);
}

int uh_undo_change(struct uh_undo *u, const struct uh_change *change, bool on_new, struct uh_err *err) {
  size_t n = 0;
  while (change->arguments && change->arguments[n].name) n++;
  struct uh_argument *arguments = keep_new(u, n + 1, sizeof *arguments);
  if (!arguments) return uh_fail_nomem(err);
  for (size_t i = 0; i < n; i++)
    if (copy_argument(u, &change->arguments[i], &arguments[i], err) < 0) return -1;
  return add_change(u, change->cmdlet, change->guid, arguments, on_new, err);
}

int uh_undo_expect(struct uh_undo *u, const struct uh_expect *expect, struct uh_err *err) {
  return add_expect(u, expect, err);
}

int uh_undo_commands(struct uh_undo *u, const char *commands, const char *where, struct uh_err *err) {
  if (u->commands.len) uh_str_addc(&u->commands, '\n');
  uh_str_add(&u->commands, commands);
  uh_str_reset(&u->where);
  uh_str_add(&u->where, where);
  return u->commands.failed || u->where.failed ? uh_fail_nomem(err) : 0;
}

int uh_undo_graph(struct uh_undo *u, const struct uh_graph_change *change, struct uh_err *err) {
  if (u->n_ops == OPS_MAX) return uh_fail(err, UH_ERR_INTERNAL, "an undo of more than %d changes", OPS_MAX);
  struct uh_graph_change *copy = keep_new(u, 1, sizeof *copy);
  uint8_t *id = keep_new(u, 1, UH_GUID_SIZE);
  const char **names = keep_new(u, change->n_names, sizeof(char *));
  if (!copy || !id || !names) return uh_fail_nomem(err);
  if (change->n_keys || change->n_certificates)
    return uh_fail(err, UH_ERR_INTERNAL, "%s: an undo takes no credential away", u->a->id);
  memcpy(id, change->id, UH_GUID_SIZE);
  for (size_t i = 0; i < change->n_names; i++)
    if (!(names[i] = keep_text(u, change->names[i]))) return uh_fail_nomem(err);
  *copy = (struct uh_graph_change){.action = change->action,
                                   .kind = change->kind,
                                   .id = id,
                                   .name = u->a->action.subject.name,
                                   .names = names,
                                   .n_names = change->n_names};
  u->ops[u->n_ops++] = (struct uh_undo_op){.graph = copy};
  return 0;
}

/* ---- what names it ---- */

/* The anchor tells a name, a path or a GUID. */
static bool is_named(struct uh_undo *u, const char *anchor) {
  const struct uh_subject *s = &u->a->action.subject;
  const char *told = uh_undo_anchor(u, anchor), *identity = uh_undo_text(u, "Identity");
  if (!told) return false;
  return strcasecmp(told, s->name) == 0 || (s->guid && strcasecmp(told, s->guid) == 0) ||
         (identity && strcasecmp(told, identity) == 0);
}

int uh_undo_named_by_organization(struct uh_undo *u, const char *property, const char *anchor, struct uh_err *err) {
  const char *organization = uh_undo_anchor(u, UH_ANCHOR_CLOUD_ORGANIZATION), *name = uh_undo_text(u, "Name");
  uint8_t *guid = keep_new(u, 1, UH_GUID_SIZE);
  struct uh_argument *arguments = keep_new(u, 2, sizeof *arguments);
  struct uh_expect *expect = keep_new(u, 2, sizeof *expect);
  if (!guid || !arguments || !expect) return uh_fail_nomem(err);
  if (!name || !organization || !uh_guid_parse(organization, guid) || !is_named(u, anchor)) return 0;
  if (u->n_references == UH_UNDO_REFERENCES_MAX)
    return uh_fail(err, UH_ERR_INTERNAL, "an undo of more than %d references", UH_UNDO_REFERENCES_MAX);
  struct uh_undo_reference *r = &u->references[u->n_references];
  r->property = keep_text(u, property);
  organization = keep_text(u, organization);
  if (!r->property || !organization) return uh_fail_nomem(err);
  arguments[0] = (struct uh_argument){.name = r->property, .type = UH_VALUE_TEXT, .text = name};
  expect[0] = (struct uh_expect){.what = UH_EXPECT_VALUE, .value = arguments[0]};
  r->change = (struct uh_change){
      .cmdlet = "Set-OnPremisesOrganization", .guid = guid, .name = organization, .arguments = arguments};
  r->holder = *u->a;
  r->holder.action = (struct uh_action){
      .subject = {.side = "cloud", .kind = "OnPremisesOrganization", .guid = organization, .name = organization},
      .verb = UH_VERB_SET,
      .executor = UH_BY_EXCHANGE_ONLINE,
      .changes = &r->change,
      .expect = expect};
  u->n_references++;
  return 0;
}

/* ---- made anew ---- */

int uh_undo_create(struct uh_undo *u, const char *new_cmdlet, const char *set_cmdlet,
                   const struct uh_undo_parameter *parameters, const char *name_property, struct uh_err *err) {
  size_t n = 0, n_now = 0, n_later = 0;
  while (parameters[n].parameter) n++;
  struct uh_argument *now = keep_new(u, n + 1, sizeof *now), *later = keep_new(u, n + 1, sizeof *later);
  u->name_property = keep_text(u, name_property ? name_property : "Name");
  u->create.cmdlet = keep_text(u, new_cmdlet);
  if (!now || !later || !u->name_property || !u->create.cmdlet) return uh_fail_nomem(err);
  u->name = uh_undo_text(u, u->name_property);
  if (!u->name || !*u->name)
    return uh_fail(err, UH_ERR_DATA, "%s: the before-image does not tell its %s", u->a->id, u->name_property);
  for (size_t i = 0; i < n; i++) {
    const struct uh_undo_parameter *p = &parameters[i];
    const char *property = p->property ? p->property : p->parameter;
    struct uh_argument value = {0};
    if (!take_value(u, property, p->type, &value)) continue;
    value.name = keep_text(u, p->parameter);
    if (!value.name || expect_value(u, property, &value, err) < 0) return value.name ? -1 : uh_fail_nomem(err);
    if (p->later)
      later[n_later++] = value;
    else
      now[n_now++] = value;
  }
  u->create.name = u->a->action.subject.name;
  u->create.arguments = now;
  if (!n_later) return 0;
  if (!set_cmdlet) return uh_fail(err, UH_ERR_INTERNAL, "%s: there is more to set, and no cmdlet for it", u->a->id);
  return add_change(u, set_cmdlet, NULL, later, true, err);
}

/* ---- without a word of the step's ---- */

/* What a change set gets the value that the before-image tells. */
static int former_value(struct uh_undo *u, const struct uh_argument *set, struct uh_argument *ret, struct uh_err *err) {
  const json_t *value = property_of(u, set->name);
  enum uh_value_type type = set->type;
  *ret = (struct uh_argument){.name = keep_text(u, set->name)};
  if (!ret->name) return uh_fail_nomem(err);
  if (!value) {
    (void)uh_fail(err, UH_ERR_DATA, "%s: the before-image does not tell its %s", u->a->id, set->name);
    uh_err_remedy(err, "set it by hand");
    return -1;
  }
  if (type == UH_VALUE_NULL) type = json_is_array(value) ? UH_VALUE_TEXTS : UH_VALUE_TEXT;
  if (take_value(u, set->name, type, ret)) return 0;
  bool empty = json_is_null(value) || (json_is_array(value) && !json_array_size(value)) ||
               (json_is_string(value) && !json_string_length(value));
  if (!empty || type == UH_VALUE_BOOL || type == UH_VALUE_NUMBER)
    return uh_fail(err, UH_ERR_DATA, "%s: what its %s was is no value that can be set", u->a->id, set->name);
  ret->type = UH_VALUE_NULL;
  return 0;
}

static int reverse_change(struct uh_undo *u, const struct uh_change *c, struct uh_err *err) {
  size_t n = 0;
  char guid[UH_GUID_TEXT];
  const char *subject = u->a->action.subject.guid;
  if (c->guid && (!subject || strcasecmp(uh_guid_text(c->guid, guid), subject) != 0))
    return uh_fail(err, UH_ERR_USAGE, "%s cannot be put back: %s changes another object, of which there is no image",
                   u->a->id, c->cmdlet);
  if (strncmp(c->cmdlet, "Set-", 4) != 0)
    return uh_fail(err, UH_ERR_USAGE, "%s cannot be put back: nothing reverses %s", u->a->id, c->cmdlet);
  while (c->arguments && c->arguments[n].name) n++;
  struct uh_argument *arguments = keep_new(u, n + 1, sizeof *arguments);
  if (!arguments) return uh_fail_nomem(err);
  for (size_t i = 0; i < n; i++)
    if (former_value(u, &c->arguments[i], &arguments[i], err) < 0 ||
        expect_value(u, arguments[i].name, &arguments[i], err) < 0)
      return -1;
  return add_change(u, c->cmdlet, NULL, arguments, false, err);
}

int uh_undo_generic(struct uh_undo *u, struct uh_err *err) {
  const struct uh_action *a = &u->a->action;
  if (a->directory) return uh_undo_entry(u, err);
  if (a->graph && a->graph->action == UH_GRAPH_DELETE) {
    struct uh_graph_change restore = {.action = UH_GRAPH_RESTORE, .kind = a->graph->kind, .id = a->graph->id};
    return uh_undo_graph(u, &restore, err);
  }
  if (a->graph || a->verb == UH_VERB_REMOVE || !a->changes)
    return uh_fail(err, UH_ERR_USAGE, "%s cannot be put back by a program", u->a->id);
  size_t n = 0;
  while (a->changes[n].cmdlet) n++;
  while (n-- > 0) /* the last change first */
    if (reverse_change(u, &a->changes[n], err) < 0) return -1;
  return 0;
}

/* ---- for people ---- */

int uh_undo_text_of(const struct uh_undo *u, struct uh_str *out, struct uh_err *err) {
  if (u->create.cmdlet) {
    if (uh_change_powershell(&u->create, out, err) < 0) return -1;
    uh_str_addc(out, '\n');
  }
  for (size_t i = 0; i < u->n_ops; i++) {
    const struct uh_undo_op *op = &u->ops[i];
    if (op->directory)
      uh_str_addf(out, "# LDAP: %s %s", uh_directory_action_name(op->directory->action), op->directory->dn);
    else if (op->graph)
      uh_str_addf(out, "# Graph: %s", uh_graph_action_name(op->graph->action));
    else if (uh_change_powershell(&op->change, out, err) < 0)
      return -1;
    uh_str_addc(out, '\n');
  }
  for (size_t i = 0; i < u->n_references; i++) {
    if (uh_change_powershell(&u->references[i].change, out, err) < 0) return -1;
    uh_str_addc(out, '\n');
  }
  if (u->commands.len) uh_str_add(out, uh_str_or(&u->commands, ""));
  return out->failed ? uh_fail_nomem(err) : 0;
}
