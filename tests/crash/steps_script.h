/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STEPS_SCRIPT_H
#define STEPS_SCRIPT_H
/* Steps for the crash runs, one for each kind of action that there is, over the objects of steps_objects(). They stand
 * in the registry's place: a plan that is read back from the journal finds its steps here. */
#include "plan/plan.h"
#include "world_script.h"

#define GUID_SEND "11111111-0000-4000-8000-000000000001"
#define GUID_RELATIONSHIP "11111111-0000-4000-8000-000000000002"
#define GUID_DOMAIN "11111111-0000-4000-8000-000000000003"
#define GUID_INBOUND "11111111-0000-4000-8000-000000000004"
#define GUID_OVERRIDE "11111111-0000-4000-8000-000000000005"
#define GUID_APPLICATION "11111111-0000-4000-8000-000000000006"
#define GUID_CONNECTOR "11111111-0000-4000-8000-000000000007"
#define GUID_APPROVED "11111111-0000-4000-8000-000000000008"
#define GUID_PRINCIPAL "11111111-0000-4000-8000-000000000009"
#define GUID_TREE "11111111-0000-4000-8000-000000000010" /* an entry of the directory, with others below it */
#define GUID_TREE_INNER "11111111-0000-4000-8000-000000000011"
#define GUID_TREE_LEAF "11111111-0000-4000-8000-000000000012"
#define GUID_TREE_DEEP "11111111-0000-4000-8000-000000000013"
#define GUID_POINT "11111111-0000-4000-8000-000000000014"
#define GUID_LINKS "11111111-0000-4000-8000-000000000015"
#define SCRIPT_ORGANIZATION "22222222-0000-4000-8000-000000000000"

extern const struct uh_step *const script_steps[]; /* NULL-terminated */
extern int steps_many;     /* further objects in the facts, each of which the step `many` removes */
extern bool steps_entries; /* also entries of the directory, and the step `entry` that deletes and edits some */
void steps_objects(struct world_script *script);
/* A facts file of these objects, and the plan that is made from it. only: ids of steps, NULL-terminated; NULL: all. */
struct uh_plan *steps_plan(const char *facts_path, const char *const *only);
#endif
