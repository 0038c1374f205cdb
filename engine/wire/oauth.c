/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/oauth.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <strings.h>
#include <unistd.h>

#define RESOURCES_MAX 8
#define ARC_KEY_MAX 4096
#define DEVICE_POLL_MAX_S 60
#define ANSWER_MAX ((size_t)1024 * 1024) /* bytes of a token or metadata answer */
#define LIFE_MAX_S (INT64_C(24) * 3600 * 2)

struct cached {
  char *resource;
  char *token; /* NULL: none */
  char *refresh;
  int64_t ends; /* monotonic seconds */
  unsigned serial;
  bool lost; /* no token was to be had: lost_why says why; asked for again from lost_until on */
  struct uh_err lost_why;
  int64_t lost_until; /* monotonic milliseconds */
  unsigned losses;    /* one after the other */
  char tid[UH_GUID_TEXT];
};

struct uh_oauth {
  pthread_mutex_t lock;
  struct uh_http *http;
  struct uh_oauth_options options;
  char *login, *tenant, *client_id, *secret_file, *certificate, *federated_token_file;
  struct cached cached[RESOURCES_MAX];
  size_t n_cached;
  char tenant_id[UH_GUID_TEXT];
};

static uh_oauth_prompt_fn default_prompt;
static void *default_prompt_user;

void uh_oauth_set_prompt(uh_oauth_prompt_fn prompt, void *user) {
  default_prompt = prompt;
  default_prompt_user = user;
}

struct uh_oauth_hosts uh_oauth_hosts(enum uh_oauth_cloud cloud) {
  static const struct uh_oauth_hosts hosts[] = {
      [UH_OAUTH_WORLDWIDE] = {"https://login.microsoftonline.com", "https://graph.microsoft.com",
                              "https://outlook.office365.com"},
      [UH_OAUTH_GCC_HIGH] = {"https://login.microsoftonline.us", "https://graph.microsoft.us",
                             "https://outlook.office365.us"},
      [UH_OAUTH_DOD] = {"https://login.microsoftonline.us", "https://dod-graph.microsoft.us",
                        "https://outlook-dod.office365.us"},
      [UH_OAUTH_CHINA] = {"https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn",
                          "https://partner.outlook.cn"},
  };
  return hosts[(unsigned)cloud <= UH_OAUTH_CHINA ? cloud : UH_OAUTH_WORLDWIDE];
}

static int64_t now_s(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_BOOTTIME, &t); /* goes on while the host sleeps, as token lives do */
  return t.tv_sec;
}

static int64_t now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_BOOTTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wipe(char **secret) {
  if (*secret) explicit_bzero(*secret, strlen(*secret));
  free(*secret);
  *secret = NULL;
}

static bool copy(char **to, const char *from) {
  *to = from ? strdup(from) : NULL;
  return !from || *to;
}

int uh_oauth_open(const struct uh_oauth_options *o, struct uh_oauth **ret_oauth, struct uh_err *err) {
  struct uh_oauth *a = calloc(1, sizeof *a);
  if (!a) return uh_fail_nomem(err);
  (void)pthread_mutex_init(&a->lock, NULL);
  a->options = *o;
  a->options.http.overall_ms = UH_OAUTH_ANSWER_MS;
  bool ok = copy(&a->login, o->login) && copy(&a->tenant, o->tenant) && copy(&a->client_id, o->client_id) &&
            copy(&a->secret_file, o->secret_file) && copy(&a->certificate, o->certificate) &&
            copy(&a->federated_token_file, o->federated_token_file);
  if (!ok || uh_http_open(&a->options.http, &a->http, err) != 0) {
    uh_oauth_free(a);
    return uh_fail_nomem(err);
  }
  uint8_t guid[UH_GUID_SIZE];
  if (a->tenant && uh_guid_parse(a->tenant, guid)) (void)uh_guid_text(guid, a->tenant_id);
  if (!a->options.prompt) {
    a->options.prompt = default_prompt;
    a->options.prompt_user = default_prompt_user;
  }
  *ret_oauth = a;
  return 0;
}

struct uh_oauth *uh_oauth_free(struct uh_oauth *a) {
  if (!a) return NULL;
  for (size_t i = 0; i < a->n_cached; i++) {
    free(a->cached[i].resource);
    wipe(&a->cached[i].token);
    wipe(&a->cached[i].refresh);
  }
  uh_http_free(a->http);
  free(a->login);
  free(a->tenant);
  free(a->client_id);
  free(a->secret_file);
  free(a->certificate);
  free(a->federated_token_file);
  (void)pthread_mutex_destroy(&a->lock);
  free(a);
  return NULL;
}
void uh_oauth_freep(struct uh_oauth **oauth) {
  *oauth = uh_oauth_free(*oauth);
}

int64_t uh_oauth_requests(struct uh_oauth *a) {
  (void)pthread_mutex_lock(&a->lock);
  int64_t n = uh_http_requests(a->http);
  (void)pthread_mutex_unlock(&a->lock);
  return n;
}

static bool stopped(const struct uh_oauth *a) {
  return a->options.http.cancelled && a->options.http.cancelled(a->options.http.cancel_user);
}

/* Waits in short pieces, so that Ctrl-C is felt. false: stopped. */
static bool wait_ms(const struct uh_oauth *a, int64_t ms) {
  while (ms > 0) {
    if (stopped(a)) return false;
    int64_t piece = ms < 200 ? ms : 200;
    struct timespec t = {.tv_sec = 0, .tv_nsec = (long)(piece * 1000000)};
    (void)nanosleep(&t, NULL);
    ms -= piece;
  }
  return !stopped(a);
}

/* A token travels in a header: nothing but visible ASCII. */
static bool token_fine(const char *t) {
  size_t n = 0;
  for (; t[n]; n++)
    if (t[n] <= ' ' || t[n] > '~' || n >= UH_OAUTH_TOKEN_MAX) return false;
  return n > 0;
}

static int64_t seconds_of(const json_t *v) { /* managed identity writes numbers as strings */
  int64_t n = json_is_integer(v)  ? (int64_t)json_integer_value(v)
              : json_is_string(v) ? strtoll(json_string_value(v), NULL, 10)
                                  : 0;
  return n < 0 ? 0 : n > LIFE_MAX_S ? LIFE_MAX_S : n;
}

static int decode_segment(const char *p, size_t n, struct uh_str *out) {
  unsigned v = 0, bits = 0;
  for (size_t i = 0; i < n; i++) {
    char c = p[i];
    unsigned d = c >= 'A' && c <= 'Z'   ? (unsigned)(c - 'A')
                 : c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 26
                 : c >= '0' && c <= '9' ? (unsigned)(c - '0') + 52
                 : c == '-' || c == '+' ? 62
                 : c == '_' || c == '/' ? 63
                                        : 99;
    if (c == '=') break;
    if (d > 63) return -1;
    v = v << 6 | d;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      uh_str_addc(out, (char)(v >> bits));
    }
    v &= 0xffff;
  }
  return out->failed ? -1 : 0;
}

static json_t *claims_of(const char *token) {
  const char *from = strchr(token, '.');
  const char *to = from ? strchr(from + 1, '.') : NULL;
  if (!to) return NULL;
  struct uh_str text UH_CLEANUP(uh_http_str_wipe) = {0};
  if (decode_segment(from + 1, (size_t)(to - from - 1), &text) != 0 || !text.s) return NULL;
  return json_loadb(text.s, text.len, 0, NULL);
}

static int keep_token(struct cached *c, const char *body, struct uh_err *err) {
  json_t *j = json_loads(body, 0, NULL);
  const char *token = json_string_value(json_object_get(j, "access_token"));
  const char *type = json_string_value(json_object_get(j, "token_type"));
  const char *refresh = json_string_value(json_object_get(j, "refresh_token"));
  int64_t life = seconds_of(json_object_get(j, "expires_in"));
  int r = 0;
  if (!token || !token_fine(token) || (type && strcasecmp(type, "Bearer") != 0)) {
    r = uh_fail(err, UH_ERR_UNAVAILABLE, "the token service answered without a token");
  } else {
    wipe(&c->token);
    c->token = strdup(token);
    c->ends = now_s() + life;
    c->serial++;
    if (refresh && strlen(refresh) <= UH_OAUTH_TOKEN_MAX) { /* it may rotate: the newest counts */
      wipe(&c->refresh);
      c->refresh = strdup(refresh);
    }
    json_t *claims = claims_of(token);
    const char *tid = json_string_value(json_object_get(claims, "tid"));
    uint8_t guid[UH_GUID_SIZE];
    if (tid && uh_guid_parse(tid, guid)) (void)uh_guid_text(guid, c->tid);
    json_decref(claims);
    if (!c->token) r = uh_fail_nomem(err);
  }
  for (const char *k = "access_token"; k; k = strcmp(k, "access_token") == 0 ? "refresh_token" : NULL) {
    char *s = (char *)(uintptr_t)json_string_value(json_object_get(j, k));
    if (s) explicit_bzero(s, strlen(s));
  }
  json_decref(j);
  return r;
}

struct asked {
  struct uh_str *body;
};
/* Transient refusals are repeated by the HTTP client. */
static enum uh_http_verdict judge_token(void *user, const struct uh_http_reply *reply) {
  struct asked *a = user;
  enum uh_http_verdict v = uh_http_judge(reply);
  if (v != UH_HTTP_ACCEPT || reply->failure != UH_HTTP_FINE || reply->status < 400) return v;
  const char *text = uh_str_text(a->body);
  return text && uh_oauth_refused(reply->status, text, NULL) == UH_OAUTH_TRANSIENT ? UH_HTTP_AGAIN : v;
}

static enum uh_http_verdict judge_once(void *user, const struct uh_http_reply *reply) {
  (void)user;
  (void)reply;
  return UH_HTTP_ACCEPT;
}

struct answer {
  long status;
  enum uh_http_failure failure;
  int64_t told; /* Retry-After in milliseconds, -1: none */
};

/* One form post; once: it is not repeated here. 0 with a body (any status), -1. */
static int post(struct uh_oauth *a, const char *path, const struct uh_str *form, bool once, struct answer *ret,
                struct uh_str *body, struct uh_err *err) {
  struct uh_str url UH_CLEANUP(uh_str_clear) = {0};
  *ret = (struct answer){.told = -1, .failure = UH_HTTP_NOT_SENT};
  uh_str_addf(&url, "%s/", a->login);
  uh_http_percent(&url, a->tenant ? a->tenant : "organizations");
  uh_str_addf(&url, "/oauth2/v2.0/%s", path);
  if (!uh_str_text(&url) || !uh_str_text(form)) return uh_fail_nomem(err);
  const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", "Accept: application/json", NULL};
  struct asked asked = {body};
  struct uh_http_request q = {.intent = UH_HTTP_READ,
                              .method = "POST",
                              .url = url.s,
                              .headers = headers,
                              .body = form->s,
                              .body_size = form->len,
                              .max_body = ANSWER_MAX,
                              .user = &asked,
                              .judge = once ? judge_once : judge_token};
  struct uh_http_reply reply = {.err = UH_ERR_INIT};
  int r = uh_http_fetch(a->http, &q, &reply, body, err);
  ret->status = reply.status;
  ret->failure = reply.failure;
  const char *told = uh_http_header(&reply, "Retry-After");
  if (told && !uh_http_retry_after(told, (int64_t)time(NULL), &ret->told)) ret->told = -1;
  if (r == 0 && reply.status != 200) {
    char origin[UH_HTTP_ORIGIN_MAX];
    if (uh_http_origin(a->login, origin)) uh_err_where(err, "%s", strstr(origin, "//") + 2);
  }
  uh_http_reply_clear(&reply);
  return r == 0 && !uh_str_text(body) ? uh_fail_nomem(err) : r;
}

static int add_proof(struct uh_oauth *a, struct uh_str *form, struct uh_err *err) {
  if (a->secret_file) {
    char *secret = NULL;
    if (a->options.read_secret(a->secret_file, &secret, err) != 0) return -1;
    uh_http_form_add(form, "client_secret", secret);
    wipe(&secret);
    return 0;
  }
  uh_http_form_add(form, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  char *text = NULL;
  if (a->federated_token_file) { /* it rotates: read each time */
    if (a->options.read_secret(a->federated_token_file, &text, err) != 0) return -1;
    if (!token_fine(text)) {
      wipe(&text);
      return uh_fail(err, UH_ERR_CONFIG, "%.*s holds no token", UH_HEAD(a->federated_token_file, 200));
    }
    uh_http_form_add(form, "client_assertion", text);
    wipe(&text);
    return 0;
  }
  struct uh_str audience UH_CLEANUP(uh_str_clear) = {0}, jwt UH_CLEANUP(uh_http_str_wipe) = {0};
  uh_str_addf(&audience, "%s/%s/oauth2/v2.0/token", a->login, a->tenant);
  if (!uh_str_text(&audience)) return uh_fail_nomem(err);
  if (a->options.read_secret(a->certificate, &text, err) != 0) return -1;
  int r = uh_oauth_assertion(text, a->client_id, audience.s, (int64_t)time(NULL), &jwt, err);
  wipe(&text);
  if (r != 0) uh_err_where(err, "%s", a->certificate);
  if (r == 0) uh_http_form_add(form, "client_assertion", jwt.s);
  return r;
}

static int scope_add(struct uh_str *form, const char *resource, bool offline) {
  struct uh_str scope UH_CLEANUP(uh_str_clear) = {0};
  uh_str_addf(&scope, "%s/.default%s", resource, offline ? " offline_access" : "");
  if (!uh_str_text(&scope)) return -1;
  uh_http_form_add(form, "scope", scope.s);
  return 0;
}

/* One try. What is to be done next stands in *ret_what; 0: there is a token. */
static int try_credentials(struct uh_oauth *a, struct cached *c, enum uh_oauth_refusal *ret_what,
                           struct answer *ret_answer, struct uh_err *err) {
  struct uh_str form UH_CLEANUP(uh_http_str_wipe) = {0}, body UH_CLEANUP(uh_http_str_wipe) = {0};
  struct answer answer;
  *ret_what = UH_OAUTH_FINAL;
  uh_http_form_add(&form, "client_id", a->client_id);
  uh_http_form_add(&form, "grant_type", "client_credentials");
  if (scope_add(&form, c->resource, false) != 0) return uh_fail_nomem(err);
  if (add_proof(a, &form, err) != 0) return -1;
  int r = post(a, "token", &form, true, &answer, &body, err);
  *ret_answer = answer;
  if (r != 0) {
    enum uh_http_failure f = answer.failure;
    if (f == UH_HTTP_UNREACHED || f == UH_HTTP_BROKEN || f == UH_HTTP_ENCODING) *ret_what = UH_OAUTH_TRANSIENT;
    return -1;
  }
  if (answer.status == 200) {
    *ret_what = UH_OAUTH_TRANSIENT;
    return keep_token(c, body.s, err);
  }
  *ret_what = uh_oauth_refused(answer.status, body.s, err);
  return -1;
}

/* An assertion serves once, so each repetition is made anew here and not by the HTTP client. */
static int by_client_credentials(struct uh_oauth *a, struct cached *c, struct uh_err *err) {
  unsigned rotation_pause = a->options.rotation_pause_ms ? a->options.rotation_pause_ms : UH_OAUTH_ROTATION_PAUSE_MS;
  unsigned backoff = a->options.http.backoff_ms ? a->options.http.backoff_ms : UH_HTTP_BACKOFF_MS;
  unsigned rotations = 0, transients = 0;
  int64_t waited = 0, began = now_s();
  for (;;) {
    struct uh_err why = UH_ERR_INIT;
    enum uh_oauth_refusal what;
    struct answer answer = {.told = -1};
    int64_t pause = -1;
    if (try_credentials(a, c, &what, &answer, &why) == 0) return 0;
    if (what == UH_OAUTH_ROTATION && rotations++ < UH_OAUTH_ROTATION_TRIES) pause = rotation_pause;
    if (what == UH_OAUTH_TRANSIENT && transients < UH_HTTP_TRANSIENT_MAX) pause = (int64_t)backoff << transients++;
    if (pause >= 0 && answer.told > pause) pause = answer.told + 10;
    waited += pause;
    bool too_long = waited > UH_OAUTH_WAIT_MAX_MS ||
                    (answer.failure == UH_HTTP_UNREACHED && (now_s() - began) * 1000 + pause > UH_HTTP_UNREACHED_MS);
    if (pause >= 0 && !too_long && wait_ms(a, pause)) continue;
    if (err && err->cls == UH_ERR_NONE) *err = why;
    return -1;
  }
}

static int by_refresh(struct uh_oauth *a, struct cached *c, struct uh_err *err) {
  struct uh_str form UH_CLEANUP(uh_http_str_wipe) = {0}, body UH_CLEANUP(uh_http_str_wipe) = {0};
  const char *refresh = c->refresh;
  for (size_t i = 0; !refresh && i < a->n_cached; i++) refresh = a->cached[i].refresh; /* it serves every resource */
  if (!refresh) return 1;
  struct answer answer;
  uh_http_form_add(&form, "client_id", a->client_id);
  uh_http_form_add(&form, "grant_type", "refresh_token");
  uh_http_form_add(&form, "refresh_token", refresh);
  if (scope_add(&form, c->resource, true) != 0) return uh_fail_nomem(err);
  if (post(a, "token", &form, false, &answer, &body, err) != 0) return -1;
  return answer.status == 200 ? keep_token(c, body.s, err) : 1;
}

static int poll_device(struct uh_oauth *a, struct cached *c, const char *device_code, int64_t interval, int64_t ends,
                       struct uh_err *err) {
  unsigned percent = a->options.poll_percent ? a->options.poll_percent : 100;
  for (;;) {
    if (!wait_ms(a, interval * 10 * percent)) return uh_fail(err, UH_ERR_INTERRUPTED, "the sign-in was stopped");
    if (now_s() > ends) return uh_fail(err, UH_ERR_DENIED, "the code has expired before anybody signed in");
    struct uh_str form UH_CLEANUP(uh_http_str_wipe) = {0}, body UH_CLEANUP(uh_http_str_wipe) = {0};
    struct answer answer;
    uh_http_form_add(&form, "grant_type", "urn:ietf:params:oauth:grant-type:device_code");
    uh_http_form_add(&form, "client_id", a->client_id);
    uh_http_form_add(&form, "device_code", device_code);
    if (post(a, "token", &form, false, &answer, &body, err) != 0) return -1;
    if (answer.status == 200) return keep_token(c, body.s, err);
    struct uh_err why = UH_ERR_INIT;
    enum uh_oauth_refusal what = uh_oauth_refused(answer.status, body.s, &why);
    if (what == UH_OAUTH_SLOW_DOWN) interval = interval + 5 > DEVICE_POLL_MAX_S ? DEVICE_POLL_MAX_S : interval + 5;
    if (what == UH_OAUTH_PENDING || what == UH_OAUTH_SLOW_DOWN) continue;
    if (err && err->cls == UH_ERR_NONE) *err = why;
    return -1;
  }
}

static int by_device_code(struct uh_oauth *a, struct cached *c, struct uh_err *err) {
  int r = by_refresh(a, c, err);
  if (r <= 0) return r;
  if (stopped(a)) return uh_fail(err, UH_ERR_INTERRUPTED, "the sign-in was stopped");
  if (!a->options.prompt) {
    (void)uh_fail(err, UH_ERR_DENIED, "device code sign-in needs a person at a terminal");
    uh_err_remedy(err, "run at a terminal, or use an app registration with a certificate");
    return -1;
  }
  struct uh_str form UH_CLEANUP(uh_http_str_wipe) = {0}, body UH_CLEANUP(uh_http_str_wipe) = {0};
  struct answer answer;
  uh_http_form_add(&form, "client_id", a->client_id);
  if (scope_add(&form, c->resource, true) != 0) return uh_fail_nomem(err);
  if (post(a, "devicecode", &form, false, &answer, &body, err) != 0) return -1;
  if (answer.status != 200) {
    struct uh_err why = UH_ERR_INIT;
    (void)uh_oauth_refused(answer.status, body.s, &why);
    if (err && err->cls == UH_ERR_NONE) *err = why;
    return -1;
  }
  json_t *j = json_loads(body.s, 0, NULL);
  const char *code = json_string_value(json_object_get(j, "device_code"));
  const char *user_code = json_string_value(json_object_get(j, "user_code"));
  const char *uri = json_string_value(json_object_get(j, "verification_uri"));
  const char *message = json_string_value(json_object_get(j, "message"));
  int64_t interval = seconds_of(json_object_get(j, "interval")), life = seconds_of(json_object_get(j, "expires_in"));
  if (interval < 1) interval = 5;
  if (interval > DEVICE_POLL_MAX_S) interval = DEVICE_POLL_MAX_S;
  if (!code || !user_code || !uri) {
    r = uh_fail(err, UH_ERR_UNAVAILABLE, "the token service answered without a code");
  } else {
    a->options.prompt(a->options.prompt_user, message ? message : "", uri, user_code);
    r = poll_device(a, c, code, interval, now_s() + (life ? life : 900), err);
  }
  json_decref(j);
  return r;
}

/* ---- managed identity ---- */

/* Transient answers of the identity endpoints: 404, 408, 410, 429 and 5xx (MSAL). */
static enum uh_http_verdict judge_identity(void *user, const struct uh_http_reply *reply) {
  (void)user;
  if (reply->failure == UH_HTTP_UNREACHED) return UH_HTTP_ACCEPT; /* no such endpoint on this host */
  if (reply->failure == UH_HTTP_FINE && (reply->status == 404 || reply->status == 410)) return UH_HTTP_AGAIN;
  return uh_http_judge(reply);
}

static int identity_get(struct uh_oauth *a, const char *url, const char *const *headers, struct uh_http_reply *reply,
                        struct uh_str *body, struct uh_err *err) {
  struct uh_http_request q = {.intent = UH_HTTP_READ,
                              .method = "GET",
                              .url = url,
                              .headers = headers,
                              .local_plain = true,
                              .max_body = ANSWER_MAX,
                              .judge = judge_identity};
  if (uh_http_fetch(a->http, &q, reply, body, err) == 0) return uh_str_text(body) ? 0 : uh_fail_nomem(err);
  uh_err_remedy(err, "give this host a managed identity, or use another way of credentials");
  return -1;
}

/* Azure Arc proves that we may read a file of its agent. The path comes from the network: it must be a .key file
 * right in the agent's token directory. */
static int arc_key(const char *challenge, struct uh_str *ret_header, struct uh_err *err) {
  static const char dir[] = "/var/opt/azcmagent/tokens/";
  const char *path = challenge ? strstr(challenge, "realm=") : NULL;
  path = path ? path + 6 : "";
  size_t n = strlen(path);
  if (strncmp(path, dir, sizeof dir - 1) != 0 || strchr(path + sizeof dir - 1, '/') || n < sizeof dir + 4 ||
      strcmp(path + n - 4, ".key") != 0)
    return uh_fail(err, UH_ERR_DENIED, "the Azure Arc agent names a key file in a place that is not its own");
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  char key[ARC_KEY_MAX + 1];
  ssize_t got = fd >= 0 ? read(fd, key, sizeof key) : -1;
  if (fd >= 0) (void)close(fd);
  if (got <= 0 || got > ARC_KEY_MAX) {
    (void)uh_fail(err, UH_ERR_DENIED, "the Azure Arc agent's key cannot be read");
    uh_err_remedy(err, "add this user to the group himds");
    return -1;
  }
  uh_str_add(ret_header, "Authorization: Basic ");
  uh_str_addn(ret_header, key, (size_t)got);
  explicit_bzero(key, sizeof key);
  return uh_str_text(ret_header) ? 0 : uh_fail_nomem(err);
}

static int by_managed_identity(struct uh_oauth *a, struct cached *c, struct uh_err *err) {
  const char *endpoint = getenv("IDENTITY_ENDPOINT"), *app_header = getenv("IDENTITY_HEADER");
  const char *imds = getenv("AZURE_POD_IDENTITY_AUTHORITY_HOST");
  bool app = endpoint && app_header, arc = endpoint && !app_header && getenv("IMDS_ENDPOINT");
  struct uh_str url UH_CLEANUP(uh_str_clear) = {0}, extra UH_CLEANUP(uh_http_str_wipe) = {0};
  if (app || arc)
    uh_str_addf(&url, "%s?api-version=%s&resource=", endpoint, app ? "2019-08-01" : "2020-06-01");
  else
    uh_str_addf(&url, "%s/metadata/identity/oauth2/token?api-version=2018-02-01&resource=",
                imds ? imds : "http://169.254.169.254");
  uh_http_percent(&url, c->resource);
  if (a->client_id && !arc) {
    uh_str_add(&url, "&client_id=");
    uh_http_percent(&url, a->client_id);
  }
  if (app) uh_str_addf(&extra, "X-IDENTITY-HEADER: %s", app_header);
  if (!uh_str_text(&url) || !uh_str_text(&extra)) return uh_fail_nomem(err);
  if (strpbrk(uh_str_text(&extra), "\r\n")) return uh_fail(err, UH_ERR_CONFIG, "IDENTITY_HEADER is malformed");
  const char *headers[] = {"Metadata: true", app ? extra.s : NULL, NULL};
  struct uh_str body UH_CLEANUP(uh_http_str_wipe) = {0};
  struct uh_http_reply reply UH_CLEANUP(uh_http_reply_clear) = {.err = UH_ERR_INIT};
  if (identity_get(a, url.s, headers, &reply, &body, err) != 0) return -1;
  if (arc && reply.status == 401) {
    if (arc_key(uh_http_header(&reply, "WWW-Authenticate"), &extra, err) != 0) return -1;
    headers[1] = extra.s;
    if (identity_get(a, url.s, headers, &reply, &body, err) != 0) return -1;
  }
  if (reply.status == 200) return keep_token(c, body.s, err);
  (void)uh_fail(err, reply.status >= 500 || reply.status == 429 ? UH_ERR_UNAVAILABLE : UH_ERR_DENIED,
                "the managed identity was not granted a token (HTTP %ld)", reply.status);
  uh_err_remedy(err, "check that this host has the identity, and client_id where it has several");
  if (err) err->answer = UH_REFUSED;
  return -1;
}

/* ---- cache ---- */

static struct cached *find(struct uh_oauth *a, const char *resource) {
  for (size_t i = 0; i < a->n_cached; i++)
    if (strcmp(a->cached[i].resource, resource) == 0) return &a->cached[i];
  if (a->n_cached == RESOURCES_MAX) return NULL;
  char *name = strdup(resource);
  if (!name) return NULL;
  a->cached[a->n_cached] = (struct cached){.resource = name, .lost_why = UH_ERR_INIT};
  return &a->cached[a->n_cached++];
}

/* Shortened like all pauses of our own. */
static void lose(struct uh_oauth *a, struct cached *c, const struct uh_err *why) {
  unsigned backoff = a->options.http.backoff_ms ? a->options.http.backoff_ms : UH_HTTP_BACKOFF_MS;
  int64_t pause = UH_OAUTH_AGAIN_MS;
  for (unsigned i = 0; i < c->losses && pause < UH_OAUTH_AGAIN_MAX_MS; i++) pause *= 2;
  if (pause > UH_OAUTH_AGAIN_MAX_MS) pause = UH_OAUTH_AGAIN_MAX_MS;
  c->lost = true;
  c->lost_why = *why;
  c->losses++;
  c->lost_until = now_ms() + pause * backoff / UH_HTTP_BACKOFF_MS;
}

/* Whoever declined to sign in is not asked for each service anew, nor later. */
static const struct cached *lost_for(const struct uh_oauth *a, const struct cached *c) {
  for (size_t i = 0; i < a->n_cached; i++) {
    const struct cached *o = &a->cached[i];
    if (o->lost && (a->options.device_code || (o == c && now_ms() < o->lost_until))) return o;
  }
  return NULL;
}

static int ensure(struct uh_oauth *a, struct cached *c, struct uh_err *err) {
  int64_t left = c->ends - now_s();
  bool serves = c->token && left > 30;
  if (c->token && left > UH_OAUTH_RENEW_S) return 0;
  const struct cached *lost = serves ? NULL : lost_for(a, c);
  if (lost) {
    if (err && err->cls == UH_ERR_NONE) *err = lost->lost_why;
    return -1;
  }
  struct uh_err why = UH_ERR_INIT;
  int r = a->options.managed_identity ? by_managed_identity(a, c, &why)
          : a->options.device_code    ? by_device_code(a, c, &why)
                                      : by_client_credentials(a, c, &why);
  if (r == 0) {
    c->lost = false;
    c->losses = 0;
    return 0;
  }
  if (serves) return 0; /* the old one still serves; the next request tries again */
  if (why.answer == UH_NOT_ASKED && why.cls == UH_ERR_DENIED) why.answer = UH_REFUSED;
  lose(a, c, &why);
  if (err && err->cls == UH_ERR_NONE) *err = why;
  return -1;
}

int uh_oauth_token(struct uh_oauth *a, const char *resource, struct uh_str *out, struct uh_err *err) {
  (void)pthread_mutex_lock(&a->lock);
  struct cached *c = find(a, resource);
  int r = c ? ensure(a, c, err) : uh_fail_nomem(err);
  if (c && r == 0) uh_str_add(out, c->token);
  (void)pthread_mutex_unlock(&a->lock);
  return r == 0 && out->failed ? uh_fail_nomem(err) : r;
}

int uh_oauth_authorize(struct uh_oauth *a, const char *resource, struct uh_str *lines, struct uh_err *err) {
  uh_str_add(lines, "Authorization: Bearer ");
  if (uh_oauth_token(a, resource, lines, err) != 0) return -1;
  uh_str_addc(lines, '\n');
  return lines->failed ? uh_fail_nomem(err) : 0;
}

unsigned uh_oauth_serial(struct uh_oauth *a, const char *resource) {
  (void)pthread_mutex_lock(&a->lock);
  struct cached *c = find(a, resource);
  unsigned serial = c ? c->serial : 0;
  (void)pthread_mutex_unlock(&a->lock);
  return serial;
}

void uh_oauth_drop(struct uh_oauth *a, const char *resource, unsigned seen) {
  (void)pthread_mutex_lock(&a->lock);
  struct cached *c = find(a, resource);
  if (c && c->serial == seen) wipe(&c->token);
  (void)pthread_mutex_unlock(&a->lock);
}

bool uh_oauth_lost(struct uh_oauth *a) {
  bool lost = false;
  (void)pthread_mutex_lock(&a->lock);
  for (size_t i = 0; i < a->n_cached; i++) lost = lost || a->cached[i].lost;
  (void)pthread_mutex_unlock(&a->lock);
  return lost;
}

int uh_oauth_claim_count(struct uh_oauth *a, const char *resource, const char *claim, size_t *ret_count) {
  struct uh_str token UH_CLEANUP(uh_http_str_wipe) = {0};
  if (uh_oauth_token(a, resource, &token, NULL) != 0 || !token.s) return -1;
  json_t *claims = claims_of(token.s);
  if (!claims) return -1; /* an opaque token says nothing */
  const json_t *v = json_object_get(claims, claim);
  *ret_count = json_is_array(v) ? json_array_size(v) : json_is_string(v) ? 1 : 0;
  json_decref(claims);
  return 0;
}

/* {"issuer":"https://sts.windows.net/<id>/"...} or ".../<id>/v2.0" */
static int from_openid(struct uh_oauth *a, char ret_tenant[UH_GUID_TEXT], struct uh_err *err) {
  struct uh_str url UH_CLEANUP(uh_str_clear) = {0}, body UH_CLEANUP(uh_str_clear) = {0};
  uh_str_addf(&url, "%s/", a->login);
  uh_http_percent(&url, a->tenant);
  uh_str_add(&url, "/v2.0/.well-known/openid-configuration");
  if (!uh_str_text(&url)) return uh_fail_nomem(err);
  struct uh_http_request q = {.intent = UH_HTTP_READ, .method = "GET", .url = url.s, .max_body = ANSWER_MAX};
  struct uh_http_reply reply UH_CLEANUP(uh_http_reply_clear) = {.err = UH_ERR_INIT};
  if (uh_http_fetch(a->http, &q, &reply, &body, err) != 0) return -1;
  json_t *j = body.s ? json_loads(body.s, 0, NULL) : NULL;
  const char *issuer = json_string_value(json_object_get(j, "issuer"));
  bool found = false;
  for (const char *p = issuer; p && !found && (p = strchr(p, '/'));) {
    char id[UH_GUID_TEXT] = "";
    uint8_t guid[UH_GUID_SIZE];
    (void)snprintf(id, sizeof id, "%s", ++p);
    found = strlen(id) == UH_GUID_TEXT - 1 && uh_guid_parse(id, guid);
    if (found) (void)uh_guid_text(guid, ret_tenant);
  }
  json_decref(j);
  if (found) return 0;
  (void)uh_fail(err, UH_ERR_CONFIG, "the id of tenant %.*s cannot be found out", UH_HEAD(a->tenant, 100));
  uh_err_remedy(err, "write the tenant's id in the configuration");
  return -1;
}

int uh_oauth_tenant_id(struct uh_oauth *a, const char *resource, char ret_tenant[UH_GUID_TEXT], struct uh_err *err) {
  (void)pthread_mutex_lock(&a->lock);
  int r = 0;
  if (!a->tenant_id[0]) {
    struct cached *c = find(a, resource);
    r = c ? ensure(a, c, err) : uh_fail_nomem(err);
    if (c && r == 0 && c->tid[0])
      memcpy(a->tenant_id, c->tid, sizeof a->tenant_id);
    else if (r == 0 && a->tenant)
      r = from_openid(a, a->tenant_id, err);
    else if (r == 0)
      r = uh_fail(err, UH_ERR_CONFIG, "the configuration names no tenant");
  }
  if (r == 0) memcpy(ret_tenant, a->tenant_id, UH_GUID_TEXT);
  (void)pthread_mutex_unlock(&a->lock);
  return r;
}
