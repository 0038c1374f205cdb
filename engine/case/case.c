/* SPDX-License-Identifier: Apache-2.0 */
#include "case/case.h"

#include <cyaml/cyaml.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <unhybrid/text.h>

enum {
  CASE_FORMAT = 1,
  CASE_YAML_MAX = 64 * 1024,
  HOLDER_MAX = 1024,   /* bytes of the lock's text */
  HOLDER_TRIES = 10,   /* a holder writes its text right after it got the lock */
  HOLDER_WAIT_MS = 20, /* between two tries */
  FACTS_PER_SECOND = 1000,
};

static void close_fdp(int *fd) {
  if (*fd >= 0) (void)close(*fd);
}

static void closedirp(DIR **dir) {
  if (*dir) (void)closedir(*dir);
}

static void str_clearp(struct uh_str *str) {
  uh_str_clear(str);
}

static char *path_join(const char *dir, const char *name) {
  struct uh_str path = {0};
  uh_str_add(&path, dir);
  if (path.len && path.s[path.len - 1] != '/') uh_str_addc(&path, '/');
  uh_str_add(&path, name);
  return uh_str_take(&path);
}

/* ---- file systems ---- */

const char *uh_fs_doubtful(unsigned long magic) {
  static const struct {
    unsigned long magic;
    const char *name;
  } known[] = {
      {0x01021997, "9p"},   {0x6969, "NFS"},     {0x517B, "SMB"},      {0xFF534D42, "SMB"},  {0xFE534D42, "SMB"},
      {0x65735546, "FUSE"}, {0x5346414F, "AFS"}, {0x73757245, "Coda"}, {0x00C36400, "Ceph"}, {0x7461636F, "OCFS2"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].magic == (magic & 0xFFFFFFFFul)) return known[i].name;
  return NULL;
}

static void look_at_fs(struct uh_case *c) {
  struct statfs fs;
  if (statfs(c->dir, &fs) < 0) return;
  const char *name = uh_fs_doubtful((unsigned long)fs.f_type);
  c->doubtful_fs = name != NULL;
  if (name) (void)snprintf(c->fs_name, sizeof c->fs_name, "%s", name);
}

/* ---- case.yaml ---- */

struct case_yaml {
  unsigned format;
  char *organization;
};
static const cyaml_schema_field_t case_fields[] = {
    CYAML_FIELD_UINT("format", CYAML_FLAG_DEFAULT, struct case_yaml, format),
    CYAML_FIELD_STRING_PTR("organization", CYAML_FLAG_POINTER, struct case_yaml, organization, 1, 1024),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t case_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct case_yaml, case_fields),
};
/* A later format may hold more keys: the version is told before they are complained about. */
static const cyaml_config_t case_cyaml = {
    .mem_fn = cyaml_mem,
    .flags = CYAML_CFG_IGNORE_UNKNOWN_KEYS | CYAML_CFG_NO_ALIAS | CYAML_CFG_STYLE_BLOCK,
    .log_level = CYAML_LOG_ERROR,
};

static void case_yaml_freep(struct case_yaml **y) {
  if (*y) (void)cyaml_free(&case_cyaml, &case_schema, *y, 0);
}

static int write_case_yaml(const char *path, const char *organization, struct uh_err *err) {
  struct case_yaml yaml = {.format = CASE_FORMAT};
  char *text = NULL;
  size_t n = 0;
  struct uh_file *file;
  UH_CLEANUP(uh_freep) char *name = strdup(organization);
  if (!name) return uh_fail_nomem(err);
  yaml.organization = name;
  if (cyaml_save_data(&text, &n, &case_cyaml, &case_schema, &yaml, 0) != CYAML_OK)
    return uh_fail(err, UH_ERR_CONFIG, "the organization's name cannot be written as YAML");
  int r = uh_file_create(path, &file, err);
  if (r == 0 && (r = uh_file_write(file, text, n, err)) < 0)
    (void)uh_file_abandon(file);
  else if (r == 0)
    r = uh_file_commit(file, err);
  cyaml_mem(NULL, text, 0);
  return r;
}

/* 1 read, 0 there is none, -1 failed. */
static int read_case_yaml(const char *path, char **ret_organization, struct uh_err *err) {
  struct stat st;
  UH_CLEANUP(case_yaml_freep) struct case_yaml *yaml = NULL;
  if (stat(path, &st) < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return 0;
    (void)uh_fail(err, errno == EACCES ? UH_ERR_DENIED : UH_ERR_DATA, "cannot look at the case: %s", strerror(errno));
    uh_err_where(err, "%s", path);
    return -1;
  }
  if (st.st_size > CASE_YAML_MAX ||
      cyaml_load_file(path, &case_cyaml, &case_schema, (cyaml_data_t **)&yaml, NULL) != CYAML_OK || !yaml) {
    (void)uh_fail(err, UH_ERR_CONFIG, "this is no case file: it does not say format and organization");
    uh_err_where(err, "%s", path);
    return -1;
  }
  if (yaml->format != CASE_FORMAT) {
    (void)uh_fail(err, UH_ERR_CONFIG, "the case has format %u, this program knows format %d", yaml->format,
                  CASE_FORMAT);
    uh_err_where(err, "%s", path);
    uh_err_remedy(err, "use the version of unhybrid that made it, or a newer one");
    return -1;
  }
  char *organization = strdup(yaml->organization);
  if (!organization) return uh_fail_nomem(err);
  *ret_organization = organization;
  return 1;
}

/* ---- the directory ---- */

/* A directory that holds something else is not made a case: a slip of the keyboard (-C ~) would change its mode. */
static int refuse_foreign(const char *dir, struct uh_err *err) {
  UH_CLEANUP(closedirp) DIR *d = opendir(dir);
  const struct dirent *e;
  if (!d) {
    (void)uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot read the case directory: %s", strerror(errno));
    uh_err_where(err, "%s", dir);
    return -1;
  }
  while ((e = readdir(d)) != NULL) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if (strncmp(e->d_name, ".case.yaml.", 11) == 0) continue; /* left by a start that was killed */
    (void)uh_fail(err, UH_ERR_CONFIG, "the directory is no case and not empty");
    uh_err_where(err, "%s", dir);
    uh_err_remedy(err, "name a new directory with -C, or the one of an existing case");
    return -1;
  }
  return 0;
}

static int make_dir(const char *dir, struct uh_err *err) {
  if (mkdir(dir, 0700) == 0) return 0;
  if (errno == EEXIST) return 0;
  (void)uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot make the directory: %s", strerror(errno));
  uh_err_where(err, "%s", dir);
  return -1;
}

static int make_case(struct uh_case *c, const char *organization, const char *yaml_path, struct uh_err *err) {
  if (!organization) return uh_fail(err, UH_ERR_INTERNAL, "a new case needs an organization");
  if (refuse_foreign(c->dir, err) < 0) return -1;
  if (chmod(c->dir, 0700) < 0) {
    (void)uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot make the case directory private: %s", strerror(errno));
    uh_err_where(err, "%s", c->dir);
    return -1;
  }
  if (write_case_yaml(yaml_path, organization, err) < 0) return -1;
  c->organization = strdup(organization);
  return c->organization ? 0 : uh_fail_nomem(err);
}

/* A case that was copied may have become readable for others on the way. */
static void tighten(const char *dir) {
  struct stat st;
  if (stat(dir, &st) == 0 && (st.st_mode & 077) && st.st_uid == geteuid()) (void)chmod(dir, 0700);
}

int uh_case_open(const char *dir, const char *organization, bool create, struct uh_case **ret_case,
                 struct uh_err *err) {
  UH_CLEANUP(uh_case_freep) struct uh_case *c = calloc(1, sizeof *c);
  if (!c) return uh_fail_nomem(err);
  c->lock_fd = -1;
  if (create && make_dir(dir, err) < 0) return -1;
  c->dir = realpath(dir, NULL);
  if (!c->dir) {
    (void)uh_fail(err, errno == EACCES ? UH_ERR_DENIED : UH_ERR_DATA, "there is no case here: %s", strerror(errno));
    uh_err_where(err, "%s", dir);
    uh_err_remedy(err, "run an audit first, or name the case with -C");
    return -1;
  }
  UH_CLEANUP(uh_freep) char *yaml_path = path_join(c->dir, "case.yaml");
  if (!yaml_path) return uh_fail_nomem(err);
  int r = read_case_yaml(yaml_path, &c->organization, err);
  if (r < 0) return -1;
  if (r == 0 && !create) {
    (void)uh_fail(err, UH_ERR_DATA, "the directory is no case: it has no case.yaml");
    uh_err_where(err, "%s", c->dir);
    return -1;
  }
  if (r == 0 && make_case(c, organization, yaml_path, err) < 0) return -1;
  if (organization && c->organization && strcmp(organization, c->organization) != 0) {
    (void)uh_fail(err, UH_ERR_CONFIG, "this is the case of organization '%s', the configuration is for '%s'",
                  c->organization, organization);
    uh_err_where(err, "%s", c->dir);
    uh_err_remedy(err, "name another case directory with -C");
    return -1;
  }
  if (create) tighten(c->dir);
  look_at_fs(c);
  *ret_case = UH_TAKE(c);
  return 0;
}

struct uh_case *uh_case_free(struct uh_case *c) {
  if (!c) return NULL;
  if (c->lock_fd >= 0) {
    if (c->locked && ftruncate(c->lock_fd, 0) < 0) errno = 0; /* the text is a courtesy, the lock itself goes now */
    (void)close(c->lock_fd);
  }
  free(c->dir);
  free(c->organization);
  free(c);
  return NULL;
}

void uh_case_freep(struct uh_case **c) {
  *c = uh_case_free(*c);
}

/* ---- the lock ---- */

static void add_holder(struct uh_str *text, const char *command) {
  char host[HOST_NAME_MAX + 1] = "", buf[4096], since[UH_TIME_TEXT];
  struct passwd pw, *found = NULL;
  struct timespec now;
  (void)gethostname(host, sizeof host - 1);
  (void)clock_gettime(CLOCK_REALTIME, &now);
  uh_str_addf(text, "pid: %ld\n", (long)getpid());
  if (getpwuid_r(geteuid(), &pw, buf, sizeof buf, &found) == 0 && found)
    uh_str_addf(text, "user: %s\n", found->pw_name);
  else
    uh_str_addf(text, "user: %lu\n", (unsigned long)geteuid());
  uh_str_addf(text, "host: %s\ncommand: %s\nsince: %s\n", host, command, uh_time_text(now.tv_sec, since));
}

/* The value of "name: value" in the lock's text, made harmless; "?" where it does not say. */
static void add_holder_value(struct uh_str *out, const char *text, const char *name) {
  size_t n = strlen(name);
  for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    if (strncmp(line, name, n) != 0 || strncmp(line + n, ": ", 2) != 0) continue;
    size_t len = strcspn(line + n + 2, "\n");
    uh_terminal_text(out, line + n + 2, len > 100 ? 100 : len);
    return;
  }
  uh_str_addc(out, '?');
}

static int fail_held(const struct uh_case *c, int fd, struct uh_err *err) {
  char text[HOLDER_MAX + 1];
  ssize_t n = 0;
  for (int i = 0; i < HOLDER_TRIES; i++) {
    n = pread(fd, text, HOLDER_MAX, 0);
    if (n > 0 && memmem(text, (size_t)n, "since: ", 7)) break;
    (void)nanosleep(&(struct timespec){.tv_nsec = HOLDER_WAIT_MS * 1000000L}, NULL);
  }
  text[n > 0 ? n : 0] = '\0';
  UH_CLEANUP(str_clearp) struct uh_str said = {0};
  static const char *const parts[][2] = {
      {"pid", "process "}, {"user", " of "}, {"host", " on "}, {"command", ", running "}, {"since", ", since "}};
  for (size_t i = 0; i < 5; i++) {
    uh_str_add(&said, parts[i][1]);
    add_holder_value(&said, text, parts[i][0]);
  }
  (void)uh_fail(err, UH_ERR_BUSY, "the case is held by %s",
                uh_str_text(&said) ? uh_str_text(&said) : "another process");
  uh_err_where(err, "%s", c->dir);
  uh_err_remedy(err, "wait until it has ended");
  return -1;
}

static int fail_lock(const struct uh_case *c, const char *what, struct uh_err *err) {
  (void)uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot %s the lock file: %s", what, strerror(errno));
  uh_err_where(err, "%s", c->dir);
  return -1;
}

static int take_fd(int *fd) {
  int taken = *fd;
  *fd = -1;
  return taken;
}

int uh_case_lock(struct uh_case *c, const char *command, struct uh_err *err) {
  UH_CLEANUP(str_clearp) struct uh_str text = {0};
  UH_CLEANUP(close_fdp) int fd = -1;
  if (c->locked) return 0;
  UH_CLEANUP(uh_freep) char *path = path_join(c->dir, "lock");
  add_holder(&text, command);
  if (!path || !uh_str_text(&text)) return uh_fail_nomem(err);
  fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail_lock(c, "open", err);
  if (flock(fd, LOCK_EX | LOCK_NB) < 0) return errno == EWOULDBLOCK ? fail_held(c, fd, err) : fail_lock(c, "take", err);
  if (ftruncate(fd, 0) < 0 || pwrite(fd, text.s, text.len, 0) != (ssize_t)text.len) return fail_lock(c, "write", err);
  c->lock_fd = take_fd(&fd);
  c->locked = true;
  return 0;
}

/* ---- facts files ---- */

struct facts_name {
  char stamp[UH_TIME_COMPACT];
  long counter; /* 1 for the file without one */
};

/* "facts-20261122T190000Z.db" or "facts-20261122T190000Z-2.db"; nothing else. */
static bool parse_facts_name(const char *name, struct facts_name *ret_name) {
  static const char shape[] = "facts-00000000T000000Z";
  for (size_t i = 0; i < sizeof shape - 1; i++)
    if (shape[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != shape[i]) return false;
  const char *p = name + sizeof shape - 1;
  long counter = 1;
  if (*p == '-') {
    size_t n = strspn(++p, "0123456789");
    if (n < 1 || n > 9 || *p == '0') return false;
    counter = strtol(p, NULL, 10);
    p += n;
  }
  if (strcmp(p, ".db") != 0) return false;
  memcpy(ret_name->stamp, name + 6, sizeof ret_name->stamp - 1);
  ret_name->stamp[sizeof ret_name->stamp - 1] = '\0';
  ret_name->counter = counter;
  return true;
}

static int by_age(const void *a, const void *b) {
  struct facts_name x = {.counter = 0}, y = {.counter = 0};
  (void)parse_facts_name(strrchr(*(char *const *)a, '/') + 1, &x);
  (void)parse_facts_name(strrchr(*(char *const *)b, '/') + 1, &y);
  int r = strcmp(x.stamp, y.stamp);
  return r ? r : (x.counter > y.counter) - (x.counter < y.counter);
}

int uh_case_new_facts(const struct uh_case *c, int64_t now, char **ret_path, struct uh_err *err) {
  char stamp[UH_TIME_COMPACT];
  uh_time_compact(now, stamp);
  for (int i = 1; i <= FACTS_PER_SECOND; i++) {
    UH_CLEANUP(str_clearp) struct uh_str name = {0};
    uh_str_addf(&name, "facts-%s", stamp);
    if (i > 1) uh_str_addf(&name, "-%d", i);
    uh_str_add(&name, ".db");
    UH_CLEANUP(uh_freep) char *path = uh_str_text(&name) ? path_join(c->dir, name.s) : NULL;
    if (!path) return uh_fail_nomem(err);
    if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) continue;
    *ret_path = UH_TAKE(path);
    return 0;
  }
  return uh_fail(err, UH_ERR_CANNOT_WRITE, "there are %d observations of the same second", FACTS_PER_SECOND);
}

static void free_paths(char **paths, size_t n) {
  for (size_t i = 0; i < n; i++) free(paths[i]);
  free(paths);
}

int uh_case_list_facts(const struct uh_case *c, char ***ret_paths, size_t *ret_n, struct uh_err *err) {
  UH_CLEANUP(closedirp) DIR *d = opendir(c->dir);
  char **paths = NULL;
  size_t n = 0, cap = 0;
  const struct dirent *e;
  struct facts_name ignored;
  if (!d) {
    (void)uh_fail(err, UH_ERR_DATA, "cannot read the case directory: %s", strerror(errno));
    uh_err_where(err, "%s", c->dir);
    return -1;
  }
  while ((e = readdir(d)) != NULL) {
    if (!parse_facts_name(e->d_name, &ignored)) continue;
    if (n == cap) {
      char **more = reallocarray(paths, cap ? cap * 2 : 16, sizeof *paths);
      if (!more) {
        free_paths(paths, n);
        return uh_fail_nomem(err);
      }
      paths = more;
      cap = cap ? cap * 2 : 16;
    }
    paths[n] = path_join(c->dir, e->d_name);
    if (!paths[n]) {
      free_paths(paths, n);
      return uh_fail_nomem(err);
    }
    n++;
  }
  if (n) qsort(paths, n, sizeof *paths, by_age);
  *ret_paths = paths;
  *ret_n = n;
  return 0;
}
