/* SPDX-License-Identifier: Apache-2.0 */
#include <unhybrid/text.h>

#include <idn2.h>
#include <stdarg.h>
#include <wchar.h>

#define IDN_INPUT_MAX 1024 /* bytes; a domain name that DNS can hold is shorter in every encoding */

/* ---- growing strings ---- */

void uh_str_clear(struct uh_str *str) {
  free(str->s);
  *str = (struct uh_str){0};
}

void uh_str_reset(struct uh_str *str) {
  str->len = 0;
  str->failed = false;
  if (str->s) str->s[0] = '\0';
}

/* Makes room for n more bytes and the NUL. */
static bool make_room(struct uh_str *str, size_t n) {
  if (str->failed) return false;
  if (n < str->cap && str->len < str->cap - n) return true;
  if (n > SIZE_MAX / 4 || str->len > SIZE_MAX / 4) {
    str->failed = true;
    return false;
  }
  size_t need = str->len + n + 1;
  size_t cap = str->cap ? str->cap : 32;
  while (cap < need) cap *= 2;
  char *s = realloc(str->s, cap);
  if (!s) {
    str->failed = true;
    return false;
  }
  str->s = s;
  str->cap = cap;
  return true;
}

void uh_str_addn(struct uh_str *str, const char *s, size_t n) {
  if (!make_room(str, n)) return;
  if (n) memcpy(str->s + str->len, s, n);
  str->len += n;
  str->s[str->len] = '\0';
}

void uh_str_add(struct uh_str *str, const char *s) {
  uh_str_addn(str, s, strlen(s));
}

void uh_str_addc(struct uh_str *str, char c) {
  uh_str_addn(str, &c, 1);
}

void uh_str_addf(struct uh_str *str, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0) {
    str->failed = true;
  } else if (make_room(str, (size_t)n)) {
    (void)vsnprintf(str->s + str->len, (size_t)n + 1, fmt, again);
    str->len += (size_t)n;
  }
  va_end(again);
}

const char *uh_str_text(const struct uh_str *str) {
  if (str->failed) return NULL;
  return str->s ? str->s : "";
}

const char *uh_str_or(const struct uh_str *str, const char *otherwise) {
  const char *text = uh_str_text(str);
  return text ? text : otherwise;
}

char *uh_str_take(struct uh_str *str) {
  if (!str->failed) (void)make_room(str, 0);
  if (str->failed) {
    uh_str_clear(str);
    return NULL;
  }
  str->s[str->len] = '\0';
  char *s = str->s;
  *str = (struct uh_str){0};
  return s;
}

/* ---- characters ---- */

/* Decodes one character strictly (no overlong forms, no surrogates). Returns its length, 0 where the bytes are not
 * UTF-8. */
static size_t decode(const char *s, size_t n, uint32_t *ret_c) {
  const unsigned char *p = (const unsigned char *)s;
  static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (!n) return 0;
  if (p[0] < 0x80) {
    *ret_c = p[0];
    return 1;
  }
  size_t len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
  if (p[0] < 0xC2 || p[0] > 0xF4 || len > n) return 0;
  uint32_t c = (uint32_t)p[0] & (0xFFu >> (len + 1));
  for (size_t i = 1; i < len; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
    c = c << 6 | (p[i] & 0x3F);
  }
  if (c < smallest[len] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return 0;
  *ret_c = c;
  return len;
}

static bool is_control(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F);
}

/* Changes direction, hides, or takes no place: what a reader cannot see must not decide what they read. */
static bool is_hidden(uint32_t c) {
  static const uint32_t ranges[][2] = {
      {0x00AD, 0x00AD}, {0x034F, 0x034F}, {0x061C, 0x061C}, {0x115F, 0x1160},   {0x17B4, 0x17B5},
      {0x180B, 0x180F}, {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F},   {0x3164, 0x3164},
      {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
  };
  if (c < 0xAD) return false;
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
  return false;
}

static char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool uh_utf8_valid(const char *s, size_t n) {
  uint32_t c;
  for (size_t i = 0, len; i < n; i += len)
    if (!(len = decode(s + i, n - i, &c))) return false;
  return true;
}

/* ---- escapes ---- */

static void json_unicode(struct uh_str *out, uint32_t c) {
  if (c < 0x10000) {
    uh_str_addf(out, "\\u%04x", c);
  } else {
    c -= 0x10000;
    uh_str_addf(out, "\\u%04x\\u%04x", 0xD800 + (c >> 10), 0xDC00 + (c & 0x3FF));
  }
}

void uh_json_string(struct uh_str *out, const char *s, size_t n) {
  uh_str_addc(out, '"');
  for (size_t i = 0; i < n;) {
    size_t plain = i;
    while (plain < n && s[plain] >= 0x20 && s[plain] < 0x7F && s[plain] != '"' && s[plain] != '\\') plain++;
    uh_str_addn(out, s + i, plain - i);
    if ((i = plain) == n) break;
    uint32_t c;
    size_t len = decode(s + i, n - i, &c);
    if (!len || !c)
      uh_str_add(out, "\xEF\xBF\xBD"), len = 1; /* readers of C strings and SQLite would end a string at a NUL */
    else if (c == '"' || c == '\\')
      uh_str_addc(out, '\\'), uh_str_addc(out, (char)c);
    else if (c == '\n')
      uh_str_add(out, "\\n");
    else if (c == '\t')
      uh_str_add(out, "\\t");
    else if (is_control(c) || is_hidden(c))
      json_unicode(out, c);
    else
      uh_str_addn(out, s + i, len);
    i += len;
  }
  uh_str_addc(out, '"');
}

/* One character as a terminal may see it. Returns how many bytes were taken. */
static size_t add_visible(struct uh_str *out, const char *s, size_t n) {
  uint32_t c;
  size_t len = decode(s, n, &c);
  if (!len) {
    uh_str_addf(out, "\\x%02x", (unsigned)(unsigned char)*s);
    return 1;
  }
  if (is_control(c))
    uh_str_addf(out, "\\x%02x", c);
  else if (is_hidden(c))
    uh_str_addf(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
  else
    uh_str_addn(out, s, len);
  return len;
}

void uh_terminal_text(struct uh_str *out, const char *s, size_t n) {
  for (size_t i = 0; i < n;) i += add_visible(out, s + i, n - i);
}

/*
 * PowerShell's tokenizer ends a single-quoted string at any of U+0027, U+2018, U+2019, U+201A, U+201B (CharTraits:
 * IsSingleQuote), and takes two of them in a row for one. U+201C..U+201E are double quotes to it and are plain text
 * here.
 */
bool uh_powershell_quote(struct uh_str *out, const char *s, size_t n) {
  uint32_t c;
  for (size_t i = 0, len; i < n; i += len)
    if (!(len = decode(s + i, n - i, &c)) || is_control(c) || is_hidden(c) || c == 0xFFFD) return false;
  uh_str_addc(out, '\'');
  for (size_t i = 0, len; i < n; i += len) {
    len = decode(s + i, n - i, &c);
    uh_str_addn(out, s + i, len);
    if (c == '\'' || (c >= 0x2018 && c <= 0x201B)) uh_str_addn(out, s + i, len);
  }
  uh_str_addc(out, '\'');
  return true;
}

void uh_shell_word(struct uh_str *out, const char *word) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@:/";
  if (*word && word[strspn(word, plain)] == '\0') {
    uh_str_add(out, word);
    return;
  }
  uh_str_addc(out, '\'');
  for (const char *p = word; *p; p++) uh_str_addf(out, *p == '\'' ? "'\\''" : "%c", *p);
  uh_str_addc(out, '\'');
}

void uh_html_text(struct uh_str *out, const char *s, size_t n) {
  for (size_t i = 0; i < n;) {
    switch (s[i]) {
      case '&': uh_str_add(out, "&amp;"); break;
      case '<': uh_str_add(out, "&lt;"); break;
      case '>': uh_str_add(out, "&gt;"); break;
      case '"': uh_str_add(out, "&quot;"); break;
      case '\'': uh_str_add(out, "&#39;"); break;
      default: i += add_visible(out, s + i, n - i); continue;
    }
    i++;
  }
}

/* Spreadsheets take a cell that begins so for a formula, in full-width forms too, and some of them skip blanks first.
 */
static bool starts_formula(const char *s, size_t n) {
  size_t i = 0, len;
  uint32_t c = 0;
  while (i < n && (s[i] == ' ' || s[i] == '\t' || s[i] == '\r' || s[i] == '\n')) i++;
  if (i && (s[0] != ' ')) return true; /* a tab or line end in front is itself a known trick */
  while ((len = decode(s + i, n - i, &c)) && (c == 0xA0 || c == 0x3000)) i += len;
  return len && (c == '=' || c == '+' || c == '-' || c == '@' || c == 0xFF1D || c == 0xFF0B || c == 0xFF0D ||
                 c == 0xFF20 || c == 0x2212);
}

void uh_csv_field(struct uh_str *out, const char *s, size_t n) {
  uh_str_addc(out, '"');
  if (starts_formula(s, n)) uh_str_addc(out, '\'');
  for (size_t i = 0; i < n;) {
    if (s[i] == '"') {
      uh_str_add(out, "\"\"");
      i++;
    } else {
      i += add_visible(out, s + i, n - i);
    }
  }
  uh_str_addc(out, '"');
}

void uh_ldap_filter_value(struct uh_str *out, const void *value, size_t n) {
  const unsigned char *p = value;
  for (size_t i = 0; i < n; i++) {
    if (p[i] < 0x20 || p[i] >= 0x7F || strchr("*()\\", p[i]))
      uh_str_addf(out, "\\%02x", (unsigned)p[i]);
    else
      uh_str_addc(out, (char)p[i]);
  }
}

size_t uh_text_width(const char *s) {
  size_t width = 0, n = strlen(s);
  for (size_t i = 0; i < n;) {
    uint32_t c;
    size_t len = decode(s + i, n - i, &c);
    if (!len) {
      width += 4;
      i++;
      continue;
    }
    if (is_control(c))
      width += 4;
    else if (is_hidden(c))
      width += c < 0x10000 ? 6 : 10;
    else {
      int w = wcwidth((wchar_t)c);
      width += w < 0 ? 1 : (size_t)w; /* unknown to this locale: nearly always one column */
    }
    i += len;
  }
  return width;
}

/* ---- GUIDs ---- */

/* Where text position i stands in AD's order: the first three groups are little-endian. */
static const uint8_t guid_order[UH_GUID_SIZE] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

const char *uh_guid_text(const uint8_t guid[UH_GUID_SIZE], char text[UH_GUID_TEXT]) {
  static const char digits[] = "0123456789abcdef";
  char *p = text;
  for (int i = 0; i < UH_GUID_SIZE; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *p++ = '-';
    *p++ = digits[guid[guid_order[i]] >> 4];
    *p++ = digits[guid[guid_order[i]] & 15];
  }
  *p = '\0';
  return text;
}

int uh_hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = ascii_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uh_guid_parse(const char *text, uint8_t ret_guid[UH_GUID_SIZE]) {
  uint8_t guid[UH_GUID_SIZE];
  bool braces = *text == '{';
  const char *p = text + braces;
  for (int i = 0; i < UH_GUID_SIZE; i++) {
    if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-') return false;
    int high = uh_hex_digit(p[0]), low = high < 0 ? -1 : uh_hex_digit(p[1]);
    if (low < 0) return false;
    guid[guid_order[i]] = (uint8_t)(high << 4 | low);
    p += 2;
  }
  if (braces && *p++ != '}') return false;
  if (*p) return false;
  memcpy(ret_guid, guid, sizeof guid);
  return true;
}

/* ---- addresses and domains ---- */

static bool is_ascii(const char *s, size_t n) {
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)s[i] >= 0x80) return false;
  return true;
}

static void add_lower(struct uh_str *out, const char *s, size_t n) {
  size_t at = out->len;
  uh_str_addn(out, s, n);
  if (out->failed) return;
  for (; at < out->len; at++) out->s[at] = ascii_lower(out->s[at]);
}

/* Every ASCII character of `mapped` stands, in this order, in `s`: the mapping made no ASCII letter out of a look-alike
 * (U+212A is no k, U+FF43 no c), though composing may have used some up (u and U+0308 are one character). */
static bool made_no_ascii(const char *mapped, const char *s, size_t n) {
  size_t at = 0;
  for (; *mapped; mapped++) {
    if ((unsigned char)*mapped >= 0x80) continue;
    while (at < n && ascii_lower(s[at]) != *mapped) at++;
    if (at++ == n) return false;
  }
  return true;
}

/* The A-label form of a domain with other than ASCII characters; false where it has none that is safe to compare by. */
static bool add_a_label(struct uh_str *out, const char *s, size_t n) {
  char input[IDN_INPUT_MAX + 1];
  uint8_t *ascii = NULL;
  char *back = NULL;
  if (n > IDN_INPUT_MAX || memchr(s, '\0', n) || !uh_utf8_valid(s, n)) return false;
  for (size_t i = 0; i + 2 < n; i++)
    if (memcmp(s + i, "\xE2\x84\xAA", 3) == 0) return false;
  memcpy(input, s, n);
  input[n] = '\0';
  bool ok = idn2_lookup_u8((const uint8_t *)input, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
            idn2_to_unicode_8z8z((const char *)ascii, &back, 0) == IDN2_OK && made_no_ascii(back, s, n);
  if (ok) add_lower(out, (const char *)ascii, strlen((const char *)ascii));
  idn2_free(ascii);
  idn2_free(back);
  return ok;
}

/* Adds the key of a domain; false (adding nothing) where it is none. */
static bool add_domain(struct uh_str *out, const char *s, size_t n) {
  if (n && s[n - 1] == '.') n--;
  if (!n) return false;
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    if (c <= ' ' || c == 0x7F || c == '@') return false;
    if (c == '.' && (i == 0 || s[i - 1] == '.')) return false;
  }
  /* What cannot be an A-label keeps its bytes: it is then equal to itself alone. */
  if (is_ascii(s, n) || !add_a_label(out, s, n)) add_lower(out, s, n);
  return true;
}

bool uh_domain_key(const char *domain, size_t n, struct uh_str *ret_key) {
  uh_str_reset(ret_key);
  return add_domain(ret_key, domain, n) && !ret_key->failed;
}

/* The length of a type prefix with its colon ("smtp:"), 0 where there is none. */
static size_t type_prefix(const char *s, size_t n) {
  size_t i = 0;
  while (i < n && ((s[i] >= '0' && s[i] <= '9') || (ascii_lower(s[i]) >= 'a' && ascii_lower(s[i]) <= 'z'))) i++;
  return i && i < n && s[i] == ':' ? i + 1 : 0;
}

bool uh_address_key(const char *address, size_t n, struct uh_str *ret_key) {
  uh_str_reset(ret_key);
  size_t prefix = type_prefix(address, n);
  if (prefix) {
    static const char smtp[] = "smtp:";
    if (prefix != 5) return false;
    for (size_t i = 0; i < 5; i++)
      if (ascii_lower(address[i]) != smtp[i]) return false;
    address += prefix;
    n -= prefix;
  }
  const char *at = memrchr(address, '@', n);
  if (!at || at == address) return false;
  size_t local = (size_t)(at - address);
  if (memchr(address, '\0', local)) return false;
  add_lower(ret_key, address, local + 1);
  if (!add_domain(ret_key, at + 1, n - local - 1) || ret_key->failed) {
    uh_str_reset(ret_key);
    return false;
  }
  return true;
}

/* ---- times ---- */

/* Days since 1970-01-01 in the proleptic Gregorian calendar; no libc time zone is ever asked. */
static int64_t days_from_civil(int64_t y, int m, int d) {
  y -= m <= 2;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t yoe = y - era * 400;
  int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* Exactly n digits; advances. -1 where there are fewer. */
static int digits(const char **p, int n) {
  int value = 0;
  for (int i = 0; i < n; i++, (*p)++) {
    if (!is_digit(**p)) return -1;
    value = value * 10 + (**p - '0');
  }
  return value;
}

struct civil {
  int year, month, day, hour, minute, second;
};

static bool civil_valid(const struct civil *t) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (t->year < 1 || t->month < 1 || t->month > 12 || t->day < 1) return false;
  bool leap = (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;
  if (t->day > days[t->month - 1] + (t->month == 2 && leap)) return false;
  return t->hour >= 0 && t->hour < 24 && t->minute >= 0 && t->minute < 60 && t->second >= 0 && t->second <= 60;
}

/* "2026-11-22", then "T19:00", ":00". *ret_time is false where only a date stands there. */
static bool parse_iso(const char **p, struct civil *t, bool *ret_time) {
  t->year = digits(p, 4);
  if (*(*p)++ != '-') return false;
  t->month = digits(p, 2);
  if (t->month < 0 || *(*p)++ != '-') return false;
  t->day = digits(p, 2);
  *ret_time = **p == 'T' || **p == 't' || **p == ' ';
  if (!*ret_time) return t->day >= 0;
  (*p)++;
  t->hour = digits(p, 2);
  if (t->hour < 0 || *(*p)++ != ':') return false;
  t->minute = digits(p, 2);
  if (**p != ':') return t->minute >= 0;
  (*p)++;
  t->second = digits(p, 2);
  return t->second >= 0;
}

static bool parse_generalized(const char **p, struct civil *t) {
  int *const fields[] = {&t->month, &t->day, &t->hour, &t->minute, &t->second};
  t->year = digits(p, 4);
  for (size_t i = 0; i < 5; i++)
    if ((*fields[i] = digits(p, 2)) < 0) return false;
  return true;
}

/* "Z", "+01:00", "-0530"; nothing at all is UH_TIME_NO_ZONE. */
static enum uh_time_kind parse_zone(const char *p, int64_t *ret_offset) {
  *ret_offset = 0;
  if (!*p) return UH_TIME_NO_ZONE;
  if ((*p == 'Z' || *p == 'z') && !p[1]) return UH_TIME_OK;
  if (*p != '+' && *p != '-') return UH_TIME_BAD;
  int sign = *p++ == '-' ? -1 : 1;
  int hours = digits(&p, 2), minutes = 0;
  if (hours < 0) return UH_TIME_BAD;
  if (*p == ':') p++;
  if (*p || p[-1] == ':') minutes = digits(&p, 2);
  if (minutes < 0 || minutes > 59 || hours > 23 || *p) return UH_TIME_BAD;
  *ret_offset = sign * ((int64_t)hours * 3600 + (int64_t)minutes * 60);
  return UH_TIME_OK;
}

enum uh_time_kind uh_time_parse(const char *text, int64_t *ret_utc) {
  struct civil t = {0};
  const char *p = text;
  bool has_time = true;
  int64_t offset;
  size_t run = strspn(text, "0123456789");
  if (run == 4 ? !parse_iso(&p, &t, &has_time) : run != 14 || !parse_generalized(&p, &t)) return UH_TIME_BAD;
  if (!civil_valid(&t)) return UH_TIME_BAD;
  if (has_time && (*p == '.' || *p == ',')) {
    size_t fraction = strspn(++p, "0123456789");
    if (!fraction) return UH_TIME_BAD;
    p += fraction;
  }
  enum uh_time_kind kind = parse_zone(p, &offset);
  if (kind == UH_TIME_OK && !has_time) return UH_TIME_BAD;
  if (kind == UH_TIME_OK)
    *ret_utc = days_from_civil(t.year, t.month, t.day) * 86400 + (int64_t)t.hour * 3600 + (int64_t)t.minute * 60 +
               t.second - offset;
  return kind;
}

/* Years 0 to 9999: what the text forms can hold. */
#define TIME_MIN (-62167219200LL)
#define TIME_MAX 253402300799LL

static struct civil civil_from_utc(int64_t utc) {
  if (utc < TIME_MIN) utc = TIME_MIN;
  if (utc > TIME_MAX) utc = TIME_MAX;
  int64_t days = utc / 86400, rest = utc % 86400;
  if (rest < 0) {
    rest += 86400;
    days--;
  }
  int64_t z = days + 719468;
  int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  int64_t doe = z - era * 146097;
  int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  int64_t mp = (5 * doy + 2) / 153;
  int month = (int)(mp < 10 ? mp + 3 : mp - 9);
  return (struct civil){.year = (int)(yoe + era * 400) + (month <= 2),
                        .month = month,
                        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
                        .hour = (int)(rest / 3600),
                        .minute = (int)(rest / 60 % 60),
                        .second = (int)(rest % 60)};
}

static char *put_digits(char *p, int value, int n) {
  for (int i = n; i-- > 0; value /= 10) p[i] = (char)('0' + value % 10);
  return p + n;
}

static char *put_char(char *p, const char *c) {
  if (*c) *p++ = *c;
  return p;
}

static const char *format_time(int64_t utc, char *text, const char *date_mark, const char *time_mark) {
  struct civil t = civil_from_utc(utc);
  char *p = put_char(put_digits(text, t.year, 4), date_mark);
  p = put_char(put_digits(p, t.month, 2), date_mark);
  p = put_char(put_digits(p, t.day, 2), "T");
  p = put_char(put_digits(p, t.hour, 2), time_mark);
  p = put_char(put_digits(p, t.minute, 2), time_mark);
  p = put_char(put_digits(p, t.second, 2), "Z");
  *p = '\0';
  return text;
}

const char *uh_time_text(int64_t utc, char text[UH_TIME_TEXT]) {
  return format_time(utc, text, "-", ":");
}

const char *uh_time_compact(int64_t utc, char text[UH_TIME_COMPACT]) {
  return format_time(utc, text, "", "");
}
