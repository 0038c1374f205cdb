/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <strings.h>

#include "wire/base64.h"
#include "wire/wsman_soap.h"

#define SOAP "http://www.w3.org/2003/05/soap-envelope"
#define ADDRESSING "http://schemas.xmlsoap.org/ws/2004/08/addressing"
#define WSMAN "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
#define WSMV "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
#define SHELL "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
#define TRANSFER "http://schemas.xmlsoap.org/ws/2004/09/transfer/"
#define FAULT "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
#define WALK_MAX 20000 /* elements looked at */

struct uh_wsman_answer {
  xmlDocPtr doc;
  xmlNodePtr header, body;
  char action[160], activity[64];
  bool is_fault;
  struct uh_wsman_fault fault;
};

struct uh_wsman_answer *uh_wsman_answer_free(struct uh_wsman_answer *a) {
  if (!a) return NULL;
  xmlFreeDoc(a->doc);
  free(a);
  return NULL;
}
void uh_wsman_answer_freep(struct uh_wsman_answer **answer) {
  *answer = uh_wsman_answer_free(*answer);
}
const struct uh_wsman_fault *uh_wsman_answer_fault(const struct uh_wsman_answer *a) {
  return a->is_fault ? &a->fault : NULL;
}
const char *uh_wsman_answer_activity(const struct uh_wsman_answer *a) {
  return a->activity;
}

static bool is(const xmlNode *node, const char *space, const char *name) {
  return node->type == XML_ELEMENT_NODE && node->ns && xmlStrcmp(node->ns->href, (const xmlChar *)space) == 0 &&
         (!name || xmlStrcmp(node->name, (const xmlChar *)name) == 0);
}

static xmlNodePtr child(const xmlNode *node, const char *space, const char *name) {
  for (xmlNodePtr c = node ? node->children : NULL; c; c = c->next)
    if (is(c, space, name)) return c;
  return NULL;
}

/* The next node of the tree below top, in document order, without recursion. */
static xmlNodePtr next_below(const xmlNode *top, xmlNodePtr node) {
  if (node->type == XML_ELEMENT_NODE && node->children) return node->children;
  while (node != top && !node->next) node = node->parent;
  return node == top ? NULL : node->next;
}

/* The first element of that name anywhere below. */
static xmlNodePtr find(xmlNodePtr top, const char *space, const char *name) {
  int seen = 0;
  for (xmlNodePtr n = top ? next_below(top, top) : NULL; n && seen++ < WALK_MAX; n = next_below(top, n))
    if (is(n, space, name)) return n;
  return NULL;
}

/* All text below, blanks around it off, cut at its room. */
static void text_of(xmlNodePtr node, char *ret, size_t room) {
  size_t n = 0;
  xmlChar *all = node ? xmlNodeGetContent(node) : NULL;
  for (const xmlChar *p = all; p && *p && n + 1 < room; p++) {
    bool blank = isspace(*p) || *p < ' ';
    if (blank && (n == 0 || ret[n - 1] == ' ')) continue;
    ret[n++] = blank ? ' ' : (char)*p;
  }
  while (n && ret[n - 1] == ' ') n--;
  while (n && !uh_utf8_valid(ret, n)) n--; /* a character cut in two */
  ret[n] = '\0';
  xmlFree(all);
}

/* ---- faults ---- */

/* Exchange writes "[Name=value,Name=value] [FailureCategory=value] words". */
static void token_of(const char *text, const char *name, char *ret, size_t room) {
  const char *p = strstr(text, name);
  size_t n = p ? strcspn(p + strlen(name), ",] ") : 0;
  ret[0] = '\0';
  if (n && n < room) (void)snprintf(ret, room, "%.*s", (int)n, p + strlen(name));
}

static void url_of(const char *text, char *ret, size_t room) {
  const char *p = strstr(text, "http");
  while (p && strncmp(p, "http://", 7) != 0 && strncmp(p, "https://", 8) != 0) p = strstr(p + 1, "http");
  size_t n = p ? strcspn(p, " \t\r\n\"'<>,;)]") : 0;
  if (n < room) (void)snprintf(ret, room, "%.*s", (int)n, p ? p : "");
}

/* Where the URL stands is not documented: the first piece of text in the details that holds one is taken. */
static void read_redirect(xmlNodePtr detail, struct uh_wsman_fault *f) {
  int seen = 0;
  for (xmlNodePtr n = detail ? next_below(detail, detail) : NULL; n && seen++ < WALK_MAX; n = next_below(detail, n)) {
    if (n->type == XML_TEXT_NODE && n->content) url_of((const char *)n->content, f->redirect, sizeof f->redirect);
    if (f->redirect[0]) return;
  }
}

static void read_fault(struct uh_wsman_answer *a, xmlNodePtr fault) {
  struct uh_wsman_fault *f = &a->fault;
  char name[96];
  xmlNodePtr code = child(fault, SOAP, "Code"), sub = child(code, SOAP, "Subcode");
  xmlNodePtr detail = child(child(fault, SOAP, "Detail"), FAULT, "WSManFault");
  if (!detail) detail = find(child(fault, SOAP, "Detail"), FAULT, "WSManFault");
  a->is_fault = true;
  text_of(child(sub, SOAP, "Value"), name, sizeof name);
  (void)snprintf(f->subcode, sizeof f->subcode, "%.*s", UH_HEAD(strchr(name, ':') ? strchr(name, ':') + 1 : name, 63));
  xmlChar *number = detail ? xmlGetNoNsProp(detail, (const xmlChar *)"Code") : NULL;
  if (number && isdigit(*number)) {
    char *end = NULL;
    unsigned long long v = strtoull((const char *)number, &end, 10);
    if (end && !*end && v <= UINT32_MAX) f->code = (uint32_t)v;
  }
  xmlFree(number);
  text_of(find(detail, FAULT, "ProviderFault"), f->text, sizeof f->text);
  if (!f->text[0]) text_of(child(detail, FAULT, "Message"), f->text, sizeof f->text);
  if (!f->text[0]) text_of(child(fault, SOAP, "Reason"), f->text, sizeof f->text);
  token_of(f->text, "FailureCategory=", f->category, sizeof f->category);
  token_of(f->text, "RequestId=", f->request_id, sizeof f->request_id);
  if (f->code == UH_WSMAN_REDIRECT) read_redirect(child(fault, SOAP, "Detail"), f);
  /* MaxConcurrency is the name of the policy's limit, in whatever language the rest is. */
  f->too_many = (f->code >= UH_WSMAN_QUOTA_FIRST && f->code <= UH_WSMAN_QUOTA_LAST) ||
                strcmp(f->subcode, "QuotaLimit") == 0 || strstr(f->text, "MaxConcurrency") != NULL;
}

static int refused(const struct uh_wsman_fault *f, const char *what, const char *remedy, struct uh_err *err) {
  uh_fail(err, UH_ERR_DENIED, "%s: %.*s", what, UH_HEAD(f->text, 300));
  if (err && err->answer == UH_NOT_ASKED) err->answer = UH_REFUSED;
  uh_err_remedy(err, "%s", remedy);
  return -1;
}

int uh_wsman_fault_error(const struct uh_wsman_fault *f, struct uh_err *err) {
  enum uh_err_class cls = UH_ERR_UNAVAILABLE;
  if (err && err->cls == UH_ERR_NONE && !err->request_id[0])
    (void)snprintf(err->request_id, sizeof err->request_id, "%s", f->request_id);
  if (f->too_many) {
    uh_fail(err, cls, "the server opens no further session for this account: %.*s", UH_HEAD(f->text, 300));
    uh_err_remedy(
        err, "wait: what a killed run left behind ends after 15 idle minutes; or close other sessions of this account");
  } else if (f->code == 5 || f->code == 2147942405u || strcmp(f->subcode, "AccessDenied") == 0 ||
             strncmp(f->category, "AuthZ-", 6) == 0) {
    return refused(f, "the server refuses access", "the account needs a management role, and RemotePowerShellEnabled",
                   err);
  } else if (f->code == UH_WSMAN_NO_SUCH_SHELL || strcmp(f->subcode, "InvalidSelectors") == 0) {
    uh_fail(err, cls, "the session is not there any more: %.*s", UH_HEAD(f->text, 300));
    uh_err_remedy(err, "run again: the server ended it, or another server behind the same name answers");
  } else if (f->code == UH_WSMAN_REDIRECT) {
    uh_fail(err, cls, "the server redirects to %.*s, and is not followed",
            UH_HEAD(f->redirect[0] ? f->redirect : "another one", 200));
    uh_err_remedy(err, "if that is the right server, name it in the url");
  } else if (f->code == 2150858811u || f->code == 2150858754u) {
    uh_fail(err, UH_ERR_CONFIG, "the server has no such remote PowerShell: %.*s", UH_HEAD(f->text, 300));
    uh_err_remedy(err, "the url of Exchange is http://SERVER/PowerShell/, not /wsman");
  } else {
    uh_fail(err, cls, "WSMan fault %lu %s: %.*s", (unsigned long)f->code, f->subcode, UH_HEAD(f->text, 300));
  }
  if (err && err->answer == UH_NOT_ASKED && err->cls == UH_ERR_UNAVAILABLE) err->answer = UH_TIMEOUT;
  return -1;
}

/* ---- envelopes ---- */

static void no_subset(void *context, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id) {
  (void)name, (void)public_id, (void)system_id;
  xmlStopParser(context);
}
static void quiet(void *context, const char *message, ...) {
  (void)context, (void)message;
}

/* UTF-8 was asked for. Nothing else is tried: libxml2 complains on stderr about what it cannot convert. */
static xmlDocPtr parse(const char *soap, size_t size) {
  if (size > INT32_MAX || memchr(soap, '\0', size) || !uh_utf8_valid(soap, size)) return NULL;
  xmlParserCtxtPtr context = xmlCreatePushParserCtxt(NULL, NULL, NULL, 0, NULL);
  if (!context) return NULL;
  (void)xmlCtxtUseOptions(
      context, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA | XML_PARSE_IGNORE_ENC);
  context->sax->internalSubset = no_subset;
  context->sax->error = context->sax->warning = quiet;
  int r = xmlParseChunk(context, soap, (int)size, 1);
  xmlDocPtr doc = context->myDoc;
  bool good = r == 0 && context->wellFormed && doc && !doc->intSubset;
  xmlFreeParserCtxt(context);
  if (good) return doc;
  xmlFreeDoc(doc);
  return NULL;
}

static bool relates(const struct uh_wsman_answer *a, const char *message_id) {
  char text[160];
  xmlNodePtr node = child(a->header, ADDRESSING, "RelatesTo");
  if (!node) return a->is_fault;
  text_of(node, text, sizeof text);
  return strcasecmp(text, message_id) == 0;
}

int uh_wsman_read_envelope(const char *soap, size_t size, const char *message_id, struct uh_wsman_answer **ret_answer,
                           struct uh_err *err) {
  UH_CLEANUP(uh_wsman_answer_freep) struct uh_wsman_answer *a = calloc(1, sizeof *a);
  if (!a) return uh_fail_nomem(err);
  a->doc = parse(soap, size);
  xmlNodePtr root = a->doc ? xmlDocGetRootElement(a->doc) : NULL;
  if (!root) return uh_fail(err, UH_ERR_DATA, "the reply is not well-formed XML in UTF-8, or holds a document type");
  if (!is(root, SOAP, "Envelope")) return uh_fail(err, UH_ERR_DATA, "the reply is no SOAP envelope");
  a->header = child(root, SOAP, "Header");
  a->body = child(root, SOAP, "Body");
  if (!a->body) return uh_fail(err, UH_ERR_DATA, "the SOAP reply has no body");
  text_of(child(a->header, ADDRESSING, "Action"), a->action, sizeof a->action);
  text_of(child(a->header, WSMV, "ActivityId"), a->activity, sizeof a->activity);
  xmlNodePtr fault = child(a->body, SOAP, "Fault");
  if (fault) read_fault(a, fault);
  if (message_id && !relates(a, message_id))
    return uh_fail(err, UH_ERR_DATA, "the SOAP reply belongs to another request");
  *ret_answer = UH_TAKE(a);
  return 0;
}

bool uh_wsman_answers(const struct uh_wsman_answer *a, enum uh_wsman_verb verb) {
  static const char *const actions[] = {
      [UH_WSMAN_CREATE] = TRANSFER "CreateResponse", [UH_WSMAN_COMMAND] = SHELL "/CommandResponse",
      [UH_WSMAN_SEND] = SHELL "/SendResponse",       [UH_WSMAN_RECEIVE] = SHELL "/ReceiveResponse",
      [UH_WSMAN_SIGNAL] = SHELL "/SignalResponse",   [UH_WSMAN_DELETE] = TRANSFER "DeleteResponse",
  };
  return !a->is_fault && strcmp(a->action, actions[verb]) == 0;
}

static bool id_of(xmlNodePtr node, char ret_id[UH_WSMAN_ID_MAX]) {
  char text[UH_WSMAN_ID_MAX + 1] = "";
  text_of(node, text, sizeof text);
  size_t n = strlen(text);
  for (size_t i = 0; i < n; i++)
    if (!isalnum((unsigned char)text[i]) && text[i] != '-') return false;
  if (!n || n >= UH_WSMAN_ID_MAX) return false;
  memcpy(ret_id, text, n + 1);
  return true;
}

bool uh_wsman_answer_shell(const struct uh_wsman_answer *a, char ret_id[UH_WSMAN_ID_MAX]) {
  xmlNodePtr set = find(a->body, WSMAN, "SelectorSet");
  for (xmlNodePtr s = set ? set->children : NULL; s; s = s->next) {
    if (!is(s, WSMAN, "Selector")) continue;
    xmlChar *name = xmlGetNoNsProp(s, (const xmlChar *)"Name");
    bool shell = name && strcasecmp((const char *)name, "ShellId") == 0;
    xmlFree(name);
    if (shell) return id_of(s, ret_id);
  }
  xmlNodePtr shell = child(a->body, SHELL, "Shell"), id = child(shell, SHELL, "ShellId");
  return id && id_of(id, ret_id);
}

bool uh_wsman_answer_command(const struct uh_wsman_answer *a, char ret_id[UH_WSMAN_ID_MAX]) {
  xmlNodePtr id = child(child(a->body, SHELL, "CommandResponse"), SHELL, "CommandId");
  return id && id_of(id, ret_id);
}

/* Belongs to the command (or to the shell, where command is NULL). An element that names none belongs to what was
 * asked for. */
static bool belongs(xmlNodePtr node, const char *command) {
  xmlChar *id = xmlGetNoNsProp(node, (const xmlChar *)"CommandId");
  bool yes = !id || !*id || (command && strcasecmp((const char *)id, command) == 0);
  xmlFree(id);
  return yes;
}

static bool says_done(xmlNodePtr node) {
  xmlChar *state = xmlGetNoNsProp(node, (const xmlChar *)"State");
  bool done = state && xmlStrcmp(state, (const xmlChar *)SHELL "/CommandState/Done") == 0;
  xmlFree(state);
  return done;
}

static int stream(xmlNodePtr node, int (*bytes)(void *user, const void *data, size_t n, struct uh_err *err), void *user,
                  struct uh_err *err) {
  struct uh_str data = {0};
  xmlChar *text = xmlNodeGetContent(node);
  int r = 0;
  if (!text)
    r = uh_fail_nomem(err);
  else if (!uh_base64_decode(&data, (const char *)text, (size_t)xmlStrlen(text)))
    r = uh_fail(err, UH_ERR_DATA, "a stream of the reply is not base64 (line %ld)", xmlGetLineNo(node));
  else if (data.len)
    r = bytes(user, data.s, data.len, err);
  xmlFree(text);
  uh_str_clear(&data);
  return r;
}

int uh_wsman_answer_streams(const struct uh_wsman_answer *a, const char *command,
                            int (*bytes)(void *user, const void *data, size_t n, struct uh_err *err), void *user,
                            bool *ret_done, struct uh_err *err) {
  xmlNodePtr response = child(a->body, SHELL, "ReceiveResponse");
  int n = 0;
  *ret_done = false;
  for (xmlNodePtr c = response ? response->children : NULL; c; c = c->next) {
    if (is(c, SHELL, "CommandState") && command && belongs(c, command) && says_done(c)) *ret_done = true;
    if (!is(c, SHELL, "Stream")) continue;
    if (!belongs(c, command)) return uh_fail(err, UH_ERR_DATA, "the reply holds the stream of another command");
    if (++n > UH_WSMAN_STREAMS_MAX)
      return uh_fail(err, UH_ERR_DATA, "the reply holds more than %d streams", UH_WSMAN_STREAMS_MAX);
    if (stream(c, bytes, user, err) < 0) return -1;
  }
  return 0;
}
