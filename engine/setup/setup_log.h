/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_SETUP_LOG_H
#define UH_SETUP_LOG_H
/*
 * Exchange Setup's log, and what it says. ExchangeSetup.log grows by one section with every run of Setup; what counts
 * is the last one. A log is read as it streams by, whatever its size: of each run only what failed is kept, each thing
 * once.
 *
 * The form of the log: recorded logs of Exchange 2013 to 2019. Its times are UTC. Not verified against a log of an
 * uninstall of the last server: nobody has recorded one.
 */
#include <unhybrid/base.h>

#define UH_SETUP_TEXT_MAX ((size_t)2048)    /* bytes of one message that are kept */
#define UH_SETUP_FINDINGS_MAX ((size_t)500) /* of one run; more are counted */
#define UH_SETUP_OBJECTS_MAX ((size_t)8)

/* What a message or a rule means, and what to do: one row of engine/setup/translations.c. */
enum uh_setup_kind {
  UH_SETUP_BLOCKS,       /* Setup does not go on */
  UH_SETUP_WARNS,        /* it goes on, and something is left undone */
  UH_SETUP_INSTALL_TIME, /* documented for installing only: it explains a log, and is no reason in an uninstall */
};
/* In the order in which a row is read. NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct uh_setup_translation {
  const char *UH_NULLABLE rule; /* "UnwillingToRemoveMailboxDatabase" */
  /* Pieces of the message in their order, '%' between them for the name of an object: "object '%' couldn't be found on
   * '%'". Compared without case. */
  const char *UH_NULLABLE text;
  const char *requirement; /* "U-01", or "" */
  enum uh_setup_kind kind;
  const char *cause, *remedy;
  bool own_server; /* only in an uninstall, of whose own server the first object is the name */
};
size_t uh_setup_translation_count(void);
const struct uh_setup_translation *uh_setup_translation_at(size_t i);

enum uh_setup_found {
  UH_SETUP_RULE, /* a prerequisite that Setup found lacking */
  UH_SETUP_ERROR,
  UH_SETUP_WARNING, /* only where it is understood: Setup warns of much that means nothing */
};
struct uh_setup_finding {
  enum uh_setup_found found;
  bool required;       /* RULE: Setup stops at it */
  char *rule;          /* its token, "" where not told */
  char *text;          /* the message */
  char *cmdlet;        /* that ran: "Install-UserAccount"; "" */
  char *object;        /* that was being processed; "" */
  char *component;     /* of Setup, from the error's reference; "" */
  char *help;          /* the address that Setup itself gives; "" */
  char *time;          /* as it stands in the log, "" without */
  int64_t line, times; /* the first line; how often */
  const struct uh_setup_translation *UH_NULLABLE translation;
  size_t n_objects; /* that the message names */
  char *objects[UH_SETUP_OBJECTS_MAX];
};
enum uh_setup_outcome {
  UH_SETUP_DONE, /* it said so */
  UH_SETUP_FAILED,
  /* The log breaks off (Setup still runs, was ended, or the log was cut), or Setup ended without a word on how, as
   * where it is cancelled. */
  UH_SETUP_UNFINISHED,
};
struct uh_setup_run {
  int64_t line, last_line;
  char *product;        /* "Microsoft Exchange Server 2019"; "" */
  char *version, *mode; /* "15.2.1544.4"; "Uninstall" */
  char *server;         /* DNS name */
  char *began, *ended;  /* times as they stand */
  enum uh_setup_outcome outcome;
  size_t n;
  struct uh_setup_finding *v;
  int64_t dropped; /* findings beyond UH_SETUP_FINDINGS_MAX */
};
struct uh_setup_log {
  int64_t lines, runs;     /* of the whole file */
  struct uh_setup_run run; /* the last one */
};
/* UH_ERR_DATA for a file that is no such log, with what was expected, and for one that cannot be read. UTF-8 or UTF-16.
 * number: which run, from 1; 0: the last. UH_ERR_USAGE where there is none of that number. */
int uh_setup_log_read(const char *path, int64_t number, struct uh_setup_log **ret_log, struct uh_err *err);
struct uh_setup_log *uh_setup_log_free(struct uh_setup_log *UH_NULLABLE log);
void uh_setup_log_freep(struct uh_setup_log **log);
const char *uh_setup_outcome_name(enum uh_setup_outcome outcome); /* "done", "failed", "unfinished" */
const char *uh_setup_kind_name(enum uh_setup_kind kind);          /* "blocks", "warns", "install-time" */
#endif
