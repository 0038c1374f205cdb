/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_MULTIPART_H
#define UH_MULTIPART_H
/*
 * The multipart/encrypted body in which WSMan carries a sealed message over plain HTTP ([MS-WSMV] 2.2.9.1). It is MIME
 * in name only: no empty line ends a part's headers, and binary data follows them at once. Nothing is searched in the
 * binary data: where it ends is known from the body's end.
 */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

#define UH_MULTIPART_BOUNDARY_MAX 70 /* RFC 2046 */
#define UH_MULTIPART_TOKEN_MAX ((size_t)4096)

#define UH_MULTIPART_KERBEROS "application/HTTP-Kerberos-session-encrypted"
#define UH_MULTIPART_SPNEGO "application/HTTP-SPNEGO-session-encrypted"

/* sealed: the header token (header bytes), then the sealed text with its padding. */
int uh_multipart_write(const char *protocol, const void *sealed, size_t size, size_t header, struct uh_str *ret_type,
                       struct uh_str *ret_body, struct uh_err *err);

struct uh_multipart {
  char *header; /* into the body */
  size_t header_size;
  char *data;
  size_t data_size;
  size_t length; /* of the text, as the sender says; never more than data_size */
};
/* content_type: the reply's; it must name this protocol. -1: UH_ERR_DATA, with the offset. */
int uh_multipart_read(const char *content_type, const char *protocol, char *body, size_t size,
                      struct uh_multipart *ret_part, struct uh_err *err);
/* "multipart/encrypted; ..." */
bool uh_multipart_is(const char *UH_NULLABLE content_type);
#endif
