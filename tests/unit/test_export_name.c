/* SPDX-License-Identifier: Apache-2.0 */
/* Names of exported files: which cmdlet, which listing; and names of values that are never stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

#include "sources/export_nouns.h"
#include "sources/export_private.h"

static void is(const char *file, bool cloud, const char *noun, const char *listing, bool unlimited, bool json) {
  struct export_name name;
  const char *why;
  bool ok = export_name_parse(file, cloud, &name, &why);
  if (!ok) print_error("%s: %s\n", file, why);
  assert_true(ok);
  assert_string_equal(name.noun, noun);
  assert_string_equal(name.listing, listing);
  assert_true(name.unlimited == unlimited);
  assert_true(name.json == json);
}

static void is_not(const char *file, bool cloud, const char *part_of_why) {
  struct export_name name;
  const char *why = NULL;
  if (export_name_parse(file, cloud, &name, &why)) print_error("%s was taken for Get-%s\n", file, name.noun);
  assert_false(export_name_parse(file, cloud, &name, &why));
  if (!strstr(why, part_of_why)) print_error("%s: %s\n", file, why);
  assert_non_null(strstr(why, part_of_why));
}

static void test_names(void **state) {
  (void)state;
  is("Get-SendConnector.xml", false, "SendConnector", "", false, false);
  is("GetSendConnector.xml", false, "SendConnector", "", false, false);
  is("get-sendconnector.XML", false, "SendConnector", "", false, false);
  is("Get-InboundConnector.json", true, "InboundConnector", "", false, true);
  is("Get-Mailbox.Archive.xml", false, "Mailbox", "Archive", false, false);
  is("GetMailbox.archive.json", true, "Mailbox", "Archive", false, true);
  is("Get-Mailbox.Unlimited.xml", false, "Mailbox", "", true, false);
  is("Get-Mailbox.Unlimited+Arbitration.xml", false, "Mailbox", "Arbitration", true, false);
  is("Get-OutboundConnector.IsTransportRuleScoped+IncludeTestModeConnectors.xml", true, "OutboundConnector",
     "IncludeTestModeConnectors,IsTransportRuleScoped", false, false);
  is("Get-ExchangeServer.Status.xml", false, "ExchangeServer", "", false, false);
  is("Get-SiteMailbox.BypassOwnerCheck+Unlimited.xml", false, "SiteMailbox", "", true, false);
  is_not("GetExchangeServer2.xml", false, "no known cmdlet");
  is_not("GetSendConnectorConfiguredToRelayToM365.xml", false, "no known cmdlet");
  is_not("Get-.xml", false, "no known cmdlet");
  is_not("SendConnector.xml", false, "no known cmdlet");
  is_not("Set-SendConnector.xml", false, "no known cmdlet");
  is_not("Get-SendConnector", false, "neither");
  is_not("Get-SendConnector.xml.bak", false, "neither");
  is_not("Get-SendConnector.csv", false, "neither");
  is_not("Get-SendConnector.xml", true, "Exchange Online has no such cmdlet");
  is_not("Get-InboundConnector.xml", false, "Exchange Server has no such cmdlet");
  is_not("Get-SendConnector.Archive.xml", false, "switch");
  is_not("Get-Mailbox.Nonsense.xml", false, "switch");
  is_not("Get-Mailbox.Archive+.Foo.xml", false, "switch");
  is_not("Get-Mailbox.Archive+AuditLog+Monitoring+PublicFolder+Migration.xml", false, "switch");
}

static void test_result_size(void **state) {
  struct export_name name;
  const char *why;
  (void)state;
  assert_true(export_name_parse("Get-Mailbox.xml", false, &name, &why));
  assert_true(name.cut_at_1000);
  assert_true(export_name_parse("Get-SendConnector.xml", false, &name, &why));
  assert_false(name.cut_at_1000);
  assert_true(export_name_parse("Get-AcceptedDomain.xml", true, &name, &why));
  assert_true(name.cut_at_1000);
  assert_true(export_name_parse("Get-AcceptedDomain.xml", false, &name, &why));
  assert_false(name.cut_at_1000);
}

static void test_table(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof export_nouns / sizeof *export_nouns; i++) {
    assert_true(export_nouns[i].where & (P | C));
    if (i) assert_true(strcasecmp(export_nouns[i - 1].noun, export_nouns[i].noun) < 0);
  }
}

static void test_secrets(void **state) {
  (void)state;
  static const char *const secret[] = {"Password",
                                       "PASSWORD",
                                       "AuthenticationCredential",
                                       "SharedSecret",
                                       "SerializationData",
                                       "msExchFedOrgPrivCertificate",
                                       "PrivateKey",
                                       "ResetPasswordOnNextLogon",
                                       "unicodePwd",
                                       "ms-Mcs-AdmPwd",
                                       "lmPwdHistory",
                                       "MSExchFedAdminKey",
                                       "passwordCredentials",
                                       "secretText",
                                       "supplementalCredentials"};
  static const char *const open[] = {"Name",
                                     "Guid",
                                     "TlsCertificateName",
                                     "SmartHostAuthMechanism",
                                     "PrimarySmtpAddress",
                                     "keyCredentials",
                                     "msExchFedOrgNextCertificate"};
  for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) assert_true(uh_secret_name(secret[i]));
  for (size_t i = 0; i < sizeof open / sizeof *open; i++) assert_false(uh_secret_name(open[i]));
  assert_true(export_is_noise("PSComputerName"));
  assert_true(export_is_noise("Guid@odata.type"));
  assert_false(export_is_noise("Guid"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_result_size),
      cmocka_unit_test(test_table),
      cmocka_unit_test(test_secrets),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
