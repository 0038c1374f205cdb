/* SPDX-License-Identifier: Apache-2.0 */
/* Remote PowerShell against a scripted transport: what is sent, what is made of what comes, and of what must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "psrp_script.h"

#define MARK "\xEF\xBB\xBF" /* Windows begins every message with it */
#define MS(members) MARK "<Obj RefId=\"0\"><MS>" members "</MS></Obj>"
#define CAPABILITY(version)                             \
  MS("<Version N=\"protocolversion\">" version          \
     "</Version><Version N=\"PSVersion\">2.0</Version>" \
     "<Version N=\"SerializationVersion\">1.1.0.1</Version>")
#define PRIVATE_DATA                                                                                                   \
  MS("<Obj N=\"ApplicationPrivateData\" RefId=\"1\"><TN RefId=\"0\"><T>System.Management.Automation."                  \
     "PSPrimitiveDictionary</T><T>System.Collections.Hashtable</T><T>System.Object</T></TN><DCT><En><S N=\"Key\">"     \
     "PSVersionTable</S><Obj N=\"Value\" RefId=\"2\"><TNRef RefId=\"0\"/><DCT><En><S N=\"Key\">PSEdition</S>"          \
     "<S N=\"Value\">Desktop</S></En><En><S N=\"Key\">PSVersion</S><Version N=\"Value\">5.1.14393.2248</Version></En>" \
     "</DCT></Obj></En></DCT></Obj>")
#define POOL_STATE(n) MS("<I32 N=\"RunspaceState\">" #n "</I32>")
#define STATE(n) MS("<I32 N=\"PipelineState\">" #n "</I32>")
#define ERROR_MEMBERS                                                                                                   \
  "<Obj N=\"Exception\" RefId=\"7\"><TN RefId=\"9\"><T>System.Management.Automation.RemoteException</T></TN><ToString>" \
  "full text</ToString><Props><S N=\"Message\">The object 'x' could_x0020_not be found.</S><Nil N=\"HelpLink\"/>"       \
  "</Props></Obj><Nil N=\"TargetObject\"/><S N=\"FullyQualifiedErrorId\">[Server=EX01,RequestId="                       \
  "0c6e7b4e-11aa-4a4c-9d30-8f2f5b1c0001,TimeStamp=11/26/2026 11:00:00 AM] [FailureCategory="                            \
  "Cmdlet-ManagementObjectNotFoundException] E3DE7D95,Microsoft.Exchange.Management.RecipientTasks.GetMailbox</S>"      \
  "<Nil N=\"InvocationInfo\"/><I32 N=\"ErrorCategory_Category\">6</I32><S N=\"ErrorCategory_Activity\">Get-Mailbox</S>" \
  "<S N=\"ErrorCategory_Reason\">ManagementObjectNotFoundException</S><S N=\"ErrorCategory_TargetName\">x</S>"          \
  "<S N=\"ErrorCategory_TargetType\"></S><S N=\"ErrorCategory_Message\">..</S><B N=\"SerializeExtendedInfo\">false</B>"
#define ERROR_RECORD MS(ERROR_MEMBERS)
#define NO_SUCH_CMDLET                                                                                             \
  "<S N=\"FullyQualifiedErrorId\">CommandNotFoundException</S><I32 N=\"ErrorCategory_Category\">13</I32>"          \
  "<S N=\"ErrorCategory_Reason\">CommandNotFoundException</S><Obj N=\"Exception\" RefId=\"3\"><ToString>The term " \
  "'Get-X' is not recognized.</ToString></Obj>"
#define WARNING(text) \
  MS("<S N=\"InformationalRecord_Message\">" text "</S><B N=\"InformationalRecord_SerializeInvocationInfo\">false</B>")
#define HOST_CALL(ci, method, name, parameters)                                                           \
  MS("<I64 N=\"ci\">" #ci                                                                                 \
     "</I64><Obj N=\"mi\" RefId=\"1\"><TN RefId=\"0\"><T>System.Management.Automation.Remoting."          \
     "RemoteHostMethodId</T><T>System.Enum</T></TN><ToString>" name "</ToString><I32>" #method            \
     "</I32></Obj>"                                                                                       \
     "<Obj N=\"mp\" RefId=\"2\"><TN RefId=\"1\"><T>System.Collections.ArrayList</T></TN><LST>" parameters \
     "</LST></Obj>")

enum {
  CAPABILITY_T = 0x00010002,
  POOL_STATE_T = 0x00021005,
  PRIVATE_T = 0x00021009,
  OUTPUT_T = 0x00041004,
  ERROR_T = 0x00041005,
  STATE_T = 0x00041006,
  DEBUG_T = 0x00041007,
  VERBOSE_T = 0x00041008,
  WARNING_T = 0x00041009,
  PROGRESS_T = 0x00041010,
  INFORMATION_T = 0x00041011,
  CALL_T = 0x00041100,
};

static struct script s;
static int64_t values;
static struct uh_str told; /* records and objects, as they came */

static void says(struct script_round *r, uint32_t type, const char *body) {
  script_message(&s, r, type, type == CAPABILITY_T || type == POOL_STATE_T || type == PRIVATE_T ? NULL : s.pipeline,
                 body, strlen(body));
}

static void on_record(void *user, const struct uh_psrp_record *r) {
  static const char *const kinds[] = {"error", "warning", "verbose", "debug", "information", "progress", "host"};
  (void)user;
  uh_str_addf(&told, "%s%s:%s", r->pool ? "pool-" : "", kinds[r->kind], r->message);
  if (r->kind == UH_PSRP_PROGRESS) uh_str_addf(&told, ",%s,%d,%d", r->status, r->percent, r->completed);
  uh_str_addc(&told, ';');
}

static int on_output(void *user, const struct uh_clixml_value *v, struct uh_err *err) {
  const char *text = "?";
  (void)user, (void)err;
  values++;
  if (uh_clixml_kind(v) == UH_CLIXML_NIL) text = "null";
  (void)uh_clixml_text(v, &text, NULL);
  uh_str_addf(&told, "out:%s;", text);
  return 0;
}

static int set_up(void **state) {
  (void)state;
  script_clear(&s);
  s = (struct script){0};
  uh_str_clear(&told);
  values = 0;
  return 0;
}

static void pool_opens(const char *capability) {
  struct script_round *r = script_round(&s, 0, false);
  says(r, CAPABILITY_T, capability);
  r = script_round(&s, 0, false);
  says(r, PRIVATE_T, PRIVATE_DATA);
  says(r, POOL_STATE_T, POOL_STATE(2));
}

static const struct uh_psrp_options plain = {.transport = {&script_ops, &s}, .record = on_record, .stop_ms = 1000};

static struct uh_psrp *opened(const struct uh_psrp_options *o) {
  struct uh_psrp *p = NULL;
  struct uh_err err = UH_ERR_INIT;
  char text[1100];
  if (s.n[0] == 0) pool_opens(CAPABILITY("2.3"));
  if (uh_psrp_open(o, &p, &err) != 0) fail_msg("%s", uh_err_text(&err, text, sizeof text));
  uh_str_reset(&s.log);
  return p;
}

static struct uh_psrp_cmdlet get(const char *name) {
  return (struct uh_psrp_cmdlet){.name = name, .output = on_output, .record = on_record};
}

static void is_log(const char *want) {
  assert_string_equal(uh_str_text(&s.log), want);
}
static void has(const char *text, const char *part) {
  if (!text || !strstr(text, part)) fail_msg("\"%s\" does not hold \"%s\"", text ? text : "", part);
}

/* ---- opening ---- */

static void test_open(void **state) {
  (void)state;
  /* The first message of a recorded session, but for its pool's id. */
  static const unsigned char recorded[] = {0, 0, 0, 0, 0, 0,    0, 1, 0, 0, 0, 0, 0, 0, 0,
                                           0, 3, 0, 0, 0, 0xC7, 2, 0, 0, 0, 2, 0, 1, 0};
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp *p = NULL;
  pool_opens(CAPABILITY("2.3"));
  assert_int_equal(uh_psrp_open(&plain, &p, &err), 0);
  assert_string_equal(uh_psrp_protocol(p), "2.3");
  assert_string_equal(uh_psrp_server_version(p), "5.1.14393.2248");
  assert_false(uh_psrp_is_broken(p));
  assert_memory_equal(s.creation.s, recorded, sizeof recorded);
  assert_memory_equal(s.creation.s + 29, s.pool, 16);
  assert_memory_equal(s.creation.s + 45,
                      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0<Obj RefId=\"0\"><MS><Version N=\"protocolversion"
                      "\">2.3</Version><Version N=\"PSVersion\">2.0</Version><Version N=\""
                      "SerializationVersion\">1.1.0.1</Version></MS></Obj>",
                      16 + 159);
  const char *second = s.creation.s + 21 + 199;
  assert_memory_equal(second, "\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\3", 17);
  assert_memory_equal(second + 21, "\2\0\0\0\4\0\1\0", 8);
  has(second + 61, "<I32 N=\"MinRunspaces\">1</I32><I32 N=\"MaxRunspaces\">1</I32>");
  has(second + 61,
      "<ToString>UNKNOWN</ToString><I32>2</I32></Obj><Obj N=\"HostInfo\" RefId=\"3\"><MS><B N=\"_isHostNull\">true</B>"
      "<B N=\"_isHostUINull\">true</B><B N=\"_isHostRawUINull\">true</B><B N=\"_useRunspaceHost\">true</B></MS></Obj>"
      "<Nil N=\"ApplicationArguments\"/></MS></Obj>");
  is_log("open-2.3 receive(pool) receive(pool)");
  assert_int_equal(uh_psrp_requests(p), 3);
  assert_int_equal(uh_psrp_close(p, &err), 0);
  is_log("open-2.3 receive(pool) receive(pool) close");
}

static void test_versions(void **state) {
  (void)state;
  static const struct {
    const char *speaks, *answers, *protocol, *log;
  } rows[] = {{"2.2", CAPABILITY("2.2"), "2.2", "open-2.3 open-2.2 receive(pool) receive(pool)"},
              {"2.1", CAPABILITY("2.1"), "2.1", "open-2.3 open-2.2 open-2.1 receive(pool) receive(pool)"},
              {NULL, CAPABILITY("2.2"), "2.2", "open-2.3 receive(pool) receive(pool)"},
              {NULL, CAPABILITY("2.9"), "2.3", "open-2.3 receive(pool) receive(pool)"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct uh_err err = UH_ERR_INIT;
    struct uh_psrp *p = NULL;
    set_up(NULL);
    s.speaks = rows[i].speaks;
    pool_opens(rows[i].answers);
    assert_int_equal(uh_psrp_open(&plain, &p, &err), 0);
    assert_string_equal(uh_psrp_protocol(p), rows[i].protocol);
    is_log(rows[i].log);
    assert_int_equal(uh_psrp_close(p, NULL), 0);
  }
}

static bool yes(void *user) {
  (void)user;
  return true;
}

static void opens_not(const struct uh_psrp_options *o, enum uh_err_class cls, const char *what, const char *log) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp *p = NULL;
  assert_int_equal(uh_psrp_open(o, &p, &err), -1);
  assert_null(p);
  has(err.what, what);
  assert_int_equal(err.cls, cls);
  is_log(log); /* whatever happened: the shell is deleted, and that cannot be cancelled */
}

static void test_open_fails(void **state) {
  (void)state;
  struct uh_psrp_options o = plain;
  s.speaks = "3.0";
  opens_not(&o, UH_ERR_UNAVAILABLE, "none of the protocol versions", "open-2.3 open-2.2 open-2.1 close");
  set_up(NULL);
  s.open_fails = true;
  opens_not(&o, UH_ERR_DENIED, "401", "open-2.3 close");
  set_up(NULL);
  says(script_round(&s, 0, false), POOL_STATE_T, POOL_STATE(2));
  opens_not(&o, UH_ERR_UNAVAILABLE, "without saying which protocol", "open-2.3 receive(pool) close");
  set_up(NULL);
  says(script_round(&s, 0, false), CAPABILITY_T, CAPABILITY("3.0"));
  opens_not(&o, UH_ERR_UNAVAILABLE, "protocol \"3.0\"", "open-2.3 receive(pool) close");
  set_up(NULL);
  says(script_round(&s, 0, false), POOL_STATE_T,
       MS("<I32 N=\"RunspaceState\">5</I32><Obj N=\"ExceptionAsErrorRecord\" RefId=\"8\"><MS>" ERROR_MEMBERS
          "</MS></Obj>"));
  opens_not(&o, UH_ERR_UNAVAILABLE, "the session is broken: The object 'x' could not be found.",
            "open-2.3 receive(pool) close");
  set_up(NULL);
  (void)script_round(&s, 0, true);
  opens_not(&o, UH_ERR_UNAVAILABLE, "ended the session", "open-2.3 receive(pool) close");
  set_up(NULL);
  script_round(&s, 0, false)->fails = true;
  opens_not(&o, UH_ERR_UNAVAILABLE, "connection reset", "open-2.3 receive(pool) close");
  set_up(NULL);
  o.cancelled = yes;
  opens_not(&o, UH_ERR_INTERRUPTED, "interrupted", "open-2.3 close");
  set_up(NULL);
  o.cancelled = NULL;
  o.open_ms = 90; /* shorter than the pause after a round without anything */
  opens_not(&o, UH_ERR_UNAVAILABLE, "in time", "open-2.3 receive(pool) close");
}

/* ---- running ---- */

static void two_objects(struct script *script) {
  struct script_round *r = script_round(script, 1, false);
  says(
      r, PROGRESS_T,
      MS("<S N=\"Activity\">Preparing modules</S><I32 N=\"ActivityId\">0</I32><S N=\"StatusDescription\"> </S>"
         "<I32 N=\"PercentComplete\">-1</I32><Obj N=\"Type\" RefId=\"1\"><ToString>Completed</ToString><I32>1</I32></Obj>"));
  says(r, OUTPUT_T, MARK "<S>one</S>");
  r = script_round(script, 1, false); /* a round without anything */
  r = script_round(script, 1, true);
  says(r, VERBOSE_T, WARNING("v"));
  says(r, WARNING_T, WARNING("w_x000D__x000A_"));
  says(r, DEBUG_T, WARNING("d"));
  says(r, INFORMATION_T, MS("<S N=\"MessageData\">i</S><S N=\"Source\">x</S>"));
  says(r, OUTPUT_T, "");
  says(r, 0x00041999, "<S>of a later version</S>");
  says(r, OUTPUT_T, MARK "<Nil/>");
  says(r, STATE_T, STATE(4));
}
#define TWO_OBJECTS_TOLD                                                                                         \
  "progress:Preparing modules, ,-1,1;out:one;verbose:v;warning:w\r\n;debug:d;information:i;out:null;pool-debug:" \
  "a message of type 0x00041999 is not known and was skipped;out:null;"

static void test_run(void **state) {
  (void)state;
  struct uh_psrp_result r;
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp *p = opened(&plain);
  struct uh_psrp_cmdlet c = get("Get-X");
  s.started = two_objects;
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), 0);
  assert_int_equal(r.outcome, UH_PSRP_DONE);
  assert_int_equal(r.objects, 3);
  assert_int_equal(r.warnings, 1);
  assert_int_equal(r.errors, 0);
  assert_string_equal(uh_str_text(&told), TWO_OBJECTS_TOLD);
  is_log("command receive receive receive terminate");
  assert_true(s.was_cancellable == false);
  /* The next one has an id of its own, and the server's names for it are used. */
  uint8_t first[16];
  memcpy(first, s.pipeline, sizeof first);
  s.other_id = true;
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), 0);
  assert_memory_not_equal(first, s.pipeline, sizeof first);
  assert_int_equal(uh_psrp_close(p, NULL), 0);
}

/* The same conversation whatever the server's fragments are. */
static void test_fragment_sizes(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 7, 39, 40, 41, 150, 32747};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct uh_psrp_result r;
    struct uh_err err = UH_ERR_INIT;
    set_up(NULL);
    s.fragment = sizes[i];
    struct uh_psrp *p = opened(&plain);
    struct uh_psrp_cmdlet c = get("Get-X");
    s.started = two_objects;
    assert_int_equal(uh_psrp_read(p, &c, &r, &err), 0);
    assert_string_equal(uh_str_text(&told), TWO_OBJECTS_TOLD);
    (void)uh_psrp_close(p, NULL);
  }
}

/* ---- what a cmdlet is sent as ---- */

static int look_at_command(void *user, const struct uh_clixml_value *v, const char *stream, struct uh_err *err) {
  (void)user, (void)stream, (void)err;
  const char *text;
  bool flag = true;
  int64_t number;
  uint8_t guid[16];
  const struct uh_clixml_value *at = NULL, *command, *parameters, *p[9] = {0};
  const struct uh_clixml_value *shell = uh_clixml_property(v, "PowerShell");
  assert_int_equal(uh_clixml_length(uh_clixml_property(shell, "Cmds")), 1);
  command = uh_clixml_next(uh_clixml_property(shell, "Cmds"), &at, NULL);
  assert_int_equal(uh_clixml_text(uh_clixml_property(command, "Cmd"), &text, NULL), UH_VALUE);
  assert_string_equal(text, "Set-X");
  assert_int_equal(uh_clixml_bool(uh_clixml_property(command, "IsScript"), &flag), UH_VALUE);
  assert_false(flag);
  parameters = uh_clixml_property(command, "Args");
  at = NULL;
  for (int i = 0; i < 9; i++) {
    const struct uh_clixml_value *one = uh_clixml_next(parameters, &at, NULL);
    assert_non_null(one);
    p[i] = uh_clixml_property(one, "V");
  }
  assert_null(uh_clixml_next(parameters, &at, NULL));
  assert_int_equal(uh_clixml_text(p[0], &text, NULL), UH_VALUE);
  assert_string_equal(text, "a<b>&\"'\r\n\t_x0041_ \xF0\x9F\x98\x80 \xC3\xA9\x7F");
  assert_int_equal(uh_clixml_bool(p[1], &flag), UH_VALUE);
  assert_false(flag);
  assert_int_equal(uh_clixml_int(p[2], &number), UH_VALUE);
  assert_int_equal(number, -25);
  assert_int_equal(uh_clixml_int(p[3], &number), UH_VALUE);
  assert_true(number == INT64_MAX);
  assert_int_equal(uh_clixml_kind(p[4]), UH_CLIXML_GUID);
  assert_int_equal(uh_clixml_guid(p[4], guid), UH_VALUE);
  assert_memory_equal(guid, "0123456789abcdef", 16);
  assert_int_equal(uh_clixml_kind(p[5]), UH_CLIXML_NIL);
  assert_int_equal(uh_clixml_kind(p[6]), UH_CLIXML_LIST);
  assert_string_equal(uh_clixml_type(p[6], 0), "System.Object[]");
  assert_int_equal(uh_clixml_length(p[6]), 2);
  assert_int_equal(uh_clixml_kind(p[7]), UH_CLIXML_LIST);
  assert_int_equal(uh_clixml_length(p[7]), 0);
  size_t n = 0;
  assert_int_equal(uh_clixml_text(p[8], &text, &n), UH_VALUE);
  assert_int_equal(n, 4000);
  return 0;
}

#define X10 "0123456789"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X1000 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100
static const char *const two[] = {"first", "second"};
static const struct uh_psrp_parameter all_types[] = {
    UH_PSRP_P_TEXT("Text", "a<b>&\"'\r\n\t_x0041_ \xF0\x9F\x98\x80 \xC3\xA9\x7F"),
    UH_PSRP_P_SWITCH("Confirm", false),
    UH_PSRP_P_INT("Number", -25),
    UH_PSRP_P_INT("Large", INT64_MAX),
    UH_PSRP_P_GUID("Identity", (const uint8_t *)"0123456789abcdef"),
    UH_PSRP_P_NULL("Nothing"),
    UH_PSRP_P_TEXTS("Texts", two, 2),
    UH_PSRP_P_TEXTS("None", NULL, 0),
    UH_PSRP_P_TEXT("Long", X1000 X1000 X1000 X1000),
    {0}};

/* Joins the fragments that we sent, and reads the message. */
static void read_command(size_t room, void (*look)(const char *xml)) {
  struct uh_str xml UH_CLEANUP(uh_str_clear) = {0};
  uint64_t want = 0;
  for (size_t at = 0; at < s.command.len; want++) {
    const unsigned char *f = (const unsigned char *)s.command.s + at;
    size_t n = (size_t)f[18] << 16 | (size_t)f[19] << 8 | f[20];
    assert_true(21 + n <= room);
    assert_int_equal(f[7], 3); /* after the two opening messages */
    assert_int_equal(f[15], want);
    assert_int_equal(f[16], (want == 0 ? 1 : 0) | (at + 21 + n == s.command.len ? 2 : 0));
    uh_str_addn(&xml, (const char *)f + 21, n);
    at += 21 + n;
  }
  assert_memory_equal(xml.s, "\2\0\0\0\6\x10\2\0", 8);
  assert_memory_equal(xml.s + 8, s.pool, 16);
  assert_memory_equal(xml.s + 24, s.pipeline, 16);
  if (look) look(xml.s + 40);
  struct uh_clixml *reader = NULL;
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_clixml_open(look_at_command, NULL, &reader, &err), 0);
  assert_int_equal(uh_clixml_feed(reader, xml.s + 40, xml.len - 40, &err), 0);
  assert_int_equal(uh_clixml_finish(reader, &err), 0);
  assert_int_equal(uh_clixml_count(reader), 1);
  (void)uh_clixml_free(reader);
}

static void look_at_text(const char *xml) {
  has(xml, "<S N=\"V\">a&lt;b&gt;&amp;&quot;'_x000D__x000A__x0009__x005F_x0041_ _xD83D__xDE00_ \xC3\xA9_x007F_</S>");
  has(xml, "<MS><S N=\"N\">Confirm</S><B N=\"V\">false</B></MS>");
  has(xml, "N=\"MergeMyResult\"");
  has(xml, "N=\"MergePreviousResults\"");
  has(xml, "N=\"MergeInformation\"");
  has(xml, "N=\"RemoteStreamOptions\"");
  has(xml, "<B N=\"NoInput\">true</B>");
}
static void look_at_old(const char *xml) {
  has(xml, "N=\"MergeMyResult\"");
  assert_null(strstr(xml, "MergeError"));
  assert_null(strstr(xml, "MergeInformation"));
}
static void look_at_22(const char *xml) {
  has(xml, "N=\"MergeError\"");
  assert_null(strstr(xml, "MergeInformation"));
}

static void test_command(void **state) {
  (void)state;
  static const struct {
    const char *capability;
    void (*look)(const char *xml);
    size_t room;
    const char *log;
  } rows[] = {{CAPABILITY("2.3"), look_at_text, 100000, "command receive receive receive terminate"},
              {CAPABILITY("2.1"), look_at_old, 100000, "command receive receive receive terminate"},
              {CAPABILITY("2.2"), look_at_22, 100000, "command receive receive receive terminate"},
              {CAPABILITY("2.3"), look_at_text, 3072, "command send send receive receive receive terminate"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct uh_psrp_result r;
    struct uh_err err = UH_ERR_INIT;
    set_up(NULL);
    pool_opens(rows[i].capability);
    struct uh_psrp *p = opened(&plain);
    s.room = rows[i].room;
    s.started = two_objects;
    struct uh_psrp_cmdlet c = {.name = "Set-X", .parameters = all_types};
    assert_int_equal(uh_psrp_write(p, &c, &r, &err), 0);
    read_command(rows[i].room, rows[i].look);
    is_log(rows[i].log);
    (void)uh_psrp_close(p, NULL);
  }
}

static void test_not_sent(void **state) {
  (void)state;
  struct uh_psrp_result r;
  static const struct uh_psrp_parameter latin[] = {UH_PSRP_P_TEXT("Name", "caf\xE9"), {0}};
  struct uh_psrp *p = opened(&plain);
  struct uh_psrp_cmdlet c = get("Remove-X");
  struct uh_err err = UH_ERR_INIT;
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), -1); /* what writes cannot be run by who reads */
  assert_int_equal(err.cls, UH_ERR_INTERNAL);
  assert_int_equal(r.outcome, UH_PSRP_NOT_SENT);
  c = get("Getting-X");
  assert_int_equal(uh_psrp_read(p, &c, &r, NULL), -1);
  c = get("Get-X");
  c.parameters = latin;
  err = UH_ERR_INIT;
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), -1);
  has(err.what, "-Name is not UTF-8");
  assert_int_equal(r.outcome, UH_PSRP_NOT_SENT);
  c.parameters = NULL;
  s.room = 100;
  assert_int_equal(uh_psrp_read(p, &c, &r, NULL), -1);
  assert_int_equal(r.outcome, UH_PSRP_NOT_SENT);
  s.room = 0;
  is_log("");
  s.command_fails = true; /* before a byte was sent */
  assert_int_equal(uh_psrp_read(p, &c, &r, NULL), -1);
  assert_int_equal(r.outcome, UH_PSRP_NOT_SENT);
  assert_false(uh_psrp_is_broken(p));
  is_log("command");
  (void)uh_psrp_close(p, NULL);
}

/* ---- errors ---- */

static const char *last_state;
static void one_error(struct script *script) {
  struct script_round *r = script_round(script, 1, true);
  says(r, OUTPUT_T, "<S>half</S>");
  says(r, ERROR_T, ERROR_RECORD);
  says(r, ERROR_T, MS("<S N=\"FullyQualifiedErrorId\">second</S>"));
  says(r, STATE_T, last_state);
}

static void test_errors(void **state) {
  (void)state;
  struct uh_psrp_result r;
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp *p = opened(&plain);
  struct uh_psrp_cmdlet c = get("Get-Mailbox");
  s.started = one_error;
  last_state = STATE(4); /* Completed, and yet it failed */
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), -1);
  assert_int_equal(r.outcome, UH_PSRP_FAILED);
  assert_int_equal(r.objects, 1);
  assert_int_equal(r.errors, 2);
  assert_string_equal(r.error.message, "The object 'x' could not be found.");
  assert_string_equal(r.error.failure, "Cmdlet-ManagementObjectNotFoundException");
  assert_string_equal(r.error.server, "EX01");
  assert_string_equal(r.error.request_id, "0c6e7b4e-11aa-4a4c-9d30-8f2f5b1c0001");
  assert_string_equal(r.error.reason, "ManagementObjectNotFoundException");
  assert_string_equal(r.error.activity, "Get-Mailbox");
  assert_string_equal(r.error.target, "x");
  assert_int_equal(r.error.category, 6);
  assert_string_equal(uh_psrp_category_name(r.error.category), "InvalidData");
  assert_true(uh_psrp_error_is_not_found(&r.error));
  assert_false(uh_psrp_error_is_refused(&r.error));
  assert_string_equal(err.what, "Get-Mailbox failed: The object 'x' could not be found.");
  assert_string_equal(err.request_id, r.error.request_id);
  assert_int_equal(err.cls, UH_ERR_UNAVAILABLE);
  assert_false(uh_psrp_is_broken(p));
  /* The error that ended it is the one that is told. */
  last_state = MS("<I32 N=\"PipelineState\">5</I32><Obj N=\"ExceptionAsErrorRecord\" RefId=\"1\"><MS>" NO_SUCH_CMDLET
                  "</MS></Obj>");
  err = UH_ERR_INIT;
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), -1);
  assert_int_equal(r.outcome, UH_PSRP_FAILED);
  assert_true(uh_psrp_error_is_refused(&r.error));
  assert_false(uh_psrp_error_is_not_found(&r.error)); /* though its category is ObjectNotFound */
  assert_int_equal(err.cls, UH_ERR_DENIED);
  assert_int_equal(err.answer, UH_REFUSED);
  assert_string_equal(err.what, "Get-Mailbox failed: The term 'Get-X' is not recognized.");
  (void)uh_psrp_close(p, NULL);
}

static void fails_alone(struct script *script) {
  says(script_round(script, 1, true), STATE_T, STATE(5));
}
static void stops_alone(struct script *script) {
  says(script_round(script, 1, true), STATE_T, STATE(3));
}

static void test_ends_without_a_word(void **state) {
  (void)state;
  struct uh_psrp_result r;
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp *p = opened(&plain);
  struct uh_psrp_cmdlet c = get("Get-X");
  s.started = fails_alone;
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), -1);
  assert_int_equal(r.outcome, UH_PSRP_FAILED);
  has(err.what, "does not say why");
  s.started = stops_alone;
  err = UH_ERR_INIT;
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), -1);
  assert_int_equal(r.outcome, UH_PSRP_STOPPED);
  has(err.what, "the server stopped");
  (void)uh_psrp_close(p, NULL);
}

static void test_refused(void **state) {
  (void)state;
  static const struct {
    struct uh_psrp_error e;
    bool refused;
  } rows[] = {{{.category = 18}, true},
              {{.category = 25}, true},
              {{.category = 28}, true},
              {{.category = 13}, false},
              {{.category = -1, .reason = "CommandNotFoundException"}, true},
              {{.category = -1, .failure = "Cmdlet-CmdletAccessDeniedException"}, true},
              {{.category = -1, .failure = "AuthZ-AuthorizationException"}, true},
              {{.category = 5, .identity = "NamedParameterNotFound,Get-X"}, true},
              {{.category = 5, .reason = "ParameterBindingException", .identity = "MissingMandatoryParameter"}, false},
              {{.category = 6, .reason = "ManagementObjectNotFoundException"}, false}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    assert_int_equal(uh_psrp_error_is_refused(&rows[i].e), rows[i].refused);
}

/* ---- questions ---- */

#define CHOICE                                                                                                     \
  HOST_CALL(5, 26, "PromptForChoice",                                                                              \
            "<S>Confirm</S><S>Are you sure?</S><Obj RefId=\"3\"><LST><Obj RefId=\"4\"><MS><S N=\"label\">&amp;Yes" \
            "</S></MS></Obj></LST></Obj><I32>0</I32>")

static const char *question;
static void asks(struct script *script) {
  struct script_round *r = script_round(script, 1, false);
  says(r, CALL_T, HOST_CALL(-100, 16, "WriteLine2", "<S>What if: Removing</S>"));
  says(r, CALL_T, HOST_CALL(-100, 20, "WriteProgress", "<I64>1</I64>"));
  says(r, CALL_T, question);
}
static void gives_up(struct script *script, enum uh_psrp_signal signal) {
  if (signal == UH_PSRP_SIGNAL_STOP) says(script_round(script, 1, true), STATE_T, STATE(3));
}

static void test_question(void **state) {
  (void)state;
  struct uh_psrp_result r;
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp *p = opened(&plain);
  struct uh_psrp_cmdlet c = get("Remove-X");
  s.started = asks;
  s.signalled = gives_up;
  question = CHOICE;
  assert_int_equal(uh_psrp_write(p, &c, &r, &err), -1);
  assert_int_equal(r.outcome, UH_PSRP_PROMPTED);
  assert_string_equal(r.prompt, "PromptForChoice: Confirm: Are you sure?");
  has(err.what, "Remove-X asked a question, which was refused: PromptForChoice: Confirm: Are you sure?");
  is_log("command receive send-pr stop receive terminate");
  assert_string_equal(uh_str_text(&told), "host:What if: Removing;");
  /* The answer is an error, never a value; to the pipeline that asked. */
  const char *m = s.answer.s + 21;
  assert_memory_equal(m, "\2\0\0\0\1\x11\4\0", 8);
  assert_memory_equal(m + 24, s.pipeline, 16);
  has(m + 40, "<I64 N=\"ci\">5</I64>");
  has(m + 40, "<ToString>PromptForChoice</ToString><I32>26</I32>");
  has(m + 40, "<S N=\"FullyQualifiedErrorId\">RemoteHostExecutionException</S>");
  has(m + 40, "<Obj N=\"me\"");
  assert_null(strstr(m + 40, "N=\"mr\""));
  assert_false(uh_psrp_is_broken(p));
  (void)uh_psrp_close(p, NULL);
}

static void completes(struct script *script) {
  says(script_round(script, 1, true), STATE_T, STATE(4));
}
static void not_again(struct script *script, enum uh_psrp_signal signal) {
  (void)script, (void)signal;
}

/* A server that goes on all the same does not make it a success. */
static void test_question_ignored(void **state) {
  (void)state;
  struct uh_psrp_result r;
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp *p = opened(&plain);
  struct uh_psrp_cmdlet c = get("Get-X");
  s.started = asks;
  s.answered = completes;
  s.signalled = not_again;
  question = HOST_CALL(9, 23, "Prompt", "<S></S><S>Supply values</S>");
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), -1);
  assert_int_equal(r.outcome, UH_PSRP_PROMPTED);
  assert_string_equal(r.prompt, "Prompt: Supply values");
  (void)uh_psrp_close(p, NULL);
}

/* ---- stopping ---- */

static int rounds_left;
static bool soon(void *user) {
  (void)user;
  return rounds_left <= 0;
}
static void goes_on(struct script *script) {
  says(script_round(script, 1, false), OUTPUT_T, "<S>a</S>");
}

static void test_cancelled(void **state) {
  (void)state;
  struct uh_psrp_result r;
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp_options o = plain;
  o.cancelled = soon;
  rounds_left = 100;
  struct uh_psrp *p = opened(&o);
  struct uh_psrp_cmdlet c = get("Get-X");
  s.started = goes_on;
  s.signalled = gives_up;
  rounds_left = 1;
  s.cancel_after = &rounds_left;
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), -1); /* left behind at once */
  assert_int_equal(r.outcome, UH_PSRP_UNKNOWN);
  assert_int_equal(err.cls, UH_ERR_INTERRUPTED);
  assert_int_equal(r.objects, 1);
  assert_true(s.was_cancellable);
  assert_true(uh_psrp_is_broken(p));
  assert_int_equal(uh_psrp_read(p, &c, &r, NULL), -1);
  assert_int_equal(r.outcome, UH_PSRP_NOT_SENT);
  assert_int_equal(uh_psrp_close(p, NULL), 0);
  is_log("command receive close");

  set_up(NULL);
  rounds_left = 100;
  p = opened(&o);
  s.started = goes_on;
  s.signalled = gives_up;
  rounds_left = 1;
  s.cancel_after = &rounds_left;
  c = get("Set-X");
  err = UH_ERR_INIT;
  assert_int_equal(uh_psrp_write(p, &c, &r, &err), -1); /* stopped in order */
  assert_int_equal(r.outcome, UH_PSRP_STOPPED);
  assert_int_equal(err.cls, UH_ERR_INTERRUPTED);
  assert_false(s.was_cancellable);
  is_log("command receive stop receive terminate");
  (void)uh_psrp_close(p, NULL);
}

static void test_deadline(void **state) {
  (void)state;
  struct uh_psrp_result r;
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp_options o = plain;
  o.stop_ms = 1;
  struct uh_psrp *p = opened(&o);
  struct uh_psrp_cmdlet c = get("Get-X");
  c.limit_ms = 1;
  s.started = goes_on;
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), -1); /* it does not even stop */
  assert_int_equal(r.outcome, UH_PSRP_UNKNOWN);
  has(err.what, "took too long");
  assert_int_equal(err.answer, UH_TIMEOUT);
  assert_true(uh_psrp_is_broken(p));
  (void)uh_psrp_close(p, NULL);

  set_up(NULL);
  p = opened(&plain);
  s.started = goes_on;
  s.signalled = gives_up;
  err = UH_ERR_INIT;
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), -1);
  assert_int_equal(r.outcome, UH_PSRP_STOPPED);
  has(err.what, "took too long");
  assert_false(uh_psrp_is_broken(p)); /* the next cmdlet can run */
  c.limit_ms = 0;
  s.started = two_objects;
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), 0);
  (void)uh_psrp_close(p, NULL);
}

static int full(void *user, const struct uh_clixml_value *v, struct uh_err *err) {
  (void)user, (void)v;
  return ++values == 2 ? uh_fail(err, UH_ERR_CANNOT_WRITE, "disk full") : 0;
}
static void three_objects(struct script *script) {
  struct script_round *r = script_round(script, 1, false);
  for (int i = 0; i < 3; i++) says(r, OUTPUT_T, "<S>a</S>");
}
static void three_and_the_end(struct script *script) {
  struct script_round *r = script_round(script, 1, true);
  for (int i = 0; i < 3; i++) says(r, OUTPUT_T, "<S>a</S>");
  says(r, STATE_T, STATE(4));
}

static void test_output_refused(void **state) {
  (void)state;
  static void (*const ways[])(struct script *) = {three_objects, three_and_the_end};
  for (int i = 0; i < 2; i++) {
    struct uh_psrp_result r;
    struct uh_err err = UH_ERR_INIT;
    set_up(NULL);
    struct uh_psrp *p = opened(&plain);
    struct uh_psrp_cmdlet c = {.name = "Get-X", .output = full};
    s.started = ways[i];
    s.signalled = gives_up;
    assert_int_equal(uh_psrp_read(p, &c, &r, &err), -1);
    assert_int_equal(r.outcome, UH_PSRP_STOPPED);
    assert_int_equal(err.cls, UH_ERR_CANNOT_WRITE);
    assert_string_equal(err.what, "disk full");
    assert_int_equal(values, 2);
    (void)uh_psrp_close(p, NULL);
  }
}

/* ---- what must not be believed ---- */

static void fragment(struct script_round *r, uint64_t object, uint64_t id, int flags, const char *part) {
  script_fragment(r, object, id, flags, (uint32_t)strlen(part), part, strlen(part));
}
static void h_again(struct script *x) {
  struct script_round *r = script_round(x, 1, false);
  says(r, OUTPUT_T, "<S>a</S>");
  x->object--;
  says(r, OUTPUT_T, "<S>a</S>");
}
static void h_backwards(struct script *x) {
  struct script_round *r = script_round(x, 1, false);
  x->object = 100;
  says(r, OUTPUT_T, "<S>a</S>");
  x->object = 50;
  says(r, OUTPUT_T, "<S>b</S>");
}
static void h_swapped(struct script *x) {
  struct script_round *r = script_round(x, 1, false);
  fragment(r, 90, 0, 1, "aa");
  fragment(r, 90, 2, 0, "bb");
}
static void h_twice(struct script *x) {
  struct script_round *r = script_round(x, 1, false);
  fragment(r, 90, 0, 1, "aa");
  fragment(r, 90, 1, 0, "bb");
  fragment(r, 90, 1, 0, "bb");
}
static void h_headless(struct script *x) {
  fragment(script_round(x, 1, false), 90, 1, 2, "aa");
}
static void h_starts_twice(struct script *x) {
  struct script_round *r = script_round(x, 1, false);
  fragment(r, 90, 0, 1, "aa");
  fragment(r, 90, 0, 1, "aa");
}
static void h_starts_late(struct script *x) {
  fragment(script_round(x, 1, false), 90, 3, 1, "aa");
}
static void h_zero(struct script *x) {
  fragment(script_round(x, 1, false), 0, 0, 3, "aa");
}
static void h_long(struct script *x) {
  script_fragment(script_round(x, 1, false), 90, 0, 3, 0xFFFFFFFFu, "aa", 2);
}
static void h_one_more(struct script *x) {
  script_fragment(script_round(x, 1, false), 90, 0, 3, 3, "aa", 2);
}
static void h_short(struct script *x) {
  fragment(script_round(x, 1, false), 90, 0, 3, "aa");
}
static void h_stub(struct script *x) {
  script_raw(script_round(x, 1, false), "\0\0\0\0\0", 5);
}
static void h_missing_end(struct script *x) {
  struct script_round *r = script_round(x, 1, true);
  fragment(r, 90, 0, 1, "aa");
  x->object = 90;
  says(r, STATE_T, STATE(4));
}
static void h_no_state(struct script *x) {
  says(script_round(x, 1, true), OUTPUT_T, "<S>a</S>");
}
static void h_after_end(struct script *x) {
  struct script_round *r = script_round(x, 1, true);
  says(r, STATE_T, STATE(4));
  says(r, OUTPUT_T, "<S>late</S>");
}
static void h_two_ends(struct script *x) {
  struct script_round *r = script_round(x, 1, true);
  says(r, STATE_T, STATE(4));
  says(r, STATE_T, STATE(5));
}
static void h_other(struct script *x) {
  struct script_round *r = script_round(x, 1, true);
  x->pipeline[3] ^= 1;
  says(r, OUTPUT_T, "<S>of another</S>");
}
static void h_bad_xml(struct script *x) {
  says(script_round(x, 1, true), OUTPUT_T, "<S>a</T>");
}
static void h_not_clixml(struct script *x) {
  says(script_round(x, 1, true), OUTPUT_T, "<html/>");
}
static void h_doctype(struct script *x) {
  says(script_round(x, 1, true), OUTPUT_T, "<!DOCTYPE a [<!ENTITY b \"c\">]><S>&b;</S>");
}
static void h_two_values(struct script *x) {
  says(script_round(x, 1, true), OUTPUT_T, "<Objs Version=\"1.1.0.1\"><S>a</S><S>b</S></Objs>");
}
static void h_no_value(struct script *x) {
  says(script_round(x, 1, true), OUTPUT_T, "<Objs Version=\"1.1.0.1\"></Objs>");
}
static void h_state_word(struct script *x) {
  says(script_round(x, 1, true), STATE_T, MS("<S N=\"PipelineState\">done</S>"));
}
static void h_state_far(struct script *x) {
  says(script_round(x, 1, true), STATE_T, STATE(77));
}
static void h_call(struct script *x) {
  says(script_round(x, 1, true), CALL_T, MS("<S N=\"ci\">x</S>"));
}
static void h_back(struct script *x) {
  struct script_round *r = script_round(x, 1, true);
  fragment(r, 90, 0, 1, "\2");
  char rest[60] = {0};
  script_fragment(r, 90, 1, 2, sizeof rest, rest, sizeof rest);
}
static void h_pool_closed(struct script *x) {
  says(script_round(x, 1, false), POOL_STATE_T, POOL_STATE(3));
}
static void h_many(struct script *x) {
  struct script_round *r = script_round(x, 1, false);
  for (uint64_t i = 0; i < 100; i++) fragment(r, 100 + i, 0, 1, "a");
}
static void h_huge(struct script *x) {
  static char block[65536];
  for (int i = 0; i < 20; i++)
    script_fragment(script_round(x, 1, false), 90, (uint64_t)i, i == 0, sizeof block, block, sizeof block);
}

static void test_hostile(void **state) {
  (void)state;
  static const struct {
    void (*way)(struct script *);
    const char *what;
  } rows[] = {
      {h_again, "byte 69 of the server's stream: object 4 begins after object 4"},
      {h_backwards, "object 51 begins after object 101: repeated, or out of order"},
      {h_swapped, "byte 23 of the server's stream: fragment 2 of object 90 came where 1 was due"},
      {h_twice, "byte 46 of the server's stream: fragment 1 of object 90 came where 2 was due"},
      {h_headless, "byte 0 of the server's stream: fragment 1 of object 90, whose beginning did not come"},
      {h_starts_twice, "object 90 begins a second time before its end"},
      {h_starts_late, "object 90 begins with fragment 3"},
      {h_zero, "a fragment of object 0"},
      {h_long, "a fragment says that it has 4294967295 bytes, and 2 came"},
      {h_one_more, "a fragment says that it has 3 bytes, and 2 came"},
      {h_short, "object 90 has 2 bytes, and a message's header has 40"},
      {h_stub, "5 bytes are no fragment"},
      {h_missing_end, "ended in the middle of an object"},
      {h_no_state, "without saying how it went"},
      {h_after_end, "came after the command's end"},
      {h_two_ends, "came after the command's end"},
      {h_other, "belongs to another command"},
      {h_bad_xml, "the PIPELINE_OUTPUT that begins at byte 0 of the server's stream: line 1, column"},
      {h_not_clixml, "not CLIXML: the root element is <html>"},
      {h_doctype, "DOCTYPE"},
      {h_two_values, "it holds more than one value"},
      {h_no_value, "it holds no value"},
      {h_state_word, "it tells no state"},
      {h_state_far, "it tells no state"},
      {h_call, "it is no host call"},
      {h_back, "a message for the server came back"},
      {h_pool_closed, "the server closed the session"},
      {h_many, "more than 64 objects are unfinished"},
      {h_huge, "object 90 is larger than 1 MiB"},
  };
  struct uh_psrp_options o = plain;
  o.max_object = (size_t)1 << 20;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct uh_psrp_result r;
    struct uh_err err = UH_ERR_INIT;
    set_up(NULL);
    struct uh_psrp *p = opened(&o);
    struct uh_psrp_cmdlet c = get("Get-X");
    s.started = rows[i].way;
    assert_int_equal(uh_psrp_read(p, &c, &r, &err), -1);
    has(err.what, rows[i].what);
    assert_int_equal(err.cls, UH_ERR_UNAVAILABLE);
    assert_int_equal(err.answer, UH_TIMEOUT);
    assert_int_equal(r.outcome, UH_PSRP_UNKNOWN);
    assert_true(uh_psrp_is_broken(p));
    assert_int_equal(uh_psrp_close(p, NULL), 0);
  }
}

/* Objects may come in turns, as long as each is in order; records may be told to the pool, and a state too. */
static void in_turns(struct script *x) {
  struct script_round *r = script_round(x, 1, true);
  struct script a = *x, b = *x;
  struct script_round ra = {0}, rb = {0};
  a.fragment = b.fragment = 30;
  b.object++;
  script_message(&a, &ra, OUTPUT_T, x->pipeline, "<S>first</S>", 12);
  script_message(&b, &rb, OUTPUT_T, x->pipeline, "<S>other</S>", 12);
  for (size_t at = 0; at < ra.n; at += 51) {
    script_raw(r, ra.data + at, ra.n - at < 51 ? ra.n - at : 51);
    script_raw(r, rb.data + at, rb.n - at < 51 ? rb.n - at : 51);
  }
  free(ra.data);
  free(rb.data);
  x->object += 2;
  script_message(x, r, WARNING_T, NULL, WARNING("to the pool"), strlen(WARNING("to the pool")));
  script_message(x, r, STATE_T, NULL, STATE(5), strlen(STATE(5)));
  says(r, STATE_T, STATE(1));
  says(r, STATE_T, STATE(4));
}

static void test_in_turns(void **state) {
  (void)state;
  struct uh_psrp_result r;
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp *p = opened(&plain);
  struct uh_psrp_cmdlet c = get("Get-X");
  s.started = in_turns;
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), 0);
  assert_string_equal(uh_str_text(&told), "out:first;out:other;pool-warning:to the pool;");
  (void)uh_psrp_close(p, NULL);
}

static void breaks(struct script *x) {
  says(script_round(x, 1, false), OUTPUT_T, "<S>a</S>");
  script_round(x, 1, false)->fails = true;
}

static void test_connection_lost(void **state) {
  (void)state;
  struct uh_psrp_result r;
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp *p = opened(&plain);
  struct uh_psrp_cmdlet c = get("Set-X");
  s.started = breaks;
  assert_int_equal(uh_psrp_write(p, &c, &r, &err), -1);
  assert_int_equal(r.outcome, UH_PSRP_UNKNOWN);
  has(err.what, "connection reset");
  assert_int_equal(r.objects, 1);
  is_log("command receive receive");
  s.close_fails = true;
  err = UH_ERR_INIT;
  assert_int_equal(uh_psrp_close(p, &err), -1); /* who closes learns that the shell may still be there */
  has(err.what, "no answer");

  set_up(NULL);
  p = opened(&plain);
  s.started = two_objects;
  s.signal_fails = true; /* tidying up failed: the result stands, the pool does not */
  assert_int_equal(uh_psrp_write(p, &c, &r, &err), 0);
  assert_true(uh_psrp_is_broken(p));
  (void)uh_psrp_close(p, NULL);
}

static void many_records(struct script *x) {
  struct script_round *r = script_round(x, 1, true);
  for (int i = 0; i < UH_PSRP_MAX_RECORDS + 50; i++) says(r, WARNING_T, WARNING("w"));
  says(r, STATE_T, STATE(4));
}

static void test_many_records(void **state) {
  (void)state;
  struct uh_psrp_result r;
  struct uh_err err = UH_ERR_INIT;
  struct uh_psrp *p = opened(&plain);
  struct uh_psrp_cmdlet c = get("Get-X");
  s.started = many_records;
  assert_int_equal(uh_psrp_read(p, &c, &r, &err), 0);
  assert_int_equal(r.warnings, UH_PSRP_MAX_RECORDS + 50);
  assert_int_equal(told.len, UH_PSRP_MAX_RECORDS * strlen("warning:w;"));
  (void)uh_psrp_close(p, NULL);
}

static int tear_down(void **state) {
  (void)state;
  script_clear(&s);
  uh_str_clear(&told);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_open, set_up),
      cmocka_unit_test_setup(test_versions, set_up),
      cmocka_unit_test_setup(test_open_fails, set_up),
      cmocka_unit_test_setup(test_run, set_up),
      cmocka_unit_test_setup(test_fragment_sizes, set_up),
      cmocka_unit_test_setup(test_command, set_up),
      cmocka_unit_test_setup(test_not_sent, set_up),
      cmocka_unit_test_setup(test_errors, set_up),
      cmocka_unit_test_setup(test_ends_without_a_word, set_up),
      cmocka_unit_test_setup(test_refused, set_up),
      cmocka_unit_test_setup(test_question, set_up),
      cmocka_unit_test_setup(test_question_ignored, set_up),
      cmocka_unit_test_setup(test_cancelled, set_up),
      cmocka_unit_test_setup(test_deadline, set_up),
      cmocka_unit_test_setup(test_output_refused, set_up),
      cmocka_unit_test_setup(test_hostile, set_up),
      cmocka_unit_test_setup(test_in_turns, set_up),
      cmocka_unit_test_setup(test_connection_lost, set_up),
      cmocka_unit_test_setup(test_many_records, set_up),
  };
  return cmocka_run_group_tests(tests, NULL, tear_down);
}
