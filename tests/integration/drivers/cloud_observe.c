/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloud_observe CONFIG FACTS [side:Set ...]: runs the cloud's sources alone and leaves their facts. The other sources
 * are replaced by ones that are not configured, so that nothing but the cloud is asked.
 */
#include <stdio.h>

#include "case/config.h"
#include "sources/source.h"
#include "wire/oauth.h"

static const char *absent(const struct uh_config *config) {
  (void)config;
  return "not part of this test";
}

#define ABSENT(name) \
  __attribute__((weak)) const struct uh_source name = {.id = #name, .not_configured = absent, .sets = "", .after = ""}
ABSENT(uh_source_directory);
ABSENT(uh_source_dns);
ABSENT(uh_source_exchange_server);
ABSENT(uh_source_exchange_export);
ABSENT(uh_source_exchange_online_export);

static void prompt(void *user, const char *message, const char *uri, const char *code) {
  (void)user;
  (void)message;
  (void)fprintf(stderr, "sign in at %s with %s\n", uri, code);
}

int main(int argc, char **argv) {
  struct uh_config *config = NULL;
  struct uh_err err = UH_ERR_INIT;
  char text[1100];
  if (argc < 3) return 64;
  int r = uh_config_load(argv[1], &config, &err);
  if (r == 0) {
    struct uh_observation_options options = {.only_sets = argc > 3 ? (const char *const *)argv + 3 : NULL,
                                             .sign_in = prompt};
    struct uh_observation_summary summary = {0};
    r = uh_observe_all(config, argv[2], &options, &summary, &err);
    if (r == 0 && summary.first.cls != UH_ERR_NONE)
      (void)fprintf(stderr, "%s\n", uh_err_text(&summary.first, text, sizeof text));
  }
  if (r != 0) (void)fprintf(stderr, "%s\n", uh_err_text(&err, text, sizeof text));
  uh_config_free(config);
  return r == 0 ? 0 : uh_err_exit_code(err.cls);
}
