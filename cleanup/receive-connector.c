/* SPDX-License-Identifier: Apache-2.0 */
/* The server's receive connector, on which the wizard let Exchange Online's mail be trusted, as Setup made it. */
#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* "mail.protection.outlook.com:AcceptCloudServicesMail", in the sovereign clouds with another end. */
#define CLOUD "value LIKE 'mail.protection.%'"
static const char sql[] =
    "WITH connector AS ("
    "  SELECT *, prop_list(json, 'TlsDomainCapabilities') AS capabilities,"
    "    EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'tls-certificate' AND anchor.value <> ''"
    "      AND lower(anchor.value) = lower(prop(configuration.json, 'TlsCertificateName'))) AS certificate"
    "   FROM configuration"
    "   WHERE side = 'on-premises' AND kind = 'ReceiveConnector'),"
    " sorted AS ("
    "  SELECT *,"
    "    (SELECT json_group_array(value) FROM json_each(capabilities) WHERE " CLOUD ") AS gone,"
    "    (SELECT json_group_array(value) FROM json_each(capabilities) WHERE NOT " CLOUD ") AS rest"
    "   FROM connector)"
    " SELECT side, kind, guid, coalesce(nullif(identity, ''), name),"
    "  CASE WHEN capabilities IS NULL THEN NULL WHEN gone = '[]' THEN 'server' ELSE 'shared' END AS owner,"
    "  CASE WHEN capabilities IS NULL THEN 'TlsDomainCapabilities was not obtained'"
    "    WHEN gone = '[]' THEN 'it trusts no mail of Exchange Online in particular, and goes with the server'"
    "    ELSE 'it is the server''s own; the wizard let it trust mail of Exchange Online: '"
    "      || " UH_SQL_STEP_WORDS("gone") " END AS reason,"
    "  gone, rest, certificate"
    " FROM sorted"
    " ORDER BY identity, name, guid";
/* clang-format on */

static int revert(struct uh_step_run *run, const struct uh_step_row *row, const struct uh_step_list *gone,
                  const struct uh_step_list *rest, bool certificate, struct uh_err *err) {
  struct uh_argument arguments[] = {{.name = "TlsDomainCapabilities", .type = UH_VALUE_NULL},
                                    {.name = certificate ? "TlsCertificateName" : NULL, .type = UH_VALUE_NULL},
                                    {0}};
  if (rest->n)
    arguments[0] =
        (struct uh_argument){.name = "TlsDomainCapabilities", .type = UH_VALUE_TEXTS, .texts = {rest->v, rest->n}};
  const struct uh_change changes[] = {{.cmdlet = "Set-ReceiveConnector", .arguments = arguments}, {0}};
  struct uh_expect expect[UH_STEP_LIST_MAX + 2];
  uh_step_expect_lacks("TlsDomainCapabilities", gone, expect);
  if (certificate) {
    expect[gone->n] =
        (struct uh_expect){.what = UH_EXPECT_VALUE, .value = {.name = "TlsCertificateName", .type = UH_VALUE_NULL}};
    expect[gone->n + 1] = (struct uh_expect){.what = UH_EXPECT_END};
  }
  const struct uh_action action = {
      .subject = row->subject,
      .verb = UH_VERB_REDUCE,
      .executor = UH_BY_EXCHANGE_SERVER,
      .reversible = UH_REVERSIBLE,
      .changes = changes,
      .expect = expect,
      .why = row->reason,
      .effect = "Mail that still comes from Exchange Online to the server is treated as from the internet."};
  return uh_step_action(run, &action, err);
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { GONE = UH_ROW_OWN, REST, CERTIFICATE };
  struct uh_step_list gone UH_CLEANUP(uh_step_list_clear) = {0}, rest UH_CLEANUP(uh_step_list_clear) = {0};
  int64_t certificate = 0;
  if (uh_step_list_read(row->query, GONE, &gone, err) < 0 || uh_step_list_read(row->query, REST, &rest, err) < 0)
    return -1;
  return revert(run, row, &gone, &rest, uh_query_int(row->query, CERTIFICATE, &certificate) && certificate, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, sql, act, err);
}

UH_STEP(receive_connector) = {
    .id = "receive-connector",
    .title = "Put the server's receive connector back to what Setup made it",
    .requirement = "C-03",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"send-connector", "one way of the mail after the other"}, {0}},
    .needs = "on-premises:ReceiveConnector",
    .checks = "dns.mx,routing.outbound-connector,routing.recipient-domain",
    .discover = discover,
    .effect = "The server does not trust mail from Exchange Online any more than any other.",
    .undo_limits = "Nothing: the old values are set again.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/set-receiveconnector",
    .explain =
        "The wizard makes no receive connector: it lets one of the server's own, as a rule Default Frontend, take "
        "AcceptCloudServicesMail from mail.protection.outlook.com, and names a certificate. Found by that entry in "
        "TlsDomainCapabilities, on whatever connector it stands. The entry is taken out, others stay; "
        "TlsCertificateName is cleared where it is the hybrid deployment's certificate. That both can be cleared so is "
        "an inference from what Microsoft does with send connectors; the values are read again afterwards.\n"
        "Never removed: the uninstall takes the server's connectors with it. Fqdn, AuthMechanism and PermissionGroups, "
        "which the wizard sets to what Setup gives them, stay. An Edge server's connectors cannot be seen from here."};
