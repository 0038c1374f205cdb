/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_GRAPH_H
#define UH_GRAPH_H
/*
 * Microsoft Graph: reading collections and single objects, and batches of reads. A collection is complete only when a
 * page without a next link came; an empty page with one is not the end.
 */
#include <unhybrid/base.h>

#include "wire/http.h"
#include "wire/oauth.h"

#define UH_GRAPH_PAGES_MAX 100000
#define UH_GRAPH_EMPTY_MAX 100u /* pages one after the other without an object: they lead nowhere */
#define UH_GRAPH_BATCH_MAX 20
#define UH_GRAPH_BATCH_ROUNDS 30 /* sends of one batch while single items are throttled */

enum uh_graph_class {
  UH_GRAPH_FINE = 0,
  UH_GRAPH_REFUSED,
  UH_GRAPH_TOKEN,
  UH_GRAPH_NOT_FOUND,
  UH_GRAPH_UNSUPPORTED, /* the query, not the resource */
  UH_GRAPH_NO_SEGMENT,  /* this version has no such path */
  UH_GRAPH_THROTTLED,
  UH_GRAPH_TRANSIENT,
  UH_GRAPH_FAILED,
};
/* By status and error.code. ret_code (64 bytes) and ret_message (256 bytes) are shown safely. */
enum uh_graph_class uh_graph_classify(long status, const char *body, size_t n, char ret_code[64],
                                      char ret_message[256]);

struct uh_graph_options {
  const char *base;     /* https://graph.microsoft.com */
  const char *resource; /* of the token */
  struct uh_oauth *oauth;
  struct uh_http_options http;
};
struct uh_graph; /* one thread */
int uh_graph_open(const struct uh_graph_options *options, struct uh_graph **ret_graph, struct uh_err *err);
struct uh_graph *uh_graph_free(struct uh_graph *UH_NULLABLE graph);
void uh_graph_freep(struct uh_graph **graph);
/* Nobody is there, or nobody who answers: nothing further needs to be asked. */
bool uh_graph_down(const struct uh_graph *graph);
int64_t uh_graph_requests(const struct uh_graph *graph);

struct uh_graph_result {
  bool complete;
  bool any;              /* at least one object or page came */
  enum uh_answer answer; /* VALUE when complete */
  enum uh_graph_class cls;
  struct uh_err err;
  int64_t pages;
};
struct uh_graph_query {
  const char *path; /* "users?$select=id&$top=999" below v1.0, or a next link */
  bool eventual;    /* ConsistencyLevel: eventual, with every page */
  bool beta;        /* below beta: what v1.0 does not show */
  void *user;
  int (*object)(void *user, const char *json, size_t n, struct uh_err *err); /* -1 stops */
  void (*done)(void *user, const struct uh_graph_result *result);            /* may queue further queries */
};
int uh_graph_list(struct uh_graph *graph, const struct uh_graph_query *query, struct uh_err *err);
int uh_graph_run(struct uh_graph *graph, struct uh_err *err);

/* At most UH_GRAPH_BATCH_MAX reads in one request. An item that is throttled, or failed because another one was, is
 * sent again by itself; one that never came back keeps status 0: nothing is known of it. */
struct uh_graph_item {
  const char *path; /* "/organization?$select=id" */
  long status;      /* out */
  char *body;       /* out: JSON text, NULL without body; free */
};
int uh_graph_batch(struct uh_graph *graph, struct uh_graph_item *items, size_t n, struct uh_err *err);
void uh_graph_items_clear(struct uh_graph_item *items, size_t n);

/* ---- one request that writes: sent once (wire/http_write.h says when again) ---- */

#define UH_GRAPH_WRITE_BODY_MAX ((size_t)8 * 1024 * 1024)
enum uh_graph_write_outcome {
  UH_GRAPH_WRITE_NOT_SENT = 0, /* or turned away at the door: nothing was carried out */
  UH_GRAPH_WRITE_DONE,
  UH_GRAPH_WRITE_FAILED, /* the service says no */
  UH_GRAPH_WRITE_UNKNOWN,
};
struct uh_graph_written {
  enum uh_graph_write_outcome outcome;
  enum uh_graph_class cls; /* of the reply; FINE where none came */
  long status;             /* 0: no whole reply */
  char code[64], message[256], request_id[64];
  unsigned attempts;
};
struct uh_graph_request {
  const char *method;               /* PATCH, DELETE, POST */
  const char *path;                 /* "applications/ID" below v1.0 */
  const char *UH_NULLABLE body;     /* JSON */
  const char *UH_NULLABLE if_match; /* the ETag that the service gave, as it gave it */
};
/* 0: done. -1: every other outcome, err says why. */
int uh_graph_write(struct uh_graph *graph, const struct uh_graph_request *request, struct uh_graph_written *ret_written,
                   struct uh_err *err);
#endif
