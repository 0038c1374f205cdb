/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_STEP_SQL_DIRECTORY_H
#define UNHYBRID_STEP_SQL_DIRECTORY_H
/*
 * Entries of Active Directory, for the steps after the uninstall. Statements begin with UH_SQL_STEP_ENTRIES; their rows
 * begin with UH_SQL_STEP_ENTRY and go on with owner, reason, dn, class, as uh_step_delete_entry wants them.
 */
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* An entry may stand in several areas; here it stands once. Every attribute was asked for: one that is not in json is
 * not set. above: the DN of what holds it, which only its own first comma ends. */
#define UH_SQL_STEP_ENTRIES                                                                                         \
  "WITH entry AS MATERIALIZED ("                                                                                    \
  "  SELECT guid_text(guid) AS guid, max(dn) AS dn, max(class) AS class, max(json) AS json,"                        \
  "    max(rdn(dn)) AS name, max(context) AS context, group_concat(area) AS areas"                                  \
  "   FROM directory_entry"                                                                                         \
  "   WHERE area <> 'recipients'"                                                                                   \
  "   GROUP BY guid)"
#define UH_SQL_STEP_ENTRY(table) "'on-premises' AS side, 'DirectoryEntry' AS kind, " table ".guid, " table ".dn"
/* The DN stands below another; LIKE would read what a name holds as a pattern. */
#define UH_SQL_STEP_BELOW(dn, root)                                                                                 \
  "(length(" dn ") > length(" root ") AND lower(substr(" dn ", -length(" root ") - 1)) = lower(',' || " root "))"
/* What the name goes on with, from one of its commas. */
#define UH_SQL_STEP_WITHIN(dn, part) "(instr(lower(" dn "), lower('" part "')) > 0)"
#define UH_SQL_STEP_EXCHANGE(dn) UH_SQL_STEP_WITHIN(dn, ",CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=")
#define UH_SQL_STEP_AUTODISCOVER(dn)                                                                                \
  UH_SQL_STEP_WITHIN(dn, ",CN=Microsoft Exchange Autodiscover,CN=Services,CN=Configuration,DC=")

/*
 * While an object of a server stands in the forest nothing of the directory is deleted. The class of a server's role
 * settings is derived from the server's own, and says as much.
 */
#define UH_SQL_STEP_SERVER_ENTRIES                                                                                  \
  UH_SQL_STEP_ENTRIES                                                                                               \
  " SELECT 'blocked', " UH_SQL_STEP_ENTRY("entry") ","                                                              \
  "  'the object of an Exchange server is still there: ' || dn"                                                     \
  " FROM entry"                                                                                                     \
  " WHERE lower(class) IN ('msexchexchangeserver', 'msexchexchangetransportserver')"                                \
  " ORDER BY length(dn), dn LIMIT 1"
#define UH_STEP_ENTRY_NEEDS "on-premises:DirectoryEntry,on-premises:ExchangeServer"
/* What must pass right before any entry goes. Without its groups and containers the management tools do not work. */
#define UH_STEP_ENTRY_CHECKS "tools.in-use,server.gone,cleanup.backup"

/* What makes an account a mailbox, or shows that it was none's business to take that away: names, as JSON; '[]' none. */
#define UH_SQL_STEP_MAILBOX_ATTRIBUTES(json)                                                                        \
  "(SELECT json_group_array(attribute.value) FROM json_each('[\"homeMDB\",\"msExchMailboxGuid\","                   \
  "\"msExchHomeServerName\",\"msExchArchiveGUID\",\"msExchArchiveDatabaseLink\"]') AS attribute"                    \
  "  WHERE coalesce(prop_list(" json ", attribute.value), '[]') <> '[]')"
/* Something below the entry of this name is, or may be, a recipient's: its DN; NULL where there is nothing. */
#define UH_SQL_STEP_RECIPIENT_BELOW(root)                                                                           \
  "(SELECT min(below.dn) FROM entry AS below"                                                                       \
  "  WHERE " UH_SQL_STEP_BELOW("below.dn", root)                                                                    \
  "   AND (lower(below.class) IN ('publicfolder', 'contact', 'computer', 'inetorgperson')"                          \
  "     OR " UH_SQL_STEP_MAILBOX_ATTRIBUTES("below.json") " <> '[]'))"
/* clang-format on */
#endif
