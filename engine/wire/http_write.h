/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_HTTP_WRITE_H
#define UH_HTTP_WRITE_H
/*
 * One request that changes something. It is sent again only where a whole reply proves that nothing was carried out:
 * the service was throttling at its door (429), or did not know the token any more (401 with a challenge). After every
 * other failure, a 503 included, it is not sent again: who was not answered looks.
 */
#include "wire/http.h"

#define UH_HTTP_WRITE_THROTTLES_MAX 20u
#define UH_HTTP_WRITE_WAIT_MAX_MS 900000 /* all pauses of one write */
#define UH_HTTP_WRITE_OVERALL_MS 960000L

struct uh_http_change {
  struct uh_http_request request;        /* intent and judge are not looked at */
  const struct uh_http_options *options; /* for cancelling and our own pauses */
  enum uh_http_verdict (*proves)(void *user, const struct uh_http_reply *reply, const struct uh_str *body);
  void *user; /* of proves: ACCEPT the reply is final; THROTTLED, AT_ONCE it proves that nothing was carried out */
};
/* What uh_http_fetch returns. *ret_undone: the last reply proves that nothing was carried out. ret_reply->attempts
 * counts all requests. */
int uh_http_write(struct uh_http *http, const struct uh_http_change *change, struct uh_http_reply *ret_reply,
                  struct uh_str *ret_body, bool *ret_undone, struct uh_err *err);
/* A 401 that a service gives before it looks at what is asked. */
bool uh_http_is_challenge(const struct uh_http_reply *reply);
#endif
