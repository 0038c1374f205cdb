/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan from any bytes that are JSON. Its id is made to fit, so that what lies behind it is reached, as by somebody
 * who knows how to make one. Whatever is accepted can be looked at, shown, and is the same when it is read again. Built
 * with libFuzzer where clang is used (-Dfuzz=true), else with tests/fuzz/drive.c.
 */
#undef NDEBUG /* what is asserted is what is tested, whatever it is built as */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void look_at(const struct uh_plan *plan, size_t i) {
  const struct uh_planned *p = uh_plan_at(plan, i);
  const char *image = uh_plan_image(plan, i);
  struct uh_str out = {0};
  struct uh_err err = UH_ERR_INIT;
  char hex[65];
  assert(uh_plan_find(plan, p->id) == p && p->action.expect);
  (void)uh_planned_commands(p, &out, &err);
  uh_str_reset(&out);
  (void)uh_planned_satisfied(p, UH_EXPECT_END, image != NULL, image, &out, &err);
  (void)uh_planned_allowed(p, uh_plan_anchors(plan), image, &err);
  if (image && uh_planned_fingerprint(p, image, hex, &err) == 0) {
    uh_str_reset(&out);
    int rc = uh_planned_drift(p, image, image, &out, &err);
    assert(rc == 0 && out.len == 0); /* nothing changed */
    (void)rc;
  }
  uh_str_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct uh_plan *plan = NULL, *again = NULL;
  struct uh_str text = {0};
  struct uh_err err = UH_ERR_INIT;
  char id[sizeof "sha256:" + 64];
  (void)uh_plan_from_json((const char *)data, n, &plan, &err);
  plan = uh_plan_free(plan);
  json_t *document = json_loadb((const char *)data, n, JSON_REJECT_DUPLICATES, NULL);
  if (json_is_object(document) && uh_plan_identify(document, id, &err) == 0 &&
      json_object_set_new(document, "id", json_string(id)) == 0)
    (void)uh_plan_revive(document, NULL, &plan, &err);
  json_decref(document);
  for (size_t i = 0; plan && i < uh_plan_count(plan); i++) look_at(plan, i);
  if (plan && uh_plan_json(plan, &text, &err) == 0) {
    err = UH_ERR_INIT;
    int rc = uh_plan_from_json(uh_str_text(&text), text.len, &again, &err);
    /* Of another schema it was refused above too. */
    assert(rc == 0 ? strcmp(uh_plan_id(again), uh_plan_id(plan)) == 0 : err.cls == UH_ERR_DATA);
    (void)rc;
  }
  uh_str_clear(&text);
  uh_plan_free(again);
  uh_plan_free(plan);
  return 0;
}
