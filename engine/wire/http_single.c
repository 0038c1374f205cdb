/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_single.h"

#include <curl/curl.h>
#include <strings.h>
#include <sys/socket.h>

#include "wire/clock.h"
#include "wire/http.h"

#define POLL_MS 250

struct uh_http_single {
  CURLM *multi;
  CURL *easy;
  char *url, *ca_file;
  char origin[UH_HTTP_ORIGIN_MAX];
  char *certificate;
  bool may_open, opened; /* a socket may be, was opened for this request */
  bool refused;          /* one was needed and not allowed */
  const char *body;
  size_t body_size, body_at;
  struct uh_http_single_reply *reply;
  bool too_large;
  char error[CURL_ERROR_SIZE];
};

void uh_http_single_reply_clear(struct uh_http_single_reply *reply) {
  uh_str_clear(&reply->headers);
  uh_str_clear(&reply->body);
  *reply = (struct uh_http_single_reply){0};
}

const char *uh_http_single_header(const struct uh_http_single_reply *reply, const char *name, unsigned n) {
  size_t size = strlen(name);
  for (size_t at = 0; at < reply->headers.len;) {
    const char *line = reply->headers.s + at;
    at += strlen(line) + 1;
    if (strncasecmp(line, name, size) != 0 || line[size] != ':' || n-- > 0) continue;
    line += size + 1;
    while (*line == ' ' || *line == '\t') line++;
    return line;
  }
  return NULL;
}

struct uh_http_single *uh_http_single_free(struct uh_http_single *http) {
  if (!http) return NULL;
  if (http->easy) curl_easy_cleanup(http->easy);
  if (http->multi) (void)curl_multi_cleanup(http->multi);
  free(http->url);
  free(http->ca_file);
  free(http->certificate);
  free(http);
  return NULL;
}
void uh_http_single_freep(struct uh_http_single **http) {
  *http = uh_http_single_free(*http);
}

const char *uh_http_single_certificate(const struct uh_http_single *http) {
  return http->certificate;
}

static curl_socket_t on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
  struct uh_http_single *http = user;
  (void)purpose;
  if (!http->may_open) {
    http->refused = true;
    return CURL_SOCKET_BAD;
  }
  http->opened = true;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t on_read(char *buffer, size_t size, size_t n, void *user) {
  struct uh_http_single *http = user;
  size_t left = http->body_size - http->body_at, take = size * n < left ? size * n : left;
  http->reply->sent = true;
  if (take) memcpy(buffer, http->body + http->body_at, take);
  http->body_at += take;
  return take;
}

/* Rewinding in the middle means repeating. libcurl also rewinds at the beginning, after a request that failed. */
static int on_seek(void *user, curl_off_t offset, int origin) {
  const struct uh_http_single *http = user;
  return http->body_at == 0 && offset == 0 && origin == SEEK_SET ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static size_t on_header(char *data, size_t size, size_t n, void *user) {
  struct uh_http_single *http = user;
  struct uh_str *headers = &http->reply->headers;
  n *= size;
  http->reply->sent = true;
  if (n >= 5 && memcmp(data, "HTTP/", 5) == 0) uh_str_reset(headers); /* the last block counts */
  size_t cut = n;
  while (cut && (data[cut - 1] == '\r' || data[cut - 1] == '\n')) cut--;
  if (headers->len + cut >= UH_HTTP_SINGLE_HEADERS_MAX) {
    http->too_large = true;
    return 0;
  }
  if (!cut || memchr(data, '\0', cut)) return n;
  uh_str_addn(headers, data, cut);
  uh_str_addc(headers, '\0');
  return headers->failed ? 0 : n;
}

static size_t on_body(char *data, size_t size, size_t n, void *user) {
  struct uh_http_single *http = user;
  n *= size;
  if (http->reply->body.len + n > UH_HTTP_SINGLE_BODY_MAX) {
    http->too_large = true;
    return 0;
  }
  uh_str_addn(&http->reply->body, data, n);
  return http->reply->body.failed ? 0 : n;
}

static void set_options(struct uh_http_single *http) {
  CURL *e = http->easy;
  (void)curl_easy_setopt(e, CURLOPT_URL, http->url);
  (void)curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
  (void)curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  (void)curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
  (void)curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
  (void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
  (void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
  (void)curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  (void)curl_easy_setopt(e, CURLOPT_CERTINFO, 1L);
  if (http->ca_file) (void)curl_easy_setopt(e, CURLOPT_CAINFO, http->ca_file);
  (void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  (void)curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
  (void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, UH_HTTP_SINGLE_CONNECT_MS);
  (void)curl_easy_setopt(e, CURLOPT_USERAGENT, "unhybrid/" UNHYBRID_VERSION);
  (void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, http->error);
  (void)curl_easy_setopt(e, CURLOPT_COOKIEFILE, "");
  (void)curl_easy_setopt(e, CURLOPT_POST, 1L);
  (void)curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
  (void)curl_easy_setopt(e, CURLOPT_READDATA, http);
  (void)curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
  (void)curl_easy_setopt(e, CURLOPT_SEEKDATA, http);
  (void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
  (void)curl_easy_setopt(e, CURLOPT_HEADERDATA, http);
  (void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
  (void)curl_easy_setopt(e, CURLOPT_WRITEDATA, http);
  (void)curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket);
  (void)curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, http);
}

int uh_http_single_open(const struct uh_http_single_options *options, struct uh_http_single **ret_http,
                        struct uh_err *err) {
  uh_http_begin();
  UH_CLEANUP(uh_http_single_freep) struct uh_http_single *http = calloc(1, sizeof *http);
  if (!http) return uh_fail_nomem(err);
  if (!uh_http_origin(options->url, http->origin)) {
    uh_fail(err, UH_ERR_CONFIG, "%.*s is no http or https URL, or holds a user name", UH_HEAD(options->url, 200));
    return -1;
  }
  http->url = strdup(options->url);
  http->ca_file = options->ca_file ? strdup(options->ca_file) : NULL;
  http->multi = curl_multi_init();
  http->easy = curl_easy_init();
  if (!http->url || !http->multi || !http->easy || (options->ca_file && !http->ca_file)) return uh_fail_nomem(err);
  (void)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 1L);
  set_options(http);
  *ret_http = UH_TAKE(http);
  return 0;
}

void uh_http_single_hang_up(struct uh_http_single *http) {
  CURLM *multi = curl_multi_init();
  if (!multi) return; /* then the next request finds the old one, and is refused by the server */
  (void)curl_multi_cleanup(http->multi);
  http->multi = multi;
  (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 1L);
}

/* The connection's certificate is told once, with the reply to its first request. */
static void keep_certificate(struct uh_http_single *http) {
  struct curl_certinfo *info = NULL;
  free(http->certificate);
  http->certificate = NULL; /* that of the connection before: another server may stand behind the same name */
  if (curl_easy_getinfo(http->easy, CURLINFO_CERTINFO, &info) != CURLE_OK || !info || info->num_of_certs < 1) return;
  for (struct curl_slist *l = info->certinfo[0]; l; l = l->next) {
    if (strncmp(l->data, "Cert:", 5) != 0) continue;
    http->certificate = strdup(l->data + 5);
    return;
  }
}

static int transport_failed(struct uh_http_single *http, CURLcode code, struct uh_err *err) {
  const char *detail = http->error[0] ? http->error : curl_easy_strerror(code);
  http->reply->lost = true;
  if (http->too_large)
    uh_fail(err, UH_ERR_DATA, "the reply is larger than %zu bytes", UH_HTTP_SINGLE_BODY_MAX);
  else if (http->refused)
    uh_fail(err, UH_ERR_UNAVAILABLE, "the server has closed the connection");
  else
    uh_fail(err, UH_ERR_UNAVAILABLE, "%s", detail);
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
    uh_err_remedy(err, "name the certification authority in ca_file, and the server as its certificate does");
  else if (code == CURLE_COULDNT_RESOLVE_HOST)
    uh_err_remedy(err, "check the host's name in the url, and DNS");
  else if (code == CURLE_COULDNT_CONNECT && !http->refused)
    uh_err_remedy(err, "check host and port in the url, and that this machine may reach them");
  if (err && err->answer == UH_NOT_ASKED && err->cls == UH_ERR_UNAVAILABLE) err->answer = UH_TIMEOUT;
  uh_err_where(err, "%s", http->origin);
  return -1;
}

static int ended(struct uh_http_single *http, enum uh_err_class cls, const char *what, struct uh_err *err) {
  http->reply->lost = true;
  uh_fail(err, cls, "%s", what);
  if (err && err->answer == UH_NOT_ASKED && cls == UH_ERR_UNAVAILABLE) err->answer = UH_TIMEOUT;
  uh_err_where(err, "%s", http->origin);
  return -1;
}

static int perform(struct uh_http_single *http, const struct uh_http_single_request *q, struct uh_err *err) {
  for (;;) {
    int running = 0, left = 0;
    if (curl_multi_perform(http->multi, &running) != CURLM_OK) return uh_fail(err, UH_ERR_INTERNAL, "libcurl failed");
    for (CURLMsg *m; (m = curl_multi_info_read(http->multi, &left));)
      if (m->msg == CURLMSG_DONE) return m->data.result == CURLE_OK ? 0 : transport_failed(http, m->data.result, err);
    if (q->cancelled && q->cancelled(q->cancel_user)) return ended(http, UH_ERR_INTERRUPTED, "stopped", err);
    int64_t wait = q->deadline_ms - uh_clock_ms();
    if (wait <= 0) return ended(http, UH_ERR_UNAVAILABLE, "no answer in time", err);
    (void)curl_multi_poll(http->multi, NULL, 0, wait < POLL_MS ? (int)wait : POLL_MS, NULL);
  }
}

static struct curl_slist *make_headers(const char *const *headers) {
  struct curl_slist *list = curl_slist_append(NULL, "Expect:");
  for (; list && *headers; headers++) {
    struct curl_slist *longer = curl_slist_append(list, *headers);
    if (!longer) curl_slist_free_all(list);
    list = longer;
  }
  return list;
}

static int attempt(struct uh_http_single *http, const struct uh_http_single_request *q, bool may_open,
                   struct uh_err *err) {
  http->may_open = may_open;
  http->opened = http->refused = http->too_large = false;
  http->body_at = 0;
  http->error[0] = '\0';
  uh_str_reset(&http->reply->headers);
  uh_str_reset(&http->reply->body);
  if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
    return uh_fail(err, UH_ERR_INTERNAL, "libcurl failed");
  int r = perform(http, q, err);
  if (r == 0) (void)curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &http->reply->status);
  if (r == 0 && http->opened) keep_certificate(http);
  http->reply->fresh = http->opened;
  if (http->opened && !q->body_size) http->reply->sent = true;
  (void)curl_multi_remove_handle(http->multi, http->easy);
  return r;
}

int uh_http_single_post(struct uh_http_single *http, const struct uh_http_single_request *q,
                        struct uh_http_single_reply *ret_reply, struct uh_err *err) {
  uh_http_single_reply_clear(ret_reply);
  struct curl_slist *list = make_headers(q->headers);
  if (!list) return uh_fail_nomem(err);
  http->reply = ret_reply;
  http->body = q->body;
  http->body_size = q->body_size;
  (void)curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_size);
  (void)curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, list);
  struct uh_err first = UH_ERR_INIT;
  int r = attempt(http, q, false, &first);
  if (r < 0 && http->refused && !ret_reply->sent && q->may_connect) {
    ret_reply->lost = false;
    first = UH_ERR_INIT;
    r = attempt(http, q, true, &first);
  }
  if (r < 0 && err && err->cls == UH_ERR_NONE) *err = first;
  (void)curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
  for (struct curl_slist *l = list; l; l = l->next) explicit_bzero(l->data, strlen(l->data));
  curl_slist_free_all(list);
  http->reply = NULL;
  http->body = NULL;
  return r;
}
