/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes that hold the administrators' and mailboxes' audit logs. */
#include <unhybrid/step_own_mailbox.h>

#define EFFECT "The audit log of the server cannot be searched any more."
static const struct uh_own_mailbox mailbox = {
    .sql = UH_SQL_OWN_MAILBOXES("4398046511104", "it is the mailbox of the audit log"),
    .stray_sql = UH_SQL_STRAY_MAILBOX("4398046511104", "an audit log mailbox"),
    .effect = EFFECT,
    .undo = "Enable-Mailbox -AuditLog on the account; the log is not there.",
    .approval = UH_POINT_OF_NO_RETURN "Is the audit log of the server exported, or not needed?",
    .put_back = "Enable-Mailbox -Identity %s -AuditLog\n"};
UH_OWN_MAILBOX(mailbox)

UH_STEP(audit_log_mailbox) = {
    .id = "audit-log-mailbox",
    .title = "Disable the audit log mailbox",
    UH_OWN_MAILBOX_STEP,
    .follows = (const struct uh_follows[]){{"monitoring-mailbox", "the documented order", true}, {0}},
    .effect = EFFECT,
    .undo_limits = UH_OWN_MAILBOX_EMPTY,
    .reference = "https://learn.microsoft.com/troubleshoot/exchange/administration/error-remove-a-mailbox-database",
    .explain =
        "A mailbox of the type AuditLogMailbox whose account Setup made: Disable-Mailbox, the account stays. On the last server "
        "it can go nowhere else; the error of Remove-MailboxDatabase names the same command."};
