/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a plan: every step looks at the same facts, in the order in which they are carried out; what cannot be carried
 * out takes with it what comes after it; and each action gets the state that its object will be found in.
 */
#include <sqlite3.h>

#include <unhybrid/text.h>

#include "plan/plan_internal.h"

enum { STEPS_MAX = UH_PLAN_STEPS_MAX };

struct making {
  const struct uh_plan_options *options;
  struct judge judge;
  sqlite3_stmt *rows; /* of one object */
  struct uh_anchors *anchors;
  const struct uh_step *all[STEPS_MAX]; /* in their order, those too that the sweep leaves out */
  size_t n_all;
  const struct uh_step *steps[STEPS_MAX];
  size_t n;
  bool halted[STEPS_MAX];                 /* not carried out: neither is what follows it */
  const struct uh_step *UH_NULLABLE left; /* of the cleanup: the uninstall waits for it */
  char servers[512];                      /* why the phase after the uninstall waits; "" it does not */
  json_t *document, *step_list, *action_list;
  struct uh_str key; /* of the object at hand */
  json_t *states;    /* {subject's key: its image after the actions so far, null: gone} */
};

static void clear(struct making *m) {
  sqlite3_finalize(m->rows);
  sqlite3_close(m->judge.db);
  m->anchors = uh_anchors_free(m->anchors);
  json_decref(m->document);
  json_decref(m->states);
  uh_str_clear(&m->key);
}

/* ---- which steps ---- */

static bool listed(const char *const *list, const char *id) {
  for (; list && *list; list++)
    if (strcmp(*list, id) == 0) return true;
  return false;
}

static int check_chosen(const struct making *m, const char *id, struct uh_err *err) {
  for (size_t i = 0; i < m->n; i++)
    if (strcmp(m->steps[i]->id, id) == 0) return 0;
  const char *near = uh_step_nearest(id);
  uh_fail(err, UH_ERR_USAGE, "there is no step \"%.*s\"%s", UH_HEAD(id, 80),
          m->options->server_gone_only && uh_step_find(id) ? " after the uninstall" : "");
  if (near && strcmp(near, id) != 0) uh_err_remedy(err, "did you mean %s?", near);
  uh_err_remedy(err, "unhybrid steps list names them");
  return -1;
}

/* The sweep's plan has the steps of its phase alone: what came before has been done, or is not its business. */
static int choose_steps(struct making *m, struct uh_err *err) {
  const struct uh_step *all[STEPS_MAX], **ordered = m->all;
  size_t n = 0;
  const struct uh_step *step;
  while ((step = m->options->steps ? m->options->steps[n] : uh_step_at(n)) != NULL) {
    if (n == STEPS_MAX) return uh_fail(err, UH_ERR_INTERNAL, "there are more than %d steps", STEPS_MAX);
    all[n++] = step;
  }
  if (uh_order_steps(all, n, ordered, err) < 0) return -1;
  m->n_all = n;
  for (size_t i = 0; i < n; i++)
    if (!m->options->server_gone_only || ordered[i]->phase == UH_PHASE_AFTER_UNINSTALL) m->steps[m->n++] = ordered[i];
  for (const char *const *id = m->options->only; id && *id; id++)
    if (check_chosen(m, *id, err) < 0) return -1;
  return m->options->until ? check_chosen(m, m->options->until, err) : 0;
}

/* ---- is a server left? ---- */

static int look_for_servers(struct making *m, struct uh_err *err) {
  char why[256];
  int lacking = uh_judge_lacking(&m->judge, "on-premises:ExchangeServer", why, sizeof why, err);
  if (lacking < 0) return -1;
  if (lacking) {
    uh_print(m->servers, sizeof m->servers, "whether an Exchange server is left is not known: %s", why);
    return 0;
  }
  struct uh_servers servers;
  if (uh_servers_count(m->judge.db, &servers, err) < 0) return -1;
  if (servers.left)
    uh_print(m->servers, sizeof m->servers, "waits for the uninstall: %.*s%s is still there",
             UH_HEAD(*servers.name ? servers.name : "a server", 200), servers.left > 1 ? ", and not alone," : "");
  else if (servers.ghosts && servers.answers)
    uh_print(m->servers, sizeof m->servers,
             "whether an Exchange server is left is not known: one answers, and no computer account has the name "
             "of any that is listed (%.*s)",
             UH_HEAD(servers.ghost_names, 200));
  return 0;
}

/* ---- why a step is not carried out ---- */

static bool is_chosen(const struct making *m, size_t i) {
  const char *until = m->options->until;
  bool named = listed(m->options->only, m->steps[i]->id);
  if ((m->options->only || m->steps[i]->opt_in) && !named) return false;
  for (size_t k = 0; until && k < i; k++)
    if (strcmp(m->steps[k]->id, until) == 0) return false; /* it comes later */
  return true;
}

/* The first step that this one follows and that is not carried out. */
static const struct uh_step *halted_before(const struct making *m, size_t i) {
  for (const struct uh_follows *f = m->steps[i]->follows; f && f->step; f++)
    for (size_t k = 0; k < i; k++)
      if (m->halted[k] && strcmp(m->steps[k]->id, f->step) == 0) return m->steps[k];
  return NULL;
}

static void skip(struct uh_step_run *run, const char *why) {
  run->state = UH_STEP_SKIPPED;
  uh_str_reset(&run->why);
  uh_str_add(&run->why, why);
  json_array_clear(run->actions);
}

static void add_not_chosen(const struct making *m, const struct uh_step *step, struct uh_str *why) {
  if (step->opt_in)
    uh_str_addf(why, "is done only where it is named: --only %s", step->id);
  else
    uh_str_add(why, m->options->until && !m->options->only ? "comes after the step that --until names" : "not chosen");
}

/* The uninstall comes when nothing else is left but what a person may leave as it is. */
static void note_left(struct making *m, size_t i, const struct uh_step_run *run) {
  bool left = run->state == UH_STEP_UNKNOWN || run->state == UH_STEP_BLOCKED;
  size_t k;
  const json_t *action;
  if (m->steps[i]->phase != UH_PHASE_BEFORE_UNINSTALL || m->left) return;
  json_array_foreach(run->actions, k, action) if (!json_object_get(action, "approval")) left = true;
  if (left) m->left = m->steps[i];
}

static void decide(struct making *m, size_t i, struct uh_step_run *run) {
  UH_CLEANUP(uh_str_clear) struct uh_str why = {0};
  const struct uh_step *before = halted_before(m, i);
  bool left_to_tools = m->options->tools && uh_step_asks(m->steps[i], UH_CHECK_TOOLS);
  if (run->state != UH_STEP_NOTHING && !is_chosen(m, i) && !left_to_tools) {
    add_not_chosen(m, m->steps[i], &why);
    if (run->why.len) uh_str_addf(&why, "; %s", run->why.s);
    skip(run, uh_str_or(&why, "not chosen"));
  } else if (run->state == UH_STEP_ACTIONS && before) {
    uh_str_addf(&why, "follows %s, which is not carried out", before->id);
    skip(run, uh_str_or(&why, "follows a step that is not carried out"));
  }
  m->halted[i] = run->state == UH_STEP_SKIPPED || run->state == UH_STEP_UNKNOWN || run->state == UH_STEP_BLOCKED;
}

/* ---- what becomes of an object ---- */

static int find_image(struct making *m, const struct uh_subject *s, const char *key, json_t **ret, struct uh_err *err) {
  json_t *image = json_object_get(m->states, key);
  if (!image) {
    if (uh_configuration_image(m->judge.db, &m->rows, s, &image, err) < 0) return -1;
    if (!image) image = json_false(); /* not shown */
    if (json_object_set_new(m->states, key, image) < 0) return uh_fail_nomem(err);
  }
  *ret = image;
  return 0;
}

static int put_state(struct making *m, const struct uh_action *a, json_t *planned, struct uh_err *err) {
  json_t *image = NULL;
  char hex[65] = "";
  const char *source = "";
  uh_str_reset(&m->key);
  (void)uh_subject_key(&a->subject, &m->key);
  if (!uh_str_text(&m->key)) return uh_fail_nomem(err);
  if (find_image(m, &a->subject, uh_str_text(&m->key), &image, err) < 0) return -1;
  if (json_is_null(image))
    return uh_fail(err, UH_ERR_INTERNAL, "%s acts on what an earlier action takes away",
                   json_string_value(json_object_get(planned, "id")));
  if (!json_is_object(image) && a->verb != UH_VERB_DO)
    return uh_fail(err, UH_ERR_INTERNAL, "%s acts on what the facts do not show",
                   json_string_value(json_object_get(planned, "id")));
  if (json_is_object(image)) {
    source = uh_image_source(image);
    if (uh_image_fingerprint(image, source, hex, err) < 0) return -1;
    if (json_object_set_new(planned, "image", json_deep_copy(image)) < 0) return uh_fail_nomem(err);
  }
  bool done_by_person = a->verb == UH_VERB_DO;
  if (json_object_set_new(planned, "fingerprint", json_string(done_by_person ? "" : hex)) < 0 ||
      json_object_set_new(planned, "fingerprint_source", json_string(done_by_person ? "" : source)) < 0)
    return uh_fail_nomem(err);
  if (json_is_object(image) && !uh_image_apply(image, a) &&
      json_object_set_new(m->states, uh_str_text(&m->key), json_null()) < 0)
    return uh_fail_nomem(err);
  return 0;
}

/* ---- checks that say what must not be done ---- */

bool uh_step_asks(const struct uh_step *step, const char *check) {
  size_t n = strlen(check);
  for (const char *p = step->checks; *p; p += strcspn(p, ", "), p += strspn(p, ", "))
    if (strcspn(p, ", ") == n && strncmp(p, check, n) == 0) return true;
  return false;
}

bool uh_plan_passes_over(const struct uh_plan *plan, const char *check) {
  if (strcmp(check, UH_CHECK_TOOLS) != 0 && strcmp(check, UH_CHECK_SERVER_GONE) != 0) return false;
  for (size_t i = 0; i < uh_plan_step_count(plan); i++) {
    const struct uh_plan_step *s = uh_plan_step_at(plan, i);
    if (s->n && uh_step_asks(s->step, check)) return false;
  }
  return true;
}

/* ---- into the document ---- */

/* Without an account that may write there a person runs the same cmdlets. */
static int hand_to_operator(struct making *m, const struct uh_action *a, json_t *planned, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  if (a->executor != UH_BY_EXCHANGE_SERVER || m->options->can[UH_BY_EXCHANGE_SERVER]) return 0;
  for (const struct uh_change *c = a->changes; c && c->cmdlet; c++) {
    if (uh_change_powershell(c, &text, err) < 0) return -1;
    uh_str_addc(&text, '\n');
  }
  if (!uh_str_text(&text) ||
      json_object_set_new(planned, "executor", json_string(uh_executor_name(UH_BY_OPERATOR))) < 0 ||
      json_object_set_new(planned, "commands", json_string(uh_str_text(&text))) < 0)
    return uh_fail_nomem(err);
  return a->where || json_object_set_new(planned, "where", json_string("in Exchange Management Shell")) == 0
             ? 0
             : uh_fail_nomem(err);
}

static bool comes_before(const struct making *m, size_t i, const char *id) {
  for (size_t k = 0; k < m->n_all && m->all[k] != m->steps[i]; k++)
    if (strcmp(m->all[k]->id, id) == 0) return true;
  return false;
}

/* The rules look at the document, as they will again when it is carried out. */
static int check_allowed(const struct making *m, const struct uh_step *step, const struct uh_action *a,
                         const json_t *planned, struct uh_err *err) {
  struct uh_planned p = {.id = json_string_value(json_object_get(planned, "id")), .phase = step->phase, .action = *a};
  if (uh_owner_of(planned, &p.owner, err) < 0) return -1;
  return uh_allowed(&p, m->anchors, json_object_get(planned, "image"), err);
}

static int put_action(struct making *m, size_t i, json_t *planned, struct uh_err *err) {
  const struct uh_step *step = m->steps[i];
  struct uh_arena arena UH_CLEANUP(uh_arena_clear) = {0};
  struct uh_action a = {0};
  if (json_array_size(m->action_list) >= UH_PLAN_ACTIONS_MAX)
    return uh_fail(err, UH_ERR_DATA, "a plan of more than %d actions is not made", UH_PLAN_ACTIONS_MAX);
  if (uh_action_decode(&arena, planned, &a, err) < 0) return -1;
  if (a.after && !comes_before(m, i, a.after))
    return uh_fail(err, UH_ERR_INTERNAL, "an action of %s comes after %s, which does not come before it", step->id,
                   a.after);
  json_int_t number = (json_int_t)json_array_size(m->action_list) + 1;
  if (json_object_set_new(planned, "number", json_integer(number)) < 0 ||
      json_object_set_new(planned, "step", json_string(step->id)) < 0 ||
      json_object_set_new(planned, "requirement", json_string(step->requirement)) < 0 ||
      json_object_set_new(planned, "step_title", json_string(step->title)) < 0 ||
      json_object_set_new(planned, "phase", json_string(uh_phase_name(step->phase))) < 0 ||
      json_array_append(m->action_list, planned) < 0)
    return uh_fail_nomem(err);
  return put_state(m, &a, planned, err) < 0 || check_allowed(m, step, &a, planned, err) < 0 ||
                 hand_to_operator(m, &a, planned, err) < 0
             ? -1
             : 0;
}

static int put_step(struct making *m, size_t i, struct uh_step_run *run, struct uh_err *err) {
  const struct uh_step *step = m->steps[i];
  size_t k;
  json_t *action;
  json_t *entry =
      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:O, s:O}", "id", step->id, "requirement", step->requirement, "title",
                step->title, "phase", uh_phase_name(step->phase), "state", uh_step_state_name(run->state), "why",
                run->why.len ? run->why.s : "", "objects", run->objects, "notes", run->notes);
  if (!entry || json_array_append_new(m->step_list, entry) < 0) return uh_fail_nomem(err);
  json_array_foreach(run->actions, k, action) {
    if (put_action(m, i, action, err) < 0) return -1;
  }
  return 0;
}

/* What a step says of an object holds for the time when it may act. */
static int speak_of_later(struct uh_step_run *run, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  size_t i;
  json_t *object;
  json_array_clear(run->notes);
  json_array_foreach(run->objects, i, object) {
    const char *reason = json_string_value(json_object_get(object, "reason"));
    uh_str_reset(&text);
    uh_str_addf(&text, "once no server is left: %s", reason ? reason : "");
    if (!uh_str_text(&text) || json_object_set_new(object, "reason", json_string(uh_str_text(&text))) < 0)
      return uh_fail_nomem(err);
  }
  return 0;
}

/* Said of a step whose objects are shown all the same. */
static int look_only(struct uh_step_run *run, const char *why, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  bool ever = run->step->phase == UH_PHASE_BEFORE_UNINSTALL;
  if (uh_discover(run, err) < 0) return -1;
  if (ever && run->state == UH_STEP_NOTHING) return 0;
  if (run->step->phase == UH_PHASE_AFTER_UNINSTALL && speak_of_later(run, err) < 0) return -1;
  uh_str_add(&text, why);
  if (run->state == UH_STEP_UNKNOWN && run->why.len) uh_str_addf(&text, "; %s", run->why.s);
  skip(run, uh_str_or(&text, why));
  return 0;
}

static int leave_to_tools(const struct making *m, struct uh_step_run *run, struct uh_err *err) {
  char why[900];
  uh_print(why, sizeof why,
           "never, while recipients are managed with the management tools (tools.in-use: %.*s): the last server "
           "is powered off, and what the tools need stays",
           UH_HEAD(m->options->tools, 500));
  return look_only(run, why, err);
}

static void wait_for_cleanup(const struct making *m, struct uh_step_run *run) {
  char why[200];
  uh_print(why, sizeof why, "%s waits for the cleanup: %s is not done",
           run->step->phase == UH_PHASE_UNINSTALL ? "the uninstall" : "it", m->left->id);
  skip(run, why);
}

static int discover(const struct making *m, const struct uh_step *step, struct uh_step_run *run, struct uh_err *err) {
  bool after = step->phase == UH_PHASE_AFTER_UNINSTALL;
  if (m->options->tools && uh_step_asks(step, UH_CHECK_TOOLS)) return leave_to_tools(m, run, err);
  /* On the tools' way the uninstall never comes: what Exchange Online has left waits for the cleanup alone. */
  if (after && m->options->tools && m->left) return wait_for_cleanup(m, run), 0;
  if (after && *m->servers && !m->options->tools) return look_only(run, m->servers, err);
  if (step->phase == UH_PHASE_UNINSTALL && m->left) return wait_for_cleanup(m, run), 0;
  return uh_discover(run, err);
}

static int plan_step(struct making *m, size_t i, struct uh_err *err) {
  UH_CLEANUP(uh_discover_clear)
  struct uh_step_run run = {
      .judge = &m->judge, .options = m->options, .anchors = m->anchors, .step = m->steps[i], .no_server = !*m->servers};
  if (uh_discover_begin(&run, err) < 0 || discover(m, m->steps[i], &run, err) < 0) return -1;
  note_left(m, i, &run);
  decide(m, i, &run);
  if (run.why.failed) return uh_fail_nomem(err);
  return put_step(m, i, &run, err);
}

static int put_head(struct making *m, struct uh_err *err) {
  char now[UH_TIME_TEXT];
  m->document = json_pack("{s:s, s:s, s:s, s:s, s:o, s:[], s:[]}", "schema", UH_PLAN_SCHEMA, "made_at",
                          uh_time_text(m->judge.now, now), "organization", m->options->organization, "tenant",
                          m->options->tenant ? m->options->tenant : "", "anchors", uh_anchors_encode(m->anchors),
                          "steps", "actions");
  m->states = json_object();
  m->step_list = json_object_get(m->document, "steps");
  m->action_list = json_object_get(m->document, "actions");
  return m->document && m->states ? 0 : uh_fail_nomem(err);
}

int uh_plan_make(const struct uh_plan_options *options, struct uh_plan **ret_plan, struct uh_err *err) {
  UH_CLEANUP(clear)
  struct making m = {
      .options = options,
      .judge = {.now = options->now, .fresh_for = options->fresh_for ? options->fresh_for : UH_FRESH_FOR_DEFAULT}};
  if (choose_steps(&m, err) < 0 || uh_facts_open(options->facts, &m.judge.db, err) < 0) return -1;
  /* SQLite makes these known at their first use, by a statement that a step may not run. */
  sqlite3_exec(m.judge.db, "SELECT 1 FROM json_each('[]'), json_tree('[]')", NULL, NULL, NULL);
  if (uh_anchors_read(m.judge.db, options->known, options->stated, &m.anchors, err) < 0 ||
      look_for_servers(&m, err) < 0 || put_head(&m, err) < 0)
    return -1;
  for (size_t i = 0; i < m.n; i++)
    if (plan_step(&m, i, err) < 0) return -1;
  char id[sizeof "sha256:" + 64];
  if (uh_plan_identify(m.document, id, err) < 0) return -1;
  if (json_object_set_new(m.document, "id", json_string(id)) < 0) return uh_fail_nomem(err);
  return uh_plan_revive(m.document, options->steps, ret_plan, err);
}
