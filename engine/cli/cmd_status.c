/* SPDX-License-Identifier: Apache-2.0 */
/* status: where the case stands. */
#include <unistd.h>
#include <unhybrid/text.h>

#include "cli/known.h"
#include "cli/left.h"
#include "cli/start.h"
#include "cli/status_approval.h"

enum { OPT_FORMAT = 1000, FRESH_FOR = 24 * 3600 };
static const struct option options[] = {{"format", required_argument, NULL, OPT_FORMAT}, {0}};

struct status {
  struct uh_cli *cli;
  struct uh_case *held;
  size_t observations;
  char *facts;                /* the newest, NULL: none */
  struct uh_results *results; /* NULL: none, or it cannot be read (see err) */
  struct uh_err err;
  struct uh_cleanup_status cleanup;
  struct uh_starts starts; /* none where there are no results */
  struct uh_str tools;     /* how it is known that the management tools are in use; empty: they are not */
  struct uh_approvals approvals;
  int64_t now;
  struct uh_str out;
  bool first;
};

static void status_clear(struct status *s) {
  uh_approvals_clear(&s->approvals);
  uh_cleanup_status_clear(&s->cleanup);
  uh_starts_clear(&s->starts);
  (void)uh_results_free(s->results);
  (void)uh_case_free(s->held);
  free(s->facts);
  uh_str_clear(&s->tools);
  uh_str_clear(&s->out);
}

/* ---- json ---- */

static int source_json(void *user, const struct uh_result_source *src) {
  struct status *s = user;
  uh_str_addf(&s->out, "%s\n    {\"id\": ", s->first ? "" : ",");
  uh_json_string(&s->out, src->id, strlen(src->id));
  uh_cli_json_member(&s->out, "state", src->state);
  uh_str_addf(&s->out, ", \"objects\": %lld", (long long)src->objects);
  uh_cli_json_member(&s->out, "detail", src->detail);
  uh_str_addc(&s->out, '}');
  s->first = false;
  return 0;
}

static void error_json(struct status *s) {
  char text[1200];
  uh_cli_json_member(&s->out, "error", uh_err_text(&s->err, text, sizeof text));
}

static int results_json(struct status *s, struct uh_err *err) {
  const struct uh_results_head *h = uh_results_head(s->results);
  char when[UH_TIME_TEXT];
  int64_t age = s->now - h->observed_at;
  uh_cli_json_member(&s->out, "observed_at", uh_time_text(h->observed_at, when));
  uh_str_addf(&s->out, ", \"age_seconds\": %lld, \"fresh\": %s, \"interrupted\": %s", (long long)age,
              age >= 0 && age <= FRESH_FOR ? "true" : "false", h->interrupted ? "true" : "false");
  uh_cli_json_member(&s->out, "verdict", uh_verdict_name(h->verdict));
  uh_cli_json_member(&s->out, "purpose", h->purpose);
  uh_str_add(&s->out, ",\n   \"summary\": {");
  for (int i = UH_PASS; i <= UH_NOT_APPLICABLE; i++)
    uh_str_addf(&s->out, "%s\"%s\": %lld", i ? ", " : "", uh_status_name((enum uh_status)i), (long long)h->count[i]);
  uh_str_add(&s->out, "},\n   \"sources\": [");
  s->first = true;
  if (uh_results_sources(s->results, source_json, s, err) < 0) return -1;
  uh_str_addc(&s->out, ']');
  return 0;
}

/* No server is left: what no step takes away is the question then. */
static bool is_after(const struct status *s) {
  return s->results && strcmp(uh_results_head(s->results)->purpose, "after") == 0;
}

static int as_json(struct status *s, struct uh_err *err) {
  uh_str_add(&s->out, "{\"schema\": \"unhybrid/status/1\"");
  uh_cli_json_member(&s->out, "organization", s->held->organization);
  uh_cli_json_or_null(&s->out, "tenant", s->cli->tenant);
  uh_cli_json_member(&s->out, "case", s->held->dir);
  uh_str_addf(&s->out, ", \"observations\": %zu,\n \"last\": ", s->observations);
  if (s->facts) {
    const char *name = strrchr(s->facts, '/') + 1;
    uh_str_add(&s->out, "{\"facts\": ");
    uh_json_string(&s->out, name, strlen(name));
    if (!s->results)
      error_json(s);
    else if (results_json(s, err) < 0)
      return -1;
    uh_str_addc(&s->out, '}');
  } else {
    uh_str_add(&s->out, "null");
  }
  uh_cli_start_json(&s->out, &s->starts);
  uh_str_add(&s->out, ",\n \"left\": ");
  if (!is_after(s))
    uh_str_add(&s->out, "null");
  else if (uh_cli_left_json(s->results, &s->out, err) < 0)
    return -1;
  uh_approvals_json(&s->out, &s->approvals, &s->cleanup);
  uh_cleanup_status_json(&s->out, &s->cleanup);
  uh_str_add(&s->out, "}\n");
  return 0;
}

/* ---- terminal ---- */

static void row(struct status *s, const char *name, const char *text) {
  uh_str_addf(&s->out, "%-13s", name);
  uh_terminal_text(&s->out, text, strlen(text));
  uh_str_addc(&s->out, '\n');
}

static void add_age(struct uh_str *out, int64_t age) {
  static const struct {
    int64_t seconds;
    const char *name;
  } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}};
  if (age < 0) {
    uh_str_add(out, "in the future: look at the clocks");
    return;
  }
  for (size_t i = 0; i < 3; i++)
    if (age >= units[i].seconds) {
      long long n = (long long)(age / units[i].seconds);
      uh_str_addf(out, "%lld %s%s ago", n, units[i].name, n == 1 ? "" : "s");
      return;
    }
  uh_str_add(out, "less than a minute ago");
}

static int source_row(void *user, const struct uh_result_source *src) {
  struct status *s = user;
  struct uh_str text = {0};
  uh_str_addf(&text, "%s %s", src->id, src->state);
  if (src->objects) uh_str_addf(&text, ", %lld objects", (long long)src->objects);
  if (*src->detail && strcmp(src->state, "not-configured") != 0) uh_str_addf(&text, ": %s", src->detail);
  row(s, s->first ? "Sources" : "", text.failed ? src->id : text.s);
  s->first = false;
  uh_str_clear(&text);
  return 0;
}

static int results_rows(struct status *s, struct uh_err *err) {
  const struct uh_results_head *h = uh_results_head(s->results);
  struct uh_str text = {0};
  char when[UH_TIME_TEXT];
  uh_str_addf(&text, "%s, ", uh_time_text(h->observed_at, when));
  add_age(&text, s->now - h->observed_at);
  if (h->interrupted) uh_str_add(&text, ", cut off");
  if (!text.failed) row(s, "Observed", text.s);
  uh_str_reset(&text);
  uh_str_addf(&text, "%s%s (%lld passed, %lld failed, %lld unknown)", uh_verdict_name(h->verdict),
              strcmp(h->purpose, "after") == 0 ? " without the server" : "", (long long)h->count[UH_PASS],
              (long long)h->count[UH_FAIL], (long long)h->count[UH_UNKNOWN]);
  if (!text.failed) row(s, "Verdict", text.s);
  uh_str_clear(&text);
  s->first = true;
  return uh_results_sources(s->results, source_row, s, err);
}

static int newest_rows(struct status *s, struct uh_err *err) {
  char text[1200];
  row(s, "Organization", s->held->organization);
  row(s, "Case", s->held->dir);
  (void)snprintf(text, sizeof text, "%zu", s->observations);
  row(s, "Observations", s->observations ? text : "none; `unhybrid audit` makes the first");
  if (!s->facts) return 0;
  row(s, "Newest", strrchr(s->facts, '/') + 1);
  if (s->results) return results_rows(s, err);
  row(s, "Unreadable", uh_err_text(&s->err, text, sizeof text));
  return 0;
}

static int as_terminal(struct status *s, struct uh_err *err) {
  if (newest_rows(s, err) < 0) return -1;
  uh_cli_start_text(&s->out, &s->starts, s->cli->verbose);
  uh_approvals_text(&s->out, &s->approvals, &s->cleanup, s->cli->verbose);
  uh_cleanup_status_text(&s->out, &s->cleanup, s->cli->verbose);
  if (!is_after(s)) return 0;
  return uh_cli_left_text(s->results, uh_cli_width(STDOUT_FILENO), s->cli->verbose, &s->out, err);
}

/* ---- */

static int find_newest(struct status *s, const struct uh_config *config, struct uh_err *err) {
  char **paths;
  size_t n;
  if (uh_case_list_facts(s->held, &paths, &n, err) < 0) return -1;
  s->observations = n;
  if (n) s->facts = UH_TAKE(paths[n - 1]);
  for (size_t i = 0; i < n; i++) free(paths[i]);
  free(paths);
  if (!s->facts) return 0;
  UH_CLEANUP(uh_cli_statements_free) struct uh_judge_options how = {.purpose = UH_BEFORE};
  UH_CLEANUP(uh_freep) struct uh_judge_known *known = NULL;
  const struct uh_history *h = s->cleanup.history;
  if (uh_cli_statements(config, &how, err) < 0 ||
      uh_cli_known_list(h ? uh_history_anchors(h) : NULL, uh_anchors_seen, &known, err) < 0)
    return -1;
  how.known = known;
  how.known_lacking = s->cleanup.err.cls ? s->cleanup.err.what : NULL;
  /* Where no server is left, what has to be true before it goes is no question any more. A facts file that cannot be
   * read is said by the judge. */
  char why[400];
  struct uh_err unreadable = UH_ERR_INIT;
  if (uh_servers_left(s->facts, why, sizeof why, &unreadable) == UH_SERVERS_NONE) how.purpose = UH_AFTER;
  if (uh_judge(s->facts, &how, &s->results, &s->err) < 0) return 0;
  uh_cli_about(s->cli, NULL, uh_results_head(s->results)->tenant);
  how.purpose = UH_BEFORE; /* the tools stay in use also when no server is left */
  return uh_cli_tools_of(s->facts, &how, &s->tools, NULL, err);
}

static int look_with(struct status *s, const struct uh_config *config, const struct uh_start_options *how,
                     const struct uh_plan_options *plan, struct uh_err *err) {
  uh_starts_clear(&s->starts);
  if (uh_starts_find(how, &s->starts, err) < 0) return -1;
  if (!config) return 0; /* nobody knows which accounts there are */
  return uh_approvals_read(&s->cleanup, s->facts, how->now, plan, &s->approvals, err);
}

/* Where it begins, and what would come next: by the newest observation, and what the journal knows of before. */
static int look_ahead(struct status *s, const struct uh_config *config, struct uh_err *err) {
  const struct uh_history *h = s->cleanup.history;
  if (!s->results) return 0;
  const char *in_use = s->tools.len ? uh_str_or(&s->tools, "out of memory") : NULL;
  int64_t observed_at = uh_results_head(s->results)->observed_at;
  UH_CLEANUP(uh_cli_stated_clear) struct uh_cli_stated stated = {0};
  if (uh_cli_stated_read(s->results, &stated, err) < 0) return -1;
  struct uh_start_options how = {.facts = s->facts,
                                 .known = h ? uh_history_anchors(h) : NULL,
                                 .stated = uh_cli_stated_list(&stated),
                                 .tools = in_use,
                                 .begun = uh_cleanup_status_begun(&s->cleanup),
                                 .now = observed_at};
  struct uh_plan_options plan = {
      .tools = in_use, .now = observed_at, .organization = s->held->organization, .tenant = s->cli->tenant};
  plan.stated = how.stated;
  if (config) uh_carry_accounts(config, &plan);
  if (look_with(s, config, &how, &plan, err) == 0) return 0;
  if (!stated.n) return -1;
  /* A word against what was observed is an error of the plan, which names both; no reason not to say where all stands.
   */
  *err = UH_ERR_INIT;
  how.stated = plan.stated = (struct uh_stated_list){0};
  return look_with(s, config, &how, &plan, err);
}

static int run(struct uh_cli *cli, int argc, char **argv) {
  UH_CLEANUP(status_clear) struct status s = {.cli = cli, .err = UH_ERR_INIT, .now = uh_cli_now()};
  UH_CLEANUP(uh_config_freep) struct uh_config *config = NULL;
  struct uh_err err = UH_ERR_INIT;
  const char *format = "terminal";
  int option;
  while ((option = uh_cli_option(cli, argc, argv)) != -1) switch (option) {
      case UH_OPT_DONE: return 0;
      case UH_OPT_BAD: return 64;
      case OPT_FORMAT: format = optarg; break;
    }
  bool json = strcmp(format, "json") == 0;
  if (optind < argc) return uh_cli_usage(cli, "'%s' is too much: status takes options only", argv[optind]);
  if (!json && strcmp(format, "terminal") != 0)
    return uh_cli_usage(cli, "status has the formats terminal and json, not '%s'", format);
  if ((!cli->case_dir || cli->config_path) && uh_cli_config(cli, &config, &err) < 0) return uh_cli_fail(cli, &err);
  if (uh_cli_case(cli, config, false, &s.held, &err) < 0 || uh_cleanup_status_read(cli, s.held, &s.cleanup, &err) < 0 ||
      find_newest(&s, config, &err) < 0 || look_ahead(&s, config, &err) < 0 ||
      (json ? as_json(&s, &err) : as_terminal(&s, &err)) < 0)
    return uh_cli_fail(cli, &err);
  if (!uh_str_text(&s.out)) (void)uh_fail_nomem(&err);
  if (err.cls || uh_cli_stdout.write(NULL, s.out.s, s.out.len, &err) < 0 || uh_cli_flush(&err) < 0)
    return uh_cli_fail(cli, &err);
  return s.cleanup.err.cls ? uh_err_exit_code(s.cleanup.err.cls) : 0;
}

const struct uh_command uh_cmd_status = {
    .name = "status",
    .summary = "where the case stands",
    .usage = "[--format F]",
    .help =
        "Says when the case was last observed, how old that is, what the verdict was\n"
        "and how the sources did; from where the case starts, with the evidence: a last\n"
        "server, none, one that is listed and does not exist, the management tools, a\n"
        "cleanup half done by hand, what other tools left; and where the cleanup stands:\n"
        "what each step has done, what is in doubt, which commands wait for a person and\n"
        "which pause until when, which actions wait for approval, what waits for the time\n"
        "after the uninstall, and the head of the journal. It asks nobody, needs no lock,\n"
        "and exits 0 whatever the verdict is, but 65 when the journal is damaged.\n\n"
        "      --format F         terminal (default) or json\n",
    .options = options,
    .shorts = "",
    .run = run,
};
