/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_EVIDENCE_H
#define UH_EVIDENCE_H
/* What a person accepted, as one short text: SHA-256 over parts that are told apart by their lengths. */
#include "rules/judging.h"

struct uh_digest;
int uh_digest_new(struct uh_digest **ret, struct uh_err *err);
void uh_digest_freep(struct uh_digest **d);
void uh_digest_add(struct uh_digest *d, const char *UH_NULLABLE part); /* NULL differs from every text */
int uh_digest_text(struct uh_digest *d, char ret_evidence[UH_EVIDENCE_TEXT], struct uh_err *err);

/* Of a finding: its key and its evidence, whatever the order of the evidence's members. */
int uh_evidence_of_finding(const char *key, const char *json, char ret_evidence[UH_EVIDENCE_TEXT], struct uh_err *err);

/* How worth is written down; by_time leaves what is within its time alone. */
void uh_worth_say(struct uh_worth *w, enum uh_statement_state state, const char *fmt, ...) UH_PRINTF(3, 4);
void uh_worth_by_time(const struct judge *j, enum uh_statement_kind kind, const struct uh_statement *s,
                      struct uh_worth *w);
#endif
