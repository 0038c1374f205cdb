/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_UNDO_H
#define UH_UNDO_H
/* One undoing, within engine/plan: what the step, or the engine for it, says is to be sent, and what is true then. */
#include <jansson.h>

#include "plan/plan.h"

struct uh_undo_op {
  struct uh_change change;             /* cmdlet NULL: it is Graph's */
  const struct uh_graph_change *graph; /* points into the undo */
  const struct uh_directory_change *directory;
  const struct uh_directory_change *UH_NULLABLE links; /* what it names, once all are there; no guid of its own */
  char made[UH_GUID_TEXT];                             /* of the new one; "" where it was brought back */
  const struct uh_directory_change *UH_NULLABLE anew;  /* where the directory keeps nothing to bring it back from */
  bool on_new;
};
/* Another object that named this one, and what makes it do so again. */
struct uh_undo_reference {
  struct uh_planned holder; /* its subject, and the value that its property has then */
  struct uh_change change;
  const char *property;
};
enum { UH_UNDO_REFERENCES_MAX = 4 };
struct uh_undo {
  const struct uh_planned *a;
  json_t *image;                                /* the before-image */
  json_t *assumed;                              /* {"property": "text"} where that has none */
  const struct uh_anchors *UH_NULLABLE anchors; /* the journal's */
  struct uh_undo_reference references[UH_UNDO_REFERENCES_MAX];
  size_t n_references;
  const char *guid; /* of the object now, as text: another than the action's where it was made anew; "" none */
  const char *UH_NULLABLE name_property, *UH_NULLABLE name; /* how the new object is found */
  struct uh_change create;                                  /* cmdlet NULL: nothing is made anew */
  struct uh_undo_op *ops;
  size_t n_ops;
  struct uh_expect *expect; /* what is true afterwards, UH_EXPECT_END last */
  size_t n_expect;
  struct uh_str commands, where; /* a person's */
  void **kept;                   /* everything that the above points to */
  size_t n_kept, cap_kept;
};
int uh_undo_open(struct uh_undo *undo, const struct uh_planned *action, const char *image, const char *guid,
                 const struct uh_anchors *UH_NULLABLE anchors, struct uh_err *err);
void uh_undo_clear(struct uh_undo *undo);
/* What the action's own changes set gets its former values; a deleted object of Graph is restored. UH_ERR_USAGE where
 * there is no such way. */
int uh_undo_generic(struct uh_undo *undo, struct uh_err *err);
/* An entry of the directory, and what stood below it, comes back from its tombstone, with what that did not keep. */
int uh_undo_entry(struct uh_undo *undo, struct uh_err *err);
/* Whether all that stood below the entry stands there as it was: 1; 0: why says what of it does not; -1. image: of the
 * entry as it is now. */
int uh_undo_entry_below(const struct uh_undo *undo, const char *image, struct uh_str *why, struct uh_err *err);
/* The same where something of it had to be made anew: entries are told by their names, and what a new object has new
 * does not count. */
/* unset: attributes that do not count either. */
int uh_undo_entry_made(const struct uh_undo *undo, const char *image, const json_t *UH_NULLABLE unset,
                       struct uh_str *why, struct uh_err *err);
void *uh_undo_keep(struct uh_undo *undo, size_t n,
                   size_t size); /* zeroed, lives as long as the undo; NULL: no memory */
int uh_undo_add(struct uh_undo *undo, const struct uh_undo_op *op, struct uh_err *err);
/* All of it as a person would run it. */
int uh_undo_text_of(const struct uh_undo *undo, struct uh_str *out, struct uh_err *err);
#endif
