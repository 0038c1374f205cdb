/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of encrypted multipart bodies: the Content-Type up to the first line end, the body behind it. */
#include <stdlib.h>
#include <string.h>

#include "wire/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_multipart part = {0};
  const uint8_t *end = memchr(data, '\n', n);
  size_t head = end ? (size_t)(end - data) : n, size = end ? n - head - 1 : 0;
  char *type = calloc(1, head + 1), *body = malloc(size ? size : 1); /* of exact size: what is read beyond shows */
  if (!type || !body) abort();
  memcpy(type, data, head);
  if (size) memcpy(body, end + 1, size);
  if (uh_multipart_read(type, UH_MULTIPART_KERBEROS, body, size, &part, &err) == 0) {
    if (part.header < body || part.header + part.header_size != part.data || part.data + part.data_size > body + size ||
        part.length > part.data_size)
      abort();
    unsigned sum = 0;
    for (size_t i = 0; i < part.data_size; i++) sum += (unsigned char)part.data[i];
    (void)sum;
  } else if (err.cls == UH_ERR_NONE) {
    abort();
  }
  free(type);
  free(body);
  return 0;
}
