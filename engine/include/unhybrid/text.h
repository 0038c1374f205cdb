/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNHYBRID_TEXT_H
#define UNHYBRID_TEXT_H
/*
 * Growing strings, and one escape function for each place where a name from a directory can do harm. Names are
 * hostile text: no name reaches an output in any other way than through one of these.
 */
#include <unhybrid/base.h>

/* A growing byte string, always NUL-terminated once something was added. Zero-initialise; free with uh_str_clear().
 * After an allocation failure `failed` is set, adding does nothing more, and the owner checks once at the end. */
struct uh_str {
  char *s;
  size_t len, cap;
  bool failed;
};
void uh_str_clear(struct uh_str *str);
void uh_str_reset(struct uh_str *str); /* empty, keeps the memory */
void uh_str_add(struct uh_str *str, const char *s);
void uh_str_addn(struct uh_str *str, const char *s, size_t n);
void uh_str_addc(struct uh_str *str, char c);
void uh_str_addf(struct uh_str *str, const char *fmt, ...) UH_PRINTF(2, 3);
/* The finished text ("" when empty), NULL when an allocation failed. The string stays the owner's. */
const char *uh_str_text(const struct uh_str *str);
/* The same for a message that may go on without it: `otherwise` when an allocation failed. */
const char *uh_str_or(const struct uh_str *str, const char *otherwise);
char *UH_OWN uh_str_take(struct uh_str *str); /* NULL when an allocation failed */

/* A JSON string with its quotes. NUL and bytes that are not UTF-8 become U+FFFD; C0, DEL, C1, bidi controls, U+2028/9
 * are written as \uXXXX so that a terminal that shows the JSON is not steered by it. */
void uh_json_string(struct uh_str *out, const char *s, size_t n);
/* Text for a terminal: everything that could move the cursor, change direction or hide becomes visible (\x1b, \u202e).
 */
void uh_terminal_text(struct uh_str *out, const char *s, size_t n);
/* A PowerShell single-quoted string. U+0027 and U+2018..U+201B are doubled: PowerShell takes them all for quotes.
 * Returns false (adding nothing) where the text holds control or bidi characters or U+FFFD, which stands for something
 * that could not be kept, or is not UTF-8: give a GUID then. */
bool uh_powershell_quote(struct uh_str *out, const char *s, size_t n);
void uh_shell_word(struct uh_str *out, const char *word); /* one word for a POSIX shell, whatever stands in it */
void uh_html_text(struct uh_str *out, const char *s, size_t n);
void uh_csv_field(struct uh_str *out, const char *s, size_t n);             /* quoted, formulas disarmed */
void uh_ldap_filter_value(struct uh_str *out, const void *value, size_t n); /* RFC 4515 */
bool uh_utf8_valid(const char *s, size_t n);
/* How many terminal columns the text takes after uh_terminal_text (LC_CTYPE must be set to a UTF-8 locale). */
size_t uh_text_width(const char *s);

int uh_hex_digit(char c); /* 0 to 15; -1: it is none */

/* GUIDs: 16 bytes in AD's order inside, text outside. */
#define UH_GUID_SIZE 16
#define UH_GUID_TEXT 37
const char *uh_guid_text(const uint8_t guid[UH_GUID_SIZE], char text[UH_GUID_TEXT]); /* lower case, no braces */
bool uh_guid_parse(const char *text, uint8_t ret_guid[UH_GUID_SIZE]);                /* with or without braces */

/*
 * The key by which addresses are compared; nothing else compares addresses. The type prefix ("SMTP:", "smtp:", "X500:")
 * is taken off, ASCII becomes lower case, the domain becomes its A-label, the rest stays byte for byte.
 * Returns false where the text is no SMTP address (no @, empty part, X500 and other types): ret_key is empty then.
 */
bool uh_address_key(const char *address, size_t n, struct uh_str *ret_key);
/* A domain name's key: ASCII lower case A-label without trailing dot. */
bool uh_domain_key(const char *domain, size_t n, struct uh_str *ret_key);

/* Times are UTC seconds since 1970. Without a zone in the text the time is not known: UH_TIME_NO_ZONE. */
enum uh_time_kind { UH_TIME_OK, UH_TIME_NO_ZONE, UH_TIME_BAD };
/* ISO 8601 / RFC 3339 ("2026-11-22T19:00:00.1234567+01:00"), also AD's generalized time "20261122190000.0Z". */
enum uh_time_kind uh_time_parse(const char *text, int64_t *ret_utc);
#define UH_TIME_TEXT 21
const char *uh_time_text(int64_t utc, char text[UH_TIME_TEXT]); /* 2026-11-22T19:00:00Z */
#define UH_TIME_COMPACT 17
const char *uh_time_compact(int64_t utc, char text[UH_TIME_COMPACT]); /* 20261122T190000Z */
#endif
