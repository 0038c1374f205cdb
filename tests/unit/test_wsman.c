/* SPDX-License-Identifier: Apache-2.0 */
/* WSMan's SOAP as written and read, its faults, base64, and the encrypted multipart: shapes as real servers send them,
 * and hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/base64.h"
#include "wire/multipart.h"
#include "wire/wsman.h"
#include "wire/wsman_soap.h"

#define ID "uuid:11111111-2222-3333-4444-555555555555"
#define COMMAND "E888E1DF-6EE7-4A5B-8C6D-0123456789AB"
#define SHELL_NS "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"

/* A server chooses its own prefixes. */
static const char head[] =
    "<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope' xmlns:q='http://schemas.xmlsoap.org/ws/2004/08/addressing'"
    " xmlns:dmtf='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd' xmlns:ms='http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd'"
    " xmlns='" SHELL_NS "'><e:Header><q:Action>%s</q:Action><q:RelatesTo>" ID
    "</q:RelatesTo>"
    "<ms:ActivityId e:mustUnderstand='false'>A1B2</ms:ActivityId></e:Header><e:Body>%s</e:Body></e:Envelope>";

static char *envelope(const char *action, const char *body) {
  char *text = NULL;
  assert_true(asprintf(&text, head, action, body) > 0);
  return text;
}

static struct uh_wsman_answer *read_answer(const char *action, const char *body) {
  struct uh_wsman_answer *a = NULL;
  struct uh_err err = UH_ERR_INIT;
  char *text = envelope(action, body);
  if (uh_wsman_read_envelope(text, strlen(text), ID, &a, &err) < 0) fail_msg("%s", err.what);
  free(text);
  return a;
}

static int unread(const char *text, const char *id, char what[512]) {
  struct uh_wsman_answer *a = NULL;
  struct uh_err err = UH_ERR_INIT;
  int r = uh_wsman_read_envelope(text, strlen(text), id, &a, &err);
  uh_wsman_answer_free(a);
  memcpy(what, err.what, sizeof err.what);
  return r;
}

/* ---- writing ---- */

static void writes(void **state) {
  (void)state;
  struct uh_str soap = {0};
  struct uh_err err = UH_ERR_INIT;
  struct uh_wsman_ask ask = {.verb = UH_WSMAN_CREATE,
                             .to = "http://ex01/PowerShell/?a=1&b=<2>",
                             .resource = "http://schemas.microsoft.com/powershell/Microsoft.Exchange",
                             .message_id = ID,
                             .session_id = ID,
                             .shell = "76056A84-51DC-4F24-9262-CA2A55464B2B",
                             .data = "AAECAw==",
                             .protocol = "2.3",
                             .timeout_ms = 20500,
                             .max_envelope = 153600};
  assert_int_equal(uh_wsman_make_envelope(&ask, &soap, &err), 0);
  assert_non_null(strstr(soap.s, ">http://schemas.xmlsoap.org/ws/2004/09/transfer/Create</wsa:Action>"));
  assert_non_null(strstr(soap.s, "<wsa:To>http://ex01/PowerShell/?a=1&amp;b=&lt;2&gt;</wsa:To>"));
  assert_non_null(strstr(soap.s, "<wsman:OperationTimeout>PT20.500S</wsman:OperationTimeout>"));
  assert_non_null(strstr(soap.s, "<wsman:Option Name=\"protocolversion\" MustComply=\"true\">2.3</wsman:Option>"));
  assert_non_null(strstr(soap.s, "<wsman:Locale s:mustUnderstand=\"false\" xml:lang=\"en-US\"/>"));
  assert_non_null(strstr(soap.s,
                         "<rsp:Shell ShellId=\"76056A84-51DC-4F24-9262-CA2A55464B2B\">"
                         "<rsp:InputStreams>stdin pr</rsp:InputStreams><rsp:OutputStreams>stdout</rsp:OutputStreams>"
                         "<creationXml xmlns=\"http://schemas.microsoft.com/powershell\">AAECAw==</creationXml>"));
  assert_null(strstr(soap.s, "SelectorSet"));

  ask.verb = UH_WSMAN_RECEIVE;
  ask.command = COMMAND;
  assert_int_equal(uh_wsman_make_envelope(&ask, &soap, &err), 0);
  assert_non_null(strstr(soap.s, "<rsp:DesiredStream CommandId=\"" COMMAND "\">stdout</rsp:DesiredStream>"));
  assert_non_null(
      strstr(soap.s, "<wsman:Selector Name=\"ShellId\">76056A84-51DC-4F24-9262-CA2A55464B2B</wsman:Selector>"));

  ask.verb = UH_WSMAN_DELETE;
  assert_int_equal(uh_wsman_make_envelope(&ask, &soap, &err), 0);
  assert_non_null(strstr(soap.s, "<s:Body/>"));
  uh_str_clear(&soap);
}

/* ---- reading ---- */

static void reads_the_shell_and_the_command(void **state) {
  (void)state;
  char id[UH_WSMAN_ID_MAX] = "unchanged";
  struct uh_wsman_answer *a = read_answer(
      "http://schemas.xmlsoap.org/ws/2004/09/transfer/CreateResponse",
      "<r:ResourceCreated xmlns:r='http://schemas.xmlsoap.org/ws/2004/09/transfer'><q:ReferenceParameters><dmtf:SelectorSet>"
      "<dmtf:Selector Name='Other'>x</dmtf:Selector><dmtf:Selector Name='ShellId'> THEIR-OWN-1 </dmtf:Selector>"
      "</dmtf:SelectorSet></q:ReferenceParameters></r:ResourceCreated><Shell><ShellId>ANOTHER</ShellId></Shell>");
  assert_true(uh_wsman_answers(a, UH_WSMAN_CREATE));
  assert_false(uh_wsman_answers(a, UH_WSMAN_DELETE));
  assert_true(uh_wsman_answer_shell(a, id));
  assert_string_equal(id, "THEIR-OWN-1");
  assert_string_equal(uh_wsman_answer_activity(a), "A1B2");
  uh_wsman_answer_free(a);
  a = read_answer(SHELL_NS "/CommandResponse", "<CommandResponse><CommandId>" COMMAND "</CommandId></CommandResponse>");
  assert_true(uh_wsman_answer_command(a, id));
  assert_string_equal(id, COMMAND);
  uh_wsman_answer_free(a);
}

static void an_id_is_no_place_for_markup(void **state) {
  (void)state;
  char id[UH_WSMAN_ID_MAX] = "unchanged";
  static const char *const bad[] = {"", "a b", "a&lt;b",
                                    "0123456789012345678901234567890123456789012345678901234567890123"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char body[300];
    (void)snprintf(body, sizeof body, "<CommandResponse><CommandId>%s</CommandId></CommandResponse>", bad[i]);
    struct uh_wsman_answer *a = read_answer(SHELL_NS "/CommandResponse", body);
    assert_false(uh_wsman_answer_command(a, id));
    uh_wsman_answer_free(a);
  }
  assert_string_equal(id, "unchanged");
}

static int collect(void *user, const void *data, size_t n, struct uh_err *err) {
  (void)err;
  uh_str_addn(user, data, n);
  uh_str_addc(user, '|');
  return 0;
}
static int streams(const char *body, const char *command, struct uh_str *got, bool *done, char what[512]) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_wsman_answer *a = read_answer(SHELL_NS "/ReceiveResponse", body);
  uh_str_reset(got);
  int r = uh_wsman_answer_streams(a, command, collect, got, done, &err);
  uh_wsman_answer_free(a);
  memcpy(what, err.what, sizeof err.what);
  return r;
}

static void reads_streams(void **state) {
  (void)state;
  struct uh_str got = {0};
  bool done;
  char what[512];
  assert_int_equal(
      streams(
          "<ReceiveResponse><Stream Name='stdout' CommandId='" COMMAND "'>YWJj</Stream>"
          "<Stream Name='stdout' CommandId='e888e1df-6ee7-4a5b-8c6d-0123456789ab'>Z\r\nGU=</Stream><Stream Name='stdout'/>"
          "<CommandState CommandId='" COMMAND "' State='" SHELL_NS "/CommandState/Done'/></ReceiveResponse>",
          COMMAND, &got, &done, what),
      0);
  assert_string_equal(got.s, "abc|de|");
  assert_true(done);
  assert_int_equal(streams("<ReceiveResponse><CommandState CommandId='" COMMAND "' State='" SHELL_NS
                           "/CommandState/Running'/></ReceiveResponse>",
                           COMMAND, &got, &done, what),
                   0);
  assert_false(done);
  /* Of another command, of none, broken. */
  assert_int_equal(
      streams("<ReceiveResponse><Stream CommandId='AAAA'>YWJj</Stream></ReceiveResponse>", COMMAND, &got, &done, what),
      -1);
  assert_int_equal(
      streams("<ReceiveResponse><Stream CommandId='AAAA'>YWJj</Stream></ReceiveResponse>", NULL, &got, &done, what),
      -1);
  assert_int_equal(streams("<ReceiveResponse><Stream>YWJ</Stream></ReceiveResponse>", NULL, &got, &done, what), -1);
  assert_string_equal(what, "a stream of the reply is not base64 (line 1)");
  /* The state of another command ends nothing. */
  assert_int_equal(streams("<ReceiveResponse><CommandState CommandId='AAAA' State='" SHELL_NS
                           "/CommandState/Done'/></ReceiveResponse>",
                           COMMAND, &got, &done, what),
                   0);
  assert_false(done);
  uh_str_clear(&got);
}

static void refuses_what_is_no_reply(void **state) {
  (void)state;
  char what[512];
  char *text = envelope("x", "");
  assert_int_equal(unread(text, ID, what), 0);
  assert_int_equal(unread(text, "uuid:other", what), -1);
  assert_string_equal(what, "the SOAP reply belongs to another request");
  text[strlen(text) - 5] = '\0';
  assert_int_equal(unread(text, ID, what), -1);
  free(text);
  assert_int_equal(unread("", ID, what), -1);
  assert_int_equal(unread("<html><body>Not here</body></html>", ID, what), -1);
  assert_string_equal(what, "the reply is no SOAP envelope");
  assert_int_equal(
      unread("<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>"
             "<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'><e:Body>&b;</e:Body></e:Envelope>",
             NULL, what),
      -1);
  assert_int_equal(unread("<!DOCTYPE x SYSTEM 'http://127.0.0.1:1/x.dtd'>"
                          "<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'><e:Body/></e:Envelope>",
                          NULL, what),
                   -1);
  assert_string_equal(what, "the reply is not well-formed XML in UTF-8, or holds a document type");
  /* UTF-8 was asked for, and is what comes, whatever the text says of itself. */
  assert_int_equal(unread("<?xml version='1.0' encoding='UTF-16'?><e:Envelope "
                          "xmlns:e='http://www.w3.org/2003/05/soap-envelope'><e:Body/></e:Envelope>",
                          NULL, what),
                   0);
  assert_int_equal(
      unread("<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'><e:Body>\xff</e:Body></e:Envelope>", NULL,
             what),
      -1);
  assert_int_equal(
      unread("\xef\xbb\xbf<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'><e:Body/></e:Envelope>", NULL,
             what),
      0);
  /* Prefixes mean nothing, namespaces all. */
  assert_int_equal(unread("<s:Envelope xmlns:s='urn:other'><s:Body/></s:Envelope>", NULL, what), -1);
}

static void depth_is_bounded(void **state) {
  (void)state;
  char what[512];
  struct uh_str text = {0};
  uh_str_add(&text, "<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'><e:Body>");
  for (int i = 0; i < 100000; i++) uh_str_add(&text, "<a>");
  assert_int_equal(unread(text.s, NULL, what), -1);
  uh_str_clear(&text);
}

/* ---- faults ---- */

static struct uh_err fault_err(const char *subcode, const char *code, const char *message, struct uh_wsman_fault *ret) {
  struct uh_err err = UH_ERR_INIT;
  char body[2000];
  (void)snprintf(
      body, sizeof body,
      "<e:Fault><e:Code><e:Value>e:Receiver</e:Value><e:Subcode><e:Value>dmtf:%s</e:Value></e:Subcode></e:Code>"
      "<e:Reason><e:Text xml:lang='en-US'>the reason</e:Text></e:Reason><e:Detail>"
      "<f:WSManFault xmlns:f='http://schemas.microsoft.com/wbem/wsman/1/wsmanfault' Code='%s' Machine='ex01'>"
      "<f:Message>%s</f:Message></f:WSManFault></e:Detail></e:Fault>",
      subcode, code, message);
  struct uh_wsman_answer *a = read_answer("http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", body);
  assert_non_null(uh_wsman_answer_fault(a));
  *ret = *uh_wsman_answer_fault(a);
  assert_int_equal(uh_wsman_fault_error(ret, &err), -1);
  uh_wsman_answer_free(a);
  return err;
}

static void tells_faults_apart(void **state) {
  (void)state;
  struct uh_wsman_fault f;
  struct uh_err err = fault_err("TimedOut", "2150858793", "late", &f);
  assert_int_equal(f.code, UH_WSMAN_TIMED_OUT);
  assert_string_equal(f.subcode, "TimedOut");
  err = fault_err("InvalidSelectors", "2150858843", "gone", &f);
  assert_int_equal(err.cls, UH_ERR_UNAVAILABLE);
  assert_non_null(strstr(err.what, "not there any more: gone"));
  err = fault_err("AccessDenied", "5", "Access is denied.", &f);
  assert_int_equal(err.cls, UH_ERR_DENIED);
  assert_int_equal(err.answer, UH_REFUSED);
  err = fault_err("InternalError", "2150858811", "no such", &f);
  assert_int_equal(err.cls, UH_ERR_CONFIG);
  err = fault_err("QuotaLimit", "2150859173", "too many", &f);
  assert_true(f.too_many);
  assert_int_equal(err.cls, UH_ERR_UNAVAILABLE);
  assert_int_equal(err.answer, UH_TIMEOUT);
  err = fault_err("InternalError", "99999999999999999999", "", &f);
  assert_int_equal(f.code, 0);
  assert_string_equal(f.text, "the reason");
  err = fault_err("x", "-1", "", &f);
  assert_int_equal(f.code, 0);
}

/* Exchange puts its own words into a provider's fault, with tokens that do not depend on the language. */
static void reads_exchanges_tokens(void **state) {
  (void)state;
  struct uh_wsman_fault f;
  struct uh_err err = fault_err(
      "InternalError", "2147942405",
      "<f:ProviderFault provider='microsoft.exchange' path='pwrshplugin.dll'>[ClientAccessServer=EX01,BackEndServer=ex01.contoso.com,"
      "RequestId=0b0e6f1a-0000-4000-8000-000000000001,TimeStamp=11/26/2026 11:00:00 AM] [FailureCategory=AuthZ-AuthorizationException]"
      " Fail to create a runspace because you have exceeded the maximum number of connections allowed : 18 for the policy party : "
      "MaxConcurrency. </f:ProviderFault>",
      &f);
  assert_string_equal(f.category, "AuthZ-AuthorizationException");
  assert_true(f.too_many);
  assert_int_equal(err.cls, UH_ERR_UNAVAILABLE);
  assert_string_equal(err.request_id, "0b0e6f1a-0000-4000-8000-000000000001");
  assert_non_null(strstr(err.remedy, "killed run"));
  err = fault_err(
      "InternalError", "2150859999",
      "<f:ProviderFault>[AuthZRequestId=x][FailureCategory=AuthZ-CmdletAccessDeniedException] no role</f:ProviderFault>",
      &f);
  assert_false(f.too_many);
  assert_int_equal(err.cls, UH_ERR_DENIED);
  err = fault_err("x", "2150859161",
                  "<f:At>https://ex03.contoso.com/PowerShell/</f:At>https://ex02.contoso.com/PowerShell/", &f);
  assert_string_equal(f.redirect, "https://ex03.contoso.com/PowerShell/");
  err = fault_err("x", "2150859161", "go to https://ex02.contoso.com/PowerShell/, please", &f);
  assert_string_equal(f.redirect, "https://ex02.contoso.com/PowerShell/");
  assert_non_null(strstr(err.what, "https://ex02.contoso.com/PowerShell/"));
}

/* ---- base64 ---- */

static void base64_is_strict(void **state) {
  (void)state;
  struct uh_str out = {0};
  static const struct {
    const char *text, *bytes;
  } good[] = {{"", ""}, {"YQ==", "a"}, {"YWI=", "ab"}, {"YWJj", "abc"}, {" YW\r\nJj\tZA= = ", "abcd"}};
  static const char *const bad[] = {
      "Y", "YQ", "YQ=", "=", "====", "YQ==YQ==", "Y-Jj", "YWJj=", "YW=j", "YQ=a", "Y\xc3\xa4Jj"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    uh_str_reset(&out);
    assert_true(uh_base64_decode(&out, good[i].text, strlen(good[i].text)));
    assert_string_equal(uh_str_text(&out), good[i].bytes);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    uh_str_reset(&out);
    uh_str_add(&out, "kept");
    if (uh_base64_decode(&out, bad[i], strlen(bad[i]))) fail_msg("%s was decoded", bad[i]);
    assert_string_equal(out.s, "kept");
  }
  uh_str_clear(&out);
  struct uh_str big = {0};
  for (int i = 0; i < 10000; i++) uh_str_addc(&big, (char)(i * 7));
  uh_base64_add(&out, big.s, big.len);
  assert_int_equal(out.len, 13336);
  struct uh_str back = {0};
  assert_true(uh_base64_decode(&back, out.s, out.len));
  assert_int_equal(back.len, big.len);
  assert_memory_equal(back.s, big.s, big.len);
  uh_str_clear(&back);
  uh_str_clear(&big);
  uh_str_clear(&out);
}

/* ---- multipart ---- */

#define KERBEROS_TYPE \
  "multipart/encrypted;protocol=\"application/HTTP-Kerberos-session-encrypted\";boundary=\"Encrypted Boundary\""

static int take(const char *type, const char *body, size_t n, struct uh_multipart *ret, struct uh_err *err) {
  static char copy[4096];
  memcpy(copy, body, n);
  *err = UH_ERR_INIT;
  return uh_multipart_read(type, UH_MULTIPART_KERBEROS, copy, n, ret, err);
}

static void multipart_comes_back(void **state) {
  (void)state;
  struct uh_str type = {0}, body = {0};
  struct uh_err err = UH_ERR_INIT;
  struct uh_multipart part;
  static const char sealed[] =
      "HEADER--Encrypted Boundary--\r\n--Encrypted Boundary\r\ndata\n"; /* the boundary within */
  assert_int_equal(uh_multipart_write(UH_MULTIPART_KERBEROS, sealed, sizeof sealed, 6, &type, &body, &err), 0);
  assert_string_equal(type.s, KERBEROS_TYPE);
  static const char begin[] =
      "--Encrypted Boundary\r\n\tContent-Type: application/HTTP-Kerberos-session-encrypted\r\n"
      "\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=";
  assert_memory_equal(body.s, begin, sizeof begin - 1);
  assert_int_equal(take(type.s, body.s, body.len, &part, &err), 0);
  assert_int_equal(part.header_size, 6);
  assert_memory_equal(part.header, "HEADER", 6);
  assert_int_equal(part.data_size, sizeof sealed - 6);
  assert_int_equal(part.length, sizeof sealed - 6);
  assert_memory_equal(part.data, sealed + 6, part.data_size);
  uh_str_clear(&type);
  uh_str_clear(&body);
}

#define PART(length, tail)                                                                                      \
  "-- Encrypted Boundary\r\n\tContent-Type: application/HTTP-Kerberos-session-encrypted\r\n\tOriginalContent: " \
  "type=application/soap+xml;charset=UTF-8;Length=" length                                                      \
  "\r\n-- Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n" tail

/* Exchange writes a blank after the dashes. */
static void multipart_of_exchange(void **state) {
  (void)state;
  struct uh_err err;
  struct uh_multipart part;
  static const char body[] = PART("3", "\x02\0\0\0hhabc-- Encrypted Boundary--\r\n");
  assert_int_equal(take(KERBEROS_TYPE, body, sizeof body - 1, &part, &err), 0);
  assert_int_equal(part.header_size, 2);
  assert_int_equal(part.length, 3);
  assert_memory_equal(part.data, "abc", 3);
}

static void multipart_hostile(void **state) {
  (void)state;
  struct uh_err err;
  struct uh_multipart part = {.length = 77};
  static const struct {
    const char *type, *body;
    size_t n;
    const char *why;
  } cases[] = {
#define BAD(type_, body_, why_) {type_, body_, sizeof(body_) - 1, why_}
      BAD(KERBEROS_TYPE, "", "no boundary"),
      BAD(KERBEROS_TYPE, "--Encrypted Boundar", "no boundary"),
      BAD(KERBEROS_TYPE, PART("99999", "\x02\0\0\0hhabc-- Encrypted Boundary--\r\n"), "Length is none"),
      BAD(KERBEROS_TYPE, PART("18446744073709551617", "\x02\0\0\0hhabc-- Encrypted Boundary--\r\n"), "Length is none"),
      BAD(KERBEROS_TYPE, PART("-1", "\x02\0\0\0hhabc-- Encrypted Boundary--\r\n"), "Length is none"),
      BAD(KERBEROS_TYPE, PART("4", "\x02\0\0\0hhabc-- Encrypted Boundary--\r\n"), "shorter than announced"),
      BAD(KERBEROS_TYPE, PART("3", "\xff\xff\xff\xffhhabc-- Encrypted Boundary--\r\n"), "header token is longer"),
      BAD(KERBEROS_TYPE, PART("3", "\x06\0\0\0hhabc-- Encrypted Boundary--\r\n"), "header token is longer"),
      BAD(KERBEROS_TYPE, PART("3", "\x02\0\0"), "last boundary"),
      BAD(KERBEROS_TYPE, PART("3", "\x02-- Encrypted Boundary--\r\n"), "no length of the header token"),
      BAD(KERBEROS_TYPE, PART("3", "\x02\0\0\0hhabc-- Encrypted Boundary\r\n"), "last boundary"),
      BAD(KERBEROS_TYPE, "--Encrypted Boundary\r\n\tContent-Type: text/plain\r\n", "another protocol"),
      BAD(KERBEROS_TYPE, "--Encrypted Boundary\r\n--Encrypted Boundary\r\n", "OriginalContent is missing"),
      BAD("multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\";boundary=\"Encrypted Boundary\"",
          PART("3", "\x02\0\0\0hhabc-- Encrypted Boundary--\r\n"), "not that of the sign-in"),
      BAD("multipart/encryptedx", "", "not that of the sign-in"),
      BAD("multipart/encrypted;protocol=\"application/HTTP-Kerberos-session-encrypted\";boundary=\"", "",
          "not that of the sign-in"),
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(take(cases[i].type, cases[i].body, cases[i].n, &part, &err), -1);
    if (!strstr(err.what, cases[i].why)) fail_msg("%zu: %s", i, err.what);
    assert_int_equal(err.cls, UH_ERR_DATA);
    assert_int_equal(part.length, 77);
  }
  /* Cut anywhere it is refused, never read beyond. */
  static const char body[] = PART("3", "\x02\0\0\0hhabc-- Encrypted Boundary--");
  for (size_t n = 0; n < sizeof body - 1; n++) {
    char *exact = malloc(n + 1);
    assert_non_null(exact);
    memcpy(exact, body, n);
    err = UH_ERR_INIT;
    assert_int_equal(uh_multipart_read(KERBEROS_TYPE, UH_MULTIPART_KERBEROS, exact, n, &part, &err), -1);
    free(exact);
  }
}

/* ---- what is refused before anybody is asked ---- */

static void login_is_checked(void **state) {
  (void)state;
  static const struct {
    struct uh_wsman_login_options o;
    int r;
  } cases[] = {
      {{.url = "http://ex01.contoso.com/PowerShell/"}, 0},
      {{.url = "https://ex01.contoso.com/PowerShell/", .auth = UH_WSMAN_BASIC, .user = "u", .password = "p"}, 0},
      {{.url = "http://ex01.contoso.com/PowerShell/", .auth = UH_WSMAN_BASIC, .user = "u", .password = "p"}, -1},
      {{.url = "https://ex01.contoso.com/PowerShell/", .auth = UH_WSMAN_BASIC}, -1},
      {{.url = "https://ex01.contoso.com/PowerShell/", .auth = UH_WSMAN_BASIC, .user = "u:v", .password = "p"}, -1},
      {{.url = "http://192.0.2.1/PowerShell/"}, -1},
      {{.url = "http://[2001:db8::1]/PowerShell/"}, -1},
      {{.url = "http://u:p@ex01.contoso.com/PowerShell/"}, -1},
      {{.url = "ldap://ex01.contoso.com/"}, -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct uh_err err = UH_ERR_INIT;
    if (uh_wsman_login_check(&cases[i].o, &err) != cases[i].r) fail_msg("%zu: %s", i, cases[i].o.url);
    assert_int_equal(err.cls, cases[i].r ? UH_ERR_CONFIG : UH_ERR_NONE);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(writes),
      cmocka_unit_test(reads_the_shell_and_the_command),
      cmocka_unit_test(an_id_is_no_place_for_markup),
      cmocka_unit_test(reads_streams),
      cmocka_unit_test(refuses_what_is_no_reply),
      cmocka_unit_test(depth_is_bounded),
      cmocka_unit_test(tells_faults_apart),
      cmocka_unit_test(reads_exchanges_tokens),
      cmocka_unit_test(base64_is_strict),
      cmocka_unit_test(multipart_comes_back),
      cmocka_unit_test(multipart_of_exchange),
      cmocka_unit_test(multipart_hostile),
      cmocka_unit_test(login_is_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
