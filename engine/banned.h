/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that have cost others dearly. Included before every file of ours; a use is a compile error. */
#ifndef UH_BANNED_H
#define UH_BANNED_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* With _FORTIFY_SOURCE and clang these two are macros. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf gets strtok system popen tmpnam mktemp asctime ctime gmtime \
    localtime atoi atol atoll
#endif
