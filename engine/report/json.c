/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as JSON (design section 4.4, docs/schema/report.schema.json), written as it is read: no tree, so that
 * 200,000 findings cost no memory. Every string goes through uh_json_string.
 */
#include <jansson.h>

#include <unhybrid/text.h>

#include "report/report.h"

enum { FLUSH_AT = 32 * 1024, EXAMPLES = 5 };

struct writer {
  struct uh_results *results;
  const struct uh_report_options *options;
  const struct uh_report_sink *sink;
  struct uh_err *err;
  struct uh_str out;
  bool first;            /* nothing stands in the current array yet */
  const char *check;     /* id of the check that is being written */
  const char *side_kind; /* the group of objects that is being listed, "side:kind" */
  int64_t left;          /* how many of them may still be listed */
};

static void writer_clear(struct writer *w) {
  uh_str_clear(&w->out);
}

static int flush(struct writer *w, size_t at) {
  return uh_report_flush(w->sink, &w->out, at, w->err);
}

static void string(struct writer *w, const char *s) {
  uh_json_string(&w->out, s, strlen(s));
}

/* `, "name": ` with what stands before it; the first member of an object is written by hand. */
static void member(struct writer *w, const char *name) {
  uh_str_addf(&w->out, ", \"%s\": ", name);
}

static void member_string(struct writer *w, const char *name, const char *s) {
  member(w, name);
  string(w, s);
}

static void member_number(struct writer *w, const char *name, int64_t n) {
  member(w, name);
  uh_str_addf(&w->out, "%lld", (long long)n);
}

static void member_bool(struct writer *w, const char *name, bool b) {
  member(w, name);
  uh_str_add(&w->out, b ? "true" : "false");
}

static void member_seconds(struct writer *w, const char *name, int64_t milliseconds) {
  member(w, name);
  if (milliseconds < 0) milliseconds = 0;
  uh_str_addf(&w->out, "%lld.%03lld", (long long)(milliseconds / 1000), (long long)(milliseconds % 1000));
}

/* Opens an array element on a line of its own. */
static void element(struct writer *w, const char *indent) {
  uh_str_addf(&w->out, "%s\n%s", w->first ? "" : ",", indent);
  w->first = false;
}

/* ---- the parts ---- */

/* Evidence is JSON already, but made by SQL, which lets characters through that steer a terminal. */
static void evidence(struct writer *w, const char *text) {
  json_error_t ignored;
  json_t *tree = json_loads(text, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &ignored);
  char *clean = json_is_object(tree) ? json_dumps(tree, JSON_ENSURE_ASCII) : NULL;
  if (clean) {
    uh_str_add(&w->out, clean);
  } else {
    uh_str_add(&w->out, "{\"text\": ");
    string(w, text);
    uh_str_addc(&w->out, '}');
  }
  free(clean);
  json_decref(tree);
}

static int each_finding(void *user, const struct uh_result_finding *f) {
  struct writer *w = user;
  element(w, "      ");
  uh_str_add(&w->out, "{\"key\": ");
  string(w, f->key);
  member_string(w, "side", f->side);
  member_string(w, "kind", f->kind);
  member_string(w, "object", f->object);
  if (*f->guid) member_string(w, "guid", f->guid);
  member_string(w, "message", f->message);
  member(w, "evidence");
  evidence(w, f->evidence_json);
  if (*f->command) member_string(w, "command", f->command);
  if (*f->waived_by) {
    char until[UH_TIME_TEXT];
    uh_str_add(&w->out, ", \"waiver\": {\"reason\": ");
    string(w, f->waived_for);
    member_string(w, "approver", f->waived_by);
    member_string(w, "until", uh_time_text(f->waived_until, until));
    uh_str_addc(&w->out, '}');
  }
  uh_str_addc(&w->out, '}');
  return flush(w, FLUSH_AT);
}

static int each_command(void *user, const char *command) {
  struct writer *w = user;
  element(w, "      ");
  string(w, command);
  return flush(w, FLUSH_AT);
}

static bool in_group(const struct writer *w, const struct uh_result_object *o) {
  size_t side = strlen(o->side);
  return strncmp(w->side_kind, o->side, side) == 0 && w->side_kind[side] == ':' &&
         strcmp(w->side_kind + side + 1, o->kind) == 0;
}

static void object_key(struct writer *w, const struct uh_result_object *o) {
  struct uh_str key = {0};
  uh_str_addf(&key, "%s/%s/%s", w->check, o->side, o->key);
  if (key.failed)
    w->out.failed = true;
  else
    uh_json_string(&w->out, key.s, key.len);
  uh_str_clear(&key);
}

static int each_object_key(void *user, const struct uh_result_object *o) {
  struct writer *w = user;
  if (!in_group(w, o) || w->left == 0) return 0;
  if (w->left > 0) w->left--;
  element(w, "        ");
  object_key(w, o);
  return flush(w, FLUSH_AT);
}

static int each_example(void *user, const struct uh_result_object *o) {
  struct writer *w = user;
  if (!in_group(w, o) || w->left == 0) return 0;
  w->left--;
  element(w, "        ");
  uh_str_add(&w->out, "{\"key\": ");
  object_key(w, o);
  member_string(w, "object", o->object);
  member_string(w, "why", o->why);
  uh_str_addc(&w->out, '}');
  return 0;
}

struct unknowns {
  struct writer *w;
  int64_t index;
};

static int each_unknown(void *user, const struct uh_result_unknown *u) {
  const struct unknowns *un = user;
  struct writer *w = un->w;
  int64_t limit = w->options->limit;
  element(w, "      ");
  uh_str_add(&w->out, "{\"set\": ");
  string(w, u->set);
  member_string(w, "state", u->state);
  member_string(w, "why", u->why);
  member_number(w, "objects", u->objects);
  if (u->objects > 0) {
    w->side_kind = u->set;
    member(w, "object_keys");
    uh_str_addc(&w->out, '[');
    w->first = true;
    w->left = limit > 0 ? limit : -1;
    if (uh_results_unjudged(w->results, un->index, 0, each_object_key, w, w->err) < 0) return -1;
    uh_str_add(&w->out, "],\n        \"examples\": [");
    w->first = true;
    w->left = limit > 0 && limit < EXAMPLES ? limit : EXAMPLES;
    if (uh_results_unjudged(w->results, un->index, 0, each_example, w, w->err) < 0) return -1;
    uh_str_addc(&w->out, ']');
    w->first = false;
  }
  uh_str_addc(&w->out, '}');
  return flush(w, FLUSH_AT);
}

static void values(struct writer *w, const char *list) {
  member(w, "values");
  uh_str_addc(&w->out, '[');
  for (const char *p = list; *p;) {
    size_t n = strcspn(p, "|");
    if (p != list) uh_str_add(&w->out, ", ");
    uh_json_string(&w->out, p, n);
    p += n + (p[n] == '|');
  }
  uh_str_addc(&w->out, ']');
}

static int each_attestable(void *user, const struct uh_result_attestable *a) {
  struct writer *w = user;
  element(w, "      ");
  uh_str_add(&w->out, "{\"fact\": ");
  string(w, a->fact);
  if (*a->object) member_string(w, "object", a->object);
  member_string(w, "question", a->question);
  member_string(w, "how", a->how);
  values(w, a->values);
  member_string(w, "command", a->command);
  uh_str_addc(&w->out, '}');
  return flush(w, FLUSH_AT);
}

static void requirements(struct writer *w, const char *list) {
  uh_str_addc(&w->out, '[');
  for (const char *p = list; *p;) {
    size_t n = strcspn(p, ",");
    if (p != list) uh_str_add(&w->out, ", ");
    uh_json_string(&w->out, p, n);
    p += n + (p[n] == ',');
  }
  uh_str_addc(&w->out, ']');
}

static int each_check(void *user, const struct uh_result_check *c) {
  struct writer *w = user;
  int64_t limit = w->options->limit;
  struct unknowns un = {.w = w, .index = c->index};
  w->check = c->id;
  element(w, "  ");
  uh_str_add(&w->out, "{\"id\": ");
  string(w, c->id);
  member_string(w, "family", c->family);
  member_string(w, "title", c->title);
  member_string(w, "severity", c->severity);
  member_string(w, "status", c->status);
  member(w, "requirement");
  requirements(w, c->requirements);
  member_number(w, "count", c->findings);
  member_number(w, "waived", c->waived);
  member_bool(w, "complete", c->complete);
  uh_str_add(&w->out, ",\n    \"findings\": [");
  w->first = true;
  if (uh_results_findings(w->results, c->index, limit, each_finding, w, w->err) < 0) return -1;
  uh_str_add(&w->out, "],\n    \"unknown\": [");
  w->first = true;
  if (uh_results_unknowns(w->results, c->index, each_unknown, &un, w->err) < 0) return -1;
  uh_str_add(&w->out, "],\n    \"attest\": [");
  w->first = true;
  if (uh_results_attestables(w->results, c->index, each_attestable, w, w->err) < 0) return -1;
  uh_str_add(&w->out, "],\n    \"remedy\": {\"text\": ");
  string(w, c->remedy);
  uh_str_add(&w->out, ", \"commands\": [");
  w->first = true;
  if (uh_results_commands(w->results, c->index, limit, each_command, w, w->err) < 0) return -1;
  uh_str_add(&w->out, "]}");
  member_string(w, "reference", c->reference);
  uh_str_addc(&w->out, '}');
  w->first = false;
  return flush(w, FLUSH_AT);
}

static int each_source(void *user, const struct uh_result_source *s) {
  struct writer *w = user;
  element(w, "  ");
  uh_str_add(&w->out, "{\"id\": ");
  string(w, s->id);
  member_string(w, "state", s->state);
  member_number(w, "objects", s->objects);
  member_number(w, "requests", s->requests);
  member_seconds(w, "seconds", s->milliseconds);
  member_seconds(w, "cpu_seconds", s->cpu_milliseconds);
  member_string(w, "detail", s->detail);
  uh_str_addc(&w->out, '}');
  return flush(w, FLUSH_AT);
}

static int each_notice(void *user, const char *source, const char *text) {
  struct writer *w = user;
  element(w, "  ");
  uh_str_add(&w->out, "{\"source\": ");
  string(w, source);
  member_string(w, "text", text);
  uh_str_addc(&w->out, '}');
  return flush(w, FLUSH_AT);
}

struct statements {
  struct writer *w;
  enum uh_statement_kind kind;
};

static int each_statement(void *user, const struct uh_result_statement *s) {
  const struct statements *st = user;
  struct writer *w = st->w;
  if (s->kind != st->kind) return 0;
  element(w, "  ");
  uh_json_statement(&w->out, s);
  return flush(w, FLUSH_AT);
}

static int statements(struct writer *w, enum uh_statement_kind kind) {
  struct statements st = {.w = w, .kind = kind};
  uh_str_addf(&w->out, ",\n \"%ss\": [", uh_statement_kind_name(kind));
  w->first = true;
  if (uh_results_statements(w->results, each_statement, &st, w->err) < 0) return -1;
  uh_str_addc(&w->out, ']');
  return 0;
}

static void head(struct writer *w) {
  const struct uh_results_head *h = uh_results_head(w->results);
  char when[UH_TIME_TEXT];
  uh_str_add(&w->out, "{\"schema\": \"unhybrid/report/1\"");
  member_string(w, "program", UNHYBRID_VERSION);
  member_string(w, "organization", h->organization);
  member(w, "tenant");
  if (*h->tenant)
    string(w, h->tenant);
  else
    uh_str_add(&w->out, "null");
  member_string(w, "purpose", h->purpose);
  member_string(w, "observed_at", uh_time_text(h->observed_at, when));
  member_string(w, "judged_at", uh_time_text(h->judged_at, when));
  member_bool(w, "interrupted", h->interrupted);
  uh_str_add(&w->out, ",\n \"verdict\": ");
  string(w, uh_verdict_name(h->verdict));
  uh_str_add(&w->out, ", \"summary\": {");
  for (int s = UH_PASS; s <= UH_NOT_APPLICABLE; s++)
    uh_str_addf(&w->out, "%s\"%s\": %lld", s ? ", " : "", uh_status_name((enum uh_status)s), (long long)h->count[s]);
  uh_str_addc(&w->out, '}');
}

static int render(struct uh_results *results, const struct uh_report_options *options,
                  const struct uh_report_sink *sink, struct uh_err *err) {
  UH_CLEANUP(writer_clear)
  struct writer w = {.results = results, .options = options, .sink = sink, .err = err, .first = true};
  head(&w);
  uh_str_add(&w.out, ",\n \"sources\": [");
  if (uh_results_sources(results, each_source, &w, err) < 0) return -1;
  uh_str_add(&w.out, "],\n \"notices\": [");
  w.first = true;
  if (uh_results_notices(results, each_notice, &w, err) < 0) return -1;
  uh_str_addc(&w.out, ']');
  if (statements(&w, UH_WAIVER) < 0 || statements(&w, UH_ATTESTATION) < 0) return -1;
  uh_str_add(&w.out, ",\n \"checks\": [");
  w.first = true;
  if (uh_results_checks(results, each_check, &w, err) < 0) return -1;
  uh_str_add(&w.out, "]}\n");
  return flush(&w, 0);
}

const struct uh_report_format uh_report_json = {.name = "json", .extension = "json", .render = render};
