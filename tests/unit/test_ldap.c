/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of engine/wire/ldap.c that need no server; what a server does to it stands in test_ldap_responder.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/ldap.h"

static const char host[] = "dc01.contoso.com:636";

/* Facts: AD 3.7. The text in front of "data" varies with the server's version. */
static void refused_logins_have_reasons(void **state) {
  (void)state;
  static const struct {
    const char *text, *word;
  } t[] = {
      {"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1",
       "wrong user name or password"},
      {"80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 525, v4563", "does not exist"},
      {"80090308: data 530, v1", "at this hour"},
      {"80090308: data 531, v1", "from this machine"},
      {"80090308: data 532, v1", "password has expired"},
      {"80090308: data 533, v1", "disabled"},
      {"80090308: data 701, v1", "account has expired"},
      {"80090308: data 773, v1", "change its password"},
      {"80090308: data 775, v1", "locked out"},
      {"80090308: data ffff, v1", "the login was refused"},
      {"data ", "the login was refused"},
      {NULL, "the login was refused"}};
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    struct uh_err err = UH_ERR_INIT;
    assert_int_equal(uh_ldap_result_error(host, "login", 49, t[i].text, &err), -1);
    assert_int_equal(err.cls, UH_ERR_DENIED);
    assert_int_equal(err.answer, UH_REFUSED);
    assert_non_null(strstr(err.what, t[i].word));
    assert_string_equal(err.where, host);
    assert_true(err.remedy[0]);
  }
}

static void codes_have_classes(void **state) {
  (void)state;
  static const struct {
    int code;
    const char *text;
    enum uh_err_class cls;
    enum uh_answer answer;
  } t[] = {
      {8, NULL, UH_ERR_DENIED, UH_REFUSED},         {13, NULL, UH_ERR_DENIED, UH_REFUSED},
      {50, NULL, UH_ERR_DENIED, UH_REFUSED},        {1, "000004DC: LdapErr: DSID-0C090A5C", UH_ERR_DENIED, UH_REFUSED},
      {1, "other", UH_ERR_UNAVAILABLE, UH_TIMEOUT}, {3, NULL, UH_ERR_UNAVAILABLE, UH_TIMEOUT},
      {4, NULL, UH_ERR_UNAVAILABLE, UH_REFUSED},    {11, NULL, UH_ERR_UNAVAILABLE, UH_REFUSED},
      {51, NULL, UH_ERR_UNAVAILABLE, UH_TIMEOUT},   {52, NULL, UH_ERR_UNAVAILABLE, UH_TIMEOUT},
      {80, NULL, UH_ERR_UNAVAILABLE, UH_TIMEOUT},   {-1, NULL, UH_ERR_UNAVAILABLE, UH_TIMEOUT},
      {-5, NULL, UH_ERR_UNAVAILABLE, UH_TIMEOUT}};
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    struct uh_err err = UH_ERR_INIT;
    (void)uh_ldap_result_error(host, "search", t[i].code, t[i].text, &err);
    assert_int_equal(err.cls, t[i].cls);
    assert_int_equal(err.answer, t[i].answer);
    assert_true(err.what[0]);
  }
}

static void server_text_cannot_steer_a_terminal(void **state) {
  (void)state;
  struct uh_err err = UH_ERR_INIT;
  (void)uh_ldap_result_error(host, "search", 80, "a\x1b[2Jb\r\nc\x7f", &err);
  for (const char *p = err.what; *p; p++) assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static void first_cause_wins(void **state) {
  (void)state;
  struct uh_err err = UH_ERR_INIT;
  (void)uh_ldap_result_error(host, "login", 49, NULL, &err);
  (void)uh_ldap_result_error(host, "search", -1, NULL, &err);
  assert_int_equal(err.cls, UH_ERR_DENIED);
}

static void loopback(void **state) {
  (void)state;
  static const char *const here[] = {"localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1", "[::1]"};
  static const char *const elsewhere[] = {
      "localhost.example.com", "127.0.0.1.example.com", "10.0.0.1", "127.0.0", "1270.0.0.1", "dc01", "127.0.0.256", ""};
  for (size_t i = 0; i < sizeof here / sizeof *here; i++) assert_true(uh_ldap_is_loopback(here[i]));
  for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) assert_false(uh_ldap_is_loopback(elsewhere[i]));
}

/* No password in the clear, no anonymous login by an empty one, no contradiction between URL and protection. */
static void options_are_refused(void **state) {
  (void)state;
  static const struct {
    struct uh_ldap_options o;
    bool good;
  } t[] = {
      {{.url = "ldaps://dc01", .user = "u", .password = "p"}, true},
      {{.url = "ldap://dc01", .user = "u", .password = "p"}, true}, /* StartTLS */
      {{.url = "ldap://dc01", .protection = UH_LDAP_PROTECT_NONE, .user = "u", .password = "p"}, false},
      {{.url = "ldap://127.0.0.1:3890", .protection = UH_LDAP_PROTECT_NONE, .user = "u", .password = "p"}, true},
      {{.url = "ldap://[::1]:3890", .protection = UH_LDAP_PROTECT_NONE, .user = "u", .password = "p"}, true},
      {{.url = "ldaps://dc01", .user = "u", .password = ""}, false},
      {{.url = "ldaps://dc01", .user = "", .password = "p"}, false},
      {{.url = "ldaps://dc01", .user = "u"}, false},
      {{.url = "ldaps://dc01", .gssapi = true}, true},
      {{.url = "ldap://dc01", .protection = UH_LDAP_PROTECT_SEALED, .gssapi = true}, true},
      {{.url = "ldap://dc01", .protection = UH_LDAP_PROTECT_SEALED, .user = "u", .password = "p"}, false},
      {{.url = "ldaps://dc01", .protection = UH_LDAP_PROTECT_SEALED, .gssapi = true}, false},
      {{.url = "ldaps://dc01", .protection = UH_LDAP_PROTECT_NONE, .gssapi = true}, false},
      {{.url = "ldapi://%2ftmp%2fx", .gssapi = true}, false},
      {{.url = "http://dc01", .gssapi = true}, false},
      {{.url = "dc01.contoso.com", .gssapi = true}, false},
      {{.url = "ldaps:///", .gssapi = true}, false},
      {{.url = NULL, .gssapi = true}, false},
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    struct uh_err err = UH_ERR_INIT;
    assert_int_equal(uh_ldap_options_check(&t[i].o, &err), t[i].good ? 0 : -1);
    if (!t[i].good) assert_int_equal(err.cls, UH_ERR_CONFIG);
  }
}

static void urls(void **state) {
  (void)state;
  static const struct {
    const char *url, *host, *result;
  } t[] = {{"ldaps://dc01", "dc02.contoso.com", "ldaps://dc02.contoso.com:636"},
           {"ldap://dc01:3890", "dc02", "ldap://dc02:3890"},
           {"ldap://dc01", "127.0.0.1:4000", "ldap://127.0.0.1:4000"},
           {"ldaps://dc01", "2001:db8::1", "ldaps://[2001:db8::1]:636"},
           {"ldaps://dc01", "[2001:db8::1]:999", "ldaps://[2001:db8::1]:999"}};
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    char *url UH_CLEANUP(uh_freep) = NULL;
    assert_int_equal(uh_ldap_url_for(t[i].url, t[i].host, &url, NULL), 0);
    assert_string_equal(url, t[i].result);
  }
  assert_int_equal(uh_ldap_url_port("ldaps://dc01"), 636);
  assert_int_equal(uh_ldap_url_port("ldap://dc01"), 389);
  assert_int_equal(uh_ldap_url_port("ldap://dc01:3268"), 3268);
  assert_int_equal(uh_ldap_url_port("dc01"), -1);
}

static void looking_into_an_entry(void **state) {
  (void)state;
  const struct uh_ldap_value v[] = {{"a", 1}, {"b", 1}};
  const struct uh_ldap_attribute a[] = {{.name = "proxyAddresses", .values = v, .n = 2}};
  const struct uh_ldap_entry e = {.attributes = a, .n = 1};
  assert_ptr_equal(uh_ldap_get(&e, "PROXYADDRESSES"), &a[0]);
  assert_ptr_equal(uh_ldap_first(&e, "proxyaddresses"), &v[0]);
  assert_null(uh_ldap_get(&e, "proxy"));
  assert_null(uh_ldap_first(&e, "mail"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refused_logins_have_reasons),
      cmocka_unit_test(codes_have_classes),
      cmocka_unit_test(server_text_cannot_steer_a_terminal),
      cmocka_unit_test(first_cause_wins),
      cmocka_unit_test(loopback),
      cmocka_unit_test(options_are_refused),
      cmocka_unit_test(urls),
      cmocka_unit_test(looking_into_an_entry),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
