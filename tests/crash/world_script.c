/* SPDX-License-Identifier: Apache-2.0 */
#include "world_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "storage.h"

static void die(const char *why) {
  fprintf(stderr, "world: %s\n", why);
  abort();
}

static uint64_t dice(struct world_script *s, uint64_t sides) {
  return storage_random(&s->seed) % sides;
}

/* ---- objects ---- */

struct world_object *world_add(struct world_script *s, const char *side, const char *kind, const char *guid,
                               const char *name, const char *json) {
  if (s->n_objects == WORLD_OBJECTS) die("too many objects");
  struct world_object *o = &s->objects[s->n_objects++];
  snprintf(o->side, sizeof o->side, "%s", side);
  snprintf(o->kind, sizeof o->kind, "%s", kind);
  snprintf(o->guid, sizeof o->guid, "%s", guid);
  snprintf(o->name, sizeof o->name, "%s", name);
  o->v[o->n++] = (struct world_version){INT64_MIN, json ? strdup(json) : NULL};
  return o;
}

struct world_object *world_find(struct world_script *s, const char *guid) {
  for (int i = 0; i < s->n_objects; i++)
    if (strcasecmp(s->objects[i].guid, guid) == 0) return &s->objects[i];
  return NULL;
}

const char *world_truth(const struct world_object *o) {
  return o->v[o->n - 1].json;
}

/* The truth changes now; it is seen from `from` on. */
static void set_from(struct world_object *o, const char *json, int64_t from) {
  if (o->n == WORLD_VERSIONS) die("an object changes without end");
  if (from < o->v[o->n - 1].from) from = o->v[o->n - 1].from;
  o->v[o->n++] = (struct world_version){from, json ? strdup(json) : NULL};
}

void world_change(struct world_script *s, struct world_object *o, const char *json) {
  set_from(o, json, s->now_ms);
  o->v[o->n - 1].from = s->now_ms;
}

static void do_late(struct world_script *s) {
  if (!s->late_at || s->now_ms < s->late_at) return;
  if (!s->late_makes || !world_truth(s->late_object)) set_from(s->late_object, s->late_json, s->now_ms);
  free(s->late_json);
  s->late_json = NULL;
  s->late_at = 0;
}

const char *world_seen(struct world_script *s, const struct world_object *o, enum uh_look_path path) {
  const char *json = NULL;
  enum uh_look_path behind =
      s->before_behind ? UH_LOOK_BEFORE : UH_LOOK_AFTER; /* of the two ways of looking, a little */
  for (int i = 0; i < o->n; i++)
    if (o->v[i].from <= s->now_ms - (path == behind ? s->behind_ms : 0)) json = o->v[i].json;
  return json;
}

static const char *source_of(const struct world_object *o) {
  if (*o->dn) return "directory";
  return strcmp(o->side, "cloud") == 0 ? "exchange-online" : "exchange-server";
}

char *world_image(struct world_script *s, const struct world_object *o, const char *json, enum uh_look_path path) {
  json_t *row =
      json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "source", source_of(o), "side", o->side, "kind", o->kind, "identity",
                *o->dn ? o->dn : o->guid, "name", o->name, "guid", o->guid, "json", json_loads(json, 0, NULL));
  if (*o->dn) json_object_set_new(row, "below", world_below(s, o, path));
  json_t *image = json_pack("{s:s,s:[o]}", "observed_at", "2027-01-15T08:00:00Z", "rows", row);
  char *text = json_dumps(image, JSON_COMPACT);
  json_decref(image);
  if (!text) die("out of memory");
  return text;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

char *world_text(struct world_script *s) {
  struct uh_str out = {0};
  char *lines[WORLD_OBJECTS];
  size_t n = 0;
  while (s->late_at) {
    s->now_ms = s->late_at;
    do_late(s);
  }
  for (int i = 0; i < s->n_objects; i++) {
    if (!world_truth(&s->objects[i])) continue;
    json_t *json = json_loads(world_truth(&s->objects[i]), 0, NULL);
    json_object_del(json, "WhenChanged");
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(json);
    if (asprintf(&lines[n++], "%s %s: %s\n", s->objects[i].side, s->objects[i].kind, text) < 0) die("out of memory");
    free(text);
  }
  qsort(lines, n, sizeof *lines, by_text);
  for (size_t i = 0; i < n; i++) {
    uh_str_add(&out, lines[i]);
    free(lines[i]);
  }
  return uh_str_take(&out);
}

/* ---- what the engine sees ---- */

static int64_t w_now(void *user) {
  const struct world_script *s = user;
  return s->now_ms / 1000;
}
static void w_wait(void *user, int64_t milliseconds) {
  struct world_script *s = user;
  s->now_ms += milliseconds > 0 ? milliseconds : 1;
  do_late(s);
}
static bool w_cancelled(void *user) {
  const struct world_script *s = user;
  return s->cancelled;
}
static int64_t w_settles(void *user, enum uh_executor executor) {
  (void)user;
  (void)executor;
  return WORLD_SETTLES;
}
static void w_failpoint(void *user, const char *name) {
  struct world_script *s = user;
  if (s->at && !s->dead) s->at(s, name);
}

static bool unseen(struct world_script *s, struct uh_look *look) {
  if (s->cancelled) {
    look->seen = UH_SEEN_UNKNOWN;
    look->why = UH_ERR_INIT;
    (void)uh_fail(&look->why, UH_ERR_INTERRUPTED, "stopped");
    return true;
  }
  if (!s->dead && (s->mood != WORLD_FAILS || s->trouble <= 0 || dice(s, 6))) return false;
  s->trouble--;
  look->seen = UH_SEEN_UNKNOWN;
  look->why = UH_ERR_INIT;
  (void)uh_fail(&look->why, UH_ERR_UNAVAILABLE, "the service did not answer");
  return true;
}

static void show(struct world_script *s, const struct world_object *o, enum uh_look_path path, struct uh_look *look) {
  const char *json = o ? world_seen(s, o, path) : NULL;
  if (s->blind > 0 && s->blind--) json = NULL;
  look->seen = json ? UH_SEEN_THERE : UH_SEEN_ABSENT;
  if (json) look->image = world_image(s, o, json, path);
}

static int w_look(void *user, const struct uh_planned *action, enum uh_look_path path, struct uh_look *ret_look,
                  struct uh_err *err) {
  struct world_script *s = user;
  (void)err;
  s->reads++;
  s->now_ms += 20;
  do_late(s);
  if (!unseen(s, ret_look)) show(s, world_find(s, action->action.subject.guid), path, ret_look);
  return 0;
}

static int w_find(void *user, const char *side, const char *kind, const char *property, const char *value,
                  struct uh_look *ret_look, struct uh_err *err) {
  struct world_script *s = user;
  (void)err;
  s->now_ms += 20;
  do_late(s);
  if (unseen(s, ret_look)) return 0;
  ret_look->seen = UH_SEEN_ABSENT;
  for (int i = 0; i < s->n_objects; i++) {
    struct world_object *o = &s->objects[i];
    if (strcmp(o->side, side) != 0 || strcmp(o->kind, kind) != 0 || strcmp(property, "Name") != 0) continue;
    if (strcmp(o->name, value) != 0 || !world_seen(s, o, UH_LOOK_BEFORE)) continue;
    show(s, o, UH_LOOK_BEFORE, ret_look);
    return 0;
  }
  return 0;
}

static int w_gate(void *user, const char *checks, bool irreversible, struct uh_gate *ret_gate, struct uh_err *err) {
  struct world_script *s = user;
  (void)checks;
  (void)irreversible;
  (void)err;
  s->gates++;
  *ret_gate = (struct uh_gate){.verdict = s->verdict};
  if (checks && s->open_steps) ret_gate->verdict = UH_READY;
  /* What stands below a tree is what the audit looks at: of the rest it cannot tell anything. */
  s->untold = world_half_gone(s) && ret_gate->verdict == UH_READY;
  if (s->untold) ret_gate->verdict = UH_UNDETERMINED;
  if (!s->failing || ret_gate->verdict == UH_READY) return 0;
  ret_gate->v = calloc(1, sizeof *ret_gate->v);
  if (!ret_gate->v) die("out of memory");
  ret_gate->n = 1;
  ret_gate->v[0] = (struct uh_gate_check){.id = strdup(s->failing),
                                          .title = strdup(""),
                                          .status = strdup("fail"),
                                          .before = strdup(""),
                                          .detail = strdup(""),
                                          .severity = UH_BLOCKER};
  return 0;
}

/* ---- changes ---- */

static json_t *value_of(const struct uh_argument *a) {
  char guid[UH_GUID_TEXT];
  json_t *list;
  switch (a->type) {
    case UH_VALUE_NULL: return json_null();
    case UH_VALUE_TEXT: return json_string(a->text);
    case UH_VALUE_BOOL: return json_boolean(a->yes);
    case UH_VALUE_NUMBER: return json_integer(a->number);
    case UH_VALUE_GUID: return json_string(uh_guid_text(a->guid, guid));
    case UH_VALUE_TEXTS:
      list = json_array();
      for (size_t i = 0; i < a->texts.n; i++) json_array_append_new(list, json_string(a->texts.v[i]));
      return list;
  }
  return json_null();
}

static char *with_arguments(const char *before, const struct uh_argument *arguments) {
  json_t *json = json_loads(before, 0, NULL);
  for (const struct uh_argument *a = arguments; a && a->name; a++) json_object_set_new(json, a->name, value_of(a));
  char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref(json);
  if (!text) die("out of memory");
  return text;
}

static void note(struct world_script *s, const char *cmdlet, const char *guid, bool removes, bool hit) {
  if (s->n_log == WORLD_LOG) die("the log is full");
  struct world_log *l = &s->log[s->n_log++];
  *l = (struct world_log){.at = s->now_ms, .removes = removes, .hit = hit};
  snprintf(l->cmdlet, sizeof l->cmdlet, "%s", cmdlet);
  snprintf(l->guid, sizeof l->guid, "%s", guid);
}

int world_answer(struct uh_change_result *r, enum uh_change_outcome outcome, struct uh_err *err, const char *why) {
  r->outcome = outcome;
  if (outcome == UH_CHANGE_APPLIED) return 0;
  snprintf(r->message, sizeof r->message, "%s", why);
  return uh_fail(err, UH_ERR_UNAVAILABLE, "%s", why);
}

static int64_t seen_later(struct world_script *s) {
  return s->mood == WORLD_LAGS ? s->now_ms + (int64_t)dice(s, (WORLD_SETTLES - 3) * 1000) : s->now_ms;
}

static void keep_for_later(struct world_script *s, struct world_object *o, const char *json) {
  do_late(s);
  s->late_object = o;
  s->late_json = json ? strdup(json) : NULL;
  s->late_makes = s->making;
  s->late_at = s->now_ms + 1 + (int64_t)dice(s, (WORLD_SETTLES - 3) * 1000);
}

int world_become(struct world_script *s, const char *what, struct world_object *o, const char *json,
                 struct uh_change_result *r, struct uh_err *err) {
  bool trouble = s->trouble > 0 && s->mood != WORLD_CALM && s->mood != WORLD_LAGS;
  uint64_t way = trouble ? dice(s, 4) : 3;
  s->now_ms += 50;
  do_late(s);
  if (trouble) s->trouble--;
  if (trouble && s->mood == WORLD_FAILS && way == 0)
    return world_answer(r, UH_CHANGE_NOT_SENT, err, "the service is not reached");
  note(s, what, o->guid, !json, world_truth(o) != NULL);
  struct world_log *entry = &s->log[s->n_log - 1];
  if (!world_truth(o) && !json) {
    r->not_found = true;
    return world_answer(r, UH_CHANGE_FAILED, err, "the object is not there");
  }
  entry->took = way == 3 || way == 1 || (way == 2 && s->mood == WORLD_LOSES);
  if (way == 3) {
    set_from(o, json, seen_later(s));
    return world_answer(r, UH_CHANGE_APPLIED, err, "");
  }
  bool done = way == 1;
  if (done) set_from(o, json, s->now_ms);
  if (s->mood == WORLD_FAILS) return world_answer(r, UH_CHANGE_FAILED, err, "the service failed");
  if (way == 2) keep_for_later(s, o, json);
  return world_answer(r, UH_CHANGE_UNKNOWN, err, "the answer was lost");
}

static const char *argument_text(const struct uh_change *c, const char *name) {
  for (const struct uh_argument *a = c->arguments; a && a->name; a++)
    if (strcmp(a->name, name) == 0 && a->type == UH_VALUE_TEXT) return a->text;
  return NULL;
}

static int make_new(struct world_script *s, enum uh_executor executor, const struct uh_change *c,
                    struct uh_change_result *r, struct uh_err *err) {
  char guid[UH_GUID_TEXT];
  const char *name = argument_text(c, "Name");
  const char *side = executor == UH_BY_EXCHANGE_ONLINE ? "cloud" : "on-premises";
  if (!name) die("a new object without a name");
  for (int i = 0; i < s->n_objects; i++)
    if (strcmp(s->objects[i].name, name) == 0 && strcmp(s->objects[i].kind, c->cmdlet + 4) == 0 &&
        strcmp(s->objects[i].side, side) == 0 && world_truth(&s->objects[i])) {
      snprintf(guid, sizeof guid, "%s", s->objects[i].guid);
      note(s, c->cmdlet, guid, false, true);
      return world_answer(r, UH_CHANGE_FAILED, err, "there is one of that name");
    }
  snprintf(guid, sizeof guid, "99999999-0000-4000-8000-%012d", s->n_objects);
  struct world_object *o = world_add(s, side, c->cmdlet + 4, guid, name, NULL);
  char *json = with_arguments("{}", c->arguments);
  int result = world_become(s, c->cmdlet, o, json, r, err);
  free(json);
  return result;
}

static int w_change(void *user, enum uh_executor executor, const struct uh_change *c, struct uh_change_result *r,
                    struct uh_err *err) {
  struct world_script *s = user;
  char guid[UH_GUID_TEXT] = "";
  *r = (struct uh_change_result){0};
  if (s->dead) return world_answer(r, UH_CHANGE_NOT_SENT, err, "the process is gone");
  if (strncmp(c->cmdlet, "New-", 4) == 0) return make_new(s, executor, c, r, err);
  if (!c->guid) die("a change of no object");
  struct world_object *o = world_find(s, uh_guid_text(c->guid, guid));
  if (!o) die("a change of an unknown object");
  if (strncmp(c->cmdlet, "Remove-", 7) == 0) return world_become(s, c->cmdlet, o, NULL, r, err);
  const char *before = world_truth(o);
  if (!before) {
    note(s, c->cmdlet, guid, false, false);
    r->not_found = true;
    return world_answer(r, UH_CHANGE_FAILED, err, "the object is not there");
  }
  char *json = with_arguments(before, c->arguments);
  int result = world_become(s, c->cmdlet, o, json, r, err);
  free(json);
  return result;
}

static int w_graph(void *user, const struct uh_graph_change *c, struct uh_change_result *r, struct uh_err *err) {
  struct world_script *s = user;
  char guid[UH_GUID_TEXT];
  *r = (struct uh_change_result){0};
  if (s->dead) return world_answer(r, UH_CHANGE_NOT_SENT, err, "the process is gone");
  struct world_object *o = world_find(s, uh_guid_text(c->id, guid));
  if (!o) die("a change of an unknown object");
  if (c->action == UH_GRAPH_DELETE) return world_become(s, "delete", o, NULL, r, err);
  if (c->action == UH_GRAPH_RESTORE) return world_become(s, "restore", o, o->v[0].json, r, err);
  static const struct uh_argument none[] = {
      {.name = "keyCredentials", .type = UH_VALUE_TEXTS, .texts = {.v = NULL, .n = 0}}, {0}};
  char *json = with_arguments(world_truth(o) ? world_truth(o) : "{}", none);
  int result = world_become(s, "remove-keys", o, json, r, err);
  free(json);
  return result;
}

/* ---- beginning and end ---- */

void world_begin(struct world_script *s, enum world_mood mood, uint64_t seed) {
  memset(s, 0, sizeof *s);
  s->mood = mood;
  s->seed = seed * 77 + 5;
  s->before_behind = seed % 2;
  s->behind_ms = mood == WORLD_LAGS ? 1500 : 0;
  s->trouble = 3;
  s->now_ms = INT64_C(1800000000) * 1000;
  s->verdict = UH_READY;
  s->world = (struct uh_world){.user = s,
                               .now = w_now,
                               .wait = w_wait,
                               .cancelled = w_cancelled,
                               .look = w_look,
                               .find = w_find,
                               .gate = w_gate,
                               .change = w_change,
                               .graph = w_graph,
                               .directory = world_directory,
                               .settles = w_settles,
                               .failpoint = w_failpoint};
}

void world_copy(const struct world_script *from, struct world_script *to) {
  *to = *from;
  for (int i = 0; i < to->n_objects; i++)
    for (int k = 0; k < to->objects[i].n; k++)
      if (to->objects[i].v[k].json && !(to->objects[i].v[k].json = strdup(to->objects[i].v[k].json)))
        die("out of memory");
  if (to->late_json && !(to->late_json = strdup(to->late_json))) die("out of memory");
}

void world_end(struct world_script *s) {
  for (int i = 0; i < s->n_objects; i++)
    for (int k = 0; k < s->objects[i].n; k++) free(s->objects[i].v[k].json);
  free(s->late_json);
  s->late_json = NULL;
  s->n_objects = 0;
}
