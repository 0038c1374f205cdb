/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_WIRE_LDAP_H
#define UH_WIRE_LDAP_H
/*
 * LDAP as a reader speaks it: connect, bind, search in pages. Built for Active Directory's habits (paging is mandatory,
 * long attributes come in ranges, security descriptors need a control) and correct against any LDAPv3 server.
 *
 * Reading is complete or it is an error: uh_ldap_search() returns 0 only when the server said, after the last page,
 * that this was all. Whatever was received before a failure has been handed to the callback all the same; the caller
 * then has a part and knows it. Referrals are never followed; continuation references are counted and handed over.
 *
 * Errors: UH_ERR_DENIED with answer UH_REFUSED where a right or the login is missing, UH_ERR_UNAVAILABLE with answer
 * UH_TIMEOUT where the server is down, slow, busy or broke off, UH_ERR_CONFIG where the options cannot be. `where` is
 * host:port. No secret stands in an error. A connection belongs to one thread at a time.
 */
#include <unhybrid/base.h>

/* Bounds on what a server may send. */
#define UH_LDAP_PAGE_SIZE 1000          /* Active Directory's MaxPageSize: more is cut by the server */
#define UH_LDAP_MAX_MESSAGE (32u << 20) /* bytes of one entry; the connection is given up beyond */
#define UH_LDAP_MAX_HELD (8u << 20)     /* bytes of one page that are held while the next one is on its way */
#define UH_LDAP_MAX_ATTRIBUTES 2048     /* of one entry */
#define UH_LDAP_MAX_VALUES 1000000      /* of one attribute, all ranges together */
#define UH_LDAP_MAX_PAGES 200000        /* of one search */
#define UH_LDAP_MAX_COOKIE 65536        /* bytes */
#define UH_LDAP_PAGE_MEMORY 64          /* pages in which a repetition is recognised */
#define UH_LDAP_BUSY_TRIES 4            /* a read that meets "busy": tries in all, 250 ms, 500 ms, 1 s between them */
#define UH_LDAP_CONNECT_SECONDS 10      /* TCP and TLS, each */
#define UH_LDAP_OPERATION_SECONDS 30    /* bind, StartTLS */
#define UH_LDAP_SILENCE_SECONDS 150     /* nothing heard during a search; AD itself gives up after 120 s */
#define UH_LDAP_PAGE_SECONDS 600        /* one page, however much is heard */

enum uh_ldap_protection {
  UH_LDAP_PROTECT_TLS,    /* ldaps://, or StartTLS on ldap:// */
  UH_LDAP_PROTECT_SEALED, /* ldap:// with GSSAPI sealing */
  UH_LDAP_PROTECT_NONE, /* ldap:// in the clear: a simple bind is refused unless the host is this machine's loopback */
};
struct uh_ldap_options {
  const char *url; /* ldap[s]://host[:port] */
  enum uh_ldap_protection protection;
  bool gssapi; /* SASL GSSAPI with the caller's Kerberos credentials; else a simple bind with user and password */
  const char *UH_NULLABLE user, *password;
  const char *UH_NULLABLE ca_file;         /* PEM; NULL: what libldap is set up with, else the system's */
  int silence_seconds;                     /* 0: UH_LDAP_SILENCE_SECONDS */
  int connect_seconds;                     /* 0: UH_LDAP_CONNECT_SECONDS */
  bool (*UH_NULLABLE stopped)(void *user); /* polled about once a second; true ends the call with UH_ERR_INTERRUPTED */
  void *stopped_user;
};

struct uh_ldap; /* one bound connection */
int uh_ldap_connect(const struct uh_ldap_options *options, struct uh_ldap **ret_ldap, struct uh_err *err);
struct uh_ldap *uh_ldap_free(struct uh_ldap *UH_NULLABLE ldap); /* returns NULL */
void uh_ldap_freep(struct uh_ldap **ldap);
const char *uh_ldap_host(const struct uh_ldap *ldap); /* "dc01.contoso.com:636" */
int64_t uh_ldap_requests(const struct uh_ldap *ldap); /* requests sent so far */
/* The connection was lost, or fell silent: every further search fails. Free it and connect again. */
bool uh_ldap_is_broken(const struct uh_ldap *ldap);
/* Checks url, protection and bind without connecting; what uh_ldap_connect would refuse as UH_ERR_CONFIG. */
int uh_ldap_options_check(const struct uh_ldap_options *options, struct uh_err *err);
/* "ldaps://host:port" with scheme and port of url and another host; a host that brings a port keeps it. Free it. */
int uh_ldap_url_for(const char *url, const char *host, char **ret_url, struct uh_err *err);
/* The port that the URL names or means. -1: no LDAP URL. */
int uh_ldap_url_port(const char *url);
/* Servers of a DNS domain by SRV record, "host" strings, best first. 0 with *ret_n = 0 where DNS has none. */
int uh_ldap_domain_hosts(const char *domain, char ***ret_hosts, size_t *ret_n, struct uh_err *err);
#define UH_LDAP_DOMAIN_TRIED 4 /* controllers of a domain, besides its own name */
/* Calls try with the options and the URL of one controller of the domain after the other, until it returns 0: those of
 * its SRV records, best first; its own name, which every controller answers to, last. A name with a port is tried
 * alone. -1: none did, and err is what the first one came to. */
int uh_ldap_try_domain(const struct uh_ldap_options *options, const char *domain,
                       int (*try_one)(void *user, const struct uh_ldap_options *options, struct uh_err *err),
                       void *user, struct uh_err *err);
/* The URL's port is a global catalogue's, which knows a part of every domain, and takes no change. */
bool uh_ldap_is_catalogue(const char *url);
#define UH_LDAP_CATALOGUE_PORT 3268
#define UH_LDAP_CATALOGUE_TLS_PORT 3269

struct uh_ldap_value {
  const char *data; /* a NUL stands behind data[size - 1]; data may hold others */
  size_t size;
};
struct uh_ldap_attribute {
  const char *name; /* without options */
  const struct uh_ldap_value *values;
  size_t n;       /* at least 1 */
  bool truncated; /* more values exist that could not be read */
};
/* Lives for the callback. */
struct uh_ldap_entry {
  const char *dn;
  size_t dn_size;
  const struct uh_ldap_attribute *attributes;
  size_t n;
};
/* By name, without case; NULL where the entry does not have it. */
const struct uh_ldap_attribute *UH_NULLABLE uh_ldap_get(const struct uh_ldap_entry *entry, const char *name);
/* The first value, or NULL. */
const struct uh_ldap_value *UH_NULLABLE uh_ldap_first(const struct uh_ldap_entry *entry, const char *name);

enum uh_ldap_scope { UH_LDAP_BASE, UH_LDAP_ONE, UH_LDAP_SUBTREE };
struct uh_ldap_search {
  const char *base;
  enum uh_ldap_scope scope;
  const char *filter;
  const char *const *attributes; /* NULL-terminated */
  unsigned page_size;            /* 0: not paged */
  unsigned security_parts;       /* SD-flags control: 1 owner, 2 group, 4 DACL, 8 SACL; 0: no control */
  bool deleted;                  /* deleted objects too (show-deleted control) */
  /* Called for each entry, in the order received; -1 (with err) ends the search. */
  int (*entry)(void *user, const struct uh_ldap_entry *entry, struct uh_err *err);
  void (*UH_NULLABLE reference)(void *user, const char *url); /* a continuation reference, not followed */
  void *user;
};
struct uh_ldap_outcome {
  int64_t entries; /* handed over */
  int64_t pages;
  int64_t references;
  int64_t damaged; /* entries that could not be decoded, or whose values could not all be read */
};
#define UH_LDAP_NO_OBJECT 1
/* 0: everything was read. UH_LDAP_NO_OBJECT: the base does not exist, or the account may not see it. -1: not all was
 * read; outcome says how much. The outcome is filled in every case. */
int uh_ldap_search(struct uh_ldap *ldap, const struct uh_ldap_search *search, struct uh_ldap_outcome *ret_outcome,
                   struct uh_err *err);

/* What a result code and the server's text mean; exposed for tests. Fills err unless it is set. Returns -1. */
int uh_ldap_result_error(const char *host, const char *doing, int code, const char *UH_NULLABLE text,
                         struct uh_err *err);
/* True for localhost, 127.0.0.0/8 and ::1, spelled so. */
bool uh_ldap_is_loopback(const char *host);
#endif
