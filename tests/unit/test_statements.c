/* SPDX-License-Identifier: Apache-2.0 */
/* Files of waivers and attestations: what is read, what is refused, and that changing one changes nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <unhybrid/text.h>

#include "rules/evidence.h"
#include "rules/statement_text.h"

#define NOTHING "sha256:0000000000000000000000000000000000000000000000000000000000000000"
#define TIMES "    from: 2026-11-22T19:00:00Z\n    until: 2026-11-22T19:00:01Z\n    evidence: " NOTHING "\n"
#define WHO "    approver: Ada\n"
#define ENTRY(key) "  - finding: " key "\n    reason: r\n" WHO TIMES

static struct uh_statements *parse(enum uh_statement_kind kind, const char *text, struct uh_err *err) {
  struct uh_statements *s = NULL;
  *err = UH_ERR_INIT;
  int rc = uh_statements_parse(kind, "w.yaml", text, strlen(text), &s, err);
  assert_int_equal(rc, s ? 0 : -1);
  if (!s) assert_int_equal(err->cls, UH_ERR_CONFIG);
  return s;
}

static void refused(const char *text, const char *where, const char *what) {
  struct uh_err err;
  struct uh_statements *s = parse(UH_WAIVER, text, &err);
  if (s) fail_msg("accepted: %s", text);
  assert_string_equal(err.where, where);
  if (!strstr(err.what, what)) fail_msg("\"%s\" does not say \"%s\"", err.what, what);
}

static void an_entry_is_read_whole(void **state) {
  (void)state;
  struct uh_err err;
  struct uh_statements *s =
      parse(UH_ATTESTATION,
            "# c\nattestations:\n\n  - fact: a.b\n    object: 'x''y'\n    value: yes\n    note: |\n"
            "      one\n      two\n\n    approver: \"A\\u00e9\"\n"
            "    from: 2026-11-22T19:00:00.75+14:00\n    until: 20261122190000.0Z\n"
            "    evidence: " NOTHING "   # c\n  # c\n",
            &err);
  assert_non_null(s);
  assert_int_equal(s->n, 1);
  const struct uh_statement *e = s->v;
  assert_int_equal(e->line, 4);
  assert_int_equal(e->last_line, 14);
  assert_string_equal(e->subject, "a.b");
  assert_string_equal(e->object, "x'y");
  assert_string_equal(e->text, "yes");
  assert_string_equal(e->note, "one\ntwo\n");
  assert_string_equal(e->approver, "A\xC3\xA9");
  assert_int_equal(e->until, 1795374000);
  assert_int_equal(e->from, 1795374000 - 14 * 3600);
  uh_statements_free(s);
}

/* The last line of an entry whose last value is a block of text. */
static void a_block_of_text_ends_where_it_ends(void **state) {
  (void)state;
  struct uh_err err;
  static const char head[] = "waivers:\n  - finding: k\n" WHO TIMES;
  static const struct {
    const char *value;
    unsigned last;
  } cases[] = {{"    reason: |\n      a\n      b\n", 9}, {"    reason: |\n      a\n      b", 9},
               {"    reason: >-\n      a\n  # c\n", 8},  {"    reason: a\n      b\n      c\n", 9},
               {"    reason: 'a\n\n      b'\n# c\n", 9}, {"    reason: a # c\n", 7},
               {"    reason: \"a\\\n      b\"\n", 8}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct uh_str text = {0};
    uh_str_addf(&text, "%s%s", head, cases[i].value);
    struct uh_statements *s = parse(UH_WAIVER, uh_str_text(&text), &err);
    if (!s) fail_msg("%s", err.what);
    if (s->v[0].last_line != cases[i].last) fail_msg("%u for\n%s", s->v[0].last_line, uh_str_text(&text));
    uh_statements_free(s);
    uh_str_clear(&text);
  }
}

static void bounds(void **state) {
  (void)state;
  struct uh_err err;
  for (int over = 0; over < 2; over++) {
    struct uh_str text = {0};
    uh_str_add(&text, "waivers:\n  - finding: k\n" WHO TIMES "    reason: ");
    for (int i = 0; i < UH_STATEMENT_TEXT_MAX + over; i++) uh_str_addc(&text, 'x');
    if (over)
      refused(uh_str_text(&text), "w.yaml:7", "longer than 4096 bytes");
    else
      uh_statements_free(parse(UH_WAIVER, uh_str_text(&text), &err));
    uh_str_clear(&text);
    uh_str_add(&text, "waivers:\n");
    for (int i = 0; i < UH_STATEMENTS_MAX + over; i++) uh_str_add(&text, ENTRY("k"));
    struct uh_statements *s = over ? NULL : parse(UH_WAIVER, uh_str_text(&text), &err);
    if (over)
      refused(uh_str_text(&text), "w.yaml:2", "more than 4096 waivers");
    else
      assert_int_equal(s->n, UH_STATEMENTS_MAX);
    uh_statements_free(s);
    uh_str_clear(&text);
  }
}

static void depth_and_aliases(void **state) {
  (void)state;
  struct uh_err err;
  struct uh_str text = {0};
  for (int i = 0; i < 5000; i++) uh_str_addc(&text, '['); /* libyaml takes quadratic time */
  assert_null(parse(UH_WAIVER, uh_str_text(&text), &err));
  uh_str_clear(&text);
  assert_null(parse(UH_WAIVER, "waivers: &a [*a]\n", &err));
  assert_null(parse(UH_WAIVER, "&a waivers: [{*a : x}]\n", &err));
  assert_null(parse(UH_WAIVER, "? [a]\n: b\n", &err));
}

static void refusals(void **state) {
  (void)state;
  refused("waivers:\n" ENTRY("''"), "w.yaml:2", "no finding");
  refused("waivers:\n  - finding: k\n    reason: r\n    approver:\n" TIMES, "w.yaml:4", "no approver");
  refused("waivers:\n  - finding: k\n    reason: r\n" WHO
          "    from: 2026-11-22T19:00:00Z\n    until: 2026-11-22T20:00:00+01:00\n    evidence: " NOTHING "\n",
          "w.yaml:6", "until is not after from");
  refused("waivers:\n  - {finding: k, object: x}\n", "w.yaml:2", "unknown key \"object\"");
  refused("waivers:\n  - {finding: k, evidence: SHA256:0}\n", "w.yaml:2", "no reason");
  refused("waivers: []\nwaivers: []\n", "w.yaml:2", "stands twice");
  refused("waivers: {}\n", "w.yaml:1", "has to be a list");
  refused("- x\n", "w.yaml:1", "holds one key");
}

/* ---- changing ---- */

static char dir[] = "/tmp/unhybrid-statements-XXXXXX";
static char path[64];

static int setup(void **state) {
  (void)state;
  if (!mkdtemp(dir)) return -1;
  (void)snprintf(path, sizeof path, "%s/w.yaml", dir);
  return 0;
}
static int teardown(void **state) {
  (void)state;
  (void)unlink(path);
  return rmdir(dir); /* fails where something was left */
}

static void put(const char *text) {
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
  assert_int_equal(fclose(f), 0);
}

static struct uh_str get(void) {
  struct uh_str text = {0};
  struct uh_err err = UH_ERR_INIT;
  bool absent = false;
  assert_int_equal(uh_statements_read(path, &text, &absent, &err), 0);
  return text;
}

static struct uh_statement entry_of(char *key, char *text) {
  static char ada[] = "Ada", evidence[] = NOTHING, none[] = "";
  return (struct uh_statement){.subject = key,
                               .object = none,
                               .text = text,
                               .note = none,
                               .approver = ada,
                               .evidence = evidence,
                               .from = 1000,
                               .until = 2000};
}

static unsigned seed = 7;
static unsigned pick(unsigned n) {
  seed = seed * 1103515245u + 12345u;
  return (seed >> 16) % n;
}

/* Files put together by chance from what people write: adding and taking out again gives the same bytes. Each change is
 * synced to the disk, which can take a while: few rounds. */
static void what_is_added_comes_out_again(void **state) {
  (void)state;
  static const char *const entries[] = {
      ENTRY("k%"),
      "  -   finding: k% # c\n      reason: >\n        a\n\n        b\n      approver: Ada\n      from: 2026-11-22T19:00:00Z\n"
      "      until: 2026-11-22T19:00:01Z\n      evidence: " NOTHING "\n",
      "  - {finding: k%, reason: \"a\n    b\", approver: x, from: 2026-11-22T19:00:00Z, until: 2026-11-22T19:00:01Z,\n"
      "     evidence: '" NOTHING "'}\n"};
  static const char *const between[] = {"", "\n", "# c\n", "  # c\n\n", "      # c: d\n"};
  static char keys[][8] = {"a/b/c", "- x", "k\"\\", "\xE2\x80\xAE", "#"};
  for (int round = 0; round < 20; round++) {
    struct uh_str text = {0};
    struct uh_err err = UH_ERR_INIT;
    unsigned n = pick(4), line = 0;
    uh_str_addf(&text, "%swaivers:\n%s", between[pick(3)], between[pick(5)]);
    for (unsigned i = 0; i < n; i++) {
      const char *one = entries[pick(3)], *number = strchr(one, '%');
      uh_str_addn(&text, one, (size_t)(number - one));
      uh_str_addf(&text, "%u%s%s", i, number + 1, between[pick(5)]);
    }
    char *key = keys[pick(5)], reason[] = "r\n\tx";
    struct uh_statement e = entry_of(key, reason);
    put(uh_str_text(&text));
    if (uh_statements_add(UH_WAIVER, path, &e, 0, &err) < 0) fail_msg("%s\n%s", err.what, uh_str_text(&text));
    struct uh_statements *s = NULL;
    assert_int_equal(uh_statements_load(UH_WAIVER, path, &s, &err), 0);
    assert_int_equal(s->n, n + 1);
    assert_string_equal(s->v[n].subject, key);
    assert_string_equal(s->v[n].text, reason);
    uh_statements_free(s);
    if (uh_statements_withdraw(UH_WAIVER, path, key, "", 0, &line, &err) < 0)
      fail_msg("%s\n%s", err.what, uh_str_text(&text));
    struct uh_str after = get();
    assert_string_equal(uh_str_text(&after), uh_str_text(&text));
    uh_str_clear(&after);
    uh_str_clear(&text);
  }
}

/* Taking each entry out in turn leaves the others as they were, and every comment. */
static void any_entry_can_be_taken_out(void **state) {
  (void)state;
  static const char text[] = "waivers:\n" ENTRY("k0") "  # c1\n" ENTRY("k1") "\n  # c2\n" ENTRY("k2") "# c3\n";
  for (int i = 0; i < 3; i++) {
    char key[4];
    struct uh_err err = UH_ERR_INIT;
    struct uh_statements *s = NULL;
    unsigned line = 0;
    (void)snprintf(key, sizeof key, "k%d", i);
    put(text);
    assert_int_equal(uh_statements_withdraw(UH_WAIVER, path, key, "", 0, &line, &err), 0);
    assert_int_equal(uh_statements_load(UH_WAIVER, path, &s, &err), 0);
    assert_int_equal(s->n, 2);
    for (size_t k = 0; k < 2; k++) assert_string_not_equal(s->v[k].subject, key);
    uh_statements_free(s);
    struct uh_str after = get();
    for (int c = 1; c < 4; c++) {
      char comment[8];
      (void)snprintf(comment, sizeof comment, "# c%d", c);
      assert_non_null(strstr(uh_str_text(&after), comment));
    }
    uh_str_clear(&after);
  }
}

static void one_thing_has_one_statement_at_a_time(void **state) {
  (void)state;
  struct uh_err err = UH_ERR_INIT;
  char key[] = "k", reason[] = "r";
  struct uh_statement e = entry_of(key, reason);
  put("");
  assert_int_equal(uh_statements_add(UH_WAIVER, path, &e, 0, &err), 0);
  e.from = 1999, e.until = 3000;
  assert_int_equal(uh_statements_add(UH_WAIVER, path, &e, 0, &err), -1);
  assert_int_equal(err.cls, UH_ERR_DATA);
  err = UH_ERR_INIT;
  e.from = 2000; /* until is exclusive */
  assert_int_equal(uh_statements_add(UH_WAIVER, path, &e, 0, &err), 0);
  e.from = 500, e.until = 1000;
  assert_int_equal(uh_statements_add(UH_WAIVER, path, &e, 0, &err), 0);
}

/* ---- evidence ---- */

static const char *evidence(const char *key, const char *json, char out[UH_EVIDENCE_TEXT]) {
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_evidence_of_finding(key, json, out, &err), 0);
  assert_int_equal(strlen(out), UH_EVIDENCE_TEXT - 1);
  return out;
}

static void evidence_is_what_was_seen_in_any_order(void **state) {
  (void)state;
  char a[UH_EVIDENCE_TEXT], b[UH_EVIDENCE_TEXT];
  assert_string_equal(evidence("k", "{\"x\": 1, \"y\": [1, 2]}", a), evidence("k", "{\"y\":[1,2],\"x\":1}", b));
  static const char *const others[][2] = {
      {"k", "{\"x\": 1, \"y\": [2, 1]}"}, {"k", "{\"x\": 1}"}, {"k", "{\"x\": \"1\", \"y\": [1, 2]}"},
      {"j", "{\"x\": 1, \"y\": [1, 2]}"}, {"k", "no JSON"},    {"k", ""},
      {"k{", "\"x\": 1, \"y\": [1, 2]}"}};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    assert_string_not_equal(a, evidence(others[i][0], others[i][1], b));
  assert_string_equal(evidence("k", "\xff not UTF-8", a), evidence("k", "\xff not UTF-8", b));
}

static void parts_are_told_apart(void **state) {
  (void)state;
  static const char *const sets[][3] = {{"a", "b", ""},   {"ab", "", ""},  {"", "ab", ""},  {"a", "", "b"},
                                        {"a", NULL, "b"}, {"a", "-", "b"}, {"1:a", "b", ""}};
  char seen[7][UH_EVIDENCE_TEXT];
  for (size_t i = 0; i < 7; i++) {
    struct uh_err err = UH_ERR_INIT;
    struct uh_digest *d = NULL;
    assert_int_equal(uh_digest_new(&d, &err), 0);
    for (int k = 0; k < 3; k++) uh_digest_add(d, sets[i][k]);
    assert_int_equal(uh_digest_text(d, seen[i], &err), 0);
    uh_digest_freep(&d);
    for (size_t k = 0; k < i; k++) assert_string_not_equal(seen[k], seen[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_entry_is_read_whole),
      cmocka_unit_test(a_block_of_text_ends_where_it_ends),
      cmocka_unit_test(bounds),
      cmocka_unit_test(depth_and_aliases),
      cmocka_unit_test(refusals),
      cmocka_unit_test(what_is_added_comes_out_again),
      cmocka_unit_test(any_entry_can_be_taken_out),
      cmocka_unit_test(one_thing_has_one_statement_at_a_time),
      cmocka_unit_test(evidence_is_what_was_seen_in_any_order),
      cmocka_unit_test(parts_are_told_apart),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
