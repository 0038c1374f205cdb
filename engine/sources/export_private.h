/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UH_EXPORT_PRIVATE_H
#define UH_EXPORT_PRIVATE_H
/*
 * Exported files: one per cmdlet. What a file's name says stands in export_name.c, what is in it is read by
 * export_clixml.c and export_json.c, and what it amounts to is decided in export.c.
 */
#include <unhybrid/base.h>
#include <unhybrid/text.h>

#include "case/facts.h"
#include "sources/exchange_record.h"
#include "sources/source.h"
#include "wire/clixml.h"

enum { EXPORT_LISTING_MAX = 128, EXPORT_TOLD_EVERY = 1000 };

/* What a file's name says: "Get-Mailbox.Archive+Unlimited.xml". */
struct export_name {
  const char *noun;                 /* of the table, "Mailbox" */
  char listing[EXPORT_LISTING_MAX]; /* switches that choose what is listed, comma separated: "Archive" */
  bool unlimited;                   /* "Unlimited": -ResultSize Unlimited was asked for */
  bool cut_at_1000;                 /* the cmdlet has -ResultSize */
  bool json;
};
/* false: the name is that of no cmdlet that exists on this side; ret_why says so. */
bool export_name_parse(const char *file, bool cloud, struct export_name *ret, const char **ret_why);

/* Properties that PowerShell adds on the way, not Exchange's. */
bool export_is_noise(const char *property);

/* Reading one file: where it stands and what was found wrong with it. */
struct export_file {
  struct uh_observe *observe;
  const char *path; /* for messages */
  const struct export_name *name;
  struct uh_record_writer *writer;
  const char *UH_NULLABLE server; /* that was asked for what each server has its own of: told as Server */
  int64_t objects, told;
  unsigned warnings; /* that became notices */
  char lacking[512]; /* why the set is not complete though the file could be read; '' */
  bool cannot_write; /* the facts file is broken: stop everything */
};
void export_lacks(struct export_file *f, const char *fmt, ...) UH_PRINTF(2, 3); /* the first reason stays */
/* A warning or error that the cmdlet gave when the file was made. */
void export_warning(struct export_file *f, const char *text, size_t n, bool error);
int export_record_end(struct export_file *f, struct uh_err *err); /* uh_record_end and counting */

/* Both take pieces of the file in order; -1: broken from here on, err.what begins with the line. */
struct export_clixml;
int export_clixml_open(struct export_file *f, struct export_clixml **ret, struct uh_err *err);
int export_clixml_feed(struct export_clixml *x, const void *data, size_t n, struct uh_err *err);
int export_clixml_finish(struct export_clixml *x, struct uh_err *err);
/* The same for objects that come one by one, without a file (remote PowerShell); path then names the cmdlet. */
int export_clixml_begin(struct export_file *f, struct export_clixml **ret, struct uh_err *err);
int export_clixml_put(struct export_clixml *x, const struct uh_clixml_value *object, struct uh_err *err);
void export_clixml_freep(struct export_clixml **x);
struct export_json;
int export_json_open(struct export_file *f, struct export_json **ret, struct uh_err *err);
int export_json_feed(struct export_json *x, const void *data, size_t n, struct uh_err *err);
int export_json_finish(struct export_json *x, struct uh_err *err);
void export_json_freep(struct export_json **x);
#endif
