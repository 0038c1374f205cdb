/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_OAUTH_H
#define UH_OAUTH_H
/*
 * Access tokens of Microsoft Entra ID in five ways: client secret, certificate (PS256 assertion), federated token,
 * managed identity (App Service, Azure Arc, IMDS), device code. Tokens are kept per resource and renewed before they
 * end; one request at a time. Safe from any thread. Secrets and tokens are overwritten before they are freed. What
 * could not be had, after all repetitions, is asked for again only after a pause that grows: until then every wish gets
 * the same error at once. Whoever did not sign in by device code is not asked again at all.
 *
 * Refusals are told apart by `error` and the AADSTS number, never by text.
 */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

#include "wire/http.h"

#define UH_OAUTH_RENEW_S 300      /* less than this left: renewed, so that a long listing never meets an old token */
#define UH_OAUTH_ROTATION_TRIES 3 /* AADSTS700027: a new certificate takes a while to arrive everywhere */
#define UH_OAUTH_ROTATION_PAUSE_MS 10000u
#define UH_OAUTH_TOKEN_MAX 65536u
#define UH_OAUTH_ANSWER_MS 20000L   /* a token is given at once, or the service is not well */
#define UH_OAUTH_WAIT_MAX_MS 120000 /* all pauses before one token */
#define UH_OAUTH_AGAIN_MS 15000     /* after one that could not be had, doubled each time */
#define UH_OAUTH_AGAIN_MAX_MS 600000

/* Hosts of one cloud. Every one can be replaced (private routes, tests). */
struct uh_oauth_hosts {
  const char *login, *graph, *exchange_online; /* https://host */
};
enum uh_oauth_cloud { UH_OAUTH_WORLDWIDE, UH_OAUTH_GCC_HIGH, UH_OAUTH_DOD, UH_OAUTH_CHINA };
struct uh_oauth_hosts uh_oauth_hosts(enum uh_oauth_cloud cloud);

/* Shown to a person who signs in by device code. */
typedef void (*uh_oauth_prompt_fn)(void *user, const char *message, const char *uri, const char *code);
/* For programs whose sources run deep below: the prompt that options without one use. Set before threads start. */
void uh_oauth_set_prompt(uh_oauth_prompt_fn prompt, void *user);

struct uh_oauth_options {
  const char *login;  /* https://host */
  const char *tenant; /* id or domain; managed identity needs none */
  const char *UH_NULLABLE client_id;
  /* exactly one of the five */
  const char *UH_NULLABLE secret_file, *UH_NULLABLE certificate, *UH_NULLABLE federated_token_file;
  bool managed_identity, device_code;
  /* Reads a secret file into memory from malloc, refusing files that others can read. */
  int (*read_secret)(const char *path, char **ret_secret, struct uh_err *err);
  uh_oauth_prompt_fn UH_NULLABLE prompt;
  void *prompt_user;
  unsigned rotation_pause_ms; /* 0: UH_OAUTH_ROTATION_PAUSE_MS */
  unsigned poll_percent;      /* 0: 100. Device code: share of the interval that is waited; tests shorten it */
  struct uh_http_options http;
};

struct uh_oauth;
int uh_oauth_open(const struct uh_oauth_options *options, struct uh_oauth **ret_oauth, struct uh_err *err);
struct uh_oauth *uh_oauth_free(struct uh_oauth *UH_NULLABLE oauth);
void uh_oauth_freep(struct uh_oauth **oauth);
/* A token for the resource ("https://graph.microsoft.com"), appended to out; wipe out afterwards. */
int uh_oauth_token(struct uh_oauth *oauth, const char *resource, struct uh_str *out, struct uh_err *err);
/* "Authorization: Bearer ..." and a newline, for uh_http_request.prepare. */
int uh_oauth_authorize(struct uh_oauth *oauth, const char *resource, struct uh_str *header_lines, struct uh_err *err);
/* The service answered 401: forget this resource's token, unless it has been renewed since `seen` (uh_oauth_serial). */
void uh_oauth_drop(struct uh_oauth *oauth, const char *resource, unsigned seen);
unsigned uh_oauth_serial(struct uh_oauth *oauth, const char *resource); /* number of its present token */
/* The tenant's id: from the configuration where that is a GUID, else from a token's tid, else from the login host's
 * OpenID configuration. Never used to decide what somebody may do. */
int uh_oauth_tenant_id(struct uh_oauth *oauth, const char *resource, char ret_tenant[UH_GUID_TEXT], struct uh_err *err);
/* A claim of the token that is a string, or of a list of strings its number: for early diagnostics ("no roles"). */
int uh_oauth_claim_count(struct uh_oauth *oauth, const char *resource, const char *claim, size_t *ret_count);
int64_t uh_oauth_requests(struct uh_oauth *oauth);
bool uh_oauth_lost(struct uh_oauth *oauth); /* a token could not be had when it was last asked for */

/* Parts, for tests. */
/* The error body of the token endpoint: fills err with class, text and remedy. Returns what to do. */
enum uh_oauth_refusal { UH_OAUTH_FINAL, UH_OAUTH_TRANSIENT, UH_OAUTH_ROTATION, UH_OAUTH_PENDING, UH_OAUTH_SLOW_DOWN };
enum uh_oauth_refusal uh_oauth_refused(long status, const char *body, struct uh_err *err);
/* A client assertion: PS256, x5t#S256, numeric dates. pem: certificate and private key. */
int uh_oauth_assertion(const char *pem, const char *client_id, const char *audience, int64_t now,
                       struct uh_str *ret_jwt, struct uh_err *err);
void uh_oauth_base64url(struct uh_str *out, const void *data, size_t n);
#endif
