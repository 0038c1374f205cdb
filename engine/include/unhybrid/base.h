/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_BASE_H
#define UNHYBRID_BASE_H
/*
 * Words that every part of unhybrid shares: ownership on prototypes, scope-bound cleanup, the five kinds of answer,
 * and the error that carries what happened, where, and what to do.
 *
 * Convention: a function that can fail returns 0 for done and -1 for failed, with *err filled; a positive value is a
 * result that the header documents. Output parameters start with ret_ and are not touched on failure. Nothing in the
 * library prints. No function here keeps state; all are safe to call from any thread on distinct objects.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ownership, read from the prototype: OWN hands the pointer to the receiver, BORROW leaves it with its owner,
 * NULLABLE may be NULL. They expand to nothing. */
#define UH_OWN
#define UH_BORROW
#define UH_NULLABLE

#define UH_CLEANUP(fn) __attribute__((cleanup(fn)))
#define UH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UH_MUST_USE __attribute__((warn_unused_result))

/* Takes the value out of a variable and leaves NULL, so that scope-bound cleanup does not free what was handed on. */
#define UH_TAKE(p)                 \
  ({                               \
    __typeof__(p) uh_taken_ = (p); \
    (p) = NULL;                    \
    uh_taken_;                     \
  })
/* The same for a file descriptor; leaves -1. */
static inline int uh_take_fd(int *fd) {
  int taken = *fd;
  *fd = -1;
  return taken;
}

void uh_freep(void *p); /* for UH_CLEANUP on a pointer from malloc */

/*
 * Absence has a type. A value, "there is none", "refused", "timed out" and "not asked" are five different answers,
 * from the wire to the report. The numbers stand in facts files (the *_state columns), so they never change.
 */
enum uh_answer {
  UH_VALUE = 0,     /* a value was obtained */
  UH_NONE = 1,      /* the service said that there is none */
  UH_REFUSED = 2,   /* the service would not tell: a right is missing */
  UH_TIMEOUT = 3,   /* the service did not answer in time, or broke off */
  UH_NOT_ASKED = 4, /* nobody asked, or the place that was asked does not hold it */
};
const char *uh_answer_name(enum uh_answer answer); /* "value", "none", "refused", "timeout", "not-asked" */

/* Whose fault it is decides the exit code (design section 4.2). */
enum uh_err_class {
  UH_ERR_NONE = 0,
  UH_ERR_USAGE,        /* 64 */
  UH_ERR_DATA,         /* 65 input data wrong */
  UH_ERR_UNAVAILABLE,  /* 69 a service is down or does not answer */
  UH_ERR_INTERNAL,     /* 70 a bug, or out of memory */
  UH_ERR_CANNOT_WRITE, /* 73 */
  UH_ERR_BUSY,         /* 75 another process holds the case */
  UH_ERR_DENIED,       /* 77 permission or authentication */
  UH_ERR_CONFIG,       /* 78 */
  UH_ERR_INTERRUPTED,  /* 130 */
};
int uh_err_exit_code(enum uh_err_class cls);

/*
 * Text that people read, cut at the end of a character: half a one is no UTF-8, and nothing that holds it can be kept
 * as JSON. So "%.*s" with UH_HEAD(text, bytes) in place of a precision, and uh_print() in place of snprintf().
 */
int uh_head(const char *UH_NULLABLE text, int max); /* how many bytes: max at most */
#define UH_HEAD(text, max) uh_head((text), (max)), (text)
void uh_print(char *buf, size_t size, const char *fmt, ...) UH_PRINTF(3, 4);
void uh_vprint(char *buf, size_t size, const char *fmt, va_list ap) UH_PRINTF(3, 0);

/* The first cause wins: uh_fail() on an error that is already set changes nothing. Never holds a secret. */
struct uh_err {
  enum uh_err_class cls;
  enum uh_answer answer; /* UH_REFUSED or UH_TIMEOUT where the failure says how a value is missing, else UH_NOT_ASKED */
  char what[512];        /* what happened, one sentence without final dot */
  char where[256];       /* file:line, host:port, object; may be empty */
  char remedy[256];      /* what to do; may be empty */
  char request_id[64];   /* the service's own id of the request, may be empty */
};
#define UH_ERR_INIT ((struct uh_err){.answer = UH_NOT_ASKED})

/* Both return -1, so that `return uh_fail(err, ...)` reads as one sentence. err may be NULL. */
int uh_fail(struct uh_err *UH_NULLABLE err, enum uh_err_class cls, const char *fmt, ...) UH_PRINTF(3, 4);
int uh_fail_nomem(struct uh_err *UH_NULLABLE err);
/* Each fills its field only where it is still empty. */
void uh_err_where(struct uh_err *UH_NULLABLE err, const char *fmt, ...) UH_PRINTF(2, 3);
void uh_err_remedy(struct uh_err *UH_NULLABLE err, const char *fmt, ...) UH_PRINTF(2, 3);
/* "where: what; remedy", for people, in buf (cut at size). Returns buf. */
const char *uh_err_text(const struct uh_err *err, char *buf, size_t size);

#endif
