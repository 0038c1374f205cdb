/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_JOURNAL_H
#define UH_JOURNAL_H
/*
 * The journal of a case: what was planned, begun, done and verified. Append only and durable: when uh_journal_append()
 * has returned 0, the record survives a power cut. Each record carries the SHA-256 of itself and of the one before, so
 * that a changed record shows; a tail that was cut off shows by the head, which is printed at every stop.
 *
 * An SQLite file with a rollback journal and synchronous=EXTRA carries the durability; triggers refuse to change a
 * record. After a failed sync nobody knows what reached the disk: the journal takes nothing more then
 * (uh_journal_broken), and what was begun is in doubt until somebody has looked.
 *
 * Who writes holds the case's lock. One thread.
 */
#include <unhybrid/base.h>

#define UH_JOURNAL_BODY_MAX ((size_t)1024 * 1024)
#define UH_JOURNAL_IMAGE_MAX ((size_t)64 * 1024 * 1024)
#define UH_JOURNAL_HASH 32
#define UH_JOURNAL_HASH_TEXT 65

enum uh_record_type {
  UH_RECORD_OPENED,     /* a run began: who, where, with which plan */
  UH_RECORD_ANCHOR,     /* by what later steps identify what belongs to the hybrid deployment */
  UH_RECORD_PLANNED,    /* an action of the plan */
  UH_RECORD_BEGUN,      /* about to change the world; the image is the object as it was */
  UH_RECORD_APPLIED,    /* the service said that it is done */
  UH_RECORD_VERIFIED,   /* the object was read again, and it is done */
  UH_RECORD_FAILED,     /* nothing was changed */
  UH_RECORD_SKIPPED,    /* by a person, with a reason */
  UH_RECORD_DOUBT,      /* it was sent, and what became of it is not known yet */
  UH_RECORD_UNDO_BEGUN, /* about to put back */
  UH_RECORD_UNDONE,     /* put back, and seen to be back */
  UH_RECORD_PAUSED,     /* waits until a time, or for a person */
  UH_RECORD_STOPPED,    /* the run ended with work left, and why */
  UH_RECORD_CLOSED,     /* the run ended with nothing left */
  UH_RECORD_TYPES
};
const char *uh_record_type_name(enum uh_record_type type); /* "begun", "undo-begun" */

struct uh_record {
  int64_t seq; /* from 1; given by the journal */
  int64_t at;  /* UTC seconds; for people, the order is that of seq */
  enum uh_record_type type;
  const char *action; /* the action's id, "" where the record is about the run */
  const char *body;   /* a JSON object */
  const void *UH_NULLABLE image;
  size_t image_size;
  char hash[UH_JOURNAL_HASH_TEXT]; /* of this record and all before it; given by the journal */
};

struct uh_journal_options {
  const char *dir; /* the case directory */
  bool create;     /* where there is none; else that is UH_ERR_DATA */
  bool read_only;
  /* To see what a damaged journal still tells: read-only, nothing is examined at opening, there is no head, and
   * uh_journal_read() hands over what stands before the first damaged record before it fails there. */
  bool damaged;
  const char *UH_NULLABLE vfs; /* SQLite's storage layer by name, for tests; NULL: the system's */
};
struct uh_journal;
/* Opens and examines the whole chain. UH_ERR_DATA for a journal that is damaged: err names the first record that is not
 * as it was written, and nothing is changed. UH_ERR_CANNOT_WRITE where the directory does not take it. */
int uh_journal_open(const struct uh_journal_options *options, struct uh_journal **ret_journal, struct uh_err *err);
struct uh_journal *uh_journal_free(struct uh_journal *UH_NULLABLE journal);
void uh_journal_freep(struct uh_journal **journal);

/* Writes one record and waits until it is durable. seq and hash of the argument are not looked at. -1: the record is
 * not in the journal, unless uh_journal_broken(): then it may be or not. When the disk is full only STOPPED is taken,
 * once, into the space that is held in reserve. */
int uh_journal_append(struct uh_journal *journal, const struct uh_record *record, struct uh_err *err);
bool uh_journal_broken(const struct uh_journal *journal);

/* The last record's number and hash; 0 and zeros while there is none. */
int64_t uh_journal_head(const struct uh_journal *journal, char ret_hash[UH_JOURNAL_HASH_TEXT]);
/* Records from number from on, in order. Strings live for the call. each: 0 go on, -1 stop with err. */
int uh_journal_read(struct uh_journal *journal, int64_t from,
                    int (*each)(void *user, const struct uh_record *record, struct uh_err *err), void *user,
                    struct uh_err *err);
#endif
