/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages by hand, byte for byte: each outcome, hostile names and lengths; SPF records; server addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sources/dns_answers.h"
#include "sources/dns_spf.h"
#include "wire/dns.h"

/* ---- a response under construction ---- */

struct packet {
  uint8_t data[70000];
  size_t n;
};

static void put(struct packet *p, const void *data, size_t n) {
  assert_true(p->n + n <= sizeof p->data);
  memcpy(p->data + p->n, data, n);
  p->n += n;
}
static void put16(struct packet *p, unsigned v) {
  uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};
  put(p, b, 2);
}
static void put_name(struct packet *p, const char *name) {
  while (*name) {
    size_t n = strcspn(name, ".");
    uint8_t len = (uint8_t)n;
    put(p, &len, 1);
    put(p, name, n);
    name += n + (name[n] == '.');
  }
  put(p, "", 1);
}
static void begin(struct packet *p, unsigned flags, const char *name, unsigned type) {
  p->n = 0;
  put16(p, 0x1234);
  put16(p, flags);
  put16(p, 1);
  put(p, "\0\0\0\0\0\0", 6);
  put_name(p, name);
  put16(p, type);
  put16(p, 1);
}
/* section: 6 answers, 8 authority, 10 additional; owner NULL: the question's name */
static void record(struct packet *p, size_t section, const char *owner, unsigned type, const void *data, size_t n) {
  p->data[section + 1]++;
  if (owner)
    put_name(p, owner);
  else
    put16(p, 0xc00c);
  put16(p, type);
  put16(p, 1);
  put16(p, 0);
  put16(p, 300);
  put16(p, (unsigned)n);
  put(p, data, n);
}
static void record_name(struct packet *p, size_t section, const char *owner, unsigned type, const char *value) {
  struct packet *rdata = calloc(1, sizeof *rdata);
  put_name(rdata, value);
  record(p, section, owner, type, rdata->data, rdata->n);
  free(rdata);
}
#define ANSWERS 6
#define AUTHORITY 8
#define ADDITIONAL 10
#define RESPONSE 0x8180
#define SOA 6
#define NS 2

struct fixture {
  struct packet p;
  struct uh_dns_message m;
  struct uh_str json;
};

static int setup(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  *state = f;
  return f ? uh_dns_message_init(&f->m, NULL) : -1;
}
static int teardown(void **state) {
  struct fixture *f = *state;
  uh_dns_message_clear(&f->m);
  uh_str_clear(&f->json);
  free(f);
  return 0;
}

static const char *parse_n(struct fixture *f, size_t n, const char *name, uint16_t type) {
  uint8_t *copy = malloc(n ? n : 1); /* exact, so that valgrind and ASan see a read past the end */
  memcpy(copy, f->p.data, n);
  uh_dns_message_reset(&f->m);
  const char *outcome = uh_dns_outcome_name(uh_dns_parse(copy, n, name, type, &f->m));
  free(copy);
  return outcome;
}
static const char *parse(struct fixture *f, const char *name, uint16_t type) {
  return parse_n(f, f->p.n, name, type);
}
static const char *json(struct fixture *f) {
  uh_str_reset(&f->json);
  uh_dns_answers_json(&f->json, f->m.records, f->m.n);
  return uh_str_text(&f->json);
}

/* ---- records ---- */

static void test_mx(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE, "Contoso.COM", UH_DNS_MX); /* servers may give the case back as they like */
  record(&f->p, ANSWERS, NULL, UH_DNS_MX, "\0\012\4MAIL\xc0\x0c", 9);
  record(&f->p, ANSWERS, NULL, UH_DNS_MX, "\0\0\0", 3);
  assert_string_equal(parse(f, "contoso.com", UH_DNS_MX), "answer");
  assert_string_equal(
      json(f),
      "[{\"name\":\"contoso.com\",\"type\":\"MX\",\"ttl\":300,\"preference\":10,\"exchange\":\"mail.contoso.com\"},"
      "{\"name\":\"contoso.com\",\"type\":\"MX\",\"ttl\":300,\"preference\":0,\"exchange\":\".\"}]");
}

static void test_addresses(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE, "x", UH_DNS_A);
  record(&f->p, ANSWERS, NULL, UH_DNS_A, "\xc0\0\2\1", 4);
  assert_string_equal(parse(f, "x", UH_DNS_A), "answer");
  assert_string_equal(f->m.records[0].value, "192.0.2.1");
  begin(&f->p, RESPONSE, "x", UH_DNS_AAAA);
  record(&f->p, ANSWERS, NULL, UH_DNS_AAAA, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
  assert_string_equal(parse(f, "x", UH_DNS_AAAA), "answer");
  assert_string_equal(f->m.records[0].value, "2001:db8::1");
  begin(&f->p, RESPONSE, "x", UH_DNS_A);
  record(&f->p, ANSWERS, NULL, UH_DNS_A, "\xc0\0\2\1\1", 5);
  assert_string_equal(parse(f, "x", UH_DNS_A), "malformed");
}

static void test_srv(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE, "_autodiscover._tcp.x", UH_DNS_SRV);
  record(&f->p, ANSWERS, NULL, UH_DNS_SRV, "\0\1\0\2\1\273\1m\xc0\x1f", 10);
  assert_string_equal(parse(f, "_autodiscover._tcp.x", UH_DNS_SRV), "answer");
  assert_string_equal(json(f),
                      "[{\"name\":\"_autodiscover._tcp.x\",\"type\":\"SRV\",\"ttl\":300,\"priority\":1,\"weight\":2,"
                      "\"port\":443,\"target\":\"m.x\"}]");
}

/* The strings of a record are one text; a byte 0 is a byte like others. */
static void test_txt(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE, "x", UH_DNS_TXT);
  record(&f->p, ANSWERS, NULL, UH_DNS_TXT, "\7v=spf1 \4-all\0\3a\0b", 18);
  assert_string_equal(parse(f, "x", UH_DNS_TXT), "answer");
  assert_int_equal(f->m.records[0].value_len, 14);
  assert_memory_equal(f->m.records[0].value, "v=spf1 -alla\0b", 14);
  static const struct {
    const char *data;
    size_t n;
  } broken[] = {{"", 0}, {"\4abc", 4}, {"\3abc\5", 5}};
  for (size_t i = 0; i < 3; i++) {
    begin(&f->p, RESPONSE, "x", UH_DNS_TXT);
    record(&f->p, ANSWERS, NULL, UH_DNS_TXT, broken[i].data, broken[i].n);
    assert_string_equal(parse(f, "x", UH_DNS_TXT), "malformed");
  }
}

/* A name never carries a byte that could steer a terminal or be taken for another name. */
static void test_odd_names(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE, "x", UH_DNS_CNAME);
  record(&f->p, ANSWERS, NULL, UH_DNS_CNAME, "\6A.b\\\xff\x1b\1 \0", 10);
  assert_string_equal(parse(f, "x", UH_DNS_CNAME), "answer");
  assert_string_equal(f->m.records[0].value, "a\\.b\\\\\\255\\027.\\032");
  char key[UH_DNS_NAME_TEXT];
  uint8_t query[UH_DNS_QUERY_MAX];
  size_t n;
  assert_true(uh_dns_name_key(f->m.records[0].value, f->m.records[0].value_len, key));
  assert_string_equal(key, f->m.records[0].value);
  assert_int_equal(uh_dns_query(key, UH_DNS_A, 1, true, query, &n), 0);
  assert_memory_equal(query + 12, "\6a.b\\\xff\x1b\1 \0", 10);
}

/* ---- aliases ---- */

static void test_alias_any_order(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE, "a.x", UH_DNS_A);
  record(&f->p, ANSWERS, "c.x", UH_DNS_A, "\1\2\3\4", 4);
  record_name(&f->p, ANSWERS, "b.x", UH_DNS_CNAME, "c.x");
  record(&f->p, ANSWERS, "z.x", UH_DNS_A, "\6\6\6\6", 4); /* nothing to do with the question: left out */
  record_name(&f->p, ANSWERS, "a.x", UH_DNS_CNAME, "b.x");
  assert_string_equal(parse(f, "a.x", UH_DNS_A), "answer");
  assert_int_equal(f->m.n, 3);
  assert_string_equal(f->m.records[0].value, "b.x");
  assert_string_equal(f->m.records[1].value, "c.x");
  assert_string_equal(f->m.records[2].value, "1.2.3.4");
}

static void test_alias_open(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE, "a.x", UH_DNS_A);
  record_name(&f->p, ANSWERS, NULL, UH_DNS_CNAME, "elsewhere.y");
  assert_string_equal(parse(f, "a.x", UH_DNS_A), "nodata");
  assert_true(f->m.chain_open); /* nothing is known of elsewhere.y */
  record(&f->p, AUTHORITY, NULL, SOA, "\0\0\0\0\0\0", 6);
  assert_string_equal(parse(f, "a.x", UH_DNS_A), "nodata");
  assert_false(f->m.chain_open); /* the SOA says: elsewhere.y has no address */
  assert_int_equal(f->m.n, 1);
}

static void test_alias_circle(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE, "a.x", UH_DNS_A);
  record_name(&f->p, ANSWERS, NULL, UH_DNS_CNAME, "b.x");
  record_name(&f->p, ANSWERS, "b.x", UH_DNS_CNAME, "a.x");
  assert_string_equal(parse(f, "a.x", UH_DNS_A), "malformed");
  assert_int_equal(f->m.n, 0);
}

static void test_alias_asked_for(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE, "a.x", UH_DNS_CNAME);
  record_name(&f->p, ANSWERS, NULL, UH_DNS_CNAME, "b.x");
  record_name(&f->p, ANSWERS, "b.x", UH_DNS_CNAME, "c.x");
  assert_string_equal(parse(f, "a.x", UH_DNS_CNAME), "answer");
  assert_int_equal(f->m.n, 1);
}

/* ---- absence ---- */

static void test_negative(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE | 3, "x", UH_DNS_A);
  assert_string_equal(parse(f, "x", UH_DNS_A), "nxdomain");
  record(&f->p, ANSWERS, NULL, UH_DNS_A, "\1\2\3\4", 4);
  assert_string_equal(parse(f, "x", UH_DNS_A), "malformed"); /* yes and no */
  assert_int_equal(f->m.n, 0);
  begin(&f->p, RESPONSE, "x", UH_DNS_A);
  assert_string_equal(parse(f, "x", UH_DNS_A), "nodata");
  record(&f->p, AUTHORITY, NULL, SOA, "\0\0", 2);
  assert_string_equal(parse(f, "x", UH_DNS_A), "nodata");
}

/* A server that names other servers has not said that there is nothing. */
static void test_referral(void **state) {
  struct fixture *f = *state;
  begin(&f->p, 0x8000, "x", UH_DNS_A);
  record_name(&f->p, AUTHORITY, NULL, NS, "ns.y");
  assert_string_equal(parse(f, "x", UH_DNS_A), "refused");
  assert_true(f->m.detail[0]);
}

static void test_failures(void **state) {
  struct fixture *f = *state;
  static const struct {
    unsigned rcode;
    const char *outcome, *detail;
  } cases[] = {{1, "servfail", "the server answered FORMERR"}, {2, "servfail", ""},
               {4, "servfail", "the server answered NOTIMP"},  {5, "refused", ""},
               {9, "servfail", "the server answered NOTAUTH"}, {15, "servfail", "the server answered with code 15"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    begin(&f->p, RESPONSE | cases[i].rcode, "x", UH_DNS_A);
    assert_string_equal(parse(f, "x", UH_DNS_A), cases[i].outcome);
    assert_string_equal(f->m.detail, cases[i].detail);
    f->p.n = 12; /* without the question, as some do */
    f->p.data[5] = 0;
    assert_string_equal(parse(f, "x", UH_DNS_A), cases[i].outcome);
  }
  begin(&f->p, RESPONSE, "x", UH_DNS_A); /* BADVERS: 16 stands in the OPT record */
  put(&f->p, "\0\0\51\4\320\1\0\0\0\0\0", 11);
  f->p.data[ADDITIONAL + 1] = 1;
  assert_string_equal(parse(f, "x", UH_DNS_A), "servfail");
  assert_int_equal(f->m.rcode, 16);
  assert_true(f->m.edns);
}

static void test_truncated(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE | 0x0200, "x", UH_DNS_TXT);
  assert_string_equal(parse(f, "x", UH_DNS_TXT), "truncated");
}

/* ---- what is no answer of ours ---- */

static void test_other_question(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE, "y", UH_DNS_A);
  assert_string_equal(parse(f, "x", UH_DNS_A), "malformed");
  begin(&f->p, RESPONSE, "x", UH_DNS_MX);
  assert_string_equal(parse(f, "x", UH_DNS_A), "malformed");
  begin(&f->p, 0x0100, "x", UH_DNS_A); /* a query */
  assert_string_equal(parse(f, "x", UH_DNS_A), "malformed");
  begin(&f->p, RESPONSE, "x", UH_DNS_A);
  record(&f->p, ANSWERS, "y", UH_DNS_A, "\1\2\3\4", 4);
  assert_string_equal(parse(f, "x", UH_DNS_A), "malformed"); /* about other names only */
  begin(&f->p, RESPONSE, "x", UH_DNS_A);
  f->p.data[5] = 0;
  f->p.n = 12;
  assert_string_equal(parse(f, "x", UH_DNS_A), "malformed");
}

static void test_pointers(void **state) {
  struct fixture *f = *state;
  static const char *const pointers[] = {"\xc0\x13", "\xc0\x14", "\xff\xff", "\xc0\0", "\x40\1", "\xc0"};
  for (size_t i = 0; i < sizeof pointers / sizeof pointers[0];
       i++) { /* to itself, forward, outside, header, kind, cut */
    begin(&f->p, RESPONSE, "x", UH_DNS_A);
    put(&f->p, pointers[i], i == 3 ? 2 : strlen(pointers[i]));
    if (i < 5) put(&f->p, "\0\1\0\1\0\0\0\0\0\4\1\2\3\4", 14);
    f->p.data[7] = 1;
    assert_string_equal(parse(f, "x", UH_DNS_A), "malformed");
  }
}

/* Cut anywhere, a message is malformed (or, cut in the header's reach, still no answer): never less than it said. */
static void test_cut_anywhere(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE, "contoso.com", UH_DNS_MX);
  record(&f->p, ANSWERS, NULL, UH_DNS_MX, "\0\012\4mail\xc0\x0c", 9);
  record(&f->p, ANSWERS, NULL, UH_DNS_MX, "\0\012\5mail2\xc0\x0c", 10);
  record_name(&f->p, AUTHORITY, NULL, NS, "ns.contoso.com");
  put(&f->p, "\0\0\51\4\320\0\0\0\0\0\0", 11);
  f->p.data[ADDITIONAL + 1] = 1;
  assert_string_equal(parse(f, "contoso.com", UH_DNS_MX), "answer");
  for (size_t n = 0; n < f->p.n; n++) assert_string_equal(parse_n(f, n, "contoso.com", UH_DNS_MX), "malformed");
}

/* A full 64 KiB message whose names blow up: bounded, and said so. */
static void test_bounds(void **state) {
  struct fixture *f = *state;
  begin(&f->p, RESPONSE, "x", UH_DNS_MX);
  for (int i = 0; i < 4; i++) { /* a name of 4 * 62 bytes that all need escaping, referred to again and again */
    put(&f->p, i ? "\x3e" : "\0\1\x3e", i ? 1 : 3);
    for (int k = 0; k < 62; k++) put(&f->p, "\xff", 1);
  }
  f->p.n = 12 + 7;
  put(&f->p, "\xc0\x0c\0\17\0\1\0\0\0\0", 10);
  put16(&f->p, 2 + 4 * 63 + 1);
  size_t name = f->p.n + 2;
  put(&f->p, "\0\1", 2);
  for (int i = 0; i < 4; i++) {
    put(&f->p, "\x3e", 1);
    for (int k = 0; k < 62; k++) put(&f->p, "\xff", 1);
  }
  put(&f->p, "", 1);
  unsigned count = 1;
  for (; count < UH_DNS_RECORDS_MAX; count++) {
    put(&f->p, "\xc0\x0c\0\17\0\1\0\0\0\0\0\4\0\1", 14);
    put16(&f->p, 0xc000 | (unsigned)name);
  }
  f->p.data[6] = (uint8_t)(count >> 8);
  f->p.data[7] = (uint8_t)count;
  assert_string_equal(parse(f, "x", UH_DNS_MX), "malformed");
  f->p.data[6] = 0;
  f->p.data[7] = 200;
  assert_string_equal(parse(f, "x", UH_DNS_MX), "answer");
  assert_int_equal(f->m.n, 200);
  f->p.data[6] = 255;
  assert_string_equal(parse(f, "x", UH_DNS_MX), "malformed");
}

/* ---- queries and names ---- */

static void test_query(void **state) {
  (void)state;
  uint8_t q[UH_DNS_QUERY_MAX];
  size_t n = 0;
  assert_int_equal(uh_dns_query("Contoso.com.", UH_DNS_MX, 0xabcd, true, q, &n), 0);
  assert_int_equal(n, 12 + 13 + 4 + 11);
  assert_memory_equal(q, "\xab\xcd\1\0\0\1\0\0\0\0\0\1\7contoso\3com\0\0\17\0\1\0\0\51\4\320\0\0\0\0\0\0", n);
  assert_int_equal(uh_dns_query(".", UH_DNS_A, 1, false, q, &n), 0);
  assert_int_equal(n, 17);
}

static void test_names_that_are_none(void **state) {
  (void)state;
  char key[UH_DNS_NAME_TEXT], label[70], name[300];
  static const char *const none[] = {"", "..", ".x", "a..b", "a\\", "a\\25", "a\\256", "a\\25x"};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
    assert_false(uh_dns_name_key(none[i], strlen(none[i]), key));
  memset(label, 'a', sizeof label);
  assert_true(uh_dns_name_key(label, 63, key));
  assert_false(uh_dns_name_key(label, 64, key));
  for (int i = 0; i < 4; i++) {
    memset(name + (ptrdiff_t)i * 64, 'a', 63);
    name[i * 64 + 63] = '.';
  }
  assert_true(uh_dns_name_key(name, 3 * 64 + 61, key)); /* 255 bytes with lengths and root */
  assert_false(uh_dns_name_key(name, 3 * 64 + 62, key));
  assert_true(uh_dns_name_key("A.B.", 4, key));
  assert_string_equal(key, "a.b");
  assert_true(uh_dns_name_key(".", 1, key));
  assert_string_equal(key, ".");
}

static void test_outcomes(void **state) {
  (void)state;
  static const enum uh_answer answers[] = {UH_VALUE,   UH_NONE,    UH_NONE,    UH_TIMEOUT, UH_REFUSED,
                                           UH_TIMEOUT, UH_TIMEOUT, UH_TIMEOUT, UH_TIMEOUT};
  for (int i = 0; i <= UH_DNS_UNREACHABLE; i++) {
    assert_int_equal(uh_dns_outcome_answer((enum uh_dns_outcome)i), answers[i]);
    for (int k = 0; k < i; k++)
      assert_string_not_equal(uh_dns_outcome_name((enum uh_dns_outcome)i), uh_dns_outcome_name((enum uh_dns_outcome)k));
  }
}

/* ---- server addresses ---- */

static int open_one(const char *server, char *ret_what, size_t size) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_dns *dns = NULL;
  int rc = uh_dns_open(&(struct uh_dns_options){.servers = &server, .n_servers = 1}, &dns, &err);
  (void)snprintf(ret_what, size, "%s", err.what);
  if (rc < 0) assert_int_equal(err.cls, UH_ERR_CONFIG);
  (void)uh_dns_free(dns);
  return rc;
}

static void test_servers(void **state) {
  (void)state;
  char what[512];
  static const char *const good[] = {"9.9.9.9", "9.9.9.9:5353", "::1", "[::1]", "[2620:fe::fe]:53"};
  static const char *const bad[] = {"",     "dns.example", "9.9.9.9:", "9.9.9.9:0", "9.9.9.9:65536", "9.9.9.9:53x",
                                    "[::1", "[::1]x",      "[::1]:",   "300.1.1.1", "1.2.3",         "9.9.9.9: 53"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) assert_int_equal(open_one(good[i], what, sizeof what), 0);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(open_one(bad[i], what, sizeof what), -1);
    assert_true(what[0]);
  }
}

/* ---- SPF ---- */

static void test_spf(void **state) {
  (void)state;
  struct uh_spf spf;
  static const struct {
    const char *text;
    unsigned lookups, n;
    bool macro;
  } cases[] = {
      {"v=spf1 -all", 0, 0, false},
      {"v=spf1", 0, 0, false},
      {"v=spf1 include:spf.protection.outlook.com -all", 1, 1, false},
      {"V=SPF1 +INCLUDE:a.example ?include:b.example ~all", 2, 2, false},
      {"v=spf1 a mx a:x.example mx/24 ptr exists:%{i}.x.example ip4:192.0.2.1 ip6:::1 -all", 6, 0, false},
      {"v=spf1 redirect=r.example", 1, 1, false},
      {"v=spf1 redirect=r.example -all", 0, 0, false}, /* RFC 7208 section 6.1: all wins */
      {"v=spf1 include:%{d}.x.example -all", 1, 0, true},
      {"v=spf1 include: -all", 1, 0, false},
      {"v=spf1   include:a.example   all", 1, 1, false},
      {"v=spf1 allowed abc mxx:y -all", 0, 0, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_true(uh_spf_is_record(cases[i].text, strlen(cases[i].text)));
    uh_spf_read(cases[i].text, strlen(cases[i].text), &spf);
    assert_int_equal(spf.lookups, cases[i].lookups);
    assert_int_equal(spf.n, cases[i].n);
    assert_int_equal(spf.macro, cases[i].macro);
  }
  assert_false(uh_spf_is_record("v=spf10 -all", 12));
  assert_false(uh_spf_is_record("v=spf", 5));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_mx, setup, teardown),
      cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
      cmocka_unit_test_setup_teardown(test_srv, setup, teardown),
      cmocka_unit_test_setup_teardown(test_txt, setup, teardown),
      cmocka_unit_test_setup_teardown(test_odd_names, setup, teardown),
      cmocka_unit_test_setup_teardown(test_alias_any_order, setup, teardown),
      cmocka_unit_test_setup_teardown(test_alias_open, setup, teardown),
      cmocka_unit_test_setup_teardown(test_alias_circle, setup, teardown),
      cmocka_unit_test_setup_teardown(test_alias_asked_for, setup, teardown),
      cmocka_unit_test_setup_teardown(test_negative, setup, teardown),
      cmocka_unit_test_setup_teardown(test_referral, setup, teardown),
      cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
      cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
      cmocka_unit_test_setup_teardown(test_other_question, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pointers, setup, teardown),
      cmocka_unit_test_setup_teardown(test_cut_anywhere, setup, teardown),
      cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
      cmocka_unit_test(test_query),
      cmocka_unit_test(test_names_that_are_none),
      cmocka_unit_test(test_outcomes),
      cmocka_unit_test(test_servers),
      cmocka_unit_test(test_spf),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
