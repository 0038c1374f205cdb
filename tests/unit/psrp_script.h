/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PSRP_SCRIPT_H
#define PSRP_SCRIPT_H
/*
 * A transport that plays what a test wrote down: rounds of bytes for the pool and for the running command, and a log of
 * what it was asked. Server messages are made here by hand, independent of the code under test.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/psrp.h"

struct script_round {
  char *data;
  size_t n;
  bool done, fails;
};
struct script {
  struct script_round rounds[2][64]; /* of the pool, of the command */
  unsigned n[2], at[2];
  void (*started)(struct script *s); /* a command begins: its rounds are written now, pipeline is known */
  void (*signalled)(struct script *s, enum uh_psrp_signal signal);
  void (*answered)(struct script *s); /* the refusal of a question came */
  uint8_t pool[UH_GUID_SIZE], pipeline[UH_GUID_SIZE];
  uint64_t object;    /* the newest that the server sent */
  size_t fragment;    /* size of the server's fragments, without header; 0: whole */
  size_t room;        /* 0: plenty */
  const char *speaks; /* the only protocol version; NULL: all */
  bool open_fails, command_fails, close_fails, signal_fails;
  bool other_id;        /* the server names the command itself */
  bool was_cancellable; /* a receive of a command was given a way to cancel */
  int *cancel_after;    /* counts down with each receive */
  struct uh_str log, creation, command, answer;
};

static inline void script_say(struct script *s, const char *what, const uint8_t *pipeline) {
  uh_str_addf(&s->log, "%s%s%s", s->log.len ? " " : "", what, pipeline ? "" : "(pool)");
}

static inline int script_open(void *self, struct uh_psrp_call *call, const uint8_t pool[UH_GUID_SIZE],
                              const char *protocol, const void *creation, size_t n, struct uh_err *err) {
  struct script *s = self;
  uh_str_addf(&s->log, "%sopen-%s", s->log.len ? " " : "", protocol);
  memcpy(s->pool, pool, UH_GUID_SIZE);
  uh_str_reset(&s->creation);
  uh_str_addn(&s->creation, creation, n);
  call->sent = true;
  if (s->open_fails) return uh_fail(err, UH_ERR_DENIED, "401");
  return s->speaks && strcmp(s->speaks, protocol) != 0 ? UH_PSRP_OTHER_VERSION : 0;
}

static inline int script_command(void *self, struct uh_psrp_call *call, const uint8_t pipeline[UH_GUID_SIZE],
                                 const void *fragment, size_t n, uint8_t ret_pipeline[UH_GUID_SIZE],
                                 struct uh_err *err) {
  struct script *s = self;
  script_say(s, "command", pipeline);
  uh_str_reset(&s->command);
  uh_str_addn(&s->command, fragment, n);
  if (s->command_fails) return uh_fail(err, UH_ERR_UNAVAILABLE, "connection reset");
  call->sent = true;
  memcpy(s->pipeline, pipeline, UH_GUID_SIZE);
  memcpy(ret_pipeline, pipeline, UH_GUID_SIZE);
  if (s->other_id) ret_pipeline[0] ^= 0xFF;
  if (s->started) s->started(s);
  return 0;
}

static inline int script_send(void *self, struct uh_psrp_call *call, const uint8_t *pipeline,
                              enum uh_psrp_stream stream, const void *fragments, size_t n, struct uh_err *err) {
  struct script *s = self;
  (void)err;
  call->sent = true;
  script_say(s, stream == UH_PSRP_PR ? "send-pr" : "send", pipeline);
  uh_str_addn(stream == UH_PSRP_PR ? &s->answer : &s->command, fragments, n);
  if (stream == UH_PSRP_PR && s->answered) s->answered(s);
  return 0;
}

static inline int script_receive(void *self, struct uh_psrp_call *call, const uint8_t *pipeline,
                                 int (*bytes)(void *, const void *, size_t, struct uh_err *), void *user,
                                 bool *ret_done, struct uh_err *err) {
  struct script *s = self;
  int of = pipeline ? 1 : 0;
  script_say(s, "receive", pipeline);
  if (pipeline && call->cancelled) s->was_cancellable = true;
  if (pipeline && s->other_id && (pipeline[0] ^ s->pipeline[0]) != 0xFF) return uh_fail(err, UH_ERR_INTERNAL, "whose?");
  if (s->cancel_after) --*s->cancel_after;
  if (s->at[of] >= s->n[of]) return 0; /* nothing yet */
  struct script_round *r = &s->rounds[of][s->at[of]++];
  if (r->fails) return uh_fail(err, UH_ERR_UNAVAILABLE, "connection reset");
  if (r->n) {
    /* A copy of its own: a read past its end is seen. */
    char *copy = malloc(r->n);
    memcpy(copy, r->data, r->n);
    int rc = bytes(user, copy, r->n, err);
    free(copy);
    if (rc < 0) return -1;
  }
  *ret_done = r->done;
  return 0;
}

static inline int script_signal(void *self, struct uh_psrp_call *call, const uint8_t pipeline[UH_GUID_SIZE],
                                enum uh_psrp_signal signal, struct uh_err *err) {
  struct script *s = self;
  (void)call;
  script_say(s, signal == UH_PSRP_SIGNAL_STOP ? "stop" : "terminate", pipeline);
  if (s->signalled) s->signalled(s, signal);
  return s->signal_fails ? uh_fail(err, UH_ERR_UNAVAILABLE, "connection reset") : 0;
}

static inline int script_close(void *self, struct uh_psrp_call *call, struct uh_err *err) {
  struct script *s = self;
  script_say(s, call->cancelled ? "close-cancellable" : "close", s->pool);
  return s->close_fails ? uh_fail(err, UH_ERR_UNAVAILABLE, "no answer") : 0;
}

static inline size_t script_room(void *self) {
  struct script *s = self;
  return s->room ? s->room : (size_t)100000;
}

static const struct uh_psrp_transport_ops script_ops = {script_open,   script_command, script_send, script_receive,
                                                        script_signal, script_close,   script_room};

/* ---- what the server says ---- */

static inline void be(char **p, uint64_t v, int n) {
  for (int i = n - 1; i >= 0; i--) *(*p)++ = (char)(v >> (8 * i));
}

static inline struct script_round *script_round(struct script *s, int of, bool done) {
  struct script_round *r = &s->rounds[of][s->n[of]++];
  *r = (struct script_round){.done = done};
  return r;
}

static inline void script_raw(struct script_round *r, const void *data, size_t n) {
  r->data = realloc(r->data, r->n + n + 1);
  memcpy(r->data + r->n, data, n);
  r->n += n;
}

static inline void script_fragment(struct script_round *r, uint64_t object, uint64_t fragment, int flags,
                                   uint32_t length, const void *blob, size_t n) {
  char header[21], *p = header;
  be(&p, object, 8);
  be(&p, fragment, 8);
  *p++ = (char)flags;
  be(&p, length, 4);
  script_raw(r, header, sizeof header);
  if (n) script_raw(r, blob, n);
}

/* A message in the fragments of the script's size, added to a round. NULL pipeline: for the pool. */
static inline void script_message(struct script *s, struct script_round *r, uint32_t type, const uint8_t *pipeline,
                                  const char *body, size_t n) {
  size_t total = 40 + n, size = s->fragment ? s->fragment : total;
  char *m = calloc(1, total);
  m[0] = 1; /* to the client */
  for (int i = 0; i < 4; i++) m[4 + i] = (char)(type >> (8 * i));
  if (type != 0x00010002) memcpy(m + 8, s->pool, 16); /* SESSION_CAPABILITY comes with none */
  if (pipeline) memcpy(m + 24, pipeline, 16);
  if (n) memcpy(m + 40, body, n);
  uint64_t object = ++s->object, fragment = 0;
  for (size_t at = 0; at < total; fragment++) {
    size_t part = total - at < size ? total - at : size;
    script_fragment(r, object, fragment, (at == 0 ? 1 : 0) | (at + part == total ? 2 : 0), (uint32_t)part, m + at,
                    part);
    at += part;
  }
  free(m);
}

static inline void script_clear(struct script *s) {
  for (int of = 0; of < 2; of++) {
    for (unsigned i = 0; i < s->n[of]; i++) free(s->rounds[of][i].data);
    s->n[of] = s->at[of] = 0;
  }
  uh_str_clear(&s->log);
  uh_str_clear(&s->creation);
  uh_str_clear(&s->command);
  uh_str_clear(&s->answer);
}
#endif
