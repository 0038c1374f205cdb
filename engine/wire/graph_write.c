/* SPDX-License-Identifier: Apache-2.0 */
/* One request that changes an object of Graph. */
#include <unhybrid/text.h>

#include "wire/graph_client.h"
#include "wire/http_write.h"

struct writing {
  struct uh_graph *graph;
  unsigned token_serial;
  bool token_renewed;
};

static int prepare(void *user, struct uh_str *lines, struct uh_err *err) {
  struct writing *w = user;
  int r = uh_oauth_authorize(w->graph->options.oauth, w->graph->resource, lines, err);
  w->token_serial = uh_oauth_serial(w->graph->options.oauth, w->graph->resource);
  return r;
}

/* Graph throttles before it looks at a request. */
static enum uh_http_verdict proves(void *user, const struct uh_http_reply *reply, const struct uh_str *body) {
  struct writing *w = user;
  (void)body;
  if (uh_http_is_challenge(reply) && !w->token_renewed) {
    w->token_renewed = true;
    uh_oauth_drop(w->graph->options.oauth, w->graph->resource, w->token_serial);
    return UH_HTTP_AT_ONCE;
  }
  return reply->status == 429 ? UH_HTTP_THROTTLED : UH_HTTP_ACCEPT;
}

static enum uh_graph_write_outcome outcome_of(long status) {
  if (status == 200 || status == 201 || status == 204) return UH_GRAPH_WRITE_DONE;
  bool no = status >= 400 && status < 500 && status != 408 && status != 424;
  return no ? UH_GRAPH_WRITE_FAILED : UH_GRAPH_WRITE_UNKNOWN;
}

static int explain(const struct uh_graph_request *q, const struct uh_graph_written *to, struct uh_err *err) {
  bool denied = to->cls == UH_GRAPH_REFUSED || to->cls == UH_GRAPH_TOKEN;
  const char *what = to->outcome == UH_GRAPH_WRITE_UNKNOWN ? "what became of it is not known"
                     : denied                              ? "was refused"
                     : to->status == 412                   ? "somebody else has changed the object meanwhile"
                                                           : "failed";
  (void)uh_fail(err, denied ? UH_ERR_DENIED : UH_ERR_UNAVAILABLE, "%s %.*s: %s (HTTP %ld %s)%s%.*s", q->method,
                UH_HEAD(q->path, 100), what, to->status, to->code, to->message[0] ? ": " : "",
                UH_HEAD(to->message, 150));
  if (err && !err->request_id[0]) (void)snprintf(err->request_id, sizeof err->request_id, "%s", to->request_id);
  return -1;
}

static void take_reply(const struct uh_http_reply *reply, const struct uh_str *body, bool undone,
                       struct uh_graph_written *to) {
  const char *id = uh_http_header(reply, "request-id");
  to->status = reply->status;
  to->cls = uh_graph_classify(reply->status, body->s ? body->s : "", body->len, to->code, to->message);
  to->outcome = undone ? UH_GRAPH_WRITE_NOT_SENT : outcome_of(reply->status);
  (void)snprintf(to->request_id, sizeof to->request_id, "%.*s", UH_HEAD(id ? id : reply->client_request_id, 60));
}

int uh_graph_write(struct uh_graph *graph, const struct uh_graph_request *q, struct uh_graph_written *ret_written,
                   struct uh_err *err) {
  struct writing w = {.graph = graph};
  struct uh_http_reply reply UH_CLEANUP(uh_http_reply_clear) = {.err = UH_ERR_INIT};
  struct uh_str answer UH_CLEANUP(uh_str_clear) = {0}, url UH_CLEANUP(uh_str_clear) = {0},
                       match UH_CLEANUP(uh_str_clear) = {0};
  bool undone = false;
  *ret_written = (struct uh_graph_written){0};
  uh_str_addf(&url, "%s/v1.0/%s", graph->base, q->path);
  uh_str_addf(&match, "If-Match: %s", q->if_match ? q->if_match : "");
  if (!uh_str_text(&url) || !uh_str_text(&match)) return uh_fail_nomem(err);
  const char *const headers[] = {"Content-Type: application/json", "Accept: application/json", "Accept-Language: en-US",
                                 q->if_match ? match.s : NULL, NULL};
  struct uh_http_change change = {.request = {.method = q->method,
                                              .url = url.s,
                                              .headers = headers,
                                              .body = q->body,
                                              .body_size = q->body ? strlen(q->body) : 0,
                                              .max_body = UH_GRAPH_WRITE_BODY_MAX,
                                              .user = &w,
                                              .prepare = prepare},
                                  .options = &graph->options.http,
                                  .proves = proves,
                                  .user = &w};
  int r = uh_http_write(graph->http, &change, &reply, &answer, &undone, err);
  ret_written->attempts = reply.attempts;
  if (r == 0 || undone) take_reply(&reply, &answer, undone, ret_written);
  if (r != 0) {
    bool unsent = undone || (reply.failure != UH_HTTP_FINE && !reply.outcome_unknown);
    ret_written->outcome = unsent ? UH_GRAPH_WRITE_NOT_SENT : UH_GRAPH_WRITE_UNKNOWN;
    return -1;
  }
  return ret_written->outcome == UH_GRAPH_WRITE_DONE ? 0 : explain(q, ret_written, err);
}
