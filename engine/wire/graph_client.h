/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_GRAPH_CLIENT_H
#define UH_GRAPH_CLIENT_H
/* Inside the client of Graph: what reading and writing share. */
#include "wire/graph.h"

struct uh_graph {
  struct uh_graph_options options;
  struct uh_http *http;
  char base[UH_HTTP_ORIGIN_MAX];
  char *resource;
  bool fatal, silent;
  struct uh_err fatal_err;
};
#endif
