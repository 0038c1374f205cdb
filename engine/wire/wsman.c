/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wsman.h"

#include <ctype.h>

#include "wire/base64.h"
#include "wire/clock.h"
#include "wire/http.h"
#include "wire/wsman_soap.h"

#define RESOURCE "http://schemas.microsoft.com/powershell/Microsoft.Exchange"
#define TERMINATE "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/Terminate"
#define STOP "powershell/signal/crtl_c" /* spelt so by client and server of Windows */
#define ENVELOPE_TEXT ((size_t)4096)    /* of a request without its data */
#define UUID_TEXT (5 + UH_GUID_TEXT)
#define SLICE_MS 250
#define FRAGMENT_HEADER ((size_t)21)

struct uh_wsman {
  struct uh_wsman_login *login;
  char *url, *resource;
  char session_id[UUID_TEXT], message_id[UUID_TEXT]; /* of the session, of the request at hand */
  char shell[UH_WSMAN_ID_MAX];
  bool exists; /* the shell, or it may */
  size_t max_envelope;
  int64_t operation_ms, quota_pause_ms, quota_wait_ms;
  char server[128];
  struct place {
    uint64_t object, fragment;
    bool ended;
  } last;        /* of the fragments that came */
  bool doubtful; /* a Receive was not answered: what comes next must follow on what came last */
};

static void new_uuid(char ret[UUID_TEXT]) {
  char guid[UH_GUID_TEXT];
  uh_http_new_guid(guid);
  for (char *p = guid; *p; p++) *p = (char)toupper((unsigned char)*p);
  (void)snprintf(ret, UUID_TEXT, "uuid:%s", guid);
}

static void id_text(const uint8_t guid[UH_GUID_SIZE], char ret[UH_WSMAN_ID_MAX]) {
  char text[UH_GUID_TEXT];
  (void)uh_guid_text(guid, text);
  for (char *p = text; *p; p++) *p = (char)toupper((unsigned char)*p);
  (void)snprintf(ret, UH_WSMAN_ID_MAX, "%s", text);
}

struct uh_wsman *uh_wsman_free(struct uh_wsman *w) {
  if (!w) return NULL;
  uh_wsman_login_free(w->login);
  free(w->url);
  free(w->resource);
  free(w);
  return NULL;
}
void uh_wsman_freep(struct uh_wsman **wsman) {
  *wsman = uh_wsman_free(*wsman);
}
int64_t uh_wsman_sign_ins(const struct uh_wsman *w) {
  return uh_wsman_login_count(w->login);
}
const char *uh_wsman_server(const struct uh_wsman *w) {
  return w->server;
}

/* Exchange gives sizes, lists and numbers as text unless it is asked for all of them. */
static const char *exchange_url(const struct uh_wsman_options *o, struct uh_str *full) {
  bool says = strchr(o->login.url, '?') || (o->resource && strcmp(o->resource, RESOURCE) != 0);
  uh_str_addf(full, "%s%s", o->login.url, says ? "" : "?serializationLevel=Full");
  return uh_str_text(full);
}

int uh_wsman_open(const struct uh_wsman_options *o, struct uh_wsman **ret, struct uh_err *err) {
  UH_CLEANUP(uh_wsman_freep) struct uh_wsman *w = calloc(1, sizeof *w);
  if (!w) return uh_fail_nomem(err);
  w->url = strdup(o->login.url);
  w->resource = strdup(o->resource ? o->resource : RESOURCE);
  if (!w->url || !w->resource) return uh_fail_nomem(err);
  w->operation_ms = o->operation_ms ? o->operation_ms : UH_WSMAN_OPERATION_MS;
  w->quota_pause_ms = o->quota_pause_ms ? o->quota_pause_ms : UH_WSMAN_QUOTA_PAUSE_MS;
  w->quota_wait_ms = o->quota_wait_ms;
  w->max_envelope = UH_WSMAN_ENVELOPE_FIRST;
  new_uuid(w->session_id);
  struct uh_str url UH_CLEANUP(uh_str_clear) = {0};
  struct uh_wsman_login_options login = o->login;
  login.url = exchange_url(o, &url);
  if (!login.url) return uh_fail_nomem(err);
  if (uh_wsman_login_open(&login, &w->login, err) < 0) return -1;
  *ret = UH_TAKE(w);
  return 0;
}

/* ---- one request ---- */

/* A Receive comes back when there is nothing to tell; the rest may take what PowerShell's own client grants. */
static int64_t patience(const struct uh_wsman *w, enum uh_wsman_verb verb) {
  if (verb == UH_WSMAN_RECEIVE) return w->operation_ms;
  return verb == UH_WSMAN_SIGNAL || verb == UH_WSMAN_DELETE ? UH_WSMAN_CLOSE_MS : UH_WSMAN_OPEN_MS;
}

/* The server may take that long; the connection waits a little longer, but never past the call's deadline. */
static int exchange(struct uh_wsman *w, struct uh_psrp_call *call, struct uh_wsman_ask *ask,
                    struct uh_wsman_answer **ret, struct uh_err *err) {
  struct uh_str soap = {0};
  struct uh_wsman_reply reply = {0};
  int64_t left = call->deadline_ms - uh_clock_ms();
  if (left <= 0) {
    uh_fail(err, UH_ERR_UNAVAILABLE, "no time is left for this request");
    if (err && err->answer == UH_NOT_ASKED) err->answer = UH_TIMEOUT;
    return -1;
  }
  new_uuid(w->message_id);
  ask->message_id = w->message_id;
  ask->session_id = w->session_id;
  ask->to = w->url;
  ask->resource = w->resource;
  ask->shell = w->shell;
  ask->max_envelope = w->max_envelope;
  ask->timeout_ms = patience(w, ask->verb);
  if (left < ask->timeout_ms) ask->timeout_ms = left;
  struct uh_psrp_call patient = *call;
  if (left > ask->timeout_ms + UH_WSMAN_GRACE_MS)
    patient.deadline_ms = uh_clock_ms() + ask->timeout_ms + UH_WSMAN_GRACE_MS;
  int r = uh_wsman_make_envelope(ask, &soap, err);
  if (r == 0) r = uh_wsman_login_post(w->login, &patient, uh_str_text(&soap), soap.len, &reply, err);
  call->sent = call->sent || patient.sent;
  if (r == 0) {
    memcpy(w->server, reply.server, sizeof w->server);
    r = uh_wsman_read_envelope(reply.soap.s ? reply.soap.s : "", reply.soap.len, w->message_id, ret, err);
  }
  if (r < 0) uh_err_where(err, "%s", w->url);
  uh_str_clear(&soap);
  uh_wsman_reply_clear(&reply);
  return r;
}

static int fault_error(const struct uh_wsman *w, const struct uh_wsman_answer *a, const char *doing,
                       struct uh_err *err) {
  const struct uh_wsman_fault *f = uh_wsman_answer_fault(a);
  if (f)
    (void)uh_wsman_fault_error(f, err);
  else
    uh_fail(err, UH_ERR_DATA, "%s: the server answers something else", doing);
  if (err && !err->request_id[0])
    (void)snprintf(err->request_id, sizeof err->request_id, "%s", uh_wsman_answer_activity(a));
  uh_err_where(err, "%s%s%s", w->url, w->server[0] ? ", " : "", w->server);
  return -1;
}

/* A request whose reply tells nothing but that it was done. gone_is_fine: so is a shell that does not exist. */
static int simply(struct uh_wsman *w, struct uh_psrp_call *call, struct uh_wsman_ask *ask, bool gone_is_fine,
                  const char *doing, struct uh_err *err) {
  UH_CLEANUP(uh_wsman_answer_freep) struct uh_wsman_answer *a = NULL;
  if (exchange(w, call, ask, &a, err) < 0) return -1;
  const struct uh_wsman_fault *f = uh_wsman_answer_fault(a);
  if (f && gone_is_fine && f->code == UH_WSMAN_NO_SUCH_SHELL) return 0;
  return uh_wsman_answers(a, ask->verb) ? 0 : fault_error(w, a, doing, err);
}

/* ---- the transport ---- */

/* What a server of the oldest kind takes, whatever we take from it. */
static size_t ws_room(void *self) {
  (void)self;
  return (UH_WSMAN_ENVELOPE_FIRST - ENVELOPE_TEXT) / 4 * 3;
}

static int wait_ms(struct uh_psrp_call *call, int64_t ms, struct uh_err *err) {
  for (int64_t until = uh_clock_ms() + ms; uh_clock_ms() < until;) {
    if (call->cancelled && call->cancelled(call->cancel_user)) return uh_fail(err, UH_ERR_INTERRUPTED, "stopped");
    struct timespec slice = {0, SLICE_MS * 1000000L};
    (void)nanosleep(&slice, NULL);
  }
  return 0;
}

enum { CREATED, TOO_MANY, OTHER_VERSION, REDIRECTED };

/* One of the above, or -1. TOO_MANY and REDIRECTED: *err says so already, for the case that it stays so. */
static int create_once(struct uh_wsman *w, struct uh_psrp_call *call, struct uh_wsman_ask *ask,
                       char ret_redirect[UH_WSMAN_URL_MAX], struct uh_err *err) {
  UH_CLEANUP(uh_wsman_answer_freep) struct uh_wsman_answer *a = NULL;
  call->sent = false;
  int r = exchange(w, call, ask, &a, err);
  w->exists = call->sent; /* unless the answer says otherwise */
  const struct uh_wsman_fault *f = r == 0 ? uh_wsman_answer_fault(a) : NULL;
  (void)snprintf(ret_redirect, UH_WSMAN_URL_MAX, "%s", f ? f->redirect : uh_wsman_login_redirect(w->login));
  if (r < 0) return ret_redirect[0] ? REDIRECTED : -1;
  if (f) w->exists = f->code == UH_WSMAN_TIMED_OUT; /* it may come into being yet */
  if (f && f->code >= UH_WSMAN_OTHER_PROTOCOL && f->code <= UH_WSMAN_OTHER_PROTOCOL + 2) return OTHER_VERSION;
  if (!uh_wsman_answers(a, UH_WSMAN_CREATE)) {
    (void)fault_error(w, a, "Create", err);
    return !f ? -1 : f->too_many ? TOO_MANY : f->redirect[0] ? REDIRECTED : -1;
  }
  if (uh_wsman_answer_shell(a, w->shell)) return CREATED;
  return uh_fail(err, UH_ERR_DATA, "the server does not say which session it opened");
}

static int move(struct uh_wsman *w, const char *url, struct uh_err *err) {
  char *copy = strdup(url);
  if (!copy) return uh_fail_nomem(err);
  if (uh_wsman_login_move(w->login, url, err) < 0) {
    uh_err_where(err, "%s", w->url);
    free(copy);
    return -1;
  }
  free(w->url);
  w->url = copy;
  return 0;
}

/* Until a shell stands: no session free now, another server in place of this one. */
static int create(struct uh_wsman *w, struct uh_psrp_call *call, struct uh_wsman_ask *ask, struct uh_err *err) {
  int64_t pause = w->quota_pause_ms, until = w->quota_wait_ms ? uh_clock_ms() + w->quota_wait_ms : call->deadline_ms;
  if (until > call->deadline_ms) until = call->deadline_ms;
  for (int hops = 0;;) {
    char redirect[UH_WSMAN_URL_MAX];
    struct uh_err last = UH_ERR_INIT, why = UH_ERR_INIT;
    int r = create_once(w, call, ask, redirect, &last);
    if (r == CREATED || r == OTHER_VERSION) return r;
    bool again = r == REDIRECTED ? hops++ < UH_WSMAN_HOPS_MAX && move(w, redirect, &why) == 0
                                 : r == TOO_MANY && uh_clock_ms() + pause < until && wait_ms(call, pause, &why) == 0;
    if (!again) {
      if (err && err->cls == UH_ERR_NONE) *err = why.cls != UH_ERR_NONE ? why : last;
      return -1;
    }
    if (r == TOO_MANY) pause = pause * 2 < UH_WSMAN_QUOTA_PAUSE_MAX_MS ? pause * 2 : UH_WSMAN_QUOTA_PAUSE_MAX_MS;
  }
}

static int ws_open(void *self, struct uh_psrp_call *call, const uint8_t pool[UH_GUID_SIZE], const char *protocol,
                   const void *creation, size_t n, struct uh_err *err) {
  struct uh_wsman *w = self;
  struct uh_str data = {0};
  id_text(pool, w->shell);
  w->last = (struct place){0}; /* a new shell counts anew, whatever became of the one before */
  w->doubtful = false;
  w->max_envelope = UH_WSMAN_ENVELOPE_FIRST;
  uh_base64_add(&data, creation, n);
  struct uh_wsman_ask ask = {.verb = UH_WSMAN_CREATE, .protocol = protocol, .data = uh_str_text(&data)};
  int r = ask.data ? create(w, call, &ask, err) : uh_fail_nomem(err);
  uh_str_clear(&data);
  if (r < 0) return -1;
  if (r == OTHER_VERSION) return UH_PSRP_OTHER_VERSION;
  if (strcmp(protocol, "2.1") != 0) w->max_envelope = UH_WSMAN_ENVELOPE;
  return 0;
}

static int ws_command(void *self, struct uh_psrp_call *call, const uint8_t pipeline[UH_GUID_SIZE], const void *fragment,
                      size_t n, uint8_t ret_pipeline[UH_GUID_SIZE], struct uh_err *err) {
  struct uh_wsman *w = self;
  UH_CLEANUP(uh_wsman_answer_freep) struct uh_wsman_answer *a = NULL;
  struct uh_str data = {0};
  char command[UH_WSMAN_ID_MAX], theirs[UH_WSMAN_ID_MAX];
  id_text(pipeline, command);
  uh_base64_add(&data, fragment, n);
  struct uh_wsman_ask ask = {.verb = UH_WSMAN_COMMAND, .command = command, .data = uh_str_text(&data)};
  int r = ask.data ? exchange(w, call, &ask, &a, err) : uh_fail_nomem(err);
  uh_str_clear(&data);
  if (r < 0) return -1;
  if (!uh_wsman_answers(a, UH_WSMAN_COMMAND)) return fault_error(w, a, "Command", err);
  if (!uh_wsman_answer_command(a, theirs) || !uh_guid_parse(theirs, ret_pipeline))
    return uh_fail(err, UH_ERR_DATA, "the server does not say which command it started");
  return 0;
}

static int ws_send(void *self, struct uh_psrp_call *call, const uint8_t *pipeline, enum uh_psrp_stream stream,
                   const void *fragments, size_t n, struct uh_err *err) {
  struct uh_wsman *w = self;
  struct uh_str data = {0};
  char command[UH_WSMAN_ID_MAX];
  if (pipeline) id_text(pipeline, command);
  uh_base64_add(&data, fragments, n);
  struct uh_wsman_ask ask = {.verb = UH_WSMAN_SEND,
                             .command = pipeline ? command : NULL,
                             .stream = stream == UH_PSRP_PR ? "pr" : "stdin",
                             .data = uh_str_text(&data)};
  int r = ask.data ? simply(w, call, &ask, false, "Send", err) : uh_fail_nomem(err);
  uh_str_clear(&data);
  return r;
}

static int received(struct uh_wsman *w, const struct uh_wsman_answer *a, const char *command,
                    int (*bytes)(void *user, const void *data, size_t n, struct uh_err *err), void *user,
                    bool *ret_done, struct uh_err *err) {
  const struct uh_wsman_fault *f = uh_wsman_answer_fault(a);
  *ret_done = false;
  if (f && f->code == UH_WSMAN_TIMED_OUT) return 0;
  if (!uh_wsman_answers(a, UH_WSMAN_RECEIVE)) return fault_error(w, a, "Receive", err);
  return uh_wsman_answer_streams(a, command, bytes, user, ret_done, err);
}

static uint64_t big_endian(const uint8_t *s, size_t n) {
  uint64_t value = 0;
  for (size_t i = 0; i < n; i++) value = value << 8 | s[i];
  return value;
}

/* Who reads, and through whom the bytes pass. */
struct passage {
  struct uh_wsman *wsman;
  int (*bytes)(void *user, const void *data, size_t n, struct uh_err *err);
  void *user;
};

/* Object and fragment numbers ascend without gaps over the whole shell, as long as all that was sent has come. After a
 * Receive without an answer, what does not follow on the last fragment shows that the answer is lost for ever. */
static int follow(struct uh_wsman *w, const uint8_t *data, size_t n, struct uh_err *err) {
  for (size_t at = 0; n - at >= FRAGMENT_HEADER;) {
    const uint8_t *head = data + at;
    struct place now = {big_endian(head, 8), big_endian(head + 8, 8), (head[16] & 2) != 0};
    size_t size = (size_t)big_endian(head + 17, 4);
    bool follows = w->last.ended || !w->last.object
                       ? now.object == w->last.object + 1 && now.fragment == 0
                       : now.object == w->last.object && now.fragment == w->last.fragment + 1;
    if (w->doubtful && !follows) {
      uh_fail(err, UH_ERR_UNAVAILABLE, "an answer of the server was lost, and with it a part of what was asked for");
      if (err && err->answer == UH_NOT_ASKED) err->answer = UH_TIMEOUT;
      uh_err_where(err, "%s", w->url);
      uh_err_remedy(err, "run again");
      return -1;
    }
    w->doubtful = false;
    w->last = now;
    if (size > n - at - FRAGMENT_HEADER) break; /* PSRP will say so */
    at += FRAGMENT_HEADER + size;
  }
  return 0;
}

static int pass(void *user, const void *data, size_t n, struct uh_err *err) {
  const struct passage *p = user;
  if (follow(p->wsman, data, n, err) < 0) return -1;
  return p->bytes(p->user, data, n, err);
}

/* An unanswered Receive is asked again: the server gives the same data once more, or the gap shows. */
static int ws_receive(void *self, struct uh_psrp_call *call, const uint8_t *pipeline,
                      int (*bytes)(void *user, const void *data, size_t n, struct uh_err *err), void *user,
                      bool *ret_done, struct uh_err *err) {
  struct uh_wsman *w = self;
  UH_CLEANUP(uh_wsman_answer_freep) struct uh_wsman_answer *a = NULL;
  struct passage passage = {w, bytes, user};
  struct uh_err last = UH_ERR_INIT;
  char command[UH_WSMAN_ID_MAX];
  if (pipeline) id_text(pipeline, command);
  for (int i = 0; !a; i++) {
    struct uh_wsman_ask ask = {.verb = UH_WSMAN_RECEIVE, .command = pipeline ? command : NULL};
    last = UH_ERR_INIT;
    if (exchange(w, call, &ask, &a, &last) == 0) break;
    w->doubtful = true;
    if (last.cls == UH_ERR_UNAVAILABLE && i + 1 < UH_WSMAN_RECEIVE_TRIES && uh_clock_ms() < call->deadline_ms) continue;
    if (err && err->cls == UH_ERR_NONE) *err = last;
    return -1;
  }
  return received(w, a, pipeline ? command : NULL, pass, &passage, ret_done, err);
}

static int ws_signal(void *self, struct uh_psrp_call *call, const uint8_t pipeline[UH_GUID_SIZE],
                     enum uh_psrp_signal signal, struct uh_err *err) {
  char command[UH_WSMAN_ID_MAX];
  id_text(pipeline, command);
  struct uh_wsman_ask ask = {
      .verb = UH_WSMAN_SIGNAL, .command = command, .code = signal == UH_PSRP_SIGNAL_STOP ? STOP : TERMINATE};
  return simply(self, call, &ask, true, "Signal", err);
}

static int ws_close(void *self, struct uh_psrp_call *call, struct uh_err *err) {
  struct uh_wsman *w = self;
  struct uh_wsman_ask ask = {.verb = UH_WSMAN_DELETE};
  if (!w->exists) return 0;
  int r = simply(w, call, &ask, true, "Delete", err);
  if (r == 0) w->exists = false;
  return r;
}

struct uh_psrp_transport uh_wsman_transport(struct uh_wsman *wsman) {
  static const struct uh_psrp_transport_ops ops = {.open = ws_open,
                                                   .command = ws_command,
                                                   .send = ws_send,
                                                   .receive = ws_receive,
                                                   .signal = ws_signal,
                                                   .close = ws_close,
                                                   .room = ws_room};
  return (struct uh_psrp_transport){&ops, wsman};
}
