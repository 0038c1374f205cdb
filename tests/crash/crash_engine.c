/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine of the cleanup against a world that misbehaves, on storage that fails and loses power, in a process that
 * dies at any place where it writes. Whatever happened, the run is resumed until it is done; then
 *   - every object was asked to be deleted at most once,
 *   - every deletion has its before-image in the journal, written before it,
 *   - what the journal acknowledged is in it, and its chain holds,
 *   - the world is as an uninterrupted run leaves it,
 *   - every run ended with an exit code that is documented.
 *
 *   crash_engine [SHARE]    SHARE: of the seeds, 1 to 100 percent; 100 is everything
 *   crash_engine PLAN UNDO MOOD SEED KIND FAULT PLACE NESTED    the one state that a failure names, and each of its
 * runs
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/execute.h"
#include "steps_script.h"
#include "storage.h"

enum { RUNS = 30, PAUSE = 3600, DEPTH = 3 };

static long states, failures;
static bool tracing;
static struct world_script script;

/* The whole plan, and parts of it that are quicker to play. */
static const char *const part_a[] = {"disable", "delete", NULL}, *const part_b[] = {"reduce", "set", "person", NULL},
                         *const part_c[] = {"graph", "approve", NULL}, *const part_d[] = {"entry", NULL};
enum { PLANS = 5, WHOLE = 0 };
static const char *const *const parts[PLANS] = {NULL, part_a, part_b, part_c, part_d};
static struct uh_plan *plans[PLANS];
static char *wanted[PLANS];   /* the world as an uninterrupted run leaves it */
static char *put_back[PLANS]; /* and after what can be put back is put back */

/* What happens to the process, and where. */
enum trouble_kind { AT_NOWHERE, AT_FAILPOINT, AT_FAILPOINT_POWER, AT_STORAGE };
struct trouble {
  enum trouble_kind kind;
  enum storage_fault fault; /* AT_STORAGE */
  long place;               /* the place-th failpoint, or storage call, from 1 */
};
struct scene {
  int plan;
  bool undo; /* the plan has been carried out in peace, and the trouble comes while it is put back */
  enum world_mood mood;
  uint64_t seed;
  struct trouble first;
  int nested; /* how many of the runs that recover meet trouble as well */
};
static struct scene scene;

static void expect(bool truth, const char *what, long value) {
  if (truth) return;
  failures++;
  fprintf(stderr, "FAILED: %s (%ld): plan %d, undo %d, mood %d, seed %llu, kind %d, fault %d, place %ld, nested %d\n",
          what, value, scene.plan, scene.undo, (int)scene.mood, (unsigned long long)scene.seed, (int)scene.first.kind,
          (int)scene.first.fault, scene.first.place, scene.nested);
  if (failures > 20 && !tracing) exit(1);
}

/* ---- one run ---- */

static struct uh_journal *journal;
static long points;          /* failpoints that this run has passed */
static struct trouble armed; /* of this run */
static int64_t acknowledged; /* the last record that the engine was told is durable */
static bool fired;           /* the storage's fault of this run was reached */
static bool asked_person;

static void at_failpoint(struct world_script *s, const char *name) {
  char head[UH_JOURNAL_HASH_TEXT];
  if (strncmp(name, "after-", 6) == 0 && journal) acknowledged = uh_journal_head(journal, head);
  if ((armed.kind != AT_FAILPOINT && armed.kind != AT_FAILPOINT_POWER) || ++points != armed.place) return;
  s->dead = true;
  storage_kill();
}

static void tell(void *user, const struct uh_event *event) {
  (void)user;
  if (event->type == UH_EVENT_OPERATOR) asked_person = true;
}

static int run_plan(struct uh_journal *j, const char *undo, struct uh_execute_result *result, struct uh_err *err) {
  static const struct uh_guide guide = {.tell = tell};
  struct uh_execute_options options = {.world = &script.world,
                                       .journal = j,
                                       .guide = &guide,
                                       .plan = plans[scene.plan],
                                       .person = "root@lab",
                                       .version = "0",
                                       .yes = true,
                                       .irreversible = true,
                                       .anew = true,
                                       .pause_observe = PAUSE};
  return undo ? uh_undo_action(&options, undo, result, err) : uh_execute(&options, result, err);
}

/* From opening the journal to the end of the process. Gives the exit code; -1: it died. undo: the action's id; NULL:
 * the plan is begun, or gone on with. */
static int one_run(struct trouble trouble, const char *undo) {
  struct uh_journal_options options = {.dir = "case", .create = true, .vfs = STORAGE_NAME};
  struct uh_execute_result result = {0};
  struct uh_err err = UH_ERR_INIT;
  int exit_code;
  armed = trouble;
  points = 0;
  storage_arm(trouble.kind == AT_STORAGE ? trouble.fault : STORAGE_FINE, trouble.place);
  if (uh_journal_open(&options, &journal, &err) < 0 || run_plan(journal, undo, &result, &err) < 0)
    exit_code = uh_err_exit_code(err.cls);
  else
    exit_code = result.exit_code;
  journal = uh_journal_free(journal);
  fired = storage_fired();
  bool died = script.dead || (fired && trouble.fault == STORAGE_POWER);
  if (died && (trouble.kind == AT_FAILPOINT_POWER || trouble.kind == AT_STORAGE))
    storage_restart(scene.seed * 131 + (uint64_t)trouble.place);
  else if (died)
    storage_revive();
  script.dead = false;
  if (tracing) fprintf(stderr, "run: exit %d%s %s %s\n", exit_code, died ? " died" : "", err.what, result.stopped);
  return died ? -1 : exit_code;
}

/* ---- what has to be true afterwards ---- */

struct reading {
  int64_t n;
  bool begun[WORLD_LOG]; /* the deletions of the world's log that have their image */
  bool closed;
};

static int read_record(void *user, const struct uh_record *r, struct uh_err *err) {
  struct reading *reading = user;
  (void)err;
  reading->n = r->seq;
  if (r->type == UH_RECORD_CLOSED) reading->closed = true;
  if (r->type != UH_RECORD_BEGUN || !r->image) return 0;
  for (int i = 0; i < script.n_log; i++)
    if (script.log[i].removes && r->at <= script.log[i].at / 1000 &&
        memmem(r->image, r->image_size, script.log[i].guid, strlen(script.log[i].guid)))
      reading->begun[i] = true;
  return 0;
}

static bool read_journal(struct reading *reading) {
  struct uh_journal_options options = {.dir = "case", .create = true, .vfs = STORAGE_NAME};
  struct uh_err err = UH_ERR_INIT;
  struct uh_journal *j = NULL;
  *reading = (struct reading){0};
  bool good = uh_journal_open(&options, &j, &err) == 0 && uh_journal_read(j, 1, read_record, reading, &err) == 0;
  expect(good, err.what, 0);
  uh_journal_free(j);
  return good;
}

static void look_at_log(const struct reading *reading) {
  for (int i = 0; i < script.n_log; i++) {
    expect(!(strncmp(script.log[i].cmdlet, "New-", 4) == 0 && script.log[i].hit), "an object was asked for again", i);
    if (!script.log[i].removes) continue;
    expect(reading->begun[i], "a deletion without a before-image", i);
    expect(script.log[i].hit, "a deletion of what was gone", i);
    for (int k = 0; k < i; k++)
      expect(!(script.log[k].removes && script.log[k].took && script.log[i].took &&
               strcmp(script.log[k].guid, script.log[i].guid) == 0),
             "an object was deleted twice", i);
  }
}

static void look_at_world(char **text_wanted) {
  char *text = world_text(&script);
  bool same = !*text_wanted || strcmp(text, *text_wanted) == 0;
  expect(same, "the world is another", 0);
  if (!same && failures < 3) fprintf(stderr, "%s---\n%s", text, *text_wanted);
  if (*text_wanted)
    free(text);
  else
    *text_wanted = text;
}

static void look_at_end(int exit_code) {
  struct reading reading;
  storage_arm(STORAGE_FINE, 0);
  if (!read_journal(&reading)) return;
  expect(exit_code == 0, "it does not come to its end", exit_code);
  expect(reading.closed, "the plan is not closed", 0);
  expect(reading.n >= acknowledged, "an acknowledged record is lost", (long)acknowledged);
  look_at_log(&reading);
  look_at_world(scene.undo ? &put_back[scene.plan] : &wanted[scene.plan]);
}

/* ---- a state ---- */

/* Undetermined only where a tree went in part in this very run, and a later step's gate cannot tell for it. */
static bool is_documented(int exit_code) {
  return exit_code == 0 || exit_code == 3 || exit_code == 73 || (exit_code == 2 && script.untold);
}

/* Between two runs: somebody does what was asked for, sooner or later, and time passes. */
static void meanwhile(int run) {
  struct world_object *override = world_find(&script, GUID_OVERRIDE);
  if (asked_person && (run + (int)scene.seed) % 2)
    world_change(&script, override, scene.undo ? override->v[0].json : NULL);
  script.world.wait(script.world.user, (run + (int)scene.seed) % 3 ? PAUSE * 1000 : 1000);
}

static struct trouble nested_trouble(uint64_t *random) {
  uint64_t dice = storage_random(random) % 3;
  if (dice == 0) return (struct trouble){AT_FAILPOINT, STORAGE_FINE, 1 + (long)(storage_random(random) % 24)};
  if (dice == 1) return (struct trouble){AT_FAILPOINT_POWER, STORAGE_FINE, 1 + (long)(storage_random(random) % 24)};
  return (struct trouble){AT_STORAGE, STORAGE_POWER, 1 + (long)(storage_random(random) % 200)};
}

static bool was_reached(int exit_code) {
  const struct trouble *t = &scene.first;
  if (t->kind == AT_NOWHERE) return true;
  return t->kind == AT_STORAGE ? fired : points >= t->place || exit_code < 0;
}

/* Runs until the end has come, with trouble in the first run and in some of those after it. Positive or 0: the last
 * exit code; -2: the first trouble was not reached. */
static int run_to_the_end(struct trouble first, const char *undo) {
  uint64_t random = scene.seed * 7919 + (uint64_t)first.place;
  int exit_code = one_run(first, undo);
  if (first.kind != AT_NOWHERE && !was_reached(exit_code)) return -2;
  for (int run = 1; exit_code != 0 && run < RUNS; run++) {
    expect(exit_code < 0 || is_documented(exit_code), "an exit code that is not documented here", exit_code);
    meanwhile(run);
    bool cut = exit_code < 0 || exit_code == 73;
    exit_code = one_run(run <= scene.nested ? nested_trouble(&random) : (struct trouble){0}, undo);
    if (cut && exit_code == 64) return 0; /* after its last record was durable: there is nothing to be done */
  }
  return exit_code;
}

/* ---- putting back ---- */

/*
 * All that the plan did is put back, the last first; trouble meets the action whose number is the seed's. Until then
 * scenes of one seed and mood are the same: they are played once, and gone on with from there.
 */
enum { SEEDS = 28 };
struct moment {
  struct storage_state *storage; /* NULL: none is kept */
  struct world_script world;
  int64_t acknowledged;
};
static struct moment moments[SEEDS + 1]; /* by seed */
static int moments_plan;
static enum world_mood moments_mood;

static void forget_moments(void) {
  for (int i = 0; i <= SEEDS; i++) {
    if (!moments[i].storage) continue;
    storage_state_free(moments[i].storage);
    world_end(&moments[i].world);
    moments[i].storage = NULL;
  }
}

static struct moment *moment_of_scene(void) {
  if (scene.plan != moments_plan || scene.mood != moments_mood) forget_moments();
  moments_plan = scene.plan;
  moments_mood = scene.mood;
  return scene.seed <= SEEDS ? &moments[scene.seed] : NULL;
}

static void keep_moment(struct moment *m) {
  m->storage = storage_save();
  world_copy(&script, &m->world);
  m->acknowledged = acknowledged;
}

static void go_to_moment(const struct moment *m) {
  storage_load(m->storage);
  world_end(&script);
  world_copy(&m->world, &script);
  acknowledged = m->acknowledged;
}

static bool can_be_put_back(size_t i) {
  const struct uh_planned *a = uh_plan_at(plans[scene.plan], i);
  return a->action.reversible != UH_IRREVERSIBLE && !a->action.approval;
}

static int put_back_one(size_t i, struct trouble trouble) {
  if (!can_be_put_back(i)) return 0;
  asked_person = false;
  script.mood = scene.mood;
  script.trouble = 3;
  return run_to_the_end(trouble, uh_plan_at(plans[scene.plan], i)->id);
}

/* In peace, the actions before `from` down to `to`. */
static int put_back_down_to(size_t from, size_t to) {
  int exit_code = 0;
  for (size_t i = from; exit_code == 0 && i-- > to;) exit_code = put_back_one(i, (struct trouble){0});
  return exit_code;
}

static int carry_out_and_put_back(size_t to) {
  scene.undo = false; /* what a person does then */
  int exit_code = run_to_the_end((struct trouble){0}, NULL);
  scene.undo = true;
  return exit_code == 0 ? put_back_down_to(uh_plan_count(plans[scene.plan]), to) : exit_code;
}

static int undo_all(void) {
  size_t n = uh_plan_count(plans[scene.plan]), troubled = scene.seed % n;
  if (scene.first.kind == AT_NOWHERE) return carry_out_and_put_back(0);
  if (!can_be_put_back(troubled)) return -2;
  struct moment *m = moment_of_scene();
  int exit_code = 0;
  if (m && m->storage) {
    go_to_moment(m);
  } else {
    exit_code = carry_out_and_put_back(troubled + 1);
    if (m && exit_code == 0) keep_moment(m);
  }
  if (exit_code == 0) exit_code = put_back_one(troubled, scene.first);
  return exit_code == 0 ? put_back_down_to(troubled, 0) : exit_code;
}

/* ---- scenes ---- */

/* Of each kind of trouble. */
enum counted { KILLED, KILLED_AGAIN, POWER, POWER_AGAIN, CALL, COUNTED = CALL + 6 };
static const char *const counted_names[COUNTED] = {
    [KILLED] = "killed at a failpoint",
    [KILLED_AGAIN] = "killed at a failpoint, and disturbed again while it recovers",
    [POWER] = "the power goes at a failpoint",
    [POWER_AGAIN] = "the power goes at a failpoint, and it is disturbed again while it recovers",
    [CALL] = "the power goes at a storage call",
    [CALL + 1] = "the power goes at a storage call, and it is disturbed again while it recovers",
    [CALL + 2] = "a storage call fails (EIO)",
    [CALL + 3] = "a write finds the disk full",
    [CALL + 4] = "a write is cut short",
    [CALL + 5] = "a sync fails",
};
static long counted[COUNTED][2]; /* of the plan, and of its undo */

static void count(enum counted kind) {
  counted[kind][scene.undo]++;
  states++;
}

/* Plays a scene to its end. False: its first trouble was not reached. */
static bool play(struct scene s, enum counted kind) {
  scene = s;
  storage_reset();
  world_begin(&script, s.undo ? WORLD_CALM : s.mood, s.seed);
  script.at = at_failpoint;
  steps_objects(&script);
  acknowledged = 0;
  asked_person = false;
  int exit_code = s.undo ? undo_all() : run_to_the_end(s.first, NULL);
  if (exit_code != -2) {
    count(kind);
    look_at_end(exit_code);
  }
  world_end(&script);
  return exit_code != -2;
}

static long share_of(long n, long share) {
  return n * share / 100 > 0 ? n * share / 100 : 1;
}

static void failpoints(long share) {
  long stride = SEEDS * share >= 100 ? 1 : (100 + SEEDS * share / 2) / (SEEDS * share);
  static const enum trouble_kind kinds[] = {AT_FAILPOINT, AT_FAILPOINT_POWER};
  for (int p = 0; p < PLANS * 2; p++)
    for (int mood = 0; mood < WORLD_MOODS; mood++)
      for (long seed = 1; seed <= share_of(SEEDS, share); seed++)
        for (int k = 0; k < 4; k++)
          for (long place = 1 + (seed + k) % stride; play((struct scene){.plan = p / 2,
                                                                  .undo = p % 2,
                                                                  .mood = (enum world_mood)mood,
                                                                  .seed = (uint64_t)seed,
                                                                  .first = {kinds[k % 2], STORAGE_FINE, place},
                                                                  .nested = k / 2 * DEPTH},
                                                          (enum counted)(k % 2 * 2 + k / 2));)
            place += stride;
}

static void storage_calls_fail(long share) {
  static const enum storage_fault faults[] = {STORAGE_POWER, STORAGE_POWER, STORAGE_EIO,
                                              STORAGE_FULL,  STORAGE_SHORT, STORAGE_SYNC};
  long stride = share >= 100 ? 1 : 100 / share;
  for (int p = 0; p < PLANS * 2; p++)
    for (int mood = 0; mood < WORLD_MOODS; mood++)
      for (int f = 0; f < (int)(sizeof faults / sizeof *faults); f++)
        for (long place = 1 + (mood + f) % stride; play((struct scene){.plan = p / 2,
                                                                .undo = p % 2,
                                                                .mood = (enum world_mood)mood,
                                                                .seed = (uint64_t)(1 + place % 24),
                                                                .first = {AT_STORAGE, faults[f], place},
                                                                .nested = f == 1 ? DEPTH : 0},
                                                        (enum counted)(CALL + f));)
          place += stride;
}

/* Only what cannot be undone is missing in the end. */
static void expect_put_back(void) {
  for (int i = 0; i < PLANS; i++) {
    world_begin(&script, WORLD_CALM, 1);
    steps_objects(&script);
    if (i == WHOLE) world_change(&script, world_find(&script, GUID_CONNECTOR), NULL);
    put_back[i] = world_text(&script);
    world_end(&script);
  }
}

static int replay(char **argv) {
  long n[8];
  for (int i = 0; i < 8; i++) n[i] = strtol(argv[i], NULL, 10);
  tracing = true;
  bool reached = play((struct scene){.plan = (int)n[0],
                                     .undo = n[1] == 1,
                                     .mood = (enum world_mood)n[2],
                                     .seed = (uint64_t)n[3],
                                     .first = {(enum trouble_kind)n[4], (enum storage_fault)n[5], n[6]},
                                     .nested = (int)n[7]},
                      (enum counted)0);
  printf("%s, %ld failures\n", reached ? "played" : "not reached", failures);
  return failures ? 1 : 0;
}

static void say(long share) {
  for (int k = 0; k < COUNTED; k++)
    printf("engine, %s: %ld states, and %ld of an undo\n", counted_names[k], counted[k][0], counted[k][1]);
  printf("engine: %ld states, seeds 1 to %ld, %ld failures\n", states, share_of(SEEDS, share), failures);
}

int main(int argc, char **argv) {
  long share = argc > 1 ? strtol(argv[1], NULL, 10) : 10;
  char facts[] = "/tmp/unhybrid-crash-XXXXXX";
  if (argc != 9 && (share < 1 || share > 100)) return 64;
  int fd = mkstemp(facts);
  if (fd < 0) return 73;
  close(fd);
  storage_register();
  steps_entries = true;
  expect_put_back();
  for (int i = 0; i < PLANS; i++) {
    plans[i] = steps_plan(facts, parts[i]);
    for (int undo = 0; undo < 2; undo++) (void)play((struct scene){.plan = i, .undo = undo == 1, .seed = 1}, KILLED);
  }
  memset(counted, 0, sizeof counted);
  states = 0;
  if (argc == 9) return replay(argv + 1);
  failpoints(share);
  storage_calls_fail(share);
  forget_moments();
  for (int i = 0; i < PLANS; i++) {
    uh_plan_free(plans[i]);
    free(wanted[i]);
    free(put_back[i]);
  }
  storage_reset();
  say(share);
  return failures ? 1 : 0;
}
