/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world_drive CONFIG CASE FACTS|- [dry|now]: opens the world as a cleanup does and carries out what stands on standard
 * input, one command a line, words separated by tabs; answers one JSON object each.
 *   look before|after SIDE KIND GUID|Property=value EXPECTED..   EXPECTED: absent, file:NAME or a property's name
 *   find SIDE KIND PROPERTY VALUE
 *   gate CHECKS|- [irreversible]                                 -: the whole audit
 *   change exchange-server|exchange-online CMDLET GUID|- Name=value..
 *   settles                                                      directory and cloud
 */
#include <time.h>

#include <jansson.h>

#include <unhybrid/text.h>

#include "case/case.h"
#include "case/config.h"
#include "changes.h"
#include "plan/world.h"
#include "rules/rules.h"

enum { LINE_BYTES = 65536 };

static int64_t now_ms(void) {
  struct timespec ts;
  (void)clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void give(json_t *answer, int64_t began) {
  (void)json_object_set_new(answer, "ms", json_integer(now_ms() - began));
  (void)json_dumpf(answer, stdout, JSON_COMPACT);
  (void)putchar('\n');
  (void)fflush(stdout);
  json_decref(answer);
}

static void give_look(struct uh_look *look, int64_t began) {
  static const char *const names[] = {"unknown", "there", "absent"};
  json_t *answer = json_pack("{s:s, s:o, s:s}", "seen", names[look->seen], "image",
                             look->image ? json_loads(look->image, 0, NULL) : json_null(), "why", look->why.what);
  give(answer, began);
  uh_look_clear(look);
}

static void fail(const struct uh_err *err, int64_t began) {
  give(json_pack("{s:b, s:s, s:i}", "error", 1, "what", err->what, "exit", uh_err_exit_code(err->cls)), began);
}

static void look(const struct uh_world *world, char **word, size_t n) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_look seen;
  struct uh_argument match[2] = {{.name = NULL}, {.name = NULL}};
  struct uh_expect expect[WORDS] = {{.what = UH_EXPECT_END}};
  char *equals = strchr(word[4], '=');
  struct uh_planned planned = {.fingerprint_source = ""};
  struct uh_subject *s = &planned.action.subject;
  int64_t began = now_ms();
  *s = (struct uh_subject){.side = word[2], .kind = word[3], .name = "", .match = match};
  if (equals) {
    *equals = '\0';
    match[0] = (struct uh_argument){.name = word[4], .type = UH_VALUE_TEXT, .text = equals + 1};
  } else {
    s->guid = word[4];
  }
  for (size_t i = 5; i < n; i++) {
    struct uh_expect *e = &expect[i - 5];
    if (strcmp(word[i], "absent") == 0)
      e->what = UH_EXPECT_ABSENT;
    else if (strncmp(word[i], "file:", 5) == 0)
      *e = (struct uh_expect){.what = UH_EXPECT_FILE, .value = {.type = UH_VALUE_TEXT, .text = word[i] + 5}};
    else
      *e = (struct uh_expect){.what = UH_EXPECT_VALUE, .value = {.name = word[i], .type = UH_VALUE_NULL}};
  }
  planned.action.expect = expect;
  enum uh_look_path path = strcmp(word[1], "after") == 0 ? UH_LOOK_AFTER : UH_LOOK_BEFORE;
  if (world->look(world->user, &planned, path, &seen, &err) < 0)
    fail(&err, began);
  else
    give_look(&seen, began);
}

static void find(const struct uh_world *world, char **word) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_look seen;
  int64_t began = now_ms();
  if (world->find(world->user, word[1], word[2], word[3], word[4], &seen, &err) < 0)
    fail(&err, began);
  else
    give_look(&seen, began);
}

static void gate(const struct uh_world *world, char **word, size_t n) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_gate g;
  int64_t began = now_ms();
  if (world->gate(world->user, strcmp(word[1], "-") == 0 ? NULL : word[1], n > 2, &g, &err) < 0) {
    fail(&err, began);
    return;
  }
  json_t *checks = json_array();
  for (size_t i = 0; i < g.n; i++)
    (void)json_array_append_new(
        checks, json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", g.v[i].id, "title", g.v[i].title, "status", g.v[i].status,
                          "before", g.v[i].before, "detail", g.v[i].detail));
  give(json_pack("{s:s, s:o}", "verdict", uh_verdict_name(g.verdict), "checks", checks), began);
  uh_gate_clear(&g);
}

static void change(const struct uh_world *world, char **word, size_t n) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_change_result result;
  struct uh_argument arguments[WORDS + 1] = {{.name = NULL}};
  struct value values[WORDS];
  uint8_t guid[UH_GUID_SIZE];
  for (size_t i = 4; i < n && i - 4 < WORDS; i++) {
    char *equals = strchr(word[i], '=');
    if (!equals) return;
    *equals = '\0';
    parse_value(equals + 1, &values[i - 4]);
    const struct value *v = &values[i - 4];
    struct uh_argument *a = &arguments[i - 4];
    *a = (struct uh_argument){.name = word[i], .type = v->type};
    if (v->type == UH_VALUE_BOOL) a->yes = v->yes;
    if (v->type == UH_VALUE_NUMBER) a->number = v->number;
    if (v->type == UH_VALUE_TEXT) a->text = v->text;
    if (v->type == UH_VALUE_TEXTS) a->texts.v = v->list, a->texts.n = v->n;
  }
  const struct uh_change c = {
      .cmdlet = word[2], .guid = uh_guid_parse(word[3], guid) ? guid : NULL, .arguments = arguments};
  enum uh_executor by = strcmp(word[1], "exchange-online") == 0 ? UH_BY_EXCHANGE_ONLINE : UH_BY_EXCHANGE_SERVER;
  if (world->change(world->user, by, &c, &result, &err) < 0 && result.outcome == UH_CHANGE_NOT_SENT)
    fail(&err, now_ms());
  else
    give_result(&result);
  (void)fflush(stdout);
}

static void settles(const struct uh_world *world) {
  give(json_pack("{s:I, s:I}", "directory", (json_int_t)world->settles(world->user, UH_BY_EXCHANGE_SERVER), "cloud",
                 (json_int_t)world->settles(world->user, UH_BY_GRAPH)),
       now_ms());
}

static void carry_out(const struct uh_world *world, char *line) {
  char *word[WORDS] = {NULL}, *rest = NULL;
  size_t n = 0;
  for (char *w = strtok_r(line, "\t\n", &rest); w && n < WORDS; w = strtok_r(NULL, "\t\n", &rest)) word[n++] = w;
  if (n > 4 && strcmp(word[0], "look") == 0) look(world, word, n);
  if (n == 5 && strcmp(word[0], "find") == 0) find(world, word);
  if (n > 1 && strcmp(word[0], "gate") == 0) gate(world, word, n);
  if (n > 3 && strcmp(word[0], "change") == 0) change(world, word, n);
  if (n == 1 && strcmp(word[0], "settles") == 0) settles(world);
}

static int statements(const struct uh_config *config, struct uh_judge_options *how, struct uh_err *err) {
  const char *const paths[] = {config->waivers, config->attestations};
  for (int kind = 0; kind < 2; kind++) {
    struct uh_statements *s = NULL;
    if (!paths[kind]) continue;
    if (uh_statements_load((enum uh_statement_kind)kind, paths[kind], &s, err) < 0) return -1;
    how->statements[kind] = s;
  }
  return 0;
}

int main(int argc, char **argv) {
  static char line[LINE_BYTES];
  struct uh_config *config = NULL;
  struct uh_case *held = NULL;
  struct uh_world *world = NULL;
  struct uh_judge_options how = {0};
  struct uh_err err = UH_ERR_INIT;
  if (argc < 4) return 64;
  if (uh_config_load(argv[1], &config, &err) < 0 || statements(config, &how, &err) < 0 ||
      uh_case_open(argv[2], config->organization, true, &held, &err) < 0 || uh_case_lock(held, "cleanup", &err) < 0)
    return give_error(&err);
  const struct uh_world_options options = {.config = config,
                                           .held = held,
                                           .facts = strcmp(argv[3], "-") == 0 ? NULL : argv[3],
                                           .how = &how,
                                           .observed_now = argc > 4 && strcmp(argv[4], "now") == 0,
                                           .dry = argc > 4 && strcmp(argv[4], "dry") == 0};
  if (uh_world_open(&options, &world, &err) < 0) return give_error(&err);
  while (fgets(line, sizeof line, stdin)) carry_out(world, line);
  uh_world_free(world);
  for (int kind = 0; kind < 2; kind++)
    (void)uh_statements_free((struct uh_statements *)(uintptr_t)how.statements[kind]);
  (void)uh_case_free(held);
  uh_config_free(config);
  return 0;
}
