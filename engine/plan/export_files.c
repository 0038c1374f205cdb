/* SPDX-License-Identifier: Apache-2.0 */
/* The files of step 0. Rows pass through one at a time: an organisation is never held in memory. */
#include "plan/export_private.h"

#include <jansson.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "case/facts.h"
#include "plan/ldif.h"

enum { FLUSH_AT = 64 * 1024 };

/* ---- one file ---- */

void export_out_clear(struct export_out *out) {
  (void)uh_file_abandon(out->file);
  EVP_MD_CTX_free(out->md);
  uh_str_clear(&out->text);
  *out = (struct export_out){0};
}

int export_out_open(struct export_out *out, const char *dir, const char *name, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str path = {0};
  *out = (struct export_out){0};
  uh_print(out->name, sizeof out->name, "%s", name);
  uh_str_addf(&path, "%s/%s", dir, name);
  if (!uh_str_text(&path)) return uh_fail_nomem(err);
  out->md = EVP_MD_CTX_new();
  if (!out->md || EVP_DigestInit_ex(out->md, EVP_sha256(), NULL) != 1) return uh_fail_nomem(err);
  return uh_file_create(uh_str_text(&path), &out->file, err);
}

int export_out_flush(struct export_out *out, size_t at, struct uh_err *err) {
  if (out->text.failed) return uh_fail_nomem(err);
  if (out->text.len < at || !out->text.len) return 0;
  if (EVP_DigestUpdate(out->md, out->text.s, out->text.len) != 1)
    return uh_fail(err, UH_ERR_INTERNAL, "cannot compute SHA-256");
  if (uh_file_write(out->file, out->text.s, out->text.len, err) < 0) return -1;
  out->bytes += (int64_t)out->text.len;
  uh_str_reset(&out->text);
  return 0;
}

static void hex(const unsigned char *digest, unsigned n, char *text) {
  for (unsigned i = 0; i < n; i++) uh_print(text + (size_t)2 * i, 3, "%02x", digest[i]);
}

int export_out_close(struct export_out *out, struct uh_err *err) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  if (export_out_flush(out, 0, err) < 0) return -1;
  if (EVP_DigestFinal_ex(out->md, digest, &n) != 1 || n != 32)
    return uh_fail(err, UH_ERR_INTERNAL, "cannot compute SHA-256");
  hex(digest, n, out->sha256);
  return uh_file_commit(UH_TAKE(out->file), err);
}

static void closep(FILE **file) {
  if (*file) (void)fclose(*file);
}

static void md_freep(EVP_MD_CTX **md) {
  EVP_MD_CTX_free(*md);
}

int export_hash_file(const char *path, char ret_hex[65], int64_t *ret_bytes, struct uh_err *err) {
  UH_CLEANUP(closep) FILE *file = fopen(path, "rbe");
  UH_CLEANUP(md_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
  unsigned char digest[EVP_MAX_MD_SIZE];
  static const size_t size = (size_t)64 * 1024;
  UH_CLEANUP(uh_freep) unsigned char *buffer = malloc(size);
  unsigned n = 0;
  size_t got;
  int64_t bytes = 0;
  if (!file) {
    (void)uh_fail(err, UH_ERR_DATA, "cannot be read back");
    uh_err_where(err, "%s", path);
    return -1;
  }
  if (!buffer || !md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) return uh_fail_nomem(err);
  for (; (got = fread(buffer, 1, size, file)) > 0; bytes += (int64_t)got)
    if (EVP_DigestUpdate(md, buffer, got) != 1) return uh_fail(err, UH_ERR_INTERNAL, "cannot compute SHA-256");
  if (ferror(file)) {
    (void)uh_fail(err, UH_ERR_DATA, "cannot be read back");
    uh_err_where(err, "%s", path);
    return -1;
  }
  if (EVP_DigestFinal_ex(md, digest, &n) != 1 || n != 32)
    return uh_fail(err, UH_ERR_INTERNAL, "cannot compute SHA-256");
  hex(digest, n, ret_hex);
  *ret_bytes = bytes;
  return 0;
}

/* ---- rows ---- */

static void finalizep(sqlite3_stmt **st) {
  (void)sqlite3_finalize(*st);
}

int export_sql(sqlite3 *db, const char *sql, sqlite3_stmt **ret_st, struct uh_err *err) {
  if (sqlite3_prepare_v2(db, sql, -1, ret_st, NULL) == SQLITE_OK) return 0;
  return uh_fail(err, UH_ERR_DATA, "cannot read the facts: %s", sqlite3_errmsg(db));
}

static int end_of_rows(sqlite3 *db, int rc, struct uh_err *err) {
  return rc == SQLITE_DONE ? 0 : uh_fail(err, UH_ERR_DATA, "cannot read the facts: %s", sqlite3_errmsg(db));
}

static const char *text(sqlite3_stmt *st, int column) {
  const char *s = (const char *)sqlite3_column_text(st, column);
  return s ? s : "";
}

static void decref(json_t **tree) {
  json_decref(*tree);
}

static int add_properties(struct export_out *out, const char *json, struct uh_err *err) {
  json_error_t wrong;
  UH_CLEANUP(decref) json_t *tree = json_loads(json, JSON_ALLOW_NUL, &wrong);
  UH_CLEANUP(uh_freep) char *clean = NULL;
  if (!json_is_object(tree)) return uh_fail(err, UH_ERR_DATA, "an object's properties in the facts are no JSON object");
  uh_secret_drop(tree); /* sources leave them out; a file that people copy around relies on nobody */
  clean = json_dumps(tree, JSON_ENSURE_ASCII | JSON_REAL_PRECISION(17));
  if (!clean) return uh_fail_nomem(err);
  uh_str_add(&out->text, clean);
  return 0;
}

static void member(struct uh_str *out, const char *name, const char *value) {
  uh_str_addf(out, "\"%s\": ", name);
  uh_json_string(out, value, strlen(value));
  uh_str_add(out, ", ");
}

/* One object a line, so that a line tool finds its way, and so that they can be counted without a tree. */
int export_objects(sqlite3 *db, const char *dir, const char *side, const char *kind, const char *about,
                   struct export_out *out, struct uh_err *err) {
  UH_CLEANUP(finalizep) sqlite3_stmt *st = NULL;
  char name[200];
  int rc;
  uh_print(name, sizeof name, "%s-%s.json", side, kind);
  if (export_out_open(out, dir, name, err) < 0) return -1;
  if (export_sql(
          db,
          "SELECT source, listing, identity, name, guid, json FROM t_object WHERE side = ? AND kind = ? ORDER BY fact",
          &st, err) < 0)
    return -1;
  (void)sqlite3_bind_text(st, 1, side, -1, SQLITE_STATIC);
  (void)sqlite3_bind_text(st, 2, kind, -1, SQLITE_STATIC);
  uh_str_addf(&out->text, "{\"schema\": \"unhybrid/export/1\", %s, \"rows\": [", about);
  for (; (rc = sqlite3_step(st)) == SQLITE_ROW; out->rows++) {
    uh_str_addf(&out->text, "%s\n {", out->rows ? "," : "");
    member(&out->text, "source", text(st, 0));
    member(&out->text, "listing", text(st, 1));
    member(&out->text, "identity", text(st, 2));
    member(&out->text, "name", text(st, 3));
    member(&out->text, "guid", text(st, 4));
    uh_str_add(&out->text, "\"properties\": ");
    if (add_properties(out, text(st, 5), err) < 0) return -1;
    uh_str_addc(&out->text, '}');
    if (export_out_flush(out, FLUSH_AT, err) < 0) return -1;
  }
  if (end_of_rows(db, rc, err) < 0) return -1;
  uh_str_add(&out->text, "\n]}\n");
  return export_out_close(out, err);
}

/* ---- recipients as LDIF (RFC 2849) ---- */

enum how { TEXT, NUMBER, BYTES, LIST, CUSTOM };
static const struct {
  const char *column, *attribute;
  enum how how;
} attributes[] = {{"mail", "mail", TEXT},
                  {"addresses", "proxyAddresses", LIST},
                  {"target_address", "targetAddress", TEXT},
                  {"alias", "mailNickname", TEXT},
                  {"legacy_dn", "legacyExchangeDN", TEXT},
                  {"account_control", "userAccountControl", NUMBER},
                  {"recipient_type_details", "msExchRecipientTypeDetails", NUMBER},
                  {"recipient_display_type", "msExchRecipientDisplayType", NUMBER},
                  {"remote_recipient_type", "msExchRemoteRecipientType", NUMBER},
                  {"home_mdb", "homeMDB", TEXT},
                  {"home_server", "msExchHomeServerName", TEXT},
                  {"mailbox_guid", "msExchMailboxGuid", BYTES},
                  {"archive_guid", "msExchArchiveGUID", BYTES},
                  {"archive_database", "msExchArchiveDatabaseLink", TEXT},
                  {"archive_status", "msExchArchiveStatus", NUMBER},
                  {"litigation_hold", "msExchLitigationHoldDate", TEXT},
                  {"hold_policies", "msExchUserHoldPolicies", LIST},
                  {"consistency_guid", "mS-DS-ConsistencyGuid", BYTES},
                  {"external_id", "msDS-ExternalDirectoryObjectId", TEXT},
                  {"custom_attributes", "extensionAttribute", CUSTOM}};
enum { ATTRIBUTES = sizeof attributes / sizeof *attributes, FIRST = 2 /* dn, guid */ };

/* false: an element of it was not obtained. */
static bool put_list(struct uh_str *out, const char *attribute, const char *list, bool numbered) {
  UH_CLEANUP(decref) json_t *tree = json_loads(list, JSON_ALLOW_NUL, NULL);
  bool all = json_is_array(tree);
  size_t i;
  json_t *value;
  json_array_foreach(tree, i, value) {
    char name[64];
    uh_print(name, sizeof name, numbered ? "%s%zu" : "%s", attribute, i + 1);
    if (!json_is_string(value))
      all = false;
    else if (json_string_length(value))
      uh_ldif_value(out, name, json_string_value(value), json_string_length(value), false);
  }
  return all;
}

/* What there is none of has no line, as in LDIF; what was not obtained is said in a comment. */
static bool put_attribute(struct uh_str *out, sqlite3_stmt *st, size_t i) {
  int column = FIRST + (int)i, size = sqlite3_column_bytes(st, column);
  if (sqlite3_column_type(st, column) == SQLITE_NULL) return false;
  switch (attributes[i].how) {
    case LIST:
    case CUSTOM: return put_list(out, attributes[i].attribute, text(st, column), attributes[i].how == CUSTOM);
    case TEXT:
    case NUMBER: {
      const char *s = text(st, column);
      size = sqlite3_column_bytes(st, column);
      if (size) uh_ldif_value(out, attributes[i].attribute, s, (size_t)size, false);
      return true;
    }
    case BYTES:
      if (size) uh_ldif_value(out, attributes[i].attribute, sqlite3_column_blob(st, column), (size_t)size, true);
      return true;
  }
  return false;
}

static void add_query(struct uh_str *sql) {
  uh_str_add(sql, "SELECT dn, guid");
  /* The view shows 0 for a number that is none; an attribute that is not set is no 0. */
  for (size_t i = 0; i < ATTRIBUTES; i++)
    if (attributes[i].how == NUMBER)
      uh_str_addf(sql, ", CASE %s_state WHEN 0 THEN %s WHEN 1 THEN '' END", attributes[i].column, attributes[i].column);
    else
      uh_str_addf(sql, ", CASE WHEN %s_state = 0 THEN %s WHEN %s_state = 1 THEN '%s' END", attributes[i].column,
                  attributes[i].column, attributes[i].column,
                  attributes[i].how == LIST || attributes[i].how == CUSTOM ? "[]" : "");
  uh_str_add(sql, " FROM t_directory_recipient ORDER BY fact");
}

static void add_header(struct uh_str *out) {
  uh_str_add(out,
             "version: 1\n"
             "# The recipients of Active Directory as unhybrid's facts hold them, before anything was removed.\n"
             "# Only these attributes were read; others of these objects, msExch* among them, do not stand here:\n");
  for (size_t i = 0; i < ATTRIBUTES; i++)
    uh_str_addf(out, "#   %s%s\n", attributes[i].attribute, attributes[i].how == CUSTOM ? "1 to 15" : "");
  uh_str_add(out,
             "# An attribute without a line was not set; one that could not be read is named in a comment.\n"
             "# This is what to restore values from. It is no backup of Active Directory.\n");
}

int export_recipients(sqlite3 *db, const char *dir, struct export_out *out, struct uh_err *err) {
  UH_CLEANUP(finalizep) sqlite3_stmt *st = NULL;
  UH_CLEANUP(uh_str_clear) struct uh_str sql = {0};
  UH_CLEANUP(uh_str_clear) struct uh_str lacking = {0};
  int rc;
  add_query(&sql);
  if (!uh_str_text(&sql)) return uh_fail_nomem(err);
  if (export_out_open(out, dir, "on-premises-recipients.ldif", err) < 0) return -1;
  if (export_sql(db, uh_str_text(&sql), &st, err) < 0) return -1;
  add_header(&out->text);
  for (; (rc = sqlite3_step(st)) == SQLITE_ROW; out->rows++) {
    uh_str_reset(&lacking);
    uh_str_addc(&out->text, '\n');
    const char *dn = text(st, 0);
    uh_ldif_value(&out->text, "dn", dn, (size_t)sqlite3_column_bytes(st, 0), false);
    const void *guid = sqlite3_column_blob(st, 1);
    if (guid) uh_ldif_value(&out->text, "objectGUID", guid, (size_t)sqlite3_column_bytes(st, 1), true);
    for (size_t i = 0; i < ATTRIBUTES; i++)
      if (!put_attribute(&out->text, st, i)) uh_str_addf(&lacking, " %s", attributes[i].attribute);
    if (lacking.len) uh_str_addf(&out->text, "# not obtained:%s\n", uh_str_or(&lacking, " some"));
    if (export_out_flush(out, FLUSH_AT, err) < 0) return -1;
  }
  if (end_of_rows(db, rc, err) < 0) return -1;
  return export_out_close(out, err);
}

/* ---- certificates ---- */

/* The bytes of base64, if they are a certificate and nothing more. */
static bool read_certificate(const char *encoded, size_t n, struct uh_str *der, char ret_sha1[41]) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (n == 0 || n % 4 != 0 || n > (size_t)1024 * 1024) return false;
  UH_CLEANUP(uh_freep) unsigned char *bytes = malloc(n);
  int got = bytes ? EVP_DecodeBlock(bytes, (const unsigned char *)encoded, (int)n) : -1;
  for (size_t i = n; got > 0 && encoded[i - 1] == '='; i--) got--;
  if (got <= 0) return false;
  const unsigned char *p = bytes;
  X509 *certificate = d2i_X509(NULL, &p, got);
  bool good = certificate && p == bytes + got;
  X509_free(certificate);
  if (!good || EVP_Digest(bytes, (size_t)got, digest, &size, EVP_sha1(), NULL) != 1) return false;
  for (unsigned i = 0; i < size; i++) uh_print(ret_sha1 + (size_t)2 * i, 3, "%02X", digest[i]);
  uh_str_addn(der, (const char *)bytes, (size_t)got);
  return true;
}

static int write_certificate(const char *dir, const char *sha1, const struct uh_str *der, struct export_out *out,
                             struct uh_err *err) {
  char name[80];
  uh_print(name, sizeof name, "certificates/%s.cer", sha1);
  if (export_out_open(out, dir, name, err) < 0) return -1;
  uh_str_addn(&out->text, der->s, der->len);
  out->rows = 1;
  return export_out_close(out, err);
}

int export_certificates(sqlite3 *db, const char *dir,
                        int (*each)(void *user, const struct export_out *out, struct uh_err *err), void *user,
                        int64_t *ret_without, struct uh_err *err) {
  UH_CLEANUP(finalizep) sqlite3_stmt *st = NULL;
  int64_t without = 0;
  int rc;
  /* Each server tells the certificates that it has: the same one several times. */
  if (export_sql(db,
                 "SELECT prop(json, 'RawData'), count(*) FROM t_object WHERE side = 'on-premises' AND kind = "
                 "'ExchangeCertificate' GROUP BY 1",
                 &st, err) < 0)
    return -1;
  while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
    UH_CLEANUP(export_out_clear) struct export_out out = {0};
    UH_CLEANUP(uh_str_clear) struct uh_str der = {0};
    char sha1[41];
    const char *encoded = text(st, 0);
    if (!read_certificate(encoded, strlen(encoded), &der, sha1)) {
      without += sqlite3_column_int64(st, 1);
      continue;
    }
    if (der.failed) return uh_fail_nomem(err);
    if (write_certificate(dir, sha1, &der, &out, err) < 0 || each(user, &out, err) < 0) return -1;
  }
  *ret_without = without;
  return end_of_rows(db, rc, err);
}
