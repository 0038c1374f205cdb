/* SPDX-License-Identifier: Apache-2.0 */
/* What the renderings of a plan share. */
#include <stdlib.h>
#include <string.h>

#include <unhybrid/text.h>

#include "report/plan_report.h"

const struct uh_plan_format *const uh_plan_formats[] = {&uh_plan_table, &uh_plan_dot, &uh_plan_document, &uh_plan_html,
                                                        NULL};

const struct uh_plan_format *uh_plan_format_find(const char *name) {
  for (size_t i = 0; uh_plan_formats[i]; i++)
    if (strcmp(uh_plan_formats[i]->name, name) == 0) return uh_plan_formats[i];
  return NULL;
}

const char *uh_plan_number(struct uh_plan_numbers *numbers, const struct uh_planned *action,
                           char text[UH_PLAN_NUMBER]) {
  enum { MOST = sizeof numbers->n / sizeof *numbers->n };
  size_t i = 0;
  while (i < MOST && numbers->requirement[i] && strcmp(numbers->requirement[i], action->requirement) != 0) i++;
  if (i < MOST) numbers->requirement[i] = action->requirement;
  int64_t n = i < MOST ? ++numbers->n[i] : action->number;
  (void)snprintf(text, UH_PLAN_NUMBER, "%.*s.%lld", UH_HEAD(action->requirement, 16), (long long)n);
  return text;
}

struct uh_plan_sums uh_plan_sum(const struct uh_plan *plan) {
  struct uh_plan_sums sums = {.actions = uh_plan_count(plan)};
  for (size_t i = 0; i < sums.actions; i++) {
    const struct uh_action *a = &uh_plan_at(plan, i)->action;
    sums.irreversible += a->reversible == UH_IRREVERSIBLE;
    sums.approvals += a->approval != NULL;
    sums.by_operator += a->executor == UH_BY_OPERATOR;
    sums.pauses += a->observe;
  }
  for (size_t i = 0; i < uh_plan_step_count(plan); i++) {
    enum uh_step_state state = uh_plan_step_at(plan, i)->state;
    sums.steps += state == UH_STEP_ACTIONS;
    sums.unknown += state == UH_STEP_UNKNOWN;
    sums.blocked += state == UH_STEP_BLOCKED;
    sums.skipped += state == UH_STEP_SKIPPED;
  }
  return sums;
}

const char *uh_plan_phase_title(enum uh_phase phase) {
  static const char *const titles[] = {"Before the server is uninstalled", "The uninstall",
                                       "After the server is uninstalled"};
  return (size_t)phase < sizeof titles / sizeof *titles ? titles[phase] : "?";
}

const char *uh_plan_undo_words(enum uh_reversible reversible) {
  static const char *const words[] = {"can be undone", "can be undone, as a new object", "can be undone by a person",
                                      "cannot be undone"};
  return (size_t)reversible < sizeof words / sizeof *words ? words[reversible] : "?";
}

static void add_value(struct uh_str *out, const struct uh_argument *a) {
  char guid[UH_GUID_TEXT];
  switch (a->type) {
    case UH_VALUE_NULL: uh_str_add(out, "empty"); return;
    case UH_VALUE_TEXT: uh_str_add(out, a->text); return;
    case UH_VALUE_BOOL: uh_str_add(out, a->yes ? "true" : "false"); return;
    case UH_VALUE_NUMBER: uh_str_addf(out, "%lld", (long long)a->number); return;
    case UH_VALUE_GUID: uh_str_add(out, uh_guid_text(a->guid, guid)); return;
    case UH_VALUE_TEXTS:
      for (size_t i = 0; i < a->texts.n; i++) uh_str_addf(out, "%s%s", i ? ", " : "", a->texts.v[i]);
      return;
  }
}

void uh_plan_match(struct uh_str *out, const struct uh_subject *subject) {
  if (subject->guid && *subject->guid) return;
  for (const struct uh_argument *a = subject->match; a && a->name; a++) {
    uh_str_addf(out, "%s%s ", a == subject->match ? "" : ", ", a->name);
    add_value(out, a);
  }
}

/* ---- what stays ---- */

static const char *or_empty(const char *s) {
  return s ? s : "";
}

/* By GUID where there is one; else the name is all that the plan's list of objects has. */
static int compare(const struct uh_subject *a, const struct uh_subject *b) {
  const char *x = or_empty(a->guid), *y = or_empty(b->guid);
  int r = strcmp(a->side, b->side);
  if (r == 0) r = strcmp(a->kind, b->kind);
  if (r == 0) r = strcasecmp(x, y);
  if (r == 0 && !*x) r = strcmp(or_empty(a->name), or_empty(b->name));
  return r;
}

static int compare_for_sort(const void *a, const void *b) {
  const struct uh_subject *const *x = a, *const *y = b;
  return compare(*x, *y);
}

int uh_plan_stays_of(const struct uh_plan *plan, const struct uh_plan_step *step, struct uh_plan_stays *ret_stays,
                     struct uh_err *err) {
  const struct uh_subject **list = calloc(step->n + 1, sizeof(const struct uh_subject *));
  if (!list) return uh_fail_nomem(err);
  for (size_t i = 0; i < step->n; i++) list[i] = &uh_plan_at(plan, step->first + i)->action.subject;
  qsort(list, step->n, sizeof(const struct uh_subject *), compare_for_sort);
  *ret_stays = (struct uh_plan_stays){.acted_on = list, .n = step->n};
  return 0;
}

bool uh_plan_object_stays(const struct uh_plan_stays *stays, const struct uh_plan_object *object) {
  struct uh_subject key = {.side = object->side, .kind = object->kind, .guid = object->guid, .name = object->name};
  const struct uh_subject *p = &key;
  return !bsearch(&p, stays->acted_on, stays->n, sizeof(const struct uh_subject *), compare_for_sort);
}

const char *uh_plan_stays_word(enum uh_owner owner) {
  return owner == UH_OWNER_HYBRID || owner == UH_OWNER_SHARED ? "no change here" : "stays";
}

void uh_plan_stays_clear(struct uh_plan_stays *stays) {
  free(stays->acted_on);
  *stays = (struct uh_plan_stays){0};
}
