/* SPDX-License-Identifier: Apache-2.0 */
/* Walks what a step classifies in SQL: the owner of each object is said once, in one place, whatever the step does. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <unhybrid/step.h>

#include "plan/plan_internal.h"

enum uh_owner uh_step_owner_of(const char *UH_NULLABLE name) {
  static const struct {
    const char *name;
    enum uh_owner owner;
  } known[] = {{"hybrid", UH_OWNER_HYBRID},
               {"shared", UH_OWNER_SHARED},
               {"partner", UH_OWNER_PARTNER},
               {"other-forest", UH_OWNER_FOREST},
               {"cross-tenant", UH_OWNER_CROSS_TENANT},
               {"tenant", UH_OWNER_TENANT},
               {"server", UH_OWNER_SERVER}};
  for (size_t i = 0; name && i < sizeof known / sizeof *known; i++)
    if (strcmp(known[i].name, name) == 0) return known[i].owner;
  return UH_OWNER_UNKNOWN;
}

static const char *text(struct uh_query *query, int column) {
  const char *t = uh_query_text(query, column);
  return t ? t : "";
}

static int each_row(struct uh_step_run *run, struct uh_query *query,
                    int (*act)(struct uh_step_run *, const struct uh_step_row *, struct uh_err *), struct uh_err *err) {
  enum { SIDE, KIND, GUID, NAME, OWNER, REASON };
  struct uh_step_row row = {.query = query, .owner = uh_step_owner_of(uh_query_text(query, OWNER))};
  row.subject = (struct uh_subject){
      .side = text(query, SIDE), .kind = text(query, KIND), .guid = text(query, GUID), .name = text(query, NAME)};
  row.reason = text(query, REASON);
  if (uh_step_owner(run, &row.subject, row.owner, err, "%s", row.reason) < 0) return -1;
  if (!act || !uh_owner_may_be_acted_on(run->step, row.owner)) return 0;
  return act(run, &row, err);
}

int uh_step_each(struct uh_step_run *run, const char *sql,
                 int (*act)(struct uh_step_run *, const struct uh_step_row *, struct uh_err *), struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  if (uh_step_query(run, sql, &query, err) < 0) return -1;
  int r;
  while ((r = uh_query_next(query, err)) > 0)
    if (each_row(run, query, act, err) < 0) return -1;
  return r;
}

int uh_step_obstacles(struct uh_step_run *run, const char *sql, struct uh_err *err) {
  enum { WHAT, SIDE, KIND, GUID, NAME, TEXT };
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int r;
  if (uh_step_query(run, sql, &query, err) < 0) return -1;
  uh_query_bind_int(query, 1, uh_step_now(run));
  while ((r = uh_query_next(query, err)) > 0) {
    const struct uh_subject subject = {
        .side = text(query, SIDE), .kind = text(query, KIND), .guid = text(query, GUID), .name = text(query, NAME)};
    const char *what = text(query, WHAT), *words = text(query, TEXT);
    int said = strcmp(what, "blocked") == 0 ? uh_step_blocked(run, err, "%s", words)
               : strcmp(what, "note") == 0  ? uh_step_note(run, err, "%s", words)
                                            : uh_step_owner(run, &subject, UH_OWNER_UNKNOWN, err, "%s", words);
    if (said < 0) return -1;
  }
  return r;
}

void uh_step_list_clear(struct uh_step_list *list) {
  for (size_t i = 0; i < list->n; i++) free((void *)list->v[i]);
  free(list->v);
  *list = (struct uh_step_list){0};
}

static int read_list(const json_t *array, struct uh_step_list *list, struct uh_err *err) {
  size_t n = json_array_size(array);
  if (!json_is_array(array)) return uh_fail(err, UH_ERR_INTERNAL, "a column of a step's statement is no list");
  if (n > UH_STEP_LIST_MAX)
    return uh_fail(err, UH_ERR_DATA, "an object has %zu entries in one list, more than %d", n, UH_STEP_LIST_MAX);
  list->v = calloc(n + 1, sizeof *list->v);
  if (!list->v) return uh_fail_nomem(err);
  for (size_t i = 0; i < n; i++) {
    const char *text = json_string_value(json_array_get(array, i));
    if (!text) return uh_fail(err, UH_ERR_INTERNAL, "a list in a column of a step's statement holds no texts");
    if (!(list->v[i] = strdup(text))) return uh_fail_nomem(err);
    list->n++;
  }
  return 0;
}

int uh_step_list_read(struct uh_query *query, int column, struct uh_step_list *ret_list, struct uh_err *err) {
  struct uh_step_list list = {0};
  const char *column_text = uh_query_text(query, column);
  json_t *array = column_text ? json_loads(column_text, JSON_REJECT_DUPLICATES, NULL) : NULL;
  int r = read_list(array, &list, err);
  json_decref(array);
  if (r < 0) {
    uh_step_list_clear(&list);
    return -1;
  }
  *ret_list = list;
  return 0;
}

void uh_step_expect_lacks(const char *property, const struct uh_step_list *list, struct uh_expect *ret_expect) {
  size_t i = 0;
  for (; i < list->n; i++)
    ret_expect[i] = (struct uh_expect){.what = UH_EXPECT_LACKS,
                                       .value = {.name = property, .type = UH_VALUE_TEXT, .text = list->v[i]}};
  ret_expect[i] = (struct uh_expect){.what = UH_EXPECT_END};
}

int uh_step_remove(struct uh_step_run *run, const struct uh_step_row *row, const char *cmdlet,
                   const struct uh_action *words, struct uh_err *err) {
  const struct uh_change changes[] = {{.cmdlet = cmdlet}, {0}};
  static const struct uh_expect absent[] = {{.what = UH_EXPECT_ABSENT}, {0}};
  struct uh_action action = *words;
  action.subject = row->subject;
  action.verb = UH_VERB_REMOVE;
  action.executor = UH_BY_SIDE(row->subject.side);
  action.reversible = UH_REVERSIBLE_NEW;
  action.changes = changes;
  action.expect = absent;
  if (!action.why) action.why = row->reason;
  return uh_step_action(run, &action, err);
}

int uh_step_reduce(struct uh_step_run *run, const struct uh_step_row *row, const char *cmdlet, const char *property,
                   const struct uh_step_list *gone, const struct uh_step_list *rest, const char *effect,
                   struct uh_err *err) {
  const struct uh_argument arguments[] = {{.name = property, .type = UH_VALUE_TEXTS, .texts = {rest->v, rest->n}}, {0}};
  const struct uh_change changes[] = {{.cmdlet = cmdlet, .arguments = arguments}, {0}};
  struct uh_expect expect[UH_STEP_LIST_MAX + 1];
  uh_step_expect_lacks(property, gone, expect);
  const struct uh_action action = {.subject = row->subject,
                                   .verb = UH_VERB_REDUCE,
                                   .executor = UH_BY_SIDE(row->subject.side),
                                   .reversible = UH_REVERSIBLE,
                                   .changes = changes,
                                   .expect = expect,
                                   .why = row->reason,
                                   .effect = effect};
  return uh_step_action(run, &action, err);
}
