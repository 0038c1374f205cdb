/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/known.h"

#include "cli/case_journal.h"

int uh_cli_known_list(const struct uh_anchors *anchors, uh_anchor_values *values, struct uh_judge_known **ret_list,
                      struct uh_err *err) {
  static const char *const names[] = {UH_ANCHOR_ORGANIZATION, UH_ANCHOR_ACCEPTED_DOMAIN, UH_ANCHOR_AUTH_CERTIFICATE};
  UH_CLEANUP(uh_freep) struct uh_judge_known *list = NULL;
  const char *value;
  size_t n = 0;
  for (size_t k = 0; anchors && k < sizeof names / sizeof *names; k++)
    for (size_t i = 0; (value = values(anchors, names[k], i)); i++) {
      struct uh_judge_known *more = reallocarray(list, n + 2, sizeof *more);
      if (!more) return uh_fail_nomem(err);
      list = more;
      list[n++] = (struct uh_judge_known){names[k], value};
      list[n] = (struct uh_judge_known){0};
    }
  *ret_list = UH_TAKE(list);
  return 0;
}

int uh_cli_known_read(const struct uh_cli *cli, const struct uh_case *held, struct uh_cli_known *ret,
                      struct uh_err *err) {
  UH_CLEANUP(uh_journal_freep) struct uh_journal *journal = NULL;
  *ret = (struct uh_cli_known){.err = UH_ERR_INIT};
  if (!uh_cli_has_journal(held)) return 0;
  if (uh_cli_journal(cli, held, UH_JOURNAL_LOOK, &journal, &ret->err) < 0 ||
      uh_history_read(journal, &ret->history, &ret->err) < 0)
    return 0;
  return uh_cli_known_list(uh_history_anchors(ret->history), uh_anchors_seen, &ret->list, err);
}

void uh_cli_known_clear(struct uh_cli_known *known) {
  free(known->list);
  known->history = uh_history_free(known->history);
  known->list = NULL;
}

void uh_cli_known_use(const struct uh_cli_known *known, struct uh_judge_options *how) {
  how->known = known->list;
  how->known_lacking = known->err.cls ? known->err.what : NULL;
}
