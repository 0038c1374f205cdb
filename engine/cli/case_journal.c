/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/case_journal.h"

#include <jansson.h>
#include <sys/stat.h>

enum { DOUBTS_TOLD = 50 };

void uh_standings_clear(struct uh_standings *s) {
  for (size_t i = 0; i < s->n; i++) free(s->v[i].action);
  free(s->v);
  *s = (struct uh_standings){0};
}

/* ---- reading ---- */

static struct uh_standing *standing_of(struct uh_standings *s, const char *action) {
  for (size_t i = s->n; i > 0; i--)
    if (strcmp(s->v[i - 1].action, action) == 0) return &s->v[i - 1];
  if (s->n == 0 || (s->n & (s->n - 1)) == 0) {
    struct uh_standing *more = reallocarray(s->v, s->n ? s->n * 2 : 1, sizeof *more);
    if (!more) return NULL;
    s->v = more;
  }
  char *copy = strdup(action);
  if (!copy) return NULL;
  s->v[s->n] = (struct uh_standing){.action = copy, .type = UH_RECORD_PLANNED};
  return &s->v[s->n++];
}

static int stands(struct uh_standings *s, const char *action, const struct uh_record *r, struct uh_err *err) {
  struct uh_standing *at = standing_of(s, action);
  if (!at) return uh_fail_nomem(err);
  at->type = r->type;
  at->seq = r->seq;
  at->at = r->at;
  return 0;
}

static void json_freep(json_t **json) {
  json_decref(*json);
}

/* A plan's record holds all of its actions. What an earlier one left in doubt stays in doubt. */
static int take_plan(struct uh_standings *s, const struct uh_record *r, struct uh_err *err) {
  UH_CLEANUP(json_freep) json_t *plan = json_loadb(r->image ? r->image : "", r->image_size, JSON_ALLOW_NUL, NULL);
  const json_t *action;
  size_t i;
  json_array_foreach(json_object_get(plan, "actions"), i, action) {
    const char *id = json_string_value(json_object_get(action, "id"));
    if (!id) continue;
    const struct uh_standing *at = standing_of(s, id);
    if (!at) return uh_fail_nomem(err);
    if (!uh_standing_doubt(at) && stands(s, id, r, err) < 0) return -1;
  }
  return 0;
}

static int take_record(void *user, const struct uh_record *r, struct uh_err *err) {
  struct uh_standings *s = user;
  s->seq = r->seq;
  if (r->type == UH_RECORD_PLANNED && !*r->action) return take_plan(s, r, err);
  return *r->action ? stands(s, r->action, r, err) : 0;
}

int uh_standings_read(struct uh_journal *journal, struct uh_standings *ret, struct uh_err *err) {
  *ret = (struct uh_standings){0};
  return uh_journal_read(journal, 0, take_record, ret, err);
}

const char *uh_standing_doubt(const struct uh_standing *s) {
  switch (s->type) {
    case UH_RECORD_BEGUN: return "was begun";
    case UH_RECORD_DOUBT: return "was sent, and its answer is not known";
    case UH_RECORD_APPLIED: return "was sent, and has not been read again";
    case UH_RECORD_UNDO_BEGUN: return "was about to be put back";
    default: return NULL;
  }
}

/* ---- a damaged one ---- */

/* Behind the damage stands nothing that could be trusted: also what was only planned before it may have been done. */
static const char *doubt_behind(const struct uh_standing *s) {
  return s->type == UH_RECORD_PLANNED || s->type == UH_RECORD_PAUSED || s->type == UH_RECORD_FAILED
             ? "was still to be done, and may have been done since"
             : uh_standing_doubt(s);
}

static void tell_doubts(const struct uh_cli *cli, const struct uh_standings *s) {
  size_t n = 0;
  uh_cli_log(cli, UH_LOG_WARNING, "the journal can be read up to its record %lld", (long long)s->seq);
  for (size_t i = 0; i < s->n; i++) {
    const char *doubt = doubt_behind(&s->v[i]);
    if (doubt && n++ < DOUBTS_TOLD) uh_cli_log(cli, UH_LOG_WARNING, "in doubt: %s %s", s->v[i].action, doubt);
  }
  if (n > DOUBTS_TOLD) uh_cli_log(cli, UH_LOG_WARNING, "in doubt: and %zu more", n - DOUBTS_TOLD);
  if (n == 0) uh_cli_log(cli, UH_LOG_WARNING, "nothing that stands before it was left open");
}

static void tell_damage(const struct uh_cli *cli, const struct uh_case *c) {
  UH_CLEANUP(uh_journal_freep) struct uh_journal *journal = NULL;
  UH_CLEANUP(uh_standings_clear) struct uh_standings s = {0};
  struct uh_journal_options o = {.dir = c->dir, .damaged = true};
  struct uh_err ignored = UH_ERR_INIT; /* that it is damaged is told by who opened it first */
  if (uh_journal_open(&o, &journal, &ignored) < 0) {
    uh_cli_log(cli, UH_LOG_WARNING, "no record of the journal can be read: everything that was planned is in doubt");
    return;
  }
  (void)uh_standings_read(journal, &s, &ignored);
  tell_doubts(cli, &s);
}

/* ---- opening ---- */

/* Empty counts as not there. Where that cannot be told, it is: who opens it will say so. */
static bool is_there(const struct uh_case *c, const char *name) {
  UH_CLEANUP(uh_freep) char *path = NULL;
  struct stat st;
  if (asprintf(&path, "%s/%s", c->dir, name) < 0) {
    path = NULL;
    return true;
  }
  return lstat(path, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_size > 0);
}

#define RESERVE "journal.reserve" /* is made only once there is a journal */

bool uh_cli_has_journal(const struct uh_case *c) {
  return is_there(c, "journal.db") || is_there(c, RESERVE);
}

static int refuse_lost(const struct uh_case *c, struct uh_err *err) {
  if (is_there(c, "journal.db") || !is_there(c, RESERVE)) return 0;
  (void)uh_fail(err, UH_ERR_DATA,
                "the journal is lost: it was there, and is gone or empty; what was begun is not known");
  uh_err_where(err, "%s/journal.db", c->dir);
  uh_err_remedy(
      err,
      "put it back from a copy. Before a case is begun anew, look at its exports/ for what was begun, and remove " RESERVE);
  return -1;
}

int uh_cli_journal(const struct uh_cli *cli, const struct uh_case *c, enum uh_journal_use use,
                   struct uh_journal **ret_journal, struct uh_err *err) {
  struct uh_journal_options o = {.dir = c->dir, .create = use == UH_JOURNAL_BEGIN, .read_only = use == UH_JOURNAL_LOOK};
  struct uh_err first = UH_ERR_INIT, second = UH_ERR_INIT;
  if (refuse_lost(c, err) < 0) return -1;
  if (uh_journal_open(&o, ret_journal, &first) == 0) return 0;
  if (use == UH_JOURNAL_LOOK && first.cls == UH_ERR_CANNOT_WRITE) {
    o.read_only = false;
    if (uh_journal_open(&o, ret_journal, &second) == 0) return 0;
  }
  if (first.cls == UH_ERR_DATA && uh_cli_has_journal(c)) tell_damage(cli, c);
  *err = first;
  return -1;
}
