/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes that hold what eDiscovery found. */
#include <unhybrid/step_own_mailbox.h>

#define EFFECT "Results of eDiscovery searches that were copied there are gone with it."
static const struct uh_own_mailbox mailbox = {
    .sql = UH_SQL_OWN_MAILBOXES("536870912", "it is the mailbox of eDiscovery searches"),
    .stray_sql = UH_SQL_STRAY_MAILBOX("536870912", "a discovery mailbox"),
    .effect = EFFECT,
    .undo = "Enable-Mailbox -Discovery on the account; what stood in it is not there.",
    .approval = UH_POINT_OF_NO_RETURN "Are the search results in this discovery mailbox exported, or not needed?",
    .put_back = "Enable-Mailbox -Identity %s -Discovery\n"};
UH_OWN_MAILBOX(mailbox)

UH_STEP(discovery_mailbox) = {
    .id = "discovery-mailbox",
    .title = "Disable the discovery mailbox",
    UH_OWN_MAILBOX_STEP,
    .effect = EFFECT,
    .undo_limits = UH_OWN_MAILBOX_EMPTY,
    .reference = UH_DECOMMISSION,
    .explain =
        "A mailbox of the type DiscoveryMailbox whose account Setup made (DiscoverySearchMailbox {..}): Disable-Mailbox, the "
        "account stays. Another one of that type somebody made: it blocks, and a person looks whose it is. The mailbox of the "
        "built-in administrator is a mailbox like any other, and blocks the whole cleanup (mailbox.on-premises).\n"
        "The uninstall begins with it, when every step of the cleanup is done: nothing of this phase is planned before."};
