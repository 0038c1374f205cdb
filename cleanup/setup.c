/* SPDX-License-Identifier: Apache-2.0 */
/* Setup's uninstall of the last server, which a person runs there. */
#include <stdio.h>
#include <string.h>

#include <unhybrid/build.h>
#include <unhybrid/sql.h>
#include <unhybrid/step.h>
#include <unhybrid/step_sql_uninstall.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* Own column: version. A server without a computer account is a ghost, on which nobody can run anything. */
static const char sql[] =
    "SELECT side, kind, guid, name,"
    "  CASE WHEN found IS NULL OR fqdn IS NULL THEN NULL WHEN found THEN 'server' ELSE 'tenant' END AS owner,"
    "  CASE WHEN fqdn IS NULL THEN 'its name in DNS was not obtained'"
    "    WHEN found IS NULL THEN 'the name of a computer account was not obtained'"
    "    WHEN found THEN 'it is the server that is left'"
    "    ELSE 'no computer account has its name: nobody can run Setup on it' END AS reason,"
    "  version"
    " FROM ("
    "  SELECT *, " UH_SQL_HAS_ACCOUNT("name", "fqdn") " AS found"
    "   FROM ("
    "    SELECT *, rtrim(lower(prop(json, 'Fqdn')), '.') AS fqdn,"
    "      coalesce(prop(json, 'AdminDisplayVersion'), '') AS version"
    "     FROM configuration WHERE side = 'on-premises' AND kind = 'ExchangeServer'))"
    " ORDER BY name, guid";
/* clang-format on */

/* Cumulative updates from September 2021 on want to be told about diagnostic data; older ones do not know that switch.
 * Exchange 2016 CU22 is build 2375, Exchange 2019 CU11 build 986. */
static bool takes_diagnostic_data(const struct uh_build *b) {
  enum { CU22 = 2375, CU11 = 986 };
  return b->minor > 2 || (b->minor == 2 && b->build >= CU11) || (b->minor == 1 && b->build >= CU22);
}

static int commands_of(const char *version, char *out, size_t size) {
  struct uh_build b = {0};
  bool known = uh_build_read(version, &b);
  const char *terms = !known || takes_diagnostic_data(&b) ? "_DiagnosticDataOFF" : "";
  return snprintf(out, size,
                  "# Elevated, from the medium of the installed build (%s), after a reboot:\n"
                  "Setup.exe /mode:Uninstall /IAcceptExchangeServerLicenseTerms%s\n"
                  "# Only where it says that this parameter is not valid: Setup.exe /mode:Uninstall\n"
                  "# Where it fails: unhybrid setup-log C:\\ExchangeSetupLogs\\ExchangeSetup.log",
                  known ? version : "its version was not obtained", terms);
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { VERSION = UH_ROW_OWN };
  static const struct uh_expect expect[] = {{.what = UH_EXPECT_ABSENT}, {0}};
  const char *version = uh_query_text(row->query, VERSION);
  char commands[1000], where[300];
  if (commands_of(version ? version : "", commands, sizeof commands) >= (int)sizeof commands)
    return uh_fail(err, UH_ERR_DATA, "the server's version is no version");
  uh_print(where, sizeof where, "in a command prompt, elevated, on %.*s", UH_HEAD(row->subject.name, 200));
  const struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_REMOVE,
      .executor = UH_BY_OPERATOR,
      .reversible = UH_IRREVERSIBLE,
      .commands = commands,
      .where = where,
      .expect = expect,
      .why = row->reason,
      .effect =
          "No Exchange server is left. Recipients are managed in Exchange Online, or with Active Directory's tools.",
      .undo = "A server that was uninstalled is installed anew, as another one, and the hybrid deployment made anew",
      .approval = UH_POINT_OF_NO_RETURN "Is Setup to uninstall this server?"};
  return uh_step_action(run, &action, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, sql, act, err);
}

UH_STEP(setup) = {
    .id = "setup",
    .title = "Uninstall Exchange from the last server",
    .requirement = "U-05",
    .phase = UH_PHASE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"mailbox-database", "Setup refuses while a database has mailboxes in it",
                                            true},
                                           {0}},
    .needs = "on-premises:ExchangeServer,on-premises:ExchangeComputer",
    .checks = UH_UNINSTALL_CHECKS ",setup.mailbox",
    .discover = discover,
    .effect = "No Exchange server is left.",
    .undo_by = "nobody",
    .undo_limits = "Nothing brings the server back but a new installation, or a restore.",
    .reference = "https://learn.microsoft.com/exchange/plan-and-deploy/deploy-new-installations/unattended-installs",
    .explain =
        "A person runs Setup on the server, from the medium of the build that is installed, with no /Roles: Exchange goes "
        "as a whole. What is said of the switch for the licence terms differs: the reference of 2021 wants "
        "/IAcceptExchangeServerLicenseTerms with every unattended command, cumulative updates from September 2021 on have "
        "it with _DiagnosticDataON or _DiagnosticDataOFF, and Microsoft's post of 2024 uninstalls with no switch at all. "
        "The command that is shown is that of the server's version; the other form is for one error alone, that the "
        "parameter is not valid.\n"
        "Right before it is shown everything is observed with a snapshot of the directory, which stays in the case: "
        "`unhybrid diff` with a later `unhybrid audit --snapshot` says what Setup took and what it left. The step is done "
        "when Active Directory holds the server's object no more, whatever Setup printed. When Setup fails: `unhybrid "
        "setup-log` names the rule and the remedy. What it leaves of the organisation is not documented, and is the "
        "sweep's business."};
