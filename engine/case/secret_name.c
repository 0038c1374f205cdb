/* SPDX-License-Identifier: Apache-2.0 */
/* Which properties and attributes hold secrets: one list for what is asked, what is kept, and what is written out. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "case/facts.h"

enum { DEPTH_MAX = 32 };

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

static void drop(json_t *value, int depth) {
  const char *name;
  json_t *member;
  void *next;
  size_t i;
  if (depth == 0) { /* what nobody looks into is not kept */
    if (json_is_object(value)) (void)json_object_clear(value);
    if (json_is_array(value)) (void)json_array_clear(value);
    return;
  }
  json_array_foreach(value, i, member) drop(member, depth - 1);
  json_object_foreach_safe(value, next, name, member) {
    if (uh_secret_name(name))
      (void)json_object_del(value, name);
    else
      drop(member, depth - 1);
  }
}

void uh_secret_drop(struct json_t *value) {
  drop(value, DEPTH_MAX);
}

char *uh_secret_clean(const char *json) {
  json_t *value = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  if (!value) return NULL;
  uh_secret_drop(value);
  char *clean = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
  json_decref(value);
  return clean;
}
