/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_GRAPH_WRITER_H
#define UNHYBRID_GRAPH_WRITER_H
/*
 * Changes of applications and service principals, by the same rules as <unhybrid/writer.h>: a capability that is handed
 * over, sent once, and an outcome that can be "unknown".
 *
 * What is not listed in a change stays. Graph replaces credentials and names as a whole, so the object is read anew
 * right before, every survivor is sent back as it was told, and where one cannot be (Graph did not tell its key, or cut
 * the list) nothing is sent at all.
 */
#include <unhybrid/writer.h>

/* ---- whose certificate a credential is ---- */

#define UH_SHA1_SIZE 20
struct uh_certificate_mark {
  uint8_t sha1[UH_SHA1_SIZE]; /* the thumbprint */
  const char *UH_NULLABLE subject;
  int64_t not_after; /* UTC; 0: not known */
};
struct uh_key_credential { /* as Graph tells it; NULL: not told */
  const char *UH_NULLABLE custom_key_identifier, *UH_NULLABLE display_name, *UH_NULLABLE key /* base64 */;
  int64_t ends; /* UTC; 0: not known */
};
enum uh_key_match {
  UH_KEY_NO_MATCH = 0,
  UH_KEY_HINT,                /* subject and end agree: shown to a person, never enough to remove */
  UH_KEY_BY_IDENTIFIER,       /* the identifier is the thumbprint in hex */
  UH_KEY_BY_IDENTIFIER_BYTES, /* or base64 of its 20 bytes, or of its 40 digits */
  UH_KEY_BY_KEY,              /* the certificate itself was told, and has this thumbprint */
};
/* A certificate that was told decides alone: the identifier is only what somebody wrote beside it. */
enum uh_key_match uh_key_match(const struct uh_key_credential *key, const struct uh_certificate_mark *certificate);

/* ---- a change ---- */

enum uh_graph_kind { UH_GRAPH_APPLICATION, UH_GRAPH_SERVICE_PRINCIPAL };
enum uh_graph_action {
  UH_GRAPH_REMOVE_KEYS,     /* of keyCredentials */
  UH_GRAPH_REMOVE_PASSWORD, /* one of passwordCredentials; cannot be put back */
  UH_GRAPH_REMOVE_NAMES,    /* host names of servicePrincipalNames */
  UH_GRAPH_DELETE,          /* into the directory's bin, for some weeks */
  UH_GRAPH_RESTORE,         /* out of it */
};
/* Why a credential may go. It is looked at again right before, and what does not hold stops the change. */
enum uh_key_reason {
  UH_KEY_OURS,    /* it is one of the change's certificates, surely (above UH_KEY_HINT) */
  UH_KEY_EXPIRED, /* it has ended */
  UH_KEY_NAMED,   /* a person named this very credential */
};
struct uh_key_removal {
  uint8_t key_id[UH_GUID_SIZE];
  enum uh_key_reason reason;
};
struct uh_graph_change {
  enum uh_graph_action action;
  enum uh_graph_kind kind;
  const uint8_t *id;            /* the object's own, not its appId */
  const char *UH_NULLABLE name; /* for people */
  const struct uh_key_removal *UH_NULLABLE keys;
  size_t n_keys;
  const struct uh_certificate_mark *UH_NULLABLE certificates; /* the organisation's own */
  size_t n_certificates;
  const char *const *UH_NULLABLE names;
  size_t n_names;
};
const char *uh_graph_action_name(enum uh_graph_action action); /* "remove-keys", .. */

struct uh_graph_writer {
  /* As uh_writer.change. NOT_SENT with not_found: what is to go is not there (any more). */
  int (*change)(void *user, const struct uh_graph_change *change, struct uh_change_result *ret_result,
                struct uh_err *err);
  void *user;
};
static inline int uh_graph_apply(const struct uh_graph_writer *writer, const struct uh_graph_change *change,
                                 struct uh_change_result *ret_result, struct uh_err *err) {
  return writer->change(writer->user, change, ret_result, err);
}
#endif
