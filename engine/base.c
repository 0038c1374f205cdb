/* SPDX-License-Identifier: Apache-2.0 */
#include <unhybrid/base.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void uh_freep(void *p) {
  void **pp = p;
  free(*pp);
}

const char *uh_answer_name(enum uh_answer answer) {
  static const char *const names[] = {"value", "none", "refused", "timeout", "not-asked"};
  return (unsigned)answer < 5 ? names[answer] : "not-asked";
}

int uh_err_exit_code(enum uh_err_class cls) {
  switch (cls) {
    case UH_ERR_NONE: return 0;
    case UH_ERR_USAGE: return 64;
    case UH_ERR_DATA: return 65;
    case UH_ERR_UNAVAILABLE: return 69;
    case UH_ERR_INTERNAL: return 70;
    case UH_ERR_CANNOT_WRITE: return 73;
    case UH_ERR_BUSY: return 75;
    case UH_ERR_DENIED: return 77;
    case UH_ERR_CONFIG: return 78;
    case UH_ERR_INTERRUPTED: return 130;
  }
  return 70;
}

/* The bytes of the character that begins with this one; what begins none stands for itself. */
static int character_size(unsigned char first) {
  return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

int uh_head(const char *text, int max) {
  enum { CONTINUED_MAX = 3 };
  int n = text ? (int)strnlen(text, (size_t)max) : 0;
  if (n < max) return n;
  for (int back = 1; back <= CONTINUED_MAX && back <= n; back++) {
    unsigned char c = (unsigned char)text[n - back];
    if ((c & 0xc0) != 0x80) return character_size(c) > back ? n - back : n;
  }
  return n;
}

void uh_vprint(char *buf, size_t size, const char *fmt, va_list ap) {
  int n = vsnprintf(buf, size, fmt, ap);
  if (n >= 0 && (size_t)n >= size && size) buf[uh_head(buf, (int)size - 1)] = '\0';
}

void uh_print(char *buf, size_t size, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  uh_vprint(buf, size, fmt, ap);
  va_end(ap);
}

int uh_fail(struct uh_err *err, enum uh_err_class cls, const char *fmt, ...) {
  if (!err || err->cls != UH_ERR_NONE) return -1;
  va_list ap;
  err->cls = cls;
  if (err->answer == UH_VALUE || err->answer == UH_NONE) err->answer = UH_NOT_ASKED;
  va_start(ap, fmt);
  uh_vprint(err->what, sizeof err->what, fmt, ap);
  va_end(ap);
  return -1;
}

int uh_fail_nomem(struct uh_err *err) {
  return uh_fail(err, UH_ERR_INTERNAL, "out of memory");
}

void uh_err_where(struct uh_err *err, const char *fmt, ...) {
  if (!err || err->where[0]) return;
  va_list ap;
  va_start(ap, fmt);
  uh_vprint(err->where, sizeof err->where, fmt, ap);
  va_end(ap);
}

void uh_err_remedy(struct uh_err *err, const char *fmt, ...) {
  if (!err || err->remedy[0]) return;
  va_list ap;
  va_start(ap, fmt);
  uh_vprint(err->remedy, sizeof err->remedy, fmt, ap);
  va_end(ap);
}

const char *uh_err_text(const struct uh_err *err, char *buf, size_t size) {
  uh_print(buf, size, "%s%s%s%s%s", err->where, err->where[0] ? ": " : "", err->what, err->remedy[0] ? "; " : "",
           err->remedy);
  return buf;
}
