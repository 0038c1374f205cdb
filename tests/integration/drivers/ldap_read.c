/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One search through engine/wire/ldap.c, for tests:
 *   ldap_read [-p PAGE] [-s base|one|sub] [-t SILENCE_SECONDS] [-q] URL USER PASSWORD_FILE BASE FILTER ATTRIBUTE..
 * Prints one JSON line for each entry (-q: none) and a last line with how it ended. Plain LDAP on loopback.
 */
#include <unistd.h>

#include <unhybrid/text.h>

#include "case/config.h"
#include "wire/ldap.h"

struct run {
  bool quiet;
  struct uh_str line, references;
};

static int on_entry(void *user, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct run *run = user;
  if (run->quiet) return 0;
  uh_str_reset(&run->line);
  uh_str_add(&run->line, "{\"dn\":");
  uh_json_string(&run->line, entry->dn, entry->dn_size);
  for (size_t i = 0; i < entry->n; i++) {
    const struct uh_ldap_attribute *a = &entry->attributes[i];
    uh_str_addc(&run->line, ',');
    uh_json_string(&run->line, a->name, strlen(a->name));
    uh_str_addf(&run->line, ":{\"truncated\":%s,\"values\":[", a->truncated ? "true" : "false");
    for (size_t k = 0; k < a->n; k++) {
      if (k) uh_str_addc(&run->line, ',');
      uh_json_string(&run->line, a->values[k].data, a->values[k].size);
    }
    uh_str_add(&run->line, "]}");
  }
  uh_str_addc(&run->line, '}');
  const char *text = uh_str_text(&run->line);
  return text && puts(text) >= 0 ? 0 : uh_fail_nomem(err);
}

static void on_reference(void *user, const char *url) {
  struct run *run = user;
  uh_str_addf(&run->references, "%s", run->references.len ? "," : "");
  uh_json_string(&run->references, url, strlen(url));
}

static int search(struct run *run, const struct uh_ldap_options *options, struct uh_ldap_search *q,
                  struct uh_ldap_outcome *outcome, int64_t *requests, struct uh_err *err) {
  struct uh_ldap *ldap UH_CLEANUP(uh_ldap_freep) = NULL;
  if (uh_ldap_connect(options, &ldap, err) < 0) return -1;
  q->entry = on_entry;
  q->reference = on_reference;
  q->user = run;
  int result = uh_ldap_search(ldap, q, outcome, err);
  *requests = uh_ldap_requests(ldap);
  return result;
}

int main(int argc, char **argv) {
  struct run run = {0};
  struct uh_err err = UH_ERR_INIT;
  struct uh_ldap_options options = {.protection = UH_LDAP_PROTECT_NONE};
  struct uh_ldap_search q = {.scope = UH_LDAP_SUBTREE, .page_size = UH_LDAP_PAGE_SIZE};
  struct uh_ldap_outcome outcome = {0};
  char *password UH_CLEANUP(uh_secret_freep) = NULL;
  int64_t requests = 0;
  (void)setvbuf(stdout, NULL, _IOLBF, 0); /* a test reads along */
  for (int c; (c = getopt(argc, argv, "p:s:t:q")) != -1;) {
    switch (c) {
      case 'p': q.page_size = (unsigned)strtoul(optarg, NULL, 10); break;
      case 's': q.scope = *optarg == 'b' ? UH_LDAP_BASE : *optarg == 'o' ? UH_LDAP_ONE : UH_LDAP_SUBTREE; break;
      case 't': options.silence_seconds = (int)strtol(optarg, NULL, 10); break;
      case 'q': run.quiet = true; break;
      default: return 64;
    }
  }
  if (argc - optind < 6) return 64;
  options.url = argv[optind];
  options.user = argv[optind + 1];
  q.base = argv[optind + 3];
  q.filter = argv[optind + 4];
  q.attributes = (const char *const *)(argv + optind + 5);
  int result = uh_secret_read(argv[optind + 2], &password, &err);
  options.password = password;
  if (result == 0) result = search(&run, &options, &q, &outcome, &requests, &err);
  uh_str_reset(&run.line);
  uh_json_string(&run.line, err.what, strlen(err.what));
  (void)printf(
      "{\"result\":%d,\"entries\":%lld,\"pages\":%lld,\"damaged\":%lld,\"requests\":%lld,\"answer\":\"%s\","
      "\"class\":%d,\"what\":%s,\"where\":\"%s\",\"remedy\":\"%s\",\"references\":[%s]}\n",
      result, (long long)outcome.entries, (long long)outcome.pages, (long long)outcome.damaged, (long long)requests,
      uh_answer_name(err.answer), (int)err.cls, uh_str_text(&run.line), err.where, err.remedy,
      uh_str_text(&run.references));
  uh_str_clear(&run.line);
  uh_str_clear(&run.references);
  return 0;
}
