/* SPDX-License-Identifier: Apache-2.0 */
/* Property by property: two configuration objects as JSON. Nothing here walks deeper than two levels by itself. */
#include <string.h>
#include <strings.h>

#include <unhybrid/text.h>

#include "rules/diff_private.h"

/*
 * What changes by itself while nobody changes the organisation, and so is no difference (docs/diff.md says why of
 * each). Compared without case, at the top of an object and one level below.
 */
static const char *const volatile_names[] = {
    /* Times and counters of the services' own work */
    "LastLogonTimestamp", "PwdLastSet", "onPremisesLastSyncDateTime", "onPremisesLastPasswordSyncDateTime",
    "LastChecked", "LastSyncedDateTime", "LastSuccessfulSyncTime", "lastExecution", "lastSuccessfulExecution",
    "lastSuccessfulExecutionWithExports", "steadyStateFirstAchievedTime", "steadyStateLastAchievedTime", "progress",
    "synchronizedEntryCountByType", "lastHeartbeat", "lastHeartbeatDateTime",
    /* Follows every other change, also those that no check reads */
    "WhenChanged", "WhenChangedUTC",
    /* Who answered, and in which session */
    "OriginatingServer", "RunspaceId", "PSComputerName", "PSShowComputerName", "ObjectState"};

static bool is_volatile(const char *name) {
  for (size_t i = 0; i < sizeof volatile_names / sizeof *volatile_names; i++)
    if (strcasecmp(volatile_names[i], name) == 0) return true;
  return false;
}

static void without_volatile(json_t *object) {
  const char *name;
  json_t *value;
  void *next;
  json_object_foreach_safe(object, next, name, value) {
    if (is_volatile(name)) (void)json_object_del(object, name);
  }
}

json_t *uh_diff_answer(enum uh_answer answer) {
  return json_pack("{s:s}", "@answer", uh_answer_name(answer));
}

bool uh_diff_obtained(const json_t *value) {
  return !json_object_get(value, "@answer");
}

json_t *uh_diff_text(const char *s, size_t n) {
  json_t *plain = json_stringn(s, n);
  if (plain) return plain;
  UH_CLEANUP(uh_str_clear) struct uh_str quoted = {0};
  uh_json_string(&quoted, s, n);
  return uh_str_text(&quoted) ? json_loadb(quoted.s, quoted.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
}

static int put_property(json_t *properties, const char *name, json_t *before, json_t *after) {
  json_t *pair = json_object();
  int rc = json_object_set_new(pair, "old", before) | json_object_set_new(pair, "new", after);
  return json_object_set_new_nocheck(properties, name, pair) | rc ? -1 : 0;
}

/* A property that is absent was not obtained. */
static json_t *value_of(const json_t *object, const char *name) {
  json_t *value = json_object_get(object, name);
  return value ? json_incref(value) : uh_diff_answer(UH_NOT_ASKED);
}

int uh_diff_compare_values(json_t *out, const char *name, json_t *a, json_t *b, bool *ret_seen) {
  if (!a || !b || json_equal(a, b)) {
    int rc = a && b ? 0 : -1;
    json_decref(a);
    json_decref(b);
    return rc;
  }
  *ret_seen = *ret_seen || (uh_diff_obtained(a) && uh_diff_obtained(b));
  return put_property(out, name, a, b);
}

static json_t *load(const char *text) {
  json_t *object = json_loads(text, JSON_ALLOW_NUL, NULL);
  const char *name;
  json_t *value;
  if (!json_is_object(object)) {
    json_decref(object);
    object = json_object();
  }
  without_volatile(object);
  json_object_foreach(object, name, value) if (json_is_object(value)) without_volatile(value);
  return object;
}

static json_t *compare(json_t *a, json_t *b, json_t *(*value)(const json_t *, const char *), bool *ret_seen) {
  json_t *out = json_object();
  const char *name;
  json_t *unused;
  int rc = a && b && out ? 0 : -1;
  json_object_foreach(a, name, unused) if (rc == 0) rc =
      uh_diff_compare_values(out, name, value(a, name), value(b, name), ret_seen);
  json_object_foreach(b, name, unused) if (rc == 0 && !json_object_get(a, name)) rc =
      uh_diff_compare_values(out, name, value(a, name), value(b, name), ret_seen);
  json_decref(a);
  json_decref(b);
  if (rc == 0) return out;
  json_decref(out);
  return NULL;
}

json_t *uh_diff_properties(const char *before, const char *after, bool *ret_seen) {
  return compare(load(before), load(after), value_of, ret_seen);
}

/* A directory gives every attribute that there is: one that is absent has no value. */
static json_t *attribute_of(const json_t *object, const char *name) {
  json_t *value = json_object_get(object, name);
  return value ? json_incref(value) : json_null();
}

json_t *uh_diff_attributes(const char *before, const char *after, bool *ret_seen) {
  return compare(json_loads(before, JSON_ALLOW_NUL, NULL), json_loads(after, JSON_ALLOW_NUL, NULL), attribute_of,
                 ret_seen);
}
