/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets a test change applications and service principals with the operator's account, one change after the other.
 *   graph_write [--dry|--show] CONFIG ACTION application|principal ID [WORD].. [+ ACTION ..]
 * WORD: ours=KEYID, expired=KEYID, named=KEYID, cert=SHA1, name=NAME. --show: only looks whether the changes show.
 */
#include <signal.h>

#include "case/config.h"
#include "changes.h"
#include "executors/executors.h"

static volatile sig_atomic_t stop;
static void on_signal(int sig) {
  (void)sig;
  stop = 1;
}
static bool cancelled(void *user) {
  (void)user;
  return stop;
}

struct wanted {
  struct uh_graph_change change;
  uint8_t id[UH_GUID_SIZE];
  struct uh_key_removal keys[WORDS];
  struct uh_certificate_mark certificates[WORDS];
  const char *names[WORDS];
};

static bool parse_sha1(const char *hex, uint8_t out[UH_SHA1_SIZE]) {
  for (size_t i = 0; i < UH_SHA1_SIZE; i++) {
    char two[3] = {hex[2 * i], hex[2 * i] ? hex[2 * i + 1] : 0, 0}, *end = NULL;
    out[i] = (uint8_t)strtoul(two, &end, 16);
    if (end != two + 2) return false;
  }
  return hex[2 * UH_SHA1_SIZE] == '\0';
}

static bool parse_word(struct wanted *w, const char *word) {
  static const char *const reasons[] = {"ours=", "expired=", "named="};
  struct uh_graph_change *c = &w->change;
  for (size_t i = 0; i < 3; i++) {
    if (strncmp(word, reasons[i], strlen(reasons[i])) != 0) continue;
    w->keys[c->n_keys].reason = (enum uh_key_reason)i;
    return uh_guid_parse(word + strlen(reasons[i]), w->keys[c->n_keys++].key_id);
  }
  if (strncmp(word, "cert=", 5) == 0) return parse_sha1(word + 5, w->certificates[c->n_certificates++].sha1);
  if (strncmp(word, "name=", 5) != 0) return false;
  w->names[c->n_names++] = word + 5;
  return true;
}

static bool parse(struct wanted *w, char **words, int n) {
  *w = (struct wanted){0};
  if (n < 3 || n > WORDS) return false;
  int action = 0;
  while (action <= UH_GRAPH_RESTORE && strcmp(uh_graph_action_name((enum uh_graph_action)action), words[0]) != 0)
    action++;
  w->change = (struct uh_graph_change){
      .action = (enum uh_graph_action)action,
      .kind = strcmp(words[1], "application") == 0 ? UH_GRAPH_APPLICATION : UH_GRAPH_SERVICE_PRINCIPAL,
      .id = uh_guid_parse(words[2], w->id) ? w->id : NULL,
      .name = words[2],
      .keys = w->keys,
      .certificates = w->certificates,
      .names = w->names};
  for (int i = 3; i < n; i++)
    if (!parse_word(w, words[i])) return false;
  return true;
}

static int one(const struct uh_graph_writer *writer, struct uh_graph_executor *show, const struct wanted *w) {
  struct uh_change_result result;
  struct uh_err err = UH_ERR_INIT;
  int r;
  if (show) {
    r = uh_graph_shows(show, &w->change, &err);
    (void)printf("{\"shows\":%d}\n", r);
  } else {
    r = uh_graph_apply(writer, &w->change, &result, &err);
    give_result(&result);
  }
  (void)fflush(stdout);
  return r >= 0 ? 0 : give_error(&err);
}

int main(int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  UH_CLEANUP(uh_config_freep) struct uh_config *config = NULL;
  UH_CLEANUP(uh_operator_cloud_freep) struct uh_operator_cloud *cloud = NULL;
  UH_CLEANUP(uh_graph_executor_freep) struct uh_graph_executor *executor = NULL;
  struct uh_recorder recorder = {0};
  struct sigaction action = {.sa_handler = on_signal};
  (void)sigaction(SIGINT, &action, NULL);
  (void)sigaction(SIGTERM, &action, NULL);
  int i = 1, r = 0;
  bool dry = argc > 1 && strcmp(argv[1], "--dry") == 0, show = argc > 1 && strcmp(argv[1], "--show") == 0;
  i += dry || show;
  if (argc - i < 2) return 64;
  if (uh_config_load(argv[i++], &config, &err) < 0) return give_error(&err);
  struct uh_operator_cloud_options how = {.config = config, .cancelled = cancelled};
  if (uh_operator_cloud_open(&how, &cloud, &err) < 0) return give_error(&err);
  if (uh_graph_executor_open(cloud, &executor, &err) < 0) return give_error(&err);
  struct uh_graph_writer writer = dry ? uh_recorder_graph_writer(&recorder) : uh_graph_executor_writer(executor);
  while (i < argc && r == 0) {
    struct wanted w;
    int end = i;
    while (end < argc && strcmp(argv[end], "+") != 0) end++;
    if (!parse(&w, argv + i, end - i)) return 64;
    r = one(&writer, show ? executor : NULL, &w);
    i = end + 1;
  }
  if (dry) (void)printf("%s", uh_str_text(&recorder.lines));
  uh_recorder_clear(&recorder);
  return r;
}
