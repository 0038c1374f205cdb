/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PRELOAD_H
#define PRELOAD_H
#include <stdbool.h>
#include <stdint.h>

enum preload_call { PRELOAD_NOTHING, PRELOAD_WRITE, PRELOAD_FSYNC, PRELOAD_RENAME };
/* error: an errno; 0: a short write. n: from 1. */
void preload_arm(enum preload_call call, int error, int n);
bool preload_fired(void);
#endif
