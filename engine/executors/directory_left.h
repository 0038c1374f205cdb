/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_EXECUTOR_DIRECTORY_LEFT_H
#define UH_EXECUTOR_DIRECTORY_LEFT_H
/* What an earlier try left of an object of the directory: which of its attributes are as they are to be, and whether
 * anybody else has had a hand in it since. Nothing here changes anything. */
#include "executors/executors.h"
#include "wire/ldap.h"

#define UH_DIRECTORY_DESCRIPTOR "nTSecurityDescriptor"
#define UH_DIRECTORY_EVERY_PART 7u /* of it: owner, group, DACL. The audit list needs a right of its own */

bool uh_directory_is_descriptor(const struct uh_directory_edit *edit);

enum uh_directory_left {
  UH_LEFT_ABSENT, /* it has no such attribute */
  UH_LEFT_SAME,   /* it has these values, and no other, in whatever order */
  UH_LEFT_OTHER,
};
/* ret: one for each edit. The object has to be there. */
int uh_directory_left(struct uh_ldap *ldap, const char *dn, const struct uh_directory_edit *edits, size_t n,
                      enum uh_directory_left ret[], struct uh_err *err);
/* Its security descriptor was written last before it was brought back, or with it; of one that was never deleted:
 * before it was made, or with it. Told by what the directory keeps for replication: without that it is an error. */
int uh_directory_descriptor_untouched(struct uh_ldap *ldap, const char *dn, bool *ret_untouched, struct uh_err *err);

struct uh_directory_written { /* when an attribute was written last */
  uint64_t seconds, usn;      /* since 1601; of the controller that was asked */
};
/* In the value of replPropertyMetaData. 1 found, 0 not there, -1 damaged. Exposed for tests. */
int uh_directory_written_find(const void *data, size_t size, uint32_t attribute, struct uh_directory_written *ret);
#endif
