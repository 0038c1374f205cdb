/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WORLD_SCRIPT_H
#define WORLD_SCRIPT_H
/*
 * A world outside that follows a script: a few objects, a clock of its own, and services that answer late, lose
 * answers, fail half way, or do later what they never answered. What it was asked stands in a log, so that a test can
 * say how often an object was deleted. A seed decides how it behaves.
 */
#include <stdint.h>

#include <jansson.h>

#include "plan/world.h"

enum { WORLD_OBJECTS = 32, WORLD_VERSIONS = 24, WORLD_LOG = 400, WORLD_SETTLES = 60 };

struct world_version { /* what is seen of an object from a time on */
  int64_t from;        /* milliseconds */
  char *json;          /* its properties; NULL: it is not there */
};
struct world_object {
  char side[16], kind[40], guid[UH_GUID_TEXT], name[40];
  char dn[200], class[40];                /* of an entry of the directory */
  bool expunged;                          /* once it is deleted the directory keeps nothing of it */
  bool anew;                              /* made in the place of such a one */
  struct world_version v[WORLD_VERSIONS]; /* v[n - 1] is the truth */
  int n;
};
struct world_log {
  int64_t at;
  char cmdlet[48], guid[UH_GUID_TEXT];
  bool removes;
  bool hit;  /* the object was there */
  bool took; /* it was done, or is done later */
};
enum world_mood {
  WORLD_CALM,  /* at once, and answers */
  WORLD_LAGS,  /* what was changed is seen later, by each way of looking at another time */
  WORLD_LOSES, /* answers are lost: it was done, was not done, or is done later */
  WORLD_FAILS, /* says no, before or after it did the change; is not reached; cannot be seen */
  WORLD_MOODS
};
struct world_script {
  struct uh_world world;
  struct world_object objects[WORLD_OBJECTS];
  int n_objects;
  struct world_log log[WORLD_LOG];
  int n_log, reads, gates;
  int64_t now_ms;
  uint64_t seed;
  enum world_mood mood;
  int trouble;        /* how many requests still meet the mood */
  bool before_behind; /* the look before an action shows less than that after it; else more */
  int64_t behind_ms;  /* that much; 0: both show the same */
  bool dead;          /* the process is gone: nothing reaches the world any more */
  bool cancelled;     /* Ctrl-C: what looks is cut off */
  enum uh_verdict verdict;
  bool open_steps;     /* the checks of single steps pass all the same */
  const char *failing; /* id of the check that fails; NULL: none is named */
  int64_t late_at;     /* a change without an answer that takes effect by then; 0: none */
  struct world_object *late_object;
  char *late_json;
  bool making, late_makes; /* a change that makes something: where that is there already, it is refused */
  int tree;                /* from 1: the object whose tree was to be deleted; 0: none was */
  bool untold;             /* the gate could not tell, for a tree is gone in part */
  const char *nowhere;     /* an entry that cannot be named, as if it was not there; NULL: none */
  int blind;               /* so many looks are answered, and show nothing */
  int waits_told;          /* how often a person was told what to do */
  /* Every place where a test may end the process. */
  void (*at)(struct world_script *script, const char *name);
};
void world_begin(struct world_script *script, enum world_mood mood, uint64_t seed);
void world_end(struct world_script *script);
/* Into one that has ended or never begun. It is played on in the one that it was copied from, and in no other. */
void world_copy(const struct world_script *from, struct world_script *to);
struct world_object *world_add(struct world_script *script, const char *side, const char *kind, const char *guid,
                               const char *name, const char *json);
struct world_object *world_find(struct world_script *script, const char *guid);
/* Somebody else, or a person who was asked to: the truth changes, and is seen at once. json NULL: removed. */
void world_change(struct world_script *script, struct world_object *object, const char *json);
const char *world_truth(const struct world_object *object); /* NULL: not there */
/* What is true of every object that is there, without its GUID and times, in the order of the text. */
char *world_text(struct world_script *script);
/* An object as a row of a look's image, an entry of the directory with what is seen below it. */
char *world_image(struct world_script *script, const struct world_object *object, const char *json,
                  enum uh_look_path path);

/* ---- entries of the directory (world_directory.c) ---- */

/* Its attributes are lists of texts, as the directory's source gives them. */
struct world_object *world_entry(struct world_script *script, const char *guid, const char *dn,
                                 const char *object_class, const char *json);
/* What stands there by now; NULL: nothing. */
struct world_object *world_standing(struct world_script *script, const char *dn);
/* As the executor does it: the object is looked at right before; of a tree one after the other is deleted, the deepest
 * first; what is brought back has its GUID, and of its attributes those that a tombstone keeps and those it is given,
 * in a request of its own the security descriptor; of one that was expunged a new one is made, with another GUID. */
int world_directory(void *script, const struct uh_directory_change *change, struct uh_change_result *ret_result,
                    struct uh_err *err);

/* For it alone. The object becomes json (NULL: goes), in the way that the mood has it. */
int world_become(struct world_script *script, const char *what, struct world_object *object, const char *json,
                 struct uh_change_result *result, struct uh_err *err);
int world_answer(struct uh_change_result *result, enum uh_change_outcome outcome, struct uh_err *err, const char *why);
/* What is seen of it by now; NULL: it is not there. */
const char *world_seen(struct world_script *script, const struct world_object *object, enum uh_look_path path);
/* The top of a tree that was to be deleted is seen, and not all that stood below it. */
bool world_half_gone(struct world_script *script);
json_t *world_below(struct world_script *script, const struct world_object *entry, enum uh_look_path path);
#endif
