/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of DNS as a zone file has them, and the question that shows that they are made. */
#include <unhybrid/step_dns.h>

#include <stdlib.h>
#include <string.h>

#include <unhybrid/text.h>

#include "plan/plan_internal.h"

enum { VIEW, NAME, TYPE, OWNER, REASON, RECORDS, GONE, ADDED, TERMS, QUESTION };
enum { STRING_MAX = 255 }; /* bytes of one string of a TXT record */

/* ---- lines of a zone file ---- */

static void add_byte(struct uh_str *out, unsigned char byte) {
  if (byte == '"' || byte == '\\')
    uh_str_addf(out, "\\%c", byte);
  else if (byte < ' ' || byte > '~')
    uh_str_addf(out, "\\%03u", byte);
  else
    uh_str_addc(out, (char)byte);
}

/* A text of any bytes as quoted strings. */
static void add_text(struct uh_str *out, const char *text) {
  size_t n = 0;
  uh_str_addc(out, '"');
  for (const unsigned char *p = (const unsigned char *)text; *p; p++, n++) {
    if (n && n % STRING_MAX == 0) uh_str_add(out, "\" \"");
    add_byte(out, *p);
  }
  uh_str_addc(out, '"');
}

/* SPF records are TXT records. */
static const char *zone_type(const char *type) {
  return strcmp(type, "SPF") == 0 ? "TXT" : type;
}

static void add_record(struct uh_str *out, const char *name, const char *type, const char *data) {
  type = zone_type(type);
  uh_str_addf(out, "%s. IN ", name);
  uh_str_add(out, type);
  uh_str_addc(out, ' ');
  if (strcmp(type, "TXT") == 0)
    add_text(out, data);
  else
    uh_str_add(out, data);
}

/* "CNAME autodiscover.outlook.com." */
static void add_new_record(struct uh_str *out, const char *name, const char *line) {
  char type[16];
  size_t n = strcspn(line, " ");
  uh_print(type, sizeof type, "%.*s", (int)(n < sizeof type ? n : sizeof type - 1), line);
  add_record(out, name, type, line[n] ? line + n + 1 : "");
}

/* ---- a row ---- */

struct record {
  const char *view, *name, *type;
  struct uh_argument match[4];
  struct uh_step_list records, gone, added, terms;
  struct uh_step_row row;
};

static void record_clear(struct record *r) {
  uh_step_list_clear(&r->records);
  uh_step_list_clear(&r->gone);
  uh_step_list_clear(&r->added);
  uh_step_list_clear(&r->terms);
}

static const char *text(struct uh_query *query, int column) {
  const char *t = uh_query_text(query, column);
  return t ? t : "";
}

static int read_record(struct uh_query *query, struct record *r, struct uh_err *err) {
  r->view = text(query, VIEW);
  r->name = text(query, NAME);
  r->type = text(query, TYPE);
  const char *const names[] = {"View", "Name", "Type"}, *const values[] = {r->view, r->name, r->type};
  for (size_t i = 0; i < 3; i++)
    r->match[i] = (struct uh_argument){.name = names[i], .type = UH_VALUE_TEXT, .text = values[i]};
  r->row.subject = (struct uh_subject){.side = "dns", .kind = UH_DNS_RECORD, .name = r->name, .match = r->match};
  r->row.owner = uh_step_owner_of(uh_query_text(query, OWNER));
  r->row.reason = text(query, REASON);
  if (uh_step_list_read(query, RECORDS, &r->records, err) < 0 || uh_step_list_read(query, GONE, &r->gone, err) < 0 ||
      uh_step_list_read(query, ADDED, &r->added, err) < 0)
    return -1;
  return uh_query_text(query, TERMS) ? uh_step_list_read(query, TERMS, &r->terms, err) : 0;
}

static void add_change(const struct record *r, struct uh_str *out) {
  for (size_t i = 0; i < r->gone.n; i++) {
    uh_str_addc(out, '-');
    add_record(out, r->name, r->type, r->gone.v[i]);
    uh_str_addc(out, '\n');
  }
  for (size_t i = 0; i < r->added.n; i++) {
    uh_str_addc(out, '+');
    add_new_record(out, r->name, r->added.v[i]);
    uh_str_addc(out, '\n');
  }
  uh_str_addf(out, "; - goes out, + comes in. Done when every name server of the %s view shows it:\n", r->view);
  uh_str_addf(out, "; dig +norecurse %s. %s", r->name, zone_type(r->type));
}

/* In one sentence: it stands among other words. */
static void add_undo(const struct record *r, struct uh_str *out) {
  uh_str_add(out, "Into the zone again: ");
  for (size_t i = 0; i < r->gone.n; i++) {
    if (i) uh_str_add(out, " and ");
    add_record(out, r->name, r->type, r->gone.v[i]);
  }
  for (size_t i = 0; i < r->added.n; i++) {
    uh_str_add(out, i ? " and " : "; out of it: ");
    add_new_record(out, r->name, r->added.v[i]);
  }
}

static int ask(struct uh_step_run *run, struct uh_query *query, const struct record *r, const struct uh_action *words,
               struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str change = {0};
  UH_CLEANUP(uh_str_clear) struct uh_str where = {0};
  UH_CLEANUP(uh_str_clear) struct uh_str undo = {0};
  /* A wildcard may answer in its place, but not with these. */
  struct uh_expect expect[UH_STEP_LIST_MAX + 1] = {
      {.what = UH_EXPECT_ABSENT,
       .value = {.name = "Records",
                 .type = UH_VALUE_TEXTS,
                 .texts = {.v = (const char *const *)r->gone.v, .n = r->gone.n}}},
      {.what = UH_EXPECT_END}};
  bool all = r->gone.n == r->records.n && !r->terms.n && r->row.owner != UH_OWNER_SHARED;
  bool replaced = all && r->added.n && strcmp(r->type, "CNAME") == 0; /* the name keeps a set of this type */
  if (r->terms.n)
    uh_step_expect_lacks("Terms", &r->terms, expect);
  else if (!all || replaced)
    uh_step_expect_lacks("Records", &r->gone, expect);
  add_change(r, &change);
  uh_str_addf(&where, "in DNS, in the zone that holds %s. in the %s view", r->name, r->view);
  add_undo(r, &undo);
  if (!uh_str_text(&change) || !uh_str_text(&where) || !uh_str_text(&undo)) return uh_fail_nomem(err);
  struct uh_action action = *words;
  action.subject = r->row.subject;
  action.verb = all && !replaced ? UH_VERB_REMOVE : UH_VERB_REDUCE;
  action.executor = UH_BY_OPERATOR;
  action.reversible = UH_REVERSIBLE_BY_OPERATOR;
  action.undo = undo.s;
  action.commands = change.s;
  action.where = where.s;
  action.expect = expect;
  action.why = r->row.reason;
  action.approval = uh_query_text(query, QUESTION);
  return uh_step_action(run, &action, err);
}

static int each_record(struct uh_step_run *run, struct uh_query *query, const struct uh_action *words,
                       struct uh_err *err) {
  UH_CLEANUP(record_clear) struct record r = {0};
  if (read_record(query, &r, err) < 0) return -1;
  if (uh_step_owner(run, &r.row.subject, r.row.owner, err, "%s", r.row.reason) < 0) return -1;
  if (!r.gone.n || !uh_owner_may_be_acted_on(run->step, r.row.owner)) return 0;
  return ask(run, query, &r, words, err);
}

int uh_step_each_record(struct uh_step_run *run, const char *sql, const struct uh_action *words, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  if (uh_step_query(run, sql, &query, err) < 0) return -1;
  int r;
  while ((r = uh_query_next(query, err)) > 0)
    if (each_record(run, query, words, err) < 0) return -1;
  return r;
}
