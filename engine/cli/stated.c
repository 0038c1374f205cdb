/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stated.h"

#include <stdlib.h>
#include <string.h>

static const struct {
  const char *fact;
  enum uh_stated_about about;
} facts[] = {{"left.organization", UH_ABOUT_ORGANIZATION}, {"left.credential", UH_ABOUT_CREDENTIAL}};
enum { FACTS = sizeof facts / sizeof *facts };

struct taking {
  struct uh_cli_stated *to;
  struct uh_err *err;
};

void uh_cli_stated_clear(struct uh_cli_stated *stated) {
  for (size_t i = 0; i < stated->n; i++) {
    free(stated->v[i].object);
    free(stated->v[i].by);
  }
  free(stated->v);
  *stated = (struct uh_cli_stated){0};
}

struct uh_stated_list uh_cli_stated_list(const struct uh_cli_stated *stated) {
  return (struct uh_stated_list){stated->v, stated->n};
}

static int take(void *user, const struct uh_result_statement *s) {
  struct taking *t = user;
  size_t i = 0;
  while (i < FACTS && strcmp(s->subject, facts[i].fact) != 0) i++;
  if (s->kind != UH_ATTESTATION || i == FACTS) return 0;
  if (!s->counts && strcmp(s->state, "contradicted") != 0) return 0;
  struct uh_stated *more = reallocarray(t->to->v, t->to->n + 1, sizeof *more);
  if (!more) return uh_fail_nomem(t->err);
  t->to->v = more;
  more += t->to->n++;
  *more = (struct uh_stated){facts[i].about, strdup(s->object), strdup(s->approver), strcmp(s->text, "yes") == 0};
  return more->object && more->by ? 0 : uh_fail_nomem(t->err);
}

int uh_cli_stated_read(struct uh_results *results, struct uh_cli_stated *ret, struct uh_err *err) {
  struct taking t = {.to = ret, .err = err};
  *ret = (struct uh_cli_stated){0};
  return uh_results_statements(results, take, &t, err);
}
