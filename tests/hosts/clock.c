/* Preloaded into a host: the time of day is the number in the file $COUNTERSIGN_CLOCK, which a test writes (clock.py).
 *
 * libfaketime cannot do it: it opens a file and allocates at each question. Envoy's allocator asks for the time while it starts, and
 * nginx asks in its signal handlers; either can wait for itself for ever. This reads shared memory and calls nothing that allocates.
 * Monotonic clocks stay as they are, so that the host's timers run. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *seconds;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("COUNTERSIGN_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *seconds, PROT_READ, MAP_SHARED, file, 0);
  /* A test that set a clock must not run by the machine's. */
  if (mapped == MAP_FAILED) abort();
  close(file);
  seconds = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
  if (seconds == NULL || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
    return (int)syscall(SYS_clock_gettime, clock, out);
  out->tv_sec = *seconds;
  out->tv_nsec = 0;
  return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}
