/* SPDX-License-Identifier: Apache-2.0 */
/* What sources ask of an observation beside its sets. */
#include <sqlite3.h>

#include "case/server_host.h"
#include "sources/source.h"

const char *uh_observe_domain_controller(const struct uh_observe *o) {
  return uh_observe_options(o)->domain_controller;
}

bool uh_observe_entry(const struct uh_observe *o, const uint8_t **ret_guid, const char **ret_dn) {
  *ret_guid = uh_observe_options(o)->entry;
  *ret_dn = uh_observe_options(o)->entry_dn;
  return *ret_guid && *ret_dn;
}

/* ---- hosts of the servers ---- */

/* A name that DNS can be asked for: no single label, no address. */
static bool is_askable(const char *host) {
  return strchr(host, '.') && !strchr(host, ':') && strspn(host, "0123456789.") != strlen(host);
}

static int add_host(struct uh_names *list, const char *text, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str host = {0};
  uh_server_host(text, &host);
  if (!uh_str_text(&host)) return uh_fail_nomem(err);
  if (!is_askable(uh_str_text(&host))) return 0;
  return uh_names_add(list, uh_str_text(&host), err);
}

static int read_hosts(struct sqlite3 *db, void *user, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  int rc, result = 0;
  if (uh_facts_functions(db, err) < 0) return -1;
  if (sqlite3_prepare_v2(db, UH_SERVER_HOSTS("t_object"), -1, &st, NULL) != SQLITE_OK)
    return uh_fail(err, UH_ERR_INTERNAL, "cannot read the servers' hosts back: %s", sqlite3_errmsg(db));
  while ((rc = sqlite3_step(st)) == SQLITE_ROW && result == 0) {
    const char *text = (const char *)sqlite3_column_text(st, 0);
    if (text) result = add_host(user, text, err);
  }
  if (result == 0 && rc != SQLITE_DONE)
    result = uh_fail(err, UH_ERR_INTERNAL, "cannot read the servers' hosts back: %s", sqlite3_errmsg(db));
  sqlite3_finalize(st);
  return result;
}

int uh_observe_server_hosts(struct uh_observe *o, struct uh_names *ret_hosts, struct uh_err *err) {
  *ret_hosts = (struct uh_names){0};
  int rc = uh_facts_call(uh_observe_facts(o), read_hosts, ret_hosts, err);
  for (const char *const *host = uh_observe_options(o)->hosts; rc == 0 && host && *host; host++)
    rc = add_host(ret_hosts, *host, err);
  if (rc < 0)
    uh_names_clear(ret_hosts);
  else
    uh_names_sort(ret_hosts);
  return rc < 0 ? -1 : 0;
}
