/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CANCEL_H
#define UH_CANCEL_H
/* Ctrl-C, and a terminal that goes away. */
#include <stdatomic.h>
#include <stdbool.h>

/* The first signal asks for a clean stop, the second kills. A read that waits for a person is broken off by it. */
void uh_cancel_catch(bool on);
bool uh_cancel_asked(void *unused);
const atomic_bool *uh_cancel_flag(void); /* other threads may read it */
#endif
