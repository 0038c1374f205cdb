/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <unhybrid/text.h>

enum { MESSAGE_MAX = 2048, WORD_MAX = 255, NEAR_MAX = 8 };

static void str_clearp(struct uh_str *str) {
  uh_str_clear(str);
}

/* ---- messages ---- */

static const char *const level_names[] = {"error", "warning", "info"};

static void add_json(struct uh_str *out, const char *name, const char *value) {
  uh_str_addf(out, ", \"%s\": ", name);
  if (value && *value)
    uh_json_string(out, value, strlen(value));
  else
    uh_str_add(out, "null");
}

static void add_text(struct uh_str *out, const char *before, const char *text) {
  uh_str_add(out, before);
  uh_terminal_text(out, text, strlen(text));
}

/* One record, one write: messages of several threads do not mix. exit_code < 0: none. */
static void say(const struct uh_cli *cli, enum uh_log_level level, const struct uh_err *err, int exit_code) {
  UH_CLEANUP(str_clearp) struct uh_str out = {0};
  char now[UH_TIME_TEXT];
  if (cli->log_json) {
    uh_str_addf(&out, "{\"time\": \"%s\", \"level\": \"%s\"", uh_time_text(uh_cli_now(), now), level_names[level]);
    add_json(&out, "organization", cli->organization);
    add_json(&out, "tenant", cli->tenant);
    add_json(&out, "command", cli->command ? cli->command->name : NULL);
    add_json(&out, "message", err->what);
    add_json(&out, "where", err->where);
    add_json(&out, "remedy", err->remedy);
    add_json(&out, "request_id", err->request_id);
    if (exit_code >= 0) uh_str_addf(&out, ", \"exit_code\": %d", exit_code);
    uh_str_add(&out, "}\n");
  } else {
    uh_str_add(&out, "unhybrid: ");
    if (level == UH_LOG_WARNING) uh_str_add(&out, "warning: ");
    if (cli->organization && level == UH_LOG_ERROR) add_text(&out, "", cli->organization), uh_str_add(&out, ": ");
    if (err->where[0]) add_text(&out, "", err->where), uh_str_add(&out, ": ");
    add_text(&out, "", err->what);
    if (err->request_id[0]) add_text(&out, " (request ", err->request_id), uh_str_addc(&out, ')');
    if (err->remedy[0]) add_text(&out, "\n  ", err->remedy);
    uh_str_addc(&out, '\n');
  }
  if (out.failed) {
    (void)fputs("unhybrid: out of memory\n", stderr);
    return;
  }
  (void)fwrite(out.s, 1, out.len, stderr);
}

void uh_cli_log(const struct uh_cli *cli, enum uh_log_level level, const char *fmt, ...) {
  struct uh_err err = UH_ERR_INIT;
  va_list ap;
  if (level == UH_LOG_INFO && !cli->verbose) return;
  va_start(ap, fmt);
  uh_vprint(err.what, sizeof err.what, fmt, ap);
  va_end(ap);
  say(cli, level, &err, -1);
}

int uh_cli_fail(const struct uh_cli *cli, const struct uh_err *err) {
  int code = uh_err_exit_code(err->cls);
  if (code == 0) code = 70; /* something failed and did not say how */
  say(cli, UH_LOG_ERROR, err, code);
  return code;
}

int uh_cli_usage(const struct uh_cli *cli, const char *fmt, ...) {
  struct uh_err err = UH_ERR_INIT;
  char text[MESSAGE_MAX];
  va_list ap;
  va_start(ap, fmt);
  uh_vprint(text, sizeof text, fmt, ap);
  va_end(ap);
  const char *name = cli->command ? cli->command->name : "";
  (void)uh_fail(&err, UH_ERR_USAGE, "%s%s%s", name, *name ? ": " : "", text);
  uh_err_remedy(&err, "`unhybrid %s%s--help` says how", name, *name ? " " : "");
  return uh_cli_fail(cli, &err);
}

void uh_cli_about(struct uh_cli *cli, const char *organization, const char *tenant) {
  char *copy;
  if (organization && *organization && (copy = strdup(organization)) != NULL) {
    free(cli->organization);
    cli->organization = copy;
  }
  if (tenant && *tenant && (copy = strdup(tenant)) != NULL) {
    free(cli->tenant);
    cli->tenant = copy;
  }
}

/* ---- words ---- */

bool uh_cli_number(const struct uh_cli *cli, const char *option, const char *text, int64_t *ret_n) {
  size_t digits = strspn(text, "0123456789");
  int64_t n = digits && digits <= 15 && !text[digits] ? (int64_t)strtoll(text, NULL, 10) : 0;
  if (n < 1) {
    (void)uh_cli_usage(cli, "%s takes a number from 1, not '%s'", option, text);
    return false;
  }
  *ret_n = n;
  return true;
}

const char **uh_cli_split(const struct uh_cli *cli, const char *option, const char *text) {
  size_t n = 1, length = strlen(text);
  for (const char *p = text; *p; p++) n += *p == ',';
  const char **list = malloc((n + 1) * sizeof *list + length + 1);
  if (!list) return NULL;
  char *copy = memcpy((char *)(list + n + 1), text, length + 1);
  for (size_t i = 0; i < n; i++) {
    list[i] = copy;
    copy += strcspn(copy, ",");
    *copy++ = '\0';
    if (!*list[i]) {
      (void)uh_cli_usage(cli, "%s '%s' has an empty entry", option, text);
      free(list);
      return NULL;
    }
  }
  list[n] = NULL;
  return list;
}

static size_t distance(const char *a, const char *b) {
  size_t row[WORD_MAX + 1], n = strlen(a), m = strlen(b);
  if (n > WORD_MAX || m > WORD_MAX) return SIZE_MAX;
  for (size_t j = 0; j <= m; j++) row[j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t above = row[j], least = diagonal + (a[i - 1] != b[j - 1]);
      if (above + 1 < least) least = above + 1;
      if (row[j - 1] + 1 < least) least = row[j - 1] + 1;
      row[j] = least;
      diagonal = above;
    }
  }
  return row[m];
}

const char *uh_cli_nearest(const char *word, const char *const *names, size_t n) {
  const char *best = NULL;
  size_t least = strlen(word) / 2 + 1; /* farther is a guess, not a hint */
  if (least > NEAR_MAX) least = NEAR_MAX;
  for (size_t i = 0; i < n; i++) {
    size_t d = distance(word, names[i]);
    if (d > least || (best && d == least)) continue;
    least = d;
    best = names[i];
  }
  return best;
}

/* ---- the terminal ---- */

int64_t uh_cli_now(void) {
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec;
}

bool uh_cli_use_color(const struct uh_cli *cli, int fd) {
  if (cli->color != UH_COLOR_AUTO) return cli->color == UH_COLOR_ALWAYS;
  const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
  return isatty(fd) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

unsigned uh_cli_width(int fd) {
  struct winsize size;
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

static bool stdout_settled; /* the reader went away, or the error was told: stdio keeps failing, we say it once */

static int settle_stdout(int error, struct uh_err *err) {
  if (stdout_settled || error == EPIPE) {
    stdout_settled = true;
    return 0;
  }
  stdout_settled = true;
  return uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot write to standard output: %s",
                 error ? strerror(error) : "it failed");
}

static int write_stdout(void *user, const void *data, size_t n, struct uh_err *err) {
  (void)user;
  errno = 0;
  return fwrite(data, 1, n, stdout) == n ? 0 : settle_stdout(errno, err);
}
const struct uh_report_sink uh_cli_stdout = {.write = write_stdout};

int uh_cli_flush(struct uh_err *err) {
  errno = 0;
  bool failed = fflush(stdout) != 0;
  return failed || ferror(stdout) ? settle_stdout(errno, err) : 0;
}

/* ---- configuration and case ---- */

#define DEFAULT_CONFIG "unhybrid.yaml"

/* The rule packs that the configuration names; the registry holds each once. */
static int load_rules(const struct uh_config *config, struct uh_err *err) {
  static bool loaded;
  for (unsigned i = 0; !loaded && i < config->rules.n; i++)
    if (uh_checks_load(config->rules.v[i], err) < 0) return -1;
  loaded = true;
  return 0;
}

int uh_cli_config(struct uh_cli *cli, struct uh_config **ret_config, struct uh_err *err) {
  const char *path = cli->config_path;
  if (!path) {
    path = DEFAULT_CONFIG;
    if (access(path, F_OK) < 0) {
      (void)uh_fail(err, UH_ERR_USAGE, "no configuration: there is no unhybrid.yaml in this directory");
      uh_err_remedy(err, "name one with -c FILE");
      return -1;
    }
  }
  UH_CLEANUP(uh_config_freep) struct uh_config *config = NULL;
  if (uh_config_load(path, &config, err) < 0) return -1;
  uh_cli_about(cli, config->organization, config->tenant);
  if (load_rules(config, err) < 0) return -1;
  *ret_config = UH_TAKE(config);
  return 0;
}

bool uh_cli_has_config(const struct uh_cli *cli) {
  return cli->config_path || access(DEFAULT_CONFIG, F_OK) == 0;
}

/* "<organization>.case" beside the configuration; what a file name cannot hold, or hides it, becomes '_'. */
static int default_case_dir(const struct uh_config *config, struct uh_str *dir, struct uh_err *err) {
  uh_str_addf(dir, "%s/", config->dir);
  size_t at = dir->len;
  uh_str_addf(dir, "%s.case", config->organization);
  if (dir->failed) return uh_fail_nomem(err);
  for (char *p = dir->s + at; *p; p++)
    if (*p == '/' || (unsigned char)*p < ' ' || *p == 0x7F || (*p == '.' && p == dir->s + at)) *p = '_';
  return 0;
}

int uh_cli_case(struct uh_cli *cli, const struct uh_config *config, bool create, struct uh_case **ret_case,
                struct uh_err *err) {
  UH_CLEANUP(uh_config_freep) struct uh_config *loaded = NULL;
  UH_CLEANUP(str_clearp) struct uh_str dir = {0};
  struct uh_case *c;
  if (!config && (!cli->case_dir || cli->config_path)) {
    if (uh_cli_config(cli, &loaded, err) < 0) return -1;
    config = loaded;
  }
  if (cli->case_dir)
    uh_str_add(&dir, cli->case_dir);
  else if (default_case_dir(config, &dir, err) < 0)
    return -1;
  if (dir.failed) return uh_fail_nomem(err);
  if (uh_case_open(uh_str_text(&dir), config ? config->organization : NULL, create, &c, err) < 0) return -1;
  uh_cli_about(cli, c->organization, NULL);
  *ret_case = c;
  return 0;
}

int uh_cli_statements(const struct uh_config *config, struct uh_judge_options *how, struct uh_err *err) {
  const char *const paths[] = {config ? config->waivers : NULL, config ? config->attestations : NULL};
  for (int kind = 0; kind < 2; kind++) {
    struct uh_statements *s = NULL;
    if (!paths[kind]) continue;
    if (uh_statements_load((enum uh_statement_kind)kind, paths[kind], &s, err) < 0) return -1;
    how->statements[kind] = s;
  }
  return 0;
}

void uh_cli_statements_free(struct uh_judge_options *how) {
  for (int kind = 0; kind < 2; kind++) {
    (void)uh_statements_free((struct uh_statements *)(uintptr_t)how->statements[kind]);
    how->statements[kind] = NULL;
  }
}

int uh_cli_newest(const struct uh_case *c, char **ret_path, struct uh_err *err) {
  char **paths;
  size_t n;
  if (uh_case_list_facts(c, &paths, &n, err) < 0) return -1;
  char *newest = n ? UH_TAKE(paths[n - 1]) : NULL;
  for (size_t i = 0; i < n; i++) free(paths[i]);
  free(paths);
  if (newest) {
    *ret_path = newest;
    return 0;
  }
  (void)uh_fail(err, UH_ERR_DATA, "the case holds no observation yet");
  uh_err_where(err, "%s", c->dir);
  uh_err_remedy(err, "run `unhybrid audit` first");
  return -1;
}
