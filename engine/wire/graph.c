/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/graph.h"

#include <jansson.h>
#include <strings.h>

#include <unhybrid/text.h>

#include "wire/graph_client.h"
#include "wire/json_stream.h"

#define ERROR_BODY_MAX ((size_t)1024 * 1024)
#define BATCH_BODY_MAX ((size_t)64 * 1024 * 1024)

struct listing {
  struct uh_graph *graph;
  struct uh_graph_query call;
  char *url, *path;
  uint64_t *links;
  size_t n_links;
  unsigned empty_pages;
  bool token_renewed, beta, over;
  unsigned token_serial;
  struct uh_json_stream *stream;
  struct uh_str error_body;
  struct uh_graph_result result;
};

static void ask(struct listing *l);

static void show(char *out, size_t size, const char *text) {
  struct uh_str shown UH_CLEANUP(uh_str_clear) = {0};
  if (text) uh_terminal_text(&shown, text, strnlen(text, size - 1));
  (void)snprintf(out, size, "%s", uh_str_or(&shown, ""));
}

enum uh_graph_class uh_graph_classify(long status, const char *body, size_t n, char ret_code[64],
                                      char ret_message[256]) {
  json_t *j = n ? json_loadb(body, n, JSON_ALLOW_NUL, NULL) : NULL;
  const json_t *error = json_object_get(j, "error");
  const char *code = json_string_value(json_object_get(error, "code"));
  const char *message = json_string_value(json_object_get(error, "message"));
  show(ret_code, 64, code);
  show(ret_message, 256, message);
  enum uh_graph_class cls = UH_GRAPH_FAILED;
  if (status >= 200 && status < 300)
    cls = UH_GRAPH_FINE;
  else if (status == 401)
    cls = UH_GRAPH_TOKEN;
  else if (status == 403)
    cls = UH_GRAPH_REFUSED;
  else if (status == 429)
    cls = UH_GRAPH_THROTTLED;
  else if (status == 408 || status == 409 || status >= 500)
    cls = UH_GRAPH_TRANSIENT;
  else if ((status == 400 || status == 404) && message && strstr(message, "Resource not found for the segment"))
    cls = UH_GRAPH_NO_SEGMENT; /* the code is plain BadRequest: only this invariant text tells */
  else if (status == 404)
    cls = UH_GRAPH_NOT_FOUND;
  else if (status == 400 && code &&
           (strcmp(code, "Request_UnsupportedQuery") == 0 || strcmp(code, "Request_BadRequest") == 0 ||
            strcmp(code, "BadRequest") == 0))
    cls = UH_GRAPH_UNSUPPORTED;
  json_decref(j);
  return cls;
}

int uh_graph_open(const struct uh_graph_options *options, struct uh_graph **ret_graph, struct uh_err *err) {
  struct uh_graph *g = calloc(1, sizeof *g);
  if (!g) return uh_fail_nomem(err);
  g->options = *options;
  g->resource = strdup(options->resource);
  g->fatal_err = UH_ERR_INIT;
  int r = g->resource ? 0 : uh_fail_nomem(err);
  if (r == 0 && (!uh_http_origin(options->base, g->base) || strncmp(g->base, "https:", 6) != 0))
    r = uh_fail(err, UH_ERR_CONFIG, "the Graph endpoint is no https address");
  if (r == 0) r = uh_http_open(&options->http, &g->http, err);
  if (r != 0) {
    uh_graph_free(g);
    return -1;
  }
  *ret_graph = g;
  return 0;
}

struct uh_graph *uh_graph_free(struct uh_graph *g) {
  if (!g) return NULL;
  uh_http_free(g->http);
  free(g->resource);
  free(g);
  return NULL;
}
void uh_graph_freep(struct uh_graph **graph) {
  *graph = uh_graph_free(*graph);
}
bool uh_graph_down(const struct uh_graph *g) {
  return g->silent || uh_http_down(g->http, NULL);
}
int64_t uh_graph_requests(const struct uh_graph *g) {
  return uh_http_requests(g->http);
}

static void listing_free(struct listing *l) {
  free(l->url);
  free(l->path);
  free(l->links);
  uh_json_stream_free(l->stream);
  uh_str_clear(&l->error_body);
  free(l);
}

static void finish(struct listing *l, enum uh_answer answer, const struct uh_err *err) {
  l->result.complete = err == NULL;
  l->result.answer = err ? (answer == UH_VALUE || answer == UH_NONE ? UH_NOT_ASKED : answer) : UH_VALUE;
  if (err) l->result.err = *err;
  l->result.err.answer = l->result.answer;
  l->call.done(l->call.user, &l->result);
  listing_free(l);
}

static int prepare(void *user, struct uh_str *lines, struct uh_err *err) {
  struct listing *l = user;
  struct uh_graph *g = l->graph;
  int r = uh_oauth_authorize(g->options.oauth, g->resource, lines, err);
  l->token_serial = uh_oauth_serial(g->options.oauth, g->resource);
  return r;
}

static void begin(void *user, const struct uh_http_reply *reply) {
  struct listing *l = user;
  (void)reply;
  uh_json_stream_reset(l->stream);
  uh_str_reset(&l->error_body);
}

static int chunk(void *user, const struct uh_http_reply *reply, const char *data, size_t n, struct uh_err *err) {
  struct listing *l = user;
  if (reply->status == 200) return uh_json_stream_push(l->stream, data, n, err);
  if (l->error_body.len + n <= ERROR_BODY_MAX) uh_str_addn(&l->error_body, data, n);
  return 0;
}

static int object(void *user, const char *json, size_t n, struct uh_err *err) {
  struct listing *l = user;
  struct uh_err why = UH_ERR_INIT;
  l->result.any = true;
  l->empty_pages = 0;
  if (l->graph->fatal) return -1;
  if (l->call.object(l->call.user, json, n, &why) == 0) return 0;
  if (why.cls != UH_ERR_UNAVAILABLE) {
    l->graph->fatal = true;
    l->graph->fatal_err = why;
  }
  return uh_fail(err, UH_ERR_UNAVAILABLE, "%s", why.what);
}

static enum uh_graph_class classify(struct listing *l, long status, char code[64], char message[256]) {
  return uh_graph_classify(status, l->error_body.s ? l->error_body.s : "", l->error_body.len, code, message);
}

static enum uh_http_verdict judge(void *user, const struct uh_http_reply *reply) {
  struct listing *l = user;
  char code[64], message[256];
  if (l->graph->fatal) return UH_HTTP_ACCEPT;
  if (reply->failure != UH_HTTP_FINE) return uh_http_judge(reply);
  if (reply->status == 200) return uh_json_stream_end(l->stream, NULL) == 0 ? UH_HTTP_ACCEPT : UH_HTTP_AGAIN;
  switch (classify(l, reply->status, code, message)) {
    case UH_GRAPH_THROTTLED: return UH_HTTP_THROTTLED;
    case UH_GRAPH_TRANSIENT: return uh_http_header(reply, "Retry-After") ? UH_HTTP_THROTTLED : UH_HTTP_AGAIN;
    case UH_GRAPH_TOKEN:
      /* Once; a token that another listing has replaced meanwhile does not count. */
      if (l->token_renewed && uh_oauth_serial(l->graph->options.oauth, l->graph->resource) == l->token_serial)
        return UH_HTTP_ACCEPT;
      l->token_renewed =
          l->token_renewed || uh_oauth_serial(l->graph->options.oauth, l->graph->resource) == l->token_serial;
      uh_oauth_drop(l->graph->options.oauth, l->graph->resource, l->token_serial);
      return UH_HTTP_AT_ONCE;
    default: return UH_HTTP_ACCEPT;
  }
}

static uint64_t hash_of(const char *s) {
  uint64_t h = 1469598103934665603u;
  for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
  return h;
}

/* The next page of the same service, never seen before. */
static bool follow(struct listing *l, const char *link) {
  char to[UH_HTTP_ORIGIN_MAX];
  if (!uh_http_origin(link, to) || strcmp(to, l->graph->base) != 0 || l->n_links >= UH_GRAPH_PAGES_MAX) return false;
  if (l->empty_pages++ >= UH_GRAPH_EMPTY_MAX) return false;
  uint64_t h = hash_of(link);
  for (size_t i = 0; i < l->n_links; i++)
    if (l->links[i] == h) return false;
  uint64_t *grown = realloc(l->links, (l->n_links + 1) * sizeof *grown);
  char *copy = strdup(link);
  if (grown) l->links = grown;
  if (!grown || !copy) {
    free(copy);
    return false;
  }
  l->links[l->n_links++] = h;
  free(l->url);
  l->url = copy;
  return true;
}

static void page_came(struct listing *l) {
  l->result.pages++;
  l->result.any = true;
  struct uh_err err = UH_ERR_INIT;
  if (!uh_json_stream_listed(l->stream)) { /* a single object */
    struct uh_str whole UH_CLEANUP(uh_str_clear) = {0};
    uh_json_stream_rest(l->stream, &whole);
    int r = uh_str_text(&whole) ? object(l, whole.s, whole.len, &err) : uh_fail_nomem(&err);
    finish(l, UH_NOT_ASKED, r == 0 ? NULL : &err);
    return;
  }
  const char *raw = uh_json_stream_member(l->stream, "@odata.nextLink");
  if (!raw || strcmp(raw, "null") == 0) {
    finish(l, UH_VALUE, NULL);
    return;
  }
  struct uh_str link UH_CLEANUP(uh_str_clear) = {0};
  if (uh_json_stream_string(l->stream, "@odata.nextLink", &link) && follow(l, link.s)) {
    ask(l);
    return;
  }
  (void)uh_fail(&err, UH_ERR_UNAVAILABLE, "%.*s: the next page's link cannot be followed", UH_HEAD(l->path, 100));
  finish(l, UH_NOT_ASKED, &err);
}

static void refused(struct listing *l, const struct uh_http_reply *reply) {
  char code[64], message[256];
  struct uh_err err = UH_ERR_INIT;
  enum uh_answer answer = UH_NOT_ASKED;
  enum uh_graph_class cls = classify(l, reply->status, code, message);
  l->result.cls = cls;
  char *version = strstr(l->url, "/v1.0/");
  if (cls == UH_GRAPH_NO_SEGMENT && version && !l->beta) {
    struct uh_str url = {0};
    l->beta = true;
    uh_str_addn(&url, l->url, (size_t)(version - l->url));
    uh_str_addf(&url, "/beta/%s", version + 6);
    char *text = uh_str_take(&url);
    if (text) {
      free(l->url);
      l->url = text;
      ask(l);
      return;
    }
  }
  if (cls == UH_GRAPH_REFUSED || cls == UH_GRAPH_TOKEN) {
    answer = UH_REFUSED;
    (void)uh_fail(&err, UH_ERR_DENIED, "%.*s was refused (HTTP %ld %s)", UH_HEAD(l->path, 80), reply->status, code);
    uh_err_remedy(&err, "%s",
                  cls == UH_GRAPH_TOKEN ? "check the credentials" : "grant the app the permission and consent to it");
  } else {
    if (cls == UH_GRAPH_THROTTLED || cls == UH_GRAPH_TRANSIENT) answer = UH_TIMEOUT;
    (void)uh_fail(&err, UH_ERR_UNAVAILABLE, "%.*s failed (HTTP %ld %s)%s%.*s", UH_HEAD(l->path, 80), reply->status,
                  code, message[0] ? ": " : "", UH_HEAD(message, 150));
  }
  const char *id = uh_http_header(reply, "request-id");
  (void)snprintf(err.request_id, sizeof err.request_id, "%.*s", UH_HEAD(id ? id : reply->client_request_id, 60));
  finish(l, answer, &err);
}

static void done(void *user, const struct uh_http_reply *reply) {
  struct listing *l = user;
  struct uh_err why = UH_ERR_INIT;
  if (l->graph->fatal) {
    finish(l, UH_NOT_ASKED, &l->graph->fatal_err);
  } else if (reply->failure != UH_HTTP_FINE) {
    finish(l, reply->failure == UH_HTTP_NOT_SENT ? reply->err.answer : UH_TIMEOUT, &reply->err);
  } else if (reply->status != 200) {
    refused(l, reply);
  } else if (uh_json_stream_end(l->stream, &why) != 0) {
    uh_err_where(&why, "%s", l->path);
    finish(l, UH_TIMEOUT, &why);
  } else {
    page_came(l);
  }
}

static void ask(struct listing *l) {
  struct uh_err err = UH_ERR_INIT;
  l->token_renewed = false;
  const char *const headers[] = {"Accept: application/json", "Accept-Language: en-US",
                                 l->call.eventual ? "ConsistencyLevel: eventual" : NULL, NULL};
  struct uh_http_request q = {.intent = UH_HTTP_READ,
                              .method = "GET",
                              .url = l->url,
                              .headers = headers,
                              .user = l,
                              .prepare = prepare,
                              .begin = begin,
                              .body_chunk = chunk,
                              .judge = judge,
                              .done = done};
  if (uh_http_start(l->graph->http, &q, &err) != 0) finish(l, UH_NOT_ASKED, &err);
}

/* Spaces and quotes of a filter are escaped; what structures the query stays. */
static void add_path(struct uh_str *url, const char *path) {
  for (const char *p = path; *p; p++) {
    if (*p == ' ')
      uh_str_add(url, "%20");
    else if ((unsigned char)*p < 0x21 || (unsigned char)*p > 0x7e || *p == '"' || *p == '<' || *p == '>')
      uh_str_addf(url, "%%%02X", (unsigned char)*p);
    else
      uh_str_addc(url, *p);
  }
}

int uh_graph_list(struct uh_graph *g, const struct uh_graph_query *q, struct uh_err *err) {
  struct listing *l = calloc(1, sizeof *l);
  if (!l) return uh_fail_nomem(err);
  l->graph = g;
  l->call = *q;
  l->result = (struct uh_graph_result){.err = UH_ERR_INIT};
  struct uh_str url = {0};
  bool link = strncmp(q->path, "https://", 8) == 0;
  if (!link) uh_str_addf(&url, "%s/%s/", g->base, q->beta ? "beta" : "v1.0");
  if (link)
    uh_str_add(&url, q->path);
  else
    add_path(&url, *q->path == '/' ? q->path + 1 : q->path);
  l->url = uh_str_take(&url);
  l->path = strdup(link ? "the next page" : q->path);
  char origin[UH_HTTP_ORIGIN_MAX];
  int r = l->url && l->path ? uh_json_stream_open(object, l, &l->stream, err) : uh_fail_nomem(err);
  if (r == 0 && link && (!uh_http_origin(l->url, origin) || strcmp(origin, g->base) != 0))
    r = uh_fail(err, UH_ERR_UNAVAILABLE, "the next page's link leads to another host");
  if (r != 0) {
    listing_free(l);
    return -1;
  }
  ask(l);
  return 0;
}

int uh_graph_run(struct uh_graph *g, struct uh_err *err) {
  if (uh_http_run(g->http, err) != 0) return -1;
  if (!g->fatal) return 0;
  if (err && err->cls == UH_ERR_NONE) *err = g->fatal_err;
  return -1;
}

/* ---- $batch ---- */

struct batch {
  struct uh_graph *graph;
  bool renewed;
  unsigned serial;
};

static int batch_prepare(void *user, struct uh_str *lines, struct uh_err *err) {
  struct batch *b = user;
  int r = uh_oauth_authorize(b->graph->options.oauth, b->graph->resource, lines, err);
  b->serial = uh_oauth_serial(b->graph->options.oauth, b->graph->resource);
  return r;
}

static enum uh_http_verdict batch_judge(void *user, const struct uh_http_reply *reply) {
  struct batch *b = user;
  if (reply->failure == UH_HTTP_SLOW) return UH_HTTP_ACCEPT;
  if (reply->failure != UH_HTTP_FINE || reply->status != 401 || b->renewed) return uh_http_judge(reply);
  b->renewed = true;
  uh_oauth_drop(b->graph->options.oauth, b->graph->resource, b->serial);
  return UH_HTTP_AT_ONCE;
}

static bool again(long status) {
  return status == 429 || status == 424 || status == 503 || status == 504 || status == 500;
}

static void take_response(struct uh_graph_item *items, size_t n, const json_t *response, int64_t *wait) {
  const char *id = json_string_value(json_object_get(response, "id"));
  const json_t *status = json_object_get(response, "status");
  char *end = NULL;
  unsigned long i = id ? strtoul(id, &end, 10) : 0;
  if (!id || *end || i < 1 || i > n || !json_is_integer(status)) return; /* nothing that we asked for */
  struct uh_graph_item *item = &items[i - 1];
  if (item->status && !again(item->status)) return; /* the first answer counts */
  item->status = (long)json_integer_value(status);
  free(item->body);
  const json_t *body = json_object_get(response, "body");
  item->body = body ? json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  if (!again(item->status)) return;
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)json_object_get(response, "headers"), name, value) {
    int64_t ms;
    if (strcasecmp(name, "Retry-After") == 0 && json_is_string(value) &&
        uh_http_retry_after(json_string_value(value), (int64_t)time(NULL), &ms) && ms > *wait)
      *wait = ms;
  }
}

/* One send of the items that have no final answer. 1: all have one now. */
static int batch_round(struct uh_graph *g, struct uh_graph_item *items, size_t n, int64_t *ret_wait,
                       struct uh_err *err) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0}, answer UH_CLEANUP(uh_str_clear) = {0};
  struct uh_http_reply reply UH_CLEANUP(uh_http_reply_clear) = {.err = UH_ERR_INIT};
  size_t asked = 0;
  uh_str_add(&body, "{\"requests\":[");
  for (size_t i = 0; i < n; i++) {
    if (items[i].status && !again(items[i].status)) continue;
    struct uh_str path UH_CLEANUP(uh_str_clear) = {0};
    add_path(&path, items[i].path);
    uh_str_addf(&body, "%s{\"id\":\"%zu\",\"method\":\"GET\",\"url\":", asked++ ? "," : "", i + 1);
    uh_json_string(&body, uh_str_text(&path) ? path.s : "", path.len);
    uh_str_addc(&body, '}');
  }
  uh_str_add(&body, "]}");
  if (!uh_str_text(&body)) return uh_fail_nomem(err);
  char url[UH_HTTP_ORIGIN_MAX + 20];
  (void)snprintf(url, sizeof url, "%s/v1.0/$batch", g->base);
  const char *const headers[] = {"Content-Type: application/json", "Accept: application/json", NULL};
  struct batch b = {.graph = g};
  /* It only reads, whatever its method is called. */
  struct uh_http_request q = {.intent = UH_HTTP_READ,
                              .method = "POST",
                              .url = url,
                              .headers = headers,
                              .body = body.s,
                              .body_size = body.len,
                              .user = &b,
                              .prepare = batch_prepare,
                              .judge = batch_judge,
                              .max_body = BATCH_BODY_MAX,
                              .overall_ms = UH_HTTP_FIRST_MS};
  if (uh_http_fetch(g->http, &q, &reply, &answer, err) != 0) {
    g->silent = reply.failure == UH_HTTP_SLOW && reply.status == 0;
    return -1;
  }
  json_t *j = answer.s ? json_loadb(answer.s, answer.len, 0, NULL) : NULL;
  const json_t *responses = json_object_get(j, "responses"), *response;
  if (reply.status != 200 || !json_is_array(responses)) {
    bool denied = reply.status == 401 || reply.status == 403;
    json_decref(j);
    if (err) err->answer = denied ? UH_REFUSED : UH_NOT_ASKED;
    return uh_fail(err, denied ? UH_ERR_DENIED : UH_ERR_UNAVAILABLE, "$batch failed (HTTP %ld)", reply.status);
  }
  size_t i, open = 0;
  json_array_foreach(responses, i, response) take_response(items, n, response, ret_wait);
  json_decref(j);
  for (i = 0; i < n; i++) open += !items[i].status || again(items[i].status);
  return open == 0;
}

static bool wait_ms(struct uh_graph *g, int64_t ms) {
  while (ms > 0) {
    if (g->options.http.cancelled && g->options.http.cancelled(g->options.http.cancel_user)) return false;
    int64_t piece = ms < 200 ? ms : 200;
    struct timespec t = {.tv_sec = 0, .tv_nsec = (long)(piece * 1000000)};
    (void)nanosleep(&t, NULL);
    ms -= piece;
  }
  return true;
}

int uh_graph_batch(struct uh_graph *g, struct uh_graph_item *items, size_t n, struct uh_err *err) {
  if (n > UH_GRAPH_BATCH_MAX) return uh_fail(err, UH_ERR_INTERNAL, "a batch takes %d items", UH_GRAPH_BATCH_MAX);
  unsigned base = g->options.http.backoff_ms ? g->options.http.backoff_ms : UH_HTTP_BACKOFF_MS;
  for (size_t i = 0; i < n; i++) items[i].status = 0, items[i].body = NULL;
  int64_t waited = 0;
  for (unsigned round = 0; round < UH_GRAPH_BATCH_ROUNDS; round++) {
    int64_t told = -1;
    int r = batch_round(g, items, n, &told, err);
    if (r != 0) return r < 0 ? -1 : 0;
    bool throttled = told >= 0;
    if (!throttled && round >= UH_HTTP_TRANSIENT_MAX) break; /* missing or failing again and again */
    int64_t pause = throttled ? told + 10 : (int64_t)base << (round < 5 ? round : 5);
    waited += pause;
    if (told > UH_HTTP_RETRY_AFTER_MAX_MS || waited > UH_HTTP_WAIT_MAX_MS || !wait_ms(g, pause)) break;
  }
  return 0; /* what is still open says so by its status */
}

void uh_graph_items_clear(struct uh_graph_item *items, size_t n) {
  for (size_t i = 0; i < n; i++) {
    free(items[i].body);
    items[i].body = NULL;
  }
}
