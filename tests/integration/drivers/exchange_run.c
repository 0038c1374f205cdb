/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets a test run cmdlets on an Exchange Server.
 *   exchange_run [OPTION].. CONFIG [+] CMDLET [Name=value].. [+ CMDLET ..]        reads, with the account for reading
 *   exchange_run --write|--dry [OPTION].. CONFIG CMDLET GUID|- [Name=value]..     one change, with the operator's
 * Values: true, false, null, #5 a number, [a,b] a list, else text. Options: --limit-ms N, --open-ms N, --dc NAME,
 * --operation-ms N, --pause-ms N between cmdlets. SIGINT and SIGTERM cancel. Prints a JSON object a line.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case/config.h"
#include "changes.h"
#include "executors/executors.h"
#include "wire/psrp.h"
#include "wire/wsman.h"

static volatile sig_atomic_t stop;
static void on_signal(int sig) {
  (void)sig;
  stop = 1;
}
static bool cancelled(void *user) {
  (void)user;
  return stop;
}

struct options {
  int64_t limit_ms, open_ms, operation_ms, pause_ms;
  const char *dc;
  bool write, dry;
};

/* ---- reading ---- */

static int on_output(void *user, const struct uh_clixml_value *value, struct uh_err *err) {
  static const char *const names[] = {"Name", "Guid", "Identity", "DistinguishedName"};
  (void)user, (void)err;
  (void)printf("{\"object\":true");
  quoted("type", uh_clixml_type(value, 0));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *text;
    size_t n;
    if (uh_clixml_text(uh_clixml_property(value, names[i]), &text, &n) == UH_VALUE) quoted(names[i], text);
  }
  (void)printf("}\n");
  (void)fflush(stdout);
  return 0;
}

static int read_cmdlet(struct uh_psrp *pool, const struct options *o, char **words, int n) {
  struct uh_psrp_parameter parameters[WORDS + 1] = {{0}};
  struct value values[WORDS];
  struct uh_psrp_result result;
  struct uh_err err = UH_ERR_INIT;
  for (int i = 1; i < n; i++) {
    char *equals = strchr(words[i], '=');
    if (!equals) return 64;
    *equals = '\0';
    struct uh_psrp_parameter *p = &parameters[i - 1];
    struct value *v = &values[i - 1];
    parse_value(equals + 1, v);
    p->name = words[i];
    p->type = v->type == UH_VALUE_BOOL     ? UH_PSRP_SWITCH
              : v->type == UH_VALUE_NULL   ? UH_PSRP_NULL
              : v->type == UH_VALUE_NUMBER ? UH_PSRP_INT
              : v->type == UH_VALUE_TEXTS  ? UH_PSRP_TEXTS
                                           : UH_PSRP_TEXT;
    if (p->type == UH_PSRP_SWITCH) p->yes = v->yes;
    if (p->type == UH_PSRP_INT) p->number = v->number;
    if (p->type == UH_PSRP_TEXT) p->text = v->text;
    if (p->type == UH_PSRP_TEXTS) p->texts.v = v->list, p->texts.n = v->n;
  }
  struct uh_psrp_cmdlet cmdlet = {
      .name = words[0], .parameters = parameters, .limit_ms = o->limit_ms, .output = on_output};
  int r = uh_psrp_read(pool, &cmdlet, &result, &err);
  (void)printf("{\"outcome\":\"%s\",\"objects\":%" PRId64 ",\"errors\":%" PRId64 ",\"warnings\":%" PRId64,
               uh_psrp_outcome_name(result.outcome), result.objects, result.errors, result.warnings);
  quoted("identity", result.error.identity);
  (void)printf("}\n");
  return r == 0 ? 0 : give_error(&err);
}

static int reading(const struct uh_exchange_config *x, const struct options *o, char **words, int n) {
  struct uh_err err = UH_ERR_INIT;
  UH_CLEANUP(uh_secret_freep) char *password = NULL;
  UH_CLEANUP(uh_wsman_freep) struct uh_wsman *wsman = NULL;
  UH_CLEANUP(uh_psrp_closep) struct uh_psrp *pool = NULL;
  if (x->password_file && uh_secret_read(x->password_file, &password, &err) < 0) return give_error(&err);
  struct uh_wsman_options options = {
      .login = {.url = x->url,
                .ca_file = x->ca_file,
                .auth = x->auth == UH_EXCHANGE_BASIC ? UH_WSMAN_BASIC : UH_WSMAN_KERBEROS,
                .user = x->user,
                .password = password,
                .keytab = x->keytab,
                .redirect_hosts = x->redirect_hosts.v,
                .n_redirect_hosts = x->redirect_hosts.n},
      .operation_ms = o->operation_ms};
  if (uh_wsman_open(&options, &wsman, &err) < 0) return give_error(&err);
  struct uh_psrp_options psrp = {.transport = uh_wsman_transport(wsman), .cancelled = cancelled, .open_ms = o->open_ms};
  if (uh_psrp_open(&psrp, &pool, &err) < 0) return give_error(&err);
  (void)printf("{\"open\":true,\"protocol\":\"%s\",\"sign_ins\":%" PRId64, uh_psrp_protocol(pool),
               uh_wsman_sign_ins(wsman));
  quoted("server", uh_wsman_server(wsman));
  (void)printf("}\n");
  (void)fflush(stdout);
  int r = 0;
  for (int i = 0; i < n && r == 0;) {
    int end = i;
    while (end < n && strcmp(words[end], "+") != 0) end++;
    if (end > i) r = read_cmdlet(pool, o, words + i, end - i);
    i = end + 1;
    struct timespec pause = {o->pause_ms / 1000, o->pause_ms % 1000 * 1000000};
    if (i < n) (void)nanosleep(&pause, NULL);
  }
  (void)printf("{\"sign_ins\":%" PRId64 "}\n", uh_wsman_sign_ins(wsman));
  struct uh_err closing = UH_ERR_INIT;
  if (uh_psrp_close(UH_TAKE(pool), &closing) < 0) {
    (void)printf("{\"not_closed\":true");
    quoted("what", closing.what);
    (void)printf("}\n");
    if (r == 0) r = uh_err_exit_code(closing.cls);
  }
  return r;
}

/* ---- writing ---- */

static void on_object(void *user, const struct uh_clixml_value *object) {
  struct uh_err err = UH_ERR_INIT;
  (void)on_output(user, object, &err);
}
static void on_warning(void *user, const char *message) {
  (void)user;
  (void)printf("{\"warning\":true");
  quoted("message", message);
  (void)printf("}\n");
}

static int writing(const struct uh_exchange_config *x, const struct options *o, char **words, int n) {
  struct uh_argument arguments[WORDS + 1] = {{0}};
  struct value values[WORDS];
  uint8_t guid[UH_GUID_SIZE];
  struct uh_err err = UH_ERR_INIT;
  struct uh_change_result result;
  struct uh_recorder recorder = {.check = uh_exchange_server_check};
  if (n < 2) return 64;
  bool none = strcmp(words[1], "-") == 0, is_guid = !none && uh_guid_parse(words[1], guid);
  if (!parse_arguments(words + 2, n - 2, values, arguments)) return 64;
  struct uh_change change = {
      .cmdlet = words[0], .guid = is_guid ? guid : NULL, .name = words[1], .arguments = arguments};
  struct uh_exchange_server_options options = {.exchange = x,
                                               .domain_controller = o->dc,
                                               .cancelled = cancelled,
                                               .limit_ms = o->limit_ms,
                                               .operation_ms = o->operation_ms,
                                               .output = on_object,
                                               .warning = on_warning};
  UH_CLEANUP(uh_exchange_server_closep) struct uh_exchange_server *server = NULL;
  if (!o->dry && uh_exchange_server_open(&options, &server, &err) < 0) return give_error(&err);
  struct uh_writer writer = o->dry ? uh_recorder_writer(&recorder) : uh_exchange_server_writer(server);
  int r = uh_write(&writer, &change, &result, &err);
  give_result(&result);
  if (o->dry) (void)printf("%s", uh_str_text(&recorder.lines));
  uh_recorder_clear(&recorder);
  return r == 0 ? 0 : give_error(&err);
}

int main(int argc, char **argv) {
  struct options o = {0};
  struct uh_err err = UH_ERR_INIT;
  UH_CLEANUP(uh_config_freep) struct uh_config *config = NULL;
  struct sigaction action = {.sa_handler = on_signal};
  (void)sigaction(SIGINT, &action, NULL);
  (void)sigaction(SIGTERM, &action, NULL);
  int i = 1;
  for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
    if (strcmp(argv[i], "--write") == 0)
      o.write = true;
    else if (strcmp(argv[i], "--dry") == 0)
      o.write = o.dry = true;
    else if (strcmp(argv[i], "--dc") == 0 && i + 1 < argc)
      o.dc = argv[++i];
    else if (strcmp(argv[i], "--limit-ms") == 0 && i + 1 < argc)
      o.limit_ms = strtoll(argv[++i], NULL, 10);
    else if (strcmp(argv[i], "--open-ms") == 0 && i + 1 < argc)
      o.open_ms = strtoll(argv[++i], NULL, 10);
    else if (strcmp(argv[i], "--pause-ms") == 0 && i + 1 < argc)
      o.pause_ms = strtoll(argv[++i], NULL, 10);
    else if (strcmp(argv[i], "--operation-ms") == 0 && i + 1 < argc)
      o.operation_ms = strtoll(argv[++i], NULL, 10);
    else
      return 64;
  }
  if (argc - i < 1 || argc - i > WORDS) return 64;
  if (uh_config_load(argv[i], &config, &err) < 0) return give_error(&err);
  if (o.write) return writing(config->operator_ ? config->operator_->exchange : NULL, &o, argv + i + 1, argc - i - 1);
  return config->exchange ? reading(config->exchange, &o, argv + i + 1, argc - i - 1) : 78;
}
