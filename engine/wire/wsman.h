/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_WSMAN_H
#define UH_WSMAN_H
/*
 * One remote shell of a WSMan server ([MS-WSMV]): the transport of wire/psrp.h over a signed-in connection. A request
 * that the server may have seen is repeated only where it is an unanswered Receive; a redirect is followed before the
 * shell stands, to the url's own host or one that is named beforehand.
 *
 * A session that the account's limit refuses (sessions of a killed run count until they idle out) is asked for again
 * with growing pauses until the call's deadline. Belongs to one thread.
 */
#include "wire/wsman_auth.h"

#define UH_WSMAN_OPERATION_MS 20000              /* so long the server may keep a Receive that has nothing to tell */
#define UH_WSMAN_OPEN_MS 180000                  /* Create, Command, Send */
#define UH_WSMAN_CLOSE_MS 60000                  /* Signal, Delete */
#define UH_WSMAN_GRACE_MS 30000                  /* and so long we wait beyond */
#define UH_WSMAN_ENVELOPE_FIRST ((size_t)153600) /* WSMan 2.0's bound */
#define UH_WSMAN_ENVELOPE ((size_t)512000)       /* of WSMan 3.0, which speaks protocol 2.2 and later */
#define UH_WSMAN_RECEIVE_TRIES 3                 /* of one unanswered Receive */
#define UH_WSMAN_QUOTA_PAUSE_MS 2000             /* the first; doubled each time */
#define UH_WSMAN_QUOTA_PAUSE_MAX_MS 60000
#define UH_WSMAN_HOPS_MAX 5 /* redirects in a row */

struct uh_wsman_options {
  struct uh_wsman_login_options login;
  const char *UH_NULLABLE resource; /* NULL: Microsoft.Exchange's */
  int64_t operation_ms;             /* 0: UH_WSMAN_OPERATION_MS */
  int64_t quota_pause_ms;           /* 0: UH_WSMAN_QUOTA_PAUSE_MS */
  int64_t quota_wait_ms;            /* so long in all; 0: to the deadline of the call */
};
struct uh_wsman;
/* Gets the credentials; the server is asked by the transport's open. */
int uh_wsman_open(const struct uh_wsman_options *options, struct uh_wsman **ret_wsman, struct uh_err *err);
struct uh_wsman *uh_wsman_free(struct uh_wsman *UH_NULLABLE wsman);
void uh_wsman_freep(struct uh_wsman **wsman);
struct uh_psrp_transport uh_wsman_transport(struct uh_wsman *wsman);
int64_t uh_wsman_sign_ins(const struct uh_wsman *wsman);
const char *uh_wsman_server(const struct uh_wsman *wsman); /* the front end that answered last; "" */
#endif
