/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what is read from a WSMan server's SOAP. The first byte chooses whether a command was asked for. */
#include <stdlib.h>
#include <string.h>

#include "wire/wsman_soap.h"

static int take(void *user, const void *data, size_t n, struct uh_err *err) {
  (void)err;
  for (size_t i = 0; i < n; i++) *(unsigned *)user += ((const unsigned char *)data)[i];
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct uh_err err = UH_ERR_INIT;
  UH_CLEANUP(uh_wsman_answer_freep) struct uh_wsman_answer *a = NULL;
  char id[UH_WSMAN_ID_MAX];
  unsigned sum = 0;
  bool done;
  if (n < 1) return 0;
  if (uh_wsman_read_envelope((const char *)data + 1, n - 1, data[0] & 2 ? "uuid:1" : NULL, &a, &err) < 0) {
    if (err.cls == UH_ERR_NONE || a) abort();
    return 0;
  }
  const struct uh_wsman_fault *f = uh_wsman_answer_fault(a);
  if (f && (uh_wsman_fault_error(f, &err) != -1 || err.cls == UH_ERR_NONE)) abort();
  for (int v = UH_WSMAN_CREATE; v <= UH_WSMAN_DELETE; v++)
    if (f && uh_wsman_answers(a, (enum uh_wsman_verb)v)) abort();
  if (uh_wsman_answer_shell(a, id) && (!id[0] || strlen(id) >= sizeof id)) abort();
  if (uh_wsman_answer_command(a, id) && (!id[0] || strlen(id) >= sizeof id)) abort();
  err = UH_ERR_INIT;
  if (uh_wsman_answer_streams(a, data[0] & 1 ? "AA-11" : NULL, take, &sum, &done, &err) < 0 && err.cls == UH_ERR_NONE)
    abort();
  return 0;
}
