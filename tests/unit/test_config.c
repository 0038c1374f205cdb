/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: every refusal has file, line, reason and remedy; what is right loads as written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "case/config_internal.h"

static char dir[] = "/tmp/unhybrid-config-XXXXXX";
static char path[128];

static void put(const char *name, const char *data, size_t n, mode_t mode) {
  char file[256];
  (void)snprintf(file, sizeof file, "%s/%s", dir, name);
  FILE *f = fopen(file, "w");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, n, f), n);
  assert_int_equal(fclose(f), 0);
  assert_int_equal(chmod(file, mode), 0);
}

static int setup(void **state) {
  (void)state;
  static const char *const files[] = {"app.pem", "app.secret", "token.jwt", "op.pem",    "op.pass",
                                      "ad.pass", "ex.pass",    "ad-ca.pem", "ex-ca.pem", "lab-ca.pem"};
  if (!mkdtemp(dir)) return -1;
  (void)snprintf(path, sizeof path, "%s/unhybrid.yaml", dir);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) put(files[i], "hunter2\n", 8, 0600);
  put("open.pass", "hunter2\n", 8, 0640);
  put("empty.pass", "", 0, 0600);
  put("zero.pass", "a\0b", 3, 0600);
  put("crlf.pass", "pass word \r\n", 12, 0400);
  put("newline.pass", "\n", 1, 0600);
  char *big = calloc(1, 70000);
  if (!big) return -1;
  put("big.pass", big, 70000, 0600);
  free(big);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  char command_free_name[256];
  static const char *const files[] = {"app.pem",      "app.secret",   "token.jwt", "op.pem",    "op.pass",
                                      "ad.pass",      "ex.pass",      "ad-ca.pem", "ex-ca.pem", "lab-ca.pem",
                                      "open.pass",    "empty.pass",   "zero.pass", "crlf.pass", "big.pass",
                                      "newline.pass", "unhybrid.yaml"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    (void)snprintf(command_free_name, sizeof command_free_name, "%s/%s", dir, files[i]);
    (void)unlink(command_free_name);
  }
  return rmdir(dir);
}

/* One refusal: the text, the line that must be named (0: the file alone), and parts of the message. */
struct refusal {
  const char *yaml;
  unsigned line;
  const char *what;
  const char *remedy; /* part of it; NULL: any */
};
#define ORG "organization: contoso\n"
#define TENANT ORG "tenant: contoso.onmicrosoft.com\n"
#define CLIENT TENANT "credentials:\n  client_id: 66666666-7777-8888-9999-000000000000\n"

static const struct refusal refusals[] = {
    /* keys and shapes */
    {"", 1, "the file is empty", "organization"},
    {"# nothing\n", 1, "the file is empty", NULL},
    {"- a\n", 1, "the configuration must be a section of keys, not a list", NULL},
    {"contoso\n", 1, "the configuration must be a section of keys, not a single value", NULL},
    {"tenant: contoso.com\n", 0, "organization is missing", "organization: NAME"},
    {ORG "colour: red\n", 2, "unknown key \"colour\" in the configuration", "did you mean \"cloud\"?"},
    {ORG "zzzzzzzzzzzz: red\n", 2, "unknown key", "known here: organization"},
    {ORG "directory:\n  ulr: ldaps://dc\n", 3, "unknown key \"ulr\" in section directory", "did you mean \"url\"?"},
    {ORG "operator:\n  exchange:\n    export: x\n", 4, "unknown key \"export\" in section operator.exchange", NULL},
    {ORG "Organization: x\n", 2, "unknown key", "\"organization\""},
    {ORG "\"organization\\0\": x\n", 2, "unknown key", NULL},
    {ORG "<<: x\n", 2, "unknown key", NULL},
    {ORG "? [a, b]\n: x\n", 2, "a key must be a plain word", NULL},
    {ORG "dns:\n  public: []\n  public: []\n", 4, "dns.public stands twice, first on line 3", "keep one"},
    {ORG "organization: b\n", 2, "organization stands twice, first on line 1", NULL},
    {ORG "tenant: [a]\n", 2, "tenant must be a single value, not a list", NULL},
    {ORG "tenant: {a: b}\n", 2, "tenant must be a single value, not a section", NULL},
    {ORG "dns: 9.9.9.9\n", 2, "dns must be a section of keys, not a single value", "public or internal"},
    {ORG "dns:\n  public: 9.9.9.9\n", 3, "dns.public must be a list, not a single value", "brackets"},
    {ORG "dns:\n  public: [[a]]\n", 3, "dns.public[0] must be a single value, not a list", NULL},
    {ORG "rules: {a: b}\n", 2, "rules must be a list, not a section", NULL},
    {ORG "tenant:\n", 2, "tenant has no value", "take the line out"},
    {ORG "tenant: ~\n", 2, "tenant has no value", NULL},
    {ORG "tenant: null\n", 2, "tenant has no value", NULL},
    {ORG "tenant: \"\"\n", 2, "tenant has no value", NULL},
    {ORG "directory:\n", 2, "directory has no value", NULL},
    {ORG "rules: [a, ]\nwaivers: ''\n", 3, "waivers has no value", NULL},
    {ORG "rules:\n  - a\n  -\n", 4, "rules[1] has no value", NULL},
    {ORG "credentials:\n  managed_identity: yes\n", 3, "credentials.managed_identity is true or false, not \"yes\"",
     NULL},
    {ORG "relays:\n  window_days: soon\n", 3, "relays.window_days is a whole number, not \"soon\"", NULL},
    {ORG "relays:\n  window_days: -1\n", 3, "relays.window_days is a whole number", NULL},
    {ORG "relays:\n  window_days: 99999999999999999999\n", 3, "relays.window_days is a whole number", NULL},
    {ORG "relays:\n  window_days: 0x10\n", 3, "relays.window_days is a whole number", NULL},
    {ORG "relays:\n  window_days: 010\n", 3, "relays.window_days is a whole number", NULL},
    {ORG "relays:\n  window_days: 0\n", 3, "relays.window_days is from 1 to 3650", NULL},
    {ORG "relays:\n  window_days: 4000\n", 3, "relays.window_days is from 1 to 3650", NULL},
    {ORG "cloud: gcchigh\n", 2, "cloud cannot be \"gcchigh\": it is worldwide, gcc-high, dod or china",
     "did you mean \"gcc-high\"?"},
    {ORG "cloud: 1\n", 2, "cloud cannot be \"1\"", NULL},
    {ORG "directory:\n  url: ldap://dc\n  bind: sasl\n", 4, "directory.bind cannot be \"sasl\": it is gssapi or simple",
     NULL},
    {ORG "directory:\n  url: ldap://dc\n  security: none\n", 4, "it is tls, sealed or plain", NULL},
    {ORG "exchange:\n  url: http://ex\n  auth: ntlm\n", 4, "it is kerberos or basic", NULL},
    /* YAML's dark corners */
    {ORG "rules: &a [x]\n", 2, "anchors and aliases (& and *) are not allowed", "quotes"},
    {ORG "rules: [*a]\n", 2, "anchors and aliases", NULL},
    {ORG "mail_flow:\n  gateways: [*.pphosted.com]\n", 3, "anchors and aliases", "quotes"},
    {"a: &a [x,x]\nb: &b [*a,*a]\n", 1, "unknown key \"a\"", NULL},
    {ORG "tenant: !!str x\n", 2, "tags (!) are not allowed", NULL},
    {ORG "dns:\n\tpublic: []\n", 3, "a tab stands where YAML wants spaces", "indent with spaces"},
    {ORG "rules: [a\n", 3, "not valid YAML", NULL},
    {ORG "tenant: \"a\n", 3, "not valid YAML", NULL},
    {ORG "rules: [a]]\n", 2, "not valid YAML", NULL},
    {ORG "---\norganization: b\n", 2, "more than one YAML document", "---"},
    {ORG "tenant: a\xff\n", 2, "not UTF-8", "save it as UTF-8"},
    {ORG "tenant: \"a\\0b\"\n", 2, "tenant holds a control character", "single quotes"},
    {ORG "directory:\n  url: ldaps://dc\n  user: \"CONTOSO\\audit\"\n", 4, "directory.user holds a control character",
     "single quotes"},
    /* values */
    {"organization: a/b\n", 1, "organization names a directory", NULL},
    {"organization: ..\n", 1, "organization names a directory", NULL},
    {ORG "tenant: contoso\n", 2, "tenant is neither an id nor a domain", NULL},
    {ORG "tenant: 11111111-2222-3333-4444-55555555555\n", 2, "tenant is neither", NULL},
    /* credentials */
    {TENANT "credentials: {}\n", 3, "credentials holds no way to sign in", "certificate, secret_file"},
    {CLIENT, 3, "credentials holds no way to sign in", NULL},
    {CLIENT "  device_code: false\n", 3, "credentials holds no way to sign in", NULL},
    {CLIENT "  certificate: app.pem\n  secret_file: app.secret\n", 6,
     "two ways to sign in, certificate and secret_file", "keep one"},
    {CLIENT "  secret_file: app.secret\n  federated_token_file: token.jwt\n", 6, "two ways", NULL},
    {CLIENT "  certificate: app.pem\n  managed_identity: true\n", 6, "certificate and managed_identity", NULL},
    {CLIENT "  managed_identity: true\n  device_code: true\n", 6, "managed_identity and device_code", NULL},
    {TENANT "credentials:\n  certificate: app.pem\n", 3, "credentials.certificate needs credentials.client_id", NULL},
    {TENANT "credentials:\n  device_code: true\n", 3, "needs credentials.client_id", NULL},
    {TENANT "credentials:\n  client_id: app\n  device_code: true\n", 4, "credentials.client_id is not an id", NULL},
    {ORG "credentials:\n  managed_identity: true\n", 2, "credentials needs tenant", "tenant: ID"},
    {CLIENT "  certificate: missing.pem\n", 5, "cannot read the secret file", NULL},
    {CLIENT "  certificate: open.pass\n", 5, "group or others", "chmod 600 "},
    {CLIENT "  certificate: env:X\n", 5, "credentials.certificate cannot come from the environment", NULL},
    {CLIENT "  secret_file: open.pass\n", 5, "(mode 0640)", "chmod 600 "},
    {CLIENT "  secret_file: env:UNHYBRID_TEST_UNSET\n", 5, "the environment variable UNHYBRID_TEST_UNSET is not set",
     NULL},
    {CLIENT "  secret_file: env:UNHYBRID_TEST_EMPTY\n", 5, "is empty", NULL},
    {CLIENT "  federated_token_file: .\n", 5, "is not a regular file", NULL},
    {TENANT "operator:\n  credentials:\n    device_code: true\n", 4, "needs operator.credentials.client_id", NULL},
    /* directory */
    {ORG "directory: {}\n", 2, "directory.url is missing", "ldaps://HOST"},
    {ORG "directory:\n  bind: gssapi\n", 2, "directory.url is missing", NULL},
    {ORG "directory:\n  url: dc01.contoso.com\n", 3, "directory.url is not an LDAP address", NULL},
    {ORG "directory:\n  url: https://dc01\n", 3, "is not an LDAP address", NULL},
    {ORG "directory:\n  url: ldapi:///\n", 3, "is not an LDAP address", NULL},
    {ORG "directory:\n  url: ldap://\n", 3, "is not an LDAP address", NULL},
    {ORG "directory:\n  url: ldap://dc:0\n", 3, "is not an LDAP address", NULL},
    {ORG "directory:\n  url: ldap://dc:70000\n", 3, "is not an LDAP address", NULL},
    {ORG "directory:\n  url: ldap://u:p@dc\n", 3, "is not an LDAP address", NULL},
    {ORG "directory:\n  url: ldap://[::1\n", 3, "is not an LDAP address", NULL},
    {ORG "directory:\n  url: ldap://dc/DC=contoso,DC=com\n", 3, "more than a host and a port", NULL},
    {ORG "directory:\n  url: ldap://dc?x\n", 3, "more than a host and a port", NULL},
    {ORG "directory:\n  url: ldaps://dc\n  bind: simple\n", 4, "directory.bind: simple needs directory.user", NULL},
    {ORG "directory:\n  url: ldaps://dc\n  bind: simple\n  user: a\n", 4, "needs directory.password_file", NULL},
    {ORG "directory:\n  url: ldaps://dc\n  password_file: ad.pass\n", 4, "directory.password_file needs directory.user",
     NULL},
    {ORG "directory:\n  url: ldap://dc\n  bind: simple\n  user: a\n  password_file: ad.pass\n  security: plain\n", 4,
     "send the password in the clear", "StartTLS"},
    {ORG "directory:\n  url: ldap://dc\n  bind: simple\n  user: a\n  password_file: ad.pass\n  security: sealed\n", 4,
     "send the password in the clear", NULL},
    {ORG
     "directory:\n  url: ldap://127.0.0.1\n  bind: simple\n  user: a\n  password_file: ad.pass\n  security: sealed\n",
     7, "directory.security: sealed needs directory.bind: gssapi", NULL},
    {ORG "directory:\n  url: ldap://dc\n  security: plain\n", 4, "plain is allowed on loopback only", NULL},
    {ORG "directory:\n  url: ldap://127.0.0.1.evil.example\n  security: plain\n", 4, "loopback only", NULL},
    {ORG "directory:\n  url: ldaps://dc\n  security: sealed\n", 4, "ldaps:// is TLS from the first byte", NULL},
    {ORG "directory:\n  url: ldaps://dc\n  ca_file: missing.pem\n", 4, "directory.ca_file: cannot read", NULL},
    {ORG "directory:\n  url: ldaps://dc\n  ca_file: .\n", 4, "is not a regular file", NULL},
    {ORG "directory:\n  url: ldaps://dc\n  bind: simple\n  user: a\n  password_file: open.pass\n", 6, "group or others",
     "chmod 600 "},
    /* exchange */
    {ORG "exchange: {}\n", 2, "exchange has neither url nor export", NULL},
    {ORG "exchange:\n  export: x\n  user: a\n", 4, "exchange.user needs exchange.url", NULL},
    {ORG "exchange:\n  url: ftp://ex/\n", 3, "is not an address of Exchange's PowerShell", NULL},
    {ORG "exchange:\n  url: https://a:b@ex/\n", 3, "is not an address", "without user or password"},
    {ORG "exchange:\n  url: http://ex/PowerShell/\n  auth: basic\n  user: a\n  password_file: ex.pass\n", 4,
     "basic over http would send the password in the clear", "https"},
    {ORG "exchange:\n  url: https://ex/PowerShell/\n  auth: basic\n", 4, "exchange.auth: basic needs exchange.user",
     NULL},
    {ORG "exchange:\n  url: https://ex/PowerShell/\n  auth: basic\n  user: a\n", 4, "needs exchange.password_file",
     NULL},
    {ORG "exchange:\n  url: http://ex/\n  redirect_hosts: [ok, 'https://ex02/']\n", 4,
     "\"https://ex02/\" in exchange.redirect_hosts", "without scheme"},
    {ORG "exchange:\n  url: http://ex/\n  keytab: ex.pass\n", 4, "exchange.keytab needs exchange.user", NULL},
    {ORG "exchange:\n  url: http://ex/\n  user: a\n  password_file: ex.pass\n  keytab: ex.pass\n", 6,
     "and no password_file", NULL},
    {ORG "exchange:\n  url: https://ex/\n  auth: basic\n  user: a\n  keytab: ex.pass\n", 4,
     "needs exchange.password_file", NULL},
    {ORG "exchange:\n  url: http://ex/\n  user: a\n  keytab: env:X\n", 5, "cannot come from the environment", NULL},
    {ORG "exchange:\n  url: http://ex/\n  user: a\n  keytab: absent\n", 5, "exchange.keytab: cannot read", NULL},
    {ORG "exchange:\n  url: https://ex/\n  password_file: ex.pass\n", 4, "exchange.password_file needs exchange.user",
     NULL},
    {ORG "exchange_online: {}\n", 2, "exchange_online.export is missing", NULL},
    {ORG "operator:\n  directory: {bind: gssapi}\n", 3, "operator.directory.url is missing", NULL},
    {ORG "directory:\n  url: ldaps://dc\n  bind: simple\n  user: a\n  password_file: ad.pass\noperator:\n  directory: "
         "{user: b}\n",
     8, "operator.directory.bind: simple needs operator.directory.password_file", NULL},
    /* addresses */
    {ORG "dns:\n  public: [dns.example]\n", 3, "\"dns.example\" in dns.public is not the address of a DNS server",
     NULL},
    {ORG "dns:\n  internal:\n    - 10.0.0.1\n    - 10.0.0.256\n", 5, "in dns.internal is not", NULL},
    {ORG "dns:\n  public: [\"9.9.9.9:0\"]\n", 3, "is not the address", NULL},
    {ORG "dns:\n  public: [\"9.9.9.9:\"]\n", 3, "is not the address", NULL},
    {ORG "dns:\n  public: [\"[9.9.9.9]:53\"]\n", 3, "is not the address", NULL},
    {ORG "dns:\n  public: [\"[::1]x\"]\n", 3, "is not the address", NULL},
    {ORG "mail_flow:\n  gateways: [\"mx one\"]\n", 3, "is not a host name", NULL},
    {ORG "mail_flow:\n  gateways: [\"mx.*.example\"]\n", 3, "is not a host name", NULL},
    {ORG "mail_flow:\n  onprem_networks: [mail.contoso.com]\n", 3, "is not an IP network", NULL},
    {ORG "mail_flow:\n  onprem_networks: [203.0.113.0/33]\n", 3, "is not an IP network", NULL},
    {ORG "mail_flow:\n  onprem_networks: [203.0.113.0/]\n", 3, "is not an IP network", NULL},
    {ORG "mail_flow:\n  onprem_networks: [203.0.113.0/+8]\n", 3, "is not an IP network", NULL},
    {ORG "mail_flow:\n  onprem_networks: [203.0.113.5/24]\n", 3, "has bits set behind its prefix", NULL},
    {ORG "mail_flow:\n  onprem_networks: [\"2001:db8::1/64\"]\n", 3, "has bits set", NULL},
    /* writeback */
    {ORG "writeback:\n  templates: [\"x y\"]\n", 3, "\"x y\" in writeback.templates is not the id of a template",
     "templateId"},
    {ORG "writeback:\n  templates: [a, \"\"]\n", 3, "writeback.templates[1] has no value", NULL},
    {ORG "writeback:\n  application_templates: [1a4721b3]\n", 3, "in writeback.application_templates is not a GUID",
     NULL},
    {ORG "writeback:\n  limit: 0\n", 3, "writeback.limit is 1 or more", NULL},
    {ORG "writeback:\n  limit: many\n", 3, "writeback.limit is a whole number", NULL},
    /* durations */
    {ORG "pauses:\n  observe: seven days\n", 3, "\"seven days\" in pauses.observe is no duration", "7d"},
    {ORG "pauses:\n  observe: 7\n", 3, "in pauses.observe is no duration", NULL},
    {ORG "pauses:\n  observe: -1d\n", 3, "in pauses.observe is no duration", NULL},
    {ORG "pauses:\n  observe: 367d\n", 3, "pauses.observe is at most 366d", NULL},
    {ORG "replication:\n  directory: 0\n", 3, "replication.directory is from 1s to 7d", NULL},
    {ORG "replication:\n  cloud: 1w\n", 3, "in replication.cloud is no duration", NULL},
    {ORG "fresh_for: 30s\n", 2, "fresh_for is from 1m to 1d", NULL},
    {ORG "fresh_for: 2d\n", 2, "fresh_for is from 1m to 1d", NULL},
    /* endpoints */
    {ORG "endpoints:\n  login: http://127.0.0.1:8443\n", 3, "endpoints.login must be an https:// address", NULL},
    {ORG "endpoints:\n  graph: 127.0.0.1\n", 3, "endpoints.graph must be", NULL},
    {ORG "endpoints:\n  exchange_online: https://u:p@h\n", 3, "without user or password", NULL},
    {ORG "endpoints:\n  graph: https://h/?a=b\n", 3, "query", NULL},
    {ORG "endpoints:\n  ca_file: missing.pem\n", 3, "endpoints.ca_file: cannot read", NULL},
};

static void refuses(const struct refusal *r) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_config *config = NULL;
  char text[1200], where[160];
  put("unhybrid.yaml", r->yaml, strlen(r->yaml), 0644);
  int result = uh_config_load(path, &config, &err);
  (void)uh_err_text(&err, text, sizeof text);
  if (r->line)
    (void)snprintf(where, sizeof where, "%s:%u", path, r->line);
  else
    (void)snprintf(where, sizeof where, "%s", path);
  bool ok = result == -1 && !config && err.cls == UH_ERR_CONFIG && strcmp(err.where, where) == 0 &&
            strstr(err.what, r->what) && (!r->remedy || strstr(err.remedy, r->remedy)) && !strstr(text, "hunter2");
  if (!ok) {
    print_error("for:\n%s\nexpected line %u, \"%s\", remedy \"%s\"\ngot %d: %s\n", r->yaml, r->line, r->what,
                r->remedy ? r->remedy : "", result, text);
    (void)uh_config_free(config);
  }
  assert_true(ok);
}

static void test_refusals(void **state) {
  (void)state;
  assert_int_equal(setenv("UNHYBRID_TEST_EMPTY", "", 1), 0);
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) refuses(&refusals[i]);
}

static void test_refuses_files(void **state) {
  (void)state;
  struct uh_config *config = NULL;
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_config_load("/nonexistent/unhybrid.yaml", &config, &err), -1);
  assert_int_equal(err.cls, UH_ERR_CONFIG);
  assert_string_equal(err.where, "/nonexistent/unhybrid.yaml");
  assert_non_null(strstr(err.remedy, "-c FILE"));

  err = UH_ERR_INIT;
  assert_int_equal(uh_config_load(dir, &config, &err), -1);
  assert_non_null(strstr(err.what, "not a regular file"));

  /* A FIFO must be refused, not waited for. */
  (void)unlink(path);
  assert_int_equal(mkfifo(path, 0600), 0);
  err = UH_ERR_INIT;
  assert_int_equal(uh_config_load(path, &config, &err), -1);
  assert_non_null(strstr(err.what, "not a regular file"));
  (void)unlink(path);

  char *big = malloc(UH_CONFIG_MAX_BYTES + 1);
  assert_non_null(big);
  memset(big, '#', UH_CONFIG_MAX_BYTES + 1);
  put("unhybrid.yaml", big, UH_CONFIG_MAX_BYTES + 1, 0644);
  free(big);
  err = UH_ERR_INIT;
  assert_int_equal(uh_config_load(path, &config, &err), -1);
  assert_non_null(strstr(err.what, "larger than 1 MiB"));
  assert_null(config);
}

static void test_refuses_bounds(void **state) {
  (void)state;
  size_t n = 600000;
  char *text = malloc(n);
  assert_non_null(text);
  struct uh_config *config = NULL;
  struct uh_err err = UH_ERR_INIT;
  /* Deep nesting stops at the first level that the schema does not know. */
  size_t len = (size_t)snprintf(text, n, ORG "rules: ");
  memset(text + len, '[', n - len);
  put("unhybrid.yaml", text, n, 0644);
  assert_int_equal(uh_config_load(path, &config, &err), -1);
  assert_non_null(strstr(err.what, "rules[0] must be a single value"));
  /* Too many entries, too long a text. */
  err = UH_ERR_INIT;
  for (size_t i = len; i < n; i += 2) memcpy(text + i, i == len ? "[a" : ",a", i + 2 <= n ? 2 : n - i);
  put("unhybrid.yaml", text, n, 0644);
  assert_int_equal(uh_config_load(path, &config, &err), -1);
  assert_non_null(strstr(err.what, "rules has more than 4096 entries"));
  err = UH_ERR_INIT;
  len = (size_t)snprintf(text, n, ORG "waivers: ");
  memset(text + len, 'a', n - len);
  put("unhybrid.yaml", text, n, 0644);
  assert_int_equal(uh_config_load(path, &config, &err), -1);
  assert_non_null(strstr(err.what, "waivers is longer than 4096 bytes"));
  free(text);
}

static struct uh_config *load(const char *yaml) {
  struct uh_config *config = NULL;
  struct uh_err err = UH_ERR_INIT;
  char text[1200];
  put("unhybrid.yaml", yaml, strlen(yaml), 0644);
  if (uh_config_load(path, &config, &err) < 0) print_error("%s\n%s\n", yaml, uh_err_text(&err, text, sizeof text));
  assert_non_null(config);
  return config;
}

static void assert_in_dir(const char *got, const char *name) {
  assert_non_null(got);
  assert_int_equal(strncmp(got, dir, strlen(dir)), 0);
  assert_string_equal(got + strlen(dir) + 1, name);
}

static void test_smallest(void **state) {
  (void)state;
  struct uh_config *c = load(ORG);
  assert_string_equal(c->organization, "contoso");
  assert_string_equal(c->path, path);
  assert_string_equal(c->dir, dir);
  assert_null(c->tenant);
  assert_int_equal(c->cloud, UH_CLOUD_WORLDWIDE);
  assert_true(!c->credentials && !c->operator_ && !c->directory && !c->exchange && !c->exchange_online);
  assert_true(!c->dns && !c->mail_flow && !c->relays && !c->endpoints && !c->waivers && !c->attestations);
  assert_int_equal(c->rules.n, 0);
  assert_null(uh_config_free(c));
  c = load(
      "\xef\xbb\xbf"
      "organization: \xc3\xa9"
      "cole\r\n"); /* a BOM and Windows line ends are fine */
  assert_string_equal(c->organization,
                      "\xc3\xa9"
                      "cole");
  assert_null(uh_config_free(c));
}

static void test_relative_path(void **state) {
  (void)state;
  char before[512];
  assert_non_null(getcwd(before, sizeof before));
  struct uh_config *c = load(ORG "waivers: w.yaml\n");
  assert_null(uh_config_free(c));
  assert_int_equal(chdir(dir), 0);
  struct uh_err err = UH_ERR_INIT;
  c = NULL;
  int r = uh_config_load("unhybrid.yaml", &c, &err);
  assert_int_equal(chdir(before), 0);
  assert_int_equal(r, 0);
  assert_int_equal(c->path[0], '/');
  assert_non_null(strstr(c->waivers, "/w.yaml"));
  assert_int_equal(c->waivers[0], '/');
  assert_null(uh_config_free(c));
}

static void test_shapes_that_are_right(void **state) {
  (void)state;
  static const char *const right[] = {
      ORG "directory: {url: 'ldap://[::1]:3268', bind: simple, user: a, password_file: ad.pass, security: plain}\n",
      ORG "directory: {url: 'LDAPS://dc01.contoso.com:636/'}\n",
      ORG "directory: {url: 'ldap://localhost', security: plain}\n",
      ORG "directory: {url: 'ldap://127.9.9.9', security: plain}\n",
      ORG "directory: {url: 'ldap://dc', security: sealed, user: a@b, password_file: ad.pass}\n",
      ORG "exchange: {url: 'https://ex/PowerShell/?x=y', auth: basic, user: a, password_file: ex.pass}\n",
      ORG "exchange: {export: x}\n",
      ORG
      "dns: {public: ['9.9.9.9', '9.9.9.9:5353', '2620:fe::fe', '[2620:fe::fe]', '[2620:fe::fe]:53'], internal: []}\n",
      ORG
      "mail_flow: {gateways: [mx.example, '*.pphosted.com'], onprem_networks: [0.0.0.0/0, 10.1.2.3, '2001:db8::/32', "
      "'::1', 203.0.113.128/25]}\n",
      TENANT "credentials: {managed_identity: true}\n",
      CLIENT "  device_code: true\n",
      CLIENT "  federated_token_file: token.jwt\n  device_code: false\n",
      ORG "relays: {}\n",
      ORG "mail_flow: {}\n",
      "%YAML 1.1\n---\n" ORG "...\n",
  };
  for (size_t i = 0; i < sizeof right / sizeof *right; i++) assert_null(uh_config_free(load(right[i])));
  struct uh_config *c = load(ORG "relays: {}\nendpoints: {graph: 'https://h:1//'}\n");
  assert_int_equal(c->relays->window_days, 30);
  assert_string_equal(c->endpoints->graph, "https://h:1");
  assert_null(uh_config_free(c));
}

static char *read_example(void) {
  char file[512];
  (void)snprintf(file, sizeof file, "%s/docs/example.yaml", getenv("SOURCE_ROOT"));
  FILE *f = fopen(file, "r");
  assert_non_null(f);
  char *text = calloc(1, 65536);
  assert_non_null(text);
  assert_true(fread(text, 1, 65535, f) > 0);
  (void)fclose(f);
  return text;
}

/* Takes the sign away before `#key`: of the endpoints, or of one way to sign in (certificate then gets one). */
static char *use_alternative(const char *example, const char *UH_NULLABLE way) {
  char *out = calloc(1, 70000), *to = out;
  assert_non_null(out);
  bool endpoints = false, credentials = false;
  for (const char *p = example; *p;) {
    size_t n = strcspn(p, "\n"), indent = strspn(p, " ");
    if (strncmp(p, "#endpoints:", 11) == 0) endpoints = true;
    if (indent == 0 && *p != '#' && n) credentials = strncmp(p, "credentials:", 12) == 0;
    const char *word = p + indent + 1;
    bool sign = p[indent] == '#' && word[0] >= 'a' && word[0] <= 'z';
    bool take = sign && (endpoints || (way && credentials && strncmp(word, way, strlen(way)) == 0));
    if (way && credentials && strncmp(p, "  certificate:", 14) == 0) *to++ = '#';
    for (size_t i = 0; i < n; i++)
      if (!(take && i == indent)) *to++ = p[i];
    if (p[n]) *to++ = '\n';
    p += n + (p[n] ? 1 : 0);
  }
  return out;
}

static void test_example(void **state) {
  (void)state;
  char *example = read_example();
  struct uh_config *c = load(example);
  assert_string_equal(c->tenant, "11111111-2222-3333-4444-555555555555");
  assert_in_dir(c->credentials->certificate, "app.pem");
  assert_int_equal(c->directory->bind, UH_BIND_SIMPLE);
  assert_int_equal(c->directory->security, UH_LDAP_TLS);
  assert_string_equal(c->directory->user, "CONTOSO\\audit");
  assert_in_dir(c->directory->password_file, "ad.pass");
  assert_in_dir(c->directory->ca_file, "ad-ca.pem");
  assert_string_equal(c->exchange->url, "http://ex01.contoso.com/PowerShell/");
  assert_in_dir(c->exchange->export_dir, "exports/onprem/");
  assert_in_dir(c->exchange_online->export_dir, "exports/cloud/");
  assert_int_equal(c->dns->public_servers.n, 1);
  assert_string_equal(c->dns->internal_servers.v[0], "10.0.0.53");
  assert_string_equal(c->mail_flow->gateways.v[0], "*.pphosted.com");
  assert_in_dir(c->relays->smtp_logs.v[0], "logs/ProtocolLog/SmtpReceive/*.LOG");
  assert_int_equal(c->relays->window_days, 30);
  assert_in_dir(c->waivers, "waivers.yaml");
  /* What the example writes is what holds without it. */
  struct uh_config none = {0};
  const struct uh_strings *written = &c->writeback->application_templates,
                          *usual = uh_writeback_application_templates(&none);
  assert_int_equal(written->n, usual->n);
  for (unsigned i = 0; i < usual->n; i++) assert_string_equal(written->v[i], usual->v[i]);
  assert_int_equal(c->writeback->templates.n, uh_writeback_templates(&none)->n);
  assert_string_equal(c->writeback->templates.v[0], uh_writeback_templates(&none)->v[0]);
  assert_int_equal(c->writeback->limit, uh_writeback_limit(&none));
  assert_ptr_equal(uh_writeback_templates(c), &c->writeback->templates);
  assert_in_dir(c->rules.v[0], "rules.d");
  assert_null(c->endpoints);
  /* The operator's sections inherit where and how, never who. */
  assert_in_dir(c->operator_->credentials->certificate, "op.pem");
  assert_int_equal(c->operator_->directory->bind, UH_BIND_GSSAPI);
  assert_string_equal(c->operator_->directory->url, c->directory->url);
  assert_in_dir(c->operator_->directory->ca_file, "ad-ca.pem");
  assert_null(c->operator_->directory->user);
  assert_null(c->operator_->directory->password_file);
  assert_string_equal(c->operator_->exchange->url, c->exchange->url);
  assert_int_equal(c->operator_->exchange->redirect_hosts.n, 1);
  assert_string_equal(c->operator_->exchange->redirect_hosts.v[0], "ex02.contoso.com");
  assert_string_equal(c->operator_->exchange->user, "exadmin@contoso.com");
  assert_in_dir(c->operator_->exchange->password_file, "op.pass");
  assert_null(c->operator_->exchange->export_dir);
  assert_null(uh_config_free(c));
  free(example);
}

static void test_example_alternatives(void **state) {
  (void)state;
  static const char *const ways[] = {"secret_file", "federated_token_file", "managed_identity", "device_code"};
  char *example = read_example();
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    char *text = use_alternative(example, ways[i]);
    struct uh_config *c = load(text);
    assert_null(c->credentials->certificate);
    assert_true(!!c->credentials->secret_file == (i == 0));
    assert_true(!!c->credentials->federated_token_file == (i == 1));
    assert_true(c->credentials->managed_identity == (i == 2));
    assert_true(c->credentials->device_code == (i == 3));
    assert_string_equal(c->endpoints->exchange_online, "https://127.0.0.1:8443");
    assert_in_dir(c->endpoints->ca_file, "lab-ca.pem");
    assert_null(uh_config_free(c));
    free(text);
  }
  free(example);
}

/* Every key of the schema stands in the example, within its section (or, for the operator, in the section it copies).
 */
static void in_example(const char *example, const cyaml_schema_field_t *fields, const char *section) {
  for (; fields->key; fields++) {
    char head[64], name[64];
    const char *from = example, *to = example + strlen(example);
    if (*section) {
      (void)snprintf(head, sizeof head, "\n%s:", section);
      from = strstr(example, head);
      if (!from) {
        (void)snprintf(head, sizeof head, "\n#%s:", section);
        from = strstr(example, head);
      }
      assert_non_null(from);
      const char *next = strstr(from + 1, "\n\n");
      if (next) to = next;
    }
    (void)snprintf(name, sizeof name, "%s:", fields->key);
    bool found = false;
    for (const char *p = from; (p = strstr(p, name)) && p < to; p++)
      if (p == example || p[-1] == ' ' || p[-1] == '#' || p[-1] == '\n') found = true;
    if (!found) print_error("docs/example.yaml lacks %s%s%s\n", section, *section ? "." : "", fields->key);
    assert_true(found);
    if (fields->value.type == CYAML_MAPPING && !*section)
      in_example(example, fields->value.mapping.fields, fields->key);
  }
}

static void test_example_is_complete(void **state) {
  (void)state;
  char *example = read_example();
  in_example(example, uh_config_schema()->mapping.fields, "");
  free(example);
}

static void secret_is(const char *name, const char *value) {
  char file[256], *secret = NULL;
  struct uh_err err = UH_ERR_INIT;
  if (strncmp(name, "env:", 4) == 0)
    (void)snprintf(file, sizeof file, "%s", name);
  else
    (void)snprintf(file, sizeof file, "%s/%s", dir, name);
  int r = uh_secret_read(file, &secret, &err);
  if (value) {
    assert_int_equal(r, 0);
    assert_string_equal(secret, value);
    uh_secret_free(secret);
  } else {
    assert_int_equal(r, -1);
    assert_null(secret);
    assert_int_equal(err.cls, UH_ERR_CONFIG);
  }
}

static void test_secrets(void **state) {
  (void)state;
  secret_is("ad.pass", "hunter2");
  secret_is("crlf.pass", "pass word ");
  secret_is("open.pass", NULL);
  secret_is("empty.pass", NULL);
  secret_is("newline.pass", NULL);
  secret_is("zero.pass", NULL);
  secret_is("big.pass", NULL);
  secret_is("missing.pass", NULL);
  secret_is(".", NULL);
  assert_int_equal(setenv("UNHYBRID_TEST_SECRET", "s3cret\n", 1), 0);
  secret_is("env:UNHYBRID_TEST_SECRET", "s3cret\n");
  secret_is("env:UNHYBRID_TEST_UNSET", NULL);
  struct uh_config *c = load(CLIENT "  secret_file: env:UNHYBRID_TEST_SECRET\n");
  assert_string_equal(c->credentials->secret_file, "env:UNHYBRID_TEST_SECRET");
  assert_null(uh_config_free(c));
  uh_secret_free(NULL);
}

static void test_nearest(void **state) {
  (void)state;
  static const char *const words[] = {"directory", "dns", "exchange"};
  assert_string_equal(uh_nearest_word("direcotry", words, 3), "directory");
  assert_string_equal(uh_nearest_word("DNS", words, 3), "dns");
  assert_null(uh_nearest_word("zz", words, 3));
  assert_null(uh_nearest_word("a-word-that-is-much-longer-than-any-key-could-ever-be", words, 3));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_refuses_files),
      cmocka_unit_test(test_refuses_bounds),
      cmocka_unit_test(test_smallest),
      cmocka_unit_test(test_relative_path),
      cmocka_unit_test(test_shapes_that_are_right),
      cmocka_unit_test(test_example),
      cmocka_unit_test(test_example_alternatives),
      cmocka_unit_test(test_example_is_complete),
      cmocka_unit_test(test_secrets),
      cmocka_unit_test(test_nearest),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
