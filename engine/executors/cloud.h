/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_EXECUTORS_CLOUD_H
#define UH_EXECUTORS_CLOUD_H
/* Inside the executors: the operator's sign-in in the cloud. */
#include "executors/executors.h"
#include "wire/oauth.h"

struct uh_operator_cloud {
  struct uh_oauth *oauth;
  struct uh_oauth_hosts hosts; /* as asked: endpoints of the configuration, else the cloud's own */
  struct uh_oauth_hosts own;   /* of the tokens: the cloud's own, always */
  struct uh_http_options http;
};
#endif
