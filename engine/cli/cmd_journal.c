/* SPDX-License-Identifier: Apache-2.0 */
/* journal: what was planned, begun, done and verified, for people and for scripts. */
#include <jansson.h>
#include <openssl/evp.h>
#include <unhybrid/text.h>

#include "cli/case_journal.h"

enum { OPT_FORMAT = 1000, WHAT_MAX = 400, FLUSH_AT = 64 * 1024 };
static const struct option options[] = {
    {"format", required_argument, NULL, OPT_FORMAT}, {"output", required_argument, NULL, 'o'}, {0}};

struct journal_request {
  struct uh_cli *cli;
  const char *verb, *format, *place;
  bool json; /* format */
  struct uh_case *held;
  struct uh_journal *journal;
  struct uh_file *file; /* -o */
  struct uh_report_sink sink;
  struct uh_str out;
  size_t records;
};

static void request_clear(struct journal_request *r) {
  uh_str_clear(&r->out);
  (void)uh_file_abandon(r->file);
  (void)uh_journal_free(r->journal);
  (void)uh_case_free(r->held);
}

static void json_freep(json_t **json) {
  json_decref(*json);
}

/* ---- one record as JSON ---- */

static json_t *parse(const void *data, size_t n) {
  return json_loadb(data, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

/* Written anew, so that no byte of it steers a terminal. false: it is no JSON. */
static bool add_parsed(struct uh_str *out, const char *name, const void *data, size_t n) {
  UH_CLEANUP(json_freep) json_t *json = parse(data, n);
  UH_CLEANUP(uh_freep)
  char *text = json ? json_dumps(json, JSON_ENSURE_ASCII | JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;
  if (text) uh_str_addf(out, ", \"%s\": %s", name, text);
  return text != NULL;
}

static void add_base64(struct uh_str *out, const char *name, const void *data, size_t n) {
  UH_CLEANUP(uh_freep) unsigned char *text = malloc((n + 2) / 3 * 4 + 1);
  if (!text) {
    out->failed = true;
    return;
  }
  (void)EVP_EncodeBlock(text, data, (int)n); /* the journal takes no image that an int could not count */
  uh_str_addf(out, ", \"%s\": \"%s\"", name, (const char *)text);
}

static void record_json(struct uh_str *out, const struct uh_record *r, bool image) {
  char at[UH_TIME_TEXT];
  uh_str_addf(out, "{\"seq\": %lld", (long long)r->seq);
  uh_cli_json_or_null(out, "at", uh_time_text(r->at, at));
  uh_cli_json_or_null(out, "record", uh_record_type_name(r->type));
  uh_cli_json_or_null(out, "action", *r->action ? r->action : NULL);
  if (!add_parsed(out, "body", r->body, strlen(r->body))) uh_cli_json_or_null(out, "body", r->body);
  uh_str_addf(out, ", \"image_bytes\": %zu", r->image ? r->image_size : 0);
  if (image && r->image && !add_parsed(out, "image", r->image, r->image_size))
    add_base64(out, "image_base64", r->image, r->image_size);
  uh_cli_json_or_null(out, "hash", r->hash);
  uh_str_addc(out, '}');
}

static int each_json(void *user, const struct uh_record *record, struct uh_err *err) {
  struct journal_request *r = user;
  uh_str_add(&r->out, r->records++ ? ",\n  " : "\n  ");
  record_json(&r->out, record, strcmp(r->verb, "export") == 0 || r->cli->verbose);
  return uh_report_flush(&r->sink, &r->out, FLUSH_AT, err);
}

static int as_json(struct journal_request *r, struct uh_err *err) {
  char hash[UH_JOURNAL_HASH_TEXT];
  int64_t seq = uh_journal_head(r->journal, hash);
  uh_str_add(&r->out, "{\"schema\": \"unhybrid/journal/1\"");
  uh_cli_json_or_null(&r->out, "organization", r->held->organization);
  uh_cli_json_or_null(&r->out, "tenant", r->cli->tenant);
  uh_str_addf(&r->out, ",\n \"head\": {\"seq\": %lld, \"hash\": \"%s\"},\n \"records\": [", (long long)seq, hash);
  if (uh_journal_read(r->journal, 0, each_json, r, err) < 0) return -1;
  uh_str_add(&r->out, "]}\n");
  return 0;
}

/* ---- one record for people ---- */

static void add_value(struct uh_str *out, const char *name, const json_t *value) {
  if (json_is_string(value) && json_string_length(value) == 0) return;
  if (out->len) uh_str_add(out, "; ");
  uh_str_addf(out, "%s: ", name);
  if (json_is_string(value))
    uh_str_add(out, json_string_value(value));
  else if (json_is_integer(value))
    uh_str_addf(out, "%lld", (long long)json_integer_value(value));
  else if (json_is_boolean(value))
    uh_str_add(out, json_is_true(value) ? "yes" : "no");
  else if (json_is_array(value))
    uh_str_addf(out, "%zu", json_array_size(value));
}

/* What a body says in short: its single values, in the order in which they were written. */
static void summary(struct uh_str *out, const char *body) {
  UH_CLEANUP(json_freep) json_t *json = parse(body, strlen(body));
  const char *name;
  json_t *value;
  json_object_foreach(json, name, value) {
    if (!json_is_null(value) && !json_is_object(value)) add_value(out, name, value);
  }
}

/* At most n bytes of it, and never half a character. */
static void add_cut(struct uh_str *out, const char *text, size_t n) {
  size_t length = strlen(text), cut = length > n ? n : length;
  while (cut < length && cut > 0 && ((unsigned char)text[cut] & 0xC0) == 0x80) cut--;
  uh_terminal_text(out, text, cut);
  if (cut < length) uh_str_add(out, " ..");
}

static void add_whole(struct uh_str *out, const char *title, const void *data, size_t n) {
  UH_CLEANUP(json_freep) json_t *json = parse(data, n);
  UH_CLEANUP(uh_freep)
  char *text = json ? json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY) : NULL;
  uh_str_addf(out, "         %s:", title);
  if (!text) {
    uh_str_addf(out, " %zu bytes that are no JSON\n", n);
    return;
  }
  for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
    uh_str_addf(out, "\n           %.*s", (int)strcspn(line, "\n"), line);
  uh_str_addc(out, '\n');
}

static int each_row(void *user, const struct uh_record *record, struct uh_err *err) {
  struct journal_request *r = user;
  UH_CLEANUP(uh_str_clear) struct uh_str what = {0};
  char at[UH_TIME_TEXT];
  uh_str_addf(&r->out, "%7lld  %s  %-10s", (long long)record->seq, uh_time_text(record->at, at),
              uh_record_type_name(record->type));
  if (*record->action) {
    uh_str_addc(&r->out, ' ');
    uh_terminal_text(&r->out, record->action, strlen(record->action));
  }
  uh_str_addc(&r->out, '\n');
  if (r->cli->verbose) {
    add_whole(&r->out, "what", record->body, strlen(record->body));
    if (record->image) add_whole(&r->out, "before", record->image, record->image_size);
    return uh_report_flush(&r->sink, &r->out, FLUSH_AT, err);
  }
  summary(&what, record->body);
  if (record->image) uh_str_addf(&what, "%sthe object as it was: %zu bytes", what.len ? "; " : "", record->image_size);
  if (!uh_str_text(&what)) return uh_fail_nomem(err);
  if (what.len) {
    uh_str_add(&r->out, "         ");
    add_cut(&r->out, what.s, WHAT_MAX);
    uh_str_addc(&r->out, '\n');
  }
  return uh_report_flush(&r->sink, &r->out, FLUSH_AT, err);
}

static void add_head(struct journal_request *r) {
  char hash[UH_JOURNAL_HASH_TEXT];
  int64_t seq = uh_journal_head(r->journal, hash);
  uh_str_addf(&r->out, "Head: record %lld, %s\n", (long long)seq, hash);
}

static int as_rows(struct journal_request *r, struct uh_err *err) {
  if (uh_journal_read(r->journal, 0, each_row, r, err) < 0) return -1;
  add_head(r);
  return 0;
}

/* ---- verify ---- */

static void doubts_json(struct journal_request *r, const struct uh_standings *s, size_t doubts) {
  char hash[UH_JOURNAL_HASH_TEXT], at[UH_TIME_TEXT];
  int64_t seq = uh_journal_head(r->journal, hash);
  uh_str_add(&r->out, "{\"schema\": \"unhybrid/journal-verify/1\"");
  uh_cli_json_or_null(&r->out, "organization", r->held->organization);
  uh_cli_json_or_null(&r->out, "tenant", r->cli->tenant);
  uh_str_addf(&r->out, ",\n \"head\": {\"seq\": %lld, \"hash\": \"%s\"},\n \"in_doubt\": [", (long long)seq, hash);
  for (size_t i = 0, told = 0; i < s->n; i++) {
    const char *why = uh_standing_doubt(&s->v[i]);
    if (!why) continue;
    uh_str_addf(&r->out, "\n  {\"seq\": %lld", (long long)s->v[i].seq);
    uh_cli_json_or_null(&r->out, "at", uh_time_text(s->v[i].at, at));
    uh_cli_json_or_null(&r->out, "action", s->v[i].action);
    uh_cli_json_or_null(&r->out, "why", why);
    uh_str_add(&r->out, ++told < doubts ? "}," : "}");
  }
  uh_str_add(&r->out, "]}\n");
}

static void doubts_text(struct journal_request *r, const struct uh_standings *s, size_t doubts) {
  uh_str_addf(&r->out, "Every record is as it was written, and follows the one before it.\n");
  add_head(r);
  uh_str_addf(
      &r->out,
      doubts ? "In doubt: %zu; `unhybrid resume`, or `unhybrid undo` of what was being put back, looks before it acts\n"
             : "Nothing is in doubt.\n",
      doubts);
  for (size_t i = 0; i < s->n; i++) {
    const char *why = uh_standing_doubt(&s->v[i]);
    if (!why) continue;
    uh_str_add(&r->out, "  ");
    uh_terminal_text(&r->out, s->v[i].action, strlen(s->v[i].action));
    uh_str_addf(&r->out, "\n    %s (record %lld)\n", why, (long long)s->v[i].seq);
  }
}

/* Opening has examined the whole chain. */
static int verify(struct journal_request *r, bool json, struct uh_err *err) {
  UH_CLEANUP(uh_standings_clear) struct uh_standings s = {0};
  size_t doubts = 0;
  if (uh_standings_read(r->journal, &s, err) < 0) return -1;
  for (size_t i = 0; i < s.n; i++) doubts += uh_standing_doubt(&s.v[i]) != NULL;
  (json ? doubts_json : doubts_text)(r, &s, doubts);
  return 0;
}

/* ---- the command line ---- */

static int take_options(struct journal_request *r, int argc, char **argv) {
  int option;
  while ((option = uh_cli_option(r->cli, argc, argv)) != -1) switch (option) {
      case UH_OPT_DONE: return -1;
      case UH_OPT_BAD: return 64;
      case OPT_FORMAT: r->format = optarg; break;
      case 'o': r->place = optarg; break;
    }
  return 0;
}

static int take_verb(struct journal_request *r, int argc, char **argv) {
  static const char *const verbs[] = {"show", "verify", "export"};
  if (optind >= argc) return uh_cli_usage(r->cli, "say show, verify or export");
  if (argc - optind > 1) return uh_cli_usage(r->cli, "'%s' is too much", argv[optind + 1]);
  for (size_t i = 0; i < 3; i++)
    if (strcmp(argv[optind], verbs[i]) == 0) r->verb = verbs[i];
  if (!r->verb) {
    const char *near = uh_cli_nearest(argv[optind], verbs, 3);
    return near ? uh_cli_usage(r->cli, "there is no 'journal %s'; did you mean %s?", argv[optind], near)
                : uh_cli_usage(r->cli, "say show, verify or export");
  }
  bool exports = strcmp(r->verb, "export") == 0;
  if (r->place && !exports) return uh_cli_usage(r->cli, "%s takes no -o; export does", r->verb);
  if (!r->format) r->format = exports ? "json" : "terminal";
  bool json = r->json = strcmp(r->format, "json") == 0;
  if (exports && !json) return uh_cli_usage(r->cli, "export has the format json, not '%s'", r->format);
  return json || strcmp(r->format, "terminal") == 0
             ? 0
             : uh_cli_usage(r->cli, "%s has the formats terminal and json, not '%s'", r->verb, r->format);
}

static int write_file(void *user, const void *data, size_t n, struct uh_err *err) {
  return uh_file_write(user, data, n, err);
}

static int open_place(struct journal_request *r, struct uh_err *err) {
  r->sink = uh_cli_stdout;
  if (!r->place) return 0;
  if (uh_file_create(r->place, &r->file, err) < 0) return -1;
  r->sink = (struct uh_report_sink){.write = write_file, .user = r->file};
  return 0;
}

static int carry_out(struct journal_request *r, struct uh_err *err) {
  if (uh_cli_case(r->cli, NULL, false, &r->held, err) < 0 ||
      uh_cli_journal(r->cli, r->held, UH_JOURNAL_LOOK, &r->journal, err) < 0 || open_place(r, err) < 0)
    return -1;
  int rc = strcmp(r->verb, "verify") == 0 ? verify(r, r->json, err) : r->json ? as_json(r, err) : as_rows(r, err);
  if (rc < 0 || uh_report_flush(&r->sink, &r->out, 0, err) < 0) return -1;
  return r->file ? uh_file_commit(UH_TAKE(r->file), err) : uh_cli_flush(err);
}

static int run(struct uh_cli *cli, int argc, char **argv) {
  UH_CLEANUP(request_clear) struct journal_request r = {.cli = cli};
  struct uh_err err = UH_ERR_INIT;
  int code = take_options(&r, argc, argv);
  if (code) return code < 0 ? 0 : code;
  code = take_verb(&r, argc, argv);
  if (code) return code;
  return carry_out(&r, &err) < 0 ? uh_cli_fail(cli, &err) : 0;
}

const struct uh_command uh_cmd_journal = {
    .name = "journal",
    .summary = "what was planned, begun, done and verified: show, verify, export",
    .usage = "show [--format F] | verify [--format F] | export [-o FILE]",
    .help =
        "show lists the records of the case's journal; with -v whole, and with the\n"
        "objects as they were before they were changed. verify examines the chain from\n"
        "the first record to the last, says its head (compare it with the one that the\n"
        "last run printed: a tail that was cut off shows by it alone) and what is in\n"
        "doubt. export writes one JSON document with everything. Of a damaged journal\n"
        "all three say which record is not as it was written and what is in doubt, and\n"
        "exit 65. Nothing is changed, nobody is asked, no lock is needed.\n\n"
        "      --format F         terminal (default) or json\n"
        "  -o, --output FILE      export: into a file instead of standard output\n",
    .options = options,
    .shorts = "o:",
    .run = run,
};
