/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_JSON_STREAM_H
#define UH_JSON_STREAM_H
/*
 * Reads a JSON listing while it arrives: the elements of the top-level member "value" (or of a plain top-level array)
 * are handed over one at a time, all other top-level members are kept, small. Memory does not grow with the listing.
 * What does not end as JSON ends is an error, never an end. An escaped NUL (\u0000) is handed over as U+FFFD.
 *
 * No tree is built: an element is its text, and uh_json_walk() reads it straight into whatever the caller fills. That
 * is many times faster than a tree per element (tests/unit/test_json_stream.c prints both).
 */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

#define UH_JSON_ELEMENT_MAX ((size_t)16 * 1024 * 1024)
#define UH_JSON_MEMBERS_MAX ((size_t)1024 * 1024) /* all other top-level members together */
#define UH_JSON_DEPTH_MAX 64

struct uh_json_stream;
/* The element's text, NUL-terminated, valid until it returns. Brackets are balanced; whether it is JSON throughout is
 * for uh_json_walk or json_loadb to say. -1 stops the reading. */
typedef int (*uh_json_element_fn)(void *user, const char *text, size_t n, struct uh_err *err);

int uh_json_stream_open(uh_json_element_fn element, void *user, struct uh_json_stream **ret_stream, struct uh_err *err);
struct uh_json_stream *uh_json_stream_free(struct uh_json_stream *UH_NULLABLE stream);
void uh_json_stream_reset(struct uh_json_stream *stream); /* a new body begins */
int uh_json_stream_push(struct uh_json_stream *stream, const char *data, size_t n, struct uh_err *err);
/* The body has ended: -1 unless the JSON has too. */
int uh_json_stream_end(struct uh_json_stream *stream, struct uh_err *err);
/* A top-level member other than the listing, as JSON text; NULL: absent. */
const char *UH_NULLABLE uh_json_stream_member(const struct uh_json_stream *stream, const char *name);
/* The same where it is a string, decoded. false: absent or no string. */
bool uh_json_stream_string(const struct uh_json_stream *stream, const char *name, struct uh_str *ret_text);
/* All members but the listing as one object: the whole of a body that is no listing. */
void uh_json_stream_rest(const struct uh_json_stream *stream, struct uh_str *out);
bool uh_json_stream_listed(const struct uh_json_stream *stream);      /* the listing's array was seen */
int64_t uh_json_stream_elements(const struct uh_json_stream *stream); /* of this body */

/* Walks the properties of one JSON object. Strings are decoded, NUL-terminated, n bytes; valid until the call returns.
 * Any callback may be NULL. Lists of strings come as list_begin, list_item.., list_end; every other nested value as its
 * JSON text. Numbers that are no 64-bit integers come as JSON text too. */
struct uh_json_visitor {
  void (*text)(void *user, const char *name, const char *text, size_t n);
  void (*integer)(void *user, const char *name, int64_t value);
  void (*boolean)(void *user, const char *name, bool value);
  void (*null)(void *user, const char *name);
  void (*list_begin)(void *user, const char *name);
  void (*list_item)(void *user, const char *text, size_t n);
  void (*list_end)(void *user);
  void (*json)(void *user, const char *name, const char *text);
};
/* 0, or -1 where the text is not one JSON object (strict: RFC 8259, UTF-8, no double NUL tricks). scratch is the
 * caller's, so that one walk after the other allocates nothing. */
int uh_json_walk(const char *text, size_t n, const struct uh_json_visitor *visitor, void *user, struct uh_str *scratch,
                 struct uh_err *err);
#endif
