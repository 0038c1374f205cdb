/* SPDX-License-Identifier: Apache-2.0 */
/* diff: what has changed between two observations. */
#include <unistd.h>
#include <unhybrid/text.h>

#include "cli/cli.h"
#include "report/diff.h"

enum { OPT_FORMAT = 1000, OPT_LIMIT };
static const struct option options[] = {
    {"format", required_argument, NULL, OPT_FORMAT},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {0},
};

struct diff {
  struct uh_cli *cli;
  const char *format;
  int64_t limit;
  char *path[2]; /* old, new */
};

static void diff_clear(struct diff *d) {
  free(d->path[0]);
  free(d->path[1]);
}

/* 0; -1 done; else the exit code. */
static int take_options(struct diff *d, int argc, char **argv) {
  int option;
  d->format = "terminal";
  while ((option = uh_cli_option(d->cli, argc, argv)) != -1) switch (option) {
      case UH_OPT_DONE: return -1;
      case UH_OPT_BAD: return 64;
      case OPT_FORMAT: d->format = optarg; break;
      case OPT_LIMIT:
        if (!uh_cli_number(d->cli, "--limit", optarg, &d->limit)) return 64;
        break;
    }
  if (strcmp(d->format, "terminal") != 0 && strcmp(d->format, "json") != 0)
    return uh_cli_usage(d->cli, "diff has the formats terminal and json, not '%s'", d->format);
  if (argc - optind != 0 && argc - optind != 2)
    return uh_cli_usage(d->cli, "name two facts files, the older first, or none for the two newest of the case");
  return 0;
}

/* ---- which two ---- */

static int two_newest(struct diff *d, const struct uh_case *c, struct uh_err *err) {
  char **paths;
  size_t n;
  if (uh_case_list_facts(c, &paths, &n, err) < 0) return -1;
  for (size_t i = 0; i < 2 && n >= 2; i++) d->path[i] = UH_TAKE(paths[n - 2 + i]);
  for (size_t i = 0; i < n; i++) free(paths[i]);
  free(paths);
  if (n >= 2) return 0;
  (void)uh_fail(
      err, UH_ERR_DATA,
      n ? "the case holds one observation: there is nothing to compare it with" : "the case holds no observation yet");
  uh_err_where(err, "%s", c->dir);
  uh_err_remedy(err, "run `unhybrid audit`%s first", n ? "" : " twice");
  return -1;
}

/* A name alone, as `status` gives it, is a file of the case. */
static int named(struct diff *d, const struct uh_case *UH_NULLABLE c, int i, const char *name, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str path = {0};
  if (c && !strchr(name, '/') && access(name, F_OK) != 0) uh_str_addf(&path, "%s/", c->dir);
  uh_str_add(&path, name);
  if (!uh_str_text(&path)) return uh_fail_nomem(err);
  d->path[i] = uh_str_take(&path);
  return d->path[i] ? 0 : uh_fail_nomem(err);
}

static int find(struct diff *d, int argc, char **argv, struct uh_judge_options *how, struct uh_err *err) {
  UH_CLEANUP(uh_config_freep) struct uh_config *config = NULL;
  UH_CLEANUP(uh_case_freep) struct uh_case *c = NULL;
  bool names = argc - optind == 2;
  /* As in `report`: a configuration is read where it is named or needed, for its rule packs and statements. */
  if ((d->cli->config_path || (!names && !d->cli->case_dir)) && uh_cli_config(d->cli, &config, err) < 0) return -1;
  if (uh_cli_statements(config, how, err) < 0) return -1;
  if ((!names || config || d->cli->case_dir) && uh_cli_case(d->cli, config, false, &c, err) < 0) {
    if (!names) return -1;
    *err = UH_ERR_INIT; /* the files may lie anywhere */
  }
  if (!names) return two_newest(d, c, err);
  for (int i = 0; i < 2; i++)
    if (named(d, c, i, argv[optind + i], err) < 0) return -1;
  return 0;
}

/* ---- */

static int run(struct uh_cli *cli, int argc, char **argv) {
  UH_CLEANUP(diff_clear) struct diff d = {.cli = cli};
  UH_CLEANUP(uh_cli_statements_free) struct uh_judge_options how = {.purpose = UH_BEFORE};
  UH_CLEANUP(uh_diff_freep) struct uh_diff *diff = NULL;
  struct uh_err err = UH_ERR_INIT;
  int code = take_options(&d, argc, argv);
  if (code) return code < 0 ? 0 : code;
  if (find(&d, argc, argv, &how, &err) < 0 || uh_diff(d.path[0], d.path[1], &how, &diff, &err) < 0)
    return uh_cli_fail(cli, &err);
  const struct uh_diff_head *h = uh_diff_head(diff);
  uh_cli_about(cli, h->after->organization, h->after->tenant);
  struct uh_report_options look = {
      .limit = d.limit, .color = uh_cli_use_color(cli, STDOUT_FILENO), .verbose = cli->verbose, .quiet = cli->quiet};
  bool json = strcmp(d.format, "json") == 0;
  if ((json ? uh_diff_render_json : uh_diff_render_terminal)(diff, &look, &uh_cli_stdout, &err) < 0 ||
      uh_cli_flush(&err) < 0)
    return uh_cli_fail(cli, &err);
  return h->any ? 1 : 0;
}

const struct uh_command uh_cmd_diff = {
    .name = "diff",
    .summary = "what has changed between two observations",
    .usage = "[--format F] [--limit N] [OLD NEW]",
    .help =
        "Judges two observations, each at its own time, and says what is new, gone or\n"
        "changed: the verdict, checks, findings, recipients, configuration objects, DNS\n"
        "answers. Without names: the two newest of the case. What one of them did not\n"
        "read in full is called not seen, never gone. Times and counters that change\n"
        "by themselves are no difference (docs/diff.md). It asks nobody and exits 0\n"
        "without differences, 1 with some.\n\n"
        "      --format F         terminal (default) or json\n"
        "      --limit N          at most N findings and N objects of each kind of change\n",
    .options = options,
    .shorts = "",
    .run = run,
};
