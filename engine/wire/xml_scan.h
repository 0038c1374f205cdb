/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_XML_SCAN_H
#define UH_XML_SCAN_H
/*
 * XML as machines write it, in UTF-8, piece by piece: elements with attributes, text, CDATA, the five entities and
 * character references. Comments and processing instructions are passed over. A DOCTYPE is refused, and with it every
 * entity of one's own, so nothing is ever expanded or fetched.
 *
 * It exists because of its speed: exports of hundreds of megabytes are mostly properties that nobody reads, and what is
 * skipped costs next to nothing here. What is well-formed to libxml2 and has no DOCTYPE is read alike; a fuzz target
 * compares the two.
 */
#include <unhybrid/base.h>

#define UH_XML_TAG_MAX ((size_t)64 * 1024) /* bytes of one tag with its attributes */
#define UH_XML_ATTRIBUTES_MAX 64u
#define UH_XML_NAME_MAX 255u

struct uh_xml_attribute {
  const char *name, *value; /* not NUL-terminated; the value decoded */
  size_t name_n, value_n;
};
struct uh_xml_handler {
  void (*start)(void *user, const char *name, size_t n, const struct uh_xml_attribute *attributes,
                unsigned attributes_n);
  void (*end)(void *user);
  void (*text)(void *user, const char *s, size_t n); /* pieces of any size */
};
struct uh_xml;
struct uh_xml *UH_NULLABLE uh_xml_open(const struct uh_xml_handler *handler, void *user, unsigned max_depth);
struct uh_xml *uh_xml_free(struct uh_xml *UH_NULLABLE xml);
/* -1: not well-formed (uh_xml_error), or stopped, or no memory (uh_xml_error is NULL). */
int uh_xml_feed(struct uh_xml *xml, const char *data, size_t n);
int uh_xml_finish(struct uh_xml *xml); /* -1 also where the document was cut off */
/* In start(): nothing of what is inside this element is told, its end is. */
void uh_xml_skip(struct uh_xml *xml);
void uh_xml_stop(struct uh_xml *xml); /* in a handler: no more events, feeding fails */
const char *UH_NULLABLE uh_xml_error(const struct uh_xml *xml);
bool uh_xml_is_cut(const struct uh_xml *xml); /* the error is that the document ended too soon */
/* Where it is reading, both from 1. */
void uh_xml_place(const struct uh_xml *xml, int64_t *ret_line, int64_t *ret_column);
#endif
