/* SPDX-License-Identifier: Apache-2.0 */
#include "setup/setup_log.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <unhybrid/text.h>

#include "setup/lines.h"

enum {
  NAME_KEPT = 512,        /* bytes of a cmdlet, object, version.. */
  SCRIPT_MAX = 32 * 1024, /* bytes of an error that quotes the script which failed */
  STAMP = 26,             /* "[03/08/2021 20:21:50.0785]" */
};

/* What a line that is about a failure says; lines without a stamp belong to it. */
enum entry { NOTHING, FAILED_RULE, REQUIRED, RECOMMENDED, FAULT, SCRIPT_FAULT, REMARK };

/* What Setup says of itself. A prerequisite that is lacking can be mended and looked at anew in the same run, so the
 * last word counts. */
enum word { SILENT, STOPS, COMPLETE };

struct reader {
  struct uh_lines lines;
  struct uh_setup_log *log;
  int64_t wanted; /* the run's number; 0: the last */
  bool keeping;   /* the run that is being read is, or may become, the one that counts */
  enum word said; /* the last one */
  bool end;       /* it ended, in whatever way */
  enum entry entry;
  int64_t entry_line;
  char entry_time[STAMP], rule[NAME_KEPT], cmdlet[NAME_KEPT], object[NAME_KEPT];
  struct uh_str text;
  size_t last; /* the finding that a reference or an address belongs to, + 1 */
  bool failed_memory;
};

/* ---- texts ---- */

static char *copy(struct reader *r, const char *s, size_t n) {
  char *text = strndup(s, n < UH_SETUP_TEXT_MAX ? n : UH_SETUP_TEXT_MAX);
  r->failed_memory = r->failed_memory || !text;
  return text;
}

static void set(struct reader *r, char **place, const char *s, size_t n) {
  free(*place);
  *place = copy(r, s, n);
}

static void keep(char place[NAME_KEPT], const char *s, size_t n) {
  n = n < NAME_KEPT - 1 ? n : NAME_KEPT - 1;
  memcpy(place, s, n);
  place[n] = '\0';
}

static bool begins(const char **s, size_t *n, const char *with) {
  size_t length = strlen(with);
  if (*n < length || memcmp(*s, with, length) != 0) return false;
  *s += length;
  *n -= length;
  return true;
}

static size_t until(const char *s, size_t n, const char *end) {
  const char *found = memmem(s, n, end, strlen(end));
  return found ? (size_t)(found - s) : n;
}

/* ---- translating ---- */

static const char *find_piece(const char *text, const char *piece, size_t n) {
  if (n == 0) return text;
  int first = tolower((unsigned char)*piece);
  for (; *text; text++) /* most of a log's warnings are compared with every translation, and are none */
    if (tolower((unsigned char)*text) == first && strncasecmp(text, piece, n) == 0) return text;
  return NULL;
}

static void take_object(struct uh_setup_finding *finding, const char *s, size_t n) {
  if (!finding || finding->n_objects == UH_SETUP_OBJECTS_MAX || n == 0 || n > NAME_KEPT) return;
  for (size_t i = 0; i < finding->n_objects; i++)
    if (strncmp(finding->objects[i], s, n) == 0 && finding->objects[i][n] == '\0') return;
  char *object = strndup(s, n);
  if (object) finding->objects[finding->n_objects++] = object;
}

/* The pieces of the pattern stand in the text in their order. What stands at a '%' is an object's name; one at the end
 * goes to the next quote, space or end of line. */
static bool fits(const char *pattern, const char *text, struct uh_setup_finding *UH_NULLABLE finding) {
  const char *name = NULL;
  for (bool first = true;; first = false) {
    size_t n = strcspn(pattern, "%");
    const char *found = find_piece(text, pattern, n);
    if (!found) return false;
    if (n == 0) found = text + strcspn(text, " \"'\r\n");
    if (!first && name) take_object(finding, name, (size_t)(found - name));
    text = found + n;
    if (!pattern[n]) return true;
    pattern += n + 1;
    name = text;
  }
}

/* "EX01", or the whole name, of the server that Setup ran on. What was not told is nobody's. */
static bool is_server(const struct uh_setup_finding *finding, const char *UH_NULLABLE server) {
  const char *object = finding->n_objects ? finding->objects[0] : "";
  if (!server || !*object) return false;
  size_t n = strlen(object);
  return strncasecmp(object, server, n) == 0 && (server[n] == '\0' || server[n] == '.');
}

static void objects_clear(struct uh_setup_finding *f) {
  for (size_t i = 0; i < f->n_objects; i++) free(UH_TAKE(f->objects[i]));
  f->n_objects = 0;
}

/* An uninstall's, whose log tells both. */
static bool names_own_server(const struct uh_setup_translation *t, const char *text, const struct uh_setup_run *run) {
  UH_CLEANUP(objects_clear) struct uh_setup_finding named = {0};
  (void)fits(t->text, text, &named);
  return run->mode && strcasecmp(run->mode, "Uninstall") == 0 && is_server(&named, run->server);
}

static const struct uh_setup_translation *translate(const struct uh_setup_run *run, const char *rule, const char *text,
                                                    struct uh_setup_finding *UH_NULLABLE finding) {
  const struct uh_setup_translation *t;
  for (size_t i = 0; (t = uh_setup_translation_at(i)) != NULL; i++) {
    if (t->rule && strcasecmp(t->rule, rule) != 0) continue;
    if (t->text && !fits(t->text, text, NULL)) continue;
    if (t->own_server && !names_own_server(t, text, run)) continue;
    if (t->text) (void)fits(t->text, text, finding);
    return t;
  }
  return NULL;
}

/* ---- what is found ---- */

static void finding_clear(struct uh_setup_finding *f) {
  char **const texts[] = {&f->rule, &f->text, &f->cmdlet, &f->object, &f->component, &f->help, &f->time};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(UH_TAKE(*texts[i]));
  objects_clear(f);
}

static void run_clear(struct uh_setup_run *run) {
  char **const texts[] = {&run->product, &run->version, &run->mode, &run->server, &run->began, &run->ended};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(UH_TAKE(*texts[i]));
  for (size_t i = 0; i < run->n; i++) finding_clear(&run->v[i]);
  free(run->v);
  *run = (struct uh_setup_run){0};
}

/* What is told again: a rule with its token and as what is required, an error by the cmdlet, by the task, and in the
 * quoted script, with less of the message each time. */
static bool again(const struct uh_setup_finding *f, enum uh_setup_found found, const char *rule, const char *text) {
  if (found == UH_SETUP_RULE && f->found == UH_SETUP_RULE)
    return strcmp(f->text, text) == 0 && (!*rule || !*f->rule || strcmp(f->rule, rule) == 0);
  if (f->found == UH_SETUP_RULE || found == UH_SETUP_RULE) return strcmp(f->text, text) == 0;
  if (!*f->text || !*text) return *f->text == *text; /* no words are a part of any */
  return strstr(f->text, text) != NULL || strncmp(f->text, text, strlen(f->text)) == 0;
}

static struct uh_setup_finding *known(struct uh_setup_run *run, enum uh_setup_found found, const char *rule,
                                      const char *text) {
  for (size_t i = 0; i < run->n; i++)
    if (again(&run->v[i], found, rule, text)) return &run->v[i];
  return NULL;
}

static struct uh_setup_finding *add(struct reader *r, enum uh_setup_found found, const char *rule, const char *text) {
  struct uh_setup_run *run = &r->log->run;
  struct uh_setup_finding *f = known(run, found, rule, text);
  if (f) {
    if (found == UH_SETUP_RULE) f->found = found;
    if (found == UH_SETUP_ERROR && f->found == UH_SETUP_WARNING) f->found = found;
    return f;
  }
  if (run->n == UH_SETUP_FINDINGS_MAX) {
    run->dropped++;
    return NULL;
  }
  struct uh_setup_finding *grown = reallocarray(run->v, run->n + 1, sizeof *grown);
  if (!grown) {
    r->failed_memory = true;
    return NULL;
  }
  run->v = grown;
  f = &run->v[run->n++];
  *f = (struct uh_setup_finding){.found = found, .line = r->entry_line};
  f->rule = copy(r, rule, strlen(rule));
  f->text = copy(r, text, strlen(text));
  f->cmdlet = copy(r, r->cmdlet, strlen(r->cmdlet));
  f->object = copy(r, r->object, strlen(r->object));
  f->component = copy(r, "", 0);
  f->help = copy(r, "", 0);
  f->time = copy(r, r->entry_time, strlen(r->entry_time));
  return r->failed_memory ? NULL : f;
}

/* "..was run: "Namespace.SomeException: the message": the message alone, as the lines around give it too. */
static const char *inner_message(const char *text, size_t *ret_n) {
  static const char mark[] = " was run: \"";
  const char *s = strstr(text, mark);
  if (!s) return NULL;
  s += sizeof mark - 1;
  size_t line = strcspn(s, "\n"), type = strcspn(s, ": \n");
  if (s[type] == ':' && s[type + 1] == ' ' && memchr(s, '.', type)) {
    s += type + 2;
    line -= type + 2;
  }
  *ret_n = until(s, line, " ---> ");
  while (*ret_n && strchr("\".", s[*ret_n - 1])) --*ret_n;
  return s;
}

static void trim(struct uh_str *text) {
  while (text->s && text->len && isspace((unsigned char)text->s[text->len - 1])) text->s[--text->len] = '\0';
}

/* A stack trace and Active Directory's raw answer help nobody; the sentence does. */
static void first_sentences(struct uh_str *text) {
  static const char *const ends[] = {"\n   at ", "\n ---> ", "\n   --- ", "\nActive directory response:"};
  for (size_t i = 0; text->s && i < sizeof ends / sizeof *ends; i++) {
    char *end = strstr(text->s, ends[i]);
    if (!end) continue;
    *end = '\0';
    text->len = (size_t)(end - text->s);
  }
  trim(text);
}

static void end_script_fault(struct reader *r) {
  size_t n = 0;
  const char *message = inner_message(r->text.s, &n);
  if (!message || n == 0) return;
  UH_CLEANUP(uh_str_clear) struct uh_str text = {0};
  uh_str_addn(&text, message, n);
  if (!uh_str_text(&text)) {
    r->failed_memory = true;
    return;
  }
  struct uh_setup_finding *f = add(r, UH_SETUP_ERROR, "", text.s);
  if (f) r->last = (size_t)(f - r->log->run.v) + 1;
}

/* What is required is told without a token: it is every rule that failed with these words. */
static void end_rule(struct reader *r, bool required) {
  struct uh_setup_run *run = &r->log->run;
  struct uh_setup_finding *f = add(r, UH_SETUP_RULE, r->rule, r->text.s);
  if (!f) return;
  if (!*f->rule && *r->rule) set(r, &f->rule, r->rule, strlen(r->rule));
  set(r, &f->cmdlet, "", 0); /* whichever ran last before the prerequisites were told of */
  set(r, &f->object, "", 0);
  r->last = (size_t)(f - run->v) + 1;
  if (required) r->said = STOPS;
  for (size_t i = 0; i < run->n && required; i++)
    if (run->v[i].found == UH_SETUP_RULE && strcmp(run->v[i].text, r->text.s) == 0) run->v[i].required = true;
}

static void end_remark(struct reader *r) {
  if (!translate(&r->log->run, "", r->text.s, NULL)) return;
  struct uh_setup_finding *f = add(r, UH_SETUP_WARNING, "", r->text.s);
  if (f) f->times++;
}

static void end_entry(struct reader *r) {
  enum entry entry = r->entry;
  r->entry = NOTHING;
  if (entry == NOTHING || !r->keeping || r->failed_memory) return;
  if (entry != SCRIPT_FAULT) first_sentences(&r->text);
  if (!uh_str_text(&r->text)) {
    r->failed_memory = true;
    return;
  }
  struct uh_setup_finding *f;
  switch (entry) {
    case NOTHING: break;
    case FAILED_RULE: end_rule(r, false); break;
    case REQUIRED: end_rule(r, true); break;
    case RECOMMENDED: end_rule(r, false); break;
    case SCRIPT_FAULT: end_script_fault(r); break;
    case REMARK: end_remark(r); break;
    case FAULT:
      f = add(r, UH_SETUP_ERROR, "", r->text.s);
      if (!f) break;
      f->times++;
      r->last = (size_t)(f - r->log->run.v) + 1;
      break;
  }
}

static void begin_entry(struct reader *r, enum entry entry, const char *time, const char *s, size_t n) {
  r->entry = entry;
  r->entry_line = r->log->lines;
  memcpy(r->entry_time, time + 1, STAMP - 2);
  r->entry_time[STAMP - 2] = '\0';
  uh_str_reset(&r->text);
  uh_str_addn(&r->text, s, n < UH_SETUP_TEXT_MAX ? n : UH_SETUP_TEXT_MAX);
}

/* ---- lines ---- */

static bool digits(const char *s, const char *mask) {
  for (size_t i = 0; mask[i]; i++)
    if (mask[i] == '9' ? !isdigit((unsigned char)s[i]) : s[i] != mask[i]) return false;
  return true;
}

/* "[03/08/2021 20:21:50.0785] [2] rest" */
static bool stamped(const char *line, size_t n, const char **ret_rest, size_t *ret_n) {
  if (n < STAMP + 4 || line[0] != '[' || !digits(line, "[99/99/9999 99:99:99.9999] [9")) return false;
  size_t i = STAMP + 2;
  while (i < n && isdigit((unsigned char)line[i])) i++;
  if (i + 1 > n || line[i] != ']') return false;
  i += i + 1 < n && line[i + 1] == ' ' ? 2 : 1;
  *ret_rest = line + i;
  *ret_n = n - i;
  return true;
}

static void begin_run(struct reader *r, const char *time, const char *product, size_t n) {
  struct uh_setup_log *log = r->log;
  log->runs++;
  r->keeping = r->wanted == 0 || log->runs == r->wanted;
  if (!r->keeping) return;
  run_clear(&log->run);
  r->said = SILENT;
  r->end = false;
  r->last = 0;
  r->cmdlet[0] = r->object[0] = r->rule[0] = '\0';
  log->run.line = log->lines;
  set(r, &log->run.began, time + 1, STAMP - 2);
  set(r, &log->run.product, product, n);
}

static void bracketed(struct reader *r, const char *time, const char *s, size_t n) {
  static const char script[] = "The following error was generated when \"";
  if (begins(&s, &n, "[ERROR] ")) {
    bool block = n >= sizeof script - 1 && memcmp(s, script, sizeof script - 1) == 0;
    begin_entry(r, block ? SCRIPT_FAULT : FAULT, time, s, n);
  } else if (begins(&s, &n, "[WARNING] ")) {
    begin_entry(r, REMARK, time, s, n);
  } else if (begins(&s, &n, "[REQUIRED] ")) {
    r->rule[0] = '\0';
    begin_entry(r, REQUIRED, time, s, n);
  } else if (begins(&s, &n, "[RECOMMENDED] ")) {
    r->rule[0] = '\0';
    begin_entry(r, RECOMMENDED, time, s, n);
  } else if (begins(&s, &n, "[ERROR-REFERENCE] Id=") && r->last) {
    set(r, &r->log->run.v[r->last - 1].component, s, until(s, n, " "));
  }
}

/* "[Rule:Token] [Message:text]" */
static void failed_rule(struct reader *r, const char *time, const char *s, size_t n) {
  size_t token = until(s, n, "]");
  keep(r->rule, s, token);
  s += token;
  n -= token;
  if (!begins(&s, &n, "] [Message:")) return;
  begin_entry(r, FAILED_RULE, time, s, n && s[n - 1] == ']' ? n - 1 : n);
}

static struct uh_setup_finding *of_rule(struct uh_setup_run *run, const char *rule) {
  for (size_t i = 0; i < run->n; i++)
    if (run->v[i].found == UH_SETUP_RULE && strcasecmp(run->v[i].rule, rule) == 0) return &run->v[i];
  return NULL;
}

/* "http://.../ms.exch.setupreadiness.Token.aspx" names the rule, also where nothing else did. */
static void help_address(struct reader *r, const char *s, size_t n) {
  static const char before[] = "setupreadiness.";
  struct uh_setup_run *run = &r->log->run;
  char rule[NAME_KEPT];
  size_t at = until(s, n, before);
  if (!r->last || run->v[r->last - 1].found != UH_SETUP_RULE || at == n) return;
  const char *token = s + at + sizeof before - 1;
  keep(rule, token, until(token, (size_t)(s + n - token), ".aspx"));
  struct uh_setup_finding *f = of_rule(run, rule);
  if (!f) f = &run->v[r->last - 1];
  if (!*f->help) set(r, &f->help, s, n);
  if (!*f->rule) set(r, &f->rule, rule, strlen(rule));
}

static void quoted(char place[NAME_KEPT], const char *s, size_t n) {
  if (n && *s == '"') s++, n--;
  keep(place, s, until(s, n, "\""));
}

static void about_run(struct reader *r, const char *s, size_t n) {
  struct uh_setup_run *run = &r->log->run;
  if (begins(&s, &n, "Setup version: ")) {
    set(r, &run->version, s, n && s[n - 1] == '.' ? n - 1 : n);
  } else if (begins(&s, &n, "Setup is stopping now because of one or more critical errors")) {
    r->said = STOPS;
  } else if (begins(&s, &n, "Command Line Parameter Name='mode', Value='")) {
    set(r, &run->mode, s, until(s, n, "'"));
  } else if (begins(&s, &n, "Evaluated [Setting:ComputerNameDnsFullyQualified] [HasException:False] [Value:\"")) {
    set(r, &run->server, s, until(s, n, "\""));
  } else if (begins(&s, &n, "Beginning processing ")) {
    keep(r->cmdlet, s, n);
    r->object[0] = '\0';
  } else if (begins(&s, &n, "Processing object ")) {
    quoted(r->object, s, n);
  } else if (begins(&s, &n, "Help URL: ")) {
    help_address(r, s, n);
  } else if (begins(&s, &n, "The Exchange Server setup operation completed successfully")) {
    r->said = COMPLETE;
  } else if (begins(&s, &n, "The Exchange Server setup operation didn't complete")) {
    r->said = STOPS;
  } else if (begins(&s, &n, "End of Setup")) {
    r->end = true;
  }
}

static void take_line(struct reader *r, const char *line, size_t n) {
  static const char banner[] = "Starting Microsoft Exchange Server ";
  const char *s = line;
  r->log->lines++;
  if (!stamped(line, n, &s, &n)) {
    if (r->entry == NOTHING || r->text.len > SCRIPT_MAX) return;
    uh_str_addc(&r->text, '\n');
    uh_str_addn(&r->text, line, n);
    return;
  }
  if (r->entry != NOTHING) end_entry(r);
  if (n == 0 || r->failed_memory) return;
  if (*s == 'S' && n > sizeof banner && memcmp(s, banner, sizeof banner - 1) == 0) {
    s += sizeof "Starting " - 1;
    n -= sizeof "Starting " - 1;
    begin_run(r, line, s, until(s, n, " Setup"));
    return;
  }
  if (r->log->runs == 0) { /* the log's beginning was cut off, or this is the rule above the name */
    if (*s == '*') return;
    begin_run(r, line, "", 0);
  }
  if (!r->keeping) return;
  r->log->run.last_line = r->log->lines;
  if (*s == '[')
    bracketed(r, line, s, n);
  else if (*s == 'F' && begins(&s, &n, "Failed [Rule:"))
    failed_rule(r, line, s, n);
  else if (strchr("SCEBPHT", *s))
    about_run(r, s, n);
  if (r->end && !r->log->run.ended) set(r, &r->log->run.ended, line + 1, STAMP - 2);
}

/* ---- the whole file ---- */

static void reader_clear(struct reader *r) {
  uh_lines_close(&r->lines);
  uh_str_clear(&r->text);
  (void)uh_setup_log_free(r->log);
}

/* What a person needs when nothing was ever said: an empty text. */
static void fill_empty(struct reader *r) {
  struct uh_setup_run *run = &r->log->run;
  char **const texts[] = {&run->product, &run->version, &run->mode, &run->server, &run->began, &run->ended};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (!*texts[i]) *texts[i] = copy(r, "", 0);
}

static int no_log(const char *path, struct uh_err *err) {
  (void)uh_fail(err, UH_ERR_DATA,
                "no log of Exchange Setup: no line begins as its lines do, [03/08/2021 20:21:50.0785] [1]");
  uh_err_where(err, "%s", path);
  uh_err_remedy(err, "it is C:\\ExchangeSetupLogs\\ExchangeSetup.log on the server");
  return -1;
}

/* That it ended is not that it is done: it ends where it is cancelled, too. */
static enum uh_setup_outcome outcome_of(const struct reader *r) {
  const struct uh_setup_run *run = &r->log->run;
  if (r->said == COMPLETE) return UH_SETUP_DONE;
  if (r->said == STOPS) return UH_SETUP_FAILED;
  for (size_t i = 0; r->end && i < run->n; i++)
    if (run->v[i].found == UH_SETUP_ERROR) return UH_SETUP_FAILED;
  return UH_SETUP_UNFINISHED;
}

static int finish(struct reader *r, const char *path, struct uh_err *err) {
  end_entry(r);
  fill_empty(r);
  if (r->failed_memory || r->text.failed) return uh_fail_nomem(err);
  if (r->log->runs == 0) return no_log(path, err);
  if (r->wanted > r->log->runs) {
    (void)uh_fail(err, UH_ERR_USAGE, "the log holds %lld runs of Setup, there is no run %lld", (long long)r->log->runs,
                  (long long)r->wanted);
    uh_err_where(err, "%s", path);
    return -1;
  }
  struct uh_setup_run *run = &r->log->run;
  run->outcome = outcome_of(r);
  for (size_t i = 0; i < run->n; i++) /* now that rules, mode and server are told, wherever they stood */
    run->v[i].translation = translate(run, run->v[i].rule, run->v[i].text, &run->v[i]);
  return 0;
}

int uh_setup_log_read(const char *path, int64_t number, struct uh_setup_log **ret_log, struct uh_err *err) {
  UH_CLEANUP(reader_clear) struct reader r = {.lines = {.fd = -1}, .wanted = number};
  const char *line;
  size_t n;
  int got;
  r.log = calloc(1, sizeof *r.log);
  if (!r.log) return uh_fail_nomem(err);
  if (uh_lines_open(path, &r.lines, err) < 0) return -1;
  while ((got = uh_lines_next(&r.lines, &line, &n, err)) > 0 && !r.failed_memory) take_line(&r, line, n);
  if (got < 0 || finish(&r, path, err) < 0) return -1;
  *ret_log = UH_TAKE(r.log);
  return 0;
}

struct uh_setup_log *uh_setup_log_free(struct uh_setup_log *log) {
  if (!log) return NULL;
  run_clear(&log->run);
  free(log);
  return NULL;
}

void uh_setup_log_freep(struct uh_setup_log **log) {
  *log = uh_setup_log_free(*log);
}
