/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_GSSAPI_PRIVATE_H
#define UH_GSSAPI_PRIVATE_H
#include <gssapi/gssapi_ext.h>
#include <krb5.h>

#include "wire/gssapi_context.h"

struct uh_gss_credentials {
  krb5_context krb5;
  krb5_ccache ccache; /* ours, in memory; NULL: the caller's own */
  gss_cred_id_t cred;
};
/* What a Kerberos code means for the person who reads it. text: the library's own words. Returns -1. */
int uh_gss_krb5_error(struct uh_err *err, const char *doing, uint32_t code, const char *text);
/* The same for a pair of GSSAPI results. */
int uh_gss_error(struct uh_err *err, const char *doing, OM_uint32 major, OM_uint32 minor);
#endif
