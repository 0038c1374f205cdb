/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded, it makes every file system an NFS: what the program makes of one is tried without one. */
#include <dlfcn.h>
#include <linux/magic.h>
#include <sys/vfs.h>

int statfs(const char *path, struct statfs *out) { /* with large files its name in the library is statfs64 */
  int (*next)(const char *, struct statfs *) = (int (*)(const char *, struct statfs *))dlsym(RTLD_NEXT, "statfs64");
  int r = next ? next(path, out) : -1;
  if (r == 0) out->f_type = NFS_SUPER_MAGIC;
  return r;
}
