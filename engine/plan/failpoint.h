/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_FAILPOINT_H
#define UH_FAILPOINT_H
/*
 * Named places where a test ends the process as a power cut would: SIGKILL, nothing is tidied up. In builds with the
 * meson option `failpoints` only.
 *
 * UNHYBRID_FAILPOINT=NAME[:N] ends it the Nth time (first without) that NAME is passed; UNHYBRID_FAILPOINT_LOG=FILE
 * gets the name of every place that is passed and the time, to nine digits of a second, a line each.
 */
void uh_failpoint_passed(void *user, const char *name);
#endif
