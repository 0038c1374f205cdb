/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_LINES_H
#define UH_LINES_H
/* Lines for a terminal: measured in columns, wrapped at words. What comes from outside is made harmless first. */
#include <unhybrid/text.h>

void uh_lines_spaces(struct uh_str *out, size_t n);
/* Adds a name or text from outside, harmless and not longer than so many columns. */
void uh_lines_outside(struct uh_str *line, const char *text, size_t columns);
/* Writes already harmless text from column `at`, wrapped at words, further lines indented. A word that is longer than a
 * line stays whole: what cannot be copied (an address, a URL) is of no use. */
void uh_lines_wrap(struct uh_str *out, size_t width, size_t at, size_t indent, const char *text);
/* An indented, wrapped line; takes and clears the text. An empty one is not written. */
void uh_lines_put(struct uh_str *out, size_t width, size_t indent, size_t hang, struct uh_str *line);
#endif
