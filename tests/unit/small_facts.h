/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_SMALL_FACTS_H
#define UH_SMALL_FACTS_H
/* Facts of a few objects for tests of the plan. The test makes `folder` with mkdtemp. */
#include "case/facts.h"

struct row {
  const char *source, *side, *kind, *name, *guid, *json;
};
struct set {
  const char *side, *name, *state;
};

static char folder[] = "/tmp/unhybrid-plan-XXXXXX", facts_path[64];

static inline void put_rows(struct uh_facts *facts, const struct row *v, size_t n) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_rows *rows = NULL;
  assert_int_equal(uh_rows_open(facts, UH_T_object, &rows, &err), 0);
  for (size_t i = 0; i < n; i++) {
    uh_rows_begin(rows);
    uh_rows_str(rows, UH_COL(object, source), v[i].source);
    uh_rows_str(rows, UH_COL(object, side), v[i].side);
    uh_rows_str(rows, UH_COL(object, kind), v[i].kind);
    uh_rows_str(rows, UH_COL(object, identity), v[i].name);
    uh_rows_str(rows, UH_COL(object, name), v[i].name);
    uh_rows_str(rows, UH_COL(object, guid), v[i].guid);
    uh_rows_str(rows, UH_COL(object, json), v[i].json);
    assert_int_equal(uh_rows_end(rows, &err), 0);
  }
  assert_int_equal(uh_rows_close(rows, &err), 0);
}

static inline void put_set(struct uh_facts *facts, const struct set *s) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_rows *rows = NULL;
  assert_int_equal(uh_rows_open(facts, UH_T_set, &rows, &err), 0);
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(set, source), "exchange-server");
  uh_rows_str(rows, UH_COL(set, side), s->side);
  uh_rows_str(rows, UH_COL(set, name), s->name);
  uh_rows_str(rows, UH_COL(set, state), s->state);
  uh_rows_str(rows, UH_COL(set, why), "the answer broke off");
  uh_rows_int(rows, UH_COL(set, observed_at), 2000);
  assert_int_equal(uh_rows_end(rows, &err), 0);
  assert_int_equal(uh_rows_close(rows, &err), 0);
}

static inline struct uh_facts *begin_facts(void) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_facts *facts = NULL;
  struct uh_rows *rows = NULL;
  (void)snprintf(facts_path, sizeof facts_path, "%s/f.db", folder);
  unlink(facts_path);
  assert_int_equal(uh_facts_create(facts_path, &facts, &err), 0);
  assert_int_equal(uh_rows_open(facts, UH_T_observation, &rows, &err), 0);
  uh_rows_begin(rows);
  uh_rows_str(rows, UH_COL(observation, organization), "contoso");
  uh_rows_int(rows, UH_COL(observation, ended_at), 2000);
  assert_int_equal(uh_rows_end(rows, &err), 0);
  assert_int_equal(uh_rows_close(rows, &err), 0);
  return facts;
}

static inline void end_facts(struct uh_facts *facts) {
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_facts_finish(facts, &err), 0);
  uh_facts_free(facts);
}
#endif
