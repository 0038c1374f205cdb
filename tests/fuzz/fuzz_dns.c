/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DNS response, an SPF record and a name in text, from any bytes. Built with libFuzzer where clang is used
 * (-Dfuzz=true), else with tests/fuzz/drive.c, which runs the files that it is given.
 * The first byte chooses the type asked; the question is the first one in the message, where that can be read.
 */
#undef NDEBUG /* what is asserted is what is tested, whatever it is built as */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sources/dns_spf.h"
#include "wire/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void respond(const uint8_t *data, size_t n, const char *name, uint16_t type, struct uh_dns_message *m) {
  uh_dns_message_reset(m);
  uh_dns_message_alias(m, "alias.example", name, 1);
  enum uh_dns_outcome outcome = uh_dns_parse(data, n, name, type, m);
  assert(outcome <= UH_DNS_MALFORMED && outcome != UH_DNS_TIMEOUT);
  assert(m->n <= UH_DNS_RECORDS_MAX + UH_DNS_ALIASES_MAX);
  size_t asked = 0;
  char key[UH_DNS_NAME_TEXT];
  for (size_t i = 0; i < m->n; i++) {
    const struct uh_dns_record *r = &m->records[i];
    assert(r->value[r->value_len] == 0 && uh_dns_name_key(r->name, strlen(r->name), key) && !strcmp(key, r->name));
    if (r->type == type && (i || type != UH_DNS_CNAME)) asked++;
  }
  assert((outcome == UH_DNS_ANSWER) == (asked > 0));
  (void)outcome;
  (void)asked;
}

/* A name that can be read can be asked, and reads the same again. */
static void name(const char *text, size_t n) {
  char key[UH_DNS_NAME_TEXT], again[UH_DNS_NAME_TEXT];
  uint8_t query[UH_DNS_QUERY_MAX];
  size_t len = 0;
  if (!uh_dns_name_key(text, n, key)) return;
  bool same = uh_dns_name_key(key, strlen(key), again) && !strcmp(key, again);
  int asked = uh_dns_query(key, UH_DNS_A, 1, true, query, &len);
  assert(same && asked == 0 && len <= sizeof query);
  (void)same;
  (void)asked;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  static const uint16_t types[] = {UH_DNS_MX, UH_DNS_A, UH_DNS_AAAA, UH_DNS_CNAME, UH_DNS_SRV, UH_DNS_TXT};
  static struct uh_dns_message m;
  struct uh_spf spf;
  if (!m.records && uh_dns_message_init(&m, NULL)) return 0;
  if (!n) return 0;
  uint16_t type = types[data[0] % 6];
  data++;
  n--;
  /* An exact copy on the heap, so that a read past its end is seen. */
  uint8_t *copy = malloc(n ? n : 1);
  if (!copy) return 0;
  if (n) memcpy(copy, data, n);
  respond(copy, n, "contoso.com", type, &m);
  name((const char *)copy, n);
  uh_spf_read((const char *)copy, n, &spf);
  assert(spf.n <= UH_SPF_FOLLOW_MAX);
  for (unsigned i = 0; i < spf.n; i++) name(spf.follow[i].name, spf.follow[i].len);
  free(copy);
  return 0;
}
