/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CLIXML_WRITE_H
#define UH_CLIXML_WRITE_H
/*
 * Writing CLIXML: the few shapes that remote PowerShell is given. Elements go to a growing string in the order of the
 * calls; ids are counted here, and a type's names are written once and referred to afterwards.
 */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

#define UH_CLIXML_WRITE_TYPES 16 /* different types in one document */

struct uh_clixml_writer {
  struct uh_str *out;
  unsigned objects;
  const char *types[UH_CLIXML_WRITE_TYPES];
  unsigned types_n;
  bool bad_text; /* a text was not UTF-8: the document must not be used */
};

/* name: of a property, NULL: none. Text is escaped as PowerShell does it: control characters, what lies outside the
 * basic plane, and an underscore that would begin an escape become _xHHHH_. */
void uh_clixml_put_text(struct uh_clixml_writer *w, const char *UH_NULLABLE name, const char *text, size_t n);
void uh_clixml_put_bool(struct uh_clixml_writer *w, const char *UH_NULLABLE name, bool value);
void uh_clixml_put_i32(struct uh_clixml_writer *w, const char *UH_NULLABLE name, int32_t value);
void uh_clixml_put_i64(struct uh_clixml_writer *w, const char *UH_NULLABLE name, int64_t value);
void uh_clixml_put_guid(struct uh_clixml_writer *w, const char *UH_NULLABLE name, const uint8_t guid[UH_GUID_SIZE]);
void uh_clixml_put_version(struct uh_clixml_writer *w, const char *UH_NULLABLE name, const char *version);
void uh_clixml_put_nil(struct uh_clixml_writer *w, const char *UH_NULLABLE name);

/* An object. types: its type names, the most derived first, '\n' between them; the same pointer each time, NULL: none.
 */
void uh_clixml_begin(struct uh_clixml_writer *w, const char *UH_NULLABLE name, const char *UH_NULLABLE types);
void uh_clixml_end(struct uh_clixml_writer *w);
/* An enumeration's value. */
void uh_clixml_put_enum(struct uh_clixml_writer *w, const char *UH_NULLABLE name, const char *types, const char *text,
                        int32_t value);
/* A plain element: "MS", "Props", "LST". */
void uh_clixml_open_element(struct uh_clixml_writer *w, const char *element);
void uh_clixml_close_element(struct uh_clixml_writer *w, const char *element);
#endif
