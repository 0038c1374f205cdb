/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paged read. One page is received whole, then the next one is asked for, and only then are the entries handed
 * over: the server works on page n + 1 while the caller writes page n. That also lets a page that ended in "busy" be
 * asked for again without an entry being handed over twice. Entries are decoded in place, so an entry costs no
 * allocation of ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "wire/ldap_private.h"

struct held {
  LDAPMessage *message;
  BerElement *ber; /* stands behind the DN */
  struct berval dn;
};
struct copy { /* values that came in ranges live here for the entry's time */
  struct copy *next;
  char data[];
};
struct uh_ldap_scratch {
  struct uh_ldap_attribute *attributes;
  size_t attributes_cap;
  size_t *first; /* each attribute's first value: the array of values may move while it grows */
  struct uh_ldap_value *values;
  size_t values_n, values_cap;
  struct held *held;
  size_t held_n, held_cap;
  struct copy *copies;
  size_t copied;
};

struct run {
  struct uh_ldap *ldap;
  const struct uh_ldap_search *search;
  struct uh_ldap_outcome *outcome;
  struct uh_ldap_scratch *scratch;
  int msgid;            /* of the request on its way, -1 none */
  struct berval cookie; /* of the next page; allocated by libldap */
  bool more;            /* the last page said that there is another */
  bool flushed;         /* entries of the page on its way were handed over already */
  size_t held_bytes;
  uint64_t cookies[UH_LDAP_PAGE_MEMORY], firsts[UH_LDAP_PAGE_MEMORY];
  uint64_t first; /* first DN of the page being received, 0 none yet */
};

static uint64_t hash(const char *s, size_t n) {
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 1099511628211u;
  return h ? h : 1;
}

static bool grow(void **array, size_t *cap, size_t want, size_t size) {
  if (want <= *cap) return true;
  size_t n = *cap ? *cap * 2 : 64;
  if (n < want) n = want;
  void *p = reallocarray(*array, n, size);
  if (!p) return false;
  *array = p;
  *cap = n;
  return true;
}

static void drop_copies(struct uh_ldap_scratch *s) {
  while (s->copies) {
    struct copy *c = s->copies;
    s->copies = c->next;
    free(c);
  }
  s->copied = 0;
}

static void drop_held(struct uh_ldap_scratch *s) {
  for (size_t i = 0; i < s->held_n; i++) {
    ber_free(s->held[i].ber, 0);
    (void)ldap_msgfree(s->held[i].message);
  }
  s->held_n = 0;
}

void uh_ldap_scratch_free(struct uh_ldap_scratch *s) {
  if (!s) return;
  drop_held(s);
  drop_copies(s);
  free(s->attributes);
  free(s->first);
  free(s->values);
  free(s->held);
  free(s);
}

/* ---- one entry ---- */

static bool add_value(struct uh_ldap_scratch *s, const char *data, size_t size) {
  if (s->values_n >= s->values_cap && !grow((void **)&s->values, &s->values_cap, s->values_n + 1, sizeof *s->values))
    return false;
  s->values[s->values_n++] = (struct uh_ldap_value){data, size};
  return true;
}

static bool add_copy(struct uh_ldap_scratch *s, const char *data, size_t size) {
  struct copy *c = malloc(sizeof *c + size + 1);
  if (!c) return false;
  memcpy(c->data, data, size);
  c->data[size] = 0;
  c->next = s->copies;
  s->copies = c;
  s->copied += size;
  return add_value(s, c->data, size);
}

/* "member;range=0-1499": cuts the options off the name. Returns true where more values follow from *ret_next on. */
static bool name_options(char *name, bool *ret_ranged, unsigned long *ret_low, unsigned long *ret_next) {
  char *option = strchr(name, ';');
  *ret_ranged = false;
  *ret_low = 0;
  if (!option) return false;
  *option = 0;
  for (option++; option; option = strchr(option, ';') ? strchr(option, ';') + 1 : NULL) {
    if (strncasecmp(option, "range=", 6) != 0) continue;
    char *end = NULL;
    *ret_low = strtoul(option + 6, &end, 10);
    *ret_ranged = true;
    if (*end != '-' || end[1] == '*') return false;
    *ret_next = strtoul(end + 1, NULL, 10) + 1;
    return true;
  }
  return false;
}

static bool remaining(BerElement *ber) {
  ber_len_t left = 0;
  return ber_get_option(ber, LBER_OPT_BER_REMAINING_BYTES, &left) == LBER_OPT_SUCCESS && left > 0;
}

/* Reads one attribute's name and values in place. False: cannot be decoded. */
static bool read_attribute(struct uh_ldap_scratch *s, BerElement *ber, struct berval *ret_name) {
  if (ber_scanf(ber, "{m", ret_name) == LBER_ERROR) return false;
  ber_len_t len = 0;
  char *last = NULL;
  size_t before = s->values_n;
  for (ber_tag_t tag = ber_first_element(ber, &len, &last); tag != LBER_DEFAULT;
       tag = ber_next_element(ber, &len, last)) {
    struct berval value;
    if (ber_scanf(ber, "m", &value) == LBER_ERROR) return false;
    if (s->values_n - before >= UH_LDAP_MAX_VALUES || !add_value(s, value.bv_val, value.bv_len)) return false;
  }
  return true;
}

static bool read_ranges(struct run *r, const char *dn, const char *name, unsigned long next, size_t first);

/* Decodes the entry behind its DN into the scratch arrays. *ret_whole false: some values are missing. */
static int read_entry(struct run *r, BerElement *ber, const char *dn, struct uh_ldap_entry *entry, bool *ret_whole,
                      struct uh_err *err) {
  struct uh_ldap_scratch *s = r->scratch;
  size_t n = 0;
  s->values_n = 0;
  *ret_whole = true;
  while (remaining(ber)) {
    struct berval name;
    size_t first = s->values_n, firsts_cap = s->attributes_cap;
    if (n == UH_LDAP_MAX_ATTRIBUTES || !read_attribute(s, ber, &name)) {
      *ret_whole = false;
      break;
    }
    if (s->values_n == first) continue; /* AD sends "member" empty beside "member;range=0-1499" */
    if (!grow((void **)&s->attributes, &s->attributes_cap, n + 1, sizeof *s->attributes)) return uh_fail_nomem(err);
    if (s->attributes_cap != firsts_cap || !s->first) {
      size_t *f = reallocarray(s->first, s->attributes_cap, sizeof *f);
      if (!f) return uh_fail_nomem(err);
      s->first = f;
    }
    bool ranged;
    unsigned long low, next = 0;
    bool more = name_options(name.bv_val, &ranged, &low, &next);
    bool truncated = (ranged && low != 0) || (more && !read_ranges(r, dn, name.bv_val, next, first));
    if (truncated) *ret_whole = false;
    s->first[n] = first;
    s->attributes[n++] =
        (struct uh_ldap_attribute){.name = name.bv_val, .n = s->values_n - first, .truncated = truncated};
  }
  for (size_t i = 0; i < n; i++) s->attributes[i].values = s->values + s->first[i];
  entry->attributes = s->attributes;
  entry->n = n;
  return 0;
}

/* ---- requests and answers ---- */

static int send_search(struct run *r, const char *base, int scope, const char *filter, const char *const *attributes,
                       bool paged, int *ret_msgid, struct uh_err *err) {
  const struct uh_ldap_search *q = r->search;
  if (r->ldap->broken) return uh_ldap_result_error(r->ldap->host, "search", LDAP_SERVER_DOWN, NULL, err);
  LDAPControl *controls[4] = {NULL};
  unsigned n = 0;
  LDAPControl *page = NULL;
  /* Not critical: a server that does not know paging answers whole, or says that it cut; both are honest. */
  if (paged && ldap_create_page_control(r->ldap->ld, (ber_int_t)q->page_size, &r->cookie, 0, &page) != LDAP_SUCCESS)
    return uh_ldap_local_error(r->ldap, "search", 0, err);
  if (page) controls[n++] = page;
  unsigned parts = q->security_parts & 15u;
  char sd[5] = {0x30, 3, 2, 1, (char)parts}; /* SEQUENCE { INTEGER parts } */
  LDAPControl security = {.ldctl_oid = (char *)(uintptr_t)UH_LDAP_SECURITY_PARTS, .ldctl_value = {sizeof sd, sd}};
  if (parts) controls[n++] = &security;
  /* Critical: without it a deleted object would pass for one that never was. */
  LDAPControl deleted = {.ldctl_oid = (char *)(uintptr_t)UH_LDAP_SHOW_DELETED, .ldctl_iscritical = 1};
  if (q->deleted) controls[n++] = &deleted;
  r->ldap->requests++;
  int rc = ldap_search_ext(r->ldap->ld, base, scope, filter, (char **)(uintptr_t)attributes, 0, controls, NULL, NULL,
                           LDAP_NO_LIMIT, ret_msgid);
  if (page) ldap_control_free(page);
  if (rc == LDAP_SUCCESS) return 0;
  if (rc == LDAP_SERVER_DOWN) r->ldap->broken = true;
  if (rc == LDAP_FILTER_ERROR)
    return uh_fail(err, UH_ERR_INTERNAL, "the search filter is malformed: %.*s", UH_HEAD(filter, 300));
  return uh_ldap_local_error(r->ldap, "search", rc, err);
}

/* The next message of a request; its deadline is bounded by silence and by the page as a whole. */
static int next_message(struct run *r, int msgid, double page_deadline, LDAPMessage **ret_message, struct uh_err *err) {
  double silence = uh_ldap_clock() + r->ldap->silence_seconds;
  double deadline = silence < page_deadline ? silence : page_deadline;
  for (;;) {
    struct timeval slice = {.tv_sec = 1};
    LDAPMessage *m = NULL;
    int type = ldap_result(r->ldap->ld, msgid, LDAP_MSG_ONE, &slice, &m);
    if (type > 0) {
      *ret_message = m;
      return 0;
    }
    if (type < 0) {
      r->ldap->broken = true;
      return uh_ldap_local_error(r->ldap, "search", 0, err);
    }
    if (uh_ldap_is_stopped(r->ldap)) return uh_ldap_interrupted(r->ldap, err);
    if (uh_ldap_clock() >= deadline) {
      r->ldap->broken = true;
      return uh_ldap_result_error(r->ldap->host, "search", LDAP_TIMEOUT, NULL, err);
    }
  }
}

static void count_reference(struct run *r, LDAPMessage *m) {
  char **urls = NULL;
  r->outcome->references++;
  if (ldap_parse_reference(r->ldap->ld, m, &urls, NULL, 0) != LDAP_SUCCESS) return;
  if (r->search->reference && urls && urls[0]) r->search->reference(r->search->user, urls[0]);
  ldap_memvfree((void **)urls);
}

static bool seen(uint64_t *memory, int64_t page, uint64_t h) {
  for (int64_t i = 0; i < UH_LDAP_PAGE_MEMORY && i < page; i++)
    if (memory[i] == h) return true;
  memory[page % UH_LDAP_PAGE_MEMORY] = h;
  return false;
}

static int bad_paging(const struct run *r, struct uh_err *err, const char *what) {
  if (err && err->cls == UH_ERR_NONE) {
    (void)uh_fail(err, UH_ERR_UNAVAILABLE, "search: %s", what);
    err->answer = UH_TIMEOUT;
    uh_err_where(err, "%s", r->ldap->host);
    uh_err_remedy(err, "name another domain controller");
  }
  return -1;
}

/* The end of a page. 0: fine, r->more says whether another follows; 1: busy, ask again; UH_LDAP_NO_OBJECT + 1: no base.
 */
enum { PAGE_DONE = 0, PAGE_BUSY = 1, PAGE_NO_OBJECT = 2 };

static int read_page_control(struct run *r, LDAPControl **controls, struct uh_err *err) {
  LDAPControl *c = controls ? ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL) : NULL;
  struct berval cookie = {0};
  ber_int_t estimate = 0;
  r->more = false;
  if (!c) return PAGE_DONE;
  if (ldap_parse_pageresponse_control(r->ldap->ld, c, &estimate, &cookie) != LDAP_SUCCESS)
    return bad_paging(r, err, "the server's page cookie could not be read");
  ldap_memfree(r->cookie.bv_val);
  r->cookie = cookie;
  if (cookie.bv_len == 0) return PAGE_DONE;
  if (cookie.bv_len > UH_LDAP_MAX_COOKIE) return bad_paging(r, err, "the server's page cookie is too long");
  if (seen(r->cookies, r->outcome->pages, hash(cookie.bv_val, cookie.bv_len)))
    return bad_paging(r, err, "the server gave the same page cookie twice");
  r->more = true;
  return PAGE_DONE;
}

static int read_done(struct run *r, LDAPMessage *m, struct uh_err *err) {
  int code = LDAP_OTHER;
  char *text = NULL;
  LDAPControl **controls = NULL;
  if (ldap_parse_result(r->ldap->ld, m, &code, NULL, &text, NULL, &controls, 0) != LDAP_SUCCESS)
    code = LDAP_DECODING_ERROR;
  int result;
  if (code == LDAP_SUCCESS)
    result = read_page_control(r, controls, err);
  else if (code == LDAP_BUSY || code == LDAP_UNAVAILABLE) {
    result = PAGE_BUSY; /* kept, in case this was the last try */
    (void)uh_ldap_result_error(r->ldap->host, "search", code, text, err);
  } else if (code == LDAP_NO_SUCH_OBJECT)
    result = PAGE_NO_OBJECT;
  else
    result = uh_ldap_result_error(r->ldap->host, "search", code, text, err);
  ldap_memfree(text);
  ldap_controls_free(controls);
  return result;
}

/* ---- ranges ---- */

/* One more range of one attribute. 1: more follows from *next on; 0: that was the last; -1 not read. */
static int read_range(struct run *r, const char *dn, const char *name, unsigned long *next, size_t first) {
  char asked[300];
  int n = snprintf(asked, sizeof asked, "%s;range=%lu-*", name, *next);
  if (n < 0 || (size_t)n >= sizeof asked) return -1;
  const char *attributes[] = {asked, NULL};
  int msgid, result = -1;
  double deadline = uh_ldap_clock() + UH_LDAP_PAGE_SECONDS;
  if (send_search(r, dn, LDAP_SCOPE_BASE, "(objectClass=*)", attributes, false, &msgid, NULL) < 0) return -1;
  for (;;) {
    LDAPMessage *m = NULL;
    if (next_message(r, msgid, deadline, &m, NULL) < 0) return -1;
    if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT) {
      int code = LDAP_OTHER;
      (void)ldap_parse_result(r->ldap->ld, m, &code, NULL, NULL, NULL, NULL, 1);
      return code == LDAP_SUCCESS ? result : -1;
    }
    BerElement *ber = NULL;
    struct berval entry_dn, *values = NULL, attribute;
    if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY && ldap_get_dn_ber(r->ldap->ld, m, &ber, &entry_dn) == LDAP_SUCCESS) {
      while (result < 0 && ldap_get_attribute_ber(r->ldap->ld, m, ber, &attribute, &values) == LDAP_SUCCESS &&
             attribute.bv_val) {
        bool ranged;
        unsigned long low, upper = 0;
        bool more = name_options(attribute.bv_val, &ranged, &low, &upper);
        bool ours = strcasecmp(attribute.bv_val, name) == 0 && values && ranged && low == *next;
        bool ok = ours;
        for (size_t i = 0; ok && values[i].bv_val; i++)
          ok = r->scratch->values_n - first < UH_LDAP_MAX_VALUES && r->scratch->copied < UH_LDAP_MAX_MESSAGE &&
               add_copy(r->scratch, values[i].bv_val, values[i].bv_len);
        if (ok && (!more || upper > *next)) {
          result = more ? 1 : 0;
          *next = upper;
        }
        ldap_memfree(values);
        values = NULL;
        if (ours && !ok) break;
      }
      ber_free(ber, 0);
    }
    (void)ldap_msgfree(m);
  }
}

static bool read_ranges(struct run *r, const char *dn, const char *name, unsigned long next, size_t first) {
  for (;;) {
    int more = read_range(r, dn, name, &next, first);
    if (more <= 0) return more == 0;
  }
}

/* ---- pages ---- */

static int hand_over(struct run *r, struct uh_err *err) {
  struct uh_ldap_scratch *s = r->scratch;
  int result = 0;
  for (size_t i = 0; i < s->held_n && result == 0; i++) {
    struct held *h = &s->held[i];
    struct uh_ldap_entry entry = {.dn = h->dn.bv_val, .dn_size = h->dn.bv_len};
    bool whole;
    result = read_entry(r, h->ber, h->dn.bv_val, &entry, &whole, err);
    if (result < 0) break;
    if (!whole) r->outcome->damaged++;
    result = r->search->entry(r->search->user, &entry, err);
    r->outcome->entries++;
    drop_copies(s);
    ber_free(h->ber, 0);
    (void)ldap_msgfree(h->message);
    h->ber = NULL;
    h->message = NULL;
  }
  drop_held(s);
  r->held_bytes = 0;
  return result < 0 ? -1 : 0;
}

static int hold(struct run *r, LDAPMessage *m, struct uh_err *err) {
  struct uh_ldap_scratch *s = r->scratch;
  struct held h = {.message = m};
  if (!grow((void **)&s->held, &s->held_cap, s->held_n + 1, sizeof *s->held)) {
    (void)ldap_msgfree(m);
    return uh_fail_nomem(err);
  }
  if (ldap_get_dn_ber(r->ldap->ld, m, &h.ber, &h.dn) != LDAP_SUCCESS) {
    r->outcome->damaged++;
    if (h.ber) ber_free(h.ber, 0);
    (void)ldap_msgfree(m);
    return 0;
  }
  ber_len_t size = 0;
  (void)ber_get_option(h.ber, LBER_OPT_BER_REMAINING_BYTES, &size);
  if (!r->first) r->first = hash(h.dn.bv_val, h.dn.bv_len);
  s->held[s->held_n++] = h;
  r->held_bytes += size + h.dn.bv_len;
  if (r->held_bytes < UH_LDAP_MAX_HELD) return 0;
  r->flushed = true;
  return hand_over(r, err);
}

/* Receives one page into the held entries. As read_done. */
static int receive_page(struct run *r, struct uh_err *err) {
  double deadline = uh_ldap_clock() + UH_LDAP_PAGE_SECONDS;
  r->first = 0;
  r->flushed = false;
  for (;;) {
    LDAPMessage *m = NULL;
    if (next_message(r, r->msgid, deadline, &m, err) < 0) return -1;
    switch (ldap_msgtype(m)) {
      case LDAP_RES_SEARCH_ENTRY:
        if (hold(r, m, err) < 0) return -1;
        continue;
      case LDAP_RES_SEARCH_REFERENCE: count_reference(r, m); break;
      case LDAP_RES_SEARCH_RESULT: {
        int result = read_done(r, m, err);
        (void)ldap_msgfree(m);
        r->msgid = -1;
        return result;
      }
      default: break;
    }
    (void)ldap_msgfree(m);
  }
}

static int ask_page(struct run *r, struct uh_err *err) {
  const struct uh_ldap_search *q = r->search;
  int scope = q->scope == UH_LDAP_BASE  ? LDAP_SCOPE_BASE
              : q->scope == UH_LDAP_ONE ? LDAP_SCOPE_ONELEVEL
                                        : LDAP_SCOPE_SUBTREE;
  return send_search(r, q->base, scope, q->filter, q->attributes, q->page_size > 0, &r->msgid, err);
}

/* One page, asked for again while the server is busy and nothing of it was handed over. */
static int page_with_tries(struct run *r, struct uh_err *err) {
  for (int tries = 1;; tries++) {
    struct uh_err busy = UH_ERR_INIT;
    int result = receive_page(r, &busy);
    if (result != PAGE_BUSY) {
      if (result < 0 && err && err->cls == UH_ERR_NONE) *err = busy;
      return result;
    }
    if (tries == UH_LDAP_BUSY_TRIES || r->flushed) {
      if (err && err->cls == UH_ERR_NONE) *err = busy;
      return -1;
    }
    drop_held(r->scratch);
    r->held_bytes = 0;
    if (uh_ldap_backoff(r->ldap, tries, err) < 0 || ask_page(r, err) < 0) return -1;
  }
}

static int read_pages(struct run *r, struct uh_err *err) {
  if (ask_page(r, err) < 0) return -1;
  for (;;) {
    int result = page_with_tries(r, err);
    if (result == PAGE_DONE && r->first && seen(r->firsts, r->outcome->pages, r->first)) {
      drop_held(r->scratch);
      return bad_paging(r, err, "the server sent the same page twice");
    }
    bool more = result == PAGE_DONE && r->more;
    if (result == PAGE_DONE) r->outcome->pages++;
    if (more && r->outcome->pages >= UH_LDAP_MAX_PAGES) return bad_paging(r, err, "the server sends pages without end");
    if (more && ask_page(r, err) < 0) result = -1;
    if (hand_over(r, err) < 0 || result < 0) return -1;
    if (result == PAGE_NO_OBJECT) return UH_LDAP_NO_OBJECT;
    if (!more) return 0;
  }
}

int uh_ldap_search(struct uh_ldap *ldap, const struct uh_ldap_search *search, struct uh_ldap_outcome *ret_outcome,
                   struct uh_err *err) {
  *ret_outcome = (struct uh_ldap_outcome){0};
  if (!ldap->scratch && !(ldap->scratch = calloc(1, sizeof *ldap->scratch))) return uh_fail_nomem(err);
  struct run r = {.ldap = ldap, .search = search, .outcome = ret_outcome, .scratch = ldap->scratch, .msgid = -1};
  int result = read_pages(&r, err);
  if (r.msgid >= 0 && !ldap->broken) (void)ldap_abandon_ext(ldap->ld, r.msgid, NULL, NULL);
  drop_held(r.scratch);
  ldap_memfree(r.cookie.bv_val);
  if (result == 0 && ret_outcome->damaged > 0) {
    char what[120];
    (void)snprintf(what, sizeof what, "%lld entries came damaged or with values missing",
                   (long long)ret_outcome->damaged);
    return bad_paging(&r, err, what);
  }
  return result;
}

/* ---- looking into an entry ---- */

bool uh_ldap_is_broken(const struct uh_ldap *ldap) {
  return ldap->broken;
}

const struct uh_ldap_attribute *uh_ldap_get(const struct uh_ldap_entry *entry, const char *name) {
  for (size_t i = 0; i < entry->n; i++)
    if (strcasecmp(entry->attributes[i].name, name) == 0) return &entry->attributes[i];
  return NULL;
}

const struct uh_ldap_value *uh_ldap_first(const struct uh_ldap_entry *entry, const char *name) {
  const struct uh_ldap_attribute *a = uh_ldap_get(entry, name);
  return a ? &a->values[0] : NULL;
}
