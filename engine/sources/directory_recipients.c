/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recipients: one row for each object that is one or could be one. The search runs over hundreds of thousands of
 * entries, so nothing here allocates for an entry.
 */
#include <strings.h>

#include "sources/directory.h"

/*
 * Everything that is a recipient, was one, or holds something that only a recipient has: an object with a database but
 * no address blocks the removal of that database (guide P-01). No NOT stands here: for an attribute that a schema does
 * not know AD would then exclude every object. Objects are named by class where the class alone makes them recipients.
 */
#define MAIL_ATTRIBUTES                                                                                                \
  "(mailNickname=*)(proxyAddresses=*)(mail=*)(targetAddress=*)(homeMDB=*)(msExchHomeServerName=*)(msExchMailboxGuid=*" \
  ")"                                                                                                                  \
  "(msExchRecipientTypeDetails=*)(msExchRecipientDisplayType=*)(objectClass=publicFolder)"                             \
  "(objectClass=msExchDynamicDistributionList)"
const char *const uh_recipient_filter =
    "(|" MAIL_ATTRIBUTES
    "(msExchArchiveDatabaseLink=*)(msExchArchiveGUID=*)(msExchRemoteRecipientType=*)"
    "(msExchMailboxMoveStatus=*))";
const char *const uh_recipient_filter_gc = "(|" MAIL_ATTRIBUTES ")";

enum how { TEXT, INTEGER, BLOB, LIST, CLASS, DISPLAY, COMMON_NAME, GUID, CUSTOM };
#define COL(name) UH_COL(directory_recipient, name)

/* gc: in the partial attribute set (facts: the schema dumps of Exchange 2016/2019). */
static const struct column {
  const char *attribute;
  int column;
  enum how how;
  bool gc;
} columns[] = {
    {"objectClass", COL(class), CLASS, true},
    {"objectGUID", COL(guid), GUID, true},
    {"cn", COL(name), COMMON_NAME, true},
    {"displayName", COL(name), DISPLAY, true},
    {"userAccountControl", COL(account_control), INTEGER, true},
    {"msExchRecipientTypeDetails", COL(recipient_type_details), INTEGER, true},
    {"msExchRecipientDisplayType", COL(recipient_display_type), INTEGER, true},
    {"msExchRemoteRecipientType", COL(remote_recipient_type), INTEGER, false},
    {"homeMDB", COL(home_mdb), TEXT, true},
    {"msExchHomeServerName", COL(home_server), TEXT, true},
    {"msExchMailboxGuid", COL(mailbox_guid), BLOB, true},
    {"msExchArchiveGUID", COL(archive_guid), BLOB, false},
    {"msExchArchiveDatabaseLink", COL(archive_database), TEXT, false},
    {"msExchArchiveStatus", COL(archive_status), INTEGER, false},
    {"targetAddress", COL(target_address), TEXT, true},
    {"mail", COL(mail), TEXT, true},
    {"mailNickname", COL(alias), TEXT, true},
    {"proxyAddresses", COL(addresses), LIST, true},
    {"msExchMailboxMoveStatus", COL(move_status), INTEGER, false},
    {"msExchMailboxMoveBatchName", COL(move_batch), TEXT, false},
    {"msExchLitigationHoldDate", COL(litigation_hold), TEXT, false},
    {"msExchUserHoldPolicies", COL(hold_policies), LIST, false},
    {"mS-DS-ConsistencyGuid", COL(consistency_guid), BLOB, false},
    {"msDS-ExternalDirectoryObjectId", COL(external_id), TEXT, false},
    {"legacyExchangeDN", COL(legacy_dn), TEXT, true},
    {"extensionAttribute1", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute2", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute3", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute4", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute5", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute6", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute7", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute8", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute9", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute10", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute11", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute12", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute13", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute14", COL(custom_attributes), CUSTOM, true},
    {"extensionAttribute15", COL(custom_attributes), CUSTOM, true},
};
enum { COLUMNS = sizeof columns / sizeof *columns, FIRST_CUSTOM = COLUMNS - UH_CUSTOM_ATTRIBUTES };
#define CUSTOM_ATTRIBUTES                                                                                            \
  "extensionAttribute1", "extensionAttribute2", "extensionAttribute3", "extensionAttribute4", "extensionAttribute5", \
      "extensionAttribute6", "extensionAttribute7", "extensionAttribute8", "extensionAttribute9",                    \
      "extensionAttribute10", "extensionAttribute11", "extensionAttribute12", "extensionAttribute13",                \
      "extensionAttribute14", "extensionAttribute15"

const char *const *uh_recipient_attributes(bool gc) {
  static const char *const from_dc[] = {"objectClass",
                                        "objectGUID",
                                        "cn",
                                        "displayName",
                                        "userAccountControl",
                                        "msExchRecipientTypeDetails",
                                        "msExchRecipientDisplayType",
                                        "msExchRemoteRecipientType",
                                        "homeMDB",
                                        "msExchHomeServerName",
                                        "msExchMailboxGuid",
                                        "msExchArchiveGUID",
                                        "msExchArchiveDatabaseLink",
                                        "msExchArchiveStatus",
                                        "targetAddress",
                                        "mail",
                                        "mailNickname",
                                        "proxyAddresses",
                                        "msExchMailboxMoveStatus",
                                        "msExchMailboxMoveBatchName",
                                        "msExchLitigationHoldDate",
                                        "msExchUserHoldPolicies",
                                        "mS-DS-ConsistencyGuid",
                                        "msDS-ExternalDirectoryObjectId",
                                        "legacyExchangeDN",
                                        CUSTOM_ATTRIBUTES,
                                        NULL};
  static const char *const from_gc[] = {"objectClass",
                                        "objectGUID",
                                        "cn",
                                        "displayName",
                                        "userAccountControl",
                                        "msExchRecipientTypeDetails",
                                        "msExchRecipientDisplayType",
                                        "homeMDB",
                                        "msExchHomeServerName",
                                        "msExchMailboxGuid",
                                        "targetAddress",
                                        "mail",
                                        "mailNickname",
                                        "proxyAddresses",
                                        "legacyExchangeDN",
                                        CUSTOM_ATTRIBUTES,
                                        NULL};
  return gc ? from_gc : from_dc;
}

/* A server sends attributes in much the same order for each entry, so the search starts where the last one ended. */
static int find_column(const char *attribute, int start) {
  for (int i = 0; i < COLUMNS; i++) {
    int k = start + i < COLUMNS ? start + i : start + i - COLUMNS;
    if ((columns[k].attribute[0] | 0x20) == (attribute[0] | 0x20) && strcasecmp(columns[k].attribute, attribute) == 0)
      return k;
  }
  return -1;
}

/* The class that says what the object is. AD gives the most specific one last, other servers in any order. */
static const struct uh_ldap_value *object_class(const struct uh_ldap_attribute *a) {
  static const char *const known[] = {
      "computer", "msExchDynamicDistributionList", "publicFolder", "group", "contact", "inetOrgPerson", "user"};
  for (size_t k = 0; k < sizeof known / sizeof *known; k++)
    for (size_t i = 0; i < a->n; i++)
      if (a->values[i].size == strlen(known[k]) && strcasecmp(a->values[i].data, known[k]) == 0) return &a->values[i];
  return &a->values[a->n - 1];
}

static void write_list(struct uh_recipient_reader *r, int column, const struct uh_ldap_attribute *a) {
  uh_str_reset(&r->list);
  for (size_t i = 0; i < a->n; i++) {
    uh_str_addc(&r->list, i ? ',' : '[');
    uh_json_string(&r->list, a->values[i].data, a->values[i].size);
  }
  uh_str_addc(&r->list, ']');
  const char *text = uh_str_text(&r->list);
  if (text && !a->truncated)
    uh_rows_text(r->rows, column, text, r->list.len);
  else
    uh_rows_answer(r->rows, column, UH_TIMEOUT);
}

struct seen {
  uint64_t columns; /* bit by column number */
  bool display;
  bool guid, class;
  const struct uh_ldap_value *custom[UH_CUSTOM_ATTRIBUTES];
};

/* The numbers that are not there are empty, those behind the last one are left out: both sides write it so. */
static void write_custom(struct uh_recipient_reader *r, const struct seen *seen) {
  uh_str_reset(&r->list);
  int written = 0;
  for (int i = 0; i < UH_CUSTOM_ATTRIBUTES; i++) {
    const struct uh_ldap_value *v = seen->custom[i];
    if (!v) continue;
    for (; written < i; written++) uh_str_add(&r->list, written ? ",\"\"" : "[\"\"");
    uh_str_addc(&r->list, written++ ? ',' : '[');
    uh_json_string(&r->list, v->data, v->size);
  }
  uh_str_addc(&r->list, ']');
  const char *text = uh_str_text(&r->list);
  if (text)
    uh_rows_text(r->rows, COL(custom_attributes), text, r->list.len);
  else
    uh_rows_answer(r->rows, COL(custom_attributes), UH_TIMEOUT);
}

static void write_value(struct uh_recipient_reader *r, const struct column *c, const struct uh_ldap_attribute *a,
                        struct seen *seen) {
  const struct uh_ldap_value *v = &a->values[0];
  int64_t number;
  switch (c->how) {
    case CLASS:
      v = object_class(a);
      seen->class = true;
      break;
    case GUID:
      if (v->size != UH_GUID_SIZE) return;
      seen->guid = true;
      uh_rows_blob(r->rows, c->column, v->data, v->size);
      return;
    case DISPLAY: seen->display = true; break;
    case COMMON_NAME:
      if (seen->display) return;
      break;
    case INTEGER:
      seen->columns |= UINT64_C(1) << c->column;
      if (uh_directory_int(v, &number))
        uh_rows_int(r->rows, c->column, number);
      else
        r->odd++; /* stays "not asked": it is neither a value nor none */
      return;
    case BLOB:
      seen->columns |= UINT64_C(1) << c->column;
      uh_rows_blob(r->rows, c->column, v->data, v->size);
      return;
    case LIST:
      seen->columns |= UINT64_C(1) << c->column;
      write_list(r, c->column, a);
      return;
    case CUSTOM:
      seen->columns |= UINT64_C(1) << c->column;
      seen->custom[c - &columns[FIRST_CUSTOM]] = v;
      return;
    case TEXT: break;
  }
  seen->columns |= UINT64_C(1) << c->column;
  uh_rows_text(r->rows, c->column, v->data, v->size);
}

int uh_recipient_write(struct uh_recipient_reader *r, const struct uh_ldap_entry *entry, struct uh_err *err) {
  struct seen seen = {0};
  uh_rows_begin(r->rows);
  uh_rows_str(r->rows, COL(domain), r->domain);
  uh_rows_str(r->rows, COL(via), r->gc ? "gc" : "dc");
  uh_rows_text(r->rows, COL(dn), entry->dn, entry->dn_size);
  int at = 0;
  for (size_t i = 0; i < entry->n; i++) {
    int k = find_column(entry->attributes[i].name, at);
    if (k < 0) continue;
    at = k + 1 < COLUMNS ? k + 1 : 0;
    write_value(r, &columns[k], &entry->attributes[i], &seen);
  }
  if (seen.columns >> COL(custom_attributes) & 1) write_custom(r, &seen);
  /* Class and GUID stand on every object. An entry without them hides things from this account: absent is not none. */
  bool readable = seen.class && seen.guid;
  if (!readable) r->unreadable++;
  for (int k = 0; k < COLUMNS; k++) {
    const struct column *c = &columns[k];
    if (c->how == GUID || (seen.columns >> c->column & 1) || (r->gc && !c->gc)) continue;
    uh_rows_answer(r->rows, c->column, readable ? UH_NONE : UH_REFUSED);
  }
  if (uh_rows_end(r->rows, err) < 0) return -1;
  r->written++;
  return 0;
}
