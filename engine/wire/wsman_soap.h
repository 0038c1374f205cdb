/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_WSMAN_SOAP_H
#define UH_WSMAN_SOAP_H
/*
 * The SOAP text of WS-Management for remote shells ([MS-WSMV]): requests written, replies read with libxml2, elements
 * by namespace whatever their prefixes. A document type is refused, nothing is resolved or fetched.
 */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

#define UH_WSMAN_ID_MAX 64 /* of a shell's id, as text */
#define UH_WSMAN_STREAMS_MAX 4096

enum uh_wsman_verb {
  UH_WSMAN_CREATE,
  UH_WSMAN_COMMAND,
  UH_WSMAN_SEND,
  UH_WSMAN_RECEIVE,
  UH_WSMAN_SIGNAL,
  UH_WSMAN_DELETE,
};
struct uh_wsman_ask {
  enum uh_wsman_verb verb;
  const char *to;         /* the URL */
  const char *resource;   /* "http://schemas.microsoft.com/powershell/Microsoft.Exchange" */
  const char *message_id; /* "uuid:.." */
  const char *session_id;
  const char *shell;                /* the selector; of CREATE the id that we propose */
  const char *UH_NULLABLE command;  /* id; NULL: the shell itself */
  const char *UH_NULLABLE stream;   /* SEND: "stdin", "pr" */
  const char *UH_NULLABLE data;     /* base64 of CREATE, COMMAND, SEND */
  const char *UH_NULLABLE code;     /* SIGNAL */
  const char *UH_NULLABLE protocol; /* CREATE: "2.3" */
  int64_t timeout_ms;
  size_t max_envelope;
};
int uh_wsman_make_envelope(const struct uh_wsman_ask *ask, struct uh_str *ret_soap, struct uh_err *err);

struct uh_wsman_fault {
  uint32_t code;       /* WSManFault's; 0: none was told */
  char subcode[64];    /* local name: "TimedOut", "InvalidSelectors" */
  char text[1024];     /* the provider's words, else WSManFault's message, else the reason */
  char category[96];   /* Exchange's FailureCategory, "AuthZ-AuthorizationException" */
  char request_id[64]; /* Exchange's RequestId */
  char redirect[300];  /* where a redirecting server points to */
  bool too_many;       /* the account holds as many shells as it may */
};
struct uh_wsman_answer; /* a reply, read */
/* -1: no SOAP envelope (UH_ERR_DATA), or the reply to another request than message_id (NULL: not compared). */
int uh_wsman_read_envelope(const char *soap, size_t size, const char *UH_NULLABLE message_id,
                           struct uh_wsman_answer **ret_answer, struct uh_err *err);
struct uh_wsman_answer *uh_wsman_answer_free(struct uh_wsman_answer *UH_NULLABLE answer);
void uh_wsman_answer_freep(struct uh_wsman_answer **answer);
const struct uh_wsman_fault *UH_NULLABLE uh_wsman_answer_fault(const struct uh_wsman_answer *answer);
bool uh_wsman_answers(const struct uh_wsman_answer *answer, enum uh_wsman_verb verb); /* the reply that belongs to it */
const char *uh_wsman_answer_activity(const struct uh_wsman_answer *answer);           /* ActivityId header; "" */
/* CREATE: the shell's id, of the selector. false: there is none that can be used. */
bool uh_wsman_answer_shell(const struct uh_wsman_answer *answer, char ret_id[UH_WSMAN_ID_MAX]);
/* COMMAND: the command's id. */
bool uh_wsman_answer_command(const struct uh_wsman_answer *answer, char ret_id[UH_WSMAN_ID_MAX]);
/* RECEIVE: the bytes of each stream element in turn; *ret_done: the command (its state) is over. */
int uh_wsman_answer_streams(const struct uh_wsman_answer *answer, const char *UH_NULLABLE command,
                            int (*bytes)(void *user, const void *data, size_t n, struct uh_err *err), void *user,
                            bool *ret_done, struct uh_err *err);
/* What a fault means. Returns -1. */
int uh_wsman_fault_error(const struct uh_wsman_fault *fault, struct uh_err *err);

#define UH_WSMAN_TIMED_OUT 2150858793u      /* nothing to report yet */
#define UH_WSMAN_NO_SUCH_SHELL 2150858843u  /* shell or command does not exist */
#define UH_WSMAN_OTHER_PROTOCOL 2152991685u /* and the two that follow */
#define UH_WSMAN_REDIRECT 2150859161u
#define UH_WSMAN_QUOTA_FIRST 2150859173u /* ERROR_WSMAN_QUOTA_MAX_SHELLS .. */
#define UH_WSMAN_QUOTA_LAST 2150859187u  /* .. _MIN_REQUIREMENT_NOT_AVAILABLE_PPQ */
#endif
