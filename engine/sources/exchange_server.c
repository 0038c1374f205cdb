/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchange Server over remote PowerShell: each cmdlet's output becomes a set, with the same facts as its export. A
 * cmdlet that the account may not run fails its own set and no other. What was seen stays in the facts, also when its
 * listing could not be read to the end.
 */
#include <strings.h>

#include <unhybrid/text.h>

#include "sources/exchange_server_calls.h"
#include "sources/export_private.h"
#include "sources/source.h"
#include "wire/clock.h"
#include "wire/psrp.h"
#include "wire/wsman.h"

#define SIDE "on-premises"
#define SOURCE "exchange-server"
#define SERVERS_MAX 200u
#define SESSIONS_MAX 4 /* a session that broke is replaced, but not for ever */
#define NOTICES_MAX 20u
#define RUN_MS (INT64_C(6) * 3600 * 1000)                   /* all cmdlets together */
#define SECONDS_VARIABLE "UNHYBRID_EXCHANGE_SERVER_SECONDS" /* less than that, for tests */
#define ROLE "make the account a member of View-Only Organization Management, or give it a role that holds the cmdlet"

struct server {
  char name[256]; /* FQDN */
  bool edge;
};
struct source {
  struct uh_observe *observe;
  struct uh_wsman *wsman;
  struct uh_psrp *pool;
  int sessions;
  int64_t deadline_ms; /* by uh_clock_ms */
  unsigned notices;
  int64_t requests, told_requests;
  char controller[256]; /* the domain controller that answers; '' until the first object names it */
  char scope_why[512];  /* why recipients of other domains are not seen; '' */
  enum uh_answer scope_answer;
  struct server servers[SERVERS_MAX];
  unsigned servers_n;
  bool servers_known, um_possible;
};

/* One cmdlet's run. */
struct run {
  struct source *source;
  const struct call *call;
  struct export_name name;
  struct export_file file;
  struct export_clixml *clixml;
  char what[128]; /* "Get-Mailbox -Archive" */
};

/* ---- objects ---- */

static const char *text_at(const struct uh_clixml_value *object, const char *name) {
  const char *text;
  return uh_clixml_text(uh_clixml_property(object, name), &text, NULL) == UH_VALUE ? text : "";
}

/* Unified Messaging ended with 2016, version 15.1. */
static bool may_have_um(const char *version) {
  return strncmp(version, "Version 15.", 11) != 0 || version[11] < '2';
}

static void note_server(struct source *s, const struct uh_clixml_value *object) {
  bool edge = false;
  if (may_have_um(text_at(object, "AdminDisplayVersion"))) s->um_possible = true;
  if (s->servers_n >= SERVERS_MAX) return;
  struct server *server = &s->servers[s->servers_n++];
  const char *fqdn = text_at(object, "Fqdn");
  (void)snprintf(server->name, sizeof server->name, "%s", *fqdn ? fqdn : text_at(object, "Name"));
  server->edge = uh_clixml_bool(uh_clixml_property(object, "IsEdgeServer"), &edge) == UH_VALUE && edge;
}

static int on_output(void *user, const struct uh_clixml_value *object, struct uh_err *err) {
  struct run *r = user;
  struct source *s = r->source;
  if (!s->controller[0] && r->call->flags & PINNED)
    (void)snprintf(s->controller, sizeof s->controller, "%s", text_at(object, "OriginatingServer"));
  if (strcmp(r->call->noun, "ExchangeServer") == 0 && uh_clixml_kind(object) == UH_CLIXML_OBJECT)
    note_server(s, object);
  return export_clixml_put(r->clixml, object, err);
}

static void on_record(void *user, const struct uh_psrp_record *record) {
  struct run *r = user;
  if (record->kind == UH_PSRP_WARNING) export_warning(&r->file, record->message, strlen(record->message), false);
}

static void on_session_record(void *user, const struct uh_psrp_record *record) {
  struct source *s = user;
  struct uh_str shown UH_CLEANUP(uh_str_clear) = {0};
  if ((record->kind != UH_PSRP_WARNING && record->kind != UH_PSRP_ERROR) || s->notices++ >= NOTICES_MAX) return;
  uh_terminal_text(&shown, record->message, strnlen(record->message, 300));
  uh_observe_notice(s->observe, "the session says: %s", uh_str_text(&shown) ? shown.s : "");
}

/* ---- the session ---- */

static bool stopped(void *user) {
  return uh_observe_stopped(((struct source *)user)->observe);
}

static void count_requests(struct source *s) {
  int64_t now = s->requests + (s->pool ? uh_psrp_requests(s->pool) : 0);
  uh_observe_counted(s->observe, 0, now - s->told_requests);
  s->told_requests = now;
}

static void close_session(struct source *s) {
  struct uh_err err = UH_ERR_INIT;
  char text[1100];
  if (!s->pool) return;
  s->requests += uh_psrp_requests(s->pool) + 1;
  if (uh_psrp_close(UH_TAKE(s->pool), &err) < 0)
    uh_observe_notice(s->observe, "the session could not be closed and counts until the server ends it: %s",
                      uh_err_text(&err, text, sizeof text));
  count_requests(s);
}

/* Without the whole forest, recipients of other domains are invisible; what is seen is a part then. */
static int widen_scope(struct source *s, struct uh_err *err) {
  static const struct uh_psrp_parameter whole[] = {UH_PSRP_P_SWITCH("ViewEntireForest", true), {0}};
  const struct uh_psrp_cmdlet cmdlet = {.name = "Set-ADServerSettings", .parameters = whole};
  struct uh_psrp_result result;
  struct uh_err refused = UH_ERR_INIT;
  s->scope_why[0] = '\0';
  if (uh_psrp_read(s->pool, &cmdlet, &result, &refused) == 0) return 0;
  if (uh_psrp_is_broken(s->pool)) {
    *err = refused;
    return -1;
  }
  s->scope_answer = refused.answer;
  (void)snprintf(s->scope_why, sizeof s->scope_why,
                 "recipients of other domains are not seen, for the view could not be set to the whole forest: %.*s",
                 UH_HEAD(refused.what, 300));
  return 0;
}

static int open_session(struct source *s, struct uh_err *err) {
  const struct uh_psrp_options options = {.transport = uh_wsman_transport(s->wsman),
                                          .cancelled = stopped,
                                          .cancel_user = s,
                                          .record = on_session_record,
                                          .record_user = s};
  if (s->pool && !uh_psrp_is_broken(s->pool)) return 0;
  close_session(s);
  if (s->sessions++ >= SESSIONS_MAX)
    return uh_fail(err, UH_ERR_UNAVAILABLE, "the session broke %d times; nothing more is asked", SESSIONS_MAX);
  if (uh_psrp_open(&options, &s->pool, err) < 0) return -1;
  return widen_scope(s, err);
}

/* ---- one cmdlet ---- */

static void add(struct uh_psrp_parameter list[], unsigned *n, struct uh_psrp_parameter one) {
  list[(*n)++] = one;
}

static void parameters_of(const struct run *r, const char *server, struct uh_psrp_parameter list[8]) {
  unsigned flags = r->call->flags, n = 0;
  if (r->call->listing[0]) add(list, &n, UH_PSRP_P_SWITCH(r->call->listing, true));
  if (flags & UNLIMITED) add(list, &n, UH_PSRP_P_TEXT("ResultSize", "Unlimited"));
  if (flags & FROM_DC) add(list, &n, UH_PSRP_P_SWITCH("ReadFromDomainController", true));
  if (flags & AD_ONLY) add(list, &n, UH_PSRP_P_SWITCH("ADPropertiesOnly", true));
  if (flags & BYPASS_OWNER) add(list, &n, UH_PSRP_P_SWITCH("BypassOwnerCheck", true));
  if (flags & PINNED && r->source->controller[0])
    add(list, &n, UH_PSRP_P_TEXT("DomainController", r->source->controller));
  if (server) add(list, &n, UH_PSRP_P_TEXT("Server", server));
  list[n] = (struct uh_psrp_parameter){0};
}

static void set_name(const struct call *call, char set[128]) {
  (void)snprintf(set, 128, "%s%s%s", call->noun, call->listing[0] ? "/" : "", call->listing);
}

static void why_not(const struct uh_psrp_result *result, const struct uh_err *err, struct uh_str *why) {
  uh_str_add(why, err->what);
  if (result->errors > 1) uh_str_addf(why, " (and %lld more errors)", (long long)result->errors - 1);
  if (err->answer == UH_REFUSED)
    uh_str_add(why, "; " ROLE);
  else if (err->remedy[0])
    uh_str_addf(why, "; %s", err->remedy);
  if (err->request_id[0]) uh_str_addf(why, " (request %s)", err->request_id);
}

static void report(const struct run *r, const char *part, const struct uh_psrp_result *result,
                   const struct uh_err *err) {
  char set[128];
  struct uh_str why UH_CLEANUP(uh_str_clear) = {0};
  const struct source *s = r->source;
  enum uh_answer answer = UH_NOT_ASKED;
  set_name(r->call, set);
  if (err->cls != UH_ERR_NONE) {
    why_not(result, err, &why);
    answer = err->cls == UH_ERR_INTERRUPTED ? UH_TIMEOUT : err->answer;
  } else if (r->file.lacking[0]) {
    uh_str_add(&why, r->file.lacking);
  } else if (r->call->flags & FOREST && s->scope_why[0]) {
    uh_str_add(&why, s->scope_why);
    answer = s->scope_answer;
  } else {
    uh_observe_set(s->observe, SIDE, set, part, "complete", UH_VALUE, r->file.objects, "%s", "");
    return;
  }
  bool failed = err->cls != UH_ERR_NONE && r->file.objects == 0;
  uh_observe_set(s->observe, SIDE, set, part, failed ? "failed" : "partial", answer, r->file.objects, "%s",
                 uh_str_text(&why) ? why.s : "out of memory");
}

/* -1: nothing can be written any more. */
static int run_cmdlet(struct source *s, const struct call *call, const char *server, struct uh_err *err) {
  struct run r = {.source = s, .call = call, .name = {.noun = call->noun, .unlimited = true}};
  struct uh_psrp_parameter parameters[8];
  struct uh_psrp_result result = {0};
  struct uh_err broken = UH_ERR_INIT;
  char name[64];
  (void)snprintf(name, sizeof name, "Get-%s", call->noun);
  (void)snprintf(r.what, sizeof r.what, "%s%s%s", name, call->listing[0] ? " -" : "", call->listing);
  (void)snprintf(r.name.listing, sizeof r.name.listing, "%s", call->listing);
  r.file = (struct export_file){.observe = s->observe, .path = r.what, .name = &r.name, .server = server};
  if (uh_record_writer_open(s->observe, SIDE, SOURCE, call->noun, call->listing, &r.file.writer, err) < 0) return -1;
  int rc = export_clixml_begin(&r.file, &r.clixml, &broken);
  if (rc == 0) rc = open_session(s, &broken);
  if (rc == 0) {
    parameters_of(&r, server, parameters);
    int64_t left = s->deadline_ms - uh_clock_ms();
    const struct uh_psrp_cmdlet cmdlet = {.name = name,
                                          .parameters = parameters,
                                          .limit_ms = left < 1                   ? 1
                                                      : left < UH_PSRP_CMDLET_MS ? left
                                                                                 : UH_PSRP_CMDLET_MS,
                                          .user = &r,
                                          .output = on_output,
                                          .record = on_record};
    (void)uh_psrp_read(s->pool, &cmdlet, &result, &broken);
  }
  export_clixml_freep(&r.clixml);
  if (uh_record_writer_close(r.file.writer, err) < 0) return -1;
  uh_observe_counted(s->observe, r.file.objects - r.file.told, 0);
  count_requests(s);
  if (r.file.cannot_write) {
    *err = broken;
    return -1;
  }
  report(&r, server ? server : "", &result, &broken);
  if (strcmp(call->noun, "ExchangeServer") == 0) s->servers_known = broken.cls == UH_ERR_NONE && !r.file.lacking[0];
  return 0;
}

/* ---- the whole ---- */

static int run_each_server(struct source *s, const struct call *call, struct uh_err *err) {
  bool all = s->servers_known && s->servers_n < SERVERS_MAX;
  for (unsigned i = 0; i < s->servers_n; i++)
    if (!s->servers[i].edge && run_cmdlet(s, call, s->servers[i].name, err) < 0) return -1;
  if (!all)
    uh_observe_set(s->observe, SIDE, call->noun, "", "failed", UH_NOT_ASKED, 0,
                   "each server has its own, and the list of servers is not complete");
  return 0;
}

static bool wanted(const struct source *s, const struct call *call) {
  char set[128];
  set_name(call, set);
  return uh_observe_wants(s->observe, SIDE, set);
}

/* What is asked of each server, or of old ones alone, needs to know the servers. */
static bool servers_needed(const struct source *s) {
  for (int i = 0; i < CALLS; i++)
    if (calls[i].flags & (EACH_SERVER | UM) && wanted(s, &calls[i])) return true;
  return false;
}

static bool asked_for(const struct source *s, const struct call *call) {
  if (!wanted(s, call)) return strcmp(call->noun, "ExchangeServer") == 0 && servers_needed(s);
  return !(call->flags & UM) || s->um_possible || !s->servers_known;
}

static int run_all(struct source *s, struct uh_err *err) {
  for (int i = 0; i < CALLS; i++) {
    const struct call *call = &calls[i];
    if (!asked_for(s, call)) continue;
    if (stopped(s)) {
      err->answer = UH_TIMEOUT;
      return uh_fail(err, UH_ERR_INTERRUPTED, "stopped before Get-%s", call->noun);
    }
    if (uh_clock_ms() >= s->deadline_ms) {
      err->answer = UH_TIMEOUT;
      return uh_fail(err, UH_ERR_UNAVAILABLE,
                     "the server took too long for what was asked; Get-%s is not asked any more", call->noun);
    }
    int rc = call->flags & EACH_SERVER ? run_each_server(s, call, err) : run_cmdlet(s, call, NULL, err);
    if (rc < 0) return -1;
  }
  return 0;
}

/* A server that answers "nothing yet" without end is not waited for without end. */
static int64_t run_ms(void) {
  const char *seconds = getenv(SECONDS_VARIABLE);
  long less = seconds ? strtol(seconds, NULL, 10) : 0;
  return less > 0 && less < RUN_MS / 1000 ? less * 1000 : RUN_MS;
}

static int observe(struct uh_observe *run, struct uh_err *err) {
  const struct uh_exchange_config *x = uh_observe_config(run)->exchange;
  UH_CLEANUP(uh_secret_freep) char *password = NULL;
  UH_CLEANUP(uh_wsman_freep) struct uh_wsman *wsman = NULL;
  UH_CLEANUP(uh_freep) struct source *s = calloc(1, sizeof *s);
  if (!s) return uh_fail_nomem(err);
  if (x->password_file && uh_secret_read(x->password_file, &password, err) < 0) return -1;
  const struct uh_wsman_options options = {
      .login = {.url = x->url,
                .ca_file = x->ca_file,
                .auth = x->auth == UH_EXCHANGE_BASIC ? UH_WSMAN_BASIC : UH_WSMAN_KERBEROS,
                .user = x->user,
                .password = password,
                .keytab = x->keytab,
                .redirect_hosts = x->redirect_hosts.v,
                .n_redirect_hosts = x->redirect_hosts.n}};
  if (uh_wsman_open(&options, &wsman, err) < 0) return -1;
  s->observe = run;
  s->wsman = wsman;
  s->deadline_ms = uh_clock_ms() + run_ms();
  const char *controller = uh_observe_domain_controller(run);
  (void)snprintf(s->controller, sizeof s->controller, "%s", controller ? controller : "");
  int rc = open_session(s, err); /* a server that nobody reaches is told once, not for every cmdlet */
  if (rc == 0) rc = run_all(s, err);
  close_session(s);
  return rc;
}

static const char *not_configured(const struct uh_config *config) {
  return config->exchange && config->exchange->url ? NULL : "no exchange.url";
}

/* All of calls[] but what depends on the servers' version; a test compares. */
const struct uh_source uh_source_exchange_server = {
    .id = SOURCE,
    .not_configured = not_configured,
    .sets =
        "on-premises:OrganizationConfig on-premises:ExchangeServer on-premises:AcceptedDomain "
        "on-premises:HybridConfiguration on-premises:IntraOrganizationConnector "
        "on-premises:IntraOrganizationConfiguration on-premises:OrganizationRelationship "
        "on-premises:FederationTrust on-premises:FederatedOrganizationIdentifier on-premises:SharingPolicy "
        "on-premises:SendConnector on-premises:ReceiveConnector on-premises:ForeignConnector "
        "on-premises:DeliveryAgentConnector on-premises:RemoteDomain on-premises:EmailAddressPolicy "
        "on-premises:AvailabilityAddressSpace on-premises:AuthServer on-premises:AuthConfig "
        "on-premises:PartnerApplication on-premises:SettingOverride on-premises:TransportConfig "
        "on-premises:EdgeSubscription on-premises:ClientAccessService on-premises:DatabaseAvailabilityGroup "
        "on-premises:MailboxDatabase on-premises:PublicFolderDatabase on-premises:JournalRule "
        "on-premises:TransportRule on-premises:OfflineAddressBook on-premises:AddressList "
        "on-premises:AddressBookPolicy on-premises:MigrationEndpoint on-premises:MigrationBatch "
        "on-premises:MailboxSearch on-premises:WebServicesVirtualDirectory on-premises:OwaVirtualDirectory "
        "on-premises:EcpVirtualDirectory on-premises:OabVirtualDirectory on-premises:MapiVirtualDirectory "
        "on-premises:ActiveSyncVirtualDirectory on-premises:AutodiscoverVirtualDirectory "
        "on-premises:PowerShellVirtualDirectory on-premises:ExchangeCertificate on-premises:Mailbox "
        "on-premises:Mailbox/Arbitration on-premises:Mailbox/Archive on-premises:Mailbox/AuditLog "
        "on-premises:Mailbox/AuxAuditLog on-premises:Mailbox/Monitoring on-premises:Mailbox/PublicFolder "
        "on-premises:RemoteMailbox on-premises:SiteMailbox on-premises:MailPublicFolder "
        "on-premises:DistributionGroup on-premises:DynamicDistributionGroup on-premises:MailContact "
        "on-premises:MailUser on-premises:MoveRequest",
    .after = "",
    .observe = observe,
};
