/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CLIXML_H
#define UH_CLIXML_H
/*
 * CLIXML, PowerShell's serialised objects, as Export-Clixml writes them to files and remote PowerShell to its messages
 * ([MS-PSRP] 2.2.5). The reader takes bytes as they come and hands out one top-level object at a time; memory does not
 * grow with the file. Nothing in it is ever executed, resolved or fetched: a DOCTYPE or an entity declaration is
 * refused.
 *
 * What refers to an earlier object (Ref) is resolved within the object, and to earlier top-level objects as far as they
 * are still remembered (the last UH_CLIXML_REMEMBER bytes, and small copies of what was referred to). A Ref that cannot
 * be resolved is a value of kind UH_CLIXML_LOST: not obtained, never "none".
 *
 * A reader belongs to one thread at a time.
 */
#include <unhybrid/base.h>

#define UH_CLIXML_MAX_DEPTH 256                         /* XML elements; the deepest real file seen has 18 */
#define UH_CLIXML_MAX_TEXT ((size_t)8 * 1024 * 1024)    /* one text */
#define UH_CLIXML_MAX_OBJECT ((size_t)64 * 1024 * 1024) /* memory of one top-level object's tree */
#define UH_CLIXML_MAX_SHARED ((size_t)32 * 1024 * 1024) /* type names and copies of what was referred to, in all */
#define UH_CLIXML_REMEMBER ((size_t)1024 * 1024)

struct uh_clixml;       /* a reader */
struct uh_clixml_value; /* a value in an object's tree; lives until the callback that was given the object returns */

/* One top-level object, complete. stream: where powershell.exe -OutputFormat XML took it from ("Error", "Warning".., ""
 * for the output). 0: go on; -1: stop, with err. */
typedef int (*uh_clixml_object_fn)(void *user, const struct uh_clixml_value *object, const char *stream,
                                   struct uh_err *err);

int uh_clixml_open(uh_clixml_object_fn object, void *user, struct uh_clixml **ret_reader, struct uh_err *err);
/* For who reads only some properties: wanted() is asked by name (n bytes, as in the file) for each property of a
 * top-level object. Of the others a plain value is not kept; and of a value in a value that has a text, text and
 * elements are kept, its members are not. A Ref to what stood in such members is lost: not obtained. */
void uh_clixml_choose(struct uh_clixml *reader, bool (*wanted)(void *user, const char *name, size_t n), void *user);
/* Bytes of the document, in pieces of any size: UTF-8 or UTF-16, with or without byte order mark, with or without a
 * first line "#< CLIXML". -1: malformed (UH_ERR_DATA; err.what names line and column), or what the callback said.
 * Objects before the damage have been given to the callback. */
int uh_clixml_feed(struct uh_clixml *reader, const void *data, size_t n, struct uh_err *err);
/* The document is over. -1 where it was cut off. */
int uh_clixml_finish(struct uh_clixml *reader, struct uh_err *err);
struct uh_clixml *uh_clixml_free(struct uh_clixml *UH_NULLABLE reader);
void uh_clixml_freep(struct uh_clixml **reader);
int64_t uh_clixml_count(const struct uh_clixml *reader); /* objects given to the callback */
int64_t uh_clixml_line(const struct uh_clixml *reader);  /* line being read, from 1 */

/* ---- values: all accept NULL (a property that is not there), which is UH_CLIXML_LOST ---- */

enum uh_clixml_kind {
  UH_CLIXML_LOST,       /* not there, or a Ref to what is not remembered: not obtained */
  UH_CLIXML_NIL,        /* null */
  UH_CLIXML_TEXT,       /* S, C, URI, XD, SBK, Version, SemanticVersion, DT, TS */
  UH_CLIXML_BOOL,       /* B */
  UH_CLIXML_INT,        /* By SB U16 I16 U32 I32 U64 I64 */
  UH_CLIXML_REAL,       /* Sg Db D, as text */
  UH_CLIXML_GUID,       /* G */
  UH_CLIXML_BYTES,      /* BA; its text is base64. SerializationData is dropped while reading */
  UH_CLIXML_SECRET,     /* SS; its text is dropped while reading */
  UH_CLIXML_LIST,       /* an object with LST, IE, STK or QUE */
  UH_CLIXML_DICTIONARY, /* an object with DCT */
  UH_CLIXML_OBJECT,     /* any other object, enums among them */
};
enum uh_clixml_kind uh_clixml_kind(const struct uh_clixml_value *UH_NULLABLE value);
/* Type name i (0: the most derived), "" past the end; without the prefix "Deserialized.". */
const char *uh_clixml_type(const struct uh_clixml_value *UH_NULLABLE value, unsigned i);

/* A property of an object, by name without case; NULL: not there (not obtained). Properties that PowerShell added (MS)
 * come before those of the object itself. */
const struct uh_clixml_value *UH_NULLABLE uh_clixml_property(const struct uh_clixml_value *UH_NULLABLE object,
                                                             const char *name);
/* All properties in turn, each name once. start with {0}; NULL: no more. The name is NUL-terminated. */
struct uh_clixml_walk {
  const struct uh_clixml_value *object, *at;
  int part;
};
const struct uh_clixml_value *UH_NULLABLE uh_clixml_next_property(const struct uh_clixml_value *object,
                                                                  struct uh_clixml_walk *walk, const char **ret_name);

/* The value in one type, whatever shape it has: the answer is UH_VALUE with *ret set, UH_NONE for null, UH_NOT_ASKED
 * where it was not obtained or cannot be read so. "True" and true, 5 and "5", an enum's name and its number, a list
 * with one element and that element give the same. */
/* Text of an object is what ToString said, else its primitive. NUL-terminated; n counts NULs inside. */
enum uh_answer uh_clixml_text(const struct uh_clixml_value *UH_NULLABLE value, const char **ret_text, size_t *ret_n);
enum uh_answer uh_clixml_bool(const struct uh_clixml_value *UH_NULLABLE value, bool *ret);
enum uh_answer uh_clixml_int(const struct uh_clixml_value *UH_NULLABLE value,
                             int64_t *ret); /* also "36 MB (37,748,736 bytes)" */
enum uh_answer uh_clixml_guid(const struct uh_clixml_value *UH_NULLABLE value, uint8_t ret_guid[16]); /* AD's order */

/* Elements of a list (or the value itself where it is no list and not null): start with *at NULL. NULL: no more.
 * Neither null nor what was lost has elements: ask uh_clixml_kind before concluding that a list is empty. A
 * dictionary's elements are its entries' values; *ret_key (may be NULL) is the entry's key, NULL in a list. */
const struct uh_clixml_value *UH_NULLABLE uh_clixml_next(const struct uh_clixml_value *UH_NULLABLE list,
                                                         const struct uh_clixml_value **at,
                                                         const struct uh_clixml_value **ret_key);
size_t uh_clixml_length(const struct uh_clixml_value *UH_NULLABLE list);
#endif
