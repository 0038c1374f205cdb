/* SPDX-License-Identifier: Apache-2.0 */
/* One writing cmdlet of Exchange Online, and what its reply means. */
#include <jansson.h>
#include <strings.h>

#include <unhybrid/text.h>

#include "wire/exchange_online_client.h"
#include "wire/http_write.h"

struct writing {
  struct uh_exo *exo;
  const struct uh_exo_change *change;
  struct uh_exo_written *to;
  unsigned token_serial;
  bool token_renewed;
};

static int prepare(void *user, struct uh_str *lines, struct uh_err *err) {
  struct writing *w = user;
  int r = uh_oauth_authorize(w->exo->options.oauth, w->exo->resource, lines, err);
  w->token_serial = uh_oauth_serial(w->exo->options.oauth, w->exo->resource);
  return r;
}

/* The envelope of errors is the API's own; any other exception was thrown by something that had begun. */
static bool began(const struct uh_exo_problem *p) {
  return strstr(p->type, "Exception") && !strstr(p->type, "ODataServiceException");
}

static void classify(const struct uh_http_reply *reply, const struct uh_str *body, struct uh_exo_problem *p) {
  uh_exo_classify(reply->status, body->s ? body->s : "", body->len, uh_http_header(reply, "x-ms-diagnostics"), p);
}

static enum uh_http_verdict proves(void *user, const struct uh_http_reply *reply, const struct uh_str *body) {
  struct writing *w = user;
  struct uh_exo_problem p;
  if (uh_http_is_challenge(reply) && !w->token_renewed) {
    w->token_renewed = true;
    uh_oauth_drop(w->exo->options.oauth, w->exo->resource, w->token_serial);
    return UH_HTTP_AT_ONCE;
  }
  if (reply->status != 429) return UH_HTTP_ACCEPT;
  classify(reply, body, &p);
  return began(&p) ? UH_HTTP_ACCEPT : UH_HTTP_THROTTLED;
}

/* ---- what a reply of status 200 says ---- */

static void show(char *out, size_t size, const char *text) {
  struct uh_str shown UH_CLEANUP(uh_str_clear) = {0};
  size_t n = strlen(text);
  uh_terminal_text(&shown, text, n < size ? n : size - 1);
  uh_print(out, size, "%s", uh_str_or(&shown, ""));
}

static bool said(const json_t *value) {
  return value && !json_is_null(value) && !(json_is_string(value) && !*json_string_value(value)) &&
         !(json_is_array(value) && json_array_size(value) == 0);
}

/* Warnings and errors come as texts, or as objects with a Message. */
static const char *text_of(const json_t *item) {
  const char *text = json_string_value(item);
  return text ? text : json_string_value(json_object_get(item, "Message"));
}

static void not_done(struct uh_exo_written *to, const char *text) {
  to->outcome = UH_EXO_WRITE_FAILED;
  if (to->problem.cls != UH_EXO_FINE) return;
  to->problem.cls = UH_EXO_NOT_DONE;
  show(to->problem.message, sizeof to->problem.message, text);
}

/* Warnings come in English (Accept-Language), and this one has no code. */
static bool changed_nothing(const char *warning) {
  return strcasestr(warning, "no settings of") && strcasestr(warning, "have been modified");
}

static void take_warnings(const struct writing *w, const json_t *list) {
  size_t i;
  const json_t *item;
  json_array_foreach(list, i, item) {
    const char *text = text_of(item);
    w->to->warnings++;
    if (!text) continue;
    if (changed_nothing(text)) not_done(w->to, text);
    if (w->change->warning && i < UH_EXO_WARNINGS_MAX) w->change->warning(w->change->user, text);
  }
}

static void take_objects(const struct writing *w, const json_t *list) {
  size_t i;
  const json_t *item;
  json_array_foreach(list, i, item) {
    char *text = w->change->output ? json_dumps(item, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (text) w->change->output(w->change->user, text, strlen(text));
    free(text);
    w->to->objects++;
  }
}

static void take_envelope(const struct writing *w, const json_t *j) {
  const json_t *errors = json_object_get(j, "@adminapi.errors");
  const json_t *confirmation = json_object_get(j, "@adminapi.confirmationmessage");
  char text[400];
  w->to->outcome = UH_EXO_WRITE_DONE;
  if (said(confirmation)) {
    const char *question = text_of(json_is_array(confirmation) ? json_array_get(confirmation, 0) : confirmation);
    uh_print(text, sizeof text, "a confirmation was asked for, and nothing was done: %.*s",
             UH_HEAD(question ? question : "", 300));
    not_done(w->to, text);
  }
  if (said(errors)) {
    const char *first = text_of(json_is_array(errors) ? json_array_get(errors, 0) : errors);
    w->to->errors = json_is_array(errors) ? (int64_t)json_array_size(errors) : 1;
    uh_print(text, sizeof text, "errors beside the result: %.*s",
             UH_HEAD(first ? first : "(of an unknown shape)", 300));
    not_done(w->to, text);
  }
  take_warnings(w, json_object_get(j, "@adminapi.warnings"));
  if (w->to->outcome == UH_EXO_WRITE_DONE) take_objects(w, json_object_get(j, "value"));
}

static void take_problem(struct uh_exo_written *to) {
  enum uh_exo_class cls = to->problem.cls;
  to->errors = 1;
  /* A disturbance says nothing about how far the cmdlet came. */
  bool open = cls == UH_EXO_TRANSIENT || to->problem.status >= 500 || to->problem.status == 408 ||
              (to->problem.status >= 300 && to->problem.status < 400) ||
              (cls == UH_EXO_THROTTLED && began(&to->problem));
  to->outcome = open ? UH_EXO_WRITE_UNKNOWN : UH_EXO_WRITE_FAILED;
}

static void take_success(const struct writing *w, const struct uh_http_reply *reply, const struct uh_str *body) {
  struct uh_exo_written *to = w->to;
  if (body->len == 0 && (reply->status == 204 || reply->status == 200)) { /* nothing to put out */
    to->outcome = UH_EXO_WRITE_DONE;
    return;
  }
  json_t *j = body->len ? json_loadb(body->s, body->len, JSON_ALLOW_NUL, NULL) : NULL;
  if (json_is_object(json_object_get(j, "error"))) {
    classify(reply, body, &to->problem);
    if (to->problem.cls == UH_EXO_FINE) to->problem.cls = UH_EXO_FAILED;
    take_problem(to);
  } else if (json_is_array(json_object_get(j, "value")) || said(json_object_get(j, "@adminapi.errors")) ||
             said(json_object_get(j, "@adminapi.confirmationmessage"))) {
    take_envelope(w, j);
  } else { /* somebody else's page, or one that was cut */
    to->outcome = UH_EXO_WRITE_UNKNOWN;
    to->problem.cls = UH_EXO_FAILED;
    (void)snprintf(to->problem.message, sizeof to->problem.message, "the answer is none of Exchange Online's");
  }
  json_decref(j);
}

/* ---- the request ---- */

static void take_reply(const struct writing *w, const struct uh_http_reply *reply, const struct uh_str *body,
                       bool undone) {
  struct uh_exo_written *to = w->to;
  char base[UH_HTTP_ORIGIN_MAX];
  const char *location = uh_http_header(reply, "Location");
  to->problem.status = reply->status;
  if (reply->status >= 200 && reply->status < 300) {
    take_success(w, reply, body);
  } else {
    classify(reply, body, &to->problem);
    take_problem(to);
    if (undone) to->outcome = UH_EXO_WRITE_NOT_SENT;
    /* The next change goes there at once; this one is not sent again. */
    if (reply->status >= 300 && reply->status < 400 && location && uh_exo_redirect(w->exo->front, location, base))
      memcpy(w->exo->base, base, sizeof base);
  }
  const char *id = uh_http_header(reply, "request-id"), *server = uh_http_header(reply, "x-calculatedbetarget");
  show(to->problem.request_id, sizeof to->problem.request_id, id ? id : reply->client_request_id);
  show(to->server, sizeof to->server, server ? server : "");
}

static int explain(const struct writing *w, struct uh_err *err) {
  const struct uh_exo_problem *p = &w->to->problem;
  const char *text = p->message[0] ? p->message : p->diagnostics[0] ? p->diagnostics : p->type;
  bool denied = p->cls == UH_EXO_REFUSED || p->cls == UH_EXO_TOKEN;
  if (w->to->outcome == UH_EXO_WRITE_UNKNOWN)
    (void)uh_fail(err, UH_ERR_UNAVAILABLE, "%.*s: what became of it is not known (HTTP %ld)%s%.*s",
                  UH_HEAD(w->change->cmdlet, 80), p->status, *text ? ": " : "", UH_HEAD(text, 300));
  else
    (void)uh_fail(err, denied ? UH_ERR_DENIED : UH_ERR_UNAVAILABLE, "%.*s: %s (HTTP %ld)%s%.*s",
                  UH_HEAD(w->change->cmdlet, 80), uh_exo_class_name(p->cls), p->status, *text ? ": " : "",
                  UH_HEAD(text, 300));
  if (err && !err->request_id[0]) (void)snprintf(err->request_id, sizeof err->request_id, "%s", p->request_id);
  return -1;
}

static int send(struct writing *w, const char *body, struct uh_err *err) {
  struct uh_exo *exo = w->exo;
  struct uh_http_reply reply UH_CLEANUP(uh_http_reply_clear) = {.err = UH_ERR_INIT};
  struct uh_str answer UH_CLEANUP(uh_str_clear) = {0};
  char url[UH_HTTP_ORIGIN_MAX + 100], anchor[128], session[64];
  bool undone = false;
  (void)snprintf(url, sizeof url, "%s/adminapi/beta/%s/InvokeCommand", exo->base, exo->tenant);
  (void)snprintf(anchor, sizeof anchor, "X-AnchorMailbox: " UH_EXO_ANCHOR "%s", exo->tenant);
  (void)snprintf(session, sizeof session, "connection-id: %s", exo->session);
  const char *const headers[] = {"Content-Type: application/json; charset=utf-8",
                                 "Accept: application/json",
                                 "Accept-Language: en-US",
                                 anchor,
                                 session,
                                 NULL};
  struct uh_http_change change = {.request = {.method = "POST",
                                              .url = url,
                                              .headers = headers,
                                              .body = body,
                                              .body_size = strlen(body),
                                              .max_body = UH_EXO_WRITE_BODY_MAX,
                                              .user = w,
                                              .prepare = prepare},
                                  .options = &exo->options.http,
                                  .proves = proves,
                                  .user = w};
  int r = uh_http_write(exo->http, &change, &reply, &answer, &undone, err);
  w->to->attempts = reply.attempts;
  if (reply.status) show(w->to->problem.request_id, sizeof w->to->problem.request_id, reply.client_request_id);
  if (r == 0 || undone) take_reply(w, &reply, &answer, undone);
  if (r != 0) {
    bool unsent = undone || (reply.failure != UH_HTTP_FINE && !reply.outcome_unknown);
    w->to->outcome = unsent ? UH_EXO_WRITE_NOT_SENT : UH_EXO_WRITE_UNKNOWN;
    return -1;
  }
  return w->to->outcome == UH_EXO_WRITE_DONE ? 0 : explain(w, err);
}

int uh_exo_write(struct uh_exo *exo, const struct uh_exo_change *change, struct uh_exo_written *ret_written,
                 struct uh_err *err) {
  struct writing w = {.exo = exo, .change = change, .to = ret_written};
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  *ret_written = (struct uh_exo_written){0};
  uh_str_add(&body, "{\"CmdletInput\":{\"CmdletName\":");
  uh_json_string(&body, change->cmdlet, strlen(change->cmdlet));
  uh_str_addf(&body, ",\"Parameters\":{%s}}}", change->parameters);
  return uh_str_text(&body) ? send(&w, body.s, err) : uh_fail_nomem(err);
}
