/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the directory source alone into a facts file:
 *   directory_observe [-g] [-s sealed|plain] [-u USER] [-p PASSWORD_FILE] [-c CA_FILE] [-o side:Set]... URL FACTS
 * -g: Kerberos. Exit code as the program's would be; the first failure goes to standard error.
 */
#include <sys/resource.h>
#include <unistd.h>

#include "sources/source.h"

#define ONLY_MAX 32

int main(int argc, char **argv) {
  struct uh_directory_config directory = {.bind = UH_BIND_SIMPLE, .security = UH_LDAP_TLS};
  struct uh_config config = {.organization = (char *)(uintptr_t) "test", .directory = &directory};
  const char *only[ONLY_MAX + 1] = {NULL};
  unsigned only_n = 0;
  struct uh_observation_summary summary = {0};
  struct uh_err err = UH_ERR_INIT;
  char text[1200];
  for (int c; (c = getopt(argc, argv, "gs:u:p:c:o:")) != -1;) {
    switch (c) {
      case 'g': directory.bind = UH_BIND_GSSAPI; break;
      case 's': directory.security = strcmp(optarg, "sealed") == 0 ? UH_LDAP_SEALED : UH_LDAP_PLAIN; break;
      case 'u': directory.user = optarg; break;
      case 'p': directory.password_file = optarg; break;
      case 'c': directory.ca_file = optarg; break;
      case 'o':
        if (only_n < ONLY_MAX) only[only_n++] = optarg;
        break;
      default: return 64;
    }
  }
  if (argc - optind != 2) return 64;
  directory.url = argv[optind];
  struct uh_observation_options options = {.only_sets = only_n ? only : NULL};
  if (uh_observe_all(&config, argv[optind + 1], &options, &summary, &err) < 0) {
    (void)fprintf(stderr, "%s\n", uh_err_text(&err, text, sizeof text));
    return uh_err_exit_code(err.cls);
  }
  struct rusage usage;
  (void)getrusage(RUSAGE_SELF, &usage);
  (void)printf("{\"user\":%ld.%06ld,\"system\":%ld.%06ld,\"max_rss_kib\":%ld}\n", (long)usage.ru_utime.tv_sec,
               (long)usage.ru_utime.tv_usec, (long)usage.ru_stime.tv_sec, (long)usage.ru_stime.tv_usec,
               usage.ru_maxrss);
  if (summary.first.cls != UH_ERR_NONE) (void)fprintf(stderr, "%s\n", uh_err_text(&summary.first, text, sizeof text));
  return summary.anything ? 0 : uh_err_exit_code(summary.worst);
}
