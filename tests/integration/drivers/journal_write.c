/* SPDX-License-Identifier: Apache-2.0 */
/* journal_write CASE: appends a record for each line of standard input, a JSON object with type, action, body (an
 * object) and, where there is one, image (a string) or zeros (an image of so many zero bytes). */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case/journal.h"

static enum uh_record_type type_of(const char *name) {
  for (int i = 0; i < UH_RECORD_TYPES; i++)
    if (strcmp(uh_record_type_name((enum uh_record_type)i), name) == 0) return (enum uh_record_type)i;
  fprintf(stderr, "no record %s\n", name);
  exit(64);
}

static int append(struct uh_journal *journal, const char *line, struct uh_err *err) {
  json_t *json = json_loads(line, 0, NULL), *zeros = json_object_get(json, "zeros");
  const char *image = json_string_value(json_object_get(json, "image"));
  char *body = json_dumps(json_object_get(json, "body"), JSON_COMPACT);
  size_t size = image ? strlen(image) : (size_t)json_integer_value(zeros);
  char *blank = calloc(1, size + 1);
  struct uh_record record = {.at = 1800000000,
                             .type = type_of(json_string_value(json_object_get(json, "type"))),
                             .action = json_string_value(json_object_get(json, "action")),
                             .body = body,
                             .image = image   ? image
                                      : zeros ? blank
                                              : NULL,
                             .image_size = size};
  int rc = uh_journal_append(journal, &record, err);
  free(blank);
  free(body);
  json_decref(json);
  return rc;
}

int main(int argc, char **argv) {
  static char line[65536];
  struct uh_err err = UH_ERR_INIT;
  struct uh_journal *journal = NULL;
  if (argc != 2) return 64;
  struct uh_journal_options options = {.dir = argv[1], .create = true};
  int rc = uh_journal_open(&options, &journal, &err);
  while (rc == 0 && fgets(line, sizeof line, stdin)) rc = append(journal, line, &err);
  uh_journal_free(journal);
  if (rc < 0) fprintf(stderr, "%s\n", err.what);
  return rc < 0;
}
