/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/dns_answers.h"

static const char *value_name(uint16_t type) {
  switch (type) {
    case UH_DNS_MX: return "exchange";
    case UH_DNS_TXT: return "text";
    case UH_DNS_A:
    case UH_DNS_AAAA: return "address";
    default: return "target";
  }
}

static void record_json(struct uh_str *out, const struct uh_dns_record *r) {
  uh_str_add(out, "{\"name\":");
  uh_json_string(out, r->name, strlen(r->name));
  uh_str_addf(out, ",\"type\":\"%s\",\"ttl\":%u", uh_dns_type_name(r->type), r->ttl);
  if (r->type == UH_DNS_MX) uh_str_addf(out, ",\"preference\":%u", r->preference);
  if (r->type == UH_DNS_SRV)
    uh_str_addf(out, ",\"priority\":%u,\"weight\":%u,\"port\":%u", r->preference, r->weight, r->port);
  uh_str_addf(out, ",\"%s\":", value_name(r->type));
  uh_json_string(out, r->value, r->value_len);
  uh_str_addc(out, '}');
}

void uh_dns_answers_json(struct uh_str *out, const struct uh_dns_record *records, size_t n) {
  uh_str_addc(out, '[');
  for (size_t i = 0; i < n; i++) {
    if (i) uh_str_addc(out, ',');
    record_json(out, &records[i]);
  }
  uh_str_addc(out, ']');
}
