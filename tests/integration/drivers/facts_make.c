/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a facts file from JSON lines on standard input, for tests of checks:
 *   {"table": "directory_recipient", "row": {"guid": "4f1c..", "home_mdb": "CN=DB1", "mail": {"answer": "refused"}}}
 * BLOB columns are given as GUID text; JSON columns as arrays; null means "there is none". Usage: facts_make FILE <
 * lines
 */
#include <jansson.h>

#include <unhybrid/text.h>

#include "case/facts.h"

static int find_table(const char *name) {
  for (int t = 0; t < UH_T_MAX; t++)
    if (name && strcmp(uh_table_name((enum uh_table_id)t), name) == 0) return t;
  return -1;
}

static enum uh_answer find_answer(const char *name) {
  for (int a = UH_VALUE; a <= UH_NOT_ASKED; a++)
    if (name && strcmp(uh_answer_name((enum uh_answer)a), name) == 0) return (enum uh_answer)a;
  return UH_NOT_ASKED;
}

static void set_value(struct uh_rows *rows, int column, const struct uh_column *c, json_t *v) {
  uint8_t guid[UH_GUID_SIZE];
  json_t *answer = json_is_object(v) ? json_object_get(v, "answer") : NULL;
  if (answer)
    uh_rows_answer(rows, column, find_answer(json_string_value(answer)));
  else if (json_is_null(v))
    uh_rows_answer(rows, column, UH_NONE);
  else if (json_is_boolean(v))
    uh_rows_int(rows, column, json_is_true(v));
  else if (json_is_integer(v))
    uh_rows_int(rows, column, json_integer_value(v));
  else if (json_is_string(v) && c->type == 'B' && uh_guid_parse(json_string_value(v), guid))
    uh_rows_blob(rows, column, guid, sizeof guid);
  else if (json_is_string(v))
    uh_rows_text(rows, column, json_string_value(v), json_string_length(v));
  else {
    char *text = json_dumps(v, JSON_COMPACT);
    if (text) uh_rows_str(rows, column, text);
    free(text);
  }
}

static int put_line(struct uh_rows **rows, json_t *line, struct uh_err *err) {
  const char *name = json_string_value(json_object_get(line, "table"));
  int t = find_table(name), count = 0;
  if (t < 0) return uh_fail(err, UH_ERR_DATA, "no table \"%s\"", name ? name : "");
  const struct uh_column *columns = uh_table_columns((enum uh_table_id)t, &count);
  json_t *row = json_object_get(line, "row"), *v;
  const char *key;
  uh_rows_begin(rows[t]);
  json_object_foreach(row, key, v) {
    int at = 0;
    while (at < count && strcmp(columns[at].name, key) != 0) at++;
    if (at == count) return uh_fail(err, UH_ERR_DATA, "table %s has no column \"%s\"", name, key);
    set_value(rows[t], at, &columns[at], v);
  }
  return uh_rows_end(rows[t], err);
}

int main(int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_facts *facts = NULL;
  struct uh_rows *rows[UH_T_MAX] = {0};
  json_error_t je;
  int rc = argc == 2 ? uh_facts_create(argv[1], &facts, &err)
                     : uh_fail(&err, UH_ERR_USAGE, "usage: facts_make FILE < lines");
  for (int t = 0; rc == 0 && t < UH_T_MAX; t++) rc = uh_rows_open(facts, (enum uh_table_id)t, &rows[t], &err);
  char *text = NULL;
  size_t capacity = 0;
  while (rc == 0 && getline(&text, &capacity, stdin) > 0) {
    json_t *line = json_loads(text, 0, &je);
    rc = line ? put_line(rows, line, &err) : uh_fail(&err, UH_ERR_DATA, "not JSON: %s", je.text);
    json_decref(line);
  }
  free(text);
  for (int t = 0; t < UH_T_MAX; t++)
    if (uh_rows_close(rows[t], &err) < 0) rc = -1;
  if (rc == 0) rc = uh_facts_finish(facts, &err);
  uh_facts_free(facts);
  if (rc < 0) (void)fprintf(stderr, "facts_make: %s\n", err.what);
  return uh_err_exit_code(err.cls);
}
