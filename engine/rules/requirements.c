/* SPDX-License-Identifier: Apache-2.0 */
/* The prerequisites of the removal. Ids, order and severities are the project's catalogue, docs/requirements.md. */
#include "rules/rules.h"

#define GUIDE "https://learn.microsoft.com/exchange/hybrid-deployment/decommission-last-exchange-server"

static const struct uh_requirement requirements[] = {
    {"P-01", "No user, shared, room, equipment or linked mailbox is left on premises", UH_BLOCKER, GUIDE},
    {"P-02", "No archive is left on premises, and no archive has a provisioning error", UH_BLOCKER, GUIDE},
    {"P-03", "Only system mailboxes that the uninstall expects are left", UH_BLOCKER, GUIDE},
    {"P-04", "No public folder is served from on premises", UH_BLOCKER, GUIDE},
    {"P-05", "Every synchronised mailbox is managed in the cloud", UH_BLOCKER, GUIDE},
    {"P-06", "New objects are managed in the cloud by default, and not too early", UH_WARNING, GUIDE},
    {"P-07", "Groups, contacts and mail users are not mastered on premises any more", UH_BLOCKER, GUIDE},
    {"P-08", "The synchronisation engine knows cloud-managed mailboxes", UH_BLOCKER, GUIDE},
    {"P-09", "Attribute writeback works where applications read AD", UH_WARNING, GUIDE},
    {"P-10", "MX of every accepted domain ends in the cloud", UH_BLOCKER, GUIDE},
    {"P-11", "Autodiscover leads to the cloud, in DNS and in AD", UH_BLOCKER, GUIDE},
    {"P-12", "SPF and DKIM allow the cloud to send", UH_WARNING, GUIDE},
    {"P-13", "The Exchange Management Tools are not what manages recipients", UH_BLOCKER, GUIDE},
    {"P-14", "No mail is routed through on premises", UH_BLOCKER, GUIDE},
    {"P-15", "No application or device relays mail through Exchange", UH_BLOCKER, GUIDE},
    {"P-16", "No move or migration is left", UH_BLOCKER, GUIDE},
    {"P-17", "Unified Messaging is not used", UH_BLOCKER, GUIDE},
    {"P-18", "No third-party or partner application calls Exchange", UH_WARNING, GUIDE},
    {"P-19", "No journal rule delivers to a mailbox on premises", UH_BLOCKER, GUIDE},
    {"P-20", "Rules and policies have their like in the cloud", UH_WARNING, GUIDE},
    {"P-21", "Edge Transport is taken away first", UH_WARNING, GUIDE},
    {"P-22", "Certificates are known and exported", UH_WARNING, GUIDE},
    {"P-23", "No other organisation shares with this one through the federation", UH_BLOCKER, GUIDE},
    {"P-24", "No user depends on free/busy between the two sides", UH_INFO, GUIDE},
    {"P-25", "Hybrid Modern Authentication is not needed any more", UH_WARNING, GUIDE},
    {"P-26", "Address books and roles are known before they go", UH_WARNING, GUIDE},
    {"P-27", "What belongs to another forest or organisation is known", UH_BLOCKER, GUIDE},
    {"P-28", "Rights for the removal are in place", UH_INFO, GUIDE},
    {"P-29", "Exactly one Exchange server is left, and it is healthy", UH_BLOCKER, GUIDE},
    {"P-30", "What the audit stands on is fresh and complete", UH_BLOCKER, GUIDE},
};

size_t uh_requirement_count(void) {
  return sizeof requirements / sizeof *requirements;
}
const struct uh_requirement *uh_requirement_at(size_t i) {
  return i < uh_requirement_count() ? &requirements[i] : NULL;
}
