/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_WIRE_LDAP_WRITE_H
#define UH_WIRE_LDAP_WRITE_H
/*
 * LDAP as a writer speaks it. A request is sent once. Without protection (TLS or GSSAPI sealing) nothing is sent, not
 * even to this machine's loopback: what a server was told must be what we said. Only executors/ may call this.
 */
#include "wire/ldap.h"

enum uh_ldap_written {
  UH_LDAP_NOT_SENT = 0,
  UH_LDAP_WRITTEN,     /* the server said that it is done */
  UH_LDAP_NOT_WRITTEN, /* the server said no: nothing was changed. A request is all or nothing (RFC 4511 4.1.6, 4.8) */
  UH_LDAP_UNKNOWN,     /* sent, and no answer came */
};
struct uh_ldap_write_result {
  enum uh_ldap_written written;
  int code;       /* LDAP's result code; 0 without an answer */
  char text[512]; /* the server's diagnostic message: hostile */
};
enum uh_ldap_mod_type { UH_LDAP_MOD_ADD, UH_LDAP_MOD_DELETE, UH_LDAP_MOD_REPLACE };
struct uh_ldap_mod {
  enum uh_ldap_mod_type type;
  const char *attribute;
  const struct uh_ldap_value *values; /* n = 0: all of them (DELETE), or none (REPLACE) */
  size_t n;
};
/* 0: written. -1: err has the class (UH_ERR_DENIED where a right is missing), the result what is known. */
int uh_ldap_delete(struct uh_ldap *ldap, const char *dn, struct uh_ldap_write_result *ret_result, struct uh_err *err);
/* deleted: the object is a deleted one (show-deleted control). security_parts: for nTSecurityDescriptor, as in a
 * search. */
int uh_ldap_modify(struct uh_ldap *ldap, const char *dn, const struct uh_ldap_mod *mods, size_t n, bool deleted,
                   unsigned security_parts, struct uh_ldap_write_result *ret_result, struct uh_err *err);
int uh_ldap_write_new(struct uh_ldap *ldap, const char *dn, const struct uh_ldap_mod *attributes, size_t n,
                      struct uh_ldap_write_result *ret_result, struct uh_err *err);
#endif
