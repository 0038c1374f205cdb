/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/evidence.h"

#include <jansson.h>
#include <openssl/evp.h>

struct uh_digest {
  EVP_MD_CTX *context;
  bool failed;
};

int uh_digest_new(struct uh_digest **ret, struct uh_err *err) {
  UH_CLEANUP(uh_digest_freep) struct uh_digest *d = calloc(1, sizeof *d);
  if (!d || !(d->context = EVP_MD_CTX_new())) return uh_fail_nomem(err);
  if (EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) != 1)
    return uh_fail(err, UH_ERR_INTERNAL, "SHA-256 is not available");
  *ret = UH_TAKE(d);
  return 0;
}

void uh_digest_freep(struct uh_digest **d) {
  if (!*d) return;
  EVP_MD_CTX_free((*d)->context);
  free(*d);
  *d = NULL;
}

void uh_digest_add(struct uh_digest *d, const char *part) {
  char length[32];
  int n = part ? snprintf(length, sizeof length, "%zu:", strlen(part)) : snprintf(length, sizeof length, "-");
  if (EVP_DigestUpdate(d->context, length, (size_t)n) != 1 ||
      (part && EVP_DigestUpdate(d->context, part, strlen(part)) != 1))
    d->failed = true;
}

int uh_digest_text(struct uh_digest *d, char ret_evidence[UH_EVIDENCE_TEXT], struct uh_err *err) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  if (d->failed || EVP_DigestFinal_ex(d->context, hash, &n) != 1 || n != 32)
    return uh_fail(err, UH_ERR_INTERNAL, "SHA-256 failed");
  char *p = ret_evidence;
  p += snprintf(p, UH_EVIDENCE_TEXT, "sha256:");
  for (unsigned i = 0; i < n; i++) p += snprintf(p, 3, "%02x", hash[i]);
  return 0;
}

int uh_evidence_of_finding(const char *key, const char *json, char ret_evidence[UH_EVIDENCE_TEXT], struct uh_err *err) {
  UH_CLEANUP(uh_digest_freep) struct uh_digest *d = NULL;
  json_t *tree = json_loads(json, JSON_ALLOW_NUL, NULL);
  char *sorted = tree ? json_dumps(tree, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
  int rc = uh_digest_new(&d, err);
  if (rc == 0 && d) {
    uh_digest_add(d, "unhybrid waiver 1");
    uh_digest_add(d, key);
    uh_digest_add(d, sorted ? sorted : json);
    rc = uh_digest_text(d, ret_evidence, err);
  }
  free(sorted);
  json_decref(tree);
  return rc;
}
