/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which object in Active Directory is a cloud-managed mailbox, and are the two plainly equal? SQLite has no hash join,
 * and an index over a million rows costs more than what is asked here. So both sides are sorted by a key and merged:
 * one small record for each object, with a digest of everything that is compared. What is equal is settled and
 * forgotten; the rest stands in the view, for statements that look at the values themselves.
 *
 * Keys, best first: the id in Entra ID, the immutable id, the mailbox's GUID, an address. A mailbox that one key does
 * not find goes on to the next. Who is known by a GUID to be somebody else is nobody's pair by a weaker key.
 *
 * A key that nobody told could be anybody's. A GUID that both sides have settles who is who all the same; an address
 * does not. An object that no GUID settles and that kept a key to itself which some mailbox was looked for by is in the
 * view without a mailbox, and while there is one, no mailbox counts as without an object.
 */
#include "rules/pairs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <sqlite3.h>

#include <unhybrid/sql.h>
#include <unhybrid/text.h>

#include "rules/shared.h"

enum {
  CANDIDATES = 8,         /* objects of one key that are told apart; more are counted */
  ADDRESS_BITS = 1 << 23, /* of the filter that spares looking at every address */
};

/* ---- digests ---- */

struct pairs {
  sqlite3 *db;
  uint64_t seed; /* of this run: nobody can prepare two values of one digest */
  sqlite3_stmt *insert;
  struct uh_str key;
  bool all_open, any_open, hidden; /* hidden: an object could be anybody's */
  bool anonymous;                  /* some mailbox does not have, or did not tell, its id in Entra ID */
  unsigned reached;                /* a bit for each key that some mailbox was looked for by */
  struct bits {
    uint8_t *v;
    size_t size;
  } open, next, /* a bit for each row of exchange_recipient: this key, and so far the next, has to find its object */
      claimed;  /* a bit for each row of directory_recipient: it is some mailbox's by a GUID */
  uint8_t *addresses; /* the filter of open mailboxes' addresses */
};

static uint64_t mix(uint64_t a, uint64_t b) {
  unsigned __int128 wide = (unsigned __int128)a * b;
  return (uint64_t)wide ^ (uint64_t)(wide >> 64);
}

static uint64_t digest_bytes(const struct pairs *p, const char *s, size_t n, uint64_t start) {
  uint64_t h = start ^ p->seed;
  for (; n >= 8; s += 8, n -= 8) {
    uint64_t word;
    memcpy(&word, s, sizeof word);
    h = mix(h ^ word, UINT64_C(0xa0761d6478bd642f)) + UINT64_C(0xe7037ed1a0b428db);
  }
  uint64_t rest = (uint64_t)n << 56;
  memcpy(&rest, s, n);
  return mix(h ^ rest, UINT64_C(0x8ebc6af09c88c6e3)) ^ h;
}

/* The next string of a JSON array of strings as the facts hold it. 1 a string, 0 the end, -1 what only a JSON parser
 * can tell: escapes, null. */
static int next_string(const char **p, const char **ret, size_t *ret_n) {
  if (**p == '[' || **p == ',') (*p)++;
  if (**p == ']') return 0;
  if (**p != '"') return -1;
  const char *start = ++*p;
  size_t n = strcspn(start, "\"\\");
  if (start[n] != '"') return -1;
  *ret = start;
  *ret_n = n;
  *p = start + n + 1;
  return 1;
}

static bool tenants_own(const char *key) {
  static const char *const ends[] = {".onmicrosoft.com", ".onmicrosoft.us", ".partner.onmschina.cn"};
  size_t n = strlen(key);
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    size_t m = strlen(ends[i]);
    if (n > m && memcmp(key + n - m, ends[i], m) == 0) return true;
  }
  return false;
}

/* A set: the order and the kind of prefix do not matter, the primary address does. */
static bool digest_addresses(struct pairs *p, const char *json, uint64_t *ret) {
  struct uh_str *key = &p->key;
  const char *s = NULL;
  size_t n = 0;
  int more;
  uint64_t sum = 0;
  for (const char *at = json; (more = next_string(&at, &s, &n)) > 0;) {
    if (!uh_address_key(s, n, key)) continue;
    bool primary = n > 5 && memcmp(s, "SMTP:", 5) == 0;
    if (primary || !tenants_own(key->s)) sum += digest_bytes(p, key->s, key->len, primary ? 1 : 2);
  }
  *ret = sum;
  return more == 0;
}

static uint64_t digest_address(struct pairs *p, const char *text, size_t n) {
  return uh_address_key(text, n, &p->key) ? digest_bytes(p, p->key.s, p->key.len, 3) : digest_bytes(p, text, n, 4);
}

/* uh_digest(addresses, mail, custom, type): NULL where one of them was not obtained, or is odd. */
static void fn_digest(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  struct pairs *p = sqlite3_user_data(ctx);
  for (int i = 0; i < argc; i++)
    if (sqlite3_value_type(argv[i]) == SQLITE_NULL) return;
  const char *addresses = (const char *)sqlite3_value_text(argv[0]), *mail = (const char *)sqlite3_value_text(argv[1]);
  const char *custom = (const char *)sqlite3_value_text(argv[2]);
  uint64_t sum;
  if (!addresses || !mail || !custom || !digest_addresses(p, addresses, &sum)) return;
  if (strstr(custom, "null")) return; /* a number that was not obtained, or a text that looks like it */
  sum = mix(sum ^ digest_address(p, mail, (size_t)sqlite3_value_bytes(argv[1])), UINT64_C(0x589965cc75374cc3));
  sum ^= digest_bytes(p, custom, (size_t)sqlite3_value_bytes(argv[2]), 5);
  sum += mix((uint64_t)sqlite3_value_int64(argv[3]) ^ p->seed, UINT64_C(0x1d8e4e27c47d124f));
  sqlite3_result_int64(ctx, (sqlite3_int64)sum);
}

/* uh_external(id): the GUID of "User_2e4c6a8d-..." as of "2e4c6a8d-..", NULL where there is none. */
static void fn_external(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const char *text = (const char *)sqlite3_value_text(argv[0]);
  const char *bar = text ? strchr(text, '_') : NULL;
  uint8_t guid[UH_GUID_SIZE];
  if (text && uh_guid_parse(bar ? bar + 1 : text, guid)) sqlite3_result_blob(ctx, guid, sizeof guid, SQLITE_TRANSIENT);
}

/* ---- the run ---- */

static int fail(struct pairs *p, struct uh_err *err) {
  return uh_fail(err, UH_ERR_INTERNAL, UH_PAIRS_VIEW ": %s", sqlite3_errmsg(p->db));
}

static int set_bit(struct bits *b, int64_t fact, struct uh_err *err) {
  size_t at = (size_t)fact / 8;
  if (at >= b->size) {
    size_t size = b->size ? b->size * 2 : 4096;
    while (size <= at) size *= 2;
    uint8_t *more = realloc(b->v, size);
    if (!more) return uh_fail_nomem(err);
    memset(more + b->size, 0, size - b->size);
    *b = (struct bits){more, size};
  }
  b->v[at] |= (uint8_t)(1u << (fact % 8));
  return 0;
}
static bool get_bit(const struct bits *b, int64_t fact) {
  size_t at = (size_t)fact / 8;
  return at < b->size && b->v[at] >> (fact % 8) & 1;
}

static void fn_open(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const struct pairs *p = sqlite3_user_data(ctx);
  sqlite3_result_int(ctx, p->all_open || get_bit(&p->open, sqlite3_value_int64(argv[0])));
}
static void fn_claimed(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  const struct pairs *p = sqlite3_user_data(ctx);
  sqlite3_result_int(ctx, get_bit(&p->claimed, sqlite3_value_int64(argv[0])));
}

/* ---- the filter of addresses: "no" is certain ---- */

static uint8_t *filter_byte(struct pairs *p, const char *text, size_t n, uint8_t *ret_bit) {
  uint64_t h = uh_address_key(text, n, &p->key) ? digest_bytes(p, p->key.s, p->key.len, 6) % ADDRESS_BITS : 0;
  *ret_bit = (uint8_t)(1u << (h % 8));
  return &p->addresses[h / 8];
}

static void fn_may_be_open(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
  (void)argc;
  struct pairs *p = sqlite3_user_data(ctx);
  const char *addresses = (const char *)sqlite3_value_text(argv[0]), *s = NULL;
  const char *mail = (const char *)sqlite3_value_text(argv[1]);
  size_t n = 0;
  int more = 0;
  uint8_t bit;
  bool may = mail && *filter_byte(p, mail, (size_t)sqlite3_value_bytes(argv[1]), &bit) & bit;
  for (const char *at = addresses; at && !may && (more = next_string(&at, &s, &n)) > 0;)
    may = *filter_byte(p, s, n, &bit) & bit;
  sqlite3_result_int(ctx, may || more < 0);
}

static int fill_filter(struct pairs *p, struct uh_err *err) {
  static const char sql[] =
      "SELECT primary_address FROM exchange_recipient WHERE " UH_SQL_CLOUD_MAILBOX " AND uh_open(fact)";
  sqlite3_stmt *st = NULL;
  p->addresses = calloc(ADDRESS_BITS / 8, 1);
  if (!p->addresses) return uh_fail_nomem(err);
  if (sqlite3_prepare_v2(p->db, sql, -1, &st, NULL) != SQLITE_OK) return fail(p, err);
  int rc;
  while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
    const char *text = (const char *)sqlite3_column_text(st, 0);
    uint8_t bit;
    if (text) *filter_byte(p, text, (size_t)sqlite3_column_bytes(st, 0), &bit) |= bit;
  }
  sqlite3_finalize(st);
  return rc == SQLITE_DONE ? 0 : fail(p, err);
}

/* ---- one key ---- */

#define EXTERNAL "uh_external(external_id)"
#define DIRECTORY_DIGEST "uh_digest(addresses, mail, custom_attributes, recipient_type_details)"
#define EXCHANGE_DIGEST \
  "uh_digest(addresses, windows_address, custom_attributes, " UH_SQL_REMOTE_TYPE("recipient_type_details") ")"
/* Which keys were not told, a bit for each in the order of the stages. */
enum { UNTOLD_EXTERNAL = 1, UNTOLD_ANCHOR = 2, UNTOLD_MAILBOX = 4, UNTOLD_ADDRESS = 8, UNTOLD_CLASS = 16 };
#define DIRECTORY_UNTOLD                                                                 \
  "((external_id IS NULL) + 2 * (consistency_guid IS NULL) + 4 * (mailbox_guid IS NULL)" \
  " + 8 * (addresses IS NULL OR addresses = '[]' AND mail IS NULL) + 16 * (class IS NULL))"
#define EXCHANGE_UNTOLD                                                               \
  "((external_id IS NULL) + 2 * (immutable_id IS NULL) + 4 * (exchange_guid IS NULL)" \
  " + 8 * (primary_address IS NULL))"
/* Nobody knows whether attributes are written back for it. */
#define EXCHANGE_UNCERTAIN "(is_cloud_managed IS NULL OR is_dir_synced IS NULL)"
/* directory: what may stand on the other side, and its key; exchange: the mailbox's key. decides: what an object has to
 * have told before it counts as one of several. */
static const struct stage {
  const char *name, *directory_from, *directory_key, *exchange_key;
  unsigned decides;
} stages[] = {
    {"ExternalDirectoryObjectId", "directory_recipient WHERE external_id <> ''", EXTERNAL, EXTERNAL, 0},
    {"ImmutableId", "directory_recipient WHERE true", "iif(length(consistency_guid) = 16, consistency_guid, guid)",
     "immutable_guid(immutable_id)", UNTOLD_EXTERNAL | UNTOLD_ANCHOR},
    {"ExchangeGuid", "directory_recipient WHERE mailbox_guid <> x''", "mailbox_guid", "exchange_guid", UNTOLD_EXTERNAL},
    {"address",
     "directory_recipient, json_each(iif(addresses = '[]', json_array(mail), addresses)) AS a"
     " WHERE NOT coalesce(" UH_SQL_NO_MAILBOX ", 0) AND uh_may_be_open(addresses, mail)",
     "address_key(a.value)", "address_key(primary_address)", UNTOLD_EXTERNAL | UNTOLD_CLASS},
};
enum { STAGES = sizeof stages / sizeof *stages };

/* One side in the order of its keys: key, row number, digest, id in Entra ID, which keys were not told, and of a
 * mailbox whether it may be none that is written back. The first key is that id itself, and needs no other beside it.
 */
static char *directory_sql(const struct stage *s) {
  return sqlite3_mprintf("SELECT %s AS pair_key, directory_recipient.fact, " DIRECTORY_DIGEST ", %s, " DIRECTORY_UNTOLD
                         " FROM %s ORDER BY pair_key",
                         s->directory_key, s == stages ? "NULL" : EXTERNAL, s->directory_from);
}
static char *exchange_sql(const struct stage *s) {
  return sqlite3_mprintf("SELECT %s AS pair_key, fact, " EXCHANGE_DIGEST ", %s, " EXCHANGE_UNTOLD
                         ", " EXCHANGE_UNCERTAIN " FROM exchange_recipient WHERE " UH_SQL_CLOUD_MAILBOX
                         " AND uh_open(fact) ORDER BY pair_key",
                         s->exchange_key, s == stages ? "NULL" : EXTERNAL);
}

struct cursor {
  sqlite3_stmt *st;
  int rc;
  const void *key;
  size_t n;
};
static void advance(struct cursor *c) {
  c->rc = sqlite3_step(c->st);
  c->key = c->rc == SQLITE_ROW ? sqlite3_column_blob(c->st, 0) : NULL;
  c->n = c->key ? (size_t)sqlite3_column_bytes(c->st, 0) : 0;
}
static int compare_keys(const void *a, size_t a_size, const void *b, size_t b_size) {
  size_t n = a_size < b_size ? a_size : b_size;
  int order = n ? memcmp(a, b, n) : 0;
  return order ? order : (a_size > b_size) - (a_size < b_size);
}

struct candidate {
  int64_t fact, digest;
  unsigned untold;
  bool digest_known, external_known;
  uint8_t external[UH_GUID_SIZE];
};
struct group {
  struct uh_str key;
  size_t n; /* of candidates, those that are only counted too */
  struct candidate candidates[CANDIDATES];
};

static void take_external(sqlite3_stmt *st, bool *ret_known, uint8_t ret[UH_GUID_SIZE]) {
  *ret_known = sqlite3_column_bytes(st, 3) == UH_GUID_SIZE;
  if (*ret_known) memcpy(ret, sqlite3_column_blob(st, 3), UH_GUID_SIZE);
}

static void add_candidate(struct group *g, sqlite3_stmt *st) {
  int64_t fact = sqlite3_column_int64(st, 1);
  for (size_t i = 0; i < g->n && i < CANDIDATES; i++)
    if (g->candidates[i].fact == fact) return; /* the same address, twice */
  if (g->n++ >= CANDIDATES) return;
  struct candidate *c = &g->candidates[g->n - 1];
  *c = (struct candidate){.fact = fact,
                          .digest = sqlite3_column_int64(st, 2),
                          .untold = (unsigned)sqlite3_column_int(st, 4),
                          .digest_known = sqlite3_column_type(st, 2) != SQLITE_NULL};
  take_external(st, &c->external_known, c->external);
}

/* The objects that have the mailbox's key. */
static void collect(struct group *g, struct cursor *directory, const struct cursor *mailbox) {
  if (compare_keys(g->key.s, g->key.len, mailbox->key, mailbox->n) == 0) return;
  uh_str_reset(&g->key);
  uh_str_addn(&g->key, mailbox->key, mailbox->n);
  g->n = 0;
  for (; directory->rc == SQLITE_ROW; advance(directory)) {
    int order = compare_keys(directory->key, directory->n, mailbox->key, mailbox->n);
    if (order > 0) return;
    if (order == 0) add_candidate(g, directory->st);
  }
}

static int put(struct pairs *p, int64_t exchange, const struct candidate *c, int64_t matches, const char *found_by,
               struct uh_err *err) {
  sqlite3_bind_int64(p->insert, 1, exchange);
  if (c)
    sqlite3_bind_int64(p->insert, 2, c->fact);
  else
    sqlite3_bind_null(p->insert, 2);
  if (matches >= 0)
    sqlite3_bind_int64(p->insert, 3, matches);
  else
    sqlite3_bind_null(p->insert, 3);
  sqlite3_bind_text(p->insert, 4, found_by, -1, SQLITE_STATIC);
  int rc = sqlite3_step(p->insert);
  sqlite3_reset(p->insert);
  return rc == SQLITE_DONE ? 0 : fail(p, err);
}

/* Those of a key's candidates that are not known to be another mailbox's. */
struct choice {
  const struct candidate *only;
  size_t n, sure; /* sure: what was not told could not change it */
};
static struct choice choose(const struct group *g, sqlite3_stmt *mailbox, unsigned decides) {
  struct choice choice = {.n = g->n > CANDIDATES ? g->n - CANDIDATES : 0};
  bool told = !(sqlite3_column_int(mailbox, 4) & UNTOLD_EXTERNAL), known;
  uint8_t external[UH_GUID_SIZE];
  take_external(mailbox, &known, external);
  for (size_t i = 0; i < g->n && i < CANDIDATES; i++) {
    const struct candidate *c = &g->candidates[i];
    if (known && c->external_known && memcmp(external, c->external, sizeof external) != 0) continue; /* another's */
    choice.only = c;
    choice.n++;
    choice.sure += !(c->untold & decides) && (told || !c->external_known);
  }
  return choice;
}

/* A mailbox, after the candidates of its key. 1: it stays open. */
static int settle(struct pairs *p, const struct group *g, sqlite3_stmt *st, const struct stage *s, struct uh_err *err) {
  int64_t exchange = sqlite3_column_int64(st, 1);
  bool by_address = s == &stages[STAGES - 1];
  struct choice choice = choose(g, st, s->decides);
  const struct candidate *only = choice.only;
  if (choice.n == 0) return 1;
  if (choice.n > 1) return put(p, exchange, NULL, choice.sure > 1 ? (int64_t)choice.n : -1, s->name, err);
  if (!by_address && set_bit(&p->claimed, only->fact, err) < 0) return -1;
  if (by_address && (sqlite3_column_int(st, 4) || only->untold)) return put(p, exchange, NULL, -1, s->name, err);
  if (only->digest_known && sqlite3_column_type(st, 2) != SQLITE_NULL && only->digest == sqlite3_column_int64(st, 2))
    return 0;
  return put(p, exchange, only, 1, s->name, err);
}

static int merge(struct pairs *p, struct cursor *directory, struct cursor *exchange, const struct stage *s,
                 struct group *g, struct uh_err *err) {
  advance(directory);
  for (advance(exchange); exchange->rc == SQLITE_ROW; advance(exchange)) {
    int64_t fact = sqlite3_column_int64(exchange->st, 1);
    int r = 1;
    if (sqlite3_column_int(exchange->st, 5)) {
      r = put(p, fact, NULL, -1, "", err);
    } else if (exchange->n) {
      collect(g, directory, exchange);
      if (g->key.failed) return uh_fail_nomem(err);
      r = settle(p, g, exchange->st, s, err);
    } else if (s == stages) {
      p->anonymous = true;
    }
    if (r > 0) {
      p->any_open = true;
      r = set_bit(&p->next, fact, err);
    }
    if (r < 0) return -1;
  }
  bool good = exchange->rc == SQLITE_DONE && (directory->rc == SQLITE_DONE || directory->rc == SQLITE_ROW);
  return good ? 0 : fail(p, err);
}

static int merge_sides(struct pairs *p, const struct stage *s, struct uh_err *err) {
  struct cursor directory = {0}, exchange = {0};
  struct group g = {0};
  char *a = directory_sql(s), *b = exchange_sql(s);
  int r = a && b ? 0 : uh_fail_nomem(err);
  if (r == 0 && (sqlite3_prepare_v2(p->db, a, -1, &directory.st, NULL) != SQLITE_OK ||
                 sqlite3_prepare_v2(p->db, b, -1, &exchange.st, NULL) != SQLITE_OK))
    r = fail(p, err);
  if (r == 0) r = merge(p, &directory, &exchange, s, &g, err);
  sqlite3_finalize(directory.st);
  sqlite3_finalize(exchange.st);
  sqlite3_free(a);
  sqlite3_free(b);
  uh_str_clear(&g.key);
  return r;
}

static bool exists(struct pairs *p, const char *sql) {
  sqlite3_stmt *st = NULL;
  bool yes = sqlite3_prepare_v2(p->db, sql, -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_DONE;
  sqlite3_finalize(st);
  return yes; /* an error too: the statement that follows says it */
}

/* A key that one side does not know at all finds nothing: nobody is sorted for it. */
static bool worth_it(struct pairs *p, const struct stage *s) {
  char *directory = sqlite3_mprintf("SELECT %s AS pair_key FROM %s AND length(pair_key) > 0 LIMIT 1", s->directory_key,
                                    s->directory_from);
  char *exchange = sqlite3_mprintf("SELECT 1 FROM exchange_recipient WHERE " UH_SQL_CLOUD_MAILBOX
                                   " AND length(%s) > 0 AND uh_open(fact) LIMIT 1",
                                   s->exchange_key);
  bool wanted = exchange && exists(p, exchange), found = wanted && directory && exists(p, directory);
  if (wanted) p->reached |= 1u << (s - stages);
  sqlite3_free(directory);
  sqlite3_free(exchange);
  return found;
}

static int run_stage(struct pairs *p, const struct stage *s, struct uh_err *err) {
  if (!worth_it(p, s)) return 0;
  if (s == stages) p->anonymous = false;
  p->any_open = false;
  int r = merge_sides(p, s, err);
  p->all_open = false;
  free(p->open.v);
  p->open = p->next;
  p->next = (struct bits){0};
  return r;
}

/* Executes a statement with up to two numbers. */
static int put_rows(struct pairs *p, const char *sql, int first, int second, struct uh_err *err) {
  sqlite3_stmt *st = NULL;
  if (sqlite3_prepare_v2(p->db, sql, -1, &st, NULL) != SQLITE_OK) return fail(p, err);
  sqlite3_bind_int(st, 1, first);
  sqlite3_bind_int(st, 2, second);
  int rc = sqlite3_step(st);
  sqlite3_finalize(st);
  return rc == SQLITE_DONE ? 0 : fail(p, err);
}

/* Objects that could be anybody's. One whose id in Entra ID is known can only be that of a mailbox without one. */
static int put_hidden(struct pairs *p, struct uh_err *err) {
  static const char sql[] =
      "INSERT INTO temp." UH_SHARED UH_PAIRS_VIEW
      " SELECT NULL, fact, NULL, ''"
      " FROM directory_recipient"
      " WHERE (external_id IS NULL OR consistency_guid IS NULL OR mailbox_guid IS NULL OR addresses IS NULL OR mail IS NULL)"
      "  AND " DIRECTORY_UNTOLD " & ?1 AND NOT uh_claimed(fact) AND NOT coalesce(" UH_SQL_NO_MAILBOX
      ", 0)"
      "  AND (?2 OR " EXTERNAL " IS NULL)";
  int before = sqlite3_total_changes(p->db);
  int r = put_rows(p, sql, (int)p->reached, p->anonymous, err);
  p->hidden = sqlite3_total_changes(p->db) != before;
  return r;
}

/* What no key has found. */
static int put_rest(struct pairs *p, struct uh_err *err) {
  static const char sql[] = "INSERT INTO temp." UH_SHARED UH_PAIRS_VIEW " SELECT fact, NULL, iif(?1 OR " EXCHANGE_UNTOLD
                            " OR " EXCHANGE_UNCERTAIN
                            ", NULL, 0), ''"
                            " FROM exchange_recipient WHERE " UH_SQL_CLOUD_MAILBOX " AND uh_open(fact)";
  return put_rows(p, sql, p->hidden, 0, err);
}

static int find_pairs(struct pairs *p, struct uh_err *err) {
  p->all_open = p->any_open = p->anonymous = true;
  for (int i = 0; i < STAGES && p->any_open; i++) {
    bool by_address = i == STAGES - 1;
    if (by_address && fill_filter(p, err) < 0) return -1;
    if (run_stage(p, &stages[i], err) < 0) return -1;
  }
  if (put_hidden(p, err) < 0) return -1;
  return p->any_open ? put_rest(p, err) : 0;
}

static const struct {
  const char *name;
  int args;
  void (*fn)(sqlite3_context *, int, sqlite3_value **);
} functions[] = {{"uh_digest", 4, fn_digest},
                 {"uh_external", 1, fn_external},
                 {"uh_open", 1, fn_open},
                 {"uh_claimed", 1, fn_claimed},
                 {"uh_may_be_open", 2, fn_may_be_open}};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static void pairs_clear(struct pairs *p) {
  sqlite3_finalize(p->insert);
  /* They hold pointers into this. */
  for (size_t i = 0; i < FUNCTIONS; i++)
    sqlite3_create_function(p->db, functions[i].name, functions[i].args, SQLITE_UTF8, NULL, NULL, NULL, NULL);
  uh_str_clear(&p->key);
  free(p->open.v);
  free(p->next.v);
  free(p->claimed.v);
  free(p->addresses);
}

static int prepare(struct pairs *p, struct uh_err *err) {
  static const char sql[] = "CREATE TEMP TABLE " UH_SHARED UH_PAIRS_VIEW
                            "(exchange INTEGER, directory INTEGER, matches INTEGER, found_by TEXT);"
                            "CREATE TEMP VIEW " UH_PAIRS_VIEW
                            " AS SELECT exchange, directory, matches, found_by FROM temp." UH_SHARED UH_PAIRS_VIEW ";";
  static const char insert[] = "INSERT INTO temp." UH_SHARED UH_PAIRS_VIEW " VALUES(?, ?, ?, ?)";
  if (getrandom(&p->seed, sizeof p->seed, GRND_NONBLOCK) != (ssize_t)sizeof p->seed) p->seed = (uint64_t)(uintptr_t)p;
  if (sqlite3_exec(p->db, sql, NULL, NULL, NULL) != SQLITE_OK ||
      sqlite3_prepare_v2(p->db, insert, -1, &p->insert, NULL) != SQLITE_OK)
    return fail(p, err);
  for (size_t i = 0; i < FUNCTIONS; i++)
    if (sqlite3_create_function(p->db, functions[i].name, functions[i].args, SQLITE_UTF8, p, functions[i].fn, NULL,
                                NULL) != SQLITE_OK)
      return fail(p, err);
  return 0;
}

int uh_pairs_make(sqlite3 *db, struct uh_err *err) {
  struct pairs p UH_CLEANUP(pairs_clear) = {.db = db};
  if (prepare(&p, err) < 0) return -1;
  /* Nobody asks where nothing is written back and no application reads: the view is empty then. */
  if (!exists(&p, "SELECT 1 WHERE (" UH_SQL_WRITEBACK_APPLIES ") = 1")) return 0;
  return find_pairs(&p, err);
}
