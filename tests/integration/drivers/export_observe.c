/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export_observe CONFIG FACTS [side:Set ...]: reads the exported files of a configuration alone and leaves their facts.
 * The other sources are replaced by ones that are not configured. Exits with the code of the first failure.
 */
#include <stdio.h>

#include "case/config.h"
#include "sources/source.h"

static const char *absent(const struct uh_config *config) {
  (void)config;
  return "not part of this test";
}

#define ABSENT(name) \
  __attribute__((weak)) const struct uh_source name = {.id = #name, .not_configured = absent, .sets = "", .after = ""}
ABSENT(uh_source_directory);
ABSENT(uh_source_dns);
ABSENT(uh_source_exchange_online);
ABSENT(uh_source_exchange_server);
ABSENT(uh_source_graph);

int main(int argc, char **argv) {
  struct uh_config *config = NULL;
  struct uh_err err = UH_ERR_INIT;
  char text[1100];
  if (argc < 3) return 64;
  int r = uh_config_load(argv[1], &config, &err);
  if (r == 0) {
    struct uh_observation_options options = {.only_sets = argc > 3 ? (const char *const *)argv + 3 : NULL};
    struct uh_observation_summary summary = {0};
    r = uh_observe_all(config, argv[2], &options, &summary, &err);
    if (r == 0) err = summary.first;
  }
  if (err.cls != UH_ERR_NONE) (void)fprintf(stderr, "%s\n", uh_err_text(&err, text, sizeof text));
  uh_config_free(config);
  return uh_err_exit_code(err.cls);
}
