/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what an action is for is so. What nobody told is neither. */
#include <ctype.h>

#include <unhybrid/text.h>

#include "plan/plan_internal.h"

enum answer { NO, YES, UNTOLD };

/* A number where a word is expected: the directory keeps some enumerations so, and what the numbers mean is not known.
 */
static bool comparable(const json_t *value, const struct uh_argument *wanted) {
  if (!json_is_number(value) || wanted->type != UH_VALUE_TEXT) return true;
  return *wanted->text && (isdigit((unsigned char)*wanted->text) || *wanted->text == '-');
}

static void add_wanted(struct uh_str *out, const json_t *value) {
  if (json_is_null(value)) {
    uh_str_add(out, "nothing");
    return;
  }
  UH_CLEANUP(uh_freep)
  char *text =
      json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
  if (text) uh_terminal_text(out, text, strlen(text));
}

static enum answer has_value(const json_t *properties, const struct uh_expect *e, const json_t *wanted) {
  const json_t *value = uh_property(properties, e->value.name);
  if (!value || !comparable(value, &e->value)) return UNTOLD;
  return uh_values_mean_the_same(value, wanted) ? YES : NO;
}

static enum answer element_lacks(const json_t *element, const struct uh_expect *e, const json_t *wanted) {
  const json_t *value = e->member ? uh_property(element, e->member) : element;
  if (!value) return UNTOLD;
  return uh_values_mean_the_same(value, wanted) ? NO : YES;
}

static enum answer lacks(const json_t *properties, const struct uh_expect *e, const json_t *wanted) {
  const json_t *value = uh_property(properties, e->value.name), *element;
  enum answer all = YES;
  size_t i;
  if (!value) return UNTOLD;
  if (json_is_null(value)) return YES;
  if (!json_is_array(value)) return element_lacks(value, e, wanted);
  json_array_foreach(value, i, element) {
    enum answer one = element_lacks(element, e, wanted);
    if (one == NO) return NO;
    if (one == UNTOLD) all = UNTOLD;
  }
  return all;
}

/* An entry of the directory is read whole: an attribute that does not stand there has no value. */
static bool lacks_attribute(const json_t *row, const struct uh_expect *e) {
  const char *kind = json_string_value(json_object_get(row, "kind"));
  return kind && strcmp(kind, UH_DIRECTORY_ENTRY) == 0 &&
         (e->what == UH_EXPECT_LACKS || e->value.type == UH_VALUE_NULL) &&
         !uh_property(json_object_get(row, "json"), e->value.name);
}

/* Every row that tells has to say so: one source may be behind the other. */
static enum answer in_rows(const json_t *image, const struct uh_expect *e, const json_t *wanted) {
  enum answer all = UNTOLD;
  const json_t *row;
  size_t i;
  json_array_foreach(json_object_get(image, "rows"), i, row) {
    const json_t *properties = json_object_get(row, "json");
    enum answer one = e->what == UH_EXPECT_VALUE ? has_value(properties, e, wanted) : lacks(properties, e, wanted);
    if (one == UNTOLD && lacks_attribute(row, e)) one = YES;
    if (one == NO) return NO;
    if (one == YES) all = YES;
  }
  return all;
}

static const json_t *file_of(const json_t *image, const struct uh_expect *e) {
  const char *name = e->value.type == UH_VALUE_TEXT ? e->value.text : "";
  return json_object_get(json_object_get(image, "files"), name);
}

static enum answer has_file(const json_t *image, const struct uh_expect *e) {
  return json_integer_value(file_of(image, e)) > 0 ? YES : NO;
}

static void tell_file(const json_t *file, const json_t *wanted, struct uh_str *out) {
  uh_str_add(out, json_is_string(file) ? "the file exports/" : "there is no file exports/");
  add_wanted(out, wanted);
  if (!json_is_string(file)) return;
  uh_str_add(out, " does not count: ");
  add_wanted(out, file);
}

/* What is not so, or not told. */
static void tell(const struct uh_expect *e, enum answer answer, const json_t *image, const json_t *wanted,
                 struct uh_str *out) {
  if (out->len) uh_str_add(out, "; ");
  if (e->what == UH_EXPECT_ABSENT) {
    uh_str_add(out, "it is still there");
    return;
  }
  if (e->what == UH_EXPECT_FILE) {
    tell_file(file_of(image, e), wanted, out);
    return;
  }
  uh_terminal_text(out, e->value.name, strlen(e->value.name));
  if (answer == UNTOLD) {
    uh_str_add(out, " was not told");
    return;
  }
  uh_str_add(out, e->what == UH_EXPECT_VALUE ? " is not " : " still holds ");
  add_wanted(out, wanted);
}

static enum answer look_at(const struct uh_expect *e, bool there, const json_t *image, const json_t *wanted) {
  switch (e->what) {
    case UH_EXPECT_ABSENT: return there ? NO : YES;
    case UH_EXPECT_FILE: return has_file(image, e);
    case UH_EXPECT_VALUE:
    case UH_EXPECT_LACKS: return there ? in_rows(image, e, wanted) : UNTOLD;
    case UH_EXPECT_END: break;
  }
  return UNTOLD;
}

static int satisfied(const struct uh_planned *action, enum uh_expectation only, bool there, const json_t *image,
                     struct uh_str *out, struct uh_err *err) {
  enum answer all = YES;
  for (const struct uh_expect *e = action->action.expect; e && e->what != UH_EXPECT_END; e++) {
    if (only != UH_EXPECT_END && e->what != only) continue;
    json_t *wanted = uh_argument_value_encode(&e->value);
    if (!wanted) return uh_fail_nomem(err);
    enum answer one = look_at(e, there, image, wanted);
    if (one != YES) tell(e, one, image, wanted, out);
    if (one == NO || all == YES) all = one;
    json_decref(wanted);
  }
  if (all != UNTOLD) return all == YES;
  return uh_fail(err, UH_ERR_UNAVAILABLE, "it cannot be told: %.*s", UH_HEAD(uh_str_or(out, "no memory"), 300));
}

int uh_planned_satisfied(const struct uh_planned *action, enum uh_expectation only, bool there, const char *image,
                         struct uh_str *out, struct uh_err *err) {
  json_t *parsed = image ? json_loads(image, JSON_ALLOW_NUL, NULL) : NULL;
  if (image && !parsed) return uh_fail(err, UH_ERR_INTERNAL, "an image of an object is no JSON");
  int rc = satisfied(action, only, there, parsed, out, err);
  json_decref(parsed);
  return rc;
}
