/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_GSSAPI_CONTEXT_H
#define UH_GSSAPI_CONTEXT_H
/*
 * Kerberos through MIT's GSSAPI: credentials of a ticket cache, a keytab or a password, a security context with one
 * service, and sealing of messages in it.
 *
 * A password never leaves this room but as a key: the tickets that it buys stand in a ticket cache in this process's
 * memory, which is destroyed with the credentials. Mutual authentication, confidentiality and integrity are required:
 * a context that does not give all three is never handed out as established.
 *
 * Failures are UH_ERR_DENIED (a password, a ticket, a clock, a name of a service is not right; the remedy says what to
 * do) or UH_ERR_UNAVAILABLE (no KDC answers). Objects belong to one thread at a time.
 */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

#define UH_GSS_TOKEN_MAX ((size_t)64 * 1024) /* AD's MaxTokenSize is 48000 */

struct uh_gss_identity {
  const char *UH_NULLABLE user;     /* user@realm or a UPN; NULL: whoever the ticket cache is for */
  const char *UH_NULLABLE password; /* with user */
  const char *UH_NULLABLE keytab;   /* a file, with user; instead of a password */
};
struct uh_gss_credentials;
/* With password or keytab it asks a KDC; else it looks into the default ticket cache (KRB5CCNAME). */
int uh_gss_credentials_open(const struct uh_gss_identity *identity, struct uh_gss_credentials **ret_credentials,
                            struct uh_err *err);
struct uh_gss_credentials *uh_gss_credentials_free(struct uh_gss_credentials *UH_NULLABLE credentials);
void uh_gss_credentials_freep(struct uh_gss_credentials **credentials);

enum uh_gss_mechanism { UH_GSS_KERBEROS, UH_GSS_SPNEGO };
struct uh_gss_target {
  const char *host; /* the service is HTTP/host, spelled as here: DNS has no say in whom we talk to */
  enum uh_gss_mechanism mechanism;
  const void *UH_NULLABLE binding; /* channel binding's application data ("tls-server-end-point:..."); NULL: none */
  size_t binding_size;
};
struct uh_gss; /* a security context */
int uh_gss_open(const struct uh_gss_credentials *credentials, const struct uh_gss_target *target,
                struct uh_gss **ret_gss, struct uh_err *err);
struct uh_gss *uh_gss_free(struct uh_gss *UH_NULLABLE gss);
void uh_gss_freep(struct uh_gss **gss);

/* One step: the peer's token in (size 0 the first time), ours out (may be empty). 1: the context is established, and
 * the peer has proven who it is; 0: the peer's next token is needed. */
int uh_gss_step(struct uh_gss *gss, const void *UH_NULLABLE token, size_t size, struct uh_str *ret_token,
                struct uh_err *err);
bool uh_gss_established(const struct uh_gss *UH_NULLABLE gss);
/* The context's tickets are over, or will be within so many seconds. */
bool uh_gss_expires(const struct uh_gss *gss, unsigned seconds);

/* ret_sealed: the header token, then the sealed data and its padding; *ret_header bytes of it are the header. */
int uh_gss_seal(struct uh_gss *gss, const void *data, size_t size, struct uh_str *ret_sealed, size_t *ret_header,
                struct uh_err *err);
/* Opens in place: data[0..size) becomes the plain text. A message that was changed, repeated or is out of its order is
 * refused (UH_ERR_DENIED). */
int uh_gss_unseal(struct uh_gss *gss, void *header, size_t header_size, void *data, size_t size, struct uh_err *err);
#endif
