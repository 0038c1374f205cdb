/* SPDX-License-Identifier: Apache-2.0 */
/* Whose certificate a credential is, who survives a change, and what stops it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "executors/graph_body.h"

/* A certificate, its thumbprint, the thumbprint's 20 bytes and its 40 digits in base64. */
#define KEY                                                                                              \
  "MIIBajCCARCgAwIBAgIUN8dIKV3Q68tARIMuzEgNsukccd0wCgYIKoZIzj0EAwIwNTEzMDEGA1UEAwwqTWljcm9zb2Z0IEV4Y2hh" \
  "bmdlIFNlcnZlciBBdXRoIENlcnRpZmljYXRlMB4XDTI0MDYwMTAwMDAwMFoXDTI5MDYwMTAwMDAwMFowNTEzMDEGA1UEAwwqTWlj" \
  "cm9zb2Z0IEV4Y2hhbmdlIFNlcnZlciBBdXRoIENlcnRpZmljYXRlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1ns8UxxgLoZL" \
  "C+tcxKHnc+TXpkIJengcOghWxouYmPswS3j+ioaO09RBEuAZNzpxM3G+8OBSM6D2Hx0TOjF8/jAKBggqhkjOPQQDAgNIADBFAiB9" \
  "j68obp+N3Q6/KO8dr8ghe/VXYPFEsNNIqYFdvsbRkgIhAKFHFi24tceijGsS8BkZJfRs+USj2GqHQe8+iiHgsCQ+"
#define HEX "8C397043FAD2EED71433C26B07CE8AA41AC5EF9A"
#define BYTES "jDlwQ/rS7tcUM8JrB86KpBrF75o="
#define DIGITS "OEMzOTcwNDNGQUQyRUVENzE0MzNDMjZCMDdDRThBQTQxQUM1RUY5QQ=="
static const struct uh_certificate_mark certificate = {
    .sha1 = {0x8c, 0x39, 0x70, 0x43, 0xfa, 0xd2, 0xee, 0xd7, 0x14, 0x33,
             0xc2, 0x6b, 0x07, 0xce, 0x8a, 0xa4, 0x1a, 0xc5, 0xef, 0x9a},
    .subject = "CN=Microsoft Exchange Server Auth Certificate",
    .not_after = 1000000000};

static void matches(void **state) {
  (void)state;
  static const char *const subject = "CN=Microsoft Exchange Server Auth Certificate";
  static const struct {
    struct uh_key_credential key;
    enum uh_key_match match;
  } cases[] = {
      {{.custom_key_identifier = HEX}, UH_KEY_BY_IDENTIFIER},
      {{.custom_key_identifier = "8c397043fad2eed71433c26b07ce8aa41ac5ef9a"}, UH_KEY_BY_IDENTIFIER},
      {{.custom_key_identifier = BYTES}, UH_KEY_BY_IDENTIFIER_BYTES},
      {{.custom_key_identifier = DIGITS}, UH_KEY_BY_IDENTIFIER_BYTES},
      {{.key = KEY}, UH_KEY_BY_KEY},
      {{.key = KEY, .custom_key_identifier = "0000000000000000000000000000000000000000"}, UH_KEY_BY_KEY},
      {{.display_name = subject, .ends = 1000000000 + 3600}, UH_KEY_HINT},
      /* Nothing of it is told, or nothing agrees. */
      {{0}, UH_KEY_NO_MATCH},
      {{.custom_key_identifier = ""}, UH_KEY_NO_MATCH},
      {{.custom_key_identifier = "8C397043FAD2EED71433C26B07CE8AA41AC5EF9B"}, UH_KEY_NO_MATCH},
      {{.custom_key_identifier = "8C397043FAD2EED71433C26B07CE8AA41AC5EF9"}, UH_KEY_NO_MATCH},
      {{.custom_key_identifier = HEX "00"}, UH_KEY_NO_MATCH},
      {{.custom_key_identifier = "jDlwQ/rS7tcUM8JrB86KpBrF75s="}, UH_KEY_NO_MATCH},
      {{.custom_key_identifier = "jDlwQ/rS7tcUM8JrB86KpBrF"}, UH_KEY_NO_MATCH},
      {{.custom_key_identifier = "===="}, UH_KEY_NO_MATCH},
      {{.display_name = subject}, UH_KEY_NO_MATCH},
      {{.display_name = subject, .ends = 1000000000 + 90000}, UH_KEY_NO_MATCH},
      {{.display_name = "CN=x", .ends = 1000000000}, UH_KEY_NO_MATCH},
      /* Bytes that are no certificate say nothing; the identifier does. */
      {{.key = "AAAA", .custom_key_identifier = HEX}, UH_KEY_BY_IDENTIFIER},
      {{.key = "not base64!", .custom_key_identifier = HEX}, UH_KEY_BY_IDENTIFIER},
      {{.key = KEY "AAAA", .custom_key_identifier = "x"}, UH_KEY_NO_MATCH},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    enum uh_key_match got = uh_key_match(&cases[i].key, &certificate);
    if (got != cases[i].match) fail_msg("%zu: %d, not %d", i, (int)got, (int)cases[i].match);
  }
}

/* What somebody wrote beside a certificate does not make it ours. */
static void a_certificate_decides(void **state) {
  (void)state;
  struct uh_certificate_mark other = certificate;
  other.sha1[0] ^= 1;
  struct uh_key_credential key = {.key = KEY, .custom_key_identifier = "8D397043FAD2EED71433C26B07CE8AA41AC5EF9A"};
  assert_int_equal(uh_key_match(&key, &other), UH_KEY_NO_MATCH);
  key.key = NULL;
  assert_int_equal(uh_key_match(&key, &other), UH_KEY_BY_IDENTIFIER);
}

#define ID "00112233-4455-6677-8899-aabb01020304"
#define A "7b000000-0000-0000-0000-00000000000a"
#define B "7b000000-0000-0000-0000-00000000000b"
#define ENTRY(id, key, more) "{\"keyId\":\"" id "\",\"type\":\"T\",\"usage\":\"Verify\",\"key\":" key more "}"
#define OBJECT(members) "{\"id\":\"" ID "\",\"appId\":\"5b\"," members "}"
#define TWO(more) \
  "\"keyCredentials\":[" ENTRY(A, "\"QUFB\"", more) "," ENTRY(B, "\"QkJC\"", ",\"displayName\":\"x\"") "]"
#define NOW 1700000000

static int body_of(struct uh_graph_change *change, enum uh_key_reason reason, const char *object,
                   const struct uh_graph_gone *gone, struct uh_str *body, struct uh_err *err) {
  static uint8_t id[UH_GUID_SIZE];
  static struct uh_key_removal removal;
  static const struct uh_graph_gone none;
  assert_true(uh_guid_parse(ID, id) && uh_guid_parse(A, removal.key_id));
  removal.reason = reason;
  change->id = id;
  if (!change->names) change->keys = &removal, change->n_keys = 1;
  change->certificates = &certificate;
  change->n_certificates = 1;
  *err = UH_ERR_INIT;
  uh_str_clear(body);
  json_t *j = json_loads(object, 0, NULL);
  assert_non_null(j);
  int r = uh_graph_body(change, j, gone ? gone : &none, NOW, body, err);
  json_decref(j);
  return r;
}

static void survivors_are_sent_as_they_were_told(void **state) {
  (void)state;
  struct uh_graph_change change = {.action = UH_GRAPH_REMOVE_KEYS};
  struct uh_str body = {0};
  struct uh_err err;
  assert_int_equal(body_of(&change, UH_KEY_NAMED, OBJECT(TWO("")), NULL, &body, &err), 0);
  assert_string_equal(body.s, "{\"keyCredentials\":[{\"key\":\"QkJC\",\"type\":\"T\",\"usage\":\"Verify\"}]}");
  assert_int_equal(
      body_of(&change, UH_KEY_EXPIRED, OBJECT(TWO(",\"endDateTime\":\"2020-01-01T00:00:00Z\"")), NULL, &body, &err), 0);
  assert_int_equal(
      body_of(&change, UH_KEY_OURS, OBJECT(TWO(",\"customKeyIdentifier\":\"" BYTES "\"")), NULL, &body, &err), 0);
  assert_int_equal(
      body_of(&change, UH_KEY_NAMED, OBJECT("\"keyCredentials\":[" ENTRY(A, "null", "") "]"), NULL, &body, &err), 0);
  assert_string_equal(body.s, "{\"keyCredentials\":[]}"); /* who goes need not be told */
  assert_int_equal(
      body_of(&change, UH_KEY_NAMED, OBJECT("\"keyCredentials\":[" ENTRY(B, "null", "") "]"), NULL, &body, &err), -1);
  assert_int_equal(body_of(&change, UH_KEY_NAMED, OBJECT("\"keyCredentials\":[]"), NULL, &body, &err),
                   UH_GRAPH_NEEDS_NOTHING);
  uh_str_clear(&body);
}

static void stops(void **state) {
  (void)state;
  static const struct {
    enum uh_graph_action action;
    enum uh_key_reason reason;
    const char *object, *why;
  } cases[] = {
      {UH_GRAPH_REMOVE_KEYS, UH_KEY_NAMED, "{\"id\":\"" A "\"," TWO("") "}", "another object"},
      {UH_GRAPH_REMOVE_KEYS, UH_KEY_NAMED, "{" TWO("") "}", "another object"},
      {UH_GRAPH_REMOVE_KEYS, UH_KEY_NAMED, OBJECT("\"x\":1"), "does not tell the list"},
      {UH_GRAPH_REMOVE_KEYS, UH_KEY_NAMED, OBJECT("\"keyCredentials\":null"), "does not tell the list"},
      {UH_GRAPH_REMOVE_KEYS, UH_KEY_NAMED, OBJECT("\"keyCredentials@odata.nextLink\":\"https://x\"," TWO("")),
       "only a part of the list"},
      {UH_GRAPH_REMOVE_KEYS, UH_KEY_NAMED,
       OBJECT("\"keyCredentials\":[" ENTRY(A, "\"QUFB\"", "") "," ENTRY(B, "null", "") "]"), "does not tell the key"},
      {UH_GRAPH_REMOVE_KEYS, UH_KEY_NAMED,
       OBJECT("\"keyCredentials\":[" ENTRY(A, "\"QUFB\"", "") "," ENTRY(B, "\"\"", "") "]"), "does not tell the key"},
      {UH_GRAPH_REMOVE_KEYS, UH_KEY_NAMED, OBJECT("\"keyCredentials\":[1]"), "cannot be told from others"},
      {UH_GRAPH_REMOVE_KEYS, UH_KEY_OURS, OBJECT(TWO("")), "is no certificate of this organisation"},
      {UH_GRAPH_REMOVE_KEYS, UH_KEY_OURS,
       OBJECT(TWO(",\"displayName\":\"CN=Microsoft Exchange Server Auth Certificate\","
                  "\"endDateTime\":\"2001-09-09T01:46:40Z\"")),
       "is no certificate of this organisation"}, /* a hint is not enough */
      {UH_GRAPH_REMOVE_KEYS, UH_KEY_EXPIRED, OBJECT(TWO("")), "has not ended"},
      {UH_GRAPH_REMOVE_KEYS, UH_KEY_EXPIRED, OBJECT(TWO(",\"endDateTime\":\"2030-01-01T00:00:00Z\"")), "has not ended"},
      {UH_GRAPH_REMOVE_KEYS, UH_KEY_EXPIRED, OBJECT(TWO(",\"endDateTime\":\"2020-01-01T00:00:00\"")), "has not ended"},
      {UH_GRAPH_DELETE, UH_KEY_NAMED, "{\"id\":\"" ID "\"}", "which application"},
      {UH_GRAPH_DELETE, UH_KEY_NAMED, "{\"id\":\"" ID "\",\"appId\":\"00000002-0000-0FF1-CE00-000000000000\"}",
       "one of Microsoft's own"},
      {UH_GRAPH_DELETE, UH_KEY_NAMED, OBJECT("\"appOwnerOrganizationId\":\"f8cdef31-a31e-4b4a-93e4-5f571e91255a\""),
       "one of Microsoft's own"},
  };
  struct uh_str body = {0};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct uh_err err;
    struct uh_graph_change change = {.action = cases[i].action};
    int r = body_of(&change, cases[i].reason, cases[i].object, NULL, &body, &err);
    if (r != -1 || !strstr(err.what, cases[i].why)) fail_msg("%zu: %d %s", i, r, err.what);
  }
  uh_str_clear(&body);
}

static void what_was_removed_never_comes_back(void **state) {
  (void)state;
  char text[] = ID "/" B, elsewhere[] = A "/" B, *v[] = {text}, *w[] = {elsewhere};
  struct uh_graph_gone gone = {v, 1}, other = {w, 1};
  struct uh_graph_change change = {.action = UH_GRAPH_REMOVE_KEYS};
  struct uh_str body = {0};
  struct uh_err err;
  assert_int_equal(body_of(&change, UH_KEY_NAMED, OBJECT(TWO("")), &gone, &body, &err), -1);
  assert_non_null(strstr(err.what, "still shows what was removed"));
  assert_int_equal(body_of(&change, UH_KEY_NAMED, OBJECT(TWO("")), &other, &body, &err), 0);
  uh_str_clear(&body);
}

static void names(void **state) {
  (void)state;
  static const char *const go[] = {"https://mail.contoso.com/"};
  struct uh_graph_change change = {
      .action = UH_GRAPH_REMOVE_NAMES, .kind = UH_GRAPH_SERVICE_PRINCIPAL, .names = go, .n_names = 1};
  struct uh_str body = {0};
  struct uh_err err;
  const char *object =
      OBJECT("\"servicePrincipalNames\":[\"5B\",\"https://MAIL.contoso.com/\",\"https://mail.contoso.com\"]");
  assert_int_equal(body_of(&change, UH_KEY_NAMED, object, NULL, &body, &err), 0);
  assert_string_equal(body.s, "{\"servicePrincipalNames\":[\"5B\",\"https://mail.contoso.com\"]}");
  object = OBJECT("\"servicePrincipalNames\":[\"https://mail.contoso.com/\",\"x\"]");
  assert_int_equal(body_of(&change, UH_KEY_NAMED, object, NULL, &body, &err), -1);
  assert_non_null(strstr(err.what, "own id"));
  uh_str_clear(&body);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matches),
      cmocka_unit_test(a_certificate_decides),
      cmocka_unit_test(survivors_are_sent_as_they_were_told),
      cmocka_unit_test(stops),
      cmocka_unit_test(what_was_removed_never_comes_back),
      cmocka_unit_test(names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
