/* SPDX-License-Identifier: Apache-2.0 */
#include <libxml/xmlwriter.h>

#include "wire/wsman_soap.h"

#define X(s) ((const xmlChar *)(s))
#define SHELL "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
#define TRANSFER "http://schemas.xmlsoap.org/ws/2004/09/transfer/"
#define POWERSHELL "http://schemas.microsoft.com/powershell"
#define ANONYMOUS "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"

/* libxml2's writer tells failures by return value only, of each call: they are collected here. */
struct writer {
  xmlTextWriterPtr xml;
  bool failed;
};

static void begin(struct writer *w, const char *name) {
  w->failed = xmlTextWriterStartElement(w->xml, X(name)) < 0 || w->failed;
}
static void end(struct writer *w) {
  w->failed = xmlTextWriterEndElement(w->xml) < 0 || w->failed;
}
static void attribute(struct writer *w, const char *name, const char *value) {
  w->failed = xmlTextWriterWriteAttribute(w->xml, X(name), X(value)) < 0 || w->failed;
}
static void text(struct writer *w, const char *value) {
  w->failed = xmlTextWriterWriteString(w->xml, X(value)) < 0 || w->failed;
}
static void element(struct writer *w, const char *name, const char *understand, const char *value) {
  begin(w, name);
  if (understand) attribute(w, "s:mustUnderstand", understand);
  text(w, value);
  end(w);
}

static const char *action_of(enum uh_wsman_verb verb) {
  switch (verb) {
    case UH_WSMAN_CREATE: return TRANSFER "Create";
    case UH_WSMAN_COMMAND: return SHELL "/Command";
    case UH_WSMAN_SEND: return SHELL "/Send";
    case UH_WSMAN_RECEIVE: return SHELL "/Receive";
    case UH_WSMAN_SIGNAL: return SHELL "/Signal";
    case UH_WSMAN_DELETE: return TRANSFER "Delete";
  }
  return "";
}

static void language(struct writer *w, const char *name) {
  begin(w, name);
  attribute(w, "s:mustUnderstand", "false"); /* a server without the language would refuse all else */
  attribute(w, "xml:lang", "en-US");
  end(w);
}

static void option(struct writer *w, const char *name, const char *value, bool comply) {
  begin(w, "wsman:OptionSet");
  attribute(w, "s:mustUnderstand", "true");
  begin(w, "wsman:Option");
  attribute(w, "Name", name);
  if (comply) attribute(w, "MustComply", "true");
  text(w, value);
  end(w);
  end(w);
}

static void write_header(struct writer *w, const struct uh_wsman_ask *q) {
  char number[32];
  begin(w, "s:Header");
  element(w, "wsa:Action", "true", action_of(q->verb));
  language(w, "wsmv:DataLocale");
  language(w, "wsman:Locale");
  (void)snprintf(number, sizeof number, "%zu", q->max_envelope);
  element(w, "wsman:MaxEnvelopeSize", "true", number);
  element(w, "wsa:MessageID", NULL, q->message_id);
  (void)snprintf(number, sizeof number, "PT%lld.%03dS", (long long)(q->timeout_ms / 1000), (int)(q->timeout_ms % 1000));
  element(w, "wsman:OperationTimeout", NULL, number);
  begin(w, "wsa:ReplyTo");
  element(w, "wsa:Address", "true", ANONYMOUS);
  end(w);
  element(w, "wsman:ResourceURI", "true", q->resource);
  element(w, "wsmv:SessionId", "false", q->session_id);
  element(w, "wsa:To", NULL, q->to);
  if (q->verb == UH_WSMAN_CREATE) option(w, "protocolversion", q->protocol, true);
  if (q->verb == UH_WSMAN_RECEIVE) option(w, "WSMAN_CMDSHELL_OPTION_KEEPALIVE", "True", false);
  if (q->verb == UH_WSMAN_COMMAND) option(w, "WINRS_SKIP_CMD_SHELL", "False", false);
  if (q->verb != UH_WSMAN_CREATE) {
    begin(w, "wsman:SelectorSet");
    begin(w, "wsman:Selector");
    attribute(w, "Name", "ShellId");
    text(w, q->shell);
    end(w);
    end(w);
  }
  end(w);
}

static void write_create(struct writer *w, const struct uh_wsman_ask *q) {
  begin(w, "rsp:Shell");
  attribute(w, "ShellId", q->shell);
  element(w, "rsp:InputStreams", NULL, "stdin pr");
  element(w, "rsp:OutputStreams", NULL, "stdout");
  begin(w, "creationXml");
  attribute(w, "xmlns", POWERSHELL);
  text(w, q->data);
  end(w);
  end(w);
}

static void write_body(struct writer *w, const struct uh_wsman_ask *q) {
  begin(w, "s:Body");
  switch (q->verb) {
    case UH_WSMAN_CREATE: write_create(w, q); break;
    case UH_WSMAN_COMMAND:
      begin(w, "rsp:CommandLine");
      attribute(w, "CommandId", q->command);
      element(w, "rsp:Command", NULL, "");
      element(w, "rsp:Arguments", NULL, q->data);
      end(w);
      break;
    case UH_WSMAN_SEND:
      begin(w, "rsp:Send");
      begin(w, "rsp:Stream");
      attribute(w, "Name", q->stream);
      if (q->command) attribute(w, "CommandId", q->command);
      text(w, q->data);
      end(w);
      end(w);
      break;
    case UH_WSMAN_RECEIVE:
      begin(w, "rsp:Receive");
      begin(w, "rsp:DesiredStream");
      if (q->command) attribute(w, "CommandId", q->command);
      text(w, "stdout");
      end(w);
      end(w);
      break;
    case UH_WSMAN_SIGNAL:
      begin(w, "rsp:Signal");
      attribute(w, "CommandId", q->command);
      element(w, "rsp:Code", NULL, q->code);
      end(w);
      break;
    case UH_WSMAN_DELETE: break;
  }
  end(w);
}

int uh_wsman_make_envelope(const struct uh_wsman_ask *q, struct uh_str *ret_soap, struct uh_err *err) {
  xmlBufferPtr buffer = xmlBufferCreate();
  struct writer w = {.xml = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL};
  if (w.xml) {
    begin(&w, "s:Envelope");
    attribute(&w, "xmlns:s", "http://www.w3.org/2003/05/soap-envelope");
    attribute(&w, "xmlns:wsa", "http://schemas.xmlsoap.org/ws/2004/08/addressing");
    attribute(&w, "xmlns:wsman", "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd");
    attribute(&w, "xmlns:wsmv", "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd");
    attribute(&w, "xmlns:rsp", SHELL);
    write_header(&w, q);
    write_body(&w, q);
    end(&w);
    w.failed = xmlTextWriterFlush(w.xml) < 0 || w.failed;
    xmlFreeTextWriter(w.xml);
  }
  uh_str_reset(ret_soap);
  if (w.xml && !w.failed)
    uh_str_addn(ret_soap, (const char *)xmlBufferContent(buffer), (size_t)xmlBufferLength(buffer));
  bool good = w.xml && !w.failed && !ret_soap->failed;
  if (buffer) xmlBufferFree(buffer);
  return good ? 0 : uh_fail_nomem(err);
}
