/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_ARENA_H
#define UH_ARENA_H
/* Memory that is given back all at once: the arrays and strings of one plan. After a failed allocation every further
 * one fails, so that it is looked at once, at the end. */
#include <unhybrid/base.h>

struct uh_block;
struct uh_arena {
  struct uh_block *blocks;
  bool failed;
};
/* Zeroed; never NULL for n = 0. */
void *UH_NULLABLE uh_arena_get(struct uh_arena *arena, size_t n, size_t size);
const char *UH_NULLABLE uh_arena_text(struct uh_arena *arena, const char *UH_NULLABLE text); /* NULL stays NULL */
void uh_arena_clear(struct uh_arena *arena);
#endif
