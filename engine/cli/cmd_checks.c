/* SPDX-License-Identifier: Apache-2.0 */
/* checks: what is looked at, and why. */
#include <unistd.h>
#include <unhybrid/text.h>

#include "cli/cli.h"

enum { OPT_FORMAT = 1000 };
static const struct option options[] = {{"format", required_argument, NULL, OPT_FORMAT}, {0}};

static void list_json(struct uh_str *out) {
  const struct uh_check *c;
  const char *separator = "";
  uh_str_add(out, "{\"schema\": \"unhybrid/checks/1\", \"checks\": [");
  for (size_t i = 0; (c = uh_check_at(i)) != NULL; i++) {
    uh_str_addf(out, "%s\n  {\"id\": \"%s\"", i ? "," : "", c->id);
    uh_cli_json_member(out, "title", c->title);
    uh_cli_json_member(out, "severity", uh_severity_name(c->severity));
    uh_cli_json_words(out, "requirement", c->requirements);
    uh_str_add(out, ", \"purposes\": [");
    static const char *const purposes[] = {"before", "after", "gate", "uninstall"};
    const char *comma = "";
    for (size_t p = 0; p < sizeof purposes / sizeof *purposes; p++) {
      if (!(c->purposes & (1U << p))) continue;
      uh_str_addf(out, "%s\"%s\"", comma, purposes[p]);
      comma = ", ";
    }
    uh_str_addc(out, ']');
    uh_cli_json_member(out, "reference", c->reference);
    uh_str_addf(out, ", \"fails\": %s, \"attests\": [", c->never_fails ? "false" : "true");
    for (const struct uh_attestable *f = c->attests; f && f->fact; f++) {
      uh_str_addf(out, "%s{\"fact\": \"%s\"", f == c->attests ? "" : ", ", f->fact);
      uh_cli_json_member(out, "question", f->question);
      uh_cli_json_member(out, "how", f->how);
      uh_str_addc(out, '}');
    }
    uh_str_add(out, "]}");
  }
  uh_str_add(out, "],\n \"not_examined\": [");
  for (size_t i = 0; i < uh_requirement_count(); i++) {
    const struct uh_requirement *r = uh_requirement_at(i);
    if (uh_requirement_examined(r->id)) continue;
    uh_str_addf(out, "%s\n  {\"requirement\": \"%s\"", separator, r->id);
    uh_cli_json_member(out, "title", r->title);
    uh_cli_json_member(out, "severity", uh_severity_name(r->severity));
    uh_str_addc(out, '}');
    separator = ",";
  }
  uh_str_add(out, "]}\n");
}

static void list_terminal(struct uh_str *out) {
  const struct uh_check *c;
  size_t widest = 0;
  bool any = false;
  for (size_t i = 0; (c = uh_check_at(i)) != NULL; i++)
    if (strlen(c->id) > widest) widest = strlen(c->id);
  for (size_t i = 0; (c = uh_check_at(i)) != NULL; i++)
    uh_str_addf(out, "%-*s  %-7s  %s  %s\n", (int)widest, c->id, uh_severity_name(c->severity), c->requirements,
                c->title);
  for (size_t i = 0; i < uh_requirement_count(); i++) {
    const struct uh_requirement *r = uh_requirement_at(i);
    if (uh_requirement_examined(r->id)) continue;
    if (!any) uh_str_add(out, "\nNot examined by any check of this version:\n");
    any = true;
    uh_str_addf(out, "  %s  %-7s  %s\n", r->id, uh_severity_name(r->severity), r->title);
  }
}

static void add_needs(struct uh_str *out, const char *needs) {
  if (needs) uh_str_addf(out, "%s%s", out->len ? ", " : "", needs);
}

static void add_attestables(struct uh_str *out, const struct uh_check *c, size_t width) {
  for (const struct uh_attestable *f = c->attests; f && f->fact; f++) {
    struct uh_str text = {0};
    uh_str_addf(&text, "%s: %s", f->fact, f->question);
    if (f->values) uh_str_addf(&text, " Values: %s.", f->values);
    if (f->object) uh_str_addf(&text, " For each %s, named with --object.", f->object);
    uh_str_addf(&text, "\nHow to find out: %s", f->how);
    uh_cli_paragraph(out, "What a person may state, with `unhybrid attest add`", uh_str_text(&text), width);
    uh_str_clear(&text);
  }
}

static int explain(struct uh_cli *cli, const char *id) {
  const struct uh_check *c = uh_check_find(id);
  struct uh_str out = {0}, needs = {0};
  size_t width = uh_cli_width(STDOUT_FILENO);
  if (!c) {
    const char *near = uh_check_nearest(id);
    return near ? uh_cli_usage(cli, "there is no check '%s'; did you mean %s?", id, near)
                : uh_cli_usage(cli, "there is no check '%s'", id);
  }
  if (width > 100) width = 100;
  for (const struct uh_rule *r = c->rules; r && r->sql; r++)
    if (r->needs && !(needs.len && strstr(needs.s, r->needs))) add_needs(&needs, r->needs);
  add_needs(&needs, c->applies_needs);
  uh_str_addf(&out, "%s\n%s; requirement %s\n", c->id, uh_severity_name(c->severity), c->requirements);
  uh_cli_paragraph(&out, "Passes when", c->title, width);
  uh_cli_paragraph(&out, "What is looked at", c->explain, width);
  uh_cli_paragraph(&out, "Sets it needs", uh_str_text(&needs), width);
  uh_cli_paragraph(&out, "Sets that have to be complete before absence counts", c->absence_needs, width);
  uh_cli_paragraph(&out, "What no source can see", c->blind_spot, width);
  add_attestables(&out, c, width);
  uh_cli_paragraph(&out, "What to do", c->remedy, width);
  uh_cli_paragraph(&out, "Read on", c->reference, width);
  uh_str_clear(&needs);
  return uh_cli_print(cli, &out);
}

static int list(struct uh_cli *cli, const char *format) {
  struct uh_str out = {0};
  if (strcmp(format, "json") == 0)
    list_json(&out);
  else if (strcmp(format, "terminal") == 0)
    list_terminal(&out);
  else
    return uh_cli_usage(cli, "checks list has the formats terminal and json, not '%s'", format);
  return uh_cli_print(cli, &out);
}

static int run(struct uh_cli *cli, int argc, char **argv) {
  static const char *const verbs[] = {"list", "explain"};
  UH_CLEANUP(uh_config_freep) struct uh_config *config = NULL;
  struct uh_err err = UH_ERR_INIT;
  const char *format = NULL;
  int option;
  while ((option = uh_cli_option(cli, argc, argv)) != -1) switch (option) {
      case UH_OPT_DONE: return 0;
      case UH_OPT_BAD: return 64;
      case OPT_FORMAT: format = optarg; break;
    }
  if (uh_cli_has_config(cli) && uh_cli_config(cli, &config, &err) < 0) return uh_cli_fail(cli, &err);
  int operands = argc - optind;
  const char *verb = operands ? argv[optind] : NULL;
  if (!verb) return uh_cli_usage(cli, "say list or explain ID");
  if (strcmp(verb, "list") == 0 && operands == 1) return list(cli, format ? format : "terminal");
  if (strcmp(verb, "explain") == 0 && operands == 2 && !format) return explain(cli, argv[optind + 1]);
  if (strcmp(verb, "explain") == 0) return uh_cli_usage(cli, "explain takes the id of one check and no --format");
  if (strcmp(verb, "list") == 0) return uh_cli_usage(cli, "list takes no '%s'", argv[optind + 1]);
  const char *near = uh_cli_nearest(verb, verbs, 2);
  return near ? uh_cli_usage(cli, "there is no 'checks %s'; did you mean %s?", verb, near)
              : uh_cli_usage(cli, "there is no 'checks %s': say list or explain ID", verb);
}

const struct uh_command uh_cmd_checks = {
    .name = "checks",
    .summary = "list the checks, or explain one",
    .usage = "list [--format F] | explain ID",
    .help =
        "list names every check with its severity and the requirement that it examines,\n"
        "and the requirements that no check examines. explain says of one check what it\n"
        "looks at, what it does not call a finding, and what to do. With a configuration\n"
        "the checks of its rule packs are there too.\n\n"
        "      --format F         of the list: terminal (default) or json\n",
    .options = options,
    .shorts = "",
    .run = run,
};
