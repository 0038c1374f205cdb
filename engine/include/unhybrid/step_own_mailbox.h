/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_STEP_OWN_MAILBOX_H
#define UNHYBRID_STEP_OWN_MAILBOX_H
/*
 * The steps that take one kind of Exchange's own mailboxes away (U-01). They differ in the type, the cmdlet's switches
 * and the words; what they say is a table, and what they do is here.
 */
#include <stdio.h>

#include <unhybrid/step.h>
#include <unhybrid/step_sql_uninstall.h>
#include <unhybrid/text.h>

struct uh_own_mailbox {
  const char *sql, *stray_sql; /* UH_SQL_OWN_MAILBOXES, UH_SQL_STRAY_MAILBOX */
  bool removed;                /* the account goes too; else the mailbox is disabled, and the account stays */
  const struct uh_argument *UH_NULLABLE arguments;
  const char *effect, *undo;
  const char *approval;
  const char *put_back; /* what a person runs; %s is the account's GUID */
};

/* A row of `sql`. */
static inline int uh_own_mailbox_act(struct uh_step_run *run, const struct uh_step_row *row,
                                     const struct uh_own_mailbox *m, struct uh_err *err) {
  enum { DN = UH_ROW_OWN };
  const struct uh_change changes[] = {
      {.cmdlet = m->removed ? "Remove-Mailbox" : "Disable-Mailbox", .arguments = m->arguments}, {0}};
  static const struct uh_expect absent[] = {{.what = UH_EXPECT_ABSENT}, {0}};
  static const struct uh_expect disabled[] = {
      {.what = UH_EXPECT_VALUE, .value = {.name = "homeMDB", .type = UH_VALUE_NULL}}, {0}};
  struct uh_action action = {.subject = row->subject,
                             .verb = m->removed ? UH_VERB_REMOVE : UH_VERB_DISABLE,
                             .executor = UH_BY_EXCHANGE_SERVER,
                             .reversible = UH_REVERSIBLE_BY_OPERATOR,
                             .changes = changes,
                             .expect = m->removed ? absent : disabled,
                             .why = row->reason,
                             .effect = m->effect,
                             .undo = m->undo,
                             .approval = m->approval};
  action.subject.dn = uh_query_text(row->query, DN);
  return uh_step_action(run, &action, err);
}

static inline int uh_own_mailbox_discover(struct uh_step_run *run, const struct uh_own_mailbox *m,
                                          int (*act)(struct uh_step_run *, const struct uh_step_row *, struct uh_err *),
                                          struct uh_err *err) {
  return uh_step_each(run, m->sql, act, err) < 0 ? -1 : uh_step_obstacles(run, m->stray_sql, err);
}

static inline int uh_own_mailbox_undo(struct uh_undo *undo, const struct uh_own_mailbox *m, struct uh_err *err) {
  struct uh_str commands UH_CLEANUP(uh_str_clear) = {0};
  const char *guid = uh_undo_subject(undo)->guid, *at = strstr(m->put_back, "%s");
  uh_str_addn(&commands, m->put_back, at ? (size_t)(at - m->put_back) : strlen(m->put_back));
  if (at) uh_str_addf(&commands, "%s%s", guid ? guid : "", at + 2);
  if (!uh_str_text(&commands)) return uh_fail_nomem(err);
  return uh_undo_commands(undo, uh_str_text(&commands), "in Exchange Management Shell", err);
}

/* The functions of such a step, from its table. */
#define UH_OWN_MAILBOX(table)                                                                  \
  static int act(struct uh_step_run *run, const struct uh_step_row *row, struct uh_err *err) { \
    return uh_own_mailbox_act(run, row, &(table), err);                                        \
  }                                                                                            \
  static int discover(struct uh_step_run *run, struct uh_err *err) {                           \
    return uh_own_mailbox_discover(run, &(table), act, err);                                   \
  }                                                                                            \
  static int undo(struct uh_undo *undo, struct uh_err *err) {                                  \
    return uh_own_mailbox_undo(undo, &(table), err);                                           \
  }
/* What each says of itself alike. */
#define UH_OWN_MAILBOX_STEP                                                                                     \
  .requirement = "U-01", .phase = UH_PHASE_UNINSTALL, .needs = UH_SQL_OWN_NEEDS, .checks = UH_UNINSTALL_CHECKS, \
  .discover = discover, .undo = undo, .undo_by = "person"
#define UH_OWN_MAILBOX_EMPTY                                                                                   \
  "An empty mailbox: what stood in it stays in the database for as long as that keeps deleted mailboxes, and " \
  "while the database is there."
#endif
