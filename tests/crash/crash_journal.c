/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal on storage that fails and loses power: at every call, in many ways of what survives, and again while it
 * recovers. What was acknowledged is there, byte for byte; at most one record more is; the chain holds; and after a
 * failed write nothing is acknowledged any more.
 *
 *   crash_journal [SHARE [PART]]    SHARE: of the seeds, 1 to 100 percent; 100 is everything
 *                                   PART: power, faults or damage alone
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case/journal.h"
#include "storage.h"

enum { RECORDS = 30, SEEDS = 40, NESTED = 3, IMAGE = 9000 };

/* What was tried, each counted for itself. */
enum kind {
  POWER,
  AGAIN,
  /* one for each level of NESTED */ EIO_ = AGAIN + NESTED,
  FULL,
  SHORT,
  SYNC,
  FLIPPED,
  CUT,
  KINDS
};
static const char *const kind_names[KINDS] = {
    [POWER] = "the power goes at a call", [AGAIN] = "and again while it is opened",
    [AGAIN + 1] = "and a third time",     [AGAIN + 2] = "and a fourth time",
    [EIO_] = "a call fails (EIO)",        [FULL] = "a write finds the disk full",
    [SHORT] = "a write is cut short",     [SYNC] = "a sync fails",
    [FLIPPED] = "a bit is another",       [CUT] = "the file's end is gone",
};
static long states[KINDS], failures;
static unsigned char image[IMAGE];
static char bodies[RECORDS][600];

static void expect(bool truth, const char *what, long a, long b) {
  if (truth) return;
  failures++;
  fprintf(stderr, "FAILED: %s (%ld, %ld)\n", what, a, b);
  if (failures > 20) exit(1);
}

static struct uh_record record(int i) {
  static char action[32];
  snprintf(action, sizeof action, "C-%02d/%d", i % 13, i);
  bool begun = i % 3 == 0;
  return (struct uh_record){.type = begun        ? UH_RECORD_BEGUN
                                    : i % 3 == 1 ? UH_RECORD_APPLIED
                                                 : UH_RECORD_VERIFIED,
                            .at = 1800000000 + i,
                            .action = action,
                            .body = bodies[i],
                            .image = begun ? image : NULL,
                            .image_size = begun ? (size_t)(i * 311 % IMAGE) : 0};
}

static struct uh_journal *open_journal(struct uh_err *err) {
  struct uh_journal_options options = {.dir = "case", .create = true, .vfs = STORAGE_NAME};
  struct uh_journal *journal = NULL;
  return uh_journal_open(&options, &journal, err) == 0 ? journal : NULL;
}

struct reading {
  int64_t n;
  bool same;
};
static int compare(void *user, const struct uh_record *r, struct uh_err *err) {
  struct reading *reading = user;
  struct uh_record wanted = record((int)reading->n++);
  (void)err;
  if (r->type == UH_RECORD_STOPPED) return 0; /* what a full disk still took */
  reading->same = reading->same && r->type == wanted.type && r->at == wanted.at &&
                  strcmp(r->action, wanted.action) == 0 && strcmp(r->body, wanted.body) == 0 &&
                  !r->image == !wanted.image && r->image_size == wanted.image_size &&
                  (!r->image || memcmp(r->image, wanted.image, r->image_size) == 0);
  return 0;
}

/* Appends records from the journal's head on. Gives how many stand there by what was acknowledged. */
static int64_t fill(struct uh_journal *journal, int64_t end) {
  char head[UH_JOURNAL_HASH_TEXT];
  int64_t n = uh_journal_head(journal, head);
  while (n < end) {
    struct uh_record r = record((int)n);
    struct uh_err err = UH_ERR_INIT;
    if (uh_journal_append(journal, &r, &err) < 0) return n;
    n++;
  }
  return n;
}

/* What came back after the cut holds what was acknowledged, at most one record more, and the journal goes on. */
static void look_again(enum kind kind, int64_t acknowledged, long call, long seed) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_journal *journal = open_journal(&err);
  struct reading reading = {.same = true};
  char head[UH_JOURNAL_HASH_TEXT];
  states[kind]++;
  if (!journal) {
    expect(false, err.what, call, seed);
    return;
  }
  int64_t n = uh_journal_head(journal, head);
  expect(n >= acknowledged, "an acknowledged record is lost", call, seed);
  expect(n <= acknowledged + 1, "a record that nobody wrote", call, seed);
  expect(uh_journal_read(journal, 1, compare, &reading, &err) == 0 && reading.n == n && reading.same,
         "a record is not as it was written", call, seed);
  expect(fill(journal, n < RECORDS ? n + 1 : n) >= n, "the journal does not go on", call, seed);
  uh_journal_free(journal);
}

/* The power goes again while the journal is opened: at call m, and at deeper levels. Leaves the storage as it was. */
static void nested(int64_t acknowledged, uint64_t seed, int depth) {
  struct storage_state *before = storage_save();
  for (long m = 1;; m++) {
    storage_load(before);
    storage_arm(STORAGE_POWER, m);
    struct uh_err err = UH_ERR_INIT;
    struct uh_journal *journal = open_journal(&err);
    bool cut = storage_fired();
    uh_journal_free(journal);
    if (!cut) break;
    storage_restart(seed + (uint64_t)m);
    if (depth > 1 && m % 9 == (long)(seed % 9)) nested(acknowledged, seed * 31 + (uint64_t)m, depth - 1);
    look_again((enum kind)(AGAIN + NESTED - depth), acknowledged, m, (long)seed);
  }
  storage_load(before);
  storage_state_free(before);
}

/* One run of all records with a fault at a call. Returns whether the fault was reached; acknowledged records go out. */
static bool run_with(enum storage_fault fault, long call, int64_t *ret_acknowledged) {
  struct uh_err err = UH_ERR_INIT;
  storage_reset();
  storage_arm(fault, call);
  struct uh_journal *journal = open_journal(&err);
  *ret_acknowledged = journal ? fill(journal, RECORDS) : 0;
  bool reached = storage_fired();
  if (journal && reached && *ret_acknowledged < RECORDS) {
    struct uh_record next = record((int)*ret_acknowledged),
                     stop = {.type = UH_RECORD_STOPPED, .action = "", .body = "{}"};
    expect(uh_journal_append(journal, &next, &err) < 0, "a record is acknowledged after a failure", fault, call);
    bool stopped = uh_journal_append(journal, &stop, &err) == 0;
    expect(stopped == !uh_journal_broken(journal), "the last words", fault, call);
    if (stopped) ++*ret_acknowledged;
  }
  uh_journal_free(journal);
  return reached;
}

static long seeds_of(long share) {
  return SEEDS * share / 100 > 0 ? SEEDS * share / 100 : 1;
}

static void power(long share) {
  long seeds = seeds_of(share);
  for (long call = 1;; call++) {
    int64_t acknowledged;
    if (!run_with(STORAGE_POWER, call, &acknowledged)) break;
    for (long seed = 1; seed <= seeds; seed++) {
      (void)run_with(STORAGE_POWER, call, &acknowledged);
      storage_restart((uint64_t)(call * 1000 + seed));
      if (seed == 1 && call * share % 100 < share) nested(acknowledged, (uint64_t)call, NESTED);
      look_again(POWER, acknowledged, call, seed);
    }
  }
}

static void faults(long share) {
  static const enum storage_fault kinds[] = {STORAGE_EIO, STORAGE_FULL, STORAGE_SHORT, STORAGE_SYNC};
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    for (long call = 1;; call++) {
      int64_t acknowledged;
      if (!run_with(kinds[k], call, &acknowledged)) break;
      if (share < 100 && call % 3) continue;
      storage_restart((uint64_t)call);
      look_again((enum kind)(EIO_ + k), acknowledged, call, (long)kinds[k]);
    }
}

#define JOURNAL "case/journal.db"

/* A damaged file is refused, or nothing of any record has changed; nobody writes to it. */
static void look_at_damaged(enum kind kind, int64_t records, long at, int bit) {
  struct uh_err err = UH_ERR_INIT;
  struct storage_state *before = storage_save();
  struct uh_journal *journal = open_journal(&err);
  struct reading reading = {.same = true};
  states[kind]++;
  if (!journal)
    expect(err.cls == UH_ERR_DATA || err.cls == UH_ERR_CANNOT_WRITE, "a damaged journal has another error", at, bit);
  else
    expect(uh_journal_read(journal, 1, compare, &reading, &err) < 0 || (reading.n == records && reading.same),
           "what is damaged is taken for records", at, bit);
  uh_journal_free(journal);
  expect(records == 0 || storage_is(before), "a damaged journal is written to", at, bit);
  storage_state_free(before);
}

/* One bit is another, anywhere in the file; or its end is gone, at any length. Of an empty file, as a creation that was
 * cut off leaves it, a new journal is made. */
static void damage(long share) {
  int64_t acknowledged;
  size_t size = 0, stride = share == 100 ? 1 : 331 / (size_t)share + 1;
  (void)run_with(STORAGE_FINE, 0, &acknowledged);
  struct storage_state *whole = storage_save();
  if (!storage_bytes(JOURNAL, &size)) exit(1);
  for (size_t at = 0; at < size * 8; at += stride) {
    size_t now;
    storage_load(whole);
    storage_bytes(JOURNAL, &now)[at / 8] ^= (unsigned char)(1 << at % 8);
    look_at_damaged(FLIPPED, RECORDS, (long)(at / 8), (int)(at % 8));
  }
  for (size_t left = 0; left < size; left += stride) {
    storage_load(whole);
    storage_cut(JOURNAL, left);
    look_at_damaged(CUT, left ? RECORDS : 0, (long)left, 0);
  }
  storage_state_free(whole);
}

static void say(long seeds) {
  long all = 0;
  for (int k = 0; k < KINDS; k++) {
    printf("journal, %s: %ld states\n", kind_names[k], states[k]);
    all += states[k];
  }
  printf("journal: %ld states, seeds 1 to %ld, %ld failures\n", all, seeds, failures);
}

int main(int argc, char **argv) {
  long share = argc > 1 ? strtol(argv[1], NULL, 10) : 10;
  if (share < 1 || share > 100) return 64;
  uint64_t random = 7;
  for (int i = 0; i < IMAGE; i++) image[i] = (unsigned char)storage_random(&random);
  for (int i = 0; i < RECORDS; i++) {
    int n = snprintf(bodies[i], sizeof bodies[i], "{\"n\":%d,\"text\":\"", i);
    for (int k = 0; k < i * 17 % 500; k++) bodies[i][n++] = (char)('a' + (i + k) % 26);
    snprintf(bodies[i] + n, sizeof bodies[i] - (size_t)n, "\"}");
  }
  storage_register();
  static const struct {
    const char *name;
    void (*run)(long share);
  } parts[] = {{"power", power}, {"faults", faults}, {"damage", damage}};
  int found = 0;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (argc > 2 && strcmp(argv[2], parts[i].name) != 0) continue;
    parts[i].run(share);
    found++;
  }
  if (!found) return 64;
  storage_reset();
  say(seeds_of(share));
  return failures ? 1 : 0;
}
