/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting back entries of the directory. A deleted object leaves a tombstone: brought back from it, it has its GUID and
 * its SID again, and with the recycle bin all it had. What a tombstone does not keep comes from the before-image, the
 * security descriptor with it. Parents come before what stood below them.
 */
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "plan/plan_internal.h"
#include "plan/undo.h"

/* What the directory keeps itself, and refuses to be told. */
static const char *const own[] = {"objectClass",
                                  "objectCategory",
                                  "name",
                                  "cn",
                                  "ou",
                                  "instanceType",
                                  "whenCreated",
                                  "objectSid",
                                  "sAMAccountType",
                                  "systemFlags",
                                  "isDeleted",
                                  "lastKnownParent",
                                  "memberOf",
                                  "structuralObjectClass",
                                  "isCriticalSystemObject",
                                  "lastLogon",
                                  "logonCount",
                                  "badPwdCount",
                                  "pwdLastSet",
                                  "primaryGroupID",
                                  "adminCount",
                                  "msDS-parentdistname",
                                  "entryUUID",
                                  "userAccountControl"};

static bool is_own(const char *name) {
  size_t n = strlen(name);
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (strcasecmp(name, own[i]) == 0) return true;
  return n > 2 && strcmp(name + n - 2, "BL") == 0; /* the other end of a link, which writes it */
}

/* Base64 with its padding, as the look wrote it. */
static int decode(struct uh_undo *u, const char *text, struct uh_bytes *ret, struct uh_err *err) {
  size_t n = strlen(text), padding = 0;
  unsigned char *bytes = uh_undo_keep(u, n / 4 * 3 + 1, 1);
  if (!bytes) return uh_fail_nomem(err);
  while (padding < 2 && padding < n && text[n - 1 - padding] == '=') padding++;
  int got = n % 4 || n > INT_MAX ? -1 : EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)n);
  if (got < (int)padding) return uh_fail(err, UH_ERR_DATA, "the before-image of %s is damaged: no base64", u->a->id);
  *ret = (struct uh_bytes){bytes, (size_t)got - padding};
  return 0;
}

static int bytes_of(struct uh_undo *u, const json_t *value, struct uh_bytes *ret, struct uh_err *err) {
  const char *base64 = json_string_value(json_object_get(value, "base64"));
  if (json_is_string(value)) {
    *ret = (struct uh_bytes){json_string_value(value), json_string_length(value)};
    return 0;
  }
  if (base64) return decode(u, base64, ret, err);
  return uh_fail(err, UH_ERR_DATA, "the before-image of %s does not hold the bytes of a value", u->a->id);
}

static int edit_of(struct uh_undo *u, const char *name, const json_t *values, enum uh_directory_edit_type type,
                   struct uh_directory_edit *ret, struct uh_err *err) {
  size_t n = json_array_size(values);
  struct uh_bytes *v = uh_undo_keep(u, n, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  for (size_t i = 0; i < n; i++)
    if (bytes_of(u, json_array_get(values, i), &v[i], err) < 0) return -1;
  *ret = (struct uh_directory_edit){type, name, v, n};
  return 0;
}

/* All attributes that may be written. */
static int edits_of(struct uh_undo *u, const json_t *attributes, struct uh_directory_change *ret, struct uh_err *err) {
  size_t n = json_object_size(attributes);
  struct uh_directory_edit *edits = uh_undo_keep(u, n, sizeof *edits);
  const char *name;
  json_t *values;
  if (!edits) return uh_fail_nomem(err);
  json_object_foreach((json_t *)(uintptr_t)attributes, name, values) {
    if (is_own(name)) continue;
    if (ret->n_edits == UH_DIRECTORY_EDITS_MAX) return uh_fail(err, UH_ERR_DATA, "%s had too many attributes", ret->dn);
    if (edit_of(u, name, values, UH_DIRECTORY_REPLACE_VALUES, &edits[ret->n_edits], err) < 0) return -1;
    ret->n_edits++;
  }
  ret->edits = edits;
  return 0;
}

/* A DN, or one with something before it ("B:32:..:CN=.."): it names an entry that may not be there, or not yet. */
static bool names_one(const struct uh_bytes *value) {
  static const char root[] = ",DC=";
  const char *text = value->data;
  for (size_t i = 0; i + sizeof root - 1 <= value->size; i++)
    if (strncasecmp(text + i, root, sizeof root - 1) == 0) return true;
  return false;
}

static bool is_descriptor(const struct uh_directory_edit *e) {
  return strcasecmp(e->attribute, "nTSecurityDescriptor") == 0;
}

static const json_t *below_of(const json_t *image) {
  return json_object_get(json_array_get(json_object_get(image, "rows"), 0), "below");
}

/* The entry, or one that stood below it. */
static bool comes_back(const struct uh_undo *u, const struct uh_bytes *name) {
  const json_t *one;
  size_t i;
  const char *dn = u->a->action.directory->dn;
  if (strlen(dn) == name->size && strncasecmp(dn, name->data, name->size) == 0) return true;
  json_array_foreach(below_of(u->image), i, one) {
    dn = json_string_value(json_object_get(one, "dn"));
    if (dn && strlen(dn) == name->size && strncasecmp(dn, name->data, name->size) == 0) return true;
  }
  return false;
}

/* What a class demands, and names: mailGateway, msExchOAB and remoteDXA do, of Exchange's. Where what it names does not
 * come back too, it may be gone, and then it is tried without. */
static bool is_demanded(const struct uh_undo *u, const char *attribute, const struct uh_bytes *values, size_t n) {
  static const char *const demanded[] = {"homeMTA", "offLineABContainers", "offLineABServer", "dXARemoteClient"};
  bool is = false;
  for (size_t i = 0; i < sizeof demanded / sizeof *demanded; i++) is = is || strcasecmp(attribute, demanded[i]) == 0;
  for (size_t i = 0; is && i < n; i++) is = comes_back(u, &values[i]);
  return is && n > 0;
}

/* A directory refuses a name of what is not there: what names other entries comes once all of the tree are back, but
 * for what cannot be without it. */
static bool comes_later(const struct uh_undo *u, const struct uh_directory_edit *e) {
  if (is_demanded(u, e->attribute, e->values, e->n)) return false;
  for (size_t i = 0; i < e->n; i++)
    if (names_one(&e->values[i])) return true;
  return false;
}

/* What the change names goes out of it, into ret: that, and the security descriptor, which a new object cannot be given
 * with the rest, and one that is brought back has got by then. */
static int take_links(struct uh_undo *u, struct uh_directory_change *back, struct uh_directory_change *ret,
                      struct uh_err *err) {
  struct uh_directory_edit *now = uh_undo_keep(u, back->n_edits + 1, sizeof *now),
                           *later = uh_undo_keep(u, back->n_edits + 1, sizeof *later);
  size_t n = 0;
  if (!now || !later) return uh_fail_nomem(err);
  *ret = (struct uh_directory_change){
      .action = UH_DIRECTORY_LINK, .dn = back->dn, .object_class = back->object_class, .edits = later};
  for (size_t i = 0; i < back->n_edits; i++) {
    const struct uh_directory_edit *e = &back->edits[i];
    bool named = comes_later(u, e);
    if (!named) now[n++] = *e;
    if (e->n && (named || is_descriptor(e))) later[ret->n_edits++] = *e;
  }
  back->edits = now;
  back->n_edits = n;
  return 0;
}

/* The same as a new object: it says its classes itself, and has its values given. */
static int anew_of(struct uh_undo *u, const struct uh_directory_change *back, const json_t *attributes,
                   struct uh_undo_op *op, struct uh_err *err) {
  struct uh_directory_change *anew = uh_undo_keep(u, 1, sizeof *anew);
  struct uh_directory_edit *edits = uh_undo_keep(u, back->n_edits + 1, sizeof *edits);
  if (!anew || !edits) return uh_fail_nomem(err);
  *anew = (struct uh_directory_change){
      .action = UH_DIRECTORY_ADD, .dn = back->dn, .object_class = back->object_class, .edits = edits};
  if (edit_of(u, "objectClass", uh_property(attributes, "objectClass"), UH_DIRECTORY_GIVE_VALUES, &edits[0], err) < 0)
    return -1;
  if (!edits[anew->n_edits++].n) return 0; /* nobody can make it */
  for (size_t i = 0; i < back->n_edits; i++) {
    if (!back->edits[i].n || is_descriptor(&back->edits[i])) continue;
    edits[anew->n_edits] = back->edits[i];
    edits[anew->n_edits++].type = UH_DIRECTORY_GIVE_VALUES;
  }
  op->anew = anew;
  return 0;
}

/* One object, brought back from its tombstone. */
static int add_entry(struct uh_undo *u, const char *dn, const char *guid, const char *object_class,
                     const json_t *attributes, struct uh_err *err) {
  struct uh_directory_change *back = uh_undo_keep(u, 1, sizeof *back), *links = uh_undo_keep(u, 1, sizeof *links);
  uint8_t *bytes = uh_undo_keep(u, 1, UH_GUID_SIZE);
  if (!back || !links || !bytes) return uh_fail_nomem(err);
  if (!dn || !guid || !uh_guid_parse(guid, bytes) || !object_class)
    return uh_fail(err, UH_ERR_DATA, "the before-image of %s does not tell an object's name, GUID or class", u->a->id);
  *back = (struct uh_directory_change){
      .action = UH_DIRECTORY_REANIMATE, .guid = bytes, .dn = dn, .object_class = object_class};
  struct uh_undo_op op = {.directory = back, .links = links};
  if (edits_of(u, attributes, back, err) < 0 || take_links(u, back, links, err) < 0 ||
      anew_of(u, back, attributes, &op, err) < 0)
    return -1;
  return uh_undo_add(u, &op, err);
}

/* An edit is put back by the values that the attribute had. */
static int put_back_edits(struct uh_undo *u, const json_t *attributes, struct uh_err *err) {
  const struct uh_directory_change *d = u->a->action.directory;
  struct uh_directory_change *back = uh_undo_keep(u, 1, sizeof *back);
  struct uh_directory_edit *edits = uh_undo_keep(u, d->n_edits, sizeof *edits);
  if (!back || !edits) return uh_fail_nomem(err);
  for (size_t i = 0; i < d->n_edits; i++)
    if (edit_of(u, d->edits[i].attribute, uh_property(attributes, d->edits[i].attribute), UH_DIRECTORY_REPLACE_VALUES,
                &edits[i], err) < 0)
      return -1;
  *back = *d;
  back->edits = edits;
  const struct uh_undo_op op = {.directory = back};
  return uh_undo_add(u, &op, err);
}

static bool stands_below(const char *dn, const char *top) {
  size_t n = strlen(dn), above = strlen(top);
  return n > above && dn[n - above - 1] == ',' && strcasecmp(dn + n - above, top) == 0;
}

/* One cannot be without naming others: those come first. */
static bool demands_others(const struct uh_undo *u, const struct uh_directory_change *back) {
  for (size_t i = 0; i < back->n_edits; i++)
    if (is_demanded(u, back->edits[i].attribute, back->edits[i].values, back->edits[i].n)) return true;
  return false;
}

static bool is_late(const struct uh_undo *u, const bool *late, size_t i) {
  if (demands_others(u, u->ops[i].directory)) return true;
  for (size_t k = 0; k < i; k++)
    if (late[k] && stands_below(u->ops[i].directory->dn, u->ops[k].directory->dn)) return true;
  return false;
}

/* The late ones, with what stands below them, go to the end. The first is what all others stand below. */
static int put_in_order(struct uh_undo *u, struct uh_err *err) {
  UH_CLEANUP(uh_freep) bool *late = calloc(u->n_ops + 1, sizeof *late);
  UH_CLEANUP(uh_freep) struct uh_undo_op *last = calloc(u->n_ops + 1, sizeof *last);
  size_t n = 0, n_last = 0;
  if (!late || !last) return uh_fail_nomem(err);
  for (size_t i = 1; i < u->n_ops; i++) late[i] = is_late(u, late, i);
  for (size_t i = 0; i < u->n_ops; i++) {
    if (late[i])
      last[n_last++] = u->ops[i];
    else
      u->ops[n++] = u->ops[i];
  }
  if (n_last) memcpy(u->ops + n, last, n_last * sizeof *last);
  return 0;
}

int uh_undo_entry(struct uh_undo *u, struct uh_err *err) {
  const struct uh_directory_change *d = u->a->action.directory;
  const json_t *row = json_array_get(json_object_get(u->image, "rows"), 0), *one;
  const json_t *attributes = json_object_get(row, "json");
  size_t i;
  if (!json_is_object(attributes)) return uh_fail(err, UH_ERR_DATA, "%s has no before-image", u->a->id);
  if (d->action == UH_DIRECTORY_MODIFY) return put_back_edits(u, attributes, err);
  if (add_entry(u, d->dn, u->a->action.subject.guid, d->object_class, attributes, err) < 0) return -1;
  json_array_foreach(below_of(u->image), i, one) {
    if (add_entry(u, json_string_value(json_object_get(one, "dn")), json_string_value(json_object_get(one, "guid")),
                  json_string_value(json_object_get(one, "class")), json_object_get(one, "json"), err) < 0)
      return -1;
  }
  return put_in_order(u, err);
}

/* ---- is it back? ---- */

static void json_freep(json_t **json) {
  json_decref(*json);
}

/* {guid: the object}, of what is below the entry now. */
static json_t *by_guid(const json_t *below) {
  json_t *out = json_object(), *one;
  size_t i;
  json_array_foreach(below, i, one) {
    const char *guid = json_string_value(json_object_get(one, "guid"));
    if (guid && out && json_object_set(out, guid, one) < 0) {
      json_decref(out);
      out = NULL;
    }
  }
  return out;
}

int uh_undo_entry_below(const struct uh_undo *u, const char *image, struct uh_str *why, struct uh_err *err) {
  UH_CLEANUP(json_freep) json_t *now = json_loads(image, JSON_ALLOW_NUL, NULL);
  UH_CLEANUP(json_freep) json_t *there = by_guid(below_of(now));
  const json_t *one;
  size_t i;
  if (!now || !there) return uh_fail_nomem(err);
  json_array_foreach(below_of(u->image), i, one) {
    struct uh_str what UH_CLEANUP(uh_str_clear) = {0};
    const char *guid = json_string_value(json_object_get(one, "guid"));
    const char *dn = json_string_value(json_object_get(one, "dn"));
    const json_t *is = guid ? json_object_get(there, guid) : NULL;
    if (is && uh_row_differences(one, is, &what, err) < 0) return -1;
    if (is && !what.len) continue;
    uh_terminal_text(why, dn ? dn : "?", dn ? strlen(dn) : 1);
    uh_str_addf(why, ", which stood below it, %s%s", is ? "is not as it was: " : "is not there", uh_str_or(&what, ""));
    return 0;
  }
  return 1;
}

/* ---- made anew ---- */

/* What the directory gives a new object itself; its name and its classes are the old ones. */
static bool is_new_with_object(const char *name) {
  static const char *const same[] = {"objectClass", "objectCategory", "name", "cn", "ou"};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++)
    if (strcasecmp(name, same[i]) == 0) return false;
  return is_own(name) || strcasecmp(name, "objectGUID") == 0 || strcasecmp(name, "uSNCreated") == 0;
}

static bool is_unset(const char *name, const json_t *unset) {
  size_t i;
  const json_t *one;
  json_array_foreach(unset, i, one) if (strcasecmp(json_string_value(one), name) == 0) return true;
  return false;
}

/* A copy of a row, or of an entry below it, without that. NULL: no memory. */
static json_t *without_new(const json_t *row, const json_t *unset) {
  json_t *copy = json_deep_copy(row), *properties = json_object_get(copy, "json"), *value;
  const char *name;
  void *next;
  json_object_foreach_safe(properties, next, name, value) {
    if (is_new_with_object(name) || is_unset(name, unset)) json_object_del(properties, name);
  }
  return copy;
}

/* 1 the same, 0 not, and why. is NULL: it is not there. */
static int same_made(const json_t *was, const json_t *UH_NULLABLE is, const char *dn, const json_t *unset,
                     struct uh_str *why, struct uh_err *err) {
  UH_CLEANUP(json_freep) json_t *a = without_new(was, unset);
  UH_CLEANUP(json_freep) json_t *b = is ? without_new(is, unset) : NULL;
  struct uh_str what UH_CLEANUP(uh_str_clear) = {0};
  if (!a || (is && !b)) return uh_fail_nomem(err);
  if (b && uh_row_differences(a, b, &what, err) < 0) return -1;
  if (b && !what.len) return 1;
  uh_terminal_text(why, dn, strlen(dn));
  uh_str_addf(why, " is not %s%s", b ? "as it was: " : "there", uh_str_or(&what, ""));
  return 0;
}

static const json_t *below_at(const json_t *image, const char *dn) {
  const json_t *one;
  size_t i;
  json_array_foreach(below_of(image), i, one) {
    const char *is = json_string_value(json_object_get(one, "dn"));
    if (is && strcasecmp(is, dn) == 0) return one;
  }
  return NULL;
}

int uh_undo_entry_made(const struct uh_undo *u, const char *image, const json_t *unset, struct uh_str *why,
                       struct uh_err *err) {
  UH_CLEANUP(json_freep) json_t *now = json_loads(image, JSON_ALLOW_NUL, NULL);
  const json_t *one;
  size_t i;
  if (!now) return uh_fail_nomem(err);
  int same = same_made(json_array_get(json_object_get(u->image, "rows"), 0),
                       json_array_get(json_object_get(now, "rows"), 0), u->a->action.directory->dn, unset, why, err);
  if (same != 1) return same;
  json_array_foreach(below_of(u->image), i, one) {
    const char *dn = json_string_value(json_object_get(one, "dn"));
    same = same_made(one, dn ? below_at(now, dn) : NULL, dn ? dn : "?", unset, why, err);
    if (same != 1) return same;
  }
  return 1;
}
