/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the CLIXML reader. The first byte chooses the size of the pieces that the rest is fed in. */
#include <stdlib.h>

#include "wire/clixml.h"

#define MAX_LOOKS 2000 /* values looked at in one object: a graph of Refs has no end */

static unsigned looks;

static void look(const struct uh_clixml_value *v, int depth) {
  struct uh_clixml_walk walk = {0};
  const struct uh_clixml_value *at = NULL, *key = NULL, *p;
  const char *text, *name;
  size_t n;
  int64_t number;
  bool yes;
  uint8_t guid[16];
  if (depth > 12 || looks++ > MAX_LOOKS) return;
  if (uh_clixml_text(v, &text, &n) == UH_VALUE && text[n] != '\0') abort();
  (void)uh_clixml_kind(v);
  (void)uh_clixml_type(v, 1);
  (void)uh_clixml_int(v, &number);
  (void)uh_clixml_bool(v, &yes);
  (void)uh_clixml_guid(v, guid);
  while ((p = uh_clixml_next_property(v, &walk, &name))) {
    (void)uh_clixml_property(v, name);
    look(p, depth + 1);
  }
  if (uh_clixml_kind(v) == UH_CLIXML_LIST || uh_clixml_kind(v) == UH_CLIXML_DICTIONARY)
    while ((p = uh_clixml_next(v, &at, &key))) {
      if (key) look(key, depth + 1);
      look(p, depth + 1);
      if (looks > MAX_LOOKS) return;
    }
}

static int on_object(void *user, const struct uh_clixml_value *object, const char *stream, struct uh_err *err) {
  (void)user, (void)stream, (void)err;
  looks = 0;
  look(object, 0);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct uh_err err = UH_ERR_INIT;
  UH_CLEANUP(uh_clixml_freep) struct uh_clixml *r = NULL;
  if (n < 1 || uh_clixml_open(on_object, NULL, &r, &err) < 0) return 0;
  size_t piece = data[0] < 128 ? (size_t)data[0] + 1 : n;
  int rc = 0;
  for (size_t at = 1; at < n && rc == 0; at += piece)
    rc = uh_clixml_feed(r, data + at, n - at < piece ? n - at : piece, &err);
  if (rc == 0) rc = uh_clixml_finish(r, &err);
  if (rc < 0 && err.cls == UH_ERR_NONE) abort();
  return 0;
}
