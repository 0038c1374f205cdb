/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_HTTP_SINGLE_H
#define UH_HTTP_SINGLE_H
/*
 * POST requests over one connection. Kerberos signs in the connection and seals for it, so a request must go out on the
 * very connection that was signed in, or not at all; wire/http.h chooses connections freely and repeats what reads, and
 * cannot promise that. Here nothing is ever repeated, no second connection is opened behind the caller's back (libcurl
 * would, when a kept one turns out dead), and the caller is told whether the body may have reached the server.
 *
 * No proxy is used: the server is on the own network. Redirects are replies like others. TLS is always verified.
 * A handle belongs to one thread.
 */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

#define UH_HTTP_SINGLE_BODY_MAX ((size_t)4 * 1024 * 1024) /* an envelope is half a megabyte at most */
#define UH_HTTP_SINGLE_HEADERS_MAX ((size_t)64 * 1024)
#define UH_HTTP_SINGLE_CONNECT_MS 20000L

struct uh_http_single_options {
  const char *url;
  const char *UH_NULLABLE ca_file; /* PEM; NULL: the system's */
};
struct uh_http_single_request {
  const char *const *headers; /* "Name: value", NULL at the end */
  const char *UH_NULLABLE body;
  size_t body_size;
  bool may_connect;                          /* false: on the connection that stands, or not at all */
  int64_t deadline_ms;                       /* CLOCK_MONOTONIC */
  bool (*UH_NULLABLE cancelled)(void *user); /* polled four times a second */
  void *cancel_user;
};
struct uh_http_single_reply {
  long status;
  bool fresh;            /* it went over a new connection */
  bool sent;             /* the body, or the whole request where it has none, may have reached the server */
  bool lost;             /* no reply, and the connection is gone; with !sent the request can be made again */
  struct uh_str headers; /* "Name: value" lines with NULs between */
  struct uh_str body;
};
void uh_http_single_reply_clear(struct uh_http_single_reply *reply);
/* The n-th value (from 0) of a header; NULL: no such. */
const char *UH_NULLABLE uh_http_single_header(const struct uh_http_single_reply *reply, const char *name, unsigned n);

struct uh_http_single;
int uh_http_single_open(const struct uh_http_single_options *options, struct uh_http_single **ret_http,
                        struct uh_err *err);
struct uh_http_single *uh_http_single_free(struct uh_http_single *UH_NULLABLE http);
void uh_http_single_freep(struct uh_http_single **http);
/* 0: a whole reply came, whatever its status. -1: none; *ret_reply is filled in every case. */
int uh_http_single_post(struct uh_http_single *http, const struct uh_http_single_request *request,
                        struct uh_http_single_reply *ret_reply, struct uh_err *err);
/* The connection is closed; the next request needs a new one. Cookies stay. */
void uh_http_single_hang_up(struct uh_http_single *http);
/* The certificate of the connection's server, PEM; NULL before the first https reply. */
const char *UH_NULLABLE uh_http_single_certificate(const struct uh_http_single *http);
#endif
