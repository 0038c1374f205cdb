/* SPDX-License-Identifier: Apache-2.0 */
/* The mailboxes that Exchange itself works with. */
#include <unhybrid/step_own_mailbox.h>

#define EFFECT \
  "Admin center, offline address books, moderation, migration and the search of the audit log do not work any more."
static const struct uh_argument switches[] = {
    {.name = "Arbitration", .type = UH_VALUE_BOOL, .yes = true},
    {.name = "DisableArbitrationMailboxWithOABsAllowed", .type = UH_VALUE_BOOL, .yes = true},
    {.name = "DisableLastArbitrationMailboxAllowed", .type = UH_VALUE_BOOL, .yes = true},
    {0}};
static const struct uh_own_mailbox mailbox = {
    .sql = UH_SQL_OWN_MAILBOXES("8388608", "it is the arbitration mailbox"),
    .stray_sql = UH_SQL_STRAY_MAILBOX("8388608", "an arbitration mailbox"),
    .arguments = switches,
    .effect = EFFECT,
    .undo = "Setup /PrepareAD makes the account anew where it is gone, then Enable-Mailbox -Arbitration.",
    .approval = UH_POINT_OF_NO_RETURN "Is the uninstall to go on now, with Setup right after it?",
    .put_back = "Enable-Mailbox -Identity %s -Arbitration\n"};
UH_OWN_MAILBOX(mailbox)

UH_STEP(arbitration_mailbox) = {
    .id = "arbitration-mailbox",
    .title = "Disable the arbitration mailboxes",
    UH_OWN_MAILBOX_STEP,
    .follows = (const struct uh_follows[]){{"aux-audit-log-mailbox",
                                            "cmdlets rest on arbitration mailboxes: they go last", true},
                                           {0}},
    .effect = EFFECT,
    .undo_limits = UH_OWN_MAILBOX_EMPTY,
    .reference = "https://learn.microsoft.com/powershell/module/exchange/disable-mailbox",
    .explain =
        "Mailboxes of the type ArbitrationMailbox whose accounts Setup made: Disable-Mailbox with the switches for the last one "
        "and for those that make offline address books. Remove-Mailbox would delete the account with it, and is not used: the "
        "accounts stay, and the sweep looks at them. After this step cmdlets and the admin center that rest on these mailboxes "
        "fail, so Setup follows at once."};
