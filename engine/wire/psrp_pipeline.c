/* SPDX-License-Identifier: Apache-2.0 */
/* One cmdlet: sent, followed to its final state, stopped where it has to be, judged. */
#include <strings.h>

#include "wire/psrp_private.h"

#define ROUND_MS 60000    /* one round of receiving; a server holds it for 20 s or so */
#define TERMINATE_MS 5000 /* tidying up after the end */

struct pipeline {
  struct uh_psrp *pool;
  const struct uh_psrp_cmdlet *cmdlet;
  struct uh_psrp_result *result;
  bool reads;
  uint8_t id[UH_GUID_SIZE];     /* as messages say it */
  uint8_t remote[UH_GUID_SIZE]; /* as the transport says it */
  struct psrp_joiner stream;
  const struct psrp_message *message; /* being read */
  int64_t deadline_ms, records;
  bool sent, stopping, exception;
  int state;             /* the final one; 0 before */
  struct uh_err failure; /* why it is stopped; its output goes to nobody from then on */
  struct psrp_host_call question;
  bool asked; /* the question waits for its refusal */
};

const char *uh_psrp_outcome_name(enum uh_psrp_outcome outcome) {
  static const char *const names[] = {"not-sent", "done", "failed", "prompted", "stopped", "unknown"};
  return (unsigned)outcome < sizeof names / sizeof *names ? names[outcome] : "unknown";
}

/* ---- what comes ---- */

static int on_output(void *user, const struct uh_clixml_value *v, struct uh_err *err) {
  struct pipeline *pl = user;
  (void)err;
  if (pl->failure.cls != UH_ERR_NONE || pl->stopping) return 0;
  pl->result->objects++;
  if (pl->cmdlet->output && pl->cmdlet->output(pl->cmdlet->user, v, &pl->failure) < 0)
    uh_fail(&pl->failure, UH_ERR_INTERNAL, "the receiver of an object stopped without a reason");
  return 0;
}

static void tell(struct pipeline *pl, const struct uh_psrp_record *r) {
  if (pl->records++ < UH_PSRP_MAX_RECORDS && pl->cmdlet->record) pl->cmdlet->record(pl->cmdlet->user, r);
}

static int on_record(void *user, const struct uh_clixml_value *v, struct uh_err *err) {
  struct pipeline *pl = user;
  struct uh_psrp_record r;
  struct uh_psrp_error e;
  (void)err;
  psrp_take_record(pl->message->type, v, &r, &e);
  if (r.kind == UH_PSRP_WARNING) pl->result->warnings++;
  if (r.kind == UH_PSRP_ERROR && pl->result->errors++ == 0) pl->result->error = e;
  tell(pl, &r);
  return 0;
}

static int on_state(void *user, const struct uh_clixml_value *v, struct uh_err *err) {
  struct pipeline *pl = user;
  int64_t state;
  if (uh_clixml_int(uh_clixml_property(v, "PipelineState"), &state) != UH_VALUE || state < 0 || state > 6)
    return psrp_damaged(pl->message, err, "it tells no state that we know");
  if (state < PSRP_PIPELINE_STOPPED) return 0; /* running, stopping */
  if (state > PSRP_PIPELINE_FAILED) return psrp_damaged(pl->message, err, "the server disconnected the command");
  pl->state = (int)state;
  const struct uh_clixml_value *exception = uh_clixml_property(v, "ExceptionAsErrorRecord");
  if (uh_clixml_kind(exception) == UH_CLIXML_LOST || uh_clixml_kind(exception) == UH_CLIXML_NIL) return 0;
  pl->exception = true;
  psrp_read_error(exception, &pl->result->error);
  return 0;
}

static void note_question(struct pipeline *pl, const struct psrp_host_call *call) {
  if (pl->result->prompt[0]) return; /* the first one ends it */
  pl->question = *call;
  pl->asked = true;
  (void)snprintf(pl->result->prompt, sizeof pl->result->prompt, "%s%s%s", call->name, call->text[0] ? ": " : "",
                 call->text);
}

static int on_host_call(void *user, const struct uh_clixml_value *v, struct uh_err *err) {
  struct pipeline *pl = user;
  struct psrp_host_call call;
  if (!psrp_read_host_call(v, &call)) return psrp_damaged(pl->message, err, "it is no host call");
  if (call.id != PSRP_VOID_CALL) {
    note_question(pl, &call);
  } else if (call.writes) {
    const struct uh_psrp_record r = {.kind = UH_PSRP_HOST_TEXT, .message = call.text, .status = "", .percent = -1};
    tell(pl, &r);
  }
  return 0;
}

static int on_message(void *user, const struct psrp_message *m, struct uh_err *err) {
  static const uint8_t nobody[UH_GUID_SIZE];
  struct pipeline *pl = user;
  if (memcmp(m->pipeline, nobody, UH_GUID_SIZE) == 0) return psrp_pool_message(pl->pool, m, err);
  if (memcmp(m->pipeline, pl->id, UH_GUID_SIZE) != 0)
    return psrp_damaged(m, err, "it belongs to another command than the one that was asked for");
  if (pl->state) return psrp_damaged(m, err, "it came after the command's end");
  pl->message = m;
  if (psrp_is_record(m->type)) return psrp_value(m, on_record, pl, err);
  switch (m->type) {
    case PSRP_PIPELINE_OUTPUT: return psrp_value(m, on_output, pl, err);
    case PSRP_PIPELINE_STATE: return psrp_value(m, on_state, pl, err);
    case PSRP_PIPELINE_HOST_CALL: return psrp_value(m, on_host_call, pl, err);
    default: return psrp_pool_message(pl->pool, m, err);
  }
}

static int on_bytes(void *user, const void *data, size_t n, struct uh_err *err) {
  struct pipeline *pl = user;
  return psrp_join(&pl->stream, data, n, on_message, pl, err);
}

/* ---- what goes ---- */

static struct uh_psrp_call call_until(const struct pipeline *pl, int64_t deadline_ms) {
  struct uh_psrp_call call = {.deadline_ms = deadline_ms};
  /* A write is never broken off in the middle of a request: its outcome would be lost with the answer. */
  if (pl->reads && !pl->stopping) {
    call.cancelled = pl->pool->o.cancelled;
    call.cancel_user = pl->pool->o.cancel_user;
  }
  return call;
}

/* A message, cut into fragments that one request each can carry. first: the message begins the command. */
static int send_message(struct pipeline *pl, uint32_t type, const struct uh_str *body, bool first, struct uh_err *err) {
  const struct uh_psrp_transport *t = &pl->pool->o.transport;
  struct uh_str bytes UH_CLEANUP(uh_str_clear) = {0};
  size_t room = t->ops->room(t->self);
  if (room < UH_PSRP_MIN_ROOM) return uh_fail(err, UH_ERR_INTERNAL, "a request can carry only %zu bytes", room);
  psrp_put_message(&bytes, ++pl->pool->object, room < UH_PSRP_FRAGMENT ? room : UH_PSRP_FRAGMENT, type, pl->pool->id,
                   pl->id, body->s, body->len);
  if (!uh_str_text(&bytes)) return uh_fail_nomem(err);
  struct uh_psrp_call call = call_until(pl, uh_clock_ms() + ROUND_MS);
  int rc = 0;
  for (size_t at = 0, n; rc == 0 && (n = psrp_fragment_length(bytes.s + at, bytes.len - at)) != 0; at += n) {
    pl->pool->requests++;
    if (at == 0 && first)
      rc = t->ops->command(t->self, &call, pl->id, bytes.s, n, pl->remote, err);
    else
      rc = t->ops->send(t->self, &call, pl->remote, first ? UH_PSRP_STDIN : UH_PSRP_PR, bytes.s + at, n, err);
  }
  pl->sent = pl->sent || call.sent || rc == 0;
  return rc;
}

static int begin(struct pipeline *pl, struct uh_err *err) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  if (psrp_cancelled(pl->pool)) return psrp_interrupted(err);
  if (psrp_new_guid(pl->id, err) < 0) return -1;
  memcpy(pl->remote, pl->id, UH_GUID_SIZE);
  if (psrp_create_pipeline(&body, pl->cmdlet, pl->pool->minor, err) < 0) return -1;
  return send_message(pl, PSRP_CREATE_PIPELINE, &body, true, err);
}

static int signal_it(struct pipeline *pl, enum uh_psrp_signal signal, int64_t limit_ms, struct uh_err *err) {
  const struct uh_psrp_transport *t = &pl->pool->o.transport;
  struct uh_psrp_call call = {.deadline_ms = uh_clock_ms() + limit_ms};
  pl->pool->requests++;
  return t->ops->signal(t->self, &call, pl->remote, signal, err);
}

static int refuse(struct pipeline *pl, struct uh_err *err) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  pl->asked = false;
  psrp_host_refusal(&body, pl->question.id, pl->question.method, pl->question.name);
  if (!uh_str_text(&body)) return uh_fail_nomem(err);
  return send_message(pl, PSRP_PIPELINE_HOST_RESPONSE, &body, false, err);
}

/* ---- to the end ---- */

/* Whether it has to be stopped now, and why. */
static bool has_to_stop(struct pipeline *pl) {
  struct uh_err *why = &pl->failure;
  if (psrp_cancelled(pl->pool)) (void)psrp_interrupted(why);
  if (uh_clock_ms() >= pl->deadline_ms) (void)psrp_late("it took too long and was stopped", why);
  return why->cls != UH_ERR_NONE || pl->result->prompt[0];
}

static int stop(struct pipeline *pl, struct uh_err *err) {
  int64_t limit = psrp_or(pl->pool->o.stop_ms, UH_PSRP_STOP_MS);
  pl->stopping = true;
  pl->deadline_ms = uh_clock_ms() + limit;
  return signal_it(pl, UH_PSRP_SIGNAL_STOP, limit, err);
}

static int round_trip(struct pipeline *pl, struct uh_err *err) {
  const struct uh_psrp_transport *t = &pl->pool->o.transport;
  /* A round that began before the deadline may end after it: what it brings would be lost. */
  struct uh_psrp_call call = call_until(pl, pl->stopping ? pl->deadline_ms : uh_clock_ms() + ROUND_MS);
  bool done = false;
  uint64_t before = pl->stream.at;
  int64_t began = uh_clock_ms();
  pl->pool->requests++;
  if (t->ops->receive(t->self, &call, pl->remote, on_bytes, pl, &done, err) < 0) return -1;
  if (pl->state && pl->stream.n) return psrp_late("the command ended in the middle of an object", err);
  if (done && !pl->state) return psrp_late("the server ended the command without saying how it went", err);
  if (pl->stream.at == before && !pl->state) psrp_pace(began);
  return 0;
}

static int follow(struct pipeline *pl, struct uh_err *err) {
  while (!pl->state) {
    if (pl->asked && refuse(pl, err) < 0) return -1;
    if (!pl->stopping && has_to_stop(pl)) {
      /* What only reads may be left behind; closing the pool ends it. */
      if (pl->reads && pl->failure.cls == UH_ERR_INTERRUPTED) return -1;
      if (stop(pl, err) < 0) return -1;
    }
    if (pl->stopping && uh_clock_ms() >= pl->deadline_ms) return psrp_late("it could not be stopped in time", err);
    if (round_trip(pl, err) < 0) return -1;
  }
  return 0;
}

/* ---- what it comes to ---- */

static int give(struct uh_err *err, const struct uh_err *cause) {
  if (err && err->cls == UH_ERR_NONE) *err = *cause;
  return -1;
}

static int judge_error(struct pipeline *pl, struct uh_err *err) {
  char what[160];
  struct uh_psrp_result *r = pl->result;
  r->outcome = UH_PSRP_FAILED;
  (void)snprintf(what, sizeof what, "%s failed", pl->cmdlet->name);
  if (r->errors || pl->exception) return psrp_fail_with_error(err, what, &r->error);
  return uh_fail(err, UH_ERR_UNAVAILABLE, "%s, and the server does not say why", what);
}

static int judge(struct pipeline *pl, struct uh_err *err) {
  struct uh_psrp_result *r = pl->result;
  if (r->prompt[0]) {
    struct uh_str shown UH_CLEANUP(uh_str_clear) = {0};
    uh_terminal_text(&shown, r->prompt, strnlen(r->prompt, 300));
    r->outcome = UH_PSRP_PROMPTED;
    return uh_fail(err, UH_ERR_UNAVAILABLE, "%s asked a question, which was refused: %s", pl->cmdlet->name,
                   uh_str_text(&shown) ? shown.s : "");
  }
  if (pl->stopping) {
    r->outcome = UH_PSRP_STOPPED;
    return give(err, &pl->failure);
  }
  if (pl->state == PSRP_PIPELINE_FAILED || r->errors || pl->exception) return judge_error(pl, err);
  if (pl->failure.cls != UH_ERR_NONE) { /* the last object was refused, and the end came with it */
    r->outcome = UH_PSRP_STOPPED;
    return give(err, &pl->failure);
  }
  if (pl->state != PSRP_PIPELINE_COMPLETED) {
    r->outcome = UH_PSRP_STOPPED;
    return psrp_late("the server stopped the command", err);
  }
  r->outcome = UH_PSRP_DONE;
  return 0;
}

static int run(struct uh_psrp *pool, const struct uh_psrp_cmdlet *cmdlet, bool reads, struct uh_psrp_result *result,
               struct uh_err *err) {
  struct pipeline pl = {.pool = pool,
                        .cmdlet = cmdlet,
                        .result = result,
                        .reads = reads,
                        .stream.max = pool->pool_stream.max,
                        .deadline_ms = uh_clock_ms() + psrp_or(cmdlet->limit_ms, UH_PSRP_CMDLET_MS),
                        .failure = UH_ERR_INIT};
  struct uh_err broken = UH_ERR_INIT;
  int rc = begin(&pl, &broken);
  if (rc == 0) rc = follow(&pl, &broken);
  psrp_joiner_clear(&pl.stream);
  if (rc == 0) {
    if (signal_it(&pl, UH_PSRP_SIGNAL_TERMINATE, TERMINATE_MS, &broken) < 0) pool->broken = true;
    return judge(&pl, err);
  }
  result->outcome = pl.sent ? UH_PSRP_UNKNOWN : UH_PSRP_NOT_SENT;
  if (pl.sent) pool->broken = true;
  return give(err, pl.failure.cls != UH_ERR_NONE ? &pl.failure : &broken);
}

static int start(struct uh_psrp *pool, const struct uh_psrp_cmdlet *cmdlet, bool reads, struct uh_psrp_result *ret,
                 struct uh_err *err) {
  *ret = (struct uh_psrp_result){.error.category = -1};
  if (pool->broken) return uh_fail(err, UH_ERR_UNAVAILABLE, "the session is broken: nothing more can be run in it");
  return run(pool, cmdlet, reads, ret, err);
}

int uh_psrp_read(struct uh_psrp *pool, const struct uh_psrp_cmdlet *cmdlet, struct uh_psrp_result *ret_result,
                 struct uh_err *err) {
  if (strncasecmp(cmdlet->name, "Get-", 4) != 0 && strcasecmp(cmdlet->name, "Set-ADServerSettings") != 0) {
    *ret_result = (struct uh_psrp_result){.error.category = -1};
    return uh_fail(err, UH_ERR_INTERNAL, "%s is no cmdlet that reads", cmdlet->name);
  }
  return start(pool, cmdlet, true, ret_result, err);
}

int uh_psrp_write(struct uh_psrp *pool, const struct uh_psrp_cmdlet *cmdlet, struct uh_psrp_result *ret_result,
                  struct uh_err *err) {
  return start(pool, cmdlet, false, ret_result, err);
}
