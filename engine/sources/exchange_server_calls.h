/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_EXCHANGE_SERVER_CALLS_H
#define UH_EXCHANGE_SERVER_CALLS_H
/*
 * What Exchange Server is asked. Only cmdlets and parameters of Microsoft's public reference that exist in 2016, 2019
 * and SE alike; UM ones in 2016 alone. The order matters: what comes first tells which domain controller is asked on.
 */
enum {
  PINNED = 1,        /* -DomainController: configuration is the same on each, and is read from one */
  UNLIMITED = 2,     /* -ResultSize Unlimited */
  FOREST = 4,        /* lists recipients: sees other domains only after Set-ADServerSettings */
  FROM_DC = 8,       /* -ReadFromDomainController: not the global catalogue's share of the properties */
  AD_ONLY = 16,      /* -ADPropertiesOnly: asks no web server */
  BYPASS_OWNER = 32, /* -BypassOwnerCheck: also what belongs to others */
  UM = 64,           /* only where a server is old enough for Unified Messaging */
  EACH_SERVER = 128, /* -Server, once for each that is no Edge server */
};
#define RECIPIENTS (UNLIMITED | FOREST | FROM_DC)
static const struct call {
  const char *noun, *listing; /* listing: the switch that chooses what is listed, '' */
  unsigned flags;
} calls[] = {
    {"OrganizationConfig", "", PINNED},
    {"ExchangeServer", "", PINNED},
    {"AcceptedDomain", "", PINNED},
    {"HybridConfiguration", "", PINNED},
    {"IntraOrganizationConnector", "", PINNED},
    {"IntraOrganizationConfiguration", "", 0},
    {"OrganizationRelationship", "", PINNED},
    {"FederationTrust", "", PINNED},
    {"FederatedOrganizationIdentifier", "", PINNED},
    {"SharingPolicy", "", PINNED},
    {"SendConnector", "", PINNED},
    {"ReceiveConnector", "", PINNED},
    {"ForeignConnector", "", PINNED},
    {"DeliveryAgentConnector", "", PINNED},
    {"RemoteDomain", "", PINNED},
    {"EmailAddressPolicy", "", PINNED},
    {"AvailabilityAddressSpace", "", PINNED},
    {"AuthServer", "", PINNED},
    {"AuthConfig", "", PINNED},
    {"PartnerApplication", "", PINNED},
    {"SettingOverride", "", PINNED},
    {"TransportConfig", "", PINNED},
    {"EdgeSubscription", "", PINNED},
    {"ClientAccessService", "", PINNED},
    {"DatabaseAvailabilityGroup", "", PINNED},
    {"MailboxDatabase", "", PINNED},
    {"PublicFolderDatabase", "", PINNED},
    {"JournalRule", "", PINNED},
    {"TransportRule", "", PINNED},
    {"OfflineAddressBook", "", PINNED},
    {"AddressList", "", PINNED},
    {"AddressBookPolicy", "", PINNED},
    {"UMIPGateway", "", PINNED | UM},
    {"UMAutoAttendant", "", PINNED | UM},
    {"UMDialPlan", "", PINNED | UM},
    {"MigrationEndpoint", "", PINNED},
    {"MigrationBatch", "", PINNED},
    {"MailboxSearch", "", PINNED | UNLIMITED},
    /* Whether the proxy for moves is on stands in the web server's files, so it is asked. */
    {"WebServicesVirtualDirectory", "", PINNED},
    {"OwaVirtualDirectory", "", PINNED | AD_ONLY},
    {"EcpVirtualDirectory", "", PINNED | AD_ONLY},
    {"OabVirtualDirectory", "", PINNED | AD_ONLY},
    {"MapiVirtualDirectory", "", PINNED | AD_ONLY},
    {"ActiveSyncVirtualDirectory", "", PINNED | AD_ONLY},
    {"AutodiscoverVirtualDirectory", "", PINNED | AD_ONLY},
    {"PowerShellVirtualDirectory", "", PINNED | AD_ONLY},
    {"ExchangeCertificate", "", EACH_SERVER},
    {"Mailbox", "", RECIPIENTS},
    {"Mailbox", "Arbitration", RECIPIENTS},
    {"Mailbox", "Archive", RECIPIENTS},
    {"Mailbox", "AuditLog", RECIPIENTS},
    {"Mailbox", "AuxAuditLog", RECIPIENTS},
    {"Mailbox", "Monitoring", RECIPIENTS},
    {"Mailbox", "PublicFolder", RECIPIENTS},
    {"RemoteMailbox", "", RECIPIENTS},
    {"SiteMailbox", "", RECIPIENTS | BYPASS_OWNER},
    {"MailPublicFolder", "", RECIPIENTS},
    {"DistributionGroup", "", RECIPIENTS},
    {"DynamicDistributionGroup", "", RECIPIENTS},
    {"MailContact", "", RECIPIENTS},
    {"MailUser", "", RECIPIENTS},
    {"UMMailbox", "", RECIPIENTS | UM},
    {"MoveRequest", "", UNLIMITED | FOREST},
};
enum { CALLS = sizeof calls / sizeof *calls };
#endif
