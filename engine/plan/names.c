/* SPDX-License-Identifier: Apache-2.0 */
/* How plans, reports and the journal spell what step.h counts. Contracts: they grow, they do not change. */
#include "plan/plan.h"

#define NAME(names, value) ((size_t)(value) < sizeof(names) / sizeof *(names) ? (names)[value] : "?")

const char *uh_phase_name(enum uh_phase phase) {
  static const char *const names[] = {"before-uninstall", "uninstall", "after-uninstall"};
  return NAME(names, phase);
}

const char *uh_executor_name(enum uh_executor executor) {
  static const char *const names[] = {"exchange-server", "exchange-online", "graph", "directory", "operator"};
  return NAME(names, executor);
}

const char *uh_verb_name(enum uh_verb verb) {
  static const char *const names[] = {"remove", "reduce", "disable", "set", "do"};
  return NAME(names, verb);
}

const char *uh_owner_name(enum uh_owner owner) {
  static const char *const names[] = {"hybrid",       "shared", "partner", "other-forest",
                                      "cross-tenant", "tenant", "server",  "unknown"};
  return NAME(names, owner);
}

const char *uh_reversible_name(enum uh_reversible reversible) {
  static const char *const names[] = {"yes", "new-object", "operator", "no"};
  return NAME(names, reversible);
}

const char *uh_step_state_name(enum uh_step_state state) {
  static const char *const names[] = {"nothing", "actions", "unknown", "blocked", "skipped"};
  return NAME(names, state);
}
