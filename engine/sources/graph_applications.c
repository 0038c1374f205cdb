/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applications that have to do with hybrid deployments: those that Exchange servers call themselves by, and those
 * behind Application Proxy, of which the Hybrid Agent's is one. Exchange Online's own principal is read in graph.c.
 */
#include <strings.h>

#include "sources/graph_private.h"

#define EXCHANGE_ONLINE "00000002-0000-0ff1-ce00-000000000000"
#define FULL_ACCESS "dc890d15-9560-4a4c-9b7f-a736ec74ec40" /* full_access_as_app of Exchange Online */
#define DEDICATED "ExchangeServerApp-"
#define BEHIND_PROXY "WindowsAzureActiveDirectoryOnPremApp"

static bool is_text(const json_t *value, const char *text) {
  return json_is_string(value) && strcasecmp(json_string_value(value), text) == 0;
}

static bool wants_full_access(const json_t *application) {
  size_t i, k;
  json_t *resource, *access;
  json_array_foreach(json_object_get(application, "requiredResourceAccess"), i, resource) {
    if (!is_text(json_object_get(resource, "resourceAppId"), EXCHANGE_ONLINE)) continue;
    json_array_foreach(json_object_get(resource, "resourceAccess"), k, access) {
      if (is_text(json_object_get(access, "id"), FULL_ACCESS)) return true;
    }
  }
  return false;
}

static bool is_behind_proxy(const json_t *application) {
  size_t i;
  json_t *tag;
  json_array_foreach(json_object_get(application, "tags"), i, tag) {
    if (is_text(tag, BEHIND_PROXY)) return true;
  }
  return false;
}

/* A tenant may have thousands: the others are looked at and not kept. A name says nothing of whose it is; it only makes
 * the application worth keeping. */
static int on_application(void *user, const char *json, size_t n, struct uh_err *err) {
  struct uh_graph_reader *r = user;
  json_t *object = json_loadb(json, n, JSON_ALLOW_NUL, NULL);
  const char *name = json_string_value(json_object_get(object, "displayName"));
  int result = 0;
  if (!json_is_object(object))
    result = uh_fail(err, UH_ERR_UNAVAILABLE, "an element of the answer is not JSON");
  else if (wants_full_access(object) || is_behind_proxy(object) ||
           (name && strncasecmp(name, DEDICATED, sizeof DEDICATED - 1) == 0))
    result = uh_graph_hand_over(r, object, err);
  json_decref(object);
  return result;
}

static int read_list(struct uh_graph_reader *r, const char *path,
                     int (*object)(void *user, const char *json, size_t n, struct uh_err *err), struct uh_err *err) {
  struct uh_graph_query q = {.path = path, .user = r, .object = object, .done = uh_graph_on_done};
  if (uh_graph_list(r->source->graph, &q, err) != 0) return -1;
  return uh_graph_run(r->source->graph, err);
}

int uh_graph_applications(struct uh_graph_reader *r, struct uh_err *err) {
  return read_list(r,
                   "applications?$select=id,appId,displayName,createdDateTime,notes,signInAudience,identifierUris,tags,"
                   "requiredResourceAccess,keyCredentials&$top=999",
                   on_application, err);
}

int uh_graph_proxy_principals(struct uh_graph_reader *r, struct uh_err *err) {
  return read_list(r,
                   "servicePrincipals?$filter=tags/any(t:t eq '" BEHIND_PROXY
                   "')&$select=id,appId,displayName,homepage,accountEnabled,tags",
                   uh_graph_on_object, err);
}
