/* SPDX-License-Identifier: Apache-2.0 */
/* A change as a person would run it. Names are hostile text: what cannot be quoted is not shown as a command. */
#include <unhybrid/text.h>

#include "plan/plan_internal.h"

static int refuse(const struct uh_change *c, const char *name, struct uh_err *err) {
  return uh_fail(err, UH_ERR_DATA, "%.*s -%.*s cannot be written as PowerShell: the value holds control characters",
                 UH_HEAD(c->cmdlet, 80), UH_HEAD(name, 80));
}

static bool add_texts(struct uh_str *out, const struct uh_argument *a) {
  uh_str_add(out, "@(");
  for (size_t i = 0; i < a->texts.n; i++) {
    if (i) uh_str_addc(out, ',');
    if (!uh_powershell_quote(out, a->texts.v[i], strlen(a->texts.v[i]))) return false;
  }
  uh_str_addc(out, ')');
  return true;
}

/* A switch without a colon would be followed by a value that it does not take; ":$true" is right for a boolean too. */
static bool add_argument(struct uh_str *out, const struct uh_argument *a) {
  char guid[UH_GUID_TEXT];
  uh_str_addf(out, a->type == UH_VALUE_BOOL ? " -%s:" : " -%s ", a->name);
  switch (a->type) {
    case UH_VALUE_NULL: uh_str_add(out, "$null"); return true;
    case UH_VALUE_BOOL: uh_str_add(out, a->yes ? "$true" : "$false"); return true;
    case UH_VALUE_NUMBER: uh_str_addf(out, "%lld", (long long)a->number); return true;
    case UH_VALUE_GUID: uh_str_addf(out, "'%s'", uh_guid_text(a->guid, guid)); return true;
    case UH_VALUE_TEXT: return uh_powershell_quote(out, a->text, strlen(a->text));
    case UH_VALUE_TEXTS: return add_texts(out, a);
  }
  return false;
}

/* For a comment that ends with the line: uh_terminal_text makes every line break, also those of Unicode, visible. */
static void add_comment(struct uh_str *out, const char *name) {
  if (!name || !*name) return;
  uh_str_add(out, "  # ");
  uh_terminal_text(out, name, strlen(name));
}

int uh_change_powershell(const struct uh_change *change, struct uh_str *out, struct uh_err *err) {
  char guid[UH_GUID_TEXT];
  uh_str_add(out, change->cmdlet);
  if (change->guid) uh_str_addf(out, " -Identity '%s'", uh_guid_text(change->guid, guid));
  for (const struct uh_argument *a = change->arguments; a && a->name; a++)
    if (!add_argument(out, a)) return refuse(change, a->name, err);
  uh_str_add(out, " -Confirm:$false");
  add_comment(out, change->name);
  return uh_str_text(out) ? 0 : uh_fail_nomem(err);
}

static void add_graph(struct uh_str *out, const struct uh_graph_change *g) {
  char guid[UH_GUID_TEXT];
  const char *set = g->kind == UH_GRAPH_APPLICATION ? "applications" : "servicePrincipals";
  const char *id = uh_guid_text(g->id, guid);
  switch (g->action) {
    case UH_GRAPH_DELETE: uh_str_addf(out, "DELETE /v1.0/%s/%s", set, id); break;
    case UH_GRAPH_RESTORE: uh_str_addf(out, "POST /v1.0/directory/deletedItems/%s/restore", id); break;
    case UH_GRAPH_REMOVE_PASSWORD: uh_str_addf(out, "POST /v1.0/%s/%s/removePassword", set, id); break;
    case UH_GRAPH_REMOVE_KEYS: uh_str_addf(out, "PATCH /v1.0/%s/%s keyCredentials without", set, id); break;
    case UH_GRAPH_REMOVE_NAMES: uh_str_addf(out, "PATCH /v1.0/%s/%s servicePrincipalNames without", set, id); break;
  }
  for (size_t i = 0; i < g->n_keys; i++) uh_str_addf(out, " %s", uh_guid_text(g->keys[i].key_id, guid));
  for (size_t i = 0; i < g->n_names; i++) {
    uh_str_addc(out, ' ');
    uh_terminal_text(out, g->names[i], strlen(g->names[i]));
  }
  add_comment(out, g->name);
}

/* As ldapmodify takes it, for a person to read: nothing of it is run from here. */
static void add_directory(struct uh_str *out, const struct uh_directory_change *d) {
  static const char *const verbs[] = {"delete", "add", "replace"};
  char guid[UH_GUID_TEXT] = "";
  if (d->guid) (void)uh_guid_text(d->guid, guid);
  uh_str_addf(out, "# LDAP: %s ", uh_directory_action_name(d->action));
  uh_terminal_text(out, d->dn, strlen(d->dn));
  uh_str_addf(out, " (%s)", guid);
  if (d->n_tree) uh_str_addf(out, " and %zu objects below it", d->n_tree);
  for (size_t i = 0; i < d->n_edits; i++) {
    uh_str_addf(out, "\n#   %s ", verbs[d->edits[i].type]);
    uh_terminal_text(out, d->edits[i].attribute, strlen(d->edits[i].attribute));
    for (size_t k = 0; k < d->edits[i].n; k++) {
      uh_str_add(out, k ? ", " : ": ");
      uh_terminal_text(out, d->edits[i].values[k].data, d->edits[i].values[k].size);
    }
  }
}

int uh_planned_commands(const struct uh_planned *action, struct uh_str *out, struct uh_err *err) {
  const struct uh_action *a = &action->action;
  if (a->commands) {
    uh_str_add(out, a->commands);
    if (out->len && out->s[out->len - 1] != '\n') uh_str_addc(out, '\n');
  } else if (a->graph) {
    add_graph(out, a->graph);
    uh_str_addc(out, '\n');
  } else if (a->directory) {
    add_directory(out, a->directory);
    uh_str_addc(out, '\n');
  }
  for (const struct uh_change *c = a->commands ? NULL : a->changes; c && c->cmdlet; c++) {
    if (uh_change_powershell(c, out, err) < 0) return -1;
    uh_str_addc(out, '\n');
  }
  return uh_str_text(out) ? 0 : uh_fail_nomem(err);
}
