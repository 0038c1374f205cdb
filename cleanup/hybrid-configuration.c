/* SPDX-License-Identifier: Apache-2.0 */
/* The HybridConfiguration object, from which the wizard makes the rest again. */
#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* By class, not by path: the container of the same name stands in every organisation. */
static const char sql[] =
    "SELECT side, kind, guid, name,"
    "  CASE (SELECT count(*) FROM configuration AS other"
    "    WHERE other.side = 'on-premises' AND other.kind = 'HybridConfiguration') WHEN 1 THEN 'hybrid' END AS owner,"
    "  CASE (SELECT count(*) FROM configuration AS other"
    "    WHERE other.side = 'on-premises' AND other.kind = 'HybridConfiguration')"
    "    WHEN 1 THEN 'it is the hybrid configuration that the wizard goes by'"
    "    ELSE 'there are several, and the cmdlet that removes takes no name' END AS reason,"
    "  prop_list(json, 'EdgeTransportServers')"
    " FROM configuration"
    " WHERE side = 'on-premises' AND kind = 'HybridConfiguration'"
    " ORDER BY guid";
static const char connectors_sql[] =
    "SELECT group_concat(name, ', ') FROM (SELECT name FROM configuration"
    " WHERE side = 'on-premises' AND kind = 'SendConnector' ORDER BY name)";
/* clang-format on */

static int tell_connectors(struct uh_step_run *run, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  if (uh_step_query(run, connectors_sql, &query, err) < 0) return -1;
  int r = uh_query_next(query, err);
  const char *names = r > 0 ? uh_query_text(query, 0) : NULL;
  if (r < 0 || !names) return r < 0 ? -1 : 0;
  return uh_step_note(run, err,
                      "These send connectors are there, and are still there afterwards by Microsoft's word; the step "
                      "send-connector looks at each again: %s.",
                      names);
}

static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) {
  enum { EDGE = UH_ROW_OWN };
  struct uh_step_list edge UH_CLEANUP(uh_step_list_clear) = {0};
  const struct uh_action words = {
      .why = "While it is there a run of the Hybrid Configuration Wizard makes again what is removed after it",
      .effect =
          "The wizard knows nothing of this deployment any more; nothing else changes, mail and free/busy go on."};
  if (uh_step_remove(run, row, "Remove-HybridConfiguration", &words, err) < 0) return -1;
  if (uh_query_text(row->query, EDGE) && uh_step_list_read(row->query, EDGE, &edge, err) < 0) return -1;
  for (size_t i = 0; i < edge.n; i++)
    if (uh_step_note(run, err,
                     "The Edge server %s has the wizard's settings (TlsDomainCapabilities, TlsCertificateName) on its "
                     "own receive connector, which nobody can change from here: take them back there.",
                     edge.v[i]) < 0)
      return -1;
  return tell_connectors(run, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  return uh_step_each(run, sql, act, err);
}

static int undo(struct uh_undo *undo, struct uh_err *err) {
  static const struct uh_undo_parameter parameters[] = {{"Domains", NULL, UH_VALUE_TEXTS, false},
                                                        {"EdgeTransportServers", NULL, UH_VALUE_TEXTS, false},
                                                        {"ExternalIPAddresses", NULL, UH_VALUE_TEXTS, false},
                                                        {"Features", NULL, UH_VALUE_TEXTS, false},
                                                        {"OnPremisesSmartHost", NULL, UH_VALUE_TEXT, false},
                                                        {"ReceivingTransportServers", NULL, UH_VALUE_TEXTS, false},
                                                        {"SendingTransportServers", NULL, UH_VALUE_TEXTS, false},
                                                        {"ServiceInstance", NULL, UH_VALUE_NUMBER, false},
                                                        {"TlsCertificateName", NULL, UH_VALUE_TEXT, false},
                                                        {"ClientAccessServers", NULL, UH_VALUE_TEXTS, true},
                                                        {0}};
  if (uh_undo_verb(undo) != UH_VERB_REMOVE) return 1;
  return uh_undo_create(undo, "New-HybridConfiguration", "Set-HybridConfiguration", parameters, NULL, err);
}

UH_STEP(hybrid_configuration) = {
    .id = "hybrid-configuration",
    .title = "Remove the hybrid configuration",
    .requirement = "C-01",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"soft-disable",
                                            "what is only switched off can still be switched on with "
                                            "the wizard's configuration as the reference"},
                                           {0}},
    .needs = "on-premises:HybridConfiguration,on-premises:SendConnector",
    .checks = "mailbox.on-premises,migration.batch,migration.move-request,forest.organization",
    .mends = "routing.centralized",
    .discover = discover,
    .undo = undo,
    .effect = "The Hybrid Configuration Wizard has no reference any more. Other settings stay as they are.",
    .undo_limits =
        "The object is a new one, with a new GUID and new times. The next run of the wizard writes it anew "
        "anyhow.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-hybridconfiguration",
    .explain =
        "The object of class msExchCoexistenceRelationship, which Remove-HybridConfiguration removes without a name. "
        "Its container stands in every organisation and is never touched: without it the wizard fails until Setup "
        "/PrepareAD has made it again. No object is a normal state.\n"
        "It goes before what the wizard would make again: that is Microsoft's reason for the order. One guide removes "
        "it last, because other tools look at it; what they read from it, the anchors, stands in the journal. "
        "Microsoft calls the cmdlet one for Support, and prescribes it itself for errors of the wizard. One guide saw "
        "a send connector go with it, against Microsoft's reference: so the send connectors are named in the plan, and "
        "each is looked at again before the next step. The cmdlet is run on premises alone."};
