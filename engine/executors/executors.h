/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_EXECUTORS_H
#define UH_EXECUTORS_H
/*
 * Who carries a change out: the writers that the public <unhybrid/writer.h> speaks of. This room alone reaches a
 * writing call of wire/.
 */
#include <unhybrid/directory_writer.h>
#include <unhybrid/graph_writer.h>
#include <unhybrid/writer.h>

/* ---- a dry run ---- */

/* A writer that sends nothing: it checks a change as the real one would before sending, and keeps what it was asked. */
struct uh_recorder {
  int (*check)(const struct uh_change *change, struct uh_err *err); /* uh_exchange_server_check.. */
  struct uh_str lines; /* a JSON object for each recorded change, each on a line of its own */
  size_t changes;
};
struct uh_writer uh_recorder_writer(struct uh_recorder *recorder);
struct uh_graph_writer uh_recorder_graph_writer(struct uh_recorder *recorder); /* checks with uh_graph_check */
void uh_recorder_clear(struct uh_recorder *recorder);

/* ---- Exchange Server, over remote PowerShell ---- */

struct uh_exchange_config;
struct uh_clixml_value;
struct uh_exchange_server_options {
  const struct uh_exchange_config *exchange; /* operator.exchange: the account that may write */
  const char *UH_NULLABLE domain_controller; /* pinned in every change */
  bool (*UH_NULLABLE cancelled)(void *user);
  void *cancel_user;
  int64_t limit_ms;     /* of one cmdlet; 0: wire/psrp.h's */
  int64_t operation_ms; /* of one Receive, after which a write can be stopped; 0: 4 s */
  /* Each object that a cmdlet puts out. May be NULL. */
  void (*UH_NULLABLE output)(void *user, const struct uh_clixml_value *object);
  void (*UH_NULLABLE warning)(void *user, const char *message);
  void *user;
};
struct uh_exchange_server;
/* Nobody is asked before the first change; then one session serves all, and a broken one is replaced by the next. The
 * options' pointers must outlive the executor. */
int uh_exchange_server_open(const struct uh_exchange_server_options *options, struct uh_exchange_server **ret_server,
                            struct uh_err *err);
/* Deletes the session. -1: it may still be there, until the server's idle timeout. NULL is fine. */
int uh_exchange_server_close(struct uh_exchange_server *UH_OWN UH_NULLABLE server, struct uh_err *UH_NULLABLE err);
void uh_exchange_server_closep(struct uh_exchange_server **server);
struct uh_writer uh_exchange_server_writer(struct uh_exchange_server *server);
/* What a change must be before anybody is asked: a cmdlet that a cleanup may run, its parameters in their types, the
 * object's GUID where there is an object (UH_ERR_INTERNAL: the caller is wrong). */
int uh_exchange_server_check(const struct uh_change *change, struct uh_err *err);
/* Whether the cmdlet names its object by its GUID; false also for one that is not in the list. */
bool uh_exchange_server_by_guid(const char *cmdlet);

/* ---- the cloud ---- */

struct uh_config;
struct uh_operator_cloud; /* operator.credentials; one for both executors, so that a person signs in once. One thread */
struct uh_operator_cloud_options {
  const struct uh_config *config; /* must outlive what is opened */
  bool (*UH_NULLABLE cancelled)(void *user);
  void *cancel_user;
  /* A person has to sign in by device code. NULL: then that way of signing in fails. */
  void (*UH_NULLABLE sign_in)(void *user, const char *message, const char *uri, const char *code);
  void *sign_in_user;
};
/* Nobody is asked. */
int uh_operator_cloud_open(const struct uh_operator_cloud_options *options, struct uh_operator_cloud **ret_cloud,
                           struct uh_err *err);
struct uh_operator_cloud *uh_operator_cloud_free(struct uh_operator_cloud *UH_NULLABLE cloud);
void uh_operator_cloud_freep(struct uh_operator_cloud **cloud);

/*
 * Exchange Online, over its admin API. A dehydrated organisation is told of (result.dehydrated): the command that
 * customises it is never run here. UNVERIFIED against a real tenant: see wire/exchange_online.h and the list of
 * cmdlets.
 */
struct uh_exchange_online_options {
  struct uh_operator_cloud *cloud;
  void (*UH_NULLABLE output)(void *user, const char *json, size_t n); /* each object that a cmdlet puts out */
  void (*UH_NULLABLE warning)(void *user, const char *text);
  void *user;
};
struct uh_exchange_online;
/* Nobody is asked before the first change. */
int uh_exchange_online_open(const struct uh_exchange_online_options *options, struct uh_exchange_online **ret_online,
                            struct uh_err *err);
struct uh_exchange_online *uh_exchange_online_free(struct uh_exchange_online *UH_NULLABLE online);
void uh_exchange_online_freep(struct uh_exchange_online **online);
struct uh_writer uh_exchange_online_writer(struct uh_exchange_online *online);
int uh_exchange_online_check(const struct uh_change *change, struct uh_err *err); /* as uh_exchange_server_check */
bool uh_exchange_online_by_guid(const char *cmdlet);                              /* as uh_exchange_server_by_guid */

/*
 * Graph. Each change reads its object right before, and is sent with If-Match where Graph gives an ETag. UNVERIFIED
 * against a real tenant: whether it ever does for these objects (without, a change by a third hand within the same
 * second can be lost: read back); whether an application may change Microsoft's own principal (a refusal is told);
 * whether credentials that have ended can be sent back; whether an application's principal comes back with it.
 */
struct uh_graph_executor;
int uh_graph_executor_open(struct uh_operator_cloud *cloud, struct uh_graph_executor **ret_executor,
                           struct uh_err *err);
struct uh_graph_executor *uh_graph_executor_free(struct uh_graph_executor *UH_NULLABLE executor);
void uh_graph_executor_freep(struct uh_graph_executor **executor);
struct uh_graph_writer uh_graph_executor_writer(struct uh_graph_executor *executor);
/* One look at what became of a change: 1 it shows, 0 not, or not yet, -1 nobody knows. Until the directory has settled,
 * looks can disagree. */
int uh_graph_shows(struct uh_graph_executor *executor, const struct uh_graph_change *change, struct uh_err *err);
int uh_graph_check(const struct uh_graph_change *change, struct uh_err *err); /* as uh_exchange_server_check */

/*
 * Active Directory itself, over LDAP with TLS or sealing. Each object is looked at right before: GUID, place, class,
 * what stands below it. Where the server is Active Directory it is then addressed by GUID, so that a rename in between
 * changes nothing. A tree goes leaf by leaf, never by one request. Each domain's objects are changed at a controller of
 * that domain; where none can be asked that is the error, never result.not_found.
 */
struct uh_directory_executor_options {
  const struct uh_config *config; /* operator.directory says who, directory where */
  bool (*UH_NULLABLE cancelled)(void *user);
  void *cancel_user;
  /* As a world's, between two requests of one change; it gets cancel_user. */
  void (*UH_NULLABLE failpoint)(void *user, const char *name);
};
struct uh_directory_executor;
/* Nobody is asked before the first change. UH_ERR_CONFIG where no account is configured that may write. */
int uh_directory_executor_open(const struct uh_directory_executor_options *options,
                               struct uh_directory_executor **ret_executor, struct uh_err *err);
struct uh_directory_executor *uh_directory_executor_free(struct uh_directory_executor *UH_NULLABLE executor);
void uh_directory_executor_freep(struct uh_directory_executor **executor);
struct uh_directory_writer uh_directory_executor_writer(struct uh_directory_executor *executor);
int uh_directory_check(const struct uh_directory_change *change, struct uh_err *err); /* as uh_exchange_server_check */
#endif
