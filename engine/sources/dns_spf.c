/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/dns_spf.h"

#include <strings.h>

bool uh_spf_is_record(const char *text, size_t n) {
  return n >= 6 && strncasecmp(text, "v=spf1", 6) == 0 && (n == 6 || text[6] == ' ');
}

static bool starts(const char *s, size_t n, const char *word) {
  size_t len = strlen(word);
  return n >= len && strncasecmp(s, word, len) == 0;
}

/* a, a:x, a/24 and the same for mx, ptr: the word, then nothing, ':' or '/' */
static bool mechanism(const char *s, size_t n, const char *word) {
  size_t len = strlen(word);
  return starts(s, n, word) && (n == len || s[len] == ':' || s[len] == '/');
}

static void follow(struct uh_spf *spf, const char *s, size_t n) {
  if (memchr(s, '%', n)) {
    spf->macro = true;
  } else if (n && spf->n < UH_SPF_FOLLOW_MAX) {
    spf->follow[spf->n].name = s;
    spf->follow[spf->n].nth = spf->lookups;
    spf->follow[spf->n++].len = n;
  }
}

void uh_spf_read(const char *text, size_t n, struct uh_spf *spf) {
  const char *p = text + (n < 6 ? n : 6), *end = text + n, *redirect = NULL;
  size_t redirect_len = 0;
  bool all = false;
  *spf = (struct uh_spf){0};
  while (p < end) {
    while (p < end && *p == ' ') p++;
    const char *term = p;
    while (p < end && *p != ' ') p++;
    if (term < p && strchr("+-~?", *term) && *term) term++;
    size_t len = (size_t)(p - term);
    if (mechanism(term, len, "a") || mechanism(term, len, "mx") || mechanism(term, len, "ptr") ||
        starts(term, len, "exists:")) {
      spf->lookups++;
    } else if (starts(term, len, "include:")) {
      spf->lookups++;
      follow(spf, term + 8, len - 8);
    } else if (starts(term, len, "redirect=")) {
      redirect = term + 9;
      redirect_len = len - 9;
    } else if (mechanism(term, len, "all")) {
      all = true;
    }
  }
  if (!redirect || all) return; /* RFC 7208 section 6.1 */
  spf->lookups++;
  follow(spf, redirect, redirect_len);
}
