/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting one action back. What is made anew is looked for by its name first, whoever asks, so that an undo which died
 * half way does not make a second one when it is asked for again.
 */
#include "plan/undo.h"

#include <strings.h>

#include "plan/plan_internal.h"
#include "plan/run.h"

enum { CHAIN_MAX = 64 };

struct putting_back {
  struct uh_run *run;
  const struct uh_planned *a;
  const struct uh_history_entry *e;
  struct uh_undo u;
  struct uh_planned then;  /* the action's object with what is expected after the undo */
  char guid[UH_GUID_TEXT]; /* of the object as it is now; "" not made yet */
  bool asked_before;       /* an earlier undo may have sent something */
  json_t *unset;           /* attributes that an entry could not get: what they name is not there any more */
  bool agreed, anew;       /* entries of the directory: a person wants a new one, and one was made */
  struct uh_str said;      /* why a change failed */
};

/* ---- may it be? ---- */

/* The GUID that an object has now: each undo may have made it anew. */
static const char *guid_now(const struct uh_history *h, const struct uh_subject *s) {
  const char *guid = s->guid ? s->guid : "";
  for (int step = 0; *guid && step < CHAIN_MAX; step++) {
    const struct uh_history_entry *found = NULL;
    for (size_t i = 0; i < uh_history_count(h); i++) {
      const struct uh_history_entry *e = uh_history_entry_at(h, i);
      if (!e->planned || !*e->is.became || !e->planned->action.subject.guid) continue;
      if (strcmp(e->planned->action.subject.kind, s->kind) != 0 ||
          strcmp(e->planned->action.subject.side, s->side) != 0)
        continue;
      if (strcasecmp(e->planned->action.subject.guid, guid) == 0 && strcasecmp(e->is.became, guid) != 0) found = e;
    }
    if (!found) break;
    guid = found->is.became;
  }
  return guid;
}

static bool is_done(const struct uh_history_entry *e) {
  return e->undoable && (e->is.state == UH_ACTION_VERIFIED || (e->is.state == UH_ACTION_WAITS && e->is.until));
}

/* What was done to the same object later has to be put back first. */
static const char *later_action(const struct uh_history *h, const struct uh_history_entry *e) {
  for (size_t i = 0; i < uh_history_count(h); i++) {
    const struct uh_history_entry *other = uh_history_entry_at(h, i);
    if (other == e || !other->planned || (!is_done(other) && other->is.state != UH_ACTION_UNDO_BEGUN)) continue;
    if (!uh_subject_same(&other->planned->action.subject, &e->planned->action.subject)) continue;
    if (other->is.begun_at > e->is.begun_at ||
        (other->is.begun_at == e->is.begun_at && other->planned->number > e->planned->number))
      return other->is.id;
  }
  return NULL;
}

static int look_at_state(const struct uh_history_entry *e, struct uh_err *err) {
  const char *id = e->is.id;
  if (is_done(e) || e->is.state == UH_ACTION_UNDO_BEGUN) return 0;
  switch (e->is.state) {
    case UH_ACTION_VERIFIED:
    case UH_ACTION_WAITS:
      if (e->is.state == UH_ACTION_WAITS && !e->is.until)
        return uh_fail(err, UH_ERR_USAGE, "%s waits for a person, and was not seen to be done", id);
      return uh_fail(err, UH_ERR_USAGE, "%s was so already: nothing was changed", id);
    case UH_ACTION_UNDONE: return uh_fail(err, UH_ERR_USAGE, "%s is put back already", id);
    case UH_ACTION_BEGUN:
    case UH_ACTION_APPLIED:
    case UH_ACTION_DOUBT:
      (void)uh_fail(err, UH_ERR_USAGE, "what became of %s is not known yet", id);
      uh_err_remedy(err, "run `unhybrid resume` first: it looks");
      return -1;
    default: return uh_fail(err, UH_ERR_USAGE, "%s was never done: it is %s", id, uh_action_state_name(e->is.state));
  }
}

static int look_at_request(const struct uh_history *h, const char *id, bool give_up,
                           struct uh_history_entry **ret_entry, struct uh_err *err) {
  struct uh_history_entry *e = uh_history_entry(h, id);
  if (!e || !e->planned) {
    (void)uh_fail(err, UH_ERR_USAGE, "the journal knows no action %.*s", UH_HEAD(id, 300));
    uh_err_remedy(err, "`unhybrid status` lists them");
    return -1;
  }
  if (look_at_state(e, err) < 0) return -1;
  if (give_up && e->is.state != UH_ACTION_UNDO_BEGUN)
    return uh_fail(err, UH_ERR_USAGE, "%s is not being put back: there is nothing to give up", id);
  if (e->planned->action.reversible == UH_IRREVERSIBLE)
    return uh_fail(err, UH_ERR_USAGE, "%s cannot be put back: %s", id, e->planned->action.undo);
  const char *later = later_action(h, e);
  if (later) {
    (void)uh_fail(err, UH_ERR_USAGE, "%s was done to the same object later", later);
    uh_err_remedy(err, "put that back first");
    return -1;
  }
  if (!e->is.image) return uh_fail(err, UH_ERR_USAGE, "%s has no before-image: nothing tells how it was", id);
  *ret_entry = e;
  return 0;
}

/* ---- what is to be sent ---- */

/* What names the object may itself have been made anew since. */
static int find_holders(struct putting_back *p, struct uh_err *err) {
  for (size_t i = 0; i < p->u.n_references; i++) {
    struct uh_undo_reference *r = &p->u.references[i];
    uint8_t *bytes = uh_undo_keep(&p->u, 1, UH_GUID_SIZE);
    if (!bytes) return uh_fail_nomem(err);
    r->holder.action.subject.guid = guid_now(p->run->h, &r->holder.action.subject);
    if (!uh_guid_parse(r->holder.action.subject.guid, bytes))
      return uh_fail(err, UH_ERR_INTERNAL, "%s: what names it has no GUID", p->a->id);
    r->change.guid = bytes;
    r->holder.action.changes = NULL;
  }
  return 0;
}

static int say(struct putting_back *p, struct uh_err *err) {
  const struct uh_action *action = &p->a->action;
  const struct uh_step *step = uh_step_find(p->a->step);
  bool person = action->executor == UH_BY_OPERATOR || action->reversible == UH_REVERSIBLE_BY_OPERATOR;
  if (uh_undo_open(&p->u, p->a, p->e->is.image, guid_now(p->run->h, &action->subject), uh_history_anchors(p->run->h),
                   err) < 0)
    return -1;
  int by_step = step && step->undo ? step->undo(&p->u, err) : 1;
  if (by_step < 0) return -1;
  if (by_step > 0 && !person && uh_undo_generic(&p->u, err) < 0) {
    if (action->undo) uh_err_remedy(err, "%s", action->undo);
    return -1;
  }
  if (!p->u.create.cmdlet && !p->u.n_ops && !p->u.commands.len) {
    if (!action->undo) return uh_fail(err, UH_ERR_USAGE, "%s cannot be put back: its step says no way", p->a->id);
    if (uh_undo_commands(&p->u, action->undo, action->where ? action->where : "", err) < 0) return -1;
  }
  if (find_holders(p, err) < 0) return -1;
  p->then = *p->a;
  /* Where nothing says what it is like, it is back when it is there: but not by what a wildcard answers in its place.
   */
  if (p->u.n_expect) p->then.action.expect = p->u.expect;
  p->then.action.subject.guid = p->u.guid;
  return 0;
}

/* ---- looking ---- */

/* The object as it is now: by its GUID, else, where it is made anew, by its name. */
static int look(struct putting_back *p, struct uh_look *ret_look) {
  struct uh_run *run = p->run;
  struct uh_err err = UH_ERR_INIT;
  if (uh_look(run, &p->then, UH_LOOK_BEFORE, ret_look) < 0) return -1;
  if (ret_look->seen != UH_SEEN_ABSENT || !p->u.name) return 0;
  uh_look_clear(ret_look);
  *ret_look = (struct uh_look){.why = UH_ERR_INIT};
  const struct uh_subject *s = &p->a->action.subject;
  if (run->w->find(run->w->user, s->side, s->kind, p->u.name_property, p->u.name, ret_look, &err) < 0)
    return uh_run_stop_err(run, &err, p->a->id);
  return 0;
}

static void json_freep(json_t **json) {
  json_decref(*json);
}

static int take_guid(struct putting_back *p, const char *image) {
  UH_CLEANUP(json_freep) json_t *all = json_loads(image, JSON_ALLOW_NUL, NULL);
  const json_t *row = json_array_get(json_object_get(all, "rows"), 0);
  const char *guid = json_string_value(json_object_get(row, "guid"));
  uint8_t bytes[UH_GUID_SIZE];
  if (!guid || !uh_guid_parse(guid, bytes))
    return uh_run_stop(p->run, 3, "%s: the new object's GUID was not told", p->a->id);
  (void)uh_guid_text(bytes, p->guid);
  return 0;
}

enum found {
  FOUND_BACK,  /* all is as it was */
  FOUND_OTHER, /* the object is there, and a part is not as it was */
  FOUND_ABSENT,
  FOUND_UNSEEN,
};

enum reference { REFERENCE_RIGHT, REFERENCE_EMPTY, REFERENCE_OTHER, REFERENCE_UNSEEN };

static bool is_empty(const char *image, const char *property) {
  UH_CLEANUP(json_freep) json_t *all = json_loads(image, JSON_ALLOW_NUL, NULL);
  size_t i;
  const json_t *row;
  json_array_foreach(json_object_get(all, "rows"), i, row) {
    const json_t *value = uh_property(json_object_get(row, "json"), property);
    const char *text = json_string_value(value);
    if (value && !json_is_null(value) && !(text && !*text)) return false;
  }
  return all != NULL;
}

/* Enum reference; why: what is not so. A holder that is gone names nothing, and is to name nothing. */
static int look_at_reference(struct putting_back *p, const struct uh_undo_reference *r, struct uh_str *why) {
  struct uh_look seen UH_CLEANUP(uh_look_clear) = {.why = UH_ERR_INIT};
  struct uh_err err = UH_ERR_INIT;
  char text[1200];
  uh_str_reset(why);
  if (uh_look(p->run, &r->holder, UH_LOOK_BEFORE, &seen) < 0) return -1;
  if (seen.seen == UH_SEEN_ABSENT) return REFERENCE_RIGHT;
  uh_str_addf(why, "%s %s: ", r->holder.action.subject.kind, r->holder.action.subject.name);
  if (seen.seen == UH_SEEN_UNKNOWN) {
    uh_str_add(why, uh_err_text(&seen.why, text, sizeof text));
    return REFERENCE_UNSEEN;
  }
  if (uh_planned_satisfied(&r->holder, UH_EXPECT_END, true, seen.image, why, &err) == 1) return REFERENCE_RIGHT;
  return is_empty(seen.image, r->property) ? REFERENCE_EMPTY : REFERENCE_OTHER;
}

/* The object is back; so has to be what named it. */
static int find_references(struct putting_back *p, struct uh_str *why) {
  for (size_t i = 0; i < p->u.n_references; i++) {
    int r = look_at_reference(p, &p->u.references[i], why);
    if (r < 0) return -1;
    if (r != REFERENCE_RIGHT) return FOUND_OTHER;
  }
  return FOUND_BACK;
}

/* Enum found, of an entry of the directory that is there. An undo that died half way may have brought back the top of
 * a tree alone. */
static int find_entry(struct putting_back *p, const char *image, struct uh_str *why) {
  struct uh_err err = UH_ERR_INIT;
  char now[65], text[1200];
  if (p->anew || json_array_size(p->unset) > 0) {
    int made = uh_undo_entry_made(&p->u, image, p->unset, why, &err);
    if (made < 0) uh_str_add(why, uh_err_text(&err, text, sizeof text));
    return made == 1 ? FOUND_BACK : made == 0 ? FOUND_OTHER : FOUND_UNSEEN;
  }
  if (uh_planned_fingerprint(p->a, image, now, &err) == 0 && strcmp(now, p->a->fingerprint) == 0) {
    int back = p->a->action.verb == UH_VERB_REMOVE ? uh_undo_entry_below(&p->u, image, why, &err) : 1;
    if (back < 0) uh_str_add(why, uh_err_text(&err, text, sizeof text));
    return back == 1 ? FOUND_BACK : back == 0 ? FOUND_OTHER : FOUND_UNSEEN;
  }
  if (uh_planned_drift(p->a, p->e->is.image, image, why, &err) < 0 || !why->len)
    uh_str_add(why, "an attribute of it is not what it was");
  return FOUND_OTHER;
}

/* Enum found; why: what is not so. */
static int find(struct putting_back *p, struct uh_str *why) {
  struct uh_look seen UH_CLEANUP(uh_look_clear) = {.why = UH_ERR_INIT};
  struct uh_err err = UH_ERR_INIT;
  char text[1200];
  uh_str_reset(why);
  if (look(p, &seen) < 0) return -1;
  if (seen.seen == UH_SEEN_UNKNOWN) uh_str_add(why, uh_err_text(&seen.why, text, sizeof text));
  if (seen.seen != UH_SEEN_THERE) return seen.seen == UH_SEEN_ABSENT ? FOUND_ABSENT : FOUND_UNSEEN;
  if (!seen.image) return uh_run_stop(p->run, 70, "%s: the object was seen, and not told", p->a->id);
  if (p->a->action.subject.guid && *p->a->action.subject.guid && take_guid(p, seen.image) < 0) return -1;
  if (p->a->action.directory) return find_entry(p, seen.image, why);
  if (!p->u.n_expect) { /* only a person knows what it was; that it is there, or is as it was, can be seen */
    if (p->a->action.verb == UH_VERB_REMOVE) return FOUND_BACK;
    int done = uh_planned_satisfied(p->a, UH_EXPECT_END, true, seen.image, why, &err);
    return done == 0 ? FOUND_BACK : done == 1 ? FOUND_OTHER : FOUND_UNSEEN;
  }
  int back = uh_planned_satisfied(&p->then, UH_EXPECT_END, true, seen.image, why, &err);
  if (back < 0 && !why->len) uh_str_add(why, uh_err_text(&err, text, sizeof text));
  return back == 1 ? find_references(p, why) : FOUND_OTHER; /* what is not told yet is not back yet */
}

/* Before another look. */
static int wait_more(struct putting_back *p, int64_t until, int64_t *milliseconds, const char *why) {
  struct uh_event event = {.type = UH_EVENT_WAITING, .action = p->a, .why = why, .until = until - uh_run_now(p->run)};
  uh_run_tell(p->run, &event);
  if (uh_settle_wait(p->run, until, milliseconds) || !uh_run_cancelled(p->run)) return 0;
  return uh_run_stop(p->run, 130, "interrupted while %s is put back", p->a->id);
}

/* Until it is `wanted` or better, or the time has passed. */
static int find_until(struct putting_back *p, bool there_is_enough, int64_t until, struct uh_str *why) {
  int64_t milliseconds = 0;
  for (;;) {
    int found = find(p, why);
    if (found < 0 || found == FOUND_BACK || (there_is_enough && found == FOUND_OTHER)) return found;
    if (uh_run_now(p->run) >= until) return found;
    if (wait_more(p, until, &milliseconds, uh_str_or(why, "")) < 0) return -1;
  }
}

/* When every replica has to have what the action did. When a person did it is not known, but it was before it was seen.
 */
static int64_t settled_at(const struct putting_back *p) {
  bool by_operator = p->a->action.executor == UH_BY_OPERATOR;
  return uh_run_settled_at(p->run, p->a, by_operator ? p->e->at : p->e->is.begun_at);
}

static const char may_be_old[] = "it looks as it was before the action, which not every server may have got";

/* Before anything is sent. That all is as it was is not believed at once. */
static int find_first(struct putting_back *p, struct uh_str *why) {
  int64_t until = settled_at(p), milliseconds = 0;
  for (;;) {
    int found = find(p, why);
    if (found != FOUND_BACK || p->run->o->dry || uh_run_now(p->run) >= until) return found;
    if (wait_more(p, until, &milliseconds, may_be_old) < 0) return -1;
  }
}

/* Nor of what named the object, that it still does. Enum reference. */
static int reference_first(struct putting_back *p, const struct uh_undo_reference *r, struct uh_str *why) {
  int64_t until = settled_at(p), milliseconds = 0;
  for (;;) {
    int is = look_at_reference(p, r, why);
    if (is != REFERENCE_RIGHT || uh_run_now(p->run) >= until) return is;
    if (wait_more(p, until, &milliseconds, may_be_old) < 0) return -1;
  }
}

/* ---- records ---- */

static int begin(struct putting_back *p) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  uh_str_addc(&body, '{');
  uh_json_member(&body, "person", p->run->o->person);
  uh_json_member(&body, "name", p->a->action.subject.name);
  uh_str_addc(&body, '}');
  return uh_run_record(p->run, UH_RECORD_UNDO_BEGUN, p->a->id, &body, NULL, 0);
}

/* What could not be set, once each. */
static void add_unset(const struct putting_back *p, struct uh_str *out) {
  size_t i, n = 0;
  const json_t *one;
  json_array_foreach(p->unset, i, one) {
    size_t k = 0;
    while (k < i && strcmp(json_string_value(json_array_get(p->unset, k)), json_string_value(one)) != 0) k++;
    if (k == i)
      uh_str_addf(out, "%s%s", n++ ? ", " : "; not set, for what they named is not there: ", json_string_value(one));
  }
}

static int undone(struct putting_back *p) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  const char *was = p->a->action.subject.guid;
  bool other = *p->guid && was && strcasecmp(p->guid, was) != 0;
  uh_str_addc(&body, '{');
  uh_json_member(&body, "became", other ? p->guid : "");
  struct uh_str unset UH_CLEANUP(uh_str_clear) = {0};
  add_unset(p, &unset);
  if (unset.len) uh_json_member(&body, "unset", uh_str_or(&unset, ""));
  uh_str_addc(&body, '}');
  if (uh_run_record(p->run, UH_RECORD_UNDONE, p->a->id, &body, NULL, 0) < 0) return -1;
  p->run->r->done = 1;
  struct uh_str what UH_CLEANUP(uh_str_clear) = {0};
  uh_str_addf(&what, p->anew ? "it is a new object: %s" : "%s",
              other     ? p->guid
              : p->anew ? "of what stood below it"
                        : "");
  add_unset(p, &what);
  uh_run_result(p->run, p->a, UH_ACTION_UNDONE, uh_str_or(&what, ""));
  return 0;
}

/* ---- doing it ---- */

static int consent(struct putting_back *p) {
  struct uh_run *run = p->run;
  struct uh_str text UH_CLEANUP(uh_str_clear) = {0};
  struct uh_err err = UH_ERR_INIT;
  enum uh_choice choice = UH_CHOICE_STOP;
  char reason[512] = "";
  if (uh_undo_text_of(&p->u, &text, &err) < 0) return uh_run_stop_err(run, &err, p->a->id);
  struct uh_event event = {
      .type = UH_EVENT_BEGIN, .action = p->a, .image = p->e->is.image, .commands = uh_str_or(&text, "")};
  if (run->o->dry || run->o->yes) {
    uh_run_tell(run, &event);
    return 0;
  }
  if (run->o->guide->ask(run->o->guide->user, &event, false, &choice, reason, sizeof reason, &err) < 0)
    return uh_run_stop_err(run, &err, p->a->id);
  if (uh_run_cancelled(run)) return uh_run_stop(run, 130, "interrupted before %s is put back", p->a->id);
  return choice == UH_CHOICE_YES ? 0
                                 : uh_run_stop(run, 3, "stopped by %s before %s is put back", run->o->person, p->a->id);
}

static int sent_badly(struct putting_back *p, const struct uh_sent *sent) {
  return uh_run_stop(p->run, 3, "%s: %s", p->a->id, uh_str_or(&sent->why, ""));
}

/* Makes the object anew, where it is not there. */
static int make(struct putting_back *p, bool asked_before) {
  struct uh_sent sent UH_CLEANUP(uh_sent_clear) = {0};
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  struct uh_run *run = p->run;
  /* What an earlier undo sent may still be on its way. */
  int64_t until = asked_before ? uh_run_settled_at(run, p->a, p->e->undo_at) : 0;
  int found = find_until(p, true, until, &why);
  if (found < 0) return -1;
  if (found == FOUND_UNSEEN) return uh_run_stop(run, 3, "%s: it cannot be seen: %s", p->a->id, uh_str_or(&why, ""));
  if (found != FOUND_ABSENT && !asked_before)
    return uh_run_stop(run, 3, "%s: there is a %s of the name \"%s\" already", p->a->id, p->a->action.subject.kind,
                       p->u.name);
  if (asked_before && found != FOUND_ABSENT) return 0;
  if (begin(p) < 0 || uh_send_change(run, p->a->action.executor, &p->u.create, false, &sent) < 0) return -1;
  if (sent.outcome == UH_CHANGE_NOT_SENT) return sent_badly(p, &sent);
  found = find_until(p, true, sent.outcome == UH_CHANGE_FAILED ? 0 : uh_run_settled_at(run, p->a, p->e->undo_at), &why);
  if (found < 0) return -1;
  if (found == FOUND_BACK || found == FOUND_OTHER) return 0;
  if (sent.outcome != UH_CHANGE_APPLIED) return sent_badly(p, &sent);
  return uh_run_stop(run, 3, "%s: the service said that it made it, and it is not there", p->a->id);
}

/* A new object is not the old one: nobody makes it without a person's word. */
static int agree_to_new(struct putting_back *p, const struct uh_undo_op *op) {
  struct uh_run *run = p->run;
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  struct uh_err err = UH_ERR_INIT;
  enum uh_choice choice = UH_CHOICE_STOP;
  char reason[512] = "";
  if (run->o->anew || p->agreed) return 0;
  uh_str_addf(
      &why,
      "the directory keeps nothing of %s any more to bring it back from. It can be made anew from what the case "
      "keeps: a new object, with another GUID and another SID. What named it, memberships and rights that it "
      "had, and passwords do not come back with it",
      op->directory->dn);
  if (run->o->yes || !run->o->guide || !run->o->guide->ask)
    return uh_run_stop(run, 3, "%s: %s (--yes=new-object)", p->a->id, uh_str_or(&why, ""));
  struct uh_event event = {
      .type = UH_EVENT_BEGIN, .action = p->a, .why = uh_str_or(&why, ""), .commands = uh_str_or(&why, "")};
  if (run->o->guide->ask(run->o->guide->user, &event, true, &choice, reason, sizeof reason, &err) < 0)
    return uh_run_stop_err(run, &err, p->a->id);
  if (uh_run_cancelled(run)) return uh_run_stop(run, 130, "interrupted before %s is made anew", p->a->id);
  p->agreed = choice == UH_CHOICE_YES;
  return p->agreed ? 0 : uh_run_stop(run, 3, "stopped by %s before %s is made anew", run->o->person, p->a->id);
}

/* What an earlier undo sent, and died over: the rest of it, where nobody else has had a hand in it since. */
static int finish_entry(struct putting_back *p, const struct uh_directory_change *change, const uint8_t *guid,
                        struct uh_sent *sent) {
  struct uh_directory_change rest = *change;
  rest.action = UH_DIRECTORY_FINISH;
  rest.guid = guid;
  return uh_send_directory(p->run, &rest, sent);
}

/* One that stands there after an earlier undo sent it is that one where it is as it was sent, else somebody's. */
static int make_entry(struct putting_back *p, struct uh_undo_op *op, struct uh_sent *sent) {
  uint8_t guid[UH_GUID_SIZE];
  char made[UH_GUID_TEXT];
  if (agree_to_new(p, op) < 0 || uh_send_directory(p->run, op->anew, sent) < 0) return -1;
  memcpy(made, sent->made, sizeof made);
  bool there = sent->outcome == UH_CHANGE_FAILED && p->asked_before && uh_guid_parse(made, guid);
  if (there && finish_entry(p, op->anew, guid, sent) < 0) return -1;
  if (sent->outcome != UH_CHANGE_APPLIED) return 0;
  if (!*made) return uh_run_stop(p->run, 3, "%s: the new object's GUID was not told", p->a->id);
  p->anew = true;
  memcpy(op->made, made, sizeof op->made);
  if (strcmp(op->anew->dn, p->a->action.directory->dn) != 0) return 0;
  memcpy(p->guid, made, sizeof p->guid);
  p->then.action.subject.guid = p->guid;
  return 0;
}

static void add_said(struct putting_back *p, const char *what, const struct uh_sent *sent) {
  uh_str_addf(&p->said, "%s%s%s%s", p->said.len ? "; " : "", what, *what ? ": " : "", uh_str_or(&sent->why, ""));
}

/* What an earlier undo brought back is there, perhaps without its security descriptor. One that is left alone is told,
 * and hinders no other: what is there decides when all is compared. */
static int go_on_with(struct putting_back *p, const struct uh_undo_op *op, struct uh_sent *sent) {
  bool ours = p->asked_before && op->directory->action == UH_DIRECTORY_REANIMATE;
  if (ours && finish_entry(p, op->directory, op->directory->guid, sent) < 0) return -1;
  if (sent->outcome != UH_CHANGE_NOT_SENT) return 0;
  add_said(p, "", sent);
  sent->outcome = UH_CHANGE_APPLIED;
  return 0;
}

/* Brought back with its GUID, where something of it is left. */
static int send_directory(struct putting_back *p, struct uh_undo_op *op, struct uh_sent *ret_sent) {
  struct uh_sent sent UH_CLEANUP(uh_sent_clear) = {0}; /* what one entry came to is nothing of the next one's */
  if (uh_send_directory(p->run, op->directory, &sent) < 0) return -1;
  bool gone = sent.outcome == UH_CHANGE_NOT_SENT && sent.not_found && op->anew;
  if (gone && make_entry(p, op, &sent) < 0) return -1;
  if (!gone && sent.outcome == UH_CHANGE_NOT_SENT && go_on_with(p, op, &sent) < 0) return -1;
  if (sent.outcome == UH_CHANGE_NOT_SENT && ret_sent->applied) sent.outcome = UH_CHANGE_FAILED; /* a part is done */
  ret_sent->outcome = sent.outcome;
  ret_sent->applied += sent.outcome == UH_CHANGE_APPLIED;
  uh_str_reset(&ret_sent->why);
  uh_str_add(&ret_sent->why, uh_str_or(&sent.why, ""));
  return 0;
}

/* What an entry names, attribute by attribute: one that names what is not there any more is left out, and told. */
static int send_links_of(struct putting_back *p, const struct uh_undo_op *op) {
  uint8_t made[UH_GUID_SIZE];
  bool anew = uh_guid_parse(op->made, made);
  for (size_t i = 0; i < op->links->n_edits; i++) {
    struct uh_sent sent UH_CLEANUP(uh_sent_clear) = {0};
    struct uh_directory_change change = *op->links;
    change.guid = anew ? made : op->directory->guid;
    change.edits = &op->links->edits[i];
    change.n_edits = 1;
    bool descriptor = strcasecmp(change.edits->attribute, "nTSecurityDescriptor") == 0;
    if (descriptor && !anew) continue;
    if (uh_send_directory(p->run, &change, &sent) < 0) return -1;
    if (sent.outcome == UH_CHANGE_APPLIED) continue;
    bool gone = sent.outcome == UH_CHANGE_FAILED && sent.not_found && !descriptor;
    if (gone && json_array_append_new(p->unset, json_string(change.edits->attribute)) == 0) continue;
    add_said(p, change.edits->attribute, &sent);
  }
  return 0;
}

/* Once all of them are there. */
static int send_links(struct putting_back *p) {
  if (!p->unset && !(p->unset = json_array())) return uh_run_stop(p->run, 70, "out of memory");
  for (size_t i = 0; i < p->u.n_ops; i++)
    if (p->u.ops[i].links && send_links_of(p, &p->u.ops[i]) < 0) return -1;
  return 0;
}

/* The rest of the changes; those on the new object now have its GUID. */
static int send_rest(struct putting_back *p) {
  struct uh_sent sent UH_CLEANUP(uh_sent_clear) = {0};
  uint8_t bytes[UH_GUID_SIZE];
  for (size_t i = 0; i < p->u.n_ops; i++) {
    struct uh_undo_op op = p->u.ops[i];
    if (op.on_new && uh_guid_parse(p->guid, bytes)) op.change.guid = bytes;
    int rc = op.directory ? send_directory(p, &p->u.ops[i], &sent)
             : op.graph   ? uh_send_graph(p->run, op.graph, &sent)
                          : uh_send_change(p->run, p->a->action.executor, &op.change, false, &sent);
    if (rc < 0) return -1;
    if (sent.outcome == UH_CHANGE_NOT_SENT) return sent_badly(p, &sent);
    if (sent.outcome == UH_CHANGE_APPLIED) continue;
    add_said(p, "", &sent); /* what is there now decides */
    return 0;
  }
  return send_links(p);
}

/* What names nothing names it again; what names something else by now is somebody's. */
static int send_references(struct putting_back *p) {
  struct uh_sent sent UH_CLEANUP(uh_sent_clear) = {0};
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  for (size_t i = 0; i < p->u.n_references; i++) {
    const struct uh_undo_reference *r = &p->u.references[i];
    int is = reference_first(p, r, &why);
    if (is < 0) return -1;
    if (is != REFERENCE_EMPTY) continue; /* what it is decides when all is compared */
    if (uh_send_change(p->run, r->holder.action.executor, &r->change, false, &sent) < 0) return -1;
    if (sent.outcome == UH_CHANGE_NOT_SENT) return sent_badly(p, &sent);
  }
  return 0;
}

/* Its values are the former ones in the end: what a service makes of them itself is told. */
static int compare(struct putting_back *p, int64_t since) {
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  int found = find_until(p, false, uh_run_settled_at(p->run, p->a, since), &why);
  if (found < 0) return -1;
  if (found == FOUND_BACK) return undone(p);
  return uh_run_stop(p->run, 3, "%s is not as it was: %s%s%s", p->a->id,
                     found == FOUND_ABSENT ? "it is not there" : uh_str_or(&why, ""), p->said.len ? "; " : "",
                     uh_str_or(&p->said, ""));
}

/* It is as the action left it: 1, else 0. A list gets its former values as a whole, and what somebody put into it since
 * would go. */
static int is_as_left(const struct putting_back *p, const struct uh_planned *now, const char *image, struct uh_str *why,
                      struct uh_err *err) {
  int satisfied = uh_planned_satisfied(now, UH_EXPECT_END, true, image, why, err);
  return satisfied == 1 && p->e->is.image ? uh_planned_lists_kept(p->a, p->e->is.image, image, why, err) : satisfied;
}

/* An object that is still there: only what is as the action left it gets its former values. */
static int may_be_overwritten(struct putting_back *p, bool asked_before) {
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  struct uh_look seen UH_CLEANUP(uh_look_clear) = {.why = UH_ERR_INIT};
  struct uh_planned now = *p->a;
  struct uh_err err = UH_ERR_INIT;
  char text[1200];
  now.action.subject.guid = p->u.guid;
  /* Several cmdlets may have come to a part of it; one change of the directory is done, or is not. */
  bool in_part = asked_before && !p->a->action.directory;
  if (in_part || p->a->action.verb == UH_VERB_REMOVE) return 0;
  if (uh_look(p->run, &now, UH_LOOK_BEFORE, &seen) < 0) return -1;
  int as_left = seen.seen == UH_SEEN_THERE ? is_as_left(p, &now, seen.image, &why, &err) : 0;
  if (as_left == 1) return 0;
  if (as_left < 0 && !why.len) uh_str_add(&why, uh_err_text(&err, text, sizeof text));
  return uh_run_stop(p->run, 3, "%s: somebody else has changed it since: %s", p->a->id, uh_str_or(&why, ""));
}

static int by_program(struct putting_back *p) {
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  bool asked_before = p->asked_before = p->e->undo_sent;
  int found = find_first(p, &why);
  if (found < 0) return -1;
  if (found == FOUND_UNSEEN) return uh_run_stop(p->run, 3, "%s: it cannot be seen: %s", p->a->id, uh_str_or(&why, ""));
  if (found == FOUND_ABSENT && !p->u.create.cmdlet && p->a->action.verb != UH_VERB_REMOVE)
    return uh_run_stop(p->run, 3, "%s: the object is not there", p->a->id);
  if (found != FOUND_BACK && consent(p) < 0) return -1;
  if (p->run->o->dry) return 0;
  if (found == FOUND_BACK) return begin(p) < 0 ? -1 : undone(p);
  if (may_be_overwritten(p, asked_before) < 0) return -1;
  if (p->u.create.cmdlet ? make(p, asked_before) < 0 : begin(p) < 0) return -1;
  if (p->u.create.cmdlet && (found = find(p, &why)) == FOUND_BACK) return undone(p);
  int64_t since = uh_run_now(p->run);
  if (found < 0 || send_rest(p) < 0 || send_references(p) < 0) return -1;
  return compare(p, since);
}

static int by_person(struct putting_back *p) {
  struct uh_run *run = p->run;
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  int64_t until = uh_run_now(run) + run->o->operator_timeout;
  int found = find_first(p, &why);
  if (found < 0) return -1;
  if (found == FOUND_BACK) return run->o->dry ? 0 : begin(p) < 0 ? -1 : undone(p);
  if (consent(p) < 0) return -1;
  if (run->o->dry || (p->e->is.state != UH_ACTION_UNDO_BEGUN && begin(p) < 0)) return run->o->dry ? 0 : -1;
  struct uh_event event = {
      .type = UH_EVENT_OPERATOR, .action = p->a, .commands = uh_str_or(&p->u.commands, ""), .until = until};
  uh_run_tell(run, &event);
  found = find_until(p, false, until, &why);
  if (found < 0) return -1;
  return found == FOUND_BACK
             ? undone(p)
             : uh_run_stop(run, 3, "a person has to put %s back: %s", p->a->id, uh_str_or(&p->u.commands, ""));
}

/* ---- giving it up ---- */

/* What was begun of it is left as it is now. Where that is what the action left, the action is done, as it was before
 * the undo; where a part is back, it counts as put back: nothing that builds on the action goes on over it. */
static int give_up(struct putting_back *p) {
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  struct uh_look seen UH_CLEANUP(uh_look_clear) = {.why = UH_ERR_INIT};
  struct uh_planned now = *p->a;
  struct uh_err err = UH_ERR_INIT;
  char text[1200];
  int found = find_first(p, &why);
  if (found >= 0 && found != FOUND_BACK)
    found = find_until(p, false, uh_run_settled_at(p->run, p->a, p->e->undo_at), &why);
  if (found < 0) return -1;
  if (found == FOUND_UNSEEN) return uh_run_stop(p->run, 3, "%s: it cannot be seen: %s", p->a->id, uh_str_or(&why, ""));
  if (p->run->o->dry) return 0;
  if (found == FOUND_BACK) return undone(p);
  now.action.subject.guid = p->u.guid;
  if (uh_look(p->run, &now, UH_LOOK_BEFORE, &seen) < 0) return -1;
  bool removed = p->a->action.verb == UH_VERB_REMOVE;
  int as_left = seen.seen == UH_SEEN_ABSENT              ? removed && found == FOUND_ABSENT
                : seen.seen == UH_SEEN_THERE && !removed ? is_as_left(p, &now, seen.image, &why, &err)
                                                         : 0;
  if (seen.seen == UH_SEEN_UNKNOWN)
    return uh_run_stop(p->run, 3, "%s: it cannot be seen: %s", p->a->id, uh_err_text(&seen.why, text, sizeof text));
  if (as_left < 0) return uh_run_stop_err(p->run, &err, p->a->id);
  uh_str_reset(&p->said);
  uh_str_addf(&p->said, "putting it back was given up by %s: %s", p->run->o->person,
              as_left ? "it is as the action left it" : "it stays as it is now");
  if (!as_left && why.len) uh_str_addf(&p->said, " (%s)", uh_str_or(&why, ""));
  /* One that was made anew has another GUID, which nobody was told where the undo died right then. */
  if (as_left && removed && p->a->action.directory)
    uh_str_addf(&p->said, "; look whether a new one stands at %s, if the undo was to make one",
                p->a->action.directory->dn);
  enum uh_record_type type = as_left ? UH_RECORD_VERIFIED : UH_RECORD_UNDONE;
  if (uh_run_record_text(p->run, type, p->a->id, "why", uh_str_or(&p->said, "")) < 0) return -1;
  p->run->r->done = 1;
  uh_run_result(p->run, p->a, as_left ? UH_ACTION_VERIFIED : UH_ACTION_UNDONE, uh_str_or(&p->said, ""));
  return 0;
}

/* ---- the run ---- */

static void write_end(struct uh_run *run, const char *id) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  char head[UH_JOURNAL_HASH_TEXT];
  if (run->o->dry || uh_journal_broken(run->o->journal) || !run->stopped) return;
  (void)uh_journal_head(run->o->journal, head);
  uh_str_addf(&body, "{\"exit\":%d", run->exit_code);
  uh_json_member(&body, "undo", id);
  uh_json_member(&body, "why", uh_str_or(&run->why, ""));
  uh_json_member(&body, "head", head);
  uh_str_addc(&body, '}');
  run->stopped = false;
  int exit_code = run->exit_code;
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  uh_str_add(&why, uh_str_or(&run->why, ""));
  bool written = uh_run_record(run, UH_RECORD_STOPPED, "", &body, NULL, 0) == 0;
  if (!written && exit_code != 73) return; /* the journal's failure is the reason now */
  run->stopped = true;
  run->exit_code = exit_code;
  uh_str_reset(&run->why);
  uh_str_add(&run->why, uh_str_or(&why, ""));
}

static int go(struct putting_back *p) {
  if (uh_run_record_opened(p->run, "undo") < 0) return -1;
  if (p->run->o->give_up) return give_up(p);
  bool program = p->u.create.cmdlet || p->u.n_ops;
  return program ? by_program(p) : by_person(p);
}

static void putting_back_clear(struct putting_back *p) {
  json_decref(p->unset);
  uh_str_clear(&p->said);
  uh_undo_clear(&p->u);
}
static void run_clear(struct uh_run *run) {
  uh_history_free(run->h);
  uh_str_clear(&run->why);
}

int uh_undo_action(const struct uh_execute_options *o, const char *id, struct uh_execute_result *ret_result,
                   struct uh_err *err) {
  struct uh_execute_result result = {0};
  struct uh_run run UH_CLEANUP(run_clear) = {.o = o, .w = o->world, .r = &result};
  struct putting_back p UH_CLEANUP(putting_back_clear) = {.run = &run};
  struct uh_history_entry *e = NULL;
  if (!o->journal) return uh_fail(err, UH_ERR_INTERNAL, "an undo needs the journal");
  if (!o->dry && !o->yes && !(o->guide && o->guide->ask))
    return uh_fail(err, UH_ERR_USAGE, "nobody is there to ask, and nobody said --yes");
  if (uh_history_read(o->journal, &run.h, err) < 0 || look_at_request(run.h, id, o->give_up, &e, err) < 0 || !e)
    return -1;
  p.a = e->planned;
  p.e = e;
  if (say(&p, err) < 0) return -1;
  (void)go(&p);
  result.left = result.done ? 0 : 1;
  write_end(&run, id);
  result.exit_code = run.stopped ? run.exit_code : 0;
  uh_print(result.stopped, sizeof result.stopped, "%s", run.stopped ? uh_str_or(&run.why, "") : "");
  (void)uh_journal_head(o->journal, result.head);
  if (run.stopped) {
    struct uh_event event = {.type = UH_EVENT_STOP, .action = p.a, .why = uh_str_or(&run.why, "")};
    uh_run_tell(&run, &event);
  }
  *ret_result = result;
  return 0;
}
