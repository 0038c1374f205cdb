/* SPDX-License-Identifier: Apache-2.0 */
/* The wizard's remote domains, by which each side treats the other's mail as internal. */
#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>
#include <string.h>

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  const struct uh_action words = {
      .effect = strcmp(row->subject.side, "cloud") == 0
                    ? "Mail from that domain through the server is not treated as internal any more."
                    : "Enable-RemoteMailbox finds no routing address by itself any more, and mail from the tenant is "
                      "not treated as internal."};
  return uh_step_remove(run, row, "Remove-RemoteDomain", &words, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, UH_SQL_STEP_REMOTE_DOMAIN, act, err);
}

#define BOTH                                                                                                          \
  {"Name", NULL, UH_VALUE_TEXT, false}, {"DomainName", NULL, UH_VALUE_TEXT, false},                                   \
      {"AllowedOOFType", NULL, UH_VALUE_TEXT, true}, {"AutoForwardEnabled", NULL, UH_VALUE_BOOL, true},               \
      {"AutoReplyEnabled", NULL, UH_VALUE_BOOL, true}, {"ByteEncoderTypeFor7BitCharsets", NULL, UH_VALUE_TEXT, true}, \
      {"CharacterSet", NULL, UH_VALUE_TEXT, true}, {"ContentType", NULL, UH_VALUE_TEXT, true},                        \
      {"DeliveryReportEnabled", NULL, UH_VALUE_BOOL, true}, {"DisplaySenderName", NULL, UH_VALUE_BOOL, true},         \
      {"IsInternal", NULL, UH_VALUE_BOOL, true}, {"LineWrapSize", NULL, UH_VALUE_TEXT, true},                         \
      {"MeetingForwardNotificationEnabled", NULL, UH_VALUE_BOOL, true},                                               \
      {"NDRDiagnosticInfoEnabled", NULL, UH_VALUE_BOOL, true}, {"NDREnabled", NULL, UH_VALUE_BOOL, true},             \
      {"NonMimeCharacterSet", NULL, UH_VALUE_TEXT, true},                                                             \
      {"PreferredInternetCodePageForShiftJis", NULL, UH_VALUE_TEXT, true},                                            \
      {"RequiredCharsetCoverage", NULL, UH_VALUE_NUMBER, true}, {"TNEFEnabled", NULL, UH_VALUE_BOOL, true},           \
      {"TargetDeliveryDomain", NULL, UH_VALUE_BOOL, true}, {"TrustedMailInboundEnabled", NULL, UH_VALUE_BOOL, true},  \
      {"TrustedMailOutboundEnabled", NULL, UH_VALUE_BOOL, true}, {                                                    \
    "UseSimpleDisplayName", NULL, UH_VALUE_BOOL, true                                                                 \
  }

static int undo(struct uh_undo *undo, struct uh_err *err) {
  static const struct uh_undo_parameter local[] = {BOTH, {"MessageCountThreshold", NULL, UH_VALUE_NUMBER, true}, {0}};
  static const struct uh_undo_parameter cloud[] = {BOTH, {0}};
  if (uh_undo_verb(undo) != UH_VERB_REMOVE) return 1;
  bool in_cloud = strcmp(uh_undo_subject(undo)->side, "cloud") == 0;
  return uh_undo_create(undo, "New-RemoteDomain", "Set-RemoteDomain", in_cloud ? cloud : local, NULL, err);
}

UH_STEP(remote_domain) = {
    .id = "remote-domain",
    .title = "Remove the remote domains of the hybrid deployment",
    .requirement = "C-06",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows =
        (const struct uh_follows[]){
            {"send-connector", "while mail still flows between the sides, it is to be treated as internal"},
            {"cloud-connector", "while mail still flows between the sides, it is to be treated as internal"},
            {0}},
    .needs = UH_SQL_STEP_REMOTE_DOMAIN_NEEDS,
    .checks = "tools.in-use,mailbox.on-premises,migration.batch,migration.move-request",
    .discover = discover,
    .undo = undo,
    .effect =
        "Mail between the sides is not treated as internal any more, and new remote mailboxes get no routing "
        "address by themselves.",
    .undo_limits = "The remote domain is a new object, with a new GUID and new times.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-remotedomain",
    .explain =
        "On premises the remote domains for the tenant's own names at Microsoft that mail is delivered to "
        "(TargetDeliveryDomain) or trusted from (TrustedMailInboundEnabled); where Active Directory alone was read, "
        "which does not show these, their domain decides. In Exchange Online those for this organisation's domains "
        "that do one of the two. A remote domain that does neither is a person's settings for a domain, and stays; so "
        "do * and those for others. \"Hybrid Domain - \" in the name counts for nothing.\n"
        "They stay while the management tools stamp routing addresses (the check tools.in-use). That the wizard makes "
        "some in Exchange Online, too, and in which container they stand in Active Directory, is not documented. The "
        "accepted domain <tenant>.mail.onmicrosoft.com and the e-mail address policies are left alone on purpose: "
        "target addresses depend on the one, and applying the others anew can rewrite addresses."};
