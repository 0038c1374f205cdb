/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the steps: each after all that it follows, the registry's order where nothing says more, phases never
 * backwards, and what is wrong about the graph is an error that shows it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "plan/plan.h"

enum { B = UH_PHASE_BEFORE_UNINSTALL, U = UH_PHASE_UNINSTALL, A = UH_PHASE_AFTER_UNINSTALL, MOST = 8 };

struct given {
  const char *id;
  int phase;
  const char *follows[4];
};

struct graph {
  struct uh_step steps[MOST];
  struct uh_follows follows[MOST][5];
  const struct uh_step *list[MOST];
  size_t n;
};

static void make(struct graph *g, const struct given *given) {
  *g = (struct graph){0};
  for (; given[g->n].id; g->n++) {
    size_t i = g->n;
    for (size_t k = 0; k < 4 && given[i].follows[k]; k++)
      g->follows[i][k] = (struct uh_follows){given[i].follows[k], "because"};
    g->steps[i] = (struct uh_step){.id = given[i].id, .phase = (enum uh_phase)given[i].phase, .follows = g->follows[i]};
    g->list[i] = &g->steps[i];
  }
}

static void expect(const struct given *given, const char *wanted) {
  struct graph g;
  const struct uh_step *ordered[MOST];
  struct uh_err err = UH_ERR_INIT;
  struct uh_str got = {0};
  make(&g, given);
  assert_int_equal(uh_order_steps(g.list, g.n, ordered, &err), 0);
  for (size_t i = 0; i < g.n; i++) uh_str_addf(&got, "%s%s", i ? " " : "", ordered[i]->id);
  assert_string_equal(uh_str_text(&got), wanted);
  uh_str_clear(&got);
}

static void expect_error(const struct given *given, const char *wanted) {
  static const struct uh_step untouched;
  struct graph g;
  const struct uh_step *ordered[MOST] = {&untouched};
  struct uh_err err = UH_ERR_INIT;
  make(&g, given);
  assert_int_equal(uh_order_steps(g.list, g.n, ordered, &err), -1);
  assert_int_equal(err.cls, UH_ERR_INTERNAL);
  if (!strstr(err.what, wanted)) fail_msg("\"%s\" does not say \"%s\"", err.what, wanted);
  assert_ptr_equal(ordered[0], &untouched);
}

static void orders(void **state) {
  (void)state;
  expect((struct given[]){{0}}, "");
  expect((struct given[]){{"c", B, {0}}, {"a", B, {0}}, {"b", B, {0}}, {0}}, "c a b");
  /* What comes first goes first; the others keep the registry's order around it. */
  expect((struct given[]){{"a", B, {"d"}}, {"b", B, {0}}, {"c", B, {"a"}}, {"d", B, {0}}, {0}}, "b d a c");
  /* As soon as it may: b was held up, and goes before d although d could have come earlier. */
  expect((struct given[]){{"a", B, {"b"}}, {"b", B, {"c"}}, {"c", B, {0}}, {"d", B, {0}}, {0}}, "c b a d");
  expect(
      (struct given[]){
          {"join", B, {"left", "right"}}, {"left", B, {"root"}}, {"right", B, {"root"}}, {"root", B, {0}}, {0}},
      "root left right join");
}

static void phases(void **state) {
  (void)state;
  expect((struct given[]){{"last", A, {0}}, {"server", U, {0}}, {"first", B, {0}}, {0}}, "first server last");
  expect((struct given[]){{"last", A, {"first"}}, {"first", B, {0}}, {"other", B, {0}}, {0}}, "first other last");
  expect_error((struct given[]){{"a", B, {"z"}}, {"z", A, {0}}, {0}},
               "the step a (before-uninstall) follows z, which belongs to a later phase (after-uninstall)");
  expect_error((struct given[]){{"u", U, {"z"}}, {"z", A, {0}}, {0}}, "later phase");
}

static void cycles(void **state) {
  (void)state;
  expect_error((struct given[]){{"a", B, {"b"}}, {"b", B, {"a"}}, {0}}, "in a circle: a -> b -> a");
  expect_error((struct given[]){{"self", B, {"self"}}, {0}}, "in a circle: self -> self");
  /* What leads to the circle, and what was ordered before it, is not shown. */
  expect_error(
      (struct given[]){
          {"fine", B, {0}}, {"tail", B, {"fine", "z"}}, {"x", B, {"y"}}, {"y", B, {"fine", "z"}}, {"z", B, {"x"}}, {0}},
      "in a circle: x -> y -> z -> x");
}

static void wrong(void **state) {
  (void)state;
  expect_error((struct given[]){{"a", B, {"nobody"}}, {0}}, "the step a follows nobody, which is not there");
  expect_error((struct given[]){{"a", B, {0}}, {"a", B, {0}}, {0}}, "two steps of the id a");
}

/* In place, as a caller does that keeps one list. */
static void in_place(void **state) {
  struct graph g;
  struct uh_err err = UH_ERR_INIT;
  (void)state;
  make(&g, (struct given[]){{"a", B, {"b"}}, {"b", B, {0}}, {0}});
  assert_int_equal(uh_order_steps(g.list, g.n, g.list, &err), 0);
  assert_string_equal(g.list[0]->id, "b");
  assert_string_equal(g.list[1]->id, "a");
}

/* The steps of this program. */
static void registry(void **state) {
  const struct uh_step *steps[64], *ordered[64];
  struct uh_err err = UH_ERR_INIT;
  size_t n = uh_step_count();
  (void)state;
  assert_true(n <= 64);
  for (size_t i = 0; i < n; i++) steps[i] = uh_step_at(i);
  if (uh_order_steps(steps, n, ordered, &err) < 0) fail_msg("%s", err.what);
  for (size_t i = 0; i < n; i++)
    for (const struct uh_follows *f = ordered[i]->follows; f && f->step; f++) {
      size_t at = 0;
      while (strcmp(ordered[at]->id, f->step) != 0) at++;
      assert_true(at < i);
      assert_true(f->reason && *f->reason);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(orders), cmocka_unit_test(phases),   cmocka_unit_test(cycles),
                                     cmocka_unit_test(wrong),  cmocka_unit_test(in_place), cmocka_unit_test(registry)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
