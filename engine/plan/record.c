/* SPDX-License-Identifier: Apache-2.0 */
/* What a run writes into the journal: one record for each change of state. */
#include "plan/run.h"

#include <inttypes.h>
#include <unistd.h>

void uh_json_member(struct uh_str *out, const char *name, const char *text) {
  if (out->len && out->s[out->len - 1] != '{') uh_str_addc(out, ',');
  uh_str_addf(out, "\"%s\":", name);
  uh_json_string(out, text, strlen(text));
}

static void failpoint(const struct uh_run *run, const char *when, enum uh_record_type type) {
  char name[48];
  uh_print(name, sizeof name, "%s-%s", when, uh_record_type_name(type));
  uh_failpoint(run->w, name);
}

int uh_run_record(struct uh_run *run, enum uh_record_type type, const char *action, const struct uh_str *body,
                  const void *image, size_t image_size) {
  struct uh_err err = UH_ERR_INIT;
  if (run->o->dry) return 0;
  if (!uh_str_text(body)) return uh_run_stop(run, 70, "out of memory");
  struct uh_record record = {.at = uh_run_now(run),
                             .type = type,
                             .action = action,
                             .body = uh_str_text(body),
                             .image = image,
                             .image_size = image_size};
  failpoint(run, "before", type);
  if (uh_journal_append(run->o->journal, &record, &err) < 0) return uh_run_stop_err(run, &err, "the journal");
  failpoint(run, "after", type);
  record.seq = uh_journal_head(run->o->journal, record.hash);
  if (uh_history_note(run->h, &record, &err) < 0) return uh_run_stop_err(run, &err, "the journal");
  return 0;
}

int uh_run_record_text(struct uh_run *run, enum uh_record_type type, const char *action, const char *name,
                       const char *text) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  uh_str_addc(&body, '{');
  uh_json_member(&body, name, text);
  uh_str_addc(&body, '}');
  return uh_run_record(run, type, action, &body, NULL, 0);
}

int uh_run_record_failed(struct uh_run *run, const char *action, const char *why, bool sent) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  uh_str_addf(&body, "{\"sent\":%s", sent ? "true" : "false");
  uh_json_member(&body, "why", why);
  uh_str_addc(&body, '}');
  return uh_run_record(run, UH_RECORD_FAILED, action, &body, NULL, 0);
}

int uh_run_record_skipped(struct uh_run *run, const char *action, const char *why, enum uh_skip by) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  uh_str_addc(&body, '{');
  uh_json_member(&body, "by", by == UH_SKIP_APPROVAL ? "approval" : by == UH_SKIP_FOLLOWS ? "order" : "person");
  uh_json_member(&body, "person", run->o->person);
  uh_json_member(&body, "why", why);
  uh_str_addc(&body, '}');
  return uh_run_record(run, UH_RECORD_SKIPPED, action, &body, NULL, 0);
}

int uh_run_record_paused(struct uh_run *run, const char *action, int64_t until, const char *why) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  uh_str_addf(&body, "{\"until\":%" PRId64, until);
  uh_json_member(&body, "why", why);
  uh_str_addc(&body, '}');
  return uh_run_record(run, UH_RECORD_PAUSED, action, &body, NULL, 0);
}

static void add_approved(struct uh_str *out, const char *const *approved) {
  uh_str_add(out, ",\"approved\":[");
  for (size_t i = 0; approved && approved[i]; i++) {
    if (i) uh_str_addc(out, ',');
    uh_json_string(out, approved[i], strlen(approved[i]));
  }
  uh_str_addc(out, ']');
}

int uh_run_record_opened(struct uh_run *run, const char *command) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  const struct uh_execute_options *o = run->o;
  char host[256] = "";
  if (gethostname(host, sizeof host - 1) < 0) host[0] = 0;
  uh_str_addc(&body, '{');
  uh_json_member(&body, "command", command);
  uh_json_member(&body, "person", o->person);
  uh_json_member(&body, "host", host);
  uh_json_member(&body, "version", o->version);
  if (run->plan) uh_json_member(&body, "plan", uh_plan_id(run->plan));
  uh_str_addf(&body,
              ",\"options\":{\"yes\":%s,\"irreversible\":%s,\"pause_between\":%s,\"operator_timeout\":%" PRId64
              ",\"pause_observe\":%" PRId64,
              o->yes ? "true" : "false", o->irreversible ? "true" : "false", o->pause_between ? "true" : "false",
              o->operator_timeout, o->pause_observe);
  add_approved(&body, o->approved);
  uh_str_add(&body, "}}");
  return uh_run_record(run, UH_RECORD_OPENED, "", &body, NULL, 0);
}

static int record_anchors(struct uh_run *run) {
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  UH_CLEANUP(uh_freep) char *anchors = uh_anchors_json(uh_plan_anchors(run->plan));
  if (!anchors) return uh_run_stop(run, 70, "out of memory");
  uh_str_addc(&body, '{');
  uh_json_member(&body, "plan", uh_plan_id(run->plan));
  if (*run->manifest) uh_json_member(&body, "manifest", run->manifest);
  uh_str_addc(&body, '}');
  return uh_run_record(run, UH_RECORD_ANCHOR, "", &body, anchors, strlen(anchors));
}

/* Anchors and the whole plan stand in the records' images: a body has room for 1 MiB, and a plan may hold 10,000
 * actions with what their objects look like. */
int uh_run_record_plan(struct uh_run *run) {
  struct uh_str document UH_CLEANUP(uh_str_clear) = {0};
  struct uh_str body UH_CLEANUP(uh_str_clear) = {0};
  struct uh_err err = UH_ERR_INIT;
  if (record_anchors(run) < 0) return -1;
  if (uh_plan_json(run->plan, &document, &err) < 0) return uh_run_stop_err(run, &err, "the plan");
  if (!uh_str_text(&document)) return uh_run_stop(run, 70, "out of memory");
  uh_str_addc(&body, '{');
  uh_json_member(&body, "plan", uh_plan_id(run->plan));
  uh_str_addf(&body, ",\"actions\":%zu}", uh_plan_count(run->plan));
  return uh_run_record(run, UH_RECORD_PLANNED, "", &body, document.s, document.len);
}

/* What the service said. Texts that are empty are left out. */
void uh_result_json(struct uh_str *out, const char *what, const struct uh_change_result *r) {
  const struct {
    const char *name, *text;
  } texts[] = {{"identity", r->identity},
               {"category", r->category},
               {"reason", r->reason},
               {"message", r->message},
               {"server", r->server},
               {"request_id", r->request_id},
               {"domain_controller", r->domain_controller}};
  if (out->len) uh_str_addc(out, ',');
  uh_str_addc(out, '{');
  uh_json_member(out, "what", what);
  uh_json_member(out, "outcome", uh_change_outcome_name(r->outcome));
  uh_str_addf(out, ",\"objects\":%" PRId64 ",\"errors\":%" PRId64 ",\"warnings\":%" PRId64, r->objects, r->errors,
              r->warnings);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (*texts[i].text) uh_json_member(out, texts[i].name, texts[i].text);
  uh_str_addc(out, '}');
}
