/* SPDX-License-Identifier: Apache-2.0 */
/* The real world: its clock, its executors, and the files of a run. Looking is in look.c, the gate in gate.c. */
#include <dirent.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <unhybrid/text.h>

#include "plan/failpoint.h"
#include "plan/world_private.h"

#define SCRATCH ".run-"  /* beginning of the names of a run's own files */
enum { SLICE_MS = 100 }; /* a wait is broken off no later than this after Ctrl-C */

static struct uh_world_state *state_of(void *user) {
  return user;
}

int64_t uh_world_now(void *user) {
  (void)user;
  return (int64_t)time(NULL);
}

bool uh_world_cancelled(void *user) {
  const struct uh_world_state *w = user;
  return w->options.cancelled && w->options.cancelled(w->options.user);
}

static void wait_for(void *user, int64_t milliseconds) {
  while (milliseconds > 0 && !uh_world_cancelled(user)) {
    int64_t slice = milliseconds < SLICE_MS ? milliseconds : SLICE_MS;
    const struct timespec ts = {.tv_nsec = (long)slice * 1000000};
    (void)nanosleep(&ts, NULL);
    milliseconds -= slice;
  }
}

/* ---- files of a run ---- */

void uh_world_remove(const char *path) {
  static const char *const endings[] = {"", "-journal", "-wal", "-shm"};
  for (size_t i = 0; path && i < sizeof endings / sizeof *endings; i++) {
    struct uh_str name UH_CLEANUP(uh_str_clear) = {0};
    uh_str_addf(&name, "%s%s", path, endings[i]);
    if (uh_str_text(&name)) (void)unlink(name.s);
  }
}

void uh_world_removep(char **path) {
  uh_world_remove(*path);
  free(*path);
  *path = NULL;
}

int uh_world_scratch(struct uh_world_state *w, char **ret_path, struct uh_err *err) {
  struct uh_str name UH_CLEANUP(uh_str_clear) = {0};
  uh_str_addf(&name, "%s/" SCRATCH "%u.db", w->options.held->dir, ++w->scratch);
  *ret_path = uh_str_take(&name);
  return *ret_path ? 0 : uh_fail_nomem(err);
}

/* What a run that was killed left lying: the case is locked, so nobody else reads it. */
static void remove_old_scratch(const char *dir) {
  DIR *d = opendir(dir);
  const struct dirent *e;
  while (d && (e = readdir(d)) != NULL)
    if (strncmp(e->d_name, SCRATCH, sizeof SCRATCH - 1) == 0) (void)unlinkat(dirfd(d), e->d_name, 0);
  if (d) (void)closedir(d);
}

int uh_world_observe(struct uh_world_state *w, struct uh_observation_options *how, const char *path,
                     struct uh_observation_summary *ret_summary, struct uh_err *err) {
  how->cancelled = uh_world_cancelled;
  how->cancel_user = w;
  how->sign_in = w->options.sign_in;
  how->sign_in_user = w->options.user;
  how->domain_controller = w->controller[0] ? w->controller : NULL;
  return uh_observe_all(w->options.config, path, how, ret_summary, err);
}

/* ---- changing ---- */

static void warn(void *user, const char *text) {
  const struct uh_world_state *w = user;
  if (w->options.warning) w->options.warning(w->options.user, text);
}

static int open_exchange(struct uh_world_state *w, struct uh_err *err) {
  if (w->exchange) return 0;
  w->exchange_options = (struct uh_exchange_server_options){
      .exchange = w->options.config->operator_ ? w->options.config->operator_->exchange : NULL,
      .domain_controller = w->controller[0] ? w->controller : NULL,
      .cancelled = uh_world_cancelled,
      .cancel_user = w,
      .warning = warn,
      .user = w};
  return uh_exchange_server_open(&w->exchange_options, &w->exchange, err);
}

static int open_cloud(struct uh_world_state *w, struct uh_err *err) {
  if (w->cloud) return 0;
  const struct uh_operator_cloud_options options = {.config = w->options.config,
                                                    .cancelled = uh_world_cancelled,
                                                    .cancel_user = w,
                                                    .sign_in = w->options.sign_in,
                                                    .sign_in_user = w->options.user};
  return uh_operator_cloud_open(&options, &w->cloud, err);
}

static int open_online(struct uh_world_state *w, struct uh_err *err) {
  if (w->online) return 0;
  if (open_cloud(w, err) < 0) return -1;
  const struct uh_exchange_online_options options = {.cloud = w->cloud, .warning = warn, .user = w};
  return uh_exchange_online_open(&options, &w->online, err);
}

static int open_graph(struct uh_world_state *w, struct uh_err *err) {
  if (w->graph) return 0;
  return open_cloud(w, err) < 0 ? -1 : uh_graph_executor_open(w->cloud, &w->graph, err);
}

static int no_executor(enum uh_executor executor, struct uh_err *err) {
  return uh_fail(err, UH_ERR_INTERNAL, "%s runs no cmdlet", executor == UH_BY_OPERATOR ? "a person" : "this executor");
}

static int record(struct uh_world_state *w, enum uh_executor executor, const struct uh_change *c,
                  struct uh_change_result *ret_result, struct uh_err *err) {
  struct uh_recorder *r = &w->recorded[executor];
  r->check = executor == UH_BY_EXCHANGE_SERVER ? uh_exchange_server_check : uh_exchange_online_check;
  const struct uh_writer writer = uh_recorder_writer(r);
  return uh_write(&writer, c, ret_result, err);
}

static int change(void *user, enum uh_executor executor, const struct uh_change *c, struct uh_change_result *ret_result,
                  struct uh_err *err) {
  struct uh_world_state *w = state_of(user);
  *ret_result = (struct uh_change_result){0};
  if (executor != UH_BY_EXCHANGE_SERVER && executor != UH_BY_EXCHANGE_ONLINE) return no_executor(executor, err);
  if (w->options.dry) return record(w, executor, c, ret_result, err);
  int opened = executor == UH_BY_EXCHANGE_SERVER ? open_exchange(w, err) : open_online(w, err);
  if (opened < 0) return -1;
  const struct uh_writer writer =
      executor == UH_BY_EXCHANGE_SERVER ? uh_exchange_server_writer(w->exchange) : uh_exchange_online_writer(w->online);
  return uh_write(&writer, c, ret_result, err);
}

static int graph(void *user, const struct uh_graph_change *c, struct uh_change_result *ret_result, struct uh_err *err) {
  struct uh_world_state *w = state_of(user);
  *ret_result = (struct uh_change_result){0};
  if (!w->options.dry && open_graph(w, err) < 0) return -1;
  const struct uh_graph_writer writer =
      w->options.dry ? uh_recorder_graph_writer(&w->recorded[UH_BY_GRAPH]) : uh_graph_executor_writer(w->graph);
  return uh_graph_apply(&writer, c, ret_result, err);
}

static int directory(void *user, const struct uh_directory_change *c, struct uh_change_result *ret_result,
                     struct uh_err *err) {
  struct uh_world_state *w = state_of(user);
  const struct uh_directory_executor_options options = {
      .config = w->options.config, .cancelled = uh_world_cancelled, .cancel_user = w, .failpoint = w->face.failpoint};
  *ret_result = (struct uh_change_result){0};
  if (w->options.dry) {
    if (uh_directory_check(c, err) < 0) return -1;
    ret_result->outcome = UH_CHANGE_RECORDED;
    return 0;
  }
  if (!w->directory && uh_directory_executor_open(&options, &w->directory, err) < 0) return -1;
  const struct uh_directory_writer writer = uh_directory_executor_writer(w->directory);
  return uh_directory_apply(&writer, c, ret_result, err);
}

static int64_t settles(void *user, enum uh_executor executor) {
  const struct uh_config *config = state_of(user)->options.config;
  int64_t directory = uh_replication_directory(config), cloud = uh_replication_cloud(config);
  if (executor == UH_BY_EXCHANGE_ONLINE || executor == UH_BY_GRAPH) return cloud;
  if (executor == UH_BY_OPERATOR) return directory > cloud ? directory : cloud; /* on either side */
  return directory;
}

/* ---- opening and closing ---- */

int uh_world_open(const struct uh_world_options *options, struct uh_world **ret_world, struct uh_err *err) {
  struct uh_world_state *w = calloc(1, sizeof *w);
  if (!w) return uh_fail_nomem(err);
  w->options = *options;
  w->face = (struct uh_world){.user = w,
                              .now = uh_world_now,
                              .wait = wait_for,
                              .cancelled = uh_world_cancelled,
                              .look = uh_world_look,
                              .find = uh_world_find,
                              .gate = uh_world_gate,
                              .change = change,
                              .graph = graph,
                              .directory = directory,
                              .settles = settles};
#ifdef UH_FAILPOINTS
  w->face.failpoint = uh_failpoint_passed;
#endif
  uh_sign_in_keep(options->config);
  if (options->held->locked) remove_old_scratch(options->held->dir);
  *ret_world = &w->face;
  return 0;
}

struct uh_world *uh_world_free(struct uh_world *world) {
  if (!world) return NULL;
  struct uh_world_state *w = world->user;
  uh_sign_in_forget();
  uh_exchange_server_closep(&w->exchange);
  uh_exchange_online_freep(&w->online);
  uh_graph_executor_freep(&w->graph);
  uh_directory_executor_freep(&w->directory);
  uh_operator_cloud_freep(&w->cloud);
  for (size_t i = 0; i < sizeof w->recorded / sizeof *w->recorded; i++) uh_recorder_clear(&w->recorded[i]);
  uh_gate_clear(&w->before);
  (void)sqlite3_close(w->facts);
  free(w->base);
  uh_world_removep(&w->work);
  free(w);
  return NULL;
}

void uh_world_freep(struct uh_world **world) {
  *world = uh_world_free(*world);
}

void uh_look_clear(struct uh_look *look) {
  free(look->image);
  *look = (struct uh_look){.why = UH_ERR_INIT};
}

static void gate_check_clear(struct uh_gate_check *c) {
  free(c->id);
  free(c->title);
  free(c->status);
  free(c->before);
  free(c->detail);
  free(c->remedy);
  for (size_t i = 0; i < c->n_findings; i++) {
    free(c->findings[i].key);
    free(c->findings[i].object);
    free(c->findings[i].message);
    free(c->findings[i].command);
  }
  for (size_t i = 0; i < UH_GATE_FINDINGS; i++) free(c->attest[i]);
}

void uh_gate_clear(struct uh_gate *gate) {
  for (size_t i = 0; i < gate->n; i++) gate_check_clear(&gate->v[i]);
  free(gate->v);
  *gate = (struct uh_gate){0};
}
