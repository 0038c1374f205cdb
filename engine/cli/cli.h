/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CLI_H
#define UH_CLI_H
/*
 * The command line: global options, the commands, and what is said on standard error. One file per command. Only this
 * room prints.
 */
#include <getopt.h>

#include <unhybrid/base.h>

#include "case/case.h"
#include "case/config.h"
#include "report/report.h"

enum uh_color { UH_COLOR_AUTO, UH_COLOR_ALWAYS, UH_COLOR_NEVER };
enum uh_log_level { UH_LOG_ERROR, UH_LOG_WARNING, UH_LOG_INFO };

struct uh_cli {
  const struct uh_command *command; /* NULL until one is known */
  const char *config_path;          /* -c */
  const char *case_dir;             /* -C */
  enum uh_color color;
  bool verbose, quiet, no_progress, log_json;
  char *organization, *tenant; /* known once configuration, case or facts were read; in every log record */
};

struct uh_command {
  const char *name;
  const char *summary;          /* one line of the overall help */
  const char *usage;            /* what follows the name: "[--format F[,F]] ..." */
  const char *help;             /* its options and what they mean */
  const struct option *options; /* the command's own long options, ends with zeros; values from 1000 */
  const char *shorts;           /* its own short options, getopt's form */
  int (*run)(struct uh_cli *cli, int argc, char **argv); /* gives the exit code */
};
extern const struct uh_command uh_cmd_audit, uh_cmd_report, uh_cmd_checks, uh_cmd_status, uh_cmd_diff, uh_cmd_waive,
    uh_cmd_attest, uh_cmd_journal, uh_cmd_setup_log, uh_cmd_steps, uh_cmd_cleanup, uh_cmd_resume, uh_cmd_undo,
    uh_cmd_sweep;

/* ---- options ---- */

/* The next of the command's own options, as getopt_long gives it; global options are taken in on the way. -1: the end
 * (operands start at optind). UH_OPT_DONE: help was printed. UH_OPT_BAD: a usage error was reported. */
enum { UH_OPT_DONE = -2, UH_OPT_BAD = -3 };
int uh_cli_option(struct uh_cli *cli, int argc, char **argv);
/* Reports a usage error and gives 64. */
int uh_cli_usage(const struct uh_cli *cli, const char *fmt, ...) UH_PRINTF(2, 3);
/* A number from 1; false after a reported usage error. */
bool uh_cli_number(const struct uh_cli *cli, const char *option, const char *text, int64_t *ret_n);
/* Splits "a,b" at commas: a NULL-terminated list in one block (free it). NULL after a reported usage error or without
 * memory. */
const char **uh_cli_split(const struct uh_cli *cli, const char *option, const char *text);
/* The nearest of n names, for "did you mean"; NULL where none is near. */
const char *UH_NULLABLE uh_cli_nearest(const char *word, const char *const *names, size_t n);

/* ---- messages, all on standard error ---- */

void uh_cli_log(const struct uh_cli *cli, enum uh_log_level level, const char *fmt, ...) UH_PRINTF(3, 4);
/* Reports an error and gives its exit code. */
int uh_cli_fail(const struct uh_cli *cli, const struct uh_err *err);
/* Names organization and tenant in further messages; NULL leaves what was known. */
void uh_cli_about(struct uh_cli *cli, const char *UH_NULLABLE organization, const char *UH_NULLABLE tenant);

/* ---- what commands share ---- */

int64_t uh_cli_now(void);
bool uh_cli_use_color(const struct uh_cli *cli, int fd);
unsigned uh_cli_width(int fd); /* of the terminal; 80 where there is none */
/* -c, else unhybrid.yaml in the current directory. The rule packs that it names are loaded too. */
bool uh_cli_has_config(const struct uh_cli *cli);
int uh_cli_config(struct uh_cli *cli, struct uh_config **ret_config, struct uh_err *err);
/* The case directory: -C, else beside the configuration. config NULL: it is loaded where -C does not say. */
int uh_cli_case(struct uh_cli *cli, const struct uh_config *UH_NULLABLE config, bool create, struct uh_case **ret_case,
                struct uh_err *err);
/* The newest observation of the case; UH_ERR_DATA where there is none. Free the path. */
int uh_cli_newest(const struct uh_case *c, char **ret_path, struct uh_err *err);
/* The waivers and attestations that the configuration names, for judging; free with uh_cli_statements_free. */
int uh_cli_statements(const struct uh_config *UH_NULLABLE config, struct uh_judge_options *how, struct uh_err *err);
void uh_cli_statements_free(struct uh_judge_options *how);
/* Standard output, flushed; UH_ERR_CANNOT_WRITE. A reader that went away is no error. */
int uh_cli_flush(struct uh_err *err);
extern const struct uh_report_sink uh_cli_stdout;
/* Writes the text to standard output and clears it; the exit code. */
int uh_cli_print(struct uh_cli *cli, struct uh_str *out);
/* A heading and our own text, wrapped at words. Nothing where there is no text. */
void uh_cli_paragraph(struct uh_str *out, const char *title, const char *UH_NULLABLE text, size_t width);
/* `, "name": "value"`, and `, "name": ["a", "b"]` of "a,b". */
void uh_cli_json_member(struct uh_str *out, const char *name, const char *UH_NULLABLE value);
void uh_cli_json_or_null(struct uh_str *out, const char *name, const char *UH_NULLABLE value); /* "" is null too */
void uh_cli_json_words(struct uh_str *out, const char *name, const char *UH_NULLABLE list);

/* ---- where reports go (output.c) ---- */

enum { UH_OUTPUTS_MAX = 4 };
struct uh_outputs {
  size_t n;
  struct {
    const struct uh_report_format *format;
    struct uh_file *file; /* NULL: standard output */
    char *path;
  } v[UH_OUTPUTS_MAX];
  bool terminal_shown; /* the terminal format goes to standard output */
};
/* Looks at --format and -o and creates the files at once, so that a place that cannot be written is known before a long
 * observation. 0, or the exit code after a reported error. */
int uh_outputs_open(struct uh_cli *cli, const char *UH_NULLABLE formats, const char *UH_NULLABLE place,
                    struct uh_outputs *ret_outputs);
int uh_outputs_write(struct uh_cli *cli, struct uh_outputs *outputs, struct uh_results *results, int64_t limit,
                     struct uh_err *err);
void uh_outputs_close(struct uh_outputs *outputs);
/* Writes one report to a file that appears when complete. */
int uh_report_to_file(struct uh_results *results, const struct uh_report_format *format,
                      const struct uh_report_options *options, const char *path, struct uh_err *err);
#endif
