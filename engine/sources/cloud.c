/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/cloud.h"

#include <openssl/evp.h>
#include <pthread.h>

/* However much tests shorten our patience: a busy machine must not look like a dead service. */
enum { SILENCE_MIN_S = 8, STORM_MIN_MS = 10000, CONNECT_MIN_MS = 5000 };

/* A sign-in that several sources share: a person's, and, while a run keeps it, everybody's. */
static struct {
  pthread_mutex_t lock;
  const struct uh_config *config;
  struct uh_oauth *oauth;
  unsigned users;
  const struct uh_config *kept;
  const struct uh_observe *asking; /* one of the users: all belong to one observation, which says when to stop */
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool shared_stopped(void *user) {
  (void)user;
  (void)pthread_mutex_lock(&shared.lock);
  bool stop = shared.asking && uh_observe_stopped(shared.asking);
  (void)pthread_mutex_unlock(&shared.lock);
  return stop;
}

static void shared_end(void) {
  if (shared.users) return;
  uh_oauth_free(shared.oauth);
  shared.oauth = NULL;
  shared.config = NULL;
}

void uh_sign_in_keep(const struct uh_config *config) {
  (void)pthread_mutex_lock(&shared.lock);
  shared.kept = config;
  (void)pthread_mutex_unlock(&shared.lock);
}

void uh_sign_in_forget(void) {
  (void)pthread_mutex_lock(&shared.lock);
  shared.kept = NULL;
  shared_end();
  (void)pthread_mutex_unlock(&shared.lock);
}

/* With the lock held. What could not be had is tried again by the next observation, not by this one. */
static int share(struct uh_cloud_session *s, const struct uh_config *config, struct uh_oauth_options *o,
                 struct uh_err *err) {
  if (shared.users && shared.config != config) return uh_oauth_open(o, &s->oauth, err);
  if (shared.oauth && !shared.users && (shared.config != config || uh_oauth_lost(shared.oauth))) shared_end();
  s->counts_tokens = !shared.oauth;
  o->http.cancelled = shared_stopped;
  if (!shared.oauth && uh_oauth_open(o, &shared.oauth, err) < 0) return -1;
  shared.config = config;
  s->oauth = shared.oauth;
  shared.users++;
  return 0;
}

static bool stopped(void *user) {
  return uh_observe_stopped(user);
}

static unsigned percent(unsigned ms, unsigned p) {
  unsigned v = (unsigned)((uint64_t)ms * p / 100);
  return v ? v : 1;
}

const char *uh_cloud_not_configured(const struct uh_config *config) {
  if (!config->credentials) return "no credentials section";
  if (!config->tenant) return "no tenant";
  return NULL;
}

int uh_cloud_open(struct uh_observe *observe, struct uh_cloud_session *s, struct uh_err *err) {
  const struct uh_config *config = uh_observe_config(observe);
  const struct uh_credentials *c = config->credentials;
  const struct uh_endpoints_config *e = config->endpoints;
  static const enum uh_oauth_cloud clouds[] = {[UH_CLOUD_WORLDWIDE] = UH_OAUTH_WORLDWIDE,
                                               [UH_CLOUD_GCC_HIGH] = UH_OAUTH_GCC_HIGH,
                                               [UH_CLOUD_DOD] = UH_OAUTH_DOD,
                                               [UH_CLOUD_CHINA] = UH_OAUTH_CHINA};
  struct uh_oauth_hosts own = uh_oauth_hosts(clouds[config->cloud]);
  *s = (struct uh_cloud_session){
      .hosts = own, .graph_resource = own.graph, .exchange_online_resource = own.exchange_online};
  if (e && e->login) s->hosts.login = e->login;
  if (e && e->graph) s->hosts.graph = e->graph;
  if (e && e->exchange_online) s->hosts.exchange_online = e->exchange_online;
  s->http = (struct uh_http_options){
      .ca_file = e ? e->ca_file : NULL, .cancelled = stopped, .cancel_user = observe, .backoff_ms = UH_HTTP_BACKOFF_MS};
  struct uh_oauth_options o = {.login = s->hosts.login,
                               .tenant = config->tenant,
                               .client_id = c->client_id,
                               .secret_file = c->secret_file,
                               .certificate = c->certificate,
                               .federated_token_file = c->federated_token_file,
                               .managed_identity = c->managed_identity,
                               .device_code = c->device_code,
                               .read_secret = uh_secret_read,
                               .rotation_pause_ms = UH_OAUTH_ROTATION_PAUSE_MS};
  const char *scale = getenv(UH_CLOUD_PAUSE_VARIABLE);
  unsigned long p = scale ? strtoul(scale, NULL, 10) : 0;
  if (p >= 1 && p < 100) {
    s->http.backoff_ms = percent(UH_HTTP_BACKOFF_MS, (unsigned)p);
    o.rotation_pause_ms = percent(UH_OAUTH_ROTATION_PAUSE_MS, (unsigned)p);
    o.poll_percent = (unsigned)p;
    long silence = UH_HTTP_LOW_SPEED_S * (long)p / 100;
    s->http.low_speed_s = silence < SILENCE_MIN_S ? SILENCE_MIN_S : silence;
    long connect = UH_HTTP_CONNECT_MS * (long)p / 100;
    s->http.connect_ms = connect < CONNECT_MIN_MS ? CONNECT_MIN_MS : connect;
    int64_t storm = (int64_t)UH_HTTP_STORM_MS * (int64_t)p / 100;
    s->http.storm_ms = storm < STORM_MIN_MS ? STORM_MIN_MS : storm;
  }
  const char *chains = getenv(UH_CLOUD_CHAINS_VARIABLE);
  unsigned long n = chains ? strtoul(chains, NULL, 10) : 0;
  if (n >= 1 && n <= 8) s->chains = (unsigned)n;
  o.http = s->http;
  s->counts_tokens = true;
  (void)pthread_mutex_lock(&shared.lock);
  int r = c->device_code || shared.kept == config ? share(s, config, &o, err) : uh_oauth_open(&o, &s->oauth, err);
  if (r == 0 && s->oauth == shared.oauth) shared.asking = observe;
  (void)pthread_mutex_unlock(&shared.lock);
  return r;
}

void uh_cloud_close(struct uh_cloud_session *s) {
  (void)pthread_mutex_lock(&shared.lock);
  bool own = s->oauth != shared.oauth;
  if (!own && s->oauth && --shared.users == 0) {
    shared.asking = NULL;
    if (shared.kept != shared.config) shared_end();
  }
  (void)pthread_mutex_unlock(&shared.lock);
  if (own) uh_oauth_free(s->oauth);
  s->oauth = NULL;
}

int64_t uh_cloud_token_requests(const struct uh_cloud_session *s) {
  return s->counts_tokens ? uh_oauth_requests(s->oauth) : 0;
}

static size_t slot_of(const uint8_t key[UH_SEEN_KEY]) {
  uint64_t a, b;
  memcpy(&a, key, 8);
  memcpy(&b, key + 8, 8);
  a = (a ^ (b * UINT64_C(0x9E3779B97F4A7C15))) * UINT64_C(0xD6E8FEB86659FD93);
  return (size_t)(a ^ (a >> 32));
}

static const uint8_t none[UH_SEEN_KEY];

/* An all-zero slot is free; the all-zero key has a place of its own. */
static int grow(struct uh_seen *s) {
  size_t size = s->size ? s->size * 2 : 1024;
  uint8_t(*keys)[UH_SEEN_KEY] = calloc(size, sizeof *keys);
  if (!keys) return -1;
  for (size_t i = 0; i < s->size; i++) {
    if (memcmp(s->keys[i], none, sizeof none) == 0) continue;
    size_t at = slot_of(s->keys[i]) & (size - 1);
    while (memcmp(keys[at], none, sizeof none) != 0) at = (at + 1) & (size - 1);
    memcpy(keys[at], s->keys[i], sizeof none);
  }
  free(s->keys);
  s->keys = keys;
  s->size = size;
  return 0;
}

bool uh_seen_known(const struct uh_seen *s, const uint8_t key[UH_SEEN_KEY]) {
  if (memcmp(key, none, sizeof none) == 0) return s->zero;
  if (s->used == 0) return false;
  for (size_t at = slot_of(key) & (s->size - 1); memcmp(s->keys[at], none, sizeof none) != 0;
       at = (at + 1) & (s->size - 1))
    if (memcmp(s->keys[at], key, UH_SEEN_KEY) == 0) return true;
  return false;
}

int uh_seen_add(struct uh_seen *s, const uint8_t key[UH_SEEN_KEY]) {
  if (memcmp(key, none, sizeof none) == 0) {
    bool known = s->zero;
    s->zero = true;
    return !known;
  }
  if (s->used * 4 >= s->size * 3 && s->size < UH_SEEN_MAX && grow(s) != 0) return -1;
  size_t at = slot_of(key) & (s->size - 1);
  for (; memcmp(s->keys[at], none, sizeof none) != 0; at = (at + 1) & (s->size - 1))
    if (memcmp(s->keys[at], key, UH_SEEN_KEY) == 0) return 0;
  if (s->used * 8 >= s->size * 7) return 1;
  memcpy(s->keys[at], key, UH_SEEN_KEY);
  s->used++;
  return 1;
}

void uh_seen_clear(struct uh_seen *s) {
  free(s->keys);
  *s = (struct uh_seen){0};
}

void uh_seen_text_key(const char *text, size_t n, uint8_t ret_key[UH_SEEN_KEY]) {
  uint8_t digest[EVP_MAX_MD_SIZE] = {0};
  (void)EVP_Digest(text, n, digest, NULL, EVP_sha256(), NULL);
  memcpy(ret_key, digest, UH_SEEN_KEY);
}
