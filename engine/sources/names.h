/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_NAMES_H
#define UH_NAMES_H
/* A list of names that grows: domains, hosts, files. One thread at a time. */
#include <unhybrid/base.h>

struct uh_names {
  char **v; /* owned */
  size_t n, capacity;
};
void uh_names_clear(struct uh_names *names);
int uh_names_add(struct uh_names *names, const char *name, struct uh_err *err); /* a copy of it */
void uh_names_sort(struct uh_names *names);                                     /* by their bytes; each once */
#endif
