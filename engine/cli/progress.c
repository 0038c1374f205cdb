/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <pthread.h>
#include <unistd.h>
#include <unhybrid/text.h>

enum { SOURCES_MAX = 16, REDRAW_MS = 100 };

struct uh_progress {
  pthread_mutex_t lock;
  int64_t drawn_at; /* milliseconds, monotonic */
  size_t n;
  struct {
    const char *source; /* the sources' ids are constants */
    int64_t objects;
    bool done;
  } v[SOURCES_MAX];
};

struct uh_progress *uh_progress_new(const struct uh_cli *cli) {
  const char *term = getenv("TERM");
  if (cli->no_progress || cli->quiet || cli->log_json || !isatty(STDERR_FILENO) || !term || strcmp(term, "dumb") == 0)
    return NULL;
  struct uh_progress *p = calloc(1, sizeof *p);
  if (p) (void)pthread_mutex_init(&p->lock, NULL);
  return p;
}

/* As many sources as fit: a line that wraps could not be wiped. */
static void draw(const struct uh_progress *p) {
  struct uh_str line = {0};
  size_t width = uh_cli_width(STDERR_FILENO);
  uh_str_add(&line, "\r\033[K");
  size_t used = line.len;
  for (size_t i = 0; i < p->n; i++) {
    char part[96];
    int n = snprintf(part, sizeof part, "%s%s %lld%s", i ? "  " : "", p->v[i].source, (long long)p->v[i].objects,
                     p->v[i].done ? " done" : "");
    if (n < 0 || (size_t)n >= sizeof part || line.len - used + (size_t)n >= width) break;
    uh_str_addn(&line, part, (size_t)n);
  }
  if (uh_str_text(&line)) (void)fwrite(line.s, 1, line.len, stderr);
  uh_str_clear(&line);
}

void uh_progress_tell(void *progress, const char *source, int64_t objects, const char *state) {
  struct uh_progress *p = progress;
  struct timespec now;
  size_t i = 0;
  if (!p) return;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
  (void)pthread_mutex_lock(&p->lock);
  while (i < p->n && strcmp(p->v[i].source, source) != 0) i++;
  if (i == p->n && i < SOURCES_MAX) p->v[p->n++].source = source;
  if (i < p->n) {
    p->v[i].objects = objects;
    p->v[i].done = strcmp(state, "done") == 0;
  }
  if (ms - p->drawn_at >= REDRAW_MS || strcmp(state, "done") == 0) {
    p->drawn_at = ms;
    draw(p);
  }
  (void)pthread_mutex_unlock(&p->lock);
}

void uh_progress_say(struct uh_progress *p, const struct uh_cli *cli, const char *text) {
  if (p) {
    (void)pthread_mutex_lock(&p->lock);
    (void)fputs("\r\033[K", stderr);
  }
  uh_cli_log(cli, UH_LOG_WARNING, "%s", text);
  if (p) (void)pthread_mutex_unlock(&p->lock);
}

void uh_progress_freep(struct uh_progress **progress) {
  if (!*progress) return;
  (void)fputs("\r\033[K", stderr);
  (void)pthread_mutex_destroy(&(*progress)->lock);
  free(*progress);
  *progress = NULL;
}
