/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_STEP_SQL_FEDERATION_H
#define UNHYBRID_STEP_SQL_FEDERATION_H
/*
 * Whether federation with Microsoft's gateway may go, for the steps that take it away: who still uses it, and whether
 * the certificate that Exchange speaks to the gateway with is there. What a user is, is decided by what it does:
 * relationships that lead to the tenant are the hybrid deployment's, which an earlier step removes.
 */
#include <unhybrid/step_sql.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */

/* Of a certificate as a trust shows it: its thumbprint alone, its properties, or the text of the whole certificate. */
#define UH_SQL_STEP_BARE_THUMBPRINT(text)                                                                           \
  "iif(length(" text ") = 40 AND " text " NOT GLOB '*[^0-9A-Fa-f]*', upper(" text "), NULL)"
#define UH_SQL_STEP_TEXT_THUMBPRINT(text)                                                                           \
  "iif(instr(" text ", '[Thumbprint]') > 0,"                                                                        \
  " upper(substr(ltrim(substr(" text ", instr(" text ", '[Thumbprint]') + 12), char(13, 10, 9, 32)), 1, 40)), NULL)"
#define UH_SQL_STEP_THUMBPRINT(text)                                                                                \
  "coalesce(" UH_SQL_STEP_BARE_THUMBPRINT(text) ", " UH_SQL_STEP_TEXT_THUMBPRINT(text) ","                          \
  " iif(json_valid(" text "), upper(prop(" text ", 'Thumbprint')), NULL))"

/*
 * What stands in the way. For uh_step_obstacles. No row: nothing. 'unknown' is of an object that cannot be told from
 * one that uses federation.
 */
#define UH_SQL_STEP_FEDERATION                                                                                      \
  UH_SQL_STEP_PLACES ","                                                                                            \
  " related AS ("                                                                                                   \
  "  SELECT name, guid, prop_list(json, 'DomainNames') AS domains, prop(json, 'TargetApplicationUri') AS application," \
  "    CASE WHEN prop(json, 'Enabled') = '' THEN 1 ELSE " UH_SQL_TRUE("Enabled") " END AS enabled"                  \
  "   FROM configuration"                                                                                           \
  "   WHERE side = 'on-premises' AND kind = 'OrganizationRelationship'),"                                           \
  " judged AS ("                                                                                                    \
  "  SELECT *,"                                                                                                     \
  "    " UH_SQL_STEP_SOME("domains", "NOT (" UH_SQL_STEP_IN_OWN " OR " UH_SQL_STEP_IN_TENANT ")") " AS others,"     \
  "    lower(application) LIKE '%outlook.com' OR lower(application) LIKE '%office365.us'"                           \
  "      OR lower(application) LIKE '%partner.outlook.cn' AS to_microsoft"                                          \
  "   FROM related),"                                                                                               \
  " policy AS ("                                                                                                    \
  "  SELECT name, guid, prop_list(json, 'Domains') AS domains,"                                                     \
  "    CASE WHEN prop(json, 'Enabled') = '' THEN 1 ELSE " UH_SQL_TRUE("Enabled") " END AS enabled"                  \
  "   FROM configuration"                                                                                           \
  "   WHERE side = 'on-premises' AND kind = 'SharingPolicy'),"                                                      \
  /* An entry is "domain:actions". Anonymous needs no federation; * stands in the policy that Setup makes. */       \
  " shared AS ("                                                                                                    \
  "  SELECT policy.*, (SELECT group_concat(DISTINCT entry) FROM ("                                                  \
  "      SELECT lower(iif(instr(value, ':'), substr(value, 1, instr(value, ':') - 1), value)) AS entry"             \
  "       FROM json_each(policy.domains))"                                                                          \
  "     WHERE entry NOT IN ('anonymous', '*', '')) AS named"                                                        \
  "   FROM policy),"                                                                                                \
  " trust AS ("                                                                                                     \
  "  SELECT name, guid,"                                                                                            \
  "    coalesce(" UH_SQL_STEP_THUMBPRINT("prop(json, 'OrgPrivCertificate')") ","                                    \
  "      " UH_SQL_STEP_THUMBPRINT("prop(json, 'OrgCertificate')") ") AS current,"                                   \
  "    coalesce(" UH_SQL_STEP_THUMBPRINT("prop(json, 'OrgNextPrivCertificate')") ","                                \
  "      " UH_SQL_STEP_THUMBPRINT("prop(json, 'OrgNextCertificate')") ") AS next"                                   \
  "   FROM configuration"                                                                                           \
  "   WHERE side = 'on-premises' AND kind = 'FederationTrust'),"                                                    \
  " certificate AS ("                                                                                               \
  "  SELECT upper(nullif(prop(json, 'Thumbprint'), '')) AS thumbprint,"                                             \
  "    max(CAST(strftime('%s', prop(json, 'NotAfter')) AS INTEGER)) AS ends, max(prop(json, 'NotAfter')) AS text"   \
  "   FROM configuration"                                                                                           \
  "   WHERE side = 'on-premises' AND kind = 'ExchangeCertificate'"                                                  \
  "   GROUP BY 1),"                                                                                                 \
  " state AS ("                                                                                                     \
  "  SELECT trust.*, certificate.ends, certificate.text, CASE"                                                      \
  "    WHEN current IS NULL THEN 'unread'"                                                                          \
  /* One that nobody could read may be the very one. */                                                             \
  "    WHEN certificate.thumbprint IS NULL AND EXISTS (SELECT 1 FROM certificate WHERE thumbprint IS NULL) THEN 'unread'" \
  "    WHEN certificate.thumbprint IS NULL AND next IN (SELECT thumbprint FROM certificate) THEN 'next'"            \
  "    WHEN certificate.thumbprint IS NULL THEN 'missing'"                                                          \
  "    WHEN certificate.ends IS NULL THEN 'unread'"                                                                 \
  "    WHEN certificate.ends <= ?1 THEN 'expired' END AS what"                                                      \
  "   FROM trust LEFT JOIN certificate ON certificate.thumbprint = trust.current),"                                  \
  " used AS ("                                                                                                      \
  "  SELECT 'OrganizationRelationship' AS kind, name, guid, enabled IS NULL OR domains IS NULL"                     \
  "      OR (others <> '[]' AND " UH_SQL_STEP_TENANT_UNTOLD ") OR (others = '[]' AND application IS NULL) AS untold,"\
  "    CASE WHEN domains IS NULL OR enabled IS NULL OR application IS NULL THEN 'what it is was not obtained'"      \
  "     WHEN others = '[]' THEN 'it leads to another Exchange organisation (' || application || ')'"                \
  "     ELSE 'it is with ' || " UH_SQL_STEP_WORDS("others") " END AS text"                                          \
  "   FROM judged"                                                                                                  \
  "   WHERE enabled IS NOT 0"                                                                                       \
  "     AND (domains IS NULL OR others <> '[]' OR (application <> '' AND NOT to_microsoft) IS NOT FALSE)"           \
  "  UNION ALL"                                                                                                     \
  "  SELECT 'SharingPolicy', name, guid, enabled IS NULL OR domains IS NULL,"                                       \
  "    iif(domains IS NULL OR enabled IS NULL, 'what it is was not obtained', 'it shares with ' || named)"          \
  "   FROM shared WHERE enabled IS NOT 0 AND (domains IS NULL OR named IS NOT NULL))"                               \
  " SELECT iif(untold, 'unknown', 'blocked') AS what, 'on-premises' AS side, kind, guid, name,"                                            \
  "   iif(untold, text, kind || ' ' || name || ' still uses federation: ' || text"                                  \
  "     || '; federation goes for all organisations at once') AS text"                                              \
  "  FROM used"                                                                                                     \
  " UNION ALL"                                                                                                      \
  " SELECT CASE WHEN what IN ('missing', 'next') THEN 'blocked' ELSE 'note' END, 'on-premises', 'FederationTrust', guid, name,"    \
  "   CASE what"                                                                                                    \
  "    WHEN 'missing' THEN 'no server has the federation certificate ' || current || ', and without it every federation'"\
  "     || ' cmdlet fails (FederationCertificateInvalidException): import it from another server or a backup; else the'"\
  "     || ' only documented way is ADSI Edit: on CN=Federation clear msExchFedAccountNamespace and'"               \
  "     || ' msExchFedDelegationTrust and set msExchFedIsEnabled to FALSE, delete the trust below CN=Federation Trusts,'"\
  "     || ' and clear msExchFedAcceptedDomainLink of each accepted domain'"                                        \
  "    WHEN 'next' THEN 'no server has the federation certificate ' || current || ', and without it every federation'"\
  "     || ' cmdlet fails; the next one, ' || next || ', is there: have the documented repair done (the trust''s'"  \
  "     || ' msExchFedOrgNextCertificate copied into msExchFedOrgPrivCertificate, with ADSI Edit), then plan again'"\
  "    WHEN 'expired' THEN 'The federation certificate ' || current || ' ended on ' || text || '.'"                 \
  "    ELSE 'Whether the federation certificate is valid was not obtained.' END"                                    \
  "  FROM state WHERE what IS NOT NULL"
#define UH_SQL_STEP_FEDERATION_NEEDS                                                                                \
  "on-premises:FederationTrust,on-premises:OrganizationRelationship,on-premises:SharingPolicy," UH_SQL_STEP_PLACES_NEEDS
/* The current certificate of a trust, where it has ended: thumbprint, when. ?1: now. */
#define UH_SQL_STEP_FEDERATION_EXPIRED                                                                              \
  "SELECT upper(prop(c.json, 'Thumbprint')), prop(c.json, 'NotAfter')"                                              \
  " FROM configuration AS c, configuration AS t"                                                                    \
  " WHERE c.side = 'on-premises' AND c.kind = 'ExchangeCertificate'"                                                \
  "  AND t.side = 'on-premises' AND t.kind = 'FederationTrust'"                                                     \
  "  AND upper(prop(c.json, 'Thumbprint')) = coalesce(" UH_SQL_STEP_THUMBPRINT("prop(t.json, 'OrgPrivCertificate')") "," \
  "    " UH_SQL_STEP_THUMBPRINT("prop(t.json, 'OrgCertificate')") ")"                                               \
  "  AND CAST(strftime('%s', prop(c.json, 'NotAfter')) AS INTEGER) <= ?1"                                           \
  " LIMIT 1"
/* clang-format on */
#endif
