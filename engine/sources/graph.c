/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Microsoft Graph: the tenant, its domains, directory synchronisation, the Exchange Online service principal, and users
 * whose synchronisation or provisioning failed. Property names are Graph's (v1.0 CSDL).
 */
#include "sources/graph_private.h"

#include <openssl/evp.h>

#include <unhybrid/text.h>

#define SIDE UH_GRAPH_SIDE
#define KEY_TEXT_MAX ((size_t)64 * 1024)                       /* base64 of one certificate */
#define EXCHANGE_ONLINE "00000002-0000-0ff1-ce00-000000000000" /* appId of its service principal in every tenant */
#define USER_SELECT                                                                            \
  "$select=id,displayName,userPrincipalName,mail,onPremisesSyncEnabled,onPremisesImmutableId," \
  "onPremisesProvisioningErrors,serviceProvisioningErrors&$top=999"

static const struct reading {
  const char *kind, *path, *permission;
} readings[] = {
    {"GraphOrganization",
     "/organization?$select=id,displayName,verifiedDomains,onPremisesSyncEnabled,onPremisesLastSyncDateTime",
     "Organization.Read.All"},
    {"GraphDomain", "/domains", "Domain.Read.All"},
    {"GraphDirectorySynchronization", "/directory/onPremisesSynchronization",
     "OnPremDirectorySynchronization.Read.All (may be for signed-in people only)"},
    {"GraphServicePrincipal", "/servicePrincipals?$filter=appId eq '" EXCHANGE_ONLINE "'&$select=id,appId,displayName",
     "Application.Read.All"},
};
enum { READINGS = sizeof readings / sizeof *readings, PRINCIPAL = 3 };

void uh_graph_count(struct uh_graph_reader *r) {
  struct uh_graph_source *s = r->source;
  int64_t requests = uh_graph_requests(s->graph) + uh_cloud_token_requests(s->session);
  uh_observe_counted(s->observe, r->written - r->told, requests - s->requests);
  s->requests = requests;
  r->told = r->written;
}

static bool list_filled(const json_t *object, const char *name) {
  return json_array_size(json_object_get(object, name)) > 0;
}

static int from_base64(const char *text, unsigned char **ret, int *ret_n) {
  size_t n = strlen(text);
  if (n > KEY_TEXT_MAX || n % 4 != 0) return -1;
  unsigned char *out = malloc(n + 1);
  int got = out ? EVP_DecodeBlock(out, (const unsigned char *)text, (int)n) : -1;
  for (size_t i = n; got > 0 && i > 0 && text[i - 1] == '='; i--) got--;
  if (got <= 0) {
    free(out);
    return -1;
  }
  *ret = out;
  *ret_n = got;
  return 0;
}

/* The key's bytes are not kept; what a person compares is the certificate's thumbprint. */
static void without_keys(json_t *object) {
  size_t i;
  json_t *credential;
  json_array_foreach(json_object_get(object, "keyCredentials"), i, credential) {
    const char *key = json_string_value(json_object_get(credential, "key"));
    unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
    int n = 0;
    unsigned size = 0;
    if (key && from_base64(key, &der, &n) == 0 && EVP_Digest(der, (size_t)n, digest, &size, EVP_sha1(), NULL) == 1) {
      char text[2 * EVP_MAX_MD_SIZE + 1];
      for (unsigned k = 0; k < size; k++) (void)snprintf(text + (size_t)2 * k, 3, "%02X", digest[k]);
      (void)json_object_set_new(credential, "thumbprint", json_string(text));
    }
    free(der);
    (void)json_object_del(credential, "key");
  }
}

static void without_annotations(json_t *object) {
  const char *name;
  json_t *value;
  void *next;
  json_object_foreach_safe(object, next, name, value) {
    if (strchr(name, '@')) (void)json_object_del(object, name);
  }
}

int uh_graph_hand_over(struct uh_graph_reader *r, json_t *object, struct uh_err *err) {
  struct uh_rows *rows = r->source->rows;
  const char *id = json_string_value(json_object_get(object, "id"));
  const char *name = json_string_value(json_object_get(object, "displayName"));
  uint8_t key[UH_SEEN_KEY], guid[UH_GUID_SIZE];
  char *text = NULL, guid_text[UH_GUID_TEXT] = "";
  without_annotations(object);
  without_keys(object);
  uh_secret_drop(object); /* secretText, which Graph does not tell; keyCredentials stay */
  text = json_dumps(object, JSON_COMPACT);
  if (!text) return uh_fail_nomem(err);
  uh_seen_text_key(id ? id : text, strlen(id ? id : text), key);
  int new = uh_seen_add(&r->seen, key);
  int result = new < 0 ? uh_fail_nomem(err) : 0;
  if (new > 0) {
    if (id && uh_guid_parse(id, guid)) (void)uh_guid_text(guid, guid_text);
    uh_rows_begin(rows);
    uh_rows_str(rows, UH_COL(object, source), "graph");
    uh_rows_str(rows, UH_COL(object, side), SIDE);
    uh_rows_str(rows, UH_COL(object, kind), r->kind);
    uh_rows_str(rows, UH_COL(object, listing), "");
    uh_rows_str(rows, UH_COL(object, identity), id);
    uh_rows_str(rows, UH_COL(object, name), name ? name : id);
    uh_rows_str(rows, UH_COL(object, guid), guid_text);
    uh_rows_str(rows, UH_COL(object, json), text);
    result = uh_rows_end(rows, err);
    r->written++;
  }
  free(text);
  return result;
}

int uh_graph_on_object(void *user, const char *json, size_t n, struct uh_err *err) {
  struct uh_graph_reader *r = user;
  json_t *object = json_loadb(json, n, JSON_ALLOW_NUL, NULL);
  if (!json_is_object(object)) {
    json_decref(object);
    return uh_fail(err, UH_ERR_UNAVAILABLE, "an element of the answer is not JSON");
  }
  int result = 0;
  bool failed = list_filled(object, "onPremisesProvisioningErrors") || list_filled(object, "serviceProvisioningErrors");
  if (r->everything && !failed &&
      (!json_object_get(object, "onPremisesProvisioningErrors") ||
       !json_object_get(object, "serviceProvisioningErrors")))
    r->silent++;
  if (!r->only_failed || failed) result = uh_graph_hand_over(r, object, err);
  json_decref(object);
  return result;
}

/* Documented for signed-in people only: most applications may never read it. No check concludes from it, so a refusal
 * is told and makes nothing incomplete; a check that needs the set finds it not observed. */
static bool is_aside(const char *kind) {
  return strcmp(kind, "GraphDirectorySynchronization") == 0;
}

void uh_graph_report(struct uh_graph_reader *r, bool complete, bool any, enum uh_answer answer, const char *why) {
  if (!complete && answer == UH_REFUSED && is_aside(r->kind)) {
    uh_observe_notice(r->source->observe, "how the directory is synchronised is not shown: %s", why);
    return;
  }
  uh_observe_set(r->source->observe, SIDE, r->kind, "",
                 complete            ? "complete"
                 : any && r->written ? "partial"
                                     : "failed",
                 complete ? UH_VALUE : answer, r->written, "%s", why);
}

static void report_result(struct uh_graph_reader *r, const struct uh_graph_result *result) {
  if (result->complete && r->silent) {
    char text[100];
    (void)snprintf(text, sizeof text, "of %lld users Graph does not say whether they have errors",
                   (long long)r->silent);
    uh_observe_set(r->source->observe, SIDE, r->kind, "", "partial", UH_NOT_ASKED, r->written, "%s", text);
    return;
  }
  char why[900] = "";
  if (!result->complete)
    uh_print(why, sizeof why, "%s%s%s", result->err.what,
             result->cls == UH_GRAPH_REFUSED ? "; permission needed: " : "",
             result->cls == UH_GRAPH_REFUSED ? r->permission : "");
  uh_graph_report(r, result->complete, result->any, result->answer, why);
}

void uh_graph_on_done(void *user, const struct uh_graph_result *result) {
  struct uh_graph_reader *r = user;
  uh_graph_count(r);
  report_result(r, result);
}

static int list(struct uh_graph_reader *r, const char *path, bool eventual,
                void (*done)(void *user, const struct uh_graph_result *result), struct uh_err *err) {
  struct uh_graph_query q = {.path = path, .eventual = eventual, .user = r, .object = uh_graph_on_object, .done = done};
  return uh_graph_list(r->source->graph, &q, err);
}

enum uh_answer uh_graph_answer(enum uh_graph_class cls) {
  return cls == UH_GRAPH_REFUSED || cls == UH_GRAPH_TOKEN         ? UH_REFUSED
         : cls == UH_GRAPH_THROTTLED || cls == UH_GRAPH_TRANSIENT ? UH_TIMEOUT
                                                                  : UH_NOT_ASKED;
}

/* ---- provisioning errors ---- */

static void on_errors_done(void *user, const struct uh_graph_result *result) {
  struct uh_graph_reader *r = user;
  uh_graph_count(r);
  r->queries--;
  bool filter_refused =
      !result->complete && (result->cls == UH_GRAPH_UNSUPPORTED || result->cls == UH_GRAPH_NO_SEGMENT);
  if (filter_refused && r->filtered && !r->everything) {
    /* Some tenants' Graph does not filter on these: look at all users, in pages, and keep those with errors. */
    struct uh_err err = UH_ERR_INIT;
    r->everything = true;
    r->queries++;
    if (list(r, "users?" USER_SELECT, false, on_errors_done, &err) == 0) return;
    r->queries--;
  } else if (filter_refused && r->filtered && r->queries) {
    return; /* the look at all users speaks for this filter too */
  } else if (filter_refused && r->filtered && r->everything) {
    return;
  }
  report_result(r, result);
}

static int read_errors(struct uh_graph_reader *r, struct uh_err *err) {
  /* PropertyConflict is the only category there is. */
  static const char *const filters[] = {
      "users?$filter=onPremisesProvisioningErrors/any(e:e/category eq 'PropertyConflict')&$count=true&" USER_SELECT,
      "users?$filter=serviceProvisioningErrors/any(e:e/isResolved eq false)&$count=true&" USER_SELECT,
  };
  r->only_failed = r->filtered = true;
  for (size_t i = 0; i < 2; i++) {
    r->queries++;
    if (list(r, filters[i], true, on_errors_done, err) != 0) return -1;
  }
  return uh_graph_run(r->source->graph, err);
}

/* ---- the synchronisation engine, which v1.0 says nothing of ---- */

#define CLIENT "GraphSynchronizationClient"

/* It is a look on the side: that a tenant's beta does not show it makes nothing incomplete. */
static void on_client_done(void *user, const struct uh_graph_result *result) {
  struct uh_graph_reader *r = user;
  if (result->complete)
    uh_graph_on_done(r, result);
  else
    uh_observe_notice(r->source->observe, "which version synchronises the directory is not shown: %s",
                      result->err.what);
}

static int read_client(struct uh_graph_reader *r, struct uh_err *err) {
  struct uh_graph_query q = {.path = "directory/onPremisesSynchronization",
                             .beta = true,
                             .user = r,
                             .object = uh_graph_on_object,
                             .done = on_client_done};
  if (uh_graph_list(r->source->graph, &q, err) != 0) return -1;
  return uh_graph_run(r->source->graph, err);
}

/* ---- the small sets, in one request ---- */

static int take_values(struct uh_graph_reader *r, const json_t *body, struct uh_err *err) {
  size_t i;
  json_t *value;
  json_array_foreach(json_object_get(body, "value"), i, value) {
    const char *id = json_string_value(json_object_get(value, "id"));
    if (r->principal == NULL && strcmp(r->kind, "GraphServicePrincipal") == 0 && id) r->principal = strdup(id);
    if (strcmp(r->kind, "GraphServicePrincipal") == 0) continue; /* read by itself: only so its keys come */
    if (!json_is_object(value)) return uh_fail(err, UH_ERR_UNAVAILABLE, "an element of the answer is not an object");
    if (uh_graph_hand_over(r, value, err) != 0) return -1;
  }
  return 0;
}

/* 1: its set is settled or a further query is under way. */
static int take_item(struct uh_graph_reader *r, const struct uh_graph_item *item, struct uh_err *err) {
  char code[64], message[256], why[600];
  json_t *body = item->body ? json_loads(item->body, 0, NULL) : NULL;
  enum uh_graph_class cls =
      uh_graph_classify(item->status, item->body ? item->body : "", item->body ? strlen(item->body) : 0, code, message);
  int result = 0;
  if (item->status == 0) {
    uh_graph_report(r, false, false, UH_TIMEOUT, "it never came back from the batch");
  } else if (cls == UH_GRAPH_FINE && json_is_array(json_object_get(body, "value"))) {
    const char *link = json_string_value(json_object_get(body, "@odata.nextLink"));
    struct uh_err why_not = UH_ERR_INIT;
    if (take_values(r, body, &why_not) != 0) {
      if (why_not.cls != UH_ERR_UNAVAILABLE) {
        if (err) *err = why_not;
        result = -1;
      }
      uh_graph_report(r, false, true, UH_NOT_ASKED, why_not.what);
    } else if (link) {
      if (list(r, link, false, uh_graph_on_done, &why_not) != 0)
        uh_graph_report(r, false, true, UH_NOT_ASKED, why_not.what);
    } else if (strcmp(r->kind, "GraphServicePrincipal") != 0) {
      uh_graph_report(r, true, true, UH_VALUE, "");
    }
  } else {
    enum uh_answer answer = uh_graph_answer(cls);
    uh_print(why, sizeof why, "%s (HTTP %ld %s)%s%s", cls == UH_GRAPH_REFUSED ? "refused" : "the reading failed",
             item->status, code, cls == UH_GRAPH_REFUSED ? "; permission needed: " : "",
             cls == UH_GRAPH_REFUSED ? r->permission : "");
    uh_graph_report(r, false, false, answer, why);
  }
  json_decref(body);
  return result;
}

static int read_principal(struct uh_graph_reader *r, struct uh_err *err) {
  if (!r->principal) return 0;
  uint8_t guid[UH_GUID_SIZE];
  char path[240], id[UH_GUID_TEXT];
  if (!uh_guid_parse(r->principal, guid)) {
    uh_graph_report(r, false, false, UH_NOT_ASKED, "the service principal's id is no GUID");
    return 0;
  }
  (void)snprintf(
      path, sizeof path,
      "servicePrincipals/%s?$select=id,appId,displayName,accountEnabled,servicePrincipalNames,keyCredentials",
      uh_guid_text(guid, id));
  return list(r, path, false, uh_graph_on_done, err);
}

static int read_small(struct uh_graph_source *s, struct uh_graph_reader *readers, struct uh_err *err) {
  struct uh_graph_item items[READINGS] = {0};
  size_t wanted[READINGS], n = 0;
  for (size_t i = 0; i < READINGS; i++) {
    if (!uh_observe_wants(s->observe, SIDE, readings[i].kind)) continue;
    items[n] = (struct uh_graph_item){.path = readings[i].path};
    wanted[n++] = i;
  }
  int r = 0;
  struct uh_err why = UH_ERR_INIT;
  if (n && uh_graph_batch(s->graph, items, n, &why) != 0) {
    /* No token, or nobody there: nothing else would work. Otherwise one by one. */
    if (why.cls == UH_ERR_DENIED || why.cls == UH_ERR_CONFIG || why.cls == UH_ERR_INTERRUPTED ||
        uh_graph_down(s->graph)) {
      if (err) *err = why;
      r = -1;
    }
    for (size_t i = 0; r == 0 && i < n; i++)
      if (wanted[i] != PRINCIPAL) r = list(&readers[wanted[i]], readings[wanted[i]].path, false, uh_graph_on_done, err);
    if (r == 0 && uh_observe_wants(s->observe, SIDE, readings[PRINCIPAL].kind))
      r = list(&readers[PRINCIPAL],
               "servicePrincipals(appId='" EXCHANGE_ONLINE
               "')?$select=id,appId,displayName,accountEnabled,servicePrincipalNames,keyCredentials",
               false, uh_graph_on_done, err);
  } else {
    for (size_t i = 0; r == 0 && i < n; i++) r = take_item(&readers[wanted[i]], &items[i], err);
    struct uh_graph_reader *p = &readers[PRINCIPAL];
    if (r == 0 && p->principal) r = read_principal(p, err);
    for (size_t i = 0; r == 0 && i < n; i++)
      if (wanted[i] == PRINCIPAL && !p->principal && items[i].status == 200)
        uh_graph_report(p, true, true, UH_VALUE, "");
  }
  uh_graph_items_clear(items, n);
  return r == 0 ? uh_graph_run(s->graph, err) : r;
}

static int run(struct uh_graph_source *s, struct uh_err *err) {
  static const struct {
    const char *kind, *permission;
    int (*read)(struct uh_graph_reader *reader, struct uh_err *err);
  } others[] = {
      {"GraphProvisioningError", "User.Read.All", read_errors},
      {"GraphApplication", "Application.Read.All", uh_graph_applications},
      {"GraphProxyPrincipal", "Application.Read.All", uh_graph_proxy_principals},
      {"GraphSynchronizationJob", "Synchronization.Read.All", uh_graph_sync_jobs},
      {CLIENT, "OnPremDirectorySynchronization.Read.All", read_client},
      {"GraphProvisioningAgent", "Policy.Read.HybridAuthentication", uh_graph_sync_agents},
  };
  enum { OTHERS = sizeof others / sizeof *others, ALL = READINGS + OTHERS };
  struct uh_graph_reader readers[ALL] = {0};
  for (size_t i = 0; i < READINGS; i++)
    readers[i] = (struct uh_graph_reader){.source = s, .kind = readings[i].kind, .permission = readings[i].permission};
  for (size_t i = 0; i < OTHERS; i++)
    readers[READINGS + i] =
        (struct uh_graph_reader){.source = s, .kind = others[i].kind, .permission = others[i].permission};
  int r = read_small(s, readers, err);
  for (size_t i = 0; r == 0 && i < OTHERS; i++)
    if (uh_observe_wants(s->observe, SIDE, others[i].kind)) r = others[i].read(&readers[READINGS + i], err);
  for (size_t i = 0; i < ALL; i++) {
    uh_graph_count(&readers[i]);
    uh_seen_clear(&readers[i].seen);
    free(readers[i].principal);
  }
  return r;
}

static int observe(struct uh_observe *observe_run, struct uh_err *err) {
  struct uh_cloud_session session;
  if (uh_cloud_open(observe_run, &session, err) != 0) return -1;
  struct uh_graph_source s = {.observe = observe_run, .session = &session};
  struct uh_graph_options options = {
      .base = session.hosts.graph, .resource = session.graph_resource, .oauth = session.oauth, .http = session.http};
  int r = uh_graph_open(&options, &s.graph, err);
  if (r == 0) r = uh_rows_open(uh_observe_facts(observe_run), UH_T_object, &s.rows, err);
  if (r == 0) r = run(&s, err);
  if (uh_rows_close(s.rows, err) != 0) r = -1;
  uh_graph_free(s.graph);
  uh_cloud_close(&session);
  return r;
}

const struct uh_source uh_source_graph = {
    .id = "graph",
    .not_configured = uh_cloud_not_configured,
    .sets =
        "cloud:GraphOrganization cloud:GraphDomain cloud:GraphDirectorySynchronization cloud:GraphProvisioningError "
        "cloud:GraphServicePrincipal cloud:GraphApplication cloud:GraphProxyPrincipal cloud:GraphSynchronizationJob cloud:GraphProvisioningAgent "
        "cloud:" CLIENT,
    .after = "",
    .observe = observe,
};
