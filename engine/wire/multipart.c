/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/multipart.h"

#include <ctype.h>
#include <strings.h>

#define BOUNDARY "Encrypted Boundary"
#define TYPE "multipart/encrypted"
#define SOAP_TYPE "application/soap+xml;charset=UTF-8"
#define LINE_MAX_ 256

int uh_multipart_write(const char *protocol, const void *sealed, size_t size, size_t header, struct uh_str *ret_type,
                       struct uh_str *ret_body, struct uh_err *err) {
  if (header > size || header > UH_MULTIPART_TOKEN_MAX) return uh_fail(err, UH_ERR_INTERNAL, "no such header token");
  const unsigned char le[4] = {(unsigned char)header, (unsigned char)(header >> 8), (unsigned char)(header >> 16), 0};
  uh_str_reset(ret_type);
  uh_str_reset(ret_body);
  uh_str_addf(ret_type, "%s;protocol=\"%s\";boundary=\"%s\"", TYPE, protocol, BOUNDARY);
  uh_str_addf(ret_body, "--%s\r\n\tContent-Type: %s\r\n\tOriginalContent: type=%s;Length=%zu\r\n", BOUNDARY, protocol,
              SOAP_TYPE, size - header);
  uh_str_addf(ret_body, "--%s\r\n\tContent-Type: application/octet-stream\r\n", BOUNDARY);
  uh_str_addn(ret_body, (const char *)le, sizeof le);
  uh_str_addn(ret_body, sealed, size);
  uh_str_addf(ret_body, "--%s--\r\n", BOUNDARY);
  return ret_type->failed || ret_body->failed ? uh_fail_nomem(err) : 0;
}

bool uh_multipart_is(const char *content_type) {
  size_t n = strlen(TYPE);
  return content_type && strncasecmp(content_type, TYPE, n) == 0 && !isalnum((unsigned char)content_type[n]);
}

/* A parameter of a Content-Type, quoted or not. */
static bool parameter(const char *type, const char *name, char *ret, size_t room) {
  size_t n = strlen(name);
  for (const char *p = strchr(type, ';'); p; p = strchr(p, ';')) {
    p += 1 + strspn(p + 1, " \t");
    if (strncasecmp(p, name, n) != 0 || p[n] != '=') continue;
    p += n + 1;
    bool quoted = *p == '"';
    if (quoted) p++;
    size_t size = strcspn(p, quoted ? "\"" : "; \t");
    if (!size || size >= room || (quoted && p[size] != '"')) return false;
    memcpy(ret, p, size);
    ret[size] = '\0';
    return true;
  }
  return false;
}

struct reader {
  const char *body;
  size_t size, at;
  const char *boundary;
};

/* "--" boundary, with blanks between as Exchange writes it; then `tail` and the line's end. */
static bool delimiter(struct reader *r, const char *tail) {
  size_t at = r->at, n = strlen(r->boundary), t = strlen(tail);
  if (r->size - at < 2 || memcmp(r->body + at, "--", 2) != 0) return false;
  for (at += 2; at < r->size && r->body[at] == ' '; at++) {
  }
  if (r->size - at < n + t || memcmp(r->body + at, r->boundary, n) != 0 || memcmp(r->body + at + n, tail, t) != 0)
    return false;
  at += n + t;
  while (at < r->size && (r->body[at] == ' ' || r->body[at] == '\t')) at++;
  if (at < r->size && r->body[at] == '\r') at++;
  if (at < r->size && r->body[at] == '\n')
    at++;
  else if (at < r->size)
    return false;
  r->at = at;
  return true;
}

/* A header's line without the blanks around it, NUL-terminated. */
static bool header_line(struct reader *r, char line[LINE_MAX_]) {
  const char *from = r->body + r->at, *end = memchr(from, '\n', r->size - r->at);
  if (!end) return false;
  r->at += (size_t)(end - from) + 1;
  while (from < end && (*from == ' ' || *from == '\t')) from++;
  while (end > from && (end[-1] == '\r' || end[-1] == ' ' || end[-1] == '\t')) end--;
  size_t n = (size_t)(end - from);
  if (n >= LINE_MAX_ || memchr(from, '\0', n)) return false;
  memcpy(line, from, n);
  line[n] = '\0';
  return true;
}

static bool number(const char *text, size_t max, size_t *ret) {
  size_t n = 0;
  if (!isdigit((unsigned char)*text)) return false;
  for (; isdigit((unsigned char)*text); text++) {
    n = n * 10 + (size_t)(*text - '0');
    if (n > max) return false;
  }
  if (*text) return false;
  *ret = n;
  return true;
}

static int damaged(const struct reader *r, const char *what, struct uh_err *err) {
  return uh_fail(err, UH_ERR_DATA, "the encrypted reply is damaged at byte %zu: %s", r->at, what);
}

static bool is_header(const char *line, const char *name) {
  size_t n = strlen(name);
  return strncasecmp(line, name, n) == 0 && line[n] == ':';
}

static int first_part(struct reader *r, const char *protocol, size_t *ret_length, struct uh_err *err) {
  char line[LINE_MAX_], text[24];
  bool length = false;
  if (!delimiter(r, "")) return damaged(r, "no boundary", err);
  while (!delimiter(r, "")) {
    if (!header_line(r, line)) return damaged(r, "a header has no end", err);
    if (is_header(line, "Content-Type") && !strcasestr(line, protocol)) return damaged(r, "another protocol", err);
    if (!is_header(line, "OriginalContent")) continue;
    length = parameter(line, "Length", text, sizeof text) && number(text, r->size, ret_length);
    if (!length) return damaged(r, "Length is none, or more than there is", err);
  }
  return length ? 0 : damaged(r, "OriginalContent is missing", err);
}

/* The binary data ends where the last boundary stands, at the very end of the body. */
static bool cut_tail(struct reader *r) {
  size_t end = r->size, n = strlen(r->boundary);
  while (end > r->at && (r->body[end - 1] == '\r' || r->body[end - 1] == '\n' || r->body[end - 1] == ' ')) end--;
  if (end - r->at < n + 4 || memcmp(r->body + end - 2, "--", 2) != 0) return false;
  end -= n + 2;
  if (memcmp(r->body + end, r->boundary, n) != 0) return false;
  while (end > r->at && r->body[end - 1] == ' ') end--;
  if (end - r->at < 2 || memcmp(r->body + end - 2, "--", 2) != 0) return false;
  r->size = end - 2;
  return true;
}

int uh_multipart_read(const char *content_type, const char *protocol, char *body, size_t size,
                      struct uh_multipart *ret_part, struct uh_err *err) {
  char named[128], boundary[UH_MULTIPART_BOUNDARY_MAX + 1], line[LINE_MAX_];
  struct uh_multipart part = {0};
  struct reader r = {.body = body, .size = size, .boundary = boundary};
  if (!uh_multipart_is(content_type) || !parameter(content_type, "protocol", named, sizeof named) ||
      !parameter(content_type, "boundary", boundary, sizeof boundary) || strcasecmp(named, protocol) != 0)
    return uh_fail(err, UH_ERR_DATA, "the encrypted reply's Content-Type is not that of the sign-in: %.*s",
                   UH_HEAD(content_type, 200));
  if (first_part(&r, protocol, &part.length, err) < 0) return -1;
  if (!header_line(&r, line) || !is_header(line, "Content-Type"))
    return damaged(&r, "no Content-Type of the data", err);
  if (!cut_tail(&r)) return damaged(&r, "the last boundary is missing", err);
  if (r.size - r.at < 4) return damaged(&r, "no length of the header token", err);
  const unsigned char *le = (const unsigned char *)body + r.at;
  part.header_size = (size_t)le[0] | (size_t)le[1] << 8 | (size_t)le[2] << 16 | (size_t)le[3] << 24;
  r.at += 4;
  if (part.header_size > UH_MULTIPART_TOKEN_MAX || part.header_size > r.size - r.at)
    return damaged(&r, "the header token is longer than what is there", err);
  part.header = body + r.at;
  r.at += part.header_size;
  part.data = body + r.at;
  part.data_size = r.size - r.at;
  if (part.length > part.data_size) return damaged(&r, "the text is shorter than announced", err);
  *ret_part = part;
  return 0;
}
