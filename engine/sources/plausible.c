/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists that are never empty. A missing right often looks like an empty answer, not like an error: whoever may not see
 * a tenant's accepted domains is told that there are none. Each of these has at least one object in every tenant or
 * organisation, so an answer without any is no answer.
 */
#include "sources/plausible.h"

#include <string.h>

#define EXCHANGE(role) "Global Reader in Entra, or the Exchange role \"" role "\""
#define SERVER "View-Only Organization Management"

static const struct never_empty {
  const char *side, *set, *always, *right;
} never_empty[] = {
    {"cloud", "OrganizationConfig", "every tenant has exactly one", EXCHANGE("View-Only Configuration")},
    {"cloud", "AcceptedDomain", "every tenant has its initial domain", EXCHANGE("View-Only Configuration")},
    {"cloud", "RemoteDomain", "every tenant has the default one, which cannot be removed",
     EXCHANGE("View-Only Configuration")},
    {"cloud", "TransportConfig", "every tenant has exactly one", EXCHANGE("View-Only Configuration")},
    {"cloud", "Mailbox", "a tenant that takes over from an Exchange server has mailboxes",
     EXCHANGE("View-Only Recipients") ", without a scope that narrows it"},
    {"cloud", "GraphOrganization", "every tenant has exactly one", "the Graph permission Organization.Read.All"},
    {"cloud", "GraphDomain", "every tenant has its initial domain", "the Graph permission Domain.Read.All"},
    {"cloud", "GraphServicePrincipal", "Exchange Online's own stands in every tenant that uses it",
     "the Graph permission Application.Read.All"},
    {"on-premises", "OrganizationConfig", "every organisation has exactly one", SERVER},
    {"on-premises", "AcceptedDomain", "every organisation has one", SERVER},
    {"on-premises", "RemoteDomain", "every organisation has the default one", SERVER},
    {"on-premises", "TransportConfig", "every organisation has exactly one", SERVER},
    {"on-premises", "FederatedOrganizationIdentifier", "every organisation has exactly one", SERVER},
};

bool uh_never_empty(const char *side, const char *set, const char **ret_always, const char **ret_right) {
  for (size_t i = 0; i < sizeof never_empty / sizeof *never_empty; i++) {
    const struct never_empty *n = &never_empty[i];
    if (strcmp(n->set, set) != 0 || strcmp(n->side, side) != 0) continue;
    *ret_always = n->always;
    *ret_right = n->right;
    return true;
  }
  return false;
}
