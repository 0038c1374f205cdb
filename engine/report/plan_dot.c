/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan as a graph for Graphviz (`dot -Tsvg`): a box for each step, a frame for each phase, an arrow for each "comes
 * after", with its reason. Labels are quoted strings of the DOT language; Graphviz then reads escapes and HTML entities
 * in them, so a name is made harmless three times.
 */
#include <string.h>

#include <unhybrid/text.h>

#include "report/plan_report.h"

enum {
  FLUSH_AT = 16 * 1024,
  SHOWN = 8 /* actions in a box */,
  NAME_BYTES = 60,
  LINE = 36 /* characters of an edge's label */
};

struct writer {
  const struct uh_plan *plan;
  const struct uh_report_sink *sink;
  struct uh_err *err;
  struct uh_str out;
  struct uh_plan_numbers numbers;
};

static void writer_clear(struct writer *w) {
  uh_str_clear(&w->out);
}

/* `n` bytes of harmless text, inside quotes: a backslash would begin an escape (\N is the node's name), an ampersand an
 * entity. */
static void quoted(struct uh_str *out, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (s[i] == '"' || s[i] == '\\')
      uh_str_addf(out, "\\%c", s[i]);
    else if (s[i] == '&')
      uh_str_add(out, "&amp;");
    else
      uh_str_addc(out, s[i]);
  }
}

/* A text from outside in a label, cut at the edge of a character. most 0: not cut. */
static void outside(struct uh_str *out, const char *text, size_t most) {
  struct uh_str clean = {0};
  uh_terminal_text(&clean, text, strlen(text));
  size_t n = clean.len;
  if (most && n > most)
    for (n = most; n && ((unsigned char)clean.s[n] & 0xC0) == 0x80;) n--;
  if (clean.failed) out->failed = true;
  if (clean.len) quoted(out, clean.s, n);
  if (n < clean.len) uh_str_add(out, "...");
  uh_str_clear(&clean);
}

/* Our own sentence, in lines. */
static void wrapped(struct uh_str *out, const char *text) {
  size_t column = 0;
  for (const char *p = text + strspn(text, " "); *p;) {
    size_t n = strcspn(p, " ");
    if (column && column + 1 + n > LINE)
      uh_str_add(out, "\\n"), column = 0;
    else if (column)
      uh_str_addc(out, ' '), column++;
    quoted(out, p, n);
    column += n;
    p += n + strspn(p + n, " ");
  }
}

static const char *look(enum uh_step_state state) {
  switch (state) {
    case UH_STEP_ACTIONS: return "style=\"filled,rounded\", fillcolor=\"#dbeafe\"";
    case UH_STEP_NOTHING: return "style=\"rounded\", fontcolor=\"#6b7280\", color=\"#9ca3af\"";
    case UH_STEP_SKIPPED: return "style=\"rounded,dashed\", fontcolor=\"#6b7280\", color=\"#9ca3af\"";
    case UH_STEP_UNKNOWN:
    case UH_STEP_BLOCKED: return "style=\"filled,rounded\", fillcolor=\"#fee2e2\", color=\"#b91c1c\"";
  }
  return "style=\"rounded\"";
}

static void action_line(struct writer *w, const struct uh_planned *p, bool shown) {
  char number[UH_PLAN_NUMBER];
  (void)uh_plan_number(&w->numbers, p, number);
  if (!shown) return;
  uh_str_addf(&w->out, "%s %s ", number, uh_verb_name(p->action.verb));
  outside(&w->out, p->action.subject.kind, NAME_BYTES);
  uh_str_addc(&w->out, ' ');
  outside(&w->out, p->action.subject.name ? p->action.subject.name : "", NAME_BYTES);
  if (p->action.reversible == UH_IRREVERSIBLE) uh_str_add(&w->out, " (cannot be undone)");
  uh_str_add(&w->out, "\\l");
}

static int each_step(struct writer *w, const struct uh_plan_step *step) {
  uh_str_add(&w->out, "    \"");
  outside(&w->out, step->step->id, 0);
  uh_str_add(&w->out, "\" [label=\"");
  outside(&w->out, step->step->requirement, 0);
  uh_str_addc(&w->out, ' ');
  outside(&w->out, step->step->id, 0);
  uh_str_add(&w->out, "\\n");
  wrapped(&w->out, step->step->title);
  uh_str_add(&w->out, "\\n");
  if (step->state != UH_STEP_ACTIONS)
    uh_str_addf(&w->out, "%s", step->state == UH_STEP_NOTHING ? "nothing to do" : uh_step_state_name(step->state));
  for (size_t i = 0; i < step->n; i++) action_line(w, uh_plan_at(w->plan, step->first + i), i < SHOWN);
  if (step->n > SHOWN) uh_str_addf(&w->out, "and %zu more\\l", step->n - SHOWN);
  uh_str_add(&w->out, "\", tooltip=\"");
  outside(&w->out, step->why && *step->why ? step->why : step->step->title, 0);
  uh_str_addf(&w->out, "\", %s];\n", look(step->state));
  return uh_report_flush(w->sink, &w->out, FLUSH_AT, w->err);
}

static bool in_plan(const struct uh_plan *plan, const char *id) {
  for (size_t i = 0; i < uh_plan_step_count(plan); i++)
    if (strcmp(uh_plan_step_at(plan, i)->step->id, id) == 0) return true;
  return false;
}

static void edges(struct writer *w, const struct uh_step *step) {
  for (const struct uh_follows *f = step->follows; f && f->step; f++) {
    if (!in_plan(w->plan, f->step)) continue;
    uh_str_add(&w->out, "  \"");
    outside(&w->out, f->step, 0);
    uh_str_add(&w->out, "\" -> \"");
    outside(&w->out, step->id, 0);
    uh_str_add(&w->out, "\" [label=\"");
    wrapped(&w->out, f->reason);
    uh_str_add(&w->out, "\"];\n");
  }
}

static int phase(struct writer *w, enum uh_phase which) {
  bool open = false;
  for (size_t i = 0; i < uh_plan_step_count(w->plan); i++) {
    const struct uh_plan_step *step = uh_plan_step_at(w->plan, i);
    if (step->step->phase != which) continue;
    if (!open)
      uh_str_addf(&w->out, "  subgraph \"cluster_%s\" {\n    label=\"%s\";\n    color=\"#9ca3af\";\n",
                  uh_phase_name(which), uh_plan_phase_title(which));
    open = true;
    if (each_step(w, step) < 0) return -1;
  }
  if (open) uh_str_add(&w->out, "  }\n");
  return 0;
}

static int render(const struct uh_plan *plan, const struct uh_plan_report_options *options,
                  const struct uh_report_sink *sink, struct uh_err *err) {
  UH_CLEANUP(writer_clear) struct writer w = {.plan = plan, .sink = sink, .err = err};
  struct uh_plan_sums sums = uh_plan_sum(plan);
  (void)options;
  uh_str_add(&w.out, "digraph \"cleanup\" {\n  label=\"Plan for ");
  outside(&w.out, uh_plan_organization(plan), 0);
  uh_str_addf(&w.out, ": %zu action%s\\n", sums.actions, sums.actions == 1 ? "" : "s");
  outside(&w.out, uh_plan_id(plan), 0);
  uh_str_add(&w.out,
             "\";\n  labelloc=\"t\";\n  rankdir=\"TB\";\n  fontname=\"sans-serif\";\n"
             "  node [shape=\"box\", fontname=\"sans-serif\", fontsize=\"11\"];\n"
             "  edge [fontname=\"sans-serif\", fontsize=\"9\", color=\"#4b5563\"];\n");
  for (int p = UH_PHASE_BEFORE_UNINSTALL; p <= UH_PHASE_AFTER_UNINSTALL; p++)
    if (phase(&w, (enum uh_phase)p) < 0) return -1;
  for (size_t i = 0; i < uh_plan_step_count(plan); i++) edges(&w, uh_plan_step_at(plan, i)->step);
  uh_str_add(&w.out, "}\n");
  return uh_report_flush(sink, &w.out, 0, err);
}

const struct uh_plan_format uh_plan_dot = {.name = "dot", .extension = "dot", .render = render};
