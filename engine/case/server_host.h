/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_SERVER_HOST_H
#define UH_SERVER_HOST_H
/* By which host names the servers of an organisation are reached, as their own objects tell. */
#include <unhybrid/text.h>

/* Statement: where they stand, in rows of objects (a table or view with side, kind, json). URLs and names; read each
 * with uh_server_host. Not the smart host that the hybrid configuration names: it may be a gateway, which stays. Where
 * it is a server, the server's own objects tell it. */
#define UH_SERVER_HOSTS(rows)                                                                    \
  "SELECT prop(" rows ".json, 'Fqdn') FROM " rows                                                \
  " WHERE side = 'on-premises' AND kind = 'ExchangeServer'"                                      \
  " UNION ALL SELECT a.value FROM " rows ", json_each(json_array(prop(" rows                     \
  ".json, 'InternalUrl'),"                                                                       \
  "   prop(" rows ".json, 'ExternalUrl'), prop(" rows                                            \
  ".json, 'InternalNLBBypassUrl'),"                                                              \
  "   prop(" rows                                                                                \
  ".json, 'AutoDiscoverServiceInternalUri'))) a WHERE side = 'on-premises'"                      \
  "   AND (kind LIKE '%VirtualDirectory' OR kind IN ('ClientAccessService', 'OutlookAnywhere'))" \
  " UNION ALL SELECT a.value FROM " rows ", json_each(prop_list(" rows                           \
  ".json, 'ServiceBindingInformation')) a"                                                       \
  "   WHERE side = 'on-premises' AND kind = 'AutodiscoverServiceConnectionPoint'"

/* The host of "https://host:port/path", or of "host:port", as a key. Nothing is added where there is none. */
void uh_host_of(const char *text, struct uh_str *out);
/* What Microsoft runs is no server of the organisation, whatever an object of the organisation says of it. */
bool uh_host_is_microsofts(const char *host);
/* Both: the host, unless it is Microsoft's. */
void uh_server_host(const char *text, struct uh_str *out);
#endif
