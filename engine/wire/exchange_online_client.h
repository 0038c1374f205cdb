/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_EXCHANGE_ONLINE_CLIENT_H
#define UH_EXCHANGE_ONLINE_CLIENT_H
/* Inside the client of Exchange Online: what reading and writing share. */
#include "wire/exchange_online.h"

#define UH_EXO_ANCHOR "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@"

struct listing;
struct uh_exo {
  struct uh_exo_options options;
  struct uh_http *http;
  char base[UH_HTTP_ORIGIN_MAX];
  char front[UH_HTTP_ORIGIN_MAX];
  char *resource;
  char tenant[UH_GUID_TEXT], session[UH_GUID_TEXT];
  char *cmdlets; /* ",get-mailbox,...,", NULL: not known */
  struct listing *queue, *queue_end;
  unsigned in_flight;
  bool fatal;
  struct uh_err fatal_err;
};
#endif
