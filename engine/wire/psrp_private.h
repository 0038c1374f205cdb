/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_PSRP_PRIVATE_H
#define UH_PSRP_PRIVATE_H
/*
 * The layers of [MS-PSRP]: fragments (psrp_fragment.c) carry messages; messages of ours are made in psrp_message.c,
 * those of the server read in psrp_record.c; psrp.c keeps the states of the pool and of the running cmdlet.
 */
#include "wire/clock.h"
#include "wire/psrp.h"

enum psrp_type {
  PSRP_SESSION_CAPABILITY = 0x00010002,
  PSRP_INIT_RUNSPACEPOOL = 0x00010004,
  PSRP_PUBLIC_KEY_REQUEST = 0x00010007,
  PSRP_RUNSPACE_AVAILABILITY = 0x00021004,
  PSRP_RUNSPACEPOOL_STATE = 0x00021005,
  PSRP_CREATE_PIPELINE = 0x00021006,
  PSRP_GET_AVAILABLE_RUNSPACES = 0x00021007,
  PSRP_USER_EVENT = 0x00021008,
  PSRP_APPLICATION_PRIVATE_DATA = 0x00021009,
  PSRP_RUNSPACEPOOL_INIT_DATA = 0x0002100B,
  PSRP_RUNSPACEPOOL_HOST_CALL = 0x00021100,
  PSRP_RUNSPACEPOOL_HOST_RESPONSE = 0x00021101,
  PSRP_PIPELINE_OUTPUT = 0x00041004,
  PSRP_ERROR_RECORD = 0x00041005,
  PSRP_PIPELINE_STATE = 0x00041006,
  PSRP_DEBUG_RECORD = 0x00041007,
  PSRP_VERBOSE_RECORD = 0x00041008,
  PSRP_WARNING_RECORD = 0x00041009,
  PSRP_PROGRESS_RECORD = 0x00041010,
  PSRP_INFORMATION_RECORD = 0x00041011,
  PSRP_PIPELINE_HOST_CALL = 0x00041100,
  PSRP_PIPELINE_HOST_RESPONSE = 0x00041101,
};
const char *psrp_type_name(uint32_t type); /* "PIPELINE_OUTPUT"; "" for one that is not known */

enum { PSRP_POOL_OPENED = 2, PSRP_POOL_CLOSED = 3, PSRP_POOL_CLOSING = 4, PSRP_POOL_BROKEN = 5 };
enum { PSRP_PIPELINE_STOPPED = 3, PSRP_PIPELINE_COMPLETED = 4, PSRP_PIPELINE_FAILED = 5 };
#define PSRP_VOID_CALL (-100) /* the id of a host call that wants no answer */

/* ---- fragments ---- */

#define PSRP_FRAGMENT_HEADER ((size_t)21)
#define PSRP_MESSAGE_HEADER ((size_t)40)

/* Appends one message to the server, cut into fragments of at most `size` bytes each. */
void psrp_put_message(struct uh_str *out, uint64_t object, size_t size, uint32_t type, const uint8_t pool[UH_GUID_SIZE],
                      const uint8_t *UH_NULLABLE pipeline, const char *body, size_t n);
/* Length of the fragment at s, which is one of ours; 0 where nothing is left. */
size_t psrp_fragment_length(const char *s, size_t n);

/* A message from the server. */
struct psrp_message {
  uint32_t type;
  uint8_t pipeline[UH_GUID_SIZE]; /* zero: for the pool */
  const char *body;               /* CLIXML, perhaps with a byte order mark, perhaps empty */
  size_t n;
  uint64_t at; /* where its first fragment began in the stream */
};
typedef int (*psrp_message_fn)(void *user, const struct psrp_message *message, struct uh_err *err);

/* Joins fragments of one stream. Objects may be interleaved, their own fragments may not be out of order. */
struct psrp_joiner {
  struct psrp_object *objects; /* whose end has not come */
  unsigned n;
  size_t held, max; /* bytes of them all */
  uint64_t last;    /* the newest object that began */
  uint64_t at;      /* bytes of the stream before this piece */
};
/* data: whole fragments, as one stream element carries them. -1: not the protocol (err names the offset), or what
 * message() said. */
int psrp_join(struct psrp_joiner *j, const void *data, size_t n, psrp_message_fn message, void *user,
              struct uh_err *err);
void psrp_joiner_clear(struct psrp_joiner *j);

/* ---- our messages ---- */

void psrp_session_capability(struct uh_str *out, const char *protocol);
void psrp_init_pool(struct uh_str *out);
/* -1: a name or a text cannot be sent. */
int psrp_create_pipeline(struct uh_str *out, const struct uh_psrp_cmdlet *cmdlet, int minor, struct uh_err *err);
void psrp_host_refusal(struct uh_str *out, int64_t call, int32_t method, const char *method_name);

/* ---- the server's messages ---- */

/* Fails with the message's kind and its offset. */
int psrp_damaged(const struct psrp_message *m, struct uh_err *err, const char *fmt, ...) UH_PRINTF(3, 4);
/* Reads the body, which is one value, and hands it to look(). An empty body is null. */
int psrp_value(const struct psrp_message *m, int (*look)(void *user, const struct uh_clixml_value *v, struct uh_err *e),
               void *user, struct uh_err *err);
void psrp_copy_text(char *to, size_t size, const struct uh_clixml_value *UH_NULLABLE v); /* cut between characters */
void psrp_read_error(const struct uh_clixml_value *record, struct uh_psrp_error *ret);
/* The record's own text, for warnings and the like; lives as long as the value. */
const char *psrp_record_text(const struct uh_clixml_value *record);
/* Fills what progress tells. */
void psrp_read_progress(const struct uh_clixml_value *v, struct uh_psrp_record *ret);
struct psrp_host_call {
  int64_t id;
  int32_t method;
  const char *name; /* "PromptForChoice"; "a host call" where it is not known */
  bool writes;      /* text for the screen: in text */
  char text[448];   /* what was asked or written */
};
bool psrp_read_host_call(const struct uh_clixml_value *v, struct psrp_host_call *ret);

/* ---- the pool ---- */

struct uh_psrp {
  struct uh_psrp_options o;
  uint8_t id[UH_GUID_SIZE];
  uint64_t object; /* the newest that we sent */
  char protocol[8], server_version[40];
  int minor; /* of protocol 2.x */
  bool capable, opened, broken;
  int64_t requests;
  struct psrp_joiner pool_stream;
};
int psrp_pool_message(void *pool, const struct psrp_message *m, struct uh_err *err);
bool psrp_is_record(uint32_t type);
void psrp_take_record(uint32_t type, const struct uh_clixml_value *v, struct uh_psrp_record *ret,
                      struct uh_psrp_error *error);
int psrp_fail_with_error(struct uh_err *err, const char *what, const struct uh_psrp_error *e);
int psrp_late(const char *what, struct uh_err *err); /* it did not come in time, or broke off */
int psrp_interrupted(struct uh_err *err);
bool psrp_cancelled(const struct uh_psrp *p);
int psrp_new_guid(uint8_t guid[UH_GUID_SIZE], struct uh_err *err);
void psrp_pace(int64_t began_ms); /* a round that began then brought nothing */
int64_t psrp_or(int64_t value, int64_t standard);
#endif
