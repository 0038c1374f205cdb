/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one writing cmdlet at a time in Exchange Online, with the operator's account. */
#include "wire/exchange_online.h"

#include "executors/change_check.h"
#include "executors/cloud.h"
#include "executors/exchange_online_private.h"

struct uh_exchange_online {
  struct uh_exchange_online_options options;
  struct uh_exo *exo;
};

int uh_exchange_online_open(const struct uh_exchange_online_options *options, struct uh_exchange_online **ret_online,
                            struct uh_err *err) {
  struct uh_exchange_online *x = calloc(1, sizeof *x);
  if (!x) return uh_fail_nomem(err);
  x->options = *options;
  *ret_online = x;
  return 0;
}
struct uh_exchange_online *uh_exchange_online_free(struct uh_exchange_online *x) {
  if (x) uh_exo_free(x->exo);
  free(x);
  return NULL;
}
void uh_exchange_online_freep(struct uh_exchange_online **online) {
  *online = uh_exchange_online_free(*online);
}

static int connect_once(struct uh_exchange_online *x, struct uh_err *err) {
  const struct uh_operator_cloud *c = x->options.cloud;
  struct uh_exo_options o = {.base = c->hosts.exchange_online,
                             .resource = c->own.exchange_online,
                             .oauth = c->oauth,
                             .http = c->http,
                             .chains = 1};
  return x->exo ? 0 : uh_exo_open(&o, &x->exo, err);
}

/* ---- what is sent ---- */

static void add_parameters(const struct uh_change *change, struct uh_str *out) {
  char guid[UH_GUID_TEXT];
  if (change->guid) uh_str_addf(out, "\"Identity\":\"%s\",", uh_guid_text(change->guid, guid));
  for (const struct uh_argument *a = change->arguments; a && a->name; a++) {
    uh_str_addf(out, "\"%s\":", a->name);
    uh_argument_json(out, a);
    uh_str_addc(out, ',');
  }
  uh_str_add(out, "\"Confirm\":false"); /* else the service asks, and does nothing */
}

/* ---- what came of it ---- */

static enum uh_change_outcome outcome_of(enum uh_exo_write_outcome outcome) {
  switch (outcome) {
    case UH_EXO_WRITE_NOT_SENT: return UH_CHANGE_NOT_SENT;
    case UH_EXO_WRITE_DONE: return UH_CHANGE_APPLIED;
    case UH_EXO_WRITE_FAILED: return UH_CHANGE_FAILED;
    case UH_EXO_WRITE_UNKNOWN: break;
  }
  return UH_CHANGE_UNKNOWN;
}

static void tell(const struct uh_exo_written *w, const struct uh_err *why, struct uh_change_result *ret) {
  const struct uh_exo_problem *p = &w->problem;
  bool failed = w->outcome == UH_EXO_WRITE_FAILED;
  ret->outcome = outcome_of(w->outcome);
  ret->objects = w->objects;
  ret->errors = w->errors;
  ret->warnings = w->warnings;
  uh_print(ret->reason, sizeof ret->reason, "%s", p->type);
  uh_print(ret->message, sizeof ret->message, "%s", p->message);
  uh_print(ret->server, sizeof ret->server, "%s", w->server);
  uh_print(ret->request_id, sizeof ret->request_id, "%s", p->request_id[0] ? p->request_id : why->request_id);
  ret->refused = failed && (p->cls == UH_EXO_REFUSED || p->cls == UH_EXO_TOKEN);
  ret->not_found = failed && p->cls == UH_EXO_NOT_FOUND;
  ret->dehydrated = failed && p->cls == UH_EXO_DEHYDRATED;
}

static void refused(const struct uh_exchange_online *x, const struct uh_writing_cmdlet *c, struct uh_err *why) {
  int may = uh_exo_may_run(x->exo, c->name);
  if (may == 1)
    uh_err_remedy(why, "the account's roles hold %.*s: a new assignment can take hours to arrive everywhere",
                  UH_HEAD(c->name, 80));
  else
    uh_err_remedy(why,
                  "give the operator's account the Exchange role \"%s\" (Exchange Administrator holds it) and the "
                  "permission Exchange.ManageAsApp",
                  c->role);
}

/* What to do, which only this room knows. The first cause stays: remedies fill what is empty. */
static void advise(const struct uh_exchange_online *x, const struct uh_change *change, const struct uh_exo_written *w,
                   const struct uh_change_result *result, struct uh_err *why) {
  if (result->outcome == UH_CHANGE_UNKNOWN) {
    (void)snprintf(why->remedy, sizeof why->remedy,
                   "look at the object before anything else: the change may have been made");
  } else if (result->dehydrated) {
    (void)snprintf(why->what, sizeof why->what,
                   "%.*s: the organisation has never been customised, and Exchange Online refuses such changes in it",
                   UH_HEAD(change->cmdlet, 80));
    uh_err_remedy(
        why,
        "run Enable-OrganizationCustomization in Exchange Online PowerShell, wait until Get-OrganizationConfig "
        "says IsDehydrated false (up to hours), then resume");
  } else if (result->refused) {
    refused(x, uh_online_cmdlet(change->cmdlet), why);
  } else if (w->problem.cls == UH_EXO_THROTTLED) {
    uh_err_remedy(why, "Exchange Online takes no more for now: wait some minutes, then resume");
  }
}

static int change_once(void *user, const struct uh_change *change, struct uh_change_result *ret_result,
                       struct uh_err *err) {
  struct uh_exchange_online *x = user;
  struct uh_str parameters UH_CLEANUP(uh_str_clear) = {0};
  struct uh_err why = UH_ERR_INIT;
  struct uh_exo_written written;
  *ret_result = (struct uh_change_result){0};
  if (uh_exchange_online_check(change, err) < 0 || connect_once(x, err) < 0) return -1;
  add_parameters(change, &parameters);
  if (!uh_str_text(&parameters)) return uh_fail_nomem(err);
  struct uh_exo_change wanted = {.cmdlet = change->cmdlet,
                                 .parameters = parameters.s,
                                 .user = x->options.user,
                                 .output = x->options.output,
                                 .warning = x->options.warning};
  int r = uh_exo_write(x->exo, &wanted, &written, &why);
  tell(&written, &why, ret_result);
  if (r == 0) return 0;
  advise(x, change, &written, ret_result, &why);
  uh_err_where(&why, "%s", change->name ? change->name : "");
  if (err && err->cls == UH_ERR_NONE) *err = why;
  return -1;
}

struct uh_writer uh_exchange_online_writer(struct uh_exchange_online *online) {
  return (struct uh_writer){change_once, online};
}
