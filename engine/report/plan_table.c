/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan for a person at a terminal: what it comes to, then step by step what is done, by whom, whether it can be taken
 * back, why; and what stays, with the reason. An action is never left out: this is what somebody is about to agree to.
 */
#include <string.h>

#include <unhybrid/text.h>

#include "report/lines.h"
#include "report/plan_report.h"

enum {
  FLUSH_AT = 16 * 1024,
  WIDTH_DEFAULT = 80,
  WIDTH_MIN = 40,
  WIDTH_MAX = 120,
  TEXT_MAX = 900,
  NAME_COLUMNS = 150,
  ACTION_INDENT = 4,
  DETAIL_INDENT = 13,
  STAYS_SHOWN = 10, /* of a step, unless verbose */
  TOLD_MAX = 200,
};

#define BOLD "\033[1m"
#define RED "\033[1;31m"
#define YELLOW "\033[33m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

struct screen {
  const struct uh_plan *plan;
  const struct uh_plan_report_options *options;
  const struct uh_report_sink *sink;
  struct uh_err *err;
  struct uh_str out;
  struct uh_plan_numbers numbers;
  size_t width;
  const struct uh_plan_object *told[TOLD_MAX]; /* what stays, and was said to */
  size_t n_told;
};

static void screen_clear(struct screen *s) {
  uh_str_clear(&s->out);
}

static int flush(struct screen *s, size_t at) {
  return uh_report_flush(s->sink, &s->out, at, s->err);
}

static void outside(struct uh_str *line, const char *text) {
  uh_lines_outside(line, text, TEXT_MAX);
}

static void put(struct screen *s, size_t indent, size_t hang, struct uh_str *line) {
  uh_lines_put(&s->out, s->width, indent, hang, line);
}

/* The color ends before the line does: what is printed next is never dyed. */
static void put_colored(struct screen *s, const char *code, size_t indent, size_t hang, struct uh_str *line) {
  bool dyed = s->options->color && *code && line->len;
  if (dyed) uh_str_add(&s->out, code);
  put(s, indent, hang, line);
  if (!dyed || s->out.failed) return;
  s->out.len--;
  uh_str_add(&s->out, PLAIN "\n");
}

/* A line "word: text" below an action; nothing where there is no text. */
static void detail(struct screen *s, const char *word, const char *text) {
  struct uh_str line = {0};
  if (!text || !*text) return;
  uh_str_add(&line, word);
  outside(&line, text);
  put(s, DETAIL_INDENT, 2, &line);
}

static const char *plural(size_t n) {
  return n == 1 ? "" : "s";
}

static void add_duration(struct uh_str *line, int64_t seconds) {
  static const struct {
    int64_t seconds;
    const char *word;
  } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
  size_t i = 0;
  while (seconds % units[i].seconds) i++;
  int64_t n = seconds / units[i].seconds;
  uh_str_addf(line, "%lld %s%s", (long long)n, units[i].word, n == 1 ? "" : "s");
}

/* ---- what it comes to ---- */

static void count(struct uh_str *line, size_t n, const char *one, const char *many) {
  if (n) uh_str_addf(line, "%s%zu %s", line->len ? ", " : "", n, n == 1 ? one : many);
}

static void head(struct screen *s, const struct uh_plan_sums *sums) {
  const char *tenant = uh_plan_tenant(s->plan);
  struct uh_str line = {0};
  uh_str_add(&line, "Plan for ");
  uh_lines_outside(&line, uh_plan_organization(s->plan), s->width);
  if (tenant && *tenant) {
    uh_str_add(&line, ", tenant ");
    uh_lines_outside(&line, tenant, s->width);
  }
  if (sums->actions)
    uh_str_addf(&line, ": %zu action%s in %zu step%s", sums->actions, plural(sums->actions), sums->steps,
                plural(sums->steps));
  else
    uh_str_add(&line, sums->unknown + sums->blocked ? ": no action can be planned" : ": nothing to do");
  put_colored(s, BOLD, 0, 2, &line);
  if (s->options->quiet) return;
  outside(&line, uh_plan_id(s->plan));
  put_colored(s, DIM, 0, 2, &line);
  count(&line, sums->irreversible, "cannot be undone", "cannot be undone");
  count(&line, sums->approvals, "needs approval", "need approval");
  count(&line, sums->by_operator, "is carried out by a person", "are carried out by a person");
  if (s->options->pause_observe > 0) count(&line, sums->pauses, "is followed by a pause", "are followed by a pause");
  if (line.len) uh_str_addc(&line, '.');
  put(s, 0, 2, &line);
  count(&line, sums->unknown, "step is unknown", "steps are unknown");
  count(&line, sums->blocked, "step is blocked", "steps are blocked");
  count(&line, sums->skipped, "step is skipped", "steps are skipped");
  if (line.len) uh_str_addc(&line, '.');
  put_colored(s, sums->unknown + sums->blocked ? YELLOW : "", 0, 2, &line);
}

/* ---- an action ---- */

static void add_subject(struct uh_str *line, const struct uh_subject *subject, bool guid) {
  struct uh_str match = {0};
  uh_lines_outside(line, subject->kind, NAME_COLUMNS);
  if (subject->name && *subject->name) {
    uh_str_addc(line, ' ');
    uh_lines_outside(line, subject->name, NAME_COLUMNS);
  }
  uh_str_add(line, " (");
  uh_lines_outside(line, subject->side, NAME_COLUMNS);
  uh_plan_match(&match, subject);
  if (match.len) {
    uh_str_add(line, ", ");
    uh_lines_outside(line, match.s, NAME_COLUMNS);
  }
  if (guid && subject->guid && *subject->guid) {
    uh_str_add(line, ", ");
    uh_lines_outside(line, subject->guid, NAME_COLUMNS);
  }
  uh_str_addc(line, ')');
  if (match.failed) line->failed = true;
  uh_str_clear(&match);
}

/* Lines to be pasted are not wrapped: a line end in the middle would change them. */
static void lines(struct screen *s, const char *text) {
  for (const char *p = text; *p;) {
    size_t n = strcspn(p, "\n");
    uh_lines_spaces(&s->out, DETAIL_INDENT + 2);
    uh_terminal_text(&s->out, p, n);
    uh_str_addc(&s->out, '\n');
    p += n + (p[n] == '\n');
  }
}

static int commands(struct screen *s, const struct uh_planned *action) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  struct uh_str line = {0};
  if (uh_planned_commands(action, &text, s->err) < 0) return -1;
  if (!uh_str_text(&text)) return uh_fail_nomem(s->err);
  uh_str_add(&line, "Command");
  if (action->action.where) {
    uh_str_addc(&line, ' ');
    outside(&line, action->action.where);
  }
  uh_str_addc(&line, ':');
  put(s, DETAIL_INDENT, 2, &line);
  lines(s, uh_str_text(&text));
  return 0;
}

static void who_and_back(struct screen *s, const struct uh_planned *p) {
  const struct uh_action *a = &p->action;
  struct uh_str line = {0};
  uh_str_addf(&line, "By %s; %s", a->executor == UH_BY_OPERATOR ? "a person" : uh_executor_name(a->executor),
              uh_plan_undo_words(a->reversible));
  if (a->undo && *a->undo) {
    uh_str_add(&line, ": ");
    outside(&line, a->undo);
  }
  put_colored(s, a->reversible == UH_IRREVERSIBLE ? RED : "", DETAIL_INDENT, 2, &line);
}

static void asks(struct screen *s, const struct uh_planned *p) {
  struct uh_str line = {0};
  if (p->action.approval) {
    uh_str_add(&line, "Needs approval: ");
    outside(&line, p->action.approval);
    uh_str_add(&line, " (--approve ");
    outside(&line, p->id);
    uh_str_addc(&line, ')');
    put_colored(s, YELLOW, DETAIL_INDENT, 2, &line);
  }
  if (!p->action.observe || s->options->pause_observe <= 0) return;
  uh_str_add(&line, "What depends on it waits for an observation pause of ");
  add_duration(&line, s->options->pause_observe);
  put(s, DETAIL_INDENT, 2, &line);
}

static int each_action(struct screen *s, const struct uh_planned *p) {
  char number[UH_PLAN_NUMBER];
  struct uh_str line = {0};
  uh_str_addf(&line, "%lld %s %s ", (long long)p->number, uh_plan_number(&s->numbers, p, number),
              uh_verb_name(p->action.verb));
  add_subject(&line, &p->action.subject, s->options->verbose);
  if (p->owner == UH_OWNER_SHARED) uh_str_add(&line, ", shared");
  put_colored(s, BOLD, ACTION_INDENT, DETAIL_INDENT - ACTION_INDENT, &line);
  detail(s, "", p->action.why);
  if (strncmp(p->action.why, p->owner_reason, strlen(p->owner_reason)) != 0)
    detail(s, "Whose it is: ", p->owner_reason);
  detail(s, "Afterwards: ", p->action.effect);
  who_and_back(s, p);
  asks(s, p);
  if (s->options->verbose) {
    detail(s, "Id: ", p->id);
    if (commands(s, p) < 0) return -1;
  }
  return flush(s, FLUSH_AT);
}

/* ---- a step ---- */

/* Several steps look at the same object and leave it for the same reason: that is told once. */
static bool is_told(struct screen *s, const struct uh_plan_object *o) {
  for (size_t i = 0; i < s->n_told; i++) {
    const struct uh_plan_object *t = s->told[i];
    if (t->owner == o->owner && strcmp(t->guid, o->guid) == 0 && strcmp(t->name, o->name) == 0 &&
        strcmp(t->kind, o->kind) == 0 && strcmp(t->side, o->side) == 0 && strcmp(t->reason, o->reason) == 0)
      return true;
  }
  if (s->n_told < TOLD_MAX) s->told[s->n_told++] = o;
  return false;
}

static void stays_line(struct screen *s, const struct uh_plan_object *o) {
  struct uh_subject subject = {.side = o->side, .kind = o->kind, .guid = o->guid, .name = o->name};
  struct uh_str line = {0};
  uh_str_addf(&line, "%s: %s, ", uh_plan_stays_word(o->owner), uh_owner_name(o->owner));
  add_subject(&line, &subject, s->options->verbose);
  uh_str_add(&line, ": ");
  outside(&line, o->reason);
  put(s, ACTION_INDENT, 2, &line);
}

static int stays(struct screen *s, const struct uh_plan_step *step) {
  UH_CLEANUP(uh_plan_stays_clear) struct uh_plan_stays stay = {0};
  struct uh_str line = {0};
  size_t shown = 0, left = 0;
  bool all = s->options->verbose;
  if (uh_plan_stays_of(s->plan, step, &stay, s->err) < 0) return -1;
  for (size_t i = 0; i < step->objects; i++) {
    const struct uh_plan_object *o = &step->v[i];
    if (!uh_plan_object_stays(&stay, o)) continue;
    if (!all && (shown == STAYS_SHOWN || is_told(s, o))) {
      left++;
      continue;
    }
    shown++;
    stays_line(s, o);
    if (flush(s, FLUSH_AT) < 0) return -1;
  }
  if (left) uh_str_addf(&line, "stays: %zu %s (-v shows all)", left, shown ? "more" : "that earlier steps looked at");
  put(s, ACTION_INDENT, 2, &line);
  return 0;
}

static void order(struct screen *s, const struct uh_step *step) {
  struct uh_str line = {0};
  for (const struct uh_follows *f = step->follows; f && f->step; f++) {
    uh_str_addf(&line, "after %s: %s", f->step, f->reason);
    put_colored(s, DIM, ACTION_INDENT, 2, &line);
  }
  if (step->checks && *step->checks) uh_str_addf(&line, "must pass right before: %s", step->checks);
  put_colored(s, DIM, ACTION_INDENT, 2, &line);
}

static void state(struct screen *s, const struct uh_plan_step *step) {
  struct uh_str line = {0};
  if (step->state == UH_STEP_ACTIONS) return;
  uh_str_add(&line, step->state == UH_STEP_NOTHING ? "nothing to do" : uh_step_state_name(step->state));
  if (step->why && *step->why) {
    uh_str_add(&line, ": ");
    outside(&line, step->why);
  }
  put_colored(s, step->state == UH_STEP_UNKNOWN || step->state == UH_STEP_BLOCKED ? YELLOW : DIM, ACTION_INDENT, 2,
              &line);
}

static int each_step(struct screen *s, const struct uh_plan_step *step) {
  struct uh_str line = {0};
  uh_str_addf(&line, "%s %s: %s", step->step->requirement, step->step->id, step->step->title);
  uh_str_addc(&s->out, '\n');
  put_colored(s, step->state == UH_STEP_NOTHING || step->state == UH_STEP_SKIPPED ? "" : BOLD, 0, 6, &line);
  if (s->options->verbose) order(s, step->step);
  state(s, step);
  for (size_t i = 0; i < step->n; i++)
    if (each_action(s, uh_plan_at(s->plan, step->first + i)) < 0) return -1;
  if (stays(s, step) < 0) return -1;
  for (size_t i = 0; i < step->n_notes; i++) {
    uh_str_add(&line, "note: ");
    outside(&line, step->notes[i]);
    put(s, ACTION_INDENT, 2, &line);
  }
  return flush(s, FLUSH_AT);
}

static int render(const struct uh_plan *plan, const struct uh_plan_report_options *options,
                  const struct uh_report_sink *sink, struct uh_err *err) {
  UH_CLEANUP(screen_clear)
  struct screen s = {.plan = plan, .options = options, .sink = sink, .err = err};
  struct uh_plan_sums sums = uh_plan_sum(plan);
  int phase = -1;
  s.width = options->width ? options->width : WIDTH_DEFAULT;
  if (s.width < WIDTH_MIN) s.width = WIDTH_MIN;
  if (s.width > WIDTH_MAX) s.width = WIDTH_MAX;
  head(&s, &sums);
  for (size_t i = 0; i < uh_plan_step_count(plan) && !options->quiet; i++) {
    const struct uh_plan_step *step = uh_plan_step_at(plan, i);
    struct uh_str line = {0};
    if ((int)step->step->phase != phase) {
      phase = (int)step->step->phase;
      uh_str_addf(&line, "== %s ==", uh_plan_phase_title(step->step->phase));
      uh_str_addc(&s.out, '\n');
      put_colored(&s, BOLD, 0, 2, &line);
    }
    if (each_step(&s, step) < 0) return -1;
  }
  return flush(&s, 0);
}

const struct uh_plan_format uh_plan_table = {.name = "table", .extension = "txt", .render = render};
