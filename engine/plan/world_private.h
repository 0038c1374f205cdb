/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_WORLD_PRIVATE_H
#define UH_WORLD_PRIVATE_H
/* The real world's parts: world.c (opening, changing), look.c, gate.c. */
#include <sqlite3.h>

#include "case/case.h"
#include "case/config.h"
#include "executors/executors.h"
#include "plan/world.h"
#include "rules/rules.h"
#include "sources/source.h"

struct uh_world_state {
  struct uh_world face; /* what the caller holds */
  struct uh_world_options options;
  char controller[256];  /* the domain controller that looks and changes are pinned to; "": none is known yet */
  unsigned scratch;      /* files of this run so far */
  struct sqlite3 *facts; /* the observation that the plan was made from; opened at first use */

  struct uh_exchange_server_options exchange_options;
  struct uh_exchange_server *UH_NULLABLE exchange;
  struct uh_operator_cloud *UH_NULLABLE cloud;
  struct uh_exchange_online *UH_NULLABLE online;
  struct uh_graph_executor *UH_NULLABLE graph;
  struct uh_directory_executor *UH_NULLABLE directory;
  struct uh_recorder recorded[3]; /* a dry run: Exchange Server, Exchange Online, Graph */

  char *UH_NULLABLE base; /* path of the observation whose recipients count */
  char *UH_NULLABLE work; /* its copy, in which configuration is observed anew */
  bool asked;             /* the gate was, once */
  bool before_known;
  struct uh_gate before; /* what the checks said of options.facts */
};

int64_t uh_world_now(void *user);
bool uh_world_cancelled(void *user);
/* An observation with what every one needs: how a person signs in, how it is stopped, which domain controller. */
int uh_world_observe(struct uh_world_state *w, struct uh_observation_options *how, const char *path,
                     struct uh_observation_summary *ret_summary, struct uh_err *err);
/* A file of this run in the case directory, which nothing else finds and the end of the run removes. */
int uh_world_scratch(struct uh_world_state *w, char **ret_path, struct uh_err *err);
void uh_world_remove(const char *UH_NULLABLE path); /* with what SQLite left beside it */
void uh_world_removep(char **path);                 /* and frees the path */

int uh_world_look(void *user, const struct uh_planned *action, enum uh_look_path path, struct uh_look *ret_look,
                  struct uh_err *err);
int uh_world_find(void *user, const char *side, const char *kind, const char *property, const char *value,
                  struct uh_look *ret_look, struct uh_err *err);
int uh_world_gate(void *user, const char *UH_NULLABLE checks, bool irreversible, struct uh_gate *ret_gate,
                  struct uh_err *err);
#endif
