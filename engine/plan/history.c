/* SPDX-License-Identifier: Apache-2.0 */
/* Where a cleanup stands, read from the journal. */
#include "plan/history.h"

#include <jansson.h>

const char *uh_action_state_name(enum uh_action_state state) {
  static const char *const names[] = {
      [UH_ACTION_PLANNED] = "planned",   [UH_ACTION_BEGUN] = "begun",   [UH_ACTION_APPLIED] = "applied",
      [UH_ACTION_VERIFIED] = "verified", [UH_ACTION_FAILED] = "failed", [UH_ACTION_SKIPPED] = "skipped",
      [UH_ACTION_DOUBT] = "in-doubt",    [UH_ACTION_WAITS] = "waits",   [UH_ACTION_UNDO_BEGUN] = "undo-begun",
      [UH_ACTION_UNDONE] = "undone",
  };
  return (unsigned)state < sizeof names / sizeof *names ? names[state] : "?";
}

struct known_plan {
  struct known_plan *before;
  struct uh_plan *plan;
  bool finished;
};

struct uh_history {
  struct uh_history_entry **v;
  size_t n, cap;
  size_t *slots; /* an open hash table of numbers from 1; 0: free */
  size_t n_slots;
  struct known_plan *plans;   /* the last one first */
  struct known_plan *current; /* the last that was begun */
  struct uh_anchors *anchors;
};

struct uh_history *uh_history_new(void) {
  return calloc(1, sizeof(struct uh_history));
}

static void entry_free(struct uh_history_entry *e) {
  if (!e) return;
  free((void *)(uintptr_t)e->is.id);
  free((void *)(uintptr_t)e->is.why);
  free((void *)(uintptr_t)e->is.image);
  uh_str_clear(&e->became);
  free(e);
}

struct uh_history *uh_history_free(struct uh_history *h) {
  if (!h) return NULL;
  for (size_t i = 0; i < h->n; i++) entry_free(h->v[i]);
  for (struct known_plan *p = h->plans, *before; p; p = before) {
    before = p->before;
    uh_plan_free(p->plan);
    free(p);
  }
  uh_anchors_free(h->anchors);
  free(h->v);
  free(h->slots);
  free(h);
  return NULL;
}
void uh_history_freep(struct uh_history **history) {
  *history = uh_history_free(*history);
}

/* ---- actions by id ---- */

static size_t hash_of(const char *id) {
  uint64_t h = 0xcbf29ce484222325u;
  for (; *id; id++) h = (h ^ (unsigned char)*id) * 0x100000001b3u;
  return (size_t)(h ^ h >> 32);
}

/* The slot of an id: its own, or the free one where it belongs. */
static size_t *slot_of(const struct uh_history *h, const char *id) {
  for (size_t i = hash_of(id) & (h->n_slots - 1);; i = (i + 1) & (h->n_slots - 1))
    if (!h->slots[i] || strcmp(h->v[h->slots[i] - 1]->is.id, id) == 0) return &h->slots[i];
}

struct uh_history_entry *uh_history_entry(const struct uh_history *h, const char *id) {
  size_t *slot = h->n_slots ? slot_of(h, id) : NULL;
  return slot && *slot ? h->v[*slot - 1] : NULL;
}
struct uh_history_entry *uh_history_entry_at(const struct uh_history *h, size_t i) {
  return h->v[i];
}

static int make_room(struct uh_history *h, struct uh_err *err) {
  if (h->n < h->cap) return 0;
  size_t cap = h->cap ? h->cap * 2 : 64;
  struct uh_history_entry **v = reallocarray(h->v, cap, sizeof(struct uh_history_entry *));
  if (!v) return uh_fail_nomem(err);
  h->v = v;
  size_t *slots = calloc(cap * 2, sizeof *slots);
  if (!slots) return uh_fail_nomem(err);
  free(h->slots);
  h->slots = slots;
  h->n_slots = cap * 2;
  h->cap = cap;
  for (size_t i = 0; i < h->n; i++) *slot_of(h, h->v[i]->is.id) = i + 1;
  return 0;
}

static struct uh_history_entry *entry_for(struct uh_history *h, const char *id, struct uh_err *err) {
  struct uh_history_entry *e = uh_history_entry(h, id);
  if (e) return e;
  if (make_room(h, err) < 0) return NULL;
  e = calloc(1, sizeof *e);
  if (e) e->is = (struct uh_history_action){.id = strdup(id), .why = strdup(""), .became = ""};
  if (!e || !e->is.id || !e->is.why) {
    entry_free(e);
    (void)uh_fail_nomem(err);
    return NULL;
  }
  h->v[h->n] = e;
  *slot_of(h, id) = h->n + 1;
  h->n++;
  return e;
}

/* ---- plans ---- */

static struct known_plan *find_plan(const struct uh_history *h, const char *id) {
  for (struct known_plan *p = h->plans; p; p = p->before)
    if (strcmp(uh_plan_id(p->plan), id) == 0) return p;
  return NULL;
}

/* What an earlier plan did to an object of the same action does not count for a new one, but what may still be on its
 * way does: `sent` and the time stay, so that nothing is sent before that has settled. */
static void plan_anew(struct uh_history_entry *e, int64_t now) {
  if (uh_history_in_doubt(e) || e->is.state == UH_ACTION_UNDO_BEGUN) return;
  if (e->is.state == UH_ACTION_WAITS && e->is.until > now) return;
  if (e->is.state == UH_ACTION_VERIFIED || e->is.state == UH_ACTION_UNDONE) e->sent = false;
  e->is.state = UH_ACTION_PLANNED;
  e->skip = UH_SKIP_NONE;
  e->is.unapproved = false;
  e->begun = e->undoable = e->observed = e->undo_sent = false;
}

static int note_plan(struct uh_history *h, const struct uh_record *r, struct uh_err *err) {
  struct uh_plan *plan = NULL;
  if (!r->image)
    return uh_fail(err, UH_ERR_DATA, "record %lld of the journal names a plan and does not hold it", (long long)r->seq);
  if (uh_plan_from_json(r->image, r->image_size, &plan, err) < 0) {
    uh_err_where(err, "journal, record %lld", (long long)r->seq);
    return -1;
  }
  struct known_plan *known = find_plan(h, uh_plan_id(plan));
  if (known) {
    uh_plan_free(plan);
  } else {
    known = calloc(1, sizeof *known);
    if (!known) {
      uh_plan_free(plan);
      return uh_fail_nomem(err);
    }
    *known = (struct known_plan){.before = h->plans, .plan = plan};
    h->plans = known;
  }
  known->finished = false;
  h->current = known;
  for (size_t i = 0; i < uh_plan_count(known->plan); i++) {
    const struct uh_planned *action = uh_plan_at(known->plan, i);
    struct uh_history_entry *e = entry_for(h, action->id, err);
    if (!e) return -1;
    e->planned = action;
    plan_anew(e, r->at);
  }
  return 0;
}

const struct uh_plan *uh_history_open_plan(const struct uh_history *h) {
  return h->current && !h->current->finished ? h->current->plan : NULL;
}
const struct uh_plan *uh_history_last_plan(const struct uh_history *h) {
  return h->current ? h->current->plan : NULL;
}
const struct uh_plan *uh_history_plan(const struct uh_history *h, const char *id) {
  const struct known_plan *p = find_plan(h, id);
  return p ? p->plan : NULL;
}
bool uh_history_finished(const struct uh_history *h, const char *plan_id) {
  const struct known_plan *p = find_plan(h, plan_id);
  return p && p->finished;
}
const struct uh_anchors *uh_history_anchors(const struct uh_history *h) {
  return h->anchors;
}

/* ---- records ---- */

static int set_text(const char **to, const char *text, struct uh_err *err) {
  char *copy = strdup(text ? text : "");
  if (!copy) return uh_fail_nomem(err);
  free((void *)(uintptr_t)*to);
  *to = copy;
  return 0;
}

static int set_image(struct uh_history_entry *e, const struct uh_record *r, struct uh_err *err) {
  char *copy = r->image ? malloc(r->image_size + 1) : NULL;
  if (r->image && !copy) return uh_fail_nomem(err);
  if (copy) {
    memcpy(copy, r->image, r->image_size);
    copy[r->image_size] = 0; /* it is text, and read as such */
  }
  free((void *)(uintptr_t)e->is.image);
  e->is.image = copy;
  e->is.image_size = copy ? r->image_size : 0;
  return 0;
}

static const char *text_in(const json_t *body, const char *name) {
  const char *text = json_string_value(json_object_get(body, name));
  return text ? text : "";
}

static enum uh_skip skip_of(const json_t *body) {
  const char *by = text_in(body, "by");
  return strcmp(by, "approval") == 0 ? UH_SKIP_APPROVAL : strcmp(by, "order") == 0 ? UH_SKIP_FOLLOWS : UH_SKIP_PERSON;
}

static int note_action(struct uh_history_entry *e, const struct uh_record *r, const json_t *body, struct uh_err *err) {
  e->at = r->at;
  switch (r->type) {
    case UH_RECORD_BEGUN:
      e->is.state = UH_ACTION_BEGUN;
      e->is.begun_at = r->at;
      e->begun = e->sent = true;
      return set_image(e, r, err);
    case UH_RECORD_APPLIED: e->is.state = UH_ACTION_APPLIED; return 0;
    case UH_RECORD_VERIFIED:
      e->is.state = UH_ACTION_VERIFIED;
      e->undoable = e->begun;
      e->undo_sent = false; /* it was given up, after all that was sent had come to its end */
      return 0;
    case UH_RECORD_FAILED:
      e->is.state = UH_ACTION_FAILED;
      e->sent = !json_is_false(json_object_get(body, "sent"));
      return set_text(&e->is.why, text_in(body, "why"), err);
    case UH_RECORD_SKIPPED:
      e->is.state = UH_ACTION_SKIPPED;
      e->skip = skip_of(body);
      e->is.unapproved = e->skip == UH_SKIP_APPROVAL;
      return set_text(&e->is.why, text_in(body, "why"), err);
    case UH_RECORD_DOUBT: e->is.state = UH_ACTION_DOUBT; return set_text(&e->is.why, text_in(body, "why"), err);
    case UH_RECORD_PAUSED:
      e->is.state = UH_ACTION_WAITS;
      e->is.until = json_integer_value(json_object_get(body, "until"));
      e->observed = e->is.until != 0;
      return set_text(&e->is.why, text_in(body, "why"), err);
    case UH_RECORD_UNDO_BEGUN:
      e->is.state = UH_ACTION_UNDO_BEGUN;
      e->undo_at = r->at;
      e->undo_sent = true;
      return 0;
    case UH_RECORD_UNDONE:
      e->is.state = UH_ACTION_UNDONE;
      e->undo_sent = false;
      uh_str_reset(&e->became);
      uh_str_add(&e->became, text_in(body, "became"));
      if (!uh_str_text(&e->became)) return uh_fail_nomem(err);
      e->is.became = uh_str_text(&e->became);
      return 0;
    default: return 0;
  }
}

static void json_freep(json_t **json) {
  json_decref(*json);
}

static int note_closed(struct uh_history *h, const json_t *body) {
  struct known_plan *p = find_plan(h, text_in(body, "plan"));
  if (p) p->finished = true;
  return 0;
}

static int note_anchors(struct uh_history *h, const struct uh_record *r, struct uh_err *err) {
  struct uh_anchors *anchors = NULL;
  struct uh_str text UH_CLEANUP(uh_str_clear) = {0};
  if (r->image) uh_str_addn(&text, r->image, r->image_size);
  if (text.failed) return uh_fail_nomem(err);
  if (uh_anchors_from_json(r->image ? uh_str_text(&text) : "{}", &anchors, err) < 0) {
    uh_err_where(err, "journal, record %lld", (long long)r->seq);
    return -1;
  }
  uh_anchors_free(h->anchors);
  h->anchors = anchors;
  return 0;
}

int uh_history_note(struct uh_history *h, const struct uh_record *r, struct uh_err *err) {
  if (r->type == UH_RECORD_PLANNED) return note_plan(h, r, err);
  if (r->type == UH_RECORD_ANCHOR) return note_anchors(h, r, err);
  json_error_t why;
  UH_CLEANUP(json_freep) json_t *body = json_loads(r->body, 0, &why);
  if (!body) return uh_fail(err, UH_ERR_DATA, "record %lld of the journal is no JSON: %s", (long long)r->seq, why.text);
  if (r->type == UH_RECORD_CLOSED) return note_closed(h, body);
  if (!*r->action) return 0;
  struct uh_history_entry *e = entry_for(h, r->action, err);
  return e ? note_action(e, r, body, err) : -1;
}

static int take(void *user, const struct uh_record *record, struct uh_err *err) {
  return uh_history_note(user, record, err);
}

int uh_history_read(struct uh_journal *journal, struct uh_history **ret_history, struct uh_err *err) {
  UH_CLEANUP(uh_history_freep) struct uh_history *h = uh_history_new();
  if (!h) return uh_fail_nomem(err);
  if (uh_journal_read(journal, 1, take, h, err) < 0) return -1;
  *ret_history = UH_TAKE(h);
  return 0;
}

const struct uh_history_action *uh_history_action(const struct uh_history *h, const char *id) {
  const struct uh_history_entry *e = uh_history_entry(h, id);
  return e ? &e->is : NULL;
}
const struct uh_planned *uh_history_planned(const struct uh_history *h, const char *id) {
  const struct uh_history_entry *e = uh_history_entry(h, id);
  return e ? e->planned : NULL;
}
size_t uh_history_count(const struct uh_history *h) {
  return h->n;
}

int64_t uh_history_changed_at(const struct uh_history *h) {
  int64_t at = 0;
  for (size_t i = 0; i < uh_history_count(h); i++)
    if (uh_history_entry_at(h, i)->at > at) at = uh_history_entry_at(h, i)->at;
  return at;
}

const struct uh_history_action *uh_history_at(const struct uh_history *h, size_t i) {
  return i < h->n ? &h->v[i]->is : NULL;
}
