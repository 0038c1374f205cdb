/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_DIRECTORY_H
#define UH_DIRECTORY_H
/*
 * Inside the directory source: what its files share. The pure parts (translation, security descriptors, the recipient's
 * columns) know no connection, so that tests feed them by hand.
 */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

#include "sources/source.h"
#include "wire/ldap.h"
#include "wire/ldap_names.h"

/* ---- security descriptors (MS-DTYP 2.4.6) ---- */

#define UH_SID_TEXT 192 /* "S-1-" and at most 15 sub-authorities */
#define UH_SIDS_MAX 512 /* different SIDs in one list that are told apart */
struct uh_sids {
  char (*v)[UH_SID_TEXT];
  size_t n;
};
void uh_sids_clear(struct uh_sids *sids);
bool uh_sids_has(const struct uh_sids *sids, const char *sid);
/* Who holds an extended right by a self-relative security descriptor: its own ACEs and those for all extended rights; a
 * denial that stands before counts. right is the GUID in AD's byte order. 0: done, 1: the descriptor has no DACL in it
 * (not obtained), -1: malformed (ret_sids is empty then) or out of memory. */
int uh_security_holders(const void *descriptor, size_t n, const uint8_t right[UH_GUID_SIZE], struct uh_sids *ret_sids);
/* An entry that allows or denies. */
struct uh_security_entry {
  bool denies, inherited;
  bool below; /* containers below inherit it */
  uint32_t mask;
  char sid[UH_SID_TEXT];
};
/* Each entry of the descriptor's DACL; none where it is NULL, which allows everybody everything. 0 done, 1 the
 * descriptor has no DACL in it (not obtained), -1 where it is malformed, or `each` said so. */
int uh_security_each(const void *descriptor, size_t n, int (*each)(void *user, const struct uh_security_entry *entry),
                     void *user);
bool uh_sid_text(const void *sid, size_t n, char text[UH_SID_TEXT]);

/* ---- configuration objects ---- */

enum uh_property_type {
  UH_P_TEXT,  /* first value */
  UH_P_TEXTS, /* one value: text; several: list */
  UH_P_LIST,
  UH_P_INT,
  UH_P_BOOL,    /* TRUE, FALSE */
  UH_P_ENABLED, /* AD stores it only when FALSE */
  UH_P_GUID,
  UH_P_NAME,   /* DN: the value of its component number arg */
  UH_P_NAMES,  /* the same for each value */
  UH_P_SERVER, /* DN of a server or of something below one: the server's name */
  UH_P_SERVERS,
  UH_P_SPLIT,     /* a list in one string, separated by ',' or ';' */
  UH_P_FLAGS,     /* words of the bits that are set, as Exchange prints them: "Tls, Integrated"; arg: mask */
  UH_P_FLAG_LIST, /* the same as a list */
  UH_P_BIT,       /* whether one of the bits of arg is set; absent as 0 */
  UH_P_WORD,      /* the word for the number */
};
struct uh_word {
  int64_t value;
  const char *word;
};
struct uh_property {
  const char *attribute, *property;
  enum uh_property_type type;
  int64_t arg;
  const struct uh_word *words;    /* ends with word NULL */
  const char *UH_NULLABLE absent; /* JSON for an absent attribute; NULL: null */
};
enum uh_kind_base { UH_BELOW_ORGANIZATION, UH_BELOW_CONFIGURATION };
/* What translation needs to know of the forest. */
struct uh_directory_server {
  char *name, *fqdn; /* fqdn NULL: the object does not say */
  char *group;       /* DN of its database availability group, NULL: none */
};
struct uh_directory_context {
  const struct uh_directory_server *servers;
  size_t servers_n;
  bool any_recipient_known, submit_known; /* the rights were found in CN=Extended-Rights */
  uint8_t any_recipient[UH_GUID_SIZE], submit[UH_GUID_SIZE];
};
struct uh_kind {
  const char *kind; /* Exchange's noun: the set, and the rows' kind */
  const char *filter;
  enum uh_kind_base base;
  const struct uh_property *properties; /* ends with property NULL */
  const char *const *UH_NULLABLE more;  /* attributes asked for besides those of properties */
  unsigned security_parts;              /* of nTSecurityDescriptor, 0 not asked */
  bool count_only;                      /* no rows */
  bool (*UH_NULLABLE belongs)(const struct uh_ldap_entry *entry);
  /* Adds ,"Property":value for what no table says. */
  void (*UH_NULLABLE extra)(const struct uh_ldap_entry *entry, const struct uh_directory_context *context,
                            struct uh_str *json);
};
extern const struct uh_kind uh_directory_kinds[]; /* ends with kind NULL */
const struct uh_kind *UH_NULLABLE uh_directory_kind(const char *kind);
/* Writes the object's properties as JSON. */
void uh_directory_translate(const struct uh_kind *kind, const struct uh_ldap_entry *entry,
                            const struct uh_directory_context *context, struct uh_str *ret_json);
/* Attributes that hold secrets: never asked for. */
bool uh_directory_is_secret(const char *attribute);
/* The attributes to ask for, NULL-terminated, in list (borrowed strings). -1: too many, or a secret among them. */
#define UH_KIND_ATTRIBUTES 64
int uh_kind_attributes(const struct uh_kind *kind, const char *list[UH_KIND_ATTRIBUTES]);
/* "Version 15.2 (Build 30986.5)" of the attribute serialNumber, as Exchange shows it. False: not of that form. */
bool uh_server_version(const char *serial, struct uh_str *out);
/* "0.20 (15.0.0.0)" of msExchVersion. */
void uh_exchange_version(int64_t value, struct uh_str *out);
bool uh_directory_int(const struct uh_ldap_value *value, int64_t *ret_value); /* decimal, nothing else */

/* ---- recipients ---- */

struct uh_recipient_reader {
  struct uh_rows *rows;
  const char *domain;
  bool gc;
  int64_t written, unreadable, odd; /* odd: values that are no number where one is due */
  struct uh_str list;
};
extern const char *const uh_recipient_filter, *const uh_recipient_filter_gc;
/* NULL-terminated; a global catalogue is asked only for what it holds. */
const char *const *uh_recipient_attributes(bool gc);
/* Puts one entry into the rows. As uh_rows_end. */
int uh_recipient_write(struct uh_recipient_reader *reader, const struct uh_ldap_entry *entry, struct uh_err *err);

/* ---- the run ---- */

struct uh_directory_domain {
  char *nc, *dns_root, *netbios;
};
struct uh_directory {
  struct uh_observe *observe;
  struct uh_ldap_options options;
  char *password;
  struct uh_ldap *ldap; /* to the configured server; NULL while it is lost */
  int reconnects;
  bool gc;
  char *configuration_nc, *schema_nc, *default_nc;
  char **naming_contexts; /* held by the configured server */
  size_t naming_contexts_n;
  struct uh_directory_domain *domains;
  size_t domains_n;
  char **partitions; /* every naming context of the forest */
  size_t partitions_n;
  char *organization;     /* DN, NULL: not seen */
  bool organization_gone; /* it was removed: what is not seen below it is known not to be there */
  struct uh_directory_server *servers;
  size_t servers_n;
  bool servers_complete;
  struct uh_directory_context context;
  bool sane;     /* the account sees what it must: zero rows mean that there are none */
  char why[400]; /* why not */
};
#define UH_DIRECTORY_RECONNECTS 3
#define UH_DIRECTORY_DOMAINS_MAX 1000
#define UH_DIRECTORY_SERVERS_MAX 5000

/* Searches on the configured server's connection, connecting again where it was lost. As uh_ldap_search. */
int uh_directory_search(struct uh_directory *d, const struct uh_ldap_search *search,
                        struct uh_ldap_outcome *ret_outcome, struct uh_err *err);
bool uh_directory_wants(const struct uh_directory *d, const char *set);
/* Reports a set from how its search ended. result as of uh_ldap_search; unreadable: objects that hid something. */
void uh_directory_report(struct uh_directory *d, const char *set, const char *part, int result, int64_t objects,
                         int64_t unreadable, const struct uh_err *err);
int uh_directory_objects(struct uh_directory *d, struct uh_err *err);
int uh_directory_recipients(struct uh_directory *d, struct uh_err *err);
#endif
