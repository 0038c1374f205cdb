/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_WIRE_LDAP_PRIVATE_H
#define UH_WIRE_LDAP_PRIVATE_H
/* What ldap.c and ldap_search.c share: the connection and how its failures become errors. */
#include <ldap.h>

#include "wire/ldap.h"

#define UH_LDAP_SHOW_DELETED "1.2.840.113556.1.4.417"
#define UH_LDAP_SECURITY_PARTS "1.2.840.113556.1.4.801"

struct uh_ldap_scratch; /* growing arrays of the search, kept from entry to entry */

struct uh_ldap {
  struct uh_ldap_watch *watch; /* while connecting */
  int connect_seconds;
  bool reached; /* there was a socket */
  LDAP *ld;
  struct ldap_conncb callbacks;
  char host[272]; /* host:port, for messages */
  int64_t requests;
  bool bound;   /* from here on a new TCP connection would be an anonymous one: it is refused */
  bool guarded; /* by TLS or sealing: writing is possible at all */
  bool broken;  /* nobody knows what still comes on it: no more requests */
  int silence_seconds;
  bool (*stopped)(void *user);
  void *stopped_user;
  struct uh_ldap_scratch *scratch;
};
/* Seconds since some fixed point; for deadlines. */
double uh_ldap_clock(void);
bool uh_ldap_is_stopped(const struct uh_ldap *ldap);
int uh_ldap_interrupted(const struct uh_ldap *ldap, struct uh_err *err);
/* An error of libldap itself (a negative code): takes the code and the text from the handle where code is 0. */
int uh_ldap_local_error(const struct uh_ldap *ldap, const char *doing, int code, struct uh_err *err);
/* Waits between tries of a busy server. -1: stopped meanwhile. */
int uh_ldap_backoff(const struct uh_ldap *ldap, int tries, struct uh_err *err);
void uh_ldap_scratch_free(struct uh_ldap_scratch *scratch);
#endif
