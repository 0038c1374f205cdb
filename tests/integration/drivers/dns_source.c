/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the source `dns` alone into a facts file: for tests and the benchmark. It stands in for what runs sources.
 *   dns_source [-i] [-s SECONDS] [-H HOST].. [-q VIEW/NAME/TYPE] FACTS PUBLIC INTERNAL < accepted domains, one a line
 * PUBLIC and INTERNAL are servers with commas between, "-" for none. -i: the list of domains is not complete.
 * -H: a host of the servers. -q: that one question alone, to every server of its view. -s: ask it to stop after so many
 * seconds. Prints JSON lines: each set, each notice, and what it took.
 */
#include <pthread.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include <unhybrid/text.h>

#include "sources/source.h"

struct uh_observe {
  struct uh_config config;
  struct uh_dns_config dns;
  struct uh_facts *facts;
  struct uh_names domains;
  bool complete;
  const char *hosts[9];
  struct uh_dns_question question;
  struct uh_observation_options options;
  double stop_at;
  pthread_mutex_t lock;
  int64_t objects, requests;
};

static double seconds(clockid_t clock) {
  struct timespec t;
  (void)clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

const struct uh_config *uh_observe_config(const struct uh_observe *o) {
  return &o->config;
}
struct uh_facts *uh_observe_facts(const struct uh_observe *o) {
  return o->facts;
}
bool uh_observe_stopped(const struct uh_observe *o) {
  return o->stop_at > 0 && seconds(CLOCK_MONOTONIC) > o->stop_at;
}
bool uh_observe_wants(const struct uh_observe *o, const char *side, const char *set) {
  bool record = strcmp(set, "DnsRecord") == 0;
  return strcmp(side, "dns") == 0 && record == (o->options.dns_question != NULL);
}
const struct uh_observation_options *uh_observe_options(const struct uh_observe *o) {
  return &o->options;
}

/* As they are given: what observe_options.c makes of objects and texts is tested elsewhere. */
int uh_observe_server_hosts(struct uh_observe *o, struct uh_names *ret_hosts, struct uh_err *err) {
  *ret_hosts = (struct uh_names){0};
  for (size_t n = 0; o->hosts[n]; n++)
    if (uh_names_add(ret_hosts, o->hosts[n], err) < 0) return -1;
  return 0;
}

static void say(struct uh_observe *o, struct uh_str *line) {
  pthread_mutex_lock(&o->lock);
  (void)puts(uh_str_text(line));
  pthread_mutex_unlock(&o->lock);
  uh_str_clear(line);
}

void uh_observe_set(struct uh_observe *o, const char *side, const char *name, const char *part, const char *state,
                    enum uh_answer answer, int64_t objects, const char *fmt, ...) {
  struct uh_str line = {0};
  char why[512];
  va_list ap;
  va_start(ap, fmt);
  (void)vsnprintf(why, sizeof why, fmt, ap);
  va_end(ap);
  uh_str_addf(&line, "{\"set\":\"%s:%s%s\",\"state\":\"%s\",\"answer\":\"%s\",\"objects\":%lld,\"why\":", side, name,
              part, state, uh_answer_name(answer), (long long)objects);
  uh_json_string(&line, why, strlen(why));
  uh_str_addc(&line, '}');
  say(o, &line);
}

void uh_observe_notice(struct uh_observe *o, const char *fmt, ...) {
  struct uh_str line = {0};
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  (void)vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  uh_str_add(&line, "{\"notice\":");
  uh_json_string(&line, text, strlen(text));
  uh_str_addc(&line, '}');
  say(o, &line);
}

void uh_observe_counted(struct uh_observe *o, int64_t objects, int64_t requests) {
  pthread_mutex_lock(&o->lock);
  o->objects += objects;
  o->requests += requests;
  pthread_mutex_unlock(&o->lock);
}

int uh_observe_accepted_domains(struct uh_observe *o, struct uh_names *ret_domains, bool *ret_complete,
                                struct uh_err *err) {
  (void)err;
  *ret_domains = o->domains;
  o->domains = (struct uh_names){0};
  *ret_complete = o->complete;
  return 0;
}

static int read_domains(struct uh_observe *o, struct uh_err *err) {
  char *line = NULL;
  size_t capacity = 0;
  ssize_t n;
  int rc = 0;
  while (rc == 0 && (n = getline(&line, &capacity, stdin)) > 0) {
    if (line[n - 1] == '\n') line[n - 1] = 0;
    rc = uh_names_add(&o->domains, line, err);
  }
  free(line);
  return rc;
}

/* Splits at commas in place. */
static void servers(char *list, struct uh_strings *ret, char **room) {
  *ret = (struct uh_strings){room, 0};
  for (char *next = strcmp(list, "-") ? list : NULL; next && ret->n < 8;) {
    room[ret->n++] = next;
    next = strchr(next, ',');
    if (next) *next++ = 0;
  }
}

/* The kernel's high-water mark of this program; ru_maxrss would count who started it too. */
static long peak_kib(void) {
  char line[256];
  long kib = 0;
  FILE *f = fopen("/proc/self/status", "r");
  while (f && fgets(line, sizeof line, f))
    if (!strncmp(line, "VmHWM:", 6)) kib = strtol(line + 6, NULL, 10);
  if (f) (void)fclose(f);
  return kib;
}

/* "-q public/mail.contoso.com/A", split in place. */
static bool read_question(char *text, struct uh_observe *o) {
  char *name = strchr(text, '/'), *type = name ? strchr(name + 1, '/') : NULL;
  if (!type) return false;
  *name++ = *type++ = 0;
  o->question = (struct uh_dns_question){text, name, type};
  o->options.dns_question = &o->question;
  return true;
}

int main(int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_observe o = {.complete = true, .lock = PTHREAD_MUTEX_INITIALIZER};
  char *room[2][8];
  double limit = 0, start = seconds(CLOCK_MONOTONIC);
  size_t hosts = 0;
  for (int c; (c = getopt(argc, argv, "is:H:q:")) != -1;) {
    if (c == 'i')
      o.complete = false;
    else if (c == 's')
      limit = strtod(optarg, NULL);
    else if (c == 'H' && hosts < 8)
      o.hosts[hosts++] = optarg;
    else if (c == 'q' && read_question(optarg, &o))
      continue;
    else
      return 64;
  }
  if (argc - optind != 3) return 64;
  if (limit > 0) o.stop_at = start + limit;
  servers(argv[optind + 1], &o.dns.public_servers, room[0]);
  servers(argv[optind + 2], &o.dns.internal_servers, room[1]);
  o.config.dns = &o.dns;
  int rc = read_domains(&o, &err);
  if (rc == 0) rc = uh_facts_create(argv[optind], &o.facts, &err);
  if (rc == 0) rc = uh_source_dns.observe(&o, &err);
  double observed = seconds(CLOCK_MONOTONIC) - start;
  if (o.facts && uh_facts_finish(o.facts, &err) < 0) rc = -1;
  uh_facts_free(o.facts);
  (void)printf("{\"seconds\":%.6f,\"all_seconds\":%.6f,\"objects\":%lld,\"requests\":%lld,\"peak_kib\":%ld}\n",
               observed, seconds(CLOCK_MONOTONIC) - start, (long long)o.objects, (long long)o.requests, peak_kib());
  if (rc < 0) (void)fprintf(stderr, "dns_source: %s\n", err.what);
  return uh_err_exit_code(err.cls);
}
