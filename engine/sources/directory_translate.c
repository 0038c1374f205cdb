/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From LDAP attributes to Exchange's properties, by table (directory_kinds.c). Rules of the JSON: a property that AD
 * holds and that is not set is null; one that AD does not hold, or that could not be read, is left out.
 */
#include <string.h>
#include <strings.h>

#include "case/facts.h"
#include "sources/directory.h"

bool uh_directory_int(const struct uh_ldap_value *v, int64_t *ret_value) {
  size_t i = v->size > 0 && v->data[0] == '-' ? 1 : 0;
  if (i == v->size || v->size - i > 19) return false;
  uint64_t n = 0;
  for (size_t k = i; k < v->size; k++) {
    if (v->data[k] < '0' || v->data[k] > '9') return false;
    n = n * 10 + (uint64_t)(v->data[k] - '0');
  }
  if (n > (uint64_t)INT64_MAX + (i ? 1 : 0)) return false;
  *ret_value = i ? (int64_t)(0 - n) : (int64_t)n;
  return true;
}

static void key(struct uh_str *json, const char *property) {
  if (json->len > 1) uh_str_addc(json, ',');
  uh_json_string(json, property, strlen(property));
  uh_str_addc(json, ':');
}

static void string(struct uh_str *json, const struct uh_ldap_value *v) {
  uh_json_string(json, v->data, v->size);
}

static void boolean(struct uh_str *json, bool value) {
  uh_str_add(json, value ? "true" : "false");
}

static void list(struct uh_str *json, const struct uh_ldap_attribute *a) {
  for (size_t i = 0; i < a->n; i++) {
    uh_str_addc(json, i ? ',' : '[');
    string(json, &a->values[i]);
  }
  uh_str_addc(json, ']');
}

static void dn_name(struct uh_str *json, const struct uh_ldap_value *v, int64_t index) {
  struct uh_str name UH_CLEANUP(uh_str_clear) = {0};
  if (uh_dn_value(v->data, v->size, (unsigned)index, &name))
    uh_json_string(json, name.s ? name.s : "", name.len);
  else
    string(json, v); /* no DN of that depth: what stands there is better than nothing */
}

/* A server that was deleted is named by what is left of its DN. */
static void dn_server(struct uh_str *json, const struct uh_ldap_value *v) {
  struct uh_str name UH_CLEANUP(uh_str_clear) = {0};
  if (uh_dn_server(v->data, v->size, &name))
    uh_json_string(json, name.s ? name.s : "", name.len);
  else
    dn_name(json, v, 0);
}

static void split(struct uh_str *json, const struct uh_ldap_attribute *a) {
  bool any = false;
  uh_str_addc(json, '[');
  for (size_t i = 0; i < a->n; i++) {
    const char *p = a->values[i].data, *end = p + a->values[i].size;
    while (p < end) {
      const char *stop = p;
      while (stop < end && *stop != ',' && *stop != ';') stop++;
      const char *from = p, *to = stop;
      while (from < to && *from == ' ') from++;
      while (to > from && to[-1] == ' ') to--;
      if (to > from) {
        if (any) uh_str_addc(json, ',');
        uh_json_string(json, from, (size_t)(to - from));
        any = true;
      }
      p = stop + 1;
    }
  }
  uh_str_addc(json, ']');
}

/* Bits that have no word are shown as numbers, so that nothing is lost. */
static void flags(struct uh_str *json, int64_t value, const struct uh_word *words, bool as_list) {
  const char *open = as_list ? "[\"" : "\"", *between = as_list ? "\",\"" : ", ";
  uint64_t rest = (uint64_t)value;
  bool any = false;
  for (; words->word; words++) {
    if (!((uint64_t)value & (uint64_t)words->value)) continue;
    uh_str_add(json, any ? between : open);
    uh_str_add(json, words->word);
    rest &= ~(uint64_t)words->value;
    any = true;
  }
  if (rest || (!any && !as_list)) {
    uh_str_add(json, any ? between : open);
    if (rest)
      uh_str_addf(json, "%llu", (unsigned long long)rest);
    else
      uh_str_add(json, "None");
    any = true;
  }
  uh_str_add(json, !as_list ? "\"" : any ? "\"]" : "[]");
}

static void word(struct uh_str *json, int64_t value, const struct uh_word *words) {
  for (; words->word; words++)
    if (words->value == value) {
      uh_json_string(json, words->word, strlen(words->word));
      return;
    }
  uh_str_addf(json, "\"%lld\"", (long long)value);
}

static bool is_true(const struct uh_ldap_value *v) {
  return v->size == 4 && strncasecmp(v->data, "TRUE", 4) == 0;
}
static bool is_boolean(const struct uh_ldap_value *v) {
  return is_true(v) || (v->size == 5 && strncasecmp(v->data, "FALSE", 5) == 0);
}

/* What the attribute is a number for. False: it is no number, and the property is left out. */
static bool number(struct uh_str *json, const struct uh_property *p, int64_t value) {
  key(json, p->property);
  switch (p->type) {
    case UH_P_FLAGS: flags(json, value & (p->arg ? p->arg : -1), p->words, false); return true;
    case UH_P_FLAG_LIST: flags(json, value, p->words, true); return true;
    case UH_P_BIT: boolean(json, (value & p->arg) != 0); return true;
    case UH_P_WORD: word(json, value & (p->arg ? p->arg : -1), p->words); return true;
    default: uh_str_addf(json, "%lld", (long long)value); return true;
  }
}

static void names(struct uh_str *json, const struct uh_property *p, const struct uh_ldap_attribute *a) {
  for (size_t i = 0; i < a->n; i++) {
    uh_str_addc(json, i ? ',' : '[');
    if (p->type == UH_P_SERVERS)
      dn_server(json, &a->values[i]);
    else
      dn_name(json, &a->values[i], p->arg);
  }
  uh_str_addc(json, ']');
}

static void property(struct uh_str *json, const struct uh_property *p, const struct uh_ldap_attribute *a) {
  const struct uh_ldap_value *v = &a->values[0];
  char guid[UH_GUID_TEXT];
  int64_t value;
  if (a->truncated) return; /* not obtained in full */
  switch (p->type) {
    case UH_P_INT:
    case UH_P_FLAGS:
    case UH_P_FLAG_LIST:
    case UH_P_BIT:
    case UH_P_WORD:
      if (uh_directory_int(v, &value)) (void)number(json, p, value);
      return;
    case UH_P_BOOL:
    case UH_P_ENABLED:
      if (!is_boolean(v)) return;
      key(json, p->property);
      boolean(json, is_true(v));
      return;
    case UH_P_GUID:
      if (v->size != UH_GUID_SIZE) return;
      key(json, p->property);
      uh_str_addf(json, "\"%s\"", uh_guid_text((const uint8_t *)v->data, guid));
      return;
    default: break;
  }
  key(json, p->property);
  switch (p->type) {
    case UH_P_TEXTS:
      if (a->n > 1)
        list(json, a);
      else
        string(json, v);
      return;
    case UH_P_LIST: list(json, a); return;
    case UH_P_NAME: dn_name(json, v, p->arg); return;
    case UH_P_SERVER: dn_server(json, v); return;
    case UH_P_NAMES:
    case UH_P_SERVERS: names(json, p, a); return;
    case UH_P_SPLIT: split(json, a); return;
    default: string(json, v); return;
  }
}

static void absent(struct uh_str *json, const struct uh_property *p) {
  const char *text = p->absent;
  if (!text) text = p->type == UH_P_ENABLED ? "true" : p->type == UH_P_BIT ? "false" : "null";
  if (!*text) return;
  key(json, p->property);
  uh_str_add(json, text);
}

/* What every directory object has. */
static void common(struct uh_str *json, const struct uh_ldap_entry *entry) {
  static const struct uh_property dates[] = {{"whenCreated", "WhenCreated", UH_P_TEXT},
                                             {"whenChanged", "WhenChanged", UH_P_TEXT}};
  struct uh_str text UH_CLEANUP(uh_str_clear) = {0};
  if (uh_dn_value(entry->dn, entry->dn_size, 0, &text)) {
    key(json, "Name");
    uh_json_string(json, text.s ? text.s : "", text.len);
  }
  key(json, "DistinguishedName");
  uh_json_string(json, entry->dn, entry->dn_size);
  const struct uh_ldap_attribute *guid = uh_ldap_get(entry, "objectGUID");
  if (guid) property(json, &(struct uh_property){"objectGUID", "Guid", UH_P_GUID}, guid);
  for (size_t i = 0; i < 2; i++) {
    const struct uh_ldap_attribute *a = uh_ldap_get(entry, dates[i].attribute);
    if (a) property(json, &dates[i], a);
  }
  const struct uh_ldap_value *version = uh_ldap_first(entry, "msExchVersion");
  int64_t value;
  if (version && uh_directory_int(version, &value)) {
    uh_str_reset(&text);
    uh_exchange_version(value, &text);
    key(json, "ExchangeVersion");
    uh_json_string(json, text.s ? text.s : "", text.len);
  }
}

void uh_exchange_version(int64_t value, struct uh_str *out) {
  uint64_t v = (uint64_t)value;
  uh_str_addf(out, "%u.%u (%u.%u.%u.%u)", (unsigned)(v >> 50), (unsigned)(v >> 42 & 255), (unsigned)(v >> 34 & 255),
              (unsigned)(v >> 26 & 255), (unsigned)(v >> 10 & 65535), (unsigned)(v & 1023));
}

/* The number at *text, which ends in stop; *text then stands behind it. */
static bool version_part(const char **text, const char *stop, unsigned long *ret) {
  char *end = NULL;
  if (**text < '0' || **text > '9') return false;
  *ret = strtoul(*text, &end, 10);
  if (strncmp(end, stop, strlen(stop)) != 0 || *ret > 1000000) return false;
  *text = end + strlen(stop);
  return true;
}

bool uh_server_version(const char *serial, struct uh_str *out) {
  static const char start[] = "Version ";
  unsigned long major, minor, build, revision;
  if (strncmp(serial, start, sizeof start - 1) != 0) return false;
  serial += sizeof start - 1;
  if (!version_part(&serial, ".", &major) || !version_part(&serial, " (Build ", &minor) ||
      !version_part(&serial, ".", &build) || !version_part(&serial, ")", &revision))
    return false;
  uh_str_addf(out, "Version %lu.%lu (Build %lu.%lu)", major, minor, build >= 30000 ? build - 30000 : build, revision);
  return true;
}

void uh_directory_translate(const struct uh_kind *kind, const struct uh_ldap_entry *entry,
                            const struct uh_directory_context *context, struct uh_str *ret_json) {
  uh_str_reset(ret_json);
  uh_str_addc(ret_json, '{');
  common(ret_json, entry);
  for (const struct uh_property *p = kind->properties; p->property; p++) {
    const struct uh_ldap_attribute *a = uh_ldap_get(entry, p->attribute);
    if (a)
      property(ret_json, p, a);
    else
      absent(ret_json, p);
  }
  if (kind->extra) kind->extra(entry, context, ret_json);
  uh_str_addc(ret_json, '}');
}

/* ---- what is asked for ---- */

/* Most are closed by ACL as well; that is no reason to ask. */
bool uh_directory_is_secret(const char *attribute) {
  return uh_secret_name(attribute) || strcmp(attribute, "*") == 0 || strcmp(attribute, "+") == 0;
}

static bool add_attribute(const char *list[UH_KIND_ATTRIBUTES], size_t *n, const char *attribute) {
  for (size_t i = 0; i < *n; i++)
    if (strcasecmp(list[i], attribute) == 0) return true;
  if (*n + 1 >= UH_KIND_ATTRIBUTES || uh_directory_is_secret(attribute)) return false;
  list[(*n)++] = attribute;
  return true;
}

int uh_kind_attributes(const struct uh_kind *kind, const char *list[UH_KIND_ATTRIBUTES]) {
  static const char *const always[] = {"objectClass", "objectGUID", "whenCreated", "whenChanged", "msExchVersion"};
  size_t n = 0;
  bool ok = true;
  for (size_t i = 0; i < (kind->count_only ? 2 : sizeof always / sizeof *always); i++)
    ok = ok && add_attribute(list, &n, always[i]);
  for (const struct uh_property *p = kind->properties; p && p->property; p++)
    ok = ok && add_attribute(list, &n, p->attribute);
  for (const char *const *m = kind->more; m && *m; m++) ok = ok && add_attribute(list, &n, *m);
  if (kind->security_parts) ok = ok && add_attribute(list, &n, "nTSecurityDescriptor");
  list[n] = NULL;
  return ok ? 0 : -1;
}
