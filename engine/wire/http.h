/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_HTTP_H
#define UH_HTTP_H
/*
 * HTTPS requests over libcurl: many at once in one thread, bodies streamed, everything that a server sends bounded.
 * A client belongs to one thread. Redirects are never followed: a 3xx is a reply like any other, so that a token never
 * travels to a host that nobody checked. TLS is always verified.
 *
 * Reading and writing are told apart: what reads may be sent again, what writes is sent once, whatever happens. A write
 * without a whole answer has an outcome that is not known (reply.outcome_unknown): look, never repeat.
 */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

enum uh_http_intent { UH_HTTP_READ, UH_HTTP_WRITE };

enum uh_http_failure {
  UH_HTTP_FINE = 0,  /* a whole reply came, whatever its status */
  UH_HTTP_UNREACHED, /* no connection, name not resolved */
  UH_HTTP_TLS,       /* the certificate or the handshake is not right */
  UH_HTTP_SLOW,      /* a deadline passed */
  UH_HTTP_SILENT,    /* the deadline of connecting passed: nobody is there, or somebody who says nothing */
  UH_HTTP_BROKEN,    /* the connection broke off before the end */
  UH_HTTP_ENCODING,  /* Content-Encoding and body do not agree */
  UH_HTTP_TOO_LARGE, /* body or headers above their bound */
  UH_HTTP_BAD_BODY,  /* the body callback refused it */
  UH_HTTP_STOPPED,   /* cancelled */
  UH_HTTP_NOT_SENT,  /* prepare() failed: no token; or the service has been given up before (uh_http_down) */
};

/* Bounds and pauses. Seconds that a service asks for are kept; only our own pauses shrink with backoff_ms. */
#define UH_HTTP_HEADERS_MAX ((size_t)64 * 1024)
#define UH_HTTP_BODY_MAX ((size_t)512 * 1024 * 1024)
#define UH_HTTP_CONNECT_MS 20000L
#define UH_HTTP_OVERALL_MS 960000L /* Exchange Online itself gives up after 15 minutes */
#define UH_HTTP_LOW_SPEED_S 300L   /* no byte for so long: given up */
#define UH_HTTP_BACKOFF_MS 1000u   /* first pause, doubled each time */
#define UH_HTTP_BACKOFF_CAP_MS 30000u
#define UH_HTTP_TRANSIENT_MAX 5u          /* repetitions after transient failures */
#define UH_HTTP_THROTTLE_MAX 200u         /* repetitions after throttling */
#define UH_HTTP_RETRY_AFTER_MAX_MS 600000 /* told to wait longer: given up, never repeated earlier */
#define UH_HTTP_WAIT_MAX_MS 1800000       /* all pauses of one call together */
#define UH_HTTP_UNREACHED_MS 8000         /* so long refused connections and unknown names are tried again */
#define UH_HTTP_STORM_MS 900000           /* so long without one answer but "later": the service is given up */
#define UH_HTTP_FIRST_MS 30000L           /* for requests that any living service answers at once */

struct uh_http_options {
  const char *UH_NULLABLE ca_file;
  bool (*UH_NULLABLE cancelled)(void *user); /* polled four times a second */
  void *cancel_user;
  unsigned backoff_ms; /* 0: UH_HTTP_BACKOFF_MS */
  long low_speed_s;    /* 0: UH_HTTP_LOW_SPEED_S */
  long overall_ms;     /* 0: UH_HTTP_OVERALL_MS */
  int64_t storm_ms;    /* 0: UH_HTTP_STORM_MS */
  long connect_ms;     /* 0: UH_HTTP_CONNECT_MS */
};

struct uh_http_reply {
  long status; /* 0: none came */
  enum uh_http_failure failure;
  bool outcome_unknown; /* a write that was perhaps carried out */
  unsigned attempts;
  size_t body_bytes;
  char client_request_id[UH_GUID_TEXT]; /* ours, the same in all attempts */
  struct uh_str headers;                /* "Name: value" lines with NULs between */
  struct uh_err err;                    /* filled for every failure but FINE */
};
const char *UH_NULLABLE uh_http_header(const struct uh_http_reply *reply, const char *name); /* first value */
void uh_http_reply_clear(struct uh_http_reply *reply);

/* What a reply means for its call. */
enum uh_http_verdict {
  UH_HTTP_ACCEPT,    /* final */
  UH_HTTP_AGAIN,     /* transient: repeat with backoff */
  UH_HTTP_THROTTLED, /* repeat when the service says; the call keeps its place, so less is in flight meanwhile */
  UH_HTTP_AT_ONCE,   /* repeat without pause (a new token); counts as transient */
};
/* By status and failure alone: 408 429 500 502 503 504 and broken transports are repeated. */
enum uh_http_verdict uh_http_judge(const struct uh_http_reply *reply);

struct uh_http_request {
  enum uh_http_intent intent;
  const char *method; /* GET, POST.. */
  const char *url;
  const char *const *UH_NULLABLE headers; /* "Name: value", NULL at the end */
  const char *UH_NULLABLE body;
  size_t body_size;
  size_t max_body;  /* 0: UH_HTTP_BODY_MAX */
  long overall_ms;  /* 0: the client's */
  bool local_plain; /* http:// is allowed: managed identity endpoints of this host. No proxy is used then */
  void *user;
  /* Before each attempt: adds headers that may change (Authorization). -1: the call ends as NOT_SENT. */
  int (*UH_NULLABLE prepare)(void *user, struct uh_str *header_lines, struct uh_err *err); /* lines end with \n */
  /* A reply begins (status and headers are known): forget the body of the attempt before. */
  void (*UH_NULLABLE begin)(void *user, const struct uh_http_reply *reply);
  int (*UH_NULLABLE body_chunk)(void *user, const struct uh_http_reply *reply, const char *data, size_t n,
                                struct uh_err *err);
  enum uh_http_verdict (*UH_NULLABLE judge)(void *user, const struct uh_http_reply *reply); /* NULL: uh_http_judge */
  /* Once, at the end. May start further calls. The reply is gone afterwards. */
  void (*done)(void *user, const struct uh_http_reply *reply);
};

struct uh_http;
/* libcurl and OpenSSL set themselves up. Who starts threads calls it before; else the first uh_http_open does. */
void uh_http_begin(void);
int uh_http_open(const struct uh_http_options *options, struct uh_http **ret_http, struct uh_err *err);
struct uh_http *uh_http_free(struct uh_http *UH_NULLABLE http);
void uh_http_freep(struct uh_http **http);
/* Everything of the request is copied. */
int uh_http_start(struct uh_http *http, const struct uh_http_request *request, struct uh_err *err);
/* Until no call is left. */
int uh_http_run(struct uh_http *http, struct uh_err *err);
/* One request with its whole body in memory; request.done, begin and body_chunk are not used. 0: a whole reply came
 * (any status); -1: none (reply->failure says why). */
int uh_http_fetch(struct uh_http *http, const struct uh_http_request *request, struct uh_http_reply *ret_reply,
                  struct uh_str *ret_body, struct uh_err *err);
/* A service that cannot be reached, whose certificate is wrong, or that only puts off, is given up: every further call
 * to it ends at once. true: one was, *err (when empty) says why. */
bool uh_http_down(const struct uh_http *http, struct uh_err *UH_NULLABLE err);
int64_t uh_http_requests(const struct uh_http *http); /* sent so far, repetitions included */

/* Retry-After: seconds, seconds with fraction, or a date (RFC 9110). false: neither. Never negative. */
bool uh_http_retry_after(const char *value, int64_t now_utc, int64_t *ret_ms);
/* "https://host:port" in lower case. false: no http(s) URL, or one with user name or password. */
#define UH_HTTP_ORIGIN_MAX 300
bool uh_http_origin(const char *url, char ret_origin[UH_HTTP_ORIGIN_MAX]);
void uh_http_form_add(struct uh_str *form, const char *name, const char *value); /* application/x-www-form-urlencoded */
void uh_http_percent(struct uh_str *out, const char *text);                      /* RFC 3986 unreserved stay */
void uh_http_new_guid(char ret_text[UH_GUID_TEXT]);
/* Overwrites before it frees: for strings that hold secrets. */
void uh_http_str_wipe(struct uh_str *str);
#endif
