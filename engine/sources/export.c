/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of exported files, one per cmdlet: Get-X.xml fills the set of Get-X. The rows before a break in a file
 * are kept, its set is then partial, and the other files go on.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sources/export_private.h"

#define READ_BYTES ((size_t)64 * 1024)
#define FILES_MAX 10000
#define IGNORED_MAX 200 /* files that are named as ignored, one by one */
#define WARNINGS_MAX 20 /* of one file */
#define DEFAULT_RESULT_SIZE 1000

struct run {
  struct uh_observe *observe;
  const char *side, *source, *dir;
  bool cloud;
};
struct found {
  char *file;
  struct export_name name;
};
struct list {
  struct found *v;
  size_t n, cap;
};

static void closep(int *fd) {
  if (*fd >= 0) (void)close(*fd);
}
static void closedirp(DIR **dir) {
  if (*dir) (void)closedir(*dir);
}
static void list_clear(struct list *l) {
  for (size_t i = 0; i < l->n; i++) free(l->v[i].file);
  free(l->v);
}

/* ---- what a file lacks ---- */

void export_lacks(struct export_file *f, const char *fmt, ...) {
  va_list ap;
  if (f->lacking[0]) return;
  va_start(ap, fmt);
  uh_vprint(f->lacking, sizeof f->lacking, fmt, ap);
  va_end(ap);
}

/* English, as the services are asked for it; another language is told as a notice, and the count of 1000 still stands.
 */
static bool says_cut(const char *text) {
  return strcasestr(text, "more results") || strcasestr(text, "ResultSize");
}

void export_warning(struct export_file *f, const char *text, size_t n, bool error) {
  struct uh_str shown UH_CLEANUP(uh_str_clear) = {0};
  uh_terminal_text(&shown, text, n < 300 ? n : 300);
  const char *s = uh_str_or(&shown, "");
  if (error)
    export_lacks(f, "the cmdlet failed when the file was made: %s", s);
  else if (says_cut(text))
    export_lacks(f, "the cmdlet warned that there is more: %s", s);
  else if (f->warnings++ < WARNINGS_MAX)
    uh_observe_notice(f->observe, "%s: %s", f->path, s);
}

int export_record_end(struct export_file *f, struct uh_err *err) {
  if (f->server) uh_record_text(f->writer, "Server", f->server, strlen(f->server));
  if (uh_record_end(f->writer, err) < 0) {
    f->cannot_write = !err || err->cls != UH_ERR_DATA;
    return -1;
  }
  f->objects++;
  if (f->objects - f->told >= EXPORT_TOLD_EVERY) {
    uh_observe_counted(f->observe, f->objects - f->told, 0);
    f->told = f->objects;
  }
  return 0;
}

/* ---- one file ---- */

static void set_of(const struct run *r, const struct export_name *name, char set[192], const char **ret_part) {
  *ret_part = "";
  (void)snprintf(set, 192, "%s", name->noun);
  if (r->cloud && strcmp(name->noun, "OutboundConnector") == 0) {
    *ret_part = name->listing; /* four calls make one set */
  } else if (name->listing[0]) {
    (void)snprintf(set, 192, "%s/%s", name->noun, name->listing);
  } else if (!r->cloud && strcmp(name->noun, "Recipient") == 0) {
    /* on-premises:Recipient is every recipient object of the forest; a cmdlet shows one domain, and hides some. */
    (void)snprintf(set, 192, "Recipient/Export");
  }
}

static int feed(int fd, struct export_file *f, struct export_clixml *xml, struct export_json *json,
                struct uh_err *err) {
  UH_CLEANUP(uh_freep) char *buf = malloc(READ_BYTES);
  if (!buf) return uh_fail_nomem(err);
  for (;;) {
    if (uh_observe_stopped(f->observe)) return uh_fail(err, UH_ERR_INTERRUPTED, "stopped while it was read");
    ssize_t n = read(fd, buf, READ_BYTES);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return uh_fail(err, UH_ERR_DATA, "cannot be read on: %s", strerror(errno));
    if (n == 0) return xml ? export_clixml_finish(xml, err) : export_json_finish(json, err);
    int rc = xml ? export_clixml_feed(xml, buf, (size_t)n, err) : export_json_feed(json, buf, (size_t)n, err);
    if (rc < 0) return -1;
  }
}

static int open_file(const char *path, struct stat *st, struct uh_err *err) {
  UH_CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || fstat(fd, st) < 0) return uh_fail(err, UH_ERR_DATA, "cannot be opened: %s", strerror(errno));
  if (!S_ISREG(st->st_mode)) return uh_fail(err, UH_ERR_DATA, "is not a regular file");
  return uh_take_fd(&fd);
}

static int read_objects(struct export_file *f, int fd, struct uh_err *err) {
  UH_CLEANUP(export_clixml_freep) struct export_clixml *xml = NULL;
  UH_CLEANUP(export_json_freep) struct export_json *json = NULL;
  if (f->name->json ? export_json_open(f, &json, err) < 0 : export_clixml_open(f, &xml, err) < 0) return -1;
  return feed(fd, f, xml, json, err);
}

static void judge_completeness(struct export_file *f) {
  if (f->name->cut_at_1000 && !f->name->unlimited && f->objects == DEFAULT_RESULT_SIZE)
    export_lacks(f,
                 "exactly 1000 objects: probably cut at the default of -ResultSize; export with -ResultSize Unlimited, "
                 "and where there are 1000 indeed, say so in the name: Get-%s.Unlimited.xml",
                 f->name->noun);
}

/* 0: the set's state is told, whatever it is. -1: nothing can be written any more. */
static int read_one(const struct run *r, const struct found *found, struct uh_err *err) {
  struct export_file f = {.observe = r->observe, .path = found->file, .name = &found->name};
  struct uh_err broken = UH_ERR_INIT;
  struct stat st = {0};
  char set[192], path[PATH_MAX];
  const char *part;
  set_of(r, &found->name, set, &part);
  if (!uh_observe_wants(r->observe, r->side, set)) return 0;
  if (uh_record_writer_open(r->observe, r->side, r->source, found->name.noun, found->name.listing, &f.writer, err) < 0)
    return -1;
  int length = snprintf(path, sizeof path, "%s/%s", r->dir, found->file);
  UH_CLEANUP(closep) int fd = -1;
  if (length < 0 || (size_t)length >= sizeof path)
    (void)uh_fail(&broken, UH_ERR_DATA, "its path is too long");
  else
    fd = open_file(path, &st, &broken);
  int rc = fd < 0 ? -1 : read_objects(&f, fd, &broken);
  if (uh_record_writer_close(f.writer, err) < 0) return -1;
  uh_observe_counted(r->observe, f.objects - f.told, 1);
  if (f.cannot_write) {
    if (err && err->cls == UH_ERR_NONE) *err = broken;
    return -1;
  }
  judge_completeness(&f);
  enum uh_answer answer = broken.cls == UH_ERR_INTERRUPTED ? UH_TIMEOUT : UH_NOT_ASKED;
  if (fd < 0)
    uh_observe_set(r->observe, r->side, set, part, "failed", answer, 0, "%s %s", found->file, broken.what);
  else if (rc < 0)
    uh_observe_set(r->observe, r->side, set, part, "partial", answer, f.objects, "%s: %s%s%s", found->file, broken.what,
                   broken.remedy[0] ? "; " : "", broken.remedy);
  else if (f.lacking[0])
    uh_observe_set(r->observe, r->side, set, part, "partial", answer, f.objects, "%s: %s", found->file, f.lacking);
  else
    uh_observe_set(r->observe, r->side, set, part, "complete", UH_VALUE, f.objects, "%s", "");
  if (fd >= 0) uh_observe_set_time(r->observe, r->side, set, part, (int64_t)st.st_mtime);
  return 0;
}

/* ---- the directory ---- */

static int read_directory(const struct run *r, struct uh_names *names, struct uh_err *err) {
  UH_CLEANUP(closedirp) DIR *dir = opendir(r->dir);
  if (!dir) {
    uh_fail(err, UH_ERR_DATA, "cannot read the directory of exported files: %s", strerror(errno));
    uh_err_where(err, "%s", r->dir);
    return -1;
  }
  errno = 0;
  for (const struct dirent *e; (e = readdir(dir)); errno = 0) {
    if (e->d_name[0] == '.') continue;
    if (names->n >= FILES_MAX) {
      uh_fail(err, UH_ERR_DATA, "the directory of exported files holds more than %d entries", FILES_MAX);
      uh_err_where(err, "%s", r->dir);
      return -1;
    }
    if (uh_names_add(names, e->d_name, err) < 0) return -1;
  }
  if (errno) return uh_fail(err, UH_ERR_DATA, "cannot read %s: %s", r->dir, strerror(errno));
  uh_names_sort(names);
  return 0;
}

static int add_found(struct list *l, const char *file, const struct export_name *name, struct uh_err *err) {
  for (size_t i = 0; i < l->n; i++)
    if (strcmp(l->v[i].name.noun, name->noun) == 0 && strcmp(l->v[i].name.listing, name->listing) == 0) {
      uh_fail(err, UH_ERR_DATA, "two files for one cmdlet: %s and %s", l->v[i].file, file);
      uh_err_remedy(err, "keep the newer one");
      return -1;
    }
  if (l->n == l->cap) {
    size_t cap = l->cap ? l->cap * 2 : 64;
    struct found *v = reallocarray(l->v, cap, sizeof *v);
    if (!v) return uh_fail_nomem(err);
    l->v = v;
    l->cap = cap;
  }
  char *copy = strdup(file);
  if (!copy) return uh_fail_nomem(err);
  l->v[l->n++] = (struct found){.file = copy, .name = *name};
  return 0;
}

static int find_files(const struct run *r, struct list *l, struct uh_err *err) {
  UH_CLEANUP(uh_names_clear) struct uh_names names = {0};
  size_t ignored = 0;
  if (read_directory(r, &names, err) < 0) return -1;
  for (size_t i = 0; i < names.n; i++) {
    struct export_name name;
    const char *why;
    if (export_name_parse(names.v[i], r->cloud, &name, &why)) {
      if (add_found(l, names.v[i], &name, err) < 0) {
        uh_err_where(err, "%s", r->dir);
        return -1;
      }
    } else if (ignored++ < IGNORED_MAX) {
      struct uh_str shown UH_CLEANUP(uh_str_clear) = {0};
      uh_terminal_text(&shown, names.v[i], strlen(names.v[i]));
      uh_observe_notice(r->observe, "%s is not read: %s", uh_str_or(&shown, "a file"), why);
    }
  }
  if (ignored > IGNORED_MAX) uh_observe_notice(r->observe, "%zu more files are not read", ignored - IGNORED_MAX);
  if (l->n == 0) uh_observe_notice(r->observe, "no exported file was found in %s", r->dir);
  return 0;
}

/* Get-OutboundConnector without switches hides some connectors: without the other calls the set is not complete. */
static void tell_missing_calls(const struct run *r, const struct list *l) {
  static const char *const calls[] = {"", "IncludeTestModeConnectors", "IsTransportRuleScoped",
                                      "IncludeTestModeConnectors,IsTransportRuleScoped"};
  static const char *const files[] = {"", ".IncludeTestModeConnectors", ".IsTransportRuleScoped",
                                      ".IncludeTestModeConnectors+IsTransportRuleScoped"};
  bool seen[4] = {false}, any = false;
  for (size_t i = 0; i < l->n; i++)
    for (size_t k = 0; k < 4 && strcmp(l->v[i].name.noun, "OutboundConnector") == 0; k++)
      if (strcmp(l->v[i].name.listing, calls[k]) == 0) any = seen[k] = true;
  if (!r->cloud || !any || !uh_observe_wants(r->observe, r->side, "OutboundConnector")) return;
  for (size_t k = 0; k < 4; k++)
    if (!seen[k])
      uh_observe_set(r->observe, r->side, "OutboundConnector", calls[k], "failed", UH_NOT_ASKED, 0,
                     "there is no file Get-OutboundConnector%s.xml: each call shows connectors that the others hide",
                     files[k]);
}

static int observe_directory(const struct run *r, struct uh_err *err) {
  UH_CLEANUP(list_clear) struct list l = {0};
  if (find_files(r, &l, err) < 0) return -1;
  for (size_t i = 0; i < l.n; i++)
    if (read_one(r, &l.v[i], err) < 0) return -1;
  tell_missing_calls(r, &l);
  return 0;
}

static int observe_exchange(struct uh_observe *observe, struct uh_err *err) {
  const struct run r = {.observe = observe,
                        .side = "on-premises",
                        .source = "exchange-export",
                        .dir = uh_observe_config(observe)->exchange->export_dir};
  return observe_directory(&r, err);
}

static int observe_exchange_online(struct uh_observe *observe, struct uh_err *err) {
  const struct run r = {.observe = observe,
                        .side = "cloud",
                        .source = "exchange-online-export",
                        .dir = uh_observe_config(observe)->exchange_online->export_dir,
                        .cloud = true};
  return observe_directory(&r, err);
}

static const char *exchange_not_configured(const struct uh_config *config) {
  return config->exchange && config->exchange->export_dir ? NULL : "no exchange.export";
}

static const char *exchange_online_not_configured(const struct uh_config *config) {
  return config->exchange_online && config->exchange_online->export_dir ? NULL : "no exchange_online.export";
}

/* The sets that checks need; other files fill sets of their own. */
const struct uh_source uh_source_exchange_export = {
    .id = "exchange-export",
    .not_configured = exchange_not_configured,
    .sets =
        "on-premises:Mailbox on-premises:Mailbox/Archive on-premises:Mailbox/Arbitration on-premises:Mailbox/AuditLog "
        "on-premises:Mailbox/Monitoring on-premises:Mailbox/PublicFolder on-premises:RemoteMailbox "
        "on-premises:SiteMailbox on-premises:MailPublicFolder on-premises:DynamicDistributionGroup "
        "on-premises:AcceptedDomain on-premises:ClientAccessService on-premises:DatabaseAvailabilityGroup "
        "on-premises:DeliveryAgentConnector on-premises:ExchangeServer on-premises:ForeignConnector "
        "on-premises:HybridConfiguration on-premises:MoveRequest on-premises:PublicFolderDatabase "
        "on-premises:ReceiveConnector on-premises:SendConnector on-premises:WebServicesVirtualDirectory "
        "on-premises:OrganizationConfig on-premises:EdgeSubscription on-premises:UMMailbox on-premises:UMIPGateway "
        "on-premises:UMAutoAttendant on-premises:JournalRule on-premises:TransportConfig "
        "on-premises:OrganizationRelationship on-premises:SharingPolicy",
    .after = "",
    .observe = observe_exchange,
};
const struct uh_source uh_source_exchange_online_export = {
    .id = "exchange-online-export",
    .not_configured = exchange_online_not_configured,
    .sets =
        "cloud:Mailbox cloud:Recipient cloud:Mailbox/SoftDeletedMailbox cloud:Mailbox/InactiveMailboxOnly "
        "cloud:MailPublicFolder cloud:OrganizationConfig cloud:AcceptedDomain cloud:InboundConnector "
        "cloud:OutboundConnector cloud:TransportRule cloud:MigrationBatch cloud:MoveRequest cloud:DkimSigningConfig "
        "cloud:DistributionGroup cloud:MailContact cloud:MailUser cloud:JournalRule cloud:TransportConfig "
        "cloud:OrganizationRelationship cloud:OnPremisesOrganization cloud:SharingPolicy "
        "cloud:IntraOrganizationConnector cloud:MigrationEndpoint cloud:AvailabilityAddressSpace",
    .after = "",
    .observe = observe_exchange_online,
};
