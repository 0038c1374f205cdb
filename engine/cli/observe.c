/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/observe.h"

#include <fcntl.h>
#include <unistd.h>
#include <unhybrid/text.h>

#include "cli/cancel.h"

enum { SIGN_IN_TEXT_MAX = 1000 }; /* bytes of each text that the service gives */

/* A facts file that could not be written whole is worth nothing and takes the room that is missing. */
static void remove_torn(const char *facts) {
  static const char *const endings[] = {"", "-journal", "-wal", "-shm"};
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    struct uh_str path = {0};
    uh_str_addf(&path, "%s%s", facts, endings[i]);
    if (uh_str_text(&path)) (void)unlink(path.s);
    uh_str_clear(&path);
  }
}

/* ---- signing in by device code ---- */

void uh_cli_sign_in(const struct uh_cli *cli, struct uh_progress *progress, const char *message, const char *uri,
                    const char *code) {
  struct uh_str text = {0};
  if (*code && *uri && strstr(message, uri) && strstr(message, code)) {
    uh_terminal_text(&text, message, strnlen(message, SIGN_IN_TEXT_MAX));
  } else {
    uh_str_add(&text, "To sign in, open ");
    uh_terminal_text(&text, uri, strnlen(uri, SIGN_IN_TEXT_MAX));
    uh_str_add(&text, " in a browser and enter the code ");
    uh_terminal_text(&text, code, strnlen(code, SIGN_IN_TEXT_MAX));
  }
  if (uh_str_text(&text)) uh_progress_say(progress, cli, text.s);
  uh_str_clear(&text);
}

struct sign_in {
  const struct uh_cli *cli;
  struct uh_progress *progress;
};

static void tell_sign_in(void *user, const char *message, const char *uri, const char *code) {
  const struct sign_in *s = user;
  uh_cli_sign_in(s->cli, s->progress, message, uri, code);
}

/* ---- */

/* NULL: no memory. */
static const char **hosts_of(const struct uh_anchors *known) {
  size_t n = 0;
  while (known && uh_anchors_get(known, UH_ANCHOR_HOST, n)) n++;
  const char **hosts = calloc(n + 1, sizeof *hosts);
  for (size_t i = 0; hosts && i < n; i++) hosts[i] = uh_anchors_get(known, UH_ANCHOR_HOST, i);
  return hosts;
}

int uh_cli_observe(struct uh_cli *cli, const struct uh_config *config, const struct uh_case *held, char **ret_facts,
                   struct uh_observation_summary *ret_summary, struct uh_err *err) {
  return uh_cli_observe_with(cli, config, held, UH_SNAPSHOT_NONE, NULL, ret_facts, ret_summary, err);
}

int uh_cli_observe_with(struct uh_cli *cli, const struct uh_config *config, const struct uh_case *held,
                        enum uh_snapshot snapshot, const struct uh_anchors *known, char **ret_facts,
                        struct uh_observation_summary *ret_summary, struct uh_err *err) {
  UH_CLEANUP(uh_progress_freep) struct uh_progress *progress = uh_progress_new(cli);
  UH_CLEANUP(uh_freep) char *facts = NULL;
  struct uh_observation_options how = {
      .progress = uh_progress_tell, .user = progress, .interrupted = uh_cancel_flag(), .snapshot = snapshot};
  UH_CLEANUP(uh_freep) const char **hosts = hosts_of(known);
  if (!hosts) return uh_fail_nomem(err);
  how.hosts = hosts;
  if (uh_case_new_facts(held, uh_cli_now(), &facts, err) < 0) return -1;
  struct sign_in sign_in = {cli, progress};
  if (fcntl(STDERR_FILENO, F_GETFD) >= 0) {
    how.sign_in = tell_sign_in;
    how.sign_in_user = &sign_in;
  }
  uh_cancel_catch(true);
  int r = uh_observe_all(config, facts, &how, ret_summary, err);
  uh_cancel_catch(false);
  if (r < 0 && err->cls == UH_ERR_CANNOT_WRITE) remove_torn(facts);
  if (r == 0) *ret_facts = UH_TAKE(facts);
  return r;
}

int uh_cli_interrupted(const struct uh_cli *cli, const char *facts) {
  struct uh_err err = UH_ERR_INIT;
  (void)uh_fail(&err, UH_ERR_INTERRUPTED, "interrupted; what was observed so far is kept as partial");
  uh_err_where(&err, "%s", facts);
  uh_err_remedy(&err, "`unhybrid report` shows it, `unhybrid audit` begins anew");
  return uh_cli_fail(cli, &err);
}
