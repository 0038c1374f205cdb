/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source `dns`: what the world (public view) and the inside (internal view) are told about each accepted domain.
 *
 * One row in table dns for each question and each domain that it serves. Roles, with the name and types asked for the
 * domain d:
 *   mx                   d                          MX
 *   exchanger            each exchanger of d's MX   A, AAAA
 *   autodiscover         autodiscover.d             CNAME, A, AAAA
 *   autodiscover-srv     _autodiscover._tcp.d       SRV
 *   autodiscover-srv-target  each target of it      A, AAAA
 *   root                 d                          A, AAAA   (the server that https://d/autodiscover/ reaches)
 *   spf                  d                          TXT       (all TXT records of d; the one for SPF begins "v=spf1")
 *   spf-include          what include and redirect name, and their includes  TXT
 *   dkim1, dkim2         selector1, selector2._domainkey.d  CNAME, TXT
 *   dmarc                _dmarc.d                   TXT
 *   mta-sts              _mta-sts.d                 TXT
 *   tls-rpt              _smtp._tls.d               TXT
 * and of the hosts by which the servers are, or were, reached (domain is the host itself):
 *   host                 the host                   CNAME, A, AAAA
 * and beside each autodiscover, autodiscover-srv and host that gave an answer:
 *   wildcard             a name that nobody makes   the type that was answered
 * What that answers, a wildcard record (RFC 4592) answers, or a resolver that has an answer for everything; a name that
 * answers the same may have no record of its own. Where it was not told there may be a wildcard, or none.
 * `answers` is a JSON array, one object a record, aliases first:
 *   {"name", "type", "ttl"} and  MX: "preference", "exchange"  A, AAAA: "address"  CNAME: "target"
 *   SRV: "priority", "weight", "port", "target"  TXT: "text" (strings joined).  A target or exchange "." means "none".
 * Names are in key form (wire/dns.h). With another outcome than `answer` the aliases that led there are still listed,
 * and nothing else. `detail` is for people; on the row spf it also tells what is wrong with the walk: more than one
 * record, a loop, more than ten lookups, a macro that cannot be followed.
 *
 * A question that several domains share (exchanger, SRV target, include, wildcard) is asked once a view as long as its
 * answer is among the last SHARED_MAX; the row is written for each. Accepted domain *.x is asked as x. Domains that
 * Microsoft gave (x.onmicrosoft.com) are not asked.
 *
 * Sets dns:public and dns:internal are complete when every question was put to a server and the list of accepted
 * domains was complete; what came of each question stands in its row.
 */
#include <unhybrid/text.h>

#include <pthread.h>
#include "sources/dns_answers.h"
#include "sources/dns_rows.h"
#include "sources/dns_domains.h"
#include "sources/dns_question.h"
#include "sources/dns_spf.h"
#include "sources/dns_unmade.h"
#include "sources/source.h"
#include "wire/dns.h"

#define PENDING 512             /* questions begun at a time: keeps the windows full, and memory flat */
#define EXCHANGERS_MAX 32       /* exchangers or SRV targets of one domain that are asked for */
#define SHARED_MAX 4096         /* answers kept for other domains.. */
#define SHARED_BYTES (2u << 20) /* ..and their size */
#define BUCKETS 4096
#define NAME_MAX_TEXT (UH_DNS_NAME_TEXT + 64)

struct domain;
struct view;

struct question;

struct ask { /* a question of one domain alone */
  struct ask *next;
  struct domain *domain;
  const struct question *question;
};

struct waiter {
  struct waiter *next;
  struct domain *domain;
  const char *role;
  int node; /* of the SPF walk, -1 */
};

struct shared { /* a question that domains may share, and its answer */
  struct shared *chain, *newer, *older;
  struct view *view;
  struct waiter *waiters;
  bool done;
  enum uh_dns_outcome outcome;
  uint16_t type;
  unsigned records; /* SPF records among the answers */
  char *server, *answers, *detail, *spf;
  size_t bytes;
  uint32_t hash;
  char name[];
};

struct spf_walk {
  char *node[UH_SPF_FOLLOW_MAX + 1]; /* names asked, [0] the domain */
  int parent[UH_SPF_FOLLOW_MAX + 1];
  int n;
  unsigned lookups, open; /* open: answers awaited */
  bool over, loop, several, macro, bad;
  enum uh_dns_outcome outcome;
  char *server, *answers, *detail; /* of the row spf, written when the walk is done */
};

struct domain {
  struct domain *next, *prev;
  struct view *view;
  const char *key;
  struct ask *asks;
  unsigned waiting;
  struct spf_walk spf;
};

struct view {
  const char *name;
  const struct uh_strings *servers;
  struct uh_observe *observe;
  char **domains, **hosts;
  size_t n_domains, next_domain, n_hosts, next_host;
  bool list_complete;
  struct uh_dns *dns;
  struct uh_rows *rows;
  struct domain *active;
  struct shared *bucket[BUCKETS], *oldest, *newest;
  size_t n_shared, shared_bytes;
  struct uh_str json;
  int64_t written, written_told;
  uint64_t requests_told, outcomes[UH_DNS_UNREACHABLE + 1];
  unsigned cut; /* exchangers beyond EXCHANGERS_MAX */
  bool failed;
  struct uh_err err;
  pthread_t thread;
};

/* ---- rows ---- */

/* The view's buffer with the answers as JSON; NULL (and the view failed) when memory is out. */
static const char *answers_json(struct view *v, const struct uh_dns_reply *reply) {
  uh_str_reset(&v->json);
  uh_dns_answers_json(&v->json, reply->records, reply->n);
  const char *text = uh_str_text(&v->json);
  if (!text) v->failed = uh_fail_nomem(&v->err);
  return text;
}

static void write_row(struct view *v, const struct uh_dns_row *row) {
  struct uh_dns_row whole = *row;
  if (v->failed) return;
  whole.view = v->name;
  if (uh_dns_row_write(v->rows, &whole, &v->err) < 0) v->failed = true;
  v->written++;
}

static char *copy(struct view *v, const char *text) {
  char *s = strdup(text);
  if (!s) v->failed = uh_fail_nomem(&v->err);
  return s;
}

/* ---- domains in progress ---- */

static void domain_free(struct domain *d) {
  for (struct ask *ask = d->asks, *next; ask; ask = next) {
    next = ask->next;
    free(ask);
  }
  for (int i = 0; i < d->spf.n; i++) free(d->spf.node[i]);
  free(d->spf.server);
  free(d->spf.answers);
  free(d->spf.detail);
  free(d);
}

static void domain_end(struct domain *d) {
  if (d->prev)
    d->prev->next = d->next;
  else
    d->view->active = d->next;
  if (d->next) d->next->prev = d->prev;
  domain_free(d);
}

static void domain_release(struct domain *d) {
  if (!--d->waiting) domain_end(d);
}

/* ---- questions that domains share ---- */

static uint32_t name_hash(const char *name, uint16_t type) {
  uint32_t h = 2166136261u ^ type;
  for (; *name; name++) h = (h ^ (uint8_t)*name) * 16777619u;
  return h;
}

static void shared_unlink(struct view *v, struct shared *s) {
  if (s->older)
    s->older->newer = s->newer;
  else
    v->oldest = s->newer;
  if (s->newer)
    s->newer->older = s->older;
  else
    v->newest = s->older;
}

static void shared_link(struct view *v, struct shared *s) {
  s->newer = NULL;
  s->older = v->newest;
  if (v->newest)
    v->newest->newer = s;
  else
    v->oldest = s;
  v->newest = s;
}

static void shared_free(struct shared *s) {
  for (struct waiter *w = s->waiters, *next; w; w = next) {
    next = w->next;
    free(w);
  }
  free(s->server);
  free(s->answers);
  free(s->detail);
  free(s->spf);
  free(s);
}

/* Forgets the answers that were not used for the longest time. Only answered ones: others have somebody waiting. */
static void shared_trim(struct view *v) {
  for (struct shared *s = v->oldest, *newer; s && (v->n_shared > SHARED_MAX || v->shared_bytes > SHARED_BYTES);
       s = newer) {
    newer = s->newer;
    if (!s->done) continue;
    struct shared **at = &v->bucket[s->hash % BUCKETS];
    while (*at != s) at = &(*at)->chain;
    *at = s->chain;
    shared_unlink(v, s);
    v->n_shared--;
    v->shared_bytes -= s->bytes;
    shared_free(s);
  }
}

static void spf_continue(struct domain *d, int node, const char *record, unsigned records);

/* The answer serves this domain too. */
static void shared_use(const struct shared *s, struct domain *d, const char *role, int node) {
  struct view *v = d->view;
  v->outcomes[s->outcome]++;
  write_row(v, &(struct uh_dns_row){.domain = d->key,
                                    .role = role,
                                    .name = s->name,
                                    .type = s->type,
                                    .outcome = s->outcome,
                                    .server = s->server,
                                    .answers = s->answers,
                                    .detail = s->detail});
  if (node >= 0) spf_continue(d, node, s->spf, s->records);
}

/* The text of the SPF record among the answers (the first), and how many there are. */
static const struct uh_dns_record *spf_record(const struct uh_dns_reply *reply, unsigned *ret_n) {
  const struct uh_dns_record *found = NULL;
  unsigned n = 0;
  for (size_t i = 0; i < reply->n; i++) {
    const struct uh_dns_record *r = &reply->records[i];
    if (r->type != UH_DNS_TXT || !uh_spf_is_record(r->value, r->value_len)) continue;
    if (!n++) found = r;
  }
  *ret_n = n;
  return found;
}

static void on_shared(void *user, const struct uh_dns_reply *reply) {
  struct shared *s = user;
  struct view *v = s->view;
  const char *answers = answers_json(v, reply);
  const struct uh_dns_record *spf = reply->type == UH_DNS_TXT ? spf_record(reply, &s->records) : NULL;
  s->outcome = reply->outcome;
  s->answers = copy(v, answers ? answers : "[]");
  s->server = copy(v, reply->server);
  s->detail = copy(v, reply->detail);
  if (spf) s->spf = strndup(spf->value, spf->value_len);
  if (!s->answers || !s->server || !s->detail || (spf && !s->spf)) {
    v->failed = uh_fail_nomem(&v->err);
    return;
  }
  s->bytes = sizeof *s + strlen(s->answers) + strlen(s->name) + (s->spf ? strlen(s->spf) : 0) + 128;
  v->shared_bytes += s->bytes;
  while (s->waiters) {
    struct waiter *w = s->waiters;
    s->waiters = w->next;
    shared_use(s, w->domain, w->role, w->node);
    domain_release(w->domain);
    free(w);
  }
  s->done = true;
  shared_trim(v);
}

static struct shared *shared_get(struct view *v, const char *name, uint16_t type) {
  uint32_t hash = name_hash(name, type);
  struct shared **bucket = &v->bucket[hash % BUCKETS];
  for (struct shared *s = *bucket; s; s = s->chain)
    if (s->type == type && !strcmp(s->name, name)) {
      shared_unlink(v, s);
      shared_link(v, s);
      return s;
    }
  size_t n = strlen(name);
  struct shared *s = calloc(1, sizeof *s + n + 1);
  if (!s) return NULL;
  memcpy(s->name, name, n + 1);
  s->view = v;
  s->type = type;
  s->hash = hash;
  if (uh_dns_ask(v->dns, name, type, on_shared, s, &v->err) < 0) {
    free(s);
    return NULL;
  }
  s->chain = *bucket;
  *bucket = s;
  shared_link(v, s);
  v->n_shared++;
  return s;
}

static void ask_shared(struct domain *d, const char *role, const char *name, uint16_t type, int node) {
  struct view *v = d->view;
  if (v->failed) return;
  struct shared *s = shared_get(v, name, type);
  if (s && s->done) {
    shared_use(s, d, role, node);
    return;
  }
  struct waiter *w = s ? calloc(1, sizeof *w) : NULL;
  if (!w) {
    v->failed = uh_fail_nomem(&v->err);
    return;
  }
  *w = (struct waiter){s->waiters, d, role, node};
  s->waiters = w;
  d->waiting++;
}

/* ---- SPF ---- */

static void spf_write(struct domain *d) {
  struct view *v = d->view;
  struct spf_walk *w = &d->spf;
  struct uh_str detail = {0};
  uh_str_add(&detail, w->detail ? w->detail : "");
  const char *const notes[] = {w->several ? "more than one SPF record at a name" : NULL,
                               w->loop ? "SPF includes lead in a circle" : NULL,
                               w->over ? "SPF needs more than 10 lookups (RFC 7208)" : NULL,
                               w->macro ? "an SPF include with a macro was not followed" : NULL,
                               w->bad ? "an SPF include names no domain that can be asked" : NULL};
  for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++)
    if (notes[i]) uh_str_addf(&detail, "%s%s", detail.len ? "; " : "", notes[i]);
  const char *text = uh_str_text(&detail);
  write_row(v, &(struct uh_dns_row){.domain = d->key,
                                    .role = "spf",
                                    .name = w->node[0],
                                    .type = UH_DNS_TXT,
                                    .outcome = w->outcome,
                                    .server = w->server,
                                    .answers = w->answers,
                                    .detail = text});
  uh_str_clear(&detail);
}

static void spf_close(struct domain *d) {
  if (!--d->spf.open) spf_write(d);
}

static bool spf_seen(const struct spf_walk *w, const char *name, int node, bool *ret_ancestor) {
  *ret_ancestor = false;
  for (int i = node; i >= 0; i = w->parent[i])
    if (!strcmp(w->node[i], name)) *ret_ancestor = true;
  for (int i = 0; i < w->n; i++)
    if (!strcmp(w->node[i], name)) return true;
  return false;
}

static void spf_follow(struct domain *d, int node, const char *text, size_t n) {
  struct spf_walk *w = &d->spf;
  char name[UH_DNS_NAME_TEXT];
  bool ancestor;
  if (!uh_dns_name_key(text, n, name)) {
    w->bad = true;
    return;
  }
  bool seen = spf_seen(w, name, node, &ancestor);
  w->loop = w->loop || ancestor;
  if (seen || w->n > UH_SPF_FOLLOW_MAX) return;
  w->parent[w->n] = node;
  w->node[w->n] = copy(d->view, name);
  if (!w->node[w->n]) return;
  w->open++;
  ask_shared(d, "spf-include", name, UH_DNS_TXT, w->n++);
}

/* The record of a node is there: follow what it names. */
static void spf_terms(struct domain *d, int node, const char *record, size_t n, unsigned records) {
  struct spf_walk *w = &d->spf;
  struct uh_spf spf;
  w->several = w->several || records > 1;
  if (!record) return;
  uh_spf_read(record, n, &spf);
  unsigned before = w->lookups;
  w->lookups += spf.lookups;
  w->macro = w->macro || spf.macro;
  w->over = w->over || w->lookups > UH_SPF_LOOKUPS_MAX;
  for (unsigned i = 0; i < spf.n && before + spf.follow[i].nth <= UH_SPF_LOOKUPS_MAX; i++)
    spf_follow(d, node, spf.follow[i].name, spf.follow[i].len);
}

static void spf_continue(struct domain *d, int node, const char *record, unsigned records) {
  spf_terms(d, node, record, record ? strlen(record) : 0, records);
  spf_close(d);
}

static void on_spf(struct domain *d, const struct uh_dns_reply *reply, const char *answers) {
  struct view *v = d->view;
  struct spf_walk *w = &d->spf;
  unsigned records = 0;
  const struct uh_dns_record *record = spf_record(reply, &records);
  w->open = 1;
  w->parent[0] = -1;
  w->outcome = reply->outcome;
  w->server = copy(v, reply->server);
  w->answers = copy(v, answers);
  w->detail = copy(v, reply->detail);
  w->node[0] = copy(v, reply->name);
  if (v->failed) return;
  w->n = 1;
  spf_terms(d, 0, record ? record->value : NULL, record ? record->value_len : 0, records);
  spf_close(d);
}

/* ---- questions of a domain ---- */

struct question {
  const char *role, *prefix;
  uint16_t types[4];
  bool made; /* a name that people make, or a wildcard answers for */
};
static const struct question of_domain[] = {
    {"mx", "", {UH_DNS_MX}},
    {"autodiscover", "autodiscover.", {UH_DNS_CNAME, UH_DNS_A, UH_DNS_AAAA}, .made = true},
    {"autodiscover-srv", "_autodiscover._tcp.", {UH_DNS_SRV}, .made = true},
    {"root", "", {UH_DNS_A, UH_DNS_AAAA}},
    {"spf", "", {UH_DNS_TXT}},
    {"dkim1", "selector1._domainkey.", {UH_DNS_CNAME, UH_DNS_TXT}},
    {"dkim2", "selector2._domainkey.", {UH_DNS_CNAME, UH_DNS_TXT}},
    {"dmarc", "_dmarc.", {UH_DNS_TXT}},
    {"mta-sts", "_mta-sts.", {UH_DNS_TXT}},
    {"tls-rpt", "_smtp._tls.", {UH_DNS_TXT}},
    {NULL},
};
static const struct question of_host[] = {{"host", "", {UH_DNS_CNAME, UH_DNS_A, UH_DNS_AAAA}, .made = true}, {NULL}};

/* Asked once for all names of one parent. */
static void ask_wildcard(struct domain *d, const struct uh_dns_reply *reply) {
  char unmade[UH_DNS_UNMADE_TEXT];
  if (uh_dns_may_be_wildcard(reply) && uh_dns_unmade(reply->name, unmade))
    ask_shared(d, "wildcard", unmade, reply->type, -1);
}

/* Addresses of what MX or SRV records name; "." is no name. */
static void ask_targets(struct domain *d, const char *role, const struct uh_dns_reply *reply) {
  unsigned n = 0;
  for (size_t i = 0; i < reply->n; i++) {
    const struct uh_dns_record *r = &reply->records[i];
    bool again = false;
    if (r->type != reply->type || !strcmp(r->value, ".")) continue;
    for (size_t k = 0; k < i && !again; k++)
      again = reply->records[k].type == r->type && !strcmp(reply->records[k].value, r->value);
    if (again) continue;
    if (n++ >= EXCHANGERS_MAX) {
      d->view->cut++;
      continue;
    }
    ask_shared(d, role, r->value, UH_DNS_A, -1);
    ask_shared(d, role, r->value, UH_DNS_AAAA, -1);
  }
}

static void on_reply(void *user, const struct uh_dns_reply *reply) {
  struct ask *ask = user;
  struct domain *d = ask->domain;
  struct view *v = d->view;
  const char *answers = answers_json(v, reply);
  v->outcomes[reply->outcome]++;
  if (!answers) return;
  if (!strcmp(ask->question->role, "spf")) {
    on_spf(d, reply, answers);
  } else {
    write_row(v, &(struct uh_dns_row){.domain = d->key,
                                      .role = ask->question->role,
                                      .name = reply->name,
                                      .type = reply->type,
                                      .outcome = reply->outcome,
                                      .server = reply->server,
                                      .answers = answers,
                                      .detail = reply->detail});
    if (reply->type == UH_DNS_MX) ask_targets(d, "exchanger", reply);
    if (reply->type == UH_DNS_SRV) ask_targets(d, "autodiscover-srv-target", reply);
    if (ask->question->made) ask_wildcard(d, reply);
  }
  domain_release(d);
}

static void ask(struct domain *d, const struct question *question, uint16_t type) {
  struct view *v = d->view;
  char name[NAME_MAX_TEXT];
  (void)snprintf(name, sizeof name, "%s%s", question->prefix, d->key);
  struct ask *a = calloc(1, sizeof *a);
  if (!a || v->failed) {
    free(a);
    v->failed = v->failed || uh_fail_nomem(&v->err);
    return;
  }
  *a = (struct ask){d->asks, d, question};
  d->asks = a;
  if (uh_dns_ask(v->dns, name, type, on_reply, a, &v->err) < 0)
    v->failed = true;
  else
    d->waiting++;
}

static void domain_start(struct view *v, const char *key, const struct question *questions) {
  struct domain *d = calloc(1, sizeof *d);
  if (!d) {
    v->failed = uh_fail_nomem(&v->err);
    return;
  }
  d->view = v;
  d->key = key;
  d->waiting = 1; /* until all is asked */
  d->next = v->active;
  if (v->active) v->active->prev = d;
  v->active = d;
  for (const struct question *q = questions; q->role; q++)
    for (const uint16_t *type = q->types; *type; type++) ask(d, q, *type);
  domain_release(d);
}

/* ---- a view ---- */

static bool view_stopped(void *user) {
  struct view *v = user;
  return v->failed || uh_observe_stopped(v->observe);
}

static void view_tell(struct view *v) {
  struct uh_dns_stats stats = uh_dns_stats(v->dns);
  uh_observe_counted(v->observe, v->written - v->written_told, (int64_t)(stats.sent - v->requests_told));
  v->written_told = v->written;
  v->requests_told = stats.sent;
}

/* The next domain or host. False: all were begun. */
static bool view_next(struct view *v) {
  if (v->next_domain < v->n_domains)
    domain_start(v, v->domains[v->next_domain++], of_domain);
  else if (v->next_host < v->n_hosts)
    domain_start(v, v->hosts[v->next_host++], of_host);
  else
    return false;
  return true;
}

/* 0 all asked, 1 stopped, -1 failed */
static int view_ask(struct view *v) {
  int rc = 0;
  bool more = true;
  while (rc == 0 && !v->failed) {
    while (more && uh_dns_pending(v->dns) < PENDING && !v->failed) more = view_next(v);
    if (!uh_dns_pending(v->dns)) break;
    rc = uh_dns_run(v->dns, more ? PENDING : 1, view_stopped, v, &v->err);
    view_tell(v);
  }
  return v->failed ? -1 : rc;
}

static void view_clear(struct view *v) {
  v->dns = uh_dns_free(v->dns);
  for (struct domain *d = v->active, *next; d; d = next) {
    next = d->next;
    domain_free(d);
  }
  for (struct shared *entry = v->oldest, *newer; entry; entry = newer) {
    newer = entry->newer;
    shared_free(entry);
  }
  uh_str_clear(&v->json);
}

static void view_report(struct view *v, int rc, const struct uh_dns_stats *stats) {
  struct uh_observe *o = v->observe;
  unsigned long long unreachable = v->outcomes[UH_DNS_UNREACHABLE];
  if (rc < 0)
    uh_observe_set(o, "dns", v->name, "", "failed", v->err.answer, v->written, "%s", v->err.what);
  else if (rc > 0)
    uh_observe_set(o, "dns", v->name, "", "partial", UH_NOT_ASKED, v->written, "interrupted");
  else if (stats->asked && !stats->replied)
    uh_observe_set(o, "dns", v->name, "", "failed", UH_TIMEOUT, v->written, "no name server of the %s view answers",
                   v->name);
  else if (unreachable)
    uh_observe_set(o, "dns", v->name, "", "partial", UH_TIMEOUT, v->written,
                   "%llu questions found no name server that answers", unreachable);
  else if (v->cut)
    uh_observe_set(o, "dns", v->name, "", "partial", UH_NOT_ASKED, v->written,
                   "%u mail exchangers or service targets beyond the first %d of a domain were not asked for", v->cut,
                   EXCHANGERS_MAX);
  else if (!v->list_complete)
    uh_observe_set(o, "dns", v->name, "", "partial", UH_NOT_ASKED, v->written,
                   "the list of accepted domains is not complete");
  else
    uh_observe_set(o, "dns", v->name, "", "complete", UH_VALUE, v->written, "%s", "");
}

static void *view_run(void *user) {
  struct view *v = user;
  struct uh_dns_stats stats = {0};
  struct uh_dns_options options = {.servers = (const char *const *)v->servers->v, .n_servers = v->servers->n};
  int rc = uh_dns_open(&options, &v->dns, &v->err);
  if (rc == 0) rc = uh_rows_open(uh_observe_facts(v->observe), UH_T_dns, &v->rows, &v->err);
  if (rc == 0) {
    rc = view_ask(v);
    view_tell(v);
    stats = uh_dns_stats(v->dns);
  }
  if (uh_rows_close(v->rows, &v->err) < 0) rc = -1;
  if (rc < 0) v->failed = true;
  view_report(v, rc, &stats);
  view_clear(v);
  return NULL;
}

/* ---- the source ---- */

static int views_run(struct view *views, size_t n, struct uh_err *err) {
  bool started[2] = {false};
  int rc = 0;
  for (size_t i = 0; i < n; i++) {
    started[i] = !pthread_create(&views[i].thread, NULL, view_run, &views[i]);
    if (!started[i]) (void)view_run(&views[i]); /* one after the other then */
  }
  for (size_t i = 0; i < n; i++) {
    if (started[i]) (void)pthread_join(views[i].thread, NULL);
    if (!views[i].failed) continue;
    if (rc == 0 && err) *err = views[i].err;
    rc = -1;
  }
  return rc;
}

static int observe_dns(struct uh_observe *observe, struct uh_err *err) {
  const struct uh_dns_config *config = uh_observe_config(observe)->dns;
  const struct {
    const char *name;
    const struct uh_strings *servers;
  } all[] = {{"public", &config->public_servers}, {"internal", &config->internal_servers}};
  UH_CLEANUP(uh_names_clear) struct uh_names domains = {0};
  UH_CLEANUP(uh_names_clear) struct uh_names hosts = {0};
  size_t n_views = 0;
  bool complete = false;
  if (uh_observe_wants(observe, "dns", "DnsRecord")) return uh_dns_question_ask(observe, err);
  if (uh_observe_accepted_domains(observe, &domains, &complete, err) < 0 ||
      uh_observe_server_hosts(observe, &hosts, err) < 0)
    return -1;
  uh_dns_domains_to_ask(observe, &domains);
  struct view *views = calloc(2, sizeof *views);
  for (size_t i = 0; i < 2 && views; i++) {
    if (!uh_observe_wants(observe, "dns", all[i].name)) continue;
    if (!all[i].servers->n) {
      uh_observe_set(observe, "dns", all[i].name, "", "not-configured", UH_NOT_ASKED, 0,
                     "no name server of the %s view is configured", all[i].name);
      continue;
    }
    views[n_views++] = (struct view){.name = all[i].name,
                                     .servers = all[i].servers,
                                     .observe = observe,
                                     .domains = domains.v,
                                     .n_domains = domains.n,
                                     .hosts = hosts.v,
                                     .n_hosts = hosts.n,
                                     .list_complete = complete,
                                     .err = UH_ERR_INIT};
  }
  int rc = views ? views_run(views, n_views, err) : uh_fail_nomem(err);
  free(views);
  return rc;
}

static const char *not_configured(const struct uh_config *config) {
  if (!config->dns) return "no dns section";
  return config->dns->public_servers.n || config->dns->internal_servers.n ? NULL : "the dns section names no server";
}

const struct uh_source uh_source_dns = {
    .id = "dns",
    .not_configured = not_configured,
    .sets = "dns:public dns:internal dns:DnsRecord",
    .after = "directory exchange-server exchange-online exchange-export exchange-online-export",
    .observe = observe_dns,
};
