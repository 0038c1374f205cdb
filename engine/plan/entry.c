/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the directory, asked for by a step. What goes with an entry is what the facts show below it, object by
 * object: the executor deletes nothing that is not listed.
 */
#include <stdlib.h>
#include <string.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql_directory.h>

enum { DN = UH_ROW_OWN, CLASS };

struct tree {
  uint8_t (*v)[UH_GUID_SIZE];
  size_t n, capacity;
};

static void tree_clear(struct tree *t) {
  free(t->v);
}

static int add_leaf(struct tree *t, const char *guid, struct uh_err *err) {
  if (t->n == t->capacity) {
    size_t more = t->capacity ? 2 * t->capacity : 64;
    uint8_t(*grown)[UH_GUID_SIZE] = reallocarray(t->v, more, sizeof *grown);
    if (!grown) return uh_fail_nomem(err);
    t->v = grown;
    t->capacity = more;
  }
  if (!uh_guid_parse(guid, t->v[t->n])) return uh_fail(err, UH_ERR_DATA, "an entry of the directory has no GUID");
  t->n++;
  return 0;
}

/* 0 read, 1 more than one deletion takes, -1. */
static int read_tree(struct uh_step_run *run, const char *dn, struct tree *t, struct uh_err *err) {
  /* clang-format off */
  static const char sql[] = UH_SQL_STEP_ENTRIES
      " SELECT guid FROM entry WHERE " UH_SQL_STEP_BELOW("dn", "?1") " ORDER BY dn, guid";
  /* clang-format on */
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int r;
  if (uh_step_query(run, sql, &query, err) < 0) return -1;
  uh_query_bind_text(query, 1, dn);
  while ((r = uh_query_next(query, err)) > 0) {
    const char *guid = uh_query_text(query, 0);
    if (t->n == UH_DIRECTORY_TREE_MAX) return 1;
    if (add_leaf(t, guid ? guid : "", err) < 0) return -1;
  }
  return r;
}

/* Where the row's entry stands, what it is, and its GUID. */
static int describe(const struct uh_step_row *row, struct uh_directory_change *change, uint8_t guid[UH_GUID_SIZE],
                    struct uh_err *err) {
  const char *dn = uh_query_text(row->query, DN), *object_class = uh_query_text(row->query, CLASS);
  if (!dn || !*dn || !object_class || !*object_class || !row->subject.guid || !uh_guid_parse(row->subject.guid, guid))
    return uh_fail(err, UH_ERR_DATA, "an entry of the directory does not tell its name, its class or its GUID: %.*s",
                   UH_HEAD(dn ? dn : "", 300));
  change->dn = dn;
  change->object_class = object_class;
  change->guid = guid;
  return 0;
}

static int ask(struct uh_step_run *run, const struct uh_step_row *row, const struct uh_action *words, enum uh_verb verb,
               const struct uh_directory_change *change, const struct uh_expect *expect, struct uh_err *err) {
  struct uh_action action = *words;
  action.subject = row->subject;
  action.verb = verb;
  action.executor = UH_BY_DIRECTORY;
  action.reversible = UH_REVERSIBLE;
  action.directory = change;
  action.expect = expect;
  return uh_step_action(run, &action, err);
}

int uh_step_delete_entry(struct uh_step_run *run, const struct uh_step_row *row, const struct uh_action *words,
                         struct uh_err *err) {
  struct tree tree UH_CLEANUP(tree_clear) = {0};
  struct uh_directory_change change = {.action = UH_DIRECTORY_DELETE};
  const struct uh_expect expect[] = {{.what = UH_EXPECT_ABSENT}, {0}};
  uint8_t guid[UH_GUID_SIZE];
  if (describe(row, &change, guid, err) < 0) return -1;
  int r = read_tree(run, change.dn, &tree, err);
  if (r < 0) return -1;
  if (r > 0)
    return uh_step_blocked(run, err, "below %.*s stand more than %zu objects, which one deletion does not take",
                           UH_HEAD(change.dn, 300), UH_DIRECTORY_TREE_MAX);
  change.tree = (const uint8_t(*)[UH_GUID_SIZE])tree.v;
  change.n_tree = tree.n;
  return ask(run, row, words, UH_VERB_REMOVE, &change, expect, err);
}

int uh_step_take_values(struct uh_step_run *run, const struct uh_step_row *row, const char *attribute,
                        const struct uh_step_list *values, const struct uh_step_list *rest,
                        const struct uh_action *words, struct uh_err *err) {
  UH_CLEANUP(uh_freep) struct uh_bytes *bytes = calloc(rest->n + 1, sizeof *bytes);
  UH_CLEANUP(uh_freep) struct uh_expect *expect = calloc(values->n + 1, sizeof *expect);
  uint8_t guid[UH_GUID_SIZE];
  if (!bytes || !expect) return uh_fail_nomem(err);
  for (size_t i = 0; i < rest->n; i++) bytes[i] = (struct uh_bytes){rest->v[i], strlen(rest->v[i])};
  const struct uh_directory_edit edit = {UH_DIRECTORY_REPLACE_VALUES, attribute, bytes, rest->n};
  struct uh_directory_change change = {.action = UH_DIRECTORY_MODIFY, .edits = &edit, .n_edits = 1};
  if (describe(row, &change, guid, err) < 0) return -1;
  uh_step_expect_lacks(attribute, values, expect);
  return ask(run, row, words, UH_VERB_REDUCE, &change, expect, err);
}

int uh_undo_by_engine(struct uh_undo *undo, struct uh_err *err) {
  (void)undo, (void)err;
  return 1;
}
