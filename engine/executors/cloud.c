/* SPDX-License-Identifier: Apache-2.0 */
#include "executors/cloud.h"

#include "case/config.h"

/* Percent of our own pauses that are kept: for tests of a simulator whose time runs faster. */
#define PAUSE_VARIABLE "UNHYBRID_PAUSE_PERCENT"
enum { SILENCE_MIN_S = 8 }; /* a busy machine must not look like a dead service */

static int missing(struct uh_err *err, const char *what, const char *remedy) {
  (void)uh_fail(err, UH_ERR_CONFIG, "%s", what);
  uh_err_remedy(err, "%s", remedy);
  return -1;
}

static void set_pauses(struct uh_operator_cloud *c, struct uh_oauth_options *o) {
  const char *scale = getenv(PAUSE_VARIABLE);
  unsigned long percent = scale ? strtoul(scale, NULL, 10) : 0;
  c->http.backoff_ms = UH_HTTP_BACKOFF_MS;
  o->rotation_pause_ms = UH_OAUTH_ROTATION_PAUSE_MS;
  if (percent < 1 || percent >= 100) return;
  c->http.backoff_ms = (unsigned)(UH_HTTP_BACKOFF_MS * percent / 100);
  o->rotation_pause_ms = (unsigned)(UH_OAUTH_ROTATION_PAUSE_MS * percent / 100);
  o->poll_percent = (unsigned)percent;
  long silence = UH_HTTP_LOW_SPEED_S * (long)percent / 100;
  c->http.low_speed_s = silence < SILENCE_MIN_S ? SILENCE_MIN_S : silence;
}

static void set_hosts(struct uh_operator_cloud *c, const struct uh_config *config) {
  static const enum uh_oauth_cloud clouds[] = {[UH_CLOUD_WORLDWIDE] = UH_OAUTH_WORLDWIDE,
                                               [UH_CLOUD_GCC_HIGH] = UH_OAUTH_GCC_HIGH,
                                               [UH_CLOUD_DOD] = UH_OAUTH_DOD,
                                               [UH_CLOUD_CHINA] = UH_OAUTH_CHINA};
  const struct uh_endpoints_config *e = config->endpoints;
  c->own = c->hosts = uh_oauth_hosts(clouds[config->cloud]);
  if (e && e->login) c->hosts.login = e->login;
  if (e && e->graph) c->hosts.graph = e->graph;
  if (e && e->exchange_online) c->hosts.exchange_online = e->exchange_online;
}

int uh_operator_cloud_open(const struct uh_operator_cloud_options *options, struct uh_operator_cloud **ret_cloud,
                           struct uh_err *err) {
  const struct uh_config *config = options->config;
  const struct uh_credentials *a = config->operator_ ? config->operator_->credentials : NULL;
  if (!a)
    return missing(err, "no account is configured that may change the cloud",
                   "add operator.credentials to the configuration");
  if (!config->tenant) return missing(err, "no tenant is configured", "add tenant to the configuration");
  struct uh_operator_cloud *c UH_CLEANUP(uh_operator_cloud_freep) = calloc(1, sizeof *c);
  if (!c) return uh_fail_nomem(err);
  set_hosts(c, config);
  c->http = (struct uh_http_options){.ca_file = config->endpoints ? config->endpoints->ca_file : NULL,
                                     .cancelled = options->cancelled,
                                     .cancel_user = options->cancel_user};
  struct uh_oauth_options o = {.login = c->hosts.login,
                               .tenant = config->tenant,
                               .client_id = a->client_id,
                               .secret_file = a->secret_file,
                               .certificate = a->certificate,
                               .federated_token_file = a->federated_token_file,
                               .managed_identity = a->managed_identity,
                               .device_code = a->device_code,
                               .read_secret = uh_secret_read,
                               .prompt = options->sign_in,
                               .prompt_user = options->sign_in_user};
  set_pauses(c, &o);
  o.http = c->http;
  if (uh_oauth_open(&o, &c->oauth, err) < 0) return -1;
  *ret_cloud = UH_TAKE(c);
  return 0;
}

struct uh_operator_cloud *uh_operator_cloud_free(struct uh_operator_cloud *c) {
  if (c) uh_oauth_free(c->oauth);
  free(c);
  return NULL;
}
void uh_operator_cloud_freep(struct uh_operator_cloud **cloud) {
  *cloud = uh_operator_cloud_free(*cloud);
}
