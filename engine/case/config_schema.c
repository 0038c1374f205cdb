/* SPDX-License-Identifier: Apache-2.0 */
#include "case/config_internal.h"

/* Every key is optional to libcyaml: what has to stand together is examined in config_check.c, with better words. */
#define OPT CYAML_FLAG_OPTIONAL
#define STRICT (CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT | CYAML_FLAG_CASE_SENSITIVE)
#define TEXT(key, structure, member) CYAML_FIELD_STRING_PTR(key, OPT, structure, member, 1, UH_CONFIG_MAX_TEXT)
#define ENUM(key, structure, member, names) \
  CYAML_FIELD_ENUM(key, STRICT, structure, member, names, CYAML_ARRAY_LEN(names))
#define LIST(key, structure, member)                                                                       \
  CYAML_FIELD_SEQUENCE_COUNT(key, OPT | CYAML_FLAG_POINTER, structure, member.v, member.n, &text_entry, 0, \
                             UH_CONFIG_MAX_ITEMS)
#define SECTION(key, structure, member, fields) CYAML_FIELD_MAPPING_PTR(key, OPT, structure, member, fields)

static const cyaml_strval_t cloud_names[] = {{"worldwide", UH_CLOUD_WORLDWIDE},
                                             {"gcc-high", UH_CLOUD_GCC_HIGH},
                                             {"dod", UH_CLOUD_DOD},
                                             {"china", UH_CLOUD_CHINA}};
static const cyaml_strval_t bind_names[] = {{"gssapi", UH_BIND_GSSAPI}, {"simple", UH_BIND_SIMPLE}};
static const cyaml_strval_t security_names[] = {
    {"tls", UH_LDAP_TLS}, {"sealed", UH_LDAP_SEALED}, {"plain", UH_LDAP_PLAIN}};
static const cyaml_strval_t auth_names[] = {{"kerberos", UH_EXCHANGE_KERBEROS}, {"basic", UH_EXCHANGE_BASIC}};

static const cyaml_schema_value_t text_entry = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, UH_CONFIG_MAX_TEXT)};

static const cyaml_schema_field_t credentials_fields[] = {
    TEXT("client_id", struct uh_credentials, client_id),
    TEXT("certificate", struct uh_credentials, certificate),
    TEXT("secret_file", struct uh_credentials, secret_file),
    TEXT("federated_token_file", struct uh_credentials, federated_token_file),
    CYAML_FIELD_BOOL("managed_identity", OPT, struct uh_credentials, managed_identity),
    CYAML_FIELD_BOOL("device_code", OPT, struct uh_credentials, device_code),
    CYAML_FIELD_END};

static const cyaml_schema_field_t directory_fields[] = {
    TEXT("url", struct uh_directory_config, url),
    ENUM("bind", struct uh_directory_config, bind, bind_names),
    TEXT("user", struct uh_directory_config, user),
    TEXT("password_file", struct uh_directory_config, password_file),
    TEXT("ca_file", struct uh_directory_config, ca_file),
    ENUM("security", struct uh_directory_config, security, security_names),
    CYAML_FIELD_END};

#define EXCHANGE_CONNECTION                                                                                           \
  TEXT("url", struct uh_exchange_config, url), ENUM("auth", struct uh_exchange_config, auth, auth_names),             \
      TEXT("user", struct uh_exchange_config, user), TEXT("password_file", struct uh_exchange_config, password_file), \
      TEXT("keytab", struct uh_exchange_config, keytab), TEXT("ca_file", struct uh_exchange_config, ca_file),         \
      LIST("redirect_hosts", struct uh_exchange_config, redirect_hosts)

static const cyaml_schema_field_t exchange_fields[] = {
    EXCHANGE_CONNECTION, TEXT("export", struct uh_exchange_config, export_dir), CYAML_FIELD_END};
static const cyaml_schema_field_t operator_exchange_fields[] = {EXCHANGE_CONNECTION, CYAML_FIELD_END};

static const cyaml_schema_field_t exchange_online_fields[] = {
    TEXT("export", struct uh_exchange_online_config, export_dir), CYAML_FIELD_END};

static const cyaml_schema_field_t operator_fields[] = {
    SECTION("credentials", struct uh_operator_config, credentials, credentials_fields),
    SECTION("directory", struct uh_operator_config, directory, directory_fields),
    SECTION("exchange", struct uh_operator_config, exchange, operator_exchange_fields), CYAML_FIELD_END};

static const cyaml_schema_field_t dns_fields[] = {LIST("public", struct uh_dns_config, public_servers),
                                                  LIST("internal", struct uh_dns_config, internal_servers),
                                                  CYAML_FIELD_END};

static const cyaml_schema_field_t mail_flow_fields[] = {
    LIST("gateways", struct uh_mail_flow_config, gateways),
    LIST("onprem_networks", struct uh_mail_flow_config, onprem_networks), CYAML_FIELD_END};

static const cyaml_schema_field_t relays_fields[] = {
    LIST("smtp_logs", struct uh_relays_config, smtp_logs),
    LIST("tracking_logs", struct uh_relays_config, tracking_logs), LIST("iis_logs", struct uh_relays_config, iis_logs),
    CYAML_FIELD_UINT("window_days", OPT, struct uh_relays_config, window_days), CYAML_FIELD_END};

static const cyaml_schema_field_t writeback_fields[] = {
    LIST("templates", struct uh_writeback_config, templates),
    LIST("application_templates", struct uh_writeback_config, application_templates),
    CYAML_FIELD_UINT("limit", OPT, struct uh_writeback_config, limit), CYAML_FIELD_END};

static const cyaml_schema_field_t pauses_fields[] = {TEXT("observe", struct uh_pauses_config, observe),
                                                     CYAML_FIELD_END};
static const cyaml_schema_field_t replication_fields[] = {TEXT("directory", struct uh_replication_config, directory),
                                                          TEXT("cloud", struct uh_replication_config, cloud),
                                                          CYAML_FIELD_END};

static const cyaml_schema_field_t endpoints_fields[] = {
    TEXT("login", struct uh_endpoints_config, login), TEXT("graph", struct uh_endpoints_config, graph),
    TEXT("exchange_online", struct uh_endpoints_config, exchange_online),
    TEXT("ca_file", struct uh_endpoints_config, ca_file), CYAML_FIELD_END};

static const cyaml_schema_field_t root_fields[] = {
    TEXT("organization", struct uh_config, organization),
    TEXT("tenant", struct uh_config, tenant),
    ENUM("cloud", struct uh_config, cloud, cloud_names),
    SECTION("credentials", struct uh_config, credentials, credentials_fields),
    SECTION("operator", struct uh_config, operator_, operator_fields),
    SECTION("directory", struct uh_config, directory, directory_fields),
    SECTION("exchange", struct uh_config, exchange, exchange_fields),
    SECTION("exchange_online", struct uh_config, exchange_online, exchange_online_fields),
    SECTION("dns", struct uh_config, dns, dns_fields),
    SECTION("mail_flow", struct uh_config, mail_flow, mail_flow_fields),
    SECTION("relays", struct uh_config, relays, relays_fields),
    SECTION("writeback", struct uh_config, writeback, writeback_fields),
    SECTION("endpoints", struct uh_config, endpoints, endpoints_fields),
    SECTION("pauses", struct uh_config, pauses, pauses_fields),
    SECTION("replication", struct uh_config, replication, replication_fields),
    TEXT("fresh_for", struct uh_config, fresh_for),
    TEXT("waivers", struct uh_config, waivers),
    TEXT("attestations", struct uh_config, attestations),
    LIST("rules", struct uh_config, rules),
    CYAML_FIELD_END};

static const cyaml_schema_value_t root = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct uh_config, root_fields)};

const cyaml_schema_value_t *uh_config_schema(void) {
  return &root;
}

const char *uh_cloud_name(enum uh_cloud cloud) {
  for (size_t i = 0; i < CYAML_ARRAY_LEN(cloud_names); i++)
    if (cloud_names[i].val == (int64_t)cloud) return cloud_names[i].str;
  return "worldwide";
}
