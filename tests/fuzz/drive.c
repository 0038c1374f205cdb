/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target on files, and on the files of directories, without libFuzzer: the corpus as an ordinary test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static unsigned run_file(const char *path) {
  static uint8_t data[FILE_MAX];
  FILE *f = fopen(path, "rb");
  if (!f) return 0;
  size_t n = fread(data, 1, sizeof data, f);
  (void)fclose(f);
  (void)LLVMFuzzerTestOneInput(data, n);
  return 1;
}

static unsigned run(const char *path) {
  struct stat st;
  char file[4096];
  unsigned count = 0;
  if (stat(path, &st)) return 0;
  if (!S_ISDIR(st.st_mode)) return run_file(path);
  DIR *dir = opendir(path);
  for (struct dirent *e; dir && (e = readdir(dir));) {
    if (e->d_name[0] == '.') continue;
    if (snprintf(file, sizeof file, "%s/%s", path, e->d_name) < (int)sizeof file) count += run_file(file);
  }
  if (dir) (void)closedir(dir);
  return count;
}

int main(int argc, char **argv) {
  unsigned count = 0;
  for (int i = 1; i < argc; i++) count += run(argv[i]);
  (void)printf("%u inputs\n", count);
  return count ? 0 : 1;
}
