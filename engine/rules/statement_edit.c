/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing a file of statements as text, so that a person's comments and order survive. What comes out is read again
 * before it is written: a file whose shape this does not understand is refused, never damaged.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "case/case.h"
#include "rules/statement_text.h"

enum { LOCK_TRIES = 50, LOCK_WAIT_MS = 100 };

struct edit {
  enum uh_statement_kind kind;
  char *path; /* where the file really is */
  struct uh_str before, after;
  bool absent;
  struct uh_statements *old;
  struct uh_statement_place place;
  char *lock_path;
  int lock_fd;
};

static void edit_clear(struct edit *e) {
  (void)uh_statements_free(e->old);
  uh_str_clear(&e->before);
  uh_str_clear(&e->after);
  if (e->lock_fd >= 0) {
    (void)unlink(e->lock_path); /* while it is held: who waits looks whether its file is still the one in place */
    (void)close(e->lock_fd);
  }
  free(e->lock_path);
  free(e->path);
}

static int fail_at(const struct edit *e, enum uh_err_class cls, struct uh_err *err, const char *what,
                   const char *remedy) {
  (void)uh_fail(err, cls, "%s", what);
  uh_err_where(err, "%s", e->path);
  if (remedy) uh_err_remedy(err, "%s", remedy);
  return -1;
}

/* ---- one writer at a time ---- */

static bool still_in_place(const char *path, int fd) {
  struct stat here, there;
  return fstat(fd, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

/* 1 locked, 0 held by another, -1 failed. */
static int try_lock(struct edit *e) {
  int fd = open(e->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return -1;
  bool held = flock(fd, LOCK_EX | LOCK_NB) < 0;
  int error = errno;
  if (!held && still_in_place(e->lock_path, fd)) {
    e->lock_fd = fd;
    return 1;
  }
  (void)close(fd);
  errno = error;
  return held && error != EWOULDBLOCK ? -1 : 0;
}

static int lock(struct edit *e, struct uh_err *err) {
  struct uh_str name = {0};
  const char *slash = strrchr(e->path, '/');
  size_t dir = slash ? (size_t)(slash - e->path) + 1 : 0;
  uh_str_addn(&name, e->path, dir);
  uh_str_addf(&name, ".%s.lock", e->path + dir);
  e->lock_path = uh_str_take(&name);
  if (!e->lock_path) return uh_fail_nomem(err);
  for (int i = 0; i < LOCK_TRIES; i++) {
    int r = try_lock(e);
    if (r > 0) return 0;
    if (r < 0) {
      (void)uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot lock the file: %s", strerror(errno));
      uh_err_where(err, "%s", e->lock_path);
      return -1;
    }
    (void)nanosleep(&(struct timespec){.tv_nsec = LOCK_WAIT_MS * 1000000L}, NULL);
  }
  return fail_at(e, UH_ERR_BUSY, err, "another process changes this file", "wait until it has ended");
}

/* ---- lines ---- */

/* The length of a line break as YAML counts lines, 0 where none is. */
static size_t line_break(const char *p, const char *end) {
  size_t n = (size_t)(end - p);
  if (n >= 2 && p[0] == '\r' && p[1] == '\n') return 2;
  if (n >= 1 && (p[0] == '\n' || p[0] == '\r')) return 1;
  if (n >= 2 && memcmp(p, "\xC2\x85", 2) == 0) return 2;
  if (n >= 3 && (memcmp(p, "\xE2\x80\xA8", 3) == 0 || memcmp(p, "\xE2\x80\xA9", 3) == 0)) return 3;
  return 0;
}

/* Where the line (from 1) begins; the end of the text where there are fewer. */
static size_t line_start(const struct uh_str *text, unsigned line) {
  const char *begin = uh_str_text(text), *end = begin + text->len;
  const char *p = begin;
  for (unsigned i = 1; i < line && p < end;) {
    size_t n = line_break(p, end);
    p += n ? n : 1;
    if (n) i++;
  }
  return (size_t)(p - begin);
}

/* ---- an entry as text ---- */

static bool is_surrogate(const char *p) {
  return strncasecmp(p, "\\ud", 3) == 0 && p[3] && strchr("89abcdefABCDEF", p[3]);
}

/* A double-quoted YAML scalar. It is a JSON string but for two things: YAML has no surrogates (\U000e0041 instead), and
 * does not read U+FFFE and U+FFFF as they are. */
static void add_scalar(struct uh_str *out, const char *value) {
  struct uh_str json = {0};
  uh_json_string(&json, value, strlen(value));
  const char *p = uh_str_text(&json);
  if (!p) out->failed = true;
  for (size_t n; p && *p; p += n) {
    if (is_surrogate(p) && is_surrogate(p + 6)) {
      unsigned long high = strtoul((char[]){p[2], p[3], p[4], p[5], 0}, NULL, 16);
      unsigned long low = strtoul((char[]){p[8], p[9], p[10], p[11], 0}, NULL, 16);
      uh_str_addf(out, "\\U%08lx", 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
      n = 12;
    } else if (strncmp(p, "\xEF\xBF", 2) == 0 && (unsigned char)p[2] >= 0xBE) {
      uh_str_addf(out, "\\uFFF%c", (unsigned char)p[2] == 0xBE ? 'E' : 'F');
      n = 3;
    } else {
      n = *p == '\\' ? 2 : 1; /* an escaped backslash begins no escape */
      uh_str_addn(out, p, n);
    }
  }
  uh_str_clear(&json);
}

static void add_member(struct uh_str *out, unsigned column, const char *name, const char *value) {
  for (unsigned i = 0; i < column; i++) uh_str_addc(out, ' ');
  uh_str_addf(out, "  %s: ", name);
  add_scalar(out, value);
  uh_str_addc(out, '\n');
}

static void add_time(struct uh_str *out, unsigned column, const char *name, int64_t utc) {
  char when[UH_TIME_TEXT];
  for (unsigned i = 0; i < column; i++) uh_str_addc(out, ' ');
  uh_str_addf(out, "  %s: %s\n", name, uh_time_text(utc, when));
}

static void add_entry(struct uh_str *out, enum uh_statement_kind kind, unsigned column, const struct uh_statement *s) {
  size_t at = out->len + column;
  bool waiver = kind == UH_WAIVER;
  add_member(out, column, waiver ? "finding" : "fact", s->subject);
  if (!out->failed) out->s[at] = '-';
  if (s->object && *s->object) add_member(out, column, "object", s->object);
  add_member(out, column, waiver ? "reason" : "value", s->text);
  if (s->note && *s->note) add_member(out, column, "note", s->note);
  add_member(out, column, "approver", s->approver);
  add_time(out, column, "from", s->from);
  add_time(out, column, "until", s->until);
  add_member(out, column, "evidence", s->evidence);
}

/* ---- reading, comparing, writing ---- */

static int begin(struct edit *e, const char *path, struct uh_err *err) {
  /* The file behind a link is changed, not the link. */
  e->path = realpath(path, NULL);
  if (!e->path && errno == ENOENT) e->path = strdup(path);
  if (!e->path) {
    (void)uh_fail(err, UH_ERR_CANNOT_WRITE, "cannot find the file: %s", strerror(errno));
    uh_err_where(err, "%s", path);
    return -1;
  }
  if (lock(e, err) < 0) return -1;
  if (uh_statements_read(e->path, &e->before, &e->absent, err) < 0) return -1;
  return uh_statements_parse_place(e->kind, e->path, uh_str_text(&e->before), e->before.len, &e->old, &e->place, err);
}

static bool same_text(const char *a, const char *b) {
  return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same(const struct uh_statement *a, const struct uh_statement *b) {
  return same_text(a->subject, b->subject) && same_text(a->object, b->object) && same_text(a->text, b->text) &&
         same_text(a->note, b->note) && same_text(a->approver, b->approver) && same_text(a->evidence, b->evidence) &&
         a->from == b->from && a->until == b->until;
}

/* The new text holds the old entries without the one at `taken` (or all: taken = n), and at the end `added`. */
static int look_again(const struct edit *e, size_t taken, const struct uh_statement *added, struct uh_err *err) {
  UH_CLEANUP(uh_statements_freep) struct uh_statements *now = NULL;
  struct uh_err ignored = UH_ERR_INIT;
  if (e->after.failed) return uh_fail_nomem(err);
  bool good = e->after.len <= UH_STATEMENTS_BYTES &&
              uh_statements_parse(e->kind, e->path, uh_str_text(&e->after), e->after.len, &now, &ignored) == 0;
  size_t at = 0;
  for (size_t i = 0; good && i < e->old->n; i++)
    if (i != taken) good = at < now->n && same(&e->old->v[i], &now->v[at++]);
  if (good && added) good = at < now->n && same(added, &now->v[at++]);
  if (good && at == now->n) return 0;
  return fail_at(e, UH_ERR_DATA, err,
                 ignored.cls ? "the changed file could not be read again, so it was not written"
                             : "the changed file would not say what was meant, so it was not written",
                 "change it by hand: one entry a list item that begins with \"- \" on a line of its own");
}

static int write_back(struct edit *e, struct uh_err *err) {
  UH_CLEANUP(uh_file_abandonp) struct uh_file *file = NULL;
  struct stat st;
  bool exists = stat(e->path, &st) == 0;
  /* Replacing it would need no right to write to it: root and owners could not protect a file. */
  if (exists && (!(st.st_mode & 0222) || access(e->path, W_OK) < 0))
    return fail_at(e, UH_ERR_CANNOT_WRITE, err, "the file is write-protected", "chmod u+w makes it writable");
  if (uh_file_create(e->path, &file, err) < 0) return -1;
  if (exists && uh_file_mode(file, st.st_mode, err) < 0) return -1;
  if (uh_file_write(file, uh_str_text(&e->after), e->after.len, err) < 0) return -1;
  return uh_file_commit(UH_TAKE(file), err);
}

/* ---- adding ---- */

static void copy_lines(struct edit *e, size_t from, size_t to) {
  uh_str_addn(&e->after, uh_str_text(&e->before) + from, to - from);
}

static void end_line(struct uh_str *text) {
  if (text->len && !text->failed && text->s[text->len - 1] != '\n') uh_str_addc(text, '\n');
}

/* Behind the last entry; where there is none, behind the key, whose "[]" goes. */
static int insert(struct edit *e, const struct uh_statement *entry, struct uh_err *err) {
  const struct uh_statements *old = e->old;
  size_t all = e->before.len;
  if (!e->place.key_line) {
    copy_lines(e, 0, all);
    end_line(&e->after);
    uh_str_addf(&e->after, "%s:\n", uh_statement_list_name(e->kind));
    add_entry(&e->after, e->kind, 2, entry);
    return 0;
  }
  if (old->n && e->place.flow)
    return fail_at(e, UH_ERR_DATA, err, "the list is written in brackets, which only a person can change",
                   "write each entry as lines that begin with \"- \"");
  unsigned last = old->n ? old->v[old->n - 1].last_line : e->place.key_line;
  size_t cut = line_start(&e->before, last + 1);
  if (old->n) {
    copy_lines(e, 0, cut);
  } else {
    size_t key = line_start(&e->before, last);
    const char *line = uh_str_text(&e->before) + key, *brackets = memmem(line, cut - key, "[]", 2);
    size_t at = brackets ? key + (size_t)(brackets - line) : cut;
    copy_lines(e, 0, at);
    if (brackets) copy_lines(e, at + 2, cut);
  }
  end_line(&e->after);
  add_entry(&e->after, e->kind, old->n ? e->place.column : 2, entry);
  copy_lines(e, cut, all);
  return 0;
}

int64_t uh_statement_until(const struct uh_statement *s, int64_t counts_for) {
  bool sooner = counts_for > 0 && s->from < INT64_MAX - counts_for && s->from + counts_for < s->until;
  return sooner ? s->from + counts_for : s->until;
}

/* The whole command; where it cannot be told as it has to be typed, where the entry is found. */
static void say_withdraw(enum uh_statement_kind kind, const struct uh_statement *s, struct uh_err *err) {
  UH_CLEANUP(uh_str_clear) struct uh_str command = {0}, shown = {0};
  const char *verb = kind == UH_WAIVER ? "waive" : "attest";
  uh_str_addf(&command, "unhybrid %s withdraw ", verb);
  uh_shell_word(&command, s->subject);
  if (s->object && *s->object) {
    uh_str_add(&command, " --object ");
    uh_shell_word(&command, s->object);
  }
  uh_str_addf(&command, " --line %u", s->line);
  if (uh_str_text(&command)) uh_terminal_text(&shown, command.s, command.len);
  if (uh_str_text(&command) && uh_str_text(&shown) && shown.len < sizeof err->remedy - 32 &&
      strcmp(shown.s, command.s) == 0)
    uh_err_remedy(err, "withdraw it first: %s", command.s);
  else
    uh_err_remedy(err, "withdraw it first: `unhybrid %s list` shows it, on line %u", verb, s->line);
}

/* Two statements of one thing at one time: which one counts would depend on their order. One that is too old to count
 * is in nobody's way. */
static int look_for_overlap(const struct edit *e, const struct uh_statement *entry, int64_t counts_for,
                            struct uh_err *err) {
  char until[UH_TIME_TEXT];
  for (size_t i = 0; i < e->old->n; i++) {
    const struct uh_statement *s = &e->old->v[i];
    if (!same_text(s->subject, entry->subject) || !same_text(s->object, entry->object) || s->from >= entry->until ||
        entry->from >= uh_statement_until(s, counts_for))
      continue;
    (void)uh_fail(err, UH_ERR_DATA, "there is %s of the same already, until %s",
                  e->kind == UH_WAIVER ? "a waiver" : "an attestation",
                  uh_time_text(uh_statement_until(s, counts_for), until));
    uh_err_where(err, "%s:%u", e->path, s->line);
    say_withdraw(e->kind, s, err);
    return -1;
  }
  return 0;
}

int uh_statements_add(enum uh_statement_kind kind, const char *path, const struct uh_statement *entry,
                      int64_t counts_for, struct uh_err *err) {
  UH_CLEANUP(edit_clear) struct edit e = {.kind = kind, .lock_fd = -1};
  if (begin(&e, path, err) < 0) return -1;
  if (e.old->n >= UH_STATEMENTS_MAX)
    return fail_at(&e, UH_ERR_DATA, err, "the file holds as many entries as it may", "take out what has expired");
  if (look_for_overlap(&e, entry, counts_for, err) < 0 || insert(&e, entry, err) < 0 ||
      look_again(&e, e.old->n, entry, err) < 0)
    return -1;
  return write_back(&e, err);
}

/* ---- taking out ---- */

static int find(const struct edit *e, const char *subject, const char *object, unsigned line, size_t *ret,
                struct uh_err *err) {
  size_t found = 0;
  char lines[128] = "";
  for (size_t i = 0; i < e->old->n; i++) {
    const struct uh_statement *s = &e->old->v[i];
    if (strcmp(s->subject, subject) != 0 || strcmp(s->object, object) != 0 || (line && s->line != line)) continue;
    size_t at = strlen(lines);
    if (at + 16 < sizeof lines) (void)snprintf(lines + at, sizeof lines - at, "%s%u", found ? ", " : "", s->line);
    *ret = i;
    found++;
  }
  if (found == 1) return 0;
  if (!found) {
    (void)uh_fail(err, UH_ERR_DATA, "there is no %s of %.*s%s", uh_statement_kind_name(e->kind), UH_HEAD(subject, 200),
                  line ? " on that line" : "");
  } else {
    (void)uh_fail(err, UH_ERR_DATA, "there are %zu %ss of %.*s, on the lines %s", found,
                  uh_statement_kind_name(e->kind), UH_HEAD(subject, 200), lines);
    uh_err_remedy(err, "say which with --line N");
  }
  uh_err_where(err, "%s", e->path);
  return -1;
}

int uh_statements_withdraw(enum uh_statement_kind kind, const char *path, const char *subject, const char *object,
                           unsigned line, unsigned *ret_line, struct uh_err *err) {
  UH_CLEANUP(edit_clear) struct edit e = {.kind = kind, .lock_fd = -1};
  size_t taken = 0;
  if (begin(&e, path, err) < 0 || find(&e, subject, object, line, &taken, err) < 0) return -1;
  const struct uh_statement *s = &e.old->v[taken];
  copy_lines(&e, 0, line_start(&e.before, s->line));
  size_t rest = line_start(&e.before, s->last_line + 1);
  copy_lines(&e, rest, e.before.len);
  if (look_again(&e, taken, NULL, err) < 0 || write_back(&e, err) < 0) return -1;
  *ret_line = s->line;
  return 0;
}
