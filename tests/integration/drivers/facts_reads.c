/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says what each check reads, as SQLite sees it: one JSON line per check with the columns that its statements name
 * ("table.column" of the views), the properties that it really asked for ([text of the object, property]), and the SQL
 * of its rules. The linker puts this program between the judge and SQLite (--wrap, see meson.build), so that no list is
 * kept by hand. Usage: facts_reads FILE [CHECK..]
 */
#include <jansson.h>
#include <sqlite3.h>

#include <unhybrid/text.h>

#include "case/facts.h"
#include "rules/rules.h"
#include "rules/shared.h"

typedef int (*authorizer)(void *, int, const char *, const char *, const char *, const char *);
typedef void (*function)(sqlite3_context *, int, sqlite3_value **);

int __real_sqlite3_set_authorizer(sqlite3 *db, authorizer callback, void *user);
int __wrap_sqlite3_set_authorizer(sqlite3 *db, authorizer callback, void *user);
int __real_sqlite3_create_function_v2(sqlite3 *db, const char *name, int args, int flags, void *user, function call,
                                      function step, void (*final)(sqlite3_context *), void (*destroy)(void *));
int __wrap_sqlite3_create_function_v2(sqlite3 *db, const char *name, int args, int flags, void *user, function call,
                                      function step, void (*final)(sqlite3_context *), void (*destroy)(void *));

/* What the check that runs now has read so far: used as sets. */
static json_t *columns, *properties;

/* ---- columns ---- */

static authorizer judge_authorizes;

/* A view of the facts; a statement's own WITH is none. */
static bool is_view(const char *name) {
  for (int t = 0; t < UH_T_MAX; t++)
    if (strcmp(uh_table_name((enum uh_table_id)t), name) == 0) return true;
  return uh_shared_is(name);
}

static int note_column(void *user, int action, const char *a, const char *b, const char *db, const char *view) {
  char name[200];
  if (action == SQLITE_READ && a && b && is_view(a) && !(view && is_view(view))) {
    (void)snprintf(name, sizeof name, "%s.%s", a, b);
    json_object_set_new(columns, name, json_true());
  }
  return judge_authorizes(user, action, a, b, db, view);
}

int __wrap_sqlite3_set_authorizer(sqlite3 *db, authorizer callback, void *user) {
  judge_authorizes = callback;
  return __real_sqlite3_set_authorizer(db, callback ? note_column : NULL, user);
}

/* The pairs of writeback are found by statements of their own, for whichever check asks first. */
int __real_uh_pairs_make(sqlite3 *db, struct uh_err *err);
int __wrap_uh_pairs_make(sqlite3 *db, struct uh_err *err);

static int allow(void *user, int action, const char *a, const char *b, const char *db, const char *view) {
  (void)user, (void)action, (void)a, (void)b, (void)db, (void)view;
  return SQLITE_OK;
}

int __wrap_uh_pairs_make(sqlite3 *db, struct uh_err *err) {
  judge_authorizes = allow;
  __real_sqlite3_set_authorizer(db, note_column, NULL);
  int r = __real_uh_pairs_make(db, err);
  __real_sqlite3_set_authorizer(db, NULL, NULL);
  return r;
}

/* ---- properties ---- */

static function real_calls[3];
static const char *const property_functions[] = {"prop", "prop_list", "prop_json"};

static void note_property(sqlite3_value **argv) {
  const char *json = (const char *)sqlite3_value_text(argv[0]), *name = (const char *)sqlite3_value_text(argv[1]);
  if (!json || !name) return;
  struct uh_str key UH_CLEANUP(uh_str_clear) = {0};
  uh_str_addf(&key, "%s\n%s", name, json);
  json_object_set_new(properties, uh_str_or(&key, ""), json_true());
}
static void call_prop(sqlite3_context *context, int argc, sqlite3_value **argv) {
  note_property(argv);
  real_calls[0](context, argc, argv);
}
static void call_prop_list(sqlite3_context *context, int argc, sqlite3_value **argv) {
  note_property(argv);
  real_calls[1](context, argc, argv);
}
static void call_prop_json(sqlite3_context *context, int argc, sqlite3_value **argv) {
  note_property(argv);
  real_calls[2](context, argc, argv);
}

int __wrap_sqlite3_create_function_v2(sqlite3 *db, const char *name, int args, int flags, void *user, function call,
                                      function step, void (*final)(sqlite3_context *), void (*destroy)(void *)) {
  static const function noting[] = {call_prop, call_prop_list, call_prop_json};
  for (size_t i = 0; i < sizeof noting / sizeof *noting; i++) {
    if (strcmp(property_functions[i], name) != 0) continue;
    real_calls[i] = call;
    call = noting[i];
  }
  return __real_sqlite3_create_function_v2(db, name, args, flags, user, call, step, final, destroy);
}

/* ---- one check after the other ---- */

static json_t *property_pairs(void) {
  json_t *pairs = json_array(), *v;
  const char *key;
  json_object_foreach(properties, key, v) {
    const char *end = strchr(key, '\n');
    json_array_append_new(pairs, json_pack("[s, s%]", end + 1, key, (size_t)(end - key)));
  }
  return pairs;
}

static json_t *statements(const struct uh_check *check) {
  json_t *list = json_array();
  for (const struct uh_rule *rule = check->rules; rule && rule->sql; rule++)
    json_array_append_new(list, json_string(rule->sql));
  if (check->applies) json_array_append_new(list, json_string(check->applies));
  return list;
}

static int look(const char *path, const struct uh_check *check, struct uh_err *err) {
  const char *only[] = {check->id, NULL};
  struct uh_judge_options options = {.purpose = check->purposes & UH_BEFORE  ? UH_BEFORE
                                                : check->purposes & UH_AFTER ? UH_AFTER
                                                                             : UH_GATE,
                                     .only = only};
  struct uh_results *results = NULL;
  columns = json_object();
  properties = json_object();
  if (uh_judge(path, &options, &results, err) < 0) return -1;
  uh_results_free(results);
  json_t *names = json_array(), *v;
  const char *name;
  json_object_foreach(columns, name, v) json_array_append_new(names, json_string(name));
  json_t *line = json_pack("{s:s, s:o, s:o, s:o}", "id", check->id, "columns", names, "properties", property_pairs(),
                           "sql", statements(check));
  char *text = json_dumps(line, JSON_COMPACT);
  (void)puts(text ? text : "");
  free(text);
  json_decref(line);
  json_decref(columns);
  json_decref(properties);
  return 0;
}

int main(int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  const struct uh_check *check;
  int rc = argc >= 2 ? 0 : uh_fail(&err, UH_ERR_USAGE, "usage: facts_reads FILE [CHECK..]");
  for (size_t i = 0; rc == 0 && (check = uh_check_at(i)) != NULL; i++) {
    bool wanted = argc == 2;
    for (int k = 2; k < argc; k++) wanted = wanted || strcmp(argv[k], check->id) == 0;
    if (wanted) rc = look(argv[1], check, &err);
  }
  if (rc < 0) (void)fprintf(stderr, "facts_reads: %s: %s\n", err.where, err.what);
  return uh_err_exit_code(err.cls);
}
