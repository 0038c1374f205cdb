/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_DIRECTORY_SNAPSHOT_H
#define UH_DIRECTORY_SNAPSHOT_H
#include "sources/directory.h"

/* Fills the set DirectoryEntry where it was asked for, and reports it, part by part. -1: the whole run ends. */
int uh_directory_snapshot_configuration(struct uh_directory *d, struct uh_err *err);
/* Of one domain, on its own connection. As uh_ldap_search: why in err. */
int uh_directory_snapshot_domain(struct uh_directory *d, const char *nc, struct uh_ldap *ldap, bool gc,
                                 struct uh_err *err);
/* The marks of its recipients: the set RecipientMark. */
int uh_directory_snapshot_recipients(struct uh_directory *d, const char *nc, struct uh_ldap *ldap, bool gc,
                                     struct uh_err *err);
/* Whose SID it is, as the DN that this server knows. ret_told false: it knows none, or one that name does not hold. */
int uh_directory_sid_name(struct uh_ldap *ldap, const char *sid, char *name, size_t size, bool *ret_told,
                          struct uh_err *err);
void uh_directory_add_rights(struct uh_str *json, uint32_t mask); /* as a JSON array of their names */
/* The set MonitoringPermission of one domain whose root is seen, reported here unless -1: then why is in err. */
int uh_directory_monitoring(struct uh_directory *d, const char *nc, struct uh_ldap *ldap, struct uh_err *err);
/* The set DirectoryPermission of one domain, reported here unless -1: then why is in err. */
int uh_directory_permissions(struct uh_directory *d, const char *nc, struct uh_ldap *ldap, struct uh_err *err);
#endif
