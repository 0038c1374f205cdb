/* SPDX-License-Identifier: Apache-2.0 */
/* What a change must be before anybody is asked, against its cmdlet's line in a closed list. */
#include <strings.h>

#include "executors/change_check.h"

#define TEXT_MAX 32768u
#define TEXTS_MAX 5000u

const struct uh_writing_cmdlet *uh_writing_cmdlet_find(const struct uh_writing_cmdlet *list, size_t n,
                                                       const char *name) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(list[i].name, name) == 0) return &list[i];
  return NULL;
}

/* The type's letter of a parameter in "Name:t Name:t", 0 where it is not there. */
static char type_of(const struct uh_writing_cmdlet *c, const char *name) {
  size_t n = strlen(name);
  for (const char *p = c->parameters; *p; p += strcspn(p, " "), p += strspn(p, " "))
    if (strncmp(p, name, n) == 0 && p[n] == ':') return p[n + 1];
  return 0;
}

static bool fits(char type, const struct uh_argument *a) {
  switch (a->type) {
    case UH_VALUE_NULL: return type == 't' || type == 'l';
    case UH_VALUE_BOOL: return type == 's' || type == 'b';
    case UH_VALUE_NUMBER: return type == 'i';
    case UH_VALUE_TEXTS: return type == 'l';
    case UH_VALUE_GUID: return type == 't';
    case UH_VALUE_TEXT: return type == 't' || type == 'l';
  }
  return false;
}

static bool bounded(const struct uh_argument *a) {
  if (a->type == UH_VALUE_TEXT) return a->text && strlen(a->text) <= TEXT_MAX;
  if (a->type == UH_VALUE_GUID) return a->guid;
  if (a->type != UH_VALUE_TEXTS) return true;
  if (a->texts.n > TEXTS_MAX) return false;
  for (size_t i = 0; i < a->texts.n; i++)
    if (!a->texts.v[i] || strlen(a->texts.v[i]) > TEXT_MAX) return false;
  return true;
}

static int wrong(const struct uh_change *change, const char *name, const char *why, struct uh_err *err) {
  return uh_fail(err, UH_ERR_INTERNAL, "%.*s -%.*s is not sent: %s", UH_HEAD(change->cmdlet, 80), UH_HEAD(name, 80),
                 why);
}

static int check_argument(const struct uh_writing_cmdlet *c, const struct uh_change *change,
                          const struct uh_argument *a, struct uh_err *err) {
  static const char *const ours[] = {"Identity", "Confirm", "WhatIf", "DomainController"};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
    if (strcasecmp(a->name, ours[i]) == 0) return wrong(change, a->name, "only the writer says it", err);
  char type = type_of(c, a->name);
  if (!type) return wrong(change, a->name, "no such parameter in a cleanup", err);
  if (!fits(type, a)) return wrong(change, a->name, "its value has another type", err);
  if (!bounded(a)) return wrong(change, a->name, "its value is too long, or none", err);
  for (const struct uh_argument *b = change->arguments; b != a; b++)
    if (strcmp(a->name, b->name) == 0) return wrong(change, a->name, "it is said twice", err);
  return 0;
}

/* Parameters without which the cmdlet would ask, or mean another object. */
static int check_needed(const struct uh_writing_cmdlet *c, const struct uh_change *change, struct uh_err *err) {
  char name[64];
  for (const char *p = c->needs; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(p, " "), p);
    const struct uh_argument *a = change->arguments;
    while (a && a->name && strcmp(a->name, name) != 0) a++;
    bool there = a && a->name &&
                 ((a->type == UH_VALUE_TEXT && *a->text) || (a->type == UH_VALUE_TEXTS && a->texts.n) ||
                  a->type == UH_VALUE_GUID);
    if (!there) return wrong(change, name, "it is missing", err);
  }
  return 0;
}

int uh_change_check(const struct uh_writing_cmdlet *c, const struct uh_change *change, struct uh_err *err) {
  static const uint8_t nothing[UH_GUID_SIZE];
  if (!c) return uh_fail(err, UH_ERR_INTERNAL, "%.*s is no cmdlet that a cleanup may run", UH_HEAD(change->cmdlet, 80));
  if (c->by_guid && (!change->guid || memcmp(change->guid, nothing, sizeof nothing) == 0))
    return wrong(change, "Identity", "the object's GUID is missing, and a name is not enough", err);
  if (!c->by_guid && change->guid) return wrong(change, "Identity", "this cmdlet takes no GUID", err);
  size_t n = 0;
  for (const struct uh_argument *a = change->arguments; a && a->name; a++) {
    if (++n > UH_CHANGE_ARGUMENTS_MAX) return wrong(change, a->name, "there are too many parameters", err);
    if (check_argument(c, change, a, err) < 0) return -1;
  }
  return check_needed(c, change, err);
}
