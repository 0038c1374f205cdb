/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_PLAN_INTERNAL_H
#define UH_PLAN_INTERNAL_H
/* What the files of the plan share. */
#include <jansson.h>

#include "plan/arena.h"
#include "plan/plan.h"
#include "rules/judging.h"
#include "rules/shared.h"

#define UH_PLAN_SCHEMA "unhybrid/plan/1"
#define UH_PLAN_BYTES_MAX ((size_t)64 * 1024 * 1024) /* what the journal takes as one image */
enum {
  UH_PLAN_ACTIONS_MAX = 100000,
  UH_PLAN_STEPS_MAX = 64,
  UH_PLAN_TEXTS_MAX = 5000, /* of one list; what executors take */
};

/*
 * A plan is its document: the structures point into it, and are made from it in one way only, whether it has just been
 * planned or was read from a file. So what is carried out is what was written down.
 */
struct uh_plan {
  struct uh_arena arena; /* arrays, images */
  json_t *document;
  char id[sizeof "sha256:" + 64];
  struct uh_anchors *anchors;
  struct uh_planned *v;
  const char **images; /* of each action, NULL: none */
  size_t n;
  json_t *by_id; /* {action id: its place} */
  struct uh_plan_step *steps;
  size_t n_steps;
  const struct uh_step *const *known; /* while it is revived: the steps that there are; NULL: the registry */
};
/* Takes a reference of the document. UH_ERR_DATA where it is none. */
int uh_plan_revive(json_t *document, const struct uh_step *const *UH_NULLABLE known, struct uh_plan **ret_plan,
                   struct uh_err *err);
const struct uh_step *UH_NULLABLE uh_plan_step_named(const struct uh_plan *plan, const char *id);
int uh_sha256_hex(const void *data, size_t n, char ret_hex[65], struct uh_err *err);
/* "sha256:.." of the document's canonical form. */
int uh_plan_identify(const json_t *document, char ret_id[sizeof "sha256:" + 64], struct uh_err *err);

/* ---- checks of which the plan itself knows (plan.c) ---- */

#define UH_CHECK_TOOLS "tools.in-use"
#define UH_CHECK_SERVER_GONE "server.gone"
bool uh_step_asks(const struct uh_step *step, const char *check); /* among those right before it */

/* ---- one step's discovery (discover.c) ---- */

struct uh_step_run {
  struct judge *judge; /* reads the facts */
  const struct uh_plan_options *options;
  const struct uh_anchors *anchors;
  const struct uh_step *step;
  enum uh_step_state state;
  struct uh_str why;
  json_t *objects, *actions, *notes; /* arrays, as they stand in the document */
  json_t *owners;                    /* {subject's key: its place in objects} */
  json_t *ids;                       /* {action id: true} */
  struct uh_str key, id;             /* of the object, the action at hand; kept so that memory is asked for once */
  bool no_server;                    /* the facts show that no Exchange server is left: nobody can run its cmdlets */
};
int uh_discover_begin(struct uh_step_run *run, struct uh_err *err); /* nothing is said yet */
int uh_discover(struct uh_step_run *run, struct uh_err *err);
void uh_discover_clear(struct uh_step_run *run);
/* The owner that a statement's word means; UH_OWNER_UNKNOWN for another word, and for NULL. */
enum uh_owner uh_step_owner_of(const char *UH_NULLABLE name);

/* ---- anchors (anchors.c) ---- */

json_t *UH_NULLABLE uh_anchors_encode(const struct uh_anchors *anchors);
int uh_anchors_decode(const json_t *object, struct uh_anchors **ret_anchors, struct uh_err *err);
bool uh_anchors_have(const struct uh_anchors *anchors, const char *name, const char *UH_NULLABLE value);
/* The anchor in place i and its value; NULL past the end. */
const char *UH_NULLABLE uh_anchors_at(const struct uh_anchors *anchors, size_t i, const char **ret_value);

/* ---- what discovery sees beside the facts' own views (configuration.c) ---- */

int uh_configuration_make(struct sqlite3 *db, struct uh_err *err);
#define UH_ANCHOR_INSERT "INSERT INTO temp." UH_SHARED "anchor VALUES(?, ?)"
/* The view anchor with these; further ones are put into it by UH_ANCHOR_INSERT. */
int uh_anchor_view_make(struct sqlite3 *db, const struct uh_anchors *anchors, struct uh_err *err);
/* The image of a subject as the facts show it; *ret_image NULL: they do not. *st keeps the statement for the next call;
 * finalize it. */
int uh_configuration_image(struct sqlite3 *db, struct sqlite3_stmt **st, const struct uh_subject *subject,
                           json_t **ret_image, struct uh_err *err);

/* ---- text and JSON of an action (action_json.c, action_id.c) ---- */

/* "side/kind/guid", or with the match in place of the GUID; safe in a shell and in a URL. False: it has neither. */
bool uh_subject_key(const struct uh_subject *subject, struct uh_str *out);
bool uh_action_id(const struct uh_step *step, const struct uh_action *action, struct uh_str *out);
/* New references; NULL: memory, or text that is no UTF-8. */
json_t *uh_argument_value_encode(const struct uh_argument *argument);
json_t *uh_subject_encode(const struct uh_subject *subject);
json_t *uh_action_encode(const struct uh_action *action);
/* Fills the action from its object in a plan's document. UH_ERR_DATA says what is wrong with it. */
int uh_action_decode(struct uh_arena *arena, const json_t *object, struct uh_action *ret_action, struct uh_err *err);
/* A member that has to be a text; with optional NULL where it is not there. -1: it is something else. */
int uh_member_text(const json_t *object, const char *name, bool optional, const char **ret_text, struct uh_err *err);
int uh_owner_of(const json_t *object, enum uh_owner *ret_owner, struct uh_err *err);
/* The place of a word among those that `name_of` gives for 0..n-1; -1: none. */
#define UH_WORD_OF(name_of, type, n, word)                              \
  ({                                                                    \
    int uh_found_ = -1;                                                 \
    for (int uh_i_ = 0; uh_i_ < (int)(n) && uh_found_ < 0; uh_i_++)     \
      if (strcmp(name_of((type)uh_i_), (word)) == 0) uh_found_ = uh_i_; \
    uh_found_;                                                          \
  })

/* ---- values (value.c) ---- */

/* The property of a row's json, without case; NULL where it was not obtained: absent, or marked {"@answer": ..}. */
const json_t *UH_NULLABLE uh_property(const json_t *properties, const char *name);
/* The value by its meaning: GUIDs and domain names without case, lists sorted, one element as itself, all that is empty
 * as null, numbers and yes or no as text. A new reference; NULL: memory. */
json_t *uh_value_canonical(const json_t *value);
/* NULL is never the same. */
bool uh_values_mean_the_same(const json_t *UH_NULLABLE a, const json_t *UH_NULLABLE b);

/* ---- never (never.c) ---- */

/* As uh_planned_allowed; image NULL: nobody has looked. */
int uh_allowed(const struct uh_planned *planned, const struct uh_anchors *anchors, const json_t *UH_NULLABLE image,
               struct uh_err *err);

/* ---- state of an object (fingerprint.c) ---- */

/* Which source's row of an image drift is looked at in: one that can be read again, if there is one. "" none. */
const char *uh_image_source(const json_t *image);
/* SHA-256 in hex. UH_ERR_UNAVAILABLE where the image has no row of that source. */
int uh_image_fingerprint(const json_t *image, const char *source, char ret_hex[65], struct uh_err *err);
/* Which properties of a row are others in the second, in words. */
int uh_row_differences(const json_t *was, const json_t *is, struct uh_str *out, struct uh_err *err);
/* Changes an image as the action's expectations say. False: the action takes the object away. */
bool uh_image_apply(json_t *image, const struct uh_action *action);

/* What is the hybrid deployment's, or shared with it; in the uninstall also what goes with the server. */
bool uh_owner_may_be_acted_on(const struct uh_step *step, enum uh_owner owner);
#endif
