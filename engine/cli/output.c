/* SPDX-License-Identifier: Apache-2.0 */
/* Where reports go: standard output, a file, or one file per format in a directory. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unhybrid/text.h>

#include "cli/cli.h"

static int file_sink(void *user, const void *data, size_t n, struct uh_err *err) {
  return uh_file_write(user, data, n, err);
}

static int add_format(struct uh_cli *cli, const char *name, struct uh_outputs *out) {
  const char *names[UH_OUTPUTS_MAX];
  size_t n = 0;
  const struct uh_report_format *format = uh_report_format_find(name);
  if (!format) {
    struct uh_str known = {0};
    for (; uh_report_formats[n]; n++) {
      names[n] = uh_report_formats[n]->name;
      uh_str_addf(&known, "%s%s", n ? ", " : "", names[n]);
    }
    const char *near = uh_cli_nearest(name, names, n);
    int code = near ? uh_cli_usage(cli, "there is no format '%s'; did you mean %s?", name, near)
                    : uh_cli_usage(cli, "there is no format '%s'; there are %s", name, uh_str_text(&known));
    uh_str_clear(&known);
    return code;
  }
  for (size_t i = 0; i < out->n; i++)
    if (out->v[i].format == format) return uh_cli_usage(cli, "format '%s' is given twice", name);
  if (out->n == UH_OUTPUTS_MAX) return uh_cli_usage(cli, "too many formats");
  out->v[out->n++].format = format;
  return 0;
}

static int add_formats(struct uh_cli *cli, const char *formats, struct uh_outputs *out) {
  const char **list = uh_cli_split(cli, "--format", formats);
  int code = list ? 0 : 64;
  for (size_t i = 0; list && list[i] && code == 0; i++) code = add_format(cli, list[i], out);
  free(list);
  return code;
}

static int create_file(struct uh_outputs *out, size_t i, const char *place, bool directory, struct uh_err *err) {
  struct uh_str path = {0};
  uh_str_add(&path, place);
  if (directory)
    uh_str_addf(&path, "%sreport.%s", place[strlen(place) - 1] == '/' ? "" : "/", out->v[i].format->extension);
  out->v[i].path = uh_str_take(&path);
  if (!out->v[i].path) return uh_fail_nomem(err);
  return uh_file_create(out->v[i].path, &out->v[i].file, err);
}

static int create_files(struct uh_cli *cli, const char *place, struct uh_outputs *out) {
  struct uh_err err = UH_ERR_INIT;
  struct stat st;
  if (!*place) return uh_cli_usage(cli, "-o needs the name of a file or directory");
  bool exists = stat(place, &st) == 0, directory = exists && S_ISDIR(st.st_mode);
  if (exists && !directory && out->n > 1)
    return uh_cli_usage(cli, "with more than one format -o has to name a directory, '%s' is a file", place);
  if (!exists && (out->n > 1 || place[strlen(place) - 1] == '/')) {
    directory = true;
    if (mkdir(place, 0700) < 0) {
      (void)uh_fail(&err, UH_ERR_CANNOT_WRITE, "cannot make the directory: %s", strerror(errno));
      uh_err_where(&err, "%s", place);
      return uh_cli_fail(cli, &err);
    }
  }
  for (size_t i = 0; i < out->n; i++)
    if (create_file(out, i, place, directory, &err) < 0) return uh_cli_fail(cli, &err);
  return 0;
}

int uh_outputs_open(struct uh_cli *cli, const char *formats, const char *place, struct uh_outputs *ret_outputs) {
  UH_CLEANUP(uh_outputs_close) struct uh_outputs out = {0};
  int code = add_formats(cli, formats ? formats : "terminal", &out);
  if (code == 0 && !place && out.n > 1)
    code = uh_cli_usage(cli, "more than one format needs -o DIR: standard output holds one report");
  if (code == 0 && place) code = create_files(cli, place, &out);
  if (code) return code;
  out.terminal_shown = !place && out.v[0].format == &uh_report_terminal;
  *ret_outputs = out;
  out = (struct uh_outputs){0};
  return 0;
}

void uh_outputs_close(struct uh_outputs *outputs) {
  for (size_t i = 0; i < outputs->n; i++) {
    (void)uh_file_abandon(outputs->v[i].file);
    free(outputs->v[i].path);
  }
  *outputs = (struct uh_outputs){0};
}

int uh_report_to_file(struct uh_results *results, const struct uh_report_format *format,
                      const struct uh_report_options *options, const char *path, struct uh_err *err) {
  UH_CLEANUP(uh_file_abandonp) struct uh_file *file = NULL;
  if (uh_file_create(path, &file, err) < 0) return -1;
  struct uh_report_sink sink = {.write = file_sink, .user = file};
  if (format->render(results, options, &sink, err) < 0) return -1;
  return uh_file_commit(UH_TAKE(file), err);
}

static int write_one(struct uh_cli *cli, struct uh_outputs *out, size_t i, struct uh_results *results, int64_t limit,
                     struct uh_err *err) {
  struct uh_report_options options = {.limit = limit, .verbose = cli->verbose};
  struct uh_report_sink sink = {.write = file_sink, .user = out->v[i].file};
  if (!out->v[i].file) {
    options.quiet = cli->quiet;
    options.color = uh_cli_use_color(cli, STDOUT_FILENO);
    options.width = uh_cli_width(STDOUT_FILENO);
    if (out->v[i].format->render(results, &options, &uh_cli_stdout, err) < 0) return -1;
    return uh_cli_flush(err);
  }
  options.color = cli->color == UH_COLOR_ALWAYS;
  if (out->v[i].format->render(results, &options, &sink, err) < 0) return -1;
  return uh_file_commit(UH_TAKE(out->v[i].file), err);
}

int uh_outputs_write(struct uh_cli *cli, struct uh_outputs *outputs, struct uh_results *results, int64_t limit,
                     struct uh_err *err) {
  bool shown = false;
  for (size_t i = 0; i < outputs->n; i++) {
    shown = shown || !outputs->v[i].file;
    if (write_one(cli, outputs, i, results, limit, err) < 0) return -1;
    if (outputs->v[i].path) uh_cli_log(cli, UH_LOG_INFO, "wrote %s", outputs->v[i].path);
  }
  if (shown || cli->quiet) return 0;
  /* All went to files: the verdict is still said. */
  struct uh_report_options options = {
      .quiet = true, .color = uh_cli_use_color(cli, STDOUT_FILENO), .width = uh_cli_width(STDOUT_FILENO)};
  if (uh_report_terminal.render(results, &options, &uh_cli_stdout, err) < 0) return -1;
  return uh_cli_flush(err);
}
