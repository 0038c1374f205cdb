/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stated.h"

#include <stdlib.h>
#include <string.h>

#define FACT "left.credential"

struct taking {
  struct uh_cli_stated *to;
  struct uh_err *err;
};

void uh_cli_stated_clear(struct uh_cli_stated *stated) {
  for (size_t i = 0; i < stated->n; i++) {
    free(stated->v[i].thumbprint);
    free(stated->v[i].by);
  }
  free(stated->v);
  *stated = (struct uh_cli_stated){0};
}

static int take(void *user, const struct uh_result_statement *s) {
  struct taking *t = user;
  if (s->kind != UH_ATTESTATION || strcmp(s->subject, FACT) != 0) return 0;
  if (!s->counts && strcmp(s->state, "contradicted") != 0) return 0;
  struct uh_stated *more = reallocarray(t->to->v, t->to->n + 1, sizeof *more);
  if (!more) return uh_fail_nomem(t->err);
  t->to->v = more;
  more += t->to->n++;
  *more = (struct uh_stated){strdup(s->object), strdup(s->approver), strcmp(s->text, "yes") == 0};
  return more->thumbprint && more->by ? 0 : uh_fail_nomem(t->err);
}

int uh_cli_stated_read(struct uh_results *results, struct uh_cli_stated *ret, struct uh_err *err) {
  struct taking t = {.to = ret, .err = err};
  *ret = (struct uh_cli_stated){0};
  return uh_results_statements(results, take, &t, err);
}
