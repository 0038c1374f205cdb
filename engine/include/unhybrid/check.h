/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_CHECK_H
#define UNHYBRID_CHECK_H
/*
 * What a check is. A check is a pure function from facts to findings: it talks to no network, reads no file and no
 * clock (the time it judges at is handed in). A check module is one file in checks/ with one UH_CHECK_MODULE().
 *
 * Truth per object. A check looks at objects one by one and says of each: violated, satisfied, or cannot be judged.
 *   - one violation seen: the check fails, whatever else is missing (`complete` says whether that was all);
 *   - else an object that cannot be judged, or a needed set that is not complete: unknown;
 *   - else pass (or not-applicable).
 * When several sources show the same object (same key), a violation seen by one counts; "cannot be judged" by one gives
 * way to "satisfied" by another.
 *
 * Most checks are SQL: see struct uh_rule. What SQL cannot say is a function: see uh_check.run.
 */
#include <unhybrid/base.h>

#define UH_ABI 1

enum uh_severity { UH_INFO, UH_WARNING, UH_BLOCKER };
enum uh_status { UH_PASS, UH_FAIL, UH_UNKNOWN, UH_WAIVED, UH_NOT_APPLICABLE };
enum uh_verdict { UH_READY, UH_BLOCKED, UH_UNDETERMINED, UH_SHUTDOWN_ONLY };
/* Which audits a check belongs to. The gate of a cleanup runs the checks of "before", and those that are its alone; the
 * steps of the uninstall alone ask for those of UH_SETUP. */
enum uh_purpose { UH_BEFORE = 1, UH_AFTER = 2, UH_GATE = 4, UH_SETUP = 8 };

/*
 * One SQL statement of a check. It reads the views of docs/facts.md (never the t_ tables), in which a value that was
 * not obtained is NULL and "there is none" is '' or 0, so that SQL's own three-valued logic carries the truth.
 * It returns one row for each object that is not known to be satisfied, plus (optionally) the satisfied ones:
 *   violated  1 violated, NULL cannot be judged, 0 satisfied
 *   key       the object, stable over time: guid text where there is one, else a name; never a rowid
 *   kind      what it is: 'mailbox', 'send connector', ...
 *   object    what a person calls it (address, name, domain)
 *   message   one sentence that says what is wrong with this object
 *   evidence  a JSON object: the values that it was decided on
 *   command   the PowerShell (or other) command that mends it, ''. Quote with ps_quote(name, guid)
 * Column order does not matter, names do. `guid` (text) is optional; it feeds ps_quote and the report.
 * Write  WHERE (predicate) IS NOT FALSE  and  SELECT (predicate) AS violated: that keeps the rows that cannot be
 * judged.
 */
struct uh_rule {
  const char *side;  /* "on-premises", "cloud", "dns", "logs" */
  const char *needs; /* sets this rule needs, see below; NULL only for rules over what the observation itself says */
  const char *sql;
};

/*
 * Sets. A need is "side:Name", for instance "cloud:Mailbox" or "on-premises:Recipient"; '|' between alternatives (one
 * complete alternative is enough), ',' between needs. docs/facts.md lists the sets and who fills them.
 */

/*
 * A fact that no source can see and a person may state (an attestation). It fills a gap and nothing else: a blind spot,
 * or a value that no source gave. What was observed is never overruled by it. Rules read what was stated, and is valid
 * at the time of judging, in the view attestation(fact, object, value, since): fact is the id below, object '' where
 * the fact is about the whole organisation.
 */
struct uh_attestable {
  const char *fact;     /* "relay.no-traffic": family dot name, never changed once released */
  const char *question; /* what is stated, as a question that `yes` or a value answers */
  const char *how;      /* how a person finds out: where to look, which command to run */
  /* The values that it takes, '|' between them, first the one that the check hopes for: "yes", "no|yes". NULL: any
   * text, the rule judges it. */
  const char *values;
  /* What the fact is about ("relay host"); NULL: the whole organisation. Needs `observed`. */
  const char *object;
  bool guid; /* the object is named by a GUID, however that is spelled; in `observed` in lower case, without braces */
  /* SQL with the columns object and value: the objects there are, and what sources gave (NULL: none did). An
   * attestation that says otherwise does not count. A row whose object is '' speaks of every object that has no row of
   * its own: without one only objects that there are may be named. NULL: no source ever gives a value. */
  const char *observed;
  /* SQL of what a person has to have seen to state this, for instance the connectors that there are. The attestation is
   * bound to its rows, whatever their order, and lapses when they change; choose what moves with the organisation, not
   * with each observation. NULL: it is bound to organisation and tenant alone. */
  const char *basis;
  const char *basis_needs; /* sets that basis and observed read, as in uh_rule.needs */
  /* It is of the moment in which it is stated, and no observation shows it: `attest add` lets it hold from then, not
   * from the observation that it is bound to. */
  bool momentary;
  int64_t counts_for; /* seconds after which a statement is too old, whatever its end; 0: until its end */
};

struct uh_check_run; /* one run of one check; opaque */

struct uh_check {
  const char *id;    /* "soa.mailbox": family dot name, never changed once released */
  const char *title; /* what is true when the check passes, for a person */
  enum uh_severity severity;
  unsigned purposes;                                        /* UH_BEFORE | UH_AFTER | UH_GATE | UH_SETUP */
  const char *requirements;                                 /* "P-05" or "P-01,P-02": ids of docs/requirements.md */
  const struct uh_rule *rules;                              /* ends with .sql = NULL; or NULL where run is set */
  int (*run)(struct uh_check_run *run, struct uh_err *err); /* instead of, or after, the rules; 0 or -1 */
  /* SQL that returns one row with 1 where the check applies at all, 0 where it does not, NULL where that is not known.
   * NULL pointer: it always applies. A check that does not apply still reports violations that it sees. */
  const char *applies;
  const char *applies_needs;
  /* Sets that the check searched when it concludes from absence ("in AD, not in the cloud"). While one is not complete,
   * a violation counts as cannot be judged. */
  const char *absence_needs;
  /* Nothing that the check looks at is a fault of the organisation: it passes or is unknown. What it calls violated all
   * the same cannot be judged. */
  bool never_fails;
  /* Where nothing is found the check is unknown with this reason (what no source can see), unless attests[0] has been
   * attested with the first of its values. */
  const char *blind_spot;
  const struct uh_attestable *attests; /* facts of this check that a person may state; ends with .fact = NULL */
  const char *remedy;                  /* what to do, in words */
  const char *reference;               /* https://... that a person can read on */
  const char
      *explain; /* for `checks explain`: what is looked at, what is deliberately not a finding, what is not known */
};

struct uh_module {
  uint32_t abi; /* UH_ABI */
  const char *name;
  const struct uh_check *checks; /* ends with .id = NULL */
};
/* The one symbol of a check module. As a plugin (-DUNHYBRID_PLUGIN) the symbol is unhybrid_module. */
#ifdef UNHYBRID_PLUGIN
#define UH_CHECK_MODULE(module_name, table) \
  const struct uh_module unhybrid_module __attribute__((visibility("default"))) = {UH_ABI, #module_name, table}
#else
#define UH_CHECK_MODULE(module_name, table) \
  const struct uh_module uh_module_##module_name = {UH_ABI, #module_name, table}
#endif

/* ---- for checks that are functions ---- */

/* Now, for this judgement: UTC seconds. */
int64_t uh_check_now(const struct uh_check_run *run);
/* For how many seconds facts count as fresh. */
int64_t uh_check_fresh_for(const struct uh_check_run *run);
/* Adds needs to those of the rules, as a rule's `needs` does; for a function that learns while running what it needs.
 */
int uh_check_need(struct uh_check_run *run, const char *needs, struct uh_err *err);

/* Reads facts. The statement lives until freed; one row at a time, memory does not grow with the rows. */
struct uh_query;
int uh_query_open(struct uh_check_run *run, const char *sql, struct uh_query **ret_query, struct uh_err *err);
struct uh_query *uh_query_free(struct uh_query *UH_NULLABLE query); /* returns NULL */
void uh_query_freep(struct uh_query **query);
void uh_query_bind_text(struct uh_query *query, int index, const char *text); /* index from 1; the text is copied */
void uh_query_bind_int(struct uh_query *query, int index, int64_t value);
void uh_query_rewind(struct uh_query *query);                  /* run again, bindings kept */
int uh_query_next(struct uh_query *query, struct uh_err *err); /* 1 a row, 0 no more, -1 failed */
/* Columns count from 0. A column that is NULL was not obtained: the text accessor returns NULL, the others say so
 * through their return value; a check has to decide what it does then. Text lives until the next row. */
const char *UH_NULLABLE uh_query_text(struct uh_query *query, int column);
bool uh_query_int(struct uh_query *query, int column, int64_t *ret_value); /* false: not obtained */
/* Executes a statement for its effect on temporary tables (the facts themselves cannot be changed). */
int uh_check_exec(struct uh_check_run *run, const char *sql, struct uh_err *err);

struct uh_object {
  const char *side, *key, *kind, *object;
  const char *UH_NULLABLE guid;
};
/* What the check says of one object. All strings are copied. evidence_json is a JSON object or NULL; command may be
 * NULL. */
int uh_violated(struct uh_check_run *run, const struct uh_object *object, const char *evidence_json,
                const char *UH_NULLABLE command, struct uh_err *err, const char *message_fmt, ...) UH_PRINTF(6, 7);
int uh_cannot_judge(struct uh_check_run *run, const struct uh_object *object, struct uh_err *err, const char *why_fmt,
                    ...) UH_PRINTF(4, 5);
int uh_satisfied(struct uh_check_run *run, const struct uh_object *object, struct uh_err *err);
/* A set that the check found lacking for a reason of its own ("no accepted domain is known"). */
int uh_set_lacking(struct uh_check_run *run, const char *set, const char *state, struct uh_err *err,
                   const char *why_fmt, ...) UH_PRINTF(5, 6);

/* A list of strings from the configuration that checks may see: "mail_flow.gateways", "mail_flow.onprem_networks",
 * "writeback.templates", "writeback.limit", "pauses.observe" (seconds).
 * Stored with the facts, so that judging again needs no configuration. Returns the number, and element i
 * (valid until the next call). */
size_t uh_setting_count(struct uh_check_run *run, const char *name);
const char *uh_setting(struct uh_check_run *run, const char *name, size_t i);
#endif
