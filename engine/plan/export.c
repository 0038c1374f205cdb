/* SPDX-License-Identifier: Apache-2.0 */
/* Step 0: which sets, whether they are complete, the manifest, and the comparison afterwards. */
#include "plan/export_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case/facts.h"

enum { LACKING_SHOWN = 4, EXPORTS_MAX = 100 };
#define MANIFEST "MANIFEST.json"
#define PARTIAL "step-0.partial"
#define CERTIFICATES "certificates"

/*
 * What the guide's 2.0 asks for and a source of ours reads. All of it has to be complete, or step 0 fails; once no
 * server is left, what its own cmdlets alone would read does not count, and the manifest says that it is not there.
 * Other kinds of configuration that the facts hold are exported too, with how complete they are.
 */
static const struct {
  const char *side, *kinds;
} required[] = {
    {"on-premises",
     "HybridConfiguration IntraOrganizationConnector IntraOrganizationConfiguration OrganizationRelationship "
     "FederationTrust FederatedOrganizationIdentifier SharingPolicy SendConnector ReceiveConnector RemoteDomain "
     "AcceptedDomain EmailAddressPolicy AvailabilityAddressSpace AuthServer AuthConfig PartnerApplication "
     "SettingOverride ExchangeCertificate OrganizationConfig TransportConfig EdgeSubscription MigrationEndpoint "
     "ClientAccessService WebServicesVirtualDirectory OwaVirtualDirectory EcpVirtualDirectory OabVirtualDirectory "
     "MapiVirtualDirectory ActiveSyncVirtualDirectory AutodiscoverVirtualDirectory PowerShellVirtualDirectory "
     "Recipient"},
    {"cloud",
     "OnPremisesOrganization InboundConnector OutboundConnector OrganizationRelationship IntraOrganizationConnector "
     "MigrationEndpoint FederatedOrganizationIdentifier FederationTrust AcceptedDomain RemoteDomain "
     "AvailabilityAddressSpace PartnerApplication OrganizationConfig TransportRule JournalRule SharingPolicy "
     "GraphServicePrincipal GraphApplication GraphProxyPrincipal"}};
/* What the guide names beside, and why it does not stand here. */
static const char *const not_exported[] = {
    "private keys: Export-ExchangeCertificate on the server, by a person, where a certificate is used elsewhere",
    "the Hybrid Configuration Wizard's logs: they lie in a person's profile on the machine where it ran",
    "cloud:IntraOrganizationConfiguration, cloud:AuthServer: no source reads them, and no step changes them",
    "the bytes of keys that Graph shows: their ids, thumbprints and dates stand here"};

struct export {
  sqlite3 *db;
  const char *dir; /* where files are written */
  const struct uh_anchors *anchors;
  char facts_name[256];
  char facts_sha256[65];
  struct uh_str files; /* the manifest's list */
  bool no_server;      /* nobody can run the cmdlets that alone read some sets */
  int64_t without_bytes;
  struct uh_err *err;
};

static void export_clear(struct export *e) {
  (void)sqlite3_close(e->db);
  uh_str_clear(&e->files);
}

static void finalizep(sqlite3_stmt **st) {
  (void)sqlite3_finalize(*st);
}

static const char *text(sqlite3_stmt *st, int column) {
  const char *s = (const char *)sqlite3_column_text(st, column);
  return s ? s : "";
}

/* ---- completeness ---- */

struct completeness {
  bool complete;
  bool of_server; /* only Exchange Server's own cmdlets read it */
  char why[400];
  struct uh_str sources; /* JSON objects */
};

static void completeness_clear(struct completeness *c) {
  uh_str_clear(&c->sources);
}

static void add_source(struct uh_str *out, sqlite3_stmt *st) {
  char when[UH_TIME_TEXT];
  uh_str_addf(out, "%s{\"source\": ", out->len ? ", " : "");
  uh_json_string(out, text(st, 0), strlen(text(st, 0)));
  uh_str_add(out, ", \"part\": ");
  uh_json_string(out, text(st, 1), strlen(text(st, 1)));
  uh_str_add(out, ", \"state\": ");
  uh_json_string(out, text(st, 2), strlen(text(st, 2)));
  uh_str_addf(out, ", \"objects\": %lld, \"observed_at\": \"%s\", \"why\": ", (long long)sqlite3_column_int64(st, 5),
              uh_time_text(sqlite3_column_int64(st, 6), when));
  uh_json_string(out, text(st, 3), strlen(text(st, 3)));
  uh_str_addc(out, '}');
}

/* Of one source the worst part counts, of several sources the best. A set that the service says it does not have
 * (answer "none") is complete: there is nothing to export. */
static int look_at_set(struct export *e, const char *side, const char *name, struct completeness *ret) {
  UH_CLEANUP(finalizep) sqlite3_stmt *st = NULL;
  char source[80] = "";
  bool good = false, told = false;
  int rc;
  if (export_sql(e->db,
                 "SELECT source, part, state, why, answer, objects, observed_at FROM t_set WHERE side = ? AND name = ?"
                 " ORDER BY source, fact",
                 &st, e->err) < 0)
    return -1;
  (void)sqlite3_bind_text(st, 1, side, -1, SQLITE_STATIC);
  (void)sqlite3_bind_text(st, 2, name, -1, SQLITE_STATIC);
  *ret = (struct completeness){.of_server = true, .why = "no source reads it"};
  while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
    bool unused = strcmp(text(st, 0), "exchange-export") == 0 && strcmp(text(st, 2), "not-configured") == 0;
    ret->of_server = ret->of_server && (unused || strcmp(text(st, 0), "exchange-server") == 0);
    bool part = strcmp(text(st, 2), "complete") == 0 || sqlite3_column_int(st, 4) == UH_NONE;
    if (strcmp(source, text(st, 0)) != 0) {
      ret->complete = ret->complete || (*source && good);
      uh_print(source, sizeof source, "%s", text(st, 0));
      good = true;
    }
    good = good && part;
    bool asked = strcmp(text(st, 2), "not-configured") != 0; /* says more than a source that nobody configured */
    if (!part && (asked || !told)) uh_print(ret->why, sizeof ret->why, "%s %s: %s", source, text(st, 2), text(st, 3));
    told = told || (!part && asked);
    add_source(&ret->sources, st);
  }
  ret->complete = ret->complete || (*source && good);
  if (rc != SQLITE_DONE) return uh_fail(e->err, UH_ERR_DATA, "cannot read the facts: %s", sqlite3_errmsg(e->db));
  return ret->sources.failed ? uh_fail_nomem(e->err) : 0;
}

struct lacking {
  struct uh_str names;
  size_t n;
};

static int look_at_required(struct export *e, const char *side, const char *kinds, struct lacking *lacking) {
  char kind[64];
  for (const char *p = kinds; *p;) {
    UH_CLEANUP(completeness_clear) struct completeness c = {0};
    size_t n = strcspn(p, " ");
    uh_print(kind, sizeof kind, "%.*s", (int)n, p);
    if (look_at_set(e, side, kind, &c) < 0) return -1;
    bool lacks = !c.complete && !(e->no_server && c.of_server && strcmp(side, "on-premises") == 0);
    if (lacks && lacking->n++ < LACKING_SHOWN)
      uh_str_addf(&lacking->names, "%s%s:%s (%.*s)", lacking->names.len ? "; " : "", side, kind, UH_HEAD(c.why, 90));
    p += n + strspn(p + n, " ");
  }
  return 0;
}

static bool is_required(const char *side, const char *kind) {
  size_t n = strlen(kind);
  for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
    if (strcmp(required[i].side, side) != 0) continue;
    for (const char *p = required[i].kinds; (p = strstr(p, kind)) != NULL; p += n)
      if ((p == required[i].kinds || p[-1] == ' ') && (p[n] == ' ' || !p[n])) return true;
  }
  return false;
}

/* Nothing is written while something is missing. */
static int look_at_all(struct export *e) {
  struct lacking lacking = {0};
  int r = 0;
  for (size_t i = 0; r == 0 && i < sizeof required / sizeof *required; i++)
    r = look_at_required(e, required[i].side, required[i].kinds, &lacking);
  if (r == 0 && lacking.n) {
    r = uh_fail(e->err, UH_ERR_UNAVAILABLE, "step 0 cannot export what was not read in full: %.*s%s",
                UH_HEAD(uh_str_or(&lacking.names, "several sets"), 380),
                lacking.n > LACKING_SHOWN ? "; and others" : "");
    uh_err_remedy(e->err, "mend what could not be read and run again; nothing was changed");
  }
  uh_str_clear(&lacking.names);
  return r;
}

static int look_at_observation(struct export *e) {
  UH_CLEANUP(finalizep) sqlite3_stmt *st = NULL;
  if (export_sql(e->db, "SELECT 1 FROM t_observation WHERE ended_at > 0 AND NOT interrupted", &st, e->err) < 0)
    return -1;
  if (sqlite3_step(st) == SQLITE_ROW) return 0;
  (void)uh_fail(e->err, UH_ERR_DATA, "the observation was cut off: step 0 exports from a whole one");
  uh_err_where(e->err, "%s", e->facts_name);
  return -1;
}

/* ---- the files ---- */

static void add_file(struct export *e, const struct export_out *out, const char *members) {
  uh_str_addf(&e->files, "%s\n  {\"file\": ", e->files.len ? "," : "");
  uh_json_string(&e->files, out->name, strlen(out->name));
  uh_str_addf(&e->files, ", \"rows\": %lld, \"bytes\": %lld, \"sha256\": \"%s\", %s}", (long long)out->rows,
              (long long)out->bytes, out->sha256, members);
}

/* "side": .., "kind": .., "state": .., "sources": [..] */
static void add_about(struct uh_str *out, const char *side, const char *kind, const struct completeness *c) {
  uh_str_add(out, "\"side\": ");
  uh_json_string(out, side, strlen(side));
  uh_str_add(out, ", \"kind\": ");
  uh_json_string(out, kind, strlen(kind));
  uh_str_addf(out, ", \"state\": \"%s\", \"required\": %s, \"sources\": [%s]",
              c->complete ? "complete" : "not-complete", is_required(side, kind) ? "true" : "false",
              uh_str_or(&c->sources, ""));
}

/* A kind becomes a part of a file's name: letters and digits, as all of Exchange's nouns. */
static bool is_noun(const char *kind) {
  return *kind && strlen(kind) < 100 &&
         kind[strspn(kind, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] == '\0';
}

static int write_kind(struct export *e, const char *side, const char *kind) {
  UH_CLEANUP(completeness_clear) struct completeness c = {0};
  UH_CLEANUP(uh_str_clear) struct uh_str about = {0};
  UH_CLEANUP(export_out_clear) struct export_out out = {0};
  bool recipients = strcmp(kind, "Recipient") == 0 && strcmp(side, "on-premises") == 0;
  if (!is_noun(kind)) return 0;
  if (look_at_set(e, side, kind, &c) < 0) return -1;
  add_about(&about, side, kind, &c);
  if (!uh_str_text(&about)) return uh_fail_nomem(e->err);
  if (recipients ? export_recipients(e->db, e->dir, &out, e->err) < 0
                 : export_objects(e->db, e->dir, side, kind, uh_str_text(&about), &out, e->err) < 0)
    return -1;
  add_file(e, &out, uh_str_text(&about));
  return 0;
}

static int write_required(struct export *e) {
  char kind[64];
  for (size_t i = 0; i < sizeof required / sizeof *required; i++)
    for (const char *p = required[i].kinds; *p;) {
      size_t n = strcspn(p, " ");
      uh_print(kind, sizeof kind, "%.*s", (int)n, p);
      if (write_kind(e, required[i].side, kind) < 0) return -1;
      p += n + strspn(p + n, " ");
    }
  return 0;
}

static int write_others(struct export *e) {
  UH_CLEANUP(finalizep) sqlite3_stmt *st = NULL;
  int rc;
  if (export_sql(e->db,
                 "SELECT DISTINCT side, kind FROM t_object WHERE side IN ('on-premises', 'cloud') ORDER BY side, kind",
                 &st, e->err) < 0)
    return -1;
  while ((rc = sqlite3_step(st)) == SQLITE_ROW)
    if (!is_required(text(st, 0), text(st, 1)) && write_kind(e, text(st, 0), text(st, 1)) < 0) return -1;
  return rc == SQLITE_DONE ? 0 : uh_fail(e->err, UH_ERR_DATA, "cannot read the facts: %s", sqlite3_errmsg(e->db));
}

static int each_certificate(void *user, const struct export_out *out, struct uh_err *err) {
  struct export *e = user;
  (void)err;
  add_file(e, out, "\"side\": \"on-premises\", \"kind\": \"certificate\", \"state\": \"complete\"");
  return 0;
}

/* ---- the manifest ---- */

static void add_member(struct uh_str *out, const char *name, const char *value) {
  uh_str_addf(out, ",\n \"%s\": ", name);
  uh_json_string(out, value, strlen(value));
}

static int add_observation(struct export *e, struct uh_str *out) {
  UH_CLEANUP(finalizep) sqlite3_stmt *st = NULL;
  char when[UH_TIME_TEXT];
  if (export_sql(e->db, "SELECT organization, tenant, program, ended_at FROM t_observation", &st, e->err) < 0)
    return -1;
  if (sqlite3_step(st) != SQLITE_ROW) return uh_fail(e->err, UH_ERR_DATA, "the facts do not say what was observed");
  add_member(out, "organization", text(st, 0));
  add_member(out, "tenant", text(st, 1));
  add_member(out, "program", text(st, 2));
  add_member(out, "facts", e->facts_name);
  add_member(out, "facts_sha256", e->facts_sha256);
  add_member(out, "observed_at", uh_time_text(sqlite3_column_int64(st, 3), when));
  return 0;
}

static int write_manifest(struct export *e, char ret_hash[65]) {
  UH_CLEANUP(export_out_clear) struct export_out out = {0};
  UH_CLEANUP(uh_freep) char *anchors = uh_anchors_json(e->anchors);
  if (!anchors || !uh_str_text(&e->files)) return uh_fail_nomem(e->err);
  if (export_out_open(&out, e->dir, MANIFEST, e->err) < 0) return -1;
  uh_str_add(&out.text, "{\"schema\": \"unhybrid/export-manifest/1\"");
  if (add_observation(e, &out.text) < 0) return -1;
  uh_str_addf(&out.text, ",\n \"anchors\": %s,\n \"certificates_without_bytes\": %lld,\n \"not_exported\": [", anchors,
              (long long)e->without_bytes);
  for (size_t i = 0; i < sizeof not_exported / sizeof *not_exported; i++) {
    uh_str_add(&out.text, i ? ",\n  " : "\n  ");
    uh_json_string(&out.text, not_exported[i], strlen(not_exported[i]));
  }
  uh_str_addf(&out.text, "],\n \"files\": [%s]}\n", uh_str_text(&e->files));
  if (export_out_close(&out, e->err) < 0) return -1;
  uh_print(ret_hash, 65, "%s", out.sha256);
  return 0;
}

/* ---- reading back ---- */

static void closep(FILE **file) {
  if (*file) (void)fclose(*file);
}

static void decref(json_t **tree) {
  json_decref(*tree);
}

static bool is_row(const char *line, bool ldif) {
  return strncmp(line, ldif ? "dn:" : " {\"source\"", ldif ? 3 : 10) == 0;
}

/* An object on a line of its own has to be readable by itself, but for the comma between two. */
static bool row_is_whole(char *line) {
  size_t n = strcspn(line, "\n");
  if (n && line[n - 1] == ',') n--;
  UH_CLEANUP(decref) json_t *row = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
  return json_is_object(json_object_get(row, "properties"));
}

static int count_rows(const char *path, int64_t *ret_rows, struct uh_err *err) {
  UH_CLEANUP(closep) FILE *file = fopen(path, "rbe");
  UH_CLEANUP(uh_freep) char *line = NULL;
  size_t size = 0, n = strlen(path);
  bool ldif = n > 5 && strcmp(path + n - 5, ".ldif") == 0;
  bool json = n > 5 && strcmp(path + n - 5, ".json") == 0;
  int64_t rows = ldif || json ? 0 : 1;
  while ((ldif || json) && file && getline(&line, &size, file) > 0) {
    if (!is_row(line, ldif)) continue;
    rows++;
    if (json && !row_is_whole(line)) {
      (void)uh_fail(err, UH_ERR_DATA, "row %lld cannot be read back", (long long)rows);
      uh_err_where(err, "%s", path);
      return -1;
    }
  }
  if (file && !ferror(file)) {
    *ret_rows = rows;
    return 0;
  }
  (void)uh_fail(err, UH_ERR_DATA, "cannot be read back");
  uh_err_where(err, "%s", path);
  return -1;
}

static bool stays_below(const char *name) {
  return name && *name && *name != '/' && !strstr(name, "..");
}

static int verify_file(const char *dir, const json_t *entry, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str path = {0};
  const char *name = json_string_value(json_object_get(entry, "file"));
  const char *sha256 = json_string_value(json_object_get(entry, "sha256"));
  char hash[65];
  int64_t bytes = 0, rows = 0;
  if (!stays_below(name) || !sha256) return uh_fail(err, UH_ERR_DATA, "an entry of the manifest names no file");
  uh_str_addf(&path, "%s/%s", dir, name);
  if (!uh_str_text(&path)) return uh_fail_nomem(err);
  if (export_hash_file(uh_str_text(&path), hash, &bytes, err) < 0) return -1;
  if (strcmp(hash, sha256) == 0 && bytes == json_integer_value(json_object_get(entry, "bytes")) &&
      count_rows(uh_str_text(&path), &rows, err) == 0 && rows == json_integer_value(json_object_get(entry, "rows")))
    return 0;
  (void)uh_fail(err, UH_ERR_DATA, "is not as it was written: SHA-256, size or number of rows differ from the manifest");
  uh_err_where(err, "%s", uh_str_text(&path));
  return -1;
}

/* The manifest as a tree, and its hash. */
static int read_manifest(const char *dir, json_t **ret_tree, char ret_hash[65], struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str path = {0};
  int64_t bytes;
  uh_str_addf(&path, "%s/" MANIFEST, dir);
  if (!uh_str_text(&path)) return uh_fail_nomem(err);
  if (export_hash_file(uh_str_text(&path), ret_hash, &bytes, err) < 0) return -1;
  *ret_tree = json_load_file(uh_str_text(&path), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
  if (json_is_array(json_object_get(*ret_tree, "files"))) return 0;
  (void)uh_fail(err, UH_ERR_DATA, "is no manifest of an export");
  uh_err_where(err, "%s", uh_str_text(&path));
  return -1;
}

int uh_export_verify(const char *dir, char ret_manifest_hash[65], struct uh_err *err) {
  UH_CLEANUP(decref) json_t *tree = NULL;
  char hash[65];
  size_t i;
  json_t *entry;
  if (read_manifest(dir, &tree, hash, err) < 0) return -1;
  json_array_foreach(json_object_get(tree, "files"), i, entry) if (verify_file(dir, entry, err) < 0) return -1;
  uh_print(ret_manifest_hash, 65, "%s", hash);
  return 0;
}

/* What was written has as many rows as the facts have: a query of its own, not the counter of the writing. */
static int compare_counts(struct export *e) {
  UH_CLEANUP(decref) json_t *tree = NULL;
  char hash[65];
  size_t i;
  json_t *entry;
  if (read_manifest(e->dir, &tree, hash, e->err) < 0) return -1;
  json_array_foreach(json_object_get(tree, "files"), i, entry) {
    UH_CLEANUP(finalizep) sqlite3_stmt *st = NULL;
    const char *kind = json_string_value(json_object_get(entry, "kind"));
    const char *side = json_string_value(json_object_get(entry, "side"));
    if (!kind || !side || strcmp(kind, "certificate") == 0) continue;
    bool recipients = strcmp(kind, "Recipient") == 0 && strcmp(side, "on-premises") == 0;
    if (export_sql(e->db,
                   recipients ? "SELECT count(*) FROM directory_recipient"
                              : "SELECT count(*) FROM object WHERE side = ? AND kind = ?",
                   &st, e->err) < 0)
      return -1;
    if (!recipients) {
      (void)sqlite3_bind_text(st, 1, side, -1, SQLITE_STATIC);
      (void)sqlite3_bind_text(st, 2, kind, -1, SQLITE_STATIC);
    }
    if (sqlite3_step(st) == SQLITE_ROW &&
        sqlite3_column_int64(st, 0) == json_integer_value(json_object_get(entry, "rows")))
      continue;
    return uh_fail(e->err, UH_ERR_INTERNAL, "the export of %s:%s has not all rows of the facts", side, kind);
  }
  return 0;
}

/* ---- the directory ---- */

static int fail_errno(const char *path, const char *what, struct uh_err *err) {
  (void)uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot %s: %s", what, strerror(errno));
  uh_err_where(err, "%s", path);
  return -1;
}

static int make_dir(const char *path, struct uh_err *err) {
  struct stat st;
  if (mkdir(path, 0700) == 0) return 0;
  if (errno == EEXIST && lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) return 0;
  return fail_errno(path, "make the directory", err);
}

static int sync_dir(const char *path, struct uh_err *err) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int r = fd < 0 || fsync(fd) < 0 ? fail_errno(path, "sync the directory", err) : 0;
  if (fd >= 0) (void)close(fd);
  return r;
}

/* What a run left that was cut off: it is in no manifest, and must not get into a directory that has one. */
static int remove_leftovers(const char *path, struct uh_err *err) {
  DIR *dir = opendir(path);
  const struct dirent *entry;
  int r = 0;
  if (!dir) return errno == ENOENT ? 0 : fail_errno(path, "read the directory", err);
  while (r == 0 && (entry = readdir(dir)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || strcmp(entry->d_name, CERTIFICATES) == 0)
      continue;
    if (unlinkat(dirfd(dir), entry->d_name, 0) < 0) r = fail_errno(path, "remove what an earlier run left", err);
  }
  (void)closedir(dir);
  return r;
}

/* "exports/step-0", then "exports/step-0-2".. */
static int place(struct uh_str *out, const char *exports, int number, struct uh_err *err) {
  uh_str_reset(out);
  uh_str_addf(out, "%s/" UH_EXPORT_STEP0, exports);
  if (number > 1) uh_str_addf(out, "-%d", number);
  return uh_str_text(out) ? 0 : uh_fail_nomem(err);
}

/* 1: an earlier call exported these very facts, and all of it is there still. 0: not; ret_free is a place for it. */
static int find_earlier(const struct export *e, const char *exports, struct uh_str *ret_free, char ret_hash[65]) {
  for (int number = 1; number <= EXPORTS_MAX; number++) {
    UH_CLEANUP(decref) json_t *tree = NULL;
    struct stat st;
    struct uh_err ignored = UH_ERR_INIT;
    const char *facts = NULL;
    char hash[65];
    if (place(ret_free, exports, number, e->err) < 0) return -1;
    if (lstat(uh_str_text(ret_free), &st) < 0 && errno == ENOENT) return 0;
    if (read_manifest(uh_str_text(ret_free), &tree, hash, &ignored) == 0)
      facts = json_string_value(json_object_get(tree, "facts_sha256"));
    if (facts && strcmp(facts, e->facts_sha256) == 0)
      return uh_export_verify(uh_str_text(ret_free), ret_hash, e->err) < 0 ? -1 : 1;
  }
  return uh_fail(e->err, UH_ERR_CANNOT_WRITE, "there are %d exports of step 0 already", EXPORTS_MAX);
}

static int write_all(struct export *e, char ret_hash[65]) {
  UH_CLEANUP(uh_str_clear) struct uh_str certificates = {0};
  uh_str_addf(&certificates, "%s/" CERTIFICATES, e->dir);
  if (!uh_str_text(&certificates)) return uh_fail_nomem(e->err);
  if (remove_leftovers(e->dir, e->err) < 0 || remove_leftovers(uh_str_text(&certificates), e->err) < 0) return -1;
  if (make_dir(e->dir, e->err) < 0 || make_dir(uh_str_text(&certificates), e->err) < 0) return -1;
  if (write_required(e) < 0 || write_others(e) < 0) return -1;
  if (export_certificates(e->db, e->dir, each_certificate, e, &e->without_bytes, e->err) < 0) return -1;
  if (write_manifest(e, ret_hash) < 0) return -1;
  return sync_dir(uh_str_text(&certificates), e->err) < 0 ? -1 : sync_dir(e->dir, e->err);
}

static int name_it(struct export *e, const char *exports, const char *final) {
  if (rename(e->dir, final) < 0) return fail_errno(final, "name the export", e->err);
  return sync_dir(exports, e->err);
}

/* A hash may only be handed on of what was read back. */
static int write_and_compare(struct export *e, const char *exports, const char *final, char ret_hash[65]) {
  char written[65], read[65];
  if (write_all(e, written) < 0) return -1;
  if (uh_export_verify(e->dir, read, e->err) < 0 || compare_counts(e) < 0) return -1;
  if (strcmp(written, read) != 0)
    return uh_fail(e->err, UH_ERR_DATA, "the manifest of step 0 is not as it was written");
  if (name_it(e, exports, final) < 0) return -1;
  uh_print(ret_hash, 65, "%s", written);
  return 0;
}

static int open_facts(struct export *e, const char *facts) {
  const char *slash = strrchr(facts, '/');
  int64_t bytes;
  char why[400];
  int left = uh_servers_left(facts, why, sizeof why, e->err);
  if (left < 0) return -1;
  e->no_server = left == UH_SERVERS_NONE;
  uh_print(e->facts_name, sizeof e->facts_name, "%s", slash ? slash + 1 : facts);
  if (export_hash_file(facts, e->facts_sha256, &bytes, e->err) < 0) return -1;
  return uh_facts_open(facts, &e->db, e->err);
}

int uh_export_step0(const char *facts, const char *case_dir, const struct uh_anchors *anchors,
                    char ret_manifest_hash[65], struct uh_err *err) {
  UH_CLEANUP(export_clear) struct export e = {.anchors = anchors, .err = err};
  UH_CLEANUP(uh_str_clear) struct uh_str exports = {0};
  UH_CLEANUP(uh_str_clear) struct uh_str final = {0};
  UH_CLEANUP(uh_str_clear) struct uh_str partial = {0};
  uh_str_addf(&exports, "%s/" UH_EXPORT_DIR, case_dir);
  uh_str_addf(&partial, "%s/" UH_EXPORT_DIR "/" PARTIAL, case_dir);
  if (!uh_str_text(&exports) || !uh_str_text(&partial)) return uh_fail_nomem(err);
  e.dir = uh_str_text(&partial);
  if (open_facts(&e, facts) < 0) return -1;
  if (look_at_observation(&e) < 0 || look_at_all(&e) < 0) return -1;
  if (make_dir(uh_str_text(&exports), err) < 0) return -1;
  int earlier = find_earlier(&e, uh_str_text(&exports), &final, ret_manifest_hash);
  if (earlier != 0) return earlier < 0 ? -1 : 0;
  return write_and_compare(&e, uh_str_text(&exports), uh_str_text(&final), ret_manifest_hash);
}
