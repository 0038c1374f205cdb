/* SPDX-License-Identifier: Apache-2.0 */
#include "executors/change_check.h"

#include <inttypes.h>

const char *uh_change_outcome_name(enum uh_change_outcome outcome) {
  static const char *const names[] = {"not-sent", "recorded", "applied", "failed", "unknown"};
  return (unsigned)outcome < sizeof names / sizeof *names ? names[outcome] : "unknown";
}

static void add_text(struct uh_str *out, const char *text) {
  uh_json_string(out, text, strlen(text));
}

void uh_argument_json(struct uh_str *out, const struct uh_argument *a) {
  char guid[UH_GUID_TEXT];
  switch (a->type) {
    case UH_VALUE_NULL: uh_str_add(out, "null"); break;
    case UH_VALUE_TEXT: add_text(out, a->text); break;
    case UH_VALUE_BOOL: uh_str_add(out, a->yes ? "true" : "false"); break;
    case UH_VALUE_NUMBER: uh_str_addf(out, "%" PRId64, a->number); break;
    case UH_VALUE_GUID: add_text(out, uh_guid_text(a->guid, guid)); break;
    case UH_VALUE_TEXTS:
      uh_str_addc(out, '[');
      for (size_t i = 0; i < a->texts.n; i++) {
        if (i) uh_str_addc(out, ',');
        add_text(out, a->texts.v[i]);
      }
      uh_str_addc(out, ']');
      break;
  }
}

static int record(void *user, const struct uh_change *change, struct uh_change_result *ret_result, struct uh_err *err) {
  struct uh_recorder *r = user;
  char guid[UH_GUID_TEXT];
  *ret_result = (struct uh_change_result){0};
  if (r->check(change, err) < 0) return -1;
  uh_str_add(&r->lines, "{\"cmdlet\":");
  add_text(&r->lines, change->cmdlet);
  uh_str_add(&r->lines, ",\"guid\":");
  if (change->guid)
    add_text(&r->lines, uh_guid_text(change->guid, guid));
  else
    uh_str_add(&r->lines, "null");
  uh_str_add(&r->lines, ",\"name\":");
  add_text(&r->lines, change->name ? change->name : "");
  uh_str_add(&r->lines, ",\"arguments\":{");
  for (const struct uh_argument *a = change->arguments; a && a->name; a++) {
    if (a != change->arguments) uh_str_addc(&r->lines, ',');
    add_text(&r->lines, a->name);
    uh_str_addc(&r->lines, ':');
    uh_argument_json(&r->lines, a);
  }
  uh_str_add(&r->lines, "}}\n");
  if (r->lines.failed) return uh_fail_nomem(err);
  r->changes++;
  ret_result->outcome = UH_CHANGE_RECORDED;
  return 0;
}

static void add_guid(struct uh_str *out, const uint8_t *guid) {
  char text[UH_GUID_TEXT];
  add_text(out, uh_guid_text(guid, text));
}

static int record_graph(void *user, const struct uh_graph_change *c, struct uh_change_result *ret_result,
                        struct uh_err *err) {
  static const char *const reasons[] = {"ours", "expired", "named"};
  struct uh_recorder *r = user;
  *ret_result = (struct uh_change_result){0};
  if (uh_graph_check(c, err) < 0) return -1;
  uh_str_addf(&r->lines, "{\"graph\":\"%s\",\"kind\":\"%s\",\"id\":", uh_graph_action_name(c->action),
              c->kind == UH_GRAPH_APPLICATION ? "application" : "servicePrincipal");
  add_guid(&r->lines, c->id);
  uh_str_add(&r->lines, ",\"name\":");
  add_text(&r->lines, c->name ? c->name : "");
  uh_str_add(&r->lines, ",\"keys\":{");
  for (size_t i = 0; i < c->n_keys; i++) {
    if (i) uh_str_addc(&r->lines, ',');
    add_guid(&r->lines, c->keys[i].key_id);
    uh_str_addf(&r->lines, ":\"%s\"", (unsigned)c->keys[i].reason < 3 ? reasons[c->keys[i].reason] : "");
  }
  uh_str_add(&r->lines, "},\"names\":[");
  for (size_t i = 0; i < c->n_names; i++) {
    if (i) uh_str_addc(&r->lines, ',');
    add_text(&r->lines, c->names[i]);
  }
  uh_str_add(&r->lines, "]}\n");
  if (r->lines.failed) return uh_fail_nomem(err);
  r->changes++;
  ret_result->outcome = UH_CHANGE_RECORDED;
  return 0;
}

struct uh_graph_writer uh_recorder_graph_writer(struct uh_recorder *recorder) {
  return (struct uh_graph_writer){record_graph, recorder};
}
struct uh_writer uh_recorder_writer(struct uh_recorder *recorder) {
  return (struct uh_writer){record, recorder};
}
void uh_recorder_clear(struct uh_recorder *recorder) {
  uh_str_clear(&recorder->lines);
  recorder->changes = 0;
}
