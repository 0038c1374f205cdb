/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_STEP_H
#define UNHYBRID_STEP_H
/*
 * What a step of the cleanup is: a kind of removal ("organization relationships"). One file in cleanup/ with one
 * UH_STEP(). A step says what there is to do and how it is put back; it never does it. It reads facts, and says of each
 * object that it looks at whose it is; of those that are the hybrid deployment's it says which action to take. The
 * engine orders the actions, asks the gate, takes the before-image, writes the journal, carries out, reads again, and
 * puts back. So a step cannot change anything, and cannot forget to look.
 *
 * Truth. What was not observed in full is not acted on: a step names the sets it needs, and while one of them is not
 * complete the whole step is unknown and stops the cleanup at that place. An object that is not there is a normal
 * state: no action. A step never identifies an object by its name alone.
 */
#include <unhybrid/check.h>
#include <unhybrid/directory_writer.h>
#include <unhybrid/graph_writer.h>
#include <unhybrid/writer.h>

#define UH_STEP_ABI 1

enum uh_phase { UH_PHASE_BEFORE_UNINSTALL, UH_PHASE_UNINSTALL, UH_PHASE_AFTER_UNINSTALL };

/* Who carries an action out. exchange-server becomes operator where the configuration names no account that may write
 * there; the commands shown are then the same. */
enum uh_executor { UH_BY_EXCHANGE_SERVER, UH_BY_EXCHANGE_ONLINE, UH_BY_GRAPH, UH_BY_DIRECTORY, UH_BY_OPERATOR };

/* Who runs a cmdlet on an object of this side. */
#define UH_BY_SIDE(side) (strcmp((side), "cloud") == 0 ? UH_BY_EXCHANGE_ONLINE : UH_BY_EXCHANGE_SERVER)

enum uh_verb {
  UH_VERB_REMOVE,  /* the object goes */
  UH_VERB_REDUCE,  /* a part of it goes: what it shares with others stays */
  UH_VERB_DISABLE, /* it stays, and does nothing any more */
  UH_VERB_SET,     /* some of its properties change */
  UH_VERB_DO,      /* what a person does, and facts can show */
};

enum uh_reversible {
  UH_REVERSIBLE,             /* put back as it was */
  UH_REVERSIBLE_NEW,         /* put back as a new object: another GUID, other times */
  UH_REVERSIBLE_BY_OPERATOR, /* a person can put it back; the action says how */
  UH_IRREVERSIBLE,           /* never; typed confirmation, or --yes=irreversible */
};

/* Whose an object is. An action on an object of which the step has not said HYBRID or SHARED is refused. */
enum uh_owner {
  UH_OWNER_HYBRID,       /* of this organisation's hybrid deployment alone */
  UH_OWNER_SHARED,       /* of it and of others: reduce, never remove */
  UH_OWNER_PARTNER,      /* with another organisation */
  UH_OWNER_FOREST,       /* of another forest that uses the tenant */
  UH_OWNER_CROSS_TENANT, /* mailbox moves between tenants */
  UH_OWNER_TENANT,       /* of the tenant itself, or Microsoft's */
  UH_OWNER_SERVER,       /* goes with the server when it is uninstalled; the steps of the uninstall act on it */
  UH_OWNER_UNKNOWN,      /* cannot be told: the step stops here, the reason says why */
};

/* An object of Active Directory itself, from the view directory_entry; its set is on-premises:DirectoryEntry. */
#define UH_DIRECTORY_ENTRY "DirectoryEntry"

/* A set of records of DNS, side "dns": its match is View ("public", "internal"), Name and Type. SPF records are a
 * set of their own, Type "SPF", and TXT the others: whoever changes the one does not change the other. */
#define UH_DNS_RECORD "DnsRecord"

/* An object, as facts name it. */
struct uh_subject {
  const char *side;             /* "on-premises", "cloud" */
  const char *kind;             /* "SendConnector": also the set that it is observed in */
  const char *UH_NULLABLE guid; /* text; NULL or "" where the kind has none: then `match` tells it from the others */
  const char *name;             /* for people; addresses nothing */
  /* Properties that are as told: {"Thumbprint", .text = ..}, {"Server", ..}. NULL where there is a guid. */
  const struct uh_argument *UH_NULLABLE match;
  /* Of an entry of the directory that cmdlets change: where it was, for that tells which domain to ask. */
  const char *UH_NULLABLE dn;
};

/* What is true once an action is done. All are read again from the facts, by another path than the action took where
 * there is one. Values of different spelling are compared as what they mean: GUIDs and domain names without case,
 * lists without order. */
enum uh_expectation {
  UH_EXPECT_END = 0,
  /* The set was read in full, and the subject is not in it. Of a set of records of DNS, with the property Records and
   * the texts that go: or it is there as a wildcard answers every such name, and none of these texts among it. */
  UH_EXPECT_ABSENT,
  UH_EXPECT_VALUE, /* the property has this value; UH_VALUE_NULL: is empty */
  UH_EXPECT_LACKS, /* the list does not hold `text`; of a list of objects, none has `text` in its member `member` */
  UH_EXPECT_FILE,  /* the file `text` is there in the case's exports/, not empty, and whole where it is a .pfx (what a
                        person puts there) */
};
struct uh_expect {
  enum uh_expectation what;
  struct uh_argument value;       /* name: the property */
  const char *UH_NULLABLE member; /* "keyId" */
};

/*
 * One action: what the step asks for. Everything is copied. One of changes, graph, directory, commands says how; an
 * action of one verb on one part of one subject stands in a plan once (its id is step, verb, side, kind, the subject's
 * GUID or match, and the part).
 */
struct uh_action {
  struct uh_subject subject;
  enum uh_verb verb;
  const char *UH_NULLABLE part; /* which part of the subject, where a step does the same to several of them: a domain,
                                   a credential's keyId. It ends the action's id. NULL: it is about the whole */
  enum uh_executor executor;
  enum uh_reversible reversible;
  const struct uh_change *UH_NULLABLE changes;     /* cmdlets in this order, ends with .cmdlet = NULL. The identity is
                                                      the subject's guid where the change says none, and the cmdlet
                                                      takes one (Remove-HybridConfiguration takes none) */
  const struct uh_graph_change *UH_NULLABLE graph; /* for UH_BY_GRAPH */
  /* For UH_BY_DIRECTORY: a deletion or a modification. The subject is of the kind UH_DIRECTORY_ENTRY and has its guid.
   */
  const struct uh_directory_change *UH_NULLABLE directory;
  const char *UH_NULLABLE commands; /* for UH_BY_OPERATOR: lines of PowerShell or shell, as they are pasted.
                                       Quote every name with uh_powershell_quote */
  const char *UH_NULLABLE where;    /* where a person runs them: "in Exchange Management Shell on EX01" */
  const struct uh_expect *expect;   /* ends with UH_EXPECT_END; at least one */
  const char *why;                  /* one sentence: why this object goes, or changes */
  const char *effect;               /* one sentence: what does not work afterwards */
  const char *UH_NULLABLE undo;     /* UH_REVERSIBLE_BY_OPERATOR: what a person does; UH_IRREVERSIBLE: why
                                       not */
  const char *UH_NULLABLE
      approval;                  /* a question that a person has to say yes to for this very object (a credential that
                                    is nobody's): unattended it is left out unless --approve names it. NULL: none */
  const char *UH_NULLABLE after; /* id of a step whose actions on the same subject come first. NULL: by step order */
  bool observe;                  /* an observation pause follows it: what depends on it waits (pauses.observe) */
};

/* ---- discovery ---- */

struct uh_step_run; /* one step's discovery; opaque */

/* SQL over the views of docs/facts.md, and anchor(name, value). Read it with uh_query_next,
 * uh_query_text.. of check.h. On-premises objects may stand there once for each source that showed them; the view
 * `configuration` (source, side, kind, listing, identity, name, guid, json) holds each once: as Exchange's own cmdlets
 * gave it where they did, else as the directory did. */
int uh_step_query(struct uh_step_run *run, const char *sql, struct uh_query **ret_query, struct uh_err *err);
/*
 * Anchors: by what later steps, and the sweep, identify what belongs to the hybrid deployment, also when the objects
 * that told it are gone. They come from the journal where it has them, else from the facts. The first value, NULL where
 * there is none. The view anchor(name, value) has them all.
 */
#define UH_ANCHOR_ORGANIZATION "organization-guid" /* objectGUID of the Exchange organisation, text */
#define UH_ANCHOR_TENANT "tenant-id"
#define UH_ANCHOR_ROUTING_DOMAIN "tenant-routing-domain" /* <tenant>.mail.onmicrosoft.com */
#define UH_ANCHOR_INITIAL_DOMAIN "tenant-initial-domain" /* <tenant>.onmicrosoft.com */
#define UH_ANCHOR_HYBRID_DOMAIN "hybrid-domain"          /* several */
#define UH_ANCHOR_ACCEPTED_DOMAIN \
  "accepted-domain" /* accepted on premises, and no other forest's hybrid domain; several */
#define UH_ANCHOR_AUTH_CERTIFICATE \
  "auth-certificate" /* thumbprint, 40 upper-case hex digits; current, next, previous */
#define UH_ANCHOR_AUTH_SUBJECT "auth-certificate-subject"
/* What a person stated of the organisation's GUID, where nothing tells it any more: "<GUID> <who>". The anchor
 * organization-guid holds it then. */
#define UH_ANCHOR_ORGANIZATION_STATED "organization-guid-stated"
/* What a person stated of thumbprints where nothing tells the auth certificates any more: "<thumbprint> <who>". The
 * first are among the auth certificates too. */
#define UH_ANCHOR_AUTH_STATED "auth-certificate-stated"
#define UH_ANCHOR_OTHER_STATED "other-certificate-stated"
#define UH_ANCHOR_FEDERATION_CERTIFICATE "federation-certificate" /* thumbprint */
#define UH_ANCHOR_TLS_CERTIFICATE "tls-certificate"               /* <I>..<S>.. as the connectors name it */
#define UH_ANCHOR_HYBRID_AGENT "hybrid-agent"                     /* application id: the GUID in its host names */
#define UH_ANCHOR_DEDICATED_APPLICATION "dedicated-application"   /* appId */
/* What this organisation's OnPremisesOrganization names: */
#define UH_ANCHOR_CLOUD_ORGANIZATION "on-premises-organization" /* its own GUID */
#define UH_ANCHOR_INBOUND "inbound-connector"
#define UH_ANCHOR_OUTBOUND "outbound-connector"
#define UH_ANCHOR_RELATIONSHIP "organization-relationship"
/* And what another forest's names: never to be touched. Value: the name or GUID as it is told. */
#define UH_ANCHOR_OTHER_ORGANIZATION "other-organization" /* its organisation's GUID, as it is told */
#define UH_ANCHOR_OTHER_INBOUND "other-inbound-connector"
#define UH_ANCHOR_OTHER_OUTBOUND "other-outbound-connector"
#define UH_ANCHOR_OTHER_RELATIONSHIP "other-organization-relationship"
#define UH_ANCHOR_OTHER_DOMAIN "other-hybrid-domain"
#define UH_ANCHOR_HOST "server-host"       /* host names by which the servers are reached, lower case; several */
#define UH_ANCHOR_SMART_HOST "smart-host"  /* to which the wizard lets Exchange Online send: a server, or a gateway */
#define UH_ANCHOR_ADDRESS "server-address" /* addresses that those led to while a server was there; several */
#define UH_ANCHOR_FEDERATED "federated-domain" /* domains that were registered with the federation gateway; several */
const char *UH_NULLABLE uh_step_anchor(struct uh_step_run *run, const char *name);
/* Whether the name is among the values of an anchor, without case. */
bool uh_step_is_anchor(struct uh_step_run *run, const char *name, const char *value);

/* Whose an object is, and why ("ConnectorSource is HybridWizard, and this organisation's OnPremisesOrganization names
 * it"). Said of every object of the kinds that the step looks at, so that a plan shows what stays. The texts are
 * copied. */
int uh_step_owner(struct uh_step_run *run, const struct uh_subject *subject, enum uh_owner owner, struct uh_err *err,
                  const char *reason_fmt, ...) UH_PRINTF(5, 6);
int uh_step_action(struct uh_step_run *run, const struct uh_action *action, struct uh_err *err);
/*
 * Walks the rows of a statement that classifies: side, kind, guid, name, owner ("hybrid", "shared", "partner",
 * "other-forest", "cross-tenant", "tenant", "server"; NULL: cannot be told), reason, in this order, then columns of
 * its own from UH_ROW_OWN on. Says of each whose it is, and calls act (NULL: nobody) for those that are HYBRID or
 * SHARED; in the steps of the uninstall also for those of SERVER. <unhybrid/step_sql.h> has such statements.
 */
struct uh_step_row {
  struct uh_subject subject;
  enum uh_owner owner;
  const char *reason;
  struct uh_query *query; /* at this row */
};
enum { UH_ROW_OWN = 6 };
int uh_step_each(struct uh_step_run *run, const char *sql,
                 int (*UH_NULLABLE act)(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err),
                 struct uh_err *err);
/* Walks the rows of a statement that tells what stands in the way: what ("blocked", "unknown": the object cannot be
 * told apart, "note"), side, kind, guid, name, text. ?1 is now. */
int uh_step_obstacles(struct uh_step_run *run, const char *sql, struct uh_err *err);
/* A column that is a JSON array of texts: the list of a parameter. Zero-initialise; free with uh_step_list_clear().
 * NULL and anything else than an array of texts is an error. */
#define UH_STEP_LIST_MAX 1000
struct uh_step_list {
  const char **v;
  size_t n;
};
int uh_step_list_read(struct uh_query *query, int column, struct uh_step_list *ret_list, struct uh_err *err);
void uh_step_list_clear(struct uh_step_list *list);
/* One UH_EXPECT_LACKS for each, then the end; expect has room for UH_STEP_LIST_MAX + 1. */
void uh_step_expect_lacks(const char *property, const struct uh_step_list *list, struct uh_expect *ret_expect);
/* The row's object goes by this cmdlet, run on its own side, and can be made anew. words: effect, and what else there
 * is to say (after; why, else it is the row's reason). */
int uh_step_remove(struct uh_step_run *run, const struct uh_step_row *row, const char *cmdlet,
                   const struct uh_action *words, struct uh_err *err);
/* Of a list that the row's object shares with others `gone` goes: the cmdlet sets it to `rest`. */
int uh_step_reduce(struct uh_step_run *run, const struct uh_step_row *row, const char *cmdlet, const char *property,
                   const struct uh_step_list *gone, const struct uh_step_list *rest, const char *effect,
                   struct uh_err *err);
/*
 * Entries of the directory, once no cmdlet can exist any more: the rows are as above, of the kind UH_DIRECTORY_ENTRY,
 * with the entry's DN and its class as columns UH_ROW_OWN and UH_ROW_OWN + 1 (<unhybrid/step_sql_directory.h>).
 */
/* The row's entry goes, and with it exactly what the facts show below it. words: why, effect, approval, part. */
int uh_step_delete_entry(struct uh_step_run *run, const struct uh_step_row *row, const struct uh_action *words,
                         struct uh_err *err);
/* These values of one of its attributes go, and the rest stays. It is the rest that is written: a directory finds no
 * value to take out by the name of what was deleted. */
int uh_step_take_values(struct uh_step_run *run, const struct uh_step_row *row, const char *attribute,
                        const struct uh_step_list *values, const struct uh_step_list *rest,
                        const struct uh_action *words, struct uh_err *err);
/* A set that this step needs after all (learnt while running), as in uh_rule.needs. 1 complete, 0 not: the step is
 * unknown now, return 0. */
int uh_step_need(struct uh_step_run *run, const char *needs, struct uh_err *err);
/* The step cannot go on although the sets are complete ("12 addresses of contoso.net have no recipient in Exchange
 * Online: a@.., b@.."). It is blocked, nothing of it is done. */
int uh_step_blocked(struct uh_step_run *run, struct uh_err *err, const char *why_fmt, ...) UH_PRINTF(3, 4);
/* A sentence that the plan shows ("the federation TXT records of .. can go afterwards"). */
int uh_step_note(struct uh_step_run *run, struct uh_err *err, const char *fmt, ...) UH_PRINTF(3, 4);
int64_t uh_step_now(const struct uh_step_run *run); /* UTC seconds */
/* Is the account there that may write on this executor? */
bool uh_step_can(const struct uh_step_run *run, enum uh_executor executor);

/* ---- undo ---- */

/*
 * Putting back. Without a function of the step's, the engine puts back what an action's changes set (DISABLE, SET,
 * REDUCE): the same cmdlet with the values of the before-image. For REMOVE the step says how the object is made anew.
 */
struct uh_undo; /* one undoing; opaque. Properties come from the before-image, the richest source first */
const struct uh_subject *uh_undo_subject(const struct uh_undo *undo);
enum uh_verb uh_undo_verb(const struct uh_undo *undo);
/* NULL, false, -1: there was none, or it was not obtained. Texts live as long as the undo. */
const char *UH_NULLABLE uh_undo_text(struct uh_undo *undo, const char *property);
bool uh_undo_bool(struct uh_undo *undo, const char *property, bool *ret_value);
bool uh_undo_list(struct uh_undo *undo, const char *property, const char *const **ret_v, size_t *ret_n);

/* A parameter that takes a property's value; type NULL-terminated table. Left out where there was no value, so that the
 * service's default stands. */
struct uh_undo_parameter {
  const char *parameter;            /* NULL: end */
  const char *UH_NULLABLE property; /* NULL: of the same name */
  enum uh_value_type type;
  bool later; /* New- does not take it: it is set by set_cmdlet afterwards */
};
/* Makes the object anew: new_cmdlet with what it takes, then, where there is anything left, set_cmdlet on the new
 * object with the rest. The engine finds the new object by `name_property` (NULL: "Name"), and compares every
 * parameter. */
int uh_undo_create(struct uh_undo *undo, const char *new_cmdlet, const char *UH_NULLABLE set_cmdlet,
                   const struct uh_undo_parameter *parameters, const char *UH_NULLABLE name_property,
                   struct uh_err *err);
/* Any other change, in order. on_new: on the object that uh_undo_create made. */
int uh_undo_change(struct uh_undo *undo, const struct uh_change *change, bool on_new, struct uh_err *err);
int uh_undo_graph(struct uh_undo *undo, const struct uh_graph_change *change, struct uh_err *err);
/* What the journal's anchors told first; NULL: nothing. */
const char *UH_NULLABLE uh_undo_anchor(const struct uh_undo *undo, const char *name);
/* Where the before-image has no value of the property - a link is empty once what it named is gone - it was this one.
 * Said before what reads it. NULL: nobody knows. */
int uh_undo_assume(struct uh_undo *undo, const char *property, const char *UH_NULLABLE text, struct uh_err *err);
/* This organisation's OnPremisesOrganization named the object by `property`, as the anchor tells, and stopped when the
 * object went. It names it again, unless it is gone itself; what it names instead by now is left to it, and told.
 * Nothing is done where it named another. */
int uh_undo_named_by_organization(struct uh_undo *undo, const char *property, const char *anchor, struct uh_err *err);
/* What is true afterwards, beside what uh_undo_create compares. */
int uh_undo_expect(struct uh_undo *undo, const struct uh_expect *expect, struct uh_err *err);
/* What a person has to do instead, or as well. */
int uh_undo_commands(struct uh_undo *undo, const char *commands, const char *where, struct uh_err *err);

/* The function of a step all of whose objects the engine itself can put back: entries of the directory, which come back
 * from their tombstones. */
int uh_undo_by_engine(struct uh_undo *undo, struct uh_err *err);

/* ---- a step ---- */

struct uh_follows {
  const char *step; /* NULL: end */
  const char *reason;
  bool all; /* also what nobody approved there has to be done before: the order counts, or this takes it along */
};
struct uh_step {
  const char *id;          /* "organization-relationship"; never changed once released */
  const char *title;       /* "Remove the organization relationships of the hybrid deployment" */
  const char *requirement; /* "C-05" */
  enum uh_phase phase;
  const struct uh_follows *follows; /* steps that come before, and why */
  const char *needs;                /* sets that discovery reads, as in uh_rule.needs; in dry run and run alike */
  const char *checks; /* ids of checks that must pass right before, "mailbox.location,relay.connector"; '' none */
  const char *UH_NULLABLE mends; /* ids of checks that fail until this step is done: at the start of a run, where the
                                    whole audit has to be ready, they do not count; the checks of later steps do */
  /* Done only where --only names it: what it removes may still be of use to somebody, and nothing that can be observed
   * says whether it is. */
  bool opt_in;
  int (*discover)(struct uh_step_run *run, struct uh_err *err);
  /* NULL: see above; REMOVE cannot be undone then. 1: of this action it is as without the function */
  int (*undo)(struct uh_undo *undo, struct uh_err *err);
  const char *effect;              /* what does not work once it is done */
  const char *UH_NULLABLE undo_by; /* where this program puts nothing of it back: "person" or "nobody" */
  const char *undo_limits;         /* what is different after an undo: "a new GUID and new times" */
  const char *reference;
  const char *explain; /* for `steps explain`: how objects are told apart, what is never touched, what is not known */
};
#ifdef UNHYBRID_PLUGIN
struct uh_step_module {
  uint32_t abi; /* UH_STEP_ABI */
  const struct uh_step *step;
};
#endif
/* The one symbol of a file in cleanup/: its name with '-' as '_'. */
#define UH_STEP(name) const struct uh_step uh_step_##name
#endif
