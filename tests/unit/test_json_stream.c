/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves: a listing is read the same wherever its bytes are cut into chunks; cut short at any byte it is an error;
 * hostile nesting and doubled members are refused; the walk gives what jansson gives. Prints how fast both are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "wire/json_stream.h"

static const char page[] =
    "\xEF\xBB\xBF {\"@odata.context\":\"x\",\"a\":[1,{\"value\":[9]}], "
    "\"adminapi.warnings@odata.type\":\"#Collection(String)\","
    "\"@adminapi.warnings\":[\"more \\\"results\\\" ]}\"],\r\n\t\"value\" : [ {\"Name\":\"\\u00e4\\ud83d\\ude00 "
    "]}\\\\\",\"N\":-12,"
    "\"L\":[\"a\",\"b,]\"],\"E\":[],\"B\":true,\"Z\":null,\"O\":{\"x\":[[]]},\"F\":1.5e3,\"M\":[1,\"a\"]},{}, 17 "
    ",\"text\"\n],"
    "\"@odata.nextLink\":\"https:\\/\\/h\\/a?$skiptoken=\\u0041\"}\n ";

struct got {
  struct uh_str text;
  int n;
};

static int take(void *user, const char *text, size_t n, struct uh_err *err) {
  struct got *g = user;
  (void)err;
  assert_int_equal(strlen(text), n);
  uh_str_addn(&g->text, text, n);
  uh_str_addc(&g->text, '\n');
  g->n++;
  return 0;
}

static int feed(const char *data, size_t n, size_t cut, struct got *g, struct uh_str *link) {
  struct uh_json_stream *s = NULL;
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_json_stream_open(take, g, &s, &err), 0);
  int r = uh_json_stream_push(s, data, cut, &err);
  if (r == 0) r = uh_json_stream_push(s, data + cut, n - cut, &err);
  if (r == 0) r = uh_json_stream_end(s, &err);
  if (r == 0 && link) (void)uh_json_stream_string(s, "@odata.nextLink", link);
  if (r != 0) assert_int_equal(err.cls, UH_ERR_UNAVAILABLE);
  uh_json_stream_free(s);
  return r;
}

static void cut_into_chunks_anywhere(void **state) {
  (void)state;
  struct got whole = {0};
  struct uh_str link = {0};
  assert_int_equal(feed(page, sizeof page - 1, sizeof page - 1, &whole, &link), 0);
  assert_int_equal(whole.n, 4);
  assert_string_equal(link.s, "https://h/a?$skiptoken=A");
  for (size_t cut = 0; cut < sizeof page; cut++) {
    struct got g = {0};
    assert_int_equal(feed(page, sizeof page - 1, cut < sizeof page - 1 ? cut : sizeof page - 1, &g, NULL), 0);
    assert_string_equal(g.text.s, whole.text.s);
    uh_str_clear(&g.text);
  }
  struct uh_json_stream *s = NULL; /* byte by byte, twice through the same reader */
  struct got g = {0};
  assert_int_equal(uh_json_stream_open(take, &g, &s, NULL), 0);
  for (int round = 0; round < 2; round++) {
    uh_json_stream_reset(s);
    for (size_t i = 0; i < sizeof page - 1; i++) assert_int_equal(uh_json_stream_push(s, page + i, 1, NULL), 0);
    assert_int_equal(uh_json_stream_end(s, NULL), 0);
  }
  assert_int_equal(g.n, 8);
  assert_string_equal(uh_json_stream_member(s, "@adminapi.warnings"), "[\"more \\\"results\\\" ]}\"]");
  uh_json_stream_free(s);
  uh_str_clear(&g.text);
  uh_str_clear(&whole.text);
  uh_str_clear(&link);
}

static void cut_short_is_an_error(void **state) {
  (void)state;
  size_t last = sizeof page - 1;
  while (page[last - 1] != '}') last--;
  for (size_t n = 0; n < last; n++) {
    struct got g = {0};
    assert_int_equal(feed(page, n, n / 2, &g, NULL), -1);
    assert_in_range(g.n, 0, 4); /* what came whole stays */
    uh_str_clear(&g.text);
  }
}

static void plain_array(void **state) {
  (void)state;
  struct got g = {0};
  assert_int_equal(feed("[{\"a\":1},{\"a\":2}]", 17, 3, &g, NULL), 0);
  assert_int_equal(g.n, 2);
  assert_int_equal(feed("[]", 2, 1, &g, NULL), 0);
  assert_int_equal(g.n, 2);
  uh_str_clear(&g.text);
}

/* An escaped NUL would end the name for whoever reads a C string; what only looks like one stays. */
static void no_nul_leaves(void **state) {
  (void)state;
  static const char in[] = "{\"value\":[\"\\u0000\\u0000a\\\\u0000\\\\\\u0000\"],\"@odata.nextLink\":\"x\\u0000y\"}";
  struct got g = {0};
  struct uh_str link = {0};
  assert_int_equal(feed(in, sizeof in - 1, 9, &g, &link), 0);
  assert_string_equal(g.text.s, "\"\\ufffd\\ufffda\\\\u0000\\\\\\ufffd\"\n");
  assert_string_equal(link.s, "x\xEF\xBF\xBDy");
  uh_str_clear(&g.text);
  uh_str_clear(&link);
}

static void hostile(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",
      "\"x\"",
      "null",
      "{\"value\":[}",
      "{\"value\":[1 2]}",
      "{\"value\":[1,]}",
      "{\"value\":[]}x",
      "[1]]",
      "{\"value\":[],\"value\":[1]}",
      "{\"a\":1,\"a\":2}",
      "{\"value\":1,\"value\":[]}",
      "{\"value\":[1],}",
      "{,}",
      "{1:2}",
      "{\"a\" 1}",
      "{\"a\":}",
      "{\"a\":tru}",
      "<html>403</html>",
      "{\"a\":\"\\q\"}",
      "[,1]",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct got g = {0};
    if (feed(bad[i], strlen(bad[i]), 0, &g, NULL) == 0) fail_msg("taken: %s", bad[i]);
    uh_str_clear(&g.text);
  }
  struct got zero = {0};
  assert_int_equal(feed("\0\0\0\0", 4, 1, &zero, NULL), -1);
  uh_str_clear(&zero.text);
  struct uh_str deep = {0};
  uh_str_add(&deep, "{\"value\":[");
  for (int i = 0; i < 100000; i++) uh_str_addc(&deep, '[');
  struct got g = {0};
  assert_int_equal(feed(deep.s, deep.len, 5, &g, NULL), -1);
  assert_int_equal(g.n, 0);
  uh_str_clear(&deep);
  uh_str_clear(&g.text);
}

static void an_element_has_a_bound(void **state) {
  (void)state;
  struct uh_json_stream *s = NULL;
  struct got g = {0};
  char block[65536];
  memset(block, 'x', sizeof block);
  assert_int_equal(uh_json_stream_open(take, &g, &s, NULL), 0);
  assert_int_equal(uh_json_stream_push(s, "[\"", 2, NULL), 0);
  size_t fed = 0;
  while (fed < 2 * UH_JSON_ELEMENT_MAX && uh_json_stream_push(s, block, sizeof block, NULL) == 0) fed += sizeof block;
  assert_in_range(fed, 1, UH_JSON_ELEMENT_MAX);
  uh_json_stream_free(s);
}

/* ---- the walk, against jansson ---- */

struct built {
  json_t *object, *list;
  const char *list_name;
  char name[300];
};
static void b_text(void *u, const char *name, const char *text, size_t n) {
  json_object_set_new(((struct built *)u)->object, name, json_stringn(text, n));
}
static void b_integer(void *u, const char *name, int64_t v) {
  json_object_set_new(((struct built *)u)->object, name, json_integer(v));
}
static void b_boolean(void *u, const char *name, bool v) {
  json_object_set_new(((struct built *)u)->object, name, json_boolean(v));
}
static void b_null(void *u, const char *name) {
  json_object_set_new(((struct built *)u)->object, name, json_null());
}
static void b_list_begin(void *u, const char *name) {
  struct built *b = u;
  b->list = json_array();
  json_object_set_new(b->object, name, b->list);
}
static void b_list_item(void *u, const char *text, size_t n) {
  json_array_append_new(((struct built *)u)->list, json_stringn(text, n));
}
static void b_list_end(void *u) {
  ((struct built *)u)->list = NULL;
}
static void b_json(void *u, const char *name, const char *text) {
  json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
  assert_non_null(v);
  json_object_set_new(((struct built *)u)->object, name, v);
}
static const struct uh_json_visitor builder = {b_text,       b_integer,   b_boolean,  b_null,
                                               b_list_begin, b_list_item, b_list_end, b_json};

static void same_as_jansson(const char *text, struct uh_str *scratch) {
  struct built b = {.object = json_object()};
  int r = uh_json_walk(text, strlen(text), &builder, &b, scratch, NULL);
  json_t *expected = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  if (json_is_object(expected)) {
    if (r != 0 || !json_equal(expected, b.object)) fail_msg("differs: %s", text);
  } else if (r == 0) {
    fail_msg("taken: %s", text);
  }
  json_decref(expected);
  json_decref(b.object);
}

static void walks_as_jansson_does(void **state) {
  (void)state;
  static const char *const texts[] = {
      "{}",
      " { } ",
      "{\"a\":\"\"}",
      "{\"a\":1,\"b\":-9223372036854775808,\"c\":0,\"d\":-0.5,\"e\":1e5,\"f\":9223372036854775807}",
      "{\"a\":\"\\u00e9\\n\\t\\\\\\/\\\"\\b\\f\\r\"}",
      "{\"a\":\"\\ud83d\\ude00\"}",
      "{\"a\":[],\"b\":[\"x\"],\"c\":[\"x\",\"y\"]}",
      "{\"a\":[1,2],\"b\":[[\"x\"]],\"c\":{\"d\":{}},\"e\":[{},\"x\"],\"f\":[\"a\",null]}",
      "{\"a\":true,\"b\":false,\"c\":null}",
      "{\"a\":tru}",
      "{\"a\":01}",
      "{\"a\":1.}",
      "{\"a\":.5}",
      "{\"a\":+1}",
      "{\"a\":\"\n\"}",
      "{\"a\":\"\xff\"}",
      "{\"a\":\"\xc0\x80\"}",
      "{\"a\":1,}",
      "{\"a\":1 \"b\":2}",
      "{\"a\":[1,]}",
      "{\"a\":{\"b\"}}",
      "{\"a\":\"x}",
      "[]",
      "{\"a\":1}}",
      "{\"a\":nul}",
      "{a:1}",
      "{\"a\":\"\\x\"}",
      "{\"a\":\"\\u12g4\"}",
      "{\"a\":[\"x\"",
      "{\"a\":[\"x\" \"y\"]}",
      "{\"\":1}",
      "{\"a\":-}",
      "{\"a\":1e}",
      "{\"a\":{\"b\":[1,{\"c\":\"\\u0041\"}]},\"d\":[ \"p\" , \"q\" ]}",
  };
  struct uh_str scratch = {0};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) same_as_jansson(texts[i], &scratch);
  /* Every prefix and every single byte changed: never accepted where jansson refuses. */
  const char *sample = texts[7];
  char text[256];
  for (size_t n = 0; n <= strlen(sample); n++) {
    (void)snprintf(text, sizeof text, "%.*s", (int)n, sample);
    same_as_jansson(text, &scratch);
    for (const char *c = "\"{}[],: x1\\"; n < strlen(sample) && *c; c++) {
      (void)snprintf(text, sizeof text, "%s", sample);
      text[n] = *c;
      struct built b = {.object = json_object()};
      json_t *expected = json_loads(text, 0, NULL);
      int r = uh_json_walk(text, strlen(text), &builder, &b, &scratch, NULL);
      if ((r == 0) != json_is_object(expected)) fail_msg("differs: %s", text);
      json_decref(expected);
      json_decref(b.object);
    }
  }
  uh_str_clear(&scratch);
}

/* ---- speed ---- */

struct speed {
  struct uh_str scratch;
  int64_t objects, texts;
  bool tree;
};
static void s_text(void *u, const char *name, const char *text, size_t n) {
  (void)name;
  (void)text;
  ((struct speed *)u)->texts += (int64_t)n;
}
static int s_object(void *u, const char *text, size_t n, struct uh_err *err) {
  static const struct uh_json_visitor v = {.text = s_text};
  struct speed *s = u;
  s->objects++;
  if (!s->tree) return uh_json_walk(text, n, &v, s, &s->scratch, err);
  json_t *j = json_loadb(text, n, 0, NULL);
  int r = j ? 0 : -1;
  json_decref(j);
  return r;
}

static void fast_enough(void **state) {
  (void)state;
  static const char mailbox[] =
      "{\"Guid@data.type\":\"System.Guid\",\"Guid\":\"00000000-0000-4000-8000-%012d\",\"DisplayName\":\"Ada Lovelace "
      "%d\",\"Alias\":"
      "\"ada%d\",\"PrimarySmtpAddress\":\"ada%d@contoso.com\",\"EmailAddresses@odata.type\":\"#Collection(String)\","
      "\"EmailAddresses\":"
      "[\"SMTP:ada%d@contoso.com\",\"smtp:ada%d@contoso.onmicrosoft.com\",\"x500:/o=ExchangeLabs/ou=Exchange "
      "Administrative Group "
      "(FYDIBOHF23SPDLT)/cn=Recipients/"
      "cn=0123456789abcdef-ada\"],\"ExternalDirectoryObjectId\":\"4f1c0c0e-0000-4000-8000-000000000002\","
      "\"RecipientType\":\"UserMailbox\",\"RecipientTypeDetails\":\"UserMailbox\",\"RemoteRecipientType\":\"Migrated\","
      "\"IsDirSynced\":true,"
      "\"IsExchangeCloudManaged\":false,\"ArchiveStatus\":\"None\",\"ArchiveGuid\":\"00000000-0000-0000-0000-"
      "000000000000\","
      "\"WhenMailboxCreated@data.type\":\"System.DateTime\",\"WhenMailboxCreated\":\"2022-09-21T08:07:47.0000000+00:"
      "00\"}";
  struct uh_str body = {0};
  uh_str_add(&body, "{\"value\":[");
  for (int i = 0; i < 20000; i++) {
    char one[1400];
    (void)snprintf(one, sizeof one, mailbox, i, i, i, i, i, i);
    uh_str_addf(&body, "%s%s", i ? "," : "", one);
  }
  uh_str_add(&body, "]}");
  for (int tree = 0; tree < 2; tree++) {
    struct speed speed = {.tree = tree};
    struct uh_json_stream *s = NULL;
    assert_int_equal(uh_json_stream_open(s_object, &speed, &s, NULL), 0);
    struct timespec a, b;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (size_t at = 0; at < body.len; at += 16384)
      assert_int_equal(uh_json_stream_push(s, body.s + at, body.len - at < 16384 ? body.len - at : 16384, NULL), 0);
    assert_int_equal(uh_json_stream_end(s, NULL), 0);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    double t = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
    print_message("%s: %.0f MB/s, %.0f objects/s (%zu bytes each)\n", tree ? "tree per element" : "walk",
                  (double)body.len / t / 1e6, (double)speed.objects / t, body.len / 20000);
    assert_int_equal(speed.objects, 20000);
    uh_json_stream_free(s);
    uh_str_clear(&speed.scratch);
  }
  uh_str_clear(&body);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cut_into_chunks_anywhere),
      cmocka_unit_test(cut_short_is_an_error),
      cmocka_unit_test(plain_array),
      cmocka_unit_test(no_nul_leaves),
      cmocka_unit_test(hostile),
      cmocka_unit_test(an_element_has_a_bound),
      cmocka_unit_test(walks_as_jansson_does),
      cmocka_unit_test(fast_enough),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
