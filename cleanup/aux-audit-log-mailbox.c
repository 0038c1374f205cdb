/* SPDX-License-Identifier: Apache-2.0 */
/* The second mailbox of audit logs, which articles forget. */
#include <unhybrid/step_own_mailbox.h>

#define EFFECT "The audit log of the server cannot be searched any more."
static const struct uh_own_mailbox mailbox = {
    .sql = UH_SQL_OWN_MAILBOXES("70368744177664", "it is the second mailbox of the audit log"),
    .stray_sql = UH_SQL_STRAY_MAILBOX("70368744177664", "an aux audit log mailbox"),
    .effect = EFFECT,
    .undo = "No cmdlet is documented that makes this mailbox again; its account stays.",
    .approval = UH_POINT_OF_NO_RETURN "Is the audit log of the server exported, or not needed?",
    .put_back = "# No cmdlet is documented that makes an aux audit log mailbox again. Its account stays: %s\n"};
UH_OWN_MAILBOX(mailbox)

UH_STEP(aux_audit_log_mailbox) = {
    .id = "aux-audit-log-mailbox",
    .title = "Disable the aux audit log mailbox",
    UH_OWN_MAILBOX_STEP,
    .follows = (const struct uh_follows[]){{"audit-log-mailbox", "the documented order", true}, {0}},
    .effect = EFFECT,
    .undo_limits = UH_OWN_MAILBOX_EMPTY,
    .reference = "https://learn.microsoft.com/troubleshoot/exchange/administration/error-remove-a-mailbox-database",
    .explain =
        "A mailbox of the type AuxAuditLogMailbox whose account Setup made: Disable-Mailbox, the account stays. Only Get-Mailbox "
        "-AuxAuditLog lists it; with it in a database the database cannot be removed."};
