/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_DIRECTORY_EXECUTOR_H
#define UH_DIRECTORY_EXECUTOR_H
#include <unhybrid/directory_writer.h>

#include "executors/executors.h"

/* An object of this class that stands there may be deleted (or made anew, by undo) at all. */
bool uh_directory_may_delete(const char *object_class, const char *dn);
#endif
