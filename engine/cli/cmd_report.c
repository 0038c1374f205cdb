/* SPDX-License-Identifier: Apache-2.0 */
/* report: render an observation again, judged at its own time. */
#include "cli/known.h"

enum { OPT_FACTS = 1000, OPT_FORMAT, OPT_LIMIT };
static const struct option options[] = {
    {"facts", required_argument, NULL, OPT_FACTS},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"output", required_argument, NULL, 'o'},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {0},
};

struct report {
  struct uh_cli *cli;
  const char *facts, *format, *place;
  int64_t limit;
  struct uh_cli_known known; /* of the case; none where a facts file was named */
};

static void report_clear(struct report *r) {
  uh_cli_known_clear(&r->known);
}

static int take_options(struct report *r, int argc, char **argv) {
  int option;
  while ((option = uh_cli_option(r->cli, argc, argv)) != -1) switch (option) {
      case UH_OPT_DONE: return -1;
      case UH_OPT_BAD: return 64;
      case OPT_FACTS: r->facts = optarg; break;
      case OPT_FORMAT: r->format = optarg; break;
      case 'o': r->place = optarg; break;
      case OPT_LIMIT:
        if (!uh_cli_number(r->cli, "--limit", optarg, &r->limit)) return 64;
        break;
    }
  if (optind < argc) return uh_cli_usage(r->cli, "'%s' is too much; name a facts file with --facts FILE", argv[optind]);
  return 0;
}

/* --facts, else the newest of the case. A configuration is read where it is named or needed: its rule packs judge, and
 * what persons stated counts. */
static int find_facts(struct report *r, char **ret_path, struct uh_judge_options *how, struct uh_err *err) {
  UH_CLEANUP(uh_config_freep) struct uh_config *config = NULL;
  UH_CLEANUP(uh_case_freep) struct uh_case *c = NULL;
  if ((r->cli->config_path || (!r->facts && !r->cli->case_dir)) && uh_cli_config(r->cli, &config, err) < 0) return -1;
  if (uh_cli_statements(config, how, err) < 0) return -1;
  if (r->facts) {
    *ret_path = strdup(r->facts);
    return *ret_path ? 0 : uh_fail_nomem(err);
  }
  if (uh_cli_case(r->cli, config, false, &c, err) < 0 || uh_cli_known_read(r->cli, c, &r->known, err) < 0) return -1;
  uh_cli_known_use(&r->known, how);
  return uh_cli_newest(c, ret_path, err);
}

static int run(struct uh_cli *cli, int argc, char **argv) {
  UH_CLEANUP(uh_outputs_close) struct uh_outputs outputs = {0};
  UH_CLEANUP(uh_results_freep) struct uh_results *results = NULL;
  UH_CLEANUP(uh_freep) char *path = NULL;
  UH_CLEANUP(report_clear) struct report r = {.cli = cli, .known = {.err = UH_ERR_INIT}};
  UH_CLEANUP(uh_cli_statements_free) struct uh_judge_options how = {.purpose = UH_BEFORE};
  struct uh_err err = UH_ERR_INIT;
  int code = take_options(&r, argc, argv);
  if (code) return code < 0 ? 0 : code;
  if (find_facts(&r, &path, &how, &err) < 0) return uh_cli_fail(cli, &err);
  code = uh_outputs_open(cli, r.format, r.place, &outputs);
  if (code) return code;
  if (uh_judge(path, &how, &results, &err) < 0) return uh_cli_fail(cli, &err);
  uh_cli_about(cli, uh_results_head(results)->organization, uh_results_head(results)->tenant);
  if (uh_outputs_write(cli, &outputs, results, r.limit, &err) < 0) return uh_cli_fail(cli, &err);
  if (r.known.err.cls) return uh_cli_fail(cli, &r.known.err);
  return uh_verdict_exit_code(uh_results_head(results)->verdict);
}

const struct uh_command uh_cmd_report = {
    .name = "report",
    .summary = "render an observation again",
    .usage = "[--facts FILE] [--format F[,F]] [-o FILE|DIR] [--limit N]",
    .help =
        "Judges the newest observation of the case, or the one that --facts names, at\n"
        "its own time, and renders the report. It asks nobody, needs no lock, and exits\n"
        "as the audit would have.\n\n"
        "      --facts FILE       a facts file; needs neither configuration nor case\n"
        "      --format F[,F]     terminal (default), json\n"
        "  -o, --output PLACE     a file; with more than one format a directory\n"
        "      --limit N          at most N findings of each check\n",
    .options = options,
    .shorts = "o:",
    .run = run,
};
