/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_REPORT_DIFF_H
#define UH_REPORT_DIFF_H
/* Differences of two observations, rendered. limit of the options: findings and objects of each kind of change that are
 * shown (0: all; the terminal: 5 unless verbose). */
#include "report/report.h"
#include "rules/diff.h"

int uh_diff_render_json(struct uh_diff *diff, const struct uh_report_options *options,
                        const struct uh_report_sink *sink, struct uh_err *err);
int uh_diff_render_terminal(struct uh_diff *diff, const struct uh_report_options *options,
                            const struct uh_report_sink *sink, struct uh_err *err);
#endif
