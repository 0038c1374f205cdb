/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHANGES_H
#define CHANGES_H
/*
 * How drivers of writers are told what to change, and what they print: Name=value, where a value is true, false, null,
 * #5 a number, [a,b] a list, else text; and a JSON object a line.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unhybrid/writer.h>

#define WORDS 40

static void quoted(const char *name, const char *text) {
  struct uh_str s = {0};
  uh_json_string(&s, text, strlen(text));
  (void)printf(",\"%s\":%s", name, s.s);
  uh_str_clear(&s);
}

static int give_error(const struct uh_err *err) {
  (void)printf("{\"error\":true,\"class\":%d,\"exit\":%d", (int)err->cls, uh_err_exit_code(err->cls));
  quoted("what", err->what);
  quoted("where", err->where);
  quoted("remedy", err->remedy);
  quoted("answer", uh_answer_name(err->answer));
  quoted("request_id", err->request_id);
  (void)printf("}\n");
  (void)fflush(stdout);
  return uh_err_exit_code(err->cls);
}

struct value {
  enum uh_value_type type;
  bool yes;
  int64_t number;
  char *text;
  const char *list[WORDS];
  size_t n;
};
static void parse_value(char *text, struct value *v) {
  *v = (struct value){.type = UH_VALUE_TEXT, .text = text};
  if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
    v->type = UH_VALUE_BOOL;
    v->yes = *text == 't';
  } else if (strcmp(text, "null") == 0) {
    v->type = UH_VALUE_NULL;
  } else if (*text == '#') {
    v->type = UH_VALUE_NUMBER;
    v->number = strtoll(text + 1, NULL, 10);
  } else if (*text == '[') {
    v->type = UH_VALUE_TEXTS;
    text[strlen(text) - 1] = '\0';
    for (char *p = text + 1; p && *p && v->n < WORDS;) {
      v->list[v->n++] = p;
      p = strchr(p, ',');
      if (p) *p++ = '\0';
    }
  }
}

__attribute__((unused)) static bool parse_arguments(char **words, int n, struct value *values,
                                                    struct uh_argument *arguments) {
  for (int i = 0; i < n; i++) {
    char *equals = strchr(words[i], '=');
    if (!equals) return false;
    *equals = '\0';
    struct uh_argument *a = &arguments[i];
    struct value *v = &values[i];
    parse_value(equals + 1, v);
    a->name = words[i];
    a->type = v->type;
    if (v->type == UH_VALUE_BOOL) a->yes = v->yes;
    if (v->type == UH_VALUE_NUMBER) a->number = v->number;
    if (v->type == UH_VALUE_TEXT) a->text = v->text;
    if (v->type == UH_VALUE_TEXTS) a->texts.v = v->list, a->texts.n = v->n;
  }
  return true;
}

static void give_result(const struct uh_change_result *r) {
  (void)printf("{\"outcome\":\"%s\",\"objects\":%" PRId64 ",\"errors\":%" PRId64 ",\"warnings\":%" PRId64
               ",\"refused\":%s,\"not_found\":%s,\"dehydrated\":%s",
               uh_change_outcome_name(r->outcome), r->objects, r->errors, r->warnings, r->refused ? "true" : "false",
               r->not_found ? "true" : "false", r->dehydrated ? "true" : "false");
  quoted("identity", r->identity);
  quoted("category", r->category);
  quoted("reason", r->reason);
  quoted("message", r->message);
  quoted("server", r->server);
  quoted("request_id", r->request_id);
  quoted("domain_controller", r->domain_controller);
  (void)printf("}\n");
}
#endif
