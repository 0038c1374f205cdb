/* SPDX-License-Identifier: Apache-2.0 */
/* Changes Active Directory itself, with the operator's account. */
#include "executors/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "case/config.h"
#include "executors/directory_controllers.h"
#include "executors/directory_left.h"
#include "wire/ldap_write.h"

#define DN_MAX 2048
#define PAGE 1000

struct uh_directory_executor {
  struct uh_directory_executor_options options;
  struct uh_directory_controllers controllers;
  const struct uh_directory_controller *at; /* who is asked to change the object in hand */
};

int uh_directory_executor_open(const struct uh_directory_executor_options *options,
                               struct uh_directory_executor **ret_executor, struct uh_err *err) {
  const struct uh_config *c = options->config;
  if (!c->operator_ || !c->operator_->directory || !(c->operator_->directory->url || c->directory)) {
    (void)uh_fail(err, UH_ERR_CONFIG, "no account is configured that may change Active Directory");
    uh_err_remedy(err, "add operator.directory to the configuration");
    return -1;
  }
  struct uh_directory_executor *x = calloc(1, sizeof *x);
  if (!x) return uh_fail_nomem(err);
  x->options = *options;
  x->controllers.options = &x->options;
  *ret_executor = x;
  return 0;
}

struct uh_directory_executor *uh_directory_executor_free(struct uh_directory_executor *x) {
  if (!x) return NULL;
  uh_directory_controllers_clear(&x->controllers);
  free(x);
  return NULL;
}
void uh_directory_executor_freep(struct uh_directory_executor **executor) {
  *executor = uh_directory_executor_free(*executor);
}

/* ---- looking ---- */

struct seen {
  int64_t n;
  char dn[DN_MAX], object_class[128];
  bool critical, deleted, too_long;
  uint8_t guid[UH_GUID_SIZE];
};

static const char *const looked_at[] = {"objectGUID", "objectClass", "isCriticalSystemObject", "isDeleted", NULL};

static bool is_true(const struct uh_ldap_entry *entry, const char *name) {
  const struct uh_ldap_value *value = uh_ldap_first(entry, name);
  return value && strcasecmp(value->data, "TRUE") == 0;
}

/* Active Directory gives the classes from the top down; a server that does not is not believed to. */
static void most_specific(const struct uh_ldap_entry *entry, char ret[128]) {
  const struct uh_ldap_attribute *classes = uh_ldap_get(entry, "objectClass");
  uh_print(ret, 128, "%s", classes ? classes->values[classes->n - 1].data : "");
}

static bool has_class(const struct uh_ldap_entry *entry, const char *name) {
  const struct uh_ldap_attribute *classes = uh_ldap_get(entry, "objectClass");
  for (size_t i = 0; classes && i < classes->n; i++)
    if (strcasecmp(classes->values[i].data, name) == 0) return true;
  return false;
}

static bool take_guid(const struct uh_ldap_entry *entry, uint8_t ret[UH_GUID_SIZE]) {
  const struct uh_ldap_value *guid = uh_ldap_first(entry, "objectGUID");
  if (!guid || guid->size != UH_GUID_SIZE) return false;
  memcpy(ret, guid->data, UH_GUID_SIZE);
  return true;
}

struct looking {
  struct seen *seen;
  const struct uh_directory_change *change;
};

static int on_object(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct looking *l = user;
  struct seen *s = l->seen;
  (void)err;
  uint8_t guid[UH_GUID_SIZE];
  if (!take_guid(entry, guid) || memcmp(guid, l->change->guid, UH_GUID_SIZE) != 0) return 0;
  s->n++;
  s->too_long = entry->dn_size >= DN_MAX;
  (void)snprintf(s->dn, sizeof s->dn, "%s", entry->dn);
  s->critical = is_true(entry, "isCriticalSystemObject");
  s->deleted = is_true(entry, "isDeleted");
  /* A computer is a user too, and no server tells the order of classes for sure. */
  if (has_class(entry, "computer"))
    (void)snprintf(s->object_class, sizeof s->object_class, "computer");
  else if (has_class(entry, l->change->object_class))
    (void)snprintf(s->object_class, sizeof s->object_class, "%s", l->change->object_class);
  else
    most_specific(entry, s->object_class);
  return 0;
}

static void guid_filter(const uint8_t guid[UH_GUID_SIZE], struct uh_str *out) {
  uh_str_add(out, "(objectGUID=");
  uh_ldap_filter_value(out, guid, UH_GUID_SIZE);
  uh_str_addc(out, ')');
}

static void guid_name(const uint8_t guid[UH_GUID_SIZE], struct uh_str *out) {
  uh_str_add(out, "<GUID=");
  for (size_t i = 0; i < UH_GUID_SIZE; i++) uh_str_addf(out, "%02x", guid[i]);
  uh_str_addc(out, '>');
}

/* "Not there" is a finding like any other: something that came and does not show its GUID may be the object. */
static int seen_in_full(const struct uh_directory_change *c, const struct uh_ldap_outcome *outcome,
                        const struct seen *seen, struct uh_err *err) {
  if (outcome->entries == 0 || seen->n > 0) return 0;
  (void)uh_fail(err, UH_ERR_UNAVAILABLE, "whether it is there could not be read in full");
  uh_err_where(err, "%s", c->dn);
  uh_err_remedy(err, "operator.directory's account has to read the object, with objectGUID and objectClass");
  return -1;
}

/* Fills what is there of the object; n 0: nothing. deleted: among the deleted ones. */
static int look(struct uh_directory_executor *x, const struct uh_directory_change *c, bool deleted, struct seen *ret,
                struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str base = {0}, filter = {0};
  struct looking looking = {ret, c};
  *ret = (struct seen){0};
  guid_name(c->guid, &base);
  guid_filter(c->guid, &filter);
  if (!uh_str_text(&base) || !uh_str_text(&filter)) return uh_fail_nomem(err);
  struct uh_ldap_search search = {.base = base.s,
                                  .scope = UH_LDAP_BASE,
                                  .filter = "(objectClass=*)",
                                  .attributes = looked_at,
                                  .deleted = deleted,
                                  .entry = on_object,
                                  .user = &looking};
  struct uh_ldap_outcome outcome;
  if (x->at->active_directory)
    return uh_ldap_search(x->at->ldap, &search, &outcome, err) < 0 ? -1 : seen_in_full(c, &outcome, ret, err);
  search.scope = UH_LDAP_SUBTREE;
  search.filter = filter.s;
  for (size_t i = 0; i < x->at->n_contexts; i++) {
    search.base = x->at->contexts[i];
    if (uh_ldap_search(x->at->ldap, &search, &outcome, err) < 0 || seen_in_full(c, &outcome, ret, err) < 0) return -1;
  }
  return 0;
}

static int left_alone_but(const struct uh_directory_change *c, struct uh_err *err, const char *why, const char *what,
                          const char *remedy) {
  (void)uh_fail(err, UH_ERR_DATA, "left alone: %s%.*s", why, UH_HEAD(what, 300));
  uh_err_where(err, "%s", c->dn);
  uh_err_remedy(err, "%s", remedy);
  return -1;
}

static int left_alone(const struct uh_directory_change *c, struct uh_err *err, const char *why, const char *what) {
  return left_alone_but(c, err, why, what, "plan again: the directory has changed since");
}

static int on_deleted_objects(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  (void)err;
  *(bool *)user = uh_ldap_get(entry, "objectClass") != NULL;
  return 0;
}

/* Each part of the directory has its own deleted objects, and shows them to its administrators alone: to whom it does
 * not, nothing tells that there is no tombstone. Others may see their container, without attributes, and nothing in it.
 */
static int sees_deleted_objects(struct uh_directory_executor *x, const struct uh_directory_change *c,
                                struct uh_err *err) {
  static const char *const attributes[] = {"objectClass", NULL};
  UH_CLEANUP(uh_str_clear) struct uh_str base = {0};
  const char *context = uh_directory_context_of(x->at, c->dn);
  bool readable = false;
  uh_str_addf(&base, "CN=Deleted Objects,%s", context ? context : "");
  if (!uh_str_text(&base)) return uh_fail_nomem(err);
  struct uh_ldap_search search = {.base = base.s,
                                  .scope = UH_LDAP_BASE,
                                  .filter = "(objectClass=*)",
                                  .attributes = attributes,
                                  .deleted = true,
                                  .entry = on_deleted_objects,
                                  .user = &readable};
  struct uh_ldap_outcome outcome;
  if (uh_ldap_search(x->at->ldap, &search, &outcome, err) < 0) return -1;
  if (readable) return 0;
  (void)uh_fail(err, UH_ERR_DENIED, "whether a tombstone is left of it cannot be seen");
  err->answer = UH_REFUSED;
  uh_err_where(err, "%s", c->dn);
  uh_err_remedy(err, "operator.directory's account needs List Contents and Read Property on %.*s",
                UH_HEAD(base.s, 150));
  return -1;
}

static int look_right_before(struct uh_directory_executor *x, const struct uh_directory_change *c, struct seen *ret,
                             struct uh_change_result *result, struct uh_err *err) {
  bool deleted = c->action == UH_DIRECTORY_REANIMATE;
  *ret = (struct seen){0};
  if (deleted && !x->at->active_directory)
    ret->n = 0; /* keeps no deleted objects */
  else if (look(x, c, deleted, ret, err) < 0)
    return -1;
  if (ret->n == 0) {
    if (deleted && x->at->active_directory && sees_deleted_objects(x, c, err) < 0) return -1;
    result->not_found = true;
    (void)uh_fail(err, UH_ERR_DATA, "the object is not there");
    uh_err_where(err, "%s", c->dn);
    return -1;
  }
  if (ret->n > 1 || ret->too_long) return left_alone(c, err, "its GUID or its name cannot be relied on", "");
  if (ret->critical) return left_alone(c, err, "the directory marks it as critical to itself", "");
  if (strcasecmp(ret->object_class, c->object_class) != 0) return left_alone(c, err, "it is a ", ret->object_class);
  if (c->action == UH_DIRECTORY_REANIMATE)
    return ret->deleted ? 0 : left_alone(c, err, "it is not deleted, but at ", ret->dn);
  return strcasecmp(ret->dn, c->dn) == 0 ? 0 : left_alone(c, err, "it has been moved to ", ret->dn);
}

/* ---- what a refusal means ---- */

/* Active Directory's text begins with a Windows code; the LDAP code says enough. What is missing depends on what was
 * asked. */
static int refused(const struct uh_directory_change *c, const struct uh_ldap_write_result *w,
                   struct uh_change_result *result, struct uh_err *err) {
  static const char *const rights[] = {
      ("Delete on the object, or Delete Child on what holds it; an object that is protected from "
       "accidental deletion denies both"),
      "Write Property on the object",
      "Reanimate Tombstones on the domain, and Create Child where it comes back",
      "Create Child on what holds it",
      "Write Property on the object",
      "Modify Permissions and Modify Owner on the object"};
  enum { CONSTRAINT_VIOLATION = 19, NO_SUCH_OBJECT = 32, INSUFFICIENT_ACCESS = 50, NOT_ALLOWED_ON_NONLEAF = 66 };
  struct uh_err own = UH_ERR_INIT;
  result->refused = w->code == INSUFFICIENT_ACCESS;
  /* A link to what is not there is answered with either. */
  result->not_found = w->code == NO_SUCH_OBJECT || (w->code == CONSTRAINT_VIOLATION && c->action == UH_DIRECTORY_LINK);
  uh_print(result->message, sizeof result->message, "%s", w->text);
  (void)snprintf(result->identity, sizeof result->identity, "LDAP %d", w->code);
  if (result->refused) {
    (void)uh_fail(&own, UH_ERR_DENIED, "the directory refuses to %s it (LDAP 50: %.*s)",
                  uh_directory_action_name(c->action), UH_HEAD(w->text, 200));
    uh_err_remedy(&own, "the operator's account needs the right %s", rights[c->action]);
  } else if (w->code == NOT_ALLOWED_ON_NONLEAF) {
    (void)uh_fail(&own, UH_ERR_DATA, "something has come into it meanwhile (LDAP 66: %.*s)", UH_HEAD(w->text, 200));
    uh_err_remedy(&own, "plan again: the directory has changed since");
  } else {
    return -1; /* the error of the wire says it */
  }
  own.answer = UH_REFUSED;
  uh_err_where(&own, "%s", c->dn);
  *err = own;
  return -1;
}

static int settle(const struct uh_directory_change *c, int r, const struct uh_ldap_write_result *w,
                  struct uh_change_result *result, struct uh_err *err) {
  switch (w->written) {
    case UH_LDAP_NOT_SENT: result->outcome = result->objects ? UH_CHANGE_FAILED : UH_CHANGE_NOT_SENT; break;
    case UH_LDAP_WRITTEN: result->outcome = UH_CHANGE_APPLIED; break;
    case UH_LDAP_NOT_WRITTEN: result->outcome = UH_CHANGE_FAILED; break;
    case UH_LDAP_UNKNOWN: result->outcome = UH_CHANGE_UNKNOWN; break;
  }
  return r < 0 && w->written == UH_LDAP_NOT_WRITTEN ? refused(c, w, result, err) : r;
}

/* ---- deleting ---- */

struct leaf {
  uint8_t guid[UH_GUID_SIZE];
  char *dn;
  size_t depth;
};
struct tree {
  const struct uh_directory_change *change;
  uint8_t (*listed)[UH_GUID_SIZE]; /* sorted */
  struct leaf *v;
  size_t n, cap;
  const char *dn; /* of the root, as it was seen */
};

static void tree_clear(struct tree *t) {
  free(t->listed);
  for (size_t i = 0; i < t->n; i++) free(t->v[i].dn);
  free(t->v);
}

static size_t depth_of(const char *dn) {
  size_t n = 0;
  for (const char *p = dn; *p; p++) {
    if (*p == '\\' && p[1])
      p++;
    else if (*p == ',')
      n++;
  }
  return n;
}

static int by_guid(const void *a, const void *b) {
  return memcmp(a, b, UH_GUID_SIZE);
}

static int sort_listed(struct tree *t, struct uh_err *err) {
  size_t n = t->change->n_tree;
  t->listed = calloc(n + 1, sizeof *t->listed);
  if (!t->listed) return uh_fail_nomem(err);
  if (n) memcpy(t->listed, t->change->tree, n * sizeof *t->listed);
  qsort(t->listed, n, sizeof *t->listed, by_guid);
  return 0;
}

/* Accounts and groups go with a tree only where they could go by themselves: somebody may have put his own there. */
static bool may_go_along(const struct uh_ldap_entry *entry) {
  const char *object_class = has_class(entry, "computer") ? "computer"
                             : has_class(entry, "person") ? "user"
                             : has_class(entry, "group")  ? "group"
                                                          : NULL;
  return !object_class || uh_directory_may_delete(object_class, entry->dn);
}

static int add_leaf(struct tree *t, struct leaf leaf, const char *dn, struct uh_err *err) {
  if (t->n == t->cap) {
    size_t cap = t->cap ? t->cap * 2 : 64;
    struct leaf *grown = reallocarray(t->v, cap, sizeof *grown);
    if (!grown) return uh_fail_nomem(err);
    t->v = grown;
    t->cap = cap;
  }
  leaf.dn = strdup(dn);
  if (!leaf.dn) return uh_fail_nomem(err);
  t->v[t->n++] = leaf;
  return 0;
}

static int on_leaf(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct tree *t = user;
  struct leaf leaf = {.depth = depth_of(entry->dn)};
  if (!take_guid(entry, leaf.guid)) return left_alone(t->change, err, "an object below it has no GUID: ", entry->dn);
  if (memcmp(leaf.guid, t->change->guid, UH_GUID_SIZE) == 0) return 0;
  if (!bsearch(leaf.guid, t->listed, t->change->n_tree, sizeof *t->listed, by_guid))
    return left_alone(t->change, err, "below it is something that was not listed: ", entry->dn);
  if (is_true(entry, "isCriticalSystemObject"))
    return left_alone(t->change, err, "below it is something that is critical to the directory: ", entry->dn);
  if (!may_go_along(entry))
    return left_alone(t->change, err, "below it is an account that is not Exchange's: ", entry->dn);
  if (t->n == UH_DIRECTORY_TREE_MAX) return left_alone(t->change, err, "there is too much below it", "");
  return add_leaf(t, leaf, entry->dn, err);
}

static int deepest_first(const void *a, const void *b) {
  const struct leaf *x = a, *y = b;
  return x->depth == y->depth ? strcmp(x->dn, y->dn) : x->depth < y->depth ? 1 : -1;
}

static int read_tree(struct uh_directory_executor *x, struct tree *t, struct uh_err *err) {
  struct uh_ldap_search search = {.base = t->dn,
                                  .scope = UH_LDAP_SUBTREE,
                                  .filter = "(objectClass=*)",
                                  .attributes = looked_at,
                                  .page_size = PAGE,
                                  .entry = on_leaf,
                                  .user = t};
  struct uh_ldap_outcome outcome;
  if (sort_listed(t, err) < 0 || uh_ldap_search(x->at->ldap, &search, &outcome, err) < 0) return -1;
  if (outcome.damaged || outcome.references)
    return left_alone(t->change, err, "what stands below it could not be read in full", "");
  if (t->n) qsort(t->v, t->n, sizeof *t->v, deepest_first);
  return 0;
}

static int delete_one(struct uh_directory_executor *x, const struct uh_directory_change *c,
                      const uint8_t guid[UH_GUID_SIZE], const char *dn, struct uh_change_result *result,
                      struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str name = {0};
  struct uh_ldap_write_result w;
  if (x->at->active_directory)
    guid_name(guid, &name);
  else
    uh_str_add(&name, dn);
  if (!uh_str_text(&name)) {
    result->outcome = result->objects ? UH_CHANGE_FAILED : UH_CHANGE_NOT_SENT; /* not what the one before came to */
    return uh_fail_nomem(err);
  }
  int r = uh_ldap_delete(x->at->ldap, name.s, &w, err);
  if (r == 0) result->objects++;
  return settle(c, r, &w, result, err);
}

static int delete_tree(struct uh_directory_executor *x, const struct uh_directory_change *c, const struct seen *seen,
                       struct uh_change_result *result, struct uh_err *err) {
  UH_CLEANUP(tree_clear) struct tree t = {.change = c, .dn = seen->dn};
  if (read_tree(x, &t, err) < 0) return -1;
  for (size_t i = 0; i < t.n; i++) {
    if (delete_one(x, c, t.v[i].guid, t.v[i].dn, result, err) == 0) continue;
    result->not_found = false; /* it is one below that is not there */
    return -1;
  }
  return delete_one(x, c, c->guid, seen->dn, result, err);
}

/* ---- editing ---- */

static struct uh_ldap_mod *mods_of(const struct uh_directory_edit *edits, size_t n, size_t before,
                                   struct uh_ldap_value **ret_values) {
  static const enum uh_ldap_mod_type types[] = {UH_LDAP_MOD_DELETE, UH_LDAP_MOD_ADD, UH_LDAP_MOD_REPLACE};
  size_t values = 0, at = 0;
  for (size_t i = 0; i < n; i++) values += edits[i].n;
  struct uh_ldap_mod *mods = calloc(before + n + 1, sizeof *mods);
  struct uh_ldap_value *v = calloc(values + 1, sizeof *v);
  if (!mods || !v) {
    free(mods);
    free(v);
    return NULL;
  }
  for (size_t i = 0; i < n; i++) {
    mods[before + i] = (struct uh_ldap_mod){types[edits[i].type], edits[i].attribute, v + at, edits[i].n};
    for (size_t k = 0; k < edits[i].n; k++)
      v[at++] = (struct uh_ldap_value){edits[i].values[k].data, edits[i].values[k].size};
  }
  *ret_values = v;
  return mods;
}

static unsigned security_parts(const struct uh_directory_change *c) {
  for (size_t i = 0; i < c->n_edits; i++)
    if (uh_directory_is_descriptor(&c->edits[i])) return UH_DIRECTORY_EVERY_PART;
  return 0;
}

static int modify(struct uh_directory_executor *x, const struct uh_directory_change *c, const char *dn,
                  struct uh_change_result *result, struct uh_err *err) {
  UH_CLEANUP(uh_freep) struct uh_ldap_value *values = NULL;
  UH_CLEANUP(uh_freep) struct uh_ldap_mod *mods = mods_of(c->edits, c->n_edits, 0, &values);
  struct uh_ldap_write_result w;
  if (!mods) return uh_fail_nomem(err);
  int r = uh_ldap_modify(x->at->ldap, dn, mods, c->n_edits, false, security_parts(c), &w, err);
  if (r == 0) result->objects = 1;
  return settle(c, r, &w, result, err);
}

/* The security descriptor needs a control of its own, which goes with no other change. */
static int restore_descriptor(struct uh_directory_executor *x, const struct uh_directory_change *c,
                              struct uh_change_result *result, struct uh_err *err) {
  struct uh_directory_change rest = *c;
  for (size_t i = 0; i < c->n_edits; i++) {
    if (!uh_directory_is_descriptor(&c->edits[i])) continue;
    rest.edits = &c->edits[i];
    rest.n_edits = 1;
    int r = modify(x, &rest, c->dn, result, err);
    if (r < 0 && result->outcome == UH_CHANGE_NOT_SENT) result->outcome = UH_CHANGE_FAILED; /* a part has been done */
    return r;
  }
  return 0;
}

/* With what its tombstone did not keep, at once: a class may demand an attribute that a tombstone loses. */
static int reanimate(struct uh_directory_executor *x, const struct uh_directory_change *c, const char *dn,
                     struct uh_change_result *result, struct uh_err *err) {
  enum { BACK = 2 };
  UH_CLEANUP(uh_freep) struct uh_ldap_value *values = NULL;
  UH_CLEANUP(uh_freep) struct uh_ldap_mod *mods = mods_of(c->edits, c->n_edits, BACK, &values);
  struct uh_ldap_value place = {c->dn, strlen(c->dn)};
  struct uh_ldap_write_result w;
  size_t n = BACK;
  if (!mods) return uh_fail_nomem(err);
  mods[0] = (struct uh_ldap_mod){UH_LDAP_MOD_DELETE, "isDeleted", NULL, 0};
  mods[1] = (struct uh_ldap_mod){UH_LDAP_MOD_REPLACE, "distinguishedName", &place, 1};
  for (size_t i = 0; i < c->n_edits; i++)
    if (!uh_directory_is_descriptor(&c->edits[i])) mods[n++] = mods[BACK + i];
  int r = uh_ldap_modify(x->at->ldap, dn, mods, n, true, 0, &w, err);
  if (r < 0) return settle(c, r, &w, result, err);
  (void)settle(c, r, &w, result, err);
  result->objects = 1;
  if (x->options.failpoint) x->options.failpoint(x->options.cancel_user, "half-back");
  return restore_descriptor(x, c, result, err);
}

/* ---- going on with what an earlier try left ---- */

static int somebodys(const struct uh_directory_change *c, struct uh_err *err, const char *why, const char *attribute) {
  return left_alone_but(c, err, why, attribute,
                        "compare it with the before-image among the case's exports, and set by hand what is to be set");
}

/* Which edits are not so yet: 1 some, 0 none. What cannot be one of ours, untouched since, is left alone. */
static int look_at_rest(struct uh_directory_executor *x, const struct uh_directory_change *c, const char *dn,
                        struct uh_err *err) {
  UH_CLEANUP(uh_freep) enum uh_directory_left *left = calloc(c->n_edits + 1, sizeof *left);
  bool untouched = false;
  int rest = 0;
  if (!left) return uh_fail_nomem(err);
  if (uh_directory_left(x->at->ldap, dn, c->edits, c->n_edits, left, err) < 0) return -1;
  for (size_t i = 0; i < c->n_edits; i++) {
    if (left[i] == UH_LEFT_SAME) continue;
    bool lacking = left[i] == UH_LEFT_ABSENT && c->action == UH_DIRECTORY_LINK;
    if (!lacking && !uh_directory_is_descriptor(&c->edits[i]))
      return somebodys(c, err, "it is there already, and not as it is to be in ", c->edits[i].attribute);
    if (left[i] == UH_LEFT_OTHER) {
      if (uh_directory_descriptor_untouched(x->at->ldap, dn, &untouched, err) < 0) return -1;
      if (!untouched)
        return somebodys(c, err, "it is there again, and somebody has since written ", c->edits[i].attribute);
    }
    rest = 1;
  }
  return rest;
}

static int go_on(struct uh_directory_executor *x, const struct uh_directory_change *c, const char *dn,
                 struct uh_change_result *result, struct uh_err *err) {
  int rest = look_at_rest(x, c, dn, err);
  if (rest < 0) return -1;
  if (rest && c->action == UH_DIRECTORY_LINK) return modify(x, c, dn, result, err);
  if (rest) return restore_descriptor(x, c, result, err);
  result->outcome = UH_CHANGE_APPLIED;
  result->objects = 1;
  return 0;
}

static int on_made(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct uh_change_result *result = user;
  uint8_t guid[UH_GUID_SIZE];
  char text[UH_GUID_TEXT];
  (void)err;
  if (take_guid(entry, guid)) (void)snprintf(result->identity, sizeof result->identity, "%s", uh_guid_text(guid, text));
  return 0;
}

/* The GUID of what stands at the place now. Where it cannot be read it is not told. */
static void tell_guid(struct uh_directory_executor *x, const char *dn, struct uh_change_result *result) {
  struct uh_err ignored = UH_ERR_INIT;
  struct uh_ldap_search search = {.base = dn,
                                  .scope = UH_LDAP_BASE,
                                  .filter = "(objectClass=*)",
                                  .attributes = looked_at,
                                  .entry = on_made,
                                  .user = result};
  struct uh_ldap_outcome outcome;
  (void)uh_ldap_search(x->at->ldap, &search, &outcome, &ignored);
}

/* A new object. result.identity: its GUID, or that of what stands there already. */
static int add(struct uh_directory_executor *x, const struct uh_directory_change *c, struct uh_change_result *result,
               struct uh_err *err) {
  enum { ENTRY_ALREADY_EXISTS = 68 };
  UH_CLEANUP(uh_freep) struct uh_ldap_value *values = NULL;
  UH_CLEANUP(uh_freep) struct uh_ldap_mod *mods = mods_of(c->edits, c->n_edits, 0, &values);
  struct uh_ldap_write_result w;
  if (!mods) return uh_fail_nomem(err);
  int r = uh_ldap_write_new(x->at->ldap, c->dn, mods, c->n_edits, &w, err);
  if (r == 0) result->objects = 1;
  r = settle(c, r, &w, result, err);
  if (result->objects || w.code == ENTRY_ALREADY_EXISTS) tell_guid(x, c->dn, result);
  return r;
}

static int change(void *user, const struct uh_directory_change *c, struct uh_change_result *result,
                  struct uh_err *err) {
  struct uh_directory_executor *x = user;
  struct seen seen;
  *result = (struct uh_change_result){0};
  if (uh_directory_check(c, err) < 0 || uh_directory_controller_of(&x->controllers, c->dn, &x->at, err) < 0) return -1;
  uh_print(result->server, sizeof result->server, "%s", x->at->server);
  if (c->action == UH_DIRECTORY_ADD) return add(x, c, result, err);
  if (look_right_before(x, c, &seen, result, err) < 0) return -1;
  switch (c->action) {
    case UH_DIRECTORY_DELETE: return delete_tree(x, c, &seen, result, err);
    case UH_DIRECTORY_MODIFY: return modify(x, c, seen.dn, result, err);
    case UH_DIRECTORY_LINK:
    case UH_DIRECTORY_FINISH: return go_on(x, c, seen.dn, result, err);
    case UH_DIRECTORY_REANIMATE: return reanimate(x, c, seen.dn, result, err);
    case UH_DIRECTORY_ADD: break;
  }
  return -1;
}

struct uh_directory_writer uh_directory_executor_writer(struct uh_directory_executor *executor) {
  return (struct uh_directory_writer){change, executor};
}
