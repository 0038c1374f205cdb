/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CASE_JOURNAL_H
#define UH_CASE_JOURNAL_H
/* The journal of a case, as commands open it, and what it leaves in doubt. */
#include "case/journal.h"
#include "cli/cli.h"

/* The last that the journal tells of an action. */
struct uh_standing {
  char *action;
  enum uh_record_type type;
  int64_t seq, at;
};
struct uh_standings {
  struct uh_standing *v; /* in the order in which the actions first came up */
  size_t n;
  int64_t seq; /* of the last record that could be read */
};
void uh_standings_clear(struct uh_standings *s);
/* -1 with err where the journal cannot be read to its end; what was read until then is given all the same. */
int uh_standings_read(struct uh_journal *journal, struct uh_standings *ret, struct uh_err *err);
/* Begun, and nobody knows yet what became of it. NULL: that is not so. Else how that is said. */
const char *UH_NULLABLE uh_standing_doubt(const struct uh_standing *s);

enum uh_journal_use { UH_JOURNAL_LOOK, UH_JOURNAL_GO_ON, UH_JOURNAL_BEGIN };
/* Opens the journal. Of a damaged one it says on standard error what is in doubt, before it fails with the damage. LOOK
 * needs no lock; where the last write was cut off it lets SQLite put the journal in order. GO_ON and BEGIN, which makes
 * a journal, need the case's lock. */
int uh_cli_journal(const struct uh_cli *cli, const struct uh_case *c, enum uh_journal_use use,
                   struct uh_journal **ret_journal, struct uh_err *err);
bool uh_cli_has_journal(const struct uh_case *c); /* or had one: opening it says that it is lost */
#endif
