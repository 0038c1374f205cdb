/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of Active Directory may be changed at all, whatever a step asks for: a closed list of classes, where they stand,
 * and the attributes that may be edited. Recipients, computers, domains and the schema are not on it.
 */
#include <stdio.h>
#include <strings.h>

#include "executors/directory.h"

#define SERVICES ",CN=Services,CN=Configuration,DC="
#define EXCHANGE ",CN=Microsoft Exchange" SERVICES
#define AUTODISCOVER ",CN=Microsoft Exchange Autodiscover" SERVICES
#define SECURITY_GROUPS ",OU=Microsoft Exchange Security Groups,DC="
#define SYSTEM_OBJECTS ",CN=Microsoft Exchange System Objects,DC="

/* A class that may be deleted, and a part of the names of those objects. */
static const struct {
  const char *object_class, *within;
  /* How the name begins; "" any. With a mark at its end it is the whole name: '$' the end itself, '#' a GUID (and what
   * stands behind it), '%' hexadecimal digits. Setup names its accounts so, and people may name theirs alike. */
  const char *named;
} deletable[] = {
    /* Anything below the organisation, and it itself: msExchContainer, msExchRoutingSMTPConnector.. */
    {"msExch*", EXCHANGE, ""},
    {"container", EXCHANGE, ""},
    {"serviceConnectionPoint", EXCHANGE, ""},
    {"msExchConfigurationContainer", SERVICES, "Microsoft Exchange$"},
    {"msExchConfigurationContainer", SERVICES, "Microsoft Exchange Autodiscover$"},
    {"container", SERVICES, "Microsoft Exchange Autodiscover$"},
    {"serviceConnectionPoint", AUTODISCOVER, ""},
    {"group", SECURITY_GROUPS, ""},
    {"organizationalUnit", ",DC=", "Microsoft Exchange Security Groups$"},
    {"msExchSystemObjectsContainer", ",DC=", "Microsoft Exchange System Objects$"},
    {"msExch*", SYSTEM_OBJECTS, ""},
    {"publicFolder", SYSTEM_OBJECTS, ""},
    {"group", SYSTEM_OBJECTS, "Exchange Install Domain Servers$"},
    {"container", SYSTEM_OBJECTS, "Monitoring Mailboxes$"},
    {"user", SYSTEM_OBJECTS, "HealthMailbox"},
    {"user", ",DC=", "HealthMailbox%"},
    {"user", ",DC=", "SystemMailbox{#}"},
    {"user", ",DC=", "DiscoverySearchMailbox {#}"},
    {"user", ",DC=", "FederatedEmail.#"},
    {"user", ",DC=", "Migration.#"},
};

static const struct {
  const char *object_class, *attribute;
} editable[] = {
    {"msExchConfigurationContainer", "otherWellKnownObjects"},
    {"msExchFedOrgId", "msExchFedAccountNamespace"},
    {"msExchFedOrgId", "msExchFedDelegationTrust"},
    {"msExchFedOrgId", "msExchFedIsEnabled"},
    {"msExchAcceptedDomain", "msExchFedAcceptedDomainLink"},
    {"serviceConnectionPoint", "serviceBindingInformation"},
    {"serviceConnectionPoint", "keywords"},
};

const char *uh_directory_action_name(enum uh_directory_action action) {
  static const char *const names[] = {"delete", "modify", "reanimate", "add", "link", "finish"};
  return (unsigned)action < sizeof names / sizeof *names ? names[action] : "unknown";
}

/* "msExch*" or the class itself. */
static bool class_fits(const char *pattern, const char *object_class) {
  size_t n = strcspn(pattern, "*");
  return strncasecmp(pattern, object_class, n) == 0 && (pattern[n] || !object_class[n]);
}

/* The object's own name: "CN=a\,b,CN=c": "a\,b". */
static size_t own_name(const char *dn, const char **ret_name) {
  const char *equals = strchr(dn, '=');
  *ret_name = equals ? equals + 1 : dn + strlen(dn);
  size_t n = 0;
  while ((*ret_name)[n] && (*ret_name)[n] != ',') n += (*ret_name)[n] == '\\' && (*ret_name)[n + 1] ? 2 : 1;
  return n;
}

/* Whether the DN goes on so at one of its commas; an escaped one is a part of a name, which says nothing of the place.
 */
static bool stands_within(const char *dn, const char *within) {
  size_t n = strlen(within);
  for (; *dn; dn++) {
    if (*dn == '\\' && dn[1])
      dn++;
    else if (*dn == ',' && strncasecmp(dn, within, n) == 0)
      return true;
  }
  return false;
}

static bool begins_with_guid(const char *name) {
  enum { GUID = 36 };
  char text[GUID + 1];
  uint8_t bytes[UH_GUID_SIZE];
  (void)snprintf(text, sizeof text, "%s", name);
  return strlen(text) == GUID && text[0] != '{' && uh_guid_parse(text, bytes);
}

static bool name_fits(const char *pattern, const char *name, size_t n) {
  enum { GUID = 36, DIGITS_MIN = 7 };
  size_t prefix = strcspn(pattern, "$#%");
  const char *behind = pattern + prefix + 1, *rest = name + prefix;
  if (n < prefix || strncasecmp(name, pattern, prefix) != 0) return false;
  n -= prefix;
  switch (pattern[prefix]) {
    case '$': return n == 0;
    case '%': return n >= DIGITS_MIN && strspn(rest, "0123456789abcdefABCDEF") == n;
    case '#':
      return n == GUID + strlen(behind) && begins_with_guid(rest) && strncmp(rest + GUID, behind, strlen(behind)) == 0;
    default: return true;
  }
}

static bool may_delete(const char *object_class, const char *dn) {
  const char *name;
  size_t n = own_name(dn, &name);
  for (size_t i = 0; i < sizeof deletable / sizeof *deletable; i++) {
    if (!class_fits(deletable[i].object_class, object_class)) continue;
    if (!name_fits(deletable[i].named, name, n)) continue;
    if (stands_within(name + n, deletable[i].within)) return true;
  }
  return false;
}

bool uh_directory_may_delete(const char *object_class, const char *dn) {
  return !stands_within(dn, ",CN=Schema,CN=Configuration,") && may_delete(object_class, dn);
}

/* What went with a tree may come back with it, whatever class it has: below Exchange's own containers all is
 * Exchange's. */
static bool may_come_back(const char *object_class, const char *dn) {
  static const char *const containers[] = {EXCHANGE, SYSTEM_OBJECTS, SECURITY_GROUPS};
  const char *name;
  size_t n = own_name(dn, &name);
  for (size_t i = 0; i < sizeof containers / sizeof *containers; i++)
    if (stands_within(name + n, containers[i])) return true;
  return uh_directory_may_delete(object_class, dn);
}

static bool may_edit(const char *object_class, const char *attribute) {
  for (size_t i = 0; i < sizeof editable / sizeof *editable; i++)
    if (strcasecmp(editable[i].object_class, object_class) == 0 && strcasecmp(editable[i].attribute, attribute) == 0)
      return true;
  return false;
}

static int wrong(const struct uh_directory_change *c, const char *why, struct uh_err *err) {
  (void)uh_fail(err, UH_ERR_INTERNAL, "%s is not sent: %s", uh_directory_action_name(c->action), why);
  uh_err_where(err, "%s", c->dn ? c->dn : "");
  return -1;
}

static int check_edits(const struct uh_directory_change *c, struct uh_err *err) {
  for (size_t i = 0; i < c->n_edits; i++) {
    const struct uh_directory_edit *e = &c->edits[i];
    if (!e->attribute || !*e->attribute || (e->n && !e->values)) return wrong(c, "an attribute is not told", err);
    if (e->type != UH_DIRECTORY_REPLACE_VALUES && e->n == 0) return wrong(c, "an attribute's values are missing", err);
    if (c->action == UH_DIRECTORY_MODIFY && !may_edit(c->object_class, e->attribute)) {
      (void)uh_fail(err, UH_ERR_INTERNAL, "modify is not sent: %.*s of a %.*s is never edited",
                    UH_HEAD(e->attribute, 80), UH_HEAD(c->object_class, 80));
      uh_err_where(err, "%s", c->dn);
      return -1;
    }
    if (c->action == UH_DIRECTORY_ADD && e->type != UH_DIRECTORY_GIVE_VALUES)
      return wrong(c, "a new object only gets values", err);
    if (c->action == UH_DIRECTORY_FINISH && e->type == UH_DIRECTORY_TAKE_VALUES)
      return wrong(c, "what is finished loses no values", err);
  }
  return 0;
}

int uh_directory_check(const struct uh_directory_change *c, struct uh_err *err) {
  static const uint8_t nothing[UH_GUID_SIZE];
  bool edits = c->action == UH_DIRECTORY_MODIFY || c->action == UH_DIRECTORY_ADD || c->action == UH_DIRECTORY_LINK;
  if ((unsigned)c->action > UH_DIRECTORY_FINISH) return wrong(c, "no such action", err);
  if (!c->dn || !*c->dn || !c->object_class || !*c->object_class) return wrong(c, "the object is not named", err);
  if ((c->action == UH_DIRECTORY_ADD) != !c->guid)
    return wrong(c, "it needs the object's GUID, a new one has none", err);
  if (c->guid && memcmp(c->guid, nothing, sizeof nothing) == 0) return wrong(c, "the object's GUID is zero", err);
  if (c->n_tree > UH_DIRECTORY_TREE_MAX || c->n_edits > UH_DIRECTORY_EDITS_MAX)
    return wrong(c, "it lists too much", err);
  if (c->n_tree && c->action != UH_DIRECTORY_DELETE) return wrong(c, "only a deletion has a tree", err);
  if (edits && c->n_edits == 0) return wrong(c, "nothing is to be changed", err);
  if (c->action == UH_DIRECTORY_DELETE && c->n_edits) return wrong(c, "a deletion edits nothing", err);
  bool allowed = c->action == UH_DIRECTORY_MODIFY   ? true
                 : c->action == UH_DIRECTORY_DELETE ? uh_directory_may_delete(c->object_class, c->dn)
                                                    : may_come_back(c->object_class, c->dn);
  if (!allowed) return wrong(c, "objects of this class at this place are never touched", err);
  return check_edits(c, err);
}
