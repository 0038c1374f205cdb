/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_GRAPH_PRIVATE_H
#define UH_GRAPH_PRIVATE_H
/* Inside the Graph source: what its files share. */
#include "wire/graph.h"

#include <jansson.h>

#include "sources/cloud.h"
#include "sources/source.h"

#define UH_GRAPH_SIDE "cloud"

struct uh_graph_source {
  struct uh_observe *observe;
  struct uh_graph *graph;
  const struct uh_cloud_session *session;
  struct uh_rows *rows;
  int64_t requests;
};

/* What one set has got so far. */
struct uh_graph_reader {
  struct uh_graph_source *source;
  const char *kind, *permission;
  struct uh_seen seen;
  int64_t written, told;
  unsigned queries;          /* not done yet */
  bool filtered, everything; /* provisioning errors: by filter, or all users looked at here */
  bool only_failed;
  int64_t silent; /* users of whom Graph did not say whether they have errors */
  char *principal;
};

void uh_graph_count(struct uh_graph_reader *reader);
int uh_graph_hand_over(struct uh_graph_reader *reader, json_t *object, struct uh_err *err);
/* How the set is. any: something of it was seen. */
void uh_graph_report(struct uh_graph_reader *reader, bool complete, bool any, enum uh_answer answer, const char *why);
/* For a query's done(): reports the set by the result, then frees nothing. user is the reader. */
void uh_graph_on_done(void *user, const struct uh_graph_result *result);
int uh_graph_on_object(void *user, const char *json, size_t n, struct uh_err *err);
enum uh_answer uh_graph_answer(enum uh_graph_class cls);

/* Cloud Sync's jobs and its agents. */
int uh_graph_sync_jobs(struct uh_graph_reader *reader, struct uh_err *err);
int uh_graph_sync_agents(struct uh_graph_reader *reader, struct uh_err *err);
/* Applications that Exchange servers call themselves by, or that stand behind Application Proxy; the latter's
 * principals. */
int uh_graph_applications(struct uh_graph_reader *reader, struct uh_err *err);
int uh_graph_proxy_principals(struct uh_graph_reader *reader, struct uh_err *err);
#endif
