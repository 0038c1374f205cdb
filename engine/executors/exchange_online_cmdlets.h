/* SPDX-License-Identifier: Apache-2.0 */
/* The writing cmdlets of Exchange Online that a cleanup, or its undoing, may run, and no others; names and types of
 * parameters by the public cmdlet reference (MicrosoftDocs/office-docs-powershell, August 2026). Left out: parameters
 * that take a credential or a key, those that the writer adds, and what a cleanup has no business with. An endpoint of
 * migrations cannot be made again without a credential: New-MigrationEndpoint is a person's. The last column is the
 * Exchange role that is named where the service refuses. Types: s switch, b boolean, i number, t text, l list.
 * UNVERIFIED: which role holds New-, Set- and Remove-OnPremisesOrganization and the address spaces, and that every
 * -Identity here takes a GUID (the reference says it of most). */
{"Add-AvailabilityAddressSpace",
 false,
 false,
 "AccessMethod ForestName",
 "AccessMethod:t ForestName:t TargetAutodiscoverEpr:t TargetServiceEpr:t TargetTenantId:t",
 "Federated Sharing"},
    {"New-InboundConnector",
     false,
     false,
     "Name SenderDomains",
     "Name:t SenderDomains:l AssociatedAcceptedDomains:l ClientHostNames:l CloudServicesMailEnabled:b "
     "Comment:t ConnectorSource:t ConnectorType:t EFSkipIPs:l EFSkipLastIP:b EFSkipMailGateway:l "
     "EFTestMode:b EFUsers:l Enabled:b RequireTls:b RestrictDomainsToCertificate:b "
     "RestrictDomainsToIPAddresses:b ScanAndDropRecipients:l SenderIPAddresses:l "
     "TlsSenderCertificateName:t TreatMessagesAsInternal:b TrustedOrganizations:l",
     "Remote and Accepted Domains"},
    {"New-IntraOrganizationConnector",
     false,
     false,
     "Name DiscoveryEndpoint TargetAddressDomains",
     "Name:t DiscoveryEndpoint:t TargetAddressDomains:l Enabled:b TargetSharingEpr:t",
     "Federated Sharing"},
    {"New-OnPremisesOrganization",
     false,
     false,
     "Name HybridDomains InboundConnector OrganizationGuid OutboundConnector",
     "Name:t HybridDomains:l InboundConnector:t OrganizationGuid:t OutboundConnector:t Comment:t "
     "OrganizationName:t OrganizationRelationship:t",
     "Remote and Accepted Domains"},
    {"New-OrganizationRelationship",
     false,
     false,
     "Name DomainNames",
     "Name:t DomainNames:l ArchiveAccessEnabled:b DeliveryReportEnabled:b Enabled:b "
     "FreeBusyAccessEnabled:b FreeBusyAccessLevel:t FreeBusyAccessScope:t MailTipsAccessEnabled:b "
     "MailTipsAccessLevel:t MailTipsAccessScope:t MailboxMoveCapability:t MailboxMoveEnabled:b "
     "MailboxMovePublishedScopes:l OAuthApplicationId:t OrganizationContact:t PhotosEnabled:b "
     "TargetApplicationUri:t TargetAutodiscoverEpr:t TargetOwaURL:t TargetSharingEpr:t",
     "Federated Sharing"},
    {"New-OutboundConnector",
     false,
     false,
     "Name",
     "Name:t AllAcceptedDomains:b CloudServicesMailEnabled:b Comment:t ConnectorSource:t "
     "ConnectorType:t Enabled:b IsTransportRuleScoped:b MtaStsMode:t RecipientDomains:l "
     "RouteAllMessagesViaOnPremises:b SenderRewritingEnabled:b SmartHosts:l SmtpDaneMode:t TestMode:b "
     "TlsDomain:t TlsSettings:t UseMXRecord:b",
     "Remote and Accepted Domains"},
    {"New-RemoteDomain", false, false, "Name DomainName", "Name:t DomainName:t", "Remote and Accepted Domains"},
    {"New-SharingPolicy", false, false, "Name Domains", "Name:t Domains:l Default:s Enabled:b", "Federated Sharing"},
    {"Remove-AvailabilityAddressSpace", true, false, "", "", "Federated Sharing"},
    {"Remove-InboundConnector", true, false, "", "", "Remote and Accepted Domains"},
    {"Remove-IntraOrganizationConnector", true, false, "", "", "Federated Sharing"},
    {"Remove-MigrationEndpoint", true, false, "", "", "Migration"},
    {"Remove-OnPremisesOrganization", true, false, "", "", "Remote and Accepted Domains"},
    {"Remove-OrganizationRelationship", true, false, "", "", "Federated Sharing"},
    {"Remove-OutboundConnector", true, false, "", "", "Remote and Accepted Domains"},
    {"Remove-RemoteDomain", true, false, "", "", "Remote and Accepted Domains"},
    {"Remove-SharingPolicy", true, false, "", "", "Federated Sharing"},
    {"Set-AcceptedDomain",
     true,
     false,
     "",
     "CanHaveCloudCache:b DomainType:t EnableNego2Authentication:b MailFlowRegion:t MatchSubDomains:b "
     "OutboundOnly:b SendingFromDomainDisabled:b SendingToDomainDisabled:b",
     "Remote and Accepted Domains"},
    {"Set-FederatedOrganizationIdentifier",
     false,
     false,
     "",
     "AccountNamespace:t DefaultDomain:t DelegationFederationTrust:t Enabled:b OrganizationContact:t",
     "Federated Sharing"},
    {"Set-InboundConnector",
     true,
     false,
     "",
     "AssociatedAcceptedDomains:l CloudServicesMailEnabled:b Comment:t ConnectorSource:t "
     "ConnectorType:t EFSkipIPs:l EFSkipLastIP:b EFSkipMailGateway:l EFTestMode:b EFUsers:l Enabled:b "
     "Name:t RequireTls:b RestrictDomainsToCertificate:b RestrictDomainsToIPAddresses:b "
     "ScanAndDropRecipients:l SenderDomains:l SenderIPAddresses:l TlsSenderCertificateName:t "
     "TreatMessagesAsInternal:b TrustedOrganizations:l",
     "Remote and Accepted Domains"},
    {"Set-IntraOrganizationConnector",
     true,
     false,
     "",
     "DiscoveryEndpoint:t Enabled:b TargetAddressDomains:l TargetSharingEpr:t",
     "Federated Sharing"},
    {"Set-MigrationEndpoint",
     true,
     false,
     "",
     "MaxConcurrentIncrementalSyncs:t MaxConcurrentMigrations:t RemoteServer:t SkipVerification:s",
     "Migration"},
    {"Set-OnPremisesOrganization",
     true,
     false,
     "",
     "Comment:t HybridDomains:l InboundConnector:t OrganizationName:t OrganizationRelationship:t "
     "OutboundConnector:t",
     "Remote and Accepted Domains"},
    {"Set-OrganizationConfig",
     false,
     false,
     "",
     "ExchangeAttributesCloudManagedByDefault:s ExchangeAttributesServerManagedByDefault:s "
     "OAuth2ClientProfileEnabled:b PublicFoldersEnabled:t RemotePublicFolderMailboxes:l",
     "Organization Configuration"},
    {"Set-OrganizationRelationship",
     true,
     false,
     "",
     "ArchiveAccessEnabled:b DeliveryReportEnabled:b DomainNames:l Enabled:b Force:s "
     "FreeBusyAccessEnabled:b FreeBusyAccessLevel:t FreeBusyAccessScope:t MailTipsAccessEnabled:b "
     "MailTipsAccessLevel:t MailTipsAccessScope:t MailboxMoveCapability:t MailboxMoveEnabled:b "
     "MailboxMovePublishedScopes:l Name:t OAuthApplicationId:t OrganizationContact:t PhotosEnabled:b "
     "TargetApplicationUri:t TargetAutodiscoverEpr:t TargetOwaURL:t TargetSharingEpr:t",
     "Federated Sharing"},
    {"Set-OutboundConnector",
     true,
     false,
     "",
     "AllAcceptedDomains:b CloudServicesMailEnabled:b Comment:t ConnectorSource:t ConnectorType:t "
     "Enabled:b IsTransportRuleScoped:b MtaStsMode:t Name:t RecipientDomains:l "
     "RouteAllMessagesViaOnPremises:b SenderRewritingEnabled:b SmartHosts:l SmtpDaneMode:t TestMode:b "
     "TlsDomain:t TlsSettings:t UseMXRecord:b",
     "Remote and Accepted Domains"},
    {"Set-RemoteDomain",
     true,
     false,
     "",
     "AllowedOOFType:t AutoForwardEnabled:b AutoReplyEnabled:b ByteEncoderTypeFor7BitCharsets:t "
     "CharacterSet:t ContentType:t DeliveryReportEnabled:b DisplaySenderName:b IsInternal:b "
     "LineWrapSize:t MeetingForwardNotificationEnabled:b NDRDiagnosticInfoEnabled:b NDREnabled:b "
     "Name:t NonMimeCharacterSet:t PreferredInternetCodePageForShiftJis:t RequiredCharsetCoverage:i "
     "TNEFEnabled:b TargetDeliveryDomain:b TrustedMailInboundEnabled:b TrustedMailOutboundEnabled:b "
     "UseSimpleDisplayName:b",
     "Remote and Accepted Domains"},
    {"Set-SharingPolicy", true, false, "", "Default:s Domains:l Enabled:b Name:t", "Federated Sharing"},
