/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_START_H
#define UH_START_H
/*
 * Where a case begins, as its facts show it: a whole deployment with its last server is one of several places. Each is
 * told by evidence, and what could not be looked at is a point of its own. Single-threaded.
 */
#include "plan/plan.h"

enum uh_start {
  UH_START_SERVER,        /* a server that lives */
  UH_START_SILENT_SERVER, /* its computer account says that it may be gone */
  UH_START_SERVER_GONE,
  UH_START_GHOST,  /* a server is listed that does not exist */
  UH_START_TOOLS,  /* the management tools are in use: power off, never uninstall */
  UH_START_HALF,   /* part of the deployment is gone, and this case did not do it */
  UH_START_OTHERS, /* what other tools, or earlier wizards, left */
  UH_START_UNKNOWN,
  UH_STARTS
};
struct uh_start_point {
  size_t n;
  char **evidence; /* sentences without a full stop; hold names, so they are hostile */
};
struct uh_starts {
  struct uh_start_point v[UH_STARTS]; /* by enum uh_start; not seen where n is 0 */
};
struct uh_start_options {
  const char *facts;
  const struct uh_anchors *UH_NULLABLE known; /* of the journal */
  struct uh_stated_list stated;               /* by persons, where nothing else tells it; else an error */
  const char *UH_NULLABLE tools;              /* how the check tools.in-use knows; NULL: it does not say so */
  bool begun;                                 /* the journal has actions that were begun: what is gone, it tells */
  int64_t now;
};
int uh_starts_find(const struct uh_start_options *options, struct uh_starts *ret, struct uh_err *err);
void uh_starts_clear(struct uh_starts *starts);
const char *uh_start_id(enum uh_start start);   /* "server", "server-gone", .. */
const char *uh_start_text(enum uh_start start); /* a sentence */
const char *uh_start_next(enum uh_start start); /* what follows from it */
#endif
