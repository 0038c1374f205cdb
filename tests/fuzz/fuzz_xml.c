/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The XML scanner beside libxml2: what libxml2 takes (without a DOCTYPE), the scanner takes, and both tell the same
 * elements, attributes and text; what only the scanner takes is of a few known kinds. The first byte chooses the size
 * of the pieces that the rest is fed in.
 */
#include <libxml/parser.h>
#include <stdlib.h>
#include <string.h>

#include <unhybrid/text.h>

#include "wire/xml_scan.h"

#define MAX_DEPTH 200

struct told {
  struct uh_str events;
  bool text;
  struct uh_xml *skipping; /* where every second element is skipped */
  unsigned starts;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void event(struct told *t, char kind, const char *s, size_t n) {
  if (kind != 'T' || !t->text) uh_str_addc(&t->events, kind);
  uh_str_addn(&t->events, s, n);
  t->text = kind == 'T';
}

static void on_start(void *user, const char *name, size_t n, const struct uh_xml_attribute *a, unsigned count) {
  struct told *t = user;
  if (t->skipping && t->starts++ % 2) uh_xml_skip(t->skipping);
  event(user, 'S', name, n);
  for (unsigned i = 0; i < count; i++) {
    event(user, 'N', a[i].name, a[i].name_n);
    event(user, 'V', a[i].value, a[i].value_n);
  }
}
static void on_end(void *user) {
  event(user, 'E', "", 0);
}
static void on_text(void *user, const char *s, size_t n) {
  event(user, 'T', s, n);
}

static void xml_start(void *user, const xmlChar *name, const xmlChar **attributes) {
  event(user, 'S', (const char *)name, strlen((const char *)name));
  for (; attributes && *attributes; attributes += 2) {
    event(user, 'N', (const char *)attributes[0], strlen((const char *)attributes[0]));
    event(user, 'V', (const char *)attributes[1], attributes[1] ? strlen((const char *)attributes[1]) : 0);
  }
}
static void xml_end(void *user, const xmlChar *name) {
  (void)name;
  event(user, 'E', "", 0);
}
static void xml_text(void *user, const xmlChar *s, int n) {
  event(user, 'T', (const char *)s, (size_t)n);
}
static void xml_error(void *user, xmlErrorPtr error) {
  (void)user, (void)error;
}

static bool scanned(const uint8_t *data, size_t n, size_t piece, bool skipping, struct told *told) {
  static const struct uh_xml_handler handler = {on_start, on_end, on_text};
  struct uh_xml *x = uh_xml_open(&handler, told, MAX_DEPTH);
  int64_t line, column;
  int rc = 0;
  if (!x) abort();
  told->skipping = skipping ? x : NULL;
  for (size_t at = 0; at < n && rc == 0; at += piece) {
    size_t len = n - at < piece ? n - at : piece;
    char *copy = malloc(len); /* a read past its end is seen */
    memcpy(copy, data + at, len);
    rc = uh_xml_feed(x, copy, len);
    if (rc == 0) uh_xml_place(x, &line, &column);
    free(copy);
  }
  if (rc == 0) rc = uh_xml_finish(x);
  if (rc < 0 && !uh_xml_error(x)) abort();
  uh_xml_free(x);
  return rc == 0;
}

static bool parsed(const uint8_t *data, size_t n, struct told *told) {
  xmlSAXHandler sax = {.startElement = xml_start,
                       .endElement = xml_end,
                       .characters = xml_text,
                       .cdataBlock = xml_text,
                       .serror = xml_error};
  xmlParserCtxtPtr x = xmlNewParserCtxt();
  if (!x) abort();
  *x->sax = sax;
  x->userData = told;
  xmlDocPtr document = xmlCtxtReadMemory(x, (const char *)data, (int)n, NULL, "UTF-8",
                                         XML_PARSE_NONET | XML_PARSE_SAX1 | XML_PARSE_IGNORE_ENC | XML_PARSE_NOENT);
  bool good = x->wellFormed == 1;
  xmlFreeDoc(document);
  xmlFreeParserCtxt(x);
  return good;
}

static bool holds(const uint8_t *data, size_t n, const char *what) {
  return memmem(data, n, what, strlen(what)) != NULL;
}

/* Of more than the scanner looks at: what stands in comments and instructions, which letters a name may have. */
static bool is_lenient(const uint8_t *data, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (data[i] >= 0x80) return true;
  return holds(data, n, "<!--") || holds(data, n, "<?") || holds(data, n, ":");
}
/* Of less than libxml2 takes: bounds, those on a reference with many zeros among them. */
static bool is_bounded(const uint8_t *data, size_t n) {
  return n > 2048 || holds(data, n, "&#0") || holds(data, n, "&#x0") || holds(data, n, "<!DOCTYPE") ||
         memchr(data, 0, n) || (n > 2 && data[0] >= 0x80);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct told ours = {0}, whole = {0}, theirs = {0}, none = {0};
  if (n < 2) return 0;
  size_t piece = data[0] < 128 ? (size_t)data[0] + 1 : n;
  data++;
  n--;
  bool good = scanned(data, n, piece, false, &ours), at_once = scanned(data, n, n, false, &whole);
  if (good != at_once) abort(); /* the pieces make no difference */
  if (good && strcmp(uh_str_text(&ours.events), uh_str_text(&whole.events)) != 0) abort();
  if (good && !scanned(data, n, piece, true, &none)) abort(); /* what is skipped is looked at less */
  bool well_formed = parsed(data, n, &theirs);
  if (well_formed && !good && !is_bounded(data, n)) abort();
  if (good && !well_formed && !is_lenient(data, n)) abort();
  bool same = ours.events.len == theirs.events.len &&
              memcmp(uh_str_text(&ours.events), uh_str_text(&theirs.events), ours.events.len) == 0;
  if (good && well_formed && !same) abort();
  uh_str_clear(&ours.events);
  uh_str_clear(&whole.events);
  uh_str_clear(&theirs.events);
  uh_str_clear(&none.events);
  return 0;
}
