/* SPDX-License-Identifier: Apache-2.0 */
/* steps: what a cleanup does, in which order, and why. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unhybrid/text.h>

#include "cli/cli.h"
#include "plan/plan.h"

enum { OPT_FORMAT = 1000 };
static const struct option options[] = {{"format", required_argument, NULL, OPT_FORMAT}, {0}};

/* All steps in the order of a cleanup; free the list. */
static const struct uh_step **ordered(size_t *ret_n, struct uh_err *err) {
  size_t n = uh_step_count();
  const struct uh_step **list = calloc(n + 1, sizeof(const struct uh_step *));
  if (!list) {
    (void)uh_fail_nomem(err);
    return NULL;
  }
  for (size_t i = 0; i < n; i++) list[i] = uh_step_at(i);
  if (uh_order_steps(list, n, list, err) < 0) {
    free(list);
    return NULL;
  }
  *ret_n = n;
  return list;
}

/* Without a function of its own a step can only set back what it set. */
static const char *undo_word(const struct uh_step *step) {
  return step->undo_by ? step->undo_by : step->undo ? "objects" : "settings";
}

static void add_json(struct uh_str *out, const struct uh_step *step) {
  uh_str_addf(out, "{\"id\": \"%s\"", step->id);
  uh_cli_json_member(out, "title", step->title);
  uh_cli_json_member(out, "requirement", step->requirement);
  uh_cli_json_member(out, "phase", uh_phase_name(step->phase));
  uh_str_add(out, ", \"follows\": [");
  for (const struct uh_follows *f = step->follows; f && f->step; f++) {
    uh_str_addf(out, "%s{\"step\": \"%s\"", f == step->follows ? "" : ", ", f->step);
    uh_cli_json_member(out, "reason", f->reason);
    uh_str_addc(out, '}');
  }
  uh_str_addc(out, ']');
  uh_cli_json_words(out, "needs", step->needs);
  uh_cli_json_words(out, "checks", step->checks);
  uh_str_addf(out, ", \"opt_in\": %s", step->opt_in ? "true" : "false");
  uh_cli_json_member(out, "undo", undo_word(step));
  uh_cli_json_member(out, "undo_limits", step->undo_limits);
  uh_cli_json_member(out, "effect", step->effect);
  uh_cli_json_member(out, "explain", step->explain);
  uh_cli_json_member(out, "reference", step->reference);
  uh_str_addc(out, '}');
}

static void list_json(struct uh_str *out, const struct uh_step *const *steps, size_t n) {
  uh_str_add(out, "{\"schema\": \"unhybrid/steps/1\", \"steps\": [");
  for (size_t i = 0; i < n; i++) {
    uh_str_add(out, i ? ",\n  " : "\n  ");
    add_json(out, steps[i]);
  }
  uh_str_add(out, "]}\n");
}

static void list_terminal(struct uh_str *out, const struct uh_step *const *steps, size_t n) {
  size_t widest = 0;
  for (size_t i = 0; i < n; i++)
    if (strlen(steps[i]->id) > widest) widest = strlen(steps[i]->id);
  for (size_t i = 0; i < n; i++)
    uh_str_addf(out, "%-*s  %-5s  %-16s  undo: %-8s  %s%s\n", (int)widest, steps[i]->id, steps[i]->requirement,
                uh_phase_name(steps[i]->phase), undo_word(steps[i]), steps[i]->title,
                steps[i]->opt_in ? " (only where --only names it)" : "");
}

static void add_follows(struct uh_str *out, const struct uh_step *step, size_t width) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  for (const struct uh_follows *f = step->follows; f && f->step; f++)
    uh_str_addf(&text, "%s%s: %s", text.len ? "\n" : "", f->step, f->reason);
  uh_cli_paragraph(out, "Comes after", uh_str_text(&text), width);
}

/* A list of words, with a blank after each comma for wrapping. */
static void add_words(struct uh_str *out, const char *title, const char *list, size_t width) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  for (const char *p = list ? list : ""; *p; p++) {
    uh_str_addc(&text, *p);
    if (*p == ',' && p[1] != ' ') uh_str_addc(&text, ' ');
  }
  uh_cli_paragraph(out, title, uh_str_text(&text), width);
}

static const char *undo_sentence(const struct uh_step *step) {
  if (step->undo_by && strcmp(step->undo_by, "nobody") == 0) return "What it removes cannot be put back.";
  if (step->undo_by) return "A person can put it back; `unhybrid undo ACTION` says how, and looks whether it is done.";
  if (step->undo)
    return "`unhybrid undo ACTION` puts back what was changed, and makes what was removed anew where the action says so.";
  return "`unhybrid undo ACTION` sets back what was set; what was removed stays removed.";
}

static void explain_terminal(struct uh_str *out, const struct uh_step *step, size_t width) {
  uh_str_addf(out, "%s\nrequirement %s; %s\n", step->id, step->requirement, uh_phase_name(step->phase));
  uh_cli_paragraph(out, "What it does", step->title, width);
  if (step->opt_in)
    uh_cli_paragraph(out, "When",
                     "Only where `--only` names it, and a person approves each object: what it removes may still be of "
                     "use to somebody, and nothing that can be observed says whether it is.",
                     width);
  uh_cli_paragraph(out, "How objects are told apart, and what is not touched", step->explain, width);
  add_words(out, "Sets it needs, complete", step->needs, width);
  add_follows(out, step, width);
  add_words(out, "Checks that must pass right before", step->checks, width);
  uh_cli_paragraph(out, "What does not work afterwards", step->effect, width);
  uh_cli_paragraph(out, "Undo", undo_sentence(step), width);
  uh_cli_paragraph(out, "What is different after an undo", step->undo_limits, width);
  uh_cli_paragraph(out, "Read on", step->reference, width);
}

static int explain(struct uh_cli *cli, const char *id, bool json) {
  const struct uh_step *step = uh_step_find(id);
  struct uh_str out = {0};
  size_t width = uh_cli_width(STDOUT_FILENO);
  if (!step) {
    const char *near = uh_step_nearest(id);
    return near ? uh_cli_usage(cli, "there is no step '%s'; did you mean %s?", id, near)
                : uh_cli_usage(cli, "there is no step '%s'", id);
  }
  if (json)
    list_json(&out, &step, 1);
  else
    explain_terminal(&out, step, width > 100 ? 100 : width);
  return uh_cli_print(cli, &out);
}

static int list(struct uh_cli *cli, bool json) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_str out = {0};
  size_t n = 0;
  UH_CLEANUP(uh_freep) const struct uh_step **steps = ordered(&n, &err);
  if (!steps) return uh_cli_fail(cli, &err);
  if (json)
    list_json(&out, steps, n);
  else
    list_terminal(&out, steps, n);
  return uh_cli_print(cli, &out);
}

static int run(struct uh_cli *cli, int argc, char **argv) {
  static const char *const verbs[] = {"list", "explain"};
  const char *format = "terminal";
  int option;
  while ((option = uh_cli_option(cli, argc, argv)) != -1) switch (option) {
      case UH_OPT_DONE: return 0;
      case UH_OPT_BAD: return 64;
      case OPT_FORMAT: format = optarg; break;
    }
  int operands = argc - optind;
  const char *verb = operands ? argv[optind] : NULL;
  bool json = strcmp(format, "json") == 0;
  if (!json && strcmp(format, "terminal") != 0)
    return uh_cli_usage(cli, "steps has the formats terminal and json, not '%s'", format);
  if (!verb) return uh_cli_usage(cli, "say list or explain ID");
  if (strcmp(verb, "list") == 0 && operands == 1) return list(cli, json);
  if (strcmp(verb, "list") == 0) return uh_cli_usage(cli, "list takes no '%s'", argv[optind + 1]);
  if (strcmp(verb, "explain") == 0 && operands == 2) return explain(cli, argv[optind + 1], json);
  if (strcmp(verb, "explain") == 0) return uh_cli_usage(cli, "explain takes the id of one step");
  const char *near = uh_cli_nearest(verb, verbs, 2);
  return near ? uh_cli_usage(cli, "there is no 'steps %s'; did you mean %s?", verb, near)
              : uh_cli_usage(cli, "there is no 'steps %s': say list or explain ID", verb);
}

const struct uh_command uh_cmd_steps = {
    .name = "steps",
    .summary = "list the steps of a cleanup, or explain one",
    .usage = "list | explain ID  [--format F]",
    .help =
        "list names the steps in the order of a cleanup, with the requirement that each\n"
        "meets, its phase, and what an undo can put back: objects that were removed,\n"
        "settings alone, only what a person does (person), or nothing (nobody). Of some\n"
        "it says that they are done only where --only names them.\n"
        "explain says of one step what it looks at, what it follows and why, which\n"
        "checks must pass right before it, what does not work once it is done, and what\n"
        "an undo cannot restore.\n\n"
        "      --format F         terminal (default) or json\n",
    .options = options,
    .shorts = "",
    .run = run,
};
