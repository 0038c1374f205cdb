/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchange Online over its admin API: every cmdlet's listing becomes a set. A cmdlet that is refused fails its own set
 * and no other. Whatever was seen stays in the facts, also when its listing could not be read to the end.
 */
#include "wire/exchange_online.h"

#include <strings.h>

#include <unhybrid/text.h>

#include "case/facts.h"
#include "sources/cloud.h"
#include "sources/exchange_record.h"
#include "sources/source.h"
#include "wire/json_stream.h"

#define SIDE "cloud"
#define UNLIMITED "\"ResultSize\":\"Unlimited\""
#define CONFIGURATION "View-Only Configuration"
#define RECIPIENTS "View-Only Recipients"
#define SHARING "Federated Sharing"
#define ORGANIZATION "Organization Configuration"
#define TEST_MODE "\"IncludeTestModeConnectors\":true"
#define RULE_SCOPED "\"IsTransportRuleScoped\":true"
#define NOTICES_MAX 20

static const struct cmdlet {
  const char *noun, *set, *listing, *parameters, *role;
  const char *filter, *split_by, *split_characters;
} cmdlets[] = {
    /* Alias is a property that is documented to take wildcards in a filter. */
    {"Mailbox", "Mailbox", "", UNLIMITED, RECIPIENTS, NULL, "Alias", "abcdefghijklmnopqrstuvwxyz0123456789"},
    /* What Get-Mailbox lists is not asked for again. */
    {"Recipient", "Recipient", "", UNLIMITED, RECIPIENTS, "RecipientType -ne 'UserMailbox'", "Alias",
     "abcdefgjklmprst"},
    {"Mailbox", "Mailbox/SoftDeletedMailbox", "SoftDeletedMailbox", UNLIMITED ",\"SoftDeletedMailbox\":true",
     RECIPIENTS},
    {"Mailbox", "Mailbox/InactiveMailboxOnly", "InactiveMailboxOnly", UNLIMITED ",\"InactiveMailboxOnly\":true",
     RECIPIENTS},
    {"MailPublicFolder", "MailPublicFolder", "", UNLIMITED, RECIPIENTS},
    {"OrganizationConfig", "OrganizationConfig", "", "", ORGANIZATION},
    {"AcceptedDomain", "AcceptedDomain", "", UNLIMITED, CONFIGURATION},
    {"InboundConnector", "InboundConnector", "", UNLIMITED, CONFIGURATION},
    /* One call hides test-mode connectors and those of transport rules; each switch shows only its own kind. */
    {"OutboundConnector", "OutboundConnector", "", UNLIMITED, CONFIGURATION},
    {"OutboundConnector", "OutboundConnector", "IncludeTestModeConnectors", UNLIMITED "," TEST_MODE, CONFIGURATION},
    {"OutboundConnector", "OutboundConnector", "IsTransportRuleScoped", UNLIMITED "," RULE_SCOPED, CONFIGURATION},
    {"OutboundConnector", "OutboundConnector", "IncludeTestModeConnectors,IsTransportRuleScoped",
     UNLIMITED "," TEST_MODE "," RULE_SCOPED, CONFIGURATION},
    {"TransportRule", "TransportRule", "", UNLIMITED, "Transport Rules"},
    {"MigrationBatch", "MigrationBatch", "", UNLIMITED, "Migration"},
    {"MigrationEndpoint", "MigrationEndpoint", "", "", "Migration"},
    {"MoveRequest", "MoveRequest", "", UNLIMITED, "Move Mailboxes"},
    {"OnPremisesOrganization", "OnPremisesOrganization", "", "", CONFIGURATION},
    {"OrganizationRelationship", "OrganizationRelationship", "", "", SHARING},
    {"IntraOrganizationConnector", "IntraOrganizationConnector", "", "", SHARING},
    {"RemoteDomain", "RemoteDomain", "", UNLIMITED, CONFIGURATION},
    {"JournalRule", "JournalRule", "", "", "Journaling"},
    {"TransportConfig", "TransportConfig", "", "", CONFIGURATION},
    {"DkimSigningConfig", "DkimSigningConfig", "", "", CONFIGURATION},
    {"FederatedOrganizationIdentifier", "FederatedOrganizationIdentifier", "", "", SHARING},
    {"FederationTrust", "FederationTrust", "", "", SHARING},
    {"AvailabilityAddressSpace", "AvailabilityAddressSpace", "", "", SHARING},
    {"PartnerApplication", "PartnerApplication", "", "", "Organization Client Access"},
    {"SharingPolicy", "SharingPolicy", "", "", SHARING},
};
enum { FIRST_ONES = 4096 };
enum { CMDLETS = sizeof cmdlets / sizeof *cmdlets };

struct source;

/* One cmdlet call's rows. Calls of the same set share what was seen. */
struct call {
  struct source *source;
  const struct cmdlet *cmdlet;
  struct uh_record_writer *writer;
  struct uh_seen *seen, own_seen;
  int64_t written, told;
  bool repeated_without_filter;
  /* the object that is being read */
  uint8_t key[UH_SEEN_KEY];
  int key_rank; /* 0 none, 1 by text, 2 by Guid */
  bool mailbox; /* a recipient that Get-Mailbox lists */
  bool drop_mailboxes;
  bool recipient; /* of a kind whose few properties are known */
};

struct source {
  struct uh_observe *observe;
  struct uh_exo *exo;
  const struct uh_cloud_session *session;
  struct uh_str scratch;
  struct call calls[CMDLETS];
  int64_t requests;
  unsigned notices;
};

/* ---- one object ---- */

/* "X@odata.type" and the like say what type X has; they are no properties. */
static bool sidecar(const char *name) {
  return strchr(name, '@') != NULL;
}

/* Of recipients known properties are kept, and none of them is secret. */
static bool unwanted(const struct call *c, const char *name) {
  return sidecar(name) || (!c->recipient && uh_secret_name(name));
}

static void note_key(struct call *c, const char *name, const char *text, size_t n) {
  static const uint8_t zero[UH_GUID_SIZE];
  uint8_t guid[UH_GUID_SIZE];
  if (strcmp(name, "Guid") == 0) {
    if (!uh_guid_parse(text, guid) || memcmp(guid, zero, sizeof zero) == 0) return;
    memcpy(c->key, guid, sizeof guid);
    c->key_rank = 2;
  } else if (strcmp(name, "Identity") == 0 && n && c->key_rank < 1) {
    uh_seen_text_key(text, n, c->key);
    c->key_rank = 1;
  } else if (strcmp(name, "RecipientType") == 0) {
    c->mailbox = strcmp(text, "UserMailbox") == 0;
  }
}

static void on_text(void *user, const char *name, const char *text, size_t n) {
  struct call *c = user;
  if (unwanted(c, name)) return;
  note_key(c, name, text, n);
  uh_record_text(c->writer, name, text, n);
}
static void on_integer(void *user, const char *name, int64_t value) {
  struct call *c = user;
  if (!unwanted(c, name)) uh_record_int(c->writer, name, value);
}
static void on_boolean(void *user, const char *name, bool value) {
  struct call *c = user;
  if (!unwanted(c, name)) uh_record_bool(c->writer, name, value);
}
static void on_null(void *user, const char *name) {
  struct call *c = user;
  if (!unwanted(c, name)) uh_record_none(c->writer, name);
}
/* What is not begun takes no items. */
static void on_list_begin(void *user, const char *name) {
  struct call *c = user;
  if (!unwanted(c, name)) uh_record_list_begin(c->writer, name);
}
static void on_list_item(void *user, const char *text, size_t n) {
  uh_record_list_item(((struct call *)user)->writer, text, n);
}
static void on_list_end(void *user) {
  uh_record_list_end(((struct call *)user)->writer);
}
static void on_json(void *user, const char *name, const char *text) {
  struct call *c = user;
  if (unwanted(c, name)) return;
  if (c->recipient || !uh_secret_name(text)) {
    uh_record_json(c->writer, name, text);
    return;
  }
  /* The word stands somewhere in it: only what has been taken apart may be kept. */
  UH_CLEANUP(uh_freep) char *clean = uh_secret_clean(text);
  if (clean)
    uh_record_json(c->writer, name, clean);
  else
    uh_record_answer(c->writer, name, UH_NOT_ASKED);
}
static const struct uh_json_visitor visitor = {on_text,       on_integer,   on_boolean,  on_null,
                                               on_list_begin, on_list_item, on_list_end, on_json};

static int on_object(void *user, const char *json, size_t n, struct uh_err *err) {
  struct call *c = user;
  c->key_rank = 0;
  c->mailbox = false;
  uh_record_begin(c->writer);
  if (uh_json_walk(json, n, &visitor, c, &c->source->scratch, err) != 0) {
    uh_record_drop(c->writer);
    return -1;
  }
  if (c->mailbox && c->drop_mailboxes) {
    uh_record_drop(c->writer);
    return 0;
  }
  /* Recipients with a Guid are told apart when all are there (uh_facts_finish): no memory of a whole tenant here. But
   * the first ones come again whenever a large listing is split after a look at it; they are remembered, or every large
   * tenant would pay for removing them. */
  if (c->recipient && c->key_rank == 2 && c->seen->used >= FIRST_ONES) {
    if (uh_seen_known(c->seen, c->key)) {
      uh_record_drop(c->writer);
      return 0;
    }
    c->written++;
    return uh_record_end(c->writer, err);
  }
  if (!c->key_rank) uh_seen_text_key(json, n, c->key);
  int new = uh_seen_add(c->seen, c->key);
  if (new < 0) return uh_fail_nomem(err);
  if (!new) {
    uh_record_drop(c->writer);
    return 0;
  }
  c->written++;
  return uh_record_end(c->writer, err);
}

static void on_page(void *user) {
  struct call *c = user;
  int64_t requests = uh_exo_requests(c->source->exo) + uh_cloud_token_requests(c->source->session);
  uh_observe_counted(c->source->observe, c->written - c->told, requests - c->source->requests);
  c->told = c->written;
  c->source->requests = requests;
}

static void on_warning(void *user, const char *text) {
  struct call *c = user;
  if (c->source->notices++ >= NOTICES_MAX) return;
  struct uh_str shown UH_CLEANUP(uh_str_clear) = {0};
  uh_terminal_text(&shown, text, strnlen(text, 400));
  uh_observe_notice(c->source->observe, "Get-%s: %s", c->cmdlet->noun, uh_str_or(&shown, ""));
}

/* ---- the end of one listing ---- */

static int ask(struct call *c, bool with_filter, struct uh_err *err);

static void refused_why(const struct call *c, const struct uh_exo_result *r, struct uh_str *why) {
  char name[64];
  (void)snprintf(name, sizeof name, "Get-%s", c->cmdlet->noun);
  uh_str_add(why, r->err.what);
  int may = uh_exo_may_run(c->source->exo, name);
  if (may == 0)
    uh_str_addf(why, "; the account has no role for it: assign Global Reader, or the Exchange role \"%s\"",
                c->cmdlet->role);
  else if (may == 1)
    uh_str_add(why, "; the account has a role for it: a new assignment can take hours to arrive everywhere");
  else
    uh_str_addf(
        why,
        "; the right Exchange.ManageAsApp, the role Global Reader (or the Exchange role \"%s\") is missing, or was "
        "assigned a short while ago",
        c->cmdlet->role);
}

static void on_done(void *user, const struct uh_exo_result *r) {
  struct call *c = user;
  const struct cmdlet *m = c->cmdlet;
  on_page(c);
  /* The prefilter is a convenience: where the service does not take it, the rows are told apart here. */
  if (r->state != UH_EXO_COMPLETE && r->problem.cls == UH_EXO_BAD_PARAMETER && m->filter &&
      !c->repeated_without_filter) {
    c->repeated_without_filter = true;
    struct uh_err err = UH_ERR_INIT;
    if (ask(c, false, &err) == 0) return;
  }
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  if (r->state != UH_EXO_COMPLETE && r->problem.cls == UH_EXO_REFUSED)
    refused_why(c, r, &why);
  else if (r->state != UH_EXO_COMPLETE)
    uh_str_addf(&why, "%s%s%s", r->err.what, r->err.remedy[0] ? "; " : "", r->err.remedy);
  /* A role can hold a cmdlet without some of its parameters; the service then says that there is no such parameter. */
  if (r->state != UH_EXO_COMPLETE && r->problem.cls == UH_EXO_BAD_PARAMETER)
    uh_str_addf(&why,
                "; where the account's role holds the cmdlet without this parameter: assign Global Reader, or the "
                "Exchange role \"%s\"",
                m->role);
  if (r->state != UH_EXO_COMPLETE && r->err.request_id[0]) uh_str_addf(&why, " (request %s)", r->err.request_id);
  const char *state = r->state == UH_EXO_COMPLETE ? "complete" : r->state == UH_EXO_PARTIAL ? "partial" : "failed";
  /* The parts of OutboundConnector are its four calls: the set is complete when all are. */
  bool part = strcmp(m->noun, "OutboundConnector") == 0;
  uh_observe_set(c->source->observe, SIDE, m->set, part ? m->listing : "", state,
                 r->state == UH_EXO_COMPLETE ? UH_VALUE : r->answer, c->written, "%s", uh_str_or(&why, ""));
}

static int ask(struct call *c, bool with_filter, struct uh_err *err) {
  const struct cmdlet *m = c->cmdlet;
  char name[64];
  (void)snprintf(name, sizeof name, "Get-%s", m->noun);
  struct uh_str select UH_CLEANUP(uh_str_clear) = {0};
  const char *properties = uh_record_select(m->noun);
  if (properties)
    uh_str_addf(&select, "%s%s%s", properties, strstr(properties, "Identity") ? "" : ",Identity",
                strcmp(m->noun, "Recipient") == 0 ? ",RecipientType" : "");
  c->drop_mailboxes = strcmp(m->noun, "Recipient") == 0;
  struct uh_exo_query q = {.cmdlet = name,
                           .parameters = m->parameters,
                           .filter = with_filter ? m->filter : NULL,
                           .select = properties ? uh_str_text(&select) : NULL,
                           .split_by = m->split_by,
                           .split_characters = m->split_characters,
                           .user = c,
                           .object = on_object,
                           .page = on_page,
                           .warning = on_warning,
                           .done = on_done};
  return uh_exo_list(c->source->exo, &q, err);
}

/* ---- the whole ---- */

static void explain_token(struct source *s, const char *resource) {
  size_t roles = 0, scopes = 0;
  if (uh_oauth_claim_count(s->session->oauth, resource, "roles", &roles) != 0 ||
      uh_oauth_claim_count(s->session->oauth, resource, "scp", &scopes) != 0 || roles || scopes)
    return;
  uh_observe_notice(s->observe,
                    "the token carries no right on Exchange Online: grant the app Exchange.ManageAsApp and consent");
}

static int run(struct source *s, struct uh_err *err) {
  for (size_t i = 0; i < CMDLETS; i++) {
    struct call *c = &s->calls[i];
    c->source = s;
    c->cmdlet = &cmdlets[i];
    c->recipient = uh_record_is_recipient(cmdlets[i].noun);
    c->seen = &c->own_seen;
    for (size_t k = 0; k < i; k++)
      if (strcmp(cmdlets[k].set, cmdlets[i].set) == 0) c->seen = s->calls[k].seen;
    if (!uh_observe_wants(s->observe, SIDE, cmdlets[i].set)) continue;
    if (uh_record_writer_open(s->observe, SIDE, "exchange-online", cmdlets[i].noun, cmdlets[i].listing, &c->writer,
                              err) != 0)
      return -1;
    if (ask(c, true, err) != 0) return -1;
  }
  return uh_exo_run(s->exo, err);
}

static int observe(struct uh_observe *observe_run, struct uh_err *err) {
  struct uh_cloud_session session;
  if (uh_cloud_open(observe_run, &session, err) != 0) return -1;
  struct source *s = calloc(1, sizeof *s);
  int r = s ? 0 : uh_fail_nomem(err);
  if (s) {
    s->observe = observe_run;
    s->session = &session;
    struct uh_exo_options options = {.base = session.hosts.exchange_online,
                                     .resource = session.exchange_online_resource,
                                     .oauth = session.oauth,
                                     .http = session.http,
                                     .chains = session.chains};
    r = uh_exo_open(&options, &s->exo, err);
    if (r == 0) {
      explain_token(s, session.exchange_online_resource);
      r = run(s, err);
      for (size_t i = 0; i < CMDLETS; i++) {
        if (uh_record_writer_close(s->calls[i].writer, err) != 0) r = -1;
        uh_seen_clear(&s->calls[i].own_seen);
      }
      int64_t requests = uh_exo_requests(s->exo) + uh_cloud_token_requests(s->session);
      uh_observe_counted(observe_run, 0, requests - s->requests);
    }
    uh_exo_free(s->exo);
    uh_str_clear(&s->scratch);
    free(s);
  }
  uh_cloud_close(&session);
  return r;
}

const struct uh_source uh_source_exchange_online = {
    .id = "exchange-online",
    .not_configured = uh_cloud_not_configured,
    .sets =
        "cloud:Mailbox cloud:Recipient cloud:Mailbox/SoftDeletedMailbox cloud:Mailbox/InactiveMailboxOnly "
        "cloud:MailPublicFolder cloud:OrganizationConfig cloud:AcceptedDomain cloud:InboundConnector "
        "cloud:OutboundConnector cloud:TransportRule cloud:MigrationBatch cloud:MigrationEndpoint cloud:MoveRequest "
        "cloud:OnPremisesOrganization cloud:OrganizationRelationship cloud:IntraOrganizationConnector "
        "cloud:RemoteDomain cloud:JournalRule cloud:TransportConfig cloud:DkimSigningConfig "
        "cloud:FederatedOrganizationIdentifier cloud:FederationTrust cloud:AvailabilityAddressSpace "
        "cloud:PartnerApplication cloud:SharingPolicy",
    .after = "",
    .observe = observe,
};
