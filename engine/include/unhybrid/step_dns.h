/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_STEP_DNS_H
#define UNHYBRID_STEP_DNS_H
/* Changes of DNS, for steps. A person makes them; every name server of the view is asked whether it is done. */
#include <unhybrid/step.h>

/*
 * Walks the rows of a statement that classifies sets of records (<unhybrid/step_sql_dns.h>), says of each whose it is,
 * and asks for one action on those that are hybrid or shared and of which something goes. Columns, in this order:
 *   view, name, type   the set: "public", "mail.contoso.com", "A"; one set has one action in a plan
 *   owner, reason      as in uh_step_each
 *   records            JSON: all records of the set, as a zone file has them after the type (TXT: the text)
 *   gone               JSON: those of them that go
 *   added              JSON: lines that come in their place, after the name: "TXT v=spf1 -all". '[]' none
 *   terms              JSON: words of the SPF record that go with it; NULL where it is none. Done when the words are
 *                      gone, whatever else the new record says
 *   question           what a person has to approve; NULL: nothing
 * words: effect.
 */
int uh_step_each_record(struct uh_step_run *run, const char *sql, const struct uh_action *words, struct uh_err *err);
#endif
