/* SPDX-License-Identifier: Apache-2.0 */
#include <unhybrid/text.h>

#include "report/report.h"

static void add_member(struct uh_str *out, const char *name, const char *value) {
  uh_str_addf(out, ", \"%s\": ", name);
  uh_json_string(out, value, strlen(value));
}

void uh_json_statement(struct uh_str *out, const struct uh_result_statement *s) {
  char when[UH_TIME_TEXT];
  bool waiver = s->kind == UH_WAIVER;
  uh_str_addf(out, "{\"%s\": ", waiver ? "finding" : "fact");
  uh_json_string(out, s->subject, strlen(s->subject));
  if (*s->object) add_member(out, "object", s->object);
  add_member(out, waiver ? "reason" : "value", s->text);
  if (*s->note) add_member(out, "note", s->note);
  add_member(out, "approver", s->approver);
  add_member(out, "from", uh_time_text(s->from, when));
  add_member(out, "until", uh_time_text(s->until, when));
  add_member(out, "evidence", s->evidence);
  if (*s->check) add_member(out, "check", s->check);
  add_member(out, "state", s->state);
  add_member(out, "why", s->why);
  add_member(out, "file", s->file);
  uh_str_addf(out, ", \"line\": %lld}", (long long)s->line);
}
