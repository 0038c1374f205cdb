/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves by what the hybrid deployment is known, in which state an object is, and how a change is written: what means
 * the same is the same, what nobody told is neither yes nor no, and no name gets out of a command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "plan/plan.h"
#include "plan/plan_internal.h"

#include "small_facts.h"

#define OURS "7a1c2e4f-5b6d-4c3a-9e8f-0f0000000001"
#define THEIRS "7a1c2e4f-5b6d-4c3a-9e8f-0f00000000aa"
#define AGENT "50000000-0000-0000-0000-000000000002"
#define OTHER_AGENT "50000000-0000-0000-0000-0000000000aa"
#define AGENT_HOST(guid) "https://" guid ".resource.mailboxmigration.his.msappproxy.net/EWS/Exchange.asmx"
#define CURRENT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CURRENT_SPELLED "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define FEDERATION "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"

/* ---- anchors ---- */

static void read_anchors(const struct row *v, size_t n, const struct uh_anchors *known, struct uh_anchors **ret,
                         int expected, struct uh_err *err) {
  sqlite3 *db = NULL;
  struct uh_facts *facts = begin_facts();
  put_rows(facts, v, n);
  end_facts(facts);
  assert_int_equal(uh_facts_open(facts_path, &db, err), 0);
  int rc = uh_anchors_read(db, known, (struct uh_stated_list){0}, ret, err);
  if (rc != expected) fail_msg("%d: %s", rc, err->what);
  sqlite3_close(db);
}

static void has(const struct uh_anchors *a, const char *name, size_t i, const char *value) {
  const char *found = uh_anchors_get(a, name, i);
  if (found && value && strcmp(found, value) == 0) return;
  if (found || value) fail_msg("%s %zu: %s instead of %s", name, i, found ? found : "none", value ? value : "none");
}

static void anchors_are_what_the_facts_tell(void **state) {
  (void)state;
  static const struct row v[] = {
      {"directory", "on-premises", "OrganizationConfig", "c", OURS, "{}"},
      {"exchange-server", "on-premises", "OrganizationConfig", "c", "{7A1C2E4F-5B6D-4C3A-9E8F-0F0000000001}", "{}"},
      {"exchange-online", "cloud", "AcceptedDomain", "a", "1", "{\"DomainName\": \"other.mail.onmicrosoft.com\"}"},
      {"exchange-online", "cloud", "AcceptedDomain", "b", "2", "{\"DomainName\": \"Contoso.mail.onmicrosoft.com\"}"},
      {"graph", "cloud", "GraphDomain", "contoso.onmicrosoft.com", "",
       "{\"id\": \"contoso.onmicrosoft.com\", \"isInitial\": true}"},
      {"graph", "cloud", "GraphOrganization", "c", "11111111-2222-4333-8444-0f0000000001", "{}"},
      {"exchange-server", "on-premises", "HybridConfiguration", "h", "3",
       "{\"Domains\": [\"autod:contoso.com\", \"Bücher.example\"], \"TlsCertificateName\": \"<I>CN=ca<S>CN=mail\","
       " \"OnPremisesSmartHost\": \"filter.contoso.com:25\"}"},
      {"exchange-online", "cloud", "OnPremisesOrganization", "ours", "60000000-0000-0000-0000-000000000001",
       "{\"OrganizationGuid\": \"" OURS "\", \"HybridDomains\": [\"contoso.com\", \"more.example\"],"
       " \"InboundConnector\": \"In\", \"OutboundConnector\": \"Out\", \"OrganizationRelationship\": \"\"}"},
      {"exchange-online", "cloud", "OnPremisesOrganization", "theirs", "60000000-0000-0000-0000-000000000002",
       "{\"OrganizationGuid\": \"" THEIRS
       "\", \"HybridDomains\": [\"labs.example\"], \"InboundConnector\": \"Their in\"}"},
      /* Whose it is was not told: it is left to others. */
      {"exchange-online", "cloud", "OnPremisesOrganization", "untold", "60000000-0000-0000-0000-000000000003",
       "{\"HybridDomains\": [\"untold.example\"], \"InboundConnector\": \"Untold in\"}"},
      {"exchange-server", "on-premises", "AuthConfig", "a", "4",
       "{\"CurrentCertificateThumbprint\": \"" CURRENT "\", \"PreviousCertificateThumbprint\": null}"},
      {"exchange-server", "on-premises", "ExchangeCertificate", "", "",
       "{\"Thumbprint\": \"" CURRENT_SPELLED "\", \"Subject\": \"CN=auth\"}"},
      {"exchange-server", "on-premises", "ExchangeCertificate", "", "",
       "{\"Thumbprint\": \"" FEDERATION "\", \"Subject\": \"CN=Federation\"}"},
      {"exchange-server", "on-premises", "AuthServer", "evo", "5", "{\"ApplicationIdentifier\": \"" AGENT "\"}"},
      {"exchange-server", "on-premises", "AuthServer", "acs", "6",
       "{\"ApplicationIdentifier\": \"00000001-0000-0000-c000-000000000000\"}"},
      {"exchange-online", "cloud", "IntraOrganizationConnector", "i", "7",
       "{\"TargetAddressDomains\": [\"contoso.com\"], \"TargetSharingEpr\": \"" AGENT_HOST(AGENT) "\"}"},
      {"exchange-online", "cloud", "IntraOrganizationConnector", "j", "8",
       "{\"TargetAddressDomains\": [\"labs.example\"], \"TargetSharingEpr\": \"" AGENT_HOST(OTHER_AGENT) "\"}"},
      {"directory", "on-premises", "WebServicesVirtualDirectory", "EWS", "9",
       "{\"InternalUrl\": \"https://EX01.contoso.com/EWS/Exchange.asmx\", \"ExternalUrl\": \"https://outlook.office365.com/EWS\"}"},
      {"directory", "on-premises", "OabVirtualDirectory", "OAB", "13",
       "{\"InternalUrl\": null, \"ExternalUrl\": \"https://mail.contoso.com/OAB\"}"},
      {"directory", "on-premises", "AutodiscoverServiceConnectionPoint", "EX01", "10",
       "{\"ServiceBindingInformation\": [\"https://autodiscover.contoso.com/autodiscover/autodiscover.xml\"]}"},
      {"directory", "on-premises", "AcceptedDomain", "n", "11", "{\"DomainName\": \"*.contoso.net\"}"},
      {"directory", "on-premises", "AcceptedDomain", "l", "12", "{\"DomainName\": \"labs.example\"}"},
  };
  struct uh_anchors *a = NULL;
  struct uh_err err = UH_ERR_INIT;
  read_anchors(v, sizeof v / sizeof *v, NULL, &a, 0, &err);
  has(a, UH_ANCHOR_ORGANIZATION, 0, OURS);
  has(a, UH_ANCHOR_ORGANIZATION, 1, NULL);
  has(a, UH_ANCHOR_TENANT, 0, "11111111-2222-4333-8444-0f0000000001");
  has(a, UH_ANCHOR_INITIAL_DOMAIN, 0, "contoso.onmicrosoft.com");
  has(a, UH_ANCHOR_ROUTING_DOMAIN, 0, "contoso.mail.onmicrosoft.com");
  has(a, UH_ANCHOR_HYBRID_DOMAIN, 0, "contoso.com");
  has(a, UH_ANCHOR_HYBRID_DOMAIN, 1, "xn--bcher-kva.example");
  has(a, UH_ANCHOR_HYBRID_DOMAIN, 2, "more.example");
  has(a, UH_ANCHOR_HYBRID_DOMAIN, 3, NULL);
  has(a, UH_ANCHOR_ACCEPTED_DOMAIN, 0, "contoso.net");
  has(a, UH_ANCHOR_ACCEPTED_DOMAIN, 1, NULL);
  has(a, UH_ANCHOR_INBOUND, 0, "In");
  has(a, UH_ANCHOR_RELATIONSHIP, 0, NULL);
  has(a, UH_ANCHOR_OTHER_INBOUND, 0, "Their in");
  has(a, UH_ANCHOR_OTHER_INBOUND, 1, "Untold in");
  has(a, UH_ANCHOR_OTHER_DOMAIN, 1, "untold.example");
  has(a, UH_ANCHOR_OTHER_ORGANIZATION, 0, THEIRS);
  has(a, UH_ANCHOR_CLOUD_ORGANIZATION, 0, "60000000-0000-0000-0000-000000000001");
  has(a, UH_ANCHOR_AUTH_CERTIFICATE, 0, CURRENT_SPELLED);
  has(a, UH_ANCHOR_AUTH_SUBJECT, 0, "CN=auth");
  has(a, UH_ANCHOR_FEDERATION_CERTIFICATE, 0, FEDERATION);
  has(a, UH_ANCHOR_TLS_CERTIFICATE, 0, "<I>CN=ca<S>CN=mail");
  has(a, UH_ANCHOR_HYBRID_AGENT, 0, AGENT);
  has(a, UH_ANCHOR_HYBRID_AGENT, 1, NULL);
  has(a, UH_ANCHOR_DEDICATED_APPLICATION, 0, AGENT);
  has(a, UH_ANCHOR_DEDICATED_APPLICATION, 1, NULL);
  has(a, UH_ANCHOR_HOST, 0, "mail.contoso.com");
  has(a, UH_ANCHOR_HOST, 1, "ex01.contoso.com");
  has(a, UH_ANCHOR_HOST, 2, "autodiscover.contoso.com");
  has(a, UH_ANCHOR_HOST, 3, NULL);
  has(a, UH_ANCHOR_SMART_HOST, 0, "filter.contoso.com");
  uh_anchors_free(a);
}

static void the_journal_s_anchors_stay(void **state) {
  (void)state;
  static const struct row v[] = {
      {"directory", "on-premises", "OrganizationConfig", "c", OURS, "{}"},
      {"exchange-server", "on-premises", "HybridConfiguration", "h", "3", "{\"Domains\": [\"new.example\"]}"}};
  struct uh_anchors *known = NULL, *a = NULL;
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_anchors_from_json(
                       "{\"hybrid-domain\": [\"old.example\", \"NEW.example\"], \"organization-guid\": [\"" OURS "\"]}",
                       &known, &err),
                   0);
  read_anchors(v, 2, known, &a, 0, &err);
  has(a, UH_ANCHOR_HYBRID_DOMAIN, 0, "old.example");
  has(a, UH_ANCHOR_HYBRID_DOMAIN, 1, "NEW.example");
  has(a, UH_ANCHOR_HYBRID_DOMAIN, 2, NULL);
  char *json = uh_anchors_json(a);
  assert_string_equal(json,
                      "{\"hybrid-domain\":[\"old.example\",\"NEW.example\"],\"organization-guid\":[\"" OURS "\"]}");
  free(json);
  uh_anchors_free(a);
  uh_anchors_free(known);
  a = known = NULL;
  /* Another organisation's facts in this case. */
  assert_int_equal(uh_anchors_from_json("{\"organization-guid\": [\"" THEIRS "\"]}", &known, &err), 0);
  read_anchors(v, 2, known, &a, -1, &err);
  assert_int_equal(err.cls, UH_ERR_DATA);
  assert_non_null(strstr(err.what, THEIRS));
  assert_non_null(strstr(err.what, OURS));
  uh_anchors_free(known);
}

/* ---- whether it is so ---- */

#define ROW(source, json) "{\"source\": \"" source "\", \"json\": " json "}"
#define ROWS(...) "{\"rows\": [" __VA_ARGS__ "]}"
#define TEXT(property, value) \
  { .name = property, .type = UH_VALUE_TEXT, .text = value }

static int satisfied(const struct uh_expect *expect, bool there, const char *image, char why[300]) {
  const struct uh_planned p = {.id = "a", .action = {.expect = expect}};
  struct uh_str out = {0};
  struct uh_err err = UH_ERR_INIT;
  int rc = uh_planned_satisfied(&p, UH_EXPECT_END, there, image, &out, &err);
  (void)snprintf(why, 300, "%s", uh_str_or(&out, ""));
  if (rc < 0) assert_int_equal(err.cls, UH_ERR_UNAVAILABLE);
  uh_str_clear(&out);
  return rc;
}

static void a_value_is_compared_by_its_meaning(void **state) {
  (void)state;
  static const char *const list[] = {"B.example", "a.example"};
  static const struct {
    struct uh_argument wanted;
    const char *image;
    int expected;
    const char *why;
  } v[] = {
      {{.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false}, ROWS(ROW("s", "{\"enabled\": \"False\"}")), 1, ""},
      {{.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false},
       ROWS(ROW("s", "{\"Enabled\": true}")),
       0,
       "Enabled is not false"},
      /* Both sources have to say so; one that does not tell says nothing. */
      {{.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false},
       ROWS(ROW("s", "{\"Enabled\": false}") "," ROW("d", "{\"Enabled\": true}")),
       0,
       "Enabled is not false"},
      {{.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false},
       ROWS(ROW("s", "{\"Enabled\": false}") "," ROW("d", "{}")),
       1,
       ""},
      {{.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false}, ROWS(ROW("s", "{}")), -1, "Enabled was not told"},
      {{.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false},
       ROWS(ROW("s", "{\"Enabled\": {\"@answer\": \"refused\"}}")),
       -1,
       "Enabled was not told"},
      {{.name = "Domains", .type = UH_VALUE_TEXTS, .texts = {list, 2}},
       ROWS(ROW("s", "{\"Domains\": [\"A.example\", \"b.example\"]}")),
       1,
       ""},
      {{.name = "Domains", .type = UH_VALUE_TEXTS, .texts = {list, 2}},
       ROWS(ROW("s", "{\"Domains\": [\"b.example\"]}")),
       0,
       "Domains is not [\"B.example\",\"a.example\"]"},
      {{.name = "X", .type = UH_VALUE_NULL}, ROWS(ROW("s", "{\"X\": \"\"}")), 1, ""},
      {{.name = "X", .type = UH_VALUE_NULL}, ROWS(ROW("s", "{\"X\": []}")), 1, ""},
      {{.name = "X", .type = UH_VALUE_NULL}, ROWS(ROW("s", "{\"X\": \"<I>a\"}")), 0, "X is not nothing"},
      {TEXT("Id", "{7A1C2E4F-5B6D-4C3A-9E8F-0F0000000001}"), ROWS(ROW("s", "{\"Id\": \"" OURS "\"}")), 1, ""},
      {TEXT("Type", "Authoritative"), ROWS(ROW("d", "{\"Type\": 0}")), -1, "Type was not told"},
      {TEXT("Port", "25"), ROWS(ROW("d", "{\"Port\": 25}")), 1, ""},
  };
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    const struct uh_expect expect[] = {{.what = UH_EXPECT_VALUE, .value = v[i].wanted}, {0}};
    char why[300];
    int rc = satisfied(expect, true, v[i].image, why);
    if (rc != v[i].expected || strcmp(why, v[i].why) != 0) fail_msg("%zu: %d %s", i, rc, why);
  }
}

static void absence_lists_and_files(void **state) {
  (void)state;
  static const struct uh_expect
      absent[] = {{.what = UH_EXPECT_ABSENT}, {0}},
      lacks[] = {{.what = UH_EXPECT_LACKS, .value = TEXT("Spaces", "smtp:A;1")}, {0}},
      key[] = {{.what = UH_EXPECT_LACKS, .value = TEXT("keyCredentials", AGENT), .member = "keyId"}, {0}},
      file[] = {{.what = UH_EXPECT_FILE, .value = TEXT("exports", "a.pfx")}, {0}},
      both[] = {{.what = UH_EXPECT_ABSENT}, {.what = UH_EXPECT_FILE, .value = TEXT("exports", "a.pfx")}, {0}};
  static const struct {
    const struct uh_expect *expect;
    bool there;
    const char *image;
    int expected;
  } v[] = {
      {absent, false, NULL, 1},
      {absent, true, ROWS(ROW("s", "{}")), 0},
      {lacks, true, ROWS(ROW("s", "{\"Spaces\": [\"smtp:a;1\", \"smtp:b;1\"]}")), 0},
      {lacks, true, ROWS(ROW("s", "{\"Spaces\": [\"smtp:b;1\"]}")), 1},
      {lacks, true, ROWS(ROW("s", "{\"Spaces\": null}")), 1},
      {lacks, true, ROWS(ROW("s", "{}")), -1},
      {lacks, false, ROWS(""), -1},
      /* The last value of an entry of the directory takes the attribute with it. */
      {lacks, true, ROWS("{\"source\": \"directory\", \"kind\": \"" UH_DIRECTORY_ENTRY "\", \"json\": {}}"), 1},
      {key, true, ROWS(ROW("s", "{\"keyCredentials\": [{\"keyId\": \"" THEIRS "\"}]}")), 1},
      {key, true, ROWS(ROW("s", "{\"keyCredentials\": [{\"keyId\": \"" THEIRS "\"}, {\"keyId\": \"" AGENT "\"}]}")), 0},
      {key, true, ROWS(ROW("s", "{\"keyCredentials\": [{\"displayName\": \"x\"}]}")), -1},
      {file, true, "{\"rows\": [], \"files\": {\"a.pfx\": 12}}", 1},
      {file, true, "{\"rows\": [], \"files\": {\"a.pfx\": 0}}", 0},
      {file, true, "{\"rows\": [], \"files\": {\"a.pfx\": \"it is empty\"}}", 0},
      {file, true, "{\"rows\": []}", 0},
      {both, false, "{\"rows\": []}", 0},
  };
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    char why[300];
    int rc = satisfied(v[i].expect, v[i].there, v[i].image, why);
    if (rc != v[i].expected) fail_msg("%zu: %d %s", i, rc, why);
  }
}

/* A person finds out which file is meant, and what is wrong with it. */
static void a_file_that_does_not_count_is_told(void **state) {
  (void)state;
  static const struct uh_expect file[] = {{.what = UH_EXPECT_FILE, .value = TEXT("exports", "a.pfx")}, {0}};
  char why[300];
  assert_int_equal(satisfied(file, true, "{\"rows\": [], \"files\": {\"a.pfx\": \"it is empty\"}}", why), 0);
  assert_string_equal(why, "the file exports/a.pfx does not count: it is empty");
  assert_int_equal(satisfied(file, true, "{\"rows\": [], \"files\": {\"b.pfx\": 12}}", why), 0);
  assert_string_equal(why, "there is no file exports/a.pfx");
}

/* ---- the state ---- */

static void fingerprint(const char *json, char hex[65]) {
  const struct uh_planned p = {.fingerprint_source = "s"};
  char image[400];
  struct uh_err err = UH_ERR_INIT;
  (void)snprintf(
      image, sizeof image,
      "{\"rows\": [" ROW("other", "{\"A\": 1}") ", {\"source\": \"s\", \"kind\": \"AuthServer\", \"json\": %s}]}",
      json);
  assert_int_equal(uh_planned_fingerprint(&p, image, hex, &err), 0);
}

static void only_what_somebody_changed_changes_the_fingerprint(void **state) {
  (void)state;
  static const struct {
    const char *a, *b;
    bool same;
  } v[] = {
      {"{\"L\": [\"b\", \"a\"], \"M\": 1}", "{\"M\": 1, \"L\": [\"a\", \"b\"]}", true},
      {"{\"A\": 1, \"WhenChanged\": \"x\", \"OriginatingServer\": \"dc1\"}", "{\"A\": 1, \"WhenChanged\": \"y\"}",
       true},
      {"{\"A\": 1, \"CertificateStrings\": [\"x\"]}", "{\"A\": 1, \"CertificateStrings\": [\"y\"]}", true},
      {"{\"A\": 1, \"Status\": \"x\"}", "{\"A\": 1, \"Status\": \"y\"}", false}, /* only of certificates */
      {"{\"D\": \"Contoso.COM\"}", "{\"D\": \"contoso.com\"}", true},
      {"{\"G\": \"{7A1C2E4F-5B6D-4C3A-9E8F-0F0000000001}\"}", "{\"G\": \"" OURS "\"}", true},
      {"{\"N\": \"\"}", "{\"N\": []}", true},
      {"{\"N\": \"A name\"}", "{\"N\": \"a name\"}", false},
      {"{\"K\": \"QUJD\"}", "{\"K\": \"qujd\"}", false},
      {"{\"E\": true}", "{\"E\": false}", false},
      /* A NUL ends no text. */
      {"{\"A\": \"Sales\\u0000a\"}", "{\"A\": \"Sales\\u0000b\"}", false},
      {"{\"A\": \"Sales\\u0000a\"}", "{\"A\": \"Sales\"}", false},
      {"{\"A\": [\"y\\u0000\", \"x\"]}", "{\"A\": [\"x\", \"y\\u0000\"]}", true},
      /* What was told and is not any more may be anything. */
      {"{\"E\": \"\"}", "{}", false},
      {"{\"E\": \"\"}", "{\"E\": {\"@answer\": \"timeout\"}}", false},
  };
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    char a[65], b[65];
    fingerprint(v[i].a, a);
    fingerprint(v[i].b, b);
    if ((strcmp(a, b) == 0) != v[i].same) fail_msg("%zu", i);
  }
  const struct uh_planned p = {.fingerprint_source = "exchange-server"};
  struct uh_err err = UH_ERR_INIT;
  char hex[65];
  assert_int_equal(uh_planned_fingerprint(&p, ROWS(ROW("directory", "{}")), hex, &err), -1);
  assert_int_equal(err.cls, UH_ERR_UNAVAILABLE);
}

/* What the plan's other actions do to an object by taking away what it names is nobody else's change. */
static void what_others_going_does_is_no_change(void **state) {
  static const struct {
    const char *kind, *a, *b;
    bool same;
  } v[] = {
      {"OnPremisesOrganization",
       "{\"OrganizationGuid\": \"x\", \"InboundConnector\": \"in\", \"OutboundConnector\": \"out\","
       " \"OrganizationRelationship\": \"rel\"}",
       "{\"OrganizationGuid\": \"x\", \"InboundConnector\": null, \"OutboundConnector\": \"\","
       " \"OrganizationRelationship\": null}",
       true},
      {"OnPremisesOrganization", "{\"OrganizationGuid\": \"x\"}", "{\"OrganizationGuid\": \"y\"}", false},
      {"ExchangeCertificate", "{\"Services\": \"SMTP, Federation\"}", "{\"Services\": \"SMTP\"}", true},
      {"SendConnector", "{\"Services\": \"SMTP, Federation\"}", "{\"Services\": \"SMTP\"}", false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    const struct uh_planned p = {.fingerprint_source = "s"};
    struct uh_err err = UH_ERR_INIT;
    char image[400], hex[2][65];
    for (int k = 0; k < 2; k++) {
      (void)snprintf(image, sizeof image, "{\"rows\": [{\"source\": \"s\", \"kind\": \"%s\", \"json\": %s}]}",
                     v[i].kind, k ? v[i].b : v[i].a);
      assert_int_equal(uh_planned_fingerprint(&p, image, hex[k], &err), 0);
    }
    if ((strcmp(hex[0], hex[1]) == 0) != v[i].same) fail_msg("%zu", i);
  }
}

static void drift_is_told_in_words(void **state) {
  (void)state;
  const struct uh_planned p = {.fingerprint_source = "s"};
  struct uh_str out = {0};
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(
      uh_planned_drift(&p, ROWS(ROW("s", "{\"A\": true, \"B\": \"x\", \"C\": [], \"Same\": 1}")),
                       ROWS(ROW("s", "{\"A\": false, \"C\": [\"\\u001b[31m\"], \"D\": null, \"Same\": \"1\"}")), &out,
                       &err),
      0);
  assert_string_equal(uh_str_text(&out),
                      "A: true -> false; B: x -> not obtained; C: none -> \\x1b[31m; D: not obtained -> none");
  uh_str_clear(&out);
}

/* ---- an action on paper ---- */

static void a_command_holds_its_names(void **state) {
  (void)state;
  static const char *const list[] = {"a'b", "c"};
  static const uint8_t guid[UH_GUID_SIZE] = {0x12, 0x34};
  static const struct uh_argument arguments[] = {
      {.name = "Text", .type = UH_VALUE_TEXT, .text = "O\u2019Brien; Remove-Mailbox"},
      {.name = "None", .type = UH_VALUE_NULL},
      {.name = "Flag", .type = UH_VALUE_BOOL, .yes = true},
      {.name = "Count", .type = UH_VALUE_NUMBER, .number = -3},
      {.name = "Id", .type = UH_VALUE_GUID, .guid = guid},
      {.name = "List", .type = UH_VALUE_TEXTS, .texts = {list, 2}},
      {.name = "Empty", .type = UH_VALUE_TEXTS},
      {0}};
  const struct uh_change change = {"Set-X", guid, "a\nRemove-Everything\xe2\x80\xa8# \x1b[2J", arguments};
  struct uh_str out = {0};
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_change_powershell(&change, &out, &err), 0);
  assert_string_equal(
      uh_str_text(&out),
      "Set-X -Identity '00003412-0000-0000-0000-000000000000' -Text 'O\u2019\u2019Brien; Remove-Mailbox' -None $null"
      " -Flag:$true -Count -3 -Id '00003412-0000-0000-0000-000000000000' -List @('a''b','c') -Empty @()"
      " -Confirm:$false  # a\\x0aRemove-Everything\\u2028# \\x1b[2J");
  uh_str_reset(&out);
  const struct uh_argument bad[] = {{.name = "Text", .type = UH_VALUE_TEXT, .text = "a\nb"}, {0}};
  const struct uh_change refused = {"Set-X", guid, NULL, bad};
  assert_int_equal(uh_change_powershell(&refused, &out, &err), -1);
  assert_int_equal(err.cls, UH_ERR_DATA);
  uh_str_clear(&out);
}

static void an_action_comes_back_whole(void **state) {
  (void)state;
  static const char *const list[] = {"a", ""};
  static const uint8_t guid[UH_GUID_SIZE] = {1, 2, 3};
  static const struct uh_argument arguments[] = {{.name = "Text", .type = UH_VALUE_TEXT, .text = "\u202e"},
                                                 {.name = "None", .type = UH_VALUE_NULL},
                                                 {.name = "Flag", .type = UH_VALUE_BOOL, .yes = true},
                                                 {.name = "Count", .type = UH_VALUE_NUMBER, .number = INT64_MIN},
                                                 {.name = "Id", .type = UH_VALUE_GUID, .guid = guid},
                                                 {.name = "List", .type = UH_VALUE_TEXTS, .texts = {list, 2}},
                                                 {.name = "Empty", .type = UH_VALUE_TEXTS, .texts = {list, 0}},
                                                 {0}};
  static const struct uh_change changes[] = {{"Set-X", guid, "n", arguments}, {"Set-Y", NULL, NULL, NULL}, {0}};
  static const struct uh_key_removal keys[] = {{{9}, UH_KEY_EXPIRED}, {{8}, UH_KEY_OURS}};
  static const struct uh_certificate_mark marks[] = {{{0xab}, "CN=x", 77}, {{0xcd}, NULL, 0}};
  static const struct uh_graph_change graph = {
      UH_GRAPH_REMOVE_KEYS, UH_GRAPH_APPLICATION, guid, "g", keys, 2, marks, 2, list, 1};
  static const struct uh_expect expect[] = {
      {.what = UH_EXPECT_ABSENT},
      {.what = UH_EXPECT_LACKS, .value = {.name = "k", .type = UH_VALUE_GUID, .guid = guid}, .member = "keyId"},
      {.what = UH_EXPECT_FILE, .value = {.name = "exports", .type = UH_VALUE_TEXT, .text = "f"}},
      {0}};
  const struct uh_action action = {.subject = {"cloud", "K", "", "name", arguments},
                                   .verb = UH_VERB_DO,
                                   .part = "p/1",
                                   .executor = UH_BY_GRAPH,
                                   .reversible = UH_IRREVERSIBLE,
                                   .changes = changes,
                                   .graph = &graph,
                                   .commands = "c",
                                   .where = "w",
                                   .expect = expect,
                                   .why = "y",
                                   .effect = "e",
                                   .undo = "u",
                                   .approval = "a",
                                   .after = "s",
                                   .observe = true};
  struct uh_arena arena = {0};
  struct uh_action back = {0};
  struct uh_err err = UH_ERR_INIT;
  json_t *first = uh_action_encode(&action);
  assert_non_null(first);
  assert_int_equal(uh_action_decode(&arena, first, &back, &err), 0);
  json_t *second = uh_action_encode(&back);
  assert_true(json_equal(first, second));
  assert_int_equal(back.graph->keys[1].key_id[0], 8);
  assert_int_equal(back.graph->certificates[0].sha1[0], 0xab);
  assert_int_equal(back.changes[0].arguments[5].texts.n, 2);
  assert_null(back.changes[1].guid);
  struct uh_str id = {0};
  const struct uh_step step = {.id = "step"};
  assert_true(uh_action_id(&step, &back, &id));
  assert_string_equal(uh_str_text(&id),
                      "step/do/cloud/K/Text=%E2%80%AE,None=,Flag=true,Count=-9223372036854775808,"
                      "Id=00030201-0000-0000-0000-000000000000,List=a+,Empty=/p%2F1");
  uh_str_clear(&id);
  json_decref(second);
  /* Each member that is damaged is refused, by its name. */
  static const char *const members[] = {"subject", "verb",   "executor", "reversible", "expect",
                                        "why",     "effect", "changes",  "graph"};
  for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
    json_t *damaged = json_deep_copy(first);
    err = UH_ERR_INIT;
    json_object_set_new(damaged, members[i], json_integer(7));
    assert_int_equal(uh_action_decode(&arena, damaged, &back, &err), -1);
    assert_int_equal(err.cls, UH_ERR_DATA);
    json_decref(damaged);
  }
  json_decref(first);
  uh_arena_clear(&arena);
}

/* The subject is looked at and exported, the change is sent: a plan in which they are two objects, or which is sent
 * another way than it shows, is none. */
static void an_action_is_about_its_subject(void **state) {
  (void)state;
  static const uint8_t guid[UH_GUID_SIZE] = {1, 2, 3};
  static const struct uh_expect expect[] = {{.what = UH_EXPECT_ABSENT}, {0}};
  const struct uh_directory_change entry = {
      .action = UH_DIRECTORY_DELETE, .guid = guid, .dn = "CN=a,DC=b", .object_class = "msExchContainer"};
  static const struct {
    const char *kind, *guid;
    enum uh_executor executor;
    int rc;
  } cases[] = {
      {UH_DIRECTORY_ENTRY, "00030201-0000-0000-0000-000000000000", UH_BY_DIRECTORY, 0},
      {UH_DIRECTORY_ENTRY, "00030201-0000-0000-0000-000000000000", UH_BY_OPERATOR, 0},
      {UH_DIRECTORY_ENTRY, "00030201-0000-0000-0000-000000000001", UH_BY_DIRECTORY, -1},
      {"SendConnector", "00030201-0000-0000-0000-000000000000", UH_BY_DIRECTORY, -1},
      {UH_DIRECTORY_ENTRY, "00030201-0000-0000-0000-000000000000", UH_BY_EXCHANGE_SERVER, -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct uh_arena arena = {0};
    struct uh_action back = {0};
    struct uh_err err = UH_ERR_INIT;
    const struct uh_action action = {.subject = {"on-premises", cases[i].kind, cases[i].guid, "a", NULL},
                                     .executor = cases[i].executor,
                                     .directory = &entry,
                                     .expect = expect,
                                     .why = "y",
                                     .effect = "e"};
    json_t *json = uh_action_encode(&action);
    assert_non_null(json);
    assert_int_equal(uh_action_decode(&arena, json, &back, &err), cases[i].rc);
    json_decref(json);
    uh_arena_clear(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(anchors_are_what_the_facts_tell),
      cmocka_unit_test(the_journal_s_anchors_stay),
      cmocka_unit_test(a_value_is_compared_by_its_meaning),
      cmocka_unit_test(absence_lists_and_files),
      cmocka_unit_test(a_file_that_does_not_count_is_told),
      cmocka_unit_test(only_what_somebody_changed_changes_the_fingerprint),
      cmocka_unit_test(what_others_going_does_is_no_change),
      cmocka_unit_test(drift_is_told_in_words),
      cmocka_unit_test(a_command_holds_its_names),
      cmocka_unit_test(an_action_comes_back_whole),
      cmocka_unit_test(an_action_is_about_its_subject),
  };
  if (!mkdtemp(folder)) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(facts_path);
  rmdir(folder);
  return failed;
}
