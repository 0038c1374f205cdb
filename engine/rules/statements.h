/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_STATEMENTS_H
#define UH_STATEMENTS_H
/*
 * What persons stated in writing: waivers (a finding that somebody accepted) and attestations (a fact that no source
 * can see), each a YAML file beside the configuration. docs/waivers.md says what stands in them. Here they are read and
 * written; what they are worth for an observation is decided in waivers.c.
 */
#include <unhybrid/base.h>

enum uh_statement_kind { UH_WAIVER, UH_ATTESTATION };
enum {
  UH_STATEMENTS_MAX = 4096,          /* in one file */
  UH_STATEMENTS_BYTES = 1024 * 1024, /* of one file */
  UH_STATEMENT_TEXT_MAX = 4096,      /* bytes of one value */
  UH_EVIDENCE_TEXT = 7 + 64 + 1,     /* "sha256:" and 64 digits */
};

/* In a list that was read the texts belong to the list. */
struct uh_statement {
  unsigned line, last_line; /* where it stands, from 1 */
  const char *subject;      /* waiver: the finding's key; attestation: the fact */
  const char *object;       /* attestation: what the fact is about, '' the whole organisation; waiver: '' */
  const char *text;         /* waiver: the reason; attestation: the value */
  const char *note;         /* attestation: how it is known, may be ''; waiver: '' */
  const char *approver;
  const char *evidence; /* "sha256:...": what was accepted */
  int64_t from, until;  /* UTC seconds; until is exclusive */
};
struct uh_statements {
  enum uh_statement_kind kind;
  char *path;
  bool absent; /* there is no such file (yet) */
  struct uh_statement *v;
  size_t n;
};

const char *uh_statement_kind_name(enum uh_statement_kind kind); /* "waiver", "attestation" */
/* UH_ERR_CONFIG names file and line. A file that is not there holds nothing. */
int uh_statements_load(enum uh_statement_kind kind, const char *path, struct uh_statements **ret, struct uh_err *err);
/* The same from text; path is for messages. */
int uh_statements_parse(enum uh_statement_kind kind, const char *path, const char *text, size_t n,
                        struct uh_statements **ret, struct uh_err *err);
struct uh_statements *uh_statements_free(struct uh_statements *UH_NULLABLE s);
void uh_statements_freep(struct uh_statements **s);

/*
 * Changing a file: what stands in it (comments, other entries) stays as it is byte for byte, the new file appears when
 * it is complete, and a second writer waits a little and is then refused (UH_ERR_BUSY).
 */
/* Fields of the new entry as in struct uh_statement; line and last_line play no part. counts_for: one of
 * the same that is older (seconds; 0: none is) stands in nobody's way. */
int uh_statements_add(enum uh_statement_kind kind, const char *path, const struct uh_statement *entry,
                      int64_t counts_for, struct uh_err *err);
/* Its end; that of one of counts_for > 0 seconds, where that is sooner. */
int64_t uh_statement_until(const struct uh_statement *s, int64_t counts_for);
/* Takes out the entry about subject and object (line 0), or the one that stands at the line. More than one without a
 * line, or none: UH_ERR_DATA. *ret_line: where it stood. */
int uh_statements_withdraw(enum uh_statement_kind kind, const char *path, const char *subject, const char *object,
                           unsigned line, unsigned *ret_line, struct uh_err *err);
#endif
