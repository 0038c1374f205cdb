/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cancel.h"

#include <signal.h>

static atomic_bool asked; /* a lock-free one may be set in a handler */
static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(int number) {
  (void)number;
  atomic_store(&asked, true);
}

void uh_cancel_catch(bool on) {
  struct sigaction action = {.sa_handler = on ? on_signal : SIG_DFL, .sa_flags = on ? (int)SA_RESETHAND : 0};
  (void)sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    struct sigaction before;
    if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN && signals[i] == SIGHUP)
      continue; /* nohup */
    (void)sigaction(signals[i], &action, NULL);
  }
}

bool uh_cancel_asked(void *unused) {
  (void)unused;
  return atomic_load(&asked);
}

const atomic_bool *uh_cancel_flag(void) {
  return &asked;
}
