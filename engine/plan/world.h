/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_WORLD_H
#define UH_WORLD_H
/*
 * The world outside, as far as carrying out a plan touches it. engine/plan/world.c reaches the real one: sources to
 * look, executors to write. The crash harness hands in one of its own. One thread.
 *
 * Names of failpoints stand in the code as uh_failpoint(world, "after-begun"): before and after every durable write and
 * every write outside.
 */
#include "plan/plan.h"

enum uh_seen { UH_SEEN_UNKNOWN, UH_SEEN_THERE, UH_SEEN_ABSENT };
enum uh_look_path {
  UH_LOOK_BEFORE, /* the richest way: what cmdlets give, for before-image and drift */
  UH_LOOK_AFTER,  /* another way than the action took where there is one, for verifying */
};
struct uh_look {
  enum uh_seen seen;
  char *image;       /* JSON: {"observed_at": "..", "rows": [{"source", "side", "kind", "listing", "identity", "name",
                        "guid", "json": {..}}, ..], "files": {"name": bytes}}; rows of the subject alone, richest source
                        first; files: those of UH_EXPECT_FILE that are there, and instead of its bytes a text where one
                        does not count, and why. Free it */
  struct uh_err why; /* UNKNOWN: what could not be seen, and why */
};
void uh_look_clear(struct uh_look *look);

/* What the gate says of one check. */
#define UH_GATE_FINDINGS 5 /* of a check that are named */
struct uh_gate_finding {
  char *key, *object, *message, *command; /* the key is what `waive add` takes; command "" where there is none */
};
struct uh_gate_check {
  char *id, *title, *status /* pass, fail, unknown, waived, not-applicable */, *before /* at the audit or plan; "" */,
      *detail /* the first finding or what is unknown */, *remedy;
  enum uh_severity severity;
  struct uh_gate_finding findings[UH_GATE_FINDINGS]; /* that are not waived */
  size_t n_findings;
  int64_t more;                   /* of them, beyond those */
  char *attest[UH_GATE_FINDINGS]; /* commands by which a person states what would decide it, up to the first NULL */
};
struct uh_gate {
  enum uh_verdict verdict; /* READY opens */
  size_t n;
  struct uh_gate_check *v;
};
void uh_gate_clear(struct uh_gate *gate);

struct uh_world {
  void *user;
  int64_t (*now)(void *user); /* UTC seconds */
  /* Waits that long, less when cancelled. For polling while replication goes on. */
  void (*wait)(void *user, int64_t milliseconds);
  bool (*cancelled)(void *user); /* Ctrl-C */
  /* The subject of an action, anew. -1 only where nothing can go on (UH_ERR_CANNOT_WRITE, a bug); what cannot be seen
   * is UNKNOWN. */
  int (*look)(void *user, const struct uh_planned *action, enum uh_look_path path, struct uh_look *ret_look,
              struct uh_err *err);
  /* A new object that an undo made, by a property of its kind. */
  int (*find)(void *user, const char *side, const char *kind, const char *property, const char *value,
              struct uh_look *ret_look, struct uh_err *err);
  /* The checks of a step, observed anew and judged now; checks NULL: the whole audit (at the start of a run).
   * irreversible: recipients are observed again when older than fresh_for. */
  int (*gate)(void *user, const char *UH_NULLABLE checks, bool irreversible, struct uh_gate *ret_gate,
              struct uh_err *err);
  /* Sends one change; as uh_writer.change. dry: it is recorded only. */
  int (*change)(void *user, enum uh_executor executor, const struct uh_change *change,
                struct uh_change_result *ret_result, struct uh_err *err);
  int (*graph)(void *user, const struct uh_graph_change *change, struct uh_change_result *ret_result,
               struct uh_err *err);
  /* A change of Active Directory itself. NULL: there is no such way. */
  int (*UH_NULLABLE directory)(void *user, const struct uh_directory_change *change,
                               struct uh_change_result *ret_result, struct uh_err *err);
  /* How long replication of a change through this executor may take, seconds. */
  int64_t (*settles)(void *user, enum uh_executor executor);
  /* NULL: nothing. Called with the name of each place where a test may end the process. */
  void (*UH_NULLABLE failpoint)(void *user, const char *name);
};
static inline void uh_failpoint(const struct uh_world *world, const char *name) {
  if (world->failpoint) world->failpoint(world->user, name);
}

/* ---- the real one ---- */
struct uh_config;
struct uh_case;
struct uh_judge_options;
struct uh_progress_sink;
struct uh_world_options {
  const struct uh_config *config;
  const struct uh_case *held;    /* locked */
  const char *UH_NULLABLE facts; /* the observation that the plan was made from: what the gate compares with */
  bool observed_now;             /* this very run made it, and changed nothing since: the first whole gate takes it */
  const struct uh_judge_options *how;        /* statements, fresh_for */
  bool dry;                                  /* changes are recorded, never sent: no executor is even opened */
  bool (*UH_NULLABLE cancelled)(void *user); /* asked from the sources' threads too */
  void (*UH_NULLABLE warning)(void *user, const char *text); /* what a service warned of; hostile text */
  void (*UH_NULLABLE sign_in)(void *user, const char *message, const char *uri, const char *code);
  void *user;
};
/* The options' pointers must outlive it. Nobody is asked yet. */
int uh_world_open(const struct uh_world_options *options, struct uh_world **ret_world, struct uh_err *err);
struct uh_world *uh_world_free(struct uh_world *UH_NULLABLE world); /* closes sessions */
void uh_world_freep(struct uh_world **world);
#endif
