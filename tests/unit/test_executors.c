/* SPDX-License-Identifier: Apache-2.0 */
/* What a writer refuses before anybody is asked, and what a dry run records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "executors/directory.h"
#include "executors/directory_left.h"
#include "executors/executors.h"

static const uint8_t guid[UH_GUID_SIZE] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
                                           0x88, 0x99, 0xaa, 0xbb, 1,    2,    3,    4};
static const uint8_t zero[UH_GUID_SIZE];
#define TEXT(n, v) \
  { .name = n, .type = UH_VALUE_TEXT, .text = v }
#define BOOL(n, v) \
  { .name = n, .type = UH_VALUE_BOOL, .yes = v }
#define NUMBER(n, v) \
  { .name = n, .type = UH_VALUE_NUMBER, .number = v }
#define CLEAR(n) \
  { .name = n, .type = UH_VALUE_NULL }

static void refuses(void **state) {
  (void)state;
  static const struct {
    const char *cmdlet;
    const uint8_t *guid;
    struct uh_argument arguments[4];
    const char *why; /* NULL: fine */
  } cases[] = {
      {"Remove-SendConnector", guid, {{0}}, NULL},
      {"Remove-HybridConfiguration", NULL, {{0}}, NULL},
      {"Set-SendConnector", guid, {BOOL("Enabled", false)}, NULL},
      {"Set-ReceiveConnector", guid, {CLEAR("TlsDomainCapabilities"), CLEAR("TlsCertificateName")}, NULL},
      {"Disable-Mailbox", guid, {BOOL("Arbitration", true), BOOL("DisableLastArbitrationMailboxAllowed", true)}, NULL},
      {"Remove-FederatedDomain", NULL, {TEXT("DomainName", "contoso.com"), BOOL("Force", true)}, NULL},
      {"Remove-ExchangeCertificate", NULL, {TEXT("Thumbprint", "AB"), TEXT("Server", "EX01")}, NULL},
      /* Not in a cleanup, and not without the case of its name. */
      {"Remove-RemoteMailbox", guid, {{0}}, "no cmdlet that a cleanup may run"},
      {"Disable-RemoteMailbox", guid, {{0}}, "no cmdlet that a cleanup may run"},
      {"Get-Mailbox", guid, {{0}}, "no cmdlet that a cleanup may run"},
      {"remove-sendconnector", guid, {{0}}, "no cmdlet that a cleanup may run"},
      {"Remove-SendConnector; Remove-Mailbox", guid, {{0}}, "no cmdlet that a cleanup may run"},
      /* By its GUID, or not at all. */
      {"Remove-SendConnector", NULL, {{0}}, "GUID is missing"},
      {"Remove-SendConnector", zero, {{0}}, "GUID is missing"},
      {"Remove-SendConnector", NULL, {TEXT("Identity", "Outbound")}, "GUID is missing"},
      {"Remove-SendConnector", guid, {TEXT("Identity", "Outbound")}, "only the writer says it"},
      {"Remove-HybridConfiguration", guid, {{0}}, "takes no GUID"},
      /* What the writer adds, or never adds. */
      {"Remove-SendConnector", guid, {BOOL("Confirm", true)}, "only the writer says it"},
      {"Remove-SendConnector", guid, {BOOL("whatif", true)}, "only the writer says it"},
      {"Remove-SendConnector", guid, {TEXT("DomainController", "dc")}, "only the writer says it"},
      /* Parameters and their types. */
      {"Remove-SendConnector", guid, {BOOL("Force", true)}, "no such parameter"},
      {"Remove-Mailbox", guid, {BOOL("Permanent", true)}, "no such parameter"},
      {"Remove-Mailbox", guid, {TEXT("Database", "DB01")}, "no such parameter"},
      {"Set-SendConnector", guid, {BOOL("enabled", false)}, "no such parameter"},
      {"Set-SendConnector", guid, {BOOL("Enable", false)}, "no such parameter"},
      {"Set-SendConnector", guid, {TEXT("Enabled", "false")}, "another type"},
      {"Set-SendConnector", guid, {CLEAR("Enabled")}, "another type"},
      {"Set-SendConnector", guid, {BOOL("Port", true)}, "another type"},
      {"Set-SendConnector", guid, {TEXT("Comment", NULL)}, "too long, or none"},
      {"Set-SendConnector", guid, {NUMBER("Port", 25), NUMBER("Port", 26)}, "said twice"},
      {"Remove-FederatedDomain", NULL, {BOOL("Force", true)}, "-DomainName is not sent: it is missing"},
      {"Remove-ExchangeCertificate", NULL, {TEXT("Thumbprint", "AB")}, "-Server is not sent: it is missing"},
      {"Remove-ExchangeCertificate", NULL, {TEXT("Thumbprint", ""), TEXT("Server", "EX01")}, "it is missing"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct uh_err err = UH_ERR_INIT;
    struct uh_change change = {.cmdlet = cases[i].cmdlet, .guid = cases[i].guid, .arguments = cases[i].arguments};
    int r = uh_exchange_server_check(&change, &err);
    if (r != (cases[i].why ? -1 : 0) || (cases[i].why && !strstr(err.what, cases[i].why)))
      fail_msg("%zu %s: %d %s", i, cases[i].cmdlet, r, err.what);
  }
}

static void refuses_in_the_cloud(void **state) {
  (void)state;
  static const char *const domains[] = {"contoso.com"};
  static const struct {
    const char *cmdlet;
    const uint8_t *guid;
    struct uh_argument arguments[6];
    const char *why; /* NULL: fine */
  } cases[] = {
      {"Remove-InboundConnector", guid, {{0}}, NULL},
      {"Set-AcceptedDomain", guid, {TEXT("DomainType", "Authoritative")}, NULL},
      {"Set-OrganizationConfig",
       NULL,
       {TEXT("PublicFoldersEnabled", "Local"), CLEAR("RemotePublicFolderMailboxes")},
       NULL},
      {"New-OrganizationRelationship",
       NULL,
       {TEXT("Name", "x"), {.name = "DomainNames", .type = UH_VALUE_TEXTS, .texts = {domains, 1}}},
       NULL},
      {"New-OrganizationRelationship", NULL, {TEXT("Name", "x")}, "-DomainNames is not sent: it is missing"},
      {"New-OrganizationRelationship",
       NULL,
       {TEXT("Name", "x"), {.name = "DomainNames", .type = UH_VALUE_TEXTS, .texts = {domains, 0}}},
       "-DomainNames is not sent: it is missing"},
      {"Remove-AcceptedDomain", guid, {{0}}, "no cmdlet that a cleanup may run"},
      {"Enable-OrganizationCustomization", NULL, {{0}}, "no cmdlet that a cleanup may run"},
      {"Remove-SendConnector", guid, {{0}}, "no cmdlet that a cleanup may run"}, /* on premises only */
      {"Remove-OutboundConnector", NULL, {{0}}, "GUID is missing"},
      {"Set-OrganizationConfig", guid, {{0}}, "takes no GUID"},
      {"Remove-OutboundConnector", guid, {BOOL("Confirm", true)}, "only the writer says it"},
      {"Set-MigrationEndpoint", guid, {TEXT("Credentials", "x")}, "no such parameter"},
      {"Set-OutboundConnector", guid, {TEXT("Enabled", "false")}, "another type"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct uh_err err = UH_ERR_INIT;
    struct uh_change change = {.cmdlet = cases[i].cmdlet, .guid = cases[i].guid, .arguments = cases[i].arguments};
    int r = uh_exchange_online_check(&change, &err);
    if (r != (cases[i].why ? -1 : 0) || (cases[i].why && !strstr(err.what, cases[i].why)))
      fail_msg("%zu %s: %d %s", i, cases[i].cmdlet, r, err.what);
  }
}

static void records(void **state) {
  (void)state;
  static const char *const hosts[] = {"a", "b\"\n"};
  const struct uh_argument arguments[] = {BOOL("Enabled", false),
                                          CLEAR("TlsCertificateName"),
                                          NUMBER("Port", 25),
                                          {.name = "SmartHosts", .type = UH_VALUE_TEXTS, .texts = {hosts, 2}},
                                          {0}};
  struct uh_recorder recorder = {.check = uh_exchange_server_check};
  struct uh_writer writer = uh_recorder_writer(&recorder);
  struct uh_change_result result = {.outcome = UH_CHANGE_UNKNOWN};
  struct uh_err err = UH_ERR_INIT;
  struct uh_change change = {
      .cmdlet = "Set-SendConnector", .guid = guid, .name = "Out \xe2\x80\xae", .arguments = arguments};
  assert_int_equal(uh_write(&writer, &change, &result, &err), 0);
  assert_int_equal(result.outcome, UH_CHANGE_RECORDED);
  assert_string_equal(
      recorder.lines.s,
      "{\"cmdlet\":\"Set-SendConnector\",\"guid\":\"00112233-4455-6677-8899-aabb01020304\",\"name\":\"Out \\u202e\","
      "\"arguments\":{\"Enabled\":false,\"TlsCertificateName\":null,\"Port\":25,\"SmartHosts\":[\"a\",\"b\\\"\\n\"]}}\n");
  /* What a real run would refuse, a dry run refuses too, and records nothing. */
  change.cmdlet = "Set-Mailbox";
  result.outcome = UH_CHANGE_UNKNOWN;
  assert_int_equal(uh_write(&writer, &change, &result, &err), -1);
  assert_int_equal(result.outcome, UH_CHANGE_NOT_SENT);
  assert_int_equal(recorder.changes, 1);
  uh_recorder_clear(&recorder);
}

static void outcomes_have_names(void **state) {
  (void)state;
  assert_string_equal(uh_change_outcome_name(UH_CHANGE_NOT_SENT), "not-sent");
  assert_string_equal(uh_change_outcome_name(UH_CHANGE_UNKNOWN), "unknown");
  assert_string_equal(uh_change_outcome_name((enum uh_change_outcome)77), "unknown");
}

static void needs_an_operator(void **state) {
  (void)state;
  struct uh_exchange_server_options options = {.exchange = NULL};
  struct uh_exchange_server *server = NULL;
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_exchange_server_open(&options, &server, &err), -1);
  assert_int_equal(err.cls, UH_ERR_CONFIG);
  assert_string_equal(err.remedy, "add operator.exchange to the configuration");
}

/* Setup's own accounts and containers, and what people have named alike. */
static void what_may_go_from_the_directory(void **state) {
  (void)state;
#define USERS ",CN=Users,DC=a,DC=b"
#define ID "8f3e7716-2011-43e4-96b1-aba62d229136"
  static const struct {
    const char *object_class, *dn;
    bool may;
  } cases[] = {
      {"user", "CN=Migration." ID USERS, true},
      {"user", "CN=Migration.Manager" USERS, false},
      {"user", "CN=Migration." ID "x" USERS, false},
      {"user", "CN=SystemMailbox{" ID "}" USERS, true},
      {"user", "CN=SystemMailbox{" ID USERS, false},
      {"user", "CN=DiscoverySearchMailbox {D919BA05-46A6-415f-80AD-7E09334BB852}" USERS, true},
      {"user", "CN=DiscoverySearchMailbox of the lawyers" USERS, false},
      {"user", "CN=HealthMailbox83d6781be36b4bbf8893b03c2ee379ab" USERS, true},
      {"user", "CN=HealthMailbox" USERS, false},
      {"user", "CN=HealthMailbox Admin" USERS, false},
      {"computer", "CN=HealthMailbox83d6781be36b4bbf8893b03c2ee379ab" USERS, false},
      {"organizationalUnit", "OU=Microsoft Exchange Security Groups,DC=a,DC=b", true},
      {"organizationalUnit", "OU=Microsoft Exchange Security Groups of ours,DC=a,DC=b", false},
      {"user", "CN=Me,OU=Microsoft Exchange Security Groups,DC=a,DC=b", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (uh_directory_may_delete(cases[i].object_class, cases[i].dn) != cases[i].may) fail_msg("%s", cases[i].dn);
}

/* ---- who wrote last ---- */

/* As Samba 4.17 gave it of an object that was brought back: its class, isDeleted, the descriptor. */
static const uint8_t meta_data[] = {
    1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,
    /* objectClass */
    0, 0, 0, 0, 1, 0, 0, 0, 0x77, 0xfa, 0x1b, 0x21, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    0xaf, 0x13, 0, 0, 0, 0, 0, 0, 0xaf, 0x13, 0, 0, 0, 0, 0, 0,
    /* isDeleted */
    0x30, 0, 2, 0, 2, 0, 0, 0, 0x78, 0xfa, 0x1b, 0x21, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    16, 0xb1, 0x13, 0, 0, 0, 0, 0, 0, 0xb1, 0x13, 0, 0, 0, 0, 0, 0x80,
    /* nTSecurityDescriptor */
    0x19, 1, 2, 0, 1, 0, 0, 0, 0x77, 0xfa, 0x1b, 0x21, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    16, 0xaf, 0x13, 0, 0, 0, 0, 0, 0, 0xb0, 0x13, 0, 0, 0, 0, 0, 0};

static void test_written(void **state) {
  struct uh_directory_written is = {0};
  uint8_t damaged[sizeof meta_data];
  (void)state;
  assert_int_equal(uh_directory_written_find(meta_data, sizeof meta_data, 0, &is), 1);
  assert_true(is.seconds == 0x3211bfa77 && is.usn == 0x13af);
  assert_int_equal(uh_directory_written_find(meta_data, sizeof meta_data, 0x20030, &is), 1);
  assert_true(is.seconds == 0x3211bfa78 && is.usn == 0x80000000000013b1);
  assert_int_equal(uh_directory_written_find(meta_data, sizeof meta_data, 0x20119, &is), 1);
  assert_true(is.usn == 0x13b0); /* here, not where it was written */
  assert_int_equal(uh_directory_written_find(meta_data, sizeof meta_data, 0x90001, &is), 0);
  for (size_t n = 0; n < sizeof meta_data; n++) /* cut anywhere */
    assert_int_equal(uh_directory_written_find(meta_data, n, 0, &is), -1);
  memcpy(damaged, meta_data, sizeof damaged);
  damaged[0] = 2; /* a version that nobody knows */
  assert_int_equal(uh_directory_written_find(damaged, sizeof damaged, 0, &is), -1);
  memcpy(damaged, meta_data, sizeof damaged);
  damaged[11] = 0xff; /* more of them than there are bytes */
  assert_int_equal(uh_directory_written_find(damaged, sizeof damaged, 0, &is), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses),           cmocka_unit_test(refuses_in_the_cloud),
      cmocka_unit_test(records),           cmocka_unit_test(outcomes_have_names),
      cmocka_unit_test(needs_an_operator), cmocka_unit_test(what_may_go_from_the_directory),
      cmocka_unit_test(test_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
