/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CASE_H
#define UH_CASE_H
/*
 * The case: a directory (0700) in which everything stands that unhybrid knows or did. Design section 4.5.
 */
#include <unhybrid/base.h>

struct uh_case {
  char *dir;          /* absolute path */
  char *organization; /* from case.yaml */
  bool locked;
  int lock_fd;
  bool doubtful_fs; /* 9p, NFS, SMB, FUSE: lock and sync cannot be trusted */
  char fs_name[16];
};
/* Opens the case; with create, makes directory and case.yaml (format: 1, organization). A directory that holds another
 * organisation's case or an unknown format is UH_ERR_CONFIG, so is, with create, one that holds other things. Without
 * create a directory that is no case is UH_ERR_DATA. organization NULL: whichever stands there (create needs one). */
int uh_case_open(const char *dir, const char *UH_NULLABLE organization, bool create, struct uh_case **ret_case,
                 struct uh_err *err);
struct uh_case *uh_case_free(struct uh_case *UH_NULLABLE c); /* releases the lock */
void uh_case_freep(struct uh_case **c);
/* flock on `lock`, whose text says who holds it since when and from where. UH_ERR_BUSY names the holder. */
int uh_case_lock(struct uh_case *c, const char *command, struct uh_err *err);
/* A new facts file's path: facts-<UTC>.db, with -2, -3.. where taken. */
int uh_case_new_facts(const struct uh_case *c, int64_t now, char **ret_path, struct uh_err *err);
/* Facts files, newest last. Free each and the array. */
int uh_case_list_facts(const struct uh_case *c, char ***ret_paths, size_t *ret_n, struct uh_err *err);

/* The name of a file system (statfs f_type) whose lock and sync cannot be trusted, NULL for the others. */
const char *UH_NULLABLE uh_fs_doubtful(unsigned long magic);

/* Writes a file so that it appears only when complete: temporary file beside it (0600), sync, rename, directory sync.
 * A case's journal, facts and lock are refused: UH_ERR_USAGE. */
struct uh_file;
int uh_file_create(const char *path, struct uh_file **ret_file, struct uh_err *err);
/* The mode that the file has in its place; before that it is 0600. */
int uh_file_mode(struct uh_file *file, unsigned mode, struct uh_err *err);
int uh_file_write(struct uh_file *file, const void *data, size_t n, struct uh_err *err);
int uh_file_commit(struct uh_file *file, struct uh_err *err); /* frees in any case */
struct uh_file *uh_file_abandon(struct uh_file *UH_NULLABLE file);
void uh_file_abandonp(struct uh_file **file);
#endif
