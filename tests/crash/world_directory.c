/* SPDX-License-Identifier: Apache-2.0 */
/* The scripted world's Active Directory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "world_script.h"

static void die(const char *why) {
  fprintf(stderr, "world: %s\n", why);
  abort();
}

struct world_object *world_entry(struct world_script *s, const char *guid, const char *dn, const char *object_class,
                                 const char *json) {
  char name[40];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(dn + 3, ","), dn + 3);
  struct world_object *o = world_add(s, "on-premises", UH_DIRECTORY_ENTRY, guid, name, json);
  snprintf(o->dn, sizeof o->dn, "%s", dn);
  snprintf(o->class, sizeof o->class, "%s", object_class);
  return o;
}

/* How many levels below; 0: it is not below. */
static int levels_below(const struct world_object *o, const struct world_object *top) {
  size_t n = strlen(o->dn), above = strlen(top->dn);
  int levels = 0;
  if (n <= above || o->dn[n - above - 1] != ',' || strcasecmp(o->dn + n - above, top->dn) != 0) return 0;
  for (const char *p = o->dn; p < o->dn + n - above; p++) levels += *p == ',';
  return levels;
}

json_t *world_below(struct world_script *s, const struct world_object *top, enum uh_look_path path) {
  json_t *list = json_array();
  for (int i = 0; i < s->n_objects; i++) { /* they were added from the top down */
    const struct world_object *o = &s->objects[i];
    const char *json = levels_below(o, top) ? world_seen(s, o, path) : NULL;
    if (json)
      json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:o}", "dn", o->dn, "guid", o->guid, "class", o->class,
                                            "json", json_loads(json, 0, NULL)));
  }
  return list;
}

bool world_half_gone(struct world_script *s) {
  const struct world_object *top = s->tree ? &s->objects[s->tree - 1] : NULL;
  if (!top || !world_seen(s, top, UH_LOOK_BEFORE)) return false;
  for (int i = 0; i < s->n_objects; i++)
    if (levels_below(&s->objects[i], top) && !world_seen(s, &s->objects[i], UH_LOOK_BEFORE)) return true;
  return false;
}

/* ---- changes ---- */

static bool is_listed(const struct uh_directory_change *c, const struct world_object *o) {
  uint8_t guid[UH_GUID_SIZE];
  if (!uh_guid_parse(o->guid, guid)) die("an entry without a GUID");
  for (size_t i = 0; i < c->n_tree; i++)
    if (memcmp(guid, c->tree[i], UH_GUID_SIZE) == 0) return true;
  return false;
}

static struct world_object *deepest_below(struct world_script *s, const struct world_object *top) {
  struct world_object *found = NULL;
  for (int i = 0; i < s->n_objects; i++) {
    struct world_object *o = &s->objects[i];
    int levels = world_truth(o) ? levels_below(o, top) : 0;
    if (levels && (!found || levels > levels_below(found, top))) found = o;
  }
  return found;
}

static int delete_one(struct world_script *s, struct world_object *o, struct uh_change_result *r, struct uh_err *err) {
  int rc = world_become(s, "delete", o, NULL, r, err);
  if (rc == 0) r->objects++;
  /* Not sent any more, and a part is gone. */
  if (rc < 0 && r->outcome == UH_CHANGE_NOT_SENT && r->objects) r->outcome = UH_CHANGE_FAILED;
  return rc;
}

static int delete_tree(struct world_script *s, const struct uh_directory_change *c, struct world_object *top,
                       struct uh_change_result *r, struct uh_err *err) {
  struct world_object *o;
  if (c->n_tree) s->tree = (int)(top - s->objects) + 1;
  while ((o = deepest_below(s, top)) != NULL) {
    if (!is_listed(c, o)) die("a deletion that does not list what goes");
    if (delete_one(s, o, r, err) == 0) continue;
    r->not_found = false;
    return -1;
  }
  return delete_one(s, top, r, err);
}

static json_t *texts_of(const struct uh_directory_edit *e) {
  json_t *list = json_array();
  for (size_t i = 0; i < e->n; i++) json_array_append_new(list, json_stringn(e->values[i].data, e->values[i].size));
  return list;
}

static void take(json_t *list, const struct uh_directory_edit *e) {
  for (size_t i = 0; i < e->n; i++)
    for (size_t k = json_array_size(list); k-- > 0;)
      if (json_string_length(json_array_get(list, k)) == e->values[i].size &&
          memcmp(json_string_value(json_array_get(list, k)), e->values[i].data, e->values[i].size) == 0)
        json_array_remove(list, k);
}

static void edit(json_t *attributes, const struct uh_directory_change *c) {
  for (size_t i = 0; i < c->n_edits; i++) {
    const struct uh_directory_edit *e = &c->edits[i];
    if (e->type == UH_DIRECTORY_TAKE_VALUES)
      take(json_object_get(attributes, e->attribute), e);
    else
      json_object_set_new(attributes, e->attribute, texts_of(e));
  }
}

static int become_edited(struct world_script *s, const struct uh_directory_change *c, struct world_object *o,
                         const char *before, struct uh_change_result *r, struct uh_err *err) {
  json_t *attributes = json_loads(before, 0, NULL);
  edit(attributes, c);
  char *json = json_dumps(attributes, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref(attributes);
  if (!json) die("out of memory");
  int rc = world_become(s, uh_directory_action_name(c->action), o, json, r, err);
  free(json);
  return rc;
}

#define DESCRIPTOR "nTSecurityDescriptor"
#define DESCRIPTOR_OF_NEW "D:(A;;GA;;;NEW)" /* what an object has that was just made, or brought back */

static bool is_descriptor(const struct uh_directory_edit *e) {
  return strcasecmp(e->attribute, DESCRIPTOR) == 0;
}

/* What a tombstone keeps of it. */
static char *tombstone_of(const struct world_object *o) {
  static const char *const kept[] = {"cn", "objectClass"};
  json_t *all = json_loads(o->v[0].json, 0, NULL), *left = json_object();
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) json_object_set(left, kept[i], json_object_get(all, kept[i]));
  json_object_set_new(left, DESCRIPTOR, json_pack("[s]", DESCRIPTOR_OF_NEW));
  char *text = json_dumps(left, JSON_COMPACT);
  json_decref(all);
  json_decref(left);
  if (!text) die("out of memory");
  return text;
}

struct world_object *world_standing(struct world_script *s, const char *dn) {
  for (int i = 0; i < s->n_objects; i++)
    if (world_truth(&s->objects[i]) && strcasecmp(s->objects[i].dn, dn) == 0) return &s->objects[i];
  return NULL;
}

/* What it stands below is an entry of this world, and is not there. */
static bool stands_below_nothing(struct world_script *s, const struct world_object *o) {
  bool below = false;
  for (int i = 0; i < s->n_objects; i++) {
    if (levels_below(o, &s->objects[i]) != 1) continue;
    if (world_truth(&s->objects[i])) return false;
    below = true;
  }
  return below;
}

/* The edits in two requests: the security descriptor goes by itself, after all others. */
static int become_back(struct world_script *s, const struct uh_directory_change *c, struct world_object *o,
                       const char *left, struct uh_change_result *r, struct uh_err *err) {
  struct uh_directory_edit others[UH_DIRECTORY_EDITS_MAX], descriptor = {0};
  struct uh_directory_change part = *c;
  part.edits = others;
  part.n_edits = 0;
  for (size_t i = 0; i < c->n_edits; i++) {
    if (is_descriptor(&c->edits[i]))
      descriptor = c->edits[i];
    else
      others[part.n_edits++] = c->edits[i];
  }
  s->making = true;
  int rc = become_edited(s, &part, o, left, r, err);
  s->making = false;
  if (rc < 0 || !descriptor.n) return rc;
  s->world.failpoint(s, "half-back");
  if (s->dead) return world_answer(r, UH_CHANGE_UNKNOWN, err, "the process is gone");
  part.edits = &descriptor;
  part.n_edits = 1;
  rc = become_edited(s, &part, o, world_truth(o), r, err);
  if (r->outcome == UH_CHANGE_NOT_SENT) r->outcome = UH_CHANGE_FAILED; /* a part is done */
  return rc;
}

static bool can_be_named(struct world_script *s, const char *name) {
  return world_standing(s, name) && !(s->nowhere && strcasecmp(s->nowhere, name) == 0);
}

static bool names_what_is_not_there(struct world_script *s, const struct uh_directory_change *c) {
  for (size_t i = 0; i < c->n_edits; i++)
    for (size_t k = 0; k < c->edits[i].n; k++)
      if (strncmp(c->edits[i].values[k].data, "CN=", 3) == 0 && !can_be_named(s, c->edits[i].values[k].data))
        return true;
  return false;
}

static int reanimate(struct world_script *s, const struct uh_directory_change *c, struct world_object *o,
                     struct uh_change_result *r, struct uh_err *err) {
  if (world_truth(o)) return world_answer(r, UH_CHANGE_NOT_SENT, err, "left alone: it is not deleted");
  if (o->expunged) {
    r->not_found = true;
    return world_answer(r, UH_CHANGE_NOT_SENT, err, "the object is not there");
  }
  if (stands_below_nothing(s, o)) return world_answer(r, UH_CHANGE_FAILED, err, "what it stands below is not there");
  if (names_what_is_not_there(s, c)) return world_answer(r, UH_CHANGE_FAILED, err, "it names what is not there");
  char *left = tombstone_of(o);
  int rc = become_back(s, c, o, left, r, err);
  free(left);
  return rc;
}

/* ---- new ones ---- */

/* The one that an earlier request made, or makes later; a GUID is never another's. */
static struct world_object *new_at(struct world_script *s, const struct uh_directory_change *c) {
  char guid[UH_GUID_TEXT];
  for (int i = 0; i < s->n_objects; i++)
    if (s->objects[i].anew && strcasecmp(s->objects[i].dn, c->dn) == 0) return &s->objects[i];
  snprintf(guid, sizeof guid, "99999999-0000-4000-8000-%012d", s->n_objects);
  struct world_object *o = world_entry(s, guid, c->dn, c->object_class, NULL);
  o->anew = true;
  return o;
}

static int add(struct world_script *s, const struct uh_directory_change *c, struct uh_change_result *r,
               struct uh_err *err) {
  struct world_object *o = world_standing(s, c->dn);
  if (o) {
    snprintf(r->identity, sizeof r->identity, "%s", o->guid);
    return world_answer(r, UH_CHANGE_FAILED, err, "there is one already");
  }
  o = new_at(s, c);
  if (stands_below_nothing(s, o)) return world_answer(r, UH_CHANGE_FAILED, err, "what it stands below is not there");
  if (names_what_is_not_there(s, c)) return world_answer(r, UH_CHANGE_FAILED, err, "it names what is not there");
  json_t *own = json_pack("{s:[s],s:[s]}", "cn", o->name, DESCRIPTOR, DESCRIPTOR_OF_NEW);
  char *before = json_dumps(own, JSON_COMPACT);
  json_decref(own);
  if (!before) die("out of memory");
  s->making = true;
  int rc = become_edited(s, c, o, before, r, err);
  s->making = false;
  free(before);
  if (rc == 0) snprintf(r->identity, sizeof r->identity, "%s", o->guid);
  return rc;
}

/* ---- what an earlier try left ---- */

static bool has_already(const json_t *attributes, const struct uh_directory_edit *e) {
  json_t *wanted = texts_of(e);
  bool same = json_equal(json_object_get(attributes, e->attribute), wanted);
  json_decref(wanted);
  return same;
}

/* A descriptor that is not the one of a new object was written by somebody. */
static bool is_somebodys(const struct uh_directory_change *c, const json_t *attributes,
                         const struct uh_directory_edit *e) {
  const json_t *is = json_object_get(attributes, e->attribute);
  if (has_already(attributes, e)) return false;
  if (is_descriptor(e)) return strcmp(json_string_value(json_array_get(is, 0)), DESCRIPTOR_OF_NEW) != 0;
  return is || c->action == UH_DIRECTORY_FINISH;
}

static int go_on(struct world_script *s, const struct uh_directory_change *c, struct world_object *o,
                 struct uh_change_result *r, struct uh_err *err) {
  json_t *attributes = json_loads(world_truth(o), 0, NULL);
  bool somebodys = false, rest = false;
  for (size_t i = 0; i < c->n_edits; i++) {
    somebodys = somebodys || is_somebodys(c, attributes, &c->edits[i]);
    rest = rest || !has_already(attributes, &c->edits[i]);
  }
  json_decref(attributes);
  if (somebodys) return world_answer(r, UH_CHANGE_NOT_SENT, err, "left alone: somebody has written it since");
  if (!rest) return world_answer(r, UH_CHANGE_APPLIED, err, "");
  r->not_found = names_what_is_not_there(s, c);
  if (r->not_found) return world_answer(r, UH_CHANGE_FAILED, err, "it names what is not there");
  return become_edited(s, c, o, world_truth(o), r, err);
}

int world_directory(void *user, const struct uh_directory_change *c, struct uh_change_result *r, struct uh_err *err) {
  struct world_script *s = user;
  char guid[UH_GUID_TEXT];
  *r = (struct uh_change_result){0};
  if (s->dead) return world_answer(r, UH_CHANGE_NOT_SENT, err, "the process is gone");
  if (c->action == UH_DIRECTORY_ADD) return add(s, c, r, err);
  if (!c->guid) die("a change of no entry");
  struct world_object *o = world_find(s, uh_guid_text(c->guid, guid));
  if (!o || strcmp(o->dn, c->dn) != 0 || strcmp(o->class, c->object_class) != 0) die("a change of an unknown entry");
  if (c->action == UH_DIRECTORY_REANIMATE) return reanimate(s, c, o, r, err);
  if (!world_truth(o)) {
    r->not_found = true;
    return world_answer(r, UH_CHANGE_NOT_SENT, err, "the object is not there");
  }
  switch (c->action) {
    case UH_DIRECTORY_DELETE: return delete_tree(s, c, o, r, err);
    case UH_DIRECTORY_MODIFY: return become_edited(s, c, o, world_truth(o), r, err);
    case UH_DIRECTORY_LINK:
    case UH_DIRECTORY_FINISH: return go_on(s, c, o, r, err);
    default: die("no such change of the directory");
  }
  return -1;
}
