/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks DNS questions through engine/wire/dns.c: for tests and the benchmark.
 *   dns_ask [-q] [-t TIMEOUT_MS] [-n TRIES] [-w WINDOW] SERVER.. < lines of "name TYPE"
 * Prints one JSON line for each reply (-q: none, but makes the JSON all the same), and a last line {"stats": {..}}.
 */
#include <time.h>
#include <unistd.h>

#include "sources/dns_answers.h"

#define PENDING 512

struct run {
  bool quiet;
  struct uh_str json;
  uint64_t outcomes[UH_DNS_UNREACHABLE + 1], bytes;
};

static void member(struct uh_str *out, const char *name, const char *value) {
  uh_str_addf(out, ",\"%s\":", name);
  uh_json_string(out, value, strlen(value));
}

static void on_reply(void *user, const struct uh_dns_reply *reply) {
  struct run *run = user;
  run->outcomes[reply->outcome]++;
  uh_str_reset(&run->json);
  uh_str_addf(&run->json, "{\"outcome\":\"%s\",\"type\":\"%s\",\"rcode\":%u", uh_dns_outcome_name(reply->outcome),
              uh_dns_type_name(reply->type), reply->rcode);
  member(&run->json, "name", reply->name);
  member(&run->json, "server", reply->server);
  member(&run->json, "detail", reply->detail);
  uh_str_add(&run->json, ",\"answers\":");
  uh_dns_answers_json(&run->json, reply->records, reply->n);
  uh_str_addc(&run->json, '}');
  run->bytes += run->json.len;
  if (!run->quiet) (void)puts(uh_str_text(&run->json));
}

static int read_and_ask(struct uh_dns *dns, struct run *run, struct uh_err *err) {
  char *line = NULL;
  size_t capacity = 0;
  ssize_t n;
  int rc = 0;
  while (rc == 0 && (n = getline(&line, &capacity, stdin)) > 0) {
    uint16_t type;
    if (line[n - 1] == '\n') line[--n] = 0;
    char *space = strrchr(line, ' ');
    if (!space || !uh_dns_type_parse(space + 1, &type)) {
      rc = uh_fail(err, UH_ERR_DATA, "no question: %.200s", line);
      break;
    }
    *space = 0;
    rc = uh_dns_ask(dns, line, type, on_reply, run, err);
    if (rc == 0 && uh_dns_pending(dns) >= 2 * PENDING) rc = uh_dns_run(dns, PENDING, NULL, NULL, err);
  }
  free(line);
  return rc ? rc : uh_dns_run(dns, 1, NULL, NULL, err);
}

static double seconds(clockid_t clock) {
  struct timespec t;
  (void)clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_dns_options options = {0};
  struct run run = {0};
  UH_CLEANUP(uh_dns_freep) struct uh_dns *dns = NULL;
  double start = seconds(CLOCK_MONOTONIC);
  for (int c; (c = getopt(argc, argv, "qt:n:w:")) != -1;) {
    unsigned value = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;
    if (c == 'q')
      run.quiet = true;
    else if (c == 't')
      options.timeout_ms = value;
    else if (c == 'n')
      options.tries = value;
    else if (c == 'w')
      options.window = value;
    else
      return 64;
  }
  options.servers = (const char *const *)(argv + optind);
  options.n_servers = (size_t)(argc - optind);
  int rc = uh_dns_open(&options, &dns, &err);
  if (rc == 0) rc = read_and_ask(dns, &run, &err);
  if (rc < 0) {
    (void)fprintf(stderr, "dns_ask: %s\n", err.what);
    return uh_err_exit_code(err.cls);
  }
  struct uh_dns_stats s = uh_dns_stats(dns);
  (void)printf(
      "{\"stats\":{\"asked\":%llu,\"sent\":%llu,\"lost\":%llu,\"over_tcp\":%llu,\"replied\":%llu,\"unreachable\":%llu,"
      "\"window\":%u,\"window_lowest\":%u,\"window_regrown\":%u,\"seconds\":%.6f,\"cpu_seconds\":%.6f",
      (unsigned long long)s.asked, (unsigned long long)s.sent, (unsigned long long)s.lost,
      (unsigned long long)s.over_tcp, (unsigned long long)s.replied, (unsigned long long)s.unreachable, s.window,
      s.window_lowest, s.window_regrown, seconds(CLOCK_MONOTONIC) - start, seconds(CLOCK_PROCESS_CPUTIME_ID));
  for (int i = 0; i <= UH_DNS_UNREACHABLE; i++)
    (void)printf(",\"%s\":%llu", uh_dns_outcome_name((enum uh_dns_outcome)i), (unsigned long long)run.outcomes[i]);
  (void)puts("}}");
  uh_str_clear(&run.json);
  return 0;
}
