/* SPDX-License-Identifier: Apache-2.0 */
/* Looking: whether an action is done, and until when that may still change by itself. */
#include "plan/run.h"

#include <strings.h>

#include <jansson.h>

enum { WAIT_FIRST_MS = 250, WAIT_LAST_MS = 10000 };

int uh_look(struct uh_run *run, const struct uh_planned *a, enum uh_look_path path, struct uh_look *ret_look) {
  struct uh_err err = UH_ERR_INIT;
  *ret_look = (struct uh_look){.why = UH_ERR_INIT};
  if (run->w->look(run->w->user, a, path, ret_look, &err) < 0) return uh_run_stop_err(run, &err, a->id);
  if (ret_look->seen == UH_SEEN_THERE && !ret_look->image)
    return uh_run_stop(run, 70, "%s: the object was seen, and not told", a->id);
  return 0;
}

int uh_look_done(struct uh_run *run, const struct uh_planned *a, struct uh_str *why) {
  struct uh_look look UH_CLEANUP(uh_look_clear);
  struct uh_err err = UH_ERR_INIT;
  char text[1200];
  uh_str_reset(why);
  if (uh_look(run, a, UH_LOOK_AFTER, &look) < 0) return -1;
  if (look.seen == UH_SEEN_UNKNOWN) {
    uh_str_add(why, uh_err_text(&look.why, text, sizeof text));
    return 2;
  }
  /* What is to change, and is gone, does nothing any more. */
  if (look.seen == UH_SEEN_ABSENT && a->action.verb != UH_VERB_DO) return 1;
  int satisfied = uh_planned_satisfied(a, UH_EXPECT_END, look.seen == UH_SEEN_THERE, look.image, why, &err);
  if (satisfied >= 0) return satisfied;
  uh_str_reset(why);
  uh_str_add(why, uh_err_text(&err, text, sizeof text));
  return 2;
}

int64_t uh_run_settled_at(const struct uh_run *run, const struct uh_planned *a, int64_t begun_at) {
  return begun_at + run->w->settles(run->w->user, a->action.executor) + 1; /* times are whole seconds */
}

bool uh_settle_wait(struct uh_run *run, int64_t until, int64_t *milliseconds) {
  int64_t left = (until - uh_run_now(run)) * 1000;
  if (left <= 0 || uh_run_cancelled(run)) return false;
  *milliseconds = *milliseconds ? *milliseconds * 8 / 5 : WAIT_FIRST_MS;
  if (*milliseconds > WAIT_LAST_MS) *milliseconds = WAIT_LAST_MS;
  run->w->wait(run->w->user, *milliseconds < left ? *milliseconds : left);
  return true;
}

/* ---- as it was, but for what the action did ---- */

static void json_freep(json_t **json) {
  json_decref(*json);
}

static bool is_own(const struct uh_planned *a, const char *property) {
  for (const struct uh_change *c = a->action.changes; c && c->cmdlet; c++)
    for (const struct uh_argument *p = c->arguments; p && p->name; p++)
      if (strcasecmp(p->name, property) == 0) return true;
  for (const struct uh_expect *e = a->action.expect; e && e->what != UH_EXPECT_END; e++)
    if (e->what != UH_EXPECT_ABSENT && e->value.name && strcasecmp(e->value.name, property) == 0) return true;
  const struct uh_directory_change *d = a->action.directory;
  for (size_t i = 0; d && i < d->n_edits; i++)
    if (strcasecmp(d->edits[i].attribute, property) == 0) return true;
  return a->action.graph &&
         (strcasecmp(property, "keyCredentials") == 0 || strcasecmp(property, "passwordCredentials") == 0 ||
          strcasecmp(property, "servicePrincipalNames") == 0);
}

/* The image without the properties that the action's own changes set. */
static char *without_own(const struct uh_planned *a, const char *image, struct uh_err *err) {
  json_error_t why;
  size_t i;
  json_t *row;
  UH_CLEANUP(json_freep) json_t *all = json_loads(image, JSON_ALLOW_NUL, &why);
  if (!all) {
    (void)uh_fail(err, UH_ERR_DATA, "an image of %s is no JSON: %s", a->id, why.text);
    return NULL;
  }
  json_array_foreach(json_object_get(all, "rows"), i, row) {
    const char *name;
    json_t *value;
    void *next;
    json_t *json = json_object_get(row, "json");
    json_object_foreach_safe(json, next, name, value) {
      if (is_own(a, name)) (void)json_object_del(json, name);
    }
  }
  char *text = json_dumps(all, JSON_COMPACT);
  if (!text) (void)uh_fail_nomem(err);
  return text;
}

int uh_image_same(const struct uh_planned *a, const char *before, const char *image, struct uh_err *err) {
  char first[65], second[65];
  if (!*a->fingerprint) return 1;
  UH_CLEANUP(uh_freep) char *x = without_own(a, before, err);
  UH_CLEANUP(uh_freep) char *y = x ? without_own(a, image, err) : NULL;
  if (!y || uh_planned_fingerprint(a, x, first, err) < 0 || uh_planned_fingerprint(a, y, second, err) < 0) return -1;
  return strcmp(first, second) == 0;
}

/* ---- a part of it ---- */

static size_t count_below(const char *image) {
  UH_CLEANUP(json_freep) json_t *all = json_loads(image, JSON_ALLOW_NUL, NULL);
  return json_array_size(json_object_get(json_array_get(json_object_get(all, "rows"), 0), "below"));
}

int uh_tree_half_gone(struct uh_run *run, const struct uh_planned *a) {
  const struct uh_history_entry *e = uh_history_entry(run->h, a->id);
  const struct uh_directory_change *d = a->action.directory;
  struct uh_look look UH_CLEANUP(uh_look_clear) = {.why = UH_ERR_INIT};
  if (!d || d->action != UH_DIRECTORY_DELETE || !d->n_tree || run->o->dry) return 0;
  if (!e || !e->begun || !e->is.image) return 0; /* a later try that was not sent says nothing of the first */
  if (!uh_history_in_doubt(e) && e->is.state != UH_ACTION_FAILED) return 0;
  if (uh_look(run, a, UH_LOOK_BEFORE, &look) < 0) return -1;
  return look.seen == UH_SEEN_THERE && count_below(look.image) < count_below(e->is.image);
}

/* It is not done, and the time has passed: what is there? */
static int what_is_there(struct uh_run *run, const struct uh_planned *a, struct uh_str *why) {
  const struct uh_history_entry *e = uh_history_entry(run->h, a->id);
  struct uh_look look UH_CLEANUP(uh_look_clear);
  struct uh_err err = UH_ERR_INIT;
  char text[1200];
  if (uh_look(run, a, UH_LOOK_BEFORE, &look) < 0) return -1;
  if (look.seen == UH_SEEN_UNKNOWN) {
    uh_str_reset(why);
    uh_str_add(why, uh_err_text(&look.why, text, sizeof text));
    return UH_SETTLED_UNSEEN;
  }
  if (look.seen == UH_SEEN_ABSENT) { /* one way shows it, the other does not */
    uh_str_add(why, "; two ways of looking disagree");
    return a->action.verb == UH_VERB_DO ? UH_SETTLED_UNCHANGED : UH_SETTLED_UNSEEN;
  }
  if (!e || !e->is.image) return UH_SETTLED_UNCHANGED;
  int same = uh_image_same(a, e->is.image, look.image, &err);
  if (same == 1) return UH_SETTLED_UNCHANGED;
  uh_str_reset(why);
  if (same < 0) {
    uh_str_add(why, uh_err_text(&err, text, sizeof text));
    return UH_SETTLED_UNSEEN;
  }
  if (uh_planned_drift(a, e->is.image, look.image, why, &err) < 0) uh_str_add(why, "it is not as it was");
  return UH_SETTLED_CHANGED;
}

int uh_settle(struct uh_run *run, const struct uh_planned *a, int64_t until, struct uh_str *why) {
  int64_t milliseconds = 0;
  for (;;) {
    int done = uh_look_done(run, a, why);
    if (done < 0) return -1;
    if (done == 1) return UH_SETTLED_DONE;
    if (uh_run_now(run) >= until) return done == 2 ? UH_SETTLED_UNSEEN : what_is_there(run, a, why);
    struct uh_event event = {.type = UH_EVENT_WAITING,
                             .action = a,
                             .step = uh_run_step(run, a),
                             .why = uh_str_or(why, ""),
                             .until = until - uh_run_now(run)};
    uh_run_tell(run, &event);
    if (!uh_settle_wait(run, until, &milliseconds) && uh_run_cancelled(run)) return UH_SETTLED_CANCELLED;
  }
}
