/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_write.h"

#include <strings.h>

bool uh_http_is_challenge(const struct uh_http_reply *reply) {
  const char *challenge = uh_http_header(reply, "WWW-Authenticate");
  return reply->failure == UH_HTTP_FINE && reply->status == 401 && challenge &&
         strncasecmp(challenge, "Bearer", 6) == 0;
}

/* Milliseconds until it may be sent again; -1: that is too long. */
static int64_t pause_of(const struct uh_http_change *change, const struct uh_http_reply *reply, unsigned nth) {
  unsigned base = change->options->backoff_ms ? change->options->backoff_ms : UH_HTTP_BACKOFF_MS;
  int64_t pause = (int64_t)base << (nth < 5 ? nth : 5), told;
  if (pause > UH_HTTP_BACKOFF_CAP_MS) pause = UH_HTTP_BACKOFF_CAP_MS;
  const char *text = uh_http_header(reply, "Retry-After");
  if (!text || !uh_http_retry_after(text, (int64_t)time(NULL), &told)) return pause;
  return told > UH_HTTP_RETRY_AFTER_MAX_MS ? -1 : told + 100; /* never earlier than told */
}

static bool wait_ms(const struct uh_http_options *options, int64_t ms) {
  for (; ms > 0; ms -= 200) {
    if (options->cancelled && options->cancelled(options->cancel_user)) return false;
    struct timespec t = {.tv_sec = 0, .tv_nsec = (long)((ms < 200 ? ms : 200) * 1000000)};
    (void)nanosleep(&t, NULL);
  }
  return true;
}

int uh_http_write(struct uh_http *http, const struct uh_http_change *change, struct uh_http_reply *ret_reply,
                  struct uh_str *ret_body, bool *ret_undone, struct uh_err *err) {
  struct uh_http_request q = change->request;
  q.intent = UH_HTTP_WRITE;
  q.judge = NULL;
  if (!q.overall_ms) q.overall_ms = UH_HTTP_WRITE_OVERALL_MS;
  int64_t waited = 0;
  unsigned attempts = 0, throttles = 0;
  for (;;) {
    uh_http_reply_clear(ret_reply);
    uh_str_reset(ret_body);
    struct uh_err why = UH_ERR_INIT;
    int r = uh_http_fetch(http, &q, ret_reply, ret_body, &why);
    attempts += ret_reply->attempts;
    ret_reply->attempts = attempts;
    enum uh_http_verdict verdict = r == 0 ? change->proves(change->user, ret_reply, ret_body) : UH_HTTP_ACCEPT;
    *ret_undone = verdict == UH_HTTP_THROTTLED || verdict == UH_HTTP_AT_ONCE;
    if (r != 0 && err && err->cls == UH_ERR_NONE) *err = why;
    if (!*ret_undone) return r;
    int64_t pause = verdict == UH_HTTP_AT_ONCE ? 0 : pause_of(change, ret_reply, throttles++);
    if (pause < 0 || throttles > UH_HTTP_WRITE_THROTTLES_MAX || (waited += pause) > UH_HTTP_WRITE_WAIT_MAX_MS) return 0;
    if (!wait_ms(change->options, pause)) return uh_fail(err, UH_ERR_INTERRUPTED, "stopped");
  }
}
