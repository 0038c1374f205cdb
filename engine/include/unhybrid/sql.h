/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_SQL_H
#define UNHYBRID_SQL_H
/*
 * What the SQL of many checks has in common. Each is a string literal; put it on a line of its own between literals:
 *   "SELECT archive_database <> '' AS violated," UH_SQL_DIRECTORY_WHO
 *   "  'archive' AS kind,"
 */

/* key, guid and object of a row of directory_recipient, exchange_recipient or object. */
#define UH_SQL_DIRECTORY_WHO   \
  "  guid_text(guid) AS key,"  \
  "  guid_text(guid) AS guid," \
  "  coalesce(nullif(mail, ''), nullif(name, ''), dn) AS object,"
#define UH_SQL_EXCHANGE_WHO                                                                                         \
  "  coalesce(nullif(guid_text(guid), ''), nullif(lower(primary_address), ''), nullif(identity, ''), name) AS key," \
  "  nullif(guid_text(guid), '') AS guid,"                                                                          \
  "  coalesce(nullif(primary_address, ''), nullif(user_principal_name, ''), nullif(name, ''), identity) AS object,"
#define UH_SQL_OBJECT_WHO                                      \
  "  CASE guid WHEN '' THEN name ELSE lower(guid) END AS key," \
  "  nullif(lower(guid), '') AS guid,"                         \
  "  name AS object,"

/* How a command names a recipient. */
#define UH_SQL_DIRECTORY_ID "ps_quote(coalesce(nullif(mail, ''), guid_text(guid)), guid_text(guid))"
#define UH_SQL_EXCHANGE_ID "ps_quote(coalesce(nullif(primary_address, ''), guid_text(guid)), guid_text(guid))"

/* msExchRecipientTypeDetails of the mailboxes that Exchange keeps for itself, as a sum of bits: system attendant 2^13,
 * system 2^14, arbitration 2^23, monitoring 2^39, audit log 2^42, aux audit log 2^46. */
#define UH_SQL_SYSTEM_MAILBOXES "75316554915840"
#define UH_SQL_DISCOVERY_MAILBOX "536870912" /* 2^29: for eDiscovery searches; people may want what is in it */

/* An object in Active Directory that cannot be a mailbox, whatever its recipient type. */
#define UH_SQL_NO_MAILBOX "lower(class) IN ('group', 'contact', 'publicfolder', 'msexchdynamicdistributionlist')"
/* Exchange's own mailboxes in Active Directory, which are never synchronised: system attendant, system, arbitration,
 * discovery, monitoring, audit log, aux audit log. */
#define UH_SQL_OWN_MAILBOX                           \
  "coalesce(recipient_type_details & 75317091786752" \
  " OR dn LIKE 'CN=HealthMailbox%' OR dn LIKE 'CN=SystemMailbox%' OR dn LIKE 'CN=PublicFolderMailboxes.%', 0)"
/* The address a.value is in a domain of relay(domain). Most are told apart by their text; the key, which is dear,
 * decides about the others. */
#define UH_SQL_IN_RELAY                                                                               \
  "EXISTS (SELECT 1 FROM relay WHERE (a.value LIKE '%@' || domain || '%' OR a.value GLOB '*[^ -~]*')" \
  " AND domain_of(a.value) = domain)"
/* A property is true; NULL when it was not obtained. */
#define UH_SQL_TRUE(name) "(lower(prop(json, '" name "')) IN ('1', 'true'))"

/* Rows of exchange_recipient: mailboxes in Exchange Online that are cloud-managed, or may be. */
#define UH_SQL_CLOUD_MAILBOX                        \
  "(side = 'cloud' AND kind = 'Mailbox'"            \
  " AND listing = '' AND is_cloud_managed IS NOT 0" \
  " AND is_dir_synced IS NOT 0)"
/* msExchRecipientTypeDetails that stands on premises for a mailbox of this type in the cloud; NULL: there is none. */
#define UH_SQL_REMOTE_TYPE(type)                                                          \
  "CASE " type                                                                            \
  " COLLATE NOCASE WHEN 'UserMailbox' THEN 2147483648 WHEN 'RoomMailbox' THEN 8589934592" \
  " WHEN 'EquipmentMailbox' THEN 17179869184 WHEN 'SharedMailbox' THEN 34359738368"       \
  " WHEN 'TeamMailbox' THEN 274877906944 END"
/* An object is a job that writes Exchange Online's attributes back to Active Directory. */
#define UH_SQL_WRITEBACK_JOB                                                                    \
  "(side = 'cloud' AND kind = 'GraphSynchronizationJob' AND EXISTS (SELECT 1 FROM setting AS s" \
  " WHERE s.name = 'writeback.templates'"                                                       \
  " AND lower(substr(prop(object.json, 'templateId'), 1, length(s.value))) = lower(s.value)))"
/* An object is a job of which nobody told what it does. */
#define UH_SQL_UNTOLD_JOB                                \
  "(side = 'cloud' AND kind = 'GraphSynchronizationJob'" \
  " AND prop(object.json, 'templateId') IS NULL)"
/* Whether writeback matters here: 1 where somebody set it up, or applications read Active Directory; 0 where somebody
 * said that none does, and no job may be one; NULL where nobody knows. */
#define UH_SQL_WRITEBACK_APPLIES                                                 \
  "SELECT CASE WHEN EXISTS (SELECT 1 FROM object WHERE " UH_SQL_WRITEBACK_JOB    \
  ") THEN 1 ELSE (SELECT max(CASE lower(value) WHEN 'yes' THEN 1 WHEN 'no' THEN" \
  " iif(EXISTS (SELECT 1 FROM object WHERE " UH_SQL_UNTOLD_JOB                   \
  "), NULL, 0) END) FROM attestation"                                            \
  " WHERE fact = 'writeback.applications-read-directory') END"

/* The tenant's own names, in every Microsoft cloud. */
#define UH_SQL_TENANT_DOMAIN(domain)                \
  "(" domain " LIKE '%.onmicrosoft.com' OR " domain \
  " LIKE '%.onmicrosoft.us'"                        \
  " OR " domain " LIKE '%.partner.onmschina.cn')"
/* The domain of an address space such as "smtp:contoso.mail.onmicrosoft.com;1". */
#define UH_SQL_SPACE_REST(space) "substr(" space ", instr(" space ", ':') + 1) || ';'"
#define UH_SQL_SPACE_DOMAIN(space) \
  "substr(" UH_SQL_SPACE_REST(space) ", 1, instr(" UH_SQL_SPACE_REST(space) ", ';') - 1)"
/* The value of a DNS record a.value, whatever its type. */
#define UH_SQL_DNS_DATA                                                              \
  "coalesce(json_extract(a.value, '$.exchange'), json_extract(a.value, '$.target')," \
  " json_extract(a.value, '$.address'), json_extract(a.value, '$.text'))"
/* These outcomes of a question say what there is; after any other nobody knows. */
#define UH_SQL_DNS_TOLD(outcome) "(" outcome " IN ('answer', 'nodata', 'nxdomain'))"

/*
 * A name that nobody makes beside one that was found: what it answers, a wildcard record answers for every name there.
 * The same in every run, so that observations can be compared. Rows of the role `wildcard` hold what came of it.
 */
#define UH_DNS_UNMADE_LABEL "unhybrid-nobody-made-this-name-q7x2"
#define UH_SQL_DNS_UNMADE(name) "'" UH_DNS_UNMADE_LABEL "' || substr(" name ", instr(" name ", '.'))"
/* What stands at the very name that was asked for, of whatever type; NULL: nothing. row: (name, answers). */
#define UH_SQL_DNS_AT_NAME(row)                                                                                     \
  "(SELECT group_concat(v, char(10)) FROM (SELECT json_remove(r.value, '$.ttl', '$.name') AS v FROM json_each(" row \
  ".answers) AS r WHERE json_extract(r.value, '$.name') = " row ".name ORDER BY 1))"
/* A row of the table of questions, named `unmade`, tells that the name that nobody makes has what this row has. */
#define UH_SQL_DNS_SAME_UNMADE(row)                                                 \
  "(unmade.role = 'wildcard' AND unmade.view = " row ".view AND unmade.type = " row \
  ".type"                                                                           \
  " AND unmade.name = " UH_SQL_DNS_UNMADE(row ".name") " AND " UH_SQL_DNS_TOLD(     \
      "unmade.outcome") " AND " UH_SQL_DNS_AT_NAME("unmade") " = " UH_SQL_DNS_AT_NAME(row) ")"
/* The same for many rows of dns: a wildcard answers, and perhaps no record was made. Not so where it was not told. */
#define UH_SQL_DNS_BY_WILDCARD(row) \
  "((" row ".view, " row ".type, " UH_SQL_DNS_UNMADE(row ".name") ", coalesce(" UH_SQL_DNS_AT_NAME(row) ", ''))" \
  " IN (SELECT view, type, name, coalesce(" UH_SQL_DNS_AT_NAME("unmade") ", '-') FROM dns AS unmade"             \
  "  WHERE role = 'wildcard' AND " UH_SQL_DNS_TOLD("outcome") "))"

/* A server has a computer account: one with its name in DNS, or one of its short name, whose name in DNS may be another
 * or hidden. NULL: not known. */
#define UH_SQL_ACCOUNT "FROM object WHERE side = 'on-premises' AND kind = 'ExchangeComputer')"
#define UH_SQL_HAS_ACCOUNT(name, fqdn)                                                                  \
  "(" fqdn " IN (SELECT rtrim(lower(prop(json, 'DNSHostName')), '.') " UH_SQL_ACCOUNT " OR lower(" name \
  ") || '$' IN (SELECT lower(prop(json, 'SamAccountName')) " UH_SQL_ACCOUNT ")"

/* Some source is configured and read all of the set: what it does not show does not exist. */
#define UH_SQL_COMPLETE(side, name)                                         \
  "EXISTS (SELECT 1 FROM \"set\" WHERE side = '" side "' AND name = '" name \
  "'"                                                                       \
  " GROUP BY source HAVING min(state = 'complete'))"
#endif
