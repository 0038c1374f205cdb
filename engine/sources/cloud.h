/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_SOURCES_CLOUD_H
#define UH_SOURCES_CLOUD_H
/*
 * What the sources of the cloud share: credentials of the configuration, hosts, and telling objects apart.
 */
#include <unhybrid/base.h>

#include "sources/source.h"
#include "wire/http.h"
#include "wire/oauth.h"

/* Percent of our own pauses and patience (backoff, waiting for a new certificate, for silence and storms to end) that
 * are kept: for tests of a simulator whose time
 * runs faster. What a service asks for with Retry-After is never shortened. */
#define UH_CLOUD_PAUSE_VARIABLE "UNHYBRID_PAUSE_PERCENT"
/* Listings in flight at the same time, 1 to 8; for tenants that are known to bear more, or less, than the usual three.
 */
#define UH_CLOUD_CHAINS_VARIABLE "UNHYBRID_CHAINS"

struct uh_cloud_session {
  struct uh_oauth *oauth;      /* by device code one for all sources, so that a person signs in once */
  bool counts_tokens;          /* its token requests are this source's */
  struct uh_oauth_hosts hosts; /* as asked: endpoints of the configuration, else the cloud's own */
  const char *graph_resource, *exchange_online_resource; /* of the tokens: the cloud's own, always */
  struct uh_http_options http;
  unsigned chains; /* 0: the usual */
};
/* NULL: configured; else what is missing. */
const char *uh_cloud_not_configured(const struct uh_config *config);
int uh_cloud_open(struct uh_observe *observe, struct uh_cloud_session *ret_session, struct uh_err *err);
void uh_cloud_close(struct uh_cloud_session *session);
int64_t uh_cloud_token_requests(const struct uh_cloud_session *session);

/* The objects of a set that were seen already; 16 bytes each and nothing else. */
#define UH_SEEN_KEY 16
#define UH_SEEN_MAX 262144u /* keys; what comes after them counts as new */
struct uh_seen {
  uint8_t (*keys)[UH_SEEN_KEY];
  size_t size, used;
  bool zero;
};
int uh_seen_add(struct uh_seen *seen, const uint8_t key[UH_SEEN_KEY]); /* 1 new, 0 known, -1 out of memory */
bool uh_seen_known(const struct uh_seen *seen, const uint8_t key[UH_SEEN_KEY]);
void uh_seen_clear(struct uh_seen *seen);
/* A key from text, for objects without GUID. */
void uh_seen_text_key(const char *text, size_t n, uint8_t ret_key[UH_SEEN_KEY]);
#endif
