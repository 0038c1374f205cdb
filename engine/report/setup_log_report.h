/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_SETUP_LOG_REPORT_H
#define UH_SETUP_LOG_REPORT_H
/* What a log of Exchange Setup says: for a person, and as JSON (docs/schema/setup-log.schema.json). */
#include "report/report.h"
#include "setup/setup_log.h"

int uh_setup_log_terminal(const struct uh_setup_log *log, const struct uh_report_options *options,
                          const struct uh_report_sink *sink, struct uh_err *err);
int uh_setup_log_json(const struct uh_setup_log *log, const struct uh_report_sink *sink, struct uh_err *err);
#endif
