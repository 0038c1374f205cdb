/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets a test change Active Directory with the operator's account, each change once, by one executor.
 *   directory_write CONFIG ACTION GUID|- DN CLASS [WORD].. [-- ACTION ..]..
 * WORD: below=GUID (goes too), give=ATTRIBUTE:VALUE, take=.., put=.. (replaces; without a value: empties),
 * bytes=ATTRIBUTE:HEX (replaces). Prints what became of each as JSON, on a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case/config.h"
#include "executors/executors.h"

enum { WORDS = 64 };

struct wanted {
  struct uh_directory_change change;
  uint8_t guid[UH_GUID_SIZE], tree[WORDS][UH_GUID_SIZE];
  struct uh_directory_edit edits[WORDS];
  struct uh_bytes values[WORDS];
};

/* In its own place. */
static size_t from_hex(char *text) {
  size_t n = strlen(text) / 2;
  for (size_t i = 0; i < n; i++) {
    const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};
    text[i] = (char)strtoul(digits, NULL, 16);
  }
  return n;
}

static bool parse_word(struct wanted *w, char *word) {
  static const char *const kinds[] = {"take=", "give=", "put=", "bytes="};
  struct uh_directory_change *c = &w->change;
  if (strncmp(word, "below=", 6) == 0) return uh_guid_parse(word + 6, w->tree[c->n_tree++]);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strncmp(word, kinds[i], strlen(kinds[i])) != 0) continue;
    char *name = word + strlen(kinds[i]), *value = strchr(name, ':');
    if (!value) return false;
    *value++ = '\0';
    bool any = *value != '\0', bytes = i == UH_DIRECTORY_REPLACE_VALUES + 1;
    w->values[c->n_edits] = (struct uh_bytes){value, bytes ? from_hex(value) : strlen(value)};
    w->edits[c->n_edits] = (struct uh_directory_edit){
        bytes ? UH_DIRECTORY_REPLACE_VALUES : (enum uh_directory_edit_type)i, name, &w->values[c->n_edits], any};
    c->n_edits++;
    return true;
  }
  return false;
}

static bool parse(struct wanted *w, char **words, int n) {
  int action = 0;
  *w = (struct wanted){0};
  if (n < 4 || n > WORDS) return false;
  while (action <= UH_DIRECTORY_FINISH &&
         strcmp(uh_directory_action_name((enum uh_directory_action)action), words[0]) != 0)
    action++;
  w->change = (struct uh_directory_change){.action = (enum uh_directory_action)action,
                                           .dn = words[2],
                                           .object_class = words[3],
                                           .tree = w->tree,
                                           .edits = w->edits};
  if (strcmp(words[1], "-") != 0) {
    if (!uh_guid_parse(words[1], w->guid)) return false;
    w->change.guid = w->guid;
  }
  for (int i = 4; i < n; i++)
    if (!parse_word(w, words[i])) return false;
  return true;
}

static void print(const struct uh_change_result *result, const struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str out = {0};
  uh_str_addf(&out, "{\"outcome\": \"%s\", \"objects\": %lld, \"refused\": %s, \"not_found\": %s, \"server\": ",
              uh_change_outcome_name(result->outcome), (long long)result->objects, result->refused ? "true" : "false",
              result->not_found ? "true" : "false");
  uh_json_string(&out, result->server, strlen(result->server));
  uh_str_add(&out, ", \"error\": ");
  uh_json_string(&out, err->what, strlen(err->what));
  uh_str_add(&out, ", \"where\": ");
  uh_json_string(&out, err->where, strlen(err->where));
  uh_str_add(&out, ", \"remedy\": ");
  uh_json_string(&out, err->remedy, strlen(err->remedy));
  uh_str_addf(&out, ", \"class\": %d}", (int)err->cls);
  puts(uh_str_or(&out, "{}"));
}

int main(int argc, char **argv) {
  UH_CLEANUP(uh_config_freep) struct uh_config *config = NULL;
  UH_CLEANUP(uh_directory_executor_freep) struct uh_directory_executor *executor = NULL;
  struct uh_err err = UH_ERR_INIT;
  if (argc < 3) return 64;
  if (uh_config_load(argv[1], &config, &err) < 0) {
    fprintf(stderr, "%s\n", err.what);
    return 78;
  }
  struct uh_directory_executor_options options = {.config = config};
  bool open = uh_directory_executor_open(&options, &executor, &err) == 0;
  for (int from = 2, to = 2; to <= argc; to++) {
    if (to < argc && strcmp(argv[to], "--") != 0) continue;
    struct wanted w;
    struct uh_change_result result = {0};
    if (!parse(&w, argv + from, to - from)) return 64;
    if (open) {
      struct uh_directory_writer writer = uh_directory_executor_writer(executor);
      err = UH_ERR_INIT;
      (void)uh_directory_apply(&writer, &w.change, &result, &err);
    }
    print(&result, &err);
    from = to + 1;
  }
  return 0;
}
