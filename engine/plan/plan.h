/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_PLAN_H
#define UH_PLAN_H
/*
 * The plan of a cleanup: ordered actions with the fingerprints of what they act on. Made from one facts file and the
 * anchors; a JSON document ("unhybrid/plan/1") is its one form on disk and in the journal, and its id is the SHA-256 of
 * that document's canonical form (keys sorted, no white space, without id and made_at). Single-threaded.
 */
#include <unhybrid/step.h>

#include "case/facts.h"

/* ---- registry, in the order of cleanup/meson.build ---- */
size_t uh_step_count(void);
const struct uh_step *uh_step_at(size_t i);
const struct uh_step *UH_NULLABLE uh_step_find(const char *id);
const char *UH_NULLABLE uh_step_nearest(const char *id);
const char *uh_phase_name(enum uh_phase phase);          /* "before-uninstall", .. */
const char *uh_executor_name(enum uh_executor executor); /* "exchange-server", .. */
const char *uh_verb_name(enum uh_verb verb);             /* "remove", "reduce", "disable", "set", "do" */
const char *uh_owner_name(enum uh_owner owner); /* "hybrid", "shared", "partner", "other-forest", "cross-tenant", .. */
const char *uh_reversible_name(enum uh_reversible reversible); /* "yes", "new-object", "operator", "no" */

/* ---- order (order.c) ---- */

/* The steps in an order in which each comes after all that it follows; of those that could come next, the first of the
 * registry. UH_ERR_INTERNAL with the cycle as "a -> b -> a", or with a step that is followed and not there. */
int uh_order_steps(const struct uh_step *const *steps, size_t n, const struct uh_step **ret_ordered,
                   struct uh_err *err);

/* ---- anchors (anchors.c) ---- */

struct uh_anchors; /* name, value pairs; unique; in the order found */
/* A person's word: which Exchange organisation this is, by its GUID; or whose a credential of Exchange Online's
 * principal is, by the thumbprint of its certificate. */
enum uh_stated_about { UH_ABOUT_ORGANIZATION, UH_ABOUT_CREDENTIAL };
struct uh_stated {
  enum uh_stated_about about;
  char *object, *by;
  bool ours;
};
struct uh_stated_list {
  const struct uh_stated *UH_NULLABLE v;
  size_t n;
};
/* Those that the facts tell, and where they do not, what was stated. Those of `known` (from the journal; NULL: none)
 * stand before them and stay; but for what rested on a word that does not hold any more. What is told otherwise than by
 * a person is never overruled: UH_ERR_DATA names both. */
int uh_anchors_read(struct sqlite3 *facts, const struct uh_anchors *UH_NULLABLE known, struct uh_stated_list stated,
                    struct uh_anchors **ret_anchors, struct uh_err *err);
/* Those of the anchor that were observed: value i; NULL past the end. What a person stated is none of them. */
const char *UH_NULLABLE uh_anchors_seen(const struct uh_anchors *anchors, const char *name, size_t i);
int uh_anchors_from_json(const char *json, struct uh_anchors **ret_anchors, struct uh_err *err);
char *UH_OWN UH_NULLABLE
uh_anchors_json(const struct uh_anchors *anchors); /* {"name": ["value", ..], ..}; NULL: memory */
const char *UH_NULLABLE uh_anchors_get(const struct uh_anchors *anchors, const char *name, size_t i);
struct uh_anchors *uh_anchors_free(struct uh_anchors *UH_NULLABLE anchors);
void uh_anchors_freep(struct uh_anchors **anchors);

/* ---- one action of a plan ---- */

struct uh_planned {
  const char *id; /* stable: "send-connector/remove/ee5d6d1d-..": what --approve, undo and the journal name */
  int64_t number; /* from 1, in the plan's order: "C-03.2" is shown beside it */
  const char *step, *requirement, *step_title;
  enum uh_phase phase;
  struct uh_action action; /* as the step asked; strings live as long as the plan */
  enum uh_owner owner;
  const char *owner_reason;
  /* SHA-256 (hex) of the subject as it is to be found right before: canonical properties without those that change by
   * themselves (times, replication), after what this plan's earlier actions do to it. "" where the subject is not read
   * (UH_VERB_DO). */
  const char *fingerprint;
  const char *fingerprint_source; /* "exchange-server": drift is looked at in this source's row */
};
/* The fingerprint of a look's image by the same rules. UH_ERR_UNAVAILABLE where it has no row of that source. */
int uh_planned_fingerprint(const struct uh_planned *action, const char *image, char ret_hex[65], struct uh_err *err);
/* A look's image as it would be with the action done. The caller frees. */
int uh_planned_apply(const struct uh_planned *action, const char *image, char **ret_image, struct uh_err *err);
/* What changed, for people: "Enabled: true -> false; ..". Compares the image that was planned on with the present. */
int uh_planned_drift(const struct uh_planned *action, const char *planned_image, const char *image, struct uh_str *out,
                     struct uh_err *err);
/* Of the lists out of which the action took something: do they hold what it left, and nothing else? 1 yes, 0 no: out
 * says what. before: the image that it was begun on. */
int uh_planned_lists_kept(const struct uh_planned *action, const char *before, const char *image, struct uh_str *out,
                          struct uh_err *err);
/* Does a look satisfy what the action expects? 1 yes, 0 no: out says what is not so, -1 cannot be told: out and err say
 * what was not. only: expectations of this kind alone; UH_EXPECT_END: all. there, image: of the look. */
int uh_planned_satisfied(const struct uh_planned *action, enum uh_expectation only, bool there,
                         const char *UH_NULLABLE image, struct uh_str *out, struct uh_err *err);
/* The never-touch list of the guide's 4.3, whatever a step says: on the plan and again on the before-image. 0 it may,
 * -1 UH_ERR_INTERNAL names the rule. */
int uh_planned_allowed(const struct uh_planned *action, const struct uh_anchors *anchors, const char *UH_NULLABLE image,
                       struct uh_err *err);
/* The commands as a person would run them: PowerShell for cmdlets, the request for Graph; every change on its line. */
int uh_planned_commands(const struct uh_planned *action, struct uh_str *out, struct uh_err *err);
/* One cmdlet as PowerShell, the identity by GUID, the name in a comment. */
int uh_change_powershell(const struct uh_change *change, struct uh_str *out, struct uh_err *err);

/* ---- a plan ---- */

/* Is an Exchange server left, by a facts file? One that is listed without a computer account is none. why: which, or
 * why that is not known. -1 with err. */
enum { UH_SERVERS_NONE, UH_SERVERS_SOME, UH_SERVERS_UNKNOWN };
int uh_servers_left(const char *facts, char *why, size_t size, struct uh_err *err);
/* What facts list, whether they are complete or not. */
struct uh_servers {
  int64_t left, ghosts;
  bool answers;          /* Exchange's own cmdlets were answered */
  char name[256];        /* of one that is left */
  char ghost_names[512]; /* "EX01, EX02" */
};
int uh_servers_count(struct sqlite3 *facts, struct uh_servers *ret, struct uh_err *err);

enum uh_step_state {
  UH_STEP_NOTHING, /* read in full, nothing to do */
  UH_STEP_ACTIONS,
  UH_STEP_UNKNOWN, /* a set it needs is not complete, or an object cannot be told apart */
  UH_STEP_BLOCKED,
  UH_STEP_SKIPPED, /* not chosen, or follows one that is not */
};
const char *uh_step_state_name(enum uh_step_state state); /* "nothing", "actions", "unknown", .. */
struct uh_plan_object {                                   /* looked at, and why it stays or goes */
  const char *side, *kind, *guid, *name, *reason;
  enum uh_owner owner;
};
struct uh_plan_step {
  const struct uh_step *step;
  enum uh_step_state state;
  const char *why; /* UNKNOWN, BLOCKED, SKIPPED; "" otherwise */
  size_t first, n; /* its actions */
  size_t objects;
  const struct uh_plan_object *v;
  size_t n_notes;
  const char *const *notes;
};

struct uh_plan_options {
  const char *facts; /* path */
  const struct uh_anchors *UH_NULLABLE known;
  struct uh_stated_list stated;        /* where nothing else tells it; else an error */
  const char *const *UH_NULLABLE only; /* step ids */
  const char *UH_NULLABLE until;       /* step id, included */
  bool can[UH_BY_OPERATOR + 1];        /* executors whose account is configured */
  bool server_gone_only;               /* only the phase after-uninstall (sweep) */
  /* Recipients are managed with the management tools, says the check tools.in-use, and this is how it knows: the server
   * is powered off and never uninstalled, and steps that ask that check are SKIPPED. NULL: it does not say so. */
  const char *UH_NULLABLE tools;
  int64_t now;
  int64_t fresh_for;                              /* seconds for which facts count; 0: the default of 24 h */
  const struct uh_step *const *UH_NULLABLE steps; /* for tests; NULL: the registry. NULL-terminated */
  const char *organization;
  const char *UH_NULLABLE tenant;
};
struct uh_plan;
/* Runs discovery of every chosen step over the facts, orders, fingerprints. Steps of the phase after-uninstall are
 * planned only where the facts show that no Exchange server is left; else they are SKIPPED with that reason, and show
 * their objects. */
int uh_plan_make(const struct uh_plan_options *options, struct uh_plan **ret_plan, struct uh_err *err);
struct uh_plan *uh_plan_free(struct uh_plan *UH_NULLABLE plan);
void uh_plan_freep(struct uh_plan **plan);

const char *uh_plan_id(const struct uh_plan *plan); /* "sha256:<64 hex>" */
const char *uh_plan_organization(const struct uh_plan *plan);
const char *UH_NULLABLE uh_plan_tenant(const struct uh_plan *plan);
const struct uh_anchors *uh_plan_anchors(const struct uh_plan *plan);
size_t uh_plan_count(const struct uh_plan *plan);
const struct uh_planned *uh_plan_at(const struct uh_plan *plan, size_t i);
const struct uh_planned *UH_NULLABLE uh_plan_find(const struct uh_plan *plan, const char *action_id);
size_t uh_plan_step_count(const struct uh_plan *plan);
const struct uh_plan_step *uh_plan_step_at(const struct uh_plan *plan, size_t i);
/*
 * Some checks say what must not be done, not that nothing may: they stand in the way of the steps that name them. True
 * where this is one, and no step of the plan that has actions names it. The gate of the whole run passes over it then.
 */
bool uh_plan_passes_over(const struct uh_plan *plan, const char *check);
/* The image that an action's fingerprint was taken from; NULL: none. */
const char *UH_NULLABLE uh_plan_image(const struct uh_plan *plan, size_t i);

/* The document, with the images. Never holds a secret. */
int uh_plan_json(const struct uh_plan *plan, struct uh_str *out, struct uh_err *err);
/* Reads a document: UH_ERR_DATA where it was edited (its id does not fit), is of another version, or names a step that
 * this program does not have. */
int uh_plan_from_json(const char *json, size_t n, struct uh_plan **ret_plan, struct uh_err *err);
int uh_plan_save(const struct uh_plan *plan, const char *path, struct uh_err *err);
int uh_plan_load(const char *path, struct uh_plan **ret_plan, struct uh_err *err);
#endif
