/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resolver. c-ares sends, repeats and matches ids; here are the windows, the health of servers, and what follows
 * from each end. Each server has channels of its own (UDP and TCP), so that one server's trouble is its own. Only
 * calls that c-ares 1.18 has. Its parsers and error mapping play no part: NOCHECKRESP hands every response through.
 */
#include "wire/dns.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/time.h>
#include <unistd.h>

#include "wire/clock.h"

#define TIMEOUT_MS 500
#define TRIES 5
#define TIMEOUT_MS_MAX 60000
#define TRIES_MAX 10
#define ROUNDS 2
#define TCP_TRIES 2
#define TCP_TIMEOUT_FACTOR 8 /* of timeout_ms: a connection takes longer than a datagram */
#define TICK_MS 50
#define REFUSALS 5 /* bursts of ICMP refusals, each after a longer pause, before a server counts as dead */
#define EVENTS 32
#define CARES_UDP_SIZE 4096 /* c-ares cuts what is longer; we offer less: room for servers that overdo it */
#define PLAIN_UDP_SIZE 512
#define IDS 128 /* 256 bytes: getrandom gives them whole */

struct alias {
  char *owner, *target;
  uint32_t ttl;
};

struct question {
  struct question *next, *prev;
  struct uh_dns *dns;
  uh_dns_callback callback;
  void *user;
  struct server *server; /* that it waits for or was sent to */
  int64_t sent_ms;
  const char *current; /* end of the aliases so far */
  struct alias *aliases;
  unsigned n_aliases;
  unsigned rounds, tcp_tries;
  uint8_t tried; /* bit per server that said no or nothing */
  bool tcp, plain, lost, has_kept;
  bool edns;                /* as sent last */
  enum uh_dns_outcome kept; /* what an earlier server said, should the others say less */
  struct server *kept_server;
  unsigned kept_rcode;
  uint16_t type, id;
  char name[];
};

struct list {
  struct question *first, *last;
};

struct server {
  struct uh_dns *dns;
  unsigned index;
  char text[INET6_ADDRSTRLEN + 16];
  struct ares_addr_port_node address;
  ares_channel channel[2]; /* UDP, TCP */
  struct list ready, flight;
  unsigned n_flight, window;
  unsigned epoch_sent, epoch_lost;
  bool epoch_full;
  int64_t epoch_ms, reply_ms, hold_ms;
  unsigned silent, refusals;
  bool plain; /* does not understand EDNS0 */
  bool dying, dead;
};

struct uh_dns {
  struct server server[UH_DNS_SERVERS_MAX];
  unsigned n_servers, timeout_ms, tries, window;
  int epoll;
  struct list orphans; /* no server is left for them */
  size_t pending;
  int64_t now_ms, tick_ms;
  struct uh_dns_message message;
  struct uh_dns_stats stats;
  uint16_t ids[IDS];
  unsigned n_ids;
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static void library_init(void) {
  (void)ares_library_init(ARES_LIB_INIT_ALL);
}

/* ---- lists ---- */

static void push(struct list *list, struct question *q) {
  q->next = NULL;
  q->prev = list->last;
  if (list->last)
    list->last->next = q;
  else
    list->first = q;
  list->last = q;
}

static void push_first(struct list *list, struct question *q) {
  q->prev = NULL;
  q->next = list->first;
  if (list->first)
    list->first->prev = q;
  else
    list->last = q;
  list->first = q;
}

static void take(struct list *list, struct question *q) {
  if (q->prev)
    q->prev->next = q->next;
  else
    list->first = q->next;
  if (q->next)
    q->next->prev = q->prev;
  else
    list->last = q->prev;
  q->next = q->prev = NULL;
}

static void question_free(struct question *q) {
  for (unsigned i = 0; i < q->n_aliases; i++) {
    free(q->aliases[i].owner);
    free(q->aliases[i].target);
  }
  free(q->aliases);
  free(q);
}

static void list_free(struct list *list) {
  while (list->first) {
    struct question *q = list->first;
    take(list, q);
    question_free(q);
  }
}

/* ---- opening ---- */

/* address[:port] or [v6]:port */
static int server_parse(const char *text, struct server *s, struct uh_err *err) {
  char host[INET6_ADDRSTRLEN];
  const char *start = text, *end = text + strlen(text), *colon = strchr(text, ':');
  const char *port = NULL;
  if (*text == '[') {
    start = text + 1;
    end = strchr(text, ']');
    if (!end || (end[1] && end[1] != ':'))
      return uh_fail(err, UH_ERR_CONFIG, "%.*s is no server address", UH_HEAD(text, 100));
    port = end[1] ? end + 2 : NULL;
  } else if (colon && !strchr(colon + 1, ':')) {
    end = colon;
    port = colon + 1;
  }
  size_t n = (size_t)(end - start);
  long number = 53;
  if (port) {
    char *rest;
    errno = 0;
    number = strtol(port, &rest, 10);
    if (*port < '0' || *port > '9' || *rest || errno || number < 1 || number > 65535)
      return uh_fail(err, UH_ERR_CONFIG, "%.*s has no valid port", UH_HEAD(text, 100));
  }
  if (n >= sizeof host) return uh_fail(err, UH_ERR_CONFIG, "%.*s is no server address", UH_HEAD(text, 100));
  memcpy(host, start, n);
  host[n] = 0;
  s->address.udp_port = s->address.tcp_port = (int)number;
  s->address.family = AF_INET;
  bool v6 = false;
  if (inet_pton(AF_INET, host, &s->address.addr.addr4) != 1) {
    s->address.family = AF_INET6;
    v6 = true;
    if (inet_pton(AF_INET6, host, &s->address.addr.addr6) != 1)
      return uh_fail(err, UH_ERR_CONFIG, "%.*s is no server address (address[:port] or [v6]:port; no host names)",
                     UH_HEAD(text, 100));
  }
  (void)inet_ntop(s->address.family, &s->address.addr, host, sizeof host);
  (void)snprintf(s->text, sizeof s->text, v6 ? "[%s]:%ld" : "%s:%ld", host, number);
  return 0;
}

/* data is the server, with the lowest bit set for its TCP channel. */
static void socket_state(void *data, ares_socket_t fd, int readable, int writable) {
  struct server *s = (struct server *)((uintptr_t)data & ~(uintptr_t)1);
  uint64_t number = s->index * 2u + (unsigned)((uintptr_t)data & 1);
  struct epoll_event event = {.events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u),
                              .data.u64 = number << 32 | (uint32_t)fd};
  if (!readable && !writable) {
    (void)epoll_ctl(s->dns->epoll, EPOLL_CTL_DEL, fd, NULL);
    return;
  }
  if (epoll_ctl(s->dns->epoll, EPOLL_CTL_MOD, fd, &event) && errno == ENOENT)
    (void)epoll_ctl(s->dns->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int channel_open(struct uh_dns *dns, struct server *s, unsigned which, struct uh_err *err) {
  static char lookups[] = "b", no_resolv_conf[] = "/dev/null";
  int common = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP;
  struct ares_options options = {
      .flags = which ? common | ARES_FLAG_USEVC : common | ARES_FLAG_IGNTC | ARES_FLAG_EDNS,
      .timeout = (int)(which ? dns->timeout_ms * TCP_TIMEOUT_FACTOR : dns->timeout_ms),
      .tries = which ? 1 : (int)dns->tries,
      .ndots = 1,
      .lookups = lookups,
      .ednspsz = CARES_UDP_SIZE,
      .resolvconf_path = no_resolv_conf,
      .socket_receive_buffer_size = 1 << 18,
      .sock_state_cb = socket_state,
      .sock_state_cb_data = (void *)((uintptr_t)s | which),
  };
  int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_DOMAINS |
             ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ | ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE |
             ARES_OPT_SORTLIST | ARES_OPT_SOCK_RCVBUF;
  int status = ares_init_options(&s->channel[which], &options, mask);
  if (status == ARES_SUCCESS) status = ares_set_servers_ports(s->channel[which], &s->address);
  if (status != ARES_SUCCESS) return uh_fail(err, UH_ERR_INTERNAL, "c-ares: %s", ares_strerror(status));
  return 0;
}

int uh_dns_open(const struct uh_dns_options *options, struct uh_dns **ret_dns, struct uh_err *err) {
  (void)pthread_once(&library_once, library_init);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return uh_fail(err, UH_ERR_INTERNAL, "epoll: %s", strerror(errno));
  UH_CLEANUP(uh_dns_freep) struct uh_dns *dns = calloc(1, sizeof *dns);
  if (!dns) {
    (void)close(epoll);
    return uh_fail_nomem(err);
  }
  dns->epoll = epoll;
  if (!options->n_servers || options->n_servers > UH_DNS_SERVERS_MAX)
    return uh_fail(err, UH_ERR_CONFIG, "%zu name servers, where 1 to %d are possible", options->n_servers,
                   UH_DNS_SERVERS_MAX);
  if (options->timeout_ms > TIMEOUT_MS_MAX || options->tries > TRIES_MAX)
    return uh_fail(err, UH_ERR_CONFIG, "timeout or number of tries out of range");
  dns->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS;
  dns->tries = options->tries ? options->tries : TRIES;
  dns->window = options->window ? options->window : UH_DNS_WINDOW;
  if (uh_dns_message_init(&dns->message, err)) return -1;
  dns->now_ms = uh_clock_ms();
  for (unsigned i = 0; i < options->n_servers; i++) {
    struct server *s = &dns->server[i];
    *s = (struct server){.dns = dns, .index = i, .window = dns->window, .epoch_ms = dns->now_ms};
    dns->n_servers++;
    if (server_parse(options->servers[i], s, err) || channel_open(dns, s, 0, err) || channel_open(dns, s, 1, err))
      return -1;
  }
  dns->stats.window_lowest = dns->window;
  *ret_dns = UH_TAKE(dns);
  return 0;
}

struct uh_dns *uh_dns_free(struct uh_dns *dns) {
  if (!dns) return NULL;
  for (unsigned i = 0; i < dns->n_servers; i++) {
    struct server *s = &dns->server[i];
    for (int k = 0; k < 2; k++)
      if (s->channel[k]) ares_destroy(s->channel[k]); /* calls back with ARES_EDESTRUCTION */
    list_free(&s->ready);
    list_free(&s->flight);
  }
  list_free(&dns->orphans);
  uh_dns_message_clear(&dns->message);
  (void)close(dns->epoll);
  free(dns);
  return NULL;
}

void uh_dns_freep(struct uh_dns **dns) {
  (void)uh_dns_free(*dns);
}

size_t uh_dns_pending(const struct uh_dns *dns) {
  return dns->pending;
}

struct uh_dns_stats uh_dns_stats(const struct uh_dns *dns) {
  struct uh_dns_stats stats = dns->stats;
  stats.window = dns->server[0].window;
  return stats;
}

/* ---- the way of a question ---- */

/* The first server that is alive and has not been tried by this question; any that is alive where all were tried. */
static struct server *choose(struct uh_dns *dns, const struct question *q, bool again) {
  for (unsigned i = 0; i < dns->n_servers; i++)
    if (!dns->server[i].dead && !(q->tried & 1u << i)) return &dns->server[i];
  for (unsigned i = 0; again && i < dns->n_servers; i++)
    if (!dns->server[i].dead) return &dns->server[i];
  return NULL;
}

/* Queues the question for a server. Without one it becomes an orphan, which ends in uh_dns_run. */
static void queue(struct uh_dns *dns, struct question *q, struct server *s, bool ahead) {
  if (!s) {
    push(&dns->orphans, q);
    return;
  }
  q->server = s;
  if (ahead)
    push_first(&s->ready, q);
  else
    push(&s->ready, q);
}

int uh_dns_ask(struct uh_dns *dns, const char *name, uint16_t type, uh_dns_callback callback, void *user,
               struct uh_err *err) {
  char key[UH_DNS_NAME_TEXT];
  size_t n = strlen(name);
  bool valid = uh_dns_name_key(name, n, key);
  if (valid) n = strlen(key);
  struct question *q = calloc(1, sizeof *q + n + 1);
  if (!q) return uh_fail_nomem(err);
  memcpy(q->name, valid ? key : name, n + 1);
  q->dns = dns;
  q->type = type;
  q->callback = callback;
  q->user = user;
  q->current = q->name;
  dns->pending++;
  dns->stats.asked++;
  if (!valid) {
    q->has_kept = true;
    q->kept = UH_DNS_MALFORMED;
  }
  queue(dns, q, valid ? choose(dns, q, true) : NULL, false);
  return 0;
}

/* Ends a question: tells who asked. */
static void finish(struct question *q, enum uh_dns_outcome outcome, const char *detail) {
  struct uh_dns *dns = q->dns;
  struct uh_dns_reply reply = {.outcome = outcome,
                               .name = q->name,
                               .type = q->type,
                               .detail = detail,
                               .server = q->server ? q->server->text : "",
                               .records = dns->message.records,
                               .n = dns->message.n,
                               .rcode = dns->message.rcode};
  if (outcome == UH_DNS_UNREACHABLE) dns->stats.unreachable++;
  dns->pending--;
  q->callback(q->user, &reply);
  question_free(q);
}

static void aliases_restore(struct question *q) {
  uh_dns_message_reset(&q->dns->message);
  for (unsigned i = 0; i < q->n_aliases; i++)
    uh_dns_message_alias(&q->dns->message, q->aliases[i].owner, q->aliases[i].target, q->aliases[i].ttl);
}

/* Ends a question that no server gave a usable answer to: an earlier server's word counts more than silence. */
static void finish_without(struct question *q, enum uh_dns_outcome outcome, const char *detail) {
  aliases_restore(q);
  if (!q->has_kept) {
    finish(q, outcome, detail);
    return;
  }
  if (!q->kept_server)
    detail = "this is no name that DNS can be asked for";
  else if (q->kept == UH_DNS_MALFORMED)
    detail = "the answer was broken; no other server answered";
  else if (q->kept == UH_DNS_TRUNCATED)
    detail = "too long for UDP, and TCP failed; no other server answered";
  else
    detail = "";
  q->server = q->kept_server;
  q->dns->message.rcode = q->kept_rcode;
  finish(q, q->kept, detail);
}

static uint16_t next_id(struct uh_dns *dns) {
  if (!dns->n_ids) {
    if (getrandom(dns->ids, sizeof dns->ids, 0) != (ssize_t)sizeof dns->ids)
      for (unsigned i = 0; i < IDS; i++) dns->ids[i] = (uint16_t)((uint64_t)uh_clock_ms() * 31 + (uint64_t)i * 7919);
    dns->n_ids = IDS;
  }
  return dns->ids[--dns->n_ids];
}

/* The server said something, anything: it lives. */
static void heard(struct server *s) {
  s->reply_ms = s->dns->now_ms;
  s->dns->stats.replied++;
  s->silent = s->refusals = 0;
}

/* Remembers that the name goes on elsewhere. false: too far, or out of memory. */
static bool ask_on(struct question *q) {
  struct uh_dns_message *m = &q->dns->message;
  if (q->n_aliases >= UH_DNS_ASK_ON || m->n <= q->n_aliases || m->n > UH_DNS_ALIASES_MAX) return false;
  struct alias *grown = realloc(q->aliases, m->n * sizeof *grown);
  if (!grown) return false;
  q->aliases = grown;
  while (q->n_aliases < m->n) {
    const struct uh_dns_record *r = &m->records[q->n_aliases];
    struct alias alias = {strdup(r->name), strdup(r->value), r->ttl};
    if (!alias.owner || !alias.target) {
      free(alias.owner);
      free(alias.target);
      return false;
    }
    q->aliases[q->n_aliases++] = alias;
    q->current = alias.target;
  }
  q->tried = 0;
  q->tcp = false;
  q->id = 0;
  return true;
}

/* Keeps what this server said while another one is asked. */
static void keep(struct question *q, enum uh_dns_outcome outcome, unsigned rcode) {
  q->has_kept = true;
  q->kept = outcome;
  q->kept_server = q->server;
  q->kept_rcode = rcode;
  q->tcp = q->plain = false;
}

static void answered(struct question *q, const uint8_t *data, size_t n) {
  struct uh_dns *dns = q->dns;
  struct server *s = q->server;
  struct uh_dns_message *m = &dns->message;
  heard(s);
  aliases_restore(q);
  enum uh_dns_outcome outcome = uh_dns_parse(data, n, q->current, q->type, m);
  if (outcome == UH_DNS_SERVFAIL && (m->rcode == 1 || m->rcode == 4 || m->rcode == 16) && q->edns && !q->tcp) {
    /* FORMERR, NOTIMP, BADVERS: it may not know EDNS0. Only this question is asked without, until that helps. */
    q->plain = true;
    queue(dns, q, s, true);
    return;
  }
  if (q->plain && outcome != UH_DNS_SERVFAIL) s->plain = true;
  /* After a FORMERR c-ares cuts what is longer than this. */
  if (outcome == UH_DNS_MALFORMED && n == PLAIN_UDP_SIZE) outcome = UH_DNS_TRUNCATED;
  if (outcome == UH_DNS_TRUNCATED && !q->tcp) {
    q->tcp = true;
    queue(dns, q, s, true);
    return;
  }
  if (m->chain_open && ask_on(q)) {
    queue(dns, q, choose(dns, q, true), true);
    return;
  }
  if (m->chain_open) {
    outcome = UH_DNS_MALFORMED;
    (void)snprintf(m->detail, sizeof m->detail, "too many aliases, or a circle of them");
  }
  if (outcome == UH_DNS_SERVFAIL || outcome == UH_DNS_REFUSED || outcome == UH_DNS_MALFORMED) {
    q->tried |= (uint8_t)(1u << s->index);
    struct server *other = choose(dns, q, false);
    if (other) {
      keep(q, outcome, m->rcode);
      queue(dns, q, other, false);
      return;
    }
  }
  finish(q, outcome, m->detail);
}

/* The server's host refuses the packets. That may be a restart: pause, longer each time. */
static void refused(struct question *q) {
  struct uh_dns *dns = q->dns;
  struct server *s = q->server;
  if (dns->now_ms >= s->hold_ms) {
    s->hold_ms = dns->now_ms + ((int64_t)dns->timeout_ms / 4 << s->refusals);
    if (++s->refusals >= REFUSALS) s->dying = true;
  }
  queue(dns, q, s, true);
}

/* A round over UDP brought nothing. */
static void exhausted(struct question *q) {
  struct uh_dns *dns = q->dns;
  struct server *s = q->server;
  if (s->refusals) { /* one refusal is told for many packets */
    refused(q);
    return;
  }
  if (s->reply_ms <= q->sent_ms && ++s->silent >= UH_DNS_DEAD_AFTER) s->dying = true;
  q->rounds++;
  q->tried |= (uint8_t)(1u << s->index);
  struct server *other = choose(dns, q, false);
  if (!other && q->rounds < ROUNDS && !s->dying) other = s;
  if (other && q->rounds < ROUNDS + dns->n_servers) {
    queue(dns, q, other, false);
    return;
  }
  finish_without(q, UH_DNS_TIMEOUT, "no answer in time");
}

static void tcp_failed(struct question *q, int status) {
  char detail[120];
  if (++q->tcp_tries < TCP_TRIES && !q->server->dead &&
      !q->server->dying) { /* may have been an idle connection's end */
    queue(q->dns, q, q->server, true);
    return;
  }
  (void)snprintf(detail, sizeof detail, "too long for UDP, and TCP failed: %s", ares_strerror(status));
  q->tried |= (uint8_t)(1u << q->server->index);
  struct server *other = choose(q->dns, q, false);
  if (other) {
    keep(q, UH_DNS_TRUNCATED, 0);
    q->tcp_tries = 0;
    queue(q->dns, q, other, false);
    return;
  }
  q->has_kept = false;
  finish_without(q, UH_DNS_TRUNCATED, detail);
}

static void on_end(void *arg, int status, int timeouts, unsigned char *data, int n) {
  struct question *q = arg;
  struct uh_dns *dns = q->dns;
  struct server *s = q->server;
  (void)timeouts;
  take(&s->flight, q);
  s->n_flight--;
  if (status == ARES_EDESTRUCTION) {
    question_free(q);
  } else if (status == ARES_SUCCESS) {
    answered(q, data, (size_t)n);
  } else if (status == ARES_ECANCELLED) { /* the server is dead */
    if (q->tcp)
      tcp_failed(q, ARES_ETIMEOUT);
    else
      queue(dns, q, choose(dns, q, true), true);
  } else if (q->tcp) {
    tcp_failed(q, status);
  } else if (status == ARES_ETIMEOUT) {
    exhausted(q);
  } else if (status == ARES_ENOMEM || status == ARES_EBADQUERY || status == ARES_EBADRESP) {
    finish_without(q, UH_DNS_TIMEOUT, ares_strerror(status));
  } else { /* ECONNREFUSED stands for every error of the socket */
    refused(q);
  }
}

static void send_question(struct server *s, struct question *q) {
  struct uh_dns *dns = s->dns;
  uint8_t query[UH_DNS_QUERY_MAX];
  size_t n = 0;
  take(&s->ready, q);
  if (!q->id) q->id = next_id(dns);
  /* The name was read in uh_dns_ask or came from a parsed answer: it can be written. */
  q->edns = !q->plain && !s->plain;
  if (uh_dns_query(q->current, q->type, q->id, q->edns, query, &n)) {
    finish_without(q, UH_DNS_MALFORMED, "this is no name that DNS can be asked for");
    return;
  }
  push(&s->flight, q);
  s->n_flight++;
  s->epoch_sent++;
  if (s->n_flight >= s->window) s->epoch_full = true;
  q->sent_ms = dns->now_ms;
  q->lost = false;
  dns->stats.sent++;
  if (q->tcp) dns->stats.over_tcp++;
  ares_send(s->channel[q->tcp], query, (int)n, on_end, q); /* may call on_end before it returns */
}

/* ---- windows, health, the loop ---- */

/* Counts what has not been answered in its first timeout, and sets the window by the share of it. */
static void measure(struct server *s) {
  struct uh_dns *dns = s->dns;
  for (struct question *q = s->flight.first; q; q = q->next) {
    if (q->lost || dns->now_ms - q->sent_ms <= (int64_t)dns->timeout_ms * (q->tcp ? TCP_TIMEOUT_FACTOR : 1)) continue;
    q->lost = true;
    s->epoch_lost++;
    dns->stats.lost++;
  }
  if (dns->now_ms - s->epoch_ms < (int64_t)dns->timeout_ms) return;
  unsigned sent = s->epoch_sent > s->epoch_lost ? s->epoch_sent : s->epoch_lost;
  unsigned least = dns->window < UH_DNS_WINDOW_MIN ? dns->window : UH_DNS_WINDOW_MIN;
  if (s->epoch_lost * 20 > sent) {
    unsigned part = s->epoch_lost * 100 / sent;
    s->window -= s->window * (part > 50 ? 50 : part) / 100;
    if (s->window < least) s->window = least;
  } else if (s->epoch_full) {
    s->window += 1 + s->window / 4;
    if (s->window > dns->window) s->window = dns->window;
  }
  if (s->window < dns->stats.window_lowest) dns->stats.window_lowest = dns->stats.window_regrown = s->window;
  if (s->window > dns->stats.window_regrown) dns->stats.window_regrown = s->window;
  s->epoch_sent = s->epoch_lost = 0;
  s->epoch_full = false;
  s->epoch_ms = dns->now_ms;
}

static void bury(struct server *s) {
  struct uh_dns *dns = s->dns;
  struct list waiting = s->ready;
  s->dead = true;
  s->ready = (struct list){0};
  ares_cancel(s->channel[0]);
  ares_cancel(s->channel[1]);
  while (waiting.first) {
    struct question *q = waiting.first;
    take(&waiting, q);
    if (q->tcp)
      tcp_failed(q, ARES_ETIMEOUT);
    else
      queue(dns, q, choose(dns, q, true), false);
  }
}

static void tick(struct uh_dns *dns) {
  dns->tick_ms = dns->now_ms;
  for (unsigned i = 0; i < dns->n_servers; i++) {
    struct server *s = &dns->server[i];
    for (int k = 0; k < 2; k++) ares_process_fd(s->channel[k], ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    measure(s);
  }
}

static void pump(struct uh_dns *dns) {
  for (unsigned i = 0; i < dns->n_servers; i++) {
    struct server *s = &dns->server[i];
    if (s->dying && !s->dead) bury(s);
    while (!s->dead && s->ready.first && s->n_flight < s->window && dns->now_ms >= s->hold_ms)
      send_question(s, s->ready.first);
  }
  while (dns->orphans.first) {
    struct question *q = dns->orphans.first;
    take(&dns->orphans, q);
    finish_without(q, q->rounds ? UH_DNS_TIMEOUT : UH_DNS_UNREACHABLE, "no server is left that answers");
  }
}

static void handle(struct uh_dns *dns, const struct epoll_event *event) {
  uint64_t number = event->data.u64 >> 32;
  ares_socket_t fd = (ares_socket_t)(uint32_t)event->data.u64;
  bool in = event->events & (EPOLLIN | EPOLLERR | EPOLLHUP), out = event->events & EPOLLOUT;
  ares_process_fd(dns->server[number / 2].channel[number % 2], in ? fd : ARES_SOCKET_BAD, out ? fd : ARES_SOCKET_BAD);
}

int uh_dns_run(struct uh_dns *dns, size_t below, bool (*stopped)(void *user), void *user, struct uh_err *err) {
  struct epoll_event events[EVENTS];
  int64_t asked_ms = 0;
  for (;;) {
    dns->now_ms = uh_clock_ms();
    pump(dns);
    if (stopped && dns->now_ms - asked_ms >= INT64_C(2) * TICK_MS) {
      asked_ms = dns->now_ms;
      if (stopped(user)) return 1;
    }
    if (dns->pending < below) return 0;
    int n = epoll_wait(dns->epoll, events, EVENTS, TICK_MS);
    if (n < 0 && errno != EINTR) return uh_fail(err, UH_ERR_INTERNAL, "epoll: %s", strerror(errno));
    dns->now_ms = uh_clock_ms();
    for (int i = 0; i < n; i++) handle(dns, &events[i]);
    /* What has arrived is read before anything counts as late: a callback may have kept us waiting. */
    if (dns->now_ms - dns->tick_ms >= TICK_MS) tick(dns);
  }
}
