/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cleanup never touches, whatever a step says: steps decide what goes, this decides what can never be among it.
 * It is looked at when a plan is made and again right before, on the object as it is then. A rule that cannot be
 * decided because a value was not obtained forbids.
 */
#include <strings.h>

#include <unhybrid/text.h>

#include "plan/plan_internal.h"

#define EXCHANGE_ONLINE "00000002-0000-0ff1-ce00-000000000000"

struct seen {
  const struct uh_planned *planned;
  const struct uh_action *action;
  const struct uh_anchors *anchors;
  const json_t *image; /* NULL: nobody has looked yet; rules about values wait for it */
};

/* ---- what is known of the object ---- */

static bool is_kind(const struct seen *s, const char *kind) {
  return strcmp(s->action->subject.kind, kind) == 0;
}
static bool in_cloud(const struct seen *s) {
  return strcmp(s->action->subject.side, "cloud") == 0;
}
static bool removes(const struct seen *s) {
  return s->action->verb == UH_VERB_REMOVE;
}

/* As the richest row tells it; NULL where none does. */
static const json_t *value_of(const struct seen *s, const char *name) {
  const json_t *row, *value = NULL;
  size_t i;
  json_array_foreach(json_object_get(s->image, "rows"), i, row) {
    if ((value = uh_property(json_object_get(row, "json"), name)) != NULL) return value;
  }
  return NULL;
}

/* "" where there is none; NULL where it was not told, or is no text. */
static const char *text_of(const struct seen *s, const char *name) {
  const json_t *value = value_of(s, name);
  return json_is_null(value) ? "" : json_string_value(value);
}

static bool says(const struct seen *s, const char *name, const char *word) {
  const char *text = text_of(s, name);
  return text && strcasecmp(text, word) == 0;
}

static bool anchored(const struct seen *s, const char *anchor, const char *value) {
  return value && *value && uh_anchors_have(s->anchors, anchor, value);
}

/* Named by its name, its identity or its GUID. */
static bool is_named(const struct seen *s, const char *anchor) {
  const struct uh_subject *subject = &s->action->subject;
  const json_t *row;
  size_t i;
  if (anchored(s, anchor, subject->guid) || anchored(s, anchor, subject->name)) return true;
  json_array_foreach(json_object_get(s->image, "rows"), i, row) {
    if (anchored(s, anchor, json_string_value(json_object_get(row, "name"))) ||
        anchored(s, anchor, json_string_value(json_object_get(row, "identity"))))
      return true;
  }
  return false;
}

/* ---- domains ---- */

enum domains { DOMAINS_OURS, DOMAINS_TENANTS, DOMAINS_OTHERS };

static bool anchored_domain(const struct seen *s, const char *entry, enum domains which) {
  static const char *const ours[] = {UH_ANCHOR_HYBRID_DOMAIN, UH_ANCHOR_ACCEPTED_DOMAIN, UH_ANCHOR_ROUTING_DOMAIN,
                                     UH_ANCHOR_INITIAL_DOMAIN};
  UH_CLEANUP(uh_str_clear) struct uh_str key = {0};
  if (strncasecmp(entry, "autod:", 6) == 0) entry += 6;
  if (strncmp(entry, "*.", 2) == 0) entry += 2;
  if (!uh_domain_key(entry, strlen(entry), &key)) return false;
  const char *domain = uh_str_or(&key, "");
  if (which == DOMAINS_OTHERS)
    return anchored(s, UH_ANCHOR_OTHER_DOMAIN, domain) && !anchored(s, UH_ANCHOR_HYBRID_DOMAIN, domain);
  for (size_t i = which == DOMAINS_TENANTS ? 2 : 0; i < 4; i++)
    if (anchored(s, ours[i], domain)) return true;
  return false;
}

/* "smtp:contoso.mail.onmicrosoft.com;1" of an address space. */
static const char *bare_space(const char *text, char buf[256]) {
  const char *colon = strchr(text, ':');
  if (colon) text = colon + 1;
  uh_print(buf, 256, "%.*s", (int)strcspn(text, ";"), text);
  return buf;
}

/* Whether all, or any, of a list's entries are such domains. A list that was not told has none of either. */
static bool list_holds(const struct seen *s, const char *name, enum domains which, bool all) {
  const json_t *list = value_of(s, name), *item;
  size_t i, held = 0, n = json_is_array(list) ? json_array_size(list) : json_is_string(list) ? 1 : 0;
  char buf[256];
  if (json_is_string(list)) return anchored_domain(s, bare_space(json_string_value(list), buf), which);
  json_array_foreach(list, i, item) {
    const char *text = json_string_value(item);
    if (text && anchored_domain(s, bare_space(text, buf), which)) held++;
  }
  return all ? n && held == n : held > 0;
}

/* ---- rules about what is asked ---- */

/* Cmdlets and kinds of what belongs to people: they are mastered elsewhere, and removing them removes mailboxes. */
static bool is_recipient(const char *noun) {
  static const char *const nouns[] = {"Mailbox",           "RemoteMailbox", "MailUser",
                                      "MailContact",       "Contact",       "User",
                                      "DistributionGroup", "Group",         "DynamicDistributionGroup",
                                      "UnifiedGroup",      "SiteMailbox",   "MailPublicFolder",
                                      "PublicFolder",      "Recipient",     "CASMailbox"};
  for (size_t i = 0; i < sizeof nouns / sizeof *nouns; i++)
    if (strcasecmp(noun, nouns[i]) == 0) return true;
  return false;
}

/* Arbitration, discovery, monitoring, audit log, aux audit log, by msExchRecipientTypeDetails. */
static bool is_own_type(const char *UH_NULLABLE type) {
  static const char *const types[] = {"8388608", "536870912", "549755813888", "4398046511104", "70368744177664"};
  for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
    if (strcmp(type, types[i]) == 0) return true;
  return false;
}

/* The uninstall acts on an account as the directory has it: what kind of mailbox it has is looked at there. */
static bool is_own_account(const struct seen *s) {
  if (s->planned->phase != UH_PHASE_UNINSTALL || !is_kind(s, UH_DIRECTORY_ENTRY)) return false;
  const json_t *type = value_of(s, "msExchRecipientTypeDetails");
  return !s->image || is_own_type(json_string_value(json_is_array(type) ? json_array_get(type, 0) : type));
}

/* Of mailboxes only Exchange's own go, at the uninstall, and the cmdlet has to say so. */
static bool is_system_mailbox(const struct seen *s, const struct uh_change *c) {
  static const char *const switches[] = {"Arbitration", "AuditLog", "AuxAuditLog", "Migration",
                                         "SupervisoryReviewPolicy"};
  if (strcmp(c->cmdlet, "Disable-Mailbox") != 0 && strcmp(c->cmdlet, "Remove-Mailbox") != 0) return false;
  if (is_own_account(s)) return true;
  for (const struct uh_argument *a = c->arguments; a && a->name; a++)
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
      if (strcmp(a->name, switches[i]) == 0 && a->type == UH_VALUE_BOOL && a->yes) return true;
  return false;
}

static bool touches_recipient(const struct seen *s) {
  bool exchanges = s->action->changes != NULL;
  for (const struct uh_change *c = s->action->changes; c && c->cmdlet; c++) {
    const char *noun = strchr(c->cmdlet, '-');
    if (!noun || !is_recipient(noun + 1)) continue;
    if (!is_system_mailbox(s, c)) return true;
  }
  for (const struct uh_change *c = s->action->changes; c && c->cmdlet; c++)
    exchanges = exchanges && is_system_mailbox(s, c);
  return is_recipient(s->action->subject.kind) && s->action->verb != UH_VERB_DO && !exchanges;
}

static bool commands_hold(const struct seen *s, const char *const *words, size_t n) {
  for (size_t i = 0; s->action->commands && i < n; i++)
    if (strcasestr(s->action->commands, words[i])) return true;
  return false;
}

static bool commands_touch_recipients(const struct seen *s) {
  static const char *const words[] = {"Disable-RemoteMailbox",
                                      "Remove-RemoteMailbox",
                                      "Remove-MailUser",
                                      "Disable-MailUser",
                                      "Remove-MailContact",
                                      "Disable-MailContact",
                                      "Remove-DistributionGroup",
                                      "Disable-DistributionGroup",
                                      "Remove-ADUser",
                                      "Clear-ADUser",
                                      "Remove-MgUser",
                                      "Remove-UnifiedGroup"};
  return commands_hold(s, words, sizeof words / sizeof *words);
}

static bool commands_remove_what_stays(const struct seen *s) {
  static const char *const words[] = {"Remove-AcceptedDomain",
                                      "Remove-EmailAddressPolicy",
                                      "Set-EmailAddressPolicy",
                                      "Remove-MgServicePrincipal ",
                                      "Remove-AzureADServicePrincipal",
                                      "Remove-ReceiveConnector",
                                      "Remove-MgDomain",
                                      "Remove-MsolDomain"};
  return commands_hold(s, words, sizeof words / sizeof *words);
}

static bool is_not_ours_to_touch(const struct seen *s) {
  if (s->planned->phase == UH_PHASE_UNINSTALL && s->planned->owner == UH_OWNER_SERVER) return false;
  return s->planned->owner != UH_OWNER_HYBRID && s->planned->owner != UH_OWNER_SHARED;
}
static bool removes_shared(const struct seen *s) {
  return removes(s) && s->planned->owner == UH_OWNER_SHARED;
}
static bool is_address_policy(const struct seen *s) {
  return is_kind(s, "EmailAddressPolicy") && s->action->verb != UH_VERB_DO;
}
static bool removes_accepted_domain(const struct seen *s) {
  return removes(s) && (is_kind(s, "AcceptedDomain") || is_kind(s, "GraphDomain"));
}
static bool removes_receive_connector(const struct seen *s) {
  return removes(s) && is_kind(s, "ReceiveConnector");
}
static bool is_cloud_trust(const struct seen *s) {
  return in_cloud(s) && is_kind(s, "FederationTrust");
}
static bool deletes_principal(const struct seen *s) {
  const struct uh_graph_change *g = s->action->graph;
  return g && g->action == UH_GRAPH_DELETE && g->kind == UH_GRAPH_SERVICE_PRINCIPAL;
}

/* ---- rules about what other organisations have ---- */

static bool is_named_by_others(const struct seen *s) {
  if (!in_cloud(s)) return false;
  if (is_kind(s, "InboundConnector")) return is_named(s, UH_ANCHOR_OTHER_INBOUND);
  if (is_kind(s, "OutboundConnector")) return is_named(s, UH_ANCHOR_OTHER_OUTBOUND);
  if (!is_kind(s, "OrganizationRelationship") || !is_named(s, UH_ANCHOR_OTHER_RELATIONSHIP)) return false;
  /* One that both name may lose what is ours. */
  return s->action->verb != UH_VERB_REDUCE || !is_named(s, UH_ANCHOR_RELATIONSHIP);
}

static bool is_others_organization(const struct seen *s) {
  uint8_t guid[UH_GUID_SIZE];
  char spelled[UH_GUID_TEXT];
  if (!is_kind(s, "OnPremisesOrganization") || !s->image) return false;
  const char *text = text_of(s, "OrganizationGuid");
  return !text || !uh_guid_parse(text, guid) || !anchored(s, UH_ANCHOR_ORGANIZATION, uh_guid_text(guid, spelled));
}

static bool is_about_others(const struct seen *s) {
  if (!s->image || !in_cloud(s) || s->action->verb == UH_VERB_REDUCE) return false;
  if (is_kind(s, "IntraOrganizationConnector")) return list_holds(s, "TargetAddressDomains", DOMAINS_OTHERS, false);
  if (is_kind(s, "OrganizationRelationship")) return list_holds(s, "DomainNames", DOMAINS_OTHERS, false);
  if (is_kind(s, "AvailabilityAddressSpace")) return list_holds(s, "ForestName", DOMAINS_OTHERS, false);
  if (is_kind(s, "RemoteDomain") || is_kind(s, "AcceptedDomain"))
    return list_holds(s, "DomainName", DOMAINS_OTHERS, false);
  return false;
}

/* ---- rules about what people made, and partners have ---- */

static bool is_cloud_connector(const struct seen *s) {
  return s->image && in_cloud(s) && (is_kind(s, "InboundConnector") || is_kind(s, "OutboundConnector"));
}
static bool is_foreign_connector(const struct seen *s) {
  if (!is_cloud_connector(s)) return false;
  return !says(s, "ConnectorSource", "HybridWizard") &&
         !is_named(s, is_kind(s, "InboundConnector") ? UH_ANCHOR_INBOUND : UH_ANCHOR_OUTBOUND);
}
static bool is_partner_connector(const struct seen *s) {
  return is_cloud_connector(s) && !says(s, "ConnectorType", "OnPremises");
}

static bool moves_between_tenants(const struct seen *s) {
  if (!s->image || !is_kind(s, "OrganizationRelationship")) return false;
  const char *capability = text_of(s, "MailboxMoveCapability"), *application = text_of(s, "OAuthApplicationId");
  return (capability && *capability && strcasecmp(capability, "None") != 0) || (application && *application);
}
static bool removes_partners_relationship(const struct seen *s) {
  return s->image && removes(s) && is_kind(s, "OrganizationRelationship") &&
         !list_holds(s, "DomainNames", DOMAINS_OURS, true);
}
static bool is_token_space(const struct seen *s) {
  if (!s->image || !is_kind(s, "AvailabilityAddressSpace")) return false;
  const json_t *method = value_of(s, "AccessMethod");
  enum { ORG_WIDE_FB_TOKEN = 5 };
  return !method || says(s, "AccessMethod", "OrgWideFBToken") || json_integer_value(method) == ORG_WIDE_FB_TOKEN;
}
static bool is_partners_space(const struct seen *s) {
  return s->image && is_kind(s, "AvailabilityAddressSpace") && !list_holds(s, "ForestName", DOMAINS_OURS, true);
}
static bool is_partners_policy(const struct seen *s) {
  if (!s->image || !is_kind(s, "SharingPolicy")) return false;
  return removes(s) && !json_is_false(value_of(s, "Default"));
}
static bool carries_other_mail(const struct seen *s) {
  return s->image && removes(s) && is_kind(s, "SendConnector") &&
         !list_holds(s, "AddressSpaces", DOMAINS_TENANTS, true);
}
static bool is_default_remote_domain(const struct seen *s) {
  if (!s->image || !removes(s) || !is_kind(s, "RemoteDomain")) return false;
  const char *domain = text_of(s, "DomainName");
  return !domain || strcmp(domain, "*") == 0;
}
static bool is_other_endpoint(const struct seen *s) {
  if (!s->image || !is_kind(s, "MigrationEndpoint")) return false;
  enum { EXCHANGE_REMOTE_MOVE = 10 };
  const json_t *type = value_of(s, "EndpointType");
  return !says(s, "EndpointType", "ExchangeRemoteMove") && json_integer_value(type) != EXCHANGE_REMOTE_MOVE &&
         !says(s, "EndpointType", "10");
}

/* ---- rules about OAuth, and certificates ---- */

static bool is_other_auth_server(const struct seen *s) {
  if (!s->image || !is_kind(s, "AuthServer")) return false;
  const json_t *type = value_of(s, "Type");
  /* Active Directory tells a number that is documented nowhere: steps tell by the address then. */
  if (json_is_integer(type)) return false;
  return !says(s, "Type", "MicrosoftACS") && !says(s, "Type", "AzureAD");
}
static bool is_other_partner_application(const struct seen *s) {
  return is_kind(s, "PartnerApplication") &&
         (removes(s) || (s->image && !says(s, "ApplicationIdentifier", EXCHANGE_ONLINE)));
}
static bool is_other_override(const struct seen *s) {
  return s->image && is_kind(s, "SettingOverride") && !says(s, "SectionName", "ExchangeOnpremAsThirdPartyAppId");
}
static bool is_other_application(const struct seen *s) {
  if (!s->image) return false;
  const char *id = text_of(s, "appId");
  if (is_kind(s, "GraphServicePrincipal"))
    return !id || (strcasecmp(id, EXCHANGE_ONLINE) != 0 && !anchored(s, UH_ANCHOR_DEDICATED_APPLICATION, id));
  if (is_kind(s, "GraphApplication")) return !anchored(s, UH_ANCHOR_DEDICATED_APPLICATION, id);
  if (is_kind(s, "GraphProxyPrincipal")) return !anchored(s, UH_ANCHOR_HYBRID_AGENT, id);
  return false;
}

static const char *thumbprint_of(const struct seen *s) {
  for (const struct uh_argument *a = s->action->subject.match; a && a->name; a++)
    if (strcmp(a->name, "Thumbprint") == 0 && a->type == UH_VALUE_TEXT) return a->text;
  return text_of(s, "Thumbprint");
}
static bool is_auth_certificate(const struct seen *s) {
  return removes(s) && is_kind(s, "ExchangeCertificate") && anchored(s, UH_ANCHOR_AUTH_CERTIFICATE, thumbprint_of(s));
}
static bool names_tls(const struct seen *s) {
  UH_CLEANUP(uh_str_clear) struct uh_str name = {0};
  const char *issuer = text_of(s, "Issuer"), *subject = text_of(s, "Subject");
  if (!issuer || !subject) return false;
  uh_str_addf(&name, "<I>%s<S>%s", issuer, subject);
  return anchored(s, UH_ANCHOR_TLS_CERTIFICATE, uh_str_or(&name, ""));
}
static bool is_other_certificate(const struct seen *s) {
  return s->image && removes(s) && is_kind(s, "ExchangeCertificate") &&
         !anchored(s, UH_ANCHOR_FEDERATION_CERTIFICATE, thumbprint_of(s)) && !names_tls(s);
}
/* Which services use it is words, or is not told by a session that keeps Exchange's types: then it is the federation's,
 * which serves nothing else, or a person has been asked. */
static bool serves_other_things(const struct seen *s) {
  static const char *const words[] = {"IIS", "IMAP", "POP", "UM"};
  if (!s->image || !removes(s) || !is_kind(s, "ExchangeCertificate")) return false;
  const char *services = text_of(s, "Services");
  if (!services) return !s->action->approval && !anchored(s, UH_ANCHOR_FEDERATION_CERTIFICATE, thumbprint_of(s));
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcasestr(services, words[i])) return true;
  return false;
}

/* ---- a rule about DNS ---- */

/* Without these nobody's mail or mailbox is found. */
static bool removes_way_to_cloud(const struct seen *s) {
  static const char *const ends[] = {".outlook.com.", ".office365.us.", ".partner.outlook.cn.", ".mx.microsoft."};
  const json_t *record;
  size_t i;
  if (!s->image || !removes(s) || !is_kind(s, UH_DNS_RECORD)) return false;
  json_array_foreach(value_of(s, "Records"), i, record) {
    const char *text = json_string_value(record);
    size_t n = text ? strlen(text) : 0;
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++)
      if (n >= strlen(ends[k]) && strcasecmp(text + n - strlen(ends[k]), ends[k]) == 0) return true;
  }
  return false;
}

/* ---- the list ---- */

static const struct rule {
  bool (*broken)(const struct seen *s);
  const char *sentence;
} rules[] = {
    {is_not_ours_to_touch, "only what is of this organisation's hybrid deployment is touched"},
    {removes_shared, "what is shared with others is reduced, never removed"},
    {touches_recipient,
     "no cmdlet of a recipient is run: recipients are no part of the hybrid deployment, and "
     "removing a remote mailbox removes the mailbox"},
    {commands_touch_recipients, "nobody is told to run a cmdlet that removes or disables a recipient"},
    {commands_remove_what_stays,
     "nobody is told to remove domains, address policies, receive connectors or "
     "service principals"},
    {is_address_policy, "email address policies stay: addresses hang on them"},
    {removes_accepted_domain, "accepted domains stay: mail is addressed to them"},
    {removes_receive_connector, "receive connectors go with their server, never before"},
    {is_cloud_trust, "the federation trust in Exchange Online is Microsoft's"},
    {deletes_principal,
     "service principals stay: Microsoft's are needed by every tenant, and an application's own goes "
     "with its application"},
    {is_named_by_others, "what another forest's OnPremisesOrganization names is that forest's"},
    {is_others_organization, "an OnPremisesOrganization goes only where its OrganizationGuid is this organisation's"},
    {is_about_others, "what is about the hybrid domains of another forest is that forest's"},
    {is_foreign_connector,
     "a connector in Exchange Online that neither the Hybrid Configuration Wizard made nor this "
     "organisation's OnPremisesOrganization names stays"},
    {is_partner_connector, "connectors with partners and gateways stay"},
    {moves_between_tenants, "relationships by which mailboxes move between tenants stay"},
    {removes_partners_relationship, "a relationship that has domains of others is not removed"},
    {is_token_space,
     "address spaces with the access method OrgWideFBToken are how organisations that are not one "
     "share free/busy"},
    {is_partners_space, "address spaces for partners stay"},
    {is_partners_policy, "the default sharing policy stays"},
    {carries_other_mail, "a send connector that carries mail anywhere but to the tenant is not removed"},
    {is_default_remote_domain, "the remote domain for all domains stays"},
    {is_other_endpoint, "migration endpoints of other types stay"},
    {is_other_auth_server, "authorization servers of other services stay"},
    {is_other_partner_application, "partner applications of other products stay, and none is removed"},
    {is_other_override, "setting overrides for anything but the dedicated hybrid application stay"},
    {is_other_application, "applications and service principals of other workloads stay"},
    {is_auth_certificate, "the auth certificate stays until the server goes: credentials in the tenant are told by it"},
    {is_other_certificate, "a certificate that is neither the federation's nor the hybrid mail flow's stays"},
    {serves_other_things, "a certificate that other services use stays"},
    {removes_way_to_cloud, "records of DNS that lead to Exchange Online stay"},
};

int uh_allowed(const struct uh_planned *planned, const struct uh_anchors *anchors, const json_t *image,
               struct uh_err *err) {
  const struct seen s = {planned, &planned->action, anchors, image};
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    if (!rules[i].broken(&s)) continue;
    uh_fail(err, UH_ERR_INTERNAL, "%.*s is never done: %s", UH_HEAD(planned->id, 300), rules[i].sentence);
    uh_err_where(err, "%s %.*s", s.action->subject.kind, UH_HEAD(s.action->subject.name, 120));
    return -1;
  }
  return 0;
}

int uh_planned_allowed(const struct uh_planned *planned, const struct uh_anchors *anchors, const char *image,
                       struct uh_err *err) {
  json_t *parsed = image ? json_loads(image, JSON_ALLOW_NUL, NULL) : NULL;
  if (image && !parsed) return uh_fail(err, UH_ERR_INTERNAL, "an image of an object is no JSON");
  int rc = uh_allowed(planned, anchors, json_array_size(json_object_get(parsed, "rows")) ? parsed : NULL, err);
  json_decref(parsed);
  return rc;
}
