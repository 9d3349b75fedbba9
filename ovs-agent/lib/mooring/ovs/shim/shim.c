/* clang-format off: it decides what the system headers declare, so it comes first */
#include <config.h>
/* clang-format on */

#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "fatal-signal.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "shim.h"
#include "util.h"

void mo_initialise(const char* program) {
  static const int taken[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGSEGV};
  static bool done;
  if (done) {
    return;
  }
  done = true;
  ovs_set_program_name(program, "");
  vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
  /* fatal_signal_init() takes every fatal signal whose disposition is the default; the host program keeps its own. */
  struct sigaction before[ARRAY_SIZE(taken)];
  for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
    sigaction(taken[i], NULL, &before[i]);
  }
  fatal_signal_init();
  for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
    sigaction(taken[i], &before[i], NULL);
  }
}

void mo_free(void* memory) {
  free(memory);
}

void mo_wake_on_fd(int fd) {
  poll_fd_wait(fd, POLLIN);
}

void mo_wake_in(long long milliseconds) {
  poll_timer_wait(milliseconds);
}

void mo_wake_now(void) {
  poll_immediate_wake();
}

void mo_block(void) {
  poll_block();
}
