/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_SCHEMA_H
#define UH_SCHEMA_H
/*
 * The facts file's tables, once: the CREATE statements, the writer's column numbers and the views all come from here.
 * docs/facts.md says in words what stands in each column and who fills it; a test compares the two.
 *
 * X(name, type, kind): type TEXT, INTEGER, BLOB or JSON (text: an array of strings). kind KEY: the source always knows
 * it. kind ASKED: a source may fail to obtain it; a column name_state (enum uh_answer) stands beside it, and a row that
 * does not set it is NOT ASKED. Each table t_NAME has a first column
 * `fact`, the row's number, and a view NAME: ASKED columns are NULL when not obtained, and '', 0,
 * x'' or '[]' when there is none.
 */

/* One object in AD that is or could be a recipient (LDAP). */
#define UH_TABLE_directory_recipient(X)                                                                         \
  X(domain, TEXT, KEY) /* naming context that it was read from */                                               \
  X(via, TEXT, KEY)    /* 'dc' or 'gc' */                                                                       \
  X(guid, BLOB, KEY)   /* objectGUID, AD's byte order */                                                        \
  X(dn, TEXT, KEY)                                                                                              \
  X(class, TEXT,                                                                                                \
    ASKED) /* most specific objectClass: user, group, contact, publicFolder, msExchDynamicDistributionList.. */ \
  X(name, TEXT, ASKED)               /* displayName, else cn */                                                 \
  X(account_control, INTEGER, ASKED) /* userAccountControl */                                                   \
  X(recipient_type_details, INTEGER, ASKED)                                                                     \
  X(recipient_display_type, INTEGER, ASKED)                                                                     \
  X(remote_recipient_type, INTEGER, ASKED)                                                                      \
  X(home_mdb, TEXT, ASKED)                                                                                      \
  X(home_server, TEXT, ASKED) /* msExchHomeServerName */                                                        \
  X(mailbox_guid, BLOB, ASKED)                                                                                  \
  X(archive_guid, BLOB, ASKED)                                                                                  \
  X(archive_database, TEXT, ASKED) /* msExchArchiveDatabaseLink */                                              \
  X(archive_status, INTEGER, ASKED)                                                                             \
  X(target_address, TEXT, ASKED)                                                                                \
  X(mail, TEXT, ASKED)                                                                                          \
  X(alias, TEXT, ASKED)     /* mailNickname */                                                                  \
  X(addresses, JSON, ASKED) /* proxyAddresses, JSON array in the order read */                                  \
  X(move_status, INTEGER, ASKED)                                                                                \
  X(move_batch, TEXT, ASKED)                                                                                    \
  X(litigation_hold, TEXT, ASKED)   /* msExchLitigationHoldDate as read */                                      \
  X(hold_policies, JSON, ASKED)     /* msExchUserHoldPolicies, JSON array */                                    \
  X(consistency_guid, BLOB, ASKED)  /* mS-DS-ConsistencyGuid */                                                 \
  X(external_id, TEXT, ASKED)       /* msDS-ExternalDirectoryObjectId */                                        \
  X(custom_attributes, JSON, ASKED) /* extensionAttribute1.. in their order, see docs/facts.md */               \
  X(legacy_dn, TEXT, ASKED)         /* legacyExchangeDN */

/* One recipient as an Exchange cmdlet gives it, from Exchange Online or Exchange Server, live or exported. */
#define UH_TABLE_exchange_recipient(X)                                                                               \
  X(side, TEXT, KEY)    /* 'cloud' or 'on-premises' */                                                               \
  X(source, TEXT, KEY)  /* id of the source */                                                                       \
  X(kind, TEXT, KEY)    /* the cmdlet's noun: Mailbox, MailUser, DistributionGroup.. */                              \
  X(listing, TEXT, KEY) /* '' or the switch that listed it: Archive, Arbitration, AuditLog, AuxAuditLog, Monitoring, \
                           PublicFolder, SoftDeletedMailbox, InactiveMailboxOnly.. */                                \
  X(guid, BLOB, ASKED)  /* Guid */                                                                                   \
  X(external_id, TEXT, ASKED) /* ExternalDirectoryObjectId */                                                        \
  X(identity, TEXT, ASKED)                                                                                           \
  X(name, TEXT, ASKED) /* DisplayName, else Name */                                                                  \
  X(alias, TEXT, ASKED)                                                                                              \
  X(primary_address, TEXT, ASKED) /* PrimarySmtpAddress */                                                           \
  X(addresses, JSON, ASKED)       /* EmailAddresses, JSON array in the order read */                                 \
  X(user_principal_name, TEXT, ASKED)                                                                                \
  X(recipient_type_details, TEXT, ASKED)                                                                             \
  X(remote_recipient_type, TEXT, ASKED)                                                                              \
  X(is_dir_synced, INTEGER, ASKED)                                                                                   \
  X(is_cloud_managed, INTEGER, ASKED) /* IsExchangeCloudManaged */                                                   \
  X(exchange_guid, BLOB, ASKED)                                                                                      \
  X(archive_guid, BLOB, ASKED)                                                                                       \
  X(archive_status, TEXT, ASKED)                                                                                     \
  X(litigation_hold, INTEGER, ASKED)     /* LitigationHoldEnabled */                                                 \
  X(in_place_holds, JSON, ASKED)         /* JSON array */                                                            \
  X(database_name, TEXT, ASKED)          /* Database */                                                              \
  X(server_name, TEXT, ASKED)            /* ServerName */                                                            \
  X(remote_routing_address, TEXT, ASKED) /* RemoteRoutingAddress */                                                  \
  X(external_address, TEXT, ASKED)       /* ExternalEmailAddress */                                                  \
  X(when_created, TEXT, ASKED)           /* WhenMailboxCreated, else WhenCreated, as read */                         \
  X(immutable_id, TEXT, ASKED)           /* ImmutableId */                                                           \
  X(windows_address, TEXT, ASKED)        /* WindowsEmailAddress */                                                   \
  X(custom_attributes, JSON, ASKED)      /* CustomAttribute1.. in their order */

/* Configuration objects of all kinds. A property absent from json was not obtained; null means that there is none. */
#define UH_TABLE_object(X)                                                                                    \
  X(source, TEXT, KEY)                                                                                        \
  X(side, TEXT, KEY) /* 'cloud' or 'on-premises' */                                                           \
  X(kind, TEXT,                                                                                               \
    KEY) /* Exchange's noun: SendConnector, HybridConfiguration..; Graph: GraphOrganization, GraphDomain.. */ \
  X(listing, TEXT, KEY)  /* '' or what listed it (C-04's four calls) */                                       \
  X(identity, TEXT, KEY) /* Identity, or the DN */                                                            \
  X(name, TEXT, KEY)                                                                                          \
  X(guid, TEXT, KEY) /* text, '' where there is none */                                                       \
  X(json, TEXT, KEY) /* properties, Exchange's names */

/* One object of Active Directory, whole: what Exchange's setup may remove or change. Only where a snapshot was asked
 * for. */
#define UH_TABLE_directory_entry(X)                                                                                   \
  X(area, TEXT, KEY)    /* configuration, connection-points, security-groups, system-objects, accounts, recipients */ \
  X(context, TEXT, KEY) /* naming context that it was read from */                                                    \
  X(guid, BLOB, KEY)    /* objectGUID, AD's byte order */                                                             \
  X(dn, TEXT, KEY)                                                                                                    \
  X(class, TEXT, KEY) /* most specific objectClass */                                                                 \
  X(json, TEXT, KEY)  /* attributes by name; of recipients a mark of each, not the values */

/* One DNS question to one server and what came back. */
#define UH_TABLE_dns(X)                                                                                                \
  X(view, TEXT, KEY)   /* 'public' or 'internal' */                                                                    \
  X(server, TEXT, KEY) /* address:port that answered, or was asked last */                                             \
  X(domain, TEXT, KEY) /* key of the accepted domain that the question serves; of a server's host the host */          \
  X(role, TEXT, KEY) /* mx, exchanger, autodiscover, autodiscover-srv, spf, spf-include, dkim1, dkim2, dmarc, mta-sts, \
                        tls-rpt..; host; wildcard */                                                                   \
  X(name, TEXT, KEY) /* owner name asked, key form */                                                                  \
  X(type, TEXT, KEY) /* MX, A, AAAA, CNAME, SRV, TXT */                                                                \
  X(outcome, TEXT, KEY) /* answer, nxdomain, nodata, servfail, refused, timeout, truncated, malformed, unreachable */  \
  X(answers, TEXT, KEY) /* JSON array of records: {"name","type","ttl","data"..}; [] without answer */                 \
  X(detail, TEXT, KEY)  /* what a person needs to know, '' */

/* How complete each set is. A set without a row was never asked for. */
#define UH_TABLE_set(X)                                                            \
  X(source, TEXT, KEY)                                                             \
  X(side, TEXT, KEY)                                                               \
  X(name, TEXT, KEY)                                                               \
  X(part, TEXT, KEY)      /* '' or the naming context, partition, view:server.. */ \
  X(state, TEXT, KEY)     /* complete, partial, failed, not-configured */          \
  X(answer, INTEGER, KEY) /* enum uh_answer: why it is not complete */             \
  X(objects, INTEGER, KEY)                                                         \
  X(why, TEXT, KEY)                                                                \
  X(observed_at, INTEGER, KEY) /* UTC seconds when reading it ended */

#define UH_TABLE_source(X)                                                  \
  X(id, TEXT, KEY)                                                          \
  X(state, TEXT, KEY) /* complete, partial, failed, not-configured */       \
  X(answer, INTEGER, KEY)                                                   \
  X(error_class, INTEGER, KEY) /* enum uh_err_class of the first failure */ \
  X(objects, INTEGER, KEY)                                                  \
  X(requests, INTEGER, KEY)                                                 \
  X(milliseconds, INTEGER, KEY)                                             \
  X(cpu_milliseconds, INTEGER, KEY)                                         \
  X(detail, TEXT, KEY) /* what went wrong, '' */

/* One row, written first (ended_at 0) and completed last. */
#define UH_TABLE_observation(X)                     \
  X(organization, TEXT, KEY)                        \
  X(tenant, TEXT, KEY)                              \
  X(program, TEXT, KEY) /* version that observed */ \
  X(host, TEXT, KEY)                                \
  X(started_at, INTEGER, KEY)                       \
  X(ended_at, INTEGER, KEY) /* 0: cut off */        \
  X(interrupted, INTEGER, KEY)

/* Configuration that checks may see (uh_setting). */
#define UH_TABLE_setting(X) \
  X(name, TEXT, KEY)        \
  X(position, INTEGER, KEY) \
  X(value, TEXT, KEY)

/* Things worth telling that are no set: files ignored, warnings of a service. */
#define UH_TABLE_notice(X) \
  X(source, TEXT, KEY)     \
  X(text, TEXT, KEY)

#define UH_TABLES(T)     \
  T(directory_recipient) \
  T(exchange_recipient) T(object) T(directory_entry) T(dns) T(set) T(source) T(observation) T(setting) T(notice)

#define UH_SCHEMA_VERSION 1 /* PRAGMA user_version; application_id is "uhfa" */

/* UH_COL(directory_recipient, home_mdb) is a column's number in its table. */
#define UH_COL(table, column) UH_COL_##table##_##column
#endif
