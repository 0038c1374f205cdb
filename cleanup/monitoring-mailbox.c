/* SPDX-License-Identifier: Apache-2.0 */
/* The mailboxes by which managed availability watches the server. */
#include <unhybrid/step_own_mailbox.h>

#define EFFECT "Managed availability does not test mail flow and sign-in any more, until it makes the mailboxes anew."
static const struct uh_own_mailbox mailbox = {
    .sql = UH_SQL_OWN_MAILBOXES("549755813888", "it is the mailbox of managed availability"),
    .stray_sql = UH_SQL_STRAY_MAILBOX("549755813888", "a monitoring mailbox"),
    .removed = true,
    .effect = EFFECT,
    .undo =
        "Nothing has to be done: managed availability makes monitoring mailboxes anew, within hours, for as long as the server runs.",
    .approval = UH_POINT_OF_NO_RETURN "Is the uninstall to begin now?",
    .put_back =
        "# Managed availability makes the mailbox anew by itself; Restart-Service MSExchangeHM makes it hurry. It was %s.\n"};
UH_OWN_MAILBOX(mailbox)

UH_STEP(monitoring_mailbox) = {
    .id = "monitoring-mailbox",
    .title = "Remove the monitoring mailboxes",
    UH_OWN_MAILBOX_STEP,
    .follows = (const struct uh_follows[]){{"discovery-mailbox", "what people may still want is looked at first", true},
                                           {0}},
    .effect = EFFECT,
    .undo_limits = "New mailboxes, with other names and accounts.",
    .reference =
        "https://learn.microsoft.com/troubleshoot/exchange/administration/remove-mailboxdatabase-cannot-remove-health-mailboxes",
    .explain =
        "Accounts HealthMailbox.. of the type MonitoringMailbox: Remove-Mailbox, which deletes the account, too. Managed "
        "availability makes anew, every hour, what is missing: so this is done right before the rest, and one that came again "
        "does not stand in the way (setup.mailbox leaves it out). An account that is protected from accidental deletion, or "
        "that Exchange Servers are denied to delete (setup.monitoring), stays; what is left of it the sweep finds."};
