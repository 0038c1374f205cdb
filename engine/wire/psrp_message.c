/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that we send. Spellings such as _isHostNull and MergeMyResult are PowerShell's own. */
#include <limits.h>
#include <string.h>

#include "wire/clixml_write.h"
#include "wire/psrp_private.h"

#define ENUM "\nSystem.Enum\nSystem.ValueType\nSystem.Object"
static const char thread_options[] = "System.Management.Automation.Runspaces.PSThreadOptions" ENUM;
static const char apartment_state[] = "System.Management.Automation.Runspaces.ApartmentState" ENUM;
static const char stream_options[] = "System.Management.Automation.RemoteStreamOptions" ENUM;
static const char result_types[] = "System.Management.Automation.Runspaces.PipelineResultTypes" ENUM;
static const char host_method[] = "System.Management.Automation.Remoting.RemoteHostMethodId" ENUM;
static const char object_list[] =
    "System.Collections.Generic.List`1[[System.Management.Automation.PSObject, System.Management.Automation, "
    "Version=1.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35]]\nSystem.Object";
static const char object_array[] = "System.Object[]\nSystem.Array\nSystem.Object";
static const char error_record[] = "System.Management.Automation.ErrorRecord\nSystem.Object";
static const char exception[] = "System.Management.Automation.Host.HostException\nSystem.Exception\nSystem.Object";

/* An object whose members are extended properties, as all of the protocol's own are. */
static void begin(struct uh_clixml_writer *w, const char *name, const char *types) {
  uh_clixml_begin(w, name, types);
  uh_clixml_open_element(w, "MS");
}
static void end(struct uh_clixml_writer *w) {
  uh_clixml_close_element(w, "MS");
  uh_clixml_end(w);
}
static void put_string(struct uh_clixml_writer *w, const char *name, const char *text) {
  uh_clixml_put_text(w, name, text, strlen(text));
}

void psrp_session_capability(struct uh_str *out, const char *protocol) {
  struct uh_clixml_writer w = {.out = out};
  begin(&w, NULL, NULL);
  uh_clixml_put_version(&w, "protocolversion", protocol);
  uh_clixml_put_version(&w, "PSVersion", "2.0"); /* of the protocol's messages; nobody sends another */
  uh_clixml_put_version(&w, "SerializationVersion", "1.1.0.1");
  end(&w);
}

/* There is no host: the server has nobody to ask. */
static void put_no_host(struct uh_clixml_writer *w) {
  begin(w, "HostInfo", NULL);
  uh_clixml_put_bool(w, "_isHostNull", true);
  uh_clixml_put_bool(w, "_isHostUINull", true);
  uh_clixml_put_bool(w, "_isHostRawUINull", true);
  uh_clixml_put_bool(w, "_useRunspaceHost", true);
  end(w);
}

void psrp_init_pool(struct uh_str *out) {
  struct uh_clixml_writer w = {.out = out};
  begin(&w, NULL, NULL);
  uh_clixml_put_i32(&w, "MinRunspaces", 1);
  uh_clixml_put_i32(&w, "MaxRunspaces", 1);
  uh_clixml_put_enum(&w, "PSThreadOptions", thread_options, "Default", 0);
  uh_clixml_put_enum(&w, "ApartmentState", apartment_state, "UNKNOWN", 2);
  put_no_host(&w);
  uh_clixml_put_nil(&w, "ApplicationArguments");
  end(&w);
}

/* ---- a cmdlet ---- */

static void put_value(struct uh_clixml_writer *w, const struct uh_psrp_parameter *p) {
  switch (p->type) {
    case UH_PSRP_NULL: uh_clixml_put_nil(w, "V"); return;
    case UH_PSRP_TEXT: put_string(w, "V", p->text); return;
    case UH_PSRP_SWITCH: uh_clixml_put_bool(w, "V", p->yes); return;
    case UH_PSRP_GUID: uh_clixml_put_guid(w, "V", p->guid); return;
    case UH_PSRP_INT:
      if (p->number >= INT32_MIN && p->number <= INT32_MAX)
        uh_clixml_put_i32(w, "V", (int32_t)p->number);
      else
        uh_clixml_put_i64(w, "V", p->number);
      return;
    case UH_PSRP_TEXTS:
      uh_clixml_begin(w, "V", object_array);
      uh_clixml_open_element(w, "LST");
      for (size_t i = 0; i < p->texts.n; i++) put_string(w, NULL, p->texts.v[i]);
      uh_clixml_close_element(w, "LST");
      uh_clixml_end(w);
      return;
  }
}

static int put_parameters(struct uh_clixml_writer *w, const struct uh_psrp_cmdlet *cmdlet, struct uh_err *err) {
  uh_clixml_begin(w, "Args", object_list);
  uh_clixml_open_element(w, "LST");
  for (const struct uh_psrp_parameter *p = cmdlet->parameters; p && p->name; p++) {
    begin(w, NULL, NULL);
    put_string(w, "N", p->name);
    put_value(w, p);
    end(w);
    if (w->bad_text)
      return uh_fail(err, UH_ERR_DATA, "%s: the value of -%.*s is not UTF-8 and cannot be sent", cmdlet->name,
                     UH_HEAD(p->name, 60));
  }
  uh_clixml_close_element(w, "LST");
  uh_clixml_end(w);
  return 0;
}

static void put_merges(struct uh_clixml_writer *w, int minor, bool later) {
  static const struct {
    const char *name;
    bool later; /* stands after Args */
    int since;  /* minor version of protocol 2 */
  } merges[] = {{"MergeMyResult", false, 0}, {"MergeToResult", false, 0},  {"MergePreviousResults", false, 0},
                {"MergeError", true, 2},     {"MergeWarning", true, 2},    {"MergeVerbose", true, 2},
                {"MergeDebug", true, 2},     {"MergeInformation", true, 3}};
  for (size_t i = 0; i < sizeof merges / sizeof *merges; i++)
    if (merges[i].later == later && minor >= merges[i].since)
      uh_clixml_put_enum(w, merges[i].name, result_types, "None", 0);
}

static int put_command(struct uh_clixml_writer *w, const struct uh_psrp_cmdlet *cmdlet, int minor, struct uh_err *err) {
  begin(w, NULL, NULL);
  put_string(w, "Cmd", cmdlet->name);
  uh_clixml_put_bool(w, "IsScript", false);
  uh_clixml_put_nil(w, "UseLocalScope");
  put_merges(w, minor, false);
  if (put_parameters(w, cmdlet, err) < 0) return -1;
  put_merges(w, minor, true);
  end(w);
  return 0;
}

int psrp_create_pipeline(struct uh_str *out, const struct uh_psrp_cmdlet *cmdlet, int minor, struct uh_err *err) {
  struct uh_clixml_writer w = {.out = out};
  begin(&w, NULL, NULL);
  uh_clixml_put_bool(&w, "NoInput", true);
  uh_clixml_put_enum(&w, "ApartmentState", apartment_state, "UNKNOWN", 2);
  uh_clixml_put_enum(&w, "RemoteStreamOptions", stream_options, "0", 0);
  uh_clixml_put_bool(&w, "AddToHistory", false);
  put_no_host(&w);
  begin(&w, "PowerShell", NULL);
  uh_clixml_put_bool(&w, "IsNested", false);
  uh_clixml_put_nil(&w, "ExtraCmds");
  uh_clixml_begin(&w, "Cmds", object_list);
  uh_clixml_open_element(&w, "LST");
  if (put_command(&w, cmdlet, minor, err) < 0) return -1;
  uh_clixml_close_element(&w, "LST");
  uh_clixml_end(&w);
  uh_clixml_put_nil(&w, "History");
  uh_clixml_put_bool(&w, "RedirectShellErrorOutputPipe", false);
  end(&w);
  uh_clixml_put_bool(&w, "IsNested", false);
  end(&w);
  if (w.bad_text) return uh_fail(err, UH_ERR_DATA, "the name of a cmdlet or parameter is not UTF-8");
  return out->failed ? uh_fail_nomem(err) : 0;
}

/* ---- the answer to a question ---- */

static void put_refusal(struct uh_clixml_writer *w) {
  static const char text[] = "Nobody is there to answer a question.";
  begin(w, "me", error_record);
  uh_clixml_begin(w, "Exception", exception);
  uh_clixml_open_element(w, "Props");
  put_string(w, "Message", text);
  uh_clixml_close_element(w, "Props");
  uh_clixml_end(w);
  uh_clixml_put_nil(w, "TargetObject");
  put_string(w, "FullyQualifiedErrorId", "RemoteHostExecutionException");
  uh_clixml_put_nil(w, "InvocationInfo");
  uh_clixml_put_i32(w, "ErrorCategory_Category", 7); /* InvalidOperation */
  put_string(w, "ErrorCategory_Activity", "");
  put_string(w, "ErrorCategory_Reason", "HostException");
  put_string(w, "ErrorCategory_TargetName", "");
  put_string(w, "ErrorCategory_TargetType", "");
  put_string(w, "ErrorCategory_Message", text);
  uh_clixml_put_bool(w, "SerializeExtendedInfo", false);
  end(w);
}

void psrp_host_refusal(struct uh_str *out, int64_t call, int32_t method, const char *method_name) {
  struct uh_clixml_writer w = {.out = out};
  begin(&w, NULL, NULL);
  uh_clixml_put_i64(&w, "ci", call);
  uh_clixml_put_enum(&w, "mi", host_method, method_name, method);
  put_refusal(&w);
  end(&w);
}
