/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins: check modules in shared objects, the same structures as the built-in ones. A plugin is code that runs with
 * the administrator's credentials, so a file that somebody else could have changed is refused.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules/loading.h"
#include "rules/rules.h"

enum { PLUGINS_MAX = 64, FILES_MAX = 256 };

static void *handles[PLUGINS_MAX];
static int handle_count;

void uh_plugins_unload(void) {
  while (handle_count > 0) dlclose(handles[--handle_count]);
}

static int refuse_if_foreign(const char *path, struct uh_err *err) {
  struct stat st;
  if (stat(path, &st) < 0) return uh_fail(err, UH_ERR_CONFIG, "cannot read the plugin: %s", strerror(errno));
  if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022) != 0) {
    uh_fail(err, UH_ERR_CONFIG, "others than you can change this plugin");
    uh_err_remedy(err, "chown it to yourself and chmod go-w it");
    return -1;
  }
  return 0;
}

static int add_module(const struct uh_module *module, struct uh_err *err) {
  if (!module) return uh_fail(err, UH_ERR_CONFIG, "no symbol unhybrid_module: this is no plugin of unhybrid");
  if (module->abi != UH_ABI)
    return uh_fail(err, UH_ERR_CONFIG, "the plugin was built for interface %u, this program has %d", module->abi,
                   UH_ABI);
  for (const struct uh_check *c = module->checks; c && c->id; c++)
    if (uh_checks_add(c, err) < 0) return -1;
  return 0;
}

int uh_plugin_load(const char *path, struct uh_err *err) {
  int rc = refuse_if_foreign(path, err);
  void *handle = NULL;
  if (rc == 0 && handle_count == PLUGINS_MAX) rc = uh_fail(err, UH_ERR_CONFIG, "more than %d plugins", PLUGINS_MAX);
  if (rc == 0 && !(handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)))
    rc = uh_fail(err, UH_ERR_CONFIG, "cannot load the plugin: %s", dlerror());
  if (rc == 0) {
    handles[handle_count++] = handle;
    rc = add_module(dlsym(handle, "unhybrid_module"), err);
  }
  if (rc < 0) uh_err_where(err, "%s", path);
  return rc;
}

/* ---- a file, or all files of a directory in the order of their names ---- */

static bool ends_with(const char *s, const char *end) {
  size_t n = strlen(s), m = strlen(end);
  return n > m && strcmp(s + n - m, end) == 0;
}

static int load_file(const char *path, struct uh_err *err) {
  if (ends_with(path, ".so")) return uh_plugin_load(path, err);
  return uh_pack_load(path, err);
}

static int is_rule_file(const struct dirent *d) {
  return ends_with(d->d_name, ".yaml") || ends_with(d->d_name, ".so");
}

static int load_directory(const char *path, struct uh_err *err) {
  struct dirent **list = NULL;
  int n = scandir(path, &list, is_rule_file, alphasort), rc = 0;
  if (n < 0) {
    uh_fail(err, UH_ERR_CONFIG, "cannot read the directory of rules: %s", strerror(errno));
    uh_err_where(err, "%s", path);
    return -1;
  }
  if (n > FILES_MAX) rc = uh_fail(err, UH_ERR_CONFIG, "%s: more than %d rule files", path, FILES_MAX);
  for (int i = 0; i < n; i++) {
    char *file = NULL;
    if (rc == 0 && asprintf(&file, "%s/%s", path, list[i]->d_name) < 0) rc = uh_fail_nomem(err);
    if (rc == 0) rc = load_file(file, err);
    free(file);
    free(list[i]);
  }
  free(list);
  return rc;
}

int uh_checks_load(const char *path, struct uh_err *err) {
  struct stat st;
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return load_directory(path, err);
  return load_file(path, err);
}

void uh_checks_unload(void) {
  uh_checks_forget();
  uh_packs_unload();
  uh_plugins_unload();
}
