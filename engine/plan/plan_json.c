/* SPDX-License-Identifier: Apache-2.0 */
/* A plan is a document with an id of its own: what a person looked at and agreed to is what is carried out. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <unhybrid/text.h>

#include "case/case.h"
#include "plan/plan_internal.h"

#define ID_SIZE (sizeof "sha256:" + 64)

/* ---- id ---- */

int uh_sha256_hex(const void *data, size_t n, char ret_hex[65], struct uh_err *err) {
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(data, n, digest, &size, EVP_sha256(), NULL) != 1 || size != 32)
    return uh_fail(err, UH_ERR_INTERNAL, "SHA-256 is not to be had");
  for (unsigned i = 0; i < size; i++) uh_print(ret_hex + (size_t)2 * i, 3, "%02x", digest[i]);
  return 0;
}

/* The canonical form: keys sorted, no white space, ASCII; without the id itself, and without the time of making, so
 * that the same plan made twice is the same plan. */
int uh_plan_identify(const json_t *document, char ret_id[ID_SIZE], struct uh_err *err) {
  json_t *copy = json_copy((json_t *)(uintptr_t)document);
  char hex[65];
  if (copy) {
    (void)json_object_del(copy, "id");
    (void)json_object_del(copy, "made_at");
  }
  UH_CLEANUP(uh_freep)
  char *text = copy ? json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;
  json_decref(copy);
  if (!text) return uh_fail_nomem(err);
  if (uh_sha256_hex(text, strlen(text), hex, err) < 0) return -1;
  uh_print(ret_id, ID_SIZE, "sha256:%s", hex);
  return 0;
}

/* ---- from the document to the structures ---- */

static int damaged(const char *what, struct uh_err *err) {
  return uh_fail(err, UH_ERR_DATA, "\"%.*s\" is missing, or not as a plan has it", UH_HEAD(what, 60));
}

static int texts_of(struct uh_plan *plan, const json_t *list, const char *const **ret_v, size_t *ret_n,
                    struct uh_err *err) {
  *ret_n = json_array_size(list);
  const char **v = uh_arena_get(&plan->arena, *ret_n + 1, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  for (size_t i = 0; i < *ret_n; i++)
    if (!(v[i] = json_string_value(json_array_get(list, i)))) return damaged("notes", err);
  *ret_v = v;
  return 0;
}

int uh_owner_of(const json_t *o, enum uh_owner *ret, struct uh_err *err) {
  const char *text = json_string_value(json_object_get(o, "owner"));
  int owner = text ? UH_WORD_OF(uh_owner_name, enum uh_owner, UH_OWNER_UNKNOWN + 1, text) : -1;
  if (owner < 0) return damaged("owner", err);
  *ret = (enum uh_owner)owner;
  return 0;
}

static int phase_of(const json_t *o, enum uh_phase *ret, struct uh_err *err) {
  const char *text = json_string_value(json_object_get(o, "phase"));
  int phase = text ? UH_WORD_OF(uh_phase_name, enum uh_phase, UH_PHASE_AFTER_UNINSTALL + 1, text) : -1;
  if (phase < 0) return damaged("phase", err);
  *ret = (enum uh_phase)phase;
  return 0;
}

static int revive_objects(struct uh_plan *plan, const json_t *list, struct uh_plan_step *step, struct uh_err *err) {
  step->objects = json_array_size(list);
  struct uh_plan_object *v = uh_arena_get(&plan->arena, step->objects, sizeof *v);
  if (!v) return uh_fail_nomem(err);
  for (size_t i = 0; i < step->objects; i++) {
    const json_t *o = json_array_get(list, i);
    if (uh_member_text(o, "side", false, &v[i].side, err) < 0 ||
        uh_member_text(o, "kind", false, &v[i].kind, err) < 0 ||
        uh_member_text(o, "guid", false, &v[i].guid, err) < 0 ||
        uh_member_text(o, "name", false, &v[i].name, err) < 0 ||
        uh_member_text(o, "reason", false, &v[i].reason, err) < 0 || uh_owner_of(o, &v[i].owner, err) < 0)
      return -1;
  }
  step->v = v;
  return 0;
}

static int revive_step(struct uh_plan *plan, const json_t *o, struct uh_plan_step *step, struct uh_err *err) {
  const char *id = "", *state = "";
  const json_t *objects = json_object_get(o, "objects"), *notes = json_object_get(o, "notes");
  if (uh_member_text(o, "id", false, &id, err) < 0 || uh_member_text(o, "state", false, &state, err) < 0 ||
      uh_member_text(o, "why", false, &step->why, err) < 0)
    return -1;
  step->step = uh_plan_step_named(plan, id);
  if (!step->step) {
    uh_fail(err, UH_ERR_DATA, "the plan names the step \"%.*s\", which this program does not have", UH_HEAD(id, 80));
    uh_err_remedy(err, "use the version of unhybrid that made it, or plan again");
    return -1;
  }
  int which = UH_WORD_OF(uh_step_state_name, enum uh_step_state, UH_STEP_SKIPPED + 1, state);
  if (which < 0 || !json_is_array(objects) || !json_is_array(notes)) return damaged("steps", err);
  step->state = (enum uh_step_state)which;
  return revive_objects(plan, objects, step, err) < 0 || texts_of(plan, notes, &step->notes, &step->n_notes, err) < 0
             ? -1
             : 0;
}

static int revive_action(struct uh_plan *plan, size_t i, const json_t *o, struct uh_err *err) {
  struct uh_planned *p = &plan->v[i];
  UH_CLEANUP(uh_freep) char *image = NULL;
  if (uh_member_text(o, "id", false, &p->id, err) < 0 || uh_member_text(o, "step", false, &p->step, err) < 0 ||
      uh_member_text(o, "requirement", false, &p->requirement, err) < 0 ||
      uh_member_text(o, "step_title", false, &p->step_title, err) < 0 ||
      uh_member_text(o, "owner_reason", false, &p->owner_reason, err) < 0 ||
      uh_member_text(o, "fingerprint", false, &p->fingerprint, err) < 0 ||
      uh_member_text(o, "fingerprint_source", false, &p->fingerprint_source, err) < 0 ||
      uh_owner_of(o, &p->owner, err) < 0 || phase_of(o, &p->phase, err) < 0 ||
      uh_action_decode(&plan->arena, o, &p->action, err) < 0)
    return -1;
  p->number = json_integer_value(json_object_get(o, "number"));
  if (p->number != (int64_t)i + 1) return damaged("number", err);
  const json_t *of = json_object_get(o, "image");
  if (of && !(image = json_dumps(of, JSON_COMPACT | JSON_SORT_KEYS))) return uh_fail_nomem(err);
  plan->images[i] = uh_arena_text(&plan->arena, image);
  if (json_object_get(plan->by_id, p->id))
    return uh_fail(err, UH_ERR_INTERNAL, "the plan has the action %.*s twice", UH_HEAD(p->id, 300));
  return json_object_set_new(plan->by_id, p->id, json_integer((json_int_t)i)) < 0 ? uh_fail_nomem(err) : 0;
}

/* The actions of a step stand together, in the order of the steps. */
static int place_actions(struct uh_plan *plan, struct uh_err *err) {
  size_t at = 0;
  for (size_t i = 0; i < plan->n_steps; i++) {
    struct uh_plan_step *step = &plan->steps[i];
    step->first = at;
    while (at < plan->n && strcmp(plan->v[at].step, step->step->id) == 0) at++;
    step->n = at - step->first;
    if ((step->n > 0) != (step->state == UH_STEP_ACTIONS)) return damaged("state", err);
  }
  return at == plan->n ? 0 : damaged("actions", err);
}

static int revive(struct uh_plan *plan, struct uh_err *err) {
  const json_t *o = plan->document, *steps = json_object_get(o, "steps"), *actions = json_object_get(o, "actions");
  const char *text;
  if (uh_member_text(o, "organization", false, &text, err) < 0 || uh_member_text(o, "tenant", false, &text, err) < 0 ||
      uh_member_text(o, "made_at", false, &text, err) < 0 ||
      uh_anchors_decode(json_object_get(o, "anchors"), &plan->anchors, err) < 0)
    return -1;
  plan->n_steps = json_array_size(steps);
  plan->n = json_array_size(actions);
  if (!json_is_array(steps) || plan->n_steps > UH_PLAN_STEPS_MAX) return damaged("steps", err);
  if (!json_is_array(actions) || plan->n > UH_PLAN_ACTIONS_MAX) return damaged("actions", err);
  plan->steps = uh_arena_get(&plan->arena, plan->n_steps, sizeof *plan->steps);
  plan->v = uh_arena_get(&plan->arena, plan->n, sizeof *plan->v);
  plan->images = uh_arena_get(&plan->arena, plan->n, sizeof *plan->images);
  plan->by_id = json_object();
  if (plan->arena.failed || !plan->by_id) return uh_fail_nomem(err);
  for (size_t i = 0; i < plan->n_steps; i++)
    if (revive_step(plan, json_array_get(steps, i), &plan->steps[i], err) < 0) return -1;
  for (size_t i = 0; i < plan->n; i++)
    if (revive_action(plan, i, json_array_get(actions, i), err) < 0) {
      uh_err_where(err, "action %zu", i + 1);
      return -1;
    }
  if (plan->arena.failed) return uh_fail_nomem(err);
  return place_actions(plan, err);
}

int uh_plan_revive(json_t *document, const struct uh_step *const *known, struct uh_plan **ret_plan,
                   struct uh_err *err) {
  UH_CLEANUP(uh_plan_freep) struct uh_plan *plan = calloc(1, sizeof *plan);
  if (!plan) return uh_fail_nomem(err);
  plan->known = known;
  plan->document = json_incref(document);
  const char *id = json_string_value(json_object_get(document, "id"));
  uh_print(plan->id, sizeof plan->id, "%s", id ? id : "");
  if (revive(plan, err) < 0) return -1;
  plan->known = NULL; /* its owner's, who need not keep it */
  *ret_plan = UH_TAKE(plan);
  return 0;
}

const struct uh_step *uh_plan_step_named(const struct uh_plan *plan, const char *id) {
  if (!plan->known) return uh_step_find(id);
  for (const struct uh_step *const *step = plan->known; *step; step++)
    if (strcmp((*step)->id, id) == 0) return *step;
  return NULL;
}

/* ---- what it holds ---- */

struct uh_plan *uh_plan_free(struct uh_plan *plan) {
  if (!plan) return NULL;
  uh_arena_clear(&plan->arena);
  plan->anchors = uh_anchors_free(plan->anchors);
  json_decref(plan->by_id);
  json_decref(plan->document);
  free(plan);
  return NULL;
}
void uh_plan_freep(struct uh_plan **plan) {
  *plan = uh_plan_free(*plan);
}

static const char *member(const struct uh_plan *plan, const char *name) {
  return json_string_value(json_object_get(plan->document, name));
}
const char *uh_plan_id(const struct uh_plan *plan) {
  return plan->id;
}
const char *uh_plan_organization(const struct uh_plan *plan) {
  return member(plan, "organization");
}
const char *uh_plan_tenant(const struct uh_plan *plan) {
  const char *tenant = member(plan, "tenant");
  return tenant && *tenant ? tenant : NULL;
}
const struct uh_anchors *uh_plan_anchors(const struct uh_plan *plan) {
  return plan->anchors;
}
size_t uh_plan_count(const struct uh_plan *plan) {
  return plan->n;
}
const struct uh_planned *uh_plan_at(const struct uh_plan *plan, size_t i) {
  return i < plan->n ? &plan->v[i] : NULL;
}
const struct uh_planned *uh_plan_find(const struct uh_plan *plan, const char *action_id) {
  const json_t *place = json_object_get(plan->by_id, action_id);
  return place ? uh_plan_at(plan, (size_t)json_integer_value(place)) : NULL;
}
size_t uh_plan_step_count(const struct uh_plan *plan) {
  return plan->n_steps;
}
const struct uh_plan_step *uh_plan_step_at(const struct uh_plan *plan, size_t i) {
  return i < plan->n_steps ? &plan->steps[i] : NULL;
}
const char *uh_plan_image(const struct uh_plan *plan, size_t i) {
  return i < plan->n ? plan->images[i] : NULL;
}

/* ---- as text ---- */

int uh_plan_json(const struct uh_plan *plan, struct uh_str *out, struct uh_err *err) {
  UH_CLEANUP(uh_freep) char *text = json_dumps(plan->document, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
  if (!text) return uh_fail_nomem(err);
  if (strlen(text) > UH_PLAN_BYTES_MAX)
    return uh_fail(err, UH_ERR_DATA, "the plan takes %zu bytes, more than the journal keeps of one", strlen(text));
  /* Everything else that could steer a terminal is escaped already. */
  for (const char *p = text; *p;) {
    size_t n = strcspn(p, "\x7f");
    uh_str_addn(out, p, n);
    p += n;
    if (*p) uh_str_add(out, "\\u007f"), p++;
  }
  return uh_str_text(out) ? 0 : uh_fail_nomem(err);
}

static int check_schema(const json_t *document, struct uh_err *err) {
  const char *schema = json_string_value(json_object_get(document, "schema"));
  if (schema && strcmp(schema, UH_PLAN_SCHEMA) == 0) return 0;
  if (!schema || strncmp(schema, "unhybrid/plan/", 14) != 0) return uh_fail(err, UH_ERR_DATA, "this is no plan");
  uh_fail(err, UH_ERR_DATA, "the plan is of the version \"%.*s\", and this program reads %s", UH_HEAD(schema, 40),
          UH_PLAN_SCHEMA);
  uh_err_remedy(err, "use the version of unhybrid that made it, or plan again");
  return -1;
}

static int check_id(const json_t *document, struct uh_err *err) {
  char id[ID_SIZE];
  const char *said = json_string_value(json_object_get(document, "id"));
  if (uh_plan_identify(document, id, err) < 0) return -1;
  if (said && strcmp(said, id) == 0) return 0;
  uh_fail(err, UH_ERR_DATA, "the plan was changed after it was made: its id does not fit what it says");
  uh_err_remedy(err, "plans are not edited: choose with --only and --until, and plan again");
  return -1;
}

int uh_plan_from_json(const char *json, size_t n, struct uh_plan **ret_plan, struct uh_err *err) {
  json_error_t where;
  if (n > UH_PLAN_BYTES_MAX) return uh_fail(err, UH_ERR_DATA, "the plan is larger than any that this program makes");
  json_t *document = json_loadb(json, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
  int rc = 0;
  (void)json_object_del(document, "left"); /* what a person looks at stood beside it when it was shown */
  if (!document)
    rc = uh_fail(err, UH_ERR_DATA, "this is no plan: no JSON at line %d, column %d", where.line, where.column);
  if (rc == 0 && (check_schema(document, err) < 0 || check_id(document, err) < 0 ||
                  uh_plan_revive(document, NULL, ret_plan, err) < 0))
    rc = -1;
  json_decref(document);
  return rc;
}

int uh_plan_save(const struct uh_plan *plan, const char *path, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  UH_CLEANUP(uh_file_abandonp) struct uh_file *file = NULL;
  if (uh_plan_json(plan, &text, err) < 0) return -1;
  uh_str_addc(&text, '\n');
  if (!uh_str_text(&text)) return uh_fail_nomem(err);
  if (uh_file_create(path, &file, err) < 0 || uh_file_write(file, text.s, text.len, err) < 0) return -1;
  return uh_file_commit(UH_TAKE(file), err);
}

static int fail_read(const char *path, struct uh_err *err) {
  uh_fail(err, UH_ERR_DATA, "cannot read the plan: %s", strerror(errno));
  uh_err_where(err, "%s", path);
  return -1;
}

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
}

static int read_file(const char *path, struct uh_str *out, struct uh_err *err) {
  UH_CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat st;
  char buf[64 * 1024];
  ssize_t got;
  if (fd < 0 || fstat(fd, &st) < 0) return fail_read(path, err);
  if (!S_ISREG(st.st_mode)) return uh_fail(err, UH_ERR_DATA, "this is no plan: it is no file");
  while ((got = read(fd, buf, sizeof buf)) > 0 && out->len <= UH_PLAN_BYTES_MAX) uh_str_addn(out, buf, (size_t)got);
  if (got < 0) return fail_read(path, err);
  return uh_str_text(out) ? 0 : uh_fail_nomem(err);
}

int uh_plan_load(const char *path, struct uh_plan **ret_plan, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  if (read_file(path, &text, err) == 0 && uh_plan_from_json(uh_str_text(&text), text.len, ret_plan, err) == 0) return 0;
  uh_err_where(err, "%s", path);
  return -1;
}
