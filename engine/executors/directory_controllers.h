/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_EXECUTOR_DIRECTORY_CONTROLLERS_H
#define UH_EXECUTOR_DIRECTORY_CONTROLLERS_H
/*
 * Who is asked to change an object: a controller that holds all of its part of the directory. One that does not says of
 * whatever stands there that it does not exist, and an undo would make it anew. So each has told what it holds before
 * it is asked anything else.
 */
#include "executors/executors.h"
#include "wire/ldap.h"

struct uh_directory_controller { /* signed in with operator.directory */
  struct uh_ldap *UH_NULLABLE ldap;
  bool active_directory; /* takes <GUID=..> for a name */
  char **contexts;       /* the roots of what it holds in full */
  size_t n_contexts;
  char *UH_NULLABLE configuration;
  char *UH_NULLABLE domain; /* for whose sake it is asked; NULL: the configured one */
  char server[128];
};

/* Other domains' connections that are kept; beyond, one that is open is closed for the next. */
#define UH_DIRECTORY_DOMAINS_HELD 16
struct uh_directory_controllers {
  const struct uh_directory_executor_options *options;
  struct uh_directory_controller configured, others[UH_DIRECTORY_DOMAINS_HELD];
  size_t replaced; /* of others */
};
void uh_directory_controllers_clear(struct uh_directory_controllers *controllers);
/* The configured controller where it holds what stands at dn, else one of that domain. Connects where it has to. -1:
 * nobody who holds it could be asked, and err names the domain and who was tried. Lives until the next call. */
int uh_directory_controller_of(struct uh_directory_controllers *controllers, const char *dn,
                               const struct uh_directory_controller **ret_controller, struct uh_err *err);
/* The root of the part of the directory in which dn stands; NULL: the controller does not hold it. */
const char *UH_NULLABLE uh_directory_context_of(const struct uh_directory_controller *controller, const char *dn);
#endif
