/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/dns_question.h"

#include <unhybrid/text.h>

#include "sources/dns_answers.h"
#include "sources/dns_rows.h"
#include "sources/dns_unmade.h"

struct question {
  struct uh_observe *observe;
  const struct uh_dns_question *asked;
  struct uh_rows *rows;
  struct uh_dns *dns;             /* the server that is asked now */
  size_t told, n;                 /* servers that told what there is, and all of them */
  char *UH_NULLABLE first;        /* what the first of them told, for comparing */
  char server[64], disagrees[64]; /* who told that; the first who told something else */
  char silent[64], outcome[32];   /* the first who told nothing, and how */
  bool answered, failed;
  struct uh_err err;
};

static void question_clear(struct question *q) {
  free(q->first);
}

static bool is_told(enum uh_dns_outcome outcome) {
  return outcome == UH_DNS_ANSWER || outcome == UH_DNS_NODATA || outcome == UH_DNS_NXDOMAIN;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The records at the name itself, in one order, without their times to live. NULL: no memory. */
static char *told_by(const struct uh_dns_reply *reply) {
  UH_CLEANUP(uh_str_clear) struct uh_str all = {0};
  UH_CLEANUP(uh_freep) char **line = calloc(reply->n + 1, sizeof *line);
  size_t n = 0;
  for (size_t i = 0; line && i < reply->n; i++) {
    const struct uh_dns_record *r = &reply->records[i];
    struct uh_str one = {0};
    if (r->type != reply->type || strcmp(r->name, reply->name) != 0) continue;
    uh_str_addf(&one, "%u %u %u ", r->preference, r->weight, r->port);
    uh_json_string(&one, r->value, r->value_len);
    if (!(line[n] = uh_str_take(&one))) all.failed = true;
    n += line[n] != NULL;
  }
  if (line && n > 1) qsort(line, n, sizeof *line, by_text);
  for (size_t i = 0; i < n; i++) {
    uh_str_addf(&all, "%s\n", line[i]);
    free(line[i]);
  }
  return line ? uh_str_take(&all) : NULL;
}

static void compare(struct question *q, const struct uh_dns_reply *reply) {
  UH_CLEANUP(uh_freep) char *text = told_by(reply);
  if (!text) {
    q->failed = uh_fail_nomem(&q->err);
    return;
  }
  q->told++;
  if (!q->first) {
    q->first = UH_TAKE(text);
    (void)snprintf(q->server, sizeof q->server, "%s", reply->server);
  } else if (strcmp(q->first, text) != 0 && !*q->disagrees) {
    (void)snprintf(q->disagrees, sizeof q->disagrees, "%s", reply->server);
  }
}

static void write_row(struct question *q, const char *role, const struct uh_dns_reply *reply) {
  UH_CLEANUP(uh_str_clear) struct uh_str answers = {0};
  uh_dns_answers_json(&answers, reply->records, reply->n);
  const struct uh_dns_row row = {.view = q->asked->view,
                                 .server = reply->server,
                                 .domain = reply->name,
                                 .role = role,
                                 .name = reply->name,
                                 .type = reply->type,
                                 .outcome = reply->outcome,
                                 .answers = uh_str_text(&answers),
                                 .detail = reply->detail};
  if (!row.answers) {
    q->failed = uh_fail_nomem(&q->err);
    return;
  }
  if (uh_dns_row_write(q->rows, &row, &q->err) < 0) q->failed = true;
}

static void on_wildcard(void *user, const struct uh_dns_reply *reply) {
  write_row(user, "wildcard", reply);
}

/* What a wildcard answers beside it is no part of the question: without it the answer stands as it is. */
static void ask_wildcard(struct question *q, const struct uh_dns_reply *reply) {
  char unmade[UH_DNS_UNMADE_TEXT];
  if (!uh_dns_may_be_wildcard(reply) || !uh_dns_unmade(reply->name, unmade)) return;
  if (uh_dns_ask(q->dns, unmade, reply->type, on_wildcard, q, &q->err) < 0) q->failed = true;
}

static void on_reply(void *user, const struct uh_dns_reply *reply) {
  struct question *q = user;
  q->answered = true;
  write_row(q, "question", reply);
  ask_wildcard(q, reply);
  if (is_told(reply->outcome)) compare(q, reply);
  if (is_told(reply->outcome) || *q->outcome) return;
  (void)snprintf(q->silent, sizeof q->silent, "%s", reply->server);
  (void)snprintf(q->outcome, sizeof q->outcome, "%s", uh_dns_outcome_name(reply->outcome));
}

static bool is_stopped(void *user) {
  const struct question *q = user;
  return uh_observe_stopped(q->observe);
}

/* 0 asked, 1 stopped, -1 failed. */
static int ask_server(struct question *q, const char *server, uint16_t type, struct uh_err *err) {
  UH_CLEANUP(uh_dns_freep) struct uh_dns *dns = NULL;
  const struct uh_dns_options options = {.servers = &server, .n_servers = 1};
  q->n++;
  if (uh_dns_open(&options, &dns, err) < 0) return -1;
  q->dns = dns;
  if (uh_dns_ask(dns, q->asked->name, type, on_reply, q, err) < 0) return -1;
  int rc = uh_dns_run(dns, 1, is_stopped, q, err);
  uh_observe_counted(q->observe, 1, (int64_t)uh_dns_stats(dns).sent);
  if (q->failed) *err = q->err;
  return q->failed ? -1 : rc;
}

static void report(const struct question *q, int rc) {
  struct uh_observe *o = q->observe;
  const struct uh_dns_question *a = q->asked;
  int64_t n = (int64_t)q->told;
  if (rc > 0)
    uh_observe_set(o, "dns", "DnsRecord", "", "partial", UH_NOT_ASKED, n, "interrupted");
  else if (q->told < q->n)
    uh_observe_set(o, "dns", "DnsRecord", "", n ? "partial" : "failed", UH_TIMEOUT, n,
                   "the name server %s of the %s view does not tell what %s %s is (%s)", q->silent, a->view, a->name,
                   a->type, q->outcome);
  else if (*q->disagrees)
    uh_observe_set(o, "dns", "DnsRecord", "", "partial", UH_TIMEOUT, n,
                   "the name servers of the %s view disagree about %s %s: %s tells something else than %s", a->view,
                   a->name, a->type, q->disagrees, q->server);
  else
    uh_observe_set(o, "dns", "DnsRecord", "", "complete", UH_VALUE, n, "%s", "");
}

int uh_dns_question_ask(struct uh_observe *observe, struct uh_err *err) {
  const struct uh_dns_config *config = uh_observe_config(observe)->dns;
  struct question q UH_CLEANUP(question_clear) = {
      .observe = observe, .asked = uh_observe_options(observe)->dns_question, .err = UH_ERR_INIT};
  bool internal = strcmp(q.asked->view, "internal") == 0;
  const struct uh_strings *servers = internal ? &config->internal_servers : &config->public_servers;
  uint16_t type;
  if (!uh_dns_type_parse(q.asked->type, &type))
    return uh_fail(err, UH_ERR_INTERNAL, "no question of DNS has the type %s", q.asked->type);
  if (!servers->n) {
    uh_observe_set(observe, "dns", "DnsRecord", "", "not-configured", UH_NOT_ASKED, 0,
                   "no name server of the %s view is configured", q.asked->view);
    return 0;
  }
  if (uh_rows_open(uh_observe_facts(observe), UH_T_dns, &q.rows, err) < 0) return -1;
  int rc = 0;
  for (size_t i = 0; i < servers->n && rc == 0; i++) rc = ask_server(&q, servers->v[i], type, err);
  if (uh_rows_close(q.rows, err) < 0) rc = -1;
  if (rc >= 0) report(&q, rc);
  return rc < 0 ? -1 : 0;
}
