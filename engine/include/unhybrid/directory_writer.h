/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_DIRECTORY_WRITER_H
#define UNHYBRID_DIRECTORY_WRITER_H
/*
 * Changes of Active Directory itself, for what is left when no Exchange cmdlet can exist any more. By the same rules as
 * <unhybrid/writer.h>: a capability that is handed over, each request sent once, and an outcome that can be "unknown".
 *
 * An object is addressed by its GUID, and found anew right before: one that is not where it was, is of another class
 * than was said, or has something below it that was not listed, is left alone. What may be changed at all is a closed
 * list (executors/directory_check.c): recipients, computers, the schema and the domain itself are not on it.
 */
#include <unhybrid/writer.h>

struct uh_bytes {
  const void *data;
  size_t size;
};
enum uh_directory_edit_type { UH_DIRECTORY_TAKE_VALUES, UH_DIRECTORY_GIVE_VALUES, UH_DIRECTORY_REPLACE_VALUES };
struct uh_directory_edit {
  enum uh_directory_edit_type type;
  const char *attribute;
  const struct uh_bytes *UH_NULLABLE values; /* REPLACE with n = 0: the attribute is emptied */
  size_t n;
};
enum uh_directory_action {
  UH_DIRECTORY_DELETE,    /* the object, and below it exactly what `tree` lists */
  UH_DIRECTORY_MODIFY,    /* edits */
  UH_DIRECTORY_REANIMATE, /* a deleted object, back to dn; edits: what it lacks then. GUID and SID stay */
  UH_DIRECTORY_ADD,       /* a new object at dn, with edits (GIVE_VALUES) as its attributes: a new GUID */
  UH_DIRECTORY_LINK,      /* what an object that is back, or new, names, once that is there too: edits (REPLACE_VALUES).
                             A value that it has otherwise by now is somebody's, and is left alone */
  UH_DIRECTORY_FINISH,    /* what an earlier REANIMATE or ADD left, with the same edits: all of them are so, and of
                             a security descriptor that nobody has written since it is made so. Else it is left alone */
};
struct uh_directory_change {
  enum uh_directory_action action;
  const uint8_t *UH_NULLABLE guid;                 /* objectGUID in AD's order; NULL for ADD alone */
  const char *dn;                                  /* where the object is, or comes */
  const char *object_class;                        /* its most specific class, "serviceConnectionPoint" */
  const uint8_t (*UH_NULLABLE tree)[UH_GUID_SIZE]; /* DELETE: every object below it */
  size_t n_tree;
  const struct uh_directory_edit *UH_NULLABLE edits;
  size_t n_edits;
};
const char *uh_directory_action_name(
    enum uh_directory_action action); /* "delete", "modify", "reanimate", "add", "link", "finish" */

#define UH_DIRECTORY_TREE_MAX ((size_t)16384) /* objects that one deletion takes: what AD itself deletes at once */
#define UH_DIRECTORY_EDITS_MAX ((size_t)256)

struct uh_directory_writer {
  /* As uh_writer.change. result.objects counts the objects that were deleted. FAILED with objects > 0: a part of the
   * tree is gone. */
  int (*change)(void *user, const struct uh_directory_change *change, struct uh_change_result *ret_result,
                struct uh_err *err);
  void *user;
};
static inline int uh_directory_apply(const struct uh_directory_writer *writer, const struct uh_directory_change *change,
                                     struct uh_change_result *ret_result, struct uh_err *err) {
  return writer->change(writer->user, change, ret_result, err);
}
#endif
