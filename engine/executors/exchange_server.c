/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one writing cmdlet at a time on Exchange Server, with the operator's account. */
#include "case/config.h"
#include "executors/exchange_server_private.h"
#include "wire/psrp.h"
#include "wire/wsman.h"

#define OURS 3            /* Identity, Confirm, DomainController */
#define OPERATION_MS 4000 /* a write is stopped between two Receives only: no longer than this after a Ctrl-C */

struct uh_exchange_server {
  struct uh_exchange_server_options options;
  struct uh_wsman *wsman;
  struct uh_psrp *pool;
};

int uh_exchange_server_open(const struct uh_exchange_server_options *options, struct uh_exchange_server **ret_server,
                            struct uh_err *err) {
  if (!options->exchange || !options->exchange->url) {
    uh_fail(err, UH_ERR_CONFIG, "no account is configured that may change Exchange Server");
    uh_err_remedy(err, "add operator.exchange to the configuration");
    return -1;
  }
  struct uh_exchange_server *s = calloc(1, sizeof *s);
  if (!s) return uh_fail_nomem(err);
  s->options = *options;
  *ret_server = s;
  return 0;
}

static int hang_up(struct uh_exchange_server *s, struct uh_err *err) {
  int r = uh_psrp_close(UH_TAKE(s->pool), err);
  s->wsman = uh_wsman_free(s->wsman);
  return r;
}

int uh_exchange_server_close(struct uh_exchange_server *s, struct uh_err *err) {
  if (!s) return 0;
  int r = hang_up(s, err);
  free(s);
  return r;
}
void uh_exchange_server_closep(struct uh_exchange_server **server) {
  (void)uh_exchange_server_close(*server, NULL);
  *server = NULL;
}

static int sign_in(struct uh_exchange_server *s, struct uh_err *err) {
  const struct uh_exchange_config *x = s->options.exchange;
  UH_CLEANUP(uh_secret_freep) char *password = NULL;
  if (x->password_file && uh_secret_read(x->password_file, &password, err) < 0) return -1;
  struct uh_wsman_options wsman = {.login = {.url = x->url,
                                             .ca_file = x->ca_file,
                                             .auth = x->auth == UH_EXCHANGE_BASIC ? UH_WSMAN_BASIC : UH_WSMAN_KERBEROS,
                                             .user = x->user,
                                             .password = password,
                                             .keytab = x->keytab,
                                             .redirect_hosts = x->redirect_hosts.v,
                                             .n_redirect_hosts = x->redirect_hosts.n},
                                   .operation_ms = s->options.operation_ms ? s->options.operation_ms : OPERATION_MS};
  return uh_wsman_open(&wsman, &s->wsman, err);
}

/* Objects of every domain of the forest are meant, not those of the server's alone. */
static int see_the_forest(struct uh_exchange_server *s, struct uh_err *err) {
  const struct uh_psrp_parameter parameters[] = {UH_PSRP_P_SWITCH("ViewEntireForest", true), {.name = NULL}};
  struct uh_psrp_cmdlet cmdlet = {
      .name = "Set-ADServerSettings", .parameters = parameters, .limit_ms = s->options.limit_ms};
  struct uh_psrp_result result;
  return uh_psrp_read(s->pool, &cmdlet, &result, err);
}

static int connect_once(struct uh_exchange_server *s, struct uh_err *err) {
  if (s->pool && !uh_psrp_is_broken(s->pool)) return 0;
  (void)hang_up(s, NULL);
  if (sign_in(s, err) < 0) return -1;
  struct uh_psrp_options options = {.transport = uh_wsman_transport(s->wsman),
                                    .cancelled = s->options.cancelled,
                                    .cancel_user = s->options.cancel_user};
  if (uh_psrp_open(&options, &s->pool, err) == 0 && see_the_forest(s, err) == 0) return 0;
  (void)hang_up(s, NULL);
  return -1;
}

static struct uh_psrp_parameter converted(const struct uh_argument *a) {
  struct uh_psrp_parameter p = {.name = a->name};
  switch (a->type) {
    case UH_VALUE_NULL: p.type = UH_PSRP_NULL; break;
    case UH_VALUE_TEXT: p.type = UH_PSRP_TEXT, p.text = a->text; break;
    case UH_VALUE_BOOL: p.type = UH_PSRP_SWITCH, p.yes = a->yes; break;
    case UH_VALUE_NUMBER: p.type = UH_PSRP_INT, p.number = a->number; break;
    case UH_VALUE_GUID: p.type = UH_PSRP_GUID, p.guid = a->guid; break;
    case UH_VALUE_TEXTS: p.type = UH_PSRP_TEXTS, p.texts.v = a->texts.v, p.texts.n = a->texts.n; break;
  }
  return p;
}

/* The caller's parameters and ours. */
static void parameters_of(const struct uh_exchange_server *s, const struct uh_change *change,
                          struct uh_psrp_parameter ret[UH_CHANGE_ARGUMENTS_MAX + OURS + 1]) {
  const struct uh_writing_cmdlet *c = uh_writing_cmdlet(change->cmdlet);
  size_t n = 0;
  if (change->guid) ret[n++] = UH_PSRP_P_GUID("Identity", change->guid);
  for (const struct uh_argument *a = change->arguments; a && a->name && n <= UH_CHANGE_ARGUMENTS_MAX; a++)
    ret[n++] = converted(a);
  ret[n++] = UH_PSRP_P_SWITCH("Confirm", false);
  if (s->options.domain_controller && c->domain_controller)
    ret[n++] = UH_PSRP_P_TEXT("DomainController", s->options.domain_controller);
  ret[n] = (struct uh_psrp_parameter){.name = NULL};
}

static int on_output(void *user, const struct uh_clixml_value *value, struct uh_err *err) {
  const struct uh_exchange_server *s = user;
  (void)err;
  if (s->options.output) s->options.output(s->options.user, value);
  return 0;
}

static void on_record(void *user, const struct uh_psrp_record *record) {
  const struct uh_exchange_server *s = user;
  if (record->kind == UH_PSRP_WARNING && s->options.warning) s->options.warning(s->options.user, record->message);
}

static enum uh_change_outcome outcome_of(enum uh_psrp_outcome outcome) {
  switch (outcome) {
    case UH_PSRP_NOT_SENT: return UH_CHANGE_NOT_SENT;
    case UH_PSRP_DONE: return UH_CHANGE_APPLIED;
    case UH_PSRP_FAILED:
    case UH_PSRP_PROMPTED: return UH_CHANGE_FAILED;
    case UH_PSRP_STOPPED: /* in the middle, wherever that was */
    case UH_PSRP_UNKNOWN: break;
  }
  return UH_CHANGE_UNKNOWN;
}

static void copy(char *to, size_t room, const char *from) {
  uh_print(to, room, "%s", from);
}

static void tell(const struct uh_exchange_server *s, const struct uh_psrp_result *r, const struct uh_err *err,
                 struct uh_change_result *ret) {
  ret->outcome = outcome_of(r->outcome);
  ret->objects = r->objects;
  ret->errors = r->errors;
  ret->warnings = r->warnings;
  copy(ret->identity, sizeof ret->identity, r->error.identity);
  copy(ret->category, sizeof ret->category, r->error.identity[0] ? uh_psrp_category_name(r->error.category) : "");
  copy(ret->reason, sizeof ret->reason, r->error.reason);
  copy(ret->message, sizeof ret->message, r->error.message[0] ? r->error.message : r->prompt);
  copy(ret->server, sizeof ret->server, r->error.server[0] ? r->error.server : uh_wsman_server(s->wsman));
  copy(ret->request_id, sizeof ret->request_id, r->error.request_id[0] ? r->error.request_id : err->request_id);
  ret->refused = r->outcome == UH_PSRP_FAILED && uh_psrp_error_is_refused(&r->error);
  ret->not_found = r->outcome == UH_PSRP_FAILED && uh_psrp_error_is_not_found(&r->error);
}

static int change_once(void *user, const struct uh_change *change, struct uh_change_result *ret_result,
                       struct uh_err *err) {
  struct uh_exchange_server *s = user;
  struct uh_psrp_parameter parameters[UH_CHANGE_ARGUMENTS_MAX + OURS + 1];
  struct uh_psrp_result result;
  struct uh_err why = UH_ERR_INIT;
  *ret_result = (struct uh_change_result){0};
  if (uh_exchange_server_check(change, err) < 0 || connect_once(s, err) < 0) return -1;
  parameters_of(s, change, parameters);
  struct uh_psrp_cmdlet cmdlet = {.name = change->cmdlet,
                                  .parameters = parameters,
                                  .limit_ms = s->options.limit_ms,
                                  .user = s,
                                  .output = on_output,
                                  .record = on_record};
  int r = uh_psrp_write(s->pool, &cmdlet, &result, &why);
  tell(s, &result, &why, ret_result);
  const struct uh_writing_cmdlet *c = uh_writing_cmdlet(change->cmdlet);
  if (s->options.domain_controller && c->domain_controller)
    copy(ret_result->domain_controller, sizeof ret_result->domain_controller, s->options.domain_controller);
  if (r < 0 && ret_result->outcome == UH_CHANGE_UNKNOWN)
    copy(why.remedy, sizeof why.remedy, "look at the object before anything else: the change may have been made");
  if (r < 0 && err && err->cls == UH_ERR_NONE) *err = why;
  return r;
}

struct uh_writer uh_exchange_server_writer(struct uh_exchange_server *server) {
  return (struct uh_writer){change_once, server};
}
