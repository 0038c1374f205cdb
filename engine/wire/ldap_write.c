/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ldap_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "wire/ldap_private.h"

#define ANSWER_SECONDS 120 /* a deletion that frees many links takes its time */
#define STOPPED_SECONDS 10 /* of that, for a person who pressed Ctrl-C */
#define MODS_MAX ((size_t)256)

static int refuse(const struct uh_ldap *ldap, struct uh_err *err) {
  (void)uh_fail(err, UH_ERR_CONFIG, "nothing is written without TLS or sealing");
  uh_err_where(err, "%s", ldap->host);
  uh_err_remedy(err, "use ldaps://, ldap:// with StartTLS, or security: sealed");
  return -1;
}

/* Nobody knows what became of it. */
static int no_answer(struct uh_ldap *ldap, const char *doing, int code, struct uh_ldap_write_result *ret,
                     struct uh_err *err) {
  ldap->broken = true;
  ret->written = UH_LDAP_UNKNOWN;
  return code == LDAP_TIMEOUT ? uh_ldap_result_error(ldap->host, doing, code, NULL, err)
                              : uh_ldap_local_error(ldap, doing, 0, err);
}

/* "stopped" does not end it at once: a request that is on its way has an answer, and that is waited for a while. */
static int wait_for(struct uh_ldap *ldap, const char *doing, int msgid, struct uh_ldap_write_result *ret,
                    struct uh_err *err) {
  double deadline = uh_ldap_clock() + ANSWER_SECONDS;
  LDAPMessage *m = NULL;
  bool stopped = false;
  for (;;) {
    if (!stopped && uh_ldap_is_stopped(ldap)) {
      stopped = true;
      deadline = uh_ldap_clock() + STOPPED_SECONDS < deadline ? uh_ldap_clock() + STOPPED_SECONDS : deadline;
    }
    struct timeval slice = {.tv_sec = 1};
    int type = ldap_result(ldap->ld, msgid, LDAP_MSG_ALL, &slice, &m);
    if (type > 0) break;
    if (type < 0) return no_answer(ldap, doing, 0, ret, err);
    if (uh_ldap_clock() >= deadline) return no_answer(ldap, doing, LDAP_TIMEOUT, ret, err);
  }
  char *text = NULL;
  int code = LDAP_OTHER;
  if (ldap_parse_result(ldap->ld, m, &code, NULL, &text, NULL, NULL, 1) != LDAP_SUCCESS)
    return no_answer(ldap, doing, LDAP_TIMEOUT, ret, err);
  ret->code = code;
  ret->written = code == LDAP_SUCCESS ? UH_LDAP_WRITTEN : UH_LDAP_NOT_WRITTEN;
  (void)snprintf(ret->text, sizeof ret->text, "%s", text ? text : "");
  ldap_memfree(text);
  return code == LDAP_SUCCESS ? 0 : uh_ldap_result_error(ldap->host, doing, code, ret->text, err);
}

/* What follows on a request that was handed to libldap, or was not. A failure to send leaves open what went out. */
static int sent(struct uh_ldap *ldap, const char *doing, int rc, int msgid, struct uh_ldap_write_result *ret,
                struct uh_err *err) {
  if (rc == LDAP_SUCCESS) return wait_for(ldap, doing, msgid, ret, err);
  if (rc == LDAP_SERVER_DOWN) return no_answer(ldap, doing, rc, ret, err);
  return uh_ldap_local_error(ldap, doing, rc, err);
}

static int ready(struct uh_ldap *ldap, const char *doing, struct uh_ldap_write_result *ret, struct uh_err *err) {
  *ret = (struct uh_ldap_write_result){0};
  if (!ldap->guarded) return refuse(ldap, err);
  if (ldap->broken) return uh_ldap_result_error(ldap->host, doing, LDAP_SERVER_DOWN, NULL, err);
  if (uh_ldap_is_stopped(ldap)) return uh_ldap_interrupted(ldap, err);
  ldap->requests++;
  return 0;
}

int uh_ldap_delete(struct uh_ldap *ldap, const char *dn, struct uh_ldap_write_result *ret, struct uh_err *err) {
  int msgid = -1;
  if (ready(ldap, "delete", ret, err) < 0) return -1;
  int rc = ldap_delete_ext(ldap->ld, dn, NULL, NULL, &msgid);
  return sent(ldap, "delete", rc, msgid, ret, err);
}

/* ---- attributes ---- */

struct converted {
  LDAPMod **list;
  LDAPMod *mods;
  struct berval *values;
  struct berval **pointers;
};

static void converted_clear(struct converted *c) {
  free(c->list);
  free(c->mods);
  free(c->values);
  free(c->pointers);
}

/* *ret is the caller's to clear, also after a failure. */
static int convert(const struct uh_ldap_mod *mods, size_t n, struct converted *ret, struct uh_err *err) {
  static const int types[] = {LDAP_MOD_ADD, LDAP_MOD_DELETE, LDAP_MOD_REPLACE};
  size_t values = 0;
  if (n == 0 || n > MODS_MAX) return uh_fail(err, UH_ERR_INTERNAL, "%zu attributes in one request", n);
  for (size_t i = 0; i < n; i++) values += mods[i].n;
  *ret = (struct converted){.list = calloc(n + 1, sizeof(LDAPMod *)),
                            .mods = calloc(n, sizeof *ret->mods),
                            .values = calloc(values + 1, sizeof *ret->values),
                            .pointers = calloc(values + n, sizeof(struct berval *))};
  const struct converted c = *ret;
  if (!c.list || !c.mods || !c.values || !c.pointers) return uh_fail_nomem(err);
  struct berval *value = c.values, **pointer = c.pointers;
  for (size_t i = 0; i < n; i++) {
    c.list[i] = &c.mods[i];
    c.mods[i] = (LDAPMod){.mod_op = types[mods[i].type] | LDAP_MOD_BVALUES,
                          .mod_type = (char *)(uintptr_t)mods[i].attribute,
                          .mod_bvalues = mods[i].n ? pointer : NULL};
    for (size_t k = 0; k < mods[i].n; k++) {
      *value = (struct berval){mods[i].values[k].size, (char *)(uintptr_t)mods[i].values[k].data};
      *pointer++ = value++;
    }
    if (mods[i].n) pointer++; /* stays NULL: the list's end */
  }
  return 0;
}

int uh_ldap_modify(struct uh_ldap *ldap, const char *dn, const struct uh_ldap_mod *mods, size_t n, bool deleted,
                   unsigned security_parts, struct uh_ldap_write_result *ret, struct uh_err *err) {
  UH_CLEANUP(converted_clear) struct converted c = {0};
  int msgid = -1;
  unsigned controls_n = 0;
  char parts[5] = {0x30, 3, 2, 1, (char)(security_parts & 15u)}; /* SEQUENCE { INTEGER parts } */
  LDAPControl show = {.ldctl_oid = (char *)(uintptr_t)UH_LDAP_SHOW_DELETED, .ldctl_iscritical = 1};
  LDAPControl security = {.ldctl_oid = (char *)(uintptr_t)UH_LDAP_SECURITY_PARTS,
                          .ldctl_value = {sizeof parts, parts},
                          .ldctl_iscritical = 1};
  LDAPControl *controls[3] = {NULL};
  if (ready(ldap, "modify", ret, err) < 0 || convert(mods, n, &c, err) < 0) return -1;
  if (deleted) controls[controls_n++] = &show;
  if (security_parts) controls[controls_n++] = &security;
  int rc = ldap_modify_ext(ldap->ld, dn, c.list, controls, NULL, &msgid);
  return sent(ldap, "modify", rc, msgid, ret, err);
}

int uh_ldap_write_new(struct uh_ldap *ldap, const char *dn, const struct uh_ldap_mod *attributes, size_t n,
                      struct uh_ldap_write_result *ret, struct uh_err *err) {
  UH_CLEANUP(converted_clear) struct converted c = {0};
  int msgid = -1;
  if (ready(ldap, "add", ret, err) < 0 || convert(attributes, n, &c, err) < 0) return -1;
  int rc = ldap_add_ext(ldap->ld, dn, c.list, NULL, NULL, &msgid);
  return sent(ldap, "add", rc, msgid, ret, err);
}
