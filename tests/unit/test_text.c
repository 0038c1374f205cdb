/* SPDX-License-Identifier: Apache-2.0 */
/* Text: hostile names reach every output harmlessly, and addresses, GUIDs and times have one form to compare by. */
#include <setjmp.h>
#include <stdarg.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unhybrid/text.h>

static struct uh_str out;

typedef void escape_fn(struct uh_str *out, const char *s, size_t n);

static const char *escaped_n(escape_fn *fn, const char *s, size_t n) {
  uh_str_reset(&out);
  fn(&out, s, n);
  return uh_str_text(&out);
}

static const char *escaped(escape_fn *fn, const char *s) {
  return escaped_n(fn, s, strlen(s));
}

static const char *quoted(const char *s) {
  uh_str_reset(&out);
  return uh_powershell_quote(&out, s, strlen(s)) ? uh_str_text(&out) : NULL;
}

static const char *address(const char *s) {
  return uh_address_key(s, strlen(s), &out) ? uh_str_text(&out) : NULL;
}

static const char *domain(const char *s) {
  return uh_domain_key(s, strlen(s), &out) ? uh_str_text(&out) : NULL;
}

static void test_str(void **state) {
  (void)state;
  struct uh_str s = {0};
  assert_string_equal(uh_str_text(&s), "");
  uh_str_add(&s, "a");
  uh_str_addf(&s, "%d-%s", 42, "b");
  uh_str_addc(&s, '!');
  for (int i = 0; i < 1000; i++) uh_str_addn(&s, "0123456789", 10);
  assert_int_equal(s.len, 10006);
  assert_memory_equal(s.s, "a42-b!0123", 10);
  assert_int_equal(s.s[s.len], 0);
  uh_str_reset(&s);
  assert_string_equal(uh_str_text(&s), "");
  char *taken = uh_str_take(&s);
  assert_string_equal(taken, "");
  free(taken);
  assert_null(s.s);
  s.failed = true;
  uh_str_add(&s, "x");
  assert_null(uh_str_text(&s));
  assert_null(uh_str_take(&s));
}

static void test_or(void **state) {
  (void)state;
  struct uh_str s = {0};
  assert_string_equal(uh_str_or(&s, "lost"), ""); /* nothing was ever added */
  uh_str_add(&s, "a");
  assert_string_equal(uh_str_or(&s, "lost"), "a");
  s.failed = true;
  assert_string_equal(uh_str_or(&s, "lost"), "lost");
  uh_str_clear(&s);
}

static void test_json(void **state) {
  (void)state;
  assert_string_equal(escaped(uh_json_string, "plain \"q\" \\ /"), "\"plain \\\"q\\\" \\\\ /\"");
  assert_string_equal(escaped(uh_json_string, "a\nb\tc\x1b[2J\x7f"), "\"a\\nb\\tc\\u001b[2J\\u007f\"");
  assert_string_equal(escaped_n(uh_json_string, "a\0b", 3),
                      "\"a\xEF\xBF\xBD"
                      "b\"");
  assert_string_equal(escaped(uh_json_string,
                              "\xC2\x9b"
                              "31m"),
                      "\"\\u009b31m\"");
  assert_string_equal(escaped(uh_json_string,
                              "\xE2\x80\xAE"
                              "moc\xE2\x80\xA8"),
                      "\"\\u202emoc\\u2028\"");
  assert_string_equal(escaped(uh_json_string, "\xF3\xA0\x80\x81"), "\"\\udb40\\udc01\"");
  assert_string_equal(escaped(uh_json_string, "M\xC3\xBCller \xF0\x9F\x98\x80"), "\"M\xC3\xBCller \xF0\x9F\x98\x80\"");
  /* overlong slash, lone surrogate, cut character, latin-1 */
  assert_string_equal(escaped(uh_json_string, "\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
  assert_string_equal(escaped(uh_json_string, "\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  assert_string_equal(escaped(uh_json_string, "a\xE2\x82"), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
  assert_string_equal(escaped(uh_json_string, "M\xFCller"), "\"M\xEF\xBF\xBDller\"");
}

static void test_terminal(void **state) {
  (void)state;
  assert_string_equal(escaped(uh_terminal_text, "\x1b]0;owned\x07"), "\\x1b]0;owned\\x07");
  assert_string_equal(escaped(uh_terminal_text, "a\r\nb"), "a\\x0d\\x0ab");
  assert_string_equal(escaped(uh_terminal_text,
                              "\xC2\x9b"
                              "2J"),
                      "\\x9b2J");
  assert_string_equal(escaped(uh_terminal_text,
                              "\xE2\x80\xAE"
                              "evil\xE2\x81\xA6\xEF\xBB\xBF"),
                      "\\u202eevil\\u2066\\ufeff");
  assert_string_equal(escaped(uh_terminal_text, "\xF3\xA0\x81\x81"), "\\U000e0041");
  assert_string_equal(escaped(uh_terminal_text,
                              "\xFF"
                              "CONTOSO\\ada"),
                      "\\xffCONTOSO\\ada");
  assert_string_equal(escaped(uh_terminal_text, "\xE6\x97\xA5\xE6\x9C\xAC"), "\xE6\x97\xA5\xE6\x9C\xAC");
}

static void test_width(void **state) {
  (void)state;
  assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
  assert_int_equal(uh_text_width("abc"), 3);
  assert_int_equal(uh_text_width("\xE6\x97\xA5\xE6\x9C\xAC"), 4);
  assert_int_equal(uh_text_width("e\xCC\x81"), 1);
  static const char *const hostile[] = {"\x1b[2J", "\xE2\x80\xAE", "\xFF", "\xF3\xA0\x81\x81", "\xC2\x9b"};
  for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
    assert_int_equal(uh_text_width(hostile[i]), strlen(escaped(uh_terminal_text, hostile[i])));
}

static void test_powershell(void **state) {
  (void)state;
  assert_string_equal(quoted("Ada"), "'Ada'");
  assert_string_equal(quoted(""), "''");
  assert_string_equal(quoted("O'Brien"), "'O''Brien'");
  assert_string_equal(quoted("$(rm) `n \"x\" ; |"), "'$(rm) `n \"x\" ; |'");
  for (unsigned c = 0x98; c <= 0x9E; c++) { /* U+2018..U+201E */
    char in[8], want[16];
    (void)snprintf(in, sizeof in, "a\xE2\x80%c;", (int)c);
    (void)snprintf(want, sizeof want, c <= 0x9B ? "'a\xE2\x80%c\xE2\x80%c;'" : "'a\xE2\x80%c;'", (int)c, (int)c);
    assert_string_equal(quoted(in), want);
  }
  assert_null(quoted("a\nb"));
  assert_null(quoted("a\xEF\xBF\xBD")); /* what stood there is not known: it would name another object */
  assert_null(quoted("a\xC2\x85"));
  assert_null(quoted("a\xE2\x80\xAE"));
  assert_null(quoted("a\xE2\x80\xA8"));
  assert_null(quoted("a\xFF"));
  assert_int_equal(out.len, 0);
}

static void test_html_csv_ldap(void **state) {
  (void)state;
  assert_string_equal(escaped(uh_html_text, "<script>'\"&\x1b"), "&lt;script&gt;&#39;&quot;&amp;\\x1b");
  assert_string_equal(escaped(uh_csv_field, "a \"b\", c"), "\"a \"\"b\"\", c\"");
  assert_string_equal(escaped(uh_csv_field, "=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
  static const char *const formulas[] = {"+1",
                                         "-1",
                                         "@SUM",
                                         "\t=1",
                                         "\r=1",
                                         "  =1",
                                         "\xEF\xBC\x9D\x31", /* a wide equals sign; 1 would be a digit of \x9D */
                                         "\xC2\xA0=1"};
  for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
    assert_memory_equal(escaped(uh_csv_field, formulas[i]), "\"'", 2);
  assert_string_equal(escaped(uh_csv_field, "a=b\nc"), "\"a=b\\x0ac\"");
  assert_string_equal(escaped(uh_csv_field, ""), "\"\"");
  uh_str_reset(&out);
  uh_ldap_filter_value(&out, "a*)(b\\\0\xC3\xBC", 9);
  assert_string_equal(uh_str_text(&out), "a\\2a\\29\\28b\\5c\\00\\c3\\bc");
}

static void test_utf8(void **state) {
  (void)state;
  static const char *const bad[] = {"\x80",
                                    "\xC1\xBF",
                                    "\xE0\x9F\xBF",
                                    "\xED\xBF\xBF",
                                    "\xF0\x8F\xBF\xBF",
                                    "\xF4\x90\x80\x80",
                                    "\xF8\x88\x80\x80\x80",
                                    "\xC3",
                                    "\xE2\x28\xA1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(uh_utf8_valid(bad[i], strlen(bad[i])));
  assert_true(uh_utf8_valid("", 0));
  assert_true(uh_utf8_valid("\xF4\x8F\xBF\xBF\xEE\x80\x80\xED\x9F\xBF", 10));
}

static void test_guid(void **state) {
  (void)state;
  static const uint8_t ad[16] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
                                 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
  char text[UH_GUID_TEXT];
  uint8_t guid[16];
  assert_string_equal(uh_guid_text(ad, text), "00112233-4455-6677-8899-aabbccddeeff");
  assert_true(uh_guid_parse("{00112233-4455-6677-8899-AABBCCDDEEFF}", guid));
  assert_memory_equal(guid, ad, 16);
  assert_true(uh_guid_parse(text, guid));
  static const char *const bad[] = {"",
                                    "{",
                                    "00112233-4455-6677-8899-aabbccddeef",
                                    "00112233-4455-6677-8899-aabbccddeefff",
                                    "{00112233-4455-6677-8899-aabbccddeeff",
                                    "00112233-4455-6677-8899-aabbccddeeff}",
                                    "0011223304455-6677-8899-aabbccddeeff",
                                    "g0112233-4455-6677-8899-aabbccddeeff",
                                    "00112233445566778899aabbccddeeff"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(uh_guid_parse(bad[i], guid));
}

static void test_address(void **state) {
  (void)state;
  assert_string_equal(address("SMTP:Ada@Contoso.COM"), "ada@contoso.com");
  assert_string_equal(address("smtp:ada@contoso.com."), "ada@contoso.com");
  assert_string_equal(address("Ada@Contoso.com"), "ada@contoso.com");
  assert_string_equal(address("ada@B\xC3\xBC"
                              "cher.example"),
                      "ada@xn--bcher-kva.example");
  assert_string_equal(address("ada@bu\xCC\x88"
                              "cher.example"),
                      "ada@xn--bcher-kva.example"); /* NFC */
  assert_string_equal(address("ada@B\xC3\x9C"
                              "CHER.example"),
                      "ada@xn--bcher-kva.example");
  assert_string_equal(address("ada@XN--BCHER-KVA.example"), "ada@xn--bcher-kva.example");
  assert_string_equal(address("ada@stra\xC3\x9F"
                              "e.example"),
                      "ada@xn--strae-oqa.example");
  assert_string_equal(address("\"a@b\"@contoso.com"), "\"a@b\"@contoso.com");
  assert_string_equal(address("a_b@my_host.contoso.com"), "a_b@my_host.contoso.com");
  /* look-alikes stay what they are */
  assert_string_equal(address("\xE2\x84\xAA"
                              "im@contoso.com"),
                      "\xE2\x84\xAA"
                      "im@contoso.com");
  assert_string_equal(address("J\xC3\x96RG@contoso.com"), "j\xC3\x96rg@contoso.com");
  assert_string_equal(address("a@\xE2\x84\xAA.example"), "a@\xE2\x84\xAA.example");
  assert_string_equal(address("a@\xEF\xBD\x83ontoso.com"), "a@\xEF\xBD\x83ontoso.com");
  assert_string_equal(address("a@contoso.com\xFF"), "a@contoso.com\xFF");
  static const char *const none[] = {
      "",      "@",       "a@",     "@b",  "ada",   "X500:/o=Contoso/cn=a@b",  "sip:ada@contoso.com",
      "smtp:", "SMTP:@x", "a@b..c", "a@.", "a@b c", "eum:1@x;phone-context=y", "smtp:smtp2",
      "a@b\n"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_null(address(none[i]));
  assert_int_equal(out.len, 0);
  assert_false(uh_address_key("a\0@b", 4, &out));
}

static void test_domain(void **state) {
  (void)state;
  assert_string_equal(domain("Contoso.COM."), "contoso.com");
  assert_string_equal(domain("m\xC3\xBCnchen.example"), "xn--mnchen-3ya.example");
  assert_string_equal(domain("*.contoso.com"), "*.contoso.com");
  assert_string_equal(domain("_dmarc.Contoso.com"), "_dmarc.contoso.com");
  assert_null(domain(""));
  assert_null(domain("."));
  assert_null(domain(".a"));
  assert_null(domain("a@b"));
  char longest[5000];
  memset(longest, 'a', sizeof longest);
  memcpy(longest, "\xC3\xBC", 2);
  assert_true(uh_domain_key(longest, sizeof longest, &out)); /* kept byte for byte */
  assert_int_equal(out.len, sizeof longest);
}

static int64_t when(const char *text) {
  int64_t utc = -1;
  assert_int_equal(uh_time_parse(text, &utc), UH_TIME_OK);
  return utc;
}

static void test_time(void **state) {
  (void)state;
  char text[UH_TIME_TEXT], compact[UH_TIME_COMPACT];
  assert_int_equal(when("1970-01-01T00:00:00Z"), 0);
  assert_int_equal(when("2026-11-22T19:00:00.1234567+01:00"), 1795370400);
  assert_int_equal(when("2026-11-22T19:00:00Z"), 1795374000);
  assert_int_equal(when("2026-11-22 19:00:00-05:30"), 1795374000 + 19800);
  assert_int_equal(when("20261122190000.0Z"), 1795374000);
  assert_int_equal(when("20261122190000+0100"), 1795370400);
  assert_int_equal(when("1969-12-31T23:59:59Z"), -1);
  assert_int_equal(when("2000-02-29T00:00:00Z"), 951782400);
  assert_int_equal(when("2026-11-22T19:00Z"), 1795374000);
  int64_t utc = 7;
  static const char *const zoneless[] = {"2026-11-22T19:00:00", "2026-11-22", "20261122190000.0",
                                         "2026-11-22T19:00:00.12"};
  for (size_t i = 0; i < 4; i++) assert_int_equal(uh_time_parse(zoneless[i], &utc), UH_TIME_NO_ZONE);
  static const char *const bad[] = {"",
                                    "now",
                                    "2026",
                                    "2026-",
                                    "2026-11",
                                    "2026-13-01T00:00:00Z",
                                    "2026-02-29T00:00:00Z",
                                    "1900-02-29T00:00:00Z",
                                    "2026-11-22T24:00:00Z",
                                    "2026-11-22T19:60:00Z",
                                    "2026-11-22T19:00:00.Z",
                                    "2026-11-22T19:00:00+1",
                                    "2026-11-22T19:00:00+24:00",
                                    "2026-11-22T19:00:00Zx",
                                    "11/22/2026 7:00:00 PM",
                                    "20261122",
                                    "2026-11-22Z",
                                    "2026-11-22T",
                                    "2026-11-22T19",
                                    "2026-11-22T19:",
                                    "2026-11-22T19:00:",
                                    "2026-11-22T19:00:00+01:",
                                    "0000-01-01T00:00:00Z"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (uh_time_parse(bad[i], &utc) != UH_TIME_BAD) fail_msg("%s", bad[i]);
  assert_int_equal(utc, 7); /* untouched */
  assert_string_equal(uh_time_text(1795374000, text), "2026-11-22T19:00:00Z");
  assert_string_equal(uh_time_compact(1795374000, compact), "20261122T190000Z");
  assert_string_equal(uh_time_text(-1, text), "1969-12-31T23:59:59Z");
  assert_string_equal(uh_time_text(INT64_MAX, text), "9999-12-31T23:59:59Z");
  assert_string_equal(uh_time_text(INT64_MIN, text), "0000-01-01T00:00:00Z");
  for (int64_t t = -70000000000 + 13; t < 250000000000; t += 86400 * 97 + 1) {
    if (t < -62135596800) continue;
    assert_int_equal(when(uh_time_text(t, text)), t);
  }
}

/* A limit in bytes never leaves half a character, wherever it meets one. */
static void test_cut(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int max, head;
  } heads[] = {{"", 4, 0},
               {"abc", 2, 2},
               {"abc", 3, 3},
               {"abc", 9, 3},
               {"\u00e9\u00e9", 1, 0},
               {"\u00e9\u00e9", 2, 2},
               {"\u00e9\u00e9", 3, 2},
               {"x\u65e5\u672c", 3, 1},
               {"x\u65e5\u672c", 4, 4},
               {"x\u65e5\u672c", 6, 4},
               {"x\u65e5\u672c", 7, 7},
               {"\U0001f600!", 3, 0},
               {"\U0001f600!", 4, 4},
               {"\x80\x80\x80\x80\x80", 4, 4}, /* no character at all: it is not made worse */
               {NULL, 4, 0}};
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
    assert_int_equal(uh_head(heads[i].text, heads[i].max), heads[i].head);
  char room[8];
  uh_print(room, sizeof room, "%s", "x\u65e5\u672c");
  assert_string_equal(room, "x\u65e5\u672c");
  uh_print(room, sizeof room, "xy%s", "\u65e5\u672c");
  assert_string_equal(room, "xy\u65e5");
  uh_print(room, sizeof room, "%.*s!", UH_HEAD("\u65e5\u672c", 5));
  assert_string_equal(room, "\u65e5!");
  uh_print(room, 1, "x");
  assert_string_equal(room, "");
}

/* Wherever the room of an error ends: a text that is no UTF-8 could not be written to the journal. */
static void test_error_cut(void **state) {
  (void)state;
  char name[1200] = "", shown[300];
  for (size_t at = 0; at + 3 < sizeof name; at += 3) (void)snprintf(name + at, 4, "%s", "\u65e5");
  for (int shift = 0; shift < 3; shift++) {
    struct uh_err err = UH_ERR_INIT;
    uh_fail(&err, UH_ERR_DATA, "%.*s%s", shift, "xy", name);
    uh_err_where(&err, "%.*s%s", shift, "xy", name);
    uh_err_remedy(&err, "%.*s%s", shift, "xy", name);
    uh_err_text(&err, shown, sizeof shown);
    const char *const texts[] = {err.what, err.where, err.remedy, shown};
    for (size_t i = 0; i < 4; i++) assert_true(strlen(texts[i]) > 250 && uh_utf8_valid(texts[i], strlen(texts[i])));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_str),           cmocka_unit_test(test_or),        cmocka_unit_test(test_json),
      cmocka_unit_test(test_terminal),      cmocka_unit_test(test_width),     cmocka_unit_test(test_powershell),
      cmocka_unit_test(test_html_csv_ldap), cmocka_unit_test(test_utf8),      cmocka_unit_test(test_guid),
      cmocka_unit_test(test_address),       cmocka_unit_test(test_domain),    cmocka_unit_test(test_time),
      cmocka_unit_test(test_cut),           cmocka_unit_test(test_error_cut),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  uh_str_clear(&out);
  return failed;
}
