/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the journal is beside the disk: sync_rate DIRECTORY RECORDS. Writes records to a journal in the directory,
 * then the same number of 4 KiB blocks to a file with fdatasync after each, in rounds that take turns. Prints one line:
 * records per second, blocks per second, syncs of each record.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "case/journal.h"

enum { ROUNDS = 5, BLOCK = 4096 };

static long syncs;

/* In place of libc's, also for SQLite: counted, then done. */
int fsync(int fd) {
  syncs++;
  return (int)syscall(SYS_fsync, fd);
}
int fdatasync(int fd) {
  syncs++;
  return (int)syscall(SYS_fdatasync, fd);
}

static double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double write_records(struct uh_journal *journal, long n) {
  struct uh_err err = UH_ERR_INIT;
  double began = now();
  for (long i = 0; i < n; i++) {
    struct uh_record r = {.at = 1800000000 + i,
                          .type = UH_RECORD_APPLIED,
                          .action = "C-02/1",
                          .body = "{\"request\":\"4f1d\",\"outcome\":\"applied\"}"};
    if (uh_journal_append(journal, &r, &err) == 0) continue;
    fprintf(stderr, "%s\n", err.what);
    exit(1);
  }
  return now() - began;
}

static double write_blocks(int fd, long n) {
  static const char block[BLOCK] = {1};
  double began = now();
  for (long i = 0; i < n; i++)
    if (write(fd, block, sizeof block) != BLOCK || syscall(SYS_fdatasync, fd) < 0) {
      perror("write");
      exit(1);
    }
  return now() - began;
}

int main(int argc, char **argv) {
  struct uh_err err = UH_ERR_INIT;
  struct uh_journal *journal = NULL;
  char path[4096];
  if (argc != 3) return 64;
  long n = strtol(argv[2], NULL, 10) / ROUNDS;
  struct uh_journal_options options = {.dir = argv[1], .create = true};
  snprintf(path, sizeof path, "%s/blocks", argv[1]);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (n < 1 || fd < 0 || uh_journal_open(&options, &journal, &err) < 0) {
    fprintf(stderr, "%s\n", err.what);
    return 1;
  }
  syncs = 0;
  double records = 0, blocks = 0;
  for (int i = 0; i < ROUNDS; i++) {
    records += write_records(journal, n);
    blocks += write_blocks(fd, n);
  }
  printf("%.1f %.1f %.2f\n", (double)(n * ROUNDS) / records, (double)(n * ROUNDS) / blocks,
         (double)syncs / (double)(n * ROUNDS));
  uh_journal_free(journal);
  (void)close(fd);
  return 0;
}
