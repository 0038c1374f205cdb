/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_STEP_SQL_DNS_H
#define UNHYBRID_STEP_SQL_DNS_H
/*
 * Records of DNS that lead to servers that are gone, for the steps after the uninstall. Statements begin with
 * UH_SQL_STEP_DNS and give the columns that uh_step_each_record wants.
 *
 * A server is told by the host names that its own objects gave, and by the addresses that DNS gave for these while a
 * server was there (anchors server-host and server-address). A name alone never decides: one that leads elsewhere by
 * now is somebody else's.
 */
#include <unhybrid/sql.h>
#include <unhybrid/step_sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

#define UH_SQL_DNS_NAME(name) "iif(" name " = '.', '.', " name " || '.')"
/* A record as a zone file has it after the type; a TXT record as its text, without quotes. r: an element of answers. */
#define UH_SQL_DNS_RDATA(r)                                                                                          \
  "CASE json_extract(" r ".value, '$.type')"                                                                         \
  "  WHEN 'MX' THEN json_extract(" r ".value, '$.preference') || ' ' || " UH_SQL_DNS_NAME("json_extract(" r ".value, '$.exchange')") \
  "  WHEN 'SRV' THEN json_extract(" r ".value, '$.priority') || ' ' || json_extract(" r ".value, '$.weight')"        \
  "    || ' ' || json_extract(" r ".value, '$.port') || ' ' || " UH_SQL_DNS_NAME("json_extract(" r ".value, '$.target')") \
  "  WHEN 'CNAME' THEN " UH_SQL_DNS_NAME("json_extract(" r ".value, '$.target')")                                    \
  "  WHEN 'TXT' THEN json_extract(" r ".value, '$.text')"                                                            \
  "  ELSE json_extract(" r ".value, '$.address') END"
/* Of a row (view, name, type, answers) the records at the name itself, sorted, as JSON. */
#define UH_SQL_DNS_RECORDS(row)                                                                                      \
  "(SELECT json_group_array(rdata) FROM (SELECT " UH_SQL_DNS_RDATA("r") " AS rdata FROM json_each(" row ".answers) AS r" \
  "   WHERE json_extract(r.value, '$.type') = " row ".type AND json_extract(r.value, '$.name') = " row ".name ORDER BY 1))"
/* The same of whatever type, with it: "A 192.0.2.1", "CNAME www.contoso.com." */
#define UH_SQL_DNS_HELD(row)                                                                                         \
  "(SELECT json_group_array(held) FROM (SELECT json_extract(r.value, '$.type') || ' ' || " UH_SQL_DNS_RDATA("r") " AS held" \
  "   FROM json_each(" row ".answers) AS r WHERE json_extract(r.value, '$.name') = " row ".name ORDER BY 1))"
/* The words of a text, as rows of json_each; json_quote makes any text safe to cut into a JSON array. */
#define UH_SQL_DNS_WORDS(text)                                                                                       \
  "json_each('[\"' || replace(substr(json_quote(" text "), 2, length(json_quote(" text ")) - 2), ' ', '\",\"') || '\"]')"
#define UH_SQL_DNS_IS_SPF(text) "(lower(" text ") = 'v=spf1' OR lower(" text ") LIKE 'v=spf1 %')"
/* Every question once, answered where any answer told what there is. */
#define UH_SQL_DNS_ASKED(table)                                                                                      \
  "SELECT view, name, type, max" UH_SQL_DNS_TOLD("outcome") " AS told, outcome, answers FROM " table                 \
  " GROUP BY view, name, type"
/*
 * A set of records as an object: rows of view, name, type, json. Names ?1 the view, ?2 the name and ?3 the type, where
 * SPF are the SPF records among the TXT records, and TXT the others. Terms: the words of SPF records.
 */
#define UH_SQL_DNS_OBJECT(table)                                                                                     \
  "WITH asked AS (" UH_SQL_DNS_ASKED(table) " HAVING view = ?1 AND name = ?2 AND type = iif(?3 = 'SPF', 'TXT', ?3)),"   \
  " whole AS (SELECT *, " UH_SQL_DNS_RECORDS("asked") " AS all_records FROM asked WHERE told),"                      \
  " record_set AS (SELECT view, name, (SELECT json_group_array(text.value) FROM json_each(all_records) AS text"      \
  "    WHERE whole.type <> 'TXT' OR " UH_SQL_DNS_IS_SPF("text.value") " = (?3 = 'SPF')) AS records FROM whole)"        \
  " SELECT view, name, ?3 AS type, json_object('View', view, 'Name', name, 'Type', ?3, 'Records', json(records),"    \
  "   'Terms', json((SELECT json_group_array(word.value) FROM json_each(records) AS text, " UH_SQL_DNS_WORDS("text.value") " AS word" \
  "     WHERE ?3 = 'SPF' AND word.value <> ''))) AS json"                                                            \
  "  FROM record_set WHERE records <> '[]'"

/*
 * record_set: every question: view, name, type, told, outcome, records (JSON; own records at the name). by_wildcard: a
 * wildcard answers just so, and perhaps no record was made. wildcard: what it answers (JSON, "A 192.0.2.1"); NULL where
 * that was not asked or not told, untold how it went then.
 * domain: accepted domains that DNS was asked for. theirs: another forest's hybrid domains, which are no concern here.
 * led: where a name leads. old: 1 to servers that are gone, 0 elsewhere; 2 it is a server's name, and nothing tells
 * whether what it leads to was a server's; NULL nobody told. leads: the addresses, for people.
 */
#define UH_SQL_STEP_DNS                                                                                              \
  "WITH asked AS MATERIALIZED (" UH_SQL_DNS_ASKED("dns WHERE role <> 'wildcard'") "),"                               \
  " unmade AS MATERIALIZED (" UH_SQL_DNS_ASKED("dns WHERE role = 'wildcard'") "),"                                   \
  " record_set AS MATERIALIZED ("                                                                                    \
  "  SELECT asked.*, " UH_SQL_DNS_RECORDS("asked") " AS records, " UH_SQL_DNS_BY_WILDCARD("asked") " AS by_wildcard," \
  "    iif(unmade.told, " UH_SQL_DNS_HELD("unmade") ", NULL) AS wildcard, iif(unmade.told, NULL, unmade.outcome) AS untold" \
  "   FROM asked LEFT JOIN unmade ON unmade.view = asked.view AND unmade.type = asked.type"                          \
  "     AND unmade.name = " UH_SQL_DNS_UNMADE("asked.name") "),"                                                     \
  " networks(list) AS MATERIALIZED ("                                                                                \
  "  SELECT json_group_array(value) FROM setting WHERE name = 'mail_flow.onprem_networks'),"                         \
  " knows(addresses) AS MATERIALIZED (SELECT EXISTS (SELECT 1 FROM anchor WHERE name = 'server-address')),"          \
  " host(name) AS MATERIALIZED (SELECT DISTINCT lower(value) FROM anchor WHERE anchor.name = 'server-host'),"        \
  " domain(name) AS MATERIALIZED (SELECT DISTINCT domain FROM dns WHERE role = 'mx'),"                               \
  " theirs(name) AS MATERIALIZED ("                                                                                  \
  "  SELECT DISTINCT value FROM anchor WHERE name = 'other-hybrid-domain'"                                           \
  "    AND value NOT IN (SELECT value FROM anchor WHERE name = 'hybrid-domain')),"                                   \
  " found AS MATERIALIZED ("                                                                                         \
  "  SELECT asked.view, asked.name, json_extract(r.value, '$.address') AS address,"                                  \
  "    EXISTS (SELECT 1 FROM anchor WHERE anchor.name = 'server-address'"                                            \
  "      AND anchor.value = json_extract(r.value, '$.address')) AS known"                                            \
  "   FROM asked, json_each(asked.answers) AS r"                                                                     \
  "   WHERE asked.type IN ('A', 'AAAA') AND json_extract(r.value, '$.type') IN ('A', 'AAAA')),"                      \
  " alias AS MATERIALIZED ("                                                                                         \
  "  SELECT DISTINCT asked.view, asked.name, json_extract(r.value, '$.target') AS target"                            \
  "   FROM asked, json_each(asked.answers) AS r"                                                                     \
  "   WHERE json_extract(r.value, '$.type') = 'CNAME'),"                                                             \
  " way AS MATERIALIZED ("                                                                                           \
  "  SELECT view, name, min(told) AS told,"                                                                          \
  "    name IN (SELECT name FROM host) OR EXISTS (SELECT 1 FROM alias JOIN host ON host.name = alias.target"         \
  "      WHERE alias.view = asked.view AND alias.name = asked.name) AS of_server,"                                   \
  "    EXISTS (SELECT 1 FROM alias WHERE alias.view = asked.view AND alias.name = asked.name"                        \
  "      AND (" UH_SQL_STEP_MICROSOFT("alias.target") " OR alias.target LIKE '%.office.com')) AS to_microsoft,"      \
  "    EXISTS (SELECT 1 FROM setting WHERE setting.name = 'mail_flow.gateways'"                                      \
  "      AND asked.name GLOB lower(setting.value)) AS is_gateway"                                                    \
  "   FROM asked WHERE type IN ('A', 'AAAA') GROUP BY view, name),"                                                  \
  " led AS MATERIALIZED ("                                                                                           \
  "  SELECT way.*, (SELECT group_concat(address, ', ') FROM found"                                                   \
  "      WHERE found.view = way.view AND found.name = way.name) AS leads,"                                           \
  "    CASE"                                                                                                         \
  "      WHEN to_microsoft OR is_gateway THEN 0"                                                                     \
  "      WHEN EXISTS (SELECT 1 FROM found WHERE found.view = way.view AND found.name = way.name AND NOT known"       \
  "        AND (addresses AND NOT in_networks(address, list) OR NOT of_server)) THEN 0"                              \
  "      WHEN NOT told THEN NULL"                                                                                    \
  "      WHEN EXISTS (SELECT 1 FROM found WHERE found.view = way.view AND found.name = way.name AND NOT known) THEN 2" \
  "      WHEN of_server OR EXISTS (SELECT 1 FROM found WHERE found.view = way.view AND found.name = way.name) THEN 1" \
  "      ELSE 0 END AS old"                                                                                          \
  "   FROM way, knows, networks)"
/* How a question went that nobody answered; why a name may or may not be a server's. */
#define UH_SQL_STEP_DNS_UNTOLD "'DNS did not tell it (' || outcome || ')'"
#define UH_SQL_STEP_DNS_LEADS "coalesce(leads, 'no address')"
/* Why a name that a wildcard answers for stays, and what else there is below a planned change. Of record_set and led. */
#define UH_SQL_STEP_DNS_WILDCARD "'a wildcard (*' || substr(name, instr(name, '.')) || ', or one above it)'"
#define UH_SQL_STEP_DNS_BY_WILDCARD                                                                                  \
  "'in the ' || view || ' view ' || name || ' is answered by ' || " UH_SQL_STEP_DNS_WILDCARD                         \
  " || ', or by a record of its own that says the same'"
#define UH_SQL_STEP_DNS_WILDCARD_LEADS                                                                               \
  "CASE old WHEN 1 THEN '; it leads to ' || " UH_SQL_STEP_DNS_LEADS                                                  \
  "    || ', by which servers that are gone were reached: look whether anything else needs the wildcard'"            \
  "  WHEN 2 THEN '; it leads to ' || " UH_SQL_STEP_DNS_LEADS " || ', and nothing tells whether that was a server''s: look yourself'" \
  "  ELSE '; it leads to ' || " UH_SQL_STEP_DNS_LEADS " END"
#define UH_SQL_STEP_DNS_BESIDE                                                                                       \
  "CASE WHEN wildcard <> '[]' THEN '; without it ' || " UH_SQL_STEP_DNS_WILDCARD " || ' answers: ' || " UH_SQL_STEP_WORDS("wildcard") \
  "    || iif(EXISTS (SELECT 1 FROM json_each(wildcard) AS other, json_each(records) AS own WHERE substr(other.value, instr(other.value, ' ') + 1) = own.value)," \
  "      ', which has to change too', '')"                                                                           \
  "  WHEN untold IS NOT NULL THEN '; whether a wildcard answers without it was not told (' || untold || ')' ELSE '' END"
#define UH_SQL_STEP_DNS_QUESTION(what, leads)                                                                        \
  "'The ' || view || ' view still has ' || " what " || ', which leads to ' || coalesce(" leads ", 'no address')"     \
  " || ' by the name of a server that is gone. No observation from before the uninstall says whether that address was a"  \
  " server''s. Is nothing of yours there any more?'"
#define UH_SQL_STEP_DNS_NEEDS "dns:public,dns:internal"
/* clang-format on */
#endif
