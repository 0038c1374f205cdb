/* SPDX-License-Identifier: Apache-2.0 */
/* Leads a person at a terminal through a plan: what, why, what it breaks, whose it is, the commands, the object as it
 * is; then yes, skip, details or stop. What cannot be undone wants more than a yes. */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>
#include <unhybrid/text.h>

#include "cli/cancel.h"
#include "cli/talk.h"
#include "report/lines.h"

enum {
  ANSWER_MAX = 1024,
  TITLE = 12,      /* column at which the text of a row begins */
  BRIEF = 8,       /* properties of the object that are shown at once */
  VALUE_MAX = 60,  /* columns of one of them */
  TYPED_MAX = 64,  /* bytes of a name that a person is asked to type */
  GATE_BRIEF = 12, /* checks in the way that are shown at once */
};

static void json_freep(json_t **json) {
  json_decref(*json);
}

static unsigned width(void) {
  return uh_cli_width(STDOUT_FILENO);
}

static void show(struct uh_str *out) {
  if (uh_str_text(out)) (void)fwrite(out->s, 1, out->len, stdout);
  (void)fflush(stdout);
  uh_str_clear(out);
}

static void add_row(struct uh_str *out, const char *title, const char *text) {
  UH_CLEANUP(uh_str_clear) struct uh_str clean = {0};
  if (!text || !*text) return;
  uh_terminal_text(&clean, text, strlen(text));
  uh_str_addf(out, "  %-*s", TITLE - 2, title);
  uh_lines_wrap(out, width(), TITLE, TITLE, uh_str_or(&clean, "?"));
}

static void add_heading(struct uh_str *out, const struct uh_talk *talk, const char *text) {
  bool bold = uh_cli_use_color(talk->cli, STDOUT_FILENO);
  UH_CLEANUP(uh_str_clear) struct uh_str clean = {0};
  uh_terminal_text(&clean, text, strlen(text));
  uh_str_addf(out, "\n%s", bold ? "\033[1m" : "");
  uh_lines_wrap(out, width(), 0, TITLE, uh_str_or(&clean, "?"));
  uh_str_add(out, bold ? "\033[0m" : "");
}

/* ---- the gate ---- */

bool uh_guide_in_the_way(const struct uh_gate_check *c) {
  return c->severity == UH_BLOCKER && (strcmp(c->status, "fail") == 0 || strcmp(c->status, "unknown") == 0);
}

bool uh_guide_has_moved(const struct uh_gate_check *c) {
  return *c->before && strcmp(c->before, c->status) != 0;
}

/* Not wrapped: it is there to be copied. */
static void add_command(struct uh_str *out, const char *command) {
  uh_lines_spaces(out, 8);
  uh_terminal_text(out, command, strlen(command));
  uh_str_addc(out, '\n');
}

static void add_finding(struct uh_str *out, size_t columns, const struct uh_gate_finding *f) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  uh_str_add(&text, "- ");
  uh_terminal_text(&text, f->object, strlen(f->object));
  uh_str_add(&text, ": ");
  uh_terminal_text(&text, f->message, strlen(f->message));
  uh_lines_put(out, columns, 6, 2, &text);
  if (*f->command) add_command(out, f->command);
  uh_str_add(&text, "unhybrid waive add ");
  uh_shell_word(&text, f->key);
  uh_str_add(&text, " --reason TEXT --approver \"$USER\" --days N");
  add_command(out, uh_str_or(&text, "?"));
}

/* What is in the way, object by object, and what to do: no report tells it where only a gate asks. */
static void add_what_to_do(struct uh_str *out, size_t columns, const struct uh_gate_check *c) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  for (size_t i = 0; i < c->n_findings; i++) add_finding(out, columns, &c->findings[i]);
  if (c->n_findings && c->more > 0) uh_str_addf(out, "      and %lld more\n", (long long)c->more);
  if (c->remedy && *c->remedy) {
    uh_str_add(&text, "To do: ");
    uh_terminal_text(&text, c->remedy, strlen(c->remedy));
    uh_lines_put(out, columns, 6, 2, &text);
  }
  for (size_t i = 0; i < UH_GATE_FINDINGS && c->attest[i]; i++) add_command(out, c->attest[i]);
}

static void add_gate_check(struct uh_str *out, size_t columns, const struct uh_gate_check *c, bool shut) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  uh_str_addf(&text, "%s: %s", c->id, c->status);
  if (uh_guide_has_moved(c)) uh_str_addf(&text, " (%s at the audit)", c->before);
  bool listed = shut && c->n_findings; /* with the first of them, which is the detail */
  const char *detail = *c->detail && !listed ? c->detail : c->title;
  if (*detail) {
    uh_str_add(&text, ": ");
    uh_terminal_text(&text, detail, strlen(detail));
  }
  uh_lines_put(out, columns, 4, 2, &text);
  if (shut && uh_guide_in_the_way(c)) add_what_to_do(out, columns, c);
}

void uh_guide_gate(struct uh_str *out, size_t columns, const struct uh_gate *gate, bool shut, bool verbose) {
  size_t blocks = 0, shown = 0, good = 0;
  for (size_t i = 0; i < gate->n; i++) {
    const struct uh_gate_check *c = &gate->v[i];
    bool tell = uh_guide_in_the_way(c) || uh_guide_has_moved(c);
    blocks += uh_guide_in_the_way(c);
    good += strcmp(c->status, "pass") == 0 || strcmp(c->status, "waived") == 0;
    if (tell && (verbose || shown < GATE_BRIEF)) add_gate_check(out, columns, c, shut);
    shown += tell;
  }
  if (!verbose && shown > GATE_BRIEF) uh_str_addf(out, "    and %zu more\n", shown - GATE_BRIEF);
  uh_str_addf(out, "  Gate: %s. %zu checks observed anew: %zu passed or waived, %zu in the way.\n",
              gate->verdict == UH_READY          ? "open"
              : gate->verdict == UH_UNDETERMINED ? "undetermined"
                                                 : "closed",
              gate->n, good, blocks);
}

/* ---- the object as it is ---- */

/* Whole, also where a NUL stands in it. */
static void add_json_text(struct uh_str *out, const json_t *value) {
  const char *text = json_string_value(value);
  for (size_t i = 0, n = json_string_length(value); i < n; i++)
    if (text[i])
      uh_str_addc(out, text[i]);
    else
      uh_str_add(out, "\xef\xbf\xbd");
}

static void add_json_value(struct uh_str *out, const json_t *value) {
  UH_CLEANUP(uh_freep) char *text = NULL;
  if (json_is_string(value)) {
    add_json_text(out, value);
    return;
  }
  if (json_is_array(value) && json_is_string(json_array_get(value, 0))) {
    for (size_t i = 0; i < json_array_size(value); i++) {
      const json_t *one = json_array_get(value, i);
      uh_str_add(out, i ? ", " : "");
      if (json_is_string(one))
        add_json_text(out, one);
      else
        uh_str_add(out, "..");
    }
    return;
  }
  text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
  uh_str_add(out, text ? text : "?");
}

static bool is_empty(const json_t *value) {
  return json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0) ||
         (json_is_array(value) && json_array_size(value) == 0) ||
         (json_is_object(value) && json_object_size(value) == 0);
}

/* What the action changes, or looks at when it is done. */
static bool concerned(const struct uh_action *action, const char *property) {
  for (const struct uh_expect *e = action->expect; e && e->what != UH_EXPECT_END; e++)
    if (e->value.name && strcasecmp(e->value.name, property) == 0) return true;
  for (const struct uh_change *c = action->changes; c && c->cmdlet; c++)
    for (const struct uh_argument *a = c->arguments; a && a->name; a++)
      if (strcasecmp(a->name, property) == 0) return true;
  return false;
}

/* Every directory object has these, and they tell a person nothing. */
static bool is_noise(const char *property) {
  static const char *const noise[] = {"PS",          "RunspaceId", "ObjectState", "ObjectClass",   "ObjectCategory",
                                      "Originating", "Exchange",   "When",        "Distinguished", "IsValid",
                                      "Guid",        "Id",         "Identity",    "Name",          "AdminDisplay"};
  for (size_t i = 0; i < sizeof noise / sizeof *noise; i++) {
    bool whole = i >= 10; /* these as a whole word, the others as a beginning */
    if (whole ? strcasecmp(property, noise[i]) == 0 : strncasecmp(property, noise[i], strlen(noise[i])) == 0)
      return true;
  }
  return false;
}

static void add_property(struct uh_str *out, const char *title, const char *name, const json_t *value) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  add_json_value(&text, value);
  uh_str_addf(out, "  %-*s", TITLE - 2, title);
  uh_lines_outside(out, name, VALUE_MAX);
  uh_str_add(out, ": ");
  uh_lines_outside(out, uh_str_or(&text, "?"), VALUE_MAX);
  uh_str_addc(out, '\n');
}

/* What the action is about first, then what there is room for. */
static void add_image_brief(struct uh_str *out, const struct uh_action *action, const char *image) {
  UH_CLEANUP(json_freep) json_t *json = json_loads(image, JSON_ALLOW_NUL, NULL);
  json_t *row = json_array_get(json_object_get(json, "rows"), 0), *value;
  const char *name;
  size_t shown = 0, left = 0;
  for (int pass = 0; pass < 2; pass++) json_object_foreach(json_object_get(row, "json"), name, value) {
      if (concerned(action, name) != (pass == 0) || (pass == 1 && (is_empty(value) || is_noise(name)))) continue;
      if (shown < BRIEF)
        add_property(out, shown ? "" : "Is now", name, value);
      else
        left++;
      shown += shown < BRIEF;
    }
  if (left) uh_str_addf(out, "  %-*s(%zu more with \"details\")\n", TITLE - 2, "", left);
}

static void add_image_whole(struct uh_str *out, const char *image) {
  UH_CLEANUP(json_freep) json_t *json = json_loads(image, JSON_ALLOW_NUL, NULL);
  UH_CLEANUP(uh_freep) char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
  for (const char *line = text ? text : image; *line;) {
    size_t n = strcspn(line, "\n");
    uh_str_add(out, "    ");
    uh_terminal_text(out, line, n);
    uh_str_addc(out, '\n');
    line += n + (line[n] == '\n');
  }
}

/* ---- an action ---- */

static const char *undo_words(const struct uh_action *action) {
  switch (action->reversible) {
    case UH_REVERSIBLE: return "`unhybrid undo` puts it back as it was";
    case UH_REVERSIBLE_NEW: return "`unhybrid undo` makes it anew: another GUID, other times";
    case UH_REVERSIBLE_BY_OPERATOR: return "a person can put it back";
    case UH_IRREVERSIBLE: return "never: this cannot be undone";
  }
  return "?";
}

static void add_commands(struct uh_str *out, const struct uh_event *e) {
  const struct uh_planned *p = e->action;
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  struct uh_err err = UH_ERR_INIT;
  if (uh_talk_commands(e, &text, &err) < 0) {
    add_row(out, "Command", err.what);
    return;
  }
  const char *title = p->action.executor == UH_BY_OPERATOR ? "You run" : "Command";
  for (const char *line = uh_str_or(&text, ""); *line; title = "") {
    size_t n = strcspn(line, "\n");
    uh_str_addf(out, "  %-*s", TITLE - 2, title);
    uh_terminal_text(out, line, n); /* whole: what is wrapped cannot be pasted */
    uh_str_addc(out, '\n');
    line += n + (line[n] == '\n');
  }
  add_row(out, "", p->action.where);
}

static void add_action(struct uh_str *out, const struct uh_talk *talk, const struct uh_event *e) {
  const struct uh_planned *p = e->action;
  const struct uh_action *a = &p->action;
  UH_CLEANUP(uh_str_clear) struct uh_str line = {0};
  const char *label = uh_talk_label(talk, p);
  uh_str_addf(&line, "%s%s%s ", label, *label ? "  " : "", uh_verb_name(a->verb));
  uh_str_addf(&line, "%s \"%s\"", a->subject.kind, a->subject.name);
  add_heading(out, talk, uh_str_or(&line, p->id));
  uh_str_reset(&line);
  uh_str_addf(&line, "%s, %s", a->subject.side,
              a->subject.guid && *a->subject.guid ? a->subject.guid : "told by its properties, it has no GUID");
  add_row(out, "Object", uh_str_or(&line, ""));
  uh_str_reset(&line);
  uh_str_addf(&line, "%s: %s", uh_owner_name(p->owner), p->owner_reason);
  add_row(out, "Whose", uh_str_or(&line, ""));
  add_row(out, "NOTE", e->why);
  if (strcmp(a->why, p->owner_reason) != 0) add_row(out, "Why", a->why);
  add_row(out, "Breaks", a->effect);
  add_row(out, "Undo", undo_words(a));
  add_row(out, "", a->undo);
  if (a->observe && talk->pauses) add_row(out, "Then", "an observation pause: what depends on it waits");
  add_commands(out, e);
  if (e->image) add_image_brief(out, a, e->image);
}

static void add_details(struct uh_str *out, const struct uh_event *e) {
  const struct uh_planned *p = e->action;
  add_row(out, "Action", p->id);
  add_row(out, "Step", p->step_title);
  add_row(out, "By", uh_executor_name(p->action.executor));
  if (e->step) {
    add_row(out, "Step breaks", e->step->step->effect);
    add_row(out, "Afterwards", e->step->step->undo_limits);
    add_row(out, "See", e->step->step->reference);
  }
  if (!e->image) return;
  uh_str_add(out, "  The object as it is now:\n");
  add_image_whole(out, e->image);
}

/* ---- what a person says ---- */

/* 1 a line, 0 Ctrl-C, -1 the terminal is gone. What was typed before the question was shown is no answer to it. */
static int read_line(const char *prompt, char *answer, size_t size) {
  size_t n = 0;
  (void)tcflush(STDIN_FILENO, TCIFLUSH);
  (void)fputs(prompt, stdout);
  (void)fflush(stdout);
  while (!uh_cancel_asked(NULL)) {
    ssize_t got = read(STDIN_FILENO, answer + n, size - 1 - n);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return -1;
    n += (size_t)got;
    if (!memchr(answer, '\n', n) && n < size - 1) continue;
    answer[n] = '\0';
    answer[strcspn(answer, "\n")] = '\0';
    while (*answer && isspace((unsigned char)*answer)) memmove(answer, answer + 1, strlen(answer));
    for (n = strlen(answer); n > 0 && isspace((unsigned char)answer[n - 1]); n--) answer[n - 1] = '\0';
    return 1;
  }
  (void)fputc('\n', stdout);
  return 0;
}

static int terminal_gone(struct uh_err *err) {
  (void)uh_fail(err, UH_ERR_INTERRUPTED, "the terminal is gone");
  uh_err_remedy(err, "`unhybrid resume` goes on");
  return -1;
}

/* The object's name, where it is one that a person can read and type; else the verb. */
static const char *word_to_type(const struct uh_planned *p) {
  const char *name = p->action.subject.name;
  UH_CLEANUP(uh_str_clear) struct uh_str clean = {0};
  size_t n = name ? strlen(name) : 0;
  if (n == 0 || n > TYPED_MAX || isspace((unsigned char)name[0]) || isspace((unsigned char)name[n - 1]))
    return uh_verb_name(p->action.verb);
  uh_terminal_text(&clean, name, n);
  return strcmp(uh_str_or(&clean, ""), name) == 0 ? name : uh_verb_name(p->action.verb);
}

/* 1 typed, 0 not, -1 gone. */
static int confirm(const char *question, const char *word, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  char answer[ANSWER_MAX];
  if (question && *question) {
    uh_str_add(&text, "  ");
    uh_terminal_text(&text, question, strlen(question));
    uh_str_addc(&text, '\n');
  }
  uh_str_addf(&text, "  Type %s to go on, anything else to think again: ", word);
  int r = read_line(uh_str_or(&text, "? "), answer, sizeof answer);
  if (r < 0) return terminal_gone(err);
  if (r > 0 && strcmp(answer, word) == 0) return 1;
  if (r > 0) (void)fputs("  That is something else; nothing was done.\n", stdout);
  return 0;
}

static int confirm_all(const struct uh_event *e, struct uh_err *err) {
  if (!e->action) return 1;
  const struct uh_action *a = &e->action->action;
  int r = a->approval ? confirm(a->approval, "approve", err) : 1;
  if (r == 1 && (a->reversible == UH_IRREVERSIBLE || !a->approval))
    r = confirm(a->reversible == UH_IRREVERSIBLE ? "This cannot be undone." : "", word_to_type(e->action), err);
  return r;
}

/* 1 there is one, 0 Ctrl-C or none, -1 gone. */
static int ask_reason(char *reason, size_t size, struct uh_err *err) {
  char answer[ANSWER_MAX];
  int r =
      read_line("  Why is it skipped? What follows it is skipped too. (empty: think again) ", answer, sizeof answer);
  if (r < 0) return terminal_gone(err);
  if (r == 0 || !*answer) return 0;
  (void)snprintf(reason, size, "%s", answer);
  return 1;
}

/* The one of the words that the answer begins, and no other; -1 none. */
static int which(const char *answer, const char *const *words, int n) {
  int found = -1;
  size_t length = strlen(answer);
  for (int i = 0; i < n && length; i++) {
    if (strncasecmp(words[i], answer, length) != 0) continue;
    if (found >= 0) return -1;
    found = i;
  }
  return found;
}

/* 1 chosen, 0 ask again, -1 gone. */
static int take_answer(const struct uh_event *e, bool typed, const char *answer, enum uh_choice *ret, char *reason,
                       size_t size, struct uh_err *err) {
  static const char *const words[] = {"yes", "stop", "skip", "details"};
  UH_CLEANUP(uh_str_clear) struct uh_str out = {0};
  int r;
  switch (which(answer, words, e->action ? 4 : 2)) {
    case 0:
      r = typed ? confirm_all(e, err) : 1;
      if (r == 1) *ret = UH_CHOICE_YES;
      return r;
    case 1: *ret = UH_CHOICE_STOP; return 1;
    case 2:
      r = ask_reason(reason, size, err);
      if (r == 1) *ret = UH_CHOICE_SKIP;
      return r;
    case 3:
      add_details(&out, e);
      show(&out);
      return 0;
    default: return 0;
  }
}

int uh_guide_ask(void *user, const struct uh_event *e, bool typed, enum uh_choice *ret_choice, char *reason,
                 size_t size, struct uh_err *err) {
  struct uh_talk *talk = user;
  UH_CLEANUP(uh_str_clear) struct uh_str out = {0};
  char answer[ANSWER_MAX];
  enum uh_choice choice = UH_CHOICE_STOP;
  uh_talk_wipe(talk);
  if (e->action && e->type == UH_EVENT_BEGIN) add_action(&out, talk, e);
  show(&out);
  for (int taken = 0; !taken;) {
    int r = read_line(e->action ? "  yes, skip, details or stop? " : "  Go on? yes or stop: ", answer, sizeof answer);
    if (r < 0) return terminal_gone(err);
    taken = r == 0 ? 1 : take_answer(e, typed, answer, &choice, reason, size, err);
    if (taken < 0) return -1;
    if (uh_cancel_asked(NULL)) taken = 1, choice = UH_CHOICE_STOP;
  }
  *ret_choice = choice;
  return 0;
}

/* ---- what happens ---- */

static void add_step(struct uh_str *out, const struct uh_talk *talk, const struct uh_event *e) {
  UH_CLEANUP(uh_str_clear) struct uh_str title = {0};
  if (e->step)
    uh_str_addf(&title, "%s  %s", e->step->step->requirement, e->step->step->title);
  else
    uh_str_add(&title, "Before it begins");
  add_heading(out, talk, uh_str_or(&title, ""));
  if (e->gate && e->gate->n) uh_guide_gate(out, width(), e->gate, e->shut, talk->cli->verbose);
}

static void add_result(struct uh_str *out, const struct uh_talk *talk, const struct uh_event *e) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  const char *label = uh_talk_label(talk, e->action);
  uh_str_addf(&text, "%s%s%s", label, *label ? " " : "", uh_action_state_name(e->state));
  if (e->why && *e->why) uh_str_addf(&text, ": %s", e->why);
  add_row(out, "=>", uh_str_or(&text, ""));
}

static void add_waiting_for(struct uh_str *out, const struct uh_event *e) {
  char until[UH_TIME_TEXT];
  if (e->type == UH_EVENT_OPERATOR) {
    uh_str_add(out, "  This is for a person to run; it is done when it can be seen to be done:\n");
    if (e->action) add_commands(out, e);
  }
  if (e->why && *e->why) add_row(out, "Waits", e->why);
  if (e->until > uh_cli_now()) add_row(out, "Until", uh_time_text(e->until, until));
}

void uh_guide_tell(struct uh_talk *talk, const struct uh_event *e) {
  UH_CLEANUP(uh_str_clear) struct uh_str out = {0};
  switch (e->type) {
    case UH_EVENT_STEP: add_step(&out, talk, e); break;
    case UH_EVENT_RESULT: add_result(&out, talk, e); break;
    case UH_EVENT_OPERATOR:
    case UH_EVENT_PAUSE: add_waiting_for(&out, e); break;
    case UH_EVENT_BEGIN:
    case UH_EVENT_WAITING:
    case UH_EVENT_STOP: break; /* asked about, drawn, and told at the end */
  }
  show(&out);
}
