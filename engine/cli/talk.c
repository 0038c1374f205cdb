/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/talk.h"

#include <unistd.h>
#include <unhybrid/text.h>

int uh_talk_open(struct uh_talk *talk, const struct uh_cli *cli, const struct uh_plan *plan, bool guided, bool dry,
                 struct uh_err *err) {
  size_t n = plan ? uh_plan_count(plan) : 0;
  struct uh_plan_numbers numbers = {{NULL}, {0}};
  *talk = (struct uh_talk){.cli = cli, .plan = plan, .guided = guided, .dry = dry};
  talk->labels = calloc(n + 1, sizeof *talk->labels);
  if (!talk->labels) return uh_fail_nomem(err);
  for (size_t i = 0; i < n; i++) (void)uh_plan_number(&numbers, uh_plan_at(plan, i), talk->labels[i]);
  return 0;
}

void uh_talk_clear(struct uh_talk *talk) {
  uh_talk_wipe(talk);
  free(talk->labels);
  talk->labels = NULL;
}

const char *uh_talk_label(const struct uh_talk *talk, const struct uh_planned *action) {
  size_t at = action && talk->plan && action->number > 0 ? (size_t)action->number - 1 : SIZE_MAX;
  return at < (talk->plan ? uh_plan_count(talk->plan) : 0) && uh_plan_at(talk->plan, at) == action ? talk->labels[at]
                                                                                                   : "";
}

/* ---- one line that is drawn over ---- */

void uh_talk_wipe(struct uh_talk *talk) {
  if (talk->drawn) (void)fputs("\r\033[K", stderr);
  talk->drawn = false;
}

static bool may_draw(const struct uh_cli *cli) {
  const char *term = getenv("TERM");
  return !cli->no_progress && !cli->quiet && !cli->log_json && isatty(STDERR_FILENO) && term &&
         strcmp(term, "dumb") != 0;
}

/* "C-05.1 waits for replication: 40 s at the most". */
static void draw_waiting(struct uh_talk *talk, const struct uh_event *e) {
  struct uh_str line = {0};
  int64_t left = e->until;
  uh_str_addf(&line, "\r\033[K%s looks again until replication has settled: %lld s at the most",
              uh_talk_label(talk, e->action), (long long)left);
  if (uh_str_text(&line)) (void)fwrite(line.s, 1, line.len, stderr);
  talk->drawn = true;
  uh_str_clear(&line);
}

/* ---- one event, one line ---- */

static const char *event_name(enum uh_event_type type) {
  static const char *const names[] = {"step", "begin", "result", "waiting", "operator", "pause", "stop"};
  return (size_t)type < sizeof names / sizeof *names ? names[type] : "?";
}

static void findings_json(struct uh_str *out, const struct uh_gate_check *c) {
  uh_str_add(out, ", \"findings\": [");
  for (size_t i = 0; i < c->n_findings; i++) {
    const struct uh_gate_finding *f = &c->findings[i];
    uh_str_addf(out, "%s{\"key\": ", i ? ", " : "");
    uh_json_string(out, f->key, strlen(f->key));
    uh_cli_json_or_null(out, "object", f->object);
    uh_cli_json_or_null(out, "message", f->message);
    uh_cli_json_or_null(out, "command", f->command);
    uh_str_addc(out, '}');
  }
  uh_str_addf(out, "], \"more\": %lld, \"attest\": [", (long long)c->more);
  for (size_t i = 0; i < UH_GATE_FINDINGS && c->attest[i]; i++) {
    uh_str_add(out, i ? ", " : "");
    uh_json_string(out, c->attest[i], strlen(c->attest[i]));
  }
  uh_str_addc(out, ']');
}

static void gate_json(struct uh_str *out, const struct uh_gate *gate) {
  bool first = true;
  uh_cli_json_or_null(out, "verdict", uh_verdict_name(gate->verdict));
  uh_str_add(out, ", \"in_the_way\": [");
  for (size_t i = 0; i < gate->n; i++) {
    const struct uh_gate_check *c = &gate->v[i];
    if (!uh_guide_in_the_way(c)) continue;
    uh_str_addf(out, "%s{\"check\": \"%s\"", first ? "" : ", ", c->id);
    uh_cli_json_or_null(out, "status", c->status);
    uh_cli_json_or_null(out, "before", c->before);
    uh_cli_json_or_null(out, "detail", c->detail);
    uh_cli_json_or_null(out, "remedy", c->remedy);
    findings_json(out, c);
    uh_str_addc(out, '}');
    first = false;
  }
  uh_str_addc(out, ']');
}

int uh_talk_commands(const struct uh_event *e, struct uh_str *out, struct uh_err *err) {
  if (!e->commands) return uh_planned_commands(e->action, out, err);
  uh_str_add(out, e->commands);
  return out->failed ? uh_fail_nomem(err) : 0;
}

static void event_json(struct uh_str *out, const struct uh_talk *talk, const struct uh_event *e) {
  const struct uh_cli *cli = talk->cli;
  UH_CLEANUP(uh_str_clear) struct uh_str commands = {0};
  struct uh_err ignored = UH_ERR_INIT;
  char now[UH_TIME_TEXT], until[UH_TIME_TEXT];
  uh_str_addf(out, "{\"time\": \"%s\", \"level\": \"info\"", uh_time_text(uh_cli_now(), now));
  uh_cli_json_or_null(out, "organization", cli->organization);
  uh_cli_json_or_null(out, "tenant", cli->tenant);
  uh_cli_json_or_null(out, "command", cli->command->name);
  uh_cli_json_or_null(out, "event", event_name(e->type));
  uh_cli_json_or_null(out, "step", e->step ? e->step->step->id : e->action ? e->action->step : NULL);
  uh_cli_json_or_null(out, "action", e->action ? e->action->id : NULL);
  uh_cli_json_or_null(out, "number", uh_talk_label(talk, e->action));
  uh_cli_json_or_null(out, "state", e->type == UH_EVENT_RESULT ? uh_action_state_name(e->state) : NULL);
  uh_cli_json_or_null(out, "why", e->why);
  if (e->gate) gate_json(out, e->gate);
  if (e->type == UH_EVENT_WAITING)
    uh_str_addf(out, ", \"seconds_left\": %lld", (long long)e->until);
  else if (e->until > 0)
    uh_cli_json_or_null(out, "until", uh_time_text(e->until, until));
  if (e->type == UH_EVENT_OPERATOR && e->action && uh_talk_commands(e, &commands, &ignored) == 0) {
    uh_cli_json_or_null(out, "where", e->action->action.where);
    uh_cli_json_or_null(out, "commands", uh_str_text(&commands));
  }
  uh_str_add(out, "}\n");
}

static void add_outside(struct uh_str *out, const char *text) {
  uh_terminal_text(out, text, strlen(text));
}

static void add_object(struct uh_str *out, const struct uh_planned *action) {
  const struct uh_subject *s = &action->action.subject;
  uh_str_addf(out, "%s ", uh_verb_name(action->action.verb));
  add_outside(out, s->kind);
  uh_str_addc(out, ' ');
  add_outside(out, s->name);
  uh_str_addf(out, " (%s)", s->side);
}

static void add_commands(struct uh_str *out, const struct uh_event *e) {
  const struct uh_planned *action = e->action;
  UH_CLEANUP(uh_str_clear) struct uh_str commands = {0};
  struct uh_err err = UH_ERR_INIT;
  if (uh_talk_commands(e, &commands, &err) < 0) return;
  if (action->action.where) {
    uh_str_add(out, "\n    run ");
    add_outside(out, action->action.where);
    uh_str_addc(out, ':');
  }
  for (const char *line = uh_str_or(&commands, ""); *line;) {
    size_t n = strcspn(line, "\n");
    uh_str_add(out, "\n      ");
    uh_terminal_text(out, line, n);
    line += n + (line[n] == '\n');
  }
}

static bool open_as_before(const struct uh_gate *gate) {
  for (size_t i = 0; i < gate->n; i++)
    if (uh_guide_has_moved(&gate->v[i])) return false;
  return gate->verdict == UH_READY;
}

static void event_text(struct uh_str *out, const struct uh_talk *talk, const struct uh_event *e) {
  char at[UH_TIME_TEXT];
  uh_str_addf(out, "%s ", uh_time_text(uh_cli_now(), at));
  if (e->type == UH_EVENT_STEP) {
    if (e->step)
      uh_str_addf(out, "%s %s", e->step->step->requirement, e->step->step->title);
    else
      uh_str_add(out, "before it begins");
    if (e->gate && open_as_before(e->gate)) uh_str_addf(out, ": %zu checks, the gate is open", e->gate->n);
  } else {
    const char *label = uh_talk_label(talk, e->action);
    uh_str_addf(out, "%s%s%-10s", label, *label ? " " : "",
                e->type == UH_EVENT_RESULT ? uh_action_state_name(e->state) : event_name(e->type));
  }
  if (e->action && e->type != UH_EVENT_STEP) {
    uh_str_addc(out, ' ');
    add_object(out, e->action);
  }
  if (e->type == UH_EVENT_WAITING)
    uh_str_addf(out, ": looks again until replication has settled, %lld s at the most", (long long)e->until);
  else if (e->until > uh_cli_now())
    uh_str_addf(out, ", until %s", uh_time_text(e->until, at));
  if (e->why && *e->why) {
    uh_str_add(out, ": ");
    add_outside(out, e->why);
  }
  bool shown = e->type == UH_EVENT_OPERATOR || (e->type == UH_EVENT_BEGIN && e->commands);
  if (shown && e->action) add_commands(out, e);
  uh_str_addc(out, '\n');
  if (e->gate && !open_as_before(e->gate))
    uh_guide_gate(out, uh_cli_width(STDERR_FILENO), e->gate, e->shut, talk->cli->verbose);
}

/* Quiet: only what is not as it should be. */
static bool wanted(const struct uh_talk *talk, const struct uh_event *e) {
  if (talk->cli->log_json) return true;
  if (e->type == UH_EVENT_STOP) return false;                             /* it is said at the end */
  if (e->type == UH_EVENT_BEGIN && talk->dry && e->commands) return true; /* an undo: that is all there is to say */
  if (e->type == UH_EVENT_BEGIN) return talk->cli->verbose;               /* its result follows */
  if (e->type == UH_EVENT_RESULT && talk->dry && e->state == UH_ACTION_PLANNED && !(e->why && *e->why)) return false;
  if (!talk->cli->quiet) return true;
  return e->type == UH_EVENT_OPERATOR || e->type == UH_EVENT_PAUSE || (e->gate && e->gate->verdict != UH_READY) ||
         (e->type == UH_EVENT_RESULT && (e->state == UH_ACTION_FAILED || e->state == UH_ACTION_DOUBT));
}

/* Waiting is told again and again, and said once. */
static bool said_already(struct uh_talk *talk, const struct uh_event *e) {
  if (e->type != UH_EVENT_WAITING && e->type != UH_EVENT_OPERATOR) {
    talk->waits = NULL;
    return false;
  }
  if (talk->waits == e->action && talk->waits_for == e->type) return true;
  talk->waits = e->action;
  talk->waits_for = e->type;
  return false;
}

static void tell(void *user, const struct uh_event *event) {
  struct uh_talk *talk = user;
  UH_CLEANUP(uh_str_clear) struct uh_str out = {0};
  if (event->type == UH_EVENT_WAITING && may_draw(talk->cli)) {
    draw_waiting(talk, event);
    return;
  }
  if (said_already(talk, event)) return;
  uh_talk_wipe(talk);
  if (talk->guided) {
    uh_guide_tell(talk, event);
    return;
  }
  if (!wanted(talk, event)) return;
  (talk->cli->log_json ? event_json : event_text)(&out, talk, event);
  if (uh_str_text(&out)) (void)fwrite(out.s, 1, out.len, stderr);
}

struct uh_guide uh_talk_guide(struct uh_talk *talk) {
  return (struct uh_guide){.user = talk, .tell = tell, .ask = talk->guided ? uh_guide_ask : NULL};
}
