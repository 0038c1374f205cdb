/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan as one page for a browser, to be mailed or printed: no script, nothing loaded from anywhere. The policy in the
 * page forbids both, so that even a name that got past the escaping could not do anything; the style is allowed by its
 * hash.
 */
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <unhybrid/text.h>

#include "report/plan_report.h"

enum { FLUSH_AT = 32 * 1024, SHA256_SIZE = 32 };

static const char style[] =
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1f2937;"
    "background:#fff}"
    "h1{font-size:1.5rem}h2{font-size:1.2rem;border-bottom:2px solid #d1d5db;margin-top:2.5rem}"
    "h3{font-size:1rem;margin:0 0 .3rem}"
    ".step{border:1px solid #d1d5db;border-left:5px solid #2563eb;border-radius:4px;padding:.7rem 1rem;margin:1rem 0}"
    ".nothing,.skipped{border-left-color:#9ca3af}.unknown,.blocked{border-left-color:#b91c1c}"
    ".state{font-weight:600}.unknown .state,.blocked .state,.never{color:#b91c1c}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0}"
    "th,td{border:1px solid #e5e7eb;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "th{background:#f3f4f6}"
    ".id{color:#6b7280;font-size:.85em;overflow-wrap:anywhere}.ask{color:#92400e}"
    "pre{background:#f3f4f6;padding:.5rem;overflow:auto;margin:.3rem 0}"
    "@media print{.step{break-inside:avoid}body{margin:0;max-width:none}}";

struct writer {
  const struct uh_plan *plan;
  const struct uh_plan_report_options *options;
  const struct uh_report_sink *sink;
  struct uh_err *err;
  struct uh_str out;
  struct uh_plan_numbers numbers;
};

static void writer_clear(struct writer *w) {
  uh_str_clear(&w->out);
}

static int flush(struct writer *w, size_t at) {
  return uh_report_flush(w->sink, &w->out, at, w->err);
}

static void raw(struct writer *w, const char *html) {
  uh_str_add(&w->out, html);
}

static void text(struct writer *w, const char *s) {
  uh_html_text(&w->out, s, strlen(s));
}

/* A name from outside: whatever direction it is written in, it turns nothing around it. */
static void name(struct writer *w, const char *s) {
  raw(w, "<bdi>");
  text(w, s);
  raw(w, "</bdi>");
}

/* <p class="..">word: text</p>, nothing where there is no text. */
static void sentence(struct writer *w, const char *class, const char *word, const char *s) {
  if (!s || !*s) return;
  uh_str_addf(&w->out, "<div class=\"%s\">%s", class, word);
  text(w, s);
  raw(w, "</div>");
}

static int style_source(struct uh_str *out, struct uh_err *err) {
  unsigned char hash[SHA256_SIZE], base64[4 * ((SHA256_SIZE + 2) / 3) + 1];
  unsigned size = 0;
  if (EVP_Digest(style, sizeof style - 1, hash, &size, EVP_sha256(), NULL) != 1 || size != sizeof hash)
    return uh_fail(err, UH_ERR_INTERNAL, "SHA-256 is not to be had");
  (void)EVP_EncodeBlock(base64, hash, sizeof hash);
  uh_str_addf(out, "'sha256-%s'", (const char *)base64);
  return 0;
}

static int head(struct writer *w) {
  const char *tenant = uh_plan_tenant(w->plan);
  struct uh_plan_sums sums = uh_plan_sum(w->plan);
  raw(w,
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src ");
  if (style_source(&w->out, w->err) < 0) return -1;
  raw(w,
      "; base-uri 'none'; form-action 'none'\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Plan for ");
  text(w, uh_plan_organization(w->plan));
  raw(w, "</title>\n<style>");
  raw(w, style);
  raw(w, "</style>\n</head>\n<body>\n<h1>Plan for ");
  name(w, uh_plan_organization(w->plan));
  raw(w, "</h1>\n");
  if (tenant && *tenant) sentence(w, "tenant", "Tenant ", tenant);
  sentence(w, "id", "", uh_plan_id(w->plan));
  uh_str_addf(
      &w->out,
      "<table>\n<tr><th>Actions</th><th>Steps with actions</th><th>Cannot be undone</th><th>Need approval</th>"
      "<th>By a person</th><th>Pauses</th><th>Steps unknown</th><th>Steps blocked</th><th>Steps skipped</th></tr>\n"
      "<tr><td>%zu</td><td>%zu</td><td>%zu</td><td>%zu</td><td>%zu</td><td>%zu</td><td>%zu</td><td>%zu</td>"
      "<td>%zu</td></tr>\n</table>\n",
      sums.actions, sums.steps, sums.irreversible, sums.approvals, sums.by_operator,
      w->options->pause_observe > 0 ? sums.pauses : 0, sums.unknown, sums.blocked, sums.skipped);
  return 0;
}

/* ---- the order, and why ---- */

static void step_link(struct writer *w, const char *id) {
  raw(w, "<a href=\"#step-");
  text(w, id);
  raw(w, "\">");
  text(w, id);
  raw(w, "</a>");
}

static void reasons(struct writer *w, const struct uh_step *step) {
  if (!step->follows || !step->follows->step) return;
  raw(w, "<ul>");
  for (const struct uh_follows *f = step->follows; f->step; f++) {
    raw(w, "<li>after ");
    step_link(w, f->step);
    raw(w, ": ");
    text(w, f->reason);
    raw(w, "</li>");
  }
  raw(w, "</ul>");
}

static void order(struct writer *w) {
  raw(w, "<h2>The order, and why</h2>\n<ol>\n");
  for (size_t i = 0; i < uh_plan_step_count(w->plan); i++) {
    const struct uh_plan_step *step = uh_plan_step_at(w->plan, i);
    raw(w, "<li>");
    step_link(w, step->step->id);
    uh_str_addf(&w->out, " (%s)", step->state == UH_STEP_NOTHING ? "nothing to do" : uh_step_state_name(step->state));
    reasons(w, step->step);
    raw(w, "</li>\n");
  }
  raw(w, "</ol>\n");
}

/* ---- a step ---- */

static void subject(struct writer *w, const struct uh_subject *s) {
  UH_CLEANUP(uh_str_clear) struct uh_str match = {0};
  name(w, s->kind);
  raw(w, " <strong>");
  name(w, s->name ? s->name : "");
  raw(w, "</strong> (");
  name(w, s->side);
  raw(w, ")");
  uh_plan_match(&match, s);
  if (match.failed) w->out.failed = true;
  sentence(w, "id", "", s->guid && *s->guid ? s->guid : uh_str_text(&match));
}

static int commands(struct writer *w, const struct uh_planned *p) {
  UH_CLEANUP(uh_str_clear) struct uh_str lines = {0};
  if (uh_planned_commands(p, &lines, w->err) < 0) return -1;
  if (!uh_str_text(&lines)) return uh_fail_nomem(w->err);
  raw(w, "<details><summary>Command");
  if (p->action.where) {
    raw(w, " ");
    text(w, p->action.where);
  }
  raw(w, "</summary><pre>");
  for (const char *line = uh_str_text(&lines); *line;) {
    size_t n = strcspn(line, "\n");
    uh_html_text(&w->out, line, n);
    raw(w, "\n");
    line += n + (line[n] == '\n');
  }
  raw(w, "</pre></details>");
  return 0;
}

static int each_action(struct writer *w, const struct uh_planned *p) {
  const struct uh_action *a = &p->action;
  char number[UH_PLAN_NUMBER];
  uh_str_addf(&w->out, "<tr><td>%lld<div class=\"id\">", (long long)p->number);
  text(w, uh_plan_number(&w->numbers, p, number));
  uh_str_addf(&w->out, "</div></td><td>%s</td><td>", uh_verb_name(a->verb));
  subject(w, &a->subject);
  raw(w, "</td><td>");
  text(w, a->executor == UH_BY_OPERATOR ? "a person" : uh_executor_name(a->executor));
  uh_str_addf(&w->out, "</td><td class=\"%s\">%s", a->reversible == UH_IRREVERSIBLE ? "never" : "back",
              uh_plan_undo_words(a->reversible));
  if (a->undo && *a->undo) sentence(w, "undo", "", a->undo);
  raw(w, "</td><td>");
  sentence(w, "why", "", a->why);
  bool said = strncmp(a->why, p->owner_reason, strlen(p->owner_reason)) == 0;
  if (p->owner == UH_OWNER_SHARED || !said)
    sentence(w, "owner", p->owner == UH_OWNER_SHARED ? "Shared: " : "Whose it is: ", p->owner_reason);
  sentence(w, "effect", "Afterwards: ", a->effect);
  sentence(w, "ask", "Needs approval: ", a->approval);
  if (a->observe && w->options->pause_observe > 0)
    raw(w, "<div class=\"ask\">What depends on it waits for an observation pause.</div>");
  sentence(w, "id", "", p->id);
  if (commands(w, p) < 0) return -1;
  raw(w, "</td></tr>\n");
  return flush(w, FLUSH_AT);
}

static int actions(struct writer *w, const struct uh_plan_step *step) {
  if (!step->n) return 0;
  raw(w, "<table>\n<tr><th>No.</th><th>What</th><th>Object</th><th>By</th><th>Undo</th><th>Why</th></tr>\n");
  for (size_t i = 0; i < step->n; i++)
    if (each_action(w, uh_plan_at(w->plan, step->first + i)) < 0) return -1;
  raw(w, "</table>\n");
  return 0;
}

static int stays(struct writer *w, const struct uh_plan_step *step) {
  UH_CLEANUP(uh_plan_stays_clear) struct uh_plan_stays stay = {0};
  bool any = false;
  if (uh_plan_stays_of(w->plan, step, &stay, w->err) < 0) return -1;
  for (size_t i = 0; i < step->objects; i++) {
    const struct uh_plan_object *o = &step->v[i];
    if (!uh_plan_object_stays(&stay, o)) continue;
    raw(w, any ? "" : "<ul>\n");
    any = true;
    uh_str_addf(&w->out, "<li>%s: %s, ", uh_plan_stays_word(o->owner), uh_owner_name(o->owner));
    subject(w, &(struct uh_subject){.side = o->side, .kind = o->kind, .guid = o->guid, .name = o->name});
    sentence(w, "owner", "", o->reason);
    raw(w, "</li>\n");
    if (flush(w, FLUSH_AT) < 0) return -1;
  }
  raw(w, any ? "</ul>\n" : "");
  return 0;
}

static int each_step(struct writer *w, const struct uh_plan_step *step) {
  uh_str_addf(&w->out, "<section class=\"step %s\" id=\"step-", uh_step_state_name(step->state));
  text(w, step->step->id);
  raw(w, "\">\n<h3>");
  text(w, step->step->requirement);
  raw(w, " ");
  text(w, step->step->id);
  raw(w, ": ");
  text(w, step->step->title);
  raw(w, "</h3>\n");
  if (step->state != UH_STEP_ACTIONS)
    uh_str_addf(&w->out, "<div class=\"state\">%s</div>\n",
                step->state == UH_STEP_NOTHING ? "nothing to do" : uh_step_state_name(step->state));
  sentence(w, "reason", "", step->why);
  if (step->step->checks) sentence(w, "checks", "Must pass right before: ", step->step->checks);
  if (actions(w, step) < 0 || stays(w, step) < 0) return -1;
  for (size_t i = 0; i < step->n_notes; i++) sentence(w, "note", "Note: ", step->notes[i]);
  raw(w, "</section>\n");
  return flush(w, FLUSH_AT);
}

/* ---- what a person looks at ---- */

static void left_list(struct writer *w, const json_t *list, const char *first, const char *second, const char *third) {
  const json_t *one;
  size_t i;
  if (!json_array_size(list)) return;
  raw(w, "<ul>\n");
  json_array_foreach(list, i, one) {
    const char *object = json_string_value(json_object_get(one, first));
    raw(w, "<li>");
    if (object && *object) name(w, object);
    sentence(w, "owner", "", json_string_value(json_object_get(one, second)));
    if (third) sentence(w, "id", "", json_string_value(json_object_get(one, third)));
    raw(w, "</li>\n");
  }
  raw(w, "</ul>\n");
}

static void left_check(struct writer *w, const json_t *check) {
  const char *id = json_string_value(json_object_get(check, "id"));
  bool found = json_array_size(json_object_get(check, "findings")) > 0;
  raw(w, "<section class=\"step left\">\n<h3>");
  text(w, json_string_value(json_object_get(check, "requirement")));
  raw(w, " ");
  text(w, id);
  raw(w, ": ");
  text(w, json_string_value(json_object_get(check, "title")));
  raw(w, "</h3>\n");
  if (found)
    uh_str_addf(&w->out, "<div class=\"state\">%lld found%s</div>\n",
                (long long)json_integer_value(json_object_get(check, "count")),
                json_is_true(json_object_get(check, "complete")) ? "" : ", and not all was seen");
  else
    raw(w, "<div class=\"state\">not known</div>\n");
  left_list(w, json_object_get(check, "findings"), "object", "message", "command");
  if (!found) {
    left_list(w, json_object_get(check, "not_seen"), "set", "why", NULL);
    left_list(w, json_object_get(check, "attest"), "object", "how", "command");
  }
  raw(w, "</section>\n");
}

static int left(struct writer *w) {
  json_t *tree = w->options->left ? json_loads(w->options->left, JSON_ALLOW_NUL, NULL) : NULL, *one;
  int rc = 0;
  size_t i;
  if (!w->options->left) return 0;
  if (!tree) return uh_fail(w->err, UH_ERR_INTERNAL, "what is left is no JSON");
  raw(w, "<h2>A person looks at</h2>\n");
  json_array_foreach(json_object_get(tree, "checks"), i, one) {
    left_check(w, one);
    if (rc == 0) rc = flush(w, FLUSH_AT);
  }
  uh_str_addf(&w->out, "<p>%lld more are settled. Nothing of this is removed by this program.</p>\n",
              (long long)json_integer_value(json_object_get(tree, "settled")));
  json_decref(tree);
  return rc;
}

static int render(const struct uh_plan *plan, const struct uh_plan_report_options *options,
                  const struct uh_report_sink *sink, struct uh_err *err) {
  UH_CLEANUP(writer_clear) struct writer w = {.plan = plan, .options = options, .sink = sink, .err = err};
  int phase = -1;
  if (head(&w) < 0) return -1;
  order(&w);
  for (size_t i = 0; i < uh_plan_step_count(plan); i++) {
    const struct uh_plan_step *step = uh_plan_step_at(plan, i);
    if ((int)step->step->phase != phase) {
      phase = (int)step->step->phase;
      uh_str_addf(&w.out, "<h2>%s</h2>\n", uh_plan_phase_title(step->step->phase));
    }
    if (each_step(&w, step) < 0) return -1;
  }
  if (left(&w) < 0) return -1;
  raw(&w, "</body>\n</html>\n");
  return flush(&w, 0);
}

const struct uh_plan_format uh_plan_html = {.name = "html", .extension = "html", .render = render};
