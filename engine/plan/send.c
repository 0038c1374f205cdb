/* SPDX-License-Identifier: Apache-2.0 */
/* Sending an action's changes: each once. */
#include "plan/run.h"

void uh_sent_clear(struct uh_sent *sent) {
  uh_str_clear(&sent->results);
  uh_str_clear(&sent->why);
}

static void why_not(struct uh_sent *sent, const char *what, const struct uh_change_result *result,
                    const struct uh_err *err) {
  char text[1200];
  uh_str_reset(&sent->why);
  uh_str_addf(&sent->why, "%s: ", what);
  if (*err->what)
    uh_str_add(&sent->why, uh_err_text(err, text, sizeof text));
  else
    uh_str_add(&sent->why, *result->message ? result->message : uh_change_outcome_name(result->outcome));
}

/* What one change came to, added to what those before it did. */
static int take(struct uh_run *run, const char *what, bool again, const struct uh_change_result *result,
                const struct uh_err *err, struct uh_sent *sent) {
  uh_result_json(&sent->results, what, result);
  sent->outcome = result->outcome;
  sent->refused = result->refused && result->objects == 0 && sent->applied == 0;
  switch (result->outcome) {
    case UH_CHANGE_APPLIED: sent->applied++; return 0;
    case UH_CHANGE_RECORDED:
      return uh_run_stop(run, 70, "%s was recorded, and not sent, in a run that is not dry", what);
    case UH_CHANGE_FAILED:
      sent->not_found = result->not_found;
      if (!again || !result->not_found) break;
      sent->outcome = UH_CHANGE_APPLIED; /* the earlier try got that far */
      return 0;
    case UH_CHANGE_NOT_SENT:
      sent->not_found = result->not_found;
      if (sent->applied) sent->outcome = UH_CHANGE_FAILED; /* a part is done */
      break;
    case UH_CHANGE_UNKNOWN: break;
  }
  why_not(sent, what, result, err);
  return 0;
}

int uh_send_change(struct uh_run *run, enum uh_executor executor, const struct uh_change *change, bool again,
                   struct uh_sent *sent) {
  struct uh_change_result result = {0};
  struct uh_err err = UH_ERR_INIT;
  uh_failpoint(run->w, "before-change");
  (void)run->w->change(run->w->user, executor, change, &result, &err);
  uh_failpoint(run->w, "after-change");
  return take(run, change->cmdlet, again, &result, &err, sent);
}

int uh_send_graph(struct uh_run *run, const struct uh_graph_change *change, struct uh_sent *sent) {
  struct uh_change_result result = {0};
  struct uh_err err = UH_ERR_INIT;
  uh_failpoint(run->w, "before-graph");
  (void)run->w->graph(run->w->user, change, &result, &err);
  uh_failpoint(run->w, "after-graph");
  return take(run, uh_graph_action_name(change->action), false, &result, &err, sent);
}

int uh_send_directory(struct uh_run *run, const struct uh_directory_change *change, struct uh_sent *sent) {
  struct uh_change_result result = {0};
  struct uh_err err = UH_ERR_INIT;
  if (!run->w->directory) return uh_run_stop(run, 70, "nothing here changes Active Directory");
  uh_failpoint(run->w, "before-directory");
  (void)run->w->directory(run->w->user, change, &result, &err);
  uh_failpoint(run->w, "after-directory");
  uint8_t guid[UH_GUID_SIZE];
  sent->made[0] = 0;
  if (change->action == UH_DIRECTORY_ADD && uh_guid_parse(result.identity, guid)) (void)uh_guid_text(guid, sent->made);
  return take(run, uh_directory_action_name(change->action), false, &result, &err, sent);
}

int uh_send_action(struct uh_run *run, const struct uh_planned *a, bool again, struct uh_sent *ret_sent) {
  if (a->action.graph) return uh_send_graph(run, a->action.graph, ret_sent);
  if (a->action.directory) return uh_send_directory(run, a->action.directory, ret_sent);
  ret_sent->outcome = UH_CHANGE_NOT_SENT;
  for (const struct uh_change *c = a->action.changes; c && c->cmdlet; c++) {
    if (uh_send_change(run, a->action.executor, c, again, ret_sent) < 0) return -1;
    if (ret_sent->outcome != UH_CHANGE_APPLIED) return 0;
  }
  if (!a->action.changes || !a->action.changes->cmdlet) return uh_run_stop(run, 70, "%s says no change", a->id);
  return 0;
}
