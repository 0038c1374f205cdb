/* SPDX-License-Identifier: Apache-2.0 */
/* waive list, attest list: what stands in the file, and what it is worth today. */
#include <unhybrid/text.h>

#include "cli/statement_list.h"

#include "cli/known.h"

struct list {
  struct uh_cli *cli;
  enum uh_statement_kind kind;
  bool json, first;
  struct uh_str out;
};

static void list_clear(struct list *l) {
  uh_str_clear(&l->out);
}

static void add_text(struct uh_str *out, const char *text) {
  uh_terminal_text(out, text, strlen(text));
}

static void add_json(struct uh_str *out, const char *name, const char *UH_NULLABLE value) {
  uh_str_addf(out, ", \"%s\": ", name);
  if (value)
    uh_json_string(out, value, strlen(value));
  else
    uh_str_add(out, "null");
}

static void add_terminal(struct uh_str *out, const struct uh_result_statement *s) {
  char from[UH_TIME_TEXT], until[UH_TIME_TEXT];
  uh_str_addf(out, "%s", s->counts ? "counts      " : "");
  if (!s->counts) uh_str_addf(out, "%-12s", s->state);
  add_text(out, s->subject);
  if (*s->object) uh_str_add(out, " of "), add_text(out, s->object);
  if (s->kind == UH_ATTESTATION) uh_str_add(out, " = "), add_text(out, s->text);
  uh_str_addf(out, "\n    line %lld, from %s until %s, ", (long long)s->line, uh_time_text(s->from, from),
              uh_time_text(s->until, until));
  add_text(out, s->approver);
  const char *words = s->kind == UH_WAIVER ? s->text : s->note;
  if (*words) uh_str_add(out, ": "), add_text(out, words);
  uh_str_addc(out, '\n');
  if (*s->why) uh_str_add(out, "    "), add_text(out, s->why), uh_str_addc(out, '\n');
}

static int each(void *user, const struct uh_result_statement *s) {
  struct list *l = user;
  if (s->kind != l->kind) return 0;
  if (l->json) {
    uh_str_addf(&l->out, "%s\n  ", l->first ? "" : ",");
    uh_json_statement(&l->out, s);
  } else {
    add_terminal(&l->out, s);
  }
  l->first = false;
  return 0;
}

/* Without an observation only the time can be looked at. */
static int each_unjudged(struct list *l, const struct uh_statements *all) {
  int64_t now = uh_cli_now();
  for (size_t i = 0; i < all->n; i++) {
    const struct uh_statement *s = &all->v[i];
    const struct uh_result_statement r = {.kind = all->kind,
                                          .file = all->path,
                                          .subject = s->subject,
                                          .object = s->object,
                                          .text = s->text,
                                          .note = s->note,
                                          .approver = s->approver,
                                          .evidence = s->evidence,
                                          .check = "",
                                          .state = now < s->from                            ? "future"
                                                   : now >= uh_statement_ends(all->kind, s) ? "expired"
                                                                                            : "not-judged",
                                          .why = "there is no observation to compare it with",
                                          .line = s->line,
                                          .from = s->from,
                                          .until = s->until};
    (void)each(l, &r);
  }
  return 0;
}

static void begin_json(struct list *l, const struct uh_statements *all, const struct uh_results *results) {
  char when[UH_TIME_TEXT];
  uh_str_addf(&l->out, "{\"schema\": \"unhybrid/%ss/1\"", uh_statement_kind_name(l->kind));
  add_json(&l->out, "organization", l->cli->organization);
  add_json(&l->out, "tenant", l->cli->tenant);
  add_json(&l->out, "file", all->path);
  add_json(&l->out, "observed_at", results ? uh_time_text(uh_results_head(results)->observed_at, when) : NULL);
  uh_str_addf(&l->out, ",\n \"%ss\": [", uh_statement_kind_name(l->kind));
}

static int newest(struct uh_cli *cli, const struct uh_config *config, char **ret_path, struct uh_cli_known *ret_known,
                  struct uh_err *err) {
  UH_CLEANUP(uh_case_freep) struct uh_case *c = NULL;
  struct uh_err none = UH_ERR_INIT;
  if (uh_cli_case(cli, config, false, &c, &none) == 0 && uh_cli_newest(c, ret_path, &none) == 0)
    return uh_cli_known_read(cli, c, ret_known, err);
  if (none.cls == UH_ERR_DATA) return 0; /* nothing was observed yet */
  *err = none;
  return -1;
}

int uh_cli_list_statements(struct uh_cli *cli, enum uh_statement_kind kind, const struct uh_config *config, bool json,
                           struct uh_err *err) {
  UH_CLEANUP(list_clear) struct list l = {.cli = cli, .kind = kind, .json = json, .first = true};
  UH_CLEANUP(uh_freep) char *facts = NULL;
  UH_CLEANUP(uh_results_freep) struct uh_results *results = NULL;
  /* Judged as of today, by what was seen last, however long ago that is. */
  UH_CLEANUP(uh_cli_statements_free)
  struct uh_judge_options how = {.now = uh_cli_now(), .purpose = UH_BEFORE, .fresh_for = INT64_MAX};
  UH_CLEANUP(uh_cli_known_clear) struct uh_cli_known known = {.err = UH_ERR_INIT};
  if (uh_cli_statements(config, &how, err) < 0 || newest(cli, config, &facts, &known, err) < 0) return -1;
  uh_cli_known_use(&known, &how);
  if (facts && uh_judge(facts, &how, &results, err) < 0) return -1;
  const struct uh_statements *all = how.statements[kind];
  if (json) begin_json(&l, all, results);
  int rc = results ? uh_results_statements(results, each, &l, err) : each_unjudged(&l, all);
  if (rc < 0) return -1;
  if (json) uh_str_add(&l.out, "]}\n");
  if (!json && l.first) uh_str_addf(&l.out, "There are no %ss.\n", uh_statement_kind_name(kind));
  if (!uh_str_text(&l.out)) return uh_fail_nomem(err);
  if (uh_cli_stdout.write(NULL, l.out.s, l.out.len, err) < 0 || uh_cli_flush(err) < 0) return -1;
  *err = known.err;
  return known.err.cls ? -1 : 0;
}
