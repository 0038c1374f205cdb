/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL functions that checks may use, documented in docs/facts.md. All are deterministic and touch nothing. */
#include <arpa/inet.h>
#include <strings.h>

#include <jansson.h>
#include <sqlite3.h>

#include <unhybrid/text.h>

#include "case/facts.h"

/* prop() is called several times for one row: the last parsed text is kept. */
struct json_cache {
  char *text;
  size_t size;
  json_t *value;
};

static void cache_free(void *p) {
  struct json_cache *c = p;
  if (!c) return;
  json_decref(c->value);
  free(c->text);
  free(c);
}

static json_t *parse_cached(struct json_cache *c, sqlite3_value *v) {
  const char *text = (const char *)sqlite3_value_text(v);
  size_t n = (size_t)sqlite3_value_bytes(v);
  if (!text) return NULL;
  if (c->value && c->size == n && memcmp(c->text, text, n) == 0) return c->value;
  json_decref(c->value);
  c->value = NULL;
  free(c->text);
  c->text = malloc(n + 1);
  if (!c->text) return NULL;
  memcpy(c->text, text, n);
  c->text[n] = '\0';
  c->size = n;
  c->value = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  return c->value;
}

/* The property, or NULL where it was not obtained: absent, or marked {"@answer": "refused"}. */
static json_t *obtained(json_t *object, const char *name) {
  if (!json_is_object(object) || !name) return NULL;
  json_t *v = json_object_get(object, name);
  if (!v) {
    const char *key;
    json_t *candidate;
    json_object_foreach(object, key, candidate) {
      if (strcasecmp(key, name) == 0) v = candidate;
    }
  }
  return json_object_get(v, "@answer") ? NULL : v; /* NULL and what is no object have no member */
}

static void result_json(sqlite3_context *ctx, json_t *v) {
  char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
  if (text)
    sqlite3_result_text(ctx, text, -1, free);
  else
    sqlite3_result_error_nomem(ctx);
}

static void fn_prop(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  json_t *v = obtained(parse_cached(sqlite3_user_data(ctx), argv[0]), (const char *)sqlite3_value_text(argv[1]));
  if (!v) return;
  switch (json_typeof(v)) {
    case JSON_NULL: sqlite3_result_text(ctx, "", 0, SQLITE_STATIC); break;
    case JSON_TRUE: sqlite3_result_int(ctx, 1); break;
    case JSON_FALSE: sqlite3_result_int(ctx, 0); break;
    case JSON_INTEGER: sqlite3_result_int64(ctx, json_integer_value(v)); break;
    case JSON_REAL: sqlite3_result_double(ctx, json_real_value(v)); break;
    case JSON_STRING:
      sqlite3_result_text(ctx, json_string_value(v), (int)json_string_length(v), SQLITE_TRANSIENT);
      break;
    default: result_json(ctx, v);
  }
}

/* For json_object(): JSON inside JSON, not text that looks like it. "There is none" stays '', as prop() says it. */
static void json_subtype(sqlite3_context *ctx) {
  enum { JSON_SUBTYPE = 'J' }; /* SQLite's own mark */
  sqlite3_result_subtype(ctx, JSON_SUBTYPE);
}

static void fn_prop_json(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  json_t *v = obtained(parse_cached(sqlite3_user_data(ctx), argv[0]), (const char *)sqlite3_value_text(argv[1]));
  if (!v) return;
  if (json_is_null(v)) {
    sqlite3_result_text(ctx, "", 0, SQLITE_STATIC);
    return;
  }
  result_json(ctx, v);
  json_subtype(ctx);
}

static void fn_bool_json(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const char *text = (const char *)sqlite3_value_text(argv[0]);
  if (!text) return;
  bool yes = strcmp(text, "1") == 0 || strcasecmp(text, "true") == 0;
  if (!yes && strcmp(text, "0") != 0 && strcasecmp(text, "false") != 0) {
    sqlite3_result_value(ctx, argv[0]);
    return;
  }
  sqlite3_result_text(ctx, yes ? "true" : "false", -1, SQLITE_STATIC);
  json_subtype(ctx);
}

static void fn_prop_list(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  json_t *v = obtained(parse_cached(sqlite3_user_data(ctx), argv[0]), (const char *)sqlite3_value_text(argv[1]));
  if (!v) return;
  if (json_is_array(v)) {
    result_json(ctx, v);
    return;
  }
  json_t *list = json_array();
  if (!json_is_null(v) && !(json_is_string(v) && json_string_length(v) == 0)) json_array_append(list, v);
  result_json(ctx, list);
  json_decref(list);
}

static bool is_separator(char c) {
  return c == ',' || c == ';' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool word_in_text(const char *text, const char *word) {
  size_t n = strlen(word);
  for (const char *p = text; *p;) {
    while (is_separator(*p)) p++;
    const char *start = p;
    while (*p && !is_separator(*p)) p++;
    if (n && (size_t)(p - start) == n && strncasecmp(start, word, n) == 0) return true;
  }
  return false;
}

static void fn_has_word(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const char *text = (const char *)sqlite3_value_text(argv[0]);
  const char *word = (const char *)sqlite3_value_text(argv[1]);
  if (!text || !word) return;
  if (text[0] != '[') {
    sqlite3_result_int(ctx, word_in_text(text, word) || strcasecmp(text, word) == 0);
    return;
  }
  json_t *list = parse_cached(sqlite3_user_data(ctx), argv[0]);
  if (!list) return;
  int found = 0;
  size_t i;
  json_t *item;
  json_array_foreach(list, i, item) {
    const char *s = json_string_value(item);
    if (s && strcasecmp(s, word) == 0) found = 1;
  }
  sqlite3_result_int(ctx, found);
}

static void result_str(sqlite3_context *ctx, struct uh_str *s) {
  const char *text = uh_str_text(s);
  if (text)
    sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
  else
    sqlite3_result_error_nomem(ctx);
  uh_str_clear(s);
}

static void fn_address_key(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const char *text = (const char *)sqlite3_value_text(argv[0]);
  struct uh_str key = {0};
  if (text && uh_address_key(text, (size_t)sqlite3_value_bytes(argv[0]), &key)) {
    result_str(ctx, &key);
    return;
  }
  uh_str_clear(&key);
  if (text) sqlite3_result_text(ctx, "", 0, SQLITE_STATIC);
}

static bool same_ascii(const char *text, const char *lower, size_t n) {
  for (size_t i = 0; i < n; i++) {
    char c = text[i];
    if (c >= 'A' && c <= 'Z') c = (char)(c | 0x20);
    if (c != lower[i]) return false;
  }
  return true;
}

/* False: none of the addresses in this JSON has the key, as their characters say. What is escaped, or is no ASCII, may
 * have it in another form. */
static bool may_have_address(const char *json, size_t n, const char *key) {
  unsigned odd = 0;
  for (size_t i = 0; i < n; i++) odd |= ((unsigned char)json[i] & 0x80U) | (json[i] == '\\');
  if (odd) return true;
  const char *key_at = strrchr(key, '@');
  if (!key_at) return false;
  size_t local = (size_t)(key_at - key), rest = strlen(key_at);
  for (const char *at = json; (at = memchr(at, '@', n - (size_t)(at - json))); at++) {
    bool room = (size_t)(at - json) >= local && n - (size_t)(at - json) >= rest;
    if (room && same_ascii(at - local, key, local + rest)) return true;
  }
  return false;
}

static bool has_address(json_t *list, const char *key) {
  struct uh_str own = {0};
  bool found = false;
  size_t i;
  json_t *item;
  json_array_foreach(list, i, item) {
    if (found || !json_is_string(item)) continue;
    found =
        uh_address_key(json_string_value(item), json_string_length(item), &own) && strcmp(uh_str_text(&own), key) == 0;
  }
  uh_str_clear(&own);
  return found;
}

/* Asked of every recipient of an organisation, so the list is taken apart only where that may matter. */
static void fn_has_address(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const char *text = (const char *)sqlite3_value_text(argv[0]);
  const char *key = (const char *)sqlite3_value_text(argv[1]);
  if (!text || !key) return;
  bool may = may_have_address(text, (size_t)sqlite3_value_bytes(argv[0]), key);
  sqlite3_result_int(ctx, may && has_address(parse_cached(sqlite3_user_data(ctx), argv[0]), key));
}

static void fn_domain_key(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const char *text = (const char *)sqlite3_value_text(argv[0]);
  struct uh_str key = {0};
  if (text && uh_domain_key(text, (size_t)sqlite3_value_bytes(argv[0]), &key)) {
    result_str(ctx, &key);
    return;
  }
  uh_str_clear(&key);
  if (text) sqlite3_result_text(ctx, "", 0, SQLITE_STATIC);
}

static void fn_domain_of(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const char *text = (const char *)sqlite3_value_text(argv[0]);
  if (!text) return;
  struct uh_str key = {0};
  if (!uh_address_key(text, (size_t)sqlite3_value_bytes(argv[0]), &key)) {
    uh_str_clear(&key);
    sqlite3_result_text(ctx, "", 0, SQLITE_STATIC);
    return;
  }
  const char *k = uh_str_text(&key);
  const char *at = k ? strrchr(k, '@') : NULL;
  sqlite3_result_text(ctx, at ? at + 1 : "", -1, SQLITE_TRANSIENT);
  uh_str_clear(&key);
}

static void fn_guid_text(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  if (sqlite3_value_type(argv[0]) == SQLITE_NULL) return;
  if (sqlite3_value_bytes(argv[0]) != UH_GUID_SIZE) {
    sqlite3_result_text(ctx, "", 0, SQLITE_STATIC);
    return;
  }
  char text[UH_GUID_TEXT];
  uh_guid_text(sqlite3_value_blob(argv[0]), text);
  sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
}

static void fn_guid_blob(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const char *text = (const char *)sqlite3_value_text(argv[0]);
  uint8_t guid[UH_GUID_SIZE];
  if (!text) return;
  if (uh_guid_parse(text, guid))
    sqlite3_result_blob(ctx, guid, sizeof guid, SQLITE_TRANSIENT);
  else
    sqlite3_result_zeroblob(ctx, 0);
}

/* An immutable id is the base64 form of the GUID that an object has in Active Directory: 24 characters, two of them
 * "=". */
static void fn_immutable_guid(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  (void)argc;
  const char *text = (const char *)sqlite3_value_text(argv[0]);
  uint8_t guid[UH_GUID_SIZE + 1];
  uint32_t bits = 0;
  size_t n = 0;
  if (!text) return;
  bool good = strlen(text) == 24 && strcmp(text + 22, "==") == 0;
  for (size_t i = 0; good && i < 22; i++) {
    const char *at = strchr(digits, text[i]);
    good = at != NULL;
    if (good) bits = bits << 6 | (uint32_t)(at - digits);
    if (i % 4 != 0) guid[n++] = (uint8_t)(bits >> (6 - i % 4 * 2));
  }
  if (good)
    sqlite3_result_blob(ctx, guid, UH_GUID_SIZE, SQLITE_TRANSIENT);
  else
    sqlite3_result_zeroblob(ctx, 0);
}

/* NULL where neither name nor guid can be written: then no command is offered. */
static void fn_ps_quote(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  for (int i = 0; i < 2; i++) {
    const char *text = (const char *)sqlite3_value_text(argv[i]);
    struct uh_str out = {0};
    if (text && *text && uh_powershell_quote(&out, text, (size_t)sqlite3_value_bytes(argv[i]))) {
      result_str(ctx, &out);
      return;
    }
    uh_str_clear(&out);
  }
}

static void fn_show(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const char *text = (const char *)sqlite3_value_text(argv[0]);
  if (!text) return;
  struct uh_str out = {0};
  uh_terminal_text(&out, text, (size_t)sqlite3_value_bytes(argv[0]));
  result_str(ctx, &out);
}

/* The value of a DN's first RDN, without its escapes; other text comes back as it is. */
static void fn_rdn(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const char *text = (const char *)sqlite3_value_text(argv[0]);
  if (!text) return;
  const char *p = strchr(text, '=');
  struct uh_str out = {0};
  for (p = p ? p + 1 : text; *p && *p != ','; p++) {
    if (*p != '\\') {
      uh_str_addc(&out, *p);
    } else if (strspn(p + 1, "0123456789abcdefABCDEF") >= 2) {
      char digits[3] = {p[1], p[2], '\0'}, byte = (char)strtoul(digits, NULL, 16);
      uh_str_addn(&out, byte ? &byte : "\xEF\xBF\xBD", byte ? 1 : 3); /* as the facts hold a NUL */
      p += 2;
    } else if (p[1]) {
      uh_str_addc(&out, *++p);
    }
  }
  result_str(ctx, &out);
}

/* A time as people read it; text that is no time, or says no zone, comes back as it is. */
static void fn_time_text(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const char *text = (const char *)sqlite3_value_text(argv[0]);
  int64_t utc;
  char buf[UH_TIME_TEXT];
  if (!text) return;
  if (uh_time_parse(text, &utc) == UH_TIME_OK)
    sqlite3_result_text(ctx, uh_time_text(utc, buf), -1, SQLITE_TRANSIENT);
  else
    sqlite3_result_value(ctx, argv[0]);
}

/* ---- networks: an address is kept as 16 bytes, IPv4 in its mapped form ---- */

static bool parse_address(const char *text, size_t n, uint8_t out[16], bool *ret_v4) {
  char buf[64];
  while (n && is_separator(*text)) text++, n--;
  while (n && is_separator(text[n - 1])) n--;
  if (n >= 2 && text[0] == '[' && text[n - 1] == ']') text++, n -= 2;
  if (n == 0 || n >= sizeof buf) return false;
  memcpy(buf, text, n);
  buf[n] = '\0';
  memset(out, 0, 16);
  out[10] = out[11] = 0xff;
  *ret_v4 = inet_pton(AF_INET, buf, out + 12) == 1;
  if (*ret_v4) return true;
  if (inet_pton(AF_INET6, buf, out) != 1) return false;
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  *ret_v4 = memcmp(out, mapped, 12) == 0;
  return true;
}

/* "203.0.113.0/24", "2001:db8::/32", "10.0.0.1-10.0.0.9", one address. */
static bool network_contains(const char *network, const uint8_t address[16]) {
  uint8_t low[16], high[16];
  bool v4;
  const char *slash = strchr(network, '/'), *dash = strchr(network, '-');
  if (dash) {
    return parse_address(network, (size_t)(dash - network), low, &v4) &&
           parse_address(dash + 1, strlen(dash + 1), high, &v4) && memcmp(address, low, 16) >= 0 &&
           memcmp(address, high, 16) <= 0;
  }
  if (!parse_address(network, slash ? (size_t)(slash - network) : strlen(network), low, &v4)) return false;
  if (!slash) return memcmp(low, address, 16) == 0;
  char *end;
  long bits = strtol(slash + 1, &end, 10);
  if (*end || end == slash + 1 || bits < 0 || bits > (v4 ? 32 : 128)) return false;
  if (v4) bits += 96;
  int whole = (int)bits / 8, rest = (int)bits % 8;
  if (memcmp(low, address, (size_t)whole) != 0) return false;
  if (rest == 0) return true;
  int mask = 0xff << (8 - rest) & 0xff;
  return (low[whole] & mask) == (address[whole] & mask);
}

static void fn_in_networks(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const char *text = (const char *)sqlite3_value_text(argv[0]);
  json_t *list = parse_cached(sqlite3_user_data(ctx), argv[1]);
  uint8_t address[16];
  bool v4;
  if (!text || !json_is_array(list) || !parse_address(text, strlen(text), address, &v4)) return;
  int found = 0;
  size_t i;
  json_t *item;
  json_array_foreach(list, i, item) {
    const char *network = json_string_value(item);
    if (network && network_contains(network, address)) found = 1;
  }
  sqlite3_result_int(ctx, found);
}

int uh_facts_functions(struct sqlite3 *db, struct uh_err *err) {
  static const struct {
    const char *name;
    int args;
    void (*fn)(sqlite3_context *, int, sqlite3_value **);
  } functions[] = {
      {"prop", 2, fn_prop},
      {"prop_list", 2, fn_prop_list},
      {"prop_json", 2, fn_prop_json},
      {"bool_json", 1, fn_bool_json},
      {"has_word", 2, fn_has_word},
      {"address_key", 1, fn_address_key},
      {"has_address", 2, fn_has_address},
      {"domain_key", 1, fn_domain_key},
      {"domain_of", 1, fn_domain_of},
      {"guid_text", 1, fn_guid_text},
      {"guid_blob", 1, fn_guid_blob},
      {"immutable_guid", 1, fn_immutable_guid},
      {"ps_quote", 2, fn_ps_quote},
      {"show", 1, fn_show},
      {"in_networks", 2, fn_in_networks},
      {"rdn", 1, fn_rdn},
      {"time_text", 1, fn_time_text},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    struct json_cache *cache = calloc(1, sizeof *cache);
    if (!cache) return uh_fail_nomem(err);
    if (sqlite3_create_function_v2(db, functions[i].name, functions[i].args, SQLITE_UTF8 | SQLITE_DETERMINISTIC, cache,
                                   functions[i].fn, NULL, NULL, cache_free) != SQLITE_OK)
      return uh_fail(err, UH_ERR_INTERNAL, "cannot add the SQL function %s: %s", functions[i].name, sqlite3_errmsg(db));
  }
  return 0;
}
