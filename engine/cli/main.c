/* SPDX-License-Identifier: Apache-2.0 */
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <strings.h>
#include <sys/stat.h>

#include "cli/cli.h"

/* One a line, in the order of the help. */
/* clang-format off */
static const struct uh_command *const commands[] = {
    &uh_cmd_audit,
    &uh_cmd_report,
    &uh_cmd_status,
    &uh_cmd_diff,
    &uh_cmd_checks,
    &uh_cmd_steps,
    &uh_cmd_waive,
    &uh_cmd_attest,
    &uh_cmd_cleanup,
    &uh_cmd_resume,
    &uh_cmd_undo,
    &uh_cmd_sweep,
    &uh_cmd_journal,
    &uh_cmd_setup_log,
};
/* clang-format on */
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const char global_help[] =
    "Options of every command:\n"
    "  -c, --config FILE      configuration (default: unhybrid.yaml, here)\n"
    "  -C, --case DIR         case directory (default: beside the configuration)\n"
    "  -v, --verbose          show everything\n"
    "  -q, --quiet            show the verdict alone\n"
    "      --color WHEN       auto, always or never\n"
    "      --no-progress      no progress line\n"
    "      --log-format F     messages on standard error as text or json\n"
    "  -h, --help             this help, or a command's\n"
    "      --version          the version\n";

static void print_help(void) {
  (void)printf(
      "unhybrid: is the last Exchange Server ready to be removed?\n\n"
      "Usage: unhybrid [OPTIONS] COMMAND ...\n\nCommands:\n");
  for (size_t i = 0; i < COMMANDS; i++) (void)printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
  (void)printf(
      "\n%s\n"
      "Exit codes: 0 ready or all done, 1 blocked, 2 undetermined, 3 stopped with work\n"
      "left, 64 usage, 65 wrong input, 69 a service is unavailable, 70 internal error,\n"
      "73 cannot write, 75 another process holds the case, 77 permission denied,\n"
      "78 configuration, 130 interrupted.\n\n"
      "unhybrid COMMAND --help says more of a command.\n",
      global_help);
}

static void print_command_help(const struct uh_command *c) {
  (void)printf("Usage: unhybrid [OPTIONS] %s %s\n\n%s\n%s", c->name, c->usage, c->help, global_help);
}

/* ---- options ---- */

enum { OPT_COLOR = 500, OPT_NO_PROGRESS, OPT_LOG_FORMAT, OPT_VERSION, OPTIONS_MAX = 32 };
static const struct option global_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"case", required_argument, NULL, 'C'},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"color", required_argument, NULL, OPT_COLOR},
    {"no-progress", no_argument, NULL, OPT_NO_PROGRESS},
    {"log-format", required_argument, NULL, OPT_LOG_FORMAT},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
};
enum { GLOBAL_OPTIONS = sizeof global_options / sizeof *global_options };

static int take_color(struct uh_cli *cli, const char *when) {
  static const char *const names[] = {"auto", "always", "never"};
  for (int i = 0; i < 3; i++)
    if (strcmp(when, names[i]) == 0) {
      cli->color = (enum uh_color)i;
      return 0;
    }
  (void)uh_cli_usage(cli, "--color takes auto, always or never, not '%s'", when);
  return UH_OPT_BAD;
}

static int take_log_format(struct uh_cli *cli, const char *format) {
  cli->log_json = strcmp(format, "json") == 0;
  if (cli->log_json || strcmp(format, "text") == 0) return 0;
  (void)uh_cli_usage(cli, "--log-format takes text or json, not '%s'", format);
  return UH_OPT_BAD;
}

/* 0: taken. UH_OPT_DONE, UH_OPT_BAD. 1: not a global option. */
static int take_global(struct uh_cli *cli, int option) {
  switch (option) {
    case 'c': cli->config_path = optarg; return 0;
    case 'C': cli->case_dir = optarg; return 0;
    case 'v': cli->verbose = true; break;
    case 'q': cli->quiet = true; break;
    case OPT_COLOR: return take_color(cli, optarg);
    case OPT_NO_PROGRESS: cli->no_progress = true; return 0;
    case OPT_LOG_FORMAT: return take_log_format(cli, optarg);
    case OPT_VERSION: (void)printf("unhybrid %s\n", UNHYBRID_VERSION); return UH_OPT_DONE;
    case 'h':
      if (cli->command)
        print_command_help(cli->command);
      else
        print_help();
      return UH_OPT_DONE;
    default: return 1;
  }
  if (!cli->verbose || !cli->quiet) return 0;
  (void)uh_cli_usage(cli, "--verbose and --quiet exclude each other");
  return UH_OPT_BAD;
}

/* What getopt calls '?': an unknown letter, an unknown or ambiguous word, or a value where none belongs. */
static void bad_option(const struct uh_cli *cli, const struct option *options, size_t n, const char *word) {
  const char *names[OPTIONS_MAX];
  char name[64];
  bool takes_none = false;
  for (size_t i = 0; i < n; i++) {
    names[i] = options[i].name;
    takes_none = takes_none || (optopt == options[i].val && options[i].has_arg == no_argument && strchr(word, '='));
  }
  if (optopt && !takes_none) {
    (void)uh_cli_usage(cli, "unknown option '-%c'", optopt);
    return;
  }
  word += strspn(word, "-");
  (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
  const char *near = uh_cli_nearest(name, names, n);
  if (takes_none)
    (void)uh_cli_usage(cli, "option '--%s' takes no value", name);
  else if (near)
    (void)uh_cli_usage(cli, "unknown or ambiguous option '--%s'; did you mean --%s?", name, near);
  else
    (void)uh_cli_usage(cli, "unknown option '--%s'", name);
}

int uh_cli_option(struct uh_cli *cli, int argc, char **argv) {
  struct option options[OPTIONS_MAX] = {{0}};
  char shorts[64];
  size_t n = 0;
  for (const struct option *o = cli->command ? cli->command->options : NULL; o && o->name; o++) options[n++] = *o;
  for (size_t i = 0; i < GLOBAL_OPTIONS; i++) options[n++] = global_options[i];
  /* Before the command the first operand ends the options: it is the command. */
  (void)snprintf(shorts, sizeof shorts, "%s:c:C:vqh%s", cli->command ? "" : "+",
                 cli->command ? cli->command->shorts : "");
  opterr = 0;
  for (;;) {
    int option = getopt_long(argc, argv, shorts, options, NULL);
    if (option == -1) return -1;
    if (option == ':') {
      (void)uh_cli_usage(cli, "option '%s' needs a value", argv[optind - 1]);
      return UH_OPT_BAD;
    }
    if (option == '?') {
      bad_option(cli, options, n, argv[optind - 1]);
      return UH_OPT_BAD;
    }
    int taken = take_global(cli, option);
    if (taken) return taken == 1 ? option : taken;
  }
}

/* ---- the command ---- */

static const struct uh_command *find_command(const struct uh_cli *cli, const char *name) {
  const char *names[COMMANDS];
  for (size_t i = 0; i < COMMANDS; i++) {
    if (strcmp(commands[i]->name, name) == 0) return commands[i];
    names[i] = commands[i]->name;
  }
  const char *near = uh_cli_nearest(name, names, COMMANDS);
  if (near)
    (void)uh_cli_usage(cli, "there is no command '%s'; did you mean %s?", name, near);
  else
    (void)uh_cli_usage(cli, "there is no command '%s'", name);
  return NULL;
}

/* Messages that come before --log-format was read should already follow it. */
static void look_for_log_format(struct uh_cli *cli, int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], "--log-format=json") == 0 ||
        (strcmp(argv[i], "--log-format") == 0 && i + 1 < argc && strcmp(argv[i + 1], "json") == 0))
      cli->log_json = true;
}

static int run(struct uh_cli *cli, int argc, char **argv) {
  look_for_log_format(cli, argc, argv);
  int option = uh_cli_option(cli, argc, argv);
  if (option == UH_OPT_DONE) return 0;
  if (option == UH_OPT_BAD) return 64;
  if (optind >= argc) return uh_cli_usage(cli, "a command is missing");
  cli->command = find_command(cli, argv[optind]);
  if (!cli->command) return 64;
  argc -= optind;
  argv += optind;
  optind = 0; /* getopt starts anew */
  return cli->command->run(cli, argc, argv);
}

/* Only LC_CTYPE follows the environment; what we write is UTF-8 in any case. */
static void set_locale(void) {
  if (setlocale(LC_CTYPE, "") && strcasecmp(nl_langinfo(CODESET), "UTF-8") == 0) return;
  (void)setlocale(LC_CTYPE, "C.UTF-8");
}

int main(int argc, char **argv) {
  struct uh_cli cli = {0};
  struct uh_err err = UH_ERR_INIT;
  set_locale();
  (void)umask(077);
  (void)signal(SIGPIPE, SIG_IGN); /* a peer that hangs up is an error of its source, not our end */
  int code = run(&cli, argc, argv);
  if (uh_cli_flush(&err) < 0) code = uh_cli_fail(&cli, &err);
  uh_checks_unload();
  free(cli.organization);
  free(cli.tenant);
  return code;
}
