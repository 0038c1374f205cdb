/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether what was read can be all there is. Over LDAP, and from most lists, a missing right looks like an empty
 * answer: an attribute that is left out, a list without rows, a domain without users. What every organisation has, and
 * what two sources tell of the same thing, gives that away. Nothing here is a fault of the organisation, so nothing
 * here fails: what cannot be all there is makes the check unknown, and the reason names the right.
 */
#include <stdio.h>
#include <string.h>
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

#define READ_DIRECTORY                                                                                               \
  "the account of the directory section needs Read on every object and attribute, as Authenticated Users have by "   \
  "default (look for deny entries with dsacls)"
#define READ_CLOUD "the application needs Exchange.ManageAsApp and Global Reader, without a scope that narrows it"

/* Where nothing is found to be wrong a probe returns no row; else rows of (set, reason). */
static int probe(struct uh_check_run *run, const char *sql, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int more;
  if (uh_query_open(run, sql, &query, err) < 0) return -1;
  while ((more = uh_query_next(query, err)) > 0) {
    const char *set = uh_query_text(query, 0), *why = uh_query_text(query, 1);
    if (set && uh_set_lacking(run, set, "partial", err, "%s", why ? why : "") < 0) return -1;
  }
  return more;
}

static int probe_all(struct uh_check_run *run, const char *const *sql, struct uh_err *err) {
  for (; *sql; sql++)
    if (probe(run, *sql, err) < 0) return -1;
  return 0;
}

/* Who looks at nothing finds nothing wrong: without these a check here says nothing. */
#define LOCAL_RECIPIENTS "on-premises:Recipient|on-premises:Mailbox+on-premises:RemoteMailbox"

#define STATED(fact, object) "EXISTS (SELECT 1 FROM attestation WHERE fact = '" fact "' AND object = " object " AND value = 'yes')"

/* ---- sanity.attributes: what LDAP leaves out ---- */

/* msExchRecipientTypeDetails: mailboxes on premises, with the system's own; mailboxes in the cloud; everything that has
 * addresses (for mail-enabled public folders and system objects they are not certain). */
#define LOCAL_BITS "77722273447999"
#define REMOTE_BITS "337154932736"
#define MAIL_BITS "337423371775"

/*
 * Of some objects an attribute is certain. One of them may be damaged; where none of a domain's has it, it is hidden.
 * found is written so that the first object that has it ends the search.
 */
static const struct certain {
  const char *attribute, *table, *objects, *found;
} certain[] = {
    {"msExchRecipientTypeDetails", "directory_recipient", "alias <> '' OR home_mdb <> ''", "recipient_type_details <> 0"},
    {"mailNickname", "directory_recipient", "recipient_type_details & " MAIL_BITS, "alias <> ''"},
    {"proxyAddresses", "directory_recipient", "recipient_type_details & " MAIL_BITS, "addresses <> '[]'"},
    {"mail", "directory_recipient", "recipient_type_details & " MAIL_BITS, "mail <> ''"},
    {"userAccountControl", "directory_recipient", "class = 'user'", "account_control <> 0"},
    {"targetAddress", "directory_recipient", "recipient_type_details & " REMOTE_BITS, "target_address <> ''"},
    {"msExchRemoteRecipientType", "directory_recipient", "recipient_type_details & " REMOTE_BITS,
     "remote_recipient_type <> 0"},
    {"homeMDB", "local_recipient", "recipient_type_details & " LOCAL_BITS, "home_mdb <> ''"},
    {"msExchArchiveStatus", "directory_recipient", "length(archive_guid) = 16 AND archive_guid <> zeroblob(16)",
     "archive_status <> 0 OR archive_database <> ''"},
};

/* Each domain's rows stand together: their first and last number, read once. */
static const char domains_sql[] =
    "CREATE TEMP TABLE sanity_domain AS"
    " SELECT domain, min(fact) AS first, max(fact) AS last"
    "  FROM directory_recipient"
    "  WHERE via = 'dc'"
    "  GROUP BY domain";

static int look_at_attribute(struct uh_check_run *run, const struct certain *c, struct uh_err *err) {
  char sql[1600];
  uh_print(sql, sizeof sql,
    "SELECT 'on-premises:Recipient/%s',"
    "  'no ' || '%s' || ' is visible in ' || group_concat(domain, ' and in ')"
    "   || ', where objects stand that cannot be without it: " READ_DIRECTORY "'"
    " FROM temp.sanity_domain"
    " WHERE NOT " STATED("sanity.attribute", "'%s'")
    "  AND EXISTS (SELECT 1 FROM %s AS r WHERE r.domain = sanity_domain.domain"
    "   AND r.fact BETWEEN sanity_domain.first AND sanity_domain.last AND (%s))"
    "  AND NOT EXISTS (SELECT 1 FROM %s AS r WHERE r.domain = sanity_domain.domain"
    "   AND r.fact BETWEEN sanity_domain.first AND sanity_domain.last AND (%s) AND (%s) IS NOT FALSE)"
    " HAVING count(*) > 0",
    c->attribute, c->attribute, c->attribute, c->table, c->objects, c->table, c->objects, c->found);
  return probe(run, sql, err);
}

/* The same of configuration objects, which stand in no domain. every: each object has it, else one at least. */
static const struct certain_property {
  const char *kind, *attribute, *found;
  bool every;
} certain_properties[] = {
    {"ExchangeServer", "networkAddress", "prop(json, 'Fqdn') <> ''", true},
    {"ExchangeServer", "msExchCurrentServerRoles", "prop(json, 'ServerRoleBits') <> ''", true},
    {"AcceptedDomain", "msExchAcceptedDomainName", "prop(json, 'DomainName') <> ''", true},
    /* One of the domains is the default one. */
    {"AcceptedDomain", "msExchAcceptedDomainFlags", UH_SQL_TRUE("Default"), false},
    {"ReceiveConnector", "msExchSmtpReceiveBindings", "prop_list(json, 'Bindings') <> '[]'", true},
    {"ReceiveConnector", "msExchSmtpReceiveRemoteIPRanges", "prop_list(json, 'RemoteIPRanges') <> '[]'", true},
    /* Setup's own connectors take several ways to log on; a connector of somebody's may take none. */
    {"ReceiveConnector", "msExchSMTPReceiveInboundSecurityFlag", "prop(json, 'AuthMechanism') <> 'None'", false},
    {"SendConnector", "routingList", "prop_list(json, 'AddressSpaces') <> '[]'", true},
    {"RemoteDomain", "domainName", "prop(json, 'DomainName') <> ''", true},
    {"MailboxDatabase", "msExchOwningServer", "prop(json, 'Server') <> ''", true},
};

static int look_at_property(struct uh_check_run *run, const struct certain_property *c, struct uh_err *err) {
  char sql[1200];
  uh_print(sql, sizeof sql,
    "SELECT 'on-premises:%s/%s',"
    "  '%s is visible on ' || coalesce(sum(%s), 0) || ' of ' || count(*) || ' objects, and cannot be absent on %s: "
    READ_DIRECTORY "'"
    " FROM object"
    " WHERE side = 'on-premises' AND kind = '%s' AND source = 'directory'"
    "  AND NOT " STATED("sanity.attribute", "'%s'")
    " HAVING count(*) > 0 AND %s(coalesce(%s, 1)) = 0",
    c->kind, c->attribute, c->attribute, c->found, c->every ? "any" : "all of them", c->kind, c->attribute,
    c->every ? "min" : "max", c->found);
  return probe(run, sql, err);
}

static int attributes(struct uh_check_run *run, struct uh_err *err) {
  if (uh_check_need(run, LOCAL_RECIPIENTS ",on-premises:ExchangeServer,on-premises:AcceptedDomain", err) < 0 ||
      uh_check_exec(run, domains_sql, err) < 0)
    return -1;
  for (size_t i = 0; i < sizeof certain / sizeof *certain; i++)
    if (look_at_attribute(run, &certain[i], err) < 0) return -1;
  for (size_t i = 0; i < sizeof certain_properties / sizeof *certain_properties; i++)
    if (look_at_property(run, &certain_properties[i], err) < 0) return -1;
  return 0;
}

/* The attributes of the two tables above, all that an attestation may name. */
static const char attributes_sql[] =
    "SELECT column1 AS object, NULL AS value FROM (VALUES "
    "('msExchRecipientTypeDetails'), ('mailNickname'), ('proxyAddresses'), ('mail'), "
    "('userAccountControl'), ('targetAddress'), ('msExchRemoteRecipientType'), ('homeMDB'), "
    "('msExchArchiveStatus'), ('networkAddress'), ('msExchCurrentServerRoles'), "
    "('msExchAcceptedDomainName'), ('msExchAcceptedDomainFlags'), ('msExchSmtpReceiveBindings'), "
    "('msExchSmtpReceiveRemoteIPRanges'), ('msExchSMTPReceiveInboundSecurityFlag'), "
    "('routingList'), ('domainName'), ('msExchOwningServer')"
    ")";
static const struct uh_attestable attribute_facts[] = {
    {.fact = "sanity.attribute",
     .question = "Is it true that no object has this attribute where every object should have it?",
     .how = "Look with an account that may read everything, for instance a Domain Admin: Get-ADObject -LDAPFilter "
            "'(ATTRIBUTE=*)'.",
     .values = "yes",
     .object = "attribute",
     .observed = attributes_sql,
     .basis = "SELECT identity FROM object WHERE side = 'on-premises' AND kind IN ('Domain', 'ExchangeServer')",
     .basis_needs = "on-premises:Domain,on-premises:ExchangeServer"},
    {0}};

/* ---- sanity.organization: what every organisation has ---- */

#define COUNT(side, kind) "(SELECT count(*) FROM object WHERE side = '" side "' AND kind = '" kind "')"
/* A set that was read, and of which nothing was seen. */
#define READ_AND_EMPTY(side, kind) "(" UH_SQL_COMPLETE(side, kind) " AND " COUNT(side, kind) " = 0)"
/* Where nobody told a server's role it may be one of these. Edge servers have neither databases nor virtual directories, and their connectors are not in Active Directory. */
#define SERVERS                                                                  \
  "(SELECT count(*) FROM object WHERE side = 'on-premises' AND kind = 'ExchangeServer'" \
  " AND coalesce(prop(json, 'IsMailboxServer'), has_word(prop(json, 'ServerRole'), 'Mailbox')) IN (1, 'true', 'True') IS NOT FALSE)"
/* What the steps of the uninstall take away before Setup. An audit between them sees what a lacking right would show. */
#define TAKEN_AWAY(what)                                                                                           \
  "where the cleanup has " what " for the uninstall that is expected, and `unhybrid resume` goes on without this; "   \
  "otherwise "
#define WITH_SERVERS(kind, what, otherwise)                                                                        \
  "SELECT 'on-premises:" kind "', 'there is a mailbox server and not one " what ", and Setup makes them for each "  \
  "server: " otherwise "' || (SELECT CASE WHEN EXISTS (SELECT 1 FROM \"set\" WHERE source = 'directory' AND name = '" kind "'"   \
  "  AND state = 'complete') THEN '" READ_DIRECTORY "' ELSE 'the account that exported it needs View-Only "         \
  "Organization Management' END)"                                                                                  \
  " WHERE " SERVERS " > 0 AND " READ_AND_EMPTY("on-premises", kind)                                                 \
  "  AND NOT " STATED("sanity.nothing-there", "'on-premises:" kind "'")

static const char *const organization_probes[] = {
    "SELECT 'on-premises:ExchangeServer', 'no Exchange server is visible, and an organisation that is to lose its last "
    "one has it: " READ_DIRECTORY "; or the server was uninstalled already'"
    " WHERE " READ_AND_EMPTY("on-premises", "ExchangeServer"),
    WITH_SERVERS("ReceiveConnector", "receive connector", ""),
    WITH_SERVERS("MailboxDatabase", "mailbox database", TAKEN_AWAY("removed the databases")),
    WITH_SERVERS("WebServicesVirtualDirectory", "virtual directory for web services", ""),
    "SELECT 'on-premises:Recipient', 'not one recipient is visible in the whole forest: " READ_DIRECTORY "'"
    " WHERE " UH_SQL_COMPLETE("on-premises", "Recipient") " AND NOT EXISTS (SELECT 1 FROM directory_recipient WHERE via <> '')",
    /* Arbitration mailboxes, which Setup makes in the forest's root domain. */
    "SELECT 'on-premises:Recipient/system', 'not one of the system mailboxes is visible that Setup makes in the root "
    "domain (msExchRecipientTypeDetails 8388608): " TAKEN_AWAY("disabled the arbitration mailboxes") READ_DIRECTORY "'"
    " WHERE " UH_SQL_COMPLETE("on-premises", "Recipient")
    "  AND EXISTS (SELECT 1 FROM directory_recipient WHERE via <> '')"
    "  AND NOT EXISTS (SELECT 1 FROM local_recipient WHERE (recipient_type_details = 8388608) IS NOT FALSE)"
    "  AND NOT " STATED("sanity.nothing-there", "'on-premises:Recipient/system'"),
    /* Exports alone: whatever they hold, it is somebody. */
    "SELECT 'on-premises:Mailbox', 'the exports of Exchange Server hold not one recipient, not even a system mailbox: "
    "export with an account of View-Only Organization Management, and Set-ADServerSettings -ViewEntireForest $true'"
    " WHERE " UH_SQL_COMPLETE("on-premises", "Mailbox") " AND " UH_SQL_COMPLETE("on-premises", "Mailbox/Arbitration")
    "  AND NOT EXISTS (SELECT 1 FROM exchange_recipient WHERE side = 'on-premises')"
    "  AND NOT EXISTS (SELECT 1 FROM directory_recipient WHERE via <> '')",
    NULL};

static int organization(struct uh_check_run *run, struct uh_err *err) {
  if (uh_check_need(run, LOCAL_RECIPIENTS ",on-premises:ExchangeServer,on-premises:ReceiveConnector", err) < 0) return -1;
  return probe_all(run, organization_probes, err);
}

static const char nothing_sql[] =
    "SELECT 'on-premises:' || column1 AS object, NULL AS value"
    " FROM (VALUES ('ReceiveConnector'), ('MailboxDatabase'), ('WebServicesVirtualDirectory'), ('Recipient/system'))";
static const struct uh_attestable nothing_facts[] = {
    {.fact = "sanity.nothing-there",
     .question = "Is it true that there is none of these?",
     .how = "Look with an account that may read everything, in the Exchange Management Shell: for instance "
            "Get-ReceiveConnector, Get-MailboxDatabase, Get-Mailbox -Arbitration.",
     .values = "yes",
     .object = "set",
     .observed = nothing_sql,
     .basis = "SELECT identity FROM object WHERE side = 'on-premises' AND kind = 'ExchangeServer'",
     .basis_needs = "on-premises:ExchangeServer"},
    {0}};

/* ---- sanity.domains: what two sources say of the same domains ---- */

#define DOMAIN_KEYS(side_, kind_, value)                                                            \
  "(SELECT domain_key(" value ") AS key FROM object WHERE side = '" side_ "' AND kind = '" kind_ "')"
#define CLOUD_DOMAINS DOMAIN_KEYS("cloud", "AcceptedDomain", "prop(json, 'DomainName')")
#define LOCAL_DOMAINS DOMAIN_KEYS("on-premises", "AcceptedDomain", "prop(json, 'DomainName')")
#define FIRST_OF(keys) "(SELECT group_concat(key, ', ') FROM (SELECT DISTINCT key FROM " keys " WHERE key <> '' ORDER BY key LIMIT 5))"

static const char *const domain_probes[] = {
    "SELECT 'cloud:AcceptedDomain', 'no accepted domain is the same on both sides (on premises ' || "
    FIRST_OF(LOCAL_DOMAINS) " || '; in Exchange Online ' || " FIRST_OF(CLOUD_DOMAINS)
    " || '): this is not the tenant of this organisation, or one side shows only a part; " READ_CLOUD "'"
    " WHERE " UH_SQL_COMPLETE("cloud", "AcceptedDomain") " AND " UH_SQL_COMPLETE("on-premises", "AcceptedDomain")
    /* None here at all, in a list that was read in full: the organisation was removed. */
    "  AND EXISTS (SELECT 1 FROM " LOCAL_DOMAINS ")"
    "  AND NOT EXISTS (SELECT 1 FROM " CLOUD_DOMAINS " AS c WHERE c.key <> '' AND c.key IN (SELECT key FROM " LOCAL_DOMAINS "))",
    /* A domain that Entra uses for mail is an accepted domain of Exchange Online. */
    "SELECT 'cloud:AcceptedDomain/Graph', 'Graph shows domains for mail that Exchange Online did not list: '"
    "   || group_concat(key, ', ') || ': " READ_CLOUD "'"
    " FROM (SELECT domain_key(name) AS key FROM object"
    "  WHERE side = 'cloud' AND kind = 'GraphDomain' AND (" UH_SQL_TRUE("isVerified")
    "   AND has_word(prop(json, 'supportedServices'), 'Email')) IS NOT FALSE)"
    " WHERE " UH_SQL_COMPLETE("cloud", "AcceptedDomain") " AND " UH_SQL_COMPLETE("cloud", "GraphDomain")
    "  AND key NOT IN (SELECT key FROM " CLOUD_DOMAINS " WHERE key IS NOT NULL)"
    " HAVING count(*) > 0",
    /* The tenant names its verified domains, and Graph lists them: twice the same. */
    "SELECT 'cloud:GraphDomain', 'the tenant names domains that Graph did not list: ' || group_concat(key, ', ')"
    "   || ': the application needs the Graph permission Domain.Read.All'"
    " FROM (SELECT domain_key(json_extract(d.value, '$.name')) AS key"
    "  FROM object, json_each(prop_list(object.json, 'verifiedDomains')) AS d"
    "  WHERE side = 'cloud' AND kind = 'GraphOrganization')"
    " WHERE " UH_SQL_COMPLETE("cloud", "GraphOrganization") " AND " UH_SQL_COMPLETE("cloud", "GraphDomain")
    "  AND key NOT IN (SELECT key FROM " DOMAIN_KEYS("cloud", "GraphDomain", "name") " WHERE key IS NOT NULL)"
    " HAVING count(*) > 0",
    "SELECT 'cloud:GraphOrganization/verifiedDomains', 'the tenant does not tell its domains, so that nobody knows whether Graph listed all: '"
    "   || 'the application needs the Graph permission Organization.Read.All'"
    " FROM object"
    " WHERE side = 'cloud' AND kind = 'GraphOrganization' AND prop_list(object.json, 'verifiedDomains') IS NULL"
    " LIMIT 1",
    /* A resolver that knows no name at all is asked from the wrong place: the tenant's own names always exist. */
    "SELECT 'dns:' || view, 'not one name that was asked for exists, seen by the resolver ' || group_concat(DISTINCT server)"
    "   || ': it does not resolve names of the Internet; name another below dns in the configuration'"
    " FROM dns"
    " GROUP BY view"
    " HAVING count(*) > 3 AND max(" UH_SQL_DNS_TOLD("outcome") ") AND NOT max(outcome = 'answer')",
    /* A server is a member of a domain of the forest; an Edge server is not. */
    "SELECT 'on-premises:Domain', 'servers stand in domains that the account does not see: '"
    "   || group_concat(DISTINCT coalesce(key, 'not told of ' || name)) || ': give it Read on CN=Partitions and everything below'"
    " FROM (SELECT domain_key(prop(json, 'Domain')) AS key, name FROM object"
    "  WHERE side = 'on-premises' AND kind = 'ExchangeServer' AND source = 'directory'"
    "   AND coalesce(prop(json, 'IsEdgeServer'), 0) IN (0, 'false'))"
    " WHERE " UH_SQL_COMPLETE("on-premises", "Domain")
    "  AND (key <> '' AND key NOT IN (SELECT key FROM " DOMAIN_KEYS("on-premises", "Domain", "prop(json, 'DnsRoot')")
    " WHERE key IS NOT NULL)) IS NOT FALSE"
    " HAVING count(*) > 0",
    NULL};

static int domains(struct uh_check_run *run, struct uh_err *err) {
  if (uh_check_need(run, "on-premises:AcceptedDomain,cloud:AcceptedDomain", err) < 0) return -1;
  return probe_all(run, domain_probes, err);
}

/* ---- sanity.recipients: whom one source shows and another does not ---- */

/*
 * Whoever Exchange Online calls synchronised has an object in Active Directory. It is looked for by Entra's id, then by
 * the mailbox's GUID, then by address; nearly all are found at the first, so the others cost nothing. Public folders
 * have no such id.
 */
static const char synced_sql[] =
    "CREATE TEMP TABLE sanity_missing AS"
    " SELECT fact, exchange_guid, address_key(primary_address) AS key,"
    "   coalesce(nullif(primary_address, ''), nullif(name, ''), identity) AS object"
    "  FROM exchange_recipient"
    "  WHERE side = 'cloud' AND listing = '' AND is_dir_synced = 1 AND kind <> 'MailPublicFolder'"
    "   AND coalesce(recipient_type_details, '') <> 'PublicFolder'"
    "   AND (lower(external_id) NOT IN ("
    "    SELECT lower(substr(external_id, instr(external_id, '_') + 1))"
    "     FROM directory_recipient"
    "     WHERE external_id <> '')) IS NOT FALSE";
static const char by_mailbox_sql[] =
    "DELETE FROM temp.sanity_missing"
    " WHERE length(exchange_guid) = 16 AND exchange_guid <> zeroblob(16)"
    "  AND exchange_guid IN (SELECT mailbox_guid FROM directory_recipient WHERE length(mailbox_guid) = 16)";
static const char by_address_sql[] =
    "DELETE FROM temp.sanity_missing"
    " WHERE key IN ("
    "   SELECT address_key(a.value)"
    "    FROM directory_recipient, json_each(directory_recipient.addresses) AS a"
    "    WHERE addresses <> '[]')";
static const char missing_sql[] =
    "SELECT 'on-premises:Recipient/synchronised',"
    "  'Exchange Online calls ' || count(*) || ' recipients synchronised of which Active Directory shows no object, for '"
    "   || 'instance ' || min(object) || '. They are hidden (" READ_DIRECTORY "), stand in a forest that this case does '"
    "   || 'not read, or were left behind'"
    " FROM temp.sanity_missing"
    " WHERE NOT " STATED("sanity.recipients", "''")
    " HAVING count(*) > 0";

/* Get-RemoteMailbox was read, and whom it listed. */
#define LISTED_REMOTE                                                                                            \
  "EXISTS (SELECT 1 FROM \"set\" WHERE source LIKE 'exchange-%' AND side = 'on-premises' AND name = 'RemoteMailbox'" \
  " AND state = 'complete')"
#define REMOTE_GUIDS                                                                                             \
  "SELECT guid FROM exchange_recipient WHERE side = 'on-premises' AND kind = 'RemoteMailbox' AND length(guid) = 16"

static const char *const recipient_probes[] = {
    /* Orphans are common; that most are missing is not. */
    "SELECT 'cloud:Mailbox', 'Active Directory has ' || remote || ' remote mailboxes and Exchange Online listed ' || listed"
    "   || ' mailboxes: " READ_CLOUD "'"
    " FROM (SELECT count(*) AS remote FROM directory_recipient WHERE recipient_type_details & " REMOTE_BITS "),"
    "  (SELECT count(*) AS listed FROM exchange_recipient WHERE side = 'cloud' AND kind = 'Mailbox' AND listing = '')"
    " WHERE " UH_SQL_COMPLETE("cloud", "Mailbox") " AND " UH_SQL_COMPLETE("on-premises", "Recipient")
    "  AND remote > 2 * listed",
    /* Exchange Server's own list against the directory's, in both directions: Guid is objectGUID. */
    "SELECT 'on-premises:Recipient/exported', 'Exchange Server listed ' || count(*) || ' recipients that the '"
    "   || 'directory does not show, for instance ' || min(coalesce(nullif(primary_address, ''), name, identity))"
    "   || ': " READ_DIRECTORY "; or the exports are old'"
    " FROM exchange_recipient"
    " WHERE side = 'on-premises' AND length(guid) = 16 AND " UH_SQL_COMPLETE("on-premises", "Recipient")
    "  AND guid NOT IN (SELECT guid FROM directory_recipient)"
    "  AND NOT " STATED("sanity.recipients", "''")
    " HAVING count(*) > 0",
    "SELECT 'on-premises:RemoteMailbox', 'the directory shows ' || count(*) || ' remote mailboxes that "
    "Get-RemoteMailbox did not list, for instance ' || min(coalesce(nullif(mail, ''), dn)) || ': list them with -ResultSize "
    "Unlimited after Set-ADServerSettings -ViewEntireForest $true'"
    " FROM directory_recipient"
    " WHERE recipient_type_details & " REMOTE_BITS
    "  AND " LISTED_REMOTE
    "  AND guid NOT IN (" REMOTE_GUIDS ")"
    "  AND NOT " STATED("sanity.recipients", "''")
    " HAVING count(*) > 0",
    NULL};

/* 1 some are left, 0 none, -1 failed. */
static int missing_left(struct uh_check_run *run, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  if (uh_query_open(run, "SELECT 1 FROM temp.sanity_missing LIMIT 1", &query, err) < 0) return -1;
  return uh_query_next(query, err);
}

static const char comparable_sql[] =
    "SELECT 1 WHERE " UH_SQL_COMPLETE("on-premises", "Recipient")
    " AND EXISTS (SELECT 1 FROM exchange_recipient WHERE side = 'cloud')";

static int synchronised(struct uh_check_run *run, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  static const char *const narrower[] = {by_mailbox_sql, by_address_sql};
  if (uh_query_open(run, comparable_sql, &query, err) < 0) return -1;
  int left = uh_query_next(query, err);
  if (left <= 0) return left;
  if (uh_check_exec(run, synced_sql, err) < 0) return -1;
  for (size_t i = 0; i < 2 && (left = missing_left(run, err)) > 0; i++)
    if (uh_check_exec(run, narrower[i], err) < 0) return -1;
  return left < 0 ? -1 : probe(run, missing_sql, err);
}

static int recipients(struct uh_check_run *run, struct uh_err *err) {
  if (uh_check_need(run, LOCAL_RECIPIENTS ",cloud:Mailbox", err) < 0 || synchronised(run, err) < 0) return -1;
  return probe_all(run, recipient_probes, err);
}
/* Bound to who they are, so that one more makes the attestation lapse. Those that only mailbox or address connect are
 * among them: they change nothing. */
static const char accounted_sql[] =
    "SELECT lower(external_id)"
    " FROM exchange_recipient"
    " WHERE side = 'cloud' AND listing = '' AND is_dir_synced = 1 AND kind <> 'MailPublicFolder'"
    "  AND lower(external_id) NOT IN ("
    "   SELECT lower(substr(external_id, instr(external_id, '_') + 1)) FROM directory_recipient WHERE external_id <> '')"
    " UNION ALL"
    " SELECT guid_text(guid) FROM exchange_recipient"
    " WHERE side = 'on-premises' AND length(guid) = 16 AND guid NOT IN (SELECT guid FROM directory_recipient)"
    " UNION ALL"
    " SELECT guid_text(guid) FROM directory_recipient"
    " WHERE recipient_type_details & " REMOTE_BITS " AND " LISTED_REMOTE
    "  AND guid NOT IN (" REMOTE_GUIDS ")";
/* clang-format on */

static const struct uh_attestable recipient_facts[] = {
    {.fact = "sanity.recipients",
     .question = "Are the recipients that only one source shows all accounted for?",
     .how = "Compare the lists: an object of another forest that is synchronised to the same tenant, one that was left "
            "behind when synchronisation ended, a remote mailbox that was made after the export. Look for each in "
            "Active Directory with an account that may read everything.",
     .values = "yes",
     .basis = accounted_sql,
     .basis_needs = LOCAL_RECIPIENTS ",cloud:Mailbox"},
    {0}};

#define PERMISSIONS "https://learn.microsoft.com/exchange/permissions/permissions"
#define APP_ONLY "https://learn.microsoft.com/powershell/exchange/app-only-auth-powershell-v2"
static const struct uh_check checks[] = {
    {.id = "sanity.attributes",
     .title = "The account that reads Active Directory sees the attributes that every object has",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-30",
     .never_fails = true,
     .run = attributes,
     .attests = attribute_facts,
     .remedy = "Give the account the right that the reason names, or use one that has it; then run the audit again.",
     .reference = PERMISSIONS,
     .explain = "Over LDAP an attribute that may not be read is left out, as if it were not set. So attributes are "
                "looked at that some objects cannot be without: the type and the alias of recipients, the database of "
                "a mailbox on premises, the target of one in the cloud, the addresses of a connector. Where all of a "
                "domain's objects are without one, it counts as hidden. Attributes that nobody need have (moves, "
                "holds, the URL of a service connection point) give no sign when they alone are hidden: use an "
                "account whose rights were not narrowed attribute by attribute."},
    {.id = "sanity.organization",
     .title = "The organisation has what every organisation has",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-30",
     .never_fails = true,
     .run = organization,
     .attests = nothing_facts,
     .remedy = "Give the account the right that the reason names, or use one that has it; then run the audit again. "
               "Between the steps of the uninstall, when the cleanup itself has disabled the arbitration mailboxes or "
               "removed the databases, nothing is wrong: go on with unhybrid resume, which does not ask this again.",
     .reference = PERMISSIONS,
     .explain =
         "Servers, and what Setup makes for each server (receive connectors, databases, virtual directories); "
         "recipients, and among them the system mailboxes. Where one of these was read and nothing was seen, a "
         "right is missing, whatever the service said, unless the steps of the uninstall took it away. Lists that are never empty in any tenant are refused "
         "when they are read already."},
    {.id = "sanity.domains",
     .title = "What the sources say of the domains fits together",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-30",
     .never_fails = true,
     .run = domains,
     .remedy = "Make sure that directory and tenant belong together, give the right that the reason names, then run "
               "the audit again.",
     .reference = APP_ONLY,
     .explain = "Some accepted domain has to be the same on both sides. Domains that Entra uses for mail have to be "
                "accepted domains of Exchange Online, those that the tenant names have to be listed by Graph, and "
                "those that servers stand in have to be known as domains of the forest. Only lists that were read in "
                "full are compared."},
    {.id = "sanity.recipients",
     .title = "No source shows recipients that another should show and does not",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-30",
     .never_fails = true,
     .run = recipients,
     .attests = recipient_facts,
     .remedy = "Look for the objects with an account that may read everything. Where they are nowhere, they were left "
               "behind: clean them up, or attest that they are accounted for.",
     .reference = APP_ONLY,
     .explain = "Recipients that Exchange Online calls synchronised and Active Directory does not show, by Entra's id, "
                "mailbox GUID and address; far fewer mailboxes in the tenant than remote mailboxes in Active "
                "Directory; and, where both the directory and exports of Exchange Server were read, recipients that "
                "only one of them holds. Public folders are left out. A single remote mailbox without its mailbox in "
                "the tenant is no finding."},
    {0}};
UH_CHECK_MODULE(sanity, checks);
