/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_WIRE_LDAP_NAMES_H
#define UH_WIRE_LDAP_NAMES_H
/* Distinguished names (RFC 4514). Pure: nothing here knows a connection. */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

/* The value of the DN's component number index (0 the first), unescaped, NUL as U+FFFD, added to out. False: there is
 * none. */
bool uh_dn_value(const char *dn, size_t n, unsigned index, struct uh_str *out);
/* The DN without its first count components; "" where it has no more. */
const char *uh_dn_parent(const char *dn, size_t n, unsigned count);
/* The value of the component right below "CN=Servers": the server that a configuration object belongs to. */
bool uh_dn_server(const char *dn, size_t n, struct uh_str *out);
/* Equal but for case and spaces round separators. */
bool uh_dn_same(const char *a, size_t a_size, const char *b, size_t b_size);
#endif
