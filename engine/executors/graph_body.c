/* SPDX-License-Identifier: Apache-2.0 */
/* What stays of an object of Graph, and whether it may be sent. */
#include "executors/graph_body.h"

#include <strings.h>

#define EXCHANGE_ONLINE "00000002-0000-0ff1-ce00-000000000000"
#define MICROSOFT "f8cdef31-a31e-4b4a-93e4-5f571e91255a" /* the tenant that owns Microsoft's own applications */

static const char *member(const json_t *object, const char *name) {
  return json_string_value(json_object_get(object, name));
}

const char *uh_graph_property(enum uh_graph_action action) {
  switch (action) {
    case UH_GRAPH_REMOVE_KEYS: return "keyCredentials";
    case UH_GRAPH_REMOVE_PASSWORD: return "passwordCredentials";
    case UH_GRAPH_REMOVE_NAMES: return "servicePrincipalNames";
    case UH_GRAPH_DELETE:
    case UH_GRAPH_RESTORE: break;
  }
  return NULL;
}

static int refuse(const char *what, struct uh_err *err) {
  (void)uh_fail(err, UH_ERR_DATA, "nothing is sent: %s", what);
  return -1;
}

/* ---- credentials ---- */

static const struct uh_key_removal *removal_of(const struct uh_graph_change *c, const json_t *entry) {
  uint8_t id[UH_GUID_SIZE];
  const char *text = member(entry, "keyId");
  if (!text || !uh_guid_parse(text, id)) return NULL;
  for (size_t i = 0; i < c->n_keys; i++)
    if (memcmp(c->keys[i].key_id, id, sizeof id) == 0) return &c->keys[i];
  return NULL;
}

static int64_t ends(const json_t *entry) {
  int64_t at;
  const char *text = member(entry, "endDateTime");
  return text && uh_time_parse(text, &at) == UH_TIME_OK ? at : 0;
}

static bool ours(const struct uh_graph_change *c, const json_t *entry) {
  struct uh_key_credential key = {.custom_key_identifier = member(entry, "customKeyIdentifier"),
                                  .display_name = member(entry, "displayName"),
                                  .key = member(entry, "key"),
                                  .ends = ends(entry)};
  for (size_t i = 0; i < c->n_certificates; i++)
    if (uh_key_match(&key, &c->certificates[i]) > UH_KEY_HINT) return true;
  return false;
}

static int check_reason(const struct uh_graph_change *c, const struct uh_key_removal *r, const json_t *entry,
                        int64_t now, struct uh_err *err) {
  char guid[UH_GUID_TEXT];
  int64_t end = ends(entry);
  const char *why = NULL;
  if (r->reason == UH_KEY_OURS && !ours(c, entry)) why = "is no certificate of this organisation";
  if (r->reason == UH_KEY_EXPIRED && (end == 0 || end >= now)) why = "has not ended";
  if (!why) return 0;
  (void)uh_fail(err, UH_ERR_DATA, "nothing is sent: the credential %s %s", uh_guid_text(r->key_id, guid), why);
  uh_err_remedy(err, "find out whose it is, and name it explicitly if it has to go");
  return -1;
}

static int keep_key(json_t *survivors, const json_t *entry, struct uh_err *err) {
  const char *key = member(entry, "key"), *type = member(entry, "type"), *usage = member(entry, "usage");
  if (!key || !*key || !type || !usage) {
    (void)refuse("Graph does not tell the key of a credential that has to stay, and it would be lost", err);
    uh_err_remedy(err, "remove the credential in the Entra admin center, or with Microsoft's script");
    return -1;
  }
  /* More than these three, and Graph refuses the whole. */
  json_t *kept = json_pack("{s:s, s:s, s:s}", "key", key, "type", type, "usage", usage);
  return kept && json_array_append_new(survivors, kept) == 0 ? 0 : uh_fail_nomem(err);
}

/* ---- any list ---- */

bool uh_graph_listed(const struct uh_graph_change *c, const json_t *entry) {
  if (c->action != UH_GRAPH_REMOVE_NAMES) return removal_of(c, entry) != NULL;
  const char *name = json_string_value(entry);
  for (size_t i = 0; name && i < c->n_names; i++)
    if (strcasecmp(c->names[i], name) == 0) return true;
  return false;
}

void uh_graph_entry_text(const struct uh_graph_change *c, const json_t *entry, char *out, size_t size) {
  char id[UH_GUID_TEXT];
  const char *what = c->action == UH_GRAPH_REMOVE_NAMES ? json_string_value(entry) : member(entry, "keyId");
  (void)snprintf(out, size, "%s/%s", uh_guid_text(c->id, id), what ? what : "");
}

static bool removed_before(const struct uh_graph_change *c, const json_t *entry, const struct uh_graph_gone *gone) {
  char text[700];
  uh_graph_entry_text(c, entry, text, sizeof text);
  for (size_t i = 0; i < gone->n; i++)
    if (strcasecmp(gone->v[i], text) == 0) return true;
  return false;
}

static int keep(const struct uh_graph_change *c, const struct uh_graph_gone *gone, json_t *survivors, json_t *entry,
                struct uh_err *err) {
  if (removed_before(c, entry, gone)) {
    (void)uh_fail(err, UH_ERR_UNAVAILABLE, "nothing is sent: the directory still shows what was removed before");
    uh_err_remedy(err, "wait until the directory has settled, then resume");
    return -1;
  }
  if (c->action == UH_GRAPH_REMOVE_KEYS) return keep_key(survivors, entry, err);
  return json_array_append(survivors, entry) == 0 ? 0 : uh_fail_nomem(err);
}

/* The list in full, every entry of the kind that it should be. */
static int check_list(const struct uh_graph_change *c, const json_t *object, const json_t *list, struct uh_err *err) {
  char link[64];
  uint8_t id[UH_GUID_SIZE];
  size_t i;
  const json_t *entry;
  (void)snprintf(link, sizeof link, "%s@odata.nextLink", uh_graph_property(c->action));
  if (!json_is_array(list)) return refuse("Graph does not tell the list that is to be changed", err);
  if (json_object_get(object, link)) return refuse("Graph tells only a part of the list that is to be changed", err);
  if (json_array_size(list) > UH_GRAPH_ENTRIES_MAX) return refuse("the list is longer than can be right", err);
  json_array_foreach(list, i, entry) {
    const char *text = c->action == UH_GRAPH_REMOVE_NAMES ? json_string_value(entry) : member(entry, "keyId");
    if (!text || (c->action != UH_GRAPH_REMOVE_NAMES && !uh_guid_parse(text, id)))
      return refuse("the list holds an entry that cannot be told from others", err);
  }
  return 0;
}

static int split(const struct uh_graph_change *c, const json_t *object, const struct uh_graph_gone *gone, int64_t now,
                 json_t *survivors, size_t *ret_going, struct uh_err *err) {
  json_t *list = json_object_get(object, uh_graph_property(c->action)), *entry;
  size_t i;
  if (check_list(c, object, list, err) < 0) return -1;
  json_array_foreach(list, i, entry) {
    const struct uh_key_removal *removal = removal_of(c, entry);
    bool going = uh_graph_listed(c, entry);
    *ret_going += going;
    if (going && removal && check_reason(c, removal, entry, now, err) < 0) return -1;
    if (!going && c->action != UH_GRAPH_REMOVE_PASSWORD && keep(c, gone, survivors, entry, err) < 0) return -1;
  }
  return 0;
}

/* The name by which the principal is addressed by everybody. */
static int check_names(const json_t *object, const json_t *survivors, struct uh_err *err) {
  const char *app = member(object, "appId");
  size_t i;
  const json_t *entry;
  json_array_foreach(survivors, i, entry) {
    if (app && strcasecmp(json_string_value(entry), app) == 0) return 0;
  }
  return refuse("the names that would stay lack the application's own id", err);
}

static int add_body(const char *property, json_t *value, struct uh_str *out, struct uh_err *err) {
  json_t *body = json_pack("{s:O}", property, value);
  char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
  json_decref(body);
  if (text) uh_str_add(out, text);
  free(text);
  return uh_str_text(out) && out->len ? 0 : uh_fail_nomem(err);
}

static int list_body(const struct uh_graph_change *c, const json_t *object, const struct uh_graph_gone *gone,
                     int64_t now, struct uh_str *out, struct uh_err *err) {
  char guid[UH_GUID_TEXT];
  size_t going = 0;
  json_t *survivors = json_array();
  int r = survivors ? split(c, object, gone, now, survivors, &going, err) : uh_fail_nomem(err);
  if (r == 0 && going == 0) r = UH_GRAPH_NEEDS_NOTHING;
  if (r == 0 && c->action == UH_GRAPH_REMOVE_NAMES) r = check_names(object, survivors, err);
  if (r == 0 && c->action == UH_GRAPH_REMOVE_PASSWORD)
    uh_str_addf(out, "{\"keyId\":\"%s\"}", uh_guid_text(c->keys[0].key_id, guid));
  else if (r == 0)
    r = add_body(uh_graph_property(c->action), survivors, out, err);
  json_decref(survivors);
  return r;
}

/* ---- the whole object ---- */

static int check_deletion(const json_t *object, struct uh_err *err) {
  const char *app = member(object, "appId"), *owner = member(object, "appOwnerOrganizationId");
  if (!app) return refuse("Graph does not tell which application it is", err);
  if (strcasecmp(app, EXCHANGE_ONLINE) == 0 || (owner && strcasecmp(owner, MICROSOFT) == 0))
    return refuse("it is one of Microsoft's own, and the tenant needs it", err);
  return 0;
}

int uh_graph_body(const struct uh_graph_change *c, const json_t *object, const struct uh_graph_gone *gone, int64_t now,
                  struct uh_str *out, struct uh_err *err) {
  char id[UH_GUID_TEXT];
  const char *told = member(object, "id");
  if (!told || strcasecmp(told, uh_guid_text(c->id, id)) != 0) return refuse("Graph answers with another object", err);
  if (c->action == UH_GRAPH_RESTORE) return 0;
  if (c->action == UH_GRAPH_DELETE) return check_deletion(object, err);
  return list_body(c, object, gone, now, out, err);
}
