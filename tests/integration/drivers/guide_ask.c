/* SPDX-License-Identifier: Apache-2.0 */
/* guide_ask [name=TEXT] [irreversible] [approval=TEXT] [note=TEXT]: asks the person at the terminal about one made up
 * action, and says what came of it: "yes", "skip: REASON", "stop", "gone". */
#include <stdio.h>
#include <string.h>

#include "cli/cancel.h"
#include "cli/talk.h"

static const struct uh_command command = {.name = "cleanup"};

static const char *value_of(int argc, char **argv, const char *name) {
  size_t n = strlen(name);
  for (int i = 1; i < argc; i++)
    if (strncmp(argv[i], name, n) == 0 && (argv[i][n] == '=' || !argv[i][n])) return argv[i] + n + (argv[i][n] == '=');
  return NULL;
}

int main(int argc, char **argv) {
  static const char *const choices[] = {[UH_CHOICE_YES] = "yes", [UH_CHOICE_SKIP] = "skip", [UH_CHOICE_STOP] = "stop"};
  struct uh_cli cli = {.command = &command, .color = UH_COLOR_NEVER};
  struct uh_talk talk;
  struct uh_err err = UH_ERR_INIT;
  const char *name = value_of(argc, argv, "name");
  bool never = value_of(argc, argv, "irreversible") != NULL;
  static const uint8_t guid[UH_GUID_SIZE] = {1, 2, 3};
  const struct uh_argument off[] = {{.name = "Enabled", .type = UH_VALUE_BOOL, .yes = false}, {0}};
  const struct uh_change changes[] = {{.cmdlet = "Set-SendConnector", .guid = guid, .name = name, .arguments = off},
                                      {0}};
  const struct uh_expect expect[] = {{.what = UH_EXPECT_VALUE, .value = off[0]}, {0}};
  const struct uh_planned planned = {.id = "send-connector/disable/03020100",
                                     .number = 1,
                                     .step = "send-connector",
                                     .requirement = "C-03",
                                     .step_title = "Send connectors",
                                     .owner = UH_OWNER_HYBRID,
                                     .owner_reason = "CloudServicesMailEnabled is true",
                                     .fingerprint = "",
                                     .fingerprint_source = "",
                                     .action = {.subject = {.side = "on-premises",
                                                            .kind = "SendConnector",
                                                            .guid = "03020100-0000-0000-0000-000000000000",
                                                            .name = name ? name : "Outbound to Office 365"},
                                                .verb = UH_VERB_DISABLE,
                                                .executor = UH_BY_EXCHANGE_SERVER,
                                                .reversible = never ? UH_IRREVERSIBLE : UH_REVERSIBLE,
                                                .changes = changes,
                                                .expect = expect,
                                                .why = "It carries mail to Exchange Online.",
                                                .effect = "Mail from on premises no longer goes that way.",
                                                .approval = value_of(argc, argv, "approval")}};
  const struct uh_event event = {
      .type = UH_EVENT_BEGIN,
      .action = &planned,
      .why = value_of(argc, argv, "note"),
      .image =
          "{\"observed_at\":\"2026-11-26T14:00:00Z\",\"rows\":[{\"source\":\"exchange-server\",\"json\":{"
          "\"AddressSpaces\":[\"smtp:x.mail.onmicrosoft.com;1\"],\"Enabled\":true,\"Comment\":\"\","
          "\"Fqdn\":\"evil\\u001b[2J\\u202e\"}}]}"};
  enum uh_choice choice = UH_CHOICE_STOP;
  char reason[512] = "";
  if (uh_talk_open(&talk, &cli, NULL, true, false, &err) < 0) return 70;
  struct uh_guide guide = uh_talk_guide(&talk);
  bool typed = never || planned.action.approval || event.why;
  uh_cancel_catch(true);
  int rc = guide.ask(guide.user, &event, typed, &choice, reason, sizeof reason, &err);
  printf("CHOICE %s%s%s%s\n", rc < 0 ? "gone" : choices[choice], *reason ? ": " : "", reason,
         uh_cancel_asked(NULL) ? " (Ctrl-C)" : "");
  uh_talk_clear(&talk);
  return 0;
}
