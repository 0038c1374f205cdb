/* SPDX-License-Identifier: Apache-2.0 */
/* The writing cmdlets of Exchange Server that a cleanup may run, and no others; names and types of parameters by the
 * public cmdlet reference (MicrosoftDocs/office-docs-powershell, August 2026; Exchange 2016, 2019, SE). Left out:
 * parameters that take a credential, that name the object in another way than by Identity, that delete beyond recovery,
 * and those that the writer adds. Types: s switch, b boolean, i number, t text, l list. */
{"Add-AvailabilityAddressSpace", false, true, "ForestName",
 "AccessMethod:t ForestName:t ProxyUrl:t TargetAutodiscoverEpr:t UseServiceAccount:b"},
    {"Disable-Mailbox", true, true, "",
     "Arbitration:s Archive:s DisableArbitrationMailboxWithOABsAllowed:s DisableLastArbitrationMailboxAllowed:s "
     "IgnoreDefaultScope:s PublicFolder:s RemoteArchive:s"},
    {"New-AuthServer", false, true, "Name",
     "Name:t AuthMetadataUrl:t Type:t ApplicationIdentifier:t DomainName:l Enabled:b GraphBaseUrl:t "
     "TrustAnySSLCertificate:s"},
    {"New-HybridConfiguration", false, true, "",
     "Domains:l EdgeTransportServers:l ExternalIPAddresses:l Features:l OnPremisesSmartHost:t "
     "ReceivingTransportServers:l SendingTransportServers:l ServiceInstance:i TlsCertificateName:t"},
    {"New-IntraOrganizationConnector", false, true, "Name",
     "Name:t DiscoveryEndpoint:t TargetAddressDomains:l Enabled:b"},
    {"New-OrganizationRelationship", false, true, "Name",
     "Name:t DomainNames:l ArchiveAccessEnabled:b DeliveryReportEnabled:b Enabled:b FreeBusyAccessEnabled:b "
     "FreeBusyAccessLevel:t FreeBusyAccessScope:t MailboxMoveEnabled:b MailTipsAccessEnabled:b "
     "MailTipsAccessLevel:t MailTipsAccessScope:t OrganizationContact:t PhotosEnabled:b TargetApplicationUri:t "
     "TargetAutodiscoverEpr:t TargetOwaURL:t TargetSharingEpr:t"},
    {"New-RemoteDomain", false, true, "Name", "Name:t DomainName:t"},
    {"New-SendConnector", false, true, "Name",
     "Name:t AddressSpaces:l CloudServicesMailEnabled:b Comment:t ConnectionInactivityTimeOut:t ConnectorType:t "
     "Custom:s DNSRoutingEnabled:b DomainSecureEnabled:b Enabled:b ErrorPolicies:t Force:s ForceHELO:b Fqdn:t "
     "FrontendProxyEnabled:b IgnoreSTARTTLS:b Internal:s Internet:s IsScopedConnector:b MaxMessageSize:t "
     "Partner:s Port:i ProtocolLoggingLevel:t RequireOorg:b RequireTLS:b SmartHostAuthMechanism:t SmartHosts:l "
     "SmtpMaxMessagesPerConnection:i SourceIPAddress:t SourceTransportServers:l TlsAuthLevel:t "
     "TlsCertificateName:t TlsDomain:t Usage:t UseExternalDNSServersEnabled:b"},
    {"New-SettingOverride", false, true, "Name",
     "Name:t Component:t Parameters:l Reason:t Section:t Force:s MaxVersion:t MinVersion:t Server:l"},
    {"Remove-AuthServer", true, true, "", ""}, {"Remove-AvailabilityAddressSpace", true, true, "", ""},
    {"Remove-EdgeSubscription", true, true, "", "Force:s"},
    {"Remove-ExchangeCertificate", false, true, "Thumbprint Server", "Thumbprint:t Server:t"},
    {"Remove-FederatedDomain", false, true, "DomainName", "DomainName:t Force:s"},
    {"Remove-FederationTrust", true, true, "", ""}, {"Remove-HybridConfiguration", false, true, "", ""},
    {"Remove-IntraOrganizationConnector", true, true, "", ""},
    {"Remove-Mailbox", true, true, "",
     "Arbitration:s AuditLog:s AuxAuditLog:s Force:s IgnoreDefaultScope:s Migration:s "
     "PublicFolder:s RemoveArbitrationMailboxWithOABsAllowed:s RemoveLastArbitrationMailboxAllowed:s "
     "SupervisoryReviewPolicy:s"},
    {"Remove-MailboxDatabase", true, true, "", ""}, {"Remove-MigrationBatch", true, true, "", "Force:s"},
    {"Remove-MoveRequest", true, true, "", "Force:s"}, {"Remove-OfflineAddressBook", true, true, "", "Force:s"},
    {"Remove-OrganizationRelationship", true, true, "", ""}, {"Remove-RemoteDomain", true, true, "", ""},
    {"Remove-SendConnector", true, true, "", ""}, {"Remove-SettingOverride", true, true, "", ""},
    {"Set-AuthServer", true, true, "",
     "ApplicationIdentifier:t AuthMetadataUrl:t DomainName:l Enabled:b GraphBaseUrl:t "
     "IsDefaultAuthorizationEndpoint:b Name:t RefreshAuthMetadata:s TrustAnySSLCertificate:s"},
    {"Set-ClientAccessService", true, true, "",
     "Array:t AutoDiscoverServiceInternalUri:t AutoDiscoverSiteScope:l "
     "CleanUpInvalidAlternateServiceAccountCredentials:s RemoveAlternateServiceAccountCredentials:s"},
    {"Set-FederatedOrganizationIdentifier", false, true, "",
     "AccountNamespace:t DefaultDomain:t DelegationFederationTrust:t Enabled:b OrganizationContact:t"},
    {"Set-HybridConfiguration", false, true, "",
     "ClientAccessServers:l Domains:l ExternalIPAddresses:l Features:l Name:t OnPremisesSmartHost:t "
     "ReceivingTransportServers:l SendingTransportServers:l ServiceInstance:i TlsCertificateName:t "
     "EdgeTransportServers:l"},
    {"Set-IntraOrganizationConnector", true, true, "", "DiscoveryEndpoint:t Enabled:b TargetAddressDomains:l"},
    {"Set-OrganizationRelationship", true, true, "",
     "ArchiveAccessEnabled:b DeliveryReportEnabled:b DomainNames:l Enabled:b Force:s FreeBusyAccessEnabled:b "
     "FreeBusyAccessLevel:t FreeBusyAccessScope:t MailboxMoveEnabled:b MailTipsAccessEnabled:b "
     "MailTipsAccessLevel:t MailTipsAccessScope:t Name:t OrganizationContact:t PhotosEnabled:b "
     "TargetApplicationUri:t TargetAutodiscoverEpr:t TargetOwaURL:t TargetSharingEpr:t"},
    {"Set-PartnerApplication", true, true, "",
     "AcceptSecurityIdentifierInformation:b AccountType:t ActAsPermissions:l ApplicationIdentifier:t "
     "AuthMetadataUrl:t Enabled:b LinkedAccount:t Name:t Realm:t RefreshAuthMetadata:s TrustAnySSLCertificate:s"},
    {"Set-ReceiveConnector", true, true, "",
     "AdvertiseClientSettings:b AuthMechanism:t AuthTarpitInterval:t Banner:t BareLinefeedRejectionEnabled:b "
     "BinaryMimeEnabled:b Bindings:l ChunkingEnabled:b Comment:t ConnectionInactivityTimeout:t "
     "ConnectionTimeout:t DefaultDomain:t DeliveryStatusNotificationEnabled:b DomainSecureEnabled:b "
     "EightBitMimeEnabled:b EnableAuthGSSAPI:b Enabled:b EnhancedStatusCodesEnabled:b ExtendedProtectionPolicy:t "
     "Fqdn:t LongAddressesEnabled:b MaxAcknowledgementDelay:t MaxHeaderSize:t MaxHopCount:i "
     "MaxInboundConnection:t MaxInboundConnectionPercentagePerSource:i MaxInboundConnectionPerSource:t "
     "MaxLocalHopCount:i MaxLogonFailures:i MaxMessageSize:t MaxProtocolErrors:t MaxRecipientsPerMessage:i "
     "MessageRateLimit:t MessageRateSource:t Name:t OrarEnabled:b PermissionGroups:t PipeliningEnabled:b "
     "ProtocolLoggingLevel:t RejectReservedSecondLevelRecipientDomains:b RejectReservedTopLevelRecipientDomains:b "
     "RejectSingleLabelRecipientDomains:b RemoteIPRanges:l RequireEHLODomain:b RequireTLS:b "
     "ServiceDiscoveryFqdn:t SizeEnabled:t SmtpUtf8Enabled:b SuppressXAnonymousTls:b TarpitInterval:t "
     "TlsCertificateName:t TlsDomainCapabilities:l TransportRole:t"},
    {"Set-RemoteDomain", true, true, "",
     "AllowedOOFType:t AutoForwardEnabled:b AutoReplyEnabled:b ByteEncoderTypeFor7BitCharsets:t CharacterSet:t "
     "ContentType:t DeliveryReportEnabled:b DisplaySenderName:b IsInternal:b LineWrapSize:t "
     "MeetingForwardNotificationEnabled:b MessageCountThreshold:i Name:t NDRDiagnosticInfoEnabled:b NDREnabled:b "
     "NonMimeCharacterSet:t PreferredInternetCodePageForShiftJis:t RequiredCharsetCoverage:i "
     "TargetDeliveryDomain:b TNEFEnabled:b TrustedMailInboundEnabled:b TrustedMailOutboundEnabled:b "
     "UseSimpleDisplayName:b"},
    {"Set-SendConnector", true, true, "",
     "AddressSpaces:l CloudServicesMailEnabled:b Comment:t ConnectorType:t ConnectionInactivityTimeOut:t "
     "DNSRoutingEnabled:b DomainSecureEnabled:b Enabled:b ErrorPolicies:t Force:s ForceHELO:b Fqdn:t "
     "FrontendProxyEnabled:b IgnoreSTARTTLS:b IsScopedConnector:b MaxMessageSize:t Name:t Port:i "
     "ProtocolLoggingLevel:t RequireOorg:b RequireTLS:b SmartHostAuthMechanism:t SmartHosts:l "
     "SmtpMaxMessagesPerConnection:i SourceIPAddress:t SourceTransportServers:l TlsAuthLevel:t "
     "TlsCertificateName:t TlsDomain:t UseExternalDNSServersEnabled:b"},
    {"Set-WebServicesVirtualDirectory", true, true, "",
     "BasicAuthentication:b CertificateAuthentication:b DigestAuthentication:b ExtendedProtectionFlags:l "
     "ExtendedProtectionSPNList:l ExtendedProtectionTokenChecking:t ExternalUrl:t Force:s GzipLevel:t "
     "InternalNLBBypassUrl:t InternalUrl:t MRSProxyEnabled:b OAuthAuthentication:b WindowsAuthentication:b "
     "WSSecurityAuthentication:b"},
