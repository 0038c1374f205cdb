/* SPDX-License-Identifier: Apache-2.0 */
/* Attribute writeback: what Exchange Online says of a cloud-managed mailbox stands in Active Directory too. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* ---- the job ---- */

#define STATUS(path) "json_extract(nullif(prop_json(object.json, 'status'), ''), '$." path "')"
#define SCHEDULED "json_extract(nullif(prop_json(object.json, 'schedule'), ''), '$.state')"
#define JOB_WHO                                                     \
  "  coalesce(nullif(prop(json, 'id'), ''), name) AS key,"          \
  "  'synchronisation job' AS kind,"                                \
  "  coalesce(nullif(prop(json, 'servicePrincipal'), ''), nullif(prop(json, 'id'), ''), name) AS object,"
#define WRITES_BACK " FROM object WHERE " UH_SQL_WRITEBACK_JOB
/* A job of which nobody told what it does may be the one, in whatever state it is. */
#define MAY_WRITE_BACK WRITES_BACK " OR " UH_SQL_UNTOLD_JOB
#define TEMPLATE "prop(json, 'templateId')"
#define IF_IT_IS(violated) "iif(" TEMPLATE " IS NULL, NULL, " violated ")"
/* json_extract() gives NULL for null as for what is absent; the type tells them apart. */
#define QUARANTINED "nullif(json_type(nullif(prop_json(object.json, 'status'), ''), '$.quarantine'), 'null') IS NOT NULL"
static const char job_state[] =
    "SELECT " IF_IT_IS(QUARANTINED
    "    OR " STATUS("code") " <> 'Active'"
    "    OR " SCHEDULED " <> 'Active'") " AS violated," JOB_WHO
    "  CASE"
    "    WHEN " QUARANTINED " OR " STATUS("code") " = 'Quarantine' THEN 'The job that writes attributes back is in quarantine.'"
    "    WHEN " STATUS("code") " = 'Paused' OR " SCHEDULED " <> 'Active'"
    "      THEN 'The job that writes attributes back is paused.'"
    "    ELSE 'The job that writes attributes back has not been started.' END AS message,"
    "  json_object("
    "    'status', " STATUS("code") ","
    "    'schedule', " SCHEDULED ","
    "    'quarantine', coalesce(" STATUS("quarantine.reason") ", ''),"
    "    'templateId', " TEMPLATE ") AS evidence,"
    "  '' AS command" MAY_WRITE_BACK;
/* Absence counts where all jobs were read, and none is of a kind that this program has never heard of. */
#define KNOWN_JOBS "'AAD2ADGroupProvisioning', 'AAD2ADExchangeHybridWriteback'"
static const char job_missing[] =
    "WITH strange AS ("
    "  SELECT group_concat(prop(json, 'templateId'), ', ') AS templates"
    "   FROM object"
    "   WHERE side = 'cloud' AND kind = 'GraphSynchronizationJob'"
    "    AND prop(json, 'templateId') LIKE '%2AD%' AND prop(json, 'templateId') NOT LIKE 'AD2AD%'"
    "    AND prop(json, 'templateId') NOT LIKE 'AD2AAD%'"
    "    AND prop(json, 'templateId') NOT IN (" KNOWN_JOBS "))"
    " SELECT iif(templates IS NULL, 1, NULL) AS violated,"
    "  'none' AS key,"
    "  'synchronisation job' AS kind,"
    "  'Cloud Sync' AS object,"
    "  'Applications read Active Directory, and no job writes attributes back to it.' AS message,"
    "  iif(templates IS NULL, json_object('templates', (SELECT json_group_array(value) FROM setting"
    "     WHERE name = 'writeback.templates')),"
    "    json_object('what a job of the template ' || templates || ' does', NULL)) AS evidence,"
    "  '' AS command"
    " FROM strange"
    " WHERE (" UH_SQL_WRITEBACK_APPLIES ") = 1"
    "  AND NOT EXISTS (SELECT 1" MAY_WRITE_BACK ")"
    "  AND " UH_SQL_COMPLETE("cloud", "GraphSynchronizationJob");
#define JOBS "cloud:GraphSynchronizationJob"
static const struct uh_rule job[] = {{"cloud", JOBS, job_state}, {"cloud", JOBS, job_missing}, {0}};

/* Nine cycles of twenty minutes. The year 1 is Graph's way to say never. */
#define LAST "coalesce(" STATUS("lastSuccessfulExecution.timeEnded") ", " STATUS("lastSuccessfulExecution.timeBegan") ")"
static const char last_run_sql[] =
    "WITH run AS ("
    "  SELECT object.*,"
    "    " LAST " AS last,"
    "    json_type(nullif(prop_json(object.json, 'status'), ''), '$.lastSuccessfulExecution') AS told,"
    "    (SELECT max(started_at, ended_at) FROM observation) - CAST(strftime('%s', " LAST ") AS INTEGER) AS age" MAY_WRITE_BACK ")"
    " SELECT CASE"
    "   WHEN " TEMPLATE " IS NULL THEN NULL"
    "   WHEN told = 'null' OR last LIKE '0001-%' THEN 1"
    "   WHEN age < -300 THEN NULL"
    "   ELSE age > 10800 END AS violated," JOB_WHO
    "  CASE WHEN told = 'null' OR last LIKE '0001-%' THEN 'Attributes have never been written back successfully.'"
    "    ELSE 'Attributes were last written back successfully ' || (age / 3600) || ' hours before the observation.' END"
    "   AS message,"
    "  CASE WHEN " TEMPLATE " IS NULL THEN json_object('templateId', NULL)"
    "    WHEN age < -300 THEN json_object('lastSuccessfulExecution: it lies in the future', NULL)"
    "    ELSE json_object('lastSuccessfulExecution', iif(told = 'null', '', last)) END AS evidence,"
    "  '' AS command"
    " FROM run";
static const struct uh_rule last_run[] = {{"cloud", JOBS, last_run_sql}, {0}};

/* What the writeback covers, as published in August 2026. */
#define COVERED                                                                                                 \
  "'[\"mail\",\"proxyAddresses\",\"msExchRecipientTypeDetails\",\"msExchRecipientDisplayType\","                \
  "\"extensionAttribute1\",\"extensionAttribute2\",\"extensionAttribute3\",\"extensionAttribute4\","            \
  "\"extensionAttribute5\",\"extensionAttribute6\",\"extensionAttribute7\",\"extensionAttribute8\","            \
  "\"extensionAttribute9\",\"extensionAttribute10\",\"extensionAttribute11\",\"extensionAttribute12\","         \
  "\"extensionAttribute13\",\"extensionAttribute14\",\"extensionAttribute15\","                                 \
  "\"msExchExtensionCustomAttribute1\",\"msExchExtensionCustomAttribute2\",\"msExchExtensionCustomAttribute3\"," \
  "\"msExchExtensionCustomAttribute4\",\"msExchExtensionCustomAttribute5\"]'"
static const char mapping_sql[] =
    "WITH job AS MATERIALIZED ("
    "  SELECT object.*,"
    "    prop_list(object.json, 'attributeMappings') AS mappings" MAY_WRITE_BACK "),"
    " lack AS ("
    "  SELECT job.fact,"
    "    json_group_array(covered.value) FILTER (WHERE NOT EXISTS ("
    "      SELECT 1 FROM json_each(job.mappings) AS mapping"
    "       WHERE lower(substr(mapping.value, 1, length(covered.value) + 1)) = lower(covered.value) || ':')) AS missing"
    "   FROM job, json_each(" COVERED ") AS covered"
    "   WHERE mappings IS NOT NULL"
    "   GROUP BY job.fact)"
    " SELECT " IF_IT_IS("missing <> '[]'") " AS violated," JOB_WHO
    "  'The job does not write back ' || (SELECT group_concat(value, ', ') FROM json_each(missing)) || '.' AS message,"
    "  json_object('templateId', " TEMPLATE ", 'attributeMappings', iif(mappings IS NULL, NULL, json_array_length(mappings)), 'not mapped', json(coalesce(missing, '[]')))"
    "   AS evidence,"
    "  '' AS command"
    " FROM job LEFT JOIN lack ON lack.fact = job.fact";
static const struct uh_rule mapping[] = {{"cloud", JOBS, mapping_sql}, {0}};

/* Graph tells which agents are active, to people; of the version it tells nothing: the check's blind spot. */
#define ATTESTED(fact) "EXISTS (SELECT 1 FROM attestation WHERE attestation.fact = '" fact "' AND lower(value) = 'yes')"
#define AGENTS " FROM object WHERE side = 'cloud' AND kind = 'GraphProvisioningAgent'"
#define NO_AGENT_ACTIVE "NOT EXISTS (SELECT 1" AGENTS " AND lower(prop(json, 'status')) = 'active')"
static const char agent_sql[] =
    "SELECT 1 AS violated,"
    "  'agents' AS key,"
    "  'provisioning agent' AS kind,"
    "  'Cloud Sync' AS object,"
    "  iif((SELECT count(*)" AGENTS ") = 0, 'Cloud Sync has no agent.', 'No agent of Cloud Sync is active.') AS message,"
    "  json_object('agents', (SELECT count(*)" AGENTS ")) AS evidence,"
    "  '' AS command"
    " WHERE (" UH_SQL_WRITEBACK_APPLIES ") = 1 AND " UH_SQL_COMPLETE("cloud", "GraphProvisioningAgent")
    "  AND NOT EXISTS (SELECT 1" AGENTS " AND (lower(prop(json, 'status')) = 'active') IS NOT FALSE)";
/* One of which nobody told it may be the active one, unless another is, or somebody stated that there is one. */
static const char agent_status_sql[] =
    "SELECT NULL AS violated," UH_SQL_OBJECT_WHO
    "  'provisioning agent' AS kind,"
    "  '' AS message,"
    "  json_object('status', prop(json, 'status')) AS evidence,"
    "  '' AS command" AGENTS
    "  AND prop(json, 'status') IS NULL AND " NO_AGENT_ACTIVE " AND NOT " ATTESTED("writeback.agent")
    "  AND (" UH_SQL_WRITEBACK_APPLIES ") = 1";
static const struct uh_rule agent[] = {{"cloud", NULL, agent_sql}, {"cloud", NULL, agent_status_sql}, {0}};

static const char limit_sql[] =
    "WITH managed AS ("
    "  SELECT CAST(total(is_cloud_managed = 1 AND is_dir_synced = 1) AS INTEGER) AS seen,"
    "    CAST(total((is_cloud_managed = 1 AND is_dir_synced = 1) IS NULL) AS INTEGER) AS untold,"
    "    (SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'writeback.limit') AS most"
    "   FROM exchange_recipient"
    "   WHERE " UH_SQL_CLOUD_MAILBOX " AND (" UH_SQL_WRITEBACK_APPLIES ") = 1)"
    " SELECT CASE WHEN seen > most THEN 1 WHEN seen + untold <= most THEN 0 END AS violated,"
    "  'limit' AS key,"
    "  'tenant' AS kind,"
    "  'cloud-managed mailboxes' AS object,"
    "  seen || ' mailboxes are cloud-managed, and attributes are written back for ' || most || ' at most.' AS message,"
    "  CASE WHEN untold THEN json_object('IsExchangeCloudManaged or IsDirSynced of ' || untold || ' mailboxes', NULL)"
    "    ELSE json_object('cloud-managed mailboxes', seen, 'limit', most) END AS evidence,"
    "  '' AS command"
    " FROM managed"
    " WHERE (" UH_SQL_WRITEBACK_APPLIES ") = 1";
static const struct uh_rule limit[] = {{"cloud", "cloud:Mailbox", limit_sql}, {0}};

/* ---- each mailbox and its object ---- */

/* What an unsettled mailbox may lack itself; where it lacks nothing, objects that could be it do. */
#define MAILBOX_EVIDENCE                                                                                         \
  "  CASE WHEN is_cloud_managed IS NULL OR is_dir_synced IS NULL OR external_id IS NULL OR immutable_id IS NULL" \
  "     OR exchange_guid IS NULL OR primary_address IS NULL"                                                     \
  "    THEN json_object('IsExchangeCloudManaged', is_cloud_managed, 'IsDirSynced', is_dir_synced,"               \
  "      'ExternalDirectoryObjectId', external_id, 'ImmutableId', immutable_id,"                                 \
  "      'ExchangeGuid', guid_text(exchange_guid), 'PrimarySmtpAddress', primary_address)"                       \
  "    ELSE json_object('class, ids and proxyAddresses of every object that could be it', NULL) END"
static const char object_sql[] =
    "WITH alone AS ("
    "  SELECT exchange, found_by,"
    "    iif(matches = 0 AND NOT " UH_SQL_COMPLETE("on-premises", "Recipient") ", NULL, matches) AS matches"
    "   FROM unsettled_mailbox"
    "   WHERE exchange IS NOT NULL AND matches IS NOT 1)"
    " SELECT iif(matches IS NULL, NULL, 1) AS violated," UH_SQL_EXCHANGE_WHO
    "  'mailbox' AS kind,"
    "  CASE matches"
    "    WHEN 0 THEN 'No object in Active Directory is this cloud-managed mailbox: neither by GUID nor by address.'"
    "    ELSE matches || ' objects in Active Directory could be this mailbox by ' || found_by || '.' END AS message,"
    "  iif(matches IS NULL, " MAILBOX_EVIDENCE ","
    "    json_object("
    "      'objects', matches,"
    "      'ExternalDirectoryObjectId', coalesce(external_id, ''),"
    "      'ExchangeGuid', coalesce(guid_text(exchange_guid), ''),"
    "      'PrimarySmtpAddress', coalesce(primary_address, ''))) AS evidence,"
    "  '' AS command"
    " FROM alone JOIN exchange_recipient ON exchange_recipient.fact = alone.exchange";
/* An object that kept a key to itself may be the second one of a mailbox, or the one that a mailbox lacks. */
static const char hidden_sql[] =
    "SELECT NULL AS violated," UH_SQL_DIRECTORY_WHO
    "  'object' AS kind,"
    "  '' AS message,"
    "  json_object('msDS-ExternalDirectoryObjectId', external_id, 'mS-DS-ConsistencyGuid', guid_text(consistency_guid),"
    "    'msExchMailboxGuid', guid_text(mailbox_guid), 'proxyAddresses', json(addresses), 'mail', mail) AS evidence,"
    "  '' AS command"
    " FROM unsettled_mailbox JOIN directory_recipient ON directory_recipient.fact = unsettled_mailbox.directory"
    " WHERE exchange IS NULL";
#define BOTH "cloud:Mailbox,on-premises:Recipient"
static const struct uh_rule object_rules[] = {{"cloud", BOTH, object_sql}, {"on-premises", BOTH, hidden_sql}, {0}};

/*
 * Every attribute of every pair that is not plainly equal, in one statement. "a" is Active Directory's value, "b" Exchange
 * Online's. Addresses are sets of their keys; those of other types (X500, SIP, SPO..) and those of the tenant's own
 * domains are not compared: each side has some of its own.
 */
#define COMPARED(list)                                                            \
  "(SELECT address_key(value) AS address, value FROM json_each(" list ")"         \
  "   WHERE address_key(value) <> '' AND NOT " UH_SQL_TENANT_DOMAIN("domain_of(value)") ")"
#define ONLY_IN(one, other)                                                             \
  "(SELECT json_group_array(value) FROM " COMPARED(one)                                 \
  "   WHERE address NOT IN (SELECT address FROM " COMPARED(other) "))"
#define PRIMARY(list) \
  "coalesce((SELECT address_key(value) FROM json_each(" list ") WHERE substr(value, 1, 5) = 'SMTP:'), '')"
#define NUMBERS "json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]')"
/* '' behind the end of the list, NULL where the value was not obtained. */
#define NUMBERED(list)                                                                                \
  "CASE WHEN " list " IS NULL THEN NULL WHEN json_array_length(" list ") < number THEN ''"            \
  " ELSE json_extract(" list ", '$[' || (number - 1) || ']') END"
#define EACH_CUSTOM(a, b) \
  "(SELECT number, " NUMBERED(a) " AS a, " NUMBERED(b) " AS b FROM (SELECT value AS number FROM " NUMBERS "))"
static const char attributes_sql[] =
    "WITH pair AS ("
    "  SELECT guid_text(d.guid) AS guid,"
    "    coalesce(nullif(e.primary_address, ''), nullif(d.mail, ''), d.dn) AS object,"
    "    d.addresses AS a_addresses, e.addresses AS b_addresses,"
    "    d.mail AS a_mail, e.windows_address AS b_mail,"
    "    d.custom_attributes AS a_custom, e.custom_attributes AS b_custom,"
    "    d.recipient_type_details AS a_type, e.recipient_type_details AS b_type,"
    "    " UH_SQL_REMOTE_TYPE("e.recipient_type_details") " AS b_remote"
    "   FROM unsettled_mailbox AS u"
    "   JOIN directory_recipient AS d ON d.fact = u.directory"
    "   JOIN exchange_recipient AS e ON e.fact = u.exchange),"
    " address_pair AS ("
    "  SELECT guid, object, a_addresses, b_addresses,"
    "    " ONLY_IN("a_addresses", "b_addresses") " AS only_a, " ONLY_IN("b_addresses", "a_addresses") " AS only_b,"
    "    " PRIMARY("a_addresses") " AS primary_a, " PRIMARY("b_addresses") " AS primary_b"
    "   FROM pair),"
    " difference(violated, guid, object, attribute, message, evidence) AS ("
    "  SELECT iif(a_addresses IS NULL OR b_addresses IS NULL, NULL,"
    "      primary_a <> primary_b OR only_a <> '[]' OR only_b <> '[]'),"
    "    guid, object, 'proxyAddresses',"
    "    CASE"
    "      WHEN primary_a <> primary_b THEN 'The primary address in proxyAddresses is not the one in Exchange Online.'"
    "      WHEN only_b = '[]' THEN 'proxyAddresses has addresses that Exchange Online does not have.'"
    "      WHEN only_a = '[]' THEN 'proxyAddresses lacks addresses that Exchange Online has.'"
    "      ELSE 'proxyAddresses has other addresses than Exchange Online.' END,"
    "    json_object("
    "      'proxyAddresses', json(a_addresses),"
    "      'EmailAddresses', json(b_addresses),"
    "      'only in Active Directory', iif(b_addresses IS NULL, '', json(only_a)),"
    "      'only in Exchange Online', iif(a_addresses IS NULL, '', json(only_b)))"
    "   FROM address_pair"
    "  UNION ALL"
    "  SELECT a_mail <> b_mail AND (address_key(a_mail) = '' OR address_key(a_mail) <> address_key(b_mail)),"
    "    guid, object, 'mail',"
    "    'mail is not the WindowsEmailAddress of Exchange Online.',"
    "    json_object('mail', a_mail, 'WindowsEmailAddress', b_mail)"
    "   FROM pair"
    "  UNION ALL"
    "  SELECT CASE WHEN b_type IS NOT NULL AND b_remote IS NULL THEN 0 ELSE a_type <> b_remote END,"
    "    guid, object, 'msExchRecipientTypeDetails',"
    "    'msExchRecipientTypeDetails is not that of a ' || b_type || ' in Exchange Online.',"
    "    json_object('msExchRecipientTypeDetails', a_type, 'RecipientTypeDetails', b_type, 'expected', coalesce(b_remote, ''))"
    "   FROM pair"
    "  UNION ALL"
    "  SELECT (SELECT CASE WHEN total(a <> b) THEN 1 WHEN count(a <> b) = count(*) THEN 0 END"
    "     FROM " EACH_CUSTOM("a_custom", "b_custom") "),"
    "    guid, object, 'extensionAttribute',"
    "    (SELECT group_concat('extensionAttribute' || number, ', ') FROM " EACH_CUSTOM("a_custom", "b_custom") " WHERE a <> b)"
    "     || ' in Active Directory is not CustomAttribute of the same number in Exchange Online.',"
    "    (SELECT json_group_object(name, value) FROM ("
    "      SELECT 'extensionAttribute' || number AS name, a AS value FROM " EACH_CUSTOM("a_custom", "b_custom") " WHERE (a <> b) IS NOT 0"
    "      UNION ALL"
    "      SELECT 'CustomAttribute' || number, b FROM " EACH_CUSTOM("a_custom", "b_custom") " WHERE (a <> b) IS NOT 0))"
    "   FROM pair)"
    " SELECT violated,"
    "  guid || '/' || attribute AS key,"
    "  guid,"
    "  'mailbox' AS kind,"
    "  object,"
    "  message,"
    "  evidence,"
    "  '' AS command"
    " FROM difference"
    " WHERE violated IS NOT 0"
    " UNION ALL"
    /* Several objects, or nobody knows whether it is cloud-managed: there is nothing to compare with. */
    " SELECT NULL,"
    "  coalesce(nullif(guid_text(e.guid), ''), e.primary_address, e.name),"
    "  nullif(guid_text(e.guid), ''),"
    "  'mailbox',"
    "  coalesce(nullif(e.primary_address, ''), e.name),"
    "  '',"
    "  iif(matches IS NULL, " MAILBOX_EVIDENCE ", json_object('which of ' || matches || ' objects it is', NULL)),"
    "  ''"
    " FROM unsettled_mailbox AS u JOIN exchange_recipient AS e ON e.fact = u.exchange"
    " WHERE matches IS NULL OR matches > 1";
static const struct uh_rule attributes[] = {{"on-premises", BOTH, attributes_sql}, {0}};
/* clang-format on */

#define APPLIES .applies = UH_SQL_WRITEBACK_APPLIES
#define READERS                                                                                                 \
  {                                                                                                             \
    .fact = "writeback.applications-read-directory",                                                            \
    .question =                                                                                                 \
        "Do applications on premises read Exchange's attributes (mail, proxyAddresses, extensionAttribute1 "    \
        "to 15, the recipient type) from Active Directory?",                                                    \
    .how =                                                                                                      \
        "Ask those who run them: printers with LDAP address books, identity management, signatures, telephone " \
        "systems, mail gateways. Domain controllers can log who searches (event 1644).",                        \
    .values = "yes|no"                                                                                          \
  }
static const struct uh_attestable readers[] = {READERS, {0}};
static const struct uh_attestable agent_or_readers[] = {
    {.fact = "writeback.agent",
     .question = "Is an agent of Cloud Sync in version 1.1.1107.0 or later active, on a server that stays?",
     .how = "Microsoft Entra admin center, Entra Connect, Cloud sync, Agents; the version stands on the server in the "
            "list of installed programs.",
     .values = "yes"},
    READERS,
    {0}};

#define GUIDE "https://learn.microsoft.com/exchange/hybrid-deployment/enable-exchange-attributes-cloud-management"
#define CLOUD_SYNC "https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/what-is-cloud-sync"
#define WHEN                                                                                                           \
  " It applies where such a job exists, or where it is stated that applications read Active Directory; where that is " \
  "denied and no job exists, it does not."
static const struct uh_check checks[] = {
    {.id = "writeback.job",
     .title = "A Cloud Sync job writes Exchange's attributes back to Active Directory",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-09",
     .rules = job,
     APPLIES,
     .attests = readers,
     .remedy = "In the Microsoft Entra admin center, Cloud sync, set up or start the configuration that synchronises "
               "Exchange Online's attributes to AD; it runs beside Connect Sync. Mend what a quarantine names, then "
               "restart it. Without it the attributes in Active Directory stay as they are on the day of the change.",
     .reference = CLOUD_SYNC,
     .explain = "Synchronisation jobs in Graph whose templateId begins with one of writeback.templates: enabled, "
                "active, not in quarantine. The template's name is known from the field, not from a document: where "
                "only jobs of unknown templates are found the check is unknown. The older writeback of a hybrid "
                "deployment (AAD2ADExchangeHybridWriteback) is another job and no substitute." WHEN},
    {.id = "writeback.last-run",
     .title = "Attributes were written back within the last three hours",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-09",
     .rules = last_run,
     APPLIES,
     .attests = readers,
     .remedy = "Look at the provisioning logs of the job in the Microsoft Entra admin center, and whether its agent is "
               "active; then start it anew.",
     .reference = CLOUD_SYNC,
     .explain = "The end of the job's last successful execution, seen from the observation. A cycle takes about twenty "
                "minutes." WHEN},
    {.id = "writeback.mapping",
     .title = "The job writes back every attribute that it can",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-09",
     .rules = mapping,
     APPLIES,
     .attests = readers,
     .remedy = "Configurations from before August 2026 have no mapping for mail: in Attribute mapping choose Restore "
               "default mappings. That drops mappings of your own; write them down first.",
     .reference = CLOUD_SYNC,
     .explain = "The attribute mappings of the job's schema against the 24 attributes that writeback covers. Where a "
                "mapping takes its value from is not looked at." WHEN},
    {.id = "writeback.agent",
     .title = "An agent of Cloud Sync that can write attributes back is active",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-09",
     .rules = agent,
     APPLIES,
     .blind_spot = "no source tells the version of an agent, and which are active Graph tells to people alone",
     .attests = agent_or_readers,
     .remedy = "Install or update the provisioning agent (1.1.1107.0 or later) on a server that stays, not on the "
               "Exchange server.",
     .reference = CLOUD_SYNC,
     .explain = "Graph shows agents to signed-in people only (credentials.device_code), and their version to nobody: "
                "that has to be stated. Agents that are seen to be inactive count whatever is stated." WHEN},
    {.id = "writeback.limit",
     .title = "There are not more cloud-managed mailboxes than are written back",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-09",
     .rules = limit,
     APPLIES,
     .attests = readers,
     .remedy = "Ask Microsoft whether the limit of your tenant is higher (writeback.limit in the configuration), or "
               "read the attributes from Microsoft Graph instead of Active Directory.",
     .reference = GUIDE,
     .explain =
         "Mailboxes with IsExchangeCloudManaged against writeback.limit: 600,000 unless configured, as published "
         "in August 2026 (200,000 in the preview before)." WHEN},
    {.id = "writeback.object",
     .title = "Every cloud-managed mailbox is one object in Active Directory",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-09",
     .rules = object_rules,
     APPLIES,
     .attests = readers,
     .remedy = "Find out where the object went (another forest, out of the synchronised units, deleted), or which of "
               "several is the right one; correct msDS-ExternalDirectoryObjectId of copies.",
     .reference = CLOUD_SYNC,
     .explain = "Looked for by ExternalDirectoryObjectId, ImmutableId, ExchangeGuid, then by the primary address among "
                "proxyAddresses. An object that names another mailbox by GUID is not taken for this one. One that kept "
                "such a key to itself, and that no GUID settles, cannot be judged: it may be any mailbox's. Groups and "
                "contacts are not looked at: nothing is written back to them." WHEN},
    {.id = "writeback.attributes",
     .title = "What Active Directory says of a cloud-managed mailbox is what Exchange Online says",
     .severity = UH_WARNING,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-09",
     .rules = attributes,
     APPLIES,
     .attests = readers,
     .remedy =
         "Let a cycle or two pass (up to 40 minutes) and audit again. What stays different: look up the object in "
         "the provisioning logs, and provision it on demand. Exchange Online is right; do not change the values "
         "in Active Directory by hand.",
     .reference = GUIDE,
     .explain =
         "proxyAddresses, mail (WindowsEmailAddress), extensionAttribute1 to 15 (CustomAttribute1 to 15) and "
         "msExchRecipientTypeDetails. Addresses are compared as sets, by what an address means and not by its "
         "letters' case; the primary one has to be the same. Not compared: addresses of other types (X500, SIP, "
         "SPO) and of the tenant's own onmicrosoft.com domains, of which each side has some of its own; "
         "msExchExtensionCustomAttribute1 to 5 and the display type; the recipient type where the cloud's has no "
         "counterpart on premises. What was not obtained on either side is unknown." WHEN},
    {0}};
UH_CHECK_MODULE(writeback, checks);
