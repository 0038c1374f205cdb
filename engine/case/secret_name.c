/* SPDX-License-Identifier: Apache-2.0 */
/* Which properties and attributes hold secrets: one list for what is asked, what is kept, and what is written out. */
#include <string.h>
#include <strings.h>

#include "case/facts.h"

/* Passwords, private keys, and what could open them. */
static const char *const parts[] = {
    "password",          "secret",           "privatekey",  "privcert",     "credential",
    "serializationdata", "msexchfedorgpriv", "accesstoken", "refreshtoken", "unicodepwd",
    "dbcspwd",           "pwdhistory",       "admpwd"};
static const char *const names[] = {"msExchFedAdminKey",         "msExchEdgeSyncLease", "msExchCertificateData",
                                    "msExchAuthCertificateData", "msExchUMPinChecksum", "msExchSmtpRelayForAuth"};
/* Graph's list of public keys: which there are is told, their bytes are not. */
static const char *const open_names[] = {"keyCredentials"};

static bool among(const char *const *list, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (strcasecmp(list[i], name) == 0) return true;
  return false;
}
#define AMONG(list, name) among(list, sizeof(list) / sizeof *(list), name)

bool uh_secret_name(const char *name) {
  /* Asked for every property of every object: strcasestr() prepares itself anew each time. */
  for (const char *p = name; *p; p++) {
    int c = *p | 0x20;
    if (c != 'p' && c != 's' && c != 'c' && c != 'm' && c != 'a' && c != 'r' && c != 'u' && c != 'd') continue;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
      if (parts[i][0] == c && strncasecmp(p, parts[i], strlen(parts[i])) == 0) return !AMONG(open_names, name);
  }
  return strncasecmp(name, "msExch", 6) == 0 && AMONG(names, name);
}
