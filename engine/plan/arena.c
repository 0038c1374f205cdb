/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/arena.h"

enum { BLOCK_FIRST = 1024, BLOCK_LAST = 64 * 1024 };

struct uh_block {
  struct uh_block *next;
  size_t used, size;
  max_align_t data[];
};

static struct uh_block *block_with(struct uh_arena *arena, size_t n) {
  struct uh_block *b = arena->blocks;
  if (b && b->size - b->used >= n) return b;
  size_t size = b ? 2 * b->size : BLOCK_FIRST;
  if (size > BLOCK_LAST) size = BLOCK_LAST;
  if (size < n) size = n;
  b = calloc(1, sizeof *b + size);
  if (!b) return NULL;
  b->size = size;
  b->next = arena->blocks;
  arena->blocks = b;
  return b;
}

void *uh_arena_get(struct uh_arena *arena, size_t n, size_t size) {
  size_t bytes;
  if (arena->failed || __builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2) {
    arena->failed = true;
    return NULL;
  }
  bytes = bytes ? (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t) : sizeof(max_align_t);
  struct uh_block *b = block_with(arena, bytes);
  if (!b) {
    arena->failed = true;
    return NULL;
  }
  void *p = (char *)b->data + b->used;
  b->used += bytes;
  return p;
}

const char *uh_arena_text(struct uh_arena *arena, const char *text) {
  size_t n = text ? strlen(text) + 1 : 0;
  char *copy = text ? uh_arena_get(arena, n, 1) : NULL;
  if (copy) memcpy(copy, text, n);
  return copy;
}

void uh_arena_clear(struct uh_arena *arena) {
  while (arena->blocks) {
    struct uh_block *next = arena->blocks->next;
    free(arena->blocks);
    arena->blocks = next;
  }
}
