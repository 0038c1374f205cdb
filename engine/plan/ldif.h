/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_LDIF_H
#define UH_LDIF_H
/* LDIF (RFC 2849), as ldapmodify and Microsoft's ldifde take it. */
#include <unhybrid/text.h>

/* One line "attribute: value"; base64 where the value is bytes, or a text that LDIF does not take as it is. */
void uh_ldif_value(struct uh_str *out, const char *attribute, const void *value, size_t n, bool bytes);
/* The before-image of entries of the directory: the object, then what stood below it, each whole. */
int uh_ldif_image(const char *image, struct uh_str *out, struct uh_err *err);
#endif
