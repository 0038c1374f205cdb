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

struct hosts {
  char **v;
  size_t n, capacity;
};

static void hosts_clear(struct hosts *list) {
  for (size_t i = 0; i < list->n; i++) free(list->v[i]);
  free(list->v);
  *list = (struct hosts){0};
}

/* A name that DNS can be asked for: no single label, no address. */
static bool is_askable(const char *host) {
  return strchr(host, '.') && !strchr(host, ':') && strspn(host, "0123456789.") != strlen(host);
}

static int add_host(struct hosts *list, const char *text, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str host = {0};
  uh_server_host(text, &host);
  if (!uh_str_text(&host)) return uh_fail_nomem(err);
  if (!is_askable(uh_str_text(&host))) return 0;
  if (list->n == list->capacity) {
    size_t capacity = list->capacity ? list->capacity * 2 : 32;
    char **v = reallocarray(list->v, capacity, sizeof *v);
    if (!v) return uh_fail_nomem(err);
    list->v = v;
    list->capacity = capacity;
  }
  if (!(list->v[list->n] = uh_str_take(&host))) return uh_fail_nomem(err);
  list->n++;
  return 0;
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

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void make_unique(struct hosts *list) {
  size_t kept = 0;
  if (list->n > 1) qsort(list->v, list->n, sizeof *list->v, by_text);
  for (size_t i = 0; i < list->n; i++) {
    if (kept && strcmp(list->v[i], list->v[kept - 1]) == 0)
      free(list->v[i]);
    else
      list->v[kept++] = list->v[i];
  }
  list->n = kept;
}

int uh_observe_server_hosts(struct uh_observe *o, char ***ret_hosts, size_t *ret_n, struct uh_err *err) {
  struct hosts list = {0};
  int rc = uh_facts_call(uh_observe_facts(o), read_hosts, &list, err);
  for (const char *const *host = uh_observe_options(o)->hosts; rc == 0 && host && *host; host++)
    rc = add_host(&list, *host, err);
  if (rc < 0) {
    hosts_clear(&list);
    return -1;
  }
  make_unique(&list);
  *ret_hosts = list.v;
  *ret_n = list.n;
  return 0;
}
