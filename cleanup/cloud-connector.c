/* SPDX-License-Identifier: Apache-2.0 */
/* The hybrid connectors in Exchange Online, the hidden ones too. */
#include <string.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

static bool inbound(const struct uh_subject *subject) {
  return strcmp(subject->kind, "InboundConnector") == 0;
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  bool in = inbound(&row->subject);
  const struct uh_action words = {
      .effect =
          in ? "Mail from the server is a stranger's to Exchange Online: what relays through it is refused with "
               "550 5.7.64 TenantAttribution, and internal senders look external."
             : "Exchange Online has no way to the server any more: mail that still had to get there stays queued, "
               "for days, before it comes back.",
      .after = "soft-disable"};
  if (row->owner == UH_OWNER_SHARED)
    return uh_step_note(run, err, "The connector %s stays: %s.", row->subject.name, row->reason);
  return uh_step_remove(run, row, in ? "Remove-InboundConnector" : "Remove-OutboundConnector", &words, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, UH_SQL_STEP_CONNECTOR, act, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  static const struct uh_undo_parameter in[] = {{"Name", NULL, UH_VALUE_TEXT, false},
                                                {"SenderDomains", NULL, UH_VALUE_TEXTS, false},
                                                {"AssociatedAcceptedDomains", NULL, UH_VALUE_TEXTS, false},
                                                {"ClientHostNames", NULL, UH_VALUE_TEXTS, false},
                                                {"CloudServicesMailEnabled", NULL, UH_VALUE_BOOL, false},
                                                {"Comment", NULL, UH_VALUE_TEXT, false},
                                                {"ConnectorSource", NULL, UH_VALUE_TEXT, false},
                                                {"ConnectorType", NULL, UH_VALUE_TEXT, false},
                                                {"EFSkipIPs", NULL, UH_VALUE_TEXTS, false},
                                                {"EFSkipLastIP", NULL, UH_VALUE_BOOL, false},
                                                {"EFSkipMailGateway", NULL, UH_VALUE_TEXTS, false},
                                                {"EFTestMode", NULL, UH_VALUE_BOOL, false},
                                                {"EFUsers", NULL, UH_VALUE_TEXTS, false},
                                                {"Enabled", NULL, UH_VALUE_BOOL, false},
                                                {"RequireTls", NULL, UH_VALUE_BOOL, false},
                                                {"RestrictDomainsToCertificate", NULL, UH_VALUE_BOOL, false},
                                                {"RestrictDomainsToIPAddresses", NULL, UH_VALUE_BOOL, false},
                                                {"ScanAndDropRecipients", NULL, UH_VALUE_TEXTS, false},
                                                {"SenderIPAddresses", NULL, UH_VALUE_TEXTS, false},
                                                {"TlsSenderCertificateName", NULL, UH_VALUE_TEXT, false},
                                                {"TreatMessagesAsInternal", NULL, UH_VALUE_BOOL, false},
                                                {"TrustedOrganizations", NULL, UH_VALUE_TEXTS, false},
                                                {0}};
  static const struct uh_undo_parameter out[] = {{"Name", NULL, UH_VALUE_TEXT, false},
                                                 {"AllAcceptedDomains", NULL, UH_VALUE_BOOL, false},
                                                 {"CloudServicesMailEnabled", NULL, UH_VALUE_BOOL, false},
                                                 {"Comment", NULL, UH_VALUE_TEXT, false},
                                                 {"ConnectorSource", NULL, UH_VALUE_TEXT, false},
                                                 {"ConnectorType", NULL, UH_VALUE_TEXT, false},
                                                 {"Enabled", NULL, UH_VALUE_BOOL, false},
                                                 {"IsTransportRuleScoped", NULL, UH_VALUE_BOOL, false},
                                                 {"MtaStsMode", NULL, UH_VALUE_TEXT, false},
                                                 {"RecipientDomains", NULL, UH_VALUE_TEXTS, false},
                                                 {"RouteAllMessagesViaOnPremises", NULL, UH_VALUE_BOOL, false},
                                                 {"SenderRewritingEnabled", NULL, UH_VALUE_BOOL, false},
                                                 {"SmartHosts", NULL, UH_VALUE_TEXTS, false},
                                                 {"SmtpDaneMode", NULL, UH_VALUE_TEXT, false},
                                                 {"TestMode", NULL, UH_VALUE_BOOL, false},
                                                 {"TlsDomain", NULL, UH_VALUE_TEXT, false},
                                                 {"TlsSettings", NULL, UH_VALUE_TEXT, false},
                                                 {"UseMXRecord", NULL, UH_VALUE_BOOL, false},
                                                 {0}};
  if (uh_undo_verb(undo) != UH_VERB_REMOVE) return 1;
  bool made_in = inbound(uh_undo_subject(undo));
  if (uh_undo_named_by_organization(undo, made_in ? "InboundConnector" : "OutboundConnector",
                                    made_in ? UH_ANCHOR_INBOUND : UH_ANCHOR_OUTBOUND, err) < 0)
    return -1;
  return made_in ? uh_undo_create(undo, "New-InboundConnector", "Set-InboundConnector", in, NULL, err)
                 : uh_undo_create(undo, "New-OutboundConnector", "Set-OutboundConnector", out, NULL, err);
}

UH_STEP(cloud_connector) = {
    .id = "cloud-connector",
    .title = "Remove the hybrid connectors in Exchange Online",
    .requirement = "C-04",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows =
        (const struct uh_follows[]){
            {"centralized-mail", "while everything leaves through the server, removing its connector stops all mail"},
            {"accepted-domain-type", "mail for unknown recipients of a relayed domain would wait for a connector"},
            {"hybrid-configuration", "an accidental run of the wizard would make the connectors again"},
            {"send-connector", "mail from the server would arrive as a stranger's"},
            {"soft-disable", "a connector that is disabled first shows who still needs it"},
            {0}},
    .needs = UH_SQL_STEP_CONNECTOR_NEEDS,
    .checks =
        "dns.mx,routing.outbound-connector,routing.recipient-domain,relay.inbound-connector,"
        "relay.receive-connector,relay.traffic,journal.target,mailbox.on-premises,forest.organization,"
        "forest.object",
    .discover = discover,
    .undo = undo,
    .effect = "Exchange Online neither trusts mail from the server nor sends any to it.",
    .undo_limits =
        "The connector is a new object, with a new GUID and new times; whether the wizard's mark "
        "(ConnectorSource) can be given again is not known: the undo says if it could not. "
        "OnPremisesOrganization, while it is there, is made to name it again. When it was validated is lost.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-inboundconnector",
    .explain =
        "Looked at is the union of four listings: without asking for them, Get-OutboundConnector leaves out connectors "
        "in test mode and those for transport rules. A connector is the hybrid deployment's when its ConnectorSource is "
        "HybridWizard and its ConnectorType OnPremises, and the OnPremisesOrganization with this organisation's GUID "
        "names it; or, where none names it, when it leads to this organisation: the host in TlsSenderCertificateName, "
        "or the smart hosts, are in its domains, its servers, the smart host of its hybrid configuration or its networks "
        "(mail_flow.onprem_networks).\n"
        "Never touched: connectors that a person made, of type Partner, or that another forest's "
        "OnPremisesOrganization names or whose domains they lead to. A connector that the wizard made stays, too, where "
        "it serves something else: a third-party gateway (EFSkipIPs, EFSkipMailGateway, EFSkipLastIP, or a smart host "
        "that mail_flow.gateways names), a transport rule, or domains that are not the tenant's; the plan says so, and "
        "a person decides.\n"
        "Whether Microsoft's guide takes them away before or after the uninstall is not known. Here they go before, "
        "while the server can still be looked at; neither needs the other."};
