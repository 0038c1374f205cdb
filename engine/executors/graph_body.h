/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_GRAPH_BODY_H
#define UH_GRAPH_BODY_H
/* Inside Graph's executor: what is sent, from what was read. No network here. */
#include <unhybrid/graph_writer.h>

#include <jansson.h>

#define UH_GRAPH_ENTRIES_MAX 2000u

/* What this executor has removed, "id/credential": a read that still shows it comes from a directory that lags, and
 * sending it back would bring it to life again. */
struct uh_graph_gone {
  char **v;
  size_t n;
};

enum uh_graph_need {
  UH_GRAPH_NEEDS_CHANGE = 0,
  UH_GRAPH_NEEDS_NOTHING = 1, /* what is to go is not there */
};
/* The body of the request; empty for a deletion. -1: it must not be sent, err says why. */
int uh_graph_body(const struct uh_graph_change *change, const json_t *object, const struct uh_graph_gone *gone,
                  int64_t now, struct uh_str *ret_body, struct uh_err *err);
/* "keyCredentials", "passwordCredentials", "servicePrincipalNames"; NULL: the action concerns the whole object. */
const char *UH_NULLABLE uh_graph_property(enum uh_graph_action action);
bool uh_graph_listed(const struct uh_graph_change *change, const json_t *entry); /* is to go */
void uh_graph_entry_text(const struct uh_graph_change *change, const json_t *entry, char *out, size_t size);
#endif
