/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recordings of a real Exchange Server that others made (the folder clixml below UNHYBRID_SHARED_DATA; skipped where
 * there is none): each is read to its end, and ten values of each are what a person reads in the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <unhybrid/text.h>

#include "wire/clixml.h"

/* A path: property names with dots between; "[n]" an element of a list. What of it: t text, i number, b true or false,
 * g GUID, n null, # number of elements, T most derived type, - not in the file. */
struct value {
  unsigned object;
  const char *path;
  char what;
  const char *want;
};
static const struct file {
  const char *name;
  int64_t objects;
  struct value values[12];
} files[] = {
    {"GetAcceptedDomain.xml",
     3,
     {{0, "", 't', "Solo.com"},
      {0, "DomainName.IncludeSubDomains", 'b', "false"},
      {0, "DomainType", 't', "Authoritative"},
      {0, "Identity.Depth", 'i', "8"},
      {0, "Guid", 'g', "49ef970b-7f97-475c-a415-91e2b7744875"},
      {0, "CatchAllRecipientID", 'n', ""},
      {1, "DomainName", 't', "*.contoso.local"},
      {1, "DomainName", 'T', "Microsoft.Exchange.Data.SmtpDomainWithSubdomains"}, /* by TNRef to the first object's */
      {1, "OrganizationId.IsConsumerOrganization", 'b', "false"},                 /* by Ref to the first object's */
      {2, "DomainType", 'i', "2"},
      {2, "WhenChangedUTC", 't', "2021-12-03T22:25:03Z"},
      {2, "Id.ObjectGuid", 'g', "a1a018b4-01b3-41d4-8bb9-14a500c67688"}}}, /* by Ref to its own Identity */
    {"GetAuthConfig.xml",
     1,
     {{0, "CurrentCertificateThumbprint", 't', "92E196F3C8D3D753FCFC5B7690C3173AA1C0ABE3"},
      {0, "NextCertificateThumbprint", 't', ""},
      {0, "NextCertificateEffectiveDate", 'n', ""},
      {0, "ServiceName", 't', "00000002-0000-0ff1-ce00-000000000000"},
      {0, "ExchangeVersion", 't', "0.20 (15.0.0.0)"},
      {0, "ExchangeVersion.Minor", 'i', "20"},
      {0, "OrganizationId", 't', ""},
      {0, "Id", 't', "Auth Configuration"},
      {0, "WhenCreated", 't', "2018-11-23T18:14:09-06:00"},
      {0, "PSComputerName", 't', "solo-e16a.solo.local"},
      {0, "SerializationData", '-', ""}}},
    {"GetDynamicDistributionGroupPfMailboxes.xml",
     1,
     {{0, "EmailAddresses", '#', "1"},
      {0, "EmailAddresses[0]", 't', "SMTP:PublicFolderMailboxes.419323dd2b7d4d04a724dcc15e467521@vnext.local"},
      {0, "EmailAddresses[0].IsPrimaryAddress", 'b', "true"},
      {0, "LdapRecipientFilter", 't',
       "(&(msExchRecipientTypeDetails=68719476736)(!(msExchProvisioningFlags:1.2.840.113556.1.4.803:=524288)))"},
      {0, "RecipientTypeDetails", 'i', "2048"},
      {0, "RecipientTypeDetails", 't', "DynamicDistributionGroup"},
      {0, "PoliciesIncluded[1]", 't', "{26491cfc-9e50-4857-861b-0cb8df22b5d7}"},
      {0, "MaxSendSize", 't', "Unlimited"},
      {0, "MaxReceiveSize.IsUnlimited", 'b', "true"},
      {0, "GrantSendOnBehalfTo", '#', "0"},
      {0, "RecipientContainer", 't', "VNext.local/Users"}}},
    {"GetExchangeCertificate.xml",
     3,
     {{0, "", 'T', "Microsoft.Exchange.Management.SystemConfigurationTasks.ExchangeCertificate"},
      {0, "", 't',
       "[Subject]\r\n  CN=Microsoft Exchange Server Auth Certificate\r\n\r\n[Issuer]\r\n  CN=Microsoft Exchange Server "
       "Auth Certificate\r\n\r\n[Serial Number]\r\n  133250C427C654A74B7E13809B9E672F\r\n\r\n[Not Before]\r\n  "
       "11/23/2018 18:34:03\r\n\r\n[Not After]\r\n  10/28/2023 19:34:03\r\n\r\n[Thumbprint]\r\n  "
       "92E196F3C8D3D753FCFC5B7690C3173AA1C0ABE3\r\n"},
      {0, "PSShowComputerName", 'b', "false"},
      {0, "Thumbprint", '-', ""}, /* what the type computes is not in the file */
      {0, "Services", '-', ""},
      {1, "PSComputerName", 't', "solo-e16a.solo.local"},
      {1, "RunspaceId", 'g', "46a1b05b-0ed2-4449-a6bb-64ae4f9c1a94"},
      {2, "PSShowComputerName", 'b', "false"},
      {2, "", 'T', "Microsoft.Exchange.Management.SystemConfigurationTasks.ExchangeCertificate"},
      {2, "SerializationData", '-', ""}}},
    {"GetExchangeProtocolContainer.xml",
     1,
     {{0, "objectClass", '#', "3"},
      {0, "objectClass[2]", 't', "protocolCfgSharedServer"},
      {0, "cn", 't', "Protocols"},
      {0, "instanceType", 'i', "4"},
      {0, "whenCreated", 't', "2021-07-29T05:47:28"},
      {0, "showInAdvancedViewOnly", 'b', "true"},
      {0, "objectGUID", 't', "DZnF/6MDVkObv+lWWoWUPQ=="},
      {0, "systemFlags", 'i', "1073741824"},
      {0, "dSCorePropagationData[4]", 't', "1601-07-14T22:36:49"},
      {0, "msExchMinAdminVersion", 'i', "-2147453113"},
      {0, "availableAuthorizationPackages[2]", 't', "Windows Challenge/Response Using SSL\xC2\xA7NTLM\xC2\xA7NTLMSSL"},
      {0, "useSiteValues", 'b', "false"}}},
    {"GetExchangeServer.xml",
     1,
     {{0, "Edition", 't', "StandardEvaluation"},
      {0, "Edition", 'i', "2"},
      {0, "Fqdn", 't', "Solo-E16A.Solo.local"},
      {0, "IsEdgeServer", 'b', "false"},
      {0, "AdminDisplayVersion", 't', "Version 15.1 (Build 2375.7)"},
      {0, "AdminDisplayVersion.Major", 'i', "15"},
      {0, "Site", 't', "Solo.local/Configuration/Sites/Default-First-Site-Name"},
      {0, "ServerRole", 't', "Mailbox"},
      {0, "CurrentDomainControllers[0]", 't', "Solo-DC1.Solo.local"},
      {0, "StaticConfigDomainController", 't', ""},
      {0, "InternetWebProxy", 'n', ""},
      {0, "RemainingTrialPeriod.TotalDays", 't', "0"}}},
    {"GetExchangeServer2.xml",
     2,
     {{0, "Name", 't', "E2k16-1"},
      {0, "CustomerFeedbackEnabled", 'n', ""},
      {0, "ProductID", 't', "02064-004-0605003-02545"},
      {0, "MitigationsAppliedTime", 't', "2023-01-05T12:08:37.6177687Z"},
      {0, "MitigationsApplied", 't', "PING1"},
      {1, "Name", 't', "E2k16-2"},
      {1, "NetworkAddress[0]", 't', "ncacn_vns_spp:E2k16-2"},
      {1, "NetworkAddress[0].ProtocolType", 't', "ncacn_vns_spp"},
      {1, "DataCollectionEnabled", 'b', "false"},
      {1, "Guid", 'g', "86323547-c7ca-4713-a19e-c1884e4b2527"},
      {1, "MitigationsApplied", '#', "1"},
      {1, "ExchangeLegacyServerRole", 'i', "0"}}},
    {"GetExchangeServerADInformation.xml",
     1,
     {{0, "", 'T', "System.Management.Automation.PSCustomObject"},
      {0, "ComputerObject.MemberOf", '#', "4"},
      {0, "ComputerObject.MemberOf[1]", 't',
       "CN=Managed Availability Servers,OU=Microsoft Exchange Security Groups,DC=Solo,DC=local"},
      {0, "ComputerObject.MemberOf.Count", 'i', "4"}, /* a list with properties */
      {0, "ComputerObject.WhenChanged", 't', "2025-07-28T21:19:12"},
      {0, "ComputerObject.ObjectGuid", 'g', "247c0160-797e-4ff7-ad74-daaf5f3b5718"},
      {0, "ComputerObject.ServicePrincipalName", '#', "26"},
      {0, "ComputerObject.ServicePrincipalName[25]", 't', "HOST/Solo-E16A.Solo.local"},
      {0, "ComputerObject.ObjectSid", 't', "S-1-5-21-3966804624-2143408355-627260183-1104"},
      {0, "ComputerObject.ObjectSid.AccountDomainSid.BinaryLength", 'i', "24"},
      {0, "GroupMembership[0].SID.Value", 't', "S-1-5-21-3966804624-2143408355-627260183-1134"},
      {0, "GroupMembership[3].Name", 't', "Exchange Servers"}}},
    {"GetMailboxServer.xml",
     1,
     {{0, "CalendarRepairIntervalEndWindow", 'i', "7"},
      {0, "CalendarRepairLogFileAgeLimit", 't', "10.00:00:00"},
      {0, "CalendarRepairLogFileAgeLimit.Ticks", 'i', "8640000000000"},
      {0, "CalendarRepairLogFileAgeLimit.TotalHours", 't', "240"},
      {0, "CalendarRepairLogDirectorySizeLimit", 't', "500 MB (524,288,000 bytes)"},
      {0, "CalendarRepairLogDirectorySizeLimit.Value", 'i', "524288000"},
      {0, "CalendarRepairMode", 't', "RepairAndValidate"},
      {0, "DatabaseAvailabilityGroup", 'n', ""},
      {0, "FaultZone", 't', "FaultZone1"},
      {0, "MaxTransportSyncDispatchers", 'i', "5"},
      {0, "DatabaseCopyAutoActivationPolicy", 'i', "0"},
      {0, "Locale", '#', "0"}}},
    {"GetOrganizationConfig.xml",
     1,
     {{0, "ObjectVersion", 'i', "16222"},
      {0, "Guid", 'g', "caa261bf-5660-4562-9848-1bdc78841a63"},
      {0, "DefaultPublicFolderIssueWarningQuota", 't', "Unlimited"},
      {0, "DefaultPublicFolderDeletedItemRetention", 't', "30.00:00:00"},
      {0, "PublicFoldersEnabled", 't', "Local"},
      {0, "MailTipsLargeAudienceThreshold", 'i', "25"},
      {0, "MimeTypes[2]", 't', "application/fractals;fif"},
      {0, "RBACConfigurationVersion.ExchangeBuild", 't', "15.1.2375.7"},
      {0, "RootPublicFolderMailbox", 't', ""},
      {0, "RootPublicFolderMailbox.CanUpdate", 'b', "true"},
      {0, "FocusedInboxOnLastUpdateTime", 't', "0001-01-01T00:00:00"},
      {0, "RemotePublicFolderMailboxes", '#', "0"}}},
    {"GetOwaVirtualDirectory.xml",
     1,
     {{0, "", 't', "SOLO-E16A\\owa (Default Web Site)"},
      {0, "RemoteDocumentsActionForUnknownServers", 't', "Block"},
      {0, "WebReadyFileTypes", '#', "10"},
      {0, "WebReadyFileTypes[9]", 't', ".doc"},
      {0, "NotificationInterval", 'i', "120"},
      {0, "InternalAuthenticationMethods", '#', "2"},
      {0, "InternalAuthenticationMethods[1]", 'i', "3"},
      {0, "ExternalAuthenticationMethods", 't', "Fba"},
      {0, "MetabasePath", 't', "IIS://Solo-E16A.Solo.local/W3SVC/1/ROOT/owa"},
      {0, "BasicAuthentication", 'b', "false"},
      {0, "AdminDisplayVersion.Build", 'i', "2375"},
      {0, "OwaVersion", 't', "Exchange2013"}}},
    {"GetSendConnector.xml",
     1,
     {{0, "SmartHosts[0]", 't', "microsoft-com.mail.protection.outlook.com"},
      {0, "SmartHosts[0].Address.IPAddressToString", 't', "0.0.0.0"},
      {0, "Port", 'i', "25"},
      {0, "TlsDomain", 'n', ""},
      {0, "TlsCertificateName", 't', "<I>CN=localhost<S>CN=localhost"},
      {0, "TlsCertificateName.SubjectCommonName", 't', "localhost"},
      {0, "SourceIPAddress", 't', "0.0.0.0"}, /* by Ref to a nested value */
      {0, "AddressSpaces", 't', "SMTP:*;1"},
      {0, "AddressSpaces[0].Cost", 'i', "1"},
      {0, "MaxMessageSize", 'i', "36700160"},
      {0, "RequireTLS", 'b', "false"},
      {0, "Comment", 't', ""}}},
    {"GetSendConnectorConfiguredToRelayToM365.xml",
     1,
     {{0, "TlsAuthLevel", 't', "CertificateValidation"},
      {0, "TlsAuthLevel", 'i', "2"},
      {0, "CloudServicesMailEnabled", 'b', "true"},
      {0, "Fqdn", 't', "mail.contoso.com"},
      {0, "Fqdn.Domain", 't', "mail.contoso.com"},
      {0, "TlsCertificateName", 'n', ""},
      {0, "ConnectionInactivityTimeOut.TotalDays", 't', "0.0069444444444444441"},
      {0, "SourceIPAddress.Address", 'i', "0"},
      {0, "AddressSpaces[0].Type", 't', "smtp"},
      {0, "ConnectedDomains", '#', "0"},
      {0, "Name", 't', "My company to Office 365"}}},
    {"GetServerComponentState.xml",
     35,
     {{0, "Component", 't', "ServerWideOffline"},
      {0, "State", 'i', "1"},
      {0, "RemoteStates[0]", 't', "Requestor:Functional; State:Active; Timestamp:9/28/2021 5:20:23 PM"},
      {0, "RemoteStates[0].Timestamp", 't', "2021-09-28T17:20:23.4772745Z"},
      {0, "LocalStates[0].Requester", 't', "Functional"},
      {1, "Component", 't', "HubTransport"},
      {2, "Component", 't', "FrontendTransport"},
      {17, "Component", 't', "UMCallRouter"},
      {33, "RemoteStates", '#', "0"},
      {33, "State", 'T', "Microsoft.Exchange.Data.ServiceState"},
      {33, "Identity.ObjectGuid", 'g', "38142983-080a-4e34-90b6-401759c3f3e7"},
      {34, "Component", 't', "LogExportProvider"}}},
    {"GetWebServicesVirtualDirectory.xml",
     1,
     {{0, "CertificateAuthentication", 'n', ""},
      {0, "GzipLevel", 't', "Low"},
      {0, "MRSProxyEnabled", 'b', "false"},
      {0, "InternalAuthenticationMethods", '#', "4"},
      {0, "InternalAuthenticationMethods[2]", 't', "WSSecurity"},
      {0, "InternalAuthenticationMethods[3]", 'i', "10"},
      {0, "Path", 't', "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\FrontEnd\\HttpProxy\\EWS"},
      {0, "InternalUrl", 't', "https://solo-e16a.solo.local/EWS/Exchange.asmx"},
      {0, "ExternalUrl", 'n', ""},
      {0, "Server.PartitionFQDN", 't', "Solo.local"},
      {0, "WSSecurityAuthentication", 'b', "true"},
      {0, "ExtendedProtectionSPNList", '#', "0"}}},
};

static const struct uh_clixml_value *element(const struct uh_clixml_value *list, unsigned n) {
  const struct uh_clixml_value *at = NULL, *v = NULL;
  for (unsigned i = 0; i <= n; i++) v = uh_clixml_next(list, &at, NULL);
  return v;
}

static const struct uh_clixml_value *find(const struct uh_clixml_value *v, const char *path) {
  char name[64];
  while (*path && v) {
    size_t n = strcspn(path, ".[");
    assert_true(n < sizeof name);
    if (n) {
      memcpy(name, path, n);
      name[n] = '\0';
      v = uh_clixml_property(v, name);
    }
    path += n;
    if (*path == '[') {
      v = element(v, (unsigned)strtoul(path + 1, NULL, 10));
      path = strchr(path, ']') + 1;
    }
    if (*path == '.') path++;
  }
  return v;
}

/* The value as text, "?" where it cannot be had in the type asked for. */
static void show(const struct uh_clixml_value *v, char what, struct uh_str *out) {
  const char *text = "?";
  char guid_text[UH_GUID_TEXT];
  uint8_t guid[UH_GUID_SIZE];
  int64_t number;
  bool yes;
  switch (what) {
    case 't': (void)uh_clixml_text(v, &text, NULL); break;
    case 'T': text = uh_clixml_type(v, 0); break;
    case 'b':
      if (uh_clixml_bool(v, &yes) == UH_VALUE) text = yes ? "true" : "false";
      break;
    case 'g':
      if (uh_clixml_guid(v, guid) == UH_VALUE) text = uh_guid_text(guid, guid_text);
      break;
    case 'i':
      if (uh_clixml_int(v, &number) == UH_VALUE) {
        uh_str_addf(out, "%lld", (long long)number);
        return;
      }
      break;
    case '#':
      if (uh_clixml_kind(v) == UH_CLIXML_LIST) {
        uh_str_addf(out, "%zu", uh_clixml_length(v));
        return;
      }
      break;
    case 'n':
      if (uh_clixml_kind(v) == UH_CLIXML_NIL) text = "";
      break;
    default:
      if (!v) text = "";
  }
  uh_str_add(out, text);
}

static unsigned compared;
static int on_object(void *user, const struct uh_clixml_value *object, const char *stream, struct uh_err *err) {
  struct {
    const struct file *file;
    unsigned n;
  } *at = user;
  (void)stream, (void)err;
  for (size_t i = 0; i < sizeof at->file->values / sizeof *at->file->values; i++) {
    const struct value *value = &at->file->values[i];
    if (!value->want || value->object != at->n) continue;
    struct uh_str got UH_CLEANUP(uh_str_clear) = {0};
    show(find(object, value->path), value->what, &got);
    if (strcmp(uh_str_text(&got), value->want) != 0)
      fail_msg("%s %u %s: \"%s\", not \"%s\"", at->file->name, value->object, value->path, uh_str_text(&got),
               value->want);
    compared++;
  }
  at->n++;
  return 0;
}

static void read_file(const char *folder, const struct file *file) {
  char path[4096], buf[5000];
  struct {
    const struct file *file;
    unsigned n;
  } at = {file, 0};
  struct uh_err err = UH_ERR_INIT;
  struct uh_clixml *reader = NULL;
  size_t n;
  (void)snprintf(path, sizeof path, "%s/clixml/%s", folder, file->name);
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("cannot open %s", path);
  unsigned before = compared;
  assert_int_equal(uh_clixml_open(on_object, &at, &reader, &err), 0);
  while ((n = fread(buf, 1, sizeof buf, f)) > 0) assert_int_equal(uh_clixml_feed(reader, buf, n, &err), 0);
  assert_int_equal(uh_clixml_finish(reader, &err), 0);
  assert_int_equal(uh_clixml_count(reader), file->objects);
  assert_true(compared - before >= 10);
  (void)uh_clixml_free(reader);
  (void)fclose(f);
}

static void test_recorded(void **state) {
  (void)state;
  const char *folder = getenv("UNHYBRID_SHARED_DATA");
  if (!folder) skip();
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) read_file(folder, &files[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_recorded)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
