/* SPDX-License-Identifier: Apache-2.0 */
/* Directory synchronisation: new enough to leave cloud-managed mailboxes alone, and running. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* true synchronised, false no longer, '' (null) never: there is no engine then. */
#define ENABLED "CASE prop(json, 'onPremisesSyncEnabled') WHEN '' THEN 0 ELSE " UH_SQL_TRUE("onPremisesSyncEnabled") " END"
static const char applies[] =
    "SELECT max(" ENABLED ") FROM object WHERE side = 'cloud' AND kind = 'GraphOrganization'";
#define ORGANIZATION                           \
  "  'synchronization' AS key,"                \
  "  'directory synchronization' AS kind,"     \
  "  coalesce(nullif(name, ''), identity) AS object,"

/*
 * 2.5.76.0 is documented as the least version, yet versions below 2.5.190.0 may send attributes of cloud-managed
 * mailboxes, which are refused. What the service shows goes before what a person states.
 */
#define LEAST "(2, 5, 190, 0)"
#define NUMBERS "'[' || replace(version, '.', ',') || ']'"
#define NUMBER(i) "coalesce(json_extract(numbers, '$[" #i "]'), 0)"
static const char version_sql[] =
    "WITH organization AS ("
    "  SELECT *, " ENABLED " AS enabled"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'GraphOrganization'),"
    " shown(version) AS ("
    "  SELECT max(json_extract(json, '$.configuration.synchronizationClientVersion'))"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'GraphSynchronizationClient'),"
    " stated(version) AS ("
    "  SELECT min(trim(value)) FROM attestation WHERE fact = 'sync.version' AND object = ''),"
    " told AS ("
    "  SELECT coalesce(nullif(shown.version, ''), stated.version) AS version, nullif(shown.version, '') IS NULL AS by_person"
    "   FROM shown, stated),"
    " read AS ("
    "  SELECT *, CASE WHEN version GLOB '[0-9]*.[0-9]*' AND json_valid(" NUMBERS ") THEN " NUMBERS " END AS numbers"
    "   FROM told)"
    " SELECT CASE"
    "   WHEN NOT enabled THEN 0"
    "   WHEN numbers IS NOT NULL AND enabled"
    "     THEN (" NUMBER(0) ", " NUMBER(1) ", " NUMBER(2) ", " NUMBER(3) ") < " LEAST " END AS violated,"
    ORGANIZATION
    "  'Entra Connect Sync has the version ' || version || '; 2.5.190.0 is the first that leaves the attributes of"
    " cloud-managed mailboxes alone.' AS message,"
    "  CASE"
    "    WHEN enabled IS NULL THEN json_object('onPremisesSyncEnabled', NULL)"
    "    WHEN numbers IS NULL THEN json_object('the version of Entra Connect Sync', NULL)"
    "    ELSE json_object('version', version, 'stated by a person', bool_json(by_person)) END AS evidence,"
    "  '' AS command"
    " FROM organization, read";
static const struct uh_rule version[] = {{"cloud", "cloud:GraphOrganization", version_sql}, {0}};

/* Cycles come every 30 minutes; Microsoft's portal warns after three hours. Against the time of the observation. */
#define WITH_ZONE(time) "iif(" time " GLOB '*Z' OR " time " GLOB '*[+-][0-9][0-9]:[0-9][0-9]', " time ", NULL)"
static const char recent_sql[] =
    "WITH organization AS ("
    "  SELECT *, " ENABLED " AS enabled, prop(json, 'onPremisesLastSyncDateTime') AS last,"
    "    (SELECT coalesce(nullif(ended_at, 0), started_at) FROM observation)"
    "      - CAST(strftime('%s', " WITH_ZONE("prop(json, 'onPremisesLastSyncDateTime')") ") AS INTEGER) AS age"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'GraphOrganization')"
    " SELECT CASE"
    "   WHEN NOT enabled THEN 0"
    "   WHEN last = '' OR age > 10800 THEN enabled"
    "   WHEN age >= -300 AND enabled THEN 0 END AS violated,"
    ORGANIZATION
    "  CASE last WHEN '' THEN 'The directory was never synchronised.'"
    "    ELSE 'The directory was last synchronised ' || (age / 3600) || ' hours before the audit.' END AS message,"
    "  CASE WHEN age IS NULL AND last <> '' THEN json_object('onPremisesLastSyncDateTime: ' || last || ' is no time with a zone', NULL)"
    "    WHEN age < -300 THEN json_object('onPremisesLastSyncDateTime: it lies in the future', NULL)"
    "    ELSE json_object("
    "      'onPremisesLastSyncDateTime', last,"
    "      'onPremisesSyncEnabled', bool_json(enabled)) END AS evidence,"
    "  '' AS command"
    " FROM organization";
static const struct uh_rule recent[] = {{"cloud", "cloud:GraphOrganization", recent_sql}, {0}};

static const char shown_version[] =
    "SELECT '' AS object, max(nullif(json_extract(json, '$.configuration.synchronizationClientVersion'), '')) AS value"
    " FROM object"
    " WHERE side = 'cloud' AND kind = 'GraphSynchronizationClient'";

#define TOKEN "'%ExchangeManagedAttributesUpdateNotAllowed%'"
static const char rejected_sql[] =
    "WITH told AS ("
    "  SELECT *, prop_list(json, 'onPremisesProvisioningErrors') AS synchronisation,"
    "    prop_list(json, 'serviceProvisioningErrors') AS service"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'GraphProvisioningError')"
    " SELECT CASE"
    "   WHEN synchronisation LIKE " TOKEN " THEN 1"
    "   WHEN EXISTS (SELECT 1 FROM json_each(service)"
    "     WHERE value LIKE " TOKEN " AND NOT coalesce(json_extract(value, '$.isResolved'), 0)) THEN 1"
    "   WHEN synchronisation IS NOT NULL AND service IS NOT NULL THEN 0 END AS violated,"
    "  CASE guid WHEN '' THEN name ELSE lower(guid) END AS key,"
    "  nullif(lower(guid), '') AS guid,"
    "  'recipient' AS kind,"
    "  coalesce(nullif(prop(told.json, 'mail'), ''), nullif(prop(told.json, 'userPrincipalName'), ''),"
    "    nullif(name, ''), identity) AS object,"
    "  'The engine sends attributes of this cloud-managed mailbox, which are refused"
    " (ExchangeManagedAttributesUpdateNotAllowed).' AS message,"
    "  json_object("
    "    'onPremisesProvisioningErrors', json(synchronisation),"
    "    'serviceProvisioningErrors', json(service)) AS evidence,"
    "  '' AS command"
    " FROM told";
static const struct uh_rule rejected[] = {{"cloud", "cloud:GraphProvisioningError", rejected_sql}, {0}};
/* clang-format on */

static const struct uh_attestable attests[] = {
    {.fact = "sync.version",
     .question = "Which version of Entra Connect Sync is installed on every synchronisation server?",
     .how = "On the synchronisation server: (Get-ADSyncGlobalSettings).Parameters["
            "'Microsoft.Synchronize.ServerConfigurationVersion'].Value in Windows PowerShell, or the version under "
            "Installed apps. Look at staging servers too and state the oldest.",
     .values = NULL,
     .observed = shown_version},
    {0}};

#define SOA "https://learn.microsoft.com/exchange/hybrid-deployment/enable-exchange-attributes-cloud-management"
static const struct uh_check checks[] = {
    {.id = "sync.version",
     .title = "The synchronisation engine leaves cloud-managed mailboxes alone",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-08",
     .rules = version,
     .applies = applies,
     .applies_needs = "cloud:GraphOrganization",
     .attests = attests,
     .remedy = "Upgrade Entra Connect Sync to 2.5.190.0 or later on every synchronisation server, staging ones too.",
     .reference = "https://learn.microsoft.com/entra/identity/hybrid/connect/reference-connect-version-history",
     .explain = "The version of Entra Connect Sync against 2.5.190.0. Graph shows it in its beta version only, and "
                "to people who signed in; where it does not, somebody has to look at the synchronisation server and "
                "state it. A tenant that is not synchronised has no engine. Of Entra "
                "Cloud Sync nobody documents whether it is enough alone, and in which version: who has no Connect Sync "
                "can state the agent's version, which is a finding then, and accept that with a waiver. Whether Graph "
                "still shows a version after Connect Sync was replaced is not known."},
    {.id = "sync.rejected",
     .title = "The engine sends nothing that Exchange Online refuses",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-08",
     .rules = rejected,
     .remedy = "Upgrade Entra Connect Sync to 2.5.190.0 or later, then let a full synchronisation run.",
     .reference = SOA,
     .explain = "Errors of users in Graph with ExchangeManagedAttributesUpdateNotAllowed that are not resolved. "
                "Errors that only the synchronisation server's own console shows are not seen. Every other "
                "provisioning error is found by archive.provisioning-error."},
    {.id = "sync.recent",
     .title = "The directory is synchronised regularly",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-08",
     .rules = recent,
     .remedy = "Look at the synchronisation server: whether it runs, its scheduler is on (Get-ADSyncScheduler) and "
               "the last run ended well. What Exchange Online shows is as old as the last synchronisation.",
     .reference = "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-feature-scheduler",
     .explain = "The last synchronisation that Graph knows of, against the time of the audit: more than three hours "
                "are too many. Whether it brought everything over is not looked at here."},
    {0}};
UH_CHECK_MODULE(sync, checks);
