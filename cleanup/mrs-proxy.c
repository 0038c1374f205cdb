/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy on the server by which Exchange Online moves mailboxes. */
#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */
static const char sql[] =
    "SELECT side, kind, guid, coalesce(nullif(identity, ''), name),"
    "  CASE " UH_SQL_TRUE("MRSProxyEnabled") " WHEN 1 THEN 'shared' WHEN 0 THEN 'server' END AS owner,"
    "  CASE " UH_SQL_TRUE("MRSProxyEnabled")
    "    WHEN 1 THEN 'it is the server''s own; the proxy for mailbox moves is switched on in it'"
    "    WHEN 0 THEN 'its proxy for mailbox moves is off, and it goes with the server'"
    "    ELSE 'MRSProxyEnabled was not obtained' END AS reason"
    " FROM configuration"
    " WHERE side = 'on-premises' AND kind = 'WebServicesVirtualDirectory'"
    " ORDER BY identity, name, guid";
/* clang-format on */

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  const struct uh_argument arguments[] = {{.name = "MRSProxyEnabled", .type = UH_VALUE_BOOL, .yes = false}, {0}};
  const struct uh_change changes[] = {{.cmdlet = "Set-WebServicesVirtualDirectory", .arguments = arguments}, {0}};
  const struct uh_expect expect[] = {{.what = UH_EXPECT_VALUE, .value = arguments[0]}, {0}};
  const struct uh_action action = {.subject = row->subject,
                                   .verb = UH_VERB_SET,
                                   .executor = UH_BY_EXCHANGE_SERVER,
                                   .reversible = UH_REVERSIBLE,
                                   .changes = changes,
                                   .expect = expect,
                                   .why = row->reason,
                                   .effect = "Nobody moves mailboxes through this server any more."};
  return uh_step_action(run, &action, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, sql, act, err);
}

UH_STEP(mrs_proxy) = {
    .id = "mrs-proxy",
    .title = "Switch the proxy for mailbox moves off",
    .requirement = "C-06",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"organization-relationship", "moves are arranged over it"}, {0}},
    .needs = "on-premises:WebServicesVirtualDirectory",
    .checks = "migration.batch,migration.move-request,mailbox.on-premises,archive.on-premises",
    .mends = "migration.mrs-proxy",
    .discover = discover,
    .effect = "Mailboxes cannot be moved through the server, in either direction.",
    .undo_limits = "Nothing: the switch is set again.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/set-webservicesvirtualdirectory",
    .explain =
        "MRSProxyEnabled of every web services virtual directory. The directories are the server's and stay until it "
        "goes; no other setting of them is changed. The migration endpoints in the cloud, which lead there, go after "
        "the uninstall."};
