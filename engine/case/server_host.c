/* SPDX-License-Identifier: Apache-2.0 */
#include "case/server_host.h"

void uh_host_of(const char *text, struct uh_str *out) {
  const char *p = strstr(text, "://");
  p = p ? p + 3 : text;
  size_t n = strcspn(p, "/:?# ");
  (void)(n && uh_domain_key(p, n, out));
}

static bool is_below(const char *host, const char *domain) {
  size_t n = strlen(host), m = strlen(domain);
  return n >= m && strcmp(host + n - m, domain) == 0 && (n == m || host[n - m - 1] == '.');
}

bool uh_host_is_microsofts(const char *host) {
  static const char *const theirs[] = {"outlook.com",    "office365.com",  "office.com",          "office365.us",
                                       "outlook.cn",     "msappproxy.net", "microsoftonline.com", "onmicrosoft.com",
                                       "onmicrosoft.us", "microsoft.com",  "partner.onmschina.cn"};
  for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
    if (is_below(host, theirs[i])) return true;
  return false;
}

void uh_server_host(const char *text, struct uh_str *out) {
  uh_host_of(text, out);
  if (uh_host_is_microsofts(uh_str_or(out, ""))) uh_str_reset(out);
}
