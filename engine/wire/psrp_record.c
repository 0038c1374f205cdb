/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the server's messages: one value each, records, errors, host calls. */
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "wire/psrp_private.h"

/* ---- names ---- */

const char *psrp_type_name(uint32_t type) {
  switch (type) {
    case PSRP_SESSION_CAPABILITY: return "SESSION_CAPABILITY";
    case PSRP_PUBLIC_KEY_REQUEST: return "PUBLIC_KEY_REQUEST";
    case PSRP_RUNSPACE_AVAILABILITY: return "RUNSPACE_AVAILABILITY";
    case PSRP_RUNSPACEPOOL_STATE: return "RUNSPACEPOOL_STATE";
    case PSRP_USER_EVENT: return "USER_EVENT";
    case PSRP_APPLICATION_PRIVATE_DATA: return "APPLICATION_PRIVATE_DATA";
    case PSRP_RUNSPACEPOOL_INIT_DATA: return "RUNSPACEPOOL_INIT_DATA";
    case PSRP_RUNSPACEPOOL_HOST_CALL: return "RUNSPACEPOOL_HOST_CALL";
    case PSRP_PIPELINE_OUTPUT: return "PIPELINE_OUTPUT";
    case PSRP_ERROR_RECORD: return "ERROR_RECORD";
    case PSRP_PIPELINE_STATE: return "PIPELINE_STATE";
    case PSRP_DEBUG_RECORD: return "DEBUG_RECORD";
    case PSRP_VERBOSE_RECORD: return "VERBOSE_RECORD";
    case PSRP_WARNING_RECORD: return "WARNING_RECORD";
    case PSRP_PROGRESS_RECORD: return "PROGRESS_RECORD";
    case PSRP_INFORMATION_RECORD: return "INFORMATION_RECORD";
    case PSRP_PIPELINE_HOST_CALL: return "PIPELINE_HOST_CALL";
    default: return "";
  }
}

const char *uh_psrp_category_name(int category) {
  static const char *const names[] = {
      "NotSpecified",     "OpenError",           "CloseError",       "DeviceError",         "DeadlockDetected",
      "InvalidArgument",  "InvalidData",         "InvalidOperation", "InvalidResult",       "InvalidType",
      "MetadataError",    "NotImplemented",      "NotInstalled",     "ObjectNotFound",      "OperationStopped",
      "OperationTimeout", "SyntaxError",         "ParserError",      "PermissionDenied",    "ResourceBusy",
      "ResourceExists",   "ResourceUnavailable", "ReadError",        "WriteError",          "FromStdErr",
      "SecurityError",    "ProtocolError",       "ConnectionError",  "AuthenticationError", "LimitsExceeded",
      "QuotaExceeded",    "NotEnabled"};
  return category >= 0 && category < (int)(sizeof names / sizeof *names) ? names[category] : "";
}

enum { CATEGORY_PERMISSION_DENIED = 18, CATEGORY_SECURITY = 25, CATEGORY_AUTHENTICATION = 28 };

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), len = strlen(end);
  return n >= len && strcasecmp(text + n - len, end) == 0;
}

static bool is_of(const struct uh_psrp_error *e, const char *exception_class) {
  return ends_with(e->reason, exception_class) || ends_with(e->failure, exception_class);
}

bool uh_psrp_error_is_refused(const struct uh_psrp_error *e) {
  if (e->category == CATEGORY_PERMISSION_DENIED || e->category == CATEGORY_SECURITY ||
      e->category == CATEGORY_AUTHENTICATION)
    return true;
  if (is_of(e, "CommandNotFoundException") || is_of(e, "AccessDeniedException") ||
      is_of(e, "UnauthorizedAccessException") || is_of(e, "AuthorizationException") || is_of(e, "SecurityException"))
    return true;
  /* A parameter that no role of the account holds does not exist for it. */
  return strncmp(e->identity, "NamedParameterNotFound", 22) == 0 || strncmp(e->failure, "AuthZ-", 6) == 0;
}

bool uh_psrp_error_is_not_found(const struct uh_psrp_error *e) {
  return is_of(e, "ManagementObjectNotFoundException");
}

/* ---- a message's value ---- */

int psrp_damaged(const struct psrp_message *m, struct uh_err *err, const char *fmt, ...) {
  char what[400];
  const char *name = psrp_type_name(m->type);
  va_list ap;
  va_start(ap, fmt);
  uh_vprint(what, sizeof what, fmt, ap);
  va_end(ap);
  if (err && err->cls == UH_ERR_NONE) err->answer = UH_TIMEOUT;
  if (*name)
    return uh_fail(err, UH_ERR_UNAVAILABLE, "the %s that begins at byte %llu of the server's stream: %s", name,
                   (unsigned long long)m->at, what);
  return uh_fail(err, UH_ERR_UNAVAILABLE,
                 "the message of type 0x%08x that begins at byte %llu of the server's stream: %s", m->type,
                 (unsigned long long)m->at, what);
}

struct one_value {
  const struct psrp_message *message;
  int (*look)(void *user, const struct uh_clixml_value *v, struct uh_err *err);
  void *user;
  int64_t n;
  bool looked; /* what look() failed with is not the message's fault */
};

static int on_value(void *user, const struct uh_clixml_value *v, const char *stream, struct uh_err *err) {
  struct one_value *one = user;
  (void)stream;
  if (one->n++) return psrp_damaged(one->message, err, "it holds more than one value");
  int rc = one->look(one->user, v, err);
  one->looked = rc < 0;
  return rc;
}

int psrp_value(const struct psrp_message *m, int (*look)(void *user, const struct uh_clixml_value *v, struct uh_err *e),
               void *user, struct uh_err *err) {
  UH_CLEANUP(uh_clixml_freep) struct uh_clixml *reader = NULL;
  struct one_value one = {.message = m, .look = look, .user = user};
  struct uh_err broken = UH_ERR_INIT;
  if (uh_clixml_open(on_value, &one, &reader, err) < 0) return -1;
  /* No body at all is null. */
  int rc = m->n ? uh_clixml_feed(reader, m->body, m->n, &broken) : uh_clixml_feed(reader, "<Nil/>", 6, &broken);
  if (rc == 0) rc = uh_clixml_finish(reader, &broken);
  if (rc < 0 && broken.cls == UH_ERR_DATA && !one.looked) return psrp_damaged(m, err, "%s", broken.what);
  if (rc < 0) {
    if (err && err->cls == UH_ERR_NONE) *err = broken;
    return -1;
  }
  return one.n ? 0 : psrp_damaged(m, err, "it holds no value");
}

/* ---- text ---- */

static void copy(char *to, size_t size, const char *text) {
  size_t n = strnlen(text, size);
  if (n == size) {
    n = size - 1;
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) n--; /* not within a character */
  }
  memcpy(to, text, n);
  to[n] = '\0';
}

static const char *text_of(const struct uh_clixml_value *v) {
  const char *text;
  return uh_clixml_text(v, &text, NULL) == UH_VALUE ? text : "";
}

void psrp_copy_text(char *to, size_t size, const struct uh_clixml_value *v) {
  copy(to, size, text_of(v));
}

static const char *text_at(const struct uh_clixml_value *object, const char *name) {
  return text_of(uh_clixml_property(object, name));
}

const char *psrp_record_text(const struct uh_clixml_value *record) {
  const char *text = text_at(record, "InformationalRecord_Message");
  if (!*text) text = text_at(record, "MessageData");
  return *text ? text : text_of(record);
}

void psrp_read_progress(const struct uh_clixml_value *v, struct uh_psrp_record *ret) {
  int64_t percent, type;
  ret->message = text_at(v, "Activity");
  ret->status = text_at(v, "StatusDescription");
  if (uh_clixml_int(uh_clixml_property(v, "PercentComplete"), &percent) == UH_VALUE && percent >= 0 && percent <= 100)
    ret->percent = (int)percent;
  const struct uh_clixml_value *kind = uh_clixml_property(v, "Type");
  ret->completed = (uh_clixml_int(kind, &type) == UH_VALUE && type == 1) || strcasecmp(text_of(kind), "Completed") == 0;
}

/* ---- errors ---- */

/* "[Server=EX01,RequestId=..,TimeStamp=..] [FailureCategory=Cmdlet-X] E3DE7D95,Microsoft..": the value after key. */
static void take_part(const char *identity, const char *key, char *to, size_t size) {
  const char *at = strstr(identity, key);
  if (!at) return;
  at += strlen(key);
  size_t n = strcspn(at, ",] ");
  if (n >= size) n = size - 1;
  memcpy(to, at, n);
  to[n] = '\0';
}

void psrp_read_error(const struct uh_clixml_value *v, struct uh_psrp_error *ret) {
  int64_t category;
  *ret = (struct uh_psrp_error){.category = -1};
  const char *message = text_at(v, "ErrorDetails_Message");
  if (!*message) message = text_at(uh_clixml_property(v, "Exception"), "Message");
  if (!*message) message = text_of(v);
  if (!*message) message = text_of(uh_clixml_property(v, "Exception"));
  copy(ret->message, sizeof ret->message, *message ? message : "an error without a text");
  copy(ret->identity, sizeof ret->identity, text_at(v, "FullyQualifiedErrorId"));
  copy(ret->reason, sizeof ret->reason, text_at(v, "ErrorCategory_Reason"));
  copy(ret->activity, sizeof ret->activity, text_at(v, "ErrorCategory_Activity"));
  const char *target = text_of(uh_clixml_property(v, "TargetObject"));
  copy(ret->target, sizeof ret->target, *target ? target : text_at(v, "ErrorCategory_TargetName"));
  if (uh_clixml_int(uh_clixml_property(v, "ErrorCategory_Category"), &category) == UH_VALUE && category >= 0 &&
      category <= 1000)
    ret->category = (int)category;
  take_part(ret->identity, "FailureCategory=", ret->failure, sizeof ret->failure);
  take_part(ret->identity, "[Server=", ret->server, sizeof ret->server);
  take_part(ret->identity, "RequestId=", ret->request_id, sizeof ret->request_id);
}

/* ---- host calls ---- */

static const struct method {
  const char *name;
  int id;
  bool writes;
} methods[] = {{"GetName", 1, false},
               {"GetVersion", 2, false},
               {"GetInstanceId", 3, false},
               {"GetCurrentCulture", 4, false},
               {"GetCurrentUICulture", 5, false},
               {"SetShouldExit", 6, false},
               {"EnterNestedPrompt", 7, false},
               {"ExitNestedPrompt", 8, false},
               {"ReadLine", 11, false},
               {"ReadLineAsSecureString", 12, false},
               {"Write1", 13, true},
               {"Write2", 14, true},
               {"WriteLine1", 15, true},
               {"WriteLine2", 16, true},
               {"WriteLine3", 17, true},
               {"WriteErrorLine", 18, true},
               {"WriteDebugLine", 19, true},
               {"WriteProgress", 20, false},
               {"WriteVerboseLine", 21, true},
               {"WriteWarningLine", 22, true},
               {"Prompt", 23, false},
               {"PromptForCredential1", 24, false},
               {"PromptForCredential2", 25, false},
               {"PromptForChoice", 26, false},
               {"ReadKey", 46, false},
               {"PushRunspace", 52, false},
               {"PopRunspace", 53, false},
               {"GetIsRunspacePushed", 54, false},
               {"GetRunspace", 55, false},
               {"PromptForChoiceMultipleSelection", 56, false}};

/* The texts among the parameters: a caption and a message, or what was written. */
static void take_parameters(const struct uh_clixml_value *list, struct psrp_host_call *ret) {
  const struct uh_clixml_value *at = NULL, *v;
  size_t len = 0;
  while ((v = uh_clixml_next(list, &at, NULL)) && len + 3 < sizeof ret->text) {
    const char *text = uh_clixml_kind(v) == UH_CLIXML_TEXT ? text_of(v) : "";
    if (!*text) continue;
    if (len) {
      copy(ret->text + len, sizeof ret->text - len, ": ");
      len += 2;
    }
    copy(ret->text + len, sizeof ret->text - len, text);
    len += strlen(ret->text + len);
  }
}

bool psrp_read_host_call(const struct uh_clixml_value *v, struct psrp_host_call *ret) {
  int64_t method;
  *ret = (struct psrp_host_call){.name = "a host call"};
  if (uh_clixml_int(uh_clixml_property(v, "ci"), &ret->id) != UH_VALUE ||
      uh_clixml_int(uh_clixml_property(v, "mi"), &method) != UH_VALUE || method < 0 || method > INT32_MAX)
    return false;
  ret->method = (int32_t)method;
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
    if (methods[i].id == ret->method) {
      ret->name = methods[i].name;
      ret->writes = methods[i].writes;
    }
  take_parameters(uh_clixml_property(v, "mp"), ret);
  return true;
}
