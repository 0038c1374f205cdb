/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_LOADING_H
#define UH_LOADING_H
/* How rule packs and plugins come into the registry. */
#include <unhybrid/check.h>

/* Adds one check; it must live until uh_checks_forget(). UH_ERR_CONFIG for a bad or taken id. */
int uh_checks_add(const struct uh_check *check, struct uh_err *err);
void uh_checks_forget(void);

int uh_pack_load(const char *path, struct uh_err *err);
void uh_packs_unload(void);
int uh_plugin_load(const char *path, struct uh_err *err);
void uh_plugins_unload(void);
#endif
