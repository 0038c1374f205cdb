/* SPDX-License-Identifier: Apache-2.0 */
#include "case/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case/config_internal.h"

struct buffer {
  char *data;
  size_t size;
};
static void buffer_clear(struct buffer *b) {
  free(b->data);
}
static void marks_clear(struct uh_marks *m) {
  free(m->v);
}
static void closep(int *fd) {
  if (*fd >= 0) (void)close(*fd);
}

static int read_fd(int fd, struct buffer *b, struct uh_err *err) {
  b->data = malloc(UH_CONFIG_MAX_BYTES + 1);
  if (!b->data) return uh_fail_nomem(err);
  while (b->size <= UH_CONFIG_MAX_BYTES) {
    ssize_t n = read(fd, b->data + b->size, UH_CONFIG_MAX_BYTES + 1 - b->size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return uh_fail(err, UH_ERR_CONFIG, "cannot read the configuration: %s", strerror(errno));
    if (n == 0) return 0;
    b->size += (size_t)n;
  }
  return uh_fail(err, UH_ERR_CONFIG, "the configuration is larger than 1 MiB");
}

static int read_file(const char *path, struct buffer *b, struct uh_err *err) {
  UH_CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) < 0) {
    int error = errno;
    uh_fail(err, UH_ERR_CONFIG, "cannot read the configuration: %s", strerror(error));
    if (error == ENOENT) uh_err_remedy(err, "name it with -c FILE");
    return -1;
  }
  if (!S_ISREG(st.st_mode)) return uh_fail(err, UH_ERR_CONFIG, "the configuration is not a regular file");
  return read_fd(fd, b, err);
}

/* libcyaml speaks through a log only. The first pass refuses first, so this is heard where the two disagree. */
static void UH_PRINTF(3, 0) hear(cyaml_log_t level, void *ctx, const char *fmt, va_list args) {
  struct uh_err *said = ctx;
  char line[256];
  if (level < CYAML_LOG_ERROR) return;
  uh_vprint(line, sizeof line, fmt, args);
  const char *text = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
  uh_fail(said, UH_ERR_CONFIG, "%.*s", (int)strcspn(text, "\n"), text);
}

static int load_typed(const struct buffer *b, const char *path, struct uh_config **ret, struct uh_err *err) {
  struct uh_err said = UH_ERR_INIT;
  cyaml_config_t how = {.log_fn = hear,
                        .log_ctx = &said,
                        .mem_fn = cyaml_mem,
                        .log_level = CYAML_LOG_WARNING,
                        .flags = CYAML_CFG_NO_ALIAS};
  cyaml_err_t r =
      cyaml_load_data((const uint8_t *)b->data, b->size, &how, uh_config_schema(), (cyaml_data_t **)ret, NULL);
  if (r == CYAML_OK && *ret) return 0;
  if (r == CYAML_ERR_OOM) return uh_fail_nomem(err);
  uh_fail(err, UH_ERR_CONFIG, "the configuration cannot be read: %s%s%s", cyaml_strerror(r), said.what[0] ? ": " : "",
          said.what);
  uh_err_where(err, "%s", path);
  return -1;
}

static int set_place(struct uh_config *c, const char *path, struct uh_err *err) {
  UH_CLEANUP(uh_freep) char *cwd = path[0] == '/' ? strdup("") : getcwd(NULL, 0);
  if (!cwd) return uh_fail(err, UH_ERR_CONFIG, "the current directory cannot be found: %s", strerror(errno));
  if (asprintf(&c->path, "%s%s%s", cwd, path[0] == '/' ? "" : "/", path) < 0) {
    c->path = NULL;
    return uh_fail_nomem(err);
  }
  size_t n = (size_t)(strrchr(c->path, '/') - c->path);
  c->dir = strndup(c->path, n ? n : 1);
  return c->dir ? 0 : uh_fail_nomem(err);
}

int uh_config_load(const char *path, struct uh_config **ret_config, struct uh_err *err) {
  UH_CLEANUP(buffer_clear) struct buffer text = {0};
  UH_CLEANUP(marks_clear) struct uh_marks marks = {.file = path};
  UH_CLEANUP(uh_config_freep) struct uh_config *config = NULL;
  if (read_file(path, &text, err) < 0) {
    uh_err_where(err, "%s", path);
    return -1;
  }
  if (uh_config_walk(text.data, text.size, &marks, err) < 0) return -1;
  if (load_typed(&text, path, &config, err) < 0) return -1;
  if (set_place(config, path, err) < 0 || uh_config_check(config, &marks, err) < 0) return -1;
  *ret_config = UH_TAKE(config);
  return 0;
}

struct uh_config *uh_config_free(struct uh_config *config) {
  if (!config) return NULL;
  const cyaml_config_t how = {.mem_fn = cyaml_mem};
  free(config->path);
  free(config->dir);
  (void)cyaml_free(&how, uh_config_schema(), config, 0);
  return NULL;
}

void uh_config_freep(struct uh_config **config) {
  (void)uh_config_free(*config);
}

/* ---- writeback: values that hold unless the configuration says otherwise ---- */

#define WRITEBACK_LIMIT 600000 /* of a tenant, as published in August 2026 */

const struct uh_strings *uh_writeback_templates(const struct uh_config *config) {
  static char template[] = "Entra2ADExchangeOnlineAttributeWriteback", *list[] = {template};
  static const struct uh_strings usual = {.v = list, .n = 1};
  return config->writeback && config->writeback->templates.n ? &config->writeback->templates : &usual;
}

const struct uh_strings *uh_writeback_application_templates(const struct uh_config *config) {
  static char writeback[] = "3b99513e-0cee-4291-aea8-84356239fb82";
  static char cloud_sync[] = "1a4721b3-e57f-4451-ae87-ef078703ec94", *list[] = {writeback, cloud_sync};
  static const struct uh_strings usual = {.v = list, .n = 2};
  const struct uh_writeback_config *w = config->writeback;
  return w && w->application_templates.n ? &w->application_templates : &usual;
}

unsigned uh_writeback_limit(const struct uh_config *config) {
  return config->writeback && config->writeback->limit ? config->writeback->limit : WRITEBACK_LIMIT;
}

/* ---- durations ---- */

enum { OBSERVE = 7 * 24 * 3600, REPLICATION_DIRECTORY = 15 * 60, REPLICATION_CLOUD = 3600, FRESH_FOR = 3600 };

bool uh_duration_parse(const char *text, int64_t *ret_seconds) {
  static const struct {
    char unit;
    int64_t seconds;
  } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
  size_t digits = strspn(text, "0123456789");
  if (digits < 1 || digits > 6) return false;
  int64_t n = strtoll(text, NULL, 10);
  if (!text[digits]) { /* nothing is nothing in every unit */
    *ret_seconds = 0;
    return n == 0;
  }
  if (text[digits + 1]) return false;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (text[digits] == units[i].unit) {
      *ret_seconds = n * units[i].seconds;
      return true;
    }
  return false;
}

/* What stands in the configuration was examined when it was loaded. */
static int64_t duration(const char *text, int64_t otherwise) {
  int64_t seconds;
  return text && uh_duration_parse(text, &seconds) ? seconds : otherwise;
}

int64_t uh_pause_observe(const struct uh_config *config) {
  return duration(config->pauses ? config->pauses->observe : NULL, OBSERVE);
}
int64_t uh_replication_directory(const struct uh_config *config) {
  return duration(config->replication ? config->replication->directory : NULL, REPLICATION_DIRECTORY);
}
int64_t uh_replication_cloud(const struct uh_config *config) {
  return duration(config->replication ? config->replication->cloud : NULL, REPLICATION_CLOUD);
}
int64_t uh_fresh_for(const struct uh_config *config) {
  return duration(config->fresh_for, FRESH_FOR);
}
