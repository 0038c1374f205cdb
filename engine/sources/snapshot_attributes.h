/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_SNAPSHOT_ATTRIBUTES_H
#define UH_SNAPSHOT_ATTRIBUTES_H
/* What Exchange's schema adds to recipients (its auxiliary classes for mail, as the schema of Exchange 2019 has them),
 * without back links, secrets and what changes by itself. In the order of the alphabet, without case. */
/* clang-format off */
#define UH_SNAPSHOT_ATTRIBUTES \
  "altRecipient", "authOrig", "autoReply", "autoReplyMessage", "deletedItemFlags", "delivContLength", \
  "deliverAndRedirect", "delivExtContTypes", "dLMemDefault", "dLMemRejectPerms", "dLMemSubmitPerms", \
  "extensionAttribute1", "extensionAttribute10", "extensionAttribute11", "extensionAttribute12", \
  "extensionAttribute13", "extensionAttribute14", "extensionAttribute15", "extensionAttribute2", \
  "extensionAttribute3", "extensionAttribute4", "extensionAttribute5", "extensionAttribute6", \
  "extensionAttribute7", "extensionAttribute8", "extensionAttribute9", "forwardingAddress", "garbageCollPeriod", \
  "homeMDB", "homeMTA", "internetEncoding", "legacyExchangeDN", "mail", "mailNickname", "mAPIRecipient", \
  "mDBOverHardQuotaLimit", "mDBOverQuotaLimit", "mDBStorageQuota", "mDBUseDefaults", "mS-DS-ConsistencyGuid", \
  "msDS-ExternalDirectoryObjectId", "msDS-HABSeniorityIndex", "msDS-PhoneticDisplayName", "msExchADCGlobalNames", \
  "msExchAddressBookFlags", "msExchAddressBookPolicyLink", "msExchAdministrativeUnitLink", "msExchALObjectVersion", \
  "msExchAlternateMailboxes", "msExchApprovalApplicationLink", "msExchArbitrationMailbox", "msExchArchiveAddress", \
  "msExchArchiveDatabaseLink", "msExchArchiveDatabaseLinkSL", "msExchArchiveGUID", "msExchArchiveName", \
  "msExchArchiveQuota", "msExchArchiveRelease", "msExchArchiveStatus", "msExchArchiveWarnQuota", \
  "msExchAssistantName", "msExchAuditAdmin", "msExchAuditDelegate", "msExchAuditDelegateAdmin", "msExchAuditOwner", \
  "msExchAuthPolicyLink", "msExchAuxMailboxParentObjectIdLink", "msExchBypassAudit", \
  "msExchBypassModerationFromDLMembersLink", "msExchBypassModerationLink", "msExchCalculatedTargetAddress", \
  "msExchCalendarLoggingQuota", "msExchCalendarRepairDisabled", "msExchCapabilityIdentifiers", \
  "msExchConfigurationXML", "msExchContentConversionSettings", "msExchCorrelationId", "msExchCU", \
  "msExchCustomProxyAddresses", "msExchDataEncryptionPolicyLink", "msExchDefaultPublicFolderMailbox", \
  "msExchDelegateListLink", "msExchDirsyncAuthorityMetadata", "msExchDirsyncID", "msExchDirsyncSourceObjectClass", \
  "msExchDirsyncStatusAck", "msExchDisabledArchiveDatabaseLink", "msExchDisabledArchiveDatabaseLinkSL", \
  "msExchDisabledArchiveGUID", "msExchDumpsterQuota", "msExchDumpsterWarningQuota", "msExchDynamicDLBaseDN", \
  "msExchDynamicDLFilter", "msExchELCExpirySuspensionEnd", "msExchELCExpirySuspensionStart", \
  "msExchELCMailboxFlags", "msExchEnableModeration", "msExchEwsApplicationAccessPolicy", "msExchEwsEnabled", \
  "msExchEwsExceptions", "msExchEwsWellKnownApplicationPolicies", "msExchExpansionServerName", \
  "msExchExtensionAttribute16", "msExchExtensionAttribute17", "msExchExtensionAttribute18", \
  "msExchExtensionAttribute19", "msExchExtensionAttribute20", "msExchExtensionAttribute21", \
  "msExchExtensionAttribute22", "msExchExtensionAttribute23", "msExchExtensionAttribute24", \
  "msExchExtensionAttribute25", "msExchExtensionAttribute26", "msExchExtensionAttribute27", \
  "msExchExtensionAttribute28", "msExchExtensionAttribute29", "msExchExtensionAttribute30", \
  "msExchExtensionAttribute31", "msExchExtensionAttribute32", "msExchExtensionAttribute33", \
  "msExchExtensionAttribute34", "msExchExtensionAttribute35", "msExchExtensionAttribute36", \
  "msExchExtensionAttribute37", "msExchExtensionAttribute38", "msExchExtensionAttribute39", \
  "msExchExtensionAttribute40", "msExchExtensionAttribute41", "msExchExtensionAttribute42", \
  "msExchExtensionAttribute43", "msExchExtensionAttribute44", "msExchExtensionAttribute45", \
  "msExchExtensionCustomAttribute1", "msExchExtensionCustomAttribute2", "msExchExtensionCustomAttribute3", \
  "msExchExtensionCustomAttribute4", "msExchExtensionCustomAttribute5", "msExchExternalDirectoryObjectId", \
  "msExchExternalOOFOptions", "msExchExternalSyncState", "msExchFBURL", "msExchForeignGroupSID", \
  "msExchForestModeFlag", "msExchGenericForwardingAddress", "msExchGroupDepartRestriction", \
  "msExchGroupExternalMemberCount", "msExchGroupJoinRestriction", "msExchGroupMemberCount", \
  "msExchGroupSecurityFlags", "msExchHABRootDepaPreviewentLink", "msExchHABRootDepartmentLink", \
  "msExchHABShowInDepartments", "msExchHideFromAddressLists", "msExchHomeMDBSL", "msExchHomeMTASL", \
  "msExchHomeServerName", "msExchIMAddress", "msExchIMAP4Settings", "msExchIMMetaPhysicalURL", "msExchImmutableId", \
  "msExchImmutableSid", "msExchIMPhysicalURL", "msExchIMVirtualServer", "msExchInconsistentState", \
  "msExchIntendedMailboxPlanLink", "msExchInterruptUserOnAuditFailure", "msExchIsMSODirsynced", "msExchLabeledURI", \
  "msExchLicenseToken", "msExchLitigationHoldDate", "msExchLitigationHoldOwner", "msExchLocalizationFlags", \
  "msExchMailboxAuditEnable", "msExchMailboxAuditLastAdminAccess", "msExchMailboxAuditLastDelegateAccess", \
  "msExchMailboxAuditLastExternalAccess", "msExchMailboxAuditLogAgeLimit", "msExchMailboxContainerGuid", \
  "msExchMailboxFolderSet", "msExchMailboxFolderSet2", "msExchMailboxGuid", "msExchMailboxMoveBatchName", \
  "msExchMailboxMoveFlags", "msExchMailboxMoveRemoteHostName", "msExchMailboxMoveSourceArchiveMDBLink", \
  "msExchMailboxMoveSourceArchiveMDBLinkSL", "msExchMailboxMoveSourceMDBLink", "msExchMailboxMoveSourceMDBLinkSL", \
  "msExchMailboxMoveStatus", "msExchMailboxMoveTargetArchiveMDBLink", "msExchMailboxMoveTargetArchiveMDBLinkSL", \
  "msExchMailboxMoveTargetMDBLink", "msExchMailboxMoveTargetMDBLinkSL", "msExchMailboxOABVirtualDirectoriesLink", \
  "msExchMailboxPlanType", "msExchMailboxRelease", "msExchMailboxSecurityDescriptor", "msExchMailboxTemplateLink", \
  "msExchMailboxUrl", "msExchManagementSettings", "msExchMasterAccountSid", "msExchMDBRulesQuota", \
  "msExchMessageHygieneFlags", "msExchMessageHygieneSCLDeleteThreshold", "msExchMessageHygieneSCLJunkThreshold", \
  "msExchMessageHygieneSCLQuarantineThreshold", "msExchMessageHygieneSCLRejectThreshold", \
  "msExchMobileAllowedDeviceIDs", "msExchMobileBlockedDeviceIDs", "msExchMobileDebugLogging", \
  "msExchMobileMailboxFlags", "msExchMobileMailboxPolicyLink", "msExchMobileSettings", "msExchModeratedByLink", \
  "msExchModerationFlags", "msExchMultiMailboxDatabasesLink", "msExchMultiMailboxGUIDs", \
  "msExchMultiMailboxLocationsLink", "msExchObjectCountQuota", "msExchObjectID", "msExchOmaAdminExtendedSettings", \
  "msExchOmaAdminWirelessEnable", "msExchOnPremiseObjectGuid", "msExchOrganizationUpgradeRequest", \
  "msExchOrganizationUpgradeStatus", "msExchOURoot", "msExchOWAPolicy", "msExchOWASettings", \
  "msExchParentPlanLink", "msExchPartnerGroupID", "msExchPfRootUrl", "msExchPoliciesExcluded", \
  "msExchPoliciesIncluded", "msExchPolicyEnabled", "msExchPolicyOptionList", "msExchPOP3Settings", \
  "msExchPreviousAccountSid", "msExchPreviousArchiveDatabase", "msExchPreviousArchiveDatabaseSL", \
  "msExchPreviousHomeMDB", "msExchPreviousHomeMDBSL", "msExchPreviousMailboxGuid", \
  "msExchPreviousRecipientTypeDetails", "msExchProvisioningFlags", "msExchProvisioningTags", \
  "msExchProxyCustomProxy", "msExchPublicFolderMailbox", "msExchPublicFolderSmtpAddress", "msExchQueryFilter", \
  "msExchQueryFilterMetadata", "msExchRBACPolicyLink", "msExchRecipientDisplayType", \
  "msExchRecipientSoftDeletedStatus", "msExchRecipientTypeDetails", "msExchRecipientValidatorCookies", \
  "msExchRecipLimit", "msExchRemoteRecipientType", "msExchRequireAuthToSendTo", "msExchResourceCapacity", \
  "msExchResourceDisplay", "msExchResourceMetaData", "msExchResourceSearchProperties", "msExchRetentionComment", \
  "msExchRetentionURL", "msExchRMSComputerAccountsLink", "msExchRoleGroupType", "msExchSendAsAddresses", \
  "msExchSenderHintTranslations", "msExchServerAssociationLink", "msExchSetupStatus", \
  "msExchSharingAnonymousIdentities", "msExchSharingPartnerIdentities", "msExchSharingPolicyLink", \
  "msExchSignupAddresses", "msExchSupervisionDLLink", "msExchSupervisionOneOffLink", "msExchSupervisionUserLink", \
  "msExchSyncAccountsPolicyDN", "msExchTeamMailboxExpiration", "msExchTeamMailboxOwners", \
  "msExchTeamMailboxSharePointLinkedBy", "msExchTeamMailboxSharePointUrl", "msExchTeamMailboxShowInClientList", \
  "msExchTenantCountry", "msExchTextMessagingState", "msExchThrottlingPolicyDN", "msExchTransportInboundSettings", \
  "msExchTransportOutboundSettings", "msExchTransportRecipientSettingsFlags", "msExchTUISpeed", "msExchTUIVolume", \
  "msExchUCVoiceMailSettings", "msExchUGEventSubscriptionLink", "msExchUGMemberLink", "msExchUMAddresses", \
  "msExchUMAudioCodec", "msExchUMAudioCodec2", "msExchUMCallingLineIDs", "msExchUMDtmfMap", "msExchUMEnabledFlags", \
  "msExchUMEnabledFlags2", "msExchUMFaxId", "msExchUMListInDirectorySearch", "msExchUMMailboxOVALanguage", \
  "msExchUMMaxGreetingDuration", "msExchUMOperatorNumber", "msExchUMPhoneProvider", \
  "msExchUMRecipientDialPlanLink", "msExchUMServerWritableFlags", "msExchUMSpokenName", "msExchUMTemplateLink", \
  "msExchUnifiedMailbox", "msExchUnmergedAttsPt", "msExchUsageLocation", "msExchUseOAB", \
  "msExchUserAccountControl", "msExchUserCulture", "msExchUserHoldPolicies", "msExchVersion", \
  "msExchVoiceMailboxID", "msExchWhenMailboxCreated", "msExchWhenSoftDeletedTime", "msExchWindowsLiveID", \
  "oOFReplyToOriginator", "pOPCharacterSet", "pOPContentFormat", "protocolSettings", "publicDelegates", \
  "reportToOriginator", "reportToOwner", "securityProtocol", "showInAddressBook", "submissionContLength", \
  "targetAddress", "textEncodedORAddress", "unauthOrig"
/* clang-format on */
#endif
