/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/exchange_online.h"

#include <jansson.h>
#include <strings.h>

#include <unhybrid/text.h>

#include "wire/exchange_online_client.h"
#include "wire/json_stream.h"

#define ERROR_BODY_MAX ((size_t)1024 * 1024)
#define MODULE_FILE_MAX ((size_t)8 * 1024 * 1024)
#define REDIRECTS_MAX 3

/* One chain of pages; a split listing has its parts as children. */
struct listing {
  struct listing *next; /* in the queue */
  struct uh_exo *exo;
  struct listing *parent;
  unsigned children;                                                                /* not finished yet */
  char *cmdlet, *parameters, *filter, *select, *split_by, *split_characters, *part; /* part: the prefix of its values */
  unsigned depth;
  struct uh_exo_query call; /* callbacks */
  char *body;
  char *link;      /* where the page is asked from; NULL: the first */
  uint64_t *links; /* hashes of links that were followed */
  size_t n_links;
  struct uh_json_stream *stream;
  struct uh_str error_body;
  unsigned restarts, redirects, page_in_run, token_serial, empty_pages;
  bool token_renewed, no_split, any, warned_more, cut, no_prefer;
  int64_t pages;
  struct uh_exo_result result;
};

static void start_some(struct uh_exo *exo);
static void ask_page(struct listing *l);
static void finish(struct listing *l);

static void listing_free(struct listing *l) {
  if (!l) return;
  char **strings[] = {&l->cmdlet,           &l->parameters, &l->filter, &l->select, &l->split_by,
                      &l->split_characters, &l->part,       &l->body,   &l->link};
  for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) free(*strings[i]);
  free(l->links);
  uh_json_stream_free(l->stream);
  uh_str_clear(&l->error_body);
  free(l);
}

struct uh_exo *uh_exo_free(struct uh_exo *exo) {
  if (!exo) return NULL;
  while (exo->queue) {
    struct listing *l = exo->queue;
    exo->queue = l->next;
    listing_free(l);
  }
  uh_http_free(exo->http);
  free(exo->resource);
  free(exo->cmdlets);
  free(exo);
  return NULL;
}
void uh_exo_freep(struct uh_exo **exo) {
  *exo = uh_exo_free(*exo);
}
int64_t uh_exo_requests(const struct uh_exo *exo) {
  return uh_http_requests(exo->http);
}

/* ---- opening: tenant, regional host, the account's cmdlets ---- */

static int authorize(void *user, struct uh_str *lines, struct uh_err *err) {
  struct uh_exo *exo = user;
  return uh_oauth_authorize(exo->options.oauth, exo->resource, lines, err);
}

static void learn_cmdlets(struct uh_exo *exo, const struct uh_str *body) {
  json_t *j = body->s ? json_loadb(body->s, body->len, 0, NULL) : NULL;
  const json_t *v = json_array_get(json_object_get(j, "value"), 0);
  const json_t *exported = json_object_get(v, "exportedCmdlets");
  if (!exported) exported = json_object_get(v, "ExportedCmdlets");
  struct uh_str list = {0};
  uh_str_addc(&list, ',');
  size_t i;
  const json_t *item;
  if (json_is_string(exported)) uh_str_add(&list, json_string_value(exported));
  json_array_foreach(exported, i, item) if (json_is_string(item)) uh_str_addf(&list, "%s,", json_string_value(item));
  uh_str_addc(&list, ',');
  char *text = uh_str_take(&list);
  if (text && exported) {
    char *to = text;
    for (const char *p = text; *p; p++)
      if (*p != ' ' && *p != '\n' && *p != '\r') *to++ = *p;
    *to = '\0';
    exo->cmdlets = text;
  } else {
    free(text);
  }
  json_decref(j);
}

static enum uh_http_verdict judge_module(void *user, const struct uh_http_reply *reply) {
  (void)user; /* an extra: what it cannot say is done without, quickly */
  if (reply->failure == UH_HTTP_SLOW) return UH_HTTP_ACCEPT;
  return reply->failure == UH_HTTP_FINE && reply->status >= 500 ? UH_HTTP_ACCEPT : uh_http_judge(reply);
}

static int read_module_file(struct uh_exo *exo, struct uh_err *err) {
  for (unsigned hop = 0; hop <= REDIRECTS_MAX; hop++) {
    char url[UH_HTTP_ORIGIN_MAX + 160], anchor[128];
    (void)snprintf(url, sizeof url, "%s/adminapi/v1.0/%s/EXOModuleFile?Version=3.9.2", exo->base, exo->tenant);
    (void)snprintf(anchor, sizeof anchor, "X-AnchorMailbox: " UH_EXO_ANCHOR "%s", exo->tenant);
    const char *const headers[] = {"Accept: application/json", "CommandName: *", anchor, NULL};
    struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
    struct uh_http_reply reply UH_CLEANUP(uh_http_reply_clear) = {.err = UH_ERR_INIT};
    struct uh_http_request q = {.intent = UH_HTTP_READ,
                                .method = "GET",
                                .url = url,
                                .headers = headers,
                                .user = exo,
                                .prepare = authorize,
                                .judge = judge_module,
                                .max_body = MODULE_FILE_MAX,
                                .overall_ms = UH_HTTP_FIRST_MS};
    struct uh_err why = UH_ERR_INIT;
    if (uh_http_fetch(exo->http, &q, &reply, &body, &why) != 0) {
      enum uh_http_failure f = reply.failure;
      bool silent = f == UH_HTTP_SILENT || (f == UH_HTTP_SLOW && reply.status == 0);
      if (f != UH_HTTP_NOT_SENT && f != UH_HTTP_UNREACHED && f != UH_HTTP_TLS && f != UH_HTTP_STOPPED && !silent)
        return 0;
      if (err && err->cls == UH_ERR_NONE) *err = why;
      return -1; /* no token, or nobody there: nothing else would work */
    }
    if (reply.status == 200) learn_cmdlets(exo, &body);
    const char *location = reply.status >= 300 && reply.status < 400 ? uh_http_header(&reply, "Location") : NULL;
    char base[UH_HTTP_ORIGIN_MAX];
    if (!location || !uh_exo_redirect(exo->front, location, base) || strcmp(base, exo->base) == 0) return 0;
    memcpy(exo->base, base, sizeof base);
  }
  return 0;
}

int uh_exo_open(const struct uh_exo_options *options, struct uh_exo **ret_exo, struct uh_err *err) {
  struct uh_exo *exo = calloc(1, sizeof *exo);
  if (!exo) return uh_fail_nomem(err);
  exo->options = *options;
  exo->resource = strdup(options->resource);
  exo->fatal_err = UH_ERR_INIT;
  if (!exo->options.chains) exo->options.chains = UH_EXO_CHAINS;
  if (!exo->options.page || exo->options.page > UH_EXO_PAGE) exo->options.page = UH_EXO_PAGE;
  uh_http_new_guid(exo->session);
  int r = exo->resource ? 0 : uh_fail_nomem(err);
  if (r == 0 && (!uh_http_origin(options->base, exo->base) || strncmp(exo->base, "https:", 6) != 0))
    r = uh_fail(err, UH_ERR_CONFIG, "the Exchange Online endpoint is no https address");
  memcpy(exo->front, exo->base, sizeof exo->front);
  if (r == 0) r = uh_oauth_tenant_id(options->oauth, options->resource, exo->tenant, err);
  if (r == 0) r = uh_http_open(&options->http, &exo->http, err);
  if (r == 0) r = read_module_file(exo, err);
  if (r != 0) {
    uh_exo_free(exo);
    return -1;
  }
  *ret_exo = exo;
  return 0;
}

int uh_exo_may_run(const struct uh_exo *exo, const char *cmdlet) {
  if (!exo->cmdlets) return -1;
  char word[80];
  (void)snprintf(word, sizeof word, ",%s,", cmdlet);
  return strcasestr(exo->cmdlets, word) != NULL;
}

/* ---- one page ---- */

static int build_body(struct listing *l, struct uh_err *err) {
  struct uh_str b = {0};
  uh_str_add(&b, "{\"CmdletInput\":{\"CmdletName\":");
  uh_json_string(&b, l->cmdlet, strlen(l->cmdlet));
  uh_str_addf(&b, ",\"Parameters\":{%s", l->parameters ? l->parameters : "");
  if (l->filter) {
    uh_str_add(&b, l->parameters && *l->parameters ? ",\"Filter\":" : "\"Filter\":");
    uh_json_string(&b, l->filter, strlen(l->filter));
  }
  uh_str_add(&b, "}}}");
  l->body = uh_str_take(&b);
  return l->body ? 0 : uh_fail_nomem(err);
}

static int page_prepare(void *user, struct uh_str *lines, struct uh_err *err) {
  struct listing *l = user;
  int r = authorize(l->exo, lines, err);
  l->token_serial = uh_oauth_serial(l->exo->options.oauth, l->exo->resource);
  return r;
}

static void page_begin(void *user, const struct uh_http_reply *reply) {
  struct listing *l = user;
  (void)reply;
  uh_json_stream_reset(l->stream);
  uh_str_reset(&l->error_body);
}

static int page_chunk(void *user, const struct uh_http_reply *reply, const char *data, size_t n, struct uh_err *err) {
  struct listing *l = user;
  if (reply->status == 200) return uh_json_stream_push(l->stream, data, n, err);
  if (l->error_body.len + n <= ERROR_BODY_MAX) uh_str_addn(&l->error_body, data, n);
  return 0;
}

static void fatal(struct uh_exo *exo, const struct uh_err *err) {
  if (!exo->fatal) exo->fatal_err = *err;
  exo->fatal = true;
}

static int page_object(void *user, const char *json, size_t n, struct uh_err *err) {
  struct listing *l = user;
  if (l->exo->fatal) return -1;
  struct uh_err why = UH_ERR_INIT;
  int r = l->call.object(l->call.user, json, n, &why);
  if (r == 0) {
    l->any = true;
    l->empty_pages = 0;
    return 0;
  }
  if (r < 0 && why.cls != UH_ERR_UNAVAILABLE) fatal(l->exo, &why);
  return uh_fail(err, UH_ERR_UNAVAILABLE, "%s", why.what);
}

static void classify(struct listing *l, const struct uh_http_reply *reply, struct uh_exo_problem *p) {
  uh_exo_classify(reply->status, l->error_body.s ? l->error_body.s : "", l->error_body.len,
                  uh_http_header(reply, "x-ms-diagnostics"), p);
  /* A cursor that is answered with an untyped 400 is refused too. */
  if (p->cls == UH_EXO_FAILED && p->status == 400 && l->link) p->cls = UH_EXO_CURSOR;
  const char *id = uh_http_header(reply, "request-id");
  (void)snprintf(p->request_id, sizeof p->request_id, "%.*s", UH_HEAD(id ? id : reply->client_request_id, 60));
}

static enum uh_http_verdict page_judge(void *user, const struct uh_http_reply *reply) {
  struct listing *l = user;
  if (l->exo->fatal) return UH_HTTP_ACCEPT;
  if (reply->failure != UH_HTTP_FINE) return uh_http_judge(reply);
  if (reply->status == 200) return uh_json_stream_end(l->stream, NULL) == 0 ? UH_HTTP_ACCEPT : UH_HTTP_AGAIN;
  struct uh_exo_problem p;
  classify(l, reply, &p);
  switch (p.cls) {
    case UH_EXO_THROTTLED: return UH_HTTP_THROTTLED;
    case UH_EXO_TRANSIENT: return uh_http_header(reply, "Retry-After") ? UH_HTTP_THROTTLED : UH_HTTP_AGAIN;
    case UH_EXO_TOKEN:
      /* Once; a token that another listing has replaced meanwhile does not count. */
      if (l->token_renewed && uh_oauth_serial(l->exo->options.oauth, l->exo->resource) == l->token_serial)
        return UH_HTTP_ACCEPT;
      l->token_renewed =
          l->token_renewed || uh_oauth_serial(l->exo->options.oauth, l->exo->resource) == l->token_serial;
      uh_oauth_drop(l->exo->options.oauth, l->exo->resource, l->token_serial);
      return UH_HTTP_AT_ONCE;
    default: return UH_HTTP_ACCEPT;
  }
}

/* The first reason stays. */
static void lacking(struct listing *l, enum uh_answer answer, const struct uh_exo_problem *p,
                    const struct uh_err *err) {
  l->cut = true;
  if (l->result.err.cls != UH_ERR_NONE) return;
  l->result.err = *err;
  l->result.answer = answer == UH_VALUE || answer == UH_NONE ? UH_NOT_ASKED : answer;
  l->result.err.answer = l->result.answer;
  if (p) l->result.problem = *p;
}

static void lacking_text(struct listing *l, enum uh_answer answer, const char *text) {
  struct uh_err err = UH_ERR_INIT;
  (void)uh_fail(&err, UH_ERR_UNAVAILABLE, "%s: %s", l->cmdlet, text);
  lacking(l, answer, NULL, &err);
}

static void lacking_problem(struct listing *l, const struct uh_exo_problem *p) {
  struct uh_err err = UH_ERR_INIT;
  enum uh_answer answer = UH_TIMEOUT;
  const char *said = p->message[0] ? p->message : p->diagnostics[0] ? p->diagnostics : p->type;
  switch (p->cls) {
    case UH_EXO_REFUSED:
    case UH_EXO_TOKEN:
      answer = UH_REFUSED;
      (void)uh_fail(&err, UH_ERR_DENIED, "%s was refused (HTTP %ld)%s%s", l->cmdlet, p->status, *said ? ": " : "",
                    said);
      break;
    case UH_EXO_THROTTLED:
    case UH_EXO_TRANSIENT:
      (void)uh_fail(&err, UH_ERR_UNAVAILABLE, "%s: Exchange Online is %s (HTTP %ld)%s%s", l->cmdlet,
                    uh_exo_class_name(p->cls), p->status, *said ? ": " : "", said);
      break;
    case UH_EXO_CURSOR:
      (void)uh_fail(&err, UH_ERR_UNAVAILABLE, "%s: the next page was refused, the listing is cut off", l->cmdlet);
      break;
    default:
      answer = UH_NOT_ASKED;
      (void)uh_fail(&err, UH_ERR_UNAVAILABLE, "%s: %s (HTTP %ld)%s%s", l->cmdlet, uh_exo_class_name(p->cls), p->status,
                    *said ? ": " : "", said);
      break;
  }
  (void)snprintf(err.request_id, sizeof err.request_id, "%s", p->request_id);
  lacking(l, answer, p, &err);
}

static struct listing *part_of(struct listing *l, size_t i) {
  struct listing *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  c->exo = l->exo;
  c->parent = l;
  c->depth = l->depth + 1;
  c->call = l->call;
  c->result = (struct uh_exo_result){.err = UH_ERR_INIT};
  struct uh_str filter = {0}, part = {0};
  const struct listing *top = l;
  while (top->parent) top = top->parent;
  if (top->filter) uh_str_addf(&filter, "(%s) -and (", top->filter);
  uh_exo_part_filter(&filter, l->split_by, l->part ? l->part : "", l->split_characters, i);
  if (top->filter) uh_str_addc(&filter, ')');
  if (l->part) uh_str_add(&part, l->part);
  bool complement = !l->split_characters[i];
  if (!complement) uh_str_addc(&part, l->split_characters[i]);
  c->cmdlet = strdup(l->cmdlet);
  c->parameters = l->parameters ? strdup(l->parameters) : NULL;
  c->select = l->select ? strdup(l->select) : NULL;
  c->split_by = strdup(l->split_by);
  c->split_characters = strdup(l->split_characters);
  c->filter = uh_str_take(&filter);
  c->part = uh_str_take(&part);
  c->no_split = complement; /* what has no ordinary value cannot be divided further */
  if (c->cmdlet && c->filter && c->split_by && c->split_characters && (c->part || part.len == 0) &&
      (!l->parameters || c->parameters) && (!l->select || c->select))
    return c;
  listing_free(c);
  return NULL;
}

static void enqueue(struct uh_exo *exo, struct listing *l) {
  l->next = NULL;
  if (exo->queue)
    exo->queue_end->next = l;
  else
    exo->queue = l;
  exo->queue_end = l;
}

/* The parts take over; the listing itself ends when they have. */
static bool split(struct listing *l) {
  if (!l->split_by || l->no_split || l->depth >= UH_EXO_SPLIT_DEPTH) return false;
  size_t n = strlen(l->split_characters);
  struct listing *parts = NULL;
  for (size_t i = 0; i <= n; i++) {
    struct listing *c = part_of(l, i);
    if (!c) {
      while (parts) {
        struct listing *next = parts->next;
        listing_free(parts);
        parts = next;
      }
      return false;
    }
    c->next = parts; /* the complement, which may be the longest, comes first */
    parts = c;
  }
  l->children = (unsigned)n + 1;
  while (parts) {
    struct listing *next = parts->next;
    enqueue(l->exo, parts);
    parts = next;
  }
  return true;
}

static void restart(struct listing *l) {
  l->restarts++;
  l->page_in_run = 0;
  l->n_links = 0;
  free(l->link);
  l->link = NULL;
  ask_page(l);
}

static void ended(struct listing *l) {
  struct uh_exo *exo = l->exo;
  exo->in_flight--;
  if (!l->children) finish(l);
  start_some(exo);
}

/* A part is through: its result goes into the whole's. */
static void join(struct listing *parent, struct listing *child) {
  parent->children--;
  parent->any = parent->any || child->any;
  parent->pages += child->pages;
  if (child->cut) {
    bool parameter = child->result.problem.cls == UH_EXO_BAD_PARAMETER && !child->any;
    if (!(parameter && parent->no_split)) {
      if (parameter) {
        parent->no_split = true; /* the filter is not understood: read on without parts */
      } else {
        parent->cut = true;
        if (parent->result.err.cls == UH_ERR_NONE) parent->result = child->result;
      }
    }
  }
  if (parent->children) return;
  if (parent->no_split && !parent->cut && !parent->exo->fatal) {
    parent->restarts = 0;
    parent->page_in_run = 0;
    parent->n_links = 0;
    free(parent->link);
    parent->link = NULL;
    enqueue(parent->exo, parent);
    return;
  }
  finish(parent);
}

static void finish(struct listing *l) {
  struct listing *parent = l->parent;
  if (parent) {
    join(parent, l);
    listing_free(l);
    return;
  }
  l->result.pages = l->pages;
  l->result.state = !l->cut ? UH_EXO_COMPLETE : l->any ? UH_EXO_PARTIAL : UH_EXO_NOTHING;
  if (!l->cut) l->result.answer = UH_VALUE;
  l->call.done(l->call.user, &l->result);
  listing_free(l);
}

static uint64_t hash_of(const char *s) {
  uint64_t h = 1469598103934665603u;
  for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
  return h;
}

static bool follow(struct listing *l, const char *link) {
  char to[UH_HTTP_ORIGIN_MAX], allowed[UH_HTTP_ORIGIN_MAX];
  /* The front door and the regions below it are the same service; no other host gets to see the token. */
  if (!uh_http_origin(link, to)) return false;
  if (strcmp(to, l->exo->base) != 0 && !uh_exo_redirect(l->exo->front, link, allowed)) return false;
  uint64_t h = hash_of(link);
  for (size_t i = 0; i < l->n_links; i++)
    if (l->links[i] == h) return false;
  if (l->n_links >= UH_EXO_PAGES_MAX || l->empty_pages++ >= UH_EXO_EMPTY_MAX) return false;
  if (!(l->n_links & (l->n_links + 1))) { /* grows at 0, 1, 3, 7.. */
    uint64_t *grown = realloc(l->links, (l->n_links + 1) * 2 * sizeof *grown);
    if (!grown) return false;
    l->links = grown;
  }
  l->links[l->n_links++] = h;
  char *copy = strdup(link);
  if (!copy) return false;
  free(l->link);
  l->link = copy;
  return true;
}

/* Warnings come in English (Accept-Language), and this one has no code. */
static bool says_more(const char *warning) {
  return strcasestr(warning, "more results") || strcasestr(warning, "ResultSize");
}

static void read_warnings(struct listing *l) {
  const char *json = uh_json_stream_member(l->stream, "@adminapi.warnings");
  json_t *list = json ? json_loads(json, JSON_DECODE_ANY, NULL) : NULL;
  size_t i;
  const json_t *item;
  l->warned_more = false;
  json_array_foreach(list, i, item) {
    const char *text = json_string_value(item);
    if (!text) text = json_string_value(json_object_get(item, "Message"));
    if (!text) continue;
    if (says_more(text)) l->warned_more = true;
    if (l->call.warning && i < UH_EXO_WARNINGS_MAX) l->call.warning(l->call.user, text);
  }
  json_decref(list);
}

/* Success that is none: errors beside the rows, a confirmation that was asked for, an error object with status 200. */
static bool hidden_problem(struct listing *l, struct uh_exo_problem *p) {
  *p = (struct uh_exo_problem){.status = 200, .cls = UH_EXO_NOT_DONE};
  const char *error = uh_json_stream_member(l->stream, "error");
  if (error) {
    struct uh_str whole UH_CLEANUP(uh_str_clear) = {0};
    uh_str_addf(&whole, "{\"error\":%s}", error);
    if (uh_str_text(&whole)) uh_exo_classify(200, whole.s, whole.len, NULL, p);
    if (p->cls == UH_EXO_FINE) p->cls = UH_EXO_FAILED;
    return true;
  }
  const char *errors = uh_json_stream_member(l->stream, "@adminapi.errors");
  if (errors && strcmp(errors, "[]") != 0 && strcmp(errors, "null") != 0) {
    struct uh_str shown UH_CLEANUP(uh_str_clear) = {0};
    uh_terminal_text(&shown, errors, strnlen(errors, sizeof p->message - 40));
    (void)snprintf(p->message, sizeof p->message, "errors beside the result: %s", uh_str_or(&shown, ""));
    return true;
  }
  if (uh_json_stream_member(l->stream, "@adminapi.confirmationmessage")) {
    (void)snprintf(p->message, sizeof p->message, "a confirmation was asked for, nothing was done");
    return true;
  }
  return false;
}

static void page_came(struct listing *l) {
  l->pages++;
  l->page_in_run++;
  if (l->call.page) l->call.page(l->call.user);
  read_warnings(l);
  struct uh_exo_problem p;
  if (hidden_problem(l, &p)) lacking_problem(l, &p);
  if (!uh_json_stream_listed(l->stream) && !l->cut) lacking_text(l, UH_NOT_ASKED, "the answer holds no listing");
  struct uh_str link UH_CLEANUP(uh_str_clear) = {0};
  const char *raw = uh_json_stream_member(l->stream, "@odata.nextLink");
  bool more = raw && strcmp(raw, "null") != 0;
  if (!more) {
    if (l->warned_more) lacking_text(l, UH_NOT_ASKED, "the service cut the listing short and gives no next page");
    ended(l);
    return;
  }
  if (l->page_in_run >= UH_EXO_PROBE_PAGES && !l->parent && split(l)) {
    ended(l);
    return;
  }
  if (!uh_json_stream_string(l->stream, "@odata.nextLink", &link) || !follow(l, link.s)) {
    lacking_text(l, UH_NOT_ASKED,
                 "the next page's link cannot be followed (another host, a loop, too many pages, or only empty ones)");
    ended(l);
    return;
  }
  ask_page(l);
}

static bool redirected(struct listing *l, const struct uh_http_reply *reply) {
  const char *location = reply->status >= 300 && reply->status < 400 ? uh_http_header(reply, "Location") : NULL;
  char base[UH_HTTP_ORIGIN_MAX];
  if (!location || l->redirects >= REDIRECTS_MAX || !uh_exo_redirect(l->exo->front, location, base)) return false;
  l->redirects++;
  memcpy(l->exo->base, base, sizeof base);
  return true;
}

static void page_done(void *user, const struct uh_http_reply *reply) {
  struct listing *l = user;
  struct uh_exo_problem p;
  if (l->exo->fatal) {
    lacking(l, UH_NOT_ASKED, NULL, &l->exo->fatal_err);
    ended(l);
    return;
  }
  if (reply->failure != UH_HTTP_FINE) {
    enum uh_answer answer = reply->failure == UH_HTTP_NOT_SENT ? reply->err.answer : UH_TIMEOUT;
    lacking(l, answer, NULL, &reply->err);
    ended(l);
    return;
  }
  if (reply->status == 200) {
    struct uh_err why = UH_ERR_INIT;
    if (uh_json_stream_end(l->stream, &why) == 0) {
      page_came(l);
      return;
    }
    uh_err_where(&why, "%s", l->cmdlet);
    lacking(l, UH_TIMEOUT, NULL, &why);
    ended(l);
    return;
  }
  if (reply->status == 204) { /* the way to say "no rows" without a body */
    l->pages++;
    ended(l);
    return;
  }
  if (redirected(l, reply)) {
    free(l->link);
    l->link = NULL;
    l->page_in_run = 0;
    l->n_links = 0;
    ask_page(l);
    return;
  }
  classify(l, reply, &p);
  if (p.cls == UH_EXO_CURSOR && l->link && l->restarts < 1) {
    restart(l);
    return;
  }
  if (p.cls == UH_EXO_CURSOR && l->link && split(l)) {
    ended(l);
    return;
  }
  lacking_problem(l, &p);
  ended(l);
}

static void ask_page(struct listing *l) {
  struct uh_exo *exo = l->exo;
  struct uh_str url UH_CLEANUP(uh_str_clear) = {0};
  char anchor[128], prefer[64], session[64];
  if (l->link)
    uh_str_add(&url, l->link);
  else
    uh_str_addf(&url, "%s/adminapi/beta/%s/InvokeCommand", exo->base, exo->tenant);
  if (!l->link && l->select) {
    uh_str_add(&url, "?$select=");
    uh_str_add(&url, l->select);
  }
  (void)snprintf(anchor, sizeof anchor, "X-AnchorMailbox: " UH_EXO_ANCHOR "%s", exo->tenant);
  (void)snprintf(prefer, sizeof prefer, "Prefer: odata.maxpagesize=%u", exo->options.page);
  (void)snprintf(session, sizeof session, "connection-id: %s", exo->session);
  const char *const headers[] = {"Content-Type: application/json; charset=utf-8",
                                 "Accept: application/json",
                                 "Accept-Language: en-US",
                                 anchor,
                                 session,
                                 prefer,
                                 NULL};
  struct uh_err err = UH_ERR_INIT;
  int r = uh_str_text(&url) ? 0 : uh_fail_nomem(&err);
  if (r == 0 && !l->stream) r = uh_json_stream_open(page_object, l, &l->stream, &err);
  if (r == 0 && !l->body) r = build_body(l, &err);
  l->token_renewed = false;
  struct uh_http_request q = {.intent = UH_HTTP_READ,
                              .method = "POST",
                              .url = url.s,
                              .headers = headers,
                              .body = l->body,
                              .body_size = l->body ? strlen(l->body) : 0,
                              .user = l,
                              .prepare = page_prepare,
                              .begin = page_begin,
                              .body_chunk = page_chunk,
                              .judge = page_judge,
                              .done = page_done};
  if (r == 0) r = uh_http_start(exo->http, &q, &err);
  if (r == 0) return;
  lacking(l, UH_NOT_ASKED, NULL, &err);
  ended(l);
}

static void start_some(struct uh_exo *exo) {
  while (exo->queue && exo->in_flight < exo->options.chains) {
    struct listing *l = exo->queue;
    exo->queue = l->next;
    exo->in_flight++;
    if (exo->fatal) {
      lacking(l, UH_NOT_ASKED, NULL, &exo->fatal_err);
      exo->in_flight--;
      finish(l);
      continue;
    }
    if (l->parent && l->parent->no_split) { /* its filters are not understood: no use in asking */
      l->result.problem.cls = UH_EXO_BAD_PARAMETER;
      l->cut = true;
      exo->in_flight--;
      finish(l);
      continue;
    }
    ask_page(l);
  }
}

int uh_exo_list(struct uh_exo *exo, const struct uh_exo_query *q, struct uh_err *err) {
  /* Only cmdlets that read are listed: the calls below may be repeated. */
  if (strncmp(q->cmdlet, "Get-", 4) != 0) return uh_fail(err, UH_ERR_INTERNAL, "%s is no reading cmdlet", q->cmdlet);
  struct listing *l = calloc(1, sizeof *l);
  if (!l) return uh_fail_nomem(err);
  l->exo = exo;
  l->call = *q;
  l->result = (struct uh_exo_result){.err = UH_ERR_INIT};
  l->cmdlet = strdup(q->cmdlet);
  l->parameters = q->parameters ? strdup(q->parameters) : NULL;
  l->filter = q->filter ? strdup(q->filter) : NULL;
  l->select = q->select ? strdup(q->select) : NULL;
  l->split_by = q->split_by ? strdup(q->split_by) : NULL;
  l->split_characters = q->split_characters ? strdup(q->split_characters) : NULL;
  if (!l->cmdlet || (q->parameters && !l->parameters) || (q->filter && !l->filter) || (q->select && !l->select) ||
      (q->split_by && (!l->split_by || !l->split_characters))) {
    listing_free(l);
    return uh_fail_nomem(err);
  }
  enqueue(exo, l);
  return 0;
}

int uh_exo_run(struct uh_exo *exo, struct uh_err *err) {
  do {
    start_some(exo);
    if (uh_http_run(exo->http, err) != 0) return -1;
  } while (exo->queue);
  if (!exo->fatal) return 0;
  if (err && err->cls == UH_ERR_NONE) *err = exo->fatal_err;
  return -1;
}
