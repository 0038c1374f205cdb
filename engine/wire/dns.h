/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_WIRE_DNS_H
#define UH_WIRE_DNS_H
/*
 * DNS questions in bulk, over c-ares. Two parts: messages (pure functions, no I/O, for any bytes) and a resolver.
 *
 * Names are in key form wherever they come out: ASCII lower case, no final dot ("." is the root), a dot or backslash
 * inside a label as \. and \\, any byte that is no printable ASCII as \DDD. The same form is understood going in.
 */
#include <unhybrid/base.h>

/* What came of a question. These are nine different facts and are never merged. */
enum uh_dns_outcome {
  UH_DNS_ANSWER,      /* at least one record of the type asked */
  UH_DNS_NXDOMAIN,    /* there is no such name */
  UH_DNS_NODATA,      /* the name exists and has no record of that type */
  UH_DNS_SERVFAIL,    /* the server tried and failed, or answered with an rcode that says nothing about the name */
  UH_DNS_REFUSED,     /* the server will not say: REFUSED, or a bare referral from one that does not recurse */
  UH_DNS_TIMEOUT,     /* asked, and asked again, no answer; the server answers others, or this was among the first */
  UH_DNS_TRUNCATED,   /* the answer is too long for UDP, and TCP to the server does not work */
  UH_DNS_MALFORMED,   /* the answer is broken or about something else; or the name cannot be asked at all */
  UH_DNS_UNREACHABLE, /* no server is left that answers; this question was not answered, mostly not even sent */
};
const char *uh_dns_outcome_name(enum uh_dns_outcome outcome); /* "answer", "nxdomain", ... */
/* VALUE; NONE (nxdomain, nodata); REFUSED; TIMEOUT (timeout, unreachable, servfail, truncated, malformed). */
enum uh_answer uh_dns_outcome_answer(enum uh_dns_outcome outcome);

enum uh_dns_type { UH_DNS_A = 1, UH_DNS_CNAME = 5, UH_DNS_MX = 15, UH_DNS_TXT = 16, UH_DNS_AAAA = 28, UH_DNS_SRV = 33 };
const char *uh_dns_type_name(uint16_t type);                  /* "MX"; "?" for one that is not listed above */
bool uh_dns_type_parse(const char *text, uint16_t *ret_type); /* upper case */

/* ---- messages ---- */

#define UH_DNS_NAME_TEXT 1025        /* key form of the longest name, with NUL */
#define UH_DNS_QUERY_MAX 300         /* the longest query */
#define UH_DNS_UDP_SIZE 1232         /* what EDNS0 offers: passes every path without fragments (DNS flag day 2020) */
#define UH_DNS_RECORDS_MAX 1024      /* records of one answer section */
#define UH_DNS_TEXT_MAX (256u << 10) /* bytes of names and texts of one answer */
#define UH_DNS_ALIASES_MAX 16        /* CNAMEs in a row */

struct uh_dns_record {
  uint16_t type;
  uint16_t preference, weight, port; /* MX: preference; SRV: preference is the priority */
  uint32_t ttl;
  const char *name;  /* owner */
  const char *value; /* MX exchange, CNAME and SRV target, A and AAAA address as text; TXT: strings joined, any bytes */
  size_t value_len;
};

/* An answer taken apart. Owns its memory, which is reused from answer to answer. */
struct uh_dns_message {
  struct uh_dns_record *records; /* aliases first, in order, then records of the type asked; nothing unrelated */
  size_t n;
  unsigned rcode;   /* with EDNS's upper bits */
  bool recursion;   /* RA */
  bool edns;        /* holds an OPT record */
  bool chain_open;  /* ends in an alias, and the message says nothing about what that leads to */
  char detail[160]; /* what a person needs to know, "" */
  /* private */
  struct uh_dns_raw *raw;
  char *text;
  size_t text_len;
};
int uh_dns_message_init(struct uh_dns_message *message, struct uh_err *err);
void uh_dns_message_clear(struct uh_dns_message *message);
void uh_dns_message_reset(struct uh_dns_message *message);
/* Puts an alias that is known from elsewhere before the records that a parse will add. */
void uh_dns_message_alias(struct uh_dns_message *message, const char *owner, const char *target, uint32_t ttl);
/* Takes apart a response to the question name/type (class IN), adding its records to the message. Any bytes are fine.
 * NODATA with chain_open set is not known to be NODATA: ask on for the last alias's target. */
enum uh_dns_outcome uh_dns_parse(const uint8_t *data, size_t n, const char *name, uint16_t type,
                                 struct uh_dns_message *message);
/* A query with recursion desired. -1: the name is no DNS name (a label over 63, all over 255, an empty label). */
int uh_dns_query(const char *name, uint16_t type, uint16_t id, bool edns, uint8_t out[UH_DNS_QUERY_MAX], size_t *ret_n);
/* A name's key form. false: no DNS name. */
bool uh_dns_name_key(const char *name, size_t n, char ret_key[UH_DNS_NAME_TEXT]);

/* ---- resolver ---- */

/*
 * A resolver asks the servers of one view. One thread at a time. Search list, hosts file and resolv.conf play no part.
 *
 * Servers are used in the order given: the first asks all, the next ones stand in where one is dead, silent, refuses
 * or fails. At most `window` questions are in flight to a server; where more than a twentieth stay unanswered for
 * timeout_ms the window shrinks, and it grows again when loss ends. A question is sent up to `tries` times, waiting
 * timeout_ms, twice that, four times.. (one round: 15.5 s with the defaults), in at most two rounds; the same id is
 * kept, so a late answer counts. A server is dead when UH_DNS_DEAD_AFTER questions in a row ended without any word from
 * it since they were sent, or when it refuses packets for longer than a pause takes to outlast a restart. Dead is for
 * good: what waits for it goes to another server at once, or is UNREACHABLE. So a dead server costs one round in all.
 * Truncated over UDP is asked again over TCP. An alias whose end the server does not tell (authoritative servers do
 * not chase them) is followed by asking on, UH_DNS_ASK_ON times at most.
 */
#define UH_DNS_SERVERS_MAX 8
#define UH_DNS_WINDOW 64
#define UH_DNS_WINDOW_MIN 8
#define UH_DNS_DEAD_AFTER 4
#define UH_DNS_ASK_ON 8

struct uh_dns_options {
  const char *const *servers; /* address[:port], [v6]:port */
  size_t n_servers;
  unsigned timeout_ms; /* of the first try; 0: 500 */
  unsigned tries;      /* in a round; 0: 5 */
  unsigned window;     /* 0: UH_DNS_WINDOW */
};
struct uh_dns_reply { /* borrowed: lives until the callback returns */
  enum uh_dns_outcome outcome;
  const char *name; /* as asked, key form (as given where it is no DNS name) */
  uint16_t type;
  const char *server;                  /* address:port that answered, or was asked last; "" where none was left */
  const struct uh_dns_record *records; /* also with nxdomain, nodata..: the aliases that led there */
  size_t n;
  unsigned rcode;
  const char *detail;
};
typedef void (*uh_dns_callback)(void *user, const struct uh_dns_reply *reply);
struct uh_dns_stats {
  uint64_t asked, sent, lost, over_tcp, unreachable; /* sent: datagrams and TCP queries without c-ares' repeats */
  uint64_t replied;                                  /* responses of any kind */
  unsigned window, window_lowest;                    /* of the first server */
  unsigned window_regrown;                           /* the widest since it was narrowest */
};

struct uh_dns;
int uh_dns_open(const struct uh_dns_options *options, struct uh_dns **ret_dns, struct uh_err *err);
struct uh_dns *uh_dns_free(struct uh_dns *UH_NULLABLE dns); /* what is pending is dropped without a callback */
void uh_dns_freep(struct uh_dns **dns);
/* Queues a question. The callback comes from uh_dns_run, never from here, and may ask further. */
int uh_dns_ask(struct uh_dns *dns, const char *name, uint16_t type, uh_dns_callback callback, void *user,
               struct uh_err *err);
size_t uh_dns_pending(const struct uh_dns *dns);
/* Works until fewer than `below` questions are pending (1: until all are done). 0 done, 1 `stopped` said so (it is
 * asked some ten times a second), -1 failed. */
int uh_dns_run(struct uh_dns *dns, size_t below, bool (*UH_NULLABLE stopped)(void *user), void *user,
               struct uh_err *err);
struct uh_dns_stats uh_dns_stats(const struct uh_dns *dns);
#endif
