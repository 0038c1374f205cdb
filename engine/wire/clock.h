/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CLOCK_H
#define UH_CLOCK_H
/* The clock that deadlines are told by: CLOCK_MONOTONIC in milliseconds, which nobody sets. */
#include <stdint.h>
#include <time.h>

static inline int64_t uh_clock_ms(void) {
  struct timespec t = {0};
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
#endif
