/* SPDX-License-Identifier: Apache-2.0 */
/* What Exchange Online's error replies mean. The status does not say it: the exception's type does, wherever it stands.
 */
#include "wire/exchange_online.h"

#include <jansson.h>
#include <strings.h>

#include <unhybrid/text.h>

/* Substrings of exception types, and where the service gives no type, of its invariant texts. First match wins. */
static const struct sign {
  const char *text;
  enum uh_exo_class cls;
} signs[] = {
    {"maximum number of concurrent requests", UH_EXO_THROTTLED},
    {"OverBudgetException", UH_EXO_THROTTLED},
    {"Expired or Invalid pagination request", UH_EXO_CURSOR},
    {"InvalidOperationInDehydratedContextException", UH_EXO_DEHYDRATED},
    {"CmdletProxyNotAvailableFailure", UH_EXO_TRANSIENT},
    {"ServerBusyException", UH_EXO_TRANSIENT},
    {"TransientException", UH_EXO_TRANSIENT},
    {"BackendCommunicationException", UH_EXO_TRANSIENT},
    {"UnableToWriteToAadException", UH_EXO_TRANSIENT},
    {"issue may be transient", UH_EXO_TRANSIENT},
    {"PSWS: NotFound", UH_EXO_TRANSIENT},
    {"CmdletAccessDeniedException", UH_EXO_REFUSED},
    {"isn't supported in this scenario", UH_EXO_REFUSED},
    {"UnauthorizedAccessException", UH_EXO_REFUSED},
    {"ManagementObjectNotFoundException", UH_EXO_NOT_FOUND},
    {"AmbiguousParameterSetException", UH_EXO_BAD_PARAMETER},
    {"ParameterTransformationException", UH_EXO_BAD_PARAMETER},
    {"ParameterBindingException", UH_EXO_BAD_PARAMETER},
    {"is not a recognized filterable property", UH_EXO_BAD_PARAMETER},
    {"Invalid filter syntax", UH_EXO_BAD_PARAMETER},
};

const char *uh_exo_class_name(enum uh_exo_class cls) {
  static const char *const names[] = {"fine",   "not found",  "refused", "parameter refused", "throttled", "disturbed",
                                      "cursor", "dehydrated", "token",   "not done",          "failed"};
  return (unsigned)cls < sizeof names / sizeof *names ? names[cls] : "failed";
}

static bool generic(const char *text) {
  return !text || !*text || strcmp(text, "Error executing cmdlet") == 0 || strcmp(text, "Invalid Operation") == 0 ||
         strncmp(text, "Exception of type", 17) == 0;
}

static void show(char *out, size_t size, const char *text) {
  struct uh_str shown UH_CLEANUP(uh_str_clear) = {0};
  uh_terminal_text(&shown, text, strnlen(text, size - 1));
  uh_print(out, size, "%s", uh_str_or(&shown, ""));
}

/* "Ex6F9304|Microsoft...Exception|text", "|Type|text", plain text, or JSON with ClassName and Message. */
static void take_detail(struct uh_exo_problem *p, const char *text) {
  json_t *inner = *text == '{' ? json_loads(text, 0, NULL) : NULL;
  if (inner) {
    const char *type = json_string_value(json_object_get(inner, "ClassName"));
    const char *message = json_string_value(json_object_get(inner, "Message"));
    if (!message) message = json_string_value(json_object_get(inner, "localizedString"));
    if (type && !p->type[0]) show(p->type, sizeof p->type, type);
    if (!generic(message) && !p->message[0]) show(p->message, sizeof p->message, message);
    json_decref(inner);
    return;
  }
  const char *first = strchr(text, '|'), *second = first ? strchr(first + 1, '|') : NULL;
  if (second && second - first - 1 < (ptrdiff_t)sizeof p->type && !p->type[0]) {
    char type[sizeof p->type];
    (void)snprintf(type, sizeof type, "%.*s", (int)(second - first - 1), first + 1);
    show(p->type, sizeof p->type, type);
  }
  if (second) text = second + 1;
  if (!generic(text) && !p->message[0]) show(p->message, sizeof p->message, text);
}

static void take_levels(struct uh_exo_problem *p, const json_t *error) {
  size_t i;
  const json_t *detail, *details = json_object_get(error, "details");
  json_array_foreach(details, i, detail) {
    const char *text = json_string_value(json_object_get(detail, "message"));
    if (text) take_detail(p, text);
  }
  const json_t *inner = json_object_get(error, "innererror");
  const json_t *deep = json_object_get(inner, "internalexception");
  const char *type = json_string_value(json_object_get(deep, "type"));
  const char *texts[] = {json_string_value(json_object_get(deep, "message")),
                         json_string_value(json_object_get(inner, "message")),
                         json_string_value(json_object_get(error, "message"))};
  for (size_t k = 0; k < 3; k++)
    if (!generic(texts[k])) take_detail(p, texts[k]);
  if (type && (!p->type[0] || strstr(type, "TransientException"))) show(p->type, sizeof p->type, type);
  if (!p->type[0]) {
    type = json_string_value(json_object_get(inner, "type"));
    if (!type) type = json_string_value(json_object_get(error, "code"));
    if (type) show(p->type, sizeof p->type, type);
  }
  if (!p->message[0]) {
    const char *text = texts[2] ? texts[2] : json_string_value(json_object_get(error, "code"));
    if (text) show(p->message, sizeof p->message, text);
  }
}

static const struct sign *find_sign(const char *text) {
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
    if (strcasestr(text, signs[i].text)) return &signs[i];
  return NULL;
}

static enum uh_exo_class by_status(long status) {
  switch (status) {
    case 401: return UH_EXO_TOKEN;
    case 403: return UH_EXO_REFUSED;
    case 408:
    case 500:
    case 502:
    case 503:
    case 504: return UH_EXO_TRANSIENT;
    case 429: return UH_EXO_THROTTLED;
    default: return status >= 500 ? UH_EXO_TRANSIENT : UH_EXO_FAILED;
  }
}

void uh_exo_classify(long status, const char *body, size_t n, const char *diagnostics, struct uh_exo_problem *ret) {
  *ret = (struct uh_exo_problem){.status = status};
  if (diagnostics) show(ret->diagnostics, sizeof ret->diagnostics, diagnostics);
  json_t *j = n ? json_loadb(body, n, JSON_ALLOW_NUL, NULL) : NULL;
  const json_t *error = json_object_get(j, "error");
  const struct sign *sign = NULL;
  if (json_is_object(error)) {
    take_levels(ret, error);
    sign = find_sign(ret->type);
    if (!sign || sign->cls == UH_EXO_NOT_FOUND) {
      const struct sign *said = find_sign(ret->message);
      if (said) sign = said;
    }
  } else if (n) {
    char text[2048]; /* plain text or HTML: only the invariant texts count */
    uh_print(text, sizeof text, "%.*s", (int)n, body);
    sign = find_sign(text);
    if (sign || (text[0] && text[0] != '<')) show(ret->message, sizeof ret->message, text);
  }
  json_decref(j);
  if (status == 401 || status == 429)
    ret->cls = by_status(status);
  else
    ret->cls = sign ? sign->cls : by_status(status);
}

void uh_exo_part_filter(struct uh_str *out, const char *property, const char *prefix, const char *characters,
                        size_t i) {
  size_t n = strlen(characters);
  if (i < n) {
    uh_str_addf(out, "%s -like '%s%c*'", property, prefix, characters[i]);
    return;
  }
  /* The complement. Below a prefix it stays within that prefix; at the top a missing value belongs to it too. */
  if (*prefix) uh_str_addf(out, "(%s -like '%s*') -and ", property, prefix);
  uh_str_add(out, *prefix ? "(-not (" : "((-not (");
  for (size_t k = 0; k < n; k++)
    uh_str_addf(out, "%s(%s -like '%s%c*')", k ? " -or " : "", property, prefix, characters[k]);
  uh_str_add(out, "))");
  if (!*prefix) uh_str_addf(out, " -or (%s -eq $null))", property);
}

static bool split_origin(const char *origin, const char **ret_host, size_t *ret_n, const char **ret_port) {
  const char *host = strstr(origin, "//");
  const char *port = strrchr(origin, ':');
  if (!host || !port || port < host + 2) return false;
  *ret_host = host + 2;
  *ret_n = (size_t)(port - *ret_host);
  *ret_port = port + 1;
  return true;
}

bool uh_exo_redirect(const char *base, const char *location, char ret_base[UH_HTTP_ORIGIN_MAX]) {
  char ours[UH_HTTP_ORIGIN_MAX], theirs[UH_HTTP_ORIGIN_MAX];
  const char *host, *port, *to_host, *to_port;
  size_t n, to_n;
  if (!uh_http_origin(base, ours) || !uh_http_origin(location, theirs) || strncmp(theirs, "https:", 6) != 0)
    return false;
  if (!split_origin(ours, &host, &n, &port) || !split_origin(theirs, &to_host, &to_n, &to_port)) return false;
  bool same = to_n == n && memcmp(to_host, host, n) == 0;
  bool below = to_n > n + 1 && to_host[to_n - n - 1] == '.' && memcmp(to_host + to_n - n, host, n) == 0;
  if (!same && !below) return false;
  if (strcmp(to_port, "446") == 0) to_port = port;
  if (strcmp(to_port, port) != 0) return false;
  (void)snprintf(ret_base, UH_HTTP_ORIGIN_MAX, "https://%.*s:%s", (int)to_n, to_host, to_port);
  return true;
}
