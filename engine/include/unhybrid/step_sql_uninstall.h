/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_STEP_SQL_UNINSTALL_H
#define UNHYBRID_STEP_SQL_UNINSTALL_H
/*
 * What the steps of the uninstall have in common: how Exchange's own mailboxes are told apart, and which checks stand
 * before what cannot be taken back.
 *
 * A mailbox is the account that Setup made for it, as the snapshot of the directory holds it: of a type that only
 * Exchange gives, and in a database. Own column: dn. What is of the type and no account of Setup's is told by
 * UH_SQL_STRAY_MAILBOX, and blocks.
 */
#define UH_SQL_OWN_NEEDS "on-premises:DirectoryEntry,on-premises:Recipient,on-premises:ExchangeServer"
#define UH_SQL_ENTRY_VALUE(name) "json_extract(json, '$." name "[0]')"
#define UH_SQL_OWN_MAILBOXES(type, what) \
  "SELECT 'on-premises' AS side, 'DirectoryEntry' AS kind, guid_text(guid) AS guid, rdn(dn) AS name,"             \
  "  'server' AS owner, '" what " in ' || rdn(" UH_SQL_ENTRY_VALUE("homeMDB") ") AS reason,"                       \
  "  dn"                                                                                                           \
  " FROM directory_entry"                                                                                          \
  " WHERE area IN ('accounts', 'system-objects')"                                                                  \
  "  AND " UH_SQL_ENTRY_VALUE("msExchRecipientTypeDetails") " = '" type "'"                                        \
  "  AND " UH_SQL_ENTRY_VALUE("homeMDB") " <> ''"                                                                  \
  " GROUP BY guid ORDER BY name, guid"
#define UH_SQL_STRAY_MAILBOX(type, what)                                                                                     \
  "SELECT 'blocked', 'on-premises', 'DirectoryEntry', guid_text(r.guid), coalesce(nullif(r.name, ''), r.dn),"                \
  "  coalesce(nullif(r.mail, ''), r.dn) || ' is " what                                                                       \
  ", and no account that Setup makes: look whose it is, and disable it'"                                                     \
  " FROM directory_recipient AS r"                                                                                           \
  " WHERE ?1 IS NOT NULL AND r.recipient_type_details = " type                                                               \
  " AND (r.home_mdb <> '') IS NOT FALSE"                                                                                     \
  "  AND NOT EXISTS (SELECT 1 FROM directory_entry AS e WHERE e.guid = r.guid AND e.area IN ('accounts', 'system-objects'))" \
  " ORDER BY r.dn"

/* Stated, or seen: asked before the first mailbox goes, as nothing can be looked up calmly afterwards. */
#define UH_UNINSTALL_CHECKS                                                                                 \
  "tools.in-use,cleanup.backup,setup.build,setup.connector,setup.expansion,setup.queue,setup.rights,"       \
  "setup.interrupted,setup.processes,setup.reboot,setup.monitoring,server.last,server.dag,migration.batch," \
  "migration.move-request,mailbox.on-premises,archive.on-premises,public-folder.on-premises"

#define UH_POINT_OF_NO_RETURN                                                                                      \
  "This is the point of no return: from here on the way leads to the end of the last Exchange server, and nobody " \
  "can bring it back but from a backup of Active Directory. "
#define UH_DECOMMISSION "https://techcommunity.microsoft.com/blog/exchange/decommissioning-exchange-server-2016/4214475"
#endif
