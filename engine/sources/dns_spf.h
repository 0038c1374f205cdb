/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_DNS_SPF_H
#define UH_DNS_SPF_H
/*
 * Reads the terms of an SPF record (RFC 7208) as far as an audit has to follow them. Nothing is evaluated: which
 * sender passes depends on the sender. Pure functions over any bytes.
 */
#include <unhybrid/base.h>

#define UH_SPF_LOOKUPS_MAX 10 /* RFC 7208 section 4.6.4 */
#define UH_SPF_FOLLOW_MAX (UH_SPF_LOOKUPS_MAX + 1)

struct uh_spf {
  unsigned lookups; /* terms that cost a lookup: include, a, mx, ptr, exists, redirect */
  unsigned n;       /* names to ask for a record of their own, in order */
  struct {
    const char *name; /* into the record */
    size_t len;
    unsigned nth; /* of the lookups that this record costs, from 1 */
  } follow[UH_SPF_FOLLOW_MAX];
  bool macro; /* an include or redirect with a macro, which only a sender's address fills in */
};

bool uh_spf_is_record(const char *text, size_t n); /* "v=spf1", then a space or the end */
void uh_spf_read(const char *text, size_t n, struct uh_spf *ret_spf);
#endif
