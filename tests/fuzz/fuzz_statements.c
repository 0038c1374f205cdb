/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of waivers or attestations from any bytes; the first byte chooses. Whatever is accepted holds what the judge
 * relies on. Built with libFuzzer where clang is used (-Dfuzz=true), else with tests/fuzz/drive.c.
 */
#undef NDEBUG /* what is asserted is what is tested, whatever it is built as */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "rules/statements.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct uh_statements *s = NULL;
  struct uh_err err = UH_ERR_INIT;
  if (!n) return 0;
  enum uh_statement_kind kind = data[0] & 1 ? UH_ATTESTATION : UH_WAIVER;
  int rc = uh_statements_parse(kind, "fuzz.yaml", (const char *)data + 1, n - 1, &s, &err);
  assert(rc == (s ? 0 : -1) && (s || (err.cls != UH_ERR_NONE && err.where[0])));
  (void)rc;
  for (size_t i = 0; s && i < s->n; i++) {
    const struct uh_statement *e = &s->v[i];
    assert(e->from < e->until && e->line >= 1 && e->line <= e->last_line);
    assert(*e->subject && *e->text && *e->approver && strlen(e->evidence) == UH_EVIDENCE_TEXT - 1);
    assert(strlen(e->subject) <= UH_STATEMENT_TEXT_MAX && e->object && e->note);
    (void)e;
  }
  assert(!s || s->n <= UH_STATEMENTS_MAX);
  uh_statements_free(s);
  return 0;
}
