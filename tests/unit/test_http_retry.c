/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proves: Retry-After is understood in its three forms and never rounded down; only what may be repeated is; a redirect
 * is followed to the service's own hosts only; Exchange Online's and Graph's error replies are told apart by type.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire/exchange_online.h"
#include "wire/graph.h"
#include "wire/http.h"

static void retry_after(void **state) {
  (void)state;
  int64_t now = 1795374000; /* 2026-11-22T19:00:00Z */
  static const struct {
    const char *text;
    int64_t ms;
  } good[] = {{"0", 0},
              {"10", 10000},
              {" 3 ", 3000},
              {"2.128", 2128},
              {"0.5", 500},
              {"1.0001", 1001},
              {"1.0000", 1000},
              {"7.", 7000},
              {"Sun, 22 Nov 2026 19:00:05 GMT", 5000},
              {"Sunday, 22-Nov-26 19:00:05 GMT", 5000},
              {"Sun Nov 22 19:00:05 2026", 5000},
              {"Sun, 22 Nov 2026 18:00:00 GMT", 0}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    int64_t ms = -1;
    assert_true(uh_http_retry_after(good[i].text, now, &ms));
    if (ms != good[i].ms) fail_msg("%s: %lld", good[i].text, (long long)ms);
  }
  static const char *const bad[] = {"", "-1", "soon", "1e3", "0x10", "1.2.3", "inf", "nan", "10 apples", "+1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int64_t ms;
    if (uh_http_retry_after(bad[i], now, &ms)) fail_msg("taken: %s", bad[i]);
  }
  int64_t ms = 0;
  assert_true(uh_http_retry_after("99999999999999999999999999", now, &ms));
  assert_true(ms > UH_HTTP_RETRY_AFTER_MAX_MS); /* given up, not wrapped round */
}

static void origins(void **state) {
  (void)state;
  char o[UH_HTTP_ORIGIN_MAX];
  assert_true(uh_http_origin("https://Outlook.Office365.com/a?b", o));
  assert_string_equal(o, "https://outlook.office365.com:443");
  assert_true(uh_http_origin("https://127.0.0.1:8443", o));
  assert_string_equal(o, "https://127.0.0.1:8443");
  assert_false(uh_http_origin("https://user:x@outlook.office365.com/", o));
  assert_false(uh_http_origin("ftp://outlook.office365.com/", o));
  assert_false(uh_http_origin("not a url", o));
}

static void redirects(void **state) {
  (void)state;
  char o[UH_HTTP_ORIGIN_MAX];
  const char *base = "https://outlook.office365.com";
  assert_true(uh_exo_redirect(base, "https://eur01.outlook.office365.com:446/AdminApi/x", o));
  assert_string_equal(o, "https://eur01.outlook.office365.com:443");
  assert_true(uh_exo_redirect(base, "https://outlook.office365.com/x", o));
  assert_true(uh_exo_redirect("https://localhost:8443", "https://eur01.localhost:446/", o));
  assert_string_equal(o, "https://eur01.localhost:8443");
  assert_false(uh_exo_redirect(base, "http://eur01.outlook.office365.com/", o));
  assert_false(uh_exo_redirect(base, "https://outlook.office365.com.evil.example/", o));
  assert_false(uh_exo_redirect(base, "https://eviloutlook.office365.com/", o));
  assert_false(uh_exo_redirect(base, "https://eur01.outlook.office365.com:8443/", o));
  assert_false(uh_exo_redirect(base, "/relative", o));
}

static struct uh_http_reply reply(long status, enum uh_http_failure failure, const char *header) {
  struct uh_http_reply r = {.status = status, .failure = failure, .err = UH_ERR_INIT};
  uh_str_addn(&r.headers, header, strlen(header) + 1);
  return r;
}

static void judged(void **state) {
  (void)state;
  static const struct {
    long status;
    enum uh_http_failure failure;
    const char *header;
    enum uh_http_verdict verdict;
  } cases[] = {{200, UH_HTTP_FINE, "", UH_HTTP_ACCEPT},
               {400, UH_HTTP_FINE, "", UH_HTTP_ACCEPT},
               {401, UH_HTTP_FINE, "", UH_HTTP_ACCEPT},
               {403, UH_HTTP_FINE, "", UH_HTTP_ACCEPT},
               {302, UH_HTTP_FINE, "", UH_HTTP_ACCEPT},
               {429, UH_HTTP_FINE, "", UH_HTTP_THROTTLED},
               {503, UH_HTTP_FINE, "retry-after: 3", UH_HTTP_THROTTLED},
               {503, UH_HTTP_FINE, "", UH_HTTP_AGAIN},
               {500, UH_HTTP_FINE, "", UH_HTTP_AGAIN},
               {0, UH_HTTP_BROKEN, "", UH_HTTP_AGAIN},
               {0, UH_HTTP_TLS, "", UH_HTTP_ACCEPT},
               {200, UH_HTTP_ENCODING, "", UH_HTTP_AGAIN},
               {200, UH_HTTP_TOO_LARGE, "", UH_HTTP_ACCEPT},
               {0, UH_HTTP_STOPPED, "", UH_HTTP_ACCEPT}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct uh_http_reply r = reply(cases[i].status, cases[i].failure, cases[i].header);
    assert_int_equal(uh_http_judge(&r), cases[i].verdict);
    uh_http_reply_clear(&r);
  }
}

static enum uh_exo_class exo(long status, const char *body) {
  struct uh_exo_problem p;
  uh_exo_classify(status, body, strlen(body), NULL, &p);
  return p.cls;
}

static void exchange_errors(void **state) {
  (void)state;
  struct uh_exo_problem p;
  static const char missing[] =
      "{\"error\":{\"code\":\"NotFound\",\"message\":\"Error executing "
      "cmdlet\",\"details\":[{\"code\":\"Client\",\"target\":\"\","
      "\"message\":\"Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|The operation "
      "couldn't be "
      "performed because object 'x' couldn't be found on 'DC001'.\"}],\"innererror\":{\"message\":\"Error executing "
      "cmdlet\","
      "\"internalexception\":{\"message\":\"Exception of type 'X' was thrown.\",\"type\":\"X\"}}}}";
  uh_exo_classify(404, missing, strlen(missing), NULL, &p);
  assert_int_equal(p.cls, UH_EXO_NOT_FOUND);
  assert_string_equal(p.type, "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException");
  assert_non_null(strstr(p.message, "couldn't be performed"));
  assert_int_equal(exo(400, missing), UH_EXO_NOT_FOUND); /* the status does not say it */
  static const char bad_enum[] =
      "{\"error\":{\"code\":\"BadRequest\",\"message\":\"Invalid Operation\",\"innererror\":{\"message\":\"Invalid "
      "Operation\",\"type\":"
      "\"Microsoft.Exchange.Admin.OData.Core.ODataServiceException\",\"internalexception\":{\"message\":\"Cannot "
      "process argument "
      "transformation on parameter 'RecipientTypeDetails'.\",\"type\":"
      "\"Microsoft.Exchange.AdminApi.CommandInvocation.ParameterTransformationException\"}}}}";
  uh_exo_classify(400, bad_enum, strlen(bad_enum), NULL, &p);
  assert_int_equal(p.cls, UH_EXO_BAD_PARAMETER);
  assert_non_null(strstr(p.message, "Cannot process"));
  uh_exo_classify(403, "\0\0\0\0\0\0", 6, "2000003;reason=\"role required\"", &p);
  assert_int_equal(p.cls, UH_EXO_REFUSED);
  assert_non_null(strstr(p.diagnostics, "role required"));
  assert_int_equal(exo(403, "<html><body>Forbidden</body></html>"), UH_EXO_REFUSED);
  assert_int_equal(exo(401, ""), UH_EXO_TOKEN);
  assert_int_equal(
      exo(400,
          "{\"error\":{\"code\":\"BadRequest\",\"message\":\"x\",\"details\":[{\"message\":\"|Microsoft.Exchange.Data."
          "Directory.ADTransientException|try\"}]}}"),
      UH_EXO_TRANSIENT);
  assert_int_equal(
      exo(500, "You have reached the maximum number of concurrent requests per tenant. Please wait and try again"),
      UH_EXO_THROTTLED);
  assert_int_equal(
      exo(400, "{\"error\":{\"message\":\"Expired or Invalid pagination request. Default Expiry time is 00:30:00\"}}"),
      UH_EXO_CURSOR);
  assert_int_equal(
      exo(400,
          "{\"error\":{\"details\":[{\"message\":\"|Microsoft.Exchange.X.InvalidOperationInDehydratedContextException|"
          "run\"}]}}"),
      UH_EXO_DEHYDRATED);
  assert_int_equal(
      exo(400,
          "{\"error\":{\"details\":[{\"message\":\"{\\\"ClassName\\\":\\\"A.ServerBusyException\\\",\\\"Message\\\":"
          "\\\"busy\\\"}\"}]}}"),
      UH_EXO_TRANSIENT);
  assert_int_equal(exo(404, "nothing here"), UH_EXO_FAILED); /* an untyped 404 is not "there is none" */
  assert_int_equal(exo(400, ""), UH_EXO_FAILED);
}

static void graph_errors(void **state) {
  (void)state;
  char code[64], message[256];
  static const char segment[] =
      "{\"error\":{\"code\":\"BadRequest\",\"message\":\"Resource not found for the segment 'x'.\"}}";
  static const char query[] = "{\"error\":{\"code\":\"Request_UnsupportedQuery\",\"message\":\"m\"}}";
  assert_int_equal(uh_graph_classify(400, segment, strlen(segment), code, message), UH_GRAPH_NO_SEGMENT);
  assert_int_equal(uh_graph_classify(400, query, strlen(query), code, message), UH_GRAPH_UNSUPPORTED);
  assert_string_equal(code, "Request_UnsupportedQuery");
  assert_int_equal(uh_graph_classify(403, "", 0, code, message), UH_GRAPH_REFUSED);
  assert_int_equal(uh_graph_classify(429, "", 0, code, message), UH_GRAPH_THROTTLED);
  assert_int_equal(uh_graph_classify(409, "", 0, code, message), UH_GRAPH_TRANSIENT);
  assert_int_equal(uh_graph_classify(404, "", 0, code, message), UH_GRAPH_NOT_FOUND);
}

static void parts_cover_everything(void **state) {
  (void)state;
  struct uh_str f = {0};
  uh_exo_part_filter(&f, "K", "", "ab", 0);
  assert_string_equal(f.s, "K -like 'a*'");
  uh_str_reset(&f);
  uh_exo_part_filter(&f, "K", "", "ab", 2);
  assert_string_equal(f.s, "((-not ((K -like 'a*') -or (K -like 'b*'))) -or (K -eq $null))");
  uh_str_reset(&f);
  uh_exo_part_filter(&f, "K", "a", "ab", 1);
  assert_string_equal(f.s, "K -like 'ab*'");
  uh_str_reset(&f);
  uh_exo_part_filter(&f, "K", "a", "ab", 2);
  assert_string_equal(f.s, "(K -like 'a*') -and (-not ((K -like 'aa*') -or (K -like 'ab*')))");
  uh_str_clear(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(retry_after),
      cmocka_unit_test(origins),
      cmocka_unit_test(redirects),
      cmocka_unit_test(judged),
      cmocka_unit_test(exchange_errors),
      cmocka_unit_test(graph_errors),
      cmocka_unit_test(parts_cover_everything),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
