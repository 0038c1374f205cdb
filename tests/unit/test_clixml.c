/* SPDX-License-Identifier: Apache-2.0 */
/* The CLIXML reader: shapes, references, escapes, encodings, limits, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wire/clixml.h"

#define NS " xmlns=\"http://schemas.microsoft.com/powershell/2004/04\""
#define DOC(body) "<Objs Version=\"1.1.0.1\"" NS ">" body "</Objs>"
#define OBJ(members) "<Obj RefId=\"0\"><Props>" members "</Props></Obj>"

typedef void (*look_fn)(const struct uh_clixml_value *object, int64_t i);
static const char *stream_now;
struct seen {
  look_fn look;
  int64_t n;
  int64_t stop_at;
};

static int on_object(void *user, const struct uh_clixml_value *object, const char *stream, struct uh_err *err) {
  stream_now = stream;
  struct seen *s = user;
  if (s->look) s->look(object, s->n);
  s->n++;
  return s->n == s->stop_at ? uh_fail(err, UH_ERR_CANNOT_WRITE, "enough") : 0;
}

/* Feeds in pieces of the given size; returns what finish said. */
static int read_pieces(const char *data, size_t n, size_t piece, struct seen *seen, struct uh_err *err) {
  struct uh_clixml *r = NULL;
  int result = 0;
  seen->n = 0;
  *err = UH_ERR_INIT;
  assert_int_equal(uh_clixml_open(on_object, seen, &r, err), 0);
  for (size_t at = 0; at < n && result == 0; at += piece)
    result = uh_clixml_feed(r, data + at, n - at < piece ? n - at : piece, err);
  if (result == 0) result = uh_clixml_finish(r, err);
  if (result < 0) assert_int_equal(uh_clixml_finish(r, NULL), -1);
  assert_int_equal(uh_clixml_count(r), seen->n);
  assert_null(uh_clixml_free(r));
  return result;
}

/* Whatever the pieces, the result is the same. */
static void read_ok_n(const char *data, size_t n, look_fn look, int64_t objects) {
  static const size_t pieces[] = {1, 3, 7, 64, 1000, 1u << 30};
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    struct seen seen = {.look = look};
    struct uh_err err;
    char text[1100];
    if (read_pieces(data, n, pieces[i], &seen, &err) < 0) {
      print_error("%.300s\n%s\n", data, uh_err_text(&err, text, sizeof text));
      fail();
    }
    assert_int_equal(seen.n, objects);
  }
}
static void read_ok(const char *xml, look_fn look, int64_t objects) {
  read_ok_n(xml, strlen(xml), look, objects);
}

static void read_bad(const char *xml, int64_t objects_before, const char *what) {
  static const size_t pieces[] = {1, 10, 1u << 30};
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    struct seen seen = {0};
    struct uh_err err;
    int r = read_pieces(xml, strlen(xml), pieces[i], &seen, &err);
    if (r != -1 || err.cls != UH_ERR_DATA || !strstr(err.what, what) || seen.n != objects_before)
      print_error("%.200s\ngot %d, %lld objects, %s; expected %s\n", xml, r, (long long)seen.n, err.what, what);
    assert_int_equal(r, -1);
    assert_int_equal(err.cls, UH_ERR_DATA);
    assert_int_equal(seen.n, objects_before);
    assert_non_null(strstr(err.what, what));
    assert_int_equal(strncmp(err.what, "line ", 5), 0);
  }
}

static void has_text_n(const struct uh_clixml_value *v, const char *text, size_t n) {
  const char *got = NULL;
  size_t got_n = 0;
  assert_int_equal(uh_clixml_text(v, &got, &got_n), UH_VALUE);
  if (got_n != n || memcmp(got, text, n) != 0) print_error("got \"%s\", expected \"%s\"\n", got, text);
  assert_int_equal(got_n, n);
  assert_memory_equal(got, text, n);
  assert_int_equal(got[n], 0);
}
static void has_text(const struct uh_clixml_value *v, const char *text) {
  has_text_n(v, text, strlen(text));
}
static void property_is(const struct uh_clixml_value *o, const char *name, const char *text) {
  const struct uh_clixml_value *v = uh_clixml_property(o, name);
  if (!v) print_error("no property %s\n", name);
  assert_non_null(v);
  has_text(v, text);
}

/* ---- every primitive ---- */

static void look_primitives(const struct uh_clixml_value *o, int64_t i) {
  static const struct {
    const char *name, *text;
    enum uh_clixml_kind kind;
  } want[] = {
      {"s", "a b", UH_CLIXML_TEXT},
      {"se", "", UH_CLIXML_TEXT},
      {"c", "97", UH_CLIXML_TEXT},
      {"b", "true", UH_CLIXML_BOOL},
      {"by", "254", UH_CLIXML_INT},
      {"sb", "-127", UH_CLIXML_INT},
      {"u16", "65535", UH_CLIXML_INT},
      {"i16", "-32767", UH_CLIXML_INT},
      {"u32", "4294967295", UH_CLIXML_INT},
      {"i32", "-1", UH_CLIXML_INT},
      {"u64", "18446744073709551615", UH_CLIXML_INT},
      {"i64", "-9223372036854775808", UH_CLIXML_INT},
      {"sg", "1.5", UH_CLIXML_REAL},
      {"db", "INF", UH_CLIXML_REAL},
      {"d", "10.25", UH_CLIXML_REAL},
      {"dt", "2008-04-11T10:42:32.2731993-07:00", UH_CLIXML_TEXT},
      {"ts", "PT9.0269026S", UH_CLIXML_TEXT},
      {"g", "792e5b37-4505-47ef-b7d2-8711bb7affa8", UH_CLIXML_GUID},
      {"ba", "AQIDBA==", UH_CLIXML_BYTES},
      {"uri", "http://a/", UH_CLIXML_TEXT},
      {"xd", "<a/>", UH_CLIXML_TEXT},
      {"sbk", "get-x", UH_CLIXML_TEXT},
      {"v", "15.2.986.5", UH_CLIXML_TEXT},
      {"sv", "7.4.0", UH_CLIXML_TEXT},
  };
  (void)i;
  assert_int_equal(uh_clixml_kind(o), UH_CLIXML_OBJECT);
  for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
    property_is(o, want[k].name, want[k].text);
    assert_int_equal(uh_clixml_kind(uh_clixml_property(o, want[k].name)), want[k].kind);
  }
  const char *text;
  size_t n;
  assert_int_equal(uh_clixml_kind(uh_clixml_property(o, "nil")), UH_CLIXML_NIL);
  assert_int_equal(uh_clixml_text(uh_clixml_property(o, "nil"), &text, &n), UH_NONE);
  assert_int_equal(uh_clixml_kind(uh_clixml_property(o, "ss")), UH_CLIXML_SECRET);
  assert_int_equal(uh_clixml_text(uh_clixml_property(o, "ss"), &text, &n), UH_NOT_ASKED);
  assert_null(uh_clixml_property(o, "SerializationData"));
  assert_null(uh_clixml_property(o, "absent"));
  assert_null(uh_clixml_property(NULL, "absent"));
  assert_int_equal(uh_clixml_text(uh_clixml_property(o, "absent"), &text, &n), UH_NOT_ASKED);
  int64_t number = 0;
  assert_int_equal(uh_clixml_int(uh_clixml_property(o, "i64"), &number), UH_VALUE);
  assert_true(number == INT64_MIN);
  assert_int_equal(uh_clixml_int(uh_clixml_property(o, "u64"), &number), UH_NOT_ASKED); /* does not fit */
  uint8_t guid[16];
  static const uint8_t wire[16] = {0x37, 0x5b, 0x2e, 0x79, 0x05, 0x45, 0xef, 0x47,
                                   0xb7, 0xd2, 0x87, 0x11, 0xbb, 0x7a, 0xff, 0xa8};
  assert_int_equal(uh_clixml_guid(uh_clixml_property(o, "G"), guid), UH_VALUE); /* names without case */
  assert_memory_equal(guid, wire, 16);
  assert_int_equal(uh_clixml_guid(uh_clixml_property(o, "s"), guid), UH_NOT_ASKED);
}

static void test_primitives(void **state) {
  (void)state;
  read_ok(
      DOC(OBJ("<S N=\"s\">a b</S><S N=\"se\"/><C N=\"c\">97</C><B N=\"b\">true</B><By N=\"by\">254</By>"
              "<SB N=\"sb\">-127</SB><U16 N=\"u16\">65535</U16><I16 N=\"i16\">-32767</I16>"
              "<U32 N=\"u32\">4294967295</U32><I32 N=\"i32\">-1</I32><U64 N=\"u64\">18446744073709551615</U64>"
              "<I64 N=\"i64\">-9223372036854775808</I64><Sg N=\"sg\">1.5</Sg><Db N=\"db\">INF</Db><D N=\"d\">10.25</D>"
              "<DT N=\"dt\">2008-04-11T10:42:32.2731993-07:00</DT><TS N=\"ts\">PT9.0269026S</TS>"
              "<G N=\"g\">792e5b37-4505-47ef-b7d2-8711bb7affa8</G><BA N=\"ba\">AQIDBA==</BA>"
              "<URI N=\"uri\">http://a/</URI><XD N=\"xd\">&lt;a/&gt;</XD><SBK N=\"sbk\">get-x</SBK>"
              "<Version N=\"v\">15.2.986.5</Version><SemanticVersion N=\"sv\">7.4.0</SemanticVersion>"
              "<SS N=\"ss\">01000000d08c</SS><Nil N=\"nil\"/><BA N=\"SerializationData\">AAEAAAD/////</BA>"
              "<PR N=\"pr\"><AV>x</AV><AI>0</AI></PR><S>no name</S>")),
      look_primitives, 1);
}

/* ---- shapes with and without full serialisation give the same ---- */

static void look_shapes(const struct uh_clixml_value *o, int64_t i) {
  bool yes = false;
  int64_t n = 0;
  uint8_t guid[16], same[16];
  (void)i;
  static const char *const yeses[] = {"b1", "b2", "b3", "b4", "b5", "b6"};
  for (size_t k = 0; k < 6; k++) {
    yes = false;
    assert_int_equal(uh_clixml_bool(uh_clixml_property(o, yeses[k]), &yes), UH_VALUE);
    assert_true(yes);
  }
  assert_int_equal(uh_clixml_bool(uh_clixml_property(o, "n1"), &yes), UH_NOT_ASKED);
  static const char *const fives[] = {"n1", "n2", "n3", "n4", "n5"};
  for (size_t k = 0; k < 5; k++) {
    n = 0;
    assert_int_equal(uh_clixml_int(uh_clixml_property(o, fives[k]), &n), UH_VALUE);
    assert_int_equal(n, 5);
  }
  assert_int_equal(uh_clixml_int(uh_clixml_property(o, "size"), &n), UH_VALUE);
  assert_int_equal(n, 37748736);
  assert_int_equal(uh_clixml_int(uh_clixml_property(o, "unlimited"), &n), UH_NOT_ASKED);
  property_is(o, "unlimited", "Unlimited");
  property_is(o, "enum", "Tls, Integrated");
  assert_int_equal(uh_clixml_int(uh_clixml_property(o, "enum"), &n), UH_VALUE);
  assert_int_equal(n, 3);
  assert_int_equal(uh_clixml_guid(uh_clixml_property(o, "g1"), guid), UH_VALUE);
  static const char *const guids[] = {"g2", "g3", "g4", "g5"};
  for (size_t k = 0; k < 4; k++) {
    assert_int_equal(uh_clixml_guid(uh_clixml_property(o, guids[k]), same), UH_VALUE);
    assert_memory_equal(guid, same, 16);
  }
  static const char *const lists[] = {"l1", "l2", "l3", "l4", "l5", "l6"};
  for (size_t k = 0; k < 6; k++) {
    const struct uh_clixml_value *at = NULL, *list = uh_clixml_property(o, lists[k]);
    assert_int_equal(uh_clixml_length(list), k < 4 ? 2 : 1);
    has_text(uh_clixml_next(list, &at, NULL), "a");
    if (k < 4) has_text(uh_clixml_next(list, &at, NULL), "b");
    assert_null(uh_clixml_next(list, &at, NULL));
  }
  const char *text;
  size_t len;
  static const char *const nothing[] = {"e1", "e2", "e3"};
  for (size_t k = 0; k < 3; k++) {
    assert_int_equal(uh_clixml_length(uh_clixml_property(o, nothing[k])), 0);
    assert_int_equal(uh_clixml_text(uh_clixml_property(o, nothing[k]), &text, &len), UH_NONE);
  }
  property_is(o, "l5", "a");
  assert_int_equal(uh_clixml_text(uh_clixml_property(o, "l1"), &text, &len), UH_NOT_ASKED);
  property_is(o, "wrapped", "inner");
  property_is(uh_clixml_property(o, "wrapped"), "deep", "yes");
}

static void test_shapes(void **state) {
  (void)state;
  read_ok(
      DOC(OBJ("<B N=\"b1\">true</B><S N=\"b2\">True</S><B N=\"b3\">1</B><Obj N=\"b4\" RefId=\"90\"><B>true</B></Obj>"
              "<Obj N=\"b5\" RefId=\"91\"><LST><B>true</B></LST></Obj><S N=\"b6\">true</S>"
              "<I32 N=\"n1\">5</I32><S N=\"n2\">5</S><U64 N=\"n3\">5</U64>"
              "<Obj N=\"n4\" RefId=\"92\"><ToString>Five</ToString><By>5</By></Obj>"
              "<Obj N=\"n5\" RefId=\"93\"><I64>5</I64><ToString>Five</ToString></Obj>"
              "<Obj N=\"size\" RefId=\"94\"><ToString>36 MB (37,748,736 bytes)</ToString></Obj>"
              "<Obj N=\"unlimited\" RefId=\"95\"><ToString>Unlimited</ToString><Props/></Obj>"
              "<Obj N=\"enum\" RefId=\"96\"><TN RefId=\"9\"><T>X</T></TN><ToString>Tls, "
              "Integrated</ToString><I32>3</I32></Obj>"
              "<G N=\"g1\">792e5b37-4505-47ef-b7d2-8711bb7affa8</G><S N=\"g2\">792E5B37-4505-47EF-B7D2-8711BB7AFFA8</S>"
              "<S N=\"g3\">{792e5b37-4505-47ef-b7d2-8711bb7affa8}</S>"
              "<Obj N=\"g4\" RefId=\"97\"><G>792e5b37-4505-47ef-b7d2-8711bb7affa8</G></Obj>"
              "<Obj N=\"g5\" RefId=\"98\"><ToString>792e5b37-4505-47ef-b7d2-8711bb7affa8</ToString></Obj>"
              "<Obj N=\"l1\" RefId=\"1\"><LST><S>a</S><S>b</S></LST></Obj>"
              "<Obj N=\"l2\" RefId=\"2\"><IE><S>a</S><S>b</S></IE></Obj>"
              "<Obj N=\"l3\" RefId=\"3\"><STK><S>a</S><S>b</S></STK></Obj>"
              "<Obj N=\"l4\" RefId=\"4\"><QUE><S>a</S><Obj RefId=\"44\"><ToString>b</ToString></Obj></QUE></Obj>"
              "<Obj N=\"l5\" RefId=\"5\"><LST><S>a</S></LST></Obj><S N=\"l6\">a</S>"
              "<Obj N=\"e1\" RefId=\"6\"><LST/></Obj><Nil N=\"e2\"/><Obj N=\"e3\" RefId=\"61\"><LST></LST></Obj>"
              "<Obj N=\"wrapped\" RefId=\"7\"><TN RefId=\"8\"><T>W</T></TN><Obj RefId=\"71\"><ToString>inner</ToString>"
              "<Props><S N=\"deep\">yes</S></Props></Obj><MS/></Obj>")),
      look_shapes, 1);
}

/* ---- members, types, dictionaries, streams ---- */

static void look_members(const struct uh_clixml_value *o, int64_t i) {
  struct uh_clixml_walk walk = {0};
  const char *name, *names[8];
  size_t n = 0;
  (void)i;
  assert_string_equal(uh_clixml_type(o, 0), "Ex.Mailbox");
  assert_string_equal(uh_clixml_type(o, 1), "System.Object");
  assert_string_equal(uh_clixml_type(o, 2), "");
  assert_string_equal(stream_now, "");
  property_is(o, "both", "from MS");
  while (uh_clixml_next_property(o, &walk, &name)) names[n++] = name;
  assert_int_equal(n, 4);
  assert_string_equal(names[0], "both");
  assert_string_equal(names[1], "kid");
  assert_string_equal(names[2], "plain");
  assert_string_equal(names[3], "map");
  assert_string_equal(uh_clixml_type(uh_clixml_property(o, "kid"), 0), "Ex.Mailbox");
  assert_string_equal(uh_clixml_type(uh_clixml_property(o, "plain"), 0), "");
  const struct uh_clixml_value *map = uh_clixml_property(o, "map"), *at = NULL, *key = NULL, *value;
  assert_int_equal(uh_clixml_kind(map), UH_CLIXML_DICTIONARY);
  assert_int_equal(uh_clixml_length(map), 3);
  value = uh_clixml_next(map, &at, &key);
  has_text(key, "k1");
  has_text(value, "v1");
  value = uh_clixml_next(map, &at, &key);
  has_text(key, "k2");
  has_text(value, "v2");
  value = uh_clixml_next(map, &at, &key);
  has_text(key, "k3");
  assert_int_equal(uh_clixml_kind(value), UH_CLIXML_LOST);
  assert_null(uh_clixml_next(map, &at, &key));
}

static void test_members(void **state) {
  (void)state;
  read_ok(DOC("<Obj><MS><S N=\"both\">from MS</S><MS N=\"PSStandardMembers\"><S N=\"x\">y</S><Obj "
              "RefId=\"5\"><LST/></Obj></MS>"
              "<Obj N=\"kid\" RefId=\"k\"><TNRef RefId=\"t\"/></Obj></MS>"
              "<TN RefId=\"t\"><T>Deserialized.Ex.Mailbox</T><T>System.Object</T></TN>"
              "<Props><S N=\"BOTH\">from Props</S><S N=\"plain\">p</S><Obj N=\"map\" RefId=\"m\"><DCT>"
              "<En><S N=\"Key\">k1</S><S N=\"Value\">v1</S></En><En><S N=\"value\">v2</S><S N=\"KEY\">k2</S></En>"
              "<En><S N=\"Key\">k3</S></En><En><S N=\"Value\">no key</S></En></DCT></Obj></Props></Obj>"),
          NULL, 1);
  /* kid refers to a type list that stands after it in this order: its type is not known, which is no error */
  read_ok(DOC("<Obj><TN RefId=\"t\"><T>Deserialized.Ex.Mailbox</T><T>System.Object</T></TN>"
              "<MS><S N=\"both\">from MS</S><MS N=\"PSStandardMembers\"><S N=\"x\">y</S></MS>"
              "<Obj N=\"kid\" RefId=\"t\"><TNRef RefId=\"t\"/></Obj></MS>"
              "<Props><S N=\"BOTH\">from Props</S><S N=\"plain\">p</S><Obj N=\"map\" RefId=\"m\"><DCT>"
              "<En><S N=\"Key\">k1</S><S N=\"Value\">v1</S></En><En><S N=\"value\">v2</S><S N=\"KEY\">k2</S></En>"
              "<En><S N=\"Key\">k3</S></En><En><S N=\"Value\">no key</S></En></DCT></Obj></Props></Obj>"),
          look_members, 1);
}

static void look_streams(const struct uh_clixml_value *o, int64_t i) {
  static const char *const streams[] = {"Error", "", "Warning"};
  (void)o;
  assert_string_equal(stream_now, streams[i]);
}

static void test_top_level(void **state) {
  (void)state;
  read_ok(DOC("<Obj S=\"Error\" RefId=\"0\"><ToString>e</ToString></Obj><S>text</S><S S=\"Warning\">w</S>"),
          look_streams, 3);
  read_ok(DOC(""), NULL, 0);
  read_ok("<Objs Version=\"1.1.0.1\"/>", NULL, 0);
  read_ok("<Objs><I32>1</I32><Nil/></Objs>", NULL, 2);
  read_ok("<Obj RefId=\"0\"><MS><S N=\"a\">b</S></MS></Obj>", NULL, 1); /* a message of remote PowerShell */
  read_ok("<?xml version=\"1.0\" encoding=\"utf-16\"?>" DOC("<S>x</S>"), NULL, 1);
}

/* ---- references ---- */

static void look_references(const struct uh_clixml_value *o, int64_t i) {
  if (i == 0) {
    const struct uh_clixml_value *me = uh_clixml_property(o, "me");
    for (int k = 0; k < 20; k++) me = uh_clixml_property(me, "me"); /* circular */
    property_is(me, "name", "first");
    property_is(o, "again", "id one");
    property_is(uh_clixml_property(o, "again"), "dn", "CN=one");
    property_is(o, "after", "second definition");
    assert_int_equal(uh_clixml_kind(uh_clixml_property(o, "unknown")), UH_CLIXML_LOST);
    assert_int_equal(uh_clixml_kind(uh_clixml_property(o, "numberless")), UH_CLIXML_LOST);
  } else if (i == 1) {
    property_is(o, "ref", "id one");
    property_is(uh_clixml_property(o, "ref"), "dn", "CN=one");
    assert_string_equal(uh_clixml_type(uh_clixml_property(o, "ref"), 0), "T.Id");
  } else if (i == 2) {
    property_is(o, "name", "first"); /* a Ref at the top: the object itself, whole */
    property_is(o, "again", "id one");
  } else {
    assert_int_equal(uh_clixml_kind(o), UH_CLIXML_LOST);
  }
}

static void test_references(void **state) {
  (void)state;
  read_ok(DOC("<Obj RefId=\"0\"><Props><S N=\"name\">first</S><Ref N=\"me\" RefId=\"0\"/>"
              "<Obj N=\"id\" RefId=\"x-1\"><TN RefId=\"x-1\"><T>T.Id</T></TN><ToString>id one</ToString>"
              "<Props><S N=\"dn\">CN=one</S></Props></Obj><Ref N=\"again\" RefId=\"x-1\"/>"
              "<Obj N=\"d1\" RefId=\"dup\"><ToString>first definition</ToString></Obj>"
              "<Obj N=\"d2\" RefId=\"dup\"><ToString>second definition</ToString></Obj><Ref N=\"after\" RefId=\"dup\"/>"
              "<Ref N=\"unknown\" RefId=\"-7\"/><Ref N=\"numberless\"/></Props></Obj>"
              "<Obj RefId=\"1\"><Props><Ref N=\"ref\" RefId=\"x-1\"/></Props></Obj>"
              "<Ref RefId=\"0\"/><Ref RefId=\"nowhere\"/>"),
          look_references, 4);
}

/* A file larger than what is remembered: what is referred to again and again stays, what was forgotten is lost. */
static void look_far(const struct uh_clixml_value *o, int64_t i) {
  if (i == 0) return;
  property_is(o, "shared", "common");
  property_is(uh_clixml_property(o, "shared"), "dn", "CN=common");
  if (i < 3000) return;
  assert_int_equal(uh_clixml_kind(uh_clixml_property(o, "old")), UH_CLIXML_LOST);
}

static void test_far_references(void **state) {
  (void)state;
  size_t n = 0, cap = 16 * 1024 * 1024;
  char *doc = malloc(cap), filler[4001];
  assert_non_null(doc);
  memset(filler, 'x', 4000);
  filler[4000] = '\0';
  n += (size_t)snprintf(
      doc + n, cap - n,
      "<Objs Version=\"1.1.0.1\"><Obj RefId=\"0\"><Props><Obj N=\"shared\" RefId=\"s\"><ToString>common</ToString>"
      "<Props><S N=\"dn\">CN=common</S></Props></Obj><Obj N=\"once\" RefId=\"o\"><ToString>o</ToString></Obj>"
      "</Props></Obj>");
  for (int i = 1; i <= 3000; i++)
    n += (size_t)snprintf(doc + n, cap - n,
                          "<Obj RefId=\"a%d\"><Props><S N=\"f\">%s</S><Ref N=\"shared\" RefId=\"s\"/>%s</Props></Obj>",
                          i, filler, i == 3000 ? "<Ref N=\"old\" RefId=\"o\"/>" : "");
  n += (size_t)snprintf(doc + n, cap - n, "</Objs>");
  struct seen seen = {.look = look_far};
  struct uh_err err;
  assert_int_equal(read_pieces(doc, n, 65536, &seen, &err), 0);
  assert_int_equal(seen.n, 3001);
  free(doc);
}

/* What an earlier object's value holds beyond a small copy is not obtained; half a list never looks like a whole one.
 */
static void look_cut(const struct uh_clixml_value *o, int64_t i) {
  if (i == 0) {
    assert_int_equal(uh_clixml_length(uh_clixml_property(uh_clixml_property(o, "big"), "list")), 2000);
    return;
  }
  const struct uh_clixml_value *big = uh_clixml_property(o, "ref"), *list;
  has_text(big, "big one");
  list = uh_clixml_property(big, "list");
  if (list) assert_int_not_equal(uh_clixml_kind(list), UH_CLIXML_LIST);
  const char *text;
  size_t n;
  assert_int_equal(uh_clixml_text(list, &text, &n), UH_NOT_ASKED);
}

static void test_cut_references(void **state) {
  (void)state;
  size_t n = 0, cap = 1 << 20;
  char *doc = malloc(cap);
  assert_non_null(doc);
  n += (size_t)snprintf(
      doc + n, cap - n,
      "<Objs Version=\"1.1.0.1\"><Obj RefId=\"0\"><Props><Obj N=\"big\" RefId=\"b\"><ToString>big one</ToString>"
      "<Props><Obj N=\"list\" RefId=\"l\"><LST>");
  for (int i = 0; i < 2000; i++) n += (size_t)snprintf(doc + n, cap - n, "<S>element %d</S>", i);
  n += (size_t)snprintf(doc + n, cap - n,
                        "</LST></Obj></Props></Obj></Props></Obj><Obj RefId=\"1\"><Props><Ref N=\"ref\" "
                        "RefId=\"b\"/></Props></Obj></Objs>");
  read_ok_n(doc, n, look_cut, 2);
  free(doc);
}

/* ---- escapes ---- */

static void look_escapes(const struct uh_clixml_value *o, int64_t i) {
  (void)i;
  property_is(o, "newline", "a\r\nb");
  property_is(o, "emoji", "\xf0\x9f\x98\x80");
  property_is(o, "upper", "A");
  property_is(o, "literal", "_x0041_");
  property_is(o, "once", "_x0041_");
  property_is(o, "long", "\xf0\x9f\x98\x80");
  property_is(o, "not1", "_x41_");
  property_is(o, "not2", "_x00G1_");
  property_is(o, "not3", "_x0041");
  property_is(o, "not4", "_");
  property_is(o, "not5", "_xFFFFFFFF_");
  property_is(o, "lone1",
              "\xef\xbf\xbd"
              "a");
  property_is(o, "lone2", "\xef\xbf\xbd");
  property_is(o, "lone3", "\xef\xbf\xbd\xf0\x9f\x98\x80");
  has_text_n(uh_clixml_property(o, "nul"), "a\0b", 3);
  property_is(o, "x\ty", "named");
  property_is(o, "raw", "_x0041_");
  property_is(o, "entities", "<&>\"'A");
  property_is(o, "cdata", "<b>A");
  has_text(o, "line\nbreak");
}

static void test_escapes(void **state) {
  (void)state;
  read_ok(DOC("<Obj RefId=\"0\"><ToString>line_x000A_break</ToString><Props><S N=\"newline\">a_x000D__x000A_b</S>"
              "<S N=\"emoji\">_xD83D__xDE00_</S><S N=\"upper\">_X0041_</S><S N=\"literal\">_x005F_x0041_</S>"
              "<S N=\"once\">_x005f_x0041_</S><S N=\"long\">_x0001F600_</S><S N=\"not1\">_x41_</S>"
              "<S N=\"not2\">_x00G1_</S><S N=\"not3\">_x0041</S><S N=\"not4\">_</S><S N=\"not5\">_xFFFFFFFF_</S>"
              "<S N=\"lone1\">_xD83D_a</S><S N=\"lone2\">_xDE00_</S><S N=\"lone3\">_xD83D__xD83D__xDE00_</S>"
              "<S N=\"nul\">a_x0000_b</S><S N=\"x_x0009_y\">named</S><Version N=\"raw\">_x0041_</Version>"
              "<S N=\"entities\">&lt;&amp;&gt;&quot;&apos;&#65;</S><S "
              "N=\"cdata\"><![CDATA[<b>_x0041_]]></S></Props></Obj>"),
          look_escapes, 1);
}

/* ---- encodings ---- */

static void look_encoding(const struct uh_clixml_value *o, int64_t i) {
  (void)i;
  property_is(o, "n", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

static size_t to_utf16(const char *s, bool big, bool mark, char *out) {
  size_t n = 0;
  const unsigned char *p = (const unsigned char *)s;
  unsigned unit[2];
  if (mark) {
    out[n++] = (char)(big ? 0xfe : 0xff);
    out[n++] = (char)(big ? 0xff : 0xfe);
  }
  while (*p) {
    unsigned c = *p < 0x80 ? *p : *p < 0xe0 ? *p & 0x1fu : *p < 0xf0 ? *p & 0x0fu : *p & 0x07u;
    int more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3, units = 1;
    for (p++; more > 0; more--) c = c << 6 | (*p++ & 0x3fu);
    unit[0] = c;
    if (c >= 0x10000) {
      unit[0] = 0xd800 + ((c - 0x10000) >> 10);
      unit[1] = 0xdc00 + ((c - 0x10000) & 0x3ff);
      units = 2;
    }
    for (int k = 0; k < units; k++) {
      out[n++] = (char)(big ? unit[k] >> 8 : unit[k] & 0xff);
      out[n++] = (char)(big ? unit[k] & 0xff : unit[k] >> 8);
    }
  }
  return n;
}

static void test_encodings(void **state) {
  (void)state;
  static const char body[] = DOC(OBJ("<S N=\"n\">\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80</S>"));
  char text[1000], wide[2100];
  read_ok(body, look_encoding, 1);
  for (int line = 0; line < 2; line++) {
    (void)snprintf(text, sizeof text, "\xef\xbb\xbf%s%s", line ? "#< CLIXML\r\n" : "", body);
    read_ok(text, look_encoding, 1);
    read_ok(text + 3, look_encoding, 1);
    for (int how = 0; how < 4; how++) {
      size_t n = to_utf16(text + 3, how & 1, how & 2 || line, wide);
      read_ok_n(wide, n, look_encoding, 1);
    }
  }
  /* A lone surrogate in UTF-16 becomes U+FFFD. */
  size_t n = to_utf16(DOC("<S>?</S>"), false, true, wide);
  for (size_t i = 0; i + 1 < n; i += 2)
    if (wide[i] == '?') {
      wide[i] = 0x00;
      wide[i + 1] = (char)0xd8;
    }
  read_ok_n(wide, n, NULL, 1);
}

/* ---- damage and hostility ---- */

static void test_damage(void **state) {
  (void)state;
  read_bad("", 0, "nothing in it");
  read_bad("   ", 0, "");
  read_bad("hello", 0, "not well-formed");
  read_bad("<Objs Version=\"1.1.0.1\"><S>a</S><S>b", 1, "cut off here");
  read_bad("<Objs Version=\"1.1.0.1\"><S>a</S><S>b</S>", 2, "cut off here");
  read_bad("<Objs Version=\"1.1.0.1\"><S>a</S><Obj RefId=\"0\"><Props><S N=\"a", 1, "");
  read_bad("<Objs>\n<S>a</S>\n<S>b</X>\n</Objs>", 1, "line 3");
  read_bad("<Objs><S>a</S><S>\x01</S></Objs>", 1, "not well-formed");
  read_bad("<Objs><S>a</S><S>&#1;</S></Objs>", 1, "not well-formed");
  read_bad("<Objs><S>\xff\xfe</S></Objs>", 0, "not well-formed");
  read_bad("<Objs><S>a</S></Objs><Objs/>", 1, "not well-formed");
  read_bad("<html/>", 0, "not CLIXML: the root element is <html>");
  read_bad("<Objs xmlns=\"urn:other\"><S>a</S></Objs>", 0, "not CLIXML");
  read_bad("<Objs Version=\"2.0\"><S>a</S></Objs>", 0, "version 2.0");
  read_bad("<Objs><S>a</S><X/></Objs>", 1, "<X> does not belong in <Objs>");
  read_bad("<Objs><Obj><X/></Obj></Objs>", 0, "does not belong in <Obj>");
  read_bad("<Objs><Obj><Props><LST/></Props></Obj></Objs>", 0, "<LST> does not belong in <Props>");
  read_bad("<Objs><Obj><LST><En/></LST></Obj></Objs>", 0, "<En> does not belong in <LST>");
  read_bad("<Objs><Obj><DCT><S>x</S></DCT></Obj></Objs>", 0, "<S> does not belong in <DCT>");
  read_bad("<Objs><S>a<S>b</S></S></Objs>", 0, "<S> does not belong in <S>");
  read_bad("<Objs><Nil><S>b</S></Nil></Objs>", 0, "<S> does not belong in <Nil>");
  read_bad("<Objs><Obj><TN RefId=\"0\"><S>b</S></TN></Obj></Objs>", 0, "<S> does not belong in <TN>");
  read_bad("<!DOCTYPE Objs><Objs><S>a</S></Objs>", 0, "DOCTYPE");
  read_bad("<!DOCTYPE Objs SYSTEM \"file:///etc/passwd\"><Objs><S>a</S></Objs>", 0, "DOCTYPE");
  read_bad("<!DOCTYPE Objs [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><Objs><S>&b;</S></Objs>", 0, "DOCTYPE");
  read_bad("<!DOCTYPE Objs [<!ENTITY % p SYSTEM \"http://127.0.0.1/\"> %p;]><Objs/>", 0, "DOCTYPE");
  read_bad("<Objs><S>a</S><S>&unknown;</S></Objs>", 1, "unknown");
}

static char *repeat(const char *head, const char *part, int times, const char *tail) {
  size_t n = strlen(head) + strlen(part) * (size_t)times + strlen(tail) + 1;
  char *out = malloc(n), *to = out;
  assert_non_null(out);
  to = stpcpy(to, head);
  for (int i = 0; i < times; i++) to = stpcpy(to, part);
  (void)stpcpy(to, tail);
  return out;
}

static void test_limits(void **state) {
  (void)state;
  struct seen seen = {0};
  struct uh_err err;
  char *deep = repeat("<Objs><S>a</S>", "<Obj><LST>", 1000, "");
  assert_int_equal(read_pieces(deep, strlen(deep), 4096, &seen, &err), -1);
  assert_non_null(strstr(err.what, "256 elements stand in each other"));
  assert_int_equal(seen.n, 1);
  free(deep);
  deep = repeat("<Objs><Obj><Props><PR N=\"a\">", "<a>", 100000, "");
  assert_int_equal(read_pieces(deep, strlen(deep), 4096, &seen, &err), -1);
  assert_non_null(strstr(err.what, "256 elements stand in each other"));
  free(deep);
  char *text = repeat("<Objs><S>a</S><S>", "0123456789abcdef", UH_CLIXML_MAX_TEXT / 16 + 1, "</S></Objs>");
  assert_int_equal(read_pieces(text, strlen(text), 65536, &seen, &err), -1);
  assert_non_null(strstr(err.what, "longer than 8 MiB"));
  assert_int_equal(seen.n, 1);
  free(text);
  char *wide = repeat("<Objs><S>a</S><Obj><LST>", "<Obj/><Obj/><Obj/><Obj/>", 200000, "</LST></Obj></Objs>");
  assert_int_equal(read_pieces(wide, strlen(wide), 65536, &seen, &err), -1);
  assert_non_null(strstr(err.what, "more than 64 MiB"));
  assert_int_equal(seen.n, 1);
  free(wide);
  char *types = repeat("<Objs>", "<Obj><TN RefId=\"0\"><T>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</T></TN></Obj>",
                       500000, "</Objs>");
  assert_int_equal(read_pieces(types, strlen(types), 65536, &seen, &err), -1);
  assert_non_null(strstr(err.what, "32 MiB of type names"));
  free(types);
  /* Many Refs to one list cost nothing, and are never expanded. */
  char *laughs = repeat("<Objs><Obj RefId=\"0\"><LST><S>ha</S></LST></Obj><Obj RefId=\"1\"><LST>", "<Ref RefId=\"0\"/>",
                        100000, "</LST></Obj><Obj RefId=\"2\"><LST><Ref RefId=\"1\"/></LST></Obj></Objs>");
  assert_int_equal(read_pieces(laughs, strlen(laughs), 65536, &seen, &err), 0);
  assert_int_equal(seen.n, 3);
  free(laughs);
}

static void test_callback_stops(void **state) {
  (void)state;
  struct seen seen = {.stop_at = 2};
  struct uh_err err;
  static const char xml[] = "<Objs><S>1</S><S>2</S><S>3</S></Objs>";
  assert_int_equal(read_pieces(xml, sizeof xml - 1, 1000, &seen, &err), -1);
  assert_int_equal(err.cls, UH_ERR_CANNOT_WRITE);
  assert_string_equal(err.what, "enough");
  assert_int_equal(seen.n, 2);
}

/* ---- choosing ---- */

static bool is_wanted(void *user, const char *name, size_t n) {
  ++*(int *)user;
  return n > 0 && name[0] == 'W';
}

static int look_at_chosen(void *user, const struct uh_clixml_value *o, const char *stream, struct uh_err *err) {
  (void)user, (void)stream, (void)err;
  const struct uh_clixml_value *at = NULL;
  property_is(o, "Wanted", "1");
  assert_null(uh_clixml_property(o, "Other"));
  assert_null(uh_clixml_property(o, "Null"));
  assert_null(uh_clixml_property(o, "Again"));
  /* What may be referred to is there, with its text, and without its members. */
  property_is(o, "WReferred", "big");
  property_is(o, "Big", "big");
  assert_null(uh_clixml_property(uh_clixml_property(o, "Big"), "Wide"));
  has_text(uh_clixml_next(uh_clixml_property(o, "WList"), &at, NULL), "one");
  assert_null(uh_clixml_property(at, "W"));
  /* Without a text the members are all that there is. */
  property_is(uh_clixml_property(o, "WBare"), "x", "2");
  return 0;
}

static void test_chosen(void **state) {
  static const char doc[] = DOC(
      "<Obj RefId=\"0\"><Props><S N=\"Other\">no</S><Nil N=\"Null\" /><S N=\"Wanted\">1</S>"
      "<Obj N=\"Big\" RefId=\"5\"><ToString>big</ToString><Props><S N=\"Wide\">3</S><Obj N=\"In\" RefId=\"6\">"
      "<Props><B N=\"b\">true</B></Props></Obj></Props></Obj><Ref N=\"WReferred\" RefId=\"5\"/>"
      "<Ref N=\"Again\" RefId=\"5\"/><Obj N=\"WList\" RefId=\"7\"><LST><Obj RefId=\"8\"><ToString>one</ToString><Props>"
      "<S N=\"W\">4</S></Props></Obj></LST></Obj><Obj N=\"WBare\" RefId=\"9\"><Props><S N=\"x\">2</S></Props></Obj>"
      "</Props></Obj>");
  (void)state;
  for (size_t piece = 1; piece < sizeof doc; piece = piece * 2 + 1) {
    struct uh_clixml *r = NULL;
    struct uh_err err = UH_ERR_INIT;
    int asked = 0;
    assert_int_equal(uh_clixml_open(look_at_chosen, NULL, &r, &err), 0);
    uh_clixml_choose(r, is_wanted, &asked);
    for (size_t at = 0; at < sizeof doc - 1; at += piece)
      assert_int_equal(uh_clixml_feed(r, doc + at, sizeof doc - 1 - at < piece ? sizeof doc - 1 - at : piece, &err), 0);
    assert_int_equal(uh_clixml_finish(r, &err), 0);
    assert_int_equal(uh_clixml_count(r), 1);
    assert_int_equal(asked, 5);
    (void)uh_clixml_free(r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_primitives),     cmocka_unit_test(test_shapes),     cmocka_unit_test(test_members),
      cmocka_unit_test(test_top_level),      cmocka_unit_test(test_references), cmocka_unit_test(test_far_references),
      cmocka_unit_test(test_cut_references), cmocka_unit_test(test_escapes),    cmocka_unit_test(test_encodings),
      cmocka_unit_test(test_damage),         cmocka_unit_test(test_chosen),     cmocka_unit_test(test_limits),
      cmocka_unit_test(test_callback_stops),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
