/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_PSRP_H
#define UH_PSRP_H
/*
 * PowerShell remoting ([MS-PSRP]): one runspace pool on a server, and one cmdlet at a time in it. The messages are made
 * and read here; how they travel is the transport's affair (WSMan, or a script in a test).
 *
 * A cmdlet is done only when the server said Completed, without one error record, and everything it put out was read.
 * Whatever was received before a failure has been handed to the callbacks all the same; the caller then has a part and
 * knows it. A server that asks a question (a prompt) is told that nobody is there, never a value; the cmdlet then
 * fails. Bytes that do not fit the protocol are an error that names the offset in the stream, and end the pool.
 *
 * Reading and writing are told apart by two functions. Sources call uh_psrp_read() only. A write is sent once, whatever
 * happens: where the outcome is UH_PSRP_UNKNOWN or UH_PSRP_STOPPED, look, never repeat.
 *
 * A pool belongs to one thread at a time.
 */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

#include "wire/clixml.h"

#define UH_PSRP_MAX_OBJECT ((size_t)64 * 1024 * 1024) /* bytes of one message, all its fragments together */
#define UH_PSRP_MAX_OPEN 64                           /* messages whose fragments are still arriving */
#define UH_PSRP_FRAGMENT ((size_t)32768)              /* bytes of one of our fragments with its header, at most */
#define UH_PSRP_MIN_ROOM ((size_t)3072) /* what a transport must be able to carry at once: our opening messages */
#define UH_PSRP_MAX_RECORDS 1000        /* records of one cmdlet that are handed on; all are counted */
#define UH_PSRP_OPEN_MS 180000
#define UH_PSRP_CMDLET_MS 3600000 /* a listing of a large organisation takes long */
#define UH_PSRP_STOP_MS 15000     /* so long the server may take to stop a cmdlet */
#define UH_PSRP_CLOSE_MS 20000

/* ---- the transport: WSMan, or a script in a test ---- */

/* What every call to a transport is given. */
struct uh_psrp_call {
  int64_t deadline_ms; /* CLOCK_MONOTONIC; UH_ERR_UNAVAILABLE with UH_TIMEOUT when it has passed */
  bool (*UH_NULLABLE cancelled)(void *user); /* polled four times a second: true ends the call, UH_ERR_INTERRUPTED */
  void *cancel_user;
  bool sent; /* set by the transport as soon as the server may have seen the request */
};
enum uh_psrp_stream { UH_PSRP_STDIN, UH_PSRP_PR }; /* "pr" carries the answers to prompts */
enum uh_psrp_signal {
  UH_PSRP_SIGNAL_STOP,     /* powershell/signal/crtl_c, spelt so: stop in order, then say so */
  UH_PSRP_SIGNAL_TERMINATE /* the shell's own signal/Terminate: the command is over */
};
#define UH_PSRP_OTHER_VERSION 1

/*
 * One shell. Bytes are whole fragments, before base64. A pipeline is 16 bytes in AD's order (uh_guid_text); NULL: the
 * pool itself. All return 0 or -1 with err, and never repeat a request that the server may have seen, but for an
 * unanswered receive. An error's request_id is the service's own, where it gave one.
 *
 * After a call that failed or was cancelled, signal() and close() must still be possible (on a new connection where the
 * old one was lost in the middle), with their own deadline.
 */
struct uh_psrp_transport_ops {
  /* Creates the shell, for the language en-US; pool is the shell's id as we propose it. protocol: "2.3", the value of
   * the option protocolversion. Returns UH_PSRP_OTHER_VERSION where the server does not speak that version (fault
   * 2152991685 and its neighbours): no shell exists then, and open may be called again with another. */
  int (*open)(void *self, struct uh_psrp_call *call, const uint8_t pool[UH_GUID_SIZE], const char *protocol,
              const void *creation, size_t n, struct uh_err *err);
  /* Starts a command with its first fragment. ret_pipeline: its id as the server gave it, used from then on. */
  int (*command)(void *self, struct uh_psrp_call *call, const uint8_t pipeline[UH_GUID_SIZE], const void *fragment,
                 size_t n, uint8_t ret_pipeline[UH_GUID_SIZE], struct uh_err *err);
  int (*send)(void *self, struct uh_psrp_call *call, const uint8_t *UH_NULLABLE pipeline, enum uh_psrp_stream stream,
              const void *fragments, size_t n, struct uh_err *err);
  /* One round: asks, waits for what the server has, hands the bytes of each stream element to bytes() in order. Nothing
   * to tell yet (fault 2150858793) is 0 without bytes. *ret_done: the server said that the command is over
   * (CommandState/Done); nothing may be received for it afterwards. -1 of bytes() is handed on. */
  int (*receive)(void *self, struct uh_psrp_call *call, const uint8_t *UH_NULLABLE pipeline,
                 int (*bytes)(void *user, const void *data, size_t n, struct uh_err *err), void *user, bool *ret_done,
                 struct uh_err *err);
  /* A command that is not there any more (fault 2150858843) is signalled well: 0. */
  int (*signal)(void *self, struct uh_psrp_call *call, const uint8_t pipeline[UH_GUID_SIZE], enum uh_psrp_signal signal,
                struct uh_err *err);
  /* Deletes the shell, where one was created or may have been (an unanswered open). Already gone is 0. */
  int (*close)(void *self, struct uh_psrp_call *call, struct uh_err *err);
  /* How many bytes of fragments one request can carry; at least UH_PSRP_MIN_ROOM. May grow after open. */
  size_t (*room)(void *self);
};
struct uh_psrp_transport {
  const struct uh_psrp_transport_ops *ops;
  void *self; /* the caller frees it after uh_psrp_close() */
};

/* ---- records and errors ---- */

/* An ErrorRecord. Text is as the server sent it, cut at its room, and no safer for that. */
struct uh_psrp_error {
  char message[1024];  /* ErrorDetails, else the exception's message, else the record's text */
  char identity[512];  /* FullyQualifiedErrorId */
  int category;        /* ErrorCategory's number; -1: none was sent */
  char reason[160];    /* the exception's class: "ManagementObjectNotFoundException" */
  char activity[128];  /* the cmdlet */
  char target[256];    /* what it was about */
  char failure[160];   /* Exchange's FailureCategory of the identity: "Cmdlet-ManagementObjectNotFoundException" */
  char server[128];    /* Exchange's Server of the identity */
  char request_id[64]; /* Exchange's RequestId of the identity */
};
const char *uh_psrp_category_name(int category); /* "ObjectNotFound"; "" for what is none */
/* The cmdlet, or a parameter of it, does not exist for this account: how a missing role shows itself. */
bool uh_psrp_error_is_refused(const struct uh_psrp_error *error);
/* The object does not exist, by type (never by the words). */
bool uh_psrp_error_is_not_found(const struct uh_psrp_error *error);

enum uh_psrp_record_kind {
  UH_PSRP_ERROR,
  UH_PSRP_WARNING,
  UH_PSRP_VERBOSE,
  UH_PSRP_DEBUG,
  UH_PSRP_INFORMATION,
  UH_PSRP_PROGRESS,
  UH_PSRP_HOST_TEXT, /* what the cmdlet wrote to the screen that is not there: -WhatIf speaks so */
};
struct uh_psrp_record {
  enum uh_psrp_record_kind kind;
  bool pool;                                     /* came for the pool, not for the cmdlet */
  const char *message;                           /* of progress: what it is doing */
  const struct uh_psrp_error *UH_NULLABLE error; /* UH_PSRP_ERROR */
  const char *status;                            /* progress, else "" */
  int percent;                                   /* progress; -1: not known */
  bool completed;                                /* progress: this activity is over */
};

/* ---- the pool ---- */

struct uh_psrp_options {
  struct uh_psrp_transport transport;
  bool (*UH_NULLABLE cancelled)(void *user);
  void *cancel_user;
  int64_t open_ms;   /* 0: UH_PSRP_OPEN_MS */
  int64_t stop_ms;   /* 0: UH_PSRP_STOP_MS */
  int64_t close_ms;  /* 0: UH_PSRP_CLOSE_MS */
  size_t max_object; /* 0: UH_PSRP_MAX_OBJECT */
  /* Records that come while the pool opens, and those addressed to the pool; may be NULL. */
  void (*UH_NULLABLE record)(void *user, const struct uh_psrp_record *record);
  void *record_user;
};
struct uh_psrp;
/* Opens a pool of one runspace: protocol 2.3, else 2.2, else 2.1. On failure the shell has been deleted again. */
int uh_psrp_open(const struct uh_psrp_options *options, struct uh_psrp **ret_pool, struct uh_err *err);
/* Deletes the shell and frees the pool, whatever is wrong with it and whether it was cancelled. -1: the shell may still
 * be there, until the server's idle timeout. pool may be NULL. */
int uh_psrp_close(struct uh_psrp *UH_OWN UH_NULLABLE pool, struct uh_err *UH_NULLABLE err);
void uh_psrp_closep(struct uh_psrp **pool);                     /* for UH_CLEANUP */
const char *uh_psrp_protocol(const struct uh_psrp *pool);       /* as negotiated, "2.3" */
const char *uh_psrp_server_version(const struct uh_psrp *pool); /* $PSVersionTable.PSVersion, "" where not told */
bool uh_psrp_is_broken(const struct uh_psrp *pool);             /* only uh_psrp_close() makes sense any more */
int64_t uh_psrp_requests(const struct uh_psrp *pool);           /* calls to the transport so far */

enum uh_psrp_type {
  UH_PSRP_NULL,   /* $null: clears a property */
  UH_PSRP_TEXT,   /* also enumerations, sizes, addresses: the server converts */
  UH_PSRP_SWITCH, /* true or false, always said; Confirm is UH_PSRP_SWITCH false */
  UH_PSRP_INT,
  UH_PSRP_GUID,
  UH_PSRP_TEXTS, /* object[] of strings; may be empty */
};
struct uh_psrp_parameter {
  const char *name; /* NULL: end of the list */
  enum uh_psrp_type type;
  union {
    const char *text;
    bool yes;
    int64_t number;
    const uint8_t *guid; /* UH_GUID_SIZE bytes */
    struct {
      const char *const *v;
      size_t n;
    } texts;
  };
};
#define UH_PSRP_P_TEXT(n_, v_) ((struct uh_psrp_parameter){.name = (n_), .type = UH_PSRP_TEXT, .text = (v_)})
#define UH_PSRP_P_SWITCH(n_, v_) ((struct uh_psrp_parameter){.name = (n_), .type = UH_PSRP_SWITCH, .yes = (v_)})
#define UH_PSRP_P_INT(n_, v_) ((struct uh_psrp_parameter){.name = (n_), .type = UH_PSRP_INT, .number = (v_)})
#define UH_PSRP_P_GUID(n_, v_) ((struct uh_psrp_parameter){.name = (n_), .type = UH_PSRP_GUID, .guid = (v_)})
#define UH_PSRP_P_NULL(n_) ((struct uh_psrp_parameter){.name = (n_), .type = UH_PSRP_NULL})
#define UH_PSRP_P_TEXTS(n_, v_, count_) \
  ((struct uh_psrp_parameter){.name = (n_), .type = UH_PSRP_TEXTS, .texts = {(v_), (count_)}})

struct uh_psrp_cmdlet {
  const char *name;                                       /* "Get-SendConnector" */
  const struct uh_psrp_parameter *UH_NULLABLE parameters; /* up to the one without name; NULL: none */
  int64_t limit_ms;                                       /* 0: UH_PSRP_CMDLET_MS; then it is stopped */
  void *user;
  /* Each object that comes out, null as well. -1 (with err) stops the cmdlet. May be NULL. */
  int (*UH_NULLABLE output)(void *user, const struct uh_clixml_value *value, struct uh_err *err);
  void (*UH_NULLABLE record)(void *user, const struct uh_psrp_record *record);
};

enum uh_psrp_outcome {
  UH_PSRP_NOT_SENT = 0, /* the server has not seen it */
  UH_PSRP_DONE,         /* Completed, no error record */
  UH_PSRP_FAILED,       /* the server said so: Failed, or Completed with error records. Parts may have been done */
  UH_PSRP_PROMPTED,     /* it asked for something and was refused; the server said that it ended */
  UH_PSRP_STOPPED,      /* we stopped it (deadline, cancelled, output refused), and the server said that it stopped */
  UH_PSRP_UNKNOWN,      /* it was sent, and how it ended is not known */
};
const char *uh_psrp_outcome_name(enum uh_psrp_outcome outcome); /* "not-sent", "done", "failed".. */
struct uh_psrp_result {
  enum uh_psrp_outcome outcome;
  int64_t objects;            /* put out, and handed to output() */
  int64_t errors, warnings;   /* records */
  char prompt[512];           /* PROMPTED: what it asked, "PromptForChoice: Confirm: Are you sure.." */
  struct uh_psrp_error error; /* the first that came, or the one that ended it; empty where there was none */
};
/*
 * Runs one cmdlet. 0: UH_PSRP_DONE. -1: every other outcome, err says why; ret_result is filled in every case.
 * Errors that the server told have class UH_ERR_DENIED and answer UH_REFUSED where the account may not (see
 * uh_psrp_error_is_refused), else UH_ERR_UNAVAILABLE; request_id is Exchange's own.
 *
 * read: only cmdlets that change nothing on the server: Get-*, and Set-ADServerSettings, which lives and dies with this
 * session. Any other name is refused (UH_ERR_INTERNAL). When cancelled it is abandoned at once: close the pool.
 * write: any cmdlet. When cancelled it is stopped in order, so that its outcome becomes known where it can.
 */
int uh_psrp_read(struct uh_psrp *pool, const struct uh_psrp_cmdlet *cmdlet, struct uh_psrp_result *ret_result,
                 struct uh_err *err);
int uh_psrp_write(struct uh_psrp *pool, const struct uh_psrp_cmdlet *cmdlet, struct uh_psrp_result *ret_result,
                  struct uh_err *err);
#endif
