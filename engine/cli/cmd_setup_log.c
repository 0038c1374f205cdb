/* SPDX-License-Identifier: Apache-2.0 */
/* setup-log: what Exchange Setup's log says, translated. Needs no configuration and no case. */
#include <unistd.h>

#include "cli/cli.h"
#include "report/setup_log_report.h"

enum { OPT_FORMAT = 1000, OPT_RUN };
static const struct option options[] = {
    {"format", required_argument, NULL, OPT_FORMAT},
    {"run", required_argument, NULL, OPT_RUN},
    {0},
};

static int exit_code(const struct uh_setup_log *log) {
  static const int codes[] = {[UH_SETUP_DONE] = 0, [UH_SETUP_FAILED] = 1, [UH_SETUP_UNFINISHED] = 2};
  return codes[log->run.outcome];
}

static int run(struct uh_cli *cli, int argc, char **argv) {
  UH_CLEANUP(uh_setup_log_freep) struct uh_setup_log *log = NULL;
  struct uh_err err = UH_ERR_INIT;
  const char *format = "terminal";
  int64_t number = 0;
  int option;
  while ((option = uh_cli_option(cli, argc, argv)) != -1) switch (option) {
      case UH_OPT_DONE: return 0;
      case UH_OPT_BAD: return 64;
      case OPT_FORMAT: format = optarg; break;
      case OPT_RUN:
        if (!uh_cli_number(cli, "--run", optarg, &number)) return 64;
        break;
    }
  bool json = strcmp(format, "json") == 0;
  if (!json && strcmp(format, "terminal") != 0)
    return uh_cli_usage(cli, "setup-log has the formats terminal and json, not '%s'", format);
  if (argc - optind != 1) return uh_cli_usage(cli, "setup-log takes one file, the server's ExchangeSetup.log");
  if (uh_setup_log_read(argv[optind], number, &log, &err) < 0) return uh_cli_fail(cli, &err);
  struct uh_report_options look = {
      .color = uh_cli_use_color(cli, STDOUT_FILENO), .verbose = cli->verbose, .quiet = cli->quiet};
  int r = json ? uh_setup_log_json(log, &uh_cli_stdout, &err) : uh_setup_log_terminal(log, &look, &uh_cli_stdout, &err);
  if (r < 0 || uh_cli_flush(&err) < 0) return uh_cli_fail(cli, &err);
  return exit_code(log);
}

const struct uh_command uh_cmd_setup_log = {
    .name = "setup-log",
    .summary = "what Exchange Setup's log says, translated",
    .usage = "[--format F] [--run N] FILE",
    .help =
        "Reads C:\\ExchangeSetupLogs\\ExchangeSetup.log, finds what stopped Setup and the\n"
        "objects it names, and says what that means and what to do. Exit code: 0 Setup\n"
        "came to its end, 1 it failed, 2 the log breaks off, or says neither.\n\n"
        "      --run N            the N-th run that the log holds (default: the last)\n"
        "      --format F         terminal (default), json\n",
    .options = options,
    .run = run,
};
