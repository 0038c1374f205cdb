/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/certificate.h"
#include "sources/exchange_record.h"

#include <strings.h>

#include <unhybrid/text.h>

enum { KIND_MAX = 64, JSON_OBJECT_MAX = 16 * 1024 * 1024 };

/* Which property fills which column of exchange_recipient. A later entry for the same column fills it only when the
 * earlier one gave no value (DisplayName before Name). */
static const struct property {
  const char *name;
  int column;
  bool fallback;
} properties[] = {
    {"Guid", UH_COL(exchange_recipient, guid), false},
    {"ExternalDirectoryObjectId", UH_COL(exchange_recipient, external_id), false},
    {"Identity", UH_COL(exchange_recipient, identity), false},
    {"DisplayName", UH_COL(exchange_recipient, name), false},
    {"Name", UH_COL(exchange_recipient, name), true},
    {"Alias", UH_COL(exchange_recipient, alias), false},
    {"PrimarySmtpAddress", UH_COL(exchange_recipient, primary_address), false},
    {"EmailAddresses", UH_COL(exchange_recipient, addresses), false},
    {"UserPrincipalName", UH_COL(exchange_recipient, user_principal_name), false},
    {"RecipientTypeDetails", UH_COL(exchange_recipient, recipient_type_details), false},
    {"RemoteRecipientType", UH_COL(exchange_recipient, remote_recipient_type), false},
    {"IsDirSynced", UH_COL(exchange_recipient, is_dir_synced), false},
    {"IsExchangeCloudManaged", UH_COL(exchange_recipient, is_cloud_managed), false},
    {"ExchangeGuid", UH_COL(exchange_recipient, exchange_guid), false},
    {"ArchiveGuid", UH_COL(exchange_recipient, archive_guid), false},
    {"ArchiveStatus", UH_COL(exchange_recipient, archive_status), false},
    {"LitigationHoldEnabled", UH_COL(exchange_recipient, litigation_hold), false},
    {"InPlaceHolds", UH_COL(exchange_recipient, in_place_holds), false},
    {"Database", UH_COL(exchange_recipient, database_name), false},
    {"ServerName", UH_COL(exchange_recipient, server_name), false},
    {"RemoteRoutingAddress", UH_COL(exchange_recipient, remote_routing_address), false},
    {"ExternalEmailAddress", UH_COL(exchange_recipient, external_address), false},
    {"WhenMailboxCreated", UH_COL(exchange_recipient, when_created), false},
    {"WhenCreated", UH_COL(exchange_recipient, when_created), true},
    {"ImmutableId", UH_COL(exchange_recipient, immutable_id), false},
    {"WindowsEmailAddress", UH_COL(exchange_recipient, windows_address), false},
};
enum { PROPERTIES = sizeof properties / sizeof *properties };

static const struct recipient_noun {
  const char *noun, *select;
} recipient_nouns[] = {
    /* Only what checks read: a mailbox has more than 200 properties, and the wire is the bottleneck. */
    {"Mailbox",
     "Guid,ExternalDirectoryObjectId,DisplayName,PrimarySmtpAddress,EmailAddresses,RecipientTypeDetails,IsDirSynced,"
     "IsExchangeCloudManaged,ExchangeGuid,ArchiveStatus,ImmutableId,WindowsEmailAddress,CustomAttribute1,"
     "CustomAttribute2,CustomAttribute3,CustomAttribute4,CustomAttribute5,CustomAttribute6,CustomAttribute7,"
     "CustomAttribute8,CustomAttribute9,CustomAttribute10,CustomAttribute11,CustomAttribute12,CustomAttribute13,"
     "CustomAttribute14,CustomAttribute15"},
    {"Recipient",
     "Guid,ExternalDirectoryObjectId,DisplayName,PrimarySmtpAddress,EmailAddresses,RecipientTypeDetails,IsDirSynced"},
    {"MailPublicFolder",
     "Guid,DisplayName,PrimarySmtpAddress,EmailAddresses,RecipientTypeDetails,IsDirSynced,ExternalEmailAddress"},
    {"RemoteMailbox", NULL},
    {"MailUser", NULL},
    {"MailContact", NULL},
    {"DistributionGroup", NULL},
    {"DynamicDistributionGroup", NULL},
    {"SiteMailbox", NULL},
    {"UnifiedGroup", NULL},
    {"User", NULL},
};

static const struct recipient_noun *find_noun(const char *noun) {
  for (size_t i = 0; i < sizeof recipient_nouns / sizeof *recipient_nouns; i++)
    if (strcasecmp(recipient_nouns[i].noun, noun) == 0) return &recipient_nouns[i];
  return NULL;
}

bool uh_record_is_recipient(const char *noun) {
  return find_noun(noun) != NULL;
}

bool uh_set_grows(const char *side, const char *set) {
  char noun[64];
  (void)side;
  (void)snprintf(noun, sizeof noun, "%.*s", (int)strcspn(set, "/"), set);
  /* Where Graph does not filter by errors, every user is looked at. */
  return uh_record_is_recipient(noun) || strcmp(noun, "UMMailbox") == 0 ||
         strcmp(noun, "GraphProvisioningError") == 0 || strcmp(noun, "RecipientMark") == 0;
}

const char *uh_record_select(const char *noun) {
  const struct recipient_noun *n = find_noun(noun);
  return n ? n->select : NULL;
}

/* Properties by length and first letter: each name of each object is looked up. */
static unsigned slot_of(const char *name, size_t n) {
  return ((unsigned)n * 8 ^ ((unsigned char)name[0] & 0x1fu)) & 0xffu;
}

struct uh_record_writer {
  uint8_t slot[256], next[PROPERTIES]; /* by slot_of: one more than the property's number, and the next one's */
  char side[16], source[32], kind[KIND_MAX], listing[KIND_MAX];
  struct uh_rows *rows;
  int64_t count;
  uint64_t filled; /* columns that have a value */
  const struct property *list_property;
  struct uh_str list; /* JSON array being built */
  size_t list_items;
  struct uh_str json; /* object being built */
  struct uh_str identity, name, guid;
  struct uh_str custom[UH_CUSTOM_ATTRIBUTES]; /* as JSON strings */
  struct uh_str raw;
  enum uh_answer custom_answer[UH_CUSTOM_ATTRIBUTES];
  unsigned told; /* which of certificate_words were */
  bool recipient, in_list, custom_said;
  bool guid_strong; /* from Guid, not from another property */
  bool certificate; /* objects are certificates: what the bytes say is told in words too */
  bool too_large;
};

int uh_record_writer_open(struct uh_observe *observe, const char *side, const char *source, const char *noun,
                          const char *listing, struct uh_record_writer **ret_writer, struct uh_err *err) {
  struct uh_record_writer *w = calloc(1, sizeof *w);
  if (!w) return uh_fail_nomem(err);
  w->recipient = uh_record_is_recipient(noun);
  w->certificate = strcmp(noun, "ExchangeCertificate") == 0;
  for (int i = 0; i < PROPERTIES; i++) {
    uint8_t *slot = &w->slot[slot_of(properties[i].name, strlen(properties[i].name))];
    w->next[i] = *slot;
    *slot = (uint8_t)(i + 1);
  }
  (void)snprintf(w->side, sizeof w->side, "%s", side);
  (void)snprintf(w->source, sizeof w->source, "%s", source);
  (void)snprintf(w->kind, sizeof w->kind, "%s", noun);
  (void)snprintf(w->listing, sizeof w->listing, "%s", listing ? listing : "");
  if (uh_rows_open(uh_observe_facts(observe), w->recipient ? UH_T_exchange_recipient : UH_T_object, &w->rows, err) <
      0) {
    free(w);
    return -1;
  }
  *ret_writer = w;
  return 0;
}

int uh_record_writer_close(struct uh_record_writer *w, struct uh_err *err) {
  if (!w) return 0;
  int rc = uh_rows_close(w->rows, err);
  uh_str_clear(&w->list);
  uh_str_clear(&w->json);
  uh_str_clear(&w->identity);
  uh_str_clear(&w->name);
  uh_str_clear(&w->guid);
  uh_str_clear(&w->raw);
  for (int i = 0; i < UH_CUSTOM_ATTRIBUTES; i++) uh_str_clear(&w->custom[i]);
  free(w);
  return rc;
}

int64_t uh_record_count(const struct uh_record_writer *w) {
  return w->count;
}

void uh_record_begin(struct uh_record_writer *w) {
  w->filled = 0;
  w->in_list = false;
  w->guid_strong = false;
  w->too_large = false;
  w->custom_said = false;
  for (int i = 0; i < UH_CUSTOM_ATTRIBUTES; i++) w->custom_answer[i] = UH_NOT_ASKED;
  uh_rows_begin(w->rows);
  if (w->recipient) return;
  uh_str_reset(&w->json);
  uh_str_reset(&w->identity);
  uh_str_reset(&w->name);
  uh_str_reset(&w->guid);
  uh_str_reset(&w->raw);
  w->told = 0;
}

void uh_record_drop(struct uh_record_writer *w) {
  uh_rows_drop(w->rows);
}

static const struct property *find_property(const struct uh_record_writer *w, const char *name, size_t n) {
  for (unsigned i = n ? w->slot[slot_of(name, n)] : 0; i > 0; i = w->next[i - 1]) {
    const struct property *p = &properties[i - 1];
    if (strncasecmp(p->name, name, n) == 0 && !p->name[n]) return p;
  }
  return NULL;
}

/* ---- recipients ---- */

static const struct uh_column *column_of(const struct property *p) {
  int n;
  return &uh_table_columns(UH_T_exchange_recipient, &n)[p->column];
}

static bool is_list_column(const struct property *p) {
  return column_of(p)->type == 'J';
}

static bool takes(const struct uh_record_writer *w, const struct property *p) {
  return !p->fallback || !(w->filled & (1ull << p->column));
}

/* An empty DisplayName does not take back the Name that was read before it. */
static void answer_column(struct uh_record_writer *w, const struct property *p, enum uh_answer answer) {
  if (!(w->filled & (1ull << p->column))) uh_rows_answer(w->rows, p->column, answer);
}

/* A GUID as text, and nothing else: one with a tail is none. */
static bool parse_guid(const char *text, size_t n, uint8_t ret_guid[UH_GUID_SIZE]) {
  char buf[UH_GUID_TEXT + 2]; /* with braces */
  if (n >= sizeof buf || memchr(text, '\0', n)) return false;
  memcpy(buf, text, n);
  buf[n] = '\0';
  return uh_guid_parse(buf, ret_guid);
}

static void text_column(struct uh_record_writer *w, const struct property *p, const char *text, size_t n) {
  static const uint8_t zero[UH_GUID_SIZE];
  if (!takes(w, p)) return;
  if (n == 0) {
    answer_column(w, p, UH_NONE);
    return;
  }
  switch (column_of(p)->type) {
    case 'B': {
      uint8_t guid[UH_GUID_SIZE];
      if (!parse_guid(text, n, guid)) return; /* not a GUID: what it is was not obtained */
      if (memcmp(guid, zero, sizeof zero) == 0)
        uh_rows_answer(w->rows, p->column, UH_NONE); /* Exchange's way to say "no object" */
      else
        uh_rows_blob(w->rows, p->column, guid, sizeof guid);
      break;
    }
    case 'I':
      if (n == 4 && strncasecmp(text, "true", 4) == 0)
        uh_rows_int(w->rows, p->column, 1);
      else if (n == 5 && strncasecmp(text, "false", 5) == 0)
        uh_rows_int(w->rows, p->column, 0);
      else
        return;
      break;
    default:
      if (is_list_column(p)) {
        struct uh_str *s = &w->list;
        uh_str_reset(s);
        uh_str_addc(s, '[');
        uh_json_string(s, text, n);
        uh_str_addc(s, ']');
        uh_rows_text(w->rows, p->column, s->s ? s->s : "[]", s->s ? s->len : 2);
      } else {
        uh_rows_text(w->rows, p->column, text, n);
      }
  }
  w->filled |= 1ull << p->column;
}

/* CustomAttribute1 to 15 share a column. 0 to 14, or -1: the property is none of them. */
#define CUSTOM "CustomAttribute"
static int custom_index(const char *property) {
  if (strncasecmp(property, CUSTOM, sizeof CUSTOM - 1) != 0) return -1;
  const char *digits = property + sizeof CUSTOM - 1;
  char *end;
  long number = *digits >= '1' && *digits <= '9' ? strtol(digits, &end, 10) : 0;
  return number >= 1 && number <= UH_CUSTOM_ATTRIBUTES && !*end ? (int)number - 1 : -1;
}

bool uh_record_wants(const struct uh_record_writer *w, const char *property, size_t n) {
  if (!w->recipient || find_property(w, property, n)) return true;
  return n > sizeof CUSTOM - 1 && strncasecmp(property, CUSTOM, sizeof CUSTOM - 1) == 0;
}

static bool take_custom(struct uh_record_writer *w, const char *property, enum uh_answer answer, const char *text,
                        size_t n) {
  int i = custom_index(property);
  if (i < 0) return false;
  w->custom_said = true;
  w->custom_answer[i] = answer == UH_VALUE && n == 0 ? UH_NONE : answer;
  uh_str_reset(&w->custom[i]);
  if (answer == UH_VALUE) uh_json_string(&w->custom[i], text, n);
  return true;
}

/* In order, null for a number that was not obtained; none where all fifteen are empty. */
static void write_custom(struct uh_record_writer *w) {
  int last = -1, obtained = 0;
  enum uh_answer missing = UH_NOT_ASKED;
  for (int i = 0; i < UH_CUSTOM_ATTRIBUTES; i++) {
    enum uh_answer answer = w->custom_answer[i];
    if (answer != UH_NONE) last = i;
    if (answer == UH_NONE || answer == UH_VALUE)
      obtained++;
    else if (answer != UH_NOT_ASKED)
      missing = answer;
  }
  if (last < 0 || obtained == 0) {
    uh_rows_answer(w->rows, UH_COL(exchange_recipient, custom_attributes), obtained ? UH_NONE : missing);
    return;
  }
  uh_str_reset(&w->list);
  for (int i = 0; i <= last; i++) {
    enum uh_answer answer = w->custom_answer[i];
    uh_str_addc(&w->list, i ? ',' : '[');
    const char *text = answer == UH_VALUE ? uh_str_text(&w->custom[i]) : NULL;
    uh_str_add(&w->list, answer == UH_NONE ? "\"\"" : text ? text : "null");
  }
  uh_str_addc(&w->list, ']');
  if (uh_str_text(&w->list))
    uh_rows_text(w->rows, UH_COL(exchange_recipient, custom_attributes), w->list.s, w->list.len);
}

/* ---- objects ---- */

static const char *const certificate_words[] = {"Thumbprint",   "Subject",   "Issuer",
                                                "SerialNumber", "NotBefore", "NotAfter"};
enum { CERTIFICATE_WORDS = sizeof certificate_words / sizeof *certificate_words };

static void json_name(struct uh_record_writer *w, const char *property) {
  for (unsigned i = 0; w->certificate && i < CERTIFICATE_WORDS; i++)
    if (strcasecmp(property, certificate_words[i]) == 0) w->told |= 1u << i;
  uh_str_addc(&w->json, w->json.len ? ',' : '{');
  uh_json_string(&w->json, property, strlen(property));
  uh_str_addc(&w->json, ':');
  if (w->json.len > JSON_OBJECT_MAX) w->too_large = true;
}

static void note_identity(struct uh_record_writer *w, const char *property, const char *text, size_t n) {
  if (strcasecmp(property, "Identity") == 0) {
    uh_str_reset(&w->identity);
    uh_str_addn(&w->identity, text, n);
  } else if (strcasecmp(property, "Name") == 0 || (strcasecmp(property, "DomainName") == 0 && w->name.len == 0)) {
    uh_str_reset(&w->name);
    uh_str_addn(&w->name, text, n);
  } else if (strcasecmp(property, "Guid") == 0 || (strcasecmp(property, "ExchangeObjectId") == 0 && !w->guid_strong)) {
    char buf[UH_GUID_TEXT];
    uint8_t guid[UH_GUID_SIZE];
    if (!parse_guid(text, n, guid)) return;
    uh_str_reset(&w->guid);
    uh_str_add(&w->guid, uh_guid_text(guid, buf));
    w->guid_strong = strcasecmp(property, "Guid") == 0;
  }
}

/* ---- what carriers call ---- */

void uh_record_text(struct uh_record_writer *w, const char *property, const char *text, size_t n) {
  if (w->recipient) {
    if (take_custom(w, property, UH_VALUE, text, n)) return;
    const struct property *p = find_property(w, property, strlen(property));
    if (p) text_column(w, p, text, n);
    return;
  }
  note_identity(w, property, text, n);
  json_name(w, property);
  uh_json_string(&w->json, text, n);
  if (!w->certificate || strcasecmp(property, "RawData") != 0) return;
  uh_str_reset(&w->raw);
  uh_str_addn(&w->raw, text, n);
}

/* A certificate comes as its bytes alone where the session keeps Exchange's types. What else it says of itself is read
 * from them; what Exchange said in words stays as it said it. */
static void write_certificate(struct uh_record_writer *w) {
  struct uh_certificate c UH_CLEANUP(uh_certificate_clear) = {0};
  if (w->raw.len == 0 || !uh_certificate_read(w->raw.s, w->raw.len, &c)) return;
  const char *const values[CERTIFICATE_WORDS] = {c.thumbprint, c.subject.s,  c.issuer.s,
                                                 c.serial.s,   c.not_before, c.not_after};
  const unsigned told = w->told;
  for (unsigned i = 0; i < CERTIFICATE_WORDS; i++) {
    if (told & 1u << i || !values[i] || !*values[i]) continue;
    json_name(w, certificate_words[i]);
    uh_json_string(&w->json, values[i], strlen(values[i]));
  }
}

void uh_record_int(struct uh_record_writer *w, const char *property, int64_t value) {
  if (w->recipient) {
    const struct property *p = find_property(w, property, strlen(property));
    if (!p || !takes(w, p)) return;
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)value);
    if (column_of(p)->type == 'I') {
      if (value != 0 && value != 1) return; /* a yes or no that is neither was not obtained */
      uh_rows_int(w->rows, p->column, value);
      w->filled |= 1ull << p->column;
    } else {
      text_column(w, p, text, (size_t)n);
    }
    return;
  }
  json_name(w, property);
  uh_str_addf(&w->json, "%lld", (long long)value);
}

void uh_record_bool(struct uh_record_writer *w, const char *property, bool value) {
  if (w->recipient) {
    const struct property *p = find_property(w, property, strlen(property));
    if (p) text_column(w, p, value ? "true" : "false", value ? 4 : 5);
    return;
  }
  json_name(w, property);
  uh_str_add(&w->json, value ? "true" : "false");
}

void uh_record_none(struct uh_record_writer *w, const char *property) {
  if (w->recipient) {
    if (take_custom(w, property, UH_NONE, NULL, 0)) return;
    const struct property *p = find_property(w, property, strlen(property));
    if (p) answer_column(w, p, UH_NONE);
    return;
  }
  json_name(w, property);
  uh_str_add(&w->json, "null");
}

void uh_record_answer(struct uh_record_writer *w, const char *property, enum uh_answer a) {
  if (a == UH_NONE) {
    uh_record_none(w, property);
    return;
  }
  if (w->recipient) {
    if (take_custom(w, property, a, NULL, 0)) return;
    const struct property *p = find_property(w, property, strlen(property));
    if (p) answer_column(w, p, a);
    return;
  }
  json_name(w, property);
  uh_str_addf(&w->json, "{\"@answer\":\"%s\"}", uh_answer_name(a));
}

void uh_record_list_begin(struct uh_record_writer *w, const char *property) {
  w->in_list = true;
  w->list_items = 0;
  uh_str_reset(&w->list);
  uh_str_addc(&w->list, '[');
  w->list_property = NULL;
  if (w->recipient)
    w->list_property = find_property(w, property, strlen(property));
  else
    json_name(w, property);
}

void uh_record_list_item(struct uh_record_writer *w, const char *text, size_t n) {
  if (!w->in_list) return;
  if (w->list.len > JSON_OBJECT_MAX) {
    w->too_large = true;
    return;
  }
  if (w->list_items++) uh_str_addc(&w->list, ',');
  uh_json_string(&w->list, text, n);
}

void uh_record_list_end(struct uh_record_writer *w) {
  if (!w->in_list) return;
  w->in_list = false;
  uh_str_addc(&w->list, ']');
  if (!w->recipient) {
    uh_str_addn(&w->json, w->list.s ? w->list.s : "[]", w->list.s ? w->list.len : 2);
    return;
  }
  const struct property *p = w->list_property;
  if (!p || !takes(w, p) || w->list.failed) return;
  if (column_of(p)->type != 'T' && !is_list_column(p)) return;
  if (w->list_items == 0)
    answer_column(w, p, UH_NONE);
  else {
    uh_rows_text(w->rows, p->column, w->list.s, w->list.len);
    w->filled |= 1ull << p->column;
  }
}

void uh_record_json(struct uh_record_writer *w, const char *property, const char *json) {
  if (w->recipient) {
    const struct property *p = find_property(w, property, strlen(property));
    if (p && column_of(p)->type == 'T' && !is_list_column(p)) text_column(w, p, json, strlen(json));
    return;
  }
  json_name(w, property);
  uh_str_add(&w->json, json);
}

int uh_record_end(struct uh_record_writer *w, struct uh_err *err) {
  if (w->too_large) {
    uh_rows_drop(w->rows);
    return uh_fail(err, UH_ERR_DATA, "an object of Get-%s is larger than %d bytes", w->kind, JSON_OBJECT_MAX);
  }
  if (w->recipient) {
    if (w->custom_said) write_custom(w);
    uh_rows_str(w->rows, UH_COL(exchange_recipient, side), w->side);
    uh_rows_str(w->rows, UH_COL(exchange_recipient, source), w->source);
    uh_rows_str(w->rows, UH_COL(exchange_recipient, kind), w->kind);
    uh_rows_str(w->rows, UH_COL(exchange_recipient, listing), w->listing);
  } else {
    write_certificate(w);
    uh_str_add(&w->json, w->json.len ? "}" : "{}");
    if (!uh_str_text(&w->json) || w->identity.failed || w->name.failed) {
      uh_rows_drop(w->rows);
      return uh_fail_nomem(err);
    }
    uh_rows_str(w->rows, UH_COL(object, source), w->source);
    uh_rows_str(w->rows, UH_COL(object, side), w->side);
    uh_rows_str(w->rows, UH_COL(object, kind), w->kind);
    uh_rows_str(w->rows, UH_COL(object, listing), w->listing);
    const struct uh_str *name = w->name.len ? &w->name : &w->identity;
    uh_rows_text(w->rows, UH_COL(object, identity), uh_str_text(&w->identity), w->identity.len);
    uh_rows_text(w->rows, UH_COL(object, name), uh_str_text(name), name->len);
    uh_rows_str(w->rows, UH_COL(object, guid), uh_str_text(&w->guid));
    uh_rows_text(w->rows, UH_COL(object, json), w->json.s, w->json.len);
  }
  w->count++;
  return uh_rows_end(w->rows, err);
}
