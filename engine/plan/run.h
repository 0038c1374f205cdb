/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_RUN_H
#define UH_RUN_H
/*
 * One run of a plan, or of an undo, within engine/plan. Functions that return int here: 0 go on, -1 the run is over
 * (uh_run_stop was called and says how), positive values stand with the function.
 */
#include "plan/history.h"

enum uh_hold {
  UH_HOLD_NONE,
  UH_HOLD_SKIP,       /* what follows is skipped as well */
  UH_HOLD_UNAPPROVED, /* nobody approved it: what would take its object, or its part of it, all the same is skipped */
  UH_HOLD_BEHIND,     /* it follows what nobody approved, and must not come before that */
  UH_HOLD_LEFT,       /* what follows waits */
};
struct uh_run {
  const struct uh_execute_options *o;
  const struct uh_world *w;
  const struct uh_plan *plan;
  struct uh_history *h;
  struct uh_execute_result *r;
  bool stopped;
  char manifest[65]; /* of the export of step 0, made in this run; "" */
  int exit_code;
  struct uh_str why; /* of the stop */
  /* gate */
  const char *UH_NULLABLE gated; /* id of the step whose checks have said yes in this run */
  bool gated_irreversible;
  bool gate_owed; /* the whole audit was let pass for the sake of what this plan mends first; asked again after that */
  const char *UH_NULLABLE last_step; /* of the last action that was carried out in this run */
  /* what is held back: one for each step of the plan, and subjects */
  struct uh_step_hold {
    enum uh_hold follows, rest; /* for steps that follow; for the rest of the step itself */
    const char *because;        /* id of the action, or step */
    const char *unapproved;     /* id of an action that nobody approved; NULL: none */
    bool asked;                 /* what the steps before it say is known: */
    enum uh_hold inherited;
    const char *inherited_because;
  } * holds;
  struct uh_subject_hold {
    const struct uh_planned *action;
    enum uh_hold hold;
  } * subjects;
  size_t n_subjects, cap_subjects;
};

/* ---- stopping and telling (run.c) ---- */

/* Ends the run with an exit code; the first reason wins. Returns -1. */
int uh_run_stop(struct uh_run *run, int exit_code, const char *fmt, ...) UH_PRINTF(3, 4);
int uh_run_stop_err(struct uh_run *run, const struct uh_err *err, const char *during);
void uh_run_tell(const struct uh_run *run, const struct uh_event *event);
void uh_run_result(const struct uh_run *run, const struct uh_planned *action, enum uh_action_state state,
                   const char *why);
const struct uh_plan_step *UH_NULLABLE uh_run_step(const struct uh_run *run, const struct uh_planned *action);
static inline int64_t uh_run_now(const struct uh_run *run) {
  return run->w->now(run->w->user);
}
static inline bool uh_run_cancelled(const struct uh_run *run) {
  return run->w->cancelled(run->w->user);
}

/* ---- records (record.c) ---- */

/* Writes a record, durable when it returns 0; nothing in a dry run. */
int uh_run_record(struct uh_run *run, enum uh_record_type type, const char *action, const struct uh_str *body,
                  const void *UH_NULLABLE image, size_t image_size);
/* {"<name>": "<text>"} */
int uh_run_record_text(struct uh_run *run, enum uh_record_type type, const char *action, const char *name,
                       const char *text);
int uh_run_record_failed(struct uh_run *run, const char *action, const char *why, bool sent);
int uh_run_record_skipped(struct uh_run *run, const char *action, const char *why, enum uh_skip by);
int uh_run_record_paused(struct uh_run *run, const char *action, int64_t until, const char *why);
int uh_run_record_opened(struct uh_run *run, const char *command);
int uh_run_record_plan(struct uh_run *run);
void uh_json_member(struct uh_str *out, const char *name, const char *text); /* "name":"text" with a comma before */
void uh_result_json(struct uh_str *out, const char *what, const struct uh_change_result *result);

/* ---- what is held back (hold.c) ---- */

int uh_hold_open(struct uh_run *run, struct uh_err *err);
void uh_hold_close(struct uh_run *run);
/* Whether an action is held back, and by what. */
enum uh_hold uh_hold_of(const struct uh_run *run, const struct uh_planned *action, const char **ret_because);
/* follows: the steps after its own; rest: what is left of its own. Its subject's later actions in any case. */
int uh_hold_add(struct uh_run *run, const struct uh_planned *action, enum uh_hold hold, bool follows, bool rest);
bool uh_subject_same(const struct uh_subject *a, const struct uh_subject *b);

/* ---- sending (send.c) ---- */

struct uh_sent {
  enum uh_change_outcome outcome; /* of all together */
  bool not_found;
  bool refused;            /* the account may not, and nothing was done */
  size_t applied;          /* changes that the service said are done */
  char made[UH_GUID_TEXT]; /* the GUID of an entry of the directory that was made, or stood there already; "" */
  struct uh_str results;   /* JSON objects, comma-separated */
  struct uh_str why;       /* where it was not applied */
};
void uh_sent_clear(struct uh_sent *sent);
/* Sends what the action says, each change once, in order, until one is not applied. again: an earlier try may have done
 * a part; what is not there any more counts as done then. */
int uh_send_action(struct uh_run *run, const struct uh_planned *action, bool again, struct uh_sent *ret_sent);
int uh_send_change(struct uh_run *run, enum uh_executor executor, const struct uh_change *change, bool again,
                   struct uh_sent *sent);
int uh_send_graph(struct uh_run *run, const struct uh_graph_change *change, struct uh_sent *sent);
int uh_send_directory(struct uh_run *run, const struct uh_directory_change *change, struct uh_sent *sent);

/* ---- looking until it has settled (settle.c) ---- */

enum uh_settled {
  UH_SETTLED_DONE,      /* what the action expects is so, or its object is gone */
  UH_SETTLED_UNCHANGED, /* the time has passed, and it is as it was, or as a part of the action's own changes left it */
  UH_SETTLED_CHANGED,   /* it is there, and somebody else has changed it */
  UH_SETTLED_UNSEEN,    /* the time has passed, and it cannot be seen */
  UH_SETTLED_CANCELLED, /* not known yet, and the person at the terminal does not want to wait */
};
/* 0 and up: enum uh_settled. why: what is not so. until: when replication has settled. */
int uh_settle(struct uh_run *run, const struct uh_planned *action, int64_t until, struct uh_str *why);
/* A tree of the directory whose deletion was begun, and of which a part is gone: 1; 0 no; -1. */
int uh_tree_half_gone(struct uh_run *run, const struct uh_planned *action);
/* One look by another way than the change took: 1 it is done, 0 not, 2 that cannot be seen. */
int uh_look_done(struct uh_run *run, const struct uh_planned *action, struct uh_str *why);
int uh_look(struct uh_run *run, const struct uh_planned *action, enum uh_look_path path, struct uh_look *ret_look);
/* Waits a growing while between looks; false when the time is over or the run is cancelled. */
bool uh_settle_wait(struct uh_run *run, int64_t until, int64_t *milliseconds);
/* Is the image the object as `before` shows it, but for what the action's own changes set? 1 yes, 0 no, -1 not to be
 * told. Values are compared by the rules of fingerprints. */
int uh_image_same(const struct uh_planned *action, const char *before, const char *image, struct uh_err *err);
int64_t uh_run_settled_at(const struct uh_run *run, const struct uh_planned *action, int64_t begun_at);

/* ---- one action (action.c) ---- */

int uh_run_action(struct uh_run *run, const struct uh_planned *action);
/* Looks at what was begun before and is in doubt, until it is known or the time has passed. Sends nothing. */
int uh_run_settle_action(struct uh_run *run, const struct uh_planned *action);
int uh_run_gate(struct uh_run *run, const struct uh_plan_step *UH_NULLABLE step, const char *UH_NULLABLE checks,
                bool irreversible);
#endif
