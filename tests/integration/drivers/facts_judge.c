/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges a facts file and prints one JSON line per check: for tests of checks.
 * Usage: facts_judge FILE [NOW [CHECK.. FACT=VALUE..]]; FACT=VALUE is an attestation that counts.
 */
#include <jansson.h>

#include <unhybrid/text.h>

#include "rules/rules.h"

struct user {
  struct uh_results *results;
  json_t *list;
  struct uh_err *err;
};

static int each_finding(void *user, const struct uh_result_finding *f) {
  json_t *evidence = json_loads(f->evidence_json, 0, NULL);
  return json_array_append_new(user, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "key", f->key, "side", f->side,
                                               "kind", f->kind, "object", f->object, "message", f->message, "command",
                                               f->command, "evidence", evidence ? evidence : json_null()));
}

static int each_unknown(void *user, const struct uh_result_unknown *u) {
  return json_array_append_new(user, json_pack("{s:s, s:s, s:s, s:I}", "set", u->set, "state", u->state, "why", u->why,
                                               "objects", (json_int_t)u->objects));
}

static int each_object(void *user, const struct uh_result_object *o) {
  return json_array_append_new(
      user, json_pack("{s:s, s:s, s:s, s:s}", "key", o->key, "side", o->side, "object", o->object, "why", o->why));
}

static int each_check(void *user, const struct uh_result_check *c) {
  struct user *u = user;
  json_t *findings = json_array(), *unknown = json_array(), *unjudged = json_array();
  if (uh_results_findings(u->results, c->index, 0, each_finding, findings, u->err) < 0 ||
      uh_results_unknowns(u->results, c->index, each_unknown, unknown, u->err) < 0 ||
      uh_results_unjudged(u->results, c->index, 0, each_object, unjudged, u->err) < 0)
    return -1;
  json_t *line =
      json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o}", "id", c->id, "status", c->status, "severity", c->severity,
                "complete", c->complete, "findings", findings, "unknown", unknown, "unjudged", unjudged);
  char *text = json_dumps(line, JSON_COMPACT);
  (void)puts(text ? text : "{}");
  free(text);
  json_decref(line);
  return 0;
}

enum { STATED_MAX = 8 };

/* Binds a statement to what there is to see, as `unhybrid attest add` does. text is cut at its "=". */
static int state(const char *facts, const struct uh_judge_options *options, char *text, char evidence[UH_EVIDENCE_TEXT],
                 struct uh_statement *s, struct uh_err *err) {
  static char none[] = "", approver[] = "test";
  int64_t observed_at = 0;
  *strchr(text, '=') = '\0';
  *s = (struct uh_statement){.line = 1, .subject = text, .object = none, .text = text + strlen(text) + 1, .note = none};
  s->approver = approver;
  if (uh_judge_evidence(facts, options, s, evidence, &observed_at, err) < 0) return -1;
  s->evidence = evidence;
  s->from = observed_at;
  s->until = (options->now ? options->now : observed_at) + 86400;
  return 0;
}

int main(int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  struct user user = {.err = &err};
  struct uh_statement stated[STATED_MAX];
  static char path[] = "stated";
  struct uh_statements statements = {.kind = UH_ATTESTATION, .path = path, .v = stated};
  char evidence[STATED_MAX][UH_EVIDENCE_TEXT];
  struct uh_judge_options options = {.now = argc > 2 ? strtoll(argv[2], NULL, 10) : 0,
                                     .purpose = (enum uh_purpose)(UH_BEFORE | UH_AFTER)};
  const char **only = calloc((size_t)argc + 1, sizeof *only);
  size_t n = 0;
  int rc = argc >= 2 && only ? 0 : uh_fail(&err, UH_ERR_USAGE, "usage: facts_judge FILE [NOW [CHECK.. FACT=VALUE..]]");
  for (int i = 3; rc == 0 && i < argc; i++) {
    if (!strchr(argv[i], '='))
      only[n++] = argv[i];
    else if (statements.n < STATED_MAX) {
      rc = state(argv[1], &options, argv[i], evidence[statements.n], &stated[statements.n], &err);
      statements.n++;
    }
  }
  options.only = n ? only : NULL;
  for (size_t i = 0; i < n; i++) /* as a step that names it would */
    if (strncmp(only[i], "setup.", 6) == 0 || strncmp(only[i], "cleanup.", 8) == 0) options.purpose = UH_GATE;
  options.statements[UH_ATTESTATION] = statements.n ? &statements : NULL;
  if (rc == 0) rc = uh_judge(argv[1], &options, &user.results, &err);
  if (rc == 0) rc = uh_results_checks(user.results, each_check, &user, &err);
  if (rc == 0) (void)printf("{\"verdict\":\"%s\"}\n", uh_verdict_name(uh_results_head(user.results)->verdict));
  uh_results_free(user.results);
  free(only);
  if (rc < 0) (void)fprintf(stderr, "facts_judge: %s: %s\n", err.where, err.what);
  return uh_err_exit_code(err.cls);
}
