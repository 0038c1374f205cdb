/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http.h"

#include <curl/curl.h>
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <strings.h>
#include <sys/random.h>

#include "wire/clock.h"

#define POLL_MS 250
#define IDLE_MAX 8
#define HEADER_LINES_MAX 64

struct call {
  struct call *next;
  struct uh_http *http;
  struct uh_http_request request;
  char **headers;
  size_t n_headers;
  CURL *easy; /* NULL: waits */
  struct curl_slist *list;
  char error[CURL_ERROR_SIZE];
  int64_t not_before; /* monotonic milliseconds */
  int64_t waited;
  unsigned transients, throttles;
  bool no_encoding, begun, over, sent;
  struct uh_http_reply reply;
};

struct uh_http {
  CURLM *multi;
  CURLSH *share;
  CURL *idle[IDLE_MAX];
  unsigned n_idle;
  struct uh_http_options options;
  char *ca_file;
  struct call *calls;
  int64_t requests;
  int64_t unreached_since, storm_since; /* monotonic milliseconds, 0: not now */
  char down[UH_HTTP_ORIGIN_MAX];        /* the service that was given up, "": none */
  struct uh_err down_err;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static void curl_begin(void) {
  (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

void uh_http_begin(void) {
  (void)pthread_once(&curl_once, curl_begin);
}

static uint32_t random_below(uint32_t limit) {
  uint32_t r = 0;
  if (!limit || getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r) return 0;
  return r % limit;
}

void uh_http_new_guid(char ret_text[UH_GUID_TEXT]) {
  uint8_t g[UH_GUID_SIZE] = {0};
  if (getrandom(g, sizeof g, 0) != (ssize_t)sizeof g)
    (void)snprintf((char *)g, sizeof g, "%lld", (long long)uh_clock_ms());
  g[7] = (uint8_t)((g[7] & 0x0f) | 0x40); /* AD's byte order: the version stands in byte 7 */
  g[8] = (uint8_t)((g[8] & 0x3f) | 0x80);
  (void)uh_guid_text(g, ret_text);
}

void uh_http_str_wipe(struct uh_str *str) {
  if (str->s) explicit_bzero(str->s, str->cap);
  uh_str_clear(str);
}

void uh_http_percent(struct uh_str *out, const char *text) {
  for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
    if (isalnum(*p) || (*p && strchr("-._~", *p)))
      uh_str_addc(out, (char)*p);
    else
      uh_str_addf(out, "%%%02X", *p);
  }
}

void uh_http_form_add(struct uh_str *form, const char *name, const char *value) {
  if (form->len) uh_str_addc(form, '&');
  uh_str_add(form, name);
  uh_str_addc(form, '=');
  uh_http_percent(form, value);
}

bool uh_http_origin(const char *url, char ret_origin[UH_HTTP_ORIGIN_MAX]) {
  CURLU *u = curl_url();
  if (!u) return false;
  char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
  bool ok = curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
            (strcasecmp(scheme, "https") == 0 || strcasecmp(scheme, "http") == 0);
  if (ok) {
    int n = snprintf(ret_origin, UH_HTTP_ORIGIN_MAX, "%s://%s:%s", scheme, host, port);
    ok = n > 0 && n < UH_HTTP_ORIGIN_MAX;
    for (char *p = ret_origin; ok && *p; p++) *p = (char)tolower((unsigned char)*p);
  }
  curl_free(scheme);
  curl_free(host);
  curl_free(port);
  curl_free(user);
  curl_url_cleanup(u);
  return ok;
}

bool uh_http_retry_after(const char *value, int64_t now_utc, int64_t *ret_ms) {
  while (*value == ' ' || *value == '\t') value++;
  if (isdigit((unsigned char)*value)) {
    int64_t ms = 0, unit = 100;
    const char *p = value;
    for (; isdigit((unsigned char)*p); p++)
      if (ms < INT64_C(1000000000)) ms = ms * 10 + (*p - '0');
    ms *= 1000;
    if (*p == '.') {
      bool rest = false;
      for (p++; isdigit((unsigned char)*p); p++) {
        ms += unit * (*p - '0');
        rest = rest || (unit == 0 && *p != '0');
        unit /= 10;
      }
      if (rest) ms++; /* never earlier than told */
    }
    while (*p == ' ' || *p == '\t') p++;
    if (*p) return false;
    *ret_ms = ms;
    return true;
  }
  if (!isalpha((unsigned char)*value)) return false;
  time_t when = curl_getdate(value, NULL);
  if (when == (time_t)-1) return false;
  *ret_ms = (int64_t)when > now_utc ? ((int64_t)when - now_utc) * 1000 : 0;
  return true;
}

const char *uh_http_header(const struct uh_http_reply *reply, const char *name) {
  size_t n = strlen(name);
  for (size_t at = 0; at < reply->headers.len;) {
    const char *line = reply->headers.s + at;
    if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
      line += n + 1;
      while (*line == ' ' || *line == '\t') line++;
      return line;
    }
    at += strlen(line) + 1;
  }
  return NULL;
}

void uh_http_reply_clear(struct uh_http_reply *reply) {
  uh_str_clear(&reply->headers);
  *reply = (struct uh_http_reply){.err = UH_ERR_INIT};
}

int uh_http_open(const struct uh_http_options *options, struct uh_http **ret_http, struct uh_err *err) {
  uh_http_begin();
  struct uh_http *http = calloc(1, sizeof *http);
  if (!http) return uh_fail_nomem(err);
  http->options = *options;
  http->down_err = UH_ERR_INIT;
  http->multi = curl_multi_init();
  http->share = curl_share_init();
  if (options->ca_file) http->ca_file = strdup(options->ca_file);
  if (!http->multi || !http->share || (options->ca_file && !http->ca_file)) {
    uh_http_free(http);
    return uh_fail_nomem(err);
  }
  /* One cookie jar for the session: the affinity cookie of a listing must travel with its next page. */
  (void)curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
  *ret_http = http;
  return 0;
}

static void call_free(struct call *call) {
  if (!call) return;
  for (size_t i = 0; i < call->n_headers; i++) free(call->headers[i]);
  free(call->headers);
  free((char *)(uintptr_t)call->request.method);
  free((char *)(uintptr_t)call->request.url);
  if (call->request.body) {
    explicit_bzero((char *)(uintptr_t)call->request.body, call->request.body_size);
    free((char *)(uintptr_t)call->request.body);
  }
  for (struct curl_slist *l = call->list; l; l = l->next) explicit_bzero(l->data, strlen(l->data));
  curl_slist_free_all(call->list);
  uh_http_reply_clear(&call->reply);
  free(call);
}

/* The handle goes back for the next call; the connection stays in the multi handle. */
static void land(struct call *call) {
  struct uh_http *http = call->http;
  if (!call->easy) return;
  (void)curl_multi_remove_handle(http->multi, call->easy);
  /* libcurl 7.88 forgets the list of cookie files in a reset without freeing it. */
  (void)curl_easy_setopt(call->easy, CURLOPT_SHARE, NULL);
  (void)curl_easy_setopt(call->easy, CURLOPT_COOKIEFILE, NULL);
  curl_easy_reset(call->easy);
  if (http->n_idle < IDLE_MAX)
    http->idle[http->n_idle++] = call->easy;
  else
    curl_easy_cleanup(call->easy);
  call->easy = NULL;
  for (struct curl_slist *l = call->list; l; l = l->next) explicit_bzero(l->data, strlen(l->data));
  curl_slist_free_all(call->list);
  call->list = NULL;
}

struct uh_http *uh_http_free(struct uh_http *http) {
  if (!http) return NULL;
  while (http->calls) {
    struct call *call = http->calls;
    http->calls = call->next;
    land(call);
    call_free(call);
  }
  while (http->n_idle) curl_easy_cleanup(http->idle[--http->n_idle]);
  if (http->multi) (void)curl_multi_cleanup(http->multi);
  if (http->share) (void)curl_share_cleanup(http->share);
  free(http->ca_file);
  free(http);
  return NULL;
}
void uh_http_freep(struct uh_http **http) {
  *http = uh_http_free(*http);
}
int64_t uh_http_requests(const struct uh_http *http) {
  return http->requests;
}
bool uh_http_down(const struct uh_http *http, struct uh_err *err) {
  if (http->down[0] && err && err->cls == UH_ERR_NONE) *err = http->down_err;
  return http->down[0] != '\0';
}

int uh_http_start(struct uh_http *http, const struct uh_http_request *request, struct uh_err *err) {
  size_t n = 0;
  while (request->headers && request->headers[n])
    if (++n > HEADER_LINES_MAX) return uh_fail(err, UH_ERR_INTERNAL, "too many headers");
  if (strncasecmp(request->url, "https://", 8) != 0 &&
      !(request->local_plain && strncasecmp(request->url, "http://", 7) == 0))
    return uh_fail(err, UH_ERR_CONFIG, "only https is spoken, not %.*s", UH_HEAD(request->url, 100));
  struct call *call = calloc(1, sizeof *call);
  if (!call) return uh_fail_nomem(err);
  call->http = http;
  call->request = *request;
  call->reply.err = UH_ERR_INIT;
  call->request.method = strdup(request->method);
  call->request.url = strdup(request->url);
  call->request.body = NULL;
  call->headers = calloc(n + 1, sizeof *call->headers);
  bool ok = call->request.method && call->request.url && call->headers;
  for (size_t i = 0; ok && i < n; i++) {
    call->headers[i] = strdup(request->headers[i]);
    ok = call->headers[i] != NULL;
    if (ok) call->n_headers = i + 1;
  }
  if (ok && request->body) {
    char *body = malloc(request->body_size + 1);
    ok = body != NULL;
    if (ok) memcpy(body, request->body, request->body_size);
    if (ok) body[request->body_size] = '\0';
    call->request.body = body;
  }
  if (!ok) {
    call_free(call);
    return uh_fail_nomem(err);
  }
  if (!call->request.max_body) call->request.max_body = UH_HTTP_BODY_MAX;
  uh_http_new_guid(call->reply.client_request_id);
  struct call **end = &http->calls;
  while (*end) end = &(*end)->next;
  *end = call;
  return 0;
}

static int body_begins(struct call *call) {
  if (call->begun) return 0;
  call->begun = true;
  (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &call->reply.status);
  if (call->request.begin) call->request.begin(call->request.user, &call->reply);
  return 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *user) {
  struct call *call = user;
  n *= size;
  if (n >= 5 && memcmp(data, "HTTP/", 5) == 0) uh_str_reset(&call->reply.headers); /* the last block counts */
  if (call->reply.headers.len + n > UH_HTTP_HEADERS_MAX) {
    call->reply.failure = UH_HTTP_TOO_LARGE;
    return 0;
  }
  size_t cut = n;
  while (cut && (data[cut - 1] == '\r' || data[cut - 1] == '\n')) cut--;
  if (!cut || memchr(data, '\0', cut)) return n;
  uh_str_addn(&call->reply.headers, data, cut);
  uh_str_addc(&call->reply.headers, '\0');
  return n;
}

static size_t on_body(char *data, size_t size, size_t n, void *user) {
  struct call *call = user;
  n *= size;
  (void)body_begins(call);
  call->reply.body_bytes += n;
  if (call->reply.body_bytes > call->request.max_body) {
    call->reply.failure = UH_HTTP_TOO_LARGE;
    return 0;
  }
  if (call->request.body_chunk &&
      call->request.body_chunk(call->request.user, &call->reply, data, n, &call->reply.err) != 0) {
    call->reply.failure = UH_HTTP_BAD_BODY;
    return 0;
  }
  return n;
}

static int add_line(struct call *call, const char *line) {
  struct curl_slist *list = curl_slist_append(call->list, line);
  if (!list) return -1;
  call->list = list;
  return 0;
}

static int make_headers(struct call *call, struct uh_err *err) {
  for (size_t i = 0; i < call->n_headers; i++)
    if (add_line(call, call->headers[i]) != 0) return uh_fail_nomem(err);
  struct uh_str lines = {0};
  int r = call->request.prepare ? call->request.prepare(call->request.user, &lines, err) : 0;
  char id[80];
  (void)snprintf(id, sizeof id, "client-request-id: %s", call->reply.client_request_id);
  if (r == 0 && (add_line(call, id) != 0 || add_line(call, "Expect:") != 0 || lines.failed)) r = uh_fail_nomem(err);
  for (char *p = lines.s; r == 0 && p && *p;) {
    char *end = strchr(p, '\n');
    if (end) *end = '\0';
    if (add_line(call, p) != 0) r = uh_fail_nomem(err);
    p = end ? end + 1 : NULL;
  }
  uh_http_str_wipe(&lines);
  return r;
}

static void set_options(struct call *call) {
  struct uh_http *http = call->http;
  const struct uh_http_request *q = &call->request;
  CURL *e = call->easy;
  (void)curl_easy_setopt(e, CURLOPT_URL, q->url);
  (void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, q->local_plain ? "http,https" : "https");
  (void)curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
  (void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
  (void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
  (void)curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  if (http->ca_file) (void)curl_easy_setopt(e, CURLOPT_CAINFO, http->ca_file);
  if (q->local_plain) (void)curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
  /* On a connection that was used before, libcurl repeats a request that got no byte of an answer, by itself. */
  if (q->intent == UH_HTTP_WRITE) (void)curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
  (void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  (void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                         http->options.connect_ms ? http->options.connect_ms : UH_HTTP_CONNECT_MS);
  (void)curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* never wait for a name server when giving up */
  (void)curl_easy_setopt(e, CURLOPT_TIMEOUT_MS,
                         q->overall_ms              ? q->overall_ms
                         : http->options.overall_ms ? http->options.overall_ms
                                                    : UH_HTTP_OVERALL_MS);
  (void)curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
  (void)curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME,
                         http->options.low_speed_s ? http->options.low_speed_s : UH_HTTP_LOW_SPEED_S);
  (void)curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 256L * 1024);
  (void)curl_easy_setopt(e, CURLOPT_USERAGENT, "unhybrid/" UNHYBRID_VERSION);
  (void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->error);
  (void)curl_easy_setopt(e, CURLOPT_PRIVATE, call);
  (void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
  (void)curl_easy_setopt(e, CURLOPT_HEADERDATA, call);
  (void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
  (void)curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
  (void)curl_easy_setopt(e, CURLOPT_SHARE, http->share);
  (void)curl_easy_setopt(e, CURLOPT_COOKIEFILE, "");
  (void)curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->list);
  if (!call->no_encoding) (void)curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip");
  if (q->body) {
    (void)curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_size);
    (void)curl_easy_setopt(e, CURLOPT_POSTFIELDS, q->body);
  }
  /* A CUSTOMREQUEST of its own name for GET and POST would change nothing; others need it. */
  if (strcmp(q->method, "GET") != 0 && !(q->body && strcmp(q->method, "POST") == 0))
    (void)curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, q->method);
}

static void finish(struct call *call) {
  call->over = true;
  land(call);
  const struct uh_http_reply *reply = &call->reply;
  if (reply->failure == UH_HTTP_FINE || reply->err.cls != UH_ERR_NONE) {
    call->request.done(call->request.user, reply);
    return;
  }
  (void)uh_fail(&call->reply.err, UH_ERR_UNAVAILABLE, "no answer");
  call->request.done(call->request.user, reply);
}

static void turn_away(struct call *call) {
  call->reply.failure = UH_HTTP_NOT_SENT;
  call->reply.err = call->http->down_err;
  finish(call);
}

static void take_off(struct call *call) {
  struct uh_http *http = call->http;
  uh_str_reset(&call->reply.headers);
  call->reply.status = 0;
  call->reply.failure = UH_HTTP_FINE;
  call->reply.body_bytes = 0;
  call->reply.err = UH_ERR_INIT;
  call->begun = false;
  call->error[0] = '\0';
  call->easy = http->n_idle ? http->idle[--http->n_idle] : curl_easy_init();
  if (!call->easy || make_headers(call, &call->reply.err) != 0) {
    if (!call->easy) (void)uh_fail_nomem(&call->reply.err);
    call->reply.failure = UH_HTTP_NOT_SENT;
    finish(call);
    return;
  }
  set_options(call);
  call->reply.attempts++;
  http->requests++;
  if (curl_multi_add_handle(http->multi, call->easy) != CURLM_OK) {
    call->reply.failure = UH_HTTP_NOT_SENT;
    (void)uh_fail(&call->reply.err, UH_ERR_INTERNAL, "libcurl takes no further transfer");
    finish(call);
  }
}

static enum uh_http_failure failure_of(CURLcode code) {
  switch (code) {
    case CURLE_OK: return UH_HTTP_FINE;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return UH_HTTP_UNREACHED;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR: return UH_HTTP_TLS;
    case CURLE_OPERATION_TIMEDOUT: return UH_HTTP_SLOW;
    case CURLE_BAD_CONTENT_ENCODING: return UH_HTTP_ENCODING;
    default: return UH_HTTP_BROKEN;
  }
}

static void explain(struct call *call, CURLcode code) {
  struct uh_err *err = &call->reply.err;
  char origin[UH_HTTP_ORIGIN_MAX];
  const char *where = uh_http_origin(call->request.url, origin) ? strstr(origin, "//") + 2 : "";
  const char *text = call->error[0] ? call->error : curl_easy_strerror(code);
  if (err->answer == UH_NOT_ASKED) err->answer = UH_TIMEOUT;
  switch (call->reply.failure) {
    case UH_HTTP_TLS:
      (void)uh_fail(err, UH_ERR_UNAVAILABLE, "TLS failed: %s", text);
      uh_err_remedy(err, "check the service's certificate, or name its authority in endpoints.ca_file");
      break;
    case UH_HTTP_SLOW: (void)uh_fail(err, UH_ERR_UNAVAILABLE, "no answer in time: %s", text); break;
    case UH_HTTP_SILENT: (void)uh_fail(err, UH_ERR_UNAVAILABLE, "nobody answers: %s", text); break;
    case UH_HTTP_UNREACHED: (void)uh_fail(err, UH_ERR_UNAVAILABLE, "cannot be reached: %s", text); break;
    case UH_HTTP_ENCODING:
      (void)uh_fail(err, UH_ERR_UNAVAILABLE, "the body is not encoded as announced: %s", text);
      break;
    case UH_HTTP_TOO_LARGE: (void)uh_fail(err, UH_ERR_UNAVAILABLE, "the answer is larger than can be right"); break;
    case UH_HTTP_BAD_BODY: (void)uh_fail(err, UH_ERR_UNAVAILABLE, "the answer cannot be read"); break;
    default: (void)uh_fail(err, UH_ERR_UNAVAILABLE, "the connection broke off: %s", text); break;
  }
  uh_err_where(err, "%s", where);
}

enum uh_http_verdict uh_http_judge(const struct uh_http_reply *reply) {
  switch (reply->failure) {
    case UH_HTTP_FINE: break;
    case UH_HTTP_UNREACHED:
    case UH_HTTP_SLOW:
    case UH_HTTP_BROKEN:
    case UH_HTTP_ENCODING:
    case UH_HTTP_BAD_BODY: return UH_HTTP_AGAIN;
    default: return UH_HTTP_ACCEPT;
  }
  switch (reply->status) {
    case 429: return UH_HTTP_THROTTLED;
    case 503: return uh_http_header(reply, "Retry-After") ? UH_HTTP_THROTTLED : UH_HTTP_AGAIN;
    case 408:
    case 500:
    case 502:
    case 504: return UH_HTTP_AGAIN;
    default: return UH_HTTP_ACCEPT;
  }
}

/* From here on nothing more is asked of this service. */
static void give_up(const struct call *call, const struct uh_err *why) {
  struct uh_http *http = call->http;
  char origin[UH_HTTP_ORIGIN_MAX];
  if (http->down[0] || !uh_http_origin(call->request.url, origin)) return;
  memcpy(http->down, origin, sizeof origin);
  http->down_err = *why;
}

static bool given_up(const struct call *call) {
  char origin[UH_HTTP_ORIGIN_MAX];
  return call->http->down[0] && uh_http_origin(call->request.url, origin) && strcmp(origin, call->http->down) == 0;
}

/* A connection that is refused costs seconds, not minutes; a service that only puts off is left at last. */
static bool patience_ends(struct call *call, int64_t pause) {
  struct uh_http *http = call->http;
  int64_t now = uh_clock_ms(), storm = http->options.storm_ms ? http->options.storm_ms : UH_HTTP_STORM_MS;
  if (call->reply.failure == UH_HTTP_UNREACHED) {
    if (!http->unreached_since) http->unreached_since = now;
    if (now + pause > http->unreached_since + UH_HTTP_UNREACHED_MS) return true;
  }
  if (!http->storm_since) http->storm_since = now;
  if (now + pause <= http->storm_since + storm) return false;
  struct uh_err why = UH_ERR_INIT;
  (void)uh_fail(&why, UH_ERR_UNAVAILABLE, "no answer but \"later\" for %lld seconds: given up",
                (long long)((now - http->storm_since) / 1000));
  why.answer = UH_TIMEOUT;
  give_up(call, &why);
  return true;
}

/* Milliseconds until the next attempt; -1: there is none. */
static int64_t pause_before_next(struct call *call, enum uh_http_verdict verdict) {
  unsigned base = call->http->options.backoff_ms ? call->http->options.backoff_ms : UH_HTTP_BACKOFF_MS;
  bool throttled = verdict == UH_HTTP_THROTTLED;
  unsigned n = throttled ? ++call->throttles : ++call->transients;
  if (n > (throttled ? UH_HTTP_THROTTLE_MAX : UH_HTTP_TRANSIENT_MAX)) return -1;
  if (verdict == UH_HTTP_AT_ONCE) return 0;
  uint64_t step = (uint64_t)base << (n < 6 ? n - 1 : 5);
  if (step > UH_HTTP_BACKOFF_CAP_MS) step = UH_HTTP_BACKOFF_CAP_MS;
  int64_t pause = (int64_t)(step / 2 + random_below((uint32_t)(step / 2 + 1)));
  const char *told_text = uh_http_header(&call->reply, "Retry-After");
  int64_t told = 0;
  if (told_text && uh_http_retry_after(told_text, (int64_t)time(NULL), &told)) {
    if (told > UH_HTTP_RETRY_AFTER_MAX_MS) return -1;
    pause = told + 1 + random_below((uint32_t)(told / 20 + 10)); /* never earlier; a little later, not all at once */
  }
  if (call->waited + pause > UH_HTTP_WAIT_MAX_MS || patience_ends(call, pause)) return -1;
  call->waited += pause;
  return pause;
}

static void arrived(struct call *call, CURLcode code) {
  (void)body_begins(call);
  if (call->reply.failure == UH_HTTP_FINE) call->reply.failure = failure_of(code);
  curl_off_t ready = 0;
  (void)curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
  if (call->reply.failure == UH_HTTP_SLOW && ready == 0) call->reply.failure = UH_HTTP_SILENT;
  enum uh_http_failure failure = call->reply.failure;
  bool nobody = failure == UH_HTTP_UNREACHED || failure == UH_HTTP_TLS || failure == UH_HTTP_SILENT;
  bool sent = !nobody;
  if (call->reply.failure != UH_HTTP_FINE) explain(call, code);
  if (call->request.intent == UH_HTTP_WRITE) {
    call->reply.outcome_unknown = sent && call->reply.failure != UH_HTTP_FINE;
    finish(call);
    return;
  }
  enum uh_http_verdict verdict =
      call->request.judge ? call->request.judge(call->request.user, &call->reply) : uh_http_judge(&call->reply);
  int64_t pause = verdict == UH_HTTP_ACCEPT ? -1 : pause_before_next(call, verdict);
  if (failure == UH_HTTP_FINE) call->http->unreached_since = 0;
  if (failure == UH_HTTP_FINE && verdict == UH_HTTP_ACCEPT) call->http->storm_since = 0;
  if (pause < 0) {
    /* Who judges a refused connection as final repeats it by himself. */
    if (nobody && (verdict != UH_HTTP_ACCEPT || failure != UH_HTTP_UNREACHED)) give_up(call, &call->reply.err);
    finish(call);
    return;
  }
  /* Bodies that do not decode, or decode to nonsense, are asked for without encoding. */
  if (call->reply.failure == UH_HTTP_ENCODING || call->reply.failure == UH_HTTP_BAD_BODY) call->no_encoding = true;
  call->not_before = uh_clock_ms() + pause;
  land(call);
}

static void stop_all(struct uh_http *http) {
  for (struct call *call = http->calls; call; call = call->next) {
    if (call->over) continue;
    call->reply.failure = UH_HTTP_STOPPED;
    call->reply.outcome_unknown = call->request.intent == UH_HTTP_WRITE && call->easy != NULL;
    call->reply.err = UH_ERR_INIT;
    (void)uh_fail(&call->reply.err, UH_ERR_INTERRUPTED, "stopped");
    finish(call);
  }
}

static void sweep(struct uh_http *http) {
  for (struct call **at = &http->calls; *at;) {
    struct call *call = *at;
    if (!call->over) {
      at = &call->next;
      continue;
    }
    *at = call->next;
    call_free(call);
  }
}

int uh_http_run(struct uh_http *http, struct uh_err *err) {
  for (;;) {
    if (http->options.cancelled && http->options.cancelled(http->options.cancel_user)) stop_all(http);
    sweep(http);
    if (!http->calls) return 0;
    int64_t now = uh_clock_ms(), wait = POLL_MS;
    for (struct call *call = http->calls; call; call = call->next) {
      if (call->easy || call->over) continue;
      if (given_up(call))
        turn_away(call);
      else if (call->not_before <= now)
        take_off(call);
      else if (call->not_before - now < wait)
        wait = call->not_before - now;
    }
    int running = 0, left = 0;
    if (curl_multi_perform(http->multi, &running) != CURLM_OK) return uh_fail(err, UH_ERR_INTERNAL, "libcurl failed");
    bool any = false;
    for (CURLMsg *m; (m = curl_multi_info_read(http->multi, &left));) {
      if (m->msg != CURLMSG_DONE) continue;
      struct call *call = NULL;
      CURLcode code = m->data.result;
      (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call);
      if (call) arrived(call, code);
      any = true;
    }
    if (any) continue;
    (void)curl_multi_poll(http->multi, NULL, 0, (int)wait, NULL);
  }
}

struct fetch {
  const struct uh_http_request *request;
  struct uh_http_reply *reply;
  struct uh_str *body;
};
static int fetch_prepare(void *user, struct uh_str *lines, struct uh_err *err) {
  struct fetch *f = user;
  return f->request->prepare ? f->request->prepare(f->request->user, lines, err) : 0;
}
static void fetch_begin(void *user, const struct uh_http_reply *reply) {
  (void)reply;
  uh_str_reset(((struct fetch *)user)->body);
}
static int fetch_chunk(void *user, const struct uh_http_reply *reply, const char *data, size_t n, struct uh_err *err) {
  (void)reply;
  struct fetch *f = user;
  uh_str_addn(f->body, data, n);
  return f->body->failed ? uh_fail_nomem(err) : 0;
}
static enum uh_http_verdict fetch_judge(void *user, const struct uh_http_reply *reply) {
  struct fetch *f = user;
  return f->request->judge ? f->request->judge(f->request->user, reply) : uh_http_judge(reply);
}
static void fetch_done(void *user, const struct uh_http_reply *reply) {
  struct fetch *f = user;
  struct uh_str headers = f->reply->headers;
  uh_str_reset(&headers);
  uh_str_addn(&headers, reply->headers.s ? reply->headers.s : "", reply->headers.len);
  *f->reply = *reply;
  f->reply->headers = headers;
}

int uh_http_fetch(struct uh_http *http, const struct uh_http_request *request, struct uh_http_reply *ret_reply,
                  struct uh_str *ret_body, struct uh_err *err) {
  struct fetch f = {request, ret_reply, ret_body};
  struct uh_http_request q = *request;
  q.user = &f;
  q.prepare = fetch_prepare;
  q.begin = fetch_begin;
  q.body_chunk = fetch_chunk;
  q.judge = fetch_judge;
  q.done = fetch_done;
  if (uh_http_start(http, &q, err) != 0) return -1;
  if (uh_http_run(http, err) != 0) return -1;
  if (ret_reply->failure == UH_HTTP_FINE) return 0;
  if (err && err->cls == UH_ERR_NONE) *err = ret_reply->err;
  return -1;
}
