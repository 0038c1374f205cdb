/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status_cleanup.h"

#include "cli/case_journal.h"

enum { OBJECTS_TOLD = 20 };

int uh_cleanup_status_read(const struct uh_cli *cli, const struct uh_case *held, struct uh_cleanup_status *ret,
                           struct uh_err *err) {
  *ret = (struct uh_cleanup_status){.err = UH_ERR_INIT};
  if (!uh_cli_has_journal(held)) return 0;
  if (uh_cli_journal(cli, held, UH_JOURNAL_LOOK, &ret->journal, &ret->err) < 0 ||
      uh_history_read(ret->journal, &ret->history, &ret->err) < 0) {
    ret->journal = uh_journal_free(ret->journal);
    return 0;
  }
  ret->plan = uh_history_last_plan(ret->history);
  return uh_talk_open(&ret->names, cli, ret->plan, false, false, err);
}

void uh_cleanup_status_clear(struct uh_cleanup_status *s) {
  uh_talk_clear(&s->names);
  (void)uh_history_free(s->history);
  (void)uh_journal_free(s->journal);
  s->history = NULL;
  s->journal = NULL;
}

bool uh_cleanup_status_begun(const struct uh_cleanup_status *s) {
  for (size_t i = 0; s->history && i < uh_history_count(s->history); i++)
    if (uh_history_at(s->history, i)->begun_at) return true;
  return false;
}

/* ---- counting ---- */

struct tally {
  size_t actions, done, skipped, failed, doubt, waits, left;
};

static bool in_doubt(const struct uh_history_action *a) {
  return a->state == UH_ACTION_BEGUN || a->state == UH_ACTION_APPLIED || a->state == UH_ACTION_DOUBT ||
         a->state == UH_ACTION_UNDO_BEGUN;
}

static void count(struct tally *t, const struct uh_history_action *a) {
  t->actions++;
  t->done += a && a->state == UH_ACTION_VERIFIED;
  t->skipped += a && (a->state == UH_ACTION_SKIPPED || a->state == UH_ACTION_UNDONE);
  t->failed += a && a->state == UH_ACTION_FAILED;
  t->doubt += a && in_doubt(a);
  t->waits += a && a->state == UH_ACTION_WAITS;
  t->left += !a || a->state == UH_ACTION_PLANNED || a->state == UH_ACTION_WAITS || a->state == UH_ACTION_FAILED;
}

static struct tally tally_of(const struct uh_cleanup_status *s, size_t first, size_t n) {
  struct tally t = {0};
  for (size_t i = first; i < first + n; i++) count(&t, uh_history_action(s->history, uh_plan_at(s->plan, i)->id));
  return t;
}

static bool is_open(const struct uh_cleanup_status *s) {
  const struct uh_plan *open = uh_history_open_plan(s->history);
  return open && strcmp(uh_plan_id(open), uh_plan_id(s->plan)) == 0;
}

static bool waits_for_sweep(const struct uh_plan_step *step) {
  return step->step->phase == UH_PHASE_AFTER_UNINSTALL && step->state != UH_STEP_NOTHING;
}

/* Where an action stands in the last plan; NULL: it is of an earlier one. */
static const char *number_of(const struct uh_cleanup_status *s, const char *id) {
  const struct uh_planned *p = s->plan ? uh_plan_find(s->plan, id) : NULL;
  return uh_talk_label(&s->names, p);
}

/* ---- json ---- */

static void tally_json(struct uh_str *out, const struct tally *t) {
  uh_str_addf(
      out,
      ", \"actions\": %zu, \"done\": %zu, \"skipped\": %zu, \"failed\": %zu, \"in_doubt\": %zu, \"waiting\": %zu,"
      " \"left\": %zu",
      t->actions, t->done, t->skipped, t->failed, t->doubt, t->waits, t->left);
}

static void plan_json(struct uh_str *out, const struct uh_cleanup_status *s) {
  struct tally all = tally_of(s, 0, uh_plan_count(s->plan));
  uh_str_addf(out, "{\"id\": \"%s\", \"state\": \"%s\"", uh_plan_id(s->plan), is_open(s) ? "open" : "finished");
  tally_json(out, &all);
  uh_str_add(out, ",\n   \"steps\": [");
  for (size_t i = 0; i < uh_plan_step_count(s->plan); i++) {
    const struct uh_plan_step *step = uh_plan_step_at(s->plan, i);
    struct tally t = tally_of(s, step->first, step->n);
    uh_str_addf(out, "%s\n    {\"id\": \"%s\"", i ? "," : "", step->step->id);
    uh_cli_json_or_null(out, "requirement", step->step->requirement);
    uh_cli_json_or_null(out, "title", step->step->title);
    uh_cli_json_or_null(out, "state", uh_step_state_name(step->state));
    uh_cli_json_or_null(out, "why", step->why);
    tally_json(out, &t);
    uh_str_addc(out, '}');
  }
  uh_str_add(out, "]}");
}

static void doubts_json(struct uh_str *out, const struct uh_cleanup_status *s) {
  bool first = true;
  char since[UH_TIME_TEXT];
  for (size_t i = 0; s->history && i < uh_history_count(s->history); i++) {
    const struct uh_history_action *a = uh_history_at(s->history, i);
    if (!in_doubt(a)) continue;
    uh_str_addf(out, "%s\n  {\"state\": \"%s\"", first ? "" : ",", uh_action_state_name(a->state));
    uh_cli_json_or_null(out, "action", a->id);
    uh_cli_json_or_null(out, "number", number_of(s, a->id));
    uh_cli_json_or_null(out, "since", uh_time_text(a->begun_at, since));
    uh_cli_json_or_null(out, "why", a->why);
    uh_str_addc(out, '}');
    first = false;
  }
}

static void commands_of(const struct uh_planned *p, struct uh_str *commands) {
  struct uh_err ignored = UH_ERR_INIT;
  if (uh_planned_commands(p, commands, &ignored) < 0) uh_str_reset(commands);
}

/* For a person: the commands stand there, and until is null. A pause: the other way round. */
static void waiting_json(struct uh_str *out, const struct uh_cleanup_status *s) {
  bool first = true;
  char until[UH_TIME_TEXT];
  for (size_t i = 0; s->history && i < uh_history_count(s->history); i++) {
    const struct uh_history_action *a = uh_history_at(s->history, i);
    const struct uh_planned *p = uh_history_planned(s->history, a->id);
    UH_CLEANUP(uh_str_clear) struct uh_str commands = {0};
    if (a->state != UH_ACTION_WAITS || !p) continue;
    if (!a->until) commands_of(p, &commands);
    uh_str_addf(out, "%s\n  {\"for\": \"%s\"", first ? "" : ",", a->until ? "pause" : "operator");
    uh_cli_json_or_null(out, "action", a->id);
    uh_cli_json_or_null(out, "number", number_of(s, a->id));
    uh_cli_json_or_null(out, "why", a->why);
    uh_cli_json_or_null(out, "until", a->until ? uh_time_text(a->until, until) : NULL);
    uh_cli_json_or_null(out, "where", a->until ? NULL : p->action.where);
    uh_cli_json_or_null(out, "commands", uh_str_or(&commands, NULL));
    uh_str_addc(out, '}');
    first = false;
  }
}

/* Of the last plan alone: a later plan looks at all that an earlier one left out. */
static const struct uh_history_action *skipped_at(const struct uh_cleanup_status *s, size_t i) {
  const struct uh_history_action *a = uh_history_action(s->history, uh_plan_at(s->plan, i)->id);
  return a && a->state == UH_ACTION_SKIPPED ? a : NULL;
}

static void skipped_json(struct uh_str *out, const struct uh_cleanup_status *s) {
  bool first = true;
  for (size_t i = 0; s->plan && i < uh_plan_count(s->plan); i++) {
    const struct uh_history_action *a = skipped_at(s, i);
    if (!a) continue;
    uh_str_addf(out, "%s\n  {\"number\": \"%s\"", first ? "" : ",", number_of(s, a->id));
    uh_cli_json_or_null(out, "action", a->id);
    uh_cli_json_or_null(out, "why", a->why);
    uh_str_addc(out, '}');
    first = false;
  }
}

static void object_json(struct uh_str *out, const struct uh_plan_object *o) {
  uh_str_addf(out, "{\"owner\": \"%s\"", uh_owner_name(o->owner));
  uh_cli_json_or_null(out, "side", o->side);
  uh_cli_json_or_null(out, "kind", o->kind);
  uh_cli_json_or_null(out, "guid", o->guid);
  uh_cli_json_or_null(out, "name", o->name);
  uh_str_addc(out, '}');
}

static void sweep_json(struct uh_str *out, const struct uh_cleanup_status *s) {
  bool first = true;
  for (size_t i = 0; s->plan && i < uh_plan_step_count(s->plan); i++) {
    const struct uh_plan_step *step = uh_plan_step_at(s->plan, i);
    if (!waits_for_sweep(step)) continue;
    uh_str_addf(out, "%s\n  {\"step\": \"%s\"", first ? "" : ",", step->step->id);
    uh_cli_json_or_null(out, "requirement", step->step->requirement);
    uh_cli_json_or_null(out, "title", step->step->title);
    uh_cli_json_or_null(out, "why", step->why);
    uh_str_add(out, ", \"objects\": [");
    for (size_t k = 0; k < step->objects; k++) {
      uh_str_add(out, k ? ", " : "");
      object_json(out, &step->v[k]);
    }
    uh_str_add(out, "]}");
    first = false;
  }
}

void uh_cleanup_status_json(struct uh_str *out, const struct uh_cleanup_status *s) {
  char text[1200], hash[UH_JOURNAL_HASH_TEXT];
  uh_str_add(out, ",\n \"cleanup\": ");
  if (s->err.cls) {
    uh_str_add(out, "{\"head\": null, \"plan\": null");
    uh_cli_json_or_null(out, "error", uh_err_text(&s->err, text, sizeof text));
    uh_str_addc(out, '}');
  } else if (s->journal) {
    int64_t seq = uh_journal_head(s->journal, hash);
    uh_str_addf(out, "{\"head\": {\"seq\": %lld, \"hash\": \"%s\"}, \"plan\": ", (long long)seq, hash);
    if (s->plan)
      plan_json(out, s);
    else
      uh_str_add(out, "null");
    uh_str_addc(out, '}');
  } else {
    uh_str_add(out, "null");
  }
  uh_str_add(out, ",\n \"in_doubt\": [");
  doubts_json(out, s);
  uh_str_add(out, "],\n \"waiting\": [");
  waiting_json(out, s);
  uh_str_add(out, "],\n \"skipped\": [");
  skipped_json(out, s);
  uh_str_add(out, "],\n \"after_uninstall\": [");
  sweep_json(out, s);
  uh_str_addc(out, ']');
}

/* ---- terminal ---- */

static void add_outside(struct uh_str *out, const char *text) {
  uh_terminal_text(out, text, strlen(text));
}

static void begin_row(struct uh_str *out, const char *title) {
  uh_str_addf(out, "%-13s", title);
}

static void add_tally(struct uh_str *out, const struct tally *t) {
  const struct {
    const char *name;
    size_t n;
  } counts[] = {{"skipped", t->skipped}, {"failed", t->failed}, {"in doubt", t->doubt}, {"waiting", t->waits}};
  uh_str_addf(out, "%zu of %zu done", t->done, t->actions);
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    if (counts[i].n) uh_str_addf(out, ", %zu %s", counts[i].n, counts[i].name);
}

static void plan_text(struct uh_str *out, const struct uh_cleanup_status *s) {
  struct tally all = tally_of(s, 0, uh_plan_count(s->plan));
  begin_row(out, "Cleanup");
  add_tally(out, &all);
  uh_str_addf(out, "; its plan %s %s\n", uh_plan_id(s->plan), is_open(s) ? "is not finished" : "is finished");
  for (size_t i = 0; i < uh_plan_step_count(s->plan); i++) {
    const struct uh_plan_step *step = uh_plan_step_at(s->plan, i);
    struct tally t = tally_of(s, step->first, step->n);
    if (waits_for_sweep(step) || (!step->n && !*step->why)) continue;
    begin_row(out, "");
    uh_str_addf(out, "%s %s: ", step->step->requirement, step->step->title);
    if (step->n) {
      add_tally(out, &t);
    } else {
      uh_str_addf(out, "%s: ", uh_step_state_name(step->state));
      add_outside(out, step->why);
    }
    uh_str_addc(out, '\n');
  }
}

static void name_action(struct uh_str *out, const struct uh_cleanup_status *s, const struct uh_history_action *a,
                        const char *title) {
  const char *number = number_of(s, a->id);
  begin_row(out, title);
  uh_str_addf(out, "%s%s", number, *number ? " " : "");
  add_outside(out, a->id);
}

static void add_why(struct uh_str *out, const char *why) {
  if (why && *why) {
    uh_str_add(out, ": ");
    add_outside(out, why);
  }
  uh_str_addc(out, '\n');
}

static void doubts_text(struct uh_str *out, const struct uh_cleanup_status *s) {
  const char *title = "In doubt";
  for (size_t i = 0; i < uh_history_count(s->history); i++) {
    const struct uh_history_action *a = uh_history_at(s->history, i);
    if (!in_doubt(a)) continue;
    name_action(out, s, a, title);
    uh_str_addf(out, ", %s", uh_action_state_name(a->state));
    add_why(out, a->why);
    title = "";
    if (a->state != UH_ACTION_UNDO_BEGUN) continue;
    begin_row(out, "");
    uh_str_add(out, "  `unhybrid undo` of it goes on; with --give-up it stays as it is now\n");
  }
}

static void add_lines(struct uh_str *out, const char *text) {
  for (const char *line = text; *line;) {
    size_t n = strcspn(line, "\n");
    begin_row(out, "");
    uh_str_add(out, "    ");
    uh_terminal_text(out, line, n);
    uh_str_addc(out, '\n');
    line += n + (line[n] == '\n');
  }
}

static void waiting_text(struct uh_str *out, const struct uh_cleanup_status *s) {
  const char *title = "Waiting";
  char until[UH_TIME_TEXT];
  for (size_t i = 0; i < uh_history_count(s->history); i++) {
    const struct uh_history_action *a = uh_history_at(s->history, i);
    const struct uh_planned *p = uh_history_planned(s->history, a->id);
    UH_CLEANUP(uh_str_clear) struct uh_str commands = {0};
    if (a->state != UH_ACTION_WAITS || !p) continue;
    name_action(out, s, a, title);
    if (a->until) uh_str_addf(out, ", until %s", uh_time_text(a->until, until));
    add_why(out, a->why);
    title = "";
    if (a->until) continue;
    commands_of(p, &commands);
    begin_row(out, "");
    uh_str_add(out, "  a person runs ");
    add_outside(out, p->action.where ? p->action.where : "this");
    uh_str_add(out, ":\n");
    add_lines(out, uh_str_or(&commands, ""));
  }
}

static void skipped_text(struct uh_str *out, const struct uh_cleanup_status *s, bool verbose) {
  const char *title = "Skipped";
  size_t n = 0;
  for (size_t i = 0; i < uh_plan_count(s->plan); i++) {
    const struct uh_history_action *a = skipped_at(s, i);
    if (!a || (n++ >= OBJECTS_TOLD && !verbose)) continue;
    name_action(out, s, a, title);
    add_why(out, a->why);
    title = "";
  }
  if (n <= OBJECTS_TOLD || verbose) return;
  begin_row(out, "");
  uh_str_addf(out, "and %zu more (-v shows all)\n", n - OBJECTS_TOLD);
}

static void sweep_text(struct uh_str *out, const struct uh_cleanup_status *s, bool verbose) {
  const char *title = "After";
  for (size_t i = 0; i < uh_plan_step_count(s->plan); i++) {
    const struct uh_plan_step *step = uh_plan_step_at(s->plan, i);
    if (!waits_for_sweep(step)) continue;
    begin_row(out, title);
    uh_str_addf(out, "%s %s", step->step->requirement, step->step->title);
    add_why(out, step->why);
    for (size_t k = 0; k < step->objects && (verbose || k < OBJECTS_TOLD); k++) {
      begin_row(out, "");
      uh_str_addf(out, "  %s ", step->v[k].kind);
      add_outside(out, step->v[k].name);
      uh_str_addf(out, " (%s, %s)\n", step->v[k].side, uh_owner_name(step->v[k].owner));
    }
    if (!verbose && step->objects > OBJECTS_TOLD) {
      begin_row(out, "");
      uh_str_addf(out, "  and %zu more\n", step->objects - OBJECTS_TOLD);
    }
    title = "";
  }
}

void uh_cleanup_status_text(struct uh_str *out, const struct uh_cleanup_status *s, bool verbose) {
  char text[1200], hash[UH_JOURNAL_HASH_TEXT];
  if (s->err.cls) {
    begin_row(out, "Journal");
    add_outside(out, uh_err_text(&s->err, text, sizeof text));
    uh_str_addc(out, '\n');
  }
  if (!s->journal) return;
  if (s->plan) plan_text(out, s);
  doubts_text(out, s);
  waiting_text(out, s);
  if (s->plan) skipped_text(out, s, verbose);
  if (s->plan) sweep_text(out, s, verbose);
  begin_row(out, "Journal");
  int64_t seq = uh_journal_head(s->journal, hash);
  uh_str_addf(out, "head is record %lld, %s\n", (long long)seq, hash);
  if (!s->plan || !is_open(s)) return;
  begin_row(out, "Next");
  uh_str_add(out, "`unhybrid resume` goes on\n");
}
