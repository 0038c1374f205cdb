/* SPDX-License-Identifier: Apache-2.0 */
#include <unhybrid/text.h>

#include "report/setup_log_report.h"

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

struct page {
  const struct uh_report_options *options;
  struct uh_str out;
};

static void page_clear(struct page *p) {
  uh_str_clear(&p->out);
}

static void outside(struct page *p, const char *text) {
  uh_terminal_text(&p->out, text, strlen(text));
}

static void heading(struct page *p, const char *text) {
  uh_str_addf(&p->out, "\n%s%s%s\n", p->options->color ? BOLD : "", text, p->options->color ? PLAIN : "");
}

static void field(struct page *p, const char *name, const char *value) {
  if (!*value) return;
  uh_str_addf(&p->out, "    %-8s ", name);
  outside(p, value);
  uh_str_addc(&p->out, '\n');
}

/* A message of several lines stands indented, line by line. */
static void message(struct page *p, const char *text) {
  for (const char *end; *text; text = *end ? end + 1 : end) {
    end = text + strcspn(text, "\n");
    uh_str_add(&p->out, "    ");
    uh_terminal_text(&p->out, text, (size_t)(end - text));
    uh_str_addc(&p->out, '\n');
  }
}

static void finding(struct page *p, const struct uh_setup_finding *f) {
  const struct uh_setup_translation *t = f->translation;
  uh_str_add(&p->out, "\n  ");
  if (t && *t->requirement) uh_str_addf(&p->out, "%s  ", t->requirement);
  outside(p, *f->rule ? f->rule : f->found == UH_SETUP_WARNING ? "warning" : "error");
  uh_str_addf(&p->out, "  line %lld", (long long)f->line);
  if (f->times > 1) uh_str_addf(&p->out, ", %lld times", (long long)f->times);
  uh_str_addc(&p->out, '\n');
  message(p, f->text);
  for (size_t i = 0; i < f->n_objects; i++) field(p, "object", f->objects[i]);
  field(p, "during", f->object);
  field(p, "cmdlet", f->cmdlet);
  field(p, "means", t ? t->cause : "");
  field(p, "do", t ? t->remedy : "");
  if (!t) field(p, "means", "nothing more is known of this message here");
  if (!t || p->options->verbose) field(p, "help", f->help);
  if (p->options->verbose) field(p, "part", f->component);
}

static bool stops(const struct uh_setup_finding *f) {
  return f->found == UH_SETUP_ERROR || (f->found == UH_SETUP_RULE && f->required);
}

static void findings(struct page *p, const struct uh_setup_run *run, const char *title, bool stopping) {
  bool any = false;
  for (size_t i = 0; i < run->n; i++) {
    if (stops(&run->v[i]) != stopping) continue;
    if (!any) heading(p, title);
    any = true;
    finding(p, &run->v[i]);
  }
}

static void about(struct page *p, const struct uh_setup_log *log) {
  static const char *const outcomes[] = {"Setup came to its end.", "Setup failed.",
                                         "The log breaks off: Setup still runs, was ended, or the log was cut."};
  const struct uh_setup_run *run = &log->run;
  bool cancelled = run->outcome == UH_SETUP_UNFINISHED && *run->ended;
  uh_str_addf(&p->out, "%s%s%s\n", p->options->color ? BOLD : "",
              cancelled ? "Setup ended without saying that it is done, nor that it failed: it may have been cancelled."
                        : outcomes[run->outcome],
              p->options->color ? PLAIN : "");
  if (p->options->quiet) return;
  field(p, "product", run->product);
  field(p, "version", run->version);
  field(p, "mode", run->mode);
  field(p, "server", run->server);
  field(p, "began", run->began);
  field(p, "ended", run->ended);
  if (log->runs > 1)
    uh_str_addf(&p->out, "    The log holds %lld runs; this is the one from line %lld on (--run N shows another).\n",
                (long long)log->runs, (long long)run->line);
}

int uh_setup_log_terminal(const struct uh_setup_log *log, const struct uh_report_options *options,
                          const struct uh_report_sink *sink, struct uh_err *err) {
  UH_CLEANUP(page_clear) struct page p = {.options = options};
  const struct uh_setup_run *run = &log->run;
  about(&p, log);
  if (!options->quiet) {
    findings(&p, run, run->outcome == UH_SETUP_FAILED ? "What stopped it" : "What went wrong", true);
    findings(&p, run, "What it warned of", false);
    if (run->dropped) uh_str_addf(&p.out, "\n  and %lld more, which were not kept\n", (long long)run->dropped);
    if (run->outcome == UH_SETUP_DONE)
      uh_str_add(&p.out,
                 "\nThat Setup came to its end does not prove that the server is gone: Active Directory does.\n");
  }
  return uh_report_flush(sink, &p.out, 0, err);
}
