/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate: are the checks of a step still what they were? At the start of a run all configuration is observed anew,
 * before a step the sets of configuration that its checks need. Recipients are not: of 200,000 mailboxes the ones that
 * this run has seen count until they are too old. So the observation of the run is copied once, and in the copy what
 * was observed anew is replaced. Of the uninstall's steps those that ask what is left in the databases are the
 * exception: earlier ones of them took mailboxes away, so everything is read, and kept in the case with a snapshot. The
 * last of these observations is the state right before Setup.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unhybrid/text.h>

#include "case/facts.h"
#include "plan/world_private.h"

enum {
  ANEW = 600,               /* seconds: for so long the observation that this run began with is the present one */
  STALE = 24 * 3600,        /* what judging takes for fresh where nobody says otherwise */
  COPY_BYTES = 1024 * 1024, /* at a time */
  SETS_MAX = 200
};

static void stmtp(sqlite3_stmt **st) {
  (void)sqlite3_finalize(*st);
}
static void dbp(sqlite3 **db) {
  (void)sqlite3_close(*db);
}

/* ---- what checks need ---- */

/* Sets of configuration, "side:Name", each once. */
struct sets {
  char *v[SETS_MAX + 1];
  size_t n;
  bool dns;
  bool all;        /* a check learns while it runs what it needs */
  bool recipients; /* a check needs sets that grow with the organisation */
  bool setup;      /* and it is one of the uninstall, whose own steps change recipients */
};
static void sets_clear(struct sets *sets) {
  for (size_t i = 0; i < sets->n; i++) free(sets->v[i]);
}

static int add_set(struct sets *sets, const char *set, size_t n, struct uh_err *err) {
  char name[128], *colon;
  uh_print(name, sizeof name, "%.*s", (int)n, set);
  if (!(colon = strchr(name, ':'))) return 0;
  if (uh_set_grows("", colon + 1)) {
    sets->recipients = true;
    return 0;
  }
  for (size_t i = 0; i < sets->n; i++)
    if (strcmp(sets->v[i], name) == 0) return 0;
  if (sets->n == SETS_MAX) return uh_fail(err, UH_ERR_INTERNAL, "the checks of the gate need too many sets");
  if (!(sets->v[sets->n] = strdup(name))) return uh_fail_nomem(err);
  sets->n++;
  sets->dns = sets->dns || strncmp(name, "dns:", 4) == 0;
  return 0;
}

static int add_needs(struct sets *sets, const char *needs, struct uh_err *err) {
  static const char between[] = ",|+ ";
  for (const char *p = needs; p && *(p += strspn(p, between)); p += strcspn(p, between))
    if (add_set(sets, p, strcspn(p, between), err) < 0) return -1;
  return 0;
}

static int add_check(struct sets *sets, const struct uh_check *check, struct uh_err *err) {
  sets->all = sets->all || check->run;
  sets->recipients = false;
  for (const struct uh_rule *rule = check->rules; rule && rule->sql; rule++)
    if (add_needs(sets, rule->needs, err) < 0) return -1;
  sets->setup = sets->setup || (sets->recipients && check->purposes == UH_SETUP);
  for (const struct uh_attestable *fact = check->attests; fact && fact->fact; fact++)
    if (add_needs(sets, fact->basis_needs, err) < 0) return -1;
  return add_needs(sets, check->applies_needs, err) < 0 ? -1 : add_needs(sets, check->absence_needs, err);
}

/* Whoever asks DNS needs to know for which domains, and asks both views. */
static int gather(const char *const *checks, struct sets *ret, struct uh_err *err) {
  for (; *checks; checks++)
    if (add_check(ret, uh_check_find(*checks), err) < 0) return -1;
  return ret->dns ? add_needs(ret, "dns:public,dns:internal,on-premises:AcceptedDomain,cloud:AcceptedDomain", err) : 0;
}

/* ---- how old ---- */

struct age {
  int64_t ended;      /* of the observation; 0: it was cut off */
  int64_t recipients; /* when the oldest set of recipients was read, live; INT64_MAX: there is none */
};

static int one_number(sqlite3 *db, const char *sql, int64_t *ret, struct uh_err *err) {
  UH_CLEANUP(stmtp) sqlite3_stmt *st = NULL;
  if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
    return uh_fail(err, UH_ERR_DATA, "cannot read the facts: %s", sqlite3_errmsg(db));
  *ret = sqlite3_column_int64(st, 0);
  return 0;
}

static void sql_grows(sqlite3_context *context, int n, sqlite3_value **v) {
  const char *side = (const char *)sqlite3_value_text(v[0]), *set = (const char *)sqlite3_value_text(v[1]);
  (void)n;
  sqlite3_result_int(context, side && set && uh_set_grows(side, set));
}

static int add_function(sqlite3 *db, struct uh_err *err) {
  int rc =
      sqlite3_create_function_v2(db, "grows", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, sql_grows, NULL, NULL, NULL);
  return rc == SQLITE_OK ? 0 : uh_fail(err, UH_ERR_INTERNAL, "SQL function: %s", sqlite3_errmsg(db));
}

/* Files that somebody exported are as old as they are: reading them again makes nothing newer. */
static int read_age(const char *path, struct age *ret, struct uh_err *err) {
  UH_CLEANUP(dbp) sqlite3 *db = NULL;
  if (uh_facts_open(path, &db, err) < 0 || add_function(db, err) < 0) return -1;
  if (one_number(db, "SELECT coalesce(max(iif(interrupted, 0, ended_at)), 0) FROM t_observation", &ret->ended, err) < 0)
    return -1;
  return one_number(db,
                    "SELECT coalesce(min(observed_at), 9223372036854775807) FROM t_set WHERE grows(side, name) AND"
                    " source NOT LIKE '%-export' AND state <> 'not-configured'",
                    &ret->recipients, err);
}

/* ---- the copy ---- */

static void closep(int *fd) {
  if (*fd >= 0) (void)close(*fd);
}

static int copy_failed(const char *path, struct uh_err *err) {
  (void)uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot copy the observation: %s", strerror(errno));
  uh_err_where(err, "%s", path);
  return -1;
}

static int copy_file(const char *from, const char *to, struct uh_err *err) {
  UH_CLEANUP(closep) int in = open(from, O_RDONLY | O_CLOEXEC);
  UH_CLEANUP(closep) int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  UH_CLEANUP(uh_freep) char *buffer = malloc(COPY_BYTES);
  if (!buffer) return uh_fail_nomem(err);
  if (in < 0) return copy_failed(from, err);
  if (out < 0) return copy_failed(to, err);
  for (;;) {
    ssize_t n = read(in, buffer, COPY_BYTES);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return copy_failed(from, err);
    if (n == 0) return 0;
    for (ssize_t done = 0; done < n;) {
      ssize_t m = write(out, buffer + done, (size_t)(n - done));
      if (m < 0 && errno == EINTR) continue;
      if (m < 0) return copy_failed(to, err);
      done += m;
    }
  }
}

static int make_work(struct uh_world_state *w, struct uh_err *err) {
  if (w->work) return 0;
  return uh_world_scratch(w, &w->work, err) < 0 ? -1 : copy_file(w->base, w->work, err);
}

/* "a, a_state, b": the columns of a table but its own number. */
static void columns_of(enum uh_table_id table, struct uh_str *out) {
  int n = 0;
  const struct uh_column *c = uh_table_columns(table, &n);
  for (int i = 0; i < n; i++) {
    uh_str_addf(out, "%s%s", i ? ", " : "", c[i].name);
    if (c[i].asked) uh_str_addf(out, ", %s_state", c[i].name);
  }
}

static void replace(struct uh_str *sql, enum uh_table_id table, const char *goes, const char *comes) {
  const char *name = uh_table_name(table);
  struct uh_str columns UH_CLEANUP(uh_str_clear) = {0};
  columns_of(table, &columns);
  if (!uh_str_text(&columns)) sql->failed = true;
  uh_str_addf(sql, "DELETE FROM main.t_%s WHERE %s; INSERT INTO main.t_%s(%s) SELECT %s FROM fresh.t_%s WHERE %s;",
              name, goes, name, uh_str_or(&columns, ""), uh_str_or(&columns, ""), name, comes);
}

/* Everything but recipients. */
static void replace_configuration(struct uh_str *sql) {
  replace(sql, UH_T_object, "NOT grows(side, kind)", "1");
  replace(sql, UH_T_dns, "1", "1");
  replace(sql, UH_T_set, "NOT grows(side, name)", "1");
  replace(sql, UH_T_source, "id IN (SELECT id FROM fresh.t_source)", "1");
  replace(sql, UH_T_notice, "1", "1");
  replace(sql, UH_T_setting, "1", "1");
  replace(sql, UH_T_observation, "1", "1");
}

/* A source may tell more than it was asked: what stands there of that already is not to stand there twice. */
static void replace_sets(struct uh_str *sql, const struct sets *sets) {
  replace(sql, UH_T_object, "(side, kind) IN (SELECT side, name FROM anew)",
          "(side, kind) IN (SELECT side, name FROM anew)");
  replace(sql, UH_T_set, "(side, name) IN (SELECT side, name FROM anew)",
          "(side, name) IN (SELECT side, name FROM anew)");
  if (sets->dns) replace(sql, UH_T_dns, "1", "1");
}

static int note_sets(sqlite3 *db, const struct sets *sets, struct uh_err *err) {
  UH_CLEANUP(stmtp) sqlite3_stmt *st = NULL;
  int rc = sqlite3_exec(db, "CREATE TEMP TABLE anew(side TEXT, name TEXT)", NULL, NULL, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(db, "INSERT INTO anew VALUES(?, ?)", -1, &st, NULL);
  for (size_t i = 0; rc == SQLITE_OK && i < sets->n; i++) {
    const char *colon = strchr(sets->v[i], ':');
    sqlite3_bind_text(st, 1, sets->v[i], (int)(colon - sets->v[i]), SQLITE_STATIC);
    sqlite3_bind_text(st, 2, colon + 1, -1, SQLITE_STATIC);
    rc = sqlite3_step(st) == SQLITE_DONE ? sqlite3_reset(st) : SQLITE_ERROR;
  }
  return rc == SQLITE_OK ? 0 : uh_fail(err, UH_ERR_CANNOT_WRITE, "the sets of the gate: %s", sqlite3_errmsg(db));
}

/* What was observed anew stands in the copy for what stood there. sets NULL: all configuration. */
static int merge(struct uh_world_state *w, const char *fresh, const struct sets *sets, struct uh_err *err) {
  UH_CLEANUP(dbp) sqlite3 *db = NULL;
  UH_CLEANUP(stmtp) sqlite3_stmt *attach = NULL;
  struct uh_str sql UH_CLEANUP(uh_str_clear) = {0};
  if (sqlite3_open_v2(w->work, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK || add_function(db, err) < 0 ||
      sqlite3_exec(db, "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY", NULL, NULL, NULL) != SQLITE_OK ||
      sqlite3_prepare_v2(db, "ATTACH ? AS fresh", -1, &attach, NULL) != SQLITE_OK ||
      sqlite3_bind_text(attach, 1, fresh, -1, SQLITE_STATIC) != SQLITE_OK || sqlite3_step(attach) != SQLITE_DONE)
    return uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot prepare the facts of the gate: %s", sqlite3_errmsg(db));
  if (sets && note_sets(db, sets, err) < 0) return -1;
  uh_str_add(&sql, "BEGIN;");
  if (sets)
    replace_sets(&sql, sets);
  else
    replace_configuration(&sql);
  uh_str_add(&sql, "COMMIT");
  if (!uh_str_text(&sql)) return uh_fail_nomem(err);
  if (sqlite3_exec(db, sql.s, NULL, NULL, NULL) != SQLITE_OK)
    return uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot put together the facts of the gate: %s", sqlite3_errmsg(db));
  return 0;
}

/* ---- observing ---- */

/* Everything, into an observation of the case. */
static int observe_all(struct uh_world_state *w, bool snapshot, struct uh_err *err) {
  struct uh_observation_options how = {.snapshot = snapshot ? UH_SNAPSHOT_ALL : UH_SNAPSHOT_NONE};
  struct uh_observation_summary summary;
  UH_CLEANUP(uh_freep) char *path = NULL;
  if (uh_case_new_facts(w->options.held, uh_world_now(w), &path, err) < 0) return -1;
  if (uh_world_observe(w, &how, path, &summary, err) < 0) {
    if (err && err->cls == UH_ERR_CANNOT_WRITE) uh_world_remove(path);
    return -1;
  }
  uh_world_removep(&w->work);
  free(w->base);
  w->base = UH_TAKE(path);
  return 0;
}

/* sets NULL: all of it. */
static int observe_configuration(struct uh_world_state *w, const struct sets *sets, struct uh_err *err) {
  struct uh_observation_options how = {
      .configuration_only = true, .only_sets = sets ? (const char *const *)sets->v : NULL, .scratch = true};
  struct uh_observation_summary summary;
  UH_CLEANUP(uh_world_removep) char *fresh = NULL;
  if (make_work(w, err) < 0 || uh_world_scratch(w, &fresh, err) < 0 ||
      uh_world_observe(w, &how, fresh, &summary, err) < 0)
    return -1;
  return merge(w, fresh, sets, err);
}

/* Where reading them all takes longer than they may be old, they are so from when that ended: otherwise what was just
 * read would be too old already, and would be read again before each action. */
static bool too_old(struct uh_world_state *w, const struct age *age, bool irreversible) {
  int64_t fresh = w->options.how->fresh_for ? w->options.how->fresh_for : STALE;
  int64_t limit = irreversible && uh_fresh_for(w->options.config) < fresh ? uh_fresh_for(w->options.config) : fresh;
  int64_t since = age->ended - age->recipients > limit ? age->ended : age->recipients;
  return since < uh_world_now(w) - limit;
}

/* The facts to judge: those that the run began with, or the run's with fresh configuration, or all of it anew. */
static int facts_for(struct uh_world_state *w, const struct sets *sets, bool irreversible, bool setup,
                     const char **ret_path, struct uh_err *err) {
  struct age age = {0};
  if (!w->base && w->options.facts && !(w->base = strdup(w->options.facts))) return uh_fail_nomem(err);
  if (w->base && read_age(w->base, &age, err) < 0) return -1;
  bool anew = !age.ended || setup || too_old(w, &age, irreversible);
  bool present = w->options.observed_now && !w->asked && uh_world_now(w) - age.ended <= ANEW;
  bool first = !w->asked;
  w->asked = true;
  if (anew && observe_all(w, setup, err) < 0) return -1;
  *ret_path = w->base;
  if (anew || (!sets && present)) return 0;
  /* What no check names may be as old as this run, and not older. */
  bool whole = !sets || sets->all || (first && !present);
  if (!whole && sets->n == 0) {
    if (w->work) *ret_path = w->work;
    return 0;
  }
  *ret_path = NULL;
  if (observe_configuration(w, whole ? NULL : sets, err) < 0) return -1;
  *ret_path = w->work;
  return 0;
}

/* ---- judging ---- */

enum { CHECKS_MAX = 64, FINDINGS = 1000 /* looked through for one that is not waived */ };
struct names {
  char *text;
  const char *v[CHECKS_MAX + 1];
};
static void names_clear(struct names *n) {
  free(n->text);
}

/* The ids between commas. A step that names a check that there is not is a bug. */
static int split(const char *checks, struct names *ret, struct uh_err *err) {
  size_t n = 0;
  char *rest = NULL;
  if (!(ret->text = strdup(checks))) return uh_fail_nomem(err);
  for (char *id = strtok_r(ret->text, ", ", &rest); id; id = strtok_r(NULL, ", ", &rest)) {
    const struct uh_check *check = uh_check_find(id);
    if (!check) return uh_fail(err, UH_ERR_INTERNAL, "the gate is asked for a check that there is not: %s", id);
    if (n == CHECKS_MAX) return uh_fail(err, UH_ERR_INTERNAL, "the gate is asked for too many checks");
    ret->v[n++] = check->id;
  }
  return 0;
}

static int judge(struct uh_world_state *w, const char *facts, const char *const *only, int64_t now,
                 struct uh_results **ret, struct uh_err *err) {
  struct uh_judge_options how = *w->options.how;
  char why[400];
  int left = uh_servers_left(facts, why, sizeof why, err);
  if (left < 0) return -1;
  /* Once no server is left, the checks of the time before it went say nothing. */
  how.purpose = left == UH_SERVERS_NONE && !only ? UH_AFTER : UH_GATE;
  how.only = only;
  how.skip = NULL;
  how.now = now;
  return uh_judge(facts, &how, ret, err);
}

struct collecting {
  struct uh_gate *gate;
  struct uh_results *results;
  const struct uh_gate *before;
  struct uh_err *err;
  struct uh_str detail;
  struct uh_gate_check *check; /* at hand */
};
static void collecting_clear(struct collecting *c) {
  uh_str_clear(&c->detail);
}

static int each_finding(void *user, const struct uh_result_finding *f) {
  struct collecting *c = user;
  struct uh_gate_check *check = c->check;
  if (*f->waived_by || check->n_findings == UH_GATE_FINDINGS) return 0;
  if (!c->detail.len) uh_str_addf(&c->detail, "%s: %s", f->object, f->message);
  struct uh_gate_finding *v = &check->findings[check->n_findings++];
  *v = (struct uh_gate_finding){strdup(f->key), strdup(f->object), strdup(f->message), strdup(f->command)};
  return v->key && v->object && v->message && v->command ? 0 : uh_fail_nomem(c->err);
}

static int each_attestable(void *user, const struct uh_result_attestable *a) {
  const struct collecting *c = user;
  size_t n = 0;
  while (n < UH_GATE_FINDINGS && c->check->attest[n]) n++;
  if (n == UH_GATE_FINDINGS) return 0;
  c->check->attest[n] = strdup(a->command);
  return c->check->attest[n] ? 0 : uh_fail_nomem(c->err);
}

static int first_unknown(void *user, const struct uh_result_unknown *u) {
  struct uh_str *detail = user;
  if (!detail->len) uh_str_addf(detail, "%s is %s: %s", u->set, u->state, u->why);
  return 0;
}

static int first_unjudged(void *user, const struct uh_result_object *o) {
  struct uh_str *detail = user;
  if (!detail->len) uh_str_addf(detail, "%s: %s", o->object, o->why);
  return 0;
}

static int describe(struct collecting *c, const struct uh_result_check *check) {
  uh_str_reset(&c->detail);
  if (strcmp(check->status, "fail") == 0) {
    if (uh_results_findings(c->results, check->index, FINDINGS, each_finding, c, c->err) < 0) return -1;
    c->check->more = check->findings - check->waived - (int64_t)c->check->n_findings;
    return 0;
  }
  if (strcmp(check->status, "unknown") != 0) return 0;
  if (uh_results_attestables(c->results, check->index, each_attestable, c, c->err) < 0 ||
      uh_results_unknowns(c->results, check->index, first_unknown, &c->detail, c->err) < 0)
    return -1;
  return c->detail.len ? 0 : uh_results_unjudged(c->results, check->index, 1, first_unjudged, &c->detail, c->err);
}

static const char *status_before(const struct uh_gate *before, const char *id) {
  for (size_t i = 0; before && i < before->n; i++)
    if (strcmp(before->v[i].id, id) == 0) return before->v[i].status;
  return "";
}

static enum uh_severity severity_of(const char *name) {
  return strcmp(name, "blocker") == 0 ? UH_BLOCKER : strcmp(name, "warning") == 0 ? UH_WARNING : UH_INFO;
}

static int take_check(void *user, const struct uh_result_check *check) {
  struct collecting *c = user;
  struct uh_gate *gate = c->gate;
  struct uh_gate_check *v = reallocarray(gate->v, gate->n + 1, sizeof *v);
  if (!v) return uh_fail_nomem(c->err);
  gate->v = v;
  v += gate->n++;
  *v = (struct uh_gate_check){.id = strdup(check->id),
                              .title = strdup(check->title),
                              .status = strdup(check->status),
                              .before = strdup(status_before(c->before, check->id)),
                              .remedy = strdup(check->remedy),
                              .severity = severity_of(check->severity)};
  c->check = v;
  if (describe(c, check) < 0) return -1;
  v->detail = strdup(uh_str_or(&c->detail, ""));
  return v->id && v->title && v->status && v->before && v->detail && v->remedy ? 0 : uh_fail_nomem(c->err);
}

static int collect(struct uh_results *results, const struct uh_gate *before, struct uh_gate *ret, struct uh_err *err) {
  UH_CLEANUP(collecting_clear)
  struct collecting c = {.gate = ret, .results = results, .before = before, .err = err};
  ret->verdict = uh_results_head(results)->verdict;
  if (uh_results_checks(results, take_check, &c, err) == 0) return 0;
  uh_gate_clear(ret);
  return -1;
}

/* What these checks (NULL: all) said when the plan was made, by its own clock. Judging all of 200,000 recipients takes
 * a while: only what is asked for is judged, and once. */
static int know_before(struct uh_world_state *w, const char *const *only, struct uh_err *err) {
  UH_CLEANUP(uh_results_freep) struct uh_results *results = NULL;
  const char *missing[CHECKS_MAX + 1] = {NULL};
  size_t n = 0;
  if (w->before_known || !w->options.facts) return 0;
  for (; only && *only; only++)
    if (!*status_before(&w->before, *only)) missing[n++] = *only;
  if (only && n == 0) return 0;
  if (!only) uh_gate_clear(&w->before);
  if (judge(w, w->options.facts, only ? missing : NULL, 0, &results, err) < 0 ||
      collect(results, NULL, &w->before, err) < 0)
    return -1;
  w->before_known = !only;
  return 0;
}

/* The observation that the plan was made from, judged now: what it says is what it said. */
static int is_before(struct uh_world_state *w, struct uh_results *results, struct uh_err *err) {
  uh_gate_clear(&w->before);
  w->before_known = true;
  return collect(results, NULL, &w->before, err);
}

int uh_world_gate(void *user, const char *checks, bool irreversible, struct uh_gate *ret_gate, struct uh_err *err) {
  struct uh_world_state *w = user;
  UH_CLEANUP(names_clear) struct names names = {0};
  UH_CLEANUP(uh_results_freep) struct uh_results *results = NULL;
  const char *facts = NULL;
  UH_CLEANUP(sets_clear) struct sets sets = {0};
  *ret_gate = (struct uh_gate){.verdict = UH_READY};
  if (checks && split(checks, &names, err) < 0) return -1;
  const char *const *only = checks ? names.v : NULL;
  if (checks && !names.v[0]) return 0;
  if (checks && gather(names.v, &sets, err) < 0) return -1;
  if (facts_for(w, checks ? &sets : NULL, irreversible, sets.setup, &facts, err) < 0 ||
      judge(w, facts, only, uh_world_now(w), &results, err) < 0)
    return -1;
  bool same = !checks && facts && w->options.facts && strcmp(facts, w->options.facts) == 0;
  if ((same ? is_before(w, results, err) : know_before(w, only, err)) < 0) return -1;
  return collect(results, &w->before, ret_gate, err);
}
