/* SPDX-License-Identifier: Apache-2.0 */
/* audit: observe, judge, report. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unhybrid/text.h>

#include "cli/known.h"
#include "cli/observe.h"

enum { OPT_PURPOSE = 1000, OPT_FORMAT, OPT_ONLY, OPT_SKIP, OPT_OFFLINE, OPT_LIMIT, OPT_SNAPSHOT };
static const struct option options[] = {
    {"purpose", required_argument, NULL, OPT_PURPOSE},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"output", required_argument, NULL, 'o'},
    {"only", required_argument, NULL, OPT_ONLY},
    {"skip", required_argument, NULL, OPT_SKIP},
    {"offline", no_argument, NULL, OPT_OFFLINE},
    {"snapshot", no_argument, NULL, OPT_SNAPSHOT},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {0},
};

struct audit {
  struct uh_cli *cli;
  const char *format, *place;
  const char **only, **skip;
  enum uh_purpose purpose;
  bool offline, snapshot;
  int64_t limit;
  struct uh_config *config;
  struct uh_judge_options how;
  struct uh_cli_known known;
  struct uh_case *held; /* the case, locked */
  struct uh_outputs outputs;
  char *facts;
  struct uh_results *results;
  struct uh_observation_summary summary;
};

static void audit_clear(struct audit *a) {
  (void)uh_results_free(a->results);
  uh_cli_statements_free(&a->how);
  uh_cli_known_clear(&a->known);
  uh_outputs_close(&a->outputs);
  free(a->facts);
  (void)uh_case_free(a->held);
  (void)uh_config_free(a->config);
  free(a->only);
  free(a->skip);
}

/* ---- the command line ---- */

static bool is_requirement(const char *id) {
  if (strncmp(id, "requirement.", 12) != 0) return false;
  for (size_t i = 0; i < uh_requirement_count(); i++)
    if (strcmp(uh_requirement_at(i)->id, id + 12) == 0) return true;
  return false;
}

static int take_list(const struct audit *a, const char *option, const char ***ret_list) {
  if (*ret_list) return uh_cli_usage(a->cli, "%s is given twice; separate ids with commas", option);
  *ret_list = uh_cli_split(a->cli, option, optarg);
  return *ret_list ? 0 : 64;
}

/* Ids are looked at once the rule packs of the configuration are loaded. */
static int look_at_ids(const struct audit *a, const char *option, const char *const *list, bool requirements) {
  for (; list && *list; list++) {
    if (uh_check_find(*list) || (requirements && is_requirement(*list))) continue;
    const char *near = uh_check_nearest(*list);
    return near ? uh_cli_usage(a->cli, "%s: there is no check '%s'; did you mean %s?", option, *list, near)
                : uh_cli_usage(a->cli, "%s: there is no check '%s'", option, *list);
  }
  return 0;
}

/* Nothing judged must never read as nothing wrong. */
static int look_at_purpose(const struct audit *a) {
  const struct uh_check *check;
  for (size_t i = 0; (check = uh_check_at(i)) != NULL; i++)
    if (check->purposes & a->purpose) return 0;
  return uh_cli_usage(a->cli, "no check is there for --purpose %s", a->purpose == UH_AFTER ? "after" : "before");
}

static int take_purpose(struct audit *a) {
  if (strcmp(optarg, "before") != 0 && strcmp(optarg, "after") != 0)
    return uh_cli_usage(a->cli, "--purpose takes before or after, not '%s'", optarg);
  a->purpose = strcmp(optarg, "after") == 0 ? UH_AFTER : UH_BEFORE;
  return 0;
}

static int take_options(struct audit *a, int argc, char **argv) {
  int option, code = 0;
  while (code == 0 && (option = uh_cli_option(a->cli, argc, argv)) != -1) switch (option) {
      case UH_OPT_DONE: return -1;
      case UH_OPT_BAD: return 64;
      case OPT_PURPOSE: code = take_purpose(a); break;
      case OPT_FORMAT: a->format = optarg; break;
      case 'o': a->place = optarg; break;
      case OPT_ONLY: code = take_list(a, "--only", &a->only); break;
      case OPT_SKIP: code = take_list(a, "--skip", &a->skip); break;
      case OPT_OFFLINE: a->offline = true; break;
      case OPT_SNAPSHOT: a->snapshot = true; break;
      case OPT_LIMIT: code = uh_cli_number(a->cli, "--limit", optarg, &a->limit) ? 0 : 64; break;
    }
  if (code == 0 && a->offline && a->snapshot)
    code = uh_cli_usage(a->cli, "--snapshot reads Active Directory, --offline asks nobody");
  if (code == 0 && optind < argc)
    code = uh_cli_usage(a->cli, "'%s' is too much: audit takes options only", argv[optind]);
  return code;
}

/* ---- what the sources said ---- */

struct told {
  const struct uh_cli *cli;
  bool tell;       /* on standard error; the terminal report says it itself */
  bool configured; /* some source is */
};

static int each_source(void *user, const struct uh_result_source *s) {
  struct told *told = user;
  if (strcmp(s->state, "not-configured") == 0) return 0;
  told->configured = true;
  if (told->tell && strcmp(s->state, "complete") != 0)
    uh_cli_log(told->cli, UH_LOG_WARNING, "source %s %s%s%s", s->id, s->state, *s->detail ? ": " : "", s->detail);
  return 0;
}

/* 0, or the exit code where nothing at all could be observed. */
static int tell_sources(struct audit *a) {
  struct uh_err err = UH_ERR_INIT;
  struct told told = {.cli = a->cli, .tell = !a->outputs.terminal_shown || a->cli->quiet};
  if (uh_results_sources(a->results, each_source, &told, &err) < 0) return uh_cli_fail(a->cli, &err);
  if (a->offline || a->summary.anything) return 0;
  err = a->summary.first;
  if (err.cls == UH_ERR_NONE && !told.configured) {
    (void)uh_fail(&err, UH_ERR_CONFIG, "the configuration names no source, so nothing was observed");
    uh_err_where(&err, "%s", a->config->path);
    uh_err_remedy(&err, "add a section: directory, exchange_online, exchange, dns ..");
  } else if (err.cls == UH_ERR_NONE) {
    (void)uh_fail(&err, UH_ERR_UNAVAILABLE, "no source gave anything");
  }
  if (a->summary.worst != UH_ERR_NONE) err.cls = a->summary.worst;
  return uh_cli_fail(a->cli, &err);
}

/* ---- judging and reporting ---- */

/* reports/report-<stamp>.<extension> in the case. */
static int save_report(struct audit *a, const struct uh_report_format *format, struct uh_err *err) {
  struct uh_report_options how = {.verbose = true};
  struct uh_str path = {0};
  const char *stem = strrchr(a->facts, '/') + 1; /* facts-<stamp>.db */
  stem += strncmp(stem, "facts-", 6) == 0 ? 6 : 0;
  uh_str_addf(&path, "%s/reports", a->held->dir);
  if (uh_str_text(&path) && mkdir(path.s, 0700) < 0 && errno != EEXIST) {
    (void)uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot make the directory: %s", strerror(errno));
    uh_err_where(err, "%s", path.s);
    uh_str_clear(&path);
    return -1;
  }
  uh_str_addf(&path, "/report-%.*s.%s", (int)strcspn(stem, "."), stem, format->extension);
  int r = uh_str_text(&path) ? uh_report_to_file(a->results, format, &how, path.s, err) : uh_fail_nomem(err);
  uh_str_clear(&path);
  return r;
}

static int judge_and_report(struct audit *a) {
  struct uh_err err = UH_ERR_INIT;
  /* Facts that lie there since another day are judged as of today: the verdict is about removing the server now. */
  a->how.now = a->offline ? uh_cli_now() : 0;
  a->how.purpose = a->purpose;
  a->how.only = a->only;
  a->how.skip = a->skip;
  uh_cli_known_use(&a->known, &a->how);
  if (uh_judge(a->facts, &a->how, &a->results, &err) < 0) return uh_cli_fail(a->cli, &err);
  int code = tell_sources(a);
  for (size_t i = 0; uh_report_formats[i]; i++)
    if (save_report(a, uh_report_formats[i], &err) < 0) return uh_cli_fail(a->cli, &err);
  if (uh_outputs_write(a->cli, &a->outputs, a->results, a->limit, &err) < 0) return uh_cli_fail(a->cli, &err);
  if (code == 0 && a->known.err.cls) code = uh_cli_fail(a->cli, &a->known.err);
  return code ? code : uh_verdict_exit_code(uh_results_head(a->results)->verdict);
}

static int observe_or_find(struct audit *a, struct uh_err *err) {
  if (a->offline) return uh_cli_newest(a->held, &a->facts, err);
  if (a->held->doubtful_fs)
    uh_cli_log(a->cli, UH_LOG_WARNING, "%s is on %s, where locks and durable writes cannot be trusted", a->held->dir,
               a->held->fs_name);
  return uh_cli_observe_with(a->cli, a->config, a->held, a->snapshot ? UH_SNAPSHOT_ALL : UH_SNAPSHOT_NONE, NULL,
                             &a->facts, &a->summary, err);
}

static int run_audit(struct audit *a, int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  int code = take_options(a, argc, argv);
  if (code) return code < 0 ? 0 : code;
  if (uh_cli_config(a->cli, &a->config, &err) < 0 || uh_cli_statements(a->config, &a->how, &err) < 0)
    return uh_cli_fail(a->cli, &err);
  code = look_at_purpose(a);
  if (code == 0) code = look_at_ids(a, "--only", a->only, false);
  if (code == 0) code = look_at_ids(a, "--skip", a->skip, true);
  if (code) return code;
  if (uh_cli_case(a->cli, a->config, !a->offline, &a->held, &err) < 0 || uh_case_lock(a->held, "audit", &err) < 0)
    return uh_cli_fail(a->cli, &err);
  if (uh_cli_known_read(a->cli, a->held, &a->known, &err) < 0) return uh_cli_fail(a->cli, &err);
  code = uh_outputs_open(a->cli, a->format, a->place, &a->outputs);
  if (code) return code;
  if (observe_or_find(a, &err) < 0) return uh_cli_fail(a->cli, &err);
  if (a->summary.interrupted) return uh_cli_interrupted(a->cli, a->facts);
  return judge_and_report(a);
}

static int run(struct uh_cli *cli, int argc, char **argv) {
  UH_CLEANUP(audit_clear) struct audit a = {.cli = cli, .purpose = UH_BEFORE, .summary = {.first = UH_ERR_INIT}};
  return run_audit(&a, argc, argv);
}

const struct uh_command uh_cmd_audit = {
    .name = "audit",
    .summary = "observe, judge and report",
    .usage = "[--format F[,F]] [-o FILE|DIR] [--only ID,..] [--skip ID,..] [--offline] [--snapshot]",
    .help =
        "Asks every configured source, judges what was seen and reports. It changes\n"
        "nothing outside the case directory, where facts and report are kept.\n\n"
        "      --purpose P        before (default) or after the uninstall\n"
        "      --format F[,F]     terminal (default), json\n"
        "  -o, --output PLACE     a file; with more than one format a directory\n"
        "      --only ID,..       judge these checks alone; never ready then\n"
        "      --skip ID,..       leave these checks out\n"
        "      --offline          judge the case's newest observation again\n"
        "      --snapshot         read also all that an uninstall may remove or change in\n"
        "                         Active Directory; `diff` of two tells what it did\n"
        "      --limit N          at most N findings of each check\n",
    .options = options,
    .shorts = "o:",
    .run = run,
};
