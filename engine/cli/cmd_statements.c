/* SPDX-License-Identifier: Apache-2.0 */
/* waive and attest: what a person accepts or states, written into the file that the configuration names. */
#include <unhybrid/text.h>

#include "cli/known.h"
#include "cli/statement_list.h"

enum { OPT_OBJECT = 1000, OPT_REASON, OPT_NOTE, OPT_APPROVER, OPT_FROM, OPT_UNTIL, OPT_DAYS, OPT_LINE, OPT_FORMAT };
#define COMMON_OPTIONS                                                                                \
  {"approver", required_argument, NULL, OPT_APPROVER}, {"from", required_argument, NULL, OPT_FROM},   \
      {"until", required_argument, NULL, OPT_UNTIL}, {"days", required_argument, NULL, OPT_DAYS},     \
      {"line", required_argument, NULL, OPT_LINE}, {"format", required_argument, NULL, OPT_FORMAT}, { \
    0                                                                                                 \
  }
static const struct option waive_options[] = {{"reason", required_argument, NULL, OPT_REASON}, COMMON_OPTIONS};
static const struct option attest_options[] = {
    {"object", required_argument, NULL, OPT_OBJECT}, {"note", required_argument, NULL, OPT_NOTE}, COMMON_OPTIONS};

struct request {
  struct uh_cli *cli;
  enum uh_statement_kind kind;
  const char *verb, *subject, *text, *object, *note, *approver;
  const char *from, *until, *format;
  int64_t days, line;
};

static int take_options(struct request *r, int argc, char **argv) {
  int option;
  while ((option = uh_cli_option(r->cli, argc, argv)) != -1) switch (option) {
      case UH_OPT_DONE: return -1;
      case UH_OPT_BAD: return 64;
      case OPT_OBJECT: r->object = optarg; break;
      case OPT_REASON: r->text = optarg; break;
      case OPT_NOTE: r->note = optarg; break;
      case OPT_APPROVER: r->approver = optarg; break;
      case OPT_FROM: r->from = optarg; break;
      case OPT_UNTIL: r->until = optarg; break;
      case OPT_FORMAT: r->format = optarg; break;
      case OPT_DAYS:
        if (!uh_cli_number(r->cli, "--days", optarg, &r->days)) return 64;
        break;
      case OPT_LINE:
        if (!uh_cli_number(r->cli, "--line", optarg, &r->line)) return 64;
        break;
    }
  return 0;
}

/* The verb and what follows it. */
static int take_operands(struct request *r, int argc, char **argv) {
  static const char *const verbs[] = {"add", "list", "withdraw"};
  const char *const *o = (const char *const *)(argv + optind);
  int n = argc - optind, wanted;
  r->verb = n ? o[0] : "";
  const char *subject = r->kind == UH_WAIVER ? "the finding's KEY" : "the FACT";
  if (strcmp(r->verb, "list") == 0)
    wanted = 1;
  else if (strcmp(r->verb, "withdraw") == 0)
    wanted = 2;
  else if (strcmp(r->verb, "add") == 0)
    wanted = r->kind == UH_WAIVER ? 2 : 3;
  else {
    const char *near = uh_cli_nearest(r->verb, verbs, 3);
    return near && n
               ? uh_cli_usage(r->cli, "there is no '%s %s'; did you mean %s?", r->cli->command->name, r->verb, near)
               : uh_cli_usage(r->cli, "say add, list or withdraw");
  }
  if (n > wanted) return uh_cli_usage(r->cli, "%s: '%s' is too much", r->verb, o[wanted]);
  if (n < wanted) return uh_cli_usage(r->cli, "%s needs %s%s", r->verb, subject, wanted == 3 ? " and its VALUE" : "");
  r->subject = wanted > 1 ? o[1] : NULL;
  if (wanted == 3) r->text = o[2];
  return 0;
}

/* ---- add ---- */

static bool text_good(const struct request *r, const char *name, const char *text) {
  if (!text || text[strspn(text, " \t\r\n")] == '\0')
    (void)uh_cli_usage(r->cli, "add: %s is missing", name);
  else if (!uh_utf8_valid(text, strlen(text)))
    (void)uh_cli_usage(r->cli, "add: %s is not UTF-8 text", name);
  else if (strlen(text) > UH_STATEMENT_TEXT_MAX)
    (void)uh_cli_usage(r->cli, "add: %s is longer than %d bytes", name, UH_STATEMENT_TEXT_MAX);
  else
    return true;
  return false;
}

static int take_time(const struct request *r, const char *option, const char *text, int64_t *ret) {
  enum uh_time_kind kind = uh_time_parse(text, ret);
  if (kind == UH_TIME_OK) return 0;
  return uh_cli_usage(r->cli, "%s '%s' %s, write it as in 2026-11-22T19:00:00+01:00", option, text,
                      kind == UH_TIME_NO_ZONE ? "says no time zone" : "is no time");
}

/* from 0: begins_at() says it. */
static int take_times(const struct request *r, struct uh_statement *s) {
  int64_t now = uh_cli_now();
  if (!r->until == !r->days) return uh_cli_usage(r->cli, "add: say how long it holds, with --until TIME or --days N");
  if (r->from && take_time(r, "--from", r->from, &s->from) != 0) return 64;
  if (r->until && take_time(r, "--until", r->until, &s->until) != 0) return 64;
  if (r->days > 36500) return uh_cli_usage(r->cli, "--days is at most 36500");
  if (r->days) s->until = now + r->days * 86400;
  if (s->until <= now) return uh_cli_usage(r->cli, "add: it would have expired already");
  if (r->from && s->from >= s->until) return uh_cli_usage(r->cli, "add: --until is not after --from");
  return 0;
}

/* What the newest observation shows of the finding. */
static int accept_finding(const char *facts, const struct uh_cli_known *known, struct uh_statement *s, char *evidence,
                          int64_t *ret_observed_at, struct uh_err *err) {
  UH_CLEANUP(uh_results_freep) struct uh_results *results = NULL;
  char id[128];
  (void)snprintf(id, sizeof id, "%.*s", (int)strcspn(s->subject, "/"), s->subject);
  const struct uh_check *check = uh_check_find(id);
  if (!check) {
    const char *near = uh_check_nearest(id);
    (void)uh_fail(err, UH_ERR_USAGE, "there is no check '%s'", id);
    if (near) uh_err_remedy(err, "did you mean %s? A finding's key stands in the JSON report", near);
    return -1;
  }
  const char *const only[] = {id, NULL};
  struct uh_judge_options how = {.purpose = check->purposes & UH_BEFORE  ? UH_BEFORE
                                            : check->purposes & UH_AFTER ? UH_AFTER
                                                                         : UH_GATE,
                                 .only = only};
  uh_cli_known_use(known, &how);
  if (uh_judge(facts, &how, &results, err) < 0) return -1;
  int found = uh_results_evidence(results, s->subject, evidence, err);
  *ret_observed_at = uh_results_head(results)->observed_at;
  if (found) return found < 0 ? -1 : 0;
  (void)uh_fail(err, UH_ERR_DATA, "the newest observation has no finding %s", s->subject);
  uh_err_remedy(err, "keys of findings stand in `unhybrid report --format json`%s",
                how.purpose == UH_GATE
                    ? "; a gate names those of its own checks, and sees more than an observation that is "
                      "older: `unhybrid audit` makes a new one"
                    : "");
  return -1;
}

struct standing {
  bool counts;
  char why[400];
};

static int each_standing(void *user, const struct uh_result_statement *s) {
  struct standing *st = user;
  st->counts = s->counts || strcmp(s->state, "future") == 0;
  uh_print(st->why, sizeof st->why, "%s", s->why);
  return 0;
}

/* Judges with the statement before it is written: one that would not count is not made. */
static int try_statement(const char *facts, const struct uh_cli_known *known, const struct uh_statement *s,
                         struct uh_err *err) {
  UH_CLEANUP(uh_results_freep) struct uh_results *results = NULL;
  struct uh_statement copy = *s;
  const struct uh_statements alone = {.kind = UH_ATTESTATION, .path = (char[]){""}, .v = &copy, .n = 1};
  struct uh_judge_options how = {.purpose = UH_BEFORE, .statements = {[UH_ATTESTATION] = &alone}};
  struct standing st = {0};
  uh_cli_known_use(known, &how);
  if (uh_judge(facts, &how, &results, err) < 0 || uh_results_statements(results, each_standing, &st, err) < 0)
    return -1;
  return st.counts ? 0 : uh_fail(err, UH_ERR_DATA, "it would not count: %s", st.why);
}

static int accept_fact(const char *facts, const struct uh_cli_known *known, struct uh_statement *s, char *evidence,
                       int64_t *ret_observed_at, struct uh_err *err) {
  struct uh_judge_options how = {.purpose = UH_BEFORE};
  uh_cli_known_use(known, &how);
  return uh_judge_evidence(facts, &how, s, evidence, ret_observed_at, err);
}

static int say_added(const struct request *r, const struct uh_statement *s, int64_t observed_at, struct uh_err *err) {
  struct uh_str said = {0};
  char from[UH_TIME_TEXT], until[UH_TIME_TEXT], observed[UH_TIME_TEXT];
  uh_str_addf(&said, "%s ", r->kind == UH_WAIVER ? "Waived" : "Attested");
  uh_terminal_text(&said, s->subject, strlen(s->subject));
  uh_str_addf(&said, " from %s until %s, on the evidence observed %s.\n", uh_time_text(s->from, from),
              uh_time_text(uh_statement_ends(r->kind, s), until), uh_time_text(observed_at, observed));
  int rc = uh_str_text(&said) ? uh_cli_stdout.write(NULL, said.s, said.len, err) : uh_fail_nomem(err);
  uh_str_clear(&said);
  return rc < 0 ? -1 : uh_cli_flush(err);
}

/* With the observation whose evidence is accepted, so that its report counts it at once. What is so at the moment alone
 * holds from now: it would be as old as the observation otherwise, and may count for a day. */
static int64_t begins_at(const struct uh_attestable *UH_NULLABLE fact, int64_t observed_at) {
  return fact && fact->momentary ? uh_cli_now() : observed_at;
}

/* evidence: room for it. */
static int accept(struct request *r, const struct uh_config *config, const char *path, struct uh_statement *s,
                  char *evidence, struct uh_err *err) {
  UH_CLEANUP(uh_case_freep) struct uh_case *c = NULL;
  UH_CLEANUP(uh_freep) char *facts = NULL;
  UH_CLEANUP(uh_cli_known_clear) struct uh_cli_known known = {.err = UH_ERR_INIT};
  const struct uh_attestable *fact = r->kind == UH_ATTESTATION ? uh_attestable_find(r->subject) : NULL;
  int64_t observed_at = 0;
  if (uh_cli_case(r->cli, config, false, &c, err) < 0 || uh_cli_newest(c, &facts, err) < 0 ||
      uh_cli_known_read(r->cli, c, &known, err) < 0)
    return -1;
  if ((r->kind == UH_WAIVER ? accept_finding : accept_fact)(facts, &known, s, evidence, &observed_at, err) < 0)
    return -1;
  s->evidence = evidence;
  if (!r->from) s->from = begins_at(fact, observed_at);
  if (s->from >= s->until) return uh_fail(err, UH_ERR_USAGE, "the newest observation is of a later time than --until");
  if (r->kind == UH_ATTESTATION && try_statement(facts, &known, s, err) < 0) return -1;
  if (uh_statements_add(r->kind, path, s, fact ? fact->counts_for : 0, err) < 0) return -1;
  return r->cli->quiet ? 0 : say_added(r, s, observed_at, err);
}

static int add(struct request *r, const struct uh_config *config, const char *path) {
  struct uh_err err = UH_ERR_INIT;
  char evidence[UH_EVIDENCE_TEXT] = "";
  struct uh_statement s = {.subject = r->subject,
                           .object = r->object ? r->object : "",
                           .text = r->text,
                           .note = r->note ? r->note : "",
                           .approver = r->approver};
  if (!text_good(r, r->kind == UH_WAIVER ? "the KEY" : "the FACT", r->subject) ||
      !text_good(r, r->kind == UH_WAIVER ? "--reason" : "the VALUE", r->text) ||
      !text_good(r, "--approver (the person who answers for it)", r->approver) ||
      (r->note && !text_good(r, "--note", r->note)) || (r->object && !text_good(r, "--object", r->object)))
    return 64;
  int code = take_times(r, &s);
  if (code) return code;
  return accept(r, config, path, &s, evidence, &err) < 0 ? uh_cli_fail(r->cli, &err) : 0;
}

/* ---- withdraw ---- */

static int withdraw(struct request *r, const char *path) {
  struct uh_err err = UH_ERR_INIT;
  unsigned line = 0;
  if (r->line > UINT32_MAX) return uh_cli_usage(r->cli, "there is no line %lld", (long long)r->line);
  if (uh_statements_withdraw(r->kind, path, r->subject, r->object ? r->object : "", (unsigned)r->line, &line, &err) < 0)
    return uh_cli_fail(r->cli, &err);
  if (!r->cli->quiet) (void)printf("Withdrawn; it stood on line %u.\n", line);
  return 0;
}

/* ---- */

static const char *file_of(struct request *r, const struct uh_config *config, struct uh_err *err) {
  const char *path = r->kind == UH_WAIVER ? config->waivers : config->attestations;
  const char *name = r->kind == UH_WAIVER ? "waivers" : "attestations";
  if (path) return path;
  (void)uh_fail(err, UH_ERR_CONFIG, "the configuration names no file for %s", name);
  uh_err_where(err, "%s", config->path);
  uh_err_remedy(err, "add the line \"%s: %s.yaml\" to it", name, name);
  return NULL;
}

static int misplaced(const struct request *r) {
  bool adds = strcmp(r->verb, "add") == 0, lists = strcmp(r->verb, "list") == 0;
  bool told = r->approver || r->from || r->until || r->days || r->note || (r->kind == UH_WAIVER && r->text);
  if (!adds && told) return uh_cli_usage(r->cli, "%s takes none of the options of add", r->verb);
  if (!lists && r->format) return uh_cli_usage(r->cli, "%s takes no --format", r->verb);
  if (lists && (r->object || r->line)) return uh_cli_usage(r->cli, "list takes --format only");
  if (adds && r->line) return uh_cli_usage(r->cli, "add takes no --line");
  if (r->format && strcmp(r->format, "json") != 0 && strcmp(r->format, "terminal") != 0)
    return uh_cli_usage(r->cli, "list has the formats terminal and json, not '%s'", r->format);
  return 0;
}

static int run(struct request *r, int argc, char **argv) {
  UH_CLEANUP(uh_config_freep) struct uh_config *config = NULL;
  struct uh_err err = UH_ERR_INIT;
  int code = take_options(r, argc, argv);
  if (code) return code < 0 ? 0 : code;
  code = take_operands(r, argc, argv);
  if (code == 0) code = misplaced(r);
  if (code) return code;
  if (uh_cli_config(r->cli, &config, &err) < 0) return uh_cli_fail(r->cli, &err);
  const char *path = file_of(r, config, &err);
  if (!path) return uh_cli_fail(r->cli, &err);
  if (strcmp(r->verb, "add") == 0) return add(r, config, path);
  if (strcmp(r->verb, "withdraw") == 0) return withdraw(r, path);
  bool json = r->format && strcmp(r->format, "json") == 0;
  return uh_cli_list_statements(r->cli, r->kind, config, json, &err) < 0 ? uh_cli_fail(r->cli, &err) : 0;
}

static int run_waive(struct uh_cli *cli, int argc, char **argv) {
  struct request r = {.cli = cli, .kind = UH_WAIVER};
  return run(&r, argc, argv);
}

static int run_attest(struct uh_cli *cli, int argc, char **argv) {
  struct request r = {.cli = cli, .kind = UH_ATTESTATION};
  return run(&r, argc, argv);
}

const struct uh_command uh_cmd_waive = {
    .name = "waive",
    .summary = "accept a finding for a while: add, list, withdraw",
    .usage = "add KEY --reason TEXT --approver NAME (--until TIME|--days N) | list [--format F] | withdraw KEY",
    .help =
        "Writes into the file that `waivers` in the configuration names. A waiver accepts\n"
        "one finding, as the newest observation shows it, until a time; it lapses when\n"
        "the finding's evidence changes. It hides nothing that is unknown, and stands in\n"
        "every report. KEY: the finding's key in the JSON report.\n\n"
        "      --reason TEXT      why it may stay\n"
        "      --approver NAME    the person who answers for it\n"
        "      --until TIME       when it ends: 2026-12-31T18:00:00+01:00\n"
        "      --days N           or in how many days\n"
        "      --from TIME        when it begins (default: with the observation)\n"
        "      --line N           withdraw the one on this line\n"
        "      --format F         list: terminal (default) or json\n",
    .options = waive_options,
    .shorts = "",
    .run = run_waive,
};

const struct uh_command uh_cmd_attest = {
    .name = "attest",
    .summary = "state a fact that no source can see: add, list, withdraw",
    .usage = "add FACT VALUE --approver NAME (--until TIME|--days N) | list [--format F] | withdraw FACT",
    .help =
        "Writes into the file that `attestations` in the configuration names. An\n"
        "attestation fills a gap that no source can fill; what was observed is never\n"
        "overruled by it. It lapses when what it rests on changes, and stands in every\n"
        "report. Which facts there are: the report says it at each check that one would\n"
        "decide, and `unhybrid checks explain` does.\n\n"
        "      --object NAME      what the fact is about, where it is not everything\n"
        "      --note TEXT        how it is known\n"
        "      --approver NAME    the person who answers for it\n"
        "      --until TIME       when it ends: 2026-12-31T18:00:00+01:00\n"
        "      --days N           or in how many days\n"
        "      --from TIME        when it begins (default: with the observation; what no\n"
        "                         observation shows, such as a backup: now)\n"
        "      --line N           withdraw the one on this line\n"
        "      --format F         list: terminal (default) or json\n",
    .options = attest_options,
    .shorts = "",
    .run = run_attest,
};
