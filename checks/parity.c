/* SPDX-License-Identifier: Apache-2.0 */
/* What the servers did for everybody and nothing in the cloud does yet, and which other products still call them. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* ---- parity.rule ---- */
/* Active Directory holds whether a transport rule is on in a form that is not read: there each counts. */
static const char transport_sql[] =
    "WITH rule AS ("
    "  SELECT *, CASE source WHEN 'directory' THEN 1 ELSE lower(prop(json, 'State')) <> 'disabled' END AS active"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind = 'TransportRule')"
    " SELECT active AND NOT EXISTS ("
    "    SELECT 1 FROM object c WHERE c.side = 'cloud' AND c.kind = 'TransportRule' AND lower(c.name) = lower(rule.name))"
    "   AS violated," UH_SQL_OBJECT_WHO
    "  'transport rule' AS kind,"
    "  'Exchange Online has no transport rule of this name.' AS message,"
    "  json_object("
    "    'State', iif(source = 'directory', '', prop(json, 'State')),"
    "    'Priority', coalesce(prop(json, 'Priority'), '')) AS evidence,"
    "  '' AS command"
    " FROM rule";
#define TARGET "address_key(trim(prop(json, 'JournalEmailAddress'), '<>'))"
#define ON "CASE WHEN prop(json, 'Enabled') = '' THEN 1 ELSE " UH_SQL_TRUE("Enabled") " END"
static const char journal_sql[] =
    "WITH rule AS ("
    "  SELECT *, " TARGET " AS target, " ON " AS enabled FROM object WHERE kind = 'JournalRule'),"
    " there AS ("
    "  SELECT target, enabled FROM rule WHERE side = 'cloud')"
    " SELECT CASE"
    "   WHEN NOT enabled THEN 0"
    "   WHEN target IS NULL OR enabled IS NULL THEN NULL"
    "   WHEN EXISTS (SELECT 1 FROM there WHERE there.target = rule.target AND there.enabled) THEN 0"
    "   WHEN EXISTS (SELECT 1 FROM there WHERE (there.target = rule.target AND there.enabled) IS NULL) THEN NULL"
    "   ELSE 1 END AS violated," UH_SQL_OBJECT_WHO
    "  'journal rule' AS kind,"
    "  'No journal rule of Exchange Online delivers to ' || target || ': this one ends with the server.' AS message,"
    "  CASE WHEN target IS NULL THEN json_object('JournalEmailAddress', NULL)"
    "    WHEN enabled IS NULL THEN json_object('Enabled', NULL)"
    "    WHEN EXISTS (SELECT 1 FROM there WHERE target IS NULL OR enabled IS NULL)"
    "      THEN json_object('a journal rule of Exchange Online', NULL)"
    "    ELSE json_object('JournalEmailAddress', target) END AS evidence,"
    "  '' AS command"
    " FROM rule"
    " WHERE side = 'on-premises'";
#define DOMAIN "lower(prop(json, 'DomainName'))"
static const char remote_sql[] =
    "WITH domain AS (SELECT *, " DOMAIN " AS about FROM object WHERE kind = 'RemoteDomain'),"
    " there AS (SELECT about FROM domain WHERE side = 'cloud')"
    " SELECT CASE"
    "   WHEN about IS NULL THEN NULL"
    "   WHEN about IN ('*', '') OR " UH_SQL_TENANT_DOMAIN("about") " THEN 0"
    "   ELSE about NOT IN (SELECT about FROM there) END AS violated," UH_SQL_OBJECT_WHO
    "  'remote domain' AS kind,"
    "  'Exchange Online has no remote domain for ' || about || ': how messages to it are written may change.' AS message,"
    "  CASE WHEN about IS NULL OR NOT EXISTS (SELECT 1 FROM there WHERE about IS NULL)"
    "    THEN json_object('DomainName', about)"
    "    ELSE json_object('DomainName of a remote domain in Exchange Online', NULL) END AS evidence,"
    "  '' AS command"
    " FROM domain"
    " WHERE side = 'on-premises'";
static const struct uh_rule rules[] = {{"on-premises", "on-premises:TransportRule", transport_sql},
                                       {"on-premises", "on-premises:JournalRule", journal_sql},
                                       {"on-premises", "on-premises:RemoteDomain", remote_sql},
                                       {0}};

/* ---- parity.partner-application ---- */
/* Exchange Online's is Setup's, and Microsoft Graph's comes with the dedicated hybrid application. */
static const char application_sql[] =
    "WITH application AS ("
    "  SELECT *, lower(prop(json, 'ApplicationIdentifier')) AS id, " UH_SQL_TRUE("Enabled") " AS enabled"
    "   FROM object"
    "   WHERE side = 'on-premises' AND kind = 'PartnerApplication')"
    " SELECT CASE"
    "   WHEN NOT enabled THEN 0"
    "   WHEN id IN ('00000002-0000-0ff1-ce00-000000000000', '00000003-0000-0000-c000-000000000000') THEN 0"
    "   WHEN id IS NOT NULL THEN enabled END AS violated," UH_SQL_OBJECT_WHO
    "  'partner application' AS kind,"
    "  CASE id"
    "    WHEN '00000004-0000-0ff1-ce00-000000000000' THEN 'Skype for Business Server calls Exchange as this application.'"
    "    WHEN '7557eb47-c689-4224-abcf-aef9bd7573df' THEN 'The scheduler of Microsoft Teams calls Exchange as this application.'"
    "    WHEN 'db7de2b5-2149-435e-8043-e080dd50afae' THEN 'Cloud Voicemail calls Exchange as this application.'"
    "    ELSE 'Some product calls Exchange as this application (' || coalesce(nullif(id, ''), 'without an id') || ').' END"
    "   AS message,"
    "  json_object('ApplicationIdentifier', id, 'Enabled', bool_json(enabled)) AS evidence,"
    "  '' AS command"
    " FROM application";
static const struct uh_rule application[] = {{"on-premises", "on-premises:PartnerApplication", application_sql}, {0}};
/* clang-format on */

static const struct uh_check checks[] = {
    {.id = "parity.partner-application",
     .title = "No other product calls Exchange as a partner application",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-18",
     .rules = application,
     .remedy = "Point the product to Exchange Online, or find out that it is gone. Then the application can be "
               "disabled in the Exchange Management Shell (Set-PartnerApplication -Enabled $false) and watched.",
     .reference = "https://learn.microsoft.com/powershell/module/exchange/get-partnerapplication",
     .explain = "Enabled partner applications on premises besides Exchange Online's, which Setup makes, and Microsoft "
                "Graph's. Applications that sign in as a user (EWS with impersonation, IMAP) leave no such object and "
                "are not seen; the servers' IIS logs show them."},
    {.id = "parity.rule",
     .title = "Rules and remote domains have their like in Exchange Online",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE,
     .requirements = "P-20",
     .rules = rules,
     .absence_needs = "cloud:TransportRule,cloud:JournalRule,cloud:RemoteDomain",
     .remedy = "Look at each: make its like in Exchange Online, or know that it is not needed any more. Export the "
               "rules first (Export-TransportRuleCollection, Export-JournalRuleCollection, Exchange Management "
               "Shell).",
     .reference = "https://learn.microsoft.com/exchange/hybrid-deployment/organization-config-transfer",
     .explain = "Transport rules on premises without one of the same name in Exchange Online (nothing copies them "
                "there), journal rules whose target none of its rules has, and remote domains that it has none for; "
                "the hybrid wizard's own are left out. Whether two rules of one name do the same is not looked at, "
                "nor are data loss, retention, device and address book policies."},
    {0}};
UH_CHECK_MODULE(parity, checks);
