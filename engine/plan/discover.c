/* SPDX-License-Identifier: Apache-2.0 */
/* One step looks at the facts and says what there is to do. It says it here, and nowhere else. */
#include <stdarg.h>

#include <unhybrid/text.h>

#include "executors/executors.h"
#include "plan/plan_internal.h"

enum { WHY_MAX = 4096 };

/* ---- what it reads ---- */

int uh_step_query(struct uh_step_run *run, const char *sql, struct uh_query **ret_query, struct uh_err *err) {
  return uh_judge_query(run->judge, sql, ret_query, err);
}

const char *uh_step_anchor(struct uh_step_run *run, const char *name) {
  return uh_anchors_get(run->anchors, name, 0);
}
bool uh_step_is_anchor(struct uh_step_run *run, const char *name, const char *value) {
  return uh_anchors_have(run->anchors, name, value);
}
int64_t uh_step_now(const struct uh_step_run *run) {
  return run->judge->now;
}
bool uh_step_can(const struct uh_step_run *run, enum uh_executor executor) {
  return executor <= UH_BY_OPERATOR && run->options->can[executor];
}

/* ---- what it says ---- */

/* What is not known outweighs what stands in the way: that may look different once it is known. */
static int set_state(struct uh_step_run *run, enum uh_step_state state, const char *why, struct uh_err *err) {
  if (run->state == state) {
    if (run->why.len + strlen(why) < WHY_MAX) uh_str_addf(&run->why, "; %s", why);
  } else if (run->state != UH_STEP_UNKNOWN) {
    run->state = state;
    uh_str_reset(&run->why);
    uh_str_add(&run->why, why);
  }
  return uh_str_text(&run->why) ? 0 : uh_fail_nomem(err);
}

/* What stands on a server, or below its object, and is shown by the server alone: it went with the last one. */
static bool is_of_servers(const char *set) {
  static const char *const sets[] = {"on-premises:ExchangeCertificate", "on-premises:WebServicesVirtualDirectory",
                                     "on-premises:ReceiveConnector"};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    if (strcmp(sets[i], set) == 0) return true;
  return false;
}

static int tell_lacking(void *user, const char *set, const char *state, const char *why, struct uh_err *err) {
  const struct uh_step_run *run = user;
  char text[800];
  if (run->no_server && is_of_servers(set)) return 0;
  uh_print(text, sizeof text, "%s is %s%s%s%s", set, state, *why ? " (" : "", why, *why ? ")" : "");
  return set_state(user, UH_STEP_UNKNOWN, text, err);
}

int uh_step_need(struct uh_step_run *run, const char *needs, struct uh_err *err) {
  if (uh_sets_lacking(run->judge, needs, tell_lacking, run, err) < 0) return -1;
  return run->state != UH_STEP_UNKNOWN;
}

int uh_step_blocked(struct uh_step_run *run, struct uh_err *err, const char *fmt, ...) {
  UH_CLEANUP(uh_freep) char *why = NULL;
  va_list ap;
  va_start(ap, fmt);
  int n = vasprintf(&why, fmt, ap);
  va_end(ap);
  if (n < 0) {
    why = NULL;
    return uh_fail_nomem(err);
  }
  return set_state(run, UH_STEP_BLOCKED, why, err);
}

int uh_step_note(struct uh_step_run *run, struct uh_err *err, const char *fmt, ...) {
  UH_CLEANUP(uh_freep) char *text = NULL;
  va_list ap;
  va_start(ap, fmt);
  int n = vasprintf(&text, fmt, ap);
  va_end(ap);
  if (n < 0) {
    text = NULL;
    return uh_fail_nomem(err);
  }
  return json_array_append_new(run->notes, json_string(text)) < 0 ? uh_fail_nomem(err) : 0;
}

static int fault(const struct uh_step_run *run, const struct uh_subject *s, const char *what, struct uh_err *err) {
  return uh_fail(err, UH_ERR_INTERNAL, "the step %s is wrong about %.*s %.*s: %s", run->step->id, UH_HEAD(s->kind, 60),
                 UH_HEAD(s->name ? s->name : "", 120), what);
}

static int put_object(struct uh_step_run *run, const struct uh_subject *s, const char *key, enum uh_owner owner,
                      const char *reason, struct uh_err *err) {
  json_t *object =
      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "side", s->side, "kind", s->kind, "guid", s->guid ? s->guid : "",
                "name", s->name ? s->name : "", "owner", uh_owner_name(owner), "reason", reason);
  json_t *before = json_object_get(run->owners, key);
  if (!object) return fault(run, s, "a text is no UTF-8, or there is no memory", err);
  if (before) { /* said again: the latter holds */
    json_int_t place = json_integer_value(before);
    return json_array_set_new(run->objects, (size_t)place, object) < 0 ? uh_fail_nomem(err) : 0;
  }
  if (json_object_set_new(run->owners, key, json_integer((json_int_t)json_array_size(run->objects))) < 0) {
    json_decref(object);
    return uh_fail_nomem(err);
  }
  return json_array_append_new(run->objects, object) < 0 ? uh_fail_nomem(err) : 0;
}

int uh_step_owner(struct uh_step_run *run, const struct uh_subject *s, enum uh_owner owner, struct uh_err *err,
                  const char *fmt, ...) {
  UH_CLEANUP(uh_freep) char *reason = NULL;
  UH_CLEANUP(uh_str_clear) struct uh_str why = {0};
  va_list ap;
  va_start(ap, fmt);
  int n = vasprintf(&reason, fmt, ap);
  va_end(ap);
  if (n < 0) {
    reason = NULL;
    return uh_fail_nomem(err);
  }
  uh_str_reset(&run->key);
  if (!uh_subject_key(s, &run->key)) { /* not to be acted on, but to be shown */
    uh_str_addc(&run->key, ':');
    uh_str_add(&run->key, s->name ? s->name : "");
  }
  if (!uh_str_text(&run->key)) return uh_fail_nomem(err);
  if (put_object(run, s, uh_str_text(&run->key), owner, reason, err) < 0) return -1;
  if (owner != UH_OWNER_UNKNOWN) return 0;
  uh_str_addf(&why, "whose %s \"%.*s\" is cannot be told: %.*s", s->kind, UH_HEAD(s->name ? s->name : "", 120),
              UH_HEAD(reason, 400));
  return set_state(run, UH_STEP_UNKNOWN, uh_str_or(&why, "out of memory"), err);
}

/* ---- actions ---- */

static const json_t *owner_of(const struct uh_step_run *run, const char *key) {
  const json_t *place = json_object_get(run->owners, key);
  return place ? json_array_get(run->objects, (size_t)json_integer_value(place)) : NULL;
}

static bool is_owner(const json_t *object, enum uh_owner owner) {
  const char *name = json_string_value(json_object_get(object, "owner"));
  return name && strcmp(name, uh_owner_name(owner)) == 0;
}

static const char *wrong_form(const struct uh_action *a) {
  int ways = (a->changes != NULL) + (a->graph != NULL) + (a->directory != NULL) + (a->commands != NULL);
  if (!a->expect || a->expect->what == UH_EXPECT_END) return "an action has to say what is true afterwards";
  if (!a->why || !a->effect) return "an action has to say why, and what stops working";
  if (ways != 1) return "an action has one of changes, graph, directory and commands";
  if (a->changes && !a->changes->cmdlet) return "an action without a change";
  if (a->changes && a->executor != UH_BY_EXCHANGE_SERVER && a->executor != UH_BY_EXCHANGE_ONLINE)
    return "cmdlets are run by Exchange Server or by Exchange Online";
  if ((a->executor == UH_BY_GRAPH) != (a->graph != NULL)) return "Graph carries out changes of Graph, and nothing else";
  if ((a->executor == UH_BY_DIRECTORY) != (a->directory != NULL))
    return "Active Directory's own executor carries out changes of Active Directory, and nothing else";
  if (a->directory && (a->directory->action > UH_DIRECTORY_MODIFY || strcmp(a->subject.kind, UH_DIRECTORY_ENTRY) != 0))
    return "a step deletes or edits an entry of the directory, whose kind is " UH_DIRECTORY_ENTRY;
  if ((a->executor == UH_BY_OPERATOR) != (a->commands != NULL)) return "commands are a person's, and only a person's";
  if (a->reversible >= UH_REVERSIBLE_BY_OPERATOR && !a->undo)
    return "an action has to say how, or why not, it is undone";
  return NULL;
}

bool uh_owner_may_be_acted_on(const struct uh_step *step, enum uh_owner owner) {
  if (owner == UH_OWNER_SERVER) return step->phase == UH_PHASE_UNINSTALL;
  return owner == UH_OWNER_HYBRID || owner == UH_OWNER_SHARED;
}

static const char *wrong_owner(const struct uh_step *step, const json_t *object, enum uh_verb verb) {
  bool shared = is_owner(object, UH_OWNER_SHARED);
  bool servers = step->phase == UH_PHASE_UNINSTALL && is_owner(object, UH_OWNER_SERVER);
  if (!object) return "an action on an object of which it was not said whose it is";
  if (!shared && !servers && !is_owner(object, UH_OWNER_HYBRID))
    return "an action on an object that is not the hybrid deployment's";
  if (shared && verb == UH_VERB_REMOVE) return "what is shared with others is reduced, never removed";
  return NULL;
}

/* Exactly what executors ask of a change: a plan holds nothing that could not be sent. */
static int check_change(const struct uh_action *a, const struct uh_change *change, struct uh_err *err) {
  int rc = a->executor == UH_BY_EXCHANGE_ONLINE ? uh_exchange_online_check(change, err)
                                                : uh_exchange_server_check(change, err);
  if (rc < 0) uh_err_where(err, "%s %.*s", a->subject.kind, UH_HEAD(a->subject.name ? a->subject.name : "", 120));
  return rc;
}

static bool takes_guid(enum uh_executor executor, const char *cmdlet) {
  return executor == UH_BY_EXCHANGE_ONLINE ? uh_exchange_online_by_guid(cmdlet) : uh_exchange_server_by_guid(cmdlet);
}

/* What a change does not say: its object is the subject. */
static int complete_changes(const struct uh_action *a, json_t *encoded, struct uh_err *err) {
  json_t *list = json_object_get(encoded, "changes");
  uint8_t guid[UH_GUID_SIZE];
  char text[UH_GUID_TEXT];
  bool has_guid = a->subject.guid && uh_guid_parse(a->subject.guid, guid);
  for (size_t i = 0; a->changes && a->changes[i].cmdlet; i++) {
    struct uh_change change = a->changes[i];
    json_t *one = json_array_get(list, i);
    if (!change.guid && has_guid && takes_guid(a->executor, change.cmdlet)) {
      change.guid = guid;
      if (json_object_set_new(one, "guid", json_string(uh_guid_text(guid, text))) < 0) return uh_fail_nomem(err);
    }
    if (!change.name && a->subject.name && json_object_set_new(one, "name", json_string(a->subject.name)) < 0)
      return uh_fail_nomem(err);
    if (check_change(a, &change, err) < 0) return -1;
  }
  if (a->directory) return uh_directory_check(a->directory, err);
  return a->graph ? uh_graph_check(a->graph, err) : 0;
}

/* By whose word it is known which organisation this is: what is this organisation's in the tenant rests on it. */
static int say_whose_word(const struct uh_step_run *run, const struct uh_action *a, json_t *encoded,
                          struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str why = {0};
  const char *word = uh_anchors_get(run->anchors, UH_ANCHOR_ORGANIZATION_STATED, 0);
  if (!word || strcmp(a->subject.side, "cloud") != 0) return 0;
  uh_str_addf(&why, "%s (that this organisation is %.*s is stated by %s)", a->why ? a->why : "", UH_GUID_TEXT - 1, word,
              word + UH_GUID_TEXT);
  if (!uh_str_text(&why) || json_object_set_new(encoded, "why", json_string(why.s)) < 0) return uh_fail_nomem(err);
  return 0;
}

static int put_action(struct uh_step_run *run, const struct uh_action *a, const char *id, const json_t *object,
                      struct uh_err *err) {
  json_t *encoded = uh_action_encode(a);
  if (!encoded) return fault(run, &a->subject, "a text is no UTF-8, or there is no memory", err);
  if (json_array_append_new(run->actions, encoded) < 0 || json_object_set_new(run->ids, id, json_true()) < 0 ||
      json_object_set_new(encoded, "id", json_string(id)) < 0 ||
      json_object_set(encoded, "owner", json_object_get(object, "owner")) < 0 ||
      json_object_set(encoded, "owner_reason", json_object_get(object, "reason")) < 0)
    return uh_fail_nomem(err);
  return say_whose_word(run, a, encoded, err) < 0 ? -1 : complete_changes(a, encoded, err);
}

/* Without a server its cmdlets cannot be run by anybody. */
static int say_no_server(struct uh_step_run *run, const struct uh_subject *s, struct uh_err *err) {
  return uh_step_note(
      run, err,
      "%s %s is still in Active Directory, and no server is left whose cmdlets could change it: the step "
      "hybrid-object deletes what is the hybrid deployment's alone.",
      s->kind, s->name ? s->name : "");
}

int uh_step_action(struct uh_step_run *run, const struct uh_action *a, struct uh_err *err) {
  struct uh_str *key = &run->key, *id = &run->id;
  const char *wrong = wrong_form(a);
  if (wrong) return fault(run, &a->subject, wrong, err);
  if (run->no_server && a->executor == UH_BY_EXCHANGE_SERVER) return say_no_server(run, &a->subject, err);
  uh_str_reset(key);
  uh_str_reset(id);
  if (!uh_subject_key(&a->subject, key)) /* a service that leaves an id out is no fault of the step's */
    return uh_step_owner(run, &a->subject, UH_OWNER_UNKNOWN, err, "its id was not obtained");
  if (!uh_action_id(run->step, a, id))
    return fault(run, &a->subject, "an action names its object by GUID or by what tells it from the others", err);
  if (!uh_str_text(key) || !uh_str_text(id)) return uh_fail_nomem(err);
  const json_t *object = owner_of(run, uh_str_text(key));
  wrong = wrong_owner(run->step, object, a->verb);
  if (wrong) return fault(run, &a->subject, wrong, err);
  if (json_object_get(run->ids, uh_str_text(id)))
    return uh_fail(err, UH_ERR_INTERNAL, "the step %s asks for the action %.*s twice", run->step->id,
                   UH_HEAD(uh_str_text(id), 300));
  if (json_array_size(run->actions) >= UH_PLAN_ACTIONS_MAX)
    return uh_fail(err, UH_ERR_DATA, "the step %s finds more than %d actions", run->step->id, UH_PLAN_ACTIONS_MAX);
  return put_action(run, a, uh_str_text(id), object, err);
}

/* ---- the step ---- */

void uh_discover_clear(struct uh_step_run *run) {
  uh_str_clear(&run->why);
  uh_str_clear(&run->key);
  uh_str_clear(&run->id);
  json_decref(run->objects);
  json_decref(run->actions);
  json_decref(run->notes);
  json_decref(run->owners);
  json_decref(run->ids);
  run->objects = run->actions = run->notes = run->owners = run->ids = NULL;
}

int uh_discover_begin(struct uh_step_run *run, struct uh_err *err) {
  run->state = UH_STEP_NOTHING;
  run->objects = json_array();
  run->actions = json_array();
  run->notes = json_array();
  run->owners = json_object();
  run->ids = json_object();
  return run->objects && run->actions && run->notes && run->owners && run->ids ? 0 : uh_fail_nomem(err);
}

int uh_discover(struct uh_step_run *run, struct uh_err *err) {
  int complete = uh_step_need(run, run->step->needs, err);
  if (complete <= 0) return complete;
  if (run->step->discover(run, err) < 0) {
    uh_err_where(err, "step %s", run->step->id);
    return -1;
  }
  if (run->state == UH_STEP_UNKNOWN || run->state == UH_STEP_BLOCKED) return json_array_clear(run->actions);
  run->state = json_array_size(run->actions) ? UH_STEP_ACTIONS : UH_STEP_NOTHING;
  return 0;
}
