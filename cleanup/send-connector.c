/* SPDX-License-Identifier: Apache-2.0 */
/* Send connectors that carry mail to the tenant. */
#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

static int remove_it(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  const struct uh_action words = {
      .effect =
          "The server does not reach the tenant by this way any more: applications that hand it mail for people "
          "in the cloud get it back.",
      .after = "soft-disable"};
  return uh_step_remove(run, row, "Remove-SendConnector", &words, err);
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { ENABLED = UH_ROW_OWN, GONE, REST };
  struct uh_step_list gone UH_CLEANUP(uh_step_list_clear) = {0}, rest UH_CLEANUP(uh_step_list_clear) = {0};
  if (row->owner == UH_OWNER_HYBRID) return remove_it(run, row, err);
  if (uh_step_list_read(row->query, GONE, &gone, err) < 0 || uh_step_list_read(row->query, REST, &rest, err) < 0)
    return -1;
  /* The certificate stays: what the connector goes on to carry may be told by it. */
  return uh_step_reduce(run, row, "Set-SendConnector", "AddressSpaces", &gone, &rest,
                        "Mail for the tenant does not take this connector any more.", err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, UH_SQL_STEP_SEND, act, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  static const struct uh_undo_parameter parameters[] = {{"Name", NULL, UH_VALUE_TEXT, false},
                                                        {"AddressSpaces", NULL, UH_VALUE_TEXTS, false},
                                                        {"CloudServicesMailEnabled", NULL, UH_VALUE_BOOL, false},
                                                        {"Comment", NULL, UH_VALUE_TEXT, false},
                                                        {"ConnectionInactivityTimeOut", NULL, UH_VALUE_TEXT, false},
                                                        {"ConnectorType", NULL, UH_VALUE_TEXT, false},
                                                        {"DNSRoutingEnabled", NULL, UH_VALUE_BOOL, false},
                                                        {"DomainSecureEnabled", NULL, UH_VALUE_BOOL, false},
                                                        {"Enabled", NULL, UH_VALUE_BOOL, false},
                                                        {"ErrorPolicies", NULL, UH_VALUE_TEXT, false},
                                                        {"ForceHELO", NULL, UH_VALUE_BOOL, false},
                                                        {"Fqdn", NULL, UH_VALUE_TEXT, false},
                                                        {"FrontendProxyEnabled", NULL, UH_VALUE_BOOL, false},
                                                        {"IgnoreSTARTTLS", NULL, UH_VALUE_BOOL, false},
                                                        {"IsScopedConnector", NULL, UH_VALUE_BOOL, false},
                                                        {"MaxMessageSize", NULL, UH_VALUE_TEXT, false},
                                                        {"Port", NULL, UH_VALUE_NUMBER, false},
                                                        {"ProtocolLoggingLevel", NULL, UH_VALUE_TEXT, false},
                                                        {"RequireOorg", NULL, UH_VALUE_BOOL, false},
                                                        {"RequireTLS", NULL, UH_VALUE_BOOL, false},
                                                        {"SmartHostAuthMechanism", NULL, UH_VALUE_TEXT, false},
                                                        {"SmartHosts", NULL, UH_VALUE_TEXTS, false},
                                                        {"SmtpMaxMessagesPerConnection", NULL, UH_VALUE_NUMBER, false},
                                                        {"SourceIPAddress", NULL, UH_VALUE_TEXT, false},
                                                        {"SourceTransportServers", NULL, UH_VALUE_TEXTS, false},
                                                        {"TlsAuthLevel", NULL, UH_VALUE_TEXT, false},
                                                        {"TlsCertificateName", NULL, UH_VALUE_TEXT, false},
                                                        {"TlsDomain", NULL, UH_VALUE_TEXT, false},
                                                        {"UseExternalDNSServersEnabled", NULL, UH_VALUE_BOOL, false},
                                                        {0}};
  if (uh_undo_verb(undo) != UH_VERB_REMOVE) return 1;
  return uh_undo_create(undo, "New-SendConnector", "Set-SendConnector", parameters, NULL, err);
}

UH_STEP(send_connector) = {
    .id = "send-connector",
    .title = "Remove the send connectors to the tenant",
    .requirement = "C-03",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows =
        (const struct uh_follows[]){
            {"hybrid-configuration", "an accidental run of the wizard would make the connector again"},
            {"intra-organization-connector", "Microsoft's order: lookups between the sides end before mail does"},
            {"soft-disable", "a connector that is disabled first shows who still needs it"},
            {0}},
    .needs = UH_SQL_STEP_SEND_NEEDS,
    .checks =
        "dns.mx,mailbox.on-premises,archive.on-premises,public-folder.on-premises,relay.receive-connector,"
        "relay.traffic,journal.target",
    .discover = discover,
    .undo = undo,
    .effect = "Mail from the server to mailboxes in the cloud has no way of its own any more.",
    .undo_limits =
        "The connector is a new object, with a new GUID and new times. A credential for a smart host "
        "(AuthenticationCredential) cannot be read and so not be put back; the wizard's connector has none. "
        "The certificate that TlsCertificateName names has to be there still.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-sendconnector",
    .explain =
        "A send connector is the hybrid deployment's when all its address spaces are the tenant's own names at "
        "Microsoft, whoever made it and whatever it is called. Where it carries mail for others too (the domain of "
        "Microsoft 365 groups, another tenant), the tenant's address spaces are taken out and the rest stays, "
        "with its certificate: those who get that mail may know it by it, so a certificate that such a connector names "
        "stays too. A connector that takes everything (*) to Exchange Online or to a smart host "
        "is not the wizard's: it is left to the server's uninstall, and to the check routing.send-connector.\n"
        "Foreign and delivery agent connectors are not looked at. One guide says that removing HybridConfiguration took "
        "the send connector with it; Microsoft's reference says the opposite. Both are fine here: what is absent is "
        "done. Where an Edge server is subscribed, Remove-EdgeSubscription may have taken it too."};
