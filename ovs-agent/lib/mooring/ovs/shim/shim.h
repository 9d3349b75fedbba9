/* Opaque C API over libopenvswitch 3.1, its only user. Its headers cannot be compiled as C++ (struct members called
 * `new` and `class`, GNU C idioms), so nothing of them shows here.
 *
 * Strings that a function returns are the caller's: mo_free(). An error is such a string; NULL means success.
 * Threading: one connection object belongs to one thread; parsing may run on any thread after mo_initialise(). */
#ifndef MOORING_OVS_SHIM_H
#define MOORING_OVS_SHIM_H 1

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* While the process has one thread. Repeated calls do nothing. */
void mo_initialise(const char* program);
void mo_free(void*);

/* The poll loop of the calling thread: say what to wait for, then block. Connections add their own conditions. */
void mo_wake_on_fd(int fd);
void mo_wake_in(long long milliseconds);
void mo_wake_now(void);
void mo_block(void);

typedef struct {
  const char *key, *value;
} mo_pair;

#ifdef __cplusplus
}
#endif
#endif
