/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORAGE_H
#define STORAGE_H
/*
 * A storage layer for SQLite that can lose power: files live in memory, in two states, what the program sees and what
 * has reached the disk. Only a sync moves data from the one to the other, and only a sync of the directory moves names.
 * At the n-th call the power goes: every later call fails, and what was not synced survives in part, as a seed says
 * (any subset of the writes, each whole, torn at a sector, or not at all).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum storage_fault { STORAGE_FINE, STORAGE_POWER, STORAGE_EIO, STORAGE_FULL, STORAGE_SHORT, STORAGE_SYNC };

#define STORAGE_NAME "crash"
void storage_register(void); /* before anything else uses SQLite, which serves one thread from then on */
void storage_reset(void);    /* no files, no faults */
void storage_arm(enum storage_fault fault,
                 long call); /* fault at the call-th call from now, from 1; once, but POWER stays */
long storage_calls(void);    /* since the last arm */
bool storage_fired(void);
/* After the power went, or at a chosen moment: what is there when it comes back. Disarms. */
void storage_restart(uint64_t seed);
/* The process dies here and the machine does not: every later call fails until storage_revive(), and all that was
 * written before is there then. */
void storage_kill(void);
void storage_revive(void);
/* What is on the disk now: to go back to one state again and again. */
struct storage_state;
struct storage_state *storage_save(void);
void storage_load(const struct storage_state *state);
void storage_state_free(struct storage_state *state);
bool storage_is(const struct storage_state *state); /* the program sees every file as it was then */
/* The bytes of a file that the program sees; NULL: there is none. */
unsigned char *storage_bytes(const char *name, size_t *ret_size);
void storage_cut(const char *name, size_t size); /* its end is gone, in what the program sees and on the disk */
uint64_t storage_random(uint64_t *state);
#endif
