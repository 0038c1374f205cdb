/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_EXCHANGE_ONLINE_H
#define UH_EXCHANGE_ONLINE_H
/*
 * The Exchange Online admin API (InvokeCommand): listings of any Get- cmdlet, several at once in one thread.
 *
 * A listing is complete only when every page was drained. A page that is cut, a cursor that is refused twice, a warning
 * that more rows exist, an error hidden in a reply with status 200: each makes it partial, with the reason. What was
 * handed over stays valid in every case; after a restart rows come again, so the receiver tells objects apart by key.
 *
 * A large listing can be split into parts by server-side filters on one property. The last part is the complement of
 * the others (a property without a value included), so the parts cover everything whatever the values are.
 */
#include <unhybrid/base.h>

#include "wire/http.h"
#include "wire/oauth.h"

#define UH_EXO_PAGE 1000
#define UH_EXO_PAGES_MAX 100000 /* of one listing */
#define UH_EXO_EMPTY_MAX 100u   /* pages one after the other without an object: they lead nowhere */
#define UH_EXO_CHAINS 3         /* listings in flight; the service refuses many at once */
#define UH_EXO_PROBE_PAGES 2    /* pages of a listing before it is split */
#define UH_EXO_SPLIT_DEPTH 3
#define UH_EXO_WARNINGS_MAX 50

enum uh_exo_class {
  UH_EXO_FINE = 0,
  UH_EXO_NOT_FOUND, /* typed: the object does not exist */
  UH_EXO_REFUSED,   /* cmdlet unknown or a right is missing: the service does not say which */
  UH_EXO_BAD_PARAMETER,
  UH_EXO_THROTTLED,
  UH_EXO_TRANSIENT, /* comes with any status, 400 included */
  UH_EXO_CURSOR,    /* the next page is refused */
  UH_EXO_DEHYDRATED,
  UH_EXO_TOKEN,
  UH_EXO_NOT_DONE, /* 200, but the service asks for a confirmation or reports errors beside */
  UH_EXO_FAILED,
};
struct uh_exo_problem {
  enum uh_exo_class cls;
  long status;
  char type[160];        /* .NET exception type, '' */
  char message[400];     /* the most telling of the three levels, shown safely */
  char diagnostics[160]; /* x-ms-diagnostics */
  char request_id[64];
};
/* Body may be anything: NUL bytes, HTML, nothing. */
void uh_exo_classify(long status, const char *body, size_t n, const char *UH_NULLABLE diagnostics,
                     struct uh_exo_problem *ret);
const char *uh_exo_class_name(enum uh_exo_class cls);

struct uh_exo_options {
  const char *base;     /* https://outlook.office365.com */
  const char *resource; /* of the token; its own, since base may be replaced */
  struct uh_oauth *oauth;
  struct uh_http_options http;
  unsigned chains; /* 0: UH_EXO_CHAINS */
  unsigned page;   /* 0: UH_EXO_PAGE */
};
struct uh_exo; /* one thread */
/* Learns the tenant's id, and from EXOModuleFile the tenant's regional host and the cmdlets that this account may run
 * (a failure of the latter is no failure). */
int uh_exo_open(const struct uh_exo_options *options, struct uh_exo **ret_exo, struct uh_err *err);
struct uh_exo *uh_exo_free(struct uh_exo *UH_NULLABLE exo);
void uh_exo_freep(struct uh_exo **exo);
/* 1 the account may run it, 0 not in its list, -1 no list was given. */
int uh_exo_may_run(const struct uh_exo *exo, const char *cmdlet);
int64_t uh_exo_requests(const struct uh_exo *exo);

enum uh_exo_state { UH_EXO_COMPLETE, UH_EXO_PARTIAL, UH_EXO_NOTHING };
struct uh_exo_result {
  enum uh_exo_state state;       /* NOTHING: failed before the first row */
  enum uh_answer answer;         /* VALUE when complete */
  struct uh_exo_problem problem; /* the first one; cls FINE where the reason is not an error reply */
  struct uh_err err;             /* why it is not complete */
  int64_t pages;
};
struct uh_exo_query {
  const char *cmdlet;                       /* "Get-Mailbox" */
  const char *UH_NULLABLE parameters;       /* JSON members without braces: "ResultSize":"Unlimited" */
  const char *UH_NULLABLE filter;           /* OPATH, joined with those of the parts */
  const char *UH_NULLABLE select;           /* a,b,c */
  const char *UH_NULLABLE split_by;         /* property for parts; NULL: never split */
  const char *UH_NULLABLE split_characters; /* first characters of the parts */
  void *user;
  /* One object as JSON text. -1 stops everything (the facts cannot be written). */
  int (*object)(void *user, const char *json, size_t n, struct uh_err *err);
  void (*page)(void *user);                                     /* a page is through; may be NULL */
  void (*warning)(void *user, const char *text);                /* may be NULL */
  void (*done)(void *user, const struct uh_exo_result *result); /* may queue further listings */
};
/* Queues; everything is copied. */
int uh_exo_list(struct uh_exo *exo, const struct uh_exo_query *query, struct uh_err *err);
int uh_exo_run(struct uh_exo *exo, struct uh_err *err);

/* ---- one cmdlet that writes ---- */

/*
 * Sent once (wire/http_write.h says when again). A reply of status 200 is done only where it neither asks for a
 * confirmation, nor reports errors, nor warns that nothing was changed. UNVERIFIED against a real tenant: the shape of
 * @adminapi.errors, the text of the confirmation, whether a throttled reply (429) can come after a cmdlet has begun;
 * one that names an exception of a cmdlet therefore counts as unknown.
 */
#define UH_EXO_WRITE_BODY_MAX ((size_t)8 * 1024 * 1024)
enum uh_exo_write_outcome {
  UH_EXO_WRITE_NOT_SENT = 0, /* or turned away at the door: nothing was carried out */
  UH_EXO_WRITE_DONE,
  UH_EXO_WRITE_FAILED, /* the service says that it is not done, or not all of it */
  UH_EXO_WRITE_UNKNOWN,
};
struct uh_exo_written {
  enum uh_exo_write_outcome outcome;
  struct uh_exo_problem problem; /* cls FINE where no whole reply came; request_id always where one came */
  int64_t objects, errors, warnings;
  unsigned attempts;
  char server[128];
};
struct uh_exo_change {
  const char *cmdlet;
  const char *parameters; /* a JSON object's members without its braces */
  void *user;
  void (*UH_NULLABLE output)(void *user, const char *json, size_t n); /* each object that the cmdlet puts out */
  void (*UH_NULLABLE warning)(void *user, const char *text);
};
/* 0: done. -1: every other outcome, err says why. */
int uh_exo_write(struct uh_exo *exo, const struct uh_exo_change *change, struct uh_exo_written *ret_written,
                 struct uh_err *err);

/* For tests: the part's filter (i of n characters; i == n is the complement) below a prefix. */
void uh_exo_part_filter(struct uh_str *out, const char *property, const char *prefix, const char *characters, size_t i);
/* A host that a redirect may lead to: the same, or below it, over https; port 446 means the usual one. */
bool uh_exo_redirect(const char *base, const char *location, char ret_base[UH_HTTP_ORIGIN_MAX]);
#endif
