/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A remote PowerShell session against a server that says anything. The input is rounds: one byte of kind, two of
 * length (big-endian), then bytes. Kind: 1 for the command, not the pool; 2 the command is done after it; 4 the bytes
 * are a message's type (4, big-endian) and body, and its fragments are made here, as large as the high four bits say.
 * In other rounds the text PIPELINEPIPELINE stands for the command's id.
 */
#include "../unit/psrp_script.h"

#define ROUNDS_MAX 60u

static const char placeholder[] = "PIPELINEPIPELINE";
static const uint8_t *rest;
static size_t rest_n;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void put_id(struct script *s, struct script_round *r) {
  for (size_t at = 0; at + 16 <= r->n; at++)
    if (memcmp(r->data + at, placeholder, 16) == 0) memcpy(r->data + at, s->pipeline, 16);
}

static void take_round(struct script *s, int kind, const uint8_t *data, size_t n) {
  struct script_round *r = script_round(s, kind & 1, kind & 2);
  if (!(kind & 4)) {
    script_raw(r, data, n);
    put_id(s, r);
  } else if (n >= 4) {
    uint32_t type = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
    s->fragment = (size_t)(kind >> 4) * 16;
    script_message(s, r, type, kind & 1 ? s->pipeline : NULL, (const char *)data + 4, n - 4);
  }
  if (r->n || r->done) return;
  free(r->data); /* after a round without anything the client pauses */
  s->n[kind & 1]--;
}

/* Rounds of the pool up to the first one of the command, then the command's and what the pool says meanwhile. */
static void take_rounds(struct script *s, bool command) {
  while (rest_n >= 3 && s->n[0] < ROUNDS_MAX && s->n[1] < ROUNDS_MAX) {
    int kind = rest[0];
    size_t n = (size_t)rest[1] << 8 | rest[2];
    if (!command && (kind & 1)) break;
    if (n > rest_n - 3) n = rest_n - 3;
    take_round(s, kind, rest + 3, n);
    rest += 3 + n;
    rest_n -= 3 + n;
  }
  script_round(s, command ? 1 : 0, false)->fails = true; /* no waiting for a server that has nothing more */
}

static void started(struct script *s) {
  take_rounds(s, true);
}

static int output(void *user, const struct uh_clixml_value *v, struct uh_err *err) {
  const char *text;
  size_t n;
  (void)user, (void)err;
  if (uh_clixml_text(v, &text, &n) == UH_VALUE && text[n]) abort();
  return 0;
}

static void record(void *user, const struct uh_psrp_record *r) {
  (void)user;
  if (!r->message || !r->status || (r->kind == UH_PSRP_ERROR && !r->error)) abort();
}

static void run(struct uh_psrp *pool) {
  const struct uh_psrp_cmdlet c = {.name = "Get-Mailbox", .output = output, .record = record};
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp_result r;
  int rc = uh_psrp_read(pool, &c, &r, &err);
  /* Done and failed exclude each other, and an outcome that is not known ends the pool. */
  if ((rc == 0) != (r.outcome == UH_PSRP_DONE) || (rc < 0) != (err.cls != UH_ERR_NONE)) abort();
  if (r.outcome == UH_PSRP_DONE && (r.errors || r.prompt[0])) abort();
  if (r.outcome == UH_PSRP_UNKNOWN && !uh_psrp_is_broken(pool)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  static struct script s;
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp *pool = NULL;
  script_clear(&s);
  s = (struct script){.started = started};
  rest = data;
  rest_n = n;
  take_rounds(&s, false);
  const struct uh_psrp_options o = {.transport = {&script_ops, &s}, .record = record, .max_object = 1u << 20};
  int rc = uh_psrp_open(&o, &pool, &err);
  if ((rc < 0) != (err.cls != UH_ERR_NONE)) abort();
  if (rc == 0) run(pool);
  (void)uh_psrp_close(pool, NULL);
  if (!strstr(uh_str_text(&s.log), "close")) abort(); /* whatever came, the shell is deleted */
  script_clear(&s);
  return 0;
}
