/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/gssapi_context.h"

#include <gssapi/gssapi_krb5.h>

#include "wire/gssapi_private.h"

#define FLAGS (GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG)
#define STEPS_MAX 8

struct uh_gss {
  const struct uh_gss_credentials *credentials; /* the opener's */
  gss_ctx_id_t context;
  gss_name_t name;
  gss_OID_desc mechanism;
  void *binding;
  size_t binding_size;
  char doing[200];
  unsigned steps;
  bool established;
};

static gss_OID_desc spnego_oid(void) {
  return (gss_OID_desc){6, (void *)(uintptr_t) "\x2b\x06\x01\x05\x05\x02"};
}

struct uh_gss *uh_gss_free(struct uh_gss *gss) {
  OM_uint32 minor;
  if (!gss) return NULL;
  if (gss->context) (void)gss_delete_sec_context(&minor, &gss->context, GSS_C_NO_BUFFER);
  if (gss->name) (void)gss_release_name(&minor, &gss->name);
  free(gss->binding);
  free(gss);
  return NULL;
}
void uh_gss_freep(struct uh_gss **gss) {
  *gss = uh_gss_free(*gss);
}

/* HTTP/host@REALM. A name that GSSAPI made of the host would follow DNS, and who answers DNS could choose the service.
 * The realm is what krb5.conf maps; without, it is empty and the KDCs refer us. */
static int import_name(struct uh_gss *gss, const char *host, struct uh_err *err) {
  char **realms = NULL, text[700];
  const krb5_context krb5 = gss->credentials->krb5;
  const char *realm = krb5_get_host_realm(krb5, host, &realms) == 0 && realms && realms[0] ? realms[0] : "";
  int n = snprintf(text, sizeof text, "HTTP/%s@%s", host, realm);
  if (realms) (void)krb5_free_host_realm(krb5, realms);
  if (n < 0 || (size_t)n >= sizeof text) return uh_fail(err, UH_ERR_CONFIG, "the server's name is too long");
  (void)snprintf(gss->doing, sizeof gss->doing, "Kerberos sign-in to HTTP/%.*s", UH_HEAD(host, 150));
  gss_buffer_desc buffer = {(size_t)n, text};
  OM_uint32 minor = 0, major = gss_import_name(&minor, &buffer, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, &gss->name);
  return GSS_ERROR(major) ? uh_gss_error(err, gss->doing, major, minor) : 0;
}

int uh_gss_open(const struct uh_gss_credentials *credentials, const struct uh_gss_target *target,
                struct uh_gss **ret_gss, struct uh_err *err) {
  UH_CLEANUP(uh_gss_freep) struct uh_gss *gss = calloc(1, sizeof *gss);
  if (!gss) return uh_fail_nomem(err);
  gss->credentials = credentials;
  gss->mechanism = target->mechanism == UH_GSS_SPNEGO ? spnego_oid() : *gss_mech_krb5;
  if (target->binding) {
    gss->binding = malloc(target->binding_size + 1);
    if (!gss->binding) return uh_fail_nomem(err);
    memcpy(gss->binding, target->binding, target->binding_size);
    gss->binding_size = target->binding_size;
  }
  if (import_name(gss, target->host, err) < 0) return -1;
  *ret_gss = UH_TAKE(gss);
  return 0;
}

static int established(struct uh_gss *gss, OM_uint32 flags, struct uh_err *err) {
  const OM_uint32 needed = GSS_C_MUTUAL_FLAG | GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG;
  if ((flags & needed) != needed) {
    uh_fail(err, UH_ERR_DENIED, "%s: the server did not prove who it is, or offers no encryption", gss->doing);
    uh_err_remedy(err, "use the server itself, not a proxy in front of it");
    return -1;
  }
  gss->established = true;
  return 1;
}

int uh_gss_step(struct uh_gss *gss, const void *token, size_t size, struct uh_str *ret_token, struct uh_err *err) {
  struct gss_channel_bindings_struct binding = {.initiator_addrtype = GSS_C_AF_UNSPEC,
                                                .acceptor_addrtype = GSS_C_AF_UNSPEC,
                                                .application_data = {gss->binding_size, gss->binding}};
  gss_buffer_desc in = {size, (void *)(uintptr_t)token}, out = GSS_C_EMPTY_BUFFER;
  OM_uint32 minor = 0, minor2, flags = 0;
  if (gss->established || gss->steps++ >= STEPS_MAX || size > UH_GSS_TOKEN_MAX)
    return uh_fail(err, UH_ERR_DENIED, "%s: the server does not end the exchange of tokens", gss->doing);
  OM_uint32 major =
      gss_init_sec_context(&minor, gss->credentials->cred, &gss->context, gss->name, &gss->mechanism, FLAGS, 0,
                           gss->binding ? &binding : GSS_C_NO_CHANNEL_BINDINGS, &in, NULL, &out, &flags, NULL);
  uh_str_reset(ret_token);
  uh_str_addn(ret_token, out.value ? out.value : "", out.length);
  (void)gss_release_buffer(&minor2, &out);
  if (GSS_ERROR(major)) return uh_gss_error(err, gss->doing, major, minor);
  if (ret_token->failed) return uh_fail_nomem(err);
  return major & GSS_S_CONTINUE_NEEDED ? 0 : established(gss, flags, err);
}

bool uh_gss_established(const struct uh_gss *gss) {
  return gss && gss->established;
}

bool uh_gss_expires(const struct uh_gss *gss, unsigned seconds) {
  OM_uint32 minor, left = 0;
  if (!gss->established) return false;
  return gss_context_time(&minor, gss->context, &left) != GSS_S_COMPLETE || left <= seconds;
}

static int lost(struct uh_gss *gss, const char *doing, OM_uint32 major, OM_uint32 minor, struct uh_err *err) {
  char text[260];
  (void)snprintf(text, sizeof text, "%s: %s", gss->doing, doing);
  return uh_gss_error(err, text, major, minor);
}

int uh_gss_seal(struct uh_gss *gss, const void *data, size_t size, struct uh_str *ret_sealed, size_t *ret_header,
                struct uh_err *err) {
  OM_uint32 minor = 0;
  int sealed = 0;
  if (!gss->established) return uh_fail(err, UH_ERR_INTERNAL, "nothing is sealed before the context stands");
  gss_iov_buffer_desc iov[3] = {{.type = GSS_IOV_BUFFER_TYPE_HEADER},
                                {.type = GSS_IOV_BUFFER_TYPE_DATA, .buffer = {size, NULL}},
                                {.type = GSS_IOV_BUFFER_TYPE_PADDING}};
  OM_uint32 major = gss_wrap_iov_length(&minor, gss->context, 1, GSS_C_QOP_DEFAULT, NULL, iov, 3);
  if (GSS_ERROR(major)) return lost(gss, "a message could not be sealed", major, minor, err);
  size_t header = iov[0].buffer.length, padding = iov[2].buffer.length;
  struct uh_str out = {0};
  for (size_t i = 0; i < header; i++) uh_str_addc(&out, '\0');
  uh_str_addn(&out, data, size);
  for (size_t i = 0; i < padding; i++) uh_str_addc(&out, '\0');
  if (out.failed || !out.s) {
    uh_str_clear(&out);
    return uh_fail_nomem(err);
  }
  iov[0].buffer.value = out.s;
  iov[1].buffer.value = out.s + header;
  iov[2].buffer.value = out.s + header + size;
  major = gss_wrap_iov(&minor, gss->context, 1, GSS_C_QOP_DEFAULT, &sealed, iov, 3);
  if (GSS_ERROR(major) || !sealed || iov[0].buffer.length != header || iov[2].buffer.length != padding) {
    explicit_bzero(out.s, out.len); /* the text stands there in the clear */
    uh_str_clear(&out);
    return lost(gss, "a message could not be sealed", major, minor, err);
  }
  uh_str_clear(ret_sealed);
  *ret_sealed = out;
  *ret_header = header;
  return 0;
}

int uh_gss_unseal(struct uh_gss *gss, void *header, size_t header_size, void *data, size_t size, struct uh_err *err) {
  OM_uint32 minor = 0;
  int sealed = 0;
  if (!gss->established) return uh_fail(err, UH_ERR_INTERNAL, "nothing is opened before the context stands");
  /* With a second, empty data buffer MIT leaves padding where it is: Windows counts it into the data. */
  gss_iov_buffer_desc iov[3] = {{.type = GSS_IOV_BUFFER_TYPE_HEADER, .buffer = {header_size, header}},
                                {.type = GSS_IOV_BUFFER_TYPE_DATA, .buffer = {size, data}},
                                {.type = GSS_IOV_BUFFER_TYPE_DATA}};
  OM_uint32 major = gss_unwrap_iov(&minor, gss->context, &sealed, NULL, iov, 3);
  /* Supplementary bits say that the message was repeated or is out of order: no less than an error. */
  if (major != GSS_S_COMPLETE)
    return lost(gss, "the server's message was changed, repeated or out of order", major, minor, err);
  if (!sealed)
    return uh_fail(err, UH_ERR_DENIED, "%s: the server's message was signed only, not encrypted", gss->doing);
  return 0;
}
