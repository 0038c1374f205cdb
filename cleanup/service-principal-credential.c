/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of Microsoft's own principal of Exchange Online: this organisation's auth certificates. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <unhybrid/step.h>
#include <unhybrid/text.h>

enum {
  CREDENTIALS_MAX = 200, /* what one change may list */
  MARKS_MAX = 20,
  SUBJECT_MAX = 256,
};

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */
static const char principals_sql[] =
    "WITH principal AS ("
    "  SELECT side, kind, guid, name, count(*) OVER () AS principals,"
    "    prop_list(json, 'keyCredentials') AS credentials,"
    "    EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'auth-certificate')"
    /* Or a person said of each of them that it is not this organisation's. */
    "      OR NOT EXISTS (SELECT 1 FROM json_each(prop_list(configuration.json, 'keyCredentials')) AS k"
    "        WHERE NOT EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'other-certificate-stated'"
    "          AND substr(anchor.value, 1, 40) = upper(coalesce(json_extract(k.value, '$.thumbprint'),"
    "            json_extract(k.value, '$.customKeyIdentifier'))))) AS known"
    "   FROM configuration"
    "   WHERE side = 'cloud' AND kind = 'GraphServicePrincipal'"
    "     AND lower(prop(json, 'appId')) = '00000002-0000-0ff1-ce00-000000000000')"
    " SELECT side, kind, guid, name,"
    "  CASE WHEN principals > 1 OR credentials IS NULL OR (credentials <> '[]' AND NOT known) THEN NULL"
    "    WHEN credentials = '[]' THEN 'tenant' ELSE 'shared' END AS owner,"
    "  CASE WHEN principals > 1 THEN 'the tenant shows it ' || principals || ' times'"
    "    WHEN credentials IS NULL THEN 'keyCredentials was not obtained'"
    "    WHEN credentials = '[]' THEN 'it is Microsoft''s, and has no credentials'"
    "    WHEN NOT known THEN 'no thumbprint of an auth certificate of this organisation is known; a person may state whose each is:'"
    "      || ' `unhybrid checks explain left.credential`'"
    "    ELSE 'it is Microsoft''s and stays; only credentials go' END AS reason"
    " FROM principal";

static const char marks_sql[] =
    "SELECT anchor.value, max(prop(c.json, 'Subject')), max(prop(c.json, 'NotAfter')),"
    "  (SELECT min(value) FROM anchor AS s WHERE s.name = 'auth-certificate-subject'),"
    "  (SELECT min(substr(s.value, 42)) FROM anchor AS s WHERE s.name = 'auth-certificate-stated' AND substr(s.value, 1, 40) = anchor.value)"
    " FROM anchor LEFT JOIN configuration AS c ON c.side = 'on-premises' AND c.kind = 'ExchangeCertificate'"
    "   AND upper(prop(c.json, 'Thumbprint')) = upper(anchor.value)"
    " WHERE anchor.name = 'auth-certificate'"
    " GROUP BY anchor.value";

static const char credentials_sql[] =
    "SELECT json_extract(k.value, '$.keyId'), json_extract(k.value, '$.customKeyIdentifier'),"
    "  json_extract(k.value, '$.displayName'), json_extract(k.value, '$.endDateTime'),"
    "  json_extract(k.value, '$.thumbprint')"
    " FROM configuration AS p, json_each(prop_list(p.json, 'keyCredentials')) AS k"
    " WHERE p.side = 'cloud' AND p.kind = 'GraphServicePrincipal' AND p.guid = ?1";

static const char stated_sql[] =
    "SELECT substr(value, 1, 40), substr(value, 42), iif(name = 'auth-certificate-stated', 'one', 'none') FROM anchor"
    " WHERE name IN ('auth-certificate-stated', 'other-certificate-stated') ORDER BY value";

static const char others_sql[] = "SELECT group_concat(value, ', ') FROM anchor WHERE name = 'other-organization'";
/* clang-format on */

struct mark {
  struct uh_certificate_mark certificate;
  char thumbprint[2 * UH_SHA1_SIZE + 1], subject[SUBJECT_MAX];
};
struct credential {
  char id[UH_GUID_TEXT], name[SUBJECT_MAX], ends_text[40];
  struct uh_key_removal removal;
  bool leaves; /* without a question */
  char hint[2 * UH_SHA1_SIZE + 1];
};
struct found {
  struct mark marks[MARKS_MAX];
  struct uh_certificate_mark certificates[MARKS_MAX];
  size_t n_marks;
  struct credential v[CREDENTIALS_MAX];
  size_t n;
  char others[512];         /* Exchange organisations that use the tenant too */
  char stated[SUBJECT_MAX]; /* who stated that a certificate is this organisation's; "": it was observed */
};

/* ---- this organisation's certificates ---- */

static bool read_sha1(const char *hex, uint8_t ret[UH_SHA1_SIZE]) {
  if (strlen(hex) != (size_t)2 * UH_SHA1_SIZE) return false;
  for (size_t i = 0; i < UH_SHA1_SIZE; i++) {
    int high = uh_hex_digit(hex[2 * i]), low = uh_hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    ret[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

static int read_marks(struct uh_step_run *run, struct found *f, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int r;
  if (uh_step_query(run, marks_sql, &query, err) < 0) return -1;
  while ((r = uh_query_next(query, err)) > 0) {
    struct mark *m = &f->marks[f->n_marks];
    const char *thumbprint = uh_query_text(query, 0), *subject = uh_query_text(query, 1),
               *ends = uh_query_text(query, 2);
    if (f->n_marks == MARKS_MAX)
      return uh_fail(err, UH_ERR_DATA, "more than %d auth certificates are known", MARKS_MAX);
    if (!thumbprint || !read_sha1(thumbprint, m->certificate.sha1)) continue;
    if (!subject) subject = uh_query_text(query, 3);
    uh_print(m->thumbprint, sizeof m->thumbprint, "%s", thumbprint);
    uh_print(m->subject, sizeof m->subject, "%s", subject ? subject : "");
    m->certificate.subject = m->subject;
    if (!ends || uh_time_parse(ends, &m->certificate.not_after) != UH_TIME_OK) m->certificate.not_after = 0;
    if (uh_query_text(query, 4)) uh_print(f->stated, sizeof f->stated, "%s", uh_query_text(query, 4));
    f->certificates[f->n_marks++] = m->certificate;
  }
  return r;
}

static int read_others(struct uh_step_run *run, struct found *f, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  if (uh_step_query(run, others_sql, &query, err) < 0) return -1;
  int r = uh_query_next(query, err);
  const char *others = r > 0 ? uh_query_text(query, 0) : NULL;
  uh_print(f->others, sizeof f->others, "%s", others ? others : "");
  return r < 0 ? -1 : 0;
}

/* ---- whose a credential is ---- */

/* Facts never hold the key. Where Graph told it, they hold its thumbprint, and that decides alone; else the identifier
 * that was written beside it does. Subject and end are a hint for a person. */
static bool is_ours(const struct found *f, const struct uh_key_credential *key, const char *thumbprint,
                    struct credential *c) {
  for (size_t i = 0; i < f->n_marks; i++) {
    const struct mark *m = &f->marks[i];
    if (thumbprint && *thumbprint) {
      if (strcasecmp(thumbprint, m->thumbprint) == 0) return true;
      continue;
    }
    enum uh_key_match match = uh_key_match(key, &m->certificate);
    if (match > UH_KEY_HINT) return true;
    if (match == UH_KEY_HINT) uh_print(c->hint, sizeof c->hint, "%s", m->thumbprint);
  }
  return false;
}

/* 0: it is told. 1: whether it may go cannot be said. */
static int judge(struct uh_step_run *run, struct found *f, struct uh_query *query, struct uh_err *err) {
  enum { ID, IDENTIFIER, NAME, ENDS, THUMBPRINT };
  struct uh_key_credential key = {.custom_key_identifier = uh_query_text(query, IDENTIFIER),
                                  .display_name = uh_query_text(query, NAME)};
  const char *id = uh_query_text(query, ID), *ends = uh_query_text(query, ENDS);
  struct credential *c = &f->v[f->n];
  if (f->n == CREDENTIALS_MAX)
    return uh_fail(err, UH_ERR_DATA, "the principal has more than %d credentials", CREDENTIALS_MAX);
  *c = (struct credential){0};
  if (!id || !uh_guid_parse(id, c->removal.key_id)) return 1;
  (void)uh_guid_text(c->removal.key_id, c->id);
  uh_print(c->name, sizeof c->name, "%s", key.display_name ? key.display_name : "");
  uh_print(c->ends_text, sizeof c->ends_text, "%s", ends ? ends : "an unknown time");
  if (!ends || uh_time_parse(ends, &key.ends) != UH_TIME_OK) key.ends = 0;
  bool ours = is_ours(f, &key, uh_query_text(query, THUMBPRINT), c), expired = key.ends && key.ends <= uh_step_now(run);
  c->removal.reason = ours ? UH_KEY_OURS : expired ? UH_KEY_EXPIRED : UH_KEY_NAMED;
  c->leaves = ours || expired;
  f->n++;
  return 0;
}

static int read_credentials(struct uh_step_run *run, const struct uh_subject *principal, struct found *f,
                            struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int r;
  if (uh_step_query(run, credentials_sql, &query, err) < 0) return -1;
  uh_query_bind_text(query, 1, principal->guid ? principal->guid : "");
  while ((r = uh_query_next(query, err)) > 0) {
    int untold = judge(run, f, query, err);
    if (untold < 0) return -1;
    if (untold && uh_step_owner(run, principal, UH_OWNER_UNKNOWN, err, "a credential has no keyId") < 0) return -1;
  }
  return r;
}

/* ---- what goes ---- */

#define UNDO                                                                                                         \
  "While a server is left: run the Hybrid Configuration Wizard again, or upload the certificate of the auth "        \
  "configuration to the principal as the manual OAuth procedure does. Microsoft has blocked EWS calls through this " \
  "principal since October 2025: a dedicated application takes its place."

static int ask_graph(struct uh_step_run *run, const struct uh_subject *principal, const struct found *f,
                     const struct uh_key_removal *keys, size_t n, struct uh_action *action, struct uh_err *err) {
  uint8_t id[UH_GUID_SIZE];
  if (!principal->guid || !uh_guid_parse(principal->guid, id))
    return uh_fail(err, UH_ERR_DATA, "the principal of Exchange Online has no id");
  const struct uh_graph_change change = {.action = UH_GRAPH_REMOVE_KEYS,
                                         .kind = UH_GRAPH_SERVICE_PRINCIPAL,
                                         .id = id,
                                         .name = principal->name,
                                         .keys = keys,
                                         .n_keys = n,
                                         .certificates = f->certificates,
                                         .n_certificates = f->n_marks};
  action->subject = *principal;
  action->verb = UH_VERB_REDUCE;
  action->executor = UH_BY_GRAPH;
  action->reversible = UH_REVERSIBLE_BY_OPERATOR;
  action->undo = UNDO;
  action->graph = &change;
  int rc = uh_step_action(run, action, err);
  action->graph = NULL; /* the change ends here; the plan has its own */
  return rc;
}

static void lacks(struct uh_expect *e, const char *id) {
  *e = (struct uh_expect){.what = UH_EXPECT_LACKS,
                          .value = {.name = "keyCredentials", .type = UH_VALUE_TEXT, .text = id},
                          .member = "keyId"};
}

/* All at once: Graph replaces the list as a whole, and what it was without it remembers no longer than one run. */
static int remove_ours(struct uh_step_run *run, const struct uh_subject *principal, const struct found *f,
                       struct uh_err *err) {
  struct uh_key_removal keys[CREDENTIALS_MAX];
  struct uh_expect expect[CREDENTIALS_MAX + 1];
  size_t n = 0, ours = 0;
  char why[300 + SUBJECT_MAX];
  for (size_t i = 0; i < f->n; i++) {
    if (!f->v[i].leaves) continue;
    ours += f->v[i].removal.reason == UH_KEY_OURS;
    lacks(&expect[n], f->v[i].id);
    keys[n++] = f->v[i].removal;
  }
  if (n == 0) return 0;
  expect[n] = (struct uh_expect){.what = UH_EXPECT_END};
  uh_print(
      why, sizeof why,
      "Of %zu credentials %zu are auth certificates of this organisation%s%s%s and %zu have ended; whoever holds the "
      "private key of one that is in force can act as Exchange Online (CVE-2025-53786).",
      f->n, ours, f->stated[0] ? " (stated by " : "", f->stated, f->stated[0] ? ")" : "", n - ours);
  struct uh_action action = {.expect = expect,
                             .why = why,
                             .effect =
                                 "Servers that still call Exchange Online through the shared principal can do so "
                                 "no longer."};
  return ask_graph(run, principal, f, keys, n, &action, err);
}

static int ask_for(struct uh_step_run *run, const struct uh_subject *principal, const struct found *f,
                   const struct credential *c, struct uh_err *err) {
  struct uh_expect expect[2] = {{0}};
  char question[900];
  uh_print(question, sizeof question,
           "The credential %s (%.*s, in force until %.*s) of Exchange Online's principal is none of this "
           "organisation's auth certificates%s%s%s%.*s. Is it nobody's any more, so that it can go?",
           c->id, UH_HEAD(c->name, 120), UH_HEAD(c->ends_text, 40),
           c->hint[0] ? ", though its name and its end are those of " : "", c->hint,
           f->others[0] ? ". Other Exchange organisations use this tenant, and it may be theirs: " : "",
           UH_HEAD(f->others, 300));
  lacks(&expect[0], c->id);
  struct uh_action action = {
      .part = c->id,
      .expect = expect,
      .why = "It lets somebody act as Exchange Online, and nothing that was observed says who.",
      .effect = "If another forest's servers use it, their free/busy and other hybrid features stop.",
      .approval = question};
  return ask_graph(run, principal, f, &c->removal, 1, &action, err);
}

/* By whose word a credential is one of this organisation's: no source tells it. */
static int note_stated(struct uh_step_run *run, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int r;
  if (uh_step_query(run, stated_sql, &query, err) < 0) return -1;
  while ((r = uh_query_next(query, err)) > 0)
    if (uh_step_note(run, err,
                     "The certificate %s is %s of this organisation's: stated by %s, as nothing observed tells it.",
                     uh_query_text(query, 0), uh_query_text(query, 2), uh_query_text(query, 1)) < 0)
      return -1;
  return r;
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  struct found *f UH_CLEANUP(uh_freep) = calloc(1, sizeof *f);
  if (!f) return uh_fail_nomem(err);
  if (read_marks(run, f, err) < 0 || read_others(run, f, err) < 0 || read_credentials(run, &row->subject, f, err) < 0 ||
      remove_ours(run, &row->subject, f, err) < 0)
    return -1;
  for (size_t i = 0; i < f->n; i++)
    if (!f->v[i].leaves && ask_for(run, &row->subject, f, &f->v[i], err) < 0) return -1;
  return 0;
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, principals_sql, act, err) < 0 ? -1 : note_stated(run, err);
}

UH_STEP(service_principal_credential) = {
    .id = "service-principal-credential",
    .title = "Remove this organisation's credentials from Exchange Online's principal",
    .requirement = "C-09",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows =
        (const struct uh_follows[]){{"intra-organization-connector",
                                     "OAuth calls stop first; and the thumbprints are told only while the server is "
                                     "there"},
                                    {0}},
    .needs = "cloud:GraphServicePrincipal,on-premises:AuthConfig",
    .checks = "mailbox.on-premises,forest.organization",
    .discover = discover,
    .effect = "Servers that call Exchange Online through the shared principal can do so no longer.",
    .undo_by = "person",
    .undo_limits = "A person uploads the certificate again; it is a new credential with another keyId.",
    .reference = "https://microsoft.github.io/CSS-Exchange/Hybrid/ConfigureExchangeHybridApplication/",
    .explain =
        "Every hybrid tenant has Microsoft's principal of Exchange Online (00000002-0000-0ff1-ce00-000000000000). It is "
        "never removed; only credentials go. One is this organisation's when its certificate has the thumbprint of the "
        "current, next or previous auth certificate; where Graph does not tell the certificate, when its identifier is "
        "that thumbprint, as text, as bytes, or as bytes of the text (older uploads differ). A name and an end that agree are a "
        "hint, and never enough. Where nothing tells the auth certificates any more, a person states whose each credential is "
        "(left.credential), and the plan names who did; what was observed is never overruled. Those that have ended go too. One that is in force and nobody's that is known - an older "
        "certificate, or another forest's - goes only when a person approves it.\n"
        "All go in one change, because Graph replaces the list: every survivor is sent back with its key, and where Graph "
        "does not tell a survivor's key nothing is sent. Whether lists tell keys is not documented alike; so the single "
        "object is read. The change needs Application.ReadWrite.All; a 403 means that the role is too small. "
        "removeKey cannot be used: it wants a proof with a key of the principal itself."};
