/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_JUDGING_H
#define UH_JUDGING_H
/* One judgement, as judge.c, waivers.c and the plan's discovery share it. */
#include "rules/results.h"

struct sqlite3;
struct sqlite3_stmt;

enum uh_statement_state {
  UH_STATED_OPEN, /* not looked at yet */
  UH_STATED_COUNTS,
  UH_STATED_EXPIRED,
  UH_STATED_FUTURE,
  UH_STATED_DUPLICATE,
  UH_STATED_UNMATCHED,
  UH_STATED_NOT_JUDGED,
  UH_STATED_LAPSED,
  UH_STATED_UNVERIFIED,
  UH_STATED_REFUSED,
  UH_STATED_CONTRADICTED,
};
/* What one statement is worth. */
struct uh_worth {
  enum uh_statement_state state;
  char why[400];
};

enum { UH_FRESH_FOR_DEFAULT = 24 * 3600 };

/* What reads facts. The plan's discovery reads them with it too: db, now, fresh_for and shared are all it has then. */
struct judge {
  struct sqlite3 *db;
  struct uh_results *results;
  const struct uh_judge_options *options;
  int64_t now, fresh_for;
  unsigned shared;           /* views of rules/shared.h that are there */
  struct uh_worth *worth[2]; /* of options->statements, entry by entry */
};

struct uh_check_run {
  struct judge *judge;
  const struct uh_check *check;
  int64_t index;
  bool absence_lacking; /* a set that absence is concluded from is not complete */
  char absence_why[512];
  char setting[512]; /* what uh_setting() gave last */
};

/* The authorizer of checks' statements. */
int uh_judge_authorize(void *user, int action, const char *a, const char *b, const char *db, const char *view);
/* A check's statement: it sees views only. */
int uh_judge_prepare(struct judge *j, const char *sql, struct sqlite3_stmt **ret, struct uh_err *err);
/* The same, read as checks and steps do. */
int uh_judge_query(struct judge *j, const char *sql, struct uh_query **ret_query, struct uh_err *err);
/* Tells each set of the needs that is not complete; of alternatives, those of the best one. state: "partial", "stale",
 * "not-observed".. */
typedef int uh_lacking_fn(void *user, const char *set, const char *state, const char *why, struct uh_err *err);
int uh_sets_lacking(struct judge *j, const char *UH_NULLABLE needs, uh_lacking_fn *tell, void *user,
                    struct uh_err *err);
/* The first set of the needs that is not complete: 1, and why; 0 where all are. */
int uh_judge_lacking(struct judge *j, const char *UH_NULLABLE needs, char *why, size_t size, struct uh_err *err);

/* Decides what the attestations are worth and fills the view. Before any check is judged. */
int uh_attestations_judge(struct judge *j, struct uh_err *err);
/* What an attestation accepts today, see uh_judge_evidence(). */
int uh_attestation_evidence(struct judge *j, const struct uh_statement *what, char ret_evidence[UH_EVIDENCE_TEXT],
                            struct uh_err *err);
/* The fact has been stated with its first value, for the whole organisation. */
bool uh_attested(const struct judge *j, const struct uh_attestable *fact);
/* The check has violations: what was stated about its blind spot does not hold. */
void uh_attestation_contradict(struct judge *j, const struct uh_check *check);
/* Waives findings of a check that has just been judged. */
int uh_waivers_apply(struct judge *j, const struct uh_check *check, int64_t index, struct uh_err *err);
/* The check stays unknown: writes down what may be stated. blind: its blind spot is a reason. */
int uh_attestables_tell(struct judge *j, const struct uh_check *check, int64_t index, bool blind, struct uh_err *err);
/* Writes all statements into the results, with a notice for each that does not count. After all checks. */
int uh_statements_tell(struct judge *j, struct uh_err *err);
void uh_worth_free(struct judge *j);
#endif
