/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cloud Sync in Graph. A synchronisation job hangs at the service principal of a gallery application, and no list of
 * all jobs exists: the principals that were made from a template are listed, those of known Cloud Sync templates are
 * asked for their jobs, and the others only where none of these writes Exchange Online's attributes back. (The
 * templates are known from the field, not from a document, so that absence is concluded only after all were asked.)
 */
#include <strings.h>

#include <unhybrid/text.h>

#include "sources/graph_private.h"

#define PRINCIPALS_MAX 2000 /* gallery applications that are asked for jobs */
#define JOBS_MAX 500
#define MAPPINGS_MAX 1000
#define JOB_ID_MAX 200

struct principal {
  char id[UH_GUID_TEXT];
  char *name;
  bool known; /* of a Cloud Sync template */
};

struct sync {
  struct uh_graph_reader *reader;
  const struct uh_strings *templates, *applications;
  struct principal *principals;
  size_t n;
  json_t *jobs; /* array of what is going to be written */
  size_t matching;
  bool too_many;
  int64_t untold; /* principals of which Graph did not say from which template they were made */
  enum uh_answer answer;
  char why[900]; /* the first thing that is lacking, "" */
};

static void sync_clear(struct sync *s) {
  for (size_t i = 0; i < s->n; i++) free(s->principals[i].name);
  free(s->principals);
  json_decref(s->jobs);
}

static void lack(struct sync *s, enum uh_answer answer, const char *why) {
  if (s->why[0]) return;
  s->answer = answer;
  uh_print(s->why, sizeof s->why, "%s", why);
}

static bool begins_with_one(const struct uh_strings *list, const char *text) {
  for (unsigned i = 0; i < list->n; i++)
    if (strncasecmp(text, list->v[i], strlen(list->v[i])) == 0) return true;
  return false;
}

/* ---- service principals ---- */

static int add_principal(struct sync *s, const uint8_t id[UH_GUID_SIZE], const char *name, bool known,
                         struct uh_err *err) {
  if (s->n == PRINCIPALS_MAX) {
    s->too_many = true;
    return 0;
  }
  struct principal *more = realloc(s->principals, (s->n + 1) * sizeof *more);
  if (!more) return uh_fail_nomem(err);
  s->principals = more;
  struct principal *p = &more[s->n];
  *p = (struct principal){.name = strdup(name), .known = known};
  if (!p->name) return uh_fail_nomem(err);
  (void)uh_guid_text(id, p->id);
  s->n++;
  return 0;
}

static int on_principal(void *user, const char *json, size_t n, struct uh_err *err) {
  struct sync *s = user;
  json_t *object = json_loadb(json, n, JSON_ALLOW_NUL, NULL);
  const json_t *made_from = json_object_get(object, "applicationTemplateId");
  const char *id = json_string_value(json_object_get(object, "id"));
  const char *name = json_string_value(json_object_get(object, "displayName"));
  const char *template = json_string_value(made_from);
  uint8_t guid[UH_GUID_SIZE];
  int r = 0;
  if (!made_from)
    s->untold++;
  else if (template && id && uh_guid_parse(id, guid))
    r = add_principal(s, guid, name ? name : id, begins_with_one(s->applications, template), err);
  json_decref(object);
  return r;
}

static void on_listed(void *user, const struct uh_graph_result *result) {
  struct sync *s = user;
  if (result->complete) return;
  char why[700];
  uh_print(why, sizeof why, "the service principals could not be listed: %s%s", result->err.what,
           result->cls == UH_GRAPH_REFUSED ? "; permission needed: Application.Read.All" : "");
  lack(s, result->answer, why);
}

/* ---- jobs ---- */

/* Into Active Directory, whoever made the template: what is not known by name is told of rather than passed over. */
static bool into_directory(const char *template) {
  return strncasecmp(template, "AAD2AD", 6) == 0 || strncasecmp(template, "Entra2AD", 8) == 0;
}

static int take_job(struct sync *s, const struct principal *p, json_t *job, struct uh_err *err) {
  const char *template = json_string_value(json_object_get(job, "templateId"));
  bool matching = template && begins_with_one(s->templates, template);
  if (!p->known && !matching && !(template && into_directory(template))) return 0; /* provisions something else */
  if (json_array_size(s->jobs) == JOBS_MAX) {
    lack(s, UH_NOT_ASKED, "there are more synchronisation jobs than this program takes");
    return 0;
  }
  if (json_object_set_new(job, "servicePrincipal", json_string(p->name)) != 0 ||
      json_object_set_new(job, "servicePrincipalId", json_string(p->id)) != 0 || json_array_append(s->jobs, job) != 0)
    return uh_fail_nomem(err);
  s->matching += matching;
  return 0;
}

static int take_jobs(struct sync *s, const struct principal *p, const struct uh_graph_item *item, struct uh_err *err) {
  char code[64], message[256], why[700];
  const char *body = item->body ? item->body : "";
  enum uh_graph_class cls = uh_graph_classify(item->status, body, strlen(body), code, message);
  if (item->status == 0) {
    lack(s, UH_TIMEOUT, "the answer about a service principal's jobs never came back from the batch");
    return 0;
  }
  bool none = cls == UH_GRAPH_NOT_FOUND || cls == UH_GRAPH_UNSUPPORTED || cls == UH_GRAPH_NO_SEGMENT;
  if (none && !p->known) return 0; /* an application that nothing is provisioned to or from */
  json_t *answer = cls == UH_GRAPH_FINE ? json_loads(body, 0, NULL) : NULL;
  json_t *jobs = json_object_get(answer, "value"), *job;
  size_t i;
  int r = 0;
  if (!json_is_array(jobs)) {
    uh_print(why, sizeof why, "the jobs of a service principal %s (HTTP %ld %s)%s%s",
             cls == UH_GRAPH_REFUSED ? "were refused" : "could not be read", item->status, code,
             cls == UH_GRAPH_REFUSED ? "; permission needed: " : "",
             cls == UH_GRAPH_REFUSED ? s->reader->permission : "");
    lack(s, uh_graph_answer(cls), why);
  } else if (json_object_get(answer, "@odata.nextLink")) {
    lack(s, UH_NOT_ASKED, "a service principal has more jobs than one page holds");
  }
  json_array_foreach(jobs, i, job) {
    if (r == 0 && json_is_object(job)) r = take_job(s, p, job, err);
  }
  json_decref(answer);
  return r;
}

/* Nothing further can be asked after this; whatever else failed is one set's matter. */
static bool is_the_end(struct sync *s, const struct uh_err *why) {
  return why->cls == UH_ERR_INTERRUPTED || uh_graph_down(s->reader->source->graph);
}

static int fetch(struct sync *s, struct uh_graph_item *items, size_t n, bool *ret_answered, struct uh_err *err) {
  struct uh_err why = UH_ERR_INIT;
  *ret_answered = uh_graph_batch(s->reader->source->graph, items, n, &why) == 0;
  if (*ret_answered) return 0;
  lack(s, why.answer, why.what);
  if (!is_the_end(s, &why)) return 0;
  if (err) *err = why;
  return -1;
}

static int ask_principals(struct sync *s, bool known, struct uh_err *err) {
  int r = 0;
  for (size_t at = 0; r == 0 && at < s->n;) {
    struct uh_graph_item items[UH_GRAPH_BATCH_MAX] = {0};
    const struct principal *asked[UH_GRAPH_BATCH_MAX];
    char paths[UH_GRAPH_BATCH_MAX][80];
    size_t n = 0;
    bool answered = false;
    for (; at < s->n && n < UH_GRAPH_BATCH_MAX; at++) {
      if (s->principals[at].known != known) continue;
      asked[n] = &s->principals[at];
      (void)snprintf(paths[n], sizeof *paths, "/servicePrincipals/%s/synchronization/jobs", asked[n]->id);
      items[n].path = paths[n];
      n++;
    }
    if (n == 0) break;
    r = fetch(s, items, n, &answered, err);
    for (size_t i = 0; r == 0 && answered && i < n; i++) r = take_jobs(s, asked[i], &items[i], err);
    uh_graph_items_clear(items, n);
  }
  return r;
}

/* ---- attribute mappings ---- */

/* "target: source" of each mapping of every rule; NULL without memory. */
static json_t *mappings_of(const json_t *schema) {
  json_t *out = json_array();
  size_t i, k, m;
  json_t *rule, *object, *mapping;
  json_array_foreach(json_object_get(schema, "synchronizationRules"), i, rule) {
    json_array_foreach(json_object_get(rule, "objectMappings"), k, object) {
      if (json_is_false(json_object_get(object, "enabled"))) continue;
      json_array_foreach(json_object_get(object, "attributeMappings"), m, mapping) {
        const char *target = json_string_value(json_object_get(mapping, "targetAttributeName"));
        const json_t *source = json_object_get(mapping, "source");
        const char *expression = json_string_value(json_object_get(source, "expression"));
        if (!expression) expression = json_string_value(json_object_get(source, "name"));
        if (target && json_array_size(out) < MAPPINGS_MAX)
          (void)json_array_append_new(out, json_sprintf("%s: %s", target, expression ? expression : ""));
      }
    }
  }
  return out;
}

static bool job_path(const json_t *job, char *out, size_t size) {
  const char *id = json_string_value(json_object_get(job, "id"));
  static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  if (!id || !*id || strlen(id) > JOB_ID_MAX || strspn(id, safe) != strlen(id)) return false;
  (void)snprintf(out, size, "/servicePrincipals/%s/synchronization/jobs/%s/schema",
                 json_string_value(json_object_get(job, "servicePrincipalId")), id);
  return true;
}

/* One by one: there is one such job, or two. A schema that is not told leaves the property out. */
static int ask_mappings(struct sync *s, struct uh_err *err) {
  size_t i;
  json_t *job;
  int r = 0;
  json_array_foreach(s->jobs, i, job) {
    const char *template = json_string_value(json_object_get(job, "templateId"));
    char path[JOB_ID_MAX + 120];
    bool answered = false;
    if (r != 0 || !template || !begins_with_one(s->templates, template) || !job_path(job, path, sizeof path)) continue;
    struct uh_graph_item item = {.path = path};
    r = fetch(s, &item, 1, &answered, err);
    json_t *schema = answered && item.status == 200 && item.body ? json_loads(item.body, 0, NULL) : NULL;
    if (json_is_array(json_object_get(schema, "synchronizationRules")))
      (void)json_object_set_new(job, "attributeMappings", mappings_of(schema));
    json_decref(schema);
    uh_graph_items_clear(&item, 1);
  }
  return r;
}

/* ---- the sets ---- */

static int write_jobs(struct sync *s, struct uh_err *err) {
  size_t i;
  json_t *job;
  json_array_foreach(s->jobs, i, job) {
    if (uh_graph_hand_over(s->reader, job, err) != 0) return -1;
  }
  return 0;
}

int uh_graph_sync_jobs(struct uh_graph_reader *reader, struct uh_err *err) {
  const struct uh_config *config = uh_observe_config(reader->source->observe);
  struct uh_graph *graph = reader->source->graph;
  struct sync s UH_CLEANUP(sync_clear) = {.reader = reader,
                                          .templates = uh_writeback_templates(config),
                                          .applications = uh_writeback_application_templates(config),
                                          .jobs = json_array()};
  struct uh_graph_query q = {.path = "servicePrincipals?$select=id,displayName,applicationTemplateId&$top=999",
                             .user = &s,
                             .object = on_principal,
                             .done = on_listed};
  if (!s.jobs) return uh_fail_nomem(err);
  int r = uh_graph_list(graph, &q, err);
  if (r == 0) r = uh_graph_run(graph, err);
  if (r == 0) r = ask_principals(&s, true, err);
  if (r == 0 && !s.matching) r = ask_principals(&s, false, err);
  if (r == 0 && !s.matching && s.too_many)
    lack(&s, UH_NOT_ASKED, "there are more gallery applications than are asked for jobs");
  if (r == 0 && s.untold)
    lack(&s, UH_NOT_ASKED, "Graph does not say from which template the service principals were made");
  if (r == 0) r = ask_mappings(&s, err);
  if (r == 0) r = write_jobs(&s, err);
  uh_graph_count(reader);
  if (r == 0) uh_graph_report(reader, !s.why[0], true, s.answer, s.why);
  return r;
}

int uh_graph_sync_agents(struct uh_graph_reader *reader, struct uh_err *err) {
  struct uh_graph_source *s = reader->source;
  /* Graph knows this permission for signed-in people only: an application would ask in vain, every time. */
  if (!uh_observe_config(s->observe)->credentials->device_code) {
    uh_observe_set(s->observe, UH_GRAPH_SIDE, reader->kind, "", "not-configured", UH_NOT_ASKED, 0,
                   "Graph shows provisioning agents to signed-in people only (credentials.device_code)");
    return 0;
  }
  struct uh_graph_query q = {.path = "onPremisesPublishingProfiles/provisioning/agents",
                             .user = reader,
                             .object = uh_graph_on_object,
                             .done = uh_graph_on_done};
  int r = uh_graph_list(s->graph, &q, err);
  return r == 0 ? uh_graph_run(s->graph, err) : r;
}
