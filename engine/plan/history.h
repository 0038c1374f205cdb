/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_HISTORY_H
#define UH_HISTORY_H
/*
 * What the journal's records say of each action, within engine/plan. One function takes a record in, whether it is read
 * from the journal or has just been written to it, so that a run and a later resume cannot see different things.
 */
#include "plan/execute.h"

enum uh_skip {
  UH_SKIP_NONE,
  UH_SKIP_PERSON,   /* a person said so */
  UH_SKIP_APPROVAL, /* nobody was there to approve it: a later run may be told to */
  UH_SKIP_FOLLOWS,  /* it follows what was skipped */
};

struct uh_history_entry {
  struct uh_history_action is; /* its texts are this entry's own */
  const struct uh_planned *UH_NULLABLE planned;
  int64_t at;           /* of the last record */
  int64_t undo_at;      /* UNDO_BEGUN */
  enum uh_skip skip;    /* SKIPPED */
  bool begun;           /* since it was planned */
  bool sent;            /* something may have reached the service since; false once it is known that nothing did */
  bool undoable;        /* this program did it: it was begun before it was seen to be done */
  bool observed;        /* its observation pause is written down */
  bool undo_sent;       /* an earlier undo may have sent something */
  struct uh_str became; /* owns is.became */
};

struct uh_history *uh_history_new(void);
/* After the record is durable. */
int uh_history_note(struct uh_history *history, const struct uh_record *record, struct uh_err *err);
struct uh_history_entry *UH_NULLABLE uh_history_entry(const struct uh_history *history, const char *action_id);
struct uh_history_entry *uh_history_entry_at(const struct uh_history *history, size_t i);
/* Begun, and not known how it ended. */
static inline bool uh_history_in_doubt(const struct uh_history_entry *UH_NULLABLE e) {
  return e && (e->is.state == UH_ACTION_BEGUN || e->is.state == UH_ACTION_APPLIED || e->is.state == UH_ACTION_DOUBT);
}
#endif
