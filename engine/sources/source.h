/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_SOURCE_H
#define UH_SOURCE_H
/*
 * A source is a place that facts come from. It streams what it sees into the facts and says of each set whether it is
 * complete. It never judges. Every source runs in a thread of its own.
 */
#include <stdatomic.h>
#include <unhybrid/base.h>

#include "case/config.h"
#include "case/facts.h"
#include "sources/names.h"

struct uh_observe; /* one source's run */

struct uh_source {
  const char *id; /* "directory", "dns", "exchange-server", "exchange-online", "graph", "exchange-export",
                     "exchange-online-export" */
  /* NULL: configured. Else what is missing from the configuration ("no directory section"), and nothing runs. */
  const char *(*not_configured)(const struct uh_config *config);
  /* The sets this source would fill, "side:Name", space separated: reported not-configured or failed when it cannot
   * run. */
  const char *sets;
  /* Sources whose end this one waits for ("directory exchange-online" for dns, which asks for accepted domains). */
  const char *after;
  /* 0 done (sets say how complete); -1 the source could not start or broke off: err says why, and every set of `sets`
   * that it did not report is recorded as failed with that reason. */
  int (*observe)(struct uh_observe *observe, struct uh_err *err);
};
extern const struct uh_source uh_source_directory, uh_source_dns, uh_source_exchange_online, uh_source_graph,
    uh_source_exchange_server, uh_source_exchange_export, uh_source_exchange_online_export;

/* By id: may this source be asked, and does it fill this set? False for an id that there is not. */
bool uh_source_configured(const struct uh_config *config, const char *id);
bool uh_source_fills(const char *id, const char *side, const char *set);
/* A set that grows with the number of recipients; all others are configuration, and small. */
bool uh_set_grows(const char *side, const char *set);

/* What a source finds in its run. All are safe from the source's own threads. */
const struct uh_config *uh_observe_config(const struct uh_observe *observe);
struct uh_facts *uh_observe_facts(const struct uh_observe *observe);
/* True when to stop soon: Ctrl-C, or the facts file is broken. Poll at least once a second; sets then are partial. */
bool uh_observe_stopped(const struct uh_observe *observe);
/* False when the run is for other sets only ("on-premises", "SendConnector"); an audit wants all. */
bool uh_observe_wants(const struct uh_observe *observe, const char *side, const char *set);
/* What this observation is for. */
const struct uh_observation_options *uh_observe_options(const struct uh_observe *observe);
const char *UH_NULLABLE uh_observe_domain_controller(const struct uh_observe *observe);
/* The one entry of the directory that is meant, and where it is. False: all are. */
bool uh_observe_entry(const struct uh_observe *observe, const uint8_t **ret_guid, const char **ret_dn);
/* Says how complete a set, or a part of one, is. state: "complete", "partial", "failed". answer: UH_VALUE when
 * complete, else why. Reporting the same part twice keeps the worse. */
void uh_observe_set(struct uh_observe *observe, const char *side, const char *name, const char *part, const char *state,
                    enum uh_answer answer, int64_t objects, const char *why_fmt, ...) UH_PRINTF(8, 9);
/* The Exchange organisation was removed, by what this source saw: its lists may be empty that never are otherwise.
 * Before its sets are reported. */
void uh_observe_organization_gone(struct uh_observe *observe);
/* The part was read now, but says what was true at this time (a file's): its age counts from there.
 * After uh_observe_set. */
void uh_observe_set_time(struct uh_observe *observe, const char *side, const char *name, const char *part,
                         int64_t observed_at);
void uh_observe_notice(struct uh_observe *observe, const char *fmt, ...) UH_PRINTF(2, 3);
void uh_observe_counted(struct uh_observe *observe, int64_t objects, int64_t requests); /* adds; feeds progress */
/* Accepted domains that the sources named in `after` have written so far (keys, sorted, unique). For dns. Empty where
 * it fails. complete: at least one side's AcceptedDomain set is complete. */
int uh_observe_accepted_domains(struct uh_observe *observe, struct uh_names *ret_domains, bool *ret_complete,
                                struct uh_err *err);
/* Host names of the servers, as the sources named in `after` have told them so far, and options.hosts: keys, sorted,
 * unique; none of them an address. For dns. Empty where it fails. */
int uh_observe_server_hosts(struct uh_observe *observe, struct uh_names *ret_hosts, struct uh_err *err);

/* ---- running (used by cli, later by the gate) ---- */
/* One question of DNS: "public", "mail.contoso.com", "A". */
struct uh_dns_question {
  const char *view, *name, *type;
};
struct uh_observation_options {
  const char *const *UH_NULLABLE only_sets; /* "side:Name", NULL-terminated; NULL: all */
  /* What is not read otherwise: on-premises:DirectoryEntry, and with it on-premises:RecipientMark. */
  enum uh_snapshot { UH_SNAPSHOT_NONE, UH_SNAPSHOT_CONFIGURATION, UH_SNAPSHOT_ALL } snapshot;
  /* Of DirectoryEntry only this object (its GUID, and where it is) with all below it, and whole: with the bytes of what
   * is no text. For before-images. */
  const uint8_t *UH_NULLABLE entry;
  const char *UH_NULLABLE entry_dn;
  /* dns:DnsRecord: this one question, put to every name server of its view, each by itself. */
  const struct uh_dns_question *UH_NULLABLE dns_question;
  /* Hosts of the servers that are known from earlier, NULL-terminated: DNS is asked for them too. */
  const char *const *UH_NULLABLE hosts;
  bool configuration_only;                     /* no set that grows with the number of recipients */
  const char *const *UH_NULLABLE only_sources; /* ids; nobody else is asked, and nothing is said of the others */
  const char *const *UH_NULLABLE except_sources;
  bool scratch; /* the file is read once and removed: not made to last, without indexes. Rows are not told apart */
  const char *UH_NULLABLE domain_controller; /* Exchange Server is asked on this one; NULL: it chooses */
  void (*progress)(void *user, const char *source, int64_t objects, const char *state);
  void *user;
  const atomic_bool *UH_NULLABLE interrupted; /* set by a signal handler */
  bool (*UH_NULLABLE cancelled)(void *user);  /* the same as a question, asked from the sources' threads */
  void *cancel_user;
  /* A person has to sign in by device code; called in a source's thread. NULL: then that way of signing in fails. */
  void (*sign_in)(void *user, const char *message, const char *uri, const char *code);
  void *sign_in_user;
};
struct uh_observation_summary {
  bool interrupted;
  bool anything;           /* at least one source obtained at least one set */
  enum uh_err_class worst; /* when !anything: the class that decides the exit code (77 before 69 before 65) */
  struct uh_err first;     /* the first failure, for the one-line message */
  int64_t writer_cpu_ms;   /* of the thread that wrote the facts */
};
/* Between these two the observations of a configuration sign in to the cloud once, and not each anew:
 * for a run that looks at single objects again and again. One thread. */
void uh_sign_in_keep(const struct uh_config *config);
void uh_sign_in_forget(void);
/* Runs every configured source into the facts file at path. 0: ran (sources may have failed, see summary).
 * -1: the facts file could not be written, or a bug. */
int uh_observe_all(const struct uh_config *config, const char *facts_path, const struct uh_observation_options *options,
                   struct uh_observation_summary *ret_summary, struct uh_err *err);
#endif
