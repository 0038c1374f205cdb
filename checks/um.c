/* SPDX-License-Identifier: Apache-2.0 */
/* Unified Messaging: Exchange 2016 and older answer telephones with it. */
#include <unhybrid/check.h>
#include <unhybrid/sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/*
 * could: whether a server can run it at all. Version 15.2 is Exchange 2019, which has no Unified Messaging, nor has
 * anything later; an Edge server never had it. NULL while the version or the role of a server is not known.
 */
#define VERSION "prop(json, 'AdminDisplayVersion')"
#define ROLE "prop(json, 'ServerRole')"
/* ServerRole is a number or words. */
#define IS_EDGE                                                    \
  "CASE WHEN typeof(" ROLE ") = 'integer' THEN " ROLE " & 64 <> 0" \
  " ELSE coalesce(has_word(" ROLE ", 'Edge'), " UH_SQL_TRUE("IsEdgeServer") ") END"
#define COULD                                                                                          \
  "could(one) AS MATERIALIZED ("                                                                       \
  "  SELECT CASE"                                                                                      \
  "    WHEN max(capable) THEN 1"                                                                       \
  "    WHEN count(*) = count(capable) THEN 0 END"                                                      \
  "   FROM ("                                                                                          \
  "    SELECT NOT " IS_EDGE " AND"                                                                     \
  "      CASE WHEN " VERSION " GLOB 'Version [0-9]*' THEN CAST(substr(" VERSION ", 9) AS REAL) < 15.2 END" \
  "      AS capable"                                                                                   \
  "     FROM object"                                                                                   \
  "     WHERE side = 'on-premises' AND kind = 'ExchangeServer'))"
#define OLD_ENOUGH "(SELECT one FROM could)"

/* Of the directory the state is a number whose meaning is not known: there the object itself counts. */
#define STATUS "lower(prop(json, 'Status'))"
static const char device_sql[] =
    "WITH " COULD
    " SELECT CASE"
    "   WHEN " STATUS " = 'disabled' THEN 0"
    "   WHEN " STATUS " IS NULL THEN CASE WHEN NOT " OLD_ENOUGH " THEN 0 END"
    "   ELSE " OLD_ENOUGH " END AS violated," UH_SQL_OBJECT_WHO
    "  CASE kind WHEN 'UMIPGateway' THEN 'UM IP gateway' ELSE 'UM auto attendant' END AS kind,"
    "  CASE kind WHEN 'UMIPGateway'"
    "    THEN 'A telephone system is connected by this gateway' || coalesce(' (' || nullif(prop(json, 'Address'), '') || ')', '')"
    "    ELSE 'This auto attendant answers calls' END || '.' AS message,"
    "  CASE WHEN " STATUS " IS NULL THEN json_object('Status', NULL)"
    "    WHEN " OLD_ENOUGH " IS NULL THEN json_object('version of an Exchange server', NULL)"
    "    ELSE json_object("
    "      'Status', prop_json(json, 'Status'),"
    "      'Address', coalesce(prop(json, 'Address'), ''),"
    "      'identity', identity) END AS evidence,"
    "  '' AS command"
    " FROM object"
    " WHERE side = 'on-premises' AND kind IN ('UMIPGateway', 'UMAutoAttendant')";
/* A mailbox that is enabled for it has an address of type EUM; after Disable-UMMailbox it has none. */
static const char mailbox_sql[] =
    "WITH " COULD ","
    " local AS ("
    "  SELECT guid, mail, name, dn, home_mdb, addresses,"
    "    (SELECT max(value) FROM json_each(addresses) WHERE value LIKE 'EUM:%') AS extension"
    "   FROM local_recipient"
    "   WHERE " UH_SQL_NO_MAILBOX " IS NOT TRUE AND (home_mdb <> '') IS NOT FALSE)"
    " SELECT CASE"
    "   WHEN addresses IS NULL THEN CASE WHEN NOT " OLD_ENOUGH " THEN 0 END"
    "   WHEN extension IS NULL THEN 0"
    "   ELSE " OLD_ENOUGH " AND home_mdb <> '' END AS violated," UH_SQL_DIRECTORY_WHO
    "  'mailbox' AS kind,"
    "  'This mailbox has the extension ' || substr(extension, 5) || '.' AS message,"
    "  CASE WHEN addresses IS NULL THEN json_object('proxyAddresses', NULL)"
    "    WHEN home_mdb IS NULL THEN json_object('homeMDB', NULL)"
    "    WHEN " OLD_ENOUGH " IS NULL THEN json_object('version of an Exchange server', NULL)"
    "    ELSE json_object('proxyAddresses', extension) END AS evidence,"
    "  '' AS command"
    " FROM local";
static const char listed_sql[] =
    "SELECT " UH_SQL_TRUE("UMEnabled") " AS violated," UH_SQL_OBJECT_WHO
    "  'mailbox' AS kind,"
    "  'This mailbox is enabled for Unified Messaging.' AS message,"
    "  json_object("
    "    'UMEnabled', prop_json(json, 'UMEnabled'),"
    "    'Extensions', coalesce(prop(json, 'Extensions'), '')) AS evidence,"
    "  '' AS command"
    " FROM object"
    " WHERE side = 'on-premises' AND kind = 'UMMailbox'";
#define MAILBOX_NEEDS "on-premises:Recipient|on-premises:UMMailbox"
static const struct uh_rule in_use[] = {
    {"on-premises", "on-premises:UMIPGateway,on-premises:UMAutoAttendant", device_sql},
    {"on-premises", MAILBOX_NEEDS, mailbox_sql},
    {"on-premises", MAILBOX_NEEDS, listed_sql},
    {0}};
static const char applies[] = "WITH " COULD " SELECT one FROM could";
/* clang-format on */

static const struct uh_check checks[] = {
    {.id = "um.in-use",
     .title = "Unified Messaging is not used",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE,
     .requirements = "P-17",
     .rules = in_use,
     .applies = applies,
     .applies_needs = "on-premises:ExchangeServer",
     .remedy =
         "Move voice mail and auto attendants to Teams (Cloud Voicemail, Teams auto attendants) or another "
         "product, take the telephone system off the gateways, then disable the mailboxes "
         "(Disable-UMMailbox) and remove the objects (Remove-UMAutoAttendant, Remove-UMIPGateway) in the Exchange "
         "Management Shell.",
     .reference = "https://learn.microsoft.com/exchange/voice-mail-unified-messaging/voice-mail-unified-messaging",
     .explain = "Gateways to telephone systems, auto attendants, and mailboxes on premises with an extension (an "
                "address of type EUM), where a server is older than Exchange 2019: later ones have no Unified "
                "Messaging. Dial plans and hunt groups without a gateway, extensions that moved mailboxes still "
                "carry, and gateways that an export shows as disabled are no finding. In Active Directory the state "
                "of a gateway is a number whose meaning is not documented, so each gateway there counts."},
    {0}};
UH_CHECK_MODULE(um, checks);
