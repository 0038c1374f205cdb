/* SPDX-License-Identifier: Apache-2.0 */
/* What an action, and what it acts on, is called: in the journal, in --approve, in undo. */
#include "plan/plan_internal.h"

/* Percent-encoded as in a URL: names of servers and domains come in here. Nothing that is left means anything to a
 * shell. */
static void add_safe(struct uh_str *out, const char *text) {
  for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
    bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '.' ||
                 *p == '_' || *p == '-';
    if (plain)
      uh_str_addc(out, (char)*p);
    else
      uh_str_addf(out, "%%%02X", *p);
  }
}

static void add_value(struct uh_str *out, const struct uh_argument *a) {
  char guid[UH_GUID_TEXT];
  switch (a->type) {
    case UH_VALUE_NULL: break;
    case UH_VALUE_TEXT: add_safe(out, a->text); break;
    case UH_VALUE_BOOL: uh_str_add(out, a->yes ? "true" : "false"); break;
    case UH_VALUE_NUMBER: uh_str_addf(out, "%lld", (long long)a->number); break;
    case UH_VALUE_GUID: uh_str_add(out, uh_guid_text(a->guid, guid)); break;
    case UH_VALUE_TEXTS:
      for (size_t i = 0; i < a->texts.n; i++) {
        if (i) uh_str_addc(out, '+');
        add_safe(out, a->texts.v[i]);
      }
  }
}

bool uh_subject_key(const struct uh_subject *s, struct uh_str *out) {
  uint8_t guid[UH_GUID_SIZE];
  char text[UH_GUID_TEXT];
  add_safe(out, s->side);
  uh_str_addc(out, '/');
  add_safe(out, s->kind);
  uh_str_addc(out, '/');
  if (s->guid && *s->guid) {
    if (uh_guid_parse(s->guid, guid))
      uh_str_add(out, uh_guid_text(guid, text));
    else
      add_safe(out, s->guid);
    return true;
  }
  for (const struct uh_argument *a = s->match; a && a->name; a++) {
    if (a != s->match) uh_str_addc(out, ',');
    add_safe(out, a->name);
    uh_str_addc(out, '=');
    add_value(out, a);
  }
  return s->match && s->match->name;
}

bool uh_action_id(const struct uh_step *step, const struct uh_action *action, struct uh_str *out) {
  uh_str_addf(out, "%s/%s/", step->id, uh_verb_name(action->verb));
  if (!uh_subject_key(&action->subject, out)) return false;
  if (!action->part) return true;
  uh_str_addc(out, '/');
  add_safe(out, action->part);
  return true;
}
