/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plan_command.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unhybrid/text.h>

#include "cli/left.h"
#include "cli/observe.h"
#include "cli/stale.h"
#include "cli/start.h"

enum { WORK_LEFT = 3, BLOCKED = 1, UNDETERMINED = 2 };

struct cleanup {
  struct uh_carry carry;
  const char *plan_path, *save, *until, *place;
  const char **only;
  bool replan, after;
  const struct uh_plan_format *format;
  struct uh_file *file; /* -o */
  struct uh_plan *plan;
};

static void cleanup_clear(struct cleanup *c) {
  (void)uh_file_abandon(c->file);
  uh_carry_clear(&c->carry);
  (void)uh_plan_free(c->plan);
  free(c->only);
}

/* ---- the command line ---- */

static int look_at_step(const struct uh_cli *cli, const char *option, const char *id) {
  if (uh_step_find(id)) return 0;
  const char *near = uh_step_nearest(id);
  return near ? uh_cli_usage(cli, "%s: there is no step '%s'; did you mean %s?", option, id, near)
              : uh_cli_usage(cli, "%s: there is no step '%s'; `unhybrid steps list` names them", option, id);
}

static int take_only(struct cleanup *c) {
  const struct uh_cli *cli = c->carry.cli;
  if (c->only) return uh_cli_usage(cli, "--only is given twice; separate steps with commas");
  c->only = uh_cli_split(cli, "--only", optarg);
  int code = c->only ? 0 : 64;
  for (size_t i = 0; code == 0 && c->only[i]; i++) code = look_at_step(cli, "--only", c->only[i]);
  return code;
}

static int take_format(struct cleanup *c) {
  const char *names[8];
  size_t n = 0;
  c->format = uh_plan_format_find(optarg);
  if (c->format) return 0;
  for (; n < 8 && uh_plan_formats[n]; n++) names[n] = uh_plan_formats[n]->name;
  const char *near = uh_cli_nearest(optarg, names, n);
  return near ? uh_cli_usage(c->carry.cli, "there is no format '%s'; did you mean %s?", optarg, near)
              : uh_cli_usage(c->carry.cli, "a plan has the formats table, dot, json and html, not '%s'", optarg);
}

static int take_option(struct cleanup *c, int option) {
  switch (option) {
    case UH_OPT_DONE: return -1;
    case UH_OPT_BAD: return 64;
    case OPT_PLAN: c->plan_path = optarg; return 0;
    case OPT_SAVE_PLAN: c->save = optarg; return 0;
    case OPT_ONLY: return take_only(c);
    case OPT_UNTIL: c->until = optarg; return look_at_step(c->carry.cli, "--until", optarg);
    case OPT_REPLAN: c->replan = true; return 0;
    case OPT_FORMAT: return take_format(c);
    case 'o': c->place = optarg; return 0;
    default: return uh_carry_option(&c->carry, option);
  }
}

static int take_options(struct cleanup *c, int argc, char **argv) {
  const struct uh_cli *cli = c->carry.cli;
  int option, code = 0;
  while (code == 0 && (option = uh_cli_option(c->carry.cli, argc, argv)) != -1) code = take_option(c, option);
  if (code) return code;
  if (optind < argc)
    return uh_cli_usage(cli, "'%s' is too much: %s takes options only", argv[optind], cli->command->name);
  if (c->plan_path && (c->only || c->until))
    return uh_cli_usage(cli, "a plan is applied as it is: --plan takes neither --only nor --until");
  if (c->plan_path && (c->save || c->replan))
    return uh_cli_usage(cli, "--plan names the plan: it takes neither --save-plan nor --replan");
  if (!c->format) c->format = &uh_plan_table;
  if (!c->place && c->format != &uh_plan_table && !c->carry.dry && !c->carry.yes)
    return uh_cli_usage(cli, "--format %s goes with --dry-run, --yes or -o: the terminal is for the conversation",
                        c->format->name);
  return uh_carry_options_done(&c->carry);
}

/* ---- which plan ---- */

static int refuse_plan(const struct cleanup *c, struct uh_err *err, const char *why, const char *remedy) {
  (void)uh_fail(err, UH_ERR_DATA, "%s", why);
  uh_err_where(err, "%s", c->plan_path);
  uh_err_remedy(err, "%s", remedy);
  return -1;
}

static bool same_text(const char *a, const char *b) {
  return strcmp(a ? a : "", b ? b : "") == 0;
}

/* NULL where only a domain tells the tenant. */
static const char *tenant_id(const char *UH_NULLABLE tenant, const struct uh_anchors *UH_NULLABLE anchors) {
  uint8_t guid[UH_GUID_SIZE];
  if (tenant && uh_guid_parse(tenant, guid)) return tenant;
  return anchors ? uh_anchors_get(anchors, UH_ANCHOR_TENANT, 0) : NULL;
}

/* Tenants may be told by id or by domain: two ids that differ are two tenants, and a domain is only compared with
 * another. */
static bool same_tenant(const struct cleanup *c, const struct uh_anchors *UH_NULLABLE known) {
  const char *ours = c->carry.cli->tenant, *theirs = uh_plan_tenant(c->plan);
  const char *our_id = tenant_id(ours, known), *their_id = tenant_id(theirs, uh_plan_anchors(c->plan));
  uint8_t a[UH_GUID_SIZE], b[UH_GUID_SIZE];
  if (our_id && their_id) return uh_guid_parse(our_id, a) && uh_guid_parse(their_id, b) && memcmp(a, b, sizeof a) == 0;
  return !ours || !theirs || our_id == ours || their_id == theirs || strcasecmp(ours, theirs) == 0;
}

/* Organisations are told apart by their GUID, where both are known. */
static bool same_case(const struct cleanup *c) {
  const struct uh_anchors *known = c->carry.history ? uh_history_anchors(c->carry.history) : NULL;
  const char *ours = known ? uh_anchors_get(known, UH_ANCHOR_ORGANIZATION, 0) : NULL;
  const char *theirs = uh_anchors_get(uh_plan_anchors(c->plan), UH_ANCHOR_ORGANIZATION, 0);
  return same_text(uh_plan_organization(c->plan), c->carry.held->organization) && same_tenant(c, known) &&
         (!ours || !theirs || strcasecmp(ours, theirs) == 0);
}

static int load_plan(struct cleanup *c, struct uh_err *err) {
  if (uh_plan_load(c->plan_path, &c->plan, err) < 0) return -1;
  const struct uh_history *h = c->carry.history;
  if (!same_case(c))
    return refuse_plan(c, err, "the plan is for another organisation or tenant than this case",
                       "name its own case and configuration with -C and -c");
  if (h && uh_history_finished(h, uh_plan_id(c->plan)))
    return refuse_plan(c, err, "the plan was carried out already, in full", "cleanup without --plan makes a new one");
  return 0;
}

/* The plan that an earlier run left unfinished, where it is not the one that is wanted now. */
static const struct uh_plan *in_the_way(const struct cleanup *c) {
  const struct uh_plan *open = c->carry.history ? uh_history_open_plan(c->carry.history) : NULL;
  if (!open || c->replan || (c->plan && strcmp(uh_plan_id(open), uh_plan_id(c->plan)) == 0)) return NULL;
  return open;
}

static int say_resume(const struct cleanup *c) {
  struct uh_err err = UH_ERR_INIT;
  (void)uh_fail(&err, UH_ERR_DATA, "an earlier cleanup of this case is not finished");
  uh_err_where(&err, "%s", c->carry.held->dir);
  uh_err_remedy(&err, "`unhybrid resume` goes on with it, `unhybrid status` says where it stands; --replan plans anew");
  (void)uh_cli_fail(c->carry.cli, &err);
  return WORK_LEFT;
}

static int make_plan(const struct cleanup *c, const char *const *only, const char *until, struct uh_plan **ret_plan,
                     struct uh_err *err) {
  struct uh_plan_options o = {.facts = c->carry.facts,
                              .known = c->carry.history ? uh_history_anchors(c->carry.history) : NULL,
                              .only = only,
                              .until = until,
                              .now = uh_cli_now(),
                              .organization = c->carry.held->organization,
                              .tenant = c->carry.cli->tenant};
  UH_CLEANUP(uh_str_clear) struct uh_str tools = {0};
  UH_CLEANUP(uh_cli_stated_clear) struct uh_cli_stated stated = {0};
  if (uh_cli_tools_of(c->carry.facts, &c->carry.how, &tools, &stated, err) < 0) return -1;
  o.stated = uh_cli_stated_list(&stated);
  if (tools.len) o.tools = uh_str_or(&tools, "out of memory");
  uh_carry_accounts(c->carry.config, &o);
  return uh_plan_make(&o, ret_plan, err);
}

/* ---- a plan that is older than the observation ---- */

/* The plan that would be made now, of the same steps. */
static int make_same(const struct cleanup *c, struct uh_plan **ret_plan, struct uh_err *err) {
  size_t n = uh_plan_step_count(c->plan), chosen = 0;
  UH_CLEANUP(uh_freep) const char **only = calloc(n + 1, sizeof *only);
  if (!only) return uh_fail_nomem(err);
  for (size_t i = 0; i < n; i++) {
    const struct uh_plan_step *s = uh_plan_step_at(c->plan, i);
    if (s->state != UH_STEP_SKIPPED) only[chosen++] = s->step->id;
  }
  return make_plan(c, only, NULL, ret_plan, err);
}

/* 0 go on, else the exit code. A plan that is partly carried out moves the world itself: each of its actions is looked
 * at right before it instead. */
static int look_at_age(const struct cleanup *c) {
  UH_CLEANUP(uh_plan_freep) struct uh_plan *now = NULL;
  UH_CLEANUP(uh_str_clear) struct uh_str moved = {0};
  struct uh_err err = UH_ERR_INIT;
  const struct uh_history *h = c->carry.history;
  if (!c->plan_path || (h && uh_history_plan(h, uh_plan_id(c->plan)))) return 0;
  if (make_same(c, &now, &err) < 0 || uh_stale_text(c->plan, now, &moved, &err) < 0)
    return uh_cli_fail(c->carry.cli, &err);
  if (!moved.len) return 0;
  (void)fputs("\nSince the plan was made this has moved:\n", stderr);
  (void)fwrite(moved.s, 1, moved.len, stderr);
  if (c->carry.dry) return 0;
  (void)refuse_plan(c, &err, "the plan is stale: what it acts on has moved since", "look at it, and make a new plan");
  return uh_cli_fail(c->carry.cli, &err);
}

/* ---- showing and saving ---- */

static int write_file(void *user, const void *data, size_t n, struct uh_err *err) {
  return uh_file_write(user, data, n, err);
}

/* What no step takes away, once no server is left: below the table for people, in documents for programs. */
static int add_left(const struct cleanup *c, struct uh_str *out, struct uh_err *err) {
  UH_CLEANUP(uh_results_freep) struct uh_results *results = NULL;
  const struct uh_cli *cli = c->carry.cli;
  bool table = c->format == &uh_plan_table;
  if (!c->after || (table && (c->place || cli->quiet))) return 0;
  if (uh_cli_left_judge(c->carry.facts, &c->carry.how, &results, err) < 0) return -1;
  return table ? uh_cli_left_text(results, uh_cli_width(STDOUT_FILENO), cli->verbose, out, err)
               : uh_cli_left_json(results, out, err);
}

static int show_plan(struct cleanup *c, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str rest = {0};
  const struct uh_cli *cli = c->carry.cli;
  struct uh_plan_report_options how = {
      .verbose = cli->verbose, .quiet = cli->quiet, .pause_observe = uh_pause_observe(c->carry.config)};
  if (add_left(c, &rest, err) < 0) return -1;
  if (rest.len && c->format != &uh_plan_table) how.left = uh_str_text(&rest);
  if (c->file) {
    struct uh_report_sink sink = {.write = write_file, .user = c->file};
    how.color = cli->color == UH_COLOR_ALWAYS;
    return c->format->render(c->plan, &how, &sink, err) < 0 ? -1 : uh_file_commit(UH_TAKE(c->file), err);
  }
  how.color = uh_cli_use_color(cli, STDOUT_FILENO);
  how.width = uh_cli_width(STDOUT_FILENO);
  if (c->format->render(c->plan, &how, &uh_cli_stdout, err) < 0) return -1;
  if (!how.left && rest.len && uh_cli_stdout.write(NULL, rest.s, rest.len, err) < 0) return -1;
  return uh_cli_flush(err);
}

/* plans/plan-<stamp>.json in the case: what is applied without being asked about can be looked at afterwards. */
static int save_in_case(const struct cleanup *c, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str path = {0};
  char stamp[UH_TIME_COMPACT];
  uh_str_addf(&path, "%s/plans", c->carry.held->dir);
  if (!uh_str_text(&path)) return uh_fail_nomem(err);
  if (mkdir(path.s, 0700) < 0 && errno != EEXIST) {
    (void)uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot make the directory: %s", strerror(errno));
    uh_err_where(err, "%s", path.s);
    return -1;
  }
  uh_str_addf(&path, "/plan-%s.json", uh_time_compact(uh_cli_now(), stamp));
  if (!uh_str_text(&path)) return uh_fail_nomem(err);
  if (uh_plan_save(c->plan, path.s, err) < 0) return -1;
  uh_cli_log(c->carry.cli, UH_LOG_WARNING, "the plan that is applied, %s, is saved as %s", uh_plan_id(c->plan), path.s);
  return 0;
}

static int save(const struct cleanup *c, struct uh_err *err) {
  if (c->save && uh_plan_save(c->plan, c->save, err) < 0) return -1;
  return c->carry.yes && !c->plan_path ? save_in_case(c, err) : 0;
}

/* ---- nothing to do ---- */

/* It wants a person's approval, and nobody is asked: it is left out. */
static bool is_left_out(const struct cleanup *c, const struct uh_planned *p) {
  if (!p->action.approval || !c->carry.yes) return false;
  for (size_t i = 0; c->carry.approved[i]; i++)
    if (strcmp(c->carry.approved[i], p->id) == 0 || strcmp(c->carry.approved[i], p->step) == 0) return false;
  return true;
}

static bool same_subject(const struct uh_subject *a, const struct uh_subject *b) {
  return strcmp(a->side, b->side) == 0 && strcmp(a->kind, b->kind) == 0 && same_text(a->guid, b->guid) &&
         same_text(a->name, b->name);
}

/* What a person does first is for nothing where what it is done for is left out. */
static bool is_for_nothing(const struct cleanup *c, size_t at) {
  const struct uh_planned *p = uh_plan_at(c->plan, at);
  bool found = false;
  if (p->action.verb != UH_VERB_DO) return is_left_out(c, p);
  for (size_t i = at + 1; i < uh_plan_count(c->plan); i++) {
    const struct uh_planned *next = uh_plan_at(c->plan, i);
    if (!same_subject(&next->action.subject, &p->action.subject)) continue;
    if (!is_left_out(c, next)) return false;
    found = true;
  }
  return found;
}

static void add_waiting(const struct cleanup *c, struct uh_str *out) {
  struct uh_plan_numbers numbers = {{NULL}, {0}};
  char number[UH_PLAN_NUMBER];
  for (size_t i = 0; i < uh_plan_count(c->plan); i++) {
    const struct uh_planned *p = uh_plan_at(c->plan, i);
    (void)uh_plan_number(&numbers, p, number);
    if (!is_left_out(c, p)) continue;
    uh_str_addf(out, "  %s ", number);
    uh_terminal_text(out, p->id, strlen(p->id));
    uh_str_addc(out, '\n');
  }
}

static void say_nothing_to_do(const struct cleanup *c, size_t actions, struct uh_str *out) {
  if (actions) {
    uh_str_add(out, "Nothing to do but what a person has to approve (--approve):\n");
    add_waiting(c, out);
  } else if (c->only || c->until) {
    uh_str_add(out, "Nothing to do in the steps that were chosen.\n");
  } else {
    uh_str_add(out, "Nothing to do: nothing of the hybrid deployment is left to remove now.\n");
  }
}

/* -1: there is something to do, or something that is not known. Else the exit code. */
static int nothing_to_do(const struct cleanup *c) {
  UH_CLEANUP(uh_str_clear) struct uh_str out = {0};
  struct uh_plan_sums sums = uh_plan_sum(c->plan);
  struct uh_err err = UH_ERR_INIT;
  if (sums.unknown || sums.blocked) return -1;
  for (size_t i = 0; i < sums.actions; i++)
    if (!is_for_nothing(c, i)) return -1;
  say_nothing_to_do(c, sums.actions, &out);
  if (!uh_str_text(&out)) (void)uh_fail_nomem(&err);
  bool document = !c->place && c->format != &uh_plan_table;
  if (err.cls == UH_ERR_NONE && !c->carry.cli->quiet) (void)fwrite(out.s, 1, out.len, document ? stderr : stdout);
  return err.cls || uh_cli_flush(&err) < 0 ? uh_cli_fail(c->carry.cli, &err) : 0;
}

/* ---- */

/* 0 observed, else the exit code. */
static int observe(struct cleanup *c) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_observation_summary summary = {.first = UH_ERR_INIT};
  if (uh_cli_observe_with(c->carry.cli, c->carry.config, c->carry.held, UH_SNAPSHOT_CONFIGURATION,
                          c->carry.history ? uh_history_anchors(c->carry.history) : NULL, &c->carry.facts, &summary,
                          &err) < 0)
    return uh_cli_fail(c->carry.cli, &err);
  if (summary.interrupted) return uh_cli_interrupted(c->carry.cli, c->carry.facts);
  c->carry.observed_now = true;
  if (summary.anything) return 0;
  err = summary.first;
  if (err.cls == UH_ERR_NONE) (void)uh_fail(&err, UH_ERR_UNAVAILABLE, "no source gave anything");
  if (summary.worst != UH_ERR_NONE) err.cls = summary.worst;
  return uh_cli_fail(c->carry.cli, &err);
}

static int say_unswept(const struct cleanup *c, int left, const char *why) {
  UH_CLEANUP(uh_str_clear) struct uh_str tools = {0};
  struct uh_err err = UH_ERR_INIT;
  if (uh_cli_tools_of(c->carry.facts, &c->carry.how, &tools, NULL, &err) < 0) return uh_cli_fail(c->carry.cli, &err);
  (void)uh_fail(&err, UH_ERR_DATA, "nothing is swept up before the uninstall: %s", why);
  if (tools.len)
    uh_err_remedy(&err,
                  "the management tools are in use (tools.in-use): the server is never uninstalled, and `unhybrid "
                  "cleanup` removes what may go without that");
  else
    uh_err_remedy(&err, left == UH_SERVERS_SOME
                            ? "`unhybrid cleanup` comes first"
                            : "`unhybrid status` says what was not read, and why: see that it can be");
  (void)uh_cli_fail(c->carry.cli, &err);
  return left == UH_SERVERS_SOME ? BLOCKED : UNDETERMINED;
}

/* 0 go on, else the exit code: what is swept up is what nobody needs once the last server is gone. */
static int look_for_servers(const struct cleanup *c) {
  struct uh_err err = UH_ERR_INIT;
  char why[400] = "";
  if (!c->after) return 0;
  int left = uh_servers_left(c->carry.facts, why, sizeof why, &err);
  if (left < 0) return uh_cli_fail(c->carry.cli, &err);
  return left == UH_SERVERS_NONE ? 0 : say_unswept(c, left, why);
}

static int plan_and_show(struct cleanup *c) {
  struct uh_err err = UH_ERR_INIT;
  if (!c->plan && make_plan(c, c->only, c->until, &c->plan, &err) < 0) return uh_cli_fail(c->carry.cli, &err);
  if (uh_carry_judge_by(&c->carry, c->plan, &err) < 0 || show_plan(c, &err) < 0) return uh_cli_fail(c->carry.cli, &err);
  int code = uh_carry_approve(&c->carry, c->plan);
  if (code) return code;
  code = nothing_to_do(c);
  if (code == 0 && c->save && uh_plan_save(c->plan, c->save, &err) < 0) return uh_cli_fail(c->carry.cli, &err);
  if (code >= 0) return code;
  code = look_at_age(c);
  if (code) return code;
  if (save(c, &err) < 0) return uh_cli_fail(c->carry.cli, &err);
  const struct uh_history *h = c->carry.history;
  c->carry.begins = !h || !uh_history_plan(h, uh_plan_id(c->plan));
  return uh_carry_out(&c->carry, c->plan, NULL);
}

static int run_cleanup(struct cleanup *c, int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_cli *cli = c->carry.cli;
  int code = take_options(c, argc, argv);
  if (code) return code < 0 ? 0 : code;
  if (uh_carry_open(&c->carry, true, &err) < 0) return uh_cli_fail(cli, &err);
  if (c->plan_path && load_plan(c, &err) < 0) return uh_cli_fail(cli, &err);
  if (in_the_way(c)) return say_resume(c);
  if (c->place && uh_file_create(c->place, &c->file, &err) < 0) return uh_cli_fail(cli, &err);
  code = observe(c);
  if (code == 0) code = look_for_servers(c);
  return code ? code : plan_and_show(c);
}

int uh_plan_command(struct uh_cli *cli, int argc, char **argv, bool after) {
  UH_CLEANUP(cleanup_clear) struct cleanup c = {.carry = {.cli = cli}, .after = after};
  return run_cleanup(&c, argc, argv);
}
