/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_WRITER_H
#define UNHYBRID_WRITER_H
/*
 * Writing is a capability. A step of the cleanup can change the world outside only through a writer that it was handed:
 * it has nothing else to reach out with. A real run hands it one that sends; a dry run hands it one that checks the
 * same things and only records. So "dry" is not a flag that each step must honour.
 *
 * A writer sends a change once, whatever happens. What became of it is one of the outcomes below, and "unknown" is one
 * of them: look at the object then, never send again.
 *
 * A writer belongs to one thread, and to whoever made it. What a change points to stays the caller's and is read during
 * the call only.
 */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

enum uh_value_type {
  UH_VALUE_NULL, /* clears a property */
  UH_VALUE_TEXT, /* also enumerations, sizes, addresses */
  UH_VALUE_BOOL, /* also a switch: always said, true or false */
  UH_VALUE_NUMBER,
  UH_VALUE_GUID,
  UH_VALUE_TEXTS, /* a list; may be empty */
};
struct uh_argument {
  const char *name; /* NULL: end of the list */
  enum uh_value_type type;
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

#define UH_CHANGE_ARGUMENTS_MAX 40

/* One cmdlet on one object. What every change needs is not said here but added by the writer: the object's GUID as
 * Identity, Confirm as false, the pinned domain controller. Saying it, or WhatIf, is refused. */
struct uh_change {
  const char *cmdlet;              /* "Remove-SendConnector" */
  const uint8_t *UH_NULLABLE guid; /* the object; NULL only where the cmdlet takes no identity */
  const char *UH_NULLABLE name;    /* of the object, for people; addresses nothing */
  const struct uh_argument *UH_NULLABLE arguments;
};

enum uh_change_outcome {
  UH_CHANGE_NOT_SENT = 0, /* the service has not seen it: nothing was changed */
  UH_CHANGE_RECORDED,     /* a dry run: it would have been sent */
  UH_CHANGE_APPLIED,      /* the service said that it is done; only the re-read state proves it */
  UH_CHANGE_FAILED,       /* the service said no, or failed on the way: a part may have been done */
  UH_CHANGE_UNKNOWN,      /* it was sent, and what became of it is not known */
};
const char *uh_change_outcome_name(enum uh_change_outcome outcome); /* "not-sent", "recorded", .. */

/* What the service said. Its texts are hostile like all others. */
struct uh_change_result {
  enum uh_change_outcome outcome;
  int64_t objects, errors, warnings;
  char identity[512]; /* FullyQualifiedErrorId of the first error */
  char category[32];  /* "ObjectNotFound" */
  char reason[160];   /* the exception's class */
  char message[1024];
  bool refused;                /* the account may not: a management role is missing */
  bool not_found;              /* the object is not there */
  bool dehydrated;             /* Exchange Online: the organisation must be customised first */
  char server[128];            /* that carried it out, where it says */
  char request_id[64];         /* the service's own */
  char domain_controller[256]; /* that was pinned; "" */
};

struct uh_writer {
  /* 0: APPLIED or RECORDED. -1: every other outcome, err says why. The result is filled in every case. */
  int (*change)(void *user, const struct uh_change *change, struct uh_change_result *ret_result, struct uh_err *err);
  void *user;
};
static inline int uh_write(const struct uh_writer *writer, const struct uh_change *change,
                           struct uh_change_result *ret_result, struct uh_err *err) {
  return writer->change(writer->user, change, ret_result, err);
}
#endif
