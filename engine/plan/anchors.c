/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By what later steps, and the sweep, know what belongs to the hybrid deployment. They are read before anything goes:
 * the objects that tell them are the first to be removed.
 */
#include <sqlite3.h>

#include <unhybrid/step_sql_federation.h>
#include <unhybrid/text.h>

#include "plan/plan_internal.h"
#include "case/server_host.h"

enum { ANCHOR_NAME_MAX = 64, ANCHOR_VALUE_MAX = 4096, ANCHORS_MAX = 20000 };

struct anchor {
  char *name, *value;
};
struct uh_anchors {
  struct anchor *v;
  size_t n, room;
  json_t *seen; /* {"name\nvalue in lower case": true} */
};

/* ---- the list ---- */

static struct uh_anchors *anchors_new(void) {
  struct uh_anchors *a = calloc(1, sizeof *a);
  if (a && !(a->seen = json_object())) {
    free(a);
    a = NULL;
  }
  return a;
}

struct uh_anchors *uh_anchors_free(struct uh_anchors *a) {
  if (!a) return NULL;
  for (size_t i = 0; i < a->n; i++) {
    free(a->v[i].name);
    free(a->v[i].value);
  }
  free(a->v);
  json_decref(a->seen);
  free(a);
  return NULL;
}
void uh_anchors_freep(struct uh_anchors **a) {
  *a = uh_anchors_free(*a);
}

static bool key_of(const char *name, const char *value, struct uh_str *key) {
  uh_str_addf(key, "%s\n", name);
  for (; *value; value++) uh_str_addc(key, *value >= 'A' && *value <= 'Z' ? (char)(*value + 32) : *value);
  return uh_str_text(key) != NULL;
}

static bool has(const struct uh_anchors *a, const char *name, const char *value) {
  UH_CLEANUP(uh_str_clear) struct uh_str key = {0};
  return key_of(name, value, &key) && json_object_get(a->seen, uh_str_text(&key));
}

static int add(struct uh_anchors *a, const char *name, const char *value, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str key = {0};
  if (!*value || has(a, name, value)) return 0;
  if (a->n >= ANCHORS_MAX) return uh_fail(err, UH_ERR_DATA, "the facts tell more than %d anchors", ANCHORS_MAX);
  if (a->n == a->room) {
    size_t room = a->room ? 2 * a->room : 32;
    struct anchor *v = reallocarray(a->v, room, sizeof *v);
    if (!v) return uh_fail_nomem(err);
    a->v = v;
    a->room = room;
  }
  a->v[a->n] = (struct anchor){strdup(name), strdup(value)};
  a->n++;
  if (!a->v[a->n - 1].name || !a->v[a->n - 1].value || !key_of(name, value, &key) ||
      json_object_set_new(a->seen, uh_str_text(&key), json_true()) < 0)
    return uh_fail_nomem(err);
  return 0;
}

const char *uh_anchors_at(const struct uh_anchors *a, size_t i, const char **ret_value) {
  if (i >= a->n) return NULL;
  *ret_value = a->v[i].value;
  return a->v[i].name;
}

const char *uh_anchors_get(const struct uh_anchors *a, const char *name, size_t i) {
  for (size_t k = 0; k < a->n; k++)
    if (strcmp(a->v[k].name, name) == 0 && i-- == 0) return a->v[k].value;
  return NULL;
}

bool uh_anchors_have(const struct uh_anchors *a, const char *name, const char *value) {
  return value && has(a, name, value);
}

/* ---- JSON ---- */

json_t *uh_anchors_encode(const struct uh_anchors *a) {
  json_t *o = json_object();
  bool good = o != NULL;
  for (size_t i = 0; good && i < a->n; i++) {
    json_t *list = json_object_get(o, a->v[i].name);
    if (!list) {
      list = json_array();
      good = json_object_set_new(o, a->v[i].name, list) == 0;
    }
    good = good && json_array_append_new(list, json_string(a->v[i].value)) == 0;
  }
  if (!good) json_decref(o);
  return good ? o : NULL;
}

char *uh_anchors_json(const struct uh_anchors *anchors) {
  json_t *o = uh_anchors_encode(anchors);
  char *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;
  json_decref(o);
  return text;
}

static int bad(struct uh_err *err) {
  return uh_fail(err, UH_ERR_DATA, "the anchors are not {\"name\": [\"value\", ..], ..}");
}

int uh_anchors_decode(const json_t *object, struct uh_anchors **ret_anchors, struct uh_err *err) {
  UH_CLEANUP(uh_anchors_freep) struct uh_anchors *a = anchors_new();
  const char *name;
  json_t *list, *item;
  size_t i;
  if (!a) return uh_fail_nomem(err);
  if (!json_is_object(object)) return bad(err);
  json_object_foreach((json_t *)(uintptr_t)object, name, list) {
    if (!json_is_array(list) || strlen(name) > ANCHOR_NAME_MAX) return bad(err);
    json_array_foreach(list, i, item) {
      const char *value = json_string_value(item);
      if (!value || strlen(value) > ANCHOR_VALUE_MAX) return bad(err);
      if (add(a, name, value, err) < 0) return -1;
    }
  }
  *ret_anchors = UH_TAKE(a);
  return 0;
}

int uh_anchors_from_json(const char *json, struct uh_anchors **ret_anchors, struct uh_err *err) {
  json_t *o = json_loads(json, 0, NULL);
  int rc = uh_anchors_decode(o, ret_anchors, err);
  json_decref(o);
  return rc;
}

/* ---- what a value is ---- */

enum form { TEXT, GUID, DOMAIN, THUMBPRINT, HOST, AGENT };

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static void add_agent(const char *text, struct uh_str *out) {
  static const char tail[] = ".resource.mailboxmigration.his.msappproxy.net";
  UH_CLEANUP(uh_str_clear) struct uh_str host = {0};
  uint8_t guid[UH_GUID_SIZE];
  char spelled[UH_GUID_TEXT];
  uh_host_of(text, &host);
  const char *name = uh_str_or(&host, "");
  if (strlen(name) != UH_GUID_TEXT - 1 + sizeof tail - 1 || !ends_with(name, tail)) return;
  uh_print(spelled, sizeof spelled, "%.*s", UH_HEAD(name, 36));
  if (uh_guid_parse(spelled, guid)) uh_str_add(out, uh_guid_text(guid, spelled));
}

/* Nothing is added where the text is not of that form. */
static void add_form(enum form form, const char *text, struct uh_str *out) {
  uint8_t guid[UH_GUID_SIZE];
  char spelled[UH_GUID_TEXT];
  switch (form) {
    case TEXT: uh_str_add(out, text); return;
    case GUID:
      if (uh_guid_parse(text, guid)) uh_str_add(out, uh_guid_text(guid, spelled));
      return;
    case DOMAIN: (void)uh_domain_key(text, strlen(text), out); return;
    case THUMBPRINT:
      if (strlen(text) != 40 || strspn(text, "0123456789abcdefABCDEF") != 40) return;
      for (; *text; text++) uh_str_addc(out, *text >= 'a' && *text <= 'f' ? (char)(*text - 32) : *text);
      return;
    case HOST: uh_server_host(text, out); return;
    case AGENT: add_agent(text, out);
  }
}

/* ---- where they stand ---- */

#define P(name) "prop(configuration.json, '" name "')"
#define OF(side, kind) " FROM configuration WHERE side = '" side "' AND kind = '" kind "'"
#define EACH(name) "SELECT a.value FROM configuration, json_each(prop_list(configuration.json, '" name "')) a WHERE "
#define IN_(side, kind) "side = '" side "' AND kind = '" kind "'"
/* The tenant's OnPremisesOrganization objects: ours is the one with our GUID. One whose GUID nobody could read, and
 * every one while ours is not known, counts as another forest's: it is left alone. */
#define OURS \
  "trim(lower(" P("OrganizationGuid") "), '{}') = (SELECT value FROM anchor WHERE name = 'organization-guid')"
#define HOLDER IN_("cloud", "OnPremisesOrganization")
#define MINE(name) "SELECT " P(name) " FROM configuration WHERE " HOLDER " AND (" OURS ")"
#define OTHERS(name) "SELECT " P(name) " FROM configuration WHERE " HOLDER " AND (" OURS ") IS NOT 1"
#define BARE(value) "iif(" value " LIKE 'autod:%', substr(" value ", 7), " value ")"
#define ALONE " NOT EXISTS (SELECT 1 FROM anchor WHERE name = 'other-organization')"
#define HYBRID_SEND "(" P("CloudServicesMailEnabled") " = 1 OR " P("TlsDomain") " LIKE '%mail.protection.%')"

static const struct finding {
  const char *name;
  enum form form;
  bool unique; /* two of them, and nobody can tell whose anything is */
  const char *sql;
} findings[] = {
    {UH_ANCHOR_ORGANIZATION, GUID, true, /* the first, see find_organization() */
     "SELECT guid FROM object WHERE side = 'on-premises' AND kind = 'OrganizationConfig'"},
    {UH_ANCHOR_TENANT, GUID, true,
     "SELECT tenant FROM observation UNION ALL SELECT guid" OF("cloud", "GraphOrganization")},
    {UH_ANCHOR_OTHER_ORGANIZATION, TEXT, false,
     "SELECT coalesce(nullif(" P("OrganizationGuid") ", ''), nullif(guid, ''), name) FROM configuration WHERE " HOLDER
                                                     " AND (" OURS ") IS NOT 1"},
    {UH_ANCHOR_INITIAL_DOMAIN, DOMAIN, false,
     "SELECT coalesce(nullif(" P("id") ", ''), identity)" OF("cloud", "GraphDomain") " AND " P(
         "isInitial") " = 1"
                      " UNION ALL SELECT " P("DomainName") OF("cloud", "AcceptedDomain") " AND " P(
                          "InitialDomain") " = 1"
                                           " UNION ALL SELECT " P("DomainName")
                                               OF("cloud", "AcceptedDomain") " AND (" P("DomainName") " LIKE '%.onmicrosoft.%' OR " P(
                                                   "DomainName") " LIKE '%.partner.onmschina.cn')"
                                                                 " AND " P("DomainName") " NOT LIKE '%.mail.%'"},
    /* That of the initial domain stands first. */
    {UH_ANCHOR_ROUTING_DOMAIN, DOMAIN, false,
     "SELECT domain FROM (SELECT " P("DomainName") " AS domain" OF("cloud", "AcceptedDomain") " UNION SELECT coalesce(nullif(" P(
         "id") ", ''), identity)" OF("cloud",
                                     "GraphDomain") ")"
                                                    " WHERE domain LIKE '%.mail.onmicrosoft.%' OR domain LIKE '%.mail.partner.onmschina.cn'"
                                                    " ORDER BY replace(lower(domain), '.mail.', '.') = (SELECT value FROM anchor WHERE name = 'tenant-initial-domain')"
                                                    " DESC, domain"},
    {UH_ANCHOR_HYBRID_DOMAIN, DOMAIN, false,
     "SELECT " BARE("a.value") " FROM configuration, json_each(prop_list(configuration.json, 'Domains')) a WHERE " IN_(
         "on-premises",
         "HybridConfiguration") " UNION ALL SELECT " BARE("a.value") " FROM configuration, json_each(prop_list(configuration.json, 'HybridDomains')) a WHERE " HOLDER
                                                                     " AND (" OURS ")"},
    {UH_ANCHOR_AUTH_CERTIFICATE, THUMBPRINT, false,
     "SELECT " P("CurrentCertificateThumbprint")
         OF("on-premises", "AuthConfig") " UNION ALL SELECT " P("NextCertificateThumbprint")
             OF("on-premises", "AuthConfig") " UNION ALL SELECT " P("PreviousCertificateThumbprint")
                 OF("on-premises", "AuthConfig")},
    {UH_ANCHOR_AUTH_SUBJECT, TEXT, false,
     "SELECT " P("Subject") OF("on-premises", "ExchangeCertificate") " AND upper(" P(
         "Thumbprint") ") IN (SELECT value FROM anchor WHERE name = 'auth-certificate')"},
    /* A trust tells the certificate itself, or its thumbprint. */
    {UH_ANCHOR_FEDERATION_CERTIFICATE, THUMBPRINT, false,
     "SELECT a.value FROM configuration, json_each(json_array(prop(configuration.json, 'OrgPrivCertificate'),"
     "  prop(configuration.json, 'OrgNextPrivCertificate'), prop(configuration.json, 'OrgPrevPrivCertificate'),"
     "  prop(prop(configuration.json, 'OrgCertificate'), 'Thumbprint'), prop(prop(configuration.json, 'OrgNextCertificate'), 'Thumbprint'),"
     "  prop(prop(configuration.json, 'OrgPrevCertificate'), 'Thumbprint'))) a"
     " WHERE " IN_("on-premises", "FederationTrust") " UNION ALL SELECT " UH_SQL_STEP_TEXT_THUMBPRINT(
         "a.value") " FROM configuration, json_each(json_array(prop(configuration.json, 'OrgCertificate'),"
                    "  prop(configuration.json, 'OrgNextCertificate'), prop(configuration.json, 'OrgPrevCertificate'))) a"
                    " WHERE " IN_("on-premises", "FederationTrust") " UNION ALL SELECT " P("Thumbprint")
                        OF("on-premises",
                           "ExchangeCertificate") " AND lower(" P("Subject") ") IN ('cn=federation', 'federation')"},
    {UH_ANCHOR_TLS_CERTIFICATE, TEXT, false,
     "SELECT " P("TlsCertificateName") OF("on-premises", "HybridConfiguration") " UNION ALL SELECT " P(
         "TlsCertificateName") OF("on-premises",
                                  "SendConnector") " AND " HYBRID_SEND " UNION ALL SELECT " P("TlsCertificateName")
         OF("on-premises",
            "ReceiveConnector") " AND prop_list(configuration.json, 'TlsDomainCapabilities') LIKE '%mail.protection.%'"},
    {UH_ANCHOR_CLOUD_ORGANIZATION, GUID, false, "SELECT guid FROM configuration WHERE " HOLDER " AND (" OURS ")"},
    {UH_ANCHOR_INBOUND, TEXT, false, MINE("InboundConnector")},
    {UH_ANCHOR_OUTBOUND, TEXT, false, MINE("OutboundConnector")},
    {UH_ANCHOR_RELATIONSHIP, TEXT, false, MINE("OrganizationRelationship")},
    {UH_ANCHOR_OTHER_INBOUND, TEXT, false, OTHERS("InboundConnector")},
    {UH_ANCHOR_OTHER_OUTBOUND, TEXT, false, OTHERS("OutboundConnector")},
    {UH_ANCHOR_OTHER_RELATIONSHIP, TEXT, false, OTHERS("OrganizationRelationship")},
    {UH_ANCHOR_OTHER_DOMAIN, DOMAIN, false,
     "SELECT " BARE(
         "a.value") " FROM configuration, json_each(prop_list(configuration.json, 'HybridDomains')) a WHERE " HOLDER
                    " AND (" OURS ") IS NOT 1"},
    {UH_ANCHOR_ACCEPTED_DOMAIN, DOMAIN, false,
     "SELECT domain FROM (SELECT ltrim(coalesce(nullif(" P("DomainName") ", ''), name), '*.') AS domain" OF(
         "on-premises",
         "AcceptedDomain") ")"
                           " WHERE domain_key(domain) NOT IN (SELECT value FROM anchor WHERE name = 'other-hybrid-domain')"},
    /* In the cloud another forest's agent looks the same: ours is what leads to our domains, or what our
     * OnPremisesOrganization names; while nobody else is in the tenant, all are. */
    {UH_ANCHOR_HYBRID_AGENT, AGENT, false,
     "SELECT " P(
         "TargetSharingEpr") " FROM configuration WHERE side = 'on-premises'"
                             "  AND kind IN ('OrganizationRelationship', 'IntraOrganizationConnector')"
                             " UNION ALL SELECT " P("TargetSharingEpr") OF(
                                 "cloud",
                                 "IntraOrganizationConnector") " AND (" ALONE
                                                               "  OR EXISTS (SELECT 1 FROM json_each(prop_list(configuration.json, 'TargetAddressDomains')) a JOIN anchor ON anchor.name ="
                                                               "   'hybrid-domain' AND anchor.value = domain_key(a.value)))"
                                                               " UNION ALL SELECT " P("TargetSharingEpr") OF(
                                                                   "cloud",
                                                                   "OrganizationRelationship") " AND (" ALONE
                                                                                               "  OR EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'organization-relationship'"
                                                                                               "   AND lower(anchor.value) IN (lower(configuration.name), lower(identity), guid)))"
                                                                                               " UNION ALL SELECT " P(
                                                                                                   "RemoteServer")
                                                                                                   OF("cloud",
                                                                                                      "MigrationEndpoint") " AND" ALONE},
    {UH_ANCHOR_DEDICATED_APPLICATION, GUID, false,
     /* The others are the identifiers of Microsoft's own services: Exchange's and the token service's. */
     "SELECT " P("ApplicationIdentifier") OF("on-premises", "AuthServer") " AND " P(
         "ApplicationIdentifier") " NOT LIKE '0000000%-0000-0ff1-ce00-000000000000'"
                                  " AND " P(
                                      "ApplicationIdentifier") " NOT LIKE '00000001-0000-0000-c000-000000000000'"
                                                               " UNION ALL SELECT " P("appId")
                                                                   OF("cloud", "GraphApplication") " AND lower(" P(
                                                                       "displayName") ") = 'exchangeserverapp-' ||"
                                                                                      " (SELECT value FROM anchor WHERE name = 'organization-guid')"},
    {UH_ANCHOR_HOST, HOST, false, UH_SERVER_HOSTS("configuration")},
    {UH_ANCHOR_SMART_HOST, HOST, false, "SELECT " P("OnPremisesSmartHost") OF("on-premises", "HybridConfiguration")},
    /* What the servers' hosts lead to while a server is there: afterwards a name may lead to somebody else. What a
     * wildcard answers for every name is nobody's address. */
    {UH_ANCHOR_ADDRESS, TEXT, false,
     "SELECT DISTINCT json_extract(a.value, '$.address') FROM dns AS d, json_each(d.answers) AS a"
     " WHERE d.role = 'host' AND json_extract(a.value, '$.type') IN ('A', 'AAAA')"
     "  AND NOT " UH_SQL_STEP_MICROSOFT(
         "json_extract(a.value, '$.name')") " AND json_extract(a.value, '$.name') NOT LIKE '%.office.com'"
                                            "  AND NOT " UH_SQL_DNS_BY_WILDCARD(
                                                "d") "  AND EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'server-host' AND anchor.value = d.name)"
                                                     "  AND EXISTS (SELECT 1 FROM configuration WHERE side = 'on-premises' AND kind = 'ExchangeServer')"},
    {UH_ANCHOR_FEDERATED, DOMAIN, false,
     "SELECT coalesce(nullif(" P("DomainName") ", ''), name)" OF(
         "on-premises", "AcceptedDomain") " AND " P("FederatedOrganizationLink") " <> '' UNION ALL " EACH("Domains")
         IN_("on-premises", "FederatedOrganizationIdentifier")},
};

static int fail_sql(sqlite3 *db, const struct finding *f, struct uh_err *err) {
  return uh_fail(err, UH_ERR_DATA, "cannot read the anchor %s from the facts: %s", f->name, sqlite3_errmsg(db));
}

/* Another value than the one known already. */
static int contradiction(const struct uh_anchors *a, const struct finding *f, const char *value, struct uh_err *err) {
  const char *first = uh_anchors_get(a, f->name, 0);
  uh_fail(err, UH_ERR_DATA, "two values are told for %s, %s and %s: what belongs to this organisation cannot be told",
          f->name, first, value);
  uh_err_remedy(err, "observe again with sources of this organisation alone, and in this organisation's own case");
  return -1;
}

/* In the view, too, where that is there already. */
static int keep(struct uh_anchors *a, sqlite3_stmt *UH_NULLABLE into, const char *name, const char *value,
                struct uh_err *err) {
  size_t before = a->n;
  if (add(a, name, value, err) < 0) return -1;
  if (a->n == before || !into) return 0;
  sqlite3_bind_text(into, 1, name, -1, SQLITE_STATIC);
  sqlite3_bind_text(into, 2, value, -1, SQLITE_TRANSIENT);
  int rc = sqlite3_step(into);
  sqlite3_reset(into);
  return rc == SQLITE_DONE ? 0 : uh_fail(err, UH_ERR_INTERNAL, "cannot keep the anchor %s", name);
}

static int add_found(struct uh_anchors *a, const struct finding *f, const char *text, sqlite3_stmt *UH_NULLABLE into,
                     struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str value = {0};
  if (!text || strlen(text) > ANCHOR_VALUE_MAX) return 0;
  add_form(f->form, text, &value);
  if (!uh_str_text(&value)) return uh_fail_nomem(err);
  if (f->unique && *uh_str_text(&value) && uh_anchors_get(a, f->name, 0) && !has(a, f->name, uh_str_text(&value)))
    return contradiction(a, f, uh_str_text(&value), err);
  return keep(a, into, f->name, uh_str_text(&value), err);
}

static int find(sqlite3 *db, struct uh_anchors *a, const struct finding *f, sqlite3_stmt *UH_NULLABLE into,
                struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(db, f->sql, -1, &st, NULL), result = 0;
  if (rc == SQLITE_OK)
    while (result == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW)
      result = add_found(a, f, (const char *)sqlite3_column_text(st, 0), into, err);
  if (result == 0 && rc != SQLITE_DONE) result = fail_sql(db, f, err);
  sqlite3_finalize(st);
  return result;
}

/* ---- what a person stated ---- */

/* What one word says of this organisation, and the anchor that names who gave it: "<value> <who>". */
static const struct word {
  const char *name, *stated;
} words[] = {{UH_ANCHOR_ORGANIZATION, UH_ANCHOR_ORGANIZATION_STATED},
             {UH_ANCHOR_AUTH_CERTIFICATE, UH_ANCHOR_AUTH_STATED},
             {"", UH_ANCHOR_OTHER_STATED}};
enum { WORDS = sizeof words / sizeof *words };

static bool is_stated(const struct uh_anchors *known, const struct word *word, const char *value) {
  for (size_t i = 0; i < known->n; i++)
    if (strcmp(known->v[i].name, word->stated) == 0 && strncasecmp(known->v[i].value, value, strlen(value)) == 0)
      return true;
  return false;
}

/* What the journal has by a person's word alone holds as long as that counts, and is said anew with every plan. */
static bool is_word(const struct uh_anchors *known, const struct anchor *one) {
  for (size_t i = 0; i < WORDS; i++) {
    if (strcmp(one->name, words[i].stated) == 0) return true;
    if (strcmp(one->name, words[i].name) == 0) return is_stated(known, &words[i], one->value);
  }
  return false;
}

const char *uh_anchors_seen(const struct uh_anchors *a, const char *name, size_t i) {
  for (size_t k = 0; k < a->n; k++)
    if (strcmp(a->v[k].name, name) == 0 && !is_word(a, &a->v[k]) && i-- == 0) return a->v[k].value;
  return NULL;
}

static int add_known(struct uh_anchors *a, const struct uh_anchors *known, const char *UH_NULLABLE name,
                     struct uh_err *err) {
  for (size_t i = 0; known && i < known->n; i++) {
    const struct anchor *one = &known->v[i];
    if ((name && strcmp(one->name, name) != 0) || is_word(known, one)) continue;
    if (add(a, one->name, one->value, err) < 0) return -1;
  }
  return 0;
}

/* What the journal has was told apart by the GUID of then. Where that was a word, it counts no longer than the word. */
static bool rests_on_another_word(const struct uh_anchors *a, const struct uh_anchors *known) {
  for (size_t i = 0; known && i < known->n; i++) {
    const struct anchor *one = &known->v[i];
    if (strcmp(one->name, UH_ANCHOR_ORGANIZATION) == 0 && is_word(known, one) && !has(a, one->name, one->value))
      return true;
  }
  return false;
}

static int refuse_word(const struct uh_stated *s, const char *told, struct uh_err *err) {
  uh_fail(err, UH_ERR_DATA,
          "%.*s states that %s %s an auth certificate of this organisation, and what was observed says %s",
          UH_HEAD(s->by, 200), s->object, s->ours ? "is" : "is not", told);
  uh_err_where(err, "left.credential, object %s", s->object);
  uh_err_remedy(err, "`unhybrid attest withdraw left.credential --object %s`: what was observed is never overruled",
                s->object);
  return -1;
}

/* told: an auth certificate that is known otherwise; NULL: none is. */
static int state_credential(struct uh_anchors *a, sqlite3_stmt *into, const struct uh_stated *s, const char *told,
                            struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str thumbprint = {0};
  UH_CLEANUP(uh_str_clear) struct uh_str word = {0};
  add_form(THUMBPRINT, s->object, &thumbprint);
  uh_str_addf(&word, "%s %s", s->object, s->by);
  if (!uh_str_text(&thumbprint) || !uh_str_text(&word)) return uh_fail_nomem(err);
  if (!thumbprint.len) return 0;
  bool known = told && has(a, UH_ANCHOR_AUTH_CERTIFICATE, thumbprint.s);
  if (told && known != s->ours) return refuse_word(s, known ? "that it is" : told, err);
  if (told) return 0;
  if (!s->ours) return keep(a, into, UH_ANCHOR_OTHER_STATED, word.s, err);
  return keep(a, into, UH_ANCHOR_AUTH_CERTIFICATE, thumbprint.s, err) < 0
             ? -1
             : keep(a, into, UH_ANCHOR_AUTH_STATED, word.s, err);
}

static int state_credentials(struct uh_anchors *a, sqlite3_stmt *into, struct uh_stated_list stated,
                             struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str told = {0};
  const char *first = uh_anchors_get(a, UH_ANCHOR_AUTH_CERTIFICATE, 0);
  uh_str_add(&told, first ? first : "");
  if (!uh_str_text(&told)) return uh_fail_nomem(err);
  for (size_t i = 0; i < stated.n; i++)
    if (stated.v[i].about == UH_ABOUT_CREDENTIAL &&
        state_credential(a, into, &stated.v[i], first ? told.s : NULL, err) < 0)
      return -1;
  return 0;
}

/* by: who stated the other; NULL: it was observed, or the journal tells it. */
static int refuse_organization(const struct uh_stated *s, const char *other, const char *UH_NULLABLE by,
                               struct uh_err *err) {
  uh_fail(err, UH_ERR_DATA, "%.*s states that this Exchange organisation is %s, and %.*s says %s", UH_HEAD(s->by, 200),
          s->object, UH_HEAD(by ? by : "what was observed", 200), other);
  uh_err_where(err, "left.organization, object %s", s->object);
  uh_err_remedy(err, "`unhybrid attest withdraw left.organization --object %s`%s", s->object,
                by ? ", or the other: there is one" : ": what was observed is never overruled");
  return -1;
}

static int state_organization(struct uh_anchors *a, struct uh_stated_list stated, struct uh_err *err) {
  bool told = uh_anchors_get(a, UH_ANCHOR_ORGANIZATION, 0) != NULL;
  const char *first = NULL;
  for (size_t i = 0; i < stated.n; i++) {
    UH_CLEANUP(uh_str_clear) struct uh_str guid = {0};
    UH_CLEANUP(uh_str_clear) struct uh_str word = {0};
    const struct uh_stated *s = &stated.v[i];
    const char *known = uh_anchors_get(a, UH_ANCHOR_ORGANIZATION, 0);
    if (s->about != UH_ABOUT_ORGANIZATION) continue;
    add_form(GUID, s->object, &guid);
    uh_str_addf(&word, "%s %s", uh_str_or(&guid, ""), s->by);
    if (!uh_str_text(&guid) || !uh_str_text(&word)) return uh_fail_nomem(err);
    if (!guid.len) continue; /* no GUID: whoever judges statements has refused it */
    if (known && !has(a, UH_ANCHOR_ORGANIZATION, guid.s)) return refuse_organization(s, known, first, err);
    if (told) continue;
    if (add(a, UH_ANCHOR_ORGANIZATION, guid.s, err) < 0 || add(a, UH_ANCHOR_ORGANIZATION_STATED, word.s, err) < 0)
      return -1;
    first = s->by;
  }
  return 0;
}

/* ---- all of them ---- */

/* The organisation comes first: by its GUID all the others are told apart. */
static int find_organization(sqlite3 *db, struct uh_anchors *a, const struct uh_anchors *UH_NULLABLE known,
                             struct uh_stated_list stated, struct uh_err *err) {
  if (add_known(a, known, UH_ANCHOR_ORGANIZATION, err) < 0 || find(db, a, &findings[0], NULL, err) < 0) return -1;
  return state_organization(a, stated, err);
}

static int find_all(sqlite3 *db, struct uh_anchors *a, struct uh_stated_list stated, struct uh_err *err) {
  sqlite3_stmt *into = NULL;
  int result = 0;
  if (uh_configuration_make(db, err) < 0 || uh_anchor_view_make(db, a, err) < 0) return -1;
  if (sqlite3_prepare_v2(db, UH_ANCHOR_INSERT, -1, &into, NULL) != SQLITE_OK)
    result = uh_fail(err, UH_ERR_INTERNAL, "cannot keep anchors: %s", sqlite3_errmsg(db));
  for (size_t i = 1; result == 0 && i < sizeof findings / sizeof *findings; i++)
    result = find(db, a, &findings[i], into, err);
  if (result == 0) result = state_credentials(a, into, stated, err);
  sqlite3_finalize(into);
  return result;
}

int uh_anchors_read(sqlite3 *facts, const struct uh_anchors *known, struct uh_stated_list stated,
                    struct uh_anchors **ret_anchors, struct uh_err *err) {
  UH_CLEANUP(uh_anchors_freep) struct uh_anchors *a = anchors_new();
  if (!a) return uh_fail_nomem(err);
  if (find_organization(facts, a, known, stated, err) < 0) return -1;
  if (!rests_on_another_word(a, known) && add_known(a, known, NULL, err) < 0) return -1;
  if (find_all(facts, a, stated, err) < 0) return -1;
  *ret_anchors = UH_TAKE(a);
  return 0;
}
