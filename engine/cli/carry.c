/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/carry.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unhybrid/text.h>

#include "cli/cancel.h"
#include "cli/case_journal.h"
#include "cli/known.h"
#include "cli/observe.h"
#include "plan/export.h"
#include "plan/ldif.h"

enum { NAME_MAX_BYTES = 120, PERSON_MAX = 400 };

void uh_carry_clear(struct uh_carry *c) {
  uh_cancel_catch(false);
  uh_talk_clear(&c->talk);
  (void)uh_world_free(c->world);
  free(c->known);
  (void)uh_history_free(c->history);
  (void)uh_journal_free(c->journal);
  uh_cli_statements_free(&c->how);
  (void)uh_case_free(c->held);
  (void)uh_config_free(c->config);
  free(c->facts);
  free(c->approved);
}

/* ---- options ---- */

static int take_yes(struct uh_carry *c) {
  c->yes = true;
  c->irreversible = optarg && strcmp(optarg, "irreversible") == 0;
  bool undo = strcmp(c->cli->command->name, "undo") == 0;
  c->anew = undo && optarg && strcmp(optarg, "new-object") == 0;
  if (c->anew) return 0;
  if (undo && optarg) return uh_cli_usage(c->cli, "--yes takes nothing or =new-object, not '%s'", optarg);
  return !optarg || c->irreversible ? 0
                                    : uh_cli_usage(c->cli, "--yes takes nothing or =irreversible, not '%s'", optarg);
}

int uh_carry_option(struct uh_carry *c, int option) {
  switch (option) {
    case OPT_DRY_RUN: c->dry = true; return 0;
    case OPT_YES: return take_yes(c);
    case OPT_PAUSE_BETWEEN: c->pause_between = true; return 0;
    case OPT_GIVE_UP: c->give_up = true; return 0;
    case OPT_APPROVE:
      if (c->n_approve == UH_CARRY_APPROVE_MAX) return uh_cli_usage(c->cli, "--approve is given too often");
      c->approve[c->n_approve++] = optarg;
      return 0;
    case OPT_OPERATOR_TIMEOUT:
      return uh_duration_parse(optarg, &c->operator_timeout)
                 ? 0
                 : uh_cli_usage(c->cli, "--operator-timeout takes a duration such as 90s, 30m or 2h, not '%s'", optarg);
    default: return 1;
  }
}

int uh_carry_options_done(struct uh_carry *c) {
  if (c->dry && c->yes) return uh_cli_usage(c->cli, "--dry-run and --yes exclude each other");
  if (c->n_approve && !c->yes) return uh_cli_usage(c->cli, "--approve goes with --yes; at a terminal you are asked");
  c->guided = !c->dry && !c->yes;
  if (c->give_up && c->anew) return uh_cli_usage(c->cli, "--give-up and --yes=new-object exclude each other");
  if (c->guided && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
    return uh_cli_usage(c->cli, "there is no terminal to ask at: say --dry-run or --yes");
  if (c->guided && c->cli->log_json) return uh_cli_usage(c->cli, "--log-format json goes with --dry-run or --yes");
  return 0;
}

/* ---- opening ---- */

static int refuse_doubtful(const struct uh_case *held, struct uh_err *err) {
  if (!held->doubtful_fs) return 0;
  (void)uh_fail(err, UH_ERR_CANNOT_WRITE, "the case is on %s, where locks and durable writes cannot be trusted",
                held->fs_name);
  uh_err_where(err, "%s", held->dir);
  uh_err_remedy(err, "copy the case to a local disk and name it with -C");
  return -1;
}

static int need_operator(const struct uh_carry *c, struct uh_err *err) {
  if (c->dry || c->config->operator_) return 0;
  (void)uh_fail(err, UH_ERR_CONFIG, "the configuration names no account that may write");
  uh_err_where(err, "%s", c->config->path);
  uh_err_remedy(err, "add the section `operator`; --dry-run needs none");
  return -1;
}

static int open_journal(struct uh_carry *c, struct uh_err *err) {
  if (!uh_cli_has_journal(c->held)) return 0;
  if (uh_cli_journal(c->cli, c->held, c->dry ? UH_JOURNAL_LOOK : UH_JOURNAL_GO_ON, &c->journal, err) < 0) return -1;
  return uh_history_read(c->journal, &c->history, err);
}

int uh_carry_open(struct uh_carry *c, bool create, struct uh_err *err) {
  if (uh_cli_config(c->cli, &c->config, err) < 0 || uh_cli_statements(c->config, &c->how, err) < 0 ||
      need_operator(c, err) < 0 || uh_cli_case(c->cli, c->config, create, &c->held, err) < 0 ||
      refuse_doubtful(c->held, err) < 0 || uh_case_lock(c->held, c->cli->command->name, err) < 0)
    return -1;
  c->how.purpose = UH_GATE;
  return open_journal(c, err);
}

int uh_carry_newest(struct uh_carry *c, struct uh_err *err) {
  char **paths;
  size_t n;
  if (uh_case_list_facts(c->held, &paths, &n, err) < 0) return -1;
  if (n) c->facts = UH_TAKE(paths[n - 1]);
  for (size_t i = 0; i < n; i++) free(paths[i]);
  free(paths);
  return 0;
}

void uh_carry_accounts(const struct uh_config *config, struct uh_plan_options *o) {
  const struct uh_operator_config *op = config->operator_;
  o->can[UH_BY_OPERATOR] = true;
  if (!op) return;
  o->can[UH_BY_EXCHANGE_ONLINE] = o->can[UH_BY_GRAPH] = op->credentials != NULL;
  o->can[UH_BY_EXCHANGE_SERVER] = op->exchange != NULL;
  o->can[UH_BY_DIRECTORY] = op->directory != NULL;
}

/* ---- naming actions ---- */

struct names {
  const char **v;
  size_t n;
};
static void names_clear(struct names *names) {
  free(names->v);
}

/* Everything by which an action of the plan or of the journal can be meant. */
static int gather(const struct uh_carry *c, const struct uh_plan *plan, char (*labels)[UH_PLAN_NUMBER],
                  struct names *names) {
  size_t planned = plan ? uh_plan_count(plan) : 0, known = c->history ? uh_history_count(c->history) : 0;
  struct uh_plan_numbers numbers = {{NULL}, {0}};
  names->v = calloc(2 * planned + known + 1, sizeof *names->v);
  if (!names->v) return -1;
  for (size_t i = 0; i < planned; i++) {
    names->v[names->n++] = uh_plan_at(plan, i)->id;
    names->v[names->n++] = uh_plan_number(&numbers, uh_plan_at(plan, i), labels[i]);
  }
  for (size_t i = 0; i < known; i++) names->v[names->n++] = uh_history_at(c->history, i)->id;
  return 0;
}

static const char *id_of(const struct uh_plan *plan, const char *label) {
  struct uh_plan_numbers numbers = {{NULL}, {0}};
  char text[UH_PLAN_NUMBER];
  for (size_t i = 0; plan && i < uh_plan_count(plan); i++)
    if (strcasecmp(uh_plan_number(&numbers, uh_plan_at(plan, i), text), label) == 0) return uh_plan_at(plan, i)->id;
  return NULL;
}

const char *uh_carry_find(const struct uh_carry *c, const struct uh_plan *plan, const char *text) {
  const struct uh_planned *planned = plan ? uh_plan_find(plan, text) : NULL;
  if (planned) return planned->id;
  const struct uh_history_action *known = c->history ? uh_history_action(c->history, text) : NULL;
  return known ? known->id : id_of(plan, text);
}

const char *uh_carry_nearest(const struct uh_carry *c, const struct uh_plan *plan, const char *text) {
  UH_CLEANUP(names_clear) struct names names = {0};
  UH_CLEANUP(uh_freep) char(*labels)[UH_PLAN_NUMBER] = calloc((plan ? uh_plan_count(plan) : 0) + 1, sizeof *labels);
  if (!labels || gather(c, plan, labels, &names) < 0) return NULL;
  const char *near = uh_cli_nearest(text, names.v, names.n);
  const char *id = near ? uh_carry_find(c, plan, near) : NULL;
  return id;
}

/* A step stands for all of its actions. */
static const char *find_step(const struct uh_plan *plan, const char *text) {
  for (size_t i = 0; plan && i < uh_plan_step_count(plan); i++)
    if (strcmp(uh_plan_step_at(plan, i)->step->id, text) == 0) return uh_plan_step_at(plan, i)->step->id;
  return NULL;
}

/* The longest beginning of a list that is an action, up to a comma or the end: ids may hold commas themselves. */
static const char *find_first(const struct uh_carry *c, const struct uh_plan *plan, const char *text, size_t *ret_n) {
  UH_CLEANUP(uh_freep) char *copy = strdup(text);
  for (size_t n = copy ? strlen(copy) : 0; n > 0;) {
    copy[n] = '\0';
    const char *id = uh_carry_find(c, plan, copy);
    if (!id) id = find_step(plan, copy);
    *ret_n = n;
    if (id) return id;
    while (n > 0 && copy[--n] != ',') continue;
  }
  return NULL;
}

static int no_such_action(const struct uh_carry *c, const struct uh_plan *plan, const char *text) {
  char word[512];
  (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(text, ","), text);
  const char *near = uh_carry_nearest(c, plan, text);
  if (!near) near = uh_carry_nearest(c, plan, word);
  return near ? uh_cli_usage(c->cli, "--approve: there is no action '%s'; did you mean %s?", text, near)
              : uh_cli_usage(c->cli, "--approve: there is no action '%s' in this plan", text);
}

int uh_carry_approve(struct uh_carry *c, const struct uh_plan *plan) {
  size_t most = 0, n = 0, length = 0;
  for (size_t i = 0; i < c->n_approve; i++)
    for (const char *p = c->approve[i]; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) most++;
  free(c->approved);
  c->approved = calloc(most + 1, sizeof *c->approved);
  if (!c->approved) return 70;
  for (size_t i = 0; i < c->n_approve; i++)
    for (const char *p = c->approve[i]; p; p += length + 1) {
      const char *id = find_first(c, plan, p, &length);
      if (!id) return no_such_action(c, plan, p);
      c->approved[n++] = id;
      if (!p[length]) break;
    }
  return 0;
}

/* ---- the world ---- */

static void tell_warning(void *user, const char *text) {
  struct uh_carry *c = user;
  uh_talk_wipe(&c->talk);
  uh_cli_log(c->cli, UH_LOG_WARNING, "%s", text);
}

static void tell_sign_in(void *user, const char *message, const char *uri, const char *code) {
  struct uh_carry *c = user;
  uh_talk_wipe(&c->talk);
  uh_cli_sign_in(c->cli, NULL, message, uri, code);
}

static int open_world(struct uh_carry *c, struct uh_err *err) {
  const struct uh_world_options options = {.config = c->config,
                                           .held = c->held,
                                           .facts = c->facts,
                                           .observed_now = c->observed_now,
                                           .how = &c->how,
                                           .dry = c->dry,
                                           .cancelled = uh_cancel_asked,
                                           .warning = tell_warning,
                                           .sign_in = tell_sign_in,
                                           .user = c};
  return uh_world_open(&options, &c->world, err);
}

/* ---- before-images, for people ---- */

/* A file name of an id: what could lead elsewhere, or hide, becomes '_'. */
static void add_file_name(struct uh_str *out, const char *text) {
  size_t n = 0;
  for (; *text && n < NAME_MAX_BYTES; text++, n++)
    uh_str_addc(out, isalnum((unsigned char)*text) || *text == '-' || *text == '.' ? *text : '_');
}

static int make_dir(const char *path, struct uh_err *err) {
  if (mkdir(path, 0700) == 0 || errno == EEXIST) return 0;
  (void)uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot make the directory: %s", strerror(errno));
  uh_err_where(err, "%s", path);
  return -1;
}

static void image_document(struct uh_str *out, const struct uh_carry *c, const struct uh_planned *p,
                           const char *image) {
  const struct uh_subject *s = &p->action.subject;
  char at[UH_TIME_TEXT];
  uh_str_add(out, "{\"schema\": \"unhybrid/before/1\"");
  uh_cli_json_or_null(out, "organization", c->held->organization);
  uh_cli_json_or_null(out, "tenant", c->cli->tenant);
  uh_cli_json_or_null(out, "at", uh_time_text(uh_cli_now(), at));
  uh_cli_json_or_null(out, "action", p->id);
  uh_cli_json_or_null(out, "number", uh_talk_label(&c->talk, p));
  uh_cli_json_or_null(out, "step", p->step);
  uh_cli_json_or_null(out, "side", s->side);
  uh_cli_json_or_null(out, "kind", s->kind);
  uh_cli_json_or_null(out, "guid", s->guid);
  uh_cli_json_or_null(out, "name", s->name);
  uh_str_addf(out, ",\n \"image\": %s}\n", image);
}

static int write_export(const struct uh_str *path, const struct uh_str *text, struct uh_err *err) {
  UH_CLEANUP(uh_file_abandonp) struct uh_file *file = NULL;
  if (!uh_str_text(path) || !uh_str_text(text)) return uh_fail_nomem(err);
  if (uh_file_create(path->s, &file, err) < 0 || uh_file_write(file, text->s, text->len, err) < 0) return -1;
  return uh_file_commit(UH_TAKE(file), err);
}

/* An entry of the directory also as LDIF, which a person can load without this program. */
static int export_ldif(struct uh_str *path, size_t stem, const char *image, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  if (uh_ldif_image(image, &text, err) < 0) return -1;
  path->len = stem;
  path->s[stem] = '\0';
  uh_str_add(path, ".ldif");
  return write_export(path, &text, err);
}

static int export_image(void *user, const struct uh_planned *action, const char *image, struct uh_err *err) {
  const struct uh_carry *c = user;
  UH_CLEANUP(uh_str_clear) struct uh_str path = {0};
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  char stamp[UH_TIME_COMPACT];
  uh_str_addf(&path, "%s/exports", c->held->dir);
  if (!uh_str_text(&path)) return uh_fail_nomem(err);
  if (make_dir(path.s, err) < 0) return -1;
  uh_str_addf(&path, "/before-%s-", uh_time_compact(uh_cli_now(), stamp));
  add_file_name(&path, uh_talk_label(&c->talk, action));
  uh_str_addc(&path, '-');
  add_file_name(&path, action->id);
  size_t stem = path.len;
  uh_str_add(&path, ".json");
  image_document(&text, c, action, image);
  if (write_export(&path, &text, err) < 0) return -1;
  return action->action.directory ? export_ldif(&path, stem, image, err) : 0;
}

/* ---- the end ---- */

static void end_json(struct uh_str *out, const struct uh_carry *c, const struct uh_execute_result *r) {
  char at[UH_TIME_TEXT];
  uh_str_addf(out, "{\"time\": \"%s\", \"level\": \"info\", \"event\": \"end\"", uh_time_text(uh_cli_now(), at));
  uh_cli_json_or_null(out, "organization", c->held->organization);
  uh_cli_json_or_null(out, "tenant", c->cli->tenant);
  uh_cli_json_or_null(out, "command", c->cli->command->name);
  uh_str_addf(out,
              ", \"done\": %zu, \"skipped\": %zu, \"failed\": %zu, \"in_doubt\": %zu, \"left\": %zu, \"paused\": %zu",
              r->done, r->skipped, r->failed, r->doubt, r->left, r->paused);
  uh_cli_json_or_null(out, "why", r->stopped);
  uh_cli_json_or_null(out, "until", r->paused_until ? uh_time_text(r->paused_until, at) : NULL);
  uh_cli_json_or_null(out, "head", c->dry ? NULL : r->head);
  uh_str_addf(out, ", \"exit_code\": %d}\n", r->exit_code);
}

static void add_counts(struct uh_str *out, const struct uh_execute_result *r) {
  const struct {
    const char *name;
    size_t n;
  } counts[] = {{"done and in a pause", r->paused},
                {"skipped", r->skipped},
                {"failed", r->failed},
                {"in doubt", r->doubt},
                {"left", r->left - r->paused}};
  uh_str_addf(out, "%zu done", r->done); /* and seen to be so to the end */
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    if (counts[i].n) uh_str_addf(out, ", %zu %s", counts[i].n, counts[i].name);
  uh_str_add(out, ".\n");
}

/* Setup's part is one action of this plan's, and was seen to be done: c->history is of before the run. */
static bool is_uninstalled(const struct uh_carry *c) {
  struct uh_history *history UH_CLEANUP(uh_history_freep) = NULL;
  struct uh_err ignored = UH_ERR_INIT;
  if (!c->journal || uh_history_read(c->journal, &history, &ignored) < 0) return false;
  for (size_t i = 0; i < uh_plan_count(c->talk.plan); i++) {
    const struct uh_planned *planned = uh_plan_at(c->talk.plan, i);
    if (strcmp(planned->step, "setup") != 0) continue;
    const struct uh_history_action *known = uh_history_action(history, planned->id);
    return known && known->state == UH_ACTION_VERIFIED;
  }
  return false;
}

static const char *after_all(const struct uh_carry *c) {
  const struct uh_plan *plan = c->talk.plan;
  for (size_t i = 0; i < (plan ? uh_plan_count(plan) : 0); i++)
    if (uh_plan_at(plan, i)->phase == UH_PHASE_AFTER_UNINSTALL)
      return "`unhybrid audit --purpose after` looks whether all is well without the server";
  if (plan && is_uninstalled(c)) return "`unhybrid sweep --dry-run` lists what is left without the server";
  return "`unhybrid status` lists what waits for the uninstall";
}

static const char *what_next(const struct uh_carry *c, const struct uh_execute_result *r, bool undo) {
  if (c->dry) return r->exit_code == 0 ? "the same without --dry-run carries it out" : NULL;
  switch (r->exit_code) {
    case 0: return undo ? "`unhybrid status` says where the case stands" : after_all(c);
    case 1:
    case 2: return "mend what is in the way, then `unhybrid resume`";
    default:
      if (undo) return "the same undo again: it looks before it acts";
      return r->paused_until ? "`unhybrid resume`, when the pause is over; `unhybrid status` lists what waits"
                             : "`unhybrid status` lists what waits, `unhybrid resume` goes on";
  }
}

static void end_text(struct uh_str *out, const struct uh_carry *c, const struct uh_execute_result *r, bool undo) {
  char at[UH_TIME_TEXT];
  if (c->dry)
    uh_str_add(out, "\nDry run: nothing that writes was sent, and nothing stands in the journal.\n");
  else if (!undo) {
    uh_str_addc(out, '\n');
    add_counts(out, r);
  }
  if (r->stopped[0]) {
    uh_str_add(out, c->dry ? "It would stop: " : "Stopped: ");
    uh_terminal_text(out, r->stopped, strlen(r->stopped));
    uh_str_addc(out, '\n');
  }
  if (r->paused_until) uh_str_addf(out, "Waits until %s.\n", uh_time_text(r->paused_until, at));
  if (!c->dry) uh_str_addf(out, "Head of the journal: %s\n", r->head);
  const char *next = what_next(c, r, undo);
  if (next) uh_str_addf(out, "Next: %s.\n", next);
}

/* On standard error, where the events are: standard output may hold a document. A person who was led sees it beside the
 * conversation. */
static void tell_end(struct uh_carry *c, const struct uh_execute_result *r, bool undo) {
  UH_CLEANUP(uh_str_clear) struct uh_str out = {0};
  uh_talk_wipe(&c->talk);
  if (c->cli->log_json)
    end_json(&out, c, r);
  else
    end_text(&out, c, r, undo);
  if (uh_str_text(&out)) (void)fwrite(out.s, 1, out.len, c->guided ? stdout : stderr);
  (void)fflush(stdout);
}

/* ---- the run ---- */

static void who(char *person, size_t size) {
  char host[HOST_NAME_MAX + 1] = "", buf[4096];
  struct passwd pw, *found = NULL;
  (void)gethostname(host, sizeof host - 1);
  if (getpwuid_r(geteuid(), &pw, buf, sizeof buf, &found) != 0) found = NULL;
  if (found)
    (void)snprintf(person, size, "%s@%s", found->pw_name, host);
  else
    (void)snprintf(person, size, "%lu@%s", (unsigned long)geteuid(), host);
}

/* A journal is made only where something is to be written into it. */
static int make_journal(struct uh_carry *c, struct uh_err *err) {
  if (c->dry || c->journal) return 0;
  return uh_cli_journal(c->cli, c->held, UH_JOURNAL_BEGIN, &c->journal, err);
}

static int export_first(void *user, char ret_manifest[65], struct uh_err *err) {
  const struct uh_carry *c = user;
  if (uh_export_step0(c->facts, c->held->dir, uh_plan_anchors(c->exported), ret_manifest, err) < 0) return -1;
  uh_cli_log(c->cli, UH_LOG_INFO, "step 0 is exported to %s/" UH_EXPORT_DIR ", its manifest is %s", c->held->dir,
             ret_manifest);
  return 0;
}

/* By what the plan goes: what was stated counts with it. */
int uh_carry_judge_by(struct uh_carry *c, const struct uh_plan *plan, struct uh_err *err) {
  free(c->known);
  c->known = NULL;
  if (uh_cli_known_list(plan ? uh_plan_anchors(plan) : NULL, uh_anchors_get, &c->known, err) < 0) return -1;
  c->how.known = c->known;
  return 0;
}

int uh_carry_out(struct uh_carry *c, const struct uh_plan *plan, const char *undo) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_execute_result result = {0};
  char person[PERSON_MAX];
  int code = plan ? uh_carry_approve(c, plan) : 0;
  if (code) return code;
  if (uh_talk_open(&c->talk, c->cli, plan, c->guided, c->dry, &err) < 0) return uh_cli_fail(c->cli, &err);
  c->talk.pauses = uh_pause_observe(c->config) > 0;
  struct uh_guide guide = uh_talk_guide(&c->talk);
  who(person, sizeof person);
  uh_cancel_catch(true);
  if (uh_carry_judge_by(c, plan, &err) < 0 || open_world(c, &err) < 0 || make_journal(c, &err) < 0)
    return uh_cli_fail(c->cli, &err);
  c->exported = plan;
  struct uh_execute_options options = {.world = c->world,
                                       .journal = c->journal,
                                       .guide = &guide,
                                       .plan = plan,
                                       .person = person,
                                       .version = UNHYBRID_VERSION,
                                       .dry = c->dry,
                                       .yes = c->yes,
                                       .irreversible = c->irreversible,
                                       .anew = c->anew,
                                       .pause_between = c->pause_between,
                                       .give_up = c->give_up,
                                       .operator_timeout = c->operator_timeout,
                                       .pause_observe = uh_pause_observe(c->config),
                                       .approved = c->approved,
                                       .export_first = c->begins ? export_first : NULL,
                                       .export_image = export_image,
                                       .user = c};
  int rc = undo ? uh_undo_action(&options, undo, &result, &err) : uh_execute(&options, &result, &err);
  uh_cancel_catch(false);
  if (rc < 0) return uh_cli_fail(c->cli, &err);
  tell_end(c, &result, undo != NULL);
  return result.exit_code;
}
