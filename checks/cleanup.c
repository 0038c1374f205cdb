/* SPDX-License-Identifier: Apache-2.0 */
/* What nobody sees and the cleanup has to know before it begins. The gate alone asks: an audit changes nothing. */
#include <stdlib.h>
#include <unhybrid/check.h>

enum { DAY = 86400, BACKUP_DAYS = 7 };

/* It was stated, and counts: 1, 0 it was not. */
static int is_stated(struct uh_check_run *run, const char *fact, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  if (uh_query_open(run, "SELECT 1 FROM attestation WHERE fact = ? AND object = '' AND value = 'yes'", &query, err) < 0)
    return -1;
  uh_query_bind_text(query, 1, fact);
  return uh_query_next(query, err);
}

/* ---- the backup ---- */

static int backup(struct uh_check_run *run, struct uh_err *err) {
  static const char set[] = "attestation:cleanup.backup";
  int stated = is_stated(run, "cleanup.backup", err);
  if (stated != 0) return stated < 0 ? -1 : 0;
  return uh_set_lacking(run, set, "not-observed", err,
                        "no source sees a backup of Active Directory, and nobody stated that there is one, or what was "
                        "stated has ended: it counts for %d days, and an observation pause may take as long",
                        BACKUP_DAYS);
}

static const struct uh_attestable backup_attests[] = {
    {.fact = "cleanup.backup",
     .question =
         "Is there a system-state backup of a domain controller of each domain from the last days, and do those "
         "who would restore from it know how (yes)?",
     .how =
         "On a domain controller: wbadmin get versions shows when the last backup was made and whether it holds the "
         "system state (wbadmin start systemstatebackup makes one). Ask who would carry out an authoritative restore "
         "of the configuration partition whether they have done it, and where the DSRM password is.",
     .values = "yes",
     .momentary = true,
     .counts_for = (int64_t)BACKUP_DAYS * DAY},
    {0}};

/* ---- the observation window ---- */

static int window(struct uh_check_run *run, struct uh_err *err) {
  static const char set[] = "attestation:cleanup.observation-window";
  if (uh_setting_count(run, "pauses.observe") && strtoll(uh_setting(run, "pauses.observe", 0), NULL, 10) > 0) return 0;
  int stated = is_stated(run, "cleanup.observation-window", err);
  if (stated != 0) return stated < 0 ? -1 : 0;
  return uh_set_lacking(run, set, "not-observed", err,
                        "pauses.observe is 0, so nothing is watched after it was disabled, and nobody stated that it "
                        "need not be");
}

static const struct uh_attestable window_attests[] = {
    {.fact = "cleanup.observation-window",
     .question =
         "Have the hybrid connectors been without mail for long enough, or is there no need to watch them after "
         "they are disabled (yes)?",
     .how =
         "Long enough has a month's end and every weekly job in it. Message traces in Exchange Online by connector, and "
         "the protocol logs of the send and receive connectors, show what still goes through. Whoever wants the "
         "cleanup itself to wait leaves pauses.observe at 7 days.",
     .values = "yes",
     .momentary = true},
    {0}};

static const struct uh_check checks[] = {
    {.id = "cleanup.backup",
     .title = "There is a fresh backup of Active Directory, and its restore is understood",
     .severity = UH_BLOCKER,
     .purposes = UH_GATE,
     .requirements = "C-00",
     .run = backup,
     .never_fails = true,
     .attests = backup_attests,
     .remedy =
         "Make a system-state backup of a domain controller of each domain, make sure of its restore, and state it.",
     .reference = "https://learn.microsoft.com/windows-server/administration/windows-commands/"
                  "wbadmin-start-systemstatebackup",
     .explain =
         "What the cleanup takes away it can mostly put back, as new objects. What else goes wrong in the "
         "configuration partition only a backup brings back. No source sees one: somebody has to state it, and the "
         "statement counts for seven days. Asked by the gate of a cleanup alone."},
    {.id = "cleanup.observation-window",
     .title = "What is disabled is watched before it is removed",
     .severity = UH_BLOCKER,
     .purposes = UH_GATE,
     .requirements = "C-00",
     .run = window,
     .never_fails = true,
     .attests = window_attests,
     .remedy = "Let the cleanup wait (pauses.observe in the configuration, 7 days where it is absent), or state that "
               "there is no need.",
     .reference = "https://learn.microsoft.com/exchange/hybrid-deployment/decommission-last-exchange-server",
     .explain =
         "Connectors are disabled first, and removed when nobody missed them. For so long as pauses.observe says, "
         "the cleanup pauses by itself and this passes. With 0 it goes on at once: then it has to be stated that "
         "somebody watched, or that there is nothing to watch. Asked by the gate of a cleanup alone."},
    {0}};
UH_CHECK_MODULE(cleanup, checks);
