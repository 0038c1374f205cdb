/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_CONFIG_H
#define UH_CONFIG_H
/*
 * The configuration of design section 4.3. Unknown keys, wrong types, missing companions and unreadable secret files
 * are refused with file and line (UH_ERR_CONFIG). Paths come out absolute (relative ones are relative to the file). A
 * section that is absent is NULL. Secrets are not read here: uh_secret_read() reads one when it is needed.
 */
#include <unhybrid/base.h>

enum uh_cloud { UH_CLOUD_WORLDWIDE, UH_CLOUD_GCC_HIGH, UH_CLOUD_DOD, UH_CLOUD_CHINA };
enum uh_bind { UH_BIND_GSSAPI, UH_BIND_SIMPLE };
enum uh_ldap_security { UH_LDAP_TLS, UH_LDAP_SEALED, UH_LDAP_PLAIN }; /* ldap://: TLS means StartTLS */
enum uh_exchange_auth { UH_EXCHANGE_KERBEROS, UH_EXCHANGE_BASIC };

struct uh_strings {
  char **v;
  unsigned n;
};
struct uh_credentials { /* exactly one of the five ways */
  char *client_id;
  char *certificate; /* PEM file with certificate and private key */
  char *secret_file;
  char *federated_token_file;
  bool managed_identity;
  bool device_code;
};
struct uh_directory_config {
  char *url;
  enum uh_bind bind;
  char *user, *password_file, *ca_file;
  enum uh_ldap_security security;
};
struct uh_exchange_config {
  char *url;
  enum uh_exchange_auth auth;
  char *user, *password_file, *keytab, *ca_file, *export_dir;
  struct uh_strings redirect_hosts; /* beside the url's own */
};
struct uh_exchange_online_config {
  char *export_dir;
};
struct uh_dns_config {
  struct uh_strings public_servers, internal_servers;
}; /* address[:port], [v6]:port */
struct uh_mail_flow_config {
  struct uh_strings gateways, onprem_networks;
};
struct uh_relays_config {
  struct uh_strings smtp_logs, tracking_logs, iis_logs;
  unsigned window_days;
};
struct uh_writeback_config {
  struct uh_strings templates;             /* beginnings of a job's templateId */
  struct uh_strings application_templates; /* GUIDs of the gallery's applications that such jobs belong to */
  unsigned limit;                          /* mailboxes */
};
/* Durations as they are written: "7d", "36h", "15m", "90s", "0". */
struct uh_pauses_config {
  char *observe;
};
struct uh_replication_config {
  char *directory, *cloud;
};
struct uh_operator_config {
  struct uh_credentials *credentials;
  struct uh_directory_config *directory;
  struct uh_exchange_config *exchange;
};
struct uh_endpoints_config {
  char *login, *graph, *exchange_online, *ca_file;
}; /* https only */
struct uh_config {
  char *path; /* absolute path of the file */
  char *dir;  /* its directory */
  char *organization;
  char *UH_NULLABLE tenant;
  enum uh_cloud cloud;
  struct uh_credentials *credentials;
  struct uh_operator_config *operator_;
  struct uh_directory_config *directory;
  struct uh_exchange_config *exchange;
  struct uh_exchange_online_config *exchange_online;
  struct uh_dns_config *dns;
  struct uh_mail_flow_config *mail_flow;
  struct uh_relays_config *relays;
  struct uh_writeback_config *writeback;
  struct uh_endpoints_config *endpoints;
  struct uh_pauses_config *pauses;
  struct uh_replication_config *replication;
  char *fresh_for;
  char *waivers, *attestations;
  struct uh_strings rules;
};

int uh_config_load(const char *path, struct uh_config **ret_config, struct uh_err *err);
struct uh_config *uh_config_free(struct uh_config *UH_NULLABLE config);
void uh_config_freep(struct uh_config **config);
/* What holds for writeback, where the section or a key of it is absent too. */
const struct uh_strings *uh_writeback_templates(const struct uh_config *config);
const struct uh_strings *uh_writeback_application_templates(const struct uh_config *config);
unsigned uh_writeback_limit(const struct uh_config *config);
/* Seconds; what holds where the configuration does not say is in brackets. */
int64_t uh_pause_observe(const struct uh_config *config);         /* what was soft-disabled is watched [7 days] */
int64_t uh_replication_directory(const struct uh_config *config); /* until every domain controller has it [15 min] */
int64_t uh_replication_cloud(const struct uh_config *config);     /* the same in the cloud [1 hour] */
int64_t uh_fresh_for(const struct uh_config *config); /* recipients, before what cannot be undone [1 hour] */
/* A duration in seconds; false where the text is none. */
bool uh_duration_parse(const char *text, int64_t *ret_seconds);
const char *uh_cloud_name(enum uh_cloud cloud);
/* The word of words[0..n) that is most like word, where it is like enough to be meant; else NULL. */
const char *UH_NULLABLE uh_nearest_word(const char *word, const char *const *words, size_t n);

/* A secret from a file (one trailing newline taken off), at most 64 KiB, refused when group or others can get at it
 * (UH_ERR_CONFIG). "env:NAME" as path takes the environment variable NAME. Free with uh_secret_free, which overwrites.
 */
int uh_secret_read(const char *path, char **ret_secret, struct uh_err *err);
void uh_secret_free(char *UH_NULLABLE secret);
void uh_secret_freep(char **secret);
#endif
