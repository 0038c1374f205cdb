/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_RULES_H
#define UH_RULES_H
/*
 * The rule engine: the registry of checks, and judging. Judging reads one facts file and gives results; it opens no
 * other file and asks no clock.
 */
#include <unhybrid/check.h>

#include "rules/statements.h"

struct sqlite3;

/* ---- registry: built-in modules in the order of checks/meson.build, then by position in the module ---- */
size_t uh_check_count(void);
const struct uh_check *uh_check_at(size_t i);
const struct uh_check *UH_NULLABLE uh_check_find(const char *id);
const char *uh_check_nearest(const char *id); /* for "did you mean" */
const struct uh_attestable *UH_NULLABLE uh_attestable_find(const char *fact);
/* The first second in which a statement does not count any more: its end, or where the fact grows old sooner, that. */
int64_t uh_statement_ends(enum uh_statement_kind kind, const struct uh_statement *s);

/* Adds the checks of a rule pack (YAML, docs/rule-packs.md), a plugin (.so), or a directory of both, after the built-in
 * ones. Before judging starts, from one thread. UH_ERR_CONFIG names file and line. */
int uh_checks_load(const char *path, struct uh_err *err);
void uh_checks_unload(void);

/* ---- requirements catalogue (docs/requirements.md) ---- */
struct uh_requirement {
  const char *id; /* "P-05" */
  const char *title;
  enum uh_severity severity; /* as the guide classes it */
  const char *reference;
};
size_t uh_requirement_count(void);
const struct uh_requirement *uh_requirement_at(size_t i);
bool uh_requirement_examined(const char *id); /* some registered check names it */

/* ---- results ---- */
/* What is known of the organisation, from the journal, since before the objects went that told it: its anchors. */
struct uh_judge_known {
  const char *name, *value;
};
struct uh_judge_options {
  int64_t now; /* UTC seconds: the observation's end for `report`, the present for the gate; 0: the observation's end */
  enum uh_purpose purpose;
  const char *const *UH_NULLABLE only; /* check ids, NULL-terminated */
  const char *const *UH_NULLABLE skip;
  int64_t fresh_for;                                     /* seconds; 0: the default of 24 h */
  const struct uh_statements *UH_NULLABLE statements[2]; /* by enum uh_statement_kind; each counts at `now` */
  const struct uh_judge_known *UH_NULLABLE known;        /* ends with name NULL */
  /* Why it cannot be told what is known: what would read it is unknown. NULL: it can. */
  const char *UH_NULLABLE known_lacking;
};
/* One result model feeds every report. It is a private SQLite database (spills to disk, vanishes when closed), so that
 * 200,000 findings cost no memory. Single-threaded. */
struct uh_results;
int uh_judge(const char *facts_path, const struct uh_judge_options *options, struct uh_results **ret_results,
             struct uh_err *err);
/* What an attestation of this fact accepts: "sha256:..", observed when. UH_ERR_DATA where that was not observed in full
 * or says otherwise, UH_ERR_USAGE where there is no such fact, object or value. */
int uh_judge_evidence(const char *facts_path, const struct uh_judge_options *options, const struct uh_statement *what,
                      char ret_evidence[UH_EVIDENCE_TEXT], int64_t *ret_observed_at, struct uh_err *err);
/* What a waiver of this finding accepts. 1 there is such a finding, 0 there is none. */
int uh_results_evidence(struct uh_results *r, const char *key, char ret_evidence[UH_EVIDENCE_TEXT], struct uh_err *err);
struct uh_results *uh_results_free(struct uh_results *UH_NULLABLE results);
void uh_results_freep(struct uh_results **results);

struct uh_results_head {
  const char *organization, *tenant, *purpose, *facts_path;
  int64_t observed_at, judged_at;
  bool interrupted;
  enum uh_verdict verdict;
  int64_t count[5]; /* checks by enum uh_status */
};
const struct uh_results_head *uh_results_head(const struct uh_results *results);
const char *uh_verdict_name(enum uh_verdict verdict);
const char *uh_status_name(enum uh_status status);
const char *uh_severity_name(enum uh_severity severity);
int uh_verdict_exit_code(enum uh_verdict verdict);

struct uh_result_source {
  const char *id, *state, *detail;
  int64_t objects, milliseconds, requests, cpu_milliseconds;
  int answer, error_class;
};
struct uh_result_check {
  int64_t index;
  const char *id, *family, *title, *severity, *status, *requirements /* comma separated */, *remedy, *reference;
  int64_t findings, waived, unknowns; /* objects violated; those of them that are waived; objects that cannot be
                                         judged */
  bool complete;
};
struct uh_result_finding {
  const char *key, *side, *kind, *object, *message, *evidence_json, *command, *guid;
  const char *waived_by, *waived_for; /* approver and reason; '' where it is not waived */
  int64_t waived_until;
};
/* A waiver or an attestation and what it is worth here. */
struct uh_result_statement {
  enum uh_statement_kind kind;
  const char *file, *subject, *object, *text, *note, *approver, *evidence, *check /* '' unknown */, *state, *why;
  int64_t line, from, until;
  bool counts;
};
/* What a person may state so that an unknown check can be decided. */
struct uh_result_attestable {
  const char *fact, *object, *question, *how, *values, *command;
};
/* What makes a check unknown: a set ("set", state, why) with objects = 0, or objects of one set that cannot be judged.
 */
struct uh_result_unknown {
  const char *set, *state, *why;
  int64_t objects;
};
/* One object that cannot be judged. */
struct uh_result_object {
  const char *key, *side, *kind, *object, *why;
};

/* Iteration. Each callback returns 0 to go on, -1 to stop (the call then returns -1). Strings live for the call. */
int uh_results_sources(struct uh_results *r, int (*each)(void *user, const struct uh_result_source *), void *user,
                       struct uh_err *err);
int uh_results_notices(struct uh_results *r, int (*each)(void *user, const char *source, const char *text), void *user,
                       struct uh_err *err);
int uh_results_checks(struct uh_results *r, int (*each)(void *user, const struct uh_result_check *), void *user,
                      struct uh_err *err);
int uh_results_findings(struct uh_results *r, int64_t check_index, int64_t limit /* 0: all */,
                        int (*each)(void *user, const struct uh_result_finding *), void *user, struct uh_err *err);
/* The distinct commands of the first `limit` findings (0: of all) that are not waived, in the order of the findings. */
int uh_results_commands(struct uh_results *r, int64_t check_index, int64_t limit,
                        int (*each)(void *user, const char *command), void *user, struct uh_err *err);
int uh_results_unknowns(struct uh_results *r, int64_t check_index,
                        int (*each)(void *user, const struct uh_result_unknown *), void *user, struct uh_err *err);
/* What does not count comes first, then by kind, file and line. */
int uh_results_statements(struct uh_results *r, int (*each)(void *user, const struct uh_result_statement *), void *user,
                          struct uh_err *err);
int uh_results_attestables(struct uh_results *r, int64_t check_index,
                           int (*each)(void *user, const struct uh_result_attestable *), void *user,
                           struct uh_err *err);
int uh_results_unjudged(struct uh_results *r, int64_t check_index, int64_t limit,
                        int (*each)(void *user, const struct uh_result_object *), void *user, struct uh_err *err);
#endif
