/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_PLAN_REPORT_H
#define UH_PLAN_REPORT_H
/*
 * Plans, rendered: as a table for a person at a terminal, as a graph for Graphviz, as the plan document itself, as one
 * page for a browser. They show everything that the plan holds, what stays and why as well as what goes; only the
 * table cuts, and says so. Names come from a directory: each format makes them harmless in its own way.
 */
#include "plan/plan.h"
#include "report/report.h"

struct uh_plan_report_options {
  bool color;            /* table */
  unsigned width;        /* table: columns; 0 = 80 */
  bool verbose;          /* table: commands, the reasons of the order, every object that stays */
  bool quiet;            /* table: what it comes to, in one line */
  int64_t pause_observe; /* seconds that an observation pause takes; 0: there is none */
  /* json, html: what no step takes away and a person looks at, as a JSON object (docs/schema/plan.schema.json, "left").
   * It is no part of the plan, and of its id. NULL: the plan is none of the time after the uninstall. */
  const char *UH_NULLABLE left;
};
struct uh_plan_format {
  const char *name;      /* "table", "dot", "json", "html" */
  const char *extension; /* "txt", "dot", "json", "html" */
  int (*render)(const struct uh_plan *plan, const struct uh_plan_report_options *options,
                const struct uh_report_sink *sink, struct uh_err *err);
};
extern const struct uh_plan_format uh_plan_table, uh_plan_dot, uh_plan_document, uh_plan_html;
extern const struct uh_plan_format *const uh_plan_formats[]; /* ends with NULL */
const struct uh_plan_format *UH_NULLABLE uh_plan_format_find(const char *name);

/* ---- what the formats share, and whoever else names an action to a person ---- */

/* "C-03.2": the second action of the requirement C-03. Handed the actions in the plan's order. */
struct uh_plan_numbers {
  const char *requirement[64];
  int64_t n[64];
};
#define UH_PLAN_NUMBER 40
const char *uh_plan_number(struct uh_plan_numbers *numbers, const struct uh_planned *action, char text[UH_PLAN_NUMBER]);

struct uh_plan_sums {
  size_t actions, steps; /* steps that have actions */
  size_t irreversible, approvals, by_operator, pauses;
  size_t unknown, blocked, skipped; /* steps */
};
struct uh_plan_sums uh_plan_sum(const struct uh_plan *plan);

const char *uh_plan_phase_title(enum uh_phase phase); /* "Before the server is uninstalled" */
/* "can be undone", "as a new object", .. */
const char *uh_plan_undo_words(enum uh_reversible reversible);
/* What tells an object without GUID from the others: "Thumbprint 0A1B.., Server EX01"; "" for one with a GUID. */
void uh_plan_match(struct uh_str *out, const struct uh_subject *subject);

/* The objects of a step that no action of it is about. */
struct uh_plan_stays {
  const struct uh_subject **acted_on; /* sorted */
  size_t n;
};
int uh_plan_stays_of(const struct uh_plan *plan, const struct uh_plan_step *step, struct uh_plan_stays *ret_stays,
                     struct uh_err *err);
bool uh_plan_object_stays(const struct uh_plan_stays *stays, const struct uh_plan_object *object);
/* "stays"; what is the hybrid deployment's is only not changed by this step. */
const char *uh_plan_stays_word(enum uh_owner owner);
void uh_plan_stays_clear(struct uh_plan_stays *stays);
#endif
