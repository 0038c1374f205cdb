/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_DIFF_H
#define UH_DIFF_H
/*
 * Two observations of one organisation, each judged at its own time: what is new, what is gone, what has changed. What
 * was not seen is never gone: where the other observation read a set, or judged a check, not in full, an object that is
 * missing there was not seen. One model feeds every format; it is a private SQLite database, so that 200,000 recipients
 * cost no memory. Single-threaded.
 */
#include "rules/rules.h"

enum uh_change { UH_DIFF_NEW, UH_DIFF_GONE, UH_DIFF_CHANGED, UH_DIFF_NOT_SEEN, UH_DIFF_NOT_SEEN_BEFORE };
enum { UH_DIFF_CHANGES = 5 };
const char *uh_change_name(enum uh_change change); /* "new", "gone", "changed", "not-seen", "not-seen-before" */

struct uh_diff;
/* Facts of different organisations or tenants are UH_ERR_DATA. how: as for uh_judge; its `now` is not used. */
int uh_diff(const char *old_facts, const char *new_facts, const struct uh_judge_options *how, struct uh_diff **ret_diff,
            struct uh_err *err);
struct uh_diff *uh_diff_free(struct uh_diff *UH_NULLABLE diff);
void uh_diff_freep(struct uh_diff **diff);

struct uh_diff_head {
  const struct uh_results_head *before, *after;
  int64_t checks, sets;                                        /* whose status or state differs */
  int64_t findings[UH_DIFF_CHANGES], objects[UH_DIFF_CHANGES]; /* by enum uh_change */
  /* By two snapshots: recipients that lost an attribute, and those that are none any more, or were deleted. */
  int64_t lost, unseated;
  bool any; /* some difference, the verdict's included */
};
const struct uh_diff_head *uh_diff_head(const struct uh_diff *diff);

struct uh_diff_check {
  const char *id, *title, *severity;
  const char *status[2]; /* before, after; NULL: not judged */
  int64_t findings[2];
  bool complete[2];
};
struct uh_diff_set {
  const char *source, *side, *name, *part;
  const char *state[2]; /* NULL: not asked for */
  const char *why;      /* after */
};
struct uh_diff_finding {
  enum uh_change change;
  const char *key, *check, *side, *kind, *object;
  const char *message[2], *evidence_json[2]; /* NULL where there was none */
};
/* Of a changed object its properties: {"Name": {"old": .., "new": ..}}, a value that was not obtained as
 * {"@answer": "refused"}; else "{}". Plain ASCII. */
struct uh_diff_object {
  enum uh_change change;
  bool alarm; /* a recipient that lost something, or everything */
  const char *source, *side, *kind, *key, *object, *properties_json;
};

/* As uh_results_...: 0 goes on, -1 stops. limit 0: all. */
int uh_diff_checks(struct uh_diff *d, int (*each)(void *user, const struct uh_diff_check *), void *user,
                   struct uh_err *err);
int uh_diff_sets(struct uh_diff *d, int (*each)(void *user, const struct uh_diff_set *), void *user,
                 struct uh_err *err);
int uh_diff_findings(struct uh_diff *d, enum uh_change change, int64_t limit,
                     int (*each)(void *user, const struct uh_diff_finding *), void *user, struct uh_err *err);
int uh_diff_objects(struct uh_diff *d, enum uh_change change, int64_t limit,
                    int (*each)(void *user, const struct uh_diff_object *), void *user, struct uh_err *err);
/* Of these the alarms alone. */
int uh_diff_alarms(struct uh_diff *d, enum uh_change change, int64_t limit,
                   int (*each)(void *user, const struct uh_diff_object *), void *user, struct uh_err *err);
#endif
