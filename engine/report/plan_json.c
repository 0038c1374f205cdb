/* SPDX-License-Identifier: Apache-2.0 */
/* The plan document itself (docs/schema/plan.schema.json), as --save-plan writes it, with every character escaped that
 * could steer a terminal. It can be saved and handed to --plan: its id is that of the contents, not of the spelling. */
#include <jansson.h>
#include <stdlib.h>

#include <unhybrid/text.h>

#include "report/plan_report.h"

static void decref(json_t **tree) {
  json_decref(*tree);
}

static int render(const struct uh_plan *plan, const struct uh_plan_report_options *options,
                  const struct uh_report_sink *sink, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  UH_CLEANUP(decref) json_t *tree = NULL;
  UH_CLEANUP(uh_freep) char *clean = NULL;
  json_error_t wrong;
  if (uh_plan_json(plan, &text, err) < 0) return -1;
  if (!uh_str_text(&text)) return uh_fail_nomem(err);
  tree = json_loadb(uh_str_text(&text), text.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &wrong);
  if (!tree) return uh_fail(err, UH_ERR_INTERNAL, "the plan is no JSON: %s", wrong.text);
  if (options->left && json_object_set_new(tree, "left", json_loads(options->left, JSON_ALLOW_NUL, NULL)) < 0)
    return uh_fail(err, UH_ERR_INTERNAL, "what is left is no JSON");
  clean = json_dumps(tree, JSON_ENSURE_ASCII | JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  if (!clean) return uh_fail_nomem(err);
  uh_str_reset(&text);
  uh_str_add(&text, clean);
  uh_str_addc(&text, '\n');
  return uh_report_flush(sink, &text, 0, err);
}

const struct uh_plan_format uh_plan_document = {.name = "json", .extension = "json", .render = render};
