/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: whatever stands in a directory, the JSON parses and steers no terminal, and the terminal's lines fit. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <unhybrid/text.h>

#include "report/report.h"
#include "rules/results.h"

#define RLO "\xE2\x80\xAE"
#define WIDE "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"

static int to_str(void *user, const void *data, size_t n, struct uh_err *err) {
  (void)err;
  uh_str_addn(user, data, n);
  return 0;
}

static void put_check(struct uh_results *r, int64_t i, const char *id, enum uh_severity severity, enum uh_status status,
                      bool complete) {
  assert_int_equal(
      uh_results_put_check(r, i, id, "Every synchronised mailbox is managed in the cloud", severity, status,
                           "P-05,P-06", "Set IsExchangeCloudManaged.", "https://example.org/x", complete, NULL),
      0);
}

/* A blocked organisation with hostile names, 12 findings in one check, objects that cannot be judged in another. */
static struct uh_results *hostile(void) {
  struct uh_results *r = NULL;
  struct uh_result_source source = {.id = "directory",
                                    .state = "partial",
                                    .detail = "dc01\x1b[2J: timed out\nafter 30 s",
                                    .objects = 12,
                                    .milliseconds = 1999};
  struct uh_object o = {.side = "cloud", .kind = "mailbox", .object = "ada\x1b]0;x\x07@contoso.com", .guid = "1-2"};
  char key[16], name[600] = "";
  assert_int_equal(uh_results_new(&r, NULL), 0);
  assert_int_equal(uh_results_set_head(r, "contoso" RLO, "", "before", "/f.db", 1795374000, 1795374000, true, NULL), 0);
  assert_int_equal(uh_results_put_source(r, &source, NULL), 0);
  source = (struct uh_result_source){.id = "dns", .state = "not-configured", .detail = "no dns section"};
  assert_int_equal(uh_results_put_source(r, &source, NULL), 0);
  assert_int_equal(uh_results_put_notice(r, "exchange-export", "ignored \"x\x80\x9f.xml\"", NULL), 0);
  for (int i = 0; i < 12; i++) {
    (void)snprintf(key, sizeof key, "k%02d", i);
    o.key = key;
    assert_int_equal(uh_results_put_object(r, 0, &o, UH_TRUTH_VIOLATED,
                                           "is managed " WIDE
                                           " on premises, and this sentence is longer than one line of eighty columns",
                                           i ? "{\"a\": \"\xE2\x80\xAE\", \"n\": null}" : "no json\x1b",
                                           i < 6 ? "Set-Mailbox 'same'" : "Set-Mailbox 'other'", NULL),
                     0);
  }
  put_check(r, 0, "soa.mailbox", UH_BLOCKER, UH_FAIL, false);
  assert_int_equal(uh_results_put_unknown(r, 0, "cloud:Mailbox", "partial", "cut\x1b off", NULL), 0);
  for (size_t i = 0; i + 4 < sizeof name; i += 3) memcpy(name + i, "\xE6\x97\xA5", 4);
  for (int i = 0; i < 7; i++) {
    (void)snprintf(key, sizeof key, "u%d", i);
    struct uh_object u = {.side = "on-premises", .key = key, .kind = i ? "mailbox" : "group", .object = name};
    assert_int_equal(uh_results_put_object(r, 1, &u, UH_TRUTH_UNJUDGED, "not obtained: homeMDB", NULL, NULL, NULL), 0);
  }
  put_check(r, 1, "mailbox.on-premises", UH_BLOCKER, UH_UNKNOWN, false);
  put_check(r, 2, "dns.mx", UH_BLOCKER, UH_PASS, true);
  assert_int_equal(uh_results_put_unknown(r, 3, "check:none", "not-observed", "no check", NULL), 0);
  put_check(r, 3, "requirement.P-08", UH_BLOCKER, UH_UNKNOWN, false);
  assert_int_equal(uh_results_conclude(r, NULL), 0);
  return r;
}

static struct uh_str render(const struct uh_report_format *format, struct uh_report_options options) {
  struct uh_str out = {0};
  struct uh_report_sink sink = {.write = to_str, .user = &out};
  struct uh_err err = UH_ERR_INIT;
  struct uh_results *r = hostile();
  assert_int_equal(format->render(r, &options, &sink, &err), 0);
  uh_results_free(r);
  assert_non_null(uh_str_text(&out));
  assert_true(uh_utf8_valid(out.s, out.len));
  return out;
}

/* Nothing but printable characters and line ends; no direction change, no C1. */
static void assert_harmless(const struct uh_str *out) {
  struct uh_str clean = {0};
  for (const char *p = out->s, *end; *p; p = end + (*end == '\n')) {
    end = p + strcspn(p, "\n");
    uh_str_reset(&clean);
    uh_terminal_text(&clean, p, (size_t)(end - p));
    assert_int_equal(clean.len, end - p);
  }
  uh_str_clear(&clean);
}

static json_t *json_of(struct uh_report_options options) {
  struct uh_str out = render(&uh_report_json, options);
  json_error_t je;
  assert_harmless(&out);
  json_t *tree = json_loads(out.s, JSON_REJECT_DUPLICATES, &je);
  if (!tree) fail_msg("%s at %d:\n%s", je.text, je.line, out.s);
  uh_str_clear(&out);
  return tree;
}

static json_t *check_of(json_t *tree, size_t i) {
  return json_array_get(json_object_get(tree, "checks"), i);
}

static size_t count_of(json_t *object, const char *name) {
  return json_array_size(json_object_get(object, name));
}

static void test_json_is_whole(void **state) {
  (void)state;
  json_t *tree = json_of((struct uh_report_options){0});
  assert_string_equal(json_string_value(json_object_get(tree, "organization")), "contoso" RLO);
  assert_true(json_is_null(json_object_get(tree, "tenant")));
  assert_string_equal(json_string_value(json_object_get(tree, "verdict")), "blocked");
  json_t *check = check_of(tree, 0), *remedy = json_object_get(check, "remedy");
  assert_int_equal(count_of(check, "findings"), 12);
  assert_int_equal(count_of(check, "requirement"), 2);
  assert_int_equal(count_of(remedy, "commands"), 2);
  assert_string_equal(json_string_value(json_array_get(json_object_get(remedy, "commands"), 0)), "Set-Mailbox 'same'");
  json_t *finding = json_array_get(json_object_get(check, "findings"), 0);
  assert_string_equal(json_string_value(json_object_get(finding, "key")), "soa.mailbox/cloud/k00");
  assert_string_equal(json_string_value(json_object_get(finding, "object")), "ada\x1b]0;x\x07@contoso.com");
  assert_non_null(json_object_get(json_object_get(finding, "evidence"), "text")); /* was no JSON: still shown */
  finding = json_array_get(json_object_get(check, "findings"), 1);
  assert_true(json_is_null(json_object_get(json_object_get(finding, "evidence"), "n")));
  check = check_of(tree, 1);
  assert_int_equal(count_of(check, "unknown"), 2);
  size_t keys = 0, examples = 0;
  for (size_t i = 0; i < 2; i++) {
    keys += count_of(json_array_get(json_object_get(check, "unknown"), i), "object_keys");
    examples += count_of(json_array_get(json_object_get(check, "unknown"), i), "examples");
  }
  assert_int_equal(keys, 7); /* every one is named */
  assert_int_equal(examples, 6);
  json_decref(tree);
}

static void test_json_limit(void **state) {
  (void)state;
  json_t *tree = json_of((struct uh_report_options){.limit = 2});
  json_t *check = check_of(tree, 0);
  assert_int_equal(count_of(check, "findings"), 2);
  assert_int_equal(json_integer_value(json_object_get(check, "count")), 12);
  assert_int_equal(count_of(json_object_get(check, "remedy"), "commands"), 1);
  json_t *mailboxes = json_array_get(json_object_get(check_of(tree, 1), "unknown"), 1);
  assert_int_equal(json_integer_value(json_object_get(mailboxes, "objects")), 6);
  assert_int_equal(count_of(mailboxes, "object_keys"), 2);
  json_decref(tree);
}

static void assert_lines_fit(const struct uh_str *out, size_t width) {
  char line[4096];
  for (const char *p = out->s, *end; *p; p = end + (*end == '\n')) {
    end = p + strcspn(p, "\n");
    (void)snprintf(line, sizeof line, "%.*s", (int)(end - p), p);
    bool one_word = !strchr(line + strspn(line, " -"), ' ');
    if (uh_text_width(line) > width && !one_word && !strstr(line, "...")) fail_msg("too wide: %s", line);
  }
}

static void test_terminal(void **state) {
  (void)state;
  static const unsigned widths[] = {0, 40, 80, 100, 1, 10000};
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
    struct uh_str out = render(&uh_report_terminal, (struct uh_report_options){.width = widths[i]});
    assert_harmless(&out);
    assert_lines_fit(&out, widths[i] < 40 ? (widths[i] ? 40 : 80) : widths[i] > 120 ? 120 : widths[i]);
    assert_memory_equal(out.s, "contoso\\u202e: blocked. ", 24);
    assert_non_null(strstr(out.s, "at least 12"));
    assert_non_null(strstr(out.s, "and 7 more"));
    assert_non_null(strstr(out.s, "directory partial"));
    assert_null(strstr(out.s, "dns.mx"));
    if (getenv("SHOW") && widths[i] == 80) (void)puts(out.s);
    uh_str_clear(&out);
  }
}

static void test_terminal_options(void **state) {
  (void)state;
  struct uh_str quiet = render(&uh_report_terminal, (struct uh_report_options){.quiet = true});
  assert_int_equal(strcspn(quiet.s, "\n"), quiet.len - 1); /* one line */
  uh_str_clear(&quiet);
  struct uh_str verbose = render(&uh_report_terminal, (struct uh_report_options){.verbose = true});
  assert_null(strstr(verbose.s, "- and "));
  assert_non_null(strstr(verbose.s, "dns.mx"));
  uh_str_clear(&verbose);
  struct uh_str color = render(&uh_report_terminal, (struct uh_report_options){.color = true, .limit = 1});
  assert_memory_equal(color.s, "\033[1;31m", 7);
  assert_non_null(strstr(color.s, "and 11 more"));
  assert_null(strstr(color.s, "\033]"));
  assert_null(strstr(color.s, "\033[2J"));
  uh_str_clear(&color);
}

static int full(void *user, const void *data, size_t n, struct uh_err *err) {
  (void)user;
  (void)data;
  (void)n;
  return uh_fail(err, UH_ERR_CANNOT_WRITE, "full");
}

static void test_failing_sink(void **state) {
  (void)state;
  for (size_t i = 0; uh_report_formats[i]; i++) {
    struct uh_report_sink sink = {.write = full};
    struct uh_report_options options = {0};
    struct uh_err err = UH_ERR_INIT;
    struct uh_results *r = hostile();
    assert_int_equal(uh_report_formats[i]->render(r, &options, &sink, &err), -1);
    assert_int_equal(err.cls, UH_ERR_CANNOT_WRITE);
    uh_results_free(r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_json_is_whole),    cmocka_unit_test(test_json_limit),   cmocka_unit_test(test_terminal),
      cmocka_unit_test(test_terminal_options), cmocka_unit_test(test_failing_sink),
  };
  (void)setlocale(LC_CTYPE, "C.UTF-8");
  return cmocka_run_group_tests(tests, NULL, NULL);
}
