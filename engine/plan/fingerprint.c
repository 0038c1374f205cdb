/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which state an object is. A plan keeps the state that each action will find, after what its own earlier actions
 * do; anything else that changed meanwhile was somebody else, and stops the action.
 */
#include <strings.h>

#include <unhybrid/text.h>

#include "plan/plan_internal.h"

/*
 * What changes by itself, or with who looks: times and places of replication, the session, certificates that Exchange
 * fetches anew from a token service, what a revocation list says today. The time of creation is left out because it is
 * told in the zone of who asks; another object has another GUID. And what another object's going does to this one:
 * links to it become empty, and a certificate no longer serves federation without a trust. That it serves something
 * else by then, the list of what is never touched sees in the object as it is.
 */
static const struct {
  const char *UH_NULLABLE kind; /* NULL: every one */
  const char *name;
} volatile_names[] = {
    {NULL, "WhenChanged"},
    {NULL, "WhenChangedUTC"},
    {NULL, "WhenCreated"},
    {NULL, "WhenCreatedUTC"},
    {NULL, "OriginatingServer"},
    {NULL, "ObjectState"},
    {NULL, "IsValid"},
    {NULL, "IsChanged"},
    {NULL, "RunspaceId"},
    {NULL, "PSComputerName"},
    {NULL, "PSShowComputerName"},
    {NULL, "PSSourceJobInstanceId"},
    {NULL, "uSNChanged"},
    {NULL, "dSCorePropagationData"},
    {"OutboundConnector", "LastValidationTimestamp"},
    {"MigrationEndpoint", "LastModifiedTime"},
    {"AuthServer", "CertificateStrings"},
    {"PartnerApplication", "CertificateStrings"},
    {"FederationTrust", "TokenIssuerCertificate"},
    {"FederationTrust", "TokenIssuerPrevCertificate"},
    {"ExchangeCertificate", "Status"},
    {"ExchangeCertificate", "Services"},
    {"OnPremisesOrganization", "InboundConnector"},
    {"OnPremisesOrganization", "OutboundConnector"},
    {"OnPremisesOrganization", "OrganizationRelationship"},
};

static bool is_volatile(const char *kind, const char *name) {
  for (size_t i = 0; i < sizeof volatile_names / sizeof *volatile_names; i++)
    if (strcasecmp(name, volatile_names[i].name) == 0 &&
        (!volatile_names[i].kind || (kind && strcmp(kind, volatile_names[i].kind) == 0)))
      return true;
  return name[0] == '@';
}

/* A live source can be read again right before; an export cannot, so it counts only where there is nothing else. */
const char *uh_image_source(const json_t *image) {
  const char *exported = "";
  const json_t *row;
  size_t i;
  json_array_foreach(json_object_get(image, "rows"), i, row) {
    const char *source = json_string_value(json_object_get(row, "source"));
    if (source && !strstr(source, "export")) return source;
    if (source && !*exported) exported = source;
  }
  return exported;
}

static const json_t *row_of(const json_t *image, const char *source) {
  const json_t *row;
  size_t i;
  json_array_foreach(json_object_get(image, "rows"), i, row) {
    const char *of = json_string_value(json_object_get(row, "source"));
    if (of && strcmp(of, source) == 0) return row;
  }
  return NULL;
}

/* Bytes of the directory are told by their mark, with the bytes themselves where they were asked for. */
static json_t *without_bytes(const json_t *value) {
  json_t *copy = json_deep_copy(value), *one;
  size_t i;
  json_array_foreach(copy, i, one) if (json_is_object(one)) json_object_del(one, "base64");
  return copy;
}

/* What was not obtained has no place here: when it is told the next time, that is a change. */
static json_t *canonical_row(const json_t *row) {
  const char *kind = json_string_value(json_object_get(row, "kind"));
  json_t *out = json_object(), *value;
  const char *name;
  bool good = out != NULL;
  json_object_foreach(json_object_get(row, "json"), name, value) {
    if (!good || is_volatile(kind, name) || json_object_get(value, "@answer")) continue;
    json_t *told = without_bytes(value);
    good = told && json_object_set_new(out, name, uh_value_canonical(told)) == 0;
    json_decref(told);
  }
  if (!good) json_decref(out);
  return good ? out : NULL;
}

int uh_image_fingerprint(const json_t *image, const char *source, char ret_hex[65], struct uh_err *err) {
  const json_t *row = row_of(image, source);
  if (!row) return uh_fail(err, UH_ERR_UNAVAILABLE, "%s did not show the object", *source ? source : "no source");
  json_t *canonical = canonical_row(row);
  UH_CLEANUP(uh_freep)
  char *text = canonical ? json_dumps(canonical, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;
  json_decref(canonical);
  return text ? uh_sha256_hex(text, strlen(text), ret_hex, err) : uh_fail_nomem(err);
}

/* ---- what an action does to it ---- */

static void set_value(json_t *properties, const struct uh_argument *value) {
  const char *name;
  json_t *old, *new;
  void *next;
  json_object_foreach_safe(properties, next, name, old) {
    if (strcasecmp(name, value->name) != 0 || json_object_get(old, "@answer")) continue;
    new = uh_argument_value_encode(value);
    if (new) json_object_set_new(properties, name, new);
  }
}

static bool is_lacking(const json_t *element, const struct uh_expect *e, const json_t *text) {
  return !uh_values_mean_the_same(e->member ? uh_property(element, e->member) : element, text);
}

static void take_out(json_t *properties, const struct uh_expect *e) {
  const char *name;
  json_t *old;
  void *next;
  json_t *text = uh_argument_value_encode(&e->value);
  json_object_foreach_safe(properties, next, name, old) {
    if (strcasecmp(name, e->value.name) != 0) continue;
    for (size_t i = json_array_size(old); i-- > 0;)
      if (!is_lacking(json_array_get(old, i), e, text)) json_array_remove(old, i);
    if (json_is_string(old) && !is_lacking(old, e, text)) json_object_set_new(properties, name, json_null());
  }
  json_decref(text);
}

bool uh_image_apply(json_t *image, const struct uh_action *action) {
  json_t *row;
  size_t i;
  for (const struct uh_expect *e = action->expect; e->what != UH_EXPECT_END; e++) {
    if (e->what == UH_EXPECT_ABSENT) return false;
    json_array_foreach(json_object_get(image, "rows"), i, row) {
      if (e->what == UH_EXPECT_VALUE) set_value(json_object_get(row, "json"), &e->value);
      if (e->what == UH_EXPECT_LACKS) take_out(json_object_get(row, "json"), e);
    }
  }
  return true;
}

/* ---- compared with a look ---- */

static int parse(const char *image, json_t **ret, struct uh_err *err) {
  *ret = json_loads(image, JSON_ALLOW_NUL, NULL);
  return *ret ? 0 : uh_fail(err, UH_ERR_INTERNAL, "an image of an object is no JSON");
}

int uh_planned_fingerprint(const struct uh_planned *action, const char *image, char ret_hex[65], struct uh_err *err) {
  json_t *parsed = NULL;
  if (parse(image, &parsed, err) < 0) return -1;
  int rc = uh_image_fingerprint(parsed, action->fingerprint_source, ret_hex, err);
  json_decref(parsed);
  return rc;
}

int uh_planned_apply(const struct uh_planned *action, const char *image, char **ret_image, struct uh_err *err) {
  json_t *parsed = NULL;
  if (parse(image, &parsed, err) < 0) return -1;
  (void)uh_image_apply(parsed, &action->action);
  char *text = json_dumps(parsed, JSON_COMPACT);
  json_decref(parsed);
  if (!text) return uh_fail_nomem(err);
  *ret_image = text;
  return 0;
}

static void add_value(struct uh_str *out, const json_t *value) {
  enum { SHOWN = 200 };
  if (!value || json_is_null(value)) {
    uh_str_add(out, value ? "none" : "not obtained");
    return;
  }
  UH_CLEANUP(uh_freep)
  char *text =
      json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS);
  size_t n = text ? strlen(text) : 0;
  if (n > SHOWN) n = (size_t)uh_head(text, SHOWN);
  uh_terminal_text(out, text ? text : "?", text ? n : 1);
  if (text && text[n]) uh_str_add(out, "..");
}

static void add_difference(struct uh_str *out, const char *name, const json_t *was, const json_t *is) {
  if (was && is && json_equal(was, is)) return;
  if (out->len) uh_str_add(out, "; ");
  uh_terminal_text(out, name, strlen(name));
  uh_str_add(out, ": ");
  add_value(out, was);
  uh_str_add(out, " -> ");
  add_value(out, is);
}

int uh_row_differences(const json_t *was, const json_t *is, struct uh_str *out, struct uh_err *err) {
  json_t *a = canonical_row(was), *b = canonical_row(is), *value;
  const char *name;
  int rc = a && b ? 0 : uh_fail_nomem(err);
  if (rc == 0) {
    json_object_foreach(a, name, value) add_difference(out, name, value, json_object_get(b, name));
    json_object_foreach(b, name, value) {
      if (!json_object_get(a, name)) add_difference(out, name, NULL, value);
    }
  }
  json_decref(a);
  json_decref(b);
  return rc == 0 && out->failed ? uh_fail_nomem(err) : rc;
}

int uh_planned_drift(const struct uh_planned *action, const char *planned_image, const char *image, struct uh_str *out,
                     struct uh_err *err) {
  json_t *was = NULL, *is = NULL;
  int rc = parse(planned_image, &was, err) < 0 || parse(image, &is, err) < 0 ? -1 : 0;
  const json_t *a = rc == 0 ? row_of(was, action->fingerprint_source) : NULL;
  const json_t *b = rc == 0 ? row_of(is, action->fingerprint_source) : NULL;
  if (rc == 0 && (!a || !b))
    rc = uh_fail(err, UH_ERR_UNAVAILABLE, "%s does not show the object", action->fingerprint_source);
  if (rc == 0) rc = uh_row_differences(a, b, out, err);
  json_decref(was);
  json_decref(is);
  return rc;
}

static void compare_lists(const struct uh_action *action, const json_t *was, const json_t *is, struct uh_str *out) {
  for (const struct uh_expect *e = action->expect; e->what != UH_EXPECT_END; e++) {
    bool told = e > action->expect && e[-1].what == e->what && strcmp(e[-1].value.name, e->value.name) == 0;
    if (e->what != UH_EXPECT_LACKS || told) continue;
    add_difference(out, e->value.name, uh_property(was, e->value.name), uh_property(is, e->value.name));
  }
}

int uh_planned_lists_kept(const struct uh_planned *action, const char *before, const char *image, struct uh_str *out,
                          struct uh_err *err) {
  json_t *was = NULL, *is = NULL;
  int rc = parse(before, &was, err) < 0 || parse(image, &is, err) < 0 ? -1 : 0;
  if (rc == 0) (void)uh_image_apply(was, &action->action);
  const json_t *a = rc == 0 ? row_of(was, action->fingerprint_source) : NULL;
  const json_t *b = rc == 0 ? row_of(is, action->fingerprint_source) : NULL;
  if (rc == 0 && (!a || !b))
    rc = uh_fail(err, UH_ERR_UNAVAILABLE, "%s does not show the object", action->fingerprint_source);
  json_t *left = rc == 0 ? canonical_row(a) : NULL, *now = rc == 0 ? canonical_row(b) : NULL;
  size_t said = out->len;
  if (rc == 0 && (!left || !now)) rc = uh_fail_nomem(err);
  if (rc == 0) compare_lists(&action->action, left, now, out);
  if (rc == 0 && out->failed) rc = uh_fail_nomem(err);
  json_decref(left);
  json_decref(now);
  json_decref(was);
  json_decref(is);
  return rc < 0 ? -1 : out->len == said;
}
