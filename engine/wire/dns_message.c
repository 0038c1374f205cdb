/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages: queries made, responses taken apart. RFC 1035, 2308 (negative answers), 6891 (EDNS0). Pure functions.
 */
#include "wire/dns.h"

#include <arpa/inet.h>

#define HEADER 12
#define NAME_WIRE_MAX 255
#define CLASS_IN 1
enum { TYPE_NS = 2, TYPE_SOA = 6, TYPE_OPT = 41 };
enum { RCODE_NOERROR = 0, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, RCODE_REFUSED = 5 };

/* A record of the answer section before it is known to belong to the question. */
struct uh_dns_raw {
  const char *name;
  uint32_t ttl;
  uint16_t type, class;
  size_t at, len; /* rdata */
};

struct input {
  const uint8_t *data;
  size_t n;
};

static const struct {
  uint16_t type;
  const char *name;
} types[] = {{UH_DNS_A, "A"},   {UH_DNS_AAAA, "AAAA"}, {UH_DNS_CNAME, "CNAME"},
             {UH_DNS_MX, "MX"}, {UH_DNS_SRV, "SRV"},   {UH_DNS_TXT, "TXT"}};

const char *uh_dns_type_name(uint16_t type) {
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (types[i].type == type) return types[i].name;
  return "?";
}

bool uh_dns_type_parse(const char *text, uint16_t *ret_type) {
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (!strcmp(types[i].name, text)) {
      *ret_type = types[i].type;
      return true;
    }
  return false;
}

const char *uh_dns_outcome_name(enum uh_dns_outcome outcome) {
  static const char *const names[] = {"answer",  "nxdomain",  "nodata",    "servfail",   "refused",
                                      "timeout", "truncated", "malformed", "unreachable"};
  return names[outcome];
}

enum uh_answer uh_dns_outcome_answer(enum uh_dns_outcome outcome) {
  switch (outcome) {
    case UH_DNS_ANSWER: return UH_VALUE;
    case UH_DNS_NXDOMAIN:
    case UH_DNS_NODATA: return UH_NONE;
    case UH_DNS_REFUSED: return UH_REFUSED;
    case UH_DNS_SERVFAIL:
    case UH_DNS_TIMEOUT:
    case UH_DNS_TRUNCATED:
    case UH_DNS_MALFORMED:
    case UH_DNS_UNREACHABLE: break;
  }
  return UH_TIMEOUT;
}

int uh_dns_message_init(struct uh_dns_message *message, struct uh_err *err) {
  *message = (struct uh_dns_message){0};
  message->records = malloc((UH_DNS_RECORDS_MAX + UH_DNS_ALIASES_MAX) * sizeof *message->records);
  message->raw = malloc(UH_DNS_RECORDS_MAX * sizeof *message->raw);
  message->text = malloc(UH_DNS_TEXT_MAX);
  if (message->records && message->raw && message->text) return 0;
  uh_dns_message_clear(message);
  return uh_fail_nomem(err);
}

void uh_dns_message_clear(struct uh_dns_message *message) {
  free(message->records);
  free(message->raw);
  free(message->text);
  *message = (struct uh_dns_message){0};
}

void uh_dns_message_reset(struct uh_dns_message *message) {
  message->n = 0;
  message->rcode = 0;
  message->recursion = message->edns = message->chain_open = false;
  message->detail[0] = 0;
  message->text_len = 0;
}

/* ---- names ---- */

/* Appends one label in key form; out has room for 4 bytes a byte. */
static char *label_text(char *out, const uint8_t *label, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint8_t c = label[i];
    if (c >= 'A' && c <= 'Z') c = (uint8_t)(c + 32);
    if (c == '.' || c == '\\') {
      *out++ = '\\';
      *out++ = (char)c;
    } else if (c <= ' ' || c >= 0x7f) {
      *out++ = '\\';
      *out++ = (char)('0' + c / 100);
      *out++ = (char)('0' + c / 10 % 10);
      *out++ = (char)('0' + c % 10);
    } else {
      *out++ = (char)c;
    }
  }
  return out;
}

/* Reads a name at `at` into out (UH_DNS_NAME_TEXT bytes). Pointers must lead backwards, each further than the last, so
 * that no loop can be built. Returns the text's length, -1 for a broken name; *ret_next is what follows the name. */
static int name_read(const struct input *in, size_t at, size_t *ret_next, char *out) {
  char *p = out;
  size_t wire = 1, next = 0, lowest = at;
  for (;;) {
    if (at >= in->n) return -1;
    uint8_t len = in->data[at];
    if ((len & 0xc0) == 0xc0) {
      if (at + 1 >= in->n) return -1;
      size_t target = (size_t)(len & 0x3f) << 8 | in->data[at + 1];
      if (!next) next = at + 2;
      if (target >= lowest || target < HEADER) return -1;
      at = lowest = target;
      continue;
    }
    if (len & 0xc0) return -1;
    if (!len) break;
    wire += len + 1u;
    if (wire > NAME_WIRE_MAX || at + 1 + len > in->n) return -1;
    if (p != out) *p++ = '.';
    p = label_text(p, in->data + at + 1, len);
    at += 1u + len;
  }
  *ret_next = next ? next : at + 1;
  if (p == out) *p++ = '.';
  *p = 0;
  return (int)(p - out);
}

/* One label of a name in text, from *text, into out (63 bytes). Returns its length, -1 where it is none. */
static int label_parse(const char **text, const char *end, uint8_t *out) {
  const char *s = *text;
  int n = 0;
  while (s < end && *s != '.') {
    unsigned c = (uint8_t)*s++;
    if (c == '\\') {
      if (s == end) return -1;
      c = (uint8_t)*s++;
      if (c >= '0' && c <= '9') {
        if (end - s < 2 || s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9') return -1;
        c = (c - '0') * 100 + (unsigned)(s[0] - '0') * 10 + (unsigned)(s[1] - '0');
        if (c > 255) return -1;
        s += 2;
      }
    }
    if (n == 63) return -1;
    out[n++] = (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  *text = s;
  return n ? n : -1;
}

/* Writes the wire form (at most 255 bytes). Returns its length, -1 where the text is no DNS name. */
static int name_write(const char *name, size_t n, uint8_t *out) {
  const char *s = name, *end = name + n;
  int at = 0;
  if (n == 1 && *s == '.')
    s = end;
  else if (!n)
    return -1;
  while (s < end) {
    uint8_t label[63];
    int len = label_parse(&s, end, label);
    if (len < 0 || at + len + 2 > NAME_WIRE_MAX) return -1;
    out[at++] = (uint8_t)len;
    memcpy(out + at, label, (size_t)len);
    at += len;
    if (s < end) s++; /* the dot; the last one may be final */
  }
  out[at++] = 0;
  return at;
}

bool uh_dns_name_key(const char *name, size_t n, char ret_key[UH_DNS_NAME_TEXT]) {
  uint8_t wire[HEADER + NAME_WIRE_MAX];
  int len = name_write(name, n, wire + HEADER);
  if (len < 0) return false;
  struct input in = {wire, HEADER + (size_t)len};
  size_t next;
  return name_read(&in, HEADER, &next, ret_key) > 0;
}

static uint8_t *put16(uint8_t *p, unsigned v) {
  *p++ = (uint8_t)(v >> 8);
  *p++ = (uint8_t)v;
  return p;
}

int uh_dns_query(const char *name, uint16_t type, uint16_t id, bool edns, uint8_t out[UH_DNS_QUERY_MAX],
                 size_t *ret_n) {
  uint8_t *p = put16(out, id);
  p = put16(p, 0x0100); /* recursion desired */
  p = put16(p, 1);
  p = put16(p, 0);
  p = put16(p, 0);
  p = put16(p, edns);
  int len = name_write(name, strlen(name), p);
  if (len < 0) return -1;
  p = put16(p + len, type);
  p = put16(p, CLASS_IN);
  if (edns) {
    *p++ = 0;
    p = put16(p, TYPE_OPT);
    p = put16(p, UH_DNS_UDP_SIZE);
    p = put16(p, 0);
    p = put16(p, 0);
    p = put16(p, 0);
  }
  *ret_n = (size_t)(p - out);
  return 0;
}

/* ---- responses ---- */

static unsigned get16(const struct input *in, size_t at) {
  return (unsigned)in->data[at] << 8 | in->data[at + 1];
}
static uint32_t get32(const struct input *in, size_t at) {
  return (uint32_t)get16(in, at) << 16 | get16(in, at + 2);
}

static enum uh_dns_outcome malformed(struct uh_dns_message *m, const char *why) {
  (void)snprintf(m->detail, sizeof m->detail, "%s", why);
  return UH_DNS_MALFORMED;
}

/* Reads a name into the message's text. NULL: broken, or no room. */
static const char *name_keep(struct uh_dns_message *m, const struct input *in, size_t at, size_t *ret_next) {
  if (UH_DNS_TEXT_MAX - m->text_len < UH_DNS_NAME_TEXT) return NULL;
  char *out = m->text + m->text_len;
  int len = name_read(in, at, ret_next, out);
  if (len < 0) return NULL;
  m->text_len += (size_t)len + 1;
  return out;
}

static const char *text_keep(struct uh_dns_message *m, const char *s, size_t n) {
  if (UH_DNS_TEXT_MAX - m->text_len <= n) return NULL;
  char *out = m->text + m->text_len;
  memcpy(out, s, n);
  out[n] = 0;
  m->text_len += n + 1;
  return out;
}

void uh_dns_message_alias(struct uh_dns_message *m, const char *owner, const char *target, uint32_t ttl) {
  const char *name = text_keep(m, owner, strlen(owner)), *value = text_keep(m, target, strlen(target));
  if (!name || !value || m->n >= UH_DNS_ALIASES_MAX) return;
  m->records[m->n++] = (struct uh_dns_record){
      .type = UH_DNS_CNAME, .ttl = ttl, .name = name, .value = value, .value_len = strlen(value)};
}

/* The strings of a TXT record, one after the other. */
static bool txt_read(const struct input *in, const struct uh_dns_raw *raw, struct uh_dns_message *m,
                     struct uh_dns_record *r) {
  if (!raw->len || UH_DNS_TEXT_MAX - m->text_len <= raw->len) return false;
  char *out = m->text + m->text_len;
  size_t n = 0, at = raw->at, end = raw->at + raw->len;
  while (at < end) {
    size_t len = in->data[at++];
    if (len > end - at) return false;
    memcpy(out + n, in->data + at, len);
    n += len;
    at += len;
  }
  out[n] = 0;
  m->text_len += n + 1;
  r->value = out;
  r->value_len = n;
  return true;
}

static bool address_read(const struct input *in, const struct uh_dns_raw *raw, struct uh_dns_message *m,
                         struct uh_dns_record *r) {
  bool v4 = raw->type == UH_DNS_A;
  char text[INET6_ADDRSTRLEN];
  if (raw->len != (v4 ? 4 : 16) || !inet_ntop(v4 ? AF_INET : AF_INET6, in->data + raw->at, text, sizeof text))
    return false;
  r->value_len = strlen(text);
  r->value = text_keep(m, text, r->value_len);
  return r->value != NULL;
}

/* Takes the rdata of a type that we know apart and adds the record. false: broken. */
static bool record_add(const struct input *in, const struct uh_dns_raw *raw, struct uh_dns_message *m) {
  struct uh_dns_record r = {.type = raw->type, .ttl = raw->ttl, .name = raw->name};
  size_t fixed = raw->type == UH_DNS_MX ? 2 : raw->type == UH_DNS_SRV ? 6 : 0, next = 0;
  bool ok;
  if (raw->type == UH_DNS_TXT) {
    ok = txt_read(in, raw, m, &r);
  } else if (raw->type == UH_DNS_A || raw->type == UH_DNS_AAAA) {
    ok = address_read(in, raw, m, &r);
  } else {
    if (raw->len <= fixed) return false;
    if (fixed) r.preference = (uint16_t)get16(in, raw->at);
    if (fixed == 6) {
      r.weight = (uint16_t)get16(in, raw->at + 2);
      r.port = (uint16_t)get16(in, raw->at + 4);
    }
    r.value = name_keep(m, in, raw->at + fixed, &next);
    ok = r.value && next == raw->at + raw->len;
    if (ok) r.value_len = strlen(r.value);
  }
  if (ok) m->records[m->n++] = r;
  return ok;
}

/* What the sections besides the answers tell. */
struct rest {
  bool soa, ns;
  unsigned rcode_high;
};

/* Walks `count` records from *at; keeps them in m->raw where keep is set. NULL, or what is wrong. */
static const char *section(const struct input *in, size_t *at, unsigned count, bool keep, struct uh_dns_message *m,
                           struct rest *rest) {
  char skipped[UH_DNS_NAME_TEXT];
  if (keep && count > UH_DNS_RECORDS_MAX) return "the answer holds more records than are read";
  for (unsigned i = 0; i < count; i++) {
    size_t p = *at;
    const char *name = skipped;
    if (keep)
      name = name_keep(m, in, p, &p);
    else if (name_read(in, p, &p, skipped) < 0)
      name = NULL;
    if (!name) return "a name in the answer is broken, or the names are more than are read";
    if (p > in->n || in->n - p < 10) return "the answer ends inside a record";
    struct uh_dns_raw raw = {.name = name,
                             .type = (uint16_t)get16(in, p),
                             .class = (uint16_t)get16(in, p + 2),
                             .ttl = get32(in, p + 4),
                             .at = p + 10,
                             .len = get16(in, p + 8)};
    if (raw.len > in->n - raw.at) return "the answer ends inside a record";
    if (raw.ttl > INT32_MAX) raw.ttl = 0; /* RFC 2181 section 8 */
    *at = raw.at + raw.len;
    if (keep) {
      m->raw[i] = raw;
    } else if (raw.type == TYPE_OPT) {
      m->edns = true;
      rest->rcode_high = in->data[p + 4];
    } else {
      rest->soa = rest->soa || raw.type == TYPE_SOA;
      rest->ns = rest->ns || raw.type == TYPE_NS;
    }
  }
  return NULL;
}

static const struct uh_dns_raw *find(const struct uh_dns_message *m, size_t n, const char *name, uint16_t type) {
  for (size_t i = 0; i < n; i++)
    if (m->raw[i].type == type && m->raw[i].class == CLASS_IN && !strcmp(m->raw[i].name, name)) return &m->raw[i];
  return NULL;
}

/* Follows the aliases from name and adds what belongs to the question. NULL, or what is wrong. */
static const char *answers(const struct input *in, size_t n, const char *name, uint16_t type, struct uh_dns_message *m,
                           unsigned *ret_aliases, unsigned *ret_found) {
  const struct uh_dns_raw *alias;
  unsigned aliases = 0, found = 0;
  const size_t before = m->n;
  while (type != UH_DNS_CNAME && !find(m, n, name, type) && (alias = find(m, n, name, UH_DNS_CNAME))) {
    if (before + ++aliases > UH_DNS_ALIASES_MAX) return "too many aliases, or a circle of them";
    if (!record_add(in, alias, m)) return "an alias in the answer is broken";
    name = m->records[m->n - 1].value;
  }
  for (size_t i = 0; i < n; i++) {
    const struct uh_dns_raw *raw = &m->raw[i];
    if (raw->type != type || raw->class != CLASS_IN || strcmp(raw->name, name) != 0) continue;
    if (!record_add(in, raw, m)) return "a record in the answer is broken";
    found++;
  }
  *ret_aliases = aliases;
  *ret_found = found;
  return NULL;
}

/* NULL when the response repeats our question, else what is wrong. */
static const char *question(const struct input *in, const char *name, uint16_t type, size_t *ret_at) {
  char asked[UH_DNS_NAME_TEXT];
  if (get16(in, 4) != 1) return "the answer does not repeat the question";
  size_t at;
  if (name_read(in, HEADER, &at, asked) < 0 || at > in->n || in->n - at < 4)
    return "the question in the answer is broken";
  if (get16(in, at) != type || get16(in, at + 2) != CLASS_IN || strcmp(asked, name) != 0)
    return "the answer is to another question";
  *ret_at = at + 4;
  return NULL;
}

static enum uh_dns_outcome failure(struct uh_dns_message *m) {
  static const char *const names[] = {"",         "FORMERR", "SERVFAIL", "",        "NOTIMP", "",
                                      "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH", "NOTZONE"};
  if (m->rcode == RCODE_REFUSED) return UH_DNS_REFUSED;
  if (m->rcode == RCODE_SERVFAIL) return UH_DNS_SERVFAIL;
  if (m->rcode < sizeof names / sizeof names[0])
    (void)snprintf(m->detail, sizeof m->detail, "the server answered %s", names[m->rcode]);
  else
    (void)snprintf(m->detail, sizeof m->detail, "the server answered with code %u", m->rcode);
  return UH_DNS_SERVFAIL;
}

enum uh_dns_outcome uh_dns_parse(const uint8_t *data, size_t n, const char *name, uint16_t type,
                                 struct uh_dns_message *m) {
  struct input in = {data, n};
  struct rest rest = {0};
  if (n < HEADER) return malformed(m, "the answer is shorter than a header");
  unsigned flags = get16(&in, 2), count = get16(&in, 6);
  m->rcode = flags & 15;
  m->recursion = flags & 0x80;
  if (!(flags & 0x8000) || (flags >> 11 & 15)) return malformed(m, "the packet is no answer");
  bool says = m->rcode == RCODE_NOERROR || m->rcode == RCODE_NXDOMAIN;
  size_t at = HEADER;
  const char *why = question(&in, name, type, &at);
  /* A server that fails may leave the question out; the id was ours all the same. */
  if (why && !(get16(&in, 4) == 0 && !says)) return malformed(m, why);
  if (flags & 0x0200) return UH_DNS_TRUNCATED;
  why = section(&in, &at, count, true, m, &rest);
  if (!why) why = section(&in, &at, get16(&in, 8), false, m, &rest);
  if (!why) why = section(&in, &at, get16(&in, 10), false, m, &rest);
  m->rcode |= rest.rcode_high << 4;
  says = m->rcode == RCODE_NOERROR || m->rcode == RCODE_NXDOMAIN;
  if (!says) return failure(m); /* whatever else is wrong with it */
  if (why) return malformed(m, why);

  unsigned aliases = 0, found = 0;
  size_t first = m->n;
  why = answers(&in, count, name, type, m, &aliases, &found);
  if (why) {
    m->n = first;
    return malformed(m, why);
  }
  if (m->rcode == RCODE_NXDOMAIN && found) {
    m->n = first;
    return malformed(m, "the answer says both yes and no");
  }
  if (m->rcode == RCODE_NXDOMAIN) return UH_DNS_NXDOMAIN;
  if (found) return UH_DNS_ANSWER;
  m->chain_open = aliases && !rest.soa;
  if (m->chain_open) return UH_DNS_NODATA;
  bool about = aliases || !count;
  for (size_t i = 0; i < count && !about; i++) about = !strcmp(m->raw[i].name, name);
  if (!about) return malformed(m, "the answer is about other names");
  /* RFC 2308 section 2.2: NS without SOA is a referral; it says nothing about the name. */
  if (rest.ns && !rest.soa && !(flags & 0x0400)) {
    (void)snprintf(m->detail, sizeof m->detail, "the server refers to other servers and does not ask them itself");
    return UH_DNS_REFUSED;
  }
  return UH_DNS_NODATA;
}
