/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What attestations are worth for one observation. One that counts stands in the view attestation while checks run; it
 * fills a gap, and is bound to what there was to see when it was made.
 */
#include <sqlite3.h>

#include <unhybrid/text.h>

#include "case/config.h"
#include "rules/evidence.h"
#include "rules/judging.h"
#include "rules/shared.h"

enum { FACTS_MAX = 256, OBJECTS_TOLD = 20, DAYS_SUGGESTED = 90, DAY = 86400 };

/* ---- facts ---- */

const struct uh_attestable *uh_attestable_find(const char *fact) {
  const struct uh_check *c;
  for (size_t i = 0; (c = uh_check_at(i)) != NULL; i++)
    for (const struct uh_attestable *f = c->attests; f && f->fact; f++)
      if (strcmp(f->fact, fact) == 0) return f;
  return NULL;
}

static const char *nearest_fact(const char *fact) {
  const char *words[FACTS_MAX];
  const struct uh_check *c;
  size_t n = 0;
  for (size_t i = 0; (c = uh_check_at(i)) != NULL; i++)
    for (const struct uh_attestable *f = c->attests; f && f->fact && n < FACTS_MAX; f++) words[n++] = f->fact;
  return uh_nearest_word(fact, words, n);
}

int64_t uh_statement_ends(enum uh_statement_kind kind, const struct uh_statement *s) {
  const struct uh_attestable *f = kind == UH_ATTESTATION ? uh_attestable_find(s->subject) : NULL;
  return uh_statement_until(s, f ? f->counts_for : 0);
}

static bool takes_value(const struct uh_attestable *f, const char *value) {
  size_t n = strlen(value);
  if (!f->values) return true;
  for (const char *p = f->values; *p;) {
    size_t size = strcspn(p, "|");
    if (size == n && strncmp(p, value, n) == 0) return true;
    p += size + (p[size] == '|');
  }
  return false;
}

/* ---- what it was bound to ---- */

static int digest_rows(struct judge *j, const char *sql, struct uh_digest *d, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  struct uh_str sorted = {0};
  int rc = uh_judge_prepare(j, sql, &st, err);
  if (rc < 0) return -1;
  int columns = sqlite3_column_count(st);
  sqlite3_finalize(st);
  st = NULL;
  uh_str_addf(&sorted, "SELECT * FROM (%s) ORDER BY 1", sql);
  for (int i = 2; i <= columns; i++) uh_str_addf(&sorted, ", %d", i);
  rc = uh_str_text(&sorted) ? uh_judge_prepare(j, uh_str_text(&sorted), &st, err) : uh_fail_nomem(err);
  uh_str_clear(&sorted);
  if (rc < 0) return -1;
  int step;
  while ((step = sqlite3_step(st)) == SQLITE_ROW)
    for (int i = 0; i < columns; i++) uh_digest_add(d, (const char *)sqlite3_column_text(st, i));
  if (step != SQLITE_DONE) rc = uh_fail(err, UH_ERR_INTERNAL, "SQL: %s", sqlite3_errmsg(j->db));
  sqlite3_finalize(st);
  return rc;
}

static int evidence_of(struct judge *j, const struct uh_attestable *f, const char *object,
                       char ret_evidence[UH_EVIDENCE_TEXT], struct uh_err *err) {
  UH_CLEANUP(uh_digest_freep) struct uh_digest *d = NULL;
  const struct uh_results_head *head = uh_results_head(j->results);
  if (uh_digest_new(&d, err) < 0) return -1;
  const char *const parts[] = {"unhybrid attestation 1", f->fact, object, head->organization, head->tenant};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) uh_digest_add(d, parts[i]);
  if (f->basis && digest_rows(j, f->basis, d, err) < 0) return -1;
  return uh_digest_text(d, ret_evidence, err);
}

/* ---- what sources say of it ---- */

/* As `observed` spells it; the object as it is where that is no GUID. */
static const char *spelled(const struct uh_attestable *f, const char *object, char guid_text[UH_GUID_TEXT]) {
  uint8_t guid[UH_GUID_SIZE];
  return f->guid && uh_guid_parse(object, guid) ? uh_guid_text(guid, guid_text) : object;
}

/* Compares what is stated with what was observed of its object. */
static int look_at_observed(struct judge *j, const struct uh_attestable *f, const struct uh_statement *s,
                            struct uh_worth *w, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  struct uh_str sql = {0};
  char guid[UH_GUID_TEXT];
  uh_str_addf(&sql, "SELECT value FROM (%s) WHERE object IN (?, '') ORDER BY object = '', value IS NULL", f->observed);
  int rc = uh_str_text(&sql) ? uh_judge_prepare(j, uh_str_text(&sql), &st, err) : uh_fail_nomem(err);
  uh_str_clear(&sql);
  if (rc < 0) return -1;
  sqlite3_bind_text(st, 1, spelled(f, s->object, guid), -1, SQLITE_STATIC);
  int step = sqlite3_step(st);
  if (step == SQLITE_ROW) {
    const char *value = (const char *)sqlite3_column_text(st, 0);
    if (value && strcmp(value, s->text) != 0)
      uh_worth_say(w, UH_STATED_CONTRADICTED, "observed otherwise (%.*s), and what was observed is never overruled",
                   UH_HEAD(value, 100));
  } else if (step == SQLITE_DONE && f->object) {
    uh_worth_say(w, UH_STATED_UNMATCHED, "there is no %s \"%.*s\"", f->object, UH_HEAD(s->object, 200));
  }
  if (step != SQLITE_ROW && step != SQLITE_DONE) rc = uh_fail(err, UH_ERR_INTERNAL, "SQL: %s", sqlite3_errmsg(j->db));
  sqlite3_finalize(st);
  return rc;
}

static void look_at_words(const struct uh_attestable *f, const struct uh_statement *s, struct uh_worth *w) {
  uint8_t guid[UH_GUID_SIZE];
  if (!f) {
    const char *nearest = nearest_fact(s->subject);
    uh_worth_say(w, UH_STATED_UNMATCHED, "there is no fact \"%.*s\" that may be stated%s%s%s", UH_HEAD(s->subject, 100),
                 nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
  } else if (!f->object && *s->object) {
    uh_worth_say(w, UH_STATED_UNMATCHED, "the fact is about the whole organisation: leave out the object");
  } else if (f->object && !*s->object) {
    uh_worth_say(w, UH_STATED_UNMATCHED, "the fact is about one %s: name it as the object", f->object);
  } else if (f->guid && !uh_guid_parse(s->object, guid)) {
    uh_worth_say(w, UH_STATED_REFUSED, "\"%.*s\" is no GUID: it names no %s", UH_HEAD(s->object, 100), f->object);
  } else if (!takes_value(f, s->text)) {
    uh_worth_say(w, UH_STATED_REFUSED, "the fact does not take the value \"%.*s\": it takes %s", UH_HEAD(s->text, 100),
                 f->values);
  }
}

/* The evidence of today goes to ret_evidence where everything else is right. */
static int look(struct judge *j, const struct uh_statement *s, struct uh_worth *w, char ret_evidence[UH_EVIDENCE_TEXT],
                struct uh_err *err) {
  const struct uh_attestable *f = uh_attestable_find(s->subject);
  char why[300];
  look_at_words(f, s, w);
  if (w->state != UH_STATED_OPEN) return 0;
  int lacking = uh_judge_lacking(j, f->basis_needs, why, sizeof why, err);
  if (lacking < 0) return -1;
  if (f->observed && look_at_observed(j, f, s, w, err) < 0) return -1;
  if (j->options->known_lacking && uh_shared_reads_known(f->observed) && w->state == UH_STATED_OPEN)
    uh_worth_say(w, UH_STATED_UNVERIFIED, "what the journal of the case tells of it is not known: %s",
                 j->options->known_lacking);
  if (lacking && (w->state == UH_STATED_OPEN || w->state == UH_STATED_UNMATCHED))
    uh_worth_say(w, UH_STATED_UNVERIFIED, "what it rests on was not observed in full: %s", why);
  return w->state == UH_STATED_OPEN ? evidence_of(j, f, s->object, ret_evidence, err) : 0;
}

static int judge_one(struct judge *j, const struct uh_statement *s, struct uh_worth *w, struct uh_err *err) {
  char evidence[UH_EVIDENCE_TEXT];
  struct uh_err own = UH_ERR_INIT;
  uh_worth_by_time(j, UH_ATTESTATION, s, w);
  if (w->state != UH_STATED_OPEN) return 0;
  if (look(j, s, w, evidence, &own) < 0) {
    /* SQL that breaks is a defect of its check: the statement does not count, the audit goes on. */
    if (own.cls == UH_ERR_INTERNAL) {
      uh_worth_say(w, UH_STATED_UNVERIFIED, "what it rests on cannot be judged: %s", own.what);
      return 0;
    }
    *err = own;
    return -1;
  }
  if (w->state != UH_STATED_OPEN) return 0;
  if (strcmp(evidence, s->evidence) != 0)
    uh_worth_say(w, UH_STATED_LAPSED, "what it was based on has changed since: look again and state it anew");
  else
    w->state = UH_STATED_COUNTS;
  return 0;
}

/* The same thing stated twice: the first counts, and neither where they differ. */
static void settle_duplicates(const struct uh_statements *all, struct uh_worth *worth) {
  for (size_t i = 0; i < all->n; i++) {
    if (worth[i].state != UH_STATED_COUNTS) continue;
    for (size_t k = i + 1; k < all->n; k++) {
      if (worth[k].state != UH_STATED_COUNTS || strcmp(all->v[i].subject, all->v[k].subject) != 0 ||
          strcmp(all->v[i].object, all->v[k].object) != 0)
        continue;
      bool same = strcmp(all->v[i].text, all->v[k].text) == 0;
      uh_worth_say(&worth[k], UH_STATED_DUPLICATE, "line %u states %s", all->v[i].line,
                   same ? "the same" : "something else of the same fact");
      if (!same)
        uh_worth_say(&worth[i], UH_STATED_DUPLICATE, "line %u states something else of the same fact", all->v[k].line);
    }
  }
}

static int fill_view(struct judge *j, const struct uh_statements *all, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  int rc = sqlite3_prepare_v2(
      j->db, "INSERT INTO temp.uh_shared_attestation(fact, object, value, since) VALUES(?, ?, ?, ?)", -1, &st, NULL);
  for (size_t i = 0; rc == SQLITE_OK && i < all->n; i++) {
    if (j->worth[UH_ATTESTATION][i].state != UH_STATED_COUNTS) continue;
    sqlite3_bind_text(st, 1, all->v[i].subject, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, all->v[i].object, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, all->v[i].text, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 4, all->v[i].from);
    rc = sqlite3_step(st) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR;
    sqlite3_reset(st);
  }
  sqlite3_finalize(st);
  return rc == SQLITE_OK ? 0 : uh_fail(err, UH_ERR_INTERNAL, "attestation: %s", sqlite3_errmsg(j->db));
}

int uh_attestations_judge(struct judge *j, struct uh_err *err) {
  for (int kind = 0; kind < 2; kind++) {
    const struct uh_statements *s = j->options->statements[kind];
    if (!s || !s->n) continue;
    j->worth[kind] = calloc(s->n, sizeof *j->worth[kind]);
    if (!j->worth[kind]) return uh_fail_nomem(err);
  }
  const struct uh_statements *all = j->options->statements[UH_ATTESTATION];
  if (!all || !all->n) return 0;
  for (size_t i = 0; i < all->n; i++)
    if (judge_one(j, &all->v[i], &j->worth[UH_ATTESTATION][i], err) < 0) return -1;
  settle_duplicates(all, j->worth[UH_ATTESTATION]);
  return fill_view(j, all, err);
}

/* ---- while checks are judged ---- */

static const struct uh_statement *find_stated(const struct judge *j, const char *fact, const char *object,
                                              struct uh_worth **ret_worth) {
  const struct uh_statements *all = j->options->statements[UH_ATTESTATION];
  for (size_t i = 0; all && i < all->n; i++) {
    if (j->worth[UH_ATTESTATION][i].state != UH_STATED_COUNTS || strcmp(all->v[i].subject, fact) != 0 ||
        strcmp(all->v[i].object, object) != 0)
      continue;
    if (ret_worth) *ret_worth = &j->worth[UH_ATTESTATION][i];
    return &all->v[i];
  }
  return NULL;
}

static bool stated(const struct judge *j, const char *fact, const char *object) {
  return find_stated(j, fact, object, NULL) != NULL;
}

/* The first value is what the check hopes for. Any other may be stated too, and is the rules' to judge. */
static bool settles(const struct uh_attestable *f, const struct uh_statement *s) {
  size_t first = f->values ? strcspn(f->values, "|") : 0;
  return s && first && strlen(s->text) == first && strncmp(f->values, s->text, first) == 0;
}

bool uh_attested(const struct judge *j, const struct uh_attestable *f) {
  return f && f->fact && !f->object && settles(f, find_stated(j, f->fact, "", NULL));
}

void uh_attestation_contradict(struct judge *j, const struct uh_check *check) {
  struct uh_worth *w = NULL;
  const struct uh_attestable *f = check->attests;
  if (!check->blind_spot || !f || !f->fact || !settles(f, find_stated(j, f->fact, "", &w))) return;
  uh_worth_say(w, UH_STATED_CONTRADICTED, "observed otherwise: %s has findings, and they are never overruled",
               check->id);
}

/* ---- what may be stated ---- */

static int put_attestable(struct judge *j, int64_t index, const struct uh_attestable *f, const char *object,
                          struct uh_err *err) {
  struct uh_str command = {0};
  size_t first = f->values ? strcspn(f->values, "|") : 0;
  uh_str_addf(&command, "unhybrid attest add %s ", f->fact);
  if (f->values)
    uh_str_addf(&command, "%.*s", (int)first, f->values);
  else
    uh_str_add(&command, "VALUE");
  if (*object) {
    uh_str_add(&command, " --object ");
    uh_shell_word(&command, object);
  }
  uh_str_addf(&command, " --approver \"$USER\" --days %d", f->counts_for ? (int)(f->counts_for / DAY) : DAYS_SUGGESTED);
  const struct uh_result_attestable a = {.fact = f->fact,
                                         .object = object,
                                         .question = f->question,
                                         .how = f->how,
                                         .values = f->values ? f->values : "",
                                         .command = uh_str_text(&command)};
  int rc = a.command ? uh_results_put_attestable(j->results, index, &a, err) : uh_fail_nomem(err);
  uh_str_clear(&command);
  return rc;
}

/* One entry for each object of which no source told. */
static int tell_objects(struct judge *j, int64_t index, const struct uh_attestable *f, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  struct uh_str sql = {0};
  uh_str_addf(&sql, "SELECT object FROM (%s) GROUP BY object HAVING count(value) = 0 ORDER BY object LIMIT %d",
              f->observed, OBJECTS_TOLD);
  int rc = uh_str_text(&sql) ? uh_judge_prepare(j, uh_str_text(&sql), &st, err) : uh_fail_nomem(err);
  uh_str_clear(&sql);
  int step = SQLITE_DONE;
  while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
    const char *object = (const char *)sqlite3_column_text(st, 0);
    if (object && *object && !stated(j, f->fact, object)) rc = put_attestable(j, index, f, object, err);
  }
  if (rc == 0 && step != SQLITE_DONE) rc = uh_fail(err, UH_ERR_INTERNAL, "SQL: %s", sqlite3_errmsg(j->db));
  sqlite3_finalize(st);
  return rc;
}

int uh_attestables_tell(struct judge *j, const struct uh_check *check, int64_t index, bool blind, struct uh_err *err) {
  struct uh_err own = UH_ERR_INIT;
  for (const struct uh_attestable *f = check->attests; f && f->fact; f++) {
    int rc = 0;
    if (check->blind_spot && f == check->attests && !blind) continue; /* other things are in the way */
    if (f->object)
      rc = tell_objects(j, index, f, &own);
    else if (!stated(j, f->fact, ""))
      rc = put_attestable(j, index, f, "", &own);
    if (rc < 0 && own.cls != UH_ERR_INTERNAL) {
      *err = own;
      return -1;
    }
  }
  return 0;
}

int uh_attestation_evidence(struct judge *j, const struct uh_statement *what, char ret_evidence[UH_EVIDENCE_TEXT],
                            struct uh_err *err) {
  struct uh_worth w = {0};
  if (look(j, what, &w, ret_evidence, err) < 0) return -1;
  if (w.state == UH_STATED_OPEN) return 0;
  bool words = w.state == UH_STATED_UNMATCHED || w.state == UH_STATED_REFUSED;
  return uh_fail(err, words ? UH_ERR_USAGE : UH_ERR_DATA, "%s", w.why);
}
