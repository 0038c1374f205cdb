/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_EXCHANGE_RECORD_H
#define UH_EXCHANGE_RECORD_H
/*
 * One object as an Exchange cmdlet gives it, whatever carried it (admin API JSON, exported JSON, CLIXML, remote
 * PowerShell). The carrier calls these in order; the record becomes a row of exchange_recipient or of object. Property
 * names are Exchange's, case as given (compared without case). Property shapes with and without full serialisation give
 * the same fact: "True" and true, a list and its only element.
 */
#include <unhybrid/base.h>

#include "sources/source.h"

struct uh_record_writer; /* one per thread and cmdlet */

/* noun: "Mailbox" of Get-Mailbox. Recipient nouns go to exchange_recipient, all others to object. */
int uh_record_writer_open(struct uh_observe *observe, const char *side, const char *source, const char *noun,
                          const char *listing, struct uh_record_writer **ret_writer, struct uh_err *err);
int uh_record_writer_close(struct uh_record_writer *UH_NULLABLE writer,
                           struct uh_err *err); /* hands rows over, frees */
/* The properties that this noun's facts are made of, comma separated, for $select; NULL: all (configuration objects).
 */
const char *UH_NULLABLE uh_record_select(const char *noun);
bool uh_record_is_recipient(const char *noun);
/* Whether a property becomes part of a fact: of a recipient few do, of a configuration object all. The name has n
 * bytes. */
bool uh_record_wants(const struct uh_record_writer *w, const char *property, size_t n);

void uh_record_begin(struct uh_record_writer *w);
void uh_record_text(struct uh_record_writer *w, const char *property, const char *text, size_t n);
void uh_record_int(struct uh_record_writer *w, const char *property, int64_t value);
void uh_record_bool(struct uh_record_writer *w, const char *property, bool value);
void uh_record_none(struct uh_record_writer *w, const char *property);                     /* null */
void uh_record_answer(struct uh_record_writer *w, const char *property, enum uh_answer a); /* not obtained */
void uh_record_list_begin(struct uh_record_writer *w, const char *property);
void uh_record_list_item(struct uh_record_writer *w, const char *text, size_t n);
void uh_record_list_end(struct uh_record_writer *w);
void uh_record_json(struct uh_record_writer *w, const char *property,
                    const char *json); /* a nested value, as JSON text */
int uh_record_end(struct uh_record_writer *w, struct uh_err *err);
void uh_record_drop(struct uh_record_writer *w);           /* forget the object that was begun: it came broken */
int64_t uh_record_count(const struct uh_record_writer *w); /* objects so far */
#endif
