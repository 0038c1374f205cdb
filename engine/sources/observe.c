/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the sources of one observation at the same time, each in a thread, and writes down how complete each set is.
 * What a source says of its sets is kept in memory (a few hundred rows) and written last: an observation that was cut
 * off has no set rows, and then every check that needs one is unknown.
 */
#include "sources/plausible.h"
#include "sources/source.h"

#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <sqlite3.h>

#include <unhybrid/text.h>

#include "wire/http.h"
#include "wire/oauth.h"

enum { SETS_MAX = 20000, NOTICES_MAX = 2000 };

static const struct uh_source *const sources[] = {
    &uh_source_directory,
    &uh_source_exchange_server,
    &uh_source_exchange_export,
    &uh_source_exchange_online,
    &uh_source_exchange_online_export,
    &uh_source_graph,
    &uh_source_dns,
};
enum { SOURCES = sizeof sources / sizeof sources[0] };

struct set_row {
  const char *source;
  char *side, *name, *part, *why;
  int state; /* index in states[] */
  enum uh_answer answer;
  int64_t objects, observed_at;
};
static const char *const states[] = {"complete", "partial", "failed", "not-configured"}; /* from good to bad */

struct notice {
  const char *source;
  char *text;
};

struct run;

struct uh_observe {
  struct run *run;
  const struct uh_source *source;
  pthread_t thread;
  bool started, done;
  bool left_out;       /* not to be asked in this run, and nothing is said of it */
  const char *missing; /* why it is not configured */
  int result;
  struct uh_err err;
  atomic_llong objects, requests;
  int64_t milliseconds, cpu_milliseconds;
  bool organization_gone; /* so that it may have nothing of what every organisation has */
};

struct run {
  const struct uh_config *config;
  struct uh_facts *facts;
  const struct uh_observation_options *options;
  pthread_mutex_t lock;
  pthread_cond_t ended;
  struct set_row *sets;
  size_t set_count, set_capacity;
  struct notice *notices;
  size_t notice_count;
  bool lost; /* out of memory while writing something down: nothing may count as complete */
  struct uh_observe observes[SOURCES];
};

/* The one place that asks the clocks for an observation. */
static int64_t now_utc(void) {
  return (int64_t)time(NULL);
}

static int64_t clock_ms(clockid_t id) {
  struct timespec ts;
  return clock_gettime(id, &ts) == 0 ? (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 : 0;
}

const struct uh_config *uh_observe_config(const struct uh_observe *o) {
  return o->run->config;
}
struct uh_facts *uh_observe_facts(const struct uh_observe *o) {
  return o->run->facts;
}

static bool run_interrupted(const struct run *run) {
  const struct uh_observation_options *o = run->options;
  return (o->interrupted && atomic_load(o->interrupted)) || (o->cancelled && o->cancelled(o->cancel_user));
}
static bool run_stopped(const struct run *run) {
  return run_interrupted(run) || uh_facts_broken(run->facts);
}
bool uh_observe_stopped(const struct uh_observe *o) {
  return run_stopped(o->run);
}

static bool set_in(const char *const *list, const char *side, const char *set) {
  size_t n = strlen(side);
  for (; list && *list; list++)
    if (strncmp(*list, side, n) == 0 && (*list)[n] == ':' && strcmp(*list + n + 1, set) == 0) return true;
  return false;
}

static bool wanted(const struct run *run, const char *side, const char *set) {
  const struct uh_observation_options *o = run->options;
  if (strcmp(set, "DirectoryEntry") == 0) return o->snapshot || set_in(o->only_sets, side, set);
  if (strcmp(set, "DirectoryPermission") == 0) return o->snapshot && !o->entry;
  if (strcmp(set, "DnsRecord") == 0) return o->dns_question && set_in(o->only_sets, side, set);
  if (strcmp(set, "RecipientMark") == 0) return o->snapshot == UH_SNAPSHOT_ALL || set_in(o->only_sets, side, set);
  return (!o->only_sets || set_in(o->only_sets, side, set)) && !(o->configuration_only && uh_set_grows(side, set));
}

bool uh_observe_wants(const struct uh_observe *o, const char *side, const char *set) {
  return wanted(o->run, side, set);
}

const struct uh_observation_options *uh_observe_options(const struct uh_observe *o) {
  return o->run->options;
}

static void set_row_clear(struct set_row *row) {
  free(row->side);
  free(row->name);
  free(row->part);
  free(row->why);
}

static struct set_row *find_set(struct run *run, const char *source, const char *side, const char *name,
                                const char *part) {
  for (size_t i = run->set_count; i-- > 0;) { /* newest first: a source reports the same part close together */
    struct set_row *r = &run->sets[i];
    if (strcmp(r->source, source) == 0 && strcmp(r->name, name) == 0 && strcmp(r->side, side) == 0 &&
        strcmp(r->part, part) == 0)
      return r;
  }
  return NULL;
}

static struct set_row *add_set(struct run *run) {
  if (run->set_count >= SETS_MAX) return NULL;
  if (run->set_count == run->set_capacity) {
    size_t capacity = run->set_capacity ? run->set_capacity * 2 : 128;
    struct set_row *sets = realloc(run->sets, capacity * sizeof *sets);
    if (!sets) return NULL;
    run->sets = sets;
    run->set_capacity = capacity;
  }
  struct set_row *row = &run->sets[run->set_count];
  memset(row, 0, sizeof *row);
  return row;
}

static int state_number(const char *state) {
  for (int i = 0; i < 4; i++)
    if (strcmp(states[i], state) == 0) return i;
  return 2;
}

static void record_set(struct run *run, const char *source, const char *side, const char *name, const char *part,
                       int state, enum uh_answer answer, int64_t objects, const char *why) {
  pthread_mutex_lock(&run->lock);
  struct set_row *row = find_set(run, source, side, name, part);
  if (row) {
    /* Twice the same part: the worse counts, and its reason. */
    row->objects = objects > row->objects ? objects : row->objects;
    if (state > row->state) {
      char *copy = strdup(why);
      free(row->why);
      row->why = copy;
      row->state = state;
      row->answer = answer;
      if (!copy) run->lost = true;
    }
  } else if ((row = add_set(run)) != NULL) {
    *row = (struct set_row){.source = source,
                            .side = strdup(side),
                            .name = strdup(name),
                            .part = strdup(part),
                            .why = strdup(why),
                            .state = state,
                            .answer = answer,
                            .objects = objects,
                            .observed_at = now_utc()};
    if (row->side && row->name && row->part && row->why)
      run->set_count++;
    else {
      set_row_clear(row);
      run->lost = true;
    }
  } else {
    run->lost = true;
  }
  pthread_mutex_unlock(&run->lock);
}

void uh_observe_set(struct uh_observe *o, const char *side, const char *name, const char *part, const char *state,
                    enum uh_answer answer, int64_t objects, const char *why_fmt, ...) {
  char why[768];
  va_list ap;
  va_start(ap, why_fmt);
  uh_vprint(why, sizeof why, why_fmt, ap);
  va_end(ap);
  const char *always, *right;
  int number = state_number(state);
  if (number == 0 && objects == 0 && !o->organization_gone && !*(part ? part : "") &&
      uh_never_empty(side, name, &always, &right)) {
    uh_print(why, sizeof why,
             "the answer held not one object, and %s: a right is missing; the account that reads needs %s", always,
             right);
    number = state_number("failed");
    answer = UH_REFUSED;
  }
  record_set(o->run, o->source->id, side, name, part ? part : "", number, answer, objects, why);
}

void uh_observe_organization_gone(struct uh_observe *o) {
  o->organization_gone = true;
}

void uh_observe_set_time(struct uh_observe *o, const char *side, const char *name, const char *part,
                         int64_t observed_at) {
  pthread_mutex_lock(&o->run->lock);
  struct set_row *row = find_set(o->run, o->source->id, side, name, part ? part : "");
  if (row && observed_at < row->observed_at) row->observed_at = observed_at;
  pthread_mutex_unlock(&o->run->lock);
}

static void add_notice(struct run *run, const char *source, const char *text) {
  pthread_mutex_lock(&run->lock);
  if (run->notice_count < NOTICES_MAX) {
    struct notice *notices = realloc(run->notices, (run->notice_count + 1) * sizeof *notices);
    char *copy = strdup(text);
    if (notices) run->notices = notices;
    if (notices && copy)
      run->notices[run->notice_count++] = (struct notice){source, copy};
    else
      free(copy);
  }
  pthread_mutex_unlock(&run->lock);
}

void uh_observe_notice(struct uh_observe *o, const char *fmt, ...) {
  char text[768];
  va_list ap;
  va_start(ap, fmt);
  uh_vprint(text, sizeof text, fmt, ap);
  va_end(ap);
  add_notice(o->run, o->source->id, text);
}

static void tell_progress(struct uh_observe *o, const char *state) {
  const struct uh_observation_options *options = o->run->options;
  if (options->progress) options->progress(options->user, o->source->id, (int64_t)atomic_load(&o->objects), state);
}

void uh_observe_counted(struct uh_observe *o, int64_t objects, int64_t requests) {
  atomic_fetch_add(&o->objects, objects);
  atomic_fetch_add(&o->requests, requests);
  tell_progress(o, "running");
}

/* ---- accepted domains, for dns ---- */

struct domain_list {
  struct uh_names names;
  bool lost; /* an accepted domain whose name is no domain name */
};

/* "*.contoso.com" and "*" stay as they are: whoever asks for the list decides what a wildcard means. A name that is no
 * domain name is lost to the list, and that has to show. */
static int read_domains(struct sqlite3 *db, void *user, struct uh_err *err) {
  struct domain_list *list = user;
  sqlite3_stmt *st = NULL;
  int result = 0;
  if (sqlite3_prepare_v2(
          db,
          "SELECT DISTINCT CASE WHEN n = '*' THEN '*' WHEN n LIKE '*.%' AND domain_key(substr(n, 3)) <> ''"
          " THEN '*.' || domain_key(substr(n, 3)) ELSE coalesce(domain_key(n), '') END AS d"
          " FROM (SELECT coalesce(prop(json, 'DomainName'), '') AS n FROM t_object WHERE kind = 'AcceptedDomain') "
          "ORDER BY d",
          -1, &st, NULL) != SQLITE_OK)
    return uh_fail(err, UH_ERR_INTERNAL, "cannot read the accepted domains back: %s", sqlite3_errmsg(db));
  int rc;
  while ((rc = sqlite3_step(st)) == SQLITE_ROW && result == 0) {
    const char *domain = (const char *)sqlite3_column_text(st, 0);
    if (domain && *domain)
      result = uh_names_add(&list->names, domain, err);
    else
      list->lost = true;
  }
  if (result == 0 && rc != SQLITE_DONE)
    result = uh_fail(err, UH_ERR_INTERNAL, "cannot read the accepted domains back: %s", sqlite3_errmsg(db));
  sqlite3_finalize(st);
  return result;
}

static int read_domains_with_functions(struct sqlite3 *db, void *user, struct uh_err *err) {
  return uh_facts_functions(db, err) < 0 ? -1 : read_domains(db, user, err);
}

/* One source that read all of them is enough: another that could not be reached says nothing against it. */
static bool accepted_domains_complete(struct run *run, const char *side) {
  bool complete = false;
  pthread_mutex_lock(&run->lock);
  for (size_t i = 0; i < run->set_count; i++) {
    const struct set_row *r = &run->sets[i];
    if (strcmp(r->name, "AcceptedDomain") == 0 && strcmp(r->side, side) == 0 && r->state == 0) complete = true;
  }
  pthread_mutex_unlock(&run->lock);
  return complete;
}

static bool side_configured(struct run *run, const char *side) {
  bool any = false;
  pthread_mutex_lock(&run->lock);
  for (size_t i = 0; i < run->set_count; i++)
    if (strcmp(run->sets[i].name, "AcceptedDomain") == 0 && strcmp(run->sets[i].side, side) == 0 &&
        run->sets[i].state != 3)
      any = true;
  pthread_mutex_unlock(&run->lock);
  return any;
}

int uh_observe_accepted_domains(struct uh_observe *o, struct uh_names *ret_domains, bool *ret_complete,
                                struct uh_err *err) {
  struct domain_list list = {0};
  struct run *run = o->run;
  *ret_domains = (struct uh_names){0};
  if (uh_facts_call(run->facts, read_domains_with_functions, &list, err) < 0) {
    uh_names_clear(&list.names);
    return -1;
  }
  /* Mail may be addressed to a domain that only one side knows: each side that is looked at has to be complete. */
  bool cloud = accepted_domains_complete(run, "cloud"), onprem = accepted_domains_complete(run, "on-premises");
  *ret_complete = (cloud || onprem) && (cloud || !side_configured(run, "cloud")) &&
                  (onprem || !side_configured(run, "on-premises"));
  if (list.lost) {
    *ret_complete = false;
    uh_observe_notice(o, "an accepted domain has a name that is no domain name: nothing was asked for it");
  }
  *ret_domains = list.names;
  return 0;
}

/* ---- what there is ---- */

static const struct uh_source *find_source(const char *id) {
  for (int i = 0; i < SOURCES; i++)
    if (strcmp(sources[i]->id, id) == 0) return sources[i];
  return NULL;
}

bool uh_source_configured(const struct uh_config *config, const char *id) {
  const struct uh_source *source = find_source(id);
  return source && !source->not_configured(config);
}

/* ---- running ---- */

static bool names(const char *list, const char *id) {
  size_t n = strlen(id);
  for (const char *p = list; p && *p;) {
    size_t len = strcspn(p, " ");
    if (len == n && strncmp(p, id, n) == 0) return true;
    p += len + strspn(p + len, " ");
  }
  return false;
}

static void wait_for_others(struct uh_observe *o) {
  struct run *run = o->run;
  pthread_mutex_lock(&run->lock);
  for (int i = 0; i < SOURCES; i++)
    while (names(o->source->after, run->observes[i].source->id) && !run->observes[i].done)
      pthread_cond_wait(&run->ended, &run->lock);
  pthread_mutex_unlock(&run->lock);
}

struct set_name {
  char side[16], name[112];
};
/* The next of a source's sets; false at their end. */
static bool next_set(const char **sets, struct set_name *ret) {
  const char *p = *sets;
  if (!p || !*p) return false;
  size_t len = strcspn(p, " "), side = strcspn(p, ":");
  (void)snprintf(ret->side, sizeof ret->side, "%.*s", (int)side, p);
  (void)snprintf(ret->name, sizeof ret->name, "%.*s", (int)(len - side - 1), p + side + 1);
  *sets = p + len + strspn(p + len, " ");
  return true;
}

bool uh_source_fills(const char *id, const char *side, const char *name) {
  const struct uh_source *source = find_source(id);
  const char *sets = source ? source->sets : "";
  struct set_name set;
  while (next_set(&sets, &set))
    if (strcmp(set.side, side) == 0 && strcmp(set.name, name) == 0) return true;
  return false;
}

/* Every set that the source would have filled and did not report gets this state and reason. */
static void report_missing_sets(struct uh_observe *o, int state, enum uh_answer answer, const char *why) {
  const char *sets = o->source->sets;
  struct set_name set;
  while (next_set(&sets, &set)) {
    const char *side = set.side, *name = set.name;
    bool reported = false;
    pthread_mutex_lock(&o->run->lock);
    for (size_t i = 0; i < o->run->set_count && !reported; i++) {
      const struct set_row *r = &o->run->sets[i];
      reported = strcmp(r->source, o->source->id) == 0 && strcmp(r->side, side) == 0 && strcmp(r->name, name) == 0;
    }
    pthread_mutex_unlock(&o->run->lock);
    if (!reported && uh_observe_wants(o, side, name))
      record_set(o->run, o->source->id, side, name, "", state, answer, 0, why);
  }
}

static void *source_main(void *user) {
  struct uh_observe *o = user;
  wait_for_others(o);
  int64_t start = clock_ms(CLOCK_MONOTONIC);
  tell_progress(o, "running");
  if (uh_observe_stopped(o))
    o->result = uh_fail(&o->err, UH_ERR_INTERRUPTED, "stopped before it began");
  else
    o->result = o->source->observe(o, &o->err);
  o->milliseconds = clock_ms(CLOCK_MONOTONIC) - start;
  o->cpu_milliseconds = clock_ms(CLOCK_THREAD_CPUTIME_ID);
  if (o->result < 0) {
    char text[1100];
    uh_err_text(&o->err, text, sizeof text);
    report_missing_sets(o, 2, o->err.answer == UH_VALUE ? UH_NOT_ASKED : o->err.answer, text);
  }
  tell_progress(o, "done");
  pthread_mutex_lock(&o->run->lock);
  o->done = true;
  pthread_cond_broadcast(&o->run->ended);
  pthread_mutex_unlock(&o->run->lock);
  return NULL;
}

/* A key that this version reads but does not use yet must not look as if it did. */
static void tell_unused(struct run *run) {
  const struct uh_config *c = run->config;
  if (c->relays)
    add_notice(run, "configuration",
               "relays: log files are not read by this version, and decide nothing of relay.traffic");
}

static bool listed(const char *const *list, const char *id) {
  for (; list && *list; list++)
    if (strcmp(*list, id) == 0) return true;
  return false;
}

/* Whom nobody asks for anything is not even connected to. A source that was named is asked, whatever it says it fills.
 */
static bool left_out(const struct run *run, const struct uh_source *source) {
  const struct uh_observation_options *o = run->options;
  const char *sets = source->sets;
  struct set_name set;
  if (o->only_sources) return !listed(o->only_sources, source->id);
  if (listed(o->except_sources, source->id)) return true;
  if (!o->only_sets) return false;
  while (next_set(&sets, &set))
    if (wanted(run, set.side, set.name)) return false;
  return true;
}

static void start_sources(struct run *run) {
  for (int i = 0; i < SOURCES; i++) {
    struct uh_observe *o = &run->observes[i];
    o->run = run;
    o->source = sources[i];
    o->err = UH_ERR_INIT;
    o->left_out = o->done = left_out(run, o->source);
    if (o->left_out) continue;
    o->missing = o->source->not_configured(run->config);
    if (!o->missing) continue;
    o->done = true;
    report_missing_sets(o, 3, UH_NOT_ASKED, o->missing);
  }
  tell_unused(run);
  uh_http_begin();
  uh_oauth_set_prompt(run->options->sign_in, run->options->sign_in_user);
  for (int i = 0; i < SOURCES; i++) {
    struct uh_observe *o = &run->observes[i];
    if (o->missing || o->left_out) continue;
    o->started = pthread_create(&o->thread, NULL, source_main, o) == 0;
    if (o->started) continue;
    o->result = uh_fail(&o->err, UH_ERR_INTERNAL, "cannot start a thread");
    report_missing_sets(o, 2, UH_NOT_ASKED, "cannot start a thread");
    pthread_mutex_lock(&run->lock);
    o->done = true;
    pthread_cond_broadcast(&run->ended);
    pthread_mutex_unlock(&run->lock);
  }
  for (int i = 0; i < SOURCES; i++)
    if (run->observes[i].started) pthread_join(run->observes[i].thread, NULL);
  uh_oauth_set_prompt(NULL, NULL);
}

/* ---- writing down ---- */

static const char *source_state(const struct run *run, const struct uh_observe *o) {
  if (o->missing) return "not-configured";
  bool good = false, bad = o->result < 0;
  for (size_t i = 0; i < run->set_count; i++) {
    const struct set_row *r = &run->sets[i];
    if (strcmp(r->source, o->source->id) != 0) continue;
    if (r->state == 0) good = true;
    if (r->state == 1) good = bad = true;
    if (r->state == 2) bad = true;
  }
  return !bad ? "complete" : good || atomic_load(&o->objects) > 0 ? "partial" : "failed";
}

static int write_sets(struct run *run, struct uh_err *err) {
  struct uh_rows *rows = NULL;
  if (uh_rows_open(run->facts, UH_T_set, &rows, err) < 0) return -1;
  int rc = 0;
  for (size_t i = 0; i < run->set_count && rc == 0; i++) {
    const struct set_row *r = &run->sets[i];
    bool lost = run->lost && r->state == 0;
    uh_rows_begin(rows);
    uh_rows_str(rows, UH_COL(set, source), r->source);
    uh_rows_str(rows, UH_COL(set, side), r->side);
    uh_rows_str(rows, UH_COL(set, name), r->name);
    uh_rows_str(rows, UH_COL(set, part), r->part);
    uh_rows_str(rows, UH_COL(set, state), lost ? "partial" : states[r->state]);
    uh_rows_int(rows, UH_COL(set, answer), r->answer);
    uh_rows_int(rows, UH_COL(set, objects), r->objects);
    uh_rows_str(rows, UH_COL(set, why), lost ? "the observation ran out of memory for its own records" : r->why);
    uh_rows_int(rows, UH_COL(set, observed_at), r->observed_at);
    rc = uh_rows_end(rows, err);
  }
  return uh_rows_close(rows, err) < 0 ? -1 : rc;
}

/* What a person should know of this source first: why it broke off, else the first set that is not complete. */
static void describe(const struct run *run, const struct uh_observe *o, char *text, size_t size) {
  text[0] = '\0';
  if (o->missing) uh_print(text, size, "%s", o->missing);
  if (!o->missing && o->result < 0) uh_err_text(&o->err, text, size);
  size_t lacking = 0;
  const struct set_row *first = NULL;
  for (size_t i = 0; !text[0] && i < run->set_count; i++) {
    const struct set_row *r = &run->sets[i];
    if (strcmp(r->source, o->source->id) != 0 || (r->state != 1 && r->state != 2)) continue;
    if (lacking++ == 0) first = r;
  }
  if (!first) return;
  uh_print(text, size, "%s%s%s: %s", first->name, first->part[0] ? " " : "", first->part, first->why);
  size_t n = strlen(text);
  if (lacking > 1) uh_print(text + n, size - n, " (and %zu more sets)", lacking - 1);
}

static int write_sources(struct run *run, struct uh_err *err) {
  struct uh_rows *rows = NULL;
  if (uh_rows_open(run->facts, UH_T_source, &rows, err) < 0) return -1;
  int rc = 0;
  for (int i = 0; i < SOURCES && rc == 0; i++) {
    const struct uh_observe *o = &run->observes[i];
    char text[1100] = "";
    if (o->left_out) continue;
    describe(run, o, text, sizeof text);
    uh_rows_begin(rows);
    uh_rows_str(rows, UH_COL(source, id), o->source->id);
    uh_rows_str(rows, UH_COL(source, state), source_state(run, o));
    uh_rows_int(rows, UH_COL(source, answer),
                o->result < 0 ? (int64_t)o->err.answer
                : o->missing  ? UH_NOT_ASKED
                              : UH_VALUE);
    uh_rows_int(rows, UH_COL(source, error_class), o->err.cls);
    uh_rows_int(rows, UH_COL(source, objects), (int64_t)atomic_load(&o->objects));
    uh_rows_int(rows, UH_COL(source, requests), (int64_t)atomic_load(&o->requests));
    uh_rows_int(rows, UH_COL(source, milliseconds), o->milliseconds);
    uh_rows_int(rows, UH_COL(source, cpu_milliseconds), o->cpu_milliseconds);
    uh_rows_str(rows, UH_COL(source, detail), text);
    rc = uh_rows_end(rows, err);
  }
  return uh_rows_close(rows, err) < 0 ? -1 : rc;
}

static int write_notices(struct run *run, struct uh_err *err) {
  struct uh_rows *rows = NULL;
  if (uh_rows_open(run->facts, UH_T_notice, &rows, err) < 0) return -1;
  int rc = 0;
  for (size_t i = 0; i < run->notice_count && rc == 0; i++) {
    uh_rows_begin(rows);
    uh_rows_str(rows, UH_COL(notice, source), run->notices[i].source);
    uh_rows_str(rows, UH_COL(notice, text), run->notices[i].text);
    rc = uh_rows_end(rows, err);
  }
  return uh_rows_close(rows, err) < 0 ? -1 : rc;
}

static int write_setting(struct uh_rows *rows, const char *name, unsigned position, const char *value,
                         struct uh_err *err) {
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(setting, name), name);
  uh_rows_int(rows, UH_COL(setting, position), position);
  uh_rows_str(rows, UH_COL(setting, value), value);
  return uh_rows_end(rows, err);
}

static int write_list(struct uh_rows *rows, const char *name, const struct uh_strings *list, struct uh_err *err) {
  for (unsigned i = 0; i < list->n; i++)
    if (write_setting(rows, name, i, list->v[i], err) < 0) return -1;
  return 0;
}

static int write_settings(struct run *run, struct uh_err *err) {
  struct uh_rows *rows = NULL;
  if (uh_rows_open(run->facts, UH_T_setting, &rows, err) < 0) return -1;
  const struct uh_config *config = run->config;
  char limit[16];
  (void)snprintf(limit, sizeof limit, "%u", uh_writeback_limit(config));
  char pause[24];
  (void)snprintf(pause, sizeof pause, "%lld", (long long)uh_pause_observe(config));
  int rc = write_setting(rows, "writeback.limit", 0, limit, err);
  if (rc == 0) rc = write_setting(rows, "pauses.observe", 0, pause, err);
  if (rc == 0) rc = write_list(rows, "writeback.templates", uh_writeback_templates(config), err);
  if (rc == 0 && config->mail_flow) {
    rc = write_list(rows, "mail_flow.gateways", &config->mail_flow->gateways, err);
    if (rc == 0) rc = write_list(rows, "mail_flow.onprem_networks", &config->mail_flow->onprem_networks, err);
  }
  return uh_rows_close(rows, err) < 0 ? -1 : rc;
}

static int write_beginning(struct run *run, int64_t started, struct uh_err *err) {
  struct uh_rows *rows = NULL;
  char host[HOST_NAME_MAX + 1] = "";
  (void)gethostname(host, sizeof host - 1);
  if (uh_rows_open(run->facts, UH_T_observation, &rows, err) < 0) return -1;
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(observation, organization), run->config->organization);
  uh_rows_str(rows, UH_COL(observation, tenant), run->config->tenant);
  uh_rows_str(rows, UH_COL(observation, program), UNHYBRID_VERSION);
  uh_rows_str(rows, UH_COL(observation, host), host);
  uh_rows_int(rows, UH_COL(observation, started_at), started);
  int rc = uh_rows_end(rows, err);
  return uh_rows_close(rows, err) < 0 ? -1 : rc;
}

static int mark_ended(struct sqlite3 *db, void *user, struct uh_err *err) {
  const bool *interrupted = user;
  char *sql =
      sqlite3_mprintf("UPDATE t_observation SET ended_at = %lld, interrupted = %d", (long long)now_utc(), *interrupted);
  if (!sql) return uh_fail_nomem(err);
  int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
  sqlite3_free(sql);
  if (rc == SQLITE_OK) return 0;
  return uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot complete the facts file: %s", sqlite3_errmsg(db));
}

static int severity_of(enum uh_err_class cls) { /* which class names the exit code when nothing could be observed */
  switch (cls) {
    case UH_ERR_INTERNAL: return 6;
    case UH_ERR_CONFIG: return 5;
    case UH_ERR_DENIED: return 4;
    case UH_ERR_UNAVAILABLE: return 3;
    case UH_ERR_DATA: return 2;
    case UH_ERR_NONE: return 0;
    default: return 1;
  }
}

static void summarize(const struct run *run, struct uh_observation_summary *sum) {
  sum->interrupted = run_interrupted(run);
  for (size_t i = 0; i < run->set_count; i++)
    if (run->sets[i].state == 0 || (run->sets[i].state == 1 && run->sets[i].objects > 0)) sum->anything = true;
  for (int i = 0; i < SOURCES; i++) {
    const struct uh_observe *o = &run->observes[i];
    if (o->missing || o->left_out || o->result == 0) continue;
    if (sum->first.cls == UH_ERR_NONE) sum->first = o->err;
    if (severity_of(o->err.cls) > severity_of(sum->worst)) sum->worst = o->err.cls;
  }
}

static void run_clear(struct run *run) {
  for (size_t i = 0; i < run->set_count; i++) set_row_clear(&run->sets[i]);
  free(run->sets);
  for (size_t i = 0; i < run->notice_count; i++) free(run->notices[i].text);
  free(run->notices);
  pthread_mutex_destroy(&run->lock);
  pthread_cond_destroy(&run->ended);
}

static int write_end(struct run *run, struct uh_observation_summary *sum, struct uh_err *err) {
  summarize(run, sum);
  if (write_sets(run, err) < 0 || write_sources(run, err) < 0 || write_notices(run, err) < 0) return -1;
  return uh_facts_call(run->facts, mark_ended, &sum->interrupted, err);
}

int uh_observe_all(const struct uh_config *config, const char *facts_path, const struct uh_observation_options *options,
                   struct uh_observation_summary *ret_summary, struct uh_err *err) {
  struct run run = {.config = config, .options = options};
  struct uh_observation_summary sum = {.first = UH_ERR_INIT};
  int made = options->scratch ? uh_facts_create_scratch(facts_path, &run.facts, err)
                              : uh_facts_create(facts_path, &run.facts, err);
  if (made < 0) return -1;
  pthread_mutex_init(&run.lock, NULL);
  pthread_cond_init(&run.ended, NULL);
  int rc = write_beginning(&run, now_utc(), err);
  if (rc == 0) rc = write_settings(&run, err);
  if (rc == 0) {
    start_sources(&run);
    rc = write_end(&run, &sum, err);
  }
  if (rc == 0) rc = uh_facts_finish(run.facts, err);
  sum.writer_cpu_ms = uh_facts_writer_cpu_ms(run.facts);
  uh_facts_free(run.facts);
  run_clear(&run);
  if (rc == 0) *ret_summary = sum;
  return rc;
}
