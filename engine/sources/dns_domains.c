/* SPDX-License-Identifier: Apache-2.0 */
#include "sources/dns_domains.h"

static bool is_under(const char *domain, const char *parent) {
  size_t n = strlen(domain), m = strlen(parent);
  return n >= m && !strcmp(domain + n - m, parent) && (n == m || domain[n - m - 1] == '.');
}

/* Domains that Microsoft gives a tenant; their records are Microsoft's. */
static bool is_given(const char *domain) {
  return is_under(domain, "onmicrosoft.com") || is_under(domain, "onmicrosoft.us") ||
         is_under(domain, "partner.onmschina.cn");
}

/* *.x is asked as x. false: the domain is not asked at all. */
static bool domain_to_ask(struct uh_observe *observe, char *domain) {
  size_t n = strlen(domain);
  if (n > 2 && domain[0] == '*' && domain[1] == '.') {
    uh_observe_notice(observe, "accepted domain %s was asked in DNS as %s", domain, domain + 2);
    memmove(domain, domain + 2, n - 1);
  } else if (n == 1 && domain[0] == '*') {
    uh_observe_notice(observe, "accepted domain * stands for every domain; DNS cannot be asked for it");
    return false;
  }
  return n && !is_given(domain);
}

void uh_dns_domains_to_ask(struct uh_observe *observe, struct uh_names *domains) {
  size_t kept = 0;
  for (size_t i = 0; i < domains->n; i++) {
    if (domain_to_ask(observe, domains->v[i]))
      domains->v[kept++] = domains->v[i];
    else
      free(domains->v[i]);
  }
  domains->n = kept;
  uh_names_sort(domains);
}
