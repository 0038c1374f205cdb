/* SPDX-License-Identifier: Apache-2.0 */
/* Changes an application or a service principal over Graph, with the operator's account. */
#include "wire/graph.h"

#include <strings.h>

#include "executors/cloud.h"
#include "executors/graph_body.h"

#define NAME_MAX_BYTES 600u
#define LISTED_MAX 200u

struct uh_graph_executor {
  struct uh_operator_cloud *cloud;
  struct uh_graph *graph;
  struct uh_graph_gone gone;
};

const char *uh_graph_action_name(enum uh_graph_action action) {
  static const char *const names[] = {"remove-keys", "remove-password", "remove-names", "delete", "restore"};
  return (unsigned)action < sizeof names / sizeof *names ? names[action] : "unknown";
}

/* ---- what is wrong before anybody is asked ---- */

static int wrong(const struct uh_graph_change *c, const char *why, struct uh_err *err) {
  return uh_fail(err, UH_ERR_INTERNAL, "%s is not sent: %s", uh_graph_action_name(c->action), why);
}

/* https://mail.contoso.com/: what hybrid deployments register. Everything else is the application's own. */
static bool host_name(const char *name) {
  const char *host = strncasecmp(name, "https://", 8) == 0 ? name + 8 : "";
  size_t n = strcspn(host, "/");
  return n > 0 && memchr(host, '.', n) && strlen(name) <= NAME_MAX_BYTES &&
         strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == n && strlen(host + n) <= 1;
}

int uh_graph_check(const struct uh_graph_change *c, struct uh_err *err) {
  static const uint8_t nothing[UH_GUID_SIZE];
  bool keys = c->action == UH_GRAPH_REMOVE_KEYS || c->action == UH_GRAPH_REMOVE_PASSWORD;
  bool names = c->action == UH_GRAPH_REMOVE_NAMES;
  if ((unsigned)c->action > UH_GRAPH_RESTORE) return wrong(c, "no such action", err);
  if (!c->id || memcmp(c->id, nothing, sizeof nothing) == 0) return wrong(c, "the object's id is missing", err);
  if (keys != (c->n_keys > 0) || names != (c->n_names > 0))
    return wrong(c, "it must say what is to go, and no more", err);
  if (c->n_keys > LISTED_MAX || c->n_names > LISTED_MAX || c->n_certificates > LISTED_MAX)
    return wrong(c, "it lists too much", err);
  if (names && c->kind != UH_GRAPH_SERVICE_PRINCIPAL) return wrong(c, "applications have no such names", err);
  if (c->action == UH_GRAPH_REMOVE_PASSWORD && (c->n_keys != 1 || c->keys[0].reason == UH_KEY_OURS))
    return wrong(c, "one password at a time, expired or named", err);
  for (size_t i = 0; i < c->n_names; i++)
    if (!host_name(c->names[i])) return wrong(c, "a name is no host's", err);
  return 0;
}

/* ---- reading ---- */

struct look {
  json_t *object;
  struct uh_graph_result result;
};
static int on_object(void *user, const char *json, size_t n, struct uh_err *err) {
  struct look *l = user;
  json_decref(l->object);
  l->object = json_loadb(json, n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
  return l->object ? 0 : uh_fail(err, UH_ERR_UNAVAILABLE, "the answer is no JSON object");
}
static void on_done(void *user, const struct uh_graph_result *result) {
  ((struct look *)user)->result = *result;
}

static const char *collection(enum uh_graph_kind kind) {
  return kind == UH_GRAPH_APPLICATION ? "applications" : "servicePrincipals";
}

static int connect_once(struct uh_graph_executor *g, struct uh_err *err) {
  struct uh_graph_options o = {
      .base = g->cloud->hosts.graph, .resource = g->cloud->own.graph, .oauth = g->cloud->oauth, .http = g->cloud->http};
  return g->graph ? 0 : uh_graph_open(&o, &g->graph, err);
}

/* 0 *ret_object is the caller's; 1 there is no such object; -1 nobody knows. */
static int look(struct uh_graph_executor *g, const char *path, json_t **ret_object, struct uh_err *err) {
  struct look l = {.result = {.err = UH_ERR_INIT}};
  struct uh_graph_query q = {.path = path, .user = &l, .object = on_object, .done = on_done};
  if (connect_once(g, err) < 0 || uh_graph_list(g->graph, &q, err) < 0 || uh_graph_run(g->graph, err) < 0) {
    json_decref(l.object);
    return -1;
  }
  if (l.result.complete && json_is_object(l.object)) {
    *ret_object = l.object;
    return 0;
  }
  json_decref(l.object);
  if (l.result.cls == UH_GRAPH_NOT_FOUND) return 1;
  if (l.result.complete) return uh_fail(err, UH_ERR_UNAVAILABLE, "%.*s: Graph's answer is empty", UH_HEAD(path, 100));
  if (err && err->cls == UH_ERR_NONE) *err = l.result.err;
  return -1;
}

static void path_of(const struct uh_graph_change *c, bool bin, char *out, size_t size) {
  char id[UH_GUID_TEXT];
  const char *property = uh_graph_property(c->action);
  (void)uh_guid_text(c->id, id);
  if (bin)
    (void)snprintf(out, size, "directory/deletedItems/%s", id);
  else
    (void)snprintf(out, size, "%s/%s?$select=id,appId%s%s%s", collection(c->kind), id,
                   c->kind == UH_GRAPH_SERVICE_PRINCIPAL ? ",appOwnerOrganizationId" : "", property ? "," : "",
                   property ? property : "");
}

/* ---- writing ---- */

static void request_of(const struct uh_graph_change *c, char path[160], const char **ret_method) {
  char id[UH_GUID_TEXT];
  (void)uh_guid_text(c->id, id);
  *ret_method = c->action == UH_GRAPH_DELETE                                             ? "DELETE"
                : c->action == UH_GRAPH_REMOVE_PASSWORD || c->action == UH_GRAPH_RESTORE ? "POST"
                                                                                         : "PATCH";
  if (c->action == UH_GRAPH_RESTORE)
    (void)snprintf(path, 160, "directory/deletedItems/%s/restore", id);
  else
    (void)snprintf(path, 160, "%s/%s%s", collection(c->kind), id,
                   c->action == UH_GRAPH_REMOVE_PASSWORD ? "/removePassword" : "");
}

/* As it was given; NULL: none, or one that is no header's value. */
static const char *etag_of(const struct uh_graph_change *c, const json_t *object) {
  const char *etag = json_string_value(json_object_get(object, "@odata.etag"));
  if (c->action == UH_GRAPH_REMOVE_PASSWORD || c->action == UH_GRAPH_RESTORE || !etag) return NULL;
  for (const char *p = etag; *p; p++)
    if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e) return NULL;
  return *etag ? etag : NULL;
}

static enum uh_change_outcome outcome_of(enum uh_graph_write_outcome outcome) {
  switch (outcome) {
    case UH_GRAPH_WRITE_NOT_SENT: return UH_CHANGE_NOT_SENT;
    case UH_GRAPH_WRITE_DONE: return UH_CHANGE_APPLIED;
    case UH_GRAPH_WRITE_FAILED: return UH_CHANGE_FAILED;
    case UH_GRAPH_WRITE_UNKNOWN: break;
  }
  return UH_CHANGE_UNKNOWN;
}

static void advise(const struct uh_graph_change *c, const struct uh_graph_written *w, struct uh_err *why) {
  if (w->outcome == UH_GRAPH_WRITE_UNKNOWN)
    (void)snprintf(why->remedy, sizeof why->remedy,
                   "look at the object before anything else: the change may have been made");
  else if (w->cls == UH_GRAPH_REFUSED || w->cls == UH_GRAPH_TOKEN)
    uh_err_remedy(
        why,
        "give the operator's account Application.ReadWrite.All with consent; where Graph goes on refusing, an "
        "Application Administrator does it by hand");
  else if (w->status == 412)
    uh_err_remedy(why, "look at the object again, and plan anew");
  else if (w->cls == UH_GRAPH_THROTTLED)
    uh_err_remedy(why, "Graph takes no more for now: wait some minutes, then resume");
  else if (c->action == UH_GRAPH_REMOVE_KEYS && w->status == 400)
    uh_err_remedy(why, "where credentials that have ended are among those that stay, let them go in the same change");
}

static void tell(const struct uh_graph_written *w, const struct uh_err *why, struct uh_change_result *ret) {
  bool failed = w->outcome == UH_GRAPH_WRITE_FAILED;
  ret->outcome = outcome_of(w->outcome);
  ret->errors = w->outcome != UH_GRAPH_WRITE_DONE && w->status;
  uh_print(ret->reason, sizeof ret->reason, "%s", w->code);
  uh_print(ret->message, sizeof ret->message, "%s", w->message);
  uh_print(ret->request_id, sizeof ret->request_id, "%s", w->request_id[0] ? w->request_id : why->request_id);
  ret->refused = failed && (w->cls == UH_GRAPH_REFUSED || w->cls == UH_GRAPH_TOKEN);
  ret->not_found = failed && w->cls == UH_GRAPH_NOT_FOUND;
}

/* Room for what is about to go is made before, so that nothing can fail after. */
static int remember(struct uh_graph_executor *g, const struct uh_graph_change *c, const json_t *object,
                    struct uh_err *err) {
  const char *property = uh_graph_property(c->action);
  const json_t *entry, *list = property ? json_object_get(object, property) : NULL;
  char text[700];
  size_t i;
  json_array_foreach(list, i, entry) {
    if (!uh_graph_listed(c, entry)) continue;
    uh_graph_entry_text(c, entry, text, sizeof text);
    char **more = realloc(g->gone.v, (g->gone.n + 1) * sizeof *more);
    if (!more) return uh_fail_nomem(err);
    g->gone.v = more;
    more[g->gone.n] = strdup(text);
    if (!more[g->gone.n]) return uh_fail_nomem(err);
    g->gone.n++;
  }
  return 0;
}
static void forget(struct uh_graph_executor *g, size_t n) {
  while (g->gone.n > n) free(g->gone.v[--g->gone.n]);
}

static int send(struct uh_graph_executor *g, const struct uh_graph_change *c, const json_t *object, const char *body,
                struct uh_change_result *ret, struct uh_err *err) {
  char path[160];
  const char *method;
  struct uh_graph_written written;
  struct uh_err why = UH_ERR_INIT;
  size_t known = g->gone.n;
  if (remember(g, c, object, err) < 0) return -1;
  request_of(c, path, &method);
  bool bodyless = c->action == UH_GRAPH_DELETE;
  struct uh_graph_request q = {
      .method = method, .path = path, .body = bodyless ? NULL : body, .if_match = etag_of(c, object)};
  int r = uh_graph_write(g->graph, &q, &written, &why);
  tell(&written, &why, ret);
  if (ret->outcome != UH_CHANGE_APPLIED && ret->outcome != UH_CHANGE_UNKNOWN) forget(g, known);
  if (r == 0) return 0;
  advise(c, &written, &why);
  if (err && err->cls == UH_ERR_NONE) *err = why;
  return -1;
}

static int change_once(void *user, const struct uh_graph_change *c, struct uh_change_result *ret_result,
                       struct uh_err *err) {
  struct uh_graph_executor *g = user;
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  char path[240];
  json_t *object = NULL;
  *ret_result = (struct uh_change_result){0};
  if (uh_graph_check(c, err) < 0) return -1;
  path_of(c, c->action == UH_GRAPH_RESTORE, path, sizeof path);
  int r = look(g, path, &object, err);
  if (r == 0) r = uh_graph_body(c, object, &g->gone, (int64_t)time(NULL), &body, err);
  if (r == 0) r = send(g, c, object, uh_str_text(&body), ret_result, err);
  json_decref(object);
  if (r <= 0) return r;
  ret_result->not_found = true;
  (void)uh_fail(err, UH_ERR_UNAVAILABLE, "nothing is sent: what %s concerns is not there",
                uh_graph_action_name(c->action));
  uh_err_where(err, "%s", c->name ? c->name : "");
  return -1;
}

/* ---- reading back ---- */

static bool any_left(const struct uh_graph_change *c, const json_t *object) {
  size_t i;
  const json_t *entry;
  json_array_foreach(json_object_get(object, uh_graph_property(c->action)), i, entry) {
    if (uh_graph_listed(c, entry)) return true;
  }
  return false;
}

int uh_graph_shows(struct uh_graph_executor *g, const struct uh_graph_change *c, struct uh_err *err) {
  char path[240];
  json_t *object = NULL;
  if (uh_graph_check(c, err) < 0) return -1;
  path_of(c, false, path, sizeof path);
  int r = look(g, path, &object, err);
  if (r < 0) return -1;
  const char *property = uh_graph_property(c->action);
  bool shows = c->action == UH_GRAPH_DELETE ? r == 1 : r == 0;
  if (property && r == 1) r = uh_fail(err, UH_ERR_UNAVAILABLE, "%.*s: the object is not there", UH_HEAD(path, 100));
  if (property && r == 0 && !json_is_array(json_object_get(object, property)))
    r = uh_fail(err, UH_ERR_UNAVAILABLE, "%.*s: Graph does not tell what was changed", UH_HEAD(path, 100));
  if (property && r == 0) shows = !any_left(c, object);
  json_decref(object);
  return r < 0 ? -1 : shows;
}

/* ---- the executor ---- */

int uh_graph_executor_open(struct uh_operator_cloud *cloud, struct uh_graph_executor **ret_executor,
                           struct uh_err *err) {
  struct uh_graph_executor *g = calloc(1, sizeof *g);
  if (!g) return uh_fail_nomem(err);
  g->cloud = cloud;
  *ret_executor = g;
  return 0;
}
struct uh_graph_executor *uh_graph_executor_free(struct uh_graph_executor *g) {
  if (!g) return NULL;
  forget(g, 0);
  free(g->gone.v);
  uh_graph_free(g->graph);
  free(g);
  return NULL;
}
void uh_graph_executor_freep(struct uh_graph_executor **executor) {
  *executor = uh_graph_executor_free(*executor);
}
struct uh_graph_writer uh_graph_executor_writer(struct uh_graph_executor *executor) {
  return (struct uh_graph_writer){change_once, executor};
}
