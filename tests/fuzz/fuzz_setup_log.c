/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log of Exchange Setup from any bytes, as a file. What is found is bounded, is whole, and can be shown. Built with
 * libFuzzer where clang is used (-Dfuzz=true), else with tests/fuzz/drive.c.
 */
#undef NDEBUG /* what is asserted is what is tested, whatever it is built as */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "report/setup_log_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int take(void *user, const void *data, size_t n, struct uh_err *err) {
  const char *text = data;
  (void)user, (void)err;
  for (size_t i = 0; i < n; i++) assert((unsigned char)text[i] >= 0x20 || text[i] == '\n');
  return 0;
}

static void look_at(const struct uh_setup_log *log) {
  const struct uh_setup_run *run = &log->run;
  const struct uh_report_options options = {.verbose = true};
  const struct uh_report_sink sink = {.write = take};
  struct uh_err err = UH_ERR_INIT;
  assert(log->runs > 0 && run->n <= UH_SETUP_FINDINGS_MAX && run->product && run->ended);
  for (size_t i = 0; i < run->n; i++) {
    const struct uh_setup_finding *f = &run->v[i];
    assert(f->rule && f->cmdlet && f->object && f->component && f->help && f->time);
    assert(strlen(f->text) <= UH_SETUP_TEXT_MAX && f->n_objects <= UH_SETUP_OBJECTS_MAX && f->line <= log->lines);
  }
  int rc = uh_setup_log_terminal(log, &options, &sink, &err);
  assert(rc == 0 && uh_setup_log_json(log, &sink, &err) == 0);
  (void)rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct uh_setup_log *log = NULL;
  struct uh_err err = UH_ERR_INIT;
  char path[40];
  int fd = memfd_create("setup-log", MFD_CLOEXEC);
  if (fd < 0 || write(fd, data, n) != (ssize_t)n) abort();
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (uh_setup_log_read(path, 0, &log, &err) == 0)
    look_at(log);
  else
    assert(err.cls == UH_ERR_DATA);
  (void)uh_setup_log_free(log);
  log = NULL;
  assert(uh_setup_log_read(path, 1, &log, &err) == 0 || !log);
  (void)uh_setup_log_free(log);
  (void)close(fd);
  return 0;
}
