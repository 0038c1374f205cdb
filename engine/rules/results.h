/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_RESULTS_H
#define UH_RESULTS_H
/* How judging fills the results. Reports see rules.h only. */
#include "rules/rules.h"

enum uh_truth { UH_TRUTH_VIOLATED = 1, UH_TRUTH_SATISFIED = 2, UH_TRUTH_UNJUDGED = 3 }; /* the smaller one wins */

int uh_results_new(struct uh_results **ret_results, struct uh_err *err);
/* Strings are copied. */
int uh_results_set_head(struct uh_results *r, const char *organization, const char *tenant, const char *purpose,
                        const char *facts_path, int64_t observed_at, int64_t judged_at, bool interrupted,
                        struct uh_err *err);
int uh_results_put_source(struct uh_results *r, const struct uh_result_source *source, struct uh_err *err);
int uh_results_put_notice(struct uh_results *r, const char *source, const char *text, struct uh_err *err);
int uh_results_put_object(struct uh_results *r, int64_t check_index, const struct uh_object *object,
                          enum uh_truth truth, const char *message, const char *evidence, const char *command,
                          struct uh_err *err);
int uh_results_put_unknown(struct uh_results *r, int64_t check_index, const char *set, const char *state,
                           const char *why, struct uh_err *err);
/* How many objects of a check have this truth, how many are waived, how many sets it lacks. */
int64_t uh_results_count_objects(struct uh_results *r, int64_t check_index, enum uh_truth truth);
int64_t uh_results_count_waived(struct uh_results *r, int64_t check_index);
int64_t uh_results_count_lacking(struct uh_results *r, int64_t check_index);
int uh_results_put_check(struct uh_results *r, int64_t index, const char *id, const char *title,
                         enum uh_severity severity, enum uh_status status, const char *requirements, const char *remedy,
                         const char *reference, bool complete, struct uh_err *err);
/* A finding is waived by the statement with this number. */
int uh_results_waive(struct uh_results *r, int64_t check_index, const char *side, const char *key, int64_t statement,
                     struct uh_err *err);
int uh_results_put_statement(struct uh_results *r, int64_t number, const struct uh_result_statement *statement,
                             struct uh_err *err);
int uh_results_put_attestable(struct uh_results *r, int64_t check_index, const struct uh_result_attestable *a,
                              struct uh_err *err);
/* The evidence of one violated object. 1 found, 0 not. Free it. */
int uh_results_object_evidence(struct uh_results *r, int64_t check_index, const char *side, const char *key,
                               char **ret_json, struct uh_err *err);
/* The same check's index, -1 where it was not judged. */
int64_t uh_results_index(struct uh_results *r, const char *check);
/* Counts statuses and decides the verdict. */
int uh_results_conclude(struct uh_results *r, struct uh_err *err);
#endif
