/* SPDX-License-Identifier: Apache-2.0 */
/* journal_fill DIRECTORY COUNT: appends records until there are so many or the disk is full, then says why it stopped.
 * Prints what was acknowledged, whether the last words were, and the head. Opens the journal again and counts. */
#include <stdio.h>
#include <stdlib.h>

#include "case/journal.h"

static int count(void *user, const struct uh_record *record, struct uh_err *err) {
  (void)err;
  printf("%s%s", *(int64_t *)user ? " " : "", record->type == UH_RECORD_STOPPED ? "stopped" : "");
  ++*(int64_t *)user;
  return 0;
}

static struct uh_journal *open_journal(const char *dir, struct uh_err *err) {
  struct uh_journal_options options = {.dir = dir, .create = true};
  struct uh_journal *journal = NULL;
  if (uh_journal_open(&options, &journal, err) == 0) return journal;
  printf("\nopen: %d %s\n", uh_err_exit_code(err->cls), err->what);
  exit(1);
}

int main(int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  static char body[8192];
  int64_t n = 0, read = 0;
  if (argc != 3) return 64;
  for (size_t i = 0; i < sizeof body - 1; i++) body[i] = 'x';
  struct uh_journal *journal = open_journal(argv[1], &err);
  struct uh_record record = {.type = UH_RECORD_APPLIED, .action = "C-01/1", .body = body};
  while (n < atol(argv[2]) && uh_journal_append(journal, &record, &err) == 0) n++;
  struct uh_err last = UH_ERR_INIT, more = UH_ERR_INIT;
  struct uh_record stop = {.type = UH_RECORD_STOPPED, .action = "", .body = "{\"why\":\"disk full\"}"};
  bool began = uh_journal_append(journal, &record, &more) == 0;
  bool stopped = uh_journal_append(journal, &stop, &last) == 0;
  char head[UH_JOURNAL_HASH_TEXT];
  printf("acknowledged %lld, error %d, more %d, stopped %d, broken %d, head %lld\n", (long long)n,
         uh_err_exit_code(err.cls), began, stopped, uh_journal_broken(journal),
         (long long)uh_journal_head(journal, head));
  uh_journal_free(journal);
  journal = open_journal(argv[1], &err);
  (void)uh_journal_read(journal, uh_journal_head(journal, head), count, &read, &err);
  printf(" read %lld\n", (long long)uh_journal_head(journal, head));
  uh_journal_free(journal);
  return 0;
}
