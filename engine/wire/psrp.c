/* SPDX-License-Identifier: Apache-2.0 */
/* The pool, and the cmdlet that runs in it. */
#include <strings.h>
#include <sys/random.h>

#include "wire/psrp_private.h"

#define TEXT_SHOWN 300 /* bytes of the server's text in one of our messages */
#define PACE_MS 100    /* a server that answers "nothing yet" at once is not asked more often */

/* ---- helpers ---- */

void psrp_pace(int64_t began_ms) {
  const struct timespec pause = {.tv_nsec = PACE_MS * 1000000L};
  if (uh_clock_ms() - began_ms < PACE_MS) (void)nanosleep(&pause, NULL);
}

int psrp_new_guid(uint8_t guid[UH_GUID_SIZE], struct uh_err *err) {
  if (getrandom(guid, UH_GUID_SIZE, 0) != UH_GUID_SIZE) return uh_fail(err, UH_ERR_INTERNAL, "no random numbers");
  guid[7] = (uint8_t)((guid[7] & 0x0F) | 0x40); /* version 4; the third group is little-endian */
  guid[8] = (uint8_t)((guid[8] & 0x3F) | 0x80);
  return 0;
}

bool psrp_cancelled(const struct uh_psrp *p) {
  return p->o.cancelled && p->o.cancelled(p->o.cancel_user);
}

int64_t psrp_or(int64_t value, int64_t standard) {
  return value > 0 ? value : standard;
}

/* Fails with the server's own words, shown safely. */
static int fail_with_text(struct uh_err *err, enum uh_err_class cls, const char *what, const char *text) {
  struct uh_str shown UH_CLEANUP(uh_str_clear) = {0};
  uh_terminal_text(&shown, text, strnlen(text, TEXT_SHOWN));
  return uh_fail(err, cls, "%s: %s", what, uh_str_text(&shown) ? uh_str_text(&shown) : "");
}

int psrp_fail_with_error(struct uh_err *err, const char *what, const struct uh_psrp_error *e) {
  bool refused = uh_psrp_error_is_refused(e);
  if (err && err->cls == UH_ERR_NONE) {
    if (refused) err->answer = UH_REFUSED;
    (void)snprintf(err->request_id, sizeof err->request_id, "%s", e->request_id);
  }
  return fail_with_text(err, refused ? UH_ERR_DENIED : UH_ERR_UNAVAILABLE, what, e->message);
}

/* ---- records ---- */

static void tell_pool(const struct uh_psrp *p, struct uh_psrp_record *r) {
  r->pool = true;
  if (p->o.record) p->o.record(p->o.record_user, r);
}

static enum uh_psrp_record_kind record_kind(uint32_t type) {
  switch (type) {
    case PSRP_ERROR_RECORD: return UH_PSRP_ERROR;
    case PSRP_WARNING_RECORD: return UH_PSRP_WARNING;
    case PSRP_VERBOSE_RECORD: return UH_PSRP_VERBOSE;
    case PSRP_INFORMATION_RECORD: return UH_PSRP_INFORMATION;
    case PSRP_PROGRESS_RECORD: return UH_PSRP_PROGRESS;
    default: return UH_PSRP_DEBUG;
  }
}

bool psrp_is_record(uint32_t type) {
  return type == PSRP_ERROR_RECORD || (type >= PSRP_DEBUG_RECORD && type <= PSRP_WARNING_RECORD) ||
         type == PSRP_PROGRESS_RECORD || type == PSRP_INFORMATION_RECORD;
}

void psrp_take_record(uint32_t type, const struct uh_clixml_value *v, struct uh_psrp_record *r,
                      struct uh_psrp_error *error) {
  *r = (struct uh_psrp_record){.kind = record_kind(type), .message = "", .status = "", .percent = -1};
  if (r->kind == UH_PSRP_ERROR) {
    psrp_read_error(v, error);
    r->error = error;
    r->message = error->message;
  } else if (r->kind == UH_PSRP_PROGRESS) {
    psrp_read_progress(v, r);
  } else {
    r->message = psrp_record_text(v);
  }
}

/* ---- messages for the pool ---- */

struct pool_message {
  struct uh_psrp *pool;
  const struct psrp_message *message;
};

static int on_capability(void *user, const struct uh_clixml_value *v, struct uh_err *err) {
  const struct pool_message *pm = user;
  struct uh_psrp *p = pm->pool;
  char version[16];
  psrp_copy_text(version, sizeof version, uh_clixml_property(v, "protocolversion"));
  if (version[0] != '2' || version[1] != '.' || version[2] < '0' || version[2] > '9')
    return psrp_damaged(pm->message, err, "protocol \"%s\" is not one that we speak", version);
  int minor = version[2] - '0';
  if (minor < p->minor) { /* the lower of the two holds */
    p->minor = minor;
    (void)snprintf(p->protocol, sizeof p->protocol, "2.%d", minor);
  }
  p->capable = true;
  return 0;
}

/* {ApplicationPrivateData: {PSVersionTable: {PSVersion: 5.1, ..}}} */
static const struct uh_clixml_value *entry(const struct uh_clixml_value *dictionary, const char *name) {
  const struct uh_clixml_value *at = NULL, *key = NULL, *v;
  const char *text;
  while ((v = uh_clixml_next(dictionary, &at, &key)))
    if (key && uh_clixml_text(key, &text, NULL) == UH_VALUE && strcasecmp(text, name) == 0) return v;
  return NULL;
}

static int on_private_data(void *user, const struct uh_clixml_value *v, struct uh_err *err) {
  const struct pool_message *pm = user;
  (void)err;
  const struct uh_clixml_value *table = entry(uh_clixml_property(v, "ApplicationPrivateData"), "PSVersionTable");
  psrp_copy_text(pm->pool->server_version, sizeof pm->pool->server_version, entry(table, "PSVersion"));
  return 0;
}

static int fail_with_exception(const struct uh_clixml_value *v, const char *what, struct uh_err *err) {
  const struct uh_clixml_value *exception = uh_clixml_property(v, "ExceptionAsErrorRecord");
  struct uh_psrp_error e;
  if (uh_clixml_kind(exception) == UH_CLIXML_LOST || uh_clixml_kind(exception) == UH_CLIXML_NIL)
    return uh_fail(err, UH_ERR_UNAVAILABLE, "%s", what);
  psrp_read_error(exception, &e);
  return psrp_fail_with_error(err, what, &e);
}

static int on_pool_state(void *user, const struct uh_clixml_value *v, struct uh_err *err) {
  const struct pool_message *pm = user;
  struct uh_psrp *p = pm->pool;
  int64_t state;
  if (uh_clixml_int(uh_clixml_property(v, "RunspaceState"), &state) != UH_VALUE)
    return psrp_damaged(pm->message, err, "it tells no state");
  if (state == PSRP_POOL_OPENED) p->opened = true;
  if (state != PSRP_POOL_CLOSED && state != PSRP_POOL_CLOSING && state != PSRP_POOL_BROKEN) return 0;
  p->broken = true;
  if (err && err->cls == UH_ERR_NONE) err->answer = UH_TIMEOUT;
  return fail_with_exception(
      v, state == PSRP_POOL_BROKEN ? "the server says that the session is broken" : "the server closed the session",
      err);
}

static int on_pool_record(void *user, const struct uh_clixml_value *v, struct uh_err *err) {
  const struct pool_message *pm = user;
  struct uh_psrp_record r;
  struct uh_psrp_error e;
  (void)err;
  psrp_take_record(pm->message->type, v, &r, &e);
  tell_pool(pm->pool, &r);
  return 0;
}

/* A question from the pool itself: nothing of ours asks for one, so it is refused at once by giving up. */
static int on_pool_question(void *user, const struct uh_clixml_value *v, struct uh_err *err) {
  const struct pool_message *pm = user;
  struct psrp_host_call call;
  if (!psrp_read_host_call(v, &call)) return psrp_damaged(pm->message, err, "it is no host call");
  if (call.id == PSRP_VOID_CALL) return 0;
  return uh_fail(err, UH_ERR_UNAVAILABLE,
                 "the server asks a question while the session opens (%s), and nobody is there", call.name);
}

static void tell_skipped(const struct uh_psrp *p, const struct psrp_message *m) {
  char text[120];
  struct uh_psrp_record r = {.kind = UH_PSRP_DEBUG, .message = text, .status = "", .percent = -1};
  const char *name = psrp_type_name(m->type);
  if (*name) return; /* known, and nothing for us */
  (void)snprintf(text, sizeof text, "a message of type 0x%08x is not known and was skipped", m->type);
  tell_pool(p, &r);
}

int psrp_pool_message(void *user, const struct psrp_message *m, struct uh_err *err) {
  struct pool_message pm = {.pool = user, .message = m};
  if (psrp_is_record(m->type)) return psrp_value(m, on_pool_record, &pm, err);
  switch (m->type) {
    case PSRP_SESSION_CAPABILITY: return psrp_value(m, on_capability, &pm, err);
    case PSRP_APPLICATION_PRIVATE_DATA: return psrp_value(m, on_private_data, &pm, err);
    case PSRP_RUNSPACEPOOL_STATE: return psrp_value(m, on_pool_state, &pm, err);
    case PSRP_RUNSPACEPOOL_HOST_CALL: return psrp_value(m, on_pool_question, &pm, err);
    default: tell_skipped(pm.pool, m); return 0; /* a pipeline's state told to the pool is nobody's */
  }
}

static int pool_bytes(void *user, const void *data, size_t n, struct uh_err *err) {
  struct uh_psrp *p = user;
  return psrp_join(&p->pool_stream, data, n, psrp_pool_message, p, err);
}

/* ---- opening ---- */

static int creation(struct uh_psrp *p, const char *protocol, struct uh_str *out, struct uh_err *err) {
  struct uh_str capability UH_CLEANUP(uh_str_clear) = {0};
  struct uh_str init UH_CLEANUP(uh_str_clear) = {0};
  psrp_session_capability(&capability, protocol);
  psrp_init_pool(&init);
  if (!uh_str_text(&capability) || !uh_str_text(&init)) return uh_fail_nomem(err);
  p->object = 2;
  psrp_put_message(out, 1, UH_PSRP_FRAGMENT, PSRP_SESSION_CAPABILITY, p->id, NULL, capability.s, capability.len);
  psrp_put_message(out, 2, UH_PSRP_FRAGMENT, PSRP_INIT_RUNSPACEPOOL, p->id, NULL, init.s, init.len);
  return uh_str_text(out) ? 0 : uh_fail_nomem(err);
}

static int create_shell(struct uh_psrp *p, struct uh_psrp_call *call, struct uh_err *err) {
  const struct uh_psrp_transport *t = &p->o.transport;
  for (int minor = 3; minor >= 1; minor--) {
    struct uh_str bytes UH_CLEANUP(uh_str_clear) = {0};
    (void)snprintf(p->protocol, sizeof p->protocol, "2.%d", minor);
    p->minor = minor;
    if (psrp_new_guid(p->id, err) < 0 || creation(p, p->protocol, &bytes, err) < 0) return -1;
    p->requests++;
    int rc = t->ops->open(t->self, call, p->id, p->protocol, bytes.s, bytes.len, err);
    if (rc != UH_PSRP_OTHER_VERSION) return rc;
  }
  return uh_fail(err, UH_ERR_UNAVAILABLE, "the server speaks none of the protocol versions 2.3, 2.2 and 2.1");
}

int psrp_late(const char *what, struct uh_err *err) {
  if (err && err->cls == UH_ERR_NONE) err->answer = UH_TIMEOUT;
  return uh_fail(err, UH_ERR_UNAVAILABLE, "%s", what);
}

int psrp_interrupted(struct uh_err *err) {
  if (err && err->cls == UH_ERR_NONE) err->answer = UH_TIMEOUT;
  return uh_fail(err, UH_ERR_INTERRUPTED, "interrupted");
}

static int open_pool(struct uh_psrp *p, struct uh_err *err) {
  const struct uh_psrp_transport *t = &p->o.transport;
  struct uh_psrp_call call = {.deadline_ms = uh_clock_ms() + psrp_or(p->o.open_ms, UH_PSRP_OPEN_MS),
                              .cancelled = p->o.cancelled,
                              .cancel_user = p->o.cancel_user};
  if (create_shell(p, &call, err) < 0) return -1;
  while (!p->opened) {
    bool done = false;
    if (psrp_cancelled(p)) return psrp_interrupted(err);
    if (uh_clock_ms() >= call.deadline_ms) return psrp_late("the session did not open in time", err);
    uint64_t before = p->pool_stream.at;
    int64_t began = uh_clock_ms();
    p->requests++;
    if (t->ops->receive(t->self, &call, NULL, pool_bytes, p, &done, err) < 0) return -1;
    if (p->pool_stream.at == before) psrp_pace(began);
    if (done && !p->opened) return psrp_late("the server ended the session while it opened", err);
  }
  if (!p->capable)
    return uh_fail(err, UH_ERR_UNAVAILABLE, "the server opened the session without saying which protocol it speaks");
  return 0;
}

int uh_psrp_open(const struct uh_psrp_options *options, struct uh_psrp **ret_pool, struct uh_err *err) {
  UH_CLEANUP(uh_psrp_closep) struct uh_psrp *p = calloc(1, sizeof *p);
  if (!p) return uh_fail_nomem(err);
  p->o = *options;
  p->pool_stream.max = p->o.max_object ? p->o.max_object : UH_PSRP_MAX_OBJECT;
  if (open_pool(p, err) < 0) return -1;
  *ret_pool = UH_TAKE(p);
  return 0;
}

int uh_psrp_close(struct uh_psrp *p, struct uh_err *err) {
  if (!p) return 0;
  const struct uh_psrp_transport *t = &p->o.transport;
  /* Also after Ctrl-C: a shell left behind counts against the account. */
  struct uh_psrp_call call = {.deadline_ms = uh_clock_ms() + psrp_or(p->o.close_ms, UH_PSRP_CLOSE_MS)};
  int rc = p->requests ? t->ops->close(t->self, &call, err) : 0;
  psrp_joiner_clear(&p->pool_stream);
  free(p);
  return rc;
}

void uh_psrp_closep(struct uh_psrp **pool) {
  (void)uh_psrp_close(*pool, NULL);
  *pool = NULL;
}

const char *uh_psrp_protocol(const struct uh_psrp *p) {
  return p->protocol;
}
const char *uh_psrp_server_version(const struct uh_psrp *p) {
  return p->server_version;
}
bool uh_psrp_is_broken(const struct uh_psrp *p) {
  return p->broken;
}
int64_t uh_psrp_requests(const struct uh_psrp *p) {
  return p->requests;
}
