/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_KEY_FILE_H
#define UH_KEY_FILE_H
#include <unhybrid/base.h>

/* The bytes of a file into which a person exported a certificate with its private key (PKCS#12, .pfx): what is wrong
 * with them, NULL: nothing that can be seen without the password, which this program never learns. */
#define UH_KEY_FILE_MAX ((size_t)1 << 20)
const char *UH_NULLABLE uh_key_file_wrong(const uint8_t *bytes, size_t n);
#endif
