/* SPDX-License-Identifier: Apache-2.0 */
#include <unhybrid/text.h>

#include "report/setup_log_report.h"

static void member(struct uh_str *out, const char *name, const char *text) {
  uh_str_addf(out, ", \"%s\": ", name);
  uh_json_string(out, text, strlen(text));
}

static void number(struct uh_str *out, const char *name, int64_t n) {
  uh_str_addf(out, ", \"%s\": %lld", name, (long long)n);
}

static void translation(struct uh_str *out, const struct uh_setup_translation *t) {
  if (!t) {
    uh_str_add(out, ", \"translation\": null");
    return;
  }
  uh_str_addf(out, ", \"translation\": {\"kind\": \"%s\"", uh_setup_kind_name(t->kind));
  member(out, "requirement", t->requirement);
  member(out, "cause", t->cause);
  member(out, "remedy", t->remedy);
  uh_str_addc(out, '}');
}

static void finding(struct uh_str *out, const struct uh_setup_finding *f) {
  static const char *const found[] = {"rule", "error", "warning"};
  uh_str_addf(out, "{\"found\": \"%s\", \"required\": %s", found[f->found], f->required ? "true" : "false");
  member(out, "rule", f->rule);
  member(out, "message", f->text);
  uh_str_add(out, ", \"objects\": [");
  for (size_t i = 0; i < f->n_objects; i++) {
    if (i) uh_str_add(out, ", ");
    uh_json_string(out, f->objects[i], strlen(f->objects[i]));
  }
  uh_str_addc(out, ']');
  member(out, "during", f->object);
  member(out, "cmdlet", f->cmdlet);
  member(out, "component", f->component);
  member(out, "help", f->help);
  member(out, "time", f->time);
  number(out, "line", f->line);
  number(out, "times", f->times);
  translation(out, f->translation);
  uh_str_addc(out, '}');
}

int uh_setup_log_json(const struct uh_setup_log *log, const struct uh_report_sink *sink, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str out = {0};
  const struct uh_setup_run *run = &log->run;
  uh_str_addf(&out, "{\"schema\": \"unhybrid/setup-log/1\", \"outcome\": \"%s\"", uh_setup_outcome_name(run->outcome));
  member(&out, "product", run->product);
  member(&out, "version", run->version);
  member(&out, "mode", run->mode);
  member(&out, "server", run->server);
  member(&out, "began", run->began);
  member(&out, "ended", run->ended);
  number(&out, "runs", log->runs);
  number(&out, "lines", log->lines);
  number(&out, "line", run->line);
  number(&out, "last_line", run->last_line);
  number(&out, "dropped", run->dropped);
  uh_str_add(&out, ", \"findings\": [");
  for (size_t i = 0; i < run->n; i++) {
    uh_str_add(&out, i ? ",\n  " : "\n  ");
    finding(&out, &run->v[i]);
  }
  uh_str_add(&out, run->n ? "\n]}\n" : "]}\n");
  return uh_report_flush(sink, &out, 0, err);
}
