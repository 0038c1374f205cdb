/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in Exchange's store: the federation trust's, and the one that hybrid mail flow used. */
#include <stdio.h>
#include <string.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * Columns: name, thumbprint, server, told_server (the property of that name was told), owner, reason, tls.
 * Connectors name a certificate by issuer and subject. One that leads to the tenant alone goes before, and the default
 * receive connector loses what the wizard wrote into it; whatever else names the certificate keeps it here. Which of
 * Exchange's services use it is not told by a session that keeps Exchange's types: then it stays; what other software
 * uses is told by nobody: then a person is asked.
 */
#define OWN_NAME "lower('<I>' || issuer || '<S>' || subject)"
/* One without address spaces goes with the server, and one whose address spaces nobody told may lead anywhere. */
#define STAYS                                                                                                       \
  "(coalesce(prop_list(s.json, 'AddressSpaces'), '[]') = '[]'"                                                      \
  " OR (EXISTS (SELECT 1 FROM json_each(prop_list(s.json, 'AddressSpaces')) AS space"                               \
  "   WHERE domain_key(" UH_SQL_SPACE_DOMAIN("space.value") ") NOT IN (SELECT domain FROM own))) IS NOT FALSE)"
static const char certificates_sql[] =
    "WITH own(domain) AS MATERIALIZED ("
    "  SELECT domain_key(value) FROM anchor"
    "   WHERE anchor.name IN ('tenant-routing-domain', 'tenant-initial-domain')),"
    " only_server(name) AS MATERIALIZED ("
    "  SELECT CASE WHEN count(DISTINCT lower(name)) = 1 THEN max(name) END"
    "   FROM configuration"
    "   WHERE side = 'on-premises' AND kind = 'ExchangeServer'"
    "     AND lower(prop(json, 'IsEdgeServer')) IS NOT 'true' AND prop(json, 'IsEdgeServer') IS NOT 1),"
    " certificate AS MATERIALIZED ("
    "  SELECT upper(nullif(prop(json, 'Thumbprint'), '')) AS thumbprint, prop(json, 'Subject') AS subject,"
    "    prop(json, 'Issuer') AS issuer, prop(json, 'Services') AS services, prop(json, 'NotAfter') AS ends,"
    "    prop(json, 'HasPrivateKey') AS has_key, nullif(prop(json, 'Server'), '') AS told_server,"
    "    coalesce(nullif(prop(json, 'Server'), ''),"
    "      iif(instr(identity, '\\') > 1, substr(identity, 1, instr(identity, '\\') - 1), NULL), only_server.name) AS server"
    "   FROM configuration, only_server"
    "   WHERE side = 'on-premises' AND kind = 'ExchangeCertificate'),"
    " seen AS ("
    "  SELECT *,"
    "    EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'auth-certificate' AND upper(anchor.value) = thumbprint) AS auth,"
    "    EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'federation-certificate' AND upper(anchor.value) = thumbprint)"
    "      AND subject = issuer AS federation,"
    "    EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'tls-certificate' AND lower(anchor.value) = " OWN_NAME ") AS tls,"
    "    (SELECT group_concat(name, ', ') FROM configuration AS s"
    "      WHERE s.side = 'on-premises' AND s.kind = 'SendConnector'"
    "        AND lower(prop(s.json, 'TlsCertificateName')) = " OWN_NAME
    "        AND " STAYS ") AS sends,"
    "    (SELECT group_concat(name, ', ') FROM configuration AS s"
    "      WHERE s.side = 'on-premises' AND s.kind = 'ReceiveConnector'"
    "        AND lower(prop(s.json, 'TlsCertificateName')) = " OWN_NAME
    "        AND (prop_list(s.json, 'TlsDomainCapabilities') LIKE '%mail.protection.%') IS NOT TRUE) AS receives,"
    "    EXISTS (SELECT 1 FROM configuration AS s WHERE s.side = 'on-premises' AND s.kind IN ('SendConnector', 'ReceiveConnector')"
    "      AND prop(s.json, 'TlsCertificateName') IS NULL) AS connectors_untold,"
    "    has_word(services, 'IIS') OR has_word(services, 'IMAP') OR has_word(services, 'POP')"
    "      OR has_word(services, 'UM') OR has_word(services, 'UMCallRouter') AS serves,"
    "    (SELECT count(*) FROM configuration AS t WHERE t.side = 'on-premises' AND t.kind = 'FederationTrust') AS trusts,"
    "    (SELECT count(*) FROM certificate AS o WHERE lower(o.server) = lower(certificate.server)"
    "      AND o.thumbprint <> certificate.thumbprint"
    "      AND NOT EXISTS (SELECT 1 FROM anchor WHERE anchor.name IN ('auth-certificate', 'federation-certificate')"
    "        AND upper(anchor.value) = o.thumbprint)) AS others"
    "   FROM certificate),"
    " judged AS ("
    "  SELECT *, CASE"
    "    WHEN thumbprint IS NULL OR length(thumbprint) <> 40 OR subject IS NULL OR issuer IS NULL THEN NULL"
    "    WHEN auth OR NOT (federation OR tls) THEN 'server'"
    "    WHEN server IS NULL OR (tls AND connectors_untold) THEN NULL"
    "    WHEN serves OR sends IS NOT NULL OR receives IS NOT NULL OR (tls AND others = 0)"
    "      OR (federation AND trusts > 1) OR (tls AND NOT federation AND services IS NULL) THEN 'shared'"
    "    ELSE 'hybrid' END AS owner"
    "   FROM seen)"
    " SELECT subject AS name, thumbprint, server, told_server, owner,"
    "  CASE"
    "    WHEN thumbprint IS NULL OR length(thumbprint) <> 40 OR subject IS NULL OR issuer IS NULL"
    "      THEN 'its thumbprint, subject or issuer was not obtained'"
    "    WHEN auth THEN 'it is an auth certificate: credentials in the tenant are told by it; it goes with the server'"
    "    WHEN NOT (federation OR tls) THEN 'nothing of the hybrid deployment uses it; it stays'"
    "    WHEN server IS NULL THEN 'on which server it is was not obtained'"
    "    WHEN tls AND connectors_untold THEN 'of a connector TlsCertificateName was not obtained: it may name this one'"
    "    WHEN sends IS NOT NULL THEN 'a send connector that stays names it: ' || sends"
    "    WHEN receives IS NOT NULL THEN 'a receive connector names it, for more than the hybrid mail flow: ' || receives"
    "    WHEN serves THEN 'it serves more than the hybrid deployment: ' || services"
    "    WHEN tls AND NOT federation AND services IS NULL THEN 'which services use it was not obtained: it stays, and"
    " where Get-ExchangeCertificate on ' || server || ' shows none but SMTP, a person may remove it'"
    "    WHEN tls AND others = 0 THEN 'the server has no other certificate that transport could use instead'"
    "    WHEN federation AND trusts > 1 THEN 'several federation trusts are there: one that stays may use it'"
    "    WHEN federation THEN 'it was made for the federation trust, which goes before'"
    "    ELSE 'the hybrid connectors named it, and no connector that stays does' END AS reason,"
    "  tls AND NOT federation AS tls,"
    "  lower(has_key) IN ('1', 'true') OR has_key IS NULL OR has_key = '' AS has_key"
    " FROM judged"
    " ORDER BY server, name, thumbprint";
/* clang-format on */

struct certificate {
  struct uh_subject subject;
  const char *thumbprint, *server, *reason;
  const char *UH_NULLABLE question; /* of a certificate that others may use too */
  bool tls, has_key;
};

/* A person does it, because the private key is never to pass through this program, nor the password that keeps it. */
static int export_it(struct uh_step_run *run, const struct certificate *c, struct uh_err *err) {
  struct uh_str commands UH_CLEANUP(uh_str_clear) = {0}, server UH_CLEANUP(uh_str_clear) = {0};
  char file[64], where[400];
  if (!uh_powershell_quote(&server, c->server, strlen(c->server)))
    return uh_step_blocked(
        run, err, "the name of the server that has the certificate %s cannot be written in a command", c->thumbprint);
  uh_print(file, sizeof file, "%.*s.pfx", UH_HEAD(c->thumbprint, 40));
  uh_print(
      where, sizeof where,
      "in Exchange Management Shell on a server that has a folder C:\\Temp; then move %s into the case's exports folder",
      file);
  uh_str_addf(&commands,
              "$password = Read-Host -AsSecureString 'Password for the file'\n"
              "$export = Export-ExchangeCertificate -Server %s -Thumbprint %s -BinaryEncoded -Password $password\n"
              "[IO.File]::WriteAllBytes('C:\\Temp\\%s', $export.FileData)",
              uh_str_or(&server, ""), c->thumbprint, file);
  if (!uh_str_text(&commands) || !uh_str_text(&server)) return uh_fail_nomem(err);
  const struct uh_expect expect[] = {
      {.what = UH_EXPECT_FILE, .value = {.name = "exports", .type = UH_VALUE_TEXT, .text = file}}, {0}};
  const struct uh_action action = {
      .subject = c->subject,
      .verb = UH_VERB_DO,
      .part = "export",
      .executor = UH_BY_OPERATOR,
      .reversible = UH_REVERSIBLE_BY_OPERATOR,
      .commands = uh_str_text(&commands),
      .where = where,
      .expect = expect,
      .why = "Its private key is nowhere else; without this file it is lost when the certificate goes.",
      .effect = "Nothing stops working: the file holds the private key, so keep it as safe as that.",
      .undo =
          "Delete the file when nobody needs the key any more. Where the key cannot be exported, skip this action with "
          "that reason.",
      .approval = c->question}; /* a key is not taken out for nothing */
  return uh_step_action(run, &action, err);
}

static int remove_it(struct uh_step_run *run, const struct certificate *c, struct uh_err *err) {
  const struct uh_argument arguments[] = {{.name = "Thumbprint", .type = UH_VALUE_TEXT, .text = c->thumbprint},
                                          {.name = "Server", .type = UH_VALUE_TEXT, .text = c->server},
                                          {0}};
  const struct uh_change changes[] = {{.cmdlet = "Remove-ExchangeCertificate", .arguments = arguments}, {0}};
  struct uh_str undo UH_CLEANUP(uh_str_clear) = {0}, server UH_CLEANUP(uh_str_clear) = {0};
  if (!uh_powershell_quote(&server, c->server, strlen(c->server)))
    return uh_step_blocked(
        run, err, "the name of the server that has the certificate %s cannot be written in a command", c->thumbprint);
  uh_str_addf(
      &undo,
      "Its private key goes with it. Only the file of the action before brings it back: "
      "Import-ExchangeCertificate -Server %s -FileData ([IO.File]::ReadAllBytes('C:\\Temp\\%.*s.pfx')) -Password "
      "(Read-Host -AsSecureString 'Password of the file') -PrivateKeyExportable $true%s%.*s%s",
      uh_str_or(&server, ""), UH_HEAD(c->thumbprint, 40), c->tls ? "; Enable-ExchangeCertificate -Thumbprint " : "",
      UH_HEAD(c->tls ? c->thumbprint : "", 40), c->tls ? " -Services SMTP" : "");
  if (!uh_str_text(&undo) || !uh_str_text(&server)) return uh_fail_nomem(err);
  static const struct uh_expect expect[] = {{.what = UH_EXPECT_ABSENT}, {0}};
  const struct uh_action action = {.subject = c->subject,
                                   .verb = UH_VERB_REMOVE,
                                   .executor = UH_BY_EXCHANGE_SERVER,
                                   .reversible = UH_IRREVERSIBLE,
                                   .changes = changes,
                                   .expect = expect,
                                   .why = c->reason,
                                   .effect = c->tls ? "TLS with this certificate is no longer possible on this server."
                                                    : "This server can no longer speak to the federation gateway.",
                                   .undo = uh_str_text(&undo),
                                   .approval = c->question};
  return uh_step_action(run, &action, err);
}

static enum uh_owner owner_of(const char *UH_NULLABLE owner) {
  if (!owner) return UH_OWNER_UNKNOWN;
  if (strcmp(owner, "hybrid") == 0) return UH_OWNER_HYBRID;
  return strcmp(owner, "shared") == 0 ? UH_OWNER_SHARED : UH_OWNER_SERVER;
}

static int look_at(struct uh_step_run *run, struct uh_query *query, struct uh_err *err) {
  enum { NAME, THUMBPRINT, SERVER, TOLD_SERVER, OWNER, REASON, TLS, HAS_KEY };
  const char *thumbprint = uh_query_text(query, THUMBPRINT), *server = uh_query_text(query, SERVER),
             *told = uh_query_text(query, TOLD_SERVER), *name = uh_query_text(query, NAME),
             *reason = uh_query_text(query, REASON);
  /* Each server may have the same certificate: the server tells them apart, where it was told. */
  const struct uh_argument match[] = {
      {.name = "Thumbprint", .type = UH_VALUE_TEXT, .text = thumbprint ? thumbprint : ""},
      {.name = told ? "Server" : NULL, .type = UH_VALUE_TEXT, .text = told ? told : ""},
      {0}};
  char question[900];
  int64_t tls = 0, has_key = 1;
  (void)uh_query_int(query, TLS, &tls);
  (void)uh_query_int(query, HAS_KEY, &has_key);
  uh_print(question, sizeof question,
           "Does nothing but the hybrid mail flow use the certificate %.*s (%.*s) on %.*s: no web site, no load "
           "balancer, no other software, and is it not the default certificate of transport?",
           UH_HEAD(thumbprint ? thumbprint : "", 40), UH_HEAD(name ? name : "", 200),
           UH_HEAD(server ? server : "", 200));
  const struct certificate c = {.subject = {.side = "on-premises",
                                            .kind = "ExchangeCertificate",
                                            .name = name ? name : "",
                                            .match = thumbprint ? match : NULL},
                                .thumbprint = thumbprint ? thumbprint : "",
                                .server = server ? server : "",
                                .reason = reason ? reason : "",
                                .question = tls ? question : NULL,
                                .tls = tls != 0,
                                .has_key = has_key != 0};
  enum uh_owner owner = owner_of(uh_query_text(query, OWNER));
  if (uh_step_owner(run, &c.subject, owner, err, "%s", c.reason) < 0) return -1;
  if (owner != UH_OWNER_HYBRID) return 0;
  if (c.has_key && export_it(run, &c, err) < 0) return -1;
  return remove_it(run, &c, err);
}

static int discover(struct uh_step_run *run, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int r;
  if (uh_step_query(run, certificates_sql, &query, err) < 0) return -1;
  while ((r = uh_query_next(query, err)) > 0)
    if (look_at(run, query, err) < 0) return -1;
  return r;
}

UH_STEP(certificate) = {
    .id = "certificate",
    .title = "Export and remove the certificates of the hybrid deployment",
    .requirement = "C-08",
    .phase = UH_PHASE_BEFORE_UNINSTALL,
    .follows = (const struct uh_follows[]){{"federation-trust", "the trust speaks with the federation certificate"},
                                           {"send-connector",
                                            "a certificate that a send connector names cannot be removed"},
                                           {"receive-connector", "it names the certificate until it is reverted"},
                                           {0}},
    .needs =
        "on-premises:ExchangeCertificate,on-premises:AuthConfig,on-premises:SendConnector,"
        "on-premises:ReceiveConnector,on-premises:ExchangeServer,on-premises:FederationTrust",
    .checks = "mailbox.on-premises",
    .discover = discover,
    .effect =
        "The servers lose the federation certificate, and TLS with the hybrid certificate where it served nothing "
        "else.",
    .undo_by = "nobody",
    .undo_limits = "Only from a file that was exported with the private key.",
    .reference = "https://learn.microsoft.com/powershell/module/exchange/remove-exchangecertificate",
    .explain =
        "The federation certificate is told by the thumbprint that the trust named, and is self-signed; every server has "
        "one. The certificate of hybrid mail flow is told by issuer and subject, as the hybrid connectors named it. It "
        "mostly serves web sites too, and then stays. It goes only when no connector that stays names it, when its "
        "services were told and are neither IIS, POP, IMAP nor UM, when the server has another one, and when a person says "
        "that nothing else uses it. A session that keeps Exchange's types does not tell the services: then it stays, and a "
        "person may remove it. What load balancers and other software use stands in no fact; which certificate is the "
        "default of transport is not read, and Exchange refuses to remove that one.\n"
        "Auth certificates are never removed: they tell whose credentials in the tenant are, and go with the server. All "
        "others stay. First a person exports it with its private key, with a password that this program never sees; the "
        "file in exports/ is what shows that it is done, once it is a whole PKCS#12 file with a password; whether it is this "
        "certificate's, and the password known, only a person can try (Get-PfxData). Without that file the removal cannot be undone; a key that "
        "cannot be exported is lost."};
