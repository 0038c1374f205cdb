/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Setup says, in words that help: one row for each rule or message that is known to stand in the way of an
 * uninstall, or in a log that people take for one. The first row that fits counts, so what is more exact stands first.
 * Requirement ids are those of docs/requirements.md.
 */
#include <string.h>

#include "setup/setup_log.h"

#define BLOCKS UH_SETUP_BLOCKS
#define WARNS UH_SETUP_WARNS
#define INSTALL UH_SETUP_INSTALL_TIME

#define HCW(code)                                                                             \
  {                                                                                           \
    NULL, code, "", BLOCKS, "The hybrid configuration object holds a setting that is wrong.", \
        "Remove-HybridConfiguration takes it away; other settings stay."                      \
  }

static const struct uh_setup_translation translations[] = {
    /* ---- mailboxes and databases ---- */
    {"UnwillingToRemoveMailboxDatabase", "database '%' ", "U-01", BLOCKS,
     "The database still holds mailboxes of some kind: users, archives, public folders, arbitration, audit log, monitoring or "
     "discovery. Setup does not say which.",
     "`unhybrid audit` names each of them. Disable or remove them by kind (monitoring, audit log, then arbitration, last of "
     "all), then the database, and start Setup again."},
    {"UnwillingToRemoveMailboxDatabase", NULL, "U-01", BLOCKS,
     "A mailbox database of this server still holds mailboxes of some kind: users, archives, public folders, arbitration, "
     "audit log, monitoring or discovery. Setup does not say which.",
     "`unhybrid audit` names each of them. Disable or remove them by kind (monitoring, audit log, then arbitration, last of "
     "all), then the database, and start Setup again."},
    {NULL, "one or more mailboxes, mailbox plans, archive mailboxes", "U-01", BLOCKS,
     "The database that was to be removed still holds mailboxes. The message lists the kinds that there can be, not the one "
     "that is there.",
     "`unhybrid audit` names each mailbox, also those that only homeMDB or an archive link shows. Remove them by kind, then "
     "the database."},
    {NULL, "Failed to mount database \"%\"", "", BLOCKS,
     "The database could not be mounted: its file is missing, or does not fit its transaction logs.",
     "Bring the database file back from a backup; where nothing in it is needed, remove the database with "
     "Remove-MailboxDatabase after its mailboxes, before Setup."},
    {NULL, "mount operation is being prevented for database '%' because its database file at '%' is missing", "",
     BLOCKS, "The database's file is missing while its transaction logs are still there.",
     "Bring the database file back from a backup; where nothing in it is needed, remove the database with "
     "Remove-MailboxDatabase after its mailboxes, before Setup."},
    {NULL, "Database is mandatory on UserMailbox", "", BLOCKS,
     "A system mailbox has lost its database (homeMDB is empty), so Setup cannot read or change it.",
     "Give the named mailbox a database again (Set-Mailbox -Database) or disable it; before an uninstall, disable it."},
    {NULL, "The object % has been corrupted, and it's in an inconsistent state", "", WARNS,
     "Exchange reads an object whose attributes contradict each other, mostly a mailbox without a database.",
     "Mend or disable the named object, then start Setup again."},
    /* ---- transport ---- */
    {"ServerIsSourceForSendConnector", NULL, "U-02", BLOCKS,
     "The server is a source transport server of a send connector, a foreign connector or a delivery agent connector.",
     "Remove the connector: `unhybrid cleanup` does it for those of the hybrid deployment. Of the others, "
     "Get-SendConnector, Get-ForeignConnector and Get-DeliveryAgentConnector show which name the server."},
    {"SendConnectorException", NULL, "U-09", BLOCKS,
     "Setup could not read the connectors; what it would have said of them is not known.",
     "See that a domain controller answers and that the account may read the configuration, then start Setup again."},
    {"MessagesInQueue", NULL, "U-04", WARNS, "Messages wait in the server's transport queues.",
     "Get-Queue shows them. Let them go out, or export what is wanted: an uninstall throws them away."},
    {"VoiceMessagesInQueue", NULL, "U-08", WARNS, "Voice messages wait to be delivered.",
     "Let Unified Messaging deliver them before the uninstall."},
    {NULL, "tagged with following Send Connectors", "U-02", BLOCKS,
     "The certificate is named by a send connector (TlsCertificateName), so Exchange does not let it go.",
     "Remove the send connector first, or clear its TlsCertificateName, then remove the certificate."},
    /* ---- groups ---- */
    {"ServerIsGroupExpansionServer", NULL, "U-03", BLOCKS,
     "A distribution group names this server as its expansion server.",
     "After Set-ADServerSettings -ViewEntireForest $true, Get-DistributionGroup -ResultSize Unlimited | where ExpansionServer "
     "shows which; clear it with Set-DistributionGroup -ExpansionServer $null."},
    {"ServerIsDynamicGroupExpansionServer", NULL, "U-03", BLOCKS,
     "A dynamic distribution group names this server as its expansion server.",
     "After Set-ADServerSettings -ViewEntireForest $true, Get-DynamicDistributionGroup -ResultSize Unlimited | where "
     "ExpansionServer shows which; clear it with Set-DynamicDistributionGroup -ExpansionServer $null."},
    /* ---- rights ---- */
    {"CannotUninstallDelegatedServer", NULL, "U-05", BLOCKS,
     "The account may administer this server only, not the organisation.",
     "Sign in with an account in Organization Management and Enterprise Admins, and start Setup again."},
    {"GlobalServerInstall", NULL, "U-12", BLOCKS,
     "The account is in neither Organization Management nor Enterprise Admins.",
     "Sign in with an account that is, and start Setup again. A group that was added a moment ago counts only after signing "
     "in anew."},
    {"SchemaUpdateRequired", NULL, "", INSTALL,
     "The schema is older than this Setup wants, and the account may not extend it.",
     "For an uninstall use the Setup of the build that is installed: it wants no newer schema."},
    {"GlobalUpdateRequired", NULL, "", INSTALL,
     "The organisation is older than this Setup wants, and the account is not in Enterprise Admins.",
     "For an uninstall use the Setup of the build that is installed; for PrepareAD an account in Enterprise Admins."},
    {"LocalDomainPrep", NULL, "", INSTALL, "This domain is not prepared for this Setup's version.",
     "For an uninstall use the Setup of the build that is installed; else run Setup /PrepareDomain with the rights it names."},
    {"ForestLevelNotWin2003Native", NULL, "", INSTALL,
     "Setup takes the forest's functional level for too low. That often only follows from its not being able to read it.",
     "See the other failures first: where Active Directory could not be reached, this is a consequence."},
    {"DelegatedBridgeheadFirstInstall", NULL, "", INSTALL,
     "Only Organization Management may install the first mailbox role.",
     "Sign in with an account in Organization Management."},
    {"DelegatedCafeFirstInstall", NULL, "", INSTALL,
     "Only Organization Management may install the first client access role.",
     "Sign in with an account in Organization Management."},
    {"DelegatedFrontendTransportFirstInstall", NULL, "", INSTALL,
     "Only Organization Management may install the first front-end transport.",
     "Sign in with an account in Organization Management."},
    {"DelegatedMailboxFirstInstall", NULL, "", INSTALL,
     "Only Organization Management may install the first mailbox role.",
     "Sign in with an account in Organization Management."},
    {"DelegatedClientAccessFirstInstall", NULL, "", INSTALL,
     "Only Organization Management may install the first client access role.",
     "Sign in with an account in Organization Management."},
    {NULL, "Insufficient permissions", "U-05", BLOCKS, "The account may not do what Setup was doing.",
     "Sign in with an account in Organization Management and Enterprise Admins, and start Setup again."},
    /* ---- Active Directory ---- */
    {"CannotAccessAD", NULL, "U-12", BLOCKS, "No domain controller answered.",
     "See to name resolution, the site's domain controllers and the clock, then start Setup again."},
    {"LoggedOntoDomain", NULL, "U-12", BLOCKS, "The account is a local one.", "Sign in with an account of the domain."},
    {"AdInitErrorRule", NULL, "U-12", BLOCKS,
     "Setup could not make sure of the state of Active Directory: mostly it runs in another domain or site than the schema "
     "master, or without a right.",
     "Do as the message says; for an uninstall make sure that the installed build's own Setup runs and a domain controller "
     "of this site answers."},
    {NULL, "Unable to set shared config DC", "U-12", BLOCKS,
     "Exchange's Active Directory topology service found no suitable domain controller: none that is a global catalogue, in "
     "reach, and grants the Exchange Servers group its right on the audit log.",
     "nltest /dsgetdc, event 2080 of MSExchangeADAccess and the Default Domain Controllers policy (Manage auditing and "
     "security log) show which of the three is missing."},
    {NULL, "object '%' couldn't be found on '%'", "U-16", BLOCKS,
     "Setup does not find the server that it is to uninstall. So it is where the security update of January 2023 was ever "
     "installed, whose defect stays also where updates before June 2023 followed.",
     "Install the security update of June 2023 or a later one, restart, and start Setup again. If it is installed already, "
     "see whether the named domain controller has the server's object.",
     .own_server = true},
    {NULL, "object '%' couldn't be found on '%'", "", BLOCKS,
     "The named domain controller does not have the object that Setup asked it for, or does not show it to this account.",
     "See whether the object is there on another domain controller: if so, wait for replication or mend it; if not, look at "
     "the error before this one. Where the object is the server that is uninstalled, the defect of the security update of "
     "January 2023 is a cause (requirement U-16)."},
    {NULL, "UPN value provided for addition/modification is not unique forest-wide", "", BLOCKS,
     "Another account in the forest has the user principal name that a system mailbox needs.",
     "Find it with Get-ADUser -Filter on UserPrincipalName in every domain of the forest (a global catalogue), give it "
     "another name, and start Setup again."},
    {NULL, "health mailbox", "U-17", WARNS,
     "Monitoring mailboxes' accounts could not be deleted: the Exchange Servers group is denied it on their container.",
     "Allow it to delete subtrees on CN=Monitoring Mailboxes in each domain with Exchange, or remove the accounts afterwards."},
    /* ---- a server that is not ready for it ---- */
    {"InterruptedUninstallNotContinued", NULL, "U-06", BLOCKS,
     "An earlier uninstall of a role broke off, and has to be finished first.",
     "Start Setup /mode:Uninstall again from the same media; Setup goes on where it stopped."},
    {"RebootPending", NULL, "U-11", BLOCKS, "A restart of the server is pending.",
     "Restart it, then start Setup again."},
    {"PendingRebootWindowsComponents", NULL, "U-11", BLOCKS,
     "A restart is pending from adding or removing a Windows role or feature.", "Restart, then start Setup again."},
    {"UpdateNeedsReboot", NULL, "U-11", BLOCKS, "A restart is pending from an update.",
     "Restart, then start Setup again."},
    {"ProcessNeedsToBeClosedOnUninstall", NULL, "U-10", BLOCKS,
     "Programs hold Exchange's files open: a management shell, MMC, a virus scanner, a backup agent.",
     "Close them, stop scanner and agent, and start Setup again."},
    {"ProcessNeedsToBeClosedOnUpgrade", NULL, "U-10", BLOCKS,
     "Programs hold Exchange's files open: a management shell, MMC, a virus scanner, a backup agent.",
     "Close them, stop scanner and agent, and start Setup again."},
    {"OffLineABServerDeleted", NULL, "U-07", INSTALL,
     "The server that made an offline address book is gone. Documented for installing only.",
     "Get-OfflineAddressBook shows it; nothing has to be done for an uninstall."},
    {"IsHybridObjectFoundOnPremises", NULL, "U-15", INSTALL,
     "A hybrid configuration object is there. Setup asks for it when preparing or upgrading; no uninstall is known to stop at "
     "it.",
     "`unhybrid cleanup` removes it anyway."},
    {"HybridIsEnabledAndTenantVersionIsNotUpgraded", NULL, "U-15", INSTALL,
     "Setup wants to know the tenant's version (/TenantOrganizationConfig) when preparing or upgrading a hybrid organisation.",
     "No uninstall is known to stop at it; `unhybrid cleanup` removes the hybrid configuration."},
    /* ---- the command line, the media ---- */
    {NULL, "The parameter 'roles' is not valid for current operation 'Uninstall'", "", BLOCKS,
     "/Roles does not go with an uninstall: Exchange goes as a whole.",
     "Leave /Roles away: Setup.exe /mode:Uninstall."},
    {NULL, "Couldn't remove product with code %. The installation source", "", BLOCKS,
     "Windows Installer wants the media that a product was installed from (error 1612), and they are not where it looks.",
     "Put the media of the installed build, or of that language pack, at the place that the .msilog beside this log names, "
     "and start Setup again."},
    {NULL, "Couldn't remove product with code %", "", BLOCKS, "Windows Installer could not remove a product.",
     "The .msilog beside this log says why: look for 'Return value 3'."},
    {NULL, "Installing product % failed", "", BLOCKS, "Windows Installer failed.",
     "The .msilog beside this log says why: look for 'Return value 3' above its end."},
    {NULL, "The installation source for this product is not available", "", BLOCKS,
     "Windows Installer wants the media that a product was installed from (error 1612).",
     "Put the media of the installed build at the place that the .msilog beside this log names."},
    {NULL, "Fatal error during installation", "", BLOCKS, "Windows Installer failed (error 1603).",
     "The .msilog beside this log says why: look for 'Return value 3' above its end."},
    {NULL, "Exception calling \"Reverse\" with", "", BLOCKS,
     "Setup's script that stops services found none that depend on one, and fails on the empty list: services were removed or "
     "cannot be read.",
     "Compare Exchange's services with another server of the build (Get-Service MSExchange*); start Setup again from the "
     "newest media of this build, elevated."},
    /* ---- federation, the cloud, connectors: what people find in the same folder or in the wizard's log ---- */
    {NULL, "1007 AccessDenied", "", BLOCKS,
     "The federation gateway refused: the clock is five minutes or more off, or the federation certificate has expired.",
     "Set the clock first. With an expired certificate, Remove-FederatedDomain -Force removes the domain here alone."},
    {NULL, "Federation certificate with the thumbprint \"%\" cannot be found", "", BLOCKS,
     "The federation trust names a certificate that is not on this server.",
     "Import it from another server; with none, the federation's attributes can only be cleared in Active Directory."},
    {NULL, "Federation certificate with the thumbprint % cannot be found", "", BLOCKS,
     "The federation trust names a certificate that is not on this server.",
     "Import it from another server; with none, the federation's attributes can only be cleared in Active Directory."},
    {NULL, "MaxUriReached", "", BLOCKS, "Too many attempts to federate within a day.", "Wait 24 hours."},
    {NULL, "ExchangeManagedAttributesUpdateNotAllowed", "P-08", BLOCKS,
     "Entra Connect writes Exchange attributes of a mailbox that is managed in the cloud.",
     "Bring Entra Connect to a version that knows cloud-managed mailboxes (requirement P-08)."},
    {NULL, "550 5.7.64 TenantAttribution", "P-14", BLOCKS,
     "Exchange Online does not take the sender for yours: a device or server still relays through an inbound connector that is "
     "gone, or with another certificate or address.",
     "Give that sender a connector of its own, or another way to send, before the hybrid connector goes."},
    {NULL, "SubjectMismatch", "", BLOCKS, "The name in the certificate is not the one that the connector expects.",
     "Correct TlsDomain or TlsSenderCertificateName of the connector that stays."},
    {NULL, "454 4.7.5", "", BLOCKS, "The other side's certificate could not be validated.",
     "Correct the TLS settings of the connector that stays."},
    {NULL, "550 5.7.51 TenantInboundAttribution", "", BLOCKS,
     "Mail came from an address or with a certificate that the inbound connector does not allow.",
     "Correct the restrictions of the inbound connector that stays."},
    {NULL, "ManagementObjectNotFoundException", "", BLOCKS,
     "A cmdlet named an object that is not there. From Get-OrganizationRelationship in Exchange Online it is a damaged object.",
     "Name the object by its GUID; a damaged one in the cloud only Microsoft's support can remove."},
    {NULL, "HCW8011", "", BLOCKS, "Several send connectors serve the same address space.", "Leave one of them."},
    HCW("HCW8019"),
    HCW("HCW8021"),
    HCW("HCW8022"),
    HCW("HCW8023"),
    {NULL, "because the object is being synchronized from your on-premises organization", "P-05", BLOCKS,
     "The object is still mastered in Active Directory.", "Move its source of authority to the cloud first."},
    {NULL, "Failed to sync the ArchiveGuid", "P-02", BLOCKS,
     "The archive's GUID differs between Active Directory and the cloud.",
     "Make them agree before the server goes (requirement P-02)."},
    {NULL, "ConflictingObject: PublicFolder_%", "O-21", BLOCKS,
     "A hidden object of a mail-enabled public folder in Entra ID holds the address.",
     "Remove it with Remove-ADSyncToolsAadObject on the synchronisation server."},
};

size_t uh_setup_translation_count(void) {
  return sizeof translations / sizeof *translations;
}

const struct uh_setup_translation *uh_setup_translation_at(size_t i) {
  return i < uh_setup_translation_count() ? &translations[i] : NULL;
}

const char *uh_setup_outcome_name(enum uh_setup_outcome outcome) {
  static const char *const names[] = {"done", "failed", "unfinished"};
  return names[outcome];
}

const char *uh_setup_kind_name(enum uh_setup_kind kind) {
  static const char *const names[] = {"blocks", "warns", "install-time"};
  return names[kind];
}
