/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets a test change the cloud with the operator's account, one change after the other in one session.
 *   cloud_write [--dry | --asked] CONFIG CMDLET GUID|- [Name=value].. [+ CMDLET ..]
 * SIGINT and SIGTERM cancel. Stops at the first failure and exits with its code; --asked: the one change is made again
 * for every line of standard input, whatever became of it.
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

static void on_object(void *user, const char *json, size_t n) {
  (void)user;
  (void)printf("{\"object\":%.*s}\n", (int)n, json);
}
static void on_warning(void *user, const char *text) {
  (void)user;
  (void)printf("{\"warning\":true");
  quoted("message", text);
  (void)printf("}\n");
}

static int change(const struct uh_writer *writer, char **words, int n) {
  struct uh_argument arguments[WORDS + 1] = {{0}};
  struct value values[WORDS];
  struct uh_change_result result;
  struct uh_err err = UH_ERR_INIT;
  uint8_t guid[UH_GUID_SIZE];
  if (n < 2 || n > WORDS || !parse_arguments(words + 2, n - 2, values, arguments)) return 64;
  bool given = uh_guid_parse(words[1], guid);
  struct uh_change one = {.cmdlet = words[0], .guid = given ? guid : NULL, .name = words[1], .arguments = arguments};
  int r = uh_write(writer, &one, &result, &err);
  give_result(&result);
  (void)fflush(stdout);
  return r == 0 ? 0 : give_error(&err);
}

/* The words are taken apart each time. */
static int change_when_asked(const struct uh_writer *writer, char **words, int n) {
  char line[8], *copies[WORDS + 2];
  int r = 0;
  if (n > WORDS) return 64;
  while (fgets(line, sizeof line, stdin)) {
    for (int k = 0; k < n; k++) copies[k] = strdup(words[k]);
    r = change(writer, copies, n);
    for (int k = 0; k < n; k++) free(copies[k]);
  }
  return r;
}

int main(int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  UH_CLEANUP(uh_config_freep) struct uh_config *config = NULL;
  UH_CLEANUP(uh_operator_cloud_freep) struct uh_operator_cloud *cloud = NULL;
  UH_CLEANUP(uh_exchange_online_freep) struct uh_exchange_online *online = NULL;
  struct uh_recorder recorder = {.check = uh_exchange_online_check};
  struct sigaction action = {.sa_handler = on_signal};
  (void)sigaction(SIGINT, &action, NULL);
  (void)sigaction(SIGTERM, &action, NULL);
  int i = 1;
  bool dry = argc > 1 && strcmp(argv[1], "--dry") == 0, asked = argc > 1 && strcmp(argv[1], "--asked") == 0;
  if (dry || asked) i++;
  if (argc - i < 2) return 64;
  if (uh_config_load(argv[i++], &config, &err) < 0) return give_error(&err);
  struct uh_operator_cloud_options how = {.config = config, .cancelled = cancelled};
  if (uh_operator_cloud_open(&how, &cloud, &err) < 0) return give_error(&err);
  struct uh_exchange_online_options options = {.cloud = cloud, .output = on_object, .warning = on_warning};
  if (uh_exchange_online_open(&options, &online, &err) < 0) return give_error(&err);
  struct uh_writer writer = dry ? uh_recorder_writer(&recorder) : uh_exchange_online_writer(online);
  int r = 0;
  if (asked) r = change_when_asked(&writer, argv + i, argc - i);
  while (!asked && i < argc && r == 0) {
    int end = i;
    while (end < argc && strcmp(argv[end], "+") != 0) end++;
    r = change(&writer, argv + i, end - i);
    i = end + 1;
  }
  if (dry) (void)printf("%s", uh_str_text(&recorder.lines));
  uh_recorder_clear(&recorder);
  return r;
}
