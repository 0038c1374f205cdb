/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/ldif.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <string.h>

static void base64(struct uh_str *out, const void *data, size_t n) {
  /* In pieces of whole triples, so that the text is that of the whole. */
  unsigned char piece[4 * 16 + 1];
  for (size_t at = 0; at < n; at += 48) {
    size_t m = n - at < 48 ? n - at : 48;
    (void)EVP_EncodeBlock(piece, (const unsigned char *)data + at, (int)m);
    uh_str_add(out, (const char *)piece);
  }
}

/* SAFE-STRING, and not ending with a blank. */
static bool is_safe(const char *s, size_t n) {
  if (n && (s[0] == ' ' || s[0] == ':' || s[0] == '<' || s[n - 1] == ' ')) return false;
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] >= 0x7F) return false;
  return true;
}

void uh_ldif_value(struct uh_str *out, const char *attribute, const void *value, size_t n, bool bytes) {
  bool plain = !bytes && is_safe(value, n);
  uh_str_addf(out, "%s:%s ", attribute, plain ? "" : ":");
  if (plain)
    uh_str_addn(out, value, n);
  else
    base64(out, value, n);
  uh_str_addc(out, '\n');
}

static void put_one(struct uh_str *out, const char *name, const json_t *value) {
  const char *encoded = json_string_value(json_object_get(value, "base64"));
  if (json_is_string(value))
    uh_ldif_value(out, name, json_string_value(value), json_string_length(value), false);
  else if (encoded)
    uh_str_addf(out, "%s:: %s\n", name, encoded);
  else
    uh_str_addf(out, "# %s has a value that was not kept\n", name);
}

static void put_entry(struct uh_str *out, const char *dn, const char *guid, const json_t *attributes) {
  const char *name;
  json_t *values, *value;
  size_t i;
  uh_str_addf(out, "\n# objectGUID %s\n", guid ? guid : "");
  uh_ldif_value(out, "dn", dn, strlen(dn), false);
  json_object_foreach((json_t *)(uintptr_t)attributes, name, values) json_array_foreach(values, i, value)
      put_one(out, name, value);
}

int uh_ldif_image(const char *image, struct uh_str *out, struct uh_err *err) {
  json_t *all = json_loads(image, JSON_ALLOW_NUL, NULL), *one;
  const json_t *row = json_array_get(json_object_get(all, "rows"), 0);
  const char *dn = json_string_value(json_object_get(row, "identity"));
  size_t i;
  if (!dn) {
    json_decref(all);
    return uh_fail(err, UH_ERR_INTERNAL, "a before-image without an entry of the directory");
  }
  uh_str_add(out, "version: 1\n");
  put_entry(out, dn, json_string_value(json_object_get(row, "guid")), json_object_get(row, "json"));
  json_array_foreach(json_object_get(row, "below"), i, one) {
    const char *name = json_string_value(json_object_get(one, "dn"));
    if (name) put_entry(out, name, json_string_value(json_object_get(one, "guid")), json_object_get(one, "json"));
  }
  json_decref(all);
  return uh_str_text(out) ? 0 : uh_fail_nomem(err);
}
