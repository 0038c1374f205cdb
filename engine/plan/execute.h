/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_EXECUTE_H
#define UH_EXECUTE_H
/*
 * Carrying a plan out: the life of an action (design section 5), resuming, undoing. All that is known of an earlier run
 * comes from the journal. The caller holds the case's lock.
 */
#include "case/journal.h"
#include "plan/plan.h"
#include "plan/world.h"

/* ---- where things stand, read from the journal (history.c) ---- */

enum uh_action_state {
  UH_ACTION_PLANNED,
  UH_ACTION_BEGUN, /* in doubt until somebody looks */
  UH_ACTION_APPLIED,
  UH_ACTION_VERIFIED,
  UH_ACTION_FAILED,
  UH_ACTION_SKIPPED,
  UH_ACTION_DOUBT,
  UH_ACTION_WAITS, /* for a person, or for the end of a pause */
  UH_ACTION_UNDO_BEGUN,
  UH_ACTION_UNDONE,
};
const char *uh_action_state_name(enum uh_action_state state);
struct uh_history_action {
  const char *id;
  enum uh_action_state state;
  int64_t begun_at, until;       /* UTC; until: WAITS */
  const char *why;               /* of failed, skipped, doubt, waits */
  bool unapproved;               /* skipped: nobody was there to approve it; a later run may be told to */
  const char *became;            /* GUID of the object that an undo made, "" */
  const void *UH_NULLABLE image; /* before-image: a look's image */
  size_t image_size;
};
struct uh_history;
int uh_history_read(struct uh_journal *journal, struct uh_history **ret_history, struct uh_err *err);
struct uh_history *uh_history_free(struct uh_history *UH_NULLABLE history);
void uh_history_freep(struct uh_history **history);
/* The plan that is not finished (NULL: none), and the last one at all. */
const struct uh_plan *UH_NULLABLE uh_history_open_plan(const struct uh_history *history);
const struct uh_plan *UH_NULLABLE uh_history_last_plan(const struct uh_history *history);
const struct uh_plan *UH_NULLABLE uh_history_plan(const struct uh_history *history, const char *id);
bool uh_history_finished(const struct uh_history *history, const char *plan_id);
const struct uh_anchors *UH_NULLABLE uh_history_anchors(const struct uh_history *history);
const struct uh_history_action *UH_NULLABLE uh_history_action(const struct uh_history *history, const char *action_id);
/* The planned form of an action of any plan of this case. */
const struct uh_planned *UH_NULLABLE uh_history_planned(const struct uh_history *history, const char *action_id);
/* UTC seconds of the last record of any action; 0: there is none. */
int64_t uh_history_changed_at(const struct uh_history *history);
size_t uh_history_count(const struct uh_history *history);
const struct uh_history_action *uh_history_at(const struct uh_history *history, size_t i);

/* ---- a person at a terminal ---- */

enum uh_choice { UH_CHOICE_YES, UH_CHOICE_SKIP, UH_CHOICE_STOP };
enum uh_event_type {
  UH_EVENT_STEP,     /* a step's first action comes up; gate says what its checks say */
  UH_EVENT_BEGIN,    /* an action */
  UH_EVENT_RESULT,   /* what became of it: state, why */
  UH_EVENT_WAITING,  /* looks again until replication has settled; seconds left in until */
  UH_EVENT_OPERATOR, /* a person has to run these commands; looks again until seen, or --operator-timeout */
  UH_EVENT_PAUSE,    /* an observation pause, until */
  UH_EVENT_STOP,     /* work is left, and why */
};
struct uh_event {
  enum uh_event_type type;
  const struct uh_planned *UH_NULLABLE action;
  const struct uh_plan_step *UH_NULLABLE step;
  const struct uh_gate *UH_NULLABLE gate;
  bool shut; /* the gate stops the run; one that is not open may be passed, where the plan itself mends what fails */
  enum uh_action_state state;
  const char *UH_NULLABLE why;
  int64_t until;
  const char *UH_NULLABLE image; /* BEGIN: the before-image */
  /* An undo: what is run to put it back, in the place of the action's own commands. NULL: it is no undo. */
  const char *UH_NULLABLE commands;
};
struct uh_guide {
  void *user;
  void (*UH_NULLABLE tell)(void *user, const struct uh_event *event);
  /* NULL: unattended. reason: for SKIP, copied into a buffer of that size. typed: the action cannot be undone, or wants
   * approval: a typed confirmation. -1: the terminal is gone. */
  int (*UH_NULLABLE ask)(void *user, const struct uh_event *event, bool typed, enum uh_choice *ret_choice, char *reason,
                         size_t size, struct uh_err *err);
};

struct uh_execute_options {
  const struct uh_world *world;
  struct uh_journal *journal;
  const struct uh_guide *guide;
  const struct uh_plan *plan; /* for resume: of uh_history_open_plan */
  const char *person;         /* who runs this: "root@host" */
  const char *version;
  bool dry;               /* everything up to `begun`; nothing is written to the journal either. journal may be NULL */
  bool yes, irreversible; /* --yes, --yes=irreversible */
  bool anew;              /* an undo: --yes=new-object, what cannot be brought back may be made anew */
  bool give_up;           /* an undo that was begun: it is not finished, the object stays as it is */
  bool pause_between;
  int64_t operator_timeout;                /* seconds */
  int64_t pause_observe;                   /* seconds */
  const char *const *UH_NULLABLE approved; /* action ids, NULL-terminated */
  /* Step 0: called once for a plan that the journal does not have yet, when its gate is open and before anything stands
   * in the journal; where it fails nothing is begun. ret_manifest: SHA-256 (hex) of the export, which stands with the
   * anchors in the journal. NULL: nothing is exported. */
  int (*UH_NULLABLE export_first)(void *user, char ret_manifest[65], struct uh_err *err);
  /* Renders a before-image for people into the case's exports/; after `begun` is durable. NULL: none */
  int (*UH_NULLABLE export_image)(void *user, const struct uh_planned *action, const char *image, struct uh_err *err);
  void *user;
};
struct uh_execute_result {
  int exit_code; /* design section 4.2: 0 all done, 1 2 the gate, 3 work left, 130 interrupted, ... */
  size_t done, skipped, failed, doubt, left;
  size_t paused;        /* of those that are left: they are done, and watched until a pause is over */
  int64_t paused_until; /* 0: not */
  char stopped[1024];   /* why there is work left */
  char head[UH_JOURNAL_HASH_TEXT];
};
/* A new plan, or the rest of one: what the journal says is done is not done again, what is in doubt is looked at
 * first. -1 where nothing could go on at all: err has the class. Else the result says how it ended. */
int uh_execute(const struct uh_execute_options *options, struct uh_execute_result *ret_result, struct uh_err *err);

/* Puts one action back. options->plan is not used. UH_ERR_USAGE where there is no such action, it was never done, or
 * cannot be undone (err says why and what a person can do). */
int uh_undo_action(const struct uh_execute_options *options, const char *action_id,
                   struct uh_execute_result *ret_result, struct uh_err *err);
#endif
