/* SPDX-License-Identifier: Apache-2.0 */
/* How complete the sets are that a check, or a step, needs. */
#include <sqlite3.h>

#include "rules/judging.h"

enum { NAME_MAX_SET = 160 };

enum set_state { SET_COMPLETE, SET_STALE, SET_PARTIAL, SET_FAILED, SET_NOT_CONFIGURED, SET_MISSING };
static const char *const set_state_names[] = {"complete", "stale",          "partial",
                                              "failed",   "not-configured", "not-observed"};

struct set_info {
  enum set_state state;
  char why[512];
};

static enum set_state state_of_row(const struct judge *j, const char *state, int64_t observed_at) {
  if (strcmp(state, "complete") == 0) return j->now - observed_at > j->fresh_for ? SET_STALE : SET_COMPLETE;
  if (strcmp(state, "partial") == 0) return SET_PARTIAL;
  if (strcmp(state, "not-configured") == 0) return SET_NOT_CONFIGURED;
  return SET_FAILED;
}

/* Of each source the worst part, of all sources the best. */
static int read_set(struct judge *j, const char *set, struct set_info *ret, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  const char *colon = strchr(set, ':');
  *ret = (struct set_info){.state = SET_MISSING, .why = "no source reads it"};
  if (!colon) return uh_fail(err, UH_ERR_INTERNAL, "\"%s\" is no set: side:Name expected", set);
  if (sqlite3_prepare_v2(
          j->db,
          "SELECT source, part, state, why, observed_at FROM t_set WHERE side = ? AND name = ? ORDER BY source, fact",
          -1, &st, NULL) != SQLITE_OK)
    return uh_fail(err, UH_ERR_DATA, "cannot read the facts: %s", sqlite3_errmsg(j->db));
  sqlite3_bind_text(st, 1, set, (int)(colon - set), SQLITE_STATIC);
  sqlite3_bind_text(st, 2, colon + 1, -1, SQLITE_STATIC);
  char source[64] = "";
  struct set_info of_source = {.state = SET_MISSING};
  int rc;
  while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
    const char *name = (const char *)sqlite3_column_text(st, 0);
    const char *part = (const char *)sqlite3_column_text(st, 1);
    const char *why = (const char *)sqlite3_column_text(st, 3);
    enum set_state state = state_of_row(j, (const char *)sqlite3_column_text(st, 2), sqlite3_column_int64(st, 4));
    if (strcmp(source, name) != 0) {
      if (of_source.state < ret->state) *ret = of_source;
      (void)snprintf(source, sizeof source, "%s", name);
      of_source = (struct set_info){.state = SET_COMPLETE};
    }
    if (state > of_source.state) {
      of_source.state = state;
      uh_print(of_source.why, sizeof of_source.why, "%s%s%s: %s", name, *part ? " " : "", part,
               state == SET_STALE ? "observed too long ago" : why);
    }
  }
  if (of_source.state < ret->state) *ret = of_source;
  sqlite3_finalize(st);
  return rc == SQLITE_DONE ? 0 : uh_fail(err, UH_ERR_DATA, "cannot read the facts: %s", sqlite3_errmsg(j->db));
}

struct alternative {
  const char *start;
  size_t n;
  enum set_state worst;
};

static int each_set(const char *list, size_t n,
                    int (*each)(struct judge *, const char *set, void *user, struct uh_err *), struct judge *j,
                    void *user, struct uh_err *err) {
  char set[NAME_MAX_SET];
  for (size_t at = 0; at < n;) {
    size_t len = 0;
    while (at + len < n && list[at + len] != '+') len++;
    const char *p = list + at;
    size_t m = len;
    while (m && *p == ' ') p++, m--;
    while (m && p[m - 1] == ' ') m--;
    if (m >= sizeof set) return uh_fail(err, UH_ERR_INTERNAL, "a set's name is too long");
    memcpy(set, p, m);
    set[m] = '\0';
    if (each(j, set, user, err) < 0) return -1;
    at += len + 1;
  }
  return 0;
}

static int worst_state(struct judge *j, const char *set, void *user, struct uh_err *err) {
  enum set_state *worst = user;
  struct set_info info;
  if (read_set(j, set, &info, err) < 0) return -1;
  if (info.state > *worst) *worst = info.state;
  return 0;
}

struct telling {
  uh_lacking_fn *tell;
  void *user;
};

static int tell_lacking(struct judge *j, const char *set, void *user, struct uh_err *err) {
  const struct telling *t = user;
  struct set_info info;
  if (read_set(j, set, &info, err) < 0) return -1;
  return info.state == SET_COMPLETE ? 0 : t->tell(t->user, set, set_state_names[info.state], info.why, err);
}

/* One need: alternatives between '|'. The best alternative's lacking sets are written down. */
static int check_need(struct judge *j, const char *need, size_t n, struct telling *t, struct uh_err *err) {
  struct alternative best = {.worst = SET_MISSING + 1};
  for (size_t at = 0; at <= n;) {
    size_t len = 0;
    while (at + len < n && need[at + len] != '|') len++;
    struct alternative a = {.start = need + at, .n = len, .worst = SET_COMPLETE};
    if (each_set(a.start, a.n, worst_state, j, &a.worst, err) < 0) return -1;
    if (a.worst < best.worst) best = a;
    at += len + 1;
  }
  return best.worst == SET_COMPLETE ? 0 : each_set(best.start, best.n, tell_lacking, j, t, err);
}

int uh_sets_lacking(struct judge *j, const char *needs, uh_lacking_fn *tell, void *user, struct uh_err *err) {
  struct telling t = {tell, user};
  for (const char *p = needs; p && *p;) {
    size_t len = strcspn(p, ",");
    if (check_need(j, p, len, &t, err) < 0) return -1;
    p += len + (p[len] == ',');
  }
  return 0;
}

struct first_lacking {
  bool any;
  char *why;
  size_t size;
};

static int keep_first(void *user, const char *set, const char *state, const char *why, struct uh_err *err) {
  struct first_lacking *first = user;
  (void)why;
  (void)err;
  if (!first->any) uh_print(first->why, first->size, "%s is %s", set, state);
  first->any = true;
  return 0;
}

int uh_judge_lacking(struct judge *j, const char *needs, char *why, size_t size, struct uh_err *err) {
  struct first_lacking first = {.why = why, .size = size};
  *why = '\0';
  if (uh_sets_lacking(j, needs, keep_first, &first, err) < 0) return -1;
  return first.any;
}
