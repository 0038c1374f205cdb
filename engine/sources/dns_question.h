/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_DNS_QUESTION_H
#define UH_DNS_QUESTION_H
#include "sources/source.h"

/*
 * Puts the observation's one question (options.dns_question) to every name server of its view, each by itself: a row of
 * table dns, with the role `question`, for each; and where that found something, one with the role `wildcard`
 * (sources/dns.c), which says nothing of whether the question was answered. The set dns:DnsRecord is complete when
 * every server told what there is, and all told the same; a time to live is no difference.
 */
int uh_dns_question_ask(struct uh_observe *observe, struct uh_err *err);
#endif
