/* SPDX-License-Identifier: Apache-2.0 */
/* What steps say is to be sent when their actions are put back: of the real steps, from a before-image and the anchors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/undo.h"

#define ORGANIZATION "7a1c2e4f-5b6d-4c3a-9e8f-0f0000000002"
#define OBJECT "10000000-0000-4000-8000-000000000001"
#define ANCHORS                                     \
  "{\"on-premises-organization\": [\"" ORGANIZATION \
  "\"], \"inbound-connector\": [\"Lunch in\"],"     \
  " \"outbound-connector\": [\"Lunch out\"], \"organization-relationship\": [\"Lunch\"]}"

struct said {
  struct uh_undo undo;
  struct uh_planned planned;
  struct uh_anchors *anchors;
  struct uh_str text;
};

static void ask(struct said *s, const char *step, const char *kind, const char *name, const char *json,
                const char *anchors) {
  struct uh_err err = UH_ERR_INIT;
  char image[1000];
  *s = (struct said){0};
  (void)snprintf(image, sizeof image, "{\"rows\": [{\"source\": \"exchange-online\", \"json\": %s}]}", json);
  s->planned = (struct uh_planned){.id = "x",
                                   .step = step,
                                   .action = {.subject = {.side = "cloud", .kind = kind, .guid = OBJECT, .name = name},
                                              .verb = UH_VERB_REMOVE,
                                              .executor = UH_BY_EXCHANGE_ONLINE}};
  assert_int_equal(uh_anchors_from_json(anchors, &s->anchors, &err), 0);
  assert_int_equal(uh_undo_open(&s->undo, &s->planned, image, OBJECT, s->anchors, &err), 0);
  if (uh_step_find(step)->undo(&s->undo, &err) != 0) fail_msg("%s", err.what);
  assert_int_equal(uh_undo_text_of(&s->undo, &s->text, &err), 0);
}
static void end(struct said *s) {
  uh_undo_clear(&s->undo);
  uh_anchors_free(s->anchors);
  uh_str_clear(&s->text);
}

static void what_the_organization_named_is_named_again(void **state) {
  static const struct {
    const char *step, *kind, *name, *property;
  } v[] = {{"cloud-connector", "InboundConnector", "Lunch in", "-InboundConnector 'Lunch in'"},
           {"cloud-connector", "OutboundConnector", "Lunch out", "-OutboundConnector 'Lunch out'"},
           {"organization-relationship", "OrganizationRelationship", "Lunch", "-OrganizationRelationship 'Lunch'"}};
  struct said s;
  char json[200];
  (void)state;
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    (void)snprintf(json, sizeof json, "{\"Name\": \"%s\"}", v[i].name);
    ask(&s, v[i].step, v[i].kind, v[i].name, json, ANCHORS);
    const char *set = strstr(uh_str_or(&s.text, ""), "Set-OnPremisesOrganization");
    if (!set || !strstr(set, v[i].property) || !strstr(set, ORGANIZATION)) fail_msg("%s", uh_str_or(&s.text, ""));
    end(&s);
    /* A wizard's name is no proof: this is not what it named. */
    ask(&s, v[i].step, v[i].kind, "Inbound from " ORGANIZATION, "{\"Name\": \"Inbound from " ORGANIZATION "\"}",
        ANCHORS);
    assert_null(strstr(uh_str_or(&s.text, ""), "OnPremisesOrganization"));
    end(&s);
    ask(&s, v[i].step, v[i].kind, v[i].name, json, "{}");
    assert_null(strstr(uh_str_or(&s.text, ""), "OnPremisesOrganization"));
    end(&s);
  }
}

/* When it went, what it named had gone, and its links with that. */
static void the_organization_is_made_with_what_it_named_once(void **state) {
  struct said s;
  (void)state;
  ask(&s, "on-premises-organization", "OnPremisesOrganization", "Contoso",
      "{\"Name\": \"Contoso\", \"OrganizationGuid\": \"" OBJECT
      "\", \"HybridDomains\": [\"contoso.com\"],"
      " \"InboundConnector\": null, \"OutboundConnector\": \"\", \"OrganizationRelationship\": null}",
      ANCHORS);
  const char *text = uh_str_or(&s.text, "");
  if (!strstr(text, "New-OnPremisesOrganization") || !strstr(text, "-InboundConnector 'Lunch in'") ||
      !strstr(text, "-OutboundConnector 'Lunch out'") || !strstr(text, "-OrganizationRelationship 'Lunch'"))
    fail_msg("%s", text);
  end(&s);
  /* What it did name at the end counts. */
  ask(&s, "on-premises-organization", "OnPremisesOrganization", "Contoso",
      "{\"Name\": \"Contoso\", \"OrganizationGuid\": \"" OBJECT
      "\", \"HybridDomains\": [\"contoso.com\"],"
      " \"InboundConnector\": \"Dinner\", \"OutboundConnector\": null}",
      ANCHORS);
  assert_non_null(strstr(uh_str_or(&s.text, ""), "-InboundConnector 'Dinner'"));
  assert_non_null(strstr(uh_str_or(&s.text, ""), "-OutboundConnector 'Lunch out'"));
  end(&s);
}

/* A command would hold what stands before it, which is another value. */
static void a_value_with_a_nul_is_left_out(void **state) {
  struct said s;
  (void)state;
  ask(&s, "cloud-connector", "InboundConnector", "Lunch in",
      "{\"Name\": \"Lunch in\", \"Comment\": \"a\\u0000b\", \"SenderDomains\": [\"x\\u0000y\"], \"ConnectorType\": \"OnPremises\"}",
      ANCHORS);
  assert_non_null(strstr(uh_str_or(&s.text, ""), "-ConnectorType"));
  assert_null(strstr(uh_str_or(&s.text, ""), "-Comment"));
  assert_null(strstr(uh_str_or(&s.text, ""), "-SenderDomains"));
  end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_the_organization_named_is_named_again),
                                     cmocka_unit_test(a_value_with_a_nul_is_left_out),
                                     cmocka_unit_test(the_organization_is_made_with_what_it_named_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
