/* SPDX-License-Identifier: Apache-2.0 */
/* Journaling: where the reports go. Exchange Online delivers them to no mailbox of its own, so many go on premises. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * target: the addresses that reports are delivered to; "<>" is how the service says that there is none.
 * here, there: what Active Directory, and what an export or Exchange Online, show under such an address: 1 a mailbox on
 * premises, 0 anything else that is certain, NULL a group or a folder, or what synchronised mail users stand for.
 * An address in none of the accepted domains is another organisation's; one in an accepted domain that nobody has leads
 * somewhere that nobody sees.
 */
#define ADDRESS(name) "trim(prop(json, '" name "'), '<>')"
#define LOCAL_MAILBOX "(home_mdb <> '' OR (recipient_type_details & 161628209283135) <> 0)"
#define SAME_ADDRESS "has_address(r.addresses, wanted.key)"
#define TARGETS                                                                                                   \
  "WITH target AS ("                                                                                              \
  "  SELECT side, kind, name, guid, json, " ADDRESS("JournalEmailAddress") " AS address,"                         \
  "    CASE WHEN prop(json, 'Enabled') = '' THEN 1 ELSE " UH_SQL_TRUE("Enabled") " END AS enabled"                \
  "   FROM object"                                                                                                \
  "   WHERE kind = 'JournalRule'"                                                                                 \
  "  UNION ALL"                                                                                                   \
  "  SELECT side, kind, name, guid, json, " ADDRESS("JournalingReportNdrTo") ", 1"                                \
  "   FROM object"                                                                                                \
  "   WHERE kind = 'TransportConfig'),"                                                                           \
  " wanted AS MATERIALIZED ("                                                                                     \
  "  SELECT DISTINCT address_key(address) AS key FROM target WHERE address_key(address) <> ''),"                  \
  " here AS MATERIALIZED ("                                                                                       \
  "  SELECT wanted.key, max(CASE " LOCAL_MAILBOX                                                                  \
  "      WHEN 1 THEN 1"                                                                                           \
  "      WHEN 0 THEN iif(lower(class) IN ('user', 'inetorgperson', 'contact'), 0, NULL) END) AS local"            \
  "   FROM wanted, directory_recipient r"                                                                         \
  "   WHERE " SAME_ADDRESS                                                                                        \
  "   GROUP BY wanted.key),"                                                                                      \
  " there AS MATERIALIZED ("                                                                                      \
  "  SELECT wanted.key, max(CASE"                                                                                 \
  "      WHEN side = 'on-premises' THEN iif(kind = 'Mailbox', 1, iif(kind = 'RemoteMailbox', 0, NULL))"           \
  "      WHEN kind = 'Mailbox' THEN 0"                                                                            \
  "      WHEN NOT is_dir_synced AND recipient_type_details IN ('MailUser', 'MailContact', 'GuestMailUser') THEN 0 END)" \
  "      AS local"                                                                                                \
  "   FROM wanted, exchange_recipient r"                                                                          \
  "   WHERE r.listing NOT IN ('SoftDeletedMailbox', 'InactiveMailboxOnly') AND " SAME_ADDRESS                     \
  "   GROUP BY wanted.key),"                                                                                      \
  " own AS MATERIALIZED ("                                                                                        \
  "  SELECT DISTINCT domain_key(iif(prop(json, 'DomainName') = '', name, prop(json, 'DomainName'))) AS domain"    \
  "   FROM object"                                                                                                \
  "   WHERE kind = 'AcceptedDomain'),"                                                                            \
  " untold(one) AS MATERIALIZED ("                                                                                \
  "  SELECT EXISTS (SELECT 1 FROM local_recipient WHERE addresses IS NULL)"                                       \
  "    OR EXISTS (SELECT 1 FROM exchange_recipient WHERE side = 'on-premises' AND addresses IS NULL)),"           \
  " judged AS ("                                                                                                  \
  "  SELECT target.*, address_key(address) AS key, here.local AS here, there.local AS there,"                     \
  "    here.key IS NOT NULL OR there.key IS NOT NULL AS known,"                                                   \
  "    domain_of(address) IN (SELECT domain FROM own) AS ours, untold.one AS untold"                              \
  "   FROM untold, target"                                                                                        \
  "   LEFT JOIN here ON here.key = address_key(address)"                                                          \
  "   LEFT JOIN there ON there.key = address_key(address)) "
#define HERE                                              \
  "CASE"                                                  \
  " WHEN NOT enabled OR address = '' THEN 0"              \
  " WHEN here OR there THEN iif(enabled IS NULL, NULL, 1)" \
  " WHEN address IS NULL OR enabled IS NULL THEN NULL"    \
  " WHEN here = 0 OR there = 0 THEN 0"                    \
  " WHEN NOT known AND NOT untold AND key <> '' AND NOT ours THEN 0 END"
#define WHY                                                                                       \
  "CASE"                                                                                          \
  " WHEN address IS NULL OR enabled IS NULL OR here OR there THEN NULL"                           \
  " WHEN untold AND NOT known THEN json_object('addresses of a mailbox on premises', NULL)"       \
  " ELSE json_object('where the recipient ' || address || ' is', NULL) END"

static const char rule_cloud[] = TARGETS
    "SELECT " HERE " AS violated," UH_SQL_OBJECT_WHO
    "  'journal rule' AS kind,"
    "  'Exchange Online delivers the reports of this journal rule to ' || address || ', a mailbox on premises.'"
    "   AS message,"
    "  coalesce(" WHY ", json_object("
    "    'JournalEmailAddress', prop(json, 'JournalEmailAddress'),"
    "    'Recipient', prop(json, 'Recipient'),"
    "    'Scope', prop(json, 'Scope'),"
    "    'Enabled', bool_json(enabled))) AS evidence,"
    "  '' AS command"
    " FROM judged"
    " WHERE side = 'cloud' AND kind = 'JournalRule'";
static const char rule_local[] = TARGETS
    "SELECT " HERE " AS violated," UH_SQL_OBJECT_WHO
    "  'journal rule' AS kind,"
    "  'The reports of this journal rule are delivered to ' || address || ', a mailbox on premises.' AS message,"
    "  coalesce(" WHY ", json_object("
    "    'JournalEmailAddress', prop(json, 'JournalEmailAddress'),"
    "    'Recipient', coalesce(prop(json, 'Recipient'), ''),"
    "    'Enabled', bool_json(enabled))) AS evidence,"
    "  '' AS command"
    " FROM judged"
    " WHERE side = 'on-premises' AND kind = 'JournalRule'";
/* One organisation has one such address. */
#define REPORTS(of)                                                                                              \
  TARGETS                                                                                                        \
  "SELECT " HERE " AS violated,"                                                                                 \
  "  'JournalingReportNdrTo' AS key,"                                                                            \
  "  NULL AS guid,"                                                                                              \
  "  'transport configuration' AS kind,"                                                                         \
  "  coalesce((SELECT nullif(organization, '') FROM observation), 'organization') AS object,"                    \
  "  'Journal reports that cannot be delivered go to ' || address || ', a mailbox on premises.' AS message,"     \
  "  coalesce(" WHY ", json_object('JournalingReportNdrTo', prop(json, 'JournalingReportNdrTo'))) AS evidence,"  \
  "  '' AS command"                                                                                              \
  " FROM judged"                                                                                                 \
  " WHERE side = '" of "' AND kind = 'TransportConfig'"
#define PLACES "on-premises:Recipient|on-premises:Mailbox,on-premises:AcceptedDomain,cloud:AcceptedDomain"
static const struct uh_rule target[] = {
    {"cloud", "cloud:JournalRule," PLACES, rule_cloud},
    {"on-premises", "on-premises:JournalRule," PLACES, rule_local},
    {0}};
static const struct uh_rule reports[] = {
    {"cloud", "cloud:TransportConfig," PLACES, REPORTS("cloud")},
    {"on-premises", "on-premises:TransportConfig," PLACES, REPORTS("on-premises")},
    {0}};
/* clang-format on */

#define JOURNALING "https://learn.microsoft.com/exchange/security-and-compliance/journaling/journaling"
static const struct uh_check checks[] = {
    {.id = "journal.target",
     .title = "No journal rule delivers to a mailbox on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-19",
     .rules = target,
     .remedy = "Give the rule a target that stays: an archive outside, or another way to keep the messages "
               "(retention in Microsoft Purview). A mailbox in Exchange Online is not allowed as a target. Keep the "
               "old journal mailbox's content before it goes. Rules on premises end with the server: what they did "
               "for mailboxes that moved needs a rule in Exchange Online.",
     .reference = JOURNALING,
     .explain = "Journal rules of both sides that are not disabled. An address of a mailbox on premises is a "
                "finding; one outside the accepted domains, of a contact or of a mailbox in the cloud is none. An "
                "address in an accepted domain that no recipient has cannot be judged. In Active Directory the "
                "target is read from the rule's XML, whose form is not documented: a rule in another form cannot be "
                "judged. Journaling of a whole mailbox database ends with its last mailbox and is not looked at."},
    {.id = "journal.undeliverable",
     .title = "Undeliverable journal reports go to no mailbox on premises",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-19",
     .rules = reports,
     .remedy = "Give JournalingReportNdrTo an address that stays, in Exchange Online PowerShell for Exchange Online: "
               "Set-TransportConfig -JournalingReportNdrTo. That mailbox is never journaled itself.",
     .reference = JOURNALING,
     .explain = "JournalingReportNdrTo of both sides' transport configuration. Where it is not set (<>) reports that "
                "fail stay in the queue; that is no finding here."},
    {0}};
UH_CHECK_MODULE(journal, checks);
