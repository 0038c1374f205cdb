/* SPDX-License-Identifier: Apache-2.0 */
/* A plan in its four renderings: everything that it holds is there, and no name gets out of its place. */
#include <ctype.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>

#include "plan_example.h"

static int to_str(void *user, const void *data, size_t n, struct uh_err *err) {
  (void)err;
  uh_str_addn(user, data, n);
  return 0;
}

static char *render(const struct uh_plan_format *format, const struct uh_plan *plan,
                    const struct uh_plan_report_options *options) {
  struct uh_str out = {0};
  struct uh_err err = UH_ERR_INIT;
  struct uh_report_sink sink = {.write = to_str, .user = &out};
  if (format->render(plan, options, &sink, &err) < 0) fail_msg("%s: %s", format->name, err.what);
  return uh_str_take(&out);
}

/* Says each text, in this order. */
static void says(const char *text, const char *const *wanted) {
  const char *p = text;
  for (; *wanted; wanted++) {
    const char *at = strstr(p, *wanted);
    if (!at) fail_msg("\"%s\" does not follow in: %s", *wanted, p);
    p = at + strlen(*wanted);
  }
}
#define SAYS(text, ...) says(text, (const char *const[]){__VA_ARGS__, NULL})

static void lacks(const char *text, const char *unwanted) {
  assert_non_null(text);
  assert_null(strstr(text, unwanted));
}

/* Nothing that steers a terminal or changes direction, and valid UTF-8. color: escape sequences of ours alone. */
static void harmless(const char *text, bool color) {
  for (const char *p = text; *p; p++) {
    if (*p == '\n') continue;
    if (color && p[0] == '\x1b' && p[1] == '[') {
      size_t n = strspn(p + 2, "0123456789;");
      assert_int_equal(p[2 + n], 'm');
      p += 2 + n;
      continue;
    }
    if (iscntrl((unsigned char)*p)) fail_msg("control character %d before: %.60s", *p, p + 1);
  }
  lacks(text, RLO);
  assert_true(uh_utf8_valid(text, strlen(text)));
}

/* Where there is no pause, none is told of. */
static void no_pause(void **state) {
  const struct uh_plan_format *const formats[] = {&uh_plan_table, &uh_plan_html};
  (void)state;
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    char *text = render(formats[i], &example, &(struct uh_plan_report_options){.width = 200});
    lacks(text, "observation pause");
    lacks(text, "followed by a pause");
    free(text);
  }
}

static void table(void **state) {
  char *text =
      render(&uh_plan_table, &example, &(struct uh_plan_report_options){.width = 200, .pause_observe = 604800});
  (void)state;
  harmless(text, false);
  SAYS(text, "Plan for northwind", "4 actions in 3 steps", "sha256:0011",
       "1 cannot be undone, 1 needs approval, 1 is carried out by a person, 1 is followed by a pause.",
       "1 step is blocked, 1 step is skipped.",
       "== Before the server is uninstalled ==", "C-00 flags: Switch off first",
       "1 C-00.1 disable SendConnector Outbound to Office 365 (on-premises)", "It is the way into the tenant.",
       "Whose it is: TlsDomain", "Afterwards: Mail to the tenant", "By exchange-server; can be undone",
       "an observation pause of 7 days", "C-03 connectors", "2 C-03.1 remove", "can be undone, as a new object",
       "3 C-03.2 reduce", ", shared", "stays: partner, SendConnector To the partner (on-premises): its address space",
       "note: a note", "C-07 federation", "nothing to do", "no change here: shared, SendConnector",
       "stays: 1 more (-v shows all)", "4 C-08.1 remove ExchangeCertificate CN=Federation",
       "Thumbprint 0A1B\\u202e, Server EX01", "By a person; cannot be undone: the private key is nowhere else",
       "Needs approval: Is the certificate", "(--approve certificates/remove/thumbprint-0a1b)", "C-10 agent",
       "blocked: the agent", "== After the server is uninstalled ==", "C-11 endpoints", "skipped: servers are left");
  /* What goes does not stay; what only -v shows. */
  lacks(text, "stays: hybrid");
  lacks(text, "stays: shared");
  assert_null(strstr(strstr(text, "To the partner") + 1, "To the partner")); /* told once */
  lacks(text, "Command");
  lacks(text, "after flags");
  lacks(text, GUID_A);
  free(text);
}

static void table_verbose(void **state) {
  char *text = render(&uh_plan_table, &example, &(struct uh_plan_report_options){.color = true, .verbose = true});
  (void)state;
  harmless(text, true);
  SAYS(text, "stays: partner", "stays: partner");
  SAYS(text, "must pass right before: mailbox.location,relay.connector", "(on-premises,\n", GUID_A ")",
       "Id: flags/disable/" GUID_A, "Command:", "after flags: what is switched off first",
       "in Exchange Management Shell on EX01:\n", "Remove-ExchangeCertificate -Thumbprint 0A1B\n", "# second line \\u");
  free(text);
}

static void table_quiet(void **state) {
  static const struct uh_plan empty = {0};
  static const struct uh_plan unknown = {.steps = 1, .step = &example_plan_steps[4]};
  char *text = render(&uh_plan_table, &example, &(struct uh_plan_report_options){.quiet = true, .width = 120});
  (void)state;
  SAYS(text, "4 actions in 3 steps\n");
  lacks(text, "C-00");
  free(text);
  text = render(&uh_plan_table, &empty, &(struct uh_plan_report_options){.width = 120});
  SAYS(text, "nothing to do\n");
  free(text);
  /* A plan that could not be made is not an organisation that is clean. */
  text = render(&uh_plan_table, &unknown, &(struct uh_plan_report_options){.width = 120});
  SAYS(text, "no action can be planned\n");
  lacks(text, "nothing to do");
  free(text);
}

/* ---- DOT: a parser of what the language's grammar allows, as far as this graph uses it ---- */

struct dot {
  const char *p;
  char *token; /* a quoted string without its quotes, a word, or one character */
  bool quoted;
  size_t nodes, edges, clusters;
  char *labels; /* all of them, for looking into */
};

static bool dot_next(struct dot *d) {
  struct uh_str token = {0};
  d->p += strspn(d->p, " \n");
  free(d->token);
  d->token = NULL;
  d->quoted = *d->p == '"';
  if (!*d->p) return false;
  if (d->quoted) {
    for (d->p++; *d->p != '"'; d->p++) {
      assert_true(*d->p && *d->p != '\n');
      if (d->p[0] == '\\') uh_str_addc(&token, *d->p++);
      assert_true(*d->p);
      uh_str_addc(&token, *d->p);
    }
    d->p++;
    if (!token.len) uh_str_add(&token, "");
  } else if (strncmp(d->p, "->", 2) == 0) {
    uh_str_add(&token, "->"), d->p += 2;
  } else if (isalnum((unsigned char)*d->p)) {
    size_t n = strspn(d->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    uh_str_addn(&token, d->p, n), d->p += n;
  } else {
    assert_non_null(strchr("{}[]=;,", *d->p));
    uh_str_addc(&token, *d->p++);
  }
  d->token = uh_str_take(&token);
  assert_non_null(d->token);
  return true;
}

static bool dot_is(const struct dot *d, const char *token) {
  return d->token && !d->quoted && strcmp(d->token, token) == 0;
}

static void dot_want(struct dot *d, const char *token) {
  if (!dot_is(d, token)) fail_msg("%s expected, not %s before: %.80s", token, d->token ? d->token : "the end", d->p);
  dot_next(d);
}

/* Graphviz reads \N and its like, and entities: every backslash has to be one of ours. */
static void dot_label(const char *label) {
  for (const char *p = label; *p; p++) {
    if (*p == '\\' && !strchr("nl\\\"", *++p)) fail_msg("escape \\%c in %s", *p, label);
    if (*p == '&' && strncmp(p, "&amp;", 5) != 0) fail_msg("entity in %s", label);
  }
}

static void dot_attribute(struct dot *d) {
  dot_next(d);
  dot_want(d, "=");
  assert_true(d->quoted);
  dot_label(d->token);
  dot_next(d);
}

static void dot_statements(struct dot *d) {
  while (!dot_is(d, "}")) {
    if (dot_is(d, "subgraph")) {
      d->clusters++;
      dot_next(d);
      assert_int_equal(strncmp(d->token, "cluster_", 8), 0);
      dot_next(d);
      dot_want(d, "{");
      for (; !d->quoted; dot_want(d, ";")) dot_attribute(d);
      for (; !dot_is(d, "}");) {
        d->nodes++;
        assert_true(d->quoted);
        dot_next(d);
        dot_want(d, "[");
        for (; !dot_is(d, "]"); dot_is(d, ",") ? (void)dot_next(d) : (void)0) dot_attribute(d);
        dot_want(d, "]");
        dot_want(d, ";");
      }
      dot_want(d, "}");
      continue;
    }
    if (d->quoted) {
      d->edges++;
      dot_next(d);
      dot_want(d, "->");
      assert_true(d->quoted);
      dot_next(d);
    } else {
      const char *after = d->p + strspn(d->p, " ");
      if (*after == '=') {
        dot_attribute(d);
        dot_want(d, ";");
        continue;
      }
      assert_true(dot_is(d, "node") || dot_is(d, "edge"));
      dot_next(d);
    }
    dot_want(d, "[");
    for (; !dot_is(d, "]"); dot_is(d, ",") ? (void)dot_next(d) : (void)0) dot_attribute(d);
    dot_want(d, "]");
    dot_want(d, ";");
  }
}

static void dot(void **state) {
  char *text = render(&uh_plan_dot, &example, &(struct uh_plan_report_options){0});
  struct dot d = {.p = text};
  (void)state;
  harmless(text, false);
  dot_next(&d);
  dot_want(&d, "digraph");
  dot_next(&d);
  dot_want(&d, "{");
  dot_statements(&d);
  assert_false(dot_next(&d));
  assert_int_equal(d.nodes, 6);
  assert_int_equal(d.edges, 4); /* of after_flags twice, of after_connectors two */
  assert_int_equal(d.clusters, 2);
  SAYS(text, "\"flags\" -> \"connectors\"", "what is switched off first", "\"connectors\" -> \"certificates\"",
       "\\\"cannot\\\"", "says the guide &amp; we");
  free(text);
}

static void document(void **state) {
  char *text = render(&uh_plan_document, &example, &(struct uh_plan_report_options){0});
  json_t *tree = json_loads(text, JSON_ALLOW_NUL, NULL);
  (void)state;
  harmless(text, false);
  assert_string_equal(json_string_value(json_object_get(tree, "schema")), "unhybrid/plan/1");
  assert_string_equal(json_string_value(json_object_get(tree, "name")), RLO);
  json_decref(tree);
  free(text);
}

static void html(void **state) {
  char *text = render(&uh_plan_html, &example, &(struct uh_plan_report_options){0});
  (void)state;
  harmless(text, false);
  SAYS(text, "<!DOCTYPE html>", "default-src 'none'; style-src 'sha256-", "<a href=\"#step-flags\">",
       "after <a href=\"#step-flags\">flags</a>: what is switched off", "id=\"step-connectors\"", "C-03.2",
       "&lt;script&gt;alert(1)&lt;/script&gt; &amp; ", "Shared: ", "stays: partner, ", "To the partner", "Note: a note",
       "cannot be undone", "Needs approval: ", "<pre>Remove-ExchangeCertificate", "class=\"step blocked\"",
       "class=\"step skipped\"", "servers are left", "</html>");
  /* Nothing of a name is markup, and nothing is loaded. */
  lacks(text, "<script");
  lacks(text, "src=");
  lacks(text, "style=");
  lacks(text, "http:");
  lacks(text, "https:");
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_pause),      cmocka_unit_test(table),
                                     cmocka_unit_test(table_verbose), cmocka_unit_test(table_quiet),
                                     cmocka_unit_test(dot),           cmocka_unit_test(document),
                                     cmocka_unit_test(html)};
  (void)setlocale(LC_CTYPE, "C.UTF-8");
  return cmocka_run_group_tests(tests, NULL, NULL);
}
