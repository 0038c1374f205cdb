/* SPDX-License-Identifier: Apache-2.0 */
/* What waivers are worth for one observation, and how statements of both kinds come into the results. */
#include <jansson.h>

#include <unhybrid/text.h>

#include "case/config.h"
#include "rules/evidence.h"
#include "rules/judging.h"

static const char *const state_names[] = {
    [UH_STATED_OPEN] = "not-judged",           [UH_STATED_COUNTS] = "counts",
    [UH_STATED_EXPIRED] = "expired",           [UH_STATED_FUTURE] = "future",
    [UH_STATED_DUPLICATE] = "duplicate",       [UH_STATED_UNMATCHED] = "unmatched",
    [UH_STATED_NOT_JUDGED] = "not-judged",     [UH_STATED_LAPSED] = "lapsed",
    [UH_STATED_UNVERIFIED] = "unverified",     [UH_STATED_REFUSED] = "refused",
    [UH_STATED_CONTRADICTED] = "contradicted",
};

void uh_worth_say(struct uh_worth *w, enum uh_statement_state state, const char *fmt, ...) {
  va_list ap;
  w->state = state;
  va_start(ap, fmt);
  uh_vprint(w->why, sizeof w->why, fmt, ap);
  va_end(ap);
}

/* What a gate's checks said when the plan was made is compared with what they say now. No observation shows what is of
 * the moment, so a later word of it is none that has changed since. */
static bool is_ahead(const struct judge *j, const struct uh_attestable *UH_NULLABLE f, const struct uh_statement *s) {
  bool compared = f && f->momentary && j->options->purpose == UH_GATE && !j->options->now;
  return j->now < s->from && !compared;
}

void uh_worth_by_time(const struct judge *j, enum uh_statement_kind kind, const struct uh_statement *s,
                      struct uh_worth *w) {
  const struct uh_attestable *f = kind == UH_ATTESTATION ? uh_attestable_find(s->subject) : NULL;
  int64_t ends = uh_statement_ends(kind, s);
  char when[UH_TIME_TEXT];
  if (is_ahead(j, f, s) && f && f->momentary)
    uh_worth_say(w, UH_STATED_FUTURE, "it holds from %s on, which is after what is judged here: the gate takes it",
                 uh_time_text(s->from, when));
  else if (is_ahead(j, f, s))
    uh_worth_say(w, UH_STATED_FUTURE, "it holds from %s on, not yet", uh_time_text(s->from, when));
  else if (j->now >= s->until)
    uh_worth_say(w, UH_STATED_EXPIRED, "it held until %s: state it again, or take it out",
                 uh_time_text(s->until, when));
  else if (j->now >= ends)
    uh_worth_say(w, UH_STATED_EXPIRED,
                 "it counted until %s, as its fact does not for longer: look again, state it anew",
                 uh_time_text(ends, when));
}

void uh_worth_free(struct judge *j) {
  for (int kind = 0; kind < 2; kind++) {
    free(j->worth[kind]);
    j->worth[kind] = NULL;
  }
}

/* ---- waivers ---- */

static const struct uh_check *find_check(const char *id, size_t n) {
  const struct uh_check *c;
  for (size_t i = 0; (c = uh_check_at(i)) != NULL; i++)
    if (strlen(c->id) == n && strncmp(c->id, id, n) == 0) return c;
  return NULL;
}

static void say_unknown_check(const char *id, size_t n, struct uh_worth *w) {
  enum { WORDS = 512 };
  const char *words[WORDS];
  const struct uh_check *c;
  size_t count = 0;
  char word[64];
  while (count < WORDS && (c = uh_check_at(count)) != NULL) words[count++] = c->id;
  (void)snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), id);
  const char *nearest = uh_nearest_word(word, words, count);
  uh_worth_say(w, UH_STATED_UNMATCHED, "there is no check \"%s\"%s%s%s", word, nearest ? "; did you mean \"" : "",
               nearest ? nearest : "", nearest ? "\"?" : "");
}

struct finding_key {
  const char *check, *side, *object;
  size_t check_size, side_size;
};

/* check/side/object, where the object's name may hold slashes. */
static bool split_key(const char *key, struct finding_key *ret) {
  const char *first = strchr(key, '/'), *second = first ? strchr(first + 1, '/') : NULL;
  if (!second || first == key || second == first + 1 || !second[1]) return false;
  *ret = (struct finding_key){.check = key,
                              .check_size = (size_t)(first - key),
                              .side = first + 1,
                              .side_size = (size_t)(second - first - 1),
                              .object = second + 1};
  return true;
}

/* The finding's evidence as it is now: 1 found, 0 no such finding. */
static int evidence_of(struct uh_results *r, int64_t index, const char *key, char side[64],
                       char ret_evidence[UH_EVIDENCE_TEXT], struct uh_err *err) {
  struct finding_key k;
  UH_CLEANUP(uh_freep) char *json = NULL;
  if (!split_key(key, &k) || k.side_size >= 64) return 0;
  (void)snprintf(side, 64, "%.*s", (int)k.side_size, k.side);
  int found = uh_results_object_evidence(r, index, side, k.object, &json, err);
  if (found != 1) return found;
  return uh_evidence_of_finding(key, json, ret_evidence, err) < 0 ? -1 : 1;
}

int uh_results_evidence(struct uh_results *r, const char *key, char ret_evidence[UH_EVIDENCE_TEXT],
                        struct uh_err *err) {
  char id[128], side[64];
  struct finding_key k;
  if (!split_key(key, &k) || k.check_size >= sizeof id) return 0;
  (void)snprintf(id, sizeof id, "%.*s", (int)k.check_size, k.check);
  int64_t index = uh_results_index(r, id);
  return index < 0 ? 0 : evidence_of(r, index, key, side, ret_evidence, err);
}

/* A waiver further up that counts accepts this finding already: its place, or 0. */
static unsigned accepted_before(const struct judge *j, const struct uh_statements *all, size_t i) {
  for (size_t k = 0; k < i; k++)
    if (j->worth[UH_WAIVER][k].state == UH_STATED_COUNTS && strcmp(all->v[k].subject, all->v[i].subject) == 0)
      return all->v[k].line;
  return 0;
}

static int apply(struct judge *j, const struct uh_statements *all, size_t i, int64_t index, struct uh_err *err) {
  const struct uh_statement *s = &all->v[i];
  struct uh_worth *w = &j->worth[UH_WAIVER][i];
  char evidence[UH_EVIDENCE_TEXT], side[64];
  int found = evidence_of(j->results, index, s->subject, side, evidence, err);
  unsigned before;
  if (found < 0) return -1;
  if (!found) {
    uh_worth_say(w, UH_STATED_UNMATCHED, "there is no such finding: it is solved, or was not seen this time");
  } else if (strcmp(evidence, s->evidence) != 0) {
    uh_worth_say(w, UH_STATED_LAPSED, "what was accepted has changed: look at the finding and accept it anew");
  } else if ((before = accepted_before(j, all, i)) != 0) {
    uh_worth_say(w, UH_STATED_DUPLICATE, "line %u accepts the same finding", before);
  } else {
    w->state = UH_STATED_COUNTS;
    struct finding_key k = {0};
    (void)split_key(s->subject, &k); /* a finding was found by it */
    return uh_results_waive(j->results, index, side, k.object, (int64_t)i, err);
  }
  return 0;
}

int uh_waivers_apply(struct judge *j, const struct uh_check *check, int64_t index, struct uh_err *err) {
  const struct uh_statements *all = j->options->statements[UH_WAIVER];
  size_t size = strlen(check->id);
  for (size_t i = 0; all && i < all->n; i++) {
    const char *key = all->v[i].subject;
    struct uh_worth *w = &j->worth[UH_WAIVER][i];
    if (strncmp(key, check->id, size) != 0 || key[size] != '/') continue;
    uh_worth_by_time(j, UH_WAIVER, &all->v[i], w);
    if (w->state == UH_STATED_OPEN && apply(j, all, i, index, err) < 0) return -1;
  }
  return 0;
}

/* Waivers that no judged check has looked at. */
static void settle_rest(struct judge *j, const struct uh_statement *s, struct uh_worth *w) {
  struct finding_key k;
  uh_worth_by_time(j, UH_WAIVER, s, w);
  if (w->state != UH_STATED_OPEN) return;
  if (!split_key(s->subject, &k))
    uh_worth_say(w, UH_STATED_UNMATCHED, "this is no finding's key, which is check/side/object as in the JSON report");
  else if (!find_check(k.check, k.check_size))
    say_unknown_check(k.check, k.check_size, w);
  else
    uh_worth_say(w, UH_STATED_NOT_JUDGED, "its check was not judged this time");
}

/* ---- both kinds ---- */

static const char *check_of(enum uh_statement_kind kind, const struct uh_statement *s, char id[128]) {
  struct finding_key k;
  const struct uh_check *c;
  *id = '\0';
  if (kind == UH_WAIVER) {
    if (split_key(s->subject, &k) && find_check(k.check, k.check_size) && k.check_size < 128)
      (void)snprintf(id, 128, "%.*s", (int)k.check_size, k.check);
    return id;
  }
  for (size_t i = 0; (c = uh_check_at(i)) != NULL; i++)
    for (const struct uh_attestable *f = c->attests; f && f->fact; f++)
      if (strcmp(f->fact, s->subject) == 0) return c->id;
  return id;
}

static int notice(struct judge *j, const struct uh_result_statement *r, struct uh_err *err) {
  struct uh_str text = {0};
  uh_str_addf(&text, "%s:%lld: the %s of %s does not count (%s): %s", r->file, (long long)r->line,
              uh_statement_kind_name(r->kind), r->subject, r->state, r->why);
  int rc = uh_str_text(&text) ? uh_results_put_notice(j->results, r->kind == UH_WAIVER ? "waivers" : "attestations",
                                                      uh_str_text(&text), err)
                              : uh_fail_nomem(err);
  uh_str_clear(&text);
  return rc;
}

static int tell(struct judge *j, const struct uh_statements *all, size_t i, struct uh_err *err) {
  const struct uh_statement *s = &all->v[i];
  struct uh_worth *w = &j->worth[all->kind][i];
  char id[128];
  if (all->kind == UH_WAIVER && w->state == UH_STATED_OPEN) settle_rest(j, s, w);
  const struct uh_result_statement r = {.kind = all->kind,
                                        .file = all->path,
                                        .subject = s->subject,
                                        .object = s->object,
                                        .text = s->text,
                                        .note = s->note,
                                        .approver = s->approver,
                                        .evidence = s->evidence,
                                        .check = check_of(all->kind, s, id),
                                        .state = state_names[w->state],
                                        .why = w->why,
                                        .line = s->line,
                                        .from = s->from,
                                        .until = s->until,
                                        .counts = w->state == UH_STATED_COUNTS};
  if (uh_results_put_statement(j->results, (int64_t)i, &r, err) < 0) return -1;
  return r.counts ? 0 : notice(j, &r, err);
}

static int tell_absent(struct judge *j, const struct uh_statements *all, struct uh_err *err) {
  struct uh_str text = {0};
  uh_str_addf(&text, "there is no file %s for %ss; `unhybrid %s add` makes it", all->path,
              uh_statement_kind_name(all->kind), all->kind == UH_WAIVER ? "waive" : "attest");
  int rc = uh_str_text(&text) ? uh_results_put_notice(j->results, "configuration", uh_str_text(&text), err)
                              : uh_fail_nomem(err);
  uh_str_clear(&text);
  return rc;
}

int uh_statements_tell(struct judge *j, struct uh_err *err) {
  for (int kind = 0; kind < 2; kind++) {
    const struct uh_statements *all = j->options->statements[kind];
    if (all && all->absent && tell_absent(j, all, err) < 0) return -1;
    for (size_t i = 0; all && i < all->n; i++)
      if (tell(j, all, i, err) < 0) return -1;
  }
  return 0;
}
