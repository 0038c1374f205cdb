/* SPDX-License-Identifier: Apache-2.0 */
/* Names of export files, and names of properties that are not kept. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sources/export_nouns.h"
#include "sources/export_private.h"

/* Switches that choose what a cmdlet lists. A file made with one is a set of its own: "Mailbox/Archive". */
static const struct {
  const char *noun, *switches;
} listings[] = {
    {"Mailbox",
     "Arbitration Archive AuditLog AuxAuditLog GroupMailbox InactiveMailboxOnly IncludeInactiveMailbox Migration "
     "Monitoring PublicFolder RemoteArchive SoftDeletedMailbox SupervisoryReviewPolicy"},
    {"RemoteMailbox", "Archive"},
    {"MailUser", "SoftDeletedMailUser"},
    {"Recipient", "IncludeSoftDeletedRecipients"},
    {"SiteMailbox", "DeletedSiteMailbox"},
    {"UnifiedGroup", "IncludeSoftDeletedGroups"},
    {"DynamicDistributionGroup", "IncludeSystemObjects"},
    {"MoveRequest", "IncludeSoftDeletedObjects"},
    {"User", "Arbitration AuditLog AuxAuditLog PublicFolder SupervisoryReviewPolicy"},
    {"PublicFolder", "GetChildren Recurse LostAndFound ResidentFolders"},
    {"OutboundConnector", "IncludeTestModeConnectors IsTransportRuleScoped"},
};
/* Switches that add to what is said of each object. */
static const char details[] =
    "Unlimited Status BypassOwnerCheck ADPropertiesOnly IncludeReport DumpsterStatistics "
    "IncludeCorrupted IncludePreExchange2013 IncludeAllProperties";

/* The word of a space separated list that equals s (n bytes) without case; its length in *ret_n. */
static const char *find_word(const char *list, const char *s, size_t n, size_t *ret_n) {
  while (*list) {
    size_t len = strcspn(list, " ");
    if (len == n && strncasecmp(list, s, n) == 0) {
      *ret_n = len;
      return list;
    }
    list += len + strspn(list + len, " ");
  }
  return NULL;
}

static const struct export_noun *find_noun(const char *s, size_t n) {
  for (size_t i = 0; i < sizeof export_nouns / sizeof *export_nouns; i++)
    if (strlen(export_nouns[i].noun) == n && strncasecmp(export_nouns[i].noun, s, n) == 0) return &export_nouns[i];
  return NULL;
}

static const char *switches_of(const char *noun) {
  for (size_t i = 0; i < sizeof listings / sizeof *listings; i++)
    if (strcmp(listings[i].noun, noun) == 0) return listings[i].switches;
  return "";
}

/* In the order of the table, whatever the order in the file's name. */
static void order_listing(const char *all, uint32_t chosen, char listing[EXPORT_LISTING_MAX]) {
  size_t len = 0;
  for (unsigned i = 0; *all; i++) {
    size_t n = strcspn(all, " ");
    if (chosen & 1u << i)
      len += (size_t)snprintf(listing + len, EXPORT_LISTING_MAX - len, "%s%.*s", len ? "," : "", (int)n, all);
    all += n + strspn(all + n, " ");
  }
}

static unsigned position(const char *list, const char *word) {
  unsigned i = 0;
  for (; list < word; list++)
    if (*list == ' ') i++;
  return i;
}

static bool parse_switches(const char *s, size_t n, struct export_name *ret) {
  const char *all = switches_of(ret->noun);
  uint32_t chosen = 0;
  while (n > 0) {
    size_t len = 0, found;
    while (len < n && s[len] != '+') len++;
    const char *word = find_word(all, s, len, &found);
    if (word)
      chosen |= 1u << position(all, word);
    else if (find_word(details, s, len, &found))
      ret->unlimited |= len == 9 && strncasecmp(s, "Unlimited", 9) == 0;
    else
      return false;
    if (len < n) len++;
    s += len;
    n -= len;
  }
  if (__builtin_popcount(chosen) > 4) return false; /* no cmdlet takes that many, and the listing's name is bounded */
  order_listing(all, chosen, ret->listing);
  return true;
}

bool export_name_parse(const char *file, bool cloud, struct export_name *ret, const char **ret_why) {
  const char *dot = strrchr(file, '.');
  *ret = (struct export_name){0};
  *ret_why = "it is neither .xml nor .json";
  if (!dot || (strcasecmp(dot, ".xml") != 0 && strcasecmp(dot, ".json") != 0)) return false;
  ret->json = strcasecmp(dot, ".json") == 0;
  *ret_why = "its name is that of no known cmdlet, as in Get-SendConnector.xml";
  if (strncasecmp(file, "Get", 3) != 0) return false;
  const char *noun = file + 3 + (file[3] == '-' ? 1 : 0);
  size_t n = strcspn(noun, ".");
  const struct export_noun *known = find_noun(noun, n);
  if (!known) return false;
  ret->noun = known->noun;
  *ret_why = cloud ? "Exchange Online has no such cmdlet" : "Exchange Server has no such cmdlet";
  if (!(known->where & (cloud ? C : P))) return false;
  ret->cut_at_1000 = known->where & (cloud ? CR : PR);
  *ret_why = "its name holds a switch that is not known";
  const char *switches = noun + n + 1;
  return switches > dot || (switches < dot && parse_switches(switches, (size_t)(dot - switches), ret));
}

bool export_is_noise(const char *property) {
  static const char *const names[] = {"PSComputerName", "RunspaceId", "PSShowComputerName", "PSSourceJobInstanceId"};
  if (strchr(property, '@')) return true; /* OData's notes on a property */
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcasecmp(names[i], property) == 0) return true;
  return false;
}
