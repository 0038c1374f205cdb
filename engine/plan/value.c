/* SPDX-License-Identifier: Apache-2.0 */
/* What a property's value means, whichever source spelled it. */
#include <strings.h>

#include <unhybrid/text.h>

#include "plan/plan_internal.h"

const json_t *uh_property(const json_t *properties, const char *name) {
  const json_t *v = json_object_get(properties, name);
  const char *key;
  json_t *candidate;
  if (!v) {
    json_object_foreach((json_t *)(uintptr_t)properties, key, candidate) {
      if (strcasecmp(key, name) == 0) v = candidate;
    }
  }
  return json_object_get(v, "@answer") ? NULL : v;
}

/* Letters, digits, hyphens, and at least one dot between them: no sentence, no path, no address. */
static bool is_domain(const char *text) {
  const char *p = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
  bool dot = false, letter = false;
  if (!*p || *p == '.') return false;
  for (; *p; p++) {
    if (*p == '.')
      dot = true;
    else if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
      letter = true;
    else if (*p != '-' && !(*p >= '0' && *p <= '9') && (unsigned char)*p < 0x80)
      return false;
  }
  return dot && letter;
}

static bool is_thumbprint(const char *text) {
  return strlen(text) == 40 && strspn(text, "0123456789abcdefABCDEF") == 40;
}

static json_t *lower(const char *text) {
  UH_CLEANUP(uh_str_clear) struct uh_str out = {0};
  for (; *text; text++) uh_str_addc(&out, *text >= 'A' && *text <= 'Z' ? (char)(*text + 32) : *text);
  return uh_str_text(&out) ? json_string(uh_str_text(&out)) : NULL;
}

static json_t *canonical_text(const char *text) {
  uint8_t guid[UH_GUID_SIZE];
  char spelled[UH_GUID_TEXT];
  if (!*text) return json_null();
  if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0 || is_domain(text) || is_thumbprint(text))
    return lower(text);
  return json_string(uh_guid_parse(text, guid) ? uh_guid_text(guid, spelled) : text);
}

static int by_text(const void *a, const void *b) {
  const char *x = *(const char *const *)a, *y = *(const char *const *)b;
  int order = strcasecmp(x, y);
  return order ? order : strcmp(x, y);
}

/* Elements in the order of their own text. */
static json_t *sorted(json_t *list) {
  size_t n = json_array_size(list);
  char **texts = calloc(n + 1, sizeof *texts);
  json_t *out = json_array();
  bool good = texts && out;
  for (size_t i = 0; good && i < n; i++)
    good = (texts[i] = json_dumps(json_array_get(list, i), JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY)) != NULL;
  if (good) qsort(texts, n, sizeof *texts, by_text);
  for (size_t i = 0; good && i < n; i++)
    good = json_array_append_new(out, json_loads(texts[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)) == 0;
  for (size_t i = 0; texts && i < n; i++) free(texts[i]);
  free(texts);
  if (!good) json_decref(out);
  return good ? out : NULL;
}

enum { DEPTH_MAX = 16 }; /* deeper than any property; what lies below is compared as it is written */
static json_t *canonical(const json_t *value, int depth);

static json_t *canonical_list(const json_t *value, int depth) {
  json_t *list = json_array(), *out = NULL, *item;
  size_t i;
  bool good = list != NULL;
  json_array_foreach(value, i, item) {
    json_t *one = good ? canonical(item, depth) : NULL;
    good = one != NULL;
    if (good && !json_is_null(one)) good = json_array_append(list, one) == 0;
    json_decref(one);
    if (!good) break;
  }
  if (good && json_array_size(list) == 0)
    out = json_null();
  else if (good && json_array_size(list) == 1)
    out = json_incref(json_array_get(list, 0));
  else if (good)
    out = sorted(list);
  json_decref(list);
  return out;
}

static json_t *canonical_object(const json_t *value, int depth) {
  json_t *out = json_object(), *item;
  const char *key;
  bool good = out != NULL;
  json_object_foreach((json_t *)(uintptr_t)value, key, item) {
    good = good && json_object_set_new(out, key, canonical(item, depth)) == 0;
  }
  if (!good) json_decref(out);
  return good ? out : NULL;
}

static json_t *as_written(const json_t *value) {
  char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
  json_t *out = text ? json_string(text) : NULL;
  free(text);
  return out;
}

static json_t *canonical(const json_t *value, int depth) {
  char number[32];
  if (depth > DEPTH_MAX) return as_written(value);
  switch (json_typeof(value)) {
    case JSON_NULL: return json_null();
    case JSON_TRUE: return json_string("true");
    case JSON_FALSE: return json_string("false");
    case JSON_INTEGER: uh_print(number, sizeof number, "%lld", (long long)json_integer_value(value)); break;
    case JSON_REAL: uh_print(number, sizeof number, "%.17g", json_real_value(value)); break;
    case JSON_STRING:
      /* With a NUL in it, it is none of the things that are spelled in several ways. */
      if (strlen(json_string_value(value)) != json_string_length(value)) return json_copy((json_t *)(uintptr_t)value);
      return canonical_text(json_string_value(value));
    case JSON_ARRAY: return canonical_list(value, depth + 1);
    case JSON_OBJECT: return canonical_object(value, depth + 1);
  }
  return json_string(number);
}

json_t *uh_value_canonical(const json_t *value) {
  return canonical(value, 0);
}

/* Exchange compares text without case; so do two of its sources spell one value. */
static bool same_text(const json_t *a, const json_t *b) {
  return json_is_string(a) && json_is_string(b) && strcasecmp(json_string_value(a), json_string_value(b)) == 0;
}

static bool same_lists(const json_t *a, const json_t *b) {
  size_t n = json_array_size(a);
  if (!json_is_array(a) || !json_is_array(b) || n != json_array_size(b)) return false;
  for (size_t i = 0; i < n; i++)
    if (!same_text(json_array_get(a, i), json_array_get(b, i)) &&
        !json_equal(json_array_get(a, i), json_array_get(b, i)))
      return false;
  return true;
}

bool uh_values_mean_the_same(const json_t *a, const json_t *b) {
  json_t *x = a ? uh_value_canonical(a) : NULL, *y = b ? uh_value_canonical(b) : NULL;
  bool same = x && y && (json_equal(x, y) || same_text(x, y) || same_lists(x, y));
  json_decref(x);
  json_decref(y);
  return same;
}
